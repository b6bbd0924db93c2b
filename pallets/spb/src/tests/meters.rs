//! The directory of meters that certify others: certified ones, by their own consent.

use super::*;
use crate::{Error, ListedMeter, MeterPage, Meters, MAX_PAGE};
use frame_support::assert_noop;
use sp_core::{ed25519, Pair};
use sp_runtime::{DispatchError, TokenError};
use spb_primitives::{
	relay::{listing_payload, MAX_CONSENT},
	BlockNumber, Coe, Genesis, MeterSignature,
};

const CONTACT: ContactKey = ContactKey([5; 32]);
/// The last block at which consents count here.
const UNTIL: BlockNumber = 10;

/// What a meter is listed with.
#[derive(Clone)]
struct Entry {
	key: MeterKey,
	manufacturer: ManufacturerId,
	certificate: MeterSignature,
	contact: ContactKey,
	until: BlockNumber,
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
		let payload = listing_payload(&owner, &key, manufacturer, &CONTACT, UNTIL, genesis);
		let (certificate, signature) = (maker.sign(&certified), pair.sign(&payload));
		Self { key, manufacturer, certificate, contact: CONTACT, until: UNTIL, signature }
	}

	/// The same, with a consent that counts until another block.
	fn until(meter: u8, owner: Sr25519Keyring, until: BlockNumber) -> Self {
		let entry = Self::of(meter, owner);
		let (owner, maker) = (owner.to_account_id(), entry.manufacturer);
		let payload = listing_payload(&owner, &entry.key, maker, &CONTACT, until, &GENESIS);
		Self { until, signature: meter_pair(meter).sign(&payload), ..entry }
	}

	fn list(&self, who: Sr25519Keyring) -> DispatchResult {
		self.list_from(signed(who))
	}

	fn list_from(&self, origin: RuntimeOrigin) -> DispatchResult {
		let Self { key, manufacturer, certificate, contact, until, signature } = self.clone();
		Spb::list_meter(origin, key, manufacturer, certificate, contact, until, signature)
	}
}

fn list(meter: u8, who: Sr25519Keyring) -> DispatchResult {
	Entry::of(meter, who).list(who)
}

fn key(meter: u8) -> MeterKey {
	meter_pair(meter).public()
}

/// All meters that are told, in the order of the list.
fn all() -> Vec<ListedMeter> {
	let MeterPage { meters, next } = Spb::meters(None, MAX_PAGE);
	assert_eq!(next, None);
	meters
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
		let entry = Entry::of(1, Dave);
		for origin in [RuntimeOrigin::root(), RuntimeOrigin::none()] {
			assert_noop!(entry.list_from(origin.clone()), DispatchError::BadOrigin);
			assert_noop!(Spb::unlist_meter(origin, entry.key), DispatchError::BadOrigin);
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
		let for_longer = Entry { until: UNTIL + 1, ..good.clone() };
		for bad in [elsewhere, by_another, of_another_chain, for_longer] {
			assert_noop!(bad.list(Dave), Error::<Test>::BadMeterListing);
		}
		let nowhere = Entry { contact: ContactKey::default(), ..good };
		assert_noop!(nowhere.list(Dave), Error::<Test>::NoContact);
	});
}

#[test]
fn consent_should_count_for_a_while_only() {
	ExtBuilder::default().execute(|| {
		for until in [0, 2 + MAX_CONSENT, BlockNumber::MAX] {
			let entry = Entry::until(1, Dave, until);
			assert_noop!(entry.list(Dave), Error::<Test>::ConsentOutOfDate);
		}
		for until in [1, 1 + MAX_CONSENT] {
			ok(Entry::until(1, Dave, until).list(Dave));
			ok(Spb::unlist_meter(signed(Dave), key(1)));
		}
		System::set_block_number(2);
		let old = Entry::until(1, Dave, 1);
		assert_noop!(old.list(Dave), Error::<Test>::ConsentOutOfDate);
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
		let told: Vec<_> = all().into_iter().map(|meter| meter.key).collect();
		assert_eq!(told.len(), 2);
		assert!(!told.contains(&key(2)));
		assert_eq!(Meters::<Test>::count(), 3);
		ok(Spb::retire_manufacturer(RuntimeOrigin::root(), 1));
		assert_eq!(all(), []);
	});
}

#[test]
fn page_should_look_at_no_more_than_its_limit() {
	ExtBuilder::default().execute(|| {
		for meter in 1..=4 {
			ok(list(meter, Dave));
		}
		let order: Vec<_> = all().into_iter().map(|meter| meter.key).collect();
		// The first two in the list do not count: their page is empty and not the last.
		for gone in &order[..2] {
			let maker = RuntimeOrigin::signed(maker_account(1));
			ok(Spb::revoke_meter(maker, 1, *gone));
		}
		let page = Spb::meters(None, 2);
		assert_eq!(page, MeterPage { meters: vec![], next: Some(order[1]) });
		let page = Spb::meters(page.next, 2);
		let told: Vec<_> = page.meters.iter().map(|meter| meter.key).collect();
		assert_eq!((&told[..], page.next), (&order[2..], None));
	});
}

#[test]
fn pages_should_tell_each_meter_once() {
	ExtBuilder::default().execute(|| {
		for meter in 1..=5 {
			ok(list(meter, Dave));
		}
		let all = all();
		assert_eq!(all.len(), 5);
		for limit in 0..=6 {
			let (mut told, mut after) = (Vec::new(), None);
			loop {
				let MeterPage { meters, next } = Spb::meters(after, limit);
				assert!(meters.len() <= limit.max(1) as usize);
				told.extend(meters);
				after = next;
				if after.is_none() {
					break;
				}
			}
			assert_eq!(told, all);
		}
		// Where the last one has gone in between, the page goes on behind its place.
		let gone = all[1].key;
		ok(Spb::unlist_meter(signed(Dave), gone));
		assert_eq!(Spb::meters(Some(gone), 9).meters, all[2..]);
	});
}
