//! Where the import check has sidecars from: the node's own first, then its peers.

use super::{
	super::{
		sidecars::{SidecarSource, Sidecars, Wanted},
		Hash, LOG_TARGET,
	},
	fetcher::{Fetcher, Patience},
};
use async_trait::async_trait;
use parking_lot::Mutex;
use sc_client_api::AuxStore;
use sp_consensus::BlockOrigin;
use std::{
	sync::Arc,
	time::{Duration, Instant},
};

/// How long a block may wait for its sidecar in the import queue.
const IMPORT_BOUND: Duration = Duration::from_secs(10);
/// As long as that where someone has waited in vain lately: for this sidecar, so that one that is
/// withheld does not stall the queue each time its block comes; or for any, so that a new one each
/// time does not either.
const SHORT_BOUND: Duration = Duration::from_millis(500);
/// For so long after a wait in vain the next ones are short.
const WARY_FOR: Duration = Duration::from_secs(300);
/// After which the log says that a block waits.
const PATIENT_FOR: Duration = Duration::from_secs(1);

/// The node's sidecars and those of its peers.
pub struct PeerSource<A> {
	sidecars: Arc<Sidecars<A>>,
	fetcher: Arc<Fetcher<A>>,
	wary: Wary,
}

impl<A> PeerSource<A> {
	/// Looks among `sidecars`, then asks `fetcher`.
	pub fn new(sidecars: Arc<Sidecars<A>>, fetcher: Arc<Fetcher<A>>) -> Self {
		Self { sidecars, fetcher, wary: Wary::default() }
	}
}

/// When the import queue last waited in vain.
#[derive(Default)]
struct Wary(Mutex<Option<Instant>>);

impl Wary {
	/// How long the next block may wait.
	fn bound(&self, gave_up: bool, now: Instant) -> Duration {
		let lately = self.0.lock().is_some_and(|at| now.duration_since(at) < WARY_FOR);
		if gave_up || lately {
			SHORT_BOUND
		} else {
			IMPORT_BOUND
		}
	}

	/// A block has waited to the end of its bound.
	fn waited_in_vain(&self, now: Instant) {
		*self.0.lock() = Some(now);
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
		let begun = Instant::now();
		let bound = self.wary.bound(self.fetcher.gave_up(&hash), begun);
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
		let fetched = fetch.await;
		if fetched.is_none() && begun.elapsed() >= bound {
			self.wary.waited_in_vain(Instant::now());
		}
		fetched
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn one_wait_in_vain_should_make_the_next_ones_short() {
		let (wary, now) = (Wary::default(), Instant::now());
		assert_eq!(wary.bound(false, now), IMPORT_BOUND);
		assert_eq!(wary.bound(true, now), SHORT_BOUND);
		wary.waited_in_vain(now);
		assert_eq!(wary.bound(false, now), SHORT_BOUND);
		assert_eq!(wary.bound(false, now + WARY_FOR - Duration::from_millis(1)), SHORT_BOUND);
		assert_eq!(wary.bound(false, now + WARY_FOR), IMPORT_BOUND);
	}
}
