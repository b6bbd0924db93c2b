//! What a call costs: lines through the results of its benchmark.

use crate::measure::{Benchmark, Component, Results};
use frame_benchmarking::{Analysis, BenchmarkResult, BenchmarkSelector};
use std::{error::Error, fmt};

/// A base and a slope for each component, all of one unit.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Line {
	/// When all components are zero.
	pub base: u64,
	/// For one more of each component.
	pub slopes: Vec<u64>,
	/// The standard error of each slope.
	pub errors: Vec<u64>,
}

/// What a call or hook costs.
#[derive(Debug, PartialEq)]
pub struct Cost {
	/// The call or hook.
	pub name: String,
	/// What the cost grows with.
	pub components: Vec<Component>,
	/// Time, in picoseconds.
	pub time: Line,
	/// The shortest run, in picoseconds.
	pub shortest: u64,
	/// Keys read.
	pub reads: Line,
	/// Keys written.
	pub writes: Line,
}

impl Cost {
	/// Least squares over the middle half of the runs at each point; the median where a benchmark
	/// has no components.
	pub fn fit(benchmark: &Benchmark, results: &Results) -> Result<Self, Box<dyn Error>> {
		let (time, shortest) = fit(&results.times, BenchmarkSelector::ExtrinsicTime)?;
		Ok(Self {
			name: benchmark.name.clone(),
			components: benchmark.components.clone(),
			time,
			// The analysis scales slopes and base to picoseconds, but leaves this in nanoseconds.
			shortest: shortest.saturating_mul(1_000),
			reads: fit(&results.storage, BenchmarkSelector::Reads)?.0,
			writes: fit(&results.storage, BenchmarkSelector::Writes)?.0,
		})
	}
}

/// The line, and the least result.
fn fit(
	results: &Vec<BenchmarkResult>,
	what: BenchmarkSelector,
) -> Result<(Line, u64), Box<dyn Error>> {
	let analysis = Analysis::min_squares_iqr(results, what)?;
	let numbers =
		|values: Vec<u128>| values.into_iter().map(u64::try_from).collect::<Result<Vec<_>, _>>();
	let line = Line {
		base: analysis.base.try_into()?,
		slopes: numbers(analysis.slopes)?,
		errors: numbers(analysis.errors.unwrap_or_default())?,
	};
	Ok((line, analysis.minimum.try_into()?))
}

impl fmt::Display for Cost {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "{}:", self.name)?;
		for (line, unit) in [(&self.time, "ps"), (&self.reads, "reads"), (&self.writes, "writes")] {
			write!(f, " {}", line.base)?;
			for (component, slope) in self.components.iter().zip(&line.slopes) {
				write!(f, " + {slope} {}", component.name)?;
			}
			write!(f, " {unit};")?;
		}
		Ok(())
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use frame_benchmarking::BenchmarkParameter::{i, n, o};

	fn benchmark(components: Vec<Component>) -> Benchmark {
		let [pallet, instance, name] = ["pallet_made_up", "MadeUp", "call"].map(String::from);
		Benchmark { pallet, instance, name, components }
	}

	/// Runs that take 5,000 ns and 300 a component, read 3 and 7 a component, and write 2 and 4.
	fn result(components: &[(frame_benchmarking::BenchmarkParameter, u32)]) -> BenchmarkResult {
		let sum: u32 = components.iter().map(|(_, value)| value).sum();
		BenchmarkResult {
			components: components.to_vec(),
			extrinsic_time: 5_000 + 300 * u128::from(sum),
			reads: 3 + 7 * sum,
			writes: 2 + 4 * sum,
			..Default::default()
		}
	}

	#[test]
	fn a_line_should_be_found_in_spite_of_slow_runs() {
		let component = Component { name: n, low: 0, high: 100 };
		let mut results = Results::default();
		for value in [0, 25, 50, 75, 100] {
			let run = result(&[(n, value)]);
			let slow = BenchmarkResult { extrinsic_time: 10_000_000, ..run.clone() };
			results.storage.push(run.clone());
			results.times.extend([slow, run.clone(), run.clone(), run.clone(), run]);
		}
		let cost = Cost::fit(&benchmark(vec![component]), &results).unwrap();
		assert_eq!((cost.time.base, &cost.time.slopes[..]), (5_000_000, &[300_000][..]));
		assert_eq!((cost.reads.base, &cost.reads.slopes[..]), (3, &[7][..]));
		assert_eq!((cost.writes.base, &cost.writes.slopes[..]), (2, &[4][..]));
		assert_eq!(cost.shortest, 5_000_000);
	}

	#[test]
	fn each_component_should_have_its_slope() {
		let components = [i, o].map(|name| Component { name, low: 0, high: 10 }).to_vec();
		let points = [[(i, 0), (o, 10)], [(i, 10), (o, 10)], [(i, 10), (o, 0)], [(i, 10), (o, 5)]];
		let mut results = Results::default();
		for point in points {
			results.times.push(result(&point));
			let written = point[1].1 * 5;
			results.storage.push(BenchmarkResult { writes: written, ..result(&point) });
		}
		let cost = Cost::fit(&benchmark(components), &results).unwrap();
		assert_eq!(cost.time.slopes, [300_000, 300_000]);
		assert_eq!(cost.writes.slopes, [0, 5]);
	}

	#[test]
	fn the_median_should_count_without_components() {
		let runs = [7, 5, 100].map(|time| BenchmarkResult {
			extrinsic_time: time,
			reads: 2,
			writes: 1,
			..Default::default()
		});
		let results = Results { times: runs.to_vec(), storage: runs[..1].to_vec() };
		let cost = Cost::fit(&benchmark(Vec::new()), &results).unwrap();
		assert_eq!((cost.time.base, cost.reads.base, cost.writes.base), (7_000, 2, 1));
		assert_eq!(cost.shortest, 5_000);
		assert!(cost.time.slopes.is_empty());
	}
}
