//! A tree that keeps all its versions apart: what one block writes, no other block changes.
//!
//! Sixteen children to a node, chosen by the key's next four bits; ways without a fork are left
//! out. A node is stored under the version (the block) that wrote it and its place, and a link
//! names both, so that a block writes only the nodes on the ways to what it changed and shares all
//! others with its parent, on whichever fork. Nothing is ever overwritten: reading needs no lock,
//! and a block's nodes are forgotten by their names when the block is abandoned.
//!
//! Hashes are those of the binary tree of [`spb_primitives::root`]: a node's children fold by the
//! four bits that tell them apart, and a way without a fork has the hash of what it leads to.

use super::store::Store;
use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};
use codec::{Decode, Encode};
use sp_core::H256;
use spb_primitives::root::{bit, join, Key, ProofStep, KEY_LENGTH};

/// The version that a link names: the hash of the block that wrote the node.
pub type Version = H256;

/// Four-bit steps in a whole key: the depth of a leaf.
const LEAF_DEPTH: u8 = (KEY_LENGTH * 2) as u8;

/// A stored part that a link names is not there: the storage is damaged or was pruned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MissingNode;

/// Leads to a stored node or leaf.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Link {
	/// A key below the node; its first `depth` steps are the node's place.
	pub key: Key,
	/// How many four-bit steps lead to the node; 72 for a leaf.
	pub depth: u8,
	/// The node's hash.
	pub hash: H256,
	/// How many leaves hang below it.
	pub count: u32,
	/// Who wrote it.
	pub version: Version,
}

/// The name under which a node or a leaf's value is stored.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode)]
pub struct NodeName {
	tree: u8,
	version: Version,
	depth: u8,
	place: Key,
}

impl NodeName {
	/// The storage key.
	pub fn storage_key(&self) -> Vec<u8> {
		(b"spb/n/", self).encode()
	}
}

impl Link {
	pub(super) fn name(&self, tree: u8) -> NodeName {
		NodeName {
			tree,
			version: self.version,
			depth: self.depth,
			place: place(&self.key, self.depth),
		}
	}

	fn is_leaf(&self) -> bool {
		self.depth == LEAF_DEPTH
	}
}

/// The first `depth` steps of `key`, the rest zero.
fn place(key: &Key, depth: u8) -> Key {
	let mut place = [0; KEY_LENGTH];
	let whole = usize::from(depth / 2);
	place[..whole].copy_from_slice(&key[..whole]);
	if depth % 2 == 1 {
		place[whole] = key[whole] & 0xf0;
	}
	place
}

/// Step number `depth` of a key.
fn step(key: &Key, depth: u8) -> u8 {
	let byte = key[usize::from(depth / 2)];
	if depth.is_multiple_of(2) {
		byte >> 4
	} else {
		byte & 0x0f
	}
}

/// How many of the first steps two keys share.
fn shared_steps(a: &Key, b: &Key) -> u8 {
	(0..LEAF_DEPTH).find(|&depth| step(a, depth) != step(b, depth)).unwrap_or(LEAF_DEPTH)
}

/// A node in memory: read in on the way, or new.
enum Node {
	/// As it is stored.
	Stored(Link),
	/// A leaf that this change brings.
	Leaf { key: Key, hash: H256, value: Vec<u8> },
	/// A fork, read in or new. `origin` is its stored form while nothing below it changed.
	Fork { key: Key, depth: u8, children: BTreeMap<u8, Box<Node>>, origin: Option<Link> },
}

impl Node {
	/// A key below the node and the depth at which the node stands.
	fn position(&self) -> (&Key, u8) {
		match self {
			Node::Stored(link) => (&link.key, link.depth),
			Node::Leaf { key, .. } => (key, LEAF_DEPTH),
			Node::Fork { key, depth, .. } => (key, *depth),
		}
	}
}

/// What a change leaves behind, for the housekeeper.
#[derive(Clone, Default, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Leftovers {
	/// Nodes of earlier versions that this version no longer uses.
	pub stale: Vec<NodeName>,
	/// Whole parts of earlier versions that this version dropped, with their trees.
	pub dropped: Vec<(u8, Link)>,
	/// Nodes that this version wrote.
	pub fresh: Vec<NodeName>,
}

/// One tree of a database, at one version, with the changes made to it in memory.
pub struct Tree<'a, S> {
	store: &'a S,
	id: u8,
	hashed: bool,
	root: Option<Box<Node>>,
	leftovers: Leftovers,
}

impl<'a, S: Store> Tree<'a, S> {
	/// The tree `id` at `root`. Only where `hashed` do its nodes have hashes.
	pub fn new(store: &'a S, id: u8, hashed: bool, root: Option<Link>) -> Self {
		let root = root.map(|link| Box::new(Node::Stored(link)));
		Self { store, id, hashed, root, leftovers: Leftovers::default() }
	}

