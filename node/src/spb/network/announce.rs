//! Fetches a block's sidecar while the block is being announced, so that the import queue finds it
//! there.
//!
//! An announcement waits two slots at the most. If the sidecar has not come by then, the
//! announcement is passed over: the peer keeps its standing, and sync does not download a block that
//! could not be imported, which would make it begin anew each time. The sidecar is asked for a while
//! longer, and the announcement of a descendant, or a peer's next handshake, leads to the block. Sync
//! is not told to fetch it: not knowing who has it, it would ask every peer, and drop those that do not,
//! which are the honest ones where an author keeps a sidecar back.

use super::{
	super::{import::NotJudged, metrics::Metrics, sidecars::Sidecars, Hash, Header, LOG_TARGET},
	fetcher::Fetcher,
};
use futures::{future::BoxFuture, FutureExt};
use sc_client_api::{AuxStore, HeaderBackend};
use sp_consensus::block_validation::{BlockAnnounceValidator, Validation};
use spb_primitives::{BlockNumber, DatabaseDigest};
use spb_runtime::opaque::Block;
use std::{error::Error, sync::Arc, time::Duration};

/// Slots that an announcement waits at the most.
const SLOTS: u32 = 2;
/// Blocks farther ahead are left to sync, which fetches the sidecars of whole batches.
const NEAR: BlockNumber = 64;

/// The announcement is passed over for now.
#[derive(Debug, thiserror::Error)]
#[error("the sidecar {sidecar:?} of block {number} did not come in time; it is still asked for")]
pub struct NotYet {
	/// The block's number.
	pub number: BlockNumber,
	/// Its sidecar.
	pub sidecar: Hash,
}

/// What an announcement calls for.
#[derive(Debug, PartialEq, Eq)]
enum Task {
	/// Nothing: it may go on at once.
	Nothing,
	/// Fetching this sidecar.
	Fetch(Hash),
	/// Refusing it: there is something in it that should not be.
	Refuse,
}

/// Fetches the sidecars of announced blocks.
pub struct SidecarAnnouncements<C, A> {
	/// Says how far the chain is.
	pub client: Arc<C>,
	/// Sidecars that are here.
	pub sidecars: Arc<Sidecars<A>>,
	/// Fetches the others.
	pub fetcher: Arc<Fetcher<A>>,
	/// How long a slot is.
	pub slot: Duration,
	/// Where to say what was passed over.
	pub metrics: Metrics,
}

impl<C: HeaderBackend<Block>, A: AuxStore + Send + Sync> SidecarAnnouncements<C, A> {
	fn task(&self, header: &Header, data: &[u8]) -> Task {
		if !data.is_empty() {
			return Task::Refuse;
		}
		let info = self.client.info();
		let near = info.finalized_number < header.number
			&& header.number <= info.best_number.saturating_add(NEAR);
		// Without a digest the block is bad, which the import check says.
		match DatabaseDigest::find(&header.digest) {
			Some(digest) if near && !self.is_here(&digest.sidecar_hash) => {
				Task::Fetch(digest.sidecar_hash)
			},
			_ => Task::Nothing,
		}
	}

	fn is_here(&self, sidecar: &Hash) -> bool {
		matches!(self.sidecars.get(sidecar), Ok(Some(_)))
	}
}

