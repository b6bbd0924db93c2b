//! A restorer with rules and peers that pretend.

mod fetch;
mod wants;

use super::{
	super::{
		peers::tests::{until, DoublePeers, LIMIT},
		server::{tests::DoubleDatabases, Answers, DatabaseServer},
	},
	*,
};
use crate::spb::message::tests::GENESIS;
use sp_runtime::{traits::Header as _, Digest};

const TIMING: Timing = Timing {
	bound: LIMIT,
	pause: Duration::from_millis(1),
	look: Duration::from_millis(2),
	linger: LIMIT,
	whole: LIMIT,
};

/// Rules that find the right number of entries right.
struct DoubleRules {
	header: Header,
	expected: usize,
	best_is_missing: AtomicBool,
	begun: Mutex<Option<usize>>,
	done: AtomicBool,
}

impl DoubleRules {
	fn new(expected: usize) -> Arc<Self> {
		let digest =
			DatabaseDigest { database_root: Hash::repeat_byte(2), sidecar_hash: Hash::zero() };
		let digest = Digest { logs: vec![digest.to_item()] };
		let header = Header::new(7, Hash::zero(), Hash::zero(), Hash::zero(), digest);
		let (begun, done) = (Mutex::default(), AtomicBool::new(false));
		let best_is_missing = AtomicBool::new(false);
		Arc::new(Self { header, expected, best_is_missing, begun, done })
	}
}

impl Restore for DoubleRules {
	fn best(&self) -> Hash {
		self.header.hash()
	}

	fn has(&self, _: Hash) -> Result<bool, DatabaseError> {
		let missing = self.best_is_missing.load(Ordering::Relaxed);
		Ok(!missing || self.done.load(Ordering::Relaxed))
	}

	fn header(&self, block: Hash) -> Option<Header> {
		(block == self.header.hash()).then(|| self.header.clone())
	}

	fn step(
		&self,
		_: &Header,
		step: RestoreStep,
	) -> Result<Result<Restoring, NotRestored>, DatabaseError> {
		let mut begun = self.begun.lock();
		Ok(match (step, &mut *begun) {
			(RestoreStep::Begin, begun) => {
				*begun = Some(0);
				Ok(Restoring::More)
			},
			(RestoreStep::Entries(entries), Some(count)) => {
				*count += entries.len();
				Ok(Restoring::More)
			},
			(RestoreStep::Finish, Some(count)) if *count == self.expected => {
				self.done.store(true, Ordering::Relaxed);
				Ok(Restoring::Done)
			},
			(RestoreStep::Finish, Some(_)) => {
				*begun = None;
				Err(NotRestored::WrongRoot)
			},
			(_, None) => Err(NotRestored::NotBegun),
		})
	}
}

/// Has nothing of its own, or this.
#[derive(Default)]
struct DoubleRefold(Option<Vec<SignedCtp>>);

impl Refold for DoubleRefold {
	fn entries(&self, header: &Header) -> Result<Vec<SignedCtp>, RefoldError> {
		self.0.clone().ok_or(RefoldError::NoBlock(header.hash()))
	}
}

struct Bench {
	restorer: Arc<Restorer<DoubleRules>>,
	rules: Arc<DoubleRules>,
	peers: Arc<DoublePeers>,
	task: tokio::task::JoinHandle<()>,
}

impl Drop for Bench {
	fn drop(&mut self) {
		self.task.abort();
	}
}

async fn bench(rules: Arc<DoubleRules>, peers: DoublePeers, own: DoubleRefold) -> Bench {
	bench_with(TIMING, rules, peers, own).await
}

async fn bench_with(
	timing: Timing,
	rules: Arc<DoubleRules>,
	peers: DoublePeers,
	own: DoubleRefold,
) -> Bench {
	let metrics = Metrics::new(None).unwrap();
	let restorer = Restorer::new(
		rules.clone(),
		Arc::new(own),
		"/spb/database/1".into(),
		GENESIS,
		timing,
		metrics,
	);
	let (restorer, peers) = (Arc::new(restorer), Arc::new(peers));
	let task = tokio::spawn(restorer.clone().run(peers.clone()));
	while !restorer.running.load(Ordering::Relaxed) {
		tokio::task::yield_now().await;
	}
	Bench { restorer, rules, peers, task }
}

/// What a peer answers that has a database of so many entries after this block.
fn with(block: Hash, count: u32) -> impl Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync {
	let mut databases = DoubleDatabases::new(count);
	databases.block = block;
	let metrics = Metrics::new(None).unwrap();
	let server = DatabaseServer { databases: Arc::new(databases), metrics };
	move |request| server.answer(PeerId::random(), request).ok()
}

#[tokio::test]
async fn missing_database_of_the_best_block_should_be_fetched_unasked() {
	let rules = DoubleRules::new(5);
	let peers = DoublePeers::default();
	peers.add(with(rules.header.hash(), 5));
	rules.best_is_missing.store(true, Ordering::Relaxed);
	let bench = bench(rules, peers, DoubleRefold::default()).await;
	until(|| bench.restorer.metrics.databases_restored.get() > 0).await;
}

#[tokio::test]
async fn peer_that_takes_too_long_should_lose_its_turn() {
	let rules = DoubleRules::new(20);
	let block = rules.header.hash();
	let peers = DoublePeers::default();
	let silent = peers.add(with(block, 20));
	peers.silent.lock().insert(silent);
	let timing = Timing { whole: Duration::from_millis(20), ..TIMING };
	let bench = bench_with(timing, rules, peers, DoubleRefold::default()).await;
	let other = async {
		until(|| bench.restorer.slow.lock().contains(&silent)).await;
		bench.peers.add(with(block, 20))
	};
	let (restored, other) = futures::join!(bench.restorer.restore(block, Patience::Bound), other);
	assert!(restored && bench.peers.reported.lock().is_empty());
	let connected = [silent, other];
	for turn in 0..4 {
		assert_eq!(bench.restorer.in_turn(&connected, turn), [other, silent]);
	}
}

#[tokio::test]
async fn nothing_should_wait_where_there_is_no_network() {
	let rules = DoubleRules::new(5);
	let metrics = Metrics::new(None).unwrap();
	let refold = Arc::new(DoubleRefold::default());
	let name: ProtocolName = "/spb/database/1".into();
	let restorer = Restorer::new(rules, refold, name, GENESIS, TIMING, metrics);
	assert!(!restorer.restore(Hash::zero(), Patience::Bound).await);
}
