//! Messages that wait for a block: bounded, in order of arrival, and there again after a restart.
//!
//! The pool is only how messages travel: it forgets, bans and drops for reasons of its own. So a
//! node copies each message on arrival, and takes it out again when the last final block shows that
//! it can never enter a block any more. Until then a message stays even when a block has taken it
//! in, which is how the messages of an abandoned fork return.

use super::{
	message::{committed, confirmed},
	metrics::Metrics,
	store::{Change, Column, Store, StoreError},
	Hash,
};
use codec::{Decode, DecodeAll, Encode};
use parking_lot::Mutex;
use sp_runtime::traits::Hash as _;
use spb_primitives::{CtpId, Genesis, Hashing, SignedCtp};
use std::{
	collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
	ops::ControlFlow,
	sync::Arc,
};

/// How much an inbox holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
	/// Messages.
	pub count: usize,
	/// Their bytes.
	pub bytes: usize,
}

impl Limits {
	/// What a node's inbox holds.
	pub const NODE: Self = Self { count: 16_384, bytes: 32 * 1024 * 1024 };
}

/// How many messages the inbox remembers to have discarded, so that a pool that still has them does
/// not bring them back.
const DISCARDED: usize = 32_768;

/// A message on its way into the inbox.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
	/// The CTP that it is about.
	pub id: CtpId,
	/// The encoded extrinsic.
	pub bytes: Vec<u8>,
}

/// A message in the inbox, for those who read it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiting {
	/// The CTP that it is about.
	pub id: CtpId,
	/// blake2-256 of its bytes, which is its hash in the pool.
	pub hash: Hash,
	/// The encoded extrinsic.
	pub bytes: Arc<[u8]>,
}

/// What an insertion did.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Inserted {
	/// Commitments that are new, with what they commit to.
	pub commitments: Vec<(CtpId, SignedCtp)>,
	/// How many messages came in.
	pub count: usize,
	/// How many went because the inbox was full.
	pub evicted: usize,
}

struct Entry {
	hash: Hash,
	id: CtpId,
	bytes: Arc<[u8]>,
	commitment: Option<SignedCtp>,
	/// The round in which a block last had no use for it; zero if none has tried.
	deferred: u64,
}

#[derive(Default)]
struct Inner {
	/// By place.
	entries: BTreeMap<u64, Entry>,
	by_hash: HashMap<Hash, u64>,
	/// Commitments by id and place.
	commitments: BTreeSet<(CtpId, u64)>,
	/// In the order in which blocks should try them: round, then place.
	order: BTreeSet<(u64, u64)>,
	bytes: usize,
	next_place: u64,
	round: u64,
	discarded: HashSet<Hash>,
	discarded_order: VecDeque<Hash>,
}

/// The inbox.
pub struct Inbox {
	inner: Mutex<Inner>,
	store: Arc<Store>,
	limits: Limits,
	genesis: Genesis,
	metrics: Metrics,
}

/// What a message says, however it is written.
#[derive(PartialEq, Eq, Hash)]
enum Sense {
	Commits(CtpId),
	/// By this ERC, as encoded.
	Confirms(Vec<u8>),
	/// A runtime with other calls has other messages.
	Unread(Hash),
}

/// A stored message.
#[derive(Encode, Decode)]
struct Record {
	id: CtpId,
	bytes: Vec<u8>,
}

impl Inbox {
	/// Opens the inbox with what the store has of it.
	pub fn open(
		store: Arc<Store>,
		limits: Limits,
		genesis: Genesis,
		metrics: Metrics,
	) -> Result<Self, StoreError> {
		let mut inner = Inner::default();
		let mut damaged = None;
		store.visit(Column::Inbox, &[], |key, value| {
			let read = <[u8; 8]>::try_from(&key[..])
				.map_err(|_| codec::Error::from("an inbox key has eight bytes"))
				.and_then(|place| Ok((place, Record::decode_all(&mut &value[..])?)));
			match read {
				Ok((place, record)) => {
					inner.put(u64::from_be_bytes(place), record, &genesis);
					ControlFlow::Continue(())
				},
				Err(error) => {
					damaged = Some(error);
					ControlFlow::Break(())
				},
			}
		})?;
		if let Some(error) = damaged {
			return Err(error.into());
		}
		let inbox = Self { inner: Mutex::new(inner), store, limits, genesis, metrics };
		// The limits may be lower than they were.
		inbox.insert(Vec::new())?;
		Ok(inbox)
	}

