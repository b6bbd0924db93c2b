use super::*;
use crate::{coe::verify_meter, Coe, RegisteredMeters};
use codec::DecodeAll;
use proptest::prelude::*;
use sp_core::{bounded::BoundedVec, ecdsa, ed25519, sr25519, Pair};

fn genesis() -> Genesis {
	H256::repeat_byte(0x5b)
}

fn elsewhere() -> Genesis {
	H256::repeat_byte(0x5c)
}

fn pair(seed: u8) -> ed25519::Pair {
	ed25519::Pair::from_seed(&[seed; 32])
}

fn account(seed: u8) -> AccountId {
	AccountId::from(pair(seed).public().0)
}

fn ctp() -> Ctp {
	Ctp {
		vault: 7,
		offer: 70,
		energy: Energy::from_wh(700),
		amount: Money::from_units(7_000_000),
		expiry: 70_000,
		receipt_key: ReceiptKey::of(&pair(9).public()),
	}
}

/// The CTP with one field changed, once for each field.
fn changed_ctps() -> [Ctp; 6] {
	let ctp = ctp();
	[
		Ctp { vault: 8, ..ctp.clone() },
		Ctp { offer: 71, ..ctp.clone() },
		Ctp { energy: Energy::from_wh(701), ..ctp.clone() },
		Ctp { amount: Money::from_units(7_000_001), ..ctp.clone() },
		Ctp { expiry: 70_001, ..ctp.clone() },
		Ctp { receipt_key: ReceiptKey(H256::zero()), ..ctp },
	]
}

fn id() -> CtpId {
	CtpId::of(&ctp(), &genesis())
}

fn sign(seed: u8, payload: &[u8]) -> MultiSignature {
	MultiSignature::Ed25519(pair(seed).sign(payload))
}

fn signed_ctp() -> SignedCtp {
	let signature = sign(1, &ctp().payload(&genesis()));
	SignedCtp { ctp: ctp(), signature }
}

fn erc() -> Erc {
	let (ctp, delivered, at) = (id(), Energy::from_wh(600), 69_999);
	let signature = pair(9).sign(&Erc::payload(&ctp, delivered, at, &genesis()));
	Erc { ctp, delivered, at, key: pair(9).public(), signature }
}

fn certificate() -> Certificate {
	let (producer, company) = (account(2), account(3));
	let signature = sign(3, &Certificate::payload(&producer, &company, 10, &genesis()));
	Certificate { account: producer, company, valid_until: 10, signature }
}

fn addition() -> Addition {
	let coe = Coe {
		root: H256::repeat_byte(1),
		leaves: 2,
		valid_until: 3,
		signer: pair(4).public(),
		manufacturer: 5,
		certificate: pair(5).sign(b"certificate"),
		signature: pair(4).sign(b"tree"),
	};
	let path = BoundedVec::try_from(alloc::vec![H256::repeat_byte(6); 3]).unwrap();
	let quote = sign(2, &quote_payload(&id(), &genesis()));
	let proof = MeterProof { index: 1, path, coe };
	Addition { ctp: signed_ctp(), proof, quote: Some(quote) }
}

#[test]
fn ctp_should_count_only_as_its_owner_signed_it() {
	let good = signed_ctp();
	assert_eq!(good.verify(&account(1), &genesis()), Ok(()));
	assert_eq!(good.verify(&account(2), &genesis()), Err(Refusal::BadSignature));
	assert_eq!(good.verify(&account(1), &elsewhere()), Err(Refusal::BadSignature));
	for ctp in changed_ctps() {
		let bad = SignedCtp { ctp, ..good.clone() };
		assert_eq!(bad.verify(&account(1), &genesis()), Err(Refusal::BadSignature), "{bad:?}");
	}
	let bad = SignedCtp { signature: sign(2, &ctp().payload(&genesis())), ..good };
	assert_eq!(bad.verify(&account(1), &genesis()), Err(Refusal::BadSignature));
}

#[test]
fn owners_of_every_kind_of_account_should_be_able_to_commit() {
	let payload = ctp().payload(&genesis());
	let (sr, ec) = (sr25519::Pair::from_seed(&[1; 32]), ecdsa::Pair::from_seed(&[1; 32]));
	let ec_account = AccountId::from(sp_io::hashing::blake2_256(ec.public().as_ref()));
	let cases = [
		(AccountId::from(sr.public().0), MultiSignature::Sr25519(sr.sign(&payload))),
		(ec_account, MultiSignature::Ecdsa(ec.sign(&payload))),
	];
	for (owner, signature) in cases {
		let good = SignedCtp { ctp: ctp(), signature };
		assert_eq!(good.verify(&owner, &genesis()), Ok(()));
		assert_eq!(good.verify(&account(1), &genesis()), Err(Refusal::BadSignature));
		assert_eq!(good.verify(&owner, &elsewhere()), Err(Refusal::BadSignature));
		for ctp in changed_ctps() {
			let bad = SignedCtp { ctp, ..good.clone() };
			assert_eq!(bad.verify(&owner, &genesis()), Err(Refusal::BadSignature));
		}
	}
}

