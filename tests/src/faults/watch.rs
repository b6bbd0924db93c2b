//! Every node's CTP database at every height, looked at as the chain goes on: it is gone when the
//! chain is past its retention.

use spb_client::connection::{Connection, ConnectionError, Hash, Head};
use spb_primitives::BlockNumber;
use std::{
	collections::{BTreeMap, BTreeSet},
	sync::{Arc, Mutex, PoisonError},
	time::Duration,
};
use tokio::task::JoinHandle;

/// Between two questions for what has become final.
const LOOK: Duration = Duration::from_millis(250);
/// So many blocks behind the last final one, what a node does not have it will not get.
const GIVEN_UP: BlockNumber = 24;

/// What a node says of its database after a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Look {
	/// The block.
	pub hash: Hash,
	/// The root, counted anew by the node.
	pub root: Hash,
	/// Whether that is the header's.
	pub equal: bool,
}

/// What one node said.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Seen {
	/// At each height that was looked at.
	pub looks: BTreeMap<BlockNumber, Look>,
	/// Heights of which it has no database: it was not there, or lost it.
	pub absent: BTreeSet<BlockNumber>,
}

impl Seen {
	/// The last height that it was asked about.
	fn last(&self) -> BlockNumber {
		let looked = self.looks.last_key_value().map(|(number, _)| *number);
		looked.max(self.absent.last().copied()).unwrap_or_default()
	}
}

/// Asks one node, until this is dropped.
#[derive(Debug)]
pub struct Watch {
	seen: Arc<Mutex<Seen>>,
	asking: JoinHandle<()>,
}

impl Watch {
	/// Begins with block 1.
	pub fn begin(connection: Connection) -> Self {
		let seen = Arc::<Mutex<Seen>>::default();
		let asking = tokio::spawn(ask(connection, seen.clone()));
		Self { seen, asking }
	}

	/// What the node has said so far.
	pub fn seen(&self) -> Seen {
		self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
	}

	/// Whether the node was asked about a height.
	pub fn is_past(&self, number: BlockNumber) -> bool {
		self.seen.lock().unwrap_or_else(PoisonError::into_inner).last() >= number
	}
}

impl Drop for Watch {
	fn drop(&mut self) {
		self.asking.abort();
	}
}

async fn ask(connection: Connection, seen: Arc<Mutex<Seen>>) {
	let note = |number, look: Option<Look>| {
		let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
		match look {
			Some(look) => drop(seen.looks.insert(number, look)),
			None => drop(seen.absent.insert(number)),
		}
	};
	let mut next: BlockNumber = 1;
	let mut pace = tokio::time::interval(LOOK);
	loop {
		pace.tick().await;
		// A node that is away is asked again.
		let Ok(finalized) = connection.finalized().await else { continue };
		while next <= finalized.number {
			match look(&connection, next).await {
				Ok(look) => note(next, Some(look)),
				Err(ConnectionError::Rpc { .. } | ConnectionError::UnknownBlock(_))
					if next.saturating_add(GIVEN_UP) <= finalized.number =>
				{
					note(next, None);
				},
				Err(_) => break,
			}
			next += 1;
		}
	}
}

async fn look(connection: &Connection, number: BlockNumber) -> Result<Look, ConnectionError> {
	let hash = connection.hash_of(number).await?;
	let database = connection.database(Some(hash)).await?;
	Ok(Look { hash, root: database.root, equal: database.equal })
}

/// What comparing nodes comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
	/// Heights at which at least two nodes were looked at.
	pub heights: usize,
	/// Heights of which a node had no database, summed over the nodes.
	pub absent: usize,
	/// What is wrong, if anything is.
	pub wrong: Option<String>,
}

/// A node whose databases are compared with those of others.
#[derive(Clone, Debug)]
pub struct Node<'a> {
	/// Its name.
	pub name: &'a str,
	/// What it said.
	pub seen: Seen,
	/// After which height it must have a database at every one: 0 for a node that was always there.
	pub from: BlockNumber,
}

