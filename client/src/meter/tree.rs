//! Trees of one-time keys: derived from the meter's seed, kept beside its state so that a key does
//! not cost deriving them all again.

use super::{
	state::{MeterState, Tree},
	MeterError,
};
use crate::{
	files::{self, Directory, FileError, Replace},
	keys::Secret,
	progress::Progress,
};
use sp_core::{ed25519, Pair};
use spb_primitives::{
	coe::{one_time_seed, tree_path, tree_root},
	Coe, MeterProof, ReceiptKey, MAX_TREE_LEAVES,
};
use std::{
	collections::BTreeMap,
	sync::{Arc, Mutex, PoisonError},
};

/// Bytes of a receipt key.
const KEY_BYTES: usize = 32;
/// How many keys are derived between two reports of progress.
const STEP: u32 = 512;

/// The one-time key pair at a leaf.
pub(super) fn one_time_pair(seed: &Secret, tree: u32, leaf: u32) -> ed25519::Pair {
	ed25519::Pair::from_seed(&one_time_seed(&seed.0, tree, leaf))
}

/// The receipt keys of a tree.
fn derive(seed: &Secret, tree: u32, leaves: u32, progress: &dyn Progress) -> Vec<ReceiptKey> {
	progress.begin("deriving one-time keys", Some(leaves.into()));
	let keys = (0..leaves)
		.map(|leaf| {
			if leaf % STEP == 0 {
				progress.at(leaf.into());
			}
			ReceiptKey::of(&one_time_pair(seed, tree, leaf).public())
		})
		.collect();
	progress.end();
	keys
}

/// Makes the meter's next tree. Its number is used up even if nothing comes of it.
pub(super) fn grow(
	state: &mut MeterState,
	leaves: u32,
	progress: &dyn Progress,
) -> Result<(Tree, Vec<ReceiptKey>), MeterError> {
	if leaves == 0 || leaves > MAX_TREE_LEAVES {
		return Err(MeterError::TreeSize);
	}
	let number = state.next_tree;
	state.next_tree = number.checked_add(1).ok_or(MeterError::TreesUsedUp)?;
	let keys = derive(&state.seed, number, leaves, progress);
	let root = tree_root(&keys).ok_or(MeterError::TreeSize)?;
	let (coes, vault) = (Vec::new(), None);
	let tree = Tree { number, leaves, root, next_leaf: 0, closed: false, coes, vault };
	state.trees.push(tree.clone());
	Ok((tree, keys))
}

/// The receipt keys of a meter's trees: in memory, else in a file, else derived anew.
#[derive(Debug, Default)]
pub(super) struct KeyCache {
	keys: Mutex<BTreeMap<u32, Arc<[ReceiptKey]>>>,
}

impl KeyCache {
	fn file_name(tree: u32) -> String {
		format!("tree-{tree}.keys")
	}

	/// Remembers a tree's keys, also on the disk.
	pub(super) fn put(
		&self,
		directory: &Directory,
		tree: &Tree,
		keys: Vec<ReceiptKey>,
	) -> Result<(), FileError> {
		let bytes: Vec<u8> = keys.iter().flat_map(|key| key.0 .0).collect();
		let path = directory.file(&Self::file_name(tree.number));
		// Receipt keys are no secrets, but together they link the meter's trades.
		files::write_bytes(&path, &bytes, true, Replace::Yes)?;
		self.lock().insert(tree.number, keys.into());
		Ok(())
	}

	/// A tree's keys. A file that does not hold them is replaced: the seed knows better.
	pub(super) fn get(
		&self,
		directory: &Directory,
		state: &MeterState,
		tree: &Tree,
		progress: &dyn Progress,
	) -> Result<Arc<[ReceiptKey]>, MeterError> {
		if let Some(keys) = self.lock().get(&tree.number) {
			if keys.len() == tree.leaves as usize {
				return Ok(keys.clone());
			}
		}
		let path = directory.file(&Self::file_name(tree.number));
		let stored = files::read_bytes(&path, true).ok().and_then(|bytes| parse(&bytes));
		if let Some(keys) = stored.filter(|keys| tree_root(keys) == Some(tree.root)) {
			let keys: Arc<[ReceiptKey]> = keys.into();
			self.lock().insert(tree.number, keys.clone());
			return Ok(keys);
		}
		let keys = derive(&state.seed, tree.number, tree.leaves, progress);
		if tree_root(&keys) != Some(tree.root) {
			return Err(MeterError::Damaged("the seed does not give the tree's root".into()));
		}
		self.put(directory, tree, keys.clone())?;
		Ok(keys.into())
	}

	/// Forgets the keys of trees that the meter has forgotten, also on the disk.
	pub(super) fn remove(&self, directory: &Directory, trees: &[u32]) {
		let mut keys = self.lock();
		for number in trees {
			keys.remove(number);
			// Only a cache: what stays behind costs room on the disk and nothing else.
			let _ = std::fs::remove_file(directory.file(&Self::file_name(*number)));
		}
	}

	fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u32, Arc<[ReceiptKey]>>> {
		// Entries are inserted whole, so what a panicking thread left is sound.
		self.keys.lock().unwrap_or_else(PoisonError::into_inner)
	}
}

fn parse(bytes: &[u8]) -> Option<Vec<ReceiptKey>> {
	let chunks = bytes.chunks_exact(KEY_BYTES);
	let exact = chunks.remainder().is_empty();
	exact.then(|| chunks.map(|chunk| ReceiptKey(sp_core::H256::from_slice(chunk))).collect())
}

/// The proof that a leaf's key is in the certified tree.
pub(super) fn prove(keys: &[ReceiptKey], leaf: u32, coe: &Coe) -> Result<MeterProof, MeterError> {
	let path = tree_path(keys, leaf)
		.ok_or_else(|| MeterError::Damaged("a leaf is not in its tree".into()))?;
	Ok(MeterProof { index: leaf, path, coe: coe.clone() })
}
