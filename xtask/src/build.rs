//! `cargo xtask build`: the binaries. And for tests, a node that misbehaves.

use crate::{checkout, process::ProcessError, toolchain::Toolchain, workspace::Workspace};
use std::path::PathBuf;

/// The feature of the node that lets it lie.
pub const MISBEHAVIOUR: &str = "spb-node/misbehaviour";

/// The feature of the runtime that compiles the hash of its metadata into it, for wallets that show what
/// they sign. It compiles the runtime twice.
const METADATA_HASH: &str = "spb-runtime/metadata-hash";

/// The profile of what is shipped, after which cargo names the folder.
const PRODUCTION: &str = "production";
/// The programs that are shipped.
const SHIPPED: [&str; 2] = ["spb-node", "spb"];

/// What to build.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
	/// What is shipped, instead of what is developed and tested with.
	pub production: bool,
}

/// Compiles what is shipped, which takes its time: nothing is left out that makes it faster. Says in which folder it
/// is, with the other `programs` that are asked for.
pub fn production(
	workspace: &Workspace,
	toolchain: Toolchain,
	programs: &[&str],
) -> Result<PathBuf, ProcessError> {
	let mut cargo = toolchain.command(workspace, "cargo");
	cargo.args(["build", "--profile", PRODUCTION, "--workspace", "--features", METADATA_HASH]);
	for program in SHIPPED.iter().chain(programs) {
		cargo.args(["--bin", program]);
	}
	checkout::compile(workspace, &mut cargo)?;
	Ok(workspace.target.join(PRODUCTION))
}

/// Compiles the workspace.
///
/// Always the whole of it: another selection of crates would unify the features of the dependencies
/// differently and compile hundreds of them again.
pub fn run(workspace: &Workspace, toolchain: Toolchain) -> Result<(), ProcessError> {
	let mut cargo = toolchain.command(workspace, "cargo");
	checkout::compile(workspace, cargo.args(["build", "--release", "--workspace"]))
}

/// Compiles `spb-node-hostile`, which tests set on honest nodes: the node once more, with a feature
/// that nothing else is built with.
pub fn hostile(workspace: &Workspace, toolchain: Toolchain) -> Result<(), ProcessError> {
	let mut cargo = toolchain.command(workspace, "cargo");
	cargo.args(["build", "--release", "--workspace", "--bin", "spb-node-hostile"]);
	checkout::compile(workspace, cargo.args(["--features", MISBEHAVIOUR]))
}
