//! New best blocks, over breaks of the connection, with a watchdog.

use super::{Connection, ConnectionError, Head};
use std::time::{Duration, Instant};
use subxt::rpcs::client::{rpc_params, RpcSubscription};

/// How long a chain may bring no new block before whoever waits gives up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stall(pub Duration);

impl Default for Stall {
	/// Many slots, and longer than any catching up takes.
	fn default() -> Self {
		Self(Duration::from_secs(180))
	}
}

/// How long to rely on the subscription before asking the node itself: a subscription can fall
/// silent without ending.
const SILENCE: Duration = Duration::from_secs(10);

/// New best blocks as they come. Blocks that come fast may be left out.
pub struct Heads {
	connection: Connection,
	stall: Stall,
	subscription: Option<RpcSubscription<serde_json::Value>>,
	last: Option<Head>,
}

impl Heads {
	pub(super) fn new(connection: Connection, stall: Stall) -> Self {
		Self { connection, stall, subscription: None, last: None }
	}

	/// The next best block; at first the present one.
	pub async fn next(&mut self) -> Result<Head, ConnectionError> {
		let begun = Instant::now();
		loop {
			// The state is looked at again after each break, because what happened meanwhile is not
			// told again.
			if self.subscription.is_none() {
				let sub = "chain_subscribeNewHeads";
				let end = "chain_unsubscribeNewHeads";
				let opened = self.connection.subscribe(sub, rpc_params![], end).await?;
				self.subscription = Some(opened);
			}
			let best = self.connection.best().await?;
			if self.last != Some(best) {
				self.last = Some(best);
				return Ok(best);
			}
			if begun.elapsed() > self.stall.0 {
				return Err(ConnectionError::Stalled(self.stall.0));
			}
			self.wait().await;
		}
	}

	/// Until the node says that something has changed, or has been silent for a while.
	async fn wait(&mut self) {
		let Some(subscription) = &mut self.subscription else { return };
		let wait = SILENCE.min(self.stall.0);
		if let Ok(None | Some(Err(_))) = tokio::time::timeout(wait, subscription.next()).await {
			self.subscription = None;
		}
	}
}
