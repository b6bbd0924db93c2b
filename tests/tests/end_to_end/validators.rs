//! A validator comes and goes by its session keys, while a CTP is open.

use crate::FOLDER;
use serde_json::Value;
use spb_client::{
	audit::{audit, Check},
	chain::runtime::{self, runtime_types},
	connection::{Connection, Head, Stall},
	files::{from_hex, to_hex},
	keys::AccountKey,
	meter::Reading,
	trade::{wait_for_ctp, wait_for_receipt, Goal},
};
use spb_primitives::{Energy, Parameters};
use spb_testbed::{
	community::funder,
	node::{Node, Options},
	specification::FAST,
};
use spb_tests::{
	scene::{node_program, tenths},
	Scene,
};
use subxt::{config::substrate::DigestItem, rpcs::client::rpc_params, tx::Payload};

/// Two blocks a second: a change of validators takes two sessions.
const PARAMETERS: Parameters = Parameters { slot_duration: 500, ..FAST };

type Governing = runtime_types::pallet_validators::pallet::Call;

/// The keys with which blocks are made after this one.
async fn authorities(connection: &Connection, block: Head) -> Vec<[u8; 32]> {
	let view = connection.view(block).await.unwrap();
	let address = runtime::storage().aura().authorities();
	let authorities = view.subxt().storage().fetch(address, ()).await.unwrap().decode().unwrap();
	authorities.0.into_iter().map(|key| key.0).collect()
}

/// The keys that make blocks from the next session on.
async fn queued(connection: &Connection, block: Head) -> usize {
	let view = connection.view(block).await.unwrap();
	let address = runtime::storage().session().queued_keys();
	view.subxt().storage().fetch(address, ()).await.unwrap().decode().unwrap().len()
}

/// Whose digest items name a block's slot.
const AURA: [u8; 4] = *b"aura";

/// The key that made a block, by its slot and the authorities before it.
async fn author(connection: &Connection, block: Head) -> [u8; 32] {
	let header = connection.header(block.hash).await.unwrap();
	let slot = header.digest.logs.iter().find_map(|item| match item {
		DigestItem::PreRuntime(AURA, slot) => {
			Some(u64::from_le_bytes(slot[..].try_into().unwrap()))
		},
		_ => None,
	});
	let parent = Head { number: block.number - 1, hash: header.parent_hash };
	let authorities = authorities(connection, parent).await;
	authorities[usize::try_from(slot.unwrap()).unwrap() % authorities.len()]
}

/// Waits for a best block of which this is true.
async fn until<F: std::future::Future<Output = bool>>(
	connection: &Connection,
	is_true: impl Fn(Head) -> F,
) -> Head {
	let mut heads = connection.heads(Stall::default());
	loop {
		let head = heads.next().await.unwrap();
		if is_true(head).await {
			return head;
		}
	}
}

/// Has those who govern change the list of validators.
async fn govern(connection: &Connection, call: Governing) {
	let call = runtime_types::spb_runtime::RuntimeCall::Validators(call);
	let call = runtime::transactions().sudo().sudo(call);
	connection.submit_and_wait(&call, &funder().unwrap()).await.unwrap();
}

/// The call that sets the keys which a node made for this account.
fn set_keys(generated: &Value) -> (impl Payload, [u8; 32]) {
	let bytes = |name: &str| from_hex(generated[name].as_str().unwrap()).unwrap();
	let (keys, proof) = (bytes("keys"), bytes("proof"));
	let (aura, grandpa) = keys.split_at(32);
	let aura: [u8; 32] = aura.try_into().unwrap();
	let keys = runtime_types::spb_runtime::SessionKeys {
		aura: runtime_types::sp_consensus_aura::sr25519::app_sr25519::Public(aura),
		grandpa: runtime_types::sp_consensus_grandpa::app::Public(grandpa.try_into().unwrap()),
	};
	(runtime::transactions().session().set_keys(keys, proof), aura)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_should_come_and_go() {
	let scene = Scene::set_with(FOLDER, &PARAMETERS).await;
	let connection = &scene.connection;
	let pair = scene.pair("validators").await;
	let trader = pair.community.trader(1);
	let issued = trader.commit(&pair.order(500, tenths(2), PARAMETERS.max_lifetime)).await.unwrap();
	let expiry = issued.signed.ctp.expiry;
	wait_for_ctp(connection, &issued.id, expiry, Goal::Final, &()).await.unwrap();

	// A node makes its keys, its operator sets them, and those who govern add it.
	let options = scene.beside(Options::full(node_program())).await.argument("--validator");
	let options = options.argument("--unsafe-force-node-key-generation");
	let newcomer = Node::start(options.argument("--rpc-methods=unsafe")).unwrap();
	let operator = AccountKey::development("//Bob").unwrap();
	let owner: [u8; 32] = operator.account().into();
	let newcomers = newcomer.connect().await.unwrap();
	let generated: Value =
		newcomers.request("author_rotateKeysWithOwner", rpc_params![to_hex(&owner)]).await.unwrap();
	let (set_keys, key) = set_keys(&generated);
	connection.submit_and_wait(&set_keys, &operator).await.unwrap();
	let validator = || subxt::utils::Static(operator.account());
	govern(connection, Governing::add_validator { validator: validator() }).await;

	// It is on the list from now on, and is taken off it again before its session begins.
	until(connection, |head| async move { queued(connection, head).await == 2 }).await;
	govern(connection, Governing::remove_validator { validator: validator() }).await;
	let came =
		until(connection, |head| async move { authorities(connection, head).await.contains(&key) });
	let came = came.await;
	until(connection, |head| async move { author(connection, head).await == key }).await;
	// Nothing becomes final without its vote.
	scene.until_final(came.number + 2).await;
	let database = newcomers.database(Some(came.hash)).await.unwrap();
	assert!(database.equal && database.open == 1, "{database:?}");

	let left =
		until(
			connection,
			|head| async move { !authorities(connection, head).await.contains(&key) },
		);
	let left = left.await;
	scene.until_final(left.number).await;
	drop(newcomer);
	// And without it the chain goes on, and so does the trade.
	trader.confirm(&issued.id, Energy::from_wh(500), Reading::New).await.unwrap();
	wait_for_receipt(connection, &issued.id, expiry, Goal::Settled, &()).await.unwrap();
	scene.until_final(left.number + 5).await;
	let report = audit(connection, None, None, &()).await.unwrap();
	report.verdict().unwrap();
	let held = |check| report.findings.held[&check];
	assert_eq!((held(Check::MeterProof), held(Check::Receipt)), (1, 1));
	assert_eq!(held(Check::Root), report.to.number);
}