	/// The value at `key`.
	pub fn get(&mut self, key: &Key) -> Result<Option<Vec<u8>>, MissingNode> {
		let Some(mut node) = self.root.as_mut() else { return Ok(None) };
		loop {
			read_in(self.store, self.id, node)?;
			match &mut **node {
				Node::Stored(link) => {
					if link.key != *key {
						return Ok(None);
					}
					return self
						.store
						.get(&link.name(self.id).storage_key())
						.map(Some)
						.ok_or(MissingNode);
				},
				Node::Leaf { key: leaf, value, .. } => {
					return Ok((leaf == key).then(|| value.clone()))
				},
				Node::Fork { key: below, depth, children, .. } => {
					if shared_steps(below, key) < *depth {
						return Ok(None);
					}
					match children.get_mut(&step(key, *depth)) {
						Some(child) => node = child,
						None => return Ok(None),
					}
				},
			}
		}
	}

	/// Puts `value` at `key`, in place of what was there.
	pub fn insert(&mut self, key: Key, hash: H256, value: Vec<u8>) -> Result<(), MissingNode> {
		let leaf = Box::new(Node::Leaf { key, hash, value });
		self.root = Some(match self.root.take() {
			Some(root) => self.insert_at(root, key, leaf)?,
			None => leaf,
		});
		Ok(())
	}

	fn insert_at(
		&mut self,
		mut node: Box<Node>,
		key: Key,
		leaf: Box<Node>,
	) -> Result<Box<Node>, MissingNode> {
		let (below, depth) = node.position();
		let shared = shared_steps(below, &key);
		if shared < depth {
			let mut children = BTreeMap::new();
			children.insert(step(below, shared), node);
			children.insert(step(&key, shared), leaf);
			return Ok(Box::new(Node::Fork { key, depth: shared, children, origin: None }));
		}
		read_in(self.store, self.id, &mut node)?;
		match &mut *node {
			Node::Fork { depth, children, origin, .. } => {
				self.leftovers.stale.extend(origin.take().map(|link| link.name(self.id)));
				let at = step(&key, *depth);
				let child = match children.remove(&at) {
					Some(child) => self.insert_at(child, key, leaf)?,
					None => leaf,
				};
				children.insert(at, child);
				Ok(node)
			},
			// The same key: the new leaf takes its place.
			Node::Stored(link) => {
				self.leftovers.stale.push(link.name(self.id));
				Ok(leaf)
			},
			Node::Leaf { .. } => Ok(leaf),
		}
	}

	/// Takes away what is at `key`; says whether it was there.
	pub fn remove(&mut self, key: &Key) -> Result<bool, MissingNode> {
		if self.get(key)?.is_none() {
			return Ok(false);
		}
		if let Some(root) = self.root.take() {
			self.root = self.remove_at(root, key)?;
		}
		Ok(true)
	}

	/// Takes away the leaf at `key`, which is below `node`.
	fn remove_at(
		&mut self,
		mut node: Box<Node>,
		key: &Key,
	) -> Result<Option<Box<Node>>, MissingNode> {
		read_in(self.store, self.id, &mut node)?;
		match &mut *node {
			Node::Fork { depth, children, origin, .. } => {
				self.leftovers.stale.extend(origin.take().map(|link| link.name(self.id)));
				let at = step(key, *depth);
				if let Some(child) = children.remove(&at) {
					if let Some(child) = self.remove_at(child, key)? {
						children.insert(at, child);
					}
				}
				Ok(collapse(node))
			},
			Node::Stored(link) => {
				self.leftovers.stale.push(link.name(self.id));
				Ok(None)
			},
			Node::Leaf { .. } => Ok(None),
		}
	}

	/// Takes away everything whose first four bytes, as a big-endian number, are below `bound`.
	///
	/// Costs as much as the way to the bound is long, however much falls away.
	pub fn remove_below(&mut self, bound: u32) -> Result<(), MissingNode> {
		if let Some(root) = self.root.take() {
			self.root = self.remove_below_at(root, bound)?;
		}
		Ok(())
	}

	fn remove_below_at(
		&mut self,
		mut node: Box<Node>,
		bound: u32,
	) -> Result<Option<Box<Node>>, MissingNode> {
		let (key, depth) = node.position();
		let (least, greatest) = reach(key, depth);
		if least >= bound {
			return Ok(Some(node));
		}
		if greatest < bound {
			self.drop_all(*node);
			return Ok(None);
		}
		read_in(self.store, self.id, &mut node)?;
		if let Node::Fork { children, origin, .. } = &mut *node {
			self.leftovers.stale.extend(origin.take().map(|link| link.name(self.id)));
			for (at, child) in core::mem::take(children) {
				if let Some(child) = self.remove_below_at(child, bound)? {
					children.insert(at, child);
				}
			}
		}
		Ok(collapse(node))
	}

