//! The peers of this node, as fetching needs them.

use super::super::LOG_TARGET;
use async_trait::async_trait;
use sc_network::PeerId;
use sc_network::{
	request_responses::{IfDisconnected, RequestFailure},
	service::traits::NetworkService,
	ProtocolName, ReputationChange,
};
use sc_network_sync::SyncingService;
use sp_consensus::SyncOracle;
use spb_runtime::opaque::Block;
use std::sync::Arc;

/// Peers to ask.
#[async_trait]
pub trait Peers: Send + Sync + 'static {
	/// The full nodes that are connected.
	async fn connected(&self) -> Vec<PeerId>;

	/// Asks one of them.
	async fn ask(
		&self,
		peer: PeerId,
		protocol: ProtocolName,
		request: Vec<u8>,
	) -> Result<Vec<u8>, RequestFailure>;

	/// Asks a peer that may not be connected: it is called first, if its address is known.
	async fn reach(
		&self,
		peer: PeerId,
		protocol: ProtocolName,
		request: Vec<u8>,
	) -> Result<Vec<u8>, RequestFailure>;

	/// Has others asked for a peer's address.
	fn look_for(&self, peer: PeerId);

	/// Changes what is thought of a peer.
	fn report(&self, peer: PeerId, change: ReputationChange);

	/// Whether the node is far behind.
	fn is_syncing(&self) -> bool;
}

/// The peers of a running node.
pub struct Connected {
	/// The network.
	pub network: Arc<dyn NetworkService>,
	/// Knows which peers are full nodes.
	pub sync: Arc<SyncingService<Block>>,
}

#[async_trait]
impl Peers for Connected {
	async fn connected(&self) -> Vec<PeerId> {
		match self.sync.peers_info().await {
			Ok(peers) => {
				let full = peers.into_iter().filter(|(_, info)| info.roles.is_full());
				full.map(|(peer, _)| peer).collect()
			},
			// The node is stopping.
			Err(_) => Vec::new(),
		}
	}

	async fn ask(
		&self,
		peer: PeerId,
		protocol: ProtocolName,
		request: Vec<u8>,
	) -> Result<Vec<u8>, RequestFailure> {
		let connect = IfDisconnected::ImmediateError;
		let answer = self.network.request(peer, protocol, request, None, connect).await;
		answer.map(|(bytes, _)| bytes)
	}

	async fn reach(
		&self,
		peer: PeerId,
		protocol: ProtocolName,
		request: Vec<u8>,
	) -> Result<Vec<u8>, RequestFailure> {
		let connect = IfDisconnected::TryConnect;
		let answer = self.network.request(peer, protocol, request, None, connect).await;
		answer.map(|(bytes, _)| bytes)
	}

	fn look_for(&self, peer: PeerId) {
		self.network.find_closest_peers(peer);
	}

	fn report(&self, peer: PeerId, change: ReputationChange) {
		log::debug!(target: LOG_TARGET, "Peer {peer}: {}", change.reason);
		self.network.report_peer(peer, change);
	}

	fn is_syncing(&self) -> bool {
		self.sync.is_major_syncing()
	}
}

#[cfg(test)]
pub(crate) mod tests {
	use super::*;
	use parking_lot::Mutex;
	use std::{
		collections::{HashMap, HashSet},
		time::Duration,
	};

	/// Generous: no test waits for it unless it fails.
	pub const LIMIT: Duration = Duration::from_secs(30);

	/// Waits until something is so.
	pub async fn until(what: impl Fn() -> bool) {
		let waited = async {
			while !what() {
				tokio::task::yield_now().await;
			}
		};
		tokio::time::timeout(LIMIT, waited).await.expect("it happens in time");
	}

	/// What a peer of [`DoublePeers`] says to a request.
	pub type Says = Box<dyn Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync>;

	/// Peers that answer as told, and a record of everything that was done with them. A peer that
	/// says nothing refuses.
	#[derive(Default)]
	pub struct DoublePeers {
		pub says: Mutex<HashMap<PeerId, Says>>,
		/// Those that never answer.
		pub silent: Mutex<HashSet<PeerId>>,
		pub asked: Mutex<Vec<(PeerId, Vec<u8>)>>,
		pub reported: Mutex<Vec<(PeerId, ReputationChange)>>,
		pub looked_for: Mutex<Vec<PeerId>>,
	}

	impl DoublePeers {
		/// One more peer.
		pub fn add(
			&self,
			says: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync + 'static,
		) -> PeerId {
			let peer = PeerId::random();
			self.says.lock().insert(peer, Box::new(says));
			peer
		}
	}

	#[async_trait]
	impl Peers for DoublePeers {
		async fn connected(&self) -> Vec<PeerId> {
			self.says.lock().keys().copied().collect()
		}

		async fn ask(
			&self,
			peer: PeerId,
			_: ProtocolName,
			request: Vec<u8>,
		) -> Result<Vec<u8>, RequestFailure> {
			self.asked.lock().push((peer, request.clone()));
			if self.silent.lock().contains(&peer) {
				return futures::future::pending().await;
			}
			let answer = self.says.lock().get(&peer).and_then(|says| says(&request));
			answer.ok_or(RequestFailure::Refused)
		}

		async fn reach(
			&self,
			peer: PeerId,
			protocol: ProtocolName,
			request: Vec<u8>,
		) -> Result<Vec<u8>, RequestFailure> {
			self.ask(peer, protocol, request).await
		}

		fn look_for(&self, peer: PeerId) {
			self.looked_for.lock().push(peer);
		}

		fn report(&self, peer: PeerId, change: ReputationChange) {
			self.reported.lock().push((peer, change));
		}

		fn is_syncing(&self) -> bool {
			false
		}
	}
}
