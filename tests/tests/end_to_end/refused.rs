//! What a real node refuses because of what has happened on its chain: a receipt key that is in use, an
//! offer that changed, money on its way out, meters that count no longer. And what is open all that
//! while settles as it was committed.

use crate::{
	bad_input::{ask, code, encode, issue, refuses, submit},
	FOLDER,
};
use codec::{Decode, Encode};
use serde_json::json;
use sp_core::H256;
use spb_client::{
	chain::{
		calls,
		runtime::{self, runtime_types},
	},
	connection::{Connection, CtpFilter, Head, Status},
	files::to_hex,
	keys::{AccountKey, ManufacturerKey},
	meter::{Issued, Reading},
	trade::{wait_for_ctp, wait_for_receipt, Goal},
	tx::TxError,
};
use spb_primitives::{
	listed_price, message::quote_payload, AccountId, CtpId, Energy, ManufacturerId, Money, Price,
	Quote, Refusal, SignedCtp,
};
use spb_testbed::community::funder;
use spb_tests::{
	scene::{tenths, Pair, PRICE, VAULT},
	Scene,
};
use subxt::{tx::Payload, utils::MultiAddress};

#[tokio::test(flavor = "multi_thread")]
async fn what_has_happened_on_the_chain_should_be_heeded() {
	let scene = Scene::set(FOLDER).await;
	// One after the other: all the money comes from one account.
	let (keys, offers, vaults) =
		(scene.pair("keys").await, scene.pair("offers").await, scene.pair("vaults").await);
	let (open, (), ()) = tokio::join!(
		reused_key(&scene, &keys),
		changed_offer(&scene, &offers),
		withdrawal(&scene, &vaults)
	);
	meters(&scene, &keys, &open).await;
	scene.audit().await;
}

/// Has a call change the chain, and waits until the pool heeds it too: it looks at a block a moment after that
/// is there, and before the next one is made. The block that has the call.
async fn change(
	scene: &Scene,
	connection: &Connection,
	call: &impl Payload,
	key: &AccountKey,
) -> Head {
	let block = connection.submit_and_wait(call, key).await.unwrap().block;
	scene.until(block.number + 1).await;
	block
}

/// Has a CTP enter the database.
async fn enter(pair: &Pair, issued: &Issued) {
	let connection = pair.community.connection();
	submit(connection, &issued.signed, &issued.proof).await.unwrap();
	let expiry = issued.signed.ctp.expiry;
	wait_for_ctp(connection, &issued.id, expiry, Goal::Database, &()).await.unwrap();
}

/// Has the consumer's meter confirm all of a CTP, which settles.
async fn settle(pair: &Pair, issued: &Issued) {
	let connection = pair.community.connection();
	let ctp = &issued.signed.ctp;
	pair.community.trader(1).confirm(&issued.id, ctp.energy, Reading::New).await.unwrap();
	let goal = Goal::Settled;
	wait_for_receipt(connection, &issued.id, ctp.expiry, goal, &()).await.unwrap();
}

async fn is_open(connection: &Connection, id: &CtpId, at: Head) -> bool {
	connection.ctp(id, Some(at.hash)).await.unwrap().status == Status::Open
}

/// Two CTPs for one receipt key: the second has no place beside the first, neither in the pool nor in
/// the database. And a proof that is longer than any tree is no proof.
async fn reused_key(scene: &Scene, pair: &Pair) -> Issued {
	let connection = pair.community.connection();
	let first = issue(pair, 500, tenths(2), &[]).await;
	long_path(connection, &first).await;
	enter(pair, &first).await;

	let mut ctp = first.signed.ctp.clone();
	ctp.energy = Energy::from_wh(400);
	let genesis = connection.genesis();
	let id = CtpId::of(&ctp, &genesis);
	let signature = pair.community.participants[1].key.sign(&ctp.payload(&genesis));
	let second = SignedCtp { ctp, signature };
	match submit(connection, &second, &first.proof).await {
		// The pool forgets the first after a while; the database does not.
		Ok(()) | Err(TxError::PlaceTaken) => {},
		Err(error) => panic!("{error}"),
	}
	let best = connection.best().await.unwrap();
	let later = scene.until(best.number + 3).await;
	assert!(!is_open(connection, &id, later).await);
	let of_offer = CtpFilter { vault: None, offer: Some(pair.offer) };
	let open = connection.all_ctps(of_offer, Some(later.hash)).await.unwrap();
	assert_eq!(open.iter().map(|row| row.id).collect::<Vec<_>>(), [first.id]);
	first
}

/// The message of a CTP with one hash more in its proof than a proof can have.
async fn long_path(connection: &Connection, issued: &Issued) {
	let message = calls::commit_to_pay(issued.signed.clone(), issued.proof.clone(), None);
	let whole = encode(connection, &message).await;
	let whole = Vec::<u8>::decode(&mut &whole[..]).unwrap();
	let proof = &issued.proof;
	let good = proof.encode();
	let long = (proof.index, vec![H256::zero(); 17], &proof.coe).encode();
	let at = whole.windows(good.len()).position(|bytes| bytes == good).expect("the proof is in it");
	let bad = [&whole[..at], &long[..], &whole[at + good.len()..]].concat().encode();
	let refused = ask(connection, "author_submitExtrinsic", &json!([to_hex(&bad)])).await;
	assert!(refused.as_ref().is_err_and(|code| code::POOL.contains(code)), "{refused:?}");
}

