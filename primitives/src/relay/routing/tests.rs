//! The routing rule: whatever the table, a packet comes nearer with each hop and ends at the node
//! that is nearest to its key.

use super::*;
use crate::relay::types::ContactKey;
use proptest::prelude::*;
use sp_core::H256;
use sp_io::hashing::blake2_256;

/// Identifiers as hashes are: spread evenly.
fn hashed(seed: u64, count: u32) -> Vec<NodeIdentifier> {
	let identifier = |index: u32| {
		NodeIdentifier::of_peer(&[&seed.to_le_bytes()[..], &index.to_le_bytes()].concat())
	};
	(0..count).map(identifier).collect()
}

fn key(seed: u64) -> ContactKey {
	ContactKey(blake2_256(&[&b"key"[..], &seed.to_le_bytes()].concat()))
}

/// Identifiers in any shape, crowded ones too: many share long prefixes.
fn crowded() -> impl Strategy<Value = Vec<NodeIdentifier>> {
	let identifier = (any::<[u8; 2]>(), 0_u8..4).prop_map(|([first, last], zeros)| {
		let mut bytes = [0; 32];
		bytes[usize::from(zeros)] = first;
		bytes[31] = last;
		NodeIdentifier(H256(bytes))
	});
	prop::collection::btree_set(identifier, 1..60).prop_map(|set| set.into_iter().collect())
}

/// The nodes that a packet comes to, the first included. Fails if one is not nearer than the one
/// before, so there can be no loop.
fn walk(
	from: NodeIdentifier,
	to: &ContactKey,
	tables: &BTreeMap<NodeIdentifier, Table>,
) -> Vec<NodeIdentifier> {
	let mut visited = vec![from];
	let mut here = from;
	while let Hop::Forward(next) = tables[&here].next_hop(to) {
		assert!(distance(to, &next) < distance(to, &here), "{next} is not nearer than {here}");
		visited.push(next);
		here = next;
	}
	visited
}

fn tables(
	nodes: &[NodeIdentifier],
	table: impl Fn(NodeIdentifier) -> Table,
) -> BTreeMap<NodeIdentifier, Table> {
	nodes.iter().map(|node| (*node, table(*node))).collect()
}

fn log2(count: usize) -> usize {
	count.next_power_of_two().trailing_zeros() as usize
}

#[test]
fn nobody_should_be_nearest_where_there_is_nobody() {
	assert_eq!(nearest(&key(0), []), None);
	assert_eq!(nearest_first(&key(0), []), []);
}

#[test]
fn node_that_shares_the_leading_bits_should_be_nearest() {
	let at = |first: u8| NodeIdentifier(H256([first; 32]));
	let nodes = [at(0b0001_0000), at(0b0101_0000), at(0b1101_0000)];
	let to = ContactKey([0b0111_1111; 32]);
	assert_eq!(nearest(&to, nodes), Some(nodes[1]));
	let table = Table::full(nodes[0], nodes);
	assert_eq!(table.next_hop(&to), Hop::Forward(nodes[1]));
	assert_eq!(table.nearer(&to), [nodes[1]]);
	assert_eq!(Table::full(nodes[1], nodes).next_hop(&to), Hop::Here);
}

#[test]
fn lonely_node_should_keep_everything() {
	let own = hashed(0, 1)[0];
	for table in [Table::full(own, []), Table::partial(own, [own], 8)] {
		assert!(table.is_empty());
		assert_eq!(table.next_hop(&key(1)), Hop::Here);
		assert_eq!(table.nearer(&key(1)), []);
	}
}

#[test]
fn table_should_know_each_node_once_and_not_itself() {
	let nodes = hashed(1, 5);
	let twice = nodes.iter().chain(&nodes).copied();
	let table = Table::full(nodes[2], twice);
	assert_eq!((table.own(), table.len()), (nodes[2], 4));
	assert!(!table.known().contains(&nodes[2]));
}

