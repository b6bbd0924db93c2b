//! Trades: a CTP on the cheapest offer that suffices, and the ERC that confirms it.
//!
//! What would be refused is refused here first, with the figures, so that no money waits behind a
//! CTP that no author can take. The chain has the last word all the same.

mod choose;
pub(crate) mod deal;
mod error;
pub(crate) mod slot;
#[cfg(test)]
mod tests;
mod wait;

pub use choose::{judge, sufficient, Demand};
pub use deal::Wish;
pub use error::TradeError;
pub use wait::{wait_for_ctp, wait_for_receipt, Goal};

use crate::{
	chain::{calls, Offer, OfferFilter, Vault, View},
	connection::{Connection, CtpFilter, CtpRow, Head, Stall, Status},
	keys::AccountKey,
	meter::{Draft, Issued, Meter, Moment, Reading, Receipt, Unconfirmed},
	progress::Progress,
	tx::TxError,
};
use spb_primitives::{
	message::{quote_payload, verify_quote},
	AccountId, BlockNumber, Ctp, CtpId, Energy, Genesis, Limits, Money, OfferId, Parameters, Quote,
	Refusal,
};
use std::{collections::BTreeSet, sync::Arc};

/// How long a CTP lives unless asked otherwise: a quarter-hour to deliver and as much to spare.
pub const DEFAULT_LIFETIME: BlockNumber = 600;
/// Blocks for which a CTP that was submitted counts as pending, also where the node does not say so:
/// it takes the node a moment to note it.
const NOTING: BlockNumber = 2;
/// Blocks that a CTP may wait in the pool and still enter in time, where its lifetime allows it.
const ENTRY_SLACK: BlockNumber = 3;

/// What a consumer wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
	/// From whom.
	pub producer: AccountId,
	/// From this offer; else from the cheapest that suffices.
	pub offer: Option<OfferId>,
	/// All that may be spent, fee included.
	pub amount: Money,
	/// The energy.
	pub energy: Energy,
	/// How long the CTP lives from now, in blocks.
	pub lifetime: Option<BlockNumber>,
}

/// A consumer with its vault and its meter.
#[derive(Clone)]
pub struct Trader {
	connection: Connection,
	key: AccountKey,
	meter: Arc<Meter>,
	progress: Arc<dyn Progress>,
}

impl std::fmt::Debug for Trader {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		write!(f, "Trader({})", self.key.account())
	}
}

/// What a producer signs to sell at a price of its own: its consent to this very CTP.
pub fn quote(key: &AccountKey, id: &CtpId, genesis: &Genesis) -> Quote {
	key.sign(&quote_payload(id, genesis))
}

/// What is known when a CTP is made.
struct Situation {
	view: View,
	genesis: Genesis,
	best: Head,
	finalized: Head,
	/// Those that govern a CTP that is made now.
	parameters: Parameters,
	limits: Limits,
	vault: Vault,
	/// The vault's open CTPs.
	open: Vec<CtpRow>,
	/// The meter's CTPs of this vault that are on their way into the database.
	pending: Vec<(CtpId, Ctp)>,
}

impl Situation {
	/// The places in the pool that are taken.
	fn taken(&self) -> BTreeSet<u8> {
		self.pending.iter().map(|(id, _)| id.pool_slot()).collect()
	}

	/// The meter's view of it.
	fn moment(&self) -> Moment<'_> {
		let settles_from = self.finalized.number.saturating_sub(self.parameters.grace);
		Moment { genesis: &self.genesis, now: self.best.number, settles_from }
	}

	/// The earliest expiry that leaves a few blocks to enter, but no later than `expiry`.
	fn earliest(&self, expiry: BlockNumber) -> BlockNumber {
		let entry = self.best.number.saturating_add(ENTRY_SLACK);
		expiry.min(entry.saturating_add(self.parameters.min_lifetime))
	}
}

impl Trader {
	/// A consumer who signs with `key` and whose receipts `meter` confirms.
	pub fn new(
		connection: Connection,
		key: AccountKey,
		meter: Arc<Meter>,
		progress: Arc<dyn Progress>,
	) -> Self {
		Self { connection, key, meter, progress }
	}

