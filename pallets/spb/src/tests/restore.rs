//! Restoring a database from its entries: it is the one of the header or nothing at all.

use super::*;
use crate::{
	block,
	database::{
		block_record, note_final,
		restore::{restore, Target, MAX_PART},
		sweep, Budget,
	},
	runtime_api::{Missing, NotRestored, RestoreStep, Restoring, Verdict},
};
use spb_primitives::{root::entry_key, BlockNumber, SignedCtp};
use std::collections::BTreeMap;

const SHORT: Parameters =
	Parameters { min_lifetime: 1, max_lifetime: 4, grace: 2, evidence_window: 1, ..PARAMETERS };
const ALL: Budget = Budget { heights: 1_000, nodes: 1_000_000 };

fn target(block: &TestBlock, grace: BlockNumber) -> Target {
	Target {
		block: block.hash,
		number: block.number,
		parent: block.parent,
		root: block.digest.unwrap().database_root,
		live_from: (block.number + 1).saturating_sub(grace),
		max_open: MOST_OPEN,
		genesis: GENESIS,
	}
}

/// A chain whose head has some open CTPs of two vaults.
fn busy_chain() -> (TestChain, TestBlock) {
	let mut chain = TestChain::new();
	chain.block_with(&[], || deposit(Charlie, IN_VAULT));
	let deal = |leaf: u32| {
		let deal = Deal::new(leaf).energy(150 + leaf).expiry(8 + leaf % 3);
		if leaf % 4 == 1 {
			deal.by(Charlie).with(|ctp| ctp.vault = 1)
		} else {
			deal
		}
	};
	let commits: Vec<_> = (0..12).map(|leaf| deal(leaf).commit()).collect();
	chain.block(&commits[..7]);
	chain.block(&commits[7..]);
	let block = chain.block(&[deal(2).confirm(10, 3)]);
	(chain, block)
}

fn entries(chain: &TestChain, block: &TestBlock) -> Vec<SignedCtp> {
	chain.entries(&block.hash).into_iter().map(|open| open.signed).collect()
}

/// Restores a database from these entries in parts of this size.
fn run(
	store: &MemoryStore,
	target: &Target,
	entries: &[SignedCtp],
	size: usize,
) -> Result<(), NotRestored> {
	assert_eq!(restore(store, target, RestoreStep::Begin), Ok(Restoring::More));
	for part in entries.chunks(size) {
		restore(store, target, RestoreStep::Entries(part.to_vec()))?;
	}
	while restore(store, target, RestoreStep::Finish)? == Restoring::More {}
	Ok(())
}

/// How many keys there are beside the one that counts the attempts.
fn left(store: &MemoryStore) -> usize {
	// Housekeeping that has nothing else to do: no block is final.
	sweep(store, &PARAMETERS, ALL);
	let counted = [&b"spb/attempts"[..], b"spb/discarded", b"spb/work"];
	let mut keys = store.snapshot();
	keys.retain(|key, _| !counted.contains(&&key[..]));
	keys.len()
}

#[test]
fn restored_database_should_be_the_one_that_was_lost() {
	for size in [1, 2, 5, 100] {
		let (mut chain, head) = busy_chain();
		let all = entries(&chain, &head);
		let claims = |chain: &TestChain, vault| {
			let claims = chain.database(&head.hash, |db| db.claims(vault).map(<[_]>::to_vec));
			let mut claims = claims.unwrap();
			claims.sort_by_key(|claim| claim.id);
			claims
		};
		let sold = |chain: &TestChain| chain.database(&head.hash, |db| db.claimed(0)).unwrap();
		let before = (claims(&chain, 0), claims(&chain, 1), sold(&chain));
		assert!(!before.0.is_empty() && !before.1.is_empty());

		let next = chain.author_on(head.hash, &[Deal::new(0).expiry(9).commit()], || ());
		chain.store.restore(BTreeMap::new());
		assert_eq!(chain.check(&next), Verdict::Missing(Missing::Database(head.hash)));
		assert_eq!(run(&chain.store, &target(&head, PARAMETERS.grace), &all, size), Ok(()));

		assert_eq!(chain.summary(&head.hash).unwrap().root, head.digest.unwrap().database_root);
		assert_eq!(entries(&chain, &head), all);
		assert_eq!((claims(&chain, 0), claims(&chain, 1), sold(&chain)), before);
		for signed in &all {
			let id = id_of(signed);
			let found = chain.database(&head.hash, |db| db.entry(&id)).unwrap();
			assert_eq!(found.as_ref(), Some(signed), "every entry is found by its id");
			let key = entry_key(signed.ctp.expiry, &id);
			let (_, proof) = chain.database(&head.hash, |db| db.proof(&id)).unwrap().unwrap();
			assert!(proof.verify(&head.digest.unwrap().database_root, &key, &signed.leaf()));
		}
		// What the block did to the database is not known, and no one is told something else.
		assert_eq!(chain.changes(&head.hash), Err(Missing::Database(head.hash)));
		assert_eq!(chain.check(&next), Verdict::Ok);
		chain.head = next.hash;
		chain.blocks_to(20);
		assert!(chain.open().is_empty());
	}
}

