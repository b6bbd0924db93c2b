//! The author's part: has the runtime prepare the seal of a block and gives it to the ordinary
//! proposer as inherent data.
//!
//! The runtime prepares on top of the very header that the block will have, as far as it is known:
//! parent, number and the digests that consensus puts there. So whatever the block's beginning
//! changes is in force when candidates are judged.

use super::{
	inbox::{Inbox, Waiting},
	metrics::Metrics,
	runtime::{CtpDatabase, DatabaseError},
	sidecars::Sidecars,
	store::StoreError,
	unjudged::Unjudged,
	Hash, Header, LOG_TARGET,
};
use codec::{Encode, Output};
use futures::{channel::oneshot, future::BoxFuture, FutureExt};
use pallet_spb::{
	runtime_api::{Outcome, Prepared},
	INHERENT_IDENTIFIER,
};
use sc_client_api::AuxStore;
use sp_consensus::{Environment, Error as ConsensusError, Proposal, ProposeArgs, Proposer};
use sp_core::traits::SpawnNamed;
use sp_runtime::traits::Header as _;
use spb_primitives::{BlockNumber, Refusal};
use spb_runtime::opaque::Block;
use std::{
	sync::{
		atomic::{AtomicUsize, Ordering},
		Arc,
	},
	time::{Duration, Instant},
};

/// Candidates for one block at the most.
const MAX_CANDIDATES: usize = 8_192;
/// Candidates for one block at the least, however long they took in the last one.
const MIN_CANDIDATES: usize = 256;
/// Bytes of candidates for one block. The runtime has them in its memory several times over.
const CANDIDATE_BYTES: usize = 6 * 1024 * 1024;
/// The part of the time for a proposal that preparing should take at the most: 1 in this. What was
/// prepared is executed after it, which verifies the signatures of all settlements one by one.
const PREPARE_SHARE: u32 = 4;

/// How long blocks that were not judged may wait for finality before this node builds beside them.
const PATIENCE: Duration = Duration::from_secs(60);

/// Prepares blocks.
pub trait Prepare: Send + Sync {
	/// Has a block with this header prepared from candidates on top of `parent`.
	fn prepare(
		&self,
		parent: Hash,
		header: Header,
		candidates: Vec<Vec<u8>>,
	) -> Result<Prepared, DatabaseError>;
}

impl Prepare for CtpDatabase {
	fn prepare(
		&self,
		parent: Hash,
		header: Header,
		candidates: Vec<Vec<u8>>,
	) -> Result<Prepared, DatabaseError> {
		self.prepare(parent, header, candidates)
	}
}

/// Why no block is proposed. The slot is skipped.
#[derive(Debug, thiserror::Error)]
pub enum ProposeError<E> {
	/// The ordinary proposer fails.
	#[error(transparent)]
	Ordinary(E),
	/// The seal cannot be prepared: the parent's database is not here yet, or the runtime fails.
	#[error("the seal of block {number} is not prepared: {source}")]
	NotPrepared {
		/// The block's number.
		number: BlockNumber,
		/// Why.
		#[source]
		source: DatabaseError,
	},
	/// There are blocks that were imported without being judged, and others may be about to make
	/// them final; or the parent stands on one.
	#[error(
		"block {number} would stand on or beside blocks that were not judged here: others have to \
		 make them final first"
	)]
	OnUnjudged {
		/// The block's number.
		number: BlockNumber,
	},
	/// The inbox fails.
	#[error("messages for block {number} cannot be kept in order: {source}")]
	Inbox {
		/// The block's number.
		number: BlockNumber,
		/// Why.
		#[source]
		source: StoreError,
	},
	/// Someone else put data under the seal's identifier.
	#[error("the inherent data of block {number} is taken: {source}")]
	InherentTaken {
		/// The block's number.
		number: BlockNumber,
		/// By what.
		#[source]
		source: sp_inherents::Error,
	},
	/// The task that prepares was stopped.
	#[error("preparing block {0} was interrupted: the node is stopping")]
	Interrupted(BlockNumber),
}

