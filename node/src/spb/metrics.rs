//! What operators see in Prometheus: `spb_*`.

use super::{
	import::NotJudged,
	network::{reputation, DATABASE, PROTOCOLS, SIDECAR},
};
use sc_network::ReputationChange;
use spb_primitives::Refusal;
use substrate_prometheus_endpoint::{
	exponential_buckets, prometheus::core::Collector, register, Counter, CounterVec, Gauge,
	Histogram, HistogramOpts, Opts, PrometheusError, Registry, U64,
};

/// The metrics. They count also where no one looks, which spares every user a question.
#[derive(Clone)]
pub struct Metrics {
	/// Messages in the inbox.
	pub inbox_messages: Gauge<U64>,
	/// Their bytes.
	pub inbox_bytes: Gauge<U64>,
	/// Messages that went because the inbox was full.
	pub inbox_evicted: Counter<U64>,
	/// Blocks judged before import, by verdict.
	pub blocks_checked: CounterVec<U64>,
	/// Blocks refused, by rule and reason.
	pub blocks_refused: CounterVec<U64>,
	/// How long judging a block took.
	pub check_seconds: Histogram,
	/// How long preparing a block took.
	pub prepare_seconds: Histogram,
	/// Candidates that prepared blocks took in.
	pub prepared_messages: Counter<U64>,
	/// Candidates that prepared blocks did not take in, by rule and reason; one that waits counts for
	/// each block.
	pub messages_declined: CounterVec<U64>,
	/// Open CTPs after the best block.
	pub open: Gauge<U64>,
	/// CTPs that entered the database on the best chain.
	pub added: Counter<U64>,
	/// CTPs that settled on the best chain.
	pub settled: Counter<U64>,
	/// CTPs that expired on the best chain.
	pub expired: Counter<U64>,
	/// Bytes of the disk that the chain's folder takes.
	pub disk_bytes: Gauge<U64>,
	/// Bytes of sidecars stored.
	pub sidecar_bytes: Counter<U64>,
	/// The last final block whose trades are indexed.
	pub trades_indexed: Gauge<U64>,
	/// Waits for a sidecar from peers under way, by blocks and announcements.
	pub sidecars_waiting: Gauge<U64>,
	/// Sidecars that came from peers.
	pub sidecars_fetched: Counter<U64>,
	/// Those of them that came after their blocks had stopped waiting.
	pub sidecars_late: Counter<U64>,
	/// Waits for a sidecar that ended without it.
	pub sidecars_missed: Counter<U64>,
	/// Sidecars sent to peers.
	pub sidecars_served: Counter<U64>,
	/// Answers of peers that were proven wrong or did not decode, by protocol and by what was wrong.
	pub answers_refused: CounterVec<U64>,
	/// Requests of peers that did not decode or came too fast, by protocol and by what was wrong.
	pub requests_refused: CounterVec<U64>,
	/// Whether the database of the best block is missing here.
	pub database_missing: Gauge<U64>,
	/// Databases restored from peers or from the node's own sidecars.
	pub databases_restored: Counter<U64>,
	/// Parts of databases sent to peers.
	pub database_parts_served: Counter<U64>,
	/// Blocks that could not be judged, and were not imported or not asked for when they were
	/// announced, by what was missing.
	pub blocks_not_judged: CounterVec<U64>,
	/// Blocks imported without being judged.
	pub blocks_unjudged: Counter<U64>,
	/// Signatures verified outside the execution of blocks.
	pub signatures_verified: Counter<U64>,
	/// Signatures that were asked for again and not verified again.
	pub signatures_remembered: Counter<U64>,
	/// Slots of this node's in which it proposed nothing because of the CTP database.
	pub slots_skipped: Counter<U64>,
}

/// A verdict, as a label of [`Metrics::blocks_checked`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Checked {
	/// Good.
	Ok,
	/// Something to judge it by is missing.
	Missing,
	/// It breaks a rule.
	Bad,
}

impl Checked {
	fn label(self) -> &'static str {
		match self {
			Self::Ok => "ok",
			Self::Missing => "missing",
			Self::Bad => "bad",
		}
	}
}

