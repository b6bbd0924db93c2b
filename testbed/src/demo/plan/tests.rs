use super::{
	super::{stretch, DemoError, Options, DEFAULT_QUARTERS},
	*,
};
use proptest::prelude::*;
use spb_readings::HEADER;
use std::{collections::BTreeSet, num::NonZeroU32};

fn chain() -> Chain {
	let limits = Limits {
		fee: Money::from_units(1_000_000),
		min_amount: Money::from_units(2_000_000),
		max_settlements: 5_000,
		max_open: 1_000_000,
		max_open_per_vault: 64,
		max_sidecar: 8 << 20,
	};
	Chain { parameters: Parameters::DEVELOPMENT, limits }
}

/// Readings from one list of (meter, import, export) for each quarter-hour.
fn readings(quarters: &[Vec<(String, u32, u32)>]) -> Readings {
	let mut text = format!("{HEADER}\n");
	for (number, quarter) in quarters.iter().enumerate() {
		let (day, hour, minute) = (1 + number / 96, number / 4 % 24, number % 4 * 15);
		for (meter, import, export) in quarter {
			text +=
				&format!("2016-06-{day:02}T{hour:02}:{minute:02}:00,{meter},{import},{export}\n");
		}
	}
	spb_readings::parse(&text).unwrap()
}

fn quarter(rows: &[(&str, u32, u32)]) -> Vec<(String, u32, u32)> {
	rows.iter().map(|(meter, import, export)| ((*meter).to_owned(), *import, *export)).collect()
}

fn plan(quarters: &[Vec<(String, u32, u32)>]) -> Plan {
	Plan::new(&readings(quarters), &chain()).unwrap()
}

/// What is bought in a quarter-hour: consumer, producer, Wh, Wh delivered.
fn bought(plan: &Plan, quarter: usize) -> Vec<(&str, &str, u32, u32)> {
	let name = |purchase: &Purchase| {
		(
			plan.consumers[purchase.consumer].name.as_str(),
			plan.producers[purchase.producer].name.as_str(),
			purchase.energy.wh(),
			purchase.delivered.wh(),
		)
	};
	plan.quarters[quarter].purchases.iter().map(name).collect()
}

#[test]
fn the_last_exporter_should_deliver_nothing_and_the_one_before_it_half() {
	let sun = [("a", 0, 9), ("b", 0, 9), ("c", 0, 9), ("d", 0, 9)];
	let plan = plan(&[quarter(&sun)]);
	let deliveries: Vec<_> = plan.producers.iter().map(|producer| producer.delivery).collect();
	assert_eq!(deliveries, [Delivery::All, Delivery::All, Delivery::Half, Delivery::Nothing]);
	let mut by_price: Vec<_> = plan.producers.iter().collect();
	by_price.sort_by_key(|producer| producer.price);
	let names: Vec<_> = by_price.iter().map(|producer| producer.name.as_str()).collect();
	assert_eq!(names, ["a", "c", "d", "b"]);
	let openings: Vec<_> = plan.producers.iter().map(|producer| producer.opening).collect();
	let (burn, certificate) = (Opening::Burn, Opening::Certificate);
	assert_eq!(openings, [burn, certificate, burn, certificate]);
}

#[test]
fn prices_should_all_be_different() {
	for count in 1..=7 {
		let names: Vec<String> = (0..count).map(|n| format!("m{n}")).collect();
		let names: Vec<&str> = names.iter().map(String::as_str).collect();
		let producers = producers(&names, STEP);
		let prices: BTreeSet<Price> = producers.iter().map(|producer| producer.price).collect();
		assert_eq!(prices.len(), count);
		assert!(prices.iter().all(|price| price.units_per_kwh() >= STEP * CHEAPEST));
	}
}

