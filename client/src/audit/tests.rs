//! Each check breaks once: a good block, and what is wrong with it after one change.

use super::{
	audit,
	check::{Checker, Evidence, Known},
	AuditError, Check,
};
use crate::{
	chain::Sealed,
	connection::Head,
	error::{Classify, Kind},
	testing::{FakeNode, LAG},
};
use codec::Encode;
use sp_core::{bounded::BoundedVec, ed25519, Pair, H256};
use sp_runtime::{traits::Hash as _, MultiSignature};
use spb_primitives::{
	coe::{tree_path, tree_root},
	message::quote_payload,
	AccountId, Addition, BlockNumber, Coe, Ctp, CtpId, DatabaseDigest, Energy, Erc, Hashing,
	MeterProof, Money, OpenCtps, Parameters, ReceiptKey, Refusal, RegisteredMeters, Settlement,
	Sidecar, SignedCtp,
};

const NOW: BlockNumber = 10;
const MAKER: u16 = 1;
const PARAMETERS: Parameters = Parameters {
	min_lifetime: 5,
	max_lifetime: 40,
	grace: 5,
	evidence_window: 60,
	slot_duration: 500,
};
const OWNER: u8 = 1;
const PRODUCER: u8 = 2;
const METER: u8 = 3;
const MANUFACTURER: u8 = 4;
/// One-time keys, by leaf.
const KEYS: [u8; 4] = [20, 21, 22, 23];

fn genesis() -> H256 {
	H256::repeat_byte(0x5b)
}

fn pair(seed: u8) -> ed25519::Pair {
	ed25519::Pair::from_seed(&[seed; 32])
}

fn account(seed: u8) -> AccountId {
	AccountId::from(pair(seed).public().0)
}

fn sign(seed: u8, payload: &[u8]) -> MultiSignature {
	MultiSignature::Ed25519(pair(seed).sign(payload))
}

fn id(ctp: &Ctp) -> CtpId {
	CtpId::of(ctp, &genesis())
}

fn ctp(leaf: usize) -> Ctp {
	Ctp {
		vault: 0,
		offer: 0,
		energy: Energy::from_wh(700),
		amount: Money::from_units(7_000),
		expiry: NOW + 20,
		receipt_key: ReceiptKey::of(&pair(KEYS[leaf]).public()),
	}
}

fn signed(ctp: Ctp) -> SignedCtp {
	let signature = sign(OWNER, &ctp.payload(&genesis()));
	SignedCtp { ctp, signature }
}

fn proof(leaf: usize) -> MeterProof {
	let keys = KEYS.map(|key| ReceiptKey::of(&pair(key).public()));
	let (root, leaves, valid_until) = (tree_root(&keys).unwrap(), 4, NOW);
	let signer = pair(METER).public();
	let certificate = Coe::certificate_payload(MAKER, &signer, &genesis());
	let coe = Coe {
		root,
		leaves,
		valid_until,
		signer,
		manufacturer: MAKER,
		certificate: pair(MANUFACTURER).sign(&certificate),
		signature: pair(METER).sign(&Coe::payload(&root, leaves, valid_until, &genesis())),
	};
	let index = u32::try_from(leaf).unwrap();
	MeterProof { index, path: tree_path(&keys, index).unwrap(), coe }
}

fn addition(leaf: usize) -> Addition {
	let ctp = signed(ctp(leaf));
	let quote = sign(PRODUCER, &quote_payload(&id(&ctp.ctp), &genesis()));
	Addition { ctp, proof: proof(leaf), quote: Some(quote) }
}

fn receipt(key: u8, ctp: CtpId, wh: u32, at: BlockNumber) -> Erc {
	let delivered = Energy::from_wh(wh);
	let signature = pair(key).sign(&Erc::payload(&ctp, delivered, at, &genesis()));
	Erc { ctp, delivered, at, key: pair(key).public(), signature }
}

fn settlement(leaf: usize, wh: u32) -> Settlement {
	Settlement { ctp: signed(ctp(leaf)), delivered: Energy::from_wh(wh) }
}

/// A block and what it stands on. It adds the CTPs of leaves 1 and 2, and settles that of leaf 0,
/// which was open, and that of leaf 1.
#[derive(Clone)]
struct Case {
	before: OpenCtps,
	sidecar: Sidecar,
	settlements: Vec<Settlement>,
	known: Known,
	/// Whether what was in the database before is known.
	lost: bool,
	/// Changes the evidence after it was put together.
	spoil: fn(&mut Evidence),
}

