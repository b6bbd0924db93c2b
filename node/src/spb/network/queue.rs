//! The import queue, with its batches' sidecars fetched ahead: as soon as sync hands over blocks,
//! all sidecars that their headers name are asked for, many at a time.

use super::{
	super::{sidecars::Sidecars, Hash},
	fetcher::Fetcher,
};
use sc_client_api::AuxStore;
use sc_consensus::{
	import_queue::{ImportQueueService, Link, RuntimeOrigin},
	ImportQueue, IncomingBlock,
};
use sp_consensus::BlockOrigin;
use sp_runtime::Justifications;
use spb_primitives::{BlockNumber, DatabaseDigest};
use spb_runtime::opaque::Block;
use std::{sync::Arc, task::Context};

/// Hears which sidecars will be wanted soon.
pub trait Ahead: Send + Sync + 'static {
	/// These, in the order of their blocks.
	fn fetch_ahead(&self, hashes: Vec<Hash>);
}

/// Fetches what is not here yet.
pub struct AheadOf<A> {
	/// What is here.
	pub sidecars: Arc<Sidecars<A>>,
	/// Fetches the rest.
	pub fetcher: Arc<Fetcher<A>>,
}

impl<A: AuxStore + Send + Sync + 'static> Ahead for AheadOf<A> {
	fn fetch_ahead(&self, hashes: Vec<Hash>) {
		let missing = |hash: &Hash| !matches!(self.sidecars.get(hash), Ok(Some(_)));
		self.fetcher.fetch_ahead(hashes.into_iter().filter(missing));
	}
}

/// The sidecars that the import check will want for these blocks.
fn wanted(origin: BlockOrigin, blocks: &[IncomingBlock<Block>]) -> Vec<Hash> {
	if matches!(origin, BlockOrigin::GapSync | BlockOrigin::WarpSync | BlockOrigin::Genesis) {
		return Vec::new();
	}
	blocks
		.iter()
		.filter(|block| !block.skip_execution && block.state.is_none())
		.filter_map(|block| DatabaseDigest::find(&block.header.as_ref()?.digest))
		.map(|digest| digest.sidecar_hash)
		.collect()
}

/// The way into an import queue.
struct Service {
	inner: Box<dyn ImportQueueService<Block>>,
	ahead: Arc<dyn Ahead>,
}

impl ImportQueueService<Block> for Service {
	fn import_blocks(&mut self, origin: BlockOrigin, blocks: Vec<IncomingBlock<Block>>) {
		let wanted = wanted(origin, &blocks);
		if !wanted.is_empty() {
			self.ahead.fetch_ahead(wanted);
		}
		self.inner.import_blocks(origin, blocks);
	}

	fn import_justifications(
		&mut self,
		who: RuntimeOrigin,
		hash: Hash,
		number: BlockNumber,
		justifications: Justifications,
	) {
		self.inner.import_justifications(who, hash, number, justifications);
	}
}

/// An import queue that says what it will want.
pub struct AheadQueue<Q> {
	inner: Q,
	service: Service,
}

impl<Q: ImportQueue<Block>> AheadQueue<Q> {
	/// Around an import queue.
	pub fn new(inner: Q, ahead: Arc<dyn Ahead>) -> Self {
		let service = Service { inner: inner.service(), ahead };
		Self { inner, service }
	}
}

#[async_trait::async_trait]
impl<Q: ImportQueue<Block>> ImportQueue<Block> for AheadQueue<Q> {
	fn service(&self) -> Box<dyn ImportQueueService<Block>> {
		Box::new(Service { inner: self.inner.service(), ahead: self.service.ahead.clone() })
	}

	fn service_ref(&mut self) -> &mut dyn ImportQueueService<Block> {
		&mut self.service
	}

	fn poll_actions(&mut self, cx: &mut Context, link: &dyn Link<Block>) {
		self.inner.poll_actions(cx, link);
	}

	async fn run(self, link: &dyn Link<Block>) {
		self.inner.run(link).await;
	}
}

#[cfg(test)]
mod tests {
	use super::{super::super::Header, *};
	use parking_lot::Mutex;
	use sp_runtime::{traits::Header as _, Digest};

	#[derive(Default)]
	struct DoubleAhead(Mutex<Vec<Vec<Hash>>>);

	impl Ahead for DoubleAhead {
		fn fetch_ahead(&self, hashes: Vec<Hash>) {
			self.0.lock().push(hashes);
		}
	}

	/// Writes down how many blocks came.
	#[derive(Clone, Default)]
	struct DoubleQueue(Arc<Mutex<Vec<usize>>>);

	impl ImportQueueService<Block> for DoubleQueue {
		fn import_blocks(&mut self, _: BlockOrigin, blocks: Vec<IncomingBlock<Block>>) {
			self.0.lock().push(blocks.len());
		}

		fn import_justifications(
			&mut self,
			_: RuntimeOrigin,
			_: Hash,
			_: BlockNumber,
			_: Justifications,
		) {
			self.0.lock().push(1_000);
		}
	}

	fn block(number: BlockNumber) -> IncomingBlock<Block> {
		let sidecar_hash = Hash::repeat_byte(number as u8);
		let digest = DatabaseDigest { database_root: Hash::zero(), sidecar_hash };
		let digest = Digest { logs: vec![digest.to_item()] };
		let header = Header::new(number, Hash::zero(), Hash::zero(), Hash::zero(), digest);
		IncomingBlock {
			hash: header.hash(),
			header: Some(header),
			body: None,
			indexed_body: None,
			justifications: None,
			origin: None,
			allow_missing_state: false,
			skip_execution: false,
			import_existing: false,
			state: None,
		}
	}

	#[test]
	fn sidecars_of_a_batch_should_be_asked_for_before_it_is_imported() {
		let (ahead, queue) = (Arc::new(DoubleAhead::default()), DoubleQueue::default());
		let inner = Box::new(queue.clone());
		let mut service = Service { inner, ahead: ahead.clone() };
		let mut skipped = block(4);
		skipped.skip_execution = true;
		let mut headless = block(5);
		headless.header = None;
		let batch = vec![block(1), block(2), block(3), skipped, headless];
		service.import_blocks(BlockOrigin::NetworkInitialSync, batch);
		service.import_blocks(BlockOrigin::GapSync, vec![block(6)]);
		service.import_blocks(BlockOrigin::WarpSync, vec![block(7)]);
		assert_eq!(*ahead.0.lock(), [[1, 2, 3].map(Hash::repeat_byte).to_vec()]);
		assert_eq!(*queue.0.lock(), [5, 1, 1]);
	}
}
