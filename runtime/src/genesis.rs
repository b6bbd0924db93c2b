//! How the chains begin: one preset a network, so that one binary serves them all.

use crate::{AccountId, RuntimeGenesisConfig, SessionKeys};
use alloc::vec::Vec;
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

/// Lifetimes for tests: half a second a block, and all is over within a minute. Tests that take longer set
/// their own in a specification (`testbed/src/specification.rs`).
const FAST: Parameters = Parameters {
	min_lifetime: 5,
	max_lifetime: 40,
	grace: 5,
	evidence_window: 60,
	slot_duration: 500,
};

/// The name of the preset for tests.
pub const FAST_PRESET: &str = "fast";
/// The name of the preset without a superuser.
pub const CONSORTIUM_PRESET: &str = "consortium";

/// Who validates: the account with the key of its blocks, and the key of its votes.
type Validator = (Sr25519Keyring, Ed25519Keyring);

const ALICE: Validator = (Sr25519Keyring::Alice, Ed25519Keyring::Alice);
const BOB: Validator = (Sr25519Keyring::Bob, Ed25519Keyring::Bob);
const CHARLIE: Validator = (Sr25519Keyring::Charlie, Ed25519Keyring::Charlie);
const DAVE: Validator = (Sr25519Keyring::Dave, Ed25519Keyring::Dave);

/// A chain of well-known keys, with money for everyone.
fn chain(
	validators: &[Validator],
	parameters: Parameters,
	companies: &[Sr25519Keyring],
	superuser: Option<Sr25519Keyring>,
) -> serde_json::Value {
	let accounts = Sr25519Keyring::iter().map(|key| key.to_account_id());
	let makers = DEV_MANUFACTURERS.iter().map(|(_, key)| AccountId::from(key.public().0));
	let balances: Vec<(AccountId, u128)> =
		accounts.chain(makers).map(|account| (account, ENDOWMENT)).collect();
	let names: Vec<AccountId> = validators.iter().map(|(key, _)| key.to_account_id()).collect();
	let companies: Vec<AccountId> = companies.iter().map(|key| key.to_account_id()).collect();
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
		sudo: pallet_sudo::GenesisConfig { key: superuser.map(|key| key.to_account_id()) },
		spb: pallet_spb::GenesisConfig {
			parameters,
			companies: companies.try_into().unwrap_or_default(),
			manufacturers,
		},
	})
}

/// The preset of this name, as JSON.
pub fn preset(id: &PresetId) -> Option<Vec<u8>> {
	use Sr25519Keyring::{Alice, Bob, Charlie};
	let development =
		|validators| chain(validators, Parameters::DEVELOPMENT, &[DEV_COMPANY], Some(Alice));
	let patch = match id.as_ref() {
		DEV_RUNTIME_PRESET => development(&[ALICE]),
		LOCAL_TESTNET_RUNTIME_PRESET => development(&[ALICE, BOB]),
		FAST_PRESET => chain(&[ALICE, BOB, CHARLIE, DAVE], FAST, &[DEV_COMPANY], Some(Alice)),
		// Three companies, each with a validator, and no one above them.
		CONSORTIUM_PRESET => {
			chain(&[ALICE, BOB, CHARLIE], Parameters::DEVELOPMENT, &[Alice, Bob, Charlie], None)
		},
		_ => return None,
	};
	serde_json::to_vec(&patch).ok()
}

/// The names of the presets.
pub fn preset_names() -> Vec<PresetId> {
	[DEV_RUNTIME_PRESET, LOCAL_TESTNET_RUNTIME_PRESET, FAST_PRESET, CONSORTIUM_PRESET]
		.map(PresetId::from)
		.to_vec()
}
