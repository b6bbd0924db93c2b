//! What waits for recipients that are not attached: in memory, bounded, and not for long.

use super::Now;
use codec::Encode;
use spb_primitives::relay::{packet::MAX_AGE, ContactKey, Packet};
use std::{
	collections::{BTreeMap, BTreeSet},
	ops::Bound::{self, Excluded, Included, Unbounded},
};

/// What a mailbox may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
	/// Packets for one key.
	pub per_key: usize,
	/// Of these, packets that one key sent. Keys are free, so this stops none who means harm; it
	/// keeps one sender's repetitions from being all that waits.
	pub per_sender: usize,
	/// Bytes of all packets.
	pub bytes: usize,
}

/// There is no room for the packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// Packets that wait.
pub struct Mailbox {
	limits: Limits,
	/// By recipient, in the order in which they came.
	packets: BTreeMap<(ContactKey, u64), Packet>,
	/// The same by when they are too old, so that no one has to look for them.
	expiries: BTreeSet<(u64, ContactKey, u64)>,
	bytes: usize,
	next: u64,
}

/// The last moment at which a packet is worth delivering, in milliseconds since 1970.
fn expiry(packet: &Packet) -> u64 {
	packet.sent_at.saturating_add(MAX_AGE)
}

impl Mailbox {
	/// An empty one.
	pub fn new(limits: Limits) -> Self {
		Self { limits, packets: BTreeMap::new(), expiries: BTreeSet::new(), bytes: 0, next: 0 }
	}

	/// Packets that wait.
	pub fn len(&self) -> usize {
		self.packets.len()
	}

	/// Whether none waits.
	pub fn is_empty(&self) -> bool {
		self.packets.is_empty()
	}

	/// Their bytes.
	pub fn bytes(&self) -> usize {
		self.bytes
	}

	/// Keeps a packet until its recipient comes or it is too old.
	pub fn store(&mut self, packet: Packet) -> Result<(), Full> {
		let (mut waiting, mut of_sender) = (0, 0);
		for other in self.of(packet.to) {
			waiting += 1;
			of_sender += usize::from(other.from == packet.from);
		}
		let bytes = self.bytes.saturating_add(packet.encoded_size());
		let Limits { per_key, per_sender, bytes: most } = self.limits;
		if waiting >= per_key || of_sender >= per_sender || bytes > most {
			return Err(Full);
		}
		self.bytes = bytes;
		let (to, place) = (packet.to, self.next);
		self.next = self.next.wrapping_add(1);
		self.expiries.insert((expiry(&packet), to, place));
		self.packets.insert((to, place), packet);
		Ok(())
	}

	/// What waits for a key, the oldest first; then it waits no longer.
	pub fn take(&mut self, key: ContactKey) -> Vec<Packet> {
		let places: Vec<_> =
			self.packets.range((key, 0)..=(key, u64::MAX)).map(|(place, _)| *place).collect();
		places.into_iter().filter_map(|(key, place)| self.remove(key, place)).collect()
	}

	/// Drops what is too old; says how many that were.
	pub fn expire(&mut self, now: Now) -> usize {
		let mut gone = 0;
		while let Some((expiry, key, place)) = self.expiries.first().copied() {
			if now.unix <= expiry {
				break;
			}
			self.expiries.pop_first();
			gone += usize::from(self.remove(key, place).is_some());
		}
		gone
	}

	/// The keys that packets wait for, in order from `from` on, at most so many.
	pub fn keys(&self, from: ContactKey, most: usize) -> Vec<ContactKey> {
		let first = |start: Bound<(ContactKey, u64)>| {
			self.packets.range((start, Unbounded)).next().map(|((key, _), _)| *key)
		};
		let keys = std::iter::successors(first(Included((from, 0))), |key| {
			first(Excluded((*key, u64::MAX)))
		});
		keys.take(most).collect()
	}

	/// What has waited for a key the longest, and waits on.
	pub fn oldest(&self, key: ContactKey) -> Option<Packet> {
		self.of(key).next().cloned()
	}

