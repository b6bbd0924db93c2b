//! Offers: made, topped up, repriced, closed; their records and numbers.

use super::*;
use crate::{
	sweep::OFFERS_PER_BLOCK, ClosedOffers, EnergyAccounts, Error, NextOffer, Offer, OfferFilter,
	Offers, Page,
};
use frame_support::{assert_noop, traits::Hooks};
use sp_runtime::{DispatchError, TokenError};
use spb_primitives::BlockNumber;

fn run_to(number: BlockNumber) {
	while System::block_number() < number {
		let next = System::block_number() + 1;
		System::reset_events();
		System::set_block_number(next);
		Spb::on_initialize(next);
	}
}

/// Of an offer that is not bargained over.
fn nowhere() -> ContactKey {
	ContactKey::default()
}

fn offers_of(who: Sr25519Keyring) -> u32 {
	EnergyAccounts::<Test>::get(who.to_account_id()).unwrap().offers
}

#[test]
fn offer_should_be_for_sale_under_the_next_number() {
	ExtBuilder::default().execute(|| {
		let contact = ContactKey([9; 32]);
		assert_ok!(Spb::offer_energy(signed(Alice), wh(7), price(3), Terms::QuoteOnly, contact));
		let offered = Offer {
			producer: Alice.to_account_id(),
			available: wh(7),
			price: price(3),
			terms: Terms::QuoteOnly,
			contact,
			closed_at: None,
			deposit: money(OFFER_DEPOSIT),
		};
		assert_eq!(on_offer(1), offered);
		assert_eq!(offers_of(Alice), 2);
		assert_eq!(held(Alice), ACCOUNT_DEPOSIT + 2 * OFFER_DEPOSIT);
		assert_last_event(Event::EnergyOffered {
			offer: 1,
			producer: Alice.to_account_id(),
			energy: wh(7),
			price: price(3),
		});
	});
}

#[test]
fn offer_should_need_energy_an_account_and_the_deposit() {
	ExtBuilder::default()
		.balance(Alice, OPENING_BURN + ACCOUNT_DEPOSIT + OFFER_DEPOSIT + ED)
		.execute(|| {
			let offer = |who, energy| {
				Spb::offer_energy(signed(who), wh(energy), price(1), Terms::Listed, nowhere())
			};
			assert_noop!(offer(Alice, 0), Error::<Test>::Nothing);
			assert_noop!(offer(Bob, 1), Error::<Test>::NoAccount);
			assert_noop!(offer(Alice, 1), TokenError::FundsUnavailable);
		});
}

#[test]
fn extreme_energy_and_price_should_be_for_sale() {
	ExtBuilder::default().execute(|| {
		let id = offer(Alice, u32::MAX, u128::MAX, Terms::Listed);
		assert_eq!(available(id), u32::MAX);
		let gift = offer(Alice, 1, 0, Terms::Listed);
		assert_eq!(on_offer(gift).price, price(0));
	});
}

#[test]
fn offers_should_end_with_their_numbers() {
	ExtBuilder::default().execute(|| {
		NextOffer::<Test>::put(u32::MAX - 1);
		assert_eq!(offer(Alice, 1, 1, Terms::Listed), u32::MAX - 1);
		assert_noop!(
			Spb::offer_energy(signed(Alice), wh(1), price(1), Terms::Listed, nowhere()),
			Error::<Test>::NumbersUsedUp
		);
	});
}

#[test]
fn calls_for_offers_should_need_a_signature() {
	ExtBuilder::default().execute(|| {
		for origin in [RuntimeOrigin::root(), RuntimeOrigin::none()] {
			let bad = DispatchError::BadOrigin;
			let offer =
				Spb::offer_energy(origin.clone(), wh(1), price(1), Terms::Listed, nowhere());
			assert_eq!(offer, Err(bad));
			assert_noop!(Spb::top_up_offer(origin.clone(), 0, wh(1)), bad);
			assert_noop!(Spb::reprice_offer(origin.clone(), 0, price(1)), bad);
			assert_noop!(Spb::close_offer(origin, 0), bad);
		}
	});
}

#[test]
fn topping_up_should_add_energy() {
	ExtBuilder::default().execute(|| {
		assert_ok!(Spb::top_up_offer(signed(Alice), 0, wh(5)));
		assert_eq!(available(0), OFFERED + 5);
		assert_eq!(held(Alice), ACCOUNT_DEPOSIT + OFFER_DEPOSIT);
		assert_last_event(Event::OfferToppedUp { offer: 0, energy: wh(5) });
	});
}

