//! Trades over a real node: delivered, delivered in part, not delivered, and one vault asked twice.

use crate::{
	bad_input::{ask, code},
	FOLDER,
};
use serde_json::{json, Value};
use spb_client::{
	chain::calls,
	connection::{database_digest, Connection, CtpFilter, Hash, Stage, Stall, Status},
	error::Classify,
	meter::{Draft, Moment, Reading},
	trade::{wait_for_ctp, wait_for_receipt, Goal, TradeError},
};
use spb_primitives::{
	root::entry_key, BlockNumber, CtpId, Energy, InclusionProof, Money, ReceiptKey, Refusal, Split,
};
use spb_tests::{
	scene::{tenths, Pair, OFFERED, VAULT},
	Scene,
};
use std::collections::BTreeSet;
use subxt::rpcs::client::rpc_params;
use tokio::task::JoinHandle;

#[tokio::test(flavor = "multi_thread")]
async fn trades_should_end_as_their_producers_deliver() {
	let scene = Scene::set(FOLDER).await;
	// One after the other: all the money comes from one account.
	let (a, b, c, d) = (
		scene.pair("reliable").await,
		scene.pair("partial").await,
		scene.pair("unreliable").await,
		scene.pair("double").await,
	);
	let (full, part, expired, twice) =
		tokio::join!(reliable(&scene, &a), partial(&b), unreliable(&scene, &c), double(&scene, &d));
	let audit = scene.audit().await;
	let settled: BTreeSet<CtpId> = audit.findings().settled.keys().copied().collect();
	assert_eq!(settled, BTreeSet::from([full, part]));
	let entered = BTreeSet::from([full, part, expired, twice.0, twice.1]);
	assert_eq!(audit.findings().entered, entered);
	hidden(&scene, &[&a, &b, &c, &d]).await;
}

/// No block and no evidence holds the key of a meter that has traded: neither the key itself nor what
/// a CTP would name it by.
async fn hidden(scene: &Scene, pairs: &[&Pair]) {
	let mut keys = Vec::new();
	for pair in pairs {
		let key = pair.community.participants[1].meter.key().unwrap();
		keys.extend([key.0, ReceiptKey::of(&key).0 .0]);
	}
	let connection = &scene.connection;
	let best = connection.best().await.unwrap();
	let mut evidence = 0;
	for number in 1..=best.number {
		let hash = connection.hash_of(number).await.unwrap();
		let mut bytes = connection.body(hash).await.unwrap();
		let sidecar = connection.sidecar(hash).await.unwrap();
		evidence += sidecar.len();
		bytes.push(sidecar);
		for key in &keys {
			let found = bytes.iter().any(|bytes| bytes.windows(32).any(|part| part == key));
			assert!(!found, "block {number} tells a meter");
		}
	}
	assert!(evidence > 1_000, "the evidence of the trades has been looked through");
}

/// Listens to what becomes of the CTP that is made next on an offer, until it is over.
async fn listen(pair: &Pair) -> JoinHandle<Vec<Stage>> {
	let filter = CtpFilter { vault: None, offer: Some(pair.offer) };
	let mut events = pair.community.connection().ctp_events(filter).await.unwrap();
	tokio::spawn(async move {
		let mut stages = Vec::new();
		while let Some(event) = events.next().await {
			let stage = event.unwrap().event;
			stages.push(stage);
			if matches!(stage, Stage::Settled | Stage::Expired) {
				break;
			}
		}
		stages
	})
}

