//! A runtime upgrade over open CTPs: every CTP and every hold outlives it.
//!
//! The new runtime is the old one under the next version. So what is shown is that the node, the CTP
//! database and the holds go through the change of code and version, and that the hooks of an upgrade run.
//! No migration is: there is none yet, and the first one has to bring a test of its own
//! (`docs/known-gaps.md`).

use crate::FOLDER;
use codec::Decode;
use serde_json::Value;
use sp_core::H256;
use sp_io::hashing::{blake2_256, twox_128};
use sp_version::{embed::embed_runtime_version, RuntimeVersion};
use spb_client::{
	chain::runtime::{self, runtime_types},
	connection::{Connection, Head},
	error::Classify,
	files::{from_hex, to_hex},
	meter::Reading,
	trade::{wait_for_ctp, wait_for_receipt, Goal, TradeError},
};
use spb_primitives::{Energy, Refusal};
use spb_testbed::{community::funder, Node};
use spb_tests::{
	scene::{tenths, VAULT},
	Scene,
};
use subxt::rpcs::client::rpc_params;

/// More than any runtime has when it is unpacked.
const MOST_CODE: usize = 64 << 20;

/// The chain's own runtime as the next version: the same code, whose version is one higher.
pub async fn next_runtime(connection: &Connection) -> Vec<u8> {
	let view = connection.best_view().await.unwrap();
	let code = view.subxt().storage().runtime_wasm_code().await.unwrap();
	let code = sp_maybe_compressed_blob::decompress(&code, MOST_CODE).unwrap();
	let version: String =
		connection.request("state_call", rpc_params!["Core_version", "0x"]).await.unwrap();
	let mut version = RuntimeVersion::decode(&mut &from_hex(&version).unwrap()[..]).unwrap();
	version.spec_version += 1;
	let next = embed_runtime_version(&code, version).unwrap();
	sp_maybe_compressed_blob::compress_strongly(&next, MOST_CODE).unwrap()
}

/// The version that the node reads in the runtime after a block.
pub async fn spec_version(connection: &Connection, block: H256) -> u64 {
	let version: Value =
		connection.request("state_getRuntimeVersion", rpc_params![block]).await.unwrap();
	version["specVersion"].as_u64().unwrap()
}

/// Authorises a runtime as those who govern do, and has it applied; the first block that it runs.
async fn upgrade(scene: &Scene, code: Vec<u8>) -> Head {
	let connection = &scene.connection;
	let governor = funder().unwrap();
	let code_hash = H256(blake2_256(&code));
	type Call = runtime_types::spb_runtime::RuntimeCall;
	let authorize = runtime_types::pallet_upgrades::pallet::Call::authorize_upgrade { code_hash };
	let authorize = runtime::transactions().sudo().sudo(Call::Upgrades(authorize));
	connection.submit_and_wait(&authorize, &governor).await.unwrap();
	let apply = runtime::transactions().system().apply_authorized_upgrade(code);
	let applied = connection.submit_and_wait(&apply, &governor).await.unwrap().block;
	// The version alone does not make the runtime take itself for new and migrate its state; that it
	// does not know which version ran last does.
	let last =
		runtime_types::frame_system::pallet::Call::kill_storage { keys: vec![last_upgrade()] };
	let forget = runtime::transactions().sudo().sudo(Call::System(last));
	let forgot = connection.submit_and_wait(&forget, &governor).await.unwrap().block;
	assert!(!has_migrated(connection, forgot.hash).await);
	let first = scene.until(forgot.number + 1).await;
	assert!(has_migrated(connection, first.hash).await);
	assert!(applied.number < first.number);
	first
}

/// Where the runtime notes which version ran last.
fn last_upgrade() -> Vec<u8> {
	[twox_128(b"System"), twox_128(b"LastRuntimeUpgrade")].concat()
}

/// Whether the runtime has noted that it is new: then it has migrated the state.
async fn has_migrated(connection: &Connection, block: H256) -> bool {
	let key = to_hex(&last_upgrade());
	let noted: Option<String> =
		connection.request("state_getStorage", rpc_params![key, block]).await.unwrap();
	noted.is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn open_ctps_and_holds_should_outlive_a_runtime_upgrade() {
	let scene = Scene::set(FOLDER).await;
	let connection = &scene.connection;
	let pair = scene.pair("upgrade").await;
	let trader = pair.community.trader(1);
	let kept = trader.commit(&pair.order(500, tenths(2), 300)).await.unwrap();
	let dropped = trader.commit(&pair.order(300, tenths(1), 60)).await.unwrap();
	for issued in [&kept, &dropped] {
		let expiry = issued.signed.ctp.expiry;
		wait_for_ctp(connection, &issued.id, expiry, Goal::Final, &()).await.unwrap();
	}
	let before = connection.finalized().await.unwrap();
	let version = spec_version(connection, before.hash).await;
	let open = connection.open_ctps(before.hash).await.unwrap();
	assert_eq!(open.len(), 2);

	let after = upgrade(&scene, next_runtime(connection).await).await;
	assert_eq!(spec_version(connection, before.hash).await, version);
	assert_eq!(spec_version(connection, after.hash).await, version + 1);
	let database = connection.database(Some(after.hash)).await.unwrap();
	assert!(database.equal && database.root == open.root(), "{database:?}");
	assert_eq!(connection.open_ctps(after.hash).await.unwrap(), open);
	// The vault holds what it held, and what is open on it is still on hold.
	assert_eq!(pair.held().await, VAULT);
	let more_than_free = VAULT.checked_sub(tenths(2)).unwrap();
	let too_much = trader.commit(&pair.order(1, more_than_free, 60)).await;
	assert_eq!(too_much.unwrap_err().code(), Refusal::VaultTooSmall.name());

	// One settles and one is dropped, by the rules of the new runtime.
	trader.confirm(&kept.id, Energy::from_wh(500), Reading::New).await.unwrap();
	let expiry = kept.signed.ctp.expiry;
	wait_for_receipt(connection, &kept.id, expiry, Goal::Settled, &()).await.unwrap();
	let expiry = dropped.signed.ctp.expiry;
	let end = wait_for_receipt(connection, &dropped.id, expiry, Goal::Settled, &()).await;
	assert!(matches!(end, Err(TradeError::Expired { .. })), "{end:?}");
	assert_eq!(pair.held().await, VAULT.checked_sub(tenths(2)).unwrap());

	// One who joins now judges the blocks of both.
	let last = connection.finalized().await.unwrap();
	let follower = Node::start(scene.follower().await).unwrap();
	let follower = follower.connect().await.unwrap();
	let mut heads = follower.heads(Default::default());
	while follower.finalized().await.unwrap().number < last.number {
		heads.next().await.unwrap();
	}
	let database = follower.database(Some(last.hash)).await.unwrap();
	assert!(database.equal && database.open == 0, "{database:?}");
	let audit = scene.audit().await;
	assert_eq!(audit.findings().settled.keys().collect::<Vec<_>>(), [&kept.id]);
}
