//! What several tests pretend with.

use super::{Hash, Header};
use sc_client_api::blockchain::{BlockStatus, Info};
use sp_blockchain::HeaderBackend;
use spb_primitives::BlockNumber;
use spb_runtime::opaque::Block;

/// A chain that knows these headers, whose best block is 100 and whose last final one is 90.
pub struct DoubleChain(pub Vec<Header>);

impl HeaderBackend<Block> for DoubleChain {
	fn header(&self, hash: Hash) -> sp_blockchain::Result<Option<Header>> {
		Ok(self.0.iter().find(|header| header.hash() == hash).cloned())
	}

	fn info(&self) -> Info<Block> {
		Info {
			best_hash: Hash::repeat_byte(1),
			best_number: 100,
			genesis_hash: Hash::zero(),
			finalized_hash: Hash::zero(),
			finalized_number: 90,
			finalized_state: None,
			number_leaves: 1,
			block_gap: None,
		}
	}

	fn status(&self, _: Hash) -> sp_blockchain::Result<BlockStatus> {
		Ok(BlockStatus::Unknown)
	}

	fn number(&self, _: Hash) -> sp_blockchain::Result<Option<BlockNumber>> {
		Ok(None)
	}

	fn hash(&self, _: BlockNumber) -> sp_blockchain::Result<Option<Hash>> {
		Ok(None)
	}
}
