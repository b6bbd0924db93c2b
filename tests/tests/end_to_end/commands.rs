//! The commands of `spb` that the scenarios of the paper do not need: certificates by file, quotes, an
//! offer's life, a withdrawal, a meter's copy, what watchers see.

use crate::FOLDER;
use serde_json::{json, Value};
use spb_client::meter::METER_FILE;
use spb_primitives::{units::SPB, Parameters};
use spb_tests::{Cli, Scene};
use std::{fs, path::Path};

/// Lifetimes so short that a withdrawal can be waited for.
const SHORT: Parameters = Parameters {
	min_lifetime: 2,
	max_lifetime: 40,
	grace: 3,
	evidence_window: 400,
	slot_duration: 1_000,
};

fn file(folder: &Path, name: &str) -> String {
	folder.join(name).display().to_string()
}

/// A meter whose manufacturer certifies it without having it at hand.
async fn certify_meter(folder: &Path, meter: &Cli, maker: &Cli, manufacturer: &str) {
	let key = meter.result(&["meter", "init"]).await["key"].take();
	let certificate = file(folder, &format!("meter-{manufacturer}.json"));
	let certify = ["meter", "certify", "--manufacturer", manufacturer];
	let by_key = ["--meter", key.as_str().unwrap(), "--out", &certificate];
	let certified = maker.result(&[&certify[..], &by_key[..]].concat()).await;
	assert_eq!(certified["meter"], key);
	let kept = meter.result(&["meter", "certify", "--import", &certificate]).await;
	assert_eq!((&kept["meter"], kept["manufacturer"].to_string()), (&key, manufacturer.into()));
}

/// A request that cannot be written leaves the meter, whose directory is given, as it was.
async fn request_in_vain(folder: &Path, meter: &Cli, directory: &Path) {
	let state = || fs::read(directory.join(METER_FILE)).unwrap();
	let before = state();
	let (taken, nowhere) = (file(folder, "taken.json"), file(folder, "none/request.json"));
	fs::write(&taken, "taken").unwrap();
	for (out, exit, code) in [(&taken, 2, "file-exists"), (&nowhere, 1, "io")] {
		let error = meter.error(&["meter", "coe", "request", "--leaves", "8", "--out", out]).await;
		assert_eq!(error, (Some(exit), code.to_owned()));
		assert!(state() == before, "{code} changes the meter");
	}
	assert_eq!(fs::read_to_string(&taken).unwrap(), "taken");
}

/// The producer opens with a company's certificate and offers 1.5 kWh; its address and its offer.
async fn sell(folder: &Path, producer: &Cli, company: &Cli) -> (String, String) {
	let mut shown = producer.result(&["account", "show"]).await;
	let address = shown["account"].take().as_str().unwrap().to_owned();
	let certificate = file(folder, "producer.json");
	let certify = ["company", "certify", &address, "--out", &certificate];
	let certified = company.result(&certify).await;
	assert_eq!(certified["account"], address.as_str());
	let opened = producer.result(&["account", "open", "--certificate", &certificate]).await;
	assert_eq!(opened["openedBy"]["certificate"]["company"], certified["company"]);

	let add = ["offer", "add", "1000", "0.2", "--terms", "negotiable"];
	let offer = producer.result(&add).await["offer"].to_string();
	producer.done(&["offer", "top-up", &offer, "500"]).await;
	producer.done(&["offer", "reprice", &offer, "0.3"]).await;
	let listed = producer.result(&["offer", "list"]).await;
	let only = &listed["offers"][0];
	assert_eq!((&only["available"], &only["price"]), (&json!(1_500), &json!("300000000000")));
	(address, offer)
}

