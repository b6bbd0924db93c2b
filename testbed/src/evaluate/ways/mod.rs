//! The ways of trading that are compared. All of them are carried out by the same hands: messages are
//! signed before, submitted over the same nodes and timed by the same follower.

mod escrow;
mod spb;

pub use escrow::Baseline;
pub use spb::{Spb, Trust};

use super::{error::Result, follower::What, market::Market, network::Network};
use async_trait::async_trait;
use spb_client::connection::{Connection, Hash};

/// A trade whose messages are all signed.
#[async_trait]
pub trait Trade: Send + Sync {
	/// Whose trade it is: the number of its consumer.
	fn consumer(&self) -> usize;

	/// Does what the producer does before its consumer can begin, and waits until it is in a block.
	async fn set_up(&self, network: &Network) -> Result<()>;

	/// Carries the trade out, from the consumer's first submission, at `consumer`'s node, until a
	/// block of the best chain pays the producer.
	async fn carry_out(&self, network: &Network, consumer: &Connection) -> Result<()>;

	/// What pays the producer. The follower knows when that was seen.
	fn payment(&self) -> What;

	/// Hash and bytes of the transactions that it puts into blocks; none where it puts settlements
	/// there.
	fn transactions(&self) -> Vec<(Hash, usize)>;

	/// Bytes that it takes in blocks: of its transactions, or of its settlement.
	fn bytes(&self) -> usize;
}

/// A way of trading.
pub trait Way: Send + Sync {
	/// Its name in records.
	fn name(&self) -> &'static str;

	/// Signs all messages of so many trades, for as many who trade.
	fn sign(&self, market: &mut Market, count: usize) -> Result<Vec<Box<dyn Trade>>>;
}

/// The two that the paper compares.
pub fn of_the_paper() -> [Box<dyn Way>; 2] {
	[Box::new(Spb(Trust::Pending)), Box::new(Baseline)]
}

/// The name of SPB as in the paper.
pub const SPB: &str = "spb";
/// The name of SPB with care.
pub const CAREFUL: &str = "spb-careful";
/// The name of the baseline.
pub const BASELINE: &str = "baseline";
/// The name of the baseline where the contract's set-up counts as well.
pub const WHOLE_BASELINE: &str = "baseline-whole";
