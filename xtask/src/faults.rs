//! `cargo xtask faults`: all attacks and faults over real validators.

use crate::{
	build, process,
	setup::{self, Purpose},
	test::with_binaries,
	workspace::Workspace,
	Error,
};

/// The program that plays scenarios, a test of the workspace.
pub const TEST: &str = "faults";

/// Plays every scenario. `cargo xtask test` plays a selection of them.
pub fn run(workspace: &Workspace) -> Result<(), Error> {
	let toolchain = setup::ensure(workspace, Purpose::Faults)?;
	build::run(workspace, toolchain)?;
	build::hostile(workspace, toolchain)?;
	let mut cargo = toolchain.command(workspace, "cargo");
	cargo.args(["test", "--release", "--workspace", "--test", TEST, "--", "--all"]);
	Ok(process::run(with_binaries(&mut cargo, workspace))?)
}
