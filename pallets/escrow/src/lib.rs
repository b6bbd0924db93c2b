//! The conventional trade that SPB is measured against: a contract takes the consumer's money, waits
//! until the consumer confirms the energy, and pays the producer (paper, section III-B). Three signed
//! transactions a trade:
//!
//! 1. the producer sets the contract up: for whom, how much energy, what it costs, until when;
//! 2. the consumer pays: the amount is on hold from then on;
//! 3. the consumer confirms: the producer is paid and the contract is gone.
//!
//! Who is not paid in time is not paid at all: past the contract's last block anyone may have it
//! closed, and what was paid is the consumer's again.
//!
//! It is meant as a fair opponent. It keeps one record a trade, while it lasts; a call names a
//! contract by its number; nothing is checked or stored but what such a contract needs.

#![cfg_attr(not(feature = "std"), no_std)]

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
#[cfg(test)]
mod tests;
pub mod weights;

pub use pallet::*;
pub use weights::{Measured, WeightInfo};

#[frame_support::pallet]
pub mod pallet {
	use crate::WeightInfo;
	use frame_support::{
		pallet_prelude::*,
		traits::{
			fungible::{Inspect, InspectHold, MutateHold},
			tokens::{Fortitude, Precision, Restriction},
		},
	};
	use frame_system::pallet_prelude::*;
	use sp_runtime::traits::{CheckedAdd, Zero};
	use spb_primitives::Energy;

	/// The number of a contract. Numbers are never used again.
	pub type ContractId = u32;
	/// Money, as the currency counts it.
	pub type BalanceOf<T> =
		<<T as Config>::Currency as Inspect<<T as frame_system::Config>::AccountId>>::Balance;

	#[pallet::pallet]
	pub struct Pallet<T>(_);

	/// What the pallet needs of its runtime.
	#[pallet::config]
	pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {
		/// The money.
		type Currency: MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason>
			+ InspectHold<Self::AccountId>;
		/// Why the runtime holds money.
		type RuntimeHoldReason: From<HoldReason>;
		/// The longest that a contract may last, in blocks.
		type MaxLifetime: Get<u32>;
		/// What the calls cost.
		type WeightInfo: WeightInfo;
	}

