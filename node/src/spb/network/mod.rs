//! What nodes tell each other beside blocks, votes and transactions: sidecars and databases.
//!
//! | protocol | request | answer |
//! | --- | --- | --- |
//! | `/<genesis>/spb/sidecar/1` | hashes | the sidecars that are stored |
//! | `/<genesis>/spb/database/1` | a block and the root its header names | a part of the entries |
//! | `/<genesis>/spb/relay/1` | a packet | whether it was taken ([`super::relay`]) |
//!
//! [`server`] answers what peers ask, within [`limits`]. [`fetcher`] asks for sidecars: while a
//! block is being [`announce`]d, ahead for the batches of the import [`queue`], and for the import
//! check, to which it is a [`source`]. [`restorer`] asks for databases. What comes is proven by its
//! hash or its root, so any peer will do, and only what is proven wrong costs a peer its
//! [`reputation`]: to have nothing is no offence.

pub mod announce;
pub mod fetcher;
pub mod limits;
pub mod messages;
pub mod peers;
pub mod queue;
pub mod reputation;
pub mod restorer;
pub mod server;
pub mod source;

use super::Hash;
use messages::MAX_REQUEST;
use sc_network::{
	request_responses::IncomingRequest, NetworkBackend, ProtocolName, MAX_RESPONSE_SIZE,
};
use spb_runtime::opaque::Block;
use std::time::Duration;

/// What the protocol for sidecars is called, in its name and in metrics.
pub const SIDECAR: &str = "sidecar";
/// That for databases.
pub const DATABASE: &str = "database";
/// That for packets of the backbone.
pub const RELAY: &str = "relay";
/// All of them.
pub const PROTOCOLS: [&str; 3] = [SIDECAR, DATABASE, RELAY];

/// How long a peer may take to answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// The names of the protocols.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocols {
	/// For sidecars.
	pub sidecar: ProtocolName,
	/// For databases.
	pub database: ProtocolName,
	/// For packets of the backbone.
	pub relay: ProtocolName,
}

impl Protocols {
	/// Of the chain with this genesis block.
	pub fn new(genesis: &Hash) -> Self {
		let name = |what| format!("/{genesis:x}/spb/{what}/1").into();
		Self { sidecar: name(SIDECAR), database: name(DATABASE), relay: name(RELAY) }
	}
}

/// Sets up a protocol; gives what the network has to know, and the requests of peers.
pub fn protocol<N: NetworkBackend<Block, Hash>>(
	name: ProtocolName,
) -> (N::RequestResponseProtocolConfig, async_channel::Receiver<IncomingRequest>) {
	let (queue, requests) = async_channel::bounded(server::QUEUE);
	let config = N::request_response_config(
		name,
		Vec::new(),
		MAX_REQUEST,
		MAX_RESPONSE_SIZE,
		REQUEST_TIMEOUT,
		Some(queue),
	);
	(config, requests)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn protocols_should_be_those_of_one_chain() {
		let protocols = Protocols::new(&Hash::repeat_byte(0xab));
		let genesis = "ab".repeat(32);
		assert_eq!(&*protocols.sidecar, format!("/{genesis}/spb/sidecar/1"));
		assert_eq!(&*protocols.database, format!("/{genesis}/spb/database/1"));
		assert_eq!(&*protocols.relay, format!("/{genesis}/spb/relay/1"));
	}
}
