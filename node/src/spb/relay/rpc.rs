//! `spb_relay*`: how clients use the backbone.
//!
//! A client asks [`RelayApiServer::challenge`] with one of its keys, opens what it gets with the
//! key's secret, and gives the answer to [`RelayApiServer::attach`], from which the packets for that
//! key come for as long as it listens. What it writes itself it gives to [`RelayApiServer::send`],
//! best over the connection over which the key that it writes from is attached: from all other keys a
//! connection may send little, and all connections together not much more.

use super::{
	attach::NoChallenge,
	carrier::Told,
	listing::{consent, Identity, NoConsent},
	machine::{Connection, Figures, Source, Step},
	node::{NotAttached, Relay},
	refusal::Refusal,
	Now,
};
use crate::spb::Hash;
use codec::{DecodeAll, Encode};
use jsonrpsee::{
	core::{async_trait, SubscriptionResult},
	proc_macros::rpc,
	types::{
		error::{ErrorObject, INTERNAL_ERROR_CODE, INVALID_PARAMS_CODE, METHOD_NOT_FOUND_CODE},
		ErrorObjectOwned,
	},
	ConnectionId, Extensions, PendingSubscriptionSink, SubscriptionMessage,
};
use sc_rpc::DenyUnsafe;
use serde::Serialize;
use sp_core::Bytes;
use spb_primitives::{
	relay::{ContactKey, NodeIdentifier, Packet, PacketError, SealError},
	AccountId, BlockNumber,
};
use std::{sync::Arc, time::Duration};

/// The packet's time is not now: it is too old, or the sender's clock is ahead.
pub const NOT_NOW: i32 = 9_011;
/// Packets of this key, over this connection, or of all keys that are not attached over the connection
/// that they come by, come too fast.
pub const TOO_FAST: i32 = 9_012;
/// The recipient is away, and enough waits for it.
pub const MAILBOX_FULL: i32 = 9_013;
/// Enough is on the way to the next node, or over it to the recipient.
pub const BUSY: i32 = 9_014;
/// The client has not proven that it holds the key.
pub const NOT_PROVEN: i32 = 9_015;
/// The node attaches no more keys, or not so many at a time.
pub const TOO_MANY_KEYS: i32 = 9_016;

/// How long a client may read nothing, before it does not keep up.
const PATIENCE: Duration = Duration::from_secs(30);
/// The connection over which no key is attached: that of calls of which the server says nothing.
const NO_CONNECTION: ConnectionId = ConnectionId(usize::MAX);

/// How clients use the backbone.
#[rpc(server, namespace = "spb")]
pub trait RelayApi {
	/// What the holder of a contact key opens to prove that it is, and by whom it is asked. The proof
	/// is due within half a minute, and good for one attachment.
	#[method(name = "relayChallenge", with_extensions)]
	fn challenge(&self, contact: ContactKey) -> Result<ChallengeAnswer, RelayError>;

	/// The packets for a key, SCALE-encoded, beginning with those that waited for it. It ends with a
	/// reason where the key is attached anew or has come to belong to another node, or where the
	/// client does not keep up.
	#[subscription(name = "relayAttach" => "relayPacket", unsubscribe = "relayDetach", item = Bytes)]
	async fn attach(&self, contact: ContactKey, answer: Hash) -> SubscriptionResult;

	/// Takes a SCALE-encoded packet on its way. That it is taken does not say that it arrives: where no
	/// answer comes, the letter has to be sent again.
	#[method(name = "relaySend", with_extensions)]
	fn send(&self, packet: Bytes) -> Result<SentAnswer, RelayError>;

	/// What the node does for the backbone.
	#[method(name = "relayStatus")]
	fn status(&self) -> Result<RelayStatusAnswer, RelayError>;

	/// The node's consent to be listed by an account (its address, or its public key as hexadecimal
	/// with `0x`), until a block at the latest, for the call `join_backbone`. Only for whoever runs the
	/// node: it is an unsafe call, which a node that is open to others refuses.
	#[method(name = "relayConsent", with_extensions)]
	fn consent(&self, owner: String, valid_until: BlockNumber)
		-> Result<ConsentAnswer, RelayError>;
}

