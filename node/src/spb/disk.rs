//! Measures what the chain's folder takes of the disk, for those who watch it fill.

use super::metrics::Metrics;
use std::{
	fs, io,
	os::unix::fs::MetadataExt,
	path::{Path, PathBuf},
	time::Duration,
};
use tokio::time::MissedTickBehavior;

/// How often. A folder has some dozens of files.
const EVERY: Duration = Duration::from_secs(15);
/// The unit of [`MetadataExt::blocks`].
const BLOCK: u64 = 512;

/// What watches a chain's folder.
pub struct Disk {
	/// The folder: chain, CTP database, sidecars, inbox and history of trades.
	pub folder: PathBuf,
	/// Where to say what it takes.
	pub metrics: Metrics,
}

impl Disk {
	/// Runs as long as the node does.
	pub async fn run(self) {
		let mut tick = tokio::time::interval(EVERY);
		tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
		loop {
			tick.tick().await;
			self.metrics.disk_bytes.set(bytes(&self.folder));
		}
	}
}

/// What the files in a folder and below take: blocks and not lengths, because the database makes
/// its files longer than what is in them. What is gone or unreadable counts nothing.
fn bytes(folder: &Path) -> u64 {
	let Ok(entries) = fs::read_dir(folder) else { return 0 };
	let size = |entry: io::Result<fs::DirEntry>| -> io::Result<u64> {
		let entry = entry?;
		let metadata = entry.metadata()?;
		Ok(match metadata.is_dir() {
			true => bytes(&entry.path()),
			false => metadata.blocks() * BLOCK,
		})
	};
	entries.filter_map(|entry| size(entry).ok()).sum()
}

#[cfg(test)]
mod tests {
	use super::{
		super::{
			message::tests::{signed, GENESIS},
			sidecars::{hash_of, Auxiliary, Sidecars},
			Hash,
		},
		*,
	};
	use codec::Encode;
	use pallet_spb::database::{block_record, note_final, store::Store, sweep, Budget, Database};
	use sc_client_api::AuxStore;
	use spb_primitives::{BlockNumber, CtpId, Parameters};
	use std::{ops::RangeInclusive, sync::Arc};

	#[test]
	fn what_is_written_should_count_at_any_depth_and_holes_should_not() {
		let folder = tempfile::tempdir().unwrap();
		assert_eq!(bytes(folder.path()), 0);
		let below = folder.path().join("a/b");
		fs::create_dir_all(&below).unwrap();
		fs::File::create(below.join("hole")).unwrap().set_len(1 << 30).unwrap();
		let hole = bytes(folder.path());
		assert!(hole < 1 << 20, "{hole}");
		let file = fs::File::create(below.join("full")).unwrap();
		io::Write::write_all(&mut &file, &[1; 1 << 20]).unwrap();
		file.sync_all().unwrap();
		assert!(bytes(folder.path()) >= hole + (1 << 20));
		assert_eq!(bytes(&folder.path().join("none")), 0);
	}

	/// Heights with a sidecar each.
	const HEIGHTS: BlockNumber = 128;
	/// Of so many of them the sidecars are kept.
	const KEPT: BlockNumber = 8;
	/// Bytes of a sidecar.
	const SIZE: usize = 256 * 1024;

	/// The column of a chain's database in which the evidence is, or CTP databases are.
	struct OnDisk(parity_db::Db);

	impl OnDisk {
		fn write(&self, write: Vec<Auxiliary>) {
			self.0.commit(write.into_iter().map(|(key, value)| (0, key, value))).unwrap();
		}
	}

	impl AuxStore for OnDisk {
		fn insert_aux<
			'a,
			'b: 'a,
			'c: 'a,
			I: IntoIterator<Item = &'a (&'c [u8], &'c [u8])>,
			D: IntoIterator<Item = &'a &'b [u8]>,
		>(
			&self,
			insert: I,
			delete: D,
		) -> sp_blockchain::Result<()> {
			let insert =
				insert.into_iter().map(|(key, value)| (key.to_vec(), Some(value.to_vec())));
			let delete = delete.into_iter().map(|key| (key.to_vec(), None));
			self.write(insert.chain(delete).collect());
			Ok(())
		}

		fn get_aux(&self, key: &[u8]) -> sp_blockchain::Result<Option<Vec<u8>>> {
			Ok(self.0.get(0, key).unwrap())
		}
	}

