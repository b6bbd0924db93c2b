//! R2, the part that needs the database: what may enter it beside what is open already. Each
//! refusal is shown twice: an author leaves the CTP out, and a block that has it all the same is
//! bad and stores nothing.

use super::*;
use crate::{runtime_api::Outcome, Seal, MAX_OPEN_PER_VAULT};
use sp_core::Pair;
use spb_primitives::Refusal;

/// A market whose offer and vault no test here exhausts by the way.
fn roomy() -> TestChain {
	let mut chain = TestChain::new();
	chain.block_with(&[], || {
		ok(Spb::top_up_offer(signed(Alice), 0, wh(1_000_000)));
		deposit(Bob, 800_000);
		deposit(Charlie, 800_000);
	});
	chain
}

/// `count` small deals from leaf `first` on.
fn deals(first: u32, count: u32) -> Vec<Deal> {
	(first..first + count).map(|leaf| Deal::new(leaf).energy(200)).collect()
}

fn commits(deals: &[Deal]) -> Vec<spb_primitives::Message> {
	deals.iter().map(Deal::commit).collect()
}

#[test]
fn committed_ctp_should_be_open() {
	let mut chain = TestChain::new();
	let deal = Deal::new(0);
	let block = chain.block(&[deal.commit()]);
	assert_eq!(chain.open(), [deal.id()]);
	assert_eq!(chain.entries(&block.hash)[0].signed, deal.signed());
	assert!(block.seal().settlements.is_empty(), "nothing is stored for an open CTP");
	assert_eq!(chain.query(|| (in_vault(0), available(0))), (IN_VAULT, OFFERED));
}

#[test]
fn everything_that_the_pool_refuses_should_be_refused_in_a_block() {
	let mut chain = TestChain::new();
	chain.block_with(&[], || {
		offer(Alice, OFFERED, PRICE, Terms::QuoteOnly);
		offer(Alice, OFFERED, PRICE, Terms::Listed);
		ok(Spb::close_offer(signed(Alice), 2));
	});
	let deal = || Deal::new(0);
	let out_of_date = Signer { valid_until: 1, ..Default::default() };
	let uncertified = Signer { maker: maker(2), ..Default::default() };
	let by_nobody = Signer { manufacturer: 9, ..Default::default() };
	let mut other_signature = deal().proof;
	other_signature.coe.signature = meter_pair(2).sign(b"something else");
	let mut too_large = deal().proof;
	too_large.coe.leaves = u32::MAX;
	let mut misquoted = deal();
	misquoted.quote = Some(quote(&Deal::new(1).id(), Alice));
	let cases = [
		(deal().by(Charlie), Refusal::BadSignature),
		(deal().with(|ctp| ctp.vault = 7), Refusal::UnknownVault),
		(deal().with(|ctp| ctp.offer = 7), Refusal::UnknownOffer),
		(deal().with(|ctp| ctp.offer = 2), Refusal::OfferClosed),
		(deal().expiry(3), Refusal::ExpiryTooSoon),
		(deal().expiry(23), Refusal::ExpiryTooFar),
		(deal().energy(1).amount(2 * FEE - 1), Refusal::AmountTooSmall),
		(deal().with(|ctp| ctp.energy = wh(0)), Refusal::NoEnergy),
		(deal().amount(IN_VAULT + 1), Refusal::VaultTooSmall),
		(deal().energy(OFFERED + 1), Refusal::OfferTooSmall),
		(deal().amount(1_000 + FEE - 1), Refusal::PriceTooLow),
		(deal().with(|ctp| ctp.offer = 1), Refusal::QuoteRequired),
		(misquoted, Refusal::BadQuote),
		(deal().proof(too_large), Refusal::TreeSize),
		(deal().proof(METER.proof(1)), Refusal::NotInTree),
		(deal().proof(METER.proof_by(0, &out_of_date)), Refusal::CoeOutOfDate),
		(deal().proof(METER.proof_by(0, &by_nobody)), Refusal::UnknownManufacturer),
		(deal().proof(METER.proof_by(0, &uncertified)), Refusal::BadMeterCertificate),
		(deal().proof(other_signature), Refusal::BadCoeSignature),
	];
	for (deal, refusal) in cases {
		chain.assert_refused(&deal, refusal);
	}
	chain.assert_admitted(&deal());
}

