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
use std::{fmt, time::Duration};

/// Trades of a burst that one consumer makes, so that its vault has places in the pool to spare.
const PER_CONSUMER_IN_BURST: usize = 16;
/// Consumers at the least: each lane of single trades has two of its own.
const FEWEST_CONSUMERS: usize = 16;
/// The least repetitions of a burst.
const FEWEST_BURSTS: u32 = 3;
/// The length of a slot, in milliseconds, where blocks are filled: all messages of a block are with
/// its author before it is made. It is the paper's time between blocks.
const LONG_SLOT: u64 = 15_000;

/// How long a quick evaluation may measure.
pub const QUICK: Duration = Duration::from_secs(300);

/// How much is measured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
	/// Single trades of each way.
	pub runs: u32,
	/// Validators of the network.
	pub validators: usize,
	/// Trades offered at once, ascending; the last is the saturation, and those before it show whether
	/// more would come of more.
	pub sizes: Vec<usize>,
	/// Open CTPs at which the database is measured.
	pub database: Vec<u64>,
	/// How often.
	pub database_runs: u32,
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
			sizes: vec![100, 1_000, 5_000, 10_000],
			database: vec![1_000, 10_000, 100_000],
			database_runs: 5,
			settlements: vec![0, 1_000, 2_500, 5_000],
			block_runs: 3,
			open: vec![0, 1_000, 10_000, 100_000],
			quick: false,
		}
	}

	/// The same in little, for [`QUICK`]: it shows that everything can be measured, and how the ways
	/// compare. Bursts are not waited for until they are final.
	pub fn quick() -> Self {
		Self {
			runs: 8,
			validators: 2,
			sizes: vec![100, 400],
			database: vec![1_000, 20_000],
			database_runs: 1,
			settlements: vec![0, 200],
			block_runs: 1,
			open: vec![0, 200],
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

	/// The bursts, in the order in which they are measured. In a whole evaluation the large ones, of which
	/// there are few, come first, and a hundred trades, repeated most, are not waited for until they are final.
	pub fn bursts(&self) -> Vec<Bursts> {
		let base = usize::try_from(HUNDRED).unwrap_or(usize::MAX);
		// A quick evaluation repeats the hundred once or twice, not for every single trade.
		let (base, least) = if self.quick { (base / 4, 1) } else { (base, FEWEST_BURSTS) };
		let bursts = self.sizes.iter().map(|size| Bursts::of(*size, self.runs, base, least));
		if self.quick {
			return bursts.map(|bursts| Bursts { until_final: false, ..bursts }).collect();
		}
		let until_final = |size: usize| u64::try_from(size) != Ok(HUNDRED);
		let bursts =
			bursts.map(|bursts| Bursts { until_final: until_final(bursts.size), ..bursts });
		bursts.rev().collect()
	}

	/// How many steps all parts have.
	pub fn steps(&self) -> u64 {
		let bursts: u64 = self.bursts().iter().map(Bursts::steps).sum();
		let database = database::steps(&self.database, self.database_runs);
		delay::steps(self.runs) + bursts + database + self.open_steps() + self.blocks_steps()
	}

	/// How many steps the part about nodes has.
	pub fn open_steps(&self) -> u64 {
		open::steps(&self.open)
	}

	/// How many steps the part about blocks has.
	pub fn blocks_steps(&self) -> u64 {
		blocks::steps(&self.settlements, self.block_runs)
	}

	/// Whether the part about nodes is in the records.
	pub fn is_open_done(&self, records: &Records) -> bool {
		open::is_done(records, &self.open)
	}

	/// Whether the part about blocks is in the records.
	pub fn are_blocks_done(&self, records: &Records) -> bool {
		blocks::is_done(records, &self.settlements, self.block_runs)
	}

	/// What is not in the records, for people: of each part that is not done how much of it is.
	pub fn missing(&self, records: &Records) -> Vec<String> {
		let mut parts = vec![(
			"single trades".into(),
			delay::done(records, self.runs),
			delay::steps(self.runs),
		)];
		for bursts in self.bursts() {
			let part = format!("{} trades at once", bursts.size);
			parts.push((part, bursts.done(records), bursts.steps()));
		}
		let Self { open, settlements, block_runs, database, database_runs, .. } = self;
		parts.extend([
			("nodes with open CTPs".into(), open::done(records, open), self.open_steps()),
			(
				"filled blocks".into(),
				blocks::done(records, settlements, *block_runs),
				self.blocks_steps(),
			),
			(
				"the database".into(),
				database::done(records, database, *database_runs),
				database::steps(database, *database_runs),
			),
		]);
		let missing = parts.into_iter().filter(|(_, done, steps)| done < steps);
		missing.map(|(part, done, steps)| format!("{part}: {done} of {steps}")).collect()
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
		let mut consumers = most.div_ceil(PER_CONSUMER_IN_BURST).max(FEWEST_CONSUMERS);
		if self.is_in_one_network() {
			consumers = consumers.max(self.open_crowd().0).max(self.blocks_crowd().0);
		}
		(consumers, most.max(FEWEST_CONSUMERS))
	}

	/// Consumers and payers where CTPs stay open.
	pub fn open_crowd(&self) -> (usize, usize) {
		(consumers_for(open::most_open(&self.open)), 1)
	}

	/// Consumers and payers where blocks are filled.
	pub fn blocks_crowd(&self) -> (usize, usize) {
		(consumers_for(self.settlements.iter().copied().max().unwrap_or_default()), 1)
	}
}

/// Consumers who have so many CTPs open together.
fn consumers_for(open: u64) -> usize {
	usize::try_from(open).unwrap_or(usize::MAX).div_ceil(PER_CONSUMER).max(FEWEST_CONSUMERS)
}

impl fmt::Display for Plan {
	/// The settings that records are measured with.
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let Self { runs, validators, sizes, database, settlements, open, quick, .. } = self;
		let Self { database_runs, block_runs, .. } = self;
		write!(
			f,
			"runs {runs}; validators {validators}; sizes {sizes:?}; database {database:?}, \
			 {database_runs} times; settlements {settlements:?}, {block_runs} times; open {open:?}; \
			 quick {quick}"
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
		assert_eq!(bursts, [(10_000, 3), (5_000, 3), (1_000, 10), (100, 100)]);
		assert!(plan.open_crowd().0 * PER_CONSUMER > 100_000);
		assert_eq!(plan.blocks_crowd().0, 105);
		assert_eq!(plan.crowd(), (625, 10_000));
		let hasty: Vec<_> =
			plan.bursts().into_iter().filter(|bursts| !bursts.until_final).collect();
		assert_eq!(hasty.iter().map(|bursts| bursts.size).collect::<Vec<_>>(), [100]);
		// Where nothing is open, a node takes what it takes anyway.
		assert_eq!(plan.open[0], 0);
	}

	#[test]
	fn a_quick_plan_should_measure_every_part() {
		let plan = Plan::quick();
		assert!(plan.check().is_ok());
		let bursts: Vec<_> =
			plan.bursts().iter().map(|bursts| (bursts.size, bursts.runs)).collect();
		assert_eq!(bursts, [(100, 2), (400, 1)]);
		assert!(!plan.database.is_empty() && !plan.settlements.is_empty() && !plan.open.is_empty());
		assert!(plan.bursts().iter().all(|bursts| !bursts.until_final));
	}

	#[test]
	fn the_database_should_be_large_enough_for_what_settles() {
		for plan in [Plan::full(), Plan::quick()] {
			assert!(plan.database.iter().all(|size| *size >= database::FEWEST), "{plan}");
		}
	}

	#[test]
	fn what_is_missing_should_be_told_part_by_part() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("raw.csv");
		let provenance = crate::evaluate::provenance::Provenance::default();
		let mut records = Records::open(&path, "", &provenance, false).unwrap();
		let plan = Plan { open: vec![], settlements: vec![], ..Plan::quick() };
		let point = crate::evaluate::records::Point {
			part: delay::PART,
			way: crate::evaluate::ways::SPB,
			size: 1,
			run: 0,
		};
		records.note(point, &[("paid_s", 1.0)]).unwrap();
		assert_eq!(
			plan.missing(&records),
			[
				"single trades: 1 of 32",
				"100 trades at once: 0 of 4",
				"400 trades at once: 0 of 2",
				"the database: 0 of 4",
			]
		);
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
