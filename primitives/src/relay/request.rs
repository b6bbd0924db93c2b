//! How meters certify each other: the request for a Certificate of Existence.

use super::types::ContactKey;
use crate::{
	coe::verify_meter,
	signing::{Genesis, Tag},
	BlockNumber, Coe, ManufacturerId, MeterKey, MeterRegistry, MeterSignature, Refusal,
	MAX_TREE_LEAVES,
};
use alloc::vec::Vec;
use codec::{Decode, Encode, MaxEncodedLen};
use sp_core::H256;
use sp_runtime::traits::Verify;

/// A meter asks another to certify a tree: what it is, and that a genuine meter asks.
///
/// It is seen by the signer alone, which checks and soon forgets it: it names the requester, whom the
/// CoE does not name.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, MaxEncodedLen)]
pub struct CoeRequest {
	/// The tree's root.
	pub root: H256,
	/// How many receipt keys it has.
	pub leaves: u32,
	/// The last block at which the CoE is to count.
	pub valid_until: BlockNumber,
	/// The meter that asks.
	pub requester: MeterKey,
	/// Who made it.
	pub manufacturer: ManufacturerId,
	/// The manufacturer's signature over the requester's key.
	pub certificate: MeterSignature,
	/// By the requester, over tree, validity and the contact key of the signer that it asks, or
	/// [`Self::ANYONE`].
	pub signature: MeterSignature,
}

impl CoeRequest {
	/// Stands for the signer's contact key in a request that goes by file to whichever meter will
	/// certify the tree. Nobody is listed with it, so such a request counts in no letter.
	pub const ANYONE: ContactKey = ContactKey([0; 32]);

	/// What the requester signs: root, leaves, valid_until, requester, manufacturer, and `to`, so that
	/// the signer cannot have another meter certify the tree in its place.
	pub fn payload(&self, to: &ContactKey, genesis: &Genesis) -> Vec<u8> {
		let Self { root, leaves, valid_until, requester, manufacturer, .. } = self;
		let content = (root, leaves, valid_until, requester, manufacturer, to);
		Tag::CoeRequest.payload(genesis, &content)
	}

	/// Whether a genuine meter asks the holder of `to`, at block `now`, for something it can have.
	pub fn verify(
		&self,
		to: &ContactKey,
		now: BlockNumber,
		genesis: &Genesis,
		meters: &impl MeterRegistry,
	) -> Result<(), Refusal> {
		if self.leaves == 0 || self.leaves > MAX_TREE_LEAVES {
			return Err(Refusal::TreeSize);
		}
		if now > self.valid_until {
			return Err(Refusal::CoeOutOfDate);
		}
		verify_meter(&self.requester, self.manufacturer, &self.certificate, genesis, meters)?;
		let signed = self.signature.verify(&self.payload(to, genesis)[..], &self.requester);
		signed.then_some(()).ok_or(Refusal::BadCoeSignature)
	}

	/// Whether `coe` is what was asked of `signer`: its word for this very tree, valid at block `now`.
	pub fn verify_answer(
		&self,
		coe: &Coe,
		signer: &MeterKey,
		now: BlockNumber,
		genesis: &Genesis,
		meters: &impl MeterRegistry,
	) -> Result<(), Refusal> {
		let asked = (&self.root, self.leaves, self.valid_until, signer);
		if asked != (&coe.root, coe.leaves, coe.valid_until, &coe.signer) {
			return Err(Refusal::BadCoeSignature);
		}
		coe.verify(now, genesis, meters)
	}
}

#[cfg(test)]
mod tests;
