//! Policies as people write them: small JSON documents, prices in SPB per kWh with decimals.
//!
//! ```json
//! {
//!   "kind": "spb-producer-policy",
//!   "version": 1,
//!   "floor": "0.18",
//!   "discounts": [{ "fromWh": 5000, "permille": 30 }],
//!   "hours": [{ "from": 10, "to": 16, "permille": 100 }, { "from": 16, "to": 10, "permille": 0 }]
//! }
//! ```

use super::NegotiateError;
use crate::files::Document;
use serde::{Deserialize, Serialize};
use spb_primitives::{
	relay::negotiation::{ConsumerPolicy, Discount, Hours, ProducerPolicy},
	BlockNumber, Energy, Price,
};

/// The whole price, in thousandths.
const WHOLE: u16 = 1_000;
/// How many rounds anyone takes part in at the most.
const MAX_ROUNDS: u8 = 20;
/// How long anyone waits for a letter at the most, in seconds.
const MAX_PATIENCE: u64 = 600;
const MS: u64 = 1_000;

/// How a producer answers. What is left out is as by default: the listed price, at all hours.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct ProducerDocument {
	/// It never sells below this, in SPB per kWh.
	pub floor: Option<String>,
	/// Less for more.
	pub discounts: Vec<DiscountEntry>,
	/// When it sells; at all hours if there are none.
	pub hours: Vec<HoursEntry>,
	/// For how many blocks it stands by a price.
	pub valid_for: Option<BlockNumber>,
	/// How many times it answers in one negotiation.
	pub rounds: Option<u8>,
	/// How long it waits for the next letter.
	pub patience_seconds: Option<u64>,
}

/// Less for more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DiscountEntry {
	/// From this energy on.
	pub from_wh: Energy,
	/// So many thousandths off the listed price.
	pub permille: u16,
}

/// Hours of the day (UTC) at which the producer sells.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct HoursEntry {
	/// From this hour on, 0 to 23.
	pub from: u8,
	/// Before this one, 1 to 24; past midnight where it is not after `from`.
	pub to: u8,
	/// So many thousandths off the listed price.
	#[serde(default)]
	pub permille: u16,
}

impl Document for ProducerDocument {
	const KIND: &'static str = "spb-producer-policy";
	const VERSION: u32 = 1;
	const SECRET: bool = false;
}

/// How a consumer bargains. What is left out is as by default: it asks once, at its highest price.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct ConsumerDocument {
	/// What it asks for first, in thousandths of the highest price.
	pub opening_permille: Option<u16>,
	/// How many times it asks.
	pub rounds: Option<u8>,
	/// How long it waits for an answer before it asks again.
	pub patience_seconds: Option<u64>,
	/// How many times it repeats a letter that got no answer.
	pub repeats: Option<u8>,
}

impl Document for ConsumerDocument {
	const KIND: &'static str = "spb-consumer-policy";
	const VERSION: u32 = 1;
	const SECRET: bool = false;
}

fn bad(reason: impl Into<String>) -> NegotiateError {
	NegotiateError::Policy(reason.into())
}

fn permille(value: u16) -> Result<u16, NegotiateError> {
	if value <= WHOLE {
		return Ok(value);
	}
	Err(bad(format!("there are 1000 thousandths in the whole, not {value}")))
}

fn rounds(value: Option<u8>, otherwise: u8) -> Result<u8, NegotiateError> {
	match value.unwrap_or(otherwise) {
		rounds @ 1..=MAX_ROUNDS => Ok(rounds),
		other => Err(bad(format!("between 1 and {MAX_ROUNDS} rounds, not {other}"))),
	}
}

/// In milliseconds.
fn patience(seconds: Option<u64>, otherwise: u64) -> Result<u64, NegotiateError> {
	match seconds {
		None => Ok(otherwise),
		Some(seconds @ 1..=MAX_PATIENCE) => Ok(seconds * MS),
		Some(other) => Err(bad(format!("between 1 and {MAX_PATIENCE} seconds, not {other}"))),
	}
}

impl ProducerDocument {
	/// What it means.
	pub fn policy(&self) -> Result<ProducerPolicy, NegotiateError> {
		let standard = ProducerPolicy::default();
		let floor = match &self.floor {
			None => standard.floor,
			Some(text) => text
				.parse::<Price>()
				.map_err(|error| bad(format!("the floor {text:?} is {error}")))?,
		};
		let discounts = self.discounts.iter().map(|entry| -> Result<Discount, NegotiateError> {
			Ok(Discount { from: entry.from_wh, permille: permille(entry.permille)? })
		});
		let hours = self.hours.iter().map(|entry| -> Result<Hours, NegotiateError> {
			let HoursEntry { from, to, .. } = *entry;
			if from > 23 || to == 0 || to > 24 {
				return Err(bad(format!("there are no hours from {from} to {to}")));
			}
			Ok(Hours { from, to, permille: permille(entry.permille)? })
		});
		Ok(ProducerPolicy {
			floor,
			discounts: discounts.collect::<Result<_, NegotiateError>>()?,
			hours: hours.collect::<Result<_, NegotiateError>>()?,
			valid_for: self.valid_for.unwrap_or(standard.valid_for),
			rounds: rounds(self.rounds, standard.rounds)?,
			patience: patience(self.patience_seconds, standard.patience)?,
		})
	}
}

