//! The CTP database through the runtime's interface, as a node asks it: a verdict on whatever a block
//! is made of, and 100,000 open CTPs.

mod common;

use codec::{Decode, Encode};
use common::chain;
use frame_support::assert_ok;
use pallet_spb::{
	runtime_api::{
		runtime_decl_for_ctp_database_api::CtpDatabaseApiV1 as Api, CtpFilter, Missing, Outcome,
		PaidCtp, RestoreStep, Restoring, Verdict,
	},
	types::{ContactKey, Seal, Terms},
};
use sp_consensus_aura::{digests::CompatibleDigestItem, sr25519::AuthoritySignature};
use sp_core::{
	offchain::{DbExternalities, OffchainDbExt, StorageKind},
	Pair, H256,
};
use sp_genesis_builder::DEV_RUNTIME_PRESET;
use sp_io::TestExternalities;
use sp_keyring::{
	Ed25519Keyring,
	Sr25519Keyring::{Alice, Bob},
};
use sp_runtime::{
	traits::{Block as BlockT, Hash as _},
	Digest, DigestItem, MultiSignature,
};
use spb_primitives::{
	coe::{tree_path, tree_root},
	database_root,
	root::entry_key,
	units::SPB,
	BlockNumber, Coe, Ctp, CtpId, DatabaseDigest, Energy, Erc, Genesis, Hashing, MeterProof, Money,
	Parameters, Price, ReceiptKey, Refusal, SignedCtp,
};
use spb_runtime::{
	opaque, Block, Header, Runtime, RuntimeCall, RuntimeOrigin, Spb, System, UncheckedExtrinsic,
};
use std::{
	collections::HashMap,
	sync::{Arc, Mutex},
};

type MaxSettlements = <Runtime as pallet_spb::Config>::MaxSettlements;
type LazyBlock = <Block as BlockT>::LazyBlock;

/// The node's off-chain storage; counts what is asked of it.
#[derive(Clone, Default)]
struct Storage {
	content: Arc<Mutex<HashMap<Vec<u8>, Vec<u8>>>>,
	asked: Arc<Mutex<usize>>,
}

impl Storage {
	fn attach(&self, chain: &mut TestExternalities) {
		chain.register_extension(OffchainDbExt::new(self.clone()));
	}

	/// How often it was asked for something since the last time.
	fn asked(&self) -> usize {
		std::mem::take(&mut *self.asked.lock().unwrap())
	}
}

impl DbExternalities for Storage {
	fn local_storage_set(&mut self, _: StorageKind, key: &[u8], value: &[u8]) {
		*self.asked.lock().unwrap() += 1;
		self.content.lock().unwrap().insert(key.to_vec(), value.to_vec());
	}

	fn local_storage_clear(&mut self, _: StorageKind, key: &[u8]) {
		*self.asked.lock().unwrap() += 1;
		self.content.lock().unwrap().remove(key);
	}

	fn local_storage_compare_and_set(
		&mut self,
		_: StorageKind,
		key: &[u8],
		before: Option<&[u8]>,
		value: &[u8],
	) -> bool {
		*self.asked.lock().unwrap() += 1;
		let mut content = self.content.lock().unwrap();
		let same = content.get(key).map(|bytes| &bytes[..]) == before;
		if same {
			content.insert(key.to_vec(), value.to_vec());
		}
		same
	}

	fn local_storage_get(&mut self, _: StorageKind, key: &[u8]) -> Option<Vec<u8>> {
		*self.asked.lock().unwrap() += 1;
		self.content.lock().unwrap().get(key).cloned()
	}
}

/// A header of this number and slot on top of a block.
fn header(number: BlockNumber, slot: u64, parent: H256, digest: Option<DatabaseDigest>) -> Header {
	let slot =
		<DigestItem as CompatibleDigestItem<AuthoritySignature>>::aura_pre_digest(slot.into());
	let logs: Vec<DigestItem> =
		std::iter::once(slot).chain(digest.map(|digest| digest.to_item())).collect();
	Header {
		parent_hash: parent,
		number,
		state_root: H256::zero(),
		extrinsics_root: H256::zero(),
		digest: Digest { logs },
	}
}

