//! The Certificate of Existence: a tree of receipt keys signed by another certified meter (paper
//! section II-B). [`Coe::verify`] is the one place that judges it: the pool and the import check come to
//! it by [`MeterProof::verify`], the client straight.

use crate::{
	signing::{Genesis, Tag},
	BlockNumber, Hashing, ManufacturerId, MeterKey, MeterSignature, ReceiptKey, Refusal,
};
use alloc::{
	collections::{BTreeMap, BTreeSet},
	vec::Vec,
};
use binary_merkle_tree::{merkle_proof, merkle_root, verify_proof, Leaf};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::{bounded::BoundedVec, ConstU32, H256};
use sp_runtime::traits::Verify;

/// The greatest number of leaves in a tree of receipt keys.
pub const MAX_TREE_LEAVES: u32 = 1 << MAX_PATH;
/// The longest path from a leaf to the root.
pub const MAX_PATH: u32 = 16;

/// A tree of receipt keys, signed by a certified meter that did not make it.
#[derive(
	Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct Coe {
	/// The tree's root.
	pub root: H256,
	/// How many receipt keys it has.
	pub leaves: u32,
	/// The last block at which it lets a CTP enter.
	pub valid_until: BlockNumber,
	/// The meter that signed.
	pub signer: MeterKey,
	/// Who made that meter.
	pub manufacturer: ManufacturerId,
	/// The manufacturer's signature over the meter's key.
	pub certificate: MeterSignature,
	/// The meter's signature over root, leaves and valid_until.
	pub signature: MeterSignature,
}

impl Coe {
	/// What the signing meter signs.
	pub fn payload(
		root: &H256,
		leaves: u32,
		valid_until: BlockNumber,
		genesis: &Genesis,
	) -> Vec<u8> {
		Tag::Coe.payload(genesis, &(root, leaves, valid_until))
	}

	/// What a manufacturer signs to certify a meter.
	pub fn certificate_payload(
		manufacturer: ManufacturerId,
		meter: &MeterKey,
		genesis: &Genesis,
	) -> Vec<u8> {
		Tag::Meter.payload(genesis, &(manufacturer, meter))
	}

	/// Whether a certified meter signed this tree and the certificate is in date at block `now`.
	pub fn verify(
		&self,
		now: BlockNumber,
		genesis: &Genesis,
		meters: &impl MeterRegistry,
	) -> Result<(), Refusal> {
		if self.leaves == 0 || self.leaves > MAX_TREE_LEAVES {
			return Err(Refusal::TreeSize);
		}
		if now > self.valid_until {
			return Err(Refusal::CoeOutOfDate);
		}
		verify_meter(&self.signer, self.manufacturer, &self.certificate, genesis, meters)?;
		let payload = Self::payload(&self.root, self.leaves, self.valid_until, genesis);
		let signed = self.signature.verify(&payload[..], &self.signer);
		signed.then_some(()).ok_or(Refusal::BadCoeSignature)
	}
}

/// Whether a meter is certified by an active manufacturer and not revoked.
pub fn verify_meter(
	meter: &MeterKey,
	manufacturer: ManufacturerId,
	certificate: &MeterSignature,
	genesis: &Genesis,
	meters: &impl MeterRegistry,
) -> Result<(), Refusal> {
	let maker = meters.active_manufacturer(manufacturer).ok_or(Refusal::UnknownManufacturer)?;
	if meters.is_revoked(manufacturer, meter) {
		return Err(Refusal::MeterRevoked);
	}
	let payload = Coe::certificate_payload(manufacturer, meter, genesis);
	let certified = certificate.verify(&payload[..], &maker);
	certified.then_some(()).ok_or(Refusal::BadMeterCertificate)
}

/// Shows that a receipt key is a leaf of a certified tree.
#[derive(
	Clone, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct MeterProof {
	/// The leaf's number.
	pub index: u32,
	/// The hashes beside the way from the leaf to the root.
	pub path: BoundedVec<H256, ConstU32<MAX_PATH>>,
	/// The certificate of the tree.
	pub coe: Coe,
}

