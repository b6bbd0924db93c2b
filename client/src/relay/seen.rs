//! Which letters have been seen, for as long as a packet with one could come again.

use sp_core::H256;
use sp_runtime::traits::Hash;
use spb_primitives::{
	relay::{
		packet::{MAX_AGE, MAX_AHEAD},
		Letter,
	},
	Hashing,
};
use std::collections::BTreeSet;

/// Letters that are remembered at the most: some hundred a second over a packet's lifetime. More may
/// come, from many nodes or through one that lies; then those that are the oldest by their own time are
/// forgotten first, and none as old as they were counts any more.
const LIMIT: usize = 1 << 16;

/// The letters of the last while, by their times and hashes. One that its author says again, because it
/// got no answer, is another letter, with a time of its own: what it means is for the negotiation to
/// see.
#[derive(Default)]
pub(super) struct Seen {
	letters: BTreeSet<(u64, H256)>,
	/// The latest time of a letter that was forgotten. What is no later may be one of them.
	forgotten: u64,
}

impl Seen {
	/// Whether a letter counts at `now` (milliseconds since 1970): of late and not seen before.
	pub(super) fn is_first(&mut self, letter: &Letter, now: u64) -> bool {
		let sent_at = letter.content.sent_at;
		let too_old = |sent_at: u64| now > sent_at.saturating_add(MAX_AGE);
		let from_future = sent_at > now.saturating_add(MAX_AHEAD);
		if too_old(sent_at) || from_future || sent_at <= self.forgotten {
			return false;
		}
		let is_new = self.letters.insert((sent_at, Hashing::hash_of(letter)));
		while let Some((oldest, _)) = self.letters.first().copied() {
			if self.letters.len() <= LIMIT && !too_old(oldest) {
				break;
			}
			self.letters.pop_first();
			self.forgotten = self.forgotten.max(oldest);
		}
		is_new
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use spb_primitives::{
		relay::{Body, ContactKey, Content, RefuseReason},
		AccountId,
	};

	const NOW: u64 = 1_800_000_000_000;

	fn letter(sequence: u16, sent_at: u64) -> Letter {
		let content = Content {
			author: AccountId::new([1; 32]),
			to: ContactKey([2; 32]),
			reply_to: ContactKey([3; 32]),
			negotiation: [4; 16],
			sequence,
			sent_at,
			body: Body::Refuse { reason: RefuseReason::Busy },
		};
		content.sign(&Default::default(), |_| sp_core::sr25519::Signature::default().into())
	}

	#[test]
	fn a_letter_should_count_once() {
		let mut seen = Seen::default();
		assert!(seen.is_first(&letter(0, NOW), NOW));
		assert!(!seen.is_first(&letter(0, NOW), NOW));
		// Said again by its author it is another one.
		assert!(seen.is_first(&letter(0, NOW + 1), NOW + 1));
		assert!(seen.is_first(&letter(1, NOW), NOW));
	}

	#[test]
	fn only_letters_of_late_should_count() {
		let mut seen = Seen::default();
		assert!(!seen.is_first(&letter(0, NOW), NOW + MAX_AGE + 1));
		assert!(!seen.is_first(&letter(0, NOW + MAX_AHEAD + 1), NOW));
		assert!(seen.is_first(&letter(0, NOW), NOW + MAX_AGE));
		assert!(seen.is_first(&letter(1, NOW + MAX_AHEAD), NOW));
	}

	#[test]
	fn what_is_remembered_should_be_bounded() {
		let mut seen = Seen::default();
		for number in 0..=LIMIT as u64 {
			let (sequence, sent_at) = (number as u16, NOW + number);
			assert!(seen.is_first(&letter(sequence, sent_at), sent_at));
		}
		assert_eq!(seen.letters.len(), LIMIT);
		// What is too old is forgotten, and does not count again.
		let later = NOW + LIMIT as u64 + MAX_AGE + 1;
		assert!(seen.is_first(&letter(0, later), later));
		assert_eq!(seen.letters.len(), 1);
		assert!(!seen.is_first(&letter(1, NOW + 1), later));
	}

	#[test]
	fn a_letter_should_count_once_however_many_others_come() {
		let mut seen = Seen::default();
		let [early, late] = [letter(0, NOW), letter(0, NOW + 10)];
		assert!(seen.is_first(&early, NOW) && seen.is_first(&late, NOW));
		// As many of the time between the two as can be remembered.
		let mut flood = letter(0, NOW + 5);
		for number in 0..LIMIT as u64 {
			flood.content.negotiation[..8].copy_from_slice(&number.to_le_bytes());
			assert!(seen.is_first(&flood, NOW));
		}
		assert_eq!(seen.letters.len(), LIMIT);
		assert!(!seen.is_first(&early, NOW), "it was forgotten, and is as old as what was");
		assert!(!seen.is_first(&late, NOW));
		// What is said from then on still counts.
		assert!(seen.is_first(&letter(1, NOW + 10), NOW));
	}

	#[test]
	fn a_clock_that_is_set_back_should_bring_no_letter_back() {
		let mut seen = Seen::default();
		assert!(seen.is_first(&letter(0, NOW), NOW));
		let later = NOW + MAX_AGE + 1;
		assert!(seen.is_first(&letter(1, later), later));
		assert!(!seen.is_first(&letter(0, NOW), NOW));
	}
}
