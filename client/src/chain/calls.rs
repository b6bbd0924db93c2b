//! The calls of the pallet, to be signed and submitted, and the two messages for the pool.

use super::{
	market::Terms,
	runtime::{self, runtime_types::bounded_collections::bounded_vec::BoundedVec},
};
use crate::{connection::Consent, meter::Listing};
use spb_primitives::{
	relay::ContactKey, AccountId, Certificate, Energy, Erc, ManufacturerId, MeterKey, MeterProof,
	Money, OfferId, Price, Quote, SignedCtp,
};
use subxt::{tx::Payload, utils::MultiAddress};

fn pallet() -> runtime::spb::calls::api::TransactionApi {
	runtime::transactions().spb()
}

/// Opens an energy account by burning coin.
pub fn open_account_with_burn() -> impl Payload {
	pallet().open_account_with_burn()
}

/// Opens an energy account with an energy company's certificate.
pub fn open_account_with_certificate(certificate: Certificate) -> impl Payload {
	pallet().open_account_with_certificate(certificate.into())
}

/// Closes the energy account.
pub fn close_account() -> impl Payload {
	pallet().close_account()
}

/// Offers a block of energy.
pub fn offer_energy(
	energy: Energy,
	price: Price,
	terms: Terms,
	contact: ContactKey,
) -> impl Payload {
	pallet().offer_energy(energy.into(), price.into(), terms.into(), contact.into())
}

/// Adds energy to an offer.
pub fn top_up_offer(offer: OfferId, energy: Energy) -> impl Payload {
	pallet().top_up_offer(offer, energy.into())
}

/// Sets the price of an offer.
pub fn reprice_offer(offer: OfferId, price: Price) -> impl Payload {
	pallet().reprice_offer(offer, price.into())
}

/// Closes an offer to new CTPs.
pub fn close_offer(offer: OfferId) -> impl Payload {
	pallet().close_offer(offer)
}

/// Sets money aside.
pub fn deposit(amount: Money) -> impl Payload {
	pallet().deposit(amount.into())
}

/// Takes money out of what new CTPs may use.
pub fn request_withdrawal(amount: Money) -> impl Payload {
	pallet().request_withdrawal(amount.into())
}

/// Calls off the pending withdrawal.
pub fn cancel_withdrawal() -> impl Payload {
	pallet().cancel_withdrawal()
}

/// Pays out the pending withdrawal.
pub fn withdraw() -> impl Payload {
	pallet().withdraw()
}

/// Makes a meter's signatures count no longer.
pub fn revoke_meter(manufacturer: ManufacturerId, meter: MeterKey) -> impl Payload {
	pallet().revoke_meter(manufacturer, meter.0)
}

/// Sends money to an account.
pub fn transfer(to: &AccountId, amount: Money) -> impl Payload {
	let account = MultiAddress::Id(to.clone().into());
	runtime::transactions().balances().transfer_keep_alive(account, amount.units())
}

/// Lists a node that consents to it as one of the backbone, under its RPC address.
pub fn join_backbone(consent: &Consent, address: &str) -> impl Payload {
	let (peer, signature) = (consent.peer.0.to_vec(), consent.signature.0 .0);
	let (peer, address) = (BoundedVec(peer), BoundedVec(address.as_bytes().to_vec()));
	pallet().join_backbone(peer, address, consent.valid_until, signature)
}

/// Gives the account's backbone node another RPC address.
pub fn update_backbone(address: &str) -> impl Payload {
	pallet().update_backbone(BoundedVec(address.as_bytes().to_vec()))
}

/// Takes the account's node out of the backbone.
pub fn leave_backbone() -> impl Payload {
	pallet().leave_backbone()
}

/// Lists a meter as one that certifies others.
pub fn list_meter(listing: &Listing) -> impl Payload {
	let Listing { meter, manufacturer, certificate, contact, valid_until, signature } =
		listing.clone();
	let (certificate, contact, signature) = (certificate.0, contact.into(), signature.0);
	pallet().list_meter(meter.0, manufacturer, certificate, contact, valid_until, signature)
}

/// Takes a meter off the list.
pub fn unlist_meter(meter: &MeterKey) -> impl Payload {
	pallet().unlist_meter(meter.0)
}

/// Commit To Pay, for the pool.
pub fn commit_to_pay(ctp: SignedCtp, proof: MeterProof, quote: Option<Quote>) -> impl Payload {
	pallet().commit_to_pay(ctp.into(), proof.into(), quote.map(Into::into))
}

/// Energy Receipt Confirmation, for the pool.
pub fn confirm_receipt(erc: Erc, proof: MeterProof) -> impl Payload {
	pallet().confirm_receipt(erc.into(), proof.into())
}
