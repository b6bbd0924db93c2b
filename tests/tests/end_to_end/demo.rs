//! The main job: the same readings give the same trades, and what cannot be replayed is refused.

use crate::FOLDER;
use serde_json::Value;
use spb_readings::HEADER;
use spb_testbed::Binary;
use spb_tests::scene::{fast_chain, node_program};
use std::{
	fs,
	path::{Path, PathBuf},
	process::{Command, Output},
};

/// The readings of the repository.
fn week() -> PathBuf {
	Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/week_june.csv")
}

/// A replay on a fast chain: how it ended, and its summary if there is one.
fn replay(folder: &Path, readings: &Path, arguments: &[&str]) -> (Output, Option<Value>) {
	let demo = Binary::Demo.find().unwrap_or_else(|error| panic!("{error}"));
	let out = folder.join("summary.json");
	let output = Command::new(demo)
		.arg("--node")
		.arg(node_program())
		.arg("--readings")
		.arg(readings)
		.arg("--out")
		.arg(&out)
		.arg("--chain")
		.arg(fast_chain(FOLDER))
		.args(arguments)
		.output()
		.unwrap();
	let summary = fs::read(&out).ok().map(|bytes| serde_json::from_slice(&bytes).unwrap());
	(output, summary)
}

/// A replay that should succeed.
fn summary(readings: &Path, arguments: &[&str]) -> Value {
	let folder = tempfile::tempdir().unwrap();
	let (output, summary) = replay(folder.path(), readings, arguments);
	let words = String::from_utf8_lossy(&output.stderr);
	let said = String::from_utf8_lossy(&output.stdout);
	assert_eq!(output.status.code(), Some(0), "{said}\n{words}");
	summary.expect("there is a summary")
}

#[test]
fn the_same_readings_should_give_the_same_trades() {
	let run = || summary(&week(), &["--quarters", "2"]);
	let (first, second) = std::thread::scope(|scope| {
		let other = scope.spawn(run);
		(run(), other.join().unwrap())
	});
	assert_eq!(first["trades_digest"], second["trades_digest"]);
	for key in ["settled", "partial", "expired", "wh_offered", "wh_settled", "paid"] {
		assert_eq!(first[key], second[key], "{key}");
	}
	for summary in [&first, &second] {
		assert_eq!(summary["settled"].as_u64().map(|settled| settled > 10), Some(true));
		for key in ["partial", "expired"] {
			assert!(summary[key].as_u64() > Some(0), "{key}: {summary}");
		}
		assert_eq!(summary["roots_equal"], summary["blocks"]);
		let (offered, settled) = (&summary["wh_offered"], &summary["wh_settled"]);
		let sum = settled.as_u64().unwrap() + summary["wh_unsold"].as_u64().unwrap();
		assert_eq!(offered.as_u64(), Some(sum));
	}
}

fn write(folder: &Path, rows: &str) -> PathBuf {
	let path = folder.join("readings.csv");
	fs::write(&path, format!("{HEADER}\n{rows}")).unwrap();
	path
}

#[test]
fn one_exporter_alone_should_fail_every_sixth_time() {
	let folder = tempfile::tempdir().unwrap();
	let quarter = |time: &str| {
		let buyers = (1..=4).map(|n| format!("2016-06-06T{time}:00,home-{n},{n}0,0\n"));
		format!("{}2016-06-06T{time}:00,sun,5,150\n", buyers.collect::<String>())
	};
	let readings = write(folder.path(), &(quarter("12:00") + &quarter("12:15")));
	let summary = summary(&readings, &[]);
	assert_eq!((&summary["settled"], &summary["expired"]), (&7.into(), &1.into()));
	assert_eq!(summary["partial"], 0);
	// The sixth buys 20 Wh in vain; what the exporter draws itself nobody sells to it.
	assert_eq!((&summary["wh_settled"], &summary["wh_offered"]), (&180.into(), &300.into()));
	assert_eq!(summary["wh_unserved"], 10);
}

#[test]
fn readings_without_an_exporter_should_give_no_trades() {
	let folder = tempfile::tempdir().unwrap();
	let readings = write(folder.path(), "2016-06-06T12:00:00,a,10,0\n2016-06-06T12:00:00,b,9,0\n");
	let summary = summary(&readings, &[]);
	for key in ["settled", "partial", "expired", "wh_offered", "wh_settled"] {
		assert_eq!(summary[key], 0, "{key}");
	}
	assert_eq!(summary["paid"], "0");
	assert_eq!(summary["money_conserved"], true);
}

#[test]
fn what_cannot_be_replayed_should_be_refused_as_bad_input() {
	let folder = tempfile::tempdir().unwrap();
	let empty = write(folder.path(), "");
	let missing = folder.path().join("nowhere.csv");
	let week = week();
	let cases: [(&Path, &[&str]); 5] = [
		(&empty, &[]),
		(&missing, &[]),
		(&week, &["--quarters", "0"]),
		(&week, &["--from", "yesterday"]),
		(&week, &["--from", "2017-06-06T12:00:00"]),
	];
	for (readings, arguments) in cases {
		let (output, summary) = replay(folder.path(), readings, arguments);
		assert_eq!(output.status.code(), Some(2), "{readings:?} {arguments:?}: {output:?}");
		assert!(!output.stderr.is_empty() && summary.is_none());
	}
}
