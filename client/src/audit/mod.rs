//! Verifies the evidence of final blocks anew, here and not at the node: who signed each CTP, that a
//! genuine meter confirmed each settlement, and that every database follows from the one before.
//!
//! Each block is what its hash says it is: the header, the body under its extrinsics root, the
//! sidecar under its digest. The node's word is taken for which chain is final and for the state that
//! names owners, producers and meters. What needs state only, cover and price of each CTP, is not
//! evidence and is left to full nodes, which judge it with every block that they import.

pub mod check;
mod findings;
#[cfg(test)]
mod tests;

pub use findings::{Check, Findings, Skipped, Violation};

use crate::{
	chain::{Sealed, View},
	connection::{
		database_digest, Connection, ConnectionError, Head, Header, NO_DATABASE, NO_SIDECAR,
	},
	error::{Classify, Kind},
	progress::Progress,
};
use check::{Checker, Evidence, Known};
use codec::{DecodeAll, Encode};
use sp_core::{storage::StateVersion, H256};
use sp_runtime::traits::Hash as _;
use spb_primitives::{BlockNumber, CtpId, Hashing, OpenCtps, RegisteredMeters, Sidecar};
use std::collections::{BTreeMap, BTreeSet};

/// Why a range of blocks cannot be audited. That evidence does not hold is a finding, and an error
/// only in [`Report::verdict`].
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
	/// The node.
	#[error(transparent)]
	Connection(#[from] ConnectionError),
	/// A range that ends before it begins.
	#[error("the range ends at block {to}, before it begins at block {from}")]
	EmptyRange {
		/// Its first block.
		from: BlockNumber,
		/// Its last block.
		to: BlockNumber,
	},
	/// A range that goes past what is final.
	#[error("block {to} is not final yet, the last final one is {last}: audit up to that one")]
	NotFinal {
		/// Its last block.
		to: BlockNumber,
		/// The last final block.
		last: BlockNumber,
	},
	/// The node has pruned the evidence.
	#[error(
		"the node does not keep the sidecar of block {0} any more: audit against a node that runs \
		 with --evidence-archive, or a later range"
	)]
	NoSidecar(BlockNumber),
	/// What the node gives is not what the block's hash stands for.
	#[error("the node gives {what} of block {number} that is not the block's own")]
	NotTheBlock {
		/// What it gives.
		what: &'static str,
		/// The block.
		number: BlockNumber,
	},
	/// There is no database to begin with.
	#[error(
		"the database before block {0} is not stored on the node and cannot be made of the sidecars \
		 before it: audit from an earlier block, or from 1"
	)]
	NoBeginning(BlockNumber),
	/// The evidence does not hold.
	#[error("the evidence does not hold, {count} findings; the first: {first}")]
	Violated {
		/// How many findings there are.
		count: usize,
		/// The first.
		first: Violation,
	},
}

impl Classify for AuditError {
	fn kind(&self) -> Kind {
		match self {
			Self::Connection(error) => error.kind(),
			Self::EmptyRange { .. } | Self::NotFinal { .. } => Kind::BadInput,
			Self::NoSidecar(_) | Self::NotTheBlock { .. } | Self::NoBeginning(_) => Kind::Failed,
			Self::Violated { .. } => Kind::Refused,
		}
	}

	fn code(&self) -> String {
		match self {
			Self::Connection(error) => return error.code(),
			Self::EmptyRange { .. } => "empty-range",
			Self::NotFinal { .. } => "not-final",
			Self::NoSidecar(_) => "no-sidecar",
			Self::NotTheBlock { .. } => "not-the-block",
			Self::NoBeginning(_) => "no-beginning",
			Self::Violated { first, .. } => first.refusal.name(),
		}
		.into()
	}
}

/// Where the database before the first block came from. It has the root that its header names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Beginning {
	/// It is the empty one of genesis.
	Genesis,
	/// The node keeps it.
	Stored,
	/// It was made of the sidecars of earlier blocks.
	Folded,
}

/// What an audit came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
	/// The first block.
	pub from: Head,
	/// The last block.
	pub to: Head,
	/// Where the database before the first block came from.
	pub beginning: Beginning,
	/// What was found.
	pub findings: Findings,
}

impl Report {
	/// Whether the evidence holds, as far as it could be checked.
	pub fn verdict(&self) -> Result<(), AuditError> {
		match self.findings.violations.first() {
			None => Ok(()),
			Some(first) => {
				let count = self.findings.violations.len();
				Err(AuditError::Violated { count, first: *first })
			},
		}
	}
}

