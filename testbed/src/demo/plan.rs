//! Who sells what to whom: the replay as a pure function of the readings.
//!
//! The plan keeps a book of its own of what is on offer, by rules that do not depend on when a
//! block comes: what was not delivered of a CTP is on offer again in the next quarter-hour, and
//! what was committed to a producer that delivers nothing is when the CTP and its grace period must
//! be over. So the same readings give the same trades, and the chain is the one that is checked.

use spb_primitives::{
	listed_price, units::SPB, BlockNumber, Energy, Limits, Money, Parameters, Price,
};
use spb_readings::{Readings, Timestamp};
use std::collections::BTreeMap;

/// What the cheapest producer asks for a kWh, in steps of [`STEP`].
const CHEAPEST: u128 = 20;
/// The step from one producer's price per kWh to the next.
const STEP: u128 = SPB / 100;
/// All that consumers can commit together: what the funder of a development chain has, with room
/// for fees and deposits.
const BUDGET: u128 = 800_000 * SPB;
/// How long a CTP may wait for a block that takes it, beyond the next: in blocks, or in
/// milliseconds where that is more.
const ENTRY_SLACK: (BlockNumber, u64) = (4, 12_000);
/// CTPs that are sure to be submitted and taken within a block.
const PER_BLOCK: usize = 32;
/// Blocks to a quarter-hour.
const BLOCKS_PER_QUARTER: BlockNumber = 2;
/// CTPs of a lone producer of which the last fails.
const FAILS_EVERY: usize = 6;

/// Why readings cannot be replayed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PlanError {
	/// An offer holds at most `u32` Wh.
	#[error(
		"{producer} would have more than {} Wh unsold on one offer: replay fewer quarter-hours",
		u32::MAX
	)]
	OfferOverflow {
		/// The exporter.
		producer: String,
	},
	/// There is not enough money on a development chain.
	#[error("the trades of these readings cost more than a development chain has: replay fewer quarter-hours")]
	TooDear,
	/// The chain lets no CTP live long enough.
	#[error("a CTP of the replay lives {lifetime} blocks, but the chain allows {most} at most: use another chain")]
	Lifetime {
		/// What the replay needs.
		lifetime: BlockNumber,
		/// What the chain allows.
		most: BlockNumber,
	},
}

/// What the chain demands.
#[derive(Clone, Copy, Debug)]
pub struct Chain {
	/// Lifetimes.
	pub parameters: Parameters,
	/// The fee and the least amount.
	pub limits: Limits,
}

/// How a producer opens its energy account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opening {
	/// By burning coin.
	Burn,
	/// With the energy company's certificate.
	Certificate,
}

/// What a producer delivers of what was committed to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivery {
	/// Everything.
	All,
	/// Half of it.
	Half,
	/// Nothing.
	Nothing,
	/// Everything but for every sixth CTP, of which nothing.
	FiveOfSix,
}

impl Delivery {
	/// What is delivered of the producer's CTP number `count` (from 1).
	fn of(self, energy: Energy, count: usize) -> Energy {
		match self {
			Self::All => energy,
			Self::Half => Energy::from_wh((energy.wh() / 2).max(1)),
			Self::Nothing => Energy::ZERO,
			Self::FiveOfSix if count.is_multiple_of(FAILS_EVERY) => Energy::ZERO,
			Self::FiveOfSix => energy,
		}
	}
}

/// A connection point that exports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Producer {
	/// Its name.
	pub name: String,
	/// What it asks for a kWh.
	pub price: Price,
	/// How it opens its account.
	pub opening: Opening,
	/// What it delivers.
	pub delivery: Delivery,
}

/// A connection point that buys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Consumer {
	/// Its name.
	pub name: String,
	/// All that it commits: what its vault needs.
	pub committed: Money,
	/// How many CTPs it makes.
	pub ctps: u32,
}

/// Part of a consumer's import, as one CTP.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Purchase {
	/// Who buys, among [`Plan::consumers`].
	pub consumer: usize,
	/// Who sells, among [`Plan::producers`].
	pub producer: usize,
	/// How much.
	pub energy: Energy,
	/// What is committed, fee included.
	pub amount: Money,
	/// What the meter will have received.
	pub delivered: Energy,
}

/// A quarter-hour.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Quarter {
	/// When it begins.
	pub start: Timestamp,
	/// What comes on offer, by producer.
	pub exports: Vec<(usize, Energy)>,
	/// What is bought, in the order of the consumers' names and of price.
	pub purchases: Vec<Purchase>,
	/// What is imported and not on offer, Wh.
	pub unserved: u64,
}

/// A replay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
	/// By name.
	pub producers: Vec<Producer>,
	/// By name.
	pub consumers: Vec<Consumer>,
	/// In order of time.
	pub quarters: Vec<Quarter>,
	/// How long a CTP lives from the best block on.
	pub lifetime: BlockNumber,
}

