//! What a node says of itself as a part of the backbone.

use super::{Connection, ConnectionError};
use crate::files::Encoded;
use serde::{Deserialize, Serialize};
use spb_primitives::{
	relay::{NodeIdentifier, MAX_CONSENT, PEER_LENGTH},
	AccountId, BlockNumber, MeterSignature,
};
use subxt::rpcs::client::rpc_params;

/// For how many blocks a consent to be listed counts that is asked for here: as long as a transaction
/// may need, and less than the chain takes, in case its author is some blocks behind.
pub const CONSENT: BlockNumber = MAX_CONSENT / 2;

/// What a node does for the backbone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RelayStatus {
	/// The node.
	pub node: NodeIdentifier,
	/// Its peer id.
	pub peer: Encoded<[u8; PEER_LENGTH]>,
	/// Whether it is listed.
	pub listed: bool,
	/// Nodes listed.
	pub nodes: usize,
	/// Nodes that it forwards to.
	pub known: usize,
	/// Listed nodes that it could not reach and passes over for a while.
	pub absent: usize,
	/// Keys attached to it.
	pub attached: usize,
	/// Packets that wait for their recipients.
	pub waiting: usize,
	/// Their bytes.
	pub waiting_bytes: usize,
}

/// A node's consent to be listed by an account.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Consent {
	/// The node.
	pub node: NodeIdentifier,
	/// Its peer id.
	pub peer: Encoded<[u8; PEER_LENGTH]>,
	/// The last block at which it counts.
	pub valid_until: BlockNumber,
	/// By the key that the peer id names.
	pub signature: Encoded<MeterSignature>,
}

impl Connection {
	/// What the node does for the backbone.
	pub async fn relay_status(&self) -> Result<RelayStatus, ConnectionError> {
		self.request("spb_relayStatus", rpc_params![]).await
	}

	/// The node's consent to be listed by an account within the next [`CONSENT`] blocks. It gives it
	/// to whoever runs it only.
	pub async fn relay_consent(&self, owner: &AccountId) -> Result<Consent, ConnectionError> {
		let valid_until = self.best().await?.number.saturating_add(CONSENT);
		self.request("spb_relayConsent", rpc_params![owner.to_string(), valid_until]).await
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use serde_json::json;

	#[test]
	fn answers_should_be_read_as_the_node_writes_them() {
		let node = format!("0x{}", "11".repeat(32));
		let peer = format!("0x{}", "22".repeat(PEER_LENGTH));
		let signature = format!("0x{}", "33".repeat(64));
		let answer =
			json!({ "node": node, "peer": peer, "validUntil": 1_300, "signature": signature });
		let consent: Consent = serde_json::from_value(answer.clone()).unwrap();
		assert_eq!((consent.peer.0, consent.valid_until), ([0x22; PEER_LENGTH], 1_300));
		assert_eq!(consent.signature.0, MeterSignature::from_raw([0x33; 64]));
		let mut short = answer;
		short["signature"] = json!("0x33");
		assert!(serde_json::from_value::<Consent>(short).is_err());
		let status = json!({
			"node": node, "peer": peer, "listed": true, "nodes": 4, "known": 3, "absent": 0,
			"attached": 2, "waiting": 1, "waitingBytes": 697,
		});
		let read: RelayStatus = serde_json::from_value(status.clone()).unwrap();
		assert_eq!((read.known, read.waiting_bytes), (3, 697));
		assert_eq!(serde_json::to_value(read).unwrap(), status);
	}
}
