//! A meter: its identity, its one-time keys and the word it gives.
//!
//! A meter has a key that its manufacturer certified and that only other meters see, and one-time
//! keys that it derives from a seed by tree and leaf number. The hash of a one-time key, the receipt
//! key, stands in a CTP; the key itself appears in the ERC that confirms it. A leaf is used once: its
//! counter is on the disk, under a lock, before anyone sees the CTP that names it. After a restore
//! the meter goes on with a new tree, because a copy's counters may be behind.
//!
//! A meter counts each watt-hour towards one CTP, confirms a CTP once, and signs only for the vaults
//! that it is paired with (the first one that asks, unless others were named).
//!
//! Nothing here talks to a node: what the chain knows (its genesis, the block, who makes meters) is
//! handed in.

mod coe;
mod error;
mod issue;
mod letters;
mod reserve;
mod state;
#[cfg(test)]
mod tests;
mod tree;

pub use coe::{last_block, CoeDocument, CoeRequestDocument, MeterCertificate, VALIDITY_STEP};
pub use error::MeterError;
pub use issue::{Draft, Issued, Moment, Reading, Receipt, Unconfirmed};
pub use letters::Listing;

use crate::{
	files::{self, Directory, FileError, Replace},
	keys::Secret,
};
use serde::Serialize;
use sp_core::H256;
use spb_primitives::{BlockNumber, Energy, Genesis, ManufacturerId, MeterKey, VaultId};
use state::{MeterState, Pairing};
use std::path::Path;
use tree::KeyCache;

/// The name of the meter's file in the state directory.
pub const METER_FILE: &str = "meter.json";

/// A meter whose state is in a directory.
#[derive(Debug)]
pub struct Meter {
	directory: Directory,
	keys: KeyCache,
	/// Held from looking at what is open and pending until a CTP is in the pool.
	turn: tokio::sync::Mutex<()>,
}

/// What there is to say of a meter, its secrets aside.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MeterInfo {
	/// The key built into it, in hexadecimal digits.
	pub key: String,
	/// Who certified that key on this chain.
	pub manufacturer: Option<ManufacturerId>,
	/// The vaults it signs for on this chain; none means the first that asks.
	pub paired: Vec<VaultId>,
	/// Its trees.
	pub trees: Vec<TreeInfo>,
	/// One-time keys that can be used now.
	pub keys_left: u32,
	/// CTPs that it can still confirm or has confirmed.
	pub issued: usize,
	/// The energy it has measured, Wh.
	pub measured_wh: u64,
	/// The part of it that counts towards CTPs, Wh.
	pub counted_wh: u64,
}

/// What there is to say of a tree.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TreeInfo {
	/// Its number.
	pub number: u32,
	/// Its root.
	pub root: H256,
	/// How many one-time keys it has.
	pub leaves: u32,
	/// The next one to use.
	pub next_leaf: u32,
	/// Whether it is closed, because the meter was restored from a copy.
	pub closed: bool,
	/// The last block at which its certificate on this chain counts.
	pub valid_until: Option<BlockNumber>,
	/// The vault on this chain whose CTPs name its keys.
	pub vault: Option<VaultId>,
}

/// When a meter is to get another tree: before those it has are used up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stock {
	/// How many trees are to be ready. One for each vault keeps the vaults' trades apart.
	pub trees: u32,
	/// A tree with fewer one-time keys left is about to be used up.
	pub margin: u32,
	/// A tree whose certificate counts for fewer blocks is about to run out.
	pub blocks: BlockNumber,
}

impl Meter {
	/// Makes a meter with fresh secrets.
	pub fn create(directory: Directory) -> Result<Self, MeterError> {
		let meter = Self::unopened(directory);
		meter.write_first(&MeterState::fresh())?;
		Ok(meter)
	}

	/// Makes a meter from a copy of another one's state. Its trees are closed and new ones get
	/// numbers of their own, so that no one-time key is used again.
	pub fn restore(directory: Directory, copy: &Path) -> Result<Self, MeterError> {
		let state: MeterState = files::read_document(copy)?;
		state.check()?;
		let [a, b, c, d, ..] = Secret::random().0;
		let state = state.restored(u32::from_le_bytes([a, b, c, d]))?;
		let meter = Self::unopened(directory);
		meter.write_first(&state)?;
		Ok(meter)
	}

	/// The meter of this directory.
	pub fn open(directory: Directory) -> Result<Self, MeterError> {
		let meter = Self::unopened(directory);
		meter.read()?;
		Ok(meter)
	}

	fn unopened(directory: Directory) -> Self {
		Self { directory, keys: KeyCache::default(), turn: Default::default() }
	}

