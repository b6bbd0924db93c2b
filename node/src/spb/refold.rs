//! Makes a CTP database from the node's own sidecars, where no peer can help: a lost disk on a chain
//! of one node, or on all nodes at once.
//!
//! Whatever is open was added within the longest time that a CTP can be open. So the sidecars and
//! settlements of these last blocks give all entries, without the databases before them; sidecars
//! are kept for longer. Nothing is judged here: the root decides whether the result counts.

use super::{
	runtime::{CtpDatabase, DatabaseError},
	sidecars::{SidecarError, Sidecars},
	Hash, Header,
};
use codec::{DecodeAll, Encode};
use pallet_spb::runtime_api::CtpFilter;
use sc_client_api::{AuxStore, BlockBackend, HeaderBackend};
use spb_primitives::{BlockNumber, CtpId, DatabaseDigest, OpenCtps, Sidecar, SignedCtp};
use spb_runtime::opaque::Block;
use std::sync::Arc;

/// Entries read at once.
const STEP: u32 = 1_000;

/// Why the node's own sidecars do not suffice.
#[derive(Debug, thiserror::Error)]
pub enum RefoldError {
	/// A block that would have to be read is not here.
	#[error("block {0:?} is not here with its body")]
	NoBlock(Hash),
	/// A sidecar that would have to be read is not here.
	#[error("the sidecar of block {0} is not here")]
	NoSidecar(BlockNumber),
	/// A sidecar cannot be read.
	#[error(transparent)]
	Sidecars(#[from] SidecarError),
	/// A sidecar of this node's own does not decode.
	#[error("the sidecar of block {number} does not decode: {source}")]
	Damaged {
		/// The block.
		number: BlockNumber,
		/// Why.
		#[source]
		source: codec::Error,
	},
	/// The chain's database fails.
	#[error(transparent)]
	Chain(#[from] sp_blockchain::Error),
	/// The runtime does not answer.
	#[error(transparent)]
	Runtime(#[from] DatabaseError),
}

/// Makes databases from sidecars.
pub trait Refold: Send + Sync + 'static {
	/// The entries of the database after the block with this header, in order.
	fn entries(&self, header: &Header) -> Result<Vec<SignedCtp>, RefoldError>;
}

/// Makes databases from the sidecars of this node.
pub struct OwnSidecars<C, A> {
	/// Has the blocks.
	pub client: Arc<C>,
	/// Reads them.
	pub database: Arc<CtpDatabase>,
	/// The sidecars.
	pub sidecars: Arc<Sidecars<A>>,
}

impl<C, A> OwnSidecars<C, A>
where
	C: HeaderBackend<Block> + BlockBackend<Block>,
	A: AuxStore,
{
	/// The headers to go through, the oldest first, and the entries before them.
	fn beginning(&self, header: &Header) -> Result<(Vec<Header>, OpenCtps), RefoldError> {
		let depth = self.database.parameters(header.hash())?.longest_claim();
		let mut headers = vec![header.clone()];
		let mut at = header.parent_hash;
		let mut number = header.number;
		while number > 1 && headers.len() <= depth as usize {
			if self.database.has_database(at)? {
				headers.reverse();
				return Ok((headers, self.stored(at)?));
			}
			let before = self.client.header(at)?.ok_or(RefoldError::NoBlock(at))?;
			(at, number) = (before.parent_hash, before.number);
			headers.push(before);
		}
		headers.reverse();
		Ok((headers, OpenCtps::default()))
	}

	fn stored(&self, block: Hash) -> Result<OpenCtps, RefoldError> {
		let mut open = OpenCtps::default();
		loop {
			let rows = self.database.entries(block, CtpFilter::default(), open.last(), STEP)?;
			let whole = rows.len() < STEP as usize;
			for row in rows {
				open.add(row.id, row.signed);
			}
			if whole {
				return Ok(open);
			}
		}
	}

	fn sidecar(&self, header: &Header) -> Result<Sidecar, RefoldError> {
		let number = header.number;
		let digest = DatabaseDigest::find(&header.digest).ok_or(RefoldError::NoSidecar(number))?;
		let bytes =
			self.sidecars.get(&digest.sidecar_hash)?.ok_or(RefoldError::NoSidecar(number))?;
		Sidecar::decode_all(&mut &bytes[..])
			.map_err(|source| RefoldError::Damaged { number, source })
	}
}

impl<C, A> Refold for OwnSidecars<C, A>
where
	C: HeaderBackend<Block> + BlockBackend<Block> + 'static,
	A: AuxStore + Send + Sync + 'static,
{
	fn entries(&self, header: &Header) -> Result<Vec<SignedCtp>, RefoldError> {
		let (headers, mut open) = self.beginning(header)?;
		let (genesis, at) = (self.client.info().genesis_hash, header.hash());
		for header in headers {
			let hash = header.hash();
			for addition in self.sidecar(&header)?.added {
				let id = CtpId::of(&addition.ctp.ctp, &genesis);
				open.add(id, addition.ctp);
			}
			let body = self.client.block_body(hash)?.ok_or(RefoldError::NoBlock(hash))?;
			let body = body.iter().map(Encode::encode).collect();
			for settled in self.database.settlements(at, body)? {
				open.settle(settled.settlement.ctp.ctp.expiry, settled.id);
			}
		}
		open.expire(header.number, self.database.parameters(at)?.grace);
		Ok(open.into_entries())
	}
}
