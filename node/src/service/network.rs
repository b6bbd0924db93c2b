//! What the network is built with: its configuration and the protocols of votes, sidecars, databases
//! and the backbone.

use crate::spb::{
	network::{self, Protocols},
	relay, Hash,
};
use async_channel::Receiver;
use sc_network::{
	config::FullNetworkConfiguration, request_responses::IncomingRequest, Litep2pNetworkBackend,
	NetworkBackend, NotificationMetrics, NotificationService, ProtocolName,
};
use sc_service::Configuration;
use spb_runtime::opaque::Block;

/// The network's configuration, and the ends of its protocols at which the node listens.
pub(super) struct Network {
	pub(super) config: FullNetworkConfiguration<Block, Hash, Litep2pNetworkBackend>,
	pub(super) metrics: NotificationMetrics,
	pub(super) protocols: Protocols,
	pub(super) grandpa_protocol: ProtocolName,
	/// Votes of others, and the way for our own.
	pub(super) grandpa_notifications: Box<dyn NotificationService>,
	/// Peers ask for sidecars.
	pub(super) sidecar_requests: Receiver<IncomingRequest>,
	/// Peers ask for databases.
	pub(super) database_requests: Receiver<IncomingRequest>,
	/// Peers hand over packets of the backbone.
	pub(super) relay_requests: Receiver<IncomingRequest>,
}

impl Network {
	/// That of a node on the chain with this genesis block.
	pub(super) fn new(node: &Configuration, genesis: &Hash) -> Self {
		let registry = node.prometheus_registry();
		let mut config = FullNetworkConfiguration::<Block, Hash, Litep2pNetworkBackend>::new(
			&node.network,
			registry.cloned(),
		);
		let metrics =
			<Litep2pNetworkBackend as NetworkBackend<Block, Hash>>::register_notification_metrics(
				registry,
			);
		let grandpa_protocol =
			sc_consensus_grandpa::protocol_standard_name(genesis, &node.chain_spec);
		let (grandpa_config, grandpa_notifications) =
			sc_consensus_grandpa::grandpa_peers_set_config::<Block, Litep2pNetworkBackend>(
				grandpa_protocol.clone(),
				metrics.clone(),
				config.peer_store_handle(),
			);
		config.add_notification_protocol(grandpa_config);

		let protocols = Protocols::new(genesis);
		let (sidecar_config, sidecar_requests) =
			network::protocol::<Litep2pNetworkBackend>(protocols.sidecar.clone());
		config.add_request_response_protocol(sidecar_config);
		let (database_config, database_requests) =
			network::protocol::<Litep2pNetworkBackend>(protocols.database.clone());
		config.add_request_response_protocol(database_config);
		let (relay_config, relay_requests) =
			relay::protocol::protocol::<Litep2pNetworkBackend>(protocols.relay.clone());
		config.add_request_response_protocol(relay_config);
		Self {
			config,
			metrics,
			protocols,
			grandpa_protocol,
			grandpa_notifications,
			sidecar_requests,
			database_requests,
			relay_requests,
		}
	}
}
