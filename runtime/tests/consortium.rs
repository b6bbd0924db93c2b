//! A chain without a superuser: two thirds of the companies govern, and reach no one's money.

mod common;

use codec::Encode;
use common::chain;
use frame_support::{
	assert_ok,
	dispatch::GetDispatchInfo,
	traits::{fungible::Inspect, Get},
	weights::Weight,
};
use pallet_session::NextKeys;
use sp_core::H256;
use sp_keyring::{
	Ed25519Keyring,
	Sr25519Keyring::{self, Alice, Bob, Charlie, Dave, Eve},
};
use sp_runtime::{
	traits::{Dispatchable, Hash as _},
	DispatchError,
};
use spb_runtime::{
	council::MOTIONS_EACH, genesis::CONSORTIUM_PRESET, AccountId, Balances, CompanyCouncil,
	Runtime, RuntimeCall, RuntimeEvent, RuntimeOrigin, Session, SessionKeys, Spb, System,
};

fn account(key: Sr25519Keyring) -> AccountId {
	key.to_account_id()
}

fn signed(key: Sr25519Keyring) -> RuntimeOrigin {
	RuntimeOrigin::signed(account(key))
}

/// Moves, votes and closes; gives what the call came to where it was executed.
fn govern(
	call: impl Into<RuntimeCall>,
	in_favour: &[Sr25519Keyring],
) -> Option<Result<(), DispatchError>> {
	let call: RuntimeCall = call.into();
	let (length, weight) = (call.encoded_size() as u32, call.get_dispatch_info().call_weight);
	let hash = <Runtime as frame_system::Config>::Hashing::hash_of(&call);
	let index =
		pallet_collective::ProposalCount::<Runtime, spb_runtime::configs::CompanyCollective>::get();
	assert_ok!(CompanyCouncil::propose(signed(Alice), 2, Box::new(call), length));
	for voter in in_favour {
		assert_ok!(CompanyCouncil::vote(signed(*voter), hash, index, true));
	}
	CompanyCouncil::close(signed(Alice), hash, index, weight, length).ok()?;
	executed()
}

/// What the last call came to that the council or one of its members has made.
fn executed() -> Option<Result<(), DispatchError>> {
	use pallet_collective::Event;
	System::events().into_iter().rev().find_map(|record| match record.event {
		RuntimeEvent::CompanyCouncil(
			Event::Executed { result, .. } | Event::MemberExecuted { result, .. },
		) => Some(result),
		_ => None,
	})
}

/// Whether an account can bring a motion before the council.
fn may_move(key: Sr25519Keyring) -> bool {
	CompanyCouncil::propose(signed(key), 2, Box::new(add_manufacturer(10).into()), 1_000).is_ok()
}

fn add_manufacturer(id: u16) -> pallet_spb::Call<Runtime> {
	pallet_spb::Call::add_manufacturer { id, key: sp_core::ed25519::Public::from_raw([7; 32]) }
}

#[test]
fn two_thirds_of_the_companies_should_govern_and_one_not() {
	chain(CONSORTIUM_PRESET).execute_with(|| {
		assert_eq!(govern(add_manufacturer(8), &[Alice]), None, "one vote of three");
		assert_eq!(govern(add_manufacturer(9), &[Alice, Bob]), Some(Ok(())));
		assert!(pallet_spb::Manufacturers::<Runtime>::get(9).is_some());
		assert!(pallet_spb::Manufacturers::<Runtime>::get(8).is_none());
	});
}

#[test]
fn no_one_should_govern_alone() {
	chain(CONSORTIUM_PRESET).execute_with(|| {
		for key in [Alice, Bob, Charlie, Dave] {
			let added = Spb::add_company(signed(key), account(Dave));
			assert_eq!(added, Err(DispatchError::BadOrigin));
		}
		// A member's call by itself, and a motion that its own vote carries.
		let call = || Box::new(RuntimeCall::from(add_manufacturer(9)));
		assert_ok!(CompanyCouncil::execute(signed(Alice), call(), 1_000));
		assert_eq!(executed(), Some(Err(DispatchError::BadOrigin)));
		assert_ok!(CompanyCouncil::propose(signed(Bob), 1, call(), 1_000));
		assert_eq!(executed(), Some(Err(DispatchError::BadOrigin)));
		assert!(pallet_spb::Manufacturers::<Runtime>::get(9).is_none());
		assert!(pallet_sudo::Key::<Runtime>::get().is_none());
		assert!(!may_move(Dave));
	});
}

