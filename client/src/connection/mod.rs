//! The way to a node: connecting with patience, its blocks, its answers, the chain's state.
//!
//! [`Connection`] is cheap to clone and goes on over a new socket when the old one breaks; a
//! [`Line`] is all of it that knows nothing of the chain.

mod error;
mod heads;
mod line;
mod link;
mod relay;
mod rpc;

pub use error::ConnectionError;
pub use heads::{Heads, Stall};
pub use line::Line;
pub use link::Patience;
pub use relay::{Consent, RelayStatus, CONSENT};
pub use rpc::{
	Bucket, CtpEvent, CtpFilter, CtpRow, CtpStatus, DatabaseInfo, Events, Stage, Status, Trade,
	NO_DATABASE, NO_SIDECAR,
};

use crate::chain::{Config, View};
use codec::{Decode, Encode};
use link::Link;
use serde::de::DeserializeOwned;
use spb_primitives::{BlockNumber, DatabaseDigest, Genesis};
use std::sync::Arc;
use subxt::{
	backend::{BlockRef, LegacyBackend},
	rpcs::client::{rpc_params, RpcParams, RpcSubscription},
	OnlineClient,
};

/// Where a node listens by default.
pub const DEFAULT_URL: &str = "ws://127.0.0.1:9944";

/// The hash of a block.
pub type Hash = sp_core::H256;

/// A block.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Head {
	/// Its number.
	pub number: BlockNumber,
	/// Its hash.
	pub hash: Hash,
}

/// A connection to a node.
#[derive(Clone)]
pub struct Connection {
	line: Line,
	client: OnlineClient<Config>,
	/// Held from asking for an account's next nonce until the transaction is in the pool.
	pub(crate) nonces: Arc<tokio::sync::Mutex<()>>,
}

impl std::fmt::Debug for Connection {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		write!(f, "Connection({})", self.url())
	}
}

impl Connection {
	/// Connects to a node, trying again for as long as `patience` says.
	pub async fn open(url: &str, patience: Patience) -> Result<Self, ConnectionError> {
		Self::over(Line::new(url, patience)?).await
	}

	async fn over(line: Line) -> Result<Self, ConnectionError> {
		// The oldest of subxt's backends: its answers to a submission say why it was refused, and it
		// pins no blocks.
		let backend = LegacyBackend::builder().build(line.rpc.clone());
		let client = OnlineClient::from_backend_with_config(Config::new(), Arc::new(backend)).await;
		let client = client.map_err(|error| subxt_error(&line.link, error.into()))?;
		Ok(Self { line, client, nonces: Default::default() })
	}

	/// A connection to a node that only pretends to be one.
	#[cfg(test)]
	pub(crate) async fn pretended(rpc: subxt::rpcs::RpcClient) -> Result<Self, ConnectionError> {
		Self::over(Line::pretended(DEFAULT_URL, rpc)).await
	}

	/// The line that the connection goes over.
	pub fn line(&self) -> &Line {
		&self.line
	}

	/// The node's address.
	pub fn url(&self) -> &str {
		self.line.url()
	}

	/// The hash of block 0: which chain this is.
	pub fn genesis(&self) -> Genesis {
		self.client.genesis_hash()
	}

	/// Asks the node.
	pub async fn request<T: DeserializeOwned>(
		&self,
		method: &str,
		params: RpcParams,
	) -> Result<T, ConnectionError> {
		self.line.request(method, params).await
	}

	/// Subscribes at the node. The subscription ends with the connection.
	pub async fn subscribe<T: DeserializeOwned>(
		&self,
		method: &str,
		params: RpcParams,
		end: &str,
	) -> Result<RpcSubscription<T>, ConnectionError> {
		self.line.subscribe(method, params, end).await
	}

	/// The best block.
	pub async fn best(&self) -> Result<Head, ConnectionError> {
		let hash: Hash = self.request("chain_getBlockHash", rpc_params![]).await?;
		self.head(hash).await
	}

	/// The last final block.
	pub async fn finalized(&self) -> Result<Head, ConnectionError> {
		let hash: Hash = self.request("chain_getFinalizedHead", rpc_params![]).await?;
		self.head(hash).await
	}

	/// The hash of the best chain's block of this number.
	pub async fn hash_of(&self, number: BlockNumber) -> Result<Hash, ConnectionError> {
		let hash: Option<Hash> = self.request("chain_getBlockHash", rpc_params![number]).await?;
		hash.ok_or_else(|| ConnectionError::UnknownBlock(number.to_string()))
	}

