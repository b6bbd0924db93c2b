//! The commands of the README and of the operators' handbook do what these say.

use spb_testbed::{node::Options, Binary, Node};
use spb_tests::{
	readme::{blocks, Mark},
	scene::node_program,
};
use std::{
	env, fs,
	os::unix::fs::{symlink, PermissionsExt},
	path::{Path, PathBuf},
	process::Command,
};

/// A folder with `spb-node` and with an `spb` which talks to this node unless told otherwise.
fn programs(folder: &Path, node: &Node) -> PathBuf {
	let cli = Binary::Cli.find().unwrap_or_else(|error| panic!("{error}"));
	let programs = folder.join("programs");
	fs::create_dir(&programs).unwrap();
	let spb = programs.join("spb");
	let script = format!("#!/bin/sh\nexec '{}' --url '{}' \"$@\"\n", cli.display(), node.url());
	fs::write(&spb, script).unwrap();
	fs::set_permissions(&spb, fs::Permissions::from_mode(0o755)).unwrap();
	symlink(node_program(), programs.join("spb-node")).unwrap();
	programs
}

/// With a block ends what it has left in the background, also where it fails.
const ENDING: &str = "trap 'kill ${!-} 2> /dev/null || :' EXIT\n";

/// Runs the marked blocks of a text against one node; the first that fails is told.
fn run(text: &str) -> Result<usize, String> {
	let blocks = blocks(text).map_err(|unclear| unclear.to_string())?;
	let folder = tempfile::tempdir().unwrap();
	let node = Node::start(Options::development(node_program())).unwrap();
	let programs = programs(folder.path(), &node);
	let path = env::var_os("PATH").unwrap_or_default();
	let path = env::join_paths([programs].into_iter().chain(env::split_paths(&path))).unwrap();
	let mut home = folder.path().to_owned();
	let mut count = 0;
	for block in blocks {
		match block.mark {
			Mark::Left(_) => continue,
			Mark::Fresh => {
				home = folder.path().join(block.line.to_string());
				fs::create_dir(&home).unwrap();
				// What the repository brings along, as from its root.
				let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
				symlink(docs, home.join("docs")).unwrap();
			},
			Mark::Continued => {},
		}
		let output = Command::new("sh")
			.args(["-euc", &format!("{ENDING}{}", block.script)])
			.current_dir(&home)
			.env("HOME", &home)
			.env("PATH", &path)
			.output()
			.unwrap();
		if !output.status.success() {
			let words = String::from_utf8_lossy(&output.stderr);
			return Err(format!("line {}: {words}\n{}", block.line, block.script));
		}
		count += 1;
	}
	Ok(count)
}

#[test]
fn commands_should_run_in_order_and_stop_at_a_failure() {
	let good = "<!-- test -->\n```console\n$ spb status\nanything\n$ spb meter init > key\n```\n\
		<!-- test: continued -->\n```console\n$ test -s key\n$ test -d .spb\n```\n\
		<!-- test -->\n```console\n$ test ! -e key\n```\n\
		<!-- test: continued -->\n```console\n$ spb watch &\n$ true\n```\n\
		<!-- no-test: it would never end -->\n```console\n$ spb watch\n```\n";
	assert_eq!(run(good), Ok(4));
	let bad = "<!-- test -->\n```console\n$ spb watch &\n$ spb meter keys\n$ true\n```\n";
	let error = run(bad).unwrap_err();
	assert!(error.contains("spb meter init"), "{error}");
}

/// Runs what is marked in a document of the repository.
fn run_document(name: &str) {
	let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
	let text = fs::read_to_string(&path)
		.unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
	let run = run(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
	assert!(run > 0, "{name} has no block of commands marked with <!-- test -->");
}

#[test]
fn commands_of_the_readme_should_work() {
	run_document("README.md");
}

#[test]
fn commands_of_the_handbook_should_work() {
	run_document("docs/operations.md");
}