	/// Notes what is stored of a dropped part.
	fn drop_all(&mut self, node: Node) {
		match node {
			Node::Stored(link) => self.leftovers.dropped.push((self.id, link)),
			Node::Leaf { .. } => {},
			Node::Fork { children, origin, .. } => match origin {
				Some(link) => self.leftovers.dropped.push((self.id, link)),
				None => children.into_values().for_each(|child| self.drop_all(*child)),
			},
		}
	}

	/// The hash of the whole tree; zero if it is empty.
	pub fn root_hash(&self) -> H256 {
		self.root.as_ref().map_or_else(H256::zero, |root| self.hash(root))
	}

	/// How many leaves the tree has.
	pub fn count(&self) -> u32 {
		fn leaves(node: &Node) -> u32 {
			match node {
				Node::Stored(link) | Node::Fork { origin: Some(link), .. } => link.count,
				Node::Leaf { .. } => 1,
				Node::Fork { children, .. } => children.values().map(|c| leaves(c)).sum(),
			}
		}
		self.root.as_deref().map_or(0, leaves)
	}

	fn hash(&self, node: &Node) -> H256 {
		match node {
			Node::Stored(link) => link.hash,
			Node::Leaf { hash, .. } => *hash,
			Node::Fork { origin: Some(link), .. } => link.hash,
			Node::Fork { .. } if !self.hashed => H256::zero(),
			Node::Fork { children, .. } => {
				let hashes: Vec<_> = children.iter().map(|(at, c)| (*at, self.hash(c))).collect();
				fold(&hashes)
			},
		}
	}

	/// Writes what changed as `version` and gives the new root and what is left behind.
	pub fn commit(mut self, version: Version) -> (Option<Link>, Leftovers) {
		let root = self.root.take().map(|root| self.commit_node(*root, version));
		(root, self.leftovers)
	}

	fn commit_node(&mut self, node: Node, version: Version) -> Link {
		let (link, bytes) = match node {
			Node::Stored(link) | Node::Fork { origin: Some(link), .. } => return link,
			Node::Leaf { key, hash, value } => {
				(Link { key, depth: LEAF_DEPTH, hash, count: 1, version }, value)
			},
			Node::Fork { key, depth, children, origin: None } => {
				let links: Vec<Link> =
					children.into_values().map(|c| self.commit_node(*c, version)).collect();
				let hash = if self.hashed {
					let hashes: Vec<_> =
						links.iter().map(|l| (step(&l.key, depth), l.hash)).collect();
					fold(&hashes)
				} else {
					H256::zero()
				};
				let count = links.iter().map(|link| link.count).sum();
				(Link { key, depth, hash, count, version }, links.encode())
			},
		};
		let name = link.name(self.id);
		self.store.set(&name.storage_key(), &bytes);
		self.leftovers.fresh.push(name);
		link
	}

	/// Calls `visit` with each key above `after` and its value, in order, until it says stop.
	pub fn visit(
		&self,
		after: Option<&Key>,
		visit: &mut impl FnMut(&Key, &[u8]) -> bool,
	) -> Result<(), MissingNode> {
		match &self.root {
			Some(root) => self.visit_node(root, after, visit).map(|_| ()),
			None => Ok(()),
		}
	}

	fn visit_node(
		&self,
		node: &Node,
		after: Option<&Key>,
		visit: &mut impl FnMut(&Key, &[u8]) -> bool,
	) -> Result<bool, MissingNode> {
		let (key, depth) = node.position();
		if after.is_some_and(|after| place(key, depth) < place(after, depth)) {
			return Ok(true);
		}
		match node {
			Node::Stored(link) if link.is_leaf() => {
				if after.is_some_and(|after| link.key <= *after) {
					return Ok(true);
				}
				let value = self.store.get(&link.name(self.id).storage_key()).ok_or(MissingNode)?;
				Ok(visit(&link.key, &value))
			},
			Node::Stored(link) => {
				for child in read_links(self.store, self.id, link)? {
					if !self.visit_node(&Node::Stored(child), after, visit)? {
						return Ok(false);
					}
				}
				Ok(true)
			},
			Node::Leaf { key, value, .. } => {
				Ok(after.is_some_and(|after| key <= after) || visit(key, value))
			},
			Node::Fork { children, .. } => {
				for child in children.values() {
					if !self.visit_node(child, after, visit)? {
						return Ok(false);
					}
				}
				Ok(true)
			},
		}
	}

