//! What came of a replay: from the readings, the chain's state and the blocks' bodies, never from
//! events.

use super::{
	plan::{Opening, Plan},
	replay::{Became, Made, Outcome},
	DemoError, Summary,
};
use crate::money;
use sp_runtime::traits::Hash as _;
use spb_client::{
	chain::{OfferFilter, OpenedBy, View},
	connection::{Connection, Head},
};
use spb_primitives::{Energy, Hashing, Money};
use spb_readings::Readings;
use std::path::PathBuf;
use subxt::rpcs::client::rpc_params;

/// How things were before anyone traded.
#[derive(Clone, Copy, Debug)]
pub struct Beginning {
	money: money::Money,
}

impl Beginning {
	/// Notes how things are at block 0.
	pub async fn note(connection: &Connection) -> Result<Self, DemoError> {
		let genesis = Head { number: 0, hash: connection.genesis() };
		Ok(Self { money: money::Money::at(&connection.view(genesis).await?).await? })
	}
}

/// What all CTPs of a replay came to.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Totals {
	settled: usize,
	partial: usize,
	expired: usize,
	wh: u64,
	paid: u128,
	fees: u128,
}

impl Totals {
	fn of<'a>(outcome: &Outcome, made: impl Iterator<Item = &'a Made>) -> Self {
		let mut totals = Self::default();
		for made in made {
			match outcome.became(made) {
				Became::Settled { delivered, split } => {
					totals.settled += 1;
					totals.partial += usize::from(delivered < made.purchase.energy);
					totals.wh += u64::from(delivered.wh());
					totals.paid += split.payment.units();
					totals.fees += split.fee.units();
				},
				Became::Expired => totals.expired += 1,
				Became::Open => {},
			}
		}
		totals
	}
}

/// The summary of a replay of these readings.
pub async fn summarise(
	beginning: &Beginning,
	outcome: &Outcome,
	stretch: &Readings,
) -> Result<Summary, DemoError> {
	let connection = outcome.community.connection();
	let findings = outcome.audit.findings();
	let view = connection.view(outcome.audit.last()).await?;
	let totals = Totals::of(outcome, outcome.made.iter());
	let producers = Producers::judge(outcome, stretch, &view).await?;
	let vaults = judge_vaults(outcome, &view).await?;

	let end = money::Money::at(&view).await?;
	let start = beginning.money;
	let balanced = start.is_complete()
		&& end.is_complete()
		&& start.issued.checked_sub(end.issued) == Some(producers.burned);
	let mean = match totals.settled {
		0 => 0.0,
		settled => findings.bytes_all as f64 / settled as f64,
	};
	Ok(Summary {
		settled: totals.settled,
		partial: totals.partial,
		expired: totals.expired,
		wh_offered: producers.offered,
		wh_settled: totals.wh,
		wh_unsold: producers.unsold,
		wh_unserved: outcome.plan.quarters.iter().map(|quarter| quarter.unserved).sum(),
		paid: Money::from_units(totals.paid),
		fees: Money::from_units(totals.fees),
		burned: Money::from_units(producers.burned),
		bytes_per_trade: findings.bytes_most,
		bytes_per_trade_mean: mean,
		blocks: findings.blocks,
		roots_checked: findings.roots_checked,
		roots_equal: findings.roots_equal,
		bad_seals: findings.bad_seals,
		messages_in_bodies: findings.messages_in_bodies,
		money_conserved: balanced && producers.paid && vaults.paid,
		energy_conserved: producers.conserved,
		as_planned: is_as_planned(outcome),
		all_closed: findings.open.is_empty() && vaults.free,
		trades_digest: digest(outcome),
		readings: PathBuf::new(),
		from: stretch.intervals.first().map(|first| first.start.to_string()).unwrap_or_default(),
		quarters: stretch.intervals.len(),
		node_version: connection.request("system_version", rpc_params![]).await?,
		seconds: 0,
	})
}

/// How producers stand, from the readings and the chain's state.
struct Producers {
	/// What the readings say came on offer, Wh.
	offered: u64,
	/// What is still on offer, Wh.
	unsold: u64,
	/// What opening their accounts burned.
	burned: u128,
	/// Whether each was paid what the bodies say.
	paid: bool,
	/// Whether each one's energy was traded or is still on offer.
	conserved: bool,
}

