//! The backbone node that does not carry letters as it should. Whatever it does to them costs a
//! negotiation at most a timeout: no money, and not what it says.

use super::hostile::{self, lies, until, HOSTILE};
use codec::Encode;
use spb_client::{
	connection::{Connection, CtpFilter},
	error::Classify,
	files::Directory,
	meter::{Issued, Reading},
	negotiate::{Agreed, Buyer, Event, NegotiateError, Seller},
	relay::{Contacts, Post},
	trade::{wait_for_ctp, wait_for_receipt, Goal, Order, Wish},
};
use spb_primitives::{
	message::verify_quote,
	relay::{
		nearest,
		negotiation::{ConsumerPolicy, Discount, ProducerPolicy},
		ContactKey, NodeIdentifier,
	},
	units::SPB,
	BlockNumber, Energy, Parameters, Price,
};
use spb_testbed::relay::backbone::list;
use spb_tests::faults::{
	load::{Made, Market},
	Chain, Result, Setup, Trial,
};
use std::{
	sync::{Arc, Mutex, PoisonError},
	time::{Duration, Instant},
};
use tokio::task::JoinHandle;

/// CTPs that live long enough to be bargained over, and blocks as fast as without.
const PARAMETERS: Parameters = Parameters {
	min_lifetime: 5,
	max_lifetime: 160,
	grace: 5,
	evidence_window: 240,
	slot_duration: 500,
};
/// How long a CTP lives that was agreed on.
const LIFETIME: BlockNumber = 120;
const ENERGY: Energy = Energy::from_wh(150);
/// A tenth less than what markets list.
const AGREED: Price = Price::per_kwh(SPB / 100 * 9);
/// How long the consumer waits for an answer, and how often it repeats what it said.
const PATIENCE: Duration = Duration::from_secs(10);
const REPEATS: u8 = 1;
/// The letters of a consumer that want an answer: ask and accept.
const LETTERS: u32 = 2;
/// What a negotiation may take beside waiting, on a loaded machine.
const SPARE: Duration = Duration::from_secs(40);
/// How often a consumer begins anew: its own key is drawn at random and may belong to the same node.
const TRIES: u32 = 10;
/// Keys that are drawn until one belongs to the right node.
const KEYS: u32 = 1_000;

/// What a negotiation over the node has to come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
	/// An agreement, as if nothing were wrong.
	Agreement,
	/// Nothing, in time.
	Timeout,
	/// Either: it depends on when what comes.
	Either,
}

/// A market whose producer answers.
struct Bargain {
	market: Market,
	events: Arc<Mutex<Vec<Event>>>,
	answering: JoinHandle<()>,
}

impl Drop for Bargain {
	fn drop(&mut self) {
		self.answering.abort();
	}
}

impl Bargain {
	/// Opens a market whose offer is bargained over by a key of one of these nodes.
	async fn open(
		trial: &Trial,
		chain: &mut Chain,
		label: &str,
		listed: &[NodeIdentifier],
		wanted: impl Fn(usize) -> bool,
	) -> Result<Self> {
		// The producer's state directory, where the market will look for its meter too.
		let contacts = Contacts::new(Directory::new(trial.folder().join(label).join("0")));
		let contact = contact_at(&contacts, listed, wanted)?;
		let market = chain.open_negotiable(trial, label, contact).await?;
		let producer = &market.producers()[0];
		let policy = ProducerPolicy {
			discounts: vec![Discount { from: Energy::from_wh(1), permille: 100 }],
			valid_for: LIFETIME,
			..Default::default()
		};
		let connection = chain.connections[0].clone();
		let post = Post::new(connection.clone());
		let key = producer.key.clone();
		let mut seller = Seller::open(connection, post, key, contacts, policy).await?;
		let events = Arc::<Mutex<Vec<Event>>>::default();
		let noted = events.clone();
		let answering = tokio::spawn(async move {
			while let Ok(event) = seller.next().await {
				noted.lock().unwrap_or_else(PoisonError::into_inner).push(event);
			}
		});
		Ok(Self { market, events, answering })
	}

	/// How often the producer consented to something.
	fn quotes(&self) -> usize {
		let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
		events.iter().filter(|event| matches!(event, Event::Quoted { .. })).count()
	}

	/// Negotiates once; says what came of it, and fails where it took longer than it may.
	async fn negotiate(&self, connection: &Connection) -> Result<Result<Agreed, NegotiateError>> {
		let trader = self.market.consumers()[0].trader(connection);
		let buyer = Buyer::new(trader, Post::new(connection.clone()));
		let (offer, lifetime) = (self.market.offers[0], Some(LIFETIME));
		let wish = Wish { offer, energy: ENERGY, max_price: AGREED, lifetime };
		let policy = ConsumerPolicy {
			patience: u64::try_from(PATIENCE.as_millis())?,
			repeats: REPEATS,
			..ConsumerPolicy::up_to(AGREED)
		};
		let begun = Instant::now();
		let outcome = buyer.negotiate(&wish, policy).await;
		let most = PATIENCE * (u32::from(REPEATS) + 1) * LETTERS + SPARE;
		if begun.elapsed() > most {
			let took = begun.elapsed().as_secs();
			return Err(
				format!("a negotiation took {took} s, more than {} s", most.as_secs()).into()
			);
		}
		Ok(outcome)
	}

