//! What operators see of the relay: `spb_relay_*`.

use super::{
	machine::{Figures, Step},
	refusal::Refusal,
};
use crate::spb::metrics::enlist;
use spb_primitives::relay::Packet;
use substrate_prometheus_endpoint::{
	Counter, CounterVec, Gauge, Histogram, HistogramOpts, Opts, PrometheusError, Registry, U64,
};

/// Upper ends of the counted ranges of hops.
const HOPS: [f64; 10] = [0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 32.0];

/// The metrics. They count also where no one looks.
#[derive(Clone)]
pub struct RelayMetrics {
	/// Nodes listed on chain.
	pub nodes: Gauge<U64>,
	/// Listed nodes that are passed over because they could not be reached.
	pub absent: Gauge<U64>,
	/// Keys attached to this node.
	pub attached: Gauge<U64>,
	/// Packets that wait for their recipients.
	pub waiting: Gauge<U64>,
	/// Their bytes.
	pub waiting_bytes: Gauge<U64>,
	/// Packets taken, by what became of them here.
	pub taken: CounterVec<U64>,
	/// Bytes of their sealed parts.
	pub bytes: Counter<U64>,
	/// Packets not taken, by reason.
	pub refused: CounterVec<U64>,
	/// Packets that were too old before their recipients came.
	pub expired: Counter<U64>,
	/// Packets that another node did not take over, by reason.
	pub not_handed_over: CounterVec<U64>,
	/// Packets that were taken and are lost.
	pub lost: Counter<U64>,
	/// Hops between backbone nodes of the packets that have arrived.
	pub hops: Histogram,
}

/// Why another node did not take a packet over, as a label of [`RelayMetrics::not_handed_over`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotHandedOver {
	/// It did not answer.
	Unreachable,
	/// It answered something else.
	Malformed,
	/// It refused.
	Refused,
}

impl NotHandedOver {
	const ALL: [Self; 3] = [Self::Unreachable, Self::Malformed, Self::Refused];

	fn label(self) -> &'static str {
		match self {
			Self::Unreachable => "unreachable",
			Self::Malformed => "malformed",
			Self::Refused => "refused",
		}
	}
}

/// The labels of [`RelayMetrics::taken`].
const STEPS: [&str; 4] = ["delivered", "stored", "forwarded", "duplicate"];

fn label(step: Step) -> &'static str {
	let [delivered, stored, forwarded, duplicate] = STEPS;
	match step {
		Step::Delivered => delivered,
		Step::Stored => stored,
		Step::Forwarded(_) => forwarded,
		Step::Duplicate => duplicate,
	}
}

impl RelayMetrics {
	/// Makes the metrics and, where there is a registry, registers them.
	pub fn new(registry: Option<&Registry>) -> Result<Self, PrometheusError> {
		let gauge = |name, help| enlist(Gauge::new(name, help)?, registry);
		let counter = |name, help| enlist(Counter::new(name, help)?, registry);
		let counters = |name: &str, help: &str, label: &str| {
			enlist(CounterVec::new(Opts::new(name, help), &[label])?, registry)
		};
		let hops = HistogramOpts::new(
			"spb_relay_hops",
			"Hops between backbone nodes of the packets that have arrived",
		);
		let metrics = Self {
			nodes: gauge("spb_relay_nodes", "Backbone nodes listed on chain")?,
			absent: gauge(
				"spb_relay_absent_nodes",
				"Listed nodes that are passed over because they could not be reached",
			)?,
			attached: gauge("spb_relay_attached_keys", "Keys attached to this node")?,
			waiting: gauge("spb_relay_waiting_packets", "Packets that wait for their recipients")?,
			waiting_bytes: gauge(
				"spb_relay_waiting_bytes",
				"Bytes of the packets that wait for their recipients",
			)?,
			taken: counters(
				"spb_relay_packets_total",
				"Packets taken, by what became of them here",
				"step",
			)?,
			bytes: counter("spb_relay_bytes_total", "Sealed bytes of the packets taken")?,
			refused: counters("spb_relay_refused_total", "Packets not taken, by reason", "reason")?,
			expired: counter(
				"spb_relay_expired_total",
				"Packets that were too old before their recipients came",
			)?,
			not_handed_over: counters(
				"spb_relay_not_handed_over_total",
				"Packets that another node did not take over, by reason",
				"reason",
			)?,
			lost: counter("spb_relay_lost_total", "Packets that were taken and are lost")?,
			hops: enlist(Histogram::with_opts(hops.buckets(HOPS.to_vec()))?, registry)?,
		};
		metrics.begin();
		Ok(metrics)
	}

