//! Units as types, so that watt-hours never meet a price unnoticed.

use codec::{CompactAs, Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use core::fmt;
use scale_info::TypeInfo;
use serde::{de, Deserialize, Deserializer, Serialize, Serializer};

/// Decimals of the chain's money: 1 SPB = 10^12 of the smallest unit.
pub const DECIMALS: u8 = 12;
/// One SPB in the smallest unit.
pub const SPB: u128 = 1_000_000_000_000;

macro_rules! unit {
	($(#[$doc:meta])* $name:ident($inner:ty)) => {
		$(#[$doc])*
		#[derive(
			Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Encode, Decode,
			DecodeWithMemTracking, CompactAs, MaxEncodedLen, TypeInfo,
		)]
		pub struct $name($inner);

		impl $name {
			/// Nothing.
			pub const ZERO: Self = Self(0);
			/// The greatest value that can be encoded.
			pub const MAX: Self = Self(<$inner>::MAX);

			/// The sum, unless it overflows.
			#[must_use]
			pub fn checked_add(self, other: Self) -> Option<Self> {
				self.0.checked_add(other.0).map(Self)
			}

			/// The difference, unless `other` is greater.
			#[must_use]
			pub fn checked_sub(self, other: Self) -> Option<Self> {
				self.0.checked_sub(other.0).map(Self)
			}

			/// The difference, or nothing where `other` is greater.
			#[must_use]
			pub fn saturating_sub(self, other: Self) -> Self {
				Self(self.0.saturating_sub(other.0))
			}

			/// Whether there is nothing.
			pub fn is_zero(self) -> bool {
				self.0 == 0
			}
		}
	};
}

unit! {
	/// Energy in watt-hours.
	Energy(u32)
}
unit! {
	/// Money in the chain's smallest unit (10^-12 SPB).
	Money(u128)
}
unit! {
	/// The price of a kilowatt-hour, in the chain's smallest unit.
	Price(u128)
}

impl Energy {
	/// `wh` watt-hours.
	pub const fn from_wh(wh: u32) -> Self {
		Self(wh)
	}

	/// In watt-hours.
	pub const fn wh(self) -> u32 {
		self.0
	}
}

impl Money {
	/// `units` of the chain's smallest unit.
	pub const fn from_units(units: u128) -> Self {
		Self(units)
	}

	/// In the chain's smallest unit.
	pub const fn units(self) -> u128 {
		self.0
	}
}

impl Price {
	/// `units` of the chain's smallest unit per kWh.
	pub const fn per_kwh(units: u128) -> Self {
		Self(units)
	}

	/// In the chain's smallest unit per kWh.
	pub const fn units_per_kwh(self) -> u128 {
		self.0
	}
}

impl fmt::Display for Energy {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "{} Wh", self.0)
	}
}

/// Writes units as SPB with as many decimals as needed.
fn write_spb(units: u128, f: &mut fmt::Formatter<'_>) -> fmt::Result {
	let (whole, part) = (units / SPB, units % SPB);
	if part == 0 {
		return write!(f, "{whole}");
	}
	let decimals = alloc::format!("{part:012}");
	write!(f, "{whole}.{}", decimals.trim_end_matches('0'))
}

impl fmt::Display for Money {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write_spb(self.0, f)?;
		f.write_str(" SPB")
	}
}

impl fmt::Display for Price {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write_spb(self.0, f)?;
		f.write_str(" SPB/kWh")
	}
}

/// Why a text is no amount of SPB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AmountError {
	/// Something other than digits and one decimal point: write it like `1.25`.
	NotADecimal,
	/// More than twelve decimals: the smallest unit is 10^-12 SPB.
	TooManyDecimals,
	/// More than the chain can count.
	TooLarge,
}

impl fmt::Display for AmountError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			Self::NotADecimal => "not a decimal number of SPB; write it like 1.25",
			Self::TooManyDecimals => "more than twelve decimals; the smallest unit is 10^-12 SPB",
			Self::TooLarge => "more than the chain can count",
		})
	}
}

