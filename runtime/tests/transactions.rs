//! What no signed transaction may say.

mod common;

use codec::Encode;
use common::chain;
use frame_metadata_hash_extension::CheckMetadataHash;
use frame_support::{
	dispatch::{DispatchClass, GetDispatchInfo},
	pallet_prelude::TransactionSource,
};
use pallet_spb::CheckBare;
use sp_genesis_builder::DEV_RUNTIME_PRESET;
use sp_keyring::{Ed25519Keyring, Sr25519Keyring::Alice};
use sp_runtime::{
	generic::Era,
	traits::{DispatchTransaction, TransactionExtension},
	transaction_validity::{InvalidTransaction, TransactionValidityError, UnknownTransaction},
	MultiSignature,
};
use spb_primitives::{Ctp, Energy, Erc, MeterProof, Money, ReceiptKey, SignedCtp};
use spb_runtime::{
	Runtime, RuntimeCall, RuntimeOrigin, TransactionPayment, TxExtension, UncheckedExtrinsic,
};

/// What the extension says of a call that Alice signs.
fn judge(call: &RuntimeCall) -> Result<(), TransactionValidityError> {
	let (origin, info) = (RuntimeOrigin::signed(Alice.to_account_id()), call.get_dispatch_info());
	CheckBare::<Runtime>::default()
		.validate_only(origin, call, &info, 0, TransactionSource::External, 0)
		.map(drop)
}

fn remark() -> RuntimeCall {
	frame_system::Call::remark { remark: b"energy".to_vec() }.into()
}

/// The messages and the seal, as calls.
fn bare() -> [RuntimeCall; 3] {
	let zeroes = || sp_runtime::traits::TrailingZeroInput::zeroes();
	let proof: MeterProof = codec::Decode::decode(&mut zeroes()).unwrap();
	let ctp = Ctp {
		vault: 0,
		offer: 0,
		energy: Energy::from_wh(1),
		amount: Money::from_units(1),
		expiry: 9,
		receipt_key: ReceiptKey::default(),
	};
	let signature = MultiSignature::Sr25519(Alice.sign(b"not this"));
	let ctp = SignedCtp { ctp, signature };
	let key = Ed25519Keyring::Alice;
	let erc = Erc {
		ctp: Default::default(),
		delivered: Energy::from_wh(1),
		at: 1,
		key: key.public(),
		signature: key.sign(b"not this"),
	};
	let seal = codec::Decode::decode(&mut zeroes()).unwrap();
	[
		pallet_spb::Call::commit_to_pay { ctp, proof: proof.clone(), quote: None }.into(),
		pallet_spb::Call::confirm_receipt { erc, proof }.into(),
		pallet_spb::Call::seal { seal }.into(),
	]
}

/// The ways in which one call carries another.
fn wrapped(call: RuntimeCall) -> [RuntimeCall; 5] {
	let boxed = || Box::new(call.clone());
	let who = sp_runtime::MultiAddress::Id(Alice.to_account_id());
	[
		pallet_sudo::Call::sudo { call: boxed() }.into(),
		pallet_sudo::Call::sudo_unchecked_weight { call: boxed(), weight: Default::default() }
			.into(),
		pallet_sudo::Call::sudo_as { who, call: boxed() }.into(),
		RuntimeCall::CompanyCouncil(pallet_collective::Call::propose {
			threshold: 1,
			proposal: boxed(),
			length_bound: 1_000,
		}),
		RuntimeCall::CompanyCouncil(pallet_collective::Call::execute {
			proposal: boxed(),
			length_bound: 1_000,
		}),
	]
}

#[test]
fn no_signed_transaction_should_hold_a_message_or_a_seal() {
	chain(DEV_RUNTIME_PRESET).execute_with(|| {
		for call in bare() {
			let refused = Err(InvalidTransaction::Call.into());
			assert_eq!(judge(&call), refused, "{call:?}");
			for once in wrapped(call) {
				assert_eq!(judge(&once), refused, "{once:?}");
				let [twice, ..] = wrapped(once);
				assert_eq!(judge(&twice), refused, "{twice:?}");
			}
		}
	});
}

#[test]
fn other_calls_should_pass_also_where_another_carries_them() {
	chain(DEV_RUNTIME_PRESET).execute_with(|| {
		assert_eq!(judge(&remark()), Ok(()));
		for call in wrapped(remark()) {
			assert_eq!(judge(&call), Ok(()), "{call:?}");
		}
	});
}

#[test]
fn a_hash_of_the_metadata_should_be_refused_where_none_is_compiled_in() {
	let unknown = UnknownTransaction::CannotLookup.into();
	assert_eq!(CheckMetadataHash::<Runtime>::new(true).implicit(), Err(unknown));
	assert_eq!(CheckMetadataHash::<Runtime>::new(false).implicit(), Ok(None));
}

#[test]
fn the_extensions_should_cost_nothing_beside_what_every_transaction_costs() {
	chain(DEV_RUNTIME_PRESET).execute_with(|| {
		let call = remark();
		let weighed = call.get_dispatch_info().call_weight;
		let extension: TxExtension = (
			frame_system::CheckNonZeroSender::new(),
			frame_system::CheckSpecVersion::new(),
			frame_system::CheckTxVersion::new(),
			frame_system::CheckGenesis::new(),
			frame_system::CheckEra::from(Era::mortal(64, 1)),
			frame_system::CheckNonce::from(0),
			frame_system::CheckWeight::new(),
			pallet_transaction_payment::ChargeTransactionPayment::from(0),
			CheckMetadataHash::new(false),
			CheckBare::default(),
			frame_system::WeightReclaim::new(),
		);
		let signature = MultiSignature::Sr25519(Alice.sign(b"no one looks at it"));
		let sender = Alice.to_account_id().into();
		let signed = UncheckedExtrinsic::new_signed(call, sender, signature, extension);
		let length = signed.encoded_size() as u32;
		let limits = <Runtime as frame_system::Config>::BlockWeights::get();
		let base = limits.get(DispatchClass::Normal).base_extrinsic;
		let fee = TransactionPayment::weight_to_fee(base.saturating_add(weighed))
			+ TransactionPayment::length_to_fee(length);
		assert_eq!(TransactionPayment::query_info(signed, length).partial_fee, fee);
	});
}
