//! Meters on a disk: counters that survive, certificates that are checked, words given once.

mod trees;

use super::{state::MeterState, *};
use crate::{
	error::{Classify, Kind},
	files::{read_document, write_document, Encoded},
	keys::{AccountKey, ManufacturerKey},
};
use codec::Encode as _;
use sp_core::{ed25519, Pair};
use spb_primitives::{
	relay::{self, verify_listing, ContactKey},
	AccountId, Coe, Ctp, Energy, Money, ReceiptKey, Refusal, RegisteredMeters,
};
use std::{
	collections::{BTreeMap, BTreeSet},
	path::PathBuf,
};

const LEAVES: u32 = 200;
const VALID_UNTIL: BlockNumber = 10_000;
const NOW: BlockNumber = 100;

fn genesis() -> Genesis {
	Genesis::repeat_byte(7)
}

fn owner() -> AccountKey {
	AccountKey::development("//Alice").unwrap()
}

fn manufacturer() -> ManufacturerKey {
	ManufacturerKey::development("//One").unwrap()
}

fn register() -> RegisteredMeters {
	let manufacturers = BTreeMap::from([(1, manufacturer().public())]);
	RegisteredMeters { manufacturers, revoked: BTreeSet::new() }
}

/// Two meters in a folder of their own: one to be used, one that signs for it.
struct Bench {
	folder: tempfile::TempDir,
	meter: Meter,
	signer: Meter,
}

impl Bench {
	fn new() -> Self {
		let folder = tempfile::tempdir().unwrap();
		let at = |name: &str| Directory::new(folder.path().join(name));
		let meter = Meter::create(at("meter")).unwrap();
		let signer = Meter::create(at("signer")).unwrap();
		Self { folder, meter, signer }
	}

	/// With both meters certified.
	fn certified() -> Self {
		let bench = Self::new();
		for meter in [&bench.meter, &bench.signer] {
			let key = meter.key().unwrap();
			let certificate = MeterCertificate::sign(&manufacturer(), 1, key, &genesis());
			meter.keep_certificate(&certificate, &genesis(), &register()).unwrap();
		}
		bench
	}

	/// With a certified tree.
	fn ready() -> Self {
		let bench = Self::certified();
		bench.new_tree(LEAVES, VALID_UNTIL);
		bench
	}

	fn new_tree(&self, leaves: u32, valid_until: BlockNumber) {
		let request = self.meter.request_coe(&genesis(), leaves, &()).unwrap();
		let coe = self.signer.sign_coe(&request, valid_until, &genesis(), &register()).unwrap();
		self.meter.keep_coe(&coe, NOW, &genesis(), &register()).unwrap();
	}

	fn reopened(&self) -> Meter {
		Meter::open(Directory::new(self.folder.path().join("meter"))).unwrap()
	}

	fn path(&self, name: &str) -> PathBuf {
		self.folder.path().join(name)
	}

	fn state(&self) -> MeterState {
		self.meter.read().unwrap()
	}
}

fn draft(vault: VaultId) -> Draft {
	Draft {
		vault,
		offer: 4,
		energy: Energy::from_wh(500),
		amount: Money::from_units(1_000_000),
		expiry: NOW + 600,
		earliest: NOW + 8,
	}
}

fn moment(genesis: &Genesis) -> Moment<'_> {
	Moment { genesis, now: NOW, settles_from: 0 }
}

fn issue(meter: &Meter, vault: VaultId) -> Result<Issued, MeterError> {
	meter.issue(&draft(vault), &owner(), &BTreeSet::new(), &moment(&genesis()), &())
}

fn confirm(meter: &Meter, id: &spb_primitives::CtpId, wh: u32) -> Result<Receipt, MeterError> {
	meter.confirm(id, Energy::from_wh(wh), Reading::New, NOW + 1, &genesis(), &())
}

#[test]
fn a_meter_should_be_made_once() {
	let bench = Bench::new();
	let again = Meter::create(Directory::new(bench.path("meter"))).unwrap_err();
	assert_eq!((again.kind(), again.code().as_str()), (Kind::BadInput, "meter-exists"));
	assert_eq!(bench.reopened().key().unwrap(), bench.meter.key().unwrap());
	let nowhere = Directory::new(bench.path("nowhere"));
	let error = Meter::open(nowhere).unwrap_err();
	assert!(error.to_string().contains("spb meter init"), "{error}");
	assert!(!bench.path("nowhere").exists());
}

