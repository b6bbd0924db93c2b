//! How the chains of the binary begin.

mod common;

use common::chain;
use frame_support::traits::{fungible::Inspect, Get};
use sp_genesis_builder::{DEV_RUNTIME_PRESET, LOCAL_TESTNET_RUNTIME_PRESET};
use sp_keyring::Sr25519Keyring;
use spb_primitives::{units::SPB, Parameters};
use spb_runtime::{
	configs::MaxValidators,
	genesis::{preset_names, CONSORTIUM_PRESET, DEV_COMPANY, DEV_MANUFACTURERS, FAST_PRESET},
	AccountId, Balances, Runtime, Spb,
};

/// What a preset says beside its accounts: validators, the longest lifetime, companies, and whether
/// someone stands above them.
fn begins(preset: &str) -> (usize, u32, Vec<AccountId>, bool) {
	chain(preset).execute_with(|| {
		for (id, key) in DEV_MANUFACTURERS {
			let maker = pallet_spb::Manufacturers::<Runtime>::get(id).expect("it is registered");
			assert!(maker.active && maker.key == key.public(), "{preset}: manufacturer {id}");
		}
		assert_eq!(pallet_spb::Manufacturers::<Runtime>::iter().count(), 2, "{preset}");
		for account in Sr25519Keyring::iter().map(|key| key.to_account_id()) {
			assert!(Balances::balance(&account) >= 1_000 * SPB, "{preset}: {account} is poor");
		}
		assert_eq!(Spb::parameters().check(), Ok(()), "{preset}");
		(
			pallet_aura::Authorities::<Runtime>::get().len(),
			Spb::parameters().max_lifetime,
			pallet_spb::Companies::<Runtime>::get().into_inner(),
			pallet_sudo::Key::<Runtime>::get().is_some(),
		)
	})
}

#[test]
fn presets_should_begin_as_their_networks_need_it() {
	let longest = Parameters::DEVELOPMENT.max_lifetime;
	let company = vec![DEV_COMPANY.to_account_id()];
	assert_eq!(begins(DEV_RUNTIME_PRESET), (1, longest, company.clone(), true));
	assert_eq!(begins(LOCAL_TESTNET_RUNTIME_PRESET), (2, longest, company.clone(), true));
	let (validators, lifetime, companies, governed) = begins(FAST_PRESET);
	assert_eq!((validators, companies, governed), (4, company, true));
	assert!(lifetime < longest);
	let (validators, lifetime, companies, governed) = begins(CONSORTIUM_PRESET);
	assert_eq!((validators, lifetime, companies.len(), governed), (3, longest, 3, false));
	assert_eq!(preset_names().len(), 4, "a preset is not looked at here");
}

#[test]
fn preset_for_tests_should_be_over_within_a_minute() {
	let fast = Parameters {
		min_lifetime: 5,
		max_lifetime: 40,
		grace: 5,
		evidence_window: 60,
		slot_duration: 500,
	};
	chain(FAST_PRESET).execute_with(|| assert_eq!(Spb::parameters(), fast));
}

#[test]
fn grace_should_be_longer_than_a_third_of_the_validators_could_fill_with_blocks() {
	for preset in preset_names() {
		chain(&preset).execute_with(|| {
			let parameters = Spb::parameters();
			// The chain for tests has a short grace, and the validators that it begins with.
			let validators = match parameters == Parameters::DEVELOPMENT {
				true => <MaxValidators as Get<u32>>::get() as usize,
				false => pallet_aura::Authorities::<Runtime>::get().len(),
			};
			let grace = parameters.grace as usize;
			assert!(validators > 0, "{preset}");
			assert!(3 * grace > validators, "{preset}: {grace} blocks for {validators} validators");
		});
	}
}