impl ConsumerDocument {
	/// What it means for somebody who pays at most this price.
	pub fn policy(&self, max_price: Price) -> Result<ConsumerPolicy, NegotiateError> {
		let standard = ConsumerPolicy::up_to(max_price);
		let opening = permille(self.opening_permille.unwrap_or(WHOLE))?;
		let rounds = rounds(self.rounds, standard.rounds)?;
		Ok(ConsumerPolicy {
			patience: patience(self.patience_seconds, standard.patience)?,
			repeats: self.repeats.unwrap_or(standard.repeats).min(MAX_ROUNDS),
			..ConsumerPolicy::bargaining(max_price, opening, rounds)
		})
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{
		error::{Classify, Kind},
		files::{read_document, write_bytes, Replace},
	};
	use spb_primitives::units::SPB;

	fn producer(body: &str) -> Result<ProducerPolicy, NegotiateError> {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("policy.json");
		let text = format!(r#"{{"kind":"spb-producer-policy","version":1{body}}}"#);
		write_bytes(&path, text.as_bytes(), false, Replace::Yes).unwrap();
		read_document::<ProducerDocument>(&path)?.policy()
	}

	#[test]
	fn an_empty_policy_should_sell_at_the_listed_price() {
		assert_eq!(producer("").unwrap(), ProducerPolicy::default());
		let price = Price::per_kwh(3 * SPB);
		let consumer = ConsumerDocument::default().policy(price).unwrap();
		assert_eq!(consumer, ConsumerPolicy::up_to(price));
	}

	#[test]
	fn a_policy_should_be_read_as_it_is_written() {
		let policy = producer(
			r#", "floor": "0.18", "discounts": [{"fromWh": 5000, "permille": 30}],
			"hours": [{"from": 10, "to": 16, "permille": 100}, {"from": 16, "to": 10}],
			"validFor": 7, "rounds": 2, "patienceSeconds": 30"#,
		);
		let policy = policy.unwrap();
		assert_eq!(policy.floor, Price::per_kwh(180_000_000_000));
		assert_eq!(policy.discounts, [Discount { from: Energy::from_wh(5_000), permille: 30 }]);
		let hours =
			[Hours { from: 10, to: 16, permille: 100 }, Hours { from: 16, to: 10, permille: 0 }];
		assert_eq!(policy.hours, hours);
		assert_eq!((policy.valid_for, policy.rounds, policy.patience), (7, 2, 30_000));
	}

	#[test]
	fn policies_that_make_no_sense_should_be_refused() {
		for body in [
			r#", "floor": "cheap""#,
			r#", "floor": "-1""#,
			r#", "floor": 0.18"#,
			r#", "discounts": [{"fromWh": 5000, "permille": 1001}]"#,
			r#", "hours": [{"from": 24, "to": 3}]"#,
			r#", "hours": [{"from": 3, "to": 25}]"#,
			r#", "hours": [{"from": 3, "to": 0}]"#,
			r#", "rounds": 0"#,
			r#", "rounds": 21"#,
			r#", "patienceSeconds": 0"#,
			r#", "patienceSeconds": 601"#,
			r#", "discount": []"#,
		] {
			let error = producer(body).unwrap_err();
			assert_eq!(error.kind(), Kind::BadInput, "{body}: {error}");
		}
		let price = Price::per_kwh(SPB);
		let too_much = ConsumerDocument { opening_permille: Some(1_001), ..Default::default() };
		assert_eq!(too_much.policy(price).unwrap_err().code(), "policy");
	}

	#[test]
	fn a_consumer_should_come_up_to_its_highest_price() {
		let document = ConsumerDocument {
			opening_permille: Some(800),
			rounds: Some(3),
			patience_seconds: Some(5),
			repeats: Some(2),
		};
		let policy = document.policy(Price::per_kwh(1_000)).unwrap();
		let asked: Vec<_> = (0..4).map(|round| policy.ask(round)).collect();
		let price = |units| Some(Price::per_kwh(units));
		assert_eq!(asked, [price(800), price(900), price(1_000), None]);
		assert_eq!((policy.patience, policy.repeats), (5_000, 2));
	}
}