#[test]
fn issued_ctps_should_be_what_the_chain_takes() {
	let bench = Bench::ready();
	let issued = issue(&bench.meter, 3).unwrap();
	let ctp = &issued.signed.ctp;
	assert_eq!(issued.id, spb_primitives::CtpId::of(ctp, &genesis()));
	assert!(issued.signed.verify(&owner().account(), &genesis()).is_ok());
	assert!(issued.proof.verify(&ctp.receipt_key, NOW + 1, &genesis(), &register()).is_ok());
	let receipt = confirm(&bench.meter, &issued.id, 500).unwrap();
	assert!(receipt.erc.verify(&genesis()).is_ok());
	assert_eq!(ReceiptKey::of(&receipt.erc.key), ctp.receipt_key);
	assert_eq!(receipt.proof, issued.proof);
	assert_eq!(receipt.ctp, issued.signed);
}

#[test]
fn nothing_that_a_meter_sends_should_hold_its_own_key() {
	let bench = Bench::ready();
	let issued = issue(&bench.meter, 3).unwrap();
	let receipt = confirm(&bench.meter, &issued.id, 500).unwrap();
	let sent = [
		issued.signed.encode(),
		issued.proof.encode(),
		receipt.erc.encode(),
		receipt.proof.encode(),
	];
	let holds = |bytes: &[u8], key: &[u8]| bytes.windows(key.len()).any(|part| part == key);
	let own = bench.meter.key().unwrap();
	for bytes in &sent {
		assert!(!holds(bytes, &own.0), "the meter can be told by its key");
		assert!(!holds(bytes, ReceiptKey::of(&own).as_ref()), "and by the hash of it");
	}
	// A key that is there would be found: that of the meter which signed the tree.
	assert!(holds(&sent[1], &bench.signer.key().unwrap().0));
}

#[test]
fn a_leaf_should_be_used_once_also_after_a_restart() {
	let bench = Bench::ready();
	let mut keys = BTreeSet::new();
	for round in 0..5 {
		let meter = bench.reopened();
		for _ in 0..3 {
			assert!(keys.insert(issue(&meter, 3).unwrap().signed.ctp.receipt_key), "{round}");
		}
	}
	assert_eq!(bench.state().trees[0].next_leaf, 15);
}

#[test]
fn a_leaf_should_be_used_once_also_by_several_at_once() {
	let bench = Bench::ready();
	let keys: Vec<ReceiptKey> = std::thread::scope(|scope| {
		let threads: Vec<_> = (0..4)
			.map(|_| {
				// As other processes would: each with a meter of its own on the same directory.
				let meter = bench.reopened();
				scope.spawn(move || {
					let issue = |_| issue(&meter, 3).unwrap().signed.ctp.receipt_key;
					(0..10).map(issue).collect::<Vec<_>>()
				})
			})
			.collect();
		threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
	});
	assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), 40);
	assert_eq!(bench.state().issued.len(), 40);
}

#[test]
fn the_counter_should_be_on_the_disk_before_the_ctp_is_seen() {
	let bench = Bench::ready();
	let issued = issue(&bench.meter, 3).unwrap();
	let state: MeterState = read_document(&bench.path("meter").join(METER_FILE)).unwrap();
	assert_eq!(state.trees[0].next_leaf, 1);
	assert_eq!(state.issued[0].id, issued.id);
}

#[test]
fn what_fails_should_use_no_leaf() {
	let bench = Bench::ready();
	let all: BTreeSet<u8> = (0..64).collect();
	let error = bench.meter.issue(&draft(3), &owner(), &all, &moment(&genesis()), &()).unwrap_err();
	assert!(matches!(error, MeterError::NoPlace), "{error}");
	assert_eq!(bench.state().trees[0].next_leaf, 0);
}

#[test]
fn used_up_and_outdated_trees_should_be_passed_over() {
	let bench = Bench::certified();
	assert!(matches!(issue(&bench.meter, 3), Err(MeterError::NoKeysLeft)));
	bench.new_tree(2, NOW);
	assert!(matches!(issue(&bench.meter, 3), Err(MeterError::NoKeysLeft)), "out of date");
	bench.new_tree(1, NOW + 1);
	bench.new_tree(1, NOW + 1);
	let first = issue(&bench.meter, 3).unwrap();
	let second = issue(&bench.meter, 3).unwrap();
	assert_ne!(first.proof.coe.root, second.proof.coe.root);
	let error = issue(&bench.meter, 3).unwrap_err();
	assert!(error.to_string().contains("spb meter coe request"), "{error}");
	// Trees that are used up stay as long as their CTPs can settle.
	confirm(&bench.meter, &first.id, 1).unwrap();
}

