//! What the records come to: means, percentiles and ratios. What was not measured is not there.

use super::{
	burst, delay, evm,
	records::Records,
	scale::{blocks, database, open},
	ways::{BASELINE, CAREFUL, SPB, WHOLE_BASELINE},
};
use serde::Serialize;
use std::fmt;

/// The part of what comes before trading, in records.
pub const SET_UP: &str = "set-up";
/// The trades after which the paper looks at time and chain size.
pub const HUNDRED: u64 = 100;
/// Sizes between which the cost of the database is compared.
const DATABASE: (u64, u64) = (1_000, 100_000);

/// The mean; none of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
	(!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The least value that so many per cent of all values do not exceed; none of nothing.
pub fn percentile(values: &[f64], percent: usize) -> Option<f64> {
	let mut sorted = values.to_vec();
	sorted.sort_unstable_by(f64::total_cmp);
	let rank = (sorted.len() * percent).div_ceil(100).max(1);
	sorted.get(rank - 1).copied()
}

/// One point for each place of a curve: the median of what was measured there.
pub(super) fn medians(curve: &Curve) -> Curve {
	let mut medians = Curve::new();
	for chunk in curve.chunk_by(|(one, _), (other, _)| one == other) {
		let values: Vec<f64> = chunk.iter().map(|(_, value)| *value).collect();
		medians.extend(percentile(&values, 50).map(|median| (chunk[0].0, median)));
	}
	medians
}

/// An amount of the smallest unit in the coin of the chain.
pub(super) fn in_spb(units: f64) -> f64 {
	units / spb_primitives::units::SPB as f64
}

/// One by the other; none where either is missing or the other is nothing.
fn ratio(one: Option<f64>, other: Option<f64>) -> Option<f64> {
	let (one, other) = (one?, other?);
	(other > 0.0).then(|| one / other)
}

/// A figure of SPB beside the baseline's.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub struct Compared {
	/// SPB as in the paper.
	pub spb: Option<f64>,
	/// The baseline.
	pub baseline: Option<f64>,
}

impl Compared {
	/// SPB by baseline.
	pub fn ratio(&self) -> Option<f64> {
		ratio(self.spb, self.baseline)
	}
}

/// Delays of one way of trading, in seconds.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct Delays {
	/// From the consumer's first submission until the producer is paid, a trade each.
	pub paid: Vec<f64>,
	/// Until that is final.
	pub settled: Vec<f64>,
}

/// What the bursts of one size came to.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Burst {
	/// Trades offered at once.
	pub size: u64,
	/// Seconds until the last producer is paid, mean.
	pub time: Compared,
	/// Trades per second from the first submission until the last producer is paid, mean.
	pub rate: Compared,
}

/// What a hundred trades take in the chain, in bytes.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub struct ChainSize {
	/// What the trades put into bodies.
	pub trades: Compared,
	/// With headers and the rest of the bodies, over as many blocks for both.
	pub with_blocks: Compared,
	/// With what comes before trading as well.
	pub with_set_up: Compared,
	/// The blocks that both are given.
	pub blocks: Option<f64>,
	/// What the evidence takes beside the chain, while it is kept.
	pub evidence: Option<f64>,
}

/// A curve: what is measured against size.
pub type Curve = Vec<(f64, f64)>;

/// All figures.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct Figures {
	/// Delays of SPB as in the paper.
	pub spb: Delays,
	/// Delays of SPB with care.
	pub careful: Delays,
	/// Delays of the baseline, whose contract is set up before.
	pub baseline: Delays,
	/// Delays of the baseline from setting the contract up.
	pub whole_baseline: Delays,
	/// Fees of a trade, in the smallest unit.
	pub fee: Compared,
	/// Bursts in order of their sizes; the last one is the saturation.
	pub bursts: Vec<Burst>,
	/// What a hundred trades take.
	pub size: ChainSize,
	/// Cost of the database a block, in seconds, against open CTPs: spread, and all at one expiry;
	/// medians.
	pub database: [Curve; 2],
	/// Seconds for the block that drops all CTPs of one expiry at once, medians.
	pub drop_all: Curve,
	/// Building, importing and the judging in it, against settlements.
	pub settling: [Curve; 3],
	/// The same against CTPs added.
	pub adding: [Curve; 3],
	/// Memory and disk of a node, in bytes, against open CTPs.
	pub node: [Curve; 2],
	/// Building, importing and the judging in it of a block of a hundred CTPs, against open CTPs.
	pub open: [Curve; 3],
	/// The yardstick on another platform: delay in seconds, bytes and gas of a trade.
	pub evm: Option<[f64; 3]>,
}

