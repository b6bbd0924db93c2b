//! `cargo xtask test`: the Rust tests, then the JavaScript checks.

use crate::{
	build,
	process::{self, ProcessError},
	setup::{self, Purpose},
	steps::Steps,
	toolchain::Toolchain,
	workspace::Workspace,
	Error,
};
use std::{
	fs,
	path::{Path, PathBuf},
	process::Command,
	time::SystemTime,
};

/// Runs every test there is. A step that fails does not keep the later ones from running, but
/// without binaries there is nothing to test.
pub fn run(workspace: &Workspace) -> Result<(), Error> {
	let toolchain = setup::ensure(workspace, Purpose::Test)?;
	let mut steps = Steps::new("test", 3);
	let build = || {
		build::run(workspace, toolchain)?;
		build::hostile(workspace, toolchain)
	};
	if steps.run("build", build) {
		steps.run("Rust tests", || {
			let mut cargo = toolchain.command(workspace, "cargo");
			cargo.args(["test", "--release", "--workspace", "--no-fail-fast"]);
			process::run(with_binaries(&mut cargo, workspace))
		});
		let scripts = workspace.root.join("tests/js");
		if scripts.join("package.json").is_file() {
			steps.run("JavaScript checks", || javascript(workspace, &scripts));
		} else {
			steps.skip("JavaScript checks", "there is no tests/js");
		}
	} else {
		steps.skip("Rust tests", "the build failed");
		steps.skip("JavaScript checks", "the build failed");
	}
	Ok(steps.finish()?)
}

fn javascript(workspace: &Workspace, folder: &Path) -> Result<(), ProcessError> {
	let npm = || {
		// Not Debian's Rust, whose place in the path would bring another Node.js with it.
		let mut command = Toolchain::Default.command(workspace, "npm");
		command.current_dir(folder);
		command
	};
	if is_stale(folder) {
		process::run(npm().args(["ci", "--no-audit", "--no-fund"]))?;
	}
	process::run(with_binaries(npm().arg("test"), workspace))
}

/// Tells tests over real processes where these are.
pub fn with_binaries<'a>(command: &'a mut Command, workspace: &Workspace) -> &'a mut Command {
	command
		.env("SPB_NODE", workspace.binary("spb-node"))
		.env("SPB_NODE_HOSTILE", workspace.binary("spb-node-hostile"))
		.env("SPB_CLI", workspace.binary("spb"))
}

/// Whether the packages of a folder are absent, incomplete or older than its lock file.
fn is_stale(folder: &Path) -> bool {
	let changed =
		|path: PathBuf| -> Option<SystemTime> { fs::metadata(path).ok()?.modified().ok() };
	// npm writes its own copy of the lock file when it has installed everything.
	match changed(folder.join("node_modules/.package-lock.json")) {
		Some(installed) => {
			changed(folder.join("package-lock.json")).is_some_and(|locked| installed < locked)
		},
		None => true,
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::{fs::File, time::Duration};

	#[test]
	fn packages_should_be_installed_when_absent_incomplete_or_old() {
		let folder = std::env::temp_dir().join(format!("spb-xtask-npm-{}", std::process::id()));
		let modules = folder.join("node_modules");
		fs::create_dir_all(&modules).unwrap();
		let lock = File::create(folder.join("package-lock.json")).unwrap();
		let now = lock.metadata().unwrap().modified().unwrap();
		let begun = is_stale(&folder);
		let installed = File::create(modules.join(".package-lock.json")).unwrap();
		installed.set_modified(now + Duration::from_secs(1)).unwrap();
		let complete = is_stale(&folder);
		installed.set_modified(now - Duration::from_secs(1)).unwrap();
		let old = is_stale(&folder);
		fs::remove_dir_all(&folder).unwrap();
		assert_eq!((begun, complete, old), (true, false, true));
	}
}
