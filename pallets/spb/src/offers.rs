//! What producers sell.

use crate::{
	pallet::*,
	types::{ContactKey, Offer, OfferFilter, OfferInfo, OfferRecord, Page, Sales, Terms, MAX_PAGE},
};
use alloc::{boxed::Box, vec::Vec};
use frame_support::{pallet_prelude::*, traits::Get};
use spb_primitives::{AccountId, Energy, OfferId, Price};

/// Numbers of offers in one page of the index.
pub(crate) const NUMBERS_PER_PAGE: u32 = 256;

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
		Offers::<T>::insert(id, OfferRecord { offer, sales: Sales::NONE });
		OffersOf::<T>::insert(&producer, id, ());
		OfferPages::<T>::mutate(id / NUMBERS_PER_PAGE, |page| flip(page, id));
		Self::deposit_event(Event::EnergyOffered { offer: id, producer, energy, price });
		Ok(())
	}

	/// The caller's open offer of this number.
	fn own_offer(producer: &AccountId, id: OfferId) -> Result<OfferRecord, Error<T>> {
		let record = Offers::<T>::get(id).ok_or(Error::<T>::UnknownOffer)?;
		ensure!(record.offer.producer == *producer, Error::<T>::NotYourOffer);
		ensure!(record.offer.closed_at.is_none(), Error::<T>::OfferClosed);
		Ok(record)
	}

	pub(crate) fn do_top_up_offer(
		producer: AccountId,
		id: OfferId,
		energy: Energy,
	) -> DispatchResult {
		ensure!(!energy.is_zero(), Error::<T>::Nothing);
		let mut record = Self::own_offer(&producer, id)?;
		let available = record.offer.available.checked_add(energy);
		record.offer.available = available.ok_or(Error::<T>::Overflow)?;
		Offers::<T>::insert(id, record);
		Self::deposit_event(Event::OfferToppedUp { offer: id, energy });
		Ok(())
	}

	pub(crate) fn do_reprice_offer(
		producer: AccountId,
		id: OfferId,
		price: Price,
	) -> DispatchResult {
		let mut record = Self::own_offer(&producer, id)?;
		record.offer.price = price;
		Offers::<T>::insert(id, record);
		Self::deposit_event(Event::OfferRepriced { offer: id, price });
		Ok(())
	}

	pub(crate) fn do_close_offer(producer: AccountId, id: OfferId) -> DispatchResult {
		let mut record = Self::own_offer(&producer, id)?;
		let now = Self::now();
		record.offer.closed_at = Some(now);
		Offers::<T>::insert(id, record);
		ClosedOffers::<T>::insert(now, id, ());
		Self::deposit_event(Event::OfferClosed { offer: id });
		Ok(())
	}

	/// Takes away the record of an offer that no CTP can draw on any more.
	pub(crate) fn remove_offer(id: OfferId) {
		let Some(OfferRecord { offer, sales }) = Offers::<T>::take(id) else { return };
		if let Err(error) = Self::free_deposit(&offer.producer, offer.deposit) {
			log::error!(target: "spb", "the deposit of offer {id} is not freed: {error:?}");
		}
		OffersOf::<T>::remove(&offer.producer, id);
		OfferPages::<T>::mutate_exists(id / NUMBERS_PER_PAGE, |page| {
			let mut left = page.take().unwrap_or_default();
			flip(&mut left, id);
			*page = (left != [0; 32]).then_some(left);
		});
		EnergyAccounts::<T>::mutate_extant(&offer.producer, |account| {
			account.offers = account.offers.saturating_sub(1);
			account.count(&sales);
		});
		Self::deposit_event(Event::OfferRemoved { offer: id });
	}

	/// An offer, for those who ask.
	pub fn offer(id: OfferId) -> Option<OfferInfo> {
		Offers::<T>::get(id).map(|record| OfferInfo { id, offer: record.offer })
	}

	/// A page of offers in order of their numbers; the list is at its end when a page is empty.
	pub fn offers(filter: &OfferFilter, page: &Page) -> Vec<OfferInfo> {
		let first = page.after.map_or(Some(0), |after| after.checked_add(1));
		let Some(first) = first else { return Vec::new() };
		let limit = page.limit.min(MAX_PAGE) as usize;
		let numbers: Box<dyn Iterator<Item = OfferId>> = match &filter.producer {
			Some(producer) => Box::new(Self::numbers_of(producer).into_iter()),
			None => Box::new(Self::numbers_from(first)),
		};
		numbers
			.skip_while(|id| *id < first)
			.filter_map(Self::offer)
			.filter(|info| matches(filter, &info.offer))
			.take(limit)
			.collect()
	}

	/// The numbers of a producer's offers, in order.
	pub(crate) fn numbers_of(producer: &AccountId) -> Vec<OfferId> {
		let mut numbers: Vec<_> = OffersOf::<T>::iter_key_prefix(producer).collect();
		numbers.sort_unstable();
		numbers
	}

	/// The numbers that have offers, in order, from the page on that `first` is in.
	fn numbers_from(first: OfferId) -> impl Iterator<Item = OfferId> {
		let pages = first / NUMBERS_PER_PAGE..=NextOffer::<T>::get() / NUMBERS_PER_PAGE;
		pages.flat_map(|page| {
			let bits = OfferPages::<T>::get(page);
			let start = page * NUMBERS_PER_PAGE;
			(start..=start + (NUMBERS_PER_PAGE - 1)).filter(move |id| is_set(&bits, *id))
		})
	}

	/// Whether the indices name this offer.
	#[cfg(any(feature = "try-runtime", test))]
	pub(crate) fn is_indexed(producer: &AccountId, id: OfferId) -> bool {
		OffersOf::<T>::contains_key(producer, id)
			&& is_set(&OfferPages::<T>::get(id / NUMBERS_PER_PAGE), id)
	}

	/// How many offers each of the indices names.
	#[cfg(any(feature = "try-runtime", test))]
	pub(crate) fn indexed() -> (u32, u32) {
		let of_pages = OfferPages::<T>::iter_values().flatten().map(u8::count_ones).sum();
		(OffersOf::<T>::iter().count() as u32, of_pages)
	}
}

/// Where the bit of an offer is in its page: the byte and the mask.
fn place(id: OfferId) -> (usize, u8) {
	let bit = id % NUMBERS_PER_PAGE;
	((bit / 8) as usize, 1 << (bit % 8))
}

fn is_set(page: &[u8; 32], id: OfferId) -> bool {
	let (byte, mask) = place(id);
	page.get(byte).is_some_and(|byte| byte & mask != 0)
}

/// Turns the bit of an offer over.
fn flip(page: &mut [u8; 32], id: OfferId) {
	let (byte, mask) = place(id);
	if let Some(byte) = page.get_mut(byte) {
		*byte ^= mask;
	}
}

fn matches(filter: &OfferFilter, offer: &Offer) -> bool {
	(filter.closed || offer.closed_at.is_none())
		&& filter.producer.as_ref().is_none_or(|producer| *producer == offer.producer)
		&& filter.min_energy.is_none_or(|energy| energy <= offer.available)
		&& filter.max_price.is_none_or(|price| offer.price <= price)
}
