//! The import check, R1 and R4: a block that breaks a rule is bad and stores nothing, what cannot be
//! judged here is missing, and a good block is good as often as it is asked about.

use super::*;
use crate::{
	database::store::Store,
	runtime_api::{Missing, Verdict},
	types::Seal,
};
use codec::Encode;
use sp_runtime::{Digest, DigestItem};
use spb_primitives::{Addition, DatabaseDigest, Refusal, Sidecar};

/// A chain with one open CTP, and a good block on top that adds one more and settles the first.
fn good_block() -> (TestChain, TestBlock) {
	let mut chain = TestChain::new();
	let (first, second) = (Deal::new(0), Deal::new(1));
	chain.block(&[first.commit()]);
	let settled = (first.erc(1_000, 2), first.settlement(1_000));
	let block = chain.forge(&[second.addition()], &[settled]);
	(chain, block)
}

fn digest(block: &TestBlock) -> DatabaseDigest {
	block.digest.unwrap()
}

#[test]
fn good_block_should_be_good_and_its_database_stored() {
	let (chain, block) = good_block();
	let parent = chain.entries(&chain.head);
	assert_eq!(chain.check(&block), Verdict::Ok);
	let after = chain.after(&chain.head, || {
		crate::block::open(&chain.store, &block.hash, false).unwrap().summary().unwrap()
	});
	assert_eq!((after.root, after.open), (digest(&block).database_root, 1));
	assert_eq!(chain.entries(&chain.head), parent, "the parent's database is as it was");
}

#[test]
fn block_should_have_one_seal_in_its_body() {
	let (chain, block) = good_block();
	let mut none = block.clone();
	none.seals.clear();
	let mut two = block.clone();
	two.seals.push(block.seal().clone());
	let mut another = block.clone();
	another.seals.push(chain.forge(&[], &[]).seal().clone());
	for block in [none, two, another] {
		chain.assert_bad(&block, Refusal::SealMissing);
	}
	assert_eq!(chain.check(&block), Verdict::Ok);
}

#[test]
fn header_should_say_what_the_seal_says() {
	let (chain, block) = good_block();
	let named = digest(&block);
	let digests = [
		None,
		Some(DatabaseDigest { database_root: H256::zero(), ..named }),
		Some(DatabaseDigest { sidecar_hash: H256::zero(), ..named }),
		Some(digest(&chain.forge(&[], &[]))),
	];
	for digest in digests {
		chain.assert_bad(&TestBlock { digest, ..block.clone() }, Refusal::SealMissing);
	}
}

#[test]
fn header_should_have_one_entry_of_spb() {
	let (_, block) = good_block();
	let (item, named) = (digest(&block).to_item(), digest(&block));
	let other = DigestItem::Consensus(*b"aura", vec![1, 2, 3]);
	let find = |logs: &[&DigestItem]| {
		DatabaseDigest::find(&Digest { logs: logs.iter().map(|item| (*item).clone()).collect() })
	};
	assert_eq!(find(&[&other, &item]), Some(named));
	assert_eq!(find(&[&other]), None);
	assert_eq!(find(&[&item, &item]), None);
	let DigestItem::Consensus(engine, payload) = &item else { panic!("{item:?}") };
	for malformed in [&payload[1..], &[&payload[..], &[0]].concat(), &[]] {
		let malformed = DigestItem::Consensus(*engine, malformed.to_vec());
		assert_eq!(find(&[&malformed]), None);
		assert_eq!(find(&[&malformed, &item]), None);
	}
	let elsewhere = DigestItem::PreRuntime(*engine, payload.clone());
	assert_eq!(find(&[&elsewhere]), None);
}

#[test]
fn sidecar_should_be_the_one_that_the_header_names() {
	let (chain, block) = good_block();
	let mut changed = block.sidecar.clone();
	changed[7] ^= 1;
	let another = chain.forge(&[], &[]).sidecar;
	for sidecar in [changed, another, vec![], [&block.sidecar[..], &[0]].concat()] {
		let block = TestBlock { sidecar, ..block.clone() };
		chain.assert_bad(&block, Refusal::SidecarMismatch);
	}
}

#[test]
fn sidecar_should_decode_to_its_last_byte() {
	let (chain, block) = good_block();
	let whole = block.sidecar.clone();
	let padded = [&whole[..], &[0]].concat();
	let truncated = whole[..whole.len() - 1].to_vec();
	let endless = vec![0xff; 64];
	for sidecar in [padded, truncated, endless, vec![], b"no sidecar at all".to_vec()] {
		let block = block.clone().with_sidecar(sidecar);
		chain.assert_bad(&block, Refusal::SidecarMismatch);
	}
}