/// Everything is delivered: the producer is paid all but the fee.
async fn reliable(scene: &Scene, pair: &Pair) -> CtpId {
	let connection = pair.community.connection();
	let trader = pair.community.trader(1);
	let told = listen(pair).await;
	let amount = tenths(2);
	let issued = trader.commit(&pair.order(500, amount, 60)).await.unwrap();
	let (id, expiry) = (issued.id, issued.signed.ctp.expiry);
	wait_for_ctp(connection, &id, expiry, Goal::Final, &()).await.unwrap();
	let open = connection.ctp(&id, None).await.unwrap();
	assert_eq!(open.status, Status::Open);
	assert_eq!(open.signed.unwrap().0, issued.signed);
	prove(connection, &id).await;

	// The money is on hold: nothing more than the rest of the vault can be committed.
	let rest = VAULT.checked_sub(amount).unwrap();
	let too_much = rest.checked_add(Money::from_units(1)).unwrap();
	let refused = trader.commit(&pair.order(1, too_much, 60)).await.unwrap_err();
	assert_eq!(refused.code(), Refusal::VaultTooSmall.name());

	let energy = Energy::from_wh(500);
	trader.confirm(&id, energy, Reading::New).await.unwrap();
	wait_for_receipt(connection, &id, expiry, Goal::Settled, &()).await.unwrap();
	let fee = connection.best_view().await.unwrap().limits().await.unwrap().fee;
	let split = Split::of(amount, fee, energy, energy).unwrap();
	assert_eq!(split.payment.checked_add(fee), Some(amount));
	assert_eq!(pair.held().await, rest);
	assert_eq!(pair.on_offer().await, OFFERED.checked_sub(energy).unwrap());
	check_history(pair, &id, split).await;
	check_ranges(pair, &id).await;
	let stages = told.await.unwrap();
	assert_eq!(stages, [Stage::Pending, Stage::Open, Stage::Final, Stage::Settled]);

	// A second word of the meter is the same word, and changes nothing.
	trader.confirm(&id, energy, Reading::New).await.ok();
	let head = connection.best().await.unwrap();
	scene.until(head.number + 2).await;
	assert_eq!(pair.held().await, rest);
	id
}

/// The node's proof holds under the root that the header names.
async fn prove(connection: &Connection, id: &CtpId) {
	let answer: Value = connection.request("spb_proof", rpc_params![id]).await.unwrap();
	let hash = |value: &Value| value.as_str().unwrap().parse::<Hash>().unwrap();
	let header = connection.header(hash(&answer["hash"])).await.unwrap();
	let root = database_digest(&header).unwrap().database_root;
	let status = connection.ctp(id, Some(hash(&answer["hash"]))).await.unwrap();
	let signed = status.signed.unwrap().0;
	let steps = answer["steps"].as_array().unwrap().iter().map(|step| {
		let bit = u16::try_from(step["bit"].as_u64().unwrap()).unwrap();
		spb_primitives::root::ProofStep { bit, sibling: hash(&step["sibling"]) }
	});
	let proof = InclusionProof { steps: steps.collect() };
	assert!(proof.verify(&root, &entry_key(signed.ctp.expiry, id), &signed.leaf()));
}

/// The trade is in the history of both, and on the producer's account.
async fn check_history(pair: &Pair, id: &CtpId, split: Split) {
	let connection = pair.community.connection();
	for participant in &pair.community.participants {
		// The index follows the final blocks at its own pace.
		let mut heads = connection.heads(Stall::default());
		let trades = loop {
			let trades = connection.trades(&participant.account(), None, None, 10).await.unwrap();
			if !trades.is_empty() {
				break trades;
			}
			heads.next().await.unwrap();
		};
		assert_eq!(trades.len(), 1);
		assert_eq!((trades[0].id, trades[0].payment), (*id, Some(split.payment)));
		assert_eq!(trades[0].released, Some(split.released));
	}
	let view = connection.best_view().await.unwrap();
	let producer = pair.community.participants[0].account();
	let account = view.energy_account(&producer).await.unwrap().unwrap();
	assert_eq!((account.trades, account.earned), (1, split.payment));
	let status = connection.ctp(id, None).await.unwrap();
	assert_eq!(status.status, Status::Settled);
}