#[test]
fn imports_should_be_bought_on_the_cheapest_offers() {
	let rows = [("sun-1", 0, 50), ("sun-2", 0, 40), ("sun-3", 7, 30), ("x", 60, 0), ("y", 90, 0)];
	let plan = plan(&[quarter(&rows)]);
	// The cheapest is sun-1, then come sun-2, which delivers half, and sun-3, which delivers nothing.
	let expected = [
		("sun-3", "sun-1", 7, 7),
		("x", "sun-1", 43, 43),
		("x", "sun-2", 17, 8),
		("y", "sun-2", 23, 11),
		("y", "sun-3", 30, 0),
	];
	assert_eq!(bought(&plan, 0), expected);
	assert_eq!(plan.quarters[0].unserved, 37);
	let y = plan.consumers.iter().find(|consumer| consumer.name == "y").unwrap();
	assert_eq!(y.ctps, 2);
}

#[test]
fn nobody_should_buy_from_oneself() {
	let plan = plan(&[quarter(&[("sun", 9, 50)])]);
	assert!(plan.quarters[0].purchases.is_empty() && plan.consumers.is_empty());
	assert_eq!(plan.quarters[0].unserved, 9);
}

#[test]
fn what_is_left_should_stay_on_offer() {
	let rows = [quarter(&[("sun", 0, 50), ("x", 10, 0)]), quarter(&[("x", 30, 0), ("y", 20, 0)])];
	let plan = plan(&rows);
	assert_eq!(bought(&plan, 1), [("x", "sun", 30, 30), ("y", "sun", 10, 10)]);
	assert_eq!(plan.quarters[1].unserved, 10);
}

#[test]
fn what_was_not_delivered_should_come_on_offer_again() {
	let mut rows = vec![quarter(&[("half", 0, 10), ("none", 0, 10), ("x", 20, 0)])];
	let gone_after = (9 + 20_usize).div_ceil(2) + 1;
	for _ in 0..gone_after {
		rows.push(quarter(&[("x", 20, 0)]));
	}
	let plan = plan(&rows);
	assert_eq!(plan.lifetime, 9);
	assert_eq!(bought(&plan, 0), [("x", "half", 10, 5), ("x", "none", 10, 0)]);
	// Half of what is left, quarter-hour by quarter-hour, to the last watt-hour.
	let halves: Vec<_> = (1..5).map(|number| bought(&plan, number)).collect();
	let expected = [
		vec![("x", "half", 5, 2)],
		vec![("x", "half", 3, 1)],
		vec![("x", "half", 2, 1)],
		vec![("x", "half", 1, 1)],
	];
	assert_eq!(halves, expected);
	for number in 5..gone_after {
		assert!(bought(&plan, number).is_empty());
	}
	assert_eq!(bought(&plan, gone_after), [("x", "none", 10, 0)]);
}

#[test]
fn a_lone_exporter_should_fail_every_sixth_time() {
	let rows = vec![quarter(&[("sun", 0, 100), ("x", 1, 0)]); 13];
	let plan = plan(&rows);
	let failed = |number: &usize| bought(&plan, *number)[0].3 == 0;
	assert_eq!((0..13).filter(failed).collect::<Vec<_>>(), [5, 11]);
}

#[test]
fn without_an_exporter_there_should_be_nothing_to_do() {
	let plan = plan(&vec![quarter(&[("x", 10, 0)]); 3]);
	assert!(plan.quarters.is_empty() && plan.producers.is_empty() && plan.consumers.is_empty());
}

#[test]
fn amounts_should_cover_price_fee_and_the_least() {
	let plan = plan(&[quarter(&[("sun", 0, 1_000), ("x", 1_000, 0)])]);
	let price = STEP * CHEAPEST;
	assert_eq!(plan.quarters[0].purchases[0].amount, Money::from_units(price + 1_000_000));
	let mut chain = chain();
	chain.limits.min_amount = Money::from_units(SPB);
	let rows = [quarter(&[("sun", 0, 1_000), ("x", 1_000, 0)])];
	let plan = Plan::new(&readings(&rows), &chain).unwrap();
	assert_eq!(plan.quarters[0].purchases[0].amount, Money::from_units(SPB));
}

#[test]
fn great_readings_should_be_sold_at_prices_that_can_be_paid() {
	let rows = [quarter(&[("sun", 0, u32::MAX), ("x", u32::MAX, 0)])];
	let plan = plan(&rows);
	assert_eq!(bought(&plan, 0), [("x", "sun", u32::MAX, u32::MAX)]);
	assert!(plan.consumers[0].committed.units() <= BUDGET);
	assert!(plan.producers[0].price < Price::per_kwh(STEP * CHEAPEST));
}

