//! The same letters told to everybody: gossip, as nodes do it with transactions. Whoever hears a
//! letter for the first time tells it to all its peers but those who have told it.

use codec::Encode;
use sp_runtime::traits::Hash;
use spb_primitives::Hashing;
use std::collections::{BTreeSet, VecDeque};

/// Peers that each node connects to, as many as a node does unless told otherwise; others connect to
/// it as well.
pub const PEERS: usize = 8;

/// What came of telling everybody.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Flood {
	/// Messages between nodes.
	pub messages: u64,
	/// Nodes that heard of it.
	pub reached: usize,
	/// How many hops the last one was away.
	pub rounds: u32,
}

/// A number that follows from these values.
pub(super) fn draw(seed: u64, values: &impl Encode) -> u64 {
	let bytes = Hashing::hash_of(&(seed, values)).0;
	let [a, b, c, d, e, f, g, h, ..] = bytes;
	u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// Nodes that are connected at random, the same for the same seed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Overlay {
	peers: Vec<BTreeSet<usize>>,
}

impl Overlay {
	/// So many nodes.
	pub fn random(nodes: usize, seed: u64) -> Self {
		let mut peers = vec![BTreeSet::new(); nodes];
		let wanted = PEERS.min(nodes.saturating_sub(1));
		for node in 0..nodes {
			let mut chosen = BTreeSet::new();
			let mut attempt = 0u64;
			while chosen.len() < wanted {
				let number = draw(seed, &(b"peer", nodes as u64, node as u64, attempt));
				attempt += 1;
				// Below the number of nodes.
				let peer = (number % nodes as u64) as usize;
				if peer != node {
					chosen.insert(peer);
				}
			}
			for peer in chosen {
				peers[node].insert(peer);
				peers[peer].insert(node);
			}
		}
		Self { peers }
	}

	/// Tells everybody, beginning with one node. Two who hear of it at the same time tell each other.
	pub fn flood(&self, origin: usize) -> Flood {
		let mut heard: Vec<Option<u32>> = vec![None; self.peers.len()];
		let Some(first) = heard.get_mut(origin) else { return Flood::default() };
		*first = Some(0);
		let mut flood = Flood { reached: 1, ..Flood::default() };
		let mut next = VecDeque::from([(origin, 0u32)]);
		while let Some((node, round)) = next.pop_front() {
			flood.rounds = flood.rounds.max(round);
			for &peer in &self.peers[node] {
				match heard[peer] {
					// It has told this node, or told it to it before.
					Some(before) if before < round => continue,
					Some(_) => {},
					None => {
						heard[peer] = Some(round + 1);
						flood.reached += 1;
						next.push_back((peer, round + 1));
					},
				}
				flood.messages += 1;
			}
		}
		flood
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn few_nodes_should_all_be_connected() {
		// Three hear of it from the first, and each tells the two others.
		let flood = Overlay::random(4, 1).flood(0);
		assert_eq!(flood, Flood { messages: 9, reached: 4, rounds: 1 });
		assert_eq!(Overlay::random(1, 1).flood(0), Flood { reached: 1, ..Flood::default() });
		assert_eq!(Overlay::random(0, 1).flood(0), Flood::default());
	}

	#[test]
	fn everybody_should_be_told_in_few_rounds() {
		for nodes in [10, 100, 1_000] {
			let overlay = Overlay::random(nodes, 7);
			let flood = overlay.flood(nodes / 2);
			assert_eq!(flood.reached, nodes);
			assert!(flood.rounds <= 6, "{flood:?}");
			// A tree would be the least; each node hears of it many times instead.
			assert!(flood.messages as usize >= nodes - 1, "{flood:?}");
			assert!(flood.messages as usize <= 2 * PEERS * nodes, "{flood:?}");
			assert_eq!(overlay, Overlay::random(nodes, 7));
			// Ten nodes are all connected with each other.
			assert_eq!(overlay == Overlay::random(nodes, 8), nodes <= PEERS + 2, "{nodes} nodes");
		}
	}
}
