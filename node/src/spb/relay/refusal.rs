//! Why a packet is not taken.

use codec::{Decode, Encode};
use spb_primitives::relay::PacketError;

/// Why a packet is not taken. Nothing of it stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, thiserror::Error)]
pub enum Refusal {
	/// The packet itself is not one that a node handles.
	#[error("{0}")]
	#[codec(index = 0)]
	Packet(PacketError),
	/// More came in the packet's name, or over its connection, than may.
	#[error(
		"packets of this key, or over this connection, come too fast: wait a little, then send the \
		 letter again"
	)]
	#[codec(index = 1)]
	TooFast,
	/// Enough waits for the recipient already, or for all recipients of the node.
	#[error("the recipient is away and its mailbox is full: send the letter again later")]
	#[codec(index = 2)]
	MailboxFull,
	/// More is on the way to the next node than it takes, at all or for this recipient.
	#[error(
		"too many packets are on their way to the recipient or to its node: wait a little, then send \
		 the letter again"
	)]
	#[codec(index = 3)]
	Busy,
}

impl Refusal {
	/// All of them.
	pub const ALL: [Self; 7] = [
		Self::Packet(PacketError::Size),
		Self::Packet(PacketError::Hops),
		Self::Packet(PacketError::TooOld),
		Self::Packet(PacketError::FromFuture),
		Self::TooFast,
		Self::MailboxFull,
		Self::Busy,
	];

	/// What it is called in metrics.
	pub fn name(self) -> &'static str {
		match self {
			Self::Packet(PacketError::Size) => "Size",
			Self::Packet(PacketError::Hops) => "Hops",
			Self::Packet(PacketError::TooOld) => "TooOld",
			Self::Packet(PacketError::FromFuture) => "FromFuture",
			Self::TooFast => "TooFast",
			Self::MailboxFull => "MailboxFull",
			Self::Busy => "Busy",
		}
	}
}

impl From<PacketError> for Refusal {
	fn from(error: PacketError) -> Self {
		Self::Packet(error)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::collections::HashSet;

	#[test]
	fn refusals_should_keep_their_encoding_and_have_names_of_their_own() {
		let golden: [&[u8]; 7] = [&[0, 0], &[0, 1], &[0, 2], &[0, 3], &[1], &[2], &[3]];
		let mut names = HashSet::new();
		for (refusal, bytes) in Refusal::ALL.into_iter().zip(golden) {
			assert_eq!(refusal.encode(), bytes, "{refusal:?}");
			assert_eq!(Refusal::decode(&mut &bytes[..]), Ok(refusal));
			assert!(names.insert(refusal.name()));
		}
	}
}