	/// What has waited for a key the longest waits no longer.
	pub fn drop_oldest(&mut self, key: ContactKey) {
		let place = self.packets.range((key, 0)..=(key, u64::MAX)).map(|(place, _)| *place).next();
		if let Some((key, place)) = place {
			self.remove(key, place);
		}
	}

	fn of(&self, key: ContactKey) -> impl Iterator<Item = &Packet> {
		self.packets.range((key, 0)..=(key, u64::MAX)).map(|(_, packet)| packet)
	}

	fn remove(&mut self, key: ContactKey, place: u64) -> Option<Packet> {
		let packet = self.packets.remove(&(key, place))?;
		self.expiries.remove(&(expiry(&packet), key, place));
		self.bytes = self.bytes.saturating_sub(packet.encoded_size());
		Some(packet)
	}
}

#[cfg(test)]
mod tests {
	use super::{
		super::machine::tests::{key, now, packet, NOW},
		*,
	};

	const LIMITS: Limits = Limits { per_key: 4, per_sender: 2, bytes: 1_000_000 };

	fn mailbox() -> Mailbox {
		Mailbox::new(LIMITS)
	}

	#[test]
	fn packets_should_be_given_out_once_and_in_order() {
		let mut mailbox = mailbox();
		let sent: Vec<_> = (0..3).map(|of| packet(of, 7, of)).collect();
		let other = packet(0, 8, 9);
		for packet in sent.iter().chain([&other]) {
			mailbox.store(packet.clone()).unwrap();
		}
		assert_eq!(mailbox.keys(key(0), 9), [key(7), key(8)]);
		assert_eq!(mailbox.keys(key(0), 1), [key(7)]);
		assert_eq!(mailbox.keys(key(8), 9), [key(8)]);
		assert!(mailbox.keys(key(9), 9).is_empty());
		assert_eq!(mailbox.oldest(key(7)), Some(sent[0].clone()));
		assert_eq!(mailbox.take(key(7)), sent);
		assert!(mailbox.take(key(7)).is_empty());
		assert_eq!(mailbox.bytes(), other.encoded_size());
		assert_eq!(mailbox.take(key(8)), [other]);
		assert_eq!((mailbox.len(), mailbox.bytes()), (0, 0));
		assert!(mailbox.is_empty() && mailbox.expiries.is_empty());
	}

	#[test]
	fn neither_a_key_nor_a_sender_should_take_more_than_its_share() {
		let mut mailbox = mailbox();
		for nonce in 0..2 {
			mailbox.store(packet(1, 7, nonce)).unwrap();
		}
		assert_eq!(mailbox.store(packet(1, 7, 2)), Err(Full), "the sender has its share");
		for nonce in 3..5 {
			mailbox.store(packet(2, 7, nonce)).unwrap();
		}
		assert_eq!(mailbox.store(packet(3, 7, 5)), Err(Full), "the key has its share");
		assert_eq!(mailbox.store(packet(1, 8, 6)), Ok(()), "another key has its own");
	}

	#[test]
	fn bytes_should_be_bounded_for_all_together() {
		let size = packet(0, 0, 0).encoded_size();
		let mut mailbox = Mailbox::new(Limits { bytes: 10 * size + 1, ..LIMITS });
		let stored = (0..100).filter(|of| mailbox.store(packet(1, *of, *of)).is_ok()).count();
		assert_eq!((stored, mailbox.bytes()), (10, 10 * size));
	}

	#[test]
	fn what_is_too_old_should_go_by_itself() {
		let mut mailbox = mailbox();
		let younger = Packet { sent_at: NOW + 5, ..packet(1, 7, 1) };
		mailbox.store(younger.clone()).unwrap();
		mailbox.store(packet(1, 7, 0)).unwrap();
		mailbox.store(packet(1, 8, 0)).unwrap();
		assert_eq!(mailbox.expire(now(MAX_AGE)), 0);
		assert_eq!(mailbox.expire(now(MAX_AGE + 1)), 2);
		assert_eq!(mailbox.keys(key(0), 9), [key(7)]);
		assert_eq!(mailbox.take(key(7)), [younger]);
		assert_eq!(mailbox.expire(now(MAX_AGE + 6)), 0);
	}
}
