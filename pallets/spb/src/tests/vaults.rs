//! Vaults: money set aside, and the way out of them that no open CTP can be robbed on.

use super::*;
use crate::{Error, NextVault, Vault, VaultOf, Vaults, Withdrawal};
use frame_support::assert_noop;
use sp_runtime::{DispatchError, TokenError};
use spb_primitives::Refusal;

/// The block at which what is requested in block `now` can be paid out.
fn payable(now: u32) -> u32 {
	now + PARAMETERS.longest_claim() + 1
}

#[test]
fn first_deposit_should_open_a_vault() {
	ExtBuilder::default().execute(|| {
		deposit(Charlie, 700);
		assert_eq!(VaultOf::<Test>::get(Charlie.to_account_id()), Some(1));
		let opened = Vault {
			owner: Charlie.to_account_id(),
			held: money(700),
			withdrawal: None,
			deposit: money(VAULT_DEPOSIT),
		};
		assert_eq!(vault(1), opened);
		assert_eq!(held(Charlie), 700 + VAULT_DEPOSIT);
		assert_eq!(free(Charlie), ENDOWMENT - 700 - VAULT_DEPOSIT);
		assert_last_event(Event::Deposited {
			vault: 1,
			owner: Charlie.to_account_id(),
			amount: money(700),
		});
	});
}

#[test]
fn later_deposits_should_add_to_the_vault() {
	ExtBuilder::default().execute(|| {
		deposit(Bob, 1);
		assert_eq!(in_vault(0), IN_VAULT + 1);
		assert_eq!(held(Bob), IN_VAULT + 1 + VAULT_DEPOSIT);
		assert_eq!(NextVault::<Test>::get(), 1);
	});
}

#[test]
fn deposit_should_need_the_money_and_leave_the_account_alive() {
	let funds = VAULT_DEPOSIT + 700 + ED;
	ExtBuilder::default().balance(Charlie, funds).execute(|| {
		for amount in [701, u128::MAX - 1, u128::MAX] {
			assert_noop!(
				Spb::deposit(signed(Charlie), money(amount)),
				TokenError::FundsUnavailable
			);
		}
		deposit(Charlie, 700);
		assert_eq!(free(Charlie), ED);
	});
}

#[test]
fn nothing_and_too_much_should_not_be_deposited() {
	ExtBuilder::default().execute(|| {
		assert_noop!(Spb::deposit(signed(Bob), money(0)), Error::<Test>::Nothing);
		assert_noop!(Spb::deposit(signed(Charlie), money(0)), Error::<Test>::Nothing);
		assert_noop!(Spb::deposit(signed(Bob), money(u128::MAX)), Error::<Test>::Overflow);
	});
}

#[test]
fn vaults_should_end_with_their_numbers() {
	ExtBuilder::default().execute(|| {
		NextVault::<Test>::put(u32::MAX);
		assert_noop!(Spb::deposit(signed(Charlie), money(1)), Error::<Test>::NumbersUsedUp);
		deposit(Bob, 1);
	});
}

#[test]
fn calls_for_vaults_should_need_a_signature() {
	ExtBuilder::default().execute(|| {
		for origin in [RuntimeOrigin::root(), RuntimeOrigin::none()] {
			let bad = DispatchError::BadOrigin;
			assert_noop!(Spb::deposit(origin.clone(), money(1)), bad);
			assert_noop!(Spb::request_withdrawal(origin.clone(), money(1)), bad);
			assert_noop!(Spb::cancel_withdrawal(origin.clone()), bad);
			assert_noop!(Spb::withdraw(origin), bad);
		}
	});
}

#[test]
fn money_in_a_vault_should_not_be_spendable() {
	ExtBuilder::default().execute(|| {
		let left = free(Bob);
		let transfer =
			|amount| Balances::transfer_allow_death(signed(Bob), Charlie.to_account_id(), amount);
		assert!(transfer(left + 1).is_err());
		assert!(transfer(left).is_err(), "the account is kept alive by what it holds");
		assert_ok!(transfer(left - ED));
		assert_eq!(in_vault(0), IN_VAULT);
	});
}

#[test]
fn requested_money_should_stay_until_no_claim_is_left() {
	ExtBuilder::default().execute(|| {
		System::set_block_number(3);
		assert_ok!(Spb::request_withdrawal(signed(Bob), money(400)));
		let payable_at = payable(3);
		let withdrawal = Withdrawal { amount: money(400), requested_at: 3 };
		assert_eq!(Spb::vault(0).unwrap().payable_at, Some(payable_at));
		let vault = vault(0);
		assert_eq!(vault.withdrawal, Some(withdrawal));
		assert_eq!((vault.held, vault.spendable()), (money(IN_VAULT), money(IN_VAULT - 400)));
		assert_last_event(Event::WithdrawalRequested { vault: 0, amount: money(400), payable_at });
		for early in [3, 4, payable_at - 1] {
			System::set_block_number(early);
			assert_noop!(Spb::withdraw(signed(Bob)), Error::<Test>::WithdrawalTooEarly);
		}
	});
}

