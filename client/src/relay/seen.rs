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
use std::collections::{BTreeSet, VecDeque};

/// Letters that are remembered at the most: far more than a node hands over in a packet's lifetime.
const LIMIT: usize = 4_096;

/// The letters of the last while, by their hashes. One that its author says again, because it got no
/// answer, is another letter, with a time of its own: what it means is for the negotiation to see.
#[derive(Default)]
pub(super) struct Seen {
	hashes: BTreeSet<H256>,
	/// With the time from which on each is too old to count, in the order of their coming.
	order: VecDeque<(u64, H256)>,
}

impl Seen {
	/// Whether a letter counts at `now` (milliseconds since 1970): of late and not seen before.
	pub(super) fn is_first(&mut self, letter: &Letter, now: u64) -> bool {
		let sent_at = letter.content.sent_at;
		let expires = sent_at.saturating_add(MAX_AGE);
		if now > expires || sent_at > now.saturating_add(MAX_AHEAD) {
			return false;
		}
		while self.order.len() >= LIMIT || self.order.front().is_some_and(|(end, _)| now > *end) {
			let Some((_, hash)) = self.order.pop_front() else { break };
			self.hashes.remove(&hash);
		}
		let hash = Hashing::hash_of(letter);
		let is_new = self.hashes.insert(hash);
		if is_new {
			self.order.push_back((expires, hash));
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
		for sequence in 0..=u16::MAX {
			assert!(seen.is_first(&letter(sequence, NOW), NOW));
		}
		assert_eq!((seen.hashes.len(), seen.order.len()), (LIMIT, LIMIT));
		// What is too old is forgotten, and does not count again.
		let later = NOW + MAX_AGE + 1;
		assert!(seen.is_first(&letter(0, later), later));
		assert_eq!((seen.hashes.len(), seen.order.len()), (1, 1));
		assert!(!seen.is_first(&letter(1, NOW), later));
	}
}
