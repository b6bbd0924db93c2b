//! Meter proofs and Certificates of Existence, as the pool judges them for CTPs and for ERCs.

use super::{
	pool::{assert_refused, assert_taken},
	*,
};
use sp_core::Pair;
use sp_runtime::BoundedVec;
use spb_primitives::{Coe, Message, MeterProof, ReceiptKey, Refusal, MAX_TREE_LEAVES};

/// An ERC for `deal` by the right key, with another proof.
fn confirm_with(deal: &Deal, proof: MeterProof) -> Message {
	Message::Confirm(deal.erc(1, 1), proof)
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
