//! An evaluation refuses what cannot be measured, before it starts a node. That a small one leaves every
//! figure that it should, and goes on where it stopped, is shown where one is run: by `.ci/evaluation`.

use spb_testbed::Binary;
use spb_tests::scene::node_program;
use std::{
	path::Path,
	process::{Command, Output},
};

fn evaluate(out: &Path, arguments: &[&str]) -> Output {
	let program = Binary::Evaluate.find().unwrap_or_else(|error| panic!("{error}"));
	Command::new(program)
		.arg("--node")
		.arg(node_program())
		.arg("--root")
		.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
		.arg("--out")
		.arg(out)
		.args(arguments)
		.output()
		.unwrap()
}

#[test]
fn what_cannot_be_measured_should_be_refused() {
	let folder = tempfile::tempdir().unwrap();
	for arguments in [
		&["--validators", "5"][..],
		&["--validators", "0"],
		&["--sizes", "100,50"],
		&["--sizes", "0"],
		&["--runs", "0"],
	] {
		let out = folder.path().join("none");
		let output = evaluate(&out, arguments);
		assert_eq!(output.status.code(), Some(2), "{arguments:?}");
		assert!(!out.exists(), "{arguments:?}");
	}
}
