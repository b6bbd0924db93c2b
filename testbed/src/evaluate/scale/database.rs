//! What the CTP database costs a block, against how many CTPs are open and how their expiries lie.
//!
//! Each measured block does what a block of trades does to the database: it adds some CTPs, with what
//! the rules read for each, takes others out that settle, drops what has expired, and is stored.

use crate::evaluate::{
	error::Result,
	progress::Progress,
	records::{Point, Records},
	EvaluationError,
};
use pallet_spb::{
	database::{block_record, store::Store, tree::MissingNode, Database, Roots},
	runtime_api::SettledCtp,
};
use sc_client_api::Backend as _;
use sc_client_db::{
	offchain::LocalStorage, Backend, BlocksPruning, DatabaseSettings, DatabaseSource,
};
use sp_core::{
	offchain::{OffchainStorage, STORAGE_PREFIX},
	sr25519, H256,
};
use sp_runtime::{
	generic,
	traits::{BlakeTwo256, Hash as _},
	MultiSignature, OpaqueExtrinsic,
};
use spb_primitives::{
	BlockNumber, Ctp, CtpId, Energy, Genesis, Hashing, Money, ReceiptKey, Settlement, SignedCtp,
};
use std::{
	cell::{Cell, RefCell},
	collections::VecDeque,
	path::Path,
	time::{Duration, Instant},
};

/// The name of the part in records.
pub const PART: &str = "database";

/// CTPs that a measured block adds, and as many that it settles.
const CHANGES: usize = 100;
/// Blocks that are measured at a point.
const BLOCKS: BlockNumber = 30;
/// CTPs that a block adds while the database is filled.
const FILL: usize = 2_000;
/// CTPs of one vault.
const PER_VAULT: u32 = 48;
/// Offers that all is bought from.
const OFFERS: u32 = 97;
/// How long after its expiry a CTP is dropped.
const GRACE: BlockNumber = 20;
/// Expiries of a database that is spread: the chain's longest lifetime.
const SPREAD: BlockNumber = 2_400;
/// The first of these.
const FIRST: BlockNumber = 200;
/// The first measured block: with it, the first CTPs of a spread database run out.
const MEASURED: BlockNumber = FIRST + GRACE;
/// What still is to settle expires then or later.
const LATE: BlockNumber = 1_000;

/// How the expiries of open CTPs lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
	/// Evenly over the longest lifetime.
	Spread,
	/// All at one block.
	OneExpiry,
}

impl Layout {
	/// Both.
	pub const ALL: [Self; 2] = [Self::Spread, Self::OneExpiry];

	/// Its name in records.
	pub fn name(self) -> &'static str {
		match self {
			Self::Spread => "spread",
			Self::OneExpiry => "one-expiry",
		}
	}

	/// The expiry of the CTP of this number.
	fn expiry(self, number: u32) -> BlockNumber {
		match self {
			Self::Spread => FIRST + number % SPREAD,
			Self::OneExpiry => LATE,
		}
	}
}

/// Measures what is not in the records yet.
pub async fn measure(records: &mut Records, sizes: &[u64], progress: &Progress) -> Result<()> {
	progress.begin("cost of the CTP database");
	for layout in Layout::ALL {
		for size in sizes.iter().copied() {
			let point = point(layout, size);
			if !records.has(point) {
				let open = usize::try_from(size).unwrap_or(usize::MAX);
				let measured = tokio::task::spawn_blocking(move || cost(layout, open)).await;
				records.note(point, &measured.map_err(|_| EvaluationError::Interrupted)??)?;
			}
			progress.step();
		}
	}
	Ok(())
}

/// How many steps the part has.
pub fn steps(sizes: &[u64]) -> u64 {
	(Layout::ALL.len() * sizes.len()) as u64
}

fn point(layout: Layout, size: u64) -> Point<'static> {
	Point { part: PART, way: layout.name(), size, run: 0 }
}

