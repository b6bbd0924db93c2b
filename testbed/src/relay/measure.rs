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
use codec::Encode;
use spb_client::{
	chain::runtime,
	connection::{Connection, ConnectionError, Stall},
	keys::{AccountKey, KeyError},
	tx::TxError,
};
use spb_primitives::relay::Packet;

/// Between whose keys letters go: from a key of the first node to one of the second. The keys are
/// drawn to fit, so how often these letters are handed on in the mean is chosen here: as often as
/// letters between any keys would be, were each node's share of all keys a quarter.
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
	#[error(
		"nodes counted {counted} {what}, but the packets that came say {said}: measure a backbone on \
		 which nothing else goes on, and measure again"
	)]
	Counted {
		/// What was counted.
		what: &'static str,
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
	/// Sealed bytes of the packets that nodes took: of a packet once for each node on its way.
	pub sealed_bytes: u64,
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
			traffic.sealed_bytes += own.sealed_bytes;
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
			sealed_bytes: metrics.sum("spb_relay_bytes_total") as u64,
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
			sealed_bytes: self.sealed_bytes.saturating_sub(before.sealed_bytes),
			told: self.told.saturating_sub(before.told),
			told_bytes: self.told_bytes.saturating_sub(before.told_bytes),
		}
	}
}

/// What the packets that came say of themselves.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
struct Came {
	/// How often nodes handed each of them on.
	forwards: Vec<u32>,
	/// Their sealed bytes, once for each node that took them.
	sealed_bytes: u64,
	/// Their bytes on all hops, from participant to participant.
	bytes: u64,
}

impl Came {
	/// Another one came.
	fn note(&mut self, packet: &Packet) {
		let forwards = u32::from(packet.hops);
		self.forwards.push(forwards);
		self.sealed_bytes += u64::from(forwards + 1) * packet.sealed.len() as u64;
		self.bytes += u64::from(forwards + ENDS) * packet.encoded_size() as u64;
	}

	/// Holds it against what nodes counted meanwhile.
	fn check(&self, counted: &Traffic) -> Result<(), MeasureError> {
		let forwarded: u64 = self.forwards.iter().map(|forwards| u64::from(*forwards)).sum();
		let figures = [
			("packets that they handed on", counted.forwarded, forwarded),
			("packets that they delivered", counted.delivered, self.forwards.len() as u64),
			("sealed bytes that they took", counted.sealed_bytes, self.sealed_bytes),
		];
		match figures.into_iter().find(|(_, counted, said)| counted != said) {
			Some((what, counted, said)) => Err(MeasureError::Counted { what, counted, said }),
			None => Ok(()),
		}
	}
}

/// Measures a backbone on which nothing else goes on.
///
/// # Errors
///
/// Also where nodes count other packets or bytes than came: the figures are of what both agree on.
pub async fn measure(backbone: &Backbone) -> Result<Row, MeasureError> {
	// A copy from before that is still on its way would be counted too.
	let before = settled(&backbone.nodes, &backbone.connections[0]).await?;
	let mut came = Came::default();
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
			came.note(&to.next().await?);
		}
	}
	came.check(&Traffic::of(&backbone.nodes).await?.since(&before))?;

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
	let mut row = Row::of_letters(Source::Measured, nodes, entries, &came.forwards, mean);
	row.bytes = came.bytes as f64 / PAIRS.len() as f64;
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
	use super::{super::correspondent::packet, *};
	use spb_primitives::relay::{sealed_length, ContactSecret, PADDED};

	const TEXT: &str = "\
		spb_relay_packets_total{chain=\"spb_fast\",step=\"forwarded\"} 7\n\
		spb_relay_packets_total{chain=\"spb_fast\",step=\"delivered\"} 5\n\
		spb_relay_packets_total{chain=\"spb_fast\",step=\"stored\"} 9\n\
		spb_relay_bytes_total{chain=\"spb_fast\"} 6720\n\
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
		let expected = Traffic {
			forwarded: 7,
			delivered: 5,
			sealed_bytes: 6_720,
			told: 12,
			told_bytes: 8_000,
		};
		assert_eq!(traffic, expected);
		assert_eq!(traffic.since(&traffic), Traffic::default());
	}

	#[test]
	fn what_nodes_count_should_be_what_came() {
		let mut came = Came::default();
		for hops in [0, 1, 2] {
			let to = ContactSecret::generate().unwrap().public();
			came.note(&Packet { hops, ..packet(to, to, b"ask").unwrap() });
		}
		assert_eq!(came.forwards, [0, 1, 2]);
		// One, two and three nodes took them, and the reader of each is one hop further.
		let sealed = sealed_length(PADDED[0]) as u64;
		assert_eq!(came.sealed_bytes, (1 + 2 + 3) * sealed);
		assert_eq!(came.bytes, (2 + 3 + 4) * packet_bytes());

		let right =
			Traffic { forwarded: 3, delivered: 3, sealed_bytes: 6 * sealed, ..Default::default() };
		assert!(came.check(&right).is_ok());
		let wrong = [
			("handed on", Traffic { forwarded: 4, ..right }),
			("delivered", Traffic { delivered: 2, ..right }),
			("sealed bytes", Traffic { sealed_bytes: 7 * sealed, ..right }),
		];
		for (figure, counted) in wrong {
			let error = came.check(&counted).unwrap_err();
			assert!(matches!(error, MeasureError::Counted { .. }));
			assert!(error.to_string().contains(figure), "{error}");
		}
	}
}
