//! Lies about the seals in a block's body. And blocks that are lies pass the node's own import
//! unjudged: it would refuse them itself.

use super::{
	super::{import::DatabaseImport, sidecars::hash_of, Hash, Header, LOG_TARGET},
	Lies, Misbehaviour,
};
use codec::{Decode, Encode};
use futures::{future::BoxFuture, FutureExt, TryFutureExt};
use sc_consensus::{BlockCheckParams, BlockImport, BlockImportParams, ImportResult};
use sp_consensus::{
	BlockOrigin, Environment, Error as ConsensusError, Proposal, ProposeArgs, Proposer,
};
use sp_runtime::traits::{BlakeTwo256, Hash as _};
use spb_primitives::{DatabaseDigest, Sidecar};
use spb_runtime::{
	opaque::{Block, UncheckedExtrinsic as Opaque},
	RuntimeCall, UncheckedExtrinsic,
};
use std::sync::Arc;

/// Makes proposers whose blocks may be lies.
pub struct LyingFactory<F> {
	pub(super) honest: F,
	pub(super) lies: Arc<Lies>,
}

impl<F> Environment<Block> for LyingFactory<F>
where
	F: Environment<Block>,
	F::Proposer: Proposer<Block, Error = F::Error>,
{
	type Proposer = LyingProposer<F::Proposer>;
	type CreateProposer = BoxFuture<'static, Result<Self::Proposer, Self::Error>>;
	type Error = F::Error;

	fn init(&mut self, parent: &Header) -> Self::CreateProposer {
		let lies = self.lies.clone();
		self.honest.init(parent).map_ok(|honest| LyingProposer { honest, lies }).boxed()
	}
}

/// Proposes a block that may be a lie.
pub struct LyingProposer<P> {
	honest: P,
	lies: Arc<Lies>,
}

impl<P: Proposer<Block>> Proposer<Block> for LyingProposer<P> {
	type Error = P::Error;
	type Proposal = BoxFuture<'static, Result<Proposal<Block>, Self::Error>>;

	fn propose(self, args: ProposeArgs<Block>) -> Self::Proposal {
		let Self { honest, lies } = self;
		honest
			.propose(args)
			.map_ok(move |Proposal { mut block, storage_changes }| {
				if let Some(kind) = lies.tell_in(&mut block) {
					lies.blocks.lock().insert(block.header.hash(), kind);
				}
				Proposal { block, storage_changes }
			})
			.boxed()
	}
}

impl Lies {
	/// Changes the seals of a block that does something, where that is a lie; says which lie the
	/// block is, if it is one.
	fn tell_in(&self, block: &mut Block) -> Option<Misbehaviour> {
		let digest = DatabaseDigest::find(&block.header.digest)?;
		if let Some((_, kind)) = self.planned.lock().take().filter(|(named, _)| *named == digest) {
			return Some(kind);
		}
		if digest.sidecar_hash == hash_of(&Sidecar::default().encode()) {
			return None;
		}
		let seal = block.extrinsics.iter().position(is_seal)?;
		let about_seals = [Misbehaviour::NoSeal, Misbehaviour::TwoSeals];
		let kind = self.kinds.iter().copied().find(|kind| about_seals.contains(kind))?;
		if kind == Misbehaviour::NoSeal {
			block.extrinsics.remove(seal);
			block.header.digest.logs.retain(|item| *item != digest.to_item());
		} else {
			let second = block.extrinsics[seal].clone();
			block.extrinsics.insert(seal, second);
		}
		let extrinsics = block.extrinsics.iter().map(Encode::encode).collect();
		let version = spb_runtime::VERSION.extrinsics_root_state_version();
		block.header.extrinsics_root = BlakeTwo256::ordered_trie_root(extrinsics, version);
		Some(kind)
	}
}

fn is_seal(extrinsic: &Opaque) -> bool {
	let extrinsic = UncheckedExtrinsic::decode(&mut &extrinsic.encode()[..]);
	extrinsic.is_ok_and(|extrinsic| {
		matches!(extrinsic.function, RuntimeCall::Spb(pallet_spb::Call::seal { .. }))
	})
}

/// Imports own blocks that are lies without having them judged.
pub struct LyingImport<I, J, S, D, A> {
	pub(super) honest: DatabaseImport<I, J, S, D, A>,
	pub(super) lies: Arc<Lies>,
}

impl<I, J, S, D, A> LyingImport<I, J, S, D, A> {
	/// Which lie a block is, if it is one.
	fn lie(&self, hash: &Hash) -> Option<Misbehaviour> {
		self.lies.blocks.lock().remove(hash)
	}
}

#[async_trait::async_trait]
impl<I, J, S, D, A> BlockImport<Block> for LyingImport<I, J, S, D, A>
where
	I: BlockImport<Block, Error = ConsensusError> + Send + Sync,
	DatabaseImport<I, J, S, D, A>: BlockImport<Block, Error = ConsensusError> + Send + Sync,
	Self: Send + Sync,
{
	type Error = ConsensusError;

	async fn check_block(
		&self,
		block: BlockCheckParams<Block>,
	) -> Result<ImportResult, ConsensusError> {
		self.honest.check_block(block).await
	}

	async fn import_block(
		&self,
		block: BlockImportParams<Block>,
	) -> Result<ImportResult, ConsensusError> {
		let (number, hash) = (block.header.number, block.post_hash());
		let own = block.origin == BlockOrigin::Own;
		let lie = own.then(|| self.lie(&block.header.hash())).flatten();
		let Some(kind) = lie else {
			if let Some(digest) = DatabaseDigest::find(&block.header.digest) {
				let sidecar = digest.sidecar_hash;
				log::info!(target: LOG_TARGET, "Own block {number} ({hash:?}) names {sidecar:?}");
			}
			return self.honest.import_block(block).await;
		};
		let imported = self.honest.unjudged_import().import_block(block).await?;
		self.lies.told(kind, format!("in block {number} ({hash:?})"));
		Ok(imported)
	}
}
