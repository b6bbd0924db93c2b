//! Where the import check has sidecars from: the node's own first, then its peers.

use super::{
	super::{
		sidecars::{SidecarSource, Sidecars, Wanted},
		Hash, LOG_TARGET,
	},
	fetcher::{Fetcher, Patience},
};
use async_trait::async_trait;
use sc_client_api::AuxStore;
use sp_consensus::BlockOrigin;
use std::{sync::Arc, time::Duration};

/// How long a block may wait for its sidecar in the import queue.
const IMPORT_BOUND: Duration = Duration::from_secs(10);
/// As long as that where someone has waited for it in vain just before, so that a sidecar that is
/// withheld does not stall the queue each time its block comes.
const SHORT_BOUND: Duration = Duration::from_millis(500);
/// After which the log says that a block waits.
const PATIENT_FOR: Duration = Duration::from_secs(1);

/// The node's sidecars and those of its peers.
pub struct PeerSource<A> {
	sidecars: Arc<Sidecars<A>>,
	fetcher: Arc<Fetcher<A>>,
}

impl<A> PeerSource<A> {
	/// Looks among `sidecars`, then asks `fetcher`.
	pub fn new(sidecars: Arc<Sidecars<A>>, fetcher: Arc<Fetcher<A>>) -> Self {
		Self { sidecars, fetcher }
	}
}

#[async_trait]
impl<A: AuxStore + Send + Sync> SidecarSource for PeerSource<A> {
	async fn fetch(&self, hash: Hash, wanted: Wanted) -> Option<Vec<u8>> {
		let own = self.sidecars.fetch(hash, wanted).await;
		self.fetcher.taken(&hash);
		// The node's own block was prepared with its sidecar: it waits for nothing.
		if own.is_some() || wanted.origin == BlockOrigin::Own {
			return own;
		}
		let bound = if self.fetcher.gave_up(&hash) { SHORT_BOUND } else { IMPORT_BOUND };
		let patience = if wanted.old { Patience::OneRound } else { Patience::Bound };
		let mut fetch = Box::pin(self.fetcher.fetch(hash, bound, patience));
		tokio::select! {
			fetched = &mut fetch => return fetched,
			() = tokio::time::sleep(PATIENT_FOR) => {},
		}
		log::info!(
			target: LOG_TARGET,
			"Block {} ({:?}) waits for its sidecar {hash:?}, {} s at the most",
			wanted.number, wanted.block, bound.as_secs(),
		);
		fetch.await
	}
}
