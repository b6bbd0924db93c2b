//! `cargo xtask test`: the Rust tests, the JavaScript checks, networks of nodes, the alert rules.
//!
//! Tests over real nodes wait for blocks most of the time: they run side by side. Tests that compute,
//! and the attacks and faults over four validators with two blocks a second, run alone.

use crate::{
	build,
	evaluate::EVM,
	faults,
	process::{self, Output, ProcessError},
	setup::{self, Purpose},
	steps::{Step, Steps},
	toolchain::Toolchain,
	workspace::Workspace,
	Error,
};
use std::{
	env,
	ffi::OsString,
	fs, io,
	path::{Path, PathBuf},
	process::Command,
	time::SystemTime,
};

/// How Prometheus watches nodes; it names the alert rules. What raises these is in a file beside.
const PROMETHEUS: &str = "docs/operations/prometheus.yml";
const DASHBOARD: &str = "docs/operations/grafana.json";
const ALERTS_TEST: &str = "docs/operations/alerts.test.yml";

/// The crate whose tests are over real nodes.
const NODE_TESTS: &str = "tests";
/// How many end-to-end tests run at once, of which most wait for a block of their own node.
const END_TO_END_THREADS: &str = "6";
/// How little of the EVM yardstick is measured where it is one of the steps.
const YARDSTICK: [&str; 4] = ["--runs", "1", "--block-time-ms", "500"];
/// How much the demo replays where it is one of the steps.
const DEMO: [&str; 3] = ["demo", "--quarters", "8"];

/// How to test.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
	/// The demo is one of the steps.
	pub demo: bool,
}

/// Runs every test there is. A step that fails does not keep the later ones from running, but
/// without binaries there is nothing to test.
pub fn run(workspace: &Workspace, options: Options) -> Result<(), Error> {
	let toolchain = setup::ensure(workspace, Purpose::Test)?;
	let mut waiting = vec![
		vec![Step::new("end-to-end tests", |output| {
			let mut cargo = test_command(workspace, toolchain);
			cargo.args(["--test", "end_to_end", "--", "--test-threads", END_TO_END_THREADS]);
			process::run_into(&mut cargo, output)
		})],
		vec![Step::new("networks", |output| networks(workspace, output))],
		// One after the other: so few lanes keep the number of nodes that run at once low.
		vec![
			Step::new("EVM yardstick", |output| yardstick(workspace, output)),
			Step::new("JavaScript checks", |output| {
				let mut npm = npm(workspace, "tests/js", output)?;
				process::run_into(with_binaries(npm.arg("test"), workspace), output)
			}),
		],
	];
	if options.demo {
		if let Some(lane) = waiting.last_mut() {
			lane.push(Step::new("demo", |output| demo(workspace, output)));
		}
	}
	let alone: [(&str, &dyn Fn() -> _); 2] = [
		("other Rust tests", &|| other_tests(workspace, toolchain)),
		("attacks and faults", &|| {
			process::run(test_command(workspace, toolchain).args(["--test", faults::TEST]))
		}),
	];
	let total = 2 + waiting.iter().flatten().count() + alone.len();
	let mut steps = Steps::new("test", total);
	let built = steps.run("build", || {
		build::run(workspace, toolchain)?;
		build::hostile(workspace, toolchain)?;
		process::run(test_command(workspace, toolchain).arg("--no-run"))
	});
	if built {
		steps.side_by_side(&workspace.target.join("test"), waiting);
		for (name, step) in alone {
			steps.run(name, step);
		}
	} else {
		let names = waiting.iter().flatten().map(Step::name).chain(alone.map(|(name, _)| name));
		for name in names {
			steps.skip(name, "the build failed");
		}
	}
	steps.run("alert rules", || alerts(workspace));
	Ok(steps.finish()?)
}

/// `cargo test` of the whole workspace, which knows where the programs are.
fn test_command(workspace: &Workspace, toolchain: Toolchain) -> Command {
	let mut cargo = toolchain.command(workspace, "cargo");
	cargo.args(["test", "--release", "--workspace", "--no-fail-fast"]);
	with_binaries(&mut cargo, workspace);
	cargo
}

