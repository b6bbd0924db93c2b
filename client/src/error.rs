//! One error for all of the library, what it means to a script, and the exit codes of `spb`.
//!
//! Every module has an error of its own that says what went wrong and what to do. All of them
//! convert into [`Error`], and each says which [`Kind`] it is and which stable code names it.

use crate::{
	audit::AuditError, certify::CertifyError, connection::ConnectionError, files::FileError,
	keys::KeyError, meter::MeterError, negotiate::NegotiateError, relay::RelayError,
	trade::TradeError, tx::TxError,
};
use spb_primitives::Refusal;

/// What an error means to the one who called: it decides the exit code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
	/// Anything else: files, a node that answers what it should not, waiting too long.
	Failed,
	/// What was given cannot be used: correct it and try again.
	BadInput,
	/// The chain or the pool says no: the state does not allow it.
	Refused,
	/// There is no node to talk to.
	NoConnection,
}

impl Kind {
	/// The exit code of `spb`.
	pub fn exit_code(self) -> u8 {
		match self {
			Self::Failed => 1,
			Self::BadInput => 2,
			Self::Refused => 3,
			Self::NoConnection => 4,
		}
	}

	/// The name in `--output json`.
	pub fn name(self) -> &'static str {
		match self {
			Self::Failed => "failed",
			Self::BadInput => "bad-input",
			Self::Refused => "refused",
			Self::NoConnection => "no-connection",
		}
	}
}

/// What every error of the library can say of itself.
pub trait Classify: std::error::Error {
	/// What it means to the one who called.
	fn kind(&self) -> Kind;

	/// A stable name for this very error, for scripts: a [`Refusal`]'s or a pallet error's name, or
	/// a few words joined by hyphens.
	fn code(&self) -> String;
}

/// Whatever can go wrong in the library.
#[derive(Debug, thiserror::Error)]
pub enum Error {
	/// A file of the state directory or one that was named.
	#[error(transparent)]
	File(#[from] FileError),
	/// A key.
	#[error(transparent)]
	Key(#[from] KeyError),
	/// The node and the way to it.
	#[error(transparent)]
	Connection(#[from] ConnectionError),
	/// A transaction or a message for the pool.
	#[error(transparent)]
	Tx(#[from] TxError),
	/// The meter.
	#[error(transparent)]
	Meter(#[from] MeterError),
	/// A trade.
	#[error(transparent)]
	Trade(#[from] TradeError),
	/// An audit.
	#[error(transparent)]
	Audit(#[from] AuditError),
	/// The way through the backbone.
	#[error(transparent)]
	Relay(#[from] RelayError),
	/// A negotiation.
	#[error(transparent)]
	Negotiate(#[from] NegotiateError),
	/// Meters that certify each other.
	#[error(transparent)]
	Certify(#[from] CertifyError),
	/// An answer that cannot be written.
	#[error("the answer cannot be written: {0}")]
	Output(#[from] std::io::Error),
	/// What was done has been undone since, by someone else.
	#[error("{0}")]
	Undone(&'static str),
	/// Arguments that do not go together or cannot be used.
	#[error("{0}")]
	Input(String),
}

impl Error {
	/// Arguments that cannot be used, and why.
	pub fn input(reason: impl Into<String>) -> Self {
		Self::Input(reason.into())
	}
}

impl From<Refusal> for Error {
	fn from(refusal: Refusal) -> Self {
		Self::Tx(TxError::Refused(refusal))
	}
}

impl Classify for Error {
	fn kind(&self) -> Kind {
		match self {
			Self::File(error) => error.kind(),
			Self::Key(error) => error.kind(),
			Self::Connection(error) => error.kind(),
			Self::Tx(error) => error.kind(),
			Self::Meter(error) => error.kind(),
			Self::Trade(error) => error.kind(),
			Self::Audit(error) => error.kind(),
			Self::Relay(error) => error.kind(),
			Self::Negotiate(error) => error.kind(),
			Self::Certify(error) => error.kind(),
			Self::Output(_) | Self::Undone(_) => Kind::Failed,
			Self::Input(_) => Kind::BadInput,
		}
	}

	fn code(&self) -> String {
		match self {
			Self::File(error) => error.code(),
			Self::Key(error) => error.code(),
			Self::Connection(error) => error.code(),
			Self::Tx(error) => error.code(),
			Self::Meter(error) => error.code(),
			Self::Trade(error) => error.code(),
			Self::Audit(error) => error.code(),
			Self::Relay(error) => error.code(),
			Self::Negotiate(error) => error.code(),
			Self::Certify(error) => error.code(),
			Self::Output(_) => "output".into(),
			Self::Undone(_) => "undone".into(),
			Self::Input(_) => "bad-input".into(),
		}
	}
}

/// The result of most of the library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn exit_codes_should_tell_the_kinds_apart() {
		let kinds = [Kind::Failed, Kind::BadInput, Kind::Refused, Kind::NoConnection];
		assert_eq!(kinds.map(Kind::exit_code), [1, 2, 3, 4]);
	}

	#[test]
	fn refusals_should_name_themselves() {
		let error = Error::from(Refusal::VaultTooSmall);
		assert_eq!((error.kind(), error.code().as_str()), (Kind::Refused, "VaultTooSmall"));
		assert!(error.to_string().contains("R2"));
	}
}
