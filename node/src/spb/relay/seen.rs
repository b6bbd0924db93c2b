//! The packets that were here lately: what comes again is taken and goes nowhere.

use spb_runtime::Hash;
use std::collections::{HashSet, VecDeque};

/// Remembers the last ids.
pub struct Seen {
	most: usize,
	ids: HashSet<Hash>,
	order: VecDeque<Hash>,
}

impl Seen {
	/// Remembers so many.
	pub fn new(most: usize) -> Self {
		Self { most, ids: HashSet::new(), order: VecDeque::new() }
	}

	/// Whether the packet was here.
	pub fn contains(&self, id: &Hash) -> bool {
		self.ids.contains(id)
	}

	/// The packet is here.
	pub fn insert(&mut self, id: Hash) {
		if !self.ids.insert(id) {
			return;
		}
		self.order.push_back(id);
		if self.order.len() > self.most {
			if let Some(oldest) = self.order.pop_front() {
				self.ids.remove(&oldest);
			}
		}
	}

	/// The packet has left and may come back.
	pub fn forget(&mut self, id: &Hash) {
		// Its place in the order stays, so that the order is no longer than it may be.
		self.ids.remove(id);
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn id(of: u64) -> Hash {
		Hash::from_low_u64_be(of)
	}

	#[test]
	fn oldest_id_should_make_room() {
		let mut seen = Seen::new(3);
		for of in 0..4 {
			seen.insert(id(of));
		}
		assert_eq!([0, 1, 2, 3].map(|of| seen.contains(&id(of))), [false, true, true, true]);
		seen.insert(id(1));
		seen.insert(id(4));
		assert_eq!([1, 2, 3, 4].map(|of| seen.contains(&id(of))), [false, true, true, true]);
	}

	#[test]
	fn forgotten_id_should_be_as_new() {
		let mut seen = Seen::new(2);
		for of in 0..100 {
			seen.insert(id(of));
			seen.forget(&id(of));
			assert!(!seen.contains(&id(of)));
			assert!(seen.order.len() <= 2);
		}
	}
}
