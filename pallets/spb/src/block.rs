//! What a block does to the CTP database: preparing it as its author, and judging it as everyone
//! else, by the same fold.

use crate::{
	database::{block_record, store::Store, Database, Roots},
	rules::{self, Chain, NotTaken, Settling},
	runtime_api::{Missing, Outcome, SettledCtp, Verdict},
	types::Seal,
};
use alloc::{collections::BTreeMap, vec::Vec};
use codec::{DecodeAll, Encode};
use frame_support::traits::Get;
use sp_core::H256;
use spb_primitives::{
	Addition, CtpId, DatabaseDigest, Erc, Hashing, Message, ReceiptKey, Refusal, Settlement,
	Sidecar, SignedCtp,
};

/// Opens the database after a block. The one after genesis is empty.
pub fn open<'a, S: Store>(
	store: &'a S,
	hash: &H256,
	is_genesis: bool,
) -> Result<Database<'a, S>, Missing> {
	let roots = match block_record(store, hash) {
		Some(record) => record.roots,
		None if is_genesis => Roots::default(),
		None => return Err(Missing::Database(*hash)),
	};
	Ok(Database::new(store, roots))
}

/// Goes through what a block does to the database of its parent.
struct Fold<'a, 'c, S, C> {
	chain: &'c C,
	database: Database<'a, S>,
	settling: Settling<'c, C>,
}

impl<'a, 'c, S: Store, C: Chain> Fold<'a, 'c, S, C> {
	/// On top of the database after `parent`.
	fn new(chain: &'c C, store: &'a S, parent: &H256) -> Result<Self, Missing> {
		let database = open(store, parent, chain.now() == 1)?;
		Ok(Self { chain, database, settling: Settling::new(chain) })
	}

	/// R2.
	fn add(&mut self, addition: &Addition) -> Result<(), NotTaken> {
		// The database's word first: it is cheaper than a signature.
		rules::fits(self.chain, &mut self.database, &addition.ctp)?;
		let id = rules::admit(self.chain, addition)?;
		Ok(self.database.add(id, &addition.ctp)?)
	}

	/// R3 for the entry that an ERC confirms, and what the runtime will check of the settlement.
	fn settle(&mut self, erc: &Erc, entry: SignedCtp) -> Result<Settlement, NotTaken> {
		let settlement = Settlement { ctp: entry, delivered: erc.delivered };
		let due = self.settling.due(&settlement)?;
		let genesis = self.chain.genesis();
		erc.confirms(&settlement.ctp.ctp, self.chain.now(), &genesis)?;
		// Judged when the CTP entered. But an entry may come from a damaged storage, or from before an
		// upgrade by which it counts no longer, and the block would refuse all of its seal for it.
		settlement.ctp.verify(&due.vault.owner, &genesis)?;
		self.settling.settle(&settlement, &due);
		self.database.settle(SettledCtp { id: erc.ctp, settlement: settlement.clone() })?;
		Ok(settlement)
	}

	/// Settles what an ERC confirms, as an author who finds the entry by its id.
	fn settle_open(&mut self, erc: &Erc) -> Result<Settlement, NotTaken> {
		let entry = self.database.entry(&erc.ctp)?.ok_or(Refusal::UnknownCtp)?;
		self.settle(erc, entry)
	}

	/// Settles what an ERC confirms, as a judge who is told the entry and finds it by its expiry: so
	/// nothing that may be lost here stands between the ERC and the entry.
	fn settle_named(&mut self, erc: &Erc, named: &Settlement) -> Result<(), NotTaken> {
		if CtpId::of(&named.ctp.ctp, &self.chain.genesis()) != erc.ctp {
			return Err(Refusal::ReceiptsMismatch.into());
		}
		let entry = self.database.entry_at(named.ctp.ctp.expiry, &erc.ctp)?;
		let settlement = self.settle(erc, entry.ok_or(Refusal::UnknownCtp)?)?;
		if settlement != *named {
			return Err(Refusal::ReceiptsMismatch.into());
		}
		Ok(())
	}

