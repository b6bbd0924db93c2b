//! The pallet's tests. Each says what the design promises: of a call, of a rule, of a block or of a
//! whole chain.
//!
//! [`ExtBuilder`] gives the state of a small market, [`actors`] the keys and messages of those who
//! trade there, [`chain`] blocks that are prepared, sealed, checked and stored as a node does it.

mod accounts;
mod actors;
mod backbone;
pub(crate) mod chain;
mod check;
mod encoding;
mod expiry;
mod forks;
mod housekeeper;
mod meters;
mod offchain;
mod offers;
mod parameters;
mod payments;
mod pool;
mod pool_ctps;
mod pool_meters;
mod properties;
mod queries;
mod receipts;
mod registers;
mod restore;
mod rules;
mod seal;
mod try_state;
mod useful;
mod vaults;

pub(crate) use actors::*;
pub(crate) use chain::*;

use crate::{self as pallet_spb, ContactKey, Event, Terms};
use frame_support::{
	assert_ok, derive_impl, parameter_types,
	traits::{ConstU128, ConstU32, VariantCountOf},
};
use sp_core::H256;
use sp_io::TestExternalities;
use sp_keyring::Sr25519Keyring::{self, Alice, Bob, Charlie, Dave, Eve, Ferdie};
use sp_runtime::{traits::IdentityLookup, BuildStorage, DispatchResult};
use spb_primitives::{AccountId, Energy, ManufacturerId, MeterKey, Money, Parameters, Price};

/// The least an account may hold.
pub const ED: u128 = 10;
/// What settling costs.
pub const FEE: u128 = 100;
/// What opening an account burns.
pub const OPENING_BURN: u128 = 1_000;
/// Held for an energy account.
pub const ACCOUNT_DEPOSIT: u128 = 500;
/// Held for an offer.
pub const OFFER_DEPOSIT: u128 = 50;
/// Held for a vault.
pub const VAULT_DEPOSIT: u128 = 60;
/// Held for a backbone node.
pub const BACKBONE_DEPOSIT: u128 = 70;
/// Held for a listed meter.
pub const METER_DEPOSIT: u128 = 80;
/// Backbone nodes.
pub const MOST_NODES: u32 = 4;
/// Listed meters.
pub const MOST_METERS: u32 = 5;
/// Settlements in one block.
pub const MOST_SETTLEMENTS: u32 = 16;
/// Open CTPs in the database.
pub const MOST_OPEN: u32 = 128;
/// Bytes of a sidecar.
pub const MOST_SIDECAR_BYTES: u32 = 64 * 1024;
/// What everyone begins with.
pub const ENDOWMENT: u128 = 1_000_000;

/// The lifetimes of the tests' chain: short enough to walk past.
pub const PARAMETERS: Parameters = Parameters {
	min_lifetime: 2,
	max_lifetime: 20,
	grace: 5,
	evidence_window: 10,
	slot_duration: 3_000,
};
/// The hash of block 0, as the mock's genesis sets it.
pub const GENESIS: H256 = H256([69; 32]);

/// Wh of the market's offer.
pub const OFFERED: u32 = 10_000;
/// Its price per kWh: one unit of money a Wh.
pub const PRICE: u128 = 1_000;
/// What the market's vault holds.
pub const IN_VAULT: u128 = 50_000;

frame_support::construct_runtime!(
	pub enum Test {
		System: frame_system,
		Balances: pallet_balances,
		Spb: pallet_spb,
	}
);

