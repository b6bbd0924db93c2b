//! Those who trade: their keys, and the messages that they make.

use super::*;
use crate::Call;
use sp_core::{ed25519, Pair};
use sp_runtime::MultiSignature;
use spb_primitives::{
	coe::{one_time_seed, tree_path, tree_root},
	message::quote_payload,
	Addition, BlockNumber, Certificate, Coe, Ctp, CtpId, Erc, Genesis, Message, MeterProof, Quote,
	ReceiptKey, Settlement, SignedCtp,
};
use std::sync::{LazyLock, OnceLock};

/// The hash of block 0 of another chain.
pub const OTHER_GENESIS: Genesis = H256([70; 32]);
/// A block that no test reaches.
pub const FAR: BlockNumber = 1_000_000;

/// The key pair of a manufacturer.
pub fn maker(number: ManufacturerId) -> ed25519::Pair {
	ed25519::Pair::from_seed(&[number as u8; 32])
}

/// The key of a manufacturer.
pub fn maker_key(number: ManufacturerId) -> MeterKey {
	maker(number).public()
}

/// The account of a manufacturer's key.
pub fn maker_account(number: ManufacturerId) -> AccountId {
	AccountId::from(maker_key(number).0)
}

/// The key pair built into a meter.
pub fn meter_pair(number: u8) -> ed25519::Pair {
	ed25519::Pair::from_seed(&[100 + number; 32])
}

/// A meter that signs the trees of others, and what it signs them with.
#[derive(Clone)]
pub struct Signer {
	/// The meter's key pair.
	pub meter: ed25519::Pair,
	/// The key pair that certified the meter.
	pub maker: ed25519::Pair,
	/// The manufacturer that the certificate names.
	pub manufacturer: ManufacturerId,
	/// The chain that certificate and signature are for.
	pub genesis: (Genesis, Genesis),
	/// The last block at which the tree lets a CTP enter.
	pub valid_until: BlockNumber,
}

impl Default for Signer {
	fn default() -> Self {
		Self {
			meter: meter_pair(1),
			maker: maker(1),
			manufacturer: 1,
			genesis: (GENESIS, GENESIS),
			valid_until: FAR,
		}
	}
}

impl Signer {
	/// Certifies a tree.
	pub fn certify(&self, root: H256, leaves: u32) -> Coe {
		let signer = self.meter.public();
		let certificate = Coe::certificate_payload(self.manufacturer, &signer, &self.genesis.0);
		let payload = Coe::payload(&root, leaves, self.valid_until, &self.genesis.1);
		Coe {
			root,
			leaves,
			valid_until: self.valid_until,
			signer,
			manufacturer: self.manufacturer,
			certificate: self.maker.sign(&certificate),
			signature: self.meter.sign(&payload),
		}
	}
}

/// A meter's one-time keys, in a tree that another meter signed.
pub struct Meter {
	pairs: Vec<ed25519::Pair>,
	keys: Vec<ReceiptKey>,
	root: H256,
}

/// The meter of all tests that need no other.
pub static METER: LazyLock<Meter> = LazyLock::new(|| Meter::new(1, 200));

impl Meter {
	/// With `leaves` one-time keys.
	pub fn new(number: u8, leaves: u32) -> Self {
		let pair = |leaf| ed25519::Pair::from_seed(&one_time_seed(&[number; 32], 0, leaf));
		let pairs: Vec<_> = (0..leaves).map(pair).collect();
		let keys: Vec<_> = pairs.iter().map(|pair| ReceiptKey::of(&pair.public())).collect();
		let root = tree_root(&keys).expect("a tree of that many leaves");
		Self { pairs, keys, root }
	}

	/// How many one-time keys it has.
	pub fn leaves(&self) -> u32 {
		self.keys.len() as u32
	}

	/// The receipt key at a leaf.
	pub fn key(&self, leaf: u32) -> ReceiptKey {
		self.keys[leaf as usize]
	}

	/// The one-time key pair at a leaf.
	pub fn pair(&self, leaf: u32) -> &ed25519::Pair {
		&self.pairs[leaf as usize]
	}

	/// Its tree, signed by `signer`.
	pub fn coe(&self, signer: &Signer) -> Coe {
		signer.certify(self.root, self.leaves())
	}

	/// That a leaf is in its tree, signed by `signer`.
	pub fn proof_by(&self, leaf: u32, signer: &Signer) -> MeterProof {
		let path = tree_path(&self.keys, leaf).expect("a leaf of the tree");
		MeterProof { index: leaf, path, coe: self.coe(signer) }
	}

	/// That a leaf is in its tree.
	pub fn proof(&self, leaf: u32) -> MeterProof {
		self.proof_by(leaf, &Signer::default())
	}
}

/// Makes an ERC with any key.
pub fn erc_by(
	pair: &ed25519::Pair,
	ctp: CtpId,
	delivered: u32,
	at: BlockNumber,
	genesis: &Genesis,
) -> Erc {
	let delivered = wh(delivered);
	let signature = pair.sign(&Erc::payload(&ctp, delivered, at, genesis));
	Erc { ctp, delivered, at, key: pair.public(), signature }
}