#[test]
fn leaves_whose_ercs_would_meet_in_the_pool_should_be_skipped() {
	let bench = Bench::ready();
	let first = issue(&bench.meter, 3).unwrap();
	for _ in 1..64 {
		let id = issue(&bench.meter, 3).unwrap().id;
		confirm(&bench.meter, &id, 1).unwrap();
	}
	// Leaf 64 would take the place of leaf 0, which is not confirmed.
	let next = issue(&bench.meter, 3).unwrap();
	assert_eq!((first.proof.index, next.proof.index), (0, 65));
}

#[test]
fn a_meter_should_sign_only_for_its_vaults() {
	let bench = Bench::ready();
	issue(&bench.meter, 3).unwrap();
	let error = issue(&bench.meter, 5).unwrap_err();
	assert!(matches!(error, MeterError::NotPaired(5)), "{error}");
	bench.meter.pair_with(&genesis(), 5).unwrap();
	issue(&bench.meter, 5).unwrap();
	issue(&bench.meter, 3).unwrap();
	assert_eq!(bench.meter.info(&genesis(), NOW).unwrap().paired, [3, 5]);
}

#[test]
fn vaults_should_not_share_a_tree_where_there_are_enough() {
	let bench = Bench::certified();
	bench.new_tree(3, VALID_UNTIL);
	bench.new_tree(3, VALID_UNTIL);
	bench.meter.pair_with(&genesis(), 3).unwrap();
	bench.meter.pair_with(&genesis(), 5).unwrap();
	let root = |vault| issue(&bench.meter, vault).unwrap().proof.coe.root;
	let (first, second) = (root(3), root(5));
	assert_ne!(first, second);
	assert_eq!((root(3), root(5), root(3)), (first, second, first));
	let info = bench.meter.info(&genesis(), NOW).unwrap();
	assert_eq!([info.trees[0].vault, info.trees[1].vault], [Some(3), Some(5)]);
	// With its own used up, a vault takes what there is.
	assert_eq!(root(3), second);
	bench.new_tree(3, VALID_UNTIL);
	assert!(![first, second].contains(&root(3)), "a tree that no vault has used is better");
}

#[test]
fn a_new_tree_should_be_missing_before_the_old_one_is_used_up() {
	let bench = Bench::certified();
	let stock = Stock { trees: 1, margin: 2, blocks: 100 };
	let missing = |stock: &Stock| bench.meter.trees_missing(stock, &genesis(), NOW).unwrap();
	assert_eq!(missing(&stock), 1);
	bench.new_tree(4, NOW + 100);
	assert_eq!(missing(&stock), 1, "its certificate is about to run out");
	bench.new_tree(4, NOW + 101);
	assert_eq!(missing(&stock), 0);
	assert_eq!(missing(&Stock { trees: 3, ..stock }), 2);
	assert_eq!(missing(&Stock { margin: 5, ..stock }), 1);
	// Those of the other tree are used first, then these.
	for _ in 0..6 {
		assert_eq!(missing(&stock), 0);
		issue(&bench.meter, 3).unwrap();
	}
	issue(&bench.meter, 3).unwrap();
	assert_eq!(missing(&stock), 1);
	assert_eq!(bench.meter.trees_missing(&stock, &Genesis::zero(), NOW).unwrap(), 1);
}

#[test]
fn only_trees_that_nobody_signed_should_be_abandoned() {
	let bench = Bench::ready();
	let signed = bench.state().trees[0].root;
	let request = bench.meter.request_coe(&genesis(), 4, &()).unwrap();
	bench.meter.abandon_tree(&request.root()).unwrap();
	bench.meter.abandon_tree(&signed).unwrap();
	let state = bench.state();
	assert_eq!(state.trees.iter().map(|tree| tree.root).collect::<Vec<_>>(), [signed]);
	assert_eq!(state.next_tree, 2, "its number is not used again");
	let coe = bench.signer.sign_coe(&request, VALID_UNTIL, &genesis(), &register()).unwrap();
	let error = bench.meter.keep_coe(&coe, NOW, &genesis(), &register()).unwrap_err();
	assert!(matches!(error, MeterError::NotOurTree), "{error}");
}

/// A CTP with a key that was set aside.
fn agreed(key: ReceiptKey, vault: VaultId) -> Ctp {
	draft(vault).with(key, NOW + 600)
}