impl Case {
	fn good() -> Self {
		let mut before = OpenCtps::default();
		before.add(id(&ctp(0)), signed(ctp(0)));
		let receipts = vec![
			receipt(KEYS[0], id(&ctp(0)), 700, NOW - 1),
			receipt(KEYS[1], id(&ctp(1)), 300, NOW),
		];
		let meters = RegisteredMeters {
			manufacturers: [(MAKER, pair(MANUFACTURER).public())].into(),
			revoked: Default::default(),
		};
		Self {
			before,
			sidecar: Sidecar { added: vec![addition(1), addition(2)], receipts },
			settlements: vec![settlement(0, 700), settlement(1, 300)],
			known: Known {
				parameters: PARAMETERS,
				owners: [(0, account(OWNER))].into(),
				producers: [(0, account(PRODUCER))].into(),
				meters,
				at_the_time: true,
			},
			lost: false,
			spoil: |_| (),
		}
	}

	/// The good one with a change.
	fn with(change: impl FnOnce(&mut Self)) -> Self {
		let mut case = Self::good();
		change(&mut case);
		case
	}

	/// The block, whose header names what such a sidecar leads to.
	fn evidence(&self) -> Evidence {
		let mut after = self.before.clone();
		for addition in &self.sidecar.added {
			after.add(id(&addition.ctp.ctp), addition.ctp.clone());
		}
		for settlement in &self.settlements {
			after.settle(settlement.ctp.ctp.expiry, id(&settlement.ctp.ctp));
		}
		after.expire(NOW, PARAMETERS.grace);
		let digest =
			DatabaseDigest { database_root: after.root(), sidecar_hash: self.sidecar.hash() };
		let head = Head { number: NOW, hash: H256::repeat_byte(10) };
		let seals = vec![Sealed { digest, settlements: self.settlements.clone() }];
		let sidecar = self.sidecar.encode();
		let mut evidence = Evidence { head, digest: Some(digest), seals, sidecar };
		(self.spoil)(&mut evidence);
		evidence
	}

	fn checked(&self) -> Checker {
		let mut checker = Checker::new(genesis(), self.before.clone());
		if self.lost {
			checker.go_on_with(None);
		}
		checker.check(&self.evidence(), &self.known);
		checker
	}

	fn violations(&self) -> Vec<Refusal> {
		let findings = self.checked().findings;
		assert!(findings.violations.iter().all(|found| found.block.number == NOW));
		findings.violations.iter().map(|found| found.refusal).collect()
	}
}

#[test]
fn good_evidence_should_hold_in_all_checks() {
	let findings = Case::good().checked().findings;
	assert_eq!(findings.violations, []);
	assert!(findings.skipped.is_empty());
	for (check, held) in findings.held {
		let once = matches!(check, Check::Seal | Check::Sidecar | Check::Root);
		assert_eq!(held, if once { 1 } else { 2 }, "{check:?}");
	}
}

#[test]
fn a_block_should_have_one_seal_and_its_sidecar() {
	use Refusal::{SealMissing, SidecarMismatch};
	type Spoil = fn(&mut Evidence);
	let cases: [(Refusal, Spoil); 6] = [
		(SealMissing, |block| block.digest = None),
		(SealMissing, |block| block.seals.clear()),
		(SealMissing, |block| block.seals.extend(block.seals.clone())),
		(SealMissing, |block| block.seals[0].digest.database_root = H256::zero()),
		(SidecarMismatch, |block| block.sidecar[40] ^= 1),
		(SidecarMismatch, |block| {
			block.sidecar.push(0);
			let sidecar_hash = Hashing::hash(&block.sidecar);
			block.seals[0].digest.sidecar_hash = sidecar_hash;
			block.digest = Some(block.seals[0].digest);
		}),
	];
	for (at, (refusal, spoil)) in cases.into_iter().enumerate() {
		let case = Case { spoil, ..Case::good() };
		assert_eq!(case.violations(), [refusal], "case {at}");
	}
}

/// A change to the good case.
type Change = fn(&mut Case);

fn assert_found(cases: &[(Refusal, Change)]) {
	for (refusal, change) in cases {
		assert_eq!(Case::with(change).violations(), [*refusal], "{refusal:?}");
	}
}

/// Changes the last CTP that is added, and signs it and its quote anew.
fn readd(case: &mut Case, change: fn(&mut Ctp)) {
	let added = &mut case.sidecar.added[1];
	let mut ctp = added.ctp.ctp.clone();
	change(&mut ctp);
	added.quote = Some(sign(PRODUCER, &quote_payload(&id(&ctp), &genesis())));
	added.ctp = signed(ctp);
}