impl Metrics {
	/// Makes the metrics and, where there is a registry, registers them.
	pub fn new(registry: Option<&Registry>) -> Result<Self, PrometheusError> {
		let gauge = |name, help| enlist(Gauge::new(name, help)?, registry);
		let counter = |name, help| enlist(Counter::new(name, help)?, registry);
		let counters = |name: &str, help: &str, labels: &[&str]| {
			enlist(CounterVec::new(Opts::new(name, help), labels)?, registry)
		};
		let seconds = |name: &str, help: &str| {
			// From a millisecond to four seconds.
			let options =
				HistogramOpts::new(name, help).buckets(exponential_buckets(0.001, 2.0, 13)?);
			enlist(Histogram::with_opts(options)?, registry)
		};
		let metrics = Self {
			inbox_messages: gauge("spb_inbox_messages", "Messages that wait for a block")?,
			inbox_bytes: gauge("spb_inbox_bytes", "Bytes of the messages that wait for a block")?,
			inbox_evicted: counter(
				"spb_inbox_evicted_total",
				"Messages that went because the inbox was full",
			)?,
			blocks_checked: counters(
				"spb_blocks_checked_total",
				"Blocks judged before import, by verdict",
				&["verdict"],
			)?,
			blocks_refused: counters(
				"spb_blocks_refused_total",
				"Blocks refused, by rule and reason",
				&["rule", "reason"],
			)?,
			check_seconds: seconds("spb_check_seconds", "Time to judge a block")?,
			prepare_seconds: seconds("spb_prepare_seconds", "Time to prepare a block")?,
			prepared_messages: counter(
				"spb_prepared_messages_total",
				"Messages that prepared blocks took in",
			)?,
			messages_declined: counters(
				"spb_messages_declined_total",
				"Messages that prepared blocks did not take in, by rule and reason",
				&["rule", "reason"],
			)?,
			open: gauge("spb_open_ctps", "Open CTPs after the best block")?,
			added: counter("spb_added_ctps_total", "CTPs that entered the database")?,
			settled: counter("spb_settled_ctps_total", "CTPs that settled")?,
			expired: counter("spb_expired_ctps_total", "CTPs that expired")?,
			disk_bytes: gauge("spb_disk_bytes", "Bytes of the disk that the chain's folder takes")?,
			sidecar_bytes: counter("spb_sidecar_bytes_total", "Bytes of sidecars stored")?,
			trades_indexed: gauge(
				"spb_trades_indexed_block",
				"The last final block whose trades are indexed",
			)?,
			sidecars_waiting: gauge(
				"spb_sidecars_waiting",
				"Waits for a sidecar from peers under way",
			)?,
			sidecars_fetched: counter(
				"spb_sidecars_fetched_total",
				"Sidecars that came from peers",
			)?,
			sidecars_late: counter(
				"spb_sidecars_late_total",
				"Sidecars that came after their blocks had stopped waiting",
			)?,
			sidecars_missed: counter(
				"spb_sidecars_missed_total",
				"Waits for a sidecar that ended without it",
			)?,
			sidecars_served: counter("spb_sidecars_served_total", "Sidecars sent to peers")?,
			answers_refused: counters(
				"spb_answers_refused_total",
				"Answers of peers that were proven wrong or did not decode",
				&["protocol", "reason"],
			)?,
			requests_refused: counters(
				"spb_requests_refused_total",
				"Requests of peers that did not decode or came too fast",
				&["protocol", "reason"],
			)?,
			database_missing: gauge(
				"spb_database_missing",
				"Whether the database of the best block is missing",
			)?,
			databases_restored: counter(
				"spb_databases_restored_total",
				"Databases restored from peers or from own sidecars",
			)?,
			database_parts_served: counter(
				"spb_database_parts_served_total",
				"Parts of databases sent to peers",
			)?,
			blocks_not_judged: counters(
				"spb_blocks_not_judged_total",
				"Blocks not imported for now because they could not be judged, by what is missing",
				&["reason"],
			)?,
			blocks_unjudged: counter(
				"spb_blocks_unjudged_total",
				"Blocks imported without being judged",
			)?,
			signatures_verified: counter(
				"spb_signatures_verified_total",
				"Signatures verified outside the execution of blocks",
			)?,
			signatures_remembered: counter(
				"spb_signatures_remembered_total",
				"Signatures that were asked for again and not verified again",
			)?,
			slots_skipped: counter(
				"spb_slots_skipped_total",
				"Own slots without a block because of the CTP database",
			)?,
		};
		metrics.begin();
		Ok(metrics)
	}

