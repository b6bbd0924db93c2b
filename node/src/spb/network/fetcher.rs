//! Fetches sidecars by hash from whichever peer has them.
//!
//! Everyone who wants a sidecar says so here; each is asked for once at a time, however many want
//! it. A peer gets one request at a time with many hashes. Who has not got a sidecar is asked again
//! after a while, longer each time; who is slow loses the sidecar to another peer; who sends other
//! bytes loses standing. What has come is held by [`Sidecars`], like what the node prepares itself.
//!
//! Sidecars of a batch that sync brings are fetched ahead, as far as they may be held in memory.
//! What the import of a block waits for goes first, then what an announcement waits for: anyone can
//! announce blocks that are none, so announcements have a share of the table of their own, where an
//! older one that nobody waits for any more makes room for a new one.

mod state;

use super::{
	super::{
		metrics::Metrics,
		sidecars::{hash_of, Sidecars},
		Hash, LOG_TARGET,
	},
	messages::{SidecarAnswer, SidecarRequest, MAX_SIDECARS},
	peers::Peers,
	reputation, SIDECAR,
};
use codec::Encode;
use futures::{
	channel::oneshot, future::BoxFuture, stream::FuturesUnordered, FutureExt, StreamExt,
};
use parking_lot::Mutex;
use sc_client_api::AuxStore;
use sc_network::{request_responses::RequestFailure, PeerId, ProtocolName};
use state::{State, Waiter};
use std::{
	collections::HashSet,
	sync::{
		atomic::{AtomicBool, Ordering},
		Arc,
	},
	time::{Duration, Instant},
};
use tokio::sync::Notify;

/// Sidecars wanted at once.
const MAX_WANTS: usize = 2_048;
/// Those of them that only announcements name. Sync validates no more than a few hundred of these at a
/// time, so others can always go.
const MAX_ANNOUNCED: usize = 1_024;
/// After so many requests that failed a peer counts as not having a sidecar, for those who do not wait.
const FAILED_TRIES: u32 = 3;
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
	/// How long a peer that did not answer when it was last asked keeps those waiting who ask for one
	/// round.
	pub round: Duration,
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
		round: Duration::from_secs(2),
		pause: Duration::from_millis(50),
		linger: Duration::from_secs(30),
	};
}

/// How long to ask for a sidecar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Patience {
	/// Until it comes or the bound is over.
	Bound,
	/// No longer than until every peer that answers has said that it has not got it.
	OneRound,
}

/// Shows a wait in the metrics as long as it lasts, also where no one waits to its end.
struct Waits<'a>(&'a Metrics);

impl<'a> Waits<'a> {
	fn begin(metrics: &'a Metrics) -> Self {
		metrics.sidecars_waiting.inc();
		Self(metrics)
	}
}

impl Drop for Waits<'_> {
	fn drop(&mut self) {
		self.0.sidecars_waiting.dec();
	}
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

	/// Asks peers for a sidecar by which a block is judged, within a bound.
	pub async fn fetch(&self, hash: Hash, bound: Duration, patience: Patience) -> Option<Vec<u8>> {
		self.fetch_for(hash, bound, patience, false).await
	}

	/// Asks peers for a sidecar of an announced block, within a bound.
	pub async fn fetch_announced(&self, hash: Hash, bound: Duration) -> Option<Vec<u8>> {
		self.fetch_for(hash, bound, Patience::Bound, true).await
	}

	async fn fetch_for(
		&self,
		hash: Hash,
		bound: Duration,
		patience: Patience,
		announced: bool,
	) -> Option<Vec<u8>> {
		if !self.running.load(Ordering::Relaxed) {
			return None;
		}
		let answer = self.want(hash, bound, patience, announced)?;
		let waits = Waits::begin(&self.metrics);
		let fetched = tokio::time::timeout(bound, answer).await;
		drop(waits);
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
		announced: bool,
	) -> Option<oneshot::Receiver<Option<Vec<u8>>>> {
		let mut state = self.state.lock();
		let known = state.wants.contains_key(&hash);
		if !known && !state.has_room(announced) {
			return None;
		}
		let until = Instant::now() + bound + self.timing.linger;
		let want = state.want(hash, until);
		want.announced = announced && (want.announced || !known);
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
		state.peers.retain(|peer, asked| asked.busy.is_some() || here.contains(peer));
		state.tell_impatient(&here, now, self.timing.round);

		let mut order: Vec<(bool, bool, u64, Hash)> = state
			.wants
			.iter_mut()
			.map(|(hash, want)| (!want.is_urgent(), want.announced, want.order, *hash))
			.collect();
		order.sort_unstable();
		let mut ahead_requests = state.peers.values().filter(|asked| asked.ahead_only).count();
		let room_ahead = state.held_ahead() < AHEAD_BYTES;
		let mut questions = Vec::new();
		state.turn = state.turn.wrapping_add(1);
		for at in 0..connected.len() {
			let peer = connected[(at + state.turn) % connected.len()];
			let asked = state.peers.entry(peer).or_default();
			if asked.busy.is_some() || asked.again.is_some_and(|again| now < again) {
				continue;
			}
			let mut hashes = Vec::new();
			let mut ahead_only = true;
			for (ahead, _, _, hash) in &order {
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
				asked.busy = Some(now);
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
				self.metrics.answer_refused(SIDECAR, &reputation::MALFORMED_ANSWER);
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
					self.state.lock().not_there(hash, peer, !failed, now, &self.timing);
				},
				// It did not fit: anyone may be asked at once.
				None => self.state.lock().free(hash, peer),
			}
		}
		if wrong {
			peers.report(peer, reputation::WRONG_SIDECAR);
			self.metrics.answer_refused(SIDECAR, &reputation::WRONG_SIDECAR);
		}

		let mut state = self.state.lock();
		let asked = state.peers.entry(peer).or_default();
		asked.busy = None;
		asked.ahead_only = false;
		asked.answers = !failed;
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

#[cfg(test)]
pub(crate) mod tests;
