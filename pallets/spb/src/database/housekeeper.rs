//! Forgets what lies far enough behind the last final block. Advisory: nothing in consensus waits
//! for it, and it only takes away what no retained database names, so it needs no lock.

use super::{
	block_key, block_record, changes_key, height_key, index_key, leftovers_key, read,
	store::{Offchain, Store},
	tree::{below, Leftovers, Link},
	write, ChangeRecord,
};
use crate::{Config, Pallet};
use alloc::vec::Vec;
use codec::Encode;
use sp_core::H256;
use spb_primitives::{BlockNumber, Parameters};

const FINAL: &[u8] = b"spb/final";
const SWEPT: &[u8] = b"spb/swept";
const WORK: &[u8] = b"spb/work";
const INDEXED: &[u8] = b"spb/indexed";

fn final_key(number: BlockNumber) -> Vec<u8> {
	(b"spb/f/", number).encode()
}

/// How much one run may do.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
	/// Heights looked at.
	pub heights: u32,
	/// Parts of trees taken away.
	pub nodes: u32,
}

impl Budget {
	/// Keeps pace with full blocks and stays well below a block's time.
	pub const PER_BLOCK: Self = Self { heights: 256, nodes: 40_000 };
}

/// Remembers that a block is final, and so are those before it.
pub fn note_final(store: &impl Store, number: BlockNumber, hash: H256) {
	let mut next = Some((number, hash));
	while let Some((number, hash)) = next {
		if read::<H256>(store, &final_key(number)) == Some(hash) {
			break;
		}
		let Some(record) = block_record(store, &hash) else { break };
		write(store, &final_key(number), &hash);
		next = number.checked_sub(1).map(|before| (before, record.parent));
	}
	let known = read::<(BlockNumber, H256)>(store, FINAL);
	if known.is_none_or(|(known, _)| known < number) {
		write(store, FINAL, &(number, hash));
	}
}

/// The pallet's `offchain_worker`.
pub fn housekeeping<T: Config>() {
	sweep(&Offchain, &Pallet::<T>::parameters(), Budget::PER_BLOCK);
}

/// Goes on with forgetting where it stopped, as far as the budget goes.
///
/// Of each height past retention: what the final block made useless, and all that other blocks
/// wrote; the ids that they added when these have expired in every database that is kept.
pub fn sweep(store: &impl Store, parameters: &Parameters, budget: Budget) {
	let mut nodes = budget.nodes;
	let mut work: Vec<(u8, Link)> = read(store, WORK).unwrap_or_default();
	if !work.is_empty() {
		forget_parts(store, &mut work, &mut nodes);
		write(store, WORK, &work);
	}
	let Some((last_final, _)) = read::<(BlockNumber, H256)>(store, FINAL) else { return };
	let Some(end) = last_final.checked_sub(parameters.retention()) else { return };
	let start: BlockNumber = read::<BlockNumber>(store, SWEPT).unwrap_or(0).saturating_add(1);
	let end = end.min(start.saturating_add(budget.heights));
	let mut swept = None;
	for number in start..end {
		if nodes == 0 {
			break;
		}
		let canonical: Option<H256> = read(store, &final_key(number));
		let blocks: Vec<H256> = read(store, &height_key(number)).unwrap_or_default();
		for hash in blocks {
			let left: Leftovers = read(store, &leftovers_key(&hash)).unwrap_or_default();
			let gone = if canonical == Some(hash) {
				work.extend(left.dropped);
				left.stale
			} else {
				left.fresh
			};
			for name in &gone {
				store.remove(&name.storage_key());
			}
			nodes = nodes.saturating_sub(gone.len() as u32);
			store.remove(&leftovers_key(&hash));
			store.remove(&block_key(&hash));
		}
		store.remove(&final_key(number));
		swept = Some(number);
	}
	if let Some(swept) = swept {
		forget_parts(store, &mut work, &mut nodes);
		write(store, WORK, &work);
		write(store, SWEPT, &swept);
	}
	sweep_index(store, parameters.grace, &budget);
}

/// Forgets the ids that swept blocks added, each height when all of them have expired in every
/// database that is kept: until then they find their entries.
fn sweep_index(store: &impl Store, grace: BlockNumber, budget: &Budget) {
	let Some(swept) = read::<BlockNumber>(store, SWEPT) else { return };
	let start = read::<BlockNumber>(store, INDEXED).unwrap_or(0).saturating_add(1);
	let end = swept.saturating_add(1).min(start.saturating_add(budget.heights));
	let expired = |expiry: &BlockNumber| expiry.saturating_add(grace) <= swept;
	let mut indexed = None;
	for number in start..end {
		let blocks: Vec<H256> = read(store, &height_key(number)).unwrap_or_default();
		let changes = |hash| read::<ChangeRecord>(store, &changes_key(hash)).unwrap_or_default();
		let added: Vec<_> = blocks.iter().flat_map(|hash| changes(hash).added).collect();
		if !added.iter().all(|(expiry, _)| expired(expiry)) {
			break;
		}
		added.iter().for_each(|(_, id)| store.remove(&index_key(id)));
		blocks.iter().for_each(|hash| store.remove(&changes_key(hash)));
		store.remove(&height_key(number));
		indexed = Some(number);
	}
	if let Some(indexed) = indexed {
		write(store, INDEXED, &indexed);
	}
}

/// Takes away dropped parts, as many nodes as are left to do.
fn forget_parts(store: &impl Store, work: &mut Vec<(u8, Link)>, nodes: &mut u32) {
	while *nodes > 0 {
		let Some((tree, link)) = work.pop() else { break };
		let (name, children) = below(store, tree, &link);
		work.extend(children.into_iter().map(|child| (tree, child)));
		store.remove(&name.storage_key());
		*nodes -= 1;
	}
}
