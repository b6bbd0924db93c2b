//! Where a measurement comes from: the day, the machine and its load, the compiler, the commit.

use std::{fs, path::Path, process::Command, thread};

/// What takes the place of what the machine does not tell.
pub const UNKNOWN: &str = "unknown";

/// When, on what and of what something is measured.
pub struct Origin {
	/// The time in UTC, as `2026-01-31T12:59:59Z`.
	pub time: String,
	/// Processor, its cores, memory and the system.
	pub machine: String,
	/// How busy it was before: the load averages of 1, 5 and 15 minutes.
	pub load: String,
	/// What compiled the program.
	pub compiler: String,
	/// The commit; with a plus sign where files differ from it.
	pub commit: String,
}

impl Origin {
	/// Of this very moment, for the repository at `root`. What is measured into the files in `written`,
	/// named from the root on, makes no other source.
	pub fn here(root: &Path, written: &[&str]) -> Self {
		let processor = field("/proc/cpuinfo", "model name", ':');
		let memory = field("/proc/meminfo", "MemTotal", ':');
		let system = field("/etc/os-release", "PRETTY_NAME", '=');
		let cores = thread::available_parallelism().map_or(0, usize::from);
		Self {
			time: answer(Command::new("date").args(["-u", "+%FT%TZ"])),
			machine: format!("{processor}; {cores} cores; {memory}; {system}"),
			load: load(&fs::read_to_string("/proc/loadavg").unwrap_or_default()),
			compiler: env!("COMPILER").to_owned(),
			commit: commit(root, written),
		}
	}

	/// The day, as `2026-01-31`.
	pub fn date(&self) -> &str {
		self.time.split('T').next().unwrap_or_default()
	}
}

/// The load averages in the kernel's text about them.
fn load(text: &str) -> String {
	let averages: Vec<&str> = text.split_whitespace().take(3).collect();
	if averages.len() < 3 {
		return UNKNOWN.into();
	}
	averages.join(" ")
}

fn commit(root: &Path, written: &[&str]) -> String {
	let git = |arguments: &[&str]| answer(Command::new("git").arg("-C").arg(root).args(arguments));
	let commit = git(&["rev-parse", "--short=12", "HEAD"]);
	let others: Vec<String> = written.iter().map(|place| format!(":!{place}")).collect();
	let mut status = vec!["status", "--porcelain", "--untracked-files=no", "--", ":/"];
	status.extend(others.iter().map(String::as_str));
	let changed = git(&status);
	match (commit.is_empty(), changed.is_empty()) {
		(true, _) => UNKNOWN.into(),
		(_, true) => commit,
		(_, false) => format!("{commit}+"),
	}
}

/// What a program says, without the end of the line; nothing where it fails.
fn answer(command: &mut Command) -> String {
	let output = command.output().ok().filter(|output| output.status.success());
	output.map_or_else(String::new, |output| {
		String::from_utf8_lossy(&output.stdout).trim().to_owned()
	})
}

/// The first value of this name in a file of names and values.
fn field(path: &str, name: &str, separator: char) -> String {
	let text = fs::read_to_string(path).unwrap_or_default();
	text.lines()
		.filter_map(|line| line.split_once(separator))
		.find(|(found, _)| found.trim() == name)
		.map_or_else(
			|| format!("{UNKNOWN} {name}"),
			|(_, value)| value.trim().trim_matches('"').into(),
		)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_load_should_be_what_the_kernel_tells() {
		assert_eq!(load("0.52 1.00 2.25 1/123 4567\n"), "0.52 1.00 2.25");
	}

	#[test]
	fn what_is_unknown_should_be_said() {
		assert_eq!(load(""), "unknown");
		assert_eq!(field("/nowhere", "model name", ':'), "unknown model name");
		assert_eq!(commit(Path::new("/nowhere"), &[]), "unknown");
	}

	#[test]
	fn date_should_be_the_day_of_the_time() {
		let origin = Origin::here(Path::new("/"), &[]);
		assert!(origin.time.starts_with(origin.date()) && origin.time.ends_with('Z'));
		assert_eq!(origin.date().len(), 10);
		assert!(origin.machine.contains("cores") && origin.compiler.starts_with("rustc"));
	}
}
