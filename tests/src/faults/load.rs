//! Those who trade while something goes wrong: consumers who keep opening CTPs and confirming them,
//! each time over another node, and leave some of them to expire.

use super::{
	chain::{AGREEMENT, LOOK},
	Failure, Result,
};
use crate::scene::{tenths, PRICE};
use spb_client::{
	chain::{OfferFilter, View},
	connection::{Connection, Head, Patience, Status},
	meter::{Issued, Reading},
	trade::Order,
};
use spb_primitives::{
	relay::ContactKey, units::SPB, AccountId, BlockNumber, Energy, Money, OfferId, Parameters,
	VaultId,
};
use spb_testbed::{Community, Node, Participant};
use std::{
	collections::BTreeMap,
	path::Path,
	sync::{
		atomic::{AtomicBool, Ordering},
		Arc,
	},
	time::Duration,
};
use tokio::{task::JoinHandle, time::timeout};

/// What everyone begins with.
const MONEY: Money = Money::from_units(200 * SPB);
/// What each consumer sets aside.
const VAULT: Money = Money::from_units(100 * SPB);
/// What each producer offers.
const OFFERED: Energy = Energy::from_wh(1_000_000);
/// One-time keys of each consumer's meter.
const KEYS: u32 = 2_048;
/// The energy of each CTP.
const ENERGY: Energy = Energy::from_wh(150);
/// CTPs that each consumer of the load keeps open or on their way.
const DEPTH: usize = 3;
/// How long a consumer tries with one node before it turns to the next.
const TURN: Duration = Duration::from_secs(4);
/// How long the load may take to come to its end: until the last CTP is past its grace.
const END: Duration = Duration::from_secs(300);

/// Producers with an offer each, and consumers with a vault each.
#[derive(Clone, Debug)]
pub struct Market {
	/// All of them: first the producers, then the consumers.
	pub community: Community,
	/// The producers' offers, in order.
	pub offers: Vec<OfferId>,
	/// The consumers' vaults, in order.
	pub vaults: Vec<VaultId>,
	/// What each producer could spend when its offer was made, in order. Producers sign nothing after
	/// that: whatever they have more in the end, someone has paid them.
	pub balances: Vec<Money>,
}

impl Market {
	/// Opens a market on accounts that belong to `label`; the meters' state is kept below `folder`.
	pub async fn open(
		connection: &Connection,
		label: &str,
		producers: usize,
		consumers: usize,
		folder: &Path,
	) -> Result<Self> {
		Self::open_as(connection, label, producers, consumers, folder, None).await
	}

	/// Opens a market of one producer, who bargains over this contact key, and one consumer.
	pub async fn open_negotiable(
		connection: &Connection,
		label: &str,
		folder: &Path,
		contact: ContactKey,
	) -> Result<Self> {
		Self::open_as(connection, label, 1, 1, folder, Some(contact)).await
	}

	async fn open_as(
		connection: &Connection,
		label: &str,
		producers: usize,
		consumers: usize,
		folder: &Path,
		contact: Option<ContactKey>,
	) -> Result<Self> {
		let mut keys = vec![0; producers];
		keys.resize(producers + consumers, KEYS);
		let folder = folder.join(label);
		let community = Community::found(connection.clone(), label, &keys, &folder).await?;
		community.fund(&vec![MONEY; keys.len()]).await?;
		let mut submitted = Vec::new();
		for place in 0..producers {
			submitted.push(community.open_with_burn(place).await?);
			submitted.push(match contact {
				None => community.offer(place, OFFERED, PRICE).await?,
				Some(contact) => community.offer_negotiable(place, OFFERED, PRICE, contact).await?,
			});
		}
		for place in producers..keys.len() {
			submitted.push(community.deposit(place, VAULT).await?);
		}
		community.wait_for(&submitted).await?;
		let (sellers, buyers) = community.participants.split_at(producers);
		// In a best block the numbers and the fees may still become others.
		let opening = async {
			let mut pace = tokio::time::interval(LOOK);
			loop {
				pace.tick().await;
				let view = connection.view(connection.finalized().await?).await?;
				if let Some(opened) = Opened::at(&view, sellers, buyers).await? {
					return Ok::<_, Failure>(opened);
				}
			}
		};
		let opened = timeout(AGREEMENT, opening).await;
		let opened = opened.map_err(|_| "offers and vaults do not become final")??;
		let Opened { offers, vaults, balances } = opened;
		Ok(Self { community, offers, vaults, balances })
	}

