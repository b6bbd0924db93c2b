//! Backbone nodes: which one a key belongs to, and the line to it.

use super::RelayError;
use crate::{
	chain::BackboneNode,
	connection::{Connection, ConnectionError, Line, Patience},
	keys::random_below,
};
use spb_primitives::relay::{nearest_first, ContactKey, NodeIdentifier};
use std::{
	collections::BTreeMap,
	future::Future,
	sync::{Arc, Mutex, MutexGuard, PoisonError},
	time::{Duration, Instant},
};
use tokio::time::timeout;

/// How long to try to reach a backbone node: another one may do as well.
const PATIENCE: Patience = Patience(Duration::from_secs(5));
/// How long a node may take in all, to be reached and to answer. Anybody can be listed, and one that
/// says nothing is not to cost its users more than a moment.
const LIMIT: Duration = Duration::from_secs(6);
/// For how long a node that took longer is passed over where another one does as well.
const REST: Duration = Duration::from_secs(60);
/// Lines that are kept at the most; a line to a node that has left is not asked for again.
const MAX_LINES: usize = 64;

/// Makes a line to the node at an address.
pub(super) type Dial = Arc<dyn Fn(&str) -> Result<Line, ConnectionError> + Send + Sync>;

/// A node that packets go through.
#[derive(Clone, Debug)]
pub(super) struct Station {
	/// Which one the chain lists; none for the client's own node, whichever that is.
	pub(super) identifier: Option<NodeIdentifier>,
	/// The line to it.
	pub(super) line: Line,
}

/// The ways into the backbone.
#[derive(Clone)]
pub(super) struct Stations {
	connection: Connection,
	dial: Dial,
	limit: Duration,
	lines: Arc<Mutex<BTreeMap<String, Line>>>,
	/// The nodes that said nothing of late, by their addresses, and since when they rest.
	silent: Arc<Mutex<BTreeMap<String, Instant>>>,
}

impl Stations {
	pub(super) fn new(connection: Connection) -> Self {
		Self::dialling(connection, Arc::new(|url: &str| Line::new(url, PATIENCE)))
	}

	pub(super) fn dialling(connection: Connection, dial: Dial) -> Self {
		Self {
			connection,
			dial,
			limit: LIMIT,
			lines: Default::default(),
			silent: Default::default(),
		}
	}

	/// With another limit of what a node may take.
	#[cfg(test)]
	pub(super) fn within(self, limit: Duration) -> Self {
		Self { limit, ..self }
	}

	/// Waits for what a node is asked for, as long as a node may take. One that takes longer rests.
	pub(super) async fn in_time<T>(
		&self,
		station: &Station,
		work: impl Future<Output = Result<T, RelayError>>,
	) -> Result<T, RelayError> {
		if let Ok(done) = timeout(self.limit, work).await {
			return done;
		}
		let url = station.line.url();
		if station.identifier.is_some() {
			let mut silent = locked(&self.silent);
			while silent.len() >= MAX_LINES {
				silent.pop_first();
			}
			silent.insert(url.to_owned(), Instant::now());
		}
		Err(RelayError::Silent { url: url.into(), limit: self.limit })
	}

	/// Whether a node said nothing of late.
	fn rests(&self, station: &Station) -> bool {
		let mut silent = locked(&self.silent);
		silent.retain(|_, since| since.elapsed() < REST);
		silent.contains_key(station.line.url())
	}

	/// The client's own node. It takes packets whether it is listed or not.
	pub(super) fn home(&self) -> Station {
		Station { identifier: None, line: self.connection.line().clone() }
	}

	/// The nodes that the chain lists after the best block.
	async fn listed(&self) -> Result<Vec<BackboneNode>, RelayError> {
		Ok(self.connection.best_view().await?.backbone().await?)
	}

	/// The node that a key belongs to, and those that it would belong to if that one were gone: the
	/// listed ones, nearest first, at most `most`. While none is listed, the client's own node has to
	/// do.
	pub(super) async fn of(
		&self,
		key: &ContactKey,
		most: usize,
	) -> Result<Vec<Station>, RelayError> {
		let listed = self.listed().await?;
		let nodes: BTreeMap<NodeIdentifier, &BackboneNode> =
			listed.iter().map(|node| (node.identifier, node)).collect();
		let ordered = nearest_first(key, nodes.keys().copied());
		// A node whose address is none might as well not be there.
		let stations = ordered.iter().filter_map(|node| self.station(nodes.get(node)?).ok());
		let stations: Vec<Station> = stations.take(most).collect();
		Ok(if stations.is_empty() { vec![self.home()] } else { stations })
	}

	/// The node to hand a packet to at the `attempt`th attempt, from 0 on: first the one that the
	/// sender's key belongs to, then others, because a node that does not pass it on may not say so.
	/// Any node takes packets, so the client's own stands in for one that rests.
	pub(super) async fn entry(
		&self,
		from: &ContactKey,
		attempt: u32,
	) -> Result<Station, RelayError> {
		let chosen = match attempt {
			0 => self.of(from, 1).await?.pop(),
			odd if odd % 2 == 1 => None,
			_ => {
				let nodes = self.listed().await?;
				let node = random_below(nodes.len()).and_then(|at| nodes.get(at));
				node.map(|node| self.station(node)).transpose()?
			},
		};
		let chosen = chosen.filter(|station| !self.rests(station));
		Ok(chosen.unwrap_or_else(|| self.home()))
	}

	fn station(&self, node: &BackboneNode) -> Result<Station, ConnectionError> {
		Ok(Station { identifier: Some(node.identifier), line: self.line(&node.address)? })
	}

	fn line(&self, address: &str) -> Result<Line, ConnectionError> {
		let mut lines = locked(&self.lines);
		if let Some(line) = lines.get(address) {
			return Ok(line.clone());
		}
		let line = (self.dial)(address)?;
		while lines.len() >= MAX_LINES {
			lines.pop_first();
		}
		lines.insert(address.to_owned(), line.clone());
		Ok(line)
	}
}

fn locked<T>(memory: &Mutex<T>) -> MutexGuard<'_, T> {
	// Entries are inserted whole, so what a panicking thread left is sound.
	memory.lock().unwrap_or_else(PoisonError::into_inner)
}
