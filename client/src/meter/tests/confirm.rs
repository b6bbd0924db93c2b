//! Confirming CTPs: each once, for energy that counts once.

use super::*;
use crate::error::Classify;
use spb_primitives::Refusal;

#[test]
fn a_ctp_should_be_confirmed_once() {
	let bench = Bench::ready();
	let id = issue(&bench.meter, 3).unwrap().id;
	let first = confirm(&bench.meter, &id, 300).unwrap();
	let again = bench.reopened();
	// The same word again, also at another block, and nothing is counted twice.
	let now = NOW + 50;
	let energy = Energy::from_wh(300);
	let second = again.confirm(&id, energy, Reading::New, now, &genesis(), &()).unwrap();
	assert_eq!(first, second);
	let info = again.info(&genesis(), NOW).unwrap();
	assert_eq!((info.measured_wh, info.counted_wh), (300, 300));
	let error = confirm(&again, &id, 301).unwrap_err();
	assert_eq!(error.code(), "confirmed-already");
}

#[test]
fn impossible_receipts_should_be_refused() {
	let bench = Bench::ready();
	let id = issue(&bench.meter, 3).unwrap().id;
	let refused = |wh, now| {
		let energy = Energy::from_wh(wh);
		match bench.meter.confirm(&id, energy, Reading::New, now, &genesis(), &()) {
			Err(MeterError::Refused(refusal)) => refusal,
			other => panic!("{other:?}"),
		}
	};
	assert_eq!(refused(0, NOW), Refusal::BadDelivery);
	assert_eq!(refused(501, NOW), Refusal::BadDelivery);
	assert_eq!(refused(500, NOW + 601), Refusal::ReceiptLate);
	let info = bench.meter.info(&genesis(), NOW).unwrap();
	assert_eq!((info.measured_wh, info.counted_wh), (0, 0), "nothing is noted");
	let at_expiry = NOW + 600;
	let energy = Energy::from_wh(500);
	bench.meter.confirm(&id, energy, Reading::New, at_expiry, &genesis(), &()).unwrap();
	let unknown = CtpId([9; 32].into());
	assert!(matches!(confirm(&bench.meter, &unknown, 1), Err(MeterError::UnknownCtp(_))));
}

#[test]
fn each_watt_hour_should_count_once() {
	let bench = Bench::ready();
	let ids = [0, 1].map(|_| issue(&bench.meter, 3).unwrap().id);
	let noted = |id, wh| {
		let energy = Energy::from_wh(wh);
		bench.meter.confirm(id, energy, Reading::Noted, NOW, &genesis(), &())
	};
	assert!(matches!(noted(&ids[0], 1), Err(MeterError::NotMeasured { left: 0 })));
	bench.meter.measure(Energy::from_wh(500)).unwrap();
	noted(&ids[0], 400).unwrap();
	assert!(matches!(noted(&ids[1], 101), Err(MeterError::NotMeasured { left: 100 })));
	noted(&ids[1], 100).unwrap();
}
