//! The built `xtask` from outside: what must be refused before anything is compiled or installed.

use std::{
	env, fs,
	path::{Path, PathBuf},
	process::{Command, Output},
};

const HEADER: &str = "interval_start,meter,import_wh,export_wh";

/// A folder for one test, empty at its beginning.
fn folder(test: &str) -> PathBuf {
	let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
	let _ = fs::remove_dir_all(&folder);
	fs::create_dir_all(&folder).unwrap();
	folder
}

/// Runs xtask in a folder, with nothing else to run and a target folder that is not there.
fn xtask(folder: &Path, args: &[&str]) -> Output {
	let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
	for variable in ["PROTOC", "CXX", "PKG_CONFIG", "OPENSSL_DIR"] {
		command.env_remove(variable);
	}
	command
		.args(args)
		.current_dir(folder)
		.env("PATH", folder.join("bin"))
		.env("CARGO_TARGET_DIR", folder.join("target"))
		.output()
		.unwrap()
}

#[track_caller]
fn refused(folder: &Path, args: &[&str], code: i32, message: &str) {
	let output = xtask(folder, args);
	let (out, err) =
		(String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
	assert_eq!(output.status.code(), Some(code), "{out}{err}");
	assert!(err.contains(message), "{err}");
	assert_eq!(out, "");
	assert!(!folder.join("target").exists(), "something was compiled");
}

#[test]
fn malformed_readings_should_be_refused_with_line_and_column() {
	let folder = folder("malformed");
	for (lines, place) in [
		("", "1:1: the file is empty"),
		("time,meter,import_wh,export_wh\n", "1:1: wrong header"),
		("HEADER\n", "2:1: no readings"),
		("HEADER\n2016-06-06T12:00:00,home-01,1.5,0\n", "2:29: not a whole number"),
		("HEADER\n2016-06-06T12:00:00,home-01,1,-1\n", "2:31: negative energy"),
		("HEADER\n2016-06-06T12:00:00,home-01,4294967296,0\n", "2:29: above 4294967295 Wh"),
		("HEADER\n2016-06-06T12:01:00,home-01,1,0\n", "2:1: 12:01:00 does not begin a quarter"),
		("HEADER\n2016-02-30T12:00:00,home-01,1,0\n", "2:1: no such date or time"),
		(
			"HEADER\n2016-06-06T12:00:00,a,1,0\n2016-06-06T12:00:00,a,1,0\n",
			"3:21: a has a reading in this interval already",
		),
		(
			"HEADER\n2016-06-06T12:15:00,a,1,0\n2016-06-06T12:00:00,a,1,0\n",
			"3:1: this interval begins before",
		),
	] {
		fs::write(folder.join("bad.csv"), lines.replace("HEADER", HEADER)).unwrap();
		// As the user wrote it, so that terminals and editors find the place.
		refused(&folder, &["demo", "--readings", "bad.csv"], 2, &format!("bad.csv:{place}"));
	}
}

#[test]
fn readings_that_cannot_be_read_should_be_refused() {
	let folder = folder("unreadable");
	refused(&folder, &["demo", "--readings", "none.csv"], 2, "none.csv: cannot be read");
	refused(&folder, &["demo", "--readings", "."], 2, ".: cannot be read");
}

#[test]
fn bad_options_should_be_refused() {
	let folder = folder("options");
	refused(&folder, &["dance"], 2, "no command \"dance\"");
	refused(&folder, &["demo", "--quarters", "0"], 2, "--quarters \"0\": give a whole number");
	refused(&folder, &["demo", "--days", "x"], 2, "--days \"x\": give a whole number");
	refused(&folder, &["demo", "--days"], 2, "--days needs a value");
	refused(&folder, &["demo", "--speed", "2"], 2, "demo takes no \"--speed\"");
	refused(&folder, &["test", "now"], 2, "test takes no \"now\"");
}

#[test]
fn a_time_outside_the_readings_should_be_refused() {
	let args = ["demo", "--from", "2017-01-01T00:00:00"];
	refused(&folder("from"), &args, 2, "they go from 2016-06-06T00:00:00 to 2016-06-12T23:45:00");
}

#[test]
fn help_should_succeed() {
	let output = xtask(&folder("help"), &["help"]);
	assert!(output.status.success());
	assert!(String::from_utf8_lossy(&output.stdout).contains("cargo xtask COMMAND"));
}

#[test]
fn doctor_should_report_one_line_for_each_part_and_install_nothing() {
	let folder = folder("doctor");
	let output = xtask(&folder, &["doctor"]);
	let report = String::from_utf8_lossy(&output.stdout);
	assert_eq!(output.status.code(), Some(1), "{report}");
	assert_eq!(report.lines().count(), 13, "{report}");
	assert!(report.lines().all(|line| line.starts_with("found ") || line.starts_with("missing ")));
	let protoc = report.lines().find(|line| line.contains("protoc")).unwrap();
	assert!(protoc.starts_with("missing ") && protoc.contains("protobuf-compiler"), "{protoc}");
}

#[test]
fn setup_that_cannot_install_should_say_what_to_do() {
	let folder = folder("setup");
	let message = "install with your package manager what Debian calls protobuf-compiler";
	refused(&folder, &["setup"], 1, message);
	refused(&folder, &["demo", "--quarters", "8"], 1, message);
}
