//! What goes wrong where meters certify each other.

use crate::{
	connection::ConnectionError,
	error::{Classify, Kind},
	meter::{MeterError, VALIDITY_STEP},
	relay::RelayError,
	tx::TxError,
};
use spb_primitives::BlockNumber;

/// What goes wrong where meters certify each other.
#[derive(Debug, thiserror::Error)]
pub enum CertifyError {
	/// The node.
	#[error(transparent)]
	Connection(#[from] ConnectionError),
	/// The backbone.
	#[error(transparent)]
	Relay(#[from] RelayError),
	/// The meter.
	#[error(transparent)]
	Meter(#[from] MeterError),
	/// A transaction.
	#[error(transparent)]
	Tx(#[from] TxError),
	/// No other meter is listed that could be asked.
	#[error("the directory lists no other certified meter: ask by files with `spb meter coe request`, or again when one is listed")]
	NoCandidates,
	/// All that were asked refused or were silent.
	#[error("none of the {asked} meters that were asked has certified the tree; the last one: {last}; try again")]
	NobodySigned {
		/// How many were asked.
		asked: u32,
		/// What became of the last one.
		last: String,
	},
	/// No tree of this size would count as ready.
	#[error("a tree of {leaves} one-time keys never has the {margin} that count as ready: ask for more with --leaves, or be content with fewer with --margin")]
	TooSmall {
		/// How many keys were asked for.
		leaves: u32,
		/// How many have to be left.
		margin: u32,
	},
	/// A tree that counts for so few blocks might have to be replaced as soon as it is there.
	#[error("a certificate for {valid_for} blocks may be about to run out as soon as it is there, where {reserve} have to be left and certificates run out at multiples of {step}: ask for at least {least} with --valid-for, or be content with fewer with --reserve", step = VALIDITY_STEP)]
	TooShort {
		/// For how many blocks certificates were asked for.
		valid_for: BlockNumber,
		/// How many have to be left.
		reserve: BlockNumber,
		/// For how many they are to be asked for at the least.
		least: BlockNumber,
	},
	/// The meter is not listed, so nobody can write to it.
	#[error("the meter is not listed: run `spb meter list`")]
	NotListed,
}

impl Classify for CertifyError {
	fn kind(&self) -> Kind {
		match self {
			Self::Connection(error) => error.kind(),
			Self::Relay(error) => error.kind(),
			Self::Meter(error) => error.kind(),
			Self::Tx(error) => error.kind(),
			Self::NoCandidates | Self::NobodySigned { .. } => Kind::Refused,
			Self::TooSmall { .. } | Self::TooShort { .. } | Self::NotListed => Kind::BadInput,
		}
	}

	fn code(&self) -> String {
		match self {
			Self::Connection(error) => return error.code(),
			Self::Relay(error) => return error.code(),
			Self::Meter(error) => return error.code(),
			Self::Tx(error) => return error.code(),
			Self::NoCandidates => "no-candidates",
			Self::NobodySigned { .. } => "nobody-signed",
			Self::TooSmall { .. } => "tree-too-small",
			Self::TooShort { .. } => "validity-too-short",
			Self::NotListed => "not-listed",
		}
		.into()
	}
}
