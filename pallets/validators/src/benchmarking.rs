//! What the calls cost with a list as long as it can be.

use crate::pallet::*;
use alloc::vec::Vec;
use frame_benchmarking::{account, v2::*};
use frame_support::{
	traits::{EnsureOrigin, Get},
	BoundedVec,
};

/// Puts this many accounts on the list and gives the last of them.
fn listed<T: Config>(count: u32) -> T::AccountId {
	let validators: Vec<T::AccountId> =
		(0..count).map(|index| account("validator", index, 0)).collect();
	let last = validators.last().cloned().expect("there is room for validators");
	Validators::<T>::put(BoundedVec::truncate_from(validators));
	last
}

fn governing<T: Config>() -> Result<T::RuntimeOrigin, BenchmarkError> {
	T::GoverningOrigin::try_successful_origin().map_err(|()| BenchmarkError::Weightless)
}

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn add_validator() -> Result<(), BenchmarkError> {
		let origin = governing::<T>()?;
		listed::<T>(T::MaxValidators::get() - 1);
		let new: T::AccountId = account("new", 0, 0);

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, new.clone());

		assert!(Validators::<T>::get().contains(&new));
		Ok(())
	}

	#[benchmark]
	fn remove_validator() -> Result<(), BenchmarkError> {
		let origin = governing::<T>()?;
		let last = listed::<T>(T::MaxValidators::get());

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, last.clone());

		assert!(!Validators::<T>::get().contains(&last));
		Ok(())
	}
}
