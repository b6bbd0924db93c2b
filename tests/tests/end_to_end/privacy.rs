//! What the trades of one meter have in common: nothing in the chain's bytes, and in the sidecars what
//! its owner has configured. `docs/privacy.md` says what that means.

use crate::FOLDER;
use codec::{Decode, Encode};
use serde_json::json;
use spb_client::{
	connection::{Connection, Head},
	meter::{Issued, Meter, Reading, Receipt, VALIDITY_STEP},
	trade::{wait_for_ctp, wait_for_receipt, Goal, Order, Trader},
};
use spb_primitives::{units::SPB, BlockNumber, CtpId, Energy, Money, OfferId, Settlement, Sidecar};
use spb_testbed::Community;
use spb_tests::{
	links::{Links, Shown},
	scene::{tenths, OFFERED, PRICE},
	Scene,
};
use std::{
	collections::{BTreeMap, BTreeSet},
	fs,
	path::Path,
	sync::Arc,
};
use subxt::rpcs::client::rpc_params;

/// Trades of the meter.
const TRADES: usize = 100;
/// Trades that are on their way at the same time.
const BATCH: usize = 10;
/// Vaults that pay for them, one after the other.
const VAULTS: usize = 4;
/// One-time keys in each of the meter's trees.
const LEAVES: u32 = 10;
/// Trees that are made for them: as many as let each vault have its own.
const TREES: usize = VAULTS * TRADES.div_ceil(VAULTS).div_ceil(LEAVES as usize);
/// Trades with a tree and a vault of their own each.
const FRESH: usize = 5;
/// The file in the tests' folder that says which trades the sidecars link.
const REPORT: &str = "privacy-links.json";
/// What everyone begins with.
const MONEY: Money = Money::from_units(100 * SPB);
/// What each vault is given.
const VAULT: Money = Money::from_units(5 * SPB);
/// The energy of each trade.
const ENERGY: u32 = 50;
/// So many blocks live CTPs here.
const LIFETIME: BlockNumber = 120;

/// The places of the participants: a producer, then the owners of vaults. All of them are one
/// household's but the producer, and the household's meter is the first owner's.
const PRODUCER: usize = 0;
const HOUSEHOLD: usize = 1;

/// A household that trades with one meter over several vaults.
struct Household {
	community: Community,
	offer: OfferId,
}

impl Household {
	async fn settle_in(scene: &Scene) -> Self {
		let keys = [0; 1 + VAULTS + FRESH];
		let folder = scene.folder().join("privacy");
		let connection = scene.connection.clone();
		let community = Community::found(connection, "privacy", &keys, &folder).await.unwrap();
		community.fund(&[MONEY; 1 + VAULTS + FRESH]).await.unwrap();
		let mut submitted = vec![
			community.open_with_burn(PRODUCER).await.unwrap(),
			community.offer(PRODUCER, OFFERED, PRICE).await.unwrap(),
		];
		for owner in HOUSEHOLD..keys.len() {
			submitted.push(community.deposit(owner, VAULT).await.unwrap());
		}
		community.wait_for(&submitted).await.unwrap();
		let genesis = scene.connection.genesis();
		for owner in HOUSEHOLD..keys.len() {
			let vault = community.vault_of(owner).await.unwrap();
			community.participants[HOUSEHOLD].meter.pair_with(&genesis, vault).unwrap();
		}
		let offer = community.offer_of(PRODUCER).await.unwrap();
		Self { community, offer }
	}

	fn meter(&self) -> &Meter {
		&self.community.participants[HOUSEHOLD].meter
	}

	/// Another tree of the meter.
	async fn grow(&self, leaves: u32) {
		self.community.grow(HOUSEHOLD, PRODUCER, leaves).await.unwrap();
	}

	/// The consumer that a vault belongs to, with the household's meter.
	fn trader(&self, vault: usize) -> Trader {
		let owner = self.community.participants[HOUSEHOLD + vault].key.clone();
		let meter = self.community.participants[HOUSEHOLD].meter.clone();
		Trader::new(self.community.connection().clone(), owner, meter, Arc::new(()))
	}

