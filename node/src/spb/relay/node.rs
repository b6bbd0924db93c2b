//! The relay of a running node: the core with a clock, clients and peers around it.

use super::{
	attach::{identifier_of, Challenges, NoChallenge},
	carrier::{Carrier, Ear, Told, Ways, Work},
	directory::{Directory, Extent, Listed},
	machine::{
		Action, AttachmentId, Connection, Delivery, Figures, Forward, Limits, Machine, Source, Step,
	},
	metrics::{NotHandedOver, PacketSize, RelayMetrics},
	protocol::{Answer, REQUEST_TIMEOUT},
	refusal::Refusal,
	Now, LOG_TARGET,
};
use crate::spb::network::{messages::MessageError, peers::Peers, reputation};
use codec::Encode;
use futures::{
	stream::{BoxStream, FuturesUnordered},
	StreamExt,
};
use parking_lot::Mutex;
use sc_network::{request_responses::RequestFailure, PeerId, ProtocolName};
use spb_primitives::{
	relay::{ContactKey, NodeIdentifier, Packet},
	Genesis,
};
use spb_runtime::Hash;
use std::{
	collections::{hash_map::Entry, HashMap},
	sync::Arc,
	time::Duration,
};

/// From one look at what has become too old to the next.
const TICK: Duration = Duration::from_secs(1);
/// Packets that are being handed to other nodes at once.
const MAX_IN_FLIGHT: usize = 4_096;
/// Of these, packets to one node. One that leaves more unanswered counts as absent: a few nodes that
/// are silent keep no packet for others waiting.
const MAX_IN_FLIGHT_TO_ONE: usize = 320;
/// How often a packet is handed to a node that does not take it over, before the node counts as
/// absent.
const ATTEMPTS: u32 = 2;

/// Why a key is not attached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotAttached {
	/// The answer is none, or came too late.
	#[error(
		"this is no answer to an open challenge for the key: ask spb_relayChallenge for one, open \
		 it with the key's secret, and answer within half a minute"
	)]
	NotProven,
	/// The node serves no more keys.
	#[error(
		"as many keys are attached to this node, or over this connection, as it serves: detach some, \
		 or try again later"
	)]
	Full,
}

/// How patient a node is with others.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
	/// How long it waits before it tries the same node again: long enough to hear of its address.
	pub retry: Duration,
}

impl Timing {
	/// Of a running node.
	pub const NODE: Self = Self { retry: Duration::from_millis(500) };
}

/// What [`Relay::run`] works with.
pub struct Worker {
	/// What is left to do.
	pub work: async_channel::Receiver<Work>,
	/// The list of nodes, each time that it may be another one.
	pub lists: BoxStream<'static, Listed>,
	/// The other nodes.
	pub peers: Arc<dyn Peers>,
	/// What they are asked on.
	pub protocol: ProtocolName,
	/// How long is waited.
	pub timing: Timing,
}

/// The relay of a node.
pub struct Relay {
	machine: Mutex<Machine>,
	challenges: Mutex<Challenges>,
	ways: Arc<Ways>,
	/// What leads to `ways`, past whatever a node that misbehaves does in between.
	carrier: Arc<dyn Carrier>,
	metrics: RelayMetrics,
	peer: PeerId,
	own: NodeIdentifier,
	genesis: Genesis,
}

impl Relay {
	/// That of the node which is this peer.
	pub fn new(
		peer: &PeerId,
		genesis: Genesis,
		extent: Extent,
		ways: Arc<Ways>,
		carrier: Arc<dyn Carrier>,
		metrics: RelayMetrics,
	) -> Self {
		let own = identifier_of(peer);
		Self {
			machine: Mutex::new(Machine::new(Directory::new(own, extent), Limits::NODE)),
			challenges: Mutex::new(Challenges::new(own, genesis)),
			ways,
			carrier,
			metrics,
			peer: *peer,
			own,
			genesis,
		}
	}

	/// The peer that this node is.
	pub fn peer(&self) -> &PeerId {
		&self.peer
	}

	/// The chain that it is on.
	pub fn genesis(&self) -> &Genesis {
		&self.genesis
	}

	/// This node's identifier.
	pub fn own(&self) -> NodeIdentifier {
		self.own
	}

	/// The listed node that a key belongs to; none where no node is listed.
	pub fn home_of(&self, key: &ContactKey) -> Option<NodeIdentifier> {
		self.machine.lock().home_of(key)
	}

	/// What is going on.
	pub fn figures(&self) -> Figures {
		self.machine.lock().figures()
	}

