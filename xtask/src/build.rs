//! `cargo xtask build`: the binaries.

use crate::{
	process::{self, ProcessError},
	toolchain::Toolchain,
	workspace::Workspace,
};

/// Compiles the workspace.
///
/// Always the whole of it: another selection of crates would unify the features of the dependencies
/// differently and compile hundreds of them again.
pub fn run(workspace: &Workspace, toolchain: Toolchain) -> Result<(), ProcessError> {
	process::run(toolchain.command(workspace, "cargo").args(["build", "--release", "--workspace"]))
}