impl Figures {
	/// From the records.
	pub fn of(records: &Records) -> Self {
		let delays = |way: &str| Delays {
			paid: records.values(delay::PART, way, 1, "paid_s"),
			settled: records.values(delay::PART, way, 1, "final_s"),
		};
		let compared = |part: &str, size: u64, measure: &str| {
			let of = |way: &str| mean(&records.values(part, way, size, measure));
			Compared { spb: of(SPB), baseline: of(BASELINE) }
		};
		let bursts = records.sizes(burst::PART).into_iter().map(|size| Burst {
			size,
			time: compared(burst::PART, size, "paid_s"),
			rate: compared(burst::PART, size, "trades_per_s"),
		});
		let curve = |part: &str, way: &str, measure: &str| curve(records, part, way, measure, None);
		let against = |part: &str, measure: &str| {
			// Against what was in the block, not what should have been.
			self::curve(records, part, blocks::WAY, measure, Some("messages"))
		};
		let times = |part: &str| ["build_s", "import_s", "check_s"].map(|time| against(part, time));
		Self {
			spb: delays(SPB),
			careful: delays(CAREFUL),
			baseline: delays(BASELINE),
			whole_baseline: delays(WHOLE_BASELINE),
			fee: compared(delay::PART, 1, "fee_units"),
			bursts: bursts.collect(),
			size: ChainSize::of(records, &compared),
			database: database::Layout::ALL
				.map(|layout| medians(&curve(database::PART, layout.name(), "block_s"))),
			drop_all: medians(&curve(
				database::PART,
				database::Layout::OneExpiry.name(),
				"drop_all_s",
			)),
			settling: times(blocks::SETTLING),
			adding: times(blocks::ADDING),
			node: ["memory_bytes", "disk_bytes"].map(|what| curve(open::PART, blocks::WAY, what)),
			open: ["build_s", "import_s", "check_s"]
				.map(|time| curve(open::BLOCK, blocks::WAY, time)),
			evm: evm_of(records),
		}
	}

	/// SPB's delay by the baseline's, mean.
	pub fn delay_ratio(&self) -> Option<f64> {
		ratio(mean(&self.spb.paid), mean(&self.baseline.paid))
	}

	/// Trades per second against how many were offered at once, by SPB and by the baseline.
	pub fn plateau(&self) -> [Curve; 2] {
		let of = |rate: &dyn Fn(&Compared) -> Option<f64>| {
			let points =
				self.bursts.iter().map(|burst| Some((burst.size as f64, rate(&burst.rate)?)));
			points.flatten().collect()
		};
		[of(&|rate| rate.spb), of(&|rate| rate.baseline)]
	}

	/// The bursts of this size.
	pub fn burst(&self, size: u64) -> Option<&Burst> {
		self.bursts.iter().find(|burst| burst.size == size)
	}

	/// The cost of the database with much open by that with little, where that is worse.
	pub fn database_ratio(&self) -> Option<f64> {
		let at = |curve: &Curve, size: u64| {
			curve.iter().find(|(open, _)| *open == size as f64).map(|(_, cost)| *cost)
		};
		let (few, many) = DATABASE;
		let ratios = self.database.iter().map(|curve| ratio(at(curve, many), at(curve, few)));
		let ratios: Option<Vec<f64>> = ratios.collect();
		ratios.map(|ratios| ratios.into_iter().fold(0.0, f64::max))
	}

	/// How long importing a block takes that settles this many, median.
	pub fn import_of(&self, settlements: u64) -> Option<f64> {
		let [_, import, _] = &self.settling;
		let full = import.iter().filter(|(messages, _)| *messages == settlements as f64);
		percentile(&full.map(|(_, seconds)| *seconds).collect::<Vec<_>>(), 50)
	}
}

impl ChainSize {
	fn of(records: &Records, compared: &dyn Fn(&str, u64, &str) -> Compared) -> Self {
		let of = |measure: &str| compared(burst::PART, HUNDRED, measure);
		let (trades, blocks) = (of("trade_bytes"), of("blocks"));
		let blocks = match (blocks.spb, blocks.baseline) {
			(Some(one), Some(other)) => Some(f64::max(one, other)),
			_ => None,
		};
		let (header, body) = (of("header_bytes"), of("empty_body_bytes"));
		let with = |bytes: Option<f64>, more: Option<f64>| Some(bytes? + more?);
		let around = |header: Option<f64>, body: Option<f64>| Some((header? + body?) * blocks?);
		let with_blocks = Compared {
			spb: with(trades.spb, around(header.spb, body.spb)),
			baseline: with(trades.baseline, around(header.baseline, body.baseline)),
		};
		let set_up = ["open_bytes", "offer_bytes", "top_up_bytes", "deposit_bytes"]
			.map(|measure| mean(&records.values(SET_UP, SPB, 0, measure)));
		let set_up: Option<f64> = set_up.into_iter().sum();
		let with_set_up = Compared {
			spb: with(with_blocks.spb, set_up),
			// Its contracts are set up within the trades.
			baseline: with_blocks.baseline,
		};
		Self { trades, with_blocks, with_set_up, blocks, evidence: of("evidence_bytes").spb }
	}
}

/// A measure against the size that was asked for, or against another measure of the same points: one
/// point for each repetition.
fn curve(records: &Records, part: &str, way: &str, measure: &str, against: Option<&str>) -> Curve {
	let rows = || records.rows().iter().filter(|row| row.part == part && row.way == way);
	let mut curve: Curve = rows()
		.filter(|row| row.measure == measure)
		.filter_map(|row| {
			let x = match against {
				None => row.size as f64,
				Some(against) => {
					let same = |other: &&super::records::Row| {
						(other.size, other.run) == (row.size, row.run) && other.measure == against
					};
					rows().find(same)?.value
				},
			};
			Some((x, row.value))
		})
		.collect();
	curve.sort_by(|one, other| f64::total_cmp(&one.0, &other.0));
	curve
}

