//! A whole chain in memory: blocks are prepared, sealed, checked and their databases stored, as a
//! node does it, on as many forks as a test wants.

use super::*;
use crate::{
	block::{self, Judged, Prepared},
	database::store::Store,
	rules::Chain,
	runtime_api::{BlockChanges, CtpFilter, DatabaseSummary, Missing, OpenCtp, Outcome, Verdict},
	types::Seal,
	Call, INHERENT_IDENTIFIER,
};
use codec::Encode;
use frame_support::{
	inherent::ProvideInherent,
	traits::{Hooks, UnfilteredDispatchable},
};
use sp_inherents::InherentData;
use sp_runtime::{traits::Hash, Digest, DigestItem};
use spb_primitives::{
	database_root,
	root::{entry_key, Key},
	Addition, BlockNumber, CtpId, DatabaseDigest, Erc, Hashing, Message, Refusal, Settlement,
	Sidecar, SignedCtp,
};
use std::{
	cell::{Cell, RefCell},
	collections::BTreeMap,
};

/// A store in memory that counts what is written.
#[derive(Default)]
pub struct MemoryStore {
	map: RefCell<BTreeMap<Vec<u8>, Vec<u8>>>,
	writes: Cell<usize>,
}

impl Store for MemoryStore {
	fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
		self.map.borrow().get(key).cloned()
	}

	fn set(&self, key: &[u8], value: &[u8]) {
		self.writes.set(self.writes.get() + 1);
		self.map.borrow_mut().insert(key.to_vec(), value.to_vec());
	}

	fn remove(&self, key: &[u8]) {
		self.map.borrow_mut().remove(key);
	}

	fn compare_and_set(&self, key: &[u8], before: Option<Vec<u8>>, value: &[u8]) -> bool {
		let same = self.get(key) == before;
		if same {
			self.set(key, value);
		}
		same
	}
}

impl MemoryStore {
	/// Everything that is stored.
	pub fn snapshot(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
		self.map.borrow().clone()
	}

	/// Puts everything back as it was.
	pub fn restore(&self, snapshot: BTreeMap<Vec<u8>, Vec<u8>>) {
		self.map.replace(snapshot);
	}

	/// The number of keys.
	pub fn len(&self) -> usize {
		self.map.borrow().len()
	}

	/// Calls of `set` so far.
	pub fn writes(&self) -> usize {
		self.writes.get()
	}

	/// Takes away every key that begins so; says how many.
	pub fn remove_prefix(&self, prefix: &[u8]) -> usize {
		let before = self.len();
		self.map.borrow_mut().retain(|key, _| !key.starts_with(prefix));
		before - self.len()
	}
}

/// A store that a chain can run on.
pub trait TestStore: Store + Default {
	/// Makes the externalities ready for it.
	fn attach(&self, _: &mut TestExternalities) {}
}

impl TestStore for MemoryStore {}

/// A block as others see it.
#[derive(Clone)]
pub struct TestBlock {
	/// Its number.
	pub number: BlockNumber,
	/// Its hash.
	pub hash: H256,
	/// Its parent.
	pub parent: H256,
	/// What its header says.
	pub digest: Option<DatabaseDigest>,
	/// The seals in its body.
	pub seals: Vec<Seal<MaxSettlements>>,
	/// Its sidecar, encoded.
	pub sidecar: Vec<u8>,
	/// What became of each message, where it was prepared.
	pub outcomes: Vec<Outcome>,
}

impl TestBlock {
	/// Its one seal.
	pub fn seal(&self) -> &Seal<MaxSettlements> {
		&self.seals[0]
	}

	/// With the same header and seal changed in the same way.
	pub fn resealed(mut self, change: impl FnOnce(&mut Seal<MaxSettlements>)) -> Self {
		let seal = &mut self.seals[0];
		change(seal);
		let Seal { database_root, sidecar_hash, .. } = *seal;
		self.digest = Some(DatabaseDigest { database_root, sidecar_hash });
		self
	}

	/// With another sidecar, rightly named.
	pub fn with_sidecar(mut self, sidecar: Vec<u8>) -> Self {
		let hash = Hashing::hash(&sidecar);
		self.sidecar = sidecar;
		self.resealed(|seal| seal.sidecar_hash = hash)
	}
}