#[test]
fn quote_should_count_for_its_ctp_and_producer_only() {
	let quote = sign(2, &quote_payload(&id(), &genesis()));
	assert_eq!(verify_quote(&quote, &id(), &account(2), &genesis()), Ok(()));
	let bad = Err(Refusal::BadQuote);
	assert_eq!(verify_quote(&quote, &id(), &account(1), &genesis()), bad);
	assert_eq!(verify_quote(&quote, &id(), &account(2), &elsewhere()), bad);
	for ctp in changed_ctps() {
		let other = CtpId::of(&ctp, &genesis());
		assert_eq!(verify_quote(&quote, &other, &account(2), &genesis()), bad);
	}
}

#[test]
fn erc_should_count_only_as_its_key_signed_it() {
	let good = erc();
	assert_eq!(good.verify(&genesis()), Ok(()));
	assert_eq!(good.verify(&elsewhere()), Err(Refusal::BadReceiptSignature));
	let payload = Erc::payload(&good.ctp, good.delivered, good.at, &genesis());
	let changed = [
		Erc { ctp: CtpId(H256::zero()), ..good.clone() },
		Erc { delivered: Energy::from_wh(601), ..good.clone() },
		Erc { at: 69_998, ..good.clone() },
		Erc { key: pair(8).public(), ..good.clone() },
		Erc { signature: pair(8).sign(&payload), ..good },
	];
	for bad in changed {
		assert_eq!(bad.verify(&genesis()), Err(Refusal::BadReceiptSignature), "{bad:?}");
	}
}

#[test]
fn erc_should_confirm_its_own_ctp_in_time() {
	let (good, ctp) = (erc(), ctp());
	assert_eq!(good.confirms(&ctp, 69_999, &genesis()), Ok(()));
	let early = good.confirms(&ctp, 69_998, &genesis());
	assert_eq!(early, Err(Refusal::ReceiptFromFuture));
	let at_expiry = good.confirms(&Ctp { expiry: 69_999, ..ctp.clone() }, 70_000, &genesis());
	assert_eq!(at_expiry, Ok(()));
	let late = good.confirms(&Ctp { expiry: 69_998, ..ctp.clone() }, 70_000, &genesis());
	assert_eq!(late, Err(Refusal::ReceiptLate));
	let other = Ctp { receipt_key: ReceiptKey(H256::zero()), ..ctp.clone() };
	let wrong = good.confirms(&other, 70_000, &genesis());
	assert_eq!(wrong, Err(Refusal::WrongReceiptKey));
	let unsigned = good.confirms(&ctp, 70_000, &elsewhere());
	assert_eq!(unsigned, Err(Refusal::BadReceiptSignature));
}

#[test]
fn certificate_should_count_only_as_its_company_signed_it() {
	let good = certificate();
	assert!(good.verify(&genesis()));
	assert!(!good.verify(&elsewhere()));
	let payload = Certificate::payload(&account(2), &account(3), 10, &genesis());
	let changed = [
		Certificate { account: account(1), ..good.clone() },
		Certificate { company: account(1), ..good.clone() },
		Certificate { valid_until: 11, ..good.clone() },
		// The two accounts the other way round, signed by the company.
		Certificate { account: account(3), company: account(2), ..good.clone() },
		Certificate { signature: sign(2, &payload), ..good },
	];
	for bad in changed {
		assert!(!bad.verify(&genesis()), "{bad:?}");
	}
}

/// One key that owns the vault, sells, certifies and measures: what it signs for one purpose
/// must not serve another.
mod one_key_for_all {
	use super::*;
	use crate::relay::{
		listing_payload, node_payload, peer_id, verify_listing, verify_node, Body, CoeRequest,
		ContactKey, Content, Letter, NodeIdentifier, RefuseReason,
	};

	const KINDS: [Tag; 10] = [
		Tag::Ctp,
		Tag::Quote,
		Tag::Coe,
		Tag::Meter,
		Tag::Erc,
		Tag::Certificate,
		Tag::Letter,
		Tag::CoeRequest,
		Tag::Listing,
		Tag::Node,
	];
	const KEY: u8 = 1;
	const CONTACT: ContactKey = ContactKey([5; 32]);