	async fn head(&self, hash: Hash) -> Result<Head, ConnectionError> {
		let header = self.header(hash).await?;
		let number =
			BlockNumber::try_from(header.number).map_err(|_| ConnectionError::Malformed {
				method: "chain_getHeader".into(),
				reason: "the block's number is above 32 bits".into(),
			})?;
		Ok(Head { number, hash })
	}

	/// A block's header.
	pub async fn header(&self, hash: Hash) -> Result<Header, ConnectionError> {
		let header: Option<Header> = self.request("chain_getHeader", rpc_params![hash]).await?;
		header.ok_or_else(|| ConnectionError::UnknownBlock(hash.to_string()))
	}

	/// Whether the node still has the state after a block.
	pub async fn has_state(&self, block: Hash) -> Result<bool, ConnectionError> {
		let version = self.request("state_getRuntimeVersion", rpc_params![block]).await;
		match version.map(|_: serde_json::Value| ()) {
			Ok(()) => Ok(true),
			Err(ConnectionError::Rpc { .. }) => Ok(false),
			Err(error) => Err(error),
		}
	}

	/// The state after a block.
	pub async fn view(&self, head: Head) -> Result<View, ConnectionError> {
		let block = BlockRef::from_hash(head.hash);
		let at = self.client.at_block_hash_and_number(block, head.number.into()).await;
		let at = at.map_err(|error| self.subxt_error(error.into()))?;
		Ok(View::new(self.clone(), at, head))
	}

	/// The state after the best block.
	pub async fn best_view(&self) -> Result<View, ConnectionError> {
		self.view(self.best().await?).await
	}

	/// New best blocks as they come.
	pub fn heads(&self, stall: Stall) -> Heads {
		Heads::new(self.clone(), stall)
	}

	pub(crate) fn subxt_error(&self, error: subxt::Error) -> ConnectionError {
		subxt_error(&self.line.link, error)
	}
}

/// A block's header, as subxt reads it.
pub type Header = <Config as subxt::Config>::Header;

/// What a header says of the database. Its digest is read by the protocol's own code.
pub fn database_digest(header: &Header) -> Option<DatabaseDigest> {
	let digest = Decode::decode(&mut &header.digest.encode()[..]).ok()?;
	DatabaseDigest::find(&digest)
}

/// The parts of a node's address.
type Url = subxt::ext::jsonrpsee::client_transport::ws::Url;

/// What an error of subxt means: its types do not say whether the connection is lost, the link does.
fn subxt_error(link: &Link, error: subxt::Error) -> ConnectionError {
	use subxt::error::{ExtrinsicError, OnlineClientAtBlockError, RuntimeApiError, StorageError};
	if let Some(reason) = link.failure() {
		return ConnectionError::Unreachable { url: link.url().into(), reason };
	}
	match &error {
		subxt::Error::ExtrinsicError(
			ExtrinsicError::IncompatibleCodegen
			| ExtrinsicError::PalletNameNotFound(_)
			| ExtrinsicError::CallNameNotFound { .. },
		)
		| subxt::Error::RuntimeApiError(
			RuntimeApiError::IncompatibleCodegen
			| RuntimeApiError::TraitNotFound(_)
			| RuntimeApiError::MethodNotFound { .. },
		)
		| subxt::Error::StorageError(
			StorageError::IncompatibleCodegen
			| StorageError::PalletNameNotFound(_)
			| StorageError::StorageEntryNotFound { .. },
		)
		| subxt::Error::OnlineClientAtBlockError(
			OnlineClientAtBlockError::UnsupportedMetadataVersion { .. },
		) => ConnectionError::Incompatible(error.to_string()),
		_ => ConnectionError::Subxt(Box::new(error)),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use subxt::config::substrate::{Digest, DigestItem};

	fn header(logs: Vec<DigestItem>) -> Header {
		Header {
			parent_hash: Hash::zero(),
			number: 1,
			state_root: Hash::zero(),
			extrinsics_root: Hash::zero(),
			digest: Digest { logs },
		}
	}

	#[test]
	fn the_database_digest_should_be_found_among_others() {
		let said = DatabaseDigest {
			database_root: Hash::repeat_byte(1),
			sidecar_hash: Hash::repeat_byte(2),
		};
		let ours = || DigestItem::Consensus(spb_primitives::ENGINE_ID, said.encode());
		let others = || {
			vec![
				DigestItem::PreRuntime(*b"aura", vec![1; 8]),
				DigestItem::Consensus(*b"FRNK", vec![2; 9]),
			]
		};
		assert_eq!(database_digest(&header(others())), None);
		let with = |more: Vec<DigestItem>| header(others().into_iter().chain(more).collect());
		assert_eq!(database_digest(&with(vec![ours()])), Some(said));
		assert_eq!(database_digest(&with(vec![ours(), ours()])), None);
	}
}
