//! The wiring: which part of the node talks to which. No logic.

use crate::{
	executor::{self, Executor},
	spb::{
		self,
		conduct::Conduct,
		disk::Disk,
		events::{Events, Watch},
		feed::Feed,
		finality::{Keep, Tidy},
		import::DatabaseImport,
		inbox::{Inbox, Limits},
		indexer::Indexer,
		inherent::SealExpected,
		metrics::Metrics,
		network::{
			self,
			announce::SidecarAnnouncements,
			fetcher::{self, Fetcher},
			peers::Connected,
			queue::{AheadOf, AheadQueue},
			restorer::{self, Restorer},
			server::{DatabaseServer, Server, SidecarServer},
			source::PeerSource,
			Protocols,
		},
		pool::ProposerPool,
		proposer::SealingFactory,
		refold::OwnSidecars,
		relay::{
			self,
			carrier::Ways,
			directory::{self, Extent},
			listing::NetworkIdentity,
			metrics::RelayMetrics,
			node::{Relay, Timing, Worker},
			protocol::RelayServer,
			rpc::{RelayApiServer, RelayRpc},
		},
		rpc,
		runtime::CtpDatabase,
		sidecars::Sidecars,
		store::Store,
		trades::Trades,
		unjudged::{JudgedChain, JudgedOnly, Unjudged},
		verify::{PoolClient, Verified},
		Hash,
	},
};
use sc_client_api::{Backend, HeaderBackend};
use sc_consensus::{DefaultImportQueue, LongestChain};
use sc_consensus_aura::{ImportQueueParams, SlotProportion, StartAuraParams};
use sc_consensus_grandpa::{
	FinalityProofProvider, GrandpaBlockImport, LinkHalf, SharedVoterState, VotingRulesBuilder,
};
use sc_network::{config::FullNetworkConfiguration, Litep2pNetworkBackend, NetworkBackend};
use sc_offchain::{OffchainWorkerOptions, OffchainWorkers};
use sc_service::{
	error::Error as ServiceError, BuildNetworkParams, Configuration, KeystoreContainer,
	SpawnTasksParams, TFullBackend, TFullClient, TaskManager, WarpSyncConfig,
};
use sc_telemetry::{Telemetry, TelemetryWorker};
use sc_transaction_pool::TransactionPoolHandle;
use sc_transaction_pool_api::OffchainTransactionPoolFactory;
use sp_consensus_aura::sr25519::{AuthorityId as AuraId, AuthorityPair as AuraPair};
use sp_inherents::CreateInherentDataProviders;
use sp_timestamp::InherentDataProvider as Timestamp;
use spb_runtime::{apis::RuntimeApi, opaque::Block};
use std::{path::Path, sync::Arc, time::Duration};

/// The chain.
pub type FullClient = TFullClient<Block, RuntimeApi, Executor>;
/// The chain's database.
pub type FullBackend = TFullBackend<Block>;
/// The transaction pool.
pub type Pool = TransactionPoolHandle<Block, PoolClient>;
/// Says which chain is best.
type SelectChain = JudgedChain<LongestChain<FullBackend, Block>, FullClient, FullBackend>;
/// Block import from GRANDPA on.
type Grandpa = GrandpaBlockImport<FullBackend, Block, FullClient, SelectChain>;
/// Block import from the check of the CTP database on.
type Import = DatabaseImport<
	Grandpa,
	CtpDatabase,
	PeerSource<FullBackend>,
	Restorer<CtpDatabase>,
	FullBackend,
>;

/// At least every so many blocks a justification is kept.
const JUSTIFICATION_PERIOD: u32 = 512;
/// How long a vote may take to reach everyone.
const GOSSIP_DURATION: Duration = Duration::from_millis(333);

/// What every command needs that touches the chain.
pub struct Core {
	/// The chain.
	pub client: Arc<FullClient>,
	/// The chain's database.
	pub backend: Arc<FullBackend>,
	/// Takes in blocks.
	pub import_queue: DefaultImportQueue<Block>,
	/// Runs what runs beside.
	pub task_manager: TaskManager,
	keystore: KeystoreContainer,
	pool: Arc<Pool>,
	select_chain: SelectChain,
	import: Import,
	grandpa_link: LinkHalf<Block, FullClient, SelectChain>,
	telemetry: Option<Telemetry>,
	database: Arc<CtpDatabase>,
	sidecars: Arc<Sidecars<FullBackend>>,
	unjudged: Arc<Unjudged<FullBackend>>,
	fetcher: Arc<Fetcher<FullBackend>>,
	restorer: Arc<Restorer<CtpDatabase>>,
	metrics: Metrics,
}

/// An error of the node's own parts, as the service reports it.
fn own(error: impl std::error::Error + Send + Sync + 'static) -> ServiceError {
	ServiceError::Application(Box::new(error))
}

/// The inherents of every block that do not come from its proposer: its slot and its time.
#[derive(Clone)]
struct SlotAndTime {
	client: Arc<FullClient>,
	metrics: Metrics,
}

#[async_trait::async_trait]
impl CreateInherentDataProviders<Block, ()> for SlotAndTime {
	type InherentDataProviders =
		(sp_consensus_aura::inherents::InherentDataProvider, Timestamp, SealExpected);

	async fn create_inherent_data_providers(
		&self,
		parent: Hash,
		(): (),
	) -> Result<Self::InherentDataProviders, Box<dyn std::error::Error + Send + Sync>> {
		let duration = sc_consensus_aura::standalone::slot_duration_at::<AuraId, Block, _>(
			&*self.client,
			parent,
		)?;
		let time = Timestamp::from_system_time();
		let slot =
			sp_consensus_aura::inherents::InherentDataProvider::from_timestamp_and_slot_duration(
				*time, duration,
			);
		Ok((slot, time, SealExpected(self.metrics.clone())))
	}
}