/// What blocks cost with so many open CTPs.
fn cost(layout: Layout, open: usize) -> Result<Vec<(&'static str, f64)>> {
	let folder = tempfile::tempdir().map_err(EvaluationError::file(std::env::temp_dir()))?;
	let disk = Disk::open(folder.path())?;
	let mut chain = Chain::new(&disk, layout);
	let damaged = |_: MissingNode| EvaluationError::Database("a part of it is missing".into());
	while chain.made < open {
		chain.fill(FILL.min(open - chain.made)).map_err(damaged)?;
	}
	chain.number = MEASURED;
	disk.forget_counts();
	let mut times = Vec::new();
	for _ in 0..BLOCKS {
		times.push(chain.trade().map_err(damaged)?.as_secs_f64());
	}
	let (reads, writes, written) = disk.counts();
	times.sort_unstable_by(f64::total_cmp);
	let blocks = f64::from(BLOCKS);
	let mut measured = vec![
		("block_s", times.iter().sum::<f64>() / blocks),
		("block_median_s", times[times.len() / 2]),
		("block_most_s", times.last().copied().unwrap_or_default()),
		("reads", reads as f64 / blocks),
		("writes", writes as f64 / blocks),
		("written_bytes", written as f64 / blocks),
	];
	if layout == Layout::OneExpiry {
		chain.number = LATE + GRACE;
		measured.push(("drop_all_s", chain.trade().map_err(damaged)?.as_secs_f64()));
	}
	Ok(measured)
}

type Block = generic::Block<generic::Header<BlockNumber, BlakeTwo256>, OpaqueExtrinsic>;

/// The off-chain storage of a node, on a disk.
struct Disk {
	storage: RefCell<LocalStorage>,
	/// Reads, writes, and bytes written.
	counts: Cell<(u64, u64, u64)>,
	// The storage is a part of it.
	_backend: Backend<Block>,
}

impl Disk {
	fn open(folder: &Path) -> Result<Self> {
		let settings = DatabaseSettings {
			trie_cache_maximum_size: None,
			state_pruning: None,
			source: DatabaseSource::ParityDb { path: folder.to_owned() },
			blocks_pruning: BlocksPruning::KeepFinalized,
			pruning_filters: Vec::new(),
			metrics_registry: None,
		};
		let backend = Backend::<Block>::new(settings, 0)
			.map_err(|error| EvaluationError::Database(error.to_string()))?;
		let storage = backend
			.offchain_storage()
			.ok_or_else(|| EvaluationError::Database("there is no off-chain storage".into()))?;
		Ok(Self { storage: RefCell::new(storage), counts: Cell::default(), _backend: backend })
	}

	fn count(&self, reads: u64, writes: u64, bytes: usize) {
		let (all_reads, all_writes, written) = self.counts.get();
		self.counts.set((all_reads + reads, all_writes + writes, written + bytes as u64));
	}

	fn counts(&self) -> (u64, u64, u64) {
		self.counts.get()
	}

	fn forget_counts(&self) {
		self.counts.set(Default::default());
	}
}

impl Store for Disk {
	fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
		self.count(1, 0, 0);
		self.storage.borrow().get(STORAGE_PREFIX, key)
	}

	fn set(&self, key: &[u8], value: &[u8]) {
		self.count(0, 1, value.len());
		self.storage.borrow_mut().set(STORAGE_PREFIX, key, value);
	}

	fn remove(&self, key: &[u8]) {
		self.count(0, 1, 0);
		self.storage.borrow_mut().remove(STORAGE_PREFIX, key);
	}

	fn compare_and_set(&self, key: &[u8], before: Option<Vec<u8>>, value: &[u8]) -> bool {
		self.count(1, 1, value.len());
		let mut storage = self.storage.borrow_mut();
		storage.compare_and_set(STORAGE_PREFIX, key, before.as_deref(), value)
	}
}

/// A chain of which there is only the database.
struct Chain<'a> {
	disk: &'a Disk,
	layout: Layout,
	/// The next block's number.
	number: BlockNumber,
	parent: H256,
	/// CTPs made so far.
	made: usize,
	/// What can still settle.
	open: VecDeque<(CtpId, SignedCtp)>,
}

impl<'a> Chain<'a> {
	fn new(disk: &'a Disk, layout: Layout) -> Self {
		let (parent, open) = (H256::zero(), VecDeque::new());
		Self { disk, layout, number: 1, parent, made: 0, open }
	}

