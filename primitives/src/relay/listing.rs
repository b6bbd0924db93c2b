//! What the chain lists, and what shows that it is listed by whom it is about: backbone nodes, and
//! meters that certify others. A consent to be listed counts for a while only, so that whoever left
//! the list is not put on it again with an old one.

use super::types::{ContactKey, NodeIdentifier};
use crate::{
	signing::{Genesis, Tag},
	AccountId, BlockNumber, ManufacturerId, MeterKey, MeterSignature,
};
use alloc::vec::Vec;
use sp_core::ed25519;
use sp_runtime::traits::Verify;

/// How the peer id of an Ed25519 key begins: a multihash that is the encoded key itself, which has 36
/// bytes and begins with its type and its length (libp2p, peer ids).
const PEER_PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
/// Bytes of such a peer id.
pub const PEER_LENGTH: usize = 38;

/// For how many blocks a consent to be listed counts at the most.
pub const MAX_CONSENT: BlockNumber = 2_400;

/// Whether a consent that counts until block `valid_until` counts at block `now`: it has not run out,
/// and will within [`MAX_CONSENT`] blocks.
pub fn consent_counts(valid_until: BlockNumber, now: BlockNumber) -> bool {
	valid_until.checked_sub(now).is_some_and(|blocks| blocks <= MAX_CONSENT)
}

/// The key in a node's peer id; `None` if it is not the peer id of an Ed25519 key.
pub fn peer_key(peer: &[u8]) -> Option<ed25519::Public> {
	let key = peer.strip_prefix(&PEER_PREFIX[..])?;
	Some(ed25519::Public::from_raw(key.try_into().ok()?))
}

/// The peer id of the node with this key.
pub fn peer_id(key: &ed25519::Public) -> [u8; PEER_LENGTH] {
	let mut peer = [0; PEER_LENGTH];
	peer[..PEER_PREFIX.len()].copy_from_slice(&PEER_PREFIX);
	peer[PEER_PREFIX.len()..].copy_from_slice(&key.0);
	peer
}

/// What a node signs with its network key to be listed by `owner`, until block `valid_until` at the
/// latest: nobody else can take its place.
pub fn node_payload(
	owner: &AccountId,
	node: &NodeIdentifier,
	valid_until: BlockNumber,
	genesis: &Genesis,
) -> Vec<u8> {
	Tag::Node.payload(genesis, &(owner, node, valid_until))
}

/// Whether the node with this peer id agreed to be listed by `owner` until this block.
pub fn verify_node(
	signature: &ed25519::Signature,
	owner: &AccountId,
	peer: &[u8],
	valid_until: BlockNumber,
	genesis: &Genesis,
) -> bool {
	let payload = node_payload(owner, &NodeIdentifier::of_peer(peer), valid_until, genesis);
	peer_key(peer).is_some_and(|key| signature.verify(&payload[..], &key))
}

/// What a meter signs to be listed by `owner`, until block `valid_until` at the latest, as one that
/// certifies others: nobody else can list it, nor send what is written to it elsewhere.
pub fn listing_payload(
	owner: &AccountId,
	meter: &MeterKey,
	manufacturer: ManufacturerId,
	contact: &ContactKey,
	valid_until: BlockNumber,
	genesis: &Genesis,
) -> Vec<u8> {
	Tag::Listing.payload(genesis, &(owner, meter, manufacturer, contact, valid_until))
}

/// Whether the meter itself agreed to be listed so until this block.
pub fn verify_listing(
	signature: &MeterSignature,
	owner: &AccountId,
	meter: &MeterKey,
	manufacturer: ManufacturerId,
	contact: &ContactKey,
	valid_until: BlockNumber,
	genesis: &Genesis,
) -> bool {
	let payload = listing_payload(owner, meter, manufacturer, contact, valid_until, genesis);
	signature.verify(&payload[..], meter)
}

#[cfg(test)]
mod tests {
	use super::*;
	use sp_core::{Pair, H256};

	const MAKER: ManufacturerId = 1;
	const TO: ContactKey = ContactKey([7; 32]);
	const UNTIL: BlockNumber = 100;

	fn genesis() -> Genesis {
		H256::repeat_byte(0x5b)
	}

	fn pair(seed: u8) -> ed25519::Pair {
		ed25519::Pair::from_seed(&[seed; 32])
	}

	#[test]
	fn peer_id_should_hold_its_key() {
		let key = pair(1).public();
		let peer = peer_id(&key);
		assert_eq!(peer_key(&peer), Some(key));
		assert_eq!(peer_key(&peer[..37]), None);
		assert_eq!(peer_key(&[&peer[..], &[0]].concat()), None);
		assert_eq!(peer_key(&[]), None);
		// A hashed key, as other kinds of keys have it.
		let mut hashed = peer;
		hashed[..2].copy_from_slice(&[0x12, 0x20]);
		assert_eq!(peer_key(&hashed), None);
	}

	#[test]
	fn node_should_be_listed_by_whom_it_agreed_to() {
		let (owner, peer) = (AccountId::new([4; 32]), peer_id(&pair(1).public()));
		let payload = node_payload(&owner, &NodeIdentifier::of_peer(&peer), UNTIL, &genesis());
		let signature = pair(1).sign(&payload);
		let holds = |owner: &AccountId, peer: &[u8], until| {
			verify_node(&signature, owner, peer, until, &genesis())
		};
		assert!(holds(&owner, &peer, UNTIL));
		assert!(!holds(&AccountId::new([5; 32]), &peer, UNTIL));
		assert!(!holds(&owner, &peer_id(&pair(2).public()), UNTIL));
		assert!(!holds(&owner, b"peer", UNTIL));
		assert!(!holds(&owner, &peer, UNTIL + 1));
		assert!(!verify_node(&signature, &owner, &peer, UNTIL, &H256::zero()));
		assert!(!verify_node(&pair(2).sign(&payload), &owner, &peer, UNTIL, &genesis()));
	}

	#[test]
	fn consent_should_count_for_a_while() {
		for now in [0, 100 - 1, 100] {
			assert!(consent_counts(100, now), "{now}");
		}
		assert!(!consent_counts(100, 101));
		assert!(consent_counts(50 + MAX_CONSENT, 50));
		assert!(!consent_counts(51 + MAX_CONSENT, 50));
		assert!(!consent_counts(BlockNumber::MAX, 50));
		assert!(consent_counts(BlockNumber::MAX, BlockNumber::MAX));
	}

	#[test]
	fn listing_should_be_signed_by_the_meter_for_its_owner() {
		let (owner, meter) = (AccountId::new([4; 32]), pair(2).public());
		let payload = listing_payload(&owner, &meter, MAKER, &TO, UNTIL, &genesis());
		let signature = pair(2).sign(&payload);
		let holds = |owner: &AccountId, meter: &MeterKey, maker, contact: &ContactKey| {
			verify_listing(&signature, owner, meter, maker, contact, UNTIL, &genesis())
		};
		assert!(holds(&owner, &meter, MAKER, &TO));
		assert!(!holds(&AccountId::new([5; 32]), &meter, MAKER, &TO));
		assert!(!holds(&owner, &pair(3).public(), MAKER, &TO));
		assert!(!holds(&owner, &meter, MAKER + 1, &TO));
		assert!(!holds(&owner, &meter, MAKER, &ContactKey([8; 32])));
		assert!(!verify_listing(&signature, &owner, &meter, MAKER, &TO, UNTIL + 1, &genesis()));
		assert!(!verify_listing(&signature, &owner, &meter, MAKER, &TO, UNTIL, &H256::zero()));
	}
}
