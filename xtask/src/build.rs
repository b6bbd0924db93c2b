//! `cargo xtask build`: the binaries. And for tests, a node that misbehaves.

use crate::{checkout, process::ProcessError, toolchain::Toolchain, workspace::Workspace};

/// The feature of the node that lets it lie.
pub const MISBEHAVIOUR: &str = "spb-node/misbehaviour";

/// The feature of the runtime that compiles the hash of its metadata into it, for wallets that show what
/// they sign. It compiles the runtime twice.
const METADATA_HASH: &str = "spb-runtime/metadata-hash";

/// The profile of what is shipped, after which cargo names the folder.
const PRODUCTION: &str = "production";
/// The programs that are shipped.
const SHIPPED: [&str; 2] = ["spb-node", "spb"];

/// Crates of ours that compile fast and run slowly in development; what is measured has them optimised.
const MEASURED: [&str; 3] = ["spb-client", "spb-node", "spb-testbed"];

/// What to build.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
	/// What is shipped, instead of what is developed and tested with.
	pub production: bool,
}

/// Compiles what is shipped, which takes its time: nothing is left out that makes it faster.
pub fn production(workspace: &Workspace, toolchain: Toolchain) -> Result<(), ProcessError> {
	let mut cargo = toolchain.command(workspace, "cargo");
	cargo.args(["build", "--profile", PRODUCTION, "--workspace", "--features", METADATA_HASH]);
	for program in SHIPPED {
		cargo.args(["--bin", program]);
	}
	checkout::compile(workspace, &mut cargo)
}

/// Compiles the workspace as [`run`] does, with all of our code optimised as well: for figures of speed,
/// with the dependencies that are compiled already.
pub fn measured(workspace: &Workspace, toolchain: Toolchain) -> Result<(), ProcessError> {
	let mut cargo = toolchain.command(workspace, "cargo");
	cargo.args(["build", "--release", "--workspace"]);
	for name in MEASURED {
		for setting in ["opt-level=3", "codegen-units=16"] {
			cargo.args(["--config", &format!("profile.release.package.{name}.{setting}")]);
		}
	}
	checkout::compile(workspace, &mut cargo)
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
