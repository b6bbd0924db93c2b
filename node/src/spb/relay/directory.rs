//! Who takes part in the backbone, as the chain says; who of them is absent, as this node found;
//! and where a packet goes next, by the rule of `primitives`.

use crate::spb::{runtime::CtpDatabase, Hash};
use futures::{
	stream::{self, BoxStream},
	StreamExt,
};
use sc_client_api::{BlockchainEvents, HeaderBackend};
use sc_network::PeerId;
use spb_primitives::relay::{nearest, ContactKey, Hop, NodeIdentifier, Table};
use spb_runtime::opaque::Block;
use std::{
	collections::BTreeMap,
	sync::Arc,
	time::{Duration, Instant},
};

/// How long a node that could not be reached counts as absent.
pub const ABSENT_FOR: Duration = Duration::from_secs(30);

/// The listed nodes, by identifier.
pub type Listed = BTreeMap<NodeIdentifier, PeerId>;

/// How much of the list a node keeps.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Extent {
	/// All of it: one hop from the first node to the last.
	#[default]
	Full,
	/// At most so many nodes of each bucket. Each hop shares more leading bits with the last node; with
	/// [`BUCKET_SIZE`](spb_primitives::relay::BUCKET_SIZE) of each, log2(n) hops are enough in
	/// simulations, and with fewer it may take more.
	Partial(usize),
}

/// What a node knows of the backbone.
pub struct Directory {
	own: NodeIdentifier,
	extent: Extent,
	listed: Listed,
	/// Nodes that could not be reached, and until when they are passed over.
	absent: BTreeMap<NodeIdentifier, Instant>,
	table: Table,
}

impl Directory {
	/// What the node with this identifier knows at first: no one.
	pub fn new(own: NodeIdentifier, extent: Extent) -> Self {
		let (listed, absent) = Default::default();
		Self { own, extent, listed, absent, table: Table::full(own, []) }
	}

	/// Takes over the list as it is now; says whether it is another one.
	pub fn replace(&mut self, listed: Listed) -> bool {
		if self.listed == listed {
			return false;
		}
		self.listed = listed;
		self.absent.retain(|node, _| self.listed.contains_key(node));
		self.refresh();
		true
	}

	/// A node could not be reached.
	pub fn note_absent(&mut self, node: NodeIdentifier, now: Instant) {
		if self.listed.contains_key(&node) {
			self.absent.insert(node, now + ABSENT_FOR);
			self.refresh();
		}
	}

	/// Counts those as present again that have been absent long enough; says whether there are any.
	pub fn forgive(&mut self, now: Instant) -> bool {
		let before = self.absent.len();
		self.absent.retain(|_, until| now < *until);
		let changed = self.absent.len() < before;
		if changed {
			self.refresh();
		}
		changed
	}

	fn refresh(&mut self) {
		let present = self.listed.keys().filter(|node| !self.absent.contains_key(*node)).copied();
		self.table = match self.extent {
			Extent::Full => Table::full(self.own, present),
			Extent::Partial(bucket_size) => Table::partial(self.own, present, bucket_size),
		};
	}

	/// Where a packet for `to` goes from here.
	pub fn next_hop(&self, to: &ContactKey) -> Hop {
		if self.is_listed() {
			return self.table.next_hop(to);
		}
		// No key belongs to this node: it only hands on, if there is anyone to hand on to.
		nearest(to, self.table.known().iter().copied()).map_or(Hop::Here, Hop::Forward)
	}

	/// The node that a key belongs to, absent or not; none where no node is listed.
	pub fn home_of(&self, key: &ContactKey) -> Option<NodeIdentifier> {
		nearest(key, self.listed.keys().copied())
	}

	/// The peer that is this node.
	pub fn peer(&self, node: &NodeIdentifier) -> Option<PeerId> {
		self.listed.get(node).copied()
	}

	/// This node.
	pub fn own(&self) -> NodeIdentifier {
		self.own
	}

	/// Whether this node is listed.
	pub fn is_listed(&self) -> bool {
		self.listed.contains_key(&self.own)
	}

	/// How many nodes are listed.
	pub fn listed(&self) -> usize {
		self.listed.len()
	}

	/// How many nodes this one forwards to.
	pub fn known(&self) -> usize {
		self.table.len()
	}

	/// How many of the listed nodes are passed over.
	pub fn absent(&self) -> usize {
		self.absent.len()
	}
}

/// The nodes listed after a block. One that names no peer is left out: nothing could be sent to it.
pub fn listed_at(database: &CtpDatabase, at: Hash) -> Listed {
	let nodes = database.backbone(at).unwrap_or_else(|error| {
		// So it is where the chain's runtime is older than the backbone.
		log::debug!(target: super::LOG_TARGET, "No list of backbone nodes: {error}");
		Vec::new()
	});
	let named = nodes.into_iter().filter_map(|node| {
		let peer = PeerId::from_bytes(&node.peer);
		if let Err(error) = &peer {
			let identifier = node.identifier;
			log::debug!(target: super::LOG_TARGET, "Backbone node {identifier}: no peer: {error}");
		}
		Some((node.identifier, peer.ok()?))
	});
	named.collect()
}