impl<E: From<ConsensusError>> From<ConsensusError> for ProposeError<E> {
	fn from(error: ConsensusError) -> Self {
		Self::Ordinary(error.into())
	}
}

/// Bytes that are encoded already.
struct Encoded<'a>(&'a [u8]);

impl Encode for Encoded<'_> {
	fn size_hint(&self) -> usize {
		self.0.len()
	}

	fn encode_to<O: Output + ?Sized>(&self, output: &mut O) {
		output.write(self.0);
	}
}

/// How many candidates a block tries: fewer where they took too long, more where there was time.
struct Budget(AtomicUsize);

impl Budget {
	fn candidates(&self) -> usize {
		self.0.load(Ordering::Relaxed)
	}

	/// Learns from a block that tried `tried` candidates in `took`, where it had `had`.
	fn learn(&self, tried: usize, took: Duration, had: Duration) {
		let candidates = self.candidates();
		let learned = if took > had / PREPARE_SHARE {
			candidates / 2
		} else if took < had / PREPARE_SHARE / 4 && tried >= candidates {
			candidates * 2
		} else {
			return;
		};
		self.0.store(learned.clamp(MIN_CANDIDATES, MAX_CANDIDATES), Ordering::Relaxed);
	}
}

/// What proposers of all blocks share.
struct Author<P, A> {
	rules: Arc<P>,
	inbox: Arc<Inbox>,
	sidecars: Arc<Sidecars<A>>,
	unjudged: Arc<Unjudged<A>>,
	metrics: Metrics,
	budget: Budget,
}

impl<P: Prepare, A: AuxStore> Author<P, A> {
	/// Prepares a block with this header and gives its inherent data.
	fn prepare<E>(&self, header: Header, had: Duration) -> Result<Vec<u8>, ProposeError<E>> {
		let number = header.number;
		if !self.unjudged.may_build(&header.parent_hash, PATIENCE) {
			self.metrics.slots_skipped.inc();
			log::warn!(
				target: LOG_TARGET,
				"No block {number} in this slot: blocks that were not judged wait for finality",
			);
			return Err(ProposeError::OnUnjudged { number });
		}
		let candidates = self.inbox.candidates(self.budget.candidates(), CANDIDATE_BYTES);
		let bytes = candidates.iter().map(|waiting| waiting.bytes.to_vec()).collect();

		let started = Instant::now();
		let prepared = self
			.rules
			.prepare(header.parent_hash, header, bytes)
			.map_err(|source| self.not_prepared(number, source))?;
		let took = started.elapsed();
		self.metrics.prepare_seconds.observe(took.as_secs_f64());
		self.budget.learn(candidates.len(), took, had);

		self.sort(&candidates, &prepared.outcomes)
			.map_err(|source| ProposeError::Inbox { number, source })?;
		for sidecar in prepared.sidecars {
			self.sidecars.hold(sidecar);
		}
		Ok(prepared.inherent)
	}

	/// The slot is skipped.
	fn not_prepared<E>(&self, number: BlockNumber, source: DatabaseError) -> ProposeError<E> {
		self.metrics.slots_skipped.inc();
		log::warn!(target: LOG_TARGET, "No block {number} in this slot: {source}");
		ProposeError::NotPrepared { number, source }
	}

	/// Puts back in the inbox what became of the candidates.
	fn sort(&self, candidates: &[Waiting], outcomes: &[Outcome]) -> Result<(), StoreError> {
		let (mut taken, mut there) = (0, Vec::new());
		let (mut declined, mut nothing) = (Vec::new(), Vec::new());
		for (candidate, outcome) in candidates.iter().zip(outcomes) {
			match outcome {
				Outcome::Taken => taken += 1,
				Outcome::NoRoom => {},
				Outcome::Later(Refusal::AlreadyOpen | Refusal::AlreadySettled) => {
					there.push(candidate.hash);
				},
				Outcome::Later(refusal) => {
					log::trace!(target: LOG_TARGET, "{}: {refusal}", candidate.id);
					self.metrics.declined(*refusal);
					declined.push(candidate.hash);
				},
				Outcome::NoMessage => nothing.push(candidate.hash),
			}
		}
		self.metrics.prepared_messages.inc_by(taken);
		self.inbox.decline(&there);
		self.inbox.decline(&declined);
		self.inbox.discard(&nothing)
	}
}

