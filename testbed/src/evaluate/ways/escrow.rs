//! The baseline: the producer sets a contract up, the consumer pays into it, the energy comes, the
//! consumer confirms. Each step is sent when the one before it is in a block, as people do who do not
//! trust each other.

use super::{Trade, Way, BASELINE};
use crate::evaluate::{
	error::Result,
	follower::What,
	market::{hash_of, EscrowTransactions, Market},
	network::Network,
};
use async_trait::async_trait;
use spb_client::connection::{Connection, Hash};

/// Trading by the baseline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Baseline;

impl Way for Baseline {
	fn name(&self) -> &'static str {
		BASELINE
	}

	fn sign(&self, market: &mut Market, count: usize) -> Result<Vec<Box<dyn Trade>>> {
		let boxed = |transactions| Box::new(EscrowTrade(transactions)) as Box<dyn Trade>;
		Ok(market.sign_escrow(count)?.into_iter().map(boxed).collect())
	}
}

struct EscrowTrade(EscrowTransactions);

#[async_trait]
impl Trade for EscrowTrade {
	fn consumer(&self) -> usize {
		self.0.payer
	}

	async fn set_up(&self, network: &Network) -> Result<()> {
		include(network, network.producer(), &self.0.set_up).await
	}

	async fn carry_out(&self, network: &Network, consumer: &Connection) -> Result<()> {
		include(network, consumer, &self.0.pay).await?;
		include(network, consumer, &self.0.confirm).await
	}

	fn payment(&self) -> What {
		What::Included(hash_of(&self.0.confirm))
	}

	fn transactions(&self) -> Vec<(Hash, usize)> {
		let EscrowTransactions { set_up, pay, confirm, .. } = &self.0;
		[set_up, pay, confirm].map(|bytes| (hash_of(bytes), bytes.len())).to_vec()
	}

	fn bytes(&self) -> usize {
		self.transactions().into_iter().map(|(_, bytes)| bytes).sum()
	}
}

/// One step: it is done when it is in a block.
async fn include(network: &Network, connection: &Connection, transaction: &[u8]) -> Result<()> {
	network.submit(connection, transaction).await?;
	network.follower().until(What::Included(hash_of(transaction))).await?;
	Ok(())
}
