//! The directory of meters that certify others: certified ones, by their own consent.

use super::*;
use crate::{Error, ListedMeter, Meters, MAX_PAGE};
use frame_support::assert_noop;
use sp_core::{ed25519, Pair};
use sp_runtime::{DispatchError, TokenError};
use spb_primitives::{relay::listing_payload, Coe, Genesis, MeterSignature};

const CONTACT: ContactKey = ContactKey([5; 32]);

/// What a meter is listed with.
#[derive(Clone)]
struct Entry {
	key: MeterKey,
	manufacturer: ManufacturerId,
	certificate: MeterSignature,
	contact: ContactKey,
	signature: MeterSignature,
}

impl Entry {
	/// The meter's, as its manufacturer certified it and it agreed to be listed by `owner`.
	fn of(meter: u8, owner: Sr25519Keyring) -> Self {
		Self::made(meter, owner, (1, &maker(1)), &GENESIS)
	}

	fn made(
		meter: u8,
		owner: Sr25519Keyring,
		(manufacturer, maker): (ManufacturerId, &ed25519::Pair),
		genesis: &Genesis,
	) -> Self {
		let (pair, owner) = (meter_pair(meter), owner.to_account_id());
		let key = pair.public();
		let certified = Coe::certificate_payload(manufacturer, &key, &GENESIS);
		let payload = listing_payload(&owner, &key, manufacturer, &CONTACT, genesis);
		let certificate = maker.sign(&certified);
		Self { key, manufacturer, certificate, contact: CONTACT, signature: pair.sign(&payload) }
	}

	fn list(&self, who: Sr25519Keyring) -> DispatchResult {
		let Self { key, manufacturer, certificate, contact, signature } = self.clone();
		Spb::list_meter(signed(who), key, manufacturer, certificate, contact, signature)
	}
}

fn list(meter: u8, who: Sr25519Keyring) -> DispatchResult {
	Entry::of(meter, who).list(who)
}

fn key(meter: u8) -> MeterKey {
	meter_pair(meter).public()
}

fn revoke(meter: u8) {
	ok(Spb::revoke_meter(RuntimeOrigin::signed(maker_account(1)), 1, key(meter)));
}

#[test]
fn certified_meter_should_be_listed_with_its_contact() {
	ExtBuilder::default().execute(|| {
		ok(list(1, Dave));
		let Entry { key, manufacturer, certificate, contact, .. } = Entry::of(1, Dave);
		let (owner, deposit) = (Dave.to_account_id(), money(METER_DEPOSIT));
		let expected =
			ListedMeter { key, owner: owner.clone(), manufacturer, certificate, contact, deposit };
		assert_eq!(Spb::meter(&key), Some(expected));
		assert_eq!((held(Dave), free(Dave)), (METER_DEPOSIT, ENDOWMENT - METER_DEPOSIT));
		assert_last_event(Event::MeterListed { meter: key, owner });
	});
}

#[test]
fn calls_should_need_a_signature() {
	ExtBuilder::default().execute(|| {
		let Entry { key, manufacturer, certificate, contact, signature } = Entry::of(1, Dave);
		for origin in [RuntimeOrigin::root(), RuntimeOrigin::none()] {
			let from = origin.clone();
			let listed =
				|| Spb::list_meter(from, key, manufacturer, certificate, contact, signature);
			assert_noop!(listed(), DispatchError::BadOrigin);
			assert_noop!(Spb::unlist_meter(origin, key), DispatchError::BadOrigin);
		}
	});
}

#[test]
fn meter_should_be_listed_once_and_by_whom_it_agreed_to() {
	ExtBuilder::default().execute(|| {
		assert_noop!(Entry::of(1, Charlie).list(Dave), Error::<Test>::BadMeterListing);
		ok(list(1, Dave));
		assert_noop!(list(1, Dave), Error::<Test>::MeterListed);
		assert_noop!(list(1, Charlie), Error::<Test>::MeterListed);
		ok(list(2, Dave));
	});
}

#[test]
fn changed_listing_should_be_refused() {
	ExtBuilder::default().execute(|| {
		let good = Entry::of(1, Dave);
		let elsewhere = Entry { contact: ContactKey([6; 32]), ..good.clone() };
		let by_another = Entry { signature: Entry::of(2, Dave).signature, ..good.clone() };
		let of_another_chain = Entry::made(1, Dave, (1, &maker(1)), &OTHER_GENESIS);
		for bad in [elsewhere, by_another, of_another_chain] {
			assert_noop!(bad.list(Dave), Error::<Test>::BadMeterListing);
		}
		let nowhere = Entry { contact: ContactKey::default(), ..good };
		assert_noop!(nowhere.list(Dave), Error::<Test>::NoContact);
	});
}