	fn letter() -> Content {
		Content {
			author: account(KEY),
			to: CONTACT,
			reply_to: CONTACT,
			negotiation: [6; 16],
			sequence: 0,
			sent_at: 7,
			body: Body::Refuse { reason: RefuseReason::Busy },
		}
	}

	/// A meter's request for a CoE, not signed yet.
	fn request() -> CoeRequest {
		CoeRequest {
			root: id().0,
			leaves: 600,
			valid_until: 69_999,
			requester: pair(KEY).public(),
			manufacturer: 1,
			certificate: pair(KEY).sign(&payload(Tag::Meter, &genesis())),
			signature: ed25519::Signature::default(),
		}
	}

	fn payload(kind: Tag, genesis: &Genesis) -> Vec<u8> {
		let (key, account) = (pair(KEY).public(), account(KEY));
		match kind {
			Tag::CtpId => Tag::CtpId.payload(genesis, &ctp()),
			Tag::Ctp => ctp().payload(genesis),
			Tag::Quote => quote_payload(&id(), genesis),
			Tag::Coe => Coe::payload(&id().0, 600, 69_999, genesis),
			Tag::Meter => Coe::certificate_payload(1, &key, genesis),
			Tag::Erc => Erc::payload(&id(), Energy::from_wh(600), 69_999, genesis),
			Tag::Certificate => Certificate::payload(&account, &account, 10, genesis),
			Tag::Letter => letter().payload(genesis),
			Tag::CoeRequest => request().payload(&CONTACT, genesis),
			Tag::Listing => listing_payload(&account, &key, 1, &CONTACT, 10, genesis),
			Tag::Node => {
				let node = NodeIdentifier::of_peer(&peer_id(&key));
				node_payload(&account, &node, 10, genesis)
			},
			Tag::Attach => Tag::Attach.payload(genesis, &(CONTACT, id().0)),
		}
	}

	/// Whether `signature` counts as one of this kind.
	fn counts_as(kind: Tag, signature: ed25519::Signature) -> bool {
		let (key, account) = (pair(KEY).public(), account(KEY));
		let multi = MultiSignature::Ed25519(signature);
		let meters =
			RegisteredMeters { manufacturers: [(1, key)].into(), revoked: Default::default() };
		match kind {
			Tag::CtpId | Tag::Attach => false,
			Tag::Ctp => {
				let signed = SignedCtp { ctp: ctp(), signature: multi };
				signed.verify(&account, &genesis()).is_ok()
			},
			Tag::Quote => verify_quote(&multi, &id(), &account, &genesis()).is_ok(),
			Tag::Coe => {
				let certificate = pair(KEY).sign(&payload(Tag::Meter, &genesis()));
				let coe = Coe {
					root: id().0,
					leaves: 600,
					valid_until: 69_999,
					signer: key,
					manufacturer: 1,
					certificate,
					signature,
				};
				coe.verify(69_999, &genesis(), &meters).is_ok()
			},
			Tag::Meter => verify_meter(&key, 1, &signature, &genesis(), &meters).is_ok(),
			Tag::Erc => {
				let delivered = Energy::from_wh(600);
				let erc = Erc { ctp: id(), delivered, at: 69_999, key, signature };
				erc.verify(&genesis()).is_ok()
			},
			Tag::Certificate => {
				let company = account.clone();
				let valid_until = 10;
				Certificate { account, company, valid_until, signature: multi }.verify(&genesis())
			},
			Tag::Letter => {
				let letter = Letter { content: letter(), signature: multi };
				letter.verify(&CONTACT, &genesis()).is_ok()
			},
			Tag::CoeRequest => {
				let request = CoeRequest { signature, ..request() };
				request.verify(&CONTACT, 69_999, &genesis(), &meters).is_ok()
			},
			Tag::Listing => verify_listing(&signature, &account, &key, 1, &CONTACT, 10, &genesis()),
			Tag::Node => verify_node(&signature, &account, &peer_id(&key), 10, &genesis()),
		}
	}

	#[test]
	fn no_signature_should_count_as_another_kind() {
		for signed in KINDS {
			let signature = pair(KEY).sign(&payload(signed, &genesis()));
			for kind in KINDS {
				assert_eq!(counts_as(kind, signature), kind == signed, "{signed:?} as {kind:?}");
			}
		}
	}

	#[test]
	fn no_signature_of_another_chain_should_count() {
		for kind in KINDS {
			let signature = pair(KEY).sign(&payload(kind, &elsewhere()));
			assert!(!counts_as(kind, signature), "{kind:?}");
		}
	}

