//! What the pallet stores and what it tells those who ask.

use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
	traits::ConstU32, BoundedVec, CloneNoBound, DebugNoBound, EqNoBound, PartialEqNoBound,
};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;
use spb_primitives::{
	relay::PEER_LENGTH, AccountId, BlockNumber, Energy, ManufacturerId, MeterKey, MeterSignature,
	Money, OfferId, Parameters, Price, Settlement, VaultId,
};

pub use spb_primitives::relay::{ContactKey, NodeIdentifier};

/// The greatest number of rows that one query answers.
pub const MAX_PAGE: u32 = 1_000;

/// How an energy account was opened (paper section II-B).
#[derive(
	Clone,
	PartialEq,
	Eq,
	Debug,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum OpenedBy {
	/// By burning this much.
	Burn {
		/// What was burned.
		amount: Money,
	},
	/// By the certificate of an energy company.
	Certificate {
		/// The company.
		company: AccountId,
	},
}

/// A producer's registration and the totals of its trades.
#[derive(
	Clone,
	PartialEq,
	Eq,
	Debug,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub struct EnergyAccount {
	/// How it was opened.
	pub opened_by: OpenedBy,
	/// Energy sold in all trades, Wh. In storage, these three leave out the offers whose records are
	/// still there; `SpbApi_energy_account` counts them too.
	pub sold_wh: u64,
	/// Money earned in all trades.
	pub earned: Money,
	/// Number of trades.
	pub trades: u64,
	/// Offers whose records are still there, closed ones included.
	pub offers: u32,
	/// What is held for the record.
	pub deposit: Money,
}

impl EnergyAccount {
	/// Adds what was sold to the totals, which stop at what can be counted.
	pub fn count(&mut self, sales: &Sales) {
		let mut totals = Sales { sold_wh: self.sold_wh, earned: self.earned, trades: self.trades };
		totals.count(sales);
		(self.sold_wh, self.earned, self.trades) = (totals.sold_wh, totals.earned, totals.trades);
	}
}

/// What was sold in some trades.
#[derive(
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct Sales {
	/// Energy, Wh.
	pub sold_wh: u64,
	/// What arrived of its payment.
	pub earned: Money,
	/// Number of trades.
	pub trades: u64,
}

impl Sales {
	/// Nothing.
	pub const NONE: Self = Self { sold_wh: 0, earned: Money::ZERO, trades: 0 };

	/// Adds others. Each sum stops at what can be counted.
	pub fn count(&mut self, others: &Self) {
		self.sold_wh = self.sold_wh.saturating_add(others.sold_wh);
		self.earned = self.earned.checked_add(others.earned).unwrap_or(Money::MAX);
		self.trades = self.trades.saturating_add(others.trades);
	}
}

/// On which terms an offer sells.
#[derive(
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub enum Terms {
	/// At the listed price.
	Listed,
	/// At the listed price, or below it with a quote.
	Negotiable,
	/// With a quote only.
	QuoteOnly,
}

/// A block of energy for sale.
#[derive(
	Clone,
	PartialEq,
	Eq,
	Debug,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub struct Offer {
	/// Who sells.
	pub producer: AccountId,
	/// What is left, Wh; open CTPs still count as left.
	pub available: Energy,
	/// The listed price.
	pub price: Price,
	/// The terms.
	pub terms: Terms,
	/// Where to negotiate.
	pub contact: ContactKey,
	/// The block at which it was closed to new CTPs.
	pub closed_at: Option<BlockNumber>,
	/// What is held for the record.
	pub deposit: Money,
}

/// What is stored of an offer: itself and what was sold of it. Its sales are in its own record, which
/// a settlement writes anyway, and go to its producer's account with it.
#[derive(
	Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct OfferRecord {
	/// The offer.
	pub offer: Offer,
	/// What was sold of it so far.
	pub sales: Sales,
}

/// Money on its way out of a vault.
#[derive(
	Clone,
	Copy,
	PartialEq,
	Eq,
	Debug,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub struct Withdrawal {
	/// How much.
	pub amount: Money,
	/// The block that took it out of what new CTPs may use.
	pub requested_at: BlockNumber,
}

impl Withdrawal {
	/// The first block at which it can be paid out: by then no CTP can draw on it.
	///
	/// By the parameters that govern then and not at the request, because a change of them may
	/// have let open CTPs live longer.
	pub fn payable_at(&self, parameters: &Parameters) -> BlockNumber {
		// A CTP that entered in the very block of the request, whose seal came before it, is gone
		// when the seal of this many blocks later is through.
		self.requested_at.saturating_add(parameters.longest_claim()).saturating_add(1)
	}
}

/// A consumer's money set aside for trading.
#[derive(
	Clone,
	PartialEq,
	Eq,
	Debug,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub struct Vault {
	/// Whose money it is.
	pub owner: AccountId,
	/// How much is on hold.
	pub held: Money,
	/// What is on its way out.
	pub withdrawal: Option<Withdrawal>,
	/// What is held for the record.
	pub deposit: Money,
}

impl Vault {
	/// What CTPs may commit, those that are open included.
	pub fn spendable(&self) -> Money {
		let pending = self.withdrawal.map_or(Money::ZERO, |w| w.amount);
		self.held.saturating_sub(pending)
	}
}

/// What is stored of a vault: all but what it holds, which its owner's hold says. So a settlement
/// writes no record of a vault.
#[derive(
	Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct VaultRecord {
	/// Whose money it is.
	pub owner: AccountId,
	/// What is on its way out.
	pub withdrawal: Option<Withdrawal>,
	/// What is held for the record.
	pub deposit: Money,
}

