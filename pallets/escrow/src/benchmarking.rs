//! What each call costs: the contract exists, the consumer can pay.

use crate::pallet::*;
use frame_benchmarking::{account, v2::*};
use frame_support::traits::{fungible::Mutate, Get};
use frame_system::{pallet_prelude::BlockNumberFor, Pallet as System, RawOrigin};
use sp_runtime::traits::{Bounded, One};
use spb_primitives::Energy;

/// Wh of each contract.
const ENERGY: Energy = Energy::from_wh(1_000);

/// Gives an account money.
fn enrich<T: Config>(who: T::AccountId) -> T::AccountId
where
	T::Currency: Mutate<T::AccountId>,
{
	// Little enough that both together can be counted.
	T::Currency::set_balance(&who, BalanceOf::<T>::max_value() / 4u32.into());
	who
}

/// The account that signs what is measured: what every transaction reads and writes of its signer is
/// in the weight that all of them have, and does not count again.
fn signer<T: Config>() -> T::AccountId
where
	T::Currency: Mutate<T::AccountId>,
{
	enrich::<T>(whitelisted_caller())
}

/// Another account with money.
fn other<T: Config>(name: &'static str) -> T::AccountId
where
	T::Currency: Mutate<T::AccountId>,
{
	enrich::<T>(account(name, 0, 0))
}

/// A contract between two accounts with money, paid where that is asked for. Its consumer is the one
/// who signs from then on.
fn contract<T: Config>(paid: bool) -> Result<T::AccountId, BenchmarkError>
where
	T::Currency: Mutate<T::AccountId>,
{
	let (producer, consumer) = (other::<T>("producer"), signer::<T>());
	let amount = BalanceOf::<T>::max_value() / 8u32.into();
	let lifetime = T::MaxLifetime::get();
	Pallet::<T>::set_up(
		RawOrigin::Signed(producer).into(),
		consumer.clone(),
		ENERGY,
		amount,
		lifetime,
	)?;
	if paid {
		Pallet::<T>::pay(RawOrigin::Signed(consumer.clone()).into(), 0)?;
	}
	Ok(consumer)
}

#[benchmarks(where T::Currency: Mutate<T::AccountId>)]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn set_up() {
		let (producer, consumer) = (signer::<T>(), other::<T>("consumer"));
		let amount = BalanceOf::<T>::max_value() / 8u32.into();
		let lifetime = T::MaxLifetime::get();

		#[extrinsic_call]
		_(RawOrigin::Signed(producer), consumer, ENERGY, amount, lifetime);

		assert!(Contracts::<T>::contains_key(0));
	}

	#[benchmark]
	fn pay() -> Result<(), BenchmarkError> {
		let consumer = contract::<T>(false)?;

		#[extrinsic_call]
		_(RawOrigin::Signed(consumer), 0);

		assert!(Contracts::<T>::get(0).is_some_and(|terms| terms.paid));
		Ok(())
	}

	#[benchmark]
	fn confirm() -> Result<(), BenchmarkError> {
		let consumer = contract::<T>(true)?;

		#[extrinsic_call]
		_(RawOrigin::Signed(consumer), 0);

		assert!(!Contracts::<T>::contains_key(0));
		Ok(())
	}

	#[benchmark]
	fn close() -> Result<(), BenchmarkError> {
		let consumer = contract::<T>(true)?;
		let last = System::<T>::block_number() + T::MaxLifetime::get().into();
		System::<T>::set_block_number(last + BlockNumberFor::<T>::one());

		#[extrinsic_call]
		_(RawOrigin::Signed(consumer), 0);

		assert!(!Contracts::<T>::contains_key(0));
		Ok(())
	}
}
