//! The negotiation itself (docs/protocol.md, section 10), as two pure state machines: [`Consumer`] asks, bargains
//! and takes, [`Producer`] answers by its policy. In go letters that were opened and verified, and the
//! time; out come [`Step`]s: bodies of letters to be signed, sealed and sent, and the outcome.
//!
//! ```text
//! consumer                    producer
//!    │ ── Ask(price) ──────────▶ │
//!    │ ◀──────── CounterOffer ── │   again with a higher Ask, as long as both like
//!    │ ── Accept(CTP) ─────────▶ │
//!    │ ◀──────────── Quote(id) ──│   either may Refuse at any point instead
//! ```
//!
//! What the network loses is repeated, what it repeats or delivers late changes nothing. A negotiation
//! that gets no answer ends when its time is over, and costs nobody anything: money moves by the CTP
//! alone, which its owner signs after the quote is there.

mod consumer;
mod policy;
mod producer;
mod thread;

pub use consumer::{Agreement, Consumer, ConsumerOutcome, Deal};
pub use policy::{ConsumerPolicy, Discount, Hours, ProducerPolicy};
pub use producer::{Listing, Producer, ProducerOutcome};

use super::letter::Body;
use crate::BlockNumber;

/// The time of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
	/// Milliseconds since 1970.
	pub ms: u64,
	/// The best block's number.
	pub block: BlockNumber,
}

/// What is to be done after an event, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(
	clippy::large_enum_variant,
	reason = "an outcome is about as large as a body; the lint takes what is generic for empty"
)]
pub enum Step<Outcome> {
	/// Send this to the other side. A letter that is repeated has the sequence and the body that it
	/// had before.
	Send {
		/// The letter's number.
		sequence: u16,
		/// What it says.
		body: Body,
	},
	/// The negotiation is over. Told once.
	Finished(Outcome),
}

#[cfg(test)]
mod tests;
