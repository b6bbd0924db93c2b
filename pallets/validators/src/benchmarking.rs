//! What the calls cost with a list as long as it can be.

use crate::pallet::*;
use alloc::vec::Vec;
use codec::Decode;
use frame_benchmarking::{account, v2::*};
use frame_support::{
	traits::{EnsureOrigin, Get},
	BoundedVec,
};
use pallet_session::NextKeys;
use sp_runtime::traits::TrailingZeroInput;

/// Puts this many accounts on the list; the last of them alone has session keys.
fn list<T: Config>(count: u32) {
	let validators: Vec<T::AccountId> =
		(0..count).map(|index| account("validator", index, 0)).collect();
	set_keys::<T>(validators.last().expect("there is room for validators"));
	Validators::<T>::put(BoundedVec::truncate_from(validators));
}

/// Gives an account session keys.
fn set_keys<T: Config>(validator: &T::AccountId) {
	let keys = T::Keys::decode(&mut TrailingZeroInput::zeroes()).expect("keys are plain bytes");
	NextKeys::<T>::insert(validator, keys);
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
		list::<T>(T::MaxValidators::get() - 1);
		let new: T::AccountId = account("new", 0, 0);
		set_keys::<T>(&new);

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, new.clone());

		assert!(Validators::<T>::get().contains(&new));
		Ok(())
	}

	/// Of the first, so that all the others are asked for keys.
	#[benchmark]
	fn remove_validator() -> Result<(), BenchmarkError> {
		let origin = governing::<T>()?;
		list::<T>(T::MaxValidators::get());
		let first: T::AccountId = account("validator", 0, 0);

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, first.clone());

		assert!(!Validators::<T>::get().contains(&first));
		Ok(())
	}
}
