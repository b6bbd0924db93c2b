//! R3: which ERC settles which CTP, and that each does it once. Each refusal is shown twice: an
//! author leaves the ERC out, and a block that settles all the same is bad and stores nothing.

use super::*;
use crate::{runtime_api::Outcome, Settled};
use sp_core::Pair;
use spb_primitives::{CtpId, Erc, Message, Refusal};

/// A chain on which this deal is open, at block 1.
fn open(deal: &Deal) -> TestChain {
	let mut chain = TestChain::new();
	chain.block(&[deal.commit()]);
	chain
}

#[test]
fn erc_should_settle_its_ctp() {
	let deal = Deal::new(0);
	let mut chain = open(&deal);
	let block = chain.block(&[deal.confirm(1_000, 2)]);
	assert!(chain.open().is_empty());
	assert_eq!(block.seal().settlements.to_vec(), [deal.settlement(1_000)]);
	assert_eq!(
		chain.events(&block.hash),
		[Event::TradeSettled {
			id: deal.id(),
			vault: 0,
			offer: 0,
			delivered: wh(1_000),
			payment: money(1_000),
			fee: money(FEE),
		}]
	);
	chain.query(|| {
		assert_eq!((in_vault(0), available(0)), (IN_VAULT - 1_000 - FEE, OFFERED - 1_000));
		let account = Spb::energy_account(&Alice.to_account_id()).unwrap();
		assert_eq!((account.sold_wh, account.earned, account.trades), (1_000, money(1_000), 1));
		assert!(Settled::<Test>::contains_key(deal.ctp.expiry, deal.id()));
	});
}

#[test]
fn ctp_and_its_erc_should_go_in_one_block_in_any_order() {
	for erc_first in [false, true] {
		let mut chain = TestChain::new();
		let deal = Deal::new(0);
		let mut messages = [deal.commit(), deal.confirm(1_000, 1)];
		if erc_first {
			messages.reverse();
		}
		let block = chain.block(&messages);
		assert!(chain.open().is_empty());
		assert_eq!(block.seal().settlements.len(), 1);
	}
}

#[test]
fn erc_without_a_ctp_should_wait() {
	let deal = Deal::new(0);
	let mut chain = TestChain::new();
	chain.assert_unconfirmed(&deal, deal.erc(1_000, 1), Refusal::UnknownCtp);
	chain.block(&[deal.commit()]);
	chain.block(&[deal.confirm(1_000, 1)]);
}

#[test]
fn erc_should_settle_once() {
	let deal = Deal::new(0);
	let mut chain = open(&deal);
	let twice = [deal.confirm(1_000, 2), deal.confirm(1_000, 2), deal.confirm(999, 2)];
	let unknown = Outcome::Later(Refusal::UnknownCtp);
	let block = chain.block_with(&twice, || ());
	assert_eq!(block.outcomes, [Outcome::Taken, unknown, unknown]);
	assert_eq!(chain.query(|| in_vault(0)), IN_VAULT - 1_000 - FEE);
	for erc in [deal.erc(1_000, 2), deal.erc(1, 3)] {
		chain.assert_unconfirmed(&deal, erc, Refusal::UnknownCtp);
	}
}

#[test]
fn erc_twice_in_one_block_should_be_bad() {
	let deal = Deal::new(0);
	let chain = open(&deal);
	let settled = (deal.erc(500, 2), deal.settlement(500));
	let forged = chain.forge(&[], &[settled.clone(), settled]);
	chain.assert_bad(&forged, Refusal::UnknownCtp);
}

#[test]
fn erc_for_another_ctp_should_not_settle() {
	let (deal, other) = (Deal::new(0), Deal::new(1));
	let mut chain = open(&deal);
	chain.block(&[other.commit()]);
	// Its key is that of the other's receipt key, whichever CTP it names.
	let misplaced = erc_by(METER.pair(1), deal.id(), 1_000, 2, &GENESIS);
	chain.assert_unconfirmed(&deal, misplaced, Refusal::WrongReceiptKey);
	let elsewhere = other.erc(1_000, 2);
	let forged = chain.forge(&[], &[(elsewhere, deal.settlement(1_000))]);
	chain.assert_bad(&forged, Refusal::ReceiptsMismatch);
}

