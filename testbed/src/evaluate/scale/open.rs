//! A node with many open CTPs: its memory, its disk, and what a block of trades costs there.

use super::{
	blocks::{submit, WAY},
	sampler::Sampler,
};
use crate::evaluate::{
	error::Result,
	follower::What,
	market::{Market, SpbMessages},
	network::Network,
	progress::Progress,
	records::{Point, Records},
};
use futures::future::try_join_all;
use spb_primitives::BlockNumber;

/// The name of the part in records.
pub const PART: &str = "open";
/// CTPs that are added at once on the way to a size.
const STEP: usize = 4_000;
/// CTPs that a measured block adds.
const PROBE: usize = 100;
/// How long the CTPs stay open: until all is measured, but for what the chain allows at the most.
const LIFETIME: BlockNumber = 2_300;

/// Measures what a node takes with so many CTPs open, in ascending order. Nothing is taken over from
/// an earlier session but the whole part: the CTPs are open on this network only.
pub async fn measure(
	network: &Network,
	market: &mut Market,
	records: &mut Records,
	sizes: &[u64],
	progress: &Progress,
) -> Result<()> {
	progress.begin("nodes with many open CTPs");
	let mut open = 0;
	for size in sizes.iter().copied() {
		let wanted = usize::try_from(size).unwrap_or(usize::MAX);
		while open < wanted {
			let count = STEP.min(wanted - open);
			add(network, market, count).await?;
			open += count;
		}
		let mut rows = vec![("open", open as f64)];
		let taken = network.taken()?;
		rows.extend([("memory_bytes", taken.memory as f64), ("disk_bytes", taken.disk as f64)]);
		rows.extend(probe(network, market).await?);
		open += PROBE;
		let point = point(size);
		if !records.has(point) {
			records.note(point, &rows)?;
		}
		progress.step();
	}
	Ok(())
}

/// How many steps the part has.
pub fn steps(sizes: &[u64]) -> u64 {
	sizes.len() as u64
}

/// Whether all of the part is in the records.
pub fn is_done(records: &Records, sizes: &[u64]) -> bool {
	sizes.iter().all(|size| records.has(point(*size)))
}

fn point(size: u64) -> Point<'static> {
	Point { part: PART, way: WAY, size, run: 0 }
}

/// Adds CTPs that stay open.
async fn add(network: &Network, market: &mut Market, count: usize) -> Result<Vec<SpbMessages>> {
	market.renew(network).await?;
	let trades = market.sign_spb(count, LIFETIME)?;
	submit(network, trades.iter().map(|trade| (trade.consumer, &trade.commit)).collect()).await?;
	let opened = trades.iter().map(|trade| What::Opened(trade.signed.id));
	try_join_all(opened.map(|what| network.follower().until(what))).await?;
	let last = network.follower().best();
	network.follower().until_final(last).await?;
	network.follower().forget(last);
	Ok(trades)
}

/// What a block takes that adds a few CTPs.
async fn probe(network: &Network, market: &mut Market) -> Result<Vec<(&'static str, f64)>> {
	market.renew(network).await?;
	let trades = market.sign_spb(PROBE, LIFETIME)?;
	let mut sampler = Sampler::begin(network).await?;
	submit(network, trades.iter().map(|trade| (trade.consumer, &trade.commit)).collect()).await?;
	let block = sampler.next().await?;
	let opened = trades.iter().map(|trade| What::Opened(trade.signed.id));
	let sights = try_join_all(opened.map(|what| network.follower().until(what))).await?;
	// Only a block that took them all tells what they cost.
	let number = block.map(|block| block.number);
	let is_whole = sights.iter().all(|sight| sight.block.map(|block| block.number) == number);
	let mut rows = Vec::new();
	if let Some(block) = block.filter(|_| is_whole) {
		rows.extend([("build_s", block.build), ("check_s", block.check)]);
		rows.extend(block.import.map(|import| ("import_s", import)));
	}
	Ok(rows)
}
