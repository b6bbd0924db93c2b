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
	use super::*;

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
}