	/// What the evidence of all heights takes in a database of its own, where it is pruned as it comes
	/// or, as in an archive, kept.
	fn evidence_on_disk(pruned: bool) -> u64 {
		let folder = tempfile::tempdir().unwrap();
		let options = parity_db::Options::with_columns(folder.path(), 1);
		let database = Arc::new(OnDisk(parity_db::Db::open_or_create(&options).unwrap()));
		let sidecars = Sidecars::new(database.clone(), Metrics::new(None).unwrap());
		for number in 1..=HEIGHTS {
			let bytes = number.to_le_bytes().repeat(SIZE / 4);
			database.write(sidecars.to_write(number, &bytes).unwrap());
			if pruned {
				sidecars.prune(number.saturating_sub(KEPT)).unwrap();
			}
		}
		// Closed, it has written everything and keeps no log.
		drop((sidecars, database));
		bytes(folder.path())
	}

	#[test]
	fn evidence_past_retention_should_take_nothing_of_the_disk() {
		let written = u64::from(HEIGHTS) * SIZE as u64;
		let (pruned, archive) = (evidence_on_disk(true), evidence_on_disk(false));
		// What is kept is a sixteenth; the database's own part is some megabytes.
		assert!(pruned <= written / 4, "{pruned} of {written}");
		assert!(archive >= written, "{archive} of {written}");
	}

	/// Heights with a CTP database each, half of all.
	const HALF: BlockNumber = 300;
	/// CTPs that each of them adds.
	const ADDED: u32 = 50;
	/// Lifetimes so short that nearly all heights are past retention.
	const SHORT: Parameters = Parameters {
		min_lifetime: 1,
		max_lifetime: 4,
		grace: 2,
		evidence_window: 1,
		slot_duration: 500,
	};

	impl Store for OnDisk {
		fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
			self.0.get(0, key).unwrap()
		}

		fn set(&self, key: &[u8], value: &[u8]) {
			self.write(vec![(key.to_vec(), Some(value.to_vec()))]);
		}

		fn remove(&self, key: &[u8]) {
			self.write(vec![(key.to_vec(), None)]);
		}

		fn compare_and_set(&self, key: &[u8], before: Option<Vec<u8>>, value: &[u8]) -> bool {
			let same = self.get(key) == before;
			if same {
				self.set(key, value);
			}
			same
		}
	}

	fn block(number: BlockNumber) -> Hash {
		hash_of(&number.to_le_bytes())
	}

	/// What a database on the disk takes once it has the CTP databases of these heights too, each final
	/// at once; the housekeeper follows or, as where there is none, does not.
	fn ctps_on_disk(folder: &Path, heights: RangeInclusive<BlockNumber>, swept: bool) -> u64 {
		let options = parity_db::Options::with_columns(folder, 1);
		let store = OnDisk(parity_db::Db::open_or_create(&options).unwrap());
		for number in heights {
			let (parent, hash) = (block(number - 1), block(number));
			let before = block_record(&store, &parent).map(|record| record.roots);
			let mut database = Database::new(&store, before.unwrap_or_default());
			database.expire(number.saturating_sub(SHORT.grace)).unwrap();
			for vault in 0..ADDED {
				let mut added = signed(vault);
				added.ctp.expiry = number + SHORT.max_lifetime;
				database.add(CtpId::of(&added.ctp, &GENESIS), &added).unwrap();
			}
			database.commit(number, parent, hash).unwrap();
			note_final(&store, number, hash);
			if swept {
				sweep(&store, &SHORT, Budget::PER_BLOCK);
			}
		}
		// Closed, it has written everything and keeps no log.
		drop(store);
		bytes(folder)
	}

	#[test]
	fn ctps_past_retention_should_take_nothing_of_the_disk() {
		// Of what the database needs for itself, nearly all is there after the first half.
		let growth = |swept| {
			let folder = tempfile::tempdir().unwrap();
			let half = ctps_on_disk(folder.path(), 1..=HALF, swept);
			let whole = ctps_on_disk(folder.path(), HALF + 1..=2 * HALF, swept);
			whole.saturating_sub(half)
		};
		let (swept, kept) = (growth(true), growth(false));
		let added = u64::from(HALF * ADDED) * signed(0).encoded_size() as u64;
		assert!(kept >= added, "{kept} for {added} of CTPs alone");
		assert!(swept <= kept / 4, "{swept} where {kept} were written");
	}
}