	/// Trades what was agreed on, to its end.
	async fn trade(&self, connection: &Connection, agreed: &Agreed) -> Result<Made> {
		let producer = self.market.producers()[0].account();
		let genesis = connection.genesis();
		if agreed.price != AGREED || agreed.energy() != ENERGY {
			return Err(format!("{} at {} was agreed on", agreed.energy(), agreed.price).into());
		}
		verify_quote(&agreed.quote.0, &agreed.id, &producer, &genesis)
			.map_err(|refusal| format!("the quote does not hold: {refusal}"))?;
		let order = Order {
			producer,
			offer: Some(agreed.offer()),
			amount: agreed.amount(),
			energy: ENERGY,
			lifetime: None,
		};
		let trader = self.market.consumers()[0].trader(connection);
		let issued = trader.commit_quoted(&order, &agreed.quote.0).await?;
		if issued.signed.ctp.encode() != agreed.ctp.0.encode() {
			return Err("what was committed is not what was agreed on".into());
		}
		let Issued { id, signed, .. } = &issued;
		let expiry = signed.ctp.expiry;
		wait_for_ctp(connection, id, expiry, Goal::Database, &()).await?;
		trader.confirm(id, ENERGY, Reading::New).await?;
		wait_for_receipt(connection, id, expiry, Goal::Settled, &()).await?;
		let mut made = Made::new(issued, Some(ENERGY));
		made.confirmed = true;
		Ok(made)
	}

	/// Whether the consumer's money is all where it was, and committed to nothing.
	async fn is_untouched(&self, connection: &Connection) -> Result<bool> {
		let vault = self.market.vaults[0];
		let view = connection.best_view().await?;
		let held = view.vault(vault).await?.map(|vault| vault.held);
		let filter = CtpFilter { vault: Some(vault), offer: None };
		let open = connection.all_ctps(filter, Some(view.head().hash)).await?;
		Ok(held == Some(self.market.set_aside()) && open.is_empty())
	}
}

/// A fresh contact key of a node that is wanted, kept in a state directory.
fn contact_at(
	contacts: &Contacts,
	listed: &[NodeIdentifier],
	wanted: impl Fn(usize) -> bool,
) -> Result<ContactKey> {
	for _ in 0..KEYS {
		let key = contacts.make()?.public();
		let home = nearest(&key, listed.iter().copied());
		if listed.iter().position(|node| Some(*node) == home).is_some_and(&wanted) {
			return Ok(key);
		}
		contacts.forget(&key)?;
	}
	Err("no key belongs to the node that is wanted".into())
}

/// A backbone node does this to what it carries.
pub async fn carries(
	trial: &mut Trial,
	misbehaviour: &'static str,
	expected: Outcome,
) -> Result<()> {
	let setup = Setup::fast().parameters(PARAMETERS);
	let mut chain = hostile::chain_with(trial, setup, &[misbehaviour]).await?;
	let listed = list(&chain.nodes, &chain.connections).await?;
	trial.say("four backbone nodes are listed");
	let through =
		Bargain::open(trial, &mut chain, "through", &listed, |home| home == HOSTILE).await?;
	let around =
		Bargain::open(trial, &mut chain, "around", &listed, |home| home != HOSTILE).await?;
	let consumer = chain.connections[1].clone();

	// The producer's key belongs to the hostile node, so every letter to it comes that way.
	let outcome = through.negotiate(&consumer).await?;
	let told = until("the relay has told no lie", || async { Ok(lies(&chain)?.first().cloned()) });
	let told: String = told.await?;
	trial.attempted(format!("a letter was on its way over the hostile node: {told}"));
	let came_to = came_to(&outcome, expected)?;
	trial.refused_by("section 7", came_to.clone(), "what the consumer's client was told");
	match outcome {
		Ok(agreed) => {
			if through.quotes() != 1 {
				let quotes = through.quotes();
				return Err(format!("the producer consented {quotes} times to one CTP").into());
			}
			chain.made.push(through.trade(&consumer, &agreed).await?);
		},
		Err(_) if through.is_untouched(&consumer).await? => {},
		Err(_) => return Err("a negotiation without an agreement has cost money".into()),
	}
	trial.note(format!("the negotiation over it came to: {came_to}"));

	// Over another node it succeeds, unless the consumer's own key belongs to the hostile one again.
	let mut tries = 0;
	let agreed = loop {
		tries += 1;
		match around.negotiate(&consumer).await? {
			Ok(agreed) => break agreed,
			Err(_) if !around.is_untouched(&consumer).await? => {
				return Err("a negotiation without an agreement has cost money".into());
			},
			Err(error) if tries == TRIES => return Err(error.into()),
			Err(error) => trial.say(format!("try {tries} around the hostile node: {error}")),
		}
	};
	chain.made.push(around.trade(&consumer, &agreed).await?);
	trial.note(format!("around the hostile node two agreed at try {tries} and traded"));
	let over = chain.over_under_load().await?;
	chain.conclude(trial, over).await
}

/// What a negotiation came to, if that is what it may come to.
fn came_to(outcome: &Result<Agreed, NegotiateError>, expected: Outcome) -> Result<String> {
	let (found, name) = match outcome {
		Ok(_) => (Outcome::Agreement, "agreed all the same".to_owned()),
		// An answer that is late is refused, as one that does not come.
		Err(error @ (NegotiateError::TimedOut | NegotiateError::Refused(_))) => {
			(Outcome::Timeout, error.code())
		},
		Err(error) => return Err(format!("a relay cannot bring about this: {error}").into()),
	};
	if found == expected || expected == Outcome::Either {
		return Ok(name);
	}
	Err(format!("the negotiation came to {found:?} ({name}), not to {expected:?}").into())
}
