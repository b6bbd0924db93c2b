//! `spb-evaluate-relay`: what negotiation over a backbone costs, simulated up to 10,000 nodes and
//! measured on four, as a table and a drawing.

use clap::Parser;
use spb_testbed::relay::{evaluate, report::csv, Plan};
use std::{path::PathBuf, process::ExitCode};

/// Simulates negotiations over backbones, measures them on four real nodes, and writes relay.csv and
/// relay.svg.
#[derive(Parser)]
#[command(name = "spb-evaluate-relay", version)]
struct Arguments {
	/// The node's program; without it nothing is measured
	#[arg(long, value_name = "FILE")]
	node: Option<PathBuf>,
	/// Where to write the table and the drawing
	#[arg(long, value_name = "FOLDER", default_value = "docs/evaluation")]
	out: PathBuf,
	/// What everything that is drawn at random follows from
	#[arg(long, value_name = "NUMBER", default_value_t = Plan::default().seed)]
	seed: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
	let Arguments { node, out, seed } = Arguments::parse();
	let plan = Plan { seed, ..Plan::default() };
	match evaluate(&plan, node.as_deref(), &out).await {
		Ok(rows) => {
			print!("{}", csv(&rows));
			ExitCode::SUCCESS
		},
		Err(error) => {
			eprintln!("error: {error}");
			ExitCode::FAILURE
		},
	}
}
