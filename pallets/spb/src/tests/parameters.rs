//! Parameters: what genesis may set, and that the larger values govern for a while after a change.

use super::*;
use crate::{CurrentParameters, ParameterSet, Vaults};

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
	chain.blocks_to(4);
	// The next block is 5, and so is the last of the change.
	chain.assert_admitted(&Deal::new(0).expiry(5 + BEFORE.max_lifetime));
	chain.block(&[]);
	use spb_primitives::Refusal::ExpiryTooFar;
	chain.assert_refused(&Deal::new(0).expiry(6 + AFTER.max_lifetime + 1), ExpiryTooFar);
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
		let withdrawal = Vaults::<Test>::get(0).unwrap().withdrawal.unwrap();
		assert_eq!(withdrawal.payable_at, 1 + BEFORE.longest_claim() + 1);
		assert_ok!(Spb::cancel_withdrawal(signed(Bob)));
		System::set_block_number(31);
		assert_ok!(Spb::request_withdrawal(signed(Bob), money(1)));
		let withdrawal = Vaults::<Test>::get(0).unwrap().withdrawal.unwrap();
		assert_eq!(withdrawal.payable_at, 31 + AFTER.longest_claim() + 1);
	});
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