/// A block as it comes over the network: extrinsics are bytes.
fn block(header: Header, extrinsics: Vec<Vec<u8>>) -> LazyBlock {
	let extrinsics =
		extrinsics.into_iter().map(opaque::UncheckedExtrinsic::from_blob).collect::<Vec<_>>();
	LazyBlock::decode(&mut &opaque::Block { header, extrinsics }.encode()[..]).unwrap()
}

/// An extrinsic's bytes without their length.
fn bytes(call: impl Into<RuntimeCall>) -> Vec<u8> {
	let whole = UncheckedExtrinsic::new_bare(call.into()).encode();
	Vec::decode(&mut &whole[..]).unwrap()
}

fn remark() -> Vec<u8> {
	bytes(frame_system::Call::<Runtime>::remark { remark: b"energy".to_vec() })
}

fn check(hash: H256, block: LazyBlock, sidecar: Vec<u8>) -> Verdict {
	<Runtime as Api<Block>>::check(hash, block, sidecar)
}

/// What is said of a block with this header and body on top of block 1, whose slot was 7.
fn verdict(header: Header, extrinsics: Vec<Vec<u8>>) -> Verdict {
	let mut chain = chain(DEV_RUNTIME_PRESET);
	Storage::default().attach(&mut chain);
	chain.execute_with(|| {
		pallet_aura::CurrentSlot::<Runtime>::put(sp_consensus_aura::Slot::from(7u64));
		check(H256::repeat_byte(2), block(header, extrinsics), vec![0, 0])
	})
}

#[test]
fn block_whose_number_or_slot_does_not_follow_should_be_bad() {
	let parent = H256::repeat_byte(1);
	for (number, slot) in [(2, 7), (2, 6), (2, 0), (1, 8), (0, 8), (3, 8), (u32::MAX, 8)] {
		let verdict = verdict(header(number, slot, parent, None), vec![remark()]);
		assert_eq!(verdict, Verdict::Bad(Refusal::DoesNotFollow), "number {number}, slot {slot}");
	}
	for slot in [8, 9, u64::MAX] {
		// It goes on to what else is wrong with it.
		let verdict = verdict(header(2, slot, parent, None), vec![remark()]);
		assert_eq!(verdict, Verdict::Bad(Refusal::SealMissing));
	}
}

#[test]
fn block_with_an_extrinsic_that_does_not_decode_should_be_bad() {
	let parent = H256::repeat_byte(1);
	let good = remark();
	let padded = [&good[..], &[0]].concat();
	let truncated = good[..good.len() - 1].to_vec();
	for bad in [vec![], vec![0xff; 300], padded, truncated, b"no extrinsic".to_vec()] {
		for body in [vec![bad.clone()], vec![good.clone(), bad.clone()], vec![bad, good.clone()]] {
			let verdict = verdict(header(2, 8, parent, None), body);
			assert_eq!(verdict, Verdict::Bad(Refusal::BadExtrinsic));
		}
	}
}

#[test]
fn good_content_on_an_unknown_database_should_be_missing() {
	let parent = H256::repeat_byte(1);
	let sidecar_hash = Hashing::hash(&[0, 0]);
	let digest = DatabaseDigest { database_root: H256::zero(), sidecar_hash };
	let seal: Seal<MaxSettlements> =
		Seal { database_root: digest.database_root, sidecar_hash, settlements: Default::default() };
	let seal = bytes(pallet_spb::Call::<Runtime>::seal { seal });
	let verdict = verdict(header(2, 8, parent, Some(digest)), vec![seal]);
	assert_eq!(verdict, Verdict::Missing(Missing::Database(parent)));
}

