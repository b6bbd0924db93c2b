//! The SPB runtime: what the chain is made of ([`configs`]), what it answers ([`apis`]) and how it
//! begins ([`genesis`]). It takes the place of the paper's Solidity contract.

#![cfg_attr(not(feature = "std"), no_std)]
#![recursion_limit = "256"]
// The runtime's macros make items that cannot be given docs.
#![allow(missing_docs)]

#[cfg(feature = "std")]
include!(concat!(env!("OUT_DIR"), "/wasm_binary.rs"));

extern crate alloc;

pub mod apis;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarks;
pub mod configs;
pub mod council;
pub mod genesis;
#[cfg(feature = "runtime-benchmarks")]
mod overhead;
pub mod weights;

use alloc::vec::Vec;
use sp_runtime::{
	generic, impl_opaque_keys,
	traits::{BlakeTwo256, IdentifyAccount, Verify},
	MultiAddress, MultiSignature,
};
use sp_version::RuntimeVersion;

/// Types without the runtime's own, for code that outlives an upgrade.
pub mod opaque {
	use super::*;
	pub use sp_runtime::OpaqueExtrinsic as UncheckedExtrinsic;

	/// A header.
	pub type Header = generic::Header<BlockNumber, BlakeTwo256>;
	/// A block whose extrinsics are bytes.
	pub type Block = generic::Block<Header, UncheckedExtrinsic>;
	/// What identifies a block.
	pub type BlockId = generic::BlockId<Block>;
	/// A block's hash.
	pub type Hash = <BlakeTwo256 as sp_runtime::traits::Hash>::Output;
}

impl_opaque_keys! {
	/// What a validator signs blocks and votes with.
	pub struct SessionKeys {
		/// Blocks.
		pub aura: Aura,
		/// Votes.
		pub grandpa: Grandpa,
	}
}

/// The prefix of addresses: any Substrate chain.
pub const SS58_PREFIX: u16 = 42;

/// The version of the runtime.
#[sp_version::runtime_version]
pub const VERSION: RuntimeVersion = RuntimeVersion {
	spec_name: alloc::borrow::Cow::Borrowed("spb"),
	impl_name: alloc::borrow::Cow::Borrowed("spb"),
	authoring_version: 1,
	spec_version: 1,
	impl_version: 1,
	apis: apis::RUNTIME_API_VERSIONS,
	transaction_version: 1,
	system_version: 1,
};

/// The signature of an extrinsic or a CTP.
pub type Signature = MultiSignature;
/// An account.
pub type AccountId = <<Signature as Verify>::Signer as IdentifyAccount>::AccountId;
/// Money in the smallest unit: 12 decimals to one SPB.
pub type Balance = u128;
/// How many transactions an account has sent.
pub type Nonce = u32;
/// A hash.
pub type Hash = sp_core::H256;
/// A block's number.
pub type BlockNumber = u32;
/// An address.
pub type Address = MultiAddress<AccountId, ()>;
/// A header.
pub type Header = generic::Header<BlockNumber, BlakeTwo256>;
/// A block.
pub type Block = generic::Block<Header, UncheckedExtrinsic>;

/// What every transaction carries beside its call.
pub type TxExtension = (
	frame_system::CheckNonZeroSender<Runtime>,
	frame_system::CheckSpecVersion<Runtime>,
	frame_system::CheckTxVersion<Runtime>,
	frame_system::CheckGenesis<Runtime>,
	frame_system::CheckEra<Runtime>,
	frame_system::CheckNonce<Runtime>,
	frame_system::CheckWeight<Runtime>,
	pallet_transaction_payment::ChargeTransactionPayment<Runtime>,
	frame_metadata_hash_extension::CheckMetadataHash<Runtime>,
	pallet_spb::CheckBare<Runtime>,
	frame_system::WeightReclaim<Runtime>,
);

/// An extrinsic as it stands in a block.
pub type UncheckedExtrinsic =
	generic::UncheckedExtrinsic<Address, RuntimeCall, Signature, TxExtension>;

/// Runs blocks.
pub type Executive = frame_executive::Executive<
	Runtime,
	Block,
	frame_system::ChainContext<Runtime>,
	Runtime,
	AllPalletsWithSystem,
>;

#[frame_support::runtime]
mod runtime {
	/// The runtime.
	#[runtime::runtime]
	#[runtime::derive(
		RuntimeCall,
		RuntimeEvent,
		RuntimeError,
		RuntimeOrigin,
		RuntimeFreezeReason,
		RuntimeHoldReason,
		RuntimeSlashReason,
		RuntimeLockId,
		RuntimeTask,
		RuntimeViewFunction
	)]
	pub struct Runtime;

	#[runtime::pallet_index(0)]
	pub type System = frame_system;

	#[runtime::pallet_index(1)]
	pub type Timestamp = pallet_timestamp;

	#[runtime::pallet_index(2)]
	pub type Aura = pallet_aura;

	#[runtime::pallet_index(3)]
	pub type Authorship = pallet_authorship;

	#[runtime::pallet_index(4)]
	pub type Balances = pallet_balances;

	#[runtime::pallet_index(5)]
	pub type TransactionPayment = pallet_transaction_payment;

	#[runtime::pallet_index(6)]
	pub type Validators = pallet_validators;

	#[runtime::pallet_index(7)]
	pub type Session = pallet_session;

	#[runtime::pallet_index(8)]
	pub type Grandpa = pallet_grandpa;

	#[runtime::pallet_index(9)]
	pub type Sudo = pallet_sudo;

	#[runtime::pallet_index(10)]
	pub type Spb = pallet_spb;

	#[runtime::pallet_index(11)]
	pub type CompanyCouncil = pallet_collective<Instance1>;

	#[runtime::pallet_index(12)]
	pub type Upgrades = pallet_upgrades;

	#[runtime::pallet_index(13)]
	pub type Escrow = pallet_escrow;
}

impl pallet_spb::Carries for RuntimeCall {
	fn carried(&self) -> Option<&Self> {
		use pallet_collective::Call as Council;
		use pallet_sudo::Call as Superuser;
		match self {
			Self::Sudo(
				Superuser::sudo { call }
				| Superuser::sudo_unchecked_weight { call, .. }
				| Superuser::sudo_as { call, .. },
			) => Some(call),
			Self::CompanyCouncil(
				Council::propose { proposal, .. } | Council::execute { proposal, .. },
			) => Some(proposal),
			_ => None,
		}
	}
}

/// The messages and seals among encoded extrinsics, in their order; `None` where one is neither.
fn calls(extrinsics: &[Vec<u8>]) -> impl Iterator<Item = Option<RuntimeCall>> + '_ {
	use codec::DecodeLimit;
	extrinsics.iter().map(|bytes| {
		let depth = frame_support::MAX_EXTRINSIC_DEPTH;
		UncheckedExtrinsic::decode_all_with_depth_limit(depth, &mut &bytes[..])
			.ok()
			.map(|extrinsic| extrinsic.function)
	})
}
