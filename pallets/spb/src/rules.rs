//! What may enter the CTP database and what may settle, as functions of what they are told: rules
//! R2 and R3 and what the runtime checks of a settlement (docs/protocol.md, section 7).
//!
//! One set of rules for the pool, for the author who prepares a block and for the node that checks
//! it. [`admit`] needs the chain's state only; [`fits`] also needs the database.

use crate::{
	database::{left_on_offer, store::Store, tree::MissingNode, Database},
	types::{Offer, Terms, Vault},
	MAX_OPEN_PER_VAULT,
};
use alloc::collections::{BTreeMap, BTreeSet};
use spb_primitives::{
	listed_price, message::verify_quote, Addition, BlockNumber, CtpId, Energy, Erc, Genesis,
	Limits, MeterProof, MeterRegistry, Money, OfferId, Parameters, ReceiptKey, Refusal, Settlement,
	SignedCtp, Split, VaultId,
};

/// What the rules ask of the chain's state, as it is when a block begins.
pub trait Chain: MeterRegistry {
	/// The hash of block 0.
	fn genesis(&self) -> Genesis;
	/// The number of the block that is made or judged.
	fn now(&self) -> BlockNumber;
	/// Lifetimes and windows.
	fn parameters(&self) -> Parameters;
	/// The longest lifetime of a CTP that enters.
	fn entry_lifetime(&self) -> BlockNumber;
	/// The first expiry whose CTPs can still settle.
	fn settles_from(&self) -> BlockNumber;
	/// The runtime's limits.
	fn limits(&self) -> Limits;
	/// A vault.
	fn vault(&self, id: VaultId) -> Option<Vault>;
	/// An offer, closed ones included.
	fn offer(&self, id: OfferId) -> Option<Offer>;
	/// Whether a CTP has settled.
	fn is_settled(&self, expiry: BlockNumber, id: &CtpId) -> bool;
	/// The meters as they are known when an ERC travels: nothing that came after its CTP entered
	/// voids it, so retired manufacturers count and revocations do not.
	fn meters_ever(&self) -> impl MeterRegistry;
}

/// Why a message is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotTaken {
	/// It breaks a rule.
	Refused(Refusal),
	/// The database to judge it by is damaged.
	Missing(MissingNode),
}

impl From<Refusal> for NotTaken {
	fn from(refusal: Refusal) -> Self {
		Self::Refused(refusal)
	}
}

impl From<MissingNode> for NotTaken {
	fn from(missing: MissingNode) -> Self {
		Self::Missing(missing)
	}
}

/// R2 as far as the chain's state tells: what is cheap first, signatures last.
pub fn admit(chain: &impl Chain, addition: &Addition) -> Result<CtpId, Refusal> {
	let Addition { ctp: signed, proof, quote } = addition;
	let (ctp, now) = (&signed.ctp, chain.now());
	let (parameters, limits) = (chain.parameters(), chain.limits());
	if ctp.energy.is_zero() {
		return Err(Refusal::NoEnergy);
	}
	if ctp.amount < limits.min_amount {
		return Err(Refusal::AmountTooSmall);
	}
	if ctp.expiry < now.saturating_add(parameters.min_lifetime) {
		return Err(Refusal::ExpiryTooSoon);
	}
	if ctp.expiry > now.saturating_add(chain.entry_lifetime()) {
		return Err(Refusal::ExpiryTooFar);
	}
	let vault = chain.vault(ctp.vault).ok_or(Refusal::UnknownVault)?;
	let offer = chain.offer(ctp.offer).ok_or(Refusal::UnknownOffer)?;
	if offer.closed_at.is_some() {
		return Err(Refusal::OfferClosed);
	}
	if ctp.amount > vault.spendable() {
		return Err(Refusal::VaultTooSmall);
	}
	if ctp.energy > offer.available {
		return Err(Refusal::OfferTooSmall);
	}
	signed.check_length()?;
	let genesis = chain.genesis();
	let id = CtpId::of(ctp, &genesis);
	if chain.is_settled(ctp.expiry, &id) {
		return Err(Refusal::AlreadySettled);
	}
	check_price(signed, &offer, limits.fee, quote.is_some())?;
	signed.verify(&vault.owner, &genesis)?;
	if let Some(quote) = quote {
		verify_quote(quote, &id, &offer.producer, &genesis)?;
	}
	proof.verify(&ctp.receipt_key, now, &genesis, chain)?;
	Ok(id)
}

/// Whether the price is right, or a quote stands in for it.
fn check_price(signed: &SignedCtp, offer: &Offer, fee: Money, quoted: bool) -> Result<(), Refusal> {
	if quoted {
		return Ok(());
	}
	if offer.terms == Terms::QuoteOnly {
		return Err(Refusal::QuoteRequired);
	}
	let listed = listed_price(offer.price, signed.ctp.energy).ok_or(Refusal::PriceTooLow)?;
	let paid = signed.ctp.amount.checked_sub(fee).ok_or(Refusal::PriceTooLow)?;
	if paid < listed {
		return Err(Refusal::PriceTooLow);
	}
	Ok(())
}

