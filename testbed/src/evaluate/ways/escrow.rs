//! The baseline: the producer sets a contract up, the consumer pays into it, the energy comes, the
//! consumer confirms. Each step is sent when the one before it is in a block, as people do who do not
//! trust each other.

use super::{Done, Trade, Way, BASELINE};
use crate::evaluate::{
	error::Result,
	follower::What,
	market::{hash_of, EscrowTransactions, Market},
	network::Network,
};
use async_trait::async_trait;
use spb_client::connection::Hash;
use std::time::Instant;

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
	async fn carry_out(&self, network: &Network) -> Result<Done> {
		let EscrowTransactions { payer, set_up, pay, confirm } = &self.0;
		let consumer = network.consumer_of(*payer);
		let steps = [(network.producer(), set_up), (consumer, pay), (consumer, confirm)];
		let mut begun = Vec::with_capacity(steps.len());
		for (connection, transaction) in steps {
			begun.push(Instant::now());
			network.submit(connection, transaction).await?;
			network.follower().until(What::Included(hash_of(transaction))).await?;
		}
		let payment = What::Included(hash_of(confirm));
		Ok(Done { begun: begun[0], committed: begun[1], payment })
	}

	fn transactions(&self) -> Vec<(Hash, usize)> {
		let EscrowTransactions { set_up, pay, confirm, .. } = &self.0;
		[set_up, pay, confirm].map(|bytes| (hash_of(bytes), bytes.len())).to_vec()
	}

	fn bytes(&self) -> usize {
		self.transactions().into_iter().map(|(_, bytes)| bytes).sum()
	}
}
