//! `cargo xtask demo`: check the input, build, replay the readings.

use crate::{
	build,
	process::{self, ProcessError},
	setup::{self, Purpose, SetupError},
	workspace::Workspace,
};
use spb_readings::{FileError, Readings, Timestamp};
use std::{
	fmt, fs, io,
	num::NonZeroU32,
	path::{self, PathBuf},
	process::Command,
};

const DEFAULT_READINGS: &str = "data/week_june.csv";

/// Always in the repository, wherever cargo compiles to.
const SUMMARY: &str = "target/demo/summary.json";

const QUARTERS_PER_DAY: u32 = 96;

/// What to replay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
	/// The readings; those of the repository by default.
	pub readings: Option<PathBuf>,
	/// The first quarter-hour; by default the demo chooses a sunny stretch.
	pub from: Option<Timestamp>,
	/// How much.
	pub length: Length,
}

/// How much to replay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Length {
	/// What the demo does by itself.
	#[default]
	Default,
	/// So many quarter-hours.
	Quarters(NonZeroU32),
	/// So many times 96 quarter-hours, from the first in the file unless told otherwise.
	Days(NonZeroU32),
}

/// Why there was no demo, or not to its end.
#[derive(Debug)]
pub enum DemoError {
	/// The readings cannot be used.
	Readings(FileError),
	/// No quarter-hour of the readings begins at the time given.
	NoSuchQuarter {
		/// The time given.
		from: Timestamp,
		/// The first quarter-hour of the readings.
		first: Timestamp,
		/// The last quarter-hour of the readings.
		last: Timestamp,
	},
	/// The folder of the summary cannot be prepared.
	Output {
		/// The summary's file.
		path: PathBuf,
		/// Why.
		source: io::Error,
	},
	/// Something is missing that cannot be installed.
	Setup(SetupError),
	/// The build failed.
	Build(ProcessError),
	/// The demo itself failed.
	Failed(ProcessError),
}

impl DemoError {
	/// 2 for bad input, what the demo itself ended with, and else 1.
	pub fn exit_code(&self) -> u8 {
		match self {
			Self::Readings(_) | Self::NoSuchQuarter { .. } => 2,
			Self::Failed(ProcessError::Failed { status, .. }) => process::exit_code(*status),
			_ => 1,
		}
	}
}

impl fmt::Display for DemoError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Readings(error) => error.fmt(f),
			Self::NoSuchQuarter { from, first, last } => write!(
				f,
				"--from {from}: no quarter-hour of the readings begins then; they go from {first} \
				 to {last}"
			),
			Self::Output { path, source } => {
				write!(f, "cannot prepare {} ({source}): make its folder writable", path.display())
			},
			Self::Setup(error) => error.fmt(f),
			Self::Build(error) | Self::Failed(error) => error.fmt(f),
		}
	}
}

impl std::error::Error for DemoError {
	fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
		match self {
			Self::Readings(error) => Some(error),
			Self::NoSuchQuarter { .. } => None,
			Self::Output { source, .. } => Some(source),
			Self::Setup(error) => Some(error),
			Self::Build(error) | Self::Failed(error) => Some(error),
		}
	}
}

/// Replays readings. Bad input is refused before anything is installed or compiled.
pub fn run(workspace: &Workspace, options: &Options) -> Result<(), DemoError> {
	let file = match &options.readings {
		Some(file) => file.clone(),
		None => workspace.root.join(DEFAULT_READINGS),
	};
	let readings = spb_readings::parse_file(&file).map_err(DemoError::Readings)?;
	let stretch = stretch(options, &readings)?;

	let toolchain = setup::ensure(workspace, Purpose::Build).map_err(DemoError::Setup)?;
	build::run(workspace, toolchain).map_err(DemoError::Build)?;

	let summary = workspace.root.join(SUMMARY);
	prepare(&summary).map_err(|source| DemoError::Output { path: summary.clone(), source })?;
	let mut demo = Command::new(workspace.binary("spb-demo"));
	demo.current_dir(&workspace.root)
		.arg("--node")
		.arg(workspace.binary("spb-node"))
		.arg("--readings")
		// It is relative to where the user is.
		.arg(path::absolute(&file).unwrap_or(file))
		.arg("--out")
		.arg(summary)
		.args(stretch);
	process::run(&mut demo).map_err(DemoError::Failed)
}

