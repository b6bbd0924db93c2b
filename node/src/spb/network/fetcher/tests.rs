use super::{
	super::{
		super::sidecars::tests::{sidecars, Memory},
		peers::tests::{until, DoublePeers, LIMIT},
	},
	*,
};

const TIMING: Timing = Timing {
	tick: Duration::from_millis(2),
	hedge: Duration::from_millis(20),
	retry: Duration::from_millis(5),
	longest_retry: Duration::from_millis(20),
	round: Duration::from_millis(20),
	pause: Duration::from_millis(1),
	linger: LIMIT,
};

pub struct Bench {
	pub fetcher: Arc<Fetcher<Memory>>,
	pub peers: Arc<DoublePeers>,
	pub sidecars: Arc<Sidecars<Memory>>,
	task: tokio::task::JoinHandle<()>,
}

impl Drop for Bench {
	fn drop(&mut self) {
		self.task.abort();
	}
}

impl Bench {
	async fn fetch(&self, hash: Hash) -> Option<Vec<u8>> {
		self.fetcher.fetch(hash, LIMIT, Patience::Bound).await
	}

	fn reported(&self) -> Vec<&'static str> {
		self.peers.reported.lock().iter().map(|(_, change)| change.reason).collect()
	}
}

/// A fetcher that runs, with these peers.
pub async fn bench(peers: DoublePeers) -> Bench {
	let sidecars = Arc::new(sidecars().0);
	let metrics = Metrics::new(None).unwrap();
	let fetcher =
		Arc::new(Fetcher::new(sidecars.clone(), "/spb/sidecar/1".into(), TIMING, metrics));
	let peers = Arc::new(peers);
	let task = tokio::spawn(fetcher.clone().run(peers.clone()));
	while !fetcher.running.load(Ordering::Relaxed) {
		tokio::task::yield_now().await;
	}
	Bench { fetcher, peers, sidecars, task }
}

/// What a peer answers that has these sidecars.
fn with(sidecars: &[Vec<u8>]) -> impl Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync {
	let sidecars = sidecars.to_vec();
	move |request| {
		let SidecarRequest(hashes) = SidecarRequest::read(request).unwrap();
		let find = |hash: Hash| sidecars.iter().find(|sidecar| hash_of(sidecar) == hash).cloned();
		Some(SidecarAnswer(hashes.into_iter().map(find).collect()).encode())
	}
}

fn sidecar(n: u32) -> Vec<u8> {
	n.to_le_bytes().repeat(3)
}

#[tokio::test]
async fn sidecar_should_be_fetched_from_the_peer_that_has_it() {
	let peers = DoublePeers::default();
	for _ in 0..3 {
		peers.add(with(&[]));
	}
	peers.add(|_| None);
	peers.add(with(&[sidecar(1)]));
	let bench = bench(peers).await;
	let hash = hash_of(&sidecar(1));
	assert_eq!(bench.fetch(hash).await, Some(sidecar(1)));
	assert_eq!(bench.sidecars.get(&hash).unwrap(), Some(sidecar(1)), "it is held");
	assert_eq!(bench.fetcher.metrics.sidecars_fetched.get(), 1);
	assert!(bench.reported().is_empty(), "to have nothing is no offence");
}

#[tokio::test]
async fn sidecar_should_be_asked_for_once_however_many_want_it() {
	let peers = DoublePeers::default();
	peers.add(with(&[sidecar(1)]));
	let bench = bench(peers).await;
	let wants = (0..10).map(|_| bench.fetch(hash_of(&sidecar(1))));
	let got = futures::future::join_all(wants).await;
	assert!(got.iter().all(|got| *got == Some(sidecar(1))));
	assert_eq!(bench.peers.asked.lock().len(), 1);
}

/// A peer that has the first sidecar as soon as this is set, and nothing before.
fn has_it_later(peers: &DoublePeers) -> Arc<AtomicBool> {
	let there = Arc::new(AtomicBool::new(false));
	let open = there.clone();
	peers.add(move |request| {
		with(&if open.load(Ordering::Relaxed) { vec![sidecar(1)] } else { vec![] })(request)
	});
	there
}

