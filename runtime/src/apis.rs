//! What the runtime answers.

use crate::{
	calls, genesis, AccountId, Aura, Balance, Block, BlockNumber, Executive, Grandpa, Header,
	InherentDataExt, Nonce, Runtime, RuntimeCall, RuntimeEvent, RuntimeGenesisConfig, SessionKeys,
	Spb, System, TransactionPayment, UncheckedExtrinsic, VERSION,
};
use alloc::vec::Vec;
use codec::Encode;
use frame_support::{
	genesis_builder_helper::{build_state, get_preset},
	weights::Weight,
};
use pallet_spb::{
	block::{self, Judged},
	database::{
		self,
		restore::{restore, Target},
		store::Offchain,
	},
	rules::Chain,
	runtime_api::{
		BlockChanges, CtpFilter, DatabaseSummary, Missing, NotRestored, OpenCtp, PaidCtp, Prepared,
		RestoreStep, Restoring, SettledCtp, Verdict,
	},
	types::{
		BackboneNode, EnergyAccount, ListedMeter, MeterPage, OfferFilter, OfferInfo, Page, Seal,
		VaultInfo, MAX_PAGE,
	},
	Call, Config, Event,
};
use sp_api::impl_runtime_apis;
use sp_consensus_aura::{
	digests::CompatibleDigestItem,
	sr25519::{AuthorityId as AuraId, AuthoritySignature as AuraSignature},
};
use sp_core::{crypto::KeyTypeId, OpaqueMetadata, H256};
use sp_inherents::{CheckInherentsResult, InherentData};
use sp_runtime::{
	traits::{Block as BlockT, LazyBlock as _, NumberFor},
	transaction_validity::{TransactionSource, TransactionValidity},
	ApplyExtrinsicResult, ExtrinsicInclusionMode,
};
use spb_primitives::{
	CtpId, DatabaseDigest, InclusionProof, Limits, Message, MeterKey, MeterProof, Money, OfferId,
	Parameters, ReceiptKey, Refusal, VaultId,
};

type MaxSettlements = <Runtime as Config>::MaxSettlements;

/// The messages among encoded extrinsics.
fn messages(extrinsics: &[Vec<u8>]) -> Vec<Option<Message>> {
	calls(extrinsics)
		.map(|call| match call {
			Some(RuntimeCall::Spb(call)) => Spb::message(&call),
			_ => None,
		})
		.collect()
}

/// Whether number and slot of a block come after those of its parent, at whose state this is asked.
fn follows(header: &Header) -> bool {
	// An upgrade may count slots anew before the block begins: then only the block itself can tell.
	let upgraded = frame_system::LastRuntimeUpgrade::<Runtime>::get()
		.is_none_or(|last| last.was_upgraded(&VERSION));
	let slot = header
		.digest
		.logs
		.iter()
		.find_map(CompatibleDigestItem::<AuraSignature>::as_aura_pre_digest);
	let later = slot.is_none_or(|slot| slot > pallet_aura::CurrentSlot::<Runtime>::get());
	System::block_number().checked_add(1) == Some(header.number) && (later || upgraded)
}

/// The database after a block, for a query at that block.
fn database(hash: &H256) -> Result<database::Database<'static, Offchain>, Missing> {
	block::open(&Offchain, hash, System::block_number() == 0)
}

