//! What the runtime answers: [`SpbApi`] to people, [`CtpDatabaseApi`] to the node that carries the
//! database.

// The macro repeats the bounds of what it makes.
#![allow(clippy::multiple_bound_locations)]

use crate::types::{
	BackboneNode, EnergyAccount, ListedMeter, MeterPage, OfferFilter, OfferInfo, Page, VaultInfo,
};
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;
use spb_primitives::{
	AccountId, BlockNumber, CtpId, InclusionProof, Limits, MeterKey, MeterProof, Money, OfferId,
	Parameters, ReceiptKey, Refusal, Settlement, SignedCtp, VaultId,
};

/// What the import check says of a block. Every local failure is `Missing`.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Verdict {
	/// The sidecar proves the block; its database is stored.
	Ok,
	/// The node does not have what it needs to judge.
	Missing(Missing),
	/// The block breaks this rule.
	Bad(Refusal),
}

/// What a node needs and does not have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Missing {
	/// The database after this block (its hash).
	Database(H256),
	/// A stored part of a database that should be there.
	Node,
}

/// What an author puts into a block, and what else goes with it.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct Prepared {
	/// Content of the inherent data under [`crate::INHERENT_IDENTIFIER`], encoded: the seal and the
	/// empty seal beside it.
	pub inherent: Vec<u8>,
	/// The encoded sidecars that belong to the two seals.
	pub sidecars: Vec<Vec<u8>>,
	/// What became of each candidate, in order.
	pub outcomes: Vec<Outcome>,
}

/// What became of a candidate for a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Outcome {
	/// It is in the block.
	Taken,
	/// Not now; perhaps in a later block or on another fork.
	Later(Refusal),
	/// The block is full.
	NoRoom,
	/// It does not decode as a message.
	NoMessage,
}

/// Which open CTPs to list.
#[derive(
	Clone,
	Default,
	PartialEq,
	Eq,
	Debug,
	Encode,
	Decode,
	DecodeWithMemTracking,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct CtpFilter {
	/// Of this vault only.
	pub vault: Option<VaultId>,
	/// On this offer only.
	pub offer: Option<OfferId>,
}

impl CtpFilter {
	/// Whether a CTP is among those asked for.
	pub fn matches(&self, ctp: &spb_primitives::Ctp) -> bool {
		self.vault.is_none_or(|vault| vault == ctp.vault)
			&& self.offer.is_none_or(|offer| offer == ctp.offer)
	}
}

/// A CTP with its id.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct OpenCtp {
	/// The id.
	pub id: CtpId,
	/// The entry.
	pub signed: SignedCtp,
}

/// The CTP database after a block, counted and hashed anew from its entries.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct DatabaseSummary {
	/// The root over the stored entries.
	pub root: H256,
	/// Open CTPs.
	pub open: u32,
	/// Open CTPs of each expiry, in order.
	pub buckets: Vec<(BlockNumber, u32)>,
}

/// A settlement with its CTP's id and the producer it pays.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct SettledCtp {
	/// The id.
	pub id: CtpId,
	/// The settlement.
	pub settlement: Settlement,
}

/// What reached those who were to be paid for a trade; what they could not take is burned.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct PaidCtp {
	/// The CTP's id.
	pub id: CtpId,
	/// What the producer got.
	pub payment: Money,
	/// What the block's author got.
	pub fee: Money,
}

/// What a block did to the CTP database.
#[derive(Clone, Default, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct BlockChanges {
	/// CTPs that entered.
	pub added: Vec<OpenCtp>,
	/// CTPs that settled, with the energy delivered.
	pub settled: Vec<SettledCtp>,
	/// CTPs that were dropped.
	pub expired: Vec<OpenCtp>,
}

/// A step of restoring a database from its entries.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum RestoreStep {
	/// Forget whatever was begun before, and begin.
	Begin,
	/// The next entries, in ascending order of expiry and id, at most
	/// [`crate::database::restore::MAX_PART`].
	Entries(Vec<SignedCtp>),
	/// There are no more. To be repeated until the answer is [`Restoring::Done`].
	Finish,
}

/// How far restoring a database is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Restoring {
	/// There is more to do.
	More,
	/// The database is stored.
	Done,
}

/// Why a database is not restored. But for [`Self::NotBegun`], what came of it so far is discarded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum NotRestored {
	/// No restoration of this database is at this step.
	NotBegun,
	/// The header does not name a database.
	NoDigest,
	/// More entries at once than may be.
	PartTooLarge,
	/// An entry does not come after the one before it.
	OutOfOrder,
	/// More entries than a database may have.
	TooManyOpen,
	/// The entries are not those of the root that the header names.
	WrongRoot,
	/// What was stored of it is not there any more.
	Damaged,
}