/// Opens the chain and puts together how blocks come in. Compiled runtimes are kept in the folder
/// `runtime_cache`, if one is given.
pub fn core(config: &Configuration, runtime_cache: Option<&Path>) -> Result<Core, ServiceError> {
	let telemetry = config
		.telemetry_endpoints
		.clone()
		.filter(|endpoints| !endpoints.is_empty())
		.map(|endpoints| -> Result<_, sc_telemetry::Error> {
			let worker = TelemetryWorker::new(16)?;
			let telemetry = worker.handle().new_telemetry(endpoints);
			Ok((worker, telemetry))
		})
		.transpose()?;

	let executor: Executor = executor::new(&config.executor, runtime_cache).map_err(own)?;
	let (client, backend, keystore, task_manager) =
		sc_service::new_full_parts::<Block, RuntimeApi, _>(
			config,
			telemetry.as_ref().map(|(_, telemetry)| telemetry.handle()),
			executor,
			Vec::new(),
		)?;
	let client = Arc::new(client);
	let telemetry = telemetry.map(|(worker, telemetry)| {
		task_manager.spawn_handle().spawn("telemetry", None, worker.run());
		telemetry
	});

	let unjudged = Arc::new(Unjudged::open(backend.clone()).map_err(own)?);
	let longest = LongestChain::new(backend.clone());
	let select_chain = JudgedChain::new(longest, client.clone(), unjudged.clone());
	let metrics = Metrics::new(config.prometheus_registry())?;
	let verified = Arc::new(Verified::new(metrics.clone()));
	let pool = sc_transaction_pool::Builder::new(
		task_manager.spawn_essential_handle(),
		Arc::new(PoolClient::new(client.clone(), verified.clone())),
		config.role.is_authority().into(),
	)
	.with_options(config.transaction_pool.clone())
	.with_prometheus(config.prometheus_registry())
	.build();

	let (grandpa, grandpa_link) = sc_consensus_grandpa::block_import(
		client.clone(),
		JUSTIFICATION_PERIOD,
		&client,
		select_chain.clone(),
		telemetry.as_ref().map(Telemetry::handle),
	)?;

	let database = CtpDatabase::new(client.clone(), &backend, verified).map_err(own)?;
	let database = Arc::new(database);
	let sidecars = Arc::new(Sidecars::new(backend.clone(), metrics.clone()));
	let genesis = client.info().genesis_hash;
	let protocols = Protocols::new(&genesis);
	let fetcher = Arc::new(Fetcher::new(
		sidecars.clone(),
		protocols.sidecar,
		fetcher::Timing::NODE,
		metrics.clone(),
	));
	let own_sidecars = OwnSidecars {
		client: client.clone(),
		database: database.clone(),
		sidecars: sidecars.clone(),
	};
	let restorer = Arc::new(Restorer::new(
		database.clone(),
		Arc::new(own_sidecars),
		protocols.database,
		genesis,
		restorer::Timing::NODE,
		metrics.clone(),
	));
	let import = DatabaseImport::new(
		grandpa.clone(),
		database.clone(),
		Arc::new(PeerSource::new(sidecars.clone(), fetcher.clone())),
		restorer.clone(),
		sidecars.clone(),
		unjudged.clone(),
		metrics.clone(),
	);

	let import_queue =
		sc_consensus_aura::import_queue::<AuraPair, _, _, _, _, _>(ImportQueueParams {
			block_import: import.clone(),
			justification_import: Some(Box::new(grandpa)),
			client: client.clone(),
			create_inherent_data_providers: SlotAndTime {
				client: client.clone(),
				metrics: metrics.clone(),
			},
			spawner: &task_manager.spawn_essential_handle(),
			registry: config.prometheus_registry(),
			check_for_equivocation: Default::default(),
			telemetry: telemetry.as_ref().map(Telemetry::handle),
			compatibility_mode: Default::default(),
		})?;

	Ok(Core {
		client,
		backend,
		import_queue,
		task_manager,
		keystore,
		pool: Arc::new(pool),
		select_chain,
		import,
		grandpa_link,
		telemetry,
		database,
		sidecars,
		unjudged,
		fetcher,
		restorer,
		metrics,
	})
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

	let mut net_config = FullNetworkConfiguration::<Block, Hash, Litep2pNetworkBackend>::new(
		&config.network,
		config.prometheus_registry().cloned(),
	);
	let net_metrics =
		<Litep2pNetworkBackend as NetworkBackend<Block, Hash>>::register_notification_metrics(
			config.prometheus_registry(),
		);
	let grandpa_protocol =
		sc_consensus_grandpa::protocol_standard_name(&genesis, &config.chain_spec);
	let (grandpa_config, grandpa_notifications) =
		sc_consensus_grandpa::grandpa_peers_set_config::<Block, Litep2pNetworkBackend>(
			grandpa_protocol.clone(),
			net_metrics.clone(),
			net_config.peer_store_handle(),
		);
	net_config.add_notification_protocol(grandpa_config);

	let protocols = Protocols::new(&genesis);
	let (sidecar_config, sidecar_requests) =
		network::protocol::<Litep2pNetworkBackend>(protocols.sidecar.clone());
	net_config.add_request_response_protocol(sidecar_config);
	let (database_config, database_requests) =
		network::protocol::<Litep2pNetworkBackend>(protocols.database.clone());
	net_config.add_request_response_protocol(database_config);
	let (relay_config, relay_requests) =
		relay::protocol::protocol::<Litep2pNetworkBackend>(protocols.relay.clone());
	net_config.add_request_response_protocol(relay_config);
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
