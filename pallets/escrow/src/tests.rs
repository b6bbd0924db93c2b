//! What the three transactions do, and what a contract that runs out leaves.

use crate::{self as pallet_escrow, Contract, Contracts, Error, Event, HoldReason, NextContract};
use frame_support::{
	assert_noop, assert_ok, derive_impl,
	traits::{
		fungible::{Inspect, InspectHold, Mutate},
		ConstU32, VariantCountOf,
	},
};
use proptest::prelude::*;
use sp_io::TestExternalities;
use sp_runtime::{BuildStorage, TokenError};
use spb_primitives::Energy;

/// Delivers.
const PRODUCER: u64 = 1;
/// Pays and confirms.
const CONSUMER: u64 = 2;
/// Has nothing to do with it.
const STRANGER: u64 = 3;
/// What everyone begins with.
const ENDOWMENT: u64 = 1_000;
/// What the contract of the tests costs.
const AMOUNT: u64 = 400;
const ENERGY: Energy = Energy::from_wh(2_000);
/// How long the contract of the tests lasts.
const LIFETIME: u32 = 5;
const MAX_LIFETIME: u32 = 10;
/// The last block of a contract that is set up in the first.
const LAST: u64 = 6;

frame_support::construct_runtime!(
	pub enum Test {
		System: frame_system,
		Balances: pallet_balances,
		Escrow: pallet_escrow,
	}
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = frame_system::mocking::MockBlock<Test>;
	type AccountData = pallet_balances::AccountData<u64>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
	type AccountStore = System;
	type RuntimeHoldReason = RuntimeHoldReason;
	type FreezeIdentifier = RuntimeFreezeReason;
	type RuntimeFreezeReason = RuntimeFreezeReason;
	type MaxFreezes = VariantCountOf<RuntimeFreezeReason>;
}

impl pallet_escrow::Config for Test {
	type Currency = Balances;
	type RuntimeHoldReason = RuntimeHoldReason;
	type MaxLifetime = ConstU32<MAX_LIFETIME>;
	type WeightInfo = pallet_escrow::Measured<Test>;
}

fn chain() -> TestExternalities {
	let mut config = RuntimeGenesisConfig::default();
	config.balances.balances = [PRODUCER, CONSUMER, STRANGER].map(|who| (who, ENDOWMENT)).to_vec();
	let mut chain = TestExternalities::new(config.build_storage().unwrap());
	chain.execute_with(|| System::set_block_number(1));
	chain
}

/// Contract 0, from the producer for the consumer.
fn set_up() {
	let producer = RuntimeOrigin::signed(PRODUCER);
	assert_ok!(Escrow::set_up(producer, CONSUMER, ENERGY, AMOUNT, LIFETIME));
}

fn pay() {
	assert_ok!(Escrow::pay(RuntimeOrigin::signed(CONSUMER), 0));
}

fn held() -> u64 {
	Balances::balance_on_hold(&HoldReason::Escrow.into(), &CONSUMER)
}

#[test]
fn a_trade_should_take_three_transactions_and_leave_nothing() {
	chain().execute_with(|| {
		set_up();
		let terms = Contract {
			producer: PRODUCER,
			consumer: CONSUMER,
			energy: ENERGY,
			amount: AMOUNT,
			last: LAST,
			paid: false,
		};
		assert_eq!(Contracts::<Test>::get(0), Some(terms));
		System::assert_last_event(Event::SetUp { contract: 0, consumer: CONSUMER }.into());
		pay();
		assert_eq!((held(), Balances::balance(&CONSUMER)), (AMOUNT, ENDOWMENT - AMOUNT));
		System::assert_last_event(Event::Paid { contract: 0 }.into());
		assert_ok!(Escrow::confirm(RuntimeOrigin::signed(CONSUMER), 0));
		assert_eq!((held(), Balances::balance(&PRODUCER)), (0, ENDOWMENT + AMOUNT));
		System::assert_last_event(Event::Confirmed { contract: 0 }.into());
		assert!(!Contracts::<Test>::contains_key(0));
		set_up();
		assert!(Contracts::<Test>::contains_key(1), "numbers are never used again");
	});
}

#[test]
fn what_a_contract_is_about_should_be_bounded() {
	chain().execute_with(|| {
		let set_up = |energy, amount, lifetime| {
			let producer = RuntimeOrigin::signed(PRODUCER);
			Escrow::set_up(producer, CONSUMER, energy, amount, lifetime)
		};
		assert_noop!(set_up(Energy::ZERO, 1, 1), Error::<Test>::Empty);
		assert_noop!(set_up(ENERGY, 0, 1), Error::<Test>::Empty);
		assert_noop!(set_up(ENERGY, 1, 0), Error::<Test>::BadLifetime);
		assert_noop!(set_up(ENERGY, 1, MAX_LIFETIME + 1), Error::<Test>::BadLifetime);
		assert_ok!(set_up(ENERGY, 1, MAX_LIFETIME));
		assert_ok!(set_up(Energy::MAX, u64::MAX, 1));
		NextContract::<Test>::put(u32::MAX);
		assert_noop!(set_up(ENERGY, 1, 1), Error::<Test>::NoNumberLeft);
	});
}

#[test]
fn only_the_consumer_should_pay_and_confirm() {
	chain().execute_with(|| {
		set_up();
		for who in [PRODUCER, STRANGER] {
			let other = || RuntimeOrigin::signed(who);
			assert_noop!(Escrow::pay(other(), 0), Error::<Test>::NotConsumer);
			assert_noop!(Escrow::confirm(other(), 0), Error::<Test>::NotConsumer);
		}
		pay();
		assert_noop!(
			Escrow::confirm(RuntimeOrigin::signed(PRODUCER), 0),
			Error::<Test>::NotConsumer
		);
	});
}

