//! The routing rule: a key belongs to the backbone node whose identifier is nearest to it by
//! exclusive or, that is, that shares its most significant bits (paper, figure 1), and a packet goes
//! from node to node, each strictly nearer to its recipient's key than the one before.
//!
//! With full tables the first node knows the last. With partial tables a node keeps a few entries of
//! each *bucket*, the nodes that share a given number of leading bits with it. As long as each bucket
//! that anybody is in has an entry, a node that is not the nearest knows one that is nearer: the
//! nearest node is in one of its buckets, and every entry of that bucket shares more bits with it.
//! Each hop so shares more leading bits with the nearest node, and there can be no loop.

use super::types::{distance, shared_prefix, NodeIdentifier};
use alloc::{collections::BTreeMap, vec::Vec};

/// How many nodes of each bucket a partial table keeps, where nothing else is asked for.
pub const BUCKET_SIZE: usize = 8;

/// The node nearest to `key`; `None` if there is none.
pub fn nearest(
	key: &impl AsRef<[u8; 32]>,
	nodes: impl IntoIterator<Item = NodeIdentifier>,
) -> Option<NodeIdentifier> {
	nodes.into_iter().min_by_key(|node| distance(key, node))
}

/// All of `nodes`, the nearest to `key` first: where to turn when the first of them cannot be reached.
pub fn nearest_first(
	key: &impl AsRef<[u8; 32]>,
	nodes: impl IntoIterator<Item = NodeIdentifier>,
) -> Vec<NodeIdentifier> {
	let mut nodes: Vec<_> = nodes.into_iter().collect();
	nodes.sort_unstable_by_key(|node| distance(key, node));
	nodes
}

/// Where a packet goes from a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hop {
	/// It has arrived: no node that this one knows is nearer to the recipient's key.
	Here,
	/// To this node, which is nearer.
	Forward(NodeIdentifier),
}

/// The nodes that one node knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
	own: NodeIdentifier,
	/// In order, without `own`, each once.
	known: Vec<NodeIdentifier>,
}

impl Table {
	/// A table with all of `nodes`. Whether `own` is among them makes no difference.
	pub fn full(own: NodeIdentifier, nodes: impl IntoIterator<Item = NodeIdentifier>) -> Self {
		let mut known: Vec<_> = nodes.into_iter().filter(|node| *node != own).collect();
		known.sort_unstable();
		known.dedup();
		Self { own, known }
	}

	/// A table with at most `bucket_size` of `nodes` for each number of leading bits shared with
	/// `own`. They are spread evenly over the bucket, so that a hop gains several bits, and counted
	/// from `own`, so that different nodes keep different entries.
	pub fn partial(
		own: NodeIdentifier,
		nodes: impl IntoIterator<Item = NodeIdentifier>,
		bucket_size: usize,
	) -> Self {
		let mut buckets = BTreeMap::<u32, Vec<NodeIdentifier>>::new();
		for node in Self::full(own, nodes).known {
			buckets.entry(shared_prefix(&own, &node)).or_default().push(node);
		}
		let kept = buckets.into_values().flat_map(|mut bucket| {
			bucket.sort_unstable_by_key(|node| distance(&own, node));
			let (there, kept) = (bucket.len(), bucket.len().min(bucket_size));
			(0..kept).map(move |at| bucket[at * there / kept])
		});
		Self::full(own, kept)
	}

	/// Whose table it is.
	pub fn own(&self) -> NodeIdentifier {
		self.own
	}

	/// The nodes that it knows, in order, itself not among them.
	pub fn known(&self) -> &[NodeIdentifier] {
		&self.known
	}

	/// How many nodes it knows.
	pub fn len(&self) -> usize {
		self.known.len()
	}

	/// Whether it knows none.
	pub fn is_empty(&self) -> bool {
		self.known.is_empty()
	}

	/// Where a packet for `to` goes from here.
	pub fn next_hop(&self, to: &impl AsRef<[u8; 32]>) -> Hop {
		let nearest = nearest(to, self.known.iter().copied());
		match nearest.filter(|node| distance(to, node) < distance(to, &self.own)) {
			Some(node) => Hop::Forward(node),
			None => Hop::Here,
		}
	}

	/// All nodes that are nearer to `to` than this one, nearest first: where a packet can go when the
	/// first of them cannot be reached.
	pub fn nearer(&self, to: &impl AsRef<[u8; 32]>) -> Vec<NodeIdentifier> {
		let own = distance(to, &self.own);
		nearest_first(to, self.known.iter().copied().filter(|node| distance(to, node) < own))
	}
}

#[cfg(test)]
mod tests;