/// Blocks with their states and the store of their databases.
pub struct TestChain<S = MemoryStore> {
	/// Where the databases are.
	pub store: S,
	/// The block that the next one stands on.
	pub head: H256,
	states: BTreeMap<H256, TestExternalities>,
	blocks_made: u64,
}

impl TestChain {
	/// The market at block 0.
	pub fn new() -> Self {
		Self::from(ExtBuilder::default())
	}
}

impl<S: TestStore> From<ExtBuilder> for TestChain<S> {
	fn from(builder: ExtBuilder) -> Self {
		let mut genesis = builder.genesis();
		genesis.commit_all().unwrap();
		let states = BTreeMap::from([(GENESIS, genesis)]);
		Self { store: S::default(), head: GENESIS, states, blocks_made: 0 }
	}
}

/// Begins the next block on the state of `parent`.
fn begin(parent: &H256, marker: u64) {
	let number = System::block_number() + 1;
	System::reset_events();
	let digest = Digest { logs: vec![DigestItem::Other(marker.encode())] };
	System::initialize(&number, parent, &digest);
	Spb::on_initialize(number);
}

/// The call that brings the seal, as the inherents of a block are made.
fn seal_call(seal: &Seal<MaxSettlements>, empty: &Seal<MaxSettlements>) -> Call<Test> {
	let mut data = InherentData::new();
	data.put_data(INHERENT_IDENTIFIER, &(seal, empty)).unwrap();
	Spb::create_inherent(&data).expect("there is a prepared seal")
}

impl<S: TestStore> TestChain<S> {
	fn state(&self, hash: &H256) -> TestExternalities {
		let mut ext = TestExternalities::new_empty();
		ext.backend = self.states[hash].backend.clone();
		self.store.attach(&mut ext);
		ext
	}

	/// Runs `f` on the state after a block, and forgets what it changes there.
	pub fn after<R>(&self, hash: &H256, f: impl FnOnce() -> R) -> R {
		self.state(hash).execute_with(f)
	}

	/// Runs `f` on the state after the head.
	pub fn query<R>(&self, f: impl FnOnce() -> R) -> R {
		self.after(&self.head, f)
	}

	/// Runs `f` in a block on top of `parent` that has just begun, and forgets what it changes.
	pub fn in_next<R>(&self, parent: &H256, f: impl FnOnce() -> R) -> R {
		self.after(parent, || {
			begin(parent, 0);
			f()
		})
	}

	/// The number of the head.
	pub fn height(&self) -> BlockNumber {
		self.query(System::block_number)
	}

	/// What an author would put into a block on top of `parent`.
	pub fn prepare(
		&self,
		parent: &H256,
		messages: &[Message],
	) -> Result<(Prepared<MaxSettlements>, Vec<Outcome>), Missing> {
		let candidates: Vec<_> = messages.iter().cloned().map(Some).collect();
		self.in_next(parent, || block::prepare(&Spb::chain(), &self.store, parent, &candidates))
	}

	/// What becomes of a message in a block on top of the head, after `others`.
	pub fn outcome(&self, others: &[Message], message: &Message) -> Outcome {
		let messages = [others, std::slice::from_ref(message)].concat();
		let (_, outcomes) = self.prepare(&self.head, &messages).expect("the database is stored");
		outcomes[others.len()]
	}

	/// Makes a block on top of `parent` in which `body` runs after the seal. It is neither checked
	/// nor is its database stored.
	pub fn author_on(
		&mut self,
		parent: H256,
		messages: &[Message],
		body: impl FnOnce(),
	) -> TestBlock {
		let (prepared, outcomes) = self.prepare(&parent, messages).expect("the database is stored");
		let (empty, _) = self.prepare(&parent, &[]).expect("the database is stored");
		self.blocks_made += 1;
		let mut ext = self.state(&parent);
		let block = ext.execute_with(|| {
			begin(&parent, self.blocks_made);
			let call = seal_call(&prepared.seal, &empty.seal);
			assert_eq!(
				call,
				Call::seal { seal: prepared.seal.clone() },
				"what is prepared is taken whole"
			);
			assert_ok!(call.dispatch_bypass_filter(RuntimeOrigin::none()));
			body();
			let number = System::block_number();
			Spb::on_finalize(number);
			let header = System::finalize();
			TestBlock {
				number,
				hash: header.hash(),
				parent,
				digest: DatabaseDigest::find(&header.digest),
				seals: vec![prepared.seal],
				sidecar: prepared.sidecar,
				outcomes,
			}
		});
		ext.commit_all().unwrap();
		self.states.insert(block.hash, ext);
		block
	}

