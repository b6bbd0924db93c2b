//! What the evidence of one block must show, checked without asking anyone: all that is looked at
//! is handed in. The rules are those of `spb_primitives`.

use super::findings::{Check, Findings};
use crate::{chain::Sealed, connection::Head};
use codec::DecodeAll;
use sp_core::H256;
use sp_runtime::traits::Hash as _;
use spb_primitives::{
	message::verify_quote, AccountId, Addition, BlockNumber, CtpId, DatabaseDigest, Erc, Genesis,
	Hashing, Money, OfferId, OpenCtps, Parameters, ReceiptKey, Refusal, RegisteredMeters,
	Settlement, Sidecar, Split, VaultId,
};
use std::collections::{BTreeMap, BTreeSet};

/// A block with its evidence.
#[derive(Clone, Debug)]
pub struct Evidence {
	/// The block.
	pub head: Head,
	/// What its header says of the database.
	pub digest: Option<DatabaseDigest>,
	/// The seals in its body.
	pub seals: Vec<Sealed>,
	/// Its sidecar, encoded.
	pub sidecar: Vec<u8>,
}

impl Evidence {
	/// R1: the one seal, which says what the header says, and the sidecar that both name.
	pub fn open(&self) -> Result<(DatabaseDigest, &[Settlement], Sidecar), Refusal> {
		let digest = self.digest.ok_or(Refusal::SealMissing)?;
		let [seal] = &self.seals[..] else { return Err(Refusal::SealMissing) };
		if seal.digest != digest {
			return Err(Refusal::SealMissing);
		}
		if Hashing::hash(&self.sidecar) != digest.sidecar_hash {
			return Err(Refusal::SidecarMismatch);
		}
		let sidecar = Sidecar::decode_all(&mut &self.sidecar[..]);
		Ok((digest, &seal.settlements, sidecar.map_err(|_| Refusal::SidecarMismatch)?))
	}
}

/// What the chain's state says of lifetimes and of those who sign.
#[derive(Clone, Debug)]
pub struct Known {
	/// Lifetimes and windows.
	pub parameters: Parameters,
	/// The owners of vaults.
	pub owners: BTreeMap<VaultId, AccountId>,
	/// The producers of offers.
	pub producers: BTreeMap<OfferId, AccountId>,
	/// The manufacturers and the revoked meters.
	pub meters: RegisteredMeters,
	/// Whether this is the state that the block was made on. A later one knows all manufacturers
	/// that ever were, but neither who was active nor which meters were revoked at the time.
	pub at_the_time: bool,
}

/// Checks blocks in their order.
#[derive(Clone, Debug)]
pub struct Checker {
	genesis: Genesis,
	/// The database after the last block that was checked; `None` where nobody knows it.
	open: Option<OpenCtps>,
	/// What settled in the blocks that were checked.
	settled: BTreeSet<CtpId>,
	/// What was found.
	pub findings: Findings,
}

impl Checker {
	/// Begins with the block after one with this database.
	pub fn new(genesis: Genesis, open: OpenCtps) -> Self {
		Self { genesis, open: Some(open), settled: BTreeSet::new(), findings: Findings::default() }
	}

	/// Goes on with another database than the one that was made of the blocks so far.
	pub fn go_on_with(&mut self, open: Option<OpenCtps>) {
		self.open = open;
	}

	/// Checks the next block. Says whether the database after it is known, and has the root that its
	/// header names.
	pub fn check(&mut self, block: &Evidence, known: &Known) -> bool {
		self.findings.blocks += 1;
		let (digest, settlements, sidecar) = match block.open() {
			Ok(opened) => opened,
			Err(refusal) => {
				self.findings.violated(block.head, refusal, None);
				self.open = None;
				return false;
			},
		};
		self.findings.holds(Check::Seal);
		self.findings.holds(Check::Sidecar);
		self.check_additions(block.head, &sidecar.added, known);
		self.check_receipts(block.head, settlements, &sidecar.receipts);
		self.check_root(block.head, digest.database_root, known)
	}

	/// R2, as far as it is about evidence: who signed, and that a genuine meter holds the key.
	fn check_additions(&mut self, head: Head, added: &[Addition], known: &Known) {
		if added.is_empty() {
			return;
		}
		let key = |addition: &Addition| (addition.ctp.ctp.vault, addition.ctp.ctp.receipt_key);
		let open = self.open.iter().flat_map(OpenCtps::iter);
		let mut in_use: BTreeSet<(VaultId, ReceiptKey)> =
			open.map(|(_, signed)| (signed.ctp.vault, signed.ctp.receipt_key)).collect();
		for addition in added {
			let id = CtpId::of(&addition.ctp.ctp, &self.genesis);
			let found = self.check_addition(head, id, addition, known);
			if let Err(refusal) = found {
				self.findings.violated(head, refusal, Some(id));
			} else if !in_use.insert(key(addition)) {
				self.findings.violated(head, Refusal::ReceiptKeyInUse, Some(id));
			}
			if let Some(open) = &mut self.open {
				open.add(id, addition.ctp.clone());
			}
		}
	}

