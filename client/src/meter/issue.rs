//! Using one-time keys: a receipt key for a CTP, and the ERC that confirms it.

use super::{
	state::{Issue, MeterState, Pairing, Tree},
	tree, Meter, MeterError,
};
use crate::{files::Encoded, keys::AccountKey, progress::Progress, trade::slot};
use sp_core::Pair;
use spb_primitives::{
	message::POOL_SLOTS, BlockNumber, Ctp, CtpId, Energy, Erc, Genesis, MeterProof, Money, OfferId,
	ReceiptKey, Refusal, SignedCtp, VaultId,
};
use std::collections::BTreeSet;

/// How many leaves are tried for a free place in the pool before giving up.
pub(super) const MAX_LEAVES_TRIED: u32 = 256;

/// Where the energy that is confirmed was measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reading {
	/// Before, with [`Meter::measure`]: it is taken from what counts towards no CTP yet.
	Noted,
	/// Just now, for this CTP alone: it is noted and counted in one step.
	New,
}

/// Where the chain is when the meter acts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment<'a> {
	/// Which chain it is.
	pub genesis: &'a Genesis,
	/// The best block.
	pub now: BlockNumber,
	/// The earliest expiry with which a CTP can still settle, for good.
	pub settles_from: BlockNumber,
}

/// A CTP that lacks its receipt key and its exact expiry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Draft {
	/// The vault that pays.
	pub vault: VaultId,
	/// The offer that delivers.
	pub offer: OfferId,
	/// The energy asked for.
	pub energy: Energy,
	/// All that the consumer can lose, fee included.
	pub amount: Money,
	/// The expiry it should have.
	pub expiry: BlockNumber,
	/// The earliest expiry it may have, where `expiry` meets with no free place in the pool.
	pub earliest: BlockNumber,
}

impl Draft {
	pub(crate) fn with(&self, receipt_key: ReceiptKey, expiry: BlockNumber) -> Ctp {
		Ctp {
			vault: self.vault,
			offer: self.offer,
			energy: self.energy,
			amount: self.amount,
			expiry,
			receipt_key,
		}
	}
}

/// A signed CTP whose receipt key the meter made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Issued {
	/// The id.
	pub id: CtpId,
	/// The CTP.
	pub signed: SignedCtp,
	/// That a genuine meter made the receipt key.
	pub proof: MeterProof,
}

/// A CTP that the meter issued and has not confirmed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unconfirmed {
	/// The id.
	pub id: CtpId,
	/// The CTP.
	pub ctp: Ctp,
	/// The best block when it was handed to the pool; none while it is kept back.
	pub submitted_at: Option<BlockNumber>,
}

/// An ERC with what goes with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt {
	/// The CTP that it confirms.
	pub ctp: SignedCtp,
	/// The meter's word.
	pub erc: Erc,
	/// That a genuine meter gave it.
	pub proof: MeterProof,
}

impl Meter {
	/// Completes a CTP with the next one-time key and signs it with the vault's key.
	///
	/// The key's leaf is used up, on the disk, before this returns. `taken` are the vault's places
	/// in the pool that pending CTPs occupy. CTPs that cannot settle any more are forgotten.
	pub fn issue(
		&self,
		draft: &Draft,
		owner: &AccountKey,
		taken: &BTreeSet<u8>,
		moment: &Moment<'_>,
		progress: &dyn Progress,
	) -> Result<Issued, MeterError> {
		let Moment { genesis, now, settles_from } = *moment;
		self.update(|state| {
			state.pair_or_check(genesis, draft.vault)?;
			let gone = state.forget(genesis, settles_from);
			self.keys.remove(&self.directory, &gone);
			let ours = Pairing { genesis: *genesis, vault: draft.vault };
			let at = position(state, &ours, now)?;
			let keys = self.keys.get(&self.directory, state, &state.trees[at], progress)?;
			let tree = &state.trees[at];
			let last = tree.leaves.min(tree.next_leaf.saturating_add(MAX_LEAVES_TRIED));
			let waiting = waiting_places(state, tree, now);
			let (leaf, ctp, id) = (tree.next_leaf..last)
				// A leaf whose ERC would meet with another one's place in the pool is skipped.
				.filter(|leaf| !waiting.contains(&place(*leaf)))
				.find_map(|leaf| {
					let key = *keys.get(leaf as usize)?;
					let (ctp, id) = slot::find(draft, key, taken, genesis)?;
					Some((leaf, ctp, id))
				})
				.ok_or(MeterError::NoPlace)?;
			let coe = tree.coe(genesis).ok_or(MeterError::NoKeysLeft)?;
			let proof = tree::prove(&keys, leaf, coe)?;
			let tree = tree.number;
			let signature = owner.sign(&ctp.payload(genesis));
			let signed = SignedCtp { ctp, signature };
			state.trees[at].next_leaf = leaf + 1;
			state.trees[at].vault.get_or_insert(ours);
			state.issued.push(Issue {
				genesis: *genesis,
				id,
				signed: Encoded(signed.clone()),
				tree,
				leaf,
				submitted_at: Some(now),
				erc: None,
			});
			Ok(Issued { id, signed, proof })
		})
	}

