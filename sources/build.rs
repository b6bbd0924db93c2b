//! Says with which compiler.

use std::{env, process::Command};

fn main() {
	let rustc = env::var_os("RUSTC").expect("cargo sets RUSTC");
	let version = Command::new(rustc).arg("--version").output().expect("the compiler runs");
	println!("cargo::rustc-env=COMPILER={}", String::from_utf8_lossy(&version.stdout).trim());
}