#[test]
fn partial_table_should_keep_no_more_than_its_buckets_hold() {
	let nodes = hashed(2, 500);
	let table = Table::partial(nodes[0], nodes.iter().copied(), 3);
	let mut buckets = BTreeMap::<u32, usize>::new();
	for node in table.known() {
		*buckets.entry(shared_prefix(&nodes[0], node)).or_default() += 1;
	}
	assert!(buckets.values().all(|count| *count <= 3));
	let all = nodes[1..].iter().map(|node| shared_prefix(&nodes[0], node));
	for bucket in all {
		assert!(buckets.contains_key(&bucket), "bucket {bucket} has nodes and no entry");
	}
}

#[test]
fn thousand_nodes_should_route_within_the_logarithm() {
	let nodes = hashed(3, 1_000);
	let tables = tables(&nodes, |own| Table::partial(own, nodes.iter().copied(), BUCKET_SIZE));
	let mut most = 0;
	for at in 0..1_000 {
		let to = key(at);
		let visited = walk(nodes[at as usize], &to, &tables);
		assert_eq!(visited.last().copied(), nearest(&to, nodes.iter().copied()));
		most = most.max(visited.len() - 1);
	}
	assert!((2..=log2(1_000)).contains(&most), "{most} hops");
}

proptest! {
	#[test]
	fn full_tables_should_need_one_hop(seed: u64, count in 1_u32..60, from: prop::sample::Index) {
		let nodes = hashed(seed, count);
		let from = *from.get(&nodes);
		let tables = tables(&nodes, |own| Table::full(own, nodes.iter().copied()));
		let visited = walk(from, &key(seed), &tables);
		prop_assert!(visited.len() <= 2);
		prop_assert_eq!(visited.last().copied(), nearest(&key(seed), nodes.iter().copied()));
	}

	#[test]
	fn partial_tables_should_need_the_logarithm_at_most(
		seed: u64, count in 1_u32..150, from: prop::sample::Index,
	) {
		let nodes = hashed(seed, count);
		let from = *from.get(&nodes);
		let tables = tables(&nodes, |own| Table::partial(own, nodes.iter().copied(), BUCKET_SIZE));
		let visited = walk(from, &key(seed), &tables);
		prop_assert!(visited.len() - 1 <= log2(nodes.len()), "{} hops", visited.len() - 1);
		prop_assert_eq!(visited.last().copied(), nearest(&key(seed), nodes.iter().copied()));
	}

	#[test]
	fn one_entry_a_bucket_should_suffice_in_any_crowd(
		nodes in crowded(), to: [u8; 32], near: prop::sample::Index, from: prop::sample::Index,
	) {
		let from = *from.get(&nodes);
		let tables = tables(&nodes, |own| Table::partial(own, nodes.iter().copied(), 1));
		// A key anywhere, and one right beside a node.
		for to in [ContactKey(to), ContactKey(near.get(&nodes).0 .0)] {
			let visited = walk(from, &to, &tables);
			let last = nearest(&to, nodes.iter().copied()).unwrap();
			prop_assert_eq!(visited.last(), Some(&last));
			// Each hop shares more bits with the last node than the one before.
			let shared: Vec<_> = visited.iter().map(|node| shared_prefix(node, &last)).collect();
			prop_assert!(shared.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", shared);
		}
	}

	#[test]
	fn nodes_should_come_in_the_order_in_which_they_stand_in(
		nodes in crowded(), to: [u8; 32], gone in 0_usize..60,
	) {
		let to = ContactKey(to);
		let ordered = nearest_first(&to, nodes.iter().copied());
		prop_assert_eq!(ordered.len(), nodes.len());
		// Where the first ones are gone, the key belongs to the next.
		let gone = gone.min(ordered.len());
		let left = nodes.iter().copied().filter(|node| !ordered[..gone].contains(node));
		prop_assert_eq!(nearest(&to, left), ordered.get(gone).copied());
	}

	#[test]
	fn next_hop_should_be_the_first_of_those_that_are_nearer(
		nodes in crowded(), to: [u8; 32], own: prop::sample::Index,
	) {
		let (own, to) = (*own.get(&nodes), ContactKey(to));
		let table = Table::partial(own, nodes.iter().copied(), 2);
		let nearer = table.nearer(&to);
		let hop = nearer.first().map_or(Hop::Here, |node| Hop::Forward(*node));
		prop_assert_eq!(table.next_hop(&to), hop);
		prop_assert!(nearer.windows(2).all(|pair| distance(&to, &pair[0]) < distance(&to, &pair[1])));
	}
}
