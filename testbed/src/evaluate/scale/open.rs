//! A node with many open CTPs: its memory, its disk, and what a block of trades costs there.

use super::{
	blocks::{added, fill, rows, whole, TRIES, WAY},
	sampler::{BlockTimes, Sampler},
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
use spb_primitives::{BlockNumber, CtpId};
use std::collections::BTreeSet;

/// The name of the part in records: what a node takes of its machine.
pub const PART: &str = "open";
/// The name of the part about blocks there.
pub const BLOCK: &str = "open-block";
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
	if is_done(records, sizes) {
		progress.steps(steps(sizes));
		return Ok(());
	}
	let mut open = 0;
	for size in sizes.iter().copied() {
		let wanted = usize::try_from(size).unwrap_or(usize::MAX);
		while open < wanted {
			let count = STEP.min(wanted - open);
			add(network, market, count).await?;
			open += count;
		}
		if !records.has(point(PART, size)) {
			let taken = network.taken().await?;
			let memory = ("memory_bytes", taken.memory as f64);
			let rows = [("open", open as f64), memory, ("disk_bytes", taken.disk)];
			records.note(point(PART, size), &rows)?;
		}
		for _ in 0..TRIES {
			if records.has(point(BLOCK, size)) {
				break;
			}
			let times = probe(network, market).await?;
			if let Some(times) = times {
				let mut rows = rows(PROBE, &times);
				rows.push(("open", open as f64));
				records.note(point(BLOCK, size), &rows)?;
			}
			open += PROBE;
		}
		if !records.has(point(BLOCK, size)) {
			progress.tell(&format!(
				"no block of {PROBE} CTPs could be told with {size} open, in {TRIES} tries"
			));
		}
		progress.step();
	}
	Ok(())
}

/// The most CTPs that are open in the end.
pub fn most_open(sizes: &[u64]) -> u64 {
	let last = sizes.iter().copied().max().unwrap_or_default();
	let probes = sizes.len().saturating_mul(PROBE).saturating_mul(TRIES as usize);
	last.saturating_add(probes as u64)
}

/// How many steps the part has.
pub fn steps(sizes: &[u64]) -> u64 {
	sizes.len() as u64
}

/// How many of them are in the records.
pub fn done(records: &Records, sizes: &[u64]) -> u64 {
	let has = |size: &&u64| [PART, BLOCK].iter().all(|part| records.has(point(part, **size)));
	sizes.iter().filter(has).count() as u64
}

/// Whether all of the part is in the records.
pub fn is_done(records: &Records, sizes: &[u64]) -> bool {
	done(records, sizes) == steps(sizes)
}

fn point(part: &str, size: u64) -> Point<'_> {
	Point { part, way: WAY, size, run: 0 }
}

/// Adds CTPs that stay open.
async fn add(network: &Network, market: &mut Market, count: usize) -> Result<()> {
	market.renew(network).await?;
	let trades = market.sign_spb(count, LIFETIME)?;
	let commits: Vec<_> = trades.iter().map(|trade| (trade.consumer, &trade.commit[..])).collect();
	network.submit_all(&commits).await?;
	let opened = trades.iter().map(|trade| What::Opened(trade.signed.id));
	try_join_all(opened.map(|what| network.follower().until(what))).await?;
	let last = network.follower().best();
	network.follower().until_final(last).await?;
	network.follower().forget(last);
	Ok(())
}

/// What a block takes that adds a few CTPs; none where they end up in two, or it cannot be told from
/// its neighbours.
async fn probe(network: &Network, market: &mut Market) -> Result<Option<BlockTimes>> {
	market.renew(network).await?;
	let trades = market.sign_spb(PROBE, LIFETIME)?;
	let ids: BTreeSet<CtpId> = trades.iter().map(|trade| trade.signed.id).collect();
	let mut sampler = Sampler::begin(network).await?;
	let before = network.follower().best();
	let commits = trades.iter().map(|trade| (trade.consumer, &trade.commit[..])).collect();
	let opened = |trade: &SpbMessages| What::Opened(trade.signed.id);
	let blocks = fill(network, &mut sampler, commits, &trades, &opened).await?;
	let last = network.follower().best();
	network.follower().until_final(last).await?;
	let added = added(network, &network.follower().blocks(before, last), &ids).await?;
	network.follower().forget(last);
	Ok(whole(&blocks, &added, PROBE))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn what_is_open_in_the_end_should_count_every_probe() {
		assert_eq!(most_open(&[0, 1_000]), 2_000);
		assert_eq!(most_open(&[]), 0);
	}
}
