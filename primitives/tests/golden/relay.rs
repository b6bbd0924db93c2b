//! Vectors of what travels over the backbone. Sealing is random and has the RFC's own vectors
//! (`src/relay/sealing/tests.rs`).

use crate::{
	samples::*,
	vectors::{hex, scale},
};
use serde_json::{json, Value};
use sp_core::{Pair, H256};
use sp_runtime::MultiSignature;
use spb_primitives::{
	coe::tree_root,
	relay::{
		distance, listing_payload, node_payload, pad, peer_id, sealed_length, shared_prefix,
		verify_listing, verify_node, Body, CoeRefusal, CoeRequest, Content, Packet, RefuseReason,
		MAX_CONSENT, MAX_HOPS, PADDED,
	},
	signing::Tag,
	BlockNumber, Coe, ContactKey, CtpId, Energy, MeterSignature, NodeIdentifier, Price, Refusal,
};

const TO: ContactKey = ContactKey([0x11; 32]);
const FROM: ContactKey = ContactKey([0x22; 32]);
const SENT_AT: u64 = 1_795_000_000_123;
/// The last block at which the consents count.
const UNTIL: BlockNumber = 123_456;

fn raw(signature: &MultiSignature) -> String {
	match signature {
		MultiSignature::Ed25519(bytes) => hex(bytes.0),
		_ => unreachable!("the samples sign with Ed25519"),
	}
}

fn request() -> CoeRequest {
	let requester = pair(METER).public();
	let certified = Coe::certificate_payload(MANUFACTURER_ID, &requester, &genesis());
	let mut request = CoeRequest {
		root: tree_root(&receipt_keys(TREE, LEAVES)).expect("the tree has leaves"),
		leaves: LEAVES,
		valid_until: UNTIL,
		requester,
		manufacturer: MANUFACTURER_ID,
		certificate: pair(MANUFACTURER).sign(&certified),
		signature: MeterSignature::from_raw([0; 64]),
	};
	request.signature = pair(METER).sign(&request.payload(&TO, &genesis()));
	request
}