/// The consumer deposits, asks for a part back, thinks better of it and asks again.
async fn set_aside(consumer: &Cli) -> String {
	let deposited = consumer.result(&["vault", "deposit", "5"]).await;
	let vault = deposited["vault"]["id"].to_string();
	consumer.done(&["vault", "withdraw", "1"]).await;
	let (code, error) = consumer.error(&["vault", "withdraw", "1"]).await;
	assert_eq!((code, error.as_str()), (Some(3), "Spb::WithdrawalPending"));
	let cancelled = consumer.result(&["vault", "withdraw", "--cancel"]).await;
	assert_eq!(
		(&cancelled["action"], &cancelled["vault"]["withdrawal"]),
		(&json!("cancelled"), &Value::Null)
	);
	let requested = consumer.result(&["vault", "withdraw", "2"]).await;
	assert_eq!(requested["vault"]["withdrawal"]["amount"], "2000000000000");
	vault
}

/// How a vault commits to so much for a little energy.
fn commit<'a>(address: &'a str, amount: &'a str, vault: &'a str) -> [&'a str; 10] {
	["ctp", address, amount, "100", "--lifetime", "35", "--vault", vault, "--wait", "database"]
}

/// A second vault on an account of its own: which one pays is named, or is any that covers the amount.
async fn from_several_vaults(consumer: &Cli, address: &str, main: &str) {
	let before = consumer.result(&["account", "show"]).await;
	let opened = consumer.result(&["vault", "open", "blue", "--fund", "3"]).await;
	assert_eq!((&opened["name"], &opened["funded"]), (&json!("blue"), &json!("3000000000000")));
	assert_ne!(opened["account"], before["account"]);
	let units = |shown: &Value| shown["free"].as_str().unwrap().parse::<u128>().unwrap();
	let after = consumer.result(&["account", "show"]).await;
	let sent = units(&before) - units(&after);
	assert!((3 * SPB..3 * SPB + SPB / 10).contains(&sent), "{sent} units went to the new account");

	let deposited = consumer.result(&["vault", "deposit", "2", "--vault", "blue"]).await;
	assert_eq!(deposited["vault"]["owner"], opened["account"]);
	let blue = deposited["vault"]["id"].to_string();
	assert_ne!(blue, main);
	let listed = consumer.result(&["vault", "list"]).await;
	let row = |at: usize| {
		(&listed["vaults"][at]["name"], listed["vaults"][at]["vault"]["id"].to_string())
	};
	assert_eq!(row(0), (&json!("main"), main.to_owned()));
	assert_eq!(row(1), (&json!("blue"), blue.clone()));

	// The meter signs for vaults that it is paired with, and for no other.
	let (code, error) = consumer.error(&commit(address, "0.1", "blue")).await;
	assert_eq!((code, error.as_str()), (Some(2), "not-paired"));
	consumer.done(&["meter", "pair", &blue]).await;
	// By its name, by its number; and of any two, the one that covers it.
	let blue = blue.as_str();
	for (amount, vault, pays) in [("0.1", "blue", blue), ("0.1", blue, blue), ("2.5", "any", main)]
	{
		let committed = consumer.result(&commit(address, amount, vault)).await;
		assert_eq!(committed["vault"].to_string(), pays, "{committed}");
		let id = committed["id"].as_str().unwrap();
		consumer.done(&["erc", id, "100", "--wait", "settled"]).await;
	}
	let (code, error) = consumer.error(&commit(address, "4", "any")).await;
	assert_eq!((code, error.as_str()), (Some(3), "VaultTooSmall"));
	let held = async |vault: &str| {
		let mut shown = consumer.result(&["vault", "show", "--vault", vault]).await;
		shown["vault"]["held"].take()
	};
	assert_eq!(held("blue").await, "1800000000000");
	assert_eq!(held("main").await, "2300000000000");
}

