//! Where things come from. [`origin`] says of a measurement when, on what and of which commit it was made.
//!
//! The digests say whether what was made of sources, and is kept beside them, is stale: the chain
//! specifications hold the runtime, and the weights are what its calls cost. Both are made by hand; a digest
//! over the sources that they were made of goes with them, and `tests/fresh.rs` compares it.
//!
//! What counts is what may change the result: `.rs`, `.toml` and `.lock` files, but no tests. A comment
//! counts too. The digest is 128-bit FNV-1a, which is no protection against anyone who wants it to be the
//! same.

pub mod origin;

pub use origin::{Origin, UNKNOWN};

use std::{
	collections::BTreeMap,
	fs, io,
	path::{Path, PathBuf},
};

/// What FNV-1a begins with.
const BEGINNING: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
/// What it multiplies by.
const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

/// Names of folders and files that say nothing about the result.
const PASSED_OVER: [&str; 4] = ["target", "tests", "tests.rs", "examples"];
/// Where measured weights are, in the folder of their crate.
pub const MEASURED: &str = "src/weights/measured.rs";

/// The digest that a chain specification is made from, for a repository at `root`: of the runtime and of
/// all that it is made of.
pub fn of_runtime(root: &Path) -> io::Result<String> {
	digest(root, &["runtime", "pallets", "primitives", "Cargo.lock"], None)
}

/// The crate whose weights were measured under this name, as a folder from the root on.
pub fn measured_crate(name: &str) -> String {
	match name.strip_prefix("pallet_") {
		Some(pallet) => format!("pallets/{pallet}"),
		None => name.to_owned(),
	}
}

/// The digest that the weights of a crate, named by its folder, are measured of: of a pallet's sources and
/// benchmarks, but for the weights themselves; of what makes the runtime's transactions.
pub fn of_weights(root: &Path, folder: &str) -> io::Result<String> {
	let source = |file: &str| format!("{folder}/src{file}");
	let places = match folder {
		"runtime" => vec![source("/lib.rs"), source("/overhead.rs")],
		_ => vec![source("")],
	};
	let places: Vec<_> = places.iter().map(String::as_str).collect();
	digest(root, &places, Some(&format!("{folder}/{MEASURED}")))
}

/// The digest of the sources in these files and folders, as 32 hexadecimal digits.
fn digest(root: &Path, places: &[&str], without: Option<&str>) -> io::Result<String> {
	let mut files = BTreeMap::new();
	for place in places {
		collect(&root.join(place), place, &mut files)?;
	}
	let mut hash = BEGINNING;
	let mut add = |bytes: &[u8]| {
		for byte in bytes {
			hash = (hash ^ u128::from(*byte)).wrapping_mul(PRIME);
		}
	};
	for (name, path) in files {
		if without == Some(name.as_str()) {
			continue;
		}
		let content = fs::read(path)?;
		// Each with its length, so that nothing can move from one to the next.
		for part in [name.as_bytes(), &content] {
			add(&part.len().to_le_bytes());
			add(part);
		}
	}
	Ok(format!("{hash:032x}"))
}

/// The sources at a place, by their names from the root on.
fn collect(path: &Path, name: &str, files: &mut BTreeMap<String, PathBuf>) -> io::Result<()> {
	if !path.is_dir() {
		files.insert(name.to_owned(), path.to_owned());
		return Ok(());
	}
	for entry in fs::read_dir(path)? {
		let path = entry?.path();
		let own = path.file_name().map(|own| own.to_string_lossy().into_owned());
		let Some(own) = own.filter(|own| !PASSED_OVER.contains(&own.as_str())) else { continue };
		let extension = path.extension().and_then(|extension| extension.to_str());
		if path.is_dir() || matches!(extension, Some("rs" | "toml" | "lock")) {
			collect(&path, &format!("{name}/{own}"), files)?;
		}
	}
	Ok(())
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::{env, process};

	/// A folder that goes with the test.
	struct Folder(PathBuf);

	impl Folder {
		fn new(name: &str) -> Self {
			let folder = env::temp_dir().join(format!("spb-sources-{name}-{}", process::id()));
			fs::create_dir_all(folder.join("a/src/weights")).unwrap();
			fs::create_dir_all(folder.join("a/src/tests")).unwrap();
			fs::write(folder.join("a/src/lib.rs"), "one").unwrap();
			Self(folder)
		}

		fn digest(&self) -> String {
			digest(&self.0, &["a"], Some("a/src/weights/measured.rs")).unwrap()
		}
	}

	impl Drop for Folder {
		fn drop(&mut self) {
			let _ = fs::remove_dir_all(&self.0);
		}
	}

	#[test]
	fn every_change_of_a_source_should_change_the_digest() {
		let folder = Folder::new("change");
		let mut seen = vec![folder.digest()];
		assert_eq!(folder.digest(), seen[0]);
		let changes =
			[("a/src/lib.rs", "two"), ("a/src/more.rs", ""), ("a/src/weights/benches.rs", "x")];
		for (file, content) in changes {
			fs::write(folder.0.join(file), content).unwrap();
			let digest = folder.digest();
			assert!(!seen.contains(&digest), "{file}");
			seen.push(digest);
		}
		fs::rename(folder.0.join("a/src/more.rs"), folder.0.join("a/src/other.rs")).unwrap();
		assert!(!seen.contains(&folder.digest()), "a name");
	}

	#[test]
	fn what_says_nothing_about_the_result_should_not_count() {
		let folder = Folder::new("rest");
		let before = folder.digest();
		for file in
			["a/src/tests.rs", "a/src/tests/x.rs", "a/notes.md", "a/src/weights/measured.rs"]
		{
			fs::write(folder.0.join(file), "changed").unwrap();
			assert_eq!(folder.digest(), before, "{file}");
		}
	}

	#[test]
	fn what_is_not_there_should_be_told() {
		let folder = Folder::new("none");
		assert!(digest(&folder.0, &["b"], None).is_err());
	}
}