#[test]
fn added_ctps_should_be_signed_new_and_in_time() {
	assert_found(&[
		(Refusal::BadSignature, |case| {
			let other = sign(PRODUCER, &case.sidecar.added[1].ctp.ctp.payload(&genesis()));
			case.sidecar.added[1].ctp.signature = other;
		}),
		(Refusal::BadQuote, |case| {
			case.sidecar.added[1].quote = case.sidecar.added[0].quote.clone();
		}),
		(Refusal::ExpiryTooSoon, |case| readd(case, |ctp| ctp.expiry = NOW + 4)),
		(Refusal::ExpiryTooFar, |case| readd(case, |ctp| ctp.expiry = NOW + 41)),
		(Refusal::TooLong, |case| {
			readd(case, |ctp| {
				(ctp.vault, ctp.offer, ctp.amount) = (u32::MAX, u32::MAX, Money::MAX);
			});
		}),
		(Refusal::UnknownVault, |case| readd(case, |ctp| ctp.vault = 7)),
		(Refusal::UnknownOffer, |case| readd(case, |ctp| ctp.offer = 7)),
		(Refusal::AlreadyOpen, |case| {
			case.before.add(id(&ctp(2)), signed(ctp(2)));
		}),
		(Refusal::ReceiptKeyInUse, |case| {
			let other = Ctp { expiry: NOW + 30, ..ctp(2) };
			case.before.add(id(&other), signed(other));
		}),
	]);
}

#[test]
fn a_settled_ctp_should_not_come_back() {
	let mut checker = Case::good().checked();
	let again = Case::with(|case| {
		case.sidecar.added = vec![addition(0)];
		case.sidecar.receipts.clear();
		case.settlements.clear();
	});
	checker.go_on_with(None);
	checker.check(&again.evidence(), &again.known);
	let found: Vec<_> = checker.findings.violations.iter().map(|found| found.refusal).collect();
	assert_eq!(found, [Refusal::AlreadySettled]);
}

#[test]
fn meters_should_be_genuine() {
	assert_found(&[
		(Refusal::NotInTree, |case| case.sidecar.added[1].proof.index = 3),
		(Refusal::LeafIndex, |case| case.sidecar.added[1].proof.path = BoundedVec::new()),
		(Refusal::NotInTree, |case| case.sidecar.added[1].proof.coe.root = H256::zero()),
		(Refusal::CoeOutOfDate, |case| case.sidecar.added[1].proof.coe.valid_until = NOW - 1),
		(Refusal::BadCoeSignature, |case| case.sidecar.added[1].proof.coe.valid_until = NOW + 1),
		(Refusal::UnknownManufacturer, |case| case.sidecar.added[1].proof.coe.manufacturer = 9),
		(Refusal::BadMeterCertificate, |case| {
			let coe = &mut case.sidecar.added[1].proof.coe;
			coe.certificate = coe.signature;
		}),
	]);
	let revoked =
		Case::with(|case| _ = case.known.meters.revoked.insert((MAKER, pair(METER).public())));
	assert_eq!(revoked.violations(), [Refusal::MeterRevoked; 2]);
	let retired = Case::with(|case| case.known.meters.manufacturers.clear());
	assert_eq!(retired.violations(), [Refusal::UnknownManufacturer; 2]);
}

#[test]
fn settlements_should_have_their_receipts() {
	assert_found(&[
		(Refusal::ReceiptsMismatch, |case| case.settlements[1].delivered = Energy::from_wh(301)),
		(Refusal::WrongReceiptKey, |case| {
			case.sidecar.receipts[1] = receipt(KEYS[3], id(&ctp(1)), 300, NOW);
		}),
		(Refusal::BadReceiptSignature, |case| {
			case.sidecar.receipts[1].signature = case.sidecar.receipts[0].signature;
		}),
		(Refusal::ReceiptFromFuture, |case| {
			case.sidecar.receipts[1] = receipt(KEYS[1], id(&ctp(1)), 300, NOW + 1);
		}),
		(Refusal::BadDelivery, |case| {
			case.sidecar.receipts[1] = receipt(KEYS[1], id(&ctp(1)), 701, NOW);
			case.settlements[1] = settlement(1, 701);
		}),
		(Refusal::UnknownCtp, |case| {
			case.sidecar.receipts[0] = receipt(KEYS[3], id(&ctp(3)), 1, NOW);
			case.settlements[0] = settlement(3, 1);
		}),
		(Refusal::ReceiptsMismatch, |case| {
			let other = sign(PRODUCER, &ctp(0).payload(&genesis()));
			case.settlements[0].ctp.signature = other;
		}),
		(Refusal::AlreadySettled, |case| {
			case.sidecar.receipts[1] = case.sidecar.receipts[0].clone();
			case.settlements[1] = case.settlements[0].clone();
		}),
	]);
	let swapped = Case::with(|case| case.sidecar.receipts.swap(0, 1));
	assert_eq!(swapped.violations(), [Refusal::ReceiptsMismatch; 2]);
	// One receipt less: the numbers differ, and a settlement goes without.
	let missing = Case::with(|case| _ = case.sidecar.receipts.pop());
	assert_eq!(missing.violations(), [Refusal::ReceiptsMismatch; 2]);
	let more = Case::with(|case| case.sidecar.receipts.extend(case.sidecar.receipts.clone()));
	assert_eq!(more.violations(), [Refusal::ReceiptsMismatch]);
}