/// A quote for another CTP, a price that has risen by one unit, an offer that is closed.
async fn changed_offer(scene: &Scene, pair: &Pair) {
	let connection = pair.community.connection();
	let producer = &pair.community.participants[0].key;
	let genesis = connection.genesis();
	let fee = connection.best_view().await.unwrap().limits().await.unwrap().fee;
	let listed = |wh| listed_price(PRICE, Energy::from_wh(wh)).unwrap().checked_add(fee).unwrap();
	let open = issue(pair, 500, listed(500), &[]).await;
	enter(pair, &open).await;

	let late = issue(pair, 1_000, listed(1_000), &[&open]).await;
	let quote = |id: &CtpId| producer.sign(&quote_payload(id, &genesis));
	let by_consumer = pair.community.participants[1].key.sign(&quote_payload(&late.id, &genesis));
	for quote in [quote(&open.id), by_consumer] {
		let refused = quoted(connection, &late, quote).await;
		assert!(matches!(refused, Err(TxError::Refused(Refusal::BadQuote))), "{refused:?}");
	}

	// One unit more for the 1,000 Wh that it asks for.
	let risen = Price::per_kwh(PRICE.units_per_kwh() + 1);
	let reprice = calls::reprice_offer(pair.offer, risen);
	change(scene, connection, &reprice, producer).await;
	refuses(connection, &late.signed, &late.proof, Refusal::PriceTooLow).await;
	// Its producer's word for this very CTP stands in for the price.
	quoted(connection, &late, quote(&late.id)).await.unwrap();
	let expiry = late.signed.ctp.expiry;
	wait_for_ctp(connection, &late.id, expiry, Goal::Database, &()).await.unwrap();

	let another = issue(pair, 500, tenths(2), &[&open, &late]).await;
	change(scene, connection, &calls::close_offer(pair.offer), producer).await;
	refuses(connection, &another.signed, &another.proof, Refusal::OfferClosed).await;

	// What was open before pays what it committed.
	settle(pair, &open).await;
	settle(pair, &late).await;
	let spent = listed(500).checked_add(listed(1_000)).unwrap();
	assert_eq!(pair.held().await, VAULT.checked_sub(spent).unwrap());
}

async fn quoted(connection: &Connection, issued: &Issued, quote: Quote) -> Result<(), TxError> {
	let message = calls::commit_to_pay(issued.signed.clone(), issued.proof.clone(), Some(quote));
	connection.submit_message(&message).await.map(drop)
}

/// A consumer asks for all its money back while one CTP is open and another on its way: what is open is
/// paid, and nothing enters after the request.
async fn withdrawal(scene: &Scene, pair: &Pair) {
	let connection = pair.community.connection();
	let consumer = &pair.community.participants[1].key;
	let open = issue(pair, 500, tenths(2), &[]).await;
	enter(pair, &open).await;
	let racing = issue(pair, 300, tenths(1), &[&open]).await;
	submit(connection, &racing.signed, &racing.proof).await.unwrap();
	let request = calls::request_withdrawal(VAULT);
	let asked = change(scene, connection, &request, consumer).await;

	let late = issue(pair, 300, tenths(1), &[&open, &racing]).await;
	refuses(connection, &late.signed, &late.proof, Refusal::VaultTooSmall).await;
	let later = scene.until(asked.number + 3).await;
	// It won or lost its race by the block of the request.
	let won = is_open(connection, &racing.id, asked).await;
	assert_eq!(is_open(connection, &racing.id, later).await, won);
	let early = connection.submit_and_wait(&calls::withdraw(), consumer).await.unwrap_err();
	assert!(
		matches!(&early, TxError::Failed { name, .. } if name == "WithdrawalTooEarly"),
		"{early}"
	);

	let mut spent: Money = tenths(2);
	settle(pair, &open).await;
	if won {
		settle(pair, &racing).await;
		spent = spent.checked_add(tenths(1)).unwrap();
	}
	assert_eq!(pair.held().await, VAULT.checked_sub(spent).unwrap());
}

/// The meter that signed a tree is revoked, then its manufacturer retires: no CTP enters with that tree
/// any more, and the one that is open settles.
async fn meters(scene: &Scene, pair: &Pair, open: &Issued) {
	let connection = pair.community.connection();
	let good = issue(pair, 300, tenths(1), &[open]).await;
	let (manufacturer, meter) = (good.proof.coe.manufacturer, good.proof.coe.signer);
	let by_maker = MultiAddress::Id(maker(manufacturer).into());
	let revoke = Spb::revoke_meter { manufacturer, meter: meter.0 };
	let revoke = runtime_types::spb_runtime::RuntimeCall::Spb(revoke);
	let revoke = runtime::transactions().sudo().sudo_as(by_maker, revoke);
	change(scene, connection, &revoke, &funder().unwrap()).await;
	refuses(connection, &good.signed, &good.proof, Refusal::MeterRevoked).await;

	let retire = Spb::retire_manufacturer { id: manufacturer };
	let retire = runtime_types::spb_runtime::RuntimeCall::Spb(retire);
	let retire = runtime::transactions().sudo().sudo(retire);
	change(scene, connection, &retire, &funder().unwrap()).await;
	refuses(connection, &good.signed, &good.proof, Refusal::UnknownManufacturer).await;
	settle(pair, open).await;
}

type Spb = runtime_types::pallet_spb::pallet::Call;

/// The account of a manufacturer of development chains.
fn maker(number: ManufacturerId) -> AccountId {
	let uri = ["//One", "//Two"][usize::from(number) - 1];
	AccountId::from(ManufacturerKey::development(uri).unwrap().public().0)
}
