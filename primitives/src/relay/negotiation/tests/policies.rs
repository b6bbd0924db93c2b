//! Prices by policy.

use super::*;
use proptest::prelude::*;

const HOUR: u64 = 3_600_000;

fn with(discounts: &[(u32, u16)], hours: &[(u8, u8, u16)]) -> ProducerPolicy {
	ProducerPolicy {
		discounts: discounts
			.iter()
			.map(|(from, permille)| Discount { from: Energy::from_wh(*from), permille: *permille })
			.collect(),
		hours: hours
			.iter()
			.map(|(from, to, permille)| Hours { from: *from, to: *to, permille: *permille })
			.collect(),
		..Default::default()
	}
}

#[test]
fn price_should_be_the_listed_one_where_nothing_else_is_said() {
	let policy = ProducerPolicy::default();
	assert_eq!(policy.price(LISTED, ENERGY, 0), Ok(LISTED));
	assert_eq!(policy.price(Price::MAX, Energy::MAX, u64::MAX), Ok(Price::MAX));
}

#[test]
fn larger_amounts_should_be_cheaper() {
	let policy = with(&[(100, 50), (1_000, 200)], &[]);
	for (wh, units) in [(1, 1_000), (99, 1_000), (100, 950), (999, 950), (1_000, 800)] {
		assert_eq!(policy.price(LISTED, Energy::from_wh(wh), 0), Ok(price(units)), "{wh} Wh");
	}
}

#[test]
fn producer_should_sell_at_its_hours_only() {
	let policy = with(&[], &[(10, 12, 100), (11, 14, 300), (22, 2, 0)]);
	let at = |hour: u64| policy.price(LISTED, ENERGY, (hour + 48) * HOUR + HOUR - 1);
	for (hour, units) in [(10, 900), (11, 700), (13, 700), (22, 1_000), (23, 1_000), (1, 1_000)] {
		assert_eq!(at(hour), Ok(price(units)), "at {hour}");
	}
	for hour in [2, 9, 14, 21] {
		assert_eq!(at(hour), Err(RefuseReason::NotNow), "at {hour}");
	}
}

#[test]
fn discounts_should_add_up_and_stop_at_the_floor() {
	let policy = ProducerPolicy { floor: price(600), ..with(&[(1, 300)], &[(0, 24, 250)]) };
	assert_eq!(policy.price(LISTED, ENERGY, 0), Ok(price(600)));
	let policy = ProducerPolicy { floor: Price::ZERO, ..policy };
	assert_eq!(policy.price(LISTED, ENERGY, 0), Ok(price(450)));
	let given_away = with(&[(1, 800)], &[(0, 24, 900)]);
	assert_eq!(given_away.price(LISTED, ENERGY, 0), Ok(Price::ZERO));
	assert_eq!(with(&[(1, u16::MAX)], &[]).price(LISTED, ENERGY, 0), Ok(Price::ZERO));
}

#[test]
fn consumer_should_come_up_to_its_price_in_even_steps() {
	let policy = ConsumerPolicy::bargaining(price(1_000), 700, 4);
	let asks: Vec<_> = (0..5).map(|round| policy.ask(round)).collect();
	let asked = [700, 800, 900, 1_000].map(|units| Some(price(units)));
	assert_eq!(asks, [&asked[..], &[None]].concat());
	assert_eq!(ConsumerPolicy::up_to(price(5)).ask(0), Some(price(5)));
	assert_eq!(ConsumerPolicy::up_to(price(5)).ask(1), None);
	let beyond = ConsumerPolicy { opening: price(9), ..ConsumerPolicy::up_to(price(5)) };
	assert_eq!(beyond.ask(0), Some(price(5)));
}

proptest! {
	#[test]
	fn producer_should_never_sell_below_its_floor(
		listed: u128, floor: u128, energy: u32, ms: u64, amount: u16, hour: u16,
	) {
		let policy = ProducerPolicy { floor: price(floor), ..with(&[(0, amount)], &[(0, 24, hour)]) };
		let sold = policy.price(price(listed), Energy::from_wh(energy), ms).unwrap();
		prop_assert!(sold >= price(floor));
		prop_assert!(sold <= price(listed).max(price(floor)));
	}

	#[test]
	fn consumer_should_never_ask_for_more_than_it_pays(
		opening: u128, max: u128, rounds: u8, round: u8,
	) {
		let (opening, max_price) = (price(opening), price(max));
		let policy = ConsumerPolicy { opening, rounds, ..ConsumerPolicy::up_to(max_price) };
		match policy.ask(round) {
			Some(asked) => prop_assert!(round < rounds && asked <= max_price),
			None => prop_assert!(round >= rounds),
		}
	}
}
