//! Validators come and go over sessions, and the chain never runs out of them.

mod common;

use common::chain;
use frame_support::{
	assert_noop, assert_ok,
	traits::{Contains, Get, Hooks},
};
use pallet_session::{NextKeys, SessionManager};
use sp_genesis_builder::{DEV_RUNTIME_PRESET, LOCAL_TESTNET_RUNTIME_PRESET};
use sp_keyring::{Ed25519Keyring, Sr25519Keyring};
use sp_runtime::{DispatchError, RuntimeAppPublic as _};
use spb_runtime::{
	configs::MaxValidators, AccountId, Aura, Runtime, RuntimeCall, RuntimeOrigin, Session,
	SessionKeys, System, Validators,
};

type Error = pallet_validators::Error<Runtime>;

fn account(key: Sr25519Keyring) -> AccountId {
	key.to_account_id()
}

fn set_keys(key: Sr25519Keyring, finality: Ed25519Keyring) {
	let keys = SessionKeys { aura: key.public().into(), grandpa: finality.public().into() };
	NextKeys::<Runtime>::insert(account(key), keys);
}

/// The accounts that make blocks after two more sessions, by their session keys.
fn in_force() -> Vec<Vec<u8>> {
	for _ in 0..2 {
		Session::rotate_session();
		Aura::on_initialize(System::block_number());
	}
	pallet_aura::Authorities::<Runtime>::get().iter().map(|key| key.to_raw_vec()).collect()
}

fn keys(of: &[Sr25519Keyring]) -> Vec<Vec<u8>> {
	of.iter().map(|key| key.public().0.to_vec()).collect()
}

#[test]
fn genesis_should_put_its_validators_in_force() {
	chain(LOCAL_TESTNET_RUNTIME_PRESET).execute_with(|| {
		assert_eq!(in_force(), keys(&[Sr25519Keyring::Alice, Sr25519Keyring::Bob]));
	});
}

#[test]
fn added_and_removed_validators_should_be_in_force_with_the_session_after_next() {
	chain(DEV_RUNTIME_PRESET).execute_with(|| {
		set_keys(Sr25519Keyring::Bob, Ed25519Keyring::Bob);
		let bob = account(Sr25519Keyring::Bob);
		assert_ok!(Validators::add_validator(RuntimeOrigin::root(), bob));
		Session::rotate_session();
		assert_eq!(pallet_aura::Authorities::<Runtime>::get().len(), 1, "not yet");
		assert_eq!(in_force(), keys(&[Sr25519Keyring::Alice, Sr25519Keyring::Bob]));

		let alice = account(Sr25519Keyring::Alice);
		assert_ok!(Validators::remove_validator(RuntimeOrigin::root(), alice));
		assert_eq!(in_force(), keys(&[Sr25519Keyring::Bob]));
	});
}

#[test]
fn only_the_governing_origin_should_decide() {
	chain(DEV_RUNTIME_PRESET).execute_with(|| {
		let alice = account(Sr25519Keyring::Alice);
		for origin in [RuntimeOrigin::signed(alice.clone()), RuntimeOrigin::none()] {
			let added = Validators::add_validator(origin.clone(), account(Sr25519Keyring::Bob));
			assert_eq!(added, Err(DispatchError::BadOrigin));
			let removed = Validators::remove_validator(origin, alice.clone());
			assert_eq!(removed, Err(DispatchError::BadOrigin));
		}
	});
}

#[test]
fn validators_should_be_there_once_and_have_keys() {
	chain(DEV_RUNTIME_PRESET).execute_with(|| {
		let (alice, bob) = (account(Sr25519Keyring::Alice), account(Sr25519Keyring::Bob));
		let root = RuntimeOrigin::root;
		assert_noop!(Validators::add_validator(root(), alice), Error::AlreadyValidator);
		assert_noop!(Validators::add_validator(root(), bob.clone()), Error::NoSessionKeys);
		assert_noop!(Validators::remove_validator(root(), bob), Error::NotValidator);
	});
}

#[test]
fn the_list_should_be_bounded() {
	chain(DEV_RUNTIME_PRESET).execute_with(|| {
		let most: u32 = MaxValidators::get();
		let stranger = |n: u32| AccountId::from([n as u8 + 1; 32]);
		let keys = NextKeys::<Runtime>::get(account(Sr25519Keyring::Alice)).unwrap();
		for n in 0..most {
			NextKeys::<Runtime>::insert(stranger(n), keys.clone());
		}
		for n in 1..most {
			assert_ok!(Validators::add_validator(RuntimeOrigin::root(), stranger(n)));
		}
		assert_noop!(
			Validators::add_validator(RuntimeOrigin::root(), stranger(0)),
			Error::TooManyValidators
		);
	});
}

#[test]
fn the_chain_should_not_run_out_of_validators() {
	chain(LOCAL_TESTNET_RUNTIME_PRESET).execute_with(|| {
		let (alice, bob) = (account(Sr25519Keyring::Alice), account(Sr25519Keyring::Bob));
		let root = RuntimeOrigin::root;
		// Of two, one is left without keys: the other must stay.
		NextKeys::<Runtime>::remove(&bob);
		assert_noop!(Validators::remove_validator(root(), alice.clone()), Error::LastValidator);
		assert_eq!(in_force(), keys(&[Sr25519Keyring::Alice]));
		NextKeys::<Runtime>::remove(&alice);
		assert_eq!(<Validators as SessionManager<AccountId>>::new_session(9), None);
	});
}

#[test]
fn validators_should_not_take_back_their_keys_by_themselves() {
	chain(DEV_RUNTIME_PRESET).execute_with(|| {
		type Filter = <Runtime as frame_system::Config>::BaseCallFilter;
		let purge = RuntimeCall::Session(pallet_session::Call::purge_keys {});
		assert!(!Filter::contains(&purge), "the last one would stop the chain");
		let remark = RuntimeCall::System(frame_system::Call::remark { remark: vec![] });
		assert!(Filter::contains(&remark));
	});
}
