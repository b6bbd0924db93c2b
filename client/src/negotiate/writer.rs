//! One side's pen: letters of one author in one negotiation, signed, sealed and sent.

use crate::{
	keys::AccountKey,
	relay::{self, Post, RelayError, Sent},
};
use spb_primitives::relay::{Body, ContactKey, Content, NegotiationId};

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

impl Writer {
	/// Sends a letter. One that has the number of the last is sent by another way, in case somebody
	/// on the first one keeps it back.
	pub(crate) async fn write(
		&mut self,
		post: &Post,
		sequence: u16,
		body: Body,
	) -> Result<Sent, RelayError> {
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
		let letter = content.sign(&post.genesis(), |payload| self.key.sign(payload));
		post.send(&letter, self.from, attempt).await
	}
}
