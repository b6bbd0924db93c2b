//! Throughput and chain size: many trades offered at once. Every message is signed before the clock
//! starts; it stops when the last producer is paid.

use super::{
	clock,
	error::Result,
	fees,
	follower::{SeenBlock, What},
	market::Market,
	network::Network,
	progress::Progress,
	records::{Point, Records},
	ways::{self, Trade, Way},
	EvaluationError,
};
use futures::future::try_join_all;
use spb_client::connection::{Hash, Head};
use spb_primitives::BlockNumber;
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
	/// Whether each is waited for until it is final.
	pub until_final: bool,
}

impl Bursts {
	/// As often as makes `runs` times `base` trades in all, but a few times at the least; each until
	/// it is final.
	pub fn of(size: usize, runs: u32, base: usize, least: u32) -> Self {
		let scaled = (runs as usize).saturating_mul(base) / size.max(1);
		let scaled = u32::try_from(scaled).unwrap_or(u32::MAX);
		Self { size, runs: scaled.clamp(least.min(runs), runs), until_final: true }
	}

	fn point<'a>(&self, way: &'a str, run: u32) -> Point<'a> {
		Point { part: PART, way, size: self.size as u64, run }
	}

	/// How many steps they are.
	pub fn steps(&self) -> u64 {
		u64::from(self.runs) * ways::of_the_paper().len() as u64
	}

	/// How many are in the records.
	pub fn done(&self, records: &Records) -> u64 {
		let has =
			|way: &str| (0..self.runs).filter(|run| records.has(self.point(way, *run))).count();
		ways::of_the_paper().iter().map(|way| has(way.name()) as u64).sum()
	}

	/// Whether all of them are in the records.
	pub fn is_done(&self, records: &Records) -> bool {
		self.done(records) == self.steps()
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
		progress.steps(self.done(records));
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
		Ok(())
	}

	/// One burst: what is measured of it, once it is known that all of it went as it should.
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

		let follower = network.follower();
		let (before, begun) = (follower.best(), Instant::now());
		try_join_all(trades.iter().map(|trade| carry_out(network, &**trade))).await?;
		let payments: Vec<What> = trades.iter().map(|trade| trade.payment()).collect();
		let end = self.settled(network, &payments).await?;
		market.no_contract_is_left(network, end).await?;
		// In blocks of the chain as it is now, and none of them failed.
		let hashes: Vec<Hash> =
			trades.iter().flat_map(|trade| trade.transactions()).map(|(hash, _)| hash).collect();
		fees::of_transactions(network, &hashes).await?;

		let (mut paid_s, mut last) = (0.0_f64, 0);
		for payment in payments {
			let (at, block) = paid_in(network, payment)?;
			paid_s = paid_s.max(at.saturating_duration_since(begun).as_secs_f64());
			last = last.max(block);
		}
		let blocks = follower.blocks(before, last);
		let evidence = evidence(network, &blocks).await?;
		let final_s = follower
			.final_at(last)
			.map(|at| at.saturating_duration_since(begun).as_secs_f64())
			.filter(|_| self.until_final);
		follower.forget(last);

		let size = Size::of(&blocks, &trades, network.empty_seal());
		let mut measured = vec![
			("paid_s", paid_s),
			("trades_per_s", self.size as f64 / paid_s.max(f64::MIN_POSITIVE)),
			("blocks", size.blocks as f64),
			("trade_bytes", size.trades as f64),
			("header_bytes", size.header),
			("empty_body_bytes", size.empty_body),
			("evidence_bytes", evidence as f64),
		];
		measured.extend(final_s.map(|seconds| ("final_s", seconds)));
		Ok(measured)
	}

	/// Waits until all is paid, in final blocks where that is asked for. The block whose state shows
	/// what has become of the burst.
	async fn settled(&self, network: &Network, payments: &[What]) -> Result<Head> {
		if self.until_final {
			network.follower().until_all_final(payments).await?;
			return Ok(network.producer().finalized().await?);
		}
		try_join_all(payments.iter().map(|payment| network.follower().until(*payment))).await?;
		Ok(network.producer().best().await?)
	}
}

/// All steps of a trade, at the node that its consumer has among many.
async fn carry_out(network: &Network, trade: &dyn Trade) -> Result<()> {
	trade.set_up(network).await?;
	trade.carry_out(network, network.consumer_of(trade.consumer())).await
}

/// When a payment was seen, and in which block of the best chain it is.
fn paid_in(network: &Network, payment: What) -> Result<(Instant, BlockNumber)> {
	let sight = network.follower().sight(payment);
	let paid = sight.and_then(|sight| Some((sight.at, sight.block?.number)));
	paid.ok_or_else(|| EvaluationError::gone(payment))
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
