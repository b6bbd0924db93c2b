//! The import check: every block is judged by its sidecar before it is imported.
//!
//! Stands between Aura, which has verified the header by then, and GRANDPA, for the node's own
//! blocks as well as for those of others. Three verdicts (docs/protocol.md, section 7):
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

impl NotJudged {
	/// The names of all variants, for metrics.
	pub const NAMES: [&'static str; 6] =
		["SidecarMissing", "DatabaseMissing", "DatabaseDamaged", "BodyMissing", "Runtime", "Store"];

	/// The variant's name.
	pub fn name(&self) -> &'static str {
		let place = match self {
			Self::SidecarMissing { .. } => 0,
			Self::DatabaseMissing { .. } => 1,
			Self::DatabaseDamaged { .. } => 2,
			Self::BodyMissing { .. } => 3,
			Self::Runtime { .. } => 4,
			Self::Store { .. } => 5,
		};
		Self::NAMES[place]
	}
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
			self.metrics.not_judged(&not_judged);
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
mod tests;