#[test]
fn retired_manufacturer_and_revoked_signer_should_admit_nothing() {
	let mut chain = TestChain::new();
	let other =
		Signer { meter: meter_pair(2), maker: maker(2), manufacturer: 2, ..Default::default() };
	let theirs = Deal::new(0).proof(METER.proof_by(0, &other));
	chain.block_with(&[], || {
		let maker = RuntimeOrigin::signed(maker_account(1));
		ok(Spb::revoke_meter(maker, 1, meter_pair(1).public()));
	});
	chain.assert_refused(&Deal::new(0), Refusal::MeterRevoked);
	chain.assert_admitted(&theirs);
	chain.block_with(&[], || ok(Spb::retire_manufacturer(RuntimeOrigin::root(), 2)));
	chain.assert_refused(&theirs, Refusal::UnknownManufacturer);
}

#[test]
fn state_should_be_that_at_the_beginning_of_the_block() {
	let mut chain = TestChain::new();
	let deal = Deal::new(0);
	// The calls come after the seal, so that they do not reach the CTPs of their own block.
	chain.block_with(&[deal.commit()], || ok(Spb::close_offer(signed(Alice), 0)));
	assert!(chain.is_open(&deal));
	chain.assert_refused(&Deal::new(1), Refusal::OfferClosed);
}

#[test]
fn same_ctp_should_not_enter_twice() {
	let mut chain = roomy();
	let deal = Deal::new(0);
	chain.assert_refused_after(std::slice::from_ref(&deal), &deal, Refusal::AlreadyOpen);
	chain.block(&[deal.commit()]);
	chain.assert_refused(&deal, Refusal::AlreadyOpen);
	// Another signature makes no other CTP.
	let mut signed_anew = deal.addition();
	signed_anew.ctp = deal.signed_anew();
	assert_ne!(signed_anew.ctp, deal.signed());
	chain.assert_bad(&chain.forge(&[signed_anew], &[]), Refusal::AlreadyOpen);
}

#[test]
fn settled_ctp_should_not_enter_again() {
	let mut chain = roomy();
	let deal = Deal::new(0).expiry(12);
	chain.block(&[deal.commit(), deal.confirm(1_000, 1)]);
	assert!(chain.open().is_empty());
	chain.assert_refused(&deal, Refusal::AlreadySettled);
	chain.blocks_to(12 - PARAMETERS.min_lifetime - 1);
	chain.assert_refused(&deal, Refusal::AlreadySettled);
	chain.block(&[]);
	chain.assert_refused(&deal, Refusal::ExpiryTooSoon);
}

#[test]
fn receipt_key_should_be_new_to_the_vault() {
	let mut chain = roomy();
	let first = Deal::new(3).energy(200);
	let same_key = Deal::new(3).energy(300);
	let elsewhere = Deal::new(3).energy(300).by(Charlie).with(|ctp| ctp.vault = 1);
	chain.assert_refused_after(std::slice::from_ref(&first), &same_key, Refusal::ReceiptKeyInUse);
	chain.block(&[first.commit()]);
	chain.assert_refused(&same_key, Refusal::ReceiptKeyInUse);
	// The key counts towards one CTP of its own vault only: others cannot block it.
	chain.block(&[elsewhere.commit()]);
	// It is free again when the first has settled.
	chain.block(&[first.confirm(200, 3)]);
	chain.block(&[same_key.commit()]);
}

#[test]
fn receipt_key_should_be_free_again_when_its_ctp_was_dropped() {
	let mut chain = roomy();
	let first = Deal::new(3).energy(200).expiry(6);
	chain.block(&[first.commit()]);
	let last = 6 + PARAMETERS.grace;
	let again = Deal::new(3).energy(200).expiry(last + 5);
	chain.blocks_to(last - 1);
	chain.assert_refused(&again, Refusal::ReceiptKeyInUse);
	chain.blocks_to(last);
	chain.block(&[again.commit()]);
}

