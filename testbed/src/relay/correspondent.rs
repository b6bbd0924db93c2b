//! One who writes over a backbone node by its RPC and the protocol's primitives alone, and sees the
//! packets themselves: what a client's library does not show.

use codec::{DecodeAll, Encode};
use serde::Deserialize;
use spb_client::{
	connection::{Connection, ConnectionError, Hash},
	files::{from_hex, to_hex},
};
use spb_primitives::relay::{
	nearest, pad,
	sealing::{answer, fresh, open, seal},
	unpad, ContactKey, ContactSecret, NodeIdentifier, OpenError, Packet, SealError,
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use subxt::rpcs::client::{rpc_params, RpcSubscription};

/// How long a packet may take on a loaded machine.
pub const LIMIT: Duration = Duration::from_secs(60);

/// What goes wrong with a correspondent.
#[derive(Debug, thiserror::Error)]
pub enum CorrespondentError {
	/// The node.
	#[error(transparent)]
	Connection(#[from] ConnectionError),
	/// Nothing can be sealed.
	#[error("cannot seal: {0}")]
	Seal(SealError),
	/// The node's challenge is not for this key.
	#[error("the node's challenge cannot be opened: {0}")]
	Challenge(OpenError),
	/// What the node hands over is no packet.
	#[error("the node hands over what is no packet: {0}")]
	NoPacket(String),
	/// The attachment has ended.
	#[error("the node has ended the attachment")]
	Ended,
	/// Nothing comes.
	#[error("no packet within {} seconds", LIMIT.as_secs())]
	Silent,
	/// There is no backbone, or no key of this node was found.
	#[error("no key was found that belongs to {0}: is it listed?")]
	NoKey(NodeIdentifier),
}

impl From<SealError> for CorrespondentError {
	fn from(error: SealError) -> Self {
		Self::Seal(error)
	}
}

/// What a node seals to a key.
#[derive(Deserialize)]
struct Challenge {
	node: NodeIdentifier,
	challenge: String,
}

/// What a node says of a packet that it has taken.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Taken {
	/// The packet's id.
	pub id: Hash,
	/// What became of it there.
	pub status: TakenStatus,
	/// The node that it goes to, unless it stays.
	pub next: Option<NodeIdentifier>,
}

/// What became of a packet at the node that it was handed to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TakenStatus {
	/// It is at its recipient's node.
	Arrived,
	/// It goes to another node.
	Forwarded,
	/// It was there before.
	Duplicate,
}

/// Fresh keys that are tried until one belongs to a node: its share of all keys may be small.
const TRIES: u32 = 4_096;

/// A fresh key that belongs to one of the nodes listed.
pub fn key_of(
	node: &NodeIdentifier,
	listed: &[NodeIdentifier],
) -> Result<ContactSecret, CorrespondentError> {
	for _ in 0..TRIES {
		let secret = ContactSecret::generate()?;
		if nearest(&secret.public(), listed.iter().copied()) == Some(*node) {
			return Ok(secret);
		}
	}
	Err(CorrespondentError::NoKey(*node))
}

/// Now, in milliseconds since 1970.
pub fn now() -> u64 {
	let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
	u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A packet from one key to another.
pub fn packet(from: ContactKey, to: ContactKey, text: &[u8]) -> Result<Packet, SealError> {
	let (nonce, sent_at) = (fresh()?, now());
	let padded = pad(text)?;
	let sealed = seal(&to, &padded, &Packet::aad(&to, &from, &nonce, sent_at))?;
	let sealed = sealed.try_into().map_err(|_| SealError::TooLong)?;
	Ok(Packet { to, from, nonce, hops: 0, sent_at, sealed })
}

/// Hands a packet to a node.
pub async fn send(connection: &Connection, packet: &Packet) -> Result<Taken, ConnectionError> {
	connection.request("spb_relaySend", rpc_params![to_hex(&packet.encode())]).await
}

/// A key, attached to a node.
pub struct Correspondent {
	secret: ContactSecret,
	connection: Connection,
	packets: RpcSubscription<String>,
}

impl Correspondent {
	/// Attaches a key to a node.
	pub async fn attach(
		connection: &Connection,
		secret: ContactSecret,
	) -> Result<Self, CorrespondentError> {
		let key = secret.public();
		let method = "spb_relayChallenge";
		let asked: Challenge = connection.request(method, rpc_params![key]).await?;
		let sealed = from_hex(&asked.challenge).map_err(CorrespondentError::NoPacket)?;
		let answer = answer(&secret, &asked.node, &sealed, &connection.genesis())
			.map_err(CorrespondentError::Challenge)?;
		let packets = connection
			.subscribe("spb_relayAttach", rpc_params![key, answer], "spb_relayDetach")
			.await?;
		Ok(Self { secret, connection: connection.clone(), packets })
	}

	/// The key.
	pub fn key(&self) -> ContactKey {
		self.secret.public()
	}

	/// Sends a few bytes to another key, through the node that this one is attached to.
	pub async fn send(&self, to: ContactKey, text: &[u8]) -> Result<Taken, CorrespondentError> {
		let packet = packet(self.key(), to, text)?;
		Ok(send(&self.connection, &packet).await?)
	}

	/// The next packet, within [`LIMIT`].
	pub async fn next(&mut self) -> Result<Packet, CorrespondentError> {
		let next = tokio::time::timeout(LIMIT, self.packets.next()).await;
		let text =
			next.map_err(|_| CorrespondentError::Silent)?.ok_or(CorrespondentError::Ended)?;
		let text = text.map_err(|error| CorrespondentError::NoPacket(error.to_string()))?;
		let bytes = from_hex(&text).map_err(CorrespondentError::NoPacket)?;
		let packet = Packet::decode_all(&mut &bytes[..]);
		packet.map_err(|error| CorrespondentError::NoPacket(error.to_string()))
	}

	/// What is sealed in a packet for this key.
	pub fn read(&self, packet: &Packet) -> Result<Vec<u8>, OpenError> {
		let aad = Packet::aad(&packet.to, &packet.from, &packet.nonce, packet.sent_at);
		let padded = open(&self.secret, &packet.sealed, &aad)?;
		unpad(&padded).map(<[u8]>::to_vec).ok_or(OpenError::Content)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn keys_should_belong_to_the_node_asked_for() {
		let listed: Vec<_> =
			[0x00, 0x40, 0x80, 0xc0].map(|first| NodeIdentifier(Hash::repeat_byte(first))).into();
		for node in &listed {
			let key = key_of(node, &listed).unwrap().public();
			assert_eq!(nearest(&key, listed.iter().copied()), Some(*node));
		}
		let stranger = NodeIdentifier(Hash::repeat_byte(0x20));
		let error = key_of(&stranger, &listed).unwrap_err();
		assert!(matches!(error, CorrespondentError::NoKey(node) if node == stranger), "{error}");
	}
}
