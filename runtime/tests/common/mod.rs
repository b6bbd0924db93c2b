//! What the tests of the runtime share.

use sp_io::TestExternalities;
use spb_runtime::System;

/// The chain that a preset describes, after genesis.
pub fn chain(preset: &str) -> TestExternalities {
	let mut chain = TestExternalities::default();
	chain.execute_with(|| {
		let preset = spb_runtime::genesis::preset(&preset.into()).expect("the preset is there");
		let patch = serde_json::from_slice(&preset).unwrap();
		let whole = frame_support::genesis_builder_helper::get_preset::<
			spb_runtime::RuntimeGenesisConfig,
		>(&None, |_| None)
		.unwrap();
		let mut config: serde_json::Value = serde_json::from_slice(&whole).unwrap();
		merge(&mut config, patch);
		let config = serde_json::to_vec(&config).unwrap();
		frame_support::genesis_builder_helper::build_state::<spb_runtime::RuntimeGenesisConfig>(
			config,
		)
		.unwrap();
		System::set_block_number(1);
	});
	chain
}

/// Puts a patch over a JSON value.
fn merge(value: &mut serde_json::Value, patch: serde_json::Value) {
	match (value, patch) {
		(serde_json::Value::Object(value), serde_json::Value::Object(patch)) => {
			for (key, part) in patch {
				merge(value.entry(key).or_insert(serde_json::Value::Null), part);
			}
		},
		(value, patch) => *value = patch,
	}
}
