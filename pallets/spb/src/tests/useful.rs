//! What a node keeps in its inbox: messages that may still do something on top of a final block.

use super::*;
use crate::{block, runtime_api::Missing};
use spb_primitives::Message;

/// Which of these are still useful on top of the head.
fn useful(chain: &TestChain, messages: &[Option<Message>]) -> Vec<bool> {
	chain
		.database(&chain.head, |database| block::still_useful(&Spb::chain(), database, messages))
		.unwrap()
}

fn one(chain: &TestChain, message: Message) -> bool {
	useful(chain, &[Some(message)])[0]
}

#[test]
fn what_is_no_message_should_be_of_no_use() {
	let chain = TestChain::new();
	let deal = Deal::new(0);
	assert_eq!(useful(&chain, &[None, Some(deal.commit()), None]), [false, true, false]);
	assert_eq!(useful(&chain, &[]), [false; 0]);
}

#[test]
fn ctp_should_be_useful_until_it_can_no_longer_enter() {
	let mut chain = TestChain::new();
	let deal = Deal::new(0).expiry(10);
	for head in [0, 5, 10 - PARAMETERS.min_lifetime - 1] {
		chain.blocks_to(head);
		assert!(one(&chain, deal.commit()));
		chain.assert_admitted(&deal);
	}
	for head in [10 - PARAMETERS.min_lifetime, 10, 30] {
		chain.blocks_to(head);
		assert!(!one(&chain, deal.commit()));
	}
}

#[test]
fn ctp_that_must_wait_should_stay_useful() {
	let chain = TestChain::new();
	// Expiry too far ahead, vault to be filled, offer to be made: a later block may take them.
	assert!(one(&chain, Deal::new(0).expiry(500).commit()));
	assert!(one(&chain, Deal::new(0).amount(2 * IN_VAULT).commit()));
	assert!(one(&chain, Deal::new(0).with(|ctp| ctp.offer = 1).commit()));
}

#[test]
fn ctp_should_be_useful_until_it_is_open_or_settled() {
	let mut chain = TestChain::new();
	let deal = Deal::new(0).expiry(15);
	let before = chain.head;
	chain.block(&[deal.commit()]);
	assert!(!one(&chain, deal.commit()));
	chain.block(&[deal.confirm(1_000, 1)]);
	assert!(!one(&chain, deal.commit()));
	chain.head = before;
	assert!(one(&chain, deal.commit()), "on another fork it is not open");
}

#[test]
fn erc_should_be_useful_while_its_ctp_is_open() {
	let mut chain = TestChain::new();
	let deal = Deal::new(0).expiry(10);
	chain.block(&[deal.commit()]);
	for head in [1, 10, 10 + PARAMETERS.grace - 1] {
		chain.blocks_to(head);
		assert!(one(&chain, deal.confirm(1_000, 1)));
	}
	chain.blocks_to(10 + PARAMETERS.grace);
	assert!(!one(&chain, deal.confirm(1_000, 1)));
}

#[test]
fn erc_should_be_of_no_use_once_its_ctp_has_settled() {
	let mut chain = TestChain::new();
	let deal = Deal::new(0);
	chain.block(&[deal.commit()]);
	chain.block(&[deal.confirm(1_000, 2)]);
	chain.blocks_to(3);
	assert!(!one(&chain, deal.confirm(1_000, 2)));
	assert!(!one(&chain, deal.confirm(1, 2)));
}

#[test]
fn ercs_by_other_keys_should_be_of_no_use() {
	let mut chain = TestChain::new();
	let (open, waiting, other) = (Deal::new(0), Deal::new(1), Deal::new(2));
	chain.block(&[open.commit()]);
	let naming = |deal: &Deal| {
		let erc = erc_by(METER.pair(2), deal.id(), 1_000, 1, &GENESIS);
		Message::Confirm(erc, other.proof.clone())
	};
	assert!(!one(&chain, naming(&open)));
	let both = [Some(waiting.commit()), Some(naming(&waiting))];
	assert_eq!(useful(&chain, &both), [true, false]);
}

#[test]
fn erc_should_wait_with_its_ctp() {
	let mut chain = TestChain::new();
	let deal = Deal::new(0);
	chain.blocks_to(5);
	let confirm = deal.confirm(1_000, 1);
	assert!(!one(&chain, confirm.clone()));
	for both in [[confirm.clone(), deal.commit()], [deal.commit(), confirm]] {
		assert_eq!(useful(&chain, &both.map(Some)), [true, true]);
	}
	// One that is made at this block or ahead may be early.
	assert!(one(&chain, deal.confirm(1_000, 5)));
	assert!(one(&chain, deal.confirm(1_000, 6)));
}

#[test]
fn damaged_database_should_be_missing() {
	let mut chain = TestChain::new();
	let deal = Deal::new(0);
	chain.block(&[deal.commit()]);
	chain.store.remove_prefix(b"spb/n/");
	let answer = chain.database(&chain.head, |database| {
		block::still_useful(&Spb::chain(), database, &[Some(deal.commit())])
	});
	assert_eq!(answer, Err(Missing::Node));
}
