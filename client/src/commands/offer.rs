//! `spb offer`: what a producer sells.

use crate::{
	args,
	context::Context,
	output::{table, Answer, Report},
};
use codec::Encode;
use serde::Serialize;
use spb_client::{
	chain::{calls, runtime::spb::events, Offer, OfferFilter, Terms},
	connection::{ConnectionError, Head},
	error::{Classify, Kind},
	files::to_hex,
	relay::Contacts,
	trade, Error, Result,
};
use spb_primitives::{relay::ContactKey, AccountId, Ctp, CtpId, Energy, Money, OfferId, Price};

/// What there is to do with offers.
#[derive(clap::Subcommand)]
pub enum Command {
	/// Offer a block of energy
	Add(Add),
	/// Add energy to an offer
	TopUp {
		/// The offer
		#[arg(value_parser = args::number)]
		offer: OfferId,
		/// The energy, in Wh
		#[arg(value_parser = args::energy)]
		energy: Energy,
	},
	/// List what is for sale
	List(List),
	/// Set an offer's price, for CTPs that enter from now on
	Reprice {
		/// The offer
		#[arg(value_parser = args::number)]
		offer: OfferId,
		/// The price, in SPB per kWh
		price: Price,
	},
	/// Close an offer to new CTPs
	Close {
		/// The offer
		#[arg(value_parser = args::number)]
		offer: OfferId,
	},
	/// Consent to a CTP that a consumer prepared, at the price that it pays
	Quote {
		/// The CTP: hexadecimal digits or a file that holds them
		#[arg(value_name = "HEX|FILE")]
		ctp: String,
	},
}

/// On which terms to sell.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum TermsArg {
	/// At the listed price
	#[default]
	Listed,
	/// At the listed price, or below it with a quote
	Negotiable,
	/// With a quote only
	QuoteOnly,
}

impl From<TermsArg> for Terms {
	fn from(terms: TermsArg) -> Self {
		match terms {
			TermsArg::Listed => Self::Listed,
			TermsArg::Negotiable => Self::Negotiable,
			TermsArg::QuoteOnly => Self::QuoteOnly,
		}
	}
}

/// The options of `spb offer add`.
#[derive(clap::Args)]
pub struct Add {
	/// The energy, in Wh
	#[arg(value_parser = args::energy)]
	energy: Energy,
	/// The price, in SPB per kWh
	price: Price,
	/// The terms
	#[arg(long, value_enum, default_value_t)]
	terms: TermsArg,
	/// The key (X25519) that answers to negotiation [default: a fresh one in the state directory, or
	/// none for an offer at its listed price]
	#[arg(long, value_parser = args::contact, value_name = "HEX")]
	contact: Option<ContactKey>,
}

/// The options of `spb offer list`.
#[derive(clap::Args)]
pub struct List {
	/// Of this producer only
	#[arg(long, value_parser = args::account, value_name = "ACCOUNT")]
	producer: Option<AccountId>,
	/// Our own only
	#[arg(long, conflicts_with = "producer")]
	own: bool,
	/// With at least this energy left, in Wh
	#[arg(long, value_parser = args::energy, value_name = "WH")]
	min_energy: Option<Energy>,
	/// At this price at most, in SPB per kWh
	#[arg(long, value_name = "PRICE")]
	max_price: Option<Price>,
	/// Closed ones too
	#[arg(long)]
	closed: bool,
}

/// An offer that was made.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Added {
	offer: OfferId,
	/// Where to negotiate about it.
	contact: Option<ContactKey>,
	block: Head,
	#[serde(skip)]
	what: String,
}

impl Report for Added {
	fn human(&self) -> String {
		format!("offer {} {}", self.offer, self.what)
	}
}

/// What was done to an offer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Changed {
	offer: OfferId,
	block: Head,
	#[serde(skip)]
	what: String,
}

impl Report for Changed {
	fn human(&self) -> String {
		format!("offer {} {}", self.offer, self.what)
	}
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
	offers: Vec<Offer>,
}

