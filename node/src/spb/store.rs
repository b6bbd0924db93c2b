//! The node's own store beside the chain's database: what waits for a block, and what has settled.
//!
//! Nothing in it decides about a block. The inbox may lose its last moments in a crash, since its
//! messages are still in the pools of others; the trades are indexed again where they are missing.
//! What consensus relies on is in the chain's database, see [`super::sidecars`].
//!
//! A chain that is kept in memory has its store there too.

use parity_db::{ColumnOptions, Db, Options};
use parking_lot::RwLock;
use sp_core::H256;
use std::{
	collections::BTreeMap,
	fs,
	io::{self, ErrorKind},
	ops::{Bound, ControlFlow},
	path::{Path, PathBuf},
};

/// The version of the layout. Another one is refused, never guessed at.
const VERSION: u32 = 2;
/// The file that says the version, and the chain that the content belongs to.
const VERSION_FILE: &str = "version";
/// The folder of the database itself.
const DATABASE_FOLDER: &str = "db";

/// A column of the store. All are ordered by key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Column {
	/// Messages that wait for a block, in order of arrival.
	Inbox = 0,
	/// Settled trades by account, offer, vault and id.
	Trades = 1,
}

/// The number of columns.
const COLUMNS: u8 = 2;

/// A key and the value to put there, or `None` to remove what is there.
pub type Change = (Column, Vec<u8>, Option<Vec<u8>>);

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
	/// A file or folder cannot be read or written.
	#[error("the node's store at {} cannot be used: {source}", path.display())]
	Files {
		/// Which.
		path: PathBuf,
		/// Why.
		#[source]
		source: io::Error,
	},
	/// The database does not open, read or write.
	#[error("the node's store failed: {0}; if its files are damaged, delete its folder")]
	Database(#[from] parity_db::Error),
	/// Another version of the node wrote it.
	#[error(
		"the node's store at {} has version {found}, this node reads version {VERSION}; delete the \
		 folder, and the node builds what it needs again", path.display()
	)]
	Version {
		/// Where.
		path: PathBuf,
		/// The version it has.
		found: String,
	},
	/// It belongs to another chain.
	#[error(
		"the node's store at {} belongs to the chain {found} and not to {expected:?}; give each \
		 chain its own --base-path or delete the folder", path.display()
	)]
	OtherChain {
		/// Where.
		path: PathBuf,
		/// The genesis hash it has.
		found: String,
		/// The genesis hash of this chain.
		expected: H256,
	},
	/// An entry does not decode.
	#[error("the node's store holds an entry that does not decode; delete its folder: {0}")]
	Damaged(#[from] codec::Error),
}

/// The store. One process has it open at a time.
pub struct Store {
	entries: Entries,
}

/// Where a store's entries are.
enum Entries {
	/// In a folder.
	Disk(Db),
	/// Nowhere else: they go with the process.
	Memory(RwLock<[BTreeMap<Vec<u8>, Vec<u8>>; COLUMNS as usize]>),
}

impl Store {
	/// Opens the store of the chain with this genesis hash, making it where there is none.
	pub fn open(path: &Path, genesis: H256) -> Result<Self, StoreError> {
		let files = |source| StoreError::Files { path: path.to_path_buf(), source };
		fs::create_dir_all(path).map_err(files)?;
		check_version(path, genesis)?;

		let mut options = Options::with_columns(&path.join(DATABASE_FOLDER), COLUMNS);
		let ordered = ColumnOptions { btree_index: true, ..Default::default() };
		options.columns.fill(ordered);
		options.stats = false;
		Ok(Self { entries: Entries::Disk(Db::open_or_create(&options)?) })
	}

	/// A store that goes with the process.
	pub fn in_memory() -> Self {
		Self { entries: Entries::Memory(RwLock::default()) }
	}

	/// What is at `key`.
	pub fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
		match &self.entries {
			Entries::Disk(db) => Ok(db.get(column as u8, key)?),
			Entries::Memory(columns) => Ok(columns.read()[column as usize].get(key).cloned()),
		}
	}

	/// Makes all changes or none.
	pub fn commit(&self, changes: impl IntoIterator<Item = Change>) -> Result<(), StoreError> {
		let columns = match &self.entries {
			Entries::Disk(db) => {
				let changes =
					changes.into_iter().map(|(column, key, value)| (column as u8, key, value));
				return Ok(db.commit(changes)?);
			},
			Entries::Memory(columns) => columns,
		};
		let mut columns = columns.write();
		for (column, key, value) in changes {
			let column = &mut columns[column as usize];
			match value {
				Some(value) => column.insert(key, value),
				None => column.remove(&key),
			};
		}
		Ok(())
	}

	/// Visits the entries from `first` on, in order of their keys, until told to stop.
	pub fn visit(
		&self,
		column: Column,
		first: &[u8],
		mut visit: impl FnMut(Vec<u8>, Vec<u8>) -> ControlFlow<()>,
	) -> Result<(), StoreError> {
		let columns = match &self.entries {
			Entries::Disk(db) => {
				let mut entries = db.iter(column as u8)?;
				entries.seek(first)?;
				while let Some((key, value)) = entries.next()? {
					if visit(key, value).is_break() {
						break;
					}
				}
				return Ok(());
			},
			Entries::Memory(columns) => columns,
		};
		let mut from = Bound::Included(first.to_vec());
		loop {
			// Not locked while the visitor looks at an entry.
			let next = {
				let columns = columns.read();
				let mut rest = columns[column as usize].range((from, Bound::Unbounded));
				rest.next().map(|(key, value)| (key.clone(), value.clone()))
			};
			let Some((key, value)) = next else { return Ok(()) };
			from = Bound::Excluded(key.clone());
			if visit(key, value).is_break() {
				return Ok(());
			}
		}
	}
}

