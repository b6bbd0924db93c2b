//! The chain on the node's off-chain storage, as an externality, and the housekeeper in its hook.

use super::*;
use crate::{
	database::{
		note_final,
		store::{Offchain, Store},
	},
	runtime_api::{Missing, Verdict},
};
use frame_support::traits::Hooks;
use sp_core::offchain::{testing::TestOffchainExt, OffchainDbExt};

/// Off-chain storage that outlives the externalities of one call.
#[derive(Default)]
pub struct OffchainStore {
	ext: TestOffchainExt,
}

impl Store for OffchainStore {
	fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
		Offchain.get(key)
	}

	fn set(&self, key: &[u8], value: &[u8]) {
		Offchain.set(key, value);
	}

	fn remove(&self, key: &[u8]) {
		Offchain.remove(key);
	}

	fn compare_and_set(&self, key: &[u8], before: Option<Vec<u8>>, value: &[u8]) -> bool {
		Offchain.compare_and_set(key, before, value)
	}
}

impl TestStore for OffchainStore {
	fn attach(&self, ext: &mut TestExternalities) {
		ext.register_extension(OffchainDbExt::new(self.ext.clone()));
	}
}

const SHORT: Parameters =
	Parameters { min_lifetime: 1, max_lifetime: 4, grace: 2, evidence_window: 3, ..PARAMETERS };

fn chain() -> TestChain<OffchainStore> {
	ExtBuilder::default().parameters(SHORT).into()
}

#[test]
fn trade_should_go_through_on_off_chain_storage() {
	let mut chain = chain();
	let (settles, expires) = (Deal::new(0).expiry(4), Deal::new(1).expiry(4));
	chain.block(&[settles.commit(), expires.commit()]);
	assert_eq!(chain.open().len(), 2);
	chain.block(&[settles.confirm(1_000, 2)]);
	assert_eq!(chain.open(), [expires.id()]);
	chain.blocks_to(6);
	assert!(chain.open().is_empty());
}

#[test]
fn forks_and_repeated_checks_should_be_good_on_off_chain_storage() {
	let mut chain = chain();
	let parent = chain.block(&[Deal::new(0).expiry(4).commit()]).hash;
	let left = chain.block_on(parent, &[Deal::new(1).expiry(5).commit()], || ());
	let right = chain.block_on(parent, &[Deal::new(0).expiry(4).confirm(1_000, 1)], || ());
	for block in [&left, &right] {
		assert_eq!(chain.check(block), Verdict::Ok);
	}
	assert_eq!((chain.entries(&left.hash).len(), chain.entries(&right.hash).len()), (2, 0));
}

#[test]
fn off_chain_worker_should_forget_what_is_past_retention() {
	let mut chain = chain();
	let mut made = Vec::new();
	for number in 1..=30 {
		let deals = [Deal::new(number * 2), Deal::new(number * 2 + 1)];
		let deals = deals.map(|deal| deal.energy(150).expiry(number + 2));
		let messages = [deals[0].commit(), deals[1].commit(), deals[0].confirm(150, number)];
		let block = chain.block(&messages);
		chain.query(|| {
			note_final(&Offchain, block.number, block.hash);
			Spb::offchain_worker(block.number);
		});
		made.push(block);
	}
	let first_kept = 30 - SHORT.retention();
	for block in made {
		let summary = chain.summary(&block.hash);
		if block.number < first_kept {
			assert_eq!(summary, Err(Missing::Database(block.hash)));
		} else {
			assert_eq!(summary.unwrap().root, block.digest.unwrap().database_root);
		}
	}
}

#[test]
fn one_housekeeper_should_work_at_a_time_and_a_dead_one_be_replaced() {
	let mut chain = chain();
	for _ in 0..SHORT.retention() + 10 {
		chain.block(&[]);
	}
	let (head, height) = (chain.head, chain.height());
	let swept = |chain: &TestChain<OffchainStore>| {
		chain.query(|| {
			Spb::offchain_worker(height);
			Offchain.get(b"spb/swept").is_some()
		})
	};
	chain.query(|| {
		note_final(&Offchain, height, head);
		Offchain.set(b"spb/lock", &codec::Encode::encode(&(height - 15)));
	});
	assert!(!swept(&chain), "another one is at it");
	chain.query(|| Offchain.set(b"spb/lock", &codec::Encode::encode(&(height - 16))));
	assert!(swept(&chain));
	chain.query(|| assert_eq!(Offchain.get(b"spb/lock"), None));
}
