use super::{
	super::sidecars::tests::{sidecars, Memory},
	*,
};
use sc_consensus::{ImportedState, StateAction, StorageChanges};
use sp_runtime::{traits::Header as _, Digest};
use std::collections::HashMap;

/// Gives the same verdict on every block and writes down what it was asked.
struct DoubleJudge {
	verdict: parking_lot::Mutex<Verdict>,
	old: bool,
	asked: parking_lot::Mutex<Vec<(Hash, Hash, Vec<u8>)>>,
}

impl Judge for DoubleJudge {
	fn final_number(&self) -> BlockNumber {
		2
	}

	fn is_old(&self, _: &Header) -> bool {
		self.old
	}

	fn check(
		&self,
		parent: Hash,
		hash: Hash,
		_: Block,
		sidecar: Vec<u8>,
	) -> Result<Verdict, DatabaseError> {
		self.asked.lock().push((parent, hash, sidecar));
		Ok(self.verdict.lock().clone())
	}
}

/// Knows some sidecars and writes down which were wanted.
#[derive(Default)]
struct DoubleSource {
	known: HashMap<Hash, Vec<u8>>,
	wanted: parking_lot::Mutex<Vec<(Hash, Wanted)>>,
}

#[async_trait::async_trait]
impl SidecarSource for DoubleSource {
	async fn fetch(&self, hash: Hash, wanted: Wanted) -> Option<Vec<u8>> {
		self.wanted.lock().push((hash, wanted));
		self.known.get(&hash).cloned()
	}
}

/// Restores databases, after which blocks are good, or does not; writes down which.
struct DoubleDatabases {
	judge: Option<Arc<DoubleJudge>>,
	wanted: parking_lot::Mutex<Vec<Hash>>,
}

#[async_trait::async_trait]
impl DatabaseSource for DoubleDatabases {
	async fn restore(&self, block: Hash, _: Patience) -> bool {
		self.wanted.lock().push(block);
		if let Some(judge) = &self.judge {
			*judge.verdict.lock() = Verdict::Ok;
		}
		self.judge.is_some()
	}
}

/// Imports everything and keeps what came with it.
#[derive(Default)]
struct DoubleInner {
	imported: parking_lot::Mutex<Vec<(Hash, usize)>>,
	/// Those that were not to be the best block.
	not_best: parking_lot::Mutex<Vec<Hash>>,
}

#[async_trait::async_trait]
impl BlockImport<Block> for &DoubleInner {
	type Error = ConsensusError;

	async fn check_block(
		&self,
		_: BlockCheckParams<Block>,
	) -> Result<ImportResult, ConsensusError> {
		Ok(ImportResult::AlreadyInChain)
	}

	async fn import_block(
		&self,
		block: BlockImportParams<Block>,
	) -> Result<ImportResult, ConsensusError> {
		self.imported.lock().push((block.post_hash(), block.auxiliary.len()));
		if matches!(block.fork_choice, Some(ForkChoiceStrategy::Custom(false))) {
			self.not_best.lock().push(block.post_hash());
		}
		Ok(ImportResult::imported(true))
	}
}

struct Bench {
	import: DatabaseImport<Arc<DoubleInner>, DoubleJudge, DoubleSource, DoubleDatabases, Memory>,
	inner: Arc<DoubleInner>,
}

/// How a [`Bench`] differs from the ordinary one.
#[derive(Clone, Copy, Default)]
struct Case {
	/// Its blocks are older than the evidence window.
	old: bool,
	/// Peers have databases.
	restores: bool,
}

const EVIDENCE: [u8; 4] = [9, 8, 7, 6];

fn bench(verdict: Verdict, source: DoubleSource) -> Bench {
	bench_of(Case::default(), verdict, source)
}

fn bench_of(case: Case, verdict: Verdict, source: DoubleSource) -> Bench {
	let inner = Arc::new(DoubleInner::default());
	let verdict = parking_lot::Mutex::new(verdict);
	let judge = Arc::new(DoubleJudge { verdict, old: case.old, asked: Default::default() });
	let metrics = Metrics::new(None).unwrap();
	let (sidecars, memory) = sidecars();
	let restoring = case.restores.then(|| judge.clone());
	let databases = DoubleDatabases { judge: restoring, wanted: Default::default() };
	let import = DatabaseImport::new(
		inner.clone(),
		judge,
		Arc::new(source),
		Arc::new(databases),
		Arc::new(sidecars),
		Arc::new(Unjudged::open(memory).unwrap()),
		metrics,
	);
	Bench { import, inner }
}

fn knowing() -> DoubleSource {
	let known = [(hash_of(&EVIDENCE), EVIDENCE.to_vec())].into_iter().collect();
	DoubleSource { known, ..Default::default() }
}

