//! The housekeeper: every database that is kept is whole, and what is older is gone, forks too.

use super::*;
use crate::{
	block,
	database::{block_record, changes, note_final, store::Store, sweep, Budget},
	runtime_api::{Missing, OpenCtp},
};
use proptest::prelude::*;
use spb_primitives::{root::entry_key, BlockNumber};
use std::collections::BTreeMap;

/// Lifetimes so short that a chain of some dozen blocks outlives them many times.
const SHORT: Parameters =
	Parameters { min_lifetime: 1, max_lifetime: 4, grace: 2, evidence_window: 1, ..PARAMETERS };
const ALL: Budget = Budget { heights: 1_000, nodes: 1_000_000 };

/// A chain whose blocks are kept to be looked at again.
struct Kept {
	chain: TestChain,
	blocks: Vec<TestBlock>,
	parents: BTreeMap<H256, (BlockNumber, H256)>,
	last_final: BlockNumber,
	next_leaf: u32,
}

impl Kept {
	fn new() -> Self {
		let chain = ExtBuilder::default().parameters(SHORT).into();
		Self { chain, blocks: vec![], parents: BTreeMap::new(), last_final: 0, next_leaf: 0 }
	}

	/// A block on top of `parent` with `trades` new CTPs, every other one settled at once, and the
	/// ERCs of whatever else is open.
	fn block_on(&mut self, parent: H256, trades: u32, settle_open: bool) -> TestBlock {
		let number = self.chain.after(&parent, System::block_number) + 1;
		let mut messages = Vec::new();
		for at in 0..trades {
			let leaf = (self.next_leaf + at) % METER.leaves();
			let deal = Deal::new(leaf).energy(110 + leaf).expiry(number + 1 + leaf % 4);
			messages.push(deal.commit());
			if leaf.is_multiple_of(4) {
				messages.push(deal.confirm(10, number));
			}
		}
		self.next_leaf += trades;
		if settle_open {
			for open in self.chain.entries(&parent).into_iter().step_by(2) {
				let ctp = &open.signed.ctp;
				let leaf = ctp.energy.wh() - 110;
				messages.push(
					Deal::new(leaf)
						.with(|mine| *mine = ctp.clone())
						.confirm(7, ctp.expiry.min(number)),
				);
			}
		}
		let block = self.chain.block_on(parent, &messages, || ());
		self.blocks.push(block.clone());
		self.parents.insert(block.hash, (block.number, parent));
		block
	}

	fn block(&mut self, trades: u32) -> TestBlock {
		let settle_open = self.next_leaf.is_multiple_of(3);
		self.block_on(self.chain.head, trades, settle_open)
	}

	/// The block of this number that `tip` stands on, or is.
	fn ancestor(&self, tip: H256, number: BlockNumber) -> Option<H256> {
		let mut at = tip;
		while let Some((height, parent)) = self.parents.get(&at) {
			if *height == number {
				return Some(at);
			}
			at = *parent;
		}
		None
	}

	/// Makes the head's ancestor of this number final.
	fn finalize(&mut self, number: BlockNumber) {
		let hash = self.ancestor(self.chain.head, number).expect("the head stands on it");
		note_final(&self.chain.store, number, hash);
		self.last_final = self.last_final.max(number);
	}

	fn sweep(&self, budget: Budget) {
		sweep(&self.chain.store, &SHORT, budget);
	}

	/// The first height that is kept.
	fn first_kept(&self) -> BlockNumber {
		self.last_final.saturating_sub(SHORT.retention())
	}

	/// Whether a block is final or stands on the last final one.
	fn counts(&self, block: &TestBlock) -> bool {
		let of_head = self.ancestor(self.chain.head, block.number) == Some(block.hash);
		let final_hash = self.ancestor(self.chain.head, self.last_final);
		let on_final = self.ancestor(block.hash, self.last_final) == final_hash;
		self.last_final == 0 || on_final || (of_head && block.number <= self.last_final)
	}

	/// The blocks whose databases are kept.
	fn kept(&self) -> impl Iterator<Item = &TestBlock> {
		let kept = |block: &&TestBlock| block.number >= self.first_kept() && self.counts(block);
		self.blocks.iter().filter(kept)
	}

