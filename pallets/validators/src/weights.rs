//! What the calls cost. [`Measured`] is written by the benchmarks;
//! `docs/decisions/0003-weights.md` says how to measure again.

mod measured;

pub use measured::Measured;

use frame_support::weights::Weight;

/// The weight of each call.
pub trait WeightInfo {
	/// [`crate::Call::add_validator`].
	fn add_validator() -> Weight;
	/// [`crate::Call::remove_validator`].
	fn remove_validator() -> Weight;
}
