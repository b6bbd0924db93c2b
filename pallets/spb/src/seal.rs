//! The seal: what settles in a block, and what its header says of the database.

use crate::{
	pallet::*,
	rules::{Chain, Due, Settling},
	types::{Offer, Sales, Seal},
};
use alloc::{
	collections::{BTreeMap, BTreeSet},
	vec::Vec,
};
use codec::{Decode, Encode};
use frame_support::{
	pallet_prelude::*,
	traits::{
		fungible::{hold::Balanced as _, Balanced as _, Credit},
		Imbalance as _,
	},
};
use sp_inherents::{InherentData, IsFatalError};
use spb_primitives::{AccountId, CtpId, DatabaseDigest, Money, OfferId, Settlement, Split};

/// Why a block without a seal, or with another than its author prepared, is not made.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub enum InherentError {
	/// The block has no seal.
	SealMissing,
}

impl IsFatalError for InherentError {
	fn is_fatal_error(&self) -> bool {
		true
	}
}

impl core::fmt::Display for InherentError {
	fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
		f.write_str("the block has no seal")
	}
}

impl core::error::Error for InherentError {}

impl<T: Config> Pallet<T> {
	/// The prepared seal whole, where the runtime takes it as it is, or the empty one beside it.
	pub(crate) fn seal_from(data: &InherentData) -> Option<Seal<T::MaxSettlements>> {
		type Pair<M> = (Seal<M>, Seal<M>);
		let (full, empty): Pair<T::MaxSettlements> =
			match data.get_data(&crate::INHERENT_IDENTIFIER) {
				Ok(Some(pair)) => pair,
				Ok(None) => return None,
				Err(error) => {
					log::error!(target: "spb", "the prepared seal does not decode: {error:?}");
					return None;
				},
			};
		// What the block will check, but for signatures, which `prepare` has judged: an error in the
		// block would stop the chain.
		let accepted = Self::judge(&Self::chain(), &full, Signatures::Judged).is_ok();
		Some(if accepted { full } else { empty })
	}

	pub(crate) fn do_seal(seal: &Seal<T::MaxSettlements>) -> DispatchResult {
		ensure!(!Sealed::<T>::get(), Error::<T>::SealedTwice);
		let judged = Self::judge(&Self::chain(), seal, Signatures::Verify)?;
		Self::settle_all(seal, judged);
		Sealed::<T>::put(true);
		let Seal { database_root, sidecar_hash, .. } = *seal;
		let digest = DatabaseDigest { database_root, sidecar_hash };
		frame_system::Pallet::<T>::deposit_log(digest.to_item());
		Ok(())
	}

	/// Checks all settlements of a seal, each after those before it. Changes nothing.
	fn judge(
		chain: &impl Chain,
		seal: &Seal<T::MaxSettlements>,
		signatures: Signatures,
	) -> Result<Judged, Error<T>> {
		let mut settling = Settling::new(chain);
		let mut trades = Vec::with_capacity(seal.settlements.len());
		for settlement in &seal.settlements {
			let due = settling.due(settlement).and_then(|due| {
				if signatures == Signatures::Verify {
					settlement.ctp.verify(&due.vault.owner, &chain.genesis())?;
				}
				Ok(due)
			});
			let due = due.map_err(|refusal| {
				log::error!(target: "spb", "the seal holds a settlement that breaks a rule: {refusal}");
				Error::<T>::from(refusal)
			})?;
			settling.settle(settlement, &due);
			let Due { id, vault, offer, split } = due;
			trades.push(Trade { id, owner: vault.owner, producer: offer.producer, split });
		}
		Ok(Judged { trades, offers: settling.into_offers() })
	}

