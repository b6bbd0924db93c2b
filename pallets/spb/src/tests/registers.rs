//! The registers of companies, manufacturers and revoked meters.

use super::*;
use crate::{Companies, Error, Manufacturer, Manufacturers, RevokedMeters};
use frame_support::assert_noop;
use sp_core::Pair;
use sp_runtime::DispatchError;

fn root() -> RuntimeOrigin {
	RuntimeOrigin::root()
}

fn maker_signed(number: ManufacturerId) -> RuntimeOrigin {
	RuntimeOrigin::signed(maker_account(number))
}

#[test]
fn governing_calls_should_need_the_governing_origin() {
	ExtBuilder::default().execute(|| {
		let company = Ferdie.to_account_id();
		for origin in [signed(Alice), maker_signed(1), RuntimeOrigin::none()] {
			let bad = DispatchError::BadOrigin;
			assert_noop!(Spb::add_company(origin.clone(), Dave.to_account_id()), bad);
			assert_noop!(Spb::remove_company(origin.clone(), company.clone()), bad);
			assert_noop!(Spb::add_manufacturer(origin.clone(), 3, maker_key(3)), bad);
			assert_noop!(Spb::retire_manufacturer(origin, 1), bad);
		}
	});
}

#[test]
fn company_should_be_added_once_and_removed_once() {
	ExtBuilder::default().execute(|| {
		let company = Dave.to_account_id();
		assert_ok!(Spb::add_company(root(), company.clone()));
		assert!(Companies::<Test>::get().contains(&company));
		assert_last_event(Event::CompanyAdded { company: company.clone() });
		assert_noop!(Spb::add_company(root(), company.clone()), Error::<Test>::CompanyExists);
		assert_ok!(Spb::remove_company(root(), company.clone()));
		assert!(!Companies::<Test>::get().contains(&company));
		assert_last_event(Event::CompanyRemoved { company: company.clone() });
		assert_noop!(Spb::remove_company(root(), company), Error::<Test>::UnknownCompany);
	});
}

#[test]
fn manufacturer_should_be_registered_under_a_free_number() {
	ExtBuilder::default().execute(|| {
		let key = maker_key(3);
		assert_ok!(Spb::add_manufacturer(root(), 3, key));
		assert_eq!(Manufacturers::<Test>::get(3), Some(Manufacturer { key, active: true }));
		assert_last_event(Event::ManufacturerAdded { id: 3, key });
		assert_noop!(
			Spb::add_manufacturer(root(), 3, maker_key(4)),
			Error::<Test>::ManufacturerExists
		);
	});
}

#[test]
fn manufacturer_should_retire_once_and_its_number_should_stay_taken() {
	ExtBuilder::default().execute(|| {
		assert_ok!(Spb::retire_manufacturer(root(), 1));
		let retired = Manufacturer { key: maker_key(1), active: false };
		assert_eq!(Manufacturers::<Test>::get(1), Some(retired));
		assert_last_event(Event::ManufacturerRetired { id: 1 });
		assert_noop!(Spb::retire_manufacturer(root(), 1), Error::<Test>::ManufacturerRetired);
		assert_noop!(
			Spb::add_manufacturer(root(), 1, maker_key(1)),
			Error::<Test>::ManufacturerExists
		);
	});
}

#[test]
fn unknown_manufacturer_should_not_retire() {
	ExtBuilder::default().execute(|| {
		assert_noop!(Spb::retire_manufacturer(root(), 9), Error::<Test>::UnknownManufacturer);
	});
}

#[test]
fn manufacturer_should_revoke_its_meter_once() {
	ExtBuilder::default().execute(|| {
		let meter = meter_pair(1).public();
		assert_ok!(Spb::revoke_meter(maker_signed(1), 1, meter));
		assert!(RevokedMeters::<Test>::contains_key(1, meter));
		assert_last_event(Event::MeterRevoked { manufacturer: 1, meter });
		assert_noop!(Spb::revoke_meter(maker_signed(1), 1, meter), Error::<Test>::AlreadyRevoked);
	});
}

#[test]
fn retired_manufacturer_should_still_revoke() {
	ExtBuilder::default().execute(|| {
		assert_ok!(Spb::retire_manufacturer(root(), 1));
		assert_ok!(Spb::revoke_meter(maker_signed(1), 1, meter_pair(1).public()));
	});
}

#[test]
fn nobody_else_should_revoke_a_meter() {
	ExtBuilder::default().execute(|| {
		let meter = meter_pair(1).public();
		for origin in [signed(Alice), maker_signed(2), signed(Ferdie)] {
			assert_noop!(Spb::revoke_meter(origin, 1, meter), Error::<Test>::NotTheManufacturer);
		}
		for origin in [root(), RuntimeOrigin::none()] {
			assert_noop!(Spb::revoke_meter(origin, 1, meter), DispatchError::BadOrigin);
		}
		assert_noop!(
			Spb::revoke_meter(maker_signed(1), 9, meter),
			Error::<Test>::UnknownManufacturer
		);
	});
}

#[test]
fn revoking_should_not_reach_the_meters_of_another_manufacturer() {
	ExtBuilder::default().execute(|| {
		let meter = meter_pair(1).public();
		// Whether the call fails or does nothing to others: the meter of number 1 still counts.
		let _ = Spb::revoke_meter(maker_signed(2), 2, meter);
		assert_eq!(METER.proof(0).verify(&METER.key(0), 1, &GENESIS, &Spb::chain()), Ok(()));
	});
}

/// Builds a chain's beginning.
fn begin(config: pallet_spb::GenesisConfig<Test>) {
	config.build_storage().unwrap();
}

#[test]
#[should_panic(expected = "a company is there twice")]
fn genesis_should_not_name_a_company_twice() {
	let companies = vec![Alice.to_account_id(); 2].try_into().unwrap();
	begin(pallet_spb::GenesisConfig { companies, ..Default::default() });
}

#[test]
#[should_panic(expected = "manufacturer 7 is there twice")]
fn genesis_should_not_name_a_manufacturer_twice() {
	let manufacturers = vec![(7, maker_key(1)), (7, maker_key(2))];
	begin(pallet_spb::GenesisConfig { manufacturers, ..Default::default() });
}
