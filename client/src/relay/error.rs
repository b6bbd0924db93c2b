//! What goes wrong on the way through the backbone.

use crate::{
	connection::ConnectionError,
	error::{Classify, Kind},
	files::FileError,
};
use spb_primitives::relay::{ContactKey, NodeIdentifier, OpenError, SealError};
use std::time::Duration;

/// What goes wrong on the way through the backbone.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
	/// The node, or a backbone node.
	#[error(transparent)]
	Connection(#[from] ConnectionError),
	/// A file with a contact key.
	#[error(transparent)]
	File(#[from] FileError),
	/// A letter cannot be sealed.
	#[error("the letter cannot be sealed: {0}")]
	Seal(#[from] SealError),
	/// A backbone node says nothing: it cannot be reached, or keeps its answer to itself.
	#[error("the backbone node at {url} has not answered within {} seconds", .limit.as_secs_f32())]
	Silent {
		/// Its address.
		url: String,
		/// How long it was waited for.
		limit: Duration,
	},
	/// A backbone node's challenge is not sealed to the key that it is for.
	#[error("the backbone node at {url} gave a challenge that is not for this key: {reason}")]
	Challenge {
		/// Its address.
		url: String,
		/// Why it cannot be answered.
		reason: OpenError,
	},
	/// A backbone node is not the one that the chain lists at its address.
	#[error("the node at {url} is {found}, not {listed}, which the chain lists there")]
	AnotherNode {
		/// The address.
		url: String,
		/// Who is listed.
		listed: NodeIdentifier,
		/// Who answers.
		found: NodeIdentifier,
	},
	/// The secret of a contact key is in another state directory.
	#[error("the secret of contact key {0} is not in this state directory: name the one that made it with --dir")]
	NotOurs(ContactKey),
}

impl Classify for RelayError {
	fn kind(&self) -> Kind {
		match self {
			Self::Connection(error) => error.kind(),
			Self::File(error) => error.kind(),
			Self::Seal(SealError::BadKey) => Kind::Refused,
			Self::NotOurs(_) => Kind::BadInput,
			Self::Silent { .. } => Kind::NoConnection,
			Self::Seal(_) | Self::Challenge { .. } | Self::AnotherNode { .. } => Kind::Failed,
		}
	}

	fn code(&self) -> String {
		match self {
			Self::Connection(error) => return error.code(),
			Self::File(error) => return error.code(),
			Self::Seal(SealError::BadKey) => "bad-contact-key",
			Self::Seal(_) => "not-sealed",
			Self::Silent { .. } => "silent-node",
			Self::Challenge { .. } => "bad-challenge",
			Self::AnotherNode { .. } => "another-node",
			Self::NotOurs(_) => "contact-of-another",
		}
		.into()
	}
}
