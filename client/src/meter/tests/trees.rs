//! How long a meter keeps its trees.

use super::{super::state::StoredCoe, *};

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
	bench.meter.request_coe(&genesis(), 4, &()).unwrap();
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
