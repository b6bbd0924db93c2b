//! Trades and waiting against a node that pretends.

use super::*;
use crate::{
	error::{Classify, Kind},
	meter::MeterError,
	testing::{ready_meter, FakeNode, Fate, LAG, LIMITS},
};
use codec::Decode;
use pallet_spb::types::{Offer as StoredOffer, OfferInfo, Terms as StoredTerms, Vault, VaultInfo};
use spb_primitives::{units::SPB, Parameters, Price, SignedCtp};

const BEST: BlockNumber = 100;

fn producer() -> AccountId {
	AccountKey::development("//Bob").unwrap().account()
}

fn offer(id: OfferId, wh: u32, milli_spb: u128) -> OfferInfo {
	let offer = StoredOffer {
		producer: producer(),
		available: Energy::from_wh(wh),
		price: Price::per_kwh(milli_spb * SPB / 1000),
		terms: StoredTerms::Listed,
		contact: Default::default(),
		closed_at: None,
		deposit: Money::ZERO,
	};
	OfferInfo { id, offer }
}

/// A consumer with 10 SPB in vault 7, a ready meter, and two offers to choose from.
struct Bench {
	_folder: tempfile::TempDir,
	node: FakeNode,
	trader: Trader,
}

impl Bench {
	async fn new() -> Self {
		let folder = tempfile::tempdir().unwrap();
		let node = FakeNode::default();
		let key = AccountKey::development("//Alice").unwrap();
		let vault = Vault {
			owner: key.account(),
			held: Money::from_units(10 * SPB),
			withdrawal: None,
			deposit: Money::ZERO,
		};
		{
			let mut script = node.script();
			script.best = BEST;
			script.vault = Some(VaultInfo { id: 7, vault, payable_at: None });
			script.offers = vec![offer(1, 2_000, 300), offer(2, 1_000, 250)];
		}
		let connection = node.connect().await;
		let meter = Arc::new(ready_meter(folder.path(), &connection.genesis()));
		let trader = Trader::new(connection, key, meter, Arc::new(()));
		Self { _folder: folder, node, trader }
	}

	/// Puts a CTP into the database.
	fn open(&self, issued: &Issued) {
		let fate =
			Fate { signed: Some(issued.signed.clone()), open: 0..BlockNumber::MAX, settled: None };
		self.node.script().fates.insert(issued.id, fate);
	}

	/// The CTPs that were submitted.
	fn submitted(&self) -> Vec<SignedCtp> {
		let decode = |bytes: &Vec<u8>| {
			// Length, version, pallet and call come first.
			let mut input = &bytes[..];
			codec::Compact::<u32>::decode(&mut input).unwrap();
			SignedCtp::decode(&mut &input[3..]).unwrap()
		};
		self.node.script().submitted.iter().map(decode).collect()
	}
}

fn order(wh: u32, milli_spb: u128) -> Order {
	Order {
		producer: producer(),
		offer: None,
		amount: Money::from_units(milli_spb * SPB / 1000),
		energy: Energy::from_wh(wh),
		lifetime: None,
	}
}

#[tokio::test]
async fn a_ctp_should_be_for_the_cheapest_offer_that_suffices() {
	let bench = Bench::new().await;
	let issued = bench.trader.commit(&order(400, 200)).await.unwrap();
	let ctp = &issued.signed.ctp;
	assert_eq!((ctp.vault, ctp.offer, ctp.expiry), (7, 2, BEST + DEFAULT_LIFETIME));
	assert_eq!(bench.submitted(), std::slice::from_ref(&issued.signed));
	// 1,500 Wh are only on the dearer one.
	assert_eq!(bench.trader.commit(&order(1_500, 500)).await.unwrap().signed.ctp.offer, 1);
	let named = Order { offer: Some(1), ..order(400, 200) };
	assert_eq!(bench.trader.commit(&named).await.unwrap().signed.ctp.offer, 1);
}

