//! The vectors: inputs that a person can read, and what the code makes of them.

use codec::{DecodeAll, Encode};
use serde_json::{json, Value};
use sp_core::{ecdsa, ed25519, sr25519, Pair, H256};
use sp_runtime::MultiSignature;
use spb_primitives::{
	coe::{one_time_seed, tree_path, tree_root},
	database_root, listed_price,
	message::{quote_payload, verify_quote, POOL_SLOTS},
	root::{entry_key, Key, KEY_LENGTH},
	signing::Tag,
	units::{DECIMALS, SPB},
	AccountId, Addition, BlockNumber, Certificate, Coe, Ctp, CtpId, DatabaseDigest, Energy, Erc,
	Genesis, InclusionProof, Limits, ManufacturerId, Message, MeterProof, Money, Parameters, Price,
	Quote, ReceiptKey, Refusal, RegisteredMeters, Settlement, Sidecar, SignedCtp, Split, ENGINE_ID,
	MAX_PATH, MAX_TREE_LEAVES, POOL_TAG_PREFIX,
};

/// The seeds of the keys: 32 times this byte.
const OWNER: u8 = 1;
const PRODUCER: u8 = 2;
const MANUFACTURER: u8 = 3;
const SIGNER: u8 = 4;
const COMPANY: u8 = 5;
/// The seed of the meter that derives the one-time keys.
const METER: u8 = 6;

const MANUFACTURER_ID: ManufacturerId = 513;
/// The meter's tree that the CoE is about, and how many keys it has.
const TREE: u32 = 2;
const LEAVES: u32 = 11;
/// The leaf that the CTPs name: its path is shorter than the tree is high.
const LEAF: u32 = 9;

pub fn hex(bytes: impl AsRef<[u8]>) -> String {
	format!("0x{}", hex::encode(bytes))
}

/// The encoding, after a look at whether it decodes to the same again.
fn scale<T: Encode + DecodeAll + PartialEq + std::fmt::Debug>(value: &T) -> String {
	let bytes = value.encode();
	assert_eq!(T::decode_all(&mut &bytes[..]).as_ref(), Ok(value));
	hex(bytes)
}

fn genesis() -> Genesis {
	H256(sp_io::hashing::blake2_256(b"genesis of the golden vectors"))
}

fn pair(seed: u8) -> ed25519::Pair {
	ed25519::Pair::from_seed(&[seed; 32])
}

fn account(seed: u8) -> AccountId {
	AccountId::from(pair(seed).public().0)
}

fn sign(seed: u8, payload: &[u8]) -> MultiSignature {
	MultiSignature::Ed25519(pair(seed).sign(payload))
}

/// `0x01, 0x02, ..`: bytes that are no signature, but whose order can be seen.
fn counting<const N: usize>() -> [u8; N] {
	core::array::from_fn(|at| at as u8 + 1)
}

fn one_time_pair(tree: u32, leaf: u32) -> ed25519::Pair {
	ed25519::Pair::from_seed(&one_time_seed(&[METER; 32], tree, leaf))
}

fn receipt_keys(tree: u32, leaves: u32) -> Vec<ReceiptKey> {
	(0..leaves).map(|leaf| ReceiptKey::of(&one_time_pair(tree, leaf).public())).collect()
}

pub fn ordinary_ctp() -> Ctp {
	Ctp {
		vault: 7,
		offer: 1_234,
		energy: Energy::from_wh(1_500),
		amount: Money::from_units(450_000_123_456),
		expiry: 100_000,
		receipt_key: ReceiptKey::of(&one_time_pair(TREE, LEAF).public()),
	}
}