impl Producers {
	async fn judge(outcome: &Outcome, stretch: &Readings, view: &View) -> Result<Self, DemoError> {
		let mut all = Self { offered: 0, unsold: 0, burned: 0, paid: true, conserved: true };
		for (number, producer) in outcome.plan.producers.iter().enumerate() {
			let place = outcome.producers[number];
			let account = outcome.community.participants[place].account();
			let own = outcome.made.iter().filter(|made| made.purchase.producer == number);
			let totals = Totals::of(outcome, own);
			// From the readings themselves, not from the plan that was made of them.
			let readings = stretch.intervals.iter().flat_map(|interval| &interval.readings);
			let own = readings.filter(|reading| reading.meter == producer.name);
			let offered: u64 = own.map(|reading| u64::from(reading.export_wh)).sum();
			let filter =
				OfferFilter { producer: Some(account.clone()), closed: true, ..Default::default() };
			let offers = view.offers(filter).await?;
			let unsold: u64 = offers.iter().map(|offer| u64::from(offer.available.wh())).sum();
			all.offered += offered;
			all.unsold += unsold;
			all.conserved &= offered == totals.wh + unsold;
			let Some(energy_account) = view.energy_account(&account).await? else {
				(all.paid, all.conserved) = (false, false);
				continue;
			};
			all.conserved &= energy_account.sold_wh == totals.wh;
			all.paid &= energy_account.earned.units() == totals.paid;
			all.paid &= energy_account.trades == u64::try_from(totals.settled).unwrap_or(u64::MAX);
			if let OpenedBy::Burn { amount } = energy_account.opened_by {
				all.paid &= producer.opening == Opening::Burn;
				all.burned += amount.units();
			}
		}
		Ok(all)
	}
}

/// How vaults stand.
struct Vaults {
	/// Whether each paid what the bodies say and nothing else.
	paid: bool,
	/// Whether all that is left can be spent.
	free: bool,
}

async fn judge_vaults(outcome: &Outcome, view: &View) -> Result<Vaults, DemoError> {
	let mut all = Vaults { paid: true, free: true };
	for (number, consumer) in outcome.plan.consumers.iter().enumerate() {
		let place = outcome.consumers[number];
		let account = outcome.community.participants[place].account();
		let own = outcome.made.iter().filter(|made| made.purchase.consumer == number);
		let totals = Totals::of(outcome, own);
		let Some(vault) = view.vault_of(&account).await? else {
			(all.paid, all.free) = (false, false);
			continue;
		};
		let spent = consumer.committed.units().checked_sub(vault.held.units());
		all.paid &= spent == Some(totals.paid + totals.fees);
		all.free &= vault.spendable() == vault.held;
	}
	Ok(all)
}

/// Whether every CTP is the planned one, became what was planned, and there are no others.
fn is_as_planned(outcome: &Outcome) -> bool {
	let findings = outcome.audit.findings();
	let planned: usize = outcome.plan.quarters.iter().map(|quarter| quarter.purchases.len()).sum();
	let each = outcome.made.iter().all(|made| {
		let (ctp, purchase) = (&made.issued.signed.ctp, &made.purchase);
		let same = ctp.energy == purchase.energy && ctp.amount == purchase.amount;
		let delivered = match outcome.became(made) {
			Became::Settled { delivered, .. } => delivered,
			Became::Expired => Energy::ZERO,
			Became::Open => return false,
		};
		let stored = findings.settled.get(&made.issued.id);
		let entry = stored.is_none_or(|settled| settled.signed == made.issued.signed);
		same && entry && delivered == purchase.delivered
	});
	let no_others = findings.entered == outcome.ids();
	each && no_others && planned == outcome.made.len() && findings.settled_twice == 0
}

/// blake2-256 over what the trades were, whenever and in whatever order they settled.
fn digest(outcome: &Outcome) -> String {
	let mut lines: Vec<String> = outcome.made.iter().map(|made| line(outcome, made)).collect();
	lines.sort();
	format!("{:?}", Hashing::hash(lines.concat().as_bytes()))
}

fn line(outcome: &Outcome, made: &Made) -> String {
	let Plan { producers, consumers, quarters, .. } = &outcome.plan;
	let (purchase, ctp) = (&made.purchase, &made.issued.signed.ctp);
	let delivered = match outcome.became(made) {
		Became::Settled { delivered, .. } => delivered.wh(),
		Became::Expired | Became::Open => 0,
	};
	format!(
		"{},{},{},{},{},{}\n",
		quarters[made.quarter].start,
		consumers[purchase.consumer].name,
		producers[purchase.producer].name,
		ctp.energy.wh(),
		ctp.amount.units(),
		delivered,
	)
}
