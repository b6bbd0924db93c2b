//! Which trees a meter uses, when it wants another one, and how long it keeps them.

use super::{super::state::StoredCoe, *};

#[test]
fn trees_should_have_a_possible_size() {
	let bench = Bench::certified();
	for leaves in [0, 65_537, u32::MAX] {
		let error = ask(&bench.meter, leaves).unwrap_err();
		assert!(matches!(error, MeterError::TreeSize), "{leaves}: {error}");
	}
	bench.new_tree(1, VALID_UNTIL);
	assert_eq!(issue(&bench.meter, 3).unwrap().proof.path.len(), 0);
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
	let asked = ask(&bench.meter, 4).unwrap();
	bench.meter.abandon_tree(&asked.request().root).unwrap();
	bench.meter.abandon_tree(&signed).unwrap();
	let state = bench.state();
	assert_eq!(state.trees.iter().map(|tree| tree.root).collect::<Vec<_>>(), [signed]);
	assert_eq!(state.next_tree, 2, "its number is not used again");
	let coe = bench.signer.sign_coe(&asked, VALID_UNTIL, NOW, &genesis(), &register()).unwrap();
	let error = bench.meter.keep_coe(&coe, NOW, &genesis(), &register()).unwrap_err();
	assert!(matches!(error, MeterError::NotOurTree), "{error}");
}

/// The numbers of the trees that are left when a meter, just started, has forgotten what cannot settle
/// from a block on.
fn left_from(bench: &Bench, settles_from: BlockNumber) -> Vec<u32> {
	let genesis = genesis();
	let moment = Moment { genesis: &genesis, now: settles_from, settles_from };
	bench.reopened().tidy(&moment).unwrap();
	bench.state().trees.iter().map(|tree| tree.number).collect()
}

#[test]
fn trees_whose_certificates_have_run_out_should_be_forgotten() {
	let bench = Bench::certified();
	bench.new_tree(4, NOW + 50);
	bench.new_tree(4, NOW + 90);
	// Nobody has signed this one yet, and the last one counts on another chain as well.
	ask(&bench.meter, 4).unwrap();
	bench.new_tree(4, NOW + 50);
	let certified_elsewhere = bench.meter.update(|state| {
		let coe = state.trees[3].coes[0].coe.clone();
		state.trees[3].coes.push(StoredCoe { genesis: Genesis::zero(), coe });
		Ok(())
	});
	certified_elsewhere.unwrap();
	let file = |tree: u32| bench.path("meter").join(format!("tree-{tree}.keys"));
	assert_eq!(left_from(&bench, NOW + 50), [0, 1, 2, 3]);
	assert!(file(0).exists());
	assert_eq!(left_from(&bench, NOW + 51), [1, 2, 3]);
	assert!(!file(0).exists() && file(1).exists());
	assert_eq!(left_from(&bench, NOW + 91), [2, 3]);
	assert_eq!(bench.state().next_tree, 4, "their numbers are not used again");
}

#[test]
fn trees_should_stay_for_as_long_as_ctps_need_their_keys() {
	let bench = Bench::certified();
	bench.new_tree(4, NOW + 50);
	let Issued { id, signed, .. } = issue(&bench.meter, 3).unwrap();
	let last = signed.ctp.expiry;
	// The CTP is open for longer than the certificate counts, which was judged when it entered.
	assert_eq!(left_from(&bench, NOW + 51), [0]);
	bench.meter.confirm(&id, Energy::from_wh(500), Reading::New, last, &genesis(), &()).unwrap();
	assert_eq!(left_from(&bench, last), [0], "its receipt may still have to be sent again");
	assert!(left_from(&bench, last + 1).is_empty());
	// So does one with a key that is set aside, until no CTP can be made with it.
	bench.new_tree(4, NOW + 50);
	bench.meter.reserve(3, 100, &moment(&genesis()), &()).unwrap();
	assert_eq!(left_from(&bench, NOW + 100), [1]);
	assert!(left_from(&bench, NOW + 101).is_empty());
}
