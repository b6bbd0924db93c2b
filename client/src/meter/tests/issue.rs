//! Issuing CTPs: each with a one-time key of its own, and what becomes of those that are not confirmed.

use super::*;
use crate::files::read_document;
use codec::Encode as _;
use spb_primitives::{Ctp, ReceiptKey};

#[test]
fn issued_ctps_should_be_what_the_chain_takes() {
	let bench = Bench::ready();
	let issued = issue(&bench.meter, 3).unwrap();
	let ctp = &issued.signed.ctp;
	assert_eq!(issued.id, CtpId::of(ctp, &genesis()));
	assert!(issued.signed.verify(&owner().account(), &genesis()).is_ok());
	assert!(issued.proof.verify(&ctp.receipt_key, NOW + 1, &genesis(), &register()).is_ok());
	let receipt = confirm(&bench.meter, &issued.id, 500).unwrap();
	assert!(receipt.erc.verify(&genesis()).is_ok());
	assert_eq!(ReceiptKey::of(&receipt.erc.key), ctp.receipt_key);
	assert_eq!(receipt.proof, issued.proof);
	assert_eq!(receipt.ctp, issued.signed);
}

#[test]
fn nothing_that_a_meter_sends_should_hold_its_own_key() {
	let bench = Bench::ready();
	let issued = issue(&bench.meter, 3).unwrap();
	let receipt = confirm(&bench.meter, &issued.id, 500).unwrap();
	let sent = [
		issued.signed.encode(),
		issued.proof.encode(),
		receipt.erc.encode(),
		receipt.proof.encode(),
	];
	let holds = |bytes: &[u8], key: &[u8]| bytes.windows(key.len()).any(|part| part == key);
	let own = bench.meter.key().unwrap();
	for bytes in &sent {
		assert!(!holds(bytes, &own.0), "the meter can be told by its key");
		assert!(!holds(bytes, ReceiptKey::of(&own).as_ref()), "and by the hash of it");
	}
	// A key that is there would be found: that of the meter which signed the tree.
	assert!(holds(&sent[1], &bench.signer.key().unwrap().0));
}

#[test]
fn a_leaf_should_be_used_once_also_after_a_restart() {
	let bench = Bench::ready();
	let mut keys = BTreeSet::new();
	for round in 0..5 {
		let meter = bench.reopened();
		for _ in 0..3 {
			assert!(keys.insert(issue(&meter, 3).unwrap().signed.ctp.receipt_key), "{round}");
		}
	}
	assert_eq!(bench.state().trees[0].next_leaf, 15);
}

#[test]
fn a_leaf_should_be_used_once_also_by_several_at_once() {
	let bench = Bench::ready();
	let keys: Vec<ReceiptKey> = std::thread::scope(|scope| {
		let threads: Vec<_> = (0..4)
			.map(|_| {
				// As other processes would: each with a meter of its own on the same directory.
				let meter = bench.reopened();
				scope.spawn(move || {
					let issue = |_| issue(&meter, 3).unwrap().signed.ctp.receipt_key;
					(0..10).map(issue).collect::<Vec<_>>()
				})
			})
			.collect();
		threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
	});
	assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), 40);
	assert_eq!(bench.state().issued.len(), 40);
}

#[test]
fn the_counter_should_be_on_the_disk_before_the_ctp_is_seen() {
	let bench = Bench::ready();
	let issued = issue(&bench.meter, 3).unwrap();
	let state: MeterState = read_document(&bench.path("meter").join(METER_FILE)).unwrap();
	assert_eq!(state.trees[0].next_leaf, 1);
	assert_eq!(state.issued[0].id, issued.id);
}

#[test]
fn what_fails_should_use_no_leaf() {
	let bench = Bench::ready();
	let all: BTreeSet<u8> = (0..64).collect();
	let error = bench.meter.issue(&draft(3), &owner(), &all, &moment(&genesis()), &()).unwrap_err();
	assert!(matches!(error, MeterError::NoPlace), "{error}");
	assert_eq!(bench.state().trees[0].next_leaf, 0);
}

