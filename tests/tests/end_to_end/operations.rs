//! What the operators' handbook sets up: the systemd unit, and three companies' nodes as it starts them.

use spb_client::connection::Stall;
use spb_testbed::{node::Options, Node};
use spb_tests::{
	readme::{blocks, Mark},
	scene::node_program,
};
use std::{
	collections::BTreeSet,
	env, fs, io,
	os::unix::fs::symlink,
	path::{Path, PathBuf},
	process::Command,
};

const HANDBOOK: &str = "operations.md";
const UNIT: &str = "operations/spb-node.service";
const ENVIRONMENT: &str = "operations/node.env";
const COMPANIES: [&str; 3] = ["north", "south", "west"];
/// Blocks that have to become final.
const FINAL: u32 = 3;

fn docs() -> PathBuf {
	Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

fn read(name: &str) -> String {
	fs::read_to_string(docs().join(name)).unwrap()
}

/// The settings of a unit: section, name, value. A line that ends with `\` goes on in the next one.
fn settings(unit: &str) -> Vec<(String, String, String)> {
	let joined = unit.replace("\\\n", " ");
	let mut section = String::new();
	let mut settings = Vec::new();
	for line in joined.lines().map(str::trim) {
		if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
			section = name.to_owned();
		} else if !line.is_empty() && !line.starts_with('#') {
			let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("{line}"));
			let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
			settings.push((section.clone(), name.to_owned(), value));
		}
	}
	settings
}

/// The arguments with which the unit starts a node, `$SPB_NODE_ARGS` as the environment's file has them.
fn arguments() -> Vec<String> {
	let settings = settings(&read(UNIT));
	let (.., command) = settings.iter().find(|(_, name, _)| name == "ExecStart").unwrap();
	let environment = read(ENVIRONMENT);
	let own = environment.lines().find_map(|line| line.strip_prefix("SPB_NODE_ARGS=")).unwrap();
	let command = command.replace("$SPB_NODE_ARGS", own.trim_matches('"'));
	command.split(' ').map(str::to_owned).collect()
}

#[test]
fn the_unit_should_run_a_node_without_privileges() {
	let settings = settings(&read(UNIT));
	let has = |section: &str, name: &str, value: &str| {
		settings
			.iter()
			.any(|(s, n, v)| (s.as_str(), n.as_str(), v.as_str()) == (section, name, value))
	};
	for name in ["Description", "Wants", "After", "StartLimitIntervalSec", "StartLimitBurst"] {
		assert!(settings.iter().any(|(s, n, _)| s == "Unit" && n == name), "{name}");
	}
	assert!(has("Install", "WantedBy", "multi-user.target"));
	for (name, value) in [
		("User", "spb"),
		("Group", "spb"),
		("StateDirectory", "spb"),
		("StateDirectoryMode", "0700"),
		("UMask", "0077"),
		("LoadCredential", "node.key:/etc/spb/node.key"),
		("EnvironmentFile", "/etc/spb/node.env"),
		("Restart", "always"),
		("NoNewPrivileges", "yes"),
		("CapabilityBoundingSet", ""),
		("AmbientCapabilities", ""),
		("ProtectSystem", "strict"),
		("ProtectHome", "yes"),
		("PrivateTmp", "yes"),
		("PrivateDevices", "yes"),
		("PrivateUsers", "yes"),
		("ProtectKernelModules", "yes"),
		("ProtectKernelTunables", "yes"),
		("RestrictNamespaces", "yes"),
		("RestrictSUIDSGID", "yes"),
		("SystemCallFilter", "@system-service"),
		("SystemCallFilter", "~@privileged @resources"),
	] {
		assert!(has("Service", name, value), "{name}={value}");
	}
	let sections: BTreeSet<&str> = settings.iter().map(|(section, ..)| section.as_str()).collect();
	assert_eq!(sections, BTreeSet::from(["Install", "Service", "Unit"]));
	// What it starts and what it reads is where the handbook puts it.
	let handbook = read(HANDBOOK);
	for place in ["/usr/local/bin/", "/etc/spb/", "/var/lib/spb", "/etc/systemd/system/"] {
		assert!(handbook.contains(place), "{place}");
	}
	// What operators install is what is shipped, and not what is developed with.
	assert!(
		handbook.contains("target/production/spb-node") && !handbook.contains("target/release")
	);
	assert_eq!(arguments()[0], "/usr/local/bin/spb-node");
}