#[tokio::test]
async fn what_open_and_pending_ctps_have_taken_should_count() {
	let bench = Bench::new().await;
	let first = bench.trader.commit(&order(700, 300)).await.unwrap();
	assert_eq!(first.signed.ctp.offer, 2);
	bench.open(&first);
	let second = bench.trader.commit(&order(700, 300)).await.unwrap();
	assert_eq!(second.signed.ctp.offer, 1, "300 Wh are left of the cheaper offer");
	// The second one is on its way.
	let pending = Fate { signed: None, open: BEST + 50..BEST + 60, settled: None };
	bench.node.script().fates.insert(second.id, pending);
	let error = bench.trader.commit(&order(1_400, 500)).await.unwrap_err();
	assert_eq!(error.code(), "OfferTooSmall");
	assert!(error.to_string().contains("leave 1300 Wh of offer 1"), "{error}");
	let error = bench.trader.commit(&order(100, 9_500)).await.unwrap_err();
	assert_eq!((error.kind(), error.code().as_str()), (Kind::Refused, "VaultTooSmall"));
	assert!(error.to_string().contains("9.4 SPB free"), "{error}");
	assert_eq!(bench.submitted().len(), 2);
}

#[tokio::test]
async fn orders_that_cannot_be_should_use_no_key() {
	let bench = Bench::new().await;
	let refused = async |order: Order| bench.trader.commit(&order).await.unwrap_err().code();
	assert_eq!(refused(order(0, 100)).await, "NoEnergy");
	let little = Money::from_units(LIMITS.min_amount.units() - 1);
	assert_eq!(refused(Order { amount: little, ..order(1, 0) }).await, "AmountTooSmall");
	assert_eq!(refused(order(400, 20)).await, "no-offer");
	assert_eq!(refused(Order { lifetime: Some(5), ..order(400, 200) }).await, "lifetime");
	assert_eq!(refused(Order { offer: Some(9), ..order(400, 200) }).await, "UnknownOffer");
	let another = Order { producer: bench.trader.account(), offer: Some(1), ..order(400, 200) };
	assert_eq!(refused(another).await, "offer-of-another");
	bench.node.script().vault = None;
	assert_eq!(refused(order(400, 200)).await, "UnknownVault");
	let info = bench.trader.meter().info(&Genesis::zero(), BEST).unwrap();
	assert_eq!((info.trees[0].next_leaf, info.issued), (0, 0));
	assert!(bench.submitted().is_empty());
}

#[tokio::test]
async fn a_taken_place_should_be_left_to_its_owner() {
	let bench = Bench::new().await;
	bench.node.script().pool.extend([Some((1014, "too low")), Some((1014, "too low"))]);
	let issued = bench.trader.commit(&order(400, 200)).await.unwrap();
	let tried = bench.submitted();
	assert_eq!(tried.len(), 3);
	assert_eq!(tried[2], issued.signed);
	let places: BTreeSet<u8> =
		tried.iter().map(|signed| CtpId::of(&signed.ctp, &Genesis::zero()).pool_slot()).collect();
	assert_eq!(places.len(), 3);
	let keys: BTreeSet<_> = tried.iter().map(|signed| signed.ctp.receipt_key).collect();
	assert_eq!(keys.len(), 1, "only one of them can ever be in the database");
	// The meter confirms the one that the pool took.
	bench.trader.confirm(&issued.id, Energy::from_wh(1), Reading::New).await.unwrap();
}

#[tokio::test]
async fn a_ctp_that_finds_no_place_should_be_forgotten() {
	let bench = Bench::new().await;
	// With the shortest lifetime there is no other expiry, and so no other place.
	let lifetime = Some(Parameters::DEVELOPMENT.min_lifetime + 1);
	let order = Order { lifetime, ..order(100, 6_000) };
	bench.node.script().pool.push_back(Some((1014, "too low")));
	let error = bench.trader.commit(&order).await.unwrap_err();
	assert!(matches!(error, TradeError::Meter(MeterError::NoPlace)), "{error}");
	assert!(bench.trader.meter().unconfirmed(&Genesis::zero()).unwrap().is_empty());
	// The vault has money for one of them only.
	bench.trader.commit(&order).await.unwrap();
	assert_eq!(bench.trader.commit(&order).await.unwrap_err().code(), "VaultTooSmall");
}

#[tokio::test]
async fn a_refusal_by_the_pool_should_be_named() {
	let bench = Bench::new().await;
	bench.node.script().pool.push_back(Some((1010, "Custom error: 23")));
	let error = bench.trader.commit(&order(400, 200)).await.unwrap_err();
	assert_eq!((error.kind(), error.code().as_str()), (Kind::Refused, "CoeOutOfDate"));
	assert!(bench.trader.meter().unconfirmed(&Genesis::zero()).unwrap().is_empty());
}