/// Verifies the evidence of the blocks `from` (the first unless told) to `to` (the last final one
/// unless told).
pub async fn audit(
	connection: &Connection,
	from: Option<BlockNumber>,
	to: Option<BlockNumber>,
	progress: &dyn Progress,
) -> Result<Report, AuditError> {
	let last = connection.finalized().await?.number;
	// Genesis has no evidence.
	let (from, to) = (from.unwrap_or(1).max(1), to.unwrap_or(last));
	if to > last {
		return Err(AuditError::NotFinal { to, last });
	}
	if from > to {
		return Err(AuditError::EmptyRange { from, to });
	}
	let mut reader = Reader { connection, before: None };
	progress.begin("auditing blocks", Some(u64::from(to - from) + 1));
	let report = reader.audit(from, to, progress).await;
	progress.end();
	report
}

/// A block's parts, each of them tied to the block's hash but for the sidecar, which is the
/// evidence.
struct Parts {
	head: Head,
	parent: Head,
	header: Header,
	body: Vec<Vec<u8>>,
	sidecar: Vec<u8>,
}

/// Reads blocks in their order.
struct Reader<'a> {
	connection: &'a Connection,
	/// The block before the next one.
	before: Option<Head>,
}

impl Reader<'_> {
	async fn audit(
		&mut self,
		from: BlockNumber,
		to: BlockNumber,
		progress: &dyn Progress,
	) -> Result<Report, AuditError> {
		let (beginning, open) = self.beginning(from).await?;
		let mut checker = Checker::new(self.connection.genesis(), open);
		let mut first = None;
		for number in from..=to {
			let parts = self.next(number).await?;
			let head = parts.head;
			let (seals, known) = self.seals_and_state(&parts).await?;
			let digest = database_digest(&parts.header);
			let evidence = Evidence { head, digest, seals, sidecar: parts.sidecar };
			if !checker.check(&evidence, &known) {
				// So that one bad block does not hide what is wrong with those after it.
				checker.go_on_with(self.stored(head, digest.map(|d| d.database_root)).await?);
			}
			first.get_or_insert(head);
			progress.at(u64::from(number - from) + 1);
		}
		let to = self.before.ok_or(AuditError::EmptyRange { from, to })?;
		let from = first.unwrap_or(to);
		Ok(Report { from, to, beginning, findings: checker.findings })
	}

	/// The database before block `from`.
	async fn beginning(&mut self, from: BlockNumber) -> Result<(Beginning, OpenCtps), AuditError> {
		if from == 1 {
			self.before = Some(Head { number: 0, hash: self.connection.genesis() });
			return Ok((Beginning::Genesis, OpenCtps::default()));
		}
		let (before, header) = self.header(from - 1).await?;
		let named = database_digest(&header).map(|digest| digest.database_root);
		if let Some(open) = self.stored(before, named).await? {
			self.before = Some(before);
			return Ok((Beginning::Stored, open));
		}
		// Whatever is open was added within the longest time that a CTP can be open.
		let view = self.connection.best_view().await?;
		let parameters = view.parameters().await?;
		let mut open = OpenCtps::default();
		for number in from.saturating_sub(parameters.longest_claim()).max(1)..from {
			let parts = self.next(number).await?;
			self.fold(&parts, &view, &mut open).await?;
		}
		open.expire(from - 1, parameters.grace);
		if named != Some(open.root()) {
			return Err(AuditError::NoBeginning(from));
		}
		Ok((Beginning::Folded, open))
	}

	/// Takes over what a block did to the database. Whether it may have done so, its root tells in
	/// the end.
	async fn fold(
		&self,
		parts: &Parts,
		view: &View,
		open: &mut OpenCtps,
	) -> Result<(), AuditError> {
		let (number, genesis) = (parts.head.number, self.connection.genesis());
		let not_own = |_| AuditError::NotTheBlock { what: "a sidecar", number };
		let sidecar = Sidecar::decode_all(&mut &parts.sidecar[..]).map_err(not_own)?;
		for addition in sidecar.added {
			open.add(CtpId::of(&addition.ctp.ctp, &genesis), addition.ctp);
		}
		let seals = view.seals(parts.body.clone()).await?;
		for settlement in seals.into_iter().flat_map(|seal| seal.settlements) {
			let ctp = &settlement.ctp.ctp;
			open.settle(ctp.expiry, CtpId::of(ctp, &genesis));
		}
		Ok(())
	}

	/// The database after a block that the node keeps, if it has the root that its header names.
	async fn stored(
		&self,
		block: Head,
		named: Option<H256>,
	) -> Result<Option<OpenCtps>, AuditError> {
		match self.connection.open_ctps(block.hash).await {
			Ok(open) => Ok(Some(open).filter(|open| named == Some(open.root()))),
			Err(ConnectionError::Rpc { code: NO_DATABASE, .. }) => Ok(None),
			Err(error) => Err(error.into()),
		}
	}

	/// The header of a block of the best chain: one that is what the block's hash says.
	async fn header(&self, number: BlockNumber) -> Result<(Head, Header), AuditError> {
		let hash = self.connection.hash_of(number).await?;
		let header = self.connection.header(hash).await?;
		if Hashing::hash(&header.encode()) != hash || header.number != u64::from(number) {
			return Err(AuditError::NotTheBlock { what: "a header", number });
		}
		Ok((Head { number, hash }, header))
	}

	/// The next block: one that stands on the block before it, and is what its hash says.
	async fn next(&mut self, number: BlockNumber) -> Result<Parts, AuditError> {
		let not_own = |what| AuditError::NotTheBlock { what, number };
		let (head, header) = self.header(number).await?;
		let hash = head.hash;
		let parent = Head { number: number.saturating_sub(1), hash: header.parent_hash };
		if self.before.is_some_and(|before| before != parent) {
			return Err(not_own("a parent"));
		}
		let body = self.connection.body(hash).await?;
		if Hashing::ordered_trie_root(body.clone(), StateVersion::V0) != header.extrinsics_root {
			return Err(not_own("a body"));
		}
		let sidecar = match self.connection.sidecar(hash).await {
			Err(ConnectionError::Rpc { code: NO_SIDECAR, .. }) => {
				return Err(AuditError::NoSidecar(number));
			},
			sidecar => sidecar?,
		};
		self.before = Some(head);
		Ok(Parts { head, parent, header, body, sidecar })
	}

	/// The seals of a block, and what the state that it was made on says of those who signed; where
	/// the node has no such state any more, what the best one says.
	async fn seals_and_state(&self, parts: &Parts) -> Result<(Vec<Sealed>, Known), AuditError> {
		let at_the_time = async {
			let view = self.connection.view(parts.parent).await?;
			read_state(&view, parts, true).await
		};
		match at_the_time.await {
			Err(error)
				if error.kind() != Kind::NoConnection
					&& !self.connection.has_state(parts.parent.hash).await? =>
			{
				let view = self.connection.best_view().await?;
				Ok(read_state(&view, parts, false).await?)
			},
			found => Ok(found?),
		}
	}
}