#[test]
fn erc_by_another_genuine_meter_should_not_settle() {
	let deal = Deal::new(0);
	let chain = open(&deal);
	let producers = Meter::new(77, 4);
	let erc = erc_by(producers.pair(0), deal.id(), 1_000, 2, &GENESIS);
	chain.assert_unconfirmed(&deal, erc, Refusal::WrongReceiptKey);
}

#[test]
fn erc_should_be_signed_for_this_chain_and_as_it_stands() {
	let deal = Deal::new(0);
	let chain = open(&deal);
	let other_chain = erc_by(METER.pair(0), deal.id(), 1_000, 2, &OTHER_GENESIS);
	let raised = Erc { delivered: wh(1_000), ..deal.erc(999, 2) };
	let backdated = Erc { at: 1, ..deal.erc(1_000, 2) };
	let foreign = Erc { signature: METER.pair(1).sign(b"something else"), ..deal.erc(1_000, 2) };
	for erc in [other_chain, raised, backdated, foreign] {
		chain.assert_unconfirmed(&deal, erc, Refusal::BadReceiptSignature);
	}
}

#[test]
fn nothing_and_too_much_should_not_settle() {
	let deal = Deal::new(0);
	let mut chain = open(&deal);
	for delivered in [0, 1_001, u32::MAX] {
		chain.assert_unconfirmed(&deal, deal.erc(delivered, 2), Refusal::BadDelivery);
	}
	let settled = chain.block(&[deal.confirm(1, 2)]);
	assert_eq!(settled.seal().settlements[0].delivered, wh(1));
}

#[test]
fn erc_should_be_made_by_the_expiry() {
	let deal = Deal::new(0).expiry(6);
	let mut chain = open(&deal);
	chain.blocks_to(8);
	for at in [7, 8, 9, u32::MAX] {
		chain.assert_unconfirmed(&deal, deal.erc(1_000, at), Refusal::ReceiptLate);
	}
	chain.block(&[deal.confirm(1_000, 6)]);
}

#[test]
fn erc_should_not_come_from_the_future() {
	let deal = Deal::new(0);
	let mut chain = open(&deal);
	// The next block is number 2.
	for at in [3, 4, 10] {
		chain.assert_unconfirmed(&deal, deal.erc(1_000, at), Refusal::ReceiptFromFuture);
	}
	chain.block(&[deal.confirm(1_000, 2)]);
}

#[test]
fn later_revocation_retirement_and_closing_should_void_nothing() {
	let deal = Deal::new(0);
	let mut chain = open(&deal);
	chain.block_with(&[], || {
		let maker = RuntimeOrigin::signed(maker_account(1));
		ok(Spb::revoke_meter(maker, 1, meter_pair(1).public()));
		ok(Spb::retire_manufacturer(RuntimeOrigin::root(), 1));
		ok(Spb::close_offer(signed(Alice), 0));
	});
	chain.block(&[deal.confirm(1_000, 3)]);
	assert!(chain.open().is_empty());
}

#[test]
fn coe_that_ran_out_meanwhile_should_void_nothing() {
	let signer = Signer { valid_until: 1, ..Default::default() };
	let deal = Deal::new(0).proof(METER.proof_by(0, &signer));
	let mut chain = open(&deal);
	chain.blocks_to(9);
	chain.block(&[deal.confirm(1_000, 9)]);
}

#[test]
fn settlement_should_be_what_the_erc_says() {
	let deal = Deal::new(0);
	let chain = open(&deal);
	for (received, stored) in [(1_000, 999), (1, 1_000), (999, 1_000)] {
		let forged = chain.forge(&[], &[(deal.erc(received, 2), deal.settlement(stored))]);
		chain.assert_bad(&forged, Refusal::ReceiptsMismatch);
	}
}

