//! Consumers' meters in memory: trees of one-time keys that another certified meter has signed, and
//! the CTPs and ERCs that they make. What they make is what a meter of `spb` makes; only nothing is
//! written to a disk in between.

use super::{error::Result, EvaluationError};
use sp_core::{ed25519, Pair};
use spb_client::keys::{AccountKey, ManufacturerKey};
use spb_primitives::{
	coe::{one_time_seed, tree_path, tree_root},
	BlockNumber, Coe, Ctp, CtpId, Energy, Erc, Genesis, ManufacturerId, MeterProof, MeterSignature,
	Money, OfferId, ReceiptKey, SignedCtp, VaultId,
};
use std::collections::{BTreeSet, VecDeque};

/// One-time keys in a tree.
const LEAVES: u32 = 256;
/// Who made the meter that signs.
const MAKER: (ManufacturerId, &str) = (1, "//One");
/// How long certificates count: longer than any evaluation.
const VALIDITY: BlockNumber = 1_000_000;
/// Expiries that are tried for a free place in the pool: so many that a free one is not missed.
const TRIES: BlockNumber = 1_024;

/// Places in the pool that are left alone after they were taken.
const RECENT: usize = 12;

/// The meter that signs everyone's trees.
#[derive(Clone)]
pub struct Signer {
	pair: ed25519::Pair,
	certificate: MeterSignature,
	genesis: Genesis,
}

impl Signer {
	/// A meter that the manufacturer of development chains certified for the chain of this genesis.
	pub fn certified(genesis: Genesis) -> Result<Self> {
		let (pair, _) = ed25519::Pair::generate();
		let (maker, uri) = MAKER;
		let payload = Coe::certificate_payload(maker, &pair.public(), &genesis);
		let certificate = ManufacturerKey::development(uri)?.sign(&payload);
		Ok(Self { pair, certificate, genesis })
	}

	fn sign(&self, keys: &[ReceiptKey]) -> Option<Coe> {
		let (root, leaves) = (tree_root(keys)?, u32::try_from(keys.len()).ok()?);
		let payload = Coe::payload(&root, leaves, VALIDITY, &self.genesis);
		Some(Coe {
			root,
			leaves,
			valid_until: VALIDITY,
			signer: self.pair.public(),
			manufacturer: MAKER.0,
			certificate: self.certificate,
			signature: self.pair.sign(&payload),
		})
	}
}

/// What a trade is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
	/// The offer that delivers.
	pub offer: OfferId,
	/// The energy, all of which is delivered.
	pub energy: Energy,
	/// All that the consumer pays, fee included.
	pub amount: Money,
	/// The block at which it is agreed.
	pub now: BlockNumber,
	/// For how long, from then on.
	pub lifetime: BlockNumber,
}

/// The messages of a trade, signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signed {
	/// The CTP's id.
	pub id: CtpId,
	/// The CTP.
	pub ctp: SignedCtp,
	/// The ERC.
	pub erc: Erc,
	/// The proof that goes with both.
	pub proof: MeterProof,
}

struct Tree {
	number: u32,
	keys: Vec<ReceiptKey>,
	coe: Coe,
	next_leaf: u32,
}

/// A consumer: its account, its vault and its meter.
pub struct Consumer {
	key: AccountKey,
	vault: VaultId,
	seed: [u8; 32],
	tree: Option<Tree>,
	trees: u32,
	/// Places in the pool that it took last: their messages may be there still.
	recent: VecDeque<u8>,
}

impl Consumer {
	/// With a fresh meter.
	pub fn new(key: AccountKey, vault: VaultId) -> Self {
		Self {
			key,
			vault,
			seed: ed25519::Pair::generate().1,
			tree: None,
			trees: 0,
			recent: VecDeque::new(),
		}
	}

	/// Signs a trade whose messages find places in the pool beside those that are `taken`.
	pub fn sign(
		&mut self,
		terms: &Terms,
		taken: &mut BTreeSet<u8>,
		signer: &Signer,
	) -> Result<Signed> {
		let (pair, proof) = self.next_key(signer)?;
		let genesis = &signer.genesis;
		let receipt_key = ReceiptKey::of(&pair.public());
		let latest = terms.now.saturating_add(terms.lifetime);
		let with = |expiry| {
			let Terms { offer, energy, amount, .. } = *terms;
			let ctp = Ctp { vault: self.vault, offer, energy, amount, expiry, receipt_key };
			(CtpId::of(&ctp, genesis), ctp)
		};
		let earliest = latest.saturating_sub(TRIES.min(terms.lifetime / 2));
		let free = (earliest..=latest).rev().map(with).find(|(id, _)| {
			let place = id.pool_slot();
			!self.recent.contains(&place) && taken.insert(place)
		});
		let (id, ctp) = free.ok_or_else(|| {
			EvaluationError::Unexpected("a vault has no place left in the pool".into())
		})?;
		self.recent.push_back(id.pool_slot());
		if self.recent.len() > RECENT {
			self.recent.pop_front();
		}
		let signature = self.key.sign(&ctp.payload(genesis));
		let payload = Erc::payload(&id, terms.energy, terms.now, genesis);
		let erc = Erc {
			ctp: id,
			delivered: terms.energy,
			at: terms.now,
			key: pair.public(),
			signature: pair.sign(&payload),
		};
		Ok(Signed { id, ctp: SignedCtp { ctp, signature }, erc, proof })
	}