	#[test]
	fn what_is_hashed_should_count_as_nothing() {
		for hashed in [Tag::CtpId, Tag::Attach] {
			let signature = pair(KEY).sign(&payload(hashed, &genesis()));
			for kind in KINDS {
				assert!(!counts_as(kind, signature), "{hashed:?} as {kind:?}");
			}
		}
	}

	#[test]
	fn payload_without_its_tag_should_count_as_nothing() {
		for kind in KINDS {
			let whole = payload(kind, &genesis());
			let without_tag = pair(KEY).sign(&whole[8..]);
			let content_only = pair(KEY).sign(&whole[40..]);
			assert!(!counts_as(kind, without_tag), "{kind:?}");
			assert!(!counts_as(kind, content_only), "{kind:?}");
		}
	}
}

#[test]
fn receipt_key_should_be_the_hash_of_the_key() {
	let key = pair(9).public();
	assert_eq!(ReceiptKey::of(&key).0 .0, sp_io::hashing::blake2_256(&key.0));
	assert_ne!(ReceiptKey::of(&key), ReceiptKey::of(&pair(8).public()));
}

#[test]
fn numbers_in_more_bytes_than_they_need_should_not_decode() {
	let short = ctp().encode();
	assert_eq!(Ctp::decode_all(&mut &short[..]), Ok(ctp()));
	// The vault, 7, in two bytes instead of one: else one CTP would have several encodings.
	assert_eq!(short[0], 7 << 2);
	let long = [&[(7 << 2) | 1, 0], &short[1..]].concat();
	assert!(Ctp::decode_all(&mut &long[..]).is_err());
}

#[test]
fn unknown_kinds_should_not_decode() {
	let mut bytes = signed_ctp().encode();
	let kind = ctp().encoded_size();
	assert_eq!(bytes[kind], 0);
	bytes[kind] = 4;
	assert!(SignedCtp::decode_all(&mut &bytes[..]).is_err());
	let mut bytes = Message::Confirm(erc(), addition().proof).encode();
	bytes[0] = 2;
	assert!(Message::decode_all(&mut &bytes[..]).is_err());
}

fn refuses_other_lengths<T: Encode + Decode + PartialEq + fmt::Debug>(value: &T) {
	let bytes = value.encode();
	assert_eq!(T::decode_all(&mut &bytes[..]).as_ref(), Ok(value));
	for length in 0..bytes.len() {
		assert!(T::decode_all(&mut &bytes[..length]).is_err(), "{length} bytes of {value:?}");
	}
	for padding in [0, 1, 0xff] {
		let padded = [&bytes[..], &[padding]].concat();
		assert!(T::decode_all(&mut &padded[..]).is_err(), "{value:?} and {padding}");
	}
}

#[test]
fn truncated_and_padded_messages_should_not_decode() {
	let addition = addition();
	refuses_other_lengths(&ctp());
	refuses_other_lengths(&signed_ctp());
	refuses_other_lengths(&erc());
	refuses_other_lengths(&certificate());
	refuses_other_lengths(&addition);
	refuses_other_lengths(&addition.proof);
	let settlement = Settlement { ctp: signed_ctp(), delivered: Energy::from_wh(600) };
	refuses_other_lengths(&settlement);
	let sidecar = Sidecar { added: alloc::vec![addition.clone()], receipts: alloc::vec![erc()] };
	refuses_other_lengths(&sidecar);
	refuses_other_lengths(&Message::Commit(addition.clone()));
	refuses_other_lengths(&Message::Confirm(erc(), addition.proof));
}

#[test]
fn settlement_should_begin_with_the_entry_byte_for_byte() {
	let settlement = Settlement { ctp: signed_ctp(), delivered: Energy::from_wh(600) };
	let delivered = Compact(Energy::from_wh(600)).encode();
	assert_eq!(settlement.encode(), [signed_ctp().encode(), delivered].concat());
}

prop_compose! {
	fn any_ctp()(
		vault: u32,
		offer: u32,
		energy: u32,
		amount: u128,
		expiry: u32,
		receipt_key: [u8; 32],
	) -> Ctp {
		Ctp {
			vault,
			offer,
			energy: Energy::from_wh(energy),
			amount: Money::from_units(amount),
			expiry,
			receipt_key: ReceiptKey(H256(receipt_key)),
		}
	}
}