/// Makes the summary's folder, and takes away an old summary, which a failed demo would leave.
fn prepare(summary: &path::Path) -> io::Result<()> {
	if let Some(folder) = summary.parent() {
		fs::create_dir_all(folder)?;
	}
	match fs::remove_file(summary) {
		Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
		_ => Ok(()),
	}
}

/// The demo's arguments that say what to replay.
fn stretch(options: &Options, readings: &Readings) -> Result<Vec<String>, DemoError> {
	let starts = || readings.intervals.iter().map(|interval| interval.start);
	if let (Some(from), Some(first), Some(last)) =
		(options.from, starts().next(), starts().next_back())
	{
		if !starts().any(|start| start == from) {
			return Err(DemoError::NoSuchQuarter { from, first, last });
		}
	}
	let (from, quarters) = match options.length {
		Length::Default => (options.from, None),
		Length::Quarters(quarters) => (options.from, Some(quarters.get())),
		Length::Days(days) => {
			let quarters = days.get().saturating_mul(QUARTERS_PER_DAY);
			(options.from.or_else(|| starts().next()), Some(quarters))
		},
	};
	let mut args = Vec::new();
	if let Some(quarters) = quarters {
		args.extend(["--quarters".to_owned(), quarters.to_string()]);
	}
	if let Some(from) = from {
		args.extend(["--from".to_owned(), from.to_string()]);
	}
	Ok(args)
}

#[cfg(test)]
mod tests {
	use super::*;
	use spb_readings::HEADER;

	fn args(from: Option<&str>, length: Length) -> Result<String, DemoError> {
		let readings = spb_readings::parse(&format!(
			"{HEADER}\n2016-06-06T12:00:00,a,1,0\n2016-06-06T12:15:00,a,1,0\n"
		))
		.unwrap();
		let from = from.map(|from| from.parse().unwrap());
		stretch(&Options { readings: None, from, length }, &readings).map(|args| args.join(" "))
	}

	fn number(number: u32) -> NonZeroU32 {
		NonZeroU32::new(number).unwrap()
	}

	#[test]
	fn without_options_the_demo_should_choose() {
		assert_eq!(args(None, Length::Default).unwrap(), "");
	}

	#[test]
	fn quarters_should_be_passed_on() {
		assert_eq!(args(None, Length::Quarters(number(8))).unwrap(), "--quarters 8");
		assert_eq!(
			args(Some("2016-06-06T12:15:00"), Length::Quarters(number(8))).unwrap(),
			"--quarters 8 --from 2016-06-06T12:15:00"
		);
	}

	#[test]
	fn days_should_begin_with_the_file() {
		assert_eq!(
			args(None, Length::Days(number(7))).unwrap(),
			"--quarters 672 --from 2016-06-06T12:00:00"
		);
		assert_eq!(
			args(Some("2016-06-06T12:15:00"), Length::Days(number(u32::MAX))).unwrap(),
			"--quarters 4294967295 --from 2016-06-06T12:15:00"
		);
	}

	#[test]
	fn a_time_that_is_not_in_the_file_should_be_refused() {
		let error = args(Some("2016-06-06T12:30:00"), Length::Default).unwrap_err();
		assert_eq!(error.exit_code(), 2);
		assert_eq!(
			error.to_string(),
			"--from 2016-06-06T12:30:00: no quarter-hour of the readings begins then; they go from \
			 2016-06-06T12:00:00 to 2016-06-06T12:15:00"
		);
	}
}
