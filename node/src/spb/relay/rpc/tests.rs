use super::{
	super::{
		listing::tests::DoubleIdentity,
		machine::tests::packet,
		node::tests::{Scene, GENESIS},
	},
	*,
};
use jsonrpsee::{core::EmptyServerParams, MethodsError, RpcModule};
use serde_json::{json, Value};
use sp_core::ed25519::Signature;
use spb_primitives::relay::{sealing, verify_node, ContactSecret};

fn module() -> (Scene, RpcModule<RelayRpc>) {
	let scene = Scene::new();
	let identity = Arc::new(DoubleIdentity::default());
	let module = RelayRpc { relay: scene.relay.clone(), identity }.into_rpc();
	(scene, module)
}

fn hex(packet: &Packet) -> Value {
	json!(Bytes::from(packet.encode()))
}

/// A packet of this moment.
fn sent(to: ContactKey, nonce: u8) -> Packet {
	Packet { to, sent_at: Now::read().unix, ..packet(1, 2, nonce) }
}

async fn call(module: &RpcModule<RelayRpc>, name: &str, parameter: Value) -> Result<Value, i32> {
	call_with(module, name, vec![parameter]).await
}

async fn call_with(
	module: &RpcModule<RelayRpc>,
	name: &str,
	parameters: Vec<Value>,
) -> Result<Value, i32> {
	match module.call::<_, Value>(name, parameters).await {
		Ok(answer) => Ok(answer),
		Err(MethodsError::JsonRpc(error)) => Err(error.code()),
		Err(error) => panic!("{error}"),
	}
}

#[tokio::test]
async fn client_should_attach_with_its_key_and_get_its_packets() {
	let (scene, module) = module();
	let holder = ContactSecret::from_bytes(&[1; 32]).unwrap();
	let key = holder.public();
	let waiting = sent(key, 1);
	let answer = call(&module, "spb_relaySend", hex(&waiting)).await.unwrap();
	assert_eq!(answer, json!({ "id": waiting.id(), "status": "arrived", "next": null }));

	let challenge = call(&module, "spb_relayChallenge", json!(key)).await.unwrap();
	assert_eq!((&challenge["node"], &challenge["home"]), (&json!(scene.relay.own()), &json!(null)));
	let sealed: Bytes = serde_json::from_value(challenge["challenge"].clone()).unwrap();
	let answer = sealing::answer(&holder, &scene.relay.own(), &sealed, &GENESIS).unwrap();
	let mut packets = module.subscribe("spb_relayAttach", (key, answer), 16).await.unwrap();
	let live = sent(key, 2);
	call(&module, "spb_relaySend", hex(&live)).await.unwrap();
	for packet in [waiting, live] {
		let (bytes, _) = packets.next::<Bytes>().await.unwrap().unwrap();
		assert_eq!(Packet::decode_all(&mut &bytes.0[..]), Ok(packet));
	}
	let status: Value = module.call("spb_relayStatus", EmptyServerParams::new()).await.unwrap();
	assert_eq!((&status["attached"], &status["listed"]), (&json!(1), &json!(false)));
}

#[tokio::test]
async fn key_that_is_not_proven_should_not_be_attached() {
	let (scene, module) = module();
	let key = ContactSecret::from_bytes(&[1; 32]).unwrap().public();
	let refused = module.subscribe("spb_relayAttach", (key, Hash::zero()), 16).await;
	match refused {
		Err(MethodsError::JsonRpc(error)) => assert_eq!(error.code(), NOT_PROVEN),
		other => panic!("{:?}", other.map(drop)),
	}
	assert_eq!(scene.relay.figures().attached, 0);
}

#[tokio::test]
async fn refusals_should_have_codes_of_their_own() {
	let (_, module) = module();
	let good = sent(ContactKey([9; 32]), 1);
	let old = Packet { sent_at: 1, ..good.clone() };
	let short = Packet { sealed: vec![0; 9].try_into().unwrap(), ..good.clone() };
	let mut longer = good.encode();
	longer.push(0);
	let cases = [
		(hex(&old), NOT_NOW),
		(hex(&short), INVALID_PARAMS_CODE),
		(json!(Bytes::from(longer)), INVALID_PARAMS_CODE),
		(json!("0x"), INVALID_PARAMS_CODE),
		(json!(17), INVALID_PARAMS_CODE),
	];
	for (parameter, code) in cases {
		let refused = call(&module, "spb_relaySend", parameter.clone()).await;
		assert_eq!(refused, Err(code), "{parameter}");
	}
	let nobody = call(&module, "spb_relayChallenge", json!(ContactKey([0; 32]))).await;
	assert_eq!(nobody, Err(INVALID_PARAMS_CODE));
	let again = [hex(&good), hex(&good)];
	let mut statuses = Vec::new();
	for parameter in again {
		statuses.push(call(&module, "spb_relaySend", parameter).await.unwrap()["status"].clone());
	}
	assert_eq!(statuses, ["arrived", "duplicate"]);
}

#[tokio::test]
async fn only_who_runs_the_node_should_get_its_consent() {
	let (scene, mut module) = module();
	let owner = AccountId::new([3; 32]);
	let parameters = vec![json!(format!("{:?}", Hash::from([3; 32]))), json!(100)];
	let refused = call_with(&module, "spb_relayConsent", parameters.clone()).await;
	assert_eq!(refused, Err(METHOD_NOT_FOUND_CODE), "it is unsafe where nothing is said");
	module.extensions_mut().insert(DenyUnsafe::Yes);
	let refused = call_with(&module, "spb_relayConsent", parameters.clone()).await;
	assert_eq!(refused, Err(METHOD_NOT_FOUND_CODE));
	module.extensions_mut().insert(DenyUnsafe::No);
	let consent = call_with(&module, "spb_relayConsent", parameters).await.unwrap();
	assert_eq!(consent["validUntil"], json!(100));
	let bytes = |name: &str| serde_json::from_value::<Bytes>(consent[name].clone()).unwrap();
	let signature = Signature::try_from(&bytes("signature")[..]).unwrap();
	assert!(verify_node(&signature, &owner, &bytes("peer"), 100, &GENESIS));
	assert_eq!(bytes("peer").0, scene.relay.peer().to_bytes());
	for bad in [vec![json!("alice"), json!(100)], vec![json!(owner.to_string())]] {
		let refused = call_with(&module, "spb_relayConsent", bad.clone()).await;
		assert_eq!(refused, Err(INVALID_PARAMS_CODE), "{bad:?}");
	}
}
