//! Where measured weights come from.

use crate::measure::Effort;
use spb_sources::Origin;
use std::{env, path::Path};

/// When, on what and how weights were measured.
pub struct Provenance {
	/// The day, in UTC.
	pub date: String,
	/// Processor, its cores, memory and the system.
	pub machine: String,
	/// What compiled runtime and runner.
	pub compiler: String,
	/// What was called.
	pub command: String,
	/// Points in the range of each component.
	pub steps: u32,
	/// Runs at each point.
	pub repeat: u32,
}

impl Provenance {
	/// Of this very run.
	pub fn here(effort: &Effort) -> Self {
		let origin = Origin::here(Path::new(env!("CARGO_MANIFEST_DIR")), &[]);
		Self {
			date: origin.date().to_owned(),
			machine: origin.machine,
			compiler: origin.compiler,
			command: command(env::args().skip(1)),
			steps: effort.steps,
			repeat: effort.repeat,
		}
	}
}

/// The command that calls this program with these arguments.
fn command(arguments: impl Iterator<Item = String>) -> String {
	let mut command = "cargo run --release --manifest-path benchmarks/Cargo.toml".to_owned();
	for (number, argument) in arguments.enumerate() {
		command.push_str(if number == 0 { " -- " } else { " " });
		command.push_str(&argument);
	}
	command
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn command_should_be_one_to_type() {
		let typed = "cargo run --release --manifest-path benchmarks/Cargo.toml";
		assert_eq!(command([].into_iter()), typed);
		let arguments = ["--steps", "5"].map(String::from);
		assert_eq!(command(arguments.into_iter()), format!("{typed} -- --steps 5"));
	}
}