	/// That each database that is kept has all its entries, claims and changes.
	fn assert_kept_whole(&self) {
		for block in self.kept() {
			let what = format!("of block {}, {} final", block.number, self.last_final);
			let root = block.digest.unwrap().database_root;
			let mut database = block::open(&self.chain.store, &block.hash, false)
				.unwrap_or_else(|error| panic!("the database {what} is {error:?}"));
			assert_eq!(database.summary().map(|summary| summary.root), Ok(root), "the root {what}");
			assert!(changes(&self.chain.store, &block.hash).is_ok(), "the changes {what}");
			for OpenCtp { id, signed } in self.chain.entries(&block.hash) {
				assert_eq!(database.contains(signed.ctp.expiry, &id), Ok(true), "the entry {what}");
				let claims = database.claims(signed.ctp.vault).unwrap();
				assert!(claims.iter().any(|claim| claim.id == id), "the claim {what}");
				let claimed = database.claimed(signed.ctp.offer).unwrap();
				assert!(claimed >= signed.ctp.energy.wh().into(), "the energy {what}");
			}
		}
	}

	/// That in each database that is kept each entry is found by its id, and proven.
	fn assert_found_by_id(&self) {
		for block in self.kept() {
			let what = format!("of block {}, {} final", block.number, self.last_final);
			let root = block.digest.unwrap().database_root;
			let mut database = block::open(&self.chain.store, &block.hash, false).unwrap();
			for OpenCtp { id, signed } in self.chain.entries(&block.hash) {
				assert_eq!(database.entry(&id), Ok(Some(signed.clone())), "the entry {what}");
				let proof = database.proof(&id).unwrap().map(|(_, proof)| proof);
				let key = entry_key(signed.ctp.expiry, &id);
				let proven = proof.is_some_and(|proof| proof.verify(&root, &key, &signed.leaf()));
				assert!(proven, "the proof {what}");
			}
		}
	}

	/// That nothing is left of what is older.
	fn assert_older_gone(&self) {
		for block in self.blocks.iter().filter(|block| block.number < self.first_kept()) {
			assert_eq!(block_record(&self.chain.store, &block.hash), None);
			let missing = Err(Missing::Database(block.hash));
			assert_eq!(self.chain.summary(&block.hash), missing);
			let of_block = self
				.chain
				.store
				.snapshot()
				.into_keys()
				.filter(|key| !key.starts_with(b"spb/n/"))
				.any(|key| key.windows(32).any(|part| part == block.hash.as_bytes()));
			assert!(!of_block, "block {} has left something behind", block.number);
		}
	}
}

#[test]
fn nothing_should_be_forgotten_before_it_is_final_for_long_enough() {
	let mut kept = Kept::new();
	for _ in 0..30 {
		kept.block(2);
		kept.sweep(ALL);
	}
	let before = kept.chain.store.snapshot();
	kept.sweep(ALL);
	assert!(kept.chain.store.snapshot() == before, "without a final block nothing goes");
	kept.assert_kept_whole();
	kept.finalize(SHORT.retention() + 1);
	let before = kept.chain.store.snapshot();
	kept.sweep(ALL);
	assert!(kept.chain.store.snapshot() == before, "the first block is just kept");
	kept.finalize(SHORT.retention() + 2);
	kept.sweep(ALL);
	assert_eq!(block_record(&kept.chain.store, &kept.blocks[0].hash), None);
	kept.assert_kept_whole();
	kept.assert_older_gone();
}

#[test]
fn straight_chain_should_keep_what_it_needs_and_no_more() {
	let mut kept = Kept::new();
	let mut sizes = Vec::new();
	for number in 1..=120 {
		kept.block(3);
		kept.finalize(number);
		kept.sweep(ALL);
		sizes.push(kept.chain.store.len());
		if number % 10 == 0 {
			kept.assert_kept_whole();
			kept.assert_older_gone();
		}
	}
	let early = sizes[20..60].iter().max().unwrap();
	let late = sizes[80..].iter().max().unwrap();
	assert!(*late <= early + early / 5, "the store grew from {early} to {late} keys");
}

#[test]
fn empty_chain_should_come_back_to_a_handful_of_keys() {
	let mut kept = Kept::new();
	for _ in 0..20 {
		kept.block(3);
	}
	let busy = kept.chain.store.len();
	for _ in 0..4 * SHORT.retention() {
		kept.block(0);
		kept.finalize(kept.chain.height());
		kept.sweep(ALL);
	}
	kept.assert_kept_whole();
	let quiet = kept.chain.store.len();
	// Per height that is kept: three of its block, its place in the height and in the final chain;
	// beside them the two small trees and what stands once.
	let heights = SHORT.retention() as usize + 1;
	assert!(quiet <= 5 * heights + 10, "{quiet} keys of {busy} are left");
	let prefixes = [&b"spb/n/"[..], b"spb/x/"];
	let left = |prefix| {
		let snapshot = kept.chain.store.snapshot();
		snapshot.into_keys().filter(|key| key.starts_with(prefix)).count()
	};
	assert!(left(prefixes[0]) <= 4, "the claims of one vault and one offer at most");
	assert_eq!(left(prefixes[1]), 0);
}

