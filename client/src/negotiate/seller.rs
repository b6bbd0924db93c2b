//! The side that sells: answers to whoever writes to one of its offers.

use super::{moment, until, NegotiateError, Writer};
use crate::{
	chain::{Offer, OfferFilter},
	connection::Connection,
	keys::AccountKey,
	relay::{Contacts, Letters, Post},
	trade::{
		self,
		deal::{is_sold_by, left},
	},
};
use serde::Serialize;
use spb_primitives::{
	relay::{
		negotiation::{Listing, Now, Producer, ProducerOutcome, ProducerPolicy, Step},
		packet::MAX_AGE,
		Body, ContactKey, Letter, NegotiationId, RefuseReason,
	},
	AccountId, BlockNumber, CtpId, Energy, Money, OfferId, Price,
};
use std::{
	collections::BTreeMap,
	time::{Duration, Instant},
};

/// Negotiations at once. One more takes the place of one that is over or has come no further than its
/// first ask, which costs nobody anything; where there is none, it is told that the producer is busy.
pub(super) const MAX_NEGOTIATIONS: usize = 256;
/// How often the offers are looked at again.
const OFFERS: Duration = Duration::from_secs(6);

/// How a negotiation ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "event")]
pub enum Event {
	/// The producer consented to a CTP.
	Quoted {
		/// The CTP.
		id: CtpId,
		/// The offer that delivers.
		offer: OfferId,
		/// The energy.
		energy_wh: Energy,
		/// All that the CTP commits, the fee included.
		amount: Money,
		/// The price that was agreed on.
		price: Price,
	},
	/// Either side refused.
	Refused {
		/// Why.
		reason: String,
	},
	/// The consumer was not heard of again.
	TimedOut,
}

impl From<ProducerOutcome> for Event {
	fn from(outcome: ProducerOutcome) -> Self {
		match outcome {
			ProducerOutcome::Quoted { id, ctp, price } => Self::Quoted {
				id,
				offer: ctp.offer,
				energy_wh: ctp.energy,
				amount: ctp.amount,
				price,
			},
			ProducerOutcome::Refused(reason) | ProducerOutcome::RefusedByConsumer(reason) => {
				Self::Refused { reason: reason.to_string() }
			},
			ProducerOutcome::TimedOut => Self::TimedOut,
		}
	}
}

/// Who negotiates about what.
type Name = (AccountId, NegotiationId);

/// A negotiation on its way.
struct Talk {
	producer: Producer,
	writer: Writer,
	/// How many had begun before it.
	place: u64,
	/// When a letter of it cannot come any more, in milliseconds since 1970.
	forgotten: u64,
}

/// A producer who answers.
pub struct Seller {
	connection: Connection,
	post: Post,
	key: AccountKey,
	contacts: Contacts,
	policy: ProducerPolicy,
	/// What settling costs.
	fee: Money,
	/// The longest lifetime of a CTP that enters now: what it consents to is in force no longer.
	longest: BlockNumber,
	letters: Letters,
	/// The offers that are answered for, by their contact keys.
	offers: BTreeMap<ContactKey, Offer>,
	looked: Option<Instant>,
	talks: BTreeMap<Name, Talk>,
	/// How many have begun.
	begun: u64,
}

impl std::fmt::Debug for Seller {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		write!(f, "Seller({})", self.key.account())
	}
}

impl Seller {
	/// Attaches the contact keys of the account's open offers that it holds.
	///
	/// # Errors
	///
	/// If there are none, or the backbone cannot be reached.
	pub async fn open(
		connection: Connection,
		post: Post,
		key: AccountKey,
		contacts: Contacts,
		policy: ProducerPolicy,
	) -> Result<Self, NegotiateError> {
		let mut seller = Self {
			connection,
			post,
			key,
			contacts,
			policy,
			fee: Money::ZERO,
			longest: 0,
			letters: Letters::new(),
			offers: BTreeMap::new(),
			looked: None,
			talks: BTreeMap::new(),
			begun: 0,
		};
		seller.look().await?;
		if seller.offers.is_empty() {
			return Err(NegotiateError::NothingToAnswer);
		}
		Ok(seller)
	}