#[tokio::test]
async fn peer_should_be_asked_again_until_it_has_the_sidecar() {
	let peers = DoublePeers::default();
	let asked = std::sync::atomic::AtomicU32::new(0);
	peers.add(move |request| {
		let late = asked.fetch_add(1, Ordering::Relaxed) >= 3;
		with(&if late { vec![sidecar(1)] } else { vec![] })(request)
	});
	let bench = bench(peers).await;
	assert_eq!(bench.fetch(hash_of(&sidecar(1))).await, Some(sidecar(1)));
	assert_eq!(bench.peers.asked.lock().len(), 4);
}

#[tokio::test]
async fn wrong_bytes_should_cost_the_peer_that_sent_them() {
	let peers = DoublePeers::default();
	let liar = peers.add(|_| Some(SidecarAnswer(vec![Some(vec![1, 2])]).encode()));
	let honest_after = has_it_later(&peers);
	let bench = bench(peers).await;
	let fetch = bench.fetch(hash_of(&sidecar(1)));
	let release = async {
		until(|| !bench.reported().is_empty()).await;
		honest_after.store(true, Ordering::Relaxed);
	};
	let (got, ()) = futures::join!(fetch, release);
	assert_eq!(got, Some(sidecar(1)));
	let reported = bench.peers.reported.lock();
	assert!(reported.iter().all(|report| *report == (liar, reputation::WRONG_SIDECAR)));
	let refused = &bench.fetcher.metrics.answers_refused;
	assert!(refused.with_label_values(&[SIDECAR, reputation::WRONG_SIDECAR.reason]).get() > 0);
}

#[tokio::test]
async fn garbage_should_cost_the_peer_that_sent_it() {
	let peers = DoublePeers::default();
	let two = SidecarAnswer(vec![None, None]).encode();
	for garbage in [vec![], vec![0xff; 40], two] {
		peers.add(move |_| Some(garbage.clone()));
	}
	let bench = bench(peers).await;
	let wait = Duration::from_millis(200);
	let fetch = bench.fetcher.fetch(hash_of(&[7]), wait, Patience::Bound);
	assert_eq!(fetch.await, None);
	until(|| bench.reported().len() >= 3).await;
	assert!(bench.reported().iter().all(|why| *why == reputation::MALFORMED_ANSWER.reason));
}

#[tokio::test]
async fn wait_should_show_in_the_metrics_as_long_as_it_lasts() {
	let peers = DoublePeers::default();
	let there = has_it_later(&peers);
	let bench = bench(peers).await;
	let waiting = || bench.fetcher.metrics.sidecars_waiting.get();
	assert_eq!(waiting(), 0);
	let fetch = bench.fetch(hash_of(&sidecar(1)));
	let release = async {
		until(|| !bench.peers.asked.lock().is_empty()).await;
		assert_eq!(waiting(), 1);
		there.store(true, Ordering::Relaxed);
	};
	let (got, ()) = futures::join!(fetch, release);
	assert_eq!((got, waiting()), (Some(sidecar(1)), 0));

	let bound = Duration::from_millis(20);
	let in_vain = bench.fetcher.fetch(hash_of(&[7]), bound, Patience::Bound);
	let (got, ()) = futures::join!(in_vain, until(|| waiting() == 1));
	assert_eq!((got, waiting()), (None, 0));

	let left = tokio::time::timeout(bound, bench.fetch(hash_of(&[8]))).await;
	assert!(left.is_err(), "no one waits to the end");
	assert_eq!(waiting(), 0);
}

#[tokio::test]
async fn silent_peer_should_lose_the_sidecar_to_another() {
	let peers = DoublePeers::default();
	let silent = peers.add(with(&[sidecar(1)]));
	peers.silent.lock().insert(silent);
	let bench = bench(peers).await;
	let fetch = bench.fetch(hash_of(&sidecar(1)));
	let other = async {
		until(|| !bench.peers.asked.lock().is_empty()).await;
		bench.peers.add(with(&[sidecar(1)]));
	};
	let (got, ()) = futures::join!(fetch, other);
	assert_eq!(got, Some(sidecar(1)));
	assert!(bench.reported().is_empty());
}

