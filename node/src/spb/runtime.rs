//! The only way to SPB's rules: the runtime, with the CTP database at its hand.
//!
//! The database lives in the node's persistent off-chain storage. The runtime reaches it through an
//! externality that each call here brings along, the one that the off-chain worker gets too, so
//! that both see one database. Where signatures are asked for, a second one answers for them
//! ([`super::verify`]).

use super::{
	unjudged::is_older_than_window,
	verify::{Ahead, KeptBack, Verified, Verify, VerifyExt},
	Hash, Header, LOG_TARGET,
};
use crate::service::{FullBackend, FullClient};
use pallet_spb::{
	runtime_api::{
		BlockChanges, CtpDatabaseApi, CtpFilter, DatabaseSummary, Missing, NotRestored, OpenCtp,
		PaidCtp, Prepared, RestoreStep, Restoring, SettledCtp, SpbApi, Verdict,
	},
	types::{BackboneNode, OfferInfo, VaultInfo},
};
use parking_lot::Mutex;
use sc_client_api::{Backend, HeaderBackend};
use sp_api::{ApiError, ApiExt, ApiRef, ProvideRuntimeApi};
use sp_consensus_aura::{
	digests::CompatibleDigestItem, sr25519::AuthoritySignature as AuraSignature,
};
use sp_core::offchain::{storage::OffchainDb, OffchainDbExt};
use spb_primitives::{BlockNumber, CtpId, InclusionProof, Money, OfferId, Parameters, VaultId};
use spb_runtime::opaque::Block;
use std::{
	sync::Arc,
	time::{SystemTime, UNIX_EPOCH},
};

/// The runtime's interface at one block.
type Api<'a> = ApiRef<'a, <FullClient as ProvideRuntimeApi<Block>>::Api>;
/// Where the database's bytes are.
type OffchainStorage = <FullBackend as Backend<Block>>::OffchainStorage;

/// Why the runtime gives no answer.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
	/// The call itself failed: the state is not there, or the runtime does not know the call.
	#[error("the runtime at block {at:?} does not answer `{call}`: {source}")]
	Call {
		/// The block.
		at: Hash,
		/// The call.
		call: &'static str,
		/// What went wrong.
		#[source]
		source: ApiError,
	},
	/// The database that the call is about is not stored here.
	#[error(
		"the CTP database after block {0:?} is not stored on this node: it is older than what the \
		 node keeps, or was never here"
	)]
	NoDatabase(Hash),
	/// The stored database has a hole.
	#[error("a part of the CTP database is missing from this node's off-chain storage")]
	Damaged,
}

impl DatabaseError {
	fn from_missing(missing: Missing) -> Self {
		match missing {
			Missing::Database(hash) => Self::NoDatabase(hash),
			Missing::Node => Self::Damaged,
		}
	}
}

/// The node has no storage that the CTP database could live in.
#[derive(Debug, thiserror::Error)]
#[error("the chain's database has no off-chain storage, which the CTP database needs")]
pub struct NoOffchainStorage;

/// The CTP database and the rules that govern it, as the runtime at some block knows them.
pub struct CtpDatabase {
	client: Arc<FullClient>,
	storage: OffchainStorage,
	verified: Arc<Verified>,
	/// What a block's database is read, extended and written with must not change in between.
	writing: Mutex<()>,
}

/// Calls the runtime and says which call failed where.
macro_rules! ask {
	($api:expr, $call:ident, $at:expr $(, $argument:expr)*) => {
		$api.$call($at $(, $argument)*)
			.map_err(|source| DatabaseError::Call { at: $at, call: stringify!($call), source })
	};
}

impl CtpDatabase {
	/// The database in the storage of `backend`. Good signatures are remembered in `verified`.
	pub fn new(
		client: Arc<FullClient>,
		backend: &FullBackend,
		verified: Arc<Verified>,
	) -> Result<Self, NoOffchainStorage> {
		let storage = backend.offchain_storage().ok_or(NoOffchainStorage)?;
		Ok(Self { client, storage, verified, writing: Mutex::default() })
	}

