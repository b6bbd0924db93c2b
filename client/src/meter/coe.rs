//! Certificates by files: a manufacturer certifies a meter, a meter asks for a Certificate of
//! Existence, another one signs it, the first one keeps it.
//!
//! A request carries the requester's certificate and its signature, so that only genuine meters get
//! a CoE; the signer checks and forgets them, and the CoE does not name the requester.

use super::{
	state::{MeterState, StoredCertificate, Tree},
	Meter, MeterError,
};
use crate::{
	files::{Document, Encoded},
	keys::ManufacturerKey,
};
use codec::Encode;
use serde::{Deserialize, Serialize};
use sp_core::{Pair, H256};
use sp_runtime::traits::Verify;
use spb_primitives::{
	coe::verify_meter, BlockNumber, Coe, Genesis, ManufacturerId, MeterKey, MeterRegistry,
	MeterSignature, MAX_TREE_LEAVES,
};

/// The tag of a request's signature; the payload is made like those of `spb_primitives::signing`.
const REQUEST_TAG: [u8; 8] = *b"spb/crq1";

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

/// A meter's request to have a tree signed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CoeRequest {
	genesis: Genesis,
	root: H256,
	leaves: u32,
	meter: Encoded<MeterKey>,
	manufacturer: ManufacturerId,
	certificate: Encoded<MeterSignature>,
	signature: Encoded<MeterSignature>,
}

impl Document for CoeRequest {
	const KIND: &'static str = "spb-coe-request";
	const VERSION: u32 = 1;
	const SECRET: bool = false;
}

impl CoeRequest {
	pub(super) fn new(
		state: &MeterState,
		certificate: &StoredCertificate,
		tree: &Tree,
		genesis: &Genesis,
	) -> Self {
		let payload = Self::payload(&tree.root, tree.leaves, &state.public(), genesis);
		Self {
			genesis: *genesis,
			root: tree.root,
			leaves: tree.leaves,
			meter: Encoded(state.public()),
			manufacturer: certificate.manufacturer,
			certificate: certificate.signature.clone(),
			signature: Encoded(state.pair().sign(&payload)),
		}
	}

	fn payload(root: &H256, leaves: u32, meter: &MeterKey, genesis: &Genesis) -> Vec<u8> {
		(REQUEST_TAG, genesis, root, leaves, meter).encode()
	}

	/// The meter that asks.
	pub fn meter(&self) -> MeterKey {
		self.meter.0
	}

	/// The manufacturer it names.
	pub fn manufacturer(&self) -> ManufacturerId {
		self.manufacturer
	}

	/// The root of its tree.
	pub fn root(&self) -> H256 {
		self.root
	}

	/// Whether a genuine meter asks, on this chain, for a tree that can be.
	pub fn verify(&self, genesis: &Genesis, meters: &impl MeterRegistry) -> Result<(), MeterError> {
		check_chain(&self.genesis, genesis)?;
		if self.leaves == 0 || self.leaves > MAX_TREE_LEAVES {
			return Err(MeterError::TreeSize);
		}
		let meter = self.meter.0;
		verify_meter(&meter, self.manufacturer, &self.certificate.0, genesis, meters)?;
		let payload = Self::payload(&self.root, self.leaves, &meter, genesis);
		let signed = self.signature.0.verify(&payload[..], &meter);
		signed.then_some(()).ok_or(MeterError::ForgedRequest)
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

	/// Signs another meter's tree, if a genuine meter asks. The last block, `valid_until`, is one that
	/// [`last_block`] gives, so that it does not tell this tree from others.
	pub fn sign_coe(
		&self,
		request: &CoeRequest,
		valid_until: BlockNumber,
		genesis: &Genesis,
		meters: &impl MeterRegistry,
	) -> Result<CoeDocument, MeterError> {
		request.verify(genesis, meters)?;
		let state = self.read()?;
		if request.meter() == state.public() {
			return Err(MeterError::OwnTree);
		}
		let certificate = state.certificate(genesis)?;
		let payload = Coe::payload(&request.root, request.leaves, valid_until, genesis);
		let coe = Coe {
			root: request.root,
			leaves: request.leaves,
			valid_until,
			signer: state.public(),
			manufacturer: certificate.manufacturer,
			certificate: certificate.signature.0,
			signature: state.pair().sign(&payload),
		};
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
