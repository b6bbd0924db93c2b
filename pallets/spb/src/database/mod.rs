//! The CTP database in the node's off-chain storage (docs/protocol.md, section 5).
//!
//! The database after a block is three trees (see [`tree`]) whose roots the block's record names:
//! the entries in order of expiry and id, under whose root the header stands; and, beside it, what
//! is open on each vault and on each offer. Everything is keyed by the block that wrote it, so forks
//! do not meet, a check writes only what is new, and what it wrote twice is the same.
//!
//! Expiry drops a whole part of the first tree at once. The claims on vaults and offers are kept with
//! their expiries and forget by being read: what has run out no longer counts. Each block reads a few
//! of them in turn, so that nothing stays for ever where nobody trades any more.
//!
//! | key | value |
//! | --- | --- |
//! | `spb/n/` name | a node or an entry |
//! | `spb/b/` block hash | [`BlockRecord`] |
//! | `spb/l/` block hash | [`tree::Leftovers`] of each tree, for the housekeeper |
//! | `spb/c/` block hash | what the block added and settled |
//! | `spb/x/` CTP id | the expiry, which finds the entry |
//! | `spb/h/` number | the hashes of all blocks of that height that were checked |
//! | `spb/i/` number | the ids that swept blocks of that height added, until all have expired |
//! | `spb/f/` number | the final block of that height |
//! | `spb/final`, `spb/swept`, `spb/indexed`, `spb/work` | how far finality and the housekeeper are |
//! | `spb/lock` | the block at which a housekeeper began that is not done |
//! | `spb/tail` | [`Roots`] of the last final database that was forgotten |
//! | `spb/restoring`, `spb/attempts`, `spb/discarded`, `spb/r/`, `spb/p/` | see [`restore`] |

mod housekeeper;
pub mod restore;
pub mod store;
#[cfg(test)]
mod tests;
pub mod tree;

pub use housekeeper::{housekeeping, note_final, sweep, Budget};

use crate::runtime_api::{BlockChanges, CtpFilter, DatabaseSummary, Missing, OpenCtp, SettledCtp};
use alloc::{
	collections::{btree_map::Entry, BTreeMap},
	vec::Vec,
};
use codec::{Decode, DecodeAll, Encode};
use sp_core::H256;
use spb_primitives::{
	database_root,
	root::{entry_key, Key},
	BlockNumber, CtpId, Energy, InclusionProof, Money, OfferId, ReceiptKey, SignedCtp, VaultId,
};
use store::Store;
use tree::{Leftovers, Link, MissingNode, Tree};

const ENTRIES: u8 = 0;
const VAULTS: u8 = 1;
const OFFERS: u8 = 2;

/// Vaults and offers that each block looks at, beside two for each CTP that it adds.
const TIDIED: usize = 4;

impl From<MissingNode> for Missing {
	fn from(_: MissingNode) -> Self {
		Missing::Node
	}
}

/// Where the three trees of a database begin. The default is the empty database.
#[derive(Clone, Default, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Roots {
	entries: Option<Link>,
	vaults: Option<Link>,
	offers: Option<Link>,
	/// What expires before this has been dropped, for good.
	live_from: BlockNumber,
	/// The last vault and the last offer that were looked at for claims that have run out; none where
	/// the next is the first.
	tidied: (Option<VaultId>, Option<OfferId>),
}

/// What is stored of a block whose evidence was found good.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct BlockRecord {
	/// Its number.
	pub number: BlockNumber,
	/// Its parent.
	pub parent: H256,
	/// The database after it.
	pub roots: Roots,
	/// Whether the database was restored from its entries and not made from its parent's.
	pub restored: bool,
}

/// What a block added and settled, as it is stored; what it dropped is among its leftovers.
#[derive(Clone, Default, PartialEq, Eq, Debug, Encode, Decode)]
struct ChangeRecord {
	added: Vec<(BlockNumber, CtpId)>,
	settled: Vec<SettledCtp>,
}

/// An open CTP as its vault sees it.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Claim {
	/// Its expiry.
	pub expiry: BlockNumber,
	/// Its id.
	pub id: CtpId,
	/// What it may draw.
	pub amount: Money,
	/// The receipt key that it names.
	pub receipt_key: ReceiptKey,
}