	/// Takes a packet, or says why not.
	pub fn packet(&self, source: Source, packet: Packet, now: Now) -> Result<Step, Refusal> {
		let (id, to, size) = (packet.id(), packet.to, PacketSize::from(&packet));
		let mut machine = self.machine.lock();
		let (step, action) = machine.packet(source, packet, now).inspect_err(|refusal| {
			self.metrics.refused(*refusal);
			log::debug!(target: LOG_TARGET, "Packet {id:?} for {to} from {source:?}: {refusal}");
		})?;
		self.note(id, size, step, &format_args!("for {to} from {source:?}"));
		self.perform(action);
		Ok(step)
	}

	/// Counts and logs what became of a packet.
	fn note(&self, id: Hash, size: PacketSize, step: Step, whose: &std::fmt::Arguments<'_>) {
		self.metrics.took(size, step);
		let hops = size.hops;
		log::debug!(target: LOG_TARGET, "Packet {id:?} {whose}, after {hops} hops: {step:?}");
	}

	/// Does what the core wants done. While the core is locked, so that packets leave in the order in
	/// which it decided on them.
	fn perform(&self, actions: impl IntoIterator<Item = Action>) {
		for action in actions {
			match action {
				Action::Forward(forward) => self.carrier.forward(forward),
				Action::Deliver(delivery) => self.carrier.deliver(delivery),
				Action::End(attachment, why) => self.ways.end(attachment, why),
			}
		}
	}

	/// What the holder of a key, who asks over this connection, is to open before it attaches with it.
	pub fn challenge(
		&self,
		key: &ContactKey,
		over: Connection,
		now: Now,
	) -> Result<Vec<u8>, NoChallenge> {
		self.challenges.lock().ask(key, over, now.at)
	}

	/// Attaches a client over this connection with a key whose challenge it has answered. The challenge
	/// may have been asked for over another connection: its answer shows that the client holds the key.
	pub fn attach(
		self: &Arc<Self>,
		key: ContactKey,
		answer: &Hash,
		over: Connection,
		now: Now,
	) -> Result<Attached, NotAttached> {
		if !self.challenges.lock().redeem(&key, answer, now.at) {
			return Err(NotAttached::NotProven);
		}
		let mut machine = self.machine.lock();
		let (id, waiting, ended) = machine.attach(key, over, now).ok_or(NotAttached::Full)?;
		log::debug!(target: LOG_TARGET, "Key {key} attached, {} packets wait", waiting.len());
		let told = self.ways.open(id, over);
		self.perform(ended);
		let waiting = waiting.into_iter();
		self.perform(waiting.map(|packet| Action::Deliver(Delivery { attachment: id, packet })));
		Ok(Attached { relay: self.clone(), key, id, told, undelivered: Vec::new() })
	}

	fn detach(&self, key: ContactKey, id: AttachmentId, undelivered: Vec<Packet>, now: Now) {
		let mut machine = self.machine.lock();
		self.ways.close(id);
		let left = undelivered.len();
		log::debug!(target: LOG_TARGET, "Key {key} detached, {left} packets not delivered");
		let actions = machine.detach(key, id, undelivered, now);
		self.perform(actions);
	}

	/// Hands packets to other nodes and keeps an eye on the list, for ever.
	pub async fn run(self: Arc<Self>, worker: Worker) {
		let Worker { work, lists, peers, protocol, timing } = worker;
		let mut lists = lists.fuse();
		let mut in_flight = FuturesUnordered::new();
		let mut unanswered = HashMap::<NodeIdentifier, usize>::new();
		let mut ticks = tokio::time::interval(TICK);
		loop {
			tokio::select! {
				Some(listed) = lists.next() => self.listed(listed),
				left = work.recv(), if in_flight.len() < MAX_IN_FLIGHT => match left {
					Ok(Work::Forward(forward)) => {
						let of_node = unanswered.entry(forward.node).or_default();
						if *of_node >= MAX_IN_FLIGHT_TO_ONE {
							self.metrics.not_handed_over(NotHandedOver::Unreachable);
							self.another_way(forward);
							continue;
						}
						*of_node += 1;
						let (peers, protocol) = (peers.clone(), protocol.clone());
						in_flight.push(hand_over(peers, protocol, timing, forward));
					},
					Ok(Work::Undelivered(Delivery { attachment, packet })) => {
						self.detach(packet.to, attachment, vec![packet], Now::read());
					},
					// The node is stopping.
					Err(_) => return,
				},
				Some((forward, answered)) = in_flight.next() => {
					if let Entry::Occupied(mut left) = unanswered.entry(forward.node) {
						*left.get_mut() -= 1;
						if *left.get() == 0 {
							left.remove();
						}
					}
					self.handed_over(forward, answered, &*peers);
				},
				_ = ticks.tick() => self.tick(),
			}
		}
	}

