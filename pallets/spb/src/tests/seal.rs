//! The seal: what the runtime checks of every settlement, for ever; who gets what; and that a block
//! has one seal, whatever comes.

use super::*;
use crate::{
	seal::InherentError, Call, EnergyAccount, Error, Seal, Sealed, Settled, Vaults,
	INHERENT_IDENTIFIER,
};
use frame_support::{
	assert_noop, assert_storage_noop,
	dispatch::{DispatchClass, GetDispatchInfo},
	inherent::ProvideInherent,
	traits::Hooks,
};
use sp_inherents::{InherentData, IsFatalError};
use sp_runtime::DispatchError;
use spb_primitives::{DatabaseDigest, Settlement};

/// A seal that settles these.
fn seal_of(settlements: &[Settlement]) -> Seal<MaxSettlements> {
	Seal {
		database_root: H256::repeat_byte(1),
		sidecar_hash: H256::repeat_byte(2),
		settlements: settlements.to_vec().try_into().unwrap(),
	}
}

/// Seals the block.
pub(super) fn seal(settlements: &[Settlement]) -> DispatchResult {
	Spb::seal(RuntimeOrigin::none(), seal_of(settlements))
}

/// That a seal with this settlement is refused, alone and after a good one, and changes nothing.
#[track_caller]
fn assert_bad(settlement: Settlement) {
	let good = Deal::new(99).energy(200).settlement(200);
	for settlements in [vec![settlement.clone()], vec![good, settlement]] {
		assert_noop!(seal(&settlements), Error::<Test>::BadSettlement);
	}
}

/// The energy account of a producer.
pub(super) fn account(who: Sr25519Keyring) -> EnergyAccount {
	Spb::energy_account(&who.to_account_id()).unwrap()
}

#[test]
fn settling_should_pay_producer_and_author() {
	ExtBuilder::default().execute(|| {
		let (alice, bob, eve) = (free(Alice), free(Bob), free(Eve));
		let issuance = Balances::total_issuance();
		let deal = Deal::new(0);
		assert_ok!(seal(&[deal.settlement(1_000)]));
		assert_eq!(free(Alice), alice + 1_000);
		assert_eq!(free(Eve), eve + FEE);
		assert_eq!((free(Bob), in_vault(0)), (bob, IN_VAULT - 1_000 - FEE));
		assert_eq!(held(Bob), IN_VAULT - 1_000 - FEE + VAULT_DEPOSIT);
		assert_eq!(available(0), OFFERED - 1_000);
		assert_eq!(Balances::total_issuance(), issuance);
		let EnergyAccount { sold_wh, earned, trades, .. } = account(Alice);
		assert_eq!((sold_wh, earned, trades), (1_000, money(1_000), 1));
		assert!(Settled::<Test>::contains_key(deal.ctp.expiry, deal.id()));
		assert_last_event(Event::TradeSettled {
			id: deal.id(),
			vault: 0,
			offer: 0,
			delivered: wh(1_000),
			payment: money(1_000),
			fee: money(FEE),
		});
	});
}

#[test]
fn partial_delivery_should_pay_its_part_rounded_down() {
	for (energy, amount, delivered, payment) in [
		(1_000, 1_100, 500, 500),
		(1_000, 1_100, 1, 1),
		(3, 1_101, 1, 333),
		(3, 1_101, 2, 667),
		(3, 1_099, 3, 999),
		(10_000, 300, 1, 0),
		(10_000, 300, 49, 0),
		(10_000, 300, 50, 1),
		(7, 50_000, 6, 42_771),
	] {
		ExtBuilder::default().execute(|| {
			let (alice, eve) = (free(Alice), free(Eve));
			let deal = Deal::new(0).energy(energy).amount(amount);
			assert_ok!(seal(&[deal.settlement(delivered)]));
			assert_eq!(free(Alice), alice + payment);
			assert_eq!(free(Eve), eve + FEE);
			assert_eq!(in_vault(0), IN_VAULT - payment - FEE, "the rest stays in the vault");
			assert_eq!(available(0), OFFERED - delivered);
			assert_eq!(account(Alice).sold_wh, u64::from(delivered));
		});
	}
}

