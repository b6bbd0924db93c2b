//! `spb audit` verifies again what settled: against an archive all of it, against a node that prunes
//! what is left. And what a node keeps is bounded, however long its chain goes on: bytes of evidence, databases
//! and their entries, as it tells. What that is on the disk is measured in `node/src/spb/disk.rs`, with more
//! evidence than trades make within a test.

use crate::{free_port, FOLDER};
use codec::Encode;
use serde_json::{json, Value};
use spb_client::{
	connection::{Connection, ConnectionError, Status, NO_DATABASE, NO_SIDECAR},
	meter::Reading,
	trade::{wait_for_ctp, wait_for_receipt, Goal, TradeError, Trader},
};
use spb_primitives::{BlockNumber, CtpId, Energy, Parameters, Sidecar};
use spb_testbed::node::Node;
use spb_tests::{
	scene::{tenths, Pair},
	Cli, Scene,
};
use std::{future::Future, ops::RangeInclusive};

/// Two blocks a second, which are soon forgotten.
const SHORT: Parameters = Parameters {
	min_lifetime: 2,
	max_lifetime: 30,
	grace: 6,
	evidence_window: 8,
	slot_duration: 500,
};
/// Blocks whose state the archive keeps.
const STATES: &str = "16";
/// How far pruning may lag: finality, the housekeeper's turn, and blocks that come meanwhile.
const LAG: BlockNumber = 24;

/// A trade of which so much is delivered; the block that added its CTP.
async fn trade(scene: &Scene, pair: &Pair, trader: &Trader, delivered: Option<u32>) -> BlockNumber {
	let lifetime = SHORT.max_lifetime - 4;
	let issued = trader.commit(&pair.order(500, tenths(2), lifetime)).await.unwrap();
	let (id, expiry) = (issued.id, issued.signed.ctp.expiry);
	let goal = Goal::Database;
	let entered = wait_for_ctp(&scene.connection, &id, expiry, goal, &()).await.unwrap();
	if let Some(wh) = delivered {
		trader.confirm(&id, Energy::from_wh(wh), Reading::New).await.unwrap();
	}
	let end = wait_for_receipt(&scene.connection, &id, expiry, Goal::Settled, &()).await;
	match delivered {
		Some(_) => drop(end.unwrap()),
		None => assert!(matches!(end, Err(TradeError::Expired { .. }))),
	}
	let mut added = entered.number;
	while is_open(&scene.connection, &id, added - 1).await {
		added -= 1;
	}
	added
}

async fn is_open(node: &Connection, id: &CtpId, number: BlockNumber) -> bool {
	let hash = node.hash_of(number).await.unwrap();
	node.ctp(id, Some(hash)).await.unwrap().status == Status::Open
}

async fn has_database(node: &Connection, number: BlockNumber) -> bool {
	entries(node, number).await.is_some()
}

/// Entries of the database after a block, if the node has that.
async fn entries(node: &Connection, number: BlockNumber) -> Option<u32> {
	let hash = node.hash_of(number).await.unwrap();
	match node.database(Some(hash)).await {
		Ok(database) => {
			assert!(database.equal, "{database:?}");
			Some(database.open)
		},
		Err(ConnectionError::Rpc { code: NO_DATABASE, .. }) => None,
		Err(error) => panic!("{error}"),
	}
}

/// The first block whose database this node keeps: those of all later ones are there, and of none
/// before it.
async fn first_database(node: &Connection) -> BlockNumber {
	let mut first = node.best().await.unwrap().number;
	while has_database(node, first - 1).await {
		first -= 1;
	}
	// That of genesis is empty and everywhere.
	for number in 1..first {
		assert!(!has_database(node, number).await, "{number} is there and not {}", first - 1);
	}
	first
}

async fn has_sidecar(node: &Connection, number: BlockNumber) -> bool {
	sidecar(node, number).await.is_some()
}

/// The sidecar of a block, if the node has it.
async fn sidecar(node: &Connection, number: BlockNumber) -> Option<Vec<u8>> {
	match node.sidecar(node.hash_of(number).await.unwrap()).await {
		Ok(sidecar) => {
			assert!(!sidecar.is_empty());
			Some(sidecar)
		},
		Err(ConnectionError::Rpc { code: NO_SIDECAR, .. }) => None,
		Err(error) => panic!("{error}"),
	}
}

