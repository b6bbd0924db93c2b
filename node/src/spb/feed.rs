//! Copies messages from the transaction pool into the inbox.
//!
//! The pool tells of each arrival, but through a channel that drops what does not fit. So with each
//! block the whole pool is looked through once more.
//!
//! A message that a block took in stays in the inbox until it is final. What this node knows only
//! from the sidecar of a block comes in when that block is abandoned: it may be known to no one
//! else who goes on. Where that fails, the next blocks try again.

mod abandoned;
#[cfg(test)]
mod tests;

use super::{
	events::{CtpEvent, Events},
	inbox::{Inbox, Message},
	pool::is_message,
	runtime::{CtpDatabase, DatabaseError},
	sidecars::{SidecarError, Sidecars},
	store::StoreError,
	Hash, LOG_TARGET,
};
use abandoned::Abandoned;
use codec::Encode;
use futures::StreamExt;
use sc_client_api::{AuxStore, BlockImportNotification, BlockchainEvents, HeaderBackend};
use sc_transaction_pool_api::{InPoolTransaction, TransactionPool};
use sp_blockchain::TreeRoute;
use sp_runtime::traits::Zero;
use spb_primitives::{CtpId, DatabaseDigest};
use spb_runtime::opaque::Block;
use std::sync::Arc;

/// How many arrivals are taken in at once.
const BATCH: usize = 512;

/// What the runtime says of messages.
pub trait ReadMessages: Send + Sync {
	/// For each extrinsic, the CTP that it is about, if it is a message to the runtime at `at`.
	fn message_ids(
		&self,
		at: Hash,
		extrinsics: Vec<Vec<u8>>,
	) -> Result<Vec<Option<CtpId>>, DatabaseError>;

	/// The messages that a sidecar was made of, as the runtime at `at` writes them.
	fn messages_of(&self, at: Hash, sidecar: Vec<u8>) -> Result<Vec<Vec<u8>>, DatabaseError>;
}

impl ReadMessages for CtpDatabase {
	fn message_ids(
		&self,
		at: Hash,
		extrinsics: Vec<Vec<u8>>,
	) -> Result<Vec<Option<CtpId>>, DatabaseError> {
		self.message_ids(at, extrinsics)
	}

	fn messages_of(&self, at: Hash, sidecar: Vec<u8>) -> Result<Vec<Vec<u8>>, DatabaseError> {
		self.messages_of(at, sidecar)
	}
}

