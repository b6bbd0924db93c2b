//! Building and importing a block, against how many trades it settles and how many CTPs it adds.
//!
//! All messages of a block are with its author before it is made: so slots are long here where blocks
//! are to be full. What a block takes does not depend on that. Only a block that has all of them
//! counts; where the messages end up in two, it is tried again.

use super::sampler::{BlockTimes, Sampler};
use crate::evaluate::{
	error::Result,
	follower::{SeenBlock, What},
	market::{Market, SpbMessages, LIFETIME},
	network::Network,
	progress::Progress,
	records::{Point, Records},
	EvaluationError,
};
use codec::DecodeAll;
use futures::future::try_join_all;
use spb_primitives::{BlockNumber, CtpId, Sidecar};
use std::{
	collections::{BTreeMap, BTreeSet},
	pin::pin,
	task::Poll,
};

/// Blocks that settle.
pub const SETTLING: &str = "settle";
/// Blocks that add.
pub const ADDING: &str = "add";
/// The name of the way in records.
pub const WAY: &str = "spb";
/// How often a block is tried to be filled with all that it should have.
pub(super) const TRIES: u32 = 5;

/// Measures what is not in the records yet: blocks that add and blocks that settle so many. A block
/// that cannot be had in a few tries is left out, and said so.
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
			let points = [ADDING, SETTLING].map(|part| point(part, size, run));
			let count = usize::try_from(size).unwrap_or(usize::MAX);
			for _ in 0..TRIES {
				if points.iter().all(|point| records.has(*point)) {
					break;
				}
				let blocks = fill_two(network, market, count).await?;
				for (point, times) in points.iter().zip(blocks) {
					if let Some(times) = times.filter(|_| !records.has(*point)) {
						records.note(*point, &rows(count, &times))?;
					}
				}
			}
			for point in points.iter().filter(|point| !records.has(**point)) {
				progress.tell(&format!(
					"no block could be told that has {size} of part {}, in {TRIES} tries",
					point.part
				));
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

/// How many of them are in the records.
pub fn done(records: &Records, sizes: &[u64], runs: u32) -> u64 {
	let has = |size: u64, run: u32| {
		[ADDING, SETTLING].iter().all(|part| records.has(point(part, size, run)))
	};
	let of_run = |run: u32| sizes.iter().filter(|size| has(**size, run)).count() as u64;
	(0..runs).map(of_run).sum()
}

/// Whether all of the part is in the records.
pub fn is_done(records: &Records, sizes: &[u64], runs: u32) -> bool {
	done(records, sizes, runs) == steps(sizes, runs)
}

fn point(part: &str, size: u64, run: u32) -> Point<'_> {
	Point { part, way: WAY, size, run }
}

/// One block that adds and one that settles; none where no block has all of the messages, or the one
/// that has them cannot be told from its neighbours.
async fn fill_two(
	network: &Network,
	market: &mut Market,
	count: usize,
) -> Result<[Option<BlockTimes>; 2]> {
	market.renew(network).await?;
	let trades = market.sign_spb(count, LIFETIME)?;
	let ids: BTreeSet<CtpId> = trades.iter().map(|trade| trade.signed.id).collect();
	let mut sampler = Sampler::begin(network).await?;
	let before = network.follower().best();
	let commits = trades.iter().map(|trade| (trade.consumer, &trade.commit[..])).collect();
	let opened = |trade: &SpbMessages| What::Opened(trade.signed.id);
	let adding = fill(network, &mut sampler, commits, &trades, &opened).await?;
	let confirms = trades.iter().map(|trade| (trade.consumer, &trade.confirm[..])).collect();
	let settled = |trade: &SpbMessages| What::Settled(trade.signed.id);
	let settling = fill(network, &mut sampler, confirms, &trades, &settled).await?;
	// As it is in final blocks.
	let last = network.follower().best();
	network.follower().until_final(last).await?;
	let blocks = network.follower().blocks(before, last);
	let added = added(network, &blocks, &ids).await?;
	network.follower().forget(last);
	let settled = blocks.iter().map(|block| {
		let ours = block.settled.iter().filter(|id| ids.contains(id)).count();
		(block.head.number, ours)
	});
	Ok([whole(&adding, &added, count), whole(&settling, &settled.collect(), count)])
}