/// Runs all Rust tests but those over real nodes: of the crates themselves, beside them and in their
/// documentation.
fn other_tests(workspace: &Workspace, toolchain: Toolchain) -> Result<(), ProcessError> {
	let names = other_test_targets(&workspace.root)
		.map_err(|source| ProcessError::Unreadable { path: workspace.root.clone(), source })?;
	let mut cargo = test_command(workspace, toolchain);
	cargo.args(["--lib", "--bins"]);
	for name in &names {
		cargo.args(["--test", name]);
	}
	let tests = process::run(&mut cargo);
	let documentation = process::run(test_command(workspace, toolchain).arg("--doc"));
	tests.and(documentation)
}

/// The test programs of the workspace, found as cargo finds them, but for those over real nodes.
fn other_test_targets(root: &Path) -> io::Result<Vec<String>> {
	let mut names = Vec::new();
	for member in members(&fs::read_to_string(root.join("Cargo.toml"))?) {
		let folder = root.join(&member).join("tests");
		if member == NODE_TESTS || !folder.is_dir() {
			continue;
		}
		for entry in fs::read_dir(folder)? {
			let path = entry?.path();
			let is_test = path.join("main.rs").is_file()
				|| path.extension().is_some_and(|extension| extension == "rs");
			if let Some(name) = path.file_stem().filter(|_| is_test) {
				names.push(name.to_string_lossy().into_owned());
			}
		}
	}
	names.sort();
	// Cargo takes a name for the tests of that name in all crates.
	names.dedup();
	Ok(names)
}

/// The members of a workspace, by its manifest: a list with a line for each.
fn members(manifest: &str) -> Vec<String> {
	let lines = manifest.lines().skip_while(|line| !line.starts_with("members = ["));
	let lines = lines.skip(1).take_while(|line| !line.starts_with(']'));
	lines.map(|line| line.trim_matches([' ', '\t', '"', ',']).to_owned()).collect()
}

/// Plays the demo, as whoever types it does. The program is the one just built: where that was
/// compiled anew, the one that runs has lost its place.
fn demo(workspace: &Workspace, output: &Output) -> Result<(), ProcessError> {
	let mut command = Command::new(workspace.binary("xtask"));
	command.args(DEMO).current_dir(&workspace.root).env("CARGO_TARGET_DIR", &workspace.target);
	process::run_into(&mut command, output)
}

/// Checks the baseline's contract, and that its trades can be measured.
fn yardstick(workspace: &Workspace, output: &Output) -> Result<(), ProcessError> {
	process::run_into(npm(workspace, EVM, output)?.arg("test"), output)?;
	let mut measure = npm(workspace, EVM, output)?;
	process::run_into(measure.args(["run", "measure", "--"]).args(YARDSTICK), output)
}

/// Runs what `zombienet/` describes; what the nodes leave behind stays in the target folder until
/// the next time.
fn networks(workspace: &Workspace, output: &Output) -> Result<(), ProcessError> {
	let traces = workspace.target.join("zombienet");
	// Without its folder zombienet says so itself.
	let _ = fs::remove_dir_all(&traces);
	let _ = fs::create_dir_all(&traces);
	let mut npm = npm(workspace, "zombienet", output)?;
	npm.arg("test").env("TMPDIR", traces).env("PATH", with_programs(workspace));
	process::run_into(&mut npm, output)
}

/// The path, our own programs first.
fn with_programs(workspace: &Workspace) -> OsString {
	let path = env::var_os("PATH").unwrap_or_default();
	let programs = workspace.binary("spb-node").parent().map(Path::to_owned);
	// Joining fails only for a target folder with a colon in its name.
	env::join_paths(programs.into_iter().chain(env::split_paths(&path))).unwrap_or(path)
}

