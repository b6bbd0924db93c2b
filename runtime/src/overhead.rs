//! What a signed transaction costs before and after its call: to decode it, to verify its signature, to go
//! through its extensions, to charge its fee.

use crate::{Executive, Runtime, RuntimeCall, TxExtension, UncheckedExtrinsic};
use alloc::vec::Vec;
use codec::{Decode, Encode};
use core::marker::PhantomData;
use frame_benchmarking::v2::*;
use frame_support::traits::fungible::Mutate;
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

/// A transaction that does nothing.
fn remark(key: &sr25519::Public, nonce: u32) -> Vec<u8> {
	let call = RuntimeCall::System(frame_system::Call::remark { remark: Vec::new() });
	let extension: TxExtension = (
		frame_system::CheckNonZeroSender::new(),
		frame_system::CheckSpecVersion::new(),
		frame_system::CheckTxVersion::new(),
		frame_system::CheckGenesis::new(),
		frame_system::CheckEra::from(Era::Immortal),
		frame_system::CheckNonce::from(nonce),
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

	/// `n` transactions of one account, one after the other.
	#[benchmark]
	fn signed_transaction(n: Linear<0, 1_000>) {
		let key = sr25519_generate(KEYS, None);
		let sender = AccountId::from(key.0);
		crate::Balances::set_balance(&sender, WEALTH);
		let transactions: Vec<_> = (0..n).map(|nonce| remark(&key, nonce)).collect();

		#[block]
		{
			for bytes in &transactions {
				let transaction = UncheckedExtrinsic::decode(&mut &bytes[..]);
				let transaction = transaction.expect("it was encoded");
				let applied = Executive::apply_extrinsic(transaction);
				applied.expect("it may be in a block").expect("it does nothing");
			}
		}

		assert_eq!(crate::System::account_nonce(&sender), n);
	}
}
