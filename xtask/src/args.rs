//! The command line.

use crate::{build, demo, evaluate, test};
use spb_readings::Timestamp;
use std::{
	ffi::{OsStr, OsString},
	fmt,
	num::NonZeroU32,
	path::PathBuf,
};

/// What `help` prints.
pub const HELP: &str = "\
Set-up, build, demo, tests, faults, evaluation and lint of the SPB workspace.

Usage: cargo xtask COMMAND [OPTIONS]

Commands:
  doctor       say what is there, what is missing and how to get it; install nothing
  setup        find what is missing, say what will be installed, and install it
  build        compile everything: set-up first, then the binaries
  demo         build, then replay meter readings on one node and check the result
  test         build, then the Rust tests, the JavaScript checks, the networks of
               zombienet/ and the alert rules
  faults       build, then all attacks and faults over real validators
  evaluate     build, then the paper's evaluation against its baseline, with plots
  lint         formatting, and clippy with warnings as errors
  chain-specs  build, then write chain-specs/ anew
  help         this text

Option of build:
  --production      what is shipped: all optimised, with the hash of the metadata that
                    hardware wallets ask for, into production/ of the target folder

Option of test:
  --demo            play the demo too, beside the tests that wait for blocks

Options of demo:
  --readings FILE   quarter-hour readings (default: data/week_june.csv)
  --quarters N      replay N quarter-hours (default: as many as fit in a few minutes)
  --days N          replay N days of 96 quarter-hours, from the first in the file on
  --from TIME       begin with the quarter-hour TIME, such as 2016-06-06T12:00:00
                    (default: the sunniest stretch of that length)

Options of evaluate:
  --quick           a little of everything in five minutes, into target/evaluation/
  --runs N          single trades of each way (default: 100)
  --validators N    validators of the network, 1 to 4 (default: 2)
  --sizes N,N,...   trades offered at once, ascending (default: 100,1000,5000,10000)
  --evm             the baseline on an EVM node as well
  --fresh           take nothing over from an evaluation that was interrupted
  --node FILE       measure this node (default: one compiled for it, optimised)
  --out FOLDER      write there (default: docs/evaluation, and the table of the README)

The demo's summary is written to target/demo/summary.json, the report of faults to
target/faults/report.json, and of those that test plays to target/faults/selection.json. Some
faults take root: network namespaces and a small disk.
CARGO_TARGET_DIR moves everything that is compiled elsewhere.
";

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
	/// Print [`HELP`].
	Help,
	/// Report what is missing.
	Doctor,
	/// Install what is missing.
	Setup,
	/// Compile everything.
	Build(build::Options),
	/// Replay readings.
	Demo(demo::Options),
	/// Run all tests.
	Test(test::Options),
	/// Run all attacks and faults.
	Faults,
	/// Evaluate against the baseline.
	Evaluate(evaluate::Options),
	/// Check formatting and lints.
	Lint,
	/// Write the chain specifications of the repository.
	ChainSpecs,
}

/// A command line that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsageError {
	/// There is no such command.
	UnknownCommand(String),
	/// The command has no such option.
	UnknownOption {
		/// The command.
		command: &'static str,
		/// What was given.
		option: String,
	},
	/// The option came without its value.
	NoValue(&'static str),
	/// The option came twice.
	Twice(&'static str),
	/// The option's value is not what it should be.
	BadValue {
		/// The option.
		option: &'static str,
		/// What was given.
		value: String,
		/// What is wanted.
		wanted: String,
	},
	/// Two options that exclude each other.
	Conflict(&'static str, &'static str),
}

impl fmt::Display for UsageError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::UnknownCommand(name) => write!(f, "no command {name:?}")?,
			Self::UnknownOption { command, option } => write!(f, "{command} takes no {option:?}")?,
			Self::NoValue(option) => write!(f, "{option} needs a value")?,
			Self::Twice(option) => write!(f, "{option} is given twice: keep one")?,
			Self::BadValue { option, value, wanted } => write!(f, "{option} {value:?}: {wanted}")?,
			Self::Conflict(one, other) => {
				write!(f, "{one} and {other} exclude each other: keep one")?
			},
		}
		write!(f, "; see cargo xtask help")
	}
}

impl std::error::Error for UsageError {}

