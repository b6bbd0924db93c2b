//! Looks at the chain from one node and notes when it sees what: CTPs in the pool, CTPs in the
//! database of a final block, transactions and settlements in blocks of the best chain, finality.
//!
//! All ways of trading are timed by the same follower, at the producer's node. Time is taken when the
//! node tells of a block, before its body is asked for. Whoever waits is woken once, by what it waits
//! for, so that thousands of trades under way cost little.

use super::{error::Result, EvaluationError};
use codec::{Compact, Decode, Encode};
use futures::future::try_join_all;
use sp_runtime::traits::Hash as _;
use spb_client::connection::{
	Connection, ConnectionError, CtpFilter, Hash, Head, Stage, Stall, Status,
};
use spb_primitives::{BlockNumber, CtpId, Hashing};
use std::{
	collections::{BTreeMap, HashMap},
	sync::{Arc, Mutex, MutexGuard, PoisonError},
	time::{Duration, Instant},
};
use subxt::rpcs::client::{rpc_params, RpcSubscription};
use tokio::{
	sync::{oneshot, watch, Semaphore},
	task::JoinHandle,
	time::timeout,
};

/// How long anything may take that a trade waits for.
const LIMIT: Duration = Duration::from_secs(600);
/// How long a subscription may be silent before the node itself is asked.
const SILENCE: Duration = Duration::from_secs(10);
/// How long to wait before asking for what no event has told. Long, because asking costs the node.
const ASK: Duration = Duration::from_secs(30);
/// How many ask the node at once: when a subscription ends, thousands may wait.
const ASKING: usize = 8;

/// What can be waited for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum What {
	/// A CTP is at the node: pending in its pool, or in a block already.
	Noticed(CtpId),
	/// A CTP is in the database of a block of the best chain.
	Opened(CtpId),
	/// A CTP is in the database of a final block.
	Safe(CtpId),
	/// A CTP has settled in a block of the best chain.
	Settled(CtpId),
	/// A transaction is in a block of the best chain.
	Included(Hash),
}

/// When and where something was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sight {
	/// When.
	pub at: Instant,
	/// In which block, if in one.
	pub block: Option<Head>,
}

/// A block of the best chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeenBlock {
	/// Which.
	pub head: Head,
	/// When the node told of it.
	pub at: Instant,
	/// Bytes of its encoded header.
	pub header_bytes: usize,
	/// Hash and bytes of each signed transaction.
	pub transactions: Vec<(Hash, usize)>,
	/// Bytes of the inherents without the seal.
	pub inherent_bytes: usize,
	/// Bytes of the extrinsic with the seal.
	pub seal_bytes: usize,
	/// What it settles.
	pub settled: Vec<CtpId>,
}

#[derive(Default)]
struct Seen {
	notes: HashMap<What, Sight>,
	waiting: HashMap<What, Vec<oneshot::Sender<()>>>,
	blocks: BTreeMap<BlockNumber, SeenBlock>,
	/// Blocks up to this one are not looked at any more.
	from: BlockNumber,
	/// When the last final block had at least this number.
	finals: Vec<(BlockNumber, Instant)>,
	failure: Option<String>,
}

impl Seen {
	fn note(&mut self, what: What, sight: Sight) {
		self.notes.entry(what).or_insert(sight);
		for waiter in self.waiting.remove(&what).unwrap_or_default() {
			// Who has stopped waiting is not told.
			let _ = waiter.send(());
		}
	}

	/// Takes in a block of the best chain, and lets go of those in whose place it stands.
	fn take(&mut self, block: SeenBlock) {
		let gone = self.blocks.split_off(&block.head.number);
		for (_, block) in gone {
			for what in noted_by(&block) {
				self.notes.remove(&what);
			}
		}
		let sight = Sight { at: block.at, block: Some(block.head) };
		for what in noted_by(&block) {
			self.note(what, sight);
		}
		self.blocks.insert(block.head.number, block);
	}
}