#[test]
fn meter_that_does_not_count_should_not_be_listed() {
	ExtBuilder::default().execute(|| {
		let unknown = Entry::made(1, Dave, (9, &maker(9)), &GENESIS);
		let forged = Entry::made(1, Dave, (1, &maker(2)), &GENESIS);
		for bad in [unknown, forged] {
			assert_noop!(bad.list(Dave), Error::<Test>::MeterNotCertified);
		}
		revoke(1);
		assert_noop!(list(1, Dave), Error::<Test>::MeterNotCertified);
		ok(list(2, Dave));
		ok(Spb::retire_manufacturer(RuntimeOrigin::root(), 1));
		assert_noop!(list(3, Dave), Error::<Test>::MeterNotCertified);
	});
}

#[test]
fn listing_should_need_the_deposit() {
	ExtBuilder::default().balance(Dave, METER_DEPOSIT + ED - 1).execute(|| {
		assert_noop!(list(1, Dave), TokenError::FundsUnavailable);
	});
	ExtBuilder::default().balance(Dave, METER_DEPOSIT + ED).execute(|| ok(list(1, Dave)));
}

#[test]
fn directory_should_have_no_more_meters_than_it_may() {
	ExtBuilder::default().execute(|| {
		for meter in 1..=MOST_METERS as u8 {
			ok(list(meter, Dave));
		}
		assert_noop!(list(9, Dave), Error::<Test>::TooManyMeters);
		ok(Spb::unlist_meter(signed(Dave), key(3)));
		ok(list(9, Dave));
	});
}

#[test]
fn unlisting_should_free_the_deposit() {
	ExtBuilder::default().execute(|| {
		assert_noop!(Spb::unlist_meter(signed(Dave), key(1)), Error::<Test>::MeterNotListed);
		ok(list(1, Dave));
		ok(Spb::unlist_meter(signed(Dave), key(1)));
		assert_last_event(Event::MeterUnlisted { meter: key(1) });
		assert_eq!((held(Dave), free(Dave)), (0, ENDOWMENT));
		ok(list(1, Charlie));
	});
}

#[test]
fn others_should_take_off_only_meters_that_do_not_count() {
	ExtBuilder::default().execute(|| {
		ok(list(1, Dave));
		ok(list(2, Dave));
		assert_noop!(Spb::unlist_meter(signed(Charlie), key(1)), Error::<Test>::NotYourMeter);
		revoke(1);
		ok(Spb::unlist_meter(signed(Charlie), key(1)));
		assert_eq!((held(Dave), held(Charlie)), (METER_DEPOSIT, 0));
		assert_noop!(Spb::unlist_meter(signed(Charlie), key(2)), Error::<Test>::NotYourMeter);
		ok(Spb::retire_manufacturer(RuntimeOrigin::root(), 1));
		ok(Spb::unlist_meter(signed(Charlie), key(2)));
		assert_eq!(held(Dave), 0);
	});
}

#[test]
fn meters_that_do_not_count_should_not_be_told() {
	ExtBuilder::default().execute(|| {
		for meter in 1..=3 {
			ok(list(meter, Dave));
		}
		revoke(2);
		assert_eq!(Spb::meter(&key(2)), None);
		assert!(Spb::meter(&key(1)).is_some());
		let told: Vec<_> = Spb::meters(None, MAX_PAGE).into_iter().map(|meter| meter.key).collect();
		assert_eq!(told.len(), 2);
		assert!(!told.contains(&key(2)));
		assert_eq!(Meters::<Test>::count(), 3);
		ok(Spb::retire_manufacturer(RuntimeOrigin::root(), 1));
		assert_eq!(Spb::meters(None, MAX_PAGE), []);
	});
}

#[test]
fn pages_should_tell_each_meter_once() {
	ExtBuilder::default().execute(|| {
		for meter in 1..=5 {
			ok(list(meter, Dave));
		}
		let all = Spb::meters(None, u32::MAX);
		assert_eq!(all.len(), 5);
		for limit in 1..=6 {
			let (mut told, mut after) = (Vec::new(), None);
			loop {
				let page = Spb::meters(after, limit);
				assert!(page.len() <= limit as usize);
				let Some(last) = page.last() else { break };
				after = Some(last.key);
				told.extend(page);
			}
			assert_eq!(told, all);
		}
		assert_eq!(Spb::meters(None, 0), []);
		// Where the last one has gone in between, the page goes on behind its place.
		let gone = all[1].key;
		ok(Spb::unlist_meter(signed(Dave), gone));
		assert_eq!(Spb::meters(Some(gone), 9), all[2..]);
	});
}
