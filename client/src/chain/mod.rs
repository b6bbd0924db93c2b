//! The chain as the client sees it: calls, queries and events generated from the runtime's metadata
//! (`artifacts/metadata.scale`), with the protocol's types taken from `spb_primitives`.
//!
//! A test fails when the metadata is not that of the runtime any more; it says how to refresh it.

mod backbone;
pub mod calls;
mod market;
mod unit;
mod view;

pub use backbone::{BackboneNode, ListedMeter};
pub use market::{EnergyAccount, Offer, OfferFilter, OpenedBy, Terms, Vault, Withdrawal};
pub use unit::Unit;
pub use view::{Manufacturer, Sealed, View};

/// How the chain encodes transactions, blocks and addresses.
pub type Config = subxt::SubstrateConfig;

/// What subxt generates from the metadata.
///
/// Protocol types are those of `spb_primitives`: wrapped in [`Unit`] where the chain may encode them
/// compactly, else in subxt's `Static`.
// The macro's code is not ours to document or to lint.
#[allow(missing_docs, clippy::all)]
#[subxt::subxt(
	runtime_metadata_path = "artifacts/metadata.scale",
	substitute_type(
		path = "sp_core::crypto::AccountId32",
		with = "::subxt::utils::Static<::spb_primitives::AccountId>"
	),
	substitute_type(
		path = "sp_runtime::MultiSignature",
		with = "::subxt::utils::Static<::sp_runtime::MultiSignature>"
	),
	substitute_type(
		path = "spb_primitives::units::Energy",
		with = "crate::chain::Unit<::spb_primitives::Energy>"
	),
	substitute_type(
		path = "spb_primitives::units::Money",
		with = "crate::chain::Unit<::spb_primitives::Money>"
	),
	substitute_type(
		path = "spb_primitives::units::Price",
		with = "crate::chain::Unit<::spb_primitives::Price>"
	),
	substitute_type(
		path = "spb_primitives::message::CtpId",
		with = "::subxt::utils::Static<::spb_primitives::CtpId>"
	),
	substitute_type(
		path = "spb_primitives::message::ReceiptKey",
		with = "::subxt::utils::Static<::spb_primitives::ReceiptKey>"
	),
	substitute_type(
		path = "spb_primitives::message::SignedCtp",
		with = "::subxt::utils::Static<::spb_primitives::SignedCtp>"
	),
	substitute_type(
		path = "spb_primitives::message::Settlement",
		with = "::subxt::utils::Static<::spb_primitives::Settlement>"
	),
	substitute_type(
		path = "spb_primitives::message::Erc",
		with = "::subxt::utils::Static<::spb_primitives::Erc>"
	),
	substitute_type(
		path = "spb_primitives::message::Certificate",
		with = "::subxt::utils::Static<::spb_primitives::Certificate>"
	),
	substitute_type(
		path = "spb_primitives::coe::MeterProof",
		with = "::subxt::utils::Static<::spb_primitives::MeterProof>"
	),
	substitute_type(
		path = "spb_primitives::root::InclusionProof",
		with = "::subxt::utils::Static<::spb_primitives::InclusionProof>"
	),
	substitute_type(
		path = "spb_primitives::params::Parameters",
		with = "::subxt::utils::Static<::spb_primitives::Parameters>"
	),
	substitute_type(
		path = "spb_primitives::params::Limits",
		with = "::subxt::utils::Static<::spb_primitives::Limits>"
	),
	substitute_type(
		path = "spb_primitives::relay::types::ContactKey",
		with = "::subxt::utils::Static<::spb_primitives::relay::ContactKey>"
	),
	substitute_type(
		path = "spb_primitives::relay::types::NodeIdentifier",
		with = "::subxt::utils::Static<::spb_primitives::relay::NodeIdentifier>"
	),
	substitute_type(
		path = "spb_primitives::refusal::Refusal",
		with = "::subxt::utils::Static<::spb_primitives::Refusal>"
	)
)]
pub mod runtime {}

/// The metadata from which this module was generated.
pub const METADATA: &[u8] = include_bytes!("../../artifacts/metadata.scale");

#[cfg(test)]
mod tests {
	use super::METADATA;

	#[test]
	fn committed_metadata_should_be_that_of_the_runtime() {
		let current = crate::testing::runtime_metadata();
		assert!(
			current == METADATA,
			"client/artifacts/metadata.scale is stale: refresh it with\n    \
			 cargo run --release --example refresh_metadata"
		);
	}
}