/// Makes proposers that seal their blocks.
pub struct SealingFactory<E, P, A> {
	ordinary: E,
	author: Arc<Author<P, A>>,
	spawner: Box<dyn SpawnNamed>,
}

impl<E, P, A> SealingFactory<E, P, A> {
	/// Around the ordinary factory.
	pub fn new(
		ordinary: E,
		rules: Arc<P>,
		inbox: Arc<Inbox>,
		sidecars: Arc<Sidecars<A>>,
		unjudged: Arc<Unjudged<A>>,
		metrics: Metrics,
		spawner: impl SpawnNamed + 'static,
	) -> Self {
		let budget = Budget(AtomicUsize::new(MAX_CANDIDATES));
		let author = Arc::new(Author { rules, inbox, sidecars, unjudged, metrics, budget });
		Self { ordinary, author, spawner: Box::new(spawner) }
	}
}

impl<E, P, A> Environment<Block> for SealingFactory<E, P, A>
where
	E: Environment<Block>,
	E::Proposer: Proposer<Block, Error = E::Error>,
	P: Prepare + 'static,
	A: AuxStore + Send + Sync + 'static,
{
	type Proposer = SealingProposer<E::Proposer, P, A>;
	type CreateProposer = BoxFuture<'static, Result<Self::Proposer, Self::Error>>;
	type Error = ProposeError<E::Error>;

	fn init(&mut self, parent: &Header) -> Self::CreateProposer {
		let (hash, number) = (parent.hash(), parent.number + 1);
		let (author, spawner) = (self.author.clone(), self.spawner.clone());
		let ordinary = self.ordinary.init(parent);
		let proposer = ordinary.map(move |ordinary| {
			let ordinary = ordinary.map_err(ProposeError::Ordinary)?;
			Ok(SealingProposer { ordinary, author, spawner, parent: hash, number })
		});
		proposer.boxed()
	}
}

/// Proposes one block, with its seal.
pub struct SealingProposer<R, P, A> {
	ordinary: R,
	author: Arc<Author<P, A>>,
	spawner: Box<dyn SpawnNamed>,
	parent: Hash,
	number: BlockNumber,
}

impl<R, P, A> Proposer<Block> for SealingProposer<R, P, A>
where
	R: Proposer<Block> + Send + 'static,
	P: Prepare + 'static,
	A: AuxStore + Send + Sync + 'static,
{
	type Error = ProposeError<R::Error>;
	type Proposal = BoxFuture<'static, Result<Proposal<Block>, Self::Error>>;

	fn propose(self, mut args: ProposeArgs<Block>) -> Self::Proposal {
		async move {
			let Self { ordinary, author, spawner, parent, number } = self;
			let (started, had) = (Instant::now(), args.max_duration);
			let digest = args.inherent_digests.clone();
			let header = Header::new(number, Hash::zero(), Hash::zero(), parent, digest);

			// A blocking call, so that whoever waits for the proposal can stop waiting.
			let (done, prepared) = oneshot::channel();
			let work = async move {
				// No one listens any more when the slot is over.
				let _ = done.send(author.prepare(header, had));
			};
			spawner.spawn_blocking("spb-prepare", Some("block-authoring"), work.boxed());
			let seal = prepared.await.map_err(|_| ProposeError::Interrupted(number))??;

			args.inherent_data
				.put_data(INHERENT_IDENTIFIER, &Encoded(&seal))
				.map_err(|source| ProposeError::InherentTaken { number, source })?;
			args.max_duration = had.saturating_sub(started.elapsed());
			ordinary.propose(args).await.map_err(ProposeError::Ordinary)
		}
		.boxed()
	}
}

#[cfg(test)]
mod tests {
	use super::{
		super::{
			inbox::{Limits, Message},
			message::tests::{extrinsic, id, GENESIS},
			sidecars::{
				hash_of,
				tests::{sidecars, Memory},
			},
			store::Store,
			unjudged::Reason,
		},
		*,
	};
	use parking_lot::Mutex;
	use sp_core::testing::TaskExecutor;
	use sp_inherents::InherentData;
	use sp_runtime::{Digest, DigestItem};