/// Compares what nodes said, each with the headers and with the others, up to the block `to`.
pub fn compare(nodes: &[Node<'_>], to: Head) -> Compared {
	let mut wrong = None;
	let mut blame = |text: String| {
		wrong.get_or_insert(text);
	};
	let mut heights: BTreeMap<BlockNumber, Vec<(&str, Look)>> = BTreeMap::new();
	for Node { name, seen, from } in nodes {
		for (number, look) in &seen.looks {
			heights.entry(*number).or_default().push((name, *look));
			if !look.equal {
				blame(format!("{name} has another root after block {number} than its header"));
			}
		}
		for number in from.saturating_add(1)..=to.number {
			if !seen.looks.contains_key(&number) {
				blame(format!("{name} has no database after block {number}"));
			}
		}
	}
	for (number, looks) in &heights {
		let (first, look) = looks[0];
		for (name, other) in &looks[1..] {
			if (other.hash, other.root) != (look.hash, look.root) {
				blame(format!("{first} and {name} do not agree about block {number}"));
			}
		}
	}
	if let Some(looks) = heights.get(&to.number) {
		if looks.iter().any(|(_, look)| look.hash != to.hash) {
			blame(format!("not all nodes have {:?} as block {}", to.hash, to.number));
		}
	}
	let compared = heights.values().filter(|looks| looks.len() > 1).count();
	if compared == 0 {
		blame("no height was looked at on two nodes".into());
	}
	let absent = nodes.iter().map(|node| node.seen.absent.len()).sum();
	Compared { heights: compared, absent, wrong }
}

#[cfg(test)]
mod tests {
	use super::*;

	fn look(block: u8, root: u8) -> Look {
		Look { hash: Hash::repeat_byte(block), root: Hash::repeat_byte(root), equal: true }
	}

	fn seen(looks: &[(BlockNumber, Look)]) -> Seen {
		Seen { looks: looks.iter().copied().collect(), absent: BTreeSet::new() }
	}

	const END: Head = Head { number: 3, hash: Hash::repeat_byte(3) };

	fn all() -> Seen {
		seen(&[(1, look(1, 10)), (2, look(2, 20)), (3, look(3, 30))])
	}

	/// A node that was always there, and one that came after some height.
	fn two(other: Seen, from: BlockNumber) -> [Node<'static>; 2] {
		[Node { name: "a", seen: all(), from: 0 }, Node { name: "b", seen: other, from }]
	}

	#[test]
	fn nodes_that_agree_should_pass() {
		let late = seen(&[(2, look(2, 20)), (3, look(3, 30))]);
		let compared = compare(&two(late, 1), END);
		assert_eq!(compared, Compared { heights: 2, absent: 0, wrong: None });
	}

	#[test]
	fn a_node_that_was_always_there_should_lack_nothing() {
		let late = Seen { absent: BTreeSet::from([1]), ..all() };
		let late = Seen { looks: late.looks.into_iter().skip(1).collect(), ..late };
		let compared = compare(&two(late.clone(), 1), END);
		assert_eq!((compared.absent, compared.wrong), (1, None));
		let wrong = compare(&two(late, 0), END).wrong.unwrap();
		assert!(wrong.contains("b has no database after block 1"), "{wrong}");
	}

	#[test]
	fn every_difference_should_be_told() {
		let mut unequal = all();
		unequal.looks.get_mut(&2).unwrap().equal = false;
		let others = [
			unequal,
			seen(&[(1, look(1, 11)), (2, look(2, 20)), (3, look(3, 30))]),
			seen(&[(1, look(9, 10)), (2, look(2, 20)), (3, look(3, 30))]),
			seen(&[(1, look(1, 10)), (3, look(3, 30))]),
			seen(&[(1, look(1, 10)), (2, look(2, 20)), (3, look(4, 30))]),
		];
		for other in others {
			assert!(compare(&two(other.clone(), 1), END).wrong.is_some(), "{other:?}");
		}
		let alone = [Node { name: "a", seen: all(), from: 0 }];
		assert!(compare(&alone, END).wrong.is_some());
	}
}