/// The energy that open CTPs claim of an offer, by expiry, Wh.
type Sold = BTreeMap<BlockNumber, u64>;

fn block_key(hash: &H256) -> Vec<u8> {
	(b"spb/b/", hash).encode()
}

fn leftovers_key(hash: &H256) -> Vec<u8> {
	(b"spb/l/", hash).encode()
}

fn changes_key(hash: &H256) -> Vec<u8> {
	(b"spb/c/", hash).encode()
}

fn index_key(id: &CtpId) -> Vec<u8> {
	(b"spb/x/", id).encode()
}

fn height_key(number: BlockNumber) -> Vec<u8> {
	(b"spb/h/", number).encode()
}

fn read<V: Decode>(store: &impl Store, key: &[u8]) -> Option<V> {
	V::decode_all(&mut &store.get(key)?[..]).ok()
}

fn write<V: Encode>(store: &impl Store, key: &[u8], value: &V) {
	store.set(key, &value.encode());
}

/// A number as the key of a tree beside the entries.
fn number_key(number: u32) -> Key {
	entry_key(number, &CtpId::default())
}

/// The record of a block, if its evidence was found good here.
pub fn block_record(store: &impl Store, hash: &H256) -> Option<BlockRecord> {
	read(store, &block_key(hash))
}

/// The database after one block, with the changes that the next one makes to it.
pub struct Database<'a, S> {
	store: &'a S,
	entries: Tree<'a, S>,
	vaults: Tree<'a, S>,
	offers: Tree<'a, S>,
	/// The first expiry that still counts.
	live_from: BlockNumber,
	tidied: (Option<VaultId>, Option<OfferId>),
	open: u32,
	claims: BTreeMap<VaultId, Vec<Claim>>,
	sold: BTreeMap<OfferId, Sold>,
	/// The expiry of what was added, by id.
	added: BTreeMap<CtpId, BlockNumber>,
	changes: ChangeRecord,
}

impl<'a, S: Store> Database<'a, S> {
	/// The database at `roots`.
	pub fn new(store: &'a S, roots: Roots) -> Self {
		let entries = Tree::new(store, ENTRIES, true, roots.entries);
		let open = entries.count();
		Self {
			store,
			entries,
			vaults: Tree::new(store, VAULTS, false, roots.vaults),
			offers: Tree::new(store, OFFERS, false, roots.offers),
			live_from: roots.live_from,
			tidied: roots.tidied,
			open,
			claims: BTreeMap::new(),
			sold: BTreeMap::new(),
			added: BTreeMap::new(),
			changes: ChangeRecord::default(),
		}
	}

	/// How many CTPs are open.
	pub fn open(&self) -> u32 {
		self.open
	}

	/// Whether the CTP is open.
	pub fn contains(&mut self, expiry: BlockNumber, id: &CtpId) -> Result<bool, MissingNode> {
		Ok(self.entries.get(&entry_key(expiry, id))?.is_some())
	}

	/// The open CTP of this id.
	pub fn entry(&mut self, id: &CtpId) -> Result<Option<SignedCtp>, MissingNode> {
		let added = self.added.get(id).copied();
		let Some(expiry) = added.or_else(|| read(self.store, &index_key(id))) else {
			return Ok(None);
		};
		self.entry_at(expiry, id)
	}

	/// The open CTP of this expiry and id.
	pub fn entry_at(
		&mut self,
		expiry: BlockNumber,
		id: &CtpId,
	) -> Result<Option<SignedCtp>, MissingNode> {
		match self.entries.get(&entry_key(expiry, id))? {
			Some(bytes) => {
				SignedCtp::decode_all(&mut &bytes[..]).map(Some).map_err(|_| MissingNode)
			},
			None => Ok(None),
		}
	}

	/// What is open on a vault.
	pub fn claims(&mut self, vault: VaultId) -> Result<&[Claim], MissingNode> {
		self.claims_mut(vault).map(|claims| &claims[..])
	}

	fn claims_mut(&mut self, vault: VaultId) -> Result<&mut Vec<Claim>, MissingNode> {
		match self.claims.entry(vault) {
			Entry::Occupied(entry) => Ok(entry.into_mut()),
			Entry::Vacant(entry) => {
				let mut claims: Vec<Claim> = stored(&mut self.vaults, vault)?;
				claims.retain(|claim| claim.expiry >= self.live_from);
				Ok(entry.insert(claims))
			},
		}
	}