/// What was requested is paid when it is due, and not before.
async fn withdraw(scene: &Scene, consumer: &Cli) {
	let shown = consumer.result(&["vault", "show"]).await;
	let payable = shown["vault"]["withdrawal"]["payableAt"].as_u64().unwrap();
	let best = u64::from(scene.connection.best().await.unwrap().number);
	if best + 3 < payable {
		let (code, _) = consumer.error(&["vault", "withdraw"]).await;
		assert_eq!(code, Some(3));
	}
	scene.until(u32::try_from(payable).unwrap()).await;
	let paid = consumer.result(&["vault", "withdraw"]).await;
	assert_eq!(
		(&paid["action"], &paid["vault"]["withdrawal"]),
		(&json!("withdrawn"), &Value::Null)
	);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quoted_trade_should_run_as_commands() {
	let scene = Scene::set_with(FOLDER, &SHORT).await;
	let (url, folder) = (scene.node.url(), scene.folder());
	let cli = |name: &str| Cli::new(&url, &folder.join(name));
	let producer = cli("producer").development("//Charlie");
	let consumer = cli("consumer").development("//Dave");
	let neighbour = cli("neighbour");

	let vault = set_aside(&consumer).await;
	let company = cli("company").development("//Ferdie");
	let (address, offer) = sell(folder, &producer, &company).await;
	let maker = |uri: &str| cli("maker").development(uri);
	certify_meter(folder, &consumer, &maker("//One"), "1").await;
	certify_meter(folder, &neighbour, &maker("//Two"), "2").await;
	request_in_vain(folder, &consumer, &folder.join("consumer")).await;
	let (request, coe) = (file(folder, "request.json"), file(folder, "coe.json"));
	consumer.done(&["meter", "coe", "request", "--leaves", "8", "--out", &request]).await;
	neighbour.done(&["meter", "coe", "sign", &request, "--out", &coe]).await;
	consumer.done(&["meter", "coe", "import", &coe]).await;
	consumer.done(&["meter", "pair", &vault]).await;

	// Below the listed price the chain wants the producer's word.
	let trade = ["ctp", &address, "0.2", "1000", "--lifetime", "35"];
	let (code, _) = consumer.error(&trade).await;
	assert_eq!(code, Some(3));
	let prepared = consumer.result(&[&trade[..], &["--prepare"]].concat()).await;
	assert_eq!(prepared["stage"], "prepared");
	let quoted = producer.result(&["offer", "quote", prepared["ctp"].as_str().unwrap()]).await;
	assert_eq!((&quoted["id"], quoted["offer"].to_string()), (&prepared["id"], offer.clone()));
	let mut watch = consumer.watch();
	let quote = ["--quote", quoted["quote"].as_str().unwrap(), "--wait", "database"];
	let committed = consumer.result(&[&trade[..], &quote[..]].concat()).await;
	assert_eq!(committed["id"], prepared["id"]);
	let id = committed["id"].as_str().unwrap();

	// A copy of the meter goes on in trees of its own.
	let copy = file(folder, "copy.json");
	consumer.done(&["meter", "backup", &copy]).await;
	let restored = cli("restored");
	let meter = restored.result(&["meter", "init", "--restore", &copy]).await;
	let keys = restored.result(&["meter", "keys"]).await;
	assert_eq!((&keys["key"], &keys["keysLeft"]), (&meter["key"], &json!(0)));
	let own = consumer.result(&["meter", "keys"]).await;
	assert_eq!((&own["key"], &own["keysLeft"]), (&meter["key"], &json!(7)));

	consumer.done(&["erc", id, "1000", "--wait", "settled"]).await;
	while watch.change()["event"] != "settled" {}
	let status = consumer.result(&["status"]).await;
	assert_eq!(
		(&status["database"]["equal"], &status["database"]["open"]),
		(&json!(true), &json!(0))
	);
	assert_eq!(status["account"]["vault"]["held"], "4800000000000");

	from_several_vaults(&consumer, &address, &vault).await;
	producer.done(&["offer", "close", &offer]).await;
	let (code, error) = consumer.error(&["ctp", &address, "1", "500", "--offer", &offer]).await;
	assert_eq!(code, Some(3), "{error}");
	let (code, error) = producer.error(&["account", "close"]).await;
	assert_eq!((code, error.as_str()), (Some(3), "Spb::OffersLeft"));
	withdraw(&scene, &consumer).await;
	// The offer's record goes when no CTP can draw on it any more, and then the account can.
	let closed = scene.connection.best().await.unwrap().number;
	scene.until(closed + SHORT.max_lifetime + SHORT.grace + 1).await;
	producer.done(&["account", "close"]).await;
	assert_eq!(producer.result(&["account", "show"]).await["energyAccount"], Value::Null);
	scene.audit().await;
}