#[tokio::test]
async fn who_asks_for_one_round_should_hear_when_no_one_has_it() {
	let peers = DoublePeers::default();
	for _ in 0..4 {
		peers.add(with(&[]));
	}
	let bench = bench(peers).await;
	let fetch = bench.fetcher.fetch(hash_of(&[7]), LIMIT, Patience::OneRound);
	assert_eq!(fetch.await, None);
	assert!(bench.fetcher.gave_up(&hash_of(&[7])));
	assert_eq!(bench.fetcher.metrics.sidecars_missed.get(), 1);
	assert_eq!(bench.peers.asked.lock().len(), 4);
}

#[tokio::test]
async fn peer_that_never_answers_should_not_keep_those_waiting_who_ask_for_one_round() {
	let peers = DoublePeers::default();
	peers.add(with(&[]));
	let silent = peers.add(with(&[sidecar(1)]));
	peers.silent.lock().insert(silent);
	let bench = bench(peers).await;
	let begun = Instant::now();
	for n in 1..=5 {
		let hash = hash_of(&sidecar(n));
		assert_eq!(bench.fetcher.fetch(hash, LIMIT, Patience::OneRound).await, None);
	}
	assert!(begun.elapsed() < LIMIT / 2, "{:?}", begun.elapsed());
	let asked = bench.peers.asked.lock().iter().filter(|(peer, _)| *peer == silent).count();
	assert_eq!(asked, 1, "it is asked nothing more until it answers");
}

#[tokio::test]
async fn peer_that_has_answered_should_be_waited_for() {
	let peers = DoublePeers::default();
	let peer = peers.add(with(&[sidecar(1)]));
	let bench = bench(peers).await;
	let one_round = |n, bound| bench.fetcher.fetch(hash_of(&sidecar(n)), bound, Patience::OneRound);
	assert_eq!(one_round(1, LIMIT).await, Some(sidecar(1)));
	bench.peers.silent.lock().insert(peer);
	let (begun, bound) = (Instant::now(), 5 * TIMING.round);
	assert_eq!(one_round(2, bound).await, None);
	assert!(begun.elapsed() >= bound);
}

#[tokio::test]
async fn peer_that_fails_once_should_be_asked_again_in_one_round() {
	let peers = DoublePeers::default();
	let asked = std::sync::atomic::AtomicU32::new(0);
	peers.add(move |request| match asked.fetch_add(1, Ordering::Relaxed) {
		0 => None,
		_ => with(&[sidecar(1)])(request),
	});
	let bench = bench(peers).await;
	let fetch = bench.fetcher.fetch(hash_of(&sidecar(1)), LIMIT, Patience::OneRound);
	assert_eq!(fetch.await, Some(sidecar(1)));
}

#[tokio::test]
async fn false_announcements_should_keep_no_one_else_out() {
	let peers = DoublePeers::default();
	peers.add(with(&[sidecar(1), sidecar(2), sidecar(3)]));
	let bench = bench(peers).await;
	let falsely = |n: usize| Hash::from_low_u64_be(n as u64 + 1);
	for n in 0..2 * MAX_ANNOUNCED {
		// Who announces it does not wait to the end.
		let told = bench.fetcher.want(falsely(n), LIMIT, Patience::Bound, true);
		assert!(told.is_some(), "{n}");
	}
	let wanted = |hash: &Hash| bench.fetcher.state.lock().wants.contains_key(hash);
	assert_eq!(bench.fetcher.state.lock().wants.len(), MAX_ANNOUNCED);
	assert!(!wanted(&falsely(0)) && wanted(&falsely(2 * MAX_ANNOUNCED - 1)));
	assert_eq!(bench.fetch(hash_of(&sidecar(1))).await, Some(sidecar(1)));
	let announced = bench.fetcher.fetch_announced(hash_of(&sidecar(2)), LIMIT);
	assert_eq!(announced.await, Some(sidecar(2)));
	bench.fetcher.fetch_ahead([hash_of(&sidecar(3))]);
	until(|| bench.fetcher.metrics.sidecars_fetched.get() == 3).await;
}

