//! What becomes of each CTP, told as it happens: pending, open, final, settled, expired.
//!
//! Each event says where a CTP is now. A fork switch therefore tells what the abandoned blocks did
//! once more, in reverse, before it tells what the new ones did. And that a CTP is `final` is told of
//! those that are still open: what has settled or expired meanwhile is not open again.

use super::{metrics::Metrics, runtime::CtpDatabase, Hash, LOG_TARGET};
use futures::StreamExt;
use pallet_spb::runtime_api::{BlockChanges, OpenCtp};
use sc_client_api::{BlockchainEvents, HeaderBackend};
use sp_blockchain::{HeaderMetadata, TreeRoute};
use spb_primitives::{BlockNumber, CtpId, Energy, SignedCtp};
use spb_runtime::opaque::Block;
use std::{
	collections::{HashMap, HashSet},
	sync::Arc,
};
use tokio::sync::broadcast;

/// How many blocks' events a subscriber may lag behind before it is closed.
const BUFFER: usize = 64;
/// Blocks that arrive faster than this at once are not told one by one: the node is syncing.
const MAX_ROUTE: usize = 64;

/// Where a CTP is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
	/// It waits for a block.
	Pending,
	/// A block of the best chain added it to the database.
	Open,
	/// The block that added it is final, and it is still open.
	Final,
	/// A block of the best chain settled it.
	Settled,
	/// A block of the best chain dropped it.
	Expired,
}

/// The block of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct At {
	/// Its number.
	pub number: BlockNumber,
	/// Its hash.
	pub hash: Hash,
}

/// A change of a CTP.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CtpEvent {
	/// Where it is now.
	pub stage: Stage,
	/// The CTP.
	pub id: CtpId,
	/// The block that did it, if one did.
	pub block: Option<At>,
	/// The entry.
	pub signed: SignedCtp,
	/// The energy delivered, where it settled.
	pub delivered: Option<Energy>,
}

impl CtpEvent {
	/// A commitment has arrived.
	pub fn pending(id: CtpId, signed: SignedCtp) -> Self {
		Self { stage: Stage::Pending, id, block: None, signed, delivered: None }
	}
}

/// Hands events to whoever listens. What no one reads in time is gone for that reader alone.
#[derive(Clone)]
pub struct Events(broadcast::Sender<Arc<Vec<CtpEvent>>>);

impl Default for Events {
	fn default() -> Self {
		Self(broadcast::channel(BUFFER).0)
	}
}

impl Events {
	/// Tells everyone, if there is something to tell.
	pub fn publish(&self, events: Vec<CtpEvent>) {
		if !events.is_empty() {
			// An error means that no one listens.
			let _ = self.0.send(Arc::new(events));
		}
	}

	/// All events from now on.
	pub fn subscribe(&self) -> broadcast::Receiver<Arc<Vec<CtpEvent>>> {
		self.0.subscribe()
	}
}

/// What a block did, in the order in which it did it.
fn enacted(block: At, changes: &BlockChanges) -> Vec<CtpEvent> {
	let at = Some(block);
	let event = |stage, id, signed: &SignedCtp, delivered| CtpEvent {
		stage,
		id,
		block: at,
		signed: signed.clone(),
		delivered,
	};
	let added = changes.added.iter().map(|ctp| event(Stage::Open, ctp.id, &ctp.signed, None));
	let settled = changes.settled.iter().map(|done| {
		let settlement = &done.settlement;
		event(Stage::Settled, done.id, &settlement.ctp, Some(settlement.delivered))
	});
	let expired =
		changes.expired.iter().map(|ctp| event(Stage::Expired, ctp.id, &ctp.signed, None));
	added.chain(settled).chain(expired).collect()
}

/// Where the CTPs of a block are when it is no longer on the best chain.
fn retracted(changes: &BlockChanges) -> Vec<CtpEvent> {
	let event = |stage, id, signed: &SignedCtp| CtpEvent {
		stage,
		id,
		block: None,
		signed: signed.clone(),
		delivered: None,
	};
	let expired = changes.expired.iter().map(|ctp| event(Stage::Open, ctp.id, &ctp.signed));
	let settled =
		changes.settled.iter().map(|done| event(Stage::Open, done.id, &done.settlement.ctp));
	let added = changes.added.iter().map(|ctp| event(Stage::Pending, ctp.id, &ctp.signed));
	expired.chain(settled).chain(added).collect()
}

/// What there is to tell when a block is final: what it added and what no block up to the best one
/// has taken out again (`over`).
fn finalised(block: At, changes: &BlockChanges, over: &HashSet<CtpId>) -> Vec<CtpEvent> {
	let open = changes.added.iter().filter(|ctp| !over.contains(&ctp.id));
	let event = |ctp: &OpenCtp| CtpEvent {
		stage: Stage::Final,
		id: ctp.id,
		block: Some(block),
		signed: ctp.signed.clone(),
		delivered: None,
	};
	open.map(event).collect()
}

