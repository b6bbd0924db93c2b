//! Lifetimes: every boundary of expiry and grace one block before, at it and after.

use super::*;
use crate::{
	runtime_api::{OpenCtp, Outcome, Verdict},
	Settled,
};
use spb_primitives::Refusal;

const MIN: u32 = PARAMETERS.min_lifetime;
const MAX: u32 = PARAMETERS.max_lifetime;
const GRACE: u32 = PARAMETERS.grace;

#[test]
fn expiry_should_be_within_the_lifetimes_of_the_block_that_adds() {
	let mut chain = TestChain::new();
	for head in [0, 1, 30] {
		chain.blocks_to(head);
		let now = head + 1;
		for expiry in [0, now - 1, now, now + MIN - 1] {
			chain.assert_refused(&Deal::new(0).expiry(expiry), Refusal::ExpiryTooSoon);
		}
		for expiry in [now + MIN, now + MIN + 1, now + MAX - 1, now + MAX] {
			chain.assert_admitted(&Deal::new(0).expiry(expiry));
		}
		for expiry in [now + MAX + 1, u32::MAX] {
			chain.assert_refused(&Deal::new(0).expiry(expiry), Refusal::ExpiryTooFar);
		}
	}
}

#[test]
fn coe_should_admit_until_its_last_block() {
	let signer = Signer { valid_until: 4, ..Default::default() };
	let deal = Deal::new(0).expiry(15).proof(METER.proof_by(0, &signer));
	let mut chain = TestChain::new();
	for head in 0..4 {
		chain.blocks_to(head);
		chain.assert_admitted(&deal);
	}
	chain.blocks_to(4);
	chain.assert_refused(&deal, Refusal::CoeOutOfDate);
}

#[test]
fn ctp_should_be_dropped_when_its_grace_is_over() {
	for expiry in [1 + MIN, 10, 1 + MAX] {
		let mut chain = TestChain::new();
		let deal = Deal::new(0).expiry(expiry);
		chain.block(&[deal.commit()]);
		chain.blocks_to(expiry + GRACE - 1);
		assert!(chain.is_open(&deal));
		let block = chain.block(&[]);
		assert_eq!(block.number, expiry + GRACE);
		assert!(chain.open().is_empty());
		assert_eq!(block.digest.unwrap().database_root, H256::zero());
		let dropped = OpenCtp { id: deal.id(), signed: deal.signed() };
		assert_eq!(chain.changes(&block.hash).unwrap().expired, [dropped]);
		assert_eq!(chain.query(|| (in_vault(0), available(0))), (IN_VAULT, OFFERED));
		assert!(chain.events(&block.hash).is_empty(), "nothing of it is on the chain");
	}
}

#[test]
fn ctp_should_settle_until_its_grace_is_over() {
	for (settles_at, settles) in [
		(10 - 1, true),
		(10, true),
		(10 + 1, true),
		(10 + GRACE - 1, true),
		(10 + GRACE, true),
		(10 + GRACE + 1, false),
	] {
		let mut chain = TestChain::new();
		let deal = Deal::new(0).expiry(10);
		chain.block(&[deal.commit()]);
		chain.blocks_to(settles_at - 1);
		let at = settles_at.min(10);
		if settles {
			let block = chain.block(&[deal.confirm(1_000, at)]);
			assert_eq!(block.number, settles_at);
			assert!(chain.changes(&block.hash).unwrap().expired.is_empty());
			assert!(chain.open().is_empty());
		} else {
			chain.assert_unconfirmed(&deal, deal.erc(1_000, at), Refusal::UnknownCtp);
		}
	}
}