impl VaultRecord {
	/// The vault that holds this much.
	pub fn holding(self, held: Money) -> Vault {
		let Self { owner, withdrawal, deposit } = self;
		Vault { owner, held, withdrawal, deposit }
	}
}

/// Who certifies the keys built into meters.
#[derive(
	Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Manufacturer {
	/// Its key.
	pub key: MeterKey,
	/// Whether its certificates count.
	pub active: bool,
}

/// Bytes of a backbone node's RPC address at the most.
pub const MAX_ADDRESS: u32 = 128;

/// A node that carries letters between participants (docs/protocol.md, section 10).
#[derive(
	Clone,
	PartialEq,
	Eq,
	Debug,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub struct BackboneNode {
	/// Who runs it.
	pub owner: AccountId,
	/// Where it lies among keys: blake2-256 of its peer id.
	pub identifier: NodeIdentifier,
	/// Its libp2p peer id, by which other nodes reach it.
	pub peer: BoundedVec<u8, ConstU32<{ PEER_LENGTH as u32 }>>,
	/// Its RPC address (`ws://` or `wss://`), by which participants reach it.
	pub address: BoundedVec<u8, ConstU32<MAX_ADDRESS>>,
	/// What is held for the record.
	pub deposit: Money,
}

/// A meter that certifies the trees of others, when it is asked to over the backbone.
#[derive(
	Clone,
	PartialEq,
	Eq,
	Debug,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[serde(rename_all = "camelCase")]
pub struct ListedMeter {
	/// Its key.
	pub key: MeterKey,
	/// Who listed it.
	pub owner: AccountId,
	/// Who made it.
	pub manufacturer: ManufacturerId,
	/// The manufacturer's signature over its key.
	pub certificate: MeterSignature,
	/// Where to write to it.
	pub contact: ContactKey,
	/// What is held for the record.
	pub deposit: Money,
}

/// A part of the list of meters.
#[derive(
	Clone,
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
#[serde(rename_all = "camelCase")]
pub struct MeterPage {
	/// Those whose signatures count. There may be none, also where more come after.
	pub meters: Vec<ListedMeter>,
	/// After which key the next part begins; none where this is the last.
	pub next: Option<MeterKey>,
}

/// The parameters in force, and those that a change has replaced until their claims have run out.
#[derive(
	Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct ParameterSet {
	/// Those last set.
	pub current: Parameters,
	/// Those before, and the last block at which the larger of both govern.
	pub previous: Option<(Parameters, BlockNumber)>,
}

impl ParameterSet {
	/// The set after `new` parameters come into force at block `now`, as an upgrade's migration
	/// stores it: while claims under the old ones may be open, the larger of both govern.
	#[must_use]
	pub fn change(&self, new: Parameters, now: BlockNumber) -> Self {
		let old = self.at(now);
		let until = now.saturating_add(new.larger(&old).longest_claim());
		Self { current: new, previous: Some((old, until)) }
	}

	/// What governs at block `now` all that was committed before and may be open still.
	pub fn at(&self, now: BlockNumber) -> Parameters {
		match &self.previous {
			Some((previous, until)) if now <= *until => self.current.larger(previous),
			_ => self.current,
		}
	}

	/// The longest lifetime of a CTP that enters. A change counts for it at once, so that all claims
	/// under the old parameters have run out when the larger of both cease to govern.
	pub fn entry_lifetime(&self) -> BlockNumber {
		self.current.max_lifetime
	}
}

/// What the inherent of a block brings: the only way a trade enters the chain.
#[derive(
	CloneNoBound,
	PartialEqNoBound,
	EqNoBound,
	DebugNoBound,
	Encode,
	Decode,
	DecodeWithMemTracking,
	TypeInfo,
)]
#[scale_info(skip_type_params(MaxSettlements))]
pub struct Seal<MaxSettlements: frame_support::traits::Get<u32>> {
	/// The root of the CTP database after the block.
	pub database_root: H256,
	/// blake2-256 of the encoded sidecar.
	pub sidecar_hash: H256,
	/// What settles in this block.
	pub settlements: BoundedVec<Settlement, MaxSettlements>,
}

/// Which offers to list.
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
#[serde(rename_all = "camelCase", default)]
pub struct OfferFilter {
	/// Of this producer only.
	pub producer: Option<AccountId>,
	/// With at least this energy left.
	pub min_energy: Option<Energy>,
	/// At this price per kWh at most.
	pub max_price: Option<Price>,
	/// Closed offers too.
	pub closed: bool,
}

/// A part of a list: at most `limit` rows (1,000 at most) with numbers above `after`.
#[derive(
	Clone,
	Copy,
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
pub struct Page {
	/// The number of the last row already seen.
	pub after: Option<OfferId>,
	/// How many rows at the most.
	pub limit: u32,
}

/// An offer with its number.
#[derive(
	Clone,
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
#[serde(rename_all = "camelCase")]
pub struct OfferInfo {
	/// The number.
	pub id: OfferId,
	/// The record.
	#[serde(flatten)]
	pub offer: Offer,
}

/// A vault with its number.
#[derive(
	Clone,
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
#[serde(rename_all = "camelCase")]
pub struct VaultInfo {
	/// The number.
	pub id: VaultId,
	/// The record.
	#[serde(flatten)]
	pub vault: Vault,
	/// From which block on the pending withdrawal can be paid out.
	pub payable_at: Option<BlockNumber>,
}
