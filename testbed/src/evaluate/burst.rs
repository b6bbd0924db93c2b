//! Throughput and chain size: many trades offered at once. Every message is signed before the clock
//! starts; it stops when the last producer is paid.

use super::{
	clock, delay,
	error::Result,
	follower::{SeenBlock, What},
	market::Market,
	network::Network,
	progress::Progress,
	records::{Point, Records},
	ways::{self, Trade, Way},
};
use futures::future::try_join_all;
use std::time::{Duration, Instant};

/// The name of the part in records.
pub const PART: &str = "burst";

/// Bursts of one size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bursts {
	/// Trades offered at once.
	pub size: usize,
	/// How often.
	pub runs: u32,
}

impl Bursts {
	/// As often as makes `runs` times `base` trades in all, but a few times at the least.
	pub fn of(size: usize, runs: u32, base: usize, least: u32) -> Self {
		let scaled = (runs as usize).saturating_mul(base) / size.max(1);
		let scaled = u32::try_from(scaled).unwrap_or(u32::MAX);
		Self { size, runs: scaled.clamp(least.min(runs), runs) }
	}

	fn point<'a>(&self, way: &'a str, run: u32) -> Point<'a> {
		Point { part: PART, way, size: self.size as u64, run }
	}

	/// How many steps they are.
	pub fn steps(&self) -> u64 {
		u64::from(self.runs) * ways::of_the_paper().len() as u64
	}

	fn done_before(&self, records: &Records) -> u64 {
		let has =
			|way: &str| (0..self.runs).filter(|run| records.has(self.point(way, *run))).count();
		ways::of_the_paper().iter().map(|way| has(way.name()) as u64).sum()
	}

	/// Whether all of them are in the records.
	pub fn is_done(&self, records: &Records) -> bool {
		self.done_before(records) == self.steps()
	}

	/// Measures what is not in the records yet: the ways in turn, so that both have what the machine
	/// has to give at the time.
	pub async fn measure(
		&self,
		network: &Network,
		market: &mut Market,
		records: &mut Records,
		progress: &Progress,
	) -> Result<()> {
		progress.begin(&format!("{} trades offered at once", self.size));
		progress.steps(self.done_before(records));
		for run in 0..self.runs {
			for way in ways::of_the_paper() {
				if records.has(self.point(way.name(), run)) {
					continue;
				}
				let measured = self.once(network, market, &*way, run).await?;
				records.note(self.point(way.name(), run), &measured)?;
				progress.step();
			}
		}
		market.no_contract_is_left(network).await
	}

	/// One burst: what is measured of it.
	async fn once(
		&self,
		network: &Network,
		market: &mut Market,
		way: &dyn Way,
		run: u32,
	) -> Result<Vec<(&'static str, f64)>> {
		market.renew(network).await?;
		let trades = way.sign(market, self.size)?;
		let slot = Duration::from_millis(network.parameters().slot_duration);
		let begin = tokio::time::Instant::now() + clock::until_slot(slot);
		tokio::time::sleep_until(begin + clock::phase(run, self.runs, slot)).await;

		let (before, begun) = (network.follower().best(), Instant::now());
		let done = try_join_all(trades.iter().map(|trade| trade.carry_out(network))).await?;
		let mut paid = Vec::with_capacity(done.len());
		let payments: Vec<What> = done.iter().map(|done| done.payment).collect();
		let last = network.follower().until_all_final(&payments).await?;
		for done in &done {
			paid.push(delay::paid(network, done.payment)?);
		}
		let blocks = network.follower().blocks(before, last);
		let evidence = evidence(network, &blocks).await?;
		network.follower().forget(last);

		let since = |at: Instant| at.saturating_duration_since(begun).as_secs_f64();
		let paid_s = paid.iter().map(|(paid, _)| since(*paid)).fold(0.0, f64::max);
		let final_s = paid.iter().map(|(_, at)| since(*at)).fold(0.0, f64::max);
		let size = Size::of(&blocks, &trades, network.empty_seal());
		Ok(vec![
			("paid_s", paid_s),
			("final_s", final_s),
			("trades_per_s", self.size as f64 / paid_s.max(f64::MIN_POSITIVE)),
			("blocks", size.blocks as f64),
			("trade_bytes", size.trades as f64),
			("header_bytes", size.header),
			("empty_body_bytes", size.empty_body),
			("evidence_bytes", evidence as f64),
		])
	}
}

/// Bytes of what the sidecars of blocks hold.
async fn evidence(network: &Network, blocks: &[SeenBlock]) -> Result<usize> {
	let mut bytes = 0;
	for block in blocks.iter().filter(|block| block.seal_bytes > 0) {
		bytes +=
			network.producer().sidecar(block.head.hash).await?.len().saturating_sub(EMPTY_SIDECAR);
	}
	Ok(bytes)
}

/// Bytes of a sidecar with nothing in it: the lengths of two empty lists.
const EMPTY_SIDECAR: usize = 2;

/// What a burst takes in the chain.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Size {
	/// Blocks from its beginning to its last payment.
	blocks: usize,
	/// Bytes of what the trades put into bodies.
	trades: usize,
	/// Bytes of a header.
	header: f64,
	/// Bytes of a body in which there is no trade.
	empty_body: f64,
}

impl Size {
	fn of(blocks: &[SeenBlock], trades: &[Box<dyn Trade>], empty_seal: usize) -> Self {
		let transactions: usize =
			trades.iter().flat_map(|trade| trade.transactions()).map(|(_, bytes)| bytes).sum();
		// What a seal takes more than an empty one, its list's length included, is the trades'.
		let settled = blocks.iter().filter(|block| !block.settled.is_empty());
		let seals: usize = settled.map(|block| block.seal_bytes.saturating_sub(empty_seal)).sum();
		let last = blocks
			.iter()
			.rposition(|block| !block.settled.is_empty() || !block.transactions.is_empty());
		let mean = |bytes: &dyn Fn(&SeenBlock) -> usize| {
			let all: usize = blocks.iter().map(bytes).sum();
			all as f64 / blocks.len().max(1) as f64
		};
		Self {
			blocks: last.map_or(0, |last| last + 1),
			trades: transactions + seals,
			header: mean(&|block| block.header_bytes),
			empty_body: mean(&|block| block.inherent_bytes) + empty_seal as f64,
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use spb_client::connection::{Hash, Head};
	use spb_primitives::CtpId;

	#[test]
	fn larger_bursts_should_be_repeated_less_often() {
		let runs = |size| Bursts::of(size, 100, 100, 3).runs;
		assert_eq!([100, 1_000, 5_000, 1].map(runs), [100, 10, 3, 100]);
		assert_eq!(Bursts::of(5_000, 2, 100, 3).runs, 2);
	}

	fn block(number: u32, seal_bytes: usize, settled: usize) -> SeenBlock {
		SeenBlock {
			head: Head { number, hash: Hash::repeat_byte(1) },
			at: Instant::now(),
			header_bytes: 300,
			transactions: Vec::new(),
			inherent_bytes: 11,
			seal_bytes,
			settled: vec![CtpId::default(); settled],
		}
	}

	#[test]
	fn the_trades_should_take_what_seals_take_more_than_empty_ones() {
		let blocks = [block(1, 70, 0), block(2, 320, 2), block(3, 195, 1), block(4, 70, 0)];
		let size = Size::of(&blocks, &[], 70);
		let expected = Size { blocks: 3, trades: 375, header: 300.0, empty_body: 81.0 };
		assert_eq!(size, expected);
	}
}
