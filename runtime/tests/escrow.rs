//! The trade that SPB is measured against is for development chains alone.

mod common;

use common::chain;
use frame_support::{
	dispatch::DispatchResult,
	traits::{fungible::Inspect, Contains},
};
use sp_genesis_builder::{DEV_RUNTIME_PRESET, LOCAL_TESTNET_RUNTIME_PRESET};
use sp_keyring::Sr25519Keyring::{Alice, Bob};
use sp_runtime::traits::Dispatchable;
use spb_primitives::{units::SPB, Energy};
use spb_runtime::{
	configs::Callable,
	genesis::{preset_names, CONSORTIUM_PRESET, FAST_PRESET},
	Balances, Runtime, RuntimeCall, RuntimeOrigin,
};

fn set_up() -> RuntimeCall {
	let call = pallet_escrow::Call::set_up {
		consumer: Bob.to_account_id(),
		energy: Energy::from_wh(100),
		amount: SPB,
		lifetime: 10,
	};
	RuntimeCall::Escrow(call)
}

/// What Alice is told when she sets a contract up, and Bob when he pays.
fn trade(preset: &str) -> [DispatchResult; 2] {
	chain(preset).execute_with(|| {
		let pay = RuntimeCall::Escrow(pallet_escrow::Call::pay { contract: 0 });
		let before = Balances::balance(&Bob.to_account_id());
		let results = [(Alice, set_up()), (Bob, pay)].map(|(who, call)| {
			let result = call.dispatch(RuntimeOrigin::signed(who.to_account_id()));
			result.map(drop).map_err(|refused| refused.error)
		});
		let paid = before - Balances::balance(&Bob.to_account_id());
		assert_eq!(paid, if results[1].is_ok() { SPB } else { 0 }, "{preset}");
		results
	})
}

#[test]
fn baseline_should_be_callable_where_there_is_a_superuser() {
	for preset in [DEV_RUNTIME_PRESET, LOCAL_TESTNET_RUNTIME_PRESET, FAST_PRESET] {
		assert_eq!(trade(preset), [Ok(()), Ok(())], "{preset}");
	}
}

#[test]
fn baseline_should_be_refused_in_a_consortium() {
	let filtered: DispatchResult = Err(frame_system::Error::<Runtime>::CallFiltered.into());
	assert_eq!(trade(CONSORTIUM_PRESET), [filtered, filtered]);
}

#[test]
fn other_calls_should_be_callable_on_every_chain() {
	for preset in preset_names() {
		chain(preset.as_ref()).execute_with(|| {
			let remark = frame_system::Call::<Runtime>::remark { remark: Vec::new() };
			assert!(Callable::contains(&RuntimeCall::from(remark)), "{preset}");
			let purge = pallet_session::Call::purge_keys {};
			assert!(!Callable::contains(&RuntimeCall::Session(purge)), "{preset}");
		});
	}
}
