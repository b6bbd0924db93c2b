//! Where a measurement comes from: the day, the machine, the compiler, the commit.

use std::{fs, io, process::Command, thread};

/// When, on what and of what something is measured.
pub struct Origin {
	/// The time in UTC, as `2026-01-31T12:59:59Z`.
	pub time: String,
	/// Processor, its cores and the system.
	pub machine: String,
	/// What compiled the program.
	pub compiler: String,
	/// The commit, marked where files have changed since.
	pub commit: String,
}

impl Origin {
	/// Of this very moment.
	pub fn here() -> io::Result<Self> {
		let processor = field("/proc/cpuinfo", "model name", ':');
		let system = field("/etc/os-release", "PRETTY_NAME", '=');
		let cores = thread::available_parallelism()?;
		let changed = if said("git", &["status", "--porcelain", "-uno"])?.is_empty() {
			""
		} else {
			", with changes"
		};
		Ok(Self {
			time: said("date", &["-u", "+%FT%TZ"])?,
			machine: format!("{processor}, {cores} cores, {system}"),
			compiler: env!("COMPILER").to_owned(),
			commit: said("git", &["rev-parse", "HEAD"])? + changed,
		})
	}

	/// The day, as `2026-01-31`.
	pub fn date(&self) -> &str {
		self.time.split('T').next().unwrap_or_default()
	}
}

/// What a program of this folder says, without the end of the line.
fn said(program: &str, arguments: &[&str]) -> io::Result<String> {
	let folder = env!("CARGO_MANIFEST_DIR");
	let output = Command::new(program).args(arguments).current_dir(folder).output()?;
	Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
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
	fn field_should_say_what_is_unknown() {
		assert_eq!(field("/nowhere", "model name", ':'), "unknown model name");
	}

	#[test]
	fn date_should_be_the_day_of_the_time() {
		let origin = Origin::here().unwrap();
		assert!(origin.time.starts_with(origin.date()) && origin.time.ends_with('Z'));
		assert_eq!(origin.date().len(), 10);
	}
}
