//! `spb`: one client for meters, panels and people.
//!
//! Each command is a module with its options and a `run` that gives an answer; how answers and
//! errors are written, and with which exit code, is decided here and in [`output`].

mod args;
mod commands;
mod context;
mod output;

use clap::{error::ErrorKind, Parser};
use commands::Command;
use context::Context;
use output::{Complaint, Format};
use spb_client::{
	connection::{Patience, DEFAULT_URL},
	error::{Classify, Kind},
	files::Directory,
	Error, Result,
};
use std::{ffi::OsString, path::PathBuf, process::ExitCode, time::Duration};

/// Trades energy over SPB: commits to pay, confirms receipt, offers energy, keeps a meter.
///
/// Exit codes: 0 done, 1 failed, 2 bad input, 3 refused by the chain, 4 no connection.
#[derive(Parser)]
#[command(name = "spb", version, propagate_version = true)]
struct Options {
	/// The node's WebSocket address
	#[arg(long, global = true, default_value = DEFAULT_URL, value_name = "URL")]
	url: String,
	/// The state directory with account key and meter [default: ~/.spb]
	#[arg(long, global = true, value_name = "FOLDER")]
	dir: Option<PathBuf>,
	/// Sign with a well-known development key such as //Alice instead of a key file
	#[arg(long, global = true, value_name = "URI")]
	dev: Option<String>,
	/// How to write answers and errors
	#[arg(long, global = true, value_enum, default_value_t)]
	output: Format,
	/// How long to try to reach the node, in seconds
	#[arg(long, global = true, default_value = "10", value_parser = args::number, value_name = "SECONDS")]
	patience: u32,
	/// Say on standard error what is going on
	#[arg(long, short, global = true)]
	verbose: bool,
	#[command(subcommand)]
	command: Command,
}

/// The state directory: the one that was named, or `.spb` in the user's home.
fn directory(named: Option<PathBuf>) -> Result<Directory> {
	let home = || std::env::var_os("HOME").filter(|home| !home.is_empty());
	match (named, home()) {
		(Some(path), _) => Ok(Directory::new(path)),
		(None, Some(home)) => Ok(Directory::new(PathBuf::from(home).join(".spb"))),
		(None, None) => Err(Error::input("there is no home directory: name one with --dir")),
	}
}

async fn run(options: Options) -> Result<ExitCode> {
	let context = Context {
		url: options.url,
		patience: Patience(Duration::from_secs(options.patience.into())),
		directory: directory(options.dir)?,
		development: options.dev,
		format: options.output,
		verbose: options.verbose,
	};
	let name = options.command.name();
	let Some(answer) = options.command.run(&context).await? else { return Ok(ExitCode::SUCCESS) };
	output::write_out(&answer.render(name, context.format))?;
	let Some(error) = answer.error() else { return Ok(ExitCode::SUCCESS) };
	if let Complaint::Stderr(text) = output::complaint(name, error, context.format) {
		eprintln!("{text}");
	}
	Ok(ExitCode::from(error.kind().exit_code()))
}

/// Writes an error where it belongs and gives its exit code.
fn fail(complaint: Complaint, kind: Kind) -> ExitCode {
	match complaint {
		Complaint::Stderr(text) => eprintln!("{text}"),
		// If nobody reads the error, the exit code still tells of it.
		Complaint::Stdout(text) => drop(output::write_out(&text)),
	}
	ExitCode::from(kind.exit_code())
}

/// Whether the arguments ask for JSON, where they are too wrong to be understood as a whole.
fn asks_for_json(arguments: &[OsString]) -> bool {
	let joined = arguments.iter().any(|argument| argument == "--output=json");
	joined || arguments.windows(2).any(|pair| pair[0] == "--output" && pair[1] == "json")
}

