//! Forgets what lies far enough behind the last final block. Advisory: nothing in consensus waits
//! for it, and it only takes away what no retained database names, so it needs no lock.

use super::{
	block_key, block_record, changes_key, height_key, index_key, leftovers_key, read,
	restore::{part_key, parts_of, restored_key, Indexed, DISCARDED},
	store::{Offchain, Store},
	tree::{below, Leftovers, Link},
	write, ChangeRecord, Roots,
};
use crate::{Config, Pallet};
use alloc::vec::Vec;
use codec::{Decode, Encode};
use sp_core::H256;
use spb_primitives::{BlockNumber, CtpId, Parameters};

const FINAL: &[u8] = b"spb/final";
const SWEPT: &[u8] = b"spb/swept";
const WORK: &[u8] = b"spb/work";
const INDEXED: &[u8] = b"spb/indexed";
const LOCK: &[u8] = b"spb/lock";

/// Blocks after which a run that has not ended is given up.
const LOCK_BLOCKS: BlockNumber = 16;
const TAIL: &[u8] = b"spb/tail";

fn final_key(number: BlockNumber) -> Vec<u8> {
	(b"spb/f/", number).encode()
}

/// The ids that blocks of a height added, once the height is swept, with their expiries.
fn indexed_key(number: BlockNumber) -> Vec<u8> {
	(b"spb/i/", number).encode()
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
///
/// From the lowest up, so that wherever it is interrupted no height is left out.
pub fn note_final(store: &impl Store, number: BlockNumber, hash: H256) {
	let mut news = Vec::new();
	let mut next = Some((number, hash));
	while let Some((number, hash)) = next {
		if read::<H256>(store, &final_key(number)) == Some(hash) {
			break;
		}
		let Some(record) = block_record(store, &hash) else { break };
		news.push((number, hash));
		next = number.checked_sub(1).map(|before| (before, record.parent));
	}
	for (number, hash) in news.into_iter().rev() {
		write(store, &final_key(number), &hash);
	}
	let known = read::<(BlockNumber, H256)>(store, FINAL);
	if known.is_none_or(|(known, _)| known < number) {
		write(store, FINAL, &(number, hash));
	}
}

/// The pallet's `offchain_worker`. One run at a time: those of several blocks may overlap.
pub fn housekeeping<T: Config>() {
	let now = Pallet::<T>::now();
	if lock(now) {
		sweep(&Offchain, &Pallet::<T>::parameters(), Budget::PER_BLOCK);
		Offchain.remove(LOCK);
	}
}

/// Takes the lock, also from a run that began so long ago that its process must be gone.
fn lock(now: BlockNumber) -> bool {
	let held = Offchain.get(LOCK);
	let since = held.as_deref().and_then(|held| BlockNumber::decode(&mut &held[..]).ok());
	let is_held = since.is_some_and(|since| now.abs_diff(since) < LOCK_BLOCKS);
	!is_held && Offchain.compare_and_set(LOCK, held, &now.encode())
}

/// Goes on with forgetting where it stopped, as far as the budget goes.
///
/// Of each height past retention: what the final block made useless, and all that other blocks
/// wrote; the ids that they added when these have expired in every database that is kept.
pub fn sweep(store: &impl Store, parameters: &Parameters, budget: Budget) {
	let mut nodes = budget.nodes;
	let mut work: Vec<(u8, Link)> = read(store, WORK).unwrap_or_default();
	take_discarded(store, &mut work);
	if !work.is_empty() {
		forget_parts(store, &mut work, &mut nodes);
		write(store, WORK, &work);
	}
	let Some((last_final, _)) = read::<(BlockNumber, H256)>(store, FINAL) else { return };
	let Some(end) = last_final.checked_sub(parameters.retention()) else { return };
	let start: BlockNumber = read::<BlockNumber>(store, SWEPT).unwrap_or(0).saturating_add(1);
	let end = end.min(start.saturating_add(budget.heights));
	let mut swept = None;
	let mut tail: Option<Roots> = read(store, TAIL);
	for number in start..end {
		if nodes == 0 {
			break;
		}
		let canonical: Option<H256> = read(store, &final_key(number));
		let blocks: Vec<H256> = read(store, &height_key(number)).unwrap_or_default();
		note_ids(store, number, &blocks);
		for hash in blocks {
			let left: Leftovers = read(store, &leftovers_key(&hash)).unwrap_or_default();
			let record = block_record(store, &hash);
			let restored = record.as_ref().is_some_and(|record| record.restored);
			let roots = record.map(|record| record.roots);
			let (gone, dropped) = if canonical == Some(hash) {
				// A restored database shares nothing with those before it.
				let before = tail.take_if(|_| restored).map(parts_of).unwrap_or_default();
				tail = roots.or(tail);
				(left.stale, [left.dropped, before].concat())
			} else {
				let whole = roots.filter(|_| restored).map(parts_of).unwrap_or_default();
				(left.fresh, whole)
			};
			if !dropped.is_empty() {
				work.extend(dropped);
				// Before the note of them goes.
				write(store, WORK, &work);
			}
			for name in &gone {
				store.remove(&name.storage_key());
			}
			nodes = nodes.saturating_sub(gone.len() as u32);
			store.remove(&leftovers_key(&hash));
			store.remove(&changes_key(&hash));
			store.remove(&block_key(&hash));
		}
		store.remove(&height_key(number));
		store.remove(&final_key(number));
		swept = Some(number);
	}
	if let Some(swept) = swept {
		forget_parts(store, &mut work, &mut nodes);
		write(store, WORK, &work);
		if let Some(tail) = tail {
			write(store, TAIL, &tail);
		}
		write(store, SWEPT, &swept);
	}
	sweep_index(store, parameters.grace, &budget);
}

/// Notes which ids the blocks of a height added, before their own notes go.
fn note_ids(store: &impl Store, number: BlockNumber, blocks: &[H256]) {
	let mut ids: Vec<(BlockNumber, CtpId)> = read(store, &indexed_key(number)).unwrap_or_default();
	for hash in blocks {
		let changes: ChangeRecord = read(store, &changes_key(hash)).unwrap_or_default();
		ids.extend(changes.added);
	}
	if !ids.is_empty() {
		write(store, &indexed_key(number), &ids);
	}
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
		if !sweep_restored(store, number, expired) {
			break;
		}
		let added: Vec<(BlockNumber, CtpId)> =
			read(store, &indexed_key(number)).unwrap_or_default();
		if !added.iter().all(|(expiry, _)| expired(expiry)) {
			break;
		}
		added.iter().for_each(|(_, id)| store.remove(&index_key(id)));
		store.remove(&indexed_key(number));
		indexed = Some(number);
	}
	if let Some(indexed) = indexed {
		write(store, INDEXED, &indexed);
	}
}

