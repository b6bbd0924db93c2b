//! What whole blocks take, by what the validators count of themselves: read between two blocks, the
//! difference is one block's.

use crate::{
	evaluate::{error::Result, network::Network},
	metrics::Metrics,
};
use spb_primitives::BlockNumber;
use std::time::{Duration, Instant};
use tokio::time::interval;

/// How long a node may take to count a block that it has told of.
const COUNTED: Duration = Duration::from_secs(10);
/// How often it is asked.
const POLL: Duration = Duration::from_millis(20);

/// Sum and number of the observations of a histogram.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
struct Observed {
	sum: f64,
	count: f64,
}

impl Observed {
	fn read(metrics: &Metrics, name: &str) -> Self {
		let part = |part: &str| metrics.sum(&format!("{name}_{part}"));
		Self { sum: part("sum"), count: part("count") }
	}

	fn since(self, before: Self) -> Self {
		Self { sum: self.sum - before.sum, count: self.count - before.count }
	}
}

/// What a node has done so far.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
struct Reading {
	prepared: Observed,
	proposed: Observed,
	imported: Observed,
	checked: Observed,
}

impl Reading {
	fn of(metrics: &Metrics) -> Self {
		Self {
			prepared: Observed::read(metrics, "spb_prepare_seconds"),
			proposed: Observed::read(metrics, "substrate_proposer_block_constructed"),
			imported: Observed::read(metrics, "substrate_block_verification_and_import_time"),
			checked: Observed::read(metrics, "spb_check_seconds"),
		}
	}

	fn since(&self, before: &Self) -> Self {
		Self {
			prepared: self.prepared.since(before.prepared),
			proposed: self.proposed.since(before.proposed),
			imported: self.imported.since(before.imported),
			checked: self.checked.since(before.checked),
		}
	}
}

/// What one block took.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct BlockTimes {
	/// Its number.
	pub number: BlockNumber,
	/// Seconds that its author needed: to prepare the seal and to make the block around it.
	pub build: f64,
	/// Seconds that the slowest of the others needed to judge, execute and store it; none where there
	/// is no other.
	pub import: Option<f64>,
	/// The part of that for judging its evidence.
	pub check: f64,
}

/// Reads between blocks.
pub struct Sampler<'a> {
	network: &'a Network,
	number: BlockNumber,
	before: Vec<Reading>,
}

impl<'a> Sampler<'a> {
	/// Begins right after a block.
	pub async fn begin(network: &'a Network) -> Result<Self> {
		let number = network.follower().best().saturating_add(1);
		network.follower().until_best(number).await?;
		let mut sampler = Self { network, number, before: Vec::new() };
		sampler.before = sampler.quiet().await?;
		Ok(sampler)
	}

	/// The next block; `None` where it cannot be told from its neighbours.
	pub async fn next(&mut self) -> Result<Option<BlockTimes>> {
		let number = self.number.saturating_add(1);
		self.network.follower().until_best(number).await?;
		let now = self.quiet().await?;
		let done: Vec<_> =
			now.iter().zip(&self.before).map(|(now, before)| now.since(before)).collect();
		let is_one = self.network.follower().best() == number;
		(self.number, self.before) = (self.network.follower().best(), now);
		Ok(if is_one { times(number, &done) } else { None })
	}

	/// The readings when they do not change any more: a block is told of before it is counted.
	async fn quiet(&self) -> Result<Vec<Reading>> {
		let begun = Instant::now();
		let mut last = self.read().await?;
		let mut same = 0;
		let mut times = interval(POLL);
		// Where it never comes to rest, the block cannot be told from its neighbours, and is not.
		while same < 5 && begun.elapsed() < COUNTED {
			times.tick().await;
			let now = self.read().await?;
			same = if now == last { same + 1 } else { 0 };
			last = now;
		}
		Ok(last)
	}

	async fn read(&self) -> Result<Vec<Reading>> {
		let mut readings = Vec::new();
		for node in self.network.nodes() {
			readings.push(Reading::of(&node.metrics().await?));
		}
		Ok(readings)
	}
}

/// What a block took, if one node made it and the others imported it, each once.
fn times(number: BlockNumber, done: &[Reading]) -> Option<BlockTimes> {
	let [author] = done.iter().filter(|node| node.proposed.count > 0.0).collect::<Vec<_>>()[..]
	else {
		return None;
	};
	let others: Vec<_> = done.iter().filter(|node| node.proposed.count == 0.0).collect();
	let once = author.proposed.count == 1.0 && author.prepared.count == 1.0;
	if !once || others.iter().any(|node| node.imported.count != 1.0) {
		return None;
	}
	let most = |seconds: &dyn Fn(&Reading) -> f64| {
		others
			.iter()
			.map(|node| seconds(node))
			.fold(None, |most: Option<f64>, one| Some(most.map_or(one, |most| most.max(one))))
	};
	Some(BlockTimes {
		number,
		build: author.prepared.sum + author.proposed.sum,
		import: most(&|node| node.imported.sum),
		check: most(&|node| node.checked.sum).unwrap_or(author.checked.sum),
	})
}

#[cfg(test)]
mod tests {
	use super::*;

	fn one(sum: f64) -> Observed {
		Observed { sum, count: 1.0 }
	}

	fn author() -> Reading {
		Reading { prepared: one(0.25), proposed: one(0.5), checked: one(0.1), ..Reading::default() }
	}

	fn other(imported: f64) -> Reading {
		Reading { imported: one(imported), checked: one(imported / 2.0), ..Reading::default() }
	}

	#[test]
	fn a_block_should_take_what_its_author_and_its_slowest_importer_took() {
		let times = times(7, &[other(1.0), author(), other(2.0)]).unwrap();
		let expected = BlockTimes { number: 7, build: 0.75, import: Some(2.0), check: 1.0 };
		assert_eq!(times, expected);
	}

	#[test]
	fn a_validator_alone_should_import_nothing() {
		let times = times(7, &[author()]).unwrap();
		assert_eq!((times.import, times.check), (None, 0.1));
	}

	#[test]
	fn what_is_not_one_block_should_not_be_counted() {
		let twice = Reading { imported: Observed { sum: 3.0, count: 2.0 }, ..Reading::default() };
		assert_eq!(times(7, &[author(), twice]), None);
		assert_eq!(times(7, &[author(), author()]), None);
		assert_eq!(times(7, &[other(1.0)]), None);
		assert_eq!(times(7, &[]), None);
	}

	#[test]
	fn a_reading_should_be_what_has_come_since_the_one_before() {
		let text = |sum: f64, count: u32| {
			format!("spb_check_seconds_sum{{chain=\"x\"}} {sum}\nspb_check_seconds_count {count}\n")
		};
		let reading = |sum, count| Reading::of(&Metrics::parse(&text(sum, count)));
		let since = reading(3.5, 4).since(&reading(1.5, 3));
		assert_eq!(since.checked, Observed { sum: 2.0, count: 1.0 });
		assert_eq!(since.imported, Observed::default());
	}
}
