//! The packets that were here lately: what comes again is taken and goes nowhere.

use spb_runtime::Hash;
use std::collections::{BTreeMap, HashMap};

/// Remembers the last ids.
pub struct Seen {
	most: usize,
	/// How many came before each.
	places: HashMap<Hash, u64>,
	/// The same ids, the oldest first. Each is here once: an id that was forgotten and came again has
	/// its new place alone, or its old one would end it early.
	order: BTreeMap<u64, Hash>,
	next: u64,
}

impl Seen {
	/// Remembers so many.
	pub fn new(most: usize) -> Self {
		Self { most, places: HashMap::new(), order: BTreeMap::new(), next: 0 }
	}

	/// Whether the packet was here.
	pub fn contains(&self, id: &Hash) -> bool {
		self.places.contains_key(id)
	}

	/// The packet is here.
	pub fn insert(&mut self, id: Hash) {
		if self.contains(&id) {
			return;
		}
		let place = self.next;
		// There are more places than packets that ever come.
		self.next = place.wrapping_add(1);
		self.places.insert(id, place);
		self.order.insert(place, id);
		if self.order.len() > self.most {
			if let Some((_, oldest)) = self.order.pop_first() {
				self.places.remove(&oldest);
			}
		}
	}

	/// The packet has left and may come back.
	pub fn forget(&mut self, id: &Hash) {
		if let Some(place) = self.places.remove(id) {
			self.order.remove(&place);
		}
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
			assert!(seen.order.is_empty());
		}
	}

	#[test]
	fn id_that_came_back_should_be_as_young_as_its_last_coming() {
		let mut seen = Seen::new(3);
		seen.insert(id(0));
		seen.forget(&id(0));
		seen.insert(id(1));
		seen.insert(id(0));
		seen.insert(id(2));
		assert_eq!([0, 1, 2].map(|of| seen.contains(&id(of))), [true; 3]);
		// What is older goes first, and what was forgotten takes up no place.
		seen.insert(id(3));
		assert_eq!([0, 1, 2, 3].map(|of| seen.contains(&id(of))), [true, false, true, true]);
	}
}
