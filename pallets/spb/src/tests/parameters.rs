//! Parameters: what genesis may set, and that the larger values govern for a while after a change.

use super::*;
use crate::{runtime_api::Outcome, CurrentParameters, ParameterSet, Vaults};
use spb_primitives::Refusal;

/// Before and after a change that shortens everything.
const BEFORE: Parameters = PARAMETERS;
const AFTER: Parameters = Parameters {
	min_lifetime: 3,
	max_lifetime: 10,
	grace: 1,
	evidence_window: 4,
	slot_duration: 6_000,
};

fn set(current: Parameters, previous: Option<(Parameters, u32)>) {
	CurrentParameters::<Test>::put(ParameterSet { current, previous });
}

#[test]
fn larger_values_should_govern_until_the_last_block_of_the_change() {
	let larger = Parameters {
		min_lifetime: AFTER.min_lifetime,
		max_lifetime: BEFORE.max_lifetime,
		grace: BEFORE.grace,
		evidence_window: BEFORE.evidence_window,
		slot_duration: AFTER.slot_duration,
	};
	let set = ParameterSet { current: AFTER, previous: Some((BEFORE, 30)) };
	for now in [0, 1, 29, 30] {
		assert_eq!(set.at(now), larger);
	}
	for now in [31, 1_000] {
		assert_eq!(set.at(now), AFTER);
	}
	let enlarged = ParameterSet { current: BEFORE, previous: Some((AFTER, 30)) };
	for now in [0, 30, 31] {
		assert_eq!(enlarged.at(now), BEFORE);
	}
	assert_eq!(ParameterSet { current: AFTER, previous: None }.at(0), AFTER);
}

#[test]
fn change_should_last_as_long_as_the_larger_claims() {
	for (old, new) in [(BEFORE, AFTER), (AFTER, BEFORE)] {
		let set = ParameterSet { current: old, previous: None }.change(new, 100);
		let last = 100 + BEFORE.max_lifetime + BEFORE.grace;
		let claim = BEFORE.longest_claim();
		assert_eq!(set.at(100).longest_claim(), claim);
		assert_eq!(set.at(last).longest_claim(), claim);
		assert_eq!(set.at(last + 1), new);
	}
	// A second change before the first is over keeps the largest of all three.
	let long = Parameters { max_lifetime: 50, ..BEFORE };
	let set = ParameterSet { current: long, previous: None }.change(BEFORE, 100);
	let set = set.change(AFTER, 110);
	assert_eq!(set.at(110 + 50 + BEFORE.grace).longest_claim(), 50 + BEFORE.grace);
	assert_eq!(set.at(110 + 50 + BEFORE.grace + 1), AFTER);
}

#[test]
fn each_value_should_be_the_larger_by_itself() {
	let (long, graceful) = (
		Parameters { max_lifetime: 50, grace: 1, evidence_window: 3, ..BEFORE },
		Parameters { max_lifetime: 20, grace: 9, evidence_window: 2, ..BEFORE },
	);
	for (current, previous) in [(long, graceful), (graceful, long)] {
		let both = ParameterSet { current, previous: Some((previous, 5)) }.at(5);
		assert_eq!((both.max_lifetime, both.grace, both.evidence_window), (50, 9, 3));
	}
}

#[test]
fn genesis_should_set_the_parameters() {
	ExtBuilder::default().parameters(AFTER).execute(|| {
		let set = ParameterSet { current: AFTER, previous: None };
		assert_eq!(CurrentParameters::<Test>::get(), Some(set));
		assert_eq!(Spb::parameters(), AFTER);
	});
}

#[test]
fn genesis_should_refuse_parameters_that_no_chain_can_live_with() {
	let bad = [
		Parameters { min_lifetime: 0, ..PARAMETERS },
		Parameters { min_lifetime: 20, ..PARAMETERS },
		Parameters { max_lifetime: 2, ..PARAMETERS },
		Parameters { grace: 0, ..PARAMETERS },
		Parameters { evidence_window: 0, ..PARAMETERS },
		Parameters { slot_duration: 1, ..PARAMETERS },
	];
	for parameters in bad {
		let made = std::panic::catch_unwind(|| {
			ExtBuilder::default().without_market().parameters(parameters).genesis();
		});
		assert!(made.is_err(), "{parameters:?}");
	}
}

#[test]
fn limits_should_be_those_of_the_runtime() {
	ExtBuilder::default().execute(|| {
		let limits = Spb::limits();
		assert_eq!((limits.fee, limits.min_amount), (money(FEE), money(2 * FEE)));
		assert_eq!(limits.max_open_per_vault, 64);
		assert_eq!(limits.max_settlements, MaxSettlements::get());
		assert_eq!((limits.max_open, limits.max_sidecar), (MaxOpen::get(), MaxSidecar::get()));
	});
}

#[test]
fn shortened_grace_should_not_shorten_open_ctps() {
	let mut chain = TestChain::new();
	let deals = [Deal::new(0).expiry(21), Deal::new(1).expiry(21)];
	let end = 1 + BEFORE.longest_claim();
	chain.block_with(&deals.clone().map(|deal| deal.commit()), || set(AFTER, Some((BEFORE, end))));
	chain.blocks_to(21 + BEFORE.grace - 1);
	assert!(chain.is_open(&deals[0]));
	let block = chain.block(&[deals[0].confirm(1_000, 21)]);
	assert_eq!(block.number, end);
	assert_eq!(chain.changes(&block.hash).unwrap().expired.len(), 1);
	assert!(chain.open().is_empty());
}

