//! The vectors: inputs that a person can read, and what the code makes of them.

use crate::samples::*;
use codec::{DecodeAll, Encode};
use serde_json::{json, Value};
use sp_core::{Pair, H256};
use sp_runtime::MultiSignature;
use spb_primitives::{
	coe::{one_time_seed, tree_path, tree_root},
	database_root, listed_price,
	message::{quote_payload, POOL_SLOTS},
	root::{Key, KEY_LENGTH},
	signing::Tag,
	units::{DECIMALS, SPB},
	Certificate, Coe, Ctp, CtpId, DatabaseDigest, Energy, Erc, InclusionProof, Limits, Message,
	Money, Parameters, Price, ReceiptKey, Refusal, Settlement, Sidecar, SignedCtp, Split,
	ENGINE_ID, MAX_PATH, MAX_TREE_LEAVES, POOL_TAG_PREFIX,
};

pub fn hex(bytes: impl AsRef<[u8]>) -> String {
	format!("0x{}", hex::encode(bytes))
}

/// The encoding, after a look at whether it decodes to the same again.
pub fn scale<T: Encode + DecodeAll + PartialEq + std::fmt::Debug>(value: &T) -> String {
	let bytes = value.encode();
	assert_eq!(T::decode_all(&mut &bytes[..]).as_ref(), Ok(value));
	hex(bytes)
}

fn ctp_json(name: &str, ctp: &Ctp) -> Value {
	let id = CtpId::of(ctp, &genesis());
	json!({
		"name": name,
		"vault": ctp.vault,
		"offer": ctp.offer,
		"energy": ctp.energy,
		"amount": ctp.amount,
		"expiry": ctp.expiry,
		"receiptKey": hex(ctp.receipt_key),
		"encoded": scale(ctp),
		"idPayload": hex(Tag::CtpId.payload(&genesis(), ctp)),
		"id": hex(id),
		"payload": hex(ctp.payload(&genesis())),
		"poolSlot": id.pool_slot(),
	})
}

fn signature_json(signature: &MultiSignature) -> Value {
	let (kind, bytes) = match signature {
		MultiSignature::Ed25519(bytes) => ("Ed25519", bytes.0.to_vec()),
		MultiSignature::Sr25519(bytes) => ("Sr25519", bytes.0.to_vec()),
		MultiSignature::Ecdsa(bytes) => ("Ecdsa", bytes.0.to_vec()),
		MultiSignature::Eth(bytes) => ("Eth", bytes.0.to_vec()),
	};
	json!({ "kind": kind, "bytes": hex(bytes) })
}

fn proof_json(entries: &[(Key, H256)], root: &H256, at: usize) -> Value {
	let (key, leaf) = &entries[at];
	let proof = InclusionProof::of(entries, key).expect("the entry is there");
	assert!(proof.verify(root, key, leaf));
	let steps: Vec<Value> = proof
		.steps
		.iter()
		.map(|step| json!({ "bit": step.bit, "sibling": hex(step.sibling) }))
		.collect();
	json!({ "entry": at, "steps": steps, "encoded": scale(&proof) })
}

fn databases() -> Value {
	let all = entries();
	let sizes = [0, 1, 2, 3, 7];
	let databases = sizes.map(|size| {
		let leaves: Vec<_> =
			all[..size].iter().map(|(key, _, entry)| (*key, entry.leaf())).collect();
		let root = database_root(&leaves);
		let proofs: Vec<Value> = (0..size).map(|at| proof_json(&leaves, &root, at)).collect();
		json!({ "entries": size, "root": hex(root), "proofs": proofs })
	});
	json!(databases)
}

fn trees() -> Value {
	let trees = [1, 2, 3, 5, 7, 8, 11].map(|leaves| {
		let keys = receipt_keys(leaves, leaves);
		let paths: Vec<Vec<String>> = (0..leaves)
			.map(|leaf| {
				tree_path(&keys, leaf).expect("the leaf is there").iter().map(hex).collect()
			})
			.collect();
		json!({
			"tree": leaves,
			"receiptKeys": keys.iter().map(hex).collect::<Vec<_>>(),
			"root": hex(tree_root(&keys).expect("the tree has leaves")),
			"paths": paths,
		})
	});
	json!(trees)
}

fn one_time_keys() -> Value {
	let places = [(0, 0), (0, 1), (1, 0), (TREE, LEAF), (u32::MAX, MAX_TREE_LEAVES - 1)];
	let keys = places.map(|(tree, leaf)| {
		let key = one_time_pair(tree, leaf).public();
		json!({
			"tree": tree,
			"leaf": leaf,
			"seed": hex(one_time_seed(&[METER; 32], tree, leaf)),
			"public": hex(key.0),
			"receiptKey": hex(ReceiptKey::of(&key)),
		})
	});
	json!(keys)
}

