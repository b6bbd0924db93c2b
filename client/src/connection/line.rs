//! A line to a node: questions, answers and subscriptions, without a view of the chain.
//!
//! Enough for a backbone node, of which nothing is wanted but that it carries packets. A line is
//! cheap to clone, costs nothing until it is used, and goes on over a new socket when the old one
//! breaks.

use super::{
	link::{Link, Patience},
	ConnectionError, Url,
};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use subxt::rpcs::{
	client::{RpcParams, RpcSubscription},
	Error as RpcError, RpcClient,
};

/// A line to a node.
#[derive(Clone)]
pub struct Line {
	pub(super) link: Arc<Link>,
	pub(super) rpc: RpcClient,
}

impl std::fmt::Debug for Line {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		write!(f, "Line({})", self.url())
	}
}

impl Line {
	/// A line to the node at this address, which is reached when it is first asked something.
	///
	/// # Errors
	///
	/// If the text is no WebSocket address.
	pub fn new(url: &str, patience: Patience) -> Result<Self, ConnectionError> {
		let bad = || ConnectionError::BadUrl(url.into());
		let parsed = url.parse::<Url>().map_err(|_| bad())?;
		if !matches!(parsed.scheme(), "ws" | "wss") || parsed.host_str().is_none() {
			return Err(bad());
		}
		let link = Arc::new(Link::new(parsed, patience));
		Ok(Self { rpc: RpcClient::new(link.clone()), link })
	}

	/// A line to a node that only pretends to be one.
	#[cfg(test)]
	pub(crate) fn pretended(url: &str, rpc: RpcClient) -> Self {
		let url = url.parse::<Url>().expect("tests write addresses");
		Self { link: Arc::new(Link::new(url, Patience::default())), rpc }
	}

	/// The node's address.
	pub fn url(&self) -> &str {
		self.link.url()
	}

	/// Asks the node.
	pub async fn request<T: DeserializeOwned>(
		&self,
		method: &str,
		params: RpcParams,
	) -> Result<T, ConnectionError> {
		let answer = self.rpc.request(method, params).await;
		answer.map_err(|error| self.error(method, error))
	}

	/// Subscribes at the node. The subscription ends with the connection.
	pub async fn subscribe<T: DeserializeOwned>(
		&self,
		method: &str,
		params: RpcParams,
		end: &str,
	) -> Result<RpcSubscription<T>, ConnectionError> {
		let answer = self.rpc.subscribe(method, params, end).await;
		answer.map_err(|error| self.error(method, error))
	}

	/// What an error of a request means.
	pub(crate) fn error(&self, method: &str, error: RpcError) -> ConnectionError {
		let method = method.to_owned();
		match error {
			RpcError::User(error) => ConnectionError::Rpc {
				method,
				code: error.code,
				message: error.message,
				// A string in JSON, without its quotation marks; anything else as it is.
				data: error.data.map(|data| {
					serde_json::from_str(data.get()).unwrap_or_else(|_| data.get().to_owned())
				}),
			},
			RpcError::Client(error) => {
				ConnectionError::Unreachable { url: self.url().into(), reason: error.to_string() }
			},
			other => ConnectionError::Malformed { method, reason: other.to_string() },
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn only_web_sockets_should_be_taken() {
		for good in ["ws://127.0.0.1:9944", "wss://spb.example", "ws://[::1]:9944"] {
			assert!(Line::new(good, Patience::default()).is_ok(), "{good}");
		}
		for bad in ["", "127.0.0.1:9944", "http://127.0.0.1:9944", "ws://", "file:///etc/passwd"] {
			let error = Line::new(bad, Patience::default()).unwrap_err();
			assert!(matches!(error, ConnectionError::BadUrl(_)), "{bad}");
		}
	}
}