#[test]
fn shortened_lifetimes_should_hold_when_the_change_is_over() {
	let mut chain = TestChain::new();
	chain.block_with(&[], || set(AFTER, Some((BEFORE, 5))));
	chain.blocks_to(5);
	let too_long = Deal::new(0).expiry(6 + AFTER.max_lifetime + 1);
	chain.assert_refused(&too_long, Refusal::ExpiryTooFar);
	let deal = Deal::new(0).expiry(6 + AFTER.max_lifetime);
	chain.block(&[deal.commit()]);
	chain.blocks_to(deal.ctp.expiry + AFTER.grace - 1);
	assert!(chain.is_open(&deal));
	chain.block(&[]);
	assert!(!chain.is_open(&deal));
}

#[test]
fn withdrawal_should_wait_for_the_larger_claim() {
	ExtBuilder::default().execute(|| {
		set(AFTER, Some((BEFORE, 30)));
		assert_ok!(Spb::request_withdrawal(signed(Bob), money(1)));
		let payable_at = || Spb::vault(0).unwrap().payable_at.unwrap();
		assert_eq!(payable_at(), 1 + BEFORE.longest_claim() + 1);
		assert_ok!(Spb::cancel_withdrawal(signed(Bob)));
		System::set_block_number(31);
		assert_ok!(Spb::request_withdrawal(signed(Bob), money(1)));
		assert_eq!(payable_at(), 31 + AFTER.longest_claim() + 1);
	});
}

/// Changes the parameters at block 8, and at `entry` lets the longest CTP in that there may be, on
/// all of the vault. The owner wants its money back from then on. Looks that all the while the
/// vault and the offer cover what is open.
fn assert_always_covered(change: &ParameterSet, entry: u32) {
	let old = change.previous.map_or(change.current, |(old, _)| old);
	let mut chain: TestChain = ExtBuilder::default().parameters(old).into();
	let longest = |chain: &TestChain| {
		let deals =
			(0..entry + 100).rev().map(|expiry| Deal::new(0).expiry(expiry).amount(IN_VAULT));
		{ deals }.find(|deal| chain.outcome(&[], &deal.commit()) == Outcome::Taken).unwrap()
	};
	while chain.height() < entry + 100 {
		let now = chain.height() + 1;
		let messages = if now == entry { vec![longest(&chain).commit()] } else { vec![] };
		chain.block_with(&messages, || {
			if now == 8 {
				CurrentParameters::<Test>::put(change.clone());
			}
			if now >= entry {
				let _ = Spb::request_withdrawal(signed(Bob), money(IN_VAULT));
				let _ = Spb::close_offer(signed(Alice), 0);
			}
			let _ = Spb::withdraw(signed(Bob));
		});
		let open = chain.entries(&chain.head);
		chain.query(|| {
			for open in open {
				let vault = Spb::vault(open.signed.ctp.vault);
				let held = vault.map_or(money(0), |info| info.vault.held);
				let what = format!("at {now}, where it entered at {entry} and {change:?}");
				assert!(held >= open.signed.ctp.amount, "the vault {what}");
				let offer = crate::Offers::<Test>::contains_key(open.signed.ctp.offer);
				assert!(offer, "the offer {what}");
			}
		});
	}
	assert!(chain.query(|| Vaults::<Test>::iter().count()) == 0, "the owner has its money");
}

/// Shorter lifetimes, longer ones, and a longer grace.
fn changes() -> [ParameterSet; 3] {
	let graceful = Parameters { grace: 3 * BEFORE.grace, ..BEFORE };
	[(BEFORE, AFTER), (AFTER, BEFORE), (BEFORE, graceful)]
		.map(|(old, new)| ParameterSet { current: old, previous: None }.change(new, 8))
}

#[test]
fn ctp_should_stay_covered_where_nothing_changes() {
	assert_always_covered(&ParameterSet { current: PARAMETERS, previous: None }, 9);
}

#[test]
fn ctps_from_before_a_change_should_stay_covered() {
	for change in changes() {
		for entry in [5, 7, 8] {
			assert_always_covered(&change, entry);
		}
	}
}

#[test]
fn ctps_from_the_time_of_a_change_should_stay_covered() {
	for change in changes() {
		let (_, until) = change.previous.unwrap();
		for entry in [9, until - 1, until, until + 1] {
			assert_always_covered(&change, entry);
		}
	}
}

/// A chain that lengthens its grace when what expired at block 4 is gone for good.
fn lengthened(deal: &Deal, settles: bool) -> TestChain {
	let mut chain = TestChain::new();
	chain.block(&[deal.commit()]);
	if settles {
		chain.block(&[deal.confirm(1_000, 1)]);
	}
	chain.blocks_to(4 + BEFORE.grace + 1);
	assert!(chain.open().is_empty());
	let longer = Parameters { grace: 2 * BEFORE.grace, ..BEFORE };
	chain.block_with(&[], || set(longer, Some((BEFORE, 60))));
	chain
}

#[test]
fn lengthened_grace_should_claim_no_money_for_what_was_dropped() {
	let chain = lengthened(&Deal::new(0).expiry(4).amount(IN_VAULT), false);
	chain.assert_admitted(&Deal::new(1).expiry(20));
	chain.assert_admitted(&Deal::new(0).expiry(20));
}

#[test]
fn lengthened_grace_should_let_nothing_settle_again() {
	let deal = Deal::new(0).expiry(4);
	let chain = lengthened(&deal, true);
	chain.in_next(&chain.head, || {
		let seal = crate::Seal {
			database_root: H256::zero(),
			sidecar_hash: H256::zero(),
			settlements: vec![deal.settlement(1_000)].try_into().unwrap(),
		};
		let again = Spb::seal(RuntimeOrigin::none(), seal);
		assert_eq!(again, Err(crate::Error::<Test>::BadSettlement.into()));
	});
}
