//! What is inside a packet: a signed word from one participant to another.

use super::{request::CoeRequest, types::ContactKey};
use crate::{
	signing::{Genesis, Tag},
	AccountId, BlockNumber, Coe, Ctp, CtpId, Energy, OfferId, Price, Quote, Refusal,
};
use alloc::vec::Vec;
use codec::{Decode, Encode, MaxEncodedLen};
use core::fmt;
use sp_runtime::{traits::Verify, MultiSignature};

/// Names one negotiation: random, chosen by who begins it.
pub type NegotiationId = [u8; 16];

/// All of a letter but its signature.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, MaxEncodedLen)]
pub struct Content {
	/// Who wrote it: of a producer the offer's producer, of anyone else a key that is fresh for each
	/// negotiation.
	pub author: AccountId,
	/// The key that it is sealed to, so that its recipient cannot pass it on as if it were for
	/// another.
	pub to: ContactKey,
	/// Where the answer goes.
	pub reply_to: ContactKey,
	/// The negotiation that it belongs to.
	pub negotiation: NegotiationId,
	/// Its number among the author's letters of this negotiation, from 0 on.
	pub sequence: u16,
	/// When it was written, in milliseconds since 1970.
	pub sent_at: u64,
	/// What it says.
	pub body: Body,
}

/// A signed letter.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, MaxEncodedLen)]
pub struct Letter {
	/// What is signed.
	pub content: Content,
	/// By the author, over its tag, the genesis hash and the content.
	pub signature: MultiSignature,
}

/// What a letter says.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, MaxEncodedLen)]
pub enum Body {
	/// A consumer asks a producer to sell at this price.
	#[codec(index = 0)]
	Ask {
		/// The offer.
		offer: OfferId,
		/// How much, Wh.
		energy: Energy,
		/// What the consumer would pay per kWh.
		price: Price,
	},
	/// The producer says at which price it would sell what was asked for.
	#[codec(index = 1)]
	CounterOffer {
		/// Per kWh.
		price: Price,
		/// For how many blocks it stands by it.
		valid_for: BlockNumber,
	},
	/// The consumer takes that price: this is the CTP that it wants a quote for.
	#[codec(index = 2)]
	Accept {
		/// The CTP that it would sign.
		ctp: Ctp,
	},
	/// The producer consents to that very CTP.
	#[codec(index = 3)]
	Quote {
		/// The id of the CTP.
		ctp: CtpId,
		/// The producer's signature over it.
		quote: Quote,
	},
	/// Either side ends the negotiation.
	#[codec(index = 4)]
	Refuse {
		/// Why.
		reason: RefuseReason,
	},
	/// A meter asks another to certify a tree of its receipt keys.
	#[codec(index = 5)]
	CoeRequest {
		/// The tree, and who asks.
		request: CoeRequest,
	},
	/// The other meter certifies it.
	#[codec(index = 6)]
	CoeSigned {
		/// The certificate.
		coe: Coe,
	},
	/// The other meter does not.
	#[codec(index = 7)]
	CoeRefused {
		/// Why.
		reason: CoeRefusal,
	},
}

/// Why a negotiation is ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Encode, Decode, MaxEncodedLen)]
pub enum RefuseReason {
	/// There is no such offer, or it is closed.
	#[codec(index = 0)]
	NoSuchOffer,
	/// The offer does not have this energy left.
	#[codec(index = 1)]
	NotEnough,
	/// The producer does not sell at this hour.
	#[codec(index = 2)]
	NotNow,
	/// The producer has too many negotiations already: ask again later.
	#[codec(index = 3)]
	Busy,
	/// More rounds than the producer takes part in.
	#[codec(index = 4)]
	TooManyRounds,
	/// The CTP is not what was agreed on.
	#[codec(index = 5)]
	OtherTerms,
	/// The counter-offer was valid no longer.
	#[codec(index = 6)]
	TooLate,
	/// The consumer does not pay this price.
	#[codec(index = 7)]
	TooExpensive,
	/// The letter makes no sense at this point.
	#[codec(index = 8)]
	OutOfTurn,
	/// The quote does not hold.
	#[codec(index = 9)]
	BadQuote,
}

impl fmt::Display for RefuseReason {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			Self::NoSuchOffer => "there is no such offer or it is closed: choose another",
			Self::NotEnough => "the offer does not have this energy left: ask for less",
			Self::NotNow => "the producer does not sell at this hour: ask again later",
			Self::Busy => "the producer has too many negotiations: ask again later",
			Self::TooManyRounds => "the producer bargains no further",
			Self::OtherTerms => "the CTP is not what was agreed on",
			Self::TooLate => "the counter-offer is valid no longer: ask again",
			Self::TooExpensive => "the consumer does not pay this price",
			Self::OutOfTurn => "the letter makes no sense at this point of the negotiation",
			Self::BadQuote => "the quote is not the producer's for this CTP",
		})
	}
}

/// Why a meter does not certify another's tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Encode, Decode, MaxEncodedLen)]
pub enum CoeRefusal {
	/// The request breaks this rule.
	#[codec(index = 0)]
	Rule(Refusal),
	/// It would be valid for longer than the signer answers for.
	#[codec(index = 1)]
	TooFar,
	/// A meter does not certify its own tree.
	#[codec(index = 2)]
	OwnTree,
	/// The signer has signed as much as it signs in this time.
	#[codec(index = 3)]
	Busy,
}

impl fmt::Display for CoeRefusal {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Rule(refusal) => fmt::Display::fmt(refusal, f),
			Self::TooFar => f.write_str("the signer answers for no tree for so long: ask for less"),
			Self::OwnTree => f.write_str("a meter does not certify its own tree: ask another"),
			Self::Busy => f.write_str("the signer signs no more for now: ask another"),
		}
	}
}

/// Why a letter does not count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LetterError {
	/// Its author did not sign it for this chain.
	BadSignature,
	/// It is for another key than the one that it came to.
	ForAnother,
}

impl fmt::Display for LetterError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			Self::BadSignature => "the letter is not signed by its author for this chain",
			Self::ForAnother => "the letter is for another key than the one that it came to",
		})
	}
}

impl core::error::Error for LetterError {}

impl Content {
	/// What the author signs.
	pub fn payload(&self, genesis: &Genesis) -> Vec<u8> {
		Tag::Letter.payload(genesis, self)
	}

	/// The letter with the signature that `sign` makes over the payload.
	pub fn sign(self, genesis: &Genesis, sign: impl FnOnce(&[u8]) -> MultiSignature) -> Letter {
		let signature = sign(&self.payload(genesis));
		Letter { content: self, signature }
	}
}

impl Letter {
	/// Whether its author signed it for this chain and for the key that it came to.
	pub fn verify(&self, to: &ContactKey, genesis: &Genesis) -> Result<(), LetterError> {
		if self.content.to != *to {
			return Err(LetterError::ForAnother);
		}
		let signed =
			self.signature.verify(&self.content.payload(genesis)[..], &self.content.author);
		signed.then_some(()).ok_or(LetterError::BadSignature)
	}
}

#[cfg(test)]
mod tests;
