//! Bytes from outside: no truncated or padded message decodes, and none makes the decoder panic.

// Its successor leaves out bare extrinsics, which wallets submit.
#![allow(deprecated)]

use super::*;
use crate::{Call, Seal};
use codec::{DecodeAll, Encode};
use proptest::prelude::*;
use sp_runtime::{
	traits::ValidateUnsigned, transaction_validity::TransactionSource::External, MultiSignature,
};
use spb_primitives::{
	Addition, Certificate, Coe, Ctp, DatabaseDigest, Erc, Message, MeterProof, Quote, Settlement,
	Sidecar, SignedCtp,
};

/// That `value` decodes from its own bytes, and from no others that begin with them or that they
/// begin with.
fn assert_exact<V: Encode + DecodeAll + PartialEq + std::fmt::Debug>(value: V) {
	let whole = value.encode();
	assert_eq!(V::decode_all(&mut &whole[..]).as_ref(), Ok(&value));
	for length in 0..whole.len() {
		assert!(V::decode_all(&mut &whole[..length]).is_err(), "{length} of {}", whole.len());
	}
	for padding in [0, 1, 0xff] {
		for count in [1, 2, 64] {
			let padded = [&whole[..], &vec![padding; count]].concat();
			assert!(V::decode_all(&mut &padded[..]).is_err());
		}
	}
}

fn sidecar() -> Sidecar {
	let (one, two) = (Deal::new(0).quoted_by(Alice), Deal::new(1));
	Sidecar {
		added: vec![one.addition(), two.addition()],
		receipts: vec![one.erc(1, 1), two.erc(2, 2)],
	}
}

fn seal() -> Seal<MaxSettlements> {
	Seal {
		database_root: H256::repeat_byte(1),
		sidecar_hash: H256::repeat_byte(2),
		settlements: vec![Deal::new(0).settlement(5), Deal::new(1).settlement(6)]
			.try_into()
			.unwrap(),
	}
}

#[test]
fn messages_should_decode_from_their_own_bytes_only() {
	let deal = Deal::new(0).quoted_by(Alice);
	assert_exact::<Ctp>(deal.ctp.clone());
	assert_exact::<SignedCtp>(deal.signed());
	assert_exact::<Quote>(quote(&deal.id(), Alice));
	assert_exact::<Coe>(METER.coe(&Signer::default()));
	assert_exact::<MeterProof>(METER.proof(7));
	assert_exact::<Erc>(deal.erc(1, 1));
	assert_exact::<Certificate>(certificate(Alice, Ferdie, 9));
	assert_exact::<Settlement>(deal.settlement(9));
	assert_exact::<Addition>(deal.addition());
	assert_exact::<Addition>(Deal::new(1).addition());
	assert_exact::<Message>(deal.commit());
	assert_exact::<Message>(deal.confirm(1, 1));
	assert_exact::<Sidecar>(sidecar());
	assert_exact::<Seal<MaxSettlements>>(seal());
	let Seal { database_root, sidecar_hash, .. } = seal();
	assert_exact(DatabaseDigest { database_root, sidecar_hash });
}

#[test]
fn calls_should_decode_from_their_own_bytes_only() {
	let deal = Deal::new(0).quoted_by(Alice);
	assert_exact::<Call<Test>>(call(&deal.commit()));
	assert_exact::<Call<Test>>(call(&Deal::new(1).commit()));
	assert_exact::<Call<Test>>(call(&deal.confirm(1, 1)));
	assert_exact::<Call<Test>>(Call::seal { seal: seal() });
	assert_exact::<Call<Test>>(Call::deposit { amount: money(u128::MAX) });
	assert_exact::<RuntimeCall>(RuntimeCall::Spb(call(&deal.commit())));
}