#[test]
fn totals_should_add_up_over_trades() {
	ExtBuilder::default().execute(|| {
		let deals: Vec<_> = (0..5).map(|leaf| Deal::new(leaf).energy(100 + leaf)).collect();
		let settlements: Vec<_> =
			deals.iter().map(|deal| deal.settlement(deal.ctp.energy.wh())).collect();
		assert_ok!(seal(&settlements));
		let EnergyAccount { sold_wh, earned, trades, .. } = account(Alice);
		assert_eq!((sold_wh, earned, trades), (510, money(510), 5));
		assert_eq!(in_vault(0), IN_VAULT - 510 - 5 * FEE);
		assert_eq!(available(0), OFFERED - 510);
	});
}

#[test]
fn settlement_should_need_its_owners_signature() {
	ExtBuilder::default().execute(|| {
		let deal = Deal::new(0);
		assert_bad(deal.clone().by(Charlie).settlement(1_000));
		let mut other_chain = deal.settlement(1_000);
		other_chain.ctp = deal.signed_for(&OTHER_GENESIS);
		assert_bad(other_chain);
		let mut changed = deal.settlement(1_000);
		changed.ctp.ctp.amount = money(1_101);
		assert_bad(changed);
	});
}

#[test]
fn settlement_should_come_once() {
	ExtBuilder::default().execute(|| {
		let deal = Deal::new(0);
		assert_noop!(
			seal(&[deal.settlement(10), deal.settlement(10)]),
			Error::<Test>::BadSettlement
		);
		assert_ok!(seal(&[deal.settlement(10)]));
		Spb::on_finalize(1);
		System::set_block_number(2);
		assert_bad(deal.settlement(10));
		let mut signed_anew = deal.settlement(10);
		signed_anew.ctp = deal.signed_anew();
		assert_bad(signed_anew);
	});
}

#[test]
fn settlement_should_deliver_something_and_no_more_than_committed() {
	ExtBuilder::default().execute(|| {
		for delivered in [0, 1_001, u32::MAX] {
			assert_bad(Deal::new(0).settlement(delivered));
		}
		assert_bad(Deal::new(0).energy(0).settlement(0));
	});
}

#[test]
fn settlement_should_come_within_the_grace() {
	for (now, settles) in [(9, true), (10, true), (14, true), (15, true), (16, false), (17, false)]
	{
		ExtBuilder::default().execute(|| {
			System::set_block_number(now);
			let settlement = Deal::new(0).expiry(10).settlement(1_000);
			if settles {
				assert_ok!(seal(&[settlement]));
			} else {
				assert_noop!(seal(&[settlement]), Error::<Test>::BadSettlement);
			}
		});
	}
}

#[test]
fn settlement_should_not_expire_later_than_any_ctp_can() {
	ExtBuilder::default().execute(|| {
		System::set_block_number(7);
		let most = 7 + PARAMETERS.max_lifetime;
		for expiry in [most + 1, u32::MAX] {
			assert_noop!(
				seal(&[Deal::new(0).expiry(expiry).settlement(1)]),
				Error::<Test>::BadSettlement
			);
		}
		assert_ok!(seal(&[Deal::new(0).expiry(most).settlement(1)]));
	});
}

#[test]
fn vault_should_hold_the_amount_to_the_unit() {
	ExtBuilder::default().execute(|| {
		assert_bad(Deal::new(0).with(|ctp| ctp.vault = 9).settlement(1));
		// All that the CTP commits, also where less is delivered.
		assert_bad(Deal::new(0).amount(IN_VAULT + 1).settlement(1));
		assert_ok!(seal(&[Deal::new(0).amount(IN_VAULT).settlement(1_000)]));
		assert_eq!(in_vault(0), 0);
		assert_eq!(held(Bob), VAULT_DEPOSIT);
	});
}

#[test]
fn pending_withdrawal_should_not_stop_a_settlement() {
	ExtBuilder::default().execute(|| {
		assert_ok!(Spb::request_withdrawal(signed(Bob), money(IN_VAULT)));
		assert_ok!(seal(&[Deal::new(0).settlement(1_000)]));
	});
}

