//! What a demo ends with: figures and verdicts, for people and as JSON.

use serde::Serialize;
use spb_primitives::Money;
use std::{fmt, path::PathBuf};

/// The most bytes that a settled trade may take in a block's body.
const BYTES_PER_TRADE: usize = 125;

/// What a demo ends with. Money is in the chain's smallest unit, as a decimal string.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Summary {
	/// Trades that settled, those that were delivered in part included.
	pub settled: usize,
	/// Trades that were delivered in part.
	pub partial: usize,
	/// CTPs that were dropped without a trade.
	pub expired: usize,
	/// The energy that came on offer, from the readings.
	pub wh_offered: u64,
	/// The energy that was traded, from the blocks' bodies.
	pub wh_settled: u64,
	/// The energy that is still on offer, from the chain's state.
	pub wh_unsold: u64,
	/// The energy that was imported and not on offer when it was.
	pub wh_unserved: u64,
	/// What producers were paid, from the blocks' bodies.
	pub paid: Money,
	/// What the blocks' authors got for settling.
	pub fees: Money,
	/// What opening energy accounts burned.
	pub burned: Money,
	/// The most bytes that a settled trade took in a block's body.
	pub bytes_per_trade: usize,
	/// The bytes that it took on average.
	pub bytes_per_trade_mean: f64,
	/// Blocks that were looked at: all from block 1 on.
	pub blocks: u32,
	/// Headers whose root was compared with the database.
	pub roots_checked: u32,
	/// Those that name the database's root.
	pub roots_equal: u32,
	/// Blocks without exactly one seal that names the header's root.
	pub bad_seals: u32,
	/// CTPs and ERCs in blocks' bodies.
	pub messages_in_bodies: u32,
	/// Whether all balances together changed by what was burned and nothing else, and vaults by what
	/// producers and authors got.
	pub money_conserved: bool,
	/// Whether all energy that came on offer was traded or is still on offer, for each producer.
	pub energy_conserved: bool,
	/// Whether every CTP became what the readings and the producers' habits make of it.
	pub as_planned: bool,
	/// Whether no CTP is open and nothing is held for one any more.
	pub all_closed: bool,
	/// blake2-256 over the sorted list of trades; the same readings give the same.
	pub trades_digest: String,
	/// The readings.
	pub readings: PathBuf,
	/// The first quarter-hour of the replay.
	pub from: String,
	/// Quarter-hours of the replay.
	pub quarters: usize,
	/// The node's version.
	pub node_version: String,
	/// How long it took from starting the node, in seconds.
	pub seconds: u64,
}

impl Summary {
	/// What should hold and does not.
	pub fn failures(&self) -> Vec<&'static str> {
		let checks = [
			(self.money_conserved, "money is not conserved"),
			(self.energy_conserved, "energy is not conserved"),
			(self.roots_checked == self.blocks, "not every header's root was checked"),
			(
				self.roots_equal == self.roots_checked,
				"a header names another root than the database's",
			),
			(self.bad_seals == 0, "a block does not have exactly one seal with its header's root"),
			(self.messages_in_bodies == 0, "a CTP or an ERC is in a block's body"),
			(self.bytes_per_trade <= BYTES_PER_TRADE, "a trade takes more than 125 bytes"),
			(self.as_planned, "a CTP did not become what was planned"),
			(self.all_closed, "CTPs are open or money is held for none"),
		];
		checks.into_iter().filter(|(holds, _)| !holds).map(|(_, text)| text).collect()
	}
}

impl fmt::Display for Summary {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let says = |holds: bool| if holds { "yes" } else { "NO" };
		let rows = [
			("trades settled", format!("{}, {} of them in part", self.settled, self.partial)),
			("CTPs expired", self.expired.to_string()),
			(
				"energy",
				format!(
					"{} Wh offered = {} Wh settled + {} Wh still on offer",
					self.wh_offered, self.wh_settled, self.wh_unsold
				),
			),
			("paid", format!("{}, and {} to authors", self.paid, self.fees)),
			(
				"bytes per trade",
				format!(
					"{} at most, {:.1} on average",
					self.bytes_per_trade, self.bytes_per_trade_mean
				),
			),
			("blocks", format!("{} in {} s", self.blocks, self.seconds)),
			("roots equal", format!("{} of {}", self.roots_equal, self.roots_checked)),
			("money conserved", says(self.money_conserved).to_owned()),
			("energy conserved", says(self.energy_conserved).to_owned()),
			("as planned", says(self.as_planned).to_owned()),
			("all holds gone", says(self.all_closed).to_owned()),
			("trades' digest", self.trades_digest.clone()),
		];
		for (name, value) in rows {
			writeln!(f, "{name:<17}{value}")?;
		}
		for failure in self.failures() {
			writeln!(f, "FAILED: {failure}")?;
		}
		Ok(())
	}
}

#[cfg(test)]
pub(crate) mod tests {
	use super::*;

	pub(crate) fn good() -> Summary {
		Summary {
			settled: 2,
			partial: 1,
			expired: 1,
			wh_offered: 300,
			wh_settled: 200,
			wh_unsold: 100,
			wh_unserved: 0,
			paid: Money::from_units(10),
			fees: Money::from_units(2),
			burned: Money::from_units(1),
			bytes_per_trade: 125,
			bytes_per_trade_mean: 120.5,
			blocks: 9,
			roots_checked: 9,
			roots_equal: 9,
			bad_seals: 0,
			messages_in_bodies: 0,
			money_conserved: true,
			energy_conserved: true,
			as_planned: true,
			all_closed: true,
			trades_digest: "0x00".into(),
			readings: "week.csv".into(),
			from: "2016-06-06T12:00:00".into(),
			quarters: 1,
			node_version: "0.1.0".into(),
			seconds: 30,
		}
	}

	#[test]
	fn every_check_should_be_able_to_fail() {
		assert!(good().failures().is_empty());
		let broken: [fn(&mut Summary); 9] = [
			|summary| summary.money_conserved = false,
			|summary| summary.energy_conserved = false,
			|summary| summary.blocks = 10,
			|summary| summary.roots_equal = 8,
			|summary| summary.bad_seals = 1,
			|summary| summary.messages_in_bodies = 1,
			|summary| summary.bytes_per_trade = 126,
			|summary| summary.as_planned = false,
			|summary| summary.all_closed = false,
		];
		for break_it in broken {
			let mut summary = good();
			break_it(&mut summary);
			assert_eq!(summary.failures().len(), 1, "{summary}");
			assert!(summary.to_string().contains("FAILED"));
		}
	}

	#[test]
	fn the_keys_that_others_rely_on_should_be_there() {
		let json = serde_json::to_value(good()).unwrap();
		for key in [
			"settled",
			"partial",
			"expired",
			"wh_offered",
			"wh_settled",
			"paid",
			"bytes_per_trade",
			"blocks",
			"roots_checked",
			"roots_equal",
			"money_conserved",
			"energy_conserved",
			"readings",
			"node_version",
		] {
			assert!(json.get(key).is_some(), "{key}");
		}
		assert_eq!(json["paid"], "10");
	}
}
