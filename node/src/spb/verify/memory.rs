//! A set that forgets what was not asked for lately.

use super::Hash;
use std::{collections::HashSet, mem};

/// Two generations of digests: when the young one is full it becomes the old one, and the old one is
/// forgotten. What is asked for is young again.
pub struct Memory {
	young: HashSet<Hash>,
	old: HashSet<Hash>,
	room: usize,
}

impl Memory {
	/// Keeps the last `room` digests, and twice as many at the most.
	pub fn new(room: usize) -> Self {
		Self { young: HashSet::new(), old: HashSet::new(), room: room.max(1) }
	}

	/// Whether the digest is remembered.
	pub fn contains(&mut self, digest: &Hash) -> bool {
		if self.young.contains(digest) {
			return true;
		}
		let known = self.old.contains(digest);
		if known {
			self.insert(*digest);
		}
		known
	}

	/// Remembers a digest.
	pub fn insert(&mut self, digest: Hash) {
		if self.young.len() >= self.room && !self.young.contains(&digest) {
			self.old = mem::take(&mut self.young);
		}
		self.young.insert(digest);
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn digest(number: u64) -> Hash {
		Hash::from_low_u64_be(number)
	}

	#[test]
	fn memory_should_keep_its_room_and_never_more_than_twice_that() {
		let mut memory = Memory::new(10);
		for number in 0..1_000 {
			memory.insert(digest(number));
			assert!(memory.young.len() + memory.old.len() <= 20);
			assert!((number.saturating_sub(9)..=number).all(|number| {
				memory.young.contains(&digest(number)) || memory.old.contains(&digest(number))
			}));
		}
		assert!(!memory.contains(&digest(0)) && !memory.contains(&digest(1_000)));
	}

	#[test]
	fn what_is_asked_for_should_stay() {
		let mut memory = Memory::new(10);
		memory.insert(digest(0));
		for number in 1..1_000 {
			memory.insert(digest(number));
			assert!(memory.contains(&digest(0)));
		}
	}

	#[test]
	fn the_same_digest_should_take_its_room_once() {
		let mut memory = Memory::new(2);
		memory.insert(digest(1));
		for _ in 0..10 {
			memory.insert(digest(2));
		}
		assert!(memory.contains(&digest(1)));
	}
}