#[tokio::test]
async fn ctps_in_quick_succession_should_count_before_the_node_notes_them() {
	let bench = Bench::new().await;
	for _ in 0..3 {
		bench.trader.commit(&order(100, 3_000)).await.unwrap();
	}
	let error = bench.trader.commit(&order(100, 3_000)).await.unwrap_err();
	assert_eq!(error.code(), "VaultTooSmall");
	// What the node does not know two blocks later has been lost.
	bench.node.script().best += NOTING;
	bench.trader.commit(&order(100, 3_000)).await.unwrap();
}

#[tokio::test]
async fn several_at_once_should_not_share_a_place_or_a_key() {
	let bench = Bench::new().await;
	let order = order(10, 10);
	let commits = (0..40).map(|_| bench.trader.commit(&order));
	let issued = futures::future::try_join_all(commits).await.unwrap();
	let places: BTreeSet<u8> = issued.iter().map(|issued| issued.id.pool_slot()).collect();
	let keys: BTreeSet<_> = issued.iter().map(|issued| issued.signed.ctp.receipt_key).collect();
	assert_eq!((places.len(), keys.len(), bench.submitted().len()), (40, 40, 40));
}

#[tokio::test]
async fn a_prepared_ctp_should_wait_for_its_quote() {
	let bench = Bench::new().await;
	let cheap = order(400, 5);
	let issued = bench.trader.prepare(&cheap).await.unwrap();
	assert!(bench.submitted().is_empty());
	let genesis = Genesis::zero();
	let theirs = quote(&AccountKey::development("//Bob").unwrap(), &issued.id, &genesis);
	let ours = quote(&AccountKey::development("//Alice").unwrap(), &issued.id, &genesis);
	let refused = async |order: &Order, quote: &Quote| {
		bench.trader.commit_quoted(order, quote).await.unwrap_err().code()
	};
	assert_eq!(refused(&cheap, &ours).await, "no-such-quote");
	assert_eq!(refused(&order(401, 5), &theirs).await, "no-such-quote");
	assert_eq!(refused(&order(400, 6), &theirs).await, "no-such-quote");
	// A refusal by the pool does not spoil the quote.
	bench.node.script().pool.push_back(Some((1010, "Custom error: 9")));
	assert_eq!(refused(&cheap, &theirs).await, "VaultTooSmall");
	bench.node.script().submitted.clear();
	let submitted = bench.trader.commit_quoted(&cheap, &theirs).await.unwrap();
	assert_eq!(submitted, issued);
	assert_eq!(bench.submitted(), [issued.signed]);
}

#[tokio::test]
async fn an_erc_should_wait_for_its_place() {
	let bench = Bench::new().await;
	let id = bench.trader.commit(&order(400, 200)).await.unwrap().id;
	bench.node.script().pool.extend([Some((1014, "too low")), Some((1014, "too low"))]);
	let receipt = bench.trader.confirm(&id, Energy::from_wh(400), Reading::New).await.unwrap();
	assert_eq!(receipt.erc.at, BEST);
	assert_eq!(bench.node.script().submitted.len(), 4);
	// Never beyond the grace period.
	let id = bench.trader.commit(&order(400, 200)).await.unwrap().id;
	let never = std::iter::repeat_n(Some((1014, "too low")), 10_000);
	bench.node.script().pool.extend(never);
	let error = bench.trader.confirm(&id, Energy::from_wh(400), Reading::New).await.unwrap_err();
	assert_eq!(error.code(), "TooLateToSettle");
}

#[tokio::test]
async fn an_erc_that_the_pool_dropped_should_be_done_if_it_has_settled() {
	let bench = Bench::new().await;
	let issued = bench.trader.commit(&order(400, 200)).await.unwrap();
	let confirm = || bench.trader.confirm(&issued.id, Energy::from_wh(400), Reading::New);
	bench.node.script().pool.push_back(Some((1012, "banned")));
	assert_eq!(confirm().await.unwrap_err().code(), "banned");
	let fate = Fate { signed: None, open: 0..BEST, settled: Some(BEST) };
	bench.node.script().fates.insert(issued.id, fate);
	bench.node.script().pool.push_back(Some((1012, "banned")));
	confirm().await.unwrap();
}

/// A CTP that expires at block 200 and is open and settled as given.
async fn watched(
	open: std::ops::Range<BlockNumber>,
	settled: Option<BlockNumber>,
) -> (Connection, CtpId) {
	let node = FakeNode::default();
	node.script().best = BEST;
	let id = CtpId(sp_core::H256::repeat_byte(0x11));
	node.script().fates.insert(id, Fate { signed: None, open, settled });
	(node.connect().await, id)
}