#[test]
fn leaves_whose_ercs_would_meet_in_the_pool_should_be_skipped() {
	let bench = Bench::ready();
	let first = issue(&bench.meter, 3).unwrap();
	for _ in 1..64 {
		let id = issue(&bench.meter, 3).unwrap().id;
		confirm(&bench.meter, &id, 1).unwrap();
	}
	// Leaf 64 would take the place of leaf 0, which is not confirmed.
	let next = issue(&bench.meter, 3).unwrap();
	assert_eq!((first.proof.index, next.proof.index), (0, 65));
}

#[test]
fn a_meter_should_sign_only_for_its_vaults() {
	let bench = Bench::ready();
	issue(&bench.meter, 3).unwrap();
	let error = issue(&bench.meter, 5).unwrap_err();
	assert!(matches!(error, MeterError::NotPaired(5)), "{error}");
	bench.meter.pair_with(&genesis(), 5).unwrap();
	issue(&bench.meter, 5).unwrap();
	issue(&bench.meter, 3).unwrap();
	assert_eq!(bench.meter.info(&genesis(), NOW).unwrap().paired, [3, 5]);
}

#[test]
fn a_ctp_without_a_place_should_move_with_its_key() {
	let bench = Bench::ready();
	let old = issue(&bench.meter, 3).unwrap();
	let taken = BTreeSet::from([old.id.pool_slot()]);
	let moved = bench
		.meter
		.move_to_another_place(&old.id, NOW + 8, &owner(), &taken, &genesis(), &())
		.unwrap();
	let (before, after): (&Ctp, &Ctp) = (&old.signed.ctp, &moved.signed.ctp);
	assert_eq!(before.receipt_key, after.receipt_key);
	assert!(after.expiry < before.expiry && !taken.contains(&moved.id.pool_slot()));
	assert!(moved.signed.verify(&owner().account(), &genesis()).is_ok());
	assert!(matches!(confirm(&bench.meter, &old.id, 1), Err(MeterError::UnknownCtp(_))));
	confirm(&bench.meter, &moved.id, 1).unwrap();
}

#[test]
fn a_refused_ctp_should_be_forgotten_and_its_key_stay_used() {
	let bench = Bench::ready();
	let refused = issue(&bench.meter, 3).unwrap();
	bench.meter.forget(&refused.id, &genesis()).unwrap();
	assert!(bench.meter.unconfirmed(&genesis()).unwrap().is_empty());
	assert_eq!(issue(&bench.meter, 3).unwrap().proof.index, 1);
}

#[test]
fn it_should_be_known_what_was_submitted() {
	let bench = Bench::ready();
	let id = issue(&bench.meter, 3).unwrap().id;
	issue(&bench.meter, 3).unwrap();
	let note = |at| bench.meter.note_submitted(&id, at, &genesis()).unwrap();
	let submitted = || -> Vec<_> {
		let all = bench.meter.unconfirmed(&genesis()).unwrap();
		all.iter().map(|issued| issued.submitted_at).collect()
	};
	assert_eq!(submitted(), [Some(NOW), Some(NOW)]);
	note(None);
	assert_eq!(submitted(), [None, Some(NOW)]);
	note(Some(NOW + 3));
	assert_eq!(submitted(), [Some(NOW + 3), Some(NOW)]);
}

#[test]
fn what_cannot_settle_should_be_forgotten() {
	let bench = Bench::ready();
	let old = issue(&bench.meter, 3).unwrap();
	let genesis = genesis();
	let at = |settles_from| Moment { genesis: &genesis, now: NOW, settles_from };
	let none = BTreeSet::new();
	let expiry = old.signed.ctp.expiry;
	bench.meter.issue(&draft(3), &owner(), &none, &at(expiry), &()).unwrap();
	assert_eq!(bench.state().issued.len(), 2);
	bench.meter.issue(&draft(3), &owner(), &none, &at(expiry + 1), &()).unwrap();
	assert!(matches!(confirm(&bench.meter, &old.id, 1), Err(MeterError::UnknownCtp(_))));
}