/// What is seen with a block.
fn noted_by(block: &SeenBlock) -> Vec<What> {
	let included = block.transactions.iter().map(|(hash, _)| What::Included(*hash));
	let settled = block.settled.iter().map(|id| What::Settled(*id));
	included.chain(settled).collect()
}

/// Looks at the chain until it is dropped.
pub struct Follower {
	connection: Connection,
	seen: Arc<Mutex<Seen>>,
	finality: watch::Sender<BlockNumber>,
	best: watch::Sender<BlockNumber>,
	/// Whose turn it is to ask the node.
	turns: Semaphore,
	tasks: Vec<JoinHandle<()>>,
}

impl Drop for Follower {
	fn drop(&mut self) {
		for task in &self.tasks {
			task.abort();
		}
	}
}

impl Follower {
	/// Begins after the best block of this node.
	pub async fn start(connection: Connection) -> Result<Self> {
		let from = connection.best().await?.number;
		let seen = Arc::new(Mutex::new(Seen { from, ..Seen::default() }));
		let (finality, best) = (watch::Sender::new(0), watch::Sender::new(from));
		let (turns, tasks) = (Semaphore::new(ASKING), Vec::new());
		let mut follower = Self { connection, seen, finality, best, turns, tasks };
		let watcher = |part| Watcher {
			connection: follower.connection.clone(),
			seen: follower.seen.clone(),
			finality: follower.finality.clone(),
			best: follower.best.clone(),
			part,
		};
		let watchers = [Part::Blocks, Part::Finality, Part::Ctps].map(watcher);
		follower.tasks = watchers.into_iter().map(|watcher| tokio::spawn(watcher.run())).collect();
		Ok(follower)
	}