/// Block 3 with the digest of [`EVIDENCE`].
fn block(origin: BlockOrigin) -> BlockImportParams<Block> {
	let digest =
		DatabaseDigest { database_root: Hash::repeat_byte(1), sidecar_hash: hash_of(&EVIDENCE) };
	let digest = Digest { logs: vec![digest.to_item()] };
	let parent = Hash::repeat_byte(2);
	let header = Header::new(3, Hash::zero(), Hash::zero(), parent, digest);
	let mut block = BlockImportParams::new(origin, header);
	block.body = Some(Vec::new());
	block
}

fn count(bench: &Bench, verdict: &str) -> u64 {
	bench.import.metrics.blocks_checked.with_label_values(&[verdict]).get()
}

#[tokio::test]
async fn good_block_should_be_imported_with_its_sidecar() {
	for origin in [BlockOrigin::Own, BlockOrigin::NetworkBroadcast] {
		let bench = bench(Verdict::Ok, knowing());
		let block = block(origin);
		let hash = block.post_hash();
		let imported = bench.import.import_block(block).await.unwrap();
		assert_eq!(imported, ImportResult::imported(true));
		assert_eq!(*bench.inner.imported.lock(), [(hash, 2)]);
		let asked = bench.import.judge.asked.lock();
		assert_eq!(*asked, [(Hash::repeat_byte(2), hash, EVIDENCE.to_vec())]);
		assert_eq!(count(&bench, "ok"), 1);
	}
}

#[tokio::test]
async fn bad_block_should_be_known_bad_and_named_by_rule() {
	let bench = bench(Verdict::Bad(Refusal::RootMismatch), knowing());
	let imported = bench.import.import_block(block(BlockOrigin::Own)).await.unwrap();
	assert_eq!(imported, ImportResult::KnownBad);
	assert!(bench.inner.imported.lock().is_empty());
	let refused = &bench.import.metrics.blocks_refused;
	assert_eq!(refused.with_label_values(&["R4", "RootMismatch"]).get(), 1);
}

#[tokio::test]
async fn block_without_digest_should_be_bad_without_asking() {
	let bench = bench(Verdict::Ok, knowing());
	let mut block = block(BlockOrigin::NetworkBroadcast);
	block.header.digest = Digest::default();
	let imported = bench.import.import_block(block).await.unwrap();
	assert_eq!(imported, ImportResult::KnownBad);
	assert!(bench.import.judge.asked.lock().is_empty());
}

#[tokio::test]
async fn missing_sidecar_should_be_an_error_that_keeps_the_peer() {
	let bench = bench(Verdict::Ok, DoubleSource::default());
	let error = bench.import.import_block(block(BlockOrigin::NetworkBroadcast)).await;
	let error = error.unwrap_err().to_string();
	assert!(error.contains("of block 3 is not at hand"), "{error}");
	assert!(bench.inner.imported.lock().is_empty() && bench.import.judge.asked.lock().is_empty());
	let wanted = bench.import.source.wanted.lock();
	assert_eq!((wanted[0].0, wanted[0].1.number), (hash_of(&EVIDENCE), 3));
	assert_eq!(count(&bench, "missing"), 1);
	let by_reason = &bench.import.metrics.blocks_not_judged;
	let counted = NotJudged::NAMES.map(|name| by_reason.with_label_values(&[name]).get());
	assert_eq!(counted, [1, 0, 0, 0, 0, 0]);
}

#[test]
fn names_should_be_those_of_the_variants() {
	let (number, hash) = (1, Hash::zero());
	for not_judged in [
		NotJudged::SidecarMissing { number, sidecar: hash },
		NotJudged::DatabaseMissing { number, database: hash },
		NotJudged::DatabaseDamaged { number },
		NotJudged::BodyMissing { number },
		NotJudged::Runtime { number, source: DatabaseError::Damaged },
	] {
		let name = not_judged.name();
		assert!(format!("{not_judged:?}").starts_with(name), "{not_judged:?} is called {name}");
	}
}

#[tokio::test]
async fn other_bytes_should_count_as_missing() {
	let known = [(hash_of(&EVIDENCE), vec![1])].into_iter().collect();
	let bench = bench(Verdict::Ok, DoubleSource { known, ..Default::default() });
	assert!(bench.import.import_block(block(BlockOrigin::NetworkBroadcast)).await.is_err());
	assert!(bench.import.judge.asked.lock().is_empty());
}

#[tokio::test]
async fn missing_database_should_be_an_error_that_names_it() {
	let database = Hash::repeat_byte(5);
	for (missing, text) in
		[(Missing::Database(database), "0x0505"), (Missing::Node, "a part of the CTP database")]
	{
		let bench = bench(Verdict::Missing(missing), knowing());
		let error = bench.import.import_block(block(BlockOrigin::Own)).await.unwrap_err();
		assert!(error.to_string().contains(text), "{error}");
		assert!(bench.inner.imported.lock().is_empty());
	}
}