	/// The energy that open CTPs claim of an offer, Wh.
	pub fn claimed(&mut self, offer: OfferId) -> Result<u64, MissingNode> {
		Ok(self.sold_mut(offer)?.values().sum())
	}

	fn sold_mut(&mut self, offer: OfferId) -> Result<&mut Sold, MissingNode> {
		match self.sold.entry(offer) {
			Entry::Occupied(entry) => Ok(entry.into_mut()),
			Entry::Vacant(entry) => {
				let mut sold: Sold = stored(&mut self.offers, offer)?;
				sold.retain(|expiry, _| *expiry >= self.live_from);
				Ok(entry.insert(sold))
			},
		}
	}

	/// Adds a CTP that the rules let in.
	pub fn add(&mut self, id: CtpId, signed: &SignedCtp) -> Result<(), MissingNode> {
		let ctp = &signed.ctp;
		self.entries.insert(entry_key(ctp.expiry, &id), signed.leaf(), signed.encode())?;
		self.claims_mut(ctp.vault)?.push(Claim {
			expiry: ctp.expiry,
			id,
			amount: ctp.amount,
			receipt_key: ctp.receipt_key,
		});
		let sum = self.sold_mut(ctp.offer)?.entry(ctp.expiry).or_default();
		*sum = sum.saturating_add(ctp.energy.wh().into());
		self.open = self.open.saturating_add(1);
		self.added.insert(id, ctp.expiry);
		self.changes.added.push((ctp.expiry, id));
		Ok(())
	}

	/// Takes out a CTP that settles.
	pub fn settle(&mut self, settled: SettledCtp) -> Result<(), MissingNode> {
		let ctp = &settled.settlement.ctp.ctp;
		let id = settled.id;
		self.entries.remove(&entry_key(ctp.expiry, &id))?;
		self.claims_mut(ctp.vault)?.retain(|claim| claim.id != id);
		let sold = self.sold_mut(ctp.offer)?;
		if let Entry::Occupied(mut sum) = sold.entry(ctp.expiry) {
			*sum.get_mut() = sum.get().saturating_sub(ctp.energy.wh().into());
			if *sum.get() == 0 {
				sum.remove();
			}
		}
		self.open = self.open.saturating_sub(1);
		self.changes.settled.push(settled);
		Ok(())
	}

	/// Drops every entry whose expiry is below `bound`.
	pub fn expire(&mut self, bound: BlockNumber) -> Result<(), MissingNode> {
		self.entries.remove_below(bound)?;
		self.open = self.entries.count();
		self.live_from = self.live_from.max(bound);
		Ok(())
	}

	/// The root over the entries.
	pub fn root(&self) -> H256 {
		self.entries.root_hash()
	}

	/// Stores the database as the one after the block `hash`.
	pub fn commit(
		mut self,
		number: BlockNumber,
		parent: H256,
		hash: H256,
	) -> Result<(), MissingNode> {
		// A damaged part that nobody trades on is no reason to lose the block.
		let _ = self.tidy();
		for (vault, claims) in core::mem::take(&mut self.claims) {
			update(&mut self.vaults, vault, claims.is_empty(), &claims)?;
		}
		for (offer, sold) in core::mem::take(&mut self.sold) {
			update(&mut self.offers, offer, sold.is_empty(), &sold)?;
		}
		for (expiry, id) in &self.changes.added {
			write(self.store, &index_key(id), expiry);
		}
		let (entries, mut leftovers) = self.entries.commit(hash);
		let (vaults, of_vaults) = self.vaults.commit(hash);
		let (offers, of_offers) = self.offers.commit(hash);
		for Leftovers { stale, dropped, fresh } in [of_vaults, of_offers] {
			leftovers.stale.extend(stale);
			leftovers.dropped.extend(dropped);
			leftovers.fresh.extend(fresh);
		}
		write(self.store, &leftovers_key(&hash), &leftovers);
		write(self.store, &changes_key(&hash), &self.changes);
		let mut same_height: Vec<H256> = read(self.store, &height_key(number)).unwrap_or_default();
		if !same_height.contains(&hash) {
			same_height.push(hash);
			write(self.store, &height_key(number), &same_height);
		}
		// Last, because it makes the database count.
		let Self { live_from, tidied, .. } = self;
		let roots = Roots { entries, vaults, offers, live_from, tidied };
		write(
			self.store,
			&block_key(&hash),
			&BlockRecord { number, parent, roots, restored: false },
		);
		Ok(())
	}

