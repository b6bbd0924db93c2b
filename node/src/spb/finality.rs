//! What there is to do behind the last final block: tell the housekeeper, take messages out of the
//! inbox that can never enter a block any more, forget old evidence, trust what others made final.

use super::{
	inbox::{Inbox, Waiting},
	runtime::{CtpDatabase, DatabaseError},
	sidecars::{SidecarError, Sidecars},
	store::StoreError,
	unjudged::{MarkError, Unjudged},
	Hash, LOG_TARGET,
};
use futures::{FutureExt, StreamExt};
use sc_client_api::{AuxStore, BlockchainEvents, HeaderBackend};
use sc_transaction_pool_api::TransactionPool;
use spb_primitives::BlockNumber;
use spb_runtime::opaque::Block;
use std::{
	collections::HashMap,
	sync::Arc,
	time::{Duration, Instant},
};

/// Bytes of messages that the runtime is asked about at once.
const QUESTION_BYTES: usize = 4 * 1024 * 1024;

/// How long a message stays in the pool: long enough to reach all peers, which gossip every three
/// seconds. From then on the inbox alone holds it, and the pool has room for others.
const IN_POOL: Duration = Duration::from_secs(15);

/// Why something was not tidied up. The next final block tries again.
#[derive(Debug, thiserror::Error)]
pub enum TidyError {
	/// The runtime does not answer.
	#[error(transparent)]
	Runtime(#[from] DatabaseError),
	/// The inbox cannot be written.
	#[error(transparent)]
	Store(#[from] StoreError),
	/// The sidecars cannot be read or removed.
	#[error(transparent)]
	Sidecars(#[from] SidecarError),
	/// The marks of unjudged blocks cannot be taken away.
	#[error(transparent)]
	Marks(#[from] MarkError),
}

/// Tidies up behind the last final block.
pub struct Tidy<C, P, A> {
	/// Tells of final blocks.
	pub client: Arc<C>,
	/// From which useless messages are taken too.
	pub pool: Arc<P>,
	/// Says which messages are useful.
	pub database: Arc<CtpDatabase>,
	/// The messages.
	pub inbox: Arc<Inbox>,
	/// Since when messages are in the pool.
	pub stays: Stays,
	/// The evidence.
	pub sidecars: Arc<Sidecars<A>>,
	/// How long to keep it.
	pub keep: Keep,
	/// Blocks that were not judged.
	pub unjudged: Arc<Unjudged<A>>,
}

/// How long evidence is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keep {
	/// As long as others may ask for it.
	Retention,
	/// For ever: the node is an archive.
	Always,
}

/// Since when messages are in the pool; none for those that have left it.
#[derive(Default)]
pub struct Stays(HashMap<Hash, Option<Instant>>);

impl Stays {
	/// Of the messages in the inbox now, those whose time in the pool is over, once each.
	fn over(&mut self, here: &[Hash], now: Instant) -> Vec<Hash> {
		let before = std::mem::take(&mut self.0);
		let mut over = Vec::new();
		for hash in here {
			let since = match before.get(hash) {
				Some(Some(since)) if now.duration_since(*since) >= IN_POOL => {
					over.push(*hash);
					None
				},
				Some(since) => *since,
				None => Some(now),
			};
			self.0.insert(*hash, since);
		}
		over
	}
}

impl<C, P, A> Tidy<C, P, A>
where
	C: BlockchainEvents<Block> + HeaderBackend<Block>,
	P: TransactionPool<Block = Block, Hash = Hash>,
	A: AuxStore,
{
	/// Runs until the chain ends, beginning with what is final now.
	pub async fn run(mut self) {
		let mut finals = self.client.finality_notification_stream();
		let info = self.client.info();
		self.tidy(info.finalized_number, info.finalized_hash).await;
		while let Some(mut last) = finals.next().await {
			// Only the last one counts, where several wait.
			while let Some(Some(later)) = finals.next().now_or_never() {
				last = later;
			}
			// The notification keeps the state of its block until this is done.
			self.tidy(last.header.number, last.hash).await;
		}
	}

	async fn tidy(&mut self, number: BlockNumber, hash: Hash) {
		let unmarked = self.unjudged.finalized(number, &hash).map_err(TidyError::from);
		let noted = self.database.note_final(number, hash).map_err(TidyError::from);
		let purged = self.purge(hash).await;
		let here: Vec<_> = self.inbox.all().iter().map(|waiting| waiting.hash).collect();
		let over = self.stays.over(&here, Instant::now());
		self.leave_pool(&over).await;
		let pruned = self.prune(number, hash);
		for error in [unmarked, noted, purged, pruned].into_iter().filter_map(Result::err) {
			log::warn!(target: LOG_TARGET, "Not all is tidied up behind block {number}: {error}");
		}
	}

	/// Takes out messages that can never enter a block on top of this final one.
	async fn purge(&self, hash: Hash) -> Result<(), TidyError> {
		let mut useless = Vec::new();
		for question in questions(self.inbox.all(), QUESTION_BYTES) {
			let bytes = question.iter().map(|waiting| waiting.bytes.to_vec()).collect();
			let useful = self.database.still_useful(hash, bytes)?;
			let verdicts = question.into_iter().zip(useful);
			useless.extend(verdicts.filter(|(_, useful)| !useful).map(|(waiting, _)| waiting.hash));
		}
		if useless.is_empty() {
			return Ok(());
		}
		self.inbox.discard(&useless)?;
		log::debug!(target: LOG_TARGET, "{} messages are done with", useless.len());
		self.leave_pool(&useless).await;
		Ok(())
	}

	/// Has the pool forget messages, as far as it can; what it keeps, the inbox does not take in again.
	async fn leave_pool(&self, messages: &[Hash]) {
		if !messages.is_empty() {
			let errors = messages.iter().map(|hash| (*hash, None)).collect();
			let removed = self.pool.report_invalid(None, errors).await;
			log::debug!(
				target: LOG_TARGET,
				"{} of {} messages left the pool", removed.len(), messages.len(),
			);
		}
	}

	/// Forgets sidecars past retention.
	fn prune(&self, number: BlockNumber, hash: Hash) -> Result<(), TidyError> {
		if self.keep == Keep::Always {
			return Ok(());
		}
		let retention = self.database.parameters(hash)?.retention();
		self.sidecars.prune(number.saturating_sub(retention))?;
		Ok(())
	}
}

/// Divides messages into parts of about this many bytes. Messages about one CTP stay together: a
/// receipt is judged by whether its commitment still waits.
fn questions(mut messages: Vec<Waiting>, bytes: usize) -> Vec<Vec<Waiting>> {
	messages.sort_by_key(|waiting| waiting.id);
	let mut questions: Vec<Vec<Waiting>> = Vec::new();
	let mut size = 0;
	for message in messages {
		let length = message.bytes.len();
		match questions.last_mut() {
			Some(last)
				if size + length <= bytes
					|| last.last().is_some_and(|waiting| waiting.id == message.id) =>
			{
				size += length;
				last.push(message);
			},
			_ => {
				size = length;
				questions.push(vec![message]);
			},
		}
	}
	questions
}

#[cfg(test)]
mod tests {
	use super::*;
	use sp_core::H256;
	use spb_primitives::CtpId;

	fn waiting(id: u8, length: usize) -> Waiting {
		let bytes = vec![id; length].into();
		Waiting { id: CtpId(H256::repeat_byte(id)), hash: H256::repeat_byte(id), bytes }
	}

	fn ids(questions: &[Vec<Waiting>]) -> Vec<Vec<u8>> {
		let of = |waiting: &Waiting| waiting.bytes[0];
		questions.iter().map(|question| question.iter().map(of).collect()).collect()
	}

	#[test]
	fn messages_should_leave_the_pool_once_when_their_time_is_over() {
		let (mut stays, start) = (Stays::default(), Instant::now());
		let (one, two) = (Hash::repeat_byte(1), Hash::repeat_byte(2));
		assert_eq!(stays.over(&[one], start), []);
		assert_eq!(stays.over(&[one, two], start + IN_POOL / 2), []);
		assert_eq!(stays.over(&[one, two], start + IN_POOL), [one]);
		assert_eq!(stays.over(&[one, two], start + IN_POOL * 2), [two]);
		assert_eq!(stays.over(&[two], start + IN_POOL * 3), []);
		assert_eq!(stays.0.len(), 1, "what has left the inbox is forgotten");
	}

	#[test]
	fn questions_should_stay_within_their_bytes() {
		let messages = (1..=5).map(|id| waiting(id, 40)).collect();
		assert_eq!(ids(&questions(messages, 100)), [vec![1, 2], vec![3, 4], vec![5]]);
	}

	#[test]
	fn messages_about_one_ctp_should_stay_together() {
		let messages = vec![waiting(1, 60), waiting(2, 60), waiting(1, 60), waiting(2, 60)];
		assert_eq!(ids(&questions(messages, 100)), [vec![1, 1], vec![2, 2]]);
	}

	#[test]
	fn no_messages_should_ask_nothing() {
		assert!(questions(Vec::new(), 100).is_empty());
	}
}
