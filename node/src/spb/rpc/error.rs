//! Why a call is refused, with a code of its own for each reason.

use crate::spb::{runtime::DatabaseError, sidecars::SidecarError, store::StoreError, Hash};
use jsonrpsee::types::{
	error::{ErrorObject, INTERNAL_ERROR_CODE, INVALID_PARAMS_CODE},
	ErrorObjectOwned,
};

/// There is no such block on this node.
pub const UNKNOWN_BLOCK: i32 = 9_001;
/// The CTP database after the block is not stored on this node.
pub const NO_DATABASE: i32 = 9_002;
/// The history of trades is not indexed that far yet.
pub const NOT_INDEXED: i32 = 9_003;
/// The sidecar of the block is not stored on this node.
pub const NO_SIDECAR: i32 = 9_004;

/// Why a call is refused.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
	/// No block has this hash or this number.
	#[error("this node knows no block {0}")]
	UnknownBlock(String),
	/// A range that ends before it begins.
	#[error("the range ends at block {to}, before it begins at block {from}")]
	EmptyRange {
		/// Its first block.
		from: u32,
		/// Its last block.
		to: u32,
	},
	/// The history does not reach the range yet.
	#[error(
		"the history of trades reaches from block {first} to before {next}; block {asked} is not \
		 in it: try again later, or ask for another range"
	)]
	NotIndexed {
		/// The first block in it.
		first: u32,
		/// The first block after it.
		next: u32,
		/// The first block asked for.
		asked: u32,
	},
	/// The block's sidecar is not here.
	#[error(
		"the sidecar of block {0} is not stored on this node: it is older than what the node keeps, \
		 or was never here; ask a node that runs with --evidence-archive"
	)]
	NoSidecar(u32),
	/// The block has no sidecar.
	#[error("block {0} names no sidecar")]
	NamesNoSidecar(u32),
	/// The sidecars cannot be read.
	#[error(transparent)]
	Sidecars(#[from] SidecarError),
	/// The database does not answer.
	#[error(transparent)]
	Database(#[from] DatabaseError),
	/// The node's own store fails.
	#[error(transparent)]
	Store(#[from] StoreError),
	/// The chain's database fails.
	#[error("the chain's database fails: {0}")]
	Chain(#[from] sp_blockchain::Error),
	/// A stored entry has no proof under its header's root.
	#[error("the CTP database after block {0:?} does not have the root that the header names")]
	RootDiffers(Hash),
}

impl RpcError {
	fn code(&self) -> i32 {
		match self {
			Self::UnknownBlock(_) => UNKNOWN_BLOCK,
			Self::Database(DatabaseError::NoDatabase(_)) => NO_DATABASE,
			Self::NotIndexed { .. } => NOT_INDEXED,
			Self::NoSidecar(_) | Self::NamesNoSidecar(_) => NO_SIDECAR,
			Self::EmptyRange { .. } => INVALID_PARAMS_CODE,
			_ => INTERNAL_ERROR_CODE,
		}
	}
}

impl From<RpcError> for ErrorObjectOwned {
	fn from(error: RpcError) -> Self {
		ErrorObject::owned(error.code(), error.to_string(), None::<()>)
	}
}