	/// Looks at the next few vaults and offers in turn for claims that have run out, and reads those
	/// in to be written anew: so they go although nobody trades there any more. It looks at more than
	/// the block can add.
	fn tidy(&mut self) -> Result<(), MissingNode> {
		let (limit, live_from) = (TIDIED + 2 * self.changes.added.len(), self.live_from);
		let (vault, offer) = core::mem::take(&mut self.tidied);
		let (vaults, vault) = run_out(&self.vaults, vault, limit, |claims: &Vec<Claim>| {
			claims.iter().any(|claim| claim.expiry < live_from)
		})?;
		let (offers, offer) = run_out(&self.offers, offer, limit, |sold: &Sold| {
			sold.keys().any(|expiry| *expiry < live_from)
		})?;
		for vault in vaults {
			self.claims_mut(vault)?;
		}
		for offer in offers {
			self.sold_mut(offer)?;
		}
		self.tidied = (vault, offer);
		Ok(())
	}

	/// The open CTP of this id with the steps that prove it.
	pub fn proof(&mut self, id: &CtpId) -> Result<Option<(OpenCtp, InclusionProof)>, MissingNode> {
		let Some(signed) = self.entry(id)? else { return Ok(None) };
		let steps = self.entries.proof(&entry_key(signed.ctp.expiry, id))?;
		Ok(steps.map(|steps| (OpenCtp { id: *id, signed }, InclusionProof { steps })))
	}

	/// Open CTPs above `after`, at most `limit`.
	pub fn list(
		&mut self,
		filter: &CtpFilter,
		after: Option<(BlockNumber, CtpId)>,
		limit: usize,
	) -> Result<Vec<OpenCtp>, MissingNode> {
		if let Some(vault) = filter.vault {
			return self.list_of_vault(vault, filter, after, limit);
		}
		let after = after.map(|(expiry, id)| entry_key(expiry, &id));
		let mut rows = Vec::new();
		if limit == 0 {
			return Ok(rows);
		}
		let mut damaged = false;
		self.entries.visit(after.as_ref(), &mut |key, bytes| {
			match open_ctp(key, bytes) {
				Some(open) if filter.matches(&open.signed.ctp) => rows.push(open),
				Some(_) => {},
				None => damaged = true,
			}
			!damaged && rows.len() < limit
		})?;
		if damaged {
			Err(MissingNode)
		} else {
			Ok(rows)
		}
	}

	/// The same where one vault is asked for, which knows its few CTPs.
	fn list_of_vault(
		&mut self,
		vault: VaultId,
		filter: &CtpFilter,
		after: Option<(BlockNumber, CtpId)>,
		limit: usize,
	) -> Result<Vec<OpenCtp>, MissingNode> {
		let places = self.claims(vault)?.iter().map(|claim| (claim.expiry, claim.id));
		let mut places: Vec<_> = places.filter(|place| Some(*place) > after).collect();
		places.sort_unstable();
		let mut rows = Vec::new();
		for (expiry, id) in places {
			if rows.len() >= limit {
				break;
			}
			let signed = self.entry_at(expiry, &id)?.ok_or(MissingNode)?;
			if filter.matches(&signed.ctp) {
				rows.push(OpenCtp { id, signed });
			}
		}
		Ok(rows)
	}

	/// Counts and hashes all entries anew.
	pub fn summary(&self) -> Result<DatabaseSummary, MissingNode> {
		let mut leaves = Vec::new();
		let mut buckets: Vec<(BlockNumber, u32)> = Vec::new();
		let mut damaged = false;
		self.entries.visit(None, &mut |key, bytes| {
			let Some(open) = open_ctp(key, bytes) else {
				damaged = true;
				return false;
			};
			let expiry = open.signed.ctp.expiry;
			match buckets.last_mut() {
				Some((last, count)) if *last == expiry => *count += 1,
				_ => buckets.push((expiry, 1)),
			}
			leaves.push((*key, open.signed.leaf()));
			true
		})?;
		if damaged {
			return Err(MissingNode);
		}
		Ok(DatabaseSummary { root: database_root(&leaves), open: leaves.len() as u32, buckets })
	}
}