/// `spb_relayChallenge`: what to open.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChallengeAnswer {
	/// This node, which the proof is for.
	pub node: NodeIdentifier,
	/// What is sealed to the key.
	pub challenge: Bytes,
	/// The listed node that the key belongs to, to which packets for it go; `null` where no node is
	/// listed.
	pub home: Option<NodeIdentifier>,
}

/// `spb_relaySend`: where the packet is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SentAnswer {
	/// Its id: blake2-256 of all but its hops.
	pub id: Hash,
	/// What became of it here.
	pub status: SentStatus,
	/// The node that it goes to; `null` where it goes to none.
	pub next: Option<NodeIdentifier>,
}

/// What became of a packet. Whether its recipient is there is not said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SentStatus {
	/// It has arrived: this is the recipient's node, as far as it knows and can reach others.
	Arrived,
	/// It goes to another node, which may still refuse it: nobody says so then.
	Forwarded,
	/// It was sent before, and goes nowhere.
	Duplicate,
}

impl SentAnswer {
	fn new(id: Hash, step: Step) -> Self {
		let (status, next) = match step {
			Step::Delivered | Step::Stored => (SentStatus::Arrived, None),
			Step::Forwarded(node) => (SentStatus::Forwarded, Some(node)),
			Step::Duplicate => (SentStatus::Duplicate, None),
		};
		Self { id, status, next }
	}
}

/// `spb_relayConsent`: what `join_backbone` takes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsentAnswer {
	/// This node.
	pub node: NodeIdentifier,
	/// Its peer id.
	pub peer: Bytes,
	/// The last block at which the consent counts.
	pub valid_until: BlockNumber,
	/// Its signature over the owner, its identifier and that block.
	pub signature: Bytes,
}

/// `spb_relayStatus`: what the node does for the backbone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RelayStatusAnswer {
	/// This node.
	pub node: NodeIdentifier,
	/// Its peer id, which it is listed by.
	pub peer: Bytes,
	/// Whether it is listed on chain. One that is not serves its own clients only.
	pub listed: bool,
	/// Nodes listed.
	pub nodes: usize,
	/// Nodes that this one forwards to.
	pub known: usize,
	/// Listed nodes that could not be reached and are passed over for a while.
	pub absent: usize,
	/// Keys attached here.
	pub attached: usize,
	/// Packets that wait for their recipients.
	pub waiting: usize,
	/// Their bytes.
	pub waiting_bytes: usize,
}

impl RelayStatusAnswer {
	fn new(node: NodeIdentifier, peer: Bytes, figures: Figures) -> Self {
		let Figures { listed, nodes, known, absent, attached, waiting, waiting_bytes } = figures;
		Self { node, peer, listed, nodes, known, absent, attached, waiting, waiting_bytes }
	}
}

