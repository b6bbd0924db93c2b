//! The pool: which bare calls it takes, as whose place, and why it refuses the others. Everything
//! wrong that can arrive from outside is tried here against state; what needs the database is in
//! [`rules`](super::rules) and [`receipts`](super::receipts).

// Its successor leaves out bare extrinsics, which wallets submit.
#![allow(deprecated)]

use super::*;
use crate::{Call, Error, Offers, ParameterSet, Settled, Vaults};
use codec::Encode;
use frame_support::{
	assert_noop,
	dispatch::{GetDispatchInfo, Pays},
	pallet_prelude::{InvalidTransaction, TransactionSource, TransactionValidityError},
};
use sp_core::Pair;
use sp_runtime::{
	traits::ValidateUnsigned, transaction_validity::TransactionValidity, BoundedVec, DispatchError,
};
use spb_primitives::{
	Addition, Coe, CtpId, Erc, Message, MeterProof, ReceiptKey, Refusal, MAX_TREE_LEAVES,
};

const POOL: [TransactionSource; 2] = [TransactionSource::External, TransactionSource::Local];

fn validate(source: TransactionSource, call: &Call<Test>) -> TransactionValidity {
	Spb::validate_unsigned(source, call)
}

/// That the pool takes it, from wherever it comes.
#[track_caller]
fn assert_taken(message: &Message) {
	for source in POOL {
		assert!(validate(source, &call(message)).is_ok());
	}
}

/// That the pool refuses it for this reason, from wherever it comes, and nothing changes.
#[track_caller]
fn assert_refused(message: &Message, refusal: Refusal) {
	for source in POOL {
		let invalid = InvalidTransaction::Custom(refusal.code());
		assert_noop!(validate(source, &call(message)), TransactionValidityError::Invalid(invalid));
	}
}

/// An ERC for `deal` by the right key, with another proof.
fn confirm_with(deal: &Deal, proof: MeterProof) -> Message {
	Message::Confirm(deal.erc(1, 1), proof)
}