impl<C, A> BlockAnnounceValidator<Block> for SidecarAnnouncements<C, A>
where
	C: HeaderBackend<Block>,
	A: AuxStore + Send + Sync + 'static,
{
	fn validate(
		&mut self,
		header: &Header,
		data: &[u8],
	) -> BoxFuture<'static, Result<Validation, Box<dyn Error + Send>>> {
		let sidecar = match self.task(header, data) {
			Task::Nothing => return ready(Ok(Validation::Success { is_new_best: false })),
			Task::Refuse => return ready(Ok(Validation::Failure { disconnect: true })),
			Task::Fetch(sidecar) => sidecar,
		};
		let (fetcher, bound) = (self.fetcher.clone(), self.slot * SLOTS);
		let (block, number) = (header.hash(), header.number);
		let metrics = self.metrics.clone();
		async move {
			match fetcher.fetch_announced(sidecar, bound).await {
				Some(_) => Ok(Validation::Success { is_new_best: false }),
				None => {
					metrics.not_judged(&NotJudged::SidecarMissing { number, sidecar });
					let not_yet = NotYet { number, sidecar };
					log::warn!(target: LOG_TARGET, "Block {number} ({block:?}) waits: {not_yet}");
					Err(Box::new(not_yet) as Box<dyn Error + Send>)
				},
			}
		}
		.boxed()
	}
}

fn ready(
	result: Result<Validation, Box<dyn Error + Send>>,
) -> BoxFuture<'static, Result<Validation, Box<dyn Error + Send>>> {
	futures::future::ready(result).boxed()
}

#[cfg(test)]
mod tests {
	use super::{
		super::{
			super::{
				doubles::DoubleChain,
				sidecars::{
					hash_of,
					tests::{sidecars, Memory},
				},
			},
			fetcher::Timing,
		},
		*,
	};
	use sp_runtime::{traits::Header as _, Digest};

	fn validator() -> SidecarAnnouncements<DoubleChain, Memory> {
		let sidecars = Arc::new(sidecars().0);
		let metrics = Metrics::new(None).unwrap();
		let fetcher =
			Fetcher::new(sidecars.clone(), "/spb/sidecar/1".into(), Timing::NODE, metrics.clone());
		let (client, slot) = (Arc::new(DoubleChain(Vec::new())), Duration::from_secs(3));
		SidecarAnnouncements { client, sidecars, fetcher: Arc::new(fetcher), slot, metrics }
	}

	fn header(number: BlockNumber, sidecar: &[u8]) -> Header {
		let digest = DatabaseDigest { database_root: Hash::zero(), sidecar_hash: hash_of(sidecar) };
		let digest = Digest { logs: vec![digest.to_item()] };
		Header::new(number, Hash::zero(), Hash::zero(), Hash::zero(), digest)
	}

	#[test]
	fn only_what_is_near_and_not_here_should_be_fetched() {
		let validator = validator();
		validator.sidecars.hold(vec![1]);
		let fetch = Task::Fetch(hash_of(&[2]));
		assert_eq!(validator.task(&header(101, &[2]), &[]), fetch);
		assert_eq!(validator.task(&header(95, &[2]), &[]), fetch);
		assert_eq!(validator.task(&header(101, &[1]), &[]), Task::Nothing);
		assert_eq!(validator.task(&header(90, &[2]), &[]), Task::Nothing);
		assert_eq!(validator.task(&header(100 + NEAR + 1, &[2]), &[]), Task::Nothing);
		assert_eq!(validator.task(&header(101, &[2]), &[0]), Task::Refuse);
		let mut without = header(101, &[2]);
		without.digest = Digest::default();
		assert_eq!(validator.task(&without, &[]), Task::Nothing);
	}

	#[tokio::test]
	async fn missing_sidecar_should_pass_over_the_announcement_and_blame_no_one() {
		let mut validator = validator();
		// There are no peers, so nothing waits.
		let verdict = validator.validate(&header(101, &[2]), &[]).await;
		let error = verdict.unwrap_err().to_string();
		assert!(error.contains("of block 101"), "{error}");
		let missing = validator.metrics.blocks_not_judged.with_label_values(&["SidecarMissing"]);
		assert_eq!(missing.get(), 1);
		let verdict = validator.validate(&header(101, &[2]), &[1]).await.unwrap();
		assert_eq!(verdict, Validation::Failure { disconnect: true });
		validator.sidecars.hold(vec![2]);
		let verdict = validator.validate(&header(101, &[2]), &[]).await.unwrap();
		assert_eq!(verdict, Validation::Success { is_new_best: false });
	}
}