#[test]
fn topping_up_should_stop_at_what_can_be_counted() {
	ExtBuilder::default().execute(|| {
		let room = u32::MAX - OFFERED;
		assert_noop!(Spb::top_up_offer(signed(Alice), 0, wh(room + 1)), Error::<Test>::Overflow);
		assert_noop!(Spb::top_up_offer(signed(Alice), 0, wh(0)), Error::<Test>::Nothing);
		assert_ok!(Spb::top_up_offer(signed(Alice), 0, wh(room)));
		assert_eq!(available(0), u32::MAX);
	});
}

#[test]
fn repricing_should_change_the_price_alone() {
	ExtBuilder::default().execute(|| {
		let before = on_offer(0);
		assert_ok!(Spb::reprice_offer(signed(Alice), 0, price(77)));
		assert_eq!(on_offer(0), Offer { price: price(77), ..before });
		assert_last_event(Event::OfferRepriced { offer: 0, price: price(77) });
	});
}

#[test]
fn closing_should_keep_record_and_deposit_for_open_ctps() {
	ExtBuilder::default().execute(|| {
		System::set_block_number(4);
		assert_ok!(Spb::close_offer(signed(Alice), 0));
		assert_eq!(on_offer(0).closed_at, Some(4));
		assert!(ClosedOffers::<Test>::contains_key(4, 0));
		assert_eq!(offers_of(Alice), 1);
		assert_eq!(held(Alice), ACCOUNT_DEPOSIT + OFFER_DEPOSIT);
		assert_last_event(Event::OfferClosed { offer: 0 });
	});
}

#[test]
fn changes_to_an_unknown_foreign_or_closed_offer_should_be_refused() {
	ExtBuilder::default().execute(|| {
		assert_ok!(Spb::open_account_with_burn(signed(Charlie)));
		let closed = offer(Alice, 1, 1, Terms::Listed);
		assert_ok!(Spb::close_offer(signed(Alice), closed));
		let cases = [
			(Alice, 9, Error::<Test>::UnknownOffer),
			(Charlie, 0, Error::<Test>::NotYourOffer),
			(Charlie, closed, Error::<Test>::NotYourOffer),
			(Alice, closed, Error::<Test>::OfferClosed),
		];
		for (who, id, error) in cases {
			let error = DispatchError::from(error);
			assert_noop!(Spb::top_up_offer(signed(who), id, wh(1)), error);
			assert_noop!(Spb::reprice_offer(signed(who), id, price(1)), error);
			assert_noop!(Spb::close_offer(signed(who), id), error);
		}
	});
}

#[test]
fn record_should_go_when_the_last_claim_has_run_out() {
	for closed_at in [1, 2, 40] {
		ExtBuilder::default().execute(|| {
			run_to(closed_at);
			assert_ok!(Spb::close_offer(signed(Alice), 0));
			let last_claim = closed_at + PARAMETERS.max_lifetime + PARAMETERS.grace;
			run_to(last_claim - 1);
			assert!(Offers::<Test>::contains_key(0));
			run_to(last_claim);
			assert!(Offers::<Test>::contains_key(0), "its seal may still settle");
			assert_eq!(held(Alice), ACCOUNT_DEPOSIT + OFFER_DEPOSIT);
			run_to(last_claim + 1);
			assert!(!Offers::<Test>::contains_key(0));
			assert!(!ClosedOffers::<Test>::contains_key(closed_at, 0));
			assert_eq!(offers_of(Alice), 0);
			assert_eq!(held(Alice), ACCOUNT_DEPOSIT);
			assert_eq!(spb_events(), vec![Event::OfferRemoved { offer: 0 }]);
		});
	}
}

#[test]
fn open_offer_should_stay() {
	ExtBuilder::default().execute(|| {
		run_to(200);
		assert!(Offers::<Test>::contains_key(0));
	});
}

#[test]
fn numbers_should_never_be_given_again() {
	ExtBuilder::default().execute(|| {
		assert_ok!(Spb::close_offer(signed(Alice), 0));
		run_to(60);
		assert!(!Offers::<Test>::contains_key(0));
		assert_eq!(offer(Alice, 1, 1, Terms::Listed), 1);
		assert_noop!(Spb::top_up_offer(signed(Alice), 0, wh(1)), Error::<Test>::UnknownOffer);
	});
}

