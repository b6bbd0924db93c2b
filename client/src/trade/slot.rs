//! Places in the pool: each vault has 64, and a CTP's id says which one it takes.
//!
//! Two pending CTPs of one vault must differ in their places. The id changes with the expiry, so a
//! CTP that would meet with a taken place expires a block or a few earlier.

use crate::meter::Draft;
use spb_primitives::{Ctp, CtpId, Genesis, ReceiptKey};
use std::collections::BTreeSet;

/// The CTP with the latest expiry that the draft allows whose place is free.
pub(crate) fn find(
	draft: &Draft,
	key: ReceiptKey,
	taken: &BTreeSet<u8>,
	genesis: &Genesis,
) -> Option<(Ctp, CtpId)> {
	(draft.earliest..=draft.expiry)
		.rev()
		// As many tries as leave next to no chance that a free place is missed.
		.take(MAX_TRIES)
		.map(|expiry| {
			let ctp = draft.with(key, expiry);
			let id = CtpId::of(&ctp, genesis);
			(ctp, id)
		})
		.find(|(_, id)| !taken.contains(&id.pool_slot()))
}

/// With one free place of 64 this many tries miss it with a probability of one in e^64.
const MAX_TRIES: usize = 4_096;

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;
	use sp_core::H256;
	use spb_primitives::{message::POOL_SLOTS, Energy, Money};

	fn draft(expiry: u32, earliest: u32) -> Draft {
		Draft {
			vault: 7,
			offer: 9,
			energy: Energy::from_wh(100),
			amount: Money::from_units(1_000_000),
			expiry,
			earliest,
		}
	}

	fn key(byte: u8) -> ReceiptKey {
		ReceiptKey(H256::repeat_byte(byte))
	}

	proptest! {
		#[test]
		fn a_ctp_should_never_take_a_taken_place(
			expiry in 2_000u32..4_000_000,
			range in 0u32..2_000,
			byte: u8,
			taken in proptest::collection::btree_set(0..POOL_SLOTS, 0..=usize::from(POOL_SLOTS)),
			genesis: [u8; 32],
		) {
			let genesis = H256(genesis);
			let draft = draft(expiry, expiry - range);
			if let Some((ctp, id)) = find(&draft, key(byte), &taken, &genesis) {
				prop_assert!(!taken.contains(&id.pool_slot()));
				prop_assert_eq!(id, CtpId::of(&ctp, &genesis));
				prop_assert!((draft.earliest..=draft.expiry).contains(&ctp.expiry));
				// No later expiry would have done.
				for later in ctp.expiry + 1..=draft.expiry {
					let id = CtpId::of(&draft.with(key(byte), later), &genesis);
					prop_assert!(taken.contains(&id.pool_slot()));
				}
			} else {
				prop_assert!(!taken.is_empty());
			}
		}

		#[test]
		fn a_vault_should_fill_all_its_places(byte: u8, genesis: [u8; 32]) {
			let genesis = H256(genesis);
			let mut taken = BTreeSet::new();
			for _ in 0..POOL_SLOTS {
				let found = find(&draft(5_096, 1_000), key(byte), &taken, &genesis);
				let (_, id) = found.expect("a place is free");
				prop_assert!(taken.insert(id.pool_slot()));
			}
			prop_assert_eq!(find(&draft(5_096, 1_000), key(byte), &taken, &genesis), None);
		}
	}

	#[test]
	fn the_wanted_expiry_should_be_kept_where_its_place_is_free() {
		let found = find(&draft(500, 100), key(1), &BTreeSet::new(), &H256::zero());
		assert_eq!(found.unwrap().0.expiry, 500);
	}

	#[test]
	fn an_empty_range_should_give_nothing() {
		assert_eq!(find(&draft(100, 101), key(1), &BTreeSet::new(), &H256::zero()), None);
	}
}