#[test]
fn a_key_should_be_set_aside_for_one_ctp() {
	let bench = Bench::ready();
	let reserve = || bench.meter.reserve(3, 50, &moment(&genesis()), &()).unwrap();
	let (key, unused) = (reserve(), reserve());
	assert_ne!(key, unused);
	assert_eq!(bench.state().trees[0].next_leaf, 2);
	let adopt = |ctp: &Ctp| bench.meter.adopt(ctp, &owner(), &genesis(), &());
	assert!(matches!(adopt(&agreed(key, 5)), Err(MeterError::NotReserved)), "another vault's");
	let ctp = agreed(key, 3);
	let issued = adopt(&ctp).unwrap();
	assert_eq!(issued.id, spb_primitives::CtpId::of(&ctp, &genesis()));
	assert!(issued.signed.verify(&owner().account(), &genesis()).is_ok());
	assert!(issued.proof.verify(&key, NOW + 1, &genesis(), &register()).is_ok());
	assert!(matches!(adopt(&ctp), Err(MeterError::NotReserved)), "used once");
	// It is kept back until its quote goes with it, and is confirmed as any other.
	let unconfirmed = bench.meter.unconfirmed(&genesis()).unwrap();
	assert_eq!(unconfirmed[0].submitted_at, None);
	confirm(&bench.meter, &issued.id, 500).unwrap();
	// No CTP ever names a key that was set aside.
	for _ in 0..10 {
		assert_ne!(issue(&bench.meter, 3).unwrap().signed.ctp.receipt_key, unused);
	}
}

#[test]
fn a_key_should_be_set_aside_for_a_while_only() {
	let bench = Bench::ready();
	let key = bench.meter.reserve(3, 50, &moment(&genesis()), &()).unwrap();
	let genesis = genesis();
	let later = |blocks| Moment { genesis: &genesis, now: NOW + blocks, settles_from: 0 };
	bench.meter.reserve(3, 50, &later(50), &()).unwrap();
	assert_eq!(bench.state().reserved.len(), 2);
	bench.meter.reserve(3, 50, &later(51), &()).unwrap();
	assert_eq!(bench.state().reserved.len(), 2);
	let error = bench.meter.adopt(&agreed(key, 3), &owner(), &genesis, &()).unwrap_err();
	assert!(matches!(error, MeterError::NotReserved), "{error}");
}

#[test]
fn a_meter_should_certify_what_a_genuine_one_asks_it_for() {
	let bench = Bench::certified();
	let (to, other) = (ContactKey([1; 32]), ContactKey([2; 32]));
	let ask = || bench.meter.ask_for_coe(&to, 8, NOW + 500, &genesis(), &()).unwrap();
	let request = ask();
	let answer = |request: &relay::CoeRequest, to: &ContactKey| {
		bench.signer.answer_coe(request, to, 500, NOW, &genesis(), &register()).unwrap()
	};
	let coe = answer(&request, &to).unwrap();
	let (signer, stranger) = (bench.signer.key().unwrap(), bench.meter.key().unwrap());
	let keep = |coe: &Coe, signer: &MeterKey| {
		bench.meter.keep_answer(&request, coe, signer, NOW, &genesis(), &register())
	};
	assert!(keep(&coe, &stranger).is_err(), "another meter was asked");
	assert!(keep(&Coe { valid_until: NOW + 501, ..coe.clone() }, &signer).is_err());
	keep(&coe, &signer).unwrap();
	assert_eq!(bench.meter.info(&genesis(), NOW).unwrap().keys_left, 8);
	// Passed on to someone else the request is worth nothing.
	let refused = answer(&ask(), &other).unwrap_err();
	assert_eq!(refused, relay::CoeRefusal::Rule(Refusal::BadCoeSignature));
	let longer = bench.meter.ask_for_coe(&to, 8, NOW + 501, &genesis(), &()).unwrap();
	assert_eq!(answer(&longer, &to), Err(relay::CoeRefusal::TooFar));
	let own = bench.signer.ask_for_coe(&to, 8, NOW + 500, &genesis(), &()).unwrap();
	assert_eq!(answer(&own, &to), Err(relay::CoeRefusal::OwnTree));
	let uncertified = Meter::create(Directory::new(bench.path("third"))).unwrap();
	let error =
		uncertified.answer_coe(&request, &to, 500, NOW, &genesis(), &register()).unwrap_err();
	assert!(matches!(error, MeterError::NotCertified), "{error}");
}

