//! The program as scripts see it: exit codes, what is written where, no secret on the command line.

use serde_json::Value;
use std::{
	net::TcpListener,
	os::unix::fs::PermissionsExt,
	path::Path,
	process::{Command, Output},
};

const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

/// Runs `spb` with a state directory of its own.
fn spb(directory: &Path, arguments: &[&str]) -> Output {
	Command::new(env!("CARGO_BIN_EXE_spb"))
		.arg("--dir")
		.arg(directory)
		.args(arguments)
		.output()
		.expect("the program was built with its tests")
}

/// An address at which nobody listens.
fn nobody() -> String {
	let listener = TcpListener::bind("127.0.0.1:0").unwrap();
	format!("ws://{}", listener.local_addr().unwrap())
}

fn text(bytes: &[u8]) -> String {
	String::from_utf8(bytes.to_vec()).unwrap()
}

fn json(output: &Output) -> Value {
	let text = text(&output.stdout);
	assert_eq!(text.lines().count(), 1, "{text}");
	serde_json::from_str(&text).unwrap()
}

#[test]
fn help_and_version_should_succeed() {
	let dir = tempfile::tempdir().unwrap();
	for arguments in
		[&["--help"][..], &["--version"], &["ctp", "--help"], &["meter", "coe", "--help"]]
	{
		let output = spb(dir.path(), arguments);
		assert_eq!(output.status.code(), Some(0), "{arguments:?}");
		assert!(!output.stdout.is_empty());
	}
}

#[test]
fn bad_input_should_exit_with_2_and_say_why() {
	let dir = tempfile::tempdir().unwrap();
	let id = format!("0x{}", "1f".repeat(32));
	let cases: [&[&str]; 9] = [
		&[],
		&["trade"],
		&["ctp", ALICE, "1,25", "700"],
		&["ctp", "//Alice", "1.25", "700"],
		&["ctp", ALICE, "1.25", "-700"],
		&["erc", "0x1f", "700"],
		&["erc", &id, "much"],
		&["status", "--url", "http://127.0.0.1:9944"],
		&["account", "show", "--dev", "bottom drive obey lake curtain smoke"],
	];
	for arguments in cases {
		let output = spb(dir.path(), arguments);
		assert_eq!(output.status.code(), Some(2), "{arguments:?}");
		assert!(output.stdout.is_empty(), "{arguments:?}");
		assert!(!output.stderr.is_empty(), "{arguments:?}");
	}
}

#[test]
fn errors_in_json_should_be_one_object_on_standard_output() {
	let dir = tempfile::tempdir().unwrap();
	let output = spb(dir.path(), &["--output", "json", "ctp", ALICE, "1,25", "700"]);
	assert_eq!(output.status.code(), Some(2));
	let error = json(&output);
	assert_eq!(error["command"], "spb");
	assert_eq!(error["error"]["kind"], "bad-input");
	let message = error["error"]["message"].as_str().unwrap();
	assert!(message.contains("write it like 1.25"), "{message}");
	let output = spb(dir.path(), &["--output", "json", "vault", "show"]);
	assert_eq!(output.status.code(), Some(2));
	let error = json(&output);
	assert_eq!(error["command"], "vault show");
	assert_eq!(error["error"]["code"], "no-account-key");
	assert!(output.stderr.is_empty());
}

#[test]
fn a_node_that_is_not_there_should_exit_with_4() {
	let dir = tempfile::tempdir().unwrap();
	let url = nobody();
	let arguments = ["--output", "json", "--patience", "0", "--url", &url, "status"];
	let output = spb(dir.path(), &arguments);
	assert_eq!(output.status.code(), Some(4));
	let error = json(&output);
	assert_eq!(error["error"]["kind"], "no-connection");
	assert_eq!(error["error"]["code"], "unreachable");
	assert!(error["error"]["message"].as_str().unwrap().contains(&url));
}

#[test]
fn keys_and_meters_should_be_made_without_a_node() {
	let dir = tempfile::tempdir().unwrap();
	let state = dir.path().join("state");
	let made = spb(&state, &["account", "init"]);
	assert_eq!(made.status.code(), Some(0));
	assert!(text(&made.stdout).starts_with('5'));
	let meter = spb(&state, &["--output", "json", "meter", "init"]);
	assert_eq!(meter.status.code(), Some(0));
	assert_eq!(json(&meter)["result"]["key"].as_str().unwrap().len(), 66);
	for name in ["account.json", "meter.json"] {
		let mode = std::fs::metadata(state.join(name)).unwrap().permissions().mode();
		assert_eq!(mode & 0o777, 0o600, "{name}");
	}
	assert_eq!(spb(&state, &["account", "init"]).status.code(), Some(2), "never overwritten");
	assert_eq!(spb(&state, &["meter", "init"]).status.code(), Some(2), "never overwritten");
}

