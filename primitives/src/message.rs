//! The messages of docs/protocol.md, section 3 (paper section II-B).

use crate::{
	signing::{Genesis, Tag},
	AccountId, BlockNumber, Energy, Hashing, MeterKey, MeterProof, MeterSignature, Money, OfferId,
	Refusal, VaultId,
};
use alloc::vec::Vec;
use codec::{Compact, Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use core::fmt;
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;
use sp_runtime::{
	traits::{Hash, Verify},
	MultiSignature,
};

macro_rules! hash_newtype {
	($(#[$doc:meta])* $name:ident) => {
		$(#[$doc])*
		#[derive(
			Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode,
			DecodeWithMemTracking, MaxEncodedLen, TypeInfo, Serialize, Deserialize,
		)]
		#[serde(transparent)]
		pub struct $name(pub H256);

		impl fmt::Debug for $name {
			fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
				write!(f, "{:?}", self.0)
			}
		}

		impl fmt::Display for $name {
			fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
				write!(f, "{:?}", self.0)
			}
		}

		impl AsRef<[u8]> for $name {
			fn as_ref(&self) -> &[u8] {
				self.0.as_bytes()
			}
		}
	};
}

hash_newtype! {
	/// What names a CTP: blake2-256 of a tag, the genesis hash and the encoded [`Ctp`].
	CtpId
}
hash_newtype! {
	/// blake2-256 of a one-time meter key: it shows that the key exists, not the key.
	ReceiptKey
}

/// Bytes of a block that a settlement takes at the most.
pub const SETTLEMENT_BYTES: u32 = 125;

/// Each vault and each CoE has this many places for messages in the pool.
pub const POOL_SLOTS: u8 = 64;

impl CtpId {
	/// The id of `ctp` on the chain with this genesis.
	pub fn of(ctp: &Ctp, genesis: &Genesis) -> Self {
		Self(Hashing::hash(&Tag::CtpId.payload(genesis, ctp)))
	}

	/// Which of its vault's places in the pool the CTP takes.
	pub fn pool_slot(&self) -> u8 {
		self.0.as_bytes()[31] % POOL_SLOTS
	}
}

impl ReceiptKey {
	/// The receipt key of a one-time meter key.
	pub fn of(key: &MeterKey) -> Self {
		Self(Hashing::hash(&key.0))
	}
}

/// Commit To Pay: the consumer's money on hold for energy (paper section II-B).
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct Ctp {
	/// The vault that pays.
	#[codec(compact)]
	pub vault: VaultId,
	/// The offer that delivers.
	#[codec(compact)]
	pub offer: OfferId,
	/// The energy asked for, Wh.
	#[codec(compact)]
	pub energy: Energy,
	/// All that the consumer can lose, fee included.
	#[codec(compact)]
	pub amount: Money,
	/// The last block at which the ERC may be made.
	#[codec(compact)]
	pub expiry: BlockNumber,
	/// blake2-256 of the one-time meter key that will sign the ERC.
	pub receipt_key: ReceiptKey,
}

// By hand, because the derived one takes compact fields to be as long as plain ones.
impl MaxEncodedLen for Ctp {
	fn max_encoded_len() -> usize {
		Compact::<VaultId>::max_encoded_len()
			+ Compact::<OfferId>::max_encoded_len()
			+ Compact::<u32>::max_encoded_len()
			+ Compact::<u128>::max_encoded_len()
			+ Compact::<BlockNumber>::max_encoded_len()
			+ ReceiptKey::max_encoded_len()
	}
}

impl Ctp {
	/// What the vault's owner signs.
	pub fn payload(&self, genesis: &Genesis) -> Vec<u8> {
		Tag::Ctp.payload(genesis, self)
	}
}

/// A CTP with its consumer's signature: an entry of the database and, once settled, of the chain.
#[derive(
	Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct SignedCtp {
	/// What is committed.
	pub ctp: Ctp,
	/// By the vault's owner.
	pub signature: MultiSignature,
}

impl SignedCtp {
	/// Whether `owner` signed this CTP for this chain.
	pub fn verify(&self, owner: &AccountId, genesis: &Genesis) -> Result<(), Refusal> {
		let signed = self.signature.verify(&self.ctp.payload(genesis)[..], owner);
		signed.then_some(()).ok_or(Refusal::BadSignature)
	}

	/// Bytes of a block that its settlement takes at the most: when all its energy was delivered.
	pub fn settlement_bytes(&self) -> usize {
		self.encoded_size() + Compact(self.ctp.energy.wh()).encoded_size()
	}

	/// R2: whether its settlement takes no more than [`SETTLEMENT_BYTES`].
	pub fn check_length(&self) -> Result<(), Refusal> {
		let fits = self.settlement_bytes() <= SETTLEMENT_BYTES as usize;
		fits.then_some(()).ok_or(Refusal::TooLong)
	}

