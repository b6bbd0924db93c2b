//! The versioned tree against a plain map, and what a change to it costs.

use super::{
	store::Store,
	tree::{Leftovers, Link, MissingNode, Tree},
};
use crate::tests::MemoryStore;
use proptest::prelude::*;
use sp_core::H256;
use sp_runtime::traits::{BlakeTwo256, Hash};
use spb_primitives::{
	database_root,
	root::{entry_key, Key},
	CtpId, InclusionProof,
};
use std::collections::{BTreeMap, BTreeSet};

type Model = BTreeMap<Key, Vec<u8>>;

/// A key of one of few expiries, whose ids share long prefixes as often as not.
fn key(expiry: u32, id: u32) -> Key {
	let mut bytes = [0; 32];
	match id % 3 {
		0 => bytes[28..].copy_from_slice(&id.to_be_bytes()),
		1 => bytes[..4].copy_from_slice(&id.to_be_bytes()),
		_ => bytes = BlakeTwo256::hash_of(&id).0,
	}
	entry_key(expiry, &CtpId(H256(bytes)))
}

fn leaf(value: &[u8]) -> H256 {
	BlakeTwo256::hash(value)
}

fn version(number: u32) -> H256 {
	BlakeTwo256::hash_of(&number)
}

fn tree<'a>(store: &'a MemoryStore, root: &Option<Link>) -> Tree<'a, MemoryStore> {
	Tree::new(store, 0, true, root.clone())
}

fn root_of(model: &Model) -> H256 {
	database_root(&leaves(model))
}

fn leaves(model: &Model) -> Vec<(Key, H256)> {
	model.iter().map(|(key, value)| (*key, leaf(value))).collect()
}

/// What `visit` shows after a key, up to `limit` entries.
fn visited(tree: &Tree<'_, MemoryStore>, after: Option<&Key>, limit: usize) -> Vec<(Key, Vec<u8>)> {
	let mut seen = Vec::new();
	tree.visit(after, &mut |key, value| {
		seen.push((*key, value.to_vec()));
		seen.len() < limit
	})
	.unwrap();
	seen
}

/// That a tree, committed or not, is the model.
fn assert_same(tree: &mut Tree<'_, MemoryStore>, model: &Model) {
	assert_eq!(tree.count() as usize, model.len());
	assert_eq!(tree.root_hash(), root_of(model));
	let all: Vec<_> = model.iter().map(|(key, value)| (*key, value.clone())).collect();
	assert_eq!(visited(tree, None, usize::MAX), all);
}

/// That its entries are found, iterated after any of them, and proven; others are not.
fn assert_queries(tree: &mut Tree<'_, MemoryStore>, model: &Model, strangers: &[Key]) {
	let (root, leaves) = (root_of(model), leaves(model));
	for (key, value) in model {
		assert_eq!(tree.get(key).unwrap().as_ref(), Some(value));
		let proof = InclusionProof { steps: tree.proof(key).unwrap().unwrap() };
		assert!(proof.verify(&root, key, &leaf(value)));
		assert_eq!(Some(proof), InclusionProof::of(&leaves, key));
	}
	for key in strangers.iter().chain(model.keys()) {
		let later: Vec<_> = model
			.range::<Key, _>(key..)
			.filter(|(at, _)| *at > key)
			.map(|(k, v)| (*k, v.clone()))
			.collect();
		let first = later[..later.len().min(2)].to_vec();
		assert_eq!(visited(tree, Some(key), usize::MAX), later);
		assert_eq!(visited(tree, Some(key), 2), first);
	}
	for key in strangers.iter().filter(|key| !model.contains_key(*key)) {
		assert_eq!(tree.get(key).unwrap(), None);
		assert_eq!(tree.proof(key).unwrap(), None);
	}
}

