//! Fetches whole CTP databases from peers, where this node has not got one that it needs.
//!
//! The import check asks for the database after a block's parent. Beyond that, whenever the one
//! after the best block is missing (after warp sync, or with a lost disk), it is fetched without
//! being asked for, so that the node can author. One peer is asked for all parts of a database: if
//! its root is not the header's, it is clear who sent it. A peer that takes too long loses its turn, and
//! is asked after the others from then on. If no peer has it, the node tries to make it from its own
//! sidecars.
//!
//! What is wanted, and by whom, is in `wants`; how a database comes from one peer, in `fetch`.

mod fetch;
mod wants;

pub use fetch::NotFetched;

use super::{
	super::{
		metrics::Metrics,
		refold::{Refold, RefoldError},
		runtime::{CtpDatabase, DatabaseError},
		Hash, Header, LOG_TARGET,
	},
	fetcher::Patience,
	peers::Peers,
};
use async_trait::async_trait;
use futures::channel::oneshot;
use pallet_spb::{
	database::restore::MAX_PART,
	runtime_api::{NotRestored, RestoreStep, Restoring},
};
use parking_lot::Mutex;
use sc_network::{PeerId, ProtocolName};
use spb_primitives::{DatabaseDigest, Genesis, SignedCtp};
use std::{
	collections::HashSet,
	sync::{
		atomic::{AtomicBool, Ordering},
		Arc,
	},
	time::{Duration, Instant},
};
use tokio::sync::Notify;
use wants::{InVain, Wants};

/// How often the time between two attempts is doubled.
const MAX_DOUBLINGS: u32 = 4;

/// How long things take.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
	/// How long the import of a block waits for a database.
	pub bound: Duration,
	/// Between two parts, so that a server's limits are kept.
	pub pause: Duration,
	/// How often it is looked whether the best block's database is there.
	pub look: Duration,
	/// How long a database is wanted after someone last asked for it.
	pub linger: Duration,
	/// How long one peer may take for a whole database.
	pub whole: Duration,
}

impl Timing {
	/// Of a running node.
	pub const NODE: Self = Self {
		bound: Duration::from_secs(10),
		pause: Duration::from_millis(130),
		look: Duration::from_secs(2),
		linger: Duration::from_secs(60),
		// A million entries in parts of half a megabyte take half a minute of pauses alone.
		whole: Duration::from_secs(300),
	};
}

/// What restoring needs of the runtime and the chain.
pub trait Restore: Send + Sync + 'static {
	/// The best block.
	fn best(&self) -> Hash;
	/// Whether the database after a block is stored.
	fn has(&self, block: Hash) -> Result<bool, DatabaseError>;
	/// A block's header.
	fn header(&self, block: Hash) -> Option<Header>;
	/// Does a step of restoring the database after a block.
	fn step(
		&self,
		header: &Header,
		step: RestoreStep,
	) -> Result<Result<Restoring, NotRestored>, DatabaseError>;
}

impl Restore for CtpDatabase {
	fn best(&self) -> Hash {
		self.best_hash()
	}

	fn has(&self, block: Hash) -> Result<bool, DatabaseError> {
		self.has_database(block)
	}

	fn header(&self, block: Hash) -> Option<Header> {
		self.header(block)
	}

	fn step(
		&self,
		header: &Header,
		step: RestoreStep,
	) -> Result<Result<Restoring, NotRestored>, DatabaseError> {
		self.restore(header, step)
	}
}

/// Where the import check has databases from that are not here.
#[async_trait]
pub trait DatabaseSource: Send + Sync {
	/// Has the database after this block restored, even where a damaged one is here; says whether
	/// that was done within a bound, or in one round of all peers.
	async fn restore(&self, block: Hash, patience: Patience) -> bool;
}