/// How many of these CTPs each block has added, as its evidence says.
pub(super) async fn added(
	network: &Network,
	blocks: &[SeenBlock],
	ids: &BTreeSet<CtpId>,
) -> Result<BTreeMap<BlockNumber, usize>> {
	let genesis = network.producer().genesis();
	let mut added = BTreeMap::new();
	for block in blocks.iter().filter(|block| block.seal_bytes > 0) {
		let bytes = network.producer().sidecar(block.head.hash).await?;
		let sidecar = Sidecar::decode_all(&mut &bytes[..]).map_err(|error| {
			let number = block.head.number;
			EvaluationError::Unexpected(format!("the sidecar of block {number} is none: {error}"))
		})?;
		let entered = sidecar.added.iter().map(|addition| CtpId::of(&addition.ctp.ctp, &genesis));
		added.insert(block.head.number, entered.filter(|id| ids.contains(id)).count());
	}
	Ok(added)
}

/// What the block took that has all of the messages. Without messages, the last one will do.
pub(super) fn whole(
	blocks: &[BlockTimes],
	counts: &BTreeMap<BlockNumber, usize>,
	wanted: usize,
) -> Option<BlockTimes> {
	let is_whole =
		|block: &&BlockTimes| counts.get(&block.number).is_some_and(|count| *count == wanted);
	blocks.iter().rev().find(is_whole).copied()
}

/// Submits messages, right after the block that was sampled last, and looks at the blocks until all
/// are in. What these took, as far as they can be told apart.
pub(super) async fn fill(
	network: &Network,
	sampler: &mut Sampler<'_>,
	messages: Vec<(usize, &[u8])>,
	trades: &[SpbMessages],
	done: &dyn Fn(&SpbMessages) -> What,
) -> Result<Vec<BlockTimes>> {
	network.submit_all(&messages).await?;
	let all_in = try_join_all(trades.iter().map(|trade| network.follower().until(done(trade))));
	let mut all_in = pin!(all_in);
	let mut blocks: Vec<BlockTimes> = Vec::new();
	loop {
		blocks.extend(sampler.next().await?);
		if let Poll::Ready(done) = futures::poll!(all_in.as_mut()) {
			done?;
			return Ok(blocks);
		}
	}
}

/// What is noted of a block.
pub(super) fn rows(messages: usize, times: &BlockTimes) -> Vec<(&'static str, f64)> {
	let BlockTimes { build, import, check, .. } = times;
	let mut rows = vec![("messages", messages as f64), ("build_s", *build), ("check_s", *check)];
	// Where one validator makes all blocks, nobody imports them.
	rows.extend(import.map(|import| ("import_s", import)));
	rows
}

#[cfg(test)]
mod tests {
	use super::*;

	fn times(number: BlockNumber) -> BlockTimes {
		BlockTimes { number, build: 1.0, import: Some(2.0), check: 0.5 }
	}

	#[test]
	fn a_block_should_be_noted_with_its_times() {
		let names = |times: &BlockTimes| {
			rows(3, times).into_iter().map(|(name, _)| name).collect::<Vec<_>>()
		};
		assert_eq!(names(&times(1)), ["messages", "build_s", "check_s", "import_s"]);
		assert_eq!(names(&BlockTimes { import: None, ..times(1) }).len(), 3);
	}

	#[test]
	fn only_a_block_that_has_all_messages_should_count() {
		let blocks = [times(4), times(5), times(7)];
		let found = |counts: &[(BlockNumber, usize)], wanted| {
			let counts = counts.iter().copied().collect();
			whole(&blocks, &counts, wanted).map(|block| block.number)
		};
		assert_eq!(found(&[(4, 0), (5, 100), (6, 0), (7, 0)], 100), Some(5));
		// In two blocks; in one that cannot be told from its neighbours.
		assert_eq!(found(&[(4, 0), (5, 60), (6, 0), (7, 40)], 100), None);
		assert_eq!(found(&[(4, 0), (5, 0), (6, 100), (7, 0)], 100), None);
		// Without messages there is no need to wait for any.
		assert_eq!(found(&[(4, 0), (5, 0)], 0), Some(5));
	}

	#[test]
	fn a_part_should_be_done_when_its_blocks_are_noted_both() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("raw.csv");
		let provenance = crate::evaluate::provenance::Provenance::default();
		let mut records = Records::open(&path, "", &provenance, false).unwrap();
		records.note(point(ADDING, 5, 0), &rows(5, &times(1))).unwrap();
		assert!(!is_done(&records, &[5], 1));
		records.note(point(SETTLING, 5, 0), &rows(5, &times(2))).unwrap();
		assert!(is_done(&records, &[5], 1) && !is_done(&records, &[5], 2));
	}
}
