//! Requests for a Certificate of Existence.

use super::*;
use crate::RegisteredMeters;
use sp_core::{ed25519, Pair};
use std::collections::BTreeSet;

const MAKER: ManufacturerId = 1;
const VALID_UNTIL: BlockNumber = 100;
const TO: ContactKey = ContactKey([7; 32]);

fn genesis() -> Genesis {
	H256::repeat_byte(0x5b)
}

fn pair(seed: u8) -> ed25519::Pair {
	ed25519::Pair::from_seed(&[seed; 32])
}

fn registry() -> RegisteredMeters {
	RegisteredMeters { manufacturers: [(MAKER, pair(1).public())].into(), revoked: BTreeSet::new() }
}

fn certificate(meter: &MeterKey) -> MeterSignature {
	pair(1).sign(&Coe::certificate_payload(MAKER, meter, &genesis()))
}

/// The meter of seed 2 asks the one of seed 3.
fn request() -> CoeRequest {
	let mut request = CoeRequest {
		root: H256::repeat_byte(9),
		leaves: 16,
		valid_until: VALID_UNTIL,
		requester: pair(2).public(),
		manufacturer: MAKER,
		certificate: certificate(&pair(2).public()),
		signature: MeterSignature::from_raw([0; 64]),
	};
	request.signature = pair(2).sign(&request.payload(&TO, &genesis()));
	request
}

fn signed_again(change: impl FnOnce(&mut CoeRequest)) -> CoeRequest {
	let mut request = request();
	change(&mut request);
	request.signature = pair(2).sign(&request.payload(&TO, &genesis()));
	request
}

fn verify(request: &CoeRequest) -> Result<(), Refusal> {
	request.verify(&TO, VALID_UNTIL, &genesis(), &registry())
}

fn answer() -> Coe {
	let CoeRequest { root, leaves, valid_until, .. } = request();
	Coe {
		root,
		leaves,
		valid_until,
		signer: pair(3).public(),
		manufacturer: MAKER,
		certificate: certificate(&pair(3).public()),
		signature: pair(3).sign(&Coe::payload(&root, leaves, valid_until, &genesis())),
	}
}

fn verify_answer(coe: &Coe) -> Result<(), Refusal> {
	request().verify_answer(coe, &pair(3).public(), VALID_UNTIL, &genesis(), &registry())
}

#[test]
fn request_of_a_genuine_meter_should_hold() {
	assert_eq!(verify(&request()), Ok(()));
}

#[test]
fn request_should_hold_for_the_signer_that_it_names_only() {
	let elsewhere = ContactKey([8; 32]);
	let refused = request().verify(&elsewhere, VALID_UNTIL, &genesis(), &registry());
	assert_eq!(refused, Err(Refusal::BadCoeSignature));
	let other_chain = request().verify(&TO, VALID_UNTIL, &H256::zero(), &registry());
	assert_eq!(other_chain, Err(Refusal::BadMeterCertificate));
}

#[test]
fn request_to_anyone_should_count_in_no_letter_and_no_letter_for_anyone() {
	assert!(CoeRequest::ANYONE.is_none(), "nobody can be listed with it");
	let mut open = request();
	open.signature = pair(2).sign(&open.payload(&CoeRequest::ANYONE, &genesis()));
	let by_file = |request: &CoeRequest| {
		request.verify(&CoeRequest::ANYONE, VALID_UNTIL, &genesis(), &registry())
	};
	assert_eq!(by_file(&open), Ok(()));
	assert_eq!(verify(&open), Err(Refusal::BadCoeSignature));
	assert_eq!(by_file(&request()), Err(Refusal::BadCoeSignature));
}

#[test]
fn changed_request_should_be_refused() {
	let changes: [&dyn Fn(&mut CoeRequest); 3] =
		[&|request| request.root = H256::zero(), &|request| request.leaves += 1, &|request| {
			request.valid_until += 1
		}];
	for change in changes {
		let mut changed = request();
		change(&mut changed);
		assert_eq!(verify(&changed), Err(Refusal::BadCoeSignature));
	}
}

#[test]
fn request_for_a_tree_of_no_size_should_be_refused() {
	for leaves in [0, MAX_TREE_LEAVES + 1] {
		let request = signed_again(|request| request.leaves = leaves);
		assert_eq!(verify(&request), Err(Refusal::TreeSize));
	}
}

#[test]
fn request_that_is_out_of_date_should_be_refused() {
	let refused = request().verify(&TO, VALID_UNTIL + 1, &genesis(), &registry());
	assert_eq!(refused, Err(Refusal::CoeOutOfDate));
}

#[test]
fn requester_should_be_certified_and_not_revoked() {
	let unknown = signed_again(|request| request.manufacturer = 9);
	assert_eq!(verify(&unknown), Err(Refusal::UnknownManufacturer));
	let forged = signed_again(|request| request.certificate = MeterSignature::from_raw([0; 64]));
	assert_eq!(verify(&forged), Err(Refusal::BadMeterCertificate));
	let mut meters = registry();
	meters.revoked.insert((MAKER, pair(2).public()));
	let revoked = request().verify(&TO, VALID_UNTIL, &genesis(), &meters);
	assert_eq!(revoked, Err(Refusal::MeterRevoked));
}

#[test]
fn answer_should_be_the_signers_word_for_this_very_tree() {
	assert_eq!(verify_answer(&answer()), Ok(()));
	let changes: [&dyn Fn(&mut Coe); 5] = [
		&|coe| coe.root = H256::zero(),
		&|coe| coe.leaves += 1,
		&|coe| coe.valid_until += 1,
		&|coe| coe.signer = pair(4).public(),
		&|coe| coe.signature = MeterSignature::from_raw([0; 64]),
	];
	for change in changes {
		let mut changed = answer();
		change(&mut changed);
		assert_eq!(verify_answer(&changed), Err(Refusal::BadCoeSignature));
	}
}