#[test]
fn more_than_there_is_money_for_should_be_refused_at_any_price() {
	let rows = [quarter(&[("sun", 0, 2_000), ("x", 1_000, 0), ("y", 1_000, 0)])];
	// Two CTPs, each of which commits so much at least, whatever energy costs.
	let plan = |least| {
		let mut chain = chain();
		chain.limits.min_amount = Money::from_units(least);
		Plan::new(&readings(&rows), &chain)
	};
	let dear = plan(BUDGET / 2).unwrap();
	let committed: Vec<_> = dear.consumers.iter().map(|consumer| consumer.committed).collect();
	assert_eq!(committed, [Money::from_units(BUDGET / 2); 2]);
	assert_eq!(dear.producers[0].price, Price::per_kwh(STEP * CHEAPEST));
	for least in [BUDGET / 2 + 1, BUDGET, u128::MAX] {
		assert_eq!(plan(least), Err(PlanError::TooDear), "{least}");
	}
	assert_eq!(DemoError::from(PlanError::TooDear).exit_code(), 2);
}

#[test]
fn more_than_an_offer_holds_should_be_refused() {
	let rows = vec![quarter(&[("sun", 0, u32::MAX)]); 2];
	let refused = Plan::new(&readings(&rows), &chain());
	assert_eq!(refused, Err(PlanError::OfferOverflow { producer: "sun".into() }));
}

#[test]
fn a_chain_that_forgets_too_soon_should_be_refused() {
	let mut chain = chain();
	chain.parameters.max_lifetime = 8;
	let rows = [quarter(&[("sun", 0, 10), ("x", 10, 0)])];
	let refused = Plan::new(&readings(&rows), &chain);
	assert_eq!(refused, Err(PlanError::Lifetime { lifetime: 9, most: 8 }));
}

fn community() -> impl Strategy<Value = Vec<Vec<(String, u32, u32)>>> {
	let reading = (0u32..300, prop_oneof![Just(0u32), 0u32..400]);
	let quarter = proptest::collection::vec(reading, 1..7).prop_map(|readings| {
		let named = readings.into_iter().enumerate();
		named.map(|(n, (import, export))| (format!("m{n}"), import, export)).collect()
	});
	proptest::collection::vec(quarter, 1..40)
}

proptest! {
	#[test]
	fn any_replay_should_be_one_that_the_chain_takes(quarters in community()) {
		let plan = plan(&quarters);
		prop_assert_eq!(&plan, &Plan::new(&readings(&quarters), &chain()).unwrap());
		let (limits, parameters) = (chain().limits, chain().parameters);
		let grace = (plan.lifetime + parameters.grace) as usize;
		// What the chain would have on offer and open, at the latest that blocks may come.
		let mut available = vec![0u64; plan.producers.len()];
		let mut open: Vec<(usize, usize, u64, usize)> = Vec::new();
		let mut committed = vec![0u128; plan.consumers.len()];
		for (number, quarter) in plan.quarters.iter().enumerate() {
			open.retain(|(_, _, _, until)| number < *until);
			for (producer, energy) in &quarter.exports {
				available[*producer] += u64::from(energy.wh());
			}
			let mut imported = 0;
			for purchase in &quarter.purchases {
				let (wh, seller) = (u64::from(purchase.energy.wh()), purchase.producer);
				let taken: u64 = open.iter().filter(|o| o.1 == seller).map(|o| o.2).sum();
				prop_assert!(wh > 0 && taken + wh <= available[seller], "the offer covers it");
				let producer = &plan.producers[seller];
				let consumer = &plan.consumers[purchase.consumer];
				prop_assert_ne!(&producer.name, &consumer.name);
				let listed = listed_price(producer.price, purchase.energy).unwrap();
				prop_assert!(purchase.amount >= limits.min_amount);
				prop_assert!(purchase.amount.checked_sub(limits.fee).unwrap() >= listed);
				prop_assert!(purchase.delivered <= purchase.energy);
				committed[purchase.consumer] += purchase.amount.units();
				let until = match purchase.delivered.is_zero() {
					true => number + grace.div_ceil(2) + 1,
					false => number + 1,
				};
				open.push((purchase.consumer, seller, wh, until));
				imported += wh;
			}
			for consumer in 0..plan.consumers.len() {
				prop_assert!(open.iter().filter(|o| o.0 == consumer).count() <= 64);
			}
			for purchase in &quarter.purchases {
				available[purchase.producer] -= u64::from(purchase.delivered.wh());
			}
			let wanted: u64 = quarters[number].iter().map(|row| u64::from(row.1)).sum();
			prop_assert_eq!(imported + quarter.unserved, wanted);
		}
		for (consumer, committed) in plan.consumers.iter().zip(committed) {
			prop_assert_eq!(consumer.committed.units(), committed);
		}
		let exported: u64 = quarters.iter().flatten().map(|row| u64::from(row.2)).sum();
		prop_assert_eq!(plan.offered(), if plan.producers.is_empty() { 0 } else { exported });
	}
}