#[tokio::test]
async fn waiting_should_end_when_the_ctp_is_in_the_database() {
	let (connection, id) = watched(110..230, None).await;
	let seen = wait_for_ctp(&connection, &id, 200, Goal::Database, &()).await.unwrap();
	assert_eq!((seen.number, connection.best().await.unwrap().number), (110, 110));
	let seen = wait_for_ctp(&connection, &id, 200, Goal::Final, &()).await.unwrap();
	assert_eq!((seen.number, connection.best().await.unwrap().number), (110, 110 + LAG));
}

#[tokio::test]
async fn waiting_should_end_when_the_ctp_can_enter_no_more() {
	let (connection, id) = watched(500..600, None).await;
	let error = wait_for_ctp(&connection, &id, 200, Goal::Database, &()).await.unwrap_err();
	assert_eq!((error.kind(), error.code().as_str()), (Kind::Refused, "never-entered"));
	// Block 195 is the last that could take it, and it must be final.
	assert_eq!(connection.finalized().await.unwrap().number, 195);
}

#[tokio::test]
async fn a_ctp_that_settled_quickly_should_have_been_in_the_database() {
	let (connection, id) = watched(0..0, Some(105)).await;
	let seen = wait_for_ctp(&connection, &id, 200, Goal::Final, &()).await.unwrap();
	assert_eq!(seen.number, 105);
}

#[tokio::test]
async fn waiting_should_end_when_the_trade_has_settled() {
	let (connection, id) = watched(101..120, Some(120)).await;
	let seen = wait_for_receipt(&connection, &id, 200, Goal::Database, &()).await.unwrap();
	assert_eq!((seen.number, connection.best().await.unwrap().number), (120, 120));
	let seen = wait_for_receipt(&connection, &id, 200, Goal::Settled, &()).await.unwrap();
	assert_eq!((seen.number, connection.best().await.unwrap().number), (120, 120 + LAG));
	// In the last block of the grace period, looked at long after the chain has forgotten it.
	let (connection, id) = watched(101..220, Some(220)).await;
	wait_for_ctp(&connection, &id, 200, Goal::Settled, &()).await.unwrap();
}

#[tokio::test]
async fn waiting_should_end_when_the_ctp_expires() {
	let (connection, id) = watched(101..221, None).await;
	for goal in [Goal::Database, Goal::Settled] {
		let error = wait_for_receipt(&connection, &id, 200, goal, &()).await.unwrap_err();
		assert_eq!((error.kind(), error.code().as_str()), (Kind::Refused, "expired"));
	}
	assert_eq!(connection.finalized().await.unwrap().number, 220);
}

#[test]
fn lifetimes_should_be_within_what_the_chain_allows() {
	let parameters = Parameters::DEVELOPMENT;
	assert_eq!(lifetime(None, &parameters).unwrap(), DEFAULT_LIFETIME);
	for good in [6, 7, 2_400] {
		assert_eq!(lifetime(Some(good), &parameters).unwrap(), good);
	}
	for bad in [0, 5, 2_401, u32::MAX] {
		assert!(matches!(lifetime(Some(bad), &parameters), Err(TradeError::Lifetime { .. })));
	}
}

#[test]
fn default_lifetime_should_fit_fast_chains() {
	let fast = Parameters { min_lifetime: 2, max_lifetime: 40, ..Parameters::DEVELOPMENT };
	assert_eq!(lifetime(None, &fast).unwrap(), 40);
	let slow = Parameters { min_lifetime: 800, max_lifetime: 900, ..Parameters::DEVELOPMENT };
	assert_eq!(lifetime(None, &slow).unwrap(), 801);
}

#[test]
fn quotes_should_be_the_producers_for_one_ctp() {
	let key = AccountKey::development("//Alice").unwrap();
	let (id, other) = (CtpId([1; 32].into()), CtpId([2; 32].into()));
	let genesis = Genesis::repeat_byte(9);
	let quote = quote(&key, &id, &genesis);
	assert!(verify_quote(&quote, &id, &key.account(), &genesis).is_ok());
	assert!(verify_quote(&quote, &other, &key.account(), &genesis).is_err());
	assert!(verify_quote(&quote, &id, &key.account(), &Genesis::zero()).is_err());
}
