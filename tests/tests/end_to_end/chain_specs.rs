//! The specifications in `chain-specs/` are those of the node's chains.

use serde_json::Value;
use spb_testbed::{
	node::{Node, Options},
	specification,
};
use spb_tests::scene::node_program;
use std::{
	ffi::OsStr,
	fs,
	path::{Path, PathBuf},
};
use subxt::rpcs::client::RpcParams;

const HOW: &str = "it is stale: run `cargo xtask chain-specs` and commit what it writes";

/// Where the runtime stands in a plain specification, and in a raw one.
const CODE: &str = "/genesis/runtimeGenesis/code";
const RAW_CODE: &str = "/genesis/raw/top/0x3a636f6465";

fn committed(name: &str) -> PathBuf {
	Path::new(env!("CARGO_MANIFEST_DIR")).join("../chain-specs").join(name)
}

/// A committed specification and what the node writes with these arguments, each without its runtime,
/// and the committed runtime. The same sources give other code in another folder and with another
/// compiler.
fn compared(name: &str, arguments: &[&str], code: &str) -> (Value, Value, Value) {
	let text = fs::read(committed(name)).unwrap();
	let mut committed: Value = serde_json::from_slice(&text).unwrap();
	let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
	let written = specification::build(&node_program(), &arguments).unwrap();
	let mut written: Value = serde_json::from_slice(&written).unwrap();
	let take = |specification: &mut Value| {
		let code = specification.pointer_mut(code).unwrap_or_else(|| panic!("{name}: no code"));
		assert!(code.is_string(), "{name}: {code}");
		code.take()
	};
	let own = take(&mut committed);
	take(&mut written);
	(committed, written, own)
}

#[test]
fn specifications_should_be_those_of_the_node() {
	let (plain, written, code) = compared("local.json", &["--chain", "local"], CODE);
	assert_eq!(plain, written, "local.json: {HOW}");
	let (raw, written, raw_code) =
		compared("local-raw.json", &["--chain", "local", "--raw"], RAW_CODE);
	assert_eq!(raw, written, "local-raw.json: {HOW}");
	assert_eq!(code, raw_code, "one runtime in both");
}

/// What clients see of the runtime that a chain begins with, its version included.
async fn metadata_of(chain: &Path) -> Value {
	let node = Node::start(Options::full(node_program()).chain(chain)).unwrap();
	let connection = node.connect().await.unwrap();
	connection.request("state_getMetadata", RpcParams::new()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn specifications_should_begin_with_the_nodes_runtime() {
	let committed = committed("local-raw.json");
	let (theirs, ours) = tokio::join!(metadata_of(&committed), metadata_of(Path::new("local")));
	assert!(ours.is_string(), "{ours}");
	// Half a megabyte each: not to be printed.
	assert!(theirs == ours, "the runtime of local-raw.json: {HOW}");
}
