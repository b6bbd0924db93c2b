//! At which price either side trades. Plain values: the client reads them from its configuration.

use crate::{relay::letter::RefuseReason, BlockNumber, Energy, Price};
use alloc::vec::Vec;
use sp_core::U256;

/// How many thousandths make the whole price.
const WHOLE: u16 = 1_000;
const MS_PER_HOUR: u64 = 60 * 60 * 1_000;
const HOURS_PER_DAY: u64 = 24;

/// Less for more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Discount {
	/// From this energy on.
	pub from: Energy,
	/// So many thousandths off the listed price; more than 1,000 counts as 1,000.
	pub permille: u16,
}

/// Hours of the day (UTC) at which a producer sells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hours {
	/// From this hour on, 0 to 23.
	pub from: u8,
	/// Before this one, 1 to 24. Where it is not after `from`, the hours go past midnight.
	pub to: u8,
	/// So many thousandths off the listed price.
	pub permille: u16,
}

impl Hours {
	fn include(&self, hour: u8) -> bool {
		if self.from < self.to {
			(self.from..self.to).contains(&hour)
		} else {
			hour >= self.from || hour < self.to
		}
	}
}

/// How a producer answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProducerPolicy {
	/// It never sells below this, per kWh.
	pub floor: Price,
	/// By amount: of those that apply, the largest counts.
	pub discounts: Vec<Discount>,
	/// When it sells, and for how much less then; at all hours where there is none. Of those that
	/// apply, the largest discount counts, together with that of the amount.
	pub hours: Vec<Hours>,
	/// For how many blocks it stands by a counter-offer.
	pub valid_for: BlockNumber,
	/// How many times it answers in one negotiation.
	pub rounds: u8,
	/// How long it waits for the next letter, in milliseconds.
	pub patience: u64,
}

impl Default for ProducerPolicy {
	/// The listed price for everyone at any time.
	fn default() -> Self {
		Self {
			floor: Price::ZERO,
			discounts: Vec::new(),
			hours: Vec::new(),
			valid_for: 20,
			rounds: 4,
			patience: 60_000,
		}
	}
}

impl ProducerPolicy {
	/// The price per kWh for `energy` of an offer at `listed`, at `ms` since 1970; rounded up.
	pub fn price(&self, listed: Price, energy: Energy, ms: u64) -> Result<Price, RefuseReason> {
		let hour = u8::try_from(ms / MS_PER_HOUR % HOURS_PER_DAY).unwrap_or_default();
		let by_hour = self.hours.iter().filter(|hours| hours.include(hour));
		let by_hour = match by_hour.map(|hours| hours.permille).max() {
			Some(permille) => permille,
			None if self.hours.is_empty() => 0,
			None => return Err(RefuseReason::NotNow),
		};
		let by_amount = self.discounts.iter().filter(|discount| discount.from <= energy);
		let by_amount = by_amount.map(|discount| discount.permille).max().unwrap_or_default();
		let left = WHOLE.saturating_sub(by_hour.saturating_add(by_amount));
		Ok(share(listed, left).max(self.floor))
	}
}

/// So many thousandths of a price, rounded up.
fn share(price: Price, permille: u16) -> Price {
	let product = U256::from(price.units_per_kwh()) * U256::from(permille.min(WHOLE));
	let (whole, rest) = product.div_mod(U256::from(WHOLE));
	let units = if rest.is_zero() { whole } else { whole + U256::one() };
	// No more than the price itself, so it fits.
	u128::try_from(units).map_or(price, Price::per_kwh)
}

/// How a consumer bargains.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConsumerPolicy {
	/// What it asks for first, per kWh.
	pub opening: Price,
	/// It never pays more, per kWh. The producer is told only in the last round.
	pub max_price: Price,
	/// How many times it asks.
	pub rounds: u8,
	/// How long it waits for an answer, in milliseconds.
	pub patience: u64,
	/// How many times it repeats a letter that got no answer.
	pub repeats: u8,
}

impl ConsumerPolicy {
	/// Asks for `max_price` and nothing else.
	pub fn up_to(max_price: Price) -> Self {
		Self { opening: max_price, max_price, rounds: 1, patience: 10_000, repeats: 1 }
	}

	/// Opens at so many thousandths of `max_price` and comes up to it in `rounds`.
	pub fn bargaining(max_price: Price, permille: u16, rounds: u8) -> Self {
		Self { opening: share(max_price, permille), rounds, ..Self::up_to(max_price) }
	}

	/// What it asks for in this round, counted from 0: the opening first, the greatest price last,
	/// even steps between. `None` when it asks no more.
	pub fn ask(&self, round: u8) -> Option<Price> {
		if round >= self.rounds {
			return None;
		}
		let (low, high) = (self.opening.min(self.max_price), self.max_price);
		let steps = self.rounds.saturating_sub(1);
		if round == steps {
			return Some(if round == 0 { low } else { high });
		}
		let span = U256::from(high.saturating_sub(low).units_per_kwh());
		let risen = span * U256::from(round) / U256::from(steps.max(1));
		let risen = u128::try_from(risen).map_or(Price::ZERO, Price::per_kwh);
		low.checked_add(risen)
	}
}
