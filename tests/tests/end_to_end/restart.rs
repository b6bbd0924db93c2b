//! A node that is stopped, or killed, in the middle of a trade goes on where it was.

use crate::FOLDER;
use serde_json::json;
use spb_client::{
	chain::calls,
	connection::{Connection, Stall, Status, Trade},
	meter::Reading,
	trade::{wait_for_ctp, wait_for_receipt, Goal},
};
use spb_primitives::{AccountId, BlockNumber, Energy, Money};
use spb_testbed::{database, node::Options, Node};
use spb_tests::{
	scene::{node_program, tenths, Pair},
	Cli, Scene,
};
use std::{collections::BTreeMap, fs, path::Path, time::SystemTime};

/// Blocks that come while a node makes its history anew, at the very most.
const SOON: BlockNumber = 60;
/// Blocks whose state a node keeps that soon forgets.
const STATES: BlockNumber = 16;
/// Final blocks that come while the state of an older one is still asked for, at the very most.
const LAG: BlockNumber = 24;

/// How the node ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
	Stopped,
	Killed,
}

/// An open CTP outlives the node's end, with the same database, and settles after it.
async fn trade_across(end: End) {
	let base_path = tempfile::tempdir().unwrap();
	let mut scene = Scene::set_on_disk(FOLDER, base_path.path()).await;
	let pair = scene.pair("restart").await;
	let trader = pair.community.trader(1);
	let issued = trader.commit(&pair.order(500, tenths(2), 200)).await.unwrap();
	let (id, expiry) = (issued.id, issued.signed.ctp.expiry);
	let entered = wait_for_ctp(&scene.connection, &id, expiry, Goal::Final, &()).await.unwrap();
	let before = scene.connection.database(Some(entered.hash)).await.unwrap();
	assert!(before.equal && before.open == 1);
	// One that waits for a block is not lost either, unless the node is killed that very moment.
	let waiting = trader.commit(&pair.order(300, tenths(1), 200)).await.unwrap();
	let mut heads = scene.connection.heads(Stall::default());
	while scene.connection.ctp(&waiting.id, None).await.unwrap().status == Status::Unknown {
		heads.next().await.unwrap();
	}
	drop(heads);

	match end {
		End::Stopped => scene.node.stop().unwrap(),
		End::Killed => drop(scene.node.kill().unwrap()),
	}
	scene.node.restart().unwrap();
	scene.reconnect().await;
	let connection = &scene.connection;
	assert!(connection.best().await.unwrap().number >= entered.number);
	let after = connection.database(Some(entered.hash)).await.unwrap();
	assert_eq!(after, before);
	assert_eq!(connection.ctp(&id, None).await.unwrap().status, Status::Open);

	// Those who traded need not know: their connection is made anew.
	let trader = pair.community.participants[1].trader(connection);
	trader.confirm(&id, Energy::from_wh(500), Reading::New).await.unwrap();
	wait_for_receipt(connection, &id, expiry, Goal::Settled, &()).await.unwrap();
	let status = connection.ctp(&waiting.id, None).await.unwrap().status;
	if end == End::Killed && status == Status::Unknown {
		let (signed, proof) = (waiting.signed.clone(), waiting.proof.clone());
		connection.submit_message(&calls::commit_to_pay(signed, proof, None)).await.unwrap();
	}
	let last = waiting.signed.ctp.expiry;
	wait_for_ctp(connection, &waiting.id, last, Goal::Final, &()).await.unwrap();
	let audit = scene.audit().await;
	assert!(audit.findings().settled.contains_key(&id));
	assert!(audit.findings().open.contains(&waiting.id));
}

/// Stops the node and takes away what it keeps beside the chain and its databases, history and inbox;
/// then it is started again.
async fn lose_store(scene: &mut Scene, base_path: &Path) {
	scene.node.stop().unwrap();
	let chains = fs::read_dir(base_path.join("chains")).unwrap();
	for chain in chains {
		fs::remove_dir_all(chain.unwrap().path().join("spb")).unwrap();
	}
	scene.node.restart().unwrap();
	scene.reconnect().await;
}

