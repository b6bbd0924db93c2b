//! The paper's evaluation (section III-B), against its baseline, on one network in one run; and what
//! goes past it to scale.
//!
//! * [`network`], [`follower`]: validators, and what is seen at the producer's node and when;
//! * [`market`], [`meters`], [`pen`]: who trades, with everything signed before the clock starts;
//! * [`ways`]: SPB as in the paper, SPB with care, the baseline, behind one trait;
//! * [`delay`], [`burst`], [`scale`], [`evm`]: what is measured, each a part of the records;
//! * [`records`]: the raw figures, written as they come, from which an evaluation goes on;
//! * [`figures`], [`report`] with its table, [`plots`]: what they come to and how it is told.

pub mod burst;
mod clock;
pub mod delay;
mod error;
pub mod evm;
mod fees;
pub mod figures;
pub mod follower;
pub mod market;
pub mod meters;
pub mod network;
pub mod pen;
pub mod plan;
pub mod plots;
mod progress;
pub mod provenance;
pub mod records;
pub mod report;
pub mod scale;
mod table;
pub mod ways;

pub use error::EvaluationError;
pub use figures::Summary;
pub use plan::Plan;

use error::Result;
use figures::{Figures, Setting, SET_UP};
use market::{Keys, Market};
use network::{Network, Shape};
use progress::Progress;
use provenance::Provenance;
use records::{Point, Records};
use scale::{blocks, database, open};
use spb_primitives::Parameters;
use std::{fs, path::PathBuf, time::Duration};

/// What to evaluate, and where.
#[derive(Clone, PartialEq, Debug)]
pub struct Options {
	/// The node's program.
	pub node: PathBuf,
	/// The repository, for its commit, its README and the EVM yardstick.
	pub root: PathBuf,
	/// The folder that the results are written to.
	pub out: PathBuf,
	/// How much is measured.
	pub plan: Plan,
	/// Whether the EVM yardstick is measured too.
	pub evm: bool,
	/// Whether nothing is taken over from an earlier session.
	pub fresh: bool,
	/// Whether the project's README gets the results.
	pub readme: bool,
	/// How long may be measured: what is not by then is skipped, and said so.
	pub within: Option<Duration>,
	/// The command that people type for this.
	pub command: String,
}

/// Measures what is not in the records yet, writes all results, and gives the summary.
pub async fn run(options: &Options) -> Result<Summary> {
	let Options { plan, out, .. } = options;
	plan.check()?;
	fs::create_dir_all(out).map_err(EvaluationError::file(out))?;
	let provenance = Provenance::here(&options.root, options.command.clone());
	let path = out.join("raw.csv");
	let mut records = Records::open(&path, &plan.to_string(), &provenance, options.fresh)?;
	let evm = if options.evm { evm::steps(plan.runs) } else { 0 };
	let progress = Progress::new(plan.steps() + evm);

	let measuring = measure(options, &mut records, &progress);
	let failed = match options.within {
		None => measuring.await?,
		Some(limit) => match tokio::time::timeout(limit, measuring).await {
			Ok(measured) => measured?,
			// What was noted by then is whole.
			Err(_) => {
				progress.tell(&format!("the {} s are over", limit.as_secs()));
				Vec::new()
			},
		},
	};
	let mut missing = plan.missing(&records);
	if options.evm {
		missing.extend(evm::missing(&records, plan.runs));
	}
	for part in &missing {
		progress.tell(&format!("not measured in full: {part}"));
	}
	progress.end();

	let setting = Setting {
		runs: plan.runs,
		validators: plan.validators,
		block_time_s: Duration::from_millis(plan.parameters().slot_duration).as_secs_f64(),
		full_block: FULL_BLOCK,
		retention: plan.parameters().retention().into(),
		quick: plan.quick,
		missing,
		provenance,
	};
	let figures = Figures::of(&records);
	let summary = Summary::of(&figures, &setting);
	let drawn = plots::draw(out, &figures)?;
	report::write_summary(out, &summary)?;
	report::write_page(out, &figures, &summary, &setting, records.sessions(), &drawn)?;
	if options.readme {
		report::write_readme(&options.root.join("README.md"), &summary, out, &drawn)?;
	}
	if !failed.is_empty() {
		return Err(EvaluationError::Incomplete(failed.join(", ")));
	}
	Ok(summary)
}

