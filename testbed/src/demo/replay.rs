//! A plan carried out on a node.
//!
//! A quarter-hour takes two blocks. Into the first go the producers' top-ups and the ERCs of the
//! quarter-hour before; into the second the consumers' CTPs, which are judged by the offers as the
//! first block left them. If a block comes too early for some of it, the next one is waited for.

use super::{
	plan::{Opening, Plan, Purchase},
	table::{Buyer, Seller, State, Table},
	DemoError,
};
use crate::{audit::Audit, community::Community};
use futures::future::try_join_all;
use spb_client::{
	connection::{Connection, Head, Heads, Stall},
	meter::{Issued, MeterError, Reading},
	trade::{Order, TradeError, Trader},
};
use spb_primitives::{
	units::SPB, BlockNumber, CtpId, Energy, Limits, Money, OfferId, Parameters, Split, VaultId,
};
use std::{
	collections::{BTreeMap, BTreeSet},
	path::Path,
};

/// What the demo's accounts are derived from.
const LABEL: &str = "spb-demo";
/// What everyone gets beside what it commits, for burning, deposits and fees.
const SPARE: u128 = 50 * SPB;
/// What a quarter-hour's fees cost a producer at the most.
const FEES_PER_QUARTER: u128 = SPB / 20;
/// One-time keys that a meter has beside twice those that it needs: one whose place in the pool is
/// taken is skipped.
const SPARE_KEYS: u32 = 64;
/// How often a CTP that finds no place in the pool is made anew.
const ATTEMPTS: u32 = 5;

/// A CTP of the plan that was handed to the pool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Made {
	/// The quarter-hour, in the plan.
	pub quarter: usize,
	/// What was planned.
	pub purchase: Purchase,
	/// The CTP.
	pub issued: Issued,
}

/// What a replay leaves.
#[derive(Debug)]
pub struct Outcome {
	/// The plan.
	pub plan: Plan,
	/// Those who traded.
	pub community: Community,
	/// The place of each producer of the plan among them.
	pub producers: Vec<usize>,
	/// The place of each consumer of the plan among them.
	pub consumers: Vec<usize>,
	/// What the blocks hold.
	pub audit: Audit,
	/// The CTPs.
	pub made: Vec<Made>,
	/// The fee.
	pub limits: Limits,
}

/// A replay under way.
pub struct Replay {
	connection: Connection,
	heads: Heads,
	parameters: Parameters,
	table: Table,
	offers: Vec<Option<OfferId>>,
	traders: Vec<Trader>,
	outcome: Outcome,
}

impl Replay {
	/// Gets everyone ready: accounts with money, meters with certified keys, energy accounts, vaults.
	pub async fn prepare(
		connection: Connection,
		plan: Plan,
		limits: Limits,
		folder: &Path,
		mut table: Table,
	) -> Result<Self, DemoError> {
		table.say("setting up accounts and meters");
		let parameters = connection.best_view().await?.parameters().await?;
		let sellers = plan.producers.iter().map(|producer| producer.name.as_str());
		let buyers = plan.consumers.iter().map(|consumer| consumer.name.as_str());
		let names: BTreeSet<&str> = sellers.clone().chain(buyers.clone()).collect();
		let places: BTreeMap<&str, usize> =
			names.iter().enumerate().map(|(place, name)| (*name, place)).collect();
		let producers: Vec<usize> = sellers.map(|name| places[name]).collect();
		let consumers: Vec<usize> = buyers.map(|name| places[name]).collect();

		let mut keys = vec![0; names.len()];
		let mut money = vec![0; names.len()];
		for (place, consumer) in consumers.iter().zip(&plan.consumers) {
			keys[*place] = consumer.ctps.saturating_mul(2).saturating_add(SPARE_KEYS);
			money[*place] += consumer.committed.units();
		}
		let quarters = u128::try_from(plan.quarters.len()).unwrap_or(u128::MAX);
		let spare = SPARE.saturating_add(FEES_PER_QUARTER.saturating_mul(quarters));
		let money: Vec<Money> = money
			.iter()
			.map(|units: &u128| Money::from_units(units.saturating_add(spare)))
			.collect();
		let community = Community::found(connection.clone(), LABEL, &keys, folder).await?;
		community.fund(&money).await?;

		let mut submitted = Vec::new();
		for (place, producer) in producers.iter().zip(&plan.producers) {
			submitted.push(match producer.opening {
				Opening::Burn => community.open_with_burn(*place).await?,
				Opening::Certificate => community.open_with_certificate(*place).await?,
			});
		}
		for (place, consumer) in consumers.iter().zip(&plan.consumers) {
			submitted.push(community.deposit(*place, consumer.committed).await?);
		}
		community.wait_for(&submitted).await?;

		let traders = consumers.iter().map(|place| community.trader(*place)).collect();
		let audit = Audit::new(connection.clone());
		let offers = vec![None; plan.producers.len()];
		let made = Vec::new();
		let outcome = Outcome { plan, community, producers, consumers, audit, made, limits };
		let heads = connection.heads(Stall::default());
		Ok(Self { connection, heads, parameters, table, offers, traders, outcome })
	}

