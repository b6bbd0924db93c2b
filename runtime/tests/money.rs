//! Money is out of reach for those who govern a chain without a superuser: every call that the runtime has
//! is made with each origin that the companies can have, together or alone.

mod common;

use codec::{Decode, Encode};
use common::chain;
use frame_support::{
	assert_ok,
	dispatch::DispatchResult,
	storage::{with_transaction, TransactionOutcome},
	traits::GetCallMetadata,
	weights::Weight,
};
use pallet_collective::RawOrigin as Council;
use sp_core::H256;
use sp_io::TestExternalities;
use sp_keyring::{
	Ed25519Keyring,
	Sr25519Keyring::{self, Alice, Bob, Charlie, Dave},
};
use sp_runtime::{
	traits::{Dispatchable, TrailingZeroInput},
	DispatchError, MultiAddress,
};
use spb_primitives::{units::SPB, Energy, Money, Price};
use spb_runtime::{
	configs::CompanyCollective, genesis::CONSORTIUM_PRESET, AccountId, Address, Runtime,
	RuntimeCall, RuntimeOrigin, SessionKeys, Spb, Upgrades,
};
use std::collections::BTreeSet;

/// The calls by which companies govern, by pallet and name: two thirds of them can make these, and money
/// stays where it is. Whatever is not here has to be refused, so who adds a call judges it here.
const GOVERNING: [(&str, &str); 7] = [
	("Spb", "add_company"),
	("Spb", "add_manufacturer"),
	("Spb", "remove_company"),
	("Spb", "retire_manufacturer"),
	("Upgrades", "authorize_upgrade"),
	("Validators", "add_validator"),
	("Validators", "remove_validator"),
];
/// What every origin can call: it does nothing.
const IDLE: (&str, &str) = ("System", "remark");
/// What applies a runtime for everyone, whoever calls it: the one that was authorized and no other.
const APPLYING: (&str, &str) = ("System", "apply_authorized_upgrade");
/// Calls that no one can make: they take a proof of a type that has no values.
const IMPOSSIBLE: [(&str, &str); 2] =
	[("Grandpa", "report_equivocation"), ("Grandpa", "report_equivocation_unsigned")];

fn account(key: Sr25519Keyring) -> AccountId {
	key.to_account_id()
}

fn address(key: Sr25519Keyring) -> Address {
	MultiAddress::Id(account(key))
}

/// So many of the three companies together.
fn together(companies: u32) -> RuntimeOrigin {
	Council::<AccountId, CompanyCollective>::Members(companies, 3).into()
}

/// One of them, by a motion of its own.
fn alone() -> RuntimeOrigin {
	Council::<AccountId, CompanyCollective>::Member(account(Alice)).into()
}

/// What does not matter to a call that has to be refused.
fn blank<T: Decode>() -> T {
	T::decode(&mut TrailingZeroInput::zeroes()).expect("zeroes are a value")
}

fn session_keys() -> SessionKeys {
	SessionKeys { aura: Dave.public().into(), grandpa: Ed25519Keyring::Dave.public().into() }
}

/// A chain on which Dave, who is no company, has something of everything that can be had: money, an energy
/// account, an offer, a vault and a withdrawal on its way. A runtime is authorized.
fn consortium() -> TestExternalities {
	let mut chain = chain(CONSORTIUM_PRESET);
	chain.execute_with(|| {
		let dave = || RuntimeOrigin::signed(account(Dave));
		let (energy, price) = (Energy::from_wh(10_000), Price::per_kwh(SPB / 10));
		let contact = pallet_spb::ContactKey([7; 32]);
		assert_ok!(Spb::open_account_with_burn(dave()));
		assert_ok!(Spb::offer_energy(dave(), energy, price, pallet_spb::Terms::Listed, contact));
		assert_ok!(Spb::deposit(dave(), Money::from_units(100 * SPB)));
		assert_ok!(Spb::request_withdrawal(dave(), Money::from_units(SPB)));
		pallet_session::NextKeys::<Runtime>::insert(account(Dave), session_keys());
		assert_ok!(Upgrades::authorize_upgrade(together(2), H256::repeat_byte(5)));
	});
	chain
}

/// Everything that says whose money it is, and energy, encoded.
fn belongings() -> [Vec<u8>; 8] {
	[
		frame_system::Account::<Runtime>::iter().collect::<Vec<_>>().encode(),
		pallet_balances::TotalIssuance::<Runtime>::get().encode(),
		pallet_balances::Holds::<Runtime>::iter().collect::<Vec<_>>().encode(),
		pallet_balances::Freezes::<Runtime>::iter().collect::<Vec<_>>().encode(),
		pallet_spb::Vaults::<Runtime>::iter().collect::<Vec<_>>().encode(),
		pallet_spb::Offers::<Runtime>::iter().collect::<Vec<_>>().encode(),
		pallet_spb::EnergyAccounts::<Runtime>::iter().collect::<Vec<_>>().encode(),
		pallet_escrow::Contracts::<Runtime>::iter().collect::<Vec<_>>().encode(),
	]
}