	/// Settles what was judged: nothing here can fail. Each record is written once, however many
	/// settlements it is in.
	fn settle_all(seal: &Seal<T::MaxSettlements>, judged: Judged) {
		let Judged { trades, offers } = judged;
		let mut totals = Totals::default();
		for (settlement, trade) in seal.settlements.iter().zip(&trades) {
			Settled::<T>::insert(settlement.ctp.ctp.expiry, trade.id, ());
			totals.add(trade, settlement);
		}
		let mut pot = Self::take_from_vaults(&totals.spent);
		let mut refused = BTreeSet::new();
		for (producer, payment) in &totals.payments {
			if !Self::give(Some(producer), pot.extract(payment.units())) {
				refused.insert(producer.clone());
			}
		}
		// The fees are what is left.
		let author = T::Author::get();
		let fees_arrived = Self::give(author.as_ref(), pot);

		for (id, offer) in offers {
			let mut sales = totals.sales.get(&id).copied().unwrap_or(Sales::NONE);
			if refused.contains(&offer.producer) {
				sales.earned = Money::ZERO;
			}
			Offers::<T>::mutate_extant(id, |record| {
				record.offer = offer;
				record.sales.count(&sales);
			});
		}
		for (settlement, trade) in seal.settlements.iter().zip(&trades) {
			let Trade { id, producer, split, .. } = trade;
			let arrived = !refused.contains(producer);
			let payment = Self::paid(id, Some(producer), split.payment, arrived);
			let fee = Self::paid(id, author.as_ref(), split.fee, fees_arrived);
			Self::deposit_event(Event::TradeSettled {
				id: *id,
				vault: settlement.ctp.ctp.vault,
				offer: settlement.ctp.ctp.offer,
				delivered: settlement.delivered,
				payment,
				fee,
			});
		}
	}

	/// Takes what trades spend out of the holds of the vaults' owners.
	fn take_from_vaults(spent: &BTreeMap<AccountId, Money>) -> CreditOf<T> {
		let mut pot = CreditOf::<T>::zero();
		for (owner, spent) in spent {
			let reason = HoldReason::Vault.into();
			let (credit, missing) = T::Currency::slash(&reason, owner, spent.units());
			debug_assert!(missing == 0, "a vault's hold covers what it settles");
			pot.subsume(credit);
		}
		pot
	}

	/// Gives a receiver all that is due to it in a block and says whether it could take it. What it
	/// cannot take is burned, so that no one can block a block by refusing money.
	fn give(receiver: Option<&AccountId>, credit: CreditOf<T>) -> bool {
		match (credit.drop_zero(), receiver) {
			(Ok(()), _) => true,
			(Err(credit), Some(receiver)) => T::Currency::resolve(receiver, credit).is_ok(),
			// What is dropped is gone from the issuance.
			(Err(_), None) => false,
		}
	}

	/// What arrived of a part of a settlement; tells where it was burned.
	fn paid(id: &CtpId, receiver: Option<&AccountId>, amount: Money, arrived: bool) -> Money {
		if arrived || amount.is_zero() {
			return amount;
		}
		Self::deposit_event(Event::PaymentBurned { id: *id, receiver: receiver.cloned(), amount });
		Money::ZERO
	}
}

/// Money between a vault and its receiver.
type CreditOf<T> = Credit<AccountId, <T as Config>::Currency>;

/// Whether settlements are checked with their signatures.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Signatures {
	/// In a block, for ever.
	Verify,
	/// Where whoever prepared the seal has judged them on the same state.
	Judged,
}

/// The settlements of a seal that nothing speaks against.
struct Judged {
	/// In their order.
	trades: Vec<Trade>,
	/// The offers that delivered, as they are then.
	offers: BTreeMap<OfferId, Offer>,
}

/// Who pays whom in a settlement.
struct Trade {
	id: CtpId,
	owner: AccountId,
	producer: AccountId,
	split: Split,
}

/// What a block's settlements come to. No sum is more than all the money there is, and no count more
/// than a block holds.
#[derive(Default)]
struct Totals {
	/// What each vault's owner spends.
	spent: BTreeMap<AccountId, Money>,
	/// What each producer is due.
	payments: BTreeMap<AccountId, Money>,
	/// What is sold of each offer.
	sales: BTreeMap<OfferId, Sales>,
}

impl Totals {
	/// Counts a trade.
	fn add(&mut self, trade: &Trade, settlement: &Settlement) {
		let Trade { owner, producer, split, .. } = trade;
		let add = |sum: &mut Money, part| *sum = sum.checked_add(part).unwrap_or(Money::MAX);
		add(self.spent.entry(owner.clone()).or_insert(Money::ZERO), split.spent());
		add(self.payments.entry(producer.clone()).or_insert(Money::ZERO), split.payment);
		let sold_wh = settlement.delivered.wh().into();
		let sale = Sales { sold_wh, earned: split.payment, trades: 1 };
		self.sales.entry(settlement.ctp.ctp.offer).or_insert(Sales::NONE).count(&sale);
	}
}
