//! `cargo xtask faults`: all attacks and faults over real validators.

use crate::{
	build, process,
	setup::{self, Purpose},
	test::with_binaries,
	workspace::Workspace,
	Error,
};
use std::{fmt, fs, os::unix::fs::MetadataExt};

/// The program that plays scenarios, a test of the workspace.
pub const TEST: &str = "faults";

/// Whoever calls is not root.
#[derive(Debug, PartialEq, Eq)]
pub struct NotRoot;

impl fmt::Display for NotRoot {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(
			"some faults take root, network namespaces for a partition and a small disk to fill: run it \
			 as root, in a container if you like (`cargo xtask test` plays a selection that does not)",
		)
	}
}

impl std::error::Error for NotRoot {}

/// Plays every scenario. `cargo xtask test` plays a selection of them.
pub fn run(workspace: &Workspace) -> Result<(), Error> {
	ensure_root(own_user()).map_err(Error::NotRoot)?;
	let toolchain = setup::ensure(workspace, Purpose::Faults)?;
	build::run(workspace, toolchain)?;
	build::hostile(workspace, toolchain)?;
	let mut cargo = toolchain.command(workspace, "cargo");
	cargo.args(["test", "--release", "--workspace", "--test", TEST, "--", "--all"]);
	Ok(process::run(with_binaries(&mut cargo, workspace))?)
}

/// The user that this process runs as; none where the system does not say.
fn own_user() -> Option<u32> {
	fs::metadata("/proc/self").ok().map(|process| process.uid())
}

/// Before anything is built: the scenarios that need it come late.
fn ensure_root(user: Option<u32>) -> Result<(), NotRoot> {
	match user {
		Some(0) | None => Ok(()),
		Some(_) => Err(NotRoot),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn only_root_should_play_all_scenarios() {
		assert_eq!(ensure_root(Some(0)), Ok(()));
		assert_eq!(ensure_root(Some(1_000)), Err(NotRoot));
		assert!(own_user().is_some());
	}
}