	/// Why the pallet holds money.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// Paid into contracts.
		Escrow,
	}

	/// What a producer and a consumer have agreed on.
	#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, MaxEncodedLen, TypeInfo)]
	pub struct Contract<AccountId, Balance, BlockNumber> {
		/// Who delivers and is paid.
		pub producer: AccountId,
		/// Who pays and confirms.
		pub consumer: AccountId,
		/// What is delivered.
		pub energy: Energy,
		/// What it costs.
		pub amount: Balance,
		/// The last block in which it can be paid and confirmed.
		pub last: BlockNumber,
		/// Whether the consumer has paid.
		pub paid: bool,
	}

	/// The contracts that are neither confirmed nor closed.
	#[pallet::storage]
	pub type Contracts<T: Config> = StorageMap<
		_,
		Twox64Concat,
		ContractId,
		Contract<T::AccountId, BalanceOf<T>, BlockNumberFor<T>>,
	>;

	/// The number of the next contract.
	#[pallet::storage]
	pub type NextContract<T: Config> = StorageValue<_, ContractId, ValueQuery>;

	/// What has happened.
	#[pallet::event]
	#[pallet::generate_deposit(fn deposit_event)]
	pub enum Event<T: Config> {
		/// A contract waits for its consumer's money.
		SetUp {
			/// The contract.
			contract: ContractId,
			/// Who is to pay.
			consumer: T::AccountId,
		},
		/// A contract's money is on hold.
		Paid {
			/// The contract.
			contract: ContractId,
		},
		/// A consumer has confirmed the energy, and the producer has the money.
		Confirmed {
			/// The contract.
			contract: ContractId,
		},
		/// A contract has run out; what was paid is the consumer's again.
		Closed {
			/// The contract.
			contract: ContractId,
		},
	}

	/// Why a call changes nothing.
	#[pallet::error]
	pub enum Error<T> {
		/// A contract is about some money and some energy.
		Empty,
		/// A contract lasts a block at least and `MaxLifetime` blocks at most.
		BadLifetime,
		/// No contract has this number: it never had, or it is confirmed or closed.
		UnknownContract,
		/// Only the contract's consumer pays and confirms.
		NotConsumer,
		/// The contract is paid already.
		AlreadyPaid,
		/// The consumer has to pay first.
		NotPaid,
		/// The contract has run out: close it.
		RunOut,
		/// The contract can still be confirmed: wait until it has run out.
		NotRunOut,
		/// No number is left for a contract.
		NoNumberLeft,
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Sets a contract up, by the producer: for a consumer, so many Wh, at this amount, to be
		/// paid and confirmed within `lifetime` blocks.
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::set_up())]
		pub fn set_up(
			origin: OriginFor<T>,
			consumer: T::AccountId,
			#[pallet::compact] energy: Energy,
			#[pallet::compact] amount: BalanceOf<T>,
			#[pallet::compact] lifetime: u32,
		) -> DispatchResult {
			let producer = ensure_signed(origin)?;
			ensure!(!energy.is_zero() && !amount.is_zero(), Error::<T>::Empty);
			let most = T::MaxLifetime::get();
			ensure!((1..=most).contains(&lifetime), Error::<T>::BadLifetime);
			let now = frame_system::Pallet::<T>::block_number();
			let last = now.checked_add(&lifetime.into()).ok_or(Error::<T>::BadLifetime)?;
			let contract = NextContract::<T>::get();
			let next = contract.checked_add(1).ok_or(Error::<T>::NoNumberLeft)?;
			NextContract::<T>::put(next);
			let terms = Contract {
				producer,
				consumer: consumer.clone(),
				energy,
				amount,
				last,
				paid: false,
			};
			Contracts::<T>::insert(contract, terms);
			Self::deposit_event(Event::SetUp { contract, consumer });
			Ok(())
		}

		/// Pays into a contract, by its consumer: the amount is on hold until the contract is
		/// confirmed or closed.
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::pay())]
		pub fn pay(
			origin: OriginFor<T>,
			#[pallet::compact] contract: ContractId,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Contracts::<T>::try_mutate(contract, |terms| {
				let terms = terms.as_mut().ok_or(Error::<T>::UnknownContract)?;
				ensure!(terms.consumer == who, Error::<T>::NotConsumer);
				ensure!(!terms.paid, Error::<T>::AlreadyPaid);
				ensure!(!has_run_out::<T>(terms.last), Error::<T>::RunOut);
				T::Currency::hold(&HoldReason::Escrow.into(), &who, terms.amount)?;
				terms.paid = true;
				Ok::<_, DispatchError>(())
			})?;
			Self::deposit_event(Event::Paid { contract });
			Ok(())
		}

		/// Confirms that the energy has come, by the consumer: the producer is paid.
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::confirm())]
		pub fn confirm(
			origin: OriginFor<T>,
			#[pallet::compact] contract: ContractId,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Contracts::<T>::try_mutate_exists(contract, |terms| {
				let terms = terms.take().ok_or(Error::<T>::UnknownContract)?;
				ensure!(terms.consumer == who, Error::<T>::NotConsumer);
				ensure!(terms.paid, Error::<T>::NotPaid);
				ensure!(!has_run_out::<T>(terms.last), Error::<T>::RunOut);
				T::Currency::transfer_on_hold(
					&HoldReason::Escrow.into(),
					&who,
					&terms.producer,
					terms.amount,
					Precision::Exact,
					Restriction::Free,
					Fortitude::Polite,
				)
			})?;
			Self::deposit_event(Event::Confirmed { contract });
			Ok(())
		}

		/// Closes a contract that has run out, by anyone: what was paid is the consumer's again.
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::close())]
		pub fn close(
			origin: OriginFor<T>,
			#[pallet::compact] contract: ContractId,
		) -> DispatchResult {
			ensure_signed(origin)?;
			Contracts::<T>::try_mutate_exists(contract, |terms| {
				let terms = terms.take().ok_or(Error::<T>::UnknownContract)?;
				ensure!(has_run_out::<T>(terms.last), Error::<T>::NotRunOut);
				if terms.paid {
					let reason = HoldReason::Escrow.into();
					T::Currency::release(&reason, &terms.consumer, terms.amount, Precision::Exact)?;
				}
				Ok::<_, DispatchError>(())
			})?;
			Self::deposit_event(Event::Closed { contract });
			Ok(())
		}
	}

	fn has_run_out<T: Config>(last: BlockNumberFor<T>) -> bool {
		frame_system::Pallet::<T>::block_number() > last
	}
}