/// Reads the command line, without the program's name.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, UsageError> {
	let mut args = args.into_iter();
	let Some(name) = args.next() else { return Ok(Command::Help) };
	let rest: Vec<OsString> = args.collect();
	let wants_help = |arg: &OsString| arg == "--help" || arg == "-h";
	if wants_help(&name) || rest.iter().any(wants_help) {
		return Ok(Command::Help);
	}
	let (name, command) = match name.to_str() {
		Some("help") => ("help", Command::Help),
		Some("doctor") => ("doctor", Command::Doctor),
		Some("setup") => ("setup", Command::Setup),
		Some("faults") => ("faults", Command::Faults),
		Some("lint") => ("lint", Command::Lint),
		Some("chain-specs") => ("chain-specs", Command::ChainSpecs),
		Some("demo") => return demo_options(rest).map(Command::Demo),
		Some("build") => {
			let production = flag("build", "--production", rest)?;
			return Ok(Command::Build(build::Options { production }));
		},
		Some("test") => {
			let demo = flag("test", "--demo", rest)?;
			return Ok(Command::Test(test::Options { demo }));
		},
		Some("evaluate") => return evaluate_options(rest).map(Command::Evaluate),
		_ => return Err(UsageError::UnknownCommand(lossy(&name))),
	};
	match rest.first() {
		Some(option) => Err(UsageError::UnknownOption { command: name, option: lossy(option) }),
		None => Ok(command),
	}
}

/// Whether the only option that a command takes is given.
fn flag(
	command: &'static str,
	option: &'static str,
	args: Vec<OsString>,
) -> Result<bool, UsageError> {
	let mut given = None;
	for arg in args {
		if arg != option {
			return Err(UsageError::UnknownOption { command, option: lossy(&arg) });
		}
		set(&mut given, option, ())?;
	}
	Ok(given.is_some())
}

fn demo_options(args: Vec<OsString>) -> Result<demo::Options, UsageError> {
	const QUARTERS: &str = "--quarters";
	const DAYS: &str = "--days";
	const FROM: &str = "--from";
	const READINGS: &str = "--readings";

	let (mut quarters, mut days, mut from, mut readings) = (None, None, None, None);
	let mut args = args.into_iter();
	while let Some(arg) = args.next() {
		// `--option value` and `--option=value` are the same.
		let (name, inline) = match arg.to_str().and_then(|text| text.split_once('=')) {
			Some((name, value)) => (OsString::from(name), Some(OsString::from(value))),
			None => (arg, None),
		};
		let mut value =
			|option| inline.clone().or_else(|| args.next()).ok_or(UsageError::NoValue(option));
		match name.to_str() {
			Some(QUARTERS) => set(&mut quarters, QUARTERS, count(QUARTERS, &value(QUARTERS)?)?)?,
			Some(DAYS) => set(&mut days, DAYS, count(DAYS, &value(DAYS)?)?)?,
			Some(FROM) => set(&mut from, FROM, time(FROM, &value(FROM)?)?)?,
			Some(READINGS) => set(&mut readings, READINGS, PathBuf::from(value(READINGS)?))?,
			_ => {
				return Err(UsageError::UnknownOption { command: "demo", option: lossy(&name) });
			},
		}
	}
	let length = match (quarters, days) {
		(Some(_), Some(_)) => return Err(UsageError::Conflict(QUARTERS, DAYS)),
		(Some(quarters), None) => demo::Length::Quarters(quarters),
		(None, Some(days)) => demo::Length::Days(days),
		(None, None) => demo::Length::Default,
	};
	Ok(demo::Options { readings, from, length })
}

fn evaluate_options(args: Vec<OsString>) -> Result<evaluate::Options, UsageError> {
	const RUNS: &str = "--runs";
	const VALIDATORS: &str = "--validators";
	const SIZES: &str = "--sizes";
	const NODE: &str = "--node";
	const OUT: &str = "--out";

	let mut options = evaluate::Options::default();
	let mut many = None;
	let mut args = args.into_iter();
	while let Some(arg) = args.next() {
		let flag = match arg.to_str() {
			Some("--quick") => Some((&mut options.quick, "--quick")),
			Some("--evm") => Some((&mut options.evm, "--evm")),
			Some("--fresh") => Some((&mut options.fresh, "--fresh")),
			_ => None,
		};
		if let Some((flag, name)) = flag {
			if std::mem::replace(flag, true) {
				return Err(UsageError::Twice(name));
			}
			continue;
		}
		let (name, inline) = match arg.to_str().and_then(|text| text.split_once('=')) {
			Some((name, value)) => (OsString::from(name), Some(OsString::from(value))),
			None => (arg, None),
		};
		let mut value =
			|option| inline.clone().or_else(|| args.next()).ok_or(UsageError::NoValue(option));
		match name.to_str() {
			Some(RUNS) => set(&mut options.runs, RUNS, count(RUNS, &value(RUNS)?)?)?,
			Some(VALIDATORS) => {
				set(&mut options.validators, VALIDATORS, count(VALIDATORS, &value(VALIDATORS)?)?)?
			},
			Some(SIZES) => set(&mut many, SIZES, sizes(SIZES, &value(SIZES)?)?)?,
			Some(NODE) => set(&mut options.node, NODE, PathBuf::from(value(NODE)?))?,
			Some(OUT) => set(&mut options.out, OUT, PathBuf::from(value(OUT)?))?,
			_ => {
				return Err(UsageError::UnknownOption {
					command: "evaluate",
					option: lossy(&name),
				});
			},
		}
	}
	options.sizes = many.unwrap_or_default();
	Ok(options)
}