fn bodies() -> [(&'static str, Body); 9] {
	let ctp = CtpId::of(&ordinary_ctp(), &genesis());
	let rule = CoeRefusal::Rule(Refusal::MeterRevoked);
	[
		(
			"ask",
			Body::Ask {
				offer: 1_234,
				energy: Energy::from_wh(1_500),
				price: Price::per_kwh(300_000_000_000),
			},
		),
		(
			"counterOffer",
			Body::CounterOffer { price: Price::per_kwh(290_000_000_000), valid_for: 20 },
		),
		("accept", Body::Accept { ctp: ordinary_ctp() }),
		("quote", Body::Quote { ctp, quote: quote() }),
		("refuse", Body::Refuse { reason: RefuseReason::TooExpensive }),
		("coeRequest", Body::CoeRequest { request: request() }),
		("coeSigned", Body::CoeSigned { coe: coe() }),
		("coeRefusedByRule", Body::CoeRefused { reason: rule }),
		("coeRefused", Body::CoeRefused { reason: CoeRefusal::Busy }),
	]
}

fn letters() -> Value {
	let letters = (0..).zip(bodies()).map(|(sequence, (name, body))| {
		let encoded_body = scale(&body);
		let content = Content {
			author: account(PRODUCER),
			to: TO,
			reply_to: FROM,
			negotiation: counting(),
			sequence,
			sent_at: SENT_AT,
			body,
		};
		let payload = content.payload(&genesis());
		let letter = content.sign(&genesis(), |payload| sign(PRODUCER, payload));
		assert_eq!(letter.verify(&TO, &genesis()), Ok(()));
		json!({
			"name": name,
			"sequence": sequence,
			"body": encoded_body,
			"payload": hex(payload),
			"signature": raw(&letter.signature),
			"encoded": scale(&letter),
		})
	});
	letters.collect()
}

fn requested() -> Value {
	let request = request();
	json!({
		"root": hex(request.root),
		"leaves": request.leaves,
		"validUntil": request.valid_until,
		"requester": hex(request.requester.0),
		"manufacturer": request.manufacturer,
		"certificate": hex(request.certificate.0),
		"payload": hex(request.payload(&TO, &genesis())),
		"signature": hex(request.signature.0),
		"encoded": scale(&request),
	})
}

fn packet() -> Value {
	let sealed = vec![0x5b; sealed_length(PADDED[0])];
	let packet = Packet {
		to: TO,
		from: FROM,
		nonce: counting(),
		hops: 3,
		sent_at: SENT_AT,
		sealed: sealed.try_into().expect("it is a padded size"),
	};
	assert_eq!(packet.check(SENT_AT), Ok(()));
	json!({
		"nonce": hex(packet.nonce),
		"hops": packet.hops,
		"sealedByte": 0x5b,
		"sealedLength": packet.sealed.len(),
		"aad": hex(Packet::aad(&TO, &FROM, &packet.nonce, SENT_AT)),
		"id": hex(packet.id()),
		"encoded": scale(&packet),
	})
}

fn node() -> Value {
	let (owner, key) = (account(COMPANY), pair(OWNER));
	let peer = peer_id(&key.public());
	let identifier = NodeIdentifier::of_peer(&peer);
	let payload = node_payload(&owner, &identifier, UNTIL, &genesis());
	let signature = key.sign(&payload);
	assert!(verify_node(&signature, &owner, &peer, UNTIL, &genesis()));
	json!({
		"owner": hex(&owner),
		"key": "owner",
		"peer": hex(peer),
		"identifier": hex(identifier.0),
		"validUntil": UNTIL,
		"payload": hex(payload),
		"signature": hex(signature.0),
	})
}

fn listing() -> Value {
	let (owner, meter) = (account(COMPANY), pair(SIGNER));
	let (key, genesis) = (meter.public(), genesis());
	let payload = listing_payload(&owner, &key, MANUFACTURER_ID, &TO, UNTIL, &genesis);
	let signature = meter.sign(&payload);
	assert!(verify_listing(&signature, &owner, &key, MANUFACTURER_ID, &TO, UNTIL, &genesis));
	json!({
		"owner": hex(&owner),
		"meter": "signer",
		"manufacturer": MANUFACTURER_ID,
		"contact": hex(TO.0),
		"validUntil": UNTIL,
		"payload": hex(payload),
		"signature": hex(signature.0),
	})
}

/// What the answer to a challenge is hashed from; the challenge itself is sealed at random.
fn attach() -> Value {
	let (node, secret) = (NodeIdentifier(H256::repeat_byte(0x33)), counting::<32>());
	let payload = Tag::Attach.payload(&genesis(), &(TO, node, secret));
	json!({
		"contact": hex(TO.0),
		"node": hex(node.0),
		"secret": hex(secret),
		"payload": hex(&payload),
		"answer": hex(sp_io::hashing::blake2_256(&payload)),
	})
}

fn distances() -> Value {
	let key = |seed: u8| ContactKey(sp_io::hashing::blake2_256(&[seed]));
	let mut close = key(1);
	close.0[31] ^= 1;
	let pairs = [(key(1), key(1)), (key(1), close), (key(1), key(2)), (TO, FROM)];
	let distances = pairs.map(|(a, b)| {
		json!({
			"a": hex(a.0),
			"b": hex(b.0),
			"distance": hex(distance(&a, &b)),
			"sharedPrefix": shared_prefix(&a, &b),
		})
	});
	json!(distances)
}

fn padded() -> Value {
	let lengths = [0, 1, PADDED[0] - 1, PADDED[0], PADDED[1], PADDED[2] - 1];
	let padded = lengths.map(|length| {
		let padded = pad(&vec![0xaa; length]).expect("it fits");
		let hash = sp_io::hashing::blake2_256(&padded);
		json!({ "length": length, "padded": padded.len(), "hash": hex(hash) })
	});
	json!(padded)
}

/// All of them.
pub fn all() -> Value {
	json!({
		"to": hex(TO.0),
		"from": hex(FROM.0),
		"negotiation": hex(counting::<16>()),
		"sentAt": SENT_AT,
		"maxHops": MAX_HOPS,
		"maxConsent": MAX_CONSENT,
		"letters": letters(),
		"request": requested(),
		"packet": packet(),
		"node": node(),
		"listing": listing(),
		"attach": attach(),
		"distances": distances(),
		"padded": padded(),
	})
}
