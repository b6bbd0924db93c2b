//! What a trade costs and who gets what. Products are taken in 256 bits, so none can overflow.

use crate::{Energy, Money, Price};
use sp_core::U256;

/// Watt-hours in a kilowatt-hour.
const WH_PER_KWH: u32 = 1000;

/// The listed price of `energy`: `ceil(price x energy / 1000)`; `None` above what money can count.
///
/// ```
/// use spb_primitives::{listed_price, Energy, Money, Price};
/// let price = listed_price(Price::per_kwh(1_500), Energy::from_wh(333));
/// assert_eq!(price, Some(Money::from_units(500)));
/// ```
pub fn listed_price(price: Price, energy: Energy) -> Option<Money> {
	let product = U256::from(price.units_per_kwh()) * U256::from(energy.wh());
	let (whole, rest) = product.div_mod(U256::from(WH_PER_KWH));
	let rounded = if rest.is_zero() { whole } else { whole + U256::one() };
	u128::try_from(rounded).ok().map(Money::from_units)
}

/// How the amount of a CTP is divided when it settles.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Split {
	/// What the producer gets: `(amount - fee) x delivered / energy`, rounded down.
	pub payment: Money,
	/// What the block's author gets.
	pub fee: Money,
	/// What stays in the consumer's vault.
	pub released: Money,
}

impl Split {
	/// Divides `amount` for `delivered` of `energy`. `payment + fee + released == amount`.
	///
	/// The fee is never more than the amount. `None` where nothing or more than the committed
	/// energy was delivered.
	pub fn of(amount: Money, fee: Money, delivered: Energy, energy: Energy) -> Option<Self> {
		if delivered.is_zero() || delivered > energy {
			return None;
		}
		let fee = fee.min(amount);
		let payable = amount.checked_sub(fee)?;
		let product = U256::from(payable.units()) * U256::from(delivered.wh());
		let payment = u128::try_from(product / U256::from(energy.wh())).ok()?;
		let payment = Money::from_units(payment);
		Some(Self { payment, fee, released: payable.checked_sub(payment)? })
	}

	/// What leaves the vault: payment and fee, together never more than the amount.
	pub fn spent(&self) -> Money {
		self.payment.checked_add(self.fee).unwrap_or(Money::MAX)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	fn money(units: u128) -> Money {
		Money::from_units(units)
	}

	fn wh(wh: u32) -> Energy {
		Energy::from_wh(wh)
	}

	#[test]
	fn listed_price_should_round_up() {
		assert_eq!(listed_price(Price::per_kwh(1), wh(1)), Some(money(1)));
		assert_eq!(listed_price(Price::per_kwh(1_000), wh(1)), Some(money(1)));
		assert_eq!(listed_price(Price::per_kwh(1_001), wh(1)), Some(money(2)));
		assert_eq!(listed_price(Price::per_kwh(0), wh(7)), Some(Money::ZERO));
	}

	#[test]
	fn listed_price_should_be_none_beyond_money() {
		assert_eq!(listed_price(Price::MAX, wh(1_000)), Some(Money::MAX));
		assert_eq!(listed_price(Price::MAX, wh(1_001)), None);
		assert_eq!(listed_price(Price::MAX, Energy::MAX), None);
	}

	#[test]
	fn full_delivery_should_pay_all_but_the_fee() {
		let split = Split::of(money(100), money(7), wh(3), wh(3)).unwrap();
		assert_eq!(split, Split { payment: money(93), fee: money(7), released: Money::ZERO });
	}

	#[test]
	fn partial_delivery_should_round_down_for_the_producer() {
		let split = Split::of(money(101), money(1), wh(1), wh(3)).unwrap();
		assert_eq!(split, Split { payment: money(33), fee: money(1), released: money(67) });
	}

	#[test]
	fn nothing_and_too_much_should_not_split() {
		assert_eq!(Split::of(money(9), money(1), wh(0), wh(3)), None);
		assert_eq!(Split::of(money(9), money(1), wh(4), wh(3)), None);
		assert_eq!(Split::of(money(9), money(1), wh(0), wh(0)), None);
	}

	#[test]
	fn fee_should_never_exceed_the_amount() {
		let split = Split::of(money(5), money(7), wh(1), wh(1)).unwrap();
		assert_eq!(split, Split { payment: Money::ZERO, fee: money(5), released: Money::ZERO });
	}

	proptest! {
		#[test]
		fn money_should_be_conserved(
			amount: u128, fee: u128, energy in 1u32.., share in 1u32..,
		) {
			let delivered = 1 + share % energy;
			let split = Split::of(money(amount), money(fee), wh(delivered), wh(energy)).unwrap();
			prop_assert_eq!(split.spent().checked_add(split.released), Some(money(amount)));
			prop_assert!(split.fee <= money(fee));
		}

		#[test]
		fn more_delivered_should_never_pay_less(
			amount: u128, fee: u128, energy in 2u32.., share in 1u32..,
		) {
			let less = 1 + share % (energy - 1);
			let of = |wh_| Split::of(money(amount), money(fee), wh(wh_), wh(energy)).unwrap();
			prop_assert!(of(less).payment <= of(less + 1).payment);
		}

		#[test]
		fn listed_price_should_cover_the_exact_price(price: u64, energy: u32) {
			let listed = listed_price(Price::per_kwh(price.into()), wh(energy)).unwrap().units();
			let exact = u128::from(price) * u128::from(energy);
			prop_assert!(listed * 1000 >= exact && listed * 1000 < exact + 1000);
		}
	}
}