impl Report for Listed {
	fn human(&self) -> String {
		let rows: Vec<_> = self.offers.iter().map(row).collect();
		table(["offer", "available", "price", "terms", "producer"], &rows)
	}
}

fn row(offer: &Offer) -> [String; 5] {
	let terms = match (offer.closed_at, offer.terms) {
		(Some(block), _) => format!("closed at {block}"),
		(None, Terms::Listed) => "listed".into(),
		(None, Terms::Negotiable) => "negotiable".into(),
		(None, Terms::QuoteOnly) => "quote only".into(),
	};
	let (available, price) = (offer.available.to_string(), offer.price.to_string());
	[offer.id.to_string(), available, price, terms, offer.producer.to_string()]
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Quoted {
	id: CtpId,
	offer: OfferId,
	energy_wh: Energy,
	amount: Money,
	quote: String,
}

impl Report for Quoted {
	fn human(&self) -> String {
		self.quote.clone()
	}
}

impl Command {
	/// The command's name in JSON output.
	pub fn name(&self) -> &'static str {
		match self {
			Self::Add(_) => "offer add",
			Self::TopUp { .. } => "offer top-up",
			Self::List(_) => "offer list",
			Self::Reprice { .. } => "offer reprice",
			Self::Close { .. } => "offer close",
			Self::Quote { .. } => "offer quote",
		}
	}

	/// Runs the command.
	pub async fn run(self, context: &Context) -> Result<Answer> {
		let (offer, call, what) = match self {
			Self::Add(add) => return Answer::of(&add.run(context).await?),
			Self::List(list) => return Answer::of(&list.run(context).await?),
			Self::Quote { ctp } => return Answer::of(&quote(context, &ctp).await?),
			Self::TopUp { offer, energy } => {
				let what = format!("topped up by {energy}");
				(offer, Change::TopUp(energy), what)
			},
			Self::Reprice { offer, price } => {
				(offer, Change::Reprice(price), format!("sells at {price}"))
			},
			Self::Close { offer } => (offer, Change::Close, "takes no new CTPs".to_owned()),
		};
		let key = context.key()?;
		let connection = context.connect().await?;
		let included = match call {
			Change::TopUp(energy) => {
				connection.submit_and_wait(&calls::top_up_offer(offer, energy), &key).await?
			},
			Change::Reprice(price) => {
				connection.submit_and_wait(&calls::reprice_offer(offer, price), &key).await?
			},
			Change::Close => connection.submit_and_wait(&calls::close_offer(offer), &key).await?,
		};
		Answer::of(&Changed { offer, block: included.block, what })
	}
}

/// What to do to an offer.
enum Change {
	TopUp(Energy),
	Reprice(Price),
	Close,
}

impl Add {
	async fn run(self, context: &Context) -> Result<Added> {
		let key = context.key()?;
		let connection = context.connect().await?;
		let terms = Terms::from(self.terms);
		let contacts = Contacts::new(context.directory.clone());
		let fresh = match (self.contact, terms) {
			(None, Terms::Negotiable | Terms::QuoteOnly) => Some(contacts.make()?.public()),
			_ => None,
		};
		let contact = fresh.or(self.contact);
		let call = calls::offer_energy(self.energy, self.price, terms, contact.unwrap_or_default());
		let included = match connection.submit_and_wait(&call, &key).await {
			Ok(included) => included,
			Err(error) => {
				// A refusal is for good; after anything else the offer may still come about.
				if let Some(fresh) = fresh.filter(|_| error.kind() == Kind::Refused) {
					contacts.forget(&fresh)?;
				}
				return Err(error.into());
			},
		};
		let event = included.event::<events::EnergyOffered>();
		let offer = event.ok_or_else(|| ConnectionError::Malformed {
			method: "System.Events".into(),
			reason: "the call succeeded without its event".into(),
		})?;
		let what = format!("sells {} at {}", self.energy, self.price);
		Ok(Added { offer: offer.offer, contact, block: included.block, what })
	}
}

