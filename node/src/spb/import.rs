//! The import check: every block is judged by its sidecar before it is imported.
//!
//! Stands between Aura, which has verified the header by then, and GRANDPA, for the node's own
//! blocks as well as for those of others. Three verdicts (design section 6):
//!
//! * good: the block goes on, and its sidecar is written with it;
//! * bad: the block breaks a rule; the peer that sent it is dropped;
//! * missing: something to judge it by is not at hand, though peers were asked for it within a
//!   bound. That is no one's fault, so the import ends with an error, upon which sync asks for the
//!   block again and keeps the peer.
//!
//! A block older than the evidence window for which something is missing is imported without being
//! judged, and marked (see [`super::unjudged`]): it is not the best block, and neither is what stands
//! on it, until others have made it final.
//!
//! Exempt is what a finality proof covers already: gap sync, warp sync, imported state, and blocks
//! no higher than the last final one, which the client itself refuses unless they fill the gap.

use super::{
	metrics::{Checked, Metrics},
	network::{fetcher::Patience, restorer::DatabaseSource},
	runtime::{CtpDatabase, DatabaseError},
	sidecars::{hash_of, Auxiliary, SidecarError, SidecarSource, Sidecars, Wanted},
	unjudged::{Reason, Unjudged},
	Hash, Header, LOG_TARGET,
};
use pallet_spb::runtime_api::{Missing, Verdict};
use sc_client_api::AuxStore;
use sc_consensus::{
	BlockCheckParams, BlockImport, BlockImportParams, ForkChoiceStrategy, ImportResult,
};
use sp_consensus::{BlockOrigin, Error as ConsensusError};
use spb_primitives::{BlockNumber, DatabaseDigest, Refusal};
use spb_runtime::opaque::{Block, UncheckedExtrinsic};
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Judges blocks.
pub trait Judge: Send + Sync {
	/// The number of the last final block.
	fn final_number(&self) -> BlockNumber;

	/// Whether a block is older than the evidence window.
	fn is_old(&self, header: &Header) -> bool;

	/// Judges a block on top of `parent` and stores the database after it if it is good.
	fn check(
		&self,
		parent: Hash,
		hash: Hash,
		block: Block,
		sidecar: Vec<u8>,
	) -> Result<Verdict, DatabaseError>;
}

impl Judge for CtpDatabase {
	fn final_number(&self) -> BlockNumber {
		self.final_number()
	}

	fn is_old(&self, header: &Header) -> bool {
		self.is_old(header)
	}

	fn check(
		&self,
		parent: Hash,
		hash: Hash,
		block: Block,
		sidecar: Vec<u8>,
	) -> Result<Verdict, DatabaseError> {
		self.check(parent, hash, block, sidecar)
	}
}

/// Why a block could not be judged. The block may be good.
#[derive(Debug, thiserror::Error)]
pub enum NotJudged {
	/// Its sidecar is not at hand.
	#[error("the sidecar {sidecar:?} of block {number} is not at hand yet")]
	SidecarMissing {
		/// The block's number.
		number: BlockNumber,
		/// The sidecar that its header names.
		sidecar: Hash,
	},
	/// The database that it changes is not stored here.
	#[error("block {number} needs the CTP database after block {database:?}, which is not here")]
	DatabaseMissing {
		/// The block's number.
		number: BlockNumber,
		/// The block whose database is missing.
		database: Hash,
	},
	/// The stored database has a hole.
	#[error("block {number} needs a part of the CTP database that is missing on this node")]
	DatabaseDamaged {
		/// The block's number.
		number: BlockNumber,
	},
	/// It came without its body.
	#[error("block {number} came without its body")]
	BodyMissing {
		/// The block's number.
		number: BlockNumber,
	},
	/// The runtime does not answer.
	#[error("block {number} is not judged: {source}")]
	Runtime {
		/// The block's number.
		number: BlockNumber,
		/// Why.
		#[source]
		source: DatabaseError,
	},
	/// The sidecar cannot be stored with it.
	#[error("the sidecar of block {number} cannot be stored: {source}")]
	Store {
		/// The block's number.
		number: BlockNumber,
		/// Why.
		#[source]
		source: SidecarError,
	},
}

/// What came of judging a block.
enum Judgement {
	/// It is good by this sidecar.
	Good(Vec<u8>),
	/// It breaks a rule.
	Bad(Refusal),
	/// It is too old for what is missing to be had; its sidecar may be here all the same.
	Unjudged(Option<Vec<u8>>),
}

/// What a block is judged by.
struct Question {
	hash: Hash,
	header: Header,
	body: Option<Vec<UncheckedExtrinsic>>,
	origin: BlockOrigin,
}

/// The import check around an inner block import.
pub struct DatabaseImport<I, J, S, D, A> {
	inner: I,
	judge: Arc<J>,
	source: Arc<S>,
	databases: Arc<D>,
	sidecars: Arc<Sidecars<A>>,
	unjudged: Arc<Unjudged<A>>,
	metrics: Metrics,
	one_at_a_time: Arc<Mutex<()>>,
}

