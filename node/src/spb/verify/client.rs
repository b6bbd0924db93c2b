//! The chain as the transaction pool sees it: its calls into the runtime remember signatures.

use super::{Verified, VerifyExt};
use crate::{
	service::FullClient,
	spb::{Hash, Header},
};
use sc_client_api::{
	execution_extensions::ExecutionExtensions, BlockBackend, ClientInfo, ExecutorProvider,
	UsageProvider,
};
use sp_api::{ApiExt, ApiRef, ProvideRuntimeApi};
use sp_blockchain::{CachedHeaderMetadata, HeaderBackend, HeaderMetadata, Result};
use sp_runtime::{
	generic::{BlockId, SignedBlock},
	traits::{Block as BlockT, BlockIdTo},
	Justifications,
};
use spb_primitives::BlockNumber;
use spb_runtime::opaque::Block;
use std::sync::Arc;

/// The chain, with [`Verified`] to answer for signatures.
pub struct PoolClient {
	client: Arc<FullClient>,
	verified: Arc<Verified>,
}

impl PoolClient {
	/// The view of `client` whose good signatures are remembered in `verified`.
	pub fn new(client: Arc<FullClient>, verified: Arc<Verified>) -> Self {
		Self { client, verified }
	}
}

impl ProvideRuntimeApi<Block> for PoolClient {
	type Api = <FullClient as ProvideRuntimeApi<Block>>::Api;

	fn runtime_api(&self) -> ApiRef<'_, Self::Api> {
		let mut api = self.client.runtime_api();
		api.register_extension(VerifyExt(self.verified.clone()));
		api
	}
}

impl BlockBackend<Block> for PoolClient {
	fn block_body(&self, hash: Hash) -> Result<Option<Vec<<Block as BlockT>::Extrinsic>>> {
		BlockBackend::<Block>::block_body(&*self.client, hash)
	}

	fn block_indexed_body(&self, hash: Hash) -> Result<Option<Vec<Vec<u8>>>> {
		BlockBackend::<Block>::block_indexed_body(&*self.client, hash)
	}

	fn block_indexed_hashes(&self, hash: Hash) -> Result<Option<Vec<Hash>>> {
		BlockBackend::<Block>::block_indexed_hashes(&*self.client, hash)
	}

	fn block(&self, hash: Hash) -> Result<Option<SignedBlock<Block>>> {
		BlockBackend::<Block>::block(&*self.client, hash)
	}

	fn block_status(&self, hash: Hash) -> Result<sp_consensus::BlockStatus> {
		BlockBackend::<Block>::block_status(&*self.client, hash)
	}

	fn justifications(&self, hash: Hash) -> Result<Option<Justifications>> {
		BlockBackend::<Block>::justifications(&*self.client, hash)
	}

	fn block_hash(&self, number: BlockNumber) -> Result<Option<Hash>> {
		BlockBackend::<Block>::block_hash(&*self.client, number)
	}

	fn indexed_transaction(&self, hash: Hash) -> Result<Option<Vec<u8>>> {
		BlockBackend::<Block>::indexed_transaction(&*self.client, hash)
	}

	fn has_indexed_transaction(&self, hash: Hash) -> Result<bool> {
		BlockBackend::<Block>::has_indexed_transaction(&*self.client, hash)
	}

	fn requires_full_sync(&self) -> bool {
		BlockBackend::<Block>::requires_full_sync(&*self.client)
	}
}

impl HeaderBackend<Block> for PoolClient {
	fn header(&self, hash: Hash) -> Result<Option<Header>> {
		HeaderBackend::<Block>::header(&*self.client, hash)
	}

	fn info(&self) -> sp_blockchain::Info<Block> {
		HeaderBackend::<Block>::info(&*self.client)
	}

	fn status(&self, hash: Hash) -> Result<sp_blockchain::BlockStatus> {
		HeaderBackend::<Block>::status(&*self.client, hash)
	}

	fn number(&self, hash: Hash) -> Result<Option<BlockNumber>> {
		HeaderBackend::<Block>::number(&*self.client, hash)
	}

	fn hash(&self, number: BlockNumber) -> Result<Option<Hash>> {
		HeaderBackend::<Block>::hash(&*self.client, number)
	}
}

impl HeaderMetadata<Block> for PoolClient {
	type Error = sp_blockchain::Error;

	fn header_metadata(&self, hash: Hash) -> Result<CachedHeaderMetadata<Block>> {
		HeaderMetadata::<Block>::header_metadata(&*self.client, hash)
	}

	fn insert_header_metadata(&self, hash: Hash, metadata: CachedHeaderMetadata<Block>) {
		HeaderMetadata::<Block>::insert_header_metadata(&*self.client, hash, metadata)
	}

	fn remove_header_metadata(&self, hash: Hash) {
		HeaderMetadata::<Block>::remove_header_metadata(&*self.client, hash)
	}
}

impl BlockIdTo<Block> for PoolClient {
	type Error = sp_blockchain::Error;

	fn to_hash(&self, id: &BlockId<Block>) -> Result<Option<Hash>> {
		BlockIdTo::<Block>::to_hash(&*self.client, id)
	}

	fn to_number(&self, id: &BlockId<Block>) -> Result<Option<BlockNumber>> {
		BlockIdTo::<Block>::to_number(&*self.client, id)
	}
}

impl ExecutorProvider<Block> for PoolClient {
	type Executor = <FullClient as ExecutorProvider<Block>>::Executor;

	fn executor(&self) -> &Self::Executor {
		ExecutorProvider::<Block>::executor(&*self.client)
	}

	fn execution_extensions(&self) -> &ExecutionExtensions<Block> {
		ExecutorProvider::<Block>::execution_extensions(&*self.client)
	}
}

impl UsageProvider<Block> for PoolClient {
	fn usage_info(&self) -> ClientInfo<Block> {
		UsageProvider::<Block>::usage_info(&*self.client)
	}
}
