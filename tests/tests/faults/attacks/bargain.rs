//! Two who bargain over the backbone while one of its nodes misbehaves, and trade at what they agreed on.

use codec::Encode;
use spb_client::{
	connection::{Connection, CtpFilter},
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
use spb_tests::faults::{
	load::{Made, Market},
	Chain, Result, Trial,
};
use std::{
	sync::{Arc, Mutex, PoisonError},
	time::{Duration, Instant},
};
use tokio::task::JoinHandle;

/// CTPs that live long enough to be bargained over, and blocks as fast as without.
pub const PARAMETERS: Parameters = Parameters {
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
/// What a negotiation may take beside waiting for answers, and attaching a key, on a loaded machine:
/// less than it takes to give up a node that is silent where nobody is in a hurry.
const SPARE: Duration = Duration::from_secs(40);
/// Keys that are drawn until one belongs to the right node.
const KEYS: u32 = 1_000;

/// A market whose producer answers.
pub struct Bargain {
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
	pub async fn open(
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
		let begun = Instant::now();
		let mut seller = Seller::open(connection, post, key, contacts, policy).await?;
		if begun.elapsed() > SPARE {
			let took = begun.elapsed().as_secs();
			return Err(format!("it took {took} s until the producer's key was attached").into());
		}
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
	pub fn quotes(&self) -> usize {
		let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
		events.iter().filter(|event| matches!(event, Event::Quoted { .. })).count()
	}

	/// Negotiates once; says what came of it, and fails where it took longer than it may: a timeout of
	/// each letter that wants an answer, and of each of its repetitions.
	pub async fn negotiate(
		&self,
		connection: &Connection,
	) -> Result<Result<Agreed, NegotiateError>> {
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
	pub async fn trade(&self, connection: &Connection, agreed: &Agreed) -> Result<Made> {
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
	pub async fn is_untouched(&self, connection: &Connection) -> Result<bool> {
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