/// Checks configuration, alert rules and the queries of the dashboard, then plays what should and should not raise
/// alerts.
fn alerts(workspace: &Workspace) -> Result<(), ProcessError> {
	let promtool = || {
		// Set-up has just found it.
		let program = setup::promtool(workspace).unwrap_or_else(|| "promtool".into());
		let mut command = Command::new(program);
		command.current_dir(&workspace.root);
		command
	};
	process::run(promtool().args(["check", "config", PROMETHEUS]))?;
	let dashboard = workspace.root.join(DASHBOARD);
	let queries = workspace.target.join("test/dashboard.rules.yml");
	fs::read_to_string(&dashboard)
		.and_then(|dashboard| fs::write(&queries, recorded(&dashboard)))
		.map_err(|source| ProcessError::Unreadable { path: dashboard, source })?;
	process::run(promtool().args(["check", "rules"]).arg(queries))?;
	process::run(promtool().args(["test", "rules", ALERTS_TEST]))
}

/// The queries of a dashboard as rules that record them, which Prometheus's own tool reads. Grafana writes each
/// into a line of its own.
fn recorded(dashboard: &str) -> String {
	let queries = dashboard.lines().filter_map(|line| {
		let query = line.trim().trim_end_matches(',').strip_prefix("\"expr\": \"")?;
		query.strip_suffix('"')
	});
	let mut rules = "groups:\n- name: dashboard\n  rules:\n".to_owned();
	for (place, query) in queries.enumerate() {
		// What Grafana fills in, and the quotes of JSON and of YAML.
		let query = query.replace("\\\"", "\"").replace("$instance", ".*").replace('\'', "''");
		rules += &format!("  - record: dashboard:query_{place}\n    expr: '{query}'\n");
	}
	rules
}

/// npm in a folder of the repository whose packages are there as its lock file says.
pub fn npm(workspace: &Workspace, folder: &str, output: &Output) -> Result<Command, ProcessError> {
	let folder = workspace.root.join(folder);
	let npm = || {
		// Not Debian's Rust, whose place in the path would bring another Node.js with it.
		let mut command = Toolchain::Default.command(workspace, "npm");
		command.current_dir(&folder);
		command
	};
	if is_stale(&folder) {
		process::run_into(npm().args(["ci", "--no-audit", "--no-fund"]), output)?;
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
	fn queries_of_a_dashboard_should_be_checked_as_rules() {
		let dashboard = "{\n \"title\": \"x\",\n \"expr\": \"up{a=~\\\"$instance\\\"}\",\n \"expr\": \"b{c='d'}\"\n}";
		let rules = recorded(dashboard);
		let lines: Vec<_> = rules.lines().skip(3).map(str::trim).collect();
		let first = ["- record: dashboard:query_0", "expr: 'up{a=~\".*\"}'"];
		let second = ["- record: dashboard:query_1", "expr: 'b{c=''d''}'"];
		assert_eq!(lines, [first, second].concat());

		let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
		let dashboard = fs::read_to_string(root.join(DASHBOARD)).unwrap();
		let queries = dashboard.matches("\"expr\":").count();
		assert_eq!(recorded(&dashboard).matches("expr: '").count(), queries);
		assert!(queries > 20, "{queries} queries");
	}

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
	fn all_tests_should_belong_to_one_step() {
		let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
		let members = members(&fs::read_to_string(root.join("Cargo.toml")).unwrap());
		assert!(members.iter().all(|member| root.join(member).join("Cargo.toml").is_file()));
		assert!(members.iter().any(|member| member == NODE_TESTS), "{members:?}");
		let others = other_test_targets(&root).unwrap();
		// A file, and a folder.
		for name in ["cli", "golden"] {
			assert!(others.iter().any(|other| other == name), "{others:?}");
		}
		// What is over real nodes has a step of its own, by its name.
		for entry in fs::read_dir(root.join(NODE_TESTS).join("tests")).unwrap() {
			let name = entry.unwrap().file_name();
			assert!(["end_to_end", faults::TEST].iter().any(|step| name == *step), "{name:?}");
			assert!(others.iter().all(|other| name != **other), "{name:?} is played twice");
		}
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
