//! Commands of several steps: say which one runs, and in the end how each went.
//!
//! Steps that mostly wait may run side by side; what each of them prints is then printed whole when it
//! ends.

use crate::process::{Output, ProcessError};
use std::{
	fmt,
	fs::{self, File},
	io::{self, Write as _},
	path::{Path, PathBuf},
	sync::mpsc,
	thread,
	time::{Duration, Instant},
};

/// The steps of a command, as they are run.
pub struct Steps {
	command: &'static str,
	total: usize,
	done: Vec<(&'static str, Outcome, Duration)>,
}

/// What a step does, whose programs write where they are told.
type Job<'a> = Box<dyn FnOnce(&Output) -> Result<(), ProcessError> + Send + 'a>;

/// A step of those that run side by side.
pub struct Step<'a> {
	name: &'static str,
	job: Job<'a>,
}

impl<'a> Step<'a> {
	/// A step whose programs write where they are told.
	pub fn new(
		name: &'static str,
		job: impl FnOnce(&Output) -> Result<(), ProcessError> + Send + 'a,
	) -> Self {
		Self { name, job: Box::new(job) }
	}

	/// What it is called.
	pub fn name(&self) -> &'static str {
		self.name
	}
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

	/// Runs a step alone and says whether it passed.
	pub fn run(
		&mut self,
		name: &'static str,
		step: impl FnOnce() -> Result<(), ProcessError>,
	) -> bool {
		println!("\n{}", self.title(name));
		let begin = Instant::now();
		let result = step();
		self.end(name, &result, begin.elapsed())
	}

	/// Runs lanes of steps side by side, those of a lane one after the other. What a step prints goes
	/// to a file of its own in `folder`, and is printed when the step ends.
	pub fn side_by_side(&mut self, folder: &Path, lanes: Vec<Vec<Step<'_>>>) {
		let names: Vec<&str> = lanes.iter().flatten().map(|step| step.name).collect();
		let place = folder.display();
		println!(
			"\n== {}: side by side, each writes to {place} until it ends: {}",
			self.command,
			names.join(", ")
		);
		let (sender, ended) = mpsc::channel();
		thread::scope(|scope| {
			for lane in lanes {
				let sender = sender.clone();
				scope.spawn(move || {
					for Step { name, job } in lane {
						let begin = Instant::now();
						let log = log_of(folder, name);
						let result = captured(&log, job);
						// Whoever listens does so until all lanes have ended.
						let _ = sender.send((name, log, result, begin.elapsed()));
					}
				});
			}
			drop(sender);
			for (name, log, result, time) in ended {
				println!("\n{} ({} s)", self.title(name), time.as_secs());
				let printed = print(&log);
				self.end(name, &result.and(printed), time);
			}
		});
	}

	/// Notes that a step was not run, and why.
	pub fn skip(&mut self, name: &'static str, why: &str) {
		println!("\n{}: skipped, {why}", self.title(name));
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

	/// What stands above the output of the next step.
	fn title(&self, name: &str) -> String {
		format!("== {} {}/{}: {name}", self.command, self.done.len() + 1, self.total)
	}

	fn end(
		&mut self,
		name: &'static str,
		result: &Result<(), ProcessError>,
		time: Duration,
	) -> bool {
		if let Err(error) = result {
			eprintln!("{name}: {error}");
		}
		let outcome = if result.is_ok() { Outcome::Passed } else { Outcome::Failed };
		self.done.push((name, outcome, time));
		result.is_ok()
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

fn log_of(folder: &Path, name: &str) -> PathBuf {
	folder.join(format!("{}.log", name.replace(' ', "-")))
}

/// Does a job whose output goes to a file.
fn captured(
	log: &Path,
	job: impl FnOnce(&Output) -> Result<(), ProcessError>,
) -> Result<(), ProcessError> {
	let folder = log.parent().unwrap_or(Path::new("."));
	let file = fs::create_dir_all(folder).and_then(|()| File::create(log));
	job(&Output::File(file.map_err(|source| ProcessError::Output { path: log.into(), source })?))
}

/// Prints a file whole.
fn print(log: &Path) -> Result<(), ProcessError> {
	let copied = File::open(log).and_then(|mut file| {
		let mut out = io::stdout().lock();
		io::copy(&mut file, &mut out)?;
		out.flush()
	});
	copied.map_err(|source| ProcessError::Output { path: log.into(), source })
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::process;
	use std::{env, process::Command, sync::Mutex};

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

	#[test]
	fn steps_side_by_side_should_overlap_and_keep_the_order_of_their_lane() {
		let folder = env::temp_dir().join(format!("spb-xtask-steps-{}", std::process::id()));
		let (sender, receiver) = mpsc::channel();
		let order = Mutex::new(Vec::new());
		let note = |name: &'static str| order.lock().unwrap().push(name);
		let lanes = vec![
			// Ends only when the other lane has got to its second step.
			vec![Step::new("waits", move |_| {
				receiver.recv_timeout(Duration::from_secs(60)).map_err(|_| failure())
			})],
			vec![
				Step::new("goes first", |output| {
					note("goes first");
					let mut echo = Command::new("echo");
					process::run_into(echo.arg("told"), output)?;
					Err(failure())
				}),
				Step::new("goes on", move |_| {
					note("goes on");
					sender.send(()).map_err(|_| failure())
				}),
			],
		];
		let mut steps = Steps::new("test", 3);
		steps.side_by_side(&folder, lanes);
		let told = fs::read_to_string(folder.join("goes-first.log"));
		fs::remove_dir_all(&folder).unwrap();
		assert_eq!(told.unwrap(), "told\n");
		assert_eq!(*order.lock().unwrap(), ["goes first", "goes on"]);
		let error = steps.finish().unwrap_err();
		assert_eq!(error.failed, ["goes first"]);
	}

	#[test]
	fn a_step_without_a_place_for_its_output_should_fail() {
		let mut steps = Steps::new("test", 1);
		let lane = vec![Step::new("one", |_| Ok(()))];
		steps.side_by_side(Path::new("/proc/no such folder"), vec![lane]);
		assert_eq!(steps.finish().unwrap_err().failed, ["one"]);
	}
}