	/// Shows every series from the start, so that the first event is an increase.
	fn begin(&self) {
		for step in STEPS {
			self.taken.with_label_values(&[step]);
		}
		for refusal in Refusal::ALL {
			self.refused.with_label_values(&[refusal.name()]);
		}
		for reason in NotHandedOver::ALL {
			self.not_handed_over.with_label_values(&[reason.label()]);
		}
	}

	/// Shows what is going on.
	pub fn show(&self, figures: &Figures) {
		let Figures { nodes, absent, attached, waiting, waiting_bytes, .. } = *figures;
		self.nodes.set(nodes as u64);
		self.absent.set(absent as u64);
		self.attached.set(attached as u64);
		self.waiting.set(waiting as u64);
		self.waiting_bytes.set(waiting_bytes as u64);
	}

	/// Counts a packet that was taken.
	pub fn took(&self, packet: PacketSize, step: Step) {
		self.taken.with_label_values(&[label(step)]).inc();
		self.bytes.inc_by(packet.bytes);
		if matches!(step, Step::Delivered | Step::Stored) {
			self.hops.observe(packet.hops.into());
		}
	}

	/// Counts a packet that was not taken.
	pub fn refused(&self, refusal: Refusal) {
		self.refused.with_label_values(&[refusal.name()]).inc();
	}

	/// Counts a packet that another node did not take over.
	pub fn not_handed_over(&self, reason: NotHandedOver) {
		self.not_handed_over.with_label_values(&[reason.label()]).inc();
	}
}

/// What is counted of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PacketSize {
	/// Hops taken so far.
	pub hops: u8,
	/// Bytes of the sealed part.
	pub bytes: u64,
}

impl From<&Packet> for PacketSize {
	fn from(packet: &Packet) -> Self {
		Self { hops: packet.hops, bytes: packet.sealed.len() as u64 }
	}
}

#[cfg(test)]
mod tests {
	use super::{super::machine::tests::packet, *};

	#[test]
	fn every_metric_should_be_there_from_the_start() {
		let registry = Registry::new();
		let metrics = RelayMetrics::new(Some(&registry)).unwrap();
		let names: Vec<_> = registry.gather().iter().map(|f| f.get_name().to_string()).collect();
		assert!(names.iter().all(|name| name.starts_with("spb_relay_")), "{names:?}");
		for name in ["packets_total", "refused_total", "not_handed_over_total", "hops"] {
			assert!(names.contains(&format!("spb_relay_{name}")), "{name} not in {names:?}");
		}
		for reason in NotHandedOver::ALL {
			metrics.not_handed_over(reason);
			assert_eq!(metrics.not_handed_over.with_label_values(&[reason.label()]).get(), 1);
		}
	}

	#[test]
	fn hops_should_be_counted_where_a_packet_arrives() {
		let metrics = RelayMetrics::new(None).unwrap();
		let packet = Packet { hops: 2, ..packet(1, 2, 3) };
		for step in [Step::Delivered, Step::Stored, Step::Forwarded(Default::default())] {
			metrics.took((&packet).into(), step);
		}
		assert_eq!((metrics.hops.get_sample_count(), metrics.hops.get_sample_sum()), (2, 4.0));
		assert_eq!(metrics.taken.with_label_values(&["forwarded"]).get(), 1);
		assert_eq!(metrics.bytes.get(), 3 * packet.sealed.len() as u64);
	}
}
