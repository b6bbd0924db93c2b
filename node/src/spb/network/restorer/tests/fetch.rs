//! What peers send, and what it costs them.

use super::{
	super::super::{
		messages::{DatabaseAnswer, DatabasePart},
		reputation,
	},
	*,
};
use codec::{Decode, Encode};

#[tokio::test]
async fn database_should_be_fetched_part_by_part_from_a_peer_that_has_it() {
	let rules = DoubleRules::new(9_000);
	let block = rules.header.hash();
	let peers = DoublePeers::default();
	peers.add(with(Hash::repeat_byte(9), 3));
	peers.add(|_| None);
	let has = peers.add(with(block, 9_000));
	let bench = bench(rules, peers, DoubleRefold::default()).await;
	assert!(bench.restorer.restore(block, Patience::Bound).await);
	assert!(bench.rules.done.load(Ordering::Relaxed));
	assert!(bench.peers.reported.lock().is_empty(), "to have nothing is no offence");
	let parts = bench.peers.asked.lock().iter().filter(|(peer, _)| *peer == has).count();
	assert!(parts >= 3, "it came in {parts} parts");
	assert_eq!(bench.restorer.metrics.databases_restored.get(), 1);
}

#[tokio::test]
async fn database_of_another_root_should_cost_the_peer_that_sent_it() {
	let rules = DoubleRules::new(20);
	let block = rules.header.hash();
	let peers = DoublePeers::default();
	let liar = peers.add(with(block, 19));
	let bench = bench(rules, peers, DoubleRefold::default()).await;
	let honest = async {
		while bench.peers.reported.lock().is_empty() {
			tokio::task::yield_now().await;
		}
		bench.peers.add(with(block, 20));
	};
	let (restored, ()) = futures::join!(bench.restorer.restore(block, Patience::Bound), honest);
	assert!(restored);
	let reported = bench.peers.reported.lock();
	assert!(reported.iter().all(|report| *report == (liar, reputation::WRONG_DATABASE)));
}

#[tokio::test]
async fn garbage_should_cost_the_peer_that_sent_it() {
	let rules = DoubleRules::new(20);
	let block = rules.header.hash();
	let peers = DoublePeers::default();
	let liar = peers.add(|_| Some(vec![1, 2, 3]));
	let bench = bench(rules, peers, DoubleRefold(Some(DoubleDatabases::new(20).signed()))).await;
	// No one else has it, so the node makes it itself.
	assert!(bench.restorer.restore(block, Patience::Bound).await);
	assert_eq!(*bench.peers.reported.lock(), [(liar, reputation::MALFORMED_ANSWER)]);
}

/// The parts that an honest peer has, one entry in each.
fn drop_by_drop(block: Hash, count: u32) -> impl Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync {
	let honest = with(block, count);
	move |request| {
		let DatabaseAnswer(part) = DatabaseAnswer::decode(&mut &honest(request)?[..]).ok()?;
		let part = part.map(|DatabasePart { mut entries, last }| {
			let last = last && entries.len() <= 1;
			entries.truncate(1);
			DatabasePart { entries, last }
		});
		Some(DatabaseAnswer(part).encode())
	}
}

#[tokio::test]
async fn parts_of_one_entry_should_cost_the_peer_that_sends_them() {
	let rules = DoubleRules::new(9_000);
	let block = rules.header.hash();
	let peers = DoublePeers::default();
	let miser = peers.add(drop_by_drop(block, 9_000));
	let bench = bench(rules, peers, DoubleRefold::default()).await;
	let honest = async {
		until(|| !bench.peers.reported.lock().is_empty()).await;
		bench.peers.add(with(block, 9_000));
	};
	let (restored, ()) = futures::join!(bench.restorer.restore(block, Patience::Bound), honest);
	assert!(restored);
	let reported = bench.peers.reported.lock();
	assert!(reported.iter().all(|report| *report == (miser, reputation::MALFORMED_ANSWER)));
	let asked = bench.peers.asked.lock().iter().filter(|(peer, _)| *peer == miser).count();
	assert!(asked < 100, "{asked} parts of one entry");
}
