//! Which accounts validate. The governing origin adds and removes them; `pallet-session` takes the
//! list over at the end of a session, so a change is in force with the session after next.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
pub mod weights;

pub use pallet::*;
pub use weights::{Measured, WeightInfo};

use alloc::vec::Vec;
use sp_staking::SessionIndex;

#[frame_support::pallet]
pub mod pallet {
	use super::WeightInfo;
	use frame_support::pallet_prelude::*;
	use frame_system::pallet_prelude::*;

	#[pallet::pallet]
	pub struct Pallet<T>(_);

	/// What the pallet needs of its runtime.
	#[pallet::config]
	pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {
		/// Who decides.
		type GoverningOrigin: EnsureOrigin<Self::RuntimeOrigin>;
		/// The greatest number of validators.
		type MaxValidators: Get<u32>;
		/// What the calls cost.
		type WeightInfo: WeightInfo;
	}

	/// The accounts that validate from the session after next on.
	#[pallet::storage]
	pub type Validators<T: Config> =
		StorageValue<_, BoundedVec<T::AccountId, T::MaxValidators>, ValueQuery>;

	/// What the chain begins with.
	#[pallet::genesis_config]
	#[derive(frame_support::DefaultNoBound)]
	pub struct GenesisConfig<T: Config> {
		/// The first validators.
		pub validators: BoundedVec<T::AccountId, T::MaxValidators>,
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		fn build(&self) {
			Validators::<T>::put(&self.validators);
		}
	}

	/// What has happened.
	#[pallet::event]
	#[pallet::generate_deposit(fn deposit_event)]
	pub enum Event<T: Config> {
		/// An account will validate.
		ValidatorAdded {
			/// The account.
			validator: T::AccountId,
		},
		/// An account will no longer validate.
		ValidatorRemoved {
			/// The account.
			validator: T::AccountId,
		},
	}

	/// Why a call changes nothing.
	#[pallet::error]
	pub enum Error<T> {
		/// The account is on the list already.
		AlreadyValidator,
		/// The account is not on the list.
		NotValidator,
		/// The list is full: remove another first.
		TooManyValidators,
		/// A chain needs a validator: add another first.
		LastValidator,
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Adds an account, which should have set its session keys.
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::add_validator())]
		pub fn add_validator(origin: OriginFor<T>, validator: T::AccountId) -> DispatchResult {
			T::GoverningOrigin::ensure_origin(origin)?;
			Validators::<T>::try_mutate(|validators| {
				ensure!(!validators.contains(&validator), Error::<T>::AlreadyValidator);
				validators.try_push(validator.clone()).map_err(|_| Error::<T>::TooManyValidators)
			})?;
			Self::deposit_event(Event::ValidatorAdded { validator });
			Ok(())
		}

		/// Removes an account.
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::remove_validator())]
		pub fn remove_validator(origin: OriginFor<T>, validator: T::AccountId) -> DispatchResult {
			T::GoverningOrigin::ensure_origin(origin)?;
			Validators::<T>::try_mutate(|validators| {
				let at = validators.iter().position(|listed| *listed == validator);
				let at = at.ok_or(Error::<T>::NotValidator)?;
				ensure!(validators.len() > 1, Error::<T>::LastValidator);
				validators.remove(at);
				Ok::<_, Error<T>>(())
			})?;
			Self::deposit_event(Event::ValidatorRemoved { validator });
			Ok(())
		}
	}
}

impl<T: Config> pallet_session::SessionManager<T::AccountId> for Pallet<T> {
	fn new_session(_: SessionIndex) -> Option<Vec<T::AccountId>> {
		let validators = Validators::<T>::get().into_inner();
		(!validators.is_empty()).then_some(validators)
	}

	fn start_session(_: SessionIndex) {}

	fn end_session(_: SessionIndex) {}
}