/// The history tells the pair's only trade to whom asks for its block, says where it has looked, and goes
/// on after a place.
async fn check_ranges(pair: &Pair, id: &CtpId) {
	let connection = pair.community.connection();
	let producer = pair.community.participants[0].account();
	let all = connection.trades(&producer, None, None, 10).await.unwrap();
	let (block, position) = (all[0].block, all[0].position);
	let within = |from, to| connection.trades(&producer, from, to, 10);
	assert_eq!(within(Some(block), Some(block)).await.unwrap(), all);
	assert!(within(Some(block + 1), None).await.unwrap().is_empty());
	assert!(within(None, Some(block - 1)).await.unwrap().is_empty());

	let place = json!({ "block": block, "position": position });
	let earlier = json!({ "block": block - 1, "position": 9 });
	// What is asked, the first block that was looked at, how many trades there are, and where the next
	// part begins.
	let cases = [
		(json!([block, block]), block, 1, Value::Null),
		(json!([block + 1]), block + 1, 0, Value::Null),
		(json!([null, block - 1]), 1, 0, Value::Null),
		// Block 0 settles nothing: the history begins after it.
		(json!([0, block]), 1, 1, Value::Null),
		(json!([null, null, 1]), 1, 1, place.clone()),
		(json!([block, block, 1]), block, 1, place.clone()),
		(json!([null, null, 1, place]), 1, 0, Value::Null),
		(json!([null, null, 1, earlier]), 1, 1, place.clone()),
		// A place does not lead back behind the first block.
		(json!([block + 1, null, 1, earlier]), block + 1, 0, Value::Null),
	];
	for (mut params, from, count, next) in cases {
		let asked = params.as_array_mut().unwrap();
		asked.insert(0, json!({ "offer": pair.offer }));
		let last = asked.get(2).and_then(Value::as_u64);
		let told = ask(connection, "spb_trades", &params).await.unwrap();
		assert_eq!(told["from"], json!(from), "{params}: {told}");
		match last {
			Some(last) => assert_eq!(told["to"], json!(last), "{params}: {told}"),
			None => assert!(told["to"].as_u64().unwrap() >= u64::from(block), "{params}: {told}"),
		}
		let trades = told["trades"].as_array().unwrap();
		assert!(trades.iter().all(|trade| trade["id"] == json!(id)), "{params}: {told}");
		assert_eq!((trades.len(), &told["next"]), (count, &next), "{params}: {told}");
	}

	// Blocks that are not final yet have not been looked at.
	let params = json!([{ "offer": pair.offer }, block, BlockNumber::MAX]);
	let told = ask(connection, "spb_trades", &params).await.unwrap();
	let looked = told["to"].as_u64().unwrap();
	let finalized = connection.finalized().await.unwrap();
	assert!(u64::from(block) <= looked && looked <= u64::from(finalized.number), "{told}");
	// A range that ends before it begins is a mistake.
	let params = json!([{ "offer": pair.offer }, block, block - 1]);
	assert_eq!(ask(connection, "spb_trades", &params).await, Err(code::BAD_PARAMS));
}

/// A part is delivered: a part is paid, rounded down, and the rest stays in the vault.
async fn partial(pair: &Pair) -> CtpId {
	let connection = pair.community.connection();
	let trader = pair.community.trader(1);
	let (amount, energy, delivered) =
		(Money::from_units(100_000_000_007), Energy::from_wh(700), Energy::from_wh(333));
	let issued = trader.commit(&pair.order(700, amount, 60)).await.unwrap();
	let (id, expiry) = (issued.id, issued.signed.ctp.expiry);
	// In the pool at the same time: CTP and ERC may meet in one block.
	trader.confirm(&id, delivered, Reading::New).await.unwrap();
	wait_for_receipt(connection, &id, expiry, Goal::Settled, &()).await.unwrap();
	let fee = connection.best_view().await.unwrap().limits().await.unwrap().fee;
	let split = Split::of(amount, fee, delivered, energy).unwrap();
	assert!(!split.released.is_zero());
	let spent = split.payment.checked_add(fee).unwrap();
	assert_eq!(pair.held().await, VAULT.checked_sub(spent).unwrap());
	assert_eq!(pair.on_offer().await, OFFERED.checked_sub(delivered).unwrap());
	check_history(pair, &id, split).await;
	id
}

