//! SPB: a CTP, the energy, an ERC. The energy comes in no time, as in the paper.

use super::{Trade, Way, CAREFUL, SPB};
use crate::evaluate::{
	error::Result,
	follower::What,
	market::{Market, SpbMessages, LIFETIME},
	network::Network,
};
use async_trait::async_trait;
use codec::Encode;
use spb_client::connection::{Connection, Hash};
use spb_primitives::Settlement;

/// When the producer delivers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trust {
	/// When the CTP is pending at its own node, as in the paper.
	Pending,
	/// When the CTP is in the database of a final block: then nothing can take it away.
	Final,
}

/// Trading by SPB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spb(pub Trust);

impl Way for Spb {
	fn name(&self) -> &'static str {
		match self.0 {
			Trust::Pending => SPB,
			Trust::Final => CAREFUL,
		}
	}

	fn sign(&self, market: &mut Market, count: usize) -> Result<Vec<Box<dyn Trade>>> {
		let trust = self.0;
		let boxed = |messages| Box::new(SpbTrade { messages, trust }) as Box<dyn Trade>;
		Ok(market.sign_spb(count, LIFETIME)?.into_iter().map(boxed).collect())
	}
}

struct SpbTrade {
	messages: SpbMessages,
	trust: Trust,
}

#[async_trait]
impl Trade for SpbTrade {
	fn consumer(&self) -> usize {
		self.messages.consumer
	}

	/// The producer's offer is there: it serves all trades, and its bytes are told apart.
	async fn set_up(&self, _network: &Network) -> Result<()> {
		Ok(())
	}

	async fn carry_out(&self, network: &Network, consumer: &Connection) -> Result<()> {
		let SpbMessages { signed, commit, confirm, .. } = &self.messages;
		let id = signed.id;
		network.submit(consumer, commit).await?;
		// The producer sees it at its own node and delivers; the consumer's meter says so.
		let seen = match self.trust {
			Trust::Pending => What::Noticed(id),
			Trust::Final => What::Safe(id),
		};
		network.follower().until(seen).await?;
		network.submit(consumer, confirm).await?;
		network.follower().until(self.payment()).await?;
		Ok(())
	}

	fn payment(&self) -> What {
		What::Settled(self.messages.signed.id)
	}

	fn transactions(&self) -> Vec<(Hash, usize)> {
		Vec::new()
	}

	fn bytes(&self) -> usize {
		let signed = &self.messages.signed;
		Settlement { ctp: signed.ctp.clone(), delivered: signed.erc.delivered }.encoded_size()
	}
}