	/// The offers that are answered for.
	pub fn offers(&self) -> impl Iterator<Item = OfferId> + '_ {
		self.offers.values().map(|offer| offer.id)
	}

	/// Answers until a negotiation has ended, and tells how.
	pub async fn next(&mut self) -> Result<Event, NegotiateError> {
		loop {
			if self.looked.is_none_or(|looked| looked.elapsed() >= OFFERS) {
				// A break of the connection is no reason to stop answering: it will be there again.
				if let Err(error) = self.look().await {
					self.post.note(&error.to_string());
					self.looked = Some(Instant::now());
				}
			}
			let deadline = self.talks.values().filter_map(|talk| talk.producer.deadline()).min();
			let wait = deadline.map_or(OFFERS, |deadline| until(deadline).min(OFFERS));
			let ended = tokio::select! {
				letter = self.letters.next() => self.letter(letter).await,
				() = tokio::time::sleep(wait) => self.tick().await,
			};
			match ended {
				Ok(Some(event)) => return Ok(event),
				Ok(None) => {},
				Err(error) => self.post.note(&error.to_string()),
			}
		}
	}

	/// Looks what the chain demands of CTPs and which offers there are to answer for, and attaches
	/// their keys.
	async fn look(&mut self) -> Result<(), NegotiateError> {
		let account = self.key.account();
		let filter = OfferFilter { producer: Some(account.clone()), ..Default::default() };
		let view = self.connection.best_view().await?;
		(self.fee, self.longest) = (view.limits().await?.fee, view.entry_lifetime().await?);
		let offers = view.offers(filter).await?;
		let asked = offers.into_iter().filter(|offer| is_sold_by(offer, &account));
		let (mut answered, mut failure) = (BTreeMap::new(), None);
		for offer in asked.filter(|offer| !offer.contact.is_none()) {
			// An offer whose key is elsewhere is answered for there.
			let Some(secret) = self.contacts.find(&offer.contact)? else { continue };
			match self.letters.attach(&self.post, secret).await {
				Ok(()) => {
					answered.insert(offer.contact, offer);
				},
				// The node of one key says nothing of the others; it is tried again.
				Err(error) => {
					self.post.note(&error.to_string());
					failure.get_or_insert(error);
				},
			}
		}
		if let Some(error) = failure.filter(|_| answered.is_empty()) {
			return Err(error.into());
		}
		self.letters.retain(|key| answered.contains_key(key));
		self.offers = answered;
		self.looked = Some(Instant::now());
		Ok(())
	}

	/// Answers a letter.
	async fn letter(&mut self, letter: Letter) -> Result<Option<Event>, NegotiateError> {
		let now = moment(&self.connection).await?;
		let content = &letter.content;
		let name = (content.author.clone(), content.negotiation);
		self.talks.retain(|_, talk| talk.forgotten > now.ms);
		let listing = match &content.body {
			Body::Ask { offer, .. } => self.listing(&content.to, *offer).await?,
			Body::Accept { .. } | Body::Refuse { .. } => None,
			// Nothing else is for a producer.
			_ => return Ok(None),
		};
		if !self.talks.contains_key(&name) {
			if !matches!(content.body, Body::Ask { .. }) {
				// The rest of a negotiation that is forgotten here, or never was.
				return Ok(None);
			}
			let mut writer = self.writer(&letter);
			if !self.make_room() {
				let reason = RefuseReason::Busy;
				writer.write(&self.post, 0, Body::Refuse { reason }).await?;
				return Ok(None);
			}
			let (policy, genesis) = (self.policy.clone(), self.post.genesis());
			let producer = Producer::new(&letter, policy, self.fee, genesis, now);
			let producer = producer.for_at_most(self.longest);
			let place = self.begun;
			self.begun = place.saturating_add(1);
			self.talks.insert(name.clone(), Talk { producer, writer, place, forgotten: 0 });
		}
		let Some(talk) = self.talks.get_mut(&name) else { return Ok(None) };
		// Answers go where the latest letter wants them: a consumer may come from elsewhere.
		talk.writer.to = content.reply_to;
		talk.forgotten = now.ms.saturating_add(MAX_AGE);
		let (key, genesis) = (&self.key, self.post.genesis());
		let sign = |id: &CtpId| trade::quote(key, id, &genesis);
		let steps = talk.producer.letter(&letter, now, |_| listing, sign);
		Self::take(&self.post, talk, steps).await
	}

	/// Whether one more negotiation can be remembered: the oldest that is over makes room for it, or
	/// else the oldest that has come no further than its first ask. So asking is not enough to keep
	/// others out.
	fn make_room(&mut self) -> bool {
		if self.talks.len() < MAX_NEGOTIATIONS {
			return true;
		}
		let oldest = |may_go: fn(&Producer) -> bool| {
			let may_go = self.talks.iter().filter(|(_, talk)| may_go(&talk.producer));
			may_go.min_by_key(|(_, talk)| talk.place).map(|(name, _)| name.clone())
		};
		let oldest = oldest(Producer::is_over).or_else(|| oldest(Producer::is_at_first_ask));
		oldest.is_some_and(|name| self.talks.remove(&name).is_some())
	}

	/// What the chain has of an offer that is asked for at its own contact key.
	async fn listing(
		&self,
		to: &ContactKey,
		offer: OfferId,
	) -> Result<Option<Listing>, NegotiateError> {
		let view = self.connection.best_view().await?;
		let account = self.key.account();
		let found = view.offer(offer).await?;
		let found = found.filter(|offer| is_sold_by(offer, &account) && offer.contact == *to);
		let Some(offer) = found else { return Ok(None) };
		let available = left(&self.connection, &offer, view.head().hash).await?;
		Ok(Some(Listing { available, price: offer.price }))
	}

	fn writer(&self, letter: &Letter) -> Writer {
		let content = &letter.content;
		Writer {
			key: self.key.clone(),
			to: content.reply_to,
			from: content.to,
			negotiation: content.negotiation,
			last: None,
		}
	}

	/// Ends what was not heard of for too long.
	async fn tick(&mut self) -> Result<Option<Event>, NegotiateError> {
		let ms = crate::relay::now();
		let is_due = |talk: &Talk| talk.producer.deadline().is_some_and(|deadline| deadline <= ms);
		let due = self.talks.iter().find(|(_, talk)| is_due(talk)).map(|(name, _)| name.clone());
		let Some(name) = due else { return Ok(None) };
		let now = Now { ms, block: 0 };
		let Some(talk) = self.talks.get_mut(&name) else { return Ok(None) };
		let steps = talk.producer.tick(now);
		Self::take(&self.post, talk, steps).await
	}

	/// Does what a negotiation asks for; its end, if it has ended.
	async fn take(
		post: &Post,
		talk: &mut Talk,
		steps: Vec<Step<ProducerOutcome>>,
	) -> Result<Option<Event>, NegotiateError> {
		let mut ended = None;
		for step in steps {
			match step {
				Step::Send { sequence, body } => {
					// What is lost the consumer asks for again.
					if let Err(error) = talk.writer.write(post, sequence, body).await {
						post.note(&error.to_string());
					}
				},
				Step::Finished(outcome) => ended = Some(outcome.into()),
			}
		}
		Ok(ended)
	}
}