fn ctps() -> [(&'static str, Ctp); 4] {
	let ordinary = ordinary_ctp();
	let least = Ctp {
		vault: 0,
		offer: 0,
		energy: Energy::ZERO,
		amount: Money::ZERO,
		expiry: 0,
		receipt_key: ReceiptKey(H256::zero()),
	};
	// Each number is the least that its compact encoding needs one more byte for.
	let steps = Ctp {
		vault: 1 << 6,
		offer: 1 << 14,
		energy: Energy::from_wh(1 << 30),
		amount: Money::from_units(1 << 64),
		expiry: (1 << 6) - 1,
		receipt_key: ordinary.receipt_key,
	};
	let greatest = Ctp {
		vault: u32::MAX,
		offer: u32::MAX,
		energy: Energy::MAX,
		amount: Money::MAX,
		expiry: u32::MAX,
		receipt_key: ReceiptKey(H256::repeat_byte(0xff)),
	};
	[("ordinary", ordinary), ("least", least), ("steps", steps), ("greatest", greatest)]
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

fn signed_ctp() -> SignedCtp {
	let ctp = ordinary_ctp();
	let signature = sign(OWNER, &ctp.payload(&genesis()));
	let signed = SignedCtp { ctp, signature };
	assert_eq!(signed.verify(&account(OWNER), &genesis()), Ok(()));
	signed
}

fn signed_ctps() -> Vec<(&'static str, &'static str, SignedCtp)> {
	let [(ordinary_name, ordinary), _, _, (greatest_name, greatest)] = ctps();
	let with = |ctp: &Ctp, signature| SignedCtp { ctp: ctp.clone(), signature };
	let sr25519 = MultiSignature::Sr25519(sr25519::Signature::from_raw(counting()));
	let ecdsa = MultiSignature::Ecdsa(ecdsa::Signature::from_raw(counting()));
	let eth = MultiSignature::Eth(ecdsa::KeccakSignature::from_raw(counting()));
	vec![
		("ed25519", ordinary_name, signed_ctp()),
		("sr25519", ordinary_name, with(&ordinary, sr25519)),
		("ecdsa", ordinary_name, with(&ordinary, ecdsa)),
		("eth", greatest_name, with(&greatest, eth)),
	]
}

fn quote() -> Quote {
	let id = CtpId::of(&ordinary_ctp(), &genesis());
	let quote = sign(PRODUCER, &quote_payload(&id, &genesis()));
	assert_eq!(verify_quote(&quote, &id, &account(PRODUCER), &genesis()), Ok(()));
	quote
}

fn erc() -> Erc {
	let ctp = CtpId::of(&ordinary_ctp(), &genesis());
	let (delivered, at) = (Energy::from_wh(1_499), 99_990);
	let key = one_time_pair(TREE, LEAF);
	let signature = key.sign(&Erc::payload(&ctp, delivered, at, &genesis()));
	let erc = Erc { ctp, delivered, at, key: key.public(), signature };
	assert_eq!(erc.verify(&genesis()), Ok(()));
	erc
}

fn coe() -> Coe {
	let root = tree_root(&receipt_keys(TREE, LEAVES)).expect("the tree has leaves");
	let (signer, valid_until) = (pair(SIGNER), 123_456);
	let certificate = pair(MANUFACTURER)
		.sign(&Coe::certificate_payload(MANUFACTURER_ID, &signer.public(), &genesis()));
	let signature = signer.sign(&Coe::payload(&root, LEAVES, valid_until, &genesis()));
	Coe {
		root,
		leaves: LEAVES,
		valid_until,
		signer: signer.public(),
		manufacturer: MANUFACTURER_ID,
		certificate,
		signature,
	}
}

fn meter_proof() -> MeterProof {
	let keys = receipt_keys(TREE, LEAVES);
	let path = tree_path(&keys, LEAF).expect("the leaf is there");
	let proof = MeterProof { index: LEAF, path, coe: coe() };
	let meters = RegisteredMeters {
		manufacturers: [(MANUFACTURER_ID, pair(MANUFACTURER).public())].into(),
		revoked: Default::default(),
	};
	let key = keys[LEAF as usize];
	assert_eq!(proof.verify(&key, coe().valid_until, &genesis(), &meters), Ok(()));
	proof
}

fn certificate() -> Certificate {
	let (producer, company, valid_until) = (account(PRODUCER), account(COMPANY), 70_000);
	let payload = Certificate::payload(&producer, &company, valid_until, &genesis());
	let signature = sign(COMPANY, &payload);
	let certificate = Certificate { account: producer, company, valid_until, signature };
	assert!(certificate.verify(&genesis()));
	certificate
}

fn addition(quote: Option<Quote>) -> Addition {
	Addition { ctp: signed_ctp(), proof: meter_proof(), quote }
}

/// Seven entries over four expiries, in order of their keys.
fn entries() -> Vec<(Key, CtpId, SignedCtp)> {
	let ctp = |at: u32, expiry: BlockNumber| {
		let ctp = Ctp { vault: at, expiry, ..ordinary_ctp() };
		let signature = sign(OWNER, &ctp.payload(&genesis()));
		let id = CtpId::of(&ctp, &genesis());
		(entry_key(expiry, &id), id, SignedCtp { ctp, signature })
	};
	let expiries = [255, 256, 256, 256, 65_536, 65_536, 100_000];
	let mut entries: Vec<_> = (1..).zip(expiries).map(|(at, expiry)| ctp(at, expiry)).collect();
	entries.sort_by_key(|(key, ..)| *key);
	entries
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
			.map(|leaf| tree_path(&keys, leaf).expect("the leaf is there").iter().map(hex).collect())
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
		let split = Split::of(amount, fee, delivered, energy).map(|split| {
			json!({ "payment": split.payment, "fee": split.fee, "released": split.released })
		});
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
	let full = Sidecar { added: vec![addition(None), addition(Some(quote()))], receipts: vec![erc()] };
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
	json!([
		of("ordinary", &signed[0], erc().delivered),
		of("greatest", &signed[3], Energy::MAX),
	])
}

fn digest() -> Value {
	let digest = DatabaseDigest {
		database_root: H256(counting()),
		sidecar_hash: Sidecar::default().hash(),
	};
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
	})
}