	/// Carries the plan out, waits until no CTP is open, and gives what is left.
	pub async fn run(mut self) -> Result<Outcome, DemoError> {
		// Without a trade there is still a block to look at.
		while self.outcome.audit.last().number == 0 {
			self.next_block(0).await?;
		}
		let mut unconfirmed = Vec::new();
		for number in 0..self.outcome.plan.quarters.len() {
			unconfirmed = self.quarter(number, unconfirmed).await?;
		}
		let end = self.outcome.plan.quarters.len();
		if end > 0 {
			self.table.say("waiting for what nobody confirms to expire");
		}
		let confirmed = self.confirm(&unconfirmed).await?;
		self.until_settled(end, &confirmed).await?;
		self.until_dropped(end).await?;
		let last = self.outcome.audit.last();
		while self.connection.finalized().await?.number < last.number {
			self.next_block(end).await?;
		}
		Ok(self.outcome)
	}

	/// A quarter-hour: `unconfirmed` are the CTPs of the one before; those of this one are given back.
	async fn quarter(
		&mut self,
		number: usize,
		unconfirmed: Vec<Made>,
	) -> Result<Vec<Made>, DemoError> {
		let offered = self.offer(number).await?;
		let confirmed = self.confirm(&unconfirmed).await?;
		self.next_block(number).await?;
		self.outcome.community.wait_for(&offered).await?;
		self.note_offers(number).await?;
		self.until_settled(number, &confirmed).await?;

		let made = self.commit(number).await?;
		self.outcome.made.extend(made.iter().cloned());
		self.next_block(number).await?;
		self.until_entered(number, &made).await?;
		let state = self.state(number);
		self.table.quarter(&self.outcome.plan, number, &state);
		Ok(made)
	}

	/// Adds what was fed in to the producers' offers; the first time the offer is made.
	async fn offer(&self, number: usize) -> Result<Vec<spb_client::tx::Submitted>, DemoError> {
		let Outcome { plan, community, producers, .. } = &self.outcome;
		let mut submitted = Vec::new();
		for (producer, energy) in &plan.quarters[number].exports {
			let place = producers[*producer];
			let price = plan.producers[*producer].price;
			submitted.push(match self.offers[*producer] {
				Some(offer) => community.top_up(place, offer, *energy).await?,
				None => community.offer(place, *energy, price).await?,
			});
		}
		Ok(submitted)
	}

	/// Learns the numbers of offers that were just made.
	async fn note_offers(&mut self, number: usize) -> Result<(), DemoError> {
		let Outcome { plan, community, producers, .. } = &self.outcome;
		for (producer, _) in &plan.quarters[number].exports {
			if self.offers[*producer].is_none() {
				self.offers[*producer] = Some(community.offer_of(producers[*producer]).await?);
			}
		}
		Ok(())
	}

