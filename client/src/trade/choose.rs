//! Which of a producer's offers a CTP is for: the cheapest that suffices.

use super::TradeError;
use crate::chain::{Offer, Terms};
use spb_primitives::{listed_price, Energy, Money, OfferId, Refusal};

/// What a CTP asks for and pays, the fee left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Demand {
	/// The energy.
	pub energy: Energy,
	/// The amount less the fee.
	pub payable: Money,
}

/// The offers that suffice, the cheapest first, the oldest first among equals.
///
/// Offers that sell by quote only are left out, and so is what open CTPs have taken, which only the
/// CTP database knows.
///
/// # Errors
///
/// If none suffices, with the reason that comes nearest to doing.
pub fn sufficient(offers: Vec<Offer>, demand: Demand) -> Result<Vec<Offer>, TradeError> {
	let mut fitting: Vec<Offer> = Vec::new();
	let mut nearest = None;
	for offer in offers {
		match judge(&offer, demand) {
			Ok(()) => fitting.push(offer),
			Err(refusal) => {
				let nearer = nearest.as_ref().is_none_or(|(_, known)| rank(refusal) > rank(*known));
				if nearer {
					nearest = Some((offer, refusal));
				}
			},
		}
	}
	fitting.sort_by_key(|offer| (offer.price, offer.id));
	if fitting.is_empty() {
		let reason = match nearest {
			None => "it has none".into(),
			Some((offer, refusal)) => explain(&offer, refusal),
		};
		return Err(no_offer(demand, reason));
	}
	Ok(fitting)
}

/// Whether an offer suffices as it stands on the chain.
pub fn judge(offer: &Offer, demand: Demand) -> Result<(), Refusal> {
	if offer.closed_at.is_some() {
		return Err(Refusal::OfferClosed);
	}
	if offer.terms == Terms::QuoteOnly {
		return Err(Refusal::QuoteRequired);
	}
	if offer.available < demand.energy {
		return Err(Refusal::OfferTooSmall);
	}
	match listed_price(offer.price, demand.energy) {
		Some(price) if price <= demand.payable => Ok(()),
		_ => Err(Refusal::PriceTooLow),
	}
}

/// How near an offer that is refused for this comes to doing.
fn rank(refusal: Refusal) -> u8 {
	match refusal {
		Refusal::PriceTooLow => 3,
		Refusal::OfferTooSmall => 2,
		Refusal::QuoteRequired => 1,
		_ => 0,
	}
}

fn explain(offer: &Offer, refusal: Refusal) -> String {
	let (id, available, price) = (offer.id, offer.available, offer.price);
	match refusal {
		Refusal::PriceTooLow => format!("offer {id} costs {price}"),
		Refusal::OfferTooSmall => format!("offer {id} has {available} left"),
		Refusal::QuoteRequired => format!("offer {id} is sold by quote only"),
		other => format!("offer {id}: {}", other.text()),
	}
}

fn no_offer(demand: Demand, reason: String) -> TradeError {
	TradeError::NoOffer { energy: demand.energy, amount: demand.payable, reason }
}

/// What is left of an offer beside what open CTPs have taken of it.
pub(super) fn left(available: Energy, open: impl Iterator<Item = Energy>) -> Energy {
	let taken = open.fold(0u64, |sum, energy| sum.saturating_add(energy.wh().into()));
	let left = u64::from(available.wh()).saturating_sub(taken);
	// No more than there was, so it fits.
	u32::try_from(left).map_or(available, Energy::from_wh)
}

