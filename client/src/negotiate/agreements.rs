//! Agreements in the state directory: what was negotiated and is still to be committed to.

use super::NegotiateError;
use crate::{
	files::{self, Directory, Document, Encoded, Replace},
	relay,
};
use serde::{Deserialize, Serialize};
use spb_primitives::{
	relay::negotiation::Agreement, AccountId, BlockNumber, Ctp, CtpId, Energy, Genesis, Money,
	OfferId, Price, Quote,
};
use std::path::Path;

/// How the names of the files begin and end.
const FILE: (&str, &str) = ("agreement-", ".json");

/// What a consumer and a producer have agreed on, as its file holds it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Agreed {
	/// The chain.
	pub genesis: Genesis,
	/// The id of the CTP, for which alone the quote counts.
	pub id: CtpId,
	/// Who sells.
	pub producer: AccountId,
	/// The price that was agreed on.
	pub price: Price,
	/// The CTP.
	pub ctp: Encoded<Ctp>,
	/// The producer's consent.
	pub quote: Encoded<Quote>,
	/// When it was agreed, in milliseconds since 1970.
	pub agreed_at: u64,
}

impl Document for Agreed {
	const KIND: &'static str = "spb-agreement";
	const VERSION: u32 = 1;
	// It says what its owner buys, from whom and for how much.
	const SECRET: bool = true;
}

impl Agreed {
	/// What was agreed on with this producer just now.
	pub fn new(agreement: Agreement, producer: AccountId, genesis: Genesis) -> Self {
		let Agreement { ctp, id, price, quote } = agreement;
		let (ctp, quote, agreed_at) = (Encoded(ctp), Encoded(quote), relay::now());
		Self { genesis, id, producer, price, ctp, quote, agreed_at }
	}

	/// The offer that delivers.
	pub fn offer(&self) -> OfferId {
		self.ctp.0.offer
	}

	/// The energy.
	pub fn energy(&self) -> Energy {
		self.ctp.0.energy
	}

	/// All that it commits, the fee included.
	pub fn amount(&self) -> Money {
		self.ctp.0.amount
	}

	/// The last block at which its receipt may be made.
	pub fn expiry(&self) -> BlockNumber {
		self.ctp.0.expiry
	}

	/// Reads one from a file.
	pub fn read(path: &Path) -> Result<Self, NegotiateError> {
		Ok(files::read_document(path)?)
	}
}

/// The agreements of a state directory.
#[derive(Clone, Debug)]
pub struct Agreements {
	directory: Directory,
}

impl Agreements {
	/// Those of this directory.
	pub fn new(directory: Directory) -> Self {
		Self { directory }
	}

	/// Keeps an agreement. Those on this chain whose CTPs have expired at block `now` are forgotten.
	pub fn keep(&self, agreed: &Agreed, now: BlockNumber) -> Result<(), NegotiateError> {
		self.directory.create()?;
		for (name, old) in self.all()? {
			if old.genesis == agreed.genesis && old.expiry() < now {
				// It is of no use to anyone; that it cannot be removed is no reason to fail.
				let _ = std::fs::remove_file(self.directory.file(&name));
			}
		}
		let name = format!("{}{}{}", FILE.0, hex::encode(agreed.id), FILE.1);
		Ok(files::write_document(&self.directory.file(&name), agreed, Replace::Yes)?)
	}

	/// The latest agreement on this chain for this energy of this producer.
	///
	/// # Errors
	///
	/// If there is none.
	pub fn latest(
		&self,
		genesis: &Genesis,
		producer: &AccountId,
		energy: Energy,
	) -> Result<Agreed, NegotiateError> {
		let fits = |agreed: &Agreed| {
			let same = agreed.genesis == *genesis && agreed.producer == *producer;
			same && agreed.energy() == energy
		};
		let all = self.all()?.into_iter().map(|(_, agreed)| agreed);
		let latest = all.filter(fits).max_by_key(|agreed| agreed.agreed_at);
		latest.ok_or(NegotiateError::NoAgreement("none with this producer for this energy"))
	}

	/// All of them, with the names of their files.
	fn all(&self) -> Result<Vec<(String, Agreed)>, NegotiateError> {
		let mut all = Vec::new();
		for name in self.directory.names()? {
			if name.starts_with(FILE.0) && name.ends_with(FILE.1) {
				let agreed = files::read_document(&self.directory.file(&name))?;
				all.push((name, agreed));
			}
		}
		Ok(all)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::error::Classify;
	use sp_core::{sr25519, H256};
	use spb_primitives::ReceiptKey;
	use std::os::unix::fs::PermissionsExt;

	fn agreed(energy: u32, expiry: BlockNumber, agreed_at: u64) -> Agreed {
		let ctp = Ctp {
			vault: 7,
			offer: 3,
			energy: Energy::from_wh(energy),
			amount: Money::from_units(9),
			expiry,
			receipt_key: ReceiptKey(H256::repeat_byte(1)),
		};
		Agreed {
			genesis: Genesis::zero(),
			id: CtpId::of(&ctp, &Genesis::zero()),
			producer: AccountId::new([2; 32]),
			price: Price::per_kwh(5),
			ctp: Encoded(ctp),
			quote: Encoded(sr25519::Signature::default().into()),
			agreed_at,
		}
	}

	fn place() -> (tempfile::TempDir, Agreements) {
		let dir = tempfile::tempdir().unwrap();
		let agreements = Agreements::new(Directory::new(dir.path().join("state")));
		(dir, agreements)
	}

	#[test]
	fn the_latest_agreement_that_fits_should_be_found() {
		let (_dir, agreements) = place();
		for (energy, agreed_at) in [(100, 5), (100, 9), (200, 7)] {
			let expiry = 500 + u32::try_from(agreed_at).unwrap();
			agreements.keep(&agreed(energy, expiry, agreed_at), 10).unwrap();
		}
		let genesis = Genesis::zero();
		let producer = AccountId::new([2; 32]);
		let latest = |producer: &AccountId, energy| {
			let found = agreements.latest(&genesis, producer, Energy::from_wh(energy));
			found.map(|agreed| agreed.agreed_at).map_err(|error| error.code())
		};
		assert_eq!(latest(&producer, 100), Ok(9));
		assert_eq!(latest(&producer, 200), Ok(7));
		assert_eq!(latest(&producer, 300), Err("no-agreement".into()));
		assert_eq!(latest(&AccountId::new([3; 32]), 100), Err("no-agreement".into()));
		let elsewhere = Genesis::repeat_byte(1);
		assert!(agreements.latest(&elsewhere, &producer, Energy::from_wh(100)).is_err());
	}

	#[test]
	fn expired_agreements_should_be_forgotten() {
		let (_dir, agreements) = place();
		agreements.keep(&agreed(100, 500, 5), 10).unwrap();
		agreements.keep(&agreed(200, 900, 6), 500).unwrap();
		assert_eq!(agreements.all().unwrap().len(), 2);
		agreements.keep(&agreed(300, 900, 7), 501).unwrap();
		let left: Vec<_> = agreements.all().unwrap().iter().map(|(_, a)| a.agreed_at).collect();
		assert!(!left.contains(&5) && left.len() == 2, "{left:?}");
	}

	#[test]
	fn agreements_should_be_for_their_owner_only() {
		let (_dir, agreements) = place();
		let kept = agreed(100, 500, 5);
		agreements.keep(&kept, 10).unwrap();
		let (name, found) = agreements.all().unwrap().remove(0);
		assert_eq!(found, kept);
		let path = agreements.directory.file(&name);
		assert_eq!(Agreed::read(&path).unwrap(), kept);
		assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
	}
}
