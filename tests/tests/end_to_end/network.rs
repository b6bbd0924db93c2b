//! Several nodes hold one database, whenever they join and whatever they lose.

use crate::{free_port, FOLDER};
use spb_client::{
	connection::{Connection, Head, Stall},
	meter::Reading,
	trade::{wait_for_ctp, wait_for_receipt, Goal},
};
use spb_primitives::Energy;
use spb_testbed::node::Node;
use spb_tests::{scene::tenths, Scene};
use std::fs;

/// Waits until a node has this block on its best chain and as a final one, and looks that its
/// database after it is the header's, with so many open CTPs.
async fn follows(node: &Connection, block: Head, open: u32) {
	let mut heads = node.heads(Stall::default());
	while node.finalized().await.unwrap().number < block.number {
		heads.next().await.unwrap();
	}
	let database = node.database(Some(block.hash)).await.unwrap();
	assert!(database.equal, "{database:?}");
	assert_eq!((database.number, database.open), (block.number, open));
}

#[tokio::test(flavor = "multi_thread")]
async fn validators_and_those_who_join_should_hold_one_database() {
	let scene = Scene::set_of_two(FOLDER).await;
	let base_path = tempfile::tempdir().unwrap();
	let mut bob = Node::start(scene.bob().await.base_path(base_path.path())).unwrap();
	let pair = scene.pair("network").await;
	let trader = pair.community.trader(1);
	let (first, second) = (
		trader.commit(&pair.order(500, tenths(2), 200)).await.unwrap(),
		trader.commit(&pair.order(300, tenths(1), 200)).await.unwrap(),
	);
	let expiry = first.signed.ctp.expiry;
	for id in [&first.id, &second.id] {
		wait_for_ctp(&scene.connection, id, expiry, Goal::Final, &()).await.unwrap();
	}
	let both = scene.connection.finalized().await.unwrap();
	follows(&bob.connect().await.unwrap(), both, 2).await;

	// The receipt goes to the other validator, and one of them makes the block.
	let trader = pair.community.participants[1].trader(&bob.connect().await.unwrap());
	trader.confirm(&first.id, Energy::from_wh(500), Reading::New).await.unwrap();
	wait_for_receipt(&scene.connection, &first.id, expiry, Goal::Settled, &()).await.unwrap();
	let one = scene.connection.finalized().await.unwrap();
	follows(&bob.connect().await.unwrap(), one, 1).await;

	// One who joins now judges all blocks from the first on.
	let follower = Node::start(scene.follower().await).unwrap();
	follows(&follower.connect().await.unwrap(), one, 1).await;

	// A validator that has lost everything comes back, and finality with it.
	bob.stop().unwrap();
	fs::remove_dir_all(base_path.path()).unwrap();
	let best = scene.connection.best().await.unwrap();
	bob.restart().unwrap();
	let later = scene.until_final(best.number + 3).await;
	follows(&bob.connect().await.unwrap(), later, 1).await;
	scene.audit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_that_was_away_should_catch_up() {
	let scene = Scene::set_of_two(FOLDER).await;
	let base_path = tempfile::tempdir().unwrap();
	let mut bob = Node::start(scene.bob().await.base_path(base_path.path())).unwrap();
	let pair = scene.pair("away").await;
	bob.kill().unwrap();
	// Alice goes on alone; nothing becomes final without Bob.
	let trader = pair.community.trader(1);
	let issued = trader.commit(&pair.order(500, tenths(2), 300)).await.unwrap();
	let expiry = issued.signed.ctp.expiry;
	let entered =
		wait_for_ctp(&scene.connection, &issued.id, expiry, Goal::Database, &()).await.unwrap();
	bob.restart().unwrap();
	follows(&bob.connect().await.unwrap(), entered, 1).await;
	trader.confirm(&issued.id, Energy::from_wh(500), Reading::New).await.unwrap();
	wait_for_receipt(&scene.connection, &issued.id, expiry, Goal::Settled, &()).await.unwrap();
	scene.audit().await;
}

/// How many signatures a node has verified outside the execution of blocks.
async fn verified(node: &Node) -> f64 {
	node.metrics().await.unwrap().sum("spb_signatures_verified_total")
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_should_verify_each_signature_once() {
	let scene = Scene::set_of_two(FOLDER).await;
	let bob = Node::start(scene.bob().await.metrics(free_port())).unwrap();
	let follower = Node::start(scene.follower().await.metrics(free_port())).unwrap();
	let pair = scene.pair("signatures").await;
	let trader = pair.community.trader(1);
	let mut counts = Vec::new();
	for _ in 0..3 {
		let issued = trader.commit(&pair.order(500, tenths(2), 200)).await.unwrap();
		let expiry = issued.signed.ctp.expiry;
		wait_for_ctp(&scene.connection, &issued.id, expiry, Goal::Final, &()).await.unwrap();
		trader.confirm(&issued.id, Energy::from_wh(500), Reading::New).await.unwrap();
		wait_for_receipt(&scene.connection, &issued.id, expiry, Goal::Settled, &()).await.unwrap();
		let settled = scene.connection.finalized().await.unwrap();
		for node in [&bob, &follower] {
			follows(&node.connect().await.unwrap(), settled, 0).await;
		}
		counts.push([verified(&bob).await, verified(&follower).await]);
	}
	// Those of the CTP and of the ERC, in the pool, by the author and by who judges the block together. That the
	// meter's tree is certified was verified with the first trade.
	for pair in counts.windows(2) {
		for (before, after) in pair[0].iter().zip(pair[1]) {
			assert_eq!(after - before, 2.0, "{counts:?}");
		}
	}
}
