//! The chains that the binary brings along. What they begin with is said by the runtime's presets.

use sc_service::{ChainType, Properties};
use spb_primitives::units::DECIMALS;

/// A chain specification without extensions.
pub type ChainSpec = sc_service::GenericChainSpec;

/// The symbol of the chain's money.
const TOKEN_SYMBOL: &str = "SPB";
/// The prefix of addresses.
const SS58_FORMAT: u32 = spb_runtime::SS58_PREFIX as u32;

/// One validator, Alice, for development.
pub fn development() -> Result<ChainSpec, String> {
	let preset = sp_genesis_builder::DEV_RUNTIME_PRESET;
	build("SPB Development", "spb_dev", ChainType::Development, preset)
}

/// Two validators, Alice and Bob, on one machine.
pub fn local() -> Result<ChainSpec, String> {
	let preset = sp_genesis_builder::LOCAL_TESTNET_RUNTIME_PRESET;
	build("SPB Local Testnet", "spb_local", ChainType::Local, preset)
}

/// Four validators with short lifetimes, for tests.
pub fn fast() -> Result<ChainSpec, String> {
	build("SPB Fast Testnet", "spb_fast", ChainType::Local, spb_runtime::genesis::FAST_PRESET)
}

/// Three companies that validate and govern together.
pub fn consortium() -> Result<ChainSpec, String> {
	let preset = spb_runtime::genesis::CONSORTIUM_PRESET;
	build("SPB Consortium", "spb_consortium", ChainType::Local, preset)
}

/// The specification at this path.
pub fn from_file(path: &str) -> Result<ChainSpec, String> {
	ChainSpec::from_json_file(path.into()).map_err(|error| {
		format!("--chain takes `dev`, `local`, `fast`, `consortium` or a chain specification; `{path}` is none: {error}")
	})
}

fn build(name: &str, id: &str, kind: ChainType, preset: &str) -> Result<ChainSpec, String> {
	let code = spb_runtime::WASM_BINARY.ok_or(
		"this spb-node was built without its runtime; build it again without SKIP_WASM_BUILD, \
		 or give --chain the file of a chain specification",
	)?;
	Ok(ChainSpec::builder(code, None)
		.with_name(name)
		.with_id(id)
		.with_chain_type(kind)
		.with_genesis_config_preset_name(preset)
		.with_properties(properties())
		.build())
}

/// What wallets want to know of the chain's money and addresses.
fn properties() -> Properties {
	let mut properties = Properties::new();
	properties.insert("tokenSymbol".into(), TOKEN_SYMBOL.into());
	properties.insert("tokenDecimals".into(), DECIMALS.into());
	properties.insert("ss58Format".into(), SS58_FORMAT.into());
	properties
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn wallets_should_learn_symbol_decimals_and_prefix() {
		let properties = properties();
		assert_eq!(properties["tokenSymbol"], "SPB");
		assert_eq!(properties["tokenDecimals"], 12);
		assert_eq!(properties["ss58Format"], 42);
	}

	#[test]
	fn unknown_chain_should_be_refused_with_what_is_possible() {
		let error = from_file("no-such-chain").err().unwrap();
		assert!(error.contains("no-such-chain") && error.contains("`dev`"), "{error}");
	}
}
