//! Whether honest nodes stay connected: who merely passes on what someone else withholds must not lose
//! its standing for it.

use serde::Deserialize;
use spb_client::connection::Connection;
use spb_testbed::validators::NAMES;
use spb_tests::faults::{Chain, Result};
use std::{
	collections::BTreeSet,
	sync::{Arc, Mutex, PoisonError},
	time::Duration,
};
use subxt::rpcs::client::RpcParams;
use tokio::task::JoinHandle;

/// Between two looks: a peer that was dropped is away for longer.
const LOOK: Duration = Duration::from_millis(500);

/// A peer, as a node tells.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Peer {
	peer_id: String,
}

/// What was seen so far.
#[derive(Default)]
struct Seen {
	looks: usize,
	/// Who lacked whom, or did not say.
	troubles: BTreeSet<String>,
}

/// Asks all honest nodes for their peers, until this is dropped. They must be connected when it begins,
/// and none of them may be stopped meanwhile.
pub struct Standing {
	seen: Arc<Mutex<Seen>>,
	asking: Vec<JoinHandle<()>>,
}

impl Standing {
	/// Begins.
	pub fn watch(chain: &Chain) -> Self {
		let seen = Arc::<Mutex<Seen>>::default();
		let identity = |place: &usize| chain.validators.identity(*place).to_owned();
		let asking = chain.honest().iter().map(|place| {
			let others = chain.honest().iter().filter(|other| *other != place);
			let others = others.map(|other| (NAMES[*other], identity(other))).collect();
			let connection = chain.connections[*place].clone();
			tokio::spawn(ask(NAMES[*place], connection, others, seen.clone()))
		});
		let asking = asking.collect();
		Self { seen, asking }
	}

	/// Says how often it was looked, unless an honest node was ever without another one.
	pub fn kept(&self) -> Result<String> {
		let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
		if let Some(trouble) = seen.troubles.first() {
			return Err(format!("{trouble} ({} troubles)", seen.troubles.len()).into());
		}
		if seen.looks < self.asking.len() {
			return Err("not every honest node was asked for its peers".into());
		}
		Ok(format!("each honest node had all others as peers, in all {} looks", seen.looks))
	}
}

impl Drop for Standing {
	fn drop(&mut self) {
		self.asking.iter().for_each(JoinHandle::abort);
	}
}

async fn ask(
	name: &'static str,
	connection: Connection,
	others: Vec<(&'static str, String)>,
	seen: Arc<Mutex<Seen>>,
) {
	let mut pace = tokio::time::interval(LOOK);
	loop {
		pace.tick().await;
		let peers = connection.request::<Vec<Peer>>("system_peers", RpcParams::new()).await;
		let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
		let peers = match peers {
			Ok(peers) => peers,
			Err(error) => {
				seen.troubles.insert(format!("{name} does not tell its peers: {error}"));
				continue;
			},
		};
		seen.looks += 1;
		for (other, identity) in &others {
			if !peers.iter().any(|peer| peer.peer_id == *identity) {
				seen.troubles.insert(format!("{name} was without its honest peer {other}"));
			}
		}
	}
}
