//! What the calls cost. [`Measured`] is written by the benchmarks;
//! `docs/decisions/0003-weights.md` says how to measure again.

mod measured;

pub use measured::Measured;

use frame_support::weights::Weight;

/// The weight of each call.
pub trait WeightInfo {
	/// [`crate::Call::set_up`].
	fn set_up() -> Weight;
	/// [`crate::Call::pay`].
	fn pay() -> Weight;
	/// [`crate::Call::confirm`].
	fn confirm() -> Weight;
	/// [`crate::Call::close`], of a contract that was paid.
	fn close() -> Weight;
}
