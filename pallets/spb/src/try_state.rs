//! What must always be true of the pallet's state and of its parameters.

use crate::{pallet::*, weights::WeightInfo};
use codec::MaxEncodedLen;
use frame_support::{dispatch::DispatchClass, traits::Get};
use spb_primitives::Settlement;

impl<T: Config> Pallet<T> {
	/// A full seal fits a block by weight and by length, and a CTP can pay its fee.
	pub(crate) fn check_integrity() {
		let settlements = T::MaxSettlements::get();
		let weights = <T as frame_system::Config>::BlockWeights::get();
		let seal = T::WeightInfo::seal(settlements)
			.saturating_add(T::WeightInfo::sweep(settlements, crate::sweep::OFFERS_PER_BLOCK));
		assert!(
			seal.all_lte(weights.max_block),
			"a seal of {settlements} settlements weighs {seal:?}, a block {:?}",
			weights.max_block,
		);
		let length = Settlement::max_encoded_len() as u64 * u64::from(settlements);
		let room =
			*<T as frame_system::Config>::BlockLength::get().max.get(DispatchClass::Mandatory);
		assert!(
			length < u64::from(room),
			"a seal of {settlements} settlements takes {length} bytes, a block {room}",
		);
		let fee = T::SettlementFee::get();
		assert!(fee > 0 && fee.checked_mul(2).is_some(), "a settlement must cost something");
	}
}

#[cfg(any(feature = "try-runtime", test))]
mod checks {
	use super::*;
	use crate::types::OfferRecord;
	use alloc::collections::BTreeMap;
	use frame_support::{ensure, traits::fungible::hold::Inspect};
	use sp_runtime::TryRuntimeError;
	use spb_primitives::{AccountId, Money, NodeIdentifier};

	impl<T: Config> Pallet<T> {
		/// All of the following.
		pub(crate) fn do_try_state() -> Result<(), TryRuntimeError> {
			Self::each_account_should_have_one_vault()?;
			Self::money_should_be_held_for_a_vault()?;
			Self::accounts_should_count_their_offers()?;
			Self::offers_should_be_indexed()?;
			Self::numbers_should_be_below_the_next()?;
			Self::closed_offers_should_be_due()?;
			Self::backbone_should_know_each_node_once()?;
			Self::listed_meters_should_be_within_bounds()?;
			Self::companies_should_be_in_order()?;
			Self::settled_ids_should_go_in_order()?;
			Self::deposits_should_be_held()
		}

		fn money_should_be_held_for_a_vault() -> Result<(), TryRuntimeError> {
			for owner in frame_system::Account::<T>::iter_keys() {
				let held = T::Currency::balance_on_hold(&HoldReason::Vault.into(), &owner);
				ensure!(
					held == 0 || VaultOf::<T>::contains_key(&owner),
					"money is held for no vault"
				);
			}
			Ok(())
		}

		fn each_account_should_have_one_vault() -> Result<(), TryRuntimeError> {
			ensure!(
				Vaults::<T>::iter().count() == VaultOf::<T>::iter().count(),
				"vaults and their owners do not match in number"
			);
			for (owner, id) in VaultOf::<T>::iter() {
				ensure!(
					Vaults::<T>::get(id).is_some_and(|vault| vault.owner == owner),
					"an account's vault is not its own"
				);
			}
			Ok(())
		}

		fn accounts_should_count_their_offers() -> Result<(), TryRuntimeError> {
			let mut offers = BTreeMap::<AccountId, u32>::new();
			for OfferRecord { offer, .. } in Offers::<T>::iter_values() {
				*offers.entry(offer.producer).or_default() += 1;
			}
			for (producer, account) in EnergyAccounts::<T>::iter() {
				let counted = offers.remove(&producer).unwrap_or_default();
				ensure!(account.offers == counted, "an energy account miscounts its offers");
				ensure!(
					account.trades > 0 || (account.sold_wh == 0 && account.earned == Money::ZERO),
					"an energy account earned without a trade"
				);
			}
			ensure!(offers.is_empty(), "an offer belongs to no energy account");
			Ok(())
		}