	/// Prepares the same for every block and writes down what it was asked.
	struct DoubleRules {
		answer: Mutex<Option<Result<Prepared, DatabaseError>>>,
		asked: Mutex<Vec<(Hash, Header, usize)>>,
	}

	impl Prepare for DoubleRules {
		fn prepare(
			&self,
			parent: Hash,
			header: Header,
			candidates: Vec<Vec<u8>>,
		) -> Result<Prepared, DatabaseError> {
			self.asked.lock().push((parent, header, candidates.len()));
			self.answer.lock().take().expect("one block is prepared")
		}
	}

	/// Proposes an empty block and keeps the inherent data it was given.
	#[derive(Clone, Default)]
	struct DoubleOrdinary(Arc<Mutex<Option<InherentData>>>);

	impl Environment<Block> for DoubleOrdinary {
		type Proposer = Self;
		type CreateProposer = futures::future::Ready<Result<Self, ConsensusError>>;
		type Error = ConsensusError;

		fn init(&mut self, _: &Header) -> Self::CreateProposer {
			futures::future::ready(Ok(self.clone()))
		}
	}

	impl Proposer<Block> for DoubleOrdinary {
		type Error = ConsensusError;
		type Proposal = futures::future::Ready<Result<Proposal<Block>, ConsensusError>>;

		fn propose(self, args: ProposeArgs<Block>) -> Self::Proposal {
			*self.0.lock() = Some(args.inherent_data);
			let header = parent();
			futures::future::ready(Ok(Proposal {
				block: Block { header, extrinsics: Vec::new() },
				storage_changes: Default::default(),
			}))
		}
	}

	fn parent() -> Header {
		Header::new(4, Hash::zero(), Hash::zero(), Hash::repeat_byte(3), Digest::default())
	}

	struct Bench {
		factory: SealingFactory<DoubleOrdinary, DoubleRules, Memory>,
		ordinary: DoubleOrdinary,
		rules: Arc<DoubleRules>,
		inbox: Arc<Inbox>,
		sidecars: Arc<Sidecars<Memory>>,
		unjudged: Arc<Unjudged<Memory>>,
		_folder: tempfile::TempDir,
	}

	/// A factory with messages of four vaults in its inbox.
	fn bench(answer: Result<Prepared, DatabaseError>) -> Bench {
		let folder = tempfile::tempdir().unwrap();
		let store = Arc::new(Store::open(folder.path(), GENESIS).unwrap());
		let metrics = Metrics::new(None).unwrap();
		let inbox = Arc::new(Inbox::open(store, Limits::NODE, GENESIS, metrics.clone()).unwrap());
		let message = |vault| Message { id: id(vault), bytes: extrinsic(vault, 0) };
		inbox.insert((0..4).map(message).collect()).unwrap();
		let rules =
			Arc::new(DoubleRules { answer: Mutex::new(Some(answer)), asked: Mutex::default() });
		let (ordinary, sidecars) = (DoubleOrdinary::default(), Arc::new(sidecars().0));
		let unjudged = Arc::new(Unjudged::open(Arc::new(Memory::default())).unwrap());
		let factory = SealingFactory::new(
			ordinary.clone(),
			rules.clone(),
			inbox.clone(),
			sidecars.clone(),
			unjudged.clone(),
			metrics,
			TaskExecutor::new(),
		);
		Bench { factory, ordinary, rules, inbox, sidecars, unjudged, _folder: folder }
	}

	async fn propose(bench: &mut Bench) -> Result<Proposal<Block>, ProposeError<ConsensusError>> {
		let proposer = bench.factory.init(&parent()).await?;
		let inherent_digests = Digest { logs: vec![DigestItem::Other(vec![1])] };
		let max_duration = Duration::from_secs(1);
		proposer.propose(ProposeArgs { inherent_digests, max_duration, ..Default::default() }).await
	}

