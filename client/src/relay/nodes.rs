//! Backbone nodes: which one a key belongs to, and the line to it.

use super::RelayError;
use crate::{
	chain::BackboneNode,
	connection::{Connection, ConnectionError, Line, Patience},
	keys::random_below,
};
use spb_primitives::relay::{distance, ContactKey, NodeIdentifier};
use std::{
	collections::BTreeMap,
	sync::{Arc, Mutex, PoisonError},
	time::Duration,
};

/// How long to try to reach a backbone node: another one may do as well.
const PATIENCE: Patience = Patience(Duration::from_secs(5));
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
	lines: Arc<Mutex<BTreeMap<String, Line>>>,
}

impl Stations {
	pub(super) fn new(connection: Connection) -> Self {
		Self::dialling(connection, Arc::new(|url: &str| Line::new(url, PATIENCE)))
	}

	pub(super) fn dialling(connection: Connection, dial: Dial) -> Self {
		Self { connection, dial, lines: Default::default() }
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
		let mut nodes = self.listed().await?;
		nodes.sort_by_key(|node| distance(key, &node.identifier));
		// A node whose address is none might as well not be there.
		let stations = nodes.iter().filter_map(|node| self.station(node).ok());
		let stations: Vec<Station> = stations.take(most).collect();
		Ok(if stations.is_empty() { vec![self.home()] } else { stations })
	}

	/// The node to hand a packet to at the `attempt`th attempt, from 0 on: first the one that the
	/// sender's key belongs to, then others, because a node that does not pass it on may not say so.
	pub(super) async fn entry(
		&self,
		from: &ContactKey,
		attempt: u32,
	) -> Result<Station, RelayError> {
		match attempt {
			0 => Ok(self.of(from, 1).await?.pop().unwrap_or_else(|| self.home())),
			odd if odd % 2 == 1 => Ok(self.home()),
			_ => {
				let nodes = self.listed().await?;
				let chosen = random_below(nodes.len()).and_then(|at| nodes.get(at));
				Ok(chosen.map_or_else(|| Ok(self.home()), |node| self.station(node))?)
			},
		}
	}

	fn station(&self, node: &BackboneNode) -> Result<Station, ConnectionError> {
		Ok(Station { identifier: Some(node.identifier), line: self.line(&node.address)? })
	}

	fn line(&self, address: &str) -> Result<Line, ConnectionError> {
		// Lines are inserted whole, so what a panicking thread left is sound.
		let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
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