#[test]
fn vault_should_have_64_open_ctps_at_most() {
	let mut chain = roomy();
	let most = MAX_OPEN_PER_VAULT;
	assert_eq!(most, 64);
	MaxSettlements::set(most + 1);
	let (many, one_more) = (deals(0, most), Deal::new(most).energy(200));
	chain.assert_refused_after(&many, &one_more, Refusal::VaultFull);
	chain.block(&commits(&many));
	chain.assert_refused(&one_more, Refusal::VaultFull);
	let elsewhere = one_more.clone().by(Charlie).with(|ctp| ctp.vault = 1);
	chain.block(&[elsewhere.commit()]);
	// One that settles makes room in the next block, not in its own.
	let settles = many[0].confirm(200, 3);
	assert_eq!(
		chain.outcome(std::slice::from_ref(&settles), &one_more.commit()),
		Outcome::Later(Refusal::VaultFull)
	);
	chain.block(&[settles]);
	chain.block(&[one_more.commit()]);
}

#[test]
fn database_should_have_its_greatest_number_of_ctps_at_most() {
	let mut chain = roomy();
	MaxOpen::set(5);
	let (many, one_more) = (deals(0, 5), Deal::new(5).energy(200));
	chain.assert_refused_after(&many, &one_more, Refusal::DatabaseFull);
	chain.block(&commits(&many));
	chain.assert_refused(&one_more, Refusal::DatabaseFull);
	chain.block(&[many[2].confirm(200, 3)]);
	chain.block(&[one_more.commit()]);
	chain.assert_refused(&Deal::new(6), Refusal::DatabaseFull);
}

#[test]
fn vault_should_cover_all_open_ctps_to_the_unit() {
	for (last, fits) in [(20_001, false), (20_000, true)] {
		// In one sidecar.
		let deals = [Deal::new(0).amount(20_000), Deal::new(1).amount(10_000)];
		let third = Deal::new(2).amount(last);
		let mut chain = TestChain::new();
		if fits {
			chain.block(&[deals[0].commit(), deals[1].commit(), third.commit()]);
			chain.assert_refused(&Deal::new(3).energy(100), Refusal::VaultTooSmall);
			continue;
		}
		chain.assert_refused_after(&deals, &third, Refusal::VaultTooSmall);
		// One block after another.
		chain.block(&[deals[0].commit()]);
		chain.assert_refused_after(&deals[1..], &third, Refusal::VaultTooSmall);
		chain.block(&[deals[1].commit()]);
		chain.assert_refused(&third, Refusal::VaultTooSmall);
	}
}

#[test]
fn offer_should_cover_all_open_ctps_to_the_watt_hour() {
	let mut chain = roomy();
	chain.block_with(&[], || assert_eq!(offer(Alice, OFFERED, PRICE, Terms::Listed), 1));
	let on_offer = |leaf, energy| Deal::new(leaf).energy(energy).with(|ctp| ctp.offer = 1);
	let deals = [on_offer(0, 4_000), on_offer(1, 5_000)];
	let (too_much, rest) = (on_offer(2, 1_001), on_offer(2, 1_000));
	chain.assert_refused_after(&deals, &too_much, Refusal::OfferTooSmall);
	chain.block(&[deals[0].commit()]);
	chain.assert_refused_after(&deals[1..], &too_much, Refusal::OfferTooSmall);
	chain.block(&[deals[1].commit()]);
	chain.assert_refused(&too_much, Refusal::OfferTooSmall);
	chain.block(&[rest.commit()]);
	chain.assert_refused(&on_offer(3, 200), Refusal::OfferTooSmall);
	// Another's vault finds no more there either.
	let elsewhere = on_offer(3, 200).by(Charlie).with(|ctp| ctp.vault = 1);
	chain.assert_refused(&elsewhere, Refusal::OfferTooSmall);
}

#[test]
fn partial_delivery_should_free_the_rest_of_vault_and_offer() {
	let mut chain = TestChain::new();
	let all = Deal::new(0).energy(OFFERED).amount(IN_VAULT);
	chain.block(&[all.commit()]);
	chain.assert_refused(&Deal::new(1).energy(200), Refusal::VaultTooSmall);
	let delivered = OFFERED / 2;
	chain.block(&[all.confirm(delivered, 1)]);
	let paid = (IN_VAULT - FEE) / 2 + FEE;
	assert_eq!(chain.query(|| in_vault(0)), IN_VAULT - paid);
	assert_eq!(chain.query(|| available(0)), OFFERED - delivered);
	chain.assert_refused(&Deal::new(1).amount(IN_VAULT - paid + 1), Refusal::VaultTooSmall);
	chain.assert_refused(&Deal::new(1).energy(OFFERED - delivered + 1), Refusal::OfferTooSmall);
	chain.assert_admitted(&Deal::new(1).energy(OFFERED - delivered).amount(IN_VAULT - paid));
}

