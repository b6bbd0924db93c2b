//! `cargo xtask test`: the Rust tests, the JavaScript checks, networks of nodes, the alert rules.

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
	env,
	ffi::OsString,
	fs,
	path::{Path, PathBuf},
	process::Command,
	time::SystemTime,
};

/// How Prometheus watches nodes; it names the alert rules. What raises these is in a file beside.
const PROMETHEUS: &str = "docs/operations/prometheus.yml";
const ALERTS_TEST: &str = "docs/operations/alerts.test.yml";

/// Runs every test there is. A step that fails does not keep the later ones from running, but
/// without binaries there is nothing to test.
pub fn run(workspace: &Workspace) -> Result<(), Error> {
	let toolchain = setup::ensure(workspace, Purpose::Test)?;
	let mut steps = Steps::new("test", 5);
	let built = steps.run("build", || {
		build::run(workspace, toolchain)?;
		build::hostile(workspace, toolchain)
	});
	let mut with_build = |name, step: &dyn Fn() -> Result<(), ProcessError>| {
		if built {
			steps.run(name, step);
		} else {
			steps.skip(name, "the build failed");
		}
	};
	with_build("Rust tests", &|| {
		let mut cargo = toolchain.command(workspace, "cargo");
		cargo.args(["test", "--release", "--workspace", "--no-fail-fast"]);
		process::run(with_binaries(&mut cargo, workspace))
	});
	with_build("JavaScript checks", &|| {
		let mut npm = npm(workspace, "tests/js")?;
		process::run(with_binaries(npm.arg("test"), workspace))
	});
	with_build("networks", &|| networks(workspace));
	steps.run("alert rules", || alerts(workspace));
	Ok(steps.finish()?)
}

/// Runs what `zombienet/` describes; what the nodes leave behind stays in the target folder until
/// the next time.
fn networks(workspace: &Workspace) -> Result<(), ProcessError> {
	let traces = workspace.target.join("zombienet");
	// Without its folder zombienet says so itself.
	let _ = fs::remove_dir_all(&traces);
	let _ = fs::create_dir_all(&traces);
	let mut npm = npm(workspace, "zombienet")?;
	npm.arg("test").env("TMPDIR", traces).env("PATH", with_programs(workspace));
	process::run(&mut npm)
}

/// The path, our own programs first.
fn with_programs(workspace: &Workspace) -> OsString {
	let path = env::var_os("PATH").unwrap_or_default();
	let programs = workspace.binary("spb-node").parent().map(Path::to_owned);
	// Joining fails only for a target folder with a colon in its name.
	env::join_paths(programs.into_iter().chain(env::split_paths(&path))).unwrap_or(path)
}

/// Checks configuration and alert rules, then plays what should and should not raise them.
fn alerts(workspace: &Workspace) -> Result<(), ProcessError> {
	let promtool = || {
		// Set-up has just found it.
		let program = setup::promtool(workspace).unwrap_or_else(|| "promtool".into());
		let mut command = Command::new(program);
		command.current_dir(&workspace.root);
		command
	};
	process::run(promtool().args(["check", "config", PROMETHEUS]))?;
	process::run(promtool().args(["test", "rules", ALERTS_TEST]))
}

/// npm in a folder of the repository whose packages are there as its lock file says.
pub fn npm(workspace: &Workspace, folder: &str) -> Result<Command, ProcessError> {
	let folder = workspace.root.join(folder);
	let npm = || {
		// Not Debian's Rust, whose place in the path would bring another Node.js with it.
		let mut command = Toolchain::Default.command(workspace, "npm");
		command.current_dir(&folder);
		command
	};
	if is_stale(&folder) {
		process::run(npm().args(["ci", "--no-audit", "--no-fund"]))?;
	}
	Ok(npm())
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
	use std::{collections::BTreeSet, fs::File, time::Duration};

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

	#[test]
	fn every_alert_should_be_tested() {
		let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
		let named = |file, key: &str| -> BTreeSet<String> {
			let text = fs::read_to_string(root.join(file)).unwrap();
			let values = text.lines().filter_map(|line| {
				line.trim_start_matches([' ', '-']).strip_prefix(key)?.strip_prefix(": ")
			});
			values.map(|value| value.trim().to_owned()).collect()
		};
		let alerts = named("docs/operations/alerts.yml", "alert");
		assert!(!alerts.is_empty());
		assert_eq!(named(ALERTS_TEST, "alertname"), alerts);
	}
}
