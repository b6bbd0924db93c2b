//! Meters on a disk: counters that survive, certificates that are checked, words given once.
//!
//! Here is the bench that the tests of each duty share.

mod coe;
mod confirm;
mod disk;
mod issue;
mod letters;
mod reserve;
mod trees;

use super::{state::MeterState, *};
use crate::keys::{AccountKey, ManufacturerKey};
use spb_primitives::{CtpId, Money, RegisteredMeters};
use std::{
	collections::{BTreeMap, BTreeSet},
	path::PathBuf,
};

const LEAVES: u32 = 200;
const VALID_UNTIL: BlockNumber = 10_000;
const NOW: BlockNumber = 100;

fn genesis() -> Genesis {
	Genesis::repeat_byte(7)
}

fn owner() -> AccountKey {
	AccountKey::development("//Alice").unwrap()
}

fn manufacturer() -> ManufacturerKey {
	ManufacturerKey::development("//One").unwrap()
}

fn register() -> RegisteredMeters {
	let manufacturers = BTreeMap::from([(1, manufacturer().public())]);
	RegisteredMeters { manufacturers, revoked: BTreeSet::new() }
}

/// Two meters in a folder of their own: one to be used, one that signs for it.
struct Bench {
	folder: tempfile::TempDir,
	meter: Meter,
	signer: Meter,
}

impl Bench {
	fn new() -> Self {
		let folder = tempfile::tempdir().unwrap();
		let at = |name: &str| Directory::new(folder.path().join(name));
		let meter = Meter::create(at("meter")).unwrap();
		let signer = Meter::create(at("signer")).unwrap();
		Self { folder, meter, signer }
	}

	/// With both meters certified.
	fn certified() -> Self {
		let bench = Self::new();
		for meter in [&bench.meter, &bench.signer] {
			let key = meter.key().unwrap();
			let certificate = MeterCertificate::sign(&manufacturer(), 1, key, &genesis());
			meter.keep_certificate(&certificate, &genesis(), &register()).unwrap();
		}
		bench
	}

	/// With a certified tree.
	fn ready() -> Self {
		let bench = Self::certified();
		bench.new_tree(LEAVES, VALID_UNTIL);
		bench
	}

	fn new_tree(&self, leaves: u32, valid_until: BlockNumber) {
		let asked = ask(&self.meter, leaves).unwrap();
		let coe = self.signer.sign_coe(&asked, valid_until, NOW, &genesis(), &register()).unwrap();
		self.meter.keep_coe(&coe, NOW, &genesis(), &register()).unwrap();
	}

	fn reopened(&self) -> Meter {
		Meter::open(Directory::new(self.folder.path().join("meter"))).unwrap()
	}

	fn path(&self, name: &str) -> PathBuf {
		self.folder.path().join(name)
	}

	fn state(&self) -> MeterState {
		self.meter.read().unwrap()
	}
}

/// A meter's request by file for a tree until [`VALID_UNTIL`], with no file written.
fn ask(meter: &Meter, leaves: u32) -> Result<CoeRequestDocument, MeterError> {
	meter.request_coe(leaves, VALID_UNTIL, &genesis(), &(), |_| Ok(()))
}

fn draft(vault: VaultId) -> Draft {
	Draft {
		vault,
		offer: 4,
		energy: Energy::from_wh(500),
		amount: Money::from_units(1_000_000),
		expiry: NOW + 600,
		earliest: NOW + 8,
	}
}

fn moment(genesis: &Genesis) -> Moment<'_> {
	Moment { genesis, now: NOW, settles_from: 0 }
}

fn issue(meter: &Meter, vault: VaultId) -> Result<Issued, MeterError> {
	meter.issue(&draft(vault), &owner(), &BTreeSet::new(), &moment(&genesis()), &())
}

fn confirm(meter: &Meter, id: &CtpId, wh: u32) -> Result<Receipt, MeterError> {
	meter.confirm(id, Energy::from_wh(wh), Reading::New, NOW + 1, &genesis(), &())
}
