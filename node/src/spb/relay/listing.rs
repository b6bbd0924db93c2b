//! The node's consent to be listed: its signature over who lists it, and until when it counts. Who
//! has it can list the node and gives its address: so only whoever runs the node may ask for it.

use super::attach::identifier_of;
use sc_network::{service::traits::NetworkService, PeerId};
use spb_primitives::{
	relay::{node_payload, verify_node},
	AccountId, BlockNumber, Genesis, MeterSignature,
};
use std::sync::Arc;

/// Signs with the key that the network knows the node by.
pub trait Identity: Send + Sync + 'static {
	/// The signature over these bytes, or why there is none.
	fn sign(&self, payload: Vec<u8>) -> Result<Vec<u8>, String>;
}

/// That of a running node.
pub struct NetworkIdentity(pub Arc<dyn NetworkService>);

impl Identity for NetworkIdentity {
	fn sign(&self, payload: Vec<u8>) -> Result<Vec<u8>, String> {
		let signed = self.0.sign_with_local_identity(payload);
		signed.map(|signature| signature.bytes).map_err(|error| error.to_string())
	}
}

/// Why the node cannot consent.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoConsent {
	/// Its key does not sign.
	#[error("the node's network key does not sign: {0}")]
	NotSigned(String),
	/// Its key is of another kind.
	#[error(
		"the node's network key is not an Ed25519 key: give the node one with --node-key-file"
	)]
	OtherKind,
}

/// The signature of the node that is this peer, to be listed by `owner` until block `valid_until` at
/// the latest. The chain judges whether that is too far ahead.
pub fn consent(
	identity: &dyn Identity,
	peer: &PeerId,
	owner: &AccountId,
	valid_until: BlockNumber,
	genesis: &Genesis,
) -> Result<MeterSignature, NoConsent> {
	let payload = node_payload(owner, &identifier_of(peer), valid_until, genesis);
	let signature = identity.sign(payload).map_err(NoConsent::NotSigned)?;
	let signature = MeterSignature::try_from(&signature[..]).map_err(|()| NoConsent::OtherKind)?;
	if verify_node(&signature, owner, &peer.to_bytes(), valid_until, genesis) {
		Ok(signature)
	} else {
		Err(NoConsent::OtherKind)
	}
}

#[cfg(test)]
pub(crate) mod tests {
	use super::*;
	use sp_core::{ed25519, Pair};
	use spb_runtime::Hash;

	/// Signs with a key that it has.
	pub struct DoubleIdentity(pub ed25519::Pair);

	impl Default for DoubleIdentity {
		fn default() -> Self {
			Self(ed25519::Pair::from_seed(&[9; 32]))
		}
	}

	impl DoubleIdentity {
		/// The peer of this identity.
		pub fn peer(&self) -> PeerId {
			PeerId::from_ed25519(&self.0.public().0).unwrap()
		}
	}

	impl Identity for DoubleIdentity {
		fn sign(&self, payload: Vec<u8>) -> Result<Vec<u8>, String> {
			Ok(self.0.sign(&payload).0.to_vec())
		}
	}

	#[test]
	fn consent_should_be_to_one_owner_for_a_while_on_one_chain() {
		let (identity, genesis) = (DoubleIdentity::default(), Hash::repeat_byte(7));
		let (peer, owner) = (identity.peer(), AccountId::new([1; 32]));
		let signature = consent(&identity, &peer, &owner, 100, &genesis).unwrap();
		let holds = |owner: &AccountId, until, genesis: &Genesis| {
			verify_node(&signature, owner, &peer.to_bytes(), until, genesis)
		};
		assert!(holds(&owner, 100, &genesis));
		assert!(!holds(&AccountId::new([2; 32]), 100, &genesis));
		assert!(!holds(&owner, 101, &genesis) && !holds(&owner, 100, &Hash::zero()));
	}

	#[test]
	fn key_of_another_kind_should_be_told() {
		let (identity, genesis) = (DoubleIdentity::default(), Hash::repeat_byte(7));
		let owner = AccountId::new([1; 32]);
		let refused = consent(&identity, &PeerId::random(), &owner, 100, &genesis);
		assert_eq!(refused, Err(NoConsent::OtherKind));
	}
}