		fn offers_should_be_indexed() -> Result<(), TryRuntimeError> {
			let mut offers = 0;
			for (id, OfferRecord { offer, .. }) in Offers::<T>::iter() {
				ensure!(Self::is_indexed(&offer.producer, id), "an offer is not indexed");
				offers += 1;
			}
			ensure!(Self::indexed() == (offers, offers), "an index names an offer that is gone");
			Ok(())
		}

		fn numbers_should_be_below_the_next() -> Result<(), TryRuntimeError> {
			let (offer, vault) = (NextOffer::<T>::get(), NextVault::<T>::get());
			ensure!(
				Offers::<T>::iter_keys().all(|id| id < offer),
				"an offer's number is not given"
			);
			ensure!(Vaults::<T>::iter_keys().all(|id| id < vault), "a vault's number is not given");
			Ok(())
		}

		fn closed_offers_should_be_due() -> Result<(), TryRuntimeError> {
			for (closed_at, id, ()) in ClosedOffers::<T>::iter() {
				ensure!(
					Offers::<T>::get(id)
						.is_some_and(|record| record.offer.closed_at == Some(closed_at)),
					"a closed offer's record is gone or open"
				);
			}
			let closed =
				Offers::<T>::iter_values().filter(|record| record.offer.closed_at.is_some());
			ensure!(
				closed.count() == ClosedOffers::<T>::iter().count(),
				"a closed offer is not due"
			);
			Ok(())
		}

		fn backbone_should_know_each_node_once() -> Result<(), TryRuntimeError> {
			let (mut nodes, most) = (0, T::MaxBackboneNodes::get());
			for (owner, node) in BackboneNodes::<T>::iter() {
				let place = NodeIdentifier::of_peer(&node.peer);
				ensure!(
					node.owner == owner && node.identifier == place,
					"a backbone node is not its owner's or not at its place"
				);
				ensure!(
					BackboneOwners::<T>::get(place).as_ref() == Some(&owner),
					"a backbone node's place is another's"
				);
				nodes += 1;
			}
			ensure!(
				nodes == BackboneOwners::<T>::iter().count(),
				"backbone nodes and their places do not match in number"
			);
			let counted = BackboneNodes::<T>::count();
			ensure!(counted as usize == nodes && counted <= most, "backbone nodes are miscounted");
			Ok(())
		}

		fn listed_meters_should_be_within_bounds() -> Result<(), TryRuntimeError> {
			let (mut meters, most) = (0, T::MaxMeters::get());
			for (key, meter) in Meters::<T>::iter() {
				ensure!(meter.key == key, "a listed meter is under another's key");
				meters += 1;
			}
			let counted = Meters::<T>::count();
			ensure!(counted as usize == meters && counted <= most, "listed meters are miscounted");
			Ok(())
		}

		fn companies_should_be_in_order() -> Result<(), TryRuntimeError> {
			let companies = Companies::<T>::get();
			ensure!(
				companies.is_sorted_by(|one, other| one < other),
				"companies are not in order, or one is there twice"
			);
			Ok(())
		}

		fn settled_ids_should_go_in_order() -> Result<(), TryRuntimeError> {
			let from = SettledFrom::<T>::get();
			ensure!(
				Settled::<T>::iter_keys().all(|(expiry, _)| expiry >= from),
				"a settled id was left behind"
			);
			Ok(())
		}

		fn deposits_should_be_held() -> Result<(), TryRuntimeError> {
			let accounts = EnergyAccounts::<T>::iter().map(|(who, record)| (who, record.deposit));
			let offers = Offers::<T>::iter_values()
				.map(|OfferRecord { offer, .. }| (offer.producer, offer.deposit));
			let vaults = Vaults::<T>::iter_values().map(|record| (record.owner, record.deposit));
			let nodes =
				BackboneNodes::<T>::iter_values().map(|record| (record.owner, record.deposit));
			let meters = Meters::<T>::iter_values().map(|record| (record.owner, record.deposit));
			let mut deposits = BTreeMap::<AccountId, u128>::new();
			for (who, deposit) in accounts.chain(offers).chain(vaults).chain(nodes).chain(meters) {
				let sum = deposits.entry(who).or_default();
				*sum = sum.saturating_add(deposit.units());
			}
			for (who, sum) in deposits {
				let held = T::Currency::balance_on_hold(&HoldReason::Deposit.into(), &who);
				ensure!(held == sum, "another sum than an account's deposits is held");
			}
			Ok(())
		}
	}
}
