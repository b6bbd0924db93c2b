//! Energy accounts, and the registers of companies, manufacturers and revoked meters.

use crate::{
	pallet::*,
	types::{EnergyAccount, Manufacturer, OpenedBy},
};
use frame_support::{
	pallet_prelude::*,
	traits::{
		fungible::{hold::Mutate as MutateHold, Mutate},
		tokens::{Fortitude, Precision, Preservation},
		ChangeMembers, Get,
	},
};
use spb_primitives::{AccountId, Certificate, ManufacturerId, MeterKey, Money};

impl<T: Config> Pallet<T> {
	/// Holds the deposit for a record.
	pub(crate) fn hold_deposit(who: &AccountId, amount: u128) -> Result<Money, DispatchError> {
		T::Currency::hold(&HoldReason::Deposit.into(), who, amount)?;
		Ok(Money::from_units(amount))
	}

	/// Frees the deposit of a record that goes.
	pub(crate) fn free_deposit(who: &AccountId, deposit: Money) -> DispatchResult {
		let reason = HoldReason::Deposit.into();
		T::Currency::release(&reason, who, deposit.units(), Precision::Exact).map(|_| ())
	}

	pub(crate) fn do_open_with_burn(producer: AccountId) -> DispatchResult {
		ensure!(!EnergyAccounts::<T>::contains_key(&producer), Error::<T>::AccountExists);
		let amount = T::OpeningBurn::get();
		T::Currency::burn_from(
			&producer,
			amount,
			Preservation::Preserve,
			Precision::Exact,
			Fortitude::Polite,
		)?;
		Self::open_account(producer, OpenedBy::Burn { amount: Money::from_units(amount) })
	}

	pub(crate) fn do_open_with_certificate(
		producer: AccountId,
		certificate: Certificate,
	) -> DispatchResult {
		ensure!(!EnergyAccounts::<T>::contains_key(&producer), Error::<T>::AccountExists);
		ensure!(certificate.account == producer, Error::<T>::CertificateForAnother);
		ensure!(Self::now() <= certificate.valid_until, Error::<T>::CertificateOutOfDate);
		let companies = Companies::<T>::get();
		let registered = companies.binary_search(&certificate.company).is_ok();
		ensure!(registered, Error::<T>::UnknownCompany);
		let genesis = Self::genesis();
		ensure!(certificate.verify(&genesis), Error::<T>::BadCertificate);
		Self::open_account(producer, OpenedBy::Certificate { company: certificate.company })
	}

	fn open_account(producer: AccountId, opened_by: OpenedBy) -> DispatchResult {
		let deposit = Self::hold_deposit(&producer, T::AccountDeposit::get())?;
		let account = EnergyAccount {
			opened_by: opened_by.clone(),
			sold_wh: 0,
			earned: Money::ZERO,
			trades: 0,
			offers: 0,
			deposit,
		};
		EnergyAccounts::<T>::insert(&producer, account);
		Self::deposit_event(Event::AccountOpened { producer, by: opened_by });
		Ok(())
	}

	/// A producer's account with the totals of all its trades, for those who ask.
	pub fn energy_account(producer: &AccountId) -> Option<EnergyAccount> {
		let mut account = EnergyAccounts::<T>::get(producer)?;
		for id in Self::numbers_of(producer) {
			if let Some(record) = Offers::<T>::get(id) {
				account.count(&record.sales);
			}
		}
		Some(account)
	}

	pub(crate) fn do_close_account(producer: AccountId) -> DispatchResult {
		let account = EnergyAccounts::<T>::get(&producer).ok_or(Error::<T>::NoAccount)?;
		ensure!(account.offers == 0, Error::<T>::OffersLeft);
		Self::free_deposit(&producer, account.deposit)?;
		EnergyAccounts::<T>::remove(&producer);
		Self::deposit_event(Event::AccountClosed { producer });
		Ok(())
	}

	pub(crate) fn do_add_company(company: AccountId) -> DispatchResult {
		Companies::<T>::try_mutate(|companies| {
			let Err(place) = companies.binary_search(&company) else {
				return Err(Error::<T>::CompanyExists);
			};
			companies
				.try_insert(place, company.clone())
				.map_err(|_| Error::<T>::TooManyCompanies)?;
			T::CompaniesChanged::change_members_sorted(
				core::slice::from_ref(&company),
				&[],
				companies,
			);
			Ok(())
		})?;
		Self::deposit_event(Event::CompanyAdded { company });
		Ok(())
	}

	pub(crate) fn do_remove_company(company: AccountId) -> DispatchResult {
		Companies::<T>::try_mutate(|companies| {
			let place =
				companies.binary_search(&company).map_err(|_| Error::<T>::UnknownCompany)?;
			companies.remove(place);
			T::CompaniesChanged::change_members_sorted(
				&[],
				core::slice::from_ref(&company),
				companies,
			);
			Ok::<_, Error<T>>(())
		})?;
		Self::deposit_event(Event::CompanyRemoved { company });
		Ok(())
	}

	pub(crate) fn do_add_manufacturer(id: ManufacturerId, key: MeterKey) -> DispatchResult {
		ensure!(!Manufacturers::<T>::contains_key(id), Error::<T>::ManufacturerExists);
		Manufacturers::<T>::insert(id, Manufacturer { key, active: true });
		Self::deposit_event(Event::ManufacturerAdded { id, key });
		Ok(())
	}

	pub(crate) fn do_retire_manufacturer(id: ManufacturerId) -> DispatchResult {
		let manufacturer = Manufacturers::<T>::get(id).ok_or(Error::<T>::UnknownManufacturer)?;
		ensure!(manufacturer.active, Error::<T>::ManufacturerRetired);
		Manufacturers::<T>::insert(id, Manufacturer { active: false, ..manufacturer });
		Self::deposit_event(Event::ManufacturerRetired { id });
		Ok(())
	}

	pub(crate) fn do_revoke_meter(
		caller: AccountId,
		manufacturer: ManufacturerId,
		meter: MeterKey,
	) -> DispatchResult {
		let maker = Manufacturers::<T>::get(manufacturer).ok_or(Error::<T>::UnknownManufacturer)?;
		// A retired one may still revoke: its meters' signatures count again if it comes back.
		let by_maker = AsRef::<[u8]>::as_ref(&caller) == maker.key.0;
		ensure!(by_maker, Error::<T>::NotTheManufacturer);
		let revoked = RevokedMeters::<T>::contains_key(manufacturer, meter);
		ensure!(!revoked, Error::<T>::AlreadyRevoked);
		RevokedMeters::<T>::insert(manufacturer, meter, ());
		Self::deposit_event(Event::MeterRevoked { manufacturer, meter });
		Ok(())
	}
}
