//! How the chains begin: one preset a network, so that one binary serves them all.

use crate::{AccountId, RuntimeGenesisConfig, SessionKeys};
use alloc::{vec, vec::Vec};
use frame_support::build_struct_json_patch;
use sp_genesis_builder::{PresetId, DEV_RUNTIME_PRESET, LOCAL_TESTNET_RUNTIME_PRESET};
use sp_keyring::{Ed25519Keyring, Sr25519Keyring};
use spb_primitives::{units::SPB, ManufacturerId, MeterKey, Parameters};

/// What each account of a development chain begins with.
const ENDOWMENT: u128 = 1_000_000 * SPB;

/// The manufacturers of development chains: the ed25519 keys `//One` and `//Two`.
pub const DEV_MANUFACTURERS: [(ManufacturerId, Ed25519Keyring); 2] =
	[(1, Ed25519Keyring::One), (2, Ed25519Keyring::Two)];
/// The energy company of development chains: the sr25519 key `//Ferdie`.
pub const DEV_COMPANY: Sr25519Keyring = Sr25519Keyring::Ferdie;

fn session_keys(validator: Sr25519Keyring, finality: Ed25519Keyring) -> SessionKeys {
	SessionKeys { aura: validator.public().into(), grandpa: finality.public().into() }
}

/// A chain for development: well-known keys, money for everyone, sudo with Alice.
fn development(validators: Vec<(Sr25519Keyring, Ed25519Keyring)>) -> serde_json::Value {
	let accounts = Sr25519Keyring::iter().map(|key| key.to_account_id());
	let makers = DEV_MANUFACTURERS.iter().map(|(_, key)| AccountId::from(key.public().0));
	let balances: Vec<(AccountId, u128)> =
		accounts.chain(makers).map(|account| (account, ENDOWMENT)).collect();
	let names: Vec<AccountId> = validators.iter().map(|(key, _)| key.to_account_id()).collect();
	let keys = validators
		.iter()
		.map(|(key, finality)| {
			(key.to_account_id(), key.to_account_id(), session_keys(*key, *finality))
		})
		.collect::<Vec<_>>();
	let manufacturers: Vec<(ManufacturerId, MeterKey)> =
		DEV_MANUFACTURERS.iter().map(|(id, key)| (*id, key.public())).collect();
	build_struct_json_patch!(RuntimeGenesisConfig {
		balances: pallet_balances::GenesisConfig { balances },
		validators: pallet_validators::GenesisConfig {
			validators: names.try_into().unwrap_or_default(),
		},
		session: pallet_session::GenesisConfig { keys },
		sudo: pallet_sudo::GenesisConfig { key: Some(Sr25519Keyring::Alice.to_account_id()) },
		spb: pallet_spb::GenesisConfig {
			parameters: Parameters::DEVELOPMENT,
			companies: vec![DEV_COMPANY.to_account_id()],
			manufacturers,
		},
	})
}

/// The preset of this name, as JSON.
pub fn preset(id: &PresetId) -> Option<Vec<u8>> {
	let alice = (Sr25519Keyring::Alice, Ed25519Keyring::Alice);
	let bob = (Sr25519Keyring::Bob, Ed25519Keyring::Bob);
	let patch = match id.as_ref() {
		DEV_RUNTIME_PRESET => development(vec![alice]),
		LOCAL_TESTNET_RUNTIME_PRESET => development(vec![alice, bob]),
		_ => return None,
	};
	serde_json::to_vec(&patch).ok()
}

/// The names of the presets.
pub fn preset_names() -> Vec<PresetId> {
	vec![PresetId::from(DEV_RUNTIME_PRESET), PresetId::from(LOCAL_TESTNET_RUNTIME_PRESET)]
}
