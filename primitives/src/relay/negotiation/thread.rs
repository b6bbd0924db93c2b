//! The letters of one side of a negotiation, in order.

use super::Step;
use crate::relay::letter::Body;

/// What was sent last, and what was heard last.
#[derive(Clone, Debug, Default)]
pub(super) struct Thread {
	next: u16,
	heard: Option<u16>,
	sent: Option<(u16, Body)>,
	repeats: u8,
	since: u64,
}

/// What a letter's number says of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Heard {
	/// It is new.
	New,
	/// It is the last one once more.
	Again,
	/// It came after a later one.
	Late,
}

impl Thread {
	/// Notes the number of a letter from the other side.
	pub fn hear(&mut self, sequence: u16) -> Heard {
		match self.heard {
			Some(heard) if sequence < heard => Heard::Late,
			Some(heard) if sequence == heard => Heard::Again,
			_ => {
				self.heard = Some(sequence);
				Heard::New
			},
		}
	}

	/// A new letter to the other side, sent at `now`.
	pub fn say<O>(&mut self, body: Body, now: u64) -> Step<O> {
		let sequence = self.next;
		// Rounds are counted in bytes, so there are never as many letters as numbers.
		self.next = self.next.saturating_add(1);
		self.sent = Some((sequence, body.clone()));
		self.repeats = 0;
		self.since = now;
		Step::Send { sequence, body }
	}

	/// The last letter once more, because the one that it answers has come again, unless it was
	/// repeated `most` times. It counts as sent when it was new: whoever asks again gains no time.
	pub fn again<O>(&mut self, most: u8) -> Option<Step<O>> {
		let (sequence, body) = self.sent.clone()?;
		if self.repeats >= most {
			return None;
		}
		self.repeats += 1;
		Some(Step::Send { sequence, body })
	}

	/// The last letter once more, because no answer has come, unless it was repeated `most` times. The
	/// answer is waited for from now on.
	pub fn repeat<O>(&mut self, most: u8, now: u64) -> Option<Step<O>> {
		let step = self.again(most)?;
		self.since = now;
		Some(step)
	}

	/// Since when an answer to the last letter is waited for, in milliseconds since 1970.
	pub fn since(&self) -> u64 {
		self.since
	}
}