	/// The account.
	pub fn account(&self) -> AccountId {
		self.key.account()
	}

	/// The meter.
	pub fn meter(&self) -> &Meter {
		&self.meter
	}

	/// The connection.
	pub fn connection(&self) -> &Connection {
		&self.connection
	}

	/// Makes a CTP and hands it to the pool.
	pub async fn commit(&self, order: &Order) -> Result<Issued, TradeError> {
		let _turn = self.meter.turn().await;
		let situation = self.situation().await?;
		let issued = self.issue(&situation, order, false).await?;
		self.place(&situation, issued).await
	}

	/// Makes a CTP and keeps it back, for its producer to quote for.
	pub async fn prepare(&self, order: &Order) -> Result<Issued, TradeError> {
		let _turn = self.meter.turn().await;
		let situation = self.situation().await?;
		let issued = self.issue(&situation, order, true).await?;
		self.meter.note_submitted(&issued.id, None, &situation.genesis)?;
		Ok(issued)
	}

	/// Hands a prepared CTP to the pool with its producer's quote.
	pub async fn commit_quoted(&self, order: &Order, quote: &Quote) -> Result<Issued, TradeError> {
		let genesis = self.connection.genesis();
		let prepared = self.meter.unconfirmed(&genesis)?;
		let id = prepared
			.into_iter()
			.filter(|Unconfirmed { ctp, .. }| {
				let same = ctp.amount == order.amount && ctp.energy == order.energy;
				same && order.offer.is_none_or(|offer| offer == ctp.offer)
			})
			.map(|issued| issued.id)
			.find(|id| verify_quote(quote, id, &order.producer, &genesis).is_ok())
			.ok_or(TradeError::NoSuchQuote)?;
		let issued = self.meter.issued(&id, &genesis, &*self.progress)?;
		let now = self.connection.best().await?.number;
		self.meter.note_submitted(&id, Some(now), &genesis)?;
		self.submit(&issued, Some(quote.clone())).await?;
		Ok(issued)
	}

	/// Hands the meter's word to the pool that a CTP was delivered. Again, it changes nothing.
	///
	/// If another ERC of the meter has this one's place in the pool, waits until it is free.
	pub async fn confirm(
		&self,
		id: &CtpId,
		delivered: Energy,
		reading: Reading,
	) -> Result<Receipt, TradeError> {
		let genesis = self.connection.genesis();
		let now = self.connection.best().await?.number;
		let progress = &*self.progress;
		let receipt = self.meter.confirm(id, delivered, reading, now, &genesis, progress)?;
		let expiry = receipt.ctp.ctp.expiry;
		let mut heads = self.connection.heads(Stall::default());
		loop {
			let (erc, proof) = (receipt.erc.clone(), receipt.proof.clone());
			let message = calls::confirm_receipt(erc, proof);
			match self.connection.submit_message(&message).await {
				Ok(_) => return Ok(receipt),
				Err(TxError::PlaceTaken) => {
					let view = self.connection.view(heads.next().await?).await?;
					let grace = view.parameters().await?.grace;
					if view.head().number > expiry.saturating_add(grace) {
						return Err(Refusal::TooLateToSettle.into());
					}
				},
				// The pool drops an ERC when its CTP has settled: then all is done.
				Err(TxError::Banned) if self.has_settled(id, expiry).await? => return Ok(receipt),
				Err(error) => return Err(error.into()),
			}
		}
	}

	async fn has_settled(&self, id: &CtpId, expiry: BlockNumber) -> Result<bool, TradeError> {
		let remembered = self.connection.best_view().await?.is_settled(expiry, id).await?;
		Ok(remembered || self.connection.ctp(id, None).await?.status == Status::Settled)
	}

	async fn situation(&self) -> Result<Situation, TradeError> {
		let genesis = self.connection.genesis();
		let (best, finalized) = (self.connection.best().await?, self.connection.finalized().await?);
		let view = self.connection.view(best).await?;
		let vault = view.vault_of(&self.account()).await?.ok_or(Refusal::UnknownVault)?;
		let filter = CtpFilter { vault: Some(vault.id), offer: None };
		let open = self.connection.all_ctps(filter, Some(best.hash)).await?;
		let pending = self.pending(&vault, &open, best).await?;
		// While a shorter lifetime comes into force, what is open keeps the longer one.
		let max_lifetime = view.entry_lifetime().await?;
		let parameters = Parameters { max_lifetime, ..view.parameters().await? };
		let limits = view.limits().await?;
		Ok(Situation { view, genesis, best, finalized, parameters, limits, vault, open, pending })
	}