	fn prepared() -> Prepared {
		Prepared {
			inherent: (7u32, 8u32).encode(),
			sidecars: vec![vec![1, 1], vec![2, 2]],
			outcomes: vec![
				Outcome::Later(Refusal::VaultTooSmall),
				Outcome::NoMessage,
				Outcome::Taken,
				Outcome::NoRoom,
			],
		}
	}

	#[tokio::test]
	async fn seal_should_reach_the_runtime_as_it_was_encoded() {
		let mut bench = bench(Ok(prepared()));
		propose(&mut bench).await.unwrap();
		let data = bench.ordinary.0.lock().take().unwrap();
		assert_eq!(data.get_data::<(u32, u32)>(&INHERENT_IDENTIFIER).unwrap(), Some((7, 8)));
	}

	#[tokio::test]
	async fn header_should_be_that_of_the_block_to_be() {
		let mut bench = bench(Ok(prepared()));
		propose(&mut bench).await.unwrap();
		let asked = bench.rules.asked.lock();
		let (at, header, candidates) = &asked[0];
		assert_eq!((*at, header.parent_hash, header.number), (parent().hash(), parent().hash(), 5));
		assert_eq!(header.digest.logs, [DigestItem::Other(vec![1])]);
		assert_eq!(*candidates, 4);
	}

	#[tokio::test]
	async fn both_sidecars_should_be_at_hand_for_the_import() {
		let mut bench = bench(Ok(prepared()));
		propose(&mut bench).await.unwrap();
		for sidecar in [vec![1, 1], vec![2, 2]] {
			assert_eq!(bench.sidecars.get(&hash_of(&sidecar)).unwrap(), Some(sidecar));
		}
	}

	#[tokio::test]
	async fn inbox_should_learn_what_became_of_the_candidates() {
		let mut bench = bench(Ok(prepared()));
		propose(&mut bench).await.unwrap();
		let order: Vec<_> =
			bench.inbox.candidates(10, 100_000).iter().map(|waiting| waiting.id).collect();
		assert_eq!(order, [id(2), id(3), id(0)]);
		let declined = &bench.factory.author.metrics.messages_declined;
		assert_eq!(declined.with_label_values(&["R2", "VaultTooSmall"]).get(), 1);
	}

	#[tokio::test]
	async fn missing_database_should_skip_the_slot() {
		let mut bench = bench(Err(DatabaseError::NoDatabase(parent().hash())));
		let error = propose(&mut bench).await.err().unwrap();
		assert!(matches!(error, ProposeError::NotPrepared { number: 5, .. }), "{error}");
		assert!(bench.ordinary.0.lock().is_none());
		assert_eq!(bench.inbox.len(), 4);
	}

	#[tokio::test]
	async fn nothing_should_be_built_on_what_was_not_judged() {
		let mut bench = bench(Ok(prepared()));
		let parent = parent();
		bench.unjudged.mark(4, parent.hash(), parent.parent_hash, Reason::StandsOnOne);
		let error = propose(&mut bench).await.err().unwrap();
		assert!(matches!(error, ProposeError::OnUnjudged { number: 5 }), "{error}");
		assert!(bench.rules.asked.lock().is_empty() && bench.ordinary.0.lock().is_none());
		bench.unjudged.finalized(4, &parent.hash()).unwrap();
		propose(&mut bench).await.unwrap();
	}

	#[test]
	fn budget_should_follow_the_time_that_blocks_take() {
		let second = Duration::from_secs(1);
		let budget = Budget(AtomicUsize::new(MAX_CANDIDATES));
		// One that took long with few candidates says little about many.
		budget.learn(10, second, second);
		assert_eq!(budget.candidates(), MAX_CANDIDATES / 2);
		// Fast, but fewer candidates than it could have had: nothing learned.
		budget.learn(100, second / 100, second);
		assert_eq!(budget.candidates(), MAX_CANDIDATES / 2);
		budget.learn(MAX_CANDIDATES / 2, second / 100, second);
		assert_eq!(budget.candidates(), MAX_CANDIDATES);
		for _ in 0..20 {
			budget.learn(1, second, second);
		}
		assert_eq!(budget.candidates(), MIN_CANDIDATES);
	}
}
