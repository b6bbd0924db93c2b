//! Lies about what a block settles and adds, and about its root.
//!
//! A lie begins with what an honest author would put into the block and breaks one rule: the root is
//! the right one for what the block claims, so that it is not the root that gives the lie away.
//!
//! Who also keeps its sidecars from all lies only where that hides the lie: not in a block with the empty
//! sidecar, which every node has.

use super::{
	super::{
		proposer::Prepare,
		runtime::{CtpDatabase, DatabaseError},
		sidecars::hash_of,
		Hash, Header,
	},
	Lies, Misbehaviour,
};
use codec::{Decode, Encode};
use pallet_spb::runtime_api::{CtpFilter, Outcome, Prepared};
use sp_core::{ed25519, Pair};
use spb_primitives::{
	coe::tree_root, database_root, root::entry_key, Addition, BlockNumber, Coe, CtpId,
	DatabaseDigest, Energy, Erc, Message, MeterProof, Refusal, Settlement, Sidecar, SignedCtp,
};
use spb_runtime::{Runtime, RuntimeCall, Spb, UncheckedExtrinsic};
use std::sync::Arc;

type Seal = pallet_spb::types::Seal<<Runtime as pallet_spb::Config>::MaxSettlements>;

/// Of a meter that no one certified and no CTP names.
const OWN_METER: [u8; 32] = *b"a meter of the author's own make";
/// Entries that the runtime lists at once.
const STEP: u32 = 1_000;

/// Prepares blocks and lies in them where it can.
pub struct LyingRules {
	pub(super) honest: Arc<CtpDatabase>,
	pub(super) genesis: Hash,
	pub(super) lies: Arc<Lies>,
}

impl Prepare for LyingRules {
	fn prepare(
		&self,
		parent: Hash,
		header: Header,
		candidates: Vec<Vec<u8>>,
	) -> Result<Prepared, DatabaseError> {
		let number = header.number;
		let mut prepared = self.honest.prepare(parent, header, candidates.clone())?;
		*self.lies.planned.lock() = None;
		if self.lies.kinds.is_empty() {
			return Ok(prepared);
		}
		if let Ok((seal, empty)) = <(Seal, Seal)>::decode(&mut &prepared.inherent[..]) {
			let mut draft = Draft {
				open: self.open(parent, number)?,
				declined: declined(&candidates, &prepared.outcomes),
				sidecar: sidecar(&prepared),
				hidden: self.lies.include(Misbehaviour::WithholdFromAll),
				genesis: self.genesis,
				number,
				seal,
			};
			let told = self.lies.kinds.iter().copied().find(|kind| draft.lie(*kind).is_some());
			if let Some(kind) = told {
				let (seal, sidecar) = draft.finish();
				let Seal { database_root, sidecar_hash, .. } = seal;
				let digest = DatabaseDigest { database_root, sidecar_hash };
				*self.lies.planned.lock() = Some((digest, kind));
				prepared.inherent = (seal, empty).encode();
				prepared.sidecars.push(sidecar);
			}
		}
		Ok(prepared)
	}
}

impl LyingRules {
	/// What is open after the parent and does not expire with the block.
	fn open(&self, parent: Hash, number: BlockNumber) -> Result<Vec<SignedCtp>, DatabaseError> {
		let grace = self.honest.parameters(parent)?.grace;
		let (mut open, mut after) = (Vec::new(), None);
		loop {
			let rows = self.honest.entries(parent, CtpFilter::default(), after, STEP)?;
			let Some(last) = rows.last() else { break };
			after = Some((last.signed.ctp.expiry, last.id));
			open.extend(rows.into_iter().map(|row| row.signed));
		}
		open.retain(|entry| number < entry.ctp.expiry.saturating_add(grace));
		Ok(open)
	}
}

/// The commitments among candidates that the rules refuse, with the reasons.
fn declined(candidates: &[Vec<u8>], outcomes: &[Outcome]) -> Vec<(Refusal, Addition)> {
	let declined = candidates.iter().zip(outcomes).filter_map(|(bytes, outcome)| {
		let Outcome::Later(refusal) = outcome else { return None };
		let extrinsic = UncheckedExtrinsic::decode(&mut &bytes[..]).ok()?;
		let RuntimeCall::Spb(call) = extrinsic.function else { return None };
		match Spb::message(&call)? {
			Message::Commit(addition) => Some((*refusal, addition)),
			Message::Confirm(..) => None,
		}
	});
	declined.collect()
}

fn sidecar(prepared: &Prepared) -> Sidecar {
	let full = prepared.sidecars.first();
	full.and_then(|bytes| Sidecar::decode(&mut &bytes[..]).ok()).unwrap_or_default()
}

/// A block as an honest author would make it, to be changed.
struct Draft {
	seal: Seal,
	sidecar: Sidecar,
	open: Vec<SignedCtp>,
	declined: Vec<(Refusal, Addition)>,
	/// Whether no one gets the sidecar.
	hidden: bool,
	genesis: Hash,
	number: BlockNumber,
}

