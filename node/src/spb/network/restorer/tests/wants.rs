//! Who waits for how long.

use super::*;

#[tokio::test]
async fn who_asks_for_one_round_should_hear_when_no_one_has_it() {
	let rules = DoubleRules::new(5);
	let block = rules.header.hash();
	let peers = DoublePeers::default();
	peers.add(with(Hash::zero(), 5));
	let bench = bench(rules, peers, DoubleRefold::default()).await;
	for _ in 0..20 {
		assert!(!bench.restorer.restore(block, Patience::OneRound).await);
	}
	// After rounds in vain more and more do without: 0, 2, 6 and then 14.
	assert_eq!(bench.peers.asked.lock().len(), 4);
	bench.peers.add(with(block, 5));
	assert!(bench.restorer.restore(block, Patience::Bound).await);
	assert!(bench.restorer.restore(block, Patience::OneRound).await);
}

#[tokio::test]
async fn silent_peer_should_not_make_every_old_block_wait() {
	let rules = DoubleRules::new(20);
	let block = rules.header.hash();
	let peers = DoublePeers::default();
	let silent = peers.add(with(block, 20));
	peers.silent.lock().insert(silent);
	let timing = Timing { bound: Duration::from_millis(20), ..TIMING };
	let bench = bench_with(timing, rules, peers, DoubleRefold::default()).await;
	let begun = Instant::now();
	for _ in 0..200 {
		assert!(!bench.restorer.restore(block, Patience::OneRound).await);
	}
	// They wait at 0, 1, 4, 11, 26, 57, 120 and 183: eight of 200.
	assert!(begun.elapsed() < 100 * timing.bound, "{:?}", begun.elapsed());
}
