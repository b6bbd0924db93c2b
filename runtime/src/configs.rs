//! How the pallets are set up.

use crate::{
	weights::{InBase, WeightInfo as _},
	AccountId, Aura, Authorship, Balance, Balances, Block, CompanyCouncil, Hash, Nonce, PalletInfo,
	Runtime, RuntimeCall, RuntimeEvent, RuntimeFreezeReason, RuntimeHoldReason, RuntimeOrigin,
	RuntimeTask, Session, SessionKeys, System, Validators, VERSION,
};
use frame_support::{
	derive_impl,
	dispatch::DispatchClass,
	parameter_types,
	traits::{
		fungible::{Balanced, Credit},
		ConstBool, ConstU128, ConstU16, ConstU32, ConstU64, Contains, EitherOfDiverse, Get,
		Imbalance, NeverEnsureOrigin, OnUnbalanced, VariantCountOf,
	},
	weights::{
		constants::{ParityDbWeight, WEIGHT_REF_TIME_PER_MILLIS},
		ConstantMultiplier, IdentityFee, Weight, WeightToFee,
	},
};
use frame_system::{
	limits::{BlockLength, BlockWeights},
	EnsureRoot,
};
use pallet_spb::WeightInfo;
use pallet_transaction_payment::{FungibleAdapter, Multiplier, TargetedFeeAdjustment};
use sp_consensus_aura::sr25519::AuthorityId as AuraId;
use sp_runtime::{
	traits::{ConvertInto, One},
	FixedPointNumber, Perbill, Perquintill,
};
use spb_primitives::{message::SETTLEMENT_BYTES, units::SPB, Parameters};

/// What a block may weigh: a full seal and a full sweep of `pallet-spb`, by the weights of
/// `pallets/spb/src/weights/measured.rs` with ParityDB's conservative constants, which `integrity_test`
/// of that pallet holds against this. What other pallets do in every block is not in it, and it is no
/// promise of time (`docs/decisions/0003-weights.md`).
const MAX_BLOCK: Weight = Weight::from_parts(2_900 * WEIGHT_REF_TIME_PER_MILLIS, u64::MAX);
/// What signed transactions may take of it.
const NORMAL_SHARE: Perbill = Perbill::from_percent(75);
/// What of a block's weight its beginning takes.
const INITIALIZATION: Perbill = Perbill::from_percent(10);
/// Bytes in a block.
const MAX_BLOCK_LENGTH: u32 = 5 * 1024 * 1024;
/// The least an account may hold.
pub const EXISTENTIAL_DEPOSIT: Balance = SPB / 1_000;
/// What a byte of a transaction costs.
const BYTE_FEE: Balance = 1_000_000;

/// The limits of a block, and what a signed transaction weighs whatever it calls.
fn block_weights() -> BlockWeights {
	type Overhead = crate::weights::Measured<Runtime>;
	let transaction =
		Overhead::signed_transaction(1).saturating_sub(Overhead::signed_transaction(0));
	let normal = NORMAL_SHARE * MAX_BLOCK;
	BlockWeights::builder()
		.for_class(DispatchClass::all(), |class| class.base_extrinsic = transaction)
		.for_class(DispatchClass::Normal, |class| class.max_total = Some(normal))
		.for_class(DispatchClass::Operational, |class| {
			class.max_total = Some(MAX_BLOCK);
			// Some is left for them when a block is full of others.
			class.reserved = Some(MAX_BLOCK.saturating_sub(normal));
		})
		.avg_block_initialization(INITIALIZATION)
		.build_or_panic()
}

parameter_types! {
	/// How many block hashes are kept.
	pub const BlockHashCount: u32 = 2_400;
	/// The runtime's version.
	pub const Version: sp_version::RuntimeVersion = VERSION;
	/// Weight limits.
	pub RuntimeBlockWeights: BlockWeights = block_weights();
	/// Length limits.
	pub RuntimeBlockLength: BlockLength = BlockLength::builder()
		.max_length(MAX_BLOCK_LENGTH)
		.modify_max_length_for_class(DispatchClass::Normal, |max| *max = NORMAL_SHARE * MAX_BLOCK_LENGTH)
		.build();
}

/// All calls but two kinds:
///
/// * the one by which a validator takes back its session keys: it leaves by
///   `validators.remove_validator`. Otherwise the last one could stop the chain;
/// * those of `pallet-escrow`, the trade that SPB is measured against, where the chain has no superuser:
///   it serves measurements on development chains, and on a real one SPB alone pays for energy.
pub struct Callable;

impl Contains<RuntimeCall> for Callable {
	fn contains(call: &RuntimeCall) -> bool {
		match call {
			RuntimeCall::Session(pallet_session::Call::purge_keys {}) => false,
			RuntimeCall::Escrow(_) => pallet_sudo::Key::<Runtime>::exists(),
			_ => true,
		}
	}
}

