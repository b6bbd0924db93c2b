//! A small evaluation leaves every figure that it should, goes on where it stopped, and refuses what
//! cannot be measured.

use serde_json::Value;
use spb_testbed::{evaluate::plots, Binary};
use spb_tests::scene::node_program;
use std::{
	fs,
	path::Path,
	process::{Command, Output},
};

fn evaluate(out: &Path, arguments: &[&str]) -> Output {
	let program = Binary::Evaluate.find().unwrap_or_else(|error| panic!("{error}"));
	Command::new(program)
		.arg("--node")
		.arg(node_program())
		.arg("--root")
		.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
		.arg("--out")
		.arg(out)
		.args(arguments)
		.output()
		.unwrap()
}

#[track_caller]
fn summary(out: &Path, arguments: &[&str]) -> Value {
	let output = evaluate(out, arguments);
	let words = String::from_utf8_lossy(&output.stderr);
	assert_eq!(output.status.code(), Some(0), "{words}");
	serde_json::from_slice(&fs::read(out.join("summary.json")).unwrap()).unwrap()
}

/// On a busy machine five minutes may not do.
const SMALL: [&str; 7] = ["--quick", "--runs", "2", "--sizes", "100", "--within", "3600"];

#[test]
fn a_small_evaluation_should_leave_figures_table_and_plots() {
	let folder = tempfile::tempdir().unwrap();
	let out = folder.path().join("evaluation");
	let first = summary(&out, &SMALL);
	let ratio = |key: &str| first[key].as_f64().unwrap_or_else(|| panic!("{key}: {first}"));
	// Not the goals, which are for a quiet machine: only what follows from the design.
	assert!(ratio("bytes_ratio") < 0.5, "{first}");
	assert!(ratio("bytes_per_trade") <= 125.0, "{first}");
	assert!(ratio("fee_ratio") < 1.0, "{first}");
	for key in ["delay_ratio", "time_100_ratio"] {
		assert!(ratio(key) > 0.0, "{key}: {first}");
	}
	// Full blocks, saturation and a hundred thousand open CTPs are not for a quick evaluation.
	for key in [
		"import_5000_s",
		"database_cost_ratio",
		"saturation_ratio",
		"saturation_trades_per_s",
		"saturation_trades",
	] {
		assert_eq!(first.get(key), Some(&Value::Null), "{key}: {first}");
	}
	assert_eq!(first["runs"], 2);
	for key in ["machine", "date", "commit", "command"] {
		assert!(first[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {first}");
	}

	let raw = fs::read_to_string(out.join("raw.csv")).unwrap();
	for row in [
		"delay,spb,1,1,paid_s",
		"delay,spb-careful,1,1,final_s",
		"delay,baseline,1,0,fee_units",
		"delay,baseline-whole,1,0,paid_s",
		"burst,spb,100,0,trade_bytes",
		"burst,baseline,100,0,blocks",
		"database,one-expiry,1000,0,block_s",
		"open,spb,0,0,disk_bytes",
		"open,spb,200,0,memory_bytes",
		"set-up,spb,0,0,deposit_bytes",
	] {
		assert!(raw.contains(&format!("1,{row},")), "{row} is missing in\n{raw}");
	}
	let page = fs::read_to_string(out.join("README.md")).unwrap();
	for (plot, _) in plots::ALL {
		let drawn = fs::read_to_string(out.join(plot));
		// What was drawn is shown, and nothing else.
		assert_eq!(page.contains(plot), drawn.is_ok(), "{plot}");
		// Whether a block can be told from its neighbours depends on how busy the machine is, and how
		// many trades a second on how many blocks pay them.
		if !["scale-blocks.svg", "scale-open.svg", "saturation.svg"].contains(&plot) {
			assert!(drawn.unwrap().contains("<svg"), "{plot}");
		}
	}
	assert!(raw.contains("; load "), "{raw}");

	// Everything is there: nothing is measured again.
	let again = summary(&out, &SMALL);
	for key in ["bytes_ratio", "delay_ratio", "fee_ratio", "time_100_ratio"] {
		assert_eq!(again[key], first[key], "{key}");
	}
	// But for blocks that could not be told from their neighbours.
	let is_row = |line: &&str| {
		let part = line.split(',').nth(1);
		part.is_some_and(|part| !["add", "settle", "open-block"].contains(&part))
	};
	let rows =
		|text: &str| text.lines().filter(|line| !line.starts_with('#')).filter(is_row).count();
	let raw_again = fs::read_to_string(out.join("raw.csv")).unwrap();
	assert_eq!(rows(&raw_again), rows(&raw));
	assert!(raw_again.contains("# session 2: "), "{raw_again}");
}

#[test]
fn what_cannot_be_measured_should_be_refused() {
	let folder = tempfile::tempdir().unwrap();
	for arguments in [
		&["--validators", "5"][..],
		&["--validators", "0"],
		&["--sizes", "100,50"],
		&["--sizes", "0"],
		&["--runs", "0"],
	] {
		let out = folder.path().join("none");
		let output = evaluate(&out, arguments);
		assert_eq!(output.status.code(), Some(2), "{arguments:?}");
		assert!(!out.exists(), "{arguments:?}");
	}
}
