//! The directory of meters that certify the trees of others. Being in it is a meter's owner's choice.

use crate::{
	pallet::*,
	types::{ContactKey, ListedMeter, MeterPage, MAX_PAGE},
};
use alloc::vec::Vec;
use frame_support::{pallet_prelude::*, traits::Get};
use spb_primitives::{
	coe::verify_meter,
	relay::{consent_counts, verify_listing},
	AccountId, BlockNumber, ManufacturerId, MeterKey, MeterRegistry, MeterSignature,
};

impl<T: Config> Pallet<T> {
	pub(crate) fn do_list_meter(
		owner: AccountId,
		key: MeterKey,
		manufacturer: ManufacturerId,
		certificate: MeterSignature,
		contact: ContactKey,
		valid_until: BlockNumber,
		signature: MeterSignature,
	) -> DispatchResult {
		ensure!(!contact.is_none(), Error::<T>::NoContact);
		ensure!(!Meters::<T>::contains_key(key), Error::<T>::MeterListed);
		ensure!(Meters::<T>::count() < T::MaxMeters::get(), Error::<T>::TooManyMeters);
		ensure!(consent_counts(valid_until, Self::now()), Error::<T>::ConsentOutOfDate);
		let genesis = Self::genesis();
		verify_meter(&key, manufacturer, &certificate, &genesis, &Self::chain())
			.map_err(|_| Error::<T>::MeterNotCertified)?;
		let maker = manufacturer;
		let agreed =
			verify_listing(&signature, &owner, &key, maker, &contact, valid_until, &genesis);
		ensure!(agreed, Error::<T>::BadMeterListing);
		let deposit = Self::hold_deposit(&owner, T::MeterDeposit::get())?;
		let meter =
			ListedMeter { key, owner: owner.clone(), manufacturer, certificate, contact, deposit };
		Meters::<T>::insert(key, meter);
		Self::deposit_event(Event::MeterListed { meter: key, owner });
		Ok(())
	}

	pub(crate) fn do_unlist_meter(caller: AccountId, key: MeterKey) -> DispatchResult {
		let meter = Meters::<T>::get(key).ok_or(Error::<T>::MeterNotListed)?;
		let counts = counts(&meter, &Self::chain());
		ensure!(meter.owner == caller || !counts, Error::<T>::NotYourMeter);
		Self::free_deposit(&meter.owner, meter.deposit)?;
		Meters::<T>::remove(key);
		Self::deposit_event(Event::MeterUnlisted { meter: key });
		Ok(())
	}

	/// A listed meter whose signatures count.
	pub fn meter(key: &MeterKey) -> Option<ListedMeter> {
		Meters::<T>::get(key).filter(|meter| counts(meter, &Self::chain()))
	}

	/// A page of listed meters in the order of their keys' hashes: of the next `limit`, those whose
	/// signatures count.
	pub fn meters(after: Option<MeterKey>, limit: u32) -> MeterPage {
		let listed = match after {
			Some(key) => Meters::<T>::iter_from(Meters::<T>::hashed_key_for(key)),
			None => Meters::<T>::iter(),
		};
		let mut listed = listed.map(|(_, meter)| meter);
		let page: Vec<_> = listed.by_ref().take(limit.clamp(1, MAX_PAGE) as usize).collect();
		let last = page.last().map(|meter| meter.key);
		let next = listed.next().and(last);
		let chain = Self::chain();
		let meters = page.into_iter().filter(|meter| counts(meter, &chain)).collect();
		MeterPage { meters, next }
	}
}

/// Whether the signatures of a listed meter count. Its certificate was verified when it was listed,
/// and a manufacturer's key never changes.
fn counts(meter: &ListedMeter, chain: &impl MeterRegistry) -> bool {
	chain.active_manufacturer(meter.manufacturer).is_some()
		&& !chain.is_revoked(meter.manufacturer, &meter.key)
}
