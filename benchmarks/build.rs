//! Compiles the runtime with its benchmarks to WebAssembly, and says with which compiler.

use std::{env, process::Command};

fn main() {
	let rustc = env::var_os("RUSTC").expect("cargo sets RUSTC");
	let version = Command::new(rustc).arg("--version").output().expect("the compiler runs");
	println!("cargo::rustc-env=COMPILER={}", String::from_utf8_lossy(&version.stdout).trim());
	substrate_wasm_builder::WasmBuilder::new()
		.with_project("../runtime/Cargo.toml")
		.expect("the runtime lies beside the benchmarks")
		.enable_feature("runtime-benchmarks")
		.export_heap_base()
		.import_memory()
		.build();
}