	/// Judges a block and stores its database if it is good.
	pub fn check(&self, block: &TestBlock) -> Verdict {
		self.in_next(&block.parent, || {
			let judged = Judged {
				hash: block.hash,
				parent: block.parent,
				digest: block.digest,
				seals: block.seals.iter().collect(),
				sidecar: &block.sidecar,
			};
			block::check(&Spb::chain(), &self.store, &judged)
		})
	}

	/// Makes a block on top of `parent`, checks it and looks at what must hold after any block.
	#[track_caller]
	pub fn block_on(
		&mut self,
		parent: H256,
		messages: &[Message],
		body: impl FnOnce(),
	) -> TestBlock {
		let expected = self.reference(&parent, messages);
		let block = self.author_on(parent, messages, body);
		assert_eq!(self.check(&block), Verdict::Ok, "what is prepared is found good");
		self.head = block.hash;
		let summary = self.summary(&block.hash).expect("the database is stored");
		let digest = block.digest.expect("the seal is in the header");
		assert_eq!(digest.database_root, block.seal().database_root);
		assert_eq!(summary.root, digest.database_root, "the header names the stored database");
		assert_eq!(summary.root, expected, "the parent's database plus added less settled");
		self.query(|| ok(Spb::do_try_state()));
		block
	}

	/// The root after a block of these candidates, by the reference.
	fn reference(&self, parent: &H256, messages: &[Message]) -> H256 {
		let (prepared, outcomes) = self.prepare(parent, messages).expect("the database is stored");
		let added = messages.iter().zip(outcomes).filter_map(|(message, outcome)| match message {
			Message::Commit(addition) if outcome == Outcome::Taken => Some(addition.ctp.clone()),
			_ => None,
		});
		self.root_after(parent, added, &prepared.seal.settlements)
	}

	/// A checked block on top of the head, in which `body` runs after the seal.
	#[track_caller]
	pub fn block_with(&mut self, messages: &[Message], body: impl FnOnce()) -> TestBlock {
		self.block_on(self.head, messages, body)
	}

	/// A checked block on top of the head, in which all of these are taken.
	#[track_caller]
	pub fn block(&mut self, messages: &[Message]) -> TestBlock {
		let block = self.block_with(messages, || ());
		assert_eq!(block.outcomes, vec![Outcome::Taken; messages.len()]);
		block
	}

	/// Empty blocks until the head has this number.
	#[track_caller]
	pub fn blocks_to(&mut self, number: BlockNumber) {
		assert!(self.height() <= number, "the chain is past block {number}");
		while self.height() < number {
			self.block(&[]);
		}
	}

	/// A block like any other, but by an author that checks nothing. Its root is the right one for
	/// what it adds and settles, so that nothing else is wrong with it than the test wants.
	pub fn forge(&self, added: &[Addition], settled: &[(Erc, Settlement)]) -> TestBlock {
		let parent = self.head;
		let (receipts, settlements): (Vec<_>, Vec<_>) = settled.iter().cloned().unzip();
		let signed = added.iter().map(|addition| addition.ctp.clone());
		let database_root = self.root_after(&parent, signed, &settlements);
		let sidecar = Sidecar { added: added.to_vec(), receipts }.encode();
		let sidecar_hash = Hashing::hash(&sidecar);
		let settlements = settlements.try_into().expect("no more than fit a seal");
		TestBlock {
			number: self.height() + 1,
			hash: Hashing::hash_of(&(b"forged", parent, &sidecar)),
			parent,
			digest: Some(DatabaseDigest { database_root, sidecar_hash }),
			seals: vec![Seal { database_root, sidecar_hash, settlements }],
			sidecar,
			outcomes: vec![],
		}
	}

	/// R4 as the design has it, from the entries one by one.
	fn root_after(
		&self,
		parent: &H256,
		added: impl IntoIterator<Item = SignedCtp>,
		settlements: &[Settlement],
	) -> H256 {
		let key = |signed: &SignedCtp| entry_key(signed.ctp.expiry, &id_of(signed));
		let mut entries: BTreeMap<Key, SignedCtp> =
			self.entries(parent).into_iter().map(|open| (key(&open.signed), open.signed)).collect();
		entries.extend(added.into_iter().map(|signed| (key(&signed), signed)));
		for settlement in settlements {
			entries.remove(&key(&settlement.ctp));
		}
		let (now, grace) =
			self.in_next(parent, || (System::block_number(), Spb::chain().parameters().grace));
		entries.retain(|_, signed| signed.ctp.expiry.saturating_add(grace) > now);
		let leaves: Vec<_> = entries.iter().map(|(key, signed)| (*key, signed.leaf())).collect();
		database_root(&leaves)
	}

