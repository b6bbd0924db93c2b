//! The CTP database in memory: what blocks add goes in, what they settle and what has expired goes
//! out. For whoever makes a database anew from blocks and sidecars; the pallet keeps one on disk.

use crate::{database_root, root::entry_key, BlockNumber, CtpId, SignedCtp};
use alloc::{collections::BTreeMap, vec::Vec};
use sp_core::H256;

/// The place of an entry in the order of the database.
pub type Place = (BlockNumber, CtpId);

/// Open CTPs, in order of expiry and id.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct OpenCtps(BTreeMap<Place, SignedCtp>);

impl OpenCtps {
	/// Adds an entry; says whether it was not there before.
	pub fn add(&mut self, id: CtpId, signed: SignedCtp) -> bool {
		self.0.insert((signed.ctp.expiry, id), signed).is_none()
	}

	/// Takes out an entry that settles.
	pub fn settle(&mut self, expiry: BlockNumber, id: CtpId) -> Option<SignedCtp> {
		self.0.remove(&(expiry, id))
	}

	/// Drops what has expired after block `now`.
	pub fn expire(&mut self, now: BlockNumber, grace: BlockNumber) {
		while let Some(first) = self.0.first_entry() {
			let (expiry, _) = *first.key();
			if expiry.saturating_add(grace) > now {
				break;
			}
			first.remove();
		}
	}

	/// The entry at this place.
	pub fn get(&self, expiry: BlockNumber, id: CtpId) -> Option<&SignedCtp> {
		self.0.get(&(expiry, id))
	}

	/// The place of the last entry.
	pub fn last(&self) -> Option<Place> {
		self.0.last_key_value().map(|(place, _)| *place)
	}

	/// How many entries there are.
	pub fn len(&self) -> usize {
		self.0.len()
	}

	/// Whether there is none.
	pub fn is_empty(&self) -> bool {
		self.0.is_empty()
	}

	/// The entries with their ids, in order.
	pub fn iter(&self) -> impl Iterator<Item = (CtpId, &SignedCtp)> {
		self.0.iter().map(|((_, id), signed)| (*id, signed))
	}

	/// The root that a header names for these entries.
	pub fn root(&self) -> H256 {
		let leaf =
			|((expiry, id), signed): (&Place, &SignedCtp)| (entry_key(*expiry, id), signed.leaf());
		database_root(&self.0.iter().map(leaf).collect::<Vec<_>>())
	}

	/// The entries, in order.
	pub fn into_entries(self) -> Vec<SignedCtp> {
		self.0.into_values().collect()
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{Ctp, Energy, Money, ReceiptKey};
	use sp_runtime::MultiSignature;

	fn id(byte: u8) -> CtpId {
		CtpId(H256::repeat_byte(byte))
	}

	fn entry(expiry: BlockNumber) -> SignedCtp {
		let (energy, amount) = (Energy::from_wh(1), Money::from_units(1));
		let receipt_key = ReceiptKey(H256::zero());
		let ctp = Ctp { vault: 0, offer: 0, energy, amount, expiry, receipt_key };
		SignedCtp { ctp, signature: MultiSignature::Ed25519([0; 64].into()) }
	}

	#[test]
	fn entries_should_come_and_go_as_blocks_say() {
		let mut open = OpenCtps::default();
		assert_eq!(open.root(), H256::zero());
		assert!(open.add(id(1), entry(9)) && open.add(id(2), entry(7)));
		assert!(!open.add(id(1), entry(9)), "it is there already");
		assert_eq!(open.iter().map(|(id, _)| id).collect::<Vec<_>>(), [id(2), id(1)]);
		assert_eq!(open.last(), Some((9, id(1))));
		let leaves =
			[(entry_key(7, &id(2)), entry(7).leaf()), (entry_key(9, &id(1)), entry(9).leaf())];
		assert_eq!(open.root(), database_root(&leaves));
		assert_eq!(open.settle(8, id(1)), None);
		assert_eq!(open.settle(9, id(1)), Some(entry(9)));
		assert_eq!((open.get(7, id(2)), open.get(9, id(1))), (Some(&entry(7)), None));
		assert_eq!(open.into_entries(), [entry(7)]);
	}

	#[test]
	fn entries_should_be_dropped_when_their_grace_is_over() {
		let mut open = OpenCtps::default();
		(5..10).for_each(|expiry| assert!(open.add(id(expiry as u8), entry(expiry))));
		open.expire(8, 2);
		assert_eq!(open.iter().map(|(_, signed)| signed.ctp.expiry).collect::<Vec<_>>(), [7, 8, 9]);
		open.expire(BlockNumber::MAX, 2);
		assert!(open.is_empty());
		assert_eq!(open.root(), H256::zero());
	}
}