impl List {
	async fn run(self, context: &Context) -> Result<Listed> {
		let producer = match self.own {
			true => Some(context.key()?.account()),
			false => self.producer,
		};
		let view = context.connect().await?.best_view().await?;
		let (min_energy, max_price, closed) = (self.min_energy, self.max_price, self.closed);
		let filter = OfferFilter { producer, min_energy, max_price, closed };
		Ok(Listed { offers: view.offers(filter).await? })
	}
}

/// Consents to a CTP, after a look at what it says.
async fn quote(context: &Context, ctp: &str) -> Result<Quoted> {
	let ctp: Ctp = args::encoded("CTP", ctp)?;
	let key = context.key()?;
	let connection = context.connect().await?;
	let offer = connection.best_view().await?.offer(ctp.offer).await?;
	let ours = offer.is_some_and(|offer| offer.producer == key.account());
	if !ours {
		let other = trade::TradeError::OfferOfAnother(ctp.offer);
		return Err(Error::from(other));
	}
	let genesis = connection.genesis();
	let id = CtpId::of(&ctp, &genesis);
	context.note(|| format!("{} for {} on offer {}", ctp.amount, ctp.energy, ctp.offer));
	let quote = to_hex(&trade::quote(&key, &id, &genesis).encode());
	Ok(Quoted { id, offer: ctp.offer, energy_wh: ctp.energy, amount: ctp.amount, quote })
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::output::result_of;
	use serde_json::json;
	use sp_core::H256;

	fn offer() -> Offer {
		Offer {
			id: 3,
			producer: AccountId::new([1; 32]),
			available: Energy::from_wh(700),
			price: Price::per_kwh(300_000_000_000),
			terms: Terms::QuoteOnly,
			contact: ContactKey([2; 32]),
			closed_at: None,
			deposit: Money::from_units(5),
		}
	}

	#[test]
	fn output_should_keep_its_shape() {
		let block = Head { number: 7, hash: H256::repeat_byte(9) };
		let report = Changed { offer: 3, block, what: "is closed".into() };
		assert_eq!(report.human(), "offer 3 is closed");
		let expected = json!({ "offer": 3, "block": { "number": 7, "hash": block.hash } });
		assert_eq!(result_of(&report), expected);
		let contact = Some(ContactKey([2; 32]));
		let added = Added { offer: 3, contact, block, what: "sells".into() };
		let expected = json!({
			"offer": 3,
			"contact": format!("0x{}", "02".repeat(32)),
			"block": { "number": 7, "hash": block.hash },
		});
		assert_eq!(result_of(&added), expected);
		let report = Listed { offers: vec![offer()] };
		let expected = json!({ "offers": [{
			"id": 3,
			"producer": AccountId::new([1; 32]),
			"available": 700,
			"price": "300000000000",
			"terms": "quoteOnly",
			"contact": format!("0x{}", "02".repeat(32)),
			"closedAt": null,
			"deposit": "5",
		}] });
		assert_eq!(result_of(&report), expected);
		let report = Quoted {
			id: CtpId(H256::repeat_byte(1)),
			offer: 3,
			energy_wh: Energy::from_wh(700),
			amount: Money::from_units(9),
			quote: "0x01".into(),
		};
		let expected = json!({
			"id": H256::repeat_byte(1),
			"offer": 3,
			"energyWh": 700,
			"amount": "9",
			"quote": "0x01",
		});
		assert_eq!(result_of(&report), expected);
	}

	#[test]
	fn rows_should_say_when_an_offer_is_closed() {
		assert_eq!(row(&offer())[..4], ["3", "700 Wh", "0.3 SPB/kWh", "quote only"]);
		assert_eq!(row(&Offer { closed_at: Some(8), ..offer() })[3], "closed at 8");
	}
}
