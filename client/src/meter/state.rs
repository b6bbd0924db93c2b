//! What a meter remembers: its secrets, its trees with their counters, and the CTPs whose receipt
//! keys it made.

use super::{reserve::Reservation, MeterError};
use crate::{
	files::{Document, Encoded},
	keys::Secret,
};
use serde::{Deserialize, Serialize};
use sp_core::{ed25519, Pair, H256};
use spb_primitives::{
	BlockNumber, Coe, Ctp, CtpId, Energy, Erc, Genesis, ManufacturerId, MeterKey, MeterSignature,
	SignedCtp, VaultId, MAX_TREE_LEAVES,
};

/// How far tree numbers jump at a restore, at least: more trees than any meter makes between a copy
/// and the loss of its state.
const RESTORE_JUMP: u32 = 1 << 16;

/// A meter's state.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct MeterState {
	/// The secret of the key that its manufacturer built in.
	pub(super) key: Secret,
	/// What the one-time keys are derived from.
	pub(super) seed: Secret,
	/// The number of the next tree.
	pub(super) next_tree: u32,
	/// The manufacturer's word for the meter's key, for each chain.
	pub(super) certificates: Vec<StoredCertificate>,
	/// The vaults for which the meter signs.
	pub(super) paired: Vec<Pairing>,
	/// The trees that can still be of use.
	pub(super) trees: Vec<Tree>,
	/// The CTPs whose receipt keys it made, as long as they can settle.
	pub(super) issued: Vec<Issue>,
	/// The keys that are set aside for CTPs that are being negotiated.
	#[serde(default, skip_serializing_if = "Vec::is_empty")]
	pub(super) reserved: Vec<Reservation>,
	/// The energy that it has measured, Wh.
	pub(super) measured_wh: u64,
	/// The part of it that counts towards CTPs.
	pub(super) counted_wh: u64,
}

impl Document for MeterState {
	const KIND: &'static str = "spb-meter";
	const VERSION: u32 = 1;
	const SECRET: bool = true;
}

/// A certificate on one chain.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct StoredCertificate {
	pub(super) genesis: Genesis,
	pub(super) manufacturer: ManufacturerId,
	pub(super) signature: Encoded<MeterSignature>,
}

/// A vault on one chain.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Pairing {
	pub(super) genesis: Genesis,
	pub(super) vault: VaultId,
}

/// A tree of one-time keys.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Tree {
	pub(super) number: u32,
	pub(super) leaves: u32,
	pub(super) root: H256,
	/// The next leaf to use. Written before the leaf before it is used.
	pub(super) next_leaf: u32,
	/// No leaf is used any more, because the counter may be behind what was used.
	pub(super) closed: bool,
	/// Its certificates, for each chain.
	pub(super) coes: Vec<StoredCoe>,
	/// The vault whose CTPs name its keys. Whoever reads the evidence sees which trades share a root:
	/// a tree of two vaults would tell that they are of one meter.
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub(super) vault: Option<Pairing>,
}

/// A Certificate of Existence on one chain.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct StoredCoe {
	pub(super) genesis: Genesis,
	pub(super) coe: Encoded<Coe>,
}

impl Tree {
	/// The certificate on this chain.
	pub(super) fn coe(&self, genesis: &Genesis) -> Option<&Coe> {
		self.coes.iter().find(|stored| stored.genesis == *genesis).map(|stored| &stored.coe.0)
	}

	/// How many leaves can still be used.
	pub(super) fn left(&self) -> u32 {
		if self.closed {
			return 0;
		}
		self.leaves.saturating_sub(self.next_leaf)
	}
}

/// A CTP whose receipt key the meter made.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Issue {
	pub(super) genesis: Genesis,
	pub(super) id: CtpId,
	pub(super) signed: Encoded<SignedCtp>,
	pub(super) tree: u32,
	pub(super) leaf: u32,
	/// The best block when it was handed to the pool; none while it is kept back.
	pub(super) submitted_at: Option<BlockNumber>,
	/// What the meter has confirmed.
	pub(super) erc: Option<Encoded<Erc>>,
}

impl Issue {
	pub(super) fn ctp(&self) -> &Ctp {
		&self.signed.0.ctp
	}
}

impl MeterState {
	/// A meter that has never been used.
	pub(super) fn fresh() -> Self {
		Self {
			key: Secret::random(),
			seed: Secret::random(),
			next_tree: 0,
			certificates: Vec::new(),
			paired: Vec::new(),
			trees: Vec::new(),
			issued: Vec::new(),
			reserved: Vec::new(),
			measured_wh: 0,
			counted_wh: 0,
		}
	}

