//! `spb negotiate`: agree on a price with a producer, or answer as one.

use super::write_line;
use crate::{
	args,
	context::Context,
	output::{Answer, Report},
};
use codec::Encode;
use serde::Serialize;
use spb_client::{
	files::{read_document, to_hex},
	negotiate::{Agreed, Agreements, Buyer, ConsumerDocument, Event, ProducerDocument, Seller},
	relay::Contacts,
	trade::Wish,
	vaults::Choice,
	Error, Result,
};
use spb_primitives::{listed_price, AccountId, BlockNumber, CtpId, Energy, Money, OfferId, Price};
use std::path::PathBuf;

/// The options of `spb negotiate`.
#[derive(clap::Args)]
pub struct Opts {
	/// The offer to negotiate about
	#[arg(value_parser = args::number, required_unless_present = "answer")]
	offer: Option<OfferId>,
	/// The energy, in Wh
	#[arg(long, value_parser = args::energy, required_unless_present = "answer", value_name = "WH")]
	energy: Option<Energy>,
	/// The most to pay, in SPB per kWh, the fee left out
	#[arg(long, required_unless_present = "answer", value_name = "PRICE")]
	max_price: Option<Price>,
	/// How long the energy may take to arrive once it is agreed on
	#[arg(long, value_parser = args::number, value_name = "BLOCKS")]
	lifetime: Option<BlockNumber>,
	/// Which vault pays: main, the name of another, a number, or any that covers it
	#[arg(long, value_parser = args::vault, default_value = "main", value_name = "VAULT")]
	vault: Choice,
	/// How to bargain, or with --answer how to answer: a policy's file
	#[arg(long, value_name = "FILE")]
	policy: Option<PathBuf>,
	/// Answer for our own offers, until interrupted
	#[arg(long, conflicts_with_all = ["offer", "energy", "max_price", "lifetime", "vault"])]
	answer: bool,
	/// End after one negotiation
	#[arg(long, requires = "answer")]
	once: bool,
}

/// What was agreed on.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
	id: CtpId,
	offer: OfferId,
	producer: AccountId,
	energy_wh: Energy,
	/// Per kWh.
	price: Price,
	/// All that the CTP commits, the fee included.
	amount: Money,
	expiry: BlockNumber,
	/// The producer's consent, SCALE-encoded.
	quote: String,
}

impl From<&Agreed> for Outcome {
	fn from(agreed: &Agreed) -> Self {
		Self {
			id: agreed.id,
			offer: agreed.offer(),
			producer: agreed.producer.clone(),
			energy_wh: agreed.energy(),
			price: agreed.price,
			amount: agreed.amount(),
			expiry: agreed.expiry(),
			quote: to_hex(&agreed.quote.0.encode()),
		}
	}
}

impl Report for Outcome {
	fn human(&self) -> String {
		let Self { offer, producer, energy_wh, price, amount, expiry, quote, .. } = self;
		// As `spb ctp` reads it.
		let number = amount.to_string();
		let number = number.trim_end_matches(" SPB");
		let wh = energy_wh.wh();
		format!(
			"{energy_wh} of offer {offer} at {price}: {amount} with the fee, until block {expiry}\n\
			 commit with: spb ctp {producer} {number} {wh} --quote latest\n{quote}"
		)
	}
}

/// The producer is there.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answering {
	event: &'static str,
	offers: Vec<OfferId>,
}

impl Report for Answering {
	fn human(&self) -> String {
		let offers: Vec<_> = self.offers.iter().map(ToString::to_string).collect();
		format!("answering for offer {}", offers.join(", "))
	}
}

/// How a negotiation ended for the producer.
#[derive(Serialize)]
struct Ended(Event);

impl Report for Ended {
	fn human(&self) -> String {
		match &self.0 {
			Event::Quoted { id, offer, energy_wh, amount, price } => {
				format!(
					"quoted {energy_wh} of offer {offer} at {price}, {amount} with the fee: {id}"
				)
			},
			Event::Refused { reason } => format!("no agreement: {reason}"),
			Event::TimedOut => "the consumer was not heard of again".into(),
		}
	}
}