/// The CTPs that a block took out.
fn taken_out(changes: &BlockChanges) -> impl Iterator<Item = CtpId> + '_ {
	let settled = changes.settled.iter().map(|done| done.id);
	settled.chain(changes.expired.iter().map(|ctp| ctp.id))
}

/// Follows the chain and tells what it does to CTPs.
pub struct Watch<C> {
	client: Arc<C>,
	database: Arc<CtpDatabase>,
	events: Events,
	metrics: Metrics,
	/// The best block that was told of.
	best: Hash,
	/// Whether what is open there was counted: not while its database is missing.
	counted: bool,
	/// What blocks did that are not final yet.
	changes: HashMap<Hash, (BlockNumber, Arc<BlockChanges>)>,
}

impl<C> Watch<C>
where
	C: BlockchainEvents<Block>
		+ HeaderBackend<Block>
		+ HeaderMetadata<Block, Error = sp_blockchain::Error>,
{
	/// Begins at the best block as it is now.
	pub fn new(
		client: Arc<C>,
		database: Arc<CtpDatabase>,
		events: Events,
		metrics: Metrics,
	) -> Self {
		let best = client.info().best_hash;
		let changes = HashMap::new();
		let mut watch = Self { client, database, events, metrics, best, counted: false, changes };
		watch.count_open();
		watch
	}

	/// Runs until the chain ends.
	pub async fn run(mut self) {
		let mut blocks = self.client.import_notification_stream().fuse();
		let mut finals = self.client.finality_notification_stream().fuse();
		loop {
			futures::select! {
				block = blocks.next() => match block {
					Some(block) if block.is_new_best => self.on_best(block.hash),
					Some(_) => {},
					None => return,
				},
				done = finals.next() => match done {
					Some(done) => {
						// Finality may be heard of before the block itself.
						self.on_best(self.client.info().best_hash);
						let blocks: Vec<_> = done.tree_route.iter().copied().chain([done.hash]).collect();
						self.on_final(&blocks);
						let number = done.header.number;
						self.changes.retain(|_, (of, _)| *of > number);
					},
					None => return,
				},
			}
		}
	}

	fn on_best(&mut self, best: Hash) {
		if best == self.best {
			return;
		}
		let from = std::mem::replace(&mut self.best, best);
		match sp_blockchain::tree_route(&*self.client, from, best) {
			Ok(route) if route.retracted().len() + route.enacted().len() <= MAX_ROUTE => {
				self.follow(&route);
			},
			Ok(route) => {
				log::debug!(
					target: LOG_TARGET,
					"{} blocks at once: what they did to CTPs is not told", route.enacted().len(),
				);
				self.count_open();
			},
			Err(error) => {
				log::debug!(target: LOG_TARGET, "No way from {from:?} to {best:?}: {error}");
				self.count_open();
			},
		}
	}

	fn follow(&mut self, route: &TreeRoute<Block>) {
		let mut told = Vec::new();
		let mut open = self.metrics.open.get() as i64;
		let mut complete = true;
		for block in route.retracted() {
			match self.changes_of(block.number, block.hash) {
				Some(changes) => {
					open -= growth(&changes);
					told.extend(retracted(&changes));
				},
				None => complete = false,
			}
		}
		for block in route.enacted() {
			match self.changes_of(block.number, block.hash) {
				Some(changes) => {
					open += growth(&changes);
					self.metrics.added.inc_by(changes.added.len() as u64);
					self.metrics.settled.inc_by(changes.settled.len() as u64);
					self.metrics.expired.inc_by(changes.expired.len() as u64);
					told.extend(enacted(At { number: block.number, hash: block.hash }, &changes));
				},
				None => complete = false,
			}
		}
		if complete && self.counted {
			self.metrics.open.set(u64::try_from(open).unwrap_or_default());
		} else {
			self.count_open();
		}
		self.events.publish(told);
	}

	/// Blocks have become final, each on top of the one before it.
	fn on_final(&mut self, blocks: &[Hash]) {
		let Some(last) = blocks.last() else { return };
		let later: Vec<Hash> = match sp_blockchain::tree_route(&*self.client, *last, self.best) {
			Ok(route) => route.enacted().iter().map(|block| block.hash).collect(),
			Err(error) => {
				log::debug!(target: LOG_TARGET, "No way from {last:?} to the best block: {error}");
				Vec::new()
			},
		};
		let over: HashSet<CtpId> = blocks
			.iter()
			.chain(&later)
			.filter_map(|hash| self.numbered_changes(*hash))
			.flat_map(|(_, changes)| taken_out(&changes).collect::<Vec<_>>())
			.collect();
		for hash in blocks {
			if let Some((number, changes)) = self.numbered_changes(*hash) {
				self.events.publish(finalised(At { number, hash: *hash }, &changes, &over));
			}
		}
	}

	/// What a block did, and its number.
	fn numbered_changes(&mut self, hash: Hash) -> Option<(BlockNumber, Arc<BlockChanges>)> {
		match self.client.number(hash) {
			Ok(number) => {
				let number = number?;
				Some((number, self.changes_of(number, hash)?))
			},
			Err(error) => {
				log::debug!(target: LOG_TARGET, "What block {hash:?} did is not told: {error}");
				None
			},
		}
	}

	/// What a block did, as far as its database is stored here.
	fn changes_of(&mut self, number: BlockNumber, hash: Hash) -> Option<Arc<BlockChanges>> {
		if let Some((_, changes)) = self.changes.get(&hash) {
			return Some(changes.clone());
		}
		match self.database.changes(hash) {
			Ok(changes) => {
				let changes = Arc::new(changes);
				self.changes.insert(hash, (number, changes.clone()));
				Some(changes)
			},
			Err(error) => {
				log::debug!(target: LOG_TARGET, "What block {number} did is not told: {error}");
				None
			},
		}
	}

	/// Counts all that is open anew.
	fn count_open(&mut self) {
		let summary = self.database.summary(self.best);
		self.counted = summary.is_ok();
		match summary {
			Ok(summary) => self.metrics.open.set(summary.open.into()),
			Err(error) => log::debug!(target: LOG_TARGET, "Open CTPs are not counted: {error}"),
		}
	}
}

