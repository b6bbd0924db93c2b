//! What goes wrong with a negotiation.

use crate::{
	connection::ConnectionError,
	error::{Classify, Kind},
	files::FileError,
	relay::RelayError,
	trade::TradeError,
};
use spb_primitives::{
	relay::{RefuseReason, SealError},
	Price,
};

/// What goes wrong with a negotiation.
#[derive(Debug, thiserror::Error)]
pub enum NegotiateError {
	/// The node.
	#[error(transparent)]
	Connection(#[from] ConnectionError),
	/// The backbone.
	#[error(transparent)]
	Relay(#[from] RelayError),
	/// The consumer's vault, meter or the offer.
	#[error(transparent)]
	Trade(#[from] TradeError),
	/// A file of the state directory, or a policy.
	#[error(transparent)]
	File(#[from] FileError),
	/// A policy that makes no sense.
	#[error("the policy cannot be used: {0}")]
	Policy(String),
	/// The producer refuses.
	#[error("the producer refuses: {0}")]
	Refused(RefuseReason),
	/// The producer asks for more than the consumer pays.
	#[error("the producer sells at {best} at the least, which is more than {most}")]
	TooExpensive {
		/// What it asked for.
		best: Price,
		/// The most that the consumer pays.
		most: Price,
	},
	/// The producer's quote does not hold.
	#[error("the producer's quote is not for the CTP that was agreed on")]
	BadQuote,
	/// Nobody answered in time.
	#[error("no answer came in time: the producer is not there, or somebody keeps letters back; try again, or choose another offer")]
	TimedOut,
	/// There is nothing to answer for.
	#[error("no open offer of this account can be negotiated about here: make one with `spb offer add --terms negotiable`")]
	NothingToAnswer,
	/// There is no agreement that fits.
	#[error("no agreement here is for this: {0}; negotiate with `spb negotiate`")]
	NoAgreement(&'static str),
}

impl From<SealError> for NegotiateError {
	fn from(error: SealError) -> Self {
		Self::Relay(error.into())
	}
}

impl Classify for NegotiateError {
	fn kind(&self) -> Kind {
		match self {
			Self::Connection(error) => error.kind(),
			Self::Relay(error) => error.kind(),
			Self::Trade(error) => error.kind(),
			Self::File(error) => error.kind(),
			Self::Policy(_) | Self::NoAgreement(_) => Kind::BadInput,
			Self::TimedOut => Kind::Failed,
			Self::Refused(_)
			| Self::TooExpensive { .. }
			| Self::BadQuote
			| Self::NothingToAnswer => Kind::Refused,
		}
	}

	fn code(&self) -> String {
		match self {
			Self::Connection(error) => return error.code(),
			Self::Relay(error) => return error.code(),
			Self::Trade(error) => return error.code(),
			Self::File(error) => return error.code(),
			Self::Policy(_) => "policy",
			Self::Refused(_) => "refused-by-producer",
			Self::TooExpensive { .. } => "too-expensive",
			Self::BadQuote => "bad-quote",
			Self::TimedOut => "no-answer",
			Self::NothingToAnswer => "nothing-to-answer",
			Self::NoAgreement(_) => "no-agreement",
		}
		.into()
	}
}
