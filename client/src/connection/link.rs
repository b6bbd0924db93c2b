//! The WebSocket to the node: made with patience, made again when it breaks.
//!
//! Questions that ask for the same thing when asked again are repeated over a new connection.
//! Submissions are not: whether they arrived is to be found out from the chain. A subscription ends
//! with its connection, and its owner looks at the state again before it subscribes anew.

use std::{
	sync::{Arc, Mutex, PoisonError},
	time::{Duration, Instant},
};
use subxt::{
	ext::jsonrpsee::{
		client_transport::ws::{Url, WsTransportClientBuilder},
		core::client::{async_client::PingConfig, Client},
	},
	rpcs::{
		client::{RawRpcFuture, RawRpcSubscription, RawValue},
		Error as RpcError, RpcClientT,
	},
};

/// The first pause between two attempts to connect; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause between two attempts to connect.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long one attempt to connect may take.
const ATTEMPT: Duration = Duration::from_secs(10);
/// How long a node may take for an answer.
const ANSWER: Duration = Duration::from_secs(60);
/// How often an idle connection is tried, so that one that is gone is noticed.
const PING: Duration = Duration::from_secs(15);
/// The greatest answer that is taken: a page of CTPs or a full block fits many times.
const MAX_ANSWER_BYTES: u32 = 64 << 20;
/// How often a question is asked again over a new connection.
const REPEATS: usize = 3;

/// How long to go on trying to connect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patience(pub Duration);

impl Default for Patience {
	/// Long enough for a node that is just starting.
	fn default() -> Self {
		Self(Duration::from_secs(10))
	}
}

/// The pause after so many failed attempts.
fn pause(attempts: u32) -> Duration {
	FIRST_PAUSE.saturating_mul(1 << attempts.min(10)).min(LONGEST_PAUSE)
}

/// Whether asking again asks for the same thing, whatever became of the first question.
fn is_repeatable(method: &str) -> bool {
	!method.starts_with("author_")
}

/// A connection that is made again when it breaks.
pub(super) struct Link {
	url: Url,
	patience: Patience,
	live: tokio::sync::Mutex<Option<Arc<Client>>>,
	failure: Mutex<Option<String>>,
}

impl Link {
	pub(super) fn new(url: Url, patience: Patience) -> Self {
		Self { url, patience, live: Default::default(), failure: Default::default() }
	}

	/// The address.
	pub(super) fn url(&self) -> &str {
		self.url.as_str()
	}

	/// Why the last attempt to reach the node failed, if it did.
	pub(super) fn failure(&self) -> Option<String> {
		self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
	}

	fn set_failure(&self, failure: Option<String>) {
		*self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
	}

	/// The connection, made anew if it is broken.
	async fn live(&self) -> Result<Arc<Client>, RpcError> {
		let mut live = self.live.lock().await;
		if let Some(client) = live.as_ref().filter(|client| client.is_connected()) {
			return Ok(client.clone());
		}
		let client = Arc::new(self.connect().await?);
		*live = Some(client.clone());
		Ok(client)
	}

	async fn connect(&self) -> Result<Client, RpcError> {
		let begun = Instant::now();
		let mut attempts = 0;
		loop {
			let reason = match self.attempt().await {
				Ok(client) => {
					self.set_failure(None);
					return Ok(client);
				},
				Err(reason) => reason,
			};
			attempts += 1;
			let next = pause(attempts);
			if begun.elapsed() + next > self.patience.0 {
				self.set_failure(Some(reason.clone()));
				return Err(RpcError::Client(reason.into()));
			}
			tokio::time::sleep(next).await;
		}
	}

	async fn attempt(&self) -> Result<Client, String> {
		let transport = WsTransportClientBuilder::default()
			.connection_timeout(ATTEMPT)
			.max_response_size(MAX_ANSWER_BYTES)
			.build(self.url.clone());
		let (sender, receiver) = transport.await.map_err(|error| error.to_string())?;
		Ok(Client::builder()
			.request_timeout(ANSWER)
			.max_buffer_capacity_per_subscription(4096)
			.enable_ws_ping(PingConfig::new().ping_interval(PING))
			.build_with_tokio(sender, receiver))
	}

	/// Notes whether the node could be reached, and whether trying again may help.
	fn is_lost(&self, client: &Client, error: &RpcError) -> bool {
		let unreachable = matches!(error, RpcError::Client(_));
		self.set_failure(unreachable.then(|| error.to_string()));
		unreachable && !client.is_connected()
	}

	async fn request(
		&self,
		method: &str,
		params: Option<Box<RawValue>>,
	) -> Result<Box<RawValue>, RpcError> {
		let mut repeats = 0;
		loop {
			let client = self.live().await?;
			match client.request_raw(method, params.clone()).await {
				Err(error) if self.is_lost(&client, &error) => {
					if repeats == REPEATS || !is_repeatable(method) {
						return Err(error);
					}
					repeats += 1;
				},
				Err(error) => return Err(error),
				Ok(answer) => {
					self.set_failure(None);
					return Ok(answer);
				},
			}
		}
	}
}

impl RpcClientT for Link {
	fn request_raw<'a>(
		&'a self,
		method: &'a str,
		params: Option<Box<RawValue>>,
	) -> RawRpcFuture<'a, Box<RawValue>> {
		Box::pin(self.request(method, params))
	}

	fn subscribe_raw<'a>(
		&'a self,
		sub: &'a str,
		params: Option<Box<RawValue>>,
		unsub: &'a str,
	) -> RawRpcFuture<'a, RawRpcSubscription> {
		Box::pin(async move {
			let client = self.live().await?;
			let subscription = client.subscribe_raw(sub, params, unsub).await;
			if let Err(error) = &subscription {
				self.is_lost(&client, error);
			}
			subscription
		})
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn pauses_should_grow_to_a_limit() {
		assert_eq!(pause(0), FIRST_PAUSE);
		assert_eq!(pause(1), 2 * FIRST_PAUSE);
		assert_eq!(pause(100), LONGEST_PAUSE);
	}

	#[test]
	fn submissions_should_not_be_repeated() {
		assert!(!is_repeatable("author_submitExtrinsic"));
		assert!(is_repeatable("spb_ctp"));
		assert!(is_repeatable("state_call"));
	}

	#[tokio::test]
	async fn a_node_that_is_not_there_should_be_told() {
		// Bound and dropped, so that nothing listens there.
		let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
		let url = Url::parse(&format!("ws://127.0.0.1:{port}")).unwrap();
		let link = Link::new(url, Patience(Duration::from_millis(300)));
		assert!(link.request("system_chain", None).await.is_err());
		assert!(link.failure().is_some());
	}
}
