//! The chains that the binary brings along. What they begin with is said by the runtime's presets.

use sc_chain_spec::json_merge;
use sc_service::{ChainType, Properties};
use sp_core::storage::{well_known_keys, Storage};
use sp_genesis_builder::{runtime_decl_for_genesis_builder::GenesisBuilder, PresetId};
use sp_state_machine::BasicExternalities;
use spb_primitives::units::DECIMALS;
use spb_runtime::Runtime;

/// A chain specification without extensions.
pub type ChainSpec = sc_service::GenericChainSpec;

/// The symbol of the chain's money.
const TOKEN_SYMBOL: &str = "SPB";
/// The prefix of addresses.
const SS58_FORMAT: u32 = spb_runtime::SS58_PREFIX as u32;

/// A chain that the binary brings along.
#[derive(Clone, Debug)]
pub struct Chain {
	name: &'static str,
	id: &'static str,
	kind: ChainType,
	/// The preset of the runtime that it begins with.
	preset: &'static str,
}

/// One validator, Alice, for development.
pub const DEVELOPMENT: Chain = Chain {
	name: "SPB Development",
	id: "spb_dev",
	kind: ChainType::Development,
	preset: sp_genesis_builder::DEV_RUNTIME_PRESET,
};

/// Two validators, Alice and Bob, on one machine.
pub const LOCAL: Chain = Chain {
	name: "SPB Local Testnet",
	id: "spb_local",
	kind: ChainType::Local,
	preset: sp_genesis_builder::LOCAL_TESTNET_RUNTIME_PRESET,
};

/// Four validators with short lifetimes, for tests.
pub const FAST: Chain = Chain {
	name: "SPB Fast Testnet",
	id: "spb_fast",
	kind: ChainType::Local,
	preset: spb_runtime::genesis::FAST_PRESET,
};

/// Three companies that validate and govern together.
pub const CONSORTIUM: Chain = Chain {
	name: "SPB Consortium",
	id: "spb_consortium",
	kind: ChainType::Local,
	preset: spb_runtime::genesis::CONSORTIUM_PRESET,
};

impl Chain {
	/// Its specification as people read and change it.
	pub fn plain(&self) -> Result<ChainSpec, String> {
		Ok(ChainSpec::builder(code()?, None)
			.with_name(self.name)
			.with_id(self.id)
			.with_chain_type(self.kind.clone())
			.with_genesis_config_patch(self.config(&Some(self.preset.into()))?)
			.with_properties(properties())
			.build())
	}

	/// Its specification with the state that it begins with.
	///
	/// The runtime that is compiled into this program works it out, which takes no time: the one in the
	/// chain is the same and would have to be compiled first.
	pub fn raw(&self) -> Result<ChainSpec, String> {
		let mut config = self.config(&None)?;
		json_merge(&mut config, self.config(&Some(self.preset.into()))?);
		let mut state = Storage::default();
		BasicExternalities::execute_with_storage(&mut state, || {
			Runtime::build_state(config.to_string().into_bytes())
		})?;
		state.top.insert(well_known_keys::CODE.to_vec(), code()?.to_vec());
		let mut specification = self.plain()?;
		sc_service::ChainSpec::set_storage(&mut specification, state);
		Ok(specification)
	}

	/// A preset, or what every chain begins with where it says nothing else.
	fn config(&self, preset: &Option<PresetId>) -> Result<serde_json::Value, String> {
		let text = Runtime::get_preset(preset)
			.ok_or_else(|| format!("the runtime has no preset for {}", self.id))?;
		serde_json::from_slice(&text).map_err(|error| {
			format!("the runtime's preset for {} cannot be read: {error}", self.id)
		})
	}
}

/// The specification at this path.
pub fn from_file(path: &str) -> Result<ChainSpec, String> {
	ChainSpec::from_json_file(path.into()).map_err(|error| {
		format!("--chain takes `dev`, `local`, `fast`, `consortium` or a chain specification; `{path}` is none: {error}")
	})
}

fn code() -> Result<&'static [u8], String> {
	spb_runtime::WASM_BINARY.ok_or_else(|| {
		"this spb-node was built without its runtime; build it again without SKIP_WASM_BUILD, \
		 or give --chain the file of a chain specification"
			.into()
	})
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
	use sp_runtime::BuildStorage;

	#[test]
	fn runtime_in_the_program_should_begin_a_chain_as_the_one_in_the_chain_does() {
		for chain in [DEVELOPMENT, LOCAL, FAST, CONSORTIUM] {
			let Ok(raw) = chain.raw() else {
				// Nothing can be started then, either.
				assert!(spb_runtime::WASM_BINARY.is_none());
				continue;
			};
			let ours = raw.build_storage().unwrap();
			// Of a plain specification, the runtime that it names works out the state.
			let theirs = chain.plain().unwrap().build_storage().unwrap();
			assert!(ours.top == theirs.top, "{chain:?}");
			assert!(ours.children_default.is_empty() && theirs.children_default.is_empty());
			assert!(ours.top.len() > 20, "{chain:?}");
		}
	}

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
