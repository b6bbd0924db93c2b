//! The import check: every block is judged by its sidecar before it is imported.
//!
//! Stands between Aura, which has verified the header by then, and GRANDPA, for the node's own
//! blocks as well as for those of others. Three verdicts (design section 6):
//!
//! * good: the block goes on, and its sidecar is written with it;
//! * bad: the block breaks a rule; the peer that sent it is dropped;
//! * missing: something to judge it by is not at hand. That is no one's fault, so the import ends
//!   with an error, upon which sync asks for the block again and keeps the peer.
//!
//! Exempt is what a finality proof covers already: gap sync, warp sync, imported state, and blocks
//! no higher than the last final one, which the client itself refuses unless they fill the gap.

use super::{
	metrics::{Checked, Metrics},
	runtime::{CtpDatabase, DatabaseError},
	sidecars::{hash_of, SidecarError, SidecarSource, Sidecars, Wanted},
	Hash, Header, LOG_TARGET,
};
use pallet_spb::runtime_api::{Missing, Verdict};
use sc_client_api::AuxStore;
use sc_consensus::{BlockCheckParams, BlockImport, BlockImportParams, ImportResult};
use sp_consensus::{BlockOrigin, Error as ConsensusError};
use spb_primitives::{BlockNumber, DatabaseDigest, Refusal};
use spb_runtime::opaque::{Block, UncheckedExtrinsic};
use std::sync::Arc;
use tokio::sync::Mutex;

/// Judges blocks.
pub trait Judge: Send + Sync {
	/// The number of the last final block.
	fn final_number(&self) -> BlockNumber;

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
}

/// What a block is judged by.
struct Question {
	hash: Hash,
	header: Header,
	body: Option<Vec<UncheckedExtrinsic>>,
	origin: BlockOrigin,
}

/// The import check around an inner block import.
pub struct DatabaseImport<I, J, S, A> {
	inner: I,
	judge: Arc<J>,
	source: Arc<S>,
	sidecars: Arc<Sidecars<A>>,
	metrics: Metrics,
	one_at_a_time: Arc<Mutex<()>>,
}

impl<I: Clone, J, S, A> Clone for DatabaseImport<I, J, S, A> {
	fn clone(&self) -> Self {
		Self {
			inner: self.inner.clone(),
			judge: self.judge.clone(),
			source: self.source.clone(),
			sidecars: self.sidecars.clone(),
			metrics: self.metrics.clone(),
			one_at_a_time: self.one_at_a_time.clone(),
		}
	}
}

impl<I, J, S, A> DatabaseImport<I, J, S, A>
where
	J: Judge,
	S: SidecarSource,
	A: AuxStore + Send + Sync,
{
	/// Judges with `judge`, by sidecars from `source`, before `inner` imports.
	pub fn new(
		inner: I,
		judge: Arc<J>,
		source: Arc<S>,
		sidecars: Arc<Sidecars<A>>,
		metrics: Metrics,
	) -> Self {
		Self { inner, judge, source, sidecars, metrics, one_at_a_time: Arc::default() }
	}

	/// Whether finality covers the block already.
	fn is_exempt(&self, block: &BlockImportParams<Block>) -> bool {
		matches!(block.origin, BlockOrigin::GapSync | BlockOrigin::WarpSync | BlockOrigin::Genesis)
			|| block.with_state()
			|| block.state_action.skip_execution_checks()
			|| block.header.number <= self.judge.final_number()
	}

	async fn judge(&self, question: Question) -> Result<Judgement, NotJudged> {
		let Question { hash, header, body, origin } = question;
		let number = header.number;
		let Some(digest) = DatabaseDigest::find(&header.digest) else {
			return Ok(Judgement::Bad(Refusal::SealMissing));
		};
		let body = body.ok_or(NotJudged::BodyMissing { number })?;

		let wanted = Wanted { block: hash, number, origin };
		let fetched = self.source.fetch(digest.sidecar_hash, wanted).await;
		// Bytes with another hash are no sidecar of this block and say nothing about it.
		let sidecar = fetched
			.filter(|bytes| hash_of(bytes) == digest.sidecar_hash)
			.ok_or(NotJudged::SidecarMissing { number, sidecar: digest.sidecar_hash })?;

		let parent = header.parent_hash;
		let block = Block { header, extrinsics: body };
		let timer = self.metrics.check_seconds.start_timer();
		let verdict = self.judge.check(parent, hash, block, sidecar.clone());
		timer.observe_duration();
		match verdict.map_err(|source| NotJudged::Runtime { number, source })? {
			Verdict::Ok => Ok(Judgement::Good(sidecar)),
			Verdict::Bad(refusal) => Ok(Judgement::Bad(refusal)),
			Verdict::Missing(Missing::Database(database)) => {
				Err(NotJudged::DatabaseMissing { number, database })
			},
			Verdict::Missing(Missing::Node) => Err(NotJudged::DatabaseDamaged { number }),
		}
	}
}

