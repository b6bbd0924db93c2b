//! Copies messages from the transaction pool into the inbox.
//!
//! The pool tells of each arrival, but through a channel that drops what does not fit. So with each
//! block the whole pool is looked through once more.

use super::{
	events::{CtpEvent, Events},
	inbox::{Inbox, Message},
	pool::is_message,
	runtime::{CtpDatabase, DatabaseError},
	store::StoreError,
	Hash, LOG_TARGET,
};
use codec::Encode;
use futures::StreamExt;
use sc_client_api::{BlockchainEvents, HeaderBackend};
use sc_transaction_pool_api::{InPoolTransaction, TransactionPool};
use sp_runtime::traits::Zero;
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
}

/// Copies messages from a pool into the inbox.
pub struct Feed<C, P> {
	/// Tells of blocks.
	pub client: Arc<C>,
	/// Where messages arrive.
	pub pool: Arc<P>,
	/// Says what a message is about.
	pub database: Arc<CtpDatabase>,
	/// Where they wait.
	pub inbox: Arc<Inbox>,
	/// Who wants to know of them.
	pub events: Events,
}

impl<C, P> Feed<C, P>
where
	C: BlockchainEvents<Block> + HeaderBackend<Block>,
	P: TransactionPool<Block = Block, Hash = Hash>,
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
					Some(notification) => {
						drop(notification);
						self.look_through()
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

	fn take_in(&self, extrinsics: Vec<Vec<u8>>) -> Result<(), FeedError> {
		let best = self.client.info();
		// At genesis the runtime cannot tell the ids; after block 1 the pool is looked through.
		if extrinsics.is_empty() || best.best_number.is_zero() {
			return Ok(());
		}
		let ids = self.database.message_ids(best.best_hash, extrinsics.clone())?;
		let messages = ids
			.into_iter()
			.zip(extrinsics)
			.filter_map(|(id, bytes)| id.map(|id| Message { id, bytes }))
			.collect();
		let inserted = self.inbox.insert(messages)?;
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