sp_api::decl_runtime_apis! {
	/// What people and their programs ask the chain.
	pub trait SpbApi {
		/// Lifetimes, windows and the slot's length that govern the next block.
		fn parameters() -> Parameters;
		/// The longest lifetime of a CTP that enters the next block: less than that of `parameters`
		/// while a change that shortens it takes effect, because what is open keeps the longer one.
		fn entry_lifetime() -> BlockNumber;
		/// The runtime's limits, the fee among them.
		fn limits() -> Limits;
		/// What settling one CTP costs.
		fn fee() -> Money;
		/// Offers in order of their numbers.
		fn offers(filter: OfferFilter, page: Page) -> Vec<OfferInfo>;
		/// One offer.
		fn offer(id: OfferId) -> Option<OfferInfo>;
		/// One vault.
		fn vault(id: VaultId) -> Option<VaultInfo>;
		/// The vault of an account.
		fn vault_of(owner: AccountId) -> Option<VaultInfo>;
		/// The energy account of a producer.
		fn energy_account(producer: AccountId) -> Option<EnergyAccount>;
		/// Whether a meter proof would let a CTP that names `key` enter the next block.
		fn check_meter_proof(key: ReceiptKey, proof: MeterProof) -> Result<(), Refusal>;
		/// The backbone nodes, in order of their identifiers.
		fn backbone() -> Vec<BackboneNode>;
		/// Of the `limit` (1 to 1,000) listed meters that come after `after`, in an order that looks
		/// random, those whose signatures count.
		fn meters(after: Option<MeterKey>, limit: u32) -> MeterPage;
		/// How many meters are listed, those whose signatures count no longer included.
		fn meter_count() -> u32;
		/// A listed meter, if its signatures count.
		fn meter_of(key: MeterKey) -> Option<ListedMeter>;
	}

	/// The rules of the CTP database, for the node that carries it. All but `message_ids`,
	/// `messages_of`, `settlements` and `paid` need the node's off-chain database as an externality.
	pub trait CtpDatabaseApi {
		/// Judges candidates (encoded extrinsics, in order) for a block with this header on top of
		/// the block at which it is called, whose database must be stored.
		fn prepare(header: Block::Header, candidates: Vec<Vec<u8>>) -> Result<Prepared, Missing>;
		/// Judges a block (header without its consensus seal) and, if it is good, stores the
		/// database after it under `hash`. Called at the block's parent. Whatever is in the block,
		/// there is a verdict: its extrinsics are decoded here, not before.
		fn check(hash: H256, block: Block::LazyBlock, sidecar: Vec<u8>) -> Verdict;
		/// Restores the database after the block with this header, at which this is called, from
		/// its entries, step by step.
		fn restore(header: Block::Header, step: RestoreStep) -> Result<Restoring, NotRestored>;
		/// Whether the database after this block is stored.
		fn has_database(hash: H256) -> bool;
		/// Open CTPs after block `hash`, in order of expiry and id, at most `limit` (1,000), those
		/// after the entry `after` (expiry, id).
		fn entries(
			hash: H256,
			filter: CtpFilter,
			after: Option<(BlockNumber, CtpId)>,
			limit: u32,
		) -> Result<Vec<OpenCtp>, Missing>;
		/// One open CTP after block `hash`.
		fn entry(hash: H256, id: CtpId) -> Result<Option<OpenCtp>, Missing>;
		/// The database after block `hash`, from its entries.
		fn summary(hash: H256) -> Result<DatabaseSummary, Missing>;
		/// An entry's proof under the root that the header of block `hash` names.
		fn proof(hash: H256, id: CtpId) -> Result<Option<(OpenCtp, InclusionProof)>, Missing>;
		/// What block `hash` did to the database.
		fn changes(hash: H256) -> Result<BlockChanges, Missing>;
		/// Tells the housekeeper which block is final.
		fn note_final(number: BlockNumber, hash: H256);
		/// For each encoded extrinsic, the id of the CTP it is about, if it is a message of SPB.
		fn message_ids(extrinsics: Vec<Vec<u8>>) -> Vec<Option<CtpId>>;
		/// The messages that an encoded sidecar was made of, as encoded extrinsics, for a node that
		/// takes them back from an abandoned fork.
		fn messages_of(sidecar: Vec<u8>) -> Vec<Vec<u8>>;
		/// For each encoded extrinsic, whether it is a message that may still enter a block on top
		/// of the final block `hash`, at which this is called.
		fn still_useful(hash: H256, extrinsics: Vec<Vec<u8>>) -> Result<Vec<bool>, Missing>;
		/// What the seal among these encoded extrinsics (a block's body) settled.
		fn settlements(extrinsics: Vec<Vec<u8>>) -> Vec<SettledCtp>;
		/// What was paid for each trade of the block at which this is called.
		fn paid() -> Vec<PaidCtp>;
	}
}