#[test]
fn erc_should_count_by_when_it_was_made_until_the_grace_is_over() {
	const EXPIRY: u32 = 10;
	const LAST: u32 = EXPIRY + GRACE;
	let mut chain = TestChain::new();
	let deal = Deal::new(0).expiry(EXPIRY);
	chain.block(&[deal.commit()]);
	for number in [EXPIRY - 1, EXPIRY, EXPIRY + 1, LAST - 1, LAST, LAST + 1] {
		chain.blocks_to(number - 1);
		for at in [EXPIRY - 1, EXPIRY, EXPIRY + 1] {
			let erc = deal.erc(1_000, at);
			let refusal = if number > LAST {
				Refusal::UnknownCtp
			} else if at > EXPIRY {
				Refusal::ReceiptLate
			} else if at > number {
				Refusal::ReceiptFromFuture
			} else {
				// An author takes it, and a block that has it is good.
				let outcome = chain.outcome(&[], &deal.confirm(1_000, at));
				assert_eq!(outcome, Outcome::Taken, "made at {at}, in block {number}");
				let block = chain.forge(&[], &[(erc, deal.settlement(1_000))]);
				assert_eq!((block.number, chain.check(&block)), (number, Verdict::Ok));
				continue;
			};
			chain.assert_unconfirmed(&deal, erc, refusal);
		}
	}
}

#[test]
fn money_and_energy_should_be_claimed_until_the_grace_is_over() {
	let mut chain = TestChain::new();
	let all = Deal::new(0).expiry(10).energy(OFFERED).amount(IN_VAULT);
	chain.block(&[all.commit()]);
	let next = Deal::new(1).energy(200);
	let elsewhere = Deal::new(1).energy(200).by(Charlie).with(|ctp| ctp.vault = 1);
	chain.block_with(&[], || deposit(Charlie, IN_VAULT));
	// The last block in which it could settle is 10 + GRACE.
	for head in [10, 10 + GRACE - 2, 10 + GRACE - 1] {
		chain.blocks_to(head);
		let next = next.clone().expiry(head + 10);
		chain.assert_refused(&next, Refusal::VaultTooSmall);
		chain.assert_refused(&elsewhere.clone().expiry(head + 10), Refusal::OfferTooSmall);
	}
	chain.blocks_to(10 + GRACE);
	chain.assert_admitted(&next.expiry(30));
	chain.assert_admitted(&elsewhere.expiry(30));
	chain.assert_admitted(&Deal::new(0).expiry(30).energy(OFFERED).amount(IN_VAULT));
}

#[test]
fn each_ctp_should_be_dropped_in_its_own_time() {
	let mut chain = TestChain::new();
	MaxSettlements::set(30);
	let deals: Vec<_> = (0..30)
		.map(|leaf| Deal::new(leaf).energy(200).expiry(1 + MIN + leaf % (MAX - MIN + 1)))
		.collect();
	chain.block(&deals.iter().map(Deal::commit).collect::<Vec<_>>());
	for number in 2..=1 + MAX + GRACE {
		let block = chain.block(&[]);
		let due = |deal: &&Deal| deal.ctp.expiry + GRACE == number;
		let mut expected: Vec<_> = deals.iter().filter(due).map(Deal::id).collect();
		expected.sort();
		let expired = chain.changes(&block.hash).unwrap().expired;
		assert_eq!(expired.iter().map(|open| open.id).collect::<Vec<_>>(), expected);
		let left = deals.iter().filter(|deal| deal.ctp.expiry + GRACE > number).count();
		assert_eq!(chain.open().len(), left);
	}
}

#[test]
fn one_bucket_should_be_dropped_whole() {
	let mut chain = TestChain::new();
	MaxSettlements::set(41);
	let deals: Vec<_> = (0..40).map(|leaf| Deal::new(leaf).energy(200).expiry(8)).collect();
	let later = Deal::new(40).energy(200).expiry(9);
	chain.block(&deals.iter().chain([&later]).map(Deal::commit).collect::<Vec<_>>());
	// What settles is not dropped, also where both happens in the same block.
	chain.blocks_to(8 + GRACE - 1);
	let block = chain.block(&[deals[7].confirm(200, 8)]);
	let changes = chain.changes(&block.hash).unwrap();
	assert_eq!((changes.settled.len(), changes.expired.len()), (1, 39));
	assert!(changes.expired.iter().all(|open| open.id != deals[7].id()));
	assert_eq!(chain.open(), [later.id()]);
}

