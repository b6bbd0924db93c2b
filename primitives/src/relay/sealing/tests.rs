//! HPKE by the RFC's own vectors; sealed letters and challenges.

use super::*;
use crate::{
	relay::{
		letter::{Body, Content, RefuseReason},
		packet::{sealed_length, PADDED, SEAL_OVERHEAD},
	},
	AccountId,
};
use proptest::prelude::*;
use sp_core::{ed25519, Pair};

fn bytes<const N: usize>(text: &str) -> [u8; N] {
	hex::decode(text).unwrap().try_into().unwrap()
}

fn secret(seed: u8) -> ContactSecret {
	ContactSecret::from_bytes(&[seed; 32]).unwrap()
}

fn genesis() -> Genesis {
	H256::repeat_byte(0x5b)
}

fn letter(to: ContactKey) -> Letter {
	let author = ed25519::Pair::from_seed(&[1; 32]);
	Content {
		author: AccountId::from(author.public().0),
		to,
		reply_to: secret(2).public(),
		negotiation: [4; 16],
		sequence: 0,
		sent_at: 1_800_000_000_000,
		body: Body::Refuse { reason: RefuseReason::Busy },
	}
	.sign(&genesis(), |payload| author.sign(payload).into())
}

/// RFC 9180, appendix A.2.1: base mode of DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and
/// ChaCha20-Poly1305, the message of sequence number 0. The messages after it in the appendix are of
/// a context that seals several; sealing in a single shot, as here, makes a context for each message,
/// so no other sequence number is used.
mod rfc9180_a_2_1 {
	pub const INFO: &str = "4f6465206f6e2061204772656369616e2055726e";
	pub const IKM_E: &str = "909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b";
	pub const IKM_R: &str = "1ac01f181fdf9f352797655161c58b75c656a6cc2716dcb66372da835542e1df";
	pub const SK_R: &str = "8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb";
	pub const PK_R: &str = "4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a";
	pub const ENC: &str = "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a";
	pub const PT: &str = "4265617574792069732074727574682c20747275746820626561757479";
	pub const AAD: &str = "436f756e742d30";
	pub const CT: &str =
		"1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28";
}

#[test]
fn sealing_should_give_the_bytes_of_the_rfc() {
	use rfc9180_a_2_1::*;
	let (to, seed) = (ContactKey(bytes(PK_R)), bytes::<32>(IKM_E));
	let sealed =
		seal_with(&to, &bytes::<20>(INFO), &bytes::<29>(PT), &bytes::<7>(AAD), &mut Fetched(&seed));
	assert_eq!(sealed.map(hex::encode), Ok(format!("{ENC}{CT}")));
}

#[test]
fn what_the_rfc_sealed_should_open() {
	use rfc9180_a_2_1::*;
	let secret = ContactSecret::from_bytes(&bytes(SK_R)).unwrap();
	assert_eq!(secret.public(), ContactKey(bytes(PK_R)));
	let sealed = hex::decode(format!("{ENC}{CT}")).unwrap();
	let opened = open_with(&secret, &bytes::<20>(INFO), &sealed, &bytes::<7>(AAD));
	assert_eq!(opened.unwrap()[..], bytes::<29>(PT));
	for wrong in [INFO, ""] {
		let aad = hex::decode(wrong).unwrap();
		assert!(open_with(&secret, &bytes::<20>(INFO), &sealed, &aad).is_err());
	}
	assert!(open_with(&secret, INFO.as_bytes(), &sealed, &bytes::<7>(AAD)).is_err());
}

#[test]
fn keys_should_be_derived_as_the_rfc_does() {
	use rfc9180_a_2_1::*;
	let (secret, public) = X25519HkdfSha256::derive_keypair(&bytes::<32>(IKM_R));
	assert_eq!(hex::encode(public.to_bytes()), PK_R);
	let kept = ContactSecret::from_bytes(&secret.to_bytes().into()).unwrap();
	assert_eq!(kept.public(), ContactKey(bytes(PK_R)));
}

#[test]
fn secret_should_hide_itself_and_come_back_from_its_bytes() {
	let secret = ContactSecret::generate().unwrap();
	let kept = secret.to_bytes();
	assert_eq!(ContactSecret::from_bytes(&kept).unwrap().public(), secret.public());
	let shown = format!("{secret:?}");
	assert!(shown.contains(&format!("{:?}", secret.public())));
	assert!(!shown.contains(&hex::encode(&kept[..])) && shown.ends_with(", ..)"));
	assert_ne!(ContactSecret::generate().unwrap().public(), secret.public());
}

#[test]
fn letter_should_arrive_whole() {
	let (sender, recipient) = (secret(2), secret(3));
	let letter = letter(recipient.public());
	let packet = seal_letter(&letter, sender.public()).unwrap();
	assert_eq!((packet.to, packet.from), (recipient.public(), sender.public()));
	assert_eq!((packet.hops, packet.sent_at), (0, letter.content.sent_at));
	assert_eq!(packet.sealed.len(), sealed_length(PADDED[0]));
	assert_eq!(packet.check(packet.sent_at), Ok(()));
	let far = packet.clone().forwarded().unwrap();
	assert_eq!(open_letter(&far, &recipient, &genesis()), Ok(letter.clone()));
	// Two packets of one letter have nothing in common that tells.
	let again = seal_letter(&letter, sender.public()).unwrap();
	assert!(again.id() != packet.id() && again.sealed != packet.sealed);
}

#[test]
fn nobody_else_should_open_a_letter() {
	let packet = seal_letter(&letter(secret(3).public()), secret(2).public()).unwrap();
	for other in [secret(2), secret(4)] {
		assert_eq!(open_letter(&packet, &other, &genesis()), Err(OpenError::Sealed));
	}
}