fn evm_of(records: &Records) -> Option<[f64; 3]> {
	let of = |measure: &str| mean(&records.values(evm::PART, evm::WAY, 1, measure));
	Some([of("paid_s")?, of("bytes")?, of("gas")?])
}

/// What `summary.json` says: a key for each figure that has a goal, and where they come from. What
/// was not measured is null.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Summary {
	/// Bytes of encoded extrinsics of a trade, SPB by baseline.
	pub bytes_ratio: Option<f64>,
	/// Delay as in the paper, SPB by baseline.
	pub delay_ratio: Option<f64>,
	/// Fee of a trade, SPB by baseline.
	pub fee_ratio: Option<f64>,
	/// Time for 100 trades, SPB by baseline.
	pub time_100_ratio: Option<f64>,
	/// Trades per second at saturation, SPB by baseline, see [`Burst::rate`].
	pub saturation_ratio: Option<f64>,
	/// Trades per second at saturation, SPB.
	pub saturation_trades_per_s: Option<f64>,
	/// Cost of the database a block at 100,000 open CTPs by that at 1,000.
	pub database_cost_ratio: Option<f64>,
	/// Seconds to import a block with 5,000 settlements.
	pub import_5000_s: Option<f64>,
	/// Bytes of encoded extrinsics of a trade, SPB.
	pub bytes_per_trade: Option<f64>,
	/// Trades that saturation was measured with.
	pub saturation_trades: Option<u64>,
	/// Repetitions of single trades.
	pub runs: u32,
	/// Validators of the network.
	pub validators: usize,
	/// Seconds from one block to the next.
	pub block_time_s: f64,
	/// On what it was measured.
	pub machine: String,
	/// When.
	pub date: String,
	/// From which source.
	pub commit: String,
	/// By which command.
	pub command: String,
}

/// Where the figures of a summary come from.
#[derive(Clone, PartialEq, Debug)]
pub struct Setting {
	/// Repetitions of single trades.
	pub runs: u32,
	/// Validators of the network.
	pub validators: usize,
	/// Seconds from one block to the next.
	pub block_time_s: f64,
	/// Settlements of a full block.
	pub full_block: u64,
	/// Blocks for which evidence is kept behind the last final one.
	pub retention: u64,
	/// Whether it was measured in little: then nothing is saturated.
	pub quick: bool,
	/// What was not measured.
	pub missing: Vec<String>,
	/// When, where, from what, by what.
	pub provenance: super::provenance::Provenance,
}

impl Summary {
	/// Of these figures.
	pub fn of(figures: &Figures, setting: &Setting) -> Self {
		let saturation = figures.bursts.last().filter(|_| !setting.quick);
		let per_trade = figures.size.trades.spb.map(|bytes| bytes / HUNDRED as f64);
		let provenance = setting.provenance.clone();
		Self {
			bytes_ratio: rounded(figures.size.trades.ratio()),
			delay_ratio: rounded(figures.delay_ratio()),
			fee_ratio: rounded(figures.fee.ratio()),
			time_100_ratio: rounded(figures.burst(HUNDRED).and_then(|burst| burst.time.ratio())),
			saturation_ratio: rounded(saturation.and_then(|burst| burst.rate.ratio())),
			saturation_trades_per_s: rounded(saturation.and_then(|burst| burst.rate.spb)),
			database_cost_ratio: rounded(figures.database_ratio()),
			import_5000_s: rounded(figures.import_of(setting.full_block)),
			bytes_per_trade: rounded(per_trade),
			saturation_trades: saturation.map(|burst| burst.size),
			runs: setting.runs,
			validators: setting.validators,
			block_time_s: setting.block_time_s,
			machine: provenance.machine,
			date: provenance.date,
			commit: provenance.commit,
			command: provenance.command,
		}
	}
}

impl fmt::Display for Summary {
	/// The figures that have a goal, a line each.
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		for (name, value) in [
			("bytes_ratio", self.bytes_ratio),
			("delay_ratio", self.delay_ratio),
			("fee_ratio", self.fee_ratio),
			("time_100_ratio", self.time_100_ratio),
			("saturation_ratio", self.saturation_ratio),
			("saturation_trades_per_s", self.saturation_trades_per_s),
			("database_cost_ratio", self.database_cost_ratio),
			("import_5000_s", self.import_5000_s),
			("bytes_per_trade", self.bytes_per_trade),
		] {
			match value {
				Some(value) => writeln!(f, "{name:<24} {value}")?,
				None => writeln!(f, "{name:<24} not measured")?,
			}
		}
		Ok(())
	}
}

/// To four decimals: more are noise.
fn rounded(value: Option<f64>) -> Option<f64> {
	value.map(|value| (value * 10_000.0).round() / 10_000.0)
}

#[cfg(test)]
mod tests;
