//! CTPs that the pool refuses, each for one thing that is wrong with it, judged against state.

use super::{
	pool::{assert_refused, assert_taken},
	*,
};
use crate::{Offers, Settled, Vault, Vaults};
use codec::Encode as _;
use spb_primitives::{message::quote_payload, Addition, Message, Refusal};

fn commit(deal: &Deal, change: impl FnOnce(&mut Addition)) -> Message {
	let mut addition = deal.addition();
	change(&mut addition);
	Message::Commit(addition)
}
#[test]
fn vault_and_offer_should_be_known() {
	ExtBuilder::default().execute(|| {
		let unknown = Deal::new(0).with(|ctp| ctp.vault = 1);
		assert_refused(&unknown.commit(), Refusal::UnknownVault);
		let unknown = Deal::new(0).with(|ctp| ctp.offer = 1);
		assert_refused(&unknown.commit(), Refusal::UnknownOffer);
		let extreme = Deal::new(0).with(|ctp| (ctp.vault, ctp.offer) = (u32::MAX, u32::MAX));
		assert_refused(&extreme.commit(), Refusal::UnknownVault);
	});
}

#[test]
fn zero_amount_and_energy_should_be_refused() {
	ExtBuilder::default().execute(|| {
		assert_refused(&Deal::new(0).amount(0).commit(), Refusal::AmountTooSmall);
		assert_refused(&Deal::new(0).with(|ctp| ctp.energy = wh(0)).commit(), Refusal::NoEnergy);
		let free = Deal::new(0).with(|ctp| ctp.energy = wh(0)).quoted_by(Alice);
		assert_refused(&free.commit(), Refusal::NoEnergy);
	});
}

#[test]
fn amount_should_be_at_least_twice_the_fee() {
	ExtBuilder::default().execute(|| {
		let small = Deal::new(0).energy(1);
		assert_refused(&small.clone().amount(2 * FEE - 1).commit(), Refusal::AmountTooSmall);
		assert_taken(&small.amount(2 * FEE).commit());
	});
}

#[test]
fn maximal_amount_and_energy_should_be_refused() {
	ExtBuilder::default().execute(|| {
		assert_refused(&Deal::new(0).amount(u128::MAX).commit(), Refusal::VaultTooSmall);
		let all_energy = Deal::new(0).with(|ctp| ctp.energy = wh(u32::MAX));
		assert_refused(&all_energy.commit(), Refusal::OfferTooSmall);
		let everything = Deal::new(0).energy(u32::MAX).amount(u128::MAX).expiry(u32::MAX);
		assert_refused(&everything.commit(), Refusal::ExpiryTooFar);
	});
}

#[test]
fn price_beyond_what_can_be_counted_should_be_refused() {
	ExtBuilder::default().execute(|| {
		let id = offer(Alice, OFFERED, u128::MAX, Terms::Listed);
		let deal = Deal::new(0).with(|ctp| ctp.offer = id);
		assert_refused(&deal.commit(), Refusal::PriceTooLow);
		assert_taken(&deal.quoted_by(Alice).commit());
	});
}

#[test]
fn vault_should_cover_the_amount_to_the_unit() {
	ExtBuilder::default().execute(|| {
		assert_refused(&Deal::new(0).amount(IN_VAULT + 1).commit(), Refusal::VaultTooSmall);
		assert_taken(&Deal::new(0).amount(IN_VAULT).commit());
		assert_ok!(Spb::request_withdrawal(signed(Bob), money(1)));
		assert_refused(&Deal::new(0).amount(IN_VAULT).commit(), Refusal::VaultTooSmall);
		assert_taken(&Deal::new(0).amount(IN_VAULT - 1).commit());
	});
}

#[test]
fn offer_should_cover_the_energy_to_the_watt_hour() {
	ExtBuilder::default().execute(|| {
		assert_refused(&Deal::new(0).energy(OFFERED + 1).commit(), Refusal::OfferTooSmall);
		assert_taken(&Deal::new(0).energy(OFFERED).commit());
	});
}

#[test]
fn expiry_should_be_within_the_lifetimes() {
	ExtBuilder::default().execute(|| {
		System::set_block_number(50);
		let (least, most) = (50 + PARAMETERS.min_lifetime, 50 + PARAMETERS.max_lifetime);
		for expiry in [0, 49, 50, least - 1] {
			assert_refused(&Deal::new(0).expiry(expiry).commit(), Refusal::ExpiryTooSoon);
		}
		for expiry in [least, least + 1, most - 1, most] {
			assert_taken(&Deal::new(0).expiry(expiry).commit());
		}
		for expiry in [most + 1, u32::MAX] {
			assert_refused(&Deal::new(0).expiry(expiry).commit(), Refusal::ExpiryTooFar);
		}
	});
}

#[test]
fn trade_should_take_no_more_than_125_bytes_of_a_block() {
	ExtBuilder::default().execute(|| {
		// Numbers that take five bytes each, and a vault that covers any amount.
		let far = 1 << 30;
		let vault = Vaults::<Test>::get(0).unwrap();
		Vaults::<Test>::insert(far, Vault { held: Money::MAX, ..vault });
		Offers::<Test>::insert(far, Offers::<Test>::get(0).unwrap());
		let deal = |amount| {
			let deal = Deal::new(0).with(|ctp| (ctp.vault, ctp.offer) = (far, far));
			deal.amount(amount)
		};
		let (longest, too_long) = (deal((1 << 96) - 1), deal(1 << 96));
		assert_eq!(longest.settlement(1_000).encoded_size(), 125);
		assert_taken(&longest.commit());
		assert_refused(&too_long.commit(), Refusal::TooLong);
	});
}

