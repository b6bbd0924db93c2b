//! The chain, and how blocks come in.

use super::{own, FullBackend, FullClient, Pool, JUSTIFICATION_PERIOD};
use crate::{
	executor::{self, Executor},
	spb::{
		import::DatabaseImport,
		inherent::SealExpected,
		metrics::Metrics,
		network::{
			fetcher::{self, Fetcher},
			restorer::{self, Restorer},
			source::PeerSource,
			Protocols,
		},
		refold::OwnSidecars,
		runtime::CtpDatabase,
		sidecars::Sidecars,
		unjudged::{JudgedChain, Unjudged},
		verify::{PoolClient, Verified},
		Hash,
	},
};
use sc_client_api::HeaderBackend;
use sc_consensus::{DefaultImportQueue, LongestChain};
use sc_consensus_aura::ImportQueueParams;
use sc_consensus_grandpa::{GrandpaBlockImport, LinkHalf};
use sc_service::{error::Error as ServiceError, Configuration, KeystoreContainer, TaskManager};
use sc_telemetry::{Telemetry, TelemetryWorker};
use sp_consensus_aura::sr25519::{AuthorityId as AuraId, AuthorityPair as AuraPair};
use sp_inherents::CreateInherentDataProviders;
use sp_timestamp::InherentDataProvider as Timestamp;
use spb_runtime::{apis::RuntimeApi, opaque::Block};
use std::{path::Path, sync::Arc};

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
	pub(super) keystore: KeystoreContainer,
	pub(super) pool: Arc<Pool>,
	pub(super) select_chain: SelectChain,
	pub(super) import: Import,
	pub(super) grandpa_link: LinkHalf<Block, FullClient, SelectChain>,
	pub(super) telemetry: Option<Telemetry>,
	pub(super) database: Arc<CtpDatabase>,
	pub(super) sidecars: Arc<Sidecars<FullBackend>>,
	pub(super) unjudged: Arc<Unjudged<FullBackend>>,
	pub(super) fetcher: Arc<Fetcher<FullBackend>>,
	pub(super) restorer: Arc<Restorer<CtpDatabase>>,
	pub(super) metrics: Metrics,
}

/// The inherents of every block that do not come from its proposer: its slot and its time.
#[derive(Clone)]
pub(super) struct SlotAndTime {
	pub(super) client: Arc<FullClient>,
	pub(super) metrics: Metrics,
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
