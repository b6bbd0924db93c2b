//! Where a node could lie, and does not.
//!
//! [`crate::service`] passes every part through here with which a node could deceive others. In the
//! node that is shipped each comes back as it is. With the feature `misbehaviour`, which only the
//! tests' `spb-node-hostile` is built with, `spb::misbehaviour` stands in its place and puts lies
//! around them.

#[cfg(feature = "misbehaviour")]
pub use super::misbehaviour::Hostile as Conduct;
#[cfg(not(feature = "misbehaviour"))]
pub use Honest as Conduct;

use super::{
	network::{peers::Peers, Protocols},
	Hash,
};
use jsonrpsee::core::RegisterMethodError;
use sc_service::SpawnTaskHandle;
use std::sync::Arc;

/// Of a node that lies nowhere.
#[derive(Clone, Default)]
pub struct Honest;

impl Honest {
	/// What prepares blocks on the chain with this genesis.
	pub fn rules<R>(&self, rules: R, _: Hash) -> R {
		rules
	}

	/// What makes proposers.
	pub fn proposers<F>(&self, factory: F) -> F {
		factory
	}

	/// What imports the node's own blocks.
	pub fn own_blocks<I>(&self, import: I) -> I {
		import
	}

	/// What serves sidecars.
	pub fn sidecars<A>(&self, server: A) -> A {
		server
	}

	/// What serves databases.
	pub fn databases<A>(&self, server: A) -> A {
		server
	}

	/// What carries packets of the backbone away from the node.
	pub fn relay<C>(&self, carrier: C, _: SpawnTaskHandle) -> C {
		carrier
	}

	/// What answers clients of the backbone.
	pub fn relay_calls<C>(&self, calls: C) -> Result<C, RegisterMethodError> {
		Ok(calls)
	}

	/// What else it does with its peers: nothing.
	pub fn among(&self, _: Arc<dyn Peers>, _: Protocols, _: SpawnTaskHandle) {}
}
