//! JSON-RPC: what a node tells about CTPs and trades, the calls that every node has, and those of the
//! backbone ([`super::relay::rpc`]).
//!
//! Blocks are given by hash or by number on the best chain; without one, the best block is meant.
//! A parameter that is not understood is answered with code -32602 and what would be; other codes
//! are in [`error`].

pub mod answers;
pub mod error;
pub mod params;

use super::{
	events::{CtpEvent, Events},
	inbox::Inbox,
	relay::rpc::RelayRpc,
	runtime::CtpDatabase,
	sidecars::Sidecars,
	trades::{Place, Trades},
	Header, LOG_TARGET,
};
use crate::service::{FullBackend, FullClient, Pool};
use answers::{
	BlockAnswer, DatabaseAnswer, EntriesAnswer, EntryAnswer, EntryPlace, EventAnswer, ProofAnswer,
	SidecarAnswer, StatusAnswer, TradeAnswer, TradePlace, TradesAnswer,
};
use error::RpcError;
use jsonrpsee::{
	core::{async_trait, SubscriptionResult},
	proc_macros::rpc,
	PendingSubscriptionSink, RpcModule, SubscriptionMessage,
};
use pallet_spb::runtime_api::{CtpFilter, SettledCtp};
use params::{AfterEntry, AfterTrade, BlockRef, Id, PartyRef, Rows};
use sc_client_api::HeaderBackend;
use sc_consensus_grandpa::{
	FinalityProofProvider, GrandpaJustificationStream, SharedAuthoritySet, SharedVoterState,
};
use sc_rpc::SubscriptionTaskExecutor;
use spb_primitives::{BlockNumber, CtpId, DatabaseDigest};
use spb_runtime::opaque::Block;
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;

/// Blocks without an index of trades that are looked through for a settlement.
const NOT_COVERED: usize = 64;
/// Bytes of a sidecar in one answer at the most: a whole one may be longer than any answer.
const SIDECAR_PART: usize = 4 * 1024 * 1024;

/// What a node tells about CTPs and trades.
#[rpc(server, namespace = "spb")]
pub trait SpbApi {
	/// Where a CTP is, after block `at`: in the database, waiting on this node, or settled, for good
	/// where the block that it names is final.
	#[method(name = "ctp", blocking)]
	fn ctp(&self, id: Id, at: Option<BlockRef>) -> Result<StatusAnswer, RpcError>;

	/// Open CTPs after block `at`, in order of expiry and id: at most `limit` (1 to 1,000, 100
	/// unless told) of those after `after`.
	#[method(name = "ctps", blocking)]
	fn ctps(
		&self,
		filter: Option<CtpFilter>,
		at: Option<BlockRef>,
		after: Option<AfterEntry>,
		limit: Option<Rows>,
	) -> Result<EntriesAnswer, RpcError>;

	/// The CTP database after block `at`, counted and hashed anew from its stored entries, beside
	/// the root that the block's header names.
	#[method(name = "database", blocking)]
	fn database(&self, at: Option<BlockRef>) -> Result<DatabaseAnswer, RpcError>;

	/// The proof that a CTP is in the database whose root the header of block `at` names; `null` if
	/// it is not.
	#[method(name = "proof", blocking)]
	fn proof(&self, id: Id, at: Option<BlockRef>) -> Result<Option<ProofAnswer>, RpcError>;

	/// The sidecar of block `at`, SCALE-encoded: at most 4 MiB of it from byte `offset` (0 unless
	/// told) on. Answered with code 9004 where this node does not keep it; one that runs with
	/// `--evidence-archive` keeps all.
	#[method(name = "sidecar", blocking)]
	fn sidecar(&self, at: Option<BlockRef>, offset: Option<u32>)
		-> Result<SidecarAnswer, RpcError>;

	/// The settled trades of an account, an offer or a vault in the final blocks `from` to `to`, in
	/// order: at most `limit` (1 to 1,000, 100 unless told) of those after `after`.
	#[method(name = "trades", blocking)]
	fn trades(
		&self,
		party: PartyRef,
		from: Option<BlockNumber>,
		to: Option<BlockNumber>,
		limit: Option<Rows>,
		after: Option<AfterTrade>,
	) -> Result<TradesAnswer, RpcError>;

	/// Tells of every change of the CTPs that the filter lets through: `pending`, `open`, `final` (of
	/// one that is still open when the block that added it is final), `settled`, `expired`. A
	/// subscriber that does not keep up is closed with a reason.
	#[subscription(
		name = "subscribeCtps" => "ctpsEvent",
		unsubscribe = "unsubscribeCtps",
		item = EventAnswer
	)]
	async fn subscribe_ctps(&self, filter: Option<CtpFilter>) -> SubscriptionResult;
}

/// Answers for the node.
pub struct Spb {
	/// The chain.
	pub client: Arc<FullClient>,
	/// The database.
	pub database: Arc<CtpDatabase>,
	/// What waits.
	pub inbox: Arc<Inbox>,
	/// What has settled.
	pub trades: Arc<Trades>,
	/// What happens.
	pub events: Events,
	/// The evidence.
	pub sidecars: Arc<Sidecars<FullBackend>>,
}