impl<I: Clone, J, S, D, A> Clone for DatabaseImport<I, J, S, D, A> {
	fn clone(&self) -> Self {
		Self {
			inner: self.inner.clone(),
			judge: self.judge.clone(),
			source: self.source.clone(),
			databases: self.databases.clone(),
			sidecars: self.sidecars.clone(),
			unjudged: self.unjudged.clone(),
			metrics: self.metrics.clone(),
			one_at_a_time: self.one_at_a_time.clone(),
		}
	}
}

#[cfg(feature = "misbehaviour")]
impl<I, J, S, D, A> DatabaseImport<I, J, S, D, A> {
	/// What imports blocks that were judged.
	pub fn unjudged_import(&self) -> &I {
		&self.inner
	}
}

impl<I, J, S, D, A> DatabaseImport<I, J, S, D, A>
where
	J: Judge,
	S: SidecarSource,
	D: DatabaseSource,
	A: AuxStore + Send + Sync,
{
	/// Judges with `judge`, by sidecars from `source` and databases from `databases`, before `inner`
	/// imports.
	pub fn new(
		inner: I,
		judge: Arc<J>,
		source: Arc<S>,
		databases: Arc<D>,
		sidecars: Arc<Sidecars<A>>,
		unjudged: Arc<Unjudged<A>>,
		metrics: Metrics,
	) -> Self {
		let one_at_a_time = Arc::default();
		Self { inner, judge, source, databases, sidecars, unjudged, metrics, one_at_a_time }
	}

	/// Whether finality covers the block already.
	fn is_exempt(&self, block: &BlockImportParams<Block>) -> bool {
		matches!(block.origin, BlockOrigin::GapSync | BlockOrigin::WarpSync | BlockOrigin::Genesis)
			|| block.with_state()
			|| block.state_action.skip_execution_checks()
			|| block.header.number <= self.judge.final_number()
	}

	/// Judges a block, with whatever peers have to be asked for. Only while the runtime judges does
	/// it hold up others: the guard that comes with the judgement goes when the block is imported.
	async fn judge(
		&self,
		question: Question,
	) -> Result<(Judgement, OwnedMutexGuard<()>), NotJudged> {
		let Question { hash, header, body, origin } = question;
		let number = header.number;
		let Some(digest) = DatabaseDigest::find(&header.digest) else {
			return Ok((Judgement::Bad(Refusal::SealMissing), self.turn().await));
		};
		let body = body.ok_or(NotJudged::BodyMissing { number })?;

		// Blocks of a file are asked for by no one else: who gives them must have their sidecars.
		let may_be_unjudged = !matches!(origin, BlockOrigin::Own | BlockOrigin::File);
		let old = may_be_unjudged && self.judge.is_old(&header);
		let wanted = Wanted { block: hash, number, origin, old };
		let fetched = self.source.fetch(digest.sidecar_hash, wanted).await;
		// Bytes with another hash are no sidecar of this block and say nothing about it.
		let sidecar = match fetched.filter(|bytes| hash_of(bytes) == digest.sidecar_hash) {
			Some(sidecar) => sidecar,
			None if old => return Ok((Judgement::Unjudged(None), self.turn().await)),
			None => return Err(NotJudged::SidecarMissing { number, sidecar: digest.sidecar_hash }),
		};

		let parent = header.parent_hash;
		let block = Block { header, extrinsics: body };
		let (missing, turn) = match self.check(hash, &block, &sidecar).await? {
			(Verdict::Ok, turn) => return Ok((Judgement::Good(sidecar), turn)),
			(Verdict::Bad(refusal), turn) => return Ok((Judgement::Bad(refusal), turn)),
			(Verdict::Missing(missing), turn) => (missing, turn),
		};
		drop(turn);
		// The database that the block changes is not here or damaged: peers may have it.
		let patience = if old { Patience::OneRound } else { Patience::Bound };
		let restored = origin != BlockOrigin::Own && self.databases.restore(parent, patience).await;
		let (verdict, turn) = if restored {
			self.check(hash, &block, &sidecar).await?
		} else {
			(Verdict::Missing(missing), self.turn().await)
		};
		match verdict {
			Verdict::Ok => Ok((Judgement::Good(sidecar), turn)),
			Verdict::Bad(refusal) => Ok((Judgement::Bad(refusal), turn)),
			Verdict::Missing(_) if old => Ok((Judgement::Unjudged(Some(sidecar)), turn)),
			Verdict::Missing(missing) => Err(not_judged(number, missing)),
		}
	}

	async fn turn(&self) -> OwnedMutexGuard<()> {
		self.one_at_a_time.clone().lock_owned().await
	}

	/// Has the runtime judge a block. The slot worker and the import queue come here on their own:
	/// what is read for a block and written with it must not change in between.
	async fn check(
		&self,
		hash: Hash,
		block: &Block,
		sidecar: &[u8],
	) -> Result<(Verdict, OwnedMutexGuard<()>), NotJudged> {
		let (number, parent) = (block.header.number, block.header.parent_hash);
		let turn = self.turn().await;
		let timer = self.metrics.check_seconds.start_timer();
		let verdict = self.judge.check(parent, hash, block.clone(), sidecar.to_vec());
		timer.observe_duration();
		verdict
			.map(|verdict| (verdict, turn))
			.map_err(|source| NotJudged::Runtime { number, source })
	}

	/// What to write with a block, and whether it may be the best one.
	fn to_write(
		&self,
		block: &BlockImportParams<Block>,
		sidecar: Option<&[u8]>,
		judged: bool,
	) -> Result<(Vec<Auxiliary>, bool), NotJudged> {
		let (number, parent) = (block.header.number, block.header.parent_hash);
		let mut write = match sidecar {
			Some(sidecar) => self
				.sidecars
				.to_write(number, sidecar)
				.map_err(|source| NotJudged::Store { number, source })?,
			None => Vec::new(),
		};
		let reason = match judged {
			false => Reason::NotJudged,
			true if self.unjudged.contains(&parent) => Reason::StandsOnOne,
			true => {
				write.extend(self.unjudged.unmark(number, &block.post_hash()));
				return Ok((write, true));
			},
		};
		write.extend(self.unjudged.mark(number, block.post_hash(), parent, reason));
		Ok((write, false))
	}

	async fn import(
		&self,
		mut block: BlockImportParams<Block>,
		(write, may_be_best): (Vec<Auxiliary>, bool),
	) -> Result<ImportResult, ConsensusError>
	where
		I: BlockImport<Block, Error = ConsensusError> + Send + Sync,
	{
		block.auxiliary.extend(write);
		if !may_be_best {
			block.fork_choice = Some(ForkChoiceStrategy::Custom(false));
		}
		self.inner.import_block(block).await
	}
}