	fn listed(&self, listed: Listed) {
		let mut machine = self.machine.lock();
		let actions = machine.listed(listed, Now::read());
		self.perform(actions);
		self.metrics.show(&machine.figures());
	}

	fn tick(&self) {
		let mut machine = self.machine.lock();
		let (expired, actions) = machine.tick(Now::read());
		self.perform(actions);
		self.metrics.expired.inc_by(expired as u64);
		self.metrics.show(&machine.figures());
	}

	/// What another node said to a packet.
	fn handed_over(&self, forward: Forward, answered: Result<Answer, NoAnswer>, peers: &dyn Peers) {
		let (id, node, peer) = (forward.packet.id(), forward.node, forward.peer);
		match answered {
			Ok(Answer::Taken) => {
				log::debug!(target: LOG_TARGET, "Packet {id:?}: taken over by {node}");
			},
			Ok(Answer::Refused(refusal)) => {
				log::debug!(target: LOG_TARGET, "Packet {id:?}: lost, {node} refuses: {refusal}");
				self.metrics.not_handed_over(NotHandedOver::Refused);
				self.metrics.lost.inc();
			},
			Err(error) => {
				log::debug!(target: LOG_TARGET, "Packet {id:?}: not taken over by {node}: {error}");
				self.metrics.not_handed_over(match error {
					NoAnswer::Malformed(_) => {
						peers.report(peer, reputation::MALFORMED_ANSWER);
						NotHandedOver::Malformed
					},
					NoAnswer::Network(_) | NoAnswer::Silent => NotHandedOver::Unreachable,
				});
				self.another_way(forward);
			},
		}
	}

	/// The node could not be reached.
	fn another_way(&self, forward: Forward) {
		let (id, node) = (forward.packet.id(), forward.node);
		let mut machine = self.machine.lock();
		match machine.unreachable(forward, Now::read()) {
			Ok((step, action)) => {
				log::debug!(target: LOG_TARGET, "Packet {id:?}: instead of {node}: {step:?}");
				self.perform(action);
			},
			Err(refusal) => {
				log::debug!(target: LOG_TARGET, "Packet {id:?}: lost: {refusal}");
				self.metrics.lost.inc();
			},
		}
	}
}

/// Why another node gave no answer.
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
	#[error("it answers no answer: {0}")]
	Malformed(MessageError),
	#[error("{0}")]
	Network(RequestFailure),
	#[error("it is silent")]
	Silent,
}

/// Hands a packet to a node, more than once if it has to.
async fn hand_over(
	peers: Arc<dyn Peers>,
	protocol: ProtocolName,
	timing: Timing,
	forward: Forward,
) -> (Forward, Result<Answer, NoAnswer>) {
	let request = forward.packet.encode();
	let mut attempt = 1;
	loop {
		let asked = peers.reach(forward.peer, protocol.clone(), request.clone());
		// The network has a limit of its own; dialling may come before it.
		let answer = match tokio::time::timeout(2 * REQUEST_TIMEOUT, asked).await {
			Ok(Ok(bytes)) => Answer::read(&bytes).map_err(NoAnswer::Malformed),
			Ok(Err(error)) => Err(NoAnswer::Network(error)),
			Err(_) => Err(NoAnswer::Silent),
		};
		// Who was asked and was silent is not asked twice.
		let again = matches!(
			answer,
			Err(NoAnswer::Network(RequestFailure::Refused | RequestFailure::NotConnected))
		);
		if !again || attempt >= ATTEMPTS {
			return (forward, answer);
		}
		attempt += 1;
		peers.look_for(forward.peer);
		tokio::time::sleep(timing.retry).await;
	}
}

/// A client that is attached with a key, for as long as this is there.
pub struct Attached {
	relay: Arc<Relay>,
	key: ContactKey,
	id: AttachmentId,
	told: Ear,
	undelivered: Vec<Packet>,
}

impl Attached {
	/// What the client is to be told next. Nothing comes any more where it has not kept up.
	pub async fn next(&mut self) -> Option<Told> {
		self.told.recv().await
	}

	/// The client did not take a packet: it waits for the next time that it attaches.
	pub fn give_back(&mut self, packet: Packet) {
		self.undelivered.push(packet);
	}
}

impl Drop for Attached {
	fn drop(&mut self) {
		self.told.close();
		let mut undelivered = std::mem::take(&mut self.undelivered);
		while let Ok(told) = self.told.try_recv() {
			if let Told::Packet(packet) = told {
				undelivered.push(packet);
			}
		}
		self.relay.detach(self.key, self.id, undelivered, Now::read());
	}
}

#[cfg(test)]
pub(crate) mod tests;
