//! The side that sells.

use super::{
	policy::ProducerPolicy,
	thread::{Heard, Thread},
	Now, Step,
};
use crate::{
	listed_price,
	relay::letter::{Body, Letter, NegotiationId, RefuseReason},
	AccountId, BlockNumber, Ctp, CtpId, Energy, Genesis, Money, OfferId, Parameters, Price, Quote,
};
use alloc::{vec, vec::Vec};

/// How many times one answer is repeated when the letter that it answers comes again.
const REPEATS: u8 = 3;
/// How many blocks the consumer may be ahead.
pub(super) const AHEAD: BlockNumber = 5;

/// One of the producer's open offers, as the chain has it now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listing {
	/// What is left beside open CTPs, Wh.
	pub available: Energy,
	/// The listed price per kWh.
	pub price: Price,
}

/// How a negotiation ended for the producer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ProducerOutcome {
	/// It consented to this CTP.
	Quoted {
		/// The CTP's id.
		id: CtpId,
		/// The CTP.
		ctp: Ctp,
		/// At this price per kWh.
		price: Price,
	},
	/// It refused.
	Refused(RefuseReason),
	/// The consumer refused.
	RefusedByConsumer(RefuseReason),
	/// No further letter came in time.
	TimedOut,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Countered {
	offer: OfferId,
	energy: Energy,
	price: Price,
	/// The last block at which it can be accepted.
	until: BlockNumber,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
	New,
	Countered(Countered),
	Done,
}

/// A producer's side of one negotiation, which begins with the first letter of its consumer.
#[derive(Clone, Debug)]
pub struct Producer {
	negotiation: NegotiationId,
	consumer: AccountId,
	policy: ProducerPolicy,
	fee: Money,
	longest: BlockNumber,
	genesis: Genesis,
	state: State,
	thread: Thread,
	rounds: u8,
	begun: u64,
}

type Steps = Vec<Step<ProducerOutcome>>;

impl Producer {
	/// For the negotiation and the author of its first letter, which is to be given to
	/// [`Self::letter`] then. `fee` is what settling costs. It consents to CTPs that are open for as
	/// long as the development chain allows, unless [`Self::for_at_most`] says otherwise.
	pub fn new(
		first: &Letter,
		policy: ProducerPolicy,
		fee: Money,
		genesis: Genesis,
		now: Now,
	) -> Self {
		Self {
			negotiation: first.content.negotiation,
			consumer: first.content.author.clone(),
			policy,
			fee,
			longest: Parameters::DEVELOPMENT.max_lifetime,
			genesis,
			state: State::New,
			thread: Thread::default(),
			rounds: 0,
			begun: now.ms,
		}
	}

	/// Consents only to CTPs that expire within so many blocks: those that could enter the database
	/// now, where this is the chain's `max_lifetime`. A quote counts for as long as its CTP can enter,
	/// so without an end it would bind the producer to today's price for ever.
	#[must_use]
	pub fn for_at_most(self, longest: BlockNumber) -> Self {
		Self { longest, ..self }
	}

	/// Whether the outcome has been told. A letter that comes again is still answered as before.
	pub fn is_over(&self) -> bool {
		self.state == State::Done
	}

	/// Whether its consumer has asked once and no more, if that. Whoever remembers negotiations keeps
	/// these apart from others: they cost their consumers least, and little is lost with one.
	pub fn is_at_first_ask(&self) -> bool {
		self.rounds <= 1 && !self.is_over()
	}

	/// When [`Self::tick`] will have something to do, in milliseconds since 1970. A letter that comes
	/// again does not put it off.
	pub fn deadline(&self) -> Option<u64> {
		let since = self.thread.since().max(self.begun);
		(!self.is_over()).then(|| since.saturating_add(self.policy.patience))
	}