async fn read_state(
	view: &View,
	parts: &Parts,
	at_the_time: bool,
) -> Result<(Vec<Sealed>, Known), ConnectionError> {
	let seals = view.seals(parts.body.clone()).await?;
	let mut known = Known {
		parameters: view.parameters().await?,
		owners: BTreeMap::new(),
		producers: BTreeMap::new(),
		meters: RegisteredMeters::default(),
		at_the_time,
	};
	// One that does not decode is found out by the check.
	let sidecar = Sidecar::decode_all(&mut &parts.sidecar[..]).unwrap_or_default();
	let vaults: BTreeSet<_> = sidecar.added.iter().map(|added| added.ctp.ctp.vault).collect();
	for id in vaults {
		if let Some(vault) = view.vault(id).await? {
			known.owners.insert(id, vault.owner);
		}
	}
	let quoted = sidecar.added.iter().filter(|added| added.quote.is_some());
	let offers: BTreeSet<_> = quoted.map(|added| added.ctp.ctp.offer).collect();
	for id in offers {
		if let Some(offer) = view.offer(id).await? {
			known.producers.insert(id, offer.producer);
		}
	}
	for addition in &sidecar.added {
		let coe = &addition.proof.coe;
		if at_the_time {
			let register = view.register(coe.manufacturer, &coe.signer).await?;
			known.meters.manufacturers.extend(register.manufacturers);
			known.meters.revoked.extend(register.revoked);
		} else if let Some(maker) = view.manufacturer(coe.manufacturer).await? {
			known.meters.manufacturers.insert(coe.manufacturer, maker.key);
		}
	}
	Ok((seals, known))
}
