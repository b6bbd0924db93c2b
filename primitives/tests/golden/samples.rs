//! What the vectors are made of: keys from seeds, messages that hold, and their bounds.

use sp_core::{ecdsa, ed25519, sr25519, Pair, H256};
use sp_runtime::MultiSignature;
use spb_primitives::{
	coe::{one_time_seed, tree_path, tree_root},
	message::{quote_payload, verify_quote},
	root::{entry_key, Key},
	AccountId, Addition, BlockNumber, Certificate, Coe, Ctp, CtpId, Energy, Erc, Genesis,
	ManufacturerId, MeterProof, Money, Quote, ReceiptKey, RegisteredMeters, SignedCtp,
};

/// The seeds of the keys: 32 times this byte.
pub const OWNER: u8 = 1;
pub const PRODUCER: u8 = 2;
pub const MANUFACTURER: u8 = 3;
pub const SIGNER: u8 = 4;
pub const COMPANY: u8 = 5;
/// The seed of the meter that derives the one-time keys.
pub const METER: u8 = 6;

pub const MANUFACTURER_ID: ManufacturerId = 513;
/// The meter's tree that the CoE is about, and how many keys it has.
pub const TREE: u32 = 2;
pub const LEAVES: u32 = 11;
/// The leaf that the CTPs name: its path is shorter than the tree is high.
pub const LEAF: u32 = 9;

pub fn genesis() -> Genesis {
	H256(sp_io::hashing::blake2_256(b"genesis of the golden vectors"))
}

pub fn pair(seed: u8) -> ed25519::Pair {
	ed25519::Pair::from_seed(&[seed; 32])
}

pub fn account(seed: u8) -> AccountId {
	AccountId::from(pair(seed).public().0)
}

pub fn sign(seed: u8, payload: &[u8]) -> MultiSignature {
	MultiSignature::Ed25519(pair(seed).sign(payload))
}

/// `0x01, 0x02, ..`: bytes that are no signature, but whose order can be seen.
pub fn counting<const N: usize>() -> [u8; N] {
	core::array::from_fn(|at| at as u8 + 1)
}

pub fn one_time_pair(tree: u32, leaf: u32) -> ed25519::Pair {
	ed25519::Pair::from_seed(&one_time_seed(&[METER; 32], tree, leaf))
}

pub fn receipt_keys(tree: u32, leaves: u32) -> Vec<ReceiptKey> {
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

pub fn ctps() -> [(&'static str, Ctp); 4] {
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

pub fn signed_ctp() -> SignedCtp {
	let ctp = ordinary_ctp();
	let signature = sign(OWNER, &ctp.payload(&genesis()));
	let signed = SignedCtp { ctp, signature };
	assert_eq!(signed.verify(&account(OWNER), &genesis()), Ok(()));
	signed
}

pub fn signed_ctps() -> Vec<(&'static str, &'static str, SignedCtp)> {
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

pub fn quote() -> Quote {
	let id = CtpId::of(&ordinary_ctp(), &genesis());
	let quote = sign(PRODUCER, &quote_payload(&id, &genesis()));
	assert_eq!(verify_quote(&quote, &id, &account(PRODUCER), &genesis()), Ok(()));
	quote
}

pub fn erc() -> Erc {
	let ctp = CtpId::of(&ordinary_ctp(), &genesis());
	let (delivered, at) = (Energy::from_wh(1_499), 99_990);
	let key = one_time_pair(TREE, LEAF);
	let signature = key.sign(&Erc::payload(&ctp, delivered, at, &genesis()));
	let erc = Erc { ctp, delivered, at, key: key.public(), signature };
	assert_eq!(erc.verify(&genesis()), Ok(()));
	erc
}

pub fn coe() -> Coe {
	let root = tree_root(&receipt_keys(TREE, LEAVES)).expect("the tree has leaves");
	let (signer, valid_until) = (pair(SIGNER), 123_456);
	let certificate = pair(MANUFACTURER).sign(&Coe::certificate_payload(
		MANUFACTURER_ID,
		&signer.public(),
		&genesis(),
	));
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

pub fn meter_proof() -> MeterProof {
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

pub fn certificate() -> Certificate {
	let (producer, company, valid_until) = (account(PRODUCER), account(COMPANY), 70_000);
	let payload = Certificate::payload(&producer, &company, valid_until, &genesis());
	let signature = sign(COMPANY, &payload);
	let certificate = Certificate { account: producer, company, valid_until, signature };
	assert!(certificate.verify(&genesis()));
	certificate
}

pub fn addition(quote: Option<Quote>) -> Addition {
	Addition { ctp: signed_ctp(), proof: meter_proof(), quote }
}

/// Seven entries over four expiries, in order of their keys.
pub fn entries() -> Vec<(Key, CtpId, SignedCtp)> {
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