impl Draft {
	/// Changes what the kind is about; nothing where the block does not lend itself to it.
	fn lie(&mut self, kind: Misbehaviour) -> Option<()> {
		if self.hidden && self.sidecar == Sidecar::default() {
			return None;
		}
		match kind {
			Misbehaviour::SettleWithoutErc => {
				let ctp = self.victim(Energy::ZERO)?;
				let delivered = ctp.ctp.energy;
				self.settle(Settlement { ctp, delivered })
			},
			Misbehaviour::SettleWithErcOfAnother => {
				let delivered = self.sidecar.receipts.first()?.delivered;
				let ctp = self.victim(delivered)?;
				*self.seal.settlements.iter_mut().next()? = Settlement { ctp, delivered };
				self.name_root();
				Some(())
			},
			Misbehaviour::SettleWithOwnMeter => {
				let ctp = self.victim(Energy::ZERO)?;
				let delivered = ctp.ctp.energy;
				let erc = self.sign(CtpId::of(&ctp.ctp, &self.genesis), delivered);
				self.sidecar.receipts.push(erc);
				self.settle(Settlement { ctp, delivered })
			},
			Misbehaviour::ForgeCoe => {
				let genesis = self.genesis;
				let addition = self.sidecar.added.first_mut()?;
				addition.proof = forged(addition, &genesis)?;
				Some(())
			},
			Misbehaviour::OvercommitVault => {
				let beyond = |(refusal, _): &&(Refusal, _)| *refusal == Refusal::VaultTooSmall;
				let (_, addition) = self.declined.iter().find(beyond)?;
				self.sidecar.added.push(addition.clone());
				self.name_root();
				Some(())
			},
			Misbehaviour::WrongRoot => {
				if self.sidecar == Sidecar::default() {
					return None;
				}
				self.seal.database_root = hash_of(self.seal.database_root.as_bytes());
				Some(())
			},
			_ => None,
		}
	}

	/// An open CTP that the block does not settle, for at least so much energy. Where the sidecar is
	/// hidden, one that it adds if there is any: so a CTP is robbed in the block that adds it.
	fn victim(&self, energy: Energy) -> Option<SignedCtp> {
		let suits = |entry: &&SignedCtp| entry.ctp.energy >= energy && !self.settles(entry);
		let (open, added) = (self.open.iter().find(suits), self.added().find(suits));
		let victim = if self.hidden { added.or(open) } else { open.or(added) };
		victim.cloned()
	}

	/// What the block leaves open.
	fn left(&self) -> impl Iterator<Item = &SignedCtp> {
		self.open.iter().chain(self.added()).filter(move |entry| !self.settles(entry))
	}

	/// What the block adds.
	fn added(&self) -> impl Iterator<Item = &SignedCtp> {
		self.sidecar.added.iter().map(|addition| &addition.ctp)
	}

	/// Whether the block settles a CTP.
	fn settles(&self, entry: &SignedCtp) -> bool {
		self.seal.settlements.iter().any(|settlement| settlement.ctp == *entry)
	}

	fn settle(&mut self, settlement: Settlement) -> Option<()> {
		self.seal.settlements.try_push(settlement).ok()?;
		self.name_root();
		Some(())
	}

	/// Names the root of what the block leaves open.
	fn name_root(&mut self) {
		let leaf = |entry: &SignedCtp| {
			let id = CtpId::of(&entry.ctp, &self.genesis);
			(entry_key(entry.ctp.expiry, &id), entry.leaf())
		};
		let mut leaves: Vec<_> = self.left().map(leaf).collect();
		leaves.sort_unstable();
		self.seal.database_root = database_root(&leaves);
	}

	/// An ERC by the author's own meter.
	fn sign(&self, ctp: CtpId, delivered: Energy) -> Erc {
		let meter = ed25519::Pair::from_seed(&OWN_METER);
		let at = self.number;
		let signature = meter.sign(&Erc::payload(&ctp, delivered, at, &self.genesis));
		Erc { ctp, delivered, at, key: meter.public(), signature }
	}

	fn finish(mut self) -> (Seal, Vec<u8>) {
		let sidecar = self.sidecar.encode();
		self.seal.sidecar_hash = hash_of(&sidecar);
		(self.seal, sidecar)
	}
}

/// A meter proof for an addition in which everything is right but that the meter that signs is
/// certified by itself and not by its manufacturer.
fn forged(addition: &Addition, genesis: &Hash) -> Option<MeterProof> {
	let meter = ed25519::Pair::from_seed(&OWN_METER);
	let Coe { valid_until, manufacturer, .. } = addition.proof.coe;
	let root = tree_root(&[addition.ctp.ctp.receipt_key])?;
	let certificate = Coe::certificate_payload(manufacturer, &meter.public(), genesis);
	let coe = Coe {
		root,
		leaves: 1,
		valid_until,
		signer: meter.public(),
		manufacturer,
		certificate: meter.sign(&certificate),
		signature: meter.sign(&Coe::payload(&root, 1, valid_until, genesis)),
	};
	Some(MeterProof { index: 0, path: Default::default(), coe })
}
