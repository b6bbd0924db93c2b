//! What is on the disk: made once, restored from a copy, mended where it is damaged.

use super::*;
use crate::{
	error::{Classify, Kind},
	files::write_document,
};

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
	let root = |meter: &Meter| ask(meter, 4).unwrap().request().root;
	assert_ne!(root(&restored), root(&bench.meter));
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
