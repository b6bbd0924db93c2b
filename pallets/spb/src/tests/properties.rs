//! Random trading over many blocks: what an author prepares is good to everyone, and money and
//! energy are conserved to the unit.

use super::*;
use crate::{runtime_api::Outcome, Call, EnergyAccounts, NextOffer, NextVault, Offers, Vaults};
use frame_support::traits::UnfilteredDispatchable;
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use spb_primitives::{listed_price, CtpId, Message, ReceiptKey};
use std::collections::{BTreeMap, BTreeSet};

const SHORT: Parameters =
	Parameters { min_lifetime: 1, max_lifetime: 8, grace: 2, evidence_window: 1, ..PARAMETERS };

/// Something that someone does. Much of it is refused, as in life.
#[derive(Clone, Debug)]
enum Act {
	Commit {
		vault: u32,
		offer: u32,
		energy: u32,
		extra: i8,
		lifetime: u32,
		leaf: u32,
		quoted: bool,
	},
	Confirm {
		which: prop::sample::Index,
		share: u32,
		age: u32,
	},
	Repeat(prop::sample::Index),
	Offer {
		who: u8,
		energy: u32,
		price: u128,
		terms: u8,
	},
	TopUp {
		who: u8,
		offer: u32,
		energy: u32,
	},
	Reprice {
		who: u8,
		offer: u32,
		price: u128,
	},
	CloseOffer {
		who: u8,
		offer: u32,
	},
	OpenAccount {
		who: u8,
	},
	CloseAccount {
		who: u8,
	},
	Deposit {
		who: u8,
		amount: u128,
	},
	Request {
		who: u8,
		amount: u128,
	},
	Cancel {
		who: u8,
	},
	Withdraw {
		who: u8,
	},
}

fn act() -> impl Strategy<Value = Act> {
	let who = || 0u8..4;
	let number = || 0u32..6;
	let price = || prop_oneof![1 => Just(0u128), 8 => 1u128..2_000, 1 => Just(1_000_000)];
	let amount = || prop_oneof![6 => 1u128..60_000, 6 => 1u128..2_000, 1 => Just(u128::MAX)];
	let energy = || prop_oneof![2 => 0u32..50, 8 => 50u32..1_500, 2 => 1_500u32..6_000];
	let index = any::<prop::sample::Index>;
	prop_oneof![
		14 => (number(), number(), energy(), -1i8..9, 0u32..10, 0u32..60, any::<bool>()).prop_map(
			|(vault, offer, energy, extra, lifetime, leaf, quoted)| Act::Commit {
				vault, offer, energy, extra, lifetime, leaf, quoted
			}
		),
		6 => (index(), 0u32..110, 0u32..4)
			.prop_map(|(which, share, age)| Act::Confirm { which, share, age }),
		1 => index().prop_map(Act::Repeat),
		3 => (who(), energy().prop_map(|energy| energy * 4), price(), 0u8..3)
			.prop_map(|(who, energy, price, terms)| Act::Offer { who, energy, price, terms }),
		2 => (who(), number(), energy())
			.prop_map(|(who, offer, energy)| Act::TopUp { who, offer, energy }),
		1 => (who(), number(), price())
			.prop_map(|(who, offer, price)| Act::Reprice { who, offer, price }),
		1 => (who(), number()).prop_map(|(who, offer)| Act::CloseOffer { who, offer }),
		1 => who().prop_map(|who| Act::OpenAccount { who }),
		1 => who().prop_map(|who| Act::CloseAccount { who }),
		4 => (who(), amount()).prop_map(|(who, amount)| Act::Deposit { who, amount }),
		2 => (who(), amount()).prop_map(|(who, amount)| Act::Request { who, amount }),
		1 => who().prop_map(|who| Act::Cancel { who }),
		2 => who().prop_map(|who| Act::Withdraw { who }),
	]
}

fn person(who: u8) -> Sr25519Keyring {
	[Alice, Bob, Charlie, Dave][usize::from(who)]
}

fn keyring(account: &AccountId) -> Sr25519Keyring {
	Sr25519Keyring::from_account_id(account).expect("one of the keyring")
}

/// The chain with what was said and what must be true of it.
struct Market {
	chain: TestChain,
	/// Every CTP that was ever sent, whatever became of it.
	deals: Vec<Deal>,
	/// Money when the chain began, less what events say was burned.
	issuance: u128,
	/// Wh that events say were offered and sold, of each offer.
	offered: BTreeMap<u32, u64>,
	sold: BTreeMap<u32, u64>,
	settled: BTreeSet<CtpId>,
	open: BTreeSet<CtpId>,
	/// How often each thing became of a message.
	outcomes: BTreeMap<String, u32>,
}