	/// All open CTPs after a block.
	pub fn entries(&self, hash: &H256) -> Vec<OpenCtp> {
		self.database(hash, |database| database.list(&CtpFilter::default(), None, usize::MAX))
			.expect("the database is stored")
	}

	/// The ids of all open CTPs after the head, in their order.
	pub fn open(&self) -> Vec<CtpId> {
		self.entries(&self.head).into_iter().map(|open| open.id).collect()
	}

	/// Whether the CTP is open after the head.
	pub fn is_open(&self, deal: &Deal) -> bool {
		self.open().contains(&deal.id())
	}

	/// Asks the database after a block.
	pub fn database<R, E: Into<Missing>>(
		&self,
		hash: &H256,
		ask: impl FnOnce(&mut crate::database::Database<'_, S>) -> Result<R, E>,
	) -> Result<R, Missing> {
		self.after(hash, || {
			let is_genesis = System::block_number() == 0;
			let mut database = block::open(&self.store, hash, is_genesis)?;
			ask(&mut database).map_err(Into::into)
		})
	}

	/// The database after a block, counted anew.
	pub fn summary(&self, hash: &H256) -> Result<DatabaseSummary, Missing> {
		self.database(hash, |database| database.summary())
	}

	/// What a block did to the database.
	pub fn changes(&self, hash: &H256) -> Result<BlockChanges, Missing> {
		self.after(hash, || crate::database::changes(&self.store, hash))
	}

	/// The pallet's events in a block.
	pub fn events(&self, hash: &H256) -> Vec<Event<Test>> {
		self.after(hash, spb_events)
	}
}

/// The id of a signed CTP.
pub fn id_of(signed: &SignedCtp) -> CtpId {
	CtpId::of(&signed.ctp, &GENESIS)
}

impl TestChain {
	/// That a forged block breaks this rule and leaves nothing behind.
	#[track_caller]
	pub fn assert_bad(&self, block: &TestBlock, refusal: Refusal) {
		self.assert_not_stored(block, Verdict::Bad(refusal));
	}

	/// That a block gets this verdict and leaves nothing behind.
	#[track_caller]
	pub fn assert_not_stored(&self, block: &TestBlock, verdict: Verdict) {
		let before = self.store.snapshot();
		assert_eq!(self.check(block), verdict);
		assert!(self.store.snapshot() == before, "a block that is not good stores nothing");
	}

	/// That a CTP may not enter after `before` in the same sidecar: an author leaves it out, and a
	/// block that has it all the same is bad.
	#[track_caller]
	pub fn assert_refused_after(&self, before: &[Deal], deal: &Deal, refusal: Refusal) {
		let others: Vec<_> = before.iter().map(Deal::commit).collect();
		assert_eq!(self.outcome(&others, &deal.commit()), Outcome::Later(refusal));
		let added: Vec<_> = before.iter().chain([deal]).map(Deal::addition).collect();
		self.assert_bad(&self.forge(&added, &[]), refusal);
	}

	/// That a CTP may not enter.
	#[track_caller]
	pub fn assert_refused(&self, deal: &Deal, refusal: Refusal) {
		self.assert_refused_after(&[], deal, refusal);
	}

	/// That a CTP may enter the next block, which is then made without it.
	#[track_caller]
	pub fn assert_admitted(&self, deal: &Deal) {
		assert_eq!(self.outcome(&[], &deal.commit()), Outcome::Taken);
	}

	/// That an ERC does not settle a CTP: an author leaves it out, and a block that settles all the
	/// same is bad.
	#[track_caller]
	pub fn assert_unconfirmed(&self, deal: &Deal, erc: Erc, refusal: Refusal) {
		let message = Message::Confirm(erc.clone(), deal.proof.clone());
		assert_eq!(self.outcome(&[], &message), Outcome::Later(refusal));
		let settlement = deal.settlement(erc.delivered.wh());
		self.assert_bad(&self.forge(&[], &[(erc, settlement)]), refusal);
	}
}
