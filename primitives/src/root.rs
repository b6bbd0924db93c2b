//! The root of the CTP database and proofs under it.
//!
//! The entries are ordered by their key: expiry as four big-endian bytes, then the id. The tree
//! splits a set where its keys first differ: those with bit 0 to the left, those with bit 1 to the
//! right. The hash of one entry is its leaf, that of a split is blake2-256 of the two hashes in
//! order, that of nothing is zero. So all entries of one expiry hang below one node, the root does
//! not depend on the order in which entries came, and a change touches the way to the root only.
//! A leaf is a hash of at least 100 bytes and a split one of exactly 64: neither passes for the
//! other.

use crate::{BlockNumber, CtpId, Hashing};
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;
use sp_core::H256;
use sp_runtime::traits::Hash;

/// Bytes of an entry's key.
pub const KEY_LENGTH: usize = 36;
/// An entry's key: expiry, big-endian, then the id.
pub type Key = [u8; KEY_LENGTH];

/// Keys with their leaves, in ascending order.
type Leaves<'a> = &'a [(Key, H256)];

/// The key of the entry with this expiry and id.
pub fn entry_key(expiry: BlockNumber, id: &CtpId) -> Key {
	let mut key = [0; KEY_LENGTH];
	key[..4].copy_from_slice(&expiry.to_be_bytes());
	key[4..].copy_from_slice(id.0.as_bytes());
	key
}

/// The hash of a node from the hashes of its two sides.
pub fn join(left: &H256, right: &H256) -> H256 {
	let mut both = [0; 64];
	both[..32].copy_from_slice(left.as_bytes());
	both[32..].copy_from_slice(right.as_bytes());
	Hashing::hash(&both)
}

/// Bit `n` of a key, the most significant bit of the first byte being bit 0.
pub fn bit(key: &[u8], n: u16) -> bool {
	key.get(usize::from(n / 8)).is_some_and(|byte| byte >> (7 - n % 8) & 1 == 1)
}

/// The first bit in which two keys differ.
fn first_difference(a: &Key, b: &Key) -> Option<u16> {
	(0u16..).zip(a.iter().zip(b)).find_map(|(at, (a, b))| {
		let difference = a ^ b;
		(difference != 0).then(|| at * 8 + difference.leading_zeros() as u16)
	})
}

/// The root over `(key, leaf)` in ascending order of keys, each key once.
///
/// The reference for the incremental tree of the pallet: one pass over all entries.
pub fn database_root(entries: &[(Key, H256)]) -> H256 {
	match entries {
		[] => H256::zero(),
		[(_, leaf)] => *leaf,
		[(first, _), .., (last, _)] => match first_difference(first, last) {
			Some(at) => {
				let (left, right) = split(entries, at);
				join(&database_root(left), &database_root(right))
			},
			// The same key twice is no set; the first counts.
			None => entries[0].1,
		},
	}
}

/// Entries that share all bits before `at`, in order, divided by that bit.
fn split(entries: Leaves, at: u16) -> (Leaves, Leaves) {
	entries.split_at(entries.partition_point(|(key, _)| !bit(key, at)))
}

/// One step of a proof: the bit at which a node divides, and the hash of its other side.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct ProofStep {
	/// The bit of the key that divides the node.
	pub bit: u16,
	/// The hash of the side that the entry is not on.
	pub sibling: H256,
}

/// Shows that an entry is in the database with a given root.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct InclusionProof {
	/// From the entry to the root, the dividing bits descending.
	pub steps: Vec<ProofStep>,
}

impl InclusionProof {
	/// The proof for the entry at `key` among all entries in order; `None` if it is not there.
	pub fn of(entries: &[(Key, H256)], key: &Key) -> Option<Self> {
		let mut steps = Vec::new();
		let mut rest = entries;
		while let [(first, _), .., (last, _)] = rest {
			let at = first_difference(first, last)?;
			let (left, right) = split(rest, at);
			let (near, far) = if bit(key, at) { (right, left) } else { (left, right) };
			steps.push(ProofStep { bit: at, sibling: database_root(far) });
			rest = near;
		}
		steps.reverse();
		(rest.first()?.0 == *key).then_some(Self { steps })
	}

	/// Whether the entry with this key and leaf is in the database with this root.
	pub fn verify(&self, root: &H256, key: &Key, leaf: &H256) -> bool {
		let descending = self.steps.windows(2).all(|pair| pair[0].bit > pair[1].bit);
		let in_key = self.steps.iter().all(|step| usize::from(step.bit) < KEY_LENGTH * 8);
		let computed = self.steps.iter().fold(*leaf, |hash, step| match bit(key, step.bit) {
			true => join(&step.sibling, &hash),
			false => join(&hash, &step.sibling),
		});
		descending && in_key && computed == *root
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use alloc::collections::BTreeMap;
	use proptest::prelude::*;

	fn entries() -> impl Strategy<Value = Vec<(Key, H256)>> {
		// Few expiries and few first bytes, so that keys share long prefixes too.
		let entry =
			(0u32..4, any::<[u8; 32]>(), any::<bool>()).prop_map(|(expiry, mut id, near)| {
				if near {
					id[..30].fill(7);
				}
				let id = CtpId(H256(id));
				(entry_key(expiry, &id), Hashing::hash_of(&(expiry, id)))
			});
		proptest::collection::btree_map(
			entry.clone().prop_map(|e| e.0),
			entry.prop_map(|e| e.1),
			0..40,
		)
		.prop_map(|map: BTreeMap<Key, H256>| map.into_iter().collect())
	}

	#[test]
	fn empty_database_should_have_the_zero_root() {
		assert_eq!(database_root(&[]), H256::zero());
	}

	#[test]
	fn two_entries_should_join_in_order_of_their_keys() {
		let early = (entry_key(1, &CtpId(H256::repeat_byte(9))), H256::repeat_byte(1));
		let late = (entry_key(2, &CtpId(H256::repeat_byte(3))), H256::repeat_byte(2));
		assert_eq!(database_root(&[early, late]), join(&early.1, &late.1));
	}

	proptest! {
		#[test]
		fn every_entry_should_have_a_proof(entries in entries()) {
			let root = database_root(&entries);
			for (key, leaf) in &entries {
				let proof = InclusionProof::of(&entries, key).unwrap();
				prop_assert!(proof.verify(&root, key, leaf));
				prop_assert!(!proof.verify(&root, key, &H256::repeat_byte(0xee)));
				let mut other = *key;
				for step in &proof.steps {
					other[usize::from(step.bit / 8)] ^= 0x80 >> (step.bit % 8);
					prop_assert!(!proof.verify(&root, &other, leaf));
					other = *key;
				}
			}
		}

		#[test]
		fn any_change_should_change_the_root(entries in entries(), at: prop::sample::Index) {
			prop_assume!(!entries.is_empty());
			let root = database_root(&entries);
			let at = at.index(entries.len());
			let mut fewer = entries.clone();
			let (absent, _) = fewer.remove(at);
			prop_assert_ne!(database_root(&fewer), root);
			prop_assert_eq!(InclusionProof::of(&fewer, &absent), None);
			let mut changed = entries.clone();
			changed[at].1 = H256::repeat_byte(0xee);
			prop_assert_ne!(database_root(&changed), root);
		}
	}
}