	/// The producers, in order.
	pub fn producers(&self) -> &[Participant] {
		&self.community.participants[..self.offers.len()]
	}

	/// The consumers, in order.
	pub fn consumers(&self) -> &[Participant] {
		&self.community.participants[self.offers.len()..]
	}

	/// An order of a consumer's, from the producer that it buys from.
	pub fn order(&self, consumer: usize, amount: Money, lifetime: BlockNumber) -> Order {
		let producer = consumer % self.offers.len();
		Order {
			producer: self.producers()[producer].account(),
			offer: Some(self.offers[producer]),
			amount,
			energy: ENERGY,
			lifetime: Some(lifetime),
		}
	}

	/// What each producer put on offer.
	pub fn offered(&self) -> Energy {
		OFFERED
	}

	/// What each consumer set aside.
	pub fn set_aside(&self) -> Money {
		VAULT
	}

	/// The producer of an offer.
	pub fn producer_of(&self, offer: OfferId) -> Option<AccountId> {
		let place = self.offers.iter().position(|own| *own == offer)?;
		Some(self.producers()[place].account())
	}
}

/// What those of a market have opened after some block, in order.
struct Opened {
	offers: Vec<OfferId>,
	vaults: Vec<VaultId>,
	/// What the producers can spend.
	balances: Vec<Money>,
}

impl Opened {
	/// Nothing while anyone lacks its offer, which a producer signs last, or its vault.
	async fn at(
		view: &View,
		producers: &[Participant],
		consumers: &[Participant],
	) -> Result<Option<Self>> {
		let mut opened = Self { offers: Vec::new(), vaults: Vec::new(), balances: Vec::new() };
		for producer in producers {
			let account = producer.account();
			opened.balances.push(view.free_balance(&account).await?);
			let filter = OfferFilter { producer: Some(account), ..Default::default() };
			let Some(offer) = view.offers(filter).await?.pop() else { return Ok(None) };
			opened.offers.push(offer.id);
		}
		for consumer in consumers {
			let Some(vault) = view.vault_of(&consumer.account()).await? else { return Ok(None) };
			opened.vaults.push(vault.id);
		}
		Ok(Some(opened))
	}
}

/// A CTP that was made, and what its meter has to say.
#[derive(Clone, Debug)]
pub struct Made {
	/// The CTP.
	pub issued: Issued,
	/// The energy that comes in; none where it is left to expire.
	pub deliver: Option<Energy>,
	/// Whether a node has taken the ERC while the CTP was open in a final block: then it has to settle.
	pub confirmed: bool,
	/// Whether it is over, in a final block.
	closed: bool,
}

impl Made {
	/// A CTP whose meter will say this.
	pub fn new(issued: Issued, deliver: Option<Energy>) -> Self {
		Self { issued, deliver, confirmed: false, closed: false }
	}
}

/// What became of a load.
#[derive(Clone, Default, Debug)]
pub struct Traded {
	/// The CTPs.
	pub made: Vec<Made>,
	/// What nodes did not do, and how often: a fault may be in the way.
	pub trouble: BTreeMap<String, u32>,
}

/// A load on a chain, until it is finished or dropped.
#[derive(Debug)]
pub struct Load {
	stopping: Arc<AtomicBool>,
	lanes: Vec<JoinHandle<Traded>>,
}

impl Load {
	/// Begins: every consumer of the market trades over all of these nodes.
	pub async fn begin(market: &Market, nodes: &[&Node], parameters: Parameters) -> Result<Self> {
		let stopping = Arc::<AtomicBool>::default();
		let mut lanes = Vec::new();
		for consumer in 0..market.consumers().len() {
			let mut connections = Vec::new();
			for node in nodes {
				// A node that is away must not hold the others up.
				connections.push(Connection::open(&node.url(), Patience(TURN / 4)).await?);
			}
			// Each begins with another node.
			connections.rotate_left(consumer % nodes.len());
			let lane = Lane {
				market: market.clone(),
				consumer,
				connections,
				parameters,
				traded: Traded::default(),
			};
			lanes.push(tokio::spawn(lane.run(stopping.clone())));
		}
		Ok(Self { stopping, lanes })
	}