#[test]
fn path_longer_than_any_tree_should_not_decode() {
	let mut proof = METER.proof(7);
	let most = spb_primitives::MAX_PATH as usize;
	proof.path = vec![H256::zero(); most].try_into().unwrap();
	let encoded = proof.encode();
	assert_eq!(MeterProof::decode_all(&mut &encoded[..]), Ok(proof.clone()));
	let longer = vec![H256::zero(); most + 1];
	let encoded = (proof.index, longer, proof.coe).encode();
	assert!(MeterProof::decode_all(&mut &encoded[..]).is_err());
}

#[test]
fn more_settlements_than_fit_should_not_decode() {
	let Seal { database_root, sidecar_hash, .. } = seal();
	let too_many = vec![Deal::new(0).settlement(5); MaxSettlements::get() as usize + 1];
	let encoded = (database_root, sidecar_hash, too_many).encode();
	assert!(Seal::<MaxSettlements>::decode_all(&mut &encoded[..]).is_err());
}

#[test]
fn numbers_should_have_one_encoding() {
	// Compact one as two, four and many bytes.
	for wasteful in [&[5, 0][..], &[6, 0, 0, 0], &[3, 1, 0, 0, 0]] {
		let signed = Deal::new(0).with(|ctp| ctp.vault = 1).signed().encode();
		assert_eq!(signed[0], 4);
		let longer = [wasteful, &signed[1..]].concat();
		assert!(SignedCtp::decode_all(&mut &longer[..]).is_err());
	}
}

#[test]
fn unknown_kind_of_signature_should_not_decode() {
	let mut encoded = quote(&Deal::new(0).id(), Alice).encode();
	for kind in 0..=u8::MAX {
		encoded[0] = kind;
		let decoded = MultiSignature::decode_all(&mut &encoded[..]);
		// Ed25519 and sr25519 have as many bytes, the others more.
		assert_eq!(decoded.is_ok(), kind < 2, "kind {kind}");
	}
}

/// Decodes bytes as everything that arrives from outside.
fn decode_as_all(bytes: &[u8]) -> usize {
	fn good<V: DecodeAll>(bytes: &[u8]) -> usize {
		V::decode_all(&mut &bytes[..]).is_ok().into()
	}
	good::<Ctp>(bytes)
		+ good::<SignedCtp>(bytes)
		+ good::<Quote>(bytes)
		+ good::<MeterProof>(bytes)
		+ good::<Erc>(bytes)
		+ good::<Certificate>(bytes)
		+ good::<Message>(bytes)
		+ good::<Sidecar>(bytes)
		+ good::<Seal<MaxSettlements>>(bytes)
		+ good::<RuntimeCall>(bytes)
		+ good::<UncheckedExtrinsic>(bytes)
}

/// An extrinsic of the mock.
type UncheckedExtrinsic = frame_system::mocking::MockUncheckedExtrinsic<Test>;

proptest! {
	#[test]
	fn random_bytes_should_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
		decode_as_all(&bytes);
	}

	#[test]
	fn damaged_messages_should_not_panic(
		damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
		keep: prop::sample::Index,
	) {
		let deal = Deal::new(0);
		for bytes in [deal.commit().encode(), deal.confirm(1, 1).encode(), sidecar().encode()] {
			let mut bytes = bytes;
			for (at, value) in &damage {
				let at = at.index(bytes.len());
				bytes[at] = *value;
			}
			decode_as_all(&bytes);
			decode_as_all(&bytes[..keep.index(bytes.len())]);
		}
	}

	#[test]
	fn damaged_messages_should_be_refused_by_the_pool(
		at: prop::sample::Index,
		flip in 1u8..,
		confirms: bool,
	) {
		ExtBuilder::default().execute(|| {
			let deal = Deal::new(0);
			let message = if confirms { deal.confirm(1_000, 1) } else { deal.commit() };
			let mut bytes = message.encode();
			let at = at.index(bytes.len());
			bytes[at] ^= flip;
			if let Ok(damaged) = Message::decode_all(&mut &bytes[..]) {
				let validity =
					<Spb as ValidateUnsigned>::validate_unsigned(External, &call(&damaged));
				assert!(validity.is_err(), "byte {at} of {message:?}");
			}
		});
	}
}
