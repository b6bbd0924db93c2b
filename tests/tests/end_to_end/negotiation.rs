//! Prices agreed on over the backbone, by `spb` as people run it over four real nodes.

use crate::FOLDER;
use serde_json::{json, Value};
use spb_client::{
	chain::calls,
	error::Classify,
	files::Directory,
	meter::{Issued, Meter},
	tx::TxError,
};
use spb_primitives::{units::SPB, CtpId, Refusal};
use spb_tests::{
	backbone::{certified_meter, sign_by_file},
	BackboneScene, Cli,
};
use std::{
	collections::BTreeSet,
	time::{SystemTime, UNIX_EPOCH},
};

const PRODUCER: &str = "//Eve";
const CONSUMER: &str = "//Dave";
/// What the offer lists, and what the policy below makes of it for as much energy as is asked for.
const LISTED: &str = "0.2";
const BELOW: u128 = SPB / 10 + SPB * 8 / 100;

/// A producer with an offer that is bargained over, and a consumer with a vault and a meter. They use
/// different nodes.
struct Two {
	producer: Cli,
	consumer: Cli,
	/// The producer's account.
	address: String,
	/// The producer's offer.
	offer: String,
	/// The consumer's offer to bargain, and the producer's policy.
	policies: [String; 2],
}

impl Two {
	async fn meet(scene: &BackboneScene) -> Self {
		let producer = scene.cli(0, "producer").development(PRODUCER);
		let mut shown = producer.result(&["account", "show"]).await;
		let address = shown["account"].take().as_str().unwrap().to_owned();
		producer.done(&["account", "open"]).await;
		let added = producer.result(&["offer", "add", "5000", LISTED, "--terms", "negotiable"]);
		let offer = added.await["offer"].to_string();

		let meter = scene.cli(1, "consumer");
		let signer = scene.cli(1, "signer");
		certified_meter(&meter, 0).await;
		certified_meter(&signer, 1).await;
		sign_by_file(scene, &meter, &signer, "16").await;
		let consumer = meter.development(CONSUMER);
		consumer.done(&["vault", "deposit", "5"]).await;

		let bargaining = json!({
			"kind": "spb-consumer-policy",
			"version": 1,
			"openingPermille": 500,
			"rounds": 2,
			"patienceSeconds": 20,
			"repeats": 2,
		});
		let selling = json!({
			"kind": "spb-producer-policy",
			"version": 1,
			"floor": "0.15",
			"discounts": [{ "fromWh": 1_000, "permille": 100 }],
			"validFor": 60,
		});
		let policies =
			[scene.write("bargaining.json", &bargaining), scene.write("selling.json", &selling)];
		Self { producer, consumer, address, offer, policies }
	}

	/// How the producer answers.
	fn answer(&self) -> [&str; 4] {
		["negotiate", "--answer", "--policy", &self.policies[1]]
	}

	/// How the consumer asks for this energy.
	fn ask<'a>(&'a self, energy: &'a str, max_price: &'a str) -> [&'a str; 10] {
		let [bargaining, _] = &self.policies;
		[
			"negotiate",
			&self.offer,
			"--energy",
			energy,
			"--max-price",
			max_price,
			"--policy",
			bargaining,
			// Less than the longest: the producer's node may be a block behind.
			"--lifetime",
			"300",
		]
	}

	/// What the consumer's vault has left for new CTPs, and what it holds.
	async fn money(&self) -> (Value, Value) {
		let mut shown = self.consumer.result(&["vault", "show"]).await;
		(shown["free"].take(), shown["vault"]["held"].take())
	}
}

/// An amount of JSON as `spb` reads it.
fn decimal(units: &Value) -> String {
	let units: u128 = units.as_str().unwrap().parse().unwrap();
	format!("{}.{:012}", units / SPB, units % SPB)
}