	/// The rest of R4: drops what has expired and gives the database after the block.
	fn finish(mut self) -> Result<Database<'a, S>, Missing> {
		let (now, grace) = (self.chain.now(), self.chain.parameters().grace);
		self.database.expire(now.saturating_add(1).saturating_sub(grace))?;
		Ok(self.database)
	}
}

/// A seal and its sidecar that will be found good.
pub struct Prepared<M: Get<u32>> {
	/// For the inherent.
	pub seal: Seal<M>,
	/// Encoded.
	pub sidecar: Vec<u8>,
}

/// Prepares a block on top of `parent` from what the candidates offer, in their order: first what
/// commits, then what confirms, so that a CTP and its ERC may come in one block.
pub fn prepare<S: Store, C: Chain, M: Get<u32>>(
	chain: &C,
	store: &S,
	parent: &H256,
	candidates: &[Option<Message>],
) -> Result<(Prepared<M>, Vec<Outcome>), Missing> {
	let limits = chain.limits();
	let mut fold = Fold::new(chain, store, parent)?;
	let mut outcomes: Vec<_> = candidates.iter().map(|_| Outcome::NoMessage).collect();
	let mut sidecar = Sidecar::default();
	let mut settlements = Vec::new();
	// Two compact lengths of four bytes each begin the sidecar's lists at the most.
	let mut room = (limits.max_sidecar as usize).saturating_sub(8);

	for (candidate, outcome) in candidates.iter().zip(&mut outcomes) {
		let Some(Message::Commit(addition)) = candidate else { continue };
		let size = addition.encoded_size();
		*outcome = if size > room || sidecar.added.len() >= limits.max_settlements as usize {
			Outcome::NoRoom
		} else {
			match fold.add(addition) {
				Ok(()) => {
					room -= size;
					sidecar.added.push(addition.clone());
					Outcome::Taken
				},
				Err(NotTaken::Refused(refusal)) => Outcome::Later(refusal),
				Err(NotTaken::Missing(missing)) => return Err(missing.into()),
			}
		};
	}
	for (candidate, outcome) in candidates.iter().zip(&mut outcomes) {
		let Some(Message::Confirm(erc, _)) = candidate else { continue };
		let size = erc.encoded_size();
		*outcome = if size > room || settlements.len() >= limits.max_settlements as usize {
			Outcome::NoRoom
		} else {
			match fold.settle_open(erc) {
				Ok(settlement) => {
					room -= size;
					sidecar.receipts.push(erc.clone());
					settlements.push(settlement);
					Outcome::Taken
				},
				Err(NotTaken::Refused(refusal)) => Outcome::Later(refusal),
				Err(NotTaken::Missing(missing)) => return Err(missing.into()),
			}
		};
	}

	let database_root = fold.finish()?.root();
	let sidecar = sidecar.encode();
	let sidecar_hash = hash(&sidecar);
	let settlements = frame_support::BoundedVec::truncate_from(settlements);
	Ok((Prepared { seal: Seal { database_root, sidecar_hash, settlements }, sidecar }, outcomes))
}

/// A block as the check sees it.
pub struct Judged<'a, M: Get<u32>> {
	/// Its hash.
	pub hash: H256,
	/// Its parent.
	pub parent: H256,
	/// What its header says.
	pub digest: Option<DatabaseDigest>,
	/// The seals in its body.
	pub seals: Vec<&'a Seal<M>>,
	/// Its encoded sidecar.
	pub sidecar: &'a [u8],
}

/// Judges a block by R1 to R4 and stores the database after it, if it is good.
pub fn check<S: Store, C: Chain, M: Get<u32>>(
	chain: &C,
	store: &S,
	block: &Judged<'_, M>,
) -> Verdict {
	if block_record(store, &block.hash).is_some() {
		return Verdict::Ok;
	}
	match judge(chain, store, block) {
		Ok(database) => match database.commit(chain.now(), block.parent, block.hash) {
			Ok(()) => Verdict::Ok,
			Err(missing) => Verdict::Missing(missing.into()),
		},
		Err(verdict) => verdict,
	}
}