impl Plan {
	/// The replay of these readings.
	pub fn new(readings: &Readings, chain: &Chain) -> Result<Self, PlanError> {
		let mut step = STEP;
		// Prices are those of households unless that is more than there is money.
		while step > 0 {
			let plan = Self::with_prices(readings, chain, step)?;
			let needed = plan.consumers.iter().map(|consumer| consumer.committed.units());
			if needed.fold(0, u128::saturating_add) <= BUDGET {
				return Ok(plan);
			}
			step /= 10;
		}
		Err(PlanError::TooDear)
	}

	fn with_prices(readings: &Readings, chain: &Chain, step: u128) -> Result<Self, PlanError> {
		let producers = producers(&readings.exporters(), step);
		let lifetime = lifetime(readings, &chain.parameters)?;
		let mut book = Book::new(&producers, chain, lifetime);
		let mut quarters = Vec::new();
		for interval in readings.intervals.iter().filter(|_| !producers.is_empty()) {
			let mut meters: Vec<_> = interval.readings.iter().collect();
			meters.sort_by(|a, b| a.meter.cmp(&b.meter));
			let place = |name: &str| producers.iter().position(|producer| producer.name == name);
			let exports: Vec<(usize, Energy)> = meters
				.iter()
				.filter(|reading| reading.export_wh > 0)
				.filter_map(|reading| {
					Some((place(&reading.meter)?, Energy::from_wh(reading.export_wh)))
				})
				.collect();
			book.begin(&exports)?;
			let (mut purchases, mut unserved) = (Vec::new(), 0);
			for reading in meters.iter().filter(|reading| reading.import_wh > 0) {
				let own = place(&reading.meter);
				unserved += book.buy(&reading.meter, own, reading.import_wh, &mut purchases);
			}
			quarters.push(Quarter { start: interval.start, exports, purchases, unserved });
			book.end();
		}
		let consumers = book.into_consumers(&mut quarters);
		Ok(Self { producers, consumers, quarters, lifetime })
	}

	/// The energy that comes on offer, Wh.
	pub fn offered(&self) -> u64 {
		let exports = self.quarters.iter().flat_map(|quarter| &quarter.exports);
		exports.map(|(_, energy)| u64::from(energy.wh())).sum()
	}
}

/// The exporters by name; the cheapest is a reliable one, then come the two that are not, so that
/// both find buyers and most energy is delivered all the same.
fn producers(exporters: &[&str], step: u128) -> Vec<Producer> {
	let count = exporters.len();
	let delivery = |place: usize| match count - place {
		1 if count == 1 => Delivery::FiveOfSix,
		1 => Delivery::Nothing,
		2 => Delivery::Half,
		_ => Delivery::All,
	};
	let unreliable = count.min(2) * usize::from(count > 1);
	let reliable = count - unreliable;
	let rank = |place: usize| match place {
		_ if place >= reliable => place - reliable + usize::from(reliable > 0),
		0 => 0,
		_ => place + unreliable,
	};
	let price = |place: usize| {
		let rank = u128::try_from(rank(place)).unwrap_or(u128::MAX);
		Price::per_kwh(step.saturating_mul(CHEAPEST.saturating_add(rank)))
	};
	let producer = |(place, name): (usize, &&str)| Producer {
		name: (*name).to_owned(),
		price: price(place),
		opening: if place.is_multiple_of(2) { Opening::Burn } else { Opening::Certificate },
		delivery: delivery(place),
	};
	exporters.iter().enumerate().map(producer).collect()
}

/// How long CTPs live: until the meters of all who buy in one quarter-hour have sent their ERCs.
fn lifetime(readings: &Readings, parameters: &Parameters) -> Result<BlockNumber, PlanError> {
	let importers = |interval: &spb_readings::Interval| {
		interval.readings.iter().filter(|reading| reading.import_wh > 0).count()
	};
	let most = readings.intervals.iter().map(importers).max().unwrap_or_default();
	let crowd = BlockNumber::try_from(2 * most / PER_BLOCK).unwrap_or(BlockNumber::MAX);
	let (blocks, millis) = ENTRY_SLACK;
	let slack = BlockNumber::try_from(millis / parameters.slot_duration.max(1));
	let slack = slack.unwrap_or(BlockNumber::MAX).max(blocks);
	let lifetime = parameters.min_lifetime.saturating_add(slack).saturating_add(crowd);
	if lifetime > parameters.max_lifetime {
		return Err(PlanError::Lifetime { lifetime, most: parameters.max_lifetime });
	}
	Ok(lifetime)
}

/// What is on offer while the plan is made.
struct Book<'a> {
	producers: &'a [Producer],
	chain: &'a Chain,
	/// The producers, the cheapest first.
	by_price: Vec<usize>,
	/// What each has on offer, Wh.
	left: Vec<u64>,
	/// What the chain will say that each has, open CTPs included, Wh.
	on_chain: Vec<u64>,
	/// What comes on offer again, by quarter-hour and producer, Wh.
	returns: BTreeMap<usize, Vec<(usize, u64)>>,
	/// CTPs on each producer's offer so far.
	count: Vec<usize>,
	/// What is delivered in this quarter-hour, by producer, Wh.
	delivered: Vec<u64>,
	consumers: BTreeMap<String, Consumer>,
	/// The purchases' consumers, by name, until all names are known.
	names: Vec<String>,
	quarter: usize,
	/// Quarter-hours until a CTP that nobody confirmed is gone for certain.
	gone_after: usize,
	/// CTPs that a consumer can make in one quarter-hour.
	most: usize,
}

