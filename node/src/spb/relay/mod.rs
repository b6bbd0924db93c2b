//! The backbone: letters between producers, consumers and meters, carried from node to node by the
//! leading bits of the recipient's key (docs/protocol.md, section 10, paper section II-B and figure 1).
//!
//! A backbone node sees a packet's two keys, its time, its size and nothing else. Who takes part is
//! listed on chain; a key belongs to the listed node whose identifier is nearest to it. A client
//! attaches to that node with each of its keys, after it has proven that it holds it ([`attach`]),
//! and writes to others through the same node. A packet then goes
//!
//! 1. to the client that is attached here for its key, or else
//! 2. to the nearest node to its key that this one knows and can reach, if that is nearer than this
//!    one, or else
//! 3. into the [`mailbox`], where it waits for its recipient until it is too old.
//!
//! A node that is not listed serves its own clients all the same: it hands their packets to the
//! nearest listed node. Where a node cannot be reached, it counts as absent for a while, and what
//! was for it goes to the next nearest; what waits here for a key that has come to belong to another
//! node is handed on to it.
//!
//! | file | duty |
//! | --- | --- |
//! | [`machine`] | the pure core: a packet comes in, actions go out |
//! | [`directory`] | who is listed, who is absent, and the next hop, by the rule of `primitives` |
//! | [`mailbox`], [`seen`] | what waits for its recipient; what has been here before |
//! | [`rates`] | how fast packets come and go |
//! | [`refusal`] | why a packet is not taken |
//! | [`protocol`] | `/<genesis>/spb/relay/1`: what nodes tell each other |
//! | [`attach`] | the proof that a client holds its key |
//! | [`listing`] | the node's consent to be listed |
//! | [`carrier`] | the way out, to clients and to nodes |
//! | [`node`] | the core with the world around it; hands packets over to peers |
//! | [`rpc`] | `spb_relay*` |
//! | [`metrics`] | `spb_relay_*` |
//!
//! Nothing here is unbounded: packets per second that come in, by connection and by the key that sends
//! (over the connection over which its holder is proven; all others share one allowance, of which a
//! connection has a part), by peer, and by peer and recipient; packets that leave, to one node and over
//! it to one recipient; packets on their way, to one node and to all; packets that wait, by recipient, by
//! sender and in bytes, and those that a connection has not read; keys attached, by connection and in
//! all; challenges open; ids remembered; what is looked at again when the list changes. A relay is not
//! trusted: whatever it does to packets costs those who write a timeout, and never what they wrote,
//! which is sealed end to end.
//!
//! What becomes of each packet is a line of the log at level debug, target `spb::relay`.

pub mod attach;
pub mod carrier;
pub mod directory;
pub mod listing;
pub mod machine;
pub mod mailbox;
pub mod metrics;
pub mod node;
pub mod protocol;
pub mod rates;
pub mod refusal;
pub mod rpc;
pub mod seen;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The log target of the relay.
pub const LOG_TARGET: &str = "spb::relay";

/// A moment, by both clocks: rates and waits go by the one that never jumps, the lifetimes of
/// packets by the one that nodes share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
	/// For rates and waits.
	pub at: Instant,
	/// Milliseconds since 1970.
	pub unix: u64,
}

impl Now {
	/// This moment.
	pub fn read() -> Self {
		let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
		let unix = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
		Self { at: Instant::now(), unix }
	}
}
