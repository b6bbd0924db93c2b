//! The side that buys: one negotiation about one offer.

use super::{moment, until, Agreed, NegotiateError, Writer};
use crate::{
	keys::{random_bytes, AccountKey, Secret},
	relay::{Letters, Post},
	trade::{TradeError, Trader, Wish},
};
use spb_primitives::{
	relay::{
		negotiation::{Agreement, Consumer, ConsumerOutcome, ConsumerPolicy, Deal, Step},
		ContactKey,
	},
	Price, Refusal,
};

/// A consumer who negotiates.
#[derive(Clone, Debug)]
pub struct Buyer {
	trader: Trader,
	post: Post,
}

impl Buyer {
	/// A consumer who writes through the backbone.
	pub fn new(trader: Trader, post: Post) -> Self {
		Self { trader, post }
	}

	/// Negotiates about an offer and, where both agree, signs the CTP and keeps it back: it is handed
	/// to the pool with [`Trader::commit_quoted`].
	///
	/// Whatever else comes of it costs the consumer a one-time key, and never money.
	pub async fn negotiate(
		&self,
		wish: &Wish,
		policy: ConsumerPolicy,
	) -> Result<Agreed, NegotiateError> {
		let (deal, offer) = self.trader.deal(wish).await?;
		let agreement = self.bargain(deal, offer.contact, policy).await?;
		self.trader.adopt(&agreement)?;
		Ok(Agreed::new(agreement, offer.producer, self.post.genesis()))
	}

	/// Exchanges letters until there is an outcome.
	async fn bargain(
		&self,
		deal: Deal,
		contact: ContactKey,
		policy: ConsumerPolicy,
	) -> Result<Agreement, NegotiateError> {
		let (connection, most) = (self.trader.connection(), policy.max_price);
		let mut letters = Letters::new();
		let from = self.post.attach_fresh(&mut letters).await?.public();
		let negotiation = random_bytes();
		let mut consumer = Consumer::new(negotiation, deal, policy, self.post.genesis());
		// Who asks is nobody's business until there is a CTP.
		let key = AccountKey::from_secret(&Secret::random());
		let mut writer = Writer { key, to: contact, from, negotiation, last: None };
		let mut steps = consumer.begin(moment(connection).await?);
		loop {
			for step in steps {
				match step {
					Step::Send { sequence, body } => {
						// A letter that nobody takes now is repeated in its time.
						if let Err(error) = writer.write(&self.post, sequence, body).await {
							self.post.note(&error.to_string());
						}
					},
					Step::Finished(outcome) => return settle(outcome, most),
				}
			}
			// Without a deadline it is over, and has said so.
			let Some(deadline) = consumer.deadline() else { return Err(NegotiateError::TimedOut) };
			steps = tokio::select! {
				letter = letters.next() => consumer.letter(&letter, moment(connection).await?),
				() = tokio::time::sleep(until(deadline)) => {
					consumer.tick(moment(connection).await?)
				},
			};
		}
	}
}

/// What an outcome means to the one who asked for the negotiation.
fn settle(outcome: ConsumerOutcome, most: Price) -> Result<Agreement, NegotiateError> {
	match outcome {
		ConsumerOutcome::Agreed(agreement) => Ok(agreement),
		ConsumerOutcome::Refused(reason) => Err(NegotiateError::Refused(reason)),
		ConsumerOutcome::TooExpensive { best } => Err(NegotiateError::TooExpensive { best, most }),
		ConsumerOutcome::TooLittle => Err(TradeError::from(Refusal::AmountTooSmall).into()),
		ConsumerOutcome::BadQuote => Err(NegotiateError::BadQuote),
		ConsumerOutcome::TimedOut => Err(NegotiateError::TimedOut),
	}
}
