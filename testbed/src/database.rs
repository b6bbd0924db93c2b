//! The loss of a CTP database while the chain beside it stays: its files in a stopped node's folder are
//! deleted.
//!
//! Both are in one ParityDB, each in columns of its own. The CTP database is in the one for off-chain
//! storage, and a column is a set of files.

use std::{
	fs, io,
	path::{Path, PathBuf},
};

/// The column of the off-chain storage, as `sc-client-db` counts them.
const COLUMN: u8 = 9;
/// How the names of a column's files begin, before its number.
const KINDS: [&str; 2] = ["index", "table"];

/// Deletes the files of the CTP database below a node's base path; gives those that there were. The node
/// must have been stopped, and not killed: what its database has still to write would come back.
pub fn remove(base_path: &Path) -> io::Result<Vec<PathBuf>> {
	let mut removed = Vec::new();
	visit(base_path, &mut removed)?;
	if removed.is_empty() {
		let text = format!("no CTP database below {}", base_path.display());
		return Err(io::Error::new(io::ErrorKind::NotFound, text));
	}
	Ok(removed)
}

fn visit(folder: &Path, removed: &mut Vec<PathBuf>) -> io::Result<()> {
	for entry in fs::read_dir(folder)? {
		let entry = entry?;
		let path = entry.path();
		if entry.file_type()?.is_dir() {
			visit(&path, removed)?;
		} else if is_of_database(&entry.file_name().to_string_lossy()) {
			fs::remove_file(&path)?;
			removed.push(path);
		}
	}
	Ok(())
}

fn is_of_database(name: &str) -> bool {
	KINDS.iter().any(|kind| name.starts_with(&format!("{kind}_{COLUMN:02}_")))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn files_of_the_one_column_should_go_and_others_stay() {
		let folder = tempfile::tempdir().unwrap();
		assert!(remove(folder.path()).is_err());
		let database = folder.path().join("chains/x/paritydb/full");
		fs::create_dir_all(&database).unwrap();
		let names = ["index_09_16", "table_09_00", "index_08_16", "table_19_00", "metadata"];
		for name in names {
			fs::write(database.join(name), [1]).unwrap();
		}
		let mut removed = remove(folder.path()).unwrap();
		removed.sort();
		assert_eq!(removed, ["index_09_16", "table_09_00"].map(|name| database.join(name)));
		assert_eq!(fs::read_dir(&database).unwrap().count(), 3);
	}
}
