//! Delay and cost: single trades, one of each way side by side, in a network that does little else.
//!
//! A few lanes trade at once, so that a hundred repetitions take minutes; each trade has a consumer
//! of its own.

use super::{
	clock,
	error::Result,
	fees,
	follower::What,
	market::Market,
	network::Network,
	progress::Progress,
	records::{Point, Records},
	ways::{self, Done, Trade, Way},
	EvaluationError,
};
use futures::future::try_join_all;
use spb_client::connection::Hash;
use std::{
	collections::BTreeMap,
	time::{Duration, Instant},
};

/// The name of the part in records.
pub const PART: &str = "delay";
/// Trades of each way that are under way at once.
const LANES: u32 = 4;

/// A trade that is about to begin.
struct Lane {
	way: &'static str,
	run: u32,
	trade: Box<dyn Trade>,
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
	progress.steps(done_before(records, runs));
	for batch in 0..batches {
		market.renew(network).await?;
		// In ascending order, which is that in which the producer's transactions were signed.
		let runs_of_batch: Vec<u32> =
			(0..LANES).map(|lane| lane * batches + batch).filter(|run| *run < runs).collect();
		let mut lanes = Vec::new();
		for way in ways::all() {
			lanes.extend(sign(&*way, market, records, &runs_of_batch)?);
		}
		if lanes.is_empty() {
			continue;
		}
		let begin = tokio::time::Instant::now() + clock::until_slot(slot);
		let done = try_join_all(lanes.iter().map(|lane| async move {
			tokio::time::sleep_until(begin + clock::phase(lane.run, runs, slot)).await;
			lane.trade.carry_out(network).await
		}));
		let done = done.await?;
		let payments: Vec<What> = done.iter().map(|done| done.payment).collect();
		let last = network.follower().until_all_final(&payments).await?;
		for (lane, done) in lanes.iter().zip(done) {
			note(network, market, records, lane, done).await?;
			progress.step();
		}
		network.follower().forget(last);
	}
	market.no_contract_is_left(network).await
}

/// Trades that are in the records already.
fn done_before(records: &Records, runs: u32) -> u64 {
	let has = |way: &str| (0..runs).filter(|run| records.has(point(way, *run))).count();
	ways::all().iter().map(|way| has(way.name()) as u64).sum()
}

/// How many steps the part has.
pub fn steps(runs: u32) -> u64 {
	u64::from(runs) * ways::all().len() as u64
}

/// Whether all of the part is in the records.
pub fn is_done(records: &Records, runs: u32) -> bool {
	done_before(records, runs) == steps(runs)
}

fn point(way: &str, run: u32) -> Point<'_> {
	Point { part: PART, way, size: 1, run }
}

/// Signs the trades of one way that are not in the records yet.
fn sign(way: &dyn Way, market: &mut Market, records: &Records, runs: &[u32]) -> Result<Vec<Lane>> {
	let missing =
		|run: &&u32| !records.has(Point { part: PART, way: way.name(), size: 1, run: **run });
	let runs: Vec<u32> = runs.iter().filter(missing).copied().collect();
	let trades = way.sign(market, runs.len())?;
	let lane = |(trade, run)| Lane { way: way.name(), run, trade };
	Ok(trades.into_iter().zip(runs).map(lane).collect())
}

/// Notes a trade when it is final: what a fork has changed meanwhile counts as it is then.
async fn note(
	network: &Network,
	market: &Market,
	records: &mut Records,
	lane: &Lane,
	done: Done,
) -> Result<()> {
	let (paid_at, final_at) = paid(network, done.payment)?;
	let fee = match &lane.trade.transactions()[..] {
		[] => market.limits().fee.units(),
		transactions => {
			let hashes: Vec<Hash> = transactions.iter().map(|(hash, _)| *hash).collect();
			fee_of(network, &hashes).await?
		},
	};
	let between = |from: Instant, to: Instant| to.saturating_duration_since(from).as_secs_f64();
	let bytes = lane.trade.bytes();
	records.note(
		point(lane.way, lane.run),
		&[
			("paid_s", between(done.committed, paid_at)),
			("final_s", between(done.committed, final_at)),
			("whole_s", between(done.begun, paid_at)),
			// As precise as the fee: both are far below 2^53.
			("fee_units", fee as f64),
			("bytes", bytes as f64),
		],
	)
}

/// When a payment was seen in a block of the best chain, and when that had become final.
pub fn paid(network: &Network, payment: What) -> Result<(Instant, Instant)> {
	let follower = network.follower();
	let gone = || EvaluationError::Unexpected(format!("{payment:?} was taken away by a fork"));
	let sight = follower.sight(payment).ok_or_else(gone)?;
	let number = sight.block.ok_or_else(gone)?.number;
	Ok((sight.at, follower.final_at(number).ok_or_else(gone)?))
}

/// What transactions have paid together.
async fn fee_of(network: &Network, transactions: &[Hash]) -> Result<u128> {
	let mut blocks = BTreeMap::new();
	for hash in transactions {
		let sight = network.follower().sight(What::Included(*hash));
		if let Some(block) = sight.and_then(|sight| sight.block) {
			blocks.insert(block.number, block);
		}
	}
	let mut paid = BTreeMap::new();
	for block in blocks.into_values() {
		paid.extend(fees::paid_in(network, block, transactions).await?);
	}
	if paid.len() != transactions.len() {
		let reason = "a transaction's fee is not among the events of its block".into();
		return Err(EvaluationError::Unexpected(reason));
	}
	Ok(paid.into_values().sum())
}
