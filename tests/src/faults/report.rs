//! What is told of scenarios: a line each, and a list in JSON. That of all scenarios is in a file of its
//! own, which no test run that plays some of them overwrites.

use serde::Serialize;
use std::{
	env, fmt, fs, io,
	path::{Path, PathBuf},
};

/// Where reports go, in the repository, wherever cargo compiles to.
const FOLDER: &str = "target/faults";

/// How many scenarios a report is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
	/// All of them.
	Whole,
	/// Those that run with the other tests, or were asked for by name.
	Selection,
}

impl Extent {
	/// The report's file.
	fn file(self) -> &'static str {
		match self {
			Self::Whole => "report.json",
			Self::Selection => "selection.json",
		}
	}
}

/// What a scenario does to the chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
	/// Someone cheats.
	Attack,
	/// Something breaks.
	Fault,
}

/// What stopped an attack.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Refusal {
	/// The rule of the design.
	pub rule: String,
	/// What was wrong, by the name that the protocol has for it.
	pub reason: String,
	/// How that shows: the metric of the honest nodes that counts it, or what it was concluded from.
	pub shown_by: String,
}

/// What came of a scenario, all of it measured.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Outcome {
	/// The scenario.
	pub name: &'static str,
	/// What it does to the chain.
	pub kind: Kind,
	/// Whether the attack was really made, or the fault really happened.
	pub attempted: bool,
	/// What stopped an attack.
	pub refused_by: Option<Refusal>,
	/// Whether all is as it should be.
	pub passed: bool,
	/// Whether every honest node had the header's root at every height that was looked at.
	pub roots_equal: bool,
	/// Whether all money and all energy is where it belongs.
	pub money_conserved: bool,
	/// From the end of the fault or attack until a block made after it was final on all honest nodes.
	pub finalized_after_s: Option<f64>,
	/// How it shows that the attack was made or the fault happened, and what else was measured.
	pub evidence: Vec<String>,
	/// What went wrong.
	pub error: Option<String>,
	/// How long the scenario took.
	pub seconds: u64,
}

impl Outcome {
	/// Nothing is known yet.
	pub fn of(name: &'static str, kind: Kind) -> Self {
		Self {
			name,
			kind,
			attempted: false,
			refused_by: None,
			passed: false,
			roots_equal: false,
			money_conserved: false,
			finalized_after_s: None,
			evidence: Vec::new(),
			error: None,
			seconds: 0,
		}
	}

	/// Decides whether the scenario has passed: only here, and from what was measured.
	pub fn judge(&mut self) {
		self.passed = self.attempted
			&& self.roots_equal
			&& self.money_conserved
			&& self.finalized_after_s.is_some()
			&& (self.kind == Kind::Fault || self.refused_by.is_some())
			&& self.error.is_none();
	}
}

impl fmt::Display for Outcome {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let says = |holds: bool| if holds { "yes" } else { "NO" };
		let kind = match self.kind {
			Kind::Attack => "attack",
			Kind::Fault => "fault",
		};
		let verdict = if self.passed { "passed" } else { "FAILED" };
		write!(f, "{verdict}  {kind:<6}  {:<28}", self.name)?;
		write!(f, "  attempted {:<3}", says(self.attempted))?;
		match &self.refused_by {
			Some(Refusal { rule, reason, .. }) => write!(f, "  refused by {rule} {reason}")?,
			None if self.kind == Kind::Attack => write!(f, "  refused by NOTHING")?,
			None => {},
		}
		write!(f, "  roots equal {:<3}", says(self.roots_equal))?;
		write!(f, "  money exact {:<3}", says(self.money_conserved))?;
		match self.finalized_after_s {
			Some(seconds) => write!(f, "  final after {seconds:.1} s")?,
			None => write!(f, "  NOT final")?,
		}
		write!(f, "  ({} s)", self.seconds)?;
		match &self.error {
			Some(error) => write!(f, "\n        {}", error.replace('\n', "\n        ")),
			None => Ok(()),
		}
	}
}

/// Where a report goes; fails outside the repository.
pub fn place(extent: Extent) -> io::Result<PathBuf> {
	Ok(folder()?.join(extent.file()))
}

/// Where reports go, and logs beside them; fails outside the repository.
pub fn folder() -> io::Result<PathBuf> {
	let here = match env::var_os("CARGO_MANIFEST_DIR") {
		Some(folder) => PathBuf::from(folder),
		None => env::current_dir()?,
	};
	let root = here.ancestors().find(|folder| folder.join("xtask/Cargo.toml").is_file());
	let lost =
		|| io::Error::other("run it inside the repository, so that it knows where to report");
	Ok(root.ok_or_else(lost)?.join(FOLDER))
}

/// Writes the report.
pub fn write(path: &Path, outcomes: &[Outcome]) -> io::Result<()> {
	if let Some(folder) = path.parent() {
		fs::create_dir_all(folder)?;
	}
	let mut text = serde_json::to_string_pretty(outcomes)?;
	text.push('\n');
	fs::write(path, text)
}

#[cfg(test)]
mod tests {
	use super::*;

	fn good(kind: Kind) -> Outcome {
		let refusal =
			Refusal { rule: "R4".into(), reason: "RootMismatch".into(), shown_by: "x".into() };
		let mut outcome = Outcome {
			attempted: true,
			refused_by: Some(refusal),
			roots_equal: true,
			money_conserved: true,
			finalized_after_s: Some(1.0),
			..Outcome::of("x", kind)
		};
		outcome.judge();
		outcome
	}

	#[test]
	fn every_measure_should_be_able_to_fail_a_scenario() {
		assert!(good(Kind::Attack).passed && good(Kind::Fault).passed);
		let broken: [fn(&mut Outcome); 6] = [
			|outcome| outcome.attempted = false,
			|outcome| outcome.refused_by = None,
			|outcome| outcome.roots_equal = false,
			|outcome| outcome.money_conserved = false,
			|outcome| outcome.finalized_after_s = None,
			|outcome| outcome.error = Some("x".into()),
		];
		for break_it in broken {
			let mut outcome = good(Kind::Attack);
			break_it(&mut outcome);
			outcome.judge();
			assert!(!outcome.passed && outcome.to_string().contains("FAILED"), "{outcome}");
		}
	}

	#[test]
	fn the_report_should_have_the_keys_that_others_rely_on() {
		let json = serde_json::to_value(good(Kind::Attack)).unwrap();
		for key in [
			"name",
			"kind",
			"attempted",
			"refused_by",
			"passed",
			"roots_equal",
			"money_conserved",
			"finalized_after_s",
		] {
			assert!(json.get(key).is_some(), "{key}");
		}
		assert_eq!(json["kind"], "attack");
		assert!(serde_json::to_value(good(Kind::Fault)).unwrap()["refused_by"].is_object());
	}

	#[test]
	fn the_report_should_be_in_the_repository() {
		let place = place(Extent::Whole).unwrap();
		assert!(place.ends_with("target/faults/report.json"));
		assert!(place.ancestors().nth(3).unwrap().join("tests/Cargo.toml").is_file());
	}

	#[test]
	fn a_selection_should_not_overwrite_the_report_on_everything() {
		let selection = place(Extent::Selection).unwrap();
		assert!(selection.ends_with("target/faults/selection.json"));
		assert_ne!(selection, place(Extent::Whole).unwrap());
	}
}