#[test]
fn a_receipt_should_be_made_by_the_expiry() {
	for (expiry, violation) in [(NOW, None), (NOW - 1, None), (NOW - 2, Some(Refusal::ReceiptLate))]
	{
		let case = Case::with(|case| {
			let old = Ctp { expiry, ..ctp(0) };
			case.before = OpenCtps::default();
			case.before.add(id(&old), signed(old.clone()));
			case.sidecar.receipts[0] = receipt(KEYS[0], id(&old), 700, NOW - 1);
			case.settlements[0] = Settlement { ctp: signed(old), delivered: Energy::from_wh(700) };
		});
		assert_eq!(case.violations(), Vec::from_iter(violation), "expiry {expiry}");
	}
}

#[test]
fn databases_should_follow_from_one_another() {
	let wrong = Case {
		spoil: |block| {
			block.seals[0].digest.database_root = H256::repeat_byte(1);
			block.digest = Some(block.seals[0].digest);
		},
		..Case::good()
	};
	assert_eq!(wrong.violations(), [Refusal::RootMismatch]);
	// What has expired is dropped here too: with a longer grace it would still be there.
	let kept = Case::with(|case| {
		let old = Ctp { expiry: NOW - PARAMETERS.grace, ..ctp(3) };
		case.before.add(id(&old), signed(old));
		case.known.parameters.grace += 1;
	});
	assert_eq!(kept.violations(), [Refusal::RootMismatch]);
}

#[test]
fn what_cannot_be_checked_should_be_told() {
	let later = Case::with(|case| {
		case.known.at_the_time = false;
		case.known.owners.clear();
		case.known.producers.clear();
	});
	let findings = later.checked().findings;
	assert_eq!(findings.violations, []);
	let skipped: Vec<_> =
		findings.skipped.iter().map(|(check, skipped)| (*check, skipped.times)).collect();
	let expected = [Check::ConsumerSignature, Check::Quote, Check::MeterStanding];
	assert_eq!(skipped, expected.map(|check| (check, 2)));
	assert_eq!(findings.held[&Check::MeterProof], 2);

	let lost = Case { lost: true, ..Case::good() }.checked().findings;
	assert_eq!(lost.violations, []);
	assert_eq!(lost.skipped.keys().collect::<Vec<_>>(), [&Check::Root]);
	assert_eq!((lost.held[&Check::Receipt], lost.held[&Check::Root]), (2, 0));
}

#[tokio::test]
async fn a_node_that_gives_another_header_should_be_caught() {
	// The hashes of the pretended node's blocks are not those of their headers.
	let node = FakeNode::default();
	node.script().best = 10;
	let connection = node.connect().await;
	let error = audit(&connection, None, None, &()).await.unwrap_err();
	assert!(matches!(error, AuditError::NotTheBlock { what: "a header", number: 1 }), "{error}");
	assert_eq!((error.kind(), error.code().as_str()), (Kind::Failed, "not-the-block"));
}

#[tokio::test]
async fn ranges_should_be_final_and_not_empty() {
	let node = FakeNode::default();
	node.script().best = 10;
	let connection = node.connect().await;
	let last = 10 - LAG;
	for (from, to, code) in
		[(5, 4, "empty-range"), (1, last + 1, "not-final"), (last + 1, last, "empty-range")]
	{
		let error = audit(&connection, Some(from), Some(to), &()).await.unwrap_err();
		assert_eq!((error.kind(), error.code().as_str()), (Kind::BadInput, code));
	}
}
