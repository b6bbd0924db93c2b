//! What the chain lists, and what shows that it is listed by whom it is about: backbone nodes, and
//! meters that certify others.

use super::types::{ContactKey, NodeIdentifier};
use crate::{
	signing::{Genesis, Tag},
	AccountId, ManufacturerId, MeterKey, MeterSignature,
};
use alloc::vec::Vec;
use sp_core::ed25519;
use sp_runtime::traits::Verify;

/// How the peer id of an Ed25519 key begins: a multihash that is the encoded key itself, which has 36
/// bytes and begins with its type and its length (libp2p, peer ids).
const PEER_PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
/// Bytes of such a peer id.
pub const PEER_LENGTH: usize = 38;

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

/// What a node signs with its network key to be listed by `owner`: nobody else can take its place.
pub fn node_payload(owner: &AccountId, node: &NodeIdentifier, genesis: &Genesis) -> Vec<u8> {
	Tag::Node.payload(genesis, &(owner, node))
}

/// Whether the node with this peer id agreed to be listed by `owner`.
pub fn verify_node(
	signature: &ed25519::Signature,
	owner: &AccountId,
	peer: &[u8],
	genesis: &Genesis,
) -> bool {
	let payload = node_payload(owner, &NodeIdentifier::of_peer(peer), genesis);
	peer_key(peer).is_some_and(|key| signature.verify(&payload[..], &key))
}

/// What a meter signs to be listed by `owner` as one that certifies others: nobody else can list it,
/// nor send what is written to it elsewhere.
pub fn listing_payload(
	owner: &AccountId,
	meter: &MeterKey,
	manufacturer: ManufacturerId,
	contact: &ContactKey,
	genesis: &Genesis,
) -> Vec<u8> {
	Tag::Listing.payload(genesis, &(owner, meter, manufacturer, contact))
}

/// Whether the meter itself agreed to be listed so.
pub fn verify_listing(
	signature: &MeterSignature,
	owner: &AccountId,
	meter: &MeterKey,
	manufacturer: ManufacturerId,
	contact: &ContactKey,
	genesis: &Genesis,
) -> bool {
	let payload = listing_payload(owner, meter, manufacturer, contact, genesis);
	signature.verify(&payload[..], meter)
}

#[cfg(test)]
mod tests {
	use super::*;
	use sp_core::{Pair, H256};

	const MAKER: ManufacturerId = 1;
	const TO: ContactKey = ContactKey([7; 32]);

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
		let payload = node_payload(&owner, &NodeIdentifier::of_peer(&peer), &genesis());
		let signature = pair(1).sign(&payload);
		assert!(verify_node(&signature, &owner, &peer, &genesis()));
		assert!(!verify_node(&signature, &AccountId::new([5; 32]), &peer, &genesis()));
		assert!(!verify_node(&signature, &owner, &peer_id(&pair(2).public()), &genesis()));
		assert!(!verify_node(&signature, &owner, &peer, &H256::zero()));
		assert!(!verify_node(&signature, &owner, b"peer", &genesis()));
		assert!(!verify_node(&pair(2).sign(&payload), &owner, &peer, &genesis()));
	}

	#[test]
	fn listing_should_be_signed_by_the_meter_for_its_owner() {
		let (owner, meter) = (AccountId::new([4; 32]), pair(2).public());
		let payload = listing_payload(&owner, &meter, MAKER, &TO, &genesis());
		let signature = pair(2).sign(&payload);
		let holds = |owner: &AccountId, meter: &MeterKey, maker, contact: &ContactKey| {
			verify_listing(&signature, owner, meter, maker, contact, &genesis())
		};
		assert!(holds(&owner, &meter, MAKER, &TO));
		assert!(!holds(&AccountId::new([5; 32]), &meter, MAKER, &TO));
		assert!(!holds(&owner, &pair(3).public(), MAKER, &TO));
		assert!(!holds(&owner, &meter, MAKER + 1, &TO));
		assert!(!holds(&owner, &meter, MAKER, &ContactKey([8; 32])));
		assert!(!verify_listing(&signature, &owner, &meter, MAKER, &TO, &H256::zero()));
	}
}
