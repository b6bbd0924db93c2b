//! Certificates by files: what is asked for, signed and kept, and what is forged.

use super::*;
use crate::{
	error::{Classify, Kind},
	files::{read_document, write_document, Encoded},
};
use proptest::prelude::*;
use sp_core::{ed25519, Pair};
use spb_primitives::{
	relay::{CoeRequest, ContactKey},
	Coe,
};

#[test]
fn requests_and_certificates_should_pass_through_files() {
	let bench = Bench::certified();
	let path = bench.path("request.json");
	let write = |asked: &CoeRequestDocument| write_document(&path, asked, Replace::No);
	let asked = bench.meter.request_coe(8, VALID_UNTIL, &genesis(), &(), write).unwrap();
	let read: CoeRequestDocument = read_document(&path).unwrap();
	assert_eq!(read, asked);
	let signed = bench.signer.sign_coe(&read, VALID_UNTIL, NOW, &genesis(), &register()).unwrap();
	let path = bench.path("coe.json");
	write_document(&path, &signed, Replace::No).unwrap();
	let coe: CoeDocument = read_document(&path).unwrap();
	assert_eq!(coe, signed);
	bench.meter.keep_coe(&coe, NOW, &genesis(), &register()).unwrap();
	let info = bench.meter.info(&genesis(), NOW).unwrap();
	assert_eq!((info.keys_left, info.trees[0].valid_until), (8, Some(VALID_UNTIL)));
	// The certificate does not say whose tree it is.
	let text = std::fs::read_to_string(&path).unwrap();
	assert!(!text.contains(&hex::encode(bench.meter.key().unwrap().0)));
	assert!(read_document::<CoeRequestDocument>(&path).is_err(), "one is not taken for the other");
}

#[test]
fn a_request_that_cannot_be_written_should_change_nothing() {
	let bench = Bench::certified();
	let folder = bench.path("meter");
	let state = || std::fs::read_to_string(folder.join(METER_FILE)).unwrap();
	let before = state();
	let taken = bench.path("taken.json");
	std::fs::write(&taken, "taken").unwrap();
	let nowhere = bench.path("none").join("request.json");
	for (out, code) in [(&taken, "file-exists"), (&nowhere, "io")] {
		let write = |asked: &CoeRequestDocument| write_document(out, asked, Replace::No);
		let asked = bench.meter.request_coe(8, VALID_UNTIL, &genesis(), &(), write);
		assert_eq!(asked.unwrap_err().code(), code);
		assert_eq!(state(), before, "{code}");
	}
	assert_eq!(std::fs::read_to_string(&taken).unwrap(), "taken");
	assert!(!folder.join("tree-0.keys").exists());
	ask(&bench.meter, 8).unwrap();
	assert_ne!(state(), before);
	assert!(folder.join("tree-0.keys").exists());
}