	/// Takes messages in, in order. Those already there or discarded change nothing. Where there is no
	/// room, those go that blocks had no use for, the last declined first, and then the oldest.
	pub fn insert(&self, messages: Vec<Message>) -> Result<Inserted, StoreError> {
		let mut inner = self.inner.lock();
		let mut inserted = Inserted::default();
		let mut changes = BTreeMap::new();
		for Message { id, bytes } in messages {
			let hash = Hashing::hash(&bytes);
			let known = inner.by_hash.contains_key(&hash) || inner.discarded.contains(&hash);
			if known || bytes.len() > self.limits.bytes {
				continue;
			}
			let place = inner.next_place;
			let record = Record { id, bytes };
			changes.insert(place, Some(record.encode()));
			inserted.count += 1;
			let commitment = inner.put(place, record, &self.genesis);
			inserted.commitments.extend(commitment.map(|signed| (id, signed)));
		}
		while inner.entries.len() > self.limits.count || inner.bytes > self.limits.bytes {
			let Some(place) = inner.least_wanted() else { break };
			inner.take(place);
			// What came and went at once was never stored; removing it all the same does no harm.
			changes.insert(place, None);
			inserted.evicted += 1;
		}
		self.metrics.inbox_evicted.inc_by(inserted.evicted as u64);
		self.write(&inner, changes)?;
		Ok(inserted)
	}

	/// Takes back messages of an abandoned fork: those that say what nothing here says. They may be
	/// written in another way than when they came.
	pub fn take_back(&self, messages: Vec<Message>) -> Result<Inserted, StoreError> {
		let about: HashSet<_> = messages.iter().map(|message| message.id).collect();
		let here: HashSet<_> = {
			let inner = self.inner.lock();
			let same = inner.entries.values().filter(|entry| about.contains(&entry.id));
			same.map(|entry| self.sense(&entry.id, &entry.bytes)).collect()
		};
		let is_gone = |message: &Message| !here.contains(&self.sense(&message.id, &message.bytes));
		self.insert(messages.into_iter().filter(is_gone).collect())
	}

	/// What a message says. Of a commitment its CTP says all; of ERCs there may be several for one CTP,
	/// of which a block takes only the right one.
	fn sense(&self, id: &CtpId, bytes: &[u8]) -> Sense {
		if committed(bytes, id, &self.genesis).is_some() {
			return Sense::Commits(*id);
		}
		match confirmed(bytes, id) {
			Some(erc) => Sense::Confirms(erc.encode()),
			None => Sense::Unread(Hashing::hash(bytes)),
		}
	}

	/// Whether the message with this hash is here or was discarded.
	pub fn knows(&self, hash: &Hash) -> bool {
		let inner = self.inner.lock();
		inner.by_hash.contains_key(hash) || inner.discarded.contains(hash)
	}

	/// Whether a message can come in without another going.
	pub fn has_room(&self) -> bool {
		let inner = self.inner.lock();
		inner.entries.len() < self.limits.count && inner.bytes < self.limits.bytes
	}

	/// Candidates for a block, within a count and a number of bytes: in order of arrival those that
	/// no block has declined, then the others, the longest ago declined first. So a message that
	/// can never enter does not keep others out, and each has its turn.
	pub fn candidates(&self, count: usize, mut bytes: usize) -> Vec<Waiting> {
		let inner = self.inner.lock();
		let mut candidates = Vec::new();
		for (_, place) in inner.order.iter().take(count) {
			let Some(entry) = inner.entries.get(place) else { continue };
			let Some(left) = bytes.checked_sub(entry.bytes.len()) else { break };
			bytes = left;
			candidates.push(entry.waiting());
		}
		candidates
	}

	/// Notes that a block had no use for these messages: in the next one, others come first. They
	/// stay: what a vault or an offer cannot bear yet, it may bear later, and what the chain has
	/// already comes back where a fork is abandoned.
	pub fn decline(&self, messages: &[Hash]) {
		let mut inner = self.inner.lock();
		inner.round += 1;
		for hash in messages {
			inner.defer(hash);
		}
	}

	/// All messages, in order of arrival.
	pub fn all(&self) -> Vec<Waiting> {
		self.inner.lock().entries.values().map(Entry::waiting).collect()
	}

	/// Takes these messages out for good.
	pub fn discard(&self, messages: &[Hash]) -> Result<(), StoreError> {
		let mut inner = self.inner.lock();
		let mut changes = BTreeMap::new();
		for hash in messages {
			inner.forget(*hash);
			if let Some(place) = inner.by_hash.get(hash).copied() {
				inner.take(place);
				changes.insert(place, None);
			}
		}
		self.write(&inner, changes)
	}

