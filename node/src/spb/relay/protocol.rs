//! `/<genesis>/spb/relay/1`: one request hands over one packet, and the answer says whether it was
//! taken. It does not say what became of it: whether a recipient is there is nobody's business but
//! its node's.
//!
//! Both are SCALE encoded. The request is the packet, its hops counting this one.

use super::{
	machine::{Source, Step},
	node::Relay,
	refusal::Refusal,
	Now,
};
use crate::spb::{
	network::{
		limits::Rate,
		messages::MessageError,
		server::{Answers, Declined},
		RELAY,
	},
	Hash,
};
use codec::{Decode, DecodeAll, Encode};
use sc_network::{request_responses::IncomingRequest, NetworkBackend, PeerId, ProtocolName};
use spb_primitives::relay::{Packet, PacketError};
use spb_runtime::opaque::Block;
use std::{sync::Arc, time::Duration};

/// Bytes of a request, at the most: the largest packet and something to spare.
pub const MAX_REQUEST: u64 = 8 * 1024;
/// Bytes of an answer, at the most.
pub const MAX_ANSWER: u64 = 64;
/// How long a node may take to say that it has taken a packet.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Packets that wait to be looked at; what comes when it is full is turned away by the network.
const QUEUE: usize = 512;

/// Sets up the protocol; gives what the network has to know, and the requests of peers.
pub fn protocol<N: NetworkBackend<Block, Hash>>(
	name: ProtocolName,
) -> (N::RequestResponseProtocolConfig, async_channel::Receiver<IncomingRequest>) {
	let (queue, requests) = async_channel::bounded(QUEUE);
	let config = N::request_response_config(
		name,
		Vec::new(),
		MAX_REQUEST,
		MAX_ANSWER,
		REQUEST_TIMEOUT,
		Some(queue),
	);
	(config, requests)
}

/// Reads a packet that a peer hands over. One that no honest node would hand over is an error: it
/// looks at size and hops before.
pub fn read(bytes: &[u8]) -> Result<Packet, MessageError> {
	let packet = Packet::decode_all(&mut &bytes[..])?;
	// For itself a packet is neither too old nor too new.
	match packet.check(packet.sent_at) {
		Ok(()) => Ok(packet),
		Err(PacketError::Hops) => Err(MessageError::from(codec::Error::from("too many hops"))),
		Err(_) => Err(MessageError::from(codec::Error::from("not a padded size"))),
	}
}

/// What a node says to a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
pub enum Answer {
	/// It is in its hands, or was before.
	#[codec(index = 0)]
	Taken,
	/// It did not take it.
	#[codec(index = 1)]
	Refused(Refusal),
}

impl Answer {
	/// Reads the answer of a peer.
	pub fn read(bytes: &[u8]) -> Result<Self, MessageError> {
		Ok(Self::decode_all(&mut &bytes[..])?)
	}
}

impl From<Result<Step, Refusal>> for Answer {
	fn from(routed: Result<Step, Refusal>) -> Self {
		match routed {
			Ok(_) => Self::Taken,
			Err(refusal) => Self::Refused(refusal),
		}
	}
}

/// Takes packets from peers.
pub struct RelayServer(pub Arc<Relay>);

impl Answers for RelayServer {
	const PROTOCOL: &'static str = RELAY;
	// Twice of what an honest node hands over.
	const RATE: Rate = Rate::of_requests(512, 128);

	fn answer(&self, peer: PeerId, request: &[u8]) -> Result<Vec<u8>, Declined> {
		let packet = read(request)?;
		Ok(Answer::from(self.0.packet(Source::Peer(peer), packet, Now::read())).encode())
	}
}

#[cfg(test)]
mod tests {
	use super::{
		super::{machine::tests::packet, node::tests::Scene, rates::Rates},
		*,
	};
	use crate::spb::{
		metrics::Metrics,
		network::{reputation, server::Server},
	};
	use futures::channel::oneshot;
	use spb_primitives::relay::MAX_HOPS;

	#[test]
	fn messages_should_keep_their_encoding() {
		let sent = packet(1, 2, 3);
		let encoded = sent.encode();
		let head = [&sent.to.0[..], &sent.from.0, &[3; 16], &[0], &sent.sent_at.to_le_bytes()];
		assert!(encoded.starts_with(&head.concat()));
		assert_eq!(read(&encoded).unwrap(), sent);
		assert_eq!(Answer::Taken.encode(), [0]);
		assert_eq!(Answer::Refused(Refusal::Busy).encode(), [1, 3]);
		for refusal in Refusal::ALL {
			let answer = Answer::Refused(refusal);
			assert_eq!(Answer::read(&answer.encode()).unwrap(), answer);
			assert!(answer.encoded_size() as u64 <= MAX_ANSWER);
		}
	}

	#[test]
	fn largest_packet_should_fit_a_request() {
		let sealed = vec![0; spb_primitives::relay::MAX_SEALED as usize].try_into().unwrap();
		let largest = Packet { sealed, ..packet(1, 2, 3) };
		assert!(largest.encoded_size() as u64 <= MAX_REQUEST);
		assert_eq!(read(&largest.encode()).unwrap(), largest);
	}

	#[test]
	fn what_no_node_would_hand_over_should_be_an_error() {
		let good = packet(1, 2, 3);
		let short = Packet { sealed: vec![0; 100].try_into().unwrap(), ..good.clone() };
		let tired = Packet { hops: MAX_HOPS + 1, ..good.clone() };
		for packet in [short, tired] {
			assert!(read(&packet.encode()).is_err());
		}
		let mut longer = good.encode();
		longer.push(0);
		assert!(read(&longer).is_err());
		assert!(read(&[]).is_err());
		assert!(Answer::read(&[]).is_err() && Answer::read(&[2]).is_err());
		// Clocks differ: that a packet is old is said in the answer and costs nothing.
		let old = Packet { sent_at: 0, ..good };
		assert!(read(&old.encode()).is_ok());
	}

	#[test]
	fn honest_node_should_never_be_taken_for_one_that_floods() {
		let (theirs, ours) = (Rates::NODE.per_node, RelayServer::RATE);
		assert!(theirs.burst < ours.burst && theirs.per_second < ours.per_second);
	}

	#[tokio::test]
	async fn packets_should_be_taken_and_garbage_should_cost_the_peer() {
		let scene = Scene::new();
		let (queue, requests) = async_channel::bounded(8);
		let peer = PeerId::random();
		let ask = |payload: Vec<u8>| {
			let (pending_response, response) = oneshot::channel();
			queue.try_send(IncomingRequest { peer, payload, pending_response }).unwrap();
			response
		};
		let current = Packet { sent_at: Now::read().unix, ..packet(1, 2, 3) };
		let old = Packet { sent_at: 0, ..packet(1, 2, 3) };
		let (taken, refused, garbage) =
			(ask(current.encode()), ask(old.encode()), ask(vec![0xa5; 300]));
		drop(queue);
		let server = RelayServer(scene.relay.clone());
		Server::new(requests, server, Metrics::new(None).unwrap()).run().await;
		let (taken, refused) = (taken.await.unwrap(), refused.await.unwrap());
		assert_eq!(taken.result, Ok(Answer::Taken.encode()));
		let too_old = Answer::Refused(Refusal::Packet(PacketError::TooOld));
		assert_eq!(refused.result, Ok(too_old.encode()));
		assert!(taken.reputation_changes.is_empty() && refused.reputation_changes.is_empty());
		let garbage = garbage.await.unwrap();
		assert!(garbage.result.is_err());
		assert_eq!(garbage.reputation_changes, [reputation::MALFORMED_REQUEST]);
	}
}
