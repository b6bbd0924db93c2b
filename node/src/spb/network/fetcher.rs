//! Fetches sidecars by hash from whichever peer has them.
//!
//! Everyone who wants a sidecar says so here; each is asked for once at a time, however many want
//! it. A peer gets one request at a time with many hashes. Who has not got a sidecar is asked again
//! after a while, longer each time; who is slow loses the sidecar to another peer; who sends other
//! bytes loses standing. What has come is held by [`Sidecars`], like what the node prepares itself.
//!
//! Sidecars of a batch that sync brings are fetched ahead, as far as they may be held in memory.
//! What someone waits for goes first.

use super::{
	super::{
		metrics::Metrics,
		sidecars::{hash_of, Sidecars},
		Hash, LOG_TARGET,
	},
	messages::{SidecarAnswer, SidecarRequest, MAX_SIDECARS},
	peers::Peers,
	reputation,
};
use codec::Encode;
use futures::{
	channel::oneshot, future::BoxFuture, stream::FuturesUnordered, FutureExt, StreamExt,
};
use parking_lot::Mutex;
use sc_client_api::AuxStore;
use sc_network::{request_responses::RequestFailure, PeerId, ProtocolName};
use std::{
	collections::{HashMap, HashSet, VecDeque},
	sync::{
		atomic::{AtomicBool, Ordering},
		Arc,
	},
	time::{Duration, Instant},
};
use tokio::sync::Notify;

/// Sidecars wanted at once.
const MAX_WANTS: usize = 2_048;
/// Sidecars to be fetched ahead; what does not fit is fetched when its block is judged.
const MAX_AHEAD: usize = 4_096;
/// Wants made of those at once, so that what someone waits for is not drowned.
const AHEAD_AT_ONCE: usize = 2 * MAX_SIDECARS;
/// Requests of nothing but them under way at once.
const AHEAD_REQUESTS: usize = 2;
/// Bytes fetched ahead whose blocks are still to be judged: with what is under way, less than what
/// [`Sidecars`] holds.
const AHEAD_BYTES: usize = 24 * 1024 * 1024;

/// How long things take.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
	/// How often wants and peers are looked at while there are wants.
	pub tick: Duration,
	/// After which another peer is asked for what one has not sent yet.
	pub hedge: Duration,
	/// Before a peer that has not got a sidecar, or fails, is asked again; doubled each time.
	pub retry: Duration,
	/// The longest of these.
	pub longest_retry: Duration,
	/// Between two requests to a peer.
	pub pause: Duration,
	/// How long a sidecar is still asked for when no one waits any more, and how long one that was
	/// fetched ahead may wait for its block.
	pub linger: Duration,
}

impl Timing {
	/// Of a running node.
	pub const NODE: Self = Self {
		tick: Duration::from_millis(100),
		hedge: Duration::from_millis(500),
		retry: Duration::from_millis(250),
		longest_retry: Duration::from_secs(4),
		pause: Duration::from_millis(50),
		linger: Duration::from_secs(30),
	};
}

/// How long to ask for a sidecar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Patience {
	/// Until it comes or the bound is over.
	Bound,
	/// No longer than until every peer has said that it has not got it.
	OneRound,
}

struct Waiter {
	tell: oneshot::Sender<Option<Vec<u8>>>,
	patience: Patience,
}

/// What a peer said when it was asked for a sidecar.
struct Said {
	times: u32,
	again: Instant,
}

struct Want {
	order: u64,
	/// When it is given up.
	until: Instant,
	waiting: Vec<Waiter>,
	/// Of peers that have not got it.
	said: HashMap<PeerId, Said>,
	/// Who was asked last, and has not answered.
	asked: Option<(PeerId, Instant)>,
}

impl Want {
	fn new(order: u64, until: Instant) -> Self {
		let (said, asked) = (HashMap::new(), None);
		Self { order, until, waiting: Vec::new(), said, asked }
	}

	/// Whether someone waits for it.
	fn is_urgent(&mut self) -> bool {
		self.waiting.retain(|waiter| !waiter.tell.is_canceled());
		!self.waiting.is_empty()
	}
}

/// A peer that is asked.
#[derive(Default)]
struct Asked {
	busy: bool,
	ahead_only: bool,
	failures: u32,
	again: Option<Instant>,
}