#[test]
fn settlement_should_be_the_entry_byte_for_byte() {
	let deal = Deal::new(0);
	let mut chain = open(&deal);
	let mut settlement = deal.settlement(1_000);
	settlement.ctp = deal.signed_anew();
	assert_ne!(settlement, deal.settlement(1_000));
	assert_eq!(settlement.ctp.verify(&Bob.to_account_id(), &GENESIS), Ok(()));
	let forged = chain.forge(&[], &[(deal.erc(1_000, 2), settlement)]);
	chain.assert_bad(&forged, Refusal::ReceiptsMismatch);
	let genuine = chain.forge(&[], &[(deal.erc(1_000, 2), deal.settlement(1_000))]);
	assert_eq!(chain.check(&genuine), crate::runtime_api::Verdict::Ok);
	chain.block(&[deal.confirm(1_000, 2)]);
}

#[test]
fn receipts_and_settlements_should_match_in_number_and_order() {
	let (one, two) = (Deal::new(0), Deal::new(1));
	let mut chain = open(&one);
	chain.block(&[two.commit()]);
	let pair = |deal: &Deal| (deal.erc(1_000, 2), deal.settlement(1_000));
	let (both, alone) =
		(chain.forge(&[], &[pair(&one), pair(&two)]), chain.forge(&[], &[pair(&one)]));

	let fewer = both.clone().with_sidecar(alone.sidecar.clone());
	let more = alone.clone().with_sidecar(both.sidecar.clone());
	let none = alone.clone().with_sidecar(chain.forge(&[], &[]).sidecar);
	let unasked = chain.forge(&[], &[]).with_sidecar(alone.sidecar);
	let swapped = both.clone().resealed(|seal| {
		let reversed = seal.settlements.iter().rev().cloned().collect::<Vec<_>>();
		seal.settlements = reversed.try_into().unwrap();
	});
	for block in [fewer, more, none, unasked, swapped] {
		chain.assert_bad(&block, Refusal::ReceiptsMismatch);
	}
	// Either order is good where both have it.
	let reversed = chain.forge(&[], &[pair(&two), pair(&one)]);
	for block in [both, reversed] {
		assert_eq!(chain.check(&block), crate::runtime_api::Verdict::Ok);
	}
}

#[test]
fn entry_that_its_owner_did_not_sign_should_not_settle() {
	let (deal, unsigned) = (Deal::new(0), Deal::new(1).by(Charlie));
	let mut chain = open(&deal);
	// A database that holds what the rules never let in, as where the storage is damaged.
	let block = chain.author_on(chain.head, &[], || ());
	let mut database = crate::block::open(&chain.store, &block.parent, false).unwrap();
	database.add(unsigned.id(), &unsigned.addition().ctp).unwrap();
	database.commit(block.number, block.parent, block.hash).unwrap();
	chain.head = block.hash;
	assert!(chain.is_open(&unsigned));
	chain.assert_unconfirmed(&unsigned, unsigned.erc(1_000, 3), Refusal::BadSignature);
	// It keeps no one else from being paid: what is prepared beside it is taken whole.
	let confirms = [unsigned.confirm(1_000, 3), deal.confirm(1_000, 3)];
	let block = chain.block_with(&confirms, || ());
	assert_eq!(block.outcomes, [Outcome::Later(Refusal::BadSignature), Outcome::Taken]);
	assert_eq!(block.seal().settlements.to_vec(), [deal.settlement(1_000)]);
}

#[test]
fn order_of_candidates_should_be_kept() {
	let deals: Vec<_> = (0..5).map(|leaf| Deal::new(leaf).energy(200)).collect();
	let mut chain = TestChain::new();
	chain.block(&deals.iter().map(Deal::commit).collect::<Vec<_>>());
	let order = [3, 0, 4, 1, 2];
	let confirms: Vec<Message> = order.iter().map(|at| deals[*at].confirm(200, 1)).collect();
	let block = chain.block(&confirms);
	let settled: Vec<CtpId> =
		block.seal().settlements.iter().map(|settlement| id_of(&settlement.ctp)).collect();
	assert_eq!(settled, order.map(|at| deals[at].id()));
}
