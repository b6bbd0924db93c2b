//! The loss of a CTP database, and of the evidence that it could be made from again, while the chain beside
//! them stays: they are deleted from a stopped node's ParityDB.

use parity_db::{clear_column, Db, Options};
use sp_core::H256;
use std::{
	collections::BTreeSet,
	fs, io,
	path::{Path, PathBuf},
};

/// The columns of auxiliary data and of the off-chain storage, as `sc-client-db` counts them.
const AUXILIARY: u8 = 8;
const COLUMN: u8 = 9;
/// What the node's auxiliary data has before the hash of a sidecar.
const SIDECAR: &[u8] = b"spb/sidecar/";
/// What ParityDB has in its folder.
const METADATA: &str = "metadata";

/// Deletes the CTP database below the base path of a node that does not run; gives the databases that it
/// was in.
pub fn remove(base_path: &Path) -> io::Result<Vec<PathBuf>> {
	let found = databases(base_path)?;
	for folder in &found {
		clear(folder).map_err(io::Error::other)?;
	}
	Ok(found)
}

/// Deletes the sidecars with these hashes below the base path of a node that does not run; gives how many of
/// them it had.
pub fn remove_sidecars(base_path: &Path, hashes: &BTreeSet<H256>) -> io::Result<usize> {
	let mut removed = 0;
	for folder in databases(base_path)? {
		removed += forget(&folder, hashes).map_err(io::Error::other)?;
	}
	Ok(removed)
}

/// Where there are ParityDBs below a base path: one at least.
fn databases(base_path: &Path) -> io::Result<Vec<PathBuf>> {
	let mut found = Vec::new();
	find(base_path, &mut found)?;
	if found.is_empty() {
		let text = format!("no ParityDB below {}", base_path.display());
		return Err(io::Error::new(io::ErrorKind::NotFound, text));
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
	// What the log still holds would come back: opening and closing writes it into the columns.
	drop(open(folder)?);
	clear_column(folder, COLUMN)
}

fn forget(folder: &Path, hashes: &BTreeSet<H256>) -> parity_db::Result<usize> {
	let db = open(folder)?;
	let mut kept = Vec::new();
	for hash in hashes {
		let key = [SIDECAR, hash.as_bytes()].concat();
		if db.get_size(AUXILIARY, &key)?.is_some() {
			kept.push(key);
		}
	}
	let removed = kept.len();
	db.commit(kept.into_iter().map(|key| (AUXILIARY, key, None)))?;
	Ok(removed)
}

/// Opens a database with the columns that it says it has.
fn open(folder: &Path) -> parity_db::Result<Db> {
	let metadata = Options::load_metadata(folder)?;
	let mut options = Options::with_columns(folder, 0);
	if let Some(metadata) = metadata {
		(options.columns, options.salt) = (metadata.columns, Some(metadata.salt));
	}
	Db::open(&options)
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

	#[test]
	fn sidecars_should_go_and_other_auxiliary_data_stay() {
		let base_path = tempfile::tempdir().unwrap();
		let [lost, kept, unknown] = [1, 2, 3].map(H256::repeat_byte);
		assert!(remove_sidecars(base_path.path(), &[lost].into()).is_err());
		let folder = base_path.path().join("chains/x/paritydb/full");
		fs::create_dir_all(&folder).unwrap();
		let options = Options::with_columns(&folder, COLUMN + 1);
		let db = Db::open_or_create(&options).unwrap();
		let keys = [lost, kept].map(|hash| [SIDECAR, hash.as_bytes()].concat());
		db.commit(keys.clone().map(|key| (AUXILIARY, key, Some(vec![7])))).unwrap();
		drop(db);
		assert_eq!(remove_sidecars(base_path.path(), &[lost, unknown].into()).unwrap(), 1);
		let db = Db::open(&options).unwrap();
		assert_eq!(keys.map(|key| db.get(AUXILIARY, &key).unwrap()), [None, Some(vec![7])]);
	}
}
