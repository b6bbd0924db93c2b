//! What the chain stores of accounts, offers and vaults, as the library hands it out.

use super::runtime::runtime_types::pallet_spb::types as stored;
use serde::Serialize;
use spb_primitives::{
	relay::ContactKey, AccountId, BlockNumber, Energy, Money, OfferId, Price, VaultId,
};

/// On which terms an offer sells.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Terms {
	/// At the listed price.
	#[default]
	Listed,
	/// At the listed price, or below it with a quote.
	Negotiable,
	/// With a quote only.
	QuoteOnly,
}

impl From<Terms> for stored::Terms {
	fn from(terms: Terms) -> Self {
		match terms {
			Terms::Listed => Self::Listed,
			Terms::Negotiable => Self::Negotiable,
			Terms::QuoteOnly => Self::QuoteOnly,
		}
	}
}

impl From<stored::Terms> for Terms {
	fn from(terms: stored::Terms) -> Self {
		match terms {
			stored::Terms::Listed => Self::Listed,
			stored::Terms::Negotiable => Self::Negotiable,
			stored::Terms::QuoteOnly => Self::QuoteOnly,
		}
	}
}

/// A block of energy for sale.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Offer {
	/// Its number.
	pub id: OfferId,
	/// Who sells.
	pub producer: AccountId,
	/// What is left; open CTPs still count as left.
	pub available: Energy,
	/// The listed price.
	pub price: Price,
	/// The terms.
	pub terms: Terms,
	/// Where to negotiate (X25519).
	pub contact: ContactKey,
	/// The block at which it was closed to new CTPs.
	pub closed_at: Option<BlockNumber>,
	/// What is held for the record.
	pub deposit: Money,
}

impl From<stored::OfferInfo> for Offer {
	fn from(info: stored::OfferInfo) -> Self {
		let stored::OfferInfo { id, offer } = info;
		Self {
			id,
			producer: offer.producer.0,
			available: offer.available.0,
			price: offer.price.0,
			terms: offer.terms.into(),
			contact: offer.contact.0,
			closed_at: offer.closed_at,
			deposit: offer.deposit.0,
		}
	}
}

/// Which offers to list.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct OfferFilter {
	/// Of this producer only.
	pub producer: Option<AccountId>,
	/// With at least this energy left.
	pub min_energy: Option<Energy>,
	/// At this price at most.
	pub max_price: Option<Price>,
	/// Closed offers too.
	pub closed: bool,
}

impl From<OfferFilter> for stored::OfferFilter {
	fn from(filter: OfferFilter) -> Self {
		Self {
			producer: filter.producer.map(Into::into),
			min_energy: filter.min_energy.map(Into::into),
			max_price: filter.max_price.map(Into::into),
			closed: filter.closed,
		}
	}
}

/// Money on its way out of a vault.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Withdrawal {
	/// How much.
	pub amount: Money,
	/// The first block at which it can be paid out.
	pub payable_at: BlockNumber,
}

/// A consumer's money set aside for trading.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Vault {
	/// Its number.
	pub id: VaultId,
	/// Whose money it is.
	pub owner: AccountId,
	/// How much is on hold.
	pub held: Money,
	/// What is on its way out.
	pub withdrawal: Option<Withdrawal>,
	/// What is held for the record.
	pub deposit: Money,
}

impl Vault {
	/// What CTPs may commit, those that are open included.
	pub fn spendable(&self) -> Money {
		let pending = self.withdrawal.map_or(Money::ZERO, |withdrawal| withdrawal.amount);
		self.held.saturating_sub(pending)
	}
}

impl From<stored::VaultInfo> for Vault {
	fn from(info: stored::VaultInfo) -> Self {
		let stored::VaultInfo { id, vault, payable_at } = info;
		let withdrawal = vault.withdrawal.zip(payable_at);
		let withdrawal = withdrawal
			.map(|(withdrawal, payable_at)| Withdrawal { amount: withdrawal.amount.0, payable_at });
		let (owner, held, deposit) = (vault.owner.0, vault.held.0, vault.deposit.0);
		Self { id, owner, held, withdrawal, deposit }
	}
}

/// How an energy account was opened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum OpenedBy {
	/// By burning this much.
	Burn {
		/// What was burned.
		amount: Money,
	},
	/// By the certificate of an energy company.
	Certificate {
		/// The company.
		company: AccountId,
	},
}

/// A producer's registration and the totals of its trades.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EnergyAccount {
	/// How it was opened.
	pub opened_by: OpenedBy,
	/// Energy sold in all trades, Wh.
	pub sold_wh: u64,
	/// Money earned in all trades.
	pub earned: Money,
	/// Number of trades.
	pub trades: u64,
	/// Offers whose records are still there, closed ones included.
	pub offers: u32,
	/// What is held for the record.
	pub deposit: Money,
}

impl From<stored::EnergyAccount> for EnergyAccount {
	fn from(account: stored::EnergyAccount) -> Self {
		let opened_by = match account.opened_by {
			stored::OpenedBy::Burn { amount } => OpenedBy::Burn { amount: amount.0 },
			stored::OpenedBy::Certificate { company } => {
				OpenedBy::Certificate { company: company.0 }
			},
		};
		Self {
			opened_by,
			sold_wh: account.sold_wh,
			earned: account.earned.0,
			trades: account.trades,
			offers: account.offers,
			deposit: account.deposit.0,
		}
	}
}