impl core::error::Error for AmountError {}

/// The smallest units in a decimal number of SPB, exactly.
fn parse_spb(text: &str) -> Result<u128, AmountError> {
	let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
	let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
	if !digits(whole) || !digits(part) {
		return Err(AmountError::NotADecimal);
	}
	if part.len() > usize::from(DECIMALS) {
		return Err(AmountError::TooManyDecimals);
	}
	let whole: u128 = whole.parse().map_err(|_| AmountError::TooLarge)?;
	let part: u128 = alloc::format!("{part:0<12}").parse().map_err(|_| AmountError::NotADecimal)?;
	whole.checked_mul(SPB).and_then(|w| w.checked_add(part)).ok_or(AmountError::TooLarge)
}

impl core::str::FromStr for Money {
	type Err = AmountError;
	/// A decimal number of SPB, such as `1.25`.
	fn from_str(text: &str) -> Result<Self, AmountError> {
		parse_spb(text).map(Self)
	}
}

impl core::str::FromStr for Price {
	type Err = AmountError;
	/// A decimal number of SPB per kWh, such as `0.3`.
	fn from_str(text: &str) -> Result<Self, AmountError> {
		parse_spb(text).map(Self)
	}
}

impl Serialize for Energy {
	fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
		serializer.serialize_u32(self.0)
	}
}

impl<'de> Deserialize<'de> for Energy {
	fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
		u32::deserialize(deserializer).map(Self)
	}
}

/// JSON numbers lose precision above 2^53, so money travels as a string of smallest units.
macro_rules! serde_as_string {
	($name:ident) => {
		impl Serialize for $name {
			fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
				serializer.collect_str(&self.0)
			}
		}

		impl<'de> Deserialize<'de> for $name {
			fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
				let text = alloc::string::String::deserialize(deserializer)?;
				text.parse().map(Self).map_err(de::Error::custom)
			}
		}
	};
}
serde_as_string!(Money);
serde_as_string!(Price);

#[cfg(test)]
mod tests {
	use super::*;
	use alloc::string::ToString;
	use proptest::prelude::*;

	#[test]
	fn money_should_print_without_trailing_zeros() {
		assert_eq!(Money::from_units(SPB).to_string(), "1 SPB");
		assert_eq!(Money::from_units(SPB / 4).to_string(), "0.25 SPB");
		assert_eq!(Money::from_units(1).to_string(), "0.000000000001 SPB");
		assert_eq!(Price::per_kwh(3 * SPB / 10).to_string(), "0.3 SPB/kWh");
	}

	#[test]
	fn amounts_that_are_no_decimals_should_be_refused() {
		for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", " 1", "0x1", "1.2.3", "١"] {
			assert_eq!(text.parse::<Money>(), Err(AmountError::NotADecimal), "{text:?}");
		}
		assert_eq!("0.0000000000001".parse::<Money>(), Err(AmountError::TooManyDecimals));
		assert_eq!("340282366920938463463374608".parse::<Money>(), Err(AmountError::TooLarge));
		let beyond_u128 = "9".repeat(60);
		assert_eq!(beyond_u128.parse::<Money>(), Err(AmountError::TooLarge));
	}

	proptest! {
		#[test]
		fn printed_money_should_parse_to_itself(units: u128) {
			let printed = Money::from_units(units).to_string();
			let number = printed.trim_end_matches(" SPB");
			prop_assert_eq!(number.parse::<Money>(), Ok(Money::from_units(units)));
		}

		#[test]
		fn json_should_keep_every_unit(units: u128) {
			let money = Money::from_units(units);
			let json = serde_json::to_string(&money).unwrap();
			prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money);
		}

		#[test]
		fn parsing_should_never_panic(text in "\\PC*") {
			let _ = text.parse::<Money>();
		}
	}
}
