//! A market in memory: vaults, offers, certified meters and trades.

use pallet_spb::{
	database::store::Store,
	rules::Chain,
	types::{ContactKey, Offer, Terms, Vault},
	MAX_OPEN_PER_VAULT,
};
use sp_core::{ed25519, sr25519, Pair, H256};
use spb_primitives::{
	coe::{one_time_seed, tree_path, tree_root},
	AccountId, Addition, BlockNumber, Coe, Ctp, CtpId, Energy, Erc, Genesis, Limits,
	ManufacturerId, Message, MeterKey, MeterProof, MeterRegistry, Money, OfferId, Parameters,
	Price, ReceiptKey, RegisteredMeters, Settlement, SignedCtp, VaultId,
};
use std::{cell::RefCell, collections::BTreeMap};

/// The hash of block 0.
pub const GENESIS: Genesis = H256([0x5b; 32]);
/// The first block, whose parent's database is empty.
pub const NOW: BlockNumber = 1;
/// When all CTPs expire.
const EXPIRY: BlockNumber = 1_000;
/// Who made the meters.
const MANUFACTURER: ManufacturerId = 1;
/// Leaves of each meter's tree, and CTPs of each vault.
const LEAVES: u32 = MAX_OPEN_PER_VAULT;
/// Wh of each trade.
const ENERGY: Energy = Energy::from_wh(1_000);
/// What a settlement costs.
const FEE: Money = Money::from_units(100);
/// What each CTP commits.
const AMOUNT: Money = Money::from_units(1_100);

fn meter(seed: u8) -> ed25519::Pair {
	ed25519::Pair::from_seed(&[seed; 32])
}

fn registered() -> RegisteredMeters {
	let manufacturers = [(MANUFACTURER, meter(1).public())].into();
	RegisteredMeters { manufacturers, ..Default::default() }
}

/// The certificate of a tree.
fn coe(root: H256, leaves: u32) -> Coe {
	let (maker, signer) = (meter(1), meter(2));
	let certificate = Coe::certificate_payload(MANUFACTURER, &signer.public(), &GENESIS);
	Coe {
		root,
		leaves,
		valid_until: EXPIRY,
		signer: signer.public(),
		manufacturer: MANUFACTURER,
		certificate: maker.sign(&certificate),
		signature: signer.sign(&Coe::payload(&root, leaves, EXPIRY, &GENESIS)),
	}
}

/// A receipt key in a tree of so many leaves, at most 65,536, with its proof.
pub fn proven(leaves: u32) -> (ReceiptKey, MeterProof) {
	let keys: Vec<_> =
		(0..leaves).map(|leaf| ReceiptKey(H256::from_low_u64_be(leaf.into()))).collect();
	let index = leaves / 2;
	let root = tree_root(&keys).expect("a tree has that many leaves");
	let path = tree_path(&keys, index).expect("the leaf is in the tree");
	(keys[index as usize], MeterProof { index, path, coe: coe(root, leaves) })
}

/// A trade from commitment to receipt.
pub struct Trade {
	/// Commits to pay.
	pub addition: Addition,
	/// Confirms all of its energy.
	pub erc: Erc,
}

impl Trade {
	/// What settles it.
	pub fn settlement(&self) -> Settlement {
		Settlement { ctp: self.addition.ctp.clone(), delivered: self.erc.delivered }
	}
}

/// Vaults of 64 trades each, on offers of 64 trades each.
pub struct Market {
	owners: Vec<AccountId>,
	meters: RegisteredMeters,
	/// All trades, vault by vault.
	pub trades: Vec<Trade>,
}

impl Market {
	/// A market with so many trades.
	pub fn new(trades: u32) -> Self {
		let mut market = Self { owners: Vec::new(), meters: registered(), trades: Vec::new() };
		for vault in 0..trades.div_ceil(LEAVES) {
			market.open(vault, LEAVES.min(trades - vault * LEAVES));
		}
		market
	}