impl Market {
	fn new() -> Self {
		let chain: TestChain = ExtBuilder::default().parameters(SHORT).into();
		let issuance = chain.query(Balances::total_issuance);
		Self {
			chain,
			deals: vec![],
			issuance,
			offered: BTreeMap::from([(0, u64::from(OFFERED))]),
			sold: BTreeMap::new(),
			settled: BTreeSet::new(),
			open: BTreeSet::new(),
			outcomes: BTreeMap::new(),
		}
	}

	/// A deal with the vault and the offer of these numbers, if there are any, as their state is.
	fn deal(&self, act: &Act, now: u32) -> Option<Deal> {
		let Act::Commit { vault, offer, energy, extra, lifetime, leaf, quoted } = *act else {
			return None;
		};
		self.chain.query(|| {
			let vault = vault % NextVault::<Test>::get();
			let offer = offer % NextOffer::<Test>::get();
			let owner = Vaults::<Test>::get(vault).map_or(Dave, |vault| keyring(&vault.owner));
			let (price_of, producer) = Offers::<Test>::get(offer)
				.map(|record| record.offer)
				.map_or((price(1), Alice), |offer| (offer.price, keyring(&offer.producer)));
			let listed = listed_price(price_of, wh(energy)).map_or(1, |listed| listed.units());
			let least = (listed + FEE).max(2 * FEE);
			let amount = least.saturating_add_signed(extra.into());
			let deal = Deal::new(leaf).by(owner).with(|ctp| {
				(ctp.vault, ctp.offer, ctp.energy) = (vault, offer, wh(energy));
				(ctp.amount, ctp.expiry) = (money(amount), now + lifetime);
			});
			Some(if quoted { deal.quoted_by(producer) } else { deal })
		})
	}

	fn message(&mut self, act: &Act, now: u32) -> Option<Message> {
		match act {
			Act::Commit { .. } => {
				let deal = self.deal(act, now)?;
				self.deals.push(deal.clone());
				Some(deal.commit())
			},
			Act::Confirm { which, share, age } => {
				// Mostly what is open or was sent just now; else any.
				let last = self.deals.len().saturating_sub(2);
				let fresh = |at: usize, deal: &Deal| at >= last || self.open.contains(&deal.id());
				let likely: Vec<_> = (self.deals.iter().enumerate())
					.filter(|(at, deal)| share % 8 == 0 || fresh(*at, deal))
					.map(|(_, deal)| deal)
					.collect();
				if likely.is_empty() {
					return None;
				}
				let deal = *which.get(&likely);
				let delivered = u64::from(deal.ctp.energy.wh()) * u64::from(*share) / 100;
				let at = now.saturating_sub(*age).min(deal.ctp.expiry + 1);
				Some(deal.confirm(delivered as u32, at))
			},
			Act::Repeat(which) if !self.deals.is_empty() => Some(which.get(&self.deals).commit()),
			_ => None,
		}
	}

	/// Makes a block of what these people do, and looks at everything that must hold.
	fn block(&mut self, acts: &[Act]) {
		let now = self.chain.height() + 1;
		let messages: Vec<_> = acts.iter().filter_map(|act| self.message(act, now)).collect();
		let parent = self.chain.head;
		// Checked there: the seal is taken whole, the check agrees, the root is the reference's, and
		// the state is sound.
		let block = self.chain.block_with(&messages, || {
			for (who, call) in acts.iter().filter_map(signed_call) {
				let _ = call.dispatch_bypass_filter(signed(who));
			}
		});
		for outcome in &block.outcomes {
			*self.outcomes.entry(format!("{outcome:?}")).or_default() += 1;
		}
		self.check_additions(&parent, &messages, &block.outcomes);
		self.check_changes(&block);
		self.check_money(&block);
		self.check_energy(&block);
		self.check_claims(now);
	}