#[test]
fn forged_requests_should_not_be_signed() {
	let bench = Bench::certified();
	let asked = ask(&bench.meter, 8).unwrap();
	let forged = |change: &dyn Fn(&mut CoeRequest)| -> CoeRequestDocument {
		let mut request = asked.request().clone();
		change(&mut request);
		let mut json = serde_json::to_value(&asked).unwrap();
		json["request"] = serde_json::to_value(Encoded(request)).unwrap();
		serde_json::from_value(json).unwrap()
	};
	let sign = |asked: &CoeRequestDocument, register: &RegisteredMeters| {
		bench.signer.sign_coe(asked, VALID_UNTIL, NOW, &genesis(), register)
	};
	assert!(sign(&forged(&|_| {}), &register()).is_ok());
	let refused =
		|change: &dyn Fn(&mut CoeRequest)| sign(&forged(change), &register()).unwrap_err().code();
	let (other, _) = ed25519::Pair::generate();
	assert_eq!(refused(&|asked| asked.root = H256::repeat_byte(1)), "BadCoeSignature");
	assert_eq!(refused(&|asked| asked.leaves = 9), "BadCoeSignature");
	assert_eq!(refused(&|asked| asked.leaves = 0), "TreeSize");
	assert_eq!(refused(&|asked| asked.valid_until += 1), "BadCoeSignature");
	assert_eq!(refused(&|asked| asked.valid_until = NOW - 1), "CoeOutOfDate");
	assert_eq!(refused(&|asked| asked.requester = other.public()), "BadMeterCertificate");
	assert_eq!(refused(&|asked| asked.manufacturer = 2), "UnknownManufacturer");
	assert_eq!(refused(&|asked| asked.certificate = other.sign(b"x")), "BadMeterCertificate");
	assert_eq!(refused(&|asked| asked.signature = other.sign(b"x")), "BadCoeSignature");
	// What was asked of one meter in a letter is for that one alone.
	let to = ContactKey([1; 32]);
	let letter = bench.meter.ask_for_coe(&to, 8, VALID_UNTIL, &genesis(), &()).unwrap();
	assert_eq!(refused(&|asked| *asked = letter.clone()), "BadCoeSignature");
	let mut elsewhere = serde_json::to_value(&asked).unwrap();
	elsewhere["genesis"] = serde_json::to_value(Genesis::zero()).unwrap();
	let elsewhere: CoeRequestDocument = serde_json::from_value(elsewhere).unwrap();
	assert_eq!(sign(&elsewhere, &register()).unwrap_err().code(), "other-chain");
	let revoked =
		RegisteredMeters { revoked: [(1, bench.meter.key().unwrap())].into(), ..register() };
	assert_eq!(sign(&asked, &revoked).unwrap_err().code(), "MeterRevoked");
	let nobody = RegisteredMeters::default();
	assert_eq!(sign(&asked, &nobody).unwrap_err().code(), "UnknownManufacturer");
	let own = bench.meter.sign_coe(&asked, VALID_UNTIL, NOW, &genesis(), &register());
	assert_eq!(own.unwrap_err().code(), "own-tree");
	let uncertified = Meter::create(Directory::new(bench.path("third"))).unwrap();
	let error =
		uncertified.sign_coe(&asked, VALID_UNTIL, NOW, &genesis(), &register()).unwrap_err();
	assert!(matches!(error, MeterError::NotCertified), "{error}");
}

#[test]
fn only_certificates_that_hold_should_be_kept() {
	let bench = Bench::certified();
	let asked = ask(&bench.meter, 8).unwrap();
	let sign = |until| bench.signer.sign_coe(&asked, until, NOW, &genesis(), &register()).unwrap();
	let for_longer = sign(VALID_UNTIL + 1);
	assert_eq!(for_longer.coe().valid_until, VALID_UNTIL, "as long as was asked for");
	let kept = |document: &CoeDocument, register: &RegisteredMeters| {
		bench.meter.keep_coe(document, NOW, &genesis(), register).map_err(|error| error.code())
	};
	let change = |change: &dyn Fn(&mut Coe)| -> CoeDocument {
		let mut json = serde_json::to_value(sign(VALID_UNTIL)).unwrap();
		let mut coe: Encoded<Coe> = serde_json::from_value(json["coe"].clone()).unwrap();
		change(&mut coe.0);
		json["coe"] = serde_json::to_value(coe).unwrap();
		serde_json::from_value(json).unwrap()
	};
	let refused = |code: &str| Err(code.to_owned());
	assert_eq!(kept(&sign(NOW - 1), &register()), refused("CoeOutOfDate"));
	let longer = change(&|coe| coe.valid_until += 1);
	assert_eq!(kept(&longer, &register()), refused("BadCoeSignature"));
	let (other, _) = ed25519::Pair::generate();
	let stranger = change(&|coe| coe.signer = other.public());
	assert_eq!(kept(&stranger, &register()), refused("BadMeterCertificate"));
	let fewer = change(&|coe| coe.leaves = 7);
	assert_eq!(kept(&fewer, &register()), refused("BadCoeSignature"));
	let revoked =
		RegisteredMeters { revoked: [(1, bench.signer.key().unwrap())].into(), ..register() };
	assert_eq!(kept(&sign(VALID_UNTIL), &revoked), refused("MeterRevoked"));
	let retired = RegisteredMeters::default();
	assert_eq!(kept(&sign(VALID_UNTIL), &retired), refused("UnknownManufacturer"));
	// A certificate for someone else's tree is of no use.
	let foreign = Bench::certified();
	let theirs = ask(&foreign.meter, 8).unwrap();
	let theirs = bench.signer.sign_coe(&theirs, VALID_UNTIL, NOW, &genesis(), &register()).unwrap();
	assert_eq!(kept(&theirs, &register()), refused("not-our-tree"));
	assert_eq!(kept(&sign(NOW), &register()), Ok(()));
	assert_eq!(kept(&sign(VALID_UNTIL), &register()), Ok(()), "a later one replaces it");
	assert_eq!(bench.state().trees[0].coes.len(), 1);
}

