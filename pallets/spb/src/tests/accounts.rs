//! Energy accounts: opened by burning or with a certificate, closed when nothing is left for sale.

use super::*;
use crate::{EnergyAccounts, Error, OpenedBy};
use frame_support::{assert_noop, traits::Hooks};
use sp_runtime::{DispatchError, TokenError};
use spb_primitives::Certificate;

fn open(who: Sr25519Keyring) {
	assert_ok!(Spb::open_account_with_burn(signed(who)));
}

#[test]
fn burning_should_open_an_account_and_hold_its_deposit() {
	ExtBuilder::default().execute(|| {
		let issuance = Balances::total_issuance();
		open(Charlie);
		let opened_by = OpenedBy::Burn { amount: money(OPENING_BURN) };
		let account = EnergyAccounts::<Test>::get(Charlie.to_account_id()).unwrap();
		assert_eq!(account.opened_by, opened_by);
		assert_eq!((account.sold_wh, account.earned, account.trades), (0, money(0), 0));
		assert_eq!((account.offers, account.deposit), (0, money(ACCOUNT_DEPOSIT)));
		assert_eq!(free(Charlie), ENDOWMENT - OPENING_BURN - ACCOUNT_DEPOSIT);
		assert_eq!(held(Charlie), ACCOUNT_DEPOSIT);
		assert_eq!(Balances::total_issuance(), issuance - OPENING_BURN);
		assert_last_event(Event::AccountOpened {
			producer: Charlie.to_account_id(),
			by: opened_by,
		});
	});
}

#[test]
fn burning_should_need_burn_and_deposit_and_leave_the_account_alive() {
	let needed = OPENING_BURN + ACCOUNT_DEPOSIT + ED;
	ExtBuilder::default().balance(Charlie, needed).execute(|| open(Charlie));
	ExtBuilder::default().balance(Charlie, needed - 1).execute(|| {
		assert_noop!(Spb::open_account_with_burn(signed(Charlie)), TokenError::FundsUnavailable);
	});
	ExtBuilder::default().balance(Charlie, OPENING_BURN).execute(|| {
		assert!(Spb::open_account_with_burn(signed(Charlie)).is_err());
		assert_eq!(free(Charlie), OPENING_BURN);
		assert!(!EnergyAccounts::<Test>::contains_key(Charlie.to_account_id()));
	});
}

#[test]
fn second_account_should_be_refused() {
	ExtBuilder::default().execute(|| {
		assert_noop!(Spb::open_account_with_burn(signed(Alice)), Error::<Test>::AccountExists);
		assert_noop!(
			Spb::open_account_with_certificate(signed(Alice), certificate(Alice, Ferdie, FAR)),
			Error::<Test>::AccountExists
		);
	});
}

#[test]
fn calls_of_a_producer_should_need_a_signature() {
	ExtBuilder::default().execute(|| {
		for origin in [RuntimeOrigin::root(), RuntimeOrigin::none()] {
			assert_noop!(Spb::open_account_with_burn(origin.clone()), DispatchError::BadOrigin);
			assert_noop!(
				Spb::open_account_with_certificate(
					origin.clone(),
					certificate(Charlie, Ferdie, FAR)
				),
				DispatchError::BadOrigin
			);
			assert_noop!(Spb::close_account(origin), DispatchError::BadOrigin);
		}
	});
}

#[test]
fn certificate_should_open_an_account_without_burning() {
	ExtBuilder::default().execute(|| {
		let issuance = Balances::total_issuance();
		let certificate = certificate(Charlie, Ferdie, FAR);
		assert_ok!(Spb::open_account_with_certificate(signed(Charlie), certificate));
		let opened_by = OpenedBy::Certificate { company: Ferdie.to_account_id() };
		let account = EnergyAccounts::<Test>::get(Charlie.to_account_id()).unwrap();
		assert_eq!(account.opened_by, opened_by);
		assert_eq!(account.deposit, money(ACCOUNT_DEPOSIT));
		assert_eq!(held(Charlie), ACCOUNT_DEPOSIT);
		assert_eq!(Balances::total_issuance(), issuance);
		assert_last_event(Event::AccountOpened {
			producer: Charlie.to_account_id(),
			by: opened_by,
		});
	});
}

#[test]
fn certificate_should_need_the_deposit() {
	ExtBuilder::default().balance(Charlie, ACCOUNT_DEPOSIT + ED - 1).execute(|| {
		assert_noop!(
			Spb::open_account_with_certificate(signed(Charlie), certificate(Charlie, Ferdie, FAR)),
			TokenError::FundsUnavailable
		);
	});
}

