//! Restores the database after a block from its entries, as peers send them: for a node that joins,
//! that came by warp sync, or that lost its storage.
//!
//! Entries come in ascending order of their keys, a part at a time. Each part is written under a
//! version of this attempt alone, so that neither a fold nor another attempt meets its nodes; later
//! parts write over the nodes that they change, which have the same names. Nothing counts before the
//! root over all entries is the one that the block's header names: then the ids are indexed, and
//! last of all the block's record is written. What is refused is left to the housekeeper.
//!
//! | key | value |
//! | --- | --- |
//! | `spb/restoring` | [`Progress`] of the one attempt under way |
//! | `spb/attempts` | how many there were |
//! | `spb/discarded` | the roots of refused and interrupted attempts |
//! | `spb/r/` number | [`Indexed`] ids of databases restored after blocks of that height |
//! | `spb/p/` version, part | some of these ids |

use super::{
	block_key, height_key, index_key, read, store::Store, tree::Version, update, write,
	BlockRecord, Database, Roots, ENTRIES, OFFERS, VAULTS,
};
use crate::runtime_api::{CtpFilter, NotRestored, RestoreStep, Restoring};
use alloc::vec::Vec;
use codec::{Decode, Encode};
use sp_core::H256;
use sp_runtime::traits::Hash;
use spb_primitives::{
	root::{entry_key, Key},
	BlockNumber, CtpId, Genesis, Hashing, SignedCtp,
};

/// Entries of one part at the most: few enough that the claims of all vaults they name fit the
/// runtime's memory.
pub const MAX_PART: usize = 4_096;

const RESTORING: &[u8] = b"spb/restoring";
const ATTEMPTS: &[u8] = b"spb/attempts";
pub(super) const DISCARDED: &[u8] = b"spb/discarded";

pub(super) fn restored_key(number: BlockNumber) -> Vec<u8> {
	(b"spb/r/", number).encode()
}

pub(super) fn part_key(version: &Version, part: u32) -> Vec<u8> {
	(b"spb/p/", version, part).encode()
}

/// The ids that a restored database brought into the index.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub(super) struct Indexed {
	/// The attempt.
	pub version: Version,
	/// How many parts they are in.
	pub parts: u32,
	/// When the last of them expires.
	pub last_expiry: BlockNumber,
}

/// Which database is wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
	/// The block after which it is.
	pub block: H256,
	/// That block's number.
	pub number: BlockNumber,
	/// That block's parent.
	pub parent: H256,
	/// The root that its header names.
	pub root: H256,
	/// The first expiry that still counts after it.
	pub live_from: BlockNumber,
	/// Open CTPs at the most.
	pub max_open: u32,
	/// For the ids.
	pub genesis: Genesis,
}

#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
struct Progress {
	block: H256,
	version: Version,
	roots: Roots,
	/// The key of the last entry.
	last: Option<Key>,
	stage: Stage,
}

#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
enum Stage {
	/// Entries come in.
	Filling,
	/// The root is right; ids above this entry are still to be indexed.
	Indexing { after: Option<(BlockNumber, CtpId)>, parts: u32 },
}

/// Does the next step of restoring a database.
pub fn restore<S: Store>(
	store: &S,
	target: &Target,
	step: RestoreStep,
) -> Result<Restoring, NotRestored> {
	let under_way = read::<Progress>(store, RESTORING);
	let progress = match step {
		RestoreStep::Begin => {
			if let Some(Progress { roots, .. }) = under_way {
				discard(store, roots);
			}
			write(store, RESTORING, &begin(store, target));
			return Ok(Restoring::More);
		},
		_ => under_way.filter(|progress| progress.block == target.block),
	};
	let mut progress = progress.ok_or(NotRestored::NotBegun)?;
	let done = match (step, &progress.stage) {
		(RestoreStep::Entries(entries), Stage::Filling) => {
			fill(store, target, &mut progress, entries)
		},
		(RestoreStep::Finish, Stage::Filling) => compare(store, target, &mut progress),
		(RestoreStep::Finish, Stage::Indexing { after, parts }) => {
			let (after, parts) = (*after, *parts);
			index(store, target, &mut progress, after, parts)
		},
		_ => Err(NotRestored::NotBegun),
	};
	match done {
		Ok(Restoring::More) => write(store, RESTORING, &progress),
		Ok(Restoring::Done) => store.remove(RESTORING),
		// Another step may still be right.
		Err(NotRestored::NotBegun) => {},
		Err(_) => {
			store.remove(RESTORING);
			discard(store, progress.roots);
		},
	}
	done
}

fn begin<S: Store>(store: &S, target: &Target) -> Progress {
	let attempt = read::<u64>(store, ATTEMPTS).unwrap_or(0).saturating_add(1);
	write(store, ATTEMPTS, &attempt);
	let version = Hashing::hash_of(&(b"spb/restore", target.block, attempt));
	let (block, roots) = (target.block, Roots::default());
	Progress { block, version, roots, last: None, stage: Stage::Filling }
}

