//! What a meter says to others in letters.

use super::*;
use spb_primitives::{
	relay::{self, verify_listing, ContactKey},
	AccountId, Coe, Refusal,
};

#[test]
fn a_meter_should_certify_what_a_genuine_one_asks_it_for() {
	let bench = Bench::certified();
	let (to, other) = (ContactKey([1; 32]), ContactKey([2; 32]));
	let ask = || bench.meter.ask_for_coe(&to, 8, NOW + 500, &genesis(), &()).unwrap();
	let request = ask();
	let answer = |request: &relay::CoeRequest, to: &ContactKey| {
		bench.signer.answer_coe(request, to, 500, NOW, &genesis(), &register()).unwrap()
	};
	let coe = answer(&request, &to).unwrap();
	let (signer, stranger) = (bench.signer.key().unwrap(), bench.meter.key().unwrap());
	let keep = |coe: &Coe, signer: &MeterKey| {
		bench.meter.keep_answer(&request, coe, signer, NOW, &genesis(), &register())
	};
	assert!(keep(&coe, &stranger).is_err(), "another meter was asked");
	assert!(keep(&Coe { valid_until: NOW + 501, ..coe.clone() }, &signer).is_err());
	keep(&coe, &signer).unwrap();
	assert_eq!(bench.meter.info(&genesis(), NOW).unwrap().keys_left, 8);
	// Passed on to someone else the request is worth nothing.
	let refused = answer(&ask(), &other).unwrap_err();
	assert_eq!(refused, relay::CoeRefusal::Rule(Refusal::BadCoeSignature));
	let longer = bench.meter.ask_for_coe(&to, 8, NOW + 501, &genesis(), &()).unwrap();
	assert_eq!(answer(&longer, &to), Err(relay::CoeRefusal::TooFar));
	let own = bench.signer.ask_for_coe(&to, 8, NOW + 500, &genesis(), &()).unwrap();
	assert_eq!(answer(&own, &to), Err(relay::CoeRefusal::OwnTree));
	let uncertified = Meter::create(Directory::new(bench.path("third"))).unwrap();
	let error =
		uncertified.answer_coe(&request, &to, 500, NOW, &genesis(), &register()).unwrap_err();
	assert!(matches!(error, MeterError::NotCertified), "{error}");
}

#[test]
fn a_meter_should_be_listed_with_its_own_consent() {
	let bench = Bench::certified();
	let (owner, contact) = (owner().account(), ContactKey([1; 32]));
	let listing = bench.meter.consent_to_listing(&owner, contact, NOW + 9, &genesis()).unwrap();
	let Listing { meter, manufacturer, valid_until, signature, .. } = &listing;
	assert_eq!((*meter, *valid_until), (bench.meter.key().unwrap(), NOW + 9));
	let holds = |contact: ContactKey, owner: &AccountId, until| {
		verify_listing(signature, owner, meter, *manufacturer, &contact, until, &genesis())
	};
	assert!(holds(contact, &owner, NOW + 9));
	assert!(!holds(ContactKey([2; 32]), &owner, NOW + 9));
	assert!(!holds(contact, &AccountId::new([9; 32]), NOW + 9));
	assert!(!holds(contact, &owner, NOW + 10));
}
