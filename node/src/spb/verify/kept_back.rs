//! Off-chain storage whose writes wait.

use parking_lot::Mutex;
use sp_core::offchain::OffchainStorage;
use std::{collections::HashMap, sync::Arc};

/// A prefix and a key.
type Place = (Vec<u8>, Vec<u8>);

/// Shows what is written on top of a storage, and writes it there when asked to.
///
/// Clones share what they keep back. It is no lock: who must not be overtaken by other writers holds
/// one meanwhile.
#[derive(Clone)]
pub struct KeptBack<S> {
	below: S,
	written: Arc<Mutex<Written>>,
}

#[derive(Default)]
struct Written {
	/// All writes, in order; nothing for what was removed.
	writes: Vec<(Place, Option<Vec<u8>>)>,
	/// The last write to each place.
	last: HashMap<Place, usize>,
}

impl Written {
	fn write(&mut self, prefix: &[u8], key: &[u8], value: Option<&[u8]>) {
		let place = (prefix.to_vec(), key.to_vec());
		self.last.insert(place.clone(), self.writes.len());
		self.writes.push((place, value.map(<[u8]>::to_vec)));
	}

	/// What was last written to a place, if anything was.
	fn read(&self, prefix: &[u8], key: &[u8]) -> Option<Option<Vec<u8>>> {
		let last = self.last.get(&(prefix.to_vec(), key.to_vec()))?;
		self.writes.get(*last).map(|(_, value)| value.clone())
	}
}

impl<S: OffchainStorage> KeptBack<S> {
	/// On top of `below`.
	pub fn new(below: S) -> Self {
		Self { below, written: Arc::default() }
	}

	/// Writes all that was kept back, in its order.
	pub fn write(mut self) {
		let Written { writes, .. } = std::mem::take(&mut *self.written.lock());
		for ((prefix, key), value) in writes {
			match value {
				Some(value) => self.below.set(&prefix, &key, &value),
				None => self.below.remove(&prefix, &key),
			}
		}
	}
}

impl<S: OffchainStorage> OffchainStorage for KeptBack<S> {
	fn set(&mut self, prefix: &[u8], key: &[u8], value: &[u8]) {
		self.written.lock().write(prefix, key, Some(value));
	}

	fn remove(&mut self, prefix: &[u8], key: &[u8]) {
		self.written.lock().write(prefix, key, None);
	}

	fn get(&self, prefix: &[u8], key: &[u8]) -> Option<Vec<u8>> {
		let written = self.written.lock().read(prefix, key);
		written.unwrap_or_else(|| self.below.get(prefix, key))
	}

	fn compare_and_set(
		&mut self,
		prefix: &[u8],
		key: &[u8],
		old_value: Option<&[u8]>,
		new_value: &[u8],
	) -> bool {
		let as_expected = self.get(prefix, key).as_deref() == old_value;
		if as_expected {
			self.set(prefix, key, new_value);
		}
		as_expected
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	/// A key and what was written there; nothing where it was removed.
	type Write = (Vec<u8>, Option<Vec<u8>>);

	/// What was done to it, in order.
	#[derive(Clone, Default)]
	struct Double(Arc<Mutex<Vec<Write>>>);

	impl OffchainStorage for Double {
		fn set(&mut self, prefix: &[u8], key: &[u8], value: &[u8]) {
			assert_eq!(prefix, b"p");
			self.0.lock().push((key.to_vec(), Some(value.to_vec())));
		}

		fn remove(&mut self, prefix: &[u8], key: &[u8]) {
			assert_eq!(prefix, b"p");
			self.0.lock().push((key.to_vec(), None));
		}

		fn get(&self, _: &[u8], key: &[u8]) -> Option<Vec<u8>> {
			self.0.lock().iter().rev().find(|(known, _)| known == key)?.1.clone()
		}

		fn compare_and_set(&mut self, _: &[u8], _: &[u8], _: Option<&[u8]>, _: &[u8]) -> bool {
			panic!("what is kept back compares by itself")
		}
	}

	#[test]
	fn what_is_kept_back_should_be_read_above_and_be_nowhere_below() {
		let mut below = Double::default();
		below.set(b"p", b"a", b"1");
		below.set(b"p", b"b", b"1");
		let mut above = KeptBack::new(below.clone());
		above.set(b"p", b"a", b"2");
		above.remove(b"p", b"b");
		let read =
			|storage: &dyn Fn(&[u8]) -> Option<Vec<u8>>| [b"a", b"b", b"c"].map(|key| storage(key));
		assert_eq!(read(&|key| above.get(b"p", key)), [Some(b"2".to_vec()), None, None]);
		assert_eq!(
			read(&|key| below.get(b"p", key)),
			[Some(b"1".to_vec()), Some(b"1".to_vec()), None]
		);
		// Another prefix is another place.
		assert_eq!(above.written.lock().read(b"q", b"a"), None);
	}

	#[test]
	fn what_is_kept_back_should_be_written_once_and_in_order() {
		let below = Double::default();
		let mut above = KeptBack::new(below.clone());
		above.set(b"p", b"node", b"1");
		above.set(b"p", b"record", b"1");
		above.remove(b"p", b"node");
		above.clone().write();
		let some = |value: &[u8]| Some(value.to_vec());
		let done = [
			(b"node".to_vec(), some(b"1")),
			(b"record".to_vec(), some(b"1")),
			(b"node".to_vec(), None),
		];
		assert_eq!(*below.0.lock(), done);
		above.write();
		assert_eq!(below.0.lock().len(), 3);
	}

	#[test]
	fn comparing_should_look_at_what_is_kept_back() {
		let mut below = Double::default();
		below.set(b"p", b"a", b"1");
		let mut above = KeptBack::new(below);
		assert!(!above.compare_and_set(b"p", b"a", None, b"2"));
		assert!(above.compare_and_set(b"p", b"a", Some(b"1"), b"2"));
		assert!(!above.compare_and_set(b"p", b"a", Some(b"1"), b"3"));
		assert!(above.compare_and_set(b"p", b"b", None, b"2"));
		assert_eq!(above.get(b"p", b"a"), Some(b"2".to_vec()));
	}
}