#[test]
fn steps_should_come_in_order_and_once() {
	chain().execute_with(|| {
		let consumer = || RuntimeOrigin::signed(CONSUMER);
		assert_noop!(Escrow::pay(consumer(), 0), Error::<Test>::UnknownContract);
		assert_noop!(Escrow::confirm(consumer(), 0), Error::<Test>::UnknownContract);
		assert_noop!(Escrow::close(consumer(), 0), Error::<Test>::UnknownContract);
		set_up();
		assert_noop!(Escrow::confirm(consumer(), 0), Error::<Test>::NotPaid);
		pay();
		assert_noop!(Escrow::pay(consumer(), 0), Error::<Test>::AlreadyPaid);
		assert_ok!(Escrow::confirm(consumer(), 0));
		assert_noop!(Escrow::confirm(consumer(), 0), Error::<Test>::UnknownContract);
	});
}

#[test]
fn who_cannot_pay_should_owe_nothing() {
	chain().execute_with(|| {
		set_up();
		Balances::set_balance(&CONSUMER, AMOUNT - 1);
		assert_noop!(Escrow::pay(RuntimeOrigin::signed(CONSUMER), 0), TokenError::FundsUnavailable);
		assert_eq!(held(), 0);
	});
}

#[test]
fn a_contract_should_be_confirmed_up_to_its_last_block_and_closed_from_the_next_on() {
	chain().execute_with(|| {
		set_up();
		pay();
		System::set_block_number(LAST);
		let stranger = || RuntimeOrigin::signed(STRANGER);
		assert_noop!(Escrow::close(stranger(), 0), Error::<Test>::NotRunOut);
		System::set_block_number(LAST + 1);
		assert_noop!(Escrow::confirm(RuntimeOrigin::signed(CONSUMER), 0), Error::<Test>::RunOut);
		assert_ok!(Escrow::close(stranger(), 0));
		System::assert_last_event(Event::Closed { contract: 0 }.into());
		assert_eq!((held(), Balances::balance(&CONSUMER)), (0, ENDOWMENT));
		assert_eq!(Balances::balance(&PRODUCER), ENDOWMENT);
	});
}

#[test]
fn a_contract_that_was_not_paid_should_run_out_too() {
	chain().execute_with(|| {
		set_up();
		System::set_block_number(LAST + 1);
		assert_noop!(Escrow::pay(RuntimeOrigin::signed(CONSUMER), 0), Error::<Test>::RunOut);
		assert_ok!(Escrow::close(RuntimeOrigin::signed(STRANGER), 0));
		assert_eq!(Balances::balance(&CONSUMER), ENDOWMENT);
	});
}

/// What someone tries.
#[derive(Clone, Debug)]
enum Step {
	SetUp { producer: u64, consumer: u64, amount: u64, lifetime: u32 },
	Pay { who: u64, contract: u32 },
	Confirm { who: u64, contract: u32 },
	Close { contract: u32 },
	Wait,
}

fn step() -> impl Strategy<Value = Step> {
	let (who, contract) = (PRODUCER..=STRANGER, 0..6u32);
	prop_oneof![
		(who.clone(), who.clone(), 0..ENDOWMENT, 0..=MAX_LIFETIME + 1).prop_map(
			|(producer, consumer, amount, lifetime)| Step::SetUp {
				producer,
				consumer,
				amount,
				lifetime
			}
		),
		(who.clone(), contract.clone()).prop_map(|(who, contract)| Step::Pay { who, contract }),
		(who, contract.clone()).prop_map(|(who, contract)| Step::Confirm { who, contract }),
		contract.prop_map(|contract| Step::Close { contract }),
		Just(Step::Wait),
	]
}

proptest! {
	#[test]
	fn money_should_be_conserved_and_on_hold_for_what_is_paid(
		steps in prop::collection::vec(step(), 1..60)
	) {
		chain().execute_with(|| {
			let issued = Balances::total_issuance();
			for step in steps {
				let signed = RuntimeOrigin::signed;
				// What is refused changes nothing, which the sums below show.
				let _ = match step {
					Step::SetUp { producer, consumer, amount, lifetime } => {
						Escrow::set_up(signed(producer), consumer, ENERGY, amount, lifetime)
					},
					Step::Pay { who, contract } => Escrow::pay(signed(who), contract),
					Step::Confirm { who, contract } => Escrow::confirm(signed(who), contract),
					Step::Close { contract } => Escrow::close(signed(STRANGER), contract),
					Step::Wait => {
						System::set_block_number(System::block_number() + 1);
						Ok(())
					},
				};
				for who in PRODUCER..=STRANGER {
					let paid: u64 = Contracts::<Test>::iter_values()
						.filter(|terms| terms.paid && terms.consumer == who)
						.map(|terms| terms.amount)
						.sum();
					let held = Balances::balance_on_hold(&HoldReason::Escrow.into(), &who);
					prop_assert_eq!(held, paid);
				}
				prop_assert_eq!(Balances::total_issuance(), issued);
				let sum: u64 = (PRODUCER..=STRANGER).map(|who| Balances::total_balance(&who)).sum();
				prop_assert_eq!(sum, issued);
			}
			Ok(())
		})?;
	}
}
