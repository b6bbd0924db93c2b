//! `spb` as a process: the two scenarios of the paper, its exit codes, its JSON.

use crate::FOLDER;
use serde_json::{json, Value};
use spb_tests::{Cli, Scene};

const PRODUCER: &str = "//Charlie";
const CONSUMER: &str = "//Dave";

/// A consumer with a vault and a certified meter, a producer with an offer; the producer's address.
async fn set_up(scene: &Scene) -> (Cli, Cli, String) {
	let url = scene.node.url();
	let folder = scene.folder();
	let producer = Cli::new(&url, &folder.join("producer")).development(PRODUCER);
	let meter = Cli::new(&url, &folder.join("consumer"));
	let neighbour = Cli::new(&url, &folder.join("neighbour"));
	let file = |name: &str| folder.join(name).display().to_string();
	let (request, coe) = (file("request.json"), file("coe.json"));

	let shown = producer.result(&["account", "show"]).await;
	let address = shown["account"].as_str().unwrap().to_owned();
	producer.done(&["account", "open"]).await;
	let offer = producer.result(&["offer", "add", "10000", "0.1"]).await;
	assert!(offer["offer"].is_u64(), "{offer}");

	meter.done(&["meter", "init"]).await;
	meter.development("//One").done(&["meter", "certify", "--manufacturer", "1"]).await;
	neighbour.done(&["meter", "init"]).await;
	neighbour.development("//Two").done(&["meter", "certify", "--manufacturer", "2"]).await;
	meter.done(&["meter", "coe", "request", "--leaves", "64", "--out", &request]).await;
	neighbour.done(&["meter", "coe", "sign", &request, "--out", &coe]).await;
	meter.done(&["meter", "coe", "import", &coe]).await;
	let keys = meter.result(&["meter", "keys"]).await;
	assert_eq!((&keys["keysLeft"], &keys["manufacturer"]), (&64.into(), &1.into()));

	let consumer = meter.development(CONSUMER);
	consumer.done(&["vault", "deposit", "5"]).await;
	(producer, consumer, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn both_scenarios_of_the_paper_should_run_as_commands() {
	let scene = Scene::set(FOLDER).await;
	let (producer, consumer, address) = set_up(&scene).await;
	reliable(&scene, &producer, &consumer, &address).await;
	tokio::join!(unreliable(&consumer, &address), refused(&consumer, &address));
	scene.audit().await;
}

/// `spb ctp`, `spb erc`, settled.
async fn reliable(scene: &Scene, producer: &Cli, consumer: &Cli, address: &str) {
	let id = consumer.done(&["ctp", address, "0.2", "500", "--lifetime", "60"]).await;
	assert!(id.starts_with("0x") && id.len() == 66, "the id and nothing else: {id}");
	let same = consumer.done(&["erc", &id, "400", "--wait", "settled"]).await;
	assert_eq!(same, id);
	let sold = producer.result(&["account", "show"]).await;
	assert_eq!(sold["energyAccount"]["soldWh"], 400, "{sold}");
	for cli in [producer, consumer] {
		let mut history = cli.result(&["history"]).await;
		// The node's index follows the final blocks at its own pace.
		while history["trades"] == json!([]) {
			let best = scene.connection.best().await.unwrap();
			scene.until(best.number + 1).await;
			history = cli.result(&["history"]).await;
		}
		let trades = history["trades"].as_array().unwrap();
		assert_eq!(trades.len(), 1, "{history}");
		assert_eq!(
			(&trades[0]["id"], &trades[0]["deliveredWh"]),
			(&json!(id.as_str()), &json!(400))
		);
	}
}

/// What is free of a vault, and what it holds.
async fn vault(consumer: &Cli) -> (Value, Value) {
	let shown = consumer.result(&["vault", "show"]).await;
	(shown["free"].clone(), shown["vault"]["held"].clone())
}

/// `spb ctp`, nothing, expired; the money is free again.
async fn unreliable(consumer: &Cli, address: &str) {
	let (free, held) = vault(consumer).await;
	assert_eq!(free, held);
	let arguments = ["ctp", address, "1", "500", "--lifetime", "12", "--wait", "database"];
	let committed = consumer.result(&arguments).await;
	let id = committed["id"].as_str().unwrap();
	let ctps = consumer.result(&["ctps"]).await;
	assert_eq!(ctps["ctps"][0]["id"], id, "{ctps}");
	let (less, same) = vault(consumer).await;
	assert!(less != free && same == held, "{less} of {same}");

	let arguments = ["ctp", address, "1", "500", "--lifetime", "12", "--wait", "settled"];
	let (code, error) = consumer.error(&arguments).await;
	assert_eq!((code, error.as_str()), (Some(3), "expired"));
	// The first one was made before and is gone as well.
	assert_eq!(vault(consumer).await, (free, held));
	let (code, error) = consumer.error(&["erc", id, "500"]).await;
	assert_eq!(code, Some(3), "{error}");
}

/// Exit codes: 2 for bad input, 3 for refusal by the chain, 4 for no connection.
async fn refused(consumer: &Cli, address: &str) {
	let bad: [&[&str]; 6] = [
		&["ctp", "nobody", "1", "500"],
		&["ctp", address, "1,5", "500"],
		&["ctp", address, "1", "4294967296"],
		&["erc", "0x12", "500"],
		&["erc", &format!("0x{}", "11".repeat(32)), "500"],
		&["offer", "add", "100", "free"],
	];
	for arguments in bad {
		let (code, error) = consumer.error(arguments).await;
		assert_eq!(code, Some(2), "{arguments:?}: {error}");
		let answer = consumer.run(arguments).await;
		assert_eq!(answer.code, Some(2));
		assert!(answer.output.is_empty() && !answer.errors.is_empty(), "{answer:?}");
	}
	let no: [(&[&str], &str); 4] = [
		(&["ctp", address, "5.1", "500"], "VaultTooSmall"),
		(&["ctp", address, "0.01", "5000"], "no-offer"),
		(&["ctp", address, "0.000000000001", "1"], "AmountTooSmall"),
		(&["account", "close"], "Spb::NoAccount"),
	];
	for (arguments, expected) in no {
		let (code, error) = consumer.error(arguments).await;
		assert_eq!((code, error.as_str()), (Some(3), expected), "{arguments:?}");
	}
	let nowhere = consumer.url("ws://127.0.0.1:1");
	let (code, error) = nowhere.error(&["--patience", "0", "status"]).await;
	assert_eq!((code, error.as_str()), (Some(4), "unreachable"));
}
