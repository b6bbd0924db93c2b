//! The transaction pool as the proposer sees it: without the messages of SPB.
//!
//! A message is valid in the pool and never in a block. The ordinary proposer would try each of
//! them in every block and report it as invalid; so it gets this view. Everyone else has the pool
//! itself, which gossips the messages and answers for them.

use async_trait::async_trait;
use sc_transaction_pool_api::{
	ImportNotificationStream, InPoolTransaction, PoolStatus, ReadyTransactions, TransactionFor,
	TransactionPool, TransactionSource, TransactionStatusStreamFor, TxHash, TxInvalidityReportMap,
};
use sp_runtime::traits::Block as BlockT;
use spb_primitives::POOL_TAG_PREFIX;
use std::{collections::HashMap, pin::Pin, sync::Arc, time::Duration};

/// The hash of a block of the pool's chain.
type BlockHash<P> = <<P as TransactionPool>::Block as BlockT>::Hash;
/// Ready transactions, in the order in which a proposer should try them.
type Ready<P> =
	Box<dyn ReadyTransactions<Item = Arc<<P as TransactionPool>::InPoolTransaction>> + Send>;

/// Whether a pooled transaction is a message of SPB, by the tags that its validation gave it.
pub fn is_message(transaction: &impl InPoolTransaction) -> bool {
	transaction.provides().iter().any(|tag| tag.starts_with(POOL_TAG_PREFIX))
}

/// A pool that shows no messages among its ready transactions.
pub struct ProposerPool<P>(Arc<P>);

impl<P> ProposerPool<P> {
	/// The proposer's view of `pool`.
	pub fn new(pool: Arc<P>) -> Self {
		Self(pool)
	}
}

/// Ready transactions without the messages.
struct WithoutMessages<T>(Box<dyn ReadyTransactions<Item = Arc<T>> + Send>);

impl<T: InPoolTransaction> Iterator for WithoutMessages<T> {
	type Item = Arc<T>;

	fn next(&mut self) -> Option<Self::Item> {
		self.0.by_ref().find(|transaction| !is_message(&**transaction))
	}
}

impl<T: InPoolTransaction> ReadyTransactions for WithoutMessages<T> {
	fn report_invalid(&mut self, transaction: &Self::Item) {
		self.0.report_invalid(transaction);
	}
}

#[async_trait]
impl<P: TransactionPool> TransactionPool for ProposerPool<P>
where
	P::InPoolTransaction: Send + Sync + 'static,
{
	type Block = P::Block;
	type Hash = P::Hash;
	type InPoolTransaction = P::InPoolTransaction;
	type Error = P::Error;

	async fn submit_at(
		&self,
		at: BlockHash<P>,
		source: TransactionSource,
		transactions: Vec<TransactionFor<Self>>,
	) -> Result<Vec<Result<TxHash<Self>, Self::Error>>, Self::Error> {
		self.0.submit_at(at, source, transactions).await
	}

	async fn submit_one(
		&self,
		at: BlockHash<P>,
		source: TransactionSource,
		transaction: TransactionFor<Self>,
	) -> Result<TxHash<Self>, Self::Error> {
		self.0.submit_one(at, source, transaction).await
	}

	async fn submit_and_watch(
		&self,
		at: BlockHash<P>,
		source: TransactionSource,
		transaction: TransactionFor<Self>,
	) -> Result<Pin<Box<TransactionStatusStreamFor<Self>>>, Self::Error> {
		self.0.submit_and_watch(at, source, transaction).await
	}

	async fn ready_at(&self, at: BlockHash<P>) -> Ready<P> {
		Box::new(WithoutMessages(self.0.ready_at(at).await))
	}

	fn ready(&self) -> Ready<P> {
		Box::new(WithoutMessages(self.0.ready()))
	}

	async fn report_invalid(
		&self,
		at: Option<BlockHash<P>>,
		errors: TxInvalidityReportMap<TxHash<Self>>,
	) -> Vec<Arc<Self::InPoolTransaction>> {
		self.0.report_invalid(at, errors).await
	}

	fn futures(&self) -> Vec<Self::InPoolTransaction> {
		self.0.futures()
	}

	fn status(&self) -> PoolStatus {
		self.0.status()
	}

	fn import_notification_stream(&self) -> ImportNotificationStream<TxHash<Self>> {
		self.0.import_notification_stream()
	}

	fn on_broadcasted(&self, propagations: HashMap<TxHash<Self>, Vec<String>>) {
		self.0.on_broadcasted(propagations)
	}

	fn hash_of(&self, transaction: &TransactionFor<Self>) -> TxHash<Self> {
		self.0.hash_of(transaction)
	}

	fn ready_transaction(&self, hash: &TxHash<Self>) -> Option<Arc<Self::InPoolTransaction>> {
		self.0.ready_transaction(hash)
	}

	async fn ready_at_with_timeout(&self, at: BlockHash<P>, timeout: Duration) -> Ready<P> {
		Box::new(WithoutMessages(self.0.ready_at_with_timeout(at, timeout).await))
	}
}

