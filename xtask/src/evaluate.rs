//! `cargo xtask evaluate`: build, then the paper's evaluation against its baseline.

use crate::{
	build,
	process::{self, Output, ProcessError},
	setup::{self, Purpose, SetupError},
	test::npm,
	workspace::Workspace,
};
use std::{
	fmt,
	num::NonZeroU32,
	path::{self, PathBuf},
	process::Command,
};

/// Where the figures of the repository are.
const FIGURES: &str = "docs/evaluation";
/// Where those of a quick evaluation go, wherever cargo compiles to.
const QUICK_FIGURES: &str = "target/evaluation";
/// The EVM yardstick.
pub const EVM: &str = "evaluation/evm";

/// What to evaluate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
	/// Single trades of each way.
	pub runs: Option<NonZeroU32>,
	/// Validators.
	pub validators: Option<NonZeroU32>,
	/// Trades offered at once, ascending.
	pub sizes: Vec<NonZeroU32>,
	/// A little of everything.
	pub quick: bool,
	/// The EVM yardstick too.
	pub evm: bool,
	/// Nothing of an earlier session.
	pub fresh: bool,
	/// Another node than the one that is built.
	pub node: Option<PathBuf>,
	/// Another folder for the results.
	pub out: Option<PathBuf>,
}

impl Options {
	/// The arguments of the evaluation that follow from these, as people type them too.
	fn arguments(&self) -> Vec<String> {
		let mut arguments = Vec::new();
		let mut add = |name: &str, value: Option<String>| {
			if let Some(value) = value {
				arguments.extend([name.to_owned(), value]);
			}
		};
		add("--runs", self.runs.map(|runs| runs.to_string()));
		add("--validators", self.validators.map(|validators| validators.to_string()));
		let sizes: Vec<String> = self.sizes.iter().map(NonZeroU32::to_string).collect();
		add("--sizes", (!sizes.is_empty()).then(|| sizes.join(",")));
		for (name, given) in [("--quick", self.quick), ("--evm", self.evm), ("--fresh", self.fresh)]
		{
			arguments.extend(given.then(|| name.to_owned()));
		}
		arguments
	}

	/// What people type for this.
	fn command(&self) -> String {
		let mut words = vec!["cargo xtask evaluate".to_owned()];
		words.extend(self.arguments());
		for (name, path) in [("--node", &self.node), ("--out", &self.out)] {
			words.extend(path.iter().map(|path| format!("{name} {}", path.display())));
		}
		words.join(" ")
	}
}

/// Why there was no evaluation, or not to its end.
#[derive(Debug)]
pub enum EvaluateError {
	/// Something is missing that cannot be installed.
	Setup(SetupError),
	/// The build failed.
	Build(ProcessError),
	/// The evaluation itself failed.
	Failed(ProcessError),
}

impl EvaluateError {
	/// What the evaluation itself ended with, and else 1.
	pub fn exit_code(&self) -> u8 {
		match self {
			Self::Failed(ProcessError::Failed { status, .. }) => process::exit_code(*status),
			_ => 1,
		}
	}
}

impl fmt::Display for EvaluateError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Setup(error) => error.fmt(f),
			Self::Build(error) | Self::Failed(error) => error.fmt(f),
		}
	}
}

impl std::error::Error for EvaluateError {
	fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
		match self {
			Self::Setup(error) => Some(error),
			Self::Build(error) | Self::Failed(error) => Some(error),
		}
	}
}

/// Evaluates. The whole evaluation measures a node that is optimised and writes the figures of the
/// repository; a quick one, or one of another node or into another folder, leaves these alone.
pub fn run(workspace: &Workspace, options: &Options) -> Result<(), EvaluateError> {
	let purpose = if options.evm { Purpose::Test } else { Purpose::Build };
	let toolchain = setup::ensure(workspace, purpose).map_err(EvaluateError::Setup)?;
	let build = if options.quick { build::run } else { build::measured };
	build(workspace, toolchain).map_err(EvaluateError::Build)?;
	let programs = workspace.target.join("release");
	let node = match &options.node {
		// It is relative to where the user is.
		Some(node) => path::absolute(node).unwrap_or_else(|_| node.clone()),
		None => programs.join("spb-node"),
	};
	if options.evm {
		// Only to have its packages there.
		npm(workspace, EVM, &Output::Shared).map_err(EvaluateError::Build)?;
	}
	let own = !options.quick && options.node.is_none() && options.out.is_none();
	let out = match &options.out {
		Some(out) => path::absolute(out).unwrap_or_else(|_| out.clone()),
		None if own => workspace.root.join(FIGURES),
		None => workspace.root.join(QUICK_FIGURES),
	};
	let mut evaluate = Command::new(programs.join("spb-evaluate"));
	evaluate
		.current_dir(&workspace.root)
		.arg("--node")
		.arg(node)
		.arg("--root")
		.arg(&workspace.root)
		.arg("--out")
		.arg(out)
		.args(options.arguments())
		.args(own.then_some("--readme"))
		.env("SPB_COMMAND", options.command());
	process::run(&mut evaluate).map_err(EvaluateError::Failed)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn options_should_be_passed_on_as_people_type_them() {
		let number = |number: u32| NonZeroU32::new(number).unwrap();
		let options = Options {
			runs: Some(number(5)),
			validators: Some(number(3)),
			sizes: [10, 20].map(number).to_vec(),
			quick: true,
			fresh: true,
			..Options::default()
		};
		let typed = "cargo xtask evaluate --runs 5 --validators 3 --sizes 10,20 --quick --fresh";
		assert_eq!(options.command(), typed);
		assert_eq!(Options::default().command(), "cargo xtask evaluate");
		let other = Options { node: Some("a/spb-node".into()), ..Options::default() };
		assert_eq!(other.command(), "cargo xtask evaluate --node a/spb-node");
	}
}
