//! One-time keys set aside for a CTP that is still being negotiated.
//!
//! What both sides negotiate about is one very CTP, and so its receipt key is there before its price.
//! The leaf is used up when it is set aside: where nothing comes of the negotiation, it is lost.

use super::{
	issue::{place, position, waiting_places, MAX_LEAVES_TRIED},
	state::{Issue, MeterState, Pairing},
	Issued, Meter, MeterError, Moment,
};
use crate::{files::Encoded, keys::AccountKey, progress::Progress};
use serde::{Deserialize, Serialize};
use spb_primitives::{BlockNumber, Ctp, CtpId, Genesis, ReceiptKey, SignedCtp, VaultId};

/// A leaf that was set aside.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Reservation {
	pub(super) genesis: Genesis,
	pub(super) vault: VaultId,
	pub(super) key: ReceiptKey,
	pub(super) tree: u32,
	pub(super) leaf: u32,
	/// The last block at which the CTP can be made.
	pub(super) until: BlockNumber,
}

impl MeterState {
	/// Forgets what was set aside for CTPs that were never made.
	pub(super) fn forget_reservations(&mut self, genesis: &Genesis, now: BlockNumber) {
		self.reserved.retain(|reserved| reserved.genesis != *genesis || reserved.until >= now);
	}
}

impl Meter {
	/// Sets the next one-time key aside for a CTP of this vault, to be made with [`Meter::adopt`]
	/// within so many blocks. The key's leaf is used up, on the disk, before this returns.
	pub fn reserve(
		&self,
		vault: VaultId,
		blocks: BlockNumber,
		moment: &Moment<'_>,
		progress: &dyn Progress,
	) -> Result<ReceiptKey, MeterError> {
		let Moment { genesis, now, settles_from } = *moment;
		self.update(|state| {
			state.pair_or_check(genesis, vault)?;
			state.forget_reservations(genesis, now);
			let gone = state.forget(genesis, settles_from);
			self.keys.remove(&self.directory, &gone);
			let ours = Pairing { genesis: *genesis, vault };
			let at = position(state, &ours, now)?;
			let keys = self.keys.get(&self.directory, state, &state.trees[at], progress)?;
			let tree = &state.trees[at];
			let last = tree.leaves.min(tree.next_leaf.saturating_add(MAX_LEAVES_TRIED));
			let waiting = waiting_places(state, tree, now);
			let (leaf, key) = (tree.next_leaf..last)
				.filter(|leaf| !waiting.contains(&place(*leaf)))
				.find_map(|leaf| Some((leaf, *keys.get(leaf as usize)?)))
				.ok_or(MeterError::NoPlace)?;
			let (tree, until) = (tree.number, now.saturating_add(blocks));
			state.trees[at].next_leaf = leaf + 1;
			state.trees[at].vault.get_or_insert(ours);
			state.reserved.push(Reservation { genesis: *genesis, vault, key, tree, leaf, until });
			Ok(key)
		})
	}

	/// Makes the CTP that was agreed on, with the key that was set aside for it, and signs it with the
	/// vault's key. It is kept back until it is handed to the pool with its quote.
	///
	/// # Errors
	///
	/// If its receipt key was not set aside for this vault, or was used already.
	pub fn adopt(
		&self,
		ctp: &Ctp,
		owner: &AccountKey,
		genesis: &Genesis,
		progress: &dyn Progress,
	) -> Result<Issued, MeterError> {
		self.update(|state| {
			let is_it = |reserved: &Reservation| {
				let same = reserved.genesis == *genesis && reserved.vault == ctp.vault;
				same && reserved.key == ctp.receipt_key
			};
			let at = state.reserved.iter().position(is_it).ok_or(MeterError::NotReserved)?;
			let Reservation { tree, leaf, .. } = state.reserved.remove(at);
			let id = CtpId::of(ctp, genesis);
			let signature = owner.sign(&ctp.payload(genesis));
			let signed = SignedCtp { ctp: ctp.clone(), signature };
			let issue = Issue {
				genesis: *genesis,
				id,
				signed: Encoded(signed.clone()),
				tree,
				leaf,
				submitted_at: None,
				erc: None,
			};
			let proof = self.prove(state, &issue, progress)?;
			state.issued.push(issue);
			Ok(Issued { id, signed, proof })
		})
	}
}