/// Forgets the ids of databases restored at this height, one part of each in a run; says whether
/// none is left.
fn sweep_restored(
	store: &impl Store,
	number: BlockNumber,
	expired: impl Fn(&BlockNumber) -> bool,
) -> bool {
	let mut restored: Vec<Indexed> = read(store, &restored_key(number)).unwrap_or_default();
	if restored.is_empty() {
		return true;
	}
	for indexed in restored.iter_mut().filter(|indexed| expired(&indexed.last_expiry)) {
		indexed.parts = indexed.parts.saturating_sub(1);
		let key = part_key(&indexed.version, indexed.parts);
		let ids: Vec<CtpId> = read(store, &key).unwrap_or_default();
		ids.iter().for_each(|id| store.remove(&index_key(id)));
		store.remove(&key);
	}
	restored.retain(|indexed| indexed.parts > 0);
	if restored.is_empty() {
		store.remove(&restored_key(number));
		return true;
	}
	write(store, &restored_key(number), &restored);
	false
}

/// Takes over what refused and interrupted restorations wrote.
fn take_discarded(store: &impl Store, work: &mut Vec<(u8, Link)>) {
	let Some(before) = store.get(DISCARDED) else { return };
	let discarded: Vec<(u8, Link)> = read(store, DISCARDED).unwrap_or_default();
	if discarded.is_empty() {
		return;
	}
	work.extend(discarded);
	// First here, then gone there: what is on both lists for a while is only looked for twice.
	write(store, WORK, work);
	store.compare_and_set(DISCARDED, Some(before), &Vec::<(u8, Link)>::new().encode());
}

/// Takes away dropped parts, as many nodes as are left to do. What hangs below goes first, so that
/// wherever it is interrupted the way to the rest is still there.
fn forget_parts(store: &impl Store, work: &mut Vec<(u8, Link)>, nodes: &mut u32) {
	while *nodes > 0 {
		let Some((tree, link)) = work.pop() else { break };
		let (name, mut children) = below(store, tree, &link);
		children.retain(|child| store.get(&child.name(tree).storage_key()).is_some());
		if children.is_empty() {
			store.remove(&name.storage_key());
			*nodes -= 1;
		} else {
			work.push((tree, link));
			work.extend(children.into_iter().map(|child| (tree, child)));
		}
	}
}