/// The CTP that a consumer has agreed on and keeps back.
fn kept_back(scene: &BackboneScene, id: &str) -> Issued {
	let meter = Meter::open(Directory::new(scene.directory("consumer"))).unwrap();
	let id = CtpId(id.parse().unwrap());
	meter.issued(&id, &scene.connection(0).genesis(), &()).unwrap()
}

/// One after the other, because each of four nodes makes blocks all the time.
#[tokio::test(flavor = "multi_thread")]
async fn two_clients_should_agree_on_a_price_over_the_backbone() {
	let scene = BackboneScene::set(FOLDER).await;
	let two = Two::meet(&scene).await;
	below_the_listed_price(&scene, &two).await;
	with_a_producer_who_comes_late(&scene, &two).await;
	or_it_costs_nothing(&scene, &two).await;
	about_each_offer_with_a_key_of_its_own(&two).await;
}

/// They trade at it, and without the quote the chain does not let them.
async fn below_the_listed_price(scene: &BackboneScene, two: &Two) {
	let mut answering = two.producer.running(&two.answer());
	let began = answering.says().await;
	let offer: u64 = two.offer.parse().unwrap();
	assert_eq!(began["result"], json!({ "event": "answering", "offers": [offer] }));

	let agreed = two.consumer.result(&two.ask("1000", "0.19")).await;
	assert_eq!(agreed["price"], BELOW.to_string(), "{agreed}");
	assert_eq!((&agreed["producer"], &agreed["energyWh"]), (&json!(two.address), &json!(1_000)));
	let quoted = answering.says().await;
	assert_eq!(
		(&quoted["result"]["event"], &quoted["result"]["id"]),
		(&json!("quoted"), &agreed["id"])
	);
	// Nothing is committed yet.
	let (free, held) = two.money().await;
	assert_eq!(free, held);

	// The chain refuses the very same CTP without the quote, and one that the quote is not for.
	let id = agreed["id"].as_str().unwrap();
	let Issued { signed, proof, .. } = kept_back(scene, id);
	for connection in &scene.backbone.connections {
		let bare = calls::commit_to_pay(signed.clone(), proof.clone(), None);
		let refused = connection.submit_message(&bare).await.unwrap_err();
		assert!(matches!(refused, TxError::Refused(Refusal::PriceTooLow)), "{}", refused.code());
	}
	let other = two.consumer.result(&two.ask("1500", "0.19")).await;
	let other = other["quote"].as_str().unwrap();
	let (amount, address) = (decimal(&agreed["amount"]), &two.address);
	let (code, error) =
		two.consumer.error(&["ctp", address, &amount, "1000", "--quote", other]).await;
	assert_eq!(code, Some(2), "{error}");

	// With the quote it enters, and settles at the price that was agreed on.
	let commit = ["ctp", address, &amount, "1000", "--quote", "latest", "--wait", "database"];
	let committed = two.consumer.result(&commit).await;
	assert_eq!((&committed["id"], &committed["amount"]), (&agreed["id"], &agreed["amount"]));
	two.consumer.done(&["erc", id, "1000", "--wait", "settled"]).await;
	let sold = two.producer.result(&["account", "show"]).await;
	assert_eq!(sold["energyAccount"]["earned"], BELOW.to_string(), "{sold}");
	assert_eq!(sold["energyAccount"]["soldWh"], 1_000);
}