#[test]
fn payments_should_be_told_as_they_arrived() {
	let (id, other) = (CtpId(H256::repeat_byte(1)), CtpId(H256::repeat_byte(2)));
	let (payment, fee) = (Money::ZERO, Money::from_units(7));
	chain(DEV_RUNTIME_PRESET).execute_with(|| {
		let delivered = Energy::from_wh(1);
		let settled =
			pallet_spb::Event::TradeSettled { id, vault: 1, offer: 2, delivered, payment, fee };
		let burned = pallet_spb::Event::PaymentBurned { id: other, receiver: None, amount: fee };
		System::reset_events();
		for event in [burned, settled] {
			System::deposit_event(spb_runtime::RuntimeEvent::Spb(event));
		}
		assert_eq!(<Runtime as Api<Block>>::paid(), [PaidCtp { id, payment, fee }]);
	});
}

#[test]
fn shorter_lifetime_should_be_told_to_those_who_commit_at_once() {
	use pallet_spb::{
		runtime_api::runtime_decl_for_spb_api::SpbApiV1 as Api, CurrentParameters, ParameterSet,
	};
	let (before, after) = (Parameters::DEVELOPMENT, 100);
	chain(DEV_RUNTIME_PRESET).execute_with(|| {
		let told = || {
			let parameters = <Runtime as Api<Block>>::parameters();
			(parameters.max_lifetime, <Runtime as Api<Block>>::entry_lifetime())
		};
		assert_eq!(told(), (before.max_lifetime, before.max_lifetime));
		let set = ParameterSet { current: before, previous: None };
		let change =
			set.change(Parameters { max_lifetime: after, ..before }, System::block_number());
		CurrentParameters::<Runtime>::put(change);
		assert_eq!(told(), (before.max_lifetime, after));
		System::set_block_number(2 + before.longest_claim());
		assert_eq!(told(), (after, after));
	});
}

/// How many CTPs are open.
const OPEN: u32 = 100_000;
/// The block after which they are; those of the first expiry go with the next one.
const HEIGHT: BlockNumber = 119;
/// The first expiry: its grace of 20 blocks ends with the next block.
const FIRST: BlockNumber = 100;
/// What a block may ask of the off-chain storage: a fraction of what is open.
const MOST_ASKED: usize = 5_000;

/// As many CTPs as are open, over so many expiries; in order, by id.
fn many(expiries: u32, genesis: &Genesis) -> Vec<(CtpId, SignedCtp)> {
	let one = |n: u32| {
		let ctp = Ctp {
			vault: 1_000 + n / 50,
			offer: 1_000 + n % 500,
			energy: Energy::from_wh(1 + n % 1_000),
			amount: Money::from_units(SPB + u128::from(n)),
			expiry: FIRST + n % expiries,
			receipt_key: ReceiptKey(H256::from_low_u64_be(n.into())),
		};
		// Judged when it entered: whoever restores a database looks at its root alone.
		let signature = MultiSignature::Sr25519(sp_core::sr25519::Signature::from_raw([5; 64]));
		(CtpId::of(&ctp, genesis), SignedCtp { ctp, signature })
	};
	let mut all: Vec<_> = (0..OPEN).map(one).collect();
	all.sort_by_key(|(id, signed)| (signed.ctp.expiry, *id));
	all
}

fn root(entries: &[(CtpId, SignedCtp)]) -> H256 {
	let leaves = entries.iter().map(|(id, ctp)| (entry_key(ctp.ctp.expiry, id), ctp.leaf()));
	database_root(&leaves.collect::<Vec<_>>())
}

/// Stores the database of these entries as the one after the block of this header.
fn restore(header: &Header, entries: &[(CtpId, SignedCtp)]) {
	let step = |step| <Runtime as Api<Block>>::restore(header.clone(), step);
	assert_eq!(step(RestoreStep::Begin), Ok(Restoring::More));
	for part in entries.chunks(4_000) {
		let part = part.iter().map(|(_, signed)| signed.clone()).collect();
		assert_eq!(step(RestoreStep::Entries(part)), Ok(Restoring::More));
	}
	while step(RestoreStep::Finish).unwrap() == Restoring::More {}
}

