//! The side that buys.

use super::{
	policy::ConsumerPolicy,
	thread::{Heard, Thread},
	Now, Step,
};
use crate::{
	listed_price,
	message::verify_quote,
	relay::letter::{Body, Letter, NegotiationId, RefuseReason},
	AccountId, BlockNumber, Ctp, CtpId, Energy, Genesis, Money, OfferId, Price, Quote, ReceiptKey,
	VaultId,
};
use alloc::{vec, vec::Vec};

/// What a consumer wants, from whom, and what its CTP is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deal {
	/// The offer.
	pub offer: OfferId,
	/// The offer's producer: letters of others do not count.
	pub producer: AccountId,
	/// How much, Wh.
	pub energy: Energy,
	/// The vault that pays.
	pub vault: VaultId,
	/// The receipt key of a one-time meter key, used for this deal alone.
	pub receipt_key: ReceiptKey,
	/// How many blocks the CTP is open, from the one at which the price is accepted.
	pub lifetime: BlockNumber,
	/// What settling costs, on top of the price.
	pub fee: Money,
	/// The least amount that a CTP may commit.
	pub min_amount: Money,
}

impl Deal {
	/// What the energy and its settlement cost at this price per kWh; `None` where money cannot count
	/// it.
	pub fn cost(&self, price: Price) -> Option<Money> {
		listed_price(price, self.energy)?.checked_add(self.fee)
	}

	/// The CTP at this price per kWh, or at the least that one may commit; `None` where money cannot
	/// count it or blocks have no number for its expiry.
	pub fn ctp(&self, price: Price, now: BlockNumber) -> Option<Ctp> {
		let amount = self.cost(price)?;
		Some(Ctp {
			vault: self.vault,
			offer: self.offer,
			energy: self.energy,
			amount: amount.max(self.min_amount),
			expiry: now.checked_add(self.lifetime)?,
			receipt_key: self.receipt_key,
		})
	}
}

/// What both sides agreed on: the CTP to sign, and the quote that lets it into the database.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Agreement {
	/// The CTP, for which alone the quote counts.
	pub ctp: Ctp,
	/// Its id.
	pub id: CtpId,
	/// The agreed price per kWh.
	pub price: Price,
	/// The producer's consent.
	pub quote: Quote,
}

/// How a negotiation ended for the consumer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConsumerOutcome {
	/// With a quote that was verified.
	Agreed(Agreement),
	/// The producer refused.
	Refused(RefuseReason),
	/// The producer asks for more than the consumer pays.
	TooExpensive {
		/// The least that it asked for, per kWh.
		best: Price,
	},
	/// The producer's quote does not hold.
	BadQuote,
	/// Even at the highest price that the consumer pays, this is less than a CTP may commit.
	TooLittle,
	/// No answer came in time.
	TimedOut,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum State {
	New,
	Asked { round: u8 },
	Accepted { ctp: Ctp, id: CtpId, price: Price },
	Done,
}

/// A consumer's side of one negotiation.
#[derive(Clone, Debug)]
pub struct Consumer {
	negotiation: NegotiationId,
	deal: Deal,
	policy: ConsumerPolicy,
	genesis: Genesis,
	state: State,
	thread: Thread,
	best: Option<Price>,
}

type Steps = Vec<Step<ConsumerOutcome>>;

impl Consumer {
	/// A negotiation that has not begun. Its id is random.
	pub fn new(
		negotiation: NegotiationId,
		deal: Deal,
		policy: ConsumerPolicy,
		genesis: Genesis,
	) -> Self {
		let (state, thread) = (State::New, Thread::default());
		Self { negotiation, deal, policy, genesis, state, thread, best: None }
	}

	/// The negotiation's id.
	pub fn negotiation(&self) -> NegotiationId {
		self.negotiation
	}

	/// Whether the outcome has been told.
	pub fn is_over(&self) -> bool {
		self.state == State::Done
	}

