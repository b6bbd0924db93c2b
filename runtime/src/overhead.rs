//! What a signed transaction costs before and after its call: to decode it, to verify its signature, to go
//! through its extensions, to charge its fee.

use crate::{Executive, Runtime, RuntimeCall, TxExtension, UncheckedExtrinsic};
use alloc::{format, vec::Vec};
use codec::{Decode, Encode};
use core::marker::PhantomData;
use frame_benchmarking::{benchmarking::add_to_whitelist, v2::*};
use frame_support::{
	storage::storage_prefix, traits::fungible::Mutate, StorageHasher, Twox64Concat,
};
use sp_core::{crypto::KeyTypeId, sr25519};
use sp_io::crypto::{sr25519_generate, sr25519_sign};
use sp_runtime::generic::{Era, SignedPayload};
use spb_primitives::AccountId;

/// Where the keystore keeps the key.
const KEYS: KeyTypeId = KeyTypeId(*b"spbb");
/// Money of the account that sends: more than all fees.
const WEALTH: u128 = 1 << 96;

/// What is measured here is no pallet's.
pub struct Pallet<T>(PhantomData<T>);

/// The runtime that it is measured of.
pub trait Config: frame_system::Config {}

impl Config for Runtime {}

/// Key number `index`, whose account has money.
fn signer(index: u32) -> sr25519::Public {
	let seed = format!("0x{:064x}", u64::from(index) + 1);
	let key = sr25519_generate(KEYS, Some(seed.into_bytes()));
	crate::Balances::set_balance(&AccountId::from(key.0), WEALTH);
	key
}

/// Keeps the bytes of transaction `index` out of what is counted as written: they are gone when the block ends,
/// and never reach the database.
fn leave_out_bytes(index: u32) {
	let map = storage_prefix(b"System", b"ExtrinsicData");
	let key = [&map[..], &Twox64Concat::hash(&index.encode())].concat();
	add_to_whitelist(key.into());
}

/// The first transaction of an account, which does nothing.
fn remark(key: &sr25519::Public) -> Vec<u8> {
	let call = RuntimeCall::System(frame_system::Call::remark { remark: Vec::new() });
	let extension: TxExtension = (
		frame_system::CheckNonZeroSender::new(),
		frame_system::CheckSpecVersion::new(),
		frame_system::CheckTxVersion::new(),
		frame_system::CheckGenesis::new(),
		frame_system::CheckEra::from(Era::Immortal),
		frame_system::CheckNonce::from(0),
		frame_system::CheckWeight::new(),
		pallet_transaction_payment::ChargeTransactionPayment::from(0),
		frame_metadata_hash_extension::CheckMetadataHash::new(false),
		pallet_spb::CheckBare::default(),
		frame_system::WeightReclaim::new(),
	);
	let payload = SignedPayload::new(call, extension).expect("the chain knows what is signed");
	let signature = payload.using_encoded(|bytes| sr25519_sign(KEYS, key, bytes));
	let signature = signature.expect("the keystore made the key");
	let (call, extension, _) = payload.deconstruct();
	let sender = AccountId::from(key.0);
	UncheckedExtrinsic::new_signed(call, sender.into(), signature.into(), extension).encode()
}

#[benchmarks]
mod benchmarks {
	use super::*;

	/// `n` transactions, each of another account: each reads and writes an account of its own, and its call is
	/// benchmarked with that account read and written already.
	#[benchmark]
	fn signed_transaction(n: Linear<0, 1_000>) {
		let keys: Vec<_> = (0..n).map(signer).collect();
		let transactions: Vec<_> = keys.iter().map(remark).collect();
		(0..n).for_each(leave_out_bytes);

		#[block]
		{
			for bytes in &transactions {
				let transaction = UncheckedExtrinsic::decode(&mut &bytes[..]);
				let transaction = transaction.expect("it was encoded");
				let applied = Executive::apply_extrinsic(transaction);
				applied.expect("it may be in a block").expect("it does nothing");
			}
		}

		for key in keys {
			assert_eq!(crate::System::account_nonce(AccountId::from(key.0)), 1);
		}
	}
}
