//! `cargo xtask chain-specs`: what `chain-specs/` holds, as the built node writes it, and the digest of
//! the sources that its runtime was built from.

use crate::{
	build,
	process::{self, ProcessError},
	setup::{self, Purpose, SetupError},
	workspace::Workspace,
};
use std::{
	fmt,
	fs::{self, File},
	io,
	path::{Path, PathBuf},
	process::Command,
};

/// Where they are.
const FOLDER: &str = "chain-specs";

/// The files, each with what it takes to make it.
const FILES: [(&str, &[&str]); 2] =
	[("local.json", &["--chain", "local"]), ("local-raw.json", &["--chain", "local", "--raw"])];

/// Of which sources their runtime was built; `sources/tests/fresh.rs` compares it.
const SOURCES: &str = "sources.digest";

/// Why the specifications were not written.
#[derive(Debug)]
pub enum ChainSpecsError {
	/// Something is missing that cannot be installed.
	Setup(SetupError),
	/// The build or the node failed.
	Process(ProcessError),
	/// The sources cannot be read.
	Sources(io::Error),
	/// A file cannot be written.
	Write {
		/// The file.
		path: PathBuf,
		/// Why.
		source: io::Error,
	},
}

impl fmt::Display for ChainSpecsError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Setup(error) => error.fmt(f),
			Self::Process(error) => error.fmt(f),
			Self::Sources(error) => write!(f, "cannot read the runtime's sources: {error}"),
			Self::Write { path, source } => {
				write!(f, "cannot write {} ({source}): make its folder writable", path.display())
			},
		}
	}
}

impl std::error::Error for ChainSpecsError {
	fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
		match self {
			Self::Setup(error) => Some(error),
			Self::Process(error) => Some(error),
			Self::Sources(error) => Some(error),
			Self::Write { source, .. } => Some(source),
		}
	}
}

/// Builds the node and has it write the specifications.
pub fn run(workspace: &Workspace) -> Result<(), ChainSpecsError> {
	let toolchain = setup::ensure(workspace, Purpose::Build).map_err(ChainSpecsError::Setup)?;
	// Taken before the build: what changes meanwhile may not be in it.
	let sources = spb_sources::of_runtime(&workspace.root).map_err(ChainSpecsError::Sources)?;
	build::run(workspace, toolchain).map_err(ChainSpecsError::Process)?;
	for (name, arguments) in FILES {
		let path = workspace.root.join(FOLDER).join(name);
		write(workspace, arguments, &path)?;
		println!("written: {}", path.display());
	}
	let path = workspace.root.join(FOLDER).join(SOURCES);
	fs::write(&path, format!("{sources}\n"))
		.map_err(|source| ChainSpecsError::Write { path: path.clone(), source })?;
	println!("written: {}", path.display());
	Ok(())
}

/// Has the node write one of them. What is there stays when the node fails.
fn write(workspace: &Workspace, arguments: &[&str], path: &Path) -> Result<(), ChainSpecsError> {
	let failed = |source| ChainSpecsError::Write { path: path.to_owned(), source };
	let unfinished = path.with_extension("unfinished");
	let file = File::create(&unfinished).map_err(failed)?;
	let mut node = Command::new(workspace.binary("spb-node"));
	node.args(["build-spec", "--disable-default-bootnode"]).args(arguments).stdout(file);
	process::run(&mut node).map_err(ChainSpecsError::Process)?;
	fs::rename(&unfinished, path).map_err(failed)
}
