//! Where measured weights come from.

use crate::measure::Effort;
use std::{env, error::Error, fs, process::Command, thread};

/// When, on what and how weights were measured.
pub struct Provenance {
	/// The day, in UTC.
	pub date: String,
	/// Processor, its cores and the system.
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
	pub fn here(effort: &Effort) -> Result<Self, Box<dyn Error>> {
		let date = Command::new("date").args(["-u", "+%F"]).output()?;
		let processor = field("/proc/cpuinfo", "model name", ':');
		let system = field("/etc/os-release", "PRETTY_NAME", '=');
		let cores = thread::available_parallelism()?;
		Ok(Self {
			date: String::from_utf8(date.stdout)?.trim().to_owned(),
			machine: format!("{processor}, {cores} cores, {system}"),
			compiler: env!("COMPILER").to_owned(),
			command: command(env::args().skip(1)),
			steps: effort.steps,
			repeat: effort.repeat,
		})
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

/// The first value of this name in a file of names and values.
fn field(path: &str, name: &str, separator: char) -> String {
	let text = fs::read_to_string(path).unwrap_or_default();
	text.lines()
		.filter_map(|line| line.split_once(separator))
		.find(|(found, _)| found.trim() == name)
		.map_or_else(
			|| format!("unknown {name}"),
			|(_, value)| value.trim().trim_matches('"').into(),
		)
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

	#[test]
	fn field_should_say_what_is_unknown() {
		assert_eq!(field("/nowhere", "model name", ':'), "unknown model name");
	}
}