#[derive(Clone, Debug)]
enum Change {
	Insert(u32, u32, u8),
	Remove(u32, u32),
	RemoveBelow(u32),
	/// Writes a version and goes on from it.
	Commit,
	/// Writes a version and goes on from an earlier one.
	Fork(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
	let (expiry, id) = (prop_oneof![0u32..8, 250u32..260, Just(u32::MAX)], 0u32..24);
	prop_oneof![
		8 => (expiry.clone(), id.clone(), any::<u8>()).prop_map(|(e, i, v)| Change::Insert(e, i, v)),
		4 => (expiry.clone(), id).prop_map(|(e, i)| Change::Remove(e, i)),
		1 => expiry.prop_map(Change::RemoveBelow),
		2 => Just(Change::Commit),
		1 => any::<prop::sample::Index>().prop_map(Change::Fork),
	]
}

proptest! {
	#[test]
	fn tree_should_be_the_map_at_every_version(changes in prop::collection::vec(change(), 1..120)) {
		let store = MemoryStore::default();
		let mut versions: Vec<(Option<Link>, Model)> = vec![(None, Model::new())];
		let mut model = Model::new();
		let mut tree = tree(&store, &None);
		for (number, change) in changes.iter().enumerate() {
			match change {
				Change::Insert(expiry, id, value) => {
					let (key, value) = (key(*expiry, *id), vec![*value; 3]);
					tree.insert(key, leaf(&value), value.clone()).unwrap();
					model.insert(key, value);
				},
				Change::Remove(expiry, id) => {
					let key = key(*expiry, *id);
					let was_there = tree.remove(&key).unwrap();
					prop_assert_eq!(was_there, model.remove(&key).is_some());
				},
				Change::RemoveBelow(bound) => {
					tree.remove_below(*bound).unwrap();
					model.retain(|key, _| key[..4] >= bound.to_be_bytes()[..]);
				},
				Change::Commit | Change::Fork(_) => {
					let hash = tree.root_hash();
					let (root, _) = tree.commit(version(number as u32));
					prop_assert_eq!(root.as_ref().map_or(H256::zero(), |link| link.hash), hash);
					prop_assert_eq!(root.as_ref().map_or(0, |link| link.count) as usize, model.len());
					versions.push((root, model.clone()));
					let on = match change {
						Change::Fork(at) => at.index(versions.len()),
						_ => versions.len() - 1,
					};
					model = versions[on].1.clone();
					tree = self::tree(&store, &versions[on].0);
				},
			}
			assert_same(&mut tree, &model);
		}
		let strangers: Vec<_> = (0..40).map(|at| key(at % 9, at)).collect();
		assert_queries(&mut tree, &model, &strangers);
		// Nothing that was written later changed what an earlier version holds.
		for (root, model) in &versions {
			let mut tree = self::tree(&store, root);
			assert_same(&mut tree, model);
			assert_queries(&mut tree, model, &strangers[..8]);
		}
	}

	#[test]
	fn order_of_changes_should_not_matter(
		entries in prop::collection::btree_set((0u32..4, 0u32..60), 0..40),
		passing in prop::collection::btree_set((0u32..4, 60u32..80), 0..20),
		commit_at: prop::sample::Index,
	) {
		let (one, two) = (MemoryStore::default(), MemoryStore::default());
		let value = |at: &(u32, u32)| vec![at.1 as u8];
		let mut ascending = tree(&one, &None);
		for at in &entries {
			ascending.insert(key(at.0, at.1), leaf(&value(at)), value(at)).unwrap();
		}
		let mut descending = tree(&two, &None);
		let others: Vec<_> = passing.iter().chain(&entries).rev().collect();
		for (number, at) in others.iter().enumerate() {
			descending.insert(key(at.0, at.1), leaf(&value(at)), value(at)).unwrap();
			if number == commit_at.index(others.len()) {
				let (root, _) = descending.commit(version(number as u32));
				descending = tree(&two, &root);
			}
		}
		for at in &passing {
			prop_assert!(descending.remove(&key(at.0, at.1)).unwrap());
		}
		prop_assert_eq!(ascending.root_hash(), descending.root_hash());
	}

	#[test]
	fn leftovers_should_name_what_was_written_and_what_is_no_longer_used(
		changes in prop::collection::vec(change(), 1..80),
	) {
		// On one fork, as the housekeeper goes along it: what the versions since the first wrote and
		// did not leave behind is what the last one needs, no more and no less.
		let store = MemoryStore::default();
		let mut tree = tree(&store, &None);
		let commit = |tree: Tree<'_, MemoryStore>, number: usize| {
			let before: BTreeSet<_> = store.snapshot().into_keys().collect();
			let (root, Leftovers { stale, dropped, fresh }) = tree.commit(version(number as u32));
			let written: BTreeSet<_> = fresh.iter().map(|name| name.storage_key()).collect();
			assert_eq!(written.len(), fresh.len(), "each is written once");
			assert!(written.is_disjoint(&before), "nothing is overwritten");
			let after: BTreeSet<_> = store.snapshot().into_keys().collect();
			assert_eq!(after.difference(&before).cloned().collect::<BTreeSet<_>>(), written);
			for name in stale {
				assert!(before.contains(&name.storage_key()), "only what is stored is left behind");
				store.remove(&name.storage_key());
			}
			let mut parts: Vec<Link> = dropped.into_iter().map(|(_, link)| link).collect();
			while let Some(link) = parts.pop() {
				let (name, below) = super::tree::below(&store, 0, &link);
				assert!(before.contains(&name.storage_key()));
				store.remove(&name.storage_key());
				parts.extend(below);
			}
			root
		};
		for (number, change) in changes.iter().enumerate() {
			match change {
				Change::Insert(expiry, id, value) => {
					let value = vec![*value; 3];
					tree.insert(key(*expiry, *id), leaf(&value), value).unwrap();
				},
				Change::Remove(expiry, id) => {
					tree.remove(&key(*expiry, *id)).unwrap();
				},
				Change::RemoveBelow(bound) => tree.remove_below(*bound).unwrap(),
				Change::Commit | Change::Fork(_) => {
					tree = self::tree(&store, &commit(tree, number));
				},
			}
		}
		let mut needed = BTreeSet::new();
		let mut parts: Vec<Link> = commit(tree, changes.len()).into_iter().collect();
		while let Some(link) = parts.pop() {
			let (name, below) = super::tree::below(&store, 0, &link);
			needed.insert(name.storage_key());
			parts.extend(below);
		}
		prop_assert_eq!(store.snapshot().into_keys().collect::<BTreeSet<_>>(), needed);
	}
}

