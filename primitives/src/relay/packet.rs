//! What a backbone node sees: two keys, a time, a size and bytes that only the recipient can read.

use super::types::ContactKey;
use crate::Hashing;
use alloc::vec::Vec;
use codec::{Decode, Encode};
use core::fmt;
use sp_core::{bounded::BoundedVec, ConstU32, H256};
use sp_runtime::traits::Hash;

/// Hops between backbone nodes that a packet may take.
pub const MAX_HOPS: u8 = 32;

/// The sizes that letters are padded to, in bytes. Every letter of this version fits the first, so
/// they all look alike.
pub const PADDED: [usize; 3] = [512, 1024, 4096];

/// What sealing adds: the encapsulated key (32) and the tag (16).
pub const SEAL_OVERHEAD: usize = 48;

/// Bytes of the sealed part at the most.
pub const MAX_SEALED: u32 = (PADDED[2] + SEAL_OVERHEAD) as u32;

/// How old a packet may be, in milliseconds: no mailbox keeps one longer.
pub const MAX_AGE: u64 = 10 * 60 * 1_000;

/// How far clocks may differ, in milliseconds.
pub const MAX_AHEAD: u64 = 60 * 1_000;

/// The length of the sealed part of a letter that is padded to `padded` bytes.
pub const fn sealed_length(padded: usize) -> usize {
	padded + SEAL_OVERHEAD
}

/// A letter on its way.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Packet {
	/// Whom it is for, and by whose leading bits it is routed.
	pub to: ContactKey,
	/// The key that sent it.
	pub from: ContactKey,
	/// Random: what makes two packets of one letter two.
	pub nonce: [u8; 16],
	/// How many times one backbone node has handed it to another. The only part that changes.
	pub hops: u8,
	/// When it was sent, in milliseconds since 1970: what its lifetime is counted from.
	pub sent_at: u64,
	/// The padded letter, sealed to `to`; it has one of the padded sizes.
	pub sealed: BoundedVec<u8, ConstU32<MAX_SEALED>>,
}

impl Packet {
	/// What names the packet: blake2-256 of all but its hops.
	pub fn id(&self) -> H256 {
		let Self { to, from, nonce, hops: _, sent_at, sealed } = self;
		Hashing::hash_of(&(to, from, nonce, sent_at, sealed))
	}

	/// What is sealed together with the letter: `(to, from, nonce, sent_at)`. A packet whose head was
	/// changed on the way does not open.
	pub fn aad(to: &ContactKey, from: &ContactKey, nonce: &[u8; 16], sent_at: u64) -> Vec<u8> {
		(to, from, nonce, sent_at).encode()
	}

	/// Whether a node handles the packet at `now`, in milliseconds since 1970.
	pub fn check(&self, now: u64) -> Result<(), PacketError> {
		if !PADDED.iter().any(|padded| sealed_length(*padded) == self.sealed.len()) {
			return Err(PacketError::Size);
		}
		if self.hops > MAX_HOPS {
			return Err(PacketError::Hops);
		}
		if self.sent_at > now.saturating_add(MAX_AHEAD) {
			return Err(PacketError::FromFuture);
		}
		if now > self.sent_at.saturating_add(MAX_AGE) {
			return Err(PacketError::TooOld);
		}
		Ok(())
	}

	/// The packet as it goes to the next node.
	pub fn forwarded(self) -> Result<Self, PacketError> {
		if self.hops >= MAX_HOPS {
			return Err(PacketError::Hops);
		}
		Ok(Self { hops: self.hops + 1, ..self })
	}
}

/// Why a packet is not handled.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Encode, Decode)]
pub enum PacketError {
	/// Its sealed part has not one of the padded sizes.
	Size,
	/// It has taken as many hops as it may.
	Hops,
	/// It is older than packets are kept.
	TooOld,
	/// It claims to be sent at a time that is still to come.
	FromFuture,
}

impl fmt::Display for PacketError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			Self::Size => "the sealed part has not one of the padded sizes: pad before sealing",
			Self::Hops => "the packet has taken as many hops as it may",
			Self::TooOld => "the packet is older than packets are kept: send the letter again",
			Self::FromFuture => "the packet was sent in the future: set the sender's clock",
		})
	}
}

impl core::error::Error for PacketError {}

/// The letter does not fit the largest padded size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooLong;

impl fmt::Display for TooLong {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "a letter has at most {} bytes", PADDED[2] - 1)
	}
}

impl core::error::Error for TooLong {}

/// What ends the letter in its padding: nothing but zeros comes after it (ISO/IEC 7816-4).
const END: u8 = 0x80;

/// The letter with an end mark and as many zeros as the least padded size takes that it fits.
pub fn pad(letter: &[u8]) -> Result<Vec<u8>, TooLong> {
	let size = PADDED.into_iter().find(|size| letter.len() < *size).ok_or(TooLong)?;
	let mut padded = Vec::with_capacity(size);
	padded.extend_from_slice(letter);
	padded.push(END);
	padded.resize(size, 0);
	Ok(padded)
}

/// The letter in a padded one; `None` if it is not padded.
pub fn unpad(padded: &[u8]) -> Option<&[u8]> {
	if !PADDED.contains(&padded.len()) {
		return None;
	}
	let end = padded.iter().rposition(|byte| *byte != 0)?;
	(padded[end] == END).then(|| &padded[..end])
}