	/// Opens a vault and makes its trades, with the one-time keys of one tree.
	fn open(&mut self, vault: VaultId, trades: u32) {
		let mut seed = [3; 32];
		seed[..4].copy_from_slice(&vault.to_be_bytes());
		let owner = sr25519::Pair::from_seed(&seed);
		self.owners.push(AccountId::new(owner.public().0));
		let keys: Vec<_> = (0..LEAVES)
			.map(|leaf| ed25519::Pair::from_seed(&one_time_seed(&seed, 0, leaf)))
			.collect();
		let leaves: Vec<_> = keys.iter().map(|key| ReceiptKey::of(&key.public())).collect();
		let coe = coe(tree_root(&leaves).expect("the tree has leaves"), LEAVES);
		for index in 0..trades {
			let key = &keys[index as usize];
			let receipt_key = leaves[index as usize];
			let (energy, amount, expiry) = (ENERGY, AMOUNT, EXPIRY);
			let ctp = Ctp { vault, offer: vault, energy, amount, expiry, receipt_key };
			let signature = owner.sign(&ctp.payload(&GENESIS)).into();
			let path = tree_path(&leaves, index).expect("the leaf is in the tree");
			let (id, at) = (CtpId::of(&ctp, &GENESIS), NOW);
			let receipt = key.sign(&Erc::payload(&id, ENERGY, at, &GENESIS));
			self.trades.push(Trade {
				addition: Addition {
					ctp: SignedCtp { ctp, signature },
					proof: MeterProof { index, path, coe: coe.clone() },
					quote: None,
				},
				erc: Erc { ctp: id, delivered: ENERGY, at, key: key.public(), signature: receipt },
			});
		}
	}

	/// What a block takes in to open and to settle all trades.
	pub fn messages(&self) -> Vec<Option<Message>> {
		let commit = |trade: &Trade| Some(Message::Commit(trade.addition.clone()));
		let confirm =
			|trade: &Trade| Some(Message::Confirm(trade.erc.clone(), trade.addition.proof.clone()));
		self.trades.iter().map(commit).chain(self.trades.iter().map(confirm)).collect()
	}

	/// The owner of a vault.
	pub fn owner(&self, vault: VaultId) -> &AccountId {
		&self.owners[vault as usize]
	}
}

impl MeterRegistry for Market {
	fn active_manufacturer(&self, id: ManufacturerId) -> Option<MeterKey> {
		self.meters.active_manufacturer(id)
	}

	fn is_revoked(&self, manufacturer: ManufacturerId, meter: &MeterKey) -> bool {
		self.meters.is_revoked(manufacturer, meter)
	}
}

impl Chain for Market {
	fn genesis(&self) -> Genesis {
		GENESIS
	}

	fn now(&self) -> BlockNumber {
		NOW
	}

	fn parameters(&self) -> Parameters {
		Parameters::DEVELOPMENT
	}

	fn entry_lifetime(&self) -> BlockNumber {
		Parameters::DEVELOPMENT.max_lifetime
	}

	fn settles_from(&self) -> BlockNumber {
		0
	}

	fn limits(&self) -> Limits {
		Limits {
			fee: FEE,
			min_amount: Money::from_units(2 * FEE.units()),
			max_settlements: u32::MAX,
			max_open: u32::MAX,
			max_open_per_vault: MAX_OPEN_PER_VAULT,
			max_sidecar: u32::MAX,
		}
	}

	fn vault(&self, id: VaultId) -> Option<Vault> {
		let owner = self.owners.get(id as usize)?.clone();
		let held = Money::from_units(u128::from(LEAVES) * AMOUNT.units());
		Some(Vault { owner, held, withdrawal: None, deposit: Money::ZERO })
	}

	fn offer(&self, id: OfferId) -> Option<Offer> {
		let producer = self.owners.get(id as usize)?.clone();
		Some(Offer {
			producer,
			available: Energy::from_wh(LEAVES * ENERGY.wh()),
			price: Price::per_kwh(1),
			terms: Terms::Listed,
			contact: ContactKey::default(),
			closed_at: None,
			deposit: Money::ZERO,
		})
	}

	fn is_settled(&self, _: BlockNumber, _: &CtpId) -> bool {
		false
	}

	fn meters_ever(&self) -> impl MeterRegistry {
		self.meters.clone()
	}
}

/// The node's storage, in memory.
#[derive(Default)]
pub struct Memory(RefCell<BTreeMap<Vec<u8>, Vec<u8>>>);

impl Store for Memory {
	fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
		self.0.borrow().get(key).cloned()
	}

	fn set(&self, key: &[u8], value: &[u8]) {
		self.0.borrow_mut().insert(key.to_vec(), value.to_vec());
	}

	fn remove(&self, key: &[u8]) {
		self.0.borrow_mut().remove(key);
	}

	fn compare_and_set(&self, key: &[u8], before: Option<Vec<u8>>, value: &[u8]) -> bool {
		let as_before = self.get(key) == before;
		if as_before {
			self.set(key, value);
		}
		as_before
	}
}