#[test]
fn only_our_own_meter_certificate_should_be_kept() {
	let bench = Bench::new();
	let key = bench.meter.key().unwrap();
	let keep = |certificate: &MeterCertificate| {
		let kept = bench.meter.keep_certificate(certificate, &genesis(), &register());
		kept.map_err(|error| error.code())
	};
	let refused = |code: &str| Err(code.to_owned());
	let sign = |key: &ManufacturerKey, number, meter, chain: &Genesis| {
		MeterCertificate::sign(key, number, meter, chain)
	};
	let other = ManufacturerKey::development("//Two").unwrap();
	let signer = bench.signer.key().unwrap();
	let for_another = sign(&manufacturer(), 1, signer, &genesis());
	assert_eq!(keep(&for_another), refused("certificate-for-another"));
	assert_eq!(keep(&sign(&other, 1, key, &genesis())), refused("BadMeterCertificate"));
	assert_eq!(keep(&sign(&other, 2, key, &genesis())), refused("UnknownManufacturer"));
	let elsewhere = sign(&manufacturer(), 1, key, &Genesis::zero());
	assert_eq!(keep(&elsewhere), refused("other-chain"));
	assert_eq!(keep(&sign(&manufacturer(), 1, key, &genesis())), Ok(()));
	assert_eq!(bench.meter.info(&genesis(), NOW).unwrap().manufacturer, Some(1));
	assert_eq!(bench.meter.info(&Genesis::zero(), NOW).unwrap().manufacturer, None);
}

#[test]
fn certificates_should_run_out_at_blocks_that_many_share() {
	// Whoever asks on one day for equally many blocks gets the same.
	for now in [0, 1, VALIDITY_STEP - 1] {
		assert_eq!(last_block(now, 7 * VALIDITY_STEP).unwrap(), 7 * VALIDITY_STEP);
	}
	assert_eq!(last_block(VALIDITY_STEP, 7 * VALIDITY_STEP).unwrap(), 8 * VALIDITY_STEP);
	for valid_for in [0, 1, VALIDITY_STEP - 1] {
		let error = last_block(NOW, valid_for).unwrap_err();
		assert_eq!((error.kind(), error.code().as_str()), (Kind::BadInput, "validity-too-short"));
	}
}

proptest! {
	#[test]
	fn certificates_should_count_no_longer_than_asked_for_and_nearly_as_long(
		now in 0..BlockNumber::MAX / 2,
		valid_for in VALIDITY_STEP..BlockNumber::MAX / 2,
	) {
		let last = last_block(now, valid_for).unwrap();
		prop_assert_eq!(last % VALIDITY_STEP, 0);
		prop_assert!(last > now && last <= now + valid_for);
		prop_assert!(last - now > valid_for - VALIDITY_STEP);
	}
}
