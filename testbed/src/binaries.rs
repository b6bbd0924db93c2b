//! Where the programs under test are.

use std::{
	env,
	ffi::OsString,
	path::{Path, PathBuf},
};

/// A program of this project.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Binary {
	/// `spb-node`.
	Node,
	/// `spb`.
	Cli,
	/// `spb-demo`.
	Demo,
	/// `spb-evaluate`.
	Evaluate,
	/// `spb-node-hostile`: a node that misbehaves.
	Hostile,
}

/// A program is not where it should be.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
	"there is no {name} at {}: build it with `{command}`, or name it in {variable}",
	path.display()
)]
pub struct MissingBinary {
	/// Its name.
	pub name: &'static str,
	/// What builds it.
	pub command: &'static str,
	/// The environment variable that can name it.
	pub variable: &'static str,
	/// Where it was looked for.
	pub path: PathBuf,
}

impl Binary {
	/// Its file name.
	pub fn name(self) -> &'static str {
		match self {
			Self::Node => "spb-node",
			Self::Cli => "spb",
			Self::Demo => "spb-demo",
			Self::Evaluate => "spb-evaluate",
			Self::Hostile => "spb-node-hostile",
		}
	}

	/// What builds it.
	fn command(self) -> &'static str {
		match self {
			Self::Hostile => {
				"cargo build --release --workspace --bin spb-node-hostile \
				 --features spb-node/misbehaviour"
			},
			_ => "cargo xtask build",
		}
	}

	/// The environment variable that can name it.
	pub fn variable(self) -> &'static str {
		match self {
			Self::Node => "SPB_NODE",
			Self::Cli => "SPB_CLI",
			Self::Demo => "SPB_DEMO",
			Self::Evaluate => "SPB_EVALUATE",
			Self::Hostile => "SPB_NODE_HOSTILE",
		}
	}

	/// Where it is: where its variable says, else in the target folder of the running program.
	pub fn find(self) -> Result<PathBuf, MissingBinary> {
		let own = env::current_exe().unwrap_or_default();
		let path = self.place(env::var_os(self.variable()), &own);
		if path.is_file() {
			return Ok(path);
		}
		let (name, command, variable) = (self.name(), self.command(), self.variable());
		Err(MissingBinary { name, command, variable, path })
	}

	fn place(self, named: Option<OsString>, own: &Path) -> PathBuf {
		if let Some(named) = named.filter(|named| !named.is_empty()) {
			return named.into();
		}
		let folder = own.parent().unwrap_or(Path::new("."));
		// Tests lie one folder below the programs.
		let folder = match folder.file_name() {
			Some(name) if name == "deps" => folder.parent().unwrap_or(folder),
			_ => folder,
		};
		folder.join(self.name())
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_named_program_should_be_taken() {
		let own = Path::new("/t/release/deps/tests-1");
		assert_eq!(Binary::Node.place(Some("/n".into()), own), Path::new("/n"));
		assert_eq!(Binary::Node.place(Some("".into()), own), Path::new("/t/release/spb-node"));
	}

	#[test]
	fn programs_should_be_found_beside_tests_and_beside_programs() {
		for own in ["/t/release/deps/tests-1", "/t/release/spb-demo"] {
			let found = Binary::Cli.place(None, Path::new(own));
			assert_eq!(found, Path::new("/t/release/spb"));
		}
	}
}
