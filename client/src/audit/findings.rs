//! What an audit has found.

use crate::connection::Head;
use serde::{Serialize, Serializer};
use spb_primitives::{BlockNumber, CtpId, Refusal};
use std::{collections::BTreeMap, fmt};

macro_rules! checks {
	($($name:ident $json:literal $text:literal $unless:literal),* $(,)?) => {
		/// What is checked of a block and its evidence.
		#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
		pub enum Check {
			$(#[doc = $text] #[serde(rename = $json)] $name,)*
		}

		impl Check {
			/// All of them, in the order in which they are made.
			pub const ALL: &'static [Self] = &[$(Self::$name),*];

			/// The name in `--output json`.
			pub fn name(self) -> &'static str {
				match self { $(Self::$name => $json,)* }
			}

			/// What is checked.
			pub fn text(self) -> &'static str {
				match self { $(Self::$name => $text,)* }
			}

			/// Why it cannot always be checked.
			pub fn reason(self) -> &'static str {
				match self { $(Self::$name => $unless,)* }
			}
		}
	};
}

checks! {
	Seal "seal" "the body has one seal, which says what the header says" "",
	Sidecar "sidecar" "the sidecar is the one that the header names" "",
	Lifetime "lifetime" "each CTP was added within its lifetimes" "",
	Length "length" "the trade of each added CTP takes no more than 125 bytes of a block" "",
	ConsumerSignature "consumerSignature" "each added CTP is signed by its vault's owner"
		"the vault is gone, and the node has no state of that time: run it with --state-pruning archive",
	Quote "quote" "each quote is signed by the offer's producer"
		"the offer is gone, and the node has no state of that time: run it with --state-pruning archive",
	MeterProof "meterProof" "each added CTP names a key that a certified meter signed for" "",
	MeterStanding "meterStanding"
		"the manufacturer was active and the signing meter not revoked when the CTP was added"
		"the node has no state of that time: run it with --state-pruning archive",
	Receipt "receipt" "each settlement has its receipt: the CTP's key, signed, in time" "",
	Root "root" "the database follows from the one before and has the root that the header names"
		"the evidence of an earlier block does not give a database, and the node keeps none",
}

/// A block whose evidence does not hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Violation {
	/// The block.
	pub block: Head,
	/// The CTP, where it is about one.
	pub ctp: Option<CtpId>,
	/// What is wrong.
	#[serde(rename = "code", serialize_with = "name")]
	pub refusal: Refusal,
}

fn name<S: Serializer>(refusal: &Refusal, serializer: S) -> Result<S::Ok, S::Error> {
	serializer.serialize_str(refusal.name())
}

impl fmt::Display for Violation {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let Self { block, ctp, refusal } = self;
		write!(f, "block {} ({:?})", block.number, block.hash)?;
		if let Some(ctp) = ctp {
			write!(f, ", CTP {ctp}")?;
		}
		write!(f, ": {refusal}, {}", refusal.name())
	}
}

/// How often something could not be checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Skipped {
	/// How often.
	pub times: u32,
	/// In which block first.
	pub first: BlockNumber,
	/// In which block last.
	pub last: BlockNumber,
}

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Findings {
	/// Blocks looked at.
	pub blocks: u32,
	/// How often each check held.
	pub held: BTreeMap<Check, u32>,
	/// What could not be checked.
	pub skipped: BTreeMap<Check, Skipped>,
	/// What does not hold.
	pub violations: Vec<Violation>,
}

impl Default for Findings {
	fn default() -> Self {
		let held = Check::ALL.iter().map(|check| (*check, 0)).collect();
		Self { blocks: 0, held, skipped: BTreeMap::new(), violations: Vec::new() }
	}
}

impl Findings {
	pub(super) fn holds(&mut self, check: Check) {
		*self.held.entry(check).or_default() += 1;
	}

	pub(super) fn skipped(&mut self, check: Check, block: BlockNumber) {
		let begun = Skipped { times: 0, first: block, last: block };
		let skipped = self.skipped.entry(check).or_insert(begun);
		skipped.times += 1;
		skipped.last = block;
	}

	pub(super) fn violated(&mut self, block: Head, refusal: Refusal, ctp: Option<CtpId>) {
		self.violations.push(Violation { block, ctp, refusal });
	}
}