/// A producer's quote for a CTP.
pub fn quote(id: &CtpId, by: Sr25519Keyring) -> Quote {
	by.sign(&quote_payload(id, &GENESIS)).into()
}

/// A company's certificate for a producer.
pub fn certificate(
	account: Sr25519Keyring,
	company: Sr25519Keyring,
	valid_until: BlockNumber,
) -> Certificate {
	let (account, company_id) = (account.to_account_id(), company.to_account_id());
	let payload = Certificate::payload(&account, &company_id, valid_until, &GENESIS);
	let signature = company.sign(&payload).into();
	Certificate { account, company: company_id, valid_until, signature }
}

/// A trade from the consumer's side: a CTP to be signed, and the leaf of [`METER`] that it names.
///
/// As it comes it fits the market: 1,000 Wh of offer 0 at the listed price, from vault 0.
#[derive(Clone)]
pub struct Deal {
	/// What is committed.
	pub ctp: Ctp,
	/// Who signs.
	pub buyer: Sr25519Keyring,
	/// The leaf whose key the CTP names.
	pub leaf: u32,
	/// The proof that goes with it.
	pub proof: MeterProof,
	/// The producer's quote that goes with it.
	pub quote: Option<Quote>,
	signed: OnceLock<SignedCtp>,
}

impl Deal {
	/// On the market's offer, with the receipt key at `leaf`.
	pub fn new(leaf: u32) -> Self {
		let ctp = Ctp {
			vault: 0,
			offer: 0,
			energy: wh(1_000),
			amount: money(1_000 + FEE),
			expiry: 10,
			receipt_key: METER.key(leaf),
		};
		let proof = METER.proof(leaf);
		Self { ctp, buyer: Bob, leaf, proof, quote: None, signed: OnceLock::new() }
	}

	/// With something else in the CTP.
	pub fn with(mut self, change: impl FnOnce(&mut Ctp)) -> Self {
		change(&mut self.ctp);
		self.signed = OnceLock::new();
		self
	}

	/// With another expiry.
	pub fn expiry(self, expiry: BlockNumber) -> Self {
		self.with(|ctp| ctp.expiry = expiry)
	}

	/// For other energy, at the market's price and fee.
	pub fn energy(self, energy: u32) -> Self {
		self.with(|ctp| {
			ctp.energy = wh(energy);
			ctp.amount = money(u128::from(energy) + FEE);
		})
	}

	/// With another amount.
	pub fn amount(self, units: u128) -> Self {
		self.with(|ctp| ctp.amount = money(units))
	}

	/// Signed by another.
	pub fn by(mut self, buyer: Sr25519Keyring) -> Self {
		self.buyer = buyer;
		self.signed = OnceLock::new();
		self
	}

	/// With another proof.
	pub fn proof(mut self, proof: MeterProof) -> Self {
		self.proof = proof;
		self
	}

	/// With a quote for this very CTP.
	pub fn quoted_by(mut self, producer: Sr25519Keyring) -> Self {
		self.quote = Some(quote(&self.id(), producer));
		self
	}

	/// The CTP's id.
	pub fn id(&self) -> CtpId {
		CtpId::of(&self.ctp, &GENESIS)
	}

	/// The signed CTP, always with the same signature.
	pub fn signed(&self) -> SignedCtp {
		self.signed.get_or_init(|| self.signed_anew()).clone()
	}

	/// The CTP with a new signature: another one each time.
	pub fn signed_anew(&self) -> SignedCtp {
		self.signed_for(&GENESIS)
	}

	/// The CTP as signed for another chain.
	pub fn signed_for(&self, genesis: &Genesis) -> SignedCtp {
		let signature: MultiSignature = self.buyer.sign(&self.ctp.payload(genesis)).into();
		SignedCtp { ctp: self.ctp.clone(), signature }
	}

	/// As it travels to the author.
	pub fn addition(&self) -> Addition {
		Addition { ctp: self.signed(), proof: self.proof.clone(), quote: self.quote.clone() }
	}

	/// The message that commits.
	pub fn commit(&self) -> Message {
		Message::Commit(self.addition())
	}

	/// The meter's word.
	pub fn erc(&self, delivered: u32, at: BlockNumber) -> Erc {
		erc_by(METER.pair(self.leaf), self.id(), delivered, at, &GENESIS)
	}

	/// The message that confirms.
	pub fn confirm(&self, delivered: u32, at: BlockNumber) -> Message {
		Message::Confirm(self.erc(delivered, at), METER.proof(self.leaf))
	}

	/// What the seal stores once it settled.
	pub fn settlement(&self, delivered: u32) -> Settlement {
		Settlement { ctp: self.signed(), delivered: wh(delivered) }
	}
}

/// The bare call that carries a message.
pub fn call(message: &Message) -> Call<Test> {
	match message.clone() {
		Message::Commit(Addition { ctp, proof, quote }) => {
			Call::commit_to_pay { ctp, proof, quote }
		},
		Message::Confirm(erc, proof) => Call::confirm_receipt { erc, proof },
	}
}
