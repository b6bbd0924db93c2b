//! Lies about the packets that a backbone node carries: on their way to other nodes and to clients.

use super::{
	super::relay::{
		carrier::Carrier,
		machine::{Delivery, Forward},
	},
	Lies, Misbehaviour,
};
use parking_lot::Mutex;
use sc_service::SpawnTaskHandle;
use spb_primitives::relay::Packet;
use std::{sync::Arc, time::Duration};

/// How late a delayed packet is: later than whoever waits for it wants to.
const DELAY: Duration = Duration::from_secs(12);

/// What a hostile node may do to packets.
const OF_RELAYS: [Misbehaviour; 5] = [
	Misbehaviour::RelayDrops,
	Misbehaviour::RelayDelays,
	Misbehaviour::RelayDuplicates,
	Misbehaviour::RelayReorders,
	Misbehaviour::RelayRewrites,
];

/// Where a packet was going.
#[derive(Clone)]
enum Bound {
	/// To another node.
	Node(Forward),
	/// To a client.
	Client(Delivery),
}

impl Bound {
	fn packet(&mut self) -> &mut Packet {
		match self {
			Self::Node(forward) => &mut forward.packet,
			Self::Client(delivery) => &mut delivery.packet,
		}
	}
}

/// Carries packets as it should, or not.
pub struct LyingCarrier {
	pub(super) honest: Arc<dyn Carrier>,
	pub(super) lies: Arc<Lies>,
	pub(super) spawner: SpawnTaskHandle,
	/// The packet that the next one overtakes.
	pub(super) held: Arc<Mutex<Option<Held>>>,
}

/// A packet that is held back, and how many were before it.
pub struct Held {
	bound: Bound,
	place: u64,
}

impl LyingCarrier {
	/// The carrier of a node that tells these lies.
	pub(super) fn new(honest: Arc<dyn Carrier>, lies: Arc<Lies>, spawner: SpawnTaskHandle) -> Self {
		Self { honest, lies, spawner, held: Arc::default() }
	}

	fn carry(&self, mut bound: Bound) {
		let id = bound.packet().id();
		let kind = self.lies.kinds.iter().copied().find(|kind| OF_RELAYS.contains(kind));
		match kind {
			Some(kind @ Misbehaviour::RelayDrops) => {
				self.lies.told(kind, format!("{id:?} dropped"))
			},
			Some(kind @ Misbehaviour::RelayDelays) => {
				self.lies.told(kind, format!("{id:?} delayed"));
				self.later(move |honest| pass(&*honest, bound));
			},
			Some(kind @ Misbehaviour::RelayDuplicates) => {
				self.lies.told(kind, format!("{id:?} duplicated"));
				pass(&*self.honest, bound.clone());
				pass(&*self.honest, bound.clone());
				self.later(move |honest| pass(&*honest, bound));
			},
			Some(Misbehaviour::RelayReorders) => self.overtake(bound),
			Some(kind @ Misbehaviour::RelayRewrites) => {
				if let Some(last) = bound.packet().sealed.iter_mut().next_back() {
					*last ^= 1;
				}
				self.lies.told(kind, format!("{id:?} rewritten"));
				pass(&*self.honest, bound);
			},
			_ => pass(&*self.honest, bound),
		}
	}

	/// Passes on every second packet before the one that came before it.
	fn overtake(&self, mut bound: Bound) {
		let (id, place) = (bound.packet().id(), self.lies.next_place());
		let held = {
			let mut held = self.held.lock();
			match held.take() {
				Some(former) => former,
				None => {
					*held = Some(Held { bound, place });
					drop(held);
					self.release_later(place);
					return;
				},
			}
		};
		let kind = Misbehaviour::RelayReorders;
		self.lies.told(kind, format!("{id:?} goes before the one that came before it"));
		pass(&*self.honest, bound);
		pass(&*self.honest, held.bound);
	}

	/// A packet that nothing overtakes goes all the same, late.
	fn release_later(&self, place: u64) {
		let held = self.held.clone();
		self.later(move |honest| {
			let late = held.lock().take_if(|held| held.place == place);
			if let Some(Held { bound, .. }) = late {
				pass(&*honest, bound);
			}
		});
	}

	fn later(&self, what: impl FnOnce(Arc<dyn Carrier>) + Send + 'static) {
		let honest = self.honest.clone();
		self.spawner.spawn("spb-misbehaviour", Some("spb"), async move {
			tokio::time::sleep(DELAY).await;
			what(honest);
		});
	}
}

fn pass(honest: &dyn Carrier, bound: Bound) {
	match bound {
		Bound::Node(forward) => honest.forward(forward),
		Bound::Client(delivery) => honest.deliver(delivery),
	}
}

impl Carrier for LyingCarrier {
	fn forward(&self, forward: Forward) {
		self.carry(Bound::Node(forward));
	}

	fn deliver(&self, delivery: Delivery) {
		self.carry(Bound::Client(delivery));
	}
}

#[cfg(test)]
mod tests {
	use super::{
		super::super::relay::machine::tests::{node, packet},
		*,
	};
	use sc_network::PeerId;
	use sc_service::TaskManager;

	/// Writes down the packets that leave.
	#[derive(Default)]
	struct DoubleCarrier(Mutex<Vec<Packet>>);

	impl Carrier for DoubleCarrier {
		fn forward(&self, forward: Forward) {
			self.0.lock().push(forward.packet);
		}

		fn deliver(&self, delivery: Delivery) {
			self.0.lock().push(delivery.packet);
		}
	}

	/// What leaves at once when these packets come, the second for another node.
	fn left(kind: Misbehaviour, packets: [&Packet; 2]) -> Vec<Packet> {
		let manager = TaskManager::new(tokio::runtime::Handle::current(), None).unwrap();
		let honest = Arc::new(DoubleCarrier::default());
		let lies = Arc::new(Lies { kinds: vec![kind], ..Default::default() });
		let lying = LyingCarrier::new(honest.clone(), lies, manager.spawn_handle());
		let [first, second] = packets.map(Clone::clone);
		lying.deliver(Delivery { attachment: 1, packet: first });
		lying.forward(Forward { node: node(1), peer: PeerId::random(), packet: second });
		let left = honest.0.lock().clone();
		left
	}

	#[tokio::test]
	async fn packets_should_be_treated_as_told() {
		let (first, second) = (packet(1, 2, 3), packet(4, 5, 6));
		let both = [&first, &second];
		assert!(left(Misbehaviour::RelayDrops, both).is_empty());
		assert!(left(Misbehaviour::RelayDelays, both).is_empty());
		let (one, two) = (first.clone(), second.clone());
		assert_eq!(left(Misbehaviour::RelayReorders, both), [two.clone(), one.clone()]);
		assert_eq!(left(Misbehaviour::WrongRoot, both), [one.clone(), two.clone()]);
		let twice = [one.clone(), one, two.clone(), two];
		assert_eq!(left(Misbehaviour::RelayDuplicates, both), twice);
		let rewritten = left(Misbehaviour::RelayRewrites, both);
		for (packet, now) in both.into_iter().zip(rewritten) {
			assert_ne!(now.sealed, packet.sealed);
			assert_eq!(Packet { sealed: packet.sealed.clone(), ..now }, *packet);
		}
	}
}