#[test]
fn sidecar_should_be_within_its_limit_to_the_byte() {
	let (chain, block) = good_block();
	MaxSidecar::set(block.sidecar.len() as u32 - 1);
	chain.assert_bad(&block, Refusal::SidecarTooLarge);
	MaxSidecar::set(block.sidecar.len() as u32);
	assert_eq!(chain.check(&block), Verdict::Ok);
}

#[test]
fn additions_should_be_as_many_as_settlements_at_most() {
	let chain = TestChain::new();
	let added = [Deal::new(0), Deal::new(1)].map(|deal| deal.energy(200).addition());
	let block = chain.forge(&added, &[]);
	MaxSettlements::set(1);
	chain.assert_bad(&block, Refusal::SidecarTooLarge);
	MaxSettlements::set(2);
	assert_eq!(chain.check(&block), Verdict::Ok);
}

#[test]
fn root_should_be_that_of_the_database_after_the_block() {
	let (chain, block) = good_block();
	let of_parent = chain.summary(&chain.head).unwrap().root;
	let both = {
		let added: Vec<Addition> = vec![Deal::new(1).addition()];
		chain.forge(&added, &[]).seal().database_root
	};
	let of_parent_less_settled = {
		let deal = Deal::new(0);
		let settled = (deal.erc(1_000, 2), chain.entries(&chain.head)[0].signed.clone());
		let settlement =
			spb_primitives::Settlement { ctp: settled.1, delivered: settled.0.delivered };
		chain.forge(&[], &[(settled.0, settlement)]).seal().database_root
	};
	for root in [H256::zero(), H256::repeat_byte(1), of_parent, both, of_parent_less_settled] {
		assert_ne!(root, digest(&block).database_root);
		let block = block.clone().resealed(|seal| seal.database_root = root);
		chain.assert_bad(&block, Refusal::RootMismatch);
	}
}

#[test]
fn expired_entries_should_be_gone_from_the_root() {
	let mut chain = TestChain::new();
	let deal = Deal::new(0).expiry(4);
	chain.block(&[deal.commit()]);
	chain.blocks_to(4 + PARAMETERS.grace - 1);
	let kept = chain.summary(&chain.head).unwrap().root;
	assert_ne!(kept, H256::zero());
	let block = chain.forge(&[], &[]);
	assert_eq!(block.seal().database_root, H256::zero());
	let keeps = block.clone().resealed(|seal| seal.database_root = kept);
	chain.assert_bad(&keeps, Refusal::RootMismatch);
	assert_eq!(chain.check(&block), Verdict::Ok);
	// And not a block too early.
	let mut chain = TestChain::new();
	chain.block(&[deal.commit()]);
	chain.blocks_to(4 + PARAMETERS.grace - 2);
	let drops = chain.forge(&[], &[]).resealed(|seal| seal.database_root = H256::zero());
	chain.assert_bad(&drops, Refusal::RootMismatch);
}

#[test]
fn one_bad_part_should_make_the_block_bad() {
	let mut chain = TestChain::new();
	let (one, two, three) = (Deal::new(0), Deal::new(1), Deal::new(2));
	chain.block(&[one.commit(), two.commit()]);
	let stranger = three.clone().by(Charlie);
	let good = (one.erc(1_000, 1), one.settlement(1_000));
	let added = chain.forge(&[three.addition(), stranger.addition()], std::slice::from_ref(&good));
	chain.assert_bad(&added, Refusal::AlreadyOpen);
	let added = chain.forge(&[stranger.addition()], std::slice::from_ref(&good));
	chain.assert_bad(&added, Refusal::BadSignature);
	let late = (two.erc(1_000, 3), two.settlement(1_000));
	chain.assert_bad(&chain.forge(&[three.addition()], &[good, late]), Refusal::ReceiptFromFuture);
	assert_eq!(chain.open().len(), 2);
}

#[test]
fn receipt_without_its_settlement_should_be_bad() {
	let (chain, block) = good_block();
	let empty = block.clone().resealed(|seal| seal.settlements = Default::default());
	chain.assert_bad(&empty, Refusal::ReceiptsMismatch);
	let unproven = block.with_sidecar(Sidecar::default().encode());
	chain.assert_bad(&unproven, Refusal::ReceiptsMismatch);
}