impl Opts {
	/// Negotiates, or answers and writes how each negotiation ends.
	pub async fn run(self, context: &Context) -> Result<Option<Answer>> {
		if self.answer {
			self.answer(context).await?;
			return Ok(None);
		}
		Answer::of(&self.negotiate(context).await?).map(Some)
	}

	async fn negotiate(self, context: &Context) -> Result<Outcome> {
		let (Some(offer), Some(energy), Some(max_price)) =
			(self.offer, self.energy, self.max_price)
		else {
			return Err(Error::input("name the offer, --energy and --max-price"));
		};
		let policy = match &self.policy {
			Some(path) => read_document::<ConsumerDocument>(path)?,
			None => ConsumerDocument::default(),
		};
		let policy = policy.policy(max_price)?;
		let connection = context.connect().await?;
		// The vault has to cover the highest price and the fee.
		let fee = connection.best_view().await?.limits().await?.fee;
		let most = listed_price(max_price, energy).and_then(|price| price.checked_add(fee));
		let most = most.ok_or_else(|| Error::input("that is more than there is money"))?;
		let trader = context.trader(connection.clone(), &self.vault, most).await?;
		let buyer = Buyer::new(trader, context.post(&connection));
		let wish = Wish { offer, energy, max_price, lifetime: self.lifetime };
		let agreed = buyer.negotiate(&wish, policy).await?;
		let now = connection.best().await?.number;
		Agreements::new(context.directory.clone()).keep(&agreed, now)?;
		Ok(Outcome::from(&agreed))
	}

	async fn answer(self, context: &Context) -> Result<()> {
		let policy = match &self.policy {
			Some(path) => read_document::<ProducerDocument>(path)?,
			None => ProducerDocument::default(),
		};
		let policy = policy.policy()?;
		let key = context.key()?;
		let connection = context.connect().await?;
		let (post, contacts) =
			(context.post(&connection), Contacts::new(context.directory.clone()));
		let mut seller = Seller::open(connection, post, key, contacts, policy).await?;
		let offers = seller.offers().collect();
		write_line(context, NAME, &Answering { event: "answering", offers })?;
		loop {
			let event = seller.next().await?;
			write_line(context, NAME, &Ended(event))?;
			if self.once {
				return Ok(());
			}
		}
	}
}

/// The command's name in JSON output.
pub const NAME: &str = "negotiate";

#[cfg(test)]
mod tests {
	use super::{super::testing::agreed, *};
	use crate::output::result_of;
	use serde_json::json;
	use sp_core::H256;

	#[test]
	fn an_agreement_should_keep_its_shape() {
		let report = Outcome::from(&agreed());
		let quote = format!("0x01{}", "00".repeat(64));
		let expected = json!({
			"id": H256::repeat_byte(1),
			"offer": 3,
			"producer": AccountId::new([2; 32]),
			"energyWh": 700,
			"price": "5",
			"amount": "250000000000",
			"expiry": 600,
			"quote": quote,
		});
		assert_eq!(result_of(&report), expected);
		let text = report.human();
		assert!(text.contains(" 0.25 700 --quote latest\n"), "{text}");
		assert!(text.ends_with(&quote), "{text}");
	}

	#[test]
	fn answers_should_keep_their_shape() {
		let report = Answering { event: "answering", offers: vec![3, 4] };
		assert_eq!(result_of(&report), json!({ "event": "answering", "offers": [3, 4] }));
		let quoted = Event::Quoted {
			id: CtpId(H256::repeat_byte(1)),
			offer: 3,
			energy_wh: Energy::from_wh(700),
			amount: Money::from_units(9),
			price: Price::per_kwh(5),
		};
		let expected = json!({
			"event": "quoted",
			"id": H256::repeat_byte(1),
			"offer": 3,
			"energyWh": 700,
			"amount": "9",
			"price": "5",
		});
		assert_eq!(result_of(&Ended(quoted)), expected);
		let refused = Ended(Event::Refused { reason: "no".into() });
		assert_eq!(result_of(&refused), json!({ "event": "refused", "reason": "no" }));
		assert_eq!(result_of(&Ended(Event::TimedOut)), json!({ "event": "timedOut" }));
	}
}
