//! What negotiation over a backbone costs (paper section II-B and figure 1): hops, messages and bytes,
//! against the same letters told to everybody.
//!
//! * [`simulation`]: the protocol's own routing rule on backbones of up to 10,000 nodes;
//! * [`overlay`]: the same letters over gossip;
//! * [`backbone`]: four real nodes that are listed on their chain; [`correspondent`]: who writes over
//!   them without the client's library; [`measure`]: what they count of both ways;
//! * [`report`], [`plot`]: a table and a drawing.

pub mod backbone;
pub mod correspondent;
pub mod measure;
pub mod overlay;
pub mod plot;
pub mod report;
pub mod simulation;

pub use report::{Row, Source};
pub use simulation::{Plan, SimulationError};

use crate::specification::{self, SpecificationError, FAST};
use backbone::{Backbone, BackboneError};
use codec::Encode;
use measure::MeasureError;
use plot::PlotError;
use spb_primitives::relay::{sealed_length, ContactKey, Packet, PADDED};
use spb_sources::Origin;
use std::{
	fs, io,
	path::{Path, PathBuf},
};

/// The chain that is measured: four validators, a block every second.
const CHAIN: &str = "fast";
/// The folder of results, from the repository's root on.
const WRITTEN: &str = "docs/evaluation";
/// The names of the files that an evaluation writes.
pub const FILES: [&str; 2] = ["relay.csv", "relay.svg"];

/// The letters of a negotiation that comes to a price below the listed one, and who writes each.
pub const NEGOTIATION: [(&str, Writer); 4] = [
	("ask", Writer::Consumer),
	("counter-offer", Writer::Producer),
	("accept", Writer::Consumer),
	("quote", Writer::Producer),
];

/// Who writes a letter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Writer {
	/// The one who buys.
	Consumer,
	/// The one who sells.
	Producer,
}

/// What a letter of a negotiation takes on the wire, in bytes. They are all padded to one size.
pub fn packet_bytes() -> u64 {
	let packet = Packet {
		to: ContactKey::default(),
		from: ContactKey::default(),
		nonce: [0; 16],
		hops: 0,
		sent_at: 0,
		// It is within its bound.
		sealed: vec![0; sealed_length(PADDED[0])].try_into().unwrap_or_default(),
	};
	packet.encoded_size() as u64
}

/// Why there is no evaluation.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
	/// The routing rule failed.
	#[error(transparent)]
	Simulation(#[from] SimulationError),
	/// More hops than there may be.
	#[error("letters took too many hops: {0:?}")]
	TooManyHops(Box<Row>),
	/// The chain's specification.
	#[error(transparent)]
	Specification(#[from] SpecificationError),
	/// The real nodes.
	#[error(transparent)]
	Backbone(#[from] BackboneError),
	/// What they count.
	#[error(transparent)]
	Measure(#[from] MeasureError),
	/// The drawing.
	#[error(transparent)]
	Plot(#[from] PlotError),
	/// A file or folder.
	#[error("cannot write {}: {source}", path.display())]
	Write {
		/// Which.
		path: PathBuf,
		/// Why.
		source: io::Error,
	},
}

/// Simulates the plan, measures four real nodes if their program is given, and writes [`FILES`] into a
/// folder.
pub async fn evaluate(
	plan: &Plan,
	node: Option<&Path>,
	out: &Path,
) -> Result<Vec<Row>, EvaluationError> {
	let mut rows = simulation::simulate(plan)?;
	if let Some(program) = node {
		rows.push(measured(program).await?);
	}
	if let Some(row) = rows.iter().find(|row| !simulation::hops_are_bounded(row)) {
		return Err(EvaluationError::TooManyHops(Box::new(row.clone())));
	}
	let unwritable = |path: &Path| {
		let path = path.to_owned();
		move |source| EvaluationError::Write { path, source }
	};
	fs::create_dir_all(out).map_err(unwritable(out))?;
	let [table, drawing] = FILES.map(|name| out.join(name));
	let Origin { time, machine, load, commit, .. } = Origin::here(Path::new("."), &[WRITTEN]);
	let origin = format!("# {time}; {machine}; load {load}; commit {commit}; seed {}\n", plan.seed);
	fs::write(&table, origin + &report::csv(&rows)).map_err(unwritable(&table))?;
	plot::write(&rows, &drawing)?;
	Ok(rows)
}

/// What four real nodes count.
async fn measured(program: &Path) -> Result<Row, EvaluationError> {
	let folder = tempfile::tempdir()
		.map_err(|source| EvaluationError::Write { path: std::env::temp_dir(), source })?;
	let chain = folder.path().join("chain.json");
	tokio::task::block_in_place(|| specification::write(program, CHAIN, Some(&FAST), &chain))?;
	let nodes = folder.path().join("nodes");
	let backbone = Backbone::start(program, &chain, &nodes, |_, options| options).await?;
	Ok(measure::measure(&backbone).await?)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_packet_should_take_its_padded_size_and_a_head() {
		let padded = sealed_length(PADDED[0]) as u64;
		assert!((padded + 80..padded + 128).contains(&packet_bytes()), "{}", packet_bytes());
	}

	#[tokio::test]
	async fn an_evaluation_should_leave_a_table_and_a_drawing() {
		let folder = tempfile::tempdir().unwrap();
		let out = folder.path().join("evaluation");
		let plan = Plan { nodes: vec![4, 32], negotiations: 10, ..Plan::default() };
		let rows = evaluate(&plan, None, &out).await.unwrap();
		let [table, drawing] = FILES.map(|name| fs::read_to_string(out.join(name)).unwrap());
		let (origin, table) = table.split_once('\n').unwrap();
		assert!(origin.starts_with("# 20") && origin.ends_with(&format!("seed {}", plan.seed)));
		assert_eq!(table, report::csv(&rows));
		assert_eq!(table.lines().count(), 1 + 2 * 2);
		assert!(drawing.starts_with("<svg"));
	}
}
