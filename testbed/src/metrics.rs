//! What a node counts of itself, as Prometheus reads it.

use std::{collections::BTreeMap, io, net::SocketAddr, time::Duration};
use tokio::{
	io::{AsyncReadExt, AsyncWriteExt},
	net::TcpStream,
	time::timeout,
};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// Why there are no metrics.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
	/// The node does not answer.
	#[error("no metrics from {address}: {source}; does the node run?")]
	Unreachable {
		/// Where it was asked.
		address: SocketAddr,
		/// Why.
		source: io::Error,
	},
	/// The answer is something else.
	#[error("what {address} answers are no metrics: it begins with {beginning:?}")]
	Malformed {
		/// Where it was asked.
		address: SocketAddr,
		/// How the answer begins.
		beginning: String,
	},
}

/// One figure.
#[derive(Clone, PartialEq, Debug)]
pub struct Sample {
	/// The metric's name.
	pub name: String,
	/// What tells it from others of that name.
	pub labels: BTreeMap<String, String>,
	/// The figure.
	pub value: f64,
}

/// The figures of a node at one moment.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct Metrics(Vec<Sample>);

impl Metrics {
	/// Asks a node.
	pub async fn fetch(address: SocketAddr) -> Result<Self, MetricsError> {
		let asked = async {
			let mut stream = TcpStream::connect(address).await?;
			stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await?;
			let mut answer = String::new();
			stream.read_to_string(&mut answer).await?;
			Ok(answer)
		};
		let answer = match timeout(ANSWER, asked).await {
			Ok(answer) => answer,
			Err(_) => Err(io::ErrorKind::TimedOut.into()),
		};
		let answer = answer.map_err(|source| MetricsError::Unreachable { address, source })?;
		match answer.split_once("\r\n\r\n") {
			Some((head, body)) if head.contains(" 200 ") => Ok(Self::parse(body)),
			_ => {
				let beginning = answer.chars().take(80).collect();
				Err(MetricsError::Malformed { address, beginning })
			},
		}
	}

	/// Reads the text format; what is no figure is left out.
	pub fn parse(text: &str) -> Self {
		Self(text.lines().filter_map(sample).collect())
	}

	/// The figures of this name.
	pub fn samples<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Sample> {
		self.0.iter().filter(move |sample| sample.name == name)
	}

	/// The sum of the figures of this name; 0 where there is none.
	pub fn sum(&self, name: &str) -> f64 {
		self.samples(name).map(|sample| sample.value).sum()
	}

	/// How many blocks were refused, by rule and reason. A node counts each reason from 0; those that
	/// have never applied are left out.
	pub fn refused(&self) -> BTreeMap<(String, String), u64> {
		let mut refused = BTreeMap::new();
		for sample in self.samples("spb_blocks_refused_total").filter(|sample| sample.value > 0.0) {
			let label = |name: &str| sample.labels.get(name).cloned().unwrap_or_default();
			// Counters are whole and small.
			*refused.entry((label("rule"), label("reason"))).or_default() += sample.value as u64;
		}
		refused
	}
}

/// The figure in a line. Labels hold no commas here.
fn sample(line: &str) -> Option<Sample> {
	if line.starts_with('#') {
		return None;
	}
	let (key, value) = line.trim().rsplit_once(' ')?;
	let (name, labels) = match key.split_once('{') {
		Some((name, labels)) => (name, labels.strip_suffix('}')?),
		None => (key, ""),
	};
	let labels = labels.split(',').filter(|label| !label.is_empty()).map(|label| {
		let (name, value) = label.split_once('=')?;
		Some((name.to_owned(), value.trim_matches('"').to_owned()))
	});
	let labels = labels.collect::<Option<_>>()?;
	Some(Sample { name: name.to_owned(), labels, value: value.parse().ok()? })
}

#[cfg(test)]
mod tests {
	use super::*;

	const TEXT: &str = "# HELP spb_blocks_refused_total Blocks refused, by rule and reason\n\
		# TYPE spb_blocks_refused_total counter\n\
		spb_blocks_refused_total{chain=\"spb_fast\",rule=\"R4\",reason=\"RootMismatch\"} 2\n\
		spb_blocks_refused_total{chain=\"spb_fast\",rule=\"R4\",reason=\"Never\"} 0\n\
		spb_blocks_refused_total{chain=\"spb_fast\",rule=\"R2\",reason=\"VaultTooSmall\"} 1\n\
		spb_open_ctps{chain=\"spb_fast\"} 7\n\
		plain 1.5\n";

	#[test]
	fn figures_should_be_read_with_their_labels() {
		let metrics = Metrics::parse(TEXT);
		assert_eq!(metrics.sum("spb_open_ctps"), 7.0);
		assert_eq!((metrics.sum("plain"), metrics.sum("none")), (1.5, 0.0));
		let refused = |rule: &str, reason: &str| (rule.to_owned(), reason.to_owned());
		let expected = [(refused("R2", "VaultTooSmall"), 1), (refused("R4", "RootMismatch"), 2)];
		assert_eq!(metrics.refused(), BTreeMap::from(expected));
	}

	#[tokio::test]
	async fn a_node_that_is_not_there_should_be_told() {
		let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
		let error = Metrics::fetch(free).await.unwrap_err();
		assert!(matches!(error, MetricsError::Unreachable { .. }), "{error}");
	}
}
