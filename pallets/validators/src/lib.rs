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
	use crate::{has_keys, WeightInfo};
	use frame_support::pallet_prelude::*;
	use frame_system::pallet_prelude::*;

	#[pallet::pallet]
	pub struct Pallet<T>(_);

	/// What the pallet needs of its runtime.
	#[pallet::config]
	pub trait Config:
		frame_system::Config<RuntimeEvent: From<Event<Self>>>
		+ pallet_session::Config<ValidatorId = <Self as frame_system::Config>::AccountId>
	{
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
		/// A chain needs a validator with session keys: add another first.
		LastValidator,
		/// The account has no session keys: it sets them with `session.setKeys` first.
		NoSessionKeys,
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Adds an account that has set its session keys.
		#[pallet::call_index(0)]
		#[pallet::weight(<T as Config>::WeightInfo::add_validator())]
		pub fn add_validator(origin: OriginFor<T>, validator: T::AccountId) -> DispatchResult {
			T::GoverningOrigin::ensure_origin(origin)?;
			ensure!(has_keys::<T>(&validator), Error::<T>::NoSessionKeys);
			Validators::<T>::try_mutate(|validators| {
				ensure!(!validators.contains(&validator), Error::<T>::AlreadyValidator);
				validators.try_push(validator.clone()).map_err(|_| Error::<T>::TooManyValidators)
			})?;
			Self::deposit_event(Event::ValidatorAdded { validator });
			Ok(())
		}

		/// Removes an account; another with session keys must stay.
		#[pallet::call_index(1)]
		#[pallet::weight(<T as Config>::WeightInfo::remove_validator())]
		pub fn remove_validator(origin: OriginFor<T>, validator: T::AccountId) -> DispatchResult {
			T::GoverningOrigin::ensure_origin(origin)?;
			Validators::<T>::try_mutate(|validators| {
				let at = validators.iter().position(|listed| *listed == validator);
				let at = at.ok_or(Error::<T>::NotValidator)?;
				validators.remove(at);
				ensure!(validators.iter().any(has_keys::<T>), Error::<T>::LastValidator);
				Ok::<_, Error<T>>(())
			})?;
			Self::deposit_event(Event::ValidatorRemoved { validator });
			Ok(())
		}
	}
}

/// Whether an account has set the keys with which it would sign blocks and votes.
fn has_keys<T: Config>(validator: &T::AccountId) -> bool {
	pallet_session::NextKeys::<T>::contains_key(validator)
}

impl<T: Config> pallet_session::SessionManager<T::AccountId> for Pallet<T> {
	/// The list, but for those who have taken back their keys; where no one would be left, all stay
	/// as they are, because a chain without authorities makes no more blocks.
	fn new_session(_: SessionIndex) -> Option<Vec<T::AccountId>> {
		let mut validators = Validators::<T>::get().into_inner();
		validators.retain(has_keys::<T>);
		(!validators.is_empty()).then_some(validators)
	}

	fn start_session(_: SessionIndex) {}

	fn end_session(_: SessionIndex) {}
}
