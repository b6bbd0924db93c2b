//! The directory of meters that certify the trees of others. Being in it is a meter's owner's choice.

use crate::{
	pallet::*,
	rules::Chain,
	types::{ContactKey, ListedMeter, MAX_PAGE},
};
use alloc::vec::Vec;
use frame_support::{pallet_prelude::*, traits::Get};
use spb_primitives::{
	coe::verify_meter, relay::verify_listing, AccountId, ManufacturerId, MeterKey, MeterRegistry,
	MeterSignature,
};

impl<T: Config> Pallet<T> {
	pub(crate) fn do_list_meter(
		owner: AccountId,
		key: MeterKey,
		manufacturer: ManufacturerId,
		certificate: MeterSignature,
		contact: ContactKey,
		signature: MeterSignature,
	) -> DispatchResult {
		ensure!(!contact.is_none(), Error::<T>::NoContact);
		ensure!(!Meters::<T>::contains_key(key), Error::<T>::MeterListed);
		ensure!(Meters::<T>::count() < T::MaxMeters::get(), Error::<T>::TooManyMeters);
		let chain = Self::chain();
		verify_meter(&key, manufacturer, &certificate, &chain.genesis(), &chain)
			.map_err(|_| Error::<T>::MeterNotCertified)?;
		let genesis = chain.genesis();
		let agreed = verify_listing(&signature, &owner, &key, manufacturer, &contact, &genesis);
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
		ensure!(meter.owner == caller || !Self::counts(&meter), Error::<T>::NotYourMeter);
		Self::free_deposit(&meter.owner, meter.deposit)?;
		Meters::<T>::remove(key);
		Self::deposit_event(Event::MeterUnlisted { meter: key });
		Ok(())
	}

	/// Whether the signatures of a listed meter count. Its certificate was verified when it was
	/// listed, and a manufacturer's key never changes.
	fn counts(meter: &ListedMeter) -> bool {
		let chain = Self::chain();
		chain.active_manufacturer(meter.manufacturer).is_some()
			&& !chain.is_revoked(meter.manufacturer, &meter.key)
	}

	/// A listed meter whose signatures count.
	pub fn meter(key: &MeterKey) -> Option<ListedMeter> {
		Meters::<T>::get(key).filter(Self::counts)
	}

	/// A page of listed meters whose signatures count, in the order of their keys' hashes; the list is
	/// at its end when a page is empty.
	pub fn meters(after: Option<MeterKey>, limit: u32) -> Vec<ListedMeter> {
		let limit = limit.min(MAX_PAGE) as usize;
		let all = match after {
			Some(key) => Meters::<T>::iter_from(Meters::<T>::hashed_key_for(key)),
			None => Meters::<T>::iter(),
		};
		all.map(|(_, meter)| meter).filter(Self::counts).take(limit).collect()
	}
}