/// Whether an offer has the energy beside what open CTPs have taken of it.
pub(super) fn not_taken(
	demand: Demand,
	offer: OfferId,
	available: Energy,
	open: impl Iterator<Item = Energy>,
) -> Result<(), TradeError> {
	let left = left(available, open);
	if left >= demand.energy {
		return Ok(());
	}
	Err(TradeError::Short {
		refusal: Refusal::OfferTooSmall,
		detail: format!("open CTPs leave {left} of offer {offer}, {} asked for", demand.energy),
	})
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::error::Classify;
	use proptest::prelude::*;
	use spb_primitives::{units::SPB, AccountId, Price};

	fn offer(id: OfferId, wh: u32, milli_spb: u128) -> Offer {
		Offer {
			id,
			producer: AccountId::new([1; 32]),
			available: Energy::from_wh(wh),
			price: Price::per_kwh(milli_spb * SPB / 1000),
			terms: Terms::Listed,
			contact: Default::default(),
			closed_at: None,
			deposit: Money::ZERO,
		}
	}

	fn demand(wh: u32, milli_spb: u128) -> Demand {
		Demand { energy: Energy::from_wh(wh), payable: Money::from_units(milli_spb * SPB / 1000) }
	}

	fn ids(result: Result<Vec<Offer>, TradeError>) -> Vec<OfferId> {
		result.unwrap().into_iter().map(|offer| offer.id).collect()
	}

	fn reason(result: Result<Vec<Offer>, TradeError>) -> String {
		let error = result.unwrap_err();
		assert_eq!((error.kind(), error.code().as_str()), (Kind::Refused, "no-offer"));
		error.to_string()
	}
	use crate::error::Kind;

	#[test]
	fn cheapest_that_suffices_should_come_first() {
		let offers = vec![offer(4, 500, 300), offer(2, 900, 250), offer(7, 100, 100)];
		assert_eq!(ids(sufficient(offers, demand(400, 200))), [2, 4]);
	}

	#[test]
	fn the_older_of_equal_offers_should_come_first() {
		let offers = vec![offer(9, 500, 200), offer(3, 500, 200), offer(5, 500, 200)];
		assert_eq!(ids(sufficient(offers, demand(400, 200))), [3, 5, 9]);
	}

	#[test]
	fn an_offer_should_suffice_to_the_last_unit() {
		// 400 Wh at 0.25 SPB per kWh are 0.1 SPB.
		assert_eq!(ids(sufficient(vec![offer(1, 400, 250)], demand(400, 100))), [1]);
		let unit_less = Demand { payable: Money::from_units(SPB / 10 - 1), ..demand(400, 100) };
		let text = reason(sufficient(vec![offer(1, 400, 250)], unit_less));
		assert!(text.contains("offer 1 costs 0.25 SPB/kWh"), "{text}");
		let text = reason(sufficient(vec![offer(1, 399, 250)], demand(400, 100)));
		assert!(text.contains("offer 1 has 399 Wh left"), "{text}");
	}

	#[test]
	fn closed_offers_and_those_by_quote_should_be_left_out() {
		let closed = Offer { closed_at: Some(5), ..offer(1, 900, 1) };
		let by_quote = Offer { terms: Terms::QuoteOnly, ..offer(2, 900, 1) };
		let negotiable = Offer { terms: Terms::Negotiable, ..offer(3, 900, 2) };
		let offers = vec![closed.clone(), by_quote.clone(), negotiable];
		assert_eq!(ids(sufficient(offers, demand(1, 1))), [3]);
		let text = reason(sufficient(vec![closed, by_quote], demand(1, 1)));
		assert!(text.contains("offer 2 is sold by quote only"), "{text}");
	}

	#[test]
	fn nothing_for_sale_should_be_said() {
		assert!(reason(sufficient(Vec::new(), demand(1, 1))).contains("it has none"));
	}

	#[test]
	fn what_open_ctps_have_taken_should_count() {
		let wh = |wh| Energy::from_wh(wh);
		let open = [wh(100), wh(199)];
		assert!(not_taken(demand(100, 1), 1, wh(399), open.into_iter()).is_ok());
		let error = not_taken(demand(101, 1), 1, wh(399), open.into_iter()).unwrap_err();
		assert_eq!(error.code(), "OfferTooSmall");
		assert!(error.to_string().contains("leave 100 Wh"), "{error}");
		let many = std::iter::repeat_n(Energy::MAX, 10);
		assert!(not_taken(demand(1, 1), 1, Energy::MAX, many).is_err());
	}

	proptest! {
		#[test]
		fn the_choice_should_be_the_least_price_of_those_that_suffice(
			rows in proptest::collection::vec((0u32..1000, 0u128..1000, any::<bool>()), 0..20),
			wh in 1u32..1000,
			milli in 0u128..500,
		) {
			let offers: Vec<Offer> = rows
				.iter()
				.zip(0..)
				.map(|((wh, price, closed), id)| Offer {
					closed_at: closed.then_some(1),
					..offer(id, *wh, *price)
				})
				.collect();
			let demand = demand(wh, milli);
			let good = |offer: &&Offer| judge(offer, demand).is_ok();
			let best = offers.iter().filter(good).map(|offer| offer.price).min();
			match sufficient(offers.clone(), demand) {
				Ok(chosen) => prop_assert_eq!(Some(chosen[0].price), best),
				Err(_) => prop_assert_eq!(best, None),
			}
		}
	}
}