/// Whole numbers with commas between them, in ascending order.
fn sizes(option: &'static str, value: &OsStr) -> Result<Vec<NonZeroU32>, UsageError> {
	let numbers = value.to_str().and_then(|text| {
		text.split(',').map(|number| number.parse().ok()).collect::<Option<Vec<NonZeroU32>>>()
	});
	numbers.filter(|numbers| numbers.is_sorted_by(|one, other| one < other)).ok_or_else(|| {
		UsageError::BadValue {
			option,
			value: lossy(value),
			wanted: "give whole numbers in ascending order, such as 100,1000,5000".into(),
		}
	})
}

fn set<T>(slot: &mut Option<T>, option: &'static str, value: T) -> Result<(), UsageError> {
	match slot.replace(value) {
		Some(_) => Err(UsageError::Twice(option)),
		None => Ok(()),
	}
}

fn count(option: &'static str, value: &OsStr) -> Result<NonZeroU32, UsageError> {
	value.to_str().and_then(|text| text.parse().ok()).ok_or_else(|| UsageError::BadValue {
		option,
		value: lossy(value),
		wanted: format!("give a whole number from 1 to {}", u32::MAX),
	})
}

fn time(option: &'static str, value: &OsStr) -> Result<Timestamp, UsageError> {
	value.to_string_lossy().parse().map_err(|error| UsageError::BadValue {
		option,
		value: lossy(value),
		wanted: format!("{error}"),
	})
}