	/// Has the consumers commit to pay, all at once.
	async fn commit(&self, number: usize) -> Result<Vec<Made>, DemoError> {
		let plan = &self.outcome.plan;
		let mut by_consumer: BTreeMap<usize, Vec<&Purchase>> = BTreeMap::new();
		for purchase in &plan.quarters[number].purchases {
			by_consumer.entry(purchase.consumer).or_default().push(purchase);
		}
		let committed = by_consumer.into_iter().map(|(consumer, purchases)| async move {
			let mut made = Vec::new();
			for purchase in purchases {
				let issued = self.buy(&self.traders[consumer], purchase).await?;
				made.push(Made { quarter: number, purchase: purchase.clone(), issued });
			}
			Ok::<_, DemoError>(made)
		});
		Ok(try_join_all(committed).await?.into_iter().flatten().collect())
	}

	async fn buy(&self, trader: &Trader, purchase: &Purchase) -> Result<Issued, DemoError> {
		let Outcome { plan, community, producers, .. } = &self.outcome;
		let producer = producers[purchase.producer];
		let order = Order {
			producer: community.participants[producer].account(),
			offer: self.offers[purchase.producer],
			amount: purchase.amount,
			energy: purchase.energy,
			lifetime: Some(plan.lifetime),
		};
		let mut attempts = 1;
		loop {
			match trader.commit(&order).await {
				// Another one-time key makes another id, and so another place.
				Err(TradeError::Meter(MeterError::NoPlace)) if attempts < ATTEMPTS => attempts += 1,
				other => return Ok(other?),
			}
		}
	}

	/// Has the meters confirm what was delivered, all at once, and gives those CTPs back.
	async fn confirm(&self, made: &[Made]) -> Result<Vec<Made>, DemoError> {
		let mut by_consumer: BTreeMap<usize, Vec<&Made>> = BTreeMap::new();
		for made in made {
			by_consumer.entry(made.purchase.consumer).or_default().push(made);
		}
		let confirmed = by_consumer.into_iter().map(|(consumer, made)| async move {
			let trader = &self.traders[consumer];
			let mut confirmed = Vec::new();
			for made in made {
				// The meter counts what comes in, whoever fed it in.
				trader.meter().measure(made.purchase.energy).map_err(TradeError::from)?;
				let delivered = made.purchase.delivered;
				if !delivered.is_zero() {
					trader.confirm(&made.issued.id, delivered, Reading::Noted).await?;
					confirmed.push(made.clone());
				}
			}
			Ok::<_, DemoError>(confirmed)
		});
		Ok(try_join_all(confirmed).await?.into_iter().flatten().collect())
	}

	/// The next best block, looked at and shown.
	async fn next_block(&mut self, number: usize) -> Result<Head, DemoError> {
		let head = self.heads.next().await?;
		self.outcome.audit.advance(head).await?;
		let state = self.state(number);
		self.table.block(&self.outcome.plan, number, &state);
		Ok(head)
	}

	/// Waits until CTPs are or were in the database.
	async fn until_entered(&mut self, number: usize, made: &[Made]) -> Result<(), DemoError> {
		loop {
			let (audit, min_lifetime) = (&self.outcome.audit, self.parameters.min_lifetime);
			let block = audit.last().number;
			let missing =
				made.iter().find(|made| !audit.findings().entered.contains(&made.issued.id));
			let Some(missing) = missing else { return Ok(()) };
			let next = block.saturating_add(1);
			if next.saturating_add(min_lifetime) > missing.issued.signed.ctp.expiry {
				return Err(DemoError::NotTaken { id: missing.issued.id, block });
			}
			self.next_block(number).await?;
		}
	}

