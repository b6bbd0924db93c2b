//! Measures what the runtime's calls cost and writes the weights of the pallets.
//!
//! The runtime, compiled with `runtime-benchmarks`, holds the benchmarks; it is compiled into this
//! program. [`runtime`] runs it over a state in memory that counts reads and writes, [`measure`]
//! calls each benchmark at points of its components' ranges, [`cost`] fits lines through the
//! results, [`template`] writes them as Rust.

// Its macro also makes functions for runtimes.
#[allow(dead_code)]
mod clock;
mod cost;
mod measure;
mod provenance;
mod runtime;
mod template;

use clap::Parser;
use cost::Cost;
use measure::{Benchmark, Effort};
use provenance::Provenance;
use runtime::Runtime;
use std::{
	collections::BTreeMap,
	error::Error,
	fs,
	path::{Path, PathBuf},
};

/// The runtime, with its benchmarks.
// Generated, without docs, and with more than is used.
#[allow(missing_docs, dead_code)]
mod wasm {
	include!(concat!(env!("OUT_DIR"), "/wasm_binary.rs"));
}

/// The state that the benchmarks begin with.
const PRESET: &str = "development";

/// Measures the runtime's calls and writes `src/weights/measured.rs` of each crate that has any.
#[derive(Parser)]
struct Opts {
	/// Points in the range of each component.
	#[arg(long, default_value_t = 10)]
	steps: u32,
	/// Runs at each point; `steps` times as many where a benchmark has no components.
	#[arg(long, default_value_t = 10)]
	repeat: u32,
	/// Measure only benchmarks whose `pallet::name` contains this, and write nothing.
	#[arg(long)]
	only: Option<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
	let opts = Opts::parse();
	let code = wasm::WASM_BINARY.ok_or("built without its runtime: unset SKIP_WASM_BUILD")?;
	let runtime = Runtime::new(code, PRESET)?;
	let chosen: Vec<Benchmark> = measure::benchmarks(&runtime)?
		.into_iter()
		.filter(|benchmark| {
			opts.only.as_ref().is_none_or(|only| benchmark.to_string().contains(only))
		})
		.collect();
	let effort = Effort { steps: opts.steps, repeat: opts.repeat };
	let mut crates = BTreeMap::<String, Vec<Cost>>::new();
	for benchmark in &chosen {
		let cost = Cost::fit(benchmark, &measure::run(&runtime, benchmark, &effort)?)?;
		eprintln!("{cost}");
		crates.entry(benchmark.pallet.clone()).or_default().push(cost);
	}
	if opts.only.is_none() {
		let provenance = Provenance::here(&effort);
		for (name, costs) in &crates {
			let folder = spb_sources::measured_crate(name);
			// What is measured was compiled with this program: build and run it in one go.
			let sources = spb_sources::of_weights(&root(), &folder)?;
			let path = root().join(&folder).join(spb_sources::MEASURED);
			fs::write(&path, template::render(name, &sources, costs, &provenance))?;
			eprintln!("wrote {}", path.display());
		}
	}
	Ok(())
}

/// The repository.
fn root() -> PathBuf {
	Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
