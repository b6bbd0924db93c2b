//! Two thirds of the companies let a new runtime in, on a chain that has no superuser: from the motion to
//! the first block that the new runtime makes.

use crate::{
	upgrade::{next_runtime, spec_version},
	FOLDER,
};
use sp_core::H256;
use sp_io::hashing::blake2_256;
use spb_client::{
	chain::runtime::{self, runtime_types},
	connection::Connection,
	keys::AccountKey,
};
use spb_primitives::Parameters;
use spb_testbed::specification::FAST;
use spb_tests::Scene;

/// Two slots a second: one company of three is there to make blocks.
const PARAMETERS: Parameters = Parameters { slot_duration: 500, ..FAST };
/// Of three companies.
const TWO_THIRDS: u32 = 2;
/// More than the call of the motion takes.
const LENGTH: u32 = 100;
/// More than it weighs.
const WEIGHT: runtime_types::sp_weights::weight_v2::Weight =
	runtime_types::sp_weights::weight_v2::Weight {
		ref_time: 10_000_000_000,
		proof_size: 1_000_000,
	};

fn company(uri: &str) -> AccountKey {
	AccountKey::development(uri).unwrap()
}

/// The motions before the council.
async fn motions(connection: &Connection) -> Vec<H256> {
	let view = connection.best_view().await.unwrap();
	let address = runtime::storage().company_council().proposals();
	view.subxt().storage().fetch(address, ()).await.unwrap().decode().unwrap().0
}

/// Whether a runtime's code may be handed in.
async fn is_authorized(connection: &Connection) -> bool {
	let view = connection.best_view().await.unwrap();
	let address = runtime::storage().system().authorized_upgrade();
	view.subxt().storage().try_fetch(address, ()).await.unwrap().is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_companies_of_three_should_let_a_runtime_in() {
	let scene = Scene::set_of_companies(FOLDER, &PARAMETERS).await;
	let connection = &scene.connection;
	let [alice, bob] = ["//Alice", "//Bob"].map(company);
	let before = connection.best().await.unwrap();
	let version = spec_version(connection, before.hash).await;
	let code = next_runtime(connection).await;
	let code_hash = H256(blake2_256(&code));

	let authorize = runtime_types::pallet_upgrades::pallet::Call::authorize_upgrade { code_hash };
	let authorize = runtime_types::spb_runtime::RuntimeCall::Upgrades(authorize);
	let council = || runtime::transactions().company_council();
	let propose = council().propose(TWO_THIRDS, authorize, LENGTH);
	connection.submit_and_wait(&propose, &alice).await.unwrap();
	let motion = match motions(connection).await[..] {
		[motion] => motion,
		ref others => panic!("{others:?}"),
	};
	// One vote closes nothing.
	connection.submit_and_wait(&council().vote(motion, 0, true), &alice).await.unwrap();
	let close = || council().close(motion, 0, WEIGHT, LENGTH);
	assert!(connection.submit_and_wait(&close(), &alice).await.is_err());
	assert!(!is_authorized(connection).await);
	let apply = || runtime::transactions().system().apply_authorized_upgrade(code.clone());
	let dave = company("//Dave");
	assert!(connection.submit_and_wait(&apply(), &dave).await.is_err(), "no one has let it in");

	connection.submit_and_wait(&council().vote(motion, 0, true), &bob).await.unwrap();
	// Anyone closes it, and anyone hands in the code.
	connection.submit_and_wait(&close(), &dave).await.unwrap();
	assert!(motions(connection).await.is_empty() && is_authorized(connection).await);
	let applied = connection.submit_and_wait(&apply(), &dave).await.unwrap().block;
	assert_eq!(spec_version(connection, applied.hash).await, version + 1);
	let after = scene.until(applied.number + 3).await;
	assert_eq!(spec_version(connection, after.hash).await, version + 1);
	let database = connection.database(Some(after.hash)).await.unwrap();
	assert!(database.equal, "{database:?}");
	assert_eq!(spec_version(connection, before.hash).await, version);
}
