//! What the CTP database costs a block, against how many CTPs are open and how their expiries lie.
//!
//! Each measured block does what a block of trades does to the database: it adds some CTPs, with what
//! the rules read for each, takes others out that settle, drops what has expired, and is stored. It is
//! the same work at every size: as many are added, over the same expiries; as many settle, all from
//! the time in which the database was filled, evenly from all of it. Only what runs out by itself is
//! more where more is open.
//!
//! The pallet's code runs as it is compiled for this machine, not in WebAssembly, and what a node does
//! when it has time (taking away old versions) is left out.

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
/// Blocks that are measured each time.
const BLOCKS: usize = 5;
/// Blocks of the same kind before them, after which the storage has what blocks need at hand.
const WARM: usize = 2;
/// CTPs that settle, of those with which the database was filled.
const SETTLED: usize = CHANGES * (BLOCKS + WARM);
/// The fewest open CTPs of which so many can settle.
pub const FEWEST: u64 = 1_000;
/// CTPs that a block adds while the database is filled.
const FILL: usize = 2_000;
/// CTPs of one vault: so few that those that settle in a block are of as many vaults at every size.
const PER_VAULT: u32 = 8;
/// Offers that all is bought from.
const OFFERS: u32 = 97;
/// How long after its expiry a CTP is dropped.
const GRACE: BlockNumber = 20;
/// Expiries of a database that is spread: the chain's longest lifetime.
const SPREAD: usize = 2_400;
/// The first of these.
const FIRST: BlockNumber = 200;
/// The first block after the database was filled: with it, the first CTPs of a spread database run
/// out.
const MEASURED: BlockNumber = FIRST + GRACE;
/// The expiry of all where they have one.
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

	/// The expiry of the CTP at this place of so many that lie evenly.
	fn expiry(self, place: usize, of: usize) -> BlockNumber {
		let step = place.saturating_mul(SPREAD) / of.max(1);
		match self {
			Self::Spread => FIRST.saturating_add(u32::try_from(step).unwrap_or(u32::MAX)),
			Self::OneExpiry => LATE,
		}
	}
}

/// Measures what is not in the records yet: sizes and layouts in turn, `runs` times, so that all have
/// what the machine has to give at the time.
pub async fn measure(
	records: &mut Records,
	sizes: &[u64],
	runs: u32,
	progress: &Progress,
) -> Result<()> {
	progress.begin("cost of the CTP database");
	for point in points(sizes, runs) {
		if !records.has(point.noted()) {
			let open = usize::try_from(point.size).unwrap_or(usize::MAX);
			let measured = tokio::task::spawn_blocking(move || cost(point.layout, open)).await;
			records.note(point.noted(), &measured.map_err(|_| EvaluationError::Interrupted)??)?;
		}
		progress.step();
	}
	Ok(())
}

/// How many steps the part has.
pub fn steps(sizes: &[u64], runs: u32) -> u64 {
	points(sizes, runs).len() as u64
}

/// How many of them are in the records.
pub fn done(records: &Records, sizes: &[u64], runs: u32) -> u64 {
	points(sizes, runs).iter().filter(|point| records.has(point.noted())).count() as u64
}

/// One time that the database is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Measurement {
	layout: Layout,
	size: u64,
	run: u32,
}

impl Measurement {
	fn noted(&self) -> Point<'static> {
		Point { part: PART, way: self.layout.name(), size: self.size, run: self.run }
	}
}

/// All that is measured, in order.
fn points(sizes: &[u64], runs: u32) -> Vec<Measurement> {
	let mut points = Vec::new();
	for run in 0..runs {
		for layout in Layout::ALL {
			points.extend(sizes.iter().map(|size| Measurement { layout, size: *size, run }));
		}
	}
	points
}

