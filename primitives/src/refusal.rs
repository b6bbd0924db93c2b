//! Why a message or a block is refused: one list for the pool, the database's rules, the import
//! check and the client.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use core::fmt;
use scale_info::TypeInfo;

macro_rules! refusals {
	($($code:literal $rule:literal $name:ident $text:literal),* $(,)?) => {
		/// Why a message or a block is refused. The number of a variant is its code in
		/// `InvalidTransaction::Custom` and never changes.
		#[derive(
			Clone,
			Copy,
			PartialEq,
			Eq,
			Hash,
			Debug,
			Encode,
			Decode,
			DecodeWithMemTracking,
			MaxEncodedLen,
			TypeInfo,
		)]
		pub enum Refusal {
			$(#[doc = $text] #[codec(index = $code)] $name = $code,)*
		}

		impl Refusal {
			/// All of them, in order of their codes.
			pub const ALL: &'static [Self] = &[$(Self::$name),*];

			/// The rule that refuses: `R1` to `R4` of docs/protocol.md, section 7, `CoE` for the
			/// Certificate of Existence, `S4` for what the runtime checks of each block and of each
			/// settlement in it.
			pub fn rule(self) -> &'static str {
				match self { $(Self::$name => $rule,)* }
			}

			/// What is wrong and what to do.
			pub fn text(self) -> &'static str {
				match self { $(Self::$name => $text,)* }
			}

			/// The code in `InvalidTransaction::Custom`.
			pub fn code(self) -> u8 {
				self as u8
			}

			/// The refusal with this code.
			pub fn from_code(code: u8) -> Option<Self> {
				match code { $($code => Some(Self::$name),)* _ => None }
			}

			/// The variant's name, for logs and scripts.
			pub fn name(self) -> &'static str {
				match self { $(Self::$name => stringify!($name),)* }
			}
		}
	};
}

refusals! {
	1 "R2" BadSignature "the CTP is not signed by the vault's owner for this chain",
	2 "R2" UnknownVault "there is no vault of this number: deposit first",
	3 "R2" UnknownOffer "there is no offer of this number: look at the list of offers",
	4 "R2" OfferClosed "the offer is closed: choose another",
	5 "R2" ExpiryTooSoon "the CTP would expire before it can settle: choose a later expiry",
	6 "R2" ExpiryTooFar "the CTP would stay open too long: choose an earlier expiry",
	7 "R2" AmountTooSmall "the amount is below the least a CTP may commit",
	8 "R2" NoEnergy "the CTP asks for no energy",
	9 "R2" VaultTooSmall "the vault does not cover this amount together with all open CTPs and a pending withdrawal: deposit more",
	10 "R2" OfferTooSmall "the offer does not have this energy left beside all open CTPs: ask for less",
	11 "R2" PriceTooLow "the amount less the fee is below the listed price: commit more or bring a quote",
	12 "R2" QuoteRequired "this offer is sold by quote only: negotiate first",
	13 "R2" BadQuote "the quote is not the producer's for this very CTP",
	14 "R2" AlreadyOpen "this CTP is already in the database",
	15 "S4" AlreadySettled "this CTP has settled already",
	16 "R2" ReceiptKeyInUse "another open CTP of this vault names the same receipt key: use the meter's next key",
	17 "R2" VaultFull "the vault has as many open CTPs as it may: wait for one to settle or expire",
	18 "R2" DatabaseFull "the CTP database is full: try again later",
	19 "R2" TooLong "the trade would take more than 125 bytes of a block: commit to less, or from an sr25519 or ed25519 account",
	20 "CoE" TreeSize "a tree of receipt keys has between 1 and 65536 leaves",
	21 "CoE" LeafIndex "the leaf's index or its path's length is not one of this tree",
	22 "CoE" NotInTree "the receipt key is not a leaf of the certified tree",
	23 "CoE" CoeOutOfDate "the Certificate of Existence has run out: request a new one",
	24 "CoE" UnknownManufacturer "the manufacturer of the signing meter is not registered or is retired",
	25 "CoE" MeterRevoked "the meter that signed the tree has been revoked: have another meter sign",
	26 "CoE" BadMeterCertificate "the signing meter's key is not certified by its manufacturer",
	27 "CoE" BadCoeSignature "the tree is not signed by the meter that the certificate names",
	30 "R3" UnknownCtp "no such CTP is in the database",
	31 "R3" WrongReceiptKey "the ERC's key is not the one that the CTP names",
	32 "R3" BadReceiptSignature "the ERC is not signed by its one-time key for this chain",
	33 "S4" BadDelivery "delivered energy must be above zero and at most what the CTP asks for",
	34 "R3" ReceiptLate "the ERC was made after the CTP's expiry",
	35 "R3" ReceiptFromFuture "the ERC claims to be made at a block that is still to come",
	36 "S4" TooLateToSettle "the grace period after the CTP's expiry is over",
	37 "S4" SettlementTooEarly "the CTP's expiry is further ahead than any lifetime allows",
	40 "R1" SealMissing "the block has not exactly one seal in its body and one in its header",
	41 "R1" SidecarTooLarge "the sidecar has more bytes or more additions than it may",
	42 "R1" SidecarMismatch "the sidecar is not the one that the header names, or does not decode",
	43 "R3" ReceiptsMismatch "receipts and settlements do not match one to one, in order",
	44 "R4" RootMismatch "the database's root is not the one that the header names",
	45 "S4" BadExtrinsic "an extrinsic of the block does not decode",
	46 "S4" DoesNotFollow "the block's number or slot does not come after its parent's",
}

impl fmt::Display for Refusal {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "{} ({})", self.text(), self.rule())
	}
}

impl core::error::Error for Refusal {}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn codes_should_be_unique_and_lead_back() {
		for refusal in Refusal::ALL {
			assert_eq!(Refusal::from_code(refusal.code()), Some(*refusal));
			assert_eq!(refusal.encode(), [refusal.code()]);
		}
		assert_eq!(Refusal::from_code(0), None);
		assert_eq!(Refusal::from_code(255), None);
	}
}
