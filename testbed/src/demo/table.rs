//! The live table: drawn anew in a terminal, a line for each quarter-hour elsewhere.

use super::plan::{Plan, Quarter};
use spb_primitives::Money;
use std::io::{self, IsTerminal, Write};

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

/// What there is to see after some blocks.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct State {
	/// The last block.
	pub block: u32,
	/// The producers, in the plan's order.
	pub sellers: Vec<Seller>,
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
		None => format!("waiting for what nobody confirmed to expire, block {}\n", state.block),
	};
	text += &format!(
		"{:<16} {:>16} {:>11} {:>9} {:>14} {:>8}\n",
		"producer", "price", "offered", "sold", "earned", "expired"
	);
	for (producer, seller) in plan.producers.iter().zip(&state.sellers) {
		text += &format!(
			"{:<16} {:>16} {:>8} Wh {:>6} Wh {:>10.4} SPB {:>8}\n",
			short(&producer.name),
			producer.price.to_string(),
			seller.offered,
			seller.sold,
			spb(seller.earned),
			seller.expired,
		);
	}
	text += &format!(
		"CTPs: {} open, {} settled ({} in part), {} expired\n",
		state.open, state.settled, state.partial, state.expired
	);
	text
}

/// As much of a name as has room.
fn short(name: &str) -> String {
	name.chars().take(16).collect()
}

/// SPB for the eye, not for sums.
fn spb(money: Money) -> f64 {
	money.units() as f64 / spb_primitives::units::SPB as f64
}
