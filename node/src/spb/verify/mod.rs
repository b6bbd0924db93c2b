//! Signatures outside the execution of blocks: each is verified once, on whichever core is free.
//!
//! The runtime's rules say which signatures count, and ask the host to verify them: in the pool, when
//! a block is prepared and when one is judged, mostly the same signatures each time. So the host
//! functions that verify ([`host`]) look whether the call that they are part of brought along a
//! [`VerifyExt`]. Where it did, that answers:
//!
//! * [`Verified`] remembers which signatures it found good, by key, message and signature, so many at
//!   the most. The pool has it ([`PoolClient`]);
//! * [`Ahead`] says at once that a signature is good and has it verified on another core while the
//!   runtime goes on. Whoever asked has to wait for it and to throw away what came out if one of the
//!   signatures was not good. A block is prepared and judged with it.
//!
//! Where a call brought nothing, as the execution of a block never does, the host verifies as it
//! always did. What is remembered never decides whether a block executes.

mod ahead;
mod client;
pub mod host;
mod kept_back;
mod memory;

pub use ahead::Ahead;
pub use client::PoolClient;
pub use kept_back::KeptBack;

use super::{metrics::Metrics, Hash};
use memory::Memory;
use parking_lot::{Condvar, Mutex};
use sp_core::{ed25519, sr25519, Pair as _};
use sp_runtime::traits::Hash as _;
use spb_primitives::Hashing;
use std::{collections::HashSet, sync::Arc};

/// Good signatures remembered at the least once there were so many; twice as many at the most. The
/// messages of some ten full blocks.
const REMEMBERED: usize = 1 << 16;

/// A signature and whose it is said to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signature {
	/// Of a meter, a manufacturer or an account.
	Ed25519(ed25519::Signature, ed25519::Public),
	/// Of an account.
	Sr25519(sr25519::Signature, sr25519::Public),
}

impl Signature {
	/// Names the claim that this is a signature of `message`.
	fn digest(&self, message: &[u8]) -> Hash {
		let (scheme, signature, key): (u8, &[u8], &[u8]) = match self {
			Self::Ed25519(signature, key) => (0, signature.as_ref(), key.as_ref()),
			Self::Sr25519(signature, key) => (1, signature.as_ref(), key.as_ref()),
		};
		// All but the message have one length, so no two claims make the same bytes.
		Hashing::hash(&[&[scheme][..], key, signature, message].concat())
	}

	/// Whether the key signed `message`.
	fn is_good(&self, message: &[u8]) -> bool {
		match self {
			Self::Ed25519(signature, key) => ed25519::Pair::verify(signature, message, key),
			Self::Sr25519(signature, key) => sr25519::Pair::verify(signature, message, key),
		}
	}
}

/// Answers the runtime's question whether a signature is good.
pub trait Verify: Send + Sync {
	/// Whether the key signed `message`.
	fn verify(&self, signature: &Signature, message: &[u8]) -> bool;
}

sp_externalities::decl_extension! {
	/// Who answers for signatures in a call into the runtime. Never part of a block's execution.
	pub struct VerifyExt(Arc<dyn Verify>);
}

/// Verifies signatures and remembers the good ones.
pub struct Verified {
	known: Mutex<Known>,
	/// Told whenever a verification ends.
	ended: Condvar,
	metrics: Metrics,
}

struct Known {
	good: Memory,
	/// Being verified right now.
	underway: HashSet<Hash>,
}

impl Verified {
	/// Remembers nothing yet.
	pub fn new(metrics: Metrics) -> Self {
		let known = Known { good: Memory::new(REMEMBERED), underway: HashSet::new() };
		Self { known: Mutex::new(known), ended: Condvar::new(), metrics }
	}

	/// Whether this claim was found good.
	fn remembers(&self, digest: &Hash) -> bool {
		let remembers = self.known.lock().good.contains(digest);
		if remembers {
			self.metrics.signatures_remembered.inc();
		}
		remembers
	}
}

impl Verify for Verified {
	fn verify(&self, signature: &Signature, message: &[u8]) -> bool {
		let digest = signature.digest(message);
		let mut known = self.known.lock();
		// Who asks for what another thread is verifying waits for its answer.
		while !known.good.contains(&digest) {
			if known.underway.insert(digest) {
				drop(known);
				self.metrics.signatures_verified.inc();
				let good = signature.is_good(message);
				let mut known = self.known.lock();
				known.underway.remove(&digest);
				if good {
					known.good.insert(digest);
				}
				drop(known);
				self.ended.notify_all();
				return good;
			}
			self.ended.wait(&mut known);
		}
		drop(known);
		self.metrics.signatures_remembered.inc();
		true
	}
}

#[cfg(test)]
mod tests;
