//! The seal: what settles in a block, and what its header says of the database.

use crate::{
	pallet::*,
	rules::{self, Chain, Due},
	types::Seal,
};
use codec::{Decode, Encode};
use frame_support::{
	pallet_prelude::*,
	storage::{with_transaction, TransactionOutcome},
	traits::{
		fungible::{hold::Balanced as _, Balanced as _, Credit},
		Imbalance as _,
	},
};
use sp_inherents::{InherentData, IsFatalError};
use spb_primitives::{AccountId, CtpId, DatabaseDigest, Money, Refusal, Settlement};

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
		// The same code as in the block, undone again: an error in the block would stop the chain.
		let accepted = with_transaction(|| {
			TransactionOutcome::Rollback(Ok::<_, DispatchError>(Self::settle_all(&full).is_ok()))
		});
		Some(if accepted == Ok(true) { full } else { empty })
	}

	pub(crate) fn do_seal(seal: &Seal<T::MaxSettlements>) -> DispatchResult {
		ensure!(!Sealed::<T>::get(), Error::<T>::SealedTwice);
		Self::settle_all(seal)?;
		Sealed::<T>::put(true);
		let Seal { database_root, sidecar_hash, .. } = *seal;
		let digest = DatabaseDigest { database_root, sidecar_hash };
		frame_system::Pallet::<T>::deposit_log(digest.to_item());
		Ok(())
	}

	fn settle_all(seal: &Seal<T::MaxSettlements>) -> DispatchResult {
		let chain = Self::chain();
		for settlement in &seal.settlements {
			Self::settle(&chain, settlement).map_err(|refusal| {
				log::error!(target: "spb", "the seal holds a settlement that breaks a rule: {refusal}");
				Error::<T>::from(refusal)
			})?;
		}
		Ok(())
	}

	/// One settlement: the checks first, then what cannot fail.
	fn settle(chain: &impl Chain, settlement: &Settlement) -> Result<(), Refusal> {
		let due = rules::due(chain, settlement)?;
		settlement.ctp.verify(&due.vault.owner, &chain.genesis())?;

		let ctp = &settlement.ctp.ctp;
		let Due { id, mut vault, mut offer, split } = due;
		Settled::<T>::insert(ctp.expiry, id, ());
		let spent = split.payment.checked_add(split.fee).unwrap_or(ctp.amount);
		let (credit, missing) =
			T::Currency::slash(&HoldReason::Vault.into(), &vault.owner, spent.units());
		debug_assert!(missing == 0, "a vault's hold covers what it settles");
		let (payment, fee) = credit.split(split.payment.units());
		let paid = Self::give(&id, Some(&offer.producer), payment);
		let fee = Self::give(&id, T::Author::get().as_ref(), fee);
		vault.held = vault.held.saturating_sub(spent);
		Vaults::<T>::insert(ctp.vault, vault);
		offer.available = offer.available.saturating_sub(settlement.delivered);
		EnergyAccounts::<T>::mutate_extant(&offer.producer, |account| {
			account.sold_wh = account.sold_wh.saturating_add(settlement.delivered.wh().into());
			account.earned = account.earned.checked_add(paid).unwrap_or(Money::MAX);
			account.trades = account.trades.saturating_add(1);
		});
		Offers::<T>::insert(ctp.offer, offer);
		Self::deposit_event(Event::TradeSettled {
			id,
			vault: ctp.vault,
			offer: ctp.offer,
			delivered: settlement.delivered,
			payment: paid,
			fee,
		});
		Ok(())
	}

	/// Gives a receiver its part of a settlement and says how much arrived; what the receiver cannot
	/// take is burned, so that no one can block a block by refusing money.
	fn give(
		id: &CtpId,
		receiver: Option<&AccountId>,
		credit: Credit<AccountId, T::Currency>,
	) -> Money {
		let amount = Money::from_units(credit.peek());
		if amount.is_zero() {
			return amount;
		}
		let refused = match receiver {
			Some(receiver) => T::Currency::resolve(receiver, credit).err(),
			None => Some(credit),
		};
		if refused.is_none() {
			return amount;
		}
		// What is dropped is gone from the issuance.
		drop(refused);
		Self::deposit_event(Event::PaymentBurned { id: *id, receiver: receiver.cloned(), amount });
		Money::ZERO
	}
}