#[cfg(test)]
pub(crate) mod tests {
	use super::*;
	use futures::executor::block_on;
	use parking_lot::Mutex;
	use sc_transaction_pool_api::error::Error;
	use sp_runtime::OpaqueExtrinsic;
	use spb_runtime::opaque::Block;

	/// A transaction with the tags it provides.
	#[derive(Debug)]
	pub struct Pooled {
		data: Arc<OpaqueExtrinsic>,
		hash: crate::spb::Hash,
		provides: Vec<Vec<u8>>,
	}

	impl Pooled {
		fn new(number: u8, provides: &[&[u8]]) -> Arc<Self> {
			Arc::new(Self {
				data: Arc::new(OpaqueExtrinsic::from_blob(vec![number])),
				hash: crate::spb::Hash::repeat_byte(number),
				provides: provides.iter().map(|tag| tag.to_vec()).collect(),
			})
		}
	}

	impl InPoolTransaction for Pooled {
		type Transaction = Arc<OpaqueExtrinsic>;
		type Hash = crate::spb::Hash;

		fn data(&self) -> &Self::Transaction {
			&self.data
		}
		fn hash(&self) -> &Self::Hash {
			&self.hash
		}
		fn priority(&self) -> &u64 {
			&0
		}
		fn longevity(&self) -> &u64 {
			&64
		}
		fn requires(&self) -> &[Vec<u8>] {
			&[]
		}
		fn provides(&self) -> &[Vec<u8>] {
			&self.provides
		}
		fn is_propagable(&self) -> bool {
			true
		}
	}

	/// What a pool was asked, in order.
	type Asked = Arc<Mutex<Vec<String>>>;

	/// A pool with ready transactions that writes down what it is asked.
	struct Double {
		ready: Vec<Arc<Pooled>>,
		asked: Asked,
	}

	impl Double {
		fn note(&self, what: impl Into<String>) {
			self.asked.lock().push(what.into());
		}

		fn iterate(&self) -> Ready<Self> {
			Box::new(DoubleReady(self.ready.clone().into_iter(), self.asked.clone()))
		}
	}

	struct DoubleReady(std::vec::IntoIter<Arc<Pooled>>, Asked);

	impl Iterator for DoubleReady {
		type Item = Arc<Pooled>;
		fn next(&mut self) -> Option<Self::Item> {
			self.0.next()
		}
	}

	impl ReadyTransactions for DoubleReady {
		fn report_invalid(&mut self, transaction: &Self::Item) {
			self.1.lock().push(format!("invalid in turn {:?}", transaction.data.inner()));
		}
	}

	#[async_trait]
	impl TransactionPool for Double {
		type Block = Block;
		type Hash = crate::spb::Hash;
		type InPoolTransaction = Pooled;
		type Error = Error;

		async fn submit_at(
			&self,
			_: BlockHash<Self>,
			_: TransactionSource,
			transactions: Vec<TransactionFor<Self>>,
		) -> Result<Vec<Result<TxHash<Self>, Error>>, Error> {
			self.note(format!("submit {}", transactions.len()));
			Ok(Vec::new())
		}

		async fn submit_one(
			&self,
			_: BlockHash<Self>,
			_: TransactionSource,
			_: TransactionFor<Self>,
		) -> Result<TxHash<Self>, Error> {
			self.note("submit one");
			Err(Error::ImmediatelyDropped)
		}

