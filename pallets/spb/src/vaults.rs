//! What consumers set aside.

use crate::{
	pallet::*,
	types::{Vault, VaultInfo, VaultRecord, Withdrawal},
};
use frame_support::{
	pallet_prelude::*,
	traits::{
		fungible::hold::{Inspect, Mutate},
		tokens::Precision,
		Get,
	},
};
use spb_primitives::{AccountId, Money, VaultId};

impl<T: Config> Pallet<T> {
	/// A vault with what it holds.
	pub(crate) fn vault_with_money(id: VaultId) -> Option<Vault> {
		let record = Vaults::<T>::get(id)?;
		let held = Self::held_in_vault(&record.owner);
		Some(record.holding(held))
	}

	/// What the vault of `owner` holds.
	fn held_in_vault(owner: &AccountId) -> Money {
		Money::from_units(T::Currency::balance_on_hold(&HoldReason::Vault.into(), owner))
	}

	/// The caller's vault with its number.
	fn own_vault(owner: &AccountId) -> Result<(VaultId, VaultRecord), Error<T>> {
		let id = VaultOf::<T>::get(owner).ok_or(Error::<T>::NoVault)?;
		let vault = Vaults::<T>::get(id).ok_or(Error::<T>::NoVault)?;
		Ok((id, vault))
	}

	pub(crate) fn do_deposit(owner: AccountId, amount: Money) -> DispatchResult {
		ensure!(!amount.is_zero(), Error::<T>::Nothing);
		let id = match VaultOf::<T>::get(&owner) {
			Some(id) => id,
			None => Self::new_vault(&owner)?,
		};
		let held = Self::held_in_vault(&owner);
		ensure!(held.checked_add(amount).is_some(), Error::<T>::Overflow);
		T::Currency::hold(&HoldReason::Vault.into(), &owner, amount.units())?;
		Self::deposit_event(Event::Deposited { vault: id, owner, amount });
		Ok(())
	}

	fn new_vault(owner: &AccountId) -> Result<VaultId, DispatchError> {
		let id = NextVault::<T>::get();
		let next = id.checked_add(1).ok_or(Error::<T>::NumbersUsedUp)?;
		let deposit = Self::hold_deposit(owner, T::VaultDeposit::get())?;
		NextVault::<T>::put(next);
		VaultOf::<T>::insert(owner, id);
		let record = VaultRecord { owner: owner.clone(), withdrawal: None, deposit };
		Vaults::<T>::insert(id, record);
		Ok(id)
	}

	pub(crate) fn do_request_withdrawal(owner: AccountId, amount: Money) -> DispatchResult {
		ensure!(!amount.is_zero(), Error::<T>::Nothing);
		let (id, mut vault) = Self::own_vault(&owner)?;
		ensure!(vault.withdrawal.is_none(), Error::<T>::WithdrawalPending);
		ensure!(amount <= Self::held_in_vault(&owner), Error::<T>::VaultTooSmall);
		let withdrawal = Withdrawal { amount, requested_at: Self::now() };
		let payable_at = withdrawal.payable_at(&Self::parameters());
		vault.withdrawal = Some(withdrawal);
		Vaults::<T>::insert(id, vault);
		Self::deposit_event(Event::WithdrawalRequested { vault: id, amount, payable_at });
		Ok(())
	}

	pub(crate) fn do_cancel_withdrawal(owner: AccountId) -> DispatchResult {
		let (id, mut vault) = Self::own_vault(&owner)?;
		ensure!(vault.withdrawal.take().is_some(), Error::<T>::NoWithdrawal);
		Vaults::<T>::insert(id, vault);
		Self::deposit_event(Event::WithdrawalCancelled { vault: id });
		Ok(())
	}

	pub(crate) fn do_withdraw(owner: AccountId) -> DispatchResult {
		let (id, mut vault) = Self::own_vault(&owner)?;
		let held = Self::held_in_vault(&owner);
		// Trades may have used up all of it, and there is nothing to request any more.
		if held.is_zero() {
			return Self::close_vault(id, vault);
		}
		let withdrawal = vault.withdrawal.take().ok_or(Error::<T>::NoWithdrawal)?;
		let payable_at = withdrawal.payable_at(&Self::parameters());
		ensure!(Self::now() >= payable_at, Error::<T>::WithdrawalTooEarly);
		// Trades that were open at the request may have used some of it.
		let amount = withdrawal.amount.min(held);
		T::Currency::release(&HoldReason::Vault.into(), &owner, amount.units(), Precision::Exact)?;
		Self::deposit_event(Event::Withdrawn { vault: id, amount });
		if amount == held {
			return Self::close_vault(id, vault);
		}
		Vaults::<T>::insert(id, vault);
		Ok(())
	}

	/// Takes away an empty vault and frees its deposit.
	fn close_vault(id: VaultId, vault: VaultRecord) -> DispatchResult {
		Self::free_deposit(&vault.owner, vault.deposit)?;
		Vaults::<T>::remove(id);
		VaultOf::<T>::remove(&vault.owner);
		Self::deposit_event(Event::VaultClosed { vault: id });
		Ok(())
	}

	/// A vault, for those who ask.
	pub fn vault(id: VaultId) -> Option<VaultInfo> {
		let vault = Self::vault_with_money(id)?;
		let payable_at = vault.withdrawal.map(|w| w.payable_at(&Self::parameters()));
		Some(VaultInfo { id, vault, payable_at })
	}
}
