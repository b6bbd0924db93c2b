//! Everything that a plain Substrate node does not have.
//!
//! A message (CTP or ERC) arrives in the transaction pool, which validates and gossips it. [`feed`]
//! copies it into the [`inbox`], from which [`proposer`] has the runtime prepare the seal of a
//! block; [`pool`] hides it from the ordinary proposer. [`import`] stands between Aura and GRANDPA
//! and has the runtime judge every block by its sidecar, which [`sidecars`] keeps and [`network`]
//! exchanges with peers; what could not be judged is marked in [`unjudged`]. [`finality`]
//! tidies up behind the last final block, [`indexer`] writes the history of [`trades`], [`events`]
//! tells what becomes of each CTP, and [`rpc`] answers for all of it. [`metrics`] counts what
//! operators see, and [`disk`] measures.
//!
//! Apart from all that, [`relay`] carries sealed letters between those who negotiate.
//!
//! Whatever a node could deceive others with goes through [`conduct`], which leaves it as it is
//! unless the node was built to misbehave.
//!
//! Signatures that the runtime asks about outside the execution of blocks are verified once and on all
//! cores by [`verify`].
//!
//! No rule of SPB is decided here: [`runtime`] is the only way to them.

pub mod conduct;
pub mod disk;
#[cfg(test)]
mod doubles;
pub mod events;
pub mod feed;
pub mod finality;
pub mod import;
pub mod inbox;
pub mod indexer;
pub mod inherent;
pub mod message;
pub mod metrics;
#[cfg(feature = "misbehaviour")]
pub mod misbehaviour;
pub mod network;
pub mod pool;
pub mod proposer;
pub mod refold;
pub mod relay;
pub mod rpc;
pub mod runtime;
pub mod sidecars;
pub mod store;
pub mod trades;
pub mod unjudged;
pub mod verify;

use std::path::{Path, PathBuf};

/// The hash of a block.
pub type Hash = spb_runtime::Hash;
/// A block's header.
pub type Header = <spb_runtime::opaque::Block as sp_runtime::traits::Block>::Header;

/// The log target of the node's own parts.
pub const LOG_TARGET: &str = "spb";

/// Where a node keeps its own store: beside the chain's database.
pub fn store_path(data_path: &Path) -> PathBuf {
	data_path.join("spb")
}
