//! Where things are: the repository and the folder that cargo compiles into.

use std::{
	env, fmt,
	path::{Path, PathBuf},
};

/// The repository and its target folder.
#[derive(Debug, Clone)]
pub struct Workspace {
	/// The repository's root.
	pub root: PathBuf,
	/// Where cargo puts what it compiles: `CARGO_TARGET_DIR`, else `target` in the repository.
	pub target: PathBuf,
}

/// The repository was not found.
#[derive(Debug)]
pub struct WorkspaceError;

impl fmt::Display for WorkspaceError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "this is not inside the SPB repository: change into it and run cargo xtask there")
	}
}

impl std::error::Error for WorkspaceError {}

impl Workspace {
	/// Finds the repository around this crate, as cargo names it, or around the current folder.
	///
	/// Nothing is taken from the time of compilation: clones may share a target folder, and with it
	/// this binary.
	pub fn find() -> Result<Self, WorkspaceError> {
		let here = env::current_dir().map_err(|_| WorkspaceError)?;
		let root = env::var_os("CARGO_MANIFEST_DIR")
			.and_then(|folder| root_around(Path::new(&folder)))
			.or_else(|| root_around(&here))
			.ok_or(WorkspaceError)?;
		let target = match env::var_os("CARGO_TARGET_DIR") {
			Some(folder) if !folder.is_empty() => here.join(folder),
			_ => root.join("target"),
		};
		Ok(Self { root, target })
	}

	/// A compiled binary.
	pub fn binary(&self, name: &str) -> PathBuf {
		self.target.join("release").join(name)
	}

	/// A tool that set-up has fetched and nobody has installed.
	pub fn tool(&self, name: &str) -> PathBuf {
		self.target.join("tools").join(name)
	}
}

fn root_around(folder: &Path) -> Option<PathBuf> {
	folder
		.ancestors()
		.find(|folder| {
			folder.join("Cargo.toml").is_file() && folder.join("xtask/Cargo.toml").is_file()
		})
		.map(Path::to_owned)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_repository_should_be_found_from_any_folder_inside() {
		let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
		let root = crate_folder.parent().unwrap();
		for inside in [root, crate_folder, &crate_folder.join("src/setup")] {
			assert_eq!(root_around(inside).as_deref(), Some(root));
		}
		assert_eq!(root_around(Path::new("/")), None);
	}
}