#[test]
fn certificate_should_open_until_its_last_block() {
	for (now, opens) in [(1, true), (6, true), (7, true), (8, false), (100, false)] {
		ExtBuilder::default().execute(|| {
			System::set_block_number(now);
			let certificate = certificate(Charlie, Ferdie, 7);
			if opens {
				assert_ok!(Spb::open_account_with_certificate(signed(Charlie), certificate));
			} else {
				assert_noop!(
					Spb::open_account_with_certificate(signed(Charlie), certificate),
					Error::<Test>::CertificateOutOfDate
				);
			}
		});
	}
}

#[test]
fn certificate_for_another_should_be_refused() {
	ExtBuilder::default().execute(|| {
		assert_noop!(
			Spb::open_account_with_certificate(signed(Charlie), certificate(Dave, Ferdie, FAR)),
			Error::<Test>::CertificateForAnother
		);
	});
}

#[test]
fn certificate_of_an_unknown_company_should_be_refused() {
	ExtBuilder::default().execute(|| {
		assert_noop!(
			Spb::open_account_with_certificate(signed(Charlie), certificate(Charlie, Dave, FAR)),
			Error::<Test>::UnknownCompany
		);
		assert_ok!(Spb::remove_company(RuntimeOrigin::root(), Ferdie.to_account_id()));
		assert_noop!(
			Spb::open_account_with_certificate(signed(Charlie), certificate(Charlie, Ferdie, FAR)),
			Error::<Test>::UnknownCompany
		);
	});
}

#[test]
fn certificate_that_the_company_did_not_sign_should_be_refused() {
	ExtBuilder::default().execute(|| {
		let genuine = certificate(Charlie, Ferdie, 7);
		let by_another =
			Certificate { signature: certificate(Charlie, Dave, 7).signature, ..genuine.clone() };
		let prolonged = Certificate { valid_until: 8, ..genuine.clone() };
		let payload = Certificate::payload(
			&genuine.account,
			&genuine.company,
			genuine.valid_until,
			&OTHER_GENESIS,
		);
		let of_another_chain =
			Certificate { signature: Ferdie.sign(&payload).into(), ..genuine.clone() };
		for forged in [by_another, prolonged, of_another_chain] {
			assert_noop!(
				Spb::open_account_with_certificate(signed(Charlie), forged),
				Error::<Test>::BadCertificate
			);
		}
		assert_ok!(Spb::open_account_with_certificate(signed(Charlie), genuine));
	});
}

#[test]
fn account_should_outlive_its_company() {
	ExtBuilder::default().execute(|| {
		let certificate = certificate(Charlie, Ferdie, FAR);
		assert_ok!(Spb::open_account_with_certificate(signed(Charlie), certificate));
		assert_ok!(Spb::remove_company(RuntimeOrigin::root(), Ferdie.to_account_id()));
		offer(Charlie, 5, 5, Terms::Listed);
	});
}

#[test]
fn closing_should_free_the_deposit() {
	ExtBuilder::default().execute(|| {
		open(Charlie);
		assert_ok!(Spb::close_account(signed(Charlie)));
		assert!(!EnergyAccounts::<Test>::contains_key(Charlie.to_account_id()));
		assert_eq!((free(Charlie), held(Charlie)), (ENDOWMENT - OPENING_BURN, 0));
		assert_last_event(Event::AccountClosed { producer: Charlie.to_account_id() });
		assert_noop!(Spb::close_account(signed(Charlie)), Error::<Test>::NoAccount);
		open(Charlie);
	});
}

#[test]
fn closing_without_an_account_should_be_refused() {
	ExtBuilder::default().execute(|| {
		assert_noop!(Spb::close_account(signed(Bob)), Error::<Test>::NoAccount);
	});
}

#[test]
fn closing_should_wait_for_the_records_of_all_offers() {
	ExtBuilder::default().execute(|| {
		assert_noop!(Spb::close_account(signed(Alice)), Error::<Test>::OffersLeft);
		assert_ok!(Spb::close_offer(signed(Alice), 0));
		assert_noop!(Spb::close_account(signed(Alice)), Error::<Test>::OffersLeft);
		let gone = 1 + PARAMETERS.longest_claim() + 1;
		for number in 2..gone {
			System::set_block_number(number);
			Spb::on_initialize(number);
			assert_noop!(Spb::close_account(signed(Alice)), Error::<Test>::OffersLeft);
		}
		System::set_block_number(gone);
		Spb::on_initialize(gone);
		assert_ok!(Spb::close_account(signed(Alice)));
		assert_eq!((free(Alice), held(Alice)), (ENDOWMENT - OPENING_BURN, 0));
	});
}