impl Spb {
	/// The block asked about and its header.
	fn block(&self, at: Option<BlockRef>) -> Result<(BlockAnswer, Header), RpcError> {
		let (hash, name) = match at {
			None => {
				let best = self.client.info().best_hash;
				(Some(best), format!("{best:?}"))
			},
			Some(BlockRef::Hash(hash)) => (Some(hash), format!("{hash:?}")),
			Some(BlockRef::Number(number)) => (self.client.hash(number)?, number.to_string()),
		};
		let header = match hash {
			Some(hash) => self.client.header(hash)?.map(|header| (hash, header)),
			None => None,
		};
		let (hash, header) = header.ok_or(RpcError::UnknownBlock(name))?;
		Ok((BlockAnswer { number: header.number, hash }, header))
	}

	/// The settlement of a CTP in a block that the index of trades does not cover yet: one after the
	/// last final block, up to `block`.
	fn settled_lately(
		&self,
		mut block: BlockAnswer,
		id: &CtpId,
	) -> Result<Option<(BlockAnswer, SettledCtp)>, RpcError> {
		let covered = self.trades.reach().next;
		for _ in 0..NOT_COVERED {
			if block.number < covered || block.number == 0 {
				break;
			}
			// Before a database that is not here there are none.
			let Ok(changes) = self.database.changes(block.hash) else { break };
			if let Some(settled) = changes.settled.into_iter().find(|settled| settled.id == *id) {
				return Ok(Some((block, settled)));
			}
			let Some(header) = self.client.header(block.hash)? else { break };
			block =
				BlockAnswer { number: header.number.saturating_sub(1), hash: header.parent_hash };
		}
		Ok(None)
	}
}

#[async_trait]
impl SpbApiServer for Spb {
	fn ctp(&self, Id(id): Id, at: Option<BlockRef>) -> Result<StatusAnswer, RpcError> {
		let (block, _) = self.block(at)?;
		if let Some(open) = self.database.entry(block.hash, id)? {
			return Ok(StatusAnswer::Open { entry: (&open).into(), block });
		}
		let trade = self.trades.by_id(&id)?;
		if let Some((place, trade)) = trade.filter(|(place, _)| place.block <= block.number) {
			return Ok(StatusAnswer::Settled {
				entry: EntryAnswer::new(id, &trade.settlement.ctp),
				block: BlockAnswer { number: place.block, hash: trade.hash },
				delivered_wh: trade.settlement.delivered,
			});
		}
		if let Some((block, settled)) = self.settled_lately(block, &id)? {
			return Ok(StatusAnswer::Settled {
				entry: EntryAnswer::new(id, &settled.settlement.ctp),
				block,
				delivered_wh: settled.settlement.delivered,
			});
		}
		Ok(match self.inbox.commitment(&id) {
			Some(signed) => StatusAnswer::Pending { entry: EntryAnswer::new(id, &signed) },
			None => StatusAnswer::Unknown { id },
		})
	}

	fn ctps(
		&self,
		filter: Option<CtpFilter>,
		at: Option<BlockRef>,
		after: Option<AfterEntry>,
		limit: Option<Rows>,
	) -> Result<EntriesAnswer, RpcError> {
		let (BlockAnswer { number, hash }, _) = self.block(at)?;
		let Rows(limit) = limit.unwrap_or_default();
		let after = after.map(|AfterEntry { expiry, id: Id(id) }| (expiry, id));
		let entries = self.database.entries(hash, filter.unwrap_or_default(), after, limit)?;
		let last = entries.last().filter(|_| entries.len() >= limit as usize);
		let next = last.map(|open| EntryPlace { expiry: open.signed.ctp.expiry, id: open.id });
		let ctps = entries.iter().map(Into::into).collect();
		Ok(EntriesAnswer { number, hash, ctps, next })
	}

	fn database(&self, at: Option<BlockRef>) -> Result<DatabaseAnswer, RpcError> {
		let (block, header) = self.block(at)?;
		let summary = self.database.summary(block.hash)?;
		let digest = DatabaseDigest::find(&header.digest);
		Ok(DatabaseAnswer::new(block, digest.map(|digest| digest.database_root), summary))
	}

	fn proof(&self, Id(id): Id, at: Option<BlockRef>) -> Result<Option<ProofAnswer>, RpcError> {
		let (block, header) = self.block(at)?;
		let Some((open, proof)) = self.database.proof(block.hash, id)? else { return Ok(None) };
		let root = DatabaseDigest::find(&header.digest).map(|digest| digest.database_root);
		let answer = root.and_then(|root| ProofAnswer::new(block, root, &open, proof));
		answer.map(Some).ok_or(RpcError::RootDiffers(block.hash))
	}