#[test]
fn a_meter_should_be_listed_with_its_own_consent() {
	let bench = Bench::certified();
	let (owner, contact) = (owner().account(), ContactKey([1; 32]));
	let listing = bench.meter.consent_to_listing(&owner, contact, NOW + 9, &genesis()).unwrap();
	let Listing { meter, manufacturer, valid_until, signature, .. } = &listing;
	assert_eq!((*meter, *valid_until), (bench.meter.key().unwrap(), NOW + 9));
	let holds = |contact: ContactKey, owner: &AccountId, until| {
		verify_listing(signature, owner, meter, *manufacturer, &contact, until, &genesis())
	};
	assert!(holds(contact, &owner, NOW + 9));
	assert!(!holds(ContactKey([2; 32]), &owner, NOW + 9));
	assert!(!holds(contact, &AccountId::new([9; 32]), NOW + 9));
	assert!(!holds(contact, &owner, NOW + 10));
}

#[test]
fn a_ctp_should_be_confirmed_once() {
	let bench = Bench::ready();
	let id = issue(&bench.meter, 3).unwrap().id;
	let first = confirm(&bench.meter, &id, 300).unwrap();
	let again = bench.reopened();
	// The same word again, also at another block, and nothing is counted twice.
	let now = NOW + 50;
	let energy = Energy::from_wh(300);
	let second = again.confirm(&id, energy, Reading::New, now, &genesis(), &()).unwrap();
	assert_eq!(first, second);
	let info = again.info(&genesis(), NOW).unwrap();
	assert_eq!((info.measured_wh, info.counted_wh), (300, 300));
	let error = confirm(&again, &id, 301).unwrap_err();
	assert_eq!(error.code(), "confirmed-already");
}

#[test]
fn impossible_receipts_should_be_refused() {
	let bench = Bench::ready();
	let id = issue(&bench.meter, 3).unwrap().id;
	let refused = |wh, now| {
		let energy = Energy::from_wh(wh);
		match bench.meter.confirm(&id, energy, Reading::New, now, &genesis(), &()) {
			Err(MeterError::Refused(refusal)) => refusal,
			other => panic!("{other:?}"),
		}
	};
	assert_eq!(refused(0, NOW), Refusal::BadDelivery);
	assert_eq!(refused(501, NOW), Refusal::BadDelivery);
	assert_eq!(refused(500, NOW + 601), Refusal::ReceiptLate);
	let info = bench.meter.info(&genesis(), NOW).unwrap();
	assert_eq!((info.measured_wh, info.counted_wh), (0, 0), "nothing is noted");
	let at_expiry = NOW + 600;
	let energy = Energy::from_wh(500);
	bench.meter.confirm(&id, energy, Reading::New, at_expiry, &genesis(), &()).unwrap();
	let unknown = spb_primitives::CtpId([9; 32].into());
	assert!(matches!(confirm(&bench.meter, &unknown, 1), Err(MeterError::UnknownCtp(_))));
}

#[test]
fn each_watt_hour_should_count_once() {
	let bench = Bench::ready();
	let ids = [0, 1].map(|_| issue(&bench.meter, 3).unwrap().id);
	let noted = |id, wh| {
		let energy = Energy::from_wh(wh);
		bench.meter.confirm(id, energy, Reading::Noted, NOW, &genesis(), &())
	};
	assert!(matches!(noted(&ids[0], 1), Err(MeterError::NotMeasured { left: 0 })));
	bench.meter.measure(Energy::from_wh(500)).unwrap();
	noted(&ids[0], 400).unwrap();
	assert!(matches!(noted(&ids[1], 101), Err(MeterError::NotMeasured { left: 100 })));
	noted(&ids[1], 100).unwrap();
}

#[test]
fn a_ctp_without_a_place_should_move_with_its_key() {
	let bench = Bench::ready();
	let old = issue(&bench.meter, 3).unwrap();
	let taken = BTreeSet::from([old.id.pool_slot()]);
	let moved = bench
		.meter
		.move_to_another_place(&old.id, NOW + 8, &owner(), &taken, &genesis(), &())
		.unwrap();
	let (before, after): (&Ctp, &Ctp) = (&old.signed.ctp, &moved.signed.ctp);
	assert_eq!(before.receipt_key, after.receipt_key);
	assert!(after.expiry < before.expiry && !taken.contains(&moved.id.pool_slot()));
	assert!(moved.signed.verify(&owner().account(), &genesis()).is_ok());
	assert!(matches!(confirm(&bench.meter, &old.id, 1), Err(MeterError::UnknownCtp(_))));
	confirm(&bench.meter, &moved.id, 1).unwrap();
}