#[test]
fn many_closed_offers_should_go_over_several_blocks() {
	let mut ext = ExtBuilder::default().build();
	let many = OFFERS_PER_BLOCK + 10;
	ext.execute_with(|| {
		for _ in 0..many {
			let id = offer(Alice, 1, 1, Terms::Listed);
			assert_ok!(Spb::close_offer(signed(Alice), id));
		}
	});
	// A block that is behind, so that what is swept is what the state before it holds.
	ext.commit_all().unwrap();
	ext.execute_with(|| {
		let due = 1 + PARAMETERS.longest_claim() + 1;
		System::set_block_number(due - 1);
		run_to(due);
		assert_eq!(Offers::<Test>::iter().count() as u32, 1 + many - OFFERS_PER_BLOCK);
		run_to(due + 1);
		assert_eq!(Offers::<Test>::iter().count(), 1);
		assert_eq!(offers_of(Alice), 1);
		assert_eq!(held(Alice), ACCOUNT_DEPOSIT + OFFER_DEPOSIT);
		assert_ok!(Spb::do_try_state());
	});
}

#[test]
fn sales_should_go_from_a_removed_offer_to_its_account() {
	ExtBuilder::default().execute(|| {
		let second = offer(Alice, 500, PRICE, Terms::Listed);
		let of_second = Deal::new(1).energy(300).with(|ctp| ctp.offer = second);
		let settlements = [Deal::new(0).settlement(1_000), of_second.settlement(300)];
		assert_ok!(super::seal::seal(&settlements));
		let totals = || {
			let account = super::seal::account(Alice);
			(account.sold_wh, account.earned, account.trades, account.offers)
		};
		assert_eq!(totals(), (1_300, money(1_300), 2, 2));
		assert_ok!(Spb::close_offer(signed(Alice), second));
		Spb::on_finalize(1);
		run_to(60);
		assert_eq!(Offers::<Test>::iter_keys().collect::<Vec<_>>(), [0]);
		assert_eq!(totals(), (1_300, money(1_300), 2, 1), "the totals stay");
	});
}

#[test]
fn list_should_find_offers_however_far_their_numbers_are_apart() {
	ExtBuilder::default().execute(|| {
		for number in [255, 256, 511, 70_000, 1_000_000] {
			NextOffer::<Test>::put(number);
			offer(Alice, 1, 1, Terms::Listed);
		}
		let all = || OfferFilter::default();
		let numbers = [0, 255, 256, 511, 70_000, 1_000_000];
		assert_eq!(listed(all(), None, 100), numbers);
		for (place, after) in numbers.into_iter().enumerate() {
			assert_eq!(listed(all(), Some(after), 100), numbers[place + 1..]);
			let of_alice =
				OfferFilter { producer: Some(Alice.to_account_id()), ..Default::default() };
			assert_eq!(listed(of_alice, Some(after), 2), listed(all(), Some(after), 2));
		}
	});
}

fn listed(filter: OfferFilter, after: Option<u32>, limit: u32) -> Vec<u32> {
	Spb::offers(&filter, &Page { after, limit }).into_iter().map(|info| info.id).collect()
}

#[test]
fn list_should_filter_and_page() {
	ExtBuilder::default().execute(|| {
		assert_ok!(Spb::open_account_with_burn(signed(Charlie)));
		offer(Charlie, 50, 20, Terms::Listed);
		offer(Charlie, 500, 30, Terms::Negotiable);
		offer(Alice, 70, 10, Terms::QuoteOnly);
		assert_ok!(Spb::close_offer(signed(Charlie), 2));

		let all = OfferFilter { closed: true, ..Default::default() };
		assert_eq!(listed(all.clone(), None, 100), [0, 1, 2, 3]);
		assert_eq!(listed(OfferFilter::default(), None, 100), [0, 1, 3]);
		assert_eq!(listed(all.clone(), None, 2), [0, 1]);
		assert_eq!(listed(all.clone(), Some(1), 2), [2, 3]);
		assert_eq!(listed(all.clone(), Some(3), 2), [0; 0]);
		assert_eq!(listed(all.clone(), Some(u32::MAX), 2), [0; 0]);
		assert_eq!(listed(all, None, 0), [0; 0]);
		let of_charlie =
			OfferFilter { producer: Some(Charlie.to_account_id()), ..Default::default() };
		assert_eq!(listed(of_charlie, None, 100), [1]);
		let enough = OfferFilter { min_energy: Some(wh(70)), ..Default::default() };
		assert_eq!(listed(enough, None, 100), [0, 3]);
		let cheap = OfferFilter { max_price: Some(price(20)), ..Default::default() };
		assert_eq!(listed(cheap, None, 100), [1, 3]);
	});
}
