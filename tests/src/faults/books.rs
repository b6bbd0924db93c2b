//! Whether everyone got what they should: what settled, from the blocks' bodies, against all balances
//! and against what was confirmed.

use super::{
	load::{Made, Market},
	Result,
};
use spb_client::chain::{OfferFilter, OpenedBy, View};
use spb_primitives::{CtpId, Limits, Split};
use spb_testbed::{
	audit::{Findings, Settled},
	money::Money,
};
use std::collections::BTreeMap;

/// What is in the books at the end.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Books {
	/// CTPs that were made.
	pub made: usize,
	/// Those that settled.
	pub settled: usize,
	/// Those that were confirmed in time.
	pub confirmed: usize,
	/// What is wrong with money and energy.
	pub money: Vec<String>,
	/// What is wrong with trades: lost, paid twice, paid without delivery.
	pub trades: Vec<String>,
}

/// Everything that counts at the end.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
	/// All money at the beginning.
	pub beginning: Money,
	/// Those who traded.
	pub markets: &'a [Market],
	/// What they made.
	pub made: &'a [Made],
	/// What the blocks hold, up to the view's.
	pub findings: &'a Findings,
	/// The state at the end.
	pub view: &'a View,
}

impl Account<'_> {
	/// Opens the books.
	pub async fn check(self) -> Result<Books> {
		let limits = self.view.limits().await?;
		let mut books = Books {
			made: self.made.len(),
			settled: self.findings.settled.len(),
			confirmed: self.made.iter().filter(|made| made.confirmed).count(),
			..Books::default()
		};
		books.trades = judge_trades(self.made, self.findings);
		let mut burned = 0;
		for market in self.markets {
			burned += self.producers(market, &limits, &mut books).await?;
			self.consumers(market, &limits, &mut books).await?;
		}
		let end = Money::at(self.view).await?;
		if !(self.beginning.is_complete() && end.is_complete()) {
			books.money.push("the accounts do not have what was issued".into());
		}
		if self.beginning.issued.checked_sub(end.issued) != Some(burned) {
			books.money.push(format!(
				"{} units were issued at the beginning and {} are at the end, but {burned} were burned",
				self.beginning.issued, end.issued
			));
		}
		Ok(books)
	}

	/// Producers: paid what the blocks say, in the pallet's books and in their balances, and their energy
	/// sold or still on offer. Gives what they burned.
	async fn producers(&self, market: &Market, limits: &Limits, books: &mut Books) -> Result<u128> {
		let mut burned = 0;
		for (place, producer) in market.producers().iter().enumerate() {
			let offer = market.offers[place];
			let own = |trade: &&Settled| trade.signed.ctp.offer == offer;
			let totals = Totals::of(self.findings.settled.values().filter(own), limits)?;
			let account = producer.account();
			let Some(energy_account) = self.view.energy_account(&account).await? else {
				books.money.push(format!("producer {place} has no energy account"));
				continue;
			};
			if let OpenedBy::Burn { amount } = energy_account.opened_by {
				burned += amount.units();
			}
			let told = Totals {
				trades: energy_account.trades,
				wh: energy_account.sold_wh,
				paid: energy_account.earned.units(),
				fees: totals.fees,
			};
			if told != totals {
				books.money.push(format!("producer {place} has {told:?}, the blocks {totals:?}"));
			}
			// The pallet's own figure is not the money: that is in the balance, to the last unit.
			let (before, after) = (market.balances[place], self.view.free_balance(&account).await?);
			if after.checked_sub(before).map(|paid| paid.units()) != Some(totals.paid) {
				books.money.push(format!(
					"producer {place} had {before} and has {after}, but the blocks paid it {} units",
					totals.paid
				));
			}
			let filter =
				OfferFilter { producer: Some(account), closed: true, ..Default::default() };
			let offers = self.view.offers(filter).await?;
			let unsold: u64 = offers.iter().map(|offer| u64::from(offer.available.wh())).sum();
			if u64::from(market.offered().wh()) != totals.wh + unsold {
				books.money.push(format!(
					"producer {place} offered {}, sold {} Wh and still offers {unsold} Wh",
					market.offered(),
					totals.wh
				));
			}
		}
		Ok(burned)
	}

	/// Consumers: their vaults paid what the blocks say, and nothing is on hold for a CTP any more.
	async fn consumers(&self, market: &Market, limits: &Limits, books: &mut Books) -> Result<()> {
		for (place, id) in market.vaults.iter().enumerate() {
			let own = |trade: &&Settled| trade.signed.ctp.vault == *id;
			let totals = Totals::of(self.findings.settled.values().filter(own), limits)?;
			let held = self.view.vault(*id).await?.map(|vault| vault.held);
			let spent = held.and_then(|held| market.set_aside().checked_sub(held));
			if spent.map(|spent| spent.units()) != Some(totals.paid + totals.fees) {
				books
					.money
					.push(format!("vault {place} holds {held:?}, the blocks have {totals:?}"));
			}
		}
		Ok(())
	}
}

