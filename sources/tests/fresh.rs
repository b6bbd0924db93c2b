//! What is kept in the repository and was made of its sources was made of these sources.

use spb_sources::{of_runtime, of_weights, MEASURED};
use std::{
	fs,
	path::{Path, PathBuf},
};

fn root() -> PathBuf {
	Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn chain_specifications_should_be_of_this_runtime() {
	let noted = fs::read_to_string(root().join("chain-specs/sources.digest")).unwrap_or_default();
	assert_eq!(
		noted.trim(),
		of_runtime(&root()).unwrap(),
		"runtime/, pallets/, primitives/ or Cargo.lock have changed since the chain specifications were \
		 made: run `cargo xtask chain-specs` and commit what it writes"
	);
}

#[test]
fn weights_should_be_measured_of_these_sources() {
	let pallets = fs::read_dir(root().join("pallets")).unwrap();
	let pallets = pallets.map(|entry| entry.unwrap().file_name().into_string().unwrap());
	let folders = pallets.map(|pallet| format!("pallets/{pallet}"));
	let mut measured = 0;
	for folder in folders.chain(["runtime".to_owned()]) {
		let Ok(weights) = fs::read_to_string(root().join(&folder).join(MEASURED)) else { continue };
		let noted = weights.lines().find_map(|line| line.strip_prefix("//! * Sources: "));
		assert_eq!(
			noted.map(|noted| noted.trim_matches('`')),
			Some(of_weights(&root(), &folder).unwrap().as_str()),
			"{folder} has changed since its weights were measured: run `cargo run --release \
			 --manifest-path benchmarks/Cargo.toml` on a quiet machine and commit what it writes \
			 (docs/decisions/0003-weights.md)"
		);
		measured += 1;
	}
	assert_eq!(measured, 4, "a crate with weights is not looked at, or is gone");
}
