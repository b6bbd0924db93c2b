//! The runtime, run over a state in memory.

use crate::clock;
use codec::{Decode, Encode};
use sc_client_db::BenchmarkingState;
use sc_executor::WasmExecutor;
use serde_json::Value;
use sp_core::{
	traits::{CallContext, CodeExecutor, RuntimeCode, WrappedRuntimeCode},
	Blake2Hasher, Hasher,
};
use sp_externalities::Extensions;
use sp_keystore::{testing::MemoryKeystore, KeystoreExt};
use sp_runtime::{traits::BlakeTwo256, Storage};
use sp_state_machine::{BasicExternalities, OverlayedChanges, StateMachine};
use sp_wasm_interface::ExtendedHostFunctions;
use std::{borrow::Cow, error::Error};

type HostFunctions = ExtendedHostFunctions<
	(sp_io::SubstrateHostFunctions, frame_benchmarking::benchmarking::HostFunctions),
	clock::benchmarking::HostFunctions,
>;

/// Whether reads and writes are counted, which takes time, or time is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Count {
	/// Reads and writes.
	Storage,
	/// Nothing.
	Nothing,
}

/// A runtime with benchmarks, and the states that they run on.
pub struct Runtime {
	executor: WasmExecutor<HostFunctions>,
	code: WrappedRuntimeCode<'static>,
	hash: Vec<u8>,
	counting: BenchmarkingState<BlakeTwo256>,
	plain: BenchmarkingState<BlakeTwo256>,
}

impl Runtime {
	/// A runtime whose state is that of a genesis preset.
	pub fn new(code: &'static [u8], preset: &str) -> Result<Self, Box<dyn Error>> {
		let state = |tracking| BenchmarkingState::new(Storage::default(), None, false, tracking);
		let mut runtime = Self {
			executor: WasmExecutor::builder().build(),
			hash: Blake2Hasher::hash(code).as_bytes().to_vec(),
			code: WrappedRuntimeCode(Cow::Borrowed(code)),
			counting: state(true)?,
			plain: state(false)?,
		};
		let genesis = runtime.genesis(preset)?;
		runtime.counting = BenchmarkingState::new(genesis.clone(), None, false, true)?;
		runtime.plain = BenchmarkingState::new(genesis, None, false, false)?;
		Ok(runtime)
	}

	fn runtime_code(&self) -> RuntimeCode<'_> {
		RuntimeCode { code_fetcher: &self.code, heap_pages: None, hash: self.hash.clone() }
	}

	/// Calls the runtime on the state that counts, or on the one that does not.
	pub fn call<R: Decode>(
		&self,
		count: Count,
		method: &str,
		arguments: &impl Encode,
	) -> Result<R, Box<dyn Error>> {
		let state = match count {
			Count::Storage => &self.counting,
			Count::Nothing => &self.plain,
		};
		let mut overlay = OverlayedChanges::default();
		let mut extensions = Extensions::default();
		extensions.register(KeystoreExt::new(MemoryKeystore::new()));
		let answer = StateMachine::new(
			state,
			&mut overlay,
			&self.executor,
			method,
			&arguments.encode(),
			&mut extensions,
			&self.runtime_code(),
			CallContext::Offchain,
		)
		.execute()
		.map_err(|error| format!("{method}: {error}"))?;
		Ok(R::decode(&mut &answer[..])?)
	}

	/// The state that a preset describes.
	fn genesis(&self, preset: &str) -> Result<Storage, Box<dyn Error>> {
		let mut json = self.preset(None)?;
		merge(&mut json, self.preset(Some(preset))?);
		let json = serde_json::to_vec(&json)?;
		let mut state = BasicExternalities::new_empty();
		let method = "GenesisBuilder_build_state";
		let code = self.runtime_code();
		let (answer, _) =
			self.executor.call(&mut state, &code, method, &json.encode(), CallContext::Offchain);
		Result::<(), String>::decode(&mut &answer?[..])??;
		Ok(state.into_storages())
	}

	/// A preset's changes to the default one, or that one itself.
	fn preset(&self, name: Option<&str>) -> Result<Value, Box<dyn Error>> {
		let json: Option<Vec<u8>> =
			self.call(Count::Nothing, "GenesisBuilder_get_preset", &name)?;
		let json = json.ok_or_else(|| format!("the runtime has no preset {name:?}"))?;
		Ok(serde_json::from_slice(&json)?)
	}
}

/// Puts the changes of a patch into a JSON document (RFC 7386).
fn merge(document: &mut Value, patch: Value) {
	match (document, patch) {
		(Value::Object(fields), Value::Object(changes)) => {
			for (name, change) in changes {
				match change {
					Value::Null => drop(fields.remove(&name)),
					change => merge(fields.entry(name).or_insert(Value::Null), change),
				}
			}
		},
		(document, patch) => *document = patch,
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use serde_json::json;

	#[test]
	fn merge_should_change_what_the_patch_names() {
		let mut document = json!({ "a": { "b": 1, "c": 2 }, "d": [3], "e": 4 });
		merge(&mut document, json!({ "a": { "c": 5 }, "d": [6, 7], "e": null, "f": { "g": 8 } }));
		assert_eq!(document, json!({ "a": { "b": 1, "c": 5 }, "d": [6, 7], "f": { "g": 8 } }));
	}
}
