//! `spb-demo`: replays meter readings on a development node and checks everything that should hold.

use clap::Parser;
use spb_readings::Timestamp;
use spb_testbed::{
	demo::{self, DemoError, Options, Summary},
	interrupted,
};
use std::{num::NonZeroU32, path::PathBuf, process::ExitCode};

/// Replays meter readings on a development node and checks everything that should hold.
///
/// Exit codes: 0 all checks hold, 1 one does not or something failed, 2 bad input.
#[derive(Parser)]
#[command(name = "spb-demo", version)]
struct Arguments {
	/// The node's program
	#[arg(long, value_name = "FILE")]
	node: PathBuf,
	/// The readings: interval_start,meter,import_wh,export_wh
	#[arg(long, value_name = "FILE")]
	readings: PathBuf,
	/// Where to write the summary (JSON); the node's log goes beside it
	#[arg(long, value_name = "FILE")]
	out: PathBuf,
	/// How many quarter-hours to replay [default: 24]
	#[arg(long, value_name = "NUMBER")]
	quarters: Option<NonZeroU32>,
	/// The first quarter-hour, such as 2016-06-06T12:00:00 [default: a sunny stretch]
	#[arg(long, value_name = "TIME")]
	from: Option<Timestamp>,
	/// The specification of another chain than `dev`, with the same accounts and manufacturers
	#[arg(long, value_name = "FILE")]
	chain: Option<PathBuf>,
}

async fn run(options: &Options) -> Result<Summary, DemoError> {
	// Whatever ends first, the node is stopped when the other is dropped.
	tokio::select! {
		summary = demo::run(options) => summary,
		() = interrupted() => Err(DemoError::Interrupted),
	}
}

#[tokio::main]
async fn main() -> ExitCode {
	let Arguments { node, readings, out, quarters, from, chain } = Arguments::parse();
	let options = Options { node, readings, out, quarters, from, chain };
	match run(&options).await {
		Ok(summary) => {
			println!("\n{summary}summary in {}", options.out.display());
			ExitCode::from(u8::from(!summary.failures().is_empty()))
		},
		Err(error) => {
			eprintln!("error: {error}");
			ExitCode::from(error.exit_code())
		},
	}
}
