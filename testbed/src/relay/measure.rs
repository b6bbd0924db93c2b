//! What real backbone nodes count while letters go over them, and while the same letters are told to
//! everybody by the gossip of transactions.

use super::{
	backbone::{Backbone, BackboneError},
	correspondent::{key_of, Correspondent, CorrespondentError},
	packet_bytes,
	report::{Row, Source, ENDS},
	Writer, NEGOTIATION,
};
use crate::{
	metrics::Metrics,
	node::{Node, NodeError},
};
use spb_client::{
	chain::runtime,
	connection::{Connection, ConnectionError, Stall},
	keys::{AccountKey, KeyError},
	tx::TxError,
};

/// Between whose keys letters go: from a key of the first node to one of the second.
const PAIRS: [(usize, usize); 4] = [(0, 1), (1, 2), (3, 0), (2, 2)];
/// Who pays for what is told to everybody.
const TELLER: &str = "//Eve";
/// What a transaction takes beside what it says: its signature, its signer and the like, about.
const TRANSACTION: u64 = 112;

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
	/// A node, or its metrics.
	#[error(transparent)]
	Node(#[from] NodeError),
	/// The chain.
	#[error(transparent)]
	Connection(#[from] ConnectionError),
	/// A transaction.
	#[error(transparent)]
	Tx(#[from] TxError),
	/// A key.
	#[error(transparent)]
	Key(#[from] KeyError),
	/// The backbone.
	#[error(transparent)]
	Backbone(#[from] BackboneError),
	/// A letter.
	#[error(transparent)]
	Correspondent(#[from] CorrespondentError),
	/// What nodes count is not what happened.
	#[error("nodes counted {counted} packets that they handed on, but the packets say {said}")]
	Counted {
		/// What the metrics say.
		counted: u64,
		/// What the packets say.
		said: u64,
	},
}

/// What nodes have counted.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Traffic {
	/// Packets that nodes handed to each other.
	pub forwarded: u64,
	/// Packets that reached their recipients.
	pub delivered: u64,
	/// Messages with transactions that nodes sent to each other.
	pub told: u64,
	/// Their bytes.
	pub told_bytes: u64,
}

impl Traffic {
	/// Until now, on all of these nodes.
	pub async fn of(nodes: &[Node]) -> Result<Self, NodeError> {
		let mut traffic = Self::default();
		for node in nodes {
			let own = Self::read(&node.metrics().await?);
			traffic.forwarded += own.forwarded;
			traffic.delivered += own.delivered;
			traffic.told += own.told;
			traffic.told_bytes += own.told_bytes;
		}
		Ok(traffic)
	}

	fn read(metrics: &Metrics) -> Self {
		let steps = |step: &str| {
			let samples = metrics.samples("spb_relay_packets_total");
			let own =
				samples.filter(|sample| sample.labels.get("step").is_some_and(|is| is == step));
			own.map(|sample| sample.value).sum::<f64>()
		};
		let gossip = |figure: &str| {
			let name = format!("substrate_sub_libp2p_notifications_sizes_{figure}");
			let sent = |labels: &std::collections::BTreeMap<String, String>| {
				labels.get("direction").is_some_and(|direction| direction == "out")
					&& labels.get("protocol").is_some_and(|name| name.ends_with("/transactions/1"))
			};
			let samples = metrics.samples(&name).filter(|sample| sent(&sample.labels));
			samples.map(|sample| sample.value).sum::<f64>()
		};
		// Counters are whole and small.
		Self {
			forwarded: steps("forwarded") as u64,
			delivered: steps("delivered") as u64,
			told: gossip("count") as u64,
			told_bytes: gossip("sum") as u64,
		}
	}

	/// What came since.
	#[must_use]
	pub fn since(&self, before: &Self) -> Self {
		Self {
			forwarded: self.forwarded.saturating_sub(before.forwarded),
			delivered: self.delivered.saturating_sub(before.delivered),
			told: self.told.saturating_sub(before.told),
			told_bytes: self.told_bytes.saturating_sub(before.told_bytes),
		}
	}
}

/// Measures a backbone on which nothing else goes on.
pub async fn measure(backbone: &Backbone) -> Result<Row, MeasureError> {
	let before = Traffic::of(&backbone.nodes).await?;
	let mut forwards = Vec::new();
	for (consumer, producer) in PAIRS {
		let attach = |node: usize| async move {
			let secret = key_of(&backbone.listed[node], &backbone.listed)?;
			Correspondent::attach(&backbone.connections[node], secret).await
		};
		let (mut consumer, mut producer) = (attach(consumer).await?, attach(producer).await?);
		for (letter, writer) in NEGOTIATION {
			let (from, to) = match writer {
				Writer::Consumer => (&consumer, &mut producer),
				Writer::Producer => (&producer, &mut consumer),
			};
			from.send(to.key(), letter.as_bytes()).await?;
			forwards.push(u32::from(to.next().await?.hops));
		}
	}
	let carried = Traffic::of(&backbone.nodes).await?.since(&before);
	let said: u64 = forwards.iter().map(|hops| u64::from(*hops)).sum();
	if carried.forwarded != said {
		return Err(MeasureError::Counted { counted: carried.forwarded, said });
	}

	let before = settled(&backbone.nodes, &backbone.connections[0]).await?;
	let teller = AccountKey::development(TELLER)?;
	for place in 0..NEGOTIATION.len() {
		// Each is told by another node.
		let connection = &backbone.connections[place % backbone.connections.len()];
		tell(connection, &teller, packet_bytes()).await?;
	}
	let told = settled(&backbone.nodes, &backbone.connections[0]).await?.since(&before);
	let letters = NEGOTIATION.len() as f64;
	let nodes = backbone.nodes.len();
	let mean = told.told as f64 / letters;
	let entries = nodes.saturating_sub(1) as f64;
	let mut row = Row::of_letters(Source::Measured, nodes, entries, &forwards, mean);
	let ends = letters * f64::from(ENDS) * packet_bytes() as f64;
	row.broadcast_bytes = told.told_bytes as f64 + ends;
	Ok(row)
}

/// Tells everybody something that is as long as a packet, as a transaction: that is what nodes gossip.
async fn tell(connection: &Connection, key: &AccountKey, bytes: u64) -> Result<(), MeasureError> {
	let text = vec![0; usize::try_from(bytes.saturating_sub(TRANSACTION)).unwrap_or_default()];
	let call = runtime::transactions().system().remark(text);
	connection.submit_and_wait(&call, key).await?;
	Ok(())
}

/// What nodes have counted once they tell each other nothing new for a block.
async fn settled(nodes: &[Node], connection: &Connection) -> Result<Traffic, MeasureError> {
	let mut heads = connection.heads(Stall::default());
	let mut before = Traffic::of(nodes).await?;
	loop {
		heads.next().await?;
		let now = Traffic::of(nodes).await?;
		if now == before {
			return Ok(now);
		}
		before = now;
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	const TEXT: &str = "\
		spb_relay_packets_total{chain=\"spb_fast\",step=\"forwarded\"} 7\n\
		spb_relay_packets_total{chain=\"spb_fast\",step=\"delivered\"} 5\n\
		spb_relay_packets_total{chain=\"spb_fast\",step=\"stored\"} 9\n\
		substrate_sub_libp2p_notifications_sizes_count{chain=\"spb_fast\",direction=\"out\",\
		protocol=\"/ab/transactions/1\"} 12\n\
		substrate_sub_libp2p_notifications_sizes_sum{chain=\"spb_fast\",direction=\"out\",\
		protocol=\"/ab/transactions/1\"} 8000\n\
		substrate_sub_libp2p_notifications_sizes_count{chain=\"spb_fast\",direction=\"in\",\
		protocol=\"/ab/transactions/1\"} 11\n\
		substrate_sub_libp2p_notifications_sizes_count{chain=\"spb_fast\",direction=\"out\",\
		protocol=\"/ab/block-announces/1\"} 99\n";

	#[test]
	fn only_packets_and_transactions_that_were_sent_should_count() {
		let traffic = Traffic::read(&Metrics::parse(TEXT));
		let expected = Traffic { forwarded: 7, delivered: 5, told: 12, told_bytes: 8_000 };
		assert_eq!(traffic, expected);
		assert_eq!(traffic.since(&traffic), Traffic::default());
	}
}