fn commit(deal: &Deal, change: impl FnOnce(&mut Addition)) -> Message {
	let mut addition = deal.addition();
	change(&mut addition);
	Message::Commit(addition)
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
		for message in [deal.commit(), deal.confirm(1_000, 1)] {
			for source in POOL {
				let valid = validate(source, &call(&message)).unwrap();
				assert_eq!((valid.priority, valid.propagate), (0, true));
				assert!(valid.requires.is_empty());
				assert_eq!(valid.provides.len(), 1);
				assert!(valid.provides[0].starts_with(spb_primitives::POOL_TAG_PREFIX));
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

#[test]
fn signed_messages_should_cost_their_sender() {
	// Signed, they do run in a block, and fail there: that must not be for nothing.
	let deal = Deal::new(0);
	for message in [deal.commit(), deal.confirm(1, 1)] {
		assert_eq!(call(&message).get_dispatch_info().pays_fee, Pays::Yes);
	}
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
fn vault_and_offer_should_be_known() {
	ExtBuilder::default().execute(|| {
		let unknown = Deal::new(0).with(|ctp| ctp.vault = 1);
		assert_refused(&unknown.commit(), Refusal::UnknownVault);
		let unknown = Deal::new(0).with(|ctp| ctp.offer = 1);
		assert_refused(&unknown.commit(), Refusal::UnknownOffer);
		let extreme = Deal::new(0).with(|ctp| (ctp.vault, ctp.offer) = (u32::MAX, u32::MAX));
		assert_refused(&extreme.commit(), Refusal::UnknownVault);
	});
}

#[test]
fn zero_amount_and_energy_should_be_refused() {
	ExtBuilder::default().execute(|| {
		assert_refused(&Deal::new(0).amount(0).commit(), Refusal::AmountTooSmall);
		assert_refused(&Deal::new(0).with(|ctp| ctp.energy = wh(0)).commit(), Refusal::NoEnergy);
		let free = Deal::new(0).with(|ctp| ctp.energy = wh(0)).quoted_by(Alice);
		assert_refused(&free.commit(), Refusal::NoEnergy);
	});
}

#[test]
fn amount_should_be_at_least_twice_the_fee() {
	ExtBuilder::default().execute(|| {
		let small = Deal::new(0).energy(1);
		assert_refused(&small.clone().amount(2 * FEE - 1).commit(), Refusal::AmountTooSmall);
		assert_taken(&small.amount(2 * FEE).commit());
	});
}

#[test]
fn maximal_amount_and_energy_should_be_refused() {
	ExtBuilder::default().execute(|| {
		assert_refused(&Deal::new(0).amount(u128::MAX).commit(), Refusal::VaultTooSmall);
		let all_energy = Deal::new(0).with(|ctp| ctp.energy = wh(u32::MAX));
		assert_refused(&all_energy.commit(), Refusal::OfferTooSmall);
		let everything = Deal::new(0).energy(u32::MAX).amount(u128::MAX).expiry(u32::MAX);
		assert_refused(&everything.commit(), Refusal::ExpiryTooFar);
	});
}

#[test]
fn price_beyond_what_can_be_counted_should_be_refused() {
	ExtBuilder::default().execute(|| {
		let id = offer(Alice, OFFERED, u128::MAX, Terms::Listed);
		let deal = Deal::new(0).with(|ctp| ctp.offer = id);
		assert_refused(&deal.commit(), Refusal::PriceTooLow);
		assert_taken(&deal.quoted_by(Alice).commit());
	});
}

#[test]
fn vault_should_cover_the_amount_to_the_unit() {
	ExtBuilder::default().execute(|| {
		assert_refused(&Deal::new(0).amount(IN_VAULT + 1).commit(), Refusal::VaultTooSmall);
		assert_taken(&Deal::new(0).amount(IN_VAULT).commit());
		assert_ok!(Spb::request_withdrawal(signed(Bob), money(1)));
		assert_refused(&Deal::new(0).amount(IN_VAULT).commit(), Refusal::VaultTooSmall);
		assert_taken(&Deal::new(0).amount(IN_VAULT - 1).commit());
	});
}

#[test]
fn offer_should_cover_the_energy_to_the_watt_hour() {
	ExtBuilder::default().execute(|| {
		assert_refused(&Deal::new(0).energy(OFFERED + 1).commit(), Refusal::OfferTooSmall);
		assert_taken(&Deal::new(0).energy(OFFERED).commit());
	});
}

#[test]
fn expiry_should_be_within_the_lifetimes() {
	ExtBuilder::default().execute(|| {
		System::set_block_number(50);
		let (least, most) = (50 + PARAMETERS.min_lifetime, 50 + PARAMETERS.max_lifetime);
		for expiry in [0, 49, 50, least - 1] {
			assert_refused(&Deal::new(0).expiry(expiry).commit(), Refusal::ExpiryTooSoon);
		}
		for expiry in [least, least + 1, most - 1, most] {
			assert_taken(&Deal::new(0).expiry(expiry).commit());
		}
		for expiry in [most + 1, u32::MAX] {
			assert_refused(&Deal::new(0).expiry(expiry).commit(), Refusal::ExpiryTooFar);
		}
	});
}

#[test]
fn listed_price_should_be_paid_beside_the_fee_to_the_unit() {
	ExtBuilder::default().execute(|| {
		assert_refused(&Deal::new(0).amount(1_000 + FEE - 1).commit(), Refusal::PriceTooLow);
		assert_taken(&Deal::new(0).amount(1_000 + FEE).commit());
		// 1,003 units a kWh: 333 Wh cost 333.999, which is 334.
		let id = offer(Alice, OFFERED, 1_003, Terms::Listed);
		let odd = Deal::new(0).energy(333).with(|ctp| ctp.offer = id);
		assert_refused(&odd.clone().amount(333 + FEE).commit(), Refusal::PriceTooLow);
		assert_taken(&odd.amount(334 + FEE).commit());
	});
}

#[test]
fn closed_offer_should_take_no_new_ctp() {
	ExtBuilder::default().execute(|| {
		assert_taken(&Deal::new(0).commit());
		assert_ok!(Spb::close_offer(signed(Alice), 0));
		assert_refused(&Deal::new(0).commit(), Refusal::OfferClosed);
		assert_refused(&Deal::new(0).quoted_by(Alice).commit(), Refusal::OfferClosed);
	});
}

#[test]
fn repriced_offer_should_take_new_ctps_at_its_new_price() {
	ExtBuilder::default().execute(|| {
		assert_ok!(Spb::reprice_offer(signed(Alice), 0, price(PRICE + 1)));
		assert_refused(&Deal::new(0).amount(1_000 + FEE).commit(), Refusal::PriceTooLow);
		assert_taken(&Deal::new(0).amount(1_001 + FEE).commit());
		assert_ok!(Spb::reprice_offer(signed(Alice), 0, price(PRICE - 1)));
		assert_taken(&Deal::new(0).amount(999 + FEE).commit());
	});
}

#[test]
fn quote_should_stand_in_for_the_price_on_any_terms() {
	ExtBuilder::default().execute(|| {
		for terms in [Terms::Listed, Terms::Negotiable, Terms::QuoteOnly] {
			let id = offer(Alice, OFFERED, PRICE, terms);
			let cheap = Deal::new(0).with(|ctp| ctp.offer = id).amount(2 * FEE);
			let unquoted = match terms {
				Terms::QuoteOnly => Refusal::QuoteRequired,
				_ => Refusal::PriceTooLow,
			};
			assert_refused(&cheap.commit(), unquoted);
			assert_taken(&cheap.quoted_by(Alice).commit());
		}
	});
}

#[test]
fn offer_by_quote_only_should_need_one_at_any_price() {
	ExtBuilder::default().execute(|| {
		let id = offer(Alice, OFFERED, PRICE, Terms::QuoteOnly);
		let deal = Deal::new(0).with(|ctp| ctp.offer = id).amount(IN_VAULT);
		assert_refused(&deal.commit(), Refusal::QuoteRequired);
	});
}

#[test]
fn quote_should_be_the_producers_for_this_very_ctp() {
	ExtBuilder::default().execute(|| {
		let deal = Deal::new(0).amount(2 * FEE);
		let of_another_ctp = quote(&deal.clone().amount(2 * FEE + 1).id(), Alice);
		let by_another = quote(&deal.id(), Bob);
		let payload = spb_primitives::message::quote_payload(&deal.id(), &OTHER_GENESIS);
		let of_another_chain = Alice.sign(&payload).into();
		for quote in [of_another_ctp, by_another, of_another_chain] {
			let message = commit(&deal, |addition| addition.quote = Some(quote.clone()));
			assert_refused(&message, Refusal::BadQuote);
			// Also where the price would do.
			let paid = commit(&Deal::new(0), |addition| addition.quote = Some(quote));
			assert_refused(&paid, Refusal::BadQuote);
		}
	});
}

#[test]
fn ctp_should_be_signed_by_the_vaults_owner_for_this_chain() {
	ExtBuilder::default().execute(|| {
		let deal = Deal::new(0);
		assert_refused(&deal.clone().by(Charlie).commit(), Refusal::BadSignature);
		let other_chain = commit(&deal, |a| a.ctp = deal.signed_for(&OTHER_GENESIS));
		assert_refused(&other_chain, Refusal::BadSignature);
		let changed = commit(&deal, |a| a.ctp.ctp.expiry += 1);
		assert_refused(&changed, Refusal::BadSignature);
		// A quote or a receipt is no signature of a CTP.
		let quote = commit(&deal, |a| a.ctp.signature = quote(&deal.id(), Bob));
		assert_refused(&quote, Refusal::BadSignature);
	});
}

#[test]
fn settled_ctp_should_not_come_again() {
	ExtBuilder::default().execute(|| {
		let deal = Deal::new(0);
		Settled::<Test>::insert(deal.ctp.expiry, deal.id(), ());
		assert_refused(&deal.commit(), Refusal::AlreadySettled);
	});
}

/// Each way in which the proof of a meter can be wrong, with what a CTP is told, and what an ERC is
/// told where that differs.
fn bad_proofs() -> Vec<(&'static str, MeterProof, Refusal)> {
	let good = METER.proof(5);
	let with = |change: &dyn Fn(&mut MeterProof)| {
		let mut proof = good.clone();
		change(&mut proof);
		proof
	};
	let coe = |change: &dyn Fn(&mut Coe)| with(&|proof| change(&mut proof.coe));
	let by = |signer: Signer| METER.proof_by(5, &signer);
	let longer = with(&|proof| proof.path.try_push(H256::zero()).unwrap());
	let shorter = with(&|proof| assert!(proof.path.pop().is_some()));
	let swapped = with(&|proof| {
		proof.path = proof.path.clone().try_mutate(|path| path.swap(0, 1)).unwrap();
	});
	vec![
		("index of a neighbour", with(&|proof| proof.index = 4), Refusal::NotInTree),
		("index of another part", with(&|proof| proof.index = 70), Refusal::NotInTree),
		("index beyond the tree", with(&|proof| proof.index = 200), Refusal::LeafIndex),
		("greatest index", with(&|proof| proof.index = u32::MAX), Refusal::LeafIndex),
		("path of another leaf", with(&|p| p.path = METER.proof(6).path), Refusal::NotInTree),
		("padded path", longer, Refusal::LeafIndex),
		("shortened path", shorter, Refusal::LeafIndex),
		("no path", with(&|proof| proof.path = BoundedVec::new()), Refusal::LeafIndex),
		("path in another order", swapped, Refusal::NotInTree),
		("no leaves", coe(&|coe| coe.leaves = 0), Refusal::TreeSize),
		("too many leaves", coe(&|coe| coe.leaves = MAX_TREE_LEAVES + 1), Refusal::TreeSize),
		("most leaves", coe(&|coe| coe.leaves = u32::MAX), Refusal::TreeSize),
		("other number of leaves", coe(&|coe| coe.leaves = 199), Refusal::BadCoeSignature),
		("other root", coe(&|coe| coe.root = H256::zero()), Refusal::NotInTree),
		("prolonged", coe(&|coe| coe.valid_until += 1), Refusal::BadCoeSignature),
		(
			"other meter named",
			coe(&|coe| coe.signer = meter_pair(2).public()),
			Refusal::BadMeterCertificate,
		),
		(
			"other manufacturer named",
			coe(&|coe| coe.manufacturer = 2),
			Refusal::BadMeterCertificate,
		),
		("manufacturer unknown", coe(&|coe| coe.manufacturer = 9), Refusal::UnknownManufacturer),
		(
			"meter certified by another key",
			by(Signer { maker: maker(2), ..Default::default() }),
			Refusal::BadMeterCertificate,
		),
		(
			"meter certified for another chain",
			by(Signer { genesis: (OTHER_GENESIS, GENESIS), ..Default::default() }),
			Refusal::BadMeterCertificate,
		),
		(
			"tree signed for another chain",
			by(Signer { genesis: (GENESIS, OTHER_GENESIS), ..Default::default() }),
			Refusal::BadCoeSignature,
		),
		(
			"tree signed by another meter",
			{
				let mut proof = good.clone();
				let other = Signer { meter: meter_pair(2), ..Default::default() };
				proof.coe.signature = METER.coe(&other).signature;
				proof
			},
			Refusal::BadCoeSignature,
		),
	]
}

#[test]
fn proof_of_no_genuine_meter_should_be_refused() {
	ExtBuilder::default().execute(|| {
		let deal = Deal::new(5);
		assert_taken(&deal.commit());
		assert_taken(&deal.confirm(1_000, 1));
		for (name, proof, refusal) in bad_proofs() {
			println!("{name}");
			assert_refused(&deal.clone().proof(proof.clone()).commit(), refusal);
			assert_refused(&confirm_with(&deal, proof), refusal);
		}
	});
}

#[test]
fn inner_node_should_be_no_receipt_key() {
	ExtBuilder::default().execute(|| {
		// The node above leaves 4 and 5, on the way beside leaf 6, in the tree that is one row less
		// high and that a careless meter signed.
		let node = METER.proof(6).path[1];
		let mut proof = METER.proof(5);
		proof.path.remove(0);
		proof.index = 2;
		proof.coe = Signer::default().certify(proof.coe.root, 100);
		let deal = Deal::new(5).with(|ctp| ctp.receipt_key = ReceiptKey(node));
		assert_refused(&deal.proof(proof).commit(), Refusal::NotInTree);
		// Nor is the hash of a leaf.
		let leaf = METER.proof(5).path[0];
		let deal = Deal::new(4).with(|ctp| ctp.receipt_key = ReceiptKey(leaf));
		assert_refused(&deal.commit(), Refusal::NotInTree);
	});
}

#[test]
fn ctp_should_need_a_proof_of_its_own_receipt_key() {
	ExtBuilder::default().execute(|| {
		let deal = Deal::new(5).proof(METER.proof(6));
		assert_refused(&deal.commit(), Refusal::NotInTree);
	});
}

#[test]
fn coe_should_admit_until_its_last_block() {
	for (now, valid) in [(1, true), (8, true), (9, true), (10, false), (11, false)] {
		ExtBuilder::default().execute(|| {
			System::set_block_number(now);
			let signer = Signer { valid_until: 9, ..Default::default() };
			let deal = Deal::new(5).expiry(15).proof(METER.proof_by(5, &signer));
			if valid {
				assert_taken(&deal.commit());
			} else {
				assert_refused(&deal.commit(), Refusal::CoeOutOfDate);
			}
			// Its CTP entered while the certificate was in date.
			assert_taken(&confirm_with(&deal, deal.proof.clone()));
		});
	}
}

#[test]
fn later_retirement_should_bar_ctps_and_void_no_erc() {
	ExtBuilder::default().execute(|| {
		let deal = Deal::new(5);
		assert_ok!(Spb::retire_manufacturer(RuntimeOrigin::root(), 1));
		assert_refused(&deal.commit(), Refusal::UnknownManufacturer);
		assert_taken(&deal.confirm(1_000, 1));
	});
}

#[test]
fn later_revocation_should_bar_ctps_and_void_no_erc() {
	ExtBuilder::default().execute(|| {
		let deal = Deal::new(5);
		let by = RuntimeOrigin::signed(maker_account(1));
		assert_ok!(Spb::revoke_meter(by, 1, meter_pair(1).public()));
		assert_refused(&deal.commit(), Refusal::MeterRevoked);
		assert_taken(&deal.confirm(1_000, 1));
		// A tree that another meter signed is as good as before.
		let other =
			Signer { meter: meter_pair(2), maker: maker(2), manufacturer: 2, ..Default::default() };
		assert_taken(&deal.proof(METER.proof_by(5, &other)).commit());
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