#[test]
fn offer_should_have_the_energy_to_the_watt_hour() {
	ExtBuilder::default().execute(|| {
		assert_bad(Deal::new(0).with(|ctp| ctp.offer = 9).settlement(1));
		let more = || Deal::new(0).energy(OFFERED + 1);
		assert_bad(more().settlement(OFFERED + 1));
		// What is not delivered need not be there.
		assert_ok!(seal(&[more().settlement(OFFERED)]));
		assert_eq!(available(0), 0);
	});
}

#[test]
fn closed_and_repriced_offer_should_settle() {
	ExtBuilder::default().execute(|| {
		assert_ok!(Spb::reprice_offer(signed(Alice), 0, price(1_000_000)));
		assert_ok!(Spb::close_offer(signed(Alice), 0));
		assert_ok!(seal(&[Deal::new(0).settlement(1_000)]));
		assert_eq!(available(0), OFFERED - 1_000);
	});
}

#[test]
fn sum_of_the_seal_should_be_covered() {
	ExtBuilder::default().execute(|| {
		let halves = [Deal::new(0).amount(25_001), Deal::new(1).amount(25_000)];
		let settlements = halves.clone().map(|deal| deal.settlement(1_000));
		assert_noop!(seal(&settlements), Error::<Test>::BadSettlement);
		let halves = [Deal::new(0).energy(5_001), Deal::new(1).energy(5_000)];
		let settlements = [halves[0].settlement(5_001), halves[1].settlement(5_000)];
		assert_noop!(seal(&settlements), Error::<Test>::BadSettlement);
	});
}

#[test]
fn seal_should_stand_in_the_header() {
	ExtBuilder::default().execute(|| {
		assert_ok!(seal(&[]));
		let digest = DatabaseDigest {
			database_root: H256::repeat_byte(1),
			sidecar_hash: H256::repeat_byte(2),
		};
		assert_eq!(DatabaseDigest::find(&System::digest()), Some(digest));
		assert_eq!(System::digest().logs.len(), 1);
	});
}

#[test]
fn second_seal_should_be_refused() {
	ExtBuilder::default().execute(|| {
		assert_ok!(seal(&[]));
		assert_noop!(seal(&[]), Error::<Test>::SealedTwice);
		assert_noop!(seal(&[Deal::new(0).settlement(1)]), Error::<Test>::SealedTwice);
		Spb::on_finalize(1);
		assert!(!Sealed::<Test>::exists());
		System::set_block_number(2);
		assert_ok!(seal(&[]));
	});
}

#[test]
#[should_panic(expected = "every block has a seal")]
fn block_without_a_seal_should_not_be_made() {
	ExtBuilder::default().build().execute_with(|| Spb::on_finalize(1));
}

#[test]
#[should_panic(expected = "every block has a seal")]
fn refused_seal_should_be_no_seal() {
	ExtBuilder::default().build().execute_with(|| {
		assert!(seal(&[Deal::new(0).settlement(0)]).is_err());
		Spb::on_finalize(1);
	});
}

#[test]
fn seal_should_come_from_no_one() {
	ExtBuilder::default().execute(|| {
		for origin in [signed(Eve), RuntimeOrigin::root()] {
			assert_noop!(Spb::seal(origin, seal_of(&[])), DispatchError::BadOrigin);
		}
		let call = Call::<Test>::seal { seal: seal_of(&[]) };
		assert_eq!(call.get_dispatch_info().class, DispatchClass::Mandatory);
	});
}

fn inherent(data: &InherentData) -> Option<Seal<MaxSettlements>> {
	Spb::create_inherent(data).map(|call| match call {
		Call::seal { seal } => seal,
		other => panic!("{other:?} is no seal"),
	})
}

fn inherent_data(full: &Seal<MaxSettlements>, empty: &Seal<MaxSettlements>) -> InherentData {
	let mut data = InherentData::new();
	data.put_data(INHERENT_IDENTIFIER, &(full, empty)).unwrap();
	data
}

#[test]
fn inherent_should_be_the_prepared_seal_whole() {
	ExtBuilder::default().execute(|| {
		let full = seal_of(&[Deal::new(0).settlement(10), Deal::new(1).settlement(10)]);
		let data = inherent_data(&full, &seal_of(&[]));
		assert_storage_noop!(assert_eq!(inherent(&data), Some(full)));
		assert!(spb_events().is_empty());
	});
}