	/// The runtime's interface, with the database attached.
	fn attached(&self) -> Api<'_> {
		let mut api = self.client.runtime_api();
		api.register_extension(OffchainDbExt::new(OffchainDb::new(self.storage.clone())));
		api
	}

	/// The same for what verifies signatures, answered by `answers`, with its writes kept back.
	fn verifying(&self, storage: KeptBack<OffchainStorage>, answers: Arc<dyn Verify>) -> Api<'_> {
		let mut api = self.client.runtime_api();
		api.register_extension(OffchainDbExt::new(OffchainDb::new(storage)));
		api.register_extension(VerifyExt(answers));
		api
	}

	/// Asks the runtime what it verifies signatures for. They are verified on all cores while it goes
	/// on; where one of them turns out to be bad, nothing has happened and it is asked again, each
	/// signature before it goes on.
	fn judge<R>(
		&self,
		ask: impl Fn(Api<'_>) -> Result<R, DatabaseError>,
	) -> Result<R, DatabaseError> {
		let ahead = Arc::new(Ahead::new(self.verified.clone()));
		let mut storage = KeptBack::new(self.storage.clone());
		let mut answer = ask(self.verifying(storage.clone(), ahead.clone()));
		if !ahead.all_good() {
			storage = KeptBack::new(self.storage.clone());
			answer = ask(self.verifying(storage.clone(), self.verified.clone()));
		}
		if answer.is_ok() {
			storage.write();
		}
		answer
	}

	/// The runtime's interface, for what needs no database.
	fn plain(&self) -> Api<'_> {
		self.client.runtime_api()
	}

	/// Where to ask about the database after block `of`: at the best block, whose runtime and state
	/// are there for all of them, but at genesis about the one after genesis, which is stored
	/// nowhere, and about no other.
	fn at(&self, of: Hash) -> Hash {
		let info = self.client.info();
		if of == info.genesis_hash || info.best_hash == info.genesis_hash {
			of
		} else {
			info.best_hash
		}
	}

	/// The best block.
	pub fn best_hash(&self) -> Hash {
		self.client.info().best_hash
	}

	/// The header of a block, if it is here.
	pub fn header(&self, hash: Hash) -> Option<Header> {
		self.client.header(hash).unwrap_or_else(|error| {
			log::debug!(target: LOG_TARGET, "No header of block {hash:?}: {error}");
			None
		})
	}

	/// Whether a block is so old that its evidence is not asked for any more, by its slot, this
	/// machine's clock and the parameters after the last final block.
	pub fn is_old(&self, header: &Header) -> bool {
		let slot = header
			.digest
			.logs
			.iter()
			.find_map(CompatibleDigestItem::<AuraSignature>::as_aura_pre_digest);
		let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
		let parameters = self.parameters(self.client.info().finalized_hash);
		match (slot, since_epoch, parameters) {
			(Some(slot), Ok(now), Ok(parameters)) => is_older_than_window(*slot, &parameters, now),
			_ => false,
		}
	}

	/// The number of the last final block.
	pub fn final_number(&self) -> BlockNumber {
		self.client.info().finalized_number
	}

	/// Has a block with this header prepared on top of `parent`.
	pub fn prepare(
		&self,
		parent: Hash,
		header: Header,
		candidates: Vec<Vec<u8>>,
	) -> Result<Prepared, DatabaseError> {
		self.judge(|api| ask!(api, prepare, parent, header.clone(), candidates.clone()))?
			.map_err(DatabaseError::from_missing)
	}

	/// Has a block judged on top of `parent`, and its database stored if it is good.
	pub fn check(
		&self,
		parent: Hash,
		hash: Hash,
		block: Block,
		sidecar: Vec<u8>,
	) -> Result<Verdict, DatabaseError> {
		let _turn = self.writing.lock();
		self.judge(|api| ask!(api, check, parent, hash, block.clone().into(), sidecar.clone()))
	}

	/// Does a step of restoring the database after the block with this header.
	pub fn restore(
		&self,
		header: &Header,
		step: RestoreStep,
	) -> Result<Result<Restoring, NotRestored>, DatabaseError> {
		let _turn = self.writing.lock();
		ask!(self.attached(), restore, header.hash(), header.clone(), step)
	}

	/// Whether the database after block `hash` is stored.
	pub fn has_database(&self, hash: Hash) -> Result<bool, DatabaseError> {
		ask!(self.attached(), has_database, self.at(hash), hash)
	}

	/// Open CTPs after block `hash`, in order of expiry and id.
	pub fn entries(
		&self,
		hash: Hash,
		filter: CtpFilter,
		after: Option<(BlockNumber, CtpId)>,
		limit: u32,
	) -> Result<Vec<OpenCtp>, DatabaseError> {
		ask!(self.attached(), entries, self.at(hash), hash, filter, after, limit)?
			.map_err(DatabaseError::from_missing)
	}

	/// One open CTP after block `hash`.
	pub fn entry(&self, hash: Hash, id: CtpId) -> Result<Option<OpenCtp>, DatabaseError> {
		ask!(self.attached(), entry, self.at(hash), hash, id)?.map_err(DatabaseError::from_missing)
	}

	/// The database after block `hash`, counted and hashed anew from its entries.
	pub fn summary(&self, hash: Hash) -> Result<DatabaseSummary, DatabaseError> {
		ask!(self.attached(), summary, self.at(hash), hash)?.map_err(DatabaseError::from_missing)
	}

	/// An open CTP's proof under the root that block `hash` names.
	pub fn proof(
		&self,
		hash: Hash,
		id: CtpId,
	) -> Result<Option<(OpenCtp, InclusionProof)>, DatabaseError> {
		ask!(self.attached(), proof, self.at(hash), hash, id)?.map_err(DatabaseError::from_missing)
	}

	/// What block `hash` did to the database.
	pub fn changes(&self, hash: Hash) -> Result<BlockChanges, DatabaseError> {
		ask!(self.attached(), changes, self.at(hash), hash)?.map_err(DatabaseError::from_missing)
	}

	/// Tells the housekeeper which block is final.
	pub fn note_final(&self, number: BlockNumber, hash: Hash) -> Result<(), DatabaseError> {
		ask!(self.attached(), note_final, hash, number, hash)
	}

	/// For each extrinsic, the CTP that it is about, if it is a message. Not at genesis, whose state
	/// does not name the genesis hash yet.
	pub fn message_ids(
		&self,
		at: Hash,
		extrinsics: Vec<Vec<u8>>,
	) -> Result<Vec<Option<CtpId>>, DatabaseError> {
		ask!(self.plain(), message_ids, at, extrinsics)
	}

	/// The messages that a sidecar was made of, as the runtime at `at` writes them.
	pub fn messages_of(&self, at: Hash, sidecar: Vec<u8>) -> Result<Vec<Vec<u8>>, DatabaseError> {
		ask!(self.plain(), messages_of, at, sidecar)
	}

	/// For each extrinsic, whether it is a message that may still enter a block on top of the final
	/// block `hash`. A receipt counts as long as its commitment is among those asked about.
	pub fn still_useful(
		&self,
		hash: Hash,
		extrinsics: Vec<Vec<u8>>,
	) -> Result<Vec<bool>, DatabaseError> {
		ask!(self.attached(), still_useful, hash, hash, extrinsics)?
			.map_err(DatabaseError::from_missing)
	}

	/// What a block's body settled, as the runtime at `at` reads it. Not at genesis.
	pub fn settlements(
		&self,
		at: Hash,
		body: Vec<Vec<u8>>,
	) -> Result<Vec<SettledCtp>, DatabaseError> {
		ask!(self.plain(), settlements, at, body)
	}

	/// What was paid for each trade of block `at`.
	pub fn paid(&self, at: Hash) -> Result<Vec<PaidCtp>, DatabaseError> {
		ask!(self.plain(), paid, at)
	}

	/// An offer, as it was after block `at`.
	pub fn offer(&self, at: Hash, id: OfferId) -> Result<Option<OfferInfo>, DatabaseError> {
		ask!(self.plain(), offer, at, id)
	}

	/// A vault, as it was after block `at`.
	pub fn vault(&self, at: Hash, id: VaultId) -> Result<Option<VaultInfo>, DatabaseError> {
		ask!(self.plain(), vault, at, id)
	}

	/// The backbone nodes listed after block `at`.
	pub fn backbone(&self, at: Hash) -> Result<Vec<BackboneNode>, DatabaseError> {
		ask!(self.plain(), backbone, at)
	}

	/// What settling one CTP cost after block `at`.
	pub fn fee(&self, at: Hash) -> Result<Money, DatabaseError> {
		ask!(self.plain(), fee, at)
	}

	/// The parameters that govern the block after `at`.
	pub fn parameters(&self, at: Hash) -> Result<Parameters, DatabaseError> {
		ask!(self.plain(), parameters, at)
	}
}
