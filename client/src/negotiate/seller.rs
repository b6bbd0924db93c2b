//! The side that sells: answers to whoever writes to one of its offers.

use super::{moment, until, NegotiateError, Outbox, Writer};
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
		Body, ContactKey, ContactSecret, Letter, NegotiationId,
	},
	AccountId, BlockNumber, CtpId, Energy, Genesis, Money, OfferId, Price,
};
use std::{
	collections::BTreeMap,
	time::{Duration, Instant},
};

/// Negotiations at once. One more takes the place of an old one.
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
	/// Answers on their way, with the ends that they tell of.
	outbox: Outbox<Event>,
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
			outbox: Outbox::new(post.clone()),
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
		let secrets = seller.look().await?;
		if seller.offers.is_empty() {
			return Err(NegotiateError::NothingToAnswer);
		}
		// The node of one key says nothing of the others; it is tried again.
		let mut failures = seller.letters.attach_all(&seller.post, secrets).await;
		if seller.letters.keys().next().is_none() && !failures.is_empty() {
			return Err(failures.swap_remove(0).into());
		}
		Ok(seller)
	}

	/// The offers that are answered for.
	pub fn offers(&self) -> impl Iterator<Item = OfferId> + '_ {
		let answered = self.letters.keys().filter_map(move |key| self.offers.get(key));
		answered.map(|offer| offer.id)
	}

	/// Answers until a negotiation has ended and the last word of it is sent, and tells how.
	pub async fn next(&mut self) -> Result<Event, NegotiateError> {
		loop {
			if self.looked.is_none_or(|looked| looked.elapsed() >= OFFERS) {
				match self.look().await {
					Ok(secrets) => {
						for secret in secrets {
							self.letters.attach_soon(&self.post, secret);
						}
					},
					// A break of the connection is no reason to stop answering: it will be there again.
					Err(error) => {
						self.post.note(&error.to_string());
						self.looked = Some(Instant::now());
					},
				}
			}
			let deadline = self.talks.values().filter_map(|talk| talk.producer.deadline()).min();
			let wait = deadline.map_or(OFFERS, |deadline| until(deadline).min(OFFERS));
			tokio::select! {
				event = self.outbox.next() => return Ok(event),
				letter = self.letters.next() => {
					if let Err(error) = self.letter(letter).await {
						self.post.note(&error.to_string());
					}
				},
				() = tokio::time::sleep(wait) => self.tick(),
			}
		}
	}

	/// Looks what the chain demands of CTPs and which offers there are to answer for. Gives the keys of
	/// those that are still to be attached.
	async fn look(&mut self) -> Result<Vec<ContactSecret>, NegotiateError> {
		let account = self.key.account();
		let filter = OfferFilter { producer: Some(account.clone()), ..Default::default() };
		let view = self.connection.best_view().await?;
		(self.fee, self.longest) = (view.limits().await?.fee, view.entry_lifetime().await?);
		let offers = view.offers(filter).await?;
		let asked = offers.into_iter().filter(|offer| is_sold_by(offer, &account));
		let (mut answered, mut secrets) = (BTreeMap::new(), Vec::new());
		for offer in asked.filter(|offer| !offer.contact.is_none()) {
			// An offer whose key is elsewhere is answered for there.
			let Some(secret) = self.contacts.find(&offer.contact)? else { continue };
			let attached = self.letters.keys().any(|key| *key == offer.contact);
			// Two offers may have one key.
			if answered.insert(offer.contact, offer).is_none() && !attached {
				secrets.push(secret);
			}
		}
		self.letters.retain(|key| answered.contains_key(key));
		self.offers = answered;
		self.looked = Some(Instant::now());
		Ok(secrets)
	}

	/// Answers a letter.
	async fn letter(&mut self, letter: Letter) -> Result<(), NegotiateError> {
		let now = moment(&self.connection).await?;
		let content = &letter.content;
		let name = (content.author.clone(), content.negotiation);
		self.talks.retain(|_, talk| talk.forgotten > now.ms);
		let listing = match &content.body {
			Body::Ask { offer, .. } => self.listing(&content.to, *offer).await?,
			Body::Accept { .. } | Body::Refuse { .. } => None,
			// Nothing else is for a producer.
			_ => return Ok(()),
		};
		if !self.talks.contains_key(&name) {
			if !matches!(content.body, Body::Ask { .. }) {
				// The rest of a negotiation that is forgotten here, or never was.
				return Ok(());
			}
			self.make_room();
			let writer = self.writer(&letter);
			let (policy, genesis) = (self.policy.clone(), self.post.genesis());
			let producer = Producer::new(&letter, policy, self.fee, genesis, now);
			let producer = producer.for_at_most(self.longest);
			let place = self.begun;
			self.begun = place.saturating_add(1);
			self.talks.insert(name.clone(), Talk { producer, writer, place, forgotten: 0 });
		}
		let Some(talk) = self.talks.get_mut(&name) else { return Ok(()) };
		// Answers go where the latest letter wants them: a consumer may come from elsewhere.
		talk.writer.to = content.reply_to;
		talk.forgotten = now.ms.saturating_add(MAX_AGE);
		let (key, genesis) = (&self.key, self.post.genesis());
		let sign = |id: &CtpId| trade::quote(key, id, &genesis);
		let steps = talk.producer.letter(&letter, now, |_| listing, sign);
		Self::take(&mut self.outbox, &genesis, talk, steps);
		Ok(())
	}

	/// Forgets a negotiation where one more would be too many: the oldest that is over, or else the
	/// oldest of those at their first ask or of those that have come further, whichever are more.
	///
	/// Letters cost nobody anything, so no number of them may keep others out: not first asks, which
	/// have each other's places, and not bargains that go no further, which have no more than half.
	fn make_room(&mut self) {
		while self.talks.len() >= MAX_NEGOTIATIONS {
			let oldest = |may_go: fn(&Producer) -> bool| {
				let may_go = self.talks.iter().filter(|(_, talk)| may_go(&talk.producer));
				may_go.min_by_key(|(_, talk)| talk.place).map(|(name, _)| name.clone())
			};
			let asking = self.talks.values().filter(|talk| talk.producer.is_at_first_ask()).count();
			let gone = oldest(Producer::is_over).or_else(|| {
				if asking * 2 < self.talks.len() {
					oldest(|producer| !producer.is_at_first_ask())
				} else {
					oldest(Producer::is_at_first_ask)
				}
			});
			let Some(name) = gone else { return };
			self.talks.remove(&name);
		}
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
	fn tick(&mut self) {
		let now = Now { ms: crate::relay::now(), block: 0 };
		let genesis = self.post.genesis();
		for talk in self.talks.values_mut() {
			let steps = talk.producer.tick(now);
			Self::take(&mut self.outbox, &genesis, talk, steps);
		}
	}

	/// Sends what a negotiation asks for, and has its end told when that is done.
	fn take(
		outbox: &mut Outbox<Event>,
		genesis: &Genesis,
		talk: &mut Talk,
		steps: Vec<Step<ProducerOutcome>>,
	) {
		if steps.is_empty() {
			return;
		}
		let (mut letters, mut ended) = (Vec::new(), None);
		for step in steps {
			match step {
				Step::Send { sequence, body } => {
					letters.push(talk.writer.compose(genesis, sequence, body));
				},
				Step::Finished(outcome) => ended = Some(Event::from(outcome)),
			}
		}
		outbox.send(talk.writer.from, letters, |_| ended);
	}
}
