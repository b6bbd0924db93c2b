//! The wiring: which part of the node talks to which. No logic.
//!
//! How blocks come in is put together in `chain`, what the network is built with in `network`; here
//! is the running node.

mod chain;
mod network;

pub use chain::{core, Core};

use crate::{
	executor::Executor,
	spb::{
		self,
		conduct::Conduct,
		disk::Disk,
		events::{Events, Watch},
		feed::Feed,
		finality::{Keep, Tidy},
		inbox::{Inbox, Limits},
		indexer::Indexer,
		network::{
			announce::SidecarAnnouncements,
			peers::Connected,
			queue::{AheadOf, AheadQueue},
			server::{DatabaseServer, Server, SidecarServer},
		},
		pool::ProposerPool,
		proposer::SealingFactory,
		relay::{
			carrier::Ways,
			directory::{self, Extent},
			listing::NetworkIdentity,
			metrics::RelayMetrics,
			node::{Relay, Timing, Worker},
			protocol::RelayServer,
			rpc::{RelayApiServer, RelayRpc},
		},
		rpc,
		store::Store,
		trades::Trades,
		unjudged::JudgedOnly,
		verify::PoolClient,
	},
};
use chain::SlotAndTime;
use network::Network;
use sc_client_api::{Backend, HeaderBackend};
use sc_consensus_aura::{SlotProportion, StartAuraParams};
use sc_consensus_grandpa::{FinalityProofProvider, SharedVoterState, VotingRulesBuilder};
use sc_offchain::{OffchainWorkerOptions, OffchainWorkers};
use sc_service::{
	error::Error as ServiceError, BuildNetworkParams, Configuration, SpawnTasksParams,
	TFullBackend, TFullClient, TaskManager, WarpSyncConfig,
};
use sc_telemetry::Telemetry;
use sc_transaction_pool::TransactionPoolHandle;
use sc_transaction_pool_api::OffchainTransactionPoolFactory;
use sp_consensus_aura::sr25519::{AuthorityId as AuraId, AuthorityPair as AuraPair};
use spb_runtime::{apis::RuntimeApi, opaque::Block};
use std::{path::Path, sync::Arc, time::Duration};

/// The chain.
pub type FullClient = TFullClient<Block, RuntimeApi, Executor>;
/// The chain's database.
pub type FullBackend = TFullBackend<Block>;
/// The transaction pool.
pub type Pool = TransactionPoolHandle<Block, PoolClient>;

/// At least every so many blocks a justification is kept.
const JUSTIFICATION_PERIOD: u32 = 512;
/// How long a vote may take to reach everyone.
const GOSSIP_DURATION: Duration = Duration::from_millis(333);

/// An error of the node's own parts, as the service reports it.
fn own(error: impl std::error::Error + Send + Sync + 'static) -> ServiceError {
	ServiceError::Application(Box::new(error))
}

