//! What all parts of SPB agree on: messages and their signed payloads, units, the Certificate of
//! Existence, settlement arithmetic, the root of the CTP database, and negotiation over the backbone.
//!
//! `no_std` and free of `frame-*`: the runtime, the node and the client on a meter use this very
//! code. The rules that need chain state live in `pallet-spb`; everything that can be decided from
//! the messages alone is decided here.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

pub mod coe;
pub mod message;
pub mod open;
pub mod params;
pub mod refusal;
pub mod relay;
pub mod root;
pub mod settlement;
pub mod signing;
pub mod units;

pub use coe::{Coe, MeterProof, MeterRegistry, RegisteredMeters, MAX_PATH, MAX_TREE_LEAVES};
pub use message::{
	Addition, Certificate, Ctp, CtpId, Erc, Message, Quote, ReceiptKey, Settlement, Sidecar,
	SignedCtp,
};
pub use open::OpenCtps;
pub use params::{Limits, Parameters};
pub use refusal::Refusal;
pub use relay::{ContactKey, NodeIdentifier};
pub use root::{database_root, InclusionProof, ProofStep};
pub use settlement::{listed_price, Split};
pub use signing::Genesis;
pub use units::{Energy, Money, Price};

use codec::{Decode, DecodeWithMemTracking, Encode};

/// Time, in blocks.
pub type BlockNumber = u32;
/// An account: a 32-byte public key.
pub type AccountId = sp_runtime::AccountId32;
/// The number of an offer. Never used again.
pub type OfferId = u32;
/// The number of a vault. Never used again.
pub type VaultId = u32;
/// The number of a meter manufacturer.
pub type ManufacturerId = u16;
/// The key a manufacturer builds into a meter, and the key that certifies it.
pub type MeterKey = sp_core::ed25519::Public;
/// A signature by a meter or a manufacturer.
pub type MeterSignature = sp_core::ed25519::Signature;
/// The hash of the protocol: blake2-256.
pub type Hashing = sp_runtime::traits::BlakeTwo256;

/// The engine id of SPB's header digest.
pub const ENGINE_ID: sp_runtime::ConsensusEngineId = *b"spb1";

/// How the `provides` tags of SPB's messages in the pool begin. Nothing else's do.
pub const POOL_TAG_PREFIX: &[u8] = b"spb/";

/// What a block's header says of the CTP database: `DigestItem::Consensus(ENGINE_ID, ..)`.
#[derive(
	Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, DecodeWithMemTracking, scale_info::TypeInfo,
)]
pub struct DatabaseDigest {
	/// The root of the CTP database after the block.
	pub database_root: sp_core::H256,
	/// blake2-256 of the block's encoded [`Sidecar`].
	pub sidecar_hash: sp_core::H256,
}

impl DatabaseDigest {
	/// The one SPB entry of a header's digest; `None` if there is none, several or a malformed one.
	pub fn find(digest: &sp_runtime::Digest) -> Option<Self> {
		let mut found = digest.logs().iter().filter_map(|item| match item {
			sp_runtime::DigestItem::Consensus(ENGINE_ID, payload) => Some(payload),
			_ => None,
		});
		let (first, second) = (found.next()?, found.next());
		if second.is_some() {
			return None;
		}
		codec::DecodeAll::decode_all(&mut &first[..]).ok()
	}

	/// The digest item that carries this entry.
	pub fn to_item(&self) -> sp_runtime::DigestItem {
		sp_runtime::DigestItem::Consensus(ENGINE_ID, self.encode())
	}
}