	/// The steps that prove what is at `key`, from the leaf to the root; `None` if nothing is.
	pub fn proof(&mut self, key: &Key) -> Result<Option<Vec<ProofStep>>, MissingNode> {
		if self.get(key)?.is_none() {
			return Ok(None);
		}
		let mut steps = Vec::new();
		let mut next = self.root.as_deref();
		while let Some(Node::Fork { depth, children, .. }) = next {
			let hashes: Vec<_> = children.iter().map(|(at, c)| (*at, self.hash(c))).collect();
			let at = step(key, *depth);
			prove_within(&hashes, at, u16::from(*depth) * 4, &mut steps);
			next = children.get(&at).map(|child| &**child);
		}
		steps.reverse();
		Ok(Some(steps))
	}
}

/// The numbers that the first four bytes of the keys below a node reach from and to.
fn reach(key: &Key, depth: u8) -> (u32, u32) {
	let mut first = [0; 4];
	first.copy_from_slice(&place(key, depth)[..4]);
	let least = u32::from_be_bytes(first);
	let open_bits = 32u32.saturating_sub(u32::from(depth) * 4);
	let open = 1u64.checked_shl(open_bits).unwrap_or(0).saturating_sub(1);
	(least, (u64::from(least) | open) as u32)
}

/// A fork with one child is no fork.
fn collapse(mut node: Box<Node>) -> Option<Box<Node>> {
	let Node::Fork { children, key, .. } = &mut *node else { return Some(node) };
	match children.len() {
		0 => None,
		1 => children.pop_first().map(|(_, child)| child),
		_ => {
			// The key that stood for the place may be gone; any key below serves.
			if let Some(child) = children.values().next() {
				*key = *child.position().0;
			}
			Some(node)
		},
	}
}

/// Reads a stored fork into memory; a leaf stays as it is.
fn read_in<S: Store>(store: &S, tree: u8, node: &mut Box<Node>) -> Result<(), MissingNode> {
	if let Node::Stored(link) = &**node {
		if !link.is_leaf() {
			let children = read_links(store, tree, link)?
				.into_iter()
				.map(|child| (step(&child.key, link.depth), Box::new(Node::Stored(child))))
				.collect();
			let link = link.clone();
			**node = Node::Fork { key: link.key, depth: link.depth, children, origin: Some(link) };
		}
	}
	Ok(())
}

fn read_links<S: Store>(store: &S, tree: u8, link: &Link) -> Result<Vec<Link>, MissingNode> {
	let bytes = store.get(&link.name(tree).storage_key()).ok_or(MissingNode)?;
	codec::DecodeAll::decode_all(&mut &bytes[..]).map_err(|_| MissingNode)
}

/// The names of all that is stored below a link, the link's own included, and what to look at next.
///
/// For the housekeeper, which goes through a dropped part a piece at a time.
pub fn below<S: Store>(store: &S, tree: u8, link: &Link) -> (NodeName, Vec<Link>) {
	let children =
		if link.is_leaf() { Vec::new() } else { read_links(store, tree, link).unwrap_or_default() };
	(link.name(tree), children)
}

/// The hashes of a fork's children with their steps, in order.
type Hashes<'a> = &'a [(u8, H256)];

/// Divides children, which share the bits of their step before `bit_at`, by that bit.
fn divide(children: Hashes, bit_at: u8) -> (Hashes, Hashes) {
	children.split_at(children.partition_point(|(at, _)| !bit(&[*at << 4], bit_at.into())))
}

/// The hash of a fork's children, in order of their steps.
fn fold(children: &[(u8, H256)]) -> H256 {
	fn fold_from(children: &[(u8, H256)], bit_at: u8) -> H256 {
		match children {
			[] => H256::zero(),
			[(_, hash)] => *hash,
			_ => match divide(children, bit_at) {
				([], all) | (all, []) => fold_from(all, bit_at + 1),
				(left, right) => join(&fold_from(left, bit_at + 1), &fold_from(right, bit_at + 1)),
			},
		}
	}
	fold_from(children, 0)
}

/// The steps of a proof within one fork, from the top.
fn prove_within(children: &[(u8, H256)], at: u8, first_bit: u16, steps: &mut Vec<ProofStep>) {
	let mut rest = children;
	for bit_at in 0..4u8 {
		let (left, right) = divide(rest, bit_at);
		let (near, far) =
			if bit(&[at << 4], bit_at.into()) { (right, left) } else { (left, right) };
		if !far.is_empty() {
			let bit = first_bit + u16::from(bit_at);
			steps.push(ProofStep { bit, sibling: fold(far) });
		}
		rest = near;
	}
}
