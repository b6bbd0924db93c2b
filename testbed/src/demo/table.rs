//! The live table: drawn anew in a terminal, a line for each quarter-hour elsewhere.

use super::plan::{Plan, Quarter};
use spb_primitives::Money;
use std::io::{self, IsTerminal, Write};

/// Rows that are shown of each side.
const ROWS: usize = 8;

/// What there is to see of a producer.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Seller {
	/// The energy that came on offer, Wh.
	pub offered: u64,
	/// The energy that was traded, Wh.
	pub sold: u64,
	/// What was paid for it.
	pub earned: Money,
	/// CTPs that expired.
	pub expired: usize,
}

/// What there is to see of a consumer.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Buyer {
	/// The energy that was traded, Wh.
	pub bought: u64,
	/// What was paid for it, fees included.
	pub paid: Money,
	/// CTPs that are on their way or in the database.
	pub open: usize,
}

/// What there is to see after some blocks.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct State {
	/// The last block.
	pub block: u32,
	/// The producers, in the plan's order.
	pub sellers: Vec<Seller>,
	/// The consumers, in the plan's order.
	pub buyers: Vec<Buyer>,
	/// CTPs in the database.
	pub open: usize,
	/// Trades that settled.
	pub settled: usize,
	/// Those that were delivered in part.
	pub partial: usize,
	/// CTPs that are gone without a trade.
	pub expired: usize,
}

/// Shows how a replay goes on.
#[derive(Debug)]
pub struct Table {
	terminal: bool,
	/// Lines that the last drawing took.
	drawn: usize,
}

impl Default for Table {
	fn default() -> Self {
		Self { terminal: io::stdout().is_terminal(), drawn: 0 }
	}
}

impl Table {
	/// Says something that stays.
	pub fn say(&mut self, text: &str) {
		self.drawn = 0;
		write(&format!("{text}\n"));
	}

	/// Shows how things are after one more block, where that can be drawn over.
	pub fn block(&mut self, plan: &Plan, number: usize, state: &State) {
		if self.terminal {
			let text = draw(plan, number, state);
			let up = match self.drawn {
				0 => String::new(),
				lines => format!("\x1b[{lines}A\x1b[J"),
			};
			write(&format!("{up}{text}"));
			self.drawn = text.lines().count();
		}
	}

	/// Shows that a quarter-hour's CTPs are in the database.
	pub fn quarter(&mut self, plan: &Plan, number: usize, state: &State) {
		if !self.terminal {
			if let Some(quarter) = plan.quarters.get(number) {
				write(&format!("{}\n", line(quarter, number, plan.quarters.len(), state)));
			}
		}
	}
}