	/// Gives a CTP that the pool had no place for another expiry, with the same one-time key: the two
	/// can never both be in the database.
	pub fn move_to_another_place(
		&self,
		id: &CtpId,
		earliest: BlockNumber,
		owner: &AccountKey,
		taken: &BTreeSet<u8>,
		genesis: &Genesis,
		progress: &dyn Progress,
	) -> Result<Issued, MeterError> {
		let moved = self.update(|state| {
			let old = state.issue(genesis, id)?.clone();
			let ctp = old.ctp();
			let draft = Draft {
				vault: ctp.vault,
				offer: ctp.offer,
				energy: ctp.energy,
				amount: ctp.amount,
				expiry: ctp.expiry.saturating_sub(1),
				earliest,
			};
			let (ctp, new) =
				slot::find(&draft, ctp.receipt_key, taken, genesis).ok_or(MeterError::NoPlace)?;
			let signature = owner.sign(&ctp.payload(genesis));
			let signed = Encoded(SignedCtp { ctp, signature });
			for issue in &mut state.issued {
				if issue.genesis == *genesis && issue.id == *id {
					(issue.id, issue.signed) = (new, signed.clone());
				}
			}
			Ok(new)
		})?;
		self.issued(&moved, genesis, progress)
	}

	/// What the meter issued under this id.
	pub fn issued(
		&self,
		id: &CtpId,
		genesis: &Genesis,
		progress: &dyn Progress,
	) -> Result<Issued, MeterError> {
		let state = self.read()?;
		let issue = state.issue(genesis, id)?;
		let proof = self.prove(&state, issue, progress)?;
		Ok(Issued { id: *id, signed: issue.signed.0.clone(), proof })
	}

	/// The CTPs that the meter issued on this chain and that are not confirmed.
	pub fn unconfirmed(&self, genesis: &Genesis) -> Result<Vec<Unconfirmed>, MeterError> {
		let state = self.read()?;
		let ours = state.issued.iter().filter(|issue| issue.genesis == *genesis);
		let open = ours.filter(|issue| issue.erc.is_none());
		let unconfirmed = open.map(|issue| Unconfirmed {
			id: issue.id,
			ctp: issue.ctp().clone(),
			submitted_at: issue.submitted_at,
		});
		Ok(unconfirmed.collect())
	}

	/// Notes that a CTP is handed to the pool at this block, or kept back for its producer to quote.
	pub fn note_submitted(
		&self,
		id: &CtpId,
		at: Option<BlockNumber>,
		genesis: &Genesis,
	) -> Result<(), MeterError> {
		self.update(|state| {
			state.issue(genesis, id)?;
			for issue in state.issued.iter_mut().filter(|issue| issue.id == *id) {
				issue.submitted_at = at;
			}
			Ok(())
		})
	}

	/// Forgets a CTP that the pool has refused. Its one-time key stays used.
	pub fn forget(&self, id: &CtpId, genesis: &Genesis) -> Result<(), MeterError> {
		self.update(|state| {
			state.issued.retain(|issue| issue.genesis != *genesis || issue.id != *id);
			Ok(())
		})
	}