/// A call of every kind, as one would make it who is after Dave's belongings.
fn calls() -> Vec<RuntimeCall> {
	let mut calls = of_system();
	calls.extend(of_balances());
	calls.extend(of_spb());
	calls.extend(of_council());
	calls.extend(of_sudo());
	calls.extend(of_escrow());
	calls.extend(of_validators());
	calls
}

fn of_system() -> Vec<RuntimeCall> {
	use frame_system::Call;
	let (code, code_hash) = (vec![1], H256::repeat_byte(6));
	let key = frame_system::Account::<Runtime>::hashed_key_for(account(Dave));
	let calls: Vec<Call<Runtime>> = vec![
		Call::remark { remark: vec![1] },
		Call::remark_with_event { remark: vec![1] },
		Call::set_heap_pages { pages: 1 },
		Call::set_code { code: code.clone() },
		Call::set_code_without_checks { code: code.clone() },
		Call::set_storage { items: vec![(key.clone(), vec![])] },
		Call::kill_storage { keys: vec![key.clone()] },
		Call::kill_prefix { prefix: key, subkeys: 9 },
		Call::authorize_upgrade { code_hash },
		Call::authorize_upgrade_without_checks { code_hash },
		Call::apply_authorized_upgrade { code },
	];
	let mut calls: Vec<_> = calls.into_iter().map(RuntimeCall::from).collect();
	calls.push(pallet_timestamp::Call::<Runtime>::set { now: 0 }.into());
	calls
}

fn transfer() -> pallet_balances::Call<Runtime> {
	pallet_balances::Call::force_transfer { source: address(Dave), dest: address(Alice), value: 1 }
}

fn of_balances() -> Vec<RuntimeCall> {
	use pallet_balances::{AdjustmentDirection, Call};
	let dest = || address(Alice);
	let calls: Vec<Call<Runtime>> = vec![
		transfer(),
		Call::transfer_allow_death { dest: dest(), value: 1 },
		Call::transfer_keep_alive { dest: dest(), value: 1 },
		Call::transfer_all { dest: dest(), keep_alive: false },
		Call::burn { value: 1, keep_alive: false },
		Call::upgrade_accounts { who: vec![account(Dave)] },
		Call::force_unreserve { who: address(Dave), amount: 1 },
		Call::force_set_balance { who: address(Dave), new_free: 0 },
		Call::force_adjust_total_issuance { direction: AdjustmentDirection::Increase, delta: 1 },
	];
	calls.into_iter().map(RuntimeCall::from).collect()
}

fn of_spb() -> Vec<RuntimeCall> {
	use pallet_spb::Call;
	let (offer, energy, price) = (0, Energy::from_wh(1), Price::per_kwh(1));
	let (amount, manufacturer, valid_until) = (Money::from_units(1), 1, 9);
	let calls: Vec<Call<Runtime>> = vec![
		Call::open_account_with_burn {},
		Call::open_account_with_certificate { certificate: blank() },
		Call::close_account {},
		Call::offer_energy { energy, price, terms: pallet_spb::Terms::Listed, contact: blank() },
		Call::top_up_offer { offer, energy },
		Call::reprice_offer { offer, price },
		Call::close_offer { offer },
		Call::deposit { amount },
		Call::request_withdrawal { amount },
		Call::cancel_withdrawal {},
		Call::withdraw {},
		Call::revoke_meter { manufacturer, meter: blank() },
		Call::add_company { company: account(Dave) },
		Call::remove_company { company: account(Charlie) },
		Call::add_manufacturer { id: 9, key: blank() },
		Call::retire_manufacturer { id: manufacturer },
		Call::commit_to_pay { ctp: blank(), proof: blank(), quote: None },
		Call::confirm_receipt { erc: blank(), proof: blank() },
		Call::seal { seal: blank() },
		Call::join_backbone { peer: blank(), address: blank(), valid_until, signature: blank() },
		Call::update_backbone { address: blank() },
		Call::leave_backbone {},
		Call::list_meter {
			key: blank(),
			manufacturer,
			certificate: blank(),
			contact: blank(),
			valid_until,
			signature: blank(),
		},
		Call::unlist_meter { key: blank() },
	];
	calls.into_iter().map(RuntimeCall::from).collect()
}

fn of_council() -> Vec<RuntimeCall> {
	use pallet_collective::Call;
	let proposal = || Box::new(RuntimeCall::from(transfer()));
	let (proposal_hash, index, length_bound) = (H256::repeat_byte(7), 0, 1_000);
	let (proposal_weight_bound, new_members) = (Weight::MAX, vec![account(Alice)]);
	let calls: Vec<Call<Runtime, CompanyCollective>> = vec![
		Call::set_members { new_members, prime: None, old_count: 3 },
		Call::execute { proposal: proposal(), length_bound },
		Call::propose { threshold: 1, proposal: proposal(), length_bound },
		Call::vote { proposal: proposal_hash, index, approve: true },
		Call::close { proposal_hash, index, proposal_weight_bound, length_bound },
		Call::disapprove_proposal { proposal_hash },
		Call::kill { proposal_hash },
		Call::release_proposal_cost { proposal_hash },
	];
	calls.into_iter().map(RuntimeCall::from).collect()
}

