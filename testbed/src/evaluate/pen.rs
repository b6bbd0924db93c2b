//! Signing ahead of time: what a trade sends is encoded before the clock starts, so that it shows
//! what the chain takes and not what a client does.

use super::{error::Result, EvaluationError};
use spb_client::{
	chain::{Config, View},
	connection::{Connection, ConnectionError},
	keys::AccountKey,
};
use subxt::{config::DefaultExtrinsicParamsBuilder, tx::Payload};

/// For how many blocks what is signed may be included. It takes the same two bytes as the client's
/// own, and outlives the longest burst.
const MORTALITY: u64 = 1_024;

/// Signs for the chain as it is after one block.
#[derive(Clone, Debug)]
pub struct Pen {
	view: View,
}

impl Pen {
	/// After the last final block, which no fork takes away.
	pub async fn take(connection: &Connection) -> Result<Self> {
		let finalized = connection.finalized().await?;
		Ok(Self { view: connection.view(finalized).await? })
	}

	/// A transaction of an account that has sent `nonce` before it.
	pub fn signed(&self, call: &impl Payload, key: &AccountKey, nonce: u64) -> Result<Vec<u8>> {
		let anchor = self.view.head();
		let params = DefaultExtrinsicParamsBuilder::<Config>::new()
			.nonce(nonce)
			.mortal_from_unchecked(MORTALITY, anchor.number.into(), anchor.hash)
			.build();
		let signed = self
			.view
			.subxt()
			.tx()
			.create_signable_offline(call, params)
			.and_then(|mut signable| signable.sign(key));
		Ok(signed.map_err(|error| malformed("a transaction", &error))?.into_encoded())
	}

	/// A message for the pool, which nobody signs as a transaction.
	pub fn bare(&self, call: &impl Payload) -> Result<Vec<u8>> {
		let message = self.view.subxt().tx().create_unsigned(call);
		Ok(message.map_err(|error| malformed("a message", &error))?.into_encoded())
	}
}

/// What subxt cannot make sense of.
pub(super) fn malformed(what: &str, error: &dyn std::error::Error) -> EvaluationError {
	ConnectionError::Malformed { method: what.to_owned(), reason: error.to_string() }.into()
}