/// What blocks cost with so many open CTPs.
fn cost(layout: Layout, open: usize) -> Result<Vec<(&'static str, f64)>> {
	let folder = tempfile::tempdir().map_err(EvaluationError::file(std::env::temp_dir()))?;
	let damaged = |_: MissingNode| EvaluationError::Database("a part of it is missing".into());
	let filled = {
		let disk = Disk::open(folder.path())?;
		let mut chain = Chain::new(&disk, layout);
		chain.fill(open).map_err(damaged)?;
		chain.state
	};
	// Closing it has put on the disk what it was filled with: nothing of that is left to do later.
	let disk = Disk::open(folder.path())?;
	let mut chain = Chain { disk: &disk, layout, state: filled };
	for _ in 0..WARM {
		chain.trade().map_err(damaged)?;
	}
	let before = chain.open();
	disk.forget_counts();
	let (mut times, mut settled) = (Vec::new(), 0);
	for _ in 0..BLOCKS {
		let traded = chain.trade().map_err(damaged)?;
		times.push(traded.took.as_secs_f64());
		settled += traded.settled;
	}
	let (reads, writes, written) = disk.counts();
	let dropped = (before + BLOCKS * CHANGES).saturating_sub(settled + chain.open());
	times.sort_unstable_by(f64::total_cmp);
	let blocks = BLOCKS as f64;
	let mut measured = vec![
		("block_s", times[times.len() / 2]),
		("block_most_s", times.last().copied().unwrap_or_default()),
		("reads", reads as f64 / blocks),
		("writes", writes as f64 / blocks),
		("written_bytes", written as f64 / blocks),
		("dropped", dropped as f64 / blocks),
	];
	if layout == Layout::OneExpiry {
		chain.state.number = LATE + GRACE;
		measured.push(("drop_all_s", chain.trade().map_err(damaged)?.took.as_secs_f64()));
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
	state: State,
}

/// How far a chain is.
struct State {
	/// The next block's number.
	number: BlockNumber,
	parent: H256,
	/// CTPs made so far.
	made: usize,
	/// What still is to settle, in the order in which it does.
	to_settle: VecDeque<(CtpId, SignedCtp)>,
}

/// What a block of trades did.
struct Traded {
	/// The time that it took the database.
	took: Duration,
	/// CTPs that settled.
	settled: usize,
}

impl<'a> Chain<'a> {
	fn new(disk: &'a Disk, layout: Layout) -> Self {
		let state = State { number: 1, parent: H256::zero(), made: 0, to_settle: VecDeque::new() };
		Self { disk, layout, state }
	}

	/// A new CTP, as its consumer would have signed it: the database looks at no signature.
	fn make(&mut self, expiry: BlockNumber) -> (CtpId, SignedCtp) {
		let number = u32::try_from(self.state.made).unwrap_or(u32::MAX);
		let ctp = Ctp {
			vault: number / PER_VAULT,
			offer: number % OFFERS,
			energy: Energy::from_wh(100),
			amount: Money::from_units(10_000_000_000),
			expiry,
			receipt_key: ReceiptKey(Hashing::hash_of(&number)),
		};
		let signature = MultiSignature::Sr25519(sr25519::Signature::from_raw([7; 64]));
		let id = CtpId::of(&ctp, &Genesis::zero());
		self.state.made += 1;
		(id, SignedCtp { ctp, signature })
	}

	/// Fills the database, and chooses what is to settle: evenly from all that does not run out while
	/// it is measured, each block's from everywhere.
	fn fill(&mut self, open: usize) -> Result<(), MissingNode> {
		// The first tenth runs out first.
		let first = open / 10;
		let place = |number: usize| first + number * (open - first) / SETTLED;
		let mut chosen = vec![None; SETTLED];
		let mut next = 0;
		let mut made = 0;
		while made < open {
			let count = FILL.min(open - made);
			let added: Vec<_> = (made..made + count)
				.map(|number| self.make(self.layout.expiry(number, open)))
				.collect();
			self.block(&added, &[])?;
			for (number, entry) in (made..).zip(added) {
				if next < SETTLED && place(next) == number {
					// One after the other to blocks in turn.
					let (block, within) = (next % (BLOCKS + WARM), next / (BLOCKS + WARM));
					chosen[block * CHANGES + within] = Some(entry);
					next += 1;
				}
			}
			made += count;
		}
		self.state.to_settle = chosen.into_iter().flatten().collect();
		self.state.number = MEASURED;
		Ok(())
	}

	/// A block of trades.
	fn trade(&mut self) -> Result<Traded, MissingNode> {
		let (from, of) = (CHANGES / 10, CHANGES + CHANGES / 10);
		let added: Vec<_> =
			(from..of).map(|place| self.make(self.layout.expiry(place, of))).collect();
		let count = CHANGES.min(self.state.to_settle.len());
		let settled: Vec<_> = self.state.to_settle.drain(..count).collect();
		let begun = Instant::now();
		let settled = self.block(&added, &settled)?;
		Ok(Traded { took: begun.elapsed(), settled })
	}

	/// Open CTPs.
	fn open(&self) -> usize {
		Database::new(self.disk, self.roots()).open() as usize
	}

	fn roots(&self) -> Roots {
		block_record(self.disk, &self.state.parent)
			.map_or_else(Roots::default, |record| record.roots)
	}

	/// A block that adds and settles; how many it has settled.
	fn block(
		&mut self,
		added: &[(CtpId, SignedCtp)],
		settled: &[(CtpId, SignedCtp)],
	) -> Result<usize, MissingNode> {
		let State { number, parent, .. } = self.state;
		let mut database = Database::new(self.disk, self.roots());
		for (id, signed) in added {
			let ctp = &signed.ctp;
			// What the rules look at.
			let _ = database.contains(ctp.expiry, id)?;
			let _ = database.claims(ctp.vault)?.len();
			let _ = database.claimed(ctp.offer)?;
			database.add(*id, signed)?;
		}
		let mut done = 0;
		for (id, signed) in settled {
			// Past its expiry it is not there any more, and an author leaves it out.
			if let Some(entry) = database.entry(id)? {
				let settlement = Settlement { ctp: entry, delivered: signed.ctp.energy };
				database.settle(SettledCtp { id: *id, settlement })?;
				done += 1;
			}
		}
		database.expire((number + 1).saturating_sub(GRACE))?;
		let hash = Hashing::hash_of(&(number, parent, database.root()));
		database.commit(number, parent, hash)?;
		(self.state.parent, self.state.number) = (hash, number + 1);
		Ok(done)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_same_work_should_be_done_at_every_size() {
		for layout in Layout::ALL {
			for open in [FEWEST as usize, 4_800] {
				let folder = tempfile::tempdir().unwrap();
				let disk = Disk::open(folder.path()).unwrap();
				let mut chain = Chain::new(&disk, layout);
				chain.fill(open).unwrap();
				assert_eq!(chain.open(), open);
				let all = chain.state.to_settle.len();
				assert_eq!(all, SETTLED, "{layout:?} {open}");
				let old = chain.state.made;
				for _ in 0..WARM + BLOCKS {
					let traded = chain.trade().unwrap();
					assert_eq!(traded.settled, CHANGES, "{layout:?} {open}");
				}
				// Nothing of what is new has settled, and as much has come as gone.
				assert_eq!(chain.state.made, old + SETTLED);
				assert!(chain.state.to_settle.is_empty());
				// Of a spread database each block drops one expiry.
				let most = if layout == Layout::Spread { 2 * (WARM + BLOCKS) } else { 0 };
				assert!((open - most..=open).contains(&chain.open()), "{layout:?} {open}");
			}
		}
	}

	#[test]
	fn what_settles_in_a_block_should_come_from_everywhere() {
		let folder = tempfile::tempdir().unwrap();
		let disk = Disk::open(folder.path()).unwrap();
		let mut chain = Chain::new(&disk, Layout::Spread);
		chain.fill(4_800).unwrap();
		let block = chain.state.to_settle.iter().take(CHANGES);
		let expiries: Vec<_> = block.map(|(_, signed)| signed.ctp.expiry).collect();
		let (first, last) = (expiries[0], expiries[CHANGES - 1]);
		assert!(first >= MEASURED && expiries.is_sorted(), "{expiries:?}");
		assert!(last - first > 2_000, "{expiries:?}");
	}

	#[test]
	fn a_database_should_be_the_same_when_it_is_opened_again() {
		let measured = cost(Layout::OneExpiry, FEWEST as usize).unwrap();
		let names: Vec<_> = measured.iter().map(|(name, _)| *name).collect();
		assert!(names.contains(&"block_s") && names.contains(&"drop_all_s"), "{names:?}");
	}

	#[test]
	fn sizes_and_layouts_should_be_measured_in_turn() {
		let points = points(&[1_000, 5_000], 2);
		let of = |point: &Measurement| (point.run, point.layout.name(), point.size);
		let order: Vec<_> = points.iter().map(of).collect();
		assert_eq!(order.len(), 8);
		assert_eq!(order[0], (0, "spread", 1_000));
		assert_eq!(order[1], (0, "spread", 5_000));
		assert_eq!(order[2], (0, "one-expiry", 1_000));
		assert_eq!(order[4], (1, "spread", 1_000));
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
