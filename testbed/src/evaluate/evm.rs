//! The yardstick on another platform: the baseline as a contract on a local EVM node, measured by
//! `evaluation/evm/measure.js` and noted with everything else.

use super::{
	error::Result,
	progress::Progress,
	records::{Point, Records},
	EvaluationError,
};
use serde::Deserialize;
use std::{
	path::{Path, PathBuf},
	process::Stdio,
	time::Duration,
};
use tokio::{
	io::{AsyncBufReadExt, BufReader},
	process::Command,
	time::timeout,
};

/// The name of the part in records.
pub const PART: &str = "evm";
/// The name of the way in records.
pub const WAY: &str = "baseline-evm";
/// How long it may print nothing: longer than the script itself waits for a step.
const SILENCE: Duration = Duration::from_secs(600);
/// Where it is, from the repository's root.
const FOLDER: &str = "evaluation/evm";

/// What is printed of a trade.
#[derive(Clone, Copy, PartialEq, Debug, Deserialize)]
struct Trade {
	run: u32,
	/// Seconds from its first submission until its producer is paid.
	paid_s: f64,
	/// Bytes of its three signed transactions.
	bytes: f64,
	/// Gas that they used.
	gas: f64,
}

/// Measures all runs, unless they are in the records.
pub async fn measure(
	root: &Path,
	records: &mut Records,
	runs: u32,
	block_time_ms: u64,
	progress: &Progress,
) -> Result<()> {
	progress.begin("the baseline on an EVM node");
	let done = done(records, runs);
	progress.steps(done);
	if done == steps(runs) {
		return Ok(());
	}
	let folder = root.join(FOLDER);
	if !folder.join("node_modules").is_dir() {
		let reason = format!("its packages are missing: run `npm ci` in {}", folder.display());
		return Err(EvaluationError::Evm(reason));
	}
	let failed = |error: std::io::Error| EvaluationError::Evm(error.to_string());
	let mut child = Command::new("node")
		.arg("measure.js")
		.args(["--runs", &runs.to_string()])
		.args(["--block-time-ms", &block_time_ms.to_string()])
		.current_dir(&folder)
		.stdin(Stdio::null())
		.stdout(Stdio::piped())
		// The node is in the same process.
		.kill_on_drop(true)
		.spawn()
		.map_err(failed)?;
	let output = child.stdout.take().ok_or_else(|| EvaluationError::Evm("no output".into()))?;
	let mut lines = BufReader::new(output).lines();
	let silent =
		|_| EvaluationError::TimedOut { what: "a trade on the EVM node".into(), limit: SILENCE };
	while let Some(line) =
		timeout(SILENCE, lines.next_line()).await.map_err(silent)?.map_err(failed)?
	{
		let trade: Trade = serde_json::from_str(&line)
			.map_err(|error| EvaluationError::Evm(format!("{error} in {line:?}")))?;
		if !records.has(point(trade.run)) {
			let Trade { run, paid_s, bytes, gas } = trade;
			records.note(point(run), &[("paid_s", paid_s), ("bytes", bytes), ("gas", gas)])?;
			progress.step();
		}
	}
	let status = child.wait().await.map_err(failed)?;
	if !status.success() || missing(records, runs).is_some() {
		let script: PathBuf = folder.join("measure.js");
		return Err(EvaluationError::Evm(format!("{} ended with {status}", script.display())));
	}
	Ok(())
}

/// How many runs are in the records.
fn done(records: &Records, runs: u32) -> u64 {
	(0..runs).filter(|run| records.has(point(*run))).count() as u64
}

/// What is not in the records, for people.
pub fn missing(records: &Records, runs: u32) -> Option<String> {
	let done = done(records, runs);
	(done < steps(runs)).then(|| format!("trades on an EVM node: {done} of {runs}"))
}

/// How many steps the part has.
pub fn steps(runs: u32) -> u64 {
	runs.into()
}

fn point(run: u32) -> Point<'static> {
	Point { part: PART, way: WAY, size: 1, run }
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn what_the_script_prints_should_be_understood() {
		let line = r#"{"run":3,"paid_s":7.5,"bytes":456,"gas":201234}"#;
		let trade: Trade = serde_json::from_str(line).unwrap();
		assert_eq!(trade, Trade { run: 3, paid_s: 7.5, bytes: 456.0, gas: 201_234.0 });
	}
}
