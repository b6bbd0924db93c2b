//! Runtime upgrades without a superuser: the governing origin authorises the hash of a runtime, and
//! whoever has its code submits it with `system.applyAuthorizedUpgrade`.
//!
//! The origin calls nothing else by it: not storage, not balances. But a runtime can do anything, so
//! who decides on runtimes is trusted with all of the chain; the code that is to come can be read by
//! everyone before it is applied.

#![cfg_attr(not(feature = "std"), no_std)]

pub use pallet::*;

#[frame_support::pallet]
pub mod pallet {
	use frame_support::{pallet_prelude::*, weights::constants::ParityDbWeight};
	use frame_system::pallet_prelude::*;

	#[pallet::pallet]
	pub struct Pallet<T>(_);

	/// What the pallet needs of its runtime.
	#[pallet::config]
	pub trait Config: frame_system::Config {
		/// Who decides.
		type GoverningOrigin: EnsureOrigin<Self::RuntimeOrigin>;
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Lets the runtime with this hash take the place of this one. Its version must be higher.
		/// Another authorisation replaces this one.
		#[pallet::call_index(0)]
		#[pallet::weight(ParityDbWeight::get().writes(1))]
		pub fn authorize_upgrade(origin: OriginFor<T>, code_hash: T::Hash) -> DispatchResult {
			T::GoverningOrigin::ensure_origin(origin)?;
			frame_system::Pallet::<T>::do_authorize_upgrade(code_hash, true);
			Ok(())
		}
	}
}
