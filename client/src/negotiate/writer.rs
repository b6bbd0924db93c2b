//! One side's pen: letters of one author in one negotiation, signed, sealed and sent.

use crate::{
	keys::AccountKey,
	relay::{self, Post, RelayError, Sent},
};
use spb_primitives::{
	relay::{Body, ContactKey, Content, Letter, NegotiationId},
	Genesis,
};

/// Writes the letters of one side of a negotiation.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
	/// Who signs.
	pub(crate) key: AccountKey,
	/// Whom it writes to.
	pub(crate) to: ContactKey,
	/// Where answers go, and whose node takes the packets.
	pub(crate) from: ContactKey,
	/// The negotiation.
	pub(crate) negotiation: NegotiationId,
	/// The letter that was sent last, and how many times.
	pub(crate) last: Option<(u16, u32)>,
}

/// A letter that is to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
	letter: Letter,
	/// Whose node takes the packet.
	from: ContactKey,
	/// How many times it was sent before.
	attempt: u32,
}

impl Outgoing {
	/// Hands it to a backbone node.
	pub(crate) async fn send(&self, post: &Post) -> Result<Sent, RelayError> {
		post.send(&self.letter, self.from, self.attempt).await
	}
}

impl Writer {
	/// Writes a letter and sends it.
	pub(crate) async fn write(
		&mut self,
		post: &Post,
		sequence: u16,
		body: Body,
	) -> Result<Sent, RelayError> {
		self.compose(&post.genesis(), sequence, body).send(post).await
	}

	/// Writes a letter. One that has the number of the last is to be sent by another way, in case
	/// somebody on the first one keeps it back.
	pub(crate) fn compose(&mut self, genesis: &Genesis, sequence: u16, body: Body) -> Outgoing {
		let attempt = match self.last {
			Some((last, attempts)) if last == sequence => attempts.saturating_add(1),
			_ => 0,
		};
		self.last = Some((sequence, attempt));
		let content = Content {
			author: self.key.account(),
			to: self.to,
			reply_to: self.from,
			negotiation: self.negotiation,
			sequence,
			sent_at: relay::now(),
			body,
		};
		let letter = content.sign(genesis, |payload| self.key.sign(payload));
		Outgoing { letter, from: self.from, attempt }
	}
}