#[test]
fn closed_vaults_and_offers_should_leave_nothing_behind() {
	let mut kept = Kept::new();
	let mut sizes = Vec::new();
	// Time and again an offer and a vault are opened, a CTP runs out, and both are closed.
	for round in 0..6 {
		let (offer_id, vault_id) = (round + 1, round + 1);
		kept.chain.block_with(&[], || {
			assert_eq!(offer(Alice, 1_000, PRICE, Terms::Listed), offer_id);
			deposit(Charlie, 1_000);
		});
		let expiry = kept.chain.height() + 2;
		let deal = Deal::new(round).energy(200).expiry(expiry).by(Charlie);
		let deal = deal.with(|ctp| (ctp.vault, ctp.offer) = (vault_id, offer_id));
		kept.chain.block_with(&[deal.commit()], || {
			ok(Spb::close_offer(signed(Alice), offer_id));
			ok(Spb::request_withdrawal(signed(Charlie), money(1_000)));
		});
		let height = kept.chain.height();
		kept.chain.blocks_to(height + SHORT.longest_claim());
		kept.chain.block_with(&[], || ok(Spb::withdraw(signed(Charlie))));
		for _ in 0..4 * SHORT.retention() {
			let block = kept.chain.block(&[]);
			note_final(&kept.chain.store, block.number, block.hash);
			kept.sweep(ALL);
		}
		assert!(kept.chain.query(|| crate::Vaults::<Test>::get(vault_id).is_none()));
		assert!(kept.chain.query(|| crate::Offers::<Test>::get(offer_id).is_none()));
		sizes.push(kept.chain.store.len());
	}
	assert!(
		sizes.windows(2).all(|pair| pair[0] >= pair[1]),
		"each round leaves something behind: {sizes:?}"
	);
}

#[test]
fn small_budget_should_get_there_too() {
	let (mut small, mut large) = (Kept::new(), Kept::new());
	for kept in [&mut small, &mut large] {
		for _ in 0..40 {
			kept.block(4);
		}
		kept.finalize(40);
	}
	large.sweep(ALL);
	let mut runs = 0;
	let mut before = usize::MAX;
	while small.chain.store.len() < before {
		before = small.chain.store.len();
		small.sweep(Budget { heights: 2, nodes: 3 });
		small.assert_kept_whole();
		runs += 1;
	}
	assert!(runs > 10, "it went in {runs} small steps");
	small.assert_older_gone();
	assert_eq!(small.chain.store.len(), large.chain.store.len());
}

#[test]
fn abandoned_forks_should_go_with_their_heights() {
	let mut kept = Kept::new();
	kept.block(2);
	let fork_at = kept.chain.head;
	// A fork of five blocks that the other outgrows.
	for _ in 0..5 {
		kept.block(3);
	}
	let abandoned: Vec<_> = kept.blocks[1..].iter().map(|block| block.hash).collect();
	kept.chain.head = fork_at;
	for _ in 0..30 {
		kept.block(2);
	}
	kept.finalize(31);
	kept.sweep(ALL);
	kept.assert_kept_whole();
	kept.assert_older_gone();
	for hash in abandoned {
		assert_eq!(block_record(&kept.chain.store, &hash), None);
		let left = kept
			.chain
			.store
			.snapshot()
			.into_keys()
			.any(|key| key.windows(32).any(|part| part == hash.as_bytes()));
		assert!(!left, "a node of an abandoned block is left");
	}
}

#[test]
fn finality_should_reach_back_over_heights_it_was_not_told_of() {
	let (mut told, mut late) = (Kept::new(), Kept::new());
	for number in 1..=30 {
		told.block(2);
		late.block(2);
		told.finalize(number);
	}
	late.finalize(30);
	for kept in [&told, &late] {
		kept.sweep(ALL);
		kept.assert_kept_whole();
		kept.assert_older_gone();
	}
	assert_eq!(told.chain.store.len(), late.chain.store.len());
}

/// A store of a process that dies after so many writes.
struct Dying<'a> {
	store: &'a MemoryStore,
	writes: std::cell::Cell<u32>,
}

impl Dying<'_> {
	fn lives(&self) -> bool {
		let left = self.writes.get();
		self.writes.set(left.saturating_sub(1));
		left > 0
	}
}

impl Store for Dying<'_> {
	fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
		self.store.get(key)
	}

	fn set(&self, key: &[u8], value: &[u8]) {
		if self.lives() {
			self.store.set(key, value);
		}
	}

	fn remove(&self, key: &[u8]) {
		if self.lives() {
			self.store.remove(key);
		}
	}

	fn compare_and_set(&self, key: &[u8], before: Option<Vec<u8>>, value: &[u8]) -> bool {
		self.lives() && self.store.compare_and_set(key, before, value)
	}
}