#[test]
fn deposit_and_top_up_should_make_room_from_the_next_block_on() {
	let mut chain = TestChain::new();
	let all = Deal::new(0).energy(OFFERED).amount(IN_VAULT);
	chain.block_with(&[all.commit()], || {
		deposit(Bob, 1_000 + FEE);
		ok(Spb::top_up_offer(signed(Alice), 0, wh(1_000)));
	});
	chain.assert_refused(&Deal::new(1).energy(1_001), Refusal::VaultTooSmall);
	chain.block(&[Deal::new(1).energy(1_000).commit()]);
}

#[test]
fn repricing_should_not_touch_what_is_open() {
	let mut chain = TestChain::new();
	let deal = Deal::new(0);
	chain.block_with(&[deal.commit()], || ok(Spb::reprice_offer(signed(Alice), 0, price(9_999))));
	chain.assert_refused(&Deal::new(1), Refusal::PriceTooLow);
	chain.block(&[deal.confirm(1_000, 1)]);
	assert!(chain.open().is_empty());
}

#[test]
fn author_should_stop_at_what_fits_the_sidecar() {
	let mut chain = roomy();
	let deals = deals(0, 3);
	let size = codec::Encode::encoded_size(&deals[0].addition());
	// Eight bytes are kept for the two lengths.
	MaxSidecar::set(8 + 2 * size as u32);
	let block = chain.block_with(&commits(&deals), || ());
	assert_eq!(block.outcomes, [Outcome::Taken, Outcome::Taken, Outcome::NoRoom]);
	assert!(block.sidecar.len() <= MaxSidecar::get() as usize);
	let block = chain.block_with(&commits(&deals), || ());
	let open = Outcome::Later(Refusal::AlreadyOpen);
	assert_eq!(block.outcomes, [open, open, Outcome::Taken]);
}

#[test]
fn author_should_add_as_many_as_may_settle_at_most() {
	let mut chain = roomy();
	MaxSettlements::set(2);
	let block = chain.block_with(&commits(&deals(0, 3)), || ());
	assert_eq!(block.outcomes, [Outcome::Taken, Outcome::Taken, Outcome::NoRoom]);
}

#[test]
fn author_should_count_receipts_towards_the_sidecar() {
	let mut chain = roomy();
	let deal = Deal::new(0);
	chain.block(&[deal.commit()]);
	let size = 8 + codec::Encode::encoded_size(&deal.erc(1_000, 2)) as u32;
	MaxSidecar::set(size - 1);
	assert_eq!(chain.outcome(&[], &deal.confirm(1_000, 2)), Outcome::NoRoom);
	MaxSidecar::set(size);
	chain.block(&[deal.confirm(1_000, 2)]);
}

#[test]
fn author_should_stop_at_what_fits_the_seal() {
	let mut chain = roomy();
	let deals = deals(0, 3);
	chain.block(&commits(&deals));
	MaxSettlements::set(2);
	let confirms: Vec<_> = deals.iter().map(|deal| deal.confirm(200, 2)).collect();
	let block = chain.block_with(&confirms, || ());
	assert_eq!(block.outcomes, [Outcome::Taken, Outcome::Taken, Outcome::NoRoom]);
	assert_eq!(chain.open(), [deals[2].id()]);
	let block = chain.block_with(&confirms, || ());
	assert_eq!(block.outcomes[2], Outcome::Taken);
	assert!(chain.open().is_empty());
}

#[test]
fn what_is_no_message_should_be_said_to_be_none() {
	let chain = TestChain::new();
	let candidates = [None, Some(Deal::new(0).commit()), None];
	let (prepared, outcomes): (crate::block::Prepared<MaxSettlements>, _) = chain
		.in_next(&chain.head, || {
			crate::block::prepare(&Spb::chain(), &chain.store, &chain.head, &candidates)
		})
		.unwrap();
	assert_eq!(outcomes, [Outcome::NoMessage, Outcome::Taken, Outcome::NoMessage]);
	let Seal { settlements, .. } = prepared.seal;
	assert!(settlements.is_empty());
}