#[tokio::test]
async fn missing_database_should_be_restored_and_the_block_judged_again() {
	let missing = Verdict::Missing(Missing::Database(Hash::repeat_byte(2)));
	for verdict in [missing, Verdict::Missing(Missing::Node)] {
		let case = Case { restores: true, ..Default::default() };
		let bench = bench_of(case, verdict, knowing());
		let imported = bench.import.import_block(block(BlockOrigin::NetworkBroadcast)).await;
		assert_eq!(imported.unwrap(), ImportResult::imported(true));
		assert_eq!(*bench.import.databases.wanted.lock(), [Hash::repeat_byte(2)]);
		assert_eq!(bench.import.judge.asked.lock().len(), 2);
	}
}

#[tokio::test]
async fn own_block_should_wait_for_no_peer() {
	let missing = Verdict::Missing(Missing::Database(Hash::repeat_byte(2)));
	let bench = bench_of(Case { restores: true, old: true }, missing, knowing());
	assert!(bench.import.import_block(block(BlockOrigin::Own)).await.is_err());
	assert!(bench.import.databases.wanted.lock().is_empty());
	assert!(!bench.import.source.wanted.lock()[0].1.old);
}

#[tokio::test]
async fn old_block_should_be_imported_unjudged_and_not_be_the_best() {
	let missing = Verdict::Missing(Missing::Database(Hash::repeat_byte(2)));
	let cases = [
		(Verdict::Ok, DoubleSource::default(), 2, 0),
		// Its sidecar is kept, where it has one; only then is a database any use.
		(missing, knowing(), 4, 1),
	];
	for (verdict, source, written, asked) in cases {
		let bench = bench_of(Case { old: true, restores: false }, verdict, source);
		let block = block(BlockOrigin::NetworkInitialSync);
		let hash = block.post_hash();
		bench.import.import_block(block).await.unwrap();
		assert_eq!(*bench.inner.imported.lock(), [(hash, written)]);
		assert_eq!(*bench.inner.not_best.lock(), [hash]);
		assert!(bench.import.unjudged.contains(&hash));
		assert_eq!(bench.import.metrics.blocks_unjudged.get(), 1);
		assert_eq!(bench.import.databases.wanted.lock().len(), asked);
	}
}

#[tokio::test]
async fn good_block_on_an_unjudged_one_should_not_be_the_best() {
	let bench = bench(Verdict::Ok, knowing());
	let block = block(BlockOrigin::NetworkBroadcast);
	let (hash, parent) = (block.post_hash(), block.header.parent_hash);
	bench.import.unjudged.mark(2, parent, Hash::zero(), Reason::NotJudged);
	bench.import.import_block(block).await.unwrap();
	assert_eq!(*bench.inner.not_best.lock(), [hash]);
	bench.import.unjudged.finalized(2, &parent).unwrap();
	assert!(!bench.import.unjudged.contains(&hash), "it is good when its parent is final");
}

#[tokio::test]
async fn old_block_that_breaks_a_rule_should_be_bad_all_the_same() {
	let case = Case { old: true, ..Default::default() };
	let bench = bench_of(case, Verdict::Bad(Refusal::RootMismatch), knowing());
	let imported = bench.import.import_block(block(BlockOrigin::NetworkInitialSync)).await;
	assert_eq!(imported.unwrap(), ImportResult::KnownBad);
	assert!(bench.import.unjudged.is_empty());
}

#[tokio::test]
async fn block_without_body_should_be_an_error() {
	let bench = bench(Verdict::Ok, knowing());
	let mut block = block(BlockOrigin::NetworkBroadcast);
	block.body = None;
	assert!(bench.import.import_block(block).await.is_err());
}

#[tokio::test]
async fn what_finality_covers_should_not_be_judged() {
	let bench = bench(Verdict::Bad(Refusal::RootMismatch), DoubleSource::default());
	let mut skipped = block(BlockOrigin::NetworkInitialSync);
	skipped.state_action = StateAction::Skip;
	let mut with_state = block(BlockOrigin::NetworkInitialSync);
	let state =
		ImportedState { block: Hash::zero(), state: sp_state_machine::KeyValueStates(vec![]) };
	with_state.state_action = StateAction::ApplyChanges(StorageChanges::Import(state));
	let mut old = block(BlockOrigin::NetworkBroadcast);
	old.header.number = 2;
	let exempt =
		[block(BlockOrigin::GapSync), block(BlockOrigin::WarpSync), skipped, with_state, old];
	for block in exempt {
		let imported = bench.import.import_block(block).await.unwrap();
		assert_eq!(imported, ImportResult::imported(true));
	}
	assert_eq!(bench.inner.imported.lock().len(), 5);
	assert!(bench.import.judge.asked.lock().is_empty());
}