	/// Opens no more CTPs, waits until all are over, and says what was made.
	pub async fn finish(mut self) -> Result<Traded> {
		self.stopping.store(true, Ordering::Relaxed);
		let mut all = Traded::default();
		for lane in &mut self.lanes {
			let traded = timeout(END, lane).await;
			let traded =
				traded.map_err(|_| format!("CTPs are not over after {} s", END.as_secs()))??;
			all.made.extend(traded.made);
			for (trouble, count) in traded.trouble {
				*all.trouble.entry(trouble).or_default() += count;
			}
		}
		Ok(all)
	}
}

impl Drop for Load {
	fn drop(&mut self) {
		for lane in &self.lanes {
			lane.abort();
		}
	}
}

/// A consumer of the load.
struct Lane {
	market: Market,
	consumer: usize,
	connections: Vec<Connection>,
	parameters: Parameters,
	traded: Traded,
}

impl Lane {
	async fn run(mut self, stopping: Arc<AtomicBool>) -> Traded {
		let mut pace = tokio::time::interval(Duration::from_millis(self.parameters.slot_duration));
		pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
		loop {
			pace.tick().await;
			let is_stopping = stopping.load(Ordering::Relaxed);
			if is_stopping && self.traded.made.iter().all(|made| made.closed) {
				return self.traded;
			}
			self.connections.rotate_left(1);
			let connection = self.connections[0].clone();
			match timeout(TURN, self.step(&connection, is_stopping)).await {
				Ok(Ok(())) => {},
				Ok(Err(error)) => self.trouble(error.to_string()),
				Err(_) => self.trouble(format!("{} is silent", connection.url())),
			}
		}
	}

	fn trouble(&mut self, what: String) {
		*self.traded.trouble.entry(what).or_default() += 1;
	}

	async fn step(&mut self, connection: &Connection, stopping: bool) -> Result<()> {
		let finalized = connection.finalized().await?;
		for place in 0..self.traded.made.len() {
			if !self.traded.made[place].closed {
				self.follow(place, connection, finalized).await?;
			}
		}
		let open = self.traded.made.iter().filter(|made| !made.closed).count();
		if !stopping && open < DEPTH {
			self.commit(connection).await?;
		}
		Ok(())
	}

	/// Looks at what became of a CTP, and confirms it where that is due.
	async fn follow(&mut self, place: usize, connection: &Connection, at: Head) -> Result<()> {
		let trader = self.market.consumers()[self.consumer].trader(connection);
		let made = &mut self.traded.made[place];
		let (id, expiry) = (made.issued.id, made.issued.signed.ctp.expiry);
		let is_settled = connection.view(at).await?.is_settled(expiry, &id).await?;
		// What has settled after this is in the blocks.
		made.closed = is_settled || at.number >= expiry.saturating_add(self.parameters.grace);
		let Some(delivered) = made.deliver.filter(|_| !made.closed) else { return Ok(()) };
		if connection.ctp(&id, Some(at.hash)).await?.status == Status::Open {
			// Again and again until it has settled: who took it may have lost it.
			trader.confirm(&id, delivered, Reading::New).await?;
			made.confirmed = true;
		}
		Ok(())
	}

	/// Opens a CTP: most are delivered whole, some in part, some not at all.
	async fn commit(&mut self, connection: &Connection) -> Result<()> {
		let Parameters { min_lifetime, max_lifetime, .. } = self.parameters;
		let number = self.traded.made.len();
		let (deliver, lifetime) = match number % 4 {
			3 => (None, min_lifetime.saturating_mul(2)),
			2 => (Some(Energy::from_wh(ENERGY.wh() / 2 + 1)), max_lifetime),
			_ => (Some(ENERGY), max_lifetime),
		};
		// The next author may be some blocks behind.
		let lifetime = lifetime.min(max_lifetime.saturating_sub(4));
		let trader = self.market.consumers()[self.consumer].trader(connection);
		let order = self.market.order(self.consumer, amount(number), lifetime);
		let issued = trader.commit(&order).await?;
		self.traded.made.push(Made::new(issued, deliver));
		Ok(())
	}
}

/// Amounts that do not divide evenly.
fn amount(number: usize) -> Money {
	let more = u128::try_from(number).unwrap_or_default();
	Money::from_units(tenths(1).units().saturating_add(more.saturating_mul(7).saturating_add(1)))
}