	/// A letter has come, opened and verified. `listing` tells one of the producer's open offers, and
	/// `sign` makes the quote for a CTP.
	pub fn letter(
		&mut self,
		letter: &Letter,
		now: Now,
		listing: impl FnOnce(OfferId) -> Option<Listing>,
		sign: impl FnOnce(&CtpId) -> Quote,
	) -> Steps {
		let content = &letter.content;
		if content.negotiation != self.negotiation || content.author != self.consumer {
			return Vec::new();
		}
		match self.thread.hear(content.sequence) {
			Heard::New if self.is_over() => Vec::new(),
			Heard::New => match (self.state, &content.body) {
				(_, Body::Refuse { reason }) => {
					self.finish(ProducerOutcome::RefusedByConsumer(*reason))
				},
				(_, Body::Ask { offer, energy, price }) => {
					self.counter(*offer, *energy, *price, listing(*offer), now)
				},
				(State::Countered(countered), Body::Accept { ctp }) => {
					self.consent(countered, ctp, now, sign)
				},
				(_, Body::Accept { .. }) => self.refuse(RefuseReason::OutOfTurn, now),
				// A consumer has nothing else to say.
				_ => Vec::new(),
			},
			Heard::Again => self.thread.again(REPEATS).into_iter().collect(),
			Heard::Late => Vec::new(),
		}
	}

	/// Time has passed.
	pub fn tick(&mut self, now: Now) -> Steps {
		if self.deadline().is_none_or(|deadline| now.ms < deadline) {
			return Vec::new();
		}
		self.finish(ProducerOutcome::TimedOut)
	}

	fn counter(
		&mut self,
		offer: OfferId,
		energy: Energy,
		asked: Price,
		listing: Option<Listing>,
		now: Now,
	) -> Steps {
		if self.rounds >= self.policy.rounds {
			return self.refuse(RefuseReason::TooManyRounds, now);
		}
		self.rounds = self.rounds.saturating_add(1);
		let Some(listing) = listing else {
			return self.refuse(RefuseReason::NoSuchOffer, now);
		};
		if energy.is_zero() || energy > listing.available {
			return self.refuse(RefuseReason::NotEnough, now);
		}
		match self.policy.price(listing.price, energy, now.ms) {
			Ok(price) => {
				// Who asks to pay more may.
				let price = price.max(asked);
				let valid_for = self.policy.valid_for;
				let until = now.block.saturating_add(valid_for);
				self.state = State::Countered(Countered { offer, energy, price, until });
				vec![self.thread.say(Body::CounterOffer { price, valid_for }, now.ms)]
			},
			Err(reason) => self.refuse(reason, now),
		}
	}

	fn consent(
		&mut self,
		countered: Countered,
		ctp: &Ctp,
		now: Now,
		sign: impl FnOnce(&CtpId) -> Quote,
	) -> Steps {
		if now.block > countered.until {
			return self.refuse(RefuseReason::TooLate, now);
		}
		if !self.is_agreed(&countered, ctp, now) {
			return self.refuse(RefuseReason::OtherTerms, now);
		}
		let id = CtpId::of(ctp, &self.genesis);
		let quote = sign(&id);
		let mut steps = vec![self.thread.say(Body::Quote { ctp: id, quote }, now.ms)];
		let price = countered.price;
		steps.extend(self.finish(ProducerOutcome::Quoted { id, ctp: ctp.clone(), price }));
		steps
	}

	/// Whether the CTP pays what was agreed for what was agreed, and is open neither no longer nor for
	/// too long.
	fn is_agreed(&self, countered: &Countered, ctp: &Ctp, now: Now) -> bool {
		let paid = ctp.amount.checked_sub(self.fee);
		let due = listed_price(countered.price, countered.energy);
		let pays = matches!((paid, due), (Some(paid), Some(due)) if paid >= due);
		let open = ctp.expiry.checked_sub(now.block);
		let longest = self.longest.saturating_add(AHEAD);
		let in_time = open.is_some_and(|blocks| blocks > 0 && blocks <= longest);
		pays && in_time && ctp.offer == countered.offer && ctp.energy == countered.energy
	}

	fn refuse(&mut self, reason: RefuseReason, now: Now) -> Steps {
		let mut steps = vec![self.thread.say(Body::Refuse { reason }, now.ms)];
		steps.extend(self.finish(ProducerOutcome::Refused(reason)));
		steps
	}

	fn finish(&mut self, outcome: ProducerOutcome) -> Steps {
		self.state = State::Done;
		vec![Step::Finished(outcome)]
	}
}
