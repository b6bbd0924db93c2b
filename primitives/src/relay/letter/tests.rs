//! Letters: what is signed, and that all of them look alike when they are padded.

use super::*;
use crate::relay::packet::PADDED;
use codec::DecodeAll;
use proptest::prelude::*;
use sp_core::{ed25519, Pair, H256};

fn genesis() -> Genesis {
	H256::repeat_byte(0x5b)
}

fn author() -> ed25519::Pair {
	ed25519::Pair::from_seed(&[1; 32])
}

fn content(body: Body) -> Content {
	Content {
		author: AccountId::from(author().public().0),
		to: ContactKey([2; 32]),
		reply_to: ContactKey([3; 32]),
		negotiation: [4; 16],
		sequence: 5,
		sent_at: 6,
		body,
	}
}

fn ask() -> Body {
	Body::Ask { offer: 7, energy: Energy::from_wh(8), price: Price::per_kwh(9) }
}

fn letter(body: Body) -> Letter {
	content(body).sign(&genesis(), |payload| author().sign(payload).into())
}

#[test]
fn letter_should_count_where_its_author_signed_it() {
	assert_eq!(letter(ask()).verify(&ContactKey([2; 32]), &genesis()), Ok(()));
}

#[test]
fn letter_should_not_count_on_another_chain() {
	let verified = letter(ask()).verify(&ContactKey([2; 32]), &H256::repeat_byte(1));
	assert_eq!(verified, Err(LetterError::BadSignature));
}

#[test]
fn letter_should_not_count_for_another_key() {
	let verified = letter(ask()).verify(&ContactKey([3; 32]), &genesis());
	assert_eq!(verified, Err(LetterError::ForAnother));
}

#[test]
fn every_part_of_a_letter_should_be_signed() {
	let good = letter(ask());
	let with = |change: &dyn Fn(&mut Content)| {
		let mut changed = good.clone();
		change(&mut changed.content);
		changed.verify(&changed.content.to, &genesis())
	};
	let changes: [&dyn Fn(&mut Content); 7] = [
		&|content| content.author = AccountId::new([9; 32]),
		&|content| content.to = ContactKey([9; 32]),
		&|content| content.reply_to = ContactKey([9; 32]),
		&|content| content.negotiation = [9; 16],
		&|content| content.sequence = 9,
		&|content| content.sent_at = 9,
		&|content| content.body = Body::Refuse { reason: RefuseReason::Busy },
	];
	for change in changes {
		assert_eq!(with(change), Err(LetterError::BadSignature));
	}
	assert_eq!(with(&|_| ()), Ok(()));
}

#[test]
fn every_letter_should_fit_the_least_padded_size() {
	// One byte is the end mark's.
	assert!(Letter::max_encoded_len() < PADDED[0], "{}", Letter::max_encoded_len());
}

#[test]
fn reasons_should_say_what_to_do_in_a_line() {
	for code in 0..=u8::MAX {
		if let Ok(reason) = RefuseReason::decode(&mut &[code][..]) {
			assert!(!reason.to_string().is_empty() && !reason.to_string().contains('\n'));
		}
	}
	assert!(CoeRefusal::Rule(Refusal::TreeSize).to_string().contains("(CoE)"));
}

proptest! {
	#[test]
	fn bytes_of_strangers_should_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
		if let Ok(letter) = Letter::decode_all(&mut &bytes[..]) {
			prop_assert_eq!(letter.encode(), bytes);
			prop_assert!(letter.verify(&letter.content.to, &genesis()).is_err());
		}
	}

	#[test]
	fn letters_should_decode_to_themselves(
		offer: u32, energy: u32, price: u128, sequence: u16, sent_at: u64, negotiation: [u8; 16],
	) {
		let (energy, price) = (Energy::from_wh(energy), Price::per_kwh(price));
		let body = Body::Ask { offer, energy, price };
		let content = Content { sequence, sent_at, negotiation, ..content(body) };
		let letter = content.sign(&genesis(), |payload| author().sign(payload).into());
		prop_assert_eq!(Letter::decode_all(&mut &letter.encode()[..]), Ok(letter));
	}
}