#[derive(Default)]
struct State {
	wants: HashMap<Hash, Want>,
	peers: HashMap<PeerId, Asked>,
	next_order: u64,
	/// To be fetched ahead, in order.
	ahead: VecDeque<Hash>,
	/// Fetched ahead: how large, and when.
	fetched: HashMap<Hash, (usize, Instant)>,
	/// What someone has waited for in vain.
	given_up: HashMap<Hash, Instant>,
	/// Where to begin among the peers.
	turn: usize,
}

/// One request to one peer.
type Question = (PeerId, Vec<Hash>);
/// What came of it.
type Reply = (Question, Result<Vec<u8>, RequestFailure>);

/// Fetches sidecars.
pub struct Fetcher<A> {
	sidecars: Arc<Sidecars<A>>,
	protocol: ProtocolName,
	timing: Timing,
	metrics: Metrics,
	state: Mutex<State>,
	wake: Notify,
	/// Whether there are peers at all: not for a command that only reads the chain.
	running: AtomicBool,
}

impl<A: AuxStore + Send + Sync> Fetcher<A> {
	/// Fetches into `sidecars`, once it runs.
	pub fn new(
		sidecars: Arc<Sidecars<A>>,
		protocol: ProtocolName,
		timing: Timing,
		metrics: Metrics,
	) -> Self {
		Self {
			sidecars,
			protocol,
			timing,
			metrics,
			state: Mutex::default(),
			wake: Notify::new(),
			running: AtomicBool::new(false),
		}
	}

	/// Asks peers for a sidecar, within a bound.
	pub async fn fetch(&self, hash: Hash, bound: Duration, patience: Patience) -> Option<Vec<u8>> {
		if !self.running.load(Ordering::Relaxed) {
			return None;
		}
		let answer = self.want(hash, bound, patience)?;
		self.metrics.sidecars_waiting.inc();
		let fetched = tokio::time::timeout(bound, answer).await;
		self.metrics.sidecars_waiting.dec();
		let fetched = fetched.ok().and_then(Result::ok).flatten();
		if fetched.is_none() {
			self.metrics.sidecars_missed.inc();
			self.state.lock().given_up.insert(hash, Instant::now());
		}
		fetched
	}

	fn want(
		&self,
		hash: Hash,
		bound: Duration,
		patience: Patience,
	) -> Option<oneshot::Receiver<Option<Vec<u8>>>> {
		let mut state = self.state.lock();
		if state.wants.len() >= MAX_WANTS && !state.wants.contains_key(&hash) {
			return None;
		}
		let until = Instant::now() + bound + self.timing.linger;
		let want = state.want(hash, until);
		let (tell, answer) = oneshot::channel();
		want.until = want.until.max(until);
		want.waiting.push(Waiter { tell, patience });
		drop(state);
		self.wake.notify_one();
		Some(answer)
	}

	/// Says which sidecars will be wanted soon, in the order of their blocks.
	pub fn fetch_ahead(&self, hashes: impl IntoIterator<Item = Hash>) {
		if !self.running.load(Ordering::Relaxed) {
			return;
		}
		let mut state = self.state.lock();
		for hash in hashes {
			let known = state.wants.contains_key(&hash) || state.fetched.contains_key(&hash);
			if !known && state.ahead.len() < MAX_AHEAD && !state.ahead.contains(&hash) {
				state.ahead.push_back(hash);
			}
		}
		drop(state);
		self.wake.notify_one();
	}

	/// Says that the block of this sidecar is judged: another may be fetched ahead.
	pub fn taken(&self, hash: &Hash) {
		if self.state.lock().fetched.remove(hash).is_some() {
			self.wake.notify_one();
		}
	}

	/// Whether someone has waited for this sidecar lately, in vain.
	pub fn gave_up(&self, hash: &Hash) -> bool {
		let lately = |at: &Instant| at.elapsed() < self.timing.linger;
		self.state.lock().given_up.get(hash).is_some_and(lately)
	}

