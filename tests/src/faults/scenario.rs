//! A scenario, and what it knows while it is played.

use super::{report::Refusal, Failure, Kind, Outcome, Result};
use futures::future::BoxFuture;
use std::{
	path::{Path, PathBuf},
	time::{Duration, Instant},
};
use tokio::task::JoinError;

/// How long a scenario may take before it counts as failed; the longest waits for thousands of
/// blocks.
const LIMIT: Duration = Duration::from_secs(45 * 60);

/// A scenario.
#[derive(Clone, Copy)]
pub struct Scenario {
	/// Its name.
	pub name: &'static str,
	/// What it does to the chain.
	pub kind: Kind,
	/// Whether it runs with the other tests.
	pub selected: bool,
	/// Plays it.
	pub play: for<'a> fn(&'a mut Trial) -> BoxFuture<'a, Result<()>>,
}

/// A scenario that is being played.
#[derive(Debug)]
pub struct Trial {
	/// What is known so far.
	pub outcome: Outcome,
	shared: PathBuf,
	folder: tempfile::TempDir,
	begun: Instant,
}

impl Trial {
	/// Says what is happening.
	pub fn say(&self, text: impl AsRef<str>) {
		let seconds = self.begun.elapsed().as_secs();
		println!("{seconds:>6} s  {}: {}", self.outcome.name, text.as_ref());
	}

	/// Notes that the attack was really made, or that the fault really happened, and how that shows.
	pub fn attempted(&mut self, evidence: impl Into<String>) {
		self.outcome.attempted = true;
		self.note(evidence);
	}

	/// Notes what stopped the attack, and which metric or what else shows it.
	pub fn refused_by(
		&mut self,
		rule: impl Into<String>,
		reason: impl Into<String>,
		shown_by: impl Into<String>,
	) {
		let (rule, reason, shown_by) = (rule.into(), reason.into(), shown_by.into());
		self.outcome.refused_by = Some(Refusal { rule, reason, shown_by });
	}

	/// Notes something else that was measured.
	pub fn note(&mut self, evidence: impl Into<String>) {
		let evidence = evidence.into();
		self.say(&evidence);
		self.outcome.evidence.push(evidence);
	}

	/// A folder that goes with the trial.
	pub fn folder(&self) -> &Path {
		self.folder.path()
	}

	/// Where what scenarios share is kept.
	pub fn shared(&self) -> &Path {
		&self.shared
	}
}

impl Scenario {
	/// Plays it to its end, whatever that is; `shared` is where what scenarios share is kept.
	pub async fn run(self, shared: &Path) -> Outcome {
		let begun = Instant::now();
		let shared = shared.to_owned();
		// A task of its own, so that a panic ends nothing else.
		let mut playing = tokio::spawn(async move {
			let outcome = Outcome::of(self.name, self.kind);
			let folder = tempfile::tempdir()?;
			let mut trial = Trial { outcome, shared, folder, begun };
			let result = (self.play)(&mut trial).await;
			trial.outcome.error = result.err().map(|error| error.to_string());
			Ok::<_, Failure>(trial.outcome)
		});
		let played = tokio::time::timeout(LIMIT, &mut playing).await;
		let played = match played {
			Ok(played) => played
				.map_err(why_it_died)
				.and_then(|played| played.map_err(|error| error.to_string())),
			Err(_) => {
				playing.abort();
				// Its processes end with it.
				let _ = playing.await;
				Err(format!("it did not end within {} s", LIMIT.as_secs()))
			},
		};
		let mut outcome = played.unwrap_or_else(|error| Outcome {
			error: Some(error),
			..Outcome::of(self.name, self.kind)
		});
		outcome.seconds = begun.elapsed().as_secs();
		outcome.judge();
		outcome
	}
}

fn why_it_died(error: JoinError) -> String {
	let Ok(panic) = error.try_into_panic() else { return "it was stopped".into() };
	let said = panic.downcast_ref::<String>().map(String::as_str);
	said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
}

#[cfg(test)]
mod tests {
	use super::*;

	async fn outcome(play: for<'a> fn(&'a mut Trial) -> BoxFuture<'a, Result<()>>) -> Outcome {
		let scenario = Scenario { name: "x", kind: Kind::Fault, selected: false, play };
		scenario.run(Path::new(".")).await
	}

	#[tokio::test]
	async fn a_scenario_that_fails_or_panics_should_become_an_outcome() {
		let failed = outcome(|trial| {
			Box::pin(async move {
				trial.attempted("it was seen");
				Err("no node".into())
			})
		});
		let failed = failed.await;
		assert!(failed.attempted && !failed.passed);
		assert_eq!(failed.error.as_deref(), Some("no node"));
		let panicked = outcome(|_| Box::pin(async { panic!("on {}", "purpose") })).await;
		assert_eq!(panicked.error.as_deref(), Some("on purpose"));
		assert!(!panicked.passed);
	}

	#[tokio::test]
	async fn a_scenario_that_measures_nothing_should_not_pass() {
		assert!(!outcome(|_| Box::pin(async { Ok(()) })).await.passed);
	}
}
