//! One-time keys that are set aside for CTPs which are being negotiated.

use super::*;
use spb_primitives::{Ctp, ReceiptKey};

/// A CTP with a key that was set aside.
fn agreed(key: ReceiptKey, vault: VaultId) -> Ctp {
	draft(vault).with(key, NOW + 600)
}

#[test]
fn a_key_should_be_set_aside_for_one_ctp() {
	let bench = Bench::ready();
	let reserve = || bench.meter.reserve(3, 50, &moment(&genesis()), &()).unwrap();
	let (key, unused) = (reserve(), reserve());
	assert_ne!(key, unused);
	assert_eq!(bench.state().trees[0].next_leaf, 2);
	let adopt = |ctp: &Ctp| bench.meter.adopt(ctp, &owner(), &genesis(), &());
	assert!(matches!(adopt(&agreed(key, 5)), Err(MeterError::NotReserved)), "another vault's");
	let ctp = agreed(key, 3);
	let issued = adopt(&ctp).unwrap();
	assert_eq!(issued.id, CtpId::of(&ctp, &genesis()));
	assert!(issued.signed.verify(&owner().account(), &genesis()).is_ok());
	assert!(issued.proof.verify(&key, NOW + 1, &genesis(), &register()).is_ok());
	assert!(matches!(adopt(&ctp), Err(MeterError::NotReserved)), "used once");
	// It is kept back until its quote goes with it, and is confirmed as any other.
	let unconfirmed = bench.meter.unconfirmed(&genesis()).unwrap();
	assert_eq!(unconfirmed[0].submitted_at, None);
	confirm(&bench.meter, &issued.id, 500).unwrap();
	// No CTP ever names a key that was set aside.
	for _ in 0..10 {
		assert_ne!(issue(&bench.meter, 3).unwrap().signed.ctp.receipt_key, unused);
	}
}

#[test]
fn a_key_should_be_set_aside_for_a_while_only() {
	let bench = Bench::ready();
	let key = bench.meter.reserve(3, 50, &moment(&genesis()), &()).unwrap();
	let genesis = genesis();
	let later = |blocks| Moment { genesis: &genesis, now: NOW + blocks, settles_from: 0 };
	bench.meter.reserve(3, 50, &later(50), &()).unwrap();
	assert_eq!(bench.state().reserved.len(), 2);
	bench.meter.reserve(3, 50, &later(51), &()).unwrap();
	assert_eq!(bench.state().reserved.len(), 2);
	let error = bench.meter.adopt(&agreed(key, 3), &owner(), &genesis, &()).unwrap_err();
	assert!(matches!(error, MeterError::NotReserved), "{error}");
}