#[test]
fn a_refused_ctp_should_be_forgotten_and_its_key_stay_used() {
	let bench = Bench::ready();
	let refused = issue(&bench.meter, 3).unwrap();
	bench.meter.forget(&refused.id, &genesis()).unwrap();
	assert!(bench.meter.unconfirmed(&genesis()).unwrap().is_empty());
	assert_eq!(issue(&bench.meter, 3).unwrap().proof.index, 1);
}

#[test]
fn it_should_be_known_what_was_submitted() {
	let bench = Bench::ready();
	let id = issue(&bench.meter, 3).unwrap().id;
	issue(&bench.meter, 3).unwrap();
	let note = |at| bench.meter.note_submitted(&id, at, &genesis()).unwrap();
	let submitted = || -> Vec<_> {
		let all = bench.meter.unconfirmed(&genesis()).unwrap();
		all.iter().map(|issued| issued.submitted_at).collect()
	};
	assert_eq!(submitted(), [Some(NOW), Some(NOW)]);
	note(None);
	assert_eq!(submitted(), [None, Some(NOW)]);
	note(Some(NOW + 3));
	assert_eq!(submitted(), [Some(NOW + 3), Some(NOW)]);
}

#[test]
fn what_cannot_settle_should_be_forgotten() {
	let bench = Bench::ready();
	let old = issue(&bench.meter, 3).unwrap();
	let genesis = genesis();
	let at = |settles_from| Moment { genesis: &genesis, now: NOW, settles_from };
	let none = BTreeSet::new();
	let expiry = old.signed.ctp.expiry;
	bench.meter.issue(&draft(3), &owner(), &none, &at(expiry), &()).unwrap();
	assert_eq!(bench.state().issued.len(), 2);
	bench.meter.issue(&draft(3), &owner(), &none, &at(expiry + 1), &()).unwrap();
	assert!(matches!(confirm(&bench.meter, &old.id, 1), Err(MeterError::UnknownCtp(_))));
}

#[test]
fn a_restored_meter_should_start_new_trees() {
	let bench = Bench::ready();
	let copy = bench.path("copy.json");
	let confirmed = issue(&bench.meter, 3).unwrap().id;
	let word = confirm(&bench.meter, &confirmed, 1).unwrap();
	let open = issue(&bench.meter, 3).unwrap().id;
	bench.meter.measure(Energy::from_wh(7)).unwrap();
	bench.meter.back_up(&copy).unwrap();
	issue(&bench.meter, 3).unwrap();
	let restore = |name: &str| Meter::restore(Directory::new(bench.path(name)), &copy).unwrap();
	let restored = restore("restored");
	assert_eq!(restored.key().unwrap(), bench.meter.key().unwrap());
	assert!(matches!(issue(&restored, 3), Err(MeterError::NoKeysLeft)));
	// What was confirmed before is said again; what was open may have been confirmed otherwise.
	assert_eq!(confirm(&restored, &confirmed, 1).unwrap(), word);
	assert!(matches!(confirm(&restored, &open, 1), Err(MeterError::UnknownCtp(_))));
	let info = restored.info(&genesis(), NOW).unwrap();
	assert_eq!((info.measured_wh, info.counted_wh), (8, 8), "nothing is counted twice");
	let next = restored.read().unwrap().next_tree;
	assert!(next > bench.state().next_tree + 65_535);
	let request = restored.request_coe(&genesis(), 4, &()).unwrap();
	assert_ne!(request.root(), bench.meter.request_coe(&genesis(), 4, &()).unwrap().root());
	// A second restore of the same copy does not meet the first one's trees.
	assert_ne!(restore("again").read().unwrap().next_tree, next);
}

#[test]
fn damaged_copies_should_be_refused() {
	let bench = Bench::ready();
	issue(&bench.meter, 3).unwrap();
	let damage: [fn(&mut MeterState); 5] = [
		|state| state.trees[0].next_leaf = LEAVES + 1,
		|state| state.trees[0].leaves = 0,
		|state| state.next_tree = 0,
		|state| state.issued[0].leaf = LEAVES,
		|state| state.counted_wh = 1,
	];
	for change in damage {
		let mut state = bench.state();
		change(&mut state);
		let copy = bench.path("damaged.json");
		write_document(&copy, &state, Replace::Yes).unwrap();
		let error = Meter::restore(Directory::new(bench.path("other")), &copy).unwrap_err();
		assert_eq!(error.code(), "meter-damaged");
		assert!(!bench.path("other").exists());
	}
}