	fn seen(&self) -> MutexGuard<'_, Seen> {
		lock(&self.seen)
	}

	/// When something was seen, if it was and no fork has taken it away.
	pub fn sight(&self, what: What) -> Option<Sight> {
		self.seen().notes.get(&what).copied()
	}

	/// Waits until something is seen.
	pub async fn until(&self, what: What) -> Result<Sight> {
		let waited = async {
			loop {
				let waiter = {
					let mut seen = self.seen();
					if let Some(failure) = &seen.failure {
						return Err(EvaluationError::Blind(failure.clone()));
					}
					if let Some(sight) = seen.notes.get(&what) {
						return Ok(*sight);
					}
					let (sender, waiter) = oneshot::channel();
					seen.waiting.entry(what).or_default().push(sender);
					waiter
				};
				// It goes without a word where events may have been missed.
				if !matches!(timeout(ASK, waiter).await, Ok(Ok(()))) {
					self.ask(what).await?;
				}
			}
		};
		let late = || EvaluationError::TimedOut { what: format!("{what:?}"), limit: LIMIT };
		timeout(LIMIT, waited).await.map_err(|_| late())?
	}

	/// Asks the node for what events may have told while no one listened: in turn with others, and
	/// only if it was not told meanwhile. In which block it was is not known then.
	async fn ask(&self, what: What) -> Result<()> {
		if matches!(what, What::Settled(_) | What::Included(_)) {
			// They are read from blocks, of which none is missed.
			return Ok(());
		}
		// It is never closed.
		let _turn = self.turns.acquire().await.map_err(|_| EvaluationError::Interrupted)?;
		if self.sight(what).is_some() {
			return Ok(());
		}
		let (id, at) = match what {
			What::Noticed(id) | What::Opened(id) => (id, None),
			What::Safe(id) => (id, Some(self.connection.finalized().await?.hash)),
			What::Settled(_) | What::Included(_) => return Ok(()),
		};
		let status = self.connection.ctp(&id, at).await?.status;
		let is_there = match what {
			What::Noticed(_) => status != Status::Unknown,
			_ => matches!(status, Status::Open | Status::Settled),
		};
		if is_there {
			self.seen().note(what, Sight { at: Instant::now(), block: None });
		}
		Ok(())
	}

	/// Waits until a block of this number is final.
	pub async fn until_final(&self, number: BlockNumber) -> Result<()> {
		self.until_number(&self.finality, number, "finality").await
	}

	/// Waits until the best chain has a block of this number.
	pub async fn until_best(&self, number: BlockNumber) -> Result<()> {
		self.until_number(&self.best, number, "a block").await
	}

	/// Waits until payments are in final blocks, also those that a fork takes away at first. The
	/// number of the last of these blocks.
	pub async fn until_all_final(&self, payments: &[What]) -> Result<BlockNumber> {
		loop {
			let seen = try_join_all(payments.iter().map(|payment| self.until(*payment))).await?;
			let numbers = seen.iter().filter_map(|sight| Some(sight.block?.number));
			let last = numbers.max().unwrap_or_default();
			self.until_final(last).await?;
			let is_there = |payment: &What| {
				self.sight(*payment)
					.and_then(|sight| sight.block)
					.is_some_and(|block| block.number <= last)
			};
			if payments.iter().all(is_there) {
				return Ok(last);
			}
		}
	}

	async fn until_number(
		&self,
		watched: &watch::Sender<BlockNumber>,
		number: BlockNumber,
		what: &str,
	) -> Result<()> {
		let mut watched = watched.subscribe();
		let reached = watched.wait_for(|now| *now >= number);
		let late = || {
			let seen = self.seen();
			match &seen.failure {
				Some(failure) => EvaluationError::Blind(failure.clone()),
				None => {
					EvaluationError::TimedOut { what: format!("{what} ({number})"), limit: LIMIT }
				},
			}
		};
		let in_time = timeout(LIMIT, reached).await.is_ok_and(|reached| reached.is_ok());
		if in_time {
			Ok(())
		} else {
			Err(late())
		}
	}

	/// The best block.
	pub fn best(&self) -> BlockNumber {
		*self.best.borrow()
	}

	/// When the block of this number had become final.
	pub fn final_at(&self, number: BlockNumber) -> Option<Instant> {
		let seen = self.seen();
		seen.finals.iter().find(|(last, _)| *last >= number).map(|(_, at)| *at)
	}

	/// The blocks of the best chain after the first of these numbers, up to the second one.
	pub fn blocks(&self, after: BlockNumber, up_to: BlockNumber) -> Vec<SeenBlock> {
		if up_to <= after {
			return Vec::new();
		}
		let seen = self.seen();
		seen.blocks.range(after.saturating_add(1)..=up_to).map(|(_, block)| block.clone()).collect()
	}

	/// Forgets what was seen up to this block, so that memory does not grow with the trades.
	pub fn forget(&self, up_to: BlockNumber) {
		let mut seen = self.seen();
		seen.from = seen.from.max(up_to);
		seen.blocks = seen.blocks.split_off(&up_to.saturating_add(1));
		seen.notes.retain(|_, sight| sight.block.is_some_and(|block| block.number > up_to));
		seen.finals.retain(|(number, _)| *number > up_to);
	}
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
	// Notes are made whole, so what a panicking thread left is sound.
	seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What one task looks at.
#[derive(Clone, Copy, Debug)]
enum Part {
	Blocks,
	Finality,
	Ctps,
}

struct Watcher {
	connection: Connection,
	seen: Arc<Mutex<Seen>>,
	finality: watch::Sender<BlockNumber>,
	best: watch::Sender<BlockNumber>,
	part: Part,
}

impl Watcher {
	async fn run(self) {
		let ended = match self.part {
			Part::Blocks => self.watch_blocks().await,
			Part::Finality => self.watch_finality().await,
			Part::Ctps => self.watch_ctps().await,
		};
		if let Err(error) = ended {
			let mut seen = lock(&self.seen);
			seen.failure = Some(error.to_string());
			// They look again and find the failure.
			seen.waiting.clear();
		}
	}

	async fn watch_blocks(&self) -> Result<(), ConnectionError> {
		let mut heads = self.connection.heads(Stall::default());
		loop {
			let head = heads.next().await?;
			let at = Instant::now();
			for (head, header_bytes) in self.way_to(head).await? {
				let block = self.look_at(head, at, header_bytes).await?;
				lock(&self.seen).take(block);
			}
			self.best.send_replace(head.number);
		}
	}

