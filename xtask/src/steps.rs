//! Commands of several steps: say which one runs, and in the end how each went.

use crate::process::ProcessError;
use std::{
	fmt,
	time::{Duration, Instant},
};

/// The steps of a command, as they are run.
pub struct Steps {
	command: &'static str,
	total: usize,
	done: Vec<(&'static str, Outcome, Duration)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
	Passed,
	Failed,
	Skipped,
}

/// At least one step failed; its own messages and the summary line say which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepsError {
	command: &'static str,
	failed: Vec<&'static str>,
}

impl fmt::Display for StepsError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(
			f,
			"{} failed in: {}; the messages of the step above say why",
			self.command,
			self.failed.join(", ")
		)
	}
}

impl std::error::Error for StepsError {}

impl Steps {
	/// Begins a command that has `total` steps.
	pub fn new(command: &'static str, total: usize) -> Self {
		Self { command, total, done: Vec::new() }
	}

	/// Runs a step and says whether it passed.
	pub fn run(
		&mut self,
		name: &'static str,
		step: impl FnOnce() -> Result<(), ProcessError>,
	) -> bool {
		println!("\n== {} {}/{}: {name}", self.command, self.done.len() + 1, self.total);
		let begin = Instant::now();
		let result = step();
		if let Err(error) = &result {
			eprintln!("{name}: {error}");
		}
		let outcome = if result.is_ok() { Outcome::Passed } else { Outcome::Failed };
		self.done.push((name, outcome, begin.elapsed()));
		result.is_ok()
	}

	/// Notes that a step was not run, and why.
	pub fn skip(&mut self, name: &'static str, why: &str) {
		println!(
			"\n== {} {}/{}: {name}: skipped, {why}",
			self.command,
			self.done.len() + 1,
			self.total
		);
		self.done.push((name, Outcome::Skipped, Duration::ZERO));
	}

	/// Prints the summary line; an error if a step failed.
	pub fn finish(self) -> Result<(), StepsError> {
		println!("\n{}", self.summary());
		let failed: Vec<&str> = self
			.done
			.iter()
			.filter(|(_, outcome, _)| *outcome == Outcome::Failed)
			.map(|(name, ..)| *name)
			.collect();
		if failed.is_empty() {
			return Ok(());
		}
		Err(StepsError { command: self.command, failed })
	}

	fn summary(&self) -> String {
		let steps: Vec<String> = self
			.done
			.iter()
			.map(|(name, outcome, time)| match outcome {
				Outcome::Passed => format!("{name} ok ({} s)", time.as_secs()),
				Outcome::Failed => format!("{name} FAILED ({} s)", time.as_secs()),
				Outcome::Skipped => format!("{name} skipped"),
			})
			.collect();
		format!("{}: {}", self.command, steps.join(", "))
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::io;

	fn failure() -> ProcessError {
		ProcessError::NotStarted { program: "x".into(), source: io::ErrorKind::NotFound.into() }
	}

	#[test]
	fn steps_that_pass_should_pass() {
		let mut steps = Steps::new("test", 2);
		assert!(steps.run("one", || Ok(())));
		steps.skip("two", "not here");
		assert_eq!(steps.summary(), "test: one ok (0 s), two skipped");
		assert_eq!(steps.finish(), Ok(()));
	}

	#[test]
	fn one_failure_should_fail_the_command_and_be_named() {
		let mut steps = Steps::new("test", 2);
		assert!(!steps.run("one", || Err(failure())));
		assert!(steps.run("two", || Ok(())));
		assert_eq!(steps.summary(), "test: one FAILED (0 s), two ok (0 s)");
		assert_eq!(
			steps.finish().unwrap_err().to_string(),
			"test failed in: one; the messages of the step above say why"
		);
	}
}