	/// Waits until no one else of this program is about to commit with this meter's keys: who
	/// commits must see what the one before has committed.
	pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
		self.turn.lock().await
	}

	fn write_first(&self, state: &MeterState) -> Result<(), MeterError> {
		self.directory.create()?;
		let path = self.directory.file(METER_FILE);
		files::write_document(&path, state, Replace::No).map_err(|error| match error {
			FileError::Exists { .. } => MeterError::MeterExists(self.place()),
			other => other.into(),
		})
	}

	fn place(&self) -> String {
		self.directory.path().display().to_string()
	}

	fn read(&self) -> Result<MeterState, MeterError> {
		let state: MeterState = files::read_document(&self.directory.file(METER_FILE)).map_err(
			|error| match error {
				FileError::Missing { .. } => MeterError::NoMeter(self.place()),
				other => other.into(),
			},
		)?;
		state.check()?;
		Ok(state)
	}

	/// Changes the state: reads, changes and writes it under the lock. What fails changes nothing.
	fn update<T>(
		&self,
		change: impl FnOnce(&mut MeterState) -> Result<T, MeterError>,
	) -> Result<T, MeterError> {
		// The lock file belongs only where a meter is.
		if !self.directory.file(METER_FILE).exists() {
			return Err(MeterError::NoMeter(self.place()));
		}
		let _lock = self.directory.lock()?;
		let mut state = self.read()?;
		let result = change(&mut state)?;
		files::write_document(&self.directory.file(METER_FILE), &state, Replace::Yes)?;
		Ok(result)
	}

	/// The key built into the meter.
	pub fn key(&self) -> Result<MeterKey, MeterError> {
		Ok(self.read()?.public())
	}

	/// What there is to say of the meter on this chain, at block `now`.
	pub fn info(&self, genesis: &Genesis, now: BlockNumber) -> Result<MeterInfo, MeterError> {
		let state = self.read()?;
		let usable =
			|tree: &&state::Tree| tree.coe(genesis).is_some_and(|coe| coe.valid_until >= now);
		let keys_left = state.trees.iter().filter(usable).map(state::Tree::left).sum();
		let trees = state.trees.iter().map(|tree| TreeInfo {
			number: tree.number,
			root: tree.root,
			leaves: tree.leaves,
			next_leaf: tree.next_leaf,
			closed: tree.closed,
			valid_until: tree.coe(genesis).map(|coe| coe.valid_until),
			vault: tree.vault.filter(|of| of.genesis == *genesis).map(|of| of.vault),
		});
		let paired = state.paired.iter().filter(|pairing| pairing.genesis == *genesis);
		Ok(MeterInfo {
			key: files::to_hex(&state.public().0),
			manufacturer: state.certificate(genesis).ok().map(|stored| stored.manufacturer),
			paired: paired.map(|pairing| pairing.vault).collect(),
			trees: trees.collect(),
			keys_left,
			issued: state.issued.iter().filter(|issue| issue.genesis == *genesis).count(),
			measured_wh: state.measured_wh,
			counted_wh: state.counted_wh,
		})
	}

	/// Lets the meter sign for a vault, and from now on only for those that were named.
	pub fn pair_with(&self, genesis: &Genesis, vault: VaultId) -> Result<(), MeterError> {
		self.update(|state| {
			let pairing = Pairing { genesis: *genesis, vault };
			if !state.paired.contains(&pairing) {
				state.paired.push(pairing);
			}
			Ok(())
		})
	}

	/// Notes energy that has come in, which CTPs can be confirmed for.
	pub fn measure(&self, energy: Energy) -> Result<(), MeterError> {
		self.update(|state| {
			state.measure(energy);
			Ok(())
		})
	}

	/// Copies the state, to be restored with [`Meter::restore`] where it is lost.
	pub fn back_up(&self, copy: &Path) -> Result<(), MeterError> {
		Ok(files::write_document(copy, &self.read()?, Replace::No)?)
	}

	/// Forgets a tree that nobody signed, and that nobody shall sign any more: its root is known to
	/// those who were asked.
	pub fn abandon_tree(&self, root: &H256) -> Result<(), MeterError> {
		self.update(|state| {
			let is_it = |tree: &state::Tree| tree.root == *root && tree.coes.is_empty();
			let gone = state.trees.iter().filter(|tree| is_it(tree)).map(|tree| tree.number);
			let gone: Vec<u32> = gone.collect();
			state.trees.retain(|tree| !is_it(tree));
			self.keys.remove(&self.directory, &gone);
			Ok(())
		})
	}

	/// Forgets what can be of no use any more, as each new CTP does: keys that were set aside for too
	/// long, CTPs that cannot settle, trees that are used up or whose certificates have run out.
	pub fn tidy(&self, moment: &Moment<'_>) -> Result<(), MeterError> {
		let Moment { genesis, now, settles_from } = *moment;
		self.update(|state| {
			state.forget_reservations(genesis, now);
			let gone = state.forget(genesis, settles_from);
			self.keys.remove(&self.directory, &gone);
			Ok(())
		})
	}

	/// How many more trees the meter needs at block `now` to have its stock.
	pub fn trees_missing(
		&self,
		stock: &Stock,
		genesis: &Genesis,
		now: BlockNumber,
	) -> Result<u32, MeterError> {
		let state = self.read()?;
		let lasts = |tree: &&state::Tree| {
			let until = now.saturating_add(stock.blocks);
			let certified = tree.coe(genesis).is_some_and(|coe| coe.valid_until > until);
			certified && tree.left() > 0 && tree.left() >= stock.margin
		};
		let ready = state.trees.iter().filter(lasts).count();
		Ok(stock.trees.saturating_sub(u32::try_from(ready).unwrap_or(u32::MAX)))
	}
}