fn fill<S: Store>(
	store: &S,
	target: &Target,
	progress: &mut Progress,
	entries: Vec<SignedCtp>,
) -> Result<Restoring, NotRestored> {
	if entries.len() > MAX_PART {
		return Err(NotRestored::PartTooLarge);
	}
	let mut database = Database::new(store, progress.roots.clone());
	for signed in &entries {
		let id = CtpId::of(&signed.ctp, &target.genesis);
		let key = entry_key(signed.ctp.expiry, &id);
		if progress.last.is_some_and(|last| key <= last) {
			return Err(NotRestored::OutOfOrder);
		}
		progress.last = Some(key);
		database.add(id, signed).map_err(|_| NotRestored::Damaged)?;
		if database.open() > target.max_open {
			return Err(NotRestored::TooManyOpen);
		}
	}
	progress.roots = store_part(database, progress.version)?;
	Ok(Restoring::More)
}

/// Writes a part. Whatever is written anew has the name it had, so nothing is left over.
fn store_part<S: Store>(
	mut database: Database<'_, S>,
	version: Version,
) -> Result<Roots, NotRestored> {
	let (claims, sold) =
		(core::mem::take(&mut database.claims), core::mem::take(&mut database.sold));
	for (vault, claims) in claims {
		update(&mut database.vaults, vault, claims.is_empty(), &claims)
			.map_err(|_| NotRestored::Damaged)?;
	}
	for (offer, sold) in sold {
		update(&mut database.offers, offer, sold.is_empty(), &sold)
			.map_err(|_| NotRestored::Damaged)?;
	}
	Ok(Roots {
		entries: database.entries.commit(version).0,
		vaults: database.vaults.commit(version).0,
		offers: database.offers.commit(version).0,
		live_from: 0,
		tidied: (None, None),
	})
}

/// All entries are there: whether they are those of the header.
fn compare<S: Store>(
	store: &S,
	target: &Target,
	progress: &mut Progress,
) -> Result<Restoring, NotRestored> {
	let database = Database::new(store, progress.roots.clone());
	if database.root() != target.root {
		return Err(NotRestored::WrongRoot);
	}
	progress.stage = Stage::Indexing { after: None, parts: 0 };
	Ok(Restoring::More)
}

/// Makes the next entries known by their ids, and after the last of them the database known.
fn index<S: Store>(
	store: &S,
	target: &Target,
	progress: &mut Progress,
	after: Option<(BlockNumber, CtpId)>,
	parts: u32,
) -> Result<Restoring, NotRestored> {
	let mut database = Database::new(store, progress.roots.clone());
	let rows =
		database.list(&CtpFilter::default(), after, MAX_PART).map_err(|_| NotRestored::Damaged)?;
	let ids: Vec<_> = rows.iter().map(|open| open.id).collect();
	for open in &rows {
		write(store, &index_key(&open.id), &open.signed.ctp.expiry);
	}
	if let Some(last) = rows.last() {
		write(store, &part_key(&progress.version, parts), &ids);
		let after = Some((last.signed.ctp.expiry, last.id));
		progress.stage = Stage::Indexing { after, parts: parts.saturating_add(1) };
		return Ok(Restoring::More);
	}
	// A grace that was shortened may leave entries that would have gone by the new one.
	let first = database.list(&CtpFilter::default(), None, 1).map_err(|_| NotRestored::Damaged)?;
	let first = first.first().map_or(target.live_from, |open| open.signed.ctp.expiry);
	let roots = Roots { live_from: target.live_from.min(first), ..progress.roots.clone() };
	let indexed =
		after.map(|(last_expiry, _)| Indexed { version: progress.version, parts, last_expiry });
	finish(store, target, roots, indexed);
	Ok(Restoring::Done)
}

fn finish<S: Store>(store: &S, target: &Target, roots: Roots, ids: Option<Indexed>) {
	let number = target.number;
	if let Some(ids) = ids {
		let mut indexed: Vec<Indexed> = read(store, &restored_key(number)).unwrap_or_default();
		indexed.push(ids);
		write(store, &restored_key(number), &indexed);
	}
	let mut same_height: Vec<H256> = read(store, &height_key(number)).unwrap_or_default();
	if !same_height.contains(&target.block) {
		same_height.push(target.block);
		write(store, &height_key(number), &same_height);
	}
	// Last, because it makes the database count.
	let record = BlockRecord { number, parent: target.parent, roots, restored: true };
	write(store, &block_key(&target.block), &record);
}

/// The trees of a database, for the housekeeper to take away.
pub(super) fn parts_of(roots: Roots) -> Vec<(u8, super::Link)> {
	let trees = [(ENTRIES, roots.entries), (VAULTS, roots.vaults), (OFFERS, roots.offers)];
	trees.into_iter().filter_map(|(tree, root)| Some((tree, root?))).collect()
}

/// Leaves what an attempt wrote to the housekeeper, who may take over the list at any time.
fn discard<S: Store>(store: &S, roots: Roots) {
	let parts = parts_of(roots);
	if parts.is_empty() {
		return;
	}
	loop {
		let before = store.get(DISCARDED);
		let mut list: Vec<(u8, super::Link)> = read(store, DISCARDED).unwrap_or_default();
		list.extend(parts.iter().cloned());
		if store.compare_and_set(DISCARDED, before, &list.encode()) {
			return;
		}
	}
}