/// Reads the version file, or writes it where the store is new.
fn check_version(path: &Path, genesis: H256) -> Result<(), StoreError> {
	let file = path.join(VERSION_FILE);
	let files = |source| StoreError::Files { path: file.clone(), source };
	match fs::read_to_string(&file) {
		Ok(text) => {
			let mut lines = text.lines();
			let version = lines.next().unwrap_or_default();
			if version != VERSION.to_string() {
				let found = version.into();
				return Err(StoreError::Version { path: path.to_path_buf(), found });
			}
			let chain = lines.next().unwrap_or_default();
			if chain != format!("{genesis:?}") {
				let (path, found) = (path.to_path_buf(), chain.into());
				return Err(StoreError::OtherChain { path, found, expected: genesis });
			}
			Ok(())
		},
		Err(error) if error.kind() == ErrorKind::NotFound => {
			if path.join(DATABASE_FOLDER).exists() {
				let (path, found) = (path.to_path_buf(), "unknown".into());
				return Err(StoreError::Version { path, found });
			}
			// Written whole or not at all: a half-written version would lock the node out.
			let draft = path.join("version.new");
			fs::write(&draft, format!("{VERSION}\n{genesis:?}\n")).map_err(files)?;
			fs::rename(&draft, &file).map_err(files)
		},
		Err(error) => Err(files(error)),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	const GENESIS: H256 = H256::repeat_byte(7);

	fn set(key: u8, value: u8) -> Change {
		(Column::Inbox, vec![key], Some(vec![value]))
	}

	fn all(store: &Store) -> Vec<(u8, u8)> {
		let mut found = Vec::new();
		store
			.visit(Column::Inbox, &[], |key, value| {
				found.push((key[0], value[0]));
				ControlFlow::Continue(())
			})
			.unwrap();
		found
	}

	#[test]
	fn entries_should_survive_reopening_in_order() {
		let folder = tempfile::tempdir().unwrap();
		let store = Store::open(folder.path(), GENESIS).unwrap();
		store.commit([set(9, 1), set(3, 2), set(5, 3)]).unwrap();
		store.commit([(Column::Inbox, vec![3], None)]).unwrap();
		drop(store);

		let store = Store::open(folder.path(), GENESIS).unwrap();
		assert_eq!(all(&store), [(5, 3), (9, 1)]);
		assert_eq!(store.get(Column::Inbox, &[9]).unwrap(), Some(vec![1]));
		assert_eq!(store.get(Column::Trades, &[9]).unwrap(), None);
	}

	#[test]
	fn store_in_memory_should_do_what_one_on_disk_does() {
		let folder = tempfile::tempdir().unwrap();
		for store in [Store::open(folder.path(), GENESIS).unwrap(), Store::in_memory()] {
			assert_eq!(all(&store), []);
			store.commit([set(9, 1), set(3, 2), set(5, 3)]).unwrap();
			store.commit([set(5, 4), (Column::Inbox, vec![3], None)]).unwrap();
			assert_eq!(all(&store), [(5, 4), (9, 1)]);
			assert_eq!(store.get(Column::Inbox, &[9]).unwrap(), Some(vec![1]));
			assert_eq!(store.get(Column::Inbox, &[3]).unwrap(), None);
			assert_eq!(store.get(Column::Trades, &[9]).unwrap(), None);
		}
	}

	#[test]
	fn visit_should_begin_and_stop_where_told() {
		let folder = tempfile::tempdir().unwrap();
		for store in [Store::open(folder.path(), GENESIS).unwrap(), Store::in_memory()] {
			visits_should_begin_and_stop_where_told(&store);
		}
	}

	fn visits_should_begin_and_stop_where_told(store: &Store) {
		store.commit((0..10).map(|n| set(n, n))).unwrap();
		let mut found = Vec::new();
		store
			.visit(Column::Inbox, &[4], |key, _| {
				found.push(key[0]);
				if key[0] == 6 {
					ControlFlow::Break(())
				} else {
					ControlFlow::Continue(())
				}
			})
			.unwrap();
		assert_eq!(found, [4, 5, 6]);
	}

	#[test]
	fn another_version_should_be_refused_with_both_versions() {
		let folder = tempfile::tempdir().unwrap();
		drop(Store::open(folder.path(), GENESIS).unwrap());
		fs::write(folder.path().join(VERSION_FILE), format!("3\n{GENESIS:?}\n")).unwrap();
		let error = Store::open(folder.path(), GENESIS).err().unwrap();
		assert!(matches!(&error, StoreError::Version { found, .. } if found == "3"));
		assert!(error.to_string().contains("version 3, this node reads version 2"), "{error}");
	}

	#[test]
	fn missing_version_beside_a_database_should_be_refused() {
		let folder = tempfile::tempdir().unwrap();
		drop(Store::open(folder.path(), GENESIS).unwrap());
		fs::remove_file(folder.path().join(VERSION_FILE)).unwrap();
		let error = Store::open(folder.path(), GENESIS).err().unwrap();
		assert!(matches!(error, StoreError::Version { .. }), "{error}");
	}

	#[test]
	fn another_chain_should_be_refused() {
		let folder = tempfile::tempdir().unwrap();
		drop(Store::open(folder.path(), GENESIS).unwrap());
		let error = Store::open(folder.path(), H256::repeat_byte(8)).err().unwrap();
		assert!(matches!(error, StoreError::OtherChain { .. }), "{error}");
	}
}
