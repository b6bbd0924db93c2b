//! Negotiation over the backbone: the two state machines of
//! [`spb_primitives::relay::negotiation`] with a network, a clock and a state directory around them.
//!
//! A consumer ([`Buyer`]) asks about one offer with keys that are fresh for this negotiation, and ends
//! with an agreement: a CTP and its producer's quote, kept in the state directory ([`Agreements`])
//! until `spb ctp` hands them to the pool. A producer ([`Seller`]) answers for all its offers whose
//! contact keys it holds, by its policy, until it is stopped.

mod agreements;
mod buyer;
mod error;
mod outbox;
mod policy;
mod seller;
#[cfg(test)]
mod tests;
mod writer;

pub use agreements::{Agreed, Agreements};
pub use buyer::Buyer;
pub use error::NegotiateError;
pub use policy::{ConsumerDocument, DiscountEntry, HoursEntry, ProducerDocument};
pub use seller::{Event, Seller};
pub(crate) use {outbox::Outbox, writer::Writer};

use crate::connection::{Connection, ConnectionError};
use spb_primitives::relay::negotiation::Now;
use std::time::Duration;

/// The time of an event, by the clock and by the chain.
async fn moment(connection: &Connection) -> Result<Now, ConnectionError> {
	let block = connection.best().await?.number;
	Ok(Now { ms: crate::relay::now(), block })
}

/// How long it is until a time in milliseconds since 1970; none if it has passed.
pub(crate) fn until(deadline: u64) -> Duration {
	Duration::from_millis(deadline.saturating_sub(crate::relay::now()))
}
