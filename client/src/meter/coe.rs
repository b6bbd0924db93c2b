//! Certificates by files: a manufacturer certifies a meter, a meter asks for a Certificate of
//! Existence, another one signs it, the first one keeps it.
//!
//! A request carries the requester's certificate and its signature, so that only genuine meters get
//! a CoE; the signer checks and forgets them, and the CoE does not name the requester.

use super::{state::StoredCertificate, Meter, MeterError};
use crate::{
	files::{Document, Encoded, FileError},
	keys::ManufacturerKey,
	progress::Progress,
};
use serde::{Deserialize, Serialize};
use spb_primitives::{
	coe::verify_meter, relay::CoeRequest, BlockNumber, Coe, Genesis, ManufacturerId, MeterKey,
	MeterRegistry, MeterSignature,
};

/// Certificates run out at blocks that are multiples of this: a day of blocks of three seconds.
///
/// A certificate shows to the block when it runs out, and trees that were certified at about the same
/// time would show that they are of one household. So everyone that has trees certified on one day, for
/// equally many blocks, gets the same last block.
pub const VALIDITY_STEP: BlockNumber = 28_800;

/// The last block of a certificate that is made at block `now` and counts for `valid_for` blocks at
/// the most: the last multiple of [`VALIDITY_STEP`] among them. It is after `now`, and the certificate
/// counts for more than `valid_for` less the step.
///
/// # Errors
///
/// If `valid_for` is less than the step, so that there may be no multiple among them.
pub fn last_block(now: BlockNumber, valid_for: BlockNumber) -> Result<BlockNumber, MeterError> {
	if valid_for < VALIDITY_STEP {
		return Err(MeterError::ValidityTooShort { valid_for });
	}
	let last = now.saturating_add(valid_for);
	Ok(last.saturating_sub(last % VALIDITY_STEP))
}

/// Refuses what is meant for another chain.
fn check_chain(found: &Genesis, expected: &Genesis) -> Result<(), MeterError> {
	if found == expected {
		return Ok(());
	}
	Err(MeterError::OtherChain { found: *found, expected: *expected })
}

/// A manufacturer's word, on one chain, that it made a meter.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct MeterCertificate {
	genesis: Genesis,
	manufacturer: ManufacturerId,
	meter: Encoded<MeterKey>,
	signature: Encoded<MeterSignature>,
}

impl Document for MeterCertificate {
	const KIND: &'static str = "spb-meter-certificate";
	const VERSION: u32 = 1;
	const SECRET: bool = false;
}

impl MeterCertificate {
	/// Certifies a meter.
	pub fn sign(
		key: &ManufacturerKey,
		manufacturer: ManufacturerId,
		meter: MeterKey,
		genesis: &Genesis,
	) -> Self {
		let payload = Coe::certificate_payload(manufacturer, &meter, genesis);
		Self {
			genesis: *genesis,
			manufacturer,
			meter: Encoded(meter),
			signature: Encoded(key.sign(&payload)),
		}
	}

	/// Who certifies.
	pub fn manufacturer(&self) -> ManufacturerId {
		self.manufacturer
	}

	/// Which meter.
	pub fn meter(&self) -> MeterKey {
		self.meter.0
	}
}

/// A meter's request to certify a tree, in a file, for whichever meter gets it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CoeRequestDocument {
	genesis: Genesis,
	request: Encoded<CoeRequest>,
}

impl Document for CoeRequestDocument {
	const KIND: &'static str = "spb-coe-request";
	const VERSION: u32 = 2;
	const SECRET: bool = false;
}

impl CoeRequestDocument {
	/// The request.
	pub fn request(&self) -> &CoeRequest {
		&self.request.0
	}
}

/// A Certificate of Existence in a file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CoeDocument {
	genesis: Genesis,
	coe: Encoded<Coe>,
}

impl Document for CoeDocument {
	const KIND: &'static str = "spb-coe";
	const VERSION: u32 = 1;
	const SECRET: bool = false;
}

impl CoeDocument {
	/// The certificate.
	pub fn coe(&self) -> &Coe {
		&self.coe.0
	}
}

impl Meter {
	/// Keeps a manufacturer's certificate, if it holds for this meter.
	pub fn keep_certificate(
		&self,
		certificate: &MeterCertificate,
		genesis: &Genesis,
		meters: &impl MeterRegistry,
	) -> Result<(), MeterError> {
		check_chain(&certificate.genesis, genesis)?;
		self.update(|state| {
			if certificate.meter() != state.public() {
				return Err(MeterError::CertificateForAnother);
			}
			let signature = &certificate.signature;
			let manufacturer = certificate.manufacturer;
			verify_meter(&state.public(), manufacturer, &signature.0, genesis, meters)?;
			state.certificates.retain(|stored| stored.genesis != *genesis);
			state.certificates.push(StoredCertificate {
				genesis: *genesis,
				manufacturer,
				signature: signature.clone(),
			});
			Ok(())
		})
	}

	/// Makes the next tree and the request to certify it until block `valid_until`, which
	/// `hand_over` writes to a file. The meter has the tree only if that succeeds; if not, it is as
	/// it was.
	pub fn request_coe(
		&self,
		leaves: u32,
		valid_until: BlockNumber,
		genesis: &Genesis,
		progress: &dyn Progress,
		hand_over: impl FnOnce(&CoeRequestDocument) -> Result<(), FileError>,
	) -> Result<CoeRequestDocument, MeterError> {
		let to = CoeRequest::ANYONE;
		self.ask(&to, leaves, valid_until, genesis, progress, |request| {
			let document = CoeRequestDocument { genesis: *genesis, request: Encoded(request) };
			hand_over(&document)?;
			Ok(document)
		})
	}

	/// Certifies another meter's tree at block `now`, if a genuine meter asks, for as long as it asks
	/// for and until block `latest` at the latest, both as [`last_block`] gives them, so that the end does
	/// not tell this tree from others. Nothing of the request is kept.
	pub fn sign_coe(
		&self,
		document: &CoeRequestDocument,
		latest: BlockNumber,
		now: BlockNumber,
		genesis: &Genesis,
		meters: &impl MeterRegistry,
	) -> Result<CoeDocument, MeterError> {
		check_chain(&document.genesis, genesis)?;
		let request = document.request();
		request.verify(&CoeRequest::ANYONE, now, genesis, meters)?;
		let state = self.read()?;
		if request.requester == state.public() {
			return Err(MeterError::OwnTree);
		}
		let certificate = state.certificate(genesis)?;
		let valid_until = request.valid_until.min(latest);
		let coe = state.certify(certificate, request, valid_until, genesis);
		Ok(CoeDocument { genesis: *genesis, coe: Encoded(coe) })
	}

	/// Keeps a certificate for one of the meter's trees, if it holds at block `now`.
	pub fn keep_coe(
		&self,
		document: &CoeDocument,
		now: BlockNumber,
		genesis: &Genesis,
		meters: &impl MeterRegistry,
	) -> Result<(), MeterError> {
		check_chain(&document.genesis, genesis)?;
		let coe = document.coe();
		coe.verify(now, genesis, meters)?;
		self.update(|state| state.keep_coe(coe, genesis))
	}
}
