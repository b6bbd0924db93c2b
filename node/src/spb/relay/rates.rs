//! How fast packets come in, by who brings them, and how fast they leave, by where they go.

use super::machine::Connection;
use crate::spb::network::limits::{Limiter, Rate};
use sc_network::PeerId;
use spb_primitives::relay::{ContactKey, NodeIdentifier};
use std::time::Instant;

/// Connections, or recipients, that are remembered at once for each of the limits that go by them.
const REMEMBERED: usize = 16_384;

/// How fast packets may come and go.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
	/// Packets that the holder of an attached key sends, over the connection that it is attached over.
	pub per_key: Rate,
	/// Packets that come over one connection, whatever keys they are from: keys cost nothing, and with
	/// many of them one client would take up the way to a node alone.
	pub per_connection: Rate,
	/// Of these, packets from keys that are not attached over the connection. A client sends that way
	/// what it repeats, where a node keeps its packets back.
	pub unproven: Rate,
	/// Packets from such keys over all connections together: no one has proven to hold the keys that
	/// they write. Who writes another's key uses up nothing of the other's.
	pub strangers: Rate,
	/// Packets for one recipient that come through one peer.
	pub per_recipient: Rate,
	/// Packets for one recipient that go to one node. Less than what a node takes for it from one peer,
	/// so that they are refused here, where their senders are told of it, and not there.
	pub onward: Rate,
	/// Packets to one node. Less than what a node takes from one peer, or its honest neighbours
	/// would take it for one that floods them.
	pub per_node: Rate,
}

impl Rates {
	/// Those of a node.
	pub const NODE: Self = Self {
		per_key: Rate::of_requests(64, 8),
		per_connection: Rate::of_requests(64, 16),
		unproven: Rate::of_requests(32, 4),
		strangers: Rate::of_requests(128, 16),
		per_recipient: Rate::of_requests(128, 32),
		onward: Rate::of_requests(96, 24),
		per_node: Rate::of_requests(256, 64),
	};
}

/// What has come and gone lately.
pub struct Traffic {
	keys: Limiter<ContactKey>,
	connections: Limiter<Connection>,
	unproven: Limiter<Connection>,
	strangers: Limiter<()>,
	recipients: Limiter<(PeerId, ContactKey)>,
	onward: Limiter<(NodeIdentifier, ContactKey)>,
	nodes: Limiter<NodeIdentifier>,
}

impl Traffic {
	/// None yet; so many keys can be attached at once.
	pub fn new(rates: Rates, attached: usize) -> Self {
		Self {
			keys: Limiter::remembering(rates.per_key, attached),
			connections: Limiter::remembering(rates.per_connection, REMEMBERED),
			unproven: Limiter::remembering(rates.unproven, REMEMBERED),
			strangers: Limiter::new(rates.strangers),
			recipients: Limiter::remembering(rates.per_recipient, REMEMBERED),
			onward: Limiter::remembering(rates.onward, REMEMBERED),
			nodes: Limiter::new(rates.per_node),
		}
	}

	/// Whether a packet from this key may come over this connection, which then counts; `proven` says
	/// whether the key is attached over it.
	pub fn takes_from_client(
		&mut self,
		over: Connection,
		key: ContactKey,
		proven: bool,
		now: Instant,
	) -> bool {
		// The connection's own limits first: what they stop uses up nothing that others share.
		if !self.connections.permits(over, now) {
			return false;
		}
		if proven {
			self.keys.permits(key, now)
		} else {
			self.unproven.permits(over, now) && self.strangers.permits((), now)
		}
	}

	/// Whether a packet for this recipient may come from this peer, which then counts.
	pub fn takes_from_peer(&mut self, peer: PeerId, to: ContactKey, now: Instant) -> bool {
		self.recipients.permits((peer, to), now)
	}

	/// Whether a packet for this recipient may go to this node, which then counts.
	pub fn lets_go_to(&mut self, node: NodeIdentifier, to: ContactKey, now: Instant) -> bool {
		// What is stopped by one of the two uses up nothing of the other.
		self.nodes.would_permit(node, now)
			&& self.onward.permits((node, to), now)
			&& self.nodes.permits(node, now)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	/// Whether a rate is so many times another, at once and in the long run.
	fn is_times(rate: Rate, times: u32, other: Rate) -> bool {
		rate.burst >= times * other.burst && rate.per_second >= times * other.per_second
	}

	#[test]
	fn next_node_should_take_what_leaves_for_a_recipient() {
		let Rates { onward, per_recipient, .. } = Rates::NODE;
		// With something to spare: what leaves evenly may come in heaps.
		assert!(onward.burst < per_recipient.burst);
		assert!(onward.per_second < per_recipient.per_second);
	}

	#[test]
	fn one_connection_should_have_a_part_of_what_all_share() {
		let Rates { per_key, per_connection, unproven, strangers, onward, per_node, .. } =
			Rates::NODE;
		assert!(is_times(per_connection, 1, per_key), "one key has all that is its own");
		assert!(is_times(per_node, 4, per_connection));
		assert!(is_times(strangers, 4, unproven));
		assert!(onward.burst > per_connection.burst);
		assert!(onward.per_second > per_connection.per_second);
	}
}
