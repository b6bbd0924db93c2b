//! Who gets what when a trade settles, whatever state their accounts are in: nothing here may fail,
//! and what its receiver cannot take is burned.

use super::{
	seal::{account, seal},
	*,
};
use crate::{EnergyAccount, EnergyAccounts};
use frame_support::traits::{LockableCurrency, WithdrawReasons};

#[test]
fn fee_should_burn_where_the_block_has_no_author() {
	ExtBuilder::default().execute(|| {
		Author::set(None);
		let issuance = Balances::total_issuance();
		let (alice, deal) = (free(Alice), Deal::new(0));
		assert_ok!(seal(&[deal.settlement(1_000)]));
		assert_eq!(free(Alice), alice + 1_000);
		assert_eq!(Balances::total_issuance(), issuance - FEE);
		assert_eq!(in_vault(0), IN_VAULT - 1_000 - FEE);
		let burned = Event::PaymentBurned { id: deal.id(), receiver: None, amount: money(FEE) };
		let settled = Event::TradeSettled {
			id: deal.id(),
			vault: 0,
			offer: 0,
			delivered: wh(1_000),
			payment: money(1_000),
			fee: money(0),
		};
		assert_eq!(spb_events(), [burned, settled]);
	});
}

#[test]
fn fee_should_burn_where_it_would_not_keep_the_author_alive() {
	let author = Sr25519Keyring::One;
	for (fee, arrives) in [(ED - 1, false), (ED, true)] {
		ExtBuilder::default().execute(|| {
			SettlementFee::set(fee);
			Author::set(Some(author.to_account_id()));
			let issuance = Balances::total_issuance();
			let deal = Deal::new(0).amount(1_000 + fee);
			assert_ok!(seal(&[deal.settlement(1_000)]));
			let burned = Event::PaymentBurned {
				id: deal.id(),
				receiver: Some(author.to_account_id()),
				amount: money(fee),
			};
			assert_eq!(spb_events().contains(&burned), !arrives);
			assert_eq!(free(author), if arrives { fee } else { 0 });
			let lost = if arrives { 0 } else { fee };
			assert_eq!(Balances::total_issuance(), issuance - lost);
			assert_eq!(in_vault(0), IN_VAULT - 1_000 - fee);
		});
	}
}

#[test]
fn fees_of_a_block_should_reach_the_author_together() {
	let author = Sr25519Keyring::One;
	ExtBuilder::default().execute(|| {
		SettlementFee::set(ED - 1);
		Author::set(Some(author.to_account_id()));
		let issuance = Balances::total_issuance();
		let deals = [Deal::new(0), Deal::new(1)].map(|deal| deal.amount(1_000 + ED - 1));
		assert_ok!(seal(&deals.map(|deal| deal.settlement(1_000))));
		assert_eq!(free(author), 2 * (ED - 1), "one fee alone would not keep the account alive");
		assert_eq!(Balances::total_issuance(), issuance);
		let deposits = |event: &RuntimeEvent| {
			matches!(event, RuntimeEvent::Balances(pallet_balances::Event::Deposit { .. }))
		};
		let paid = System::events().into_iter().filter(|record| deposits(&record.event));
		assert_eq!(paid.count(), 2, "the producer and the author are paid once");
	});
}

#[test]
fn payment_should_burn_where_the_producer_cannot_take_it() {
	ExtBuilder::default().execute(|| {
		let (deal, alice, issuance) = (Deal::new(0), free(Alice), Balances::total_issuance());
		// Not even with the payment would the account come to the existential deposit.
		ExistentialDeposit::set(alice + 1_001);
		Author::set(None);
		assert_ok!(seal(&[deal.settlement(1_000)]));
		assert_eq!(free(Alice), alice);
		assert_eq!(Balances::total_issuance(), issuance - 1_000 - FEE);
		let burned = |receiver, amount| Event::PaymentBurned {
			id: deal.id(),
			receiver,
			amount: money(amount),
		};
		assert_eq!(
			spb_events()[..2],
			[burned(Some(Alice.to_account_id()), 1_000), burned(None, FEE)]
		);
		let EnergyAccount { sold_wh, earned, trades, .. } = account(Alice);
		assert_eq!((sold_wh, earned, trades), (1_000, money(0), 1), "nothing was earned");
		assert_eq!((in_vault(0), available(0)), (IN_VAULT - 1_000 - FEE, OFFERED - 1_000));
	});
}