/// Why a call is refused.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
	/// The bytes are no packet.
	#[error("the bytes are no SCALE-encoded packet: {0}")]
	Malformed(#[from] codec::Error),
	/// The packet is not taken.
	#[error(transparent)]
	Refused(#[from] Refusal),
	/// There is no challenge.
	#[error(transparent)]
	NoChallenge(#[from] NoChallenge),
	/// The key is not attached.
	#[error(transparent)]
	NotAttached(#[from] NotAttached),
	/// The owner is no account.
	#[error("`{0}` is neither an address nor 0x and 64 hexadecimal digits")]
	NoAccount(String),
	/// The call is only for whoever runs the node.
	#[error(
		"the node speaks for itself only to whoever runs it: ask over its own machine, or start it \
		 with --rpc-methods unsafe"
	)]
	Unsafe,
	/// The node cannot consent.
	#[error(transparent)]
	NoConsent(#[from] NoConsent),
}

impl RelayError {
	fn code(&self) -> i32 {
		match self {
			Self::Malformed(_)
			| Self::NoAccount(_)
			| Self::Refused(Refusal::Packet(PacketError::Size | PacketError::Hops))
			| Self::NoChallenge(NoChallenge::Seal(SealError::BadKey)) => INVALID_PARAMS_CODE,
			Self::Refused(Refusal::Packet(PacketError::TooOld | PacketError::FromFuture)) => {
				NOT_NOW
			},
			Self::Refused(Refusal::TooFast) => TOO_FAST,
			Self::Refused(Refusal::MailboxFull) => MAILBOX_FULL,
			Self::Refused(Refusal::Busy) => BUSY,
			Self::NotAttached(NotAttached::NotProven) => NOT_PROVEN,
			Self::NotAttached(NotAttached::Full) | Self::NoChallenge(NoChallenge::TooMany) => {
				TOO_MANY_KEYS
			},
			// As other unsafe calls are refused.
			Self::Unsafe => METHOD_NOT_FOUND_CODE,
			Self::NoChallenge(NoChallenge::Seal(_)) | Self::NoConsent(_) => INTERNAL_ERROR_CODE,
		}
	}
}

impl From<RelayError> for ErrorObjectOwned {
	fn from(error: RelayError) -> Self {
		ErrorObject::owned(error.code(), error.to_string(), None::<()>)
	}
}

/// Over which connection a call came. The server always says it.
fn connection(extensions: &Extensions) -> Connection {
	let ConnectionId(number) = extensions.get::<ConnectionId>().copied().unwrap_or(NO_CONNECTION);
	Connection(number)
}

/// Answers for the relay.
pub struct RelayRpc {
	/// The relay.
	pub relay: Arc<Relay>,
	/// The node's key.
	pub identity: Arc<dyn Identity>,
}

#[async_trait]
impl RelayApiServer for RelayRpc {
	fn challenge(
		&self,
		extensions: &Extensions,
		contact: ContactKey,
	) -> Result<ChallengeAnswer, RelayError> {
		let challenge = self.relay.challenge(&contact, connection(extensions), Now::read())?.into();
		Ok(ChallengeAnswer {
			node: self.relay.own(),
			challenge,
			home: self.relay.home_of(&contact),
		})
	}

	async fn attach(
		&self,
		pending: PendingSubscriptionSink,
		contact: ContactKey,
		answer: Hash,
	) -> SubscriptionResult {
		let over = Connection(pending.connection_id().0);
		let mut attached = match self.relay.attach(contact, &answer, over, Now::read()) {
			Ok(attached) => attached,
			Err(error) => {
				pending.reject(RelayError::from(error)).await;
				return Ok(());
			},
		};
		let sink = pending.accept().await?;
		loop {
			let told = tokio::select! {
				told = attached.next() => told,
				() = sink.closed() => return Ok(()),
			};
			match told {
				Some(Told::Packet(packet)) => {
					let message = SubscriptionMessage::from_json(&Bytes::from(packet.encode()))?;
					if sink.send_timeout(message, PATIENCE).await.is_err() {
						attached.give_back(packet);
						return Ok(());
					}
				},
				Some(Told::Ended(why)) => return Err(why.into()),
				None => {
					return Err("closed: the client did not keep up; attach the key again".into())
				},
			}
		}
	}

	fn send(&self, extensions: &Extensions, packet: Bytes) -> Result<SentAnswer, RelayError> {
		let packet = Packet::decode_all(&mut &packet.0[..])?;
		let id = packet.id();
		let source = Source::Client(connection(extensions));
		let step = self.relay.packet(source, packet, Now::read())?;
		Ok(SentAnswer::new(id, step))
	}

	fn status(&self) -> Result<RelayStatusAnswer, RelayError> {
		let peer = self.relay.peer().to_bytes().into();
		Ok(RelayStatusAnswer::new(self.relay.own(), peer, self.relay.figures()))
	}

	fn consent(
		&self,
		extensions: &Extensions,
		owner: String,
		valid_until: BlockNumber,
	) -> Result<ConsentAnswer, RelayError> {
		if !matches!(extensions.get::<DenyUnsafe>(), Some(DenyUnsafe::No)) {
			return Err(RelayError::Unsafe);
		}
		let owner: AccountId = owner.parse().map_err(|_| RelayError::NoAccount(owner))?;
		let (peer, genesis) = (self.relay.peer(), self.relay.genesis());
		let signature = consent(&*self.identity, peer, &owner, valid_until, genesis)?;
		Ok(ConsentAnswer {
			node: self.relay.own(),
			peer: peer.to_bytes().into(),
			valid_until,
			signature: signature.0.to_vec().into(),
		})
	}
}

#[cfg(test)]
mod tests;