	/// The entry's leaf in the database's tree.
	pub fn leaf(&self) -> H256 {
		Hashing::hash_of(self)
	}
}

/// A producer's consent to one CTP: its signature over the CTP's id.
pub type Quote = MultiSignature;

/// What a producer signs to quote for the CTP of this id.
pub fn quote_payload(id: &CtpId, genesis: &Genesis) -> Vec<u8> {
	Tag::Quote.payload(genesis, id)
}

/// Whether `quote` is the producer's for the CTP of this id.
pub fn verify_quote(
	quote: &Quote,
	id: &CtpId,
	producer: &AccountId,
	genesis: &Genesis,
) -> Result<(), Refusal> {
	let signed = quote.verify(&quote_payload(id, genesis)[..], producer);
	signed.then_some(()).ok_or(Refusal::BadQuote)
}

/// Energy Receipt Confirmation: the meter's word that energy arrived (paper section II-B).
#[derive(
	Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Erc {
	/// The CTP that it confirms.
	pub ctp: CtpId,
	/// The energy received, Wh.
	pub delivered: Energy,
	/// The block at which the meter made it.
	pub at: BlockNumber,
	/// The one-time key whose hash the CTP names.
	pub key: MeterKey,
	/// By that key.
	pub signature: MeterSignature,
}

impl Erc {
	/// What the one-time key signs.
	pub fn payload(ctp: &CtpId, delivered: Energy, at: BlockNumber, genesis: &Genesis) -> Vec<u8> {
		Tag::Erc.payload(genesis, &(ctp, delivered, at))
	}

	/// Whether the one-time key signed this ERC for this chain.
	pub fn verify(&self, genesis: &Genesis) -> Result<(), Refusal> {
		let payload = Self::payload(&self.ctp, self.delivered, self.at, genesis);
		let signed = self.signature.verify(&payload[..], &self.key);
		signed.then_some(()).ok_or(Refusal::BadReceiptSignature)
	}

	/// R3: whether this ERC confirms its CTP in block `now`.
	pub fn confirms(&self, ctp: &Ctp, now: BlockNumber, genesis: &Genesis) -> Result<(), Refusal> {
		if ReceiptKey::of(&self.key) != ctp.receipt_key {
			return Err(Refusal::WrongReceiptKey);
		}
		if self.at > ctp.expiry {
			return Err(Refusal::ReceiptLate);
		}
		if self.at > now {
			return Err(Refusal::ReceiptFromFuture);
		}
		self.verify(genesis)
	}
}

/// An energy company's word for a producer, which opens an energy account without burning.
#[derive(
	Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Certificate {
	/// The producer.
	pub account: AccountId,
	/// The company, by its account.
	pub company: AccountId,
	/// The last block at which it opens an account.
	pub valid_until: BlockNumber,
	/// By the company.
	pub signature: MultiSignature,
}

impl Certificate {
	/// What the company signs.
	pub fn payload(
		account: &AccountId,
		company: &AccountId,
		valid_until: BlockNumber,
		genesis: &Genesis,
	) -> Vec<u8> {
		Tag::Certificate.payload(genesis, &(account, company, valid_until))
	}

	/// Whether the company it names signed it for this chain.
	pub fn verify(&self, genesis: &Genesis) -> bool {
		let payload = Self::payload(&self.account, &self.company, self.valid_until, genesis);
		self.signature.verify(&payload[..], &self.company)
	}
}

/// A CTP on its way into the database, with what proves that it may enter.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct Addition {
	/// The CTP.
	pub ctp: SignedCtp,
	/// That a genuine meter holds the receipt key.
	pub proof: MeterProof,
	/// The producer's consent, where the price or the offer's terms ask for it.
	pub quote: Option<Quote>,
}

/// What a block adds to the CTP database, and the receipts of what it settles.
#[derive(Clone, Default, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct Sidecar {
	/// The CTPs that enter, in order.
	pub added: Vec<Addition>,
	/// The ERCs of the block's settlements, in their order.
	pub receipts: Vec<Erc>,
}

impl Sidecar {
	/// What the header's digest names.
	pub fn hash(&self) -> H256 {
		Hashing::hash_of(self)
	}
}

/// What the chain stores of a completed trade.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct Settlement {
	/// The entry of the database, byte for byte.
	pub ctp: SignedCtp,
	/// The energy delivered, Wh.
	#[codec(compact)]
	pub delivered: Energy,
}

impl MaxEncodedLen for Settlement {
	fn max_encoded_len() -> usize {
		SignedCtp::max_encoded_len() + Compact::<u32>::max_encoded_len()
	}
}

/// What travels through the pool.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum Message {
	/// A CTP that asks to enter the database.
	Commit(Addition),
	/// An ERC, with the proof of its meter.
	Confirm(Erc, MeterProof),
}

#[cfg(test)]
mod tests;
