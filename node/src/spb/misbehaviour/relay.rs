//! Lies about the packets that a backbone node carries: on their way to other nodes and to clients. And
//! silence towards clients who would send some.

use super::{
	super::relay::{
		carrier::Carrier,
		machine::{Delivery, Forward},
	},
	Lies, Misbehaviour,
};
use jsonrpsee::{core::RegisterMethodError, RpcModule};
use parking_lot::Mutex;
use sc_service::SpawnTaskHandle;
use spb_primitives::relay::{Packet, MAX_HOPS};
use std::{future::pending, sync::Arc, time::Duration};

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

/// What a node that is silent never answers.
const UNANSWERED: [&str; 2] = ["spb_relayChallenge", "spb_relaySend"];

/// A part of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
	Sealed,
	To,
	From,
	Nonce,
	SentAt,
	Hops,
}

impl Part {
	/// All of them, in the order in which they are rewritten, one in each packet.
	const ALL: [Self; 6] =
		[Self::Sealed, Self::To, Self::From, Self::Nonce, Self::SentAt, Self::Hops];

	/// Changes the part so that nodes still take the packet: what no honest node would hand over is
	/// refused at once.
	fn rewrite(self, packet: &mut Packet) {
		match self {
			Self::Sealed => {
				if let Some(last) = packet.sealed.iter_mut().next_back() {
					*last ^= 1;
				}
			},
			Self::To => packet.to.0[31] ^= 1,
			Self::From => packet.from.0[31] ^= 1,
			Self::Nonce => packet.nonce[15] ^= 1,
			Self::SentAt => packet.sent_at ^= 1,
			Self::Hops => packet.hops = MAX_HOPS,
		}
	}
}

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
	place: usize,
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
				let part = self.lies.next_place() % Part::ALL.len();
				let part = Part::ALL[part];
				part.rewrite(bound.packet());
				self.lies.told(kind, format!("{id:?} rewritten: {part:?}"));
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
	fn release_later(&self, place: usize) {
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

/// Of all that clients can ask, a silent node leaves those calls without an answer that hand over a
/// packet or begin to attach a key.
pub(super) fn silence<C: Send + Sync + 'static>(
	mut calls: RpcModule<C>,
	lies: &Arc<Lies>,
) -> Result<RpcModule<C>, RegisterMethodError> {
	let kind = Misbehaviour::RelaySilentRpc;
	if !lies.include(kind) {
		return Ok(calls);
	}
	for name in UNANSWERED {
		calls.remove_method(name);
		let lies = lies.clone();
		calls.register_async_method(name, move |_, _, _| {
			lies.told(kind, format!("{name} is not answered"));
			pending::<bool>()
		})?;
	}
	Ok(calls)
}

#[cfg(test)]
mod tests {
	use super::{
		super::super::relay::{
			listing::tests::DoubleIdentity,
			machine::tests::{node, packet},
			node::tests::Scene,
			rpc::{RelayApiServer, RelayRpc},
		},
		*,
	};
	use futures::FutureExt;
	use jsonrpsee::core::EmptyServerParams;
	use sc_network::PeerId;
	use sc_service::TaskManager;
	use serde_json::Value;

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

	/// A node that tells this lie, what leaves it, and what it runs on.
	fn lying(kind: Misbehaviour) -> (LyingCarrier, Arc<DoubleCarrier>, TaskManager) {
		let manager = TaskManager::new(tokio::runtime::Handle::current(), None).unwrap();
		let honest = Arc::new(DoubleCarrier::default());
		let lies = Arc::new(Lies { kinds: vec![kind], ..Default::default() });
		let lying = LyingCarrier::new(honest.clone(), lies, manager.spawn_handle());
		(lying, honest, manager)
	}

	/// What leaves at once when these packets come, the second for another node.
	fn left(kind: Misbehaviour, packets: [&Packet; 2]) -> Vec<Packet> {
		let (lying, honest, _manager) = lying(kind);
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
		for about_others in [Misbehaviour::WrongRoot, Misbehaviour::RelaySilentRpc] {
			assert_eq!(left(about_others, both), [one.clone(), two.clone()]);
		}
		let twice = [one.clone(), one, two.clone(), two];
		assert_eq!(left(Misbehaviour::RelayDuplicates, both), twice);
		let rewritten = left(Misbehaviour::RelayRewrites, both);
		for (packet, now) in both.into_iter().zip(rewritten) {
			assert_ne!(now, *packet);
		}
	}

	#[tokio::test]
	async fn each_part_should_be_rewritten_in_its_turn() {
		let (lying, honest, _manager) = lying(Misbehaviour::RelayRewrites);
		let sent = packet(1, 2, 3);
		for _ in 0..2 * Part::ALL.len() {
			lying.deliver(Delivery { attachment: 1, packet: sent.clone() });
		}
		let left = honest.0.lock().clone();
		assert_eq!(left.len(), 2 * Part::ALL.len());
		for (place, now) in left.into_iter().enumerate() {
			// No node could tell but by the letter, which does not open.
			assert_eq!(now.check(sent.sent_at), Ok(()));
			let changed = [
				now.sealed != sent.sealed,
				now.to != sent.to,
				now.from != sent.from,
				now.nonce != sent.nonce,
				now.sent_at != sent.sent_at,
				now.hops != sent.hops,
			];
			let mut expected = [false; Part::ALL.len()];
			expected[place % Part::ALL.len()] = true;
			assert_eq!(changed, expected, "packet {place}");
		}
	}

	/// The calls of a node that tells this lie.
	fn calls(kind: Misbehaviour) -> RpcModule<RelayRpc> {
		let identity = Arc::new(DoubleIdentity::default());
		let honest = RelayRpc { relay: Scene::new().relay, identity }.into_rpc();
		let lies = Arc::new(Lies { kinds: vec![kind], ..Default::default() });
		silence(honest, &lies).unwrap()
	}

	#[tokio::test]
	async fn only_a_silent_node_should_answer_nothing() {
		let (silent, other) =
			(calls(Misbehaviour::RelaySilentRpc), calls(Misbehaviour::RelayDrops));
		// Nobody can hold this key, and these bytes are no packet: a node that speaks says so at once.
		for (name, parameter) in UNANSWERED.into_iter().zip(["0x00", "0x"]) {
			let asked = |calls: &RpcModule<RelayRpc>| {
				calls.call::<_, Value>(name, [parameter]).now_or_never().map(drop)
			};
			assert_eq!((asked(&silent), asked(&other)), (None, Some(())), "{name}");
		}
		// What it says of itself it says.
		let status: Value = silent.call("spb_relayStatus", EmptyServerParams::new()).await.unwrap();
		assert_eq!(status["attached"], 0);
	}
}