	/// What a waiting commitment with this id commits to.
	pub fn commitment(&self, id: &CtpId) -> Option<SignedCtp> {
		let inner = self.inner.lock();
		let (_, place) = inner.commitments.range((*id, 0)..=(*id, u64::MAX)).next()?;
		inner.entries.get(place)?.commitment.clone()
	}

	/// How many messages wait.
	pub fn len(&self) -> usize {
		self.inner.lock().entries.len()
	}

	/// Whether no message waits.
	pub fn is_empty(&self) -> bool {
		self.len() == 0
	}

	fn write(
		&self,
		inner: &Inner,
		changes: BTreeMap<u64, Option<Vec<u8>>>,
	) -> Result<(), StoreError> {
		self.metrics.inbox_messages.set(inner.entries.len() as u64);
		self.metrics.inbox_bytes.set(inner.bytes as u64);
		if changes.is_empty() {
			return Ok(());
		}
		let stored = |(place, value): (u64, Option<Vec<u8>>)| -> Change {
			(Column::Inbox, place.to_be_bytes().to_vec(), value)
		};
		self.store.commit(changes.into_iter().map(stored))
	}
}

impl Entry {
	fn waiting(&self) -> Waiting {
		Waiting { id: self.id, hash: self.hash, bytes: self.bytes.clone() }
	}
}

impl Inner {
	/// Puts a message at its place and gives what it commits to.
	fn put(&mut self, place: u64, record: Record, genesis: &Genesis) -> Option<SignedCtp> {
		let Record { id, bytes } = record;
		let hash = Hashing::hash(&bytes);
		let commitment = committed(&bytes, &id, genesis);
		if commitment.is_some() {
			self.commitments.insert((id, place));
		}
		self.bytes += bytes.len();
		self.by_hash.insert(hash, place);
		self.order.insert((0, place));
		self.next_place = place + 1;
		let bytes = bytes.into();
		let commits = commitment.clone();
		let entry = Entry { hash, id, bytes, commitment: commits, deferred: 0 };
		self.entries.insert(place, entry);
		commitment
	}

	/// Puts a message behind all others, beside those of its round.
	fn defer(&mut self, message: &Hash) {
		let Some(place) = self.by_hash.get(message) else { return };
		let Some(entry) = self.entries.get_mut(place) else { return };
		self.order.remove(&(entry.deferred, *place));
		entry.deferred = self.round;
		self.order.insert((entry.deferred, *place));
	}

	/// The place of the message that goes first when there is no room.
	fn least_wanted(&self) -> Option<u64> {
		let declined = self.order.last().filter(|(round, _)| *round > 0);
		declined.map(|(_, place)| *place).or_else(|| self.entries.keys().next().copied())
	}

	/// Takes out the message at a place.
	fn take(&mut self, place: u64) {
		let Some(entry) = self.entries.remove(&place) else { return };
		self.bytes -= entry.bytes.len();
		self.by_hash.remove(&entry.hash);
		self.order.remove(&(entry.deferred, place));
		self.commitments.remove(&(entry.id, place));
	}

	/// Remembers a message as discarded.
	fn forget(&mut self, hash: Hash) {
		if self.discarded.insert(hash) {
			self.discarded_order.push_back(hash);
		}
		if self.discarded_order.len() > DISCARDED {
			if let Some(oldest) = self.discarded_order.pop_front() {
				self.discarded.remove(&oldest);
			}
		}
	}
}

#[cfg(test)]
mod tests {
	use super::{
		super::message::tests::{extrinsic, id, receipt, signed, GENESIS},
		*,
	};

	const ROOMY: Limits = Limits { count: 100, bytes: 1_000_000 };

	fn open(folder: &tempfile::TempDir, limits: Limits) -> Inbox {
		let store = Arc::new(Store::open(folder.path(), GENESIS).unwrap());
		Inbox::open(store, limits, GENESIS, Metrics::new(None).unwrap()).unwrap()
	}

	/// The message that commits to the CTP of `vault`.
	fn message(vault: u32) -> Message {
		Message { id: id(vault), bytes: extrinsic(vault, 10) }
	}

	fn messages(vaults: impl IntoIterator<Item = u32>) -> Vec<Message> {
		vaults.into_iter().map(message).collect()
	}

	fn hash(vault: u32) -> Hash {
		Hashing::hash(&extrinsic(vault, 10))
	}

	/// The vaults of the messages in order of candidature.
	fn candidates(inbox: &Inbox, count: usize, bytes: usize) -> Vec<u32> {
		let vaults: HashMap<_, _> = (0..100).map(|vault| (hash(vault), vault)).collect();
		inbox.candidates(count, bytes).iter().map(|waiting| vaults[&waiting.hash]).collect()
	}