#[test]
fn inherent_should_be_the_empty_seal_where_the_full_one_would_fail() {
	ExtBuilder::default().execute(|| {
		let (good, bad) = (Deal::new(0).settlement(10), Deal::new(1).settlement(0));
		let empty = Seal { database_root: H256::repeat_byte(9), ..seal_of(&[]) };
		for settlements in [vec![bad.clone()], vec![good.clone(), bad], vec![good.clone(), good]] {
			let data = inherent_data(&seal_of(&settlements), &empty);
			assert_storage_noop!(assert_eq!(inherent(&data), Some(empty.clone())));
		}
		assert_ok!(Spb::seal(RuntimeOrigin::none(), empty));
	});
}

#[test]
fn signatures_should_be_left_to_whoever_prepared_and_to_the_block() {
	ExtBuilder::default().execute(|| {
		// `prepare` has judged the signature of each settlement on the same state.
		let full = seal_of(&[Deal::new(0).by(Charlie).settlement(10)]);
		let data = inherent_data(&full, &seal_of(&[]));
		assert_eq!(inherent(&data), Some(full.clone()));
		assert_noop!(Spb::seal(RuntimeOrigin::none(), full), Error::<Test>::BadSettlement);
	});
}

#[test]
fn inherent_should_be_missing_without_a_prepared_seal() {
	ExtBuilder::default().execute(|| {
		assert_eq!(inherent(&InherentData::new()), None);
		let mut garbage = InherentData::new();
		garbage.put_data(INHERENT_IDENTIFIER, &[0xffu8; 7]).unwrap();
		assert_eq!(inherent(&garbage), None);
		let required = Spb::is_inherent_required(&InherentData::new());
		assert_eq!(required, Ok(Some(InherentError::SealMissing)));
		assert!(InherentError::SealMissing.is_fatal_error());
		assert!(Spb::is_inherent(&Call::seal { seal: seal_of(&[]) }));
		assert!(!Spb::is_inherent(&Call::withdraw {}));
	});
}

#[test]
fn seal_above_its_limit_should_not_decode() {
	use codec::{DecodeAll, Encode};
	ExtBuilder::default().execute(|| {
		let full = seal_of(&vec![Deal::new(0).settlement(1); MaxSettlements::get() as usize]);
		let encoded = full.encode();
		assert_eq!(Seal::<MaxSettlements>::decode_all(&mut &encoded[..]), Ok(full));
		MaxSettlements::set(MaxSettlements::get() - 1);
		assert!(Seal::<MaxSettlements>::decode_all(&mut &encoded[..]).is_err());
	});
}

#[test]
fn settled_trade_should_take_at_most_125_bytes() {
	use codec::Encode;
	ExtBuilder::default().execute(|| {
		// The greatest numbers of four bytes, and 72,000 SPB: beyond what a household trades.
		let number = (1 << 30) - 1;
		let deal = Deal::new(0).with(|ctp| {
			(ctp.vault, ctp.offer, ctp.expiry) = (number, number, number);
			ctp.energy = wh(number);
			ctp.amount = money(72_000 * spb_primitives::units::SPB);
		});
		assert_eq!(deal.settlement(number).encoded_size(), 125);
	});
}

#[test]
fn constants_should_pass_the_integrity_test() {
	ExtBuilder::default().execute(|| {
		Spb::integrity_test();
		assert!(Vaults::<Test>::contains_key(0));
	});
}

#[test]
#[should_panic(expected = "a seal of 1000000 settlements weighs")]
fn seal_that_fits_no_block_should_fail_the_integrity_test() {
	ExtBuilder::default().build().execute_with(|| {
		MaxSettlements::set(1_000_000);
		Spb::integrity_test();
	});
}

#[test]
#[should_panic(expected = "a settlement must cost something")]
fn settlement_for_nothing_should_fail_the_integrity_test() {
	ExtBuilder::default().build().execute_with(|| {
		SettlementFee::set(0);
		Spb::integrity_test();
	});
}