/// On a machine with systemd, what systemd itself says of the unit.
#[test]
fn the_unit_should_be_one_for_systemd() {
	let folder = tempfile::tempdir().unwrap();
	let unit = folder.path().join("spb-node.service");
	let check = |text: String| {
		fs::write(&unit, text).unwrap();
		Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit).output()
	};
	let program = node_program().display().to_string();
	let text = read(UNIT).replace("/usr/local/bin/spb-node", &program);
	assert!(text.contains(&program));
	match check(text.clone()) {
		Ok(output) => {
			let complaints = String::from_utf8_lossy(&output.stderr);
			let about_it = complaints.lines().find(|line| line.contains("spb-node.service"));
			assert!(output.status.success() && about_it.is_none(), "{complaints}");
			let wrong = check(text.replace("NoNewPrivileges=", "NoNewPrivilege=")).unwrap();
			let complaints = String::from_utf8_lossy(&wrong.stderr);
			assert!(complaints.contains("NoNewPrivilege"), "{complaints}");
		},
		// Other machines have the test above.
		Err(error) => assert_eq!(error.kind(), io::ErrorKind::NotFound, "{error}"),
	}
}

/// Runs the handbook's first commands, from the keys to the keystores, in a folder.
fn prepare(folder: &Path) {
	let programs = folder.join("programs");
	fs::create_dir(&programs).unwrap();
	symlink(node_program(), programs.join("spb-node")).unwrap();
	symlink(docs(), folder.join("docs")).unwrap();
	let path = env::var_os("PATH").unwrap_or_default();
	let path = env::join_paths([programs].into_iter().chain(env::split_paths(&path))).unwrap();
	let blocks = blocks(&read(HANDBOOK)).unwrap_or_else(|unclear| panic!("{unclear}"));
	let mut fresh = 0;
	for block in blocks {
		match block.mark {
			Mark::Fresh => fresh += 1,
			Mark::Continued => {},
			Mark::Left(_) => continue,
		}
		if fresh > 1 {
			break;
		}
		let output = Command::new("sh")
			.args(["-euc", &block.script])
			.current_dir(folder)
			.env("HOME", folder)
			.env("PATH", &path)
			.output()
			.unwrap();
		let words = String::from_utf8_lossy(&output.stderr);
		assert!(output.status.success(), "line {}: {words}\n{}", block.line, block.script);
	}
}

/// How the unit starts a company's node, with the places that this test has.
fn options(folder: &Path, company: &str) -> Options {
	let place = |name: &str| folder.join(company).join(name);
	let mut options = Options::full(node_program());
	let given = arguments();
	let mut given = given.iter().skip(1).map(String::as_str);
	while let Some(argument) = given.next() {
		options = match argument {
			// A test's node has these anyway.
			"--no-mdns" | "--no-telemetry" => options,
			"--base-path" => {
				assert_eq!(given.next(), Some("/var/lib/spb"));
				options.base_path(place("data"))
			},
			"--chain" => {
				assert_eq!(given.next(), Some("/etc/spb/chain.json"));
				options.chain(folder.join("chain.json"))
			},
			"--node-key-file" => {
				assert_eq!(given.next(), Some("${CREDENTIALS_DIRECTORY}/node.key"));
				options.argument("--node-key-file").argument(place("node.key"))
			},
			other => options.argument(other),
		};
	}
	options
}

#[tokio::test(flavor = "multi_thread")]
async fn three_companies_should_have_a_chain_as_the_handbook_says() {
	let folder = tempfile::tempdir().unwrap();
	prepare(folder.path());
	// Their hosts have names that no one knows here, so each is told where those before it are.
	let mut nodes = Vec::<Node>::new();
	for company in COMPANIES {
		let mut options = options(folder.path(), company);
		for known in &nodes {
			options = options.bootnode(known.address().await.unwrap());
		}
		nodes.push(Node::start(options).unwrap());
	}
	let mut finals = Vec::new();
	for (company, node) in COMPANIES.iter().zip(&nodes) {
		let peer = fs::read_to_string(folder.path().join(company).join("peer")).unwrap();
		let own = node.address().await.unwrap();
		assert!(own.ends_with(peer.trim()), "{company} is {own}");
		let connection = node.connect().await.unwrap();
		// Of three, all three have to vote.
		let mut heads = connection.heads(Stall::default());
		while connection.finalized().await.unwrap().number < FINAL {
			heads.next().await.unwrap();
		}
		finals.push(connection.hash_of(FINAL).await.unwrap());
		let database = connection.database(None).await.unwrap();
		assert!(database.equal, "{database:?}");
	}
	assert!(finals.windows(2).all(|pair| pair[0] == pair[1]), "{finals:?}");
}