impl_runtime_apis! {
	impl sp_api::Core<Block> for Runtime {
		fn version() -> sp_version::RuntimeVersion {
			VERSION
		}

		fn execute_block(block: <Block as BlockT>::LazyBlock) {
			Executive::execute_block(block);
		}

		fn initialize_block(header: &<Block as BlockT>::Header) -> ExtrinsicInclusionMode {
			Executive::initialize_block(header)
		}
	}

	impl sp_api::Metadata<Block> for Runtime {
		fn metadata() -> OpaqueMetadata {
			OpaqueMetadata::new(Runtime::metadata().into())
		}

		fn metadata_at_version(version: u32) -> Option<OpaqueMetadata> {
			Runtime::metadata_at_version(version)
		}

		fn metadata_versions() -> Vec<u32> {
			Runtime::metadata_versions()
		}
	}

	impl frame_support::view_functions::runtime_api::RuntimeViewFunction<Block> for Runtime {
		fn execute_view_function(
			id: frame_support::view_functions::ViewFunctionId,
			input: Vec<u8>,
		) -> Result<Vec<u8>, frame_support::view_functions::ViewFunctionDispatchError> {
			Runtime::execute_view_function(id, input)
		}
	}

	impl sp_block_builder::BlockBuilder<Block> for Runtime {
		fn apply_extrinsic(extrinsic: <Block as BlockT>::Extrinsic) -> ApplyExtrinsicResult {
			Executive::apply_extrinsic(extrinsic)
		}

		fn finalize_block() -> <Block as BlockT>::Header {
			Executive::finalize_block()
		}

		fn inherent_extrinsics(data: InherentData) -> Vec<<Block as BlockT>::Extrinsic> {
			data.create_extrinsics()
		}

		fn check_inherents(
			block: <Block as BlockT>::LazyBlock,
			data: InherentData,
		) -> CheckInherentsResult {
			data.check_extrinsics(&block)
		}
	}

	impl sp_transaction_pool::runtime_api::TaggedTransactionQueue<Block> for Runtime {
		fn validate_transaction(
			source: TransactionSource,
			tx: <Block as BlockT>::Extrinsic,
			block_hash: <Block as BlockT>::Hash,
		) -> TransactionValidity {
			Executive::validate_transaction(source, tx, block_hash)
		}
	}

	impl sp_offchain::OffchainWorkerApi<Block> for Runtime {
		fn offchain_worker(header: &<Block as BlockT>::Header) {
			Executive::offchain_worker(header)
		}
	}

	impl sp_consensus_aura::AuraApi<Block, AuraId> for Runtime {
		fn slot_duration() -> sp_consensus_aura::SlotDuration {
			sp_consensus_aura::SlotDuration::from_millis(Aura::slot_duration())
		}

		fn authorities() -> Vec<AuraId> {
			pallet_aura::Authorities::<Runtime>::get().into_inner()
		}
	}

	impl sp_session::SessionKeys<Block> for Runtime {
		fn generate_session_keys(
			owner: Vec<u8>,
			seed: Option<Vec<u8>>,
		) -> sp_session::OpaqueGeneratedSessionKeys {
			SessionKeys::generate(&owner, seed).into()
		}

		fn decode_session_keys(encoded: Vec<u8>) -> Option<Vec<(Vec<u8>, KeyTypeId)>> {
			SessionKeys::decode_into_raw_public_keys(&encoded)
		}
	}

	impl sp_consensus_grandpa::GrandpaApi<Block> for Runtime {
		fn grandpa_authorities() -> sp_consensus_grandpa::AuthorityList {
			Grandpa::grandpa_authorities()
		}

		fn current_set_id() -> sp_consensus_grandpa::SetId {
			Grandpa::current_set_id()
		}

		fn submit_report_equivocation_unsigned_extrinsic(
			_equivocation_proof: sp_consensus_grandpa::EquivocationProof<
				<Block as BlockT>::Hash,
				NumberFor<Block>,
			>,
			_key_owner_proof: sp_consensus_grandpa::OpaqueKeyOwnershipProof,
		) -> Option<()> {
			None
		}

		fn generate_key_ownership_proof(
			_set_id: sp_consensus_grandpa::SetId,
			_authority_id: sp_consensus_grandpa::AuthorityId,
		) -> Option<sp_consensus_grandpa::OpaqueKeyOwnershipProof> {
			None
		}
	}

	impl frame_system_rpc_runtime_api::AccountNonceApi<Block, AccountId, Nonce> for Runtime {
		fn account_nonce(account: AccountId) -> Nonce {
			System::account_nonce(account)
		}
	}

	impl pallet_transaction_payment_rpc_runtime_api::TransactionPaymentApi<Block, Balance>
		for Runtime
	{
		fn query_info(
			uxt: <Block as BlockT>::Extrinsic,
			len: u32,
		) -> pallet_transaction_payment_rpc_runtime_api::RuntimeDispatchInfo<Balance> {
			TransactionPayment::query_info(uxt, len)
		}

		fn query_fee_details(
			uxt: <Block as BlockT>::Extrinsic,
			len: u32,
		) -> pallet_transaction_payment::FeeDetails<Balance> {
			TransactionPayment::query_fee_details(uxt, len)
		}

		fn query_weight_to_fee(weight: Weight) -> Balance {
			TransactionPayment::weight_to_fee(weight)
		}

		fn query_length_to_fee(length: u32) -> Balance {
			TransactionPayment::length_to_fee(length)
		}
	}

	impl pallet_transaction_payment_rpc_runtime_api::TransactionPaymentCallApi<
		Block,
		Balance,
		RuntimeCall,
	> for Runtime
	{
		fn query_call_info(
			call: RuntimeCall,
			len: u32,
		) -> pallet_transaction_payment::RuntimeDispatchInfo<Balance> {
			TransactionPayment::query_call_info(call, len)
		}

		fn query_call_fee_details(
			call: RuntimeCall,
			len: u32,
		) -> pallet_transaction_payment::FeeDetails<Balance> {
			TransactionPayment::query_call_fee_details(call, len)
		}

		fn query_weight_to_fee(weight: Weight) -> Balance {
			TransactionPayment::weight_to_fee(weight)
		}

		fn query_length_to_fee(length: u32) -> Balance {
			TransactionPayment::length_to_fee(length)
		}
	}

	impl sp_genesis_builder::GenesisBuilder<Block> for Runtime {
		fn build_state(config: Vec<u8>) -> sp_genesis_builder::Result {
			build_state::<RuntimeGenesisConfig>(config)
		}

		fn get_preset(id: &Option<sp_genesis_builder::PresetId>) -> Option<Vec<u8>> {
			get_preset::<RuntimeGenesisConfig>(id, genesis::preset)
		}

		fn preset_names() -> Vec<sp_genesis_builder::PresetId> {
			genesis::preset_names()
		}
	}

	impl pallet_spb::runtime_api::SpbApi<Block> for Runtime {
		fn parameters() -> Parameters {
			Spb::parameters()
		}

		fn entry_lifetime() -> BlockNumber {
			Spb::chain().entry_lifetime()
		}

		fn limits() -> Limits {
			Spb::limits()
		}

		fn fee() -> Money {
			Spb::limits().fee
		}

		fn offers(filter: OfferFilter, page: Page) -> Vec<OfferInfo> {
			Spb::offers(&filter, &page)
		}

		fn offer(id: OfferId) -> Option<OfferInfo> {
			Spb::offer(id)
		}

		fn vault(id: VaultId) -> Option<VaultInfo> {
			Spb::vault(id)
		}

		fn vault_of(owner: AccountId) -> Option<VaultInfo> {
			let id = pallet_spb::VaultOf::<Runtime>::get(owner)?;
			Spb::vault(id)
		}

		fn energy_account(producer: AccountId) -> Option<EnergyAccount> {
			Spb::energy_account(&producer)
		}

		fn check_meter_proof(key: ReceiptKey, proof: MeterProof) -> Result<(), Refusal> {
			let chain = Spb::chain();
			proof.verify(&key, chain.now().saturating_add(1), &chain.genesis(), &chain)
		}

		fn backbone() -> Vec<BackboneNode> {
			Spb::backbone()
		}

		fn meters(after: Option<MeterKey>, limit: u32) -> MeterPage {
			Spb::meters(after, limit)
		}

		fn meter_count() -> u32 {
			pallet_spb::Meters::<Runtime>::count()
		}

		fn meter_of(key: MeterKey) -> Option<ListedMeter> {
			Spb::meter(&key)
		}
	}

	impl pallet_spb::runtime_api::CtpDatabaseApi<Block> for Runtime {
		fn prepare(header: Header, candidates: Vec<Vec<u8>>) -> Result<Prepared, Missing> {
			Executive::initialize_block(&header);
			let chain = Spb::chain();
			let parent = header.parent_hash;
			let (full, outcomes) = block::prepare::<_, _, MaxSettlements>(
				&chain,
				&Offchain,
				&parent,
				&messages(&candidates),
			)?;
			let (empty, _) =
				block::prepare::<_, _, MaxSettlements>(&chain, &Offchain, &parent, &[])?;
			Ok(Prepared {
				inherent: (full.seal, empty.seal).encode(),
				sidecars: alloc::vec![full.sidecar, empty.sidecar],
				outcomes,
			})
		}

		fn check(
			hash: H256,
			block: <Block as BlockT>::LazyBlock,
			sidecar: Vec<u8>,
		) -> Verdict {
			let header = block.header();
			// Where the runtime would trap, a node could not tell the block from its own failure.
			if !follows(header) {
				return Verdict::Bad(Refusal::DoesNotFollow);
			}
			let Ok(extrinsics) = block.extrinsics().collect::<Result<Vec<_>, _>>() else {
				return Verdict::Bad(Refusal::BadExtrinsic);
			};
			Executive::initialize_block(header);
			let seals: Vec<&Seal<MaxSettlements>> = extrinsics
				.iter()
				.filter_map(|extrinsic| match &extrinsic.function {
					RuntimeCall::Spb(Call::seal { seal }) => Some(seal),
					_ => None,
				})
				.collect();
			let judged = Judged {
				hash,
				parent: header.parent_hash,
				digest: DatabaseDigest::find(&header.digest),
				seals,
				sidecar: &sidecar,
			};
			block::check(&Spb::chain(), &Offchain, &judged)
		}

		fn restore(header: Header, step: RestoreStep) -> Result<Restoring, NotRestored> {
			let digest = DatabaseDigest::find(&header.digest).ok_or(NotRestored::NoDigest)?;
			let chain = Spb::chain();
			let (parameters, limits) = (chain.parameters(), chain.limits());
			let target = Target {
				block: header.hash(),
				number: header.number,
				parent: header.parent_hash,
				root: digest.database_root,
				live_from: header.number.saturating_add(1).saturating_sub(parameters.grace),
				max_open: limits.max_open,
				genesis: chain.genesis(),
			};
			restore(&Offchain, &target, step)
		}

		fn has_database(hash: H256) -> bool {
			database(&hash).is_ok()
		}

		fn entries(
			hash: H256,
			filter: CtpFilter,
			after: Option<(BlockNumber, CtpId)>,
			limit: u32,
		) -> Result<Vec<OpenCtp>, Missing> {
			Ok(database(&hash)?.list(&filter, after, limit.min(MAX_PAGE) as usize)?)
		}

		fn entry(hash: H256, id: CtpId) -> Result<Option<OpenCtp>, Missing> {
			Ok(database(&hash)?.entry(&id)?.map(|signed| OpenCtp { id, signed }))
		}

		fn summary(hash: H256) -> Result<DatabaseSummary, Missing> {
			Ok(database(&hash)?.summary()?)
		}

		fn proof(hash: H256, id: CtpId) -> Result<Option<(OpenCtp, InclusionProof)>, Missing> {
			Ok(database(&hash)?.proof(&id)?)
		}

		fn changes(hash: H256) -> Result<BlockChanges, Missing> {
			if System::block_number() == 0 {
				return Ok(BlockChanges::default());
			}
			database::changes(&Offchain, &hash)
		}

		fn note_final(number: BlockNumber, hash: H256) {
			database::note_final(&Offchain, number, hash);
		}

		fn message_ids(extrinsics: Vec<Vec<u8>>) -> Vec<Option<CtpId>> {
			messages(&extrinsics)
				.into_iter()
				.map(|message| message.map(|message| Spb::message_id(&message)))
				.collect()
		}

		fn messages_of(sidecar: Vec<u8>) -> Vec<Vec<u8>> {
			let calls = Spb::messages_of(&sidecar);
			let bare = |call| UncheckedExtrinsic::new_bare(RuntimeCall::Spb(call)).encode();
			calls.into_iter().map(bare).collect()
		}

		fn still_useful(hash: H256, extrinsics: Vec<Vec<u8>>) -> Result<Vec<bool>, Missing> {
			block::still_useful(&Spb::chain(), &mut database(&hash)?, &messages(&extrinsics))
		}

		fn settlements(extrinsics: Vec<Vec<u8>>) -> Vec<SettledCtp> {
			let genesis = Spb::chain().genesis();
			calls(&extrinsics)
				.filter_map(|call| match call {
					Some(RuntimeCall::Spb(Call::seal { seal })) => Some(seal.settlements),
					_ => None,
				})
				.flatten()
				.map(|settlement| {
					let id = CtpId::of(&settlement.ctp.ctp, &genesis);
					SettledCtp { id, settlement }
				})
				.collect()
		}

		fn paid() -> Vec<PaidCtp> {
			System::read_events_no_consensus()
				.filter_map(|record| match &record.event {
					RuntimeEvent::Spb(Event::TradeSettled { id, payment, fee, .. }) => {
						Some(PaidCtp { id: *id, payment: *payment, fee: *fee })
					},
					_ => None,
				})
				.collect()
		}
	}

	#[cfg(feature = "runtime-benchmarks")]
	impl frame_benchmarking::Benchmark<Block> for Runtime {
		fn benchmark_metadata(
			extra: bool,
		) -> (Vec<frame_benchmarking::BenchmarkList>, Vec<frame_support::traits::StorageInfo>) {
			crate::benchmarks::metadata(extra)
		}

		fn dispatch_benchmark(
			config: frame_benchmarking::BenchmarkConfig,
		) -> Result<Vec<frame_benchmarking::BenchmarkBatch>, alloc::string::String> {
			crate::benchmarks::dispatch(&config)
		}
	}

	#[cfg(feature = "try-runtime")]
	impl frame_try_runtime::TryRuntime<Block> for Runtime {
		fn on_runtime_upgrade(
			checks: frame_try_runtime::UpgradeCheckSelect,
		) -> (Weight, Weight) {
			let weight = Executive::try_runtime_upgrade(checks).expect("the upgrade's checks hold");
			(weight, crate::configs::RuntimeBlockWeights::get().max_block)
		}

		fn execute_block(
			block: <Block as BlockT>::LazyBlock,
			state_root_check: bool,
			signature_check: bool,
			select: frame_try_runtime::TryStateSelect,
		) -> Weight {
			Executive::try_execute_block(block, state_root_check, signature_check, select)
				.expect("the block executes")
		}
	}
}
