//! The 256-bit space in which backbone nodes and contact keys lie.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use core::fmt;
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;

/// Where to write to someone: an X25519 public key (RFC 7748), to which letters are sealed and by
/// whose leading bits they are routed. In JSON it is hex with `0x`.
///
/// Whoever wants to stay unlinkable uses a fresh one for each offer and each negotiation.
#[derive(
	Clone,
	Copy,
	Default,
	PartialEq,
	Eq,
	PartialOrd,
	Ord,
	Hash,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[serde(from = "H256", into = "H256")]
pub struct ContactKey(pub [u8; 32]);

/// Where a backbone node lies: blake2-256 of its libp2p peer id, so that it cannot choose its place
/// but by making peer ids until one fits.
#[derive(
	Clone,
	Copy,
	Default,
	PartialEq,
	Eq,
	PartialOrd,
	Ord,
	Hash,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[serde(transparent)]
pub struct NodeIdentifier(pub H256);

impl ContactKey {
	/// Whether it is the key of nobody: 32 zero bytes, as in an offer that takes no letters.
	pub fn is_none(&self) -> bool {
		self.0 == [0; 32]
	}
}

impl NodeIdentifier {
	/// The identifier of the node with this peer id (its multihash, as libp2p encodes it).
	pub fn of_peer(peer: &[u8]) -> Self {
		Self(H256(sp_io::hashing::blake2_256(peer)))
	}
}

impl From<H256> for ContactKey {
	fn from(bytes: H256) -> Self {
		Self(bytes.0)
	}
}

impl From<ContactKey> for H256 {
	fn from(key: ContactKey) -> Self {
		Self(key.0)
	}
}

impl AsRef<[u8; 32]> for ContactKey {
	fn as_ref(&self) -> &[u8; 32] {
		&self.0
	}
}

impl AsRef<[u8; 32]> for NodeIdentifier {
	fn as_ref(&self) -> &[u8; 32] {
		self.0.as_fixed_bytes()
	}
}

impl fmt::Debug for ContactKey {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "{:?}", H256(self.0))
	}
}

impl fmt::Display for ContactKey {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "{:?}", H256(self.0))
	}
}

impl fmt::Debug for NodeIdentifier {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "{:?}", self.0)
	}
}

impl fmt::Display for NodeIdentifier {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "{:?}", self.0)
	}
}

/// How far two points are from each other: their exclusive or, as a big-endian number.
pub fn distance(a: &impl AsRef<[u8; 32]>, b: &impl AsRef<[u8; 32]>) -> H256 {
	let (a, b) = (a.as_ref(), b.as_ref());
	H256(core::array::from_fn(|at| a[at] ^ b[at]))
}

/// How many of their most significant bits two points share: 256 if they are one.
pub fn shared_prefix(a: &impl AsRef<[u8; 32]>, b: &impl AsRef<[u8; 32]>) -> u32 {
	let mut shared = 0;
	for byte in distance(a, b).0 {
		shared += byte.leading_zeros();
		if byte != 0 {
			break;
		}
	}
	shared
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	fn key(first: u8, last: u8) -> ContactKey {
		let mut bytes = [0; 32];
		(bytes[0], bytes[31]) = (first, last);
		ContactKey(bytes)
	}

	#[test]
	fn shared_prefix_should_count_from_the_most_significant_bit() {
		assert_eq!(shared_prefix(&key(0, 0), &key(0, 0)), 256);
		assert_eq!(shared_prefix(&key(0, 0), &key(0, 1)), 255);
		assert_eq!(shared_prefix(&key(0, 0), &key(0x80, 0)), 0);
		assert_eq!(shared_prefix(&key(0x10, 0), &key(0x18, 0xff)), 4);
	}

	#[test]
	fn keys_should_be_hex_in_json() {
		let json = serde_json::to_string(&key(0xab, 1)).unwrap();
		assert_eq!(json, format!("\"0xab{}01\"", "00".repeat(30)));
		assert_eq!(serde_json::from_str::<ContactKey>(&json).unwrap(), key(0xab, 1));
	}

	#[test]
	fn identifier_should_be_the_hash_of_the_peer_id() {
		let hash = sp_io::hashing::blake2_256(b"peer");
		assert_eq!(NodeIdentifier::of_peer(b"peer"), NodeIdentifier(H256(hash)));
	}

	proptest! {
		#[test]
		fn distance_should_be_symmetric_and_zero_only_to_itself(a: [u8; 32], b: [u8; 32]) {
			let (a, b) = (ContactKey(a), NodeIdentifier(H256(b)));
			prop_assert_eq!(distance(&a, &b), distance(&b, &a));
			prop_assert_eq!(distance(&a, &b).is_zero(), a.0 == b.0 .0);
			prop_assert_eq!(distance(&a, &a), H256::zero());
		}

		#[test]
		fn whoever_shares_more_bits_should_be_nearer(a: [u8; 32], b: [u8; 32], c: [u8; 32]) {
			let (a, b, c) = (ContactKey(a), ContactKey(b), ContactKey(c));
			if shared_prefix(&a, &b) > shared_prefix(&a, &c) {
				prop_assert!(distance(&a, &b) < distance(&a, &c));
			}
		}
	}
}
