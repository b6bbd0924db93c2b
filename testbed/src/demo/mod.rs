//! The main job: real meter readings replayed on a chain, checked to the last watt-hour.
//!
//! * [`plan`]: who sells what to whom, from the readings alone;
//! * [`replay`]: the plan carried out on a node, two blocks to a quarter-hour;
//! * [`account`]: what came of it, from the chain's state and the blocks' bodies;
//! * [`summary`], [`table`]: how it is told.

pub mod account;
mod error;
pub mod plan;
pub mod replay;
pub mod summary;
pub mod table;

pub use error::DemoError;
pub use summary::Summary;

use crate::node::{self, Node};
use account::Beginning;
use plan::{Chain, Plan};
use replay::Replay;
use spb_readings::{Readings, Timestamp};
use std::{
	fs, io,
	num::NonZeroU32,
	path::{Path, PathBuf},
	time::Instant,
};
use table::Table;

/// Quarter-hours of a replay unless told otherwise: with three seconds to a block it ends within
/// five minutes, the time for the last CTPs to expire included.
pub const DEFAULT_QUARTERS: usize = 24;
/// The file name of the node's log, beside the summary.
const LOG: &str = "node.log";

/// What to replay, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
	/// The node's program.
	pub node: PathBuf,
	/// The readings.
	pub readings: PathBuf,
	/// Where the summary goes; the node's log goes beside it.
	pub out: PathBuf,
	/// How many quarter-hours.
	pub quarters: Option<NonZeroU32>,
	/// The first quarter-hour; else that of the sunniest stretch.
	pub from: Option<Timestamp>,
	/// The specification of another chain than `dev`.
	pub chain: Option<PathBuf>,
}

/// Replays readings on a node of its own and writes the summary. That a check fails is no error: the
/// summary says so.
pub async fn run(options: &Options) -> Result<Summary, DemoError> {
	let readings = spb_readings::parse_file(&options.readings)?;
	let stretch = stretch(&readings, options)?;
	let log = prepare(&options.out)?;

	let begun = Instant::now();
	let mut table = Table::default();
	table.say("starting a node");
	let mut settings = node::Options::development(&options.node).log(log);
	if let Some(chain) = &options.chain {
		settings = settings.chain(chain);
	}
	// A node that is slow to start must not keep this from being interrupted.
	let started = tokio::task::spawn_blocking(move || Node::start(settings)).await;
	let node = started.map_err(|_| DemoError::Interrupted)??;
	let connection = node.connect().await?;
	let beginning = Beginning::note(&connection).await?;
	let view = connection.best_view().await?;
	let (parameters, limits) = (view.parameters().await?, view.limits().await?);
	let plan = Plan::new(&stretch, &Chain { parameters, limits })?;
	let scratch = tempfile::tempdir()
		.map_err(|source| DemoError::Output { path: std::env::temp_dir(), source })?;

	table.say(&format!(
		"{}: {} exporters, {} consumers, {} quarter-hours from {} on",
		options.readings.display(),
		plan.producers.len(),
		plan.consumers.len(),
		plan.quarters.len(),
		stretch.intervals[0].start,
	));
	let replay = Replay::prepare(connection, plan, limits, scratch.path(), table).await?;
	let outcome = replay.run().await?;
	let mut summary = account::summarise(&beginning, &outcome, &stretch).await?;
	summary.readings = options.readings.clone();
	summary.seconds = begun.elapsed().as_secs();
	write(&options.out, &summary)?;
	Ok(summary)
}

/// The part of the readings that is replayed.
fn stretch(readings: &Readings, options: &Options) -> Result<Readings, DemoError> {
	let all = &readings.intervals;
	let length = options
		.quarters
		.map_or(DEFAULT_QUARTERS, |quarters| usize::try_from(quarters.get()).unwrap_or(usize::MAX));
	let range = match options.from {
		None => readings.sunny_stretch(length),
		Some(from) => {
			let Some(first) = all.iter().position(|interval| interval.start == from) else {
				let (first, last) = (all[0].start, all[all.len() - 1].start);
				return Err(DemoError::NoSuchQuarter { from, first, last });
			};
			first..first.saturating_add(length).min(all.len())
		},
	};
	Ok(Readings { intervals: all[range].to_vec() })
}

/// Makes the summary's folder and says where the node's log goes.
fn prepare(out: &Path) -> Result<PathBuf, DemoError> {
	let folder = out.parent().unwrap_or(Path::new("."));
	let failed = |path: &Path| {
		let path = path.to_owned();
		move |source| DemoError::Output { path, source }
	};
	fs::create_dir_all(folder).map_err(failed(folder))?;
	let log = folder.join(LOG);
	match fs::remove_file(&log) {
		Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(&log)(error)),
		_ => Ok(log),
	}
}

fn write(out: &Path, summary: &Summary) -> Result<(), DemoError> {
	let failed = |source| DemoError::Output { path: out.to_owned(), source };
	let mut text =
		serde_json::to_string_pretty(summary).map_err(io::Error::from).map_err(failed)?;
	text.push('\n');
	fs::write(out, text).map_err(failed)
}

#[cfg(test)]
mod tests {
	use super::*;
	use spb_readings::HEADER;

	fn readings() -> Readings {
		let row = |time: &str, export: u32| {
			format!("2016-06-06T{time}:00,a,0,{export}\n2016-06-06T{time}:00,b,9,0\n")
		};
		let rows = [("12:00", 0), ("12:15", 9), ("12:30", 9), ("12:45", 0)];
		let rows: String = rows.iter().map(|(time, export)| row(time, *export)).collect();
		spb_readings::parse(&format!("{HEADER}\n{rows}")).unwrap()
	}

	fn replayed(from: Option<&str>, quarters: Option<u32>) -> Result<Vec<String>, DemoError> {
		let options = Options {
			node: "node".into(),
			readings: "readings".into(),
			out: "out".into(),
			quarters: quarters.and_then(NonZeroU32::new),
			from: from.map(|from| from.parse().unwrap()),
			chain: None,
		};
		let stretch = stretch(&readings(), &options)?;
		Ok(stretch.intervals.iter().map(|interval| interval.start.to_string()).collect())
	}

	#[test]
	fn the_sunniest_stretch_should_be_replayed_unless_told_otherwise() {
		assert_eq!(replayed(None, None).unwrap().len(), 4);
		let sunny = ["2016-06-06T12:15:00", "2016-06-06T12:30:00"];
		assert_eq!(replayed(None, Some(2)).unwrap(), sunny);
	}

	#[test]
	fn a_replay_should_end_with_the_readings() {
		let late = replayed(Some("2016-06-06T12:30:00"), Some(672)).unwrap();
		assert_eq!(late, ["2016-06-06T12:30:00", "2016-06-06T12:45:00"]);
		assert_eq!(replayed(Some("2016-06-06T12:00:00"), Some(1)).unwrap().len(), 1);
	}

	#[test]
	fn a_beginning_that_is_not_in_the_readings_should_be_refused() {
		let error = replayed(Some("2016-06-06T13:00:00"), None).unwrap_err();
		assert_eq!(error.exit_code(), 2);
		assert!(error.to_string().contains("2016-06-06T12:45:00"), "{error}");
	}
}