#[test]
fn empty_tree_should_have_the_zero_root_and_nothing_in_it() {
	let store = MemoryStore::default();
	let mut empty = tree(&store, &None);
	assert_same(&mut empty, &Model::new());
	assert_eq!(empty.get(&key(1, 1)), Ok(None));
	assert_eq!(empty.remove(&key(1, 1)), Ok(false));
	assert_eq!(empty.proof(&key(1, 1)), Ok(None));
	empty.remove_below(u32::MAX).unwrap();
	assert_eq!(empty.commit(version(0)), (None, Leftovers::default()));
	assert_eq!(store.len(), 0);
}

#[test]
fn lost_nodes_should_be_missing() {
	let store = MemoryStore::default();
	let mut first = tree(&store, &None);
	for at in 0..50 {
		first.insert(key(at % 3, at), leaf(&[1]), vec![1]).unwrap();
	}
	let (root, _) = first.commit(version(0));
	store.remove_prefix(b"spb/n/");
	let mut lost = tree(&store, &root);
	assert_eq!(lost.get(&key(0, 0)), Err(MissingNode));
	assert_eq!(lost.insert(key(0, 0), leaf(&[2]), vec![2]), Err(MissingNode));
	let mut lost = tree(&store, &root);
	assert_eq!(lost.remove(&key(0, 0)), Err(MissingNode));
	let mut lost = tree(&store, &root);
	assert_eq!(lost.remove_below(1), Err(MissingNode));
	let lost = tree(&store, &root);
	assert_eq!(lost.visit(None, &mut |_, _| true), Err(MissingNode));
}

/// A tree of `count` entries with ids as they come, in `expiries` buckets.
fn large(store: &MemoryStore, count: u32, expiries: u32) -> Option<Link> {
	let mut large = tree(store, &None);
	for at in 0..count {
		let id = CtpId(BlakeTwo256::hash_of(&at));
		let value = at.to_be_bytes().to_vec();
		large.insert(entry_key(100 + at % expiries, &id), leaf(&value), value).unwrap();
	}
	large.commit(version(0)).0
}

#[test]
fn cost_should_follow_the_change_and_not_the_size() {
	for expiries in [1, 5, 2_000] {
		let store = MemoryStore::default();
		let root = large(&store, 100_000, expiries);
		let cost = |change: &dyn Fn(&mut Tree<'_, MemoryStore>)| {
			let before = store.writes();
			let mut changed = tree(&store, &root);
			change(&mut changed);
			let (_, leftovers) = changed.commit(version(1));
			assert_eq!(leftovers.fresh.len(), store.writes() - before);
			assert!(leftovers.stale.len() + leftovers.dropped.len() < 60);
			store.writes() - before
		};
		// A leaf and the nodes above it: eight steps for the expiry and some five for the id.
		let insert = cost(&|tree| tree.insert(key(101, 7), leaf(&[7]), vec![7]).unwrap());
		assert!(insert <= 16, "{insert} writes");
		let id = CtpId(BlakeTwo256::hash_of(&0u32));
		let remove = cost(&|tree| assert!(tree.remove(&entry_key(100, &id)).unwrap()));
		assert!(remove <= 16, "{remove} writes");
		// A bucket falls away whole, however much is in it.
		let expire = cost(&|tree| tree.remove_below(101).unwrap());
		assert!(expire <= 16, "{expire} writes");
	}
}

#[test]
fn bucket_of_100_000_should_expire_at_once() {
	let store = MemoryStore::default();
	let root = large(&store, 100_000, 1);
	let mut expired = tree(&store, &root);
	expired.remove_below(101).unwrap();
	assert_eq!((expired.count(), expired.root_hash()), (0, H256::zero()));
	let (root, leftovers) = expired.commit(version(1));
	assert_eq!(root, None);
	assert_eq!(leftovers.dropped.len(), 1);
	assert_eq!(leftovers.dropped[0].1.count, 100_000);
}

#[test]
fn trees_of_one_version_should_not_meet() {
	let store = MemoryStore::default();
	let roots: Vec<_> = (0..3u8)
		.map(|id| {
			let mut tree = Tree::new(&store, id, id == 0, None);
			tree.insert(key(1, 1), leaf(&[id]), vec![id]).unwrap();
			tree.insert(key(2, 1), leaf(&[id]), vec![id]).unwrap();
			tree.commit(version(0)).0
		})
		.collect();
	for (id, root) in (0..).zip(roots) {
		let mut tree = Tree::new(&store, id, id == 0, root);
		assert_eq!(tree.get(&key(1, 1)), Ok(Some(vec![id])));
		assert_eq!(tree.root_hash().is_zero(), id != 0);
	}
}