	fn sidecar(
		&self,
		at: Option<BlockRef>,
		offset: Option<u32>,
	) -> Result<SidecarAnswer, RpcError> {
		let (BlockAnswer { number, hash }, header) = self.block(at)?;
		let digest = DatabaseDigest::find(&header.digest);
		let sidecar_hash = digest.ok_or(RpcError::NamesNoSidecar(number))?.sidecar_hash;
		let whole = self.sidecars.get(&sidecar_hash)?.ok_or(RpcError::NoSidecar(number))?;
		let length = u32::try_from(whole.len()).unwrap_or(u32::MAX);
		let rest = whole.get(offset.unwrap_or_default() as usize..).unwrap_or_default();
		let bytes = rest[..rest.len().min(SIDECAR_PART)].to_vec().into();
		Ok(SidecarAnswer { number, hash, sidecar_hash, length, bytes })
	}

	fn trades(
		&self,
		PartyRef(party): PartyRef,
		from: Option<BlockNumber>,
		to: Option<BlockNumber>,
		limit: Option<Rows>,
		after: Option<AfterTrade>,
	) -> Result<TradesAnswer, RpcError> {
		if let (Some(from), Some(to)) = (from, to) {
			if to < from {
				return Err(RpcError::EmptyRange { from, to });
			}
		}
		let reach = self.trades.reach();
		let first = from.unwrap_or(reach.first).max(reach.first);
		if first > reach.next {
			let (first, next) = (reach.first, reach.next);
			return Err(RpcError::NotIndexed { first, next, asked: from.unwrap_or_default() });
		}
		let last = to.unwrap_or(BlockNumber::MAX).min(reach.next.saturating_sub(1));
		let start = Place { block: first, position: 0 };
		let start = after.map_or(start, |AfterTrade { block, position }| {
			start.max(Place { block, position: position.saturating_add(1) })
		});
		let Rows(limit) = limit.unwrap_or_default();
		let found = self.trades.list(&party, start, last, limit as usize)?;
		let full = found.last().filter(|_| found.len() >= limit as usize);
		let next = full.map(|(Place { block, position }, _)| TradePlace {
			block: *block,
			position: *position,
		});
		let trades = found.into_iter().map(|(place, trade)| TradeAnswer::new(place, trade));
		Ok(TradesAnswer { from: first, to: last, trades: trades.collect(), next })
	}

	async fn subscribe_ctps(
		&self,
		pending: PendingSubscriptionSink,
		filter: Option<CtpFilter>,
	) -> SubscriptionResult {
		// Listening begins before the answer: what happens after it, the subscriber gets.
		let mut events = self.events.subscribe();
		let filter = filter.unwrap_or_default();
		let sink = pending.accept().await?;
		loop {
			let told = tokio::select! {
				told = events.recv() => told,
				() = sink.closed() => return Ok(()),
			};
			match told {
				Ok(told) => {
					let wanted = |event: &&CtpEvent| filter.matches(&event.signed.ctp);
					for event in told.iter().filter(wanted) {
						let message = SubscriptionMessage::from_json(&EventAnswer::from(event))?;
						if sink.send(message).await.is_err() {
							return Ok(());
						}
					}
				},
				Err(RecvError::Lagged(missed)) => {
					log::debug!(target: LOG_TARGET, "A subscriber missed {missed} blocks' events");
					return Err(
						"closed: the subscriber did not keep up; subscribe again and look at \
						 spb_ctps for what was missed"
							.into(),
					);
				},
				Err(RecvError::Closed) => return Err("closed: the node is stopping".into()),
			}
		}
	}
}

/// What GRANDPA tells about finality.
#[derive(Clone)]
pub struct Finality {
	/// The justifications as they come.
	pub justifications: GrandpaJustificationStream<Block>,
	/// The authorities.
	pub authorities: SharedAuthoritySet<spb_runtime::Hash, BlockNumber>,
	/// The voter.
	pub voter: SharedVoterState,
	/// The proofs.
	pub proofs: Arc<FinalityProofProvider<FullBackend, Block>>,
}

/// All calls beside those that every node of the kit has.
pub fn module(
	spb: Spb,
	relay: RpcModule<RelayRpc>,
	pool: Arc<Pool>,
	finality: Finality,
	executor: SubscriptionTaskExecutor,
) -> Result<RpcModule<()>, jsonrpsee::core::RegisterMethodError> {
	use pallet_transaction_payment_rpc::{TransactionPayment, TransactionPaymentApiServer};
	use sc_consensus_grandpa_rpc::{Grandpa, GrandpaApiServer};
	use substrate_frame_rpc_system::{System, SystemApiServer};

	let client = spb.client.clone();
	let mut module = RpcModule::new(());
	module.merge(System::new(client.clone(), pool).into_rpc())?;
	module.merge(TransactionPayment::new(client).into_rpc())?;
	let Finality { justifications, authorities, voter, proofs } = finality;
	module.merge(Grandpa::new(executor, authorities, voter, justifications, proofs).into_rpc())?;
	module.merge(spb.into_rpc())?;
	module.merge(relay)?;
	Ok(module)
}
