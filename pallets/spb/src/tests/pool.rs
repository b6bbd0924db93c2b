//! The pool: which bare calls it takes, as whose place, and which ERCs it refuses; what is wrong with
//! CTPs and with meters' proofs is in [`pool_ctps`](super::pool_ctps) and
//! [`pool_meters`](super::pool_meters). All is judged against state; what needs the database is in
//! [`rules`](super::rules) and [`receipts`](super::receipts).

// Its successor leaves out bare extrinsics, which wallets submit.
#![allow(deprecated)]

use super::*;
use crate::{Call, CheckBare, Error, Offers, ParameterSet, Vaults};
use codec::Encode;
use frame_support::{
	assert_noop,
	dispatch::DispatchInfo,
	pallet_prelude::{
		InvalidTransaction,
		TransactionSource::{self, External},
		TransactionValidityError,
	},
};
use sp_core::Pair;
use sp_runtime::{
	traits::{DispatchTransaction, ValidateUnsigned},
	transaction_validity::TransactionValidity,
	BoundedVec, DispatchError,
};
use spb_primitives::{Addition, CtpId, Erc, Message, Refusal};

const POOL: [TransactionSource; 2] = [TransactionSource::External, TransactionSource::Local];

fn validate(source: TransactionSource, call: &Call<Test>) -> TransactionValidity {
	Spb::validate_unsigned(source, call)
}

/// That the pool takes it, from wherever it comes.
#[track_caller]
pub(super) fn assert_taken(message: &Message) {
	for source in POOL {
		assert!(validate(source, &call(message)).is_ok());
	}
}

/// That the pool refuses it for this reason, from wherever it comes, and nothing changes.
#[track_caller]
pub(super) fn assert_refused(message: &Message, refusal: Refusal) {
	for source in POOL {
		let invalid = InvalidTransaction::Custom(refusal.code());
		assert_noop!(validate(source, &call(message)), TransactionValidityError::Invalid(invalid));
	}
}

fn confirm(deal: &Deal, change: impl FnOnce(&mut Erc)) -> Message {
	let mut erc = deal.erc(1_000, 1);
	change(&mut erc);
	Message::Confirm(erc, deal.proof.clone())
}

#[test]
fn messages_should_be_valid_in_the_pool_and_gossiped() {
	ExtBuilder::default().execute(|| {
		let deal = Deal::new(0);
		for (message, places) in [(deal.commit(), 2), (deal.confirm(1_000, 1), 1)] {
			for source in POOL {
				let valid = validate(source, &call(&message)).unwrap();
				assert_eq!((valid.priority, valid.propagate), (0, true));
				assert!(valid.requires.is_empty());
				assert_eq!(valid.provides.len(), places);
				let prefix = spb_primitives::POOL_TAG_PREFIX;
				assert!(valid.provides.iter().all(|tag| tag.starts_with(prefix)));
			}
		}
	});
}

#[test]
fn messages_should_wait_for_the_future_inside_a_block() {
	ExtBuilder::default().execute(|| {
		let deal = Deal::new(0);
		let unknown = Deal::new(0).with(|ctp| ctp.vault = 9);
		for message in [deal.commit(), deal.confirm(1_000, 1), unknown.commit()] {
			let call = call(&message);
			let future = TransactionValidityError::Invalid(InvalidTransaction::Future);
			assert_noop!(validate(TransactionSource::InBlock, &call), future);
			assert_noop!(Spb::pre_dispatch(&call), future);
		}
	});
}

#[test]
fn messages_should_never_run() {
	ExtBuilder::default().execute(|| {
		let Addition { ctp, proof, quote } = Deal::new(0).addition();
		let erc = Deal::new(0).erc(1, 1);
		let none = RuntimeOrigin::none();
		assert_noop!(
			Spb::commit_to_pay(none.clone(), ctp.clone(), proof.clone(), quote.clone()),
			Error::<Test>::PoolOnly
		);
		assert_noop!(
			Spb::confirm_receipt(none, erc.clone(), proof.clone()),
			Error::<Test>::PoolOnly
		);
		for origin in [signed(Bob), RuntimeOrigin::root()] {
			let bad = DispatchError::BadOrigin;
			assert_noop!(
				Spb::commit_to_pay(origin.clone(), ctp.clone(), proof.clone(), quote.clone()),
				bad
			);
			assert_noop!(Spb::confirm_receipt(origin, erc.clone(), proof.clone()), bad);
		}
	});
}