	/// The next one-time key, of a new tree where the last one is used up.
	fn next_key(&mut self, signer: &Signer) -> Result<(ed25519::Pair, MeterProof)> {
		let unfit = || EvaluationError::Unexpected("a tree of one-time keys is not one".into());
		let tree = match self.tree.take().filter(|tree| tree.next_leaf < tree.coe.leaves) {
			Some(tree) => tree,
			None => {
				let number = self.trees;
				self.trees += 1;
				let public = |leaf| one_time_pair(&self.seed, number, leaf).public();
				let keys: Vec<_> = (0..LEAVES).map(|leaf| ReceiptKey::of(&public(leaf))).collect();
				let coe = signer.sign(&keys).ok_or_else(unfit)?;
				Tree { number, keys, coe, next_leaf: 0 }
			},
		};
		let tree = self.tree.insert(tree);
		let index = tree.next_leaf;
		tree.next_leaf += 1;
		let path = tree_path(&tree.keys, index).ok_or_else(unfit)?;
		let proof = MeterProof { index, path, coe: tree.coe.clone() };
		Ok((one_time_pair(&self.seed, tree.number, index), proof))
	}
}

fn one_time_pair(seed: &[u8; 32], tree: u32, leaf: u32) -> ed25519::Pair {
	ed25519::Pair::from_seed(&one_time_seed(seed, tree, leaf))
}

#[cfg(test)]
mod tests {
	use super::*;
	use spb_primitives::RegisteredMeters;

	const GENESIS: Genesis = Genesis::repeat_byte(0x5b);

	fn terms() -> Terms {
		Terms {
			offer: 3,
			energy: Energy::from_wh(100),
			amount: Money::from_units(1_000_000),
			now: 7,
			lifetime: 2_200,
		}
	}

	fn consumer() -> Consumer {
		Consumer::new(AccountKey::development("//Bob").unwrap(), 5)
	}

	#[test]
	fn what_a_consumer_signs_should_be_good() {
		let signer = Signer::certified(GENESIS).unwrap();
		let maker = ManufacturerKey::development(MAKER.1).unwrap().public();
		let meters =
			RegisteredMeters { manufacturers: [(MAKER.0, maker)].into(), ..Default::default() };
		let (mut consumer, mut taken) = (consumer(), BTreeSet::new());
		for _ in 0..2 {
			let Signed { id, ctp, erc, proof } =
				consumer.sign(&terms(), &mut taken, &signer).unwrap();
			assert_eq!(id, CtpId::of(&ctp.ctp, &GENESIS));
			assert_eq!(ctp.verify(&consumer.key.account(), &GENESIS), Ok(()));
			assert_eq!(ctp.check_length(), Ok(()));
			assert_eq!(erc.confirms(&ctp.ctp, 7, &GENESIS), Ok(()));
			assert_eq!(proof.verify(&ctp.ctp.receipt_key, 7, &GENESIS, &meters), Ok(()));
		}
	}

	#[test]
	fn a_vault_should_fill_all_its_places_and_no_more() {
		let signer = Signer::certified(GENESIS).unwrap();
		let (mut consumer, mut taken) = (consumer(), BTreeSet::new());
		let signed: Vec<_> =
			(0..64).map(|_| consumer.sign(&terms(), &mut taken, &signer).unwrap()).collect();
		assert_eq!(taken.len(), 64);
		let places: BTreeSet<_> = signed.iter().map(|signed| signed.proof.index % 64).collect();
		assert_eq!(places.len(), 64);
		assert!(consumer.sign(&terms(), &mut taken, &signer).is_err());
	}

	#[test]
	fn a_tree_that_is_used_up_should_be_followed_by_another() {
		let signer = Signer::certified(GENESIS).unwrap();
		let mut consumer = consumer();
		let mut next = || consumer.sign(&terms(), &mut BTreeSet::new(), &signer).unwrap();
		let first = next();
		let keys: BTreeSet<_> = (1..=LEAVES).map(|_| next().erc.key.0).collect();
		assert_eq!(keys.len(), LEAVES as usize);
		assert!(!keys.contains(&first.erc.key.0));
		assert_eq!(consumer.trees, 2);
	}
}