	/// The blocks to a new best one that were not seen yet, in order, with the bytes of their headers.
	async fn way_to(&self, best: Head) -> Result<Vec<(Head, usize)>, ConnectionError> {
		let mut way = Vec::new();
		let mut block = best;
		loop {
			{
				let seen = lock(&self.seen);
				let known = seen.blocks.get(&block.number).map(|block| block.head.hash);
				if block.number <= seen.from || known == Some(block.hash) {
					break;
				}
			}
			let header = self.connection.header(block.hash).await?;
			way.push((block, header.encoded_size()));
			block = Head { number: block.number - 1, hash: header.parent_hash };
		}
		way.reverse();
		Ok(way)
	}

	async fn look_at(
		&self,
		head: Head,
		at: Instant,
		header_bytes: usize,
	) -> Result<SeenBlock, ConnectionError> {
		let body = self.connection.body(head.hash).await?;
		let mut block = SeenBlock {
			head,
			at,
			header_bytes,
			transactions: Vec::new(),
			inherent_bytes: 0,
			seal_bytes: 0,
			settled: Vec::new(),
		};
		let view = self.connection.view(head).await?;
		for extrinsic in body {
			let bytes = extrinsic.len();
			if !is_bare(&extrinsic) {
				block.transactions.push((Hashing::hash(&extrinsic), bytes));
				continue;
			}
			match &view.seals(vec![extrinsic]).await?[..] {
				[] => block.inherent_bytes += bytes,
				seals => {
					block.seal_bytes += bytes;
					let genesis = self.connection.genesis();
					let settled = seals.iter().flat_map(|seal| &seal.settlements);
					block.settled.extend(settled.map(|trade| CtpId::of(&trade.ctp.ctp, &genesis)));
				},
			}
		}
		Ok(block)
	}

	async fn watch_finality(&self) -> Result<(), ConnectionError> {
		let (begin, end) = ("chain_subscribeFinalizedHeads", "chain_unsubscribeFinalizedHeads");
		loop {
			let mut news: RpcSubscription<serde_json::Value> =
				self.connection.subscribe(begin, rpc_params![], end).await?;
			loop {
				let at = Instant::now();
				let last = self.connection.finalized().await?.number;
				if last > *self.finality.borrow() {
					lock(&self.seen).finals.push((last, at));
					self.finality.send_replace(last);
				}
				// A subscription can fall silent without ending.
				if let Ok(None | Some(Err(_))) = timeout(SILENCE, news.next()).await {
					break;
				}
			}
		}
	}

	async fn watch_ctps(&self) -> Result<(), ConnectionError> {
		loop {
			let mut events = self.connection.ctp_events(CtpFilter::default()).await?;
			// A subscription ends where it is read too slowly; those who wait ask.
			let is_told = |what: &What| matches!(what, What::Settled(_) | What::Included(_));
			lock(&self.seen).waiting.retain(|what, _| is_told(what));
			while let Some(Ok(event)) = events.next().await {
				let sight = Sight { at: Instant::now(), block: event.block };
				let mut seen = lock(&self.seen);
				seen.note(What::Noticed(event.id), Sight { block: None, ..sight });
				match event.event {
					Stage::Open => seen.note(What::Opened(event.id), sight),
					Stage::Final => seen.note(What::Safe(event.id), Sight { block: None, ..sight }),
					Stage::Pending | Stage::Settled | Stage::Expired => {},
				}
			}
		}
	}
}

/// Whether an encoded extrinsic is unsigned: after its length comes its version, whose two highest
/// bits say of what kind it is.
fn is_bare(extrinsic: &[u8]) -> bool {
	let mut rest = extrinsic;
	let is_long = Compact::<u32>::decode(&mut rest).is_ok();
	is_long && rest.first().is_some_and(|version| version & 0b1100_0000 == 0)
}

#[cfg(test)]
mod tests;
