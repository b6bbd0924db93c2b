//! What producers sell.

use crate::{
	pallet::*,
	types::{ContactKey, Offer, OfferFilter, OfferInfo, Page, Terms, MAX_PAGE},
};
use alloc::vec::Vec;
use frame_support::{pallet_prelude::*, traits::Get};
use spb_primitives::{AccountId, Energy, OfferId, Price};

impl<T: Config> Pallet<T> {
	pub(crate) fn do_offer_energy(
		producer: AccountId,
		energy: Energy,
		price: Price,
		terms: Terms,
		contact: ContactKey,
	) -> DispatchResult {
		ensure!(!energy.is_zero(), Error::<T>::Nothing);
		let mut account = EnergyAccounts::<T>::get(&producer).ok_or(Error::<T>::NoAccount)?;
		let id = NextOffer::<T>::get();
		let next = id.checked_add(1).ok_or(Error::<T>::NumbersUsedUp)?;
		account.offers = account.offers.checked_add(1).ok_or(Error::<T>::Overflow)?;
		let deposit = Self::hold_deposit(&producer, T::OfferDeposit::get())?;
		NextOffer::<T>::put(next);
		EnergyAccounts::<T>::insert(&producer, account);
		let offer = Offer {
			producer: producer.clone(),
			available: energy,
			price,
			terms,
			contact,
			closed_at: None,
			deposit,
		};
		Offers::<T>::insert(id, offer);
		Self::deposit_event(Event::EnergyOffered { offer: id, producer, energy, price });
		Ok(())
	}

	/// The caller's open offer of this number.
	fn own_offer(producer: &AccountId, id: OfferId) -> Result<Offer, Error<T>> {
		let offer = Offers::<T>::get(id).ok_or(Error::<T>::UnknownOffer)?;
		ensure!(offer.producer == *producer, Error::<T>::NotYourOffer);
		ensure!(offer.closed_at.is_none(), Error::<T>::OfferClosed);
		Ok(offer)
	}

	pub(crate) fn do_top_up_offer(
		producer: AccountId,
		id: OfferId,
		energy: Energy,
	) -> DispatchResult {
		ensure!(!energy.is_zero(), Error::<T>::Nothing);
		let mut offer = Self::own_offer(&producer, id)?;
		offer.available = offer.available.checked_add(energy).ok_or(Error::<T>::Overflow)?;
		Offers::<T>::insert(id, offer);
		Self::deposit_event(Event::OfferToppedUp { offer: id, energy });
		Ok(())
	}

	pub(crate) fn do_reprice_offer(
		producer: AccountId,
		id: OfferId,
		price: Price,
	) -> DispatchResult {
		let offer = Self::own_offer(&producer, id)?;
		Offers::<T>::insert(id, Offer { price, ..offer });
		Self::deposit_event(Event::OfferRepriced { offer: id, price });
		Ok(())
	}

	pub(crate) fn do_close_offer(producer: AccountId, id: OfferId) -> DispatchResult {
		let offer = Self::own_offer(&producer, id)?;
		let now = Self::now();
		Offers::<T>::insert(id, Offer { closed_at: Some(now), ..offer });
		ClosedOffers::<T>::insert(now, id, ());
		Self::deposit_event(Event::OfferClosed { offer: id });
		Ok(())
	}

	/// Takes away the record of an offer that no CTP can draw on any more.
	pub(crate) fn remove_offer(id: OfferId) {
		let Some(offer) = Offers::<T>::take(id) else { return };
		if let Err(error) = Self::free_deposit(&offer.producer, offer.deposit) {
			log::error!(target: "spb", "the deposit of offer {id} is not freed: {error:?}");
		}
		EnergyAccounts::<T>::mutate_extant(&offer.producer, |account| {
			account.offers = account.offers.saturating_sub(1);
		});
		Self::deposit_event(Event::OfferRemoved { offer: id });
	}

	/// A page of offers in order of their numbers; the list is at its end when a page is empty.
	pub fn offers(filter: &OfferFilter, page: &Page) -> Vec<OfferInfo> {
		let first = page.after.map_or(0, |after| after.saturating_add(1));
		let limit = page.limit.min(MAX_PAGE) as usize;
		(first..NextOffer::<T>::get())
			.filter_map(|id| Offers::<T>::get(id).map(|offer| OfferInfo { id, offer }))
			.filter(|info| matches(filter, &info.offer))
			.take(limit)
			.collect()
	}
}

fn matches(filter: &OfferFilter, offer: &Offer) -> bool {
	(filter.closed || offer.closed_at.is_none())
		&& filter.producer.as_ref().is_none_or(|producer| *producer == offer.producer)
		&& filter.min_energy.is_none_or(|energy| energy <= offer.available)
		&& filter.max_price.is_none_or(|price| offer.price <= price)
}