#[test]
fn lost_or_damaged_key_files_should_be_derived_anew() {
	let bench = Bench::ready();
	let path = bench.path("meter").join("tree-0.keys");
	let good = std::fs::read(&path).unwrap();
	let contents = [Vec::new(), vec![1; 32], good[..good.len() - 1].to_vec(), {
		let mut changed = good.clone();
		changed[40] ^= 1;
		changed
	}];
	for content in contents {
		files::write_bytes(&path, &content, true, Replace::Yes).unwrap();
		let issued = issue(&bench.reopened(), 3).unwrap();
		let key = &issued.signed.ctp.receipt_key;
		assert!(issued.proof.verify(key, NOW, &genesis(), &register()).is_ok());
		assert_eq!(std::fs::read(&path).unwrap(), good);
	}
	std::fs::remove_file(&path).unwrap();
	issue(&bench.reopened(), 3).unwrap();
}

#[test]
fn trees_should_have_a_possible_size() {
	let bench = Bench::certified();
	for leaves in [0, 65_537, u32::MAX] {
		let error = bench.meter.request_coe(&genesis(), leaves, &()).unwrap_err();
		assert!(matches!(error, MeterError::TreeSize), "{leaves}: {error}");
	}
	bench.new_tree(1, VALID_UNTIL);
	assert_eq!(issue(&bench.meter, 3).unwrap().proof.path.len(), 0);
}

#[test]
fn requests_and_certificates_should_pass_through_files() {
	let bench = Bench::certified();
	let request = bench.meter.request_coe(&genesis(), 8, &()).unwrap();
	let path = bench.path("request.json");
	write_document(&path, &request, Replace::No).unwrap();
	let read: CoeRequest = read_document(&path).unwrap();
	assert_eq!(read, request);
	let signed = bench.signer.sign_coe(&read, VALID_UNTIL, &genesis(), &register()).unwrap();
	let path = bench.path("coe.json");
	write_document(&path, &signed, Replace::No).unwrap();
	let coe: CoeDocument = read_document(&path).unwrap();
	assert_eq!(coe, signed);
	bench.meter.keep_coe(&coe, NOW, &genesis(), &register()).unwrap();
	let info = bench.meter.info(&genesis(), NOW).unwrap();
	assert_eq!((info.keys_left, info.trees[0].valid_until), (8, Some(VALID_UNTIL)));
	// The certificate does not say whose tree it is.
	let text = std::fs::read_to_string(&path).unwrap();
	assert!(!text.contains(&hex::encode(bench.meter.key().unwrap().0)));
	assert!(read_document::<CoeRequest>(&path).is_err(), "one is not taken for the other");
}

#[test]
fn forged_requests_should_not_be_signed() {
	let bench = Bench::certified();
	let request = bench.meter.request_coe(&genesis(), 8, &()).unwrap();
	let json = serde_json::to_value(&request).unwrap();
	let forged = |field: &str, value: serde_json::Value| -> CoeRequest {
		let mut json = json.clone();
		json[field] = value;
		serde_json::from_value(json).unwrap()
	};
	let (other, _) = ed25519::Pair::generate();
	let refused = |request: &CoeRequest, register: &RegisteredMeters| {
		let signed = bench.signer.sign_coe(request, VALID_UNTIL, &genesis(), register);
		signed.unwrap_err().code()
	};
	let root = serde_json::to_value(H256::repeat_byte(1)).unwrap();
	assert_eq!(refused(&forged("root", root), &register()), "forged-request");
	assert_eq!(refused(&forged("leaves", 9.into()), &register()), "forged-request");
	assert_eq!(refused(&forged("leaves", 0.into()), &register()), "tree-size");
	let key = serde_json::to_value(Encoded(other.public())).unwrap();
	assert_eq!(refused(&forged("meter", key), &register()), "BadMeterCertificate");
	assert_eq!(refused(&forged("manufacturer", 2.into()), &register()), "UnknownManufacturer");
	let signature = serde_json::to_value(Encoded(other.sign(b"x"))).unwrap();
	let code = refused(&forged("certificate", signature.clone()), &register());
	assert_eq!(code, "BadMeterCertificate");
	assert_eq!(refused(&forged("signature", signature), &register()), "forged-request");
	let chain = serde_json::to_value(Genesis::zero()).unwrap();
	assert_eq!(refused(&forged("genesis", chain), &register()), "other-chain");
	let revoked =
		RegisteredMeters { revoked: [(1, bench.meter.key().unwrap())].into(), ..register() };
	assert_eq!(refused(&request, &revoked), "MeterRevoked");
	assert_eq!(refused(&request, &RegisteredMeters::default()), "UnknownManufacturer");
	let own = bench.meter.sign_coe(&request, VALID_UNTIL, &genesis(), &register());
	assert_eq!(own.unwrap_err().code(), "own-tree");
	let uncertified = Meter::create(Directory::new(bench.path("third"))).unwrap();
	let error = uncertified.sign_coe(&request, VALID_UNTIL, &genesis(), &register()).unwrap_err();
	assert!(matches!(error, MeterError::NotCertified), "{error}");
}

