//! What arrives over RPC and makes no sense is refused with a reason, and changes nothing.

use crate::FOLDER;
use codec::Encode;
use serde_json::{json, Value};
use spb_client::{
	chain::calls,
	connection::{Connection, ConnectionError, CtpFilter},
	files::to_hex,
	meter::{Draft, Issued, Moment, Reading},
	tx::TxError,
};
use spb_primitives::{Coe, Energy, Erc, MeterProof, Money, ReceiptKey, Refusal, SignedCtp};
use spb_tests::{
	scene::{tenths, Pair, OFFERED, VAULT},
	Scene,
};
use std::collections::BTreeSet;
use subxt::{rpcs::client::RpcParams, tx::Payload};

/// The codes of JSON-RPC and of the node.
pub mod code {
	pub const NO_METHOD: i32 = -32601;
	pub const BAD_PARAMS: i32 = -32602;
	pub const UNKNOWN_BLOCK: i32 = 9_001;
	pub const NOT_INDEXED: i32 = 9_003;
	pub const NO_SIDECAR: i32 = 9_004;
	/// The first and the last with which the pool refuses.
	pub const POOL: std::ops::RangeInclusive<i32> = 1_001..=1_099;
}

/// Asks the node; the error is its code, and never comes without a word.
pub async fn ask(connection: &Connection, method: &str, params: &Value) -> Result<Value, i32> {
	let mut given = RpcParams::new();
	for param in params.as_array().unwrap() {
		given.push(param).unwrap();
	}
	match connection.request(method, given).await {
		Ok(answer) => Ok(answer),
		Err(ConnectionError::Rpc { code, message, .. }) => {
			assert!(!message.is_empty(), "{method} {params} is refused without a word");
			Err(code)
		},
		Err(error) => panic!("{method} {params}: {error}"),
	}
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_should_be_refused_and_change_nothing() {
	let scene = Scene::set(FOLDER).await;
	let pair = scene.pair("bad").await;
	// A CTP as it should be, which is never submitted.
	let good = issue(&pair, 500, tenths(2), &[]).await;
	bad_questions(&scene.connection).await;
	bad_bytes(&scene.connection, &good).await;
	bad_commitments(&pair, &good).await;
	bad_receipts(&pair, &good).await;

	let head = scene.connection.best().await.unwrap();
	scene.until(head.number + 2).await;
	let connection = &scene.connection;
	assert!(connection.all_ctps(CtpFilter::default(), None).await.unwrap().is_empty());
	let pending = ask(connection, "author_pendingExtrinsics", &json!([])).await.unwrap();
	assert_eq!(pending, json!([]));
	assert_eq!((pair.held().await, pair.on_offer().await), (VAULT, OFFERED));
	let findings = scene.audit().await.findings().clone();
	assert!(findings.entered.is_empty() && findings.settled.is_empty());
	// The CTP was good all along.
	submit(connection, &good.signed, &good.proof).await.unwrap();
}

/// Makes a CTP of the consumer without submitting it, with a place of its own in the pool beside those
/// of others.
pub async fn issue(pair: &Pair, energy: u32, amount: Money, others: &[&Issued]) -> Issued {
	let connection = pair.community.connection();
	let (best, genesis) = (connection.best().await.unwrap().number, connection.genesis());
	let draft = Draft {
		vault: pair.community.vault_of(1).await.unwrap(),
		offer: pair.offer,
		energy: Energy::from_wh(energy),
		amount,
		expiry: best + 300,
		earliest: best + 250,
	};
	let moment = Moment { genesis: &genesis, now: best, settles_from: 0 };
	let consumer = &pair.community.participants[1];
	let taken: BTreeSet<u8> = others.iter().map(|other| other.id.pool_slot()).collect();
	consumer.meter.issue(&draft, &consumer.key, &taken, &moment, &()).unwrap()
}

async fn bad_questions(connection: &Connection) {
	let hash = format!("0x{}", "5b".repeat(32));
	let cases = [
		("spb_nothing", json!([]), code::NO_METHOD),
		("spb_ctp", json!([]), code::BAD_PARAMS),
		("spb_ctp", json!(["0x12"]), code::BAD_PARAMS),
		("spb_ctp", json!([17]), code::BAD_PARAMS),
		("spb_ctp", json!([&hash[2..]]), code::BAD_PARAMS),
		("spb_ctp", json!([hash, hash]), code::UNKNOWN_BLOCK),
		("spb_ctp", json!([hash, true]), code::BAD_PARAMS),
		("spb_ctps", json!([{ "vualt": 1 }]), code::BAD_PARAMS),
		("spb_ctps", json!([{ "vault": -1 }]), code::BAD_PARAMS),
		("spb_ctps", json!([{ "vault": 4_294_967_296u64 }]), code::BAD_PARAMS),
		("spb_ctps", json!([null, null, null, 0]), code::BAD_PARAMS),
		("spb_ctps", json!([null, null, null, 1_001]), code::BAD_PARAMS),
		("spb_ctps", json!([null, null, { "expiry": 1 }]), code::BAD_PARAMS),
		("spb_ctps", json!([null, hash]), code::UNKNOWN_BLOCK),
		("spb_database", json!([hash]), code::UNKNOWN_BLOCK),
		("spb_database", json!([4_000_000_000u32]), code::UNKNOWN_BLOCK),
		("spb_database", json!([4_294_967_296u64]), code::BAD_PARAMS),
		("spb_database", json!([-1]), code::BAD_PARAMS),
		("spb_database", json!(["1"]), code::BAD_PARAMS),
		("spb_proof", json!([]), code::BAD_PARAMS),
		("spb_proof", json!([hash, hash]), code::UNKNOWN_BLOCK),
		("spb_sidecar", json!([hash]), code::UNKNOWN_BLOCK),
		("spb_sidecar", json!([0]), code::NO_SIDECAR),
		("spb_sidecar", json!([1, -1]), code::BAD_PARAMS),
		("spb_sidecar", json!(["1"]), code::BAD_PARAMS),
		("spb_trades", json!([]), code::BAD_PARAMS),
		("spb_trades", json!(["nobody"]), code::BAD_PARAMS),
		("spb_trades", json!([{ "offer": 1, "vault": 2 }]), code::BAD_PARAMS),
		("spb_trades", json!([{ "offer": 1 }, -1]), code::BAD_PARAMS),
		("spb_trades", json!([{ "offer": 1 }, 4_000_000_000u32]), code::NOT_INDEXED),
		("spb_trades", json!([{ "offer": 1 }, 0, 9, 0]), code::BAD_PARAMS),
		("spb_trades", json!([{ "offer": 1 }, 9, 1]), code::BAD_PARAMS),
	];
	for (method, params, expected) in cases {
		assert_eq!(ask(connection, method, &params).await, Err(expected), "{method} {params}");
	}
	// A subscription is refused like a question.
	let mut filter = RpcParams::new();
	filter.push(json!({ "vualt": 1 })).unwrap();
	let (begin, end) = ("spb_subscribeCtps", "spb_unsubscribeCtps");
	let refused = connection.subscribe::<Value>(begin, filter, end).await.err();
	let expected = matches!(refused, Some(ConnectionError::Rpc { code: code::BAD_PARAMS, .. }));
	assert!(expected, "{refused:?}");
	// These are good questions about what there is not.
	assert_eq!(ask(connection, "spb_proof", &json!([hash])).await, Ok(Value::Null));
	let unknown = json!({ "status": "unknown", "id": hash });
	assert_eq!(ask(connection, "spb_ctp", &json!([hash])).await, Ok(unknown));
}

/// A message as the pool takes it.
pub async fn encode(connection: &Connection, message: &impl Payload) -> Vec<u8> {
	let view = connection.best_view().await.unwrap();
	view.subxt().tx().create_unsigned(message).unwrap().into_encoded()
}

async fn bad_bytes(connection: &Connection, good: &Issued) {
	let message = calls::commit_to_pay(good.signed.clone(), good.proof.clone(), None);
	let whole = encode(connection, &message).await;
	let mut cases = vec![Vec::new(), vec![0], vec![0xff; 300], vec![0x04, 0x05], b"spb".to_vec()];
	for length in [1, 2, 3, 40, whole.len() / 2, whole.len() - 1] {
		cases.push(whole[..length].to_vec());
	}
	// An extrinsic is its length and so many bytes: one more byte, and the length to match.
	let mut inner = <Vec<u8> as codec::Decode>::decode(&mut &whole[..]).unwrap();
	inner.push(0);
	cases.push(inner.encode());
	for bytes in cases {
		let params = json!([to_hex(&bytes)]);
		let refused = ask(connection, "author_submitExtrinsic", &params).await;
		let expected = refused.as_ref().is_err_and(|code| code::POOL.contains(code));
		assert!(expected, "{params}: {refused:?}");
	}
	for params in [json!([]), json!(["spb"]), json!(["0xzz"]), json!([7])] {
		let refused = ask(connection, "author_submitExtrinsic", &params).await;
		assert_eq!(refused, Err(code::BAD_PARAMS), "{params}");
	}
	// The inherent comes from the author and from no one else.
	let seal = spb_client::chain::runtime::transactions()
		.spb()
		.seal(spb_client::chain::runtime::runtime_types::pallet_spb::types::Seal {
		database_root: Default::default(),
		sidecar_hash: Default::default(),
		settlements:
			spb_client::chain::runtime::runtime_types::bounded_collections::bounded_vec::BoundedVec(
				Vec::new(),
			),
	});
	let bytes = encode(connection, &seal).await;
	let refused = ask(connection, "author_submitExtrinsic", &json!([to_hex(&bytes)])).await;
	assert!(refused.is_err(), "a seal is taken: {refused:?}");
}

/// Hands a CTP to the pool.
pub async fn submit(
	connection: &Connection,
	signed: &SignedCtp,
	proof: &MeterProof,
) -> Result<(), TxError> {
	let message = calls::commit_to_pay(signed.clone(), proof.clone(), None);
	connection.submit_message(&message).await.map(drop)
}

/// Flips the last bit of something encoded.
fn flipped<T: Encode + codec::Decode>(value: &T) -> T {
	let mut bytes = value.encode();
	let last = bytes.last_mut().unwrap();
	*last ^= 1;
	T::decode(&mut &bytes[..]).unwrap()
}

/// A change to a CTP that is signed anew afterwards.
type Change = Box<dyn Fn(&mut spb_primitives::Ctp)>;

async fn bad_commitments(pair: &Pair, good: &Issued) {
	let connection = pair.community.connection();
	let (best, genesis) = (connection.best().await.unwrap().number, connection.genesis());
	let view = connection.best_view().await.unwrap();
	let (parameters, limits) = (view.parameters().await.unwrap(), view.limits().await.unwrap());
	let key = &pair.community.participants[1].key;
	let one = Money::from_units(1);
	let changes: [(Refusal, Change); 12] = [
		(Refusal::UnknownVault, Box::new(|ctp| ctp.vault = 77)),
		(Refusal::UnknownOffer, Box::new(|ctp| ctp.offer = 77)),
		(Refusal::NoEnergy, Box::new(|ctp| ctp.energy = Energy::ZERO)),
		(Refusal::AmountTooSmall, Box::new(|ctp| ctp.amount = Money::ZERO)),
		(Refusal::OfferTooSmall, Box::new(|ctp| ctp.energy = Energy::from_wh(OFFERED.wh() + 1))),
		(Refusal::OfferTooSmall, Box::new(|ctp| ctp.energy = Energy::MAX)),
		(
			Refusal::AmountTooSmall,
			Box::new(move |ctp| ctp.amount = limits.min_amount.saturating_sub(one)),
		),
		(Refusal::VaultTooSmall, Box::new(move |ctp| ctp.amount = VAULT.checked_add(one).unwrap())),
		(Refusal::VaultTooSmall, Box::new(|ctp| ctp.amount = Money::MAX)),
		(Refusal::PriceTooLow, Box::new(move |ctp| ctp.amount = limits.min_amount)),
		(Refusal::ExpiryTooSoon, Box::new(move |ctp| ctp.expiry = best)),
		(
			Refusal::ExpiryTooFar,
			Box::new(move |ctp| ctp.expiry = best + parameters.max_lifetime + 60),
		),
	];
	for (refusal, change) in changes {
		let mut ctp = good.signed.ctp.clone();
		change(&mut ctp);
		let signature = key.sign(&ctp.payload(&genesis));
		refuses(connection, &SignedCtp { ctp, signature }, &good.proof, refusal).await;
	}

	let signed = |signature| SignedCtp { ctp: good.signed.ctp.clone(), signature };
	let other = pair.community.participants[0].key.sign(&good.signed.ctp.payload(&genesis));
	let elsewhere = key.sign(&good.signed.ctp.payload(&Default::default()));
	for signature in [flipped(&good.signed.signature), other, elsewhere] {
		refuses(connection, &signed(signature), &good.proof, Refusal::BadSignature).await;
	}

	let proof = |change: fn(&mut MeterProof)| {
		let mut proof = good.proof.clone();
		change(&mut proof);
		proof
	};
	let signer = &good.proof.coe;
	let proofs = [
		(Refusal::LeafIndex, proof(|proof| proof.index = proof.coe.leaves)),
		(
			Refusal::LeafIndex,
			proof(|proof| {
				proof.path.pop();
			}),
		),
		(Refusal::LeafIndex, proof(|proof| proof.path.try_push(Default::default()).unwrap())),
		(Refusal::NotInTree, proof(|proof| proof.index ^= 1)),
		(Refusal::NotInTree, proof(|proof| proof.coe.root = Default::default())),
		(Refusal::TreeSize, proof(|proof| proof.coe.leaves = 0)),
		(Refusal::TreeSize, proof(|proof| proof.coe.leaves = u32::MAX)),
		(Refusal::CoeOutOfDate, proof(|proof| proof.coe.valid_until = 0)),
		(Refusal::BadCoeSignature, proof(|proof| proof.coe.valid_until += 1)),
		(Refusal::UnknownManufacturer, proof(|proof| proof.coe.manufacturer = 77)),
		(
			Refusal::BadMeterCertificate,
			MeterProof {
				coe: Coe { certificate: flipped(&signer.certificate), ..signer.clone() },
				..good.proof.clone()
			},
		),
	];
	for (refusal, proof) in proofs {
		refuses(connection, &good.signed, &proof, refusal).await;
	}
	let mut ctp = good.signed.ctp.clone();
	ctp.receipt_key = ReceiptKey(good.proof.path[0]);
	let signature = key.sign(&ctp.payload(&genesis));
	// An inner node of the tree is no leaf of it.
	refuses(connection, &SignedCtp { ctp, signature }, &good.proof, Refusal::NotInTree).await;
}

/// That the pool refuses a CTP for this reason.
pub async fn refuses(
	connection: &Connection,
	signed: &SignedCtp,
	proof: &MeterProof,
	refusal: Refusal,
) {
	match submit(connection, signed, proof).await {
		Err(TxError::Refused(found)) => assert_eq!(found, refusal, "{:?}", signed.ctp),
		other => panic!("{refusal:?} expected: {other:?}"),
	}
}

async fn bad_receipts(pair: &Pair, good: &Issued) {
	let connection = pair.community.connection();
	let genesis = connection.genesis();
	let best = connection.best().await.unwrap().number;
	let meter = &pair.community.participants[1].meter;
	let word = |wh: u32, now| {
		meter.confirm(&good.id, Energy::from_wh(wh), Reading::New, now, &genesis, &())
	};
	// The meter itself refuses what no chain would take.
	assert!(word(0, best).is_err() && word(501, best).is_err());
	assert!(word(500, good.signed.ctp.expiry + 1).is_err());
	let receipt = word(500, best).unwrap();
	assert!(word(499, best).is_err(), "a CTP is confirmed once");
	let erc = receipt.erc;
	let late = Erc { at: best + 300, ..erc.clone() };
	let cases = [
		(Refusal::BadReceiptSignature, Erc { signature: flipped(&erc.signature), ..erc.clone() }),
		(Refusal::BadReceiptSignature, Erc { delivered: Energy::from_wh(499), ..erc.clone() }),
		(Refusal::BadReceiptSignature, Erc { ctp: Default::default(), ..erc.clone() }),
		(Refusal::BadReceiptSignature, Erc { delivered: Energy::from_wh(501), ..erc.clone() }),
		(Refusal::BadDelivery, Erc { delivered: Energy::ZERO, ..erc.clone() }),
		(Refusal::ReceiptFromFuture, late),
	];
	for (refusal, erc) in cases {
		let message = calls::confirm_receipt(erc, receipt.proof.clone());
		match connection.submit_message(&message).await {
			Err(TxError::Refused(found)) => assert_eq!(found, refusal),
			other => panic!("{refusal:?} expected: {other:?}"),
		}
	}
}