#[test]
fn payment_should_burn_where_the_producers_balance_is_full() {
	ExtBuilder::default().execute(|| {
		frame_system::Account::<Test>::mutate(Alice.to_account_id(), |account| {
			account.data.free = u128::MAX - account.data.reserved - 999;
		});
		let deal = Deal::new(0);
		assert_ok!(seal(&[deal.settlement(1_000)]));
		assert!(spb_events().contains(&Event::PaymentBurned {
			id: deal.id(),
			receiver: Some(Alice.to_account_id()),
			amount: money(1_000),
		}));
	});
}

#[test]
fn totals_should_stop_at_what_can_be_counted() {
	ExtBuilder::default().execute(|| {
		EnergyAccounts::<Test>::mutate_extant(Alice.to_account_id(), |account| {
			account.sold_wh = u64::MAX - 1;
			account.earned = money(u128::MAX - 1);
			account.trades = u64::MAX;
		});
		assert_ok!(seal(&[Deal::new(0).settlement(1_000)]));
		let EnergyAccount { sold_wh, earned, trades, .. } = account(Alice);
		assert_eq!((sold_wh, earned, trades), (u64::MAX, money(u128::MAX), u64::MAX));
	});
}

#[test]
fn frozen_money_should_settle_all_the_same() {
	ExtBuilder::default().execute(|| {
		for who in [Alice, Bob, Eve] {
			let all = WithdrawReasons::all();
			Balances::set_lock(*b"a lock  ", &who.to_account_id(), u128::MAX, all);
		}
		let alice = free(Alice);
		assert_ok!(seal(&[Deal::new(0).amount(IN_VAULT).settlement(1_000)]));
		assert_eq!(free(Alice), alice + IN_VAULT - FEE);
	});
}

#[test]
fn owner_should_be_able_to_trade_with_itself() {
	ExtBuilder::default().execute(|| {
		deposit(Alice, 5_000);
		let (alice, issuance) = (free(Alice), Balances::total_issuance());
		let deal = Deal::new(0).by(Alice).with(|ctp| ctp.vault = 1);
		assert_ok!(seal(&[deal.settlement(1_000)]));
		assert_eq!((free(Alice), in_vault(1)), (alice + 1_000, 5_000 - 1_000 - FEE));
		assert_eq!(Balances::total_issuance(), issuance);
		assert_eq!(held(Alice), ACCOUNT_DEPOSIT + OFFER_DEPOSIT + VAULT_DEPOSIT + in_vault(1));
	});
}

#[test]
fn author_should_be_able_to_buy_and_sell() {
	for author in [Alice, Bob] {
		ExtBuilder::default().execute(|| {
			Author::set(Some(author.to_account_id()));
			let (alice, bob) = (free(Alice), free(Bob));
			assert_ok!(seal(&[Deal::new(0).settlement(1_000)]));
			let fee = |who| if who == author { FEE } else { 0 };
			assert_eq!(free(Alice), alice + 1_000 + fee(Alice));
			assert_eq!(free(Bob), bob + fee(Bob));
		});
	}
}

#[test]
fn fee_should_never_be_more_than_the_amount() {
	ExtBuilder::default().execute(|| {
		// As after an upgrade that raised it while the CTP was open.
		let deal = Deal::new(0);
		SettlementFee::set(10_000);
		let (alice, eve) = (free(Alice), free(Eve));
		assert_ok!(seal(&[deal.settlement(1_000)]));
		assert_eq!((free(Alice), free(Eve)), (alice, eve + 1_000 + FEE));
		assert_eq!(in_vault(0), IN_VAULT - 1_000 - FEE);
	});
}