	/// The meter's CTPs of a vault that are neither open nor over.
	async fn pending(
		&self,
		vault: &Vault,
		open: &[CtpRow],
		best: Head,
	) -> Result<Vec<(CtpId, Ctp)>, TradeError> {
		let open: BTreeSet<CtpId> = open.iter().map(|row| row.id).collect();
		let mut pending = Vec::new();
		for Unconfirmed { id, ctp, submitted_at } in
			self.meter.unconfirmed(&self.connection.genesis())?
		{
			let Some(since) = submitted_at else { continue };
			if ctp.vault != vault.id || ctp.expiry <= best.number || open.contains(&id) {
				continue;
			}
			let is_pending = match self.connection.ctp(&id, None).await?.status {
				Status::Pending => true,
				Status::Unknown => since.saturating_add(NOTING) > best.number,
				Status::Open | Status::Settled => false,
			};
			if is_pending {
				pending.push((id, ctp));
			}
		}
		Ok(pending)
	}

	/// Makes a CTP; one that is to be quoted for need not fit the listed price.
	async fn issue(
		&self,
		situation: &Situation,
		order: &Order,
		quoted: bool,
	) -> Result<Issued, TradeError> {
		let (limits, parameters) = (&situation.limits, &situation.parameters);
		if order.energy.is_zero() {
			return Err(Refusal::NoEnergy.into());
		}
		if order.amount < limits.min_amount {
			return Err(TradeError::Short {
				refusal: Refusal::AmountTooSmall,
				detail: format!("{} is less than {}", order.amount, limits.min_amount),
			});
		}
		let lifetime = lifetime(order.lifetime, parameters)?;
		covers(situation, order.amount)?;
		let payable = order.amount.saturating_sub(limits.fee);
		let demand = Demand { energy: order.energy, payable };
		let offer = self.choose(situation, order, demand, quoted).await?;
		let expiry = situation.best.number.saturating_add(lifetime);
		let draft = Draft {
			vault: situation.vault.id,
			offer,
			energy: order.energy,
			amount: order.amount,
			expiry,
			earliest: situation.earliest(expiry),
		};
		let taken = situation.taken();
		let moment = situation.moment();
		Ok(self.meter.issue(&draft, &self.key, &taken, &moment, &*self.progress)?)
	}

	/// The offer that was named, or the cheapest that suffices.
	async fn choose(
		&self,
		situation: &Situation,
		order: &Order,
		demand: Demand,
		quoted: bool,
	) -> Result<OfferId, TradeError> {
		let candidates = match order.offer {
			Some(id) => {
				let offer = situation.view.offer(id).await?.ok_or(Refusal::UnknownOffer)?;
				if offer.producer != order.producer {
					return Err(TradeError::OfferOfAnother(id));
				}
				match judge(&offer, demand) {
					Err(Refusal::PriceTooLow | Refusal::QuoteRequired) if quoted => {},
					other => other?,
				}
				vec![offer]
			},
			None => {
				let producer = Some(order.producer.clone());
				let filter = OfferFilter { producer, ..Default::default() };
				let offers = situation.view.offers(filter).await?;
				// With a quote, neither price nor terms decide.
				let demand = if quoted { Demand { payable: Money::MAX, ..demand } } else { demand };
				let asked = |offer: Offer| match quoted {
					true => Offer { terms: Default::default(), ..offer },
					false => offer,
				};
				sufficient(offers.into_iter().map(asked).collect(), demand)?
			},
		};
		let mut refused = None;
		for offer in candidates {
			match self.is_left(situation, &offer, demand).await {
				Ok(()) => return Ok(offer.id),
				Err(error @ TradeError::Short { .. }) => refused = refused.or(Some(error)),
				Err(error) => return Err(error),
			}
		}
		Err(refused.unwrap_or_else(|| Refusal::UnknownOffer.into()))
	}

