//! Meters that certify each other over the backbone: found in the chain's directory, asked at random,
//! and another one asked where the first is silent or refuses.

use crate::FOLDER;
use serde_json::{json, Value};
use spb_tests::{backbone::certified_meter, cli::Running, BackboneScene, Cli};

/// One-time keys to a tree.
const LEAVES: &str = "16";
/// How often a meter asks until both have been drawn; each is as likely as the other.
const TRIES: usize = 24;

/// Makes a certified meter that is listed in the directory.
async fn listed_meter(scene: &BackboneScene, node: usize, name: &str, account: &str) -> Cli {
	let meter = scene.cli(node, name);
	certified_meter(&meter, node).await;
	let meter = meter.development(account);
	let listed = meter.result(&["meter", "list"]).await;
	assert_eq!(listed["action"], "listed", "{listed}");
	meter
}

/// Has a meter answer requests for certificates that count for so many blocks at the most, whoever
/// asks how often.
async fn answering(meter: &Cli, longest: &str) -> Running {
	let limits = ["--valid-for", longest, "--per-hour", "100", "--per-meter", "100"];
	let mut answering = meter.running(&[&["meter", "answer"], &limits[..]].concat());
	assert_eq!(answering.says().await["result"]["event"], "answering");
	answering
}

/// What a meter asks to have so many trees ready, with this many keys left in each.
fn stock<'a>(trees: &'a str, margin: &'a str) -> [&'a str; 14] {
	[
		"meter",
		"coe",
		"--leaves",
		LEAVES,
		"--trees",
		trees,
		"--margin",
		margin,
		"--valid-for",
		"40000",
		"--reserve",
		"1000",
		"--silence",
		"2",
	]
}

/// Has one more tree certified, and gives how many meters were asked.
async fn one_more(meter: &Cli, trees: &mut usize) -> u64 {
	*trees += 1;
	let certified = meter.result(&stock(&trees.to_string(), LEAVES)).await;
	let tree = &certified["trees"][0];
	assert_eq!(tree["leaves"].to_string(), LEAVES, "{certified}");
	assert_eq!(certified["trees"][1], Value::Null, "{certified}");
	tree["asked"].as_u64().unwrap()
}

/// Asks again and again until the first that was drawn was of no help.
async fn until_another_is_asked(meter: &Cli, trees: &mut usize) {
	for _ in 0..TRIES {
		if one_more(meter, trees).await == 2 {
			return;
		}
	}
	panic!("{TRIES} times the same of two meters was drawn first");
}

#[tokio::test(flavor = "multi_thread")]
async fn meters_should_certify_each_other_over_the_backbone() {
	let scene = BackboneScene::set(FOLDER).await;
	let asking = scene.cli(0, "asking");
	certified_meter(&asking, 0).await;
	let (code, error) = asking.error(&stock("1", LEAVES)).await;
	assert_eq!((code, error.as_str()), (Some(3), "no-candidates"));

	// What is no genuine meter gets none, and is not listed as one that gives any.
	let counterfeit = scene.cli(0, "counterfeit");
	counterfeit.done(&["meter", "init"]).await;
	let (code, error) = counterfeit.development("//Dave").error(&["meter", "list"]).await;
	assert_ne!(code, Some(0), "{error}");

	// A meter that is listed and does not answer.
	let silent = listed_meter(&scene, 1, "silent", "//Eve").await;
	let (code, error) = asking.error(&stock("1", LEAVES)).await;
	assert_eq!((code, error.as_str()), (Some(3), "nobody-signed"));
	let (code, error) = counterfeit.error(&stock("1", LEAVES)).await;
	assert!(code != Some(0) && error != "nobody-signed", "{error}");

	// Nobody is asked for trees that would never be enough.
	let (code, error) = asking.error(&stock("1", "17")).await;
	assert_eq!((code, error.as_str()), (Some(2), "tree-too-small"));

	// Beside it one that does.
	let willing = listed_meter(&scene, 2, "willing", "//Ferdie").await;
	let mut signing = answering(&willing, "201600").await;
	let mut trees = 0;
	until_another_is_asked(&asking, &mut trees).await;
	assert_eq!(signing.says().await["result"]["event"], "signed");

	// And one that answers for no tree for as long as is asked for.
	silent.done(&["meter", "unlist"]).await;
	let unwilling = listed_meter(&scene, 3, "unwilling", "//Bob").await;
	let mut refusing = answering(&unwilling, "100").await;
	until_another_is_asked(&asking, &mut trees).await;
	assert_eq!(refusing.says().await["result"]["event"], "refused");

	// There are trees enough now, until a key is used.
	let enough = trees.to_string();
	let none = asking.result(&stock(&enough, LEAVES)).await;
	assert_eq!(none, json!({ "trees": [] }));
	let keys = asking.result(&["meter", "keys"]).await;
	assert_eq!(keys["keysLeft"], 16 * trees, "{keys}");
	let consumer = asking.development("//Dave");
	let producer = trade(&scene, &consumer).await;
	unwilling.done(&["meter", "unlist"]).await;
	let more = asking.result(&stock(&enough, LEAVES)).await;
	assert_eq!(more["trees"].as_array().unwrap().len(), 1, "{more}");

	// Whoever keeps its stock up gets what is missing at first, and what is when a key is used later:
	// the tree that the trades' keys are from has 15 left, and then fewer.
	let all = (trees + 2).to_string();
	let keep = stock(&all, "15");
	let mut keeping = asking.running(&[&keep[..], &["--keep"]].concat());
	assert_eq!(keeping.says().await["result"]["leaves"].to_string(), LEAVES);
	consumer.done(&["ctp", &producer, "0.5", "500", "--wait", "database"]).await;
	assert_eq!(keeping.says().await["result"]["leaves"].to_string(), LEAVES);
	drop(keeping);
	assert_eq!(asking.result(&keep).await, json!({ "trees": [] }));

	// No meter certifies its own tree, and this one is alone in the directory.
	let (code, error) = willing.error(&stock("1", LEAVES)).await;
	assert_eq!((code, error.as_str()), (Some(3), "no-candidates"));
}

/// The chain takes the certificates: a trade from end to end. Gives the producer's address.
async fn trade(scene: &BackboneScene, consumer: &Cli) -> String {
	let producer = scene.cli(1, "producer").development("//Charlie");
	let mut shown = producer.result(&["account", "show"]).await;
	let address = shown["account"].take().as_str().unwrap().to_owned();
	producer.done(&["account", "open"]).await;
	producer.done(&["offer", "add", "5000", "0.1"]).await;
	consumer.done(&["vault", "deposit", "2"]).await;
	let commit = ["ctp", &address, "0.5", "500", "--wait", "database"];
	let committed = consumer.result(&commit).await;
	let id = committed["id"].as_str().unwrap();
	consumer.done(&["erc", id, "500", "--wait", "settled"]).await;
	address
}
