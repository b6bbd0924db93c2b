//! Results of runs, one file each, with where they come from.

use serde_json::{json, Value};
use spb_sources::Origin;
use std::{
	env,
	error::Error,
	fs,
	path::{Path, PathBuf},
	time::SystemTime,
};

/// What is called to run the benchmarks.
const COMMAND: &str = "cargo bench --manifest-path benchmarks/rules/Cargo.toml";

/// Where criterion keeps what it measures.
pub fn measurements() -> PathBuf {
	let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
	target.unwrap_or_else(|| here().join("../target")).join("criterion-rules")
}

/// Where the history is.
fn folder() -> PathBuf {
	here().join("../history")
}

fn here() -> &'static Path {
	Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Writes what was measured since `started` into a new file of the history and says which; none
/// where nothing was measured.
pub fn write(started: SystemTime) -> Result<Option<PathBuf>, Box<dyn Error>> {
	let mut results = Vec::new();
	collect(&measurements(), started, &mut results)?;
	if results.is_empty() {
		return Ok(None);
	}
	results.sort_by_key(|result| result["benchmark"].as_str().map(str::to_owned));
	let origin = Origin::here(here(), &["benchmarks/history"]);
	let run = json!({
		"time": origin.time,
		"machine": origin.machine,
		"load": origin.load,
		"compiler": origin.compiler,
		"commit": origin.commit,
		"command": COMMAND,
		"unit": "ns",
		"results": results,
	});
	fs::create_dir_all(folder())?;
	let path = folder().join(format!("rules-{}.json", origin.time.replace(':', "")));
	fs::write(&path, serde_json::to_string_pretty(&run)? + "\n")?;
	Ok(Some(path))
}

/// Adds the results below a folder that are not older than `started`.
fn collect(
	folder: &Path,
	started: SystemTime,
	results: &mut Vec<Value>,
) -> Result<(), Box<dyn Error>> {
	if !folder.is_dir() {
		return Ok(());
	}
	let estimates = folder.join("new/estimates.json");
	if estimates.is_file() && fs::metadata(&estimates)?.modified()? >= started {
		let read = |path: &Path| -> Result<Value, Box<dyn Error>> {
			Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
		};
		results.push(result(&read(&folder.join("new/benchmark.json"))?, &read(&estimates)?));
		return Ok(());
	}
	for entry in fs::read_dir(folder)? {
		collect(&entry?.path(), started, results)?;
	}
	Ok(())
}

/// The result of one benchmark, from what criterion says of it and of its times.
fn result(benchmark: &Value, estimates: &Value) -> Value {
	json!({
		"benchmark": benchmark["full_id"],
		"median": estimates["median"]["point_estimate"],
		"mean": estimates["mean"]["point_estimate"],
		"deviation": estimates["std_dev"]["point_estimate"],
	})
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn result_should_hold_what_criterion_estimates() {
		let estimates = json!({
			"mean": { "point_estimate": 2.5, "standard_error": 0.1 },
			"median": { "point_estimate": 2.0 },
			"std_dev": { "point_estimate": 0.5 },
		});
		let expected = json!({
			"benchmark": "root/1000", "median": 2.0, "mean": 2.5, "deviation": 0.5,
		});
		assert_eq!(result(&json!({ "full_id": "root/1000" }), &estimates), expected);
	}

	#[test]
	fn nothing_should_be_collected_where_nothing_is() {
		let mut results = Vec::new();
		collect(Path::new("/nowhere"), SystemTime::UNIX_EPOCH, &mut results).unwrap();
		assert!(results.is_empty());
	}
}