impl MeterProof {
	/// Whether a genuine meter made `key`: the cheap hashes first, then the two signatures.
	pub fn verify(
		&self,
		key: &ReceiptKey,
		now: BlockNumber,
		genesis: &Genesis,
		meters: &impl MeterRegistry,
	) -> Result<(), Refusal> {
		let coe = &self.coe;
		if coe.leaves == 0 || coe.leaves > MAX_TREE_LEAVES {
			return Err(Refusal::TreeSize);
		}
		// The length is checked here because the tree's own check takes any number of hashes.
		if path_length(self.index, coe.leaves) != Some(self.path.len()) {
			return Err(Refusal::LeafIndex);
		}
		let leaf = Leaf::Value(key.as_ref());
		let path = self.path.iter().copied();
		if !verify_proof::<Hashing, _, _>(&coe.root, path, coe.leaves, self.index, leaf) {
			return Err(Refusal::NotInTree);
		}
		coe.verify(now, genesis, meters)
	}
}

/// How many hashes lead from leaf `index` of `leaves` to the root; `None` if there is no such leaf.
///
/// An odd node at the end of a row moves up without a partner, so paths differ in length.
fn path_length(index: u32, leaves: u32) -> Option<usize> {
	if index >= leaves {
		return None;
	}
	let (mut position, mut width, mut length) = (index, leaves, 0);
	while width > 1 {
		if position % 2 == 1 || position + 1 < width {
			length += 1;
		}
		position /= 2;
		width = width.div_ceil(2);
	}
	Some(length)
}

/// The root of a tree of receipt keys; `None` unless it has 1 to [`MAX_TREE_LEAVES`] leaves.
pub fn tree_root(keys: &[ReceiptKey]) -> Option<H256> {
	let fits = !keys.is_empty() && keys.len() <= MAX_TREE_LEAVES as usize;
	fits.then(|| merkle_root::<Hashing, _>(keys))
}

/// The way from leaf `index` to the root of a tree of receipt keys; `None` where there is none.
pub fn tree_path(keys: &[ReceiptKey], index: u32) -> Option<BoundedVec<H256, ConstU32<MAX_PATH>>> {
	tree_root(keys)?;
	if index as usize >= keys.len() {
		return None;
	}
	BoundedVec::try_from(merkle_proof::<Hashing, _, _>(keys, index).proof).ok()
}

/// The seed of the one-time key at `leaf` of a meter's tree number `tree`.
///
/// The meter stores one seed and two counters and derives the rest.
pub fn one_time_seed(seed: &[u8; 32], tree: u32, leaf: u32) -> [u8; 32] {
	sp_io::hashing::blake2_256(&(*b"spb/key1", seed, tree, leaf).encode())
}

/// What the chain knows of meters and who makes them.
pub trait MeterRegistry {
	/// The key of a registered manufacturer that is not retired.
	fn active_manufacturer(&self, id: ManufacturerId) -> Option<MeterKey>;
	/// Whether a manufacturer has revoked a meter that it certified.
	fn is_revoked(&self, manufacturer: ManufacturerId, meter: &MeterKey) -> bool;
}

/// A registry in memory, for a client that has fetched the chain's and for tests.
#[derive(Clone, Default, Debug)]
pub struct RegisteredMeters {
	/// The active manufacturers.
	pub manufacturers: BTreeMap<ManufacturerId, MeterKey>,
	/// The revoked meters, with the manufacturer that revoked them.
	pub revoked: BTreeSet<(ManufacturerId, MeterKey)>,
}

impl MeterRegistry for RegisteredMeters {
	fn active_manufacturer(&self, id: ManufacturerId) -> Option<MeterKey> {
		self.manufacturers.get(&id).copied()
	}