#[async_trait::async_trait]
impl<I, J, S, A> BlockImport<Block> for DatabaseImport<I, J, S, A>
where
	I: BlockImport<Block, Error = ConsensusError> + Send + Sync,
	J: Judge,
	S: SidecarSource,
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
		mut block: BlockImportParams<Block>,
	) -> Result<ImportResult, ConsensusError> {
		if self.is_exempt(&block) {
			return self.inner.import_block(block).await;
		}
		let (hash, number, origin) = (block.post_hash(), block.header.number, block.origin);
		let question =
			Question { hash, header: block.header.clone(), body: block.body.clone(), origin };

		// The slot worker and the import queue come here on their own. What is read for a block and
		// written with it must not change in between.
		let _turn = self.one_at_a_time.lock().await;
		let judged = self.judge(question).await.and_then(|judgement| match judgement {
			Judgement::Good(sidecar) => self
				.sidecars
				.to_write(number, &sidecar)
				.map(Ok)
				.map_err(|source| NotJudged::Store { number, source }),
			Judgement::Bad(refusal) => Ok(Err(refusal)),
		});
		match judged {
			Ok(Ok(write)) => {
				self.metrics.checked(Checked::Ok);
				block.auxiliary.extend(write);
				self.inner.import_block(block).await
			},
			Ok(Err(refusal)) => {
				self.metrics.refused(refusal);
				let (rule, name) = (refusal.rule(), refusal.name());
				let own = if origin == BlockOrigin::Own { "own block" } else { "block" };
				log::error!(
					target: LOG_TARGET,
					"Refused {own} {number} ({hash:?}) by {rule}, {name}: {}", refusal.text(),
				);
				Ok(ImportResult::KnownBad)
			},
			Err(not_judged) => {
				self.metrics.checked(Checked::Missing);
				log::warn!(target: LOG_TARGET, "Not imported for now: {not_judged} ({hash:?})");
				Err(ConsensusError::Other(Box::new(not_judged)))
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
		verdict: Verdict,
		asked: parking_lot::Mutex<Vec<(Hash, Hash, Vec<u8>)>>,
	}

	impl Judge for DoubleJudge {
		fn final_number(&self) -> BlockNumber {
			2
		}

		fn check(
			&self,
			parent: Hash,
			hash: Hash,
			_: Block,
			sidecar: Vec<u8>,
		) -> Result<Verdict, DatabaseError> {
			self.asked.lock().push((parent, hash, sidecar));
			Ok(self.verdict.clone())
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

	/// Imports everything and keeps what came with it.
	#[derive(Default)]
	struct DoubleInner(parking_lot::Mutex<Vec<(Hash, usize)>>);

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
			self.0.lock().push((block.post_hash(), block.auxiliary.len()));
			Ok(ImportResult::imported(true))
		}
	}

	struct Bench {
		import: DatabaseImport<Arc<DoubleInner>, DoubleJudge, DoubleSource, Memory>,
		inner: Arc<DoubleInner>,
	}

	const EVIDENCE: [u8; 4] = [9, 8, 7, 6];

	fn bench(verdict: Verdict, source: DoubleSource) -> Bench {
		let inner = Arc::new(DoubleInner::default());
		let judge = Arc::new(DoubleJudge { verdict, asked: Default::default() });
		let metrics = Metrics::new(None).unwrap();
		let sidecars = Arc::new(sidecars().0);
		let import = DatabaseImport::new(inner.clone(), judge, Arc::new(source), sidecars, metrics);
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
			assert_eq!(*bench.inner.0.lock(), [(hash, 2)]);
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
		assert!(bench.inner.0.lock().is_empty());
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
		assert!(bench.inner.0.lock().is_empty() && bench.import.judge.asked.lock().is_empty());
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
			assert!(bench.inner.0.lock().is_empty());
		}
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
		assert_eq!(bench.inner.0.lock().len(), 5);
		assert!(bench.import.judge.asked.lock().is_empty());
	}
}