/// Settlements of a full block.
const FULL_BLOCK: u64 = 5_000;

/// How often a part is tried: a network may fail, and what it has noted by then is kept.
const TRIES: u32 = 3;

/// Measures all parts, whatever becomes of others. Those that failed each time.
async fn measure(
	options: &Options,
	records: &mut Records,
	progress: &Progress,
) -> Result<Vec<&'static str>> {
	let plan = &options.plan;
	let on = |parameters, crowd| Trading { options, parameters, crowd };
	let mut failed = Vec::new();
	let database =
		async || database::measure(records, &plan.database, plan.database_runs, progress).await;
	failed.extend(insist("the database", progress, database).await?);
	if plan.is_in_one_network() {
		let all = on(plan.parameters(), plan.crowd());
		failed.extend(
			insist("trades", progress, async || all.measure_all(records, progress).await).await?,
		);
	} else {
		let trades = on(plan.parameters(), plan.crowd());
		failed.extend(
			insist("trades", progress, async || trades.measure(records, progress).await).await?,
		);
	}
	if options.evm {
		let block_time = plan.parameters().slot_duration;
		let evm =
			async || evm::measure(&options.root, records, plan.runs, block_time, progress).await;
		failed.extend(insist("EVM", progress, evm).await?);
	}
	if !plan.is_in_one_network() {
		let long = plan.scale_parameters();
		// What a node takes is not what full blocks have left behind, and full blocks are not made
		// beside what stays open: each has a network of its own.
		let blocks = on(long, plan.blocks_crowd());
		failed.extend(
			insist("blocks", progress, async || blocks.measure_blocks(records, progress).await)
				.await?,
		);
		let open = on(long, plan.open_crowd());
		failed.extend(
			insist("open CTPs", progress, async || open.measure_open(records, progress).await)
				.await?,
		);
	}
	Ok(failed)
}

/// Tries a part until it is done, [`TRIES`] times at the most. Its name, where it failed each time.
async fn insist(
	name: &'static str,
	progress: &Progress,
	mut part: impl AsyncFnMut() -> Result<()>,
) -> Result<Option<&'static str>> {
	let begun = progress.position();
	for attempt in 1..=TRIES {
		match part().await {
			Ok(()) => return Ok(None),
			// Nothing would come of trying again.
			Err(error @ (EvaluationError::Interrupted | EvaluationError::File { .. })) => {
				return Err(error);
			},
			Err(error) => progress.tell(&format!("{name}, try {attempt} of {TRIES}: {error}")),
		}
		progress.back_to(begun);
	}
	Ok(Some(name))
}

/// Measurements on one network.
struct Trading<'a> {
	options: &'a Options,
	parameters: Parameters,
	/// Consumers and payers.
	crowd: (usize, usize),
}