	/// R2, counted over all entries: together with all that is open, what enters is covered.
	fn check_additions(&self, parent: &H256, messages: &[Message], outcomes: &[Outcome]) {
		let taken = messages.iter().zip(outcomes).filter_map(|(message, outcome)| match message {
			Message::Commit(addition) if *outcome == Outcome::Taken => Some(addition.ctp.clone()),
			_ => None,
		});
		let mut open: Vec<_> =
			self.chain.entries(parent).into_iter().map(|open| open.signed).collect();
		for added in taken {
			open.push(added.clone());
			let of_vault: Vec<_> =
				open.iter().filter(|other| other.ctp.vault == added.ctp.vault).collect();
			let keys: BTreeSet<ReceiptKey> =
				of_vault.iter().map(|other| other.ctp.receipt_key).collect();
			assert_eq!(keys.len(), of_vault.len(), "a receipt key counts once for a vault");
			assert!(of_vault.len() <= 64);
			let committed: u128 = of_vault.iter().map(|other| other.ctp.amount.units()).sum();
			let of_offer = open.iter().filter(|other| other.ctp.offer == added.ctp.offer);
			let claimed: u64 = of_offer.map(|other| u64::from(other.ctp.energy.wh())).sum();
			self.chain.in_next(parent, || {
				let vault = vault(added.ctp.vault);
				assert!(committed <= vault.spendable().units());
				let offer = on_offer(added.ctp.offer);
				assert!(offer.closed_at.is_none());
				assert!(claimed <= u64::from(offer.available.wh()));
			});
		}
		assert!(open.len() <= MaxOpen::get() as usize);
	}

	/// What the block says it did is what was done.
	fn check_changes(&mut self, block: &TestBlock) {
		let changes = self.chain.changes(&block.hash).unwrap();
		for added in changes.added {
			assert!(self.open.insert(added.id));
			assert!(!self.settled.contains(&added.id), "what has settled does not come again");
		}
		assert_eq!(changes.settled.len(), block.seal().settlements.len());
		for settled in changes.settled {
			assert!(self.open.remove(&settled.id), "only what is in the database settles");
			assert!(self.settled.insert(settled.id), "and only once");
		}
		for expired in changes.expired {
			assert_eq!(expired.signed.ctp.expiry + SHORT.grace, block.number);
			assert!(self.open.remove(&expired.id));
		}
		assert_eq!(self.chain.open().into_iter().collect::<BTreeSet<_>>(), self.open);
	}

	/// Issuance falls by burns only, and all of it is in accounts.
	fn check_money(&mut self, block: &TestBlock) {
		for event in self.chain.events(&block.hash) {
			self.issuance -= match event {
				Event::AccountOpened { by: crate::OpenedBy::Burn { amount }, .. } => amount.units(),
				Event::PaymentBurned { amount, .. } => amount.units(),
				_ => 0,
			};
		}
		self.chain.query(|| {
			assert_eq!(Balances::total_issuance(), self.issuance);
			let accounts = frame_system::Account::<Test>::iter_values();
			let everything: u128 = accounts.map(|account| account.data.total()).sum();
			assert_eq!(everything, self.issuance);
		});
	}

	/// What was offered of each offer is sold or still there.
	fn check_energy(&mut self, block: &TestBlock) {
		for event in self.chain.events(&block.hash) {
			match event {
				Event::EnergyOffered { offer, energy, .. }
				| Event::OfferToppedUp { offer, energy } => {
					*self.offered.entry(offer).or_default() += u64::from(energy.wh());
				},
				Event::TradeSettled { offer, delivered, .. } => {
					*self.sold.entry(offer).or_default() += u64::from(delivered.wh());
				},
				_ => {},
			}
		}
		self.chain.query(|| {
			for (id, record) in Offers::<Test>::iter() {
				let sold = self.sold.get(&id).copied().unwrap_or_default();
				let left = u64::from(record.offer.available.wh());
				assert_eq!((self.offered[&id], record.sales.sold_wh), (sold + left, sold));
			}
		});
	}

	/// P3: what open CTPs may draw is held, and what they ask for is there.
	fn check_claims(&self, now: u32) {
		let mut of_vaults = BTreeMap::<u32, u128>::new();
		let mut of_offers = BTreeMap::<u32, u64>::new();
		for open in self.chain.entries(&self.chain.head) {
			let ctp = &open.signed.ctp;
			assert!(ctp.expiry + SHORT.grace > now, "what has expired is gone");
			*of_vaults.entry(ctp.vault).or_default() += ctp.amount.units();
			*of_offers.entry(ctp.offer).or_default() += u64::from(ctp.energy.wh());
		}
		self.chain.query(|| {
			for (id, committed) in &of_vaults {
				assert!(*committed <= in_vault(*id));
			}
			for (id, claimed) in &of_offers {
				assert!(*claimed <= u64::from(available(*id)));
			}
		});
		let head = self.chain.head;
		for (id, committed) in of_vaults {
			let claims = self.chain.database(&head, |database| {
				Ok::<_, crate::runtime_api::Missing>(database.claims(id)?.to_vec())
			});
			let live = claims.unwrap().into_iter().filter(|claim| claim.expiry + SHORT.grace > now);
			assert_eq!(live.map(|claim| claim.amount.units()).sum::<u128>(), committed);
		}
	}

