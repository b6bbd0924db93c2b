//! The node that is shipped can do nothing that only tests need.

use spb_testbed::Binary;
use spb_tests::scene::node_program;
use std::{
	path::Path,
	process::{Command, Output},
};

const OPTION: &str = "--misbehave";

fn run(program: &Path, arguments: &[&str]) -> (Output, String) {
	let output = Command::new(program).args(arguments).output().unwrap();
	let words = [&output.stdout[..], &output.stderr].concat();
	let words = String::from_utf8_lossy(&words).into_owned();
	(output, words)
}

/// The lies that the hostile node can tell, by its own help.
fn lies(hostile: &Path) -> Vec<String> {
	let (output, help) = run(hostile, &["--help"]);
	assert!(output.status.success(), "{help}");
	let after = help.split_once(OPTION).expect("the hostile node has the option").1;
	// `- name: what it does`, up to an empty line.
	let list = after.lines().map(str::trim).skip_while(|line| !line.starts_with("- "));
	let list = list.take_while(|line| !line.is_empty());
	list.filter_map(|line| Some(line.strip_prefix("- ")?.split(':').next()?.to_owned())).collect()
}

#[test]
fn misbehaviour_should_be_refused_by_the_node_that_is_shipped() {
	let hostile = Binary::Hostile.find().unwrap_or_else(|error| panic!("{error}"));
	let lies = lies(&hostile);
	assert!(lies.len() >= 10 && lies.iter().any(|lie| lie == "no-seal"), "{lies:?}");
	let shipped = node_program();
	for lie in &lies {
		let (output, words) = run(&shipped, &[OPTION, lie, "--dev"]);
		assert_eq!(output.status.code(), Some(2), "{lie}: {words}");
		assert!(words.contains("unexpected argument") && words.contains(OPTION), "{words}");
	}
	let (output, help) = run(&shipped, &["--help"]);
	assert!(output.status.success() && !help.contains("misbehav"), "{help}");
}