	/// Asks `peers` for what is wanted, for ever.
	pub async fn run(self: Arc<Self>, peers: Arc<dyn Peers>) {
		self.running.store(true, Ordering::Relaxed);
		let mut replies: FuturesUnordered<BoxFuture<'static, Reply>> = FuturesUnordered::new();
		let mut tick = tokio::time::interval(self.timing.tick);
		tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
		loop {
			if self.has_wants(Instant::now()) {
				let connected = peers.connected().await;
				for question in self.plan(&connected, Instant::now()) {
					replies.push(self.ask(peers.clone(), question).boxed());
				}
				tokio::select! {
					Some((question, reply)) = replies.next() => self.settle(question, reply, &*peers),
					_ = self.wake.notified() => {},
					_ = tick.tick() => {},
				}
			} else {
				tokio::select! {
					Some((question, reply)) = replies.next() => self.settle(question, reply, &*peers),
					_ = self.wake.notified() => {},
				}
			}
		}
	}

	fn ask(
		&self,
		peers: Arc<dyn Peers>,
		(peer, hashes): Question,
	) -> impl std::future::Future<Output = Reply> + Send + 'static {
		let protocol = self.protocol.clone();
		async move {
			let request = SidecarRequest(hashes.clone()).encode();
			let reply = peers.ask(peer, protocol, request).await;
			((peer, hashes), reply)
		}
	}

	/// Forgets what is over; says whether anything is left to do.
	fn has_wants(&self, now: Instant) -> bool {
		let linger = self.timing.linger;
		let mut state = self.state.lock();
		state.wants.retain(|_, want| now < want.until);
		state.fetched.retain(|_, (_, at)| now < *at + linger);
		state.given_up.retain(|_, at| now < *at + linger);
		state.make_wants(now, linger);
		!state.wants.is_empty()
	}

	/// Whom to ask for what.
	fn plan(&self, connected: &[PeerId], now: Instant) -> Vec<Question> {
		let mut guard = self.state.lock();
		let state = &mut *guard;
		let here: HashSet<_> = connected.iter().copied().collect();
		state.peers.retain(|peer, asked| asked.busy || here.contains(peer));
		state.tell_impatient(&here);

		let mut order: Vec<(bool, u64, Hash)> = state
			.wants
			.iter_mut()
			.map(|(hash, want)| (!want.is_urgent(), want.order, *hash))
			.collect();
		order.sort_unstable();
		let mut ahead_requests = state.peers.values().filter(|asked| asked.ahead_only).count();
		let room_ahead = state.held_ahead() < AHEAD_BYTES;
		let mut questions = Vec::new();
		state.turn = state.turn.wrapping_add(1);
		for at in 0..connected.len() {
			let peer = connected[(at + state.turn) % connected.len()];
			let asked = state.peers.entry(peer).or_default();
			if asked.busy || asked.again.is_some_and(|again| now < again) {
				continue;
			}
			let mut hashes = Vec::new();
			let mut ahead_only = true;
			for (ahead, _, hash) in &order {
				let may_be_ahead = room_ahead && ahead_requests < AHEAD_REQUESTS;
				if hashes.len() == MAX_SIDECARS || (*ahead && !may_be_ahead) {
					break;
				}
				let Some(want) = state.wants.get_mut(hash) else { continue };
				let under_way = want.asked.is_some_and(|(_, at)| now < at + self.timing.hedge);
				let too_early = want.said.get(&peer).is_some_and(|said| now < said.again);
				if under_way || too_early {
					continue;
				}
				want.asked = Some((peer, now));
				ahead_only &= *ahead;
				hashes.push(*hash);
			}
			if !hashes.is_empty() {
				ahead_requests += usize::from(ahead_only);
				asked.busy = true;
				asked.ahead_only = ahead_only;
				questions.push((peer, hashes));
			}
		}
		questions
	}

	fn settle(
		&self,
		(peer, hashes): Question,
		reply: Result<Vec<u8>, RequestFailure>,
		peers: &dyn Peers,
	) {
		let now = Instant::now();
		let read = match &reply {
			Ok(bytes) => SidecarAnswer::read(bytes, hashes.len()).map_err(|error| {
				peers.report(peer, reputation::MALFORMED_ANSWER);
				self.metrics.answer_refused(&reputation::MALFORMED_ANSWER);
				error.to_string()
			}),
			Err(failure) => Err(failure.to_string()),
		};
		let failed = read.is_err();
		let answer = read.unwrap_or_else(|error| {
			log::debug!(target: LOG_TARGET, "No sidecars from peer {peer}: {error}");
			SidecarAnswer(vec![None; hashes.len()])
		});

		let mut wrong = false;
		for (at, hash) in hashes.iter().enumerate() {
			match answer.0.get(at) {
				Some(Some(bytes)) if hash_of(bytes) == *hash => self.came(*hash, bytes, now),
				Some(said) => {
					wrong |= said.is_some();
					self.state.lock().not_there(hash, peer, now, &self.timing);
				},
				// It did not fit: anyone may be asked at once.
				None => self.state.lock().free(hash, peer),
			}
		}
		if wrong {
			peers.report(peer, reputation::WRONG_SIDECAR);
			self.metrics.answer_refused(&reputation::WRONG_SIDECAR);
		}

		let mut state = self.state.lock();
		let asked = state.peers.entry(peer).or_default();
		asked.busy = false;
		asked.ahead_only = false;
		asked.failures = if failed || wrong { asked.failures.saturating_add(1) } else { 0 };
		let pause = match asked.failures {
			0 => self.timing.pause,
			times => self.timing.back_off(times),
		};
		asked.again = Some(now + pause);
	}

	/// A sidecar has come.
	fn came(&self, hash: Hash, bytes: &[u8], now: Instant) {
		let Some(mut want) = self.state.lock().wants.remove(&hash) else { return };
		self.sidecars.hold(bytes.to_vec());
		self.metrics.sidecars_fetched.inc();
		if want.is_urgent() {
			for waiter in want.waiting {
				// Who does not wait any more finds it among those held.
				let _ = waiter.tell.send(Some(bytes.to_vec()));
			}
			return;
		}
		let mut state = self.state.lock();
		if state.given_up.remove(&hash).is_some() {
			self.metrics.sidecars_late.inc();
		}
		state.fetched.insert(hash, (bytes.len(), now));
	}
}

