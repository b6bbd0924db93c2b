//! How much is measured.

use super::{
	burst::Bursts,
	delay,
	error::Result,
	figures::HUNDRED,
	market::PER_CONSUMER,
	network::MOST_VALIDATORS,
	records::Records,
	scale::{blocks, database, open},
	EvaluationError,
};
use spb_primitives::Parameters;
use std::fmt;

/// Trades of a burst that one consumer makes, so that its vault has places in the pool to spare.
const PER_CONSUMER_IN_BURST: usize = 16;
/// Consumers at the least: each lane of single trades has two of its own.
const FEWEST_CONSUMERS: usize = 16;
/// The least repetitions of a burst.
const FEWEST_BURSTS: u32 = 3;
/// The length of a slot, in milliseconds, where blocks are filled: all messages of a block are with
/// its author before it is made. It is the paper's time between blocks.
const LONG_SLOT: u64 = 15_000;

/// How much is measured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
	/// Single trades of each way.
	pub runs: u32,
	/// Validators of the network.
	pub validators: usize,
	/// Trades offered at once, ascending; the last is the saturation.
	pub sizes: Vec<usize>,
	/// Open CTPs at which the database is measured.
	pub database: Vec<u64>,
	/// Settlements of a block at which building and importing are measured.
	pub settlements: Vec<u64>,
	/// How often.
	pub block_runs: u32,
	/// Open CTPs at which a node is measured, ascending.
	pub open: Vec<u64>,
	/// Whether a few minutes have to do.
	pub quick: bool,
}

impl Plan {
	/// The evaluation of the paper, and past it.
	pub fn full() -> Self {
		Self {
			runs: 100,
			validators: 2,
			sizes: vec![100, 1_000, 5_000],
			database: vec![1_000, 10_000, 100_000],
			settlements: vec![0, 500, 1_000, 2_000, 3_000, 4_000, 5_000],
			block_runs: 3,
			open: vec![1_000, 10_000, 100_000],
			quick: false,
		}
	}

	/// The same in little, within five minutes: it shows that everything can be measured, and how
	/// the ways compare.
	pub fn quick() -> Self {
		Self {
			runs: 8,
			validators: 2,
			sizes: vec![100, 400],
			database: vec![1_000, 20_000],
			settlements: vec![0, 200],
			block_runs: 1,
			open: vec![200],
			quick: true,
		}
	}

	/// Refuses what cannot be measured.
	pub fn check(&self) -> Result<()> {
		let refuse = |reason: String| Err(EvaluationError::BadOptions(reason));
		if self.runs == 0 {
			return refuse("give one run at least".into());
		}
		if !(1..=MOST_VALIDATORS).contains(&self.validators) {
			return refuse(format!("give 1 to {MOST_VALIDATORS} validators"));
		}
		if self.sizes.is_empty() || self.sizes.contains(&0) {
			return refuse("give sizes of one trade at least".into());
		}
		if !self.sizes.is_sorted_by(|one, other| one < other) {
			return refuse("give sizes in ascending order".into());
		}
		Ok(())
	}

	/// The bursts.
	pub fn bursts(&self) -> Vec<Bursts> {
		let base = usize::try_from(HUNDRED).unwrap_or(usize::MAX);
		// A quick evaluation repeats the hundred once or twice, not for every single trade.
		let (base, least) = if self.quick { (base / 4, 1) } else { (base, FEWEST_BURSTS) };
		self.sizes.iter().map(|size| Bursts::of(*size, self.runs, base, least)).collect()
	}

	/// How many steps all parts have.
	pub fn steps(&self) -> u64 {
		let bursts: u64 = self.bursts().iter().map(Bursts::steps).sum();
		delay::steps(self.runs) + bursts + database::steps(&self.database) + self.scale_steps()
	}

	/// How many steps the parts about blocks and nodes have.
	pub fn scale_steps(&self) -> u64 {
		blocks::steps(&self.settlements, self.block_runs) + open::steps(&self.open)
	}

