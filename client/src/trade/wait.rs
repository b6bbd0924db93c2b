//! Waiting for what becomes of a CTP, by looking at the chain at each new block.

use super::TradeError;
use crate::{
	connection::{Connection, Head, Stall, Status},
	progress::Progress,
};
use spb_primitives::{BlockNumber, CtpId};

/// What to wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Goal {
	/// A block of the best chain has done it.
	Database,
	/// That block is final.
	Final,
	/// The trade is settled in a final block.
	Settled,
}

/// Waits until a CTP is in the database ([`Goal::Database`], [`Goal::Final`]) or has settled.
///
/// # Errors
///
/// If the CTP expires before that, or the chain stands still.
pub async fn wait_for_ctp(
	connection: &Connection,
	id: &CtpId,
	expiry: BlockNumber,
	goal: Goal,
	progress: &dyn Progress,
) -> Result<Head, TradeError> {
	let watched = Watched { connection, id, expiry };
	progress.begin("waiting for the CTP", None);
	let result = match goal {
		Goal::Database | Goal::Final => watched.entered(goal).await,
		Goal::Settled => watched.settled(goal).await,
	};
	progress.end();
	result
}

/// Waits until a confirmed CTP has settled: in a block of the best chain ([`Goal::Database`]) or in
/// a final one.
///
/// # Errors
///
/// If the grace period passes before that, or the chain stands still.
pub async fn wait_for_receipt(
	connection: &Connection,
	id: &CtpId,
	expiry: BlockNumber,
	goal: Goal,
	progress: &dyn Progress,
) -> Result<Head, TradeError> {
	let watched = Watched { connection, id, expiry };
	progress.begin("waiting for the settlement", None);
	let result = watched.settled(goal).await;
	progress.end();
	result
}

/// A CTP whose fate is looked at block by block.
struct Watched<'a> {
	connection: &'a Connection,
	id: &'a CtpId,
	expiry: BlockNumber,
}

impl Watched<'_> {
	/// Until the CTP is or was in the database.
	async fn entered(&self, goal: Goal) -> Result<Head, TradeError> {
		let min_lifetime = self.connection.best_view().await?.parameters().await?.min_lifetime;
		let mut heads = self.connection.heads(Stall::default());
		loop {
			let best = heads.next().await?;
			let finalized = self.connection.finalized().await?;
			let judged = if goal == Goal::Database { best } else { finalized };
			if self.is_open(judged).await? || self.is_settled(judged).await? {
				return Ok(judged);
			}
			// The next block after the final one is the first that is not decided yet.
			if finalized.number.saturating_add(min_lifetime) >= self.expiry
				&& !self.is_open(finalized).await?
				&& !self.is_settled(finalized).await?
			{
				return Err(TradeError::NeverEntered { id: *self.id, expiry: self.expiry });
			}
		}
	}

	/// Until the CTP has settled.
	async fn settled(&self, goal: Goal) -> Result<Head, TradeError> {
		let grace = self.connection.best_view().await?.parameters().await?.grace;
		// The chain remembers what settled until here, and no longer.
		let last = self.expiry.saturating_add(grace);
		let mut heads = self.connection.heads(Stall::default());
		loop {
			let best = heads.next().await?;
			let finalized = self.connection.finalized().await?;
			let judged = if goal == Goal::Database { best } else { finalized };
			let looked_at = self.no_later_than(judged, last).await?;
			if self.is_settled(looked_at).await? {
				return Ok(judged);
			}
			if finalized.number >= last {
				let looked_at = self.no_later_than(finalized, last).await?;
				if !self.is_settled(looked_at).await? {
					return Err(TradeError::Expired { id: *self.id, expiry: self.expiry });
				}
			}
		}
	}

	async fn no_later_than(&self, head: Head, last: BlockNumber) -> Result<Head, TradeError> {
		if head.number <= last {
			return Ok(head);
		}
		Ok(Head { number: last, hash: self.connection.hash_of(last).await? })
	}

	async fn is_open(&self, at: Head) -> Result<bool, TradeError> {
		let status = self.connection.ctp(self.id, Some(at.hash)).await?;
		Ok(status.status == Status::Open)
	}

	async fn is_settled(&self, at: Head) -> Result<bool, TradeError> {
		let view = self.connection.view(at).await?;
		Ok(view.is_settled(self.expiry, self.id).await?)
	}
}