fn judge<'a, S: Store, C: Chain, M: Get<u32>>(
	chain: &C,
	store: &'a S,
	block: &Judged<'_, M>,
) -> Result<Database<'a, S>, Verdict> {
	let bad = Verdict::Bad;
	let digest = block.digest.ok_or(bad(Refusal::SealMissing))?;
	let [seal] = block.seals[..] else { return Err(bad(Refusal::SealMissing)) };
	if seal.database_root != digest.database_root || seal.sidecar_hash != digest.sidecar_hash {
		return Err(bad(Refusal::SealMissing));
	}
	if hash(block.sidecar) != digest.sidecar_hash {
		return Err(bad(Refusal::SidecarMismatch));
	}
	if block.sidecar.len() > chain.limits().max_sidecar as usize {
		return Err(bad(Refusal::SidecarTooLarge));
	}
	let sidecar =
		Sidecar::decode_all(&mut &block.sidecar[..]).map_err(|_| bad(Refusal::SidecarMismatch))?;
	// As many additions as settlements at the most: each costs its judges three signatures.
	if sidecar.added.len() > chain.limits().max_settlements as usize {
		return Err(bad(Refusal::SidecarTooLarge));
	}
	if sidecar.receipts.len() != seal.settlements.len() {
		return Err(bad(Refusal::ReceiptsMismatch));
	}

	let mut fold = Fold::new(chain, store, &block.parent).map_err(Verdict::Missing)?;
	for addition in &sidecar.added {
		fold.add(addition).map_err(verdict)?;
	}
	for (erc, settlement) in sidecar.receipts.iter().zip(&seal.settlements) {
		fold.settle_named(erc, settlement).map_err(verdict)?;
	}
	let database = fold.finish().map_err(Verdict::Missing)?;
	if database.root() != digest.database_root {
		return Err(bad(Refusal::RootMismatch));
	}
	Ok(database)
}

fn verdict(not_taken: NotTaken) -> Verdict {
	match not_taken {
		NotTaken::Refused(refusal) => Verdict::Bad(refusal),
		NotTaken::Missing(missing) => Verdict::Missing(missing.into()),
	}
}

fn hash(bytes: &[u8]) -> H256 {
	<Hashing as sp_runtime::traits::Hash>::hash(bytes)
}

/// Which of these messages may still do something, where `chain` is the state of a final block and
/// `database` the one after it: a CTP that is not settled and can still settle, an ERC by the key of
/// a CTP that is open or may still come.
pub fn still_useful<S: Store>(
	chain: &impl Chain,
	database: &mut Database<'_, S>,
	messages: &[Option<Message>],
) -> Result<Vec<bool>, Missing> {
	let (now, parameters, genesis) = (chain.now(), chain.parameters(), chain.genesis());
	let waiting: BTreeMap<CtpId, ReceiptKey> = messages
		.iter()
		.filter_map(|message| match message {
			Some(Message::Commit(Addition { ctp: SignedCtp { ctp, .. }, .. })) => {
				Some((CtpId::of(ctp, &genesis), ctp.receipt_key))
			},
			_ => None,
		})
		.collect();
	let mut useful = Vec::with_capacity(messages.len());
	for message in messages {
		useful.push(match message {
			Some(Message::Commit(Addition { ctp: signed, .. })) => {
				let ctp = &signed.ctp;
				let id = CtpId::of(ctp, &genesis);
				// The next block is the first that it can enter.
				let enters = now.saturating_add(parameters.min_lifetime) < ctp.expiry;
				let open = database.contains(ctp.expiry, &id)?;
				!open && enters && !chain.is_settled(ctp.expiry, &id)
			},
			Some(Message::Confirm(erc, _)) => {
				let in_time = now <= erc.at.saturating_add(parameters.longest_claim());
				let open = database.entry(&erc.ctp)?.map(|entry| entry.ctp.receipt_key);
				in_time
					&& match open.or_else(|| waiting.get(&erc.ctp).copied()) {
						Some(key) => ReceiptKey::of(&erc.key) == key,
						None => now <= erc.at,
					}
			},
			None => false,
		});
	}
	Ok(useful)
}