/// The answer to arguments that clap does not take: help, version, or what is wrong with them.
fn misunderstood(error: clap::Error, arguments: &[OsString]) -> ExitCode {
	if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
		// If nobody reads the help, there is nobody to tell.
		let _ = error.print();
		return ExitCode::SUCCESS;
	}
	if asks_for_json(arguments) {
		let text = error.to_string();
		let message = text.trim().trim_start_matches("error: ");
		let complaint = output::complain("spb", Kind::BadInput, "bad-input", message, Format::Json);
		return fail(complaint, Kind::BadInput);
	}
	let _ = error.print();
	ExitCode::from(Kind::BadInput.exit_code())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
	let arguments: Vec<OsString> = std::env::args_os().collect();
	let options = match Options::try_parse_from(&arguments) {
		Ok(options) => options,
		Err(error) => return misunderstood(error, &arguments),
	};
	let (name, format) = (options.command.name(), options.output);
	match run(options).await {
		Ok(code) => code,
		Err(error) => fail(output::complaint(name, &error, format), error.kind()),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use clap::CommandFactory;

	fn parse(line: &str) -> Result<Options, clap::Error> {
		Options::try_parse_from(line.split_whitespace())
	}

	const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

	#[test]
	fn command_line_should_be_consistent() {
		Options::command().debug_assert();
	}

	#[test]
	fn the_papers_commands_should_be_understood() {
		let options = parse(&format!("spb ctp {ALICE} 1.25 700 --dev //Bob")).unwrap();
		assert_eq!(options.command.name(), "ctp");
		let id = format!("0x{}", "1f".repeat(32));
		let options = parse(&format!("spb --output json erc {id} 700 --wait settled")).unwrap();
		assert_eq!((options.command.name(), options.output), ("erc", Format::Json));
	}

	#[test]
	fn what_goes_over_the_backbone_should_be_understood() {
		let name = |line: &str| parse(line).map(|options| options.command.name()).ok();
		assert_eq!(name("spb negotiate 3 --energy 700 --max-price 0.25"), Some("negotiate"));
		assert_eq!(name("spb negotiate --answer --once --policy p.json"), Some("negotiate"));
		assert_eq!(name("spb meter coe"), Some("meter coe"));
		assert_eq!(name("spb meter coe --trees 2 --keep"), Some("meter coe"));
		assert_eq!(name("spb meter coe request --out f --output json"), Some("meter coe request"));
		assert_eq!(name("spb meter answer --once"), Some("meter answer"));
		assert_eq!(name("spb meter list"), Some("meter list"));
		assert_eq!(name("spb backbone join ws://127.0.0.1:9944"), Some("backbone join"));
		assert_eq!(name("spb vault deposit 5 --vault blue"), Some("vault deposit"));
		let ctp = format!("spb ctp {ALICE} 1.25 700 --vault any");
		assert_eq!(name(&ctp), Some("ctp"));
		assert_eq!(name(&format!("spb ctp {ALICE} 1.25 700 --quote latest")), Some("ctp"));
	}

	#[test]
	fn bad_arguments_should_be_refused() {
		let id = format!("0x{}", "1f".repeat(32));
		for line in [
			"spb".to_owned(),
			"spb trade".to_owned(),
			"spb ctp".to_owned(),
			format!("spb ctp {ALICE} 1,25 700"),
			format!("spb ctp {ALICE} -1 700"),
			format!("spb ctp {ALICE} 1.25 +700"),
			format!("spb ctp {ALICE} 1.25 7.5"),
			format!("spb ctp {ALICE} 1.25 4294967296"),
			"spb ctp //Alice 1.25 700".to_owned(),
			format!("spb ctp {ALICE}x 1.25 700"),
			format!("spb ctp {ALICE} 1.25 700 --offer one"),
			format!("spb ctp {ALICE} 1.25 700 --lifetime -1"),
			format!("spb ctp {ALICE} 1.25 700 --wait forever"),
			format!("spb ctp {ALICE} 1.25 700 --prepare --quote 0x00"),
			format!("spb erc {} 700", &id[..10]),
			format!("spb erc {id}"),
			"spb offer add 100 free".to_owned(),
			"spb vault withdraw 1 --cancel".to_owned(),
			"spb meter coe --leaves 8 request --out f".to_owned(),
			"spb meter coe --trees all".to_owned(),
			"spb negotiate".to_owned(),
			"spb negotiate 3 --energy 700".to_owned(),
			"spb negotiate 3 --answer".to_owned(),
			"spb negotiate --once".to_owned(),
			"spb backbone join 127.0.0.1:9944".to_owned(),
			"spb vault open any".to_owned(),
			"spb vault show --vault Main".to_owned(),
			"spb --output xml status".to_owned(),
			"spb --patience soon status".to_owned(),
		] {
			let error = parse(&line).err().unwrap_or_else(|| panic!("{line} is understood"));
			assert_eq!(error.exit_code(), 2, "{line}");
		}
	}

	#[test]
	fn json_should_be_recognised_in_bad_arguments() {
		let words = |line: &str| -> Vec<OsString> { line.split(' ').map(Into::into).collect() };
		assert!(asks_for_json(&words("spb ctp --output json")));
		assert!(asks_for_json(&words("spb --output=json ctp")));
		assert!(!asks_for_json(&words("spb ctp --output human")));
	}
}