fn listed_prices() -> Value {
	let cases = [
		(0, 7),
		(1, 1),
		(1_000, 1),
		(1_001, 1),
		(3 * SPB / 10, 1_500),
		(SPB, u32::MAX),
		(u128::MAX, 1_000),
		(u128::MAX, 1_001),
	];
	let cases = cases.map(|(price, wh)| {
		let (price, energy) = (Price::per_kwh(price), Energy::from_wh(wh));
		json!({ "price": price, "energy": energy, "listed": listed_price(price, energy) })
	});
	json!(cases)
}

fn splits() -> Value {
	let cases = [
		(100, 7, 3, 3),
		(101, 1, 1, 3),
		(5, 7, 1, 1),
		(450_000_123_456, 10_000_000, 1_499, 1_500),
		(u128::MAX, u128::MAX, 1, u32::MAX),
		(u128::MAX, 1, u32::MAX - 1, u32::MAX),
		(9, 1, 0, 3),
		(9, 1, 4, 3),
	];
	let cases = cases.map(|(amount, fee, delivered, energy)| {
		let (amount, fee) = (Money::from_units(amount), Money::from_units(fee));
		let (delivered, energy) = (Energy::from_wh(delivered), Energy::from_wh(energy));
		let split = Split::of(amount, fee, delivered, energy).map(
			|split| json!({ "payment": split.payment, "fee": split.fee, "released": split.released }),
		);
		json!({
			"amount": amount,
			"fee": fee,
			"delivered": delivered,
			"energy": energy,
			"split": split,
		})
	});
	json!(cases)
}

fn refusals() -> Value {
	Refusal::ALL
		.iter()
		.map(|refusal| {
			let (code, name, rule) = (refusal.code(), refusal.name(), refusal.rule());
			json!({ "code": code, "name": name, "rule": rule, "encoded": scale(refusal) })
		})
		.collect()
}

fn tags() -> Value {
	let tags = [
		("CtpId", Tag::CtpId),
		("Ctp", Tag::Ctp),
		("Quote", Tag::Quote),
		("Coe", Tag::Coe),
		("Meter", Tag::Meter),
		("Erc", Tag::Erc),
		("Certificate", Tag::Certificate),
		("Letter", Tag::Letter),
		("CoeRequest", Tag::CoeRequest),
		("Listing", Tag::Listing),
		("Node", Tag::Node),
		("Attach", Tag::Attach),
	];
	let text = |bytes: [u8; 8]| String::from_utf8(bytes.to_vec()).expect("tags are ASCII");
	tags.into_iter().map(|(name, tag)| (name.to_string(), json!(text(tag.bytes())))).collect()
}

fn keys() -> Value {
	let keys = [
		("owner", OWNER),
		("producer", PRODUCER),
		("manufacturer", MANUFACTURER),
		("signer", SIGNER),
		("company", COMPANY),
	];
	keys.into_iter()
		.map(|(name, seed)| {
			let public = hex(pair(seed).public().0);
			(name.to_string(), json!({ "seed": hex([seed; 32]), "public": public }))
		})
		.collect()
}

fn constants() -> Value {
	json!({
		"decimals": DECIMALS,
		"engineId": String::from_utf8_lossy(&ENGINE_ID),
		"entryKeyLength": KEY_LENGTH,
		"maxPath": MAX_PATH,
		"maxTreeLeaves": MAX_TREE_LEAVES,
		"poolSlots": POOL_SLOTS,
		"poolTagPrefix": String::from_utf8_lossy(POOL_TAG_PREFIX),
	})
}

fn parameters() -> Value {
	let parameters = Parameters {
		min_lifetime: 1,
		max_lifetime: 0x0203_0405,
		grace: 6,
		evidence_window: 0x0708,
		slot_duration: 0x090a_0b0c_0d0e,
	};
	json!({ "values": parameters, "encoded": scale(&parameters) })
}

fn limits() -> Value {
	let limits = Limits {
		fee: Money::from_units(1 << 100),
		min_amount: Money::from_units(2),
		max_settlements: 3,
		max_open: 4,
		max_open_per_vault: 5,
		max_sidecar: 0x0607_0809,
	};
	json!({ "values": limits, "encoded": scale(&limits) })
}

fn messages() -> Value {
	json!([
		{ "name": "commit", "encoded": scale(&Message::Commit(addition(None))) },
		{ "name": "commitWithQuote", "encoded": scale(&Message::Commit(addition(Some(quote())))) },
		{ "name": "confirm", "encoded": scale(&Message::Confirm(erc(), meter_proof())) },
	])
}

fn sidecars() -> Value {
	let full =
		Sidecar { added: vec![addition(None), addition(Some(quote()))], receipts: vec![erc()] };
	let sidecars = [("empty", Sidecar::default()), ("full", full)].map(|(name, sidecar)| {
		json!({ "name": name, "encoded": scale(&sidecar), "hash": hex(sidecar.hash()) })
	});
	json!(sidecars)
}