/// Why a database is not restored. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum NotRestoredYet {
	/// The chain's database does not know the block, or not what it says of its database.
	#[error("block {0:?} is not known here, or its header names no database")]
	NoHeader(Hash),
	/// No peer serves it.
	#[error("none of {0} peers serves it")]
	NoPeer(usize),
	/// No peer serves it, and the node's own sidecars do not suffice.
	#[error("none of {peers} peers serves it, and of the node's own sidecars: {refold}")]
	Nowhere {
		/// How many were asked.
		peers: usize,
		/// Why the sidecars do not suffice.
		refold: RefoldError,
	},
	/// The runtime does not take it.
	#[error(transparent)]
	Runtime(#[from] DatabaseError),
	/// The node's own sidecars make another database.
	#[error("what the node's own sidecars make is refused: {0:?}")]
	Refused(NotRestored),
}

/// Restores databases, one at a time.
pub struct Restorer<R> {
	rules: Arc<R>,
	refold: Arc<dyn Refold>,
	protocol: ProtocolName,
	genesis: Genesis,
	timing: Timing,
	metrics: Metrics,
	wants: Mutex<Wants>,
	in_vain: Mutex<InVain>,
	/// Peers that were asked and did not answer, or took too long.
	slow: Mutex<HashSet<PeerId>>,
	wake: Notify,
	running: AtomicBool,
}

impl<R: Restore> Restorer<R> {
	/// Restores with the help of `rules`, once it runs.
	pub fn new(
		rules: Arc<R>,
		refold: Arc<dyn Refold>,
		protocol: ProtocolName,
		genesis: Genesis,
		timing: Timing,
		metrics: Metrics,
	) -> Self {
		let (wake, running) = (Notify::new(), AtomicBool::new(false));
		let (wants, in_vain, slow) = Default::default();
		Self {
			rules,
			refold,
			protocol,
			genesis,
			timing,
			metrics,
			wants,
			in_vain,
			slow,
			wake,
			running,
		}
	}

	/// Restores what is wanted, and what the best block needs, for ever.
	pub async fn run(self: Arc<Self>, peers: Arc<dyn Peers>) {
		self.running.store(true, Ordering::Relaxed);
		let (mut turn, mut failures) = (0, 0u32);
		loop {
			if let Some(block) = self.next(&*peers) {
				turn += 1;
				match self.restore_one(block, &*peers, turn).await {
					Ok(()) => {
						failures = 0;
						self.done(block);
						continue;
					},
					Err(error) => {
						log::warn!(
							target: LOG_TARGET,
							"The CTP database after block {block:?} is not here yet: {error}",
						);
						failures = failures.saturating_add(1);
						self.failed(block);
					},
				}
			}
			// A want may come at any time; what failed is tried again after a while.
			tokio::select! {
				() = self.wake.notified() => {},
				() = tokio::time::sleep(self.timing.look * (1 << failures.min(MAX_DOUBLINGS))) => {},
			}
		}
	}

	/// The next database to restore.
	fn next(&self, peers: &dyn Peers) -> Option<Hash> {
		let wanted = self.wants.lock().first(Instant::now());
		if wanted.is_some() {
			return wanted;
		}
		if peers.is_syncing() {
			return None;
		}
		let best = self.rules.best();
		match self.rules.has(best) {
			Ok(has) => {
				self.metrics.database_missing.set((!has).into());
				(!has).then_some(best)
			},
			Err(error) => {
				log::debug!(target: LOG_TARGET, "No telling whether a database is there: {error}");
				None
			},
		}
	}

	/// A database is there: whoever waits for it hears so.
	fn done(&self, block: Hash) {
		*self.in_vain.lock() = InVain::default();
		self.wants.lock().done(block);
	}

	/// A round has ended with nothing: who waits for one round only hears so.
	fn failed(&self, block: Hash) {
		self.in_vain.lock().count();
		self.wants.lock().failed(block);
	}

