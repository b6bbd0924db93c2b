//! What goes wrong with an evaluation.

use super::follower::What;
use crate::{node::NodeError, specification::SpecificationError, validators::ValidatorsError};
use spb_client::{
	connection::ConnectionError,
	error::{Classify, Kind},
	keys::KeyError,
	tx::TxError,
};
use std::{io, path::PathBuf, time::Duration};

/// What goes wrong with an evaluation.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
	/// Options that make no sense.
	#[error("{0}")]
	BadOptions(String),
	/// A file or a folder.
	#[error("cannot use {}: {source}", path.display())]
	File {
		/// Which.
		path: PathBuf,
		/// Why.
		source: io::Error,
	},
	/// Another evaluation writes there.
	#[error("another evaluation writes into {}: wait for it, or give another folder with --out", path.display())]
	Busy {
		/// The folder.
		path: PathBuf,
	},
	/// The figures of an earlier run cannot be read.
	#[error("{}:{line}: {reason}; measure anew with --fresh", path.display())]
	Records {
		/// The file.
		path: PathBuf,
		/// The line, from 1.
		line: usize,
		/// What is wrong with it.
		reason: String,
	},
	/// The specification of the chain.
	#[error(transparent)]
	Specification(#[from] SpecificationError),
	/// The validators.
	#[error(transparent)]
	Validators(#[from] ValidatorsError),
	/// A node.
	#[error(transparent)]
	Node(#[from] NodeError),
	/// The way to a node.
	#[error(transparent)]
	Connection(#[from] ConnectionError),
	/// A transaction or a message.
	#[error(transparent)]
	Tx(#[from] TxError),
	/// A key.
	#[error(transparent)]
	Key(#[from] KeyError),
	/// What the chain holds is not what was expected.
	#[error("{0}")]
	Unexpected(String),
	/// Something did not come.
	#[error("{what} did not come within {} s: the machine may be too busy; run the same command again to go on", limit.as_secs())]
	TimedOut {
		/// What.
		what: String,
		/// How long it was waited for.
		limit: Duration,
	},
	/// The node does not tell any more what happens.
	#[error("what happens on the chain cannot be followed: {0}")]
	Blind(String),
	/// The database under test.
	#[error("the database cannot be measured: {0}")]
	Database(String),
	/// A plot cannot be drawn.
	#[error("{} cannot be drawn: {reason}", path.display())]
	Plot {
		/// The file.
		path: PathBuf,
		/// Why.
		reason: String,
	},
	/// The yardstick on another platform.
	#[error("the EVM yardstick fails: {0}")]
	Evm(String),
	/// Parts that failed each time they were tried.
	#[error("not measured to the end: {0}; the rest is written, and the same command goes on")]
	Incomplete(String),
	/// A task was stopped.
	#[error("interrupted; run the same command again to go on where it stopped")]
	Interrupted,
}

impl EvaluationError {
	/// What the program ends with.
	pub fn exit_code(&self) -> u8 {
		match self {
			Self::BadOptions(_) => Kind::BadInput.exit_code(),
			Self::Connection(error) => error.kind().exit_code(),
			Self::Tx(error) => error.kind().exit_code(),
			Self::Interrupted => 130,
			_ => Kind::Failed.exit_code(),
		}
	}

	/// A payment that was seen and is in no block of the best chain any more.
	pub fn gone(payment: What) -> Self {
		Self::Unexpected(format!("{payment:?} was taken away by a fork"))
	}

	/// A file or a folder that cannot be used.
	pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
		let path = path.into();
		move |source| Self::File { path, source }
	}
}

/// The result of a part of an evaluation.
pub type Result<T, E = EvaluationError> = std::result::Result<T, E>;