/// Bytes of evidence that a node has of these blocks. Those in which nothing enters and nothing settles have
/// the empty sidecar, which is stored nowhere.
async fn evidence(node: &Connection, blocks: RangeInclusive<BlockNumber>) -> usize {
	let empty = Sidecar::default().encode();
	let mut bytes = 0;
	for number in blocks {
		let sidecar = sidecar(node, number).await.filter(|sidecar| *sidecar != empty);
		bytes += sidecar.map_or(0, |sidecar| sidecar.len());
	}
	bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_should_be_verified_again_where_it_is_kept() {
	let scene = Scene::set_with(FOLDER, &SHORT).await;
	let archive = scene.follower().await.argument("--evidence-archive");
	let archive = Node::start(archive.argument("--state-pruning").argument(STATES)).unwrap();
	let archived = archive.connect().await.unwrap();
	let follower = scene.follower().await.base_path(scene.folder().join("follower"));
	let follower = Node::start(follower.metrics(free_port())).unwrap();
	let pair = scene.pair("audit").await;
	let trader = pair.community.trader(1);
	let first = trade(&scene, &pair, &trader, Some(500)).await;
	trade(&scene, &pair, &trader, Some(333)).await;
	trade(&scene, &pair, &trader, None).await;

	// Long enough that everything about these is past retention.
	let best = scene.connection.best().await.unwrap().number;
	scene.until_final(best + SHORT.retention() + LAG).await;
	let late = trade(&scene, &pair, &trader, Some(500)).await;
	let last = scene.connection.finalized().await.unwrap();
	let mut heads = archived.heads(Default::default());
	while archived.finalized().await.unwrap().number < last.number {
		heads.next().await.unwrap();
	}
	let cli = |node: &Node, name: &str| Cli::new(&node.url(), &scene.folder().join(name));
	pruned(&cli(&scene.node, "pruned"), first, late).await;
	audited(&cli(&archive, "archive"), first, last.number).await;
	bad_ranges(&cli(&archive, "archive")).await;
	let followed = follower.connect().await.unwrap();
	bounded(&scene, &[&archived, &followed], || trade(&scene, &pair, &trader, Some(100))).await;
	assert!(has_sidecar(&archived, first).await && has_sidecar(&archived, late).await);
	// The same is asked of all three: only the archive fails.
	let (own, of_follower) = (kept(&scene.connection).await, kept(&followed).await);
	let of_archive = kept(&archived).await;
	within_retention(&own, &archived).await;
	within_retention(&of_follower, &archived).await;
	assert!(of_archive.evidence > evidence(&archived, within(of_archive.to)).await);
	// The follower has had all of it, and keeps a part.
	let metrics = follower.metrics().await.unwrap();
	let all = evidence(&archived, 1..=of_follower.to).await;
	let written = metrics.sum("spb_sidecar_bytes_total");
	assert!(written >= f64::from(u32::try_from(all).unwrap()), "{written} of {all}");
	assert!(of_follower.evidence < all, "{of_follower:?} of {all}");
	assert!(metrics.sum("spb_disk_bytes") > 0.0, "the node says what it takes of the disk");
}

/// What a node keeps of its final blocks, by its own figures.
#[derive(Debug)]
struct Kept {
	/// The last final block.
	to: BlockNumber,
	/// Bytes of sidecars.
	evidence: usize,
	/// Databases.
	databases: u32,
	/// Entries of all of them together.
	entries: u32,
}

async fn kept(node: &Connection) -> Kept {
	let to = node.finalized().await.unwrap().number;
	let mut kept = Kept { to, evidence: evidence(node, 1..=to).await, databases: 0, entries: 0 };
	for number in 1..=to {
		if let Some(entries) = entries(node, number).await {
			kept.databases += 1;
			kept.entries += entries;
		}
	}
	kept
}

/// The blocks up to this one of which a node may keep evidence and databases.
fn within(to: BlockNumber) -> RangeInclusive<BlockNumber> {
	to.saturating_sub(SHORT.retention() + LAG).max(1)..=to
}

/// Whether that is no more than retention allows. The archive says what evidence there was.
async fn within_retention(kept: &Kept, archive: &Connection) {
	let mut heads = archive.heads(Default::default());
	while archive.finalized().await.unwrap().number < kept.to {
		heads.next().await.unwrap();
	}
	assert!(kept.to > SHORT.retention() + LAG, "the chain is too short to show it");
	assert!(kept.evidence <= evidence(archive, within(kept.to)).await, "{kept:?}");
	assert!(kept.databases <= SHORT.retention() + LAG + 1, "{kept:?}");
	// Here a CTP is committed when the one before it has settled or expired.
	assert!(kept.entries <= kept.databases, "{kept:?}");
}

/// While trades go on, databases past retention go, on this node and on all others: later there are no
/// more than before.
async fn bounded<T: Future<Output = BlockNumber>>(
	scene: &Scene,
	others: &[&Connection],
	trade: impl Fn() -> T,
) {
	for _ in 0..2 {
		for node in others.iter().copied().chain([&scene.connection]) {
			let kept = first_database(node).await;
			let best = node.best().await.unwrap().number;
			assert!(best - kept >= SHORT.retention(), "from {kept} to {best} is too little");
			assert!(best - kept <= SHORT.retention() + LAG, "from {kept} to {best} is too much");
		}
		let added = trade().await;
		scene.until(added + SHORT.retention() / 2).await;
	}
}

/// An archive gives all evidence, and where its state reaches all of it can be checked.
async fn audited(cli: &Cli, first: BlockNumber, last: BlockNumber) {
	let to = last.to_string();
	let all = cli.result(&["audit", "--to", &to]).await;
	assert_eq!((&all["from"]["number"], &all["blocks"]), (&json!(1), &json!(last)));
	assert_eq!((&all["beginning"], &all["violations"]), (&json!("genesis"), &json!([])));
	let checked = &all["checked"];
	for check in ["seal", "sidecar", "root"] {
		assert_eq!(checked[check], last, "{check}");
	}
	for check in ["lifetime", "length", "consumerSignature", "meterProof"] {
		assert_eq!(checked[check], 4, "{check}");
	}
	assert_eq!(checked["receipt"], 3);
	// Of the first trades the archive has no state any more: who was active then it cannot say.
	let unchecked = all["unchecked"].as_array().unwrap();
	assert_eq!(unchecked.len(), 1, "{all}");
	assert_eq!(unchecked[0]["check"], "meterStanding");
	let times = |value: &Value| value.as_u64().unwrap();
	assert!(times(&unchecked[0]["times"]) >= 3, "{all}");
	assert_eq!(times(&unchecked[0]["times"]) + times(&checked["meterStanding"]), 4);

	// In the middle of a trade, where the database before it is kept by no one.
	let from = (first + 1).to_string();
	let middle = cli.result(&["audit", "--from", &from, "--to", &to]).await;
	assert_eq!((&middle["beginning"], &middle["violations"]), (&json!("folded"), &json!([])));
	assert_eq!(middle["checked"]["root"], last - first);
	let answer = cli.run(&["audit", "--to", &to]).await;
	let said = "the evidence holds as far as it was checked";
	assert!(answer.output.ends_with(said), "{answer:?}");
}

/// A node that prunes says what it lacks, and what it still has can be checked.
async fn pruned(cli: &Cli, first: BlockNumber, late: BlockNumber) {
	let recent = cli.result(&["audit", "--from", &late.to_string()]).await;
	assert_eq!((&recent["beginning"], &recent["violations"]), (&json!("stored"), &json!([])));
	assert_eq!((&recent["checked"]["receipt"], &recent["unchecked"]), (&json!(1), &json!([])));
	assert_eq!(recent["checked"]["meterStanding"], 1);
	let (code, error) = cli.error(&["audit"]).await;
	assert_eq!((code, error.as_str()), (Some(1), "no-sidecar"));
	let answer = cli.run(&["audit", "--from", &late.to_string()]).await;
	assert!(answer.output.ends_with("the evidence holds"), "{answer:?}");
	let told = cli.run(&["audit"]).await.errors;
	assert!(told.contains(&format!("block {first} ")), "{told}");
	assert!(told.contains("--evidence-archive"), "{told}");
}

async fn bad_ranges(cli: &Cli) {
	for (arguments, code) in [
		(&["audit", "--from", "9", "--to", "8"][..], "empty-range"),
		(&["audit", "--to", "4000000000"][..], "not-final"),
		(&["audit", "--from", "-1"][..], "bad-input"),
	] {
		assert_eq!(cli.error(arguments).await, (Some(2), code.into()), "{arguments:?}");
	}
	let nowhere = cli.url("ws://127.0.0.1:1");
	let unreachable = nowhere.error(&["--patience", "0", "audit"]).await;
	assert_eq!(unreachable, (Some(4), "unreachable".into()));
}