/// A CTP of Bob's on Alice's offer, and the ERC of its meter, as extrinsics; the former's id.
fn trade(genesis: &Genesis) -> ([Vec<u8>; 2], (CtpId, SignedCtp)) {
	let (alice, bob) = (Alice.to_account_id(), Bob.to_account_id());
	assert_ok!(Spb::open_account_with_burn(RuntimeOrigin::signed(alice.clone())));
	let (offered, price) = (Energy::from_wh(10_000), Price::per_kwh(SPB / 10));
	let origin = RuntimeOrigin::signed(alice);
	assert_ok!(Spb::offer_energy(origin, offered, price, Terms::Listed, ContactKey([7; 32])));
	assert_ok!(Spb::deposit(RuntimeOrigin::signed(bob), Money::from_units(SPB)));

	let (maker, signer) = (Ed25519Keyring::One, Ed25519Keyring::Charlie);
	let one_time = sp_core::ed25519::Pair::from_seed(&[9; 32]);
	let keys = [ReceiptKey::of(&one_time.public())];
	let (root, valid_until) = (tree_root(&keys).unwrap(), 10_000);
	let coe = Coe {
		root,
		leaves: 1,
		valid_until,
		signer: signer.public(),
		manufacturer: 1,
		certificate: maker.sign(&Coe::certificate_payload(1, &signer.public(), genesis)),
		signature: signer.sign(&Coe::payload(&root, 1, valid_until, genesis)),
	};
	let proof = MeterProof { index: 0, path: tree_path(&keys, 0).unwrap(), coe };
	let energy = Energy::from_wh(500);
	let ctp = Ctp {
		vault: 0,
		offer: 0,
		energy,
		amount: Money::from_units(SPB / 2),
		expiry: HEIGHT + 100,
		receipt_key: keys[0],
	};
	let id = CtpId::of(&ctp, genesis);
	let signature = MultiSignature::Sr25519(Bob.sign(&ctp.payload(genesis)));
	let signed = SignedCtp { ctp, signature };
	let at = HEIGHT;
	let word = one_time.sign(&Erc::payload(&id, energy, at, genesis));
	let erc = Erc { ctp: id, delivered: energy, at, key: one_time.public(), signature: word };
	let commit = pallet_spb::Call::<Runtime>::commit_to_pay {
		ctp: signed.clone(),
		proof: proof.clone(),
		quote: None,
	};
	let confirm = pallet_spb::Call::<Runtime>::confirm_receipt { erc, proof };
	let message = |call| UncheckedExtrinsic::new_bare(RuntimeCall::Spb(call)).encode();
	([message(commit), message(confirm)], (id, signed))
}

/// A chain with this many open CTPs over so many expiries goes on: the next block drops those of the
/// first expiry and adds one, the one after that settles it. Neither costs more for all that is open.
fn many_should_be_open_over(expiries: u32) {
	let mut chain = chain(DEV_RUNTIME_PRESET);
	let storage = Storage::default();
	storage.attach(&mut chain);
	let (genesis, ([commit, confirm], (id, signed))) = chain.execute_with(|| {
		let genesis = System::block_hash(0);
		let trade = trade(&genesis);
		System::set_block_number(HEIGHT);
		(genesis, trade)
	});
	let mut open = many(expiries, &genesis);
	let digest = DatabaseDigest { database_root: root(&open), sidecar_hash: H256::zero() };
	let head = header(HEIGHT, 200, H256::repeat_byte(1), Some(digest));
	chain.execute_with(|| restore(&head, &open));

	let (first, hash) = step(&mut chain, &storage, head.hash(), HEIGHT + 1, commit);
	open.retain(|(_, signed)| signed.ctp.expiry > FIRST);
	open.push((id, signed));
	open.sort_by_key(|(id, signed)| (signed.ctp.expiry, *id));
	assert_eq!(first, root(&open));
	queries(&mut chain, hash, &open, id);

	let (second, hash) = step(&mut chain, &storage, hash, HEIGHT + 2, confirm);
	open.retain(|(other, signed)| *other != id && signed.ctp.expiry > FIRST + 1);
	assert_eq!(second, root(&open));
	let summary = chain
		.execute_with(|| <Runtime as Api<Block>>::summary(hash))
		.expect("the database is stored");
	assert_eq!((summary.root, summary.open as usize), (second, open.len()));
}

