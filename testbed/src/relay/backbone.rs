//! Four validators that are listed on their chain as backbone nodes.

use crate::{
	node::{start_all, Node, NodeError, Options},
	validators::{Validators, ValidatorsError, NAMES},
};
use serde::Deserialize;
use spb_client::{
	chain::calls,
	connection::{Connection, ConnectionError},
	error::{Classify, Kind},
	keys::{AccountKey, KeyError},
	tx::TxError,
};
use spb_primitives::relay::{nearest, ContactKey, NodeIdentifier};
use std::{path::Path, time::Duration};
use subxt::rpcs::client::rpc_params;

/// Who lists them, in their order.
const OWNERS: [&str; NAMES.len()] = ["//Alice", "//Bob", "//Charlie", "//Dave"];

/// How long nodes may take to know each other on a loaded machine.
const LIMIT: Duration = Duration::from_secs(180);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// Why there is no backbone.
#[derive(Debug, thiserror::Error)]
pub enum BackboneError {
	/// A node.
	#[error(transparent)]
	Node(#[from] NodeError),
	/// How nodes are prepared.
	#[error(transparent)]
	Validators(#[from] ValidatorsError),
	/// The chain.
	#[error(transparent)]
	Connection(#[from] ConnectionError),
	/// A transaction.
	#[error(transparent)]
	Tx(#[from] TxError),
	/// A key.
	#[error(transparent)]
	Key(#[from] KeyError),
	/// A node does not know the others.
	#[error("the node at {url} knows {known} of {wanted} backbone nodes after {} s", LIMIT.as_secs())]
	Unknown {
		/// Where it is.
		url: String,
		/// How many it knows.
		known: usize,
		/// How many there are.
		wanted: usize,
	},
}

impl BackboneError {
	/// What it means to the one who called.
	pub fn kind(&self) -> Kind {
		match self {
			Self::Connection(error) => error.kind(),
			Self::Tx(error) => error.kind(),
			Self::Key(error) => error.kind(),
			Self::Node(_) | Self::Validators(_) | Self::Unknown { .. } => Kind::Failed,
		}
	}
}

/// Nodes that carry letters, and the ways to them.
#[derive(Debug)]
pub struct Backbone {
	/// The nodes.
	pub nodes: Vec<Node>,
	/// The way to each.
	pub connections: Vec<Connection>,
	/// The identifier of each.
	pub listed: Vec<NodeIdentifier>,
}

impl Backbone {
	/// Starts four validators of the chain with this specification, each changed by `change`, and lists
	/// them; their data is below `folder`.
	pub async fn start(
		program: &Path,
		chain: &Path,
		folder: &Path,
		change: impl Fn(usize, Options) -> Options,
	) -> Result<Self, BackboneError> {
		let validators = Validators::prepare(program, chain, folder)?;
		let options = (0..NAMES.len()).map(|place| change(place, validators.options(place)));
		let options: Vec<Options> = options.collect();
		let nodes = tokio::task::block_in_place(|| start_all(options))?;
		let mut connections = Vec::new();
		for node in &nodes {
			connections.push(node.connect().await?);
		}
		let listed = list(&nodes, &connections).await?;
		Ok(Self { nodes, connections, listed })
	}

	/// The place of the node that a key belongs to.
	pub fn home(&self, key: &ContactKey) -> usize {
		let home = nearest(key, self.listed.iter().copied());
		self.listed.iter().position(|node| Some(*node) == home).unwrap_or_default()
	}
}

/// Lists nodes of one chain as backbone nodes, and waits until all of them know and reach all of them;
/// gives their identifiers, in the same order.
pub async fn list(
	nodes: &[Node],
	connections: &[Connection],
) -> Result<Vec<NodeIdentifier>, BackboneError> {
	let (mut listed, mut submitted) = (Vec::new(), Vec::new());
	for ((node, connection), owner) in nodes.iter().zip(connections).zip(OWNERS) {
		let owner = AccountKey::development(owner)?;
		let consent = connection.relay_consent(&owner.account()).await?;
		let call = calls::join_backbone(&consent, &node.url());
		submitted.push((connection, connection.submit(&call, &owner).await?));
		listed.push(consent.node);
	}
	for (connection, transaction) in submitted {
		connection.wait_for(&transaction).await?;
	}
	for connection in connections {
		until_all_are_known(connection, connections.len()).await?;
	}
	Ok(listed)
}

/// What a node says of its peers.
#[derive(Deserialize)]
struct Health {
	peers: usize,
}

/// Waits until a node knows so many backbone nodes, itself included, and has as many peers.
async fn until_all_are_known(connection: &Connection, wanted: usize) -> Result<(), BackboneError> {
	let mut known = 0;
	let looking = async {
		let mut pace = tokio::time::interval(LOOK);
		loop {
			pace.tick().await;
			known = connection.relay_status().await?.nodes;
			let health: Health = connection.request("system_health", rpc_params![]).await?;
			if known == wanted && health.peers + 1 >= wanted {
				return Ok(());
			}
		}
	};
	let looked = tokio::time::timeout(LIMIT, looking).await;
	let url = connection.url().to_owned();
	looked.unwrap_or_else(|_| Err(BackboneError::Unknown { url, known, wanted }))
}
