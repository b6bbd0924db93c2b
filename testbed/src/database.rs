//! The loss of a CTP database while the chain beside it stays: its column of a stopped node's ParityDB is
//! deleted.

use parity_db::{clear_column, Db, Options};
use std::{
	fs, io,
	path::{Path, PathBuf},
};

/// The column of the off-chain storage, as `sc-client-db` counts them.
const COLUMN: u8 = 9;
/// What ParityDB has in its folder.
const METADATA: &str = "metadata";

/// Deletes the CTP database below the base path of a node that does not run; gives the databases that it
/// was in.
pub fn remove(base_path: &Path) -> io::Result<Vec<PathBuf>> {
	let mut found = Vec::new();
	find(base_path, &mut found)?;
	if found.is_empty() {
		let text = format!("no ParityDB below {}", base_path.display());
		return Err(io::Error::new(io::ErrorKind::NotFound, text));
	}
	for folder in &found {
		clear(folder).map_err(io::Error::other)?;
	}
	Ok(found)
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
	for entry in fs::read_dir(folder)? {
		let entry = entry?;
		let is_parity = folder.components().any(|part| part.as_os_str() == "paritydb");
		if entry.file_type()?.is_dir() {
			find(&entry.path(), found)?;
		} else if is_parity && entry.file_name() == METADATA {
			found.push(folder.to_owned());
		}
	}
	Ok(())
}

fn clear(folder: &Path) -> parity_db::Result<()> {
	let metadata = Options::load_metadata(folder)?;
	let mut options = Options::with_columns(folder, 0);
	if let Some(metadata) = metadata {
		(options.columns, options.salt) = (metadata.columns, Some(metadata.salt));
	}
	// What the log still holds would come back: opening and closing writes it into the columns.
	drop(Db::open(&options)?);
	clear_column(folder, COLUMN)
}

#[cfg(test)]
mod tests {
	use super::*;

	const KEY: [u8; 32] = [7; 32];

	#[test]
	fn the_one_column_should_go_and_others_stay() {
		let base_path = tempfile::tempdir().unwrap();
		assert!(remove(base_path.path()).is_err());
		let folder = base_path.path().join("chains/x/paritydb/full");
		fs::create_dir_all(&folder).unwrap();
		let options = Options::with_columns(&folder, COLUMN + 2);
		let db = Db::open_or_create(&options).unwrap();
		let columns = [COLUMN - 1, COLUMN, COLUMN + 1];
		db.commit(columns.map(|column| (column, KEY, Some(vec![column])))).unwrap();
		drop(db);
		assert_eq!(remove(base_path.path()).unwrap(), [folder]);
		let db = Db::open(&options).unwrap();
		let left = columns.map(|column| db.get(column, &KEY).unwrap());
		assert_eq!(left, [Some(vec![COLUMN - 1]), None, Some(vec![COLUMN + 1])]);
	}
}
