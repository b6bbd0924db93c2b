//! Delay and cost: single trades, one of each way side by side, in a network that does little else.
//!
//! A few lanes trade at once, so that a hundred repetitions take minutes; each trade has a consumer
//! of its own. All consumers are at the first validator, the producer is at the last one.

use super::{
	clock,
	error::Result,
	fees,
	follower::What,
	market::Market,
	network::Network,
	progress::Progress,
	records::{Point, Records},
	ways::{self, Baseline, Spb, Trade, Trust, Way},
	EvaluationError,
};
use futures::future::try_join_all;
use std::time::{Duration, Instant};

/// The name of the part in records.
pub const PART: &str = "delay";
/// Trades of each way that are under way at once.
const LANES: u32 = 4;

/// What the clock is started with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Start {
	/// The consumer's first submission; what the producer does before is in a block by then.
	Consumer,
	/// What the producer does before.
	Producer,
}

/// A way as it is timed.
struct Timed {
	name: &'static str,
	way: Box<dyn Way>,
	start: Start,
}

/// SPB as in the paper, SPB with care, the baseline, and the baseline with its contract's set-up.
fn all() -> [Timed; 4] {
	let timed = |name, way: Box<dyn Way>, start| Timed { name, way, start };
	[
		timed(ways::SPB, Box::new(Spb(Trust::Pending)), Start::Consumer),
		timed(ways::CAREFUL, Box::new(Spb(Trust::Final)), Start::Consumer),
		// In the order in which their contracts are set up: that of the producer's nonces.
		timed(ways::BASELINE, Box::new(Baseline), Start::Consumer),
		timed(ways::WHOLE_BASELINE, Box::new(Baseline), Start::Producer),
	]
}

/// A trade that is about to begin.
struct Lane {
	way: &'static str,
	start: Start,
	run: u32,
	trade: Box<dyn Trade>,
}

impl Lane {
	/// Trades, and says when its clock was started.
	async fn trade(&self, network: &Network, begin: tokio::time::Instant) -> Result<Instant> {
		tokio::time::sleep_until(begin).await;
		let begun = Instant::now();
		if self.start == Start::Producer {
			self.trade.set_up(network).await?;
		}
		self.trade.carry_out(network, network.consumer()).await?;
		Ok(begun)
	}
}

/// Measures what is not in the records yet, `runs` trades of each way.
pub async fn measure(
	network: &Network,
	market: &mut Market,
	records: &mut Records,
	runs: u32,
	progress: &Progress,
) -> Result<()> {
	let slot = Duration::from_millis(network.parameters().slot_duration);
	let batches = runs.div_ceil(LANES);
	progress.begin("delay and cost of single trades");
	progress.steps(done(records, runs));
	for batch in 0..batches {
		market.renew(network).await?;
		// In ascending order, which is that in which the producer's transactions were signed.
		let runs_of_batch: Vec<u32> =
			(0..LANES).map(|lane| lane * batches + batch).filter(|run| *run < runs).collect();
		let mut lanes = Vec::new();
		for timed in all() {
			lanes.extend(sign(&timed, market, records, &runs_of_batch)?);
		}
		if lanes.is_empty() {
			continue;
		}
		let before = lanes.iter().filter(|lane| lane.start == Start::Consumer);
		try_join_all(before.map(|lane| lane.trade.set_up(network))).await?;
		// Wherever in a slot the last set-up was seen, trades begin evenly over a slot.
		let begin = tokio::time::Instant::now() + clock::until_slot(slot);
		let traded = lanes
			.iter()
			.map(|lane| lane.trade(network, begin + clock::phase(lane.run, runs, slot)));
		let begun = try_join_all(traded).await?;
		let payments: Vec<What> = lanes.iter().map(|lane| lane.trade.payment()).collect();
		let last = network.follower().until_all_final(&payments).await?;
		let end = network.producer().finalized().await?;
		market.no_contract_is_left(network, end).await?;
		let mut measured = Vec::with_capacity(lanes.len());
		for (lane, begun) in lanes.iter().zip(begun) {
			measured.push(of_lane(network, lane, begun).await?);
		}
		// Nothing of a batch is noted before all of it is known to be good.
		for (lane, rows) in lanes.iter().zip(measured) {
			records.note(point(lane.way, lane.run), &rows)?;
			progress.step();
		}
		network.follower().forget(last);
	}
	Ok(())
}

/// Trades that are in the records.
pub fn done(records: &Records, runs: u32) -> u64 {
	let has = |way: &str| (0..runs).filter(|run| records.has(point(way, *run))).count();
	all().iter().map(|timed| has(timed.name) as u64).sum()
}

/// How many steps the part has.
pub fn steps(runs: u32) -> u64 {
	u64::from(runs) * all().len() as u64
}

/// Whether all of the part is in the records.
pub fn is_done(records: &Records, runs: u32) -> bool {
	done(records, runs) == steps(runs)
}

fn point(way: &str, run: u32) -> Point<'_> {
	Point { part: PART, way, size: 1, run }
}

/// Signs the trades of one way that are not in the records yet.
fn sign(timed: &Timed, market: &mut Market, records: &Records, runs: &[u32]) -> Result<Vec<Lane>> {
	let Timed { name, way, start } = timed;
	let missing = |run: &u32| !records.has(point(name, *run));
	let runs: Vec<u32> = runs.iter().copied().filter(missing).collect();
	let trades = way.sign(market, runs.len())?;
	let lane = |(trade, run)| Lane { way: name, start: *start, run, trade };
	Ok(trades.into_iter().zip(runs).map(lane).collect())
}

/// What is measured of a trade, when it is final: what a fork has changed meanwhile counts as it is
/// then.
async fn of_lane(
	network: &Network,
	lane: &Lane,
	begun: Instant,
) -> Result<[(&'static str, f64); 4]> {
	let (paid_at, final_at) = paid(network, lane.trade.payment())?;
	let fee = fees::of_trade(network, &*lane.trade).await?;
	let since = |at: Instant| at.saturating_duration_since(begun).as_secs_f64();
	Ok([
		("paid_s", since(paid_at)),
		("final_s", since(final_at)),
		// As precise as the fee: both are far below 2^53.
		("fee_units", fee as f64),
		("bytes", lane.trade.bytes() as f64),
	])
}

/// When a payment was seen in a block of the best chain, and when that had become final.
fn paid(network: &Network, payment: What) -> Result<(Instant, Instant)> {
	let follower = network.follower();
	let gone = || EvaluationError::gone(payment);
	let sight = follower.sight(payment).ok_or_else(gone)?;
	let number = sight.block.ok_or_else(gone)?.number;
	Ok((sight.at, follower.final_at(number).ok_or_else(gone)?))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn only_the_whole_baseline_should_be_timed_from_its_set_up() {
		let names = |start| {
			let timed = all().into_iter().filter(move |timed| timed.start == start);
			timed.map(|timed| timed.name).collect::<Vec<_>>()
		};
		assert_eq!(names(Start::Consumer), [ways::SPB, ways::CAREFUL, ways::BASELINE]);
		assert_eq!(names(Start::Producer), [ways::WHOLE_BASELINE]);
		assert_eq!(steps(100), 400);
	}
}