/// The replay of the readings of the repository, so many quarter-hours of them from a time on.
fn june(quarters: Option<u32>, from: Option<&str>) -> Plan {
	let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/week_june.csv");
	let week = spb_readings::parse_file(file).unwrap();
	let options = Options {
		node: "node".into(),
		readings: file.into(),
		out: "out".into(),
		quarters: quarters.and_then(NonZeroU32::new),
		from: from.map(|from| from.parse().unwrap()),
		chain: None,
	};
	Plan::new(&stretch(&week, &options).unwrap(), &chain()).unwrap()
}

#[test]
fn the_week_in_june_should_give_trades_of_every_kind() {
	let quarters = june(None, None).quarters;
	let purchases: Vec<_> = quarters.iter().flat_map(|quarter| &quarter.purchases).collect();
	let settled = purchases.iter().filter(|purchase| !purchase.delivered.is_zero());
	let partial = settled.clone().filter(|purchase| purchase.delivered < purchase.energy);
	assert!(settled.clone().count() >= 100, "{}", settled.count());
	assert!(partial.count() > 0);
	assert!(purchases.iter().any(|purchase| purchase.delivered.is_zero()));
}

/// Blocks that a demo takes beside those of its plan: until the node is up and everyone is ready, and
/// until the last block is final.
const AROUND: BlockNumber = 10;
/// How long a demo may take, in milliseconds.
const FIVE_MINUTES: u64 = 5 * 60 * 1_000;

#[test]
fn a_demo_should_end_within_five_minutes_unless_told_otherwise() {
	let plan = june(None, None);
	assert_eq!(plan.quarters.len(), DEFAULT_QUARTERS);
	let quarters = BlockNumber::try_from(plan.quarters.len()).unwrap() * BLOCKS_PER_QUARTER;
	// What is bought in the last quarter-hour may have to expire.
	let Parameters { grace, slot_duration, .. } = chain().parameters;
	let blocks = AROUND + quarters + plan.lifetime + grace;
	let takes = u64::from(blocks) * slot_duration;
	assert!(takes < FIVE_MINUTES, "{blocks} blocks take {takes} ms");
}

/// What `cargo xtask demo --days 7` asks for: all of it, at the prices of households.
#[test]
fn seven_days_should_be_a_week_of_quarter_hours() {
	let plan = june(Some(7 * 96), Some("2016-06-06T00:00:00"));
	assert_eq!(plan.quarters.len(), 672);
	let last = plan.quarters.last().map(|quarter| quarter.start.to_string());
	assert_eq!(last.as_deref(), Some("2016-06-12T23:45:00"));
	let days: BTreeSet<String> = plan
		.quarters
		.iter()
		.filter(|quarter| !quarter.purchases.is_empty())
		.map(|quarter| quarter.start.to_string()[..10].to_owned())
		.collect();
	assert_eq!(days.len(), 7, "there are trades on {days:?}");
	let cheapest = plan.producers.iter().map(|producer| producer.price).min();
	assert_eq!(cheapest, Some(Price::per_kwh(STEP * CHEAPEST)));
}
