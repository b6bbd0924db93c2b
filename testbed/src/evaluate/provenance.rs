//! Where figures come from.

use std::{env, fs, path::Path, process::Command, thread};

/// When, on what, from which source and by which command something was measured.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Provenance {
	/// The day and time, UTC.
	pub date: String,
	/// Processor, its cores, memory and the system.
	pub machine: String,
	/// The commit; with a plus sign where the source differed from it.
	pub commit: String,
	/// What was called.
	pub command: String,
	/// How busy the machine was before anything was measured: the load averages of 1, 5 and 15
	/// minutes.
	pub load: String,
}

impl Provenance {
	/// Of this very run, from the repository in `root`.
	pub fn here(root: &Path, command: String) -> Self {
		let processor = field("/proc/cpuinfo", "model name", ':');
		let memory = field("/proc/meminfo", "MemTotal", ':');
		let system = field("/etc/os-release", "PRETTY_NAME", '=');
		let cores = thread::available_parallelism().map_or(0, usize::from);
		Self {
			date: answer(Command::new("date").args(["-u", "+%FT%TZ"])),
			machine: format!("{processor}; {cores} cores; {memory}; {system}"),
			commit: commit(root),
			command,
			load: load(&fs::read_to_string("/proc/loadavg").unwrap_or_default()),
		}
	}
}

/// The load averages in the kernel's text about them.
fn load(text: &str) -> String {
	let averages: Vec<&str> = text.split_whitespace().take(3).collect();
	if averages.len() < 3 {
		return "unknown".into();
	}
	averages.join(" ")
}

/// The command line that starts this program again.
pub fn command_line() -> String {
	let arguments: Vec<String> = env::args().skip(1).collect();
	match env::var("SPB_COMMAND") {
		// Who calls this program says what people call.
		Ok(command) if !command.is_empty() => command,
		_ => format!("spb-evaluate {}", arguments.join(" ")).trim().to_owned(),
	}
}

fn commit(root: &Path) -> String {
	let git = |arguments: &[&str]| answer(Command::new("git").arg("-C").arg(root).args(arguments));
	let commit = git(&["rev-parse", "--short=12", "HEAD"]);
	// What an evaluation writes is no other source.
	let others = [":/", ":!docs/evaluation", ":!README.md"];
	let status = ["status", "--porcelain", "--untracked-files=no", "--"];
	let changed = git(&[&status[..], &others].concat());
	match (commit.is_empty(), changed.is_empty()) {
		(true, _) => "unknown".into(),
		(_, true) => commit,
		(_, false) => format!("{commit}+"),
	}
}

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
			|| format!("unknown {name}"),
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
		assert_eq!(commit(Path::new("/nowhere")), "unknown");
	}

	#[test]
	fn a_machine_should_be_described() {
		let provenance = Provenance::here(Path::new("/"), "x".into());
		assert!(provenance.machine.contains("cores"), "{provenance:?}");
		assert_eq!(provenance.command, "x");
	}
}