/// Nothing is delivered: the CTP is dropped when its grace is over, and vault and offer are as they
/// were. No one asked for it.
async fn unreliable(scene: &Scene, pair: &Pair) -> CtpId {
	let connection = pair.community.connection();
	let trader = pair.community.trader(1);
	let parameters = connection.best_view().await.unwrap().parameters().await.unwrap();
	let told = listen(pair).await;
	let issued = trader.commit(&pair.order(500, VAULT, 15)).await.unwrap();
	let (id, expiry) = (issued.id, issued.signed.ctp.expiry);
	let entered = wait_for_ctp(connection, &id, expiry, Goal::Database, &()).await.unwrap();
	assert!(entered.number < expiry);

	let error = wait_for_receipt(connection, &id, expiry, Goal::Settled, &()).await.unwrap_err();
	assert!(matches!(error, TradeError::Expired { .. }), "{error}");
	let (before, after) = (expiry + parameters.grace - 1, expiry + parameters.grace);
	let at = |number: BlockNumber| async move {
		let hash = connection.hash_of(number).await.unwrap();
		connection.ctp(&id, Some(hash)).await.unwrap().status
	};
	assert_eq!((at(before).await, at(after).await), (Status::Open, Status::Unknown));
	let stages = told.await.unwrap();
	assert_eq!(stages, [Stage::Pending, Stage::Open, Stage::Final, Stage::Expired]);

	assert_eq!((pair.held().await, pair.on_offer().await), (VAULT, OFFERED));
	// All of it can be committed again, and be confirmed no more.
	let late = trader.confirm(&id, Energy::from_wh(500), Reading::New).await.unwrap_err();
	assert_eq!(late.code(), Refusal::ReceiptLate.name());
	scene.until(after + 1).await;
	id
}

/// Two CTPs that the vault cannot both cover: one waits until the other is gone.
async fn double(scene: &Scene, pair: &Pair) -> (CtpId, CtpId) {
	let connection = pair.community.connection();
	let trader = pair.community.trader(1);
	let parameters = connection.best_view().await.unwrap().parameters().await.unwrap();
	let first = trader.commit(&pair.order(10, VAULT, 15)).await.unwrap();
	let expiry = first.signed.ctp.expiry;
	wait_for_ctp(connection, &first.id, expiry, Goal::Database, &()).await.unwrap();

	// The library would not make a second one; this goes past it.
	let best = connection.best().await.unwrap();
	let genesis = connection.genesis();
	let draft = Draft {
		vault: first.signed.ctp.vault,
		offer: pair.offer,
		energy: Energy::from_wh(10),
		amount: VAULT,
		expiry: best.number + 120,
		earliest: best.number + 100,
	};
	let moment = Moment { genesis: &genesis, now: best.number, settles_from: 0 };
	let participant = &pair.community.participants[1];
	let taken = BTreeSet::from([first.id.pool_slot()]);
	let second = participant.meter.issue(&draft, &participant.key, &taken, &moment, &()).unwrap();
	let message = calls::commit_to_pay(second.signed.clone(), second.proof.clone(), None);
	connection.submit_message(&message).await.unwrap();

	let gone = expiry + parameters.grace;
	// Its way from the pool to where it waits takes the node a moment. It waits there, because all of the
	// vault is on hold until the first one is gone.
	let mut heads = connection.heads(Stall::default());
	let waiting = loop {
		let waiting = connection.ctp(&second.id, None).await.unwrap();
		if waiting.status != Status::Unknown {
			break waiting;
		}
		let head = heads.next().await.unwrap();
		assert!(head.number < gone, "the node does not know {:?} by block {head:?}", second.id);
	};
	drop(heads);
	assert_eq!((waiting.status, waiting.block), (Status::Pending, None));
	assert_eq!(waiting.signed.unwrap().0, second.signed);
	scene.until(gone + 4).await;
	for number in best.number + 1..=gone + 3 {
		let hash = connection.hash_of(number).await.unwrap();
		let open = |id: CtpId| async move {
			connection.ctp(&id, Some(hash)).await.unwrap().status == Status::Open
		};
		let (first, second) = (open(first.id).await, open(second.id).await);
		assert!(!(first && second), "both are open after block {number}");
		assert!(!second || number >= gone, "the second one is open after block {number}");
	}
	let last = second.signed.ctp.expiry;
	wait_for_ctp(connection, &second.id, last, Goal::Database, &()).await.unwrap();
	(first.id, second.id)
}
