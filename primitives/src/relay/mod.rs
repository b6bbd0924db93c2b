//! Negotiation over the backbone (docs/protocol.md, section 10; paper section II-B and figure 1): who a packet
//! goes to next ([`routing`]), what a backbone node sees of it ([`packet`]), what is inside
//! ([`letter`], [`request`]), how it is sealed (`sealing`, with the feature of that name), what the
//! chain lists ([`listing`]) and what the two sides of a negotiation do with it ([`negotiation`]).
//!
//! Everything here is pure: node and client bring time, randomness and the network.

pub mod letter;
pub mod listing;
pub mod negotiation;
pub mod packet;
pub mod request;
pub mod routing;
#[cfg(feature = "sealing")]
pub mod sealing;
pub mod types;

pub use letter::{Body, CoeRefusal, Content, Letter, LetterError, NegotiationId, RefuseReason};
pub use listing::{
	consent_counts, listing_payload, node_payload, peer_id, peer_key, verify_listing, verify_node,
	MAX_CONSENT, PEER_LENGTH,
};
pub use packet::{pad, sealed_length, unpad, Packet, PacketError, MAX_HOPS, MAX_SEALED, PADDED};
pub use request::CoeRequest;
pub use routing::{nearest, nearest_first, Hop, Table, BUCKET_SIZE};
#[cfg(feature = "sealing")]
pub use sealing::{ContactSecret, OpenError, SealError};
pub use types::{distance, shared_prefix, ContactKey, NodeIdentifier};
