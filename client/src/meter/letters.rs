//! What a meter says to other meters in letters: the request to certify a tree, the answer to one,
//! and that it wants to be listed as one that answers.

use super::{
	state::{MeterState, StoredCertificate, StoredCoe},
	tree, Meter, MeterError,
};
use crate::{files::Encoded, progress::Progress};
use sp_core::Pair;
use spb_primitives::{
	relay::{listing_payload, CoeRefusal, CoeRequest, ContactKey},
	AccountId, BlockNumber, Coe, Genesis, ManufacturerId, MeterKey, MeterRegistry, MeterSignature,
};

/// A meter's consent to be listed by an account as one that certifies others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listing {
	/// The meter.
	pub meter: MeterKey,
	/// Who made it.
	pub manufacturer: ManufacturerId,
	/// The manufacturer's word for it.
	pub certificate: MeterSignature,
	/// Where to write to it.
	pub contact: ContactKey,
	/// The last block at which the consent counts.
	pub valid_until: BlockNumber,
	/// The meter's own word.
	pub signature: MeterSignature,
}

impl Meter {
	/// Makes the next tree and the request to the meter that reads letters to `to` to certify it.
	///
	/// Whoever is asked learns that the tree is this meter's. So each is asked for a tree of its own,
	/// and one that nobody certified is abandoned ([`Meter::abandon_tree`]). The last block, `valid_until`,
	/// is one that [`last_block`](super::last_block) gives, so that it does not tell this tree from others.
	pub fn ask_for_coe(
		&self,
		to: &ContactKey,
		leaves: u32,
		valid_until: BlockNumber,
		genesis: &Genesis,
		progress: &dyn Progress,
	) -> Result<CoeRequest, MeterError> {
		self.ask(to, leaves, valid_until, genesis, progress, Ok)
	}

	/// Makes the next tree and hands over the request to certify it. The meter has the tree only if
	/// that succeeds; if not, it is as it was.
	pub(super) fn ask<T>(
		&self,
		to: &ContactKey,
		leaves: u32,
		valid_until: BlockNumber,
		genesis: &Genesis,
		progress: &dyn Progress,
		hand_over: impl FnOnce(CoeRequest) -> Result<T, MeterError>,
	) -> Result<T, MeterError> {
		let (handed_over, tree, keys) = self.update(|state| {
			let certificate = state.certificate(genesis)?.clone();
			let (tree, keys) = tree::grow(state, leaves, progress)?;
			let mut request = CoeRequest {
				root: tree.root,
				leaves,
				valid_until,
				requester: state.public(),
				manufacturer: certificate.manufacturer,
				certificate: certificate.signature.0,
				signature: MeterSignature::default(),
			};
			request.signature = state.pair().sign(&request.payload(to, genesis));
			Ok((hand_over(request)?, tree, keys))
		})?;
		self.keys.put(&self.directory, &tree, keys)?;
		Ok(handed_over)
	}

	/// Certifies another meter's tree at block `now`, if a genuine meter asks the holder of `to` for
	/// it, for `longest` blocks at the most. Nothing of the request is kept.
	///
	/// # Errors
	///
	/// If this meter cannot certify at all. What is wrong with the request is in the answer.
	pub fn answer_coe(
		&self,
		request: &CoeRequest,
		to: &ContactKey,
		longest: BlockNumber,
		now: BlockNumber,
		genesis: &Genesis,
		meters: &impl MeterRegistry,
	) -> Result<Result<Coe, CoeRefusal>, MeterError> {
		let state = self.read()?;
		let certificate = state.certificate(genesis)?;
		if let Err(refusal) = request.verify(to, now, genesis, meters) {
			return Ok(Err(CoeRefusal::Rule(refusal)));
		}
		if request.requester == state.public() {
			return Ok(Err(CoeRefusal::OwnTree));
		}
		if request.valid_until > now.saturating_add(longest) {
			return Ok(Err(CoeRefusal::TooFar));
		}
		Ok(Ok(state.certify(certificate, request, request.valid_until, genesis)))
	}

	/// Keeps the certificate that `signer` gave for what it was asked, if it holds at block `now`.
	pub fn keep_answer(
		&self,
		request: &CoeRequest,
		coe: &Coe,
		signer: &MeterKey,
		now: BlockNumber,
		genesis: &Genesis,
		meters: &impl MeterRegistry,
	) -> Result<(), MeterError> {
		request.verify_answer(coe, signer, now, genesis, meters)?;
		self.update(|state| state.keep_coe(coe, genesis))
	}

	/// Consents to be listed by `owner` until block `valid_until` at the latest, with letters to go to
	/// `contact`.
	pub fn consent_to_listing(
		&self,
		owner: &AccountId,
		contact: ContactKey,
		valid_until: BlockNumber,
		genesis: &Genesis,
	) -> Result<Listing, MeterError> {
		let state = self.read()?;
		let certificate = state.certificate(genesis)?;
		let (meter, manufacturer) = (state.public(), certificate.manufacturer);
		let payload = listing_payload(owner, &meter, manufacturer, &contact, valid_until, genesis);
		let signature = state.pair().sign(&payload);
		let certificate = certificate.signature.0;
		Ok(Listing { meter, manufacturer, certificate, contact, valid_until, signature })
	}
}

impl MeterState {
	/// This meter's word, certified by `certificate`, for the tree of a request that was verified.
	pub(super) fn certify(
		&self,
		certificate: &StoredCertificate,
		request: &CoeRequest,
		valid_until: BlockNumber,
		genesis: &Genesis,
	) -> Coe {
		let CoeRequest { root, leaves, .. } = *request;
		let payload = Coe::payload(&root, leaves, valid_until, genesis);
		Coe {
			root,
			leaves,
			valid_until,
			signer: self.public(),
			manufacturer: certificate.manufacturer,
			certificate: certificate.signature.0,
			signature: self.pair().sign(&payload),
		}
	}

	/// Keeps a verified certificate for one of the meter's trees.
	pub(super) fn keep_coe(&mut self, coe: &Coe, genesis: &Genesis) -> Result<(), MeterError> {
		if coe.signer == self.public() {
			return Err(MeterError::OwnTree);
		}
		let tree =
			self.trees.iter_mut().find(|tree| tree.root == coe.root && tree.leaves == coe.leaves);
		let tree = tree.ok_or(MeterError::NotOurTree)?;
		tree.coes.retain(|stored| stored.genesis != *genesis);
		tree.coes.push(StoredCoe { genesis: *genesis, coe: Encoded(coe.clone()) });
		Ok(())
	}
}