	/// Trades over these vaults at the same time, each to its end.
	async fn trade(&self, vaults: &[usize]) -> Vec<Receipt> {
		let connection = self.community.connection();
		let order = Order {
			producer: self.community.participants[PRODUCER].account(),
			offer: Some(self.offer),
			amount: tenths(1),
			energy: Energy::from_wh(ENERGY),
			lifetime: Some(LIFETIME),
		};
		let mut issued: Vec<Issued> = Vec::new();
		for vault in vaults {
			issued.push(self.trader(*vault).commit(&order).await.unwrap());
		}
		for Issued { id, signed, .. } in &issued {
			let expiry = signed.ctp.expiry;
			wait_for_ctp(connection, id, expiry, Goal::Database, &()).await.unwrap();
		}
		let mut receipts = Vec::new();
		for (Issued { id, .. }, vault) in issued.iter().zip(vaults) {
			let confirmed = self.trader(*vault).confirm(id, order.energy, Reading::New).await;
			receipts.push(confirmed.unwrap());
		}
		for Issued { id, signed, .. } in &issued {
			let expiry = signed.ctp.expiry;
			wait_for_receipt(connection, id, expiry, Goal::Settled, &()).await.unwrap();
		}
		receipts
	}
}

/// What a chain holds up to a block.
#[derive(Default)]
struct Bytes {
	/// How often any 32 bytes in a row are in headers and bodies.
	blocks: BTreeMap<[u8; 32], u32>,
	/// Any 32 bytes in a row of the state's keys and values.
	state: BTreeSet<[u8; 32]>,
	/// The settlements.
	settlements: Vec<Settlement>,
	/// The sidecars, which are beside the chain.
	sidecars: Vec<Sidecar>,
}

fn rows(bytes: &[u8]) -> impl Iterator<Item = [u8; 32]> + '_ {
	bytes.windows(32).map(|row| row.try_into().unwrap())
}

/// The first 32 bytes of something's encoding.
fn beginning(value: &impl Encode) -> [u8; 32] {
	value.encode()[..32].try_into().unwrap()
}

impl Bytes {
	async fn read(connection: &Connection, to: Head) -> Self {
		let mut bytes = Self::default();
		for number in 0..=to.number {
			let hash = connection.hash_of(number).await.unwrap();
			let body = connection.body(hash).await.unwrap();
			let header = connection.header(hash).await.unwrap().encode();
			for row in rows(&header).chain(body.iter().flat_map(|extrinsic| rows(extrinsic))) {
				*bytes.blocks.entry(row).or_default() += 1;
			}
			if number > 0 {
				let view = connection.view(Head { number, hash }).await.unwrap();
				let seals = view.seals(body).await.unwrap();
				bytes.settlements.extend(seals.into_iter().flat_map(|seal| seal.settlements));
				let sidecar = connection.sidecar(hash).await.unwrap();
				bytes.sidecars.push(Sidecar::decode(&mut &sidecar[..]).unwrap());
			}
		}
		let pairs: Vec<(String, String)> =
			connection.request("state_getPairs", rpc_params!["0x", to.hash]).await.unwrap();
		// The runtime's code is long, and no one's secret.
		for (key, value) in pairs.iter().filter(|(key, _)| key != &hex_of(b":code")) {
			let both = [key, value].map(|text| spb_client::files::from_hex(text).unwrap());
			bytes.state.extend(both.iter().flat_map(|part| rows(part)));
		}
		bytes
	}
}

fn hex_of(bytes: &[u8]) -> String {
	spb_client::files::to_hex(bytes)
}

/// No two settlements have 32 bytes in a row in common, at whatever place: so no key, leaf, root or
/// certificate, whole or in part.
fn share_nothing(settlements: &[Settlement]) {
	let mut owner = BTreeMap::new();
	for (place, settlement) in settlements.iter().enumerate() {
		for row in rows(&settlement.encode()) {
			let first = owner.entry(row).or_insert(place);
			assert_eq!(*first, place, "two trades share the bytes {}", hex_of(&row));
		}
	}
}

/// What belongs to the meter is not in the chain, but for each receipt key in the one trade it is of.
fn keep_the_meter_hidden(bytes: &Bytes, meter: &Meter, receipts: &[Receipt]) {
	let key = meter.key().unwrap();
	assert!(!bytes.blocks.contains_key(&key.0) && !bytes.state.contains(&key.0), "the meter's key");
	let mut leaves = BTreeSet::new();
	for Receipt { ctp, erc, proof } in receipts {
		let leaf = ctp.ctp.receipt_key;
		assert!(leaves.insert(leaf), "a one-time key was used twice");
		assert_eq!(bytes.blocks.get(&leaf.0 .0), Some(&1), "the receipt key of {}", erc.ctp);
		let coe = &proof.coe;
		let hidden = [
			("the one-time key", erc.key.0),
			("the ERC", beginning(&erc.signature)),
			("the root", coe.root.0),
			("the CoE", beginning(&coe.signature)),
			("the CoE's signer", coe.signer.0),
			("the signer's certificate", beginning(&coe.certificate)),
		];
		let path = proof.path.iter().map(|hash| ("a hash of the path", hash.0));
		for (what, hidden) in hidden.into_iter().chain(path) {
			assert!(!bytes.blocks.contains_key(&hidden), "{what} of {} is in a block", erc.ctp);
			assert!(!bytes.state.contains(&hidden), "{what} of {} is in the state", erc.ctp);
		}
		assert!(
			!bytes.state.contains(&leaf.0 .0),
			"the receipt key of {} is in the state",
			erc.ctp
		);
	}
}