#[test]
fn accounts_for_further_vaults_should_be_made_without_a_node() {
	let dir = tempfile::tempdir().unwrap();
	let state = dir.path().join("state");
	let made = spb(&state, &["--output", "json", "vault", "open", "blue"]);
	assert_eq!(made.status.code(), Some(0));
	let result = &json(&made)["result"];
	assert_eq!((result["name"].as_str(), result["funded"].as_str()), (Some("blue"), Some("0")));
	let mode = std::fs::metadata(state.join("vault-blue.json")).unwrap().permissions().mode();
	assert_eq!(mode & 0o777, 0o600);
	for name in ["blue", "main"] {
		let output = spb(&state, &["--output", "json", "vault", "open", name]);
		assert_eq!(output.status.code(), Some(2), "{name} is never overwritten");
		assert_eq!(json(&output)["error"]["code"], "file-exists");
	}
}

#[test]
fn policies_that_make_no_sense_should_be_refused_before_anyone_is_asked() {
	let dir = tempfile::tempdir().unwrap();
	let policy = dir.path().join("policy.json");
	let path = policy.to_str().unwrap();
	let ask = ["negotiate", "3", "--energy", "700", "--max-price", "0.25", "--policy", path];
	let answer = ["negotiate", "--answer", "--policy", path];
	let cases = [
		("spb-consumer-policy", r#""rounds": 0"#, &ask[..], "policy"),
		("spb-consumer-policy", r#""round": 1"#, &ask[..], "file-malformed"),
		("spb-producer-policy", r#""floor": "much""#, &answer[..], "policy"),
		("spb-producer-policy", r#""rounds": 1"#, &ask[..], "file-malformed"),
	];
	for (kind, content, arguments, code) in cases {
		let text = format!(r#"{{"kind":"{kind}","version":1,{content}}}"#);
		std::fs::write(&policy, text).unwrap();
		let output = spb(dir.path(), &[&["--output", "json"][..], arguments].concat());
		assert_eq!(output.status.code(), Some(2), "{content}");
		assert_eq!(json(&output)["error"]["code"], code, "{content}");
	}
}

#[test]
fn trees_that_never_are_enough_should_be_refused_before_anyone_is_asked() {
	let dir = tempfile::tempdir().unwrap();
	let cases: [(&[&str], &str, &str); 5] = [
		(&["--leaves", "64", "--margin", "128"], "tree-too-small", "--margin"),
		(&["--leaves", "100"], "tree-too-small", "--leaves"),
		(&["--valid-for", "1200", "--reserve", "1200"], "validity-too-short", "--valid-for"),
		(&["--valid-for", "1000"], "validity-too-short", "--reserve"),
		// Twice the reserve, and one less than the step in which certificates run out.
		(&["--valid-for", "31199", "--reserve", "1200"], "validity-too-short", "31200"),
	];
	let ways: [&[&str]; 2] = [&[], &["--keep"]];
	for (arguments, code, hint) in cases {
		for keep in ways {
			let issue = [&["--output", "json", "meter", "coe"][..], arguments, keep].concat();
			let output = spb(dir.path(), &issue);
			assert_eq!(output.status.code(), Some(2), "{issue:?}");
			let error = json(&output)["error"].take();
			assert_eq!(error["code"], code, "{issue:?}");
			assert!(error["message"].as_str().unwrap().contains(hint), "{error}");
		}
	}
}

#[test]
fn a_key_that_others_can_read_should_be_refused() {
	let dir = tempfile::tempdir().unwrap();
	let state = dir.path().join("state");
	spb(&state, &["account", "init"]);
	let key = state.join("account.json");
	std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
	let output = spb(&state, &["--output", "json", "account", "show"]);
	assert_eq!(output.status.code(), Some(2));
	assert_eq!(json(&output)["error"]["code"], "file-insecure");
	std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
	std::fs::write(&key, "{}").unwrap();
	let output = spb(&state, &["--output", "json", "account", "show"]);
	assert_eq!(output.status.code(), Some(2));
	assert_eq!(json(&output)["error"]["code"], "file-malformed");
}

#[test]
fn files_that_cannot_be_written_should_exit_with_1() {
	let dir = tempfile::tempdir().unwrap();
	let file = dir.path().join("file");
	std::fs::write(&file, "").unwrap();
	let output = spb(&file.join("state"), &["--output", "json", "meter", "init"]);
	assert_eq!(output.status.code(), Some(1));
	assert_eq!(json(&output)["error"]["kind"], "failed");
}