#[test]
fn empty_database_should_be_restored_from_nothing() {
	let mut chain = TestChain::new();
	let head = chain.block(&[]);
	chain.store.restore(BTreeMap::new());
	assert_eq!(run(&chain.store, &target(&head, PARAMETERS.grace), &[], 1), Ok(()));
	chain.block(&[Deal::new(0).expiry(9).commit()]);
}

#[test]
fn other_entries_should_be_refused_and_leave_nothing() {
	let (chain, head) = busy_chain();
	let all = entries(&chain, &head);
	let target = target(&head, PARAMETERS.grace);
	let mut changed = all.clone();
	changed[3].ctp.amount = money(1);
	let mut twice = all.clone();
	twice.insert(2, all[1].clone());
	let mut swapped = all.clone();
	swapped.swap(0, 1);
	let cases = [
		(all[1..].to_vec(), NotRestored::WrongRoot),
		(all[..all.len() - 1].to_vec(), NotRestored::WrongRoot),
		(Vec::new(), NotRestored::WrongRoot),
		(twice, NotRestored::OutOfOrder),
		(swapped, NotRestored::OutOfOrder),
	];
	for (entries, refusal) in cases {
		for size in [1, 4, 100] {
			let store = MemoryStore::default();
			assert_eq!(run(&store, &target, &entries, size), Err(refusal));
			assert_eq!(block_record(&store, &head.hash), None);
			assert_eq!(left(&store), 0, "{refusal:?} left something behind");
			assert_eq!(run(&store, &target, &all, size), Ok(()), "and the right ones still do");
		}
	}
	let store = MemoryStore::default();
	let error = run(&store, &target, &changed, 100).unwrap_err();
	assert!(matches!(error, NotRestored::WrongRoot | NotRestored::OutOfOrder));
}

#[test]
fn bounds_should_hold() {
	let (chain, head) = busy_chain();
	let all = entries(&chain, &head);
	let few = Target { max_open: all.len() as u32 - 1, ..target(&head, PARAMETERS.grace) };
	let store = MemoryStore::default();
	assert_eq!(run(&store, &few, &all, 3), Err(NotRestored::TooManyOpen));
	let large = vec![all[0].clone(); MAX_PART + 1];
	assert_eq!(run(&store, &few, &large, MAX_PART + 1), Err(NotRestored::PartTooLarge));
	assert_eq!(left(&store), 0);
}

#[test]
fn steps_out_of_turn_should_change_nothing() {
	let (chain, head) = busy_chain();
	let all = entries(&chain, &head);
	let target = target(&head, PARAMETERS.grace);
	let other = Target { block: H256::repeat_byte(4), ..target.clone() };
	let store = MemoryStore::default();
	let not_begun = Err(NotRestored::NotBegun);
	assert_eq!(restore(&store, &target, RestoreStep::Finish), not_begun);
	assert_eq!(restore(&store, &target, RestoreStep::Begin), Ok(Restoring::More));
	assert_eq!(restore(&store, &other, RestoreStep::Entries(all.clone())), not_begun);
	assert_eq!(restore(&store, &target, RestoreStep::Entries(all.clone())), Ok(Restoring::More));
	assert_eq!(restore(&store, &other, RestoreStep::Finish), not_begun);
	assert_eq!(restore(&store, &target, RestoreStep::Finish), Ok(Restoring::More));
	assert_eq!(restore(&store, &target, RestoreStep::Entries(all)), not_begun);
	while restore(&store, &target, RestoreStep::Finish) == Ok(Restoring::More) {}
	assert!(block_record(&store, &head.hash).is_some_and(|record| record.restored));
	assert_eq!(restore(&store, &target, RestoreStep::Finish), not_begun);
}