#[test]
fn bad_block_should_not_stand_in_the_way_of_a_good_one() {
	let (chain, block) = good_block();
	let bad = block.clone().resealed(|seal| seal.database_root = H256::zero());
	chain.assert_bad(&bad, Refusal::RootMismatch);
	assert_eq!(chain.check(&block), Verdict::Ok);
}

#[test]
fn block_on_an_unknown_parent_should_be_missing_its_database() {
	let mut chain = TestChain::new();
	chain.block(&[]);
	let unchecked = chain.author_on(chain.head, &[Deal::new(0).commit()], || ());
	// The state is there, as after a sync of state, and the database is not.
	let child = {
		let Seal { database_root, sidecar_hash, .. } = unchecked.seal().clone();
		TestBlock {
			number: unchecked.number + 1,
			hash: H256::repeat_byte(1),
			parent: unchecked.hash,
			digest: Some(DatabaseDigest { database_root, sidecar_hash }),
			..unchecked.clone()
		}
	};
	let missing = Missing::Database(unchecked.hash);
	chain.assert_not_stored(&child, Verdict::Missing(missing));
	assert_eq!(chain.summary(&unchecked.hash), Err(missing));
	assert_eq!(chain.changes(&unchecked.hash), Err(missing));
	assert_eq!(chain.prepare(&unchecked.hash, &[]).map(|_| ()), Err(missing));
	// With the parent's it can be judged.
	assert_eq!(chain.check(&unchecked), Verdict::Ok);
	assert_eq!(chain.check(&child), Verdict::Bad(Refusal::AlreadyOpen));
}

#[test]
fn rule_that_needs_no_database_should_be_judged_without_it() {
	let mut chain = TestChain::new();
	chain.block(&[]);
	let unchecked = chain.author_on(chain.head, &[], || ());
	let child = TestBlock { parent: unchecked.hash, hash: H256::repeat_byte(1), ..unchecked };
	chain.assert_bad(&TestBlock { seals: vec![], ..child.clone() }, Refusal::SealMissing);
	let other = TestBlock { sidecar: vec![1], ..child };
	chain.assert_bad(&other, Refusal::SidecarMismatch);
}

#[test]
fn repeated_check_should_be_good_and_change_nothing() {
	let (chain, block) = good_block();
	assert_eq!(chain.check(&block), Verdict::Ok);
	let (once, writes) = (chain.store.snapshot(), chain.store.writes());
	for _ in 0..3 {
		assert_eq!(chain.check(&block), Verdict::Ok);
	}
	assert!(chain.store.snapshot() == once);
	assert_eq!(chain.store.writes(), writes);
}

#[test]
fn interrupted_check_should_be_taken_up_again() {
	let (chain, block) = good_block();
	assert_eq!(chain.check(&block), Verdict::Ok);
	let whole = chain.store.snapshot();
	// Every part of what a block writes, but for its record: that comes last.
	let record = [&b"spb/b/"[..], block.hash.as_bytes()].concat();
	assert_eq!(chain.store.remove_prefix(&record), 1);
	assert_eq!(chain.check(&block), Verdict::Ok);
	assert!(chain.store.snapshot() == whole);
}

#[test]
fn damaged_nodes_should_be_missing_and_not_bad() {
	let (chain, block) = good_block();
	assert!(chain.store.remove_prefix(b"spb/n/") > 0);
	chain.assert_not_stored(&block, Verdict::Missing(Missing::Node));
	assert_eq!(chain.prepare(&chain.head, &[Deal::new(1).commit()]).err(), Some(Missing::Node));
	assert_eq!(chain.summary(&chain.head), Err(Missing::Node));
}

#[test]
fn whatever_is_lost_or_damaged_should_not_be_blamed_on_the_block() {
	let (chain, block) = good_block();
	let whole = chain.store.snapshot();
	for key in whole.keys() {
		for damage in [None, Some(vec![0xff; 5])] {
			chain.store.restore(whole.clone());
			match &damage {
				Some(bytes) => chain.store.set(key, bytes),
				None => chain.store.remove(key),
			}
			let verdict = chain.check(&block);
			let name = key.escape_ascii();
			assert!(!matches!(verdict, Verdict::Bad(_)), "{name} is {damage:?}: {verdict:?}");
		}
	}
}