impl Trading<'_> {
	async fn start(&self) -> Result<(Network, Market)> {
		let (consumers, payers) = self.crowd;
		let keys = Keys::generate(consumers, payers);
		let shape = Shape {
			program: self.options.node.clone(),
			validators: self.options.plan.validators,
			parameters: self.parameters,
			accounts: keys.accounts(),
		};
		let network = Network::start(&shape).await?;
		let market = Market::open(&network, keys).await?;
		if u64::from(market.limits().max_settlements) != FULL_BLOCK {
			let most = market.limits().max_settlements;
			let reason = format!("a full block settles {most} trades and not {FULL_BLOCK}");
			return Err(EvaluationError::Unexpected(reason));
		}
		Ok((network, market))
	}

	/// Delay, cost, throughput and chain size.
	async fn measure(&self, records: &mut Records, progress: &Progress) -> Result<()> {
		if self.is_done(records) {
			progress.steps(self.steps());
			return Ok(());
		}
		progress.begin("starting the network");
		let (network, mut market) = self.start().await?;
		self.trade(&network, &mut market, records, progress).await
	}

	/// All on one network.
	async fn measure_all(&self, records: &mut Records, progress: &Progress) -> Result<()> {
		let plan = &self.options.plan;
		let scale = plan.is_open_done(records) && plan.are_blocks_done(records);
		if scale && self.is_done(records) {
			progress.steps(self.steps() + plan.open_steps() + plan.blocks_steps());
			return Ok(());
		}
		progress.begin("starting the network");
		let (network, mut market) = self.start().await?;
		self.trade(&network, &mut market, records, progress).await?;
		open::measure(&network, &mut market, records, &plan.open, progress).await?;
		let Plan { settlements, block_runs, .. } = plan;
		blocks::measure(&network, &mut market, records, settlements, *block_runs, progress).await
	}

	/// Nodes with many open CTPs.
	async fn measure_open(&self, records: &mut Records, progress: &Progress) -> Result<()> {
		let plan = &self.options.plan;
		if plan.is_open_done(records) {
			progress.steps(plan.open_steps());
			return Ok(());
		}
		progress.begin("starting the network for open CTPs");
		let (network, mut market) = self.start().await?;
		open::measure(&network, &mut market, records, &plan.open, progress).await
	}

	/// Filled blocks.
	async fn measure_blocks(&self, records: &mut Records, progress: &Progress) -> Result<()> {
		let plan = &self.options.plan;
		if plan.are_blocks_done(records) {
			progress.steps(plan.blocks_steps());
			return Ok(());
		}
		progress.begin("starting the network for blocks");
		let (network, mut market) = self.start().await?;
		let Plan { settlements, block_runs, .. } = plan;
		blocks::measure(&network, &mut market, records, settlements, *block_runs, progress).await
	}

	async fn trade(
		&self,
		network: &Network,
		market: &mut Market,
		records: &mut Records,
		progress: &Progress,
	) -> Result<()> {
		let plan = &self.options.plan;
		note_set_up(market, records)?;
		delay::measure(network, market, records, plan.runs, progress).await?;
		for bursts in plan.bursts() {
			bursts.measure(network, market, records, progress).await?;
		}
		Ok(())
	}

	/// Whether all trading is in the records.
	fn is_done(&self, records: &Records) -> bool {
		let plan = &self.options.plan;
		delay::is_done(records, plan.runs)
			&& plan.bursts().iter().all(|bursts| bursts.is_done(records))
	}

	/// How many steps all trading has.
	fn steps(&self) -> u64 {
		let plan = &self.options.plan;
		let bursts: u64 = plan.bursts().iter().map(burst::Bursts::steps).sum();
		delay::steps(plan.runs) + bursts
	}
}

fn note_set_up(market: &Market, records: &mut Records) -> Result<()> {
	let point = Point { part: SET_UP, way: ways::SPB, size: 0, run: 0 };
	if records.has(point) {
		return Ok(());
	}
	let bytes = market.set_up_bytes();
	records.note(
		point,
		&[
			("open_bytes", bytes.open as f64),
			("offer_bytes", bytes.offer as f64),
			("top_up_bytes", bytes.top_up as f64),
			("deposit_bytes", bytes.deposit as f64),
		],
	)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[tokio::test]
	async fn a_part_should_be_tried_again_a_few_times() {
		let progress = Progress::new(9);
		progress.steps(2);
		for (failures, tries, ends) in [(0, 1, None), (2, 3, None), (9, 3, Some("x"))] {
			let mut tried = 0;
			let part = async || {
				tried += 1;
				progress.steps(1);
				match tried > failures {
					true => Ok(()),
					false => Err(EvaluationError::Blind("y".into())),
				}
			};
			assert_eq!(insist("x", &progress, part).await.unwrap(), ends);
			assert_eq!(tried, tries);
			// Steps of a try that failed do not count.
			assert_eq!(progress.position(), if ends.is_some() { 2 } else { 3 });
			progress.back_to(2);
		}
	}

	#[tokio::test]
	async fn an_interrupted_part_should_not_be_tried_again() {
		let progress = Progress::new(1);
		let mut tried = 0;
		let part = async || {
			tried += 1;
			Err(EvaluationError::Interrupted)
		};
		assert!(insist("x", &progress, part).await.is_err());
		assert_eq!(tried, 1);
	}
}