parameter_types! {
	pub static ExistentialDeposit: u128 = ED;
	pub static SettlementFee: u128 = FEE;
	pub static MaxSettlements: u32 = MOST_SETTLEMENTS;
	pub static MaxOpen: u32 = MOST_OPEN;
	pub static MaxSidecar: u32 = MOST_SIDECAR_BYTES;
	pub static Author: Option<AccountId> = Some(Eve.to_account_id());
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = frame_system::mocking::MockBlockU32<Test>;
	type AccountId = AccountId;
	type Lookup = IdentityLookup<AccountId>;
	type AccountData = pallet_balances::AccountData<u128>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
	type Balance = u128;
	type ExistentialDeposit = ExistentialDeposit;
	type AccountStore = System;
	type RuntimeHoldReason = RuntimeHoldReason;
	type FreezeIdentifier = RuntimeFreezeReason;
	type RuntimeFreezeReason = RuntimeFreezeReason;
	type MaxFreezes = VariantCountOf<RuntimeFreezeReason>;
}

impl pallet_spb::Carries for RuntimeCall {
	fn carried(&self) -> Option<&Self> {
		None
	}
}

impl pallet_spb::Config for Test {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type GoverningOrigin = frame_system::EnsureRoot<AccountId>;
	type Author = Author;
	type SettlementFee = SettlementFee;
	type OpeningBurn = ConstU128<OPENING_BURN>;
	type AccountDeposit = ConstU128<ACCOUNT_DEPOSIT>;
	type OfferDeposit = ConstU128<OFFER_DEPOSIT>;
	type VaultDeposit = ConstU128<VAULT_DEPOSIT>;
	type BackboneDeposit = ConstU128<BACKBONE_DEPOSIT>;
	type MeterDeposit = ConstU128<METER_DEPOSIT>;
	type MaxBackboneNodes = ConstU32<MOST_NODES>;
	type MaxMeters = ConstU32<MOST_METERS>;
	type MaxCompanies = ConstU32<100>;
	type CompaniesChanged = ();
	type MaxSettlements = MaxSettlements;
	type MaxOpen = MaxOpen;
	type MaxSidecar = MaxSidecar;
	type WeightInfo = pallet_spb::Measured<Test>;
}

/// What the externalities of a test begin with.
#[derive(Clone)]
pub struct ExtBuilder {
	balances: Vec<(AccountId, u128)>,
	parameters: Parameters,
	market: bool,
}

impl Default for ExtBuilder {
	/// Funded accounts, two manufacturers, the company Ferdie, and the market: Alice's open offer
	/// number 0 at its listed price and Bob's vault number 0.
	fn default() -> Self {
		let funded = [Alice, Bob, Charlie, Dave, Eve, Ferdie];
		let makers = [1, 2].map(|number| (maker_account(number), ENDOWMENT));
		let balances = funded.iter().map(|who| (who.to_account_id(), ENDOWMENT)).chain(makers);
		Self { balances: balances.collect(), parameters: PARAMETERS, market: true }
	}
}

impl ExtBuilder {
	/// Without the market.
	pub fn without_market(mut self) -> Self {
		self.market = false;
		self
	}

	/// With other lifetimes.
	pub fn parameters(mut self, parameters: Parameters) -> Self {
		self.parameters = parameters;
		self
	}

	/// With exactly this balance for `who`.
	pub fn balance(mut self, who: Sr25519Keyring, amount: u128) -> Self {
		self.balances.retain(|(account, _)| *account != who.to_account_id());
		self.balances.push((who.to_account_id(), amount));
		self
	}

	/// The state after block 0. Constants that an earlier test of this thread changed are as they
	/// were.
	pub fn genesis(self) -> TestExternalities {
		ExistentialDeposit::set(ED);
		SettlementFee::set(FEE);
		MaxSettlements::set(MOST_SETTLEMENTS);
		MaxOpen::set(MOST_OPEN);
		MaxSidecar::set(MOST_SIDECAR_BYTES);
		Author::set(Some(Eve.to_account_id()));
		let mut storage = frame_system::GenesisConfig::<Test>::default().build_storage().unwrap();
		pallet_balances::GenesisConfig::<Test> { balances: self.balances, ..Default::default() }
			.assimilate_storage(&mut storage)
			.unwrap();
		let manufacturers: Vec<(ManufacturerId, MeterKey)> =
			[1, 2].map(|number| (number, maker_key(number))).to_vec();
		pallet_spb::GenesisConfig::<Test> {
			parameters: self.parameters,
			companies: vec![Ferdie.to_account_id()].try_into().unwrap(),
			manufacturers,
			..Default::default()
		}
		.assimilate_storage(&mut storage)
		.unwrap();
		let mut ext = TestExternalities::new(storage);
		if self.market {
			ext.execute_with(|| {
				assert_ok!(Spb::open_account_with_burn(signed(Alice)));
				offer(Alice, OFFERED, PRICE, Terms::Listed);
				deposit(Bob, IN_VAULT);
			});
		}
		ext
	}