/// Whether a signed transaction with this call is let in.
fn signed_transaction(call: Call<Test>) -> Result<(), TransactionValidityError> {
	let (call, info) = (RuntimeCall::Spb(call), DispatchInfo::default());
	let checked =
		CheckBare::<Test>::default().validate_only(signed(Bob), &call, &info, 0, External, 0);
	checked.map(drop)
}

#[test]
fn messages_and_seals_should_not_be_signed() {
	ExtBuilder::default().execute(|| {
		let deal = Deal::new(0);
		let seal = crate::Seal {
			database_root: H256::zero(),
			sidecar_hash: H256::zero(),
			settlements: BoundedVec::new(),
		};
		let (ctp, erc) = (call(&deal.commit()), call(&deal.confirm(1, 1)));
		for bare in [ctp, erc, Call::seal { seal }] {
			assert_eq!(signed_transaction(bare), Err(InvalidTransaction::Call.into()));
		}
		assert_eq!(signed_transaction(Call::deposit { amount: money(1) }), Ok(()));
	});
}

#[test]
fn seal_should_pass_inside_a_block_and_not_through_the_pool() {
	ExtBuilder::default().execute(|| {
		let seal = crate::Seal {
			database_root: H256::zero(),
			sidecar_hash: H256::zero(),
			settlements: BoundedVec::new(),
		};
		let call = Call::seal { seal };
		assert_ok!(Spb::pre_dispatch(&call));
		for source in POOL {
			assert_eq!(validate(source, &call), Err(InvalidTransaction::Call.into()));
		}
	});
}

#[test]
fn signed_calls_should_not_pass_as_bare_ones() {
	ExtBuilder::default().execute(|| {
		let call = Call::deposit { amount: money(1) };
		for source in POOL {
			assert_eq!(validate(source, &call), Err(InvalidTransaction::Call.into()));
		}
		assert!(Spb::pre_dispatch(&call).is_err());
	});
}

fn tag_of(message: &Message) -> Vec<u8> {
	validate(TransactionSource::External, &call(message)).unwrap().provides.remove(0)
}

#[test]
fn ctps_should_share_64_places_of_their_vault() {
	ExtBuilder::default().execute(|| {
		deposit(Charlie, IN_VAULT);
		let mut tags = std::collections::BTreeMap::new();
		for leaf in 0..100 {
			let deal = Deal::new(leaf);
			let place = deal.id().0.as_bytes()[31] % 64;
			let tag = tag_of(&deal.commit());
			assert_eq!(tags.entry(place).or_insert_with(|| tag.clone()), &tag);
		}
		assert!(tags.len() <= 64);
		let distinct: std::collections::BTreeSet<_> = tags.values().collect();
		assert_eq!(distinct.len(), tags.len());
		let elsewhere = (0..).map(|amount| {
			Deal::new(0).by(Charlie).with(|ctp| ctp.vault = 1).amount(2_000 + amount)
		});
		let mine = Deal::new(0);
		let place = |deal: &Deal| deal.id().0.as_bytes()[31] % 64;
		let theirs = { elsewhere }.find(|deal| place(deal) == place(&mine)).unwrap();
		assert_ne!(tag_of(&mine.commit()), tag_of(&theirs.commit()));
	});
}

#[test]
fn ctps_of_a_vault_should_have_one_place_for_each_receipt_key() {
	ExtBuilder::default().execute(|| {
		deposit(Charlie, IN_VAULT);
		let key_tag =
			|deal: &Deal| validate(External, &call(&deal.commit())).unwrap().provides.remove(1);
		let one = Deal::new(3);
		assert_eq!(key_tag(&one), key_tag(&Deal::new(3).energy(300)));
		assert_ne!(key_tag(&one), key_tag(&Deal::new(4)));
		let of_another = Deal::new(3).by(Charlie).with(|ctp| ctp.vault = 1);
		assert_ne!(key_tag(&one), key_tag(&of_another));
	});
}

#[test]
fn ercs_should_share_64_places_of_their_tree() {
	ExtBuilder::default().execute(|| {
		let tag = |leaf| tag_of(&Deal::new(leaf).confirm(1_000, 1));
		assert_eq!(tag(3), tag(67));
		assert_eq!(tag(3), tag(131));
		assert_ne!(tag(3), tag(4));
		let other = Meter::new(9, 10);
		let deal = Deal::new(0).with(|ctp| ctp.receipt_key = other.key(3));
		let erc = erc_by(other.pair(3), deal.id(), 1_000, 1, &GENESIS);
		assert_ne!(tag(3), tag_of(&Message::Confirm(erc, other.proof(3))));
		assert_ne!(tag(3), tag_of(&Deal::new(3).commit()));
	});
}