/// That nobody looks any more is no reason to stop.
fn write(text: &str) {
	let mut out = io::stdout().lock();
	let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn line(quarter: &Quarter, number: usize, all: usize, state: &State) -> String {
	let offered: u64 = quarter.exports.iter().map(|(_, energy)| u64::from(energy.wh())).sum();
	let bought: u64 = quarter.purchases.iter().map(|p| u64::from(p.energy.wh())).sum();
	format!(
		"{} ({}/{all})  block {:>4}  offered {offered:>6} Wh  bought {bought:>6} Wh in {:>3} CTPs  \
		 open {:>3}  settled {:>4} ({} in part)  expired {:>3}",
		quarter.start,
		number + 1,
		state.block,
		quarter.purchases.len(),
		state.open,
		state.settled,
		state.partial,
		state.expired,
	)
}

fn draw(plan: &Plan, number: usize, state: &State) -> String {
	let mut text = match plan.quarters.get(number) {
		Some(quarter) => format!(
			"quarter-hour {} ({} of {}), block {}\n",
			quarter.start,
			number + 1,
			plan.quarters.len(),
			state.block
		),
		None if state.open > 0 => {
			format!("waiting for what nobody confirmed to expire, block {}\n", state.block)
		},
		None => format!("waiting for the last block to be final, block {}\n", state.block),
	};
	text += &format!(
		"{:<16} {:>14} {:>11} {:>11} {:>14} {:>8}\n",
		"producer", "price", "offered", "sold", "earned", "expired"
	);
	for (producer, seller) in plan.producers.iter().zip(&state.sellers).take(ROWS) {
		text += &format!(
			"{:<16} {:>14} {:>8} Wh {:>8} Wh {:>10.4} SPB {:>8}\n",
			short(&producer.name),
			producer.price.to_string(),
			seller.offered,
			seller.sold,
			spb(seller.earned),
			seller.expired,
		);
	}
	text += &more(plan.producers.len());
	text += &format!(
		"{:<16} {:>14} {:>11} {:>11} {:>14} {:>8}\n",
		"consumer", "", "", "bought", "paid", "open"
	);
	for (consumer, buyer) in plan.consumers.iter().zip(&state.buyers).take(ROWS) {
		text += &format!(
			"{:<16} {:>14} {:>11} {:>8} Wh {:>10.4} SPB {:>8}\n",
			short(&consumer.name),
			"",
			"",
			buyer.bought,
			spb(buyer.paid),
			buyer.open,
		);
	}
	text += &more(plan.consumers.len());
	text += &format!(
		"CTPs: {} open, {} settled ({} in part), {} expired\n",
		state.open, state.settled, state.partial, state.expired
	);
	text
}

/// That there are more than a screen has room for.
fn more(all: usize) -> String {
	match all.saturating_sub(ROWS) {
		0 => String::new(),
		rest => format!("and {rest} more\n"),
	}
}

/// As much of a name as has room.
fn short(name: &str) -> String {
	name.chars().take(16).collect()
}

/// SPB for the eye, not for sums.
fn spb(money: Money) -> f64 {
	money.units() as f64 / spb_primitives::units::SPB as f64
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::demo::plan::{Chain, Plan};
	use spb_primitives::{Limits, Parameters};

	fn plan(consumers: usize) -> Plan {
		let buyers = (0..consumers).map(|n| format!("2016-06-06T12:00:00,home-{n:02},10,0\n"));
		let text = format!(
			"{}\n{}2016-06-06T12:00:00,sun,0,900\n",
			spb_readings::HEADER,
			buyers.collect::<String>()
		);
		let limits = Limits {
			fee: Money::from_units(1),
			min_amount: Money::from_units(2),
			max_settlements: 5_000,
			max_open: 1_000_000,
			max_open_per_vault: 64,
			max_sidecar: 8 << 20,
		};
		let chain = Chain { parameters: Parameters::DEVELOPMENT, limits };
		Plan::new(&spb_readings::parse(&text).unwrap(), &chain).unwrap()
	}

	fn state(plan: &Plan) -> State {
		State {
			block: 7,
			sellers: vec![Seller { offered: 900, sold: 20, ..Seller::default() }],
			buyers: vec![Buyer { bought: 10, ..Buyer::default() }; plan.consumers.len()],
			open: 1,
			settled: 2,
			partial: 0,
			expired: 0,
		}
	}

	#[test]
	fn the_table_should_show_both_sides() {
		let plan = plan(2);
		let text = draw(&plan, 0, &state(&plan));
		assert!(text.starts_with("quarter-hour 2016-06-06T12:00:00 (1 of 1), block 7\n"), "{text}");
		for row in ["sun ", "home-00 ", "home-01 "] {
			assert!(text.lines().any(|line| line.starts_with(row)), "{text}");
		}
		assert!(text.ends_with("CTPs: 1 open, 2 settled (0 in part), 0 expired\n"), "{text}");
		assert!(draw(&plan, 1, &state(&plan)).starts_with("waiting for what nobody confirmed"));
	}

	#[test]
	fn the_table_should_fit_on_a_screen() {
		let plan = plan(60);
		let text = draw(&plan, 0, &state(&plan));
		assert!(text.lines().count() < 24 && text.contains("and 52 more"), "{text}");
	}

	#[test]
	fn a_line_should_say_what_a_quarter_hour_brought() {
		let plan = plan(2);
		let line = line(&plan.quarters[0], 0, 1, &state(&plan));
		assert!(line.starts_with("2016-06-06T12:00:00 (1/1)  block    7"), "{line}");
		assert!(line.contains("offered    900 Wh") && line.contains("20 Wh in   2 CTPs"), "{line}");
	}
}