/// R2 as far as the database tells: the CTP is new, and vault and offer cover it together with all
/// that is open on them.
pub fn fits<S: Store>(
	chain: &impl Chain,
	database: &mut Database<'_, S>,
	signed: &SignedCtp,
) -> Result<(), NotTaken> {
	let ctp = &signed.ctp;
	let limits = chain.limits();
	let id = CtpId::of(ctp, &chain.genesis());
	if database.contains(ctp.expiry, &id)? {
		return Err(Refusal::AlreadyOpen.into());
	}
	if database.open() >= limits.max_open {
		return Err(Refusal::DatabaseFull.into());
	}
	let vault = chain.vault(ctp.vault).ok_or(Refusal::UnknownVault)?;
	let claims = database.claims(ctp.vault)?;
	if claims.iter().any(|claim| claim.receipt_key == ctp.receipt_key) {
		return Err(Refusal::ReceiptKeyInUse.into());
	}
	if claims.len() >= MAX_OPEN_PER_VAULT as usize {
		return Err(Refusal::VaultFull.into());
	}
	let open = claims.iter().try_fold(ctp.amount, |sum, claim| sum.checked_add(claim.amount));
	if open.is_none_or(|open| open > vault.spendable()) {
		return Err(Refusal::VaultTooSmall.into());
	}
	let offer = chain.offer(ctp.offer).ok_or(Refusal::UnknownOffer)?;
	let left = left_on_offer(offer.available, database.claimed(ctp.offer)?);
	if u64::from(ctp.energy.wh()) > left {
		return Err(Refusal::OfferTooSmall.into());
	}
	Ok(())
}

/// What the pool can check of an ERC without the database.
pub fn plausible(chain: &impl Chain, erc: &Erc, proof: &MeterProof) -> Result<(), Refusal> {
	let (now, parameters) = (chain.now(), chain.parameters());
	if erc.delivered == Energy::ZERO {
		return Err(Refusal::BadDelivery);
	}
	if erc.at > now {
		return Err(Refusal::ReceiptFromFuture);
	}
	// Made in time, it can settle until its CTP's grace is over, which is at most this far away.
	if now > erc.at.saturating_add(parameters.longest_claim()) {
		return Err(Refusal::TooLateToSettle);
	}
	erc.verify(&chain.genesis())?;
	let ever = chain.meters_ever();
	proof.verify(&ReceiptKey::of(&erc.key), 0, &chain.genesis(), &ever)
}

/// A settlement that nothing speaks against, and what it moves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Due {
	/// The CTP.
	pub id: CtpId,
	/// The vault that pays.
	pub vault: Vault,
	/// The offer that delivered.
	pub offer: Offer,
	/// Who gets what.
	pub split: Split,
}

/// What settles in one block, one trade after the other: each finds vaults and offers as those before
/// it left them.
pub struct Settling<'c, C> {
	chain: &'c C,
	settled: BTreeSet<CtpId>,
	vaults: BTreeMap<VaultId, Vault>,
	offers: BTreeMap<OfferId, Offer>,
}

impl<'c, C: Chain> Settling<'c, C> {
	/// Before the first settlement of a block.
	pub fn new(chain: &'c C) -> Self {
		Self { chain, settled: BTreeSet::new(), vaults: BTreeMap::new(), offers: BTreeMap::new() }
	}

	/// What the runtime checks of each settlement, for ever, but for the signature, which
	/// [`SignedCtp::verify`] checks against the owner of the vault that this returns.
	pub fn due(&self, settlement: &Settlement) -> Result<Due, Refusal> {
		let chain = self.chain;
		let (ctp, now) = (&settlement.ctp.ctp, chain.now());
		let parameters = chain.parameters();
		let id = CtpId::of(ctp, &chain.genesis());
		if self.settled.contains(&id) || chain.is_settled(ctp.expiry, &id) {
			return Err(Refusal::AlreadySettled);
		}
		if ctp.expiry < chain.settles_from() || now > ctp.expiry.saturating_add(parameters.grace) {
			return Err(Refusal::TooLateToSettle);
		}
		if ctp.expiry > now.saturating_add(parameters.max_lifetime) {
			return Err(Refusal::SettlementTooEarly);
		}
		let split = Split::of(ctp.amount, chain.limits().fee, settlement.delivered, ctp.energy)
			.ok_or(Refusal::BadDelivery)?;
		let vault = self.vaults.get(&ctp.vault).cloned().or_else(|| chain.vault(ctp.vault));
		let vault = vault.ok_or(Refusal::UnknownVault)?;
		if vault.held < ctp.amount {
			return Err(Refusal::VaultTooSmall);
		}
		let offer = self.offers.get(&ctp.offer).cloned().or_else(|| chain.offer(ctp.offer));
		let offer = offer.ok_or(Refusal::UnknownOffer)?;
		if offer.available < settlement.delivered {
			return Err(Refusal::OfferTooSmall);
		}
		Ok(Due { id, vault, offer, split })
	}

	/// Lets those that come next find what this settlement leaves.
	pub fn settle(&mut self, settlement: &Settlement, due: &Due) {
		let ctp = &settlement.ctp.ctp;
		let held = due.vault.held.saturating_sub(due.split.spent());
		let available = due.offer.available.saturating_sub(settlement.delivered);
		self.settled.insert(due.id);
		self.vaults.insert(ctp.vault, Vault { held, ..due.vault.clone() });
		self.offers.insert(ctp.offer, Offer { available, ..due.offer.clone() });
	}

	/// The offers that delivered, as they are after the block's settlements.
	pub fn into_offers(self) -> BTreeMap<OfferId, Offer> {
		self.offers
	}
}
