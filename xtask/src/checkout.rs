//! One target folder for several checkouts of the repository.
//!
//! Cargo names what it compiles by a crate's place inside the workspace, and takes it for fresh where no
//! source is newer. So what one checkout has compiled would pass for another's. Beside what it has compiled
//! cargo says of which files that was made (`*.d`): where they are another checkout's, everything here is
//! made newer first.

use crate::{
	process::{self, ProcessError},
	workspace::Workspace,
};
use std::{
	fs::{self, File},
	io,
	path::{Path, PathBuf},
	process::Command,
	time::SystemTime,
};

/// Where cargo says so, in the target folder: everything, lint, and what the evaluation measures.
const COMPILED: [&str; 3] = ["release", "lint/release", "production"];
/// Folders without sources.
const PASSED_OVER: [&str; 3] = [".git", "node_modules", "target"];

/// Runs a cargo that compiles the workspace: this checkout, whatever has been compiled before.
pub fn compile(workspace: &Workspace, cargo: &mut Command) -> Result<(), ProcessError> {
	claim(workspace)
		.map_err(|source| ProcessError::Unreadable { path: workspace.root.clone(), source })?;
	process::run(cargo)
}

/// Makes every source newer than what was compiled of another checkout; says whether there was any.
fn claim(workspace: &Workspace) -> io::Result<bool> {
	let mut foreign = Vec::new();
	for place in COMPILED {
		for note in files(&workspace.target.join(place))? {
			if is_foreign(&note, &workspace.root)? {
				foreign.push(note);
			}
		}
	}
	if foreign.is_empty() {
		return Ok(false);
	}
	touch(&workspace.root, SystemTime::now())?;
	// Cargo writes those anew that it still has. Last, so that an interrupted call begins again.
	for note in foreign {
		fs::remove_file(note)?;
	}
	Ok(true)
}

/// What is in a folder; nothing where it is not there.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
	match fs::read_dir(folder) {
		Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
		entries => entries?.map(|entry| Ok(entry?.path())).collect(),
	}
}

/// Whether a file is cargo's note of sources, and none of them is of this checkout.
fn is_foreign(note: &Path, root: &Path) -> io::Result<bool> {
	if note.extension().is_none_or(|extension| extension != "d") {
		return Ok(false);
	}
	let text = fs::read_to_string(note)?;
	let sources = text.split_once(": ").map_or("", |(_, sources)| sources);
	// Where a path has a space, cargo puts a backslash before it.
	let root = format!("{}/", root.display()).replace(' ', "\\ ");
	Ok(!format!(" {sources}").contains(&format!(" {root}")))
}

fn touch(folder: &Path, now: SystemTime) -> io::Result<()> {
	for entry in fs::read_dir(folder)? {
		let entry = entry?;
		let kind = entry.file_type()?;
		if kind.is_dir() && !PASSED_OVER.iter().any(|name| entry.file_name() == *name) {
			touch(&entry.path(), now)?;
		} else if kind.is_file() {
			File::open(entry.path())?.set_modified(now)?;
		}
	}
	Ok(())
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::{env, process, time::Duration};

	const SOURCE: &str = "crates/a b.rs";

	/// A checkout with a target folder inside, which go with the test.
	struct Checkout(Workspace);

	impl Checkout {
		fn new(name: &str) -> Self {
			let root = env::temp_dir().join(format!("spb-checkout {name}-{}", process::id()));
			let target = root.join("target");
			for folder in [root.join("crates"), root.join(".git"), target.join("lint/release")] {
				fs::create_dir_all(folder).unwrap();
			}
			fs::write(root.join(SOURCE), "").unwrap();
			fs::write(root.join(".git/x"), "").unwrap();
			Self(Workspace { root, target })
		}

		/// Cargo's note on what it has compiled of a source.
		fn note(&self, place: &str, source: &Path) -> PathBuf {
			let note = self.0.target.join(place);
			let path = |path: &Path| path.display().to_string().replace(' ', "\\ ");
			fs::create_dir_all(note.parent().unwrap()).unwrap();
			fs::write(&note, format!("{}: {}\n", path(&note), path(source))).unwrap();
			note
		}

		/// Makes the sources old; gives their time.
		fn age(&self) -> SystemTime {
			let old = SystemTime::now() - Duration::from_secs(1_000);
			touch(&self.0.root, old).unwrap();
			File::open(self.0.root.join(".git/x")).unwrap().set_modified(old).unwrap();
			old
		}

		fn time(&self, file: &str) -> SystemTime {
			fs::metadata(self.0.root.join(file)).unwrap().modified().unwrap()
		}
	}

	impl Drop for Checkout {
		fn drop(&mut self) {
			let _ = fs::remove_dir_all(&self.0.root);
		}
	}

	#[test]
	fn what_is_compiled_of_this_checkout_should_be_taken_over() {
		let checkout = Checkout::new("own");
		let note = checkout.note("release/libspb.d", &checkout.0.root.join(SOURCE));
		let old = checkout.age();
		assert!(!claim(&checkout.0).unwrap());
		assert_eq!(checkout.time(SOURCE), old);
		assert!(note.exists());
	}

	#[test]
	fn what_is_compiled_of_another_should_be_compiled_again() {
		for place in ["release/libspb.d", "lint/release/libspb.d", "production/spb.d"] {
			let checkout = Checkout::new("other");
			// Its name begins with that of this one.
			let other = format!("{}-2/{SOURCE}", checkout.0.root.display());
			let note = checkout.note(place, Path::new(&other));
			let old = checkout.age();
			assert!(claim(&checkout.0).unwrap());
			assert!(checkout.time(SOURCE) > old);
			assert_eq!(checkout.time(".git/x"), old);
			assert!(!note.exists());
			assert!(!claim(&checkout.0).unwrap());
		}
	}

	#[test]
	fn where_nothing_is_compiled_there_should_be_nothing_to_do() {
		let checkout = Checkout::new("none");
		fs::write(checkout.0.target.join("lint/release/libspb.rlib"), "/elsewhere").unwrap();
		assert!(!claim(&checkout.0).unwrap());
	}
}