fn settlements() -> Value {
	let of = |name: &str, (_, of, ctp): &(&str, &str, SignedCtp), delivered: Energy| {
		let settlement = Settlement { ctp: ctp.clone(), delivered };
		let length = settlement.encoded_size();
		json!({
			"name": name,
			"ctp": of,
			"signature": signature_json(&ctp.signature),
			"delivered": delivered,
			"encoded": scale(&settlement),
			"length": length,
		})
	};
	let signed = signed_ctps();
	json!([of("ordinary", &signed[0], erc().delivered), of("greatest", &signed[3], Energy::MAX),])
}

fn digest() -> Value {
	let digest =
		DatabaseDigest { database_root: H256(counting()), sidecar_hash: Sidecar::default().hash() };
	let item = digest.to_item();
	let header = sp_runtime::Digest { logs: vec![item.clone()] };
	assert_eq!(DatabaseDigest::find(&header), Some(digest));
	json!({
		"databaseRoot": hex(digest.database_root),
		"sidecarHash": hex(digest.sidecar_hash),
		"encoded": scale(&digest),
		"item": scale(&item),
	})
}

/// All vectors.
pub fn all() -> Value {
	let id = CtpId::of(&ordinary_ctp(), &genesis());
	let (quote, erc, coe, proof, certificate) =
		(quote(), erc(), coe(), meter_proof(), certificate());
	json!({
		"about": "Written by primitives/tests/golden; money is in the smallest unit, as text.",
		"genesis": hex(genesis()),
		"meterSeed": hex([METER; 32]),
		"keys": keys(),
		"tags": tags(),
		"constants": constants(),
		"parameters": parameters(),
		"limits": limits(),
		"ctps": ctps().iter().map(|(name, ctp)| ctp_json(name, ctp)).collect::<Vec<_>>(),
		"signedCtps": signed_ctps().iter().map(|(name, of, signed)| json!({
			"name": name,
			"ctp": of,
			"signature": signature_json(&signed.signature),
			"encoded": scale(signed),
			"leaf": hex(signed.leaf()),
		})).collect::<Vec<_>>(),
		"quote": {
			"ctp": "ordinary",
			"payload": hex(quote_payload(&id, &genesis())),
			"signature": signature_json(&quote),
			"encoded": scale(&quote),
		},
		"oneTimeKeys": one_time_keys(),
		"trees": trees(),
		"coe": {
			"tree": TREE,
			"root": hex(coe.root),
			"leaves": coe.leaves,
			"validUntil": coe.valid_until,
			"signer": hex(coe.signer.0),
			"manufacturer": coe.manufacturer,
			"certificatePayload":
				hex(Coe::certificate_payload(coe.manufacturer, &coe.signer, &genesis())),
			"certificate": hex(coe.certificate.0),
			"payload": hex(Coe::payload(&coe.root, coe.leaves, coe.valid_until, &genesis())),
			"signature": hex(coe.signature.0),
			"encoded": scale(&coe),
		},
		"meterProof": {
			"index": proof.index,
			"path": proof.path.iter().map(hex).collect::<Vec<_>>(),
			"encoded": scale(&proof),
		},
		"erc": {
			"ctp": "ordinary",
			"delivered": erc.delivered,
			"at": erc.at,
			"key": hex(erc.key.0),
			"payload": hex(Erc::payload(&erc.ctp, erc.delivered, erc.at, &genesis())),
			"signature": hex(erc.signature.0),
			"encoded": scale(&erc),
		},
		"certificate": {
			"account": hex(&certificate.account),
			"company": hex(&certificate.company),
			"validUntil": certificate.valid_until,
			"payload": hex(Certificate::payload(
				&certificate.account,
				&certificate.company,
				certificate.valid_until,
				&genesis(),
			)),
			"signature": signature_json(&certificate.signature),
			"encoded": scale(&certificate),
		},
		"additions": [
			{ "name": "plain", "encoded": scale(&addition(None)) },
			{ "name": "quoted", "encoded": scale(&addition(Some(quote.clone()))) },
		],
		"sidecars": sidecars(),
		"messages": messages(),
		"settlements": settlements(),
		"digest": digest(),
		"entries": entries().iter().map(|(key, id, signed)| json!({
			"vault": signed.ctp.vault,
			"expiry": signed.ctp.expiry,
			"signature": signature_json(&signed.signature),
			"id": hex(id),
			"key": hex(key),
			"leaf": hex(signed.leaf()),
		})).collect::<Vec<_>>(),
		"databases": databases(),
		"listedPrices": listed_prices(),
		"splits": splits(),
		"refusals": refusals(),
		"relay": crate::relay::all(),
	})
}