/// Why messages were not taken in. The next block tries again: what came to the pool is there still,
/// and which blocks were abandoned is remembered.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
	/// The runtime does not say what they are about.
	#[error(transparent)]
	Runtime(#[from] DatabaseError),
	/// The inbox does not store them.
	#[error(transparent)]
	Store(#[from] StoreError),
	/// The sidecar that they are in cannot be read.
	#[error(transparent)]
	Sidecars(#[from] SidecarError),
	/// The block that they are in cannot be read.
	#[error(transparent)]
	Chain(#[from] sp_blockchain::Error),
}

/// Copies messages from a pool into the inbox.
pub struct Feed<C, P, A, R> {
	/// Tells of blocks.
	pub client: Arc<C>,
	/// Where messages arrive.
	pub pool: Arc<P>,
	/// Says what a message is about.
	pub database: Arc<R>,
	/// Where they wait.
	pub inbox: Arc<Inbox>,
	/// What blocks were made of.
	pub sidecars: Arc<Sidecars<A>>,
	/// Who wants to know of them.
	pub events: Events,
}

impl<C, P, A, R> Feed<C, P, A, R>
where
	C: BlockchainEvents<Block> + HeaderBackend<Block>,
	P: TransactionPool<Block = Block, Hash = Hash>,
	A: AuxStore,
	R: ReadMessages,
{
	/// Runs until the pool or the chain ends.
	pub async fn run(self) {
		let mut arrivals = self.pool.import_notification_stream().ready_chunks(BATCH).fuse();
		let mut blocks = self.client.import_notification_stream().fuse();
		let mut abandoned = Abandoned::default();
		loop {
			let (taken_in, brought_back) = futures::select! {
				arrived = arrivals.next() => match arrived {
					Some(hashes) => (self.take_arrivals(&hashes), Ok(())),
					None => return,
				},
				block = blocks.next() => match block {
					// The notification keeps its block's state alive: let go of it at once.
					Some(BlockImportNotification { tree_route, .. }) => (
						self.look_through(),
						self.bring_back(&mut abandoned, tree_route.as_deref()),
					),
					None => return,
				},
			};
			if let Err(error) = taken_in {
				log::warn!(target: LOG_TARGET, "Messages wait in the pool a little longer: {error}");
			}
			if let Err(error) = brought_back {
				log::warn!(
					target: LOG_TARGET,
					"The messages of {} abandoned blocks come back later: {error}", abandoned.len(),
				);
			}
		}
	}

	fn take_arrivals(&self, hashes: &[Hash]) -> Result<(), FeedError> {
		let unknown = hashes.iter().filter(|hash| !self.inbox.knows(hash));
		let arrived: Vec<_> = unknown
			.filter_map(|hash| self.pool.ready_transaction(hash))
			.filter(|transaction| is_message(&**transaction))
			.map(|transaction| transaction.data().encode())
			.collect();
		self.take_in(arrived)
	}

	/// Takes in what the pool has and the inbox has not, as long as nothing has to go for it.
	fn look_through(&self) -> Result<(), FeedError> {
		let mut missed = Vec::new();
		for transaction in self.pool.ready() {
			if is_message(&*transaction) && !self.inbox.knows(transaction.hash()) {
				missed.push(transaction.data().encode());
			}
			if missed.len() == BATCH {
				self.take_in(std::mem::take(&mut missed))?;
			}
			if !self.inbox.has_room() {
				break;
			}
		}
		self.take_in(missed)
	}
}

impl<C, P, A, R> Feed<C, P, A, R>
where
	C: HeaderBackend<Block>,
	A: AuxStore,
	R: ReadMessages,
{
	/// Takes in what the blocks were made of that a new best block leaves, and those for which that
	/// failed before.
	fn bring_back(
		&self,
		abandoned: &mut Abandoned,
		route: Option<&TreeRoute<Block>>,
	) -> Result<(), FeedError> {
		if let Some(route) = route {
			// From the lowest up, as their messages came.
			route.retracted().iter().rev().for_each(|block| abandoned.note(block.hash));
		}
		abandoned.try_each(|block| self.take_back(block))
	}

	/// Takes in what an abandoned block was made of and the inbox has not. Nothing comes of a block
	/// that is not here any more, or whose sidecar is not.
	fn take_back(&self, block: Hash) -> Result<(), FeedError> {
		let Some(header) = self.client.header(block)? else { return Ok(()) };
		let Some(digest) = DatabaseDigest::find(&header.digest) else { return Ok(()) };
		let Some(sidecar) = self.sidecars.get(&digest.sidecar_hash)? else { return Ok(()) };
		let best = self.client.info().best_hash;
		let extrinsics = self.database.messages_of(best, sidecar)?;
		if extrinsics.is_empty() {
			return Ok(());
		}
		let ids = self.database.message_ids(best, extrinsics.clone())?;
		let inserted = self.inbox.take_back(with_ids(ids, extrinsics))?;
		log::debug!(
			target: LOG_TARGET,
			"{} messages come back from the abandoned block {}", inserted.count, header.number,
		);
		Ok(())
	}

	fn take_in(&self, extrinsics: Vec<Vec<u8>>) -> Result<(), FeedError> {
		let best = self.client.info();
		// At genesis the runtime cannot tell the ids; after block 1 the pool is looked through.
		if extrinsics.is_empty() || best.best_number.is_zero() {
			return Ok(());
		}
		let ids = self.database.message_ids(best.best_hash, extrinsics.clone())?;
		let inserted = self.inbox.insert(with_ids(ids, extrinsics))?;
		log::debug!(
			target: LOG_TARGET,
			"{} messages taken in, {} gone for want of room", inserted.count, inserted.evicted,
		);
		let pending =
			inserted.commitments.into_iter().map(|(id, signed)| CtpEvent::pending(id, signed));
		self.events.publish(pending.collect());
		Ok(())
	}
}

/// The extrinsics that are messages.
fn with_ids(ids: Vec<Option<CtpId>>, extrinsics: Vec<Vec<u8>>) -> Vec<Message> {
	let messages = ids.into_iter().zip(extrinsics);
	messages.filter_map(|(id, bytes)| id.map(|id| Message { id, bytes })).collect()
}
