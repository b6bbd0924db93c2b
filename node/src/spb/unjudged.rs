//! Blocks that were imported without being judged.
//!
//! A block older than the evidence window whose sidecar no one serves any more can be imported, but
//! nobody here can say that it is good. Until others have made it final, this node neither builds on
//! it nor votes for it: it is never the best block, whatever stands on it is marked like it, and
//! [`JudgedChain`], [`JudgedOnly`] and the proposer keep to what is not marked.
//!
//! | key | value |
//! | --- | --- |
//! | `spb/unjudged/` number | the marks of that height |
//! | `spb/unjudged-heights` | the first and the last height that may have marks |
//!
//! A mark is written together with its block.

use super::{sidecars::Auxiliary, Hash, Header};
use codec::{Decode, Encode};
use parking_lot::RwLock;
use sc_client_api::{AuxStore, HeaderBackend};
use sc_consensus_grandpa::{VotingRule, VotingRuleResult};
use sp_consensus::{Error as ConsensusError, SelectChain};
use spb_primitives::{BlockNumber, Parameters};
use spb_runtime::opaque::Block;
use std::{
	collections::{BTreeMap, HashSet},
	sync::Arc,
	time::{Duration, Instant},
};

const HEIGHTS: &[u8] = b"spb/unjudged-heights";

fn height_key(number: BlockNumber) -> Vec<u8> {
	[&b"spb/unjudged/"[..], &number.to_be_bytes()].concat()
}