	/// The state in block 1, before anything happened in it.
	pub fn build(self) -> TestExternalities {
		let mut ext = self.genesis();
		ext.execute_with(|| System::set_block_number(1));
		ext
	}

	/// The same, with keys that benchmarks sign with.
	#[cfg(feature = "runtime-benchmarks")]
	pub fn build_with_keystore(self) -> TestExternalities {
		let mut ext = self.build();
		let keystore = sp_keystore::testing::MemoryKeystore::new();
		ext.register_extension(sp_keystore::KeystoreExt::new(keystore));
		ext
	}

	/// Runs a test in block 1 and looks at the state's invariants after it.
	pub fn execute(self, test: impl FnOnce()) {
		self.build().execute_with(|| {
			test();
			assert_ok!(Spb::do_try_state());
		});
	}
}

/// That a call went well.
#[track_caller]
pub fn ok(result: DispatchResult) {
	assert_eq!(result, Ok(()));
}

/// The origin of a transaction signed by `who`.
pub fn signed(who: Sr25519Keyring) -> RuntimeOrigin {
	RuntimeOrigin::signed(who.to_account_id())
}

pub fn money(units: u128) -> Money {
	Money::from_units(units)
}

pub fn wh(wh: u32) -> Energy {
	Energy::from_wh(wh)
}

pub fn price(units: u128) -> Price {
	Price::per_kwh(units)
}

/// Offers energy and gives the offer's number.
pub fn offer(who: Sr25519Keyring, energy: u32, units_per_kwh: u128, terms: Terms) -> u32 {
	let id = crate::NextOffer::<Test>::get();
	let contact = ContactKey([7; 32]);
	assert_ok!(Spb::offer_energy(signed(who), wh(energy), price(units_per_kwh), terms, contact));
	id
}

/// Sets money aside.
pub fn deposit(who: Sr25519Keyring, units: u128) {
	assert_ok!(Spb::deposit(signed(who), money(units)));
}

/// Money that `who` can spend.
pub fn free(who: Sr25519Keyring) -> u128 {
	Balances::free_balance(who.to_account_id())
}

/// Money of `who` that is held.
pub fn held(who: Sr25519Keyring) -> u128 {
	Balances::reserved_balance(who.to_account_id())
}

/// The vault of this number.
pub fn vault(id: u32) -> crate::Vault {
	Spb::vault(id).expect("the vault exists").vault
}

/// What the vault of this number holds.
pub fn in_vault(id: u32) -> u128 {
	vault(id).held.units()
}

/// The offer of this number.
pub fn on_offer(id: u32) -> crate::Offer {
	Spb::offer(id).expect("the offer exists").offer
}

/// What is left of the offer of this number.
pub fn available(id: u32) -> u32 {
	on_offer(id).available.wh()
}

/// The pallet's events of this block, in order.
pub fn spb_events() -> Vec<Event<Test>> {
	let of_spb = |record: frame_system::EventRecord<RuntimeEvent, _>| match record.event {
		RuntimeEvent::Spb(event) => Some(event),
		_ => None,
	};
	System::events().into_iter().filter_map(of_spb).collect()
}

/// That this was the last thing that happened.
#[track_caller]
pub fn assert_last_event(event: Event<Test>) {
	System::assert_last_event(event.into());
}