fn not_judged(number: BlockNumber, missing: Missing) -> NotJudged {
	match missing {
		Missing::Database(database) => NotJudged::DatabaseMissing { number, database },
		Missing::Node => NotJudged::DatabaseDamaged { number },
	}
}

#[async_trait::async_trait]
impl<I, J, S, D, A> BlockImport<Block> for DatabaseImport<I, J, S, D, A>
where
	I: BlockImport<Block, Error = ConsensusError> + Send + Sync,
	J: Judge,
	S: SidecarSource,
	D: DatabaseSource,
	A: AuxStore + Send + Sync,
{
	type Error = ConsensusError;

	async fn check_block(
		&self,
		block: BlockCheckParams<Block>,
	) -> Result<ImportResult, ConsensusError> {
		self.inner.check_block(block).await
	}

	async fn import_block(
		&self,
		block: BlockImportParams<Block>,
	) -> Result<ImportResult, ConsensusError> {
		if self.is_exempt(&block) {
			return self.inner.import_block(block).await;
		}
		let (hash, number, origin) = (block.post_hash(), block.header.number, block.origin);
		let question =
			Question { hash, header: block.header.clone(), body: block.body.clone(), origin };
		let missing = |not_judged: NotJudged| {
			self.metrics.checked(Checked::Missing);
			log::warn!(target: LOG_TARGET, "Not imported for now: {not_judged} ({hash:?})");
			ConsensusError::Other(Box::new(not_judged))
		};
		let (judgement, _turn) = self.judge(question).await.map_err(missing)?;
		match judgement {
			Judgement::Good(sidecar) => {
				let write = self.to_write(&block, Some(&sidecar), true).map_err(missing)?;
				self.metrics.checked(Checked::Ok);
				self.import(block, write).await
			},
			Judgement::Unjudged(sidecar) => {
				let write = self.to_write(&block, sidecar.as_deref(), false).map_err(missing)?;
				self.metrics.blocks_unjudged.inc();
				log::debug!(
					target: LOG_TARGET,
					"Block {number} ({hash:?}) is imported without being judged: it is older than \
					 the evidence window, and no one has what it would be judged by",
				);
				self.import(block, write).await
			},
			Judgement::Bad(refusal) => {
				self.metrics.refused(refusal);
				let (rule, name) = (refusal.rule(), refusal.name());
				let own = if origin == BlockOrigin::Own { "own block" } else { "block" };
				log::error!(
					target: LOG_TARGET,
					"Refused {own} {number} ({hash:?}) by {rule}, {name}: {}", refusal.text(),
				);
				Ok(ImportResult::KnownBad)
			},
		}
	}
}

#[cfg(test)]
mod tests {
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
		import:
			DatabaseImport<Arc<DoubleInner>, DoubleJudge, DoubleSource, DoubleDatabases, Memory>,
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
		let digest = DatabaseDigest {
			database_root: Hash::repeat_byte(1),
			sidecar_hash: hash_of(&EVIDENCE),
		};
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
		assert!(
			bench.inner.imported.lock().is_empty() && bench.import.judge.asked.lock().is_empty()
		);
		let wanted = bench.import.source.wanted.lock();
		assert_eq!((wanted[0].0, wanted[0].1.number), (hash_of(&EVIDENCE), 3));
		assert_eq!(count(&bench, "missing"), 1);
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
}