	/// Whether open CTPs leave enough of an offer.
	async fn is_left(
		&self,
		situation: &Situation,
		offer: &Offer,
		demand: Demand,
	) -> Result<(), TradeError> {
		let filter = CtpFilter { vault: None, offer: Some(offer.id) };
		let rows = self.connection.all_ctps(filter, Some(situation.best.hash)).await?;
		let open = rows.iter().map(|row| row.ctp().energy);
		let ours = situation.pending.iter().filter(|(_, ctp)| ctp.offer == offer.id);
		let all = open.chain(ours.map(|(_, ctp)| ctp.energy));
		choose::not_taken(demand, offer.id, offer.available, all)
	}

	/// Hands a CTP to the pool, with another expiry where its place is taken. One that finds none is
	/// forgotten.
	async fn place(&self, situation: &Situation, mut issued: Issued) -> Result<Issued, TradeError> {
		let mut taken = situation.taken();
		loop {
			match self.submit(&issued, None).await {
				Ok(()) => return Ok(issued),
				Err(TradeError::Tx(TxError::PlaceTaken)) => {},
				Err(error) => return Err(error),
			}
			taken.insert(issued.id.pool_slot());
			let earliest = situation.earliest(issued.signed.ctp.expiry);
			let genesis = &situation.genesis;
			let moved = self.meter.move_to_another_place(
				&issued.id,
				earliest,
				&self.key,
				&taken,
				genesis,
				&*self.progress,
			);
			issued = match moved {
				Ok(moved) => moved,
				Err(error) => {
					self.meter.forget(&issued.id, genesis)?;
					return Err(error.into());
				},
			};
		}
	}

	/// Hands a CTP to the pool. One that it refuses is forgotten, unless another place may help; one
	/// with a quote is kept back again, because the quote stays good.
	async fn submit(&self, issued: &Issued, quote: Option<Quote>) -> Result<(), TradeError> {
		let (signed, proof) = (issued.signed.clone(), issued.proof.clone());
		let (genesis, quoted) = (self.connection.genesis(), quote.is_some());
		let message = calls::commit_to_pay(signed, proof, quote);
		match self.connection.submit_message(&message).await {
			Ok(_) => Ok(()),
			Err(TxError::Connection(source)) => Err(TradeError::Unclear { id: issued.id, source }),
			Err(refused) if quoted => {
				self.meter.note_submitted(&issued.id, None, &genesis)?;
				Err(refused.into())
			},
			Err(TxError::PlaceTaken) => Err(TxError::PlaceTaken.into()),
			Err(refused) => {
				self.meter.forget(&issued.id, &genesis)?;
				Err(refused.into())
			},
		}
	}
}

/// The lifetime of a CTP, within what the chain allows.
fn lifetime(
	asked: Option<BlockNumber>,
	parameters: &Parameters,
) -> Result<BlockNumber, TradeError> {
	let (least, most) = (parameters.min_lifetime.saturating_add(1), parameters.max_lifetime);
	match asked {
		Some(lifetime) if lifetime < least || lifetime > most => {
			Err(TradeError::Lifetime { lifetime, least, most })
		},
		Some(lifetime) => Ok(lifetime),
		None => Ok(DEFAULT_LIFETIME.max(least).min(most)),
	}
}

/// Whether the vault covers an amount together with what is open and pending.
fn covers(situation: &Situation, amount: Money) -> Result<(), TradeError> {
	let open = situation.open.iter().map(CtpRow::ctp);
	let claims: Vec<&Ctp> = open.chain(situation.pending.iter().map(|(_, ctp)| ctp)).collect();
	if claims.len() >= situation.limits.max_open_per_vault as usize {
		return Err(Refusal::VaultFull.into());
	}
	let claimed = claims
		.iter()
		.try_fold(Money::ZERO, |sum, ctp| sum.checked_add(ctp.amount))
		.unwrap_or(Money::MAX);
	let left = situation.vault.spendable().saturating_sub(claimed);
	if amount <= left {
		return Ok(());
	}
	Err(TradeError::Short {
		refusal: Refusal::VaultTooSmall,
		detail: format!("vault {} has {left} free, {amount} asked for", situation.vault.id),
	})
}
