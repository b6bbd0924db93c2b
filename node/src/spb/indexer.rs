//! Brings the history of trades up to the last final block, from wherever it stands.
//!
//! A settlement names its offer and its vault by number; whose they are is in the state, where the record
//! goes some time after the offer or the vault is closed. What was once found is therefore remembered in
//! the chain's database too (`spb/owner/`, then `O` or `V` and the number), so that an index that is built
//! anew names them as the first one did. There it is written after the block that it is about, into the same
//! log: the two are lost together or not at all, and a number never belongs to another.

use super::{
	metrics::Metrics,
	runtime::{CtpDatabase, DatabaseError},
	store::StoreError,
	trades::{BlockTrades, Owners, Trades},
	Hash, LOG_TARGET,
};
use codec::{DecodeAll, Encode};
use futures::{FutureExt, StreamExt};
use pallet_spb::types::{OfferInfo, VaultInfo};
use sc_client_api::{AuxStore, BlockBackend, BlockchainEvents, HeaderBackend};
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
pub struct Indexer<C, A> {
	/// Has the blocks.
	pub client: Arc<C>,
	/// Reads them.
	pub database: Arc<CtpDatabase>,
	/// The index.
	pub trades: Arc<Trades>,
	/// The chain's database, in which owners outlive the index.
	pub aux: Arc<A>,
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

impl<C, A> Indexer<C, A>
where
	C: BlockchainEvents<Block> + HeaderBackend<Block> + BlockBackend<Block>,
	A: AuxStore,
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
		let (database, known) = (&*self.database, info.finalized_hash);
		let view = View { database, parent, known, aux: &*self.aux };
		let trades = view.block(number, hash, body)?;
		self.trades.add(trades, &view)?;
		self.metrics.trades_indexed.set(number.into());
		Ok(Step::Done)
	}
}

/// The states that say something about a block: the one before it, and one that is surely there.
struct View<'a, A> {
	database: &'a CtpDatabase,
	parent: Hash,
	known: Hash,
	aux: &'a A,
}

impl<A> View<'_, A> {
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

impl<A: AuxStore> Owners for View<'_, A> {
	fn producer(&self, offer: OfferId) -> Option<AccountId> {
		let found = |at| known(self.database.offer(at, offer)).flatten();
		let found = found(self.parent).or_else(|| found(self.known));
		let producer = found.map(|OfferInfo { offer, .. }| offer.producer);
		remembered(self.aux, &owner_key(b"O", offer), producer)
	}

	fn consumer(&self, vault: VaultId) -> Option<AccountId> {
		let found = |at| known(self.database.vault(at, vault)).flatten();
		let found = found(self.parent).or_else(|| found(self.known));
		let owner = found.map(|VaultInfo { vault, .. }| vault.owner);
		remembered(self.aux, &owner_key(b"V", vault), owner)
	}
}

/// Where the owner of an offer (`O`) or of a vault (`V`) is remembered.
fn owner_key(kind: &[u8; 1], number: u32) -> Vec<u8> {
	[&b"spb/owner/"[..], kind, &number.to_be_bytes()].concat()
}

/// The owner that the state names, to be remembered; where it names none, the one that was remembered.
fn remembered<A: AuxStore>(aux: &A, key: &[u8], named: Option<AccountId>) -> Option<AccountId> {
	let failed = |error: sp_blockchain::Error| {
		log::warn!(target: LOG_TARGET, "The chain's database does not remember an owner: {error}");
	};
	match named {
		Some(owner) => {
			let written = aux.insert_aux(&[(key, &owner.encode()[..])], &[]);
			written.unwrap_or_else(failed);
			Some(owner)
		},
		None => {
			let bytes = aux.get_aux(key).map_err(failed).ok().flatten()?;
			AccountId::decode_all(&mut &bytes[..]).ok()
		},
	}
}

#[cfg(test)]
mod tests {
	use super::{
		super::{
			message::tests::{id, signed, GENESIS},
			sidecars::tests::Memory,
			store::Store,
			trades::{Party, Place},
		},
		*,
	};
	use pallet_spb::runtime_api::SettledCtp;
	use spb_primitives::{Energy, Settlement};

	/// A state, with the records of all offers and vaults or none, and what is remembered beside it.
	struct DoubleState {
		has_records: bool,
		aux: Memory,
	}

	impl Owners for DoubleState {
		fn producer(&self, offer: OfferId) -> Option<AccountId> {
			let producer = self.has_records.then(|| [200; 32].into());
			remembered(&self.aux, &owner_key(b"O", offer), producer)
		}

		fn consumer(&self, vault: VaultId) -> Option<AccountId> {
			let consumer = self.has_records.then(|| [100; 32].into());
			remembered(&self.aux, &owner_key(b"V", vault), consumer)
		}
	}

	/// Whom an index that is made from nothing names in a trade: producer and consumer.
	fn named(state: &DoubleState) -> (Option<AccountId>, Option<AccountId>) {
		let folder = tempfile::tempdir().unwrap();
		let store = Store::open(folder.path(), GENESIS).unwrap();
		let trades = Trades::open(Arc::new(store)).unwrap();
		let settlement = Settlement { ctp: signed(1), delivered: Energy::from_wh(100) };
		let settled = vec![SettledCtp { id: id(1), settlement }];
		let hash = Hash::repeat_byte(1);
		trades.add(BlockTrades { hash, settled, fee: None, paid: Vec::new() }, state).unwrap();
		let (_, trade) = trades.by_id(&id(1)).unwrap().unwrap();
		if let Some(producer) = &trade.producer {
			let start = Place { block: 0, position: 0 };
			let party = Party::Account(producer.clone());
			assert_eq!(trades.list(&party, start, 9, 9).unwrap().len(), 1);
		}
		(trade.producer, trade.consumer)
	}

	#[test]
	fn index_built_anew_should_name_those_whose_records_are_gone() {
		let mut state = DoubleState { has_records: true, aux: Memory::default() };
		let first = named(&state);
		assert_eq!(first, (Some([200; 32].into()), Some([100; 32].into())));
		state.has_records = false;
		assert_eq!(named(&state), first);
	}

	#[test]
	fn what_was_never_known_should_stay_unknown() {
		let state = DoubleState { has_records: false, aux: Memory::default() };
		assert_eq!(named(&state), (None, None));
	}
}
