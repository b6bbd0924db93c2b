//! Set-up: what the workspace needs from the machine, found, reported and installed.
//!
//! [`parts`] names what is needed and for what, [`probe`] looks for it, [`plan`] decides what to do
//! about it without touching anything, [`install`] does it. The loop here runs them against a
//! [`Machine`], so that the decisions are tested against a recording one.

mod install;
mod parts;
mod plan;
mod probe;

pub use parts::Purpose;
pub use probe::promtool;

use crate::{toolchain::Toolchain, workspace::Workspace};
use install::Step;
use parts::Part;
use plan::{Found, Means, Plan, Tried};
use std::fmt;

/// What set-up does to a computer.
trait Machine {
	/// Looks at what is there.
	fn probe(&self, purpose: Purpose) -> Found;
	/// Looks at how things could be installed.
	fn means(&self) -> Means;
	/// Says what is going to happen.
	fn announce(&self, line: &str);
	/// Installs something. Whether it worked shows when the machine is probed again.
	fn perform(&mut self, step: &Step);
}

/// What is missing and could not be installed.
#[derive(Debug, PartialEq, Eq)]
pub struct SetupError {
	missing: Vec<Part>,
	advice: Vec<String>,
}

impl fmt::Display for SetupError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "missing: {}. To get it:", names(&self.missing))?;
		for line in &self.advice {
			write!(f, "\n    {line}")?;
		}
		write!(f, "\nthen run the same command again.")
	}
}

impl std::error::Error for SetupError {}

/// Installs what is missing for a purpose and returns the Rust to compile with.
///
/// Where everything is there, nothing is run but a few questions to the tools themselves.
pub fn ensure(workspace: &Workspace, purpose: Purpose) -> Result<Toolchain, SetupError> {
	let toolchain = prepare(&mut install::ThisMachine::new(workspace), purpose)?;
	if toolchain == Toolchain::Debian {
		install::drop_stale_runtimes(workspace);
	}
	Ok(toolchain)
}

/// Reports what is there and what is missing, one line each.
pub fn doctor(workspace: &Workspace) -> Result<(), SetupError> {
	let machine = install::ThisMachine::new(workspace);
	let found = machine.probe(Purpose::Everything);
	let means = machine.means();
	let missing = plan::missing(Purpose::Everything, &found);
	for part in Purpose::Everything.parts() {
		if missing.contains(part) {
			let advice = plan::advice(&[*part], &found, &means).join("; or ");
			println!("missing  {:width$}  {advice}", part.name(), width = Part::NAME_WIDTH);
		} else {
			let detail = probe::detail(*part, &found);
			println!("found    {:width$}  {detail}", part.name(), width = Part::NAME_WIDTH);
		}
	}
	if missing.is_empty() {
		return Ok(());
	}
	Err(SetupError { missing, advice: vec!["cargo xtask setup".to_owned()] })
}

fn prepare(machine: &mut impl Machine, purpose: Purpose) -> Result<Toolchain, SetupError> {
	let mut tried = Tried::default();
	loop {
		let found = machine.probe(purpose);
		let missing = plan::missing(purpose, &found);
		match found.toolchain() {
			Some(toolchain) if missing.is_empty() => return Ok(toolchain),
			_ => (),
		}
		match plan::plan(&missing, &found, &machine.means(), &mut tried) {
			Plan::Install(steps) => {
				machine.announce(&format!("set-up: missing: {}", names(&missing)));
				for step in &steps {
					machine.announce(&format!("set-up: going to {step}"));
				}
				for step in &steps {
					machine.perform(step);
				}
			},
			Plan::Stuck(advice) => return Err(SetupError { missing, advice }),
		}
	}
}

fn names(parts: &[Part]) -> String {
	parts.iter().map(|part| part.name()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