	/// Everyone takes their money home. No deposit stays behind.
	fn close(mut self) {
		let everyone = || (0..4u8).map(|who| Act::Deposit { who, amount: 1 });
		self.block(&everyone().collect::<Vec<_>>());
		self.block(&(0..4).map(|who| Act::Cancel { who }).collect::<Vec<_>>());
		let mut last: Vec<_> = self.chain.query(|| {
			let all = Vaults::<Test>::iter_keys().map(vault);
			let who = |owner: &AccountId| {
				(0..4).find(|who| person(*who).to_account_id() == *owner).unwrap()
			};
			let requests = all
				.map(|vault| Act::Request { who: who(&vault.owner), amount: vault.held.units() });
			let offers = Offers::<Test>::iter()
				.map(|(offer, record)| Act::CloseOffer { who: who(&record.offer.producer), offer });
			requests.chain(offers).collect()
		});
		self.block(&last);
		for _ in 0..SHORT.longest_claim() {
			self.block(&[]);
		}
		assert!(self.open.is_empty());
		last = (0..4).flat_map(|who| [Act::Withdraw { who }, Act::CloseAccount { who }]).collect();
		self.block(&last);
		self.chain.query(|| {
			assert_eq!(Vaults::<Test>::iter().count(), 0);
			assert_eq!(Offers::<Test>::iter().count(), 0);
			assert_eq!(EnergyAccounts::<Test>::iter().count(), 0);
			let accounts = frame_system::Account::<Test>::iter_values();
			assert!(accounts.into_iter().all(|account| account.data.reserved == 0));
		});
	}
}

/// The signed call of an act, with who signs it.
fn signed_call(act: &Act) -> Option<(Sr25519Keyring, Call<Test>)> {
	let (who, call) = match *act {
		Act::Commit { .. } | Act::Confirm { .. } | Act::Repeat(_) => return None,
		Act::Offer { who, energy, price: units, terms } => {
			let terms = [Terms::Listed, Terms::Negotiable, Terms::QuoteOnly][usize::from(terms)];
			let (energy, price) = (wh(energy), price(units));
			(who, Call::offer_energy { energy, price, terms, contact: ContactKey::default() })
		},
		Act::TopUp { who, offer, energy } => {
			(who, Call::top_up_offer { offer, energy: wh(energy) })
		},
		Act::Reprice { who, offer, price: units } => {
			(who, Call::reprice_offer { offer, price: price(units) })
		},
		Act::CloseOffer { who, offer } => (who, Call::close_offer { offer }),
		Act::OpenAccount { who } => (who, Call::open_account_with_burn {}),
		Act::CloseAccount { who } => (who, Call::close_account {}),
		Act::Deposit { who, amount } => (who, Call::deposit { amount: money(amount) }),
		Act::Request { who, amount } => (who, Call::request_withdrawal { amount: money(amount) }),
		Act::Cancel { who } => (who, Call::cancel_withdrawal {}),
		Act::Withdraw { who } => (who, Call::withdraw {}),
	};
	Some((person(who), call))
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(32))]

	#[test]
	fn trading_should_conserve_money_and_energy_and_never_stop_the_chain(
		blocks in prop::collection::vec(prop::collection::vec(act(), 0..9), 10..40),
	) {
		let mut market = Market::new();
		for acts in &blocks {
			market.block(acts);
		}
		market.close();
	}
}

#[test]
fn random_trading_should_settle_and_drop_and_refuse() {
	// The generator is worth nothing unless trades come about in it.
	let mut runner = TestRunner::deterministic();
	let blocks = prop::collection::vec(prop::collection::vec(act(), 4..9), 60);
	let blocks = blocks.new_tree(&mut runner).unwrap().current();
	let (mut market, mut expired, mut opened) = (Market::new(), 0, 0);
	for acts in &blocks {
		market.block(acts);
		expired += market.chain.changes(&market.chain.head).unwrap().expired.len();
		let events = market.chain.events(&market.chain.head);
		opened += events.iter().filter(|e| matches!(e, Event::AccountOpened { .. })).count();
	}
	let (settled, outcomes) = (market.settled.len(), &market.outcomes);
	assert!(settled >= 10 && expired >= 10, "{settled} settled, {expired} expired: {outcomes:?}");
	assert!(outcomes.len() >= 10, "few refusals: {outcomes:?}");
	assert!(opened > 0, "no account was opened");
	market.close();
}