/// The numbers above `after` at which something stands that has run out, among the first `limit`;
/// and the last number looked at, none at the tree's end.
fn run_out<S: Store, V: Decode>(
	tree: &Tree<'_, S>,
	after: Option<u32>,
	limit: usize,
	has_run_out: impl Fn(&V) -> bool,
) -> Result<(Vec<u32>, Option<u32>), MissingNode> {
	let (mut numbers, mut seen, mut last) = (Vec::new(), 0, None);
	let mut damaged = false;
	tree.visit(after.map(number_key).as_ref(), &mut |key, bytes| {
		let mut number = [0; 4];
		number.copy_from_slice(&key[..4]);
		let number = u32::from_be_bytes(number);
		match V::decode_all(&mut &bytes[..]) {
			Ok(value) if has_run_out(&value) => numbers.push(number),
			Ok(_) => {},
			Err(_) => damaged = true,
		}
		seen += 1;
		last = (seen == limit).then_some(number);
		last.is_none() && !damaged
	})?;
	if damaged {
		Err(MissingNode)
	} else {
		Ok((numbers, last))
	}
}

/// What stands at a number's key in a tree beside the entries.
fn stored<S: Store, V: Decode + Default>(
	tree: &mut Tree<'_, S>,
	number: u32,
) -> Result<V, MissingNode> {
	match tree.get(&number_key(number))? {
		Some(bytes) => V::decode_all(&mut &bytes[..]).map_err(|_| MissingNode),
		None => Ok(V::default()),
	}
}

/// Writes what stands at a number's key, if it changed; nothing at all if it is empty.
fn update<S: Store>(
	tree: &mut Tree<'_, S>,
	number: u32,
	empty: bool,
	value: &impl Encode,
) -> Result<(), MissingNode> {
	let key = number_key(number);
	if empty {
		return tree.remove(&key).map(|_| ());
	}
	let value = value.encode();
	if tree.get(&key)?.as_ref() != Some(&value) {
		tree.insert(key, H256::zero(), value)?;
	}
	Ok(())
}

fn open_ctp(key: &Key, bytes: &[u8]) -> Option<OpenCtp> {
	let signed = SignedCtp::decode_all(&mut &bytes[..]).ok()?;
	Some(OpenCtp { id: CtpId(H256::from_slice(&key[4..])), signed })
}

/// What the block `hash` did to the database.
pub fn changes(store: &impl Store, hash: &H256) -> Result<BlockChanges, Missing> {
	let (Some(record), Some(changes), Some(leftovers)) = (
		block_record(store, hash),
		read::<ChangeRecord>(store, &changes_key(hash)),
		read::<Leftovers>(store, &leftovers_key(hash)),
	) else {
		return Err(Missing::Database(*hash));
	};
	let mut after = Tree::new(store, ENTRIES, true, record.roots.entries);
	let mut added = Vec::new();
	for (expiry, id) in changes.added {
		let bytes = match after.get(&entry_key(expiry, &id))? {
			Some(bytes) => SignedCtp::decode_all(&mut &bytes[..]).map_err(|_| Missing::Node)?,
			// It settled in the same block.
			None => match changes.settled.iter().find(|settled| settled.id == id) {
				Some(settled) => settled.settlement.ctp.clone(),
				None => return Err(Missing::Node),
			},
		};
		added.push(OpenCtp { id, signed: bytes });
	}
	let mut expired = Vec::new();
	for (tree, link) in leftovers.dropped {
		if tree == ENTRIES {
			Tree::new(store, ENTRIES, true, Some(link)).visit(None, &mut |key, bytes| {
				expired.extend(open_ctp(key, bytes));
				true
			})?;
		}
	}
	Ok(BlockChanges { added, settled: changes.settled, expired })
}

/// The energy that an offer has left beside its open CTPs.
pub fn left_on_offer(available: Energy, claimed: u64) -> u64 {
	u64::from(available.wh()).saturating_sub(claimed)
}