#[test]
fn only_certificates_that_hold_should_be_kept() {
	let bench = Bench::certified();
	let request = bench.meter.request_coe(&genesis(), 8, &()).unwrap();
	let sign = |until| bench.signer.sign_coe(&request, until, &genesis(), &register()).unwrap();
	let kept = |document: &CoeDocument, register: &RegisteredMeters| {
		bench.meter.keep_coe(document, NOW, &genesis(), register).map_err(|error| error.code())
	};
	let change = |change: &dyn Fn(&mut Coe)| -> CoeDocument {
		let mut json = serde_json::to_value(sign(VALID_UNTIL)).unwrap();
		let mut coe: Encoded<Coe> = serde_json::from_value(json["coe"].clone()).unwrap();
		change(&mut coe.0);
		json["coe"] = serde_json::to_value(coe).unwrap();
		serde_json::from_value(json).unwrap()
	};
	let refused = |code: &str| Err(code.to_owned());
	assert_eq!(kept(&sign(NOW - 1), &register()), refused("CoeOutOfDate"));
	let longer = change(&|coe| coe.valid_until += 1);
	assert_eq!(kept(&longer, &register()), refused("BadCoeSignature"));
	let (other, _) = ed25519::Pair::generate();
	let stranger = change(&|coe| coe.signer = other.public());
	assert_eq!(kept(&stranger, &register()), refused("BadMeterCertificate"));
	let fewer = change(&|coe| coe.leaves = 7);
	assert_eq!(kept(&fewer, &register()), refused("BadCoeSignature"));
	let revoked =
		RegisteredMeters { revoked: [(1, bench.signer.key().unwrap())].into(), ..register() };
	assert_eq!(kept(&sign(VALID_UNTIL), &revoked), refused("MeterRevoked"));
	let retired = RegisteredMeters::default();
	assert_eq!(kept(&sign(VALID_UNTIL), &retired), refused("UnknownManufacturer"));
	// A certificate for someone else's tree is of no use.
	let foreign = Bench::certified();
	let theirs = foreign.meter.request_coe(&genesis(), 8, &()).unwrap();
	let theirs = bench.signer.sign_coe(&theirs, VALID_UNTIL, &genesis(), &register()).unwrap();
	assert_eq!(kept(&theirs, &register()), refused("not-our-tree"));
	assert_eq!(kept(&sign(NOW), &register()), Ok(()));
	assert_eq!(kept(&sign(VALID_UNTIL), &register()), Ok(()), "a later one replaces it");
	assert_eq!(bench.state().trees[0].coes.len(), 1);
}

#[test]
fn only_our_own_meter_certificate_should_be_kept() {
	let bench = Bench::new();
	let key = bench.meter.key().unwrap();
	let keep = |certificate: &MeterCertificate| {
		let kept = bench.meter.keep_certificate(certificate, &genesis(), &register());
		kept.map_err(|error| error.code())
	};
	let refused = |code: &str| Err(code.to_owned());
	let sign = |key: &ManufacturerKey, number, meter, chain: &Genesis| {
		MeterCertificate::sign(key, number, meter, chain)
	};
	let other = ManufacturerKey::development("//Two").unwrap();
	let signer = bench.signer.key().unwrap();
	let for_another = sign(&manufacturer(), 1, signer, &genesis());
	assert_eq!(keep(&for_another), refused("certificate-for-another"));
	assert_eq!(keep(&sign(&other, 1, key, &genesis())), refused("BadMeterCertificate"));
	assert_eq!(keep(&sign(&other, 2, key, &genesis())), refused("UnknownManufacturer"));
	let elsewhere = sign(&manufacturer(), 1, key, &Genesis::zero());
	assert_eq!(keep(&elsewhere), refused("other-chain"));
	assert_eq!(keep(&sign(&manufacturer(), 1, key, &genesis())), Ok(()));
	assert_eq!(bench.meter.info(&genesis(), NOW).unwrap().manufacturer, Some(1));
	assert_eq!(bench.meter.info(&Genesis::zero(), NOW).unwrap().manufacturer, None);
}
