//! Forgets on chain what can matter no more: settled ids after their grace, closed offers after
//! their last claim. A bounded number in each block; being late changes nothing.

use crate::{pallet::*, weights::WeightInfo};
use alloc::vec::Vec;
use frame_support::{pallet_prelude::*, traits::Get};
use spb_primitives::BlockNumber;

/// Buckets looked at in one block, so that it catches up after a stretch that was put off.
pub(crate) const BUCKETS_PER_BLOCK: u32 = 16;
/// Offers removed in one block.
pub(crate) const OFFERS_PER_BLOCK: u32 = 256;

impl<T: Config> Pallet<T> {
	/// Forgets what is due at block `now`.
	pub(crate) fn sweep(now: BlockNumber) -> Weight {
		let parameters = Self::parameters();
		let settles_from = SettlesFrom::<T>::get().max(now.saturating_sub(parameters.grace));
		SettlesFrom::<T>::put(settles_from);
		// As many as a block can add, so that it never falls behind for good.
		let ids = sweep_buckets::<SettledFrom<T>>(
			settles_from,
			T::MaxSettlements::get(),
			|expiry, room| {
				let cleared = Settled::<T>::clear_prefix(expiry, room, None);
				(cleared.unique, cleared.maybe_cursor.is_none())
			},
		);
		let offers = sweep_buckets::<ClosedOffersFrom<T>>(
			now.saturating_sub(parameters.longest_claim()),
			OFFERS_PER_BLOCK,
			|closed_at, room| {
				// One more than there is room for, to see whether any are left.
				let due: Vec<_> = ClosedOffers::<T>::iter_key_prefix(closed_at)
					.take(room.saturating_add(1) as usize)
					.collect();
				let done = due.len() <= room as usize;
				let removed = due.len().min(room as usize);
				for id in due.into_iter().take(removed) {
					ClosedOffers::<T>::remove(closed_at, id);
					Self::remove_offer(id);
				}
				(removed as u32, done)
			},
		);
		T::WeightInfo::sweep(ids, offers)
	}
}

/// Goes through the buckets before `end`, from where `from` stands, with room for `room` removals.
fn sweep_buckets<From: frame_support::storage::StorageValue<BlockNumber, Query = BlockNumber>>(
	end: BlockNumber,
	room: u32,
	mut clear: impl FnMut(BlockNumber, u32) -> (u32, bool),
) -> u32 {
	let start = From::get();
	let (mut next, mut removed) = (start, 0u32);
	while next < end && next - start < BUCKETS_PER_BLOCK {
		let (cleared, done) = clear(next, room.saturating_sub(removed));
		removed = removed.saturating_add(cleared);
		if !done {
			break;
		}
		next = next.saturating_add(1);
	}
	if next != start {
		From::put(next);
	}
	removed
}