	/// Waits until confirmed CTPs have settled.
	async fn until_settled(&mut self, number: usize, made: &[Made]) -> Result<(), DemoError> {
		loop {
			let (audit, grace) = (&self.outcome.audit, self.parameters.grace);
			let block = audit.last().number;
			let settled = &audit.findings().settled;
			let missing = made.iter().find(|made| !settled.contains_key(&made.issued.id));
			let Some(missing) = missing else { return Ok(()) };
			if block > missing.issued.signed.ctp.expiry.saturating_add(grace) {
				return Err(DemoError::NotSettled { id: missing.issued.id, block });
			}
			self.next_block(number).await?;
		}
	}

	/// Waits until no CTP is open.
	async fn until_dropped(&mut self, number: usize) -> Result<(), DemoError> {
		let expiries = self.outcome.made.iter().map(|made| made.issued.signed.ctp.expiry);
		let last = expiries.max().unwrap_or(BlockNumber::MIN);
		let last = last.saturating_add(self.parameters.grace);
		loop {
			let (block, open) =
				(self.outcome.audit.last().number, self.outcome.audit.findings().open.len());
			if open == 0 {
				return Ok(());
			}
			if block > last {
				return Err(DemoError::NotDropped { open, block });
			}
			self.next_block(number).await?;
		}
	}

	/// What there is to see while quarter-hour `number` is under way.
	fn state(&self, number: usize) -> State {
		let Outcome { plan, audit, made, .. } = &self.outcome;
		let findings = audit.findings();
		let mut state = State {
			block: audit.last().number,
			sellers: vec![Seller::default(); plan.producers.len()],
			buyers: vec![Buyer::default(); plan.consumers.len()],
			open: findings.open.len(),
			..State::default()
		};
		for (producer, energy) in plan.quarters.iter().take(number + 1).flat_map(|q| &q.exports) {
			state.sellers[*producer].offered += u64::from(energy.wh());
		}
		for made in made {
			let seller = &mut state.sellers[made.purchase.producer];
			let buyer = &mut state.buyers[made.purchase.consumer];
			match self.outcome.became(made) {
				Became::Settled { delivered, split } => {
					seller.sold += u64::from(delivered.wh());
					seller.earned = seller.earned.checked_add(split.payment).unwrap_or(Money::MAX);
					let amount = made.purchase.amount.saturating_sub(split.released);
					buyer.bought += u64::from(delivered.wh());
					buyer.paid = buyer.paid.checked_add(amount).unwrap_or(Money::MAX);
					state.settled += 1;
					state.partial += usize::from(delivered < made.purchase.energy);
				},
				Became::Expired => {
					seller.expired += 1;
					state.expired += 1;
				},
				Became::Open => buyer.open += 1,
			}
		}
		state
	}
}

/// What a CTP has become.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Became {
	/// It is open, or on its way.
	Open,
	/// It settled.
	Settled {
		/// The energy delivered.
		delivered: Energy,
		/// Who got what.
		split: Split,
	},
	/// It is gone.
	Expired,
}

impl Outcome {
	/// What a CTP has become, by what the blocks hold.
	pub fn became(&self, made: &Made) -> Became {
		let (findings, id) = (self.audit.findings(), &made.issued.id);
		if let Some(settled) = findings.settled.get(id) {
			let (ctp, delivered) = (&settled.signed.ctp, settled.delivered);
			// The chain settles nothing that cannot be divided.
			return match Split::of(ctp.amount, self.limits.fee, delivered, ctp.energy) {
				Some(split) => Became::Settled { delivered, split },
				None => Became::Open,
			};
		}
		match findings.entered.contains(id) && !findings.open.contains(id) {
			true => Became::Expired,
			false => Became::Open,
		}
	}

	/// The ids of the CTPs that were made.
	pub fn ids(&self) -> BTreeSet<CtpId> {
		self.made.iter().map(|made| made.issued.id).collect()
	}

	/// The vault of a consumer of the plan, if it has made a CTP.
	pub fn vault(&self, consumer: usize) -> Option<VaultId> {
		let made = self.made.iter().find(|made| made.purchase.consumer == consumer);
		made.map(|made| made.issued.signed.ctp.vault)
	}
}
