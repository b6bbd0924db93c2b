//! Copies messages from the transaction pool into the inbox.
//!
//! The pool tells of each arrival, but through a channel that drops what does not fit. So with each
//! block the whole pool is looked through once more.
//!
//! A message that a block took in stays in the inbox until it is final. What this node knows only
//! from the sidecar of a block comes in when that block is abandoned: it may be known to no one
//! else who goes on.

use super::{
	events::{CtpEvent, Events},
	inbox::{Inbox, Message},
	pool::is_message,
	runtime::{CtpDatabase, DatabaseError},
	sidecars::{SidecarError, Sidecars},
	store::StoreError,
	Hash, LOG_TARGET,
};
use codec::Encode;
use futures::StreamExt;
use sc_client_api::{AuxStore, BlockImportNotification, BlockchainEvents, HeaderBackend};
use sc_transaction_pool_api::{InPoolTransaction, TransactionPool};
use sp_runtime::traits::Zero;
use spb_primitives::{CtpId, DatabaseDigest};
use spb_runtime::opaque::Block;
use std::sync::Arc;

/// How many arrivals are taken in at once.
const BATCH: usize = 512;

/// Why messages were not taken in. They are in the pool still, and the next block tries again.
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
pub struct Feed<C, P, A> {
	/// Tells of blocks.
	pub client: Arc<C>,
	/// Where messages arrive.
	pub pool: Arc<P>,
	/// Says what a message is about.
	pub database: Arc<CtpDatabase>,
	/// Where they wait.
	pub inbox: Arc<Inbox>,
	/// What blocks were made of.
	pub sidecars: Arc<Sidecars<A>>,
	/// Who wants to know of them.
	pub events: Events,
}

impl<C, P, A> Feed<C, P, A>
where
	C: BlockchainEvents<Block> + HeaderBackend<Block>,
	P: TransactionPool<Block = Block, Hash = Hash>,
	A: AuxStore,
{
	/// Runs until the pool or the chain ends.
	pub async fn run(self) {
		let mut arrivals = self.pool.import_notification_stream().ready_chunks(BATCH).fuse();
		let mut blocks = self.client.import_notification_stream().fuse();
		loop {
			let done = futures::select! {
				arrived = arrivals.next() => match arrived {
					Some(hashes) => self.take_arrivals(&hashes),
					None => return,
				},
				block = blocks.next() => match block {
					// The notification keeps its block's state alive: let go of it at once.
					Some(BlockImportNotification { tree_route, .. }) => {
						let retracted = tree_route.iter().flat_map(|route| route.retracted());
						self.look_through().and_then(|()| {
							retracted.into_iter().try_for_each(|block| self.take_back(block.hash))
						})
					},
					None => return,
				},
			};
			if let Err(error) = done {
				log::warn!(target: LOG_TARGET, "Messages wait in the pool a little longer: {error}");
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

	/// Takes in what an abandoned block was made of and the inbox has not.
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