	/// Shows every series from the start: the increase of one that appears with its first event
	/// would be none.
	fn begin(&self) {
		for verdict in [Checked::Ok, Checked::Missing, Checked::Bad] {
			self.blocks_checked.with_label_values(&[verdict.label()]);
		}
		for refusal in Refusal::ALL {
			let labels = [refusal.rule(), refusal.name()];
			self.blocks_refused.with_label_values(&labels);
			self.messages_declined.with_label_values(&labels);
		}
		for reason in NotJudged::NAMES {
			self.blocks_not_judged.with_label_values(&[reason]);
		}
		for protocol in [SIDECAR, DATABASE] {
			for change in reputation::OF_ANSWERS {
				self.answers_refused.with_label_values(&[protocol, change.reason]);
			}
		}
		for protocol in PROTOCOLS {
			for change in reputation::OF_REQUESTS {
				self.requests_refused.with_label_values(&[protocol, change.reason]);
			}
		}
	}

	/// Counts a verdict.
	pub fn checked(&self, verdict: Checked) {
		self.blocks_checked.with_label_values(&[verdict.label()]).inc();
	}

	/// Counts a block that cannot be judged for now.
	pub fn not_judged(&self, why: &NotJudged) {
		self.blocks_not_judged.with_label_values(&[why.name()]).inc();
	}

	/// Counts a refused block.
	pub fn refused(&self, refusal: Refusal) {
		self.checked(Checked::Bad);
		self.blocks_refused.with_label_values(&[refusal.rule(), refusal.name()]).inc();
	}

	/// Counts a message that a prepared block did not take in.
	pub fn declined(&self, refusal: Refusal) {
		self.messages_declined.with_label_values(&[refusal.rule(), refusal.name()]).inc();
	}

	/// Counts an answer on a protocol, [`SIDECAR`] or [`DATABASE`], that cost its peer this much.
	pub fn answer_refused(&self, protocol: &str, change: &ReputationChange) {
		self.answers_refused.with_label_values(&[protocol, change.reason]).inc();
	}

	/// Counts a request on a protocol, one of [`PROTOCOLS`], that cost its peer this much.
	pub fn request_refused(&self, protocol: &str, change: &ReputationChange) {
		self.requests_refused.with_label_values(&[protocol, change.reason]).inc();
	}
}

/// Registers a metric where there is a registry.
pub(super) fn enlist<M: Clone + Collector + 'static>(
	metric: M,
	registry: Option<&Registry>,
) -> Result<M, PrometheusError> {
	match registry {
		Some(registry) => register(metric, registry),
		None => Ok(metric),
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn every_metric_should_register_under_the_prefix() {
		let registry = Registry::new();
		let metrics = Metrics::new(Some(&registry)).unwrap();
		let names: Vec<_> = registry.gather().iter().map(|f| f.get_name().to_string()).collect();
		assert!(names.len() > 10 && names.iter().all(|name| name.starts_with("spb_")), "{names:?}");
		for first in [
			"blocks_refused",
			"blocks_not_judged",
			"messages_declined",
			"answers_refused",
			"requests_refused",
		] {
			let name = format!("spb_{first}_total");
			assert!(names.contains(&name), "{name} is there before the first one: {names:?}");
		}
		metrics.refused(Refusal::RootMismatch);
		assert_eq!(metrics.blocks_refused.with_label_values(&["R4", "RootMismatch"]).get(), 1);
	}
}
