//! `spb-node-hostile`: a node that misbehaves as it is told, for tests against honest ones.

use clap::Parser;
use spb_node::{
	cli::Cli,
	command,
	spb::misbehaviour::{Hostile, Misbehaviour},
};

/// A validator that misbehaves.
#[derive(Debug, Parser)]
struct Arguments {
	/// What it does; several times for several things.
	#[arg(long, value_enum, required = true)]
	misbehave: Vec<Misbehaviour>,

	/// How it runs otherwise.
	#[command(flatten)]
	node: Cli,
}

fn main() -> sc_cli::Result<()> {
	let Arguments { misbehave, node } = Arguments::parse();
	command::run_as(&node, &Hostile::new(misbehave))
}