	async fn restore_one(
		&self,
		block: Hash,
		peers: &dyn Peers,
		turn: usize,
	) -> Result<(), NotRestoredYet> {
		let header = self.rules.header(block).ok_or(NotRestoredYet::NoHeader(block))?;
		let digest = DatabaseDigest::find(&header.digest).ok_or(NotRestoredYet::NoHeader(block))?;
		let (number, root) = (header.number, digest.database_root);
		if root == Hash::zero() {
			return self.restore_own(&header, Vec::new());
		}
		let connected = peers.connected().await;
		log::info!(
			target: LOG_TARGET,
			"Asking {} peers for the CTP database after block {number} ({block:?})", connected.len(),
		);
		for peer in self.in_turn(&connected, turn) {
			let fetching = self.fetch(peer, &header, root, peers);
			let fetched = tokio::time::timeout(self.timing.whole, fetching).await;
			match fetched.unwrap_or(Err(NotFetched::Late(self.timing.whole))) {
				Ok(count) => {
					self.slow.lock().remove(&peer);
					self.metrics.databases_restored.inc();
					log::info!(
						target: LOG_TARGET,
						"Restored the CTP database after block {number}: {count} open CTPs",
					);
					return Ok(());
				},
				Err(error) => {
					if matches!(error, NotFetched::Late(_) | NotFetched::Request(_)) {
						self.slow.lock().insert(peer);
					}
					log::debug!(
						target: LOG_TARGET,
						"No database after block {number} from peer {peer}: {error}",
					);
				},
			}
		}
		// It takes long: only for what nothing else goes on without.
		if !connected.is_empty() && block != self.rules.best() {
			return Err(NotRestoredYet::NoPeer(connected.len()));
		}
		let own = self.refold.entries(&header);
		let own =
			own.map_err(|refold| NotRestoredYet::Nowhere { peers: connected.len(), refold })?;
		self.restore_own(&header, own)
	}

	/// The peers in the order in which they are asked: each time another one first, and those that
	/// were slow last.
	fn in_turn(&self, connected: &[PeerId], turn: usize) -> Vec<PeerId> {
		let mut slow = self.slow.lock();
		slow.retain(|peer| connected.contains(peer));
		let mut order = connected.to_vec();
		if !order.is_empty() {
			order.rotate_left(turn % connected.len());
		}
		order.sort_by_key(|peer| slow.contains(peer));
		order
	}

	/// Restores from what the node has itself.
	fn restore_own(&self, header: &Header, own: Vec<SignedCtp>) -> Result<(), NotRestoredYet> {
		let count = own.len();
		let parts = own.chunks(MAX_PART).map(|part| RestoreStep::Entries(part.to_vec()));
		for step in [RestoreStep::Begin].into_iter().chain(parts) {
			self.rules.step(header, step)?.map_err(NotRestoredYet::Refused)?;
		}
		while self.rules.step(header, RestoreStep::Finish)?.map_err(NotRestoredYet::Refused)?
			== Restoring::More
		{}
		self.metrics.databases_restored.inc();
		log::info!(
			target: LOG_TARGET,
			"Made the CTP database after block {} from what is stored here: {count} open CTPs",
			header.number,
		);
		Ok(())
	}

	fn want(&self, block: Hash, patience: Patience) -> Option<oneshot::Receiver<bool>> {
		let until = Instant::now() + self.timing.linger;
		let done = self.wants.lock().want(block, until, patience)?;
		self.wake.notify_one();
		Some(done)
	}
}

#[async_trait]
impl<R: Restore> DatabaseSource for Restorer<R> {
	async fn restore(&self, block: Hash, patience: Patience) -> bool {
		if !self.running.load(Ordering::Relaxed) {
			return false;
		}
		// Old blocks come one after the other: not each of them waits for a round.
		if patience == Patience::OneRound && self.in_vain.lock().skips() {
			return false;
		}
		let Some(done) = self.want(block, patience) else { return false };
		let done = tokio::time::timeout(self.timing.bound, done).await;
		if done.is_err() && patience == Patience::OneRound {
			// A round that takes as long as that is in vain for whoever waits.
			self.in_vain.lock().count();
		}
		matches!(done, Ok(Ok(true)))
	}
}

#[cfg(test)]
mod tests;