		async fn submit_and_watch(
			&self,
			_: BlockHash<Self>,
			_: TransactionSource,
			_: TransactionFor<Self>,
		) -> Result<Pin<Box<TransactionStatusStreamFor<Self>>>, Error> {
			self.note("watch");
			Err(Error::ImmediatelyDropped)
		}

		async fn ready_at(&self, _: BlockHash<Self>) -> Ready<Self> {
			self.note("ready at");
			self.iterate()
		}

		fn ready(&self) -> Ready<Self> {
			self.note("ready");
			self.iterate()
		}

		async fn report_invalid(
			&self,
			_: Option<BlockHash<Self>>,
			errors: TxInvalidityReportMap<TxHash<Self>>,
		) -> Vec<Arc<Pooled>> {
			self.note(format!("invalid {}", errors.len()));
			Vec::new()
		}

		fn futures(&self) -> Vec<Pooled> {
			self.note("futures");
			Vec::new()
		}

		fn status(&self) -> PoolStatus {
			self.note("status");
			PoolStatus { ready: self.ready.len(), ready_bytes: 0, future: 0, future_bytes: 0 }
		}

		fn import_notification_stream(&self) -> ImportNotificationStream<TxHash<Self>> {
			self.note("stream");
			futures::channel::mpsc::channel(1).1
		}

		fn on_broadcasted(&self, propagations: HashMap<TxHash<Self>, Vec<String>>) {
			self.note(format!("broadcast {}", propagations.len()));
		}

		fn hash_of(&self, transaction: &TransactionFor<Self>) -> TxHash<Self> {
			self.note("hash of");
			crate::spb::Hash::repeat_byte(transaction.inner()[0])
		}

		fn ready_transaction(&self, hash: &TxHash<Self>) -> Option<Arc<Pooled>> {
			self.note("ready transaction");
			self.ready.iter().find(|transaction| transaction.hash == *hash).cloned()
		}

		async fn ready_at_with_timeout(&self, _: BlockHash<Self>, _: Duration) -> Ready<Self> {
			self.note("ready at with timeout");
			self.iterate()
		}
	}

	/// Two transactions (1 and 4) and two messages (2 and 3).
	fn pool() -> (ProposerPool<Double>, Asked) {
		let asked = Asked::default();
		let ready = vec![
			Pooled::new(1, &[b"alice/0"]),
			Pooled::new(2, &[b"spb/vault/3/17"]),
			Pooled::new(3, &[b"other", b"spb/coe/5"]),
			Pooled::new(4, &[]),
		];
		(ProposerPool::new(Arc::new(Double { ready, asked: asked.clone() })), asked)
	}

	fn numbers(ready: impl Iterator<Item = Arc<Pooled>>) -> Vec<u8> {
		ready.map(|transaction| transaction.data.inner()[0]).collect()
	}

	#[test]
	fn messages_should_be_hidden_from_every_way_to_ready_transactions() {
		let (pool, asked) = pool();
		let at = crate::spb::Hash::zero();
		assert_eq!(numbers(pool.ready()), [1, 4]);
		assert_eq!(numbers(block_on(pool.ready_at(at))), [1, 4]);
		let timeout = Duration::from_millis(1);
		assert_eq!(numbers(block_on(pool.ready_at_with_timeout(at, timeout))), [1, 4]);
		assert_eq!(*asked.lock(), ["ready", "ready at", "ready at with timeout"]);
	}

	#[test]
	fn reports_should_reach_the_pool() {
		let (pool, asked) = pool();
		let mut ready = pool.ready();
		let first = ready.next().unwrap();
		ready.report_invalid(&first);
		let errors = [(first.hash, None)].into_iter().collect();
		block_on(pool.report_invalid(None, errors));
		assert_eq!(*asked.lock(), ["ready", "invalid in turn [1]", "invalid 1"]);
	}

	#[test]
	fn single_messages_and_counts_should_stay_visible() {
		let (pool, asked) = pool();
		assert!(is_message(&*pool.ready_transaction(&crate::spb::Hash::repeat_byte(2)).unwrap()));
		assert!(!is_message(&*pool.ready_transaction(&crate::spb::Hash::repeat_byte(1)).unwrap()));
		assert_eq!(pool.status().ready, 4);
		assert_eq!(*asked.lock(), ["ready transaction", "ready transaction", "status"]);
	}
}
