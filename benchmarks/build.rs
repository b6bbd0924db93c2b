//! Compiles the runtime with its benchmarks to WebAssembly, and says with which compiler.

use std::{env, path::Path, process::Command};

fn main() {
	let rustc = env::var_os("RUSTC").expect("cargo sets RUSTC");
	let version = Command::new(rustc).arg("--version").output().expect("the compiler runs");
	println!("cargo::rustc-env=COMPILER={}", String::from_utf8_lossy(&version.stdout).trim());
	let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the folder has a parent");
	substrate_wasm_builder::WasmBuilder::new()
		.with_project(root.join("runtime/Cargo.toml"))
		.expect("the runtime lies beside the benchmarks")
		.enable_feature("runtime-benchmarks")
		.export_heap_base()
		.import_memory()
		.build();
}