#[test]
fn withdrawal_should_pay_from_its_block_on() {
	for at in [payable(1), payable(1) + 1, payable(1) + 500] {
		ExtBuilder::default().execute(|| {
			assert_ok!(Spb::request_withdrawal(signed(Bob), money(400)));
			System::set_block_number(at);
			assert_ok!(Spb::withdraw(signed(Bob)));
			let vault = vault(0);
			assert_eq!((vault.held, vault.withdrawal), (money(IN_VAULT - 400), None));
			assert_eq!(held(Bob), IN_VAULT - 400 + VAULT_DEPOSIT);
			assert_eq!(free(Bob), ENDOWMENT - held(Bob));
			assert_last_event(Event::Withdrawn { vault: 0, amount: money(400) });
			assert_noop!(Spb::withdraw(signed(Bob)), Error::<Test>::NoWithdrawal);
		});
	}
}

#[test]
fn second_request_should_be_refused_while_one_is_pending() {
	ExtBuilder::default().execute(|| {
		assert_ok!(Spb::request_withdrawal(signed(Bob), money(400)));
		assert_noop!(
			Spb::request_withdrawal(signed(Bob), money(1)),
			Error::<Test>::WithdrawalPending
		);
		System::set_block_number(payable(1));
		assert_noop!(
			Spb::request_withdrawal(signed(Bob), money(1)),
			Error::<Test>::WithdrawalPending
		);
		assert_ok!(Spb::withdraw(signed(Bob)));
		assert_ok!(Spb::request_withdrawal(signed(Bob), money(1)));
	});
}

#[test]
fn request_should_be_for_something_that_the_vault_holds() {
	ExtBuilder::default().execute(|| {
		let request = |who, amount| Spb::request_withdrawal(signed(who), money(amount));
		assert_noop!(request(Bob, 0), Error::<Test>::Nothing);
		assert_noop!(request(Bob, IN_VAULT + 1), Error::<Test>::VaultTooSmall);
		assert_noop!(request(Bob, u128::MAX), Error::<Test>::VaultTooSmall);
		assert_noop!(request(Charlie, 1), Error::<Test>::NoVault);
		assert_ok!(request(Bob, IN_VAULT));
	});
}

#[test]
fn cancelled_request_should_free_the_money_for_ctps() {
	ExtBuilder::default().execute(|| {
		assert_ok!(Spb::request_withdrawal(signed(Bob), money(400)));
		assert_ok!(Spb::cancel_withdrawal(signed(Bob)));
		let vault = vault(0);
		assert_eq!((vault.withdrawal, vault.spendable()), (None, money(IN_VAULT)));
		assert_last_event(Event::WithdrawalCancelled { vault: 0 });
		System::set_block_number(payable(1));
		assert_noop!(Spb::withdraw(signed(Bob)), Error::<Test>::NoWithdrawal);
	});
}

#[test]
fn request_after_a_cancelled_one_should_wait_anew() {
	ExtBuilder::default().execute(|| {
		assert_ok!(Spb::request_withdrawal(signed(Bob), money(400)));
		System::set_block_number(20);
		assert_ok!(Spb::cancel_withdrawal(signed(Bob)));
		assert_ok!(Spb::request_withdrawal(signed(Bob), money(400)));
		System::set_block_number(payable(20) - 1);
		assert_noop!(Spb::withdraw(signed(Bob)), Error::<Test>::WithdrawalTooEarly);
		System::set_block_number(payable(20));
		assert_ok!(Spb::withdraw(signed(Bob)));
	});
}

#[test]
fn nothing_pending_should_be_neither_cancelled_nor_withdrawn() {
	ExtBuilder::default().execute(|| {
		assert_noop!(Spb::cancel_withdrawal(signed(Bob)), Error::<Test>::NoWithdrawal);
		assert_noop!(Spb::withdraw(signed(Bob)), Error::<Test>::NoWithdrawal);
		assert_noop!(Spb::cancel_withdrawal(signed(Charlie)), Error::<Test>::NoVault);
		assert_noop!(Spb::withdraw(signed(Charlie)), Error::<Test>::NoVault);
	});
}

#[test]
fn empty_vault_should_close_and_its_number_should_not_return() {
	ExtBuilder::default().execute(|| {
		assert_ok!(Spb::request_withdrawal(signed(Bob), money(IN_VAULT)));
		System::set_block_number(payable(1));
		assert_ok!(Spb::withdraw(signed(Bob)));
		assert_eq!(
			spb_events()[1..],
			[
				Event::Withdrawn { vault: 0, amount: money(IN_VAULT) },
				Event::VaultClosed { vault: 0 }
			]
		);
		assert!(!Vaults::<Test>::contains_key(0));
		assert!(!VaultOf::<Test>::contains_key(Bob.to_account_id()));
		assert_eq!((free(Bob), held(Bob)), (ENDOWMENT, 0));
		deposit(Bob, 5);
		assert_eq!(VaultOf::<Test>::get(Bob.to_account_id()), Some(1));
	});
}

