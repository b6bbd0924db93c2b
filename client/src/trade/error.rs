//! What goes wrong with a trade.

use crate::{
	connection::ConnectionError,
	error::{Classify, Kind},
	meter::MeterError,
	tx::TxError,
};
use spb_primitives::{BlockNumber, CtpId, Energy, Money, OfferId, Refusal};

/// What goes wrong with a trade.
#[derive(Debug, thiserror::Error)]
pub enum TradeError {
	/// The node.
	#[error(transparent)]
	Connection(#[from] ConnectionError),
	/// The pool.
	#[error(transparent)]
	Tx(#[from] TxError),
	/// The meter.
	#[error(transparent)]
	Meter(#[from] MeterError),
	/// A rule of the chain, seen before anything was submitted.
	#[error(transparent)]
	Refused(#[from] Refusal),
	/// A rule of the chain, seen before anything was submitted, with the figures.
	#[error("{refusal}: {detail}")]
	Short {
		/// The rule.
		refusal: Refusal,
		/// What there is and what is needed.
		detail: String,
	},
	/// The producer sells nothing that fits.
	#[error("no offer of this producer suffices for {energy} at {amount}: {reason}")]
	NoOffer {
		/// What was asked for.
		energy: Energy,
		/// What was to be paid, the fee left out.
		amount: Money,
		/// Why its offers do not do.
		reason: String,
	},
	/// The named offer belongs to someone else.
	#[error("offer {0} is another producer's")]
	OfferOfAnother(OfferId),
	/// The offer sells at its listed price only.
	#[error("offer {0} is sold at its listed price: commit with `spb ctp`, or choose a negotiable offer")]
	NothingToNegotiate(OfferId),
	/// The offer names nobody to write to.
	#[error("offer {0} takes no letters: it names no contact key; a quote has to come another way, with `spb ctp --prepare` and `spb offer quote`")]
	NoContact(OfferId),
	/// A lifetime that no CTP can have.
	#[error("a CTP lives between {least} and {most} blocks, not {lifetime}")]
	Lifetime {
		/// What was asked for.
		lifetime: BlockNumber,
		/// The least.
		least: BlockNumber,
		/// The most.
		most: BlockNumber,
	},
	/// The quote is for none of the CTPs that were prepared.
	#[error("the quote is for no CTP that was prepared like this: prepare one with `spb ctp --prepare`, then ask the producer for a quote for its id")]
	NoSuchQuote,
	/// The connection broke while a CTP was handed to the pool.
	#[error("{source}; whether CTP {id} has reached the pool is not known: look for it with `spb ctps` before you commit again")]
	Unclear {
		/// The CTP.
		id: CtpId,
		/// What happened.
		source: ConnectionError,
	},
	/// The CTP expired before it got where it was waited for.
	#[error("CTP {id} expired at block {expiry} and has not settled; its money is free again")]
	Expired {
		/// The CTP.
		id: CtpId,
		/// Its expiry.
		expiry: BlockNumber,
	},
	/// The CTP never entered the database.
	#[error("CTP {id} did not enter the database before block {expiry}: no author took it, perhaps because vault or offer did not cover it")]
	NeverEntered {
		/// The CTP.
		id: CtpId,
		/// Its expiry.
		expiry: BlockNumber,
	},
}

impl Classify for TradeError {
	fn kind(&self) -> Kind {
		match self {
			Self::Connection(error) | Self::Unclear { source: error, .. } => error.kind(),
			Self::Tx(error) => error.kind(),
			Self::Meter(error) => error.kind(),
			Self::Lifetime { .. } | Self::NoSuchQuote | Self::OfferOfAnother(_) => Kind::BadInput,
			Self::Refused(_)
			| Self::Short { .. }
			| Self::NoOffer { .. }
			| Self::NothingToNegotiate(_)
			| Self::NoContact(_)
			| Self::Expired { .. }
			| Self::NeverEntered { .. } => Kind::Refused,
		}
	}

	fn code(&self) -> String {
		match self {
			Self::Connection(error) => return error.code(),
			Self::Tx(error) => return error.code(),
			Self::Meter(error) => return error.code(),
			Self::Refused(refusal) | Self::Short { refusal, .. } => refusal.name(),
			Self::NoOffer { .. } => "no-offer",
			Self::OfferOfAnother(_) => "offer-of-another",
			Self::NothingToNegotiate(_) => "nothing-to-negotiate",
			Self::NoContact(_) => "no-contact",
			Self::Unclear { .. } => "unclear",
			Self::Lifetime { .. } => "lifetime",
			Self::NoSuchQuote => "no-such-quote",
			Self::Expired { .. } => "expired",
			Self::NeverEntered { .. } => "never-entered",
		}
		.into()
	}
}