#[cfg(test)]
mod tests {
	use super::*;
	use alloc::vec;
	use proptest::prelude::*;

	const NOW: u64 = 1_800_000_000_000;

	fn packet(length: usize) -> Packet {
		Packet {
			to: ContactKey([1; 32]),
			from: ContactKey([2; 32]),
			nonce: [3; 16],
			hops: 0,
			sent_at: NOW,
			sealed: vec![4; length].try_into().unwrap(),
		}
	}

	#[test]
	fn only_padded_sizes_should_be_handled() {
		for padded in PADDED {
			let length = sealed_length(padded);
			assert_eq!(packet(length).check(NOW), Ok(()));
			assert_eq!(packet(length - 1).check(NOW), Err(PacketError::Size));
			if length < MAX_SEALED as usize {
				assert_eq!(packet(length + 1).check(NOW), Err(PacketError::Size));
			}
		}
		assert_eq!(packet(0).check(NOW), Err(PacketError::Size));
	}

	#[test]
	fn packet_should_be_handled_within_its_lifetime() {
		let packet = packet(sealed_length(PADDED[0]));
		for now in [NOW - MAX_AHEAD, NOW, NOW + MAX_AGE] {
			assert_eq!(packet.check(now), Ok(()));
		}
		assert_eq!(packet.check(NOW - MAX_AHEAD - 1), Err(PacketError::FromFuture));
		assert_eq!(packet.check(NOW + MAX_AGE + 1), Err(PacketError::TooOld));
		let end_of_time = Packet { sent_at: u64::MAX, ..packet };
		assert_eq!(end_of_time.check(NOW), Err(PacketError::FromFuture));
	}

	#[test]
	fn packet_should_take_no_more_hops_than_it_may() {
		let mut packet = packet(sealed_length(PADDED[1]));
		let id = packet.id();
		for hops in 1..=MAX_HOPS {
			packet = packet.forwarded().unwrap();
			assert_eq!((packet.hops, packet.id()), (hops, id));
			assert_eq!(packet.check(NOW), Ok(()));
		}
		assert_eq!(packet.clone().forwarded(), Err(PacketError::Hops));
		let lying = Packet { hops: u8::MAX, ..packet };
		assert_eq!(lying.check(NOW), Err(PacketError::Hops));
		assert_eq!(lying.forwarded(), Err(PacketError::Hops));
	}

	#[test]
	fn every_part_but_the_hops_should_be_in_the_id() {
		let packet = packet(sealed_length(PADDED[0]));
		let mut sealed = packet.sealed.clone();
		sealed[0] ^= 1;
		let others = [
			Packet { to: ContactKey([9; 32]), ..packet.clone() },
			Packet { from: ContactKey([9; 32]), ..packet.clone() },
			Packet { nonce: [9; 16], ..packet.clone() },
			Packet { sent_at: NOW + 1, ..packet.clone() },
			Packet { sealed, ..packet.clone() },
		];
		for other in others {
			assert_ne!(other.id(), packet.id());
		}
		assert_eq!(Packet { hops: 7, ..packet.clone() }.id(), packet.id());
	}

	#[test]
	fn sealed_part_above_its_bound_should_not_decode() {
		let mut bytes = packet(MAX_SEALED as usize).encode();
		assert!(Packet::decode(&mut &bytes[..]).is_ok());
		let head = 32 + 32 + 16 + 1 + 8;
		let longer = codec::Compact(MAX_SEALED + 1).encode();
		bytes[head..head + longer.len()].copy_from_slice(&longer);
		bytes.push(4);
		assert!(Packet::decode(&mut &bytes[..]).is_err());
	}

	#[test]
	fn too_long_a_letter_should_not_be_padded() {
		assert_eq!(pad(&[0; PADDED[2] - 1]).map(|padded| padded.len()), Ok(PADDED[2]));
		assert_eq!(pad(&[0; PADDED[2]]), Err(TooLong));
	}

	#[test]
	fn what_is_not_padded_should_be_told() {
		assert_eq!(unpad(&[]), None);
		assert_eq!(unpad(&[0; 512]), None);
		assert_eq!(unpad(&[1; 512]), None);
		assert_eq!(unpad(&[END; 511]), None);
		assert_eq!(unpad(&[END; 512]), Some(&[END; 511][..]));
	}

	proptest! {
		#[test]
		fn padding_should_lead_back(letter in prop::collection::vec(any::<u8>(), 0..4096)) {
			let padded = pad(&letter).unwrap();
			prop_assert!(PADDED.contains(&padded.len()));
			prop_assert_eq!(unpad(&padded), Some(&letter[..]));
		}

		#[test]
		fn packets_should_decode_to_themselves(
			to: [u8; 32], from: [u8; 32], nonce: [u8; 16], hops: u8, sent_at: u64, byte: u8,
		) {
			let packet = Packet {
				to: ContactKey(to),
				from: ContactKey(from),
				nonce,
				hops,
				sent_at,
				sealed: vec![byte; sealed_length(PADDED[0])].try_into().unwrap(),
			};
			prop_assert_eq!(Packet::decode(&mut &packet.encode()[..]), Ok(packet));
		}
	}
}
