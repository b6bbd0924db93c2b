//! What negotiation over a backbone costs (paper section II-B and figure 1): hops, messages and bytes,
//! against the same letters told to everybody.
//!
//! * [`simulation`]: the protocol's own routing rule on backbones of up to 10,000 nodes;
//! * [`overlay`]: the same letters over gossip;
//! * [`report`], [`plot`]: a table and a drawing.

pub mod overlay;
pub mod plot;
pub mod report;
pub mod simulation;

pub use report::{Row, Source};
pub use simulation::{Plan, SimulationError};

use codec::Encode;
use spb_primitives::relay::{sealed_length, ContactKey, Packet, PADDED};

/// The letters of a negotiation that comes to a price below the listed one, and who writes each.
pub const NEGOTIATION: [(&str, Writer); 4] = [
	("ask", Writer::Consumer),
	("counter-offer", Writer::Producer),
	("accept", Writer::Consumer),
	("quote", Writer::Producer),
];

/// Who writes a letter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Writer {
	/// The one who buys.
	Consumer,
	/// The one who sells.
	Producer,
}

/// What a letter of a negotiation takes on the wire, in bytes. They are all padded to one size.
pub fn packet_bytes() -> u64 {
	let packet = Packet {
		to: ContactKey::default(),
		from: ContactKey::default(),
		nonce: [0; 16],
		hops: 0,
		sent_at: 0,
		// It is within its bound.
		sealed: vec![0; sealed_length(PADDED[0])].try_into().unwrap_or_default(),
	};
	packet.encoded_size() as u64
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_packet_should_take_its_padded_size_and_a_head() {
		let padded = sealed_length(PADDED[0]) as u64;
		assert!((padded + 80..padded + 128).contains(&packet_bytes()), "{}", packet_bytes());
	}
}
