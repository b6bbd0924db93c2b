//! Names the rule where a block from elsewhere is refused because its body has no seal.
//!
//! Aura has the runtime look at a block's inherents before the import check sees the block. Without
//! this, all that an operator would read of a missing seal is an identifier in bytes.

use super::{metrics::Metrics, LOG_TARGET};
use async_trait::async_trait;
use pallet_spb::INHERENT_IDENTIFIER;
use sp_inherents::{Error, InherentData, InherentDataProvider, InherentIdentifier};
use spb_primitives::Refusal;

/// Provides nothing, and knows what is wrong when the seal is.
pub struct SealExpected(pub Metrics);

#[async_trait]
impl InherentDataProvider for SealExpected {
	async fn provide_inherent_data(&self, _: &mut InherentData) -> Result<(), Error> {
		Ok(())
	}

	async fn try_handle_error(
		&self,
		identifier: &InherentIdentifier,
		_: &[u8],
	) -> Option<Result<(), Error>> {
		if *identifier != INHERENT_IDENTIFIER {
			return None;
		}
		let refusal = Refusal::SealMissing;
		self.0.refused(refusal);
		let (rule, name) = (refusal.rule(), refusal.name());
		log::error!(target: LOG_TARGET, "Refused a block by {rule}, {name}: {}", refusal.text());
		Some(Err(Error::Application(Box::new(refusal))))
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[tokio::test]
	async fn only_a_missing_seal_should_be_named() {
		let expected = SealExpected(Metrics::new(None).unwrap());
		assert!(expected.try_handle_error(b"timstap0", &[]).await.is_none());
		let error = expected.try_handle_error(&INHERENT_IDENTIFIER, &[]).await.unwrap();
		assert!(error.unwrap_err().to_string().contains("exactly one seal"));
		let refused = &expected.0.blocks_refused;
		assert_eq!(refused.with_label_values(&["R1", "SealMissing"]).get(), 1);
	}
}
