//! The state's invariants: each check finds what is wrong.

use super::*;
use crate::{
	BackboneNode, BackboneNodes, BackboneOwners, ClosedOffers, Companies, EnergyAccounts,
	ListedMeter, Meters, NextOffer, NextVault, OfferPages, Offers, OffersOf, Settled, SettledFrom,
	VaultOf, Vaults,
};
use frame_support::storage::unhashed;
use sp_core::bounded::BoundedVec;
use spb_primitives::{relay::peer_id, CtpId, MeterSignature, NodeIdentifier};

/// That the state is sound, and no longer so after `damage`, for this reason.
#[track_caller]
fn assert_found(damage: impl FnOnce(), reason: &'static str) {
	ExtBuilder::default().build().execute_with(|| {
		assert_ok!(Spb::close_offer(signed(Alice), offer(Alice, 5, 5, Terms::Listed)));
		assert_ok!(Spb::do_try_state());
		damage();
		assert_eq!(Spb::do_try_state(), Err(reason.into()));
	});
}

#[test]
fn money_that_is_held_for_no_vault_should_be_found() {
	let gone = || {
		Vaults::<Test>::remove(0);
		VaultOf::<Test>::remove(Bob.to_account_id());
	};
	assert_found(gone, "money is held for no vault");
}

#[test]
fn vault_of_nobody_or_another_should_be_found() {
	let lost = || VaultOf::<Test>::remove(Bob.to_account_id());
	assert_found(lost, "vaults and their owners do not match in number");
	let moved = || {
		VaultOf::<Test>::remove(Bob.to_account_id());
		VaultOf::<Test>::insert(Dave.to_account_id(), 0);
	};
	assert_found(moved, "an account's vault is not its own");
}

#[test]
fn miscounted_offers_should_be_found() {
	let alice = Alice.to_account_id();
	let fewer = || EnergyAccounts::<Test>::mutate_extant(&alice, |account| account.offers = 1);
	assert_found(fewer, "an energy account miscounts its offers");
	assert_found(
		|| EnergyAccounts::<Test>::remove(&alice),
		"an offer belongs to no energy account",
	);
}

#[test]
fn earnings_without_a_trade_should_be_found() {
	let alice = Alice.to_account_id();
	let earned = || EnergyAccounts::<Test>::mutate_extant(&alice, |account| account.sold_wh = 1);
	assert_found(earned, "an energy account earned without a trade");
}

#[test]
fn offers_that_are_not_indexed_should_be_found() {
	let alice = Alice.to_account_id();
	assert_found(|| OffersOf::<Test>::remove(&alice, 0), "an offer is not indexed");
	assert_found(|| OfferPages::<Test>::remove(0), "an offer is not indexed");
	let gone = "an index names an offer that is gone";
	assert_found(|| OffersOf::<Test>::insert(&alice, 7, ()), gone);
	assert_found(|| OfferPages::<Test>::mutate(0, |page| page[1] = 1), gone);
}

#[test]
fn numbers_that_were_not_given_should_be_found() {
	assert_found(|| NextOffer::<Test>::put(1), "an offer's number is not given");
	assert_found(|| NextVault::<Test>::put(0), "a vault's number is not given");
}

#[test]
fn closed_offers_that_will_not_go_should_be_found() {
	assert_found(|| ClosedOffers::<Test>::remove(1, 1), "a closed offer is not due");
	let reopened = || Offers::<Test>::mutate_extant(1, |record| record.offer.closed_at = None);
	assert_found(reopened, "a closed offer's record is gone or open");
}

/// A node of Alice's, which nobody listed.
fn node() -> BackboneNode {
	let peer = peer_id(&maker_key(1)).to_vec();
	BackboneNode {
		owner: Alice.to_account_id(),
		identifier: NodeIdentifier::of_peer(&peer),
		peer: peer.try_into().unwrap(),
		address: Default::default(),
		deposit: money(0),
	}
}

#[test]
fn backbone_that_does_not_fit_together_should_be_found() {
	let (alice, dave) = (Alice.to_account_id(), Dave.to_account_id());
	let place = node().identifier;
	let not_its_owner = || BackboneNodes::<Test>::insert(&dave, node());
	assert_found(not_its_owner, "a backbone node is not its owner's or not at its place");
	let moved = || {
		let identifier = NodeIdentifier::default();
		BackboneNodes::<Test>::insert(&alice, BackboneNode { identifier, ..node() });
	};
	assert_found(moved, "a backbone node is not its owner's or not at its place");
	let nowhere = || BackboneNodes::<Test>::insert(&alice, node());
	assert_found(nowhere, "a backbone node's place is another's");
	let nobody = || BackboneOwners::<Test>::insert(place, &alice);
	assert_found(nobody, "backbone nodes and their places do not match in number");
}

#[test]
fn meter_under_another_key_should_be_found() {
	let meter = ListedMeter {
		key: maker_key(1),
		owner: Alice.to_account_id(),
		manufacturer: 1,
		certificate: MeterSignature::from_raw([0; 64]),
		contact: ContactKey([1; 32]),
		deposit: money(0),
	};
	let moved = || Meters::<Test>::insert(maker_key(2), meter);
	assert_found(moved, "a listed meter is under another's key");
}

#[test]
fn nodes_and_meters_that_are_miscounted_should_be_found() {
	let nodes = || unhashed::put(&BackboneNodes::<Test>::counter_storage_final_key(), &1_u32);
	assert_found(nodes, "backbone nodes are miscounted");
	let meters = || unhashed::put(&Meters::<Test>::counter_storage_final_key(), &1_u32);
	assert_found(meters, "listed meters are miscounted");
}

#[test]
fn companies_that_cannot_be_searched_should_be_found() {
	let reason = "companies are not in order, or one is there twice";
	let [first, last] = [[1; 32], [2; 32]].map(AccountId::from);
	let twice = [first.clone(), first.clone()];
	for companies in [twice, [last, first]] {
		let companies = companies.to_vec().try_into().unwrap();
		assert_found(|| Companies::<Test>::put::<BoundedVec<_, _>>(companies), reason);
	}
}

#[test]
fn settled_ids_that_will_not_go_should_be_found() {
	let left = || {
		Settled::<Test>::insert(1, CtpId::default(), ());
		SettledFrom::<Test>::put(2);
	};
	assert_found(left, "a settled id was left behind");
}

#[test]
fn deposit_that_is_not_held_should_be_found() {
	let more = || Offers::<Test>::mutate_extant(1, |record| record.offer.deposit = money(1));
	assert_found(more, "another sum than an account's deposits is held");
}