#[tokio::test]
async fn announcement_that_someone_waits_for_should_keep_its_place() {
	let bench = bench(DoublePeers::default()).await;
	let falsely = |n: usize| Hash::from_low_u64_be(n as u64 + 1);
	let want = |n| bench.fetcher.want(falsely(n), LIMIT, Patience::Bound, true);
	let waiting: Vec<_> = (0..MAX_ANNOUNCED).map(want).collect();
	assert!(waiting.iter().all(Option::is_some));
	assert!(want(MAX_ANNOUNCED).is_none());
	// The import of a block is no announcement, and makes one more than that.
	let hash = falsely(MAX_ANNOUNCED + 1);
	assert!(bench.fetcher.want(hash, LIMIT, Patience::Bound, false).is_some());
	// What an import wants is no longer an announcement's.
	let first = bench.fetcher.want(falsely(0), LIMIT, Patience::Bound, false);
	assert!(first.is_some() && want(MAX_ANNOUNCED).is_some());
	assert!(bench.fetcher.state.lock().wants.contains_key(&falsely(0)));
}

#[tokio::test]
async fn batch_should_be_fetched_ahead_many_at_a_time() {
	let peers = DoublePeers::default();
	let all: Vec<_> = (0..200).map(sidecar).collect();
	peers.add(with(&all));
	let bench = bench(peers).await;
	bench.fetcher.fetch_ahead(all.iter().map(|sidecar| hash_of(sidecar)));
	until(|| bench.fetcher.metrics.sidecars_fetched.get() == 200).await;
	assert!(bench.peers.asked.lock().len() <= 8, "it asks for many at a time");
	let held = |sidecar: &Vec<u8>| bench.sidecars.get(&hash_of(sidecar)).unwrap().is_some();
	assert!(all.iter().all(held));
}

#[tokio::test]
async fn fetching_ahead_should_stop_where_memory_ends_and_go_on_when_blocks_are_judged() {
	let peers = DoublePeers::default();
	let size = AHEAD_BYTES / 4;
	let all: Vec<_> = (0..12u8).map(|n| vec![n; size]).collect();
	let one_by_one = with(&all);
	peers.add(move |request| {
		let SidecarRequest(hashes) = SidecarRequest::read(request).unwrap();
		one_by_one(&SidecarRequest(hashes[..1].to_vec()).encode())
	});
	let bench = bench(peers).await;
	bench.fetcher.fetch_ahead(all.iter().map(|sidecar| hash_of(sidecar)));
	let fetched = || bench.fetcher.metrics.sidecars_fetched.get();
	until(|| fetched() >= 4).await;
	let connected = bench.peers.connected().await;
	let later = Instant::now() + LIMIT;
	assert!(bench.fetcher.plan(&connected, later).is_empty(), "there is no room for more");
	let mut taken = 0;
	while taken < 12 {
		until(|| fetched() > taken).await;
		let held: Vec<_> = bench.fetcher.state.lock().fetched.keys().copied().collect();
		assert!(held.len() <= 4 + AHEAD_REQUESTS);
		taken += held.len() as u64;
		held.iter().for_each(|hash| bench.fetcher.taken(hash));
	}
}

#[tokio::test]
async fn late_sidecar_should_be_held_for_when_its_block_comes_again() {
	let peers = DoublePeers::default();
	let there = has_it_later(&peers);
	let bench = bench(peers).await;
	let hash = hash_of(&sidecar(1));
	let bound = Duration::from_millis(20);
	let fetch = bench.fetcher.fetch(hash, bound, Patience::Bound);
	assert_eq!(fetch.await, None);
	there.store(true, Ordering::Relaxed);
	until(|| bench.fetcher.metrics.sidecars_late.get() == 1).await;
	assert_eq!(bench.sidecars.get(&hash).unwrap(), Some(sidecar(1)));
}

#[tokio::test]
async fn nothing_should_wait_where_there_is_no_network() {
	let sidecars = Arc::new(sidecars().0);
	let metrics = Metrics::new(None).unwrap();
	let fetcher = Fetcher::new(sidecars, "/spb/sidecar/1".into(), TIMING, metrics);
	fetcher.fetch_ahead([Hash::zero()]);
	assert_eq!(fetcher.fetch(Hash::zero(), LIMIT, Patience::Bound).await, None);
}

#[test]
fn back_off_should_grow_to_its_bound() {
	let pauses: Vec<_> = (1..=5).map(|times| TIMING.back_off(times).as_millis()).collect();
	assert_eq!(pauses, [5, 10, 20, 20, 20]);
	assert_eq!(TIMING.back_off(u32::MAX), TIMING.longest_retry);
}