fn of_sudo() -> Vec<RuntimeCall> {
	use pallet_sudo::Call;
	let call = || Box::new(RuntimeCall::from(transfer()));
	let calls: Vec<Call<Runtime>> = vec![
		Call::sudo { call: call() },
		Call::sudo_unchecked_weight { call: call(), weight: Weight::zero() },
		Call::set_key { new: address(Alice) },
		Call::sudo_as { who: address(Dave), call: call() },
		Call::remove_key {},
	];
	calls.into_iter().map(RuntimeCall::from).collect()
}

fn of_escrow() -> Vec<RuntimeCall> {
	use pallet_escrow::Call;
	let (energy, contract) = (Energy::from_wh(1), 0);
	let calls: Vec<Call<Runtime>> = vec![
		Call::set_up { consumer: Dave.to_account_id(), energy, amount: 1, lifetime: 9 },
		Call::pay { contract },
		Call::confirm { contract },
		Call::close { contract },
	];
	calls.into_iter().map(RuntimeCall::from).collect()
}

/// Of all that is about validators, and of the runtime.
fn of_validators() -> Vec<RuntimeCall> {
	let (delay, best_finalized_block_number) = (1, 0);
	let code_hash = H256::repeat_byte(6);
	vec![
		pallet_validators::Call::<Runtime>::add_validator { validator: account(Dave) }.into(),
		pallet_validators::Call::<Runtime>::remove_validator { validator: account(Bob) }.into(),
		pallet_session::Call::<Runtime>::set_keys { keys: session_keys(), proof: vec![] }.into(),
		pallet_session::Call::<Runtime>::purge_keys {}.into(),
		pallet_grandpa::Call::<Runtime>::note_stalled { delay, best_finalized_block_number }.into(),
		pallet_upgrades::Call::<Runtime>::authorize_upgrade { code_hash }.into(),
	]
}

/// Its pallet and its name.
fn name(call: &RuntimeCall) -> (&'static str, &'static str) {
	let metadata = call.get_call_metadata();
	(metadata.pallet_name, metadata.function_name)
}

/// What a call comes to, and whether it moves what belongs to someone. Nothing of it stays.
fn attempt(call: &RuntimeCall, origin: RuntimeOrigin) -> (DispatchResult, bool) {
	let before = belongings();
	let attempt = with_transaction(|| {
		let result = call.clone().dispatch(origin);
		let result = result.map(drop).map_err(|refused| refused.error);
		TransactionOutcome::Rollback(Ok::<_, DispatchError>((result, belongings() != before)))
	});
	attempt.expect("transactions are not nested deeply")
}

#[test]
fn every_call_should_be_tried() {
	let tried: BTreeSet<_> = calls().iter().map(name).chain(IMPOSSIBLE).collect();
	let of = |pallet: &'static str| {
		RuntimeCall::get_call_names(pallet).iter().map(move |call| (pallet, *call))
	};
	let there: BTreeSet<_> = RuntimeCall::get_module_names().iter().copied().flat_map(of).collect();
	assert_eq!(tried, there);
	for listed in GOVERNING.iter().chain([&IDLE, &APPLYING]) {
		assert!(there.contains(listed), "{listed:?} is listed and gone");
	}
}

#[test]
fn companies_should_reach_no_ones_belongings_by_any_call() {
	let unauthorized: DispatchError = frame_system::Error::<Runtime>::Unauthorized.into();
	// What this chain refuses to everyone.
	let filtered: DispatchError = frame_system::Error::<Runtime>::CallFiltered.into();
	consortium().execute_with(|| {
		for call in calls() {
			let name = name(&call);
			for (origin, governs) in [(together(3), true), (together(2), true), (alone(), false)] {
				let (result, moved) = attempt(&call, origin);
				assert!(!moved, "{name:?} moves what belongs to someone");
				let may = name == IDLE || governs && GOVERNING.contains(&name);
				match result {
					Ok(()) => assert!(may, "{name:?} is in the companies' hands: should it be?"),
					Err(error) if name == APPLYING => assert_eq!(error, unauthorized),
					Err(error) => {
						assert!(!may, "{name:?}: {error:?}");
						let refused = error == DispatchError::BadOrigin || error == filtered;
						assert!(refused, "{name:?} is not refused for its origin: {error:?}");
					},
				}
			}
		}
	});
}

#[test]
fn what_belongs_to_someone_should_be_seen_to_move() {
	consortium().execute_with(|| {
		let root = attempt(&transfer().into(), RuntimeOrigin::root());
		assert_eq!(root, (Ok(()), true));
		let dave = RuntimeOrigin::signed(account(Dave));
		let cancelled = pallet_spb::Call::<Runtime>::cancel_withdrawal {}.into();
		assert_eq!(attempt(&cancelled, dave), (Ok(()), true));
		let remark = frame_system::Call::<Runtime>::remark { remark: vec![1] }.into();
		assert_eq!(attempt(&remark, RuntimeOrigin::root()), (Ok(()), false));
	});
}