/// Starts a node.
pub fn run(
	mut config: Configuration,
	runtime_cache: Option<&Path>,
	keep: Keep,
	backbone: Extent,
	conduct: &Conduct,
) -> Result<TaskManager, ServiceError> {
	// The pallet's off-chain worker keeps the CTP database in order, on full nodes too.
	config.offchain_worker.enabled = true;

	let Core {
		client,
		backend,
		import_queue,
		mut task_manager,
		keystore,
		pool,
		select_chain,
		import,
		grandpa_link,
		mut telemetry,
		database,
		sidecars,
		unjudged,
		fetcher,
		restorer,
		metrics,
	} = core(&config, runtime_cache)?;

	let genesis = client.info().genesis_hash;
	let store = match config.database.path() {
		Some(_) => Store::open(&spb::store_path(&config.data_path), genesis).map_err(own)?,
		None => Store::in_memory(),
	};
	let store = Arc::new(store);
	let inbox = Inbox::open(store.clone(), Limits::NODE, genesis, metrics.clone()).map_err(own)?;
	let inbox = Arc::new(inbox);
	let trades = Arc::new(Trades::open(store).map_err(own)?);
	let events = Events::default();

	let Network {
		config: net_config,
		metrics: net_metrics,
		protocols,
		grandpa_protocol,
		grandpa_notifications,
		sidecar_requests,
		database_requests,
		relay_requests,
	} = Network::new(&config, &genesis);
	let slot_duration = sc_consensus_aura::slot_duration::<AuraId, _, _>(&*client)?;
	let announcements = SidecarAnnouncements {
		client: client.clone(),
		sidecars: sidecars.clone(),
		fetcher: fetcher.clone(),
		slot: slot_duration.as_duration(),
		metrics: metrics.clone(),
	};
	let ahead = AheadOf { sidecars: sidecars.clone(), fetcher: fetcher.clone() };

	let authorities = grandpa_link.shared_authority_set().clone();
	let warp_sync = Arc::new(sc_consensus_grandpa::warp_proof::NetworkProvider::new(
		backend.clone(),
		authorities.clone(),
		Vec::new(),
	));

	let (network, system_rpc_tx, tx_handler_controller, sync_service, _) =
		sc_service::build_network(BuildNetworkParams {
			config: &config,
			net_config,
			client: client.clone(),
			transaction_pool: pool.clone(),
			spawn_handle: task_manager.spawn_handle(),
			spawn_essential_handle: task_manager.spawn_essential_handle(),
			import_queue: AheadQueue::new(import_queue, Arc::new(ahead)),
			block_announce_validator_builder: Some(Box::new(|_| Box::new(announcements))),
			warp_sync_config: Some(WarpSyncConfig::WithProvider(warp_sync)),
			block_relay: None,
			metrics: net_metrics,
			gap_sync_body_policy: None,
		})?;

	let offchain_workers = OffchainWorkers::new(OffchainWorkerOptions {
		runtime_api_provider: client.clone(),
		keystore: Some(keystore.keystore()),
		offchain_db: backend.offchain_storage(),
		transaction_pool: Some(OffchainTransactionPoolFactory::new(pool.clone())),
		network_provider: Arc::new(network.clone()),
		is_validator: config.role.is_authority(),
		enable_http_requests: false,
		custom_extensions: |_| Vec::new(),
	})?;
	task_manager.spawn_handle().spawn(
		"offchain-workers-runner",
		"offchain-worker",
		offchain_workers.run(client.clone(), task_manager.spawn_handle()),
	);

	let feed = Feed {
		client: client.clone(),
		pool: pool.clone(),
		database: database.clone(),
		inbox: inbox.clone(),
		sidecars: sidecars.clone(),
		events: events.clone(),
	};
	let tidy = Tidy {
		client: client.clone(),
		pool: pool.clone(),
		database: database.clone(),
		inbox: inbox.clone(),
		sidecars: sidecars.clone(),
		stays: Default::default(),
		keep,
		unjudged: unjudged.clone(),
	};
	let watch = Watch::new(client.clone(), database.clone(), events.clone(), metrics.clone());
	let indexer = Indexer {
		client: client.clone(),
		database: database.clone(),
		trades: trades.clone(),
		aux: backend.clone(),
		metrics: metrics.clone(),
	};
	// Without one of them the node would go on and be wrong about trades: it stops instead.
	let spawner = task_manager.spawn_essential_handle();
	spawner.spawn_blocking("spb-feed", Some("spb"), feed.run());
	spawner.spawn_blocking("spb-tidy", Some("spb"), tidy.run());
	spawner.spawn_blocking("spb-watch", Some("spb"), watch.run());
	spawner.spawn_blocking("spb-indexer", Some("spb"), indexer.run());

	let sidecar_server = SidecarServer { sidecars: sidecars.clone(), metrics: metrics.clone() };
	let sidecar_server = conduct.sidecars(sidecar_server);
	let sidecar_server = Server::new(sidecar_requests, sidecar_server, metrics.clone());
	let database_server = DatabaseServer { databases: database.clone(), metrics: metrics.clone() };
	let database_server = conduct.databases(database_server);
	let database_server = Server::new(database_requests, database_server, metrics.clone());
	let peers = Arc::new(Connected { network: network.clone(), sync: sync_service.clone() });
	conduct.among(peers.clone(), protocols.clone(), task_manager.spawn_handle());
	spawner.spawn_blocking("spb-sidecar-server", Some("spb"), sidecar_server.run());
	spawner.spawn_blocking("spb-database-server", Some("spb"), database_server.run());
	spawner.spawn_blocking("spb-fetcher", Some("spb"), fetcher.run(peers.clone()));
	spawner.spawn_blocking("spb-restorer", Some("spb"), restorer.run(peers.clone()));

	let relay_metrics = RelayMetrics::new(config.prometheus_registry())?;
	let (ways, work) = Ways::new(relay_metrics.clone());
	let carrier = conduct.relay(ways.clone(), task_manager.spawn_handle());
	let peer = network.local_peer_id();
	let relay = Arc::new(Relay::new(&peer, genesis, backbone, ways, carrier, relay_metrics));
	let relay_server = RelayServer(relay.clone());
	let relay_server = Server::new(relay_requests, relay_server, metrics.clone());
	let worker = Worker {
		work,
		lists: directory::lists(client.clone(), database.clone()),
		peers,
		protocol: protocols.relay,
		timing: Timing::NODE,
	};
	spawner.spawn_blocking("spb-relay-server", Some("spb"), relay_server.run());
	spawner.spawn_blocking("spb-relay", Some("spb"), relay.clone().run(worker));

	// Without it the node merely does not say how full the disk is.
	let disk = Disk { folder: config.data_path.clone(), metrics: metrics.clone() };
	task_manager.spawn_handle().spawn_blocking("spb-disk", Some("spb"), disk.run());

	let voter = SharedVoterState::empty();
	let rpc_builder = {
		let (client, pool, database) = (client.clone(), pool.clone(), database.clone());
		let (inbox, trades, events) = (inbox.clone(), trades.clone(), events.clone());
		let sidecars = sidecars.clone();
		let (identity, conduct) = (Arc::new(NetworkIdentity(network.clone())), conduct.clone());
		let finality = rpc::Finality {
			justifications: grandpa_link.justification_stream(),
			authorities: authorities.clone(),
			voter: voter.clone(),
			proofs: FinalityProofProvider::new_for_service(backend.clone(), Some(authorities)),
		};
		Box::new(move |executor| {
			let spb = rpc::Spb {
				client: client.clone(),
				database: database.clone(),
				inbox: inbox.clone(),
				trades: trades.clone(),
				events: events.clone(),
				sidecars: sidecars.clone(),
			};
			let relay = RelayRpc { relay: relay.clone(), identity: identity.clone() };
			let relay = conduct.relay_calls(relay.into_rpc()).map_err(own)?;
			rpc::module(spb, relay, pool.clone(), finality.clone(), executor).map_err(own)
		})
	};

	let (role, force_authoring) = (config.role, config.force_authoring);
	let (name, votes) = (config.network.node_name.clone(), !config.disable_grandpa);
	let registry = config.prometheus_registry().cloned();

	sc_service::spawn_tasks(SpawnTasksParams {
		config,
		client: client.clone(),
		backend,
		task_manager: &mut task_manager,
		keystore: keystore.keystore(),
		transaction_pool: pool.clone(),
		rpc_builder,
		network: network.clone(),
		system_rpc_tx,
		tx_handler_controller,
		sync_service: sync_service.clone(),
		telemetry: telemetry.as_mut(),
		tracing_execute_block: None,
	})?;

	if role.is_authority() {
		let ordinary = sc_basic_authorship::ProposerFactory::new(
			task_manager.spawn_handle(),
			client.clone(),
			Arc::new(ProposerPool::new(pool.clone())),
			registry.as_ref(),
			telemetry.as_ref().map(Telemetry::handle),
		);
		let proposer_factory = SealingFactory::new(
			ordinary,
			conduct.rules(database, genesis),
			inbox,
			sidecars,
			unjudged.clone(),
			metrics.clone(),
			task_manager.spawn_handle(),
		);
		let aura = sc_consensus_aura::start_aura::<AuraPair, _, _, _, _, _, _, _, _, (), _>(
			StartAuraParams {
				slot_duration,
				client: client.clone(),
				select_chain,
				block_import: conduct.own_blocks(import),
				proposer_factory: conduct.proposers(proposer_factory),
				create_inherent_data_providers: SlotAndTime { client, metrics },
				force_authoring,
				backoff_authoring_blocks: None,
				keystore: keystore.keystore(),
				sync_oracle: sync_service.clone(),
				justification_sync_link: sync_service.clone(),
				block_proposal_slot_portion: SlotProportion::new(2f32 / 3f32),
				max_block_proposal_slot_portion: None,
				telemetry: telemetry.as_ref().map(Telemetry::handle),
				compatibility_mode: Default::default(),
			},
		)?;
		let essential = task_manager.spawn_essential_handle();
		essential.spawn_blocking("aura", Some("block-authoring"), aura);
	}

	if votes {
		let telemetry = telemetry.as_ref().map(Telemetry::handle);
		let config = sc_consensus_grandpa::Config {
			gossip_duration: GOSSIP_DURATION,
			justification_generation_period: JUSTIFICATION_PERIOD,
			name: Some(name),
			observer_enabled: false,
			// Who does not vote needs no keys.
			keystore: role.is_authority().then(|| keystore.keystore()),
			local_role: role,
			telemetry: telemetry.clone(),
			protocol_name: grandpa_protocol,
		};
		let voter = sc_consensus_grandpa::run_grandpa_voter(sc_consensus_grandpa::GrandpaParams {
			config,
			link: grandpa_link,
			network,
			sync: sync_service,
			notification_service: grandpa_notifications,
			voting_rule: VotingRulesBuilder::default().add(JudgedOnly(unjudged)).build(),
			prometheus_registry: registry,
			shared_voter_state: voter,
			telemetry,
			offchain_tx_pool_factory: OffchainTransactionPoolFactory::new(pool),
		})?;
		let essential = task_manager.spawn_essential_handle();
		essential.spawn_blocking("grandpa-voter", None, voter);
	}

	Ok(task_manager)
}