#[test]
fn closing_and_repricing_should_void_no_erc() {
	ExtBuilder::default().execute(|| {
		assert_ok!(Spb::reprice_offer(signed(Alice), 0, price(9 * PRICE)));
		assert_ok!(Spb::close_offer(signed(Alice), 0));
		assert_taken(&Deal::new(5).confirm(1_000, 1));
	});
}

#[test]
fn erc_should_be_signed_by_its_one_time_key_for_this_chain() {
	ExtBuilder::default().execute(|| {
		let deal = Deal::new(5);
		let others = METER.pair(6).sign(&Erc::payload(&deal.id(), wh(1_000), 1, &GENESIS));
		let forged = confirm(&deal, |erc| erc.signature = others);
		assert_refused(&forged, Refusal::BadReceiptSignature);
		let changes: [&dyn Fn(&mut Erc); 3] =
			[&|erc| erc.delivered = wh(999), &|erc| erc.at = 0, &|erc| {
				erc.ctp = CtpId(H256::zero())
			}];
		for change in changes {
			assert_refused(&confirm(&deal, change), Refusal::BadReceiptSignature);
		}
		let other_chain = erc_by(METER.pair(5), deal.id(), 1_000, 1, &OTHER_GENESIS);
		let message = Message::Confirm(other_chain, deal.proof.clone());
		assert_refused(&message, Refusal::BadReceiptSignature);
	});
}

#[test]
fn erc_by_a_key_that_no_meter_holds_should_be_refused() {
	ExtBuilder::default().execute(|| {
		let made_up = sp_core::ed25519::Pair::from_seed(&[200; 32]);
		let erc = erc_by(&made_up, Deal::new(5).id(), 1_000, 1, &GENESIS);
		assert_refused(&Message::Confirm(erc, METER.proof(5)), Refusal::NotInTree);
		let of_another_leaf = Message::Confirm(Deal::new(6).erc(1_000, 1), METER.proof(5));
		assert_refused(&of_another_leaf, Refusal::NotInTree);
	});
}

#[test]
fn erc_of_nothing_should_be_refused() {
	ExtBuilder::default().execute(|| {
		assert_refused(&Deal::new(5).confirm(0, 1), Refusal::BadDelivery);
		assert_taken(&Deal::new(5).confirm(1, 1));
	});
}

#[test]
fn erc_should_be_made_within_the_longest_claim_and_not_ahead() {
	ExtBuilder::default().execute(|| {
		let claim = PARAMETERS.longest_claim();
		System::set_block_number(100);
		for at in [100, 99, 100 - claim] {
			assert_taken(&Deal::new(5).confirm(1_000, at));
		}
		for at in [0, 1, 100 - claim - 1] {
			assert_refused(&Deal::new(5).confirm(1_000, at), Refusal::TooLateToSettle);
		}
		for at in [101, u32::MAX] {
			assert_refused(&Deal::new(5).confirm(1_000, at), Refusal::ReceiptFromFuture);
		}
	});
}

#[test]
fn pool_should_judge_by_the_parameters_in_force() {
	ExtBuilder::default().execute(|| {
		let current = spb_primitives::Parameters { max_lifetime: 50, ..PARAMETERS };
		crate::CurrentParameters::<Test>::put(ParameterSet { current, previous: None });
		assert_taken(&Deal::new(0).expiry(51).commit());
		assert_refused(&Deal::new(0).expiry(52).commit(), Refusal::ExpiryTooFar);
	});
}

#[test]
fn pool_should_say_how_long_a_message_may_wait() {
	ExtBuilder::default().execute(|| {
		System::set_block_number(7);
		let longevity =
			|message| validate(TransactionSource::External, &call(&message)).unwrap().longevity;
		assert_eq!(longevity(Deal::new(0).expiry(10).commit()), 3);
		assert_eq!(longevity(Deal::new(0).expiry(27).commit()), 20);
		let claim = u64::from(PARAMETERS.longest_claim());
		assert_eq!(longevity(Deal::new(0).confirm(1, 7)), claim);
		assert_eq!(longevity(Deal::new(0).confirm(1, 5)), claim - 2);
	});
}

#[test]
fn pool_should_change_nothing() {
	ExtBuilder::default().execute(|| {
		let (vault, offer) = (Vaults::<Test>::get(0).encode(), Offers::<Test>::get(0).encode());
		frame_support::assert_storage_noop!({
			assert_taken(&Deal::new(0).commit());
			assert_taken(&Deal::new(0).confirm(1_000, 1));
		});
		assert_eq!(
			(Vaults::<Test>::get(0).encode(), Offers::<Test>::get(0).encode()),
			(vault, offer)
		);
	});
}