	#[test]
	fn messages_should_be_candidates_in_order_of_arrival() {
		let folder = tempfile::tempdir().unwrap();
		let inbox = open(&folder, ROOMY);
		inbox.insert(messages([5, 2])).unwrap();
		inbox.insert(messages([9])).unwrap();
		assert_eq!(candidates(&inbox, 10, 100_000), [5, 2, 9]);
		assert_eq!(candidates(&inbox, 2, 100_000), [5, 2]);
		let one = extrinsic(5, 10).len();
		assert_eq!(candidates(&inbox, 10, one * 2), [5, 2]);
		assert_eq!(candidates(&inbox, 10, one - 1), [0u32; 0]);
	}

	#[test]
	fn repeated_message_should_change_nothing() {
		let folder = tempfile::tempdir().unwrap();
		let inbox = open(&folder, ROOMY);
		let first = inbox.insert(messages([5])).unwrap();
		assert_eq!(first.commitments, [(id(5), signed(5))]);
		assert_eq!(inbox.insert(messages([5])).unwrap(), Inserted::default());
		assert_eq!(inbox.len(), 1);
	}

	#[test]
	fn oldest_should_go_when_there_are_too_many() {
		let folder = tempfile::tempdir().unwrap();
		let inbox = open(&folder, Limits { count: 3, ..ROOMY });
		inbox.insert(messages(0..3)).unwrap();
		assert!(!inbox.has_room());
		let inserted = inbox.insert(messages(3..5)).unwrap();
		assert_eq!((inserted.count, inserted.evicted), (2, 2));
		assert_eq!(candidates(&inbox, 10, 100_000), [2, 3, 4]);
		assert_eq!(inbox.commitment(&id(0)), None);
		assert_eq!(inbox.metrics.inbox_messages.get(), 3);
		assert_eq!(inbox.metrics.inbox_evicted.get(), 2);
	}

	#[test]
	fn oldest_should_go_when_they_are_too_large() {
		let folder = tempfile::tempdir().unwrap();
		let one = extrinsic(0, 10).len();
		let inbox = open(&folder, Limits { bytes: 2 * one + 1, ..ROOMY });
		inbox.insert(messages(0..3)).unwrap();
		assert_eq!(candidates(&inbox, 10, 100_000), [1, 2]);
		assert_eq!(inbox.metrics.inbox_bytes.get(), 2 * one as u64);
	}

	#[test]
	fn message_larger_than_the_inbox_should_push_no_one_out() {
		let folder = tempfile::tempdir().unwrap();
		let inbox = open(&folder, Limits { bytes: 1_000, ..ROOMY });
		inbox.insert(messages(0..2)).unwrap();
		let huge = Message { id: id(7), bytes: extrinsic(7, 2_000) };
		assert_eq!(inbox.insert(vec![huge]).unwrap(), Inserted::default());
		assert_eq!(inbox.len(), 2);
	}

	#[test]
	fn declined_messages_should_let_others_go_first() {
		let folder = tempfile::tempdir().unwrap();
		let inbox = open(&folder, ROOMY);
		inbox.insert(messages(0..4)).unwrap();
		inbox.decline(&[hash(0), hash(2)]);
		assert_eq!(candidates(&inbox, 10, 100_000), [1, 3, 0, 2]);
		inbox.decline(&[hash(1), hash(0)]);
		inbox.insert(messages([4])).unwrap();
		assert_eq!(candidates(&inbox, 10, 100_000), [3, 4, 2, 0, 1]);
	}

	#[test]
	fn declined_messages_should_go_before_untried_ones() {
		let folder = tempfile::tempdir().unwrap();
		let inbox = open(&folder, Limits { count: 4, ..ROOMY });
		inbox.insert(messages(0..4)).unwrap();
		inbox.decline(&[hash(1)]);
		inbox.decline(&[hash(2)]);
		inbox.insert(messages(4..6)).unwrap();
		assert_eq!(candidates(&inbox, 10, 100_000), [0, 3, 4, 5]);
		inbox.insert(messages([6])).unwrap();
		assert_eq!(candidates(&inbox, 10, 100_000), [3, 4, 5, 6]);
	}

	#[test]
	fn messages_should_wait_however_often_they_are_declined() {
		let folder = tempfile::tempdir().unwrap();
		let inbox = open(&folder, ROOMY);
		inbox.insert(messages(0..3)).unwrap();
		for _ in 0..1_000 {
			inbox.decline(&[hash(0)]);
		}
		assert_eq!(candidates(&inbox, 10, 100_000), [1, 2, 0]);
	}