#[derive_impl(frame_system::config_preludes::SolochainDefaultConfig)]
impl frame_system::Config for Runtime {
	type BaseCallFilter = Callable;
	type Block = Block;
	type BlockWeights = RuntimeBlockWeights;
	type BlockLength = RuntimeBlockLength;
	type AccountId = AccountId;
	type Lookup = sp_runtime::traits::AccountIdLookup<AccountId, ()>;
	type Nonce = Nonce;
	type Hash = Hash;
	type BlockHashCount = BlockHashCount;
	type DbWeight = ParityDbWeight;
	type Version = Version;
	type ExtensionsWeightInfo = InBase;
	type AccountData = pallet_balances::AccountData<Balance>;
	type MaxConsumers = ConstU32<16>;
	type SS58Prefix = ConstU16<{ crate::SS58_PREFIX }>;
}

/// The slot's length, a genesis parameter.
pub struct SlotDuration;

impl Get<u64> for SlotDuration {
	fn get() -> u64 {
		pallet_spb::Pallet::<Runtime>::parameters().slot_duration
	}
}

/// Half a slot.
pub struct MinimumPeriod;

impl Get<u64> for MinimumPeriod {
	fn get() -> u64 {
		SlotDuration::get() / 2
	}
}

impl pallet_timestamp::Config for Runtime {
	type Moment = u64;
	type OnTimestampSet = Aura;
	type MinimumPeriod = MinimumPeriod;
	type WeightInfo = ();
}

/// The greatest number of validators: so few that a third of them who lie, one after the other, cannot sit out the
/// grace of the presets (`Parameters::DEVELOPMENT`) and with it an ERC that was made in time.
pub type MaxValidators = ConstU32<50>;

impl pallet_aura::Config for Runtime {
	type AuthorityId = AuraId;
	type DisabledValidators = Session;
	type MaxAuthorities = MaxValidators;
	type AllowMultipleBlocksPerSlot = ConstBool<false>;
	type SlotDuration = SlotDuration;
}

impl pallet_authorship::Config for Runtime {
	type FindAuthor = pallet_session::FindAccountFromAuthorIndex<Self, Aura>;
	type EventHandler = ();
}

impl pallet_balances::Config for Runtime {
	type MaxLocks = ConstU32<50>;
	type MaxReserves = ();
	type ReserveIdentifier = [u8; 8];
	type Balance = Balance;
	type RuntimeEvent = RuntimeEvent;
	type DustRemoval = ();
	type ExistentialDeposit = ConstU128<EXISTENTIAL_DEPOSIT>;
	type AccountStore = System;
	type WeightInfo = pallet_balances::weights::SubstrateWeight<Runtime>;
	type FreezeIdentifier = RuntimeFreezeReason;
	type MaxFreezes = VariantCountOf<RuntimeFreezeReason>;
	type RuntimeHoldReason = RuntimeHoldReason;
	type RuntimeFreezeReason = RuntimeFreezeReason;
	type DoneSlashHandler = ();
}

/// Fees of signed transactions go to the block's author, as those of settlements do.
pub struct ToAuthor;

impl OnUnbalanced<Credit<AccountId, Balances>> for ToAuthor {
	fn on_nonzero_unbalanced(credit: Credit<AccountId, Balances>) {
		if credit.peek() == 0 {
			return;
		}
		if let Some(author) = Authorship::author() {
			// What the author's account cannot take is dropped, and so burned.
			let _ = Balances::resolve(&author, credit);
		}
	}
}

parameter_types! {
	/// How full blocks should be on average before fees rise.
	pub const TargetBlockFullness: Perquintill = Perquintill::from_percent(25);
	/// How fast fees follow.
	pub AdjustmentVariable: Multiplier = Multiplier::saturating_from_rational(1, 100_000);
	/// Fees never fall below what was benchmarked.
	pub MinimumMultiplier: Multiplier = Multiplier::one();
	/// Fees never rise above a hundred times that.
	pub MaximumMultiplier: Multiplier = Multiplier::saturating_from_integer(100);
}

/// Turns weight into money.
pub type FeeOfWeight = IdentityFee<Balance>;
/// Turns bytes into money.
pub type FeeOfLength = ConstantMultiplier<Balance, ConstU128<BYTE_FEE>>;

impl pallet_transaction_payment::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type OnChargeTransaction = FungibleAdapter<Balances, ToAuthor>;
	type OperationalFeeMultiplier = frame_support::traits::ConstU8<5>;
	type WeightToFee = FeeOfWeight;
	type LengthToFee = FeeOfLength;
	type FeeMultiplierUpdate = TargetedFeeAdjustment<
		Self,
		TargetBlockFullness,
		AdjustmentVariable,
		MinimumMultiplier,
		MaximumMultiplier,
	>;
	type WeightInfo = InBase;
}

/// Who governs registries, validators and upgrades: two thirds of the energy companies together, and
/// on chains that have a superuser, that one. No call that the companies' origin can make reaches
/// anyone's money, but the runtimes that it lets in can do anything.
pub type GoverningOrigin = EitherOfDiverse<
	EnsureRoot<AccountId>,
	pallet_collective::EnsureProportionAtLeast<AccountId, CompanyCollective, 2, 3>,
