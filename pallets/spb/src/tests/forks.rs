//! Forks: each block has a database of its own, whichever others were checked before or after it.

use super::*;
use crate::runtime_api::Verdict;
use spb_primitives::{CtpId, Message, Refusal};

fn ids(chain: &TestChain, hash: &H256) -> Vec<CtpId> {
	chain.entries(hash).into_iter().map(|open| open.id).collect()
}

#[test]
fn two_blocks_on_one_parent_should_keep_their_own_databases() {
	let mut chain = TestChain::new();
	let shared = Deal::new(0);
	let parent = chain.block(&[shared.commit()]).hash;
	let (left_deal, right_deal) = (Deal::new(1), Deal::new(2));
	let left = chain.block_on(parent, &[left_deal.commit()], || ());
	let right = chain.block_on(parent, &[right_deal.commit(), shared.confirm(1_000, 1)], || ());
	assert_eq!(left.number, right.number);
	assert_ne!(left.hash, right.hash);

	let mut on_left = vec![shared.id(), left_deal.id()];
	on_left.sort();
	assert_eq!(ids(&chain, &parent), [shared.id()]);
	assert_eq!(ids(&chain, &left.hash), on_left);
	assert_eq!(ids(&chain, &right.hash), [right_deal.id()]);
}

#[test]
fn forks_should_part_at_block_1() {
	let mut chain = TestChain::new();
	let left = chain.block_on(GENESIS, &[Deal::new(0).commit()], || ());
	let right = chain.block_on(GENESIS, &[], || ());
	assert_eq!(ids(&chain, &left.hash), [Deal::new(0).id()]);
	assert!(ids(&chain, &right.hash).is_empty());
}

#[test]
fn blocks_with_the_same_content_should_not_meet() {
	let mut chain = TestChain::new();
	let deal = Deal::new(0);
	let parent = chain.block(&[]).hash;
	let one = chain.block_on(parent, &[deal.commit()], || ());
	let two = chain.block_on(parent, &[deal.commit()], || ());
	assert_eq!(one.digest, two.digest);
	// What one of them settles is open on the other.
	chain.block_on(one.hash, &[deal.confirm(1_000, 2)], || ());
	assert!(chain.open().is_empty());
	assert_eq!(ids(&chain, &two.hash), [deal.id()]);
	chain.block_on(two.hash, &[deal.confirm(400, 2)], || ());
	assert_eq!(chain.query(|| available(0)), OFFERED - 400);
}

#[test]
fn message_of_an_abandoned_fork_should_enter_the_other() {
	let mut chain = TestChain::new();
	let deal = Deal::new(0);
	let parent = chain.block(&[]).hash;
	chain.block_on(parent, &[deal.commit()], || ());
	chain.block(&[deal.confirm(1_000, 2)]);
	chain.head = parent;
	chain.block(&[]);
	chain.assert_unconfirmed(&deal, deal.erc(1_000, 2), Refusal::UnknownCtp);
	chain.block(&[deal.commit()]);
	chain.block(&[deal.confirm(1_000, 2)]);
	assert_eq!(chain.query(|| in_vault(0)), IN_VAULT - 1_000 - FEE);
}

#[test]
fn order_of_checking_should_not_matter() {
	// A good block is good whether its sibling's database was stored before or not.
	let mut chain = TestChain::new();
	let parent = chain.block(&[Deal::new(0).commit()]).hash;
	let left = chain.author_on(parent, &[Deal::new(1).commit()], || ());
	let right = chain.author_on(parent, &[Deal::new(2).commit()], || ());
	let before = chain.store.snapshot();
	assert_eq!((chain.check(&left), chain.check(&right)), (Verdict::Ok, Verdict::Ok));
	let left_first = chain.store.snapshot();

	chain.store.restore(before);
	assert_eq!((chain.check(&right), chain.check(&left)), (Verdict::Ok, Verdict::Ok));
	let mut right_first = chain.store.snapshot();
	// The blocks of a height are listed in the order in which they were checked.
	let height = |key: &[u8]| key.starts_with(b"spb/h/");
	right_first.retain(|key, _| !height(key));
	assert!(left_first.into_iter().filter(|(key, _)| !height(key)).eq(right_first));
}

#[test]
fn deep_forks_should_be_left_and_taken_up_again() {
	let mut chain = TestChain::new();
	let root = chain.block(&[]).hash;
	let mut heads = [root; 3];
	let mut made = Vec::new();
	// Three forks grow in turns, a few blocks at a time, with the same and with other trades.
	for round in 0..8u32 {
		for (fork, head) in heads.iter_mut().enumerate() {
			chain.head = *head;
			for _ in 0..=fork {
				let now = chain.height() + 1;
				let leaf = round * 3 + fork as u32;
				let common = Deal::new(round).energy(150 + round).expiry(now + 4);
				let own = Deal::new(50 + leaf).energy(200).expiry(now + 2 + leaf % 3);
				let mut messages = vec![common.commit(), own.commit()];
				if round % 2 == fork as u32 % 2 {
					messages.push(common.confirm(100, now));
				}
				made.push(chain.block_with(&messages, || ()));
			}
			*head = chain.head;
		}
	}
	assert_eq!(made.len(), 8 * (1 + 2 + 3));
	for block in &made {
		let summary = chain.summary(&block.hash).unwrap();
		assert_eq!(summary.root, block.digest.unwrap().database_root);
		assert_eq!(summary.open as usize, chain.entries(&block.hash).len());
		assert_eq!(chain.check(block), Verdict::Ok);
	}
	for head in heads {
		chain.head = head;
		let height = chain.height();
		chain.blocks_to(height + PARAMETERS.longest_claim());
		assert!(chain.open().is_empty());
	}
}

#[test]
fn messages_of_an_abandoned_block_should_do_the_same_on_another_fork() {
	let mut chain = TestChain::new();
	let fork_at = chain.block(&[Deal::new(0).expiry(9).commit()]).hash;
	let both = [Deal::new(1).expiry(9).commit(), Deal::new(1).expiry(9).confirm(100, 2)];
	let messages = [&both[..], &[Deal::new(0).expiry(9).confirm(70, 2)]].concat();
	let abandoned = chain.block(&messages);
	let taken_back: Vec<Message> = chain.query(|| {
		let calls = Spb::messages_of(&abandoned.sidecar);
		calls.iter().map(|call| Spb::message(call).expect("it is a message")).collect()
	});
	assert_eq!(taken_back.len(), 3);
	assert!(both.iter().all(|message| taken_back.contains(message)));
	chain.head = fork_at;
	chain.block(&[]);
	let again = chain.block(&taken_back);
	assert_eq!(again.seal().settlements, abandoned.seal().settlements);
	assert!(chain.open().is_empty());
	chain.query(|| assert!(Spb::messages_of(&[1, 2, 3]).is_empty()));
}