	#[test]
	fn every_message_should_have_its_turn() {
		let folder = tempfile::tempdir().unwrap();
		let inbox = open(&folder, ROOMY);
		inbox.insert(messages(0..10)).unwrap();
		let mut tried = BTreeSet::new();
		for _ in 0..5 {
			let two = inbox.candidates(2, 100_000);
			tried.extend(two.iter().map(|waiting| waiting.hash));
			inbox.decline(&two.iter().map(|waiting| waiting.hash).collect::<Vec<_>>());
		}
		assert_eq!(tried.len(), 10);
	}

	#[test]
	fn messages_should_survive_reopening_in_order() {
		let folder = tempfile::tempdir().unwrap();
		let inbox = open(&folder, ROOMY);
		inbox.insert(messages([8, 3, 5, 1])).unwrap();
		inbox.discard(&[hash(3)]).unwrap();
		drop(inbox);

		let inbox = open(&folder, ROOMY);
		assert_eq!(candidates(&inbox, 10, 100_000), [8, 5, 1]);
		assert_eq!(inbox.commitment(&id(5)), Some(signed(5)));
		// New messages come after those from before.
		inbox.insert(messages([2])).unwrap();
		assert_eq!(candidates(&inbox, 10, 100_000), [8, 5, 1, 2]);
		assert_eq!(inbox.metrics.inbox_messages.get(), 4);
	}

	#[test]
	fn lower_limits_should_hold_after_reopening() {
		let folder = tempfile::tempdir().unwrap();
		open(&folder, ROOMY).insert(messages(0..6)).unwrap();
		let inbox = open(&folder, Limits { count: 2, ..ROOMY });
		assert_eq!(candidates(&inbox, 10, 100_000), [4, 5]);
	}

	#[test]
	fn messages_of_an_abandoned_fork_should_return_once() {
		let folder = tempfile::tempdir().unwrap();
		let inbox = open(&folder, ROOMY);
		inbox.insert(vec![message(1)]).unwrap();
		// The same commitment in other bytes, one that never was here, and a receipt.
		let other = Message { id: id(1), bytes: extrinsic(1, 9) };
		let unread = Message { id: id(1), bytes: vec![4, 5] };
		let returned = vec![other, message(2), unread.clone()];
		let inserted = inbox.take_back(returned.clone()).unwrap();
		assert_eq!(inserted.count, 2);
		let here: Vec<_> = inbox.all().iter().map(|waiting| waiting.bytes.to_vec()).collect();
		assert_eq!(here, [message(1).bytes, message(2).bytes, unread.bytes]);
		assert_eq!(inbox.take_back(returned).unwrap().count, 0);
	}

	#[test]
	fn right_receipt_should_return_where_a_wrong_one_waits() {
		let folder = tempfile::tempdir().unwrap();
		let inbox = open(&folder, ROOMY);
		let erc = |wh, padding| Message { id: id(1), bytes: receipt(1, wh, padding) };
		inbox.insert(vec![message(1), erc(250, 10)]).unwrap();
		assert_eq!(inbox.take_back(vec![erc(200, 10)]).unwrap().count, 1);
		// With another proof they say the same.
		assert_eq!(inbox.take_back(vec![erc(250, 9), erc(200, 8)]).unwrap().count, 0);
		assert_eq!(inbox.len(), 3);
	}

	#[test]
	fn discarded_message_should_not_return() {
		let folder = tempfile::tempdir().unwrap();
		let inbox = open(&folder, ROOMY);
		inbox.insert(messages(0..2)).unwrap();
		inbox.discard(&[hash(0)]).unwrap();
		assert!(inbox.knows(&hash(0)) && inbox.knows(&hash(1)) && !inbox.knows(&hash(2)));
		assert_eq!(inbox.insert(messages(0..2)).unwrap(), Inserted::default());
		assert_eq!(candidates(&inbox, 10, 100_000), [1]);
	}

	#[test]
	fn damaged_entry_should_be_named() {
		let folder = tempfile::tempdir().unwrap();
		let store = Arc::new(Store::open(folder.path(), GENESIS).unwrap());
		store.commit([(Column::Inbox, vec![1; 8], Some(vec![1, 2, 3]))]).unwrap();
		let metrics = Metrics::new(None).unwrap();
		let error = Inbox::open(store, ROOMY, GENESIS, metrics).err().unwrap();
		assert!(matches!(error, StoreError::Damaged(_)), "{error}");
	}
}
