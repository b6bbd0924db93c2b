//! What a consumer brings to a negotiation, and what it takes from one.

use super::{choose, covers, lifetime, Demand, TradeError, Trader};
use crate::{
	chain::{Offer, Terms},
	meter::Issued,
};
use spb_primitives::{
	relay::negotiation::{Agreement, Deal},
	AccountId, BlockNumber, Energy, Money, OfferId, Parameters, Price, Refusal,
};

/// For how many blocks a one-time key is set aside for a negotiation.
const NEGOTIATION: BlockNumber = 200;
/// By how many blocks a CTP falls short of the longest lifetime where none is asked for: its consumer,
/// its producer and the next author need not have seen the same block.
const SLACK: BlockNumber = 8;

/// What a consumer wants to negotiate about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wish {
	/// On which offer.
	pub offer: OfferId,
	/// The energy.
	pub energy: Energy,
	/// The most it pays, per kWh, the fee left out.
	pub max_price: Price,
	/// How long the CTP is to live from the agreement on, in blocks.
	pub lifetime: Option<BlockNumber>,
}

impl Trader {
	/// Sees that a wish can come true, and sets a one-time key aside for it. The offer comes with the
	/// deal: it says where to negotiate.
	///
	/// # Errors
	///
	/// Where vault or offer do not cover it even at the highest price, or the offer's terms leave
	/// nothing to negotiate.
	pub async fn deal(&self, wish: &Wish) -> Result<(Deal, Offer), TradeError> {
		let _turn = self.meter.turn().await;
		let situation = self.situation().await?;
		if wish.energy.is_zero() {
			return Err(Refusal::NoEnergy.into());
		}
		let lifetime = negotiated_lifetime(wish.lifetime, &situation.parameters)?;
		let offer = situation.view.offer(wish.offer).await?.ok_or(Refusal::UnknownOffer)?;
		if offer.closed_at.is_some() {
			return Err(Refusal::OfferClosed.into());
		}
		if offer.terms == Terms::Listed {
			return Err(TradeError::NothingToNegotiate(offer.id));
		}
		if offer.contact.is_none() {
			return Err(TradeError::NoContact(offer.id));
		}
		if offer.available < wish.energy {
			return Err(TradeError::Short {
				refusal: Refusal::OfferTooSmall,
				detail: format!("offer {} has {} left", offer.id, offer.available),
			});
		}
		let demand = Demand { energy: wish.energy, payable: Money::MAX };
		self.is_left(&situation, &offer, demand).await?;
		let (fee, min_amount) = (situation.limits.fee, situation.limits.min_amount);
		let most = amount(wish.max_price, wish.energy, fee);
		if most < min_amount {
			return Err(TradeError::Short {
				refusal: Refusal::AmountTooSmall,
				detail: format!(
					"{} at {} is {most} with the fee, and a CTP commits {min_amount} at the least",
					wish.energy, wish.max_price,
				),
			});
		}
		covers(&situation, most)?;
		let vault = situation.vault.id;
		let moment = situation.moment();
		let receipt_key = self.meter.reserve(vault, NEGOTIATION, &moment, &*self.progress)?;
		let deal = Deal {
			offer: offer.id,
			producer: offer.producer.clone(),
			energy: wish.energy,
			vault,
			receipt_key,
			lifetime,
			fee,
			min_amount,
		};
		Ok((deal, offer))
	}

	/// Signs the CTP that was agreed on and keeps it back, until [`Trader::commit_quoted`] hands it to
	/// the pool with its quote.
	pub fn adopt(&self, agreement: &Agreement) -> Result<Issued, TradeError> {
		let genesis = self.connection.genesis();
		Ok(self.meter.adopt(&agreement.ctp, &self.key, &genesis, &*self.progress)?)
	}
}

/// The lifetime of a CTP that is negotiated about.
fn negotiated_lifetime(
	asked: Option<BlockNumber>,
	parameters: &Parameters,
) -> Result<BlockNumber, TradeError> {
	let blocks = lifetime(asked, parameters)?;
	if asked.is_some() {
		return Ok(blocks);
	}
	let (least, most) = (parameters.min_lifetime.saturating_add(1), parameters.max_lifetime);
	Ok(blocks.min(most.saturating_sub(SLACK)).max(least))
}

/// All that a CTP at this price commits, or more than anyone has.
fn amount(price: Price, energy: Energy, fee: Money) -> Money {
	let payment = spb_primitives::listed_price(price, energy);
	payment.and_then(|payment| payment.checked_add(fee)).unwrap_or(Money::MAX)
}

/// What is left of an offer beside open CTPs, for the producer that sells it.
pub(crate) async fn left(
	connection: &crate::connection::Connection,
	offer: &Offer,
	at: crate::connection::Hash,
) -> Result<Energy, crate::connection::ConnectionError> {
	let filter = crate::connection::CtpFilter { vault: None, offer: Some(offer.id) };
	let rows = connection.all_ctps(filter, Some(at)).await?;
	Ok(choose::left(offer.available, rows.iter().map(|row| row.ctp().energy)))
}

/// Whose offer it is, if it is open and can be asked about.
pub(crate) fn is_sold_by(offer: &Offer, producer: &AccountId) -> bool {
	offer.producer == *producer && offer.closed_at.is_none() && offer.terms != Terms::Listed
}