impl Timing {
	/// How long to leave a peer alone after it failed so many times.
	fn back_off(&self, times: u32) -> Duration {
		let doubled = self.retry.saturating_mul(1 << times.saturating_sub(1).min(16));
		doubled.min(self.longest_retry)
	}
}

impl State {
	fn want(&mut self, hash: Hash, until: Instant) -> &mut Want {
		self.next_order += 1;
		let order = self.next_order;
		self.wants.entry(hash).or_insert_with(|| Want::new(order, until))
	}

	/// Makes wants of what is to be fetched ahead, as far as there is room.
	fn make_wants(&mut self, now: Instant, linger: Duration) {
		while self.held_ahead() < AHEAD_BYTES && self.wants.len() < AHEAD_AT_ONCE {
			let Some(hash) = self.ahead.pop_front() else { break };
			self.want(hash, now + linger);
		}
	}

	/// Bytes fetched ahead whose blocks are still to be judged.
	fn held_ahead(&self) -> usize {
		self.fetched.values().map(|(size, _)| size).sum()
	}

	/// A peer has not got a sidecar, or does not say.
	fn not_there(&mut self, hash: &Hash, peer: PeerId, now: Instant, timing: &Timing) {
		self.free(hash, peer);
		let Some(want) = self.wants.get_mut(hash) else { return };
		let said = want.said.entry(peer).or_insert(Said { times: 0, again: now });
		said.times = said.times.saturating_add(1);
		said.again = now + timing.back_off(said.times);
	}

	/// A peer has answered about a sidecar.
	fn free(&mut self, hash: &Hash, peer: PeerId) {
		if let Some(want) = self.wants.get_mut(hash) {
			want.asked.take_if(|(asked, _)| *asked == peer);
		}
	}

	/// Tells those who want to know no more than whether any peer has it.
	fn tell_impatient(&mut self, here: &HashSet<PeerId>) {
		for want in self.wants.values_mut() {
			if here.is_empty() || !here.iter().all(|peer| want.said.contains_key(peer)) {
				continue;
			}
			let (impatient, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut want.waiting)
				.into_iter()
				.partition(|waiter| waiter.patience == Patience::OneRound);
			want.waiting = waiting;
			for waiter in impatient {
				let _ = waiter.tell.send(None);
			}
		}
	}
}

#[cfg(test)]
mod tests;
