//! Building and importing a block, against how many trades it settles and how many CTPs it adds.
//!
//! All messages of a block are with its author before it is made: so slots are long here where blocks
//! are to be full. What a block takes does not depend on that.

use super::sampler::{BlockTimes, Sampler};
use crate::evaluate::{
	error::Result,
	follower::What,
	market::{Market, SpbMessages, LIFETIME},
	network::Network,
	progress::Progress,
	records::{Point, Records},
};
use futures::{future::try_join_all, stream, StreamExt, TryStreamExt};
use spb_primitives::BlockNumber;
use std::{collections::BTreeMap, pin::pin, task::Poll};

/// Blocks that settle.
pub const SETTLING: &str = "settle";
/// Blocks that add.
pub const ADDING: &str = "add";
/// The name of the way in records.
pub const WAY: &str = "spb";

/// Measures what is not in the records yet: blocks that add and blocks that settle so many.
pub async fn measure(
	network: &Network,
	market: &mut Market,
	records: &mut Records,
	sizes: &[u64],
	runs: u32,
	progress: &Progress,
) -> Result<()> {
	progress.begin("building and importing blocks");
	for run in 0..runs {
		for size in sizes.iter().copied() {
			if !records.has(point(SETTLING, size, run)) {
				let count = usize::try_from(size).unwrap_or(usize::MAX);
				let (adding, settling) = fill_two(network, market, count).await?;
				records.note(point(ADDING, size, run), &rows(&adding))?;
				records.note(point(SETTLING, size, run), &rows(&settling))?;
			}
			progress.step();
		}
	}
	Ok(())
}

/// How many steps the part has.
pub fn steps(sizes: &[u64], runs: u32) -> u64 {
	u64::from(runs) * sizes.len() as u64
}

/// Whether all of the part is in the records.
pub fn is_done(records: &Records, sizes: &[u64], runs: u32) -> bool {
	(0..runs).all(|run| sizes.iter().all(|size| records.has(point(SETTLING, *size, run))))
}

fn point(part: &str, size: u64, run: u32) -> Point<'_> {
	Point { part, way: WAY, size, run }
}

/// A block with how many messages it took in.
struct Measured {
	messages: usize,
	times: Option<BlockTimes>,
}

/// One block that adds and one that settles: the fullest of those that the messages end up in.
async fn fill_two(
	network: &Network,
	market: &mut Market,
	count: usize,
) -> Result<(Measured, Measured)> {
	market.renew(network).await?;
	let trades = market.sign_spb(count, LIFETIME)?;
	let commits = trades.iter().map(|trade| (trade.consumer, &trade.commit));
	let opened = |trade: &SpbMessages| What::Opened(trade.signed.id);
	let mut sampler = Sampler::begin(network).await?;
	let adding = fill(network, &mut sampler, commits.collect(), &trades, &opened).await?;
	let confirms = trades.iter().map(|trade| (trade.consumer, &trade.confirm));
	let settled = |trade: &SpbMessages| What::Settled(trade.signed.id);
	let settling = fill(network, &mut sampler, confirms.collect(), &trades, &settled).await?;
	let last = network.follower().best();
	network.follower().until_final(last).await?;
	network.follower().forget(last);
	Ok((adding, settling))
}

/// Submits messages, right after the block that was sampled last, and looks at the blocks until all
/// are in.
async fn fill(
	network: &Network,
	sampler: &mut Sampler<'_>,
	messages: Vec<(usize, &Vec<u8>)>,
	trades: &[SpbMessages],
	done: &dyn Fn(&SpbMessages) -> What,
) -> Result<Measured> {
	submit(network, messages).await?;
	let all_in = try_join_all(trades.iter().map(|trade| network.follower().until(done(trade))));
	let mut all_in = pin!(all_in);
	let mut blocks: Vec<BlockTimes> = Vec::new();
	loop {
		blocks.extend(sampler.next().await?);
		if let Poll::Ready(done) = futures::poll!(all_in.as_mut()) {
			done?;
			break;
		}
	}
	let mut counts = BTreeMap::<BlockNumber, usize>::new();
	for trade in trades {
		let sight = network.follower().sight(done(trade));
		if let Some(block) = sight.and_then(|sight| sight.block) {
			*counts.entry(block.number).or_default() += 1;
		}
	}
	let fullest = counts.into_iter().max_by_key(|(_, count)| *count);
	// Without messages, any block will do.
	let (number, messages) = match fullest {
		Some((number, count)) => (Some(number), count),
		None => (blocks.last().map(|block| block.number), 0),
	};
	let times = blocks.into_iter().find(|block| Some(block.number) == number);
	Ok(Measured { messages, times })
}

/// Hands messages to the consumers' nodes.
pub(super) async fn submit(network: &Network, messages: Vec<(usize, &Vec<u8>)>) -> Result<()> {
	const AT_ONCE: usize = 128;
	let submitted = stream::iter(messages).map(|(consumer, bytes)| async move {
		network.submit(network.consumer_of(consumer), bytes).await
	});
	submitted.buffer_unordered(AT_ONCE).try_for_each(|_| async { Ok(()) }).await
}

/// What is noted of a block; one that could not be told from its neighbours has no times.
fn rows(measured: &Measured) -> Vec<(&'static str, f64)> {
	let mut rows = vec![("messages", measured.messages as f64)];
	if let Some(BlockTimes { build, import, check, .. }) = measured.times {
		rows.extend([("build_s", build), ("check_s", check)]);
		rows.extend(import.map(|import| ("import_s", import)));
	}
	rows
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_block_that_could_not_be_told_should_have_no_times() {
		let times = BlockTimes { number: 1, build: 1.0, import: Some(2.0), check: 0.5 };
		let names = |times| {
			let rows = rows(&Measured { messages: 3, times });
			rows.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
		};
		assert_eq!(names(Some(times)), ["messages", "build_s", "check_s", "import_s"]);
		assert_eq!(names(Some(BlockTimes { import: None, ..times })).len(), 3);
		assert_eq!(names(None), ["messages"]);
	}
}