/// Prepares a block with one message, checks it, and gives the root that it names, and its hash.
fn step(
	chain: &mut TestExternalities,
	storage: &Storage,
	parent: H256,
	number: BlockNumber,
	message: Vec<u8>,
) -> (H256, H256) {
	let slot = 200 + u64::from(number);
	// What was asked before is not of this block.
	storage.asked();
	let prepared = chain
		.execute_with(|| {
			rolled_back(|| {
				let header = header(number, slot, parent, None);
				<Runtime as Api<Block>>::prepare(header, vec![message])
			})
		})
		.expect("the parent's database is stored");
	assert_eq!(prepared.outcomes, [Outcome::Taken]);
	type Seals = (Seal<MaxSettlements>, Seal<MaxSettlements>);
	let (seal, _) = Seals::decode(&mut &prepared.inherent[..]).unwrap();
	let (database_root, sidecar_hash) = (seal.database_root, seal.sidecar_hash);
	let digest = DatabaseDigest { database_root, sidecar_hash };
	let header = header(number, slot, parent, Some(digest));
	let (hash, body) = (header.hash(), bytes(pallet_spb::Call::<Runtime>::seal { seal }));
	let sidecar = prepared.sidecars[0].clone();
	let verdict =
		chain.execute_with(|| rolled_back(|| check(hash, block(header, vec![body]), sidecar)));
	assert_eq!(verdict, Verdict::Ok);
	let asked = storage.asked();
	assert!(asked < MOST_ASKED, "block {number} asks the storage {asked} times");
	// The state after the block, as far as the next one needs it.
	chain.execute_with(|| System::set_block_number(number));
	(database_root, hash)
}

/// Runs something whose changes to the state are not to stay, as those of a call to the runtime.
fn rolled_back<R>(run: impl FnOnce() -> R) -> R {
	use frame_support::storage::{with_transaction, TransactionOutcome};
	with_transaction(|| TransactionOutcome::Rollback(Ok::<R, sp_runtime::DispatchError>(run())))
		.unwrap()
}

/// The database answers, page by page, and proves what is in it.
fn queries(chain: &mut TestExternalities, hash: H256, open: &[(CtpId, SignedCtp)], id: CtpId) {
	chain.execute_with(|| {
		let (mut after, mut found) = (None, 0);
		loop {
			let page =
				<Runtime as Api<Block>>::entries(hash, CtpFilter::default(), after, 1_000).unwrap();
			let Some(last) = page.last() else { break };
			after = Some((last.signed.ctp.expiry, last.id));
			let expected = open[found..found + page.len()].iter().map(|(id, _)| id);
			assert!(page.iter().map(|row| &row.id).eq(expected));
			found += page.len();
		}
		assert_eq!(found, open.len());
		let vault = CtpFilter { vault: Some(0), offer: None };
		let of_vault = <Runtime as Api<Block>>::entries(hash, vault, None, 1_000).unwrap();
		assert_eq!(of_vault.iter().map(|row| row.id).collect::<Vec<_>>(), [id]);
		let (row, proof) = <Runtime as Api<Block>>::proof(hash, id).unwrap().expect("it is open");
		let key = entry_key(row.signed.ctp.expiry, &id);
		assert!(proof.verify(&root(open), &key, &row.signed.leaf()));
	});
}

#[test]
fn a_hundred_thousand_ctps_should_be_open_spread_over_many_expiries() {
	many_should_be_open_over(2_000);
}

#[test]
fn a_hundred_thousand_ctps_should_be_open_in_a_few_expiries() {
	many_should_be_open_over(4);
}
