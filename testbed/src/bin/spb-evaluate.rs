//! `spb-evaluate`: the paper's evaluation against its baseline, on a network of this machine's own.

use clap::Parser;
use spb_testbed::{
	evaluate::{self, plan, provenance, EvaluationError, Options, Plan, Summary},
	interrupted,
};
use std::{num::NonZeroU32, path::PathBuf, process::ExitCode, time::Duration};

/// Measures SPB against the baseline of the paper and writes figures, table and plots.
///
/// Interrupted, it goes on where it stopped when it is called again in the same way.
/// Exit codes: 0 done, 1 something failed, 2 bad input, 130 interrupted.
#[derive(Parser)]
#[command(name = "spb-evaluate", version)]
struct Arguments {
	/// The node's program
	#[arg(long, value_name = "FILE")]
	node: PathBuf,
	/// The repository
	#[arg(long, value_name = "FOLDER", default_value = ".")]
	root: PathBuf,
	/// The folder for the results
	#[arg(long, value_name = "FOLDER")]
	out: PathBuf,
	/// Single trades of each way [default: 100, or 8 with --quick]
	#[arg(long, value_name = "NUMBER")]
	runs: Option<NonZeroU32>,
	/// Validators, 1 to 4 [default: 2]
	#[arg(long, value_name = "NUMBER")]
	validators: Option<usize>,
	/// Trades offered at once, ascending; the last is the saturation [default:
	/// 100,1000,5000,10000, or 100,400 with --quick]
	#[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
	sizes: Option<Vec<usize>>,
	/// A little of everything, within five minutes
	#[arg(long)]
	quick: bool,
	/// Measure for so many seconds at the most and skip the rest [default: 300 with --quick]
	#[arg(long, value_name = "SECONDS")]
	within: Option<NonZeroU32>,
	/// The baseline on an EVM node as well
	#[arg(long)]
	evm: bool,
	/// Take nothing over from an earlier session
	#[arg(long)]
	fresh: bool,
	/// Write the results into the repository's README too
	#[arg(long)]
	readme: bool,
}

impl Arguments {
	fn options(self) -> Options {
		let Self { node, root, out, runs, validators, sizes, quick, .. } = self;
		let Self { within, evm, fresh, readme, .. } = self;
		let plan = if quick { Plan::quick() } else { Plan::full() };
		let plan = Plan {
			runs: runs.map_or(plan.runs, NonZeroU32::get),
			validators: validators.unwrap_or(plan.validators),
			sizes: sizes.unwrap_or(plan.sizes),
			..plan
		};
		let within = within.map(|seconds| Duration::from_secs(seconds.get().into()));
		let within = within.or(quick.then_some(plan::QUICK));
		let command = provenance::command_line();
		Options { node, root, out, plan, evm, fresh, readme, within, command }
	}
}

async fn run(options: &Options) -> Result<Summary, EvaluationError> {
	// Whatever ends first, the nodes are stopped when the other is dropped.
	tokio::select! {
		summary = evaluate::run(options) => summary,
		() = interrupted() => Err(EvaluationError::Interrupted),
	}
}

#[tokio::main]
async fn main() -> ExitCode {
	let options = Arguments::parse().options();
	match run(&options).await {
		Ok(summary) => {
			println!("{summary}results in {}", options.out.display());
			ExitCode::SUCCESS
		},
		Err(error) => {
			eprintln!("error: {error}");
			ExitCode::from(error.exit_code())
		},
	}
}