#[test]
fn late_erc_should_not_bring_a_dropped_ctp_back() {
	let mut chain = TestChain::new();
	let deal = Deal::new(0).expiry(5);
	chain.block(&[deal.commit()]);
	chain.blocks_to(5 + GRACE);
	chain.assert_unconfirmed(&deal, deal.erc(1_000, 5), Refusal::UnknownCtp);
	chain.assert_refused(&deal, Refusal::ExpiryTooSoon);
	// Added and settled in the same sidecar, it would still have expired too long ago.
	let forged = chain.forge(&[deal.addition()], &[(deal.erc(1_000, 5), deal.settlement(1_000))]);
	chain.assert_bad(&forged, Refusal::ExpiryTooSoon);
}

#[test]
fn settled_ids_should_be_remembered_until_the_grace_is_over() {
	let mut chain = TestChain::new();
	let deal = Deal::new(0).expiry(10);
	chain.block(&[deal.commit(), deal.confirm(1_000, 1)]);
	let remembered =
		|chain: &TestChain| chain.query(|| Settled::<Test>::contains_key(10, deal.id()));
	for number in [2, 10, 10 + GRACE - 1, 10 + GRACE] {
		chain.blocks_to(number);
		assert!(remembered(&chain));
	}
	chain.blocks_to(10 + GRACE + 1);
	assert!(!remembered(&chain));
	assert_eq!(chain.query(|| Settled::<Test>::iter().count()), 0);
}

#[test]
fn more_settled_ids_than_a_block_forgets_should_go_over_several() {
	let per_block = MaxSettlements::get();
	let mut chain = TestChain::new();
	let deals: Vec<_> = (0..2 * per_block + 3).map(|leaf| Deal::new(leaf).energy(101)).collect();
	MaxSettlements::set(3 * per_block);
	chain.block(&deals.iter().map(Deal::commit).collect::<Vec<_>>());
	MaxSettlements::set(per_block);
	for part in deals.chunks(per_block as usize) {
		chain.block(&part.iter().map(|deal| deal.confirm(101, 1)).collect::<Vec<_>>());
	}
	chain.blocks_to(10 + GRACE);
	for left in [per_block + 3, 3, 0] {
		chain.block(&[]);
		assert_eq!(chain.query(|| Settled::<Test>::iter().count()) as u32, left);
	}
	// All the while none of them settles again.
	chain.assert_unconfirmed(&deals[0], deals[0].erc(101, 1), Refusal::UnknownCtp);
}

#[test]
fn offer_closed_in_the_block_of_a_ctp_should_be_there_for_its_last_settlement() {
	let mut chain = TestChain::new();
	let deal = Deal::new(0).expiry(1 + MAX);
	chain.block_with(&[deal.commit()], || ok(Spb::close_offer(signed(Alice), 0)));
	chain.blocks_to(MAX + GRACE);
	let block = chain.block(&[deal.confirm(1_000, 1 + MAX)]);
	assert_eq!(block.number, 1 + MAX + GRACE);
	assert_eq!(chain.query(|| available(0)), OFFERED - 1_000);
	let block = chain.block(&[]);
	assert_eq!(chain.events(&block.hash), [Event::OfferRemoved { offer: 0 }]);
}

#[test]
fn shortest_lifetime_should_leave_time_to_settle() {
	let mut chain = TestChain::new();
	let deal = Deal::new(0).expiry(1 + MIN);
	chain.block(&[deal.commit()]);
	chain.block(&[deal.confirm(1_000, 2)]);
	assert!(chain.open().is_empty());
}
