//! The parameters that govern lifetimes and limits.

use crate::{BlockNumber, Money};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};

/// Lifetimes and windows, in blocks, and the length of a slot. Set at genesis.
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
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parameters {
	/// A CTP enters the database at least this long before its expiry.
	pub min_lifetime: BlockNumber,
	/// A CTP enters the database at most this long before its expiry.
	pub max_lifetime: BlockNumber,
	/// How long after its expiry a CTP can settle with an ERC made in time.
	pub grace: BlockNumber,
	/// How long after finality the evidence of a block is kept and asked for.
	pub evidence_window: BlockNumber,
	/// The length of a slot in milliseconds.
	pub slot_duration: u64,
}

impl Parameters {
	/// The parameters of the development and local chains.
	pub const DEVELOPMENT: Self = Self {
		min_lifetime: 5,
		max_lifetime: 2_400,
		grace: 20,
		evidence_window: 2_400,
		slot_duration: 3_000,
	};

	/// The longest that a CTP can draw on its vault and offer after it was committed.
	pub fn longest_claim(&self) -> BlockNumber {
		self.max_lifetime.saturating_add(self.grace)
	}

	/// How long sidecars and databases are kept behind the last final block.
	pub fn retention(&self) -> BlockNumber {
		self.evidence_window.saturating_add(self.longest_claim())
	}

	/// The larger of each: what governs while a change of parameters takes effect.
	#[must_use]
	pub fn larger(&self, other: &Self) -> Self {
		Self {
			min_lifetime: self.min_lifetime,
			max_lifetime: self.max_lifetime.max(other.max_lifetime),
			grace: self.grace.max(other.grace),
			evidence_window: self.evidence_window.max(other.evidence_window),
			slot_duration: self.slot_duration,
		}
	}

	/// Whether a chain can live with these.
	pub fn check(&self) -> Result<(), &'static str> {
		if self.min_lifetime == 0 || self.min_lifetime >= self.max_lifetime {
			return Err("min_lifetime must be at least 1 and less than max_lifetime");
		}
		if self.grace == 0 || self.evidence_window == 0 {
			return Err("grace and evidence_window must be at least one block");
		}
		if self.slot_duration < 2 {
			return Err("slot_duration must be at least two milliseconds");
		}
		Ok(())
	}
}

/// The limits of the runtime, which follow from its code and not from genesis.
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
#[serde(rename_all = "camelCase")]
pub struct Limits {
	/// What settling one CTP costs, taken from its amount.
	pub fee: Money,
	/// The least amount a CTP may commit.
	pub min_amount: Money,
	/// Settlements in one block.
	pub max_settlements: u32,
	/// Open CTPs in the database.
	pub max_open: u32,
	/// Open CTPs of one vault.
	pub max_open_per_vault: u32,
	/// Bytes of an encoded sidecar.
	pub max_sidecar: u32,
}