#[test]
fn interrupted_notes_of_finality_should_leave_no_height_out() {
	let mut kept = Kept::new();
	for _ in 0..10 {
		kept.block(2);
	}
	let (head, before) = (kept.chain.head, kept.chain.store.snapshot());
	kept.finalize(10);
	let whole = kept.chain.store.snapshot();
	for writes in 0..12 {
		kept.chain.store.restore(before.clone());
		let dying = Dying { store: &kept.chain.store, writes: writes.into() };
		note_final(&dying, 10, head);
		note_final(&kept.chain.store, 10, head);
		assert!(kept.chain.store.snapshot() == whole, "after {writes} writes");
	}
}

#[test]
fn interrupted_sweeps_should_lose_nothing_that_is_kept_and_leave_nothing_else() {
	let mut kept = Kept::new();
	for _ in 0..30 {
		kept.block(2);
	}
	kept.finalize(30);
	let before = kept.chain.store.snapshot();
	kept.sweep(ALL);
	let whole = kept.chain.store.snapshot();
	for writes in (0..before.len() as u32).step_by(7) {
		kept.chain.store.restore(before.clone());
		let dying = Dying { store: &kept.chain.store, writes: writes.into() };
		sweep(&dying, &SHORT, ALL);
		kept.assert_kept_whole();
		kept.sweep(ALL);
		kept.sweep(ALL);
		assert!(kept.chain.store.len() <= whole.len(), "after {writes} writes");
	}
}

#[test]
fn earlier_and_unknown_final_blocks_should_change_nothing() {
	let mut kept = Kept::new();
	for number in 1..=20 {
		kept.block(2);
		kept.finalize(number);
	}
	let before = kept.chain.store.snapshot();
	for number in [1, 7, 20] {
		kept.finalize(number);
	}
	note_final(&kept.chain.store, 3, H256::repeat_byte(3));
	assert!(kept.chain.store.snapshot() == before);
	kept.sweep(ALL);
	kept.assert_kept_whole();
	kept.assert_older_gone();
}

#[test]
fn entries_should_be_found_by_id_as_long_as_their_database_is_kept() {
	let mut kept = Kept::new();
	for number in 1..=40 {
		kept.block(3);
		kept.finalize(number);
		kept.sweep(ALL);
		kept.assert_found_by_id();
	}
}

/// One step of a random chain: new trades, whether open ones settle, which block it stands on, how
/// far finality is behind, how much is swept, and a choice among blocks.
type Step = (u32, bool, u32, u32, u32, prop::sample::Index);

fn steps() -> impl Strategy<Value = Vec<Step>> {
	let step = (0u32..4, any::<bool>(), 0u32..12, 0u32..6, 0u32..4, any::<prop::sample::Index>());
	prop::collection::vec(step, 20..70)
}

/// A chain with forks, finality and sweeps as they come, in the end swept whole.
fn random_chain(steps: Vec<Step>) -> Kept {
	let mut kept = Kept::new();
	for (trades, settle_open, way, lag, budget, pick) in steps {
		// Mostly on the head; now and then on any block that finality still allows.
		let open: Vec<H256> = kept
			.blocks
			.iter()
			.filter(|block| block.number >= kept.last_final && kept.counts(block))
			.map(|block| block.hash)
			.collect();
		let parent = match way {
			0..=2 if !open.is_empty() => open[pick.index(open.len())],
			_ => kept.chain.head,
		};
		kept.block_on(parent, trades, settle_open);
		let height = kept.chain.height();
		if height > lag && height - lag > kept.last_final {
			kept.finalize(height - lag);
		}
		let (heights, nodes) = [(0, 0), (1, 2), (3, 20), (1_000, 1_000_000)][budget as usize];
		kept.sweep(Budget { heights, nodes });
	}
	kept.assert_kept_whole();
	kept.sweep(ALL);
	kept
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(24))]

	#[test]
	fn forks_and_sweeps_should_keep_what_counts_whole(steps in steps()) {
		let mut kept = random_chain(steps);
		kept.assert_kept_whole();
		kept.assert_older_gone();
		// And when all that was is past retention, next to nothing is left.
		for _ in 0..4 * SHORT.retention() {
			kept.block(0);
			kept.finalize(kept.chain.height());
			kept.sweep(ALL);
		}
		kept.assert_kept_whole();
		kept.assert_older_gone();
		let heights = SHORT.retention() as usize + 1;
		prop_assert!(kept.chain.store.len() <= 5 * heights + 10);
	}

	#[test]
	fn forks_and_sweeps_should_leave_entries_to_be_found_by_id(steps in steps()) {
		random_chain(steps).assert_found_by_id();
	}
}
