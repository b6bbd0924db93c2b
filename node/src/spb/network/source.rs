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

/// How long a block may wait.
#[derive(Clone, Copy, Debug)]
struct Bounds {
	/// See [`IMPORT_BOUND`].
	import: Duration,
	/// See [`SHORT_BOUND`].
	short: Duration,
	/// See [`PATIENT_FOR`].
	patient: Duration,
}

impl Bounds {
	/// Of a running node.
	const NODE: Self = Self { import: IMPORT_BOUND, short: SHORT_BOUND, patient: PATIENT_FOR };
}

/// The node's sidecars and those of its peers.
pub struct PeerSource<A> {
	sidecars: Arc<Sidecars<A>>,
	fetcher: Arc<Fetcher<A>>,
	wary: Wary,
	bounds: Bounds,
}

impl<A> PeerSource<A> {
	/// Looks among `sidecars`, then asks `fetcher`.
	pub fn new(sidecars: Arc<Sidecars<A>>, fetcher: Arc<Fetcher<A>>) -> Self {
		Self { sidecars, fetcher, wary: Wary::default(), bounds: Bounds::NODE }
	}
}

/// When the import queue last waited in vain.
#[derive(Default)]
struct Wary(Mutex<Option<Instant>>);

impl Wary {
	/// How long the next block may wait.
	fn bound(&self, bounds: &Bounds, gave_up: bool, now: Instant) -> Duration {
		let lately = self.0.lock().is_some_and(|at| now.duration_since(at) < WARY_FOR);
		if gave_up || lately {
			bounds.short
		} else {
			bounds.import
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
		let bound = self.wary.bound(&self.bounds, self.fetcher.gave_up(&hash), begun);
		let patience = if wanted.old { Patience::OneRound } else { Patience::Bound };
		let mut fetch = Box::pin(self.fetcher.fetch(hash, bound, patience));
		tokio::select! {
			fetched = &mut fetch => return fetched,
			() = tokio::time::sleep(self.bounds.patient) => {},
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
	use super::{
		super::{
			super::sidecars::tests::Memory,
			fetcher::tests::bench,
			peers::tests::{DoublePeers, LIMIT},
		},
		*,
	};

	/// As a node's, but sooner over.
	const BOUNDS: Bounds = Bounds {
		import: Duration::from_secs(2),
		short: Duration::from_millis(20),
		patient: Duration::from_millis(50),
	};

	/// The block that waits.
	const BLOCK: Hash = Hash::repeat_byte(7);

	/// What the log says of blocks that wait.
	struct Lines(Mutex<Vec<String>>);

	static LINES: Lines = Lines(parking_lot::const_mutex(Vec::new()));

	impl log::Log for Lines {
		fn enabled(&self, metadata: &log::Metadata) -> bool {
			metadata.target() == LOG_TARGET && metadata.level() == log::Level::Info
		}

		fn log(&self, record: &log::Record) {
			let line = record.args().to_string();
			if self.enabled(record.metadata()) && line.contains(" waits for its sidecar ") {
				self.0.lock().push(line);
			}
		}

		fn flush(&self) {}
	}

	/// Has a block wait in vain for a sidecar; says for how long it did.
	async fn wait_in_vain(
		source: &PeerSource<Memory>,
		sidecar: Hash,
		origin: BlockOrigin,
	) -> Duration {
		let wanted = Wanted { block: BLOCK, number: 7, origin, old: false };
		let begun = Instant::now();
		let fetched = tokio::time::timeout(LIMIT, source.fetch(sidecar, wanted)).await;
		assert_eq!(fetched.expect("it gives up"), None);
		begun.elapsed()
	}

	#[tokio::test]
	async fn block_should_wait_no_longer_than_its_bound_and_the_log_should_say_that_it_does() {
		log::set_logger(&LINES).expect("no other test has a logger");
		log::set_max_level(log::LevelFilter::Info);
		let peers = DoublePeers::default();
		let silent = peers.add(|_| None);
		peers.silent.lock().insert(silent);
		let bench = bench(peers).await;
		let (sidecars, fetcher) = (bench.sidecars.clone(), bench.fetcher.clone());
		let source = PeerSource { sidecars, fetcher, wary: Wary::default(), bounds: BOUNDS };
		let (first, second) = (Hash::repeat_byte(1), Hash::repeat_byte(2));

		wait_in_vain(&source, first, BlockOrigin::Own).await;
		assert!(bench.peers.asked.lock().is_empty(), "an own block waits for nothing");
		assert!(LINES.0.lock().is_empty());

		let network = BlockOrigin::NetworkBroadcast;
		assert!(wait_in_vain(&source, first, network).await >= BOUNDS.import);
		let line = format!("Block 7 ({BLOCK:?}) waits for its sidecar {first:?}, 2 s");
		assert!(LINES.0.lock().iter().any(|said| said.contains(&line)), "{line}");
		assert_eq!(source.wary.bound(&BOUNDS, false, Instant::now()), BOUNDS.short);
		assert!(wait_in_vain(&source, second, network).await >= BOUNDS.short);
	}

	#[test]
	fn one_wait_in_vain_should_make_the_next_ones_short() {
		let (wary, now) = (Wary::default(), Instant::now());
		let bound = |gave_up, now| wary.bound(&Bounds::NODE, gave_up, now);
		assert_eq!(bound(false, now), IMPORT_BOUND);
		assert_eq!(bound(true, now), SHORT_BOUND);
		wary.waited_in_vain(now);
		assert_eq!(bound(false, now), SHORT_BOUND);
		assert_eq!(bound(false, now + WARY_FOR - Duration::from_millis(1)), SHORT_BOUND);
		assert_eq!(bound(false, now + WARY_FOR), IMPORT_BOUND);
	}
}