prop_compose! {
	/// A CTP as there will be for a long time: numbers below 2^30, less than 2^56 units.
	fn usual_ctp()(
		ctp in any_ctp(),
		numbers: [u32; 4],
		amount in 0..1u128 << 56,
	) -> Ctp {
		let [vault, offer, energy, expiry] = numbers.map(|number| number >> 2);
		let (energy, amount) = (Energy::from_wh(energy), Money::from_units(amount));
		Ctp { vault, offer, energy, amount, expiry, ..ctp }
	}
}

fn settle(ctp: Ctp, signature: MultiSignature) -> usize {
	let delivered = ctp.energy;
	Settlement { ctp: SignedCtp { ctp, signature }, delivered }.encoded_size()
}

proptest! {
	#[test]
	fn any_ctp_should_decode_to_itself(ctp in any_ctp()) {
		prop_assert_eq!(Ctp::decode_all(&mut &ctp.encode()[..]), Ok(ctp));
	}

	#[test]
	fn different_ctps_should_have_different_ids(
		a in any_ctp(), b in any_ctp(), here: [u8; 32], there: [u8; 32],
	) {
		let (here, there) = (H256(here), H256(there));
		prop_assert_eq!(a == b, CtpId::of(&a, &here) == CtpId::of(&b, &here));
		prop_assert_eq!(here == there, CtpId::of(&a, &here) == CtpId::of(&a, &there));
		prop_assert!(CtpId::of(&a, &here).pool_slot() < POOL_SLOTS);
	}

	#[test]
	fn changed_bytes_should_not_verify(at: prop::sample::Index, bit in 0..8u8) {
		let mut bytes = signed_ctp().encode();
		let at = at.index(bytes.len());
		bytes[at] ^= 1 << bit;
		// What does not decode is refused before anyone asks for the signature.
		if let Ok(changed) = SignedCtp::decode_all(&mut &bytes[..]) {
			let refused = changed.verify(&account(1), &genesis());
			prop_assert_eq!(refused, Err(Refusal::BadSignature));
		}
	}

	#[test]
	fn settlement_should_take_at_most_125_bytes(
		ctp in usual_ctp(), a: [u8; 32], b: [u8; 32],
	) {
		let signature: [u8; 64] = [a, b].concat().try_into().unwrap();
		let sr25519 = MultiSignature::Sr25519(sr25519::Signature::from_raw(signature));
		let ed25519 = MultiSignature::Ed25519(ed25519::Signature::from_raw(signature));
		prop_assert!(settle(ctp.clone(), sr25519) <= 125);
		prop_assert!(settle(ctp, ed25519) <= 125);
	}

	#[test]
	fn entry_should_be_longer_than_two_hashes(ctp in any_ctp()) {
		// So that no leaf of the database's tree is the hash of a node.
		let signature = signed_ctp().signature;
		let entry = SignedCtp { ctp, signature };
		prop_assert!(entry.encoded_size() >= 100);
	}

	#[test]
	fn bytes_that_decode_should_say_what_was_decoded(at: prop::sample::Index, byte: u8) {
		// One encoding for each message: nothing travels under two names.
		let sidecar = Sidecar {
			added: alloc::vec![addition()],
			receipts: alloc::vec![erc()],
		};
		let mut bytes = sidecar.encode();
		let at = at.index(bytes.len());
		bytes[at] = byte;
		if let Ok(sidecar) = Sidecar::decode_all(&mut &bytes[..]) {
			prop_assert_eq!(sidecar.encode(), bytes);
		}
	}

	#[test]
	fn arbitrary_bytes_should_not_panic(bytes: Vec<u8>) {
		let _ = Message::decode_all(&mut &bytes[..]);
		let _ = Sidecar::decode_all(&mut &bytes[..]);
	}
}

#[test]
fn settlement_should_be_longest_when_all_is_delivered() {
	let signed = signed_ctp();
	let energy = signed.ctp.energy;
	let whole = Settlement { ctp: signed.clone(), delivered: energy };
	assert_eq!(signed.settlement_bytes(), whole.encoded_size());
	let part = Settlement { delivered: Energy::from_wh(1), ..whole };
	assert!(part.encoded_size() <= signed.settlement_bytes());
}

#[test]
fn greatest_settlement_should_take_140_bytes() {
	let ctp = Ctp {
		vault: u32::MAX,
		offer: u32::MAX,
		energy: Energy::MAX,
		amount: Money::MAX,
		expiry: u32::MAX,
		receipt_key: ReceiptKey(H256::zero()),
	};
	let ecdsa = MultiSignature::Ecdsa(ecdsa::Signature::from_raw([0; 65]));
	assert_eq!(settle(ctp, ecdsa), 140);
	assert_eq!(Settlement::max_encoded_len(), 140);
}