	/// Whether the parts about blocks and nodes are in the records.
	pub fn is_scale_done(&self, records: &Records) -> bool {
		blocks::is_done(records, &self.settlements, self.block_runs)
			&& open::is_done(records, &self.open)
	}

	/// The parameters of the chain.
	pub fn parameters(&self) -> Parameters {
		Parameters::DEVELOPMENT
	}

	/// The parameters of the chain on which blocks are filled.
	pub fn scale_parameters(&self) -> Parameters {
		Parameters { slot_duration: LONG_SLOT, ..self.parameters() }
	}

	/// Whether all is measured on one network, because little is.
	pub fn is_in_one_network(&self) -> bool {
		self.quick
	}

	/// Consumers and payers for the trades.
	pub fn crowd(&self) -> (usize, usize) {
		let most = self.sizes.iter().copied().max().unwrap_or_default();
		let consumers = most.div_ceil(PER_CONSUMER_IN_BURST).max(FEWEST_CONSUMERS);
		let scale = if self.is_in_one_network() { self.scale_crowd().0 } else { 0 };
		(consumers.max(scale), most.max(FEWEST_CONSUMERS))
	}

	/// Consumers and payers where blocks are filled and CTPs stay open.
	pub fn scale_crowd(&self) -> (usize, usize) {
		let last = |sizes: &[u64]| sizes.iter().copied().max().unwrap_or_default();
		let most = last(&self.settlements).max(last(&self.open));
		// Beside what stays open, each measured block adds a little.
		let most = most + HUNDRED * (self.open.len() as u64 + 1);
		let consumers = most.div_ceil(PER_CONSUMER as u64).max(FEWEST_CONSUMERS as u64);
		(usize::try_from(consumers).unwrap_or(usize::MAX), 1)
	}
}

impl fmt::Display for Plan {
	/// The settings that records are measured with.
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let Self { runs, validators, sizes, database, settlements, block_runs, open, quick } = self;
		write!(
			f,
			"runs {runs}; validators {validators}; sizes {sizes:?}; database {database:?}; \
			 settlements {settlements:?}, {block_runs} times; open {open:?}; quick {quick}"
		)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_papers_runs_should_be_those_of_the_full_plan() {
		let plan = Plan::full();
		assert!(plan.check().is_ok());
		let bursts: Vec<_> =
			plan.bursts().iter().map(|bursts| (bursts.size, bursts.runs)).collect();
		assert_eq!(bursts, [(100, 100), (1_000, 10), (5_000, 3)]);
		assert!(plan.scale_crowd().0 * PER_CONSUMER > 100_000);
		assert_eq!(plan.crowd(), (313, 5_000));
	}

	#[test]
	fn a_quick_plan_should_measure_every_part() {
		let plan = Plan::quick();
		assert!(plan.check().is_ok());
		let bursts: Vec<_> =
			plan.bursts().iter().map(|bursts| (bursts.size, bursts.runs)).collect();
		assert_eq!(bursts, [(100, 2), (400, 1)]);
		assert!(!plan.database.is_empty() && !plan.settlements.is_empty() && !plan.open.is_empty());
	}

	#[test]
	fn what_cannot_be_measured_should_be_refused() {
		for bad in [
			Plan { runs: 0, ..Plan::full() },
			Plan { validators: 0, ..Plan::full() },
			Plan { validators: 5, ..Plan::full() },
			Plan { sizes: vec![], ..Plan::full() },
			Plan { sizes: vec![0, 5], ..Plan::full() },
			Plan { sizes: vec![100, 100], ..Plan::full() },
		] {
			let error = bad.check().unwrap_err();
			assert_eq!(error.exit_code(), 2, "{bad}");
		}
	}

	#[test]
	fn settings_should_be_one_line_that_tells_plans_apart() {
		let (full, quick) = (Plan::full().to_string(), Plan::quick().to_string());
		assert!(full != quick && !full.contains('\n'));
	}
}