/// The list after the best block, as it is now and each time that there is another best block.
pub fn lists<C>(client: Arc<C>, database: Arc<CtpDatabase>) -> BoxStream<'static, Listed>
where
	C: BlockchainEvents<Block> + HeaderBackend<Block> + 'static,
{
	let imported = client.import_notification_stream();
	let best = imported.filter_map(|block| async move { block.is_new_best.then_some(block.hash) });
	let now = client.info().best_hash;
	stream::once(async move { now }).chain(best).map(move |at| listed_at(&database, at)).boxed()
}

#[cfg(test)]
mod tests {
	use super::*;

	fn node(first: u8) -> NodeIdentifier {
		let mut bytes = [0; 32];
		bytes[0] = first;
		NodeIdentifier(Hash::from(bytes))
	}

	fn key(first: u8) -> ContactKey {
		let mut bytes = [0; 32];
		(bytes[0], bytes[31]) = (first, 1);
		ContactKey(bytes)
	}

	fn list(nodes: &[u8]) -> Listed {
		nodes.iter().map(|first| (node(*first), PeerId::random())).collect()
	}

	fn directory(own: u8, nodes: &[u8]) -> Directory {
		let mut directory = Directory::new(node(own), Extent::Full);
		assert!(directory.replace(list(nodes)));
		directory
	}

	#[test]
	fn packet_should_go_to_the_node_with_the_same_leading_bits() {
		let directory = directory(0x00, &[0x00, 0x40, 0x80, 0xc0]);
		assert!(directory.is_listed());
		assert_eq!(directory.next_hop(&key(0x3f)), Hop::Here);
		assert_eq!(directory.next_hop(&key(0x41)), Hop::Forward(node(0x40)));
		assert_eq!(directory.next_hop(&key(0xff)), Hop::Forward(node(0xc0)));
		assert_eq!(directory.home_of(&key(0x9f)), Some(node(0x80)));
	}

	#[test]
	fn node_that_is_not_listed_should_only_hand_on() {
		let directory = directory(0x41, &[0x00, 0x40]);
		assert!(!directory.is_listed());
		assert_eq!(directory.next_hop(&key(0x41)), Hop::Forward(node(0x40)));
		let alone = Directory::new(node(0x41), Extent::Full);
		assert_eq!(alone.next_hop(&key(0xff)), Hop::Here);
		assert_eq!(alone.home_of(&key(0xff)), None);
	}

	#[test]
	fn absent_node_should_be_passed_over_for_a_while() {
		let mut directory = directory(0x00, &[0x00, 0x40, 0x60]);
		let (start, to) = (Instant::now(), key(0x61));
		directory.note_absent(node(0x60), start);
		assert_eq!(directory.next_hop(&to), Hop::Forward(node(0x40)));
		assert_eq!(directory.home_of(&to), Some(node(0x60)), "the key is still that node's");
		directory.note_absent(node(0x40), start + Duration::from_secs(1));
		assert_eq!(directory.next_hop(&to), Hop::Here);
		assert_eq!(directory.absent(), 2);
		assert!(!directory.forgive(start + ABSENT_FOR - Duration::from_millis(1)));
		assert!(directory.forgive(start + ABSENT_FOR));
		assert_eq!(directory.next_hop(&to), Hop::Forward(node(0x60)));
		assert_eq!(directory.absent(), 1);
	}

	#[test]
	fn node_that_leaves_should_be_gone_and_not_absent() {
		let mut directory = directory(0x00, &[0x00, 0x40]);
		directory.note_absent(node(0x40), Instant::now());
		let list = list(&[0x00]);
		assert!(directory.replace(list.clone()));
		assert!(!directory.replace(list), "the same list changes nothing");
		assert_eq!((directory.listed(), directory.absent()), (1, 0));
		directory.note_absent(node(0x40), Instant::now());
		assert_eq!(directory.absent(), 0, "who is not listed is not remembered");
	}

	#[test]
	fn partial_table_should_fill_up_when_one_is_absent() {
		let mut directory = Directory::new(node(0x00), Extent::Partial(1));
		directory.replace(list(&[0x00, 0x80, 0xc0, 0x40]));
		assert_eq!(directory.known(), 2);
		assert_eq!(directory.next_hop(&key(0xff)), Hop::Forward(node(0x80)));
		directory.note_absent(node(0x80), Instant::now());
		assert_eq!(directory.next_hop(&key(0xff)), Hop::Forward(node(0xc0)));
	}
}