	/// Confirms a CTP: the meter's word, at block `now`, that so much energy has come in.
	///
	/// Asked again for the same energy it gives the same word again.
	pub fn confirm(
		&self,
		id: &CtpId,
		delivered: Energy,
		reading: Reading,
		now: BlockNumber,
		genesis: &Genesis,
		progress: &dyn Progress,
	) -> Result<Receipt, MeterError> {
		self.update(|state| {
			let issue = state.issue(genesis, id)?.clone();
			let erc = match &issue.erc {
				Some(Encoded(erc)) if erc.delivered == delivered => erc.clone(),
				Some(Encoded(erc)) => {
					return Err(MeterError::ConfirmedAlready { id: *id, confirmed: erc.delivered })
				},
				None => {
					if reading == Reading::New {
						state.measure(delivered);
					}
					sign_receipt(state, &issue, delivered, now)?
				},
			};
			for known in &mut state.issued {
				if known.genesis == *genesis && known.id == *id {
					known.erc = Some(Encoded(erc.clone()));
				}
			}
			let proof = self.prove(state, &issue, progress)?;
			Ok(Receipt { ctp: issue.signed.0.clone(), erc, proof })
		})
	}

	pub(super) fn prove(
		&self,
		state: &MeterState,
		issue: &Issue,
		progress: &dyn Progress,
	) -> Result<MeterProof, MeterError> {
		let lost = || MeterError::Damaged("a CTP's certificate is gone".into());
		let tree = state.trees.iter().find(|tree| tree.number == issue.tree).ok_or_else(lost)?;
		let coe = tree.coe(&issue.genesis).ok_or_else(lost)?;
		let keys = self.keys.get(&self.directory, state, tree, progress)?;
		tree::prove(&keys, issue.leaf, coe)
	}
}

/// Which of its tree's places in the pool the ERC of this leaf takes.
pub(super) fn place(leaf: u32) -> u8 {
	(leaf % u32::from(POOL_SLOTS)) as u8
}

/// The tree to take the next leaf from: certified on the vault's chain, in date, not used up; one of
/// the vault's own, else one that no vault has used, else whichever there is.
pub(super) fn position(
	state: &MeterState,
	ours: &Pairing,
	now: BlockNumber,
) -> Result<usize, MeterError> {
	// The certificate must count in the next block.
	let in_date = |tree: &Tree| tree.coe(&ours.genesis).is_some_and(|coe| coe.valid_until > now);
	let usable =
		state.trees.iter().enumerate().filter(|(_, tree)| tree.left() > 0 && in_date(tree));
	let nearest = usable.min_by_key(|(_, tree)| match &tree.vault {
		Some(vault) if vault == ours => 0,
		None => 1,
		Some(_) => 2,
	});
	nearest.map(|(at, _)| at).ok_or(MeterError::NoKeysLeft)
}

/// The places in the pool that the ERCs of this tree's unconfirmed CTPs will take; none if they are
/// all taken, because then skipping leaves is of no use.
pub(super) fn waiting_places(state: &MeterState, tree: &Tree, now: BlockNumber) -> BTreeSet<u8> {
	let waiting = state.issued.iter().filter(|issue| {
		issue.tree == tree.number && issue.erc.is_none() && issue.ctp().expiry > now
	});
	let places: BTreeSet<u8> = waiting.map(|issue| place(issue.leaf)).collect();
	if places.len() < usize::from(POOL_SLOTS) {
		places
	} else {
		BTreeSet::new()
	}
}

/// The ERC of a CTP that is not confirmed yet; its energy is counted.
fn sign_receipt(
	state: &mut MeterState,
	issue: &Issue,
	delivered: Energy,
	now: BlockNumber,
) -> Result<Erc, MeterError> {
	let ctp = issue.ctp();
	if delivered.is_zero() || delivered > ctp.energy {
		return Err(Refusal::BadDelivery.into());
	}
	if now > ctp.expiry {
		return Err(Refusal::ReceiptLate.into());
	}
	let left = state.measured_wh.saturating_sub(state.counted_wh);
	if u64::from(delivered.wh()) > left {
		return Err(MeterError::NotMeasured { left });
	}
	state.counted_wh += u64::from(delivered.wh());
	let pair = tree::one_time_pair(&state.seed, issue.tree, issue.leaf);
	let payload = Erc::payload(&issue.id, delivered, now, &issue.genesis);
	Ok(Erc {
		ctp: issue.id,
		delivered,
		at: now,
		key: pair.public(),
		signature: pair.sign(&payload),
	})
}
