//! Follows a chain block by block and checks what every block must hold: that the database is the
//! one the header names, and what is in the body.
//!
//! Two databases are compared with each header: the one the node counts and hashes anew, and the one
//! folded here from the entries that it lists.

use codec::Encode;
use spb_client::{
	chain::runtime::{self, spb::calls::Seal},
	connection::{database_digest, Connection, ConnectionError, Hash, Head, Header},
	error::{Classify, Kind},
};
use spb_primitives::{BlockNumber, CtpId, Energy, SignedCtp};
use std::collections::{BTreeMap, BTreeSet};

/// What goes wrong with an audit; that a check fails is no error but a figure.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
	/// The node.
	#[error(transparent)]
	Connection(#[from] ConnectionError),
	/// A block's body cannot be decoded.
	#[error("the body of block {number} cannot be decoded: {reason}")]
	Body {
		/// The block.
		number: BlockNumber,
		/// What is wrong with it.
		reason: String,
	},
	/// The chain has taken another way than the one that was followed.
	#[error("block {0} is not on the best chain any more: the chain has forked")]
	Forked(BlockNumber),
}

impl AuditError {
	/// What it means to the one who called.
	pub fn kind(&self) -> Kind {
		match self {
			Self::Connection(error) => error.kind(),
			Self::Body { .. } | Self::Forked(_) => Kind::Failed,
		}
	}
}

/// A trade as a block's body has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settled {
	/// The block.
	pub block: BlockNumber,
	/// The CTP.
	pub signed: SignedCtp,
	/// The energy delivered.
	pub delivered: Energy,
}

/// What was found so far.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Findings {
	/// Blocks looked at.
	pub blocks: u32,
	/// Blocks whose header's root was compared.
	pub roots_checked: u32,
	/// Those whose root the node's own count and the fold of its entries both gave.
	pub roots_equal: u32,
	/// Bodies that do not hold exactly one seal, or one that names another root than the header.
	pub bad_seals: u32,
	/// CTPs and ERCs found in bodies, where none may be.
	pub messages_in_bodies: u32,
	/// CTPs that settled more than once.
	pub settled_twice: u32,
	/// The most bytes that a trade took in a body.
	pub bytes_most: usize,
	/// The bytes that all trades took in bodies.
	pub bytes_all: usize,
	/// The trades, by id.
	pub settled: BTreeMap<CtpId, Settled>,
	/// The ids of all CTPs that ever were in the database or settled.
	pub entered: BTreeSet<CtpId>,
	/// The ids of the CTPs in the database after the last block.
	pub open: BTreeSet<CtpId>,
}

/// Follows a chain.
#[derive(Debug)]
pub struct Audit {
	connection: Connection,
	last: Head,
	/// Bytes of an extrinsic with a seal that settles nothing.
	empty_seal: Option<usize>,
	findings: Findings,
}

impl Audit {
	/// From block 0 on.
	pub fn new(connection: Connection) -> Self {
		let last = Head { number: 0, hash: connection.genesis() };
		Self { connection, last, empty_seal: None, findings: Findings::default() }
	}

	/// What was found so far.
	pub fn findings(&self) -> &Findings {
		&self.findings
	}

	/// The last block that was looked at.
	pub fn last(&self) -> Head {
		self.last
	}

	/// Looks at all blocks up to this one.
	pub async fn advance(&mut self, to: Head) -> Result<(), AuditError> {
		let mut way = Vec::new();
		let mut block = to;
		while block.number > self.last.number {
			let header = self.connection.header(block.hash).await?;
			let parent = Head { number: block.number - 1, hash: header.parent_hash };
			way.push((block, header));
			block = parent;
		}
		if block != self.last && to.number >= self.last.number {
			return Err(AuditError::Forked(self.last.number));
		}
		for (block, header) in way.into_iter().rev() {
			self.look_at(block, &header).await?;
			self.last = block;
		}
		Ok(())
	}

	async fn look_at(&mut self, block: Head, header: &Header) -> Result<(), AuditError> {
		let named = database_digest(header).map(|digest| digest.database_root);
		self.check_root(block, named).await?;
		self.check_body(block, named).await?;
		self.findings.blocks += 1;
		Ok(())
	}

	/// The database: as the node counts it, and folded from its entries.
	async fn check_root(&mut self, block: Head, named: Option<Hash>) -> Result<(), AuditError> {
		let counted = self.connection.database(Some(block.hash)).await?.root;
		let open = self.connection.open_ctps(block.hash).await?;
		self.findings.open = open.iter().map(|(id, _)| id).collect();
		self.findings.entered.extend(&self.findings.open);
		let equal = named == Some(counted) && named == Some(open.root());
		self.findings.roots_checked += 1;
		self.findings.roots_equal += u32::from(equal);
		Ok(())
	}

	/// The body: one seal that names the header's root, no CTP and no ERC.
	async fn check_body(&mut self, block: Head, named: Option<Hash>) -> Result<(), AuditError> {
		let malformed = |reason: String| AuditError::Body { number: block.number, reason };
		let view = self.connection.view(block).await?;
		let extrinsics = view.subxt().extrinsics().fetch().await;
		let extrinsics = extrinsics.map_err(|error| malformed(error.to_string()))?;
		let mut seals = 0u32;
		for extrinsic in extrinsics.iter() {
			let extrinsic = extrinsic.map_err(|error| malformed(error.to_string()))?;
			let message = extrinsic.is::<runtime::spb::calls::CommitToPay>()
				|| extrinsic.is::<runtime::spb::calls::ConfirmReceipt>();
			self.findings.messages_in_bodies += u32::from(message);
			if let Some(seal) = extrinsic.decode_call_data_fields_as::<Seal>() {
				let seal = seal.map_err(|error| malformed(error.to_string()))?.seal;
				seals += u32::from(Some(seal.database_root) == named);
				let settled = seal.settlements.0.into_iter().map(|settlement| {
					let settlement = settlement.0;
					Settled {
						block: block.number,
						signed: settlement.ctp,
						delivered: settlement.delivered,
					}
				});
				self.settle(settled.collect(), extrinsic.bytes().len());
			}
		}
		self.findings.bad_seals += u32::from(seals != 1);
		Ok(())
	}

	/// Notes what a seal settles, and how many bytes of the body that takes.
	fn settle(&mut self, settled: Vec<Settled>, bytes: usize) {
		if settled.is_empty() {
			self.empty_seal = Some(bytes);
			return;
		}
		let own = settled.iter().map(|trade| {
			let settlement = spb_primitives::Settlement {
				ctp: trade.signed.clone(),
				delivered: trade.delivered,
			};
			settlement.encoded_size()
		});
		let own: Vec<usize> = own.collect();
		let all: usize = own.iter().sum();
		// What the seal takes more than an empty one, lengths included, is the trades' too.
		let taken = bytes.saturating_sub(self.empty_seal.unwrap_or(bytes - all.min(bytes)));
		let share = taken.saturating_sub(all).div_ceil(settled.len());
		let most = own.into_iter().max().unwrap_or_default() + share;
		self.findings.bytes_most = self.findings.bytes_most.max(most);
		self.findings.bytes_all += taken;
		let genesis = self.connection.genesis();
		for trade in settled {
			let id = CtpId::of(&trade.signed.ctp, &genesis);
			self.findings.entered.insert(id);
			if self.findings.settled.insert(id, trade).is_some() {
				self.findings.settled_twice += 1;
			}
		}
	}
}