/// What trades come to.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Totals {
	trades: u64,
	wh: u64,
	paid: u128,
	fees: u128,
}

impl Totals {
	fn of<'a>(settled: impl Iterator<Item = &'a Settled>, limits: &Limits) -> Result<Self> {
		let mut totals = Self::default();
		for Settled { signed, delivered, block } in settled {
			let ctp = &signed.ctp;
			let split = Split::of(ctp.amount, limits.fee, *delivered, ctp.energy)
				.ok_or_else(|| format!("a trade of block {block} cannot be divided"))?;
			totals.trades += 1;
			totals.wh += u64::from(delivered.wh());
			totals.paid += split.payment.units();
			totals.fees += split.fee.units();
		}
		Ok(totals)
	}
}

/// What is wrong with trades, if anything is.
fn judge_trades(made: &[Made], findings: &Findings) -> Vec<String> {
	let mut wrong = Vec::new();
	let by_id: BTreeMap<CtpId, &Made> = made.iter().map(|made| (made.issued.id, made)).collect();
	for (id, trade) in &findings.settled {
		match by_id.get(id) {
			None => wrong.push(format!("{id} settled, but nobody here made it")),
			Some(made) if made.issued.signed != trade.signed => {
				wrong.push(format!("{id} settled with another content"));
			},
			Some(made) if made.deliver != Some(trade.delivered) => {
				wrong.push(format!("{id} was paid for {}, not for what came in", trade.delivered));
			},
			Some(_) => {},
		}
	}
	let lost = made.iter().filter(|made| made.confirmed);
	let lost = lost.filter(|made| !findings.settled.contains_key(&made.issued.id));
	wrong.extend(lost.map(|made| {
		let expiry = made.issued.signed.ctp.expiry;
		format!("{} (until block {expiry}) was confirmed and did not settle", made.issued.id)
	}));
	let figures = [
		(findings.settled_twice, "CTPs settled twice"),
		(findings.bad_seals, "blocks do not have exactly one seal with their header's root"),
		(findings.messages_in_bodies, "CTPs or ERCs are in blocks' bodies"),
	];
	let figures = figures.into_iter().filter(|(figure, _)| *figure > 0);
	wrong.extend(figures.map(|(figure, text)| format!("{figure} {text}")));
	wrong
}

#[cfg(test)]
mod tests {
	use super::*;
	use codec::Decode;
	use spb_client::{connection::Hash, meter::Issued};
	use spb_primitives::{Energy, SignedCtp};

	/// A message of nothing but zeros: what it says does not matter here.
	fn empty<T: Decode>() -> T {
		T::decode(&mut &[0; 1024][..]).unwrap()
	}

	fn made(id: u8, deliver: Option<u32>, confirmed: bool) -> Made {
		let issued = Issued { id: CtpId(Hash::repeat_byte(id)), signed: empty(), proof: empty() };
		let mut made = Made::new(issued, deliver.map(Energy::from_wh));
		made.confirmed = confirmed;
		made
	}

	fn settled(trades: &[(u8, u32)]) -> Findings {
		let trade = |(id, delivered): &(u8, u32)| {
			let (signed, delivered) = (empty::<SignedCtp>(), Energy::from_wh(*delivered));
			(CtpId(Hash::repeat_byte(*id)), Settled { block: 1, signed, delivered })
		};
		Findings { settled: trades.iter().map(trade).collect(), ..Findings::default() }
	}

	#[test]
	fn trades_as_they_should_be_should_pass() {
		let made = [made(1, Some(10), true), made(2, None, false), made(3, Some(5), false)];
		assert_eq!(judge_trades(&made, &settled(&[(1, 10)])), Vec::<String>::new());
		assert_eq!(judge_trades(&made, &settled(&[(1, 10), (3, 5)])), Vec::<String>::new());
	}

	#[test]
	fn what_is_lost_or_paid_wrongly_should_be_told() {
		let made = [made(1, Some(10), true), made(2, None, false)];
		let wrong = |findings: &Findings| judge_trades(&made, findings).len();
		assert_eq!(wrong(&settled(&[])), 1, "lost");
		assert_eq!(wrong(&settled(&[(1, 9)])), 1, "paid for something else");
		assert_eq!(wrong(&settled(&[(1, 10), (2, 1)])), 1, "paid without delivery");
		assert_eq!(wrong(&settled(&[(1, 10), (4, 1)])), 1, "paid for what nobody made");
		let twice = Findings { settled_twice: 1, ..settled(&[(1, 10)]) };
		assert_eq!(wrong(&twice), 1, "paid twice");
	}
}