impl<'a> Book<'a> {
	fn new(producers: &'a [Producer], chain: &'a Chain, lifetime: BlockNumber) -> Self {
		let mut by_price: Vec<usize> = (0..producers.len()).collect();
		by_price.sort_by_key(|place| (producers[*place].price, *place));
		let life = lifetime.saturating_add(chain.parameters.grace);
		let gone_after = life.div_ceil(BLOCKS_PER_QUARTER).saturating_add(1);
		let gone_after = usize::try_from(gone_after).unwrap_or(usize::MAX);
		// Of those that fail, one a quarter-hour stays open that long.
		let open = usize::try_from(chain.limits.max_open_per_vault).unwrap_or(usize::MAX);
		let most = open.saturating_sub(gone_after).max(1);
		Self {
			producers,
			chain,
			by_price,
			left: vec![0; producers.len()],
			on_chain: vec![0; producers.len()],
			returns: BTreeMap::new(),
			count: vec![0; producers.len()],
			delivered: vec![0; producers.len()],
			consumers: BTreeMap::new(),
			names: Vec::new(),
			quarter: 0,
			gone_after,
			most,
		}
	}

	/// A quarter-hour begins with what was fed in and what comes on offer again.
	fn begin(&mut self, exports: &[(usize, Energy)]) -> Result<(), PlanError> {
		for (producer, wh) in self.returns.remove(&self.quarter).unwrap_or_default() {
			self.left[producer] += wh;
		}
		for (producer, energy) in exports {
			let (producer, wh) = (*producer, u64::from(energy.wh()));
			self.left[producer] += wh;
			self.on_chain[producer] += wh;
			if self.on_chain[producer] > u32::MAX.into() {
				let producer = self.producers[producer].name.clone();
				return Err(PlanError::OfferOverflow { producer });
			}
		}
		Ok(())
	}

	/// Buys on the cheapest offers, but not from oneself; what is not to be had is returned.
	fn buy(
		&mut self,
		name: &str,
		own: Option<usize>,
		wanted: u32,
		purchases: &mut Vec<Purchase>,
	) -> u64 {
		let mut wanted = u64::from(wanted);
		let mut made = 0;
		for place in 0..self.by_price.len() {
			let producer = self.by_price[place];
			let wh = wanted.min(self.left[producer]);
			if Some(producer) == own || wh == 0 || made == self.most {
				continue;
			}
			// At most what was wanted, which is 32 bits.
			let energy = Energy::from_wh(u32::try_from(wh).unwrap_or(u32::MAX));
			let Some(amount) = self.amount(producer, energy) else { continue };
			self.left[producer] -= wh;
			wanted -= wh;
			made += 1;
			self.count[producer] += 1;
			let delivered = self.producers[producer].delivery.of(energy, self.count[producer]);
			self.note(producer, energy, delivered);
			let consumer = self.consumers.entry(name.to_owned()).or_insert_with(|| Consumer {
				name: name.to_owned(),
				committed: Money::ZERO,
				ctps: 0,
			});
			consumer.committed = consumer.committed.checked_add(amount).unwrap_or(Money::MAX);
			consumer.ctps = consumer.ctps.saturating_add(1);
			let number = self.names.len();
			self.names.push(name.to_owned());
			purchases.push(Purchase { consumer: number, producer, energy, amount, delivered });
		}
		wanted
	}

	/// What buys this energy: the listed price and the fee, at least what a CTP must commit.
	fn amount(&self, producer: usize, energy: Energy) -> Option<Money> {
		let limits = &self.chain.limits;
		let listed = listed_price(self.producers[producer].price, energy)?;
		Some(listed.checked_add(limits.fee)?.max(limits.min_amount))
	}

	/// Notes when what is not delivered comes on offer again.
	fn note(&mut self, producer: usize, energy: Energy, delivered: Energy) {
		self.delivered[producer] += u64::from(delivered.wh());
		let missing = u64::from(energy.saturating_sub(delivered).wh());
		if missing > 0 {
			let after = if delivered.is_zero() { self.gone_after } else { 1 };
			let quarter = self.quarter.saturating_add(after);
			self.returns.entry(quarter).or_default().push((producer, missing));
		}
	}

	fn end(&mut self) {
		for (on_chain, delivered) in self.on_chain.iter_mut().zip(&mut self.delivered) {
			*on_chain -= std::mem::take(delivered);
		}
		self.quarter += 1;
	}

	/// The consumers by name, whom the purchases name by their places from now on.
	fn into_consumers(self, quarters: &mut [Quarter]) -> Vec<Consumer> {
		let places: BTreeMap<&str, usize> =
			self.consumers.keys().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
		let purchases = quarters.iter_mut().flat_map(|quarter| &mut quarter.purchases);
		for (purchase, name) in purchases.zip(&self.names) {
			purchase.consumer = places.get(name.as_str()).copied().unwrap_or_default();
		}
		self.consumers.into_values().collect()
	}
}

#[cfg(test)]
mod tests;
