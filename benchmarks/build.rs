//! Compiles the runtime with its benchmarks to WebAssembly.

use std::{env, path::Path};

fn main() {
	let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the folder has a parent");
	// As a chain runs it: what a release for development lacks in optimisation is no cost of a call.
	env::set_var("WASM_BUILD_TYPE", "production");
	substrate_wasm_builder::WasmBuilder::new()
		.with_project(root.join("runtime/Cargo.toml"))
		.expect("the runtime lies beside the benchmarks")
		.enable_feature("runtime-benchmarks")
		.export_heap_base()
		.import_memory()
		.build();
}
