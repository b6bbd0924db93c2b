//! The ways of trading that are compared. All of them are carried out by the same hands: messages are
//! signed before, submitted over the same nodes and timed by the same follower.

mod escrow;
mod spb;

pub use escrow::Baseline;
pub use spb::{Spb, Trust};

use super::{error::Result, follower::What, market::Market, network::Network};
use async_trait::async_trait;
use spb_client::connection::Hash;
use std::time::Instant;

/// A trade whose messages are all signed.
#[async_trait]
pub trait Trade: Send + Sync {
	/// Carries the trade out, until a block of the best chain pays the producer.
	async fn carry_out(&self, network: &Network) -> Result<Done>;

	/// Hash and bytes of the transactions that it puts into blocks; none where it puts settlements
	/// there.
	fn transactions(&self) -> Vec<(Hash, usize)>;

	/// Bytes that it takes in blocks: of its transactions, or of its settlement.
	fn bytes(&self) -> usize;
}

/// A trade that was carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Done {
	/// When its first message was submitted, by whomever.
	pub begun: Instant,
	/// When its consumer's first message was submitted.
	pub committed: Instant,
	/// What pays its producer. The follower knows when that was seen.
	pub payment: What,
}

/// A way of trading.
pub trait Way: Send + Sync {
	/// Its name in records.
	fn name(&self) -> &'static str;

	/// Signs all messages of so many trades, for as many who trade.
	fn sign(&self, market: &mut Market, count: usize) -> Result<Vec<Box<dyn Trade>>>;
}

/// SPB as in the paper, SPB with care, and the baseline.
pub fn all() -> [Box<dyn Way>; 3] {
	[Box::new(Spb(Trust::Pending)), Box::new(Spb(Trust::Final)), Box::new(Baseline)]
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