/// By how much a block made the database larger.
fn growth(changes: &BlockChanges) -> i64 {
	let gone = changes.settled.len() + changes.expired.len();
	changes.added.len() as i64 - gone as i64
}

#[cfg(test)]
mod tests {
	use super::{
		super::message::tests::{id, signed},
		*,
	};
	use pallet_spb::runtime_api::SettledCtp;
	use spb_primitives::Settlement;

	fn open(vault: u32) -> OpenCtp {
		OpenCtp { id: id(vault), signed: signed(vault) }
	}

	fn changes() -> BlockChanges {
		let settlement = Settlement { ctp: signed(2), delivered: Energy::from_wh(70) };
		BlockChanges {
			added: vec![open(1)],
			settled: vec![SettledCtp { id: id(2), settlement }],
			expired: vec![open(3)],
		}
	}

	fn stages(events: &[CtpEvent]) -> Vec<(Stage, u32)> {
		events.iter().map(|event| (event.stage, event.signed.ctp.vault)).collect()
	}

	#[test]
	fn enacted_block_should_tell_what_it_did() {
		let block = At { number: 7, hash: Hash::repeat_byte(7) };
		let events = enacted(block, &changes());
		assert_eq!(stages(&events), [(Stage::Open, 1), (Stage::Settled, 2), (Stage::Expired, 3)]);
		assert!(events.iter().all(|event| event.block == Some(block)));
		assert_eq!(events[1].delivered, Some(Energy::from_wh(70)));
	}

	#[test]
	fn retracted_block_should_put_everything_back() {
		let events = retracted(&changes());
		assert_eq!(stages(&events), [(Stage::Open, 3), (Stage::Open, 2), (Stage::Pending, 1)]);
		assert!(events.iter().all(|event| event.block.is_none() && event.delivered.is_none()));
	}

	#[test]
	fn final_should_be_told_of_what_is_still_open() {
		let block = At { number: 7, hash: Hash::repeat_byte(7) };
		let added = BlockChanges { added: vec![open(1), open(2), open(3)], ..Default::default() };
		let nothing_over = finalised(block, &added, &HashSet::new());
		assert_eq!(
			stages(&nothing_over),
			[(Stage::Final, 1), (Stage::Final, 2), (Stage::Final, 3)]
		);
		// A later block settled the second and dropped the third.
		let over = taken_out(&changes()).collect();
		let told = finalised(block, &added, &over);
		assert_eq!(stages(&told), [(Stage::Final, 1)]);
		assert_eq!(told[0].block, Some(block));
	}

	#[test]
	fn growth_should_be_what_came_less_what_went() {
		assert_eq!(growth(&changes()), -1);
		assert_eq!(growth(&BlockChanges::default()), 0);
	}

	#[tokio::test]
	async fn slow_listener_should_learn_that_it_lags() {
		let events = Events::default();
		let mut listener = events.subscribe();
		for vault in 0..=BUFFER as u32 {
			events.publish(vec![CtpEvent::pending(id(vault), signed(vault))]);
		}
		let error = listener.recv().await.unwrap_err();
		assert!(matches!(error, broadcast::error::RecvError::Lagged(1)));
	}

	#[test]
	fn nothing_should_be_told_of_nothing() {
		let events = Events::default();
		let mut listener = events.subscribe();
		events.publish(Vec::new());
		assert!(listener.try_recv().is_err());
	}
}