#[test]
fn companies_should_govern_from_the_block_in_which_they_are_registered() {
	chain(CONSORTIUM_PRESET).execute_with(|| {
		let add = pallet_spb::Call::<Runtime>::add_company { company: account(Dave) };
		assert_eq!(govern(add, &[Alice, Bob]), Some(Ok(())));
		// Two of four are less than two thirds, three are not.
		assert_eq!(
			govern(add_manufacturer(8), &[Alice, Dave]),
			Some(Err(DispatchError::BadOrigin))
		);
		assert_eq!(govern(add_manufacturer(9), &[Alice, Bob, Dave]), Some(Ok(())));
		assert!(may_move(Dave));
		let remove = pallet_spb::Call::<Runtime>::remove_company { company: account(Dave) };
		assert_eq!(govern(remove, &[Alice, Bob, Charlie]), Some(Ok(())));
		assert!(!may_move(Dave));
	});
}

#[test]
fn two_thirds_of_the_companies_should_decide_who_validates() {
	type Call = pallet_validators::Call<Runtime>;
	let add = |key| Call::add_validator { validator: account(key) };
	let remove = |key| Call::remove_validator { validator: account(key) };
	let listed = || pallet_validators::Validators::<Runtime>::get().into_inner();
	chain(CONSORTIUM_PRESET).execute_with(|| {
		for (key, finality) in [(Dave, Ed25519Keyring::Dave), (Eve, Ed25519Keyring::Eve)] {
			let keys = SessionKeys { aura: key.public().into(), grandpa: finality.public().into() };
			NextKeys::<Runtime>::insert(account(key), keys);
		}
		let before = listed();
		assert_eq!(before, [Alice, Bob, Charlie].map(account));
		// A motion with one vote of three, and a member's call by itself.
		assert_eq!(govern(add(Eve), &[Alice]), None);
		assert_eq!(govern(remove(Bob), &[Alice]), None);
		for call in [add(Eve), remove(Bob)] {
			assert_ok!(CompanyCouncil::execute(signed(Alice), Box::new(call.into()), 1_000));
			assert_eq!(executed(), Some(Err(DispatchError::BadOrigin)));
		}
		assert_eq!(listed(), before);

		assert_eq!(govern(add(Dave), &[Alice, Bob]), Some(Ok(())));
		assert_eq!(govern(remove(Charlie), &[Alice, Bob]), Some(Ok(())));
		assert_eq!(listed(), [Alice, Bob, Dave].map(account));
		// With the session after next they are in force.
		Session::rotate_session();
		assert_eq!(Session::validators(), before);
		Session::rotate_session();
		assert_eq!(Session::validators(), listed());
	});
}