#[test]
fn deposit_while_a_withdrawal_is_pending_should_keep_the_vault_open() {
	ExtBuilder::default().execute(|| {
		assert_ok!(Spb::request_withdrawal(signed(Bob), money(IN_VAULT)));
		deposit(Bob, 1);
		System::set_block_number(payable(1));
		assert_ok!(Spb::withdraw(signed(Bob)));
		assert_eq!(in_vault(0), 1);
	});
}

#[test]
fn ctp_of_the_block_of_the_request_should_settle_to_the_last_and_withdrawal_pay_what_is_left() {
	let mut chain = TestChain::new();
	let deal = Deal::new(0).expiry(1 + PARAMETERS.max_lifetime).energy(10_000);
	let request = || ok(Spb::request_withdrawal(signed(Bob), money(IN_VAULT)));
	let block = chain.block_with(&[deal.commit()], request);
	assert!(chain.is_open(&deal), "the seal comes before the call");
	let last = deal.ctp.expiry + PARAMETERS.grace;
	assert_eq!(payable(block.number), last + 1);

	chain.blocks_to(last - 1);
	let too_early = || {
		assert_noop!(Spb::withdraw(signed(Bob)), Error::<Test>::WithdrawalTooEarly);
	};
	chain.block_with(&[deal.confirm(10_000, deal.ctp.expiry)], too_early);
	assert_eq!(chain.query(|| in_vault(0)), IN_VAULT - 10_000 - FEE);
	chain.block_with(&[], || {
		assert_ok!(Spb::withdraw(signed(Bob)));
		assert_last_event(Event::VaultClosed { vault: 0 });
	});
	assert_eq!(chain.query(|| free(Bob)), ENDOWMENT - 10_000 - FEE);
}

#[test]
fn ctp_should_not_commit_what_is_on_its_way_out() {
	let mut chain = TestChain::new();
	let request = || ok(Spb::request_withdrawal(signed(Bob), money(IN_VAULT - 1_100)));
	chain.block_with(&[], request);
	chain.assert_refused(&Deal::new(0).expiry(10).amount(1_101), Refusal::VaultTooSmall);
	chain.assert_admitted(&Deal::new(0).expiry(10).amount(1_100));
	chain.block_with(&[], || ok(Spb::cancel_withdrawal(signed(Bob))));
	chain.assert_admitted(&Deal::new(0).expiry(10).amount(IN_VAULT));
}

#[test]
fn open_ctps_and_a_pending_withdrawal_should_count_together() {
	let mut chain = TestChain::new();
	let open = Deal::new(0).amount(20_000);
	chain.block_with(&[open.commit()], || {
		ok(Spb::request_withdrawal(signed(Bob), money(10_000)));
	});
	let left = IN_VAULT - 20_000 - 10_000;
	chain.assert_refused(&Deal::new(1).amount(left + 1), Refusal::VaultTooSmall);
	chain.block(&[Deal::new(1).amount(left).commit()]);
	chain.assert_refused(&Deal::new(2).energy(100), Refusal::VaultTooSmall);
}

#[test]
fn request_beyond_what_is_free_should_bar_new_ctps_and_rob_no_open_one() {
	let mut chain = TestChain::new();
	let open = Deal::new(0).expiry(21).amount(20_000);
	chain.block_with(&[open.commit()], || {
		ok(Spb::request_withdrawal(signed(Bob), money(IN_VAULT)));
	});
	chain.assert_refused(&Deal::new(1).amount(2 * FEE).energy(100), Refusal::VaultTooSmall);
	chain.blocks_to(21);
	chain.block(&[open.confirm(1_000, 21)]);
	chain.blocks_to(payable(1) - 1);
	chain.block_with(&[], || ok(Spb::withdraw(signed(Bob))));
	assert_eq!(chain.query(|| (free(Bob), held(Bob))), (ENDOWMENT - 20_000, 0));
}

#[test]
fn withdrawal_should_leave_what_newer_ctps_hold() {
	let mut chain = TestChain::new();
	let request = || ok(Spb::request_withdrawal(signed(Bob), money(IN_VAULT - 2_000)));
	chain.block_with(&[], request);
	let payable_at = payable(1);
	chain.blocks_to(payable_at - 2);
	let deal = Deal::new(0).expiry(payable_at + 10).amount(2_000);
	chain.block(&[deal.commit()]);
	chain.block_with(&[], || ok(Spb::withdraw(signed(Bob))));
	assert_eq!(chain.query(|| in_vault(0)), 2_000);
	chain.block(&[deal.confirm(1_000, payable_at)]);
	assert_eq!(chain.query(|| in_vault(0)), 0);
}

#[test]
fn vault_that_trades_have_emptied_should_close() {
	let mut chain = TestChain::new();
	let deal = Deal::new(0).amount(IN_VAULT);
	chain.block(&[deal.commit(), deal.confirm(1_000, 1)]);
	chain.block_with(&[], || {
		assert_eq!(in_vault(0), 0);
		let before = free(Bob);
		ok(Spb::withdraw(signed(Bob)));
		assert!(Vaults::<Test>::get(0).is_none() && free(Bob) > before);
		assert_last_event(Event::VaultClosed { vault: 0 });
	});
}