/// What a participant has traded, once the node's index has got there.
async fn history(connection: &Connection, who: &AccountId) -> Vec<Trade> {
	let last = connection.best().await.unwrap().number + SOON;
	let mut heads = connection.heads(Stall::default());
	loop {
		let trades = connection.trades(who, None, None, 10).await.unwrap();
		if !trades.is_empty() {
			return trades;
		}
		let head = heads.next().await.unwrap();
		assert!(head.number <= last, "the history does not know {who} by block {last}");
	}
}

/// Has a pair trade: who they are, the producer first, and what the history says of it.
async fn told_of_a_trade(scene: &Scene, pair: &Pair) -> ([AccountId; 2], Vec<Trade>) {
	let trader = pair.community.trader(1);
	let issued = trader.commit(&pair.order(500, tenths(2), 200)).await.unwrap();
	let expiry = issued.signed.ctp.expiry;
	wait_for_ctp(&scene.connection, &issued.id, expiry, Goal::Database, &()).await.unwrap();
	trader.confirm(&issued.id, Energy::from_wh(500), Reading::New).await.unwrap();
	wait_for_receipt(&scene.connection, &issued.id, expiry, Goal::Settled, &()).await.unwrap();
	let who = [0, 1].map(|place: usize| pair.community.participants[place].account());
	let told = history(&scene.connection, &who[1]).await;
	assert_eq!(told.iter().map(|trade| trade.id).collect::<Vec<_>>(), [issued.id]);
	(who, told)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_should_be_made_anew_where_it_is_lost() {
	let base_path = tempfile::tempdir().unwrap();
	let mut scene = Scene::set_on_disk(FOLDER, base_path.path()).await;
	let pair = scene.pair("history").await;
	let (who, before) = told_of_a_trade(&scene, &pair).await;
	lose_store(&mut scene, base_path.path()).await;
	for who in who {
		assert_eq!(history(&scene.connection, &who).await, before);
	}
	scene.audit().await;
}

/// Waits until the node has forgotten the state after a trade's block.
async fn until_forgotten(scene: &Scene, trade: &Trade) {
	let end = scene.until_final(trade.block + STATES).await.number + LAG;
	let mut heads = scene.connection.heads(Stall::default());
	while scene.connection.has_state(trade.hash).await.unwrap() {
		heads.next().await.unwrap();
		let last = scene.connection.finalized().await.unwrap().number;
		assert!(last <= end, "block {last} is final, and the state after {} is there", trade.block);
	}
}

/// What a block's body says of a trade, and who the two are.
fn lasting(trade: &Trade) -> Trade {
	Trade { payment: None, fee: None, burned: None, released: None, ..trade.clone() }
}

/// What follows from the fee, which only the state of the time knows.
fn figures(trade: &Trade) -> [Option<Money>; 4] {
	[trade.payment, trade.fee, trade.burned, trade.released]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_should_be_made_anew_where_the_state_of_its_trades_is_gone() {
	let base_path = tempfile::tempdir().unwrap();
	let states = STATES.to_string();
	let arguments = ["--state-pruning", states.as_str()];
	let mut scene = Scene::set_on_disk_with(FOLDER, base_path.path(), &arguments).await;
	let pair = scene.pair("forgotten").await;
	let (who, before) = told_of_a_trade(&scene, &pair).await;
	let [trade] = &before[..] else { panic!("{before:?}") };
	assert!(figures(trade).iter().all(Option::is_some), "{trade:?}");
	until_forgotten(&scene, trade).await;
	assert_eq!(history(&scene.connection, &who[1]).await, before);

	lose_store(&mut scene, base_path.path()).await;
	assert_eq!(scene.connection.hash_of(trade.block).await.unwrap(), trade.hash);
	assert!(!scene.connection.has_state(trade.hash).await.unwrap(), "its block alone is there");
	for who in &who {
		let after = history(&scene.connection, who).await;
		assert_eq!(after.iter().map(lasting).collect::<Vec<_>>(), [lasting(trade)]);
		// What it no longer knows it does not make up.
		for (now, then) in figures(&after[0]).into_iter().zip(figures(trade)) {
			assert!(now.is_none() || now == then, "{after:?} is not {trade:?}");
		}
	}
	// The same for who asks with the client.
	let cli = Cli::new(&scene.node.url(), &scene.folder().join("reader"));
	let shown = cli.result(&["history", "--account", &who[1].to_string()]).await;
	let rows = shown["trades"].as_array().unwrap();
	assert_eq!(rows.len(), 1, "{shown}");
	assert_eq!(rows[0]["id"], json!(trade.id));
	assert_eq!(rows[0]["block"], json!({ "number": trade.block, "hash": trade.hash }));
	assert_eq!(rows[0]["deliveredWh"], json!(500));
}

/// What a node's log says when it has made a database from its own sidecars.
const MADE: &str = "Made the CTP database after block";

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_database_should_be_made_anew_where_no_one_else_has_it() {
	let base_path = tempfile::tempdir().unwrap();
	let mut scene = Scene::set_on_disk(FOLDER, base_path.path()).await;
	let pair = scene.pair("lost").await;
	let trader = pair.community.trader(1);
	let issued = trader.commit(&pair.order(500, tenths(2), 300)).await.unwrap();
	let (id, expiry) = (issued.id, issued.signed.ctp.expiry);
	let entered = wait_for_ctp(&scene.connection, &id, expiry, Goal::Final, &()).await.unwrap();
	scene.until(entered.number + 2).await;

	// The chain, its sidecars, the inbox and the history stay.
	scene.node.stop().unwrap();
	assert!(!database::remove(base_path.path()).unwrap().is_empty());
	scene.node.restart().unwrap();
	scene.reconnect().await;
	let best = scene.connection.best().await.unwrap();
	let next = scene.until(best.number + 2).await;
	let log = fs::read_to_string(scene.node.log()).unwrap();
	assert!(log.contains(MADE), "{}", scene.node.tail());
	let made = scene.connection.database(Some(next.hash)).await.unwrap();
	assert!(made.equal && made.open == 1, "{made:?}");

	let trader = pair.community.participants[1].trader(&scene.connection);
	trader.confirm(&id, Energy::from_wh(500), Reading::New).await.unwrap();
	wait_for_receipt(&scene.connection, &id, expiry, Goal::Settled, &()).await.unwrap();
	let database = scene.connection.database(None).await.unwrap();
	assert!(database.equal && database.open == 0, "{database:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trade_should_outlive_a_restart() {
	trade_across(End::Stopped).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trade_should_outlive_a_kill() {
	trade_across(End::Killed).await;
}

/// The files below a folder, but for what the cache notes of their use: how long they are, and when they were
/// written.
fn compiled(folder: &Path) -> BTreeMap<String, (u64, SystemTime)> {
	let mut files = BTreeMap::new();
	for entry in fs::read_dir(folder).unwrap() {
		let path = entry.unwrap().path();
		match path.extension() {
			_ if path.is_dir() => files.extend(compiled(&path)),
			None => {
				let metadata = path.metadata().unwrap();
				let written = (metadata.len(), metadata.modified().unwrap());
				files.insert(path.display().to_string(), written);
			},
			Some(_) => {},
		}
	}
	files
}

#[test]
fn a_compiled_runtime_should_stay_for_the_next_start() {
	let folder = tempfile::tempdir().unwrap();
	let cache = folder.path().join("runtime-cache");
	let start = || {
		let node = Options::development(node_program());
		Node::start(node.argument("--runtime-cache").argument(&cache)).unwrap()
	};
	start().stop().unwrap();
	let kept = compiled(&cache);
	assert!(kept.values().any(|(bytes, _)| *bytes > 1_000_000), "{kept:?}");

	// What the next one needs is there: nothing is added, and nothing is compiled anew in its place.
	start().stop().unwrap();
	assert_eq!(compiled(&cache), kept);
}