#[test]
fn listed_price_should_be_paid_beside_the_fee_to_the_unit() {
	ExtBuilder::default().execute(|| {
		assert_refused(&Deal::new(0).amount(1_000 + FEE - 1).commit(), Refusal::PriceTooLow);
		assert_taken(&Deal::new(0).amount(1_000 + FEE).commit());
		// 1,003 units a kWh: 333 Wh cost 333.999, which is 334.
		let id = offer(Alice, OFFERED, 1_003, Terms::Listed);
		let odd = Deal::new(0).energy(333).with(|ctp| ctp.offer = id);
		assert_refused(&odd.clone().amount(333 + FEE).commit(), Refusal::PriceTooLow);
		assert_taken(&odd.amount(334 + FEE).commit());
	});
}

#[test]
fn closed_offer_should_take_no_new_ctp() {
	ExtBuilder::default().execute(|| {
		assert_taken(&Deal::new(0).commit());
		assert_ok!(Spb::close_offer(signed(Alice), 0));
		assert_refused(&Deal::new(0).commit(), Refusal::OfferClosed);
		assert_refused(&Deal::new(0).quoted_by(Alice).commit(), Refusal::OfferClosed);
	});
}

#[test]
fn repriced_offer_should_take_new_ctps_at_its_new_price() {
	ExtBuilder::default().execute(|| {
		assert_ok!(Spb::reprice_offer(signed(Alice), 0, price(PRICE + 1)));
		assert_refused(&Deal::new(0).amount(1_000 + FEE).commit(), Refusal::PriceTooLow);
		assert_taken(&Deal::new(0).amount(1_001 + FEE).commit());
		assert_ok!(Spb::reprice_offer(signed(Alice), 0, price(PRICE - 1)));
		assert_taken(&Deal::new(0).amount(999 + FEE).commit());
	});
}

#[test]
fn quote_should_stand_in_for_the_price_on_any_terms() {
	ExtBuilder::default().execute(|| {
		for terms in [Terms::Listed, Terms::Negotiable, Terms::QuoteOnly] {
			let id = offer(Alice, OFFERED, PRICE, terms);
			let cheap = Deal::new(0).with(|ctp| ctp.offer = id).amount(2 * FEE);
			let unquoted = match terms {
				Terms::QuoteOnly => Refusal::QuoteRequired,
				_ => Refusal::PriceTooLow,
			};
			assert_refused(&cheap.commit(), unquoted);
			assert_taken(&cheap.quoted_by(Alice).commit());
		}
	});
}

#[test]
fn offer_by_quote_only_should_need_one_at_any_price() {
	ExtBuilder::default().execute(|| {
		let id = offer(Alice, OFFERED, PRICE, Terms::QuoteOnly);
		let deal = Deal::new(0).with(|ctp| ctp.offer = id).amount(IN_VAULT);
		assert_refused(&deal.commit(), Refusal::QuoteRequired);
	});
}

#[test]
fn quote_should_be_the_producers_for_this_very_ctp() {
	ExtBuilder::default().execute(|| {
		let deal = Deal::new(0).amount(2 * FEE);
		let of_another_ctp = quote(&deal.clone().amount(2 * FEE + 1).id(), Alice);
		let by_another = quote(&deal.id(), Bob);
		let payload = quote_payload(&deal.id(), &OTHER_GENESIS);
		let of_another_chain = Alice.sign(&payload).into();
		for quote in [of_another_ctp, by_another, of_another_chain] {
			let message = commit(&deal, |addition| addition.quote = Some(quote.clone()));
			assert_refused(&message, Refusal::BadQuote);
			// Also where the price would do.
			let paid = commit(&Deal::new(0), |addition| addition.quote = Some(quote));
			assert_refused(&paid, Refusal::BadQuote);
		}
	});
}

#[test]
fn ctp_should_be_signed_by_the_vaults_owner_for_this_chain() {
	ExtBuilder::default().execute(|| {
		let deal = Deal::new(0);
		assert_refused(&deal.clone().by(Charlie).commit(), Refusal::BadSignature);
		let other_chain = commit(&deal, |a| a.ctp = deal.signed_for(&OTHER_GENESIS));
		assert_refused(&other_chain, Refusal::BadSignature);
		let changed = commit(&deal, |a| a.ctp.ctp.expiry += 1);
		assert_refused(&changed, Refusal::BadSignature);
		// A quote or a receipt is no signature of a CTP.
		let quote = commit(&deal, |a| a.ctp.signature = quote(&deal.id(), Bob));
		assert_refused(&quote, Refusal::BadSignature);
	});
}

#[test]
fn settled_ctp_should_not_come_again() {
	ExtBuilder::default().execute(|| {
		let deal = Deal::new(0);
		Settled::<Test>::insert(deal.ctp.expiry, deal.id(), ());
		assert_refused(&deal.commit(), Refusal::AlreadySettled);
	});
}
