//! Runs benchmarks at points of their components' ranges.

use crate::runtime::{Count, Runtime};
use frame_benchmarking::{
	BenchmarkBatch, BenchmarkConfig, BenchmarkList, BenchmarkParameter, BenchmarkResult,
};
use frame_support::traits::StorageInfo;
use std::{error::Error, fmt, time::Instant};

/// How much is measured.
pub struct Effort {
	/// Points in the range of each component.
	pub steps: u32,
	/// Runs at each point.
	pub repeat: u32,
}

impl Effort {
	/// Runs at a point in one round, so that a benchmark without components has as many in all as
	/// one with a component.
	fn runs(&self, benchmark: &Benchmark) -> u32 {
		if benchmark.components.is_empty() {
			self.steps.max(1)
		} else {
			1
		}
	}
}

/// What the cost of a call grows with.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
	/// Its name, a letter.
	pub name: BenchmarkParameter,
	/// The least that is measured.
	pub low: u32,
	/// The most that is measured.
	pub high: u32,
}

/// One benchmark of the runtime.
pub struct Benchmark {
	/// The pallet's crate.
	pub pallet: String,
	/// The pallet in the runtime.
	pub instance: String,
	/// The call or hook.
	pub name: String,
	/// What its cost grows with.
	pub components: Vec<Component>,
}

impl fmt::Display for Benchmark {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "{}::{}", self.pallet, self.name)
	}
}

/// What a benchmark's runs gave.
#[derive(Default)]
pub struct Results {
	/// Runs of which the time counts.
	pub times: Vec<BenchmarkResult>,
	/// Runs of which the reads and writes count.
	pub storage: Vec<BenchmarkResult>,
}

type Point = Vec<(BenchmarkParameter, u32)>;

/// The benchmarks of a runtime.
pub fn benchmarks(runtime: &Runtime) -> Result<Vec<Benchmark>, Box<dyn Error>> {
	let extra = false;
	let (lists, _): (Vec<BenchmarkList>, Vec<StorageInfo>) =
		runtime.call(Count::Nothing, "Benchmark_benchmark_metadata", &extra)?;
	let mut benchmarks = Vec::new();
	for list in lists {
		for benchmark in list.benchmarks {
			let components = benchmark.components.into_iter();
			benchmarks.push(Benchmark {
				pallet: String::from_utf8(list.pallet.clone())?,
				instance: String::from_utf8(list.instance.clone())?,
				name: String::from_utf8(benchmark.name)?,
				components: components
					.map(|(name, low, high)| Component { name, low, high })
					.collect(),
			});
		}
	}
	Ok(benchmarks)
}

/// Runs a benchmark at all points: first with its own checks, then to count reads and writes, then
/// for time.
///
/// Time is taken in rounds over all points: where the machine is slow for a while, each point has a
/// few slow runs, which the analysis leaves out, and no point has slow runs only.
pub fn run(
	runtime: &Runtime,
	benchmark: &Benchmark,
	effort: &Effort,
) -> Result<Results, Box<dyn Error>> {
	let mut results = Results::default();
	let points = points(&benchmark.components, effort.steps);
	for point in &points {
		run_at(runtime, benchmark, point, Count::Nothing, true, 1)?;
		results.storage.extend(run_at(runtime, benchmark, point, Count::Storage, false, 1)?);
	}
	for round in 1..=effort.repeat {
		let begin = Instant::now();
		for point in &points {
			let runs = effort.runs(benchmark);
			let times = run_at(runtime, benchmark, point, Count::Nothing, false, runs)?;
			results.times.extend(times);
		}
		let seconds = begin.elapsed().as_secs();
		eprint!("\r{benchmark}: round {round} of {}, {seconds} s a round ", effort.repeat);
	}
	eprintln!();
	Ok(results)
}

fn run_at(
	runtime: &Runtime,
	benchmark: &Benchmark,
	point: &Point,
	count: Count,
	verify: bool,
	repeats: u32,
) -> Result<Vec<BenchmarkResult>, Box<dyn Error>> {
	let config = BenchmarkConfig {
		pallet: benchmark.pallet.as_bytes().to_vec(),
		instance: benchmark.instance.as_bytes().to_vec(),
		benchmark: benchmark.name.as_bytes().to_vec(),
		selected_components: point.clone(),
		verify,
		internal_repeats: repeats,
	};
	let batches: Result<Vec<BenchmarkBatch>, String> =
		runtime.call(count, "Benchmark_dispatch_benchmark", &config)?;
	let batches = batches.map_err(|error| format!("{benchmark} at {point:?}: {error}"))?;
	Ok(batches.into_iter().flat_map(|batch| batch.results).collect())
}

/// The points to measure at: each component goes through its range while the others are at their
/// highest.
fn points(components: &[Component], steps: u32) -> Vec<Point> {
	if components.is_empty() {
		return vec![Point::new()];
	}
	let highest: Point =
		components.iter().map(|component| (component.name, component.high)).collect();
	let mut points = Vec::new();
	for (place, component) in components.iter().enumerate() {
		for value in values(component, steps) {
			let mut point = highest.clone();
			point[place].1 = value;
			points.push(point);
		}
	}
	points
}

/// At most this many values of a component, evenly spread, both ends among them.
fn values(component: &Component, steps: u32) -> Vec<u32> {
	let range = u64::from(component.high.saturating_sub(component.low));
	let gaps = u64::from(steps.max(2) - 1).min(range);
	if gaps == 0 {
		return vec![component.low];
	}
	(0..=gaps).map(|gap| component.low + (range * gap / gaps) as u32).collect()
}

#[cfg(test)]
mod tests {
	use super::*;
	use BenchmarkParameter::{i, o};

	fn component(name: BenchmarkParameter, low: u32, high: u32) -> Component {
		Component { name, low, high }
	}

	#[test]
	fn values_should_be_evenly_spread_with_both_ends() {
		assert_eq!(values(&component(i, 0, 5_000), 5), [0, 1_250, 2_500, 3_750, 5_000]);
		assert_eq!(values(&component(i, 3, 5), 20), [3, 4, 5]);
		assert_eq!(values(&component(i, 7, 7), 20), [7]);
		assert_eq!(values(&component(i, 0, 9), 1), [0, 9]);
	}

	#[test]
	fn other_components_should_be_at_their_highest() {
		let points = points(&[component(i, 0, 10), component(o, 1, 2)], 2);
		let expected = [[(i, 0), (o, 2)], [(i, 10), (o, 2)], [(i, 10), (o, 1)], [(i, 10), (o, 2)]];
		assert_eq!(points, expected);
	}

	#[test]
	fn a_benchmark_without_components_should_have_one_point() {
		assert_eq!(points(&[], 20), [Point::new()]);
	}
}