#[test]
fn interrupted_attempt_should_be_swept_and_not_disturb_the_next() {
	let (chain, head) = busy_chain();
	let all = entries(&chain, &head);
	let target = target(&head, PARAMETERS.grace);
	let store = MemoryStore::default();
	restore(&store, &target, RestoreStep::Begin).unwrap();
	restore(&store, &target, RestoreStep::Entries(all[..5].to_vec())).unwrap();
	assert_eq!(run(&store, &target, &all, 2), Ok(()));
	let once = MemoryStore::default();
	assert_eq!(run(&once, &target, &all, 2), Ok(()));
	assert_eq!(left(&store), left(&once), "what was interrupted is swept");
	chain.after(&head.hash, || {
		let database = block::open(&store, &head.hash, false).unwrap();
		assert_eq!(database.summary().unwrap().root, target.root);
	});
}

/// Blocks of two CTPs each, one of which settles at once; final and swept as they come.
fn go_on(chain: &mut TestChain, blocks: u32, trades: bool) -> Vec<TestBlock> {
	let mut made = Vec::new();
	for _ in 0..blocks {
		let number = chain.height() + 1;
		let deal = |at: u32| {
			let leaf = (number * 2 + at) % METER.leaves();
			Deal::new(leaf).energy(110 + leaf).expiry(number + 2 + at)
		};
		let messages = if trades {
			vec![deal(0).commit(), deal(1).commit(), deal(0).confirm(10, number)]
		} else {
			Vec::new()
		};
		made.push(chain.block(&messages));
	}
	made
}

fn finalize(chain: &TestChain, blocks: &[TestBlock]) {
	for block in blocks {
		note_final(&chain.store, block.number, block.hash);
		sweep(&chain.store, &SHORT, ALL);
	}
}

fn short_chain() -> TestChain {
	ExtBuilder::default().parameters(SHORT).into()
}

/// That next to nothing is left when all that was is past retention.
#[track_caller]
fn assert_forgotten(mut chain: TestChain) {
	for _ in 0..4 * SHORT.retention() {
		let blocks = go_on(&mut chain, 1, false);
		finalize(&chain, &blocks);
	}
	let heights = SHORT.retention() as usize + 1;
	let left = chain.store.len();
	assert!(left <= 5 * heights + 12, "{left} keys are left");
	let ids = chain.store.snapshot().into_keys().filter(|key| key.starts_with(b"spb/x/")).count();
	assert_eq!(ids, 0, "ids are left");
}

#[test]
fn restored_database_should_go_when_it_is_past_retention() {
	let mut chain = short_chain();
	let head = go_on(&mut chain, 20, true).pop().unwrap();
	let all = entries(&chain, &head);
	chain.store.restore(BTreeMap::new());
	run(&chain.store, &target(&head, SHORT.grace), &all, 1).unwrap();
	let blocks = go_on(&mut chain, 20, true);
	finalize(&chain, &blocks);
	assert_forgotten(chain);
}

#[test]
fn what_was_stored_before_a_restored_database_should_go() {
	let mut chain = short_chain();
	let early = go_on(&mut chain, 10, true);
	finalize(&chain, &early);
	// The node was away for ten blocks.
	let stored = chain.store.snapshot();
	let head = go_on(&mut chain, 10, true).pop().unwrap();
	let all = entries(&chain, &head);
	chain.store.restore(stored);
	run(&chain.store, &target(&head, SHORT.grace), &all, 3).unwrap();
	let blocks = go_on(&mut chain, 20, true);
	finalize(&chain, &blocks);
	assert_forgotten(chain);
}

#[test]
fn abandoned_restored_database_should_go_with_its_height() {
	let mut chain = short_chain();
	let fork_at = go_on(&mut chain, 10, true).pop().unwrap();
	let abandoned = chain.block(&[Deal::new(3).energy(200).expiry(13).commit()]);
	let all = entries(&chain, &abandoned);
	chain.store.remove_prefix(&[&b"spb/b/"[..], abandoned.hash.as_bytes()].concat());
	run(&chain.store, &target(&abandoned, SHORT.grace), &all, 3).unwrap();
	chain.head = fork_at.hash;
	let blocks = go_on(&mut chain, 30, true);
	finalize(&chain, &blocks);
	assert_eq!(block_record(&chain.store, &abandoned.hash), None);
	assert_forgotten(chain);
}
