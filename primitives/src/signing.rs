//! Signed payloads: a tag of eight bytes that names the kind and its version, the genesis hash,
//! then the SCALE encoding of what is signed. No message can be taken for another kind, and none
//! counts on another chain.

use alloc::vec::Vec;
use codec::Encode;
use sp_core::H256;

/// The hash of block 0: which chain a message is for.
pub type Genesis = H256;

/// What a signature or an id is made over. Changing what a kind covers changes its version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tag {
	/// The id of a CTP.
	CtpId,
	/// A CTP, by the vault's owner.
	Ctp,
	/// A quote, by the producer, over a CTP's id.
	Quote,
	/// A tree of receipt keys, by a certified meter.
	Coe,
	/// A meter's key, by its manufacturer.
	Meter,
	/// An ERC, by a one-time meter key.
	Erc,
	/// A producer, by an energy company.
	Certificate,
	/// A letter, by its author.
	Letter,
	/// A request for a Certificate of Existence, by the meter that asks.
	CoeRequest,
	/// A meter's place in the directory, by the meter.
	Listing,
	/// A node's place in the backbone, by the node's network key.
	Node,
	/// The answer to a backbone node's challenge: hashed, signed by nobody.
	Attach,
}

impl Tag {
	/// The eight bytes that begin the payload.
	pub const fn bytes(self) -> [u8; 8] {
		match self {
			Self::CtpId => *b"spb/id/1",
			Self::Ctp => *b"spb/ctp1",
			Self::Quote => *b"spb/quo1",
			Self::Coe => *b"spb/coe1",
			Self::Meter => *b"spb/mtr1",
			Self::Erc => *b"spb/erc1",
			Self::Certificate => *b"spb/crt1",
			Self::Letter => *b"spb/let1",
			Self::CoeRequest => *b"spb/req1",
			Self::Listing => *b"spb/lst1",
			Self::Node => *b"spb/nod1",
			Self::Attach => *b"spb/att1",
		}
	}

	/// The bytes to sign or to hash for `content`.
	pub fn payload(self, genesis: &Genesis, content: &impl Encode) -> Vec<u8> {
		let mut bytes = self.bytes().to_vec();
		genesis.encode_to(&mut bytes);
		content.encode_to(&mut bytes);
		bytes
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use alloc::collections::BTreeSet;

	/// All tags, as long as `tag_after` names them all: a new one does not compile without it.
	fn all() -> Vec<Tag> {
		fn tag_after(tag: Tag) -> Option<Tag> {
			match tag {
				Tag::CtpId => Some(Tag::Ctp),
				Tag::Ctp => Some(Tag::Quote),
				Tag::Quote => Some(Tag::Coe),
				Tag::Coe => Some(Tag::Meter),
				Tag::Meter => Some(Tag::Erc),
				Tag::Erc => Some(Tag::Certificate),
				Tag::Certificate => Some(Tag::Letter),
				Tag::Letter => Some(Tag::CoeRequest),
				Tag::CoeRequest => Some(Tag::Listing),
				Tag::Listing => Some(Tag::Node),
				Tag::Node => Some(Tag::Attach),
				Tag::Attach => None,
			}
		}
		core::iter::successors(Some(Tag::CtpId), |tag| tag_after(*tag)).collect()
	}

	#[test]
	fn tags_should_be_distinct_and_name_spb_and_a_version() {
		let mut seen = BTreeSet::new();
		// What derives one-time seeds is hashed and never signed, but stays apart as well.
		seen.insert(*b"spb/key1");
		// Neither is what HPKE binds to all that is sealed.
		seen.insert(*b"spb/hpk1");
		for tag in all() {
			let bytes = tag.bytes();
			assert_eq!(bytes.len(), 8);
			assert!(bytes.starts_with(b"spb/") && bytes[7].is_ascii_digit(), "{tag:?}");
			assert!(seen.insert(bytes), "{tag:?} begins like another");
		}
		assert_eq!(seen.len(), 14);
	}

	#[test]
	fn payload_should_be_tag_then_genesis_then_content() {
		let genesis = H256::repeat_byte(0x11);
		for tag in all() {
			let payload = tag.payload(&genesis, &(0x0203_u16, 4_u8));
			assert_eq!(payload, [&tag.bytes()[..], &[0x11; 32], &[3, 2, 4]].concat());
		}
	}
}