	/// New CTPs, as their consumers would have signed them: the database looks at no signature.
	fn make(
		&mut self,
		count: usize,
		expiry: impl Fn(u32) -> BlockNumber,
	) -> Vec<(CtpId, SignedCtp)> {
		let mut made = Vec::with_capacity(count);
		for _ in 0..count {
			let number = u32::try_from(self.made).unwrap_or(u32::MAX);
			let ctp = Ctp {
				vault: number / PER_VAULT,
				offer: number % OFFERS,
				energy: Energy::from_wh(100),
				amount: Money::from_units(10_000_000_000),
				expiry: expiry(number),
				receipt_key: ReceiptKey(Hashing::hash_of(&number)),
			};
			let signature = MultiSignature::Sr25519(sr25519::Signature::from_raw([7; 64]));
			let id = CtpId::of(&ctp, &Genesis::zero());
			made.push((id, SignedCtp { ctp, signature }));
			self.made += 1;
		}
		made
	}

	/// A block that adds, while the database is filled.
	fn fill(&mut self, count: usize) -> Result<(), MissingNode> {
		let layout = self.layout;
		let added = self.make(count, |number| layout.expiry(number));
		self.block(&added, &[])?;
		// Steps through the expiries, so that what settles lies everywhere.
		self.open.extend(added.into_iter().filter(|(_, signed)| signed.ctp.expiry >= LATE));
		Ok(())
	}

	/// A block of trades, and the time that it took the database.
	fn trade(&mut self) -> Result<Duration, MissingNode> {
		let expiry = self.layout.expiry(SPREAD - 1).max(LATE);
		let added = self.make(CHANGES, |_| expiry);
		let count = CHANGES.min(self.open.len());
		let settled: Vec<_> = self.open.drain(..count).collect();
		let begun = Instant::now();
		self.block(&added, &settled)?;
		let took = begun.elapsed();
		self.open.extend(added);
		Ok(took)
	}

	fn block(
		&mut self,
		added: &[(CtpId, SignedCtp)],
		settled: &[(CtpId, SignedCtp)],
	) -> Result<(), MissingNode> {
		let roots = block_record(self.disk, &self.parent)
			.map_or_else(Roots::default, |record| record.roots);
		let mut database = Database::new(self.disk, roots);
		for (id, signed) in added {
			let ctp = &signed.ctp;
			// What the rules look at.
			let _ = database.contains(ctp.expiry, id)?;
			let _ = database.claims(ctp.vault)?.len();
			let _ = database.claimed(ctp.offer)?;
			database.add(*id, signed)?;
		}
		for (id, signed) in settled {
			// Past its expiry it is not there any more, and an author leaves it out.
			if let Some(entry) = database.entry(id)? {
				let settlement = Settlement { ctp: entry, delivered: signed.ctp.energy };
				database.settle(SettledCtp { id: *id, settlement })?;
			}
		}
		database.expire((self.number + 1).saturating_sub(GRACE))?;
		let hash = Hashing::hash_of(&(self.number, self.parent, database.root()));
		database.commit(self.number, self.parent, hash)?;
		(self.parent, self.number) = (hash, self.number + 1);
		Ok(())
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn open_after(layout: Layout, blocks: usize) -> (u32, u32) {
		let folder = tempfile::tempdir().unwrap();
		let disk = Disk::open(folder.path()).unwrap();
		let mut chain = Chain::new(&disk, layout);
		chain.fill(2_400).unwrap();
		let count = |chain: &Chain<'_>| {
			let record = block_record(&disk, &chain.parent).unwrap();
			Database::new(&disk, record.roots).open()
		};
		let before = count(&chain);
		chain.number = MEASURED;
		for _ in 0..blocks {
			chain.trade().unwrap();
		}
		(before, count(&chain))
	}

	#[test]
	fn measured_blocks_should_keep_as_much_open_but_for_what_expires() {
		// One CTP of each expiry: each block drops one.
		assert_eq!(open_after(Layout::Spread, 5), (2_400, 2_395));
		assert_eq!(open_after(Layout::OneExpiry, 5), (2_400, 2_400));
	}

	#[test]
	fn the_storage_should_count_what_it_does_and_keep_what_it_is_given() {
		let folder = tempfile::tempdir().unwrap();
		let disk = Disk::open(folder.path()).unwrap();
		disk.set(b"a", b"123");
		assert_eq!(disk.get(b"a").as_deref(), Some(&b"123"[..]));
		assert!(disk.compare_and_set(b"a", Some(b"123".to_vec()), b"4"));
		disk.remove(b"a");
		assert_eq!(disk.get(b"a"), None);
		assert_eq!(disk.counts(), (3, 3, 4));
	}
}