/// The marks are not readable.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
	/// The chain's database fails.
	#[error("the chain's database does not give or take marks of unjudged blocks: {0}")]
	Database(#[from] sp_blockchain::Error),
	/// What is stored does not decode.
	#[error("the chain's database holds marks of unjudged blocks that do not decode: {0}")]
	Damaged(#[from] codec::Error),
}

/// Why a block is marked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
pub enum Reason {
	/// It was not judged.
	NotJudged,
	/// It was found good, but stands on one that was not judged.
	StandsOnOne,
}

/// The mark of a block.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
struct Mark {
	block: Hash,
	parent: Hash,
	reason: Reason,
}

#[derive(Default)]
struct Marks {
	heights: BTreeMap<BlockNumber, Vec<Mark>>,
	blocks: HashSet<Hash>,
	/// Since when there are marks without finality having moved.
	since: Option<Instant>,
}

/// The blocks that were not judged, and those that stand on them.
pub struct Unjudged<A> {
	aux: Arc<A>,
	marks: RwLock<Marks>,
}

impl<A: AuxStore> Unjudged<A> {
	/// The marks in this auxiliary store.
	pub fn open(aux: Arc<A>) -> Result<Self, MarkError> {
		let mut marks = Marks::default();
		if let Some(bytes) = aux.get_aux(HEIGHTS)? {
			let (first, last) = <(BlockNumber, BlockNumber)>::decode(&mut &bytes[..])?;
			for number in first..=last {
				let Some(bytes) = aux.get_aux(&height_key(number))? else { continue };
				let of_height = Vec::<Mark>::decode(&mut &bytes[..])?;
				marks.blocks.extend(of_height.iter().map(|mark| mark.block));
				marks.heights.insert(number, of_height);
			}
			marks.since = Some(Instant::now());
		}
		Ok(Self { aux, marks: RwLock::new(marks) })
	}

	/// Whether the block is marked.
	pub fn contains(&self, block: &Hash) -> bool {
		self.marks.read().blocks.contains(block)
	}

	/// How many are marked.
	pub fn len(&self) -> usize {
		self.marks.read().blocks.len()
	}

	/// Whether none is.
	pub fn is_empty(&self) -> bool {
		self.len() == 0
	}

	/// Whether this node may build on a block.
	///
	/// Not on a marked one. And while there are marks at all, others may be about to make the marked
	/// blocks final, as where this node has just joined: then it waits. If nothing has become final
	/// for as long as `patience`, it goes on from what it knows to be good, else a chain that stood
	/// still while someone went on without evidence would stand still for ever.
	pub fn may_build(&self, parent: &Hash, patience: Duration) -> bool {
		let marks = self.marks.read();
		let waited = marks.since.is_none_or(|since| since.elapsed() >= patience);
		!marks.blocks.contains(parent) && waited
	}

	/// Marks a block; gives what to write with it.
	pub fn mark(
		&self,
		number: BlockNumber,
		block: Hash,
		parent: Hash,
		reason: Reason,
	) -> Vec<Auxiliary> {
		let mut marks = self.marks.write();
		let of_height = marks.heights.entry(number).or_default();
		of_height.retain(|mark| mark.block != block);
		of_height.push(Mark { block, parent, reason });
		let of_height = of_height.encode();
		marks.blocks.insert(block);
		marks.since.get_or_insert_with(Instant::now);
		vec![(height_key(number), Some(of_height)), marks.heights_to_write()]
	}

	/// Takes away the mark of a block that was found good after all, on a parent that has none; gives
	/// what to write with it. Only a block whose import came to nothing can have such a mark.
	pub fn unmark(&self, number: BlockNumber, block: &Hash) -> Vec<Auxiliary> {
		let mut marks = self.marks.write();
		if !marks.blocks.remove(block) {
			return Vec::new();
		}
		let of_height = marks.heights.entry(number).or_default();
		of_height.retain(|mark| mark.block != *block);
		let left = (!of_height.is_empty()).then(|| of_height.encode());
		if left.is_none() {
			marks.heights.remove(&number);
		}
		if marks.heights.is_empty() {
			marks.since = None;
		}
		vec![(height_key(number), left), marks.heights_to_write()]
	}

	/// Takes away the marks that a final block has made void: those up to its height, and those of
	/// good blocks that stand on it.
	pub fn finalized(&self, number: BlockNumber, block: &Hash) -> Result<(), MarkError> {
		let mut marks = self.marks.write();
		if marks.heights.is_empty() {
			return Ok(());
		}
		let others_judged_it = marks.blocks.contains(block);
		let mut write = Vec::new();
		let above = marks.heights.split_off(&number.saturating_add(1));
		let gone = std::mem::replace(&mut marks.heights, above);
		for (number, of_height) in gone {
			of_height.iter().for_each(|mark| {
				marks.blocks.remove(&mark.block);
			});
			write.push((height_key(number), None));
		}
		let Marks { heights, blocks, .. } = &mut *marks;
		for (number, of_height) in heights.iter_mut() {
			let before = of_height.len();
			of_height.retain(|mark| {
				let stays = mark.reason == Reason::NotJudged || blocks.contains(&mark.parent);
				if !stays {
					blocks.remove(&mark.block);
				}
				stays
			});
			if of_height.len() < before {
				let left = (!of_height.is_empty()).then(|| of_height.encode());
				write.push((height_key(*number), left));
			}
		}
		heights.retain(|_, of_height| !of_height.is_empty());
		if marks.heights.is_empty() {
			marks.since = None;
		} else if others_judged_it {
			// Others are making final what this node could not judge: they may go on. Where the final
			// chain passes the marks by, waiting for a fork that no one takes would never end.
			marks.since = Some(Instant::now());
		}
		write.push(marks.heights_to_write());
		let (set, removed): (Vec<_>, Vec<_>) = write.iter().partition(|(_, value)| value.is_some());
		let set: Vec<_> =
			set.iter().filter_map(|(key, value)| Some((&key[..], value.as_deref()?))).collect();
		let removed: Vec<_> = removed.iter().map(|(key, _)| &key[..]).collect();
		self.aux.insert_aux(&set, &removed)?;
		Ok(())
	}

	/// Where a chain may be built on or voted for: at `tip`, or below the lowest marked block above
	/// `floor`. `header` gives the header of a block of the chain.
	pub fn judged_part(
		&self,
		tip: Header,
		floor: BlockNumber,
		header: impl Fn(Hash) -> Option<Header>,
	) -> Header {
		let marks = self.marks.read();
		if marks.blocks.is_empty() {
			return tip;
		}
		let mut judged = tip.clone();
		let mut at = tip;
		while at.number > floor {
			let marked = marks.blocks.contains(&at.hash());
			let Some(parent) = header(at.parent_hash) else { break };
			if marked {
				judged = parent.clone();
			}
			at = parent;
		}
		judged
	}
}

impl Marks {
	fn heights_to_write(&self) -> Auxiliary {
		let first = self.heights.keys().next();
		let last = self.heights.keys().next_back();
		let heights: Option<(&BlockNumber, &BlockNumber)> = first.zip(last);
		(HEIGHTS.to_vec(), heights.map(|heights| heights.encode()))
	}
}

/// Whether a block of this slot is older than the window in which its evidence is asked for.
pub fn is_older_than_window(slot: u64, parameters: &Parameters, now: Duration) -> bool {
	let age = now
		.as_millis()
		.saturating_sub(u128::from(slot).saturating_mul(parameters.slot_duration.into()));
	let window =
		u128::from(parameters.evidence_window).saturating_mul(parameters.slot_duration.into());
	age > window
}

/// Chooses among chains, but only as far as they were judged.
pub struct JudgedChain<S, C, A> {
	inner: S,
	client: Arc<C>,
	unjudged: Arc<Unjudged<A>>,
}

impl<S: Clone, C, A> Clone for JudgedChain<S, C, A> {
	fn clone(&self) -> Self {
		let (client, unjudged) = (self.client.clone(), self.unjudged.clone());
		Self { inner: self.inner.clone(), client, unjudged }
	}
}

impl<S, C: HeaderBackend<Block>, A: AuxStore> JudgedChain<S, C, A> {
	/// What `inner` chooses, as far as it was judged.
	pub fn new(inner: S, client: Arc<C>, unjudged: Arc<Unjudged<A>>) -> Self {
		Self { inner, client, unjudged }
	}

	fn judged(&self, tip: Header) -> Header {
		let floor = self.client.info().finalized_number;
		self.unjudged.judged_part(tip, floor, |hash| self.client.header(hash).ok().flatten())
	}

	fn header(&self, hash: Hash) -> Result<Header, ConsensusError> {
		match self.client.header(hash) {
			Ok(Some(header)) => Ok(header),
			Ok(None) => Err(ConsensusError::ChainLookup(format!("block {hash:?} is not known"))),
			Err(error) => Err(ConsensusError::ChainLookup(error.to_string())),
		}
	}
}

#[async_trait::async_trait]
impl<S, C, A> SelectChain<Block> for JudgedChain<S, C, A>
where
	S: SelectChain<Block>,
	C: HeaderBackend<Block> + 'static,
	A: AuxStore + Send + Sync + 'static,
{
	async fn leaves(&self) -> Result<Vec<Hash>, ConsensusError> {
		self.inner.leaves().await
	}

	async fn best_chain(&self) -> Result<Header, ConsensusError> {
		Ok(self.judged(self.inner.best_chain().await?))
	}

	async fn finality_target(
		&self,
		base: Hash,
		max_number: Option<BlockNumber>,
	) -> Result<Hash, ConsensusError> {
		let target = self.inner.finality_target(base, max_number).await?;
		if self.unjudged.is_empty() {
			return Ok(target);
		}
		let base_number = self.header(base)?.number;
		let judged = self.judged(self.header(target)?);
		if judged.number < base_number {
			// Upon this the voter keeps to the base itself.
			let text = format!("block {base:?} stands on one that was not judged");
			return Err(ConsensusError::ChainLookup(text));
		}
		Ok(judged.hash())
	}
}

/// Votes for nothing that was not judged.
pub struct JudgedOnly<A>(pub Arc<Unjudged<A>>);

impl<A> Clone for JudgedOnly<A> {
	fn clone(&self) -> Self {
		Self(self.0.clone())
	}
}

impl<B, A> VotingRule<Block, B> for JudgedOnly<A>
where
	B: HeaderBackend<Block>,
	A: AuxStore + Send + Sync,
{
	fn restrict_vote(
		&self,
		backend: Arc<B>,
		base: &Header,
		_: &Header,
		current: &Header,
	) -> VotingRuleResult<Block> {
		let header = |hash| backend.header(hash).ok().flatten();
		let judged = self.0.judged_part(current.clone(), base.number, header);
		let restricted = (judged.number < current.number).then(|| (judged.hash(), judged.number));
		Box::pin(futures::future::ready(restricted))
	}
}

#[cfg(test)]
mod tests {
	use super::{super::sidecars::tests::Memory, *};
	use sp_runtime::{traits::Header as _, Digest, DigestItem};
	use std::collections::HashMap;

	/// A chain of headers from 0; `fork` tells it from others.
	fn chain(length: BlockNumber, fork: u8, from: Option<&Header>) -> Vec<Header> {
		let mut chain: Vec<Header> = Vec::new();
		for _ in 0..length {
			let parent = chain.last().or(from);
			let (number, hash) =
				parent.map_or((0, Hash::zero()), |parent| (parent.number + 1, parent.hash()));
			let digest = Digest { logs: vec![DigestItem::Other(vec![fork])] };
			chain.push(Header::new(number, Hash::zero(), Hash::zero(), hash, digest));
		}
		chain
	}

	fn store() -> (Unjudged<Memory>, Arc<Memory>) {
		let memory = Arc::new(Memory::default());
		(Unjudged::open(memory.clone()).unwrap(), memory)
	}

	fn mark(unjudged: &Unjudged<Memory>, header: &Header, reason: Reason) {
		let write = unjudged.mark(header.number, header.hash(), header.parent_hash, reason);
		unjudged.aux.apply(write);
	}

	fn marked(unjudged: &Unjudged<Memory>, chain: &[Header]) -> Vec<BlockNumber> {
		let marked = chain.iter().filter(|header| unjudged.contains(&header.hash()));
		marked.map(|header| header.number).collect()
	}

	#[test]
	fn marks_should_survive_a_restart() {
		let (unjudged, memory) = store();
		let chain = chain(8, 0, None);
		for header in &chain[3..6] {
			mark(&unjudged, header, Reason::NotJudged);
		}
		let again = Unjudged::open(memory).unwrap();
		assert_eq!(marked(&again, &chain), [3, 4, 5]);
		assert_eq!(again.len(), 3);
	}

	#[test]
	fn finality_should_take_marks_away_and_nothing_else() {
		let (unjudged, memory) = store();
		let main = chain(10, 0, None);
		let fork = chain(3, 1, Some(&main[4]));
		for header in main[2..6].iter().chain(&fork[..2]) {
			mark(&unjudged, header, Reason::NotJudged);
		}
		for header in main[6..9].iter().chain(&fork[2..]) {
			mark(&unjudged, header, Reason::StandsOnOne);
		}
		unjudged.finalized(1, &main[1].hash()).unwrap();
		assert_eq!(unjudged.len(), 10);
		unjudged.finalized(3, &main[3].hash()).unwrap();
		assert_eq!(marked(&unjudged, &main), [4, 5, 6, 7, 8]);
		// The fork at 5 is abandoned, but what was not judged at 6 stays so with its descendant.
		unjudged.finalized(5, &main[5].hash()).unwrap();
		assert!(marked(&unjudged, &main).is_empty());
		assert_eq!(marked(&unjudged, &fork), [6, 7]);
		assert_eq!(marked(&Unjudged::open(memory.clone()).unwrap(), &fork), [6, 7]);
		unjudged.finalized(8, &main[8].hash()).unwrap();
		assert!(unjudged.is_empty() && memory.0.lock().is_empty());
	}

	#[test]
	fn block_found_good_after_all_should_lose_its_mark() {
		let (unjudged, memory) = store();
		let chain = chain(4, 0, None);
		mark(&unjudged, &chain[2], Reason::NotJudged);
		mark(&unjudged, &chain[3], Reason::StandsOnOne);
		assert!(unjudged.unmark(1, &chain[1].hash()).is_empty());
		for header in &chain[2..] {
			memory.apply(unjudged.unmark(header.number, &header.hash()));
			assert!(!unjudged.contains(&header.hash()));
		}
		assert!(unjudged.is_empty() && memory.0.lock().is_empty());
	}

	#[test]
	fn chain_should_be_judged_up_to_the_lowest_mark() {
		let (unjudged, _) = store();
		let chain = chain(10, 0, None);
		let by_hash: HashMap<_, _> =
			chain.iter().map(|header| (header.hash(), header.clone())).collect();
		let judged = |tip: usize, floor| {
			let header = |hash| by_hash.get(&hash).cloned();
			unjudged.judged_part(chain[tip].clone(), floor, header).number
		};
		assert_eq!(judged(9, 0), 9);
		mark(&unjudged, &chain[4], Reason::NotJudged);
		mark(&unjudged, &chain[7], Reason::NotJudged);
		assert_eq!(judged(9, 0), 3);
		assert_eq!(judged(4, 0), 3);
		assert_eq!(judged(3, 0), 3);
		// What is final needs no judgement.
		assert_eq!(judged(9, 4), 6);
		assert_eq!(judged(9, 7), 9);
	}

	#[test]
	fn node_should_wait_for_others_before_it_builds_beside_what_was_not_judged() {
		let (unjudged, memory) = store();
		let chain = chain(5, 0, None);
		let (long, over) = (Duration::from_secs(1_000), Duration::ZERO);
		let may_build = |unjudged: &Unjudged<Memory>, patience| {
			[2, 3].map(|parent: usize| unjudged.may_build(&chain[parent].hash(), patience))
		};
		assert_eq!(may_build(&unjudged, long), [true, true]);
		mark(&unjudged, &chain[3], Reason::NotJudged);
		assert_eq!(may_build(&unjudged, long), [false, false]);
		assert_eq!(may_build(&unjudged, over), [true, false]);
		assert_eq!(may_build(&Unjudged::open(memory).unwrap(), long), [false, false]);
		unjudged.finalized(3, &chain[3].hash()).unwrap();
		assert_eq!(may_build(&unjudged, long), [true, true]);
	}

	#[test]
	fn node_should_wait_anew_only_where_marked_blocks_become_final() {
		let (unjudged, _) = store();
		let main = chain(5, 0, None);
		let fork = chain(4, 1, Some(&main[1]));
		for header in fork.iter().chain(&main[2..4]) {
			mark(&unjudged, header, Reason::NotJudged);
		}
		let since = || unjudged.marks.read().since;
		let first = since();
		unjudged.finalized(1, &main[1].hash()).unwrap();
		assert_eq!(since(), first, "the final block was judged here");
		unjudged.finalized(2, &main[2].hash()).unwrap();
		let second = since();
		assert!(second > first, "others have judged it");
		unjudged.finalized(4, &main[4].hash()).unwrap();
		assert_eq!(since(), second, "the fork above is passed by");
		unjudged.finalized(9, &Hash::repeat_byte(9)).unwrap();
		assert_eq!(since(), None);
	}

	#[test]
	fn age_should_be_measured_in_slots() {
		let parameters = Parameters { evidence_window: 10, ..Parameters::DEVELOPMENT };
		let older = |seconds| is_older_than_window(100, &parameters, Duration::from_secs(seconds));
		assert!(!older(0) && !older(300) && !older(330));
		assert!(older(331));
		let now = Duration::from_secs(1);
		assert!(!is_older_than_window(u64::MAX, &parameters, now), "a slot to come is not old");
	}
}