	fn is_revoked(&self, manufacturer: ManufacturerId, meter: &MeterKey) -> bool {
		self.revoked.contains(&(manufacturer, *meter))
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use codec::DecodeAll;
	use proptest::prelude::*;
	use sp_core::{ed25519, Pair};
	use sp_runtime::traits::Hash;

	const MAKER: ManufacturerId = 1;
	const VALID_UNTIL: BlockNumber = 100;

	fn genesis() -> Genesis {
		H256::repeat_byte(0x5b)
	}

	fn maker() -> ed25519::Pair {
		ed25519::Pair::from_seed(&[1; 32])
	}

	fn signer() -> ed25519::Pair {
		ed25519::Pair::from_seed(&[2; 32])
	}

	fn other() -> ed25519::Pair {
		ed25519::Pair::from_seed(&[3; 32])
	}

	fn registry() -> RegisteredMeters {
		RegisteredMeters {
			manufacturers: [(MAKER, maker().public())].into(),
			revoked: BTreeSet::new(),
		}
	}

	/// Receipt keys that nobody holds: the tree does not ask.
	fn keys(leaves: u32) -> Vec<ReceiptKey> {
		(0..leaves).map(|leaf| ReceiptKey(H256::from_low_u64_be(leaf.into()))).collect()
	}

	fn certify(meter: &MeterKey, maker: &ed25519::Pair) -> MeterSignature {
		maker.sign(&Coe::certificate_payload(MAKER, meter, &genesis()))
	}

	fn coe(root: H256, leaves: u32) -> Coe {
		let signature = signer().sign(&Coe::payload(&root, leaves, VALID_UNTIL, &genesis()));
		Coe {
			root,
			leaves,
			valid_until: VALID_UNTIL,
			signer: signer().public(),
			manufacturer: MAKER,
			certificate: certify(&signer().public(), &maker()),
			signature,
		}
	}

	fn proof(keys: &[ReceiptKey], index: u32) -> MeterProof {
		let coe = coe(tree_root(keys).unwrap(), keys.len() as u32);
		MeterProof { index, path: tree_path(keys, index).unwrap(), coe }
	}

	fn verify(proof: &MeterProof, key: &ReceiptKey) -> Result<(), Refusal> {
		proof.verify(key, VALID_UNTIL, &genesis(), &registry())
	}

	fn verify_coe(coe: &Coe) -> Result<(), Refusal> {
		coe.verify(VALID_UNTIL, &genesis(), &registry())
	}

	#[test]
	fn path_length_should_be_that_of_the_real_path() {
		for leaves in 1..=70 {
			let keys = keys(leaves);
			for index in 0..leaves {
				let real = tree_path(&keys, index).unwrap().len();
				assert_eq!(path_length(index, leaves), Some(real), "leaf {index} of {leaves}");
			}
			assert_eq!(path_length(leaves, leaves), None);
			assert_eq!(path_length(u32::MAX, leaves), None);
		}
		assert_eq!(path_length(0, 0), None);
	}

	#[test]
	fn path_should_never_be_longer_than_its_bound() {
		for leaves in [1, 2, 3, MAX_TREE_LEAVES / 2 + 1, MAX_TREE_LEAVES - 1, MAX_TREE_LEAVES] {
			for index in [0, leaves / 2, leaves - 1] {
				assert!(path_length(index, leaves).unwrap() <= MAX_PATH as usize);
			}
		}
	}

	#[test]
	fn each_leaf_should_be_proven_at_its_place_only() {
		// Made once: 100,000 proofs are tried here.
		let meters = registry();
		let verify =
			|proof: &MeterProof, key: &ReceiptKey| proof.verify(key, 0, &genesis(), &meters);
		for leaves in 1..=70 {
			let keys = keys(leaves);
			for (index, key) in (0..).zip(&keys) {
				let good = proof(&keys, index);
				assert_eq!(verify(&good, key), Ok(()), "leaf {index} of {leaves}");
				for wrong in (0..leaves + 2).filter(|wrong| *wrong != index) {
					let moved = MeterProof { index: wrong, ..good.clone() };
					let refusal = verify(&moved, key).unwrap_err();
					assert!(
						matches!(refusal, Refusal::LeafIndex | Refusal::NotInTree),
						"leaf {index} of {leaves} at {wrong}: {refusal}"
					);
				}
			}
		}
	}

	#[test]
	fn another_key_should_not_be_in_the_tree() {
		let keys = keys(5);
		for (index, key) in (0..5).zip(&keys) {
			let stranger = ReceiptKey(H256::repeat_byte(0xee));
			let neighbour = keys[(index as usize + 1) % 5];
			let proof = proof(&keys, index);
			assert_eq!(verify(&proof, &stranger), Err(Refusal::NotInTree));
			assert_eq!(verify(&proof, &neighbour), Err(Refusal::NotInTree));
			let mut changed = *key;
			changed.0 .0[31] ^= 1;
			assert_eq!(verify(&proof, &changed), Err(Refusal::NotInTree));
		}
	}

	#[test]
	fn changed_hash_on_the_path_should_be_refused() {
		let keys = keys(11);
		for (index, key) in (0..11).zip(&keys) {
			let good = proof(&keys, index);
			for at in 0..good.path.len() {
				let mut bad = good.clone();
				bad.path[at].0[0] ^= 0x80;
				assert_eq!(verify(&bad, key), Err(Refusal::NotInTree));
			}
		}
	}

	#[test]
	fn padded_and_short_paths_should_be_refused() {
		for leaves in [1, 2, 3, 7, 8] {
			let keys = keys(leaves);
			for (index, key) in (0..).zip(&keys) {
				let good = proof(&keys, index);
				for extra in [H256::zero(), good.coe.root, Hashing::hash(key.as_ref())] {
					let mut padded = good.clone();
					padded.path.try_push(extra).unwrap();
					assert_eq!(verify(&padded, key), Err(Refusal::LeafIndex));
				}
				let mut short = good;
				if short.path.pop().is_some() {
					assert_eq!(verify(&short, key), Err(Refusal::LeafIndex));
				}
			}
		}
	}

	#[test]
	fn inner_node_should_not_pass_for_a_leaf() {
		let keys = keys(8);
		let good = proof(&keys, 0);
		let leaf_hash = Hashing::hash(keys[0].as_ref());
		let inner = Hashing::hash(&[leaf_hash.0, good.path[0].0].concat());

		// In the tree as it is, and in one of half the leaves, whose leaves the inner nodes would be.
		let above = BoundedVec::try_from(good.path[1..].to_vec()).unwrap();
		let as_it_is = MeterProof { path: above, ..good.clone() };
		assert_eq!(verify(&as_it_is, &ReceiptKey(inner)), Err(Refusal::LeafIndex));
		let halved = MeterProof { coe: coe(good.coe.root, 4), ..as_it_is };
		assert_eq!(verify_coe(&halved.coe), Ok(()));
		assert_eq!(verify(&halved, &ReceiptKey(inner)), Err(Refusal::NotInTree));
		// Nor does a leaf's hash pass for the leaf, nor the root for the only one.
		assert_eq!(verify(&good, &ReceiptKey(leaf_hash)), Err(Refusal::NotInTree));
		let alone = MeterProof { index: 0, path: BoundedVec::new(), coe: coe(good.coe.root, 1) };
		assert_eq!(verify(&alone, &ReceiptKey(good.coe.root)), Err(Refusal::NotInTree));
	}

	#[test]
	fn another_number_of_leaves_should_be_refused() {
		let keys = keys(6);
		let good = proof(&keys, 1);
		for leaves in (1..=16).filter(|leaves| *leaves != 6) {
			let mut bad = good.clone();
			bad.coe.leaves = leaves;
			let refusal = verify(&bad, &keys[1]).unwrap_err();
			// Where the way from the leaf is the same, the signature still tells.
			assert!(
				matches!(
					refusal,
					Refusal::LeafIndex | Refusal::NotInTree | Refusal::BadCoeSignature
				),
				"{leaves}: {refusal}"
			);
		}
	}

	#[test]
	fn tree_of_no_or_too_many_leaves_should_be_refused() {
		let root = H256::repeat_byte(9);
		for leaves in [0, MAX_TREE_LEAVES + 1, u32::MAX] {
			let proof = MeterProof { index: 0, path: BoundedVec::new(), coe: coe(root, leaves) };
			assert_eq!(verify(&proof, &ReceiptKey(root)), Err(Refusal::TreeSize));
			assert_eq!(verify_coe(&proof.coe), Err(Refusal::TreeSize));
		}
		for leaves in [1, MAX_TREE_LEAVES] {
			assert_eq!(verify_coe(&coe(root, leaves)), Ok(()));
		}
	}

	#[test]
	fn root_and_path_should_exist_within_bounds_only() {
		assert_eq!(tree_root(&[]), None);
		assert_eq!(tree_path(&[], 0), None);
		assert_eq!(tree_path(&keys(3), 3), None);
		let most = keys(MAX_TREE_LEAVES);
		let last = MAX_TREE_LEAVES - 1;
		assert_eq!(verify(&proof(&most, last), &most[last as usize]), Ok(()));
		assert_eq!(tree_path(&most, last).unwrap().len(), MAX_PATH as usize);
		let too_many = keys(MAX_TREE_LEAVES + 1);
		assert_eq!(tree_root(&too_many), None);
		assert_eq!(tree_path(&too_many, 0), None);
	}

	#[test]
	fn path_above_its_bound_should_not_decode() {
		let mut bytes = 0u32.encode();
		let path = alloc::vec![H256::zero(); MAX_PATH as usize + 1];
		path.encode_to(&mut bytes);
		coe(H256::zero(), 1).encode_to(&mut bytes);
		assert!(MeterProof::decode_all(&mut &bytes[..]).is_err());
	}

	#[test]
	fn coe_should_count_up_to_and_with_its_last_block() {
		let keys = keys(3);
		let proof = proof(&keys, 2);
		for now in [0, VALID_UNTIL - 1, VALID_UNTIL] {
			assert_eq!(proof.verify(&keys[2], now, &genesis(), &registry()), Ok(()));
		}
		for now in [VALID_UNTIL + 1, BlockNumber::MAX] {
			let refused = proof.verify(&keys[2], now, &genesis(), &registry());
			assert_eq!(refused, Err(Refusal::CoeOutOfDate));
			let refused = proof.coe.verify(now, &genesis(), &registry());
			assert_eq!(refused, Err(Refusal::CoeOutOfDate));
		}
	}

	#[test]
	fn unknown_and_retired_manufacturers_should_be_refused() {
		let keys = keys(2);
		let mut unknown = proof(&keys, 0);
		unknown.coe.manufacturer = MAKER + 1;
		assert_eq!(verify(&unknown, &keys[0]), Err(Refusal::UnknownManufacturer));
		let none = RegisteredMeters::default();
		let retired = proof(&keys, 0).verify(&keys[0], 0, &genesis(), &none);
		assert_eq!(retired, Err(Refusal::UnknownManufacturer));
	}

	#[test]
	fn revoked_signer_should_be_refused() {
		let keys = keys(2);
		let mut meters = registry();
		meters.revoked.insert((MAKER, other().public()));
		meters.revoked.insert((MAKER + 1, signer().public()));
		let of_another = proof(&keys, 0).verify(&keys[0], 0, &genesis(), &meters);
		assert_eq!(of_another, Ok(()));
		meters.revoked.insert((MAKER, signer().public()));
		let refused = proof(&keys, 0).verify(&keys[0], 0, &genesis(), &meters);
		assert_eq!(refused, Err(Refusal::MeterRevoked));
	}

	#[test]
	fn forged_certificate_should_be_refused() {
		let good = coe(H256::repeat_byte(9), 4);
		let meter = signer().public();
		let another_maker = certify(&meter, &other());
		let of_itself = certify(&meter, &signer());
		let for_another_meter = certify(&other().public(), &maker());
		let another_number = maker().sign(&Coe::certificate_payload(MAKER + 1, &meter, &genesis()));
		let another_chain = maker().sign(&Coe::certificate_payload(MAKER, &meter, &H256::zero()));
		let forged = [another_maker, of_itself, for_another_meter, another_number, another_chain];
		for certificate in forged {
			let bad = Coe { certificate, ..good.clone() };
			assert_eq!(verify_coe(&bad), Err(Refusal::BadMeterCertificate));
			let alone = verify_meter(&meter, MAKER, &certificate, &genesis(), &registry());
			assert_eq!(alone, Err(Refusal::BadMeterCertificate));
		}
		// The same certificate under a number that belongs to another key.
		let mut meters = registry();
		meters.manufacturers.insert(MAKER + 1, other().public());
		let bad = Coe { manufacturer: MAKER + 1, ..good };
		let refused = bad.verify(0, &genesis(), &meters);
		assert_eq!(refused, Err(Refusal::BadMeterCertificate));
	}

	#[test]
	fn forged_tree_signature_should_be_refused() {
		let root = H256::repeat_byte(9);
		let good = coe(root, 4);
		assert_eq!(verify_coe(&good), Ok(()));
		let payload = Coe::payload(&root, 4, VALID_UNTIL, &genesis());
		let elsewhere = Coe::payload(&root, 4, VALID_UNTIL, &H256::zero());
		let certified_other = certify(&other().public(), &maker());
		let forged = [
			Coe { root: H256::repeat_byte(8), ..good.clone() },
			Coe { leaves: 5, ..good.clone() },
			Coe { valid_until: VALID_UNTIL + 1, ..good.clone() },
			Coe { signature: other().sign(&payload), ..good.clone() },
			Coe { signature: maker().sign(&payload), ..good.clone() },
			Coe { signature: signer().sign(&elsewhere), ..good.clone() },
			// A genuine meter that did not sign.
			Coe { signer: other().public(), certificate: certified_other, ..good },
		];
		for bad in forged {
			assert_eq!(verify_coe(&bad), Err(Refusal::BadCoeSignature), "{bad:?}");
		}
	}

	#[test]
	fn coe_should_count_on_its_own_chain_only() {
		let keys = keys(2);
		let elsewhere = proof(&keys, 0).verify(&keys[0], 0, &H256::zero(), &registry());
		assert_eq!(elsewhere, Err(Refusal::BadMeterCertificate));
	}

	#[test]
	fn one_time_seeds_should_differ_by_seed_tree_and_leaf() {
		let places = [(1, 0, 0), (2, 0, 0), (1, 1, 0), (1, 0, 1), (1, 1, 1), (1, 256, 0)];
		let seeds: BTreeSet<_> = places
			.iter()
			.map(|(seed, tree, leaf)| one_time_seed(&[*seed; 32], *tree, *leaf))
			.collect();
		assert_eq!(seeds.len(), places.len());
		assert_eq!(one_time_seed(&[1; 32], 1, 0), one_time_seed(&[1; 32], 1, 0));
	}

	proptest! {
		#![proptest_config(ProptestConfig::with_cases(32))]

		#[test]
		fn path_length_should_hold_for_trees_of_any_size(
			leaves in 1..=MAX_TREE_LEAVES, at: prop::sample::Index,
		) {
			let index = at.index(leaves as usize) as u32;
			let keys = keys(leaves);
			let path = tree_path(&keys, index).unwrap();
			prop_assert_eq!(path_length(index, leaves), Some(path.len()));
			let root = tree_root(&keys).unwrap();
			let leaf = Leaf::Value(keys[index as usize].as_ref());
			let hashes = path.iter().copied();
			prop_assert!(verify_proof::<Hashing, _, _>(&root, hashes, leaves, index, leaf));
		}
	}
}