	/// What to go on with after this copy was restored. Since it was made, leaves may have been used,
	/// so its trees are closed, and new ones get numbers that no tree can have had; CTPs may have been
	/// confirmed, so none of it can be any more; and what had been measured may have been counted.
	pub(super) fn restored(mut self, random: u32) -> Result<Self, MeterError> {
		for tree in &mut self.trees {
			tree.closed = true;
		}
		self.issued.retain(|issue| issue.erc.is_some());
		self.reserved.clear();
		self.counted_wh = self.measured_wh;
		// Two restores of one copy must not meet either, hence the random part.
		let jump = RESTORE_JUMP + (random >> 8);
		self.next_tree = self.next_tree.checked_add(jump).ok_or(MeterError::TreesUsedUp)?;
		Ok(self)
	}

	/// Whether this program can have written it.
	pub(super) fn check(&self) -> Result<(), MeterError> {
		let damaged = |what: &str| Err(MeterError::Damaged(what.into()));
		for tree in &self.trees {
			if tree.leaves == 0 || tree.leaves > MAX_TREE_LEAVES || tree.next_leaf > tree.leaves {
				return damaged("a tree's counters are out of range");
			}
			if tree.number >= self.next_tree {
				return damaged("a tree's number is still to be given out");
			}
		}
		for issue in &self.issued {
			if issue.id != CtpId::of(issue.ctp(), &issue.genesis) {
				return damaged("a CTP's id is not its own");
			}
			let tree = self.trees.iter().find(|tree| tree.number == issue.tree);
			if tree.is_none_or(|tree| issue.leaf >= tree.leaves) {
				return damaged("a CTP's one-time key is in no tree");
			}
		}
		for reserved in &self.reserved {
			let tree = self.trees.iter().find(|tree| tree.number == reserved.tree);
			if tree.is_none_or(|tree| reserved.leaf >= tree.next_leaf) {
				return damaged("a key that is set aside is not used up");
			}
		}
		if self.counted_wh > self.measured_wh {
			return damaged("more energy is counted than measured");
		}
		Ok(())
	}

	/// The key pair that the manufacturer built in.
	pub(super) fn pair(&self) -> ed25519::Pair {
		ed25519::Pair::from_seed(&self.key.0)
	}

	/// The meter's public key.
	pub(super) fn public(&self) -> MeterKey {
		self.pair().public()
	}

	/// The manufacturer's certificate on this chain.
	pub(super) fn certificate(&self, genesis: &Genesis) -> Result<&StoredCertificate, MeterError> {
		let stored = self.certificates.iter().find(|stored| stored.genesis == *genesis);
		stored.ok_or(MeterError::NotCertified)
	}

	/// Whether the meter signs for this vault. With no vault named, it signs for the first that asks.
	pub(super) fn pair_or_check(
		&mut self,
		genesis: &Genesis,
		vault: VaultId,
	) -> Result<(), MeterError> {
		let mut ours = self.paired.iter().filter(|pairing| pairing.genesis == *genesis).peekable();
		if ours.peek().is_none() {
			self.paired.push(Pairing { genesis: *genesis, vault });
			return Ok(());
		}
		if ours.any(|pairing| pairing.vault == vault) {
			return Ok(());
		}
		Err(MeterError::NotPaired(vault))
	}

	/// Notes energy that has come in.
	pub(super) fn measure(&mut self, energy: Energy) {
		self.measured_wh = self.measured_wh.saturating_add(energy.wh().into());
	}

	/// What the meter knows of a CTP.
	pub(super) fn issue(&self, genesis: &Genesis, id: &CtpId) -> Result<&Issue, MeterError> {
		let found = self.issued.iter().find(|issue| issue.genesis == *genesis && issue.id == *id);
		found.ok_or(MeterError::UnknownCtp(*id))
	}

	/// Forgets CTPs that could settle only before block `settles_from`, and trees of no use any more:
	/// used up, or with a certificate that ran out before that block, and with no key that a CTP still
	/// needs. A tree that is certified on another chain, or was never certified, may be of use yet.
	/// Gives the numbers of the trees.
	pub(super) fn forget(&mut self, genesis: &Genesis, settles_from: BlockNumber) -> Vec<u32> {
		self.issued.retain(|issue| issue.genesis != *genesis || issue.ctp().expiry >= settles_from);
		let (issued, reserved) = (&self.issued, &self.reserved);
		let is_of_use = |tree: &Tree| {
			let ran_out = |stored: &StoredCoe| {
				stored.genesis == *genesis && stored.coe.0.valid_until < settles_from
			};
			let is_over = !tree.coes.is_empty() && tree.coes.iter().all(ran_out);
			let named = issued.iter().any(|issue| issue.tree == tree.number);
			let kept = named || reserved.iter().any(|key| key.tree == tree.number);
			kept || (tree.left() > 0 && !is_over)
		};
		let gone = self.trees.iter().filter(|tree| !is_of_use(tree));
		let gone: Vec<u32> = gone.map(|tree| tree.number).collect();
		self.trees.retain(|tree| !gone.contains(&tree.number));
		gone
	}
}