	fn check_addition(
		&mut self,
		head: Head,
		id: CtpId,
		addition: &Addition,
		known: &Known,
	) -> Result<(), Refusal> {
		let (ctp, now, genesis) = (&addition.ctp.ctp, head.number, self.genesis);
		if self.open.as_ref().is_some_and(|open| open.get(ctp.expiry, id).is_some()) {
			return Err(Refusal::AlreadyOpen);
		}
		if self.settled.contains(&id) {
			return Err(Refusal::AlreadySettled);
		}
		check_lifetime(ctp.expiry, now, &known.parameters)?;
		self.findings.holds(Check::Lifetime);
		addition.ctp.check_length()?;
		self.findings.holds(Check::Length);
		match known.owners.get(&ctp.vault) {
			Some(owner) => {
				addition.ctp.verify(owner, &genesis)?;
				self.findings.holds(Check::ConsumerSignature);
			},
			None if known.at_the_time => return Err(Refusal::UnknownVault),
			None => self.findings.skipped(Check::ConsumerSignature, head.number),
		}
		if let Some(quote) = &addition.quote {
			match known.producers.get(&ctp.offer) {
				Some(producer) => {
					verify_quote(quote, &id, producer, &genesis)?;
					self.findings.holds(Check::Quote);
				},
				None if known.at_the_time => return Err(Refusal::UnknownOffer),
				None => self.findings.skipped(Check::Quote, head.number),
			}
		}
		addition.proof.verify(&ctp.receipt_key, now, &genesis, &known.meters)?;
		self.findings.holds(Check::MeterProof);
		if known.at_the_time {
			self.findings.holds(Check::MeterStanding);
		} else {
			self.findings.skipped(Check::MeterStanding, head.number);
		}
		Ok(())
	}

	/// R3: each settlement has its receipt, in order.
	fn check_receipts(&mut self, head: Head, settlements: &[Settlement], receipts: &[Erc]) {
		if settlements.len() != receipts.len() {
			self.findings.violated(head, Refusal::ReceiptsMismatch, None);
		}
		for (at, settlement) in settlements.iter().enumerate() {
			let id = CtpId::of(&settlement.ctp.ctp, &self.genesis);
			let found = match receipts.get(at) {
				Some(erc) => self.check_receipt(head, id, settlement, erc),
				None => Err(Refusal::ReceiptsMismatch),
			};
			match found {
				Ok(()) => self.findings.holds(Check::Receipt),
				Err(refusal) => self.findings.violated(head, refusal, Some(id)),
			}
			self.settled.insert(id);
			if let Some(open) = &mut self.open {
				open.settle(settlement.ctp.ctp.expiry, id);
			}
		}
	}

	fn check_receipt(
		&self,
		head: Head,
		id: CtpId,
		settlement: &Settlement,
		erc: &Erc,
	) -> Result<(), Refusal> {
		let Settlement { ctp: signed, delivered } = settlement;
		let ctp = &signed.ctp;
		if erc.ctp != id || erc.delivered != *delivered {
			return Err(Refusal::ReceiptsMismatch);
		}
		if self.settled.contains(&id) {
			return Err(Refusal::AlreadySettled);
		}
		if let Some(open) = &self.open {
			let entry = open.get(ctp.expiry, id).ok_or(Refusal::UnknownCtp)?;
			if entry != signed {
				return Err(Refusal::ReceiptsMismatch);
			}
		}
		if Split::of(ctp.amount, Money::ZERO, *delivered, ctp.energy).is_none() {
			return Err(Refusal::BadDelivery);
		}
		erc.confirms(ctp, head.number, &self.genesis)
	}

	/// R4: the database follows from the one before, and has the root that the header names.
	fn check_root(&mut self, head: Head, named: H256, known: &Known) -> bool {
		let Some(open) = &mut self.open else {
			self.findings.skipped(Check::Root, head.number);
			return false;
		};
		open.expire(head.number, known.parameters.grace);
		let equal = open.root() == named;
		if equal {
			self.findings.holds(Check::Root);
		} else {
			self.findings.violated(head, Refusal::RootMismatch, None);
		}
		equal
	}
}

/// R2: neither too short nor too long.
fn check_lifetime(
	expiry: BlockNumber,
	now: BlockNumber,
	parameters: &Parameters,
) -> Result<(), Refusal> {
	if expiry < now.saturating_add(parameters.min_lifetime) {
		return Err(Refusal::ExpiryTooSoon);
	}
	if expiry > now.saturating_add(parameters.max_lifetime) {
		return Err(Refusal::ExpiryTooFar);
	}
	Ok(())
}
