//! What goes wrong between the client and its node.

use crate::error::{Classify, Kind};
use std::time::Duration;

/// What goes wrong between the client and its node.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
	/// The node's address is none.
	#[error("{0:?} is no node's address: write it like ws://127.0.0.1:9944 or wss://host")]
	BadUrl(String),
	/// There is no node at the address, or it has gone away.
	#[error("no connection to {url}: {reason}; is the node running?")]
	Unreachable {
		/// The address.
		url: String,
		/// What was tried and what came of it.
		reason: String,
	},
	/// The node refuses a request.
	#[error("the node refuses {method}: {message} ({code})")]
	Rpc {
		/// The request.
		method: String,
		/// The JSON-RPC error's code.
		code: i32,
		/// The JSON-RPC error's message.
		message: String,
		/// The JSON-RPC error's data.
		data: Option<String>,
	},
	/// The node answers something else than was asked for.
	#[error("the node's answer to {method} cannot be understood: {reason}")]
	Malformed {
		/// The request.
		method: String,
		/// What is wrong.
		reason: String,
	},
	/// The chain is not the one that this client was built for.
	#[error("the chain's runtime is not the one that this spb was built for: {0}; use the spb of its release")]
	Incompatible(String),
	/// The node does not know a block that it should.
	#[error("the node does not know block {0}")]
	UnknownBlock(String),
	/// The chain stands still.
	#[error("the node has brought no new block for {} seconds: the chain stands still", .0.as_secs())]
	Stalled(Duration),
	/// Something else that subxt reports.
	#[error("the node's answer cannot be used: {0}")]
	Subxt(Box<subxt::Error>),
}

impl Classify for ConnectionError {
	fn kind(&self) -> Kind {
		match self {
			Self::BadUrl(_) => Kind::BadInput,
			Self::Unreachable { .. } => Kind::NoConnection,
			Self::Rpc { .. }
			| Self::Malformed { .. }
			| Self::Incompatible(_)
			| Self::UnknownBlock(_)
			| Self::Stalled(_)
			| Self::Subxt(_) => Kind::Failed,
		}
	}

	fn code(&self) -> String {
		match self {
			Self::BadUrl(_) => "bad-url",
			Self::Unreachable { .. } => "unreachable",
			Self::Rpc { code, .. } => return format!("rpc{code}"),
			Self::Malformed { .. } => "malformed-answer",
			Self::Incompatible(_) => "incompatible-runtime",
			Self::UnknownBlock(_) => "unknown-block",
			Self::Stalled(_) => "stalled",
			Self::Subxt(_) => "unusable-answer",
		}
		.into()
	}
}
