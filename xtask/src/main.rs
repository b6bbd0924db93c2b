//! Set-up, build, demo, tests, faults, evaluation and lint: what `cargo xtask` runs.
//!
//! Each command is a module with a `run` function. What they share: [`workspace`] knows the paths,
//! [`toolchain`] the one Rust that compiles everything, [`setup`] finds and installs what is
//! missing, [`process`] runs other programs. There are no dependencies outside the workspace,
//! so that this compiles in seconds, before any set-up, with any stable Rust of the workspace's
//! `rust-version`.
//!
//! Exit codes: 0 done, 1 failed or something missing, 2 bad arguments or malformed readings; `demo`
//! and `evaluate` forward the exit code of what they run.

mod args;
mod build;
mod chain_specs;
mod checkout;
mod demo;
mod evaluate;
mod faults;
mod lint;
mod process;
mod setup;
mod steps;
mod test;
mod toolchain;
mod workspace;

use args::Command;
use setup::Purpose;
use std::{fmt, process::ExitCode};
use workspace::Workspace;

fn main() -> ExitCode {
	let result = args::parse(std::env::args_os().skip(1))
		.map_err(Error::from)
		.and_then(|command| run(&command));
	match result {
		Ok(()) => ExitCode::SUCCESS,
		Err(error) => {
			eprintln!("{error}");
			ExitCode::from(error.exit_code())
		},
	}
}

fn run(command: &Command) -> Result<(), Error> {
	if let Command::Help = command {
		print!("{}", args::HELP);
		return Ok(());
	}
	let workspace = Workspace::find()?;
	// What is evaluated is a node that starts as it is shipped.
	if !matches!(command, Command::Evaluate(_)) {
		keep_runtimes(&workspace);
	}
	match command {
		Command::Help => Ok(()),
		Command::Doctor => Ok(setup::doctor(&workspace)?),
		Command::Setup => {
			let toolchain = setup::ensure(&workspace, Purpose::Everything)?;
			println!("set-up: everything is there; Rust is {toolchain}");
			Ok(())
		},
		Command::Build(options) => {
			let toolchain = setup::ensure(&workspace, Purpose::Build)?;
			match options.production {
				true => Ok(build::production(&workspace, toolchain)?),
				false => Ok(build::run(&workspace, toolchain)?),
			}
		},
		Command::Demo(options) => Ok(demo::run(&workspace, options)?),
		Command::Test(options) => Ok(test::run(&workspace, *options)?),
		Command::Faults => Ok(faults::run(&workspace)?),
		Command::Evaluate(options) => Ok(evaluate::run(&workspace, options)?),
		Command::Lint => Ok(lint::run(&workspace)?),
		Command::ChainSpecs => Ok(chain_specs::run(&workspace)?),
	}
}

/// Tells the nodes that are started below to compile each runtime once among them, unless the caller has said
/// where.
fn keep_runtimes(workspace: &Workspace) {
	const VARIABLE: &str = "SPB_RUNTIME_CACHE";
	if std::env::var_os(VARIABLE).is_none() {
		std::env::set_var(VARIABLE, workspace.binary("spb-node").with_file_name("runtime-cache"));
	}
}

/// Why a command did not succeed.
#[derive(Debug)]
enum Error {
	Usage(args::UsageError),
	Workspace(workspace::WorkspaceError),
	Setup(setup::SetupError),
	Process(process::ProcessError),
	Demo(demo::DemoError),
	Evaluate(evaluate::EvaluateError),
	ChainSpecs(chain_specs::ChainSpecsError),
	NotRoot(faults::NotRoot),
	Steps(steps::StepsError),
}

impl Error {
	fn exit_code(&self) -> u8 {
		match self {
			Self::Usage(_) => 2,
			Self::Demo(error) => error.exit_code(),
			Self::Evaluate(error) => error.exit_code(),
			_ => 1,
		}
	}
}

impl fmt::Display for Error {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			// Begins with the place in the file, where editors and people look for it.
			Self::Demo(error @ demo::DemoError::Readings(_)) => error.fmt(f),
			Self::Usage(error) => write!(f, "error: {error}"),
			Self::Workspace(error) => write!(f, "error: {error}"),
			Self::Setup(error) => write!(f, "error: {error}"),
			Self::Process(error) => write!(f, "error: {error}"),
			Self::Demo(error) => write!(f, "error: {error}"),
			Self::Evaluate(error) => write!(f, "error: {error}"),
			Self::ChainSpecs(error) => write!(f, "error: {error}"),
			Self::NotRoot(error) => write!(f, "error: {error}"),
			Self::Steps(error) => write!(f, "error: {error}"),
		}
	}
}

impl From<args::UsageError> for Error {
	fn from(error: args::UsageError) -> Self {
		Self::Usage(error)
	}
}

impl From<workspace::WorkspaceError> for Error {
	fn from(error: workspace::WorkspaceError) -> Self {
		Self::Workspace(error)
	}
}

impl From<setup::SetupError> for Error {
	fn from(error: setup::SetupError) -> Self {
		Self::Setup(error)
	}
}

impl From<process::ProcessError> for Error {
	fn from(error: process::ProcessError) -> Self {
		Self::Process(error)
	}
}

impl From<demo::DemoError> for Error {
	fn from(error: demo::DemoError) -> Self {
		Self::Demo(error)
	}
}

impl From<evaluate::EvaluateError> for Error {
	fn from(error: evaluate::EvaluateError) -> Self {
		Self::Evaluate(error)
	}
}

impl From<chain_specs::ChainSpecsError> for Error {
	fn from(error: chain_specs::ChainSpecsError) -> Self {
		Self::ChainSpecs(error)
	}
}

impl From<steps::StepsError> for Error {
	fn from(error: steps::StepsError) -> Self {
		Self::Steps(error)
	}
}
