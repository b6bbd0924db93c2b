//! What the runtime itself costs. [`Measured`] is written by the benchmarks;
//! `docs/decisions/0003-weights.md` says how to measure again.

mod measured;

pub use measured::Measured;

use frame_support::weights::Weight;

/// The weight of what is no pallet's.
pub trait WeightInfo {
	/// `n` signed transactions, without what their calls do.
	fn signed_transaction(n: u32) -> Weight;
}