>;

/// The energy companies as those who govern.
pub type CompanyCollective = pallet_collective::Instance1;

/// Energy companies at the most.
pub type MaxCompanies = ConstU32<100>;

parameter_types! {
	/// What the call of one motion may weigh.
	pub MaxProposalWeight: Weight = Perbill::from_percent(50) * MAX_BLOCK;
}

impl pallet_collective::Config<CompanyCollective> for Runtime {
	type RuntimeOrigin = RuntimeOrigin;
	type Proposal = RuntimeCall;
	type RuntimeEvent = RuntimeEvent;
	/// A week at three seconds a block.
	type MotionDuration = ConstU32<201_600>;
	type MaxProposals = ConstU32<100>;
	type MaxMembers = MaxCompanies;
	type DefaultVote = pallet_collective::PrimeDefaultVote;
	type SetMembersOrigin = NeverEnsureOrigin<()>;
	type MaxProposalWeight = MaxProposalWeight;
	type DisapproveOrigin = EnsureRoot<AccountId>;
	type KillOrigin = EnsureRoot<AccountId>;
	type Consideration = crate::council::Place;
	type WeightInfo = crate::council::Weights;
}

impl pallet_upgrades::Config for Runtime {
	type GoverningOrigin = GoverningOrigin;
}

/// The baseline of the evaluation; [`Callable`] says where it can be called.
impl pallet_escrow::Config for Runtime {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type MaxLifetime = ConstU32<{ Parameters::DEVELOPMENT.max_lifetime }>;
	type WeightInfo = pallet_escrow::Measured<Runtime>;
}

impl pallet_validators::Config for Runtime {
	type GoverningOrigin = GoverningOrigin;
	type MaxValidators = MaxValidators;
	type WeightInfo = pallet_validators::Measured<Runtime>;
}

/// Blocks in a session.
pub const SESSION_LENGTH: u32 = 100;

impl pallet_session::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type ValidatorId = AccountId;
	type ValidatorIdOf = ConvertInto;
	type ShouldEndSession = pallet_session::PeriodicSessions<ConstU32<SESSION_LENGTH>, ConstU32<0>>;
	type NextSessionRotation =
		pallet_session::PeriodicSessions<ConstU32<SESSION_LENGTH>, ConstU32<0>>;
	type SessionManager = Validators;
	type SessionHandler = <SessionKeys as sp_runtime::traits::OpaqueKeys>::KeyTypeIdProviders;
	type Keys = SessionKeys;
	type DisablingStrategy = ();
	type WeightInfo = ();
	type Currency = Balances;
	type KeyDeposit = ConstU128<0>;
}

impl pallet_grandpa::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type WeightInfo = ();
	type MaxAuthorities = MaxValidators;
	type MaxNominators = ConstU32<0>;
	type MaxSetIdSessionEntries = ConstU64<0>;
	type KeyOwnerProof = sp_core::Void;
	type EquivocationReportSystem = ();
}

impl pallet_sudo::Config for Runtime {
	type RuntimeEvent = RuntimeEvent;
	type RuntimeCall = RuntimeCall;
	type WeightInfo = pallet_sudo::weights::SubstrateWeight<Runtime>;
}

/// The author of the block that is made.
pub struct Author;

impl Get<Option<AccountId>> for Author {
	fn get() -> Option<AccountId> {
		Authorship::author()
	}
}

/// What settling one CTP costs: its share of the seal by weight and by length, as transaction
/// payment would charge it.
pub struct SettlementFee;

impl Get<Balance> for SettlementFee {
	fn get() -> Balance {
		type Weights = <Runtime as pallet_spb::Config>::WeightInfo;
		let weight = Weights::seal(1).saturating_sub(Weights::seal(0));
		FeeOfWeight::weight_to_fee(&weight)
			.saturating_add(Balance::from(SETTLEMENT_BYTES).saturating_mul(BYTE_FEE))
	}
}

impl pallet_spb::Config for Runtime {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type GoverningOrigin = GoverningOrigin;
	type MaxCompanies = MaxCompanies;
	type CompaniesChanged = CompanyCouncil;
	type Author = Author;
	type SettlementFee = SettlementFee;
	type OpeningBurn = ConstU128<{ 10 * SPB }>;
	type AccountDeposit = ConstU128<SPB>;
	type OfferDeposit = ConstU128<{ SPB / 10 }>;
	type VaultDeposit = ConstU128<{ SPB / 10 }>;
	type BackboneDeposit = ConstU128<{ 10 * SPB }>;
	type MeterDeposit = ConstU128<{ SPB / 10 }>;
	type MaxBackboneNodes = ConstU32<1_024>;
	type MaxMeters = ConstU32<100_000>;
	type MaxSettlements = ConstU32<5_000>;
	type MaxOpen = ConstU32<1_000_000>;
	type MaxSidecar = ConstU32<{ 8 * 1024 * 1024 }>;
	type WeightInfo = pallet_spb::Measured<Runtime>;
}
