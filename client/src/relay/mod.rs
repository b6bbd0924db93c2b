//! The way to other participants: letters through the backbone (docs/protocol.md, section 10).
//!
//! Who wants letters attaches a contact key to the backbone node that the key belongs to
//! ([`Letters`]); who writes hands its packet to the node that its own key belongs to ([`Post`]).
//! Nodes are found on the chain, and [`spb_primitives::relay`] says which one a key belongs to. What a
//! node sees is two keys and a size. It can keep a packet back, and then the letter is sent again by
//! another way; it cannot read, change or invent one.

mod attach;
mod contacts;
mod error;
mod nodes;
mod seen;
#[cfg(test)]
mod tests;

pub use attach::Letters;
pub use contacts::Contacts;
pub use error::RelayError;

use crate::connection::Connection;
use nodes::{Station, Stations};
use serde::Deserialize;
use spb_primitives::{
	relay::{sealing::seal_letter, ContactKey, ContactSecret, Letter, SealError},
	Genesis,
};
use std::{
	fmt,
	sync::Arc,
	time::{SystemTime, UNIX_EPOCH},
};
use subxt::rpcs::client::rpc_params;

/// How many fresh keys are tried until one belongs to a node that can be reached.
const FRESH_KEYS: u32 = 8;

/// The time by the system's clock, in milliseconds since 1970.
pub fn now() -> u64 {
	let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
	u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// What a node says of a packet that it has taken.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Sent {
	/// The packet's id.
	pub id: sp_core::H256,
}

/// Sends letters, and knows where to attach keys.
#[derive(Clone)]
pub struct Post {
	stations: Stations,
	genesis: Genesis,
	notes: Arc<dyn Fn(&str) + Send + Sync>,
}

impl fmt::Debug for Post {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "Post({:?})", self.stations.home().line)
	}
}

impl Post {
	/// Finds backbone nodes through this connection.
	pub fn new(connection: Connection) -> Self {
		Self::over(connection.genesis(), Stations::new(connection))
	}

	fn over(genesis: Genesis, stations: Stations) -> Self {
		Self { genesis, stations, notes: Arc::new(|_| ()) }
	}

	/// Finds nodes that only pretend to be some.
	#[cfg(test)]
	pub(crate) fn pretended(
		connection: Connection,
		line: impl Fn(&str) -> crate::connection::Line + Send + Sync + 'static,
	) -> Self {
		let dial: nodes::Dial = Arc::new(move |url: &str| Ok(line(url)));
		let post = Self::over(connection.genesis(), Stations::dialling(connection, dial));
		// What pretends answers at once or never.
		post.within(std::time::Duration::from_millis(300))
	}

	/// The same, letting nodes take so long.
	#[cfg(test)]
	#[must_use]
	pub(crate) fn within(self, limit: std::time::Duration) -> Self {
		Self { stations: self.stations.within(limit), ..self }
	}

	/// The same, telling `notes` what goes wrong and is tried again.
	#[must_use]
	pub fn noting(self, notes: impl Fn(&str) + Send + Sync + 'static) -> Self {
		Self { notes: Arc::new(notes), ..self }
	}

	pub(crate) fn note(&self, text: &str) {
		(self.notes)(text);
	}

	/// The chain that letters are for.
	pub fn genesis(&self) -> Genesis {
		self.genesis
	}

	/// Seals a letter and hands it to a backbone node: to that of `from`, the sender's own key, or at
	/// a later `attempt` (from 0 on) to another, which helps where a node keeps packets back. A node
	/// that cannot be reached, refuses or says nothing is made up for by the client's own.
	///
	/// That a node takes a packet does not say that it arrives.
	pub async fn send(
		&self,
		letter: &Letter,
		from: ContactKey,
		attempt: u32,
	) -> Result<Sent, RelayError> {
		let packet = attach::write(&seal_letter(letter, from)?);
		let first = match self.stations.entry(&from, attempt).await {
			Ok(station) => self.hand_in(&station, &packet).await,
			Err(error) => Err(error),
		};
		match first {
			Err(error @ (RelayError::Connection(_) | RelayError::Silent { .. })) => {
				let home = self.stations.home();
				self.note(&format!("{error}; sending through {}", home.line.url()));
				self.hand_in(&home, &packet).await
			},
			other => other,
		}
	}

	async fn hand_in(&self, station: &Station, packet: &str) -> Result<Sent, RelayError> {
		let request = station.line.request::<Sent>("spb_relaySend", rpc_params![packet]);
		let taken = async { request.await.map_err(RelayError::from) };
		self.stations.in_time(station, taken).await
	}

	/// Attaches a fresh key that nobody can link to any other: what a consumer needs for one
	/// negotiation. Where the node that it belongs to cannot be reached, another key does as well.
	pub async fn attach_fresh(&self, letters: &mut Letters) -> Result<ContactSecret, RelayError> {
		let mut attempts = 1;
		loop {
			let secret = ContactSecret::generate()?;
			match letters.attach_nearest(self, secret.clone()).await {
				Ok(()) => return Ok(secret),
				Err(error) if attempts == FRESH_KEYS => return Err(error),
				Err(error @ RelayError::Seal(SealError::NoRandomness)) => return Err(error),
				Err(error) => self.note(&format!("{error}; trying another key")),
			}
			attempts += 1;
		}
	}
}
