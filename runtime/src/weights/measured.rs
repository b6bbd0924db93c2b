//! What the calls of `runtime` cost, as measured.
//! Written by the command below, not by hand.

use super::WeightInfo;
use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// The measured weights, with the database's constants of a runtime.
pub struct Measured<T>(PhantomData<T>);

impl<T: frame_system::Config> WeightInfo for Measured<T> {
	fn signed_transaction(n: u32) -> Weight {
		Weight::from_parts(1, 0)
			.saturating_add(Weight::from_parts(108_157_000, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads(0))
	}
}