#[test]
fn packet_that_was_rewritten_should_not_open() {
	let recipient = secret(3);
	let packet = seal_letter(&letter(recipient.public()), secret(2).public()).unwrap();
	let mut turned = packet.sealed.clone();
	turned[40] ^= 1;
	let mut other_key = packet.sealed.clone();
	other_key[0] ^= 1;
	let rewritten = [
		Packet { to: secret(4).public(), ..packet.clone() },
		Packet { from: secret(4).public(), ..packet.clone() },
		Packet { nonce: [0; 16], ..packet.clone() },
		Packet { sent_at: packet.sent_at + 1, ..packet.clone() },
		Packet { sealed: turned, ..packet.clone() },
		Packet { sealed: other_key, ..packet.clone() },
		Packet { sealed: vec![0; 10].try_into().unwrap(), ..packet.clone() },
	];
	for rewritten in rewritten {
		assert_eq!(open_letter(&rewritten, &recipient, &genesis()), Err(OpenError::Sealed));
	}
}

#[test]
fn letter_that_was_sealed_anew_for_another_should_not_count() {
	let (first, second) = (secret(3), secret(4));
	let letter = letter(first.public());
	// The first recipient, who can read it, passes it on.
	let (from, nonce, sent_at) = (secret(2).public(), [0; 16], letter.content.sent_at);
	let aad = Packet::aad(&second.public(), &from, &nonce, sent_at);
	let sealed = seal(&second.public(), &pad(&letter.encode()).unwrap(), &aad).unwrap();
	let sealed = sealed.try_into().unwrap();
	let packet = Packet { to: second.public(), from, nonce, hops: 0, sent_at, sealed };
	let read = open_letter(&packet, &second, &genesis());
	assert_eq!(read, Err(OpenError::Letter(LetterError::ForAnother)));
}

#[test]
fn what_is_no_letter_should_not_count() {
	let recipient = secret(3);
	let (from, nonce, sent_at) = (secret(2).public(), [0; 16], 1);
	let aad = Packet::aad(&recipient.public(), &from, &nonce, sent_at);
	let mut longer = letter(recipient.public()).encode();
	longer.push(0xff);
	let contents =
		[pad(b"hello").unwrap(), vec![0; PADDED[0]], b"bare".to_vec(), pad(&longer).unwrap()];
	for content in contents {
		let sealed = seal(&recipient.public(), &content, &aad).unwrap().try_into().unwrap();
		let packet = Packet { to: recipient.public(), from, nonce, hops: 0, sent_at, sealed };
		assert_eq!(open_letter(&packet, &recipient, &genesis()), Err(OpenError::Content));
	}
}

#[test]
fn nothing_should_be_sealed_to_a_key_that_nobody_holds() {
	let nobody = ContactKey::default();
	assert!(nobody.is_none());
	assert_eq!(seal(&nobody, b"", b""), Err(SealError::BadKey));
	let mut one = [0; 32];
	one[0] = 1;
	assert_eq!(seal(&ContactKey(one), b"", b""), Err(SealError::BadKey));
}

#[test]
fn holder_of_the_key_alone_should_answer_a_challenge() {
	let (node, holder) = (NodeIdentifier::of_peer(b"node"), secret(3));
	let challenge = challenge(&holder.public(), &node, &genesis()).unwrap();
	let answered = answer(&holder, &node, &challenge.sealed, &genesis());
	assert_eq!(answered, Ok(challenge.answer));
	let stranger = answer(&secret(4), &node, &challenge.sealed, &genesis());
	assert_eq!(stranger, Err(OpenError::Sealed));
}

#[test]
fn challenge_of_another_node_should_get_no_answer() {
	let (node, other) = (NodeIdentifier::of_peer(b"node"), NodeIdentifier::of_peer(b"other"));
	let challenge = challenge(&secret(3).public(), &node, &genesis()).unwrap();
	let passed_on = answer(&secret(3), &other, &challenge.sealed, &genesis());
	assert_eq!(passed_on, Err(OpenError::Sealed));
	let elsewhere = answer(&secret(3), &node, &challenge.sealed, &H256::zero());
	assert_ne!(elsewhere, Ok(challenge.answer));
}

#[test]
fn letter_should_not_pass_for_a_challenge() {
	let (node, holder) = (NodeIdentifier::of_peer(b"node"), secret(3));
	let sealed = seal(&holder.public(), &[1; 31], &attach_aad(&node)).unwrap();
	assert_eq!(answer(&holder, &node, &sealed, &genesis()), Err(OpenError::Content));
	let packet = seal_letter(&letter(holder.public()), secret(2).public()).unwrap();
	assert_eq!(answer(&holder, &node, &packet.sealed, &genesis()), Err(OpenError::Sealed));
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(32))]

	#[test]
	fn sealed_bytes_should_open_to_themselves(
		plaintext in prop::collection::vec(any::<u8>(), 0..2_000),
		aad in prop::collection::vec(any::<u8>(), 0..200),
	) {
		let sealed = seal(&secret(3).public(), &plaintext, &aad).unwrap();
		prop_assert_eq!(sealed.len(), plaintext.len() + SEAL_OVERHEAD);
		prop_assert_eq!(&open(&secret(3), &sealed, &aad).unwrap()[..], &plaintext[..]);
	}

	#[test]
	fn bytes_of_strangers_should_never_open(
		sealed in prop::collection::vec(any::<u8>(), 0..600),
	) {
		prop_assert!(open(&secret(3), &sealed, b"").is_err());
	}
}