fn ids(receipts: &[Receipt]) -> BTreeSet<CtpId> {
	receipts.iter().map(|receipt| receipt.erc.ctp).collect()
}

/// Writes which trades the sidecars link: the usual ones, those with a tree and a vault each, and all.
fn report(usual: &Links, fresh: &Links, together: &Links) {
	let report = json!({
		"trades": TRADES,
		"vaults": VAULTS,
		"leaves": LEAVES,
		"fresh": FRESH,
		"links": { "usual": usual, "fresh": fresh, "together": together },
	});
	let text = serde_json::to_string_pretty(&report).unwrap();
	fs::write(Path::new(FOLDER).join(REPORT), text).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_trades_of_one_meter_should_share_nothing_on_chain() {
	let scene = Scene::set(FOLDER).await;
	let household = Household::settle_in(&scene).await;
	for _ in 0..TREES {
		household.grow(LEAVES).await;
	}
	let mut receipts = Vec::new();
	while receipts.len() < TRADES {
		let vaults: Vec<usize> =
			(0..BATCH).map(|place| (receipts.len() + place) % VAULTS).collect();
		receipts.extend(household.trade(&vaults).await);
	}
	let usual = ids(&receipts);
	let before = receipts.len();
	for _ in 0..FRESH {
		household.grow(1).await;
	}
	let own: Vec<usize> = (VAULTS..VAULTS + FRESH).collect();
	receipts.extend(household.trade(&own).await);
	let fresh = ids(&receipts[before..]);

	let genesis = scene.connection.genesis();
	let end = scene.connection.finalized().await.unwrap();
	let bytes = Bytes::read(&scene.connection, end).await;
	assert_eq!(bytes.settlements.len(), receipts.len());
	share_nothing(&bytes.settlements);
	keep_the_meter_hidden(&bytes, household.meter(), &receipts);

	let shown: Vec<Shown> =
		bytes.sidecars.iter().flat_map(|sidecar| Shown::in_sidecar(sidecar, &genesis)).collect();
	assert_eq!(shown.len(), receipts.len());
	// No certificate shows when it was made, but for the day.
	for Shown { id, valid_until, .. } in &shown {
		assert_eq!(valid_until % VALIDITY_STEP, 0, "{id} until {valid_until}");
	}
	let of = |wanted: &BTreeSet<CtpId>| -> Vec<Shown> {
		shown.iter().filter(|trade| wanted.contains(&trade.id)).copied().collect()
	};
	let links = Links::of(&of(&usual));
	let apart = Links::of(&of(&fresh));
	let together = Links::of(&shown);
	report(&links, &apart, &together);
	let most = |groups: &[BTreeSet<CtpId>]| groups.iter().map(BTreeSet::len).max();
	assert!(most(&links.by_root) <= Some(LEAVES as usize), "{links}");
	assert_eq!(links.by_vault.len(), VAULTS, "{links}");
	assert_eq!(most(&links.by_vault), Some(TRADES.div_ceil(VAULTS)), "{links}");
	// The meter gives no tree to two vaults, so neither roots nor vaults show that they are of one
	// household. That the trees look alike is a hint, as weak as there are others that look so: they
	// were certified on one day, or on two.
	assert!((1..=2).contains(&links.alike.len()), "{links}");
	assert_eq!(links.by_both.len(), VAULTS, "{links}");
	assert_eq!(most(&links.by_both), most(&links.by_vault), "{links}");
	// A tree and a vault for each trade leave neither in common, with each other or with the rest.
	assert_eq!(apart.by_both.len(), FRESH, "{apart}");
	let alone = together.by_both.iter();
	let alone = alone.filter(|group| group.len() == 1 && group.is_subset(&fresh));
	assert_eq!(alone.count(), FRESH);
}
