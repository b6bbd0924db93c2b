//! Where figures come from.

use spb_sources::{Origin, UNKNOWN};
use std::{env, path::Path};

/// What an evaluation writes, from the repository's root on.
const WRITTEN: [&str; 2] = ["docs/evaluation", "README.md"];

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
		let Origin { time, machine, load, commit, .. } = Origin::here(root, &WRITTEN);
		Self { date: time, machine, commit, command, load }
	}

	/// Whether the source is a commit's: else it may have changed, and nobody could tell.
	pub fn is_of_a_commit(&self) -> bool {
		!self.commit.ends_with('+') && self.commit != UNKNOWN
	}
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

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_machine_should_be_described() {
		let provenance = Provenance::here(Path::new("/"), "x".into());
		assert!(provenance.machine.contains("cores"), "{provenance:?}");
		assert_eq!(provenance.command, "x");
	}
}
