//! Brings the history of trades up to the last final block, from wherever it stands.

use super::{
	metrics::Metrics,
	runtime::{CtpDatabase, DatabaseError},
	store::StoreError,
	trades::{BlockTrades, Owners, Trades},
	Hash, LOG_TARGET,
};
use codec::Encode;
use futures::{FutureExt, StreamExt};
use pallet_spb::types::{OfferInfo, VaultInfo};
use sc_client_api::{BlockBackend, BlockchainEvents, HeaderBackend};
use spb_primitives::{AccountId, BlockNumber, OfferId, VaultId};
use spb_runtime::opaque::Block;
use std::sync::Arc;

/// Blocks indexed before others get a turn.
const STEP: usize = 64;

/// Why the index does not go on. The next final block tries again.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
	/// The chain's database fails.
	#[error("the chain's database gives no block body: {0}")]
	Chain(#[from] sp_blockchain::Error),
	/// No runtime reads the block.
	#[error(transparent)]
	Runtime(#[from] DatabaseError),
	/// The index cannot be written.
	#[error(transparent)]
	Store(#[from] StoreError),
}

/// Indexes the trades of final blocks.
pub struct Indexer<C> {
	/// Has the blocks.
	pub client: Arc<C>,
	/// Reads them.
	pub database: Arc<CtpDatabase>,
	/// The index.
	pub trades: Arc<Trades>,
	/// Where to say how far it is.
	pub metrics: Metrics,
}

/// What became of the next block.
enum Step {
	/// It is indexed or passed over.
	Done,
	/// It is not final, or its body is still to come.
	NotYet,
}

impl<C> Indexer<C>
where
	C: BlockchainEvents<Block> + HeaderBackend<Block> + BlockBackend<Block>,
{
	/// Runs until the chain ends.
	pub async fn run(self) {
		let mut finals = self.client.finality_notification_stream();
		loop {
			if let Err(error) = self.catch_up().await {
				log::warn!(
					target: LOG_TARGET,
					"The history of trades waits at block {}: {error}", self.trades.reach().next,
				);
			}
			if finals.next().await.is_none() {
				return;
			}
			while let Some(Some(_)) = finals.next().now_or_never() {}
		}
	}

	/// Indexes until nothing is left to index.
	async fn catch_up(&self) -> Result<(), IndexError> {
		if let Some((number, hash)) = self.trades.last() {
			if self.client.hash(number)? != Some(hash) {
				log::warn!(
					target: LOG_TARGET,
					"The history of trades ends at block {number} ({hash:?}), which is not of this \
					 chain: it is built anew",
				);
				self.trades.clear()?;
			}
		}
		loop {
			for _ in 0..STEP {
				if let Step::NotYet = self.index_next()? {
					return Ok(());
				}
			}
			tokio::task::yield_now().await;
		}
	}

	fn index_next(&self) -> Result<Step, IndexError> {
		let number = self.trades.reach().next;
		let info = self.client.info();
		if number > info.finalized_number {
			return Ok(Step::NotYet);
		}
		let body = match self.client.hash(number)? {
			Some(hash) => self.client.block_body(hash)?.map(|body| (hash, body)),
			None => None,
		};
		let Some((hash, body)) = body else {
			let to_come =
				info.block_gap.is_some_and(|gap| gap.start <= number && number <= gap.end);
			if to_come {
				return Ok(Step::NotYet);
			}
			self.trades.skip()?;
			return Ok(Step::Done);
		};
		let header = self.client.header(hash)?;
		let parent = header.map_or(info.finalized_hash, |header| header.parent_hash);
		let body: Vec<_> = body.iter().map(Encode::encode).collect();
		let view = View { database: &self.database, parent, known: info.finalized_hash };
		let trades = view.block(number, hash, body)?;
		self.trades.add(trades, &view)?;
		self.metrics.trades_indexed.set(number.into());
		Ok(Step::Done)
	}
}

/// The states that say something about a block: the one before it, and one that is surely there.
struct View<'a> {
	database: &'a CtpDatabase,
	parent: Hash,
	known: Hash,
}

impl View<'_> {
	/// Asks at a block and, where its state is gone, at the last final one.
	fn ask<T>(
		&self,
		at: Hash,
		ask: impl Fn(Hash) -> Result<T, DatabaseError>,
	) -> Result<T, DatabaseError> {
		ask(at).or_else(|error| {
			log::debug!(target: LOG_TARGET, "The history of trades asks at another block: {error}");
			ask(self.known)
		})
	}

	fn block(
		&self,
		number: BlockNumber,
		hash: Hash,
		body: Vec<Vec<u8>>,
	) -> Result<BlockTrades, DatabaseError> {
		// At genesis the runtime does not know the genesis hash, which is part of every id.
		let reader = if number == 1 { hash } else { self.parent };
		let settled = self.ask(reader, |at| self.database.settlements(at, body.clone()))?;
		if settled.is_empty() {
			return Ok(BlockTrades { hash, settled, fee: None, paid: Vec::new() });
		}
		// The fee may have changed since: only the state before the block says what it was. And only
		// the one after it says what reached those who were paid.
		let fee = known(self.database.fee(self.parent));
		let paid = known(self.database.paid(hash)).unwrap_or_default();
		Ok(BlockTrades { hash, settled, fee, paid })
	}
}

/// What a state says, if it is there. An index that is built anew goes on without it.
fn known<T>(answer: Result<T, DatabaseError>) -> Option<T> {
	answer
		.inspect_err(|error| {
			log::debug!(target: LOG_TARGET, "The history of trades does without: {error}");
		})
		.ok()
}

impl Owners for View<'_> {
	fn producer(&self, offer: OfferId) -> Option<AccountId> {
		let found = |at| known(self.database.offer(at, offer)).flatten();
		found(self.parent)
			.or_else(|| found(self.known))
			.map(|OfferInfo { offer, .. }| offer.producer)
	}

	fn consumer(&self, vault: VaultId) -> Option<AccountId> {
		let found = |at| known(self.database.vault(at, vault)).flatten();
		found(self.parent).or_else(|| found(self.known)).map(|VaultInfo { vault, .. }| vault.owner)
	}
}