/// Nobody there, nobody who gives in, nobody who sells now: the money stays where it is.
async fn or_it_costs_nothing(scene: &BackboneScene, two: &Two) {
	let before = two.money().await;

	// Nobody is there.
	let hasty = json!({
		"kind": "spb-consumer-policy",
		"version": 1,
		"patienceSeconds": 2,
		"repeats": 1,
	});
	let hasty = scene.write("hasty.json", &hasty);
	let [negotiate, offer, ..] = two.ask("1000", "0.19");
	let ask = [negotiate, offer, "--energy", "1000", "--max-price", "0.19", "--policy", &hasty];
	let (code, error) = two.consumer.error(&ask).await;
	assert_eq!((code, error.as_str()), (Some(1), "no-answer"));

	// The producer is there, and neither gives in; what was asked before is over for good.
	let answering = two.producer.running(&two.answer());
	let (code, error) = two.consumer.error(&two.ask("1000", "0.17")).await;
	assert_eq!((code, error.as_str()), (Some(3), "too-expensive"));
	// Less energy has no discount.
	let (code, error) = two.consumer.error(&two.ask("999", "0.19")).await;
	assert_eq!((code, error.as_str()), (Some(3), "too-expensive"));
	let (code, error) = two.consumer.error(&two.ask("5001", "0.2")).await;
	assert_eq!((code, error.as_str()), (Some(3), "OfferTooSmall"));
	drop(answering);
	// The producer does not sell at this hour.
	let closed = scene.write("closed.json", &closed_now());
	let answering = two.producer.running(&["negotiate", "--answer", "--policy", &closed]);
	let (code, error) = two.consumer.error(&two.ask("1000", "0.2")).await;
	assert_eq!((code, error.as_str()), (Some(3), "refused-by-producer"));
	drop(answering);

	assert_eq!(two.money().await, before);
	let ctps = two.consumer.result(&["ctps"]).await;
	assert_eq!(ctps["ctps"], json!([]));
}

/// No two offers of one producer have a contact key in common, on the chain or in the state directory.
async fn about_each_offer_with_a_key_of_its_own(two: &Two) {
	for terms in ["negotiable", "quote-only"] {
		let added = two.producer.result(&["offer", "add", "1000", LISTED, "--terms", terms]).await;
		assert!(added["contact"].is_string(), "{added}");
	}
	let listed = two.producer.result(&["offer", "list", "--own"]).await;
	let offers = listed["offers"].as_array().unwrap();
	let keys: BTreeSet<&str> =
		offers.iter().map(|offer| offer["contact"].as_str().unwrap()).collect();
	assert_eq!((offers.len(), keys.len()), (3, 3), "{listed}");
	// All of them are answered for: their secrets are there.
	let mut answering = two.producer.running(&two.answer());
	let began = answering.says().await;
	let answered = began["result"]["offers"].as_array().unwrap();
	let answered: BTreeSet<u64> = answered.iter().map(|id| id.as_u64().unwrap()).collect();
	let ids: BTreeSet<u64> = offers.iter().map(|offer| offer["id"].as_u64().unwrap()).collect();
	assert_eq!(answered, ids);
}

/// The policy of a producer who sells for an hour of the day that is not near.
fn closed_now() -> Value {
	let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
	let far = (since.as_secs() / 3_600 + 12) % 24;
	json!({
		"kind": "spb-producer-policy",
		"version": 1,
		"hours": [{ "from": far, "to": far + 1, "permille": 0 }],
	})
}

/// The ask waits at the node of the offer's contact key.
async fn with_a_producer_who_comes_late(scene: &BackboneScene, two: &Two) {
	let before = waiting(scene).await;
	let asking = two.consumer.running(&two.ask("1000", "0.19"));
	let more = || async { (waiting(scene).await > before).then_some(()) };
	scene.until("the ask waits", more).await;
	let once = [&two.answer()[..], &["--once"]].concat();
	let (code, said) = two.producer.running(&once).ends().await;
	assert_eq!(code, Some(0), "{said:?}");
	let (code, agreed) = asking.ends().await;
	let agreed = agreed.unwrap();
	assert_eq!(
		(code, &agreed["result"]["price"]),
		(Some(0), &json!(BELOW.to_string())),
		"{agreed}"
	);
	assert_eq!(said.unwrap()["result"]["id"], agreed["result"]["id"]);
}

/// How many packets wait for their recipients, at all nodes.
async fn waiting(scene: &BackboneScene) -> usize {
	let mut waiting = 0;
	for connection in &scene.backbone.connections {
		waiting += connection.relay_status().await.unwrap().waiting;
	}
	waiting
}