/// By real motions; `money.rs` tries every call.
#[test]
fn companies_should_reach_no_ones_money_and_no_storage() {
	chain(CONSORTIUM_PRESET).execute_with(|| {
		let (victim, thief) = (account(Dave), account(Alice));
		let before = Balances::total_balance(&victim);
		let address = |account: &AccountId| sp_runtime::MultiAddress::Id(account.clone());
		let transfer = pallet_balances::Call::<Runtime>::force_transfer {
			source: address(&victim),
			dest: address(&thief),
			value: 1,
		};
		let set = pallet_balances::Call::<Runtime>::force_set_balance {
			who: address(&victim),
			new_free: 0,
		};
		let unreserve =
			pallet_balances::Call::<Runtime>::force_unreserve { who: address(&victim), amount: 1 };
		let issue = pallet_balances::Call::<Runtime>::force_adjust_total_issuance {
			direction: pallet_balances::AdjustmentDirection::Increase,
			delta: 1,
		};
		let stalled = pallet_grandpa::Call::<Runtime>::note_stalled {
			delay: 1,
			best_finalized_block_number: 0,
		};
		let (code, code_hash) = (vec![1], H256::repeat_byte(5));
		let key = frame_system::Account::<Runtime>::hashed_key_for(&victim);
		let attempts: [RuntimeCall; 13] = [
			transfer.clone().into(),
			set.into(),
			unreserve.into(),
			issue.into(),
			stalled.into(),
			frame_system::Call::<Runtime>::set_storage { items: vec![(key.clone(), vec![])] }
				.into(),
			frame_system::Call::<Runtime>::kill_storage { keys: vec![key.clone()] }.into(),
			frame_system::Call::<Runtime>::kill_prefix { prefix: key, subkeys: 9 }.into(),
			frame_system::Call::<Runtime>::set_code { code: code.clone() }.into(),
			frame_system::Call::<Runtime>::set_code_without_checks { code }.into(),
			frame_system::Call::<Runtime>::authorize_upgrade { code_hash }.into(),
			frame_system::Call::<Runtime>::authorize_upgrade_without_checks { code_hash }.into(),
			pallet_sudo::Call::<Runtime>::sudo { call: Box::new(transfer.into()) }.into(),
		];
		for attempt in attempts {
			let result = govern(attempt.clone(), &[Alice, Bob, Charlie]);
			assert_eq!(result, Some(Err(DispatchError::BadOrigin)), "{attempt:?}");
		}
		assert_eq!(Balances::total_balance(&victim), before);
	});
}

#[test]
fn companies_should_authorize_upgrades() {
	chain(CONSORTIUM_PRESET).execute_with(|| {
		let code_hash = H256::repeat_byte(5);
		let upgrade = || pallet_upgrades::Call::<Runtime>::authorize_upgrade { code_hash };
		assert_eq!(govern(upgrade(), &[Alice, Charlie]), Some(Ok(())));
		let authorized = System::authorized_upgrade();
		assert!(authorized.is_some_and(|upgrade| *upgrade.code_hash() == code_hash));
		let alone = spb_runtime::Upgrades::authorize_upgrade(signed(Alice), code_hash);
		assert_eq!(alone, Err(DispatchError::BadOrigin));
	});
}

#[test]
fn one_company_should_not_fill_the_council() {
	chain(CONSORTIUM_PRESET).execute_with(|| {
		let motion = |id| RuntimeCall::from(add_manufacturer(id));
		let bring = |mover: Sr25519Keyring, id| {
			let proposal = Box::new(motion(id));
			let bring =
				pallet_collective::Call::propose { threshold: 2, proposal, length_bound: 1_000 };
			let brought = RuntimeCall::CompanyCouncil(bring).dispatch(signed(mover));
			brought.map(drop).map_err(|refused| refused.error)
		};
		for id in 0..MOTIONS_EACH as u16 {
			assert_ok!(bring(Alice, 100 + id));
		}
		assert_eq!(bring(Alice, 200), Err(DispatchError::Exhausted));
		assert_ok!(bring(Bob, 200));
		// One of hers is voted down: its place is free again.
		let hash = <Runtime as frame_system::Config>::Hashing::hash_of(&motion(100));
		for against in [Bob, Charlie] {
			assert_ok!(CompanyCouncil::vote(signed(against), hash, 0, false));
		}
		assert_ok!(CompanyCouncil::close(signed(Bob), hash, 0, Weight::MAX, 1_000));
		assert_ok!(bring(Alice, 100));
		assert_eq!(bring(Alice, 201), Err(DispatchError::Exhausted));
	});
}

#[test]
fn companies_should_be_bounded() {
	chain(CONSORTIUM_PRESET).execute_with(|| {
		let most: u32 = spb_runtime::configs::MaxCompanies::get();
		for n in 3..most {
			assert_ok!(Spb::add_company(RuntimeOrigin::root(), AccountId::from([n as u8; 32])));
		}
		let one_more = Spb::add_company(RuntimeOrigin::root(), AccountId::from([255; 32]));
		assert_eq!(one_more, Err(pallet_spb::Error::<Runtime>::TooManyCompanies.into()));
	});
}
