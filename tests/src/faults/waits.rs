//! Waiting for what a chain does, each time with a generous limit.

use super::{
	chain::{AGREEMENT, LOOK},
	load::Made,
	Chain, Result,
};
use spb_primitives::BlockNumber;
use spb_testbed::validators::NAMES;
use std::time::Duration;
use tokio::time::timeout;

impl Chain {
	/// Waits until all these CTPs have settled in final blocks.
	pub async fn until_settled(&self, made: &[Made]) -> Result<()> {
		let first = &self.connections[self.honest[0]];
		let waiting = async {
			let mut pace = tokio::time::interval(LOOK);
			for made in made {
				let (id, expiry) = (made.issued.id, made.issued.signed.ctp.expiry);
				while !first.view(first.finalized().await?).await?.is_settled(expiry, &id).await? {
					pace.tick().await;
				}
			}
			Ok(())
		};
		let waited = timeout(AGREEMENT, waiting).await;
		waited.unwrap_or_else(|_| Err("what was confirmed does not settle".into()))
	}

	/// Waits until these nodes have a best block of at least this number.
	pub async fn until_best(&self, places: &[usize], number: BlockNumber) -> Result<()> {
		let waiting = async {
			let mut pace = tokio::time::interval(LOOK);
			for place in places {
				while self.connections[*place].best().await?.number < number {
					pace.tick().await;
				}
			}
			Ok(())
		};
		let waited = timeout(AGREEMENT, waiting).await;
		waited.unwrap_or_else(|_| Err(format!("block {number} is not made").into()))
	}

	/// Waits until so many CTPs are open on all these nodes after a block that is final on all of them,
	/// and gives its number.
	pub async fn until_open(&self, places: &[usize], open: u32) -> Result<BlockNumber> {
		let waiting = async {
			let mut pace = tokio::time::interval(LOOK);
			loop {
				pace.tick().await;
				let head = self.connections[places[0]].finalized().await?;
				if self.connections[places[0]].database(Some(head.hash)).await?.open != open {
					continue;
				}
				self.until_final(places, head.number).await?;
				for place in places {
					let database = self.connections[*place].database(Some(head.hash)).await?;
					if database.open != open {
						let name = NAMES[*place];
						return Err(format!("{} CTPs are open on {name}", database.open).into());
					}
				}
				return Ok(head.number);
			}
		};
		let waited = timeout(AGREEMENT, waiting).await;
		waited.unwrap_or_else(|_| {
			Err(format!("there is no time at which {open} CTPs are open").into())
		})
	}

	/// Waits until a block of this number is final on these nodes.
	pub async fn until_final(&self, places: &[usize], number: BlockNumber) -> Result<()> {
		self.until_final_within(places, number, AGREEMENT).await
	}

	/// The same, within a limit.
	pub async fn until_final_within(
		&self,
		places: &[usize],
		number: BlockNumber,
		limit: Duration,
	) -> Result<()> {
		for place in places {
			let mut last = None;
			let waiting = async {
				let mut pace = tokio::time::interval(LOOK);
				loop {
					pace.tick().await;
					match self.connections[*place].finalized().await {
						Ok(finalized) if finalized.number >= number => return,
						Ok(finalized) => last = Some(finalized.number),
						// It may be away for a while.
						Err(_) => {},
					}
				}
			};
			if timeout(limit, waiting).await.is_err() {
				return Err(format!(
					"block {number} is not final on {} after {} s; the last final one there is {last:?}",
					NAMES[*place],
					limit.as_secs()
				)
				.into());
			}
		}
		Ok(())
	}

	/// Waits until a block that is made from now on is final on these nodes, and gives its number.
	pub async fn goes_on(&self, places: &[usize]) -> Result<BlockNumber> {
		let next = self.best(places).await?.saturating_add(1);
		self.until_final(places, next).await?;
		Ok(next)
	}

	/// The number of the best block that any of these nodes has.
	pub async fn best(&self, places: &[usize]) -> Result<BlockNumber> {
		let mut best = None;
		for place in places {
			best = best.max(Some(self.connections[*place].best().await?.number));
		}
		best.ok_or_else(|| "no node was named".into())
	}
}