fn lossy(text: &OsStr) -> String {
	text.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::demo::{Length, Options};

	fn parsed(line: &str) -> Result<Command, UsageError> {
		parse(line.split_whitespace().map(OsString::from))
	}

	fn demo(line: &str) -> Options {
		match parsed(&format!("demo {line}")) {
			Ok(Command::Demo(options)) => options,
			other => panic!("{other:?}"),
		}
	}

	fn number(number: u32) -> NonZeroU32 {
		NonZeroU32::new(number).unwrap()
	}

	#[test]
	fn every_command_should_be_known_and_in_the_help() {
		for (name, command) in [
			("help", Command::Help),
			("doctor", Command::Doctor),
			("setup", Command::Setup),
			("build", Command::Build(build::Options::default())),
			("test", Command::Test(test::Options::default())),
			("faults", Command::Faults),
			("lint", Command::Lint),
			("demo", Command::Demo(Options::default())),
			("evaluate", Command::Evaluate(evaluate::Options::default())),
		] {
			assert_eq!(parsed(name), Ok(command));
			assert!(HELP.contains(&format!("\n  {name} ")), "{name}");
		}
	}

	#[test]
	fn help_should_win() {
		for line in ["", "-h", "--help", "demo --help", "test -h", "demo --days x --help"] {
			assert_eq!(parsed(line), Ok(Command::Help), "{line}");
		}
	}

	#[test]
	fn demo_options_should_be_read_in_both_spellings() {
		assert_eq!(demo(""), Options::default());
		let expected = Options {
			readings: Some("a=b.csv".into()),
			from: Some("2016-06-06T12:00:00".parse().unwrap()),
			length: Length::Quarters(number(8)),
		};
		assert_eq!(demo("--quarters 8 --readings a=b.csv --from 2016-06-06T12:00:00"), expected);
		assert_eq!(demo("--from=2016-06-06T12:00:00 --readings=a=b.csv --quarters=8"), expected);
		assert_eq!(demo("--days 7").length, Length::Days(number(7)));
	}

	#[test]
	fn what_is_shipped_should_be_built_where_it_is_wanted() {
		let production = Command::Build(build::Options { production: true });
		assert_eq!(parsed("build --production"), Ok(production));
		let unknown = UsageError::UnknownOption { command: "build", option: "--debug".into() };
		assert_eq!(parsed("build --debug"), Err(unknown));
	}

	#[test]
	fn tests_should_include_the_demo_where_it_is_wanted() {
		assert_eq!(parsed("test --demo"), Ok(Command::Test(test::Options { demo: true })));
		assert_eq!(parsed("test --demo --demo"), Err(UsageError::Twice("--demo")));
	}

	#[test]
	fn evaluate_options_should_be_read_in_both_spellings() {
		let evaluate = |line: &str| match parsed(&format!("evaluate {line}")) {
			Ok(Command::Evaluate(options)) => options,
			other => panic!("{other:?}"),
		};
		assert_eq!(evaluate(""), evaluate::Options::default());
		let expected = evaluate::Options {
			runs: Some(number(5)),
			sizes: [10, 20].map(number).to_vec(),
			quick: true,
			node: Some("a=b".into()),
			..Default::default()
		};
		assert_eq!(evaluate("--runs 5 --quick --sizes 10,20 --node a=b"), expected);
		assert_eq!(evaluate("--runs=5 --sizes=10,20 --node=a=b --quick"), expected);
	}

	#[test]
	fn evaluations_that_make_no_sense_should_be_refused() {
		for sizes in ["20,10", "10,10", "0,10", "10,", "", "x"] {
			let args = ["evaluate", "--sizes", sizes].map(OsString::from);
			let refused = parse(args);
			assert!(
				matches!(refused, Err(UsageError::BadValue { option: "--sizes", .. })),
				"{sizes}"
			);
		}
		assert_eq!(parsed("evaluate --quick --quick"), Err(UsageError::Twice("--quick")));
		assert_eq!(
			parsed("evaluate --quick=yes"),
			Err(UsageError::UnknownOption { command: "evaluate", option: "--quick".into() })
		);
		assert_eq!(parsed("evaluate --runs"), Err(UsageError::NoValue("--runs")));
	}

	#[test]
	fn numbers_should_be_whole_and_positive() {
		for value in ["0", "-1", "1.5", "x", "4294967296", "=", ""] {
			let args = ["demo", "--quarters", value].map(OsString::from);
			assert!(
				matches!(parse(args), Err(UsageError::BadValue { option: "--quarters", .. })),
				"{value:?}"
			);
		}
		assert_eq!(demo("--days 4294967295").length, Length::Days(number(u32::MAX)));
	}

	#[test]
	fn a_bad_time_should_be_explained() {
		let error = parsed("demo --from 2016-06-06T12:07:00").unwrap_err();
		assert_eq!(
			error.to_string(),
			"--from \"2016-06-06T12:07:00\": 12:07:00 does not begin a quarter-hour: use minutes \
			 00, 15, 30 or 45 and seconds 00; see cargo xtask help"
		);
	}

	#[test]
	fn what_makes_no_sense_should_be_refused() {
		let unknown = |command, option: &str| {
			Err(UsageError::UnknownOption { command, option: option.into() })
		};
		assert_eq!(parsed("dance"), Err(UsageError::UnknownCommand("dance".into())));
		assert_eq!(parsed("--days 7"), Err(UsageError::UnknownCommand("--days".into())));
		assert_eq!(parsed("test --quarters 8"), unknown("test", "--quarters"));
		assert_eq!(parsed("demo --speed 2"), unknown("demo", "--speed"));
		assert_eq!(parsed("demo week.csv"), unknown("demo", "week.csv"));
		assert_eq!(parsed("demo --readings"), Err(UsageError::NoValue("--readings")));
		assert_eq!(parsed("demo --days 1 --days 2"), Err(UsageError::Twice("--days")));
		assert_eq!(
			parsed("demo --days 1 --quarters 2"),
			Err(UsageError::Conflict("--quarters", "--days"))
		);
	}

	#[cfg(unix)]
	#[test]
	fn names_that_are_not_utf8_should_be_kept_or_refused() {
		use std::os::unix::ffi::OsStringExt;
		let odd = || OsString::from_vec(b"w\xe4k.csv".to_vec());
		let args = ["demo".into(), "--readings".into(), odd()];
		assert!(matches!(
			parse(args),
			Ok(Command::Demo(Options { readings: Some(path), .. })) if path.as_os_str() == odd()
		));
		assert!(matches!(parse([odd()]), Err(UsageError::UnknownCommand(_))));
		assert!(matches!(
			parse(["demo".into(), "--from".into(), odd()]),
			Err(UsageError::BadValue { option: "--from", .. })
		));
	}
}