	/// When [`Self::tick`] will have something to do, in milliseconds since 1970.
	pub fn deadline(&self) -> Option<u64> {
		match self.state {
			State::New | State::Done => None,
			_ => Some(self.thread.since().saturating_add(self.policy.patience)),
		}
	}

	/// Asks, for the first time. Does nothing later.
	///
	/// Where the least that a CTP may commit is more than the highest price makes, nobody is asked: it
	/// would cost more than the policy says.
	pub fn begin(&mut self, now: Now) -> Steps {
		if self.state != State::New {
			return Vec::new();
		}
		if self.deal.cost(self.policy.max_price).is_some_and(|cost| cost < self.deal.min_amount) {
			return self.finish(ConsumerOutcome::TooLittle);
		}
		self.ask(0, now)
	}

	/// A letter has come, opened and verified.
	pub fn letter(&mut self, letter: &Letter, now: Now) -> Steps {
		let content = &letter.content;
		let ours = content.negotiation == self.negotiation && content.author == self.deal.producer;
		let waiting = matches!(self.state, State::Asked { .. } | State::Accepted { .. });
		if !ours || !waiting || self.thread.hear(content.sequence) != Heard::New {
			return Vec::new();
		}
		match (self.state.clone(), &content.body) {
			(_, Body::Refuse { reason }) => self.finish(ConsumerOutcome::Refused(*reason)),
			(State::Asked { round }, Body::CounterOffer { price, .. }) => {
				self.answer(round, *price, now)
			},
			(State::Accepted { ctp, id, price }, Body::Quote { ctp: quoted, quote }) => {
				let holds = *quoted == id
					&& verify_quote(quote, &id, &self.deal.producer, &self.genesis).is_ok();
				if holds {
					let agreement = Agreement { ctp, id, price, quote: quote.clone() };
					return self.finish(ConsumerOutcome::Agreed(agreement));
				}
				self.refuse(RefuseReason::BadQuote, ConsumerOutcome::BadQuote, now)
			},
			// What makes no sense here changes nothing: an answer may still come.
			_ => Vec::new(),
		}
	}

	/// Time has passed: what got no answer is repeated, or the negotiation is over.
	pub fn tick(&mut self, now: Now) -> Steps {
		if self.deadline().is_none_or(|deadline| now.ms < deadline) {
			return Vec::new();
		}
		match self.thread.repeat(self.policy.repeats, now.ms) {
			Some(step) => vec![step],
			None => self.finish(ConsumerOutcome::TimedOut),
		}
	}

	fn answer(&mut self, round: u8, price: Price, now: Now) -> Steps {
		self.best = Some(self.best.map_or(price, |best| best.min(price)));
		if price > self.policy.max_price {
			return self.ask(round.saturating_add(1), now);
		}
		let Some(ctp) = self.deal.ctp(price, now.block) else {
			return self.ask(self.policy.rounds, now);
		};
		let id = CtpId::of(&ctp, &self.genesis);
		self.state = State::Accepted { ctp: ctp.clone(), id, price };
		vec![self.thread.say(Body::Accept { ctp }, now.ms)]
	}

	fn ask(&mut self, round: u8, now: Now) -> Steps {
		let Some(price) = self.policy.ask(round) else {
			let best = self.best.unwrap_or(self.policy.max_price);
			let outcome = ConsumerOutcome::TooExpensive { best };
			return self.refuse(RefuseReason::TooExpensive, outcome, now);
		};
		self.state = State::Asked { round };
		let Deal { offer, energy, .. } = self.deal;
		vec![self.thread.say(Body::Ask { offer, energy, price }, now.ms)]
	}

	fn refuse(&mut self, reason: RefuseReason, outcome: ConsumerOutcome, now: Now) -> Steps {
		let mut steps = Vec::new();
		// Where nothing was said, there is nobody to tell.
		if self.state != State::New {
			steps.push(self.thread.say(Body::Refuse { reason }, now.ms));
		}
		steps.extend(self.finish(outcome));
		steps
	}

	fn finish(&mut self, outcome: ConsumerOutcome) -> Steps {
		self.state = State::Done;
		vec![Step::Finished(outcome)]
	}
}
