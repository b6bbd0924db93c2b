//! The way out: to clients through their subscriptions, to nodes through a queue.

use super::{
	machine::{AttachmentId, Connection, Delivery, Ended, Forward},
	metrics::RelayMetrics,
	LOG_TARGET,
};
use codec::Encode;
use parking_lot::Mutex;
use spb_primitives::relay::Packet;
use std::{
	collections::HashMap,
	sync::{Arc, Weak},
};
use tokio::sync::{mpsc, OwnedSemaphorePermit, Semaphore};

/// Packets that wait to be handed to other nodes.
const QUEUE: usize = 1_024;
/// Packets that wait for one client to read them: more than ever wait in a mailbox for one key.
const CLIENT_QUEUE: usize = 128;
/// Bytes of packets that wait for one connection's clients to read them.
const CONNECTION_ROOM: usize = 2 * 1024 * 1024;

/// Carries packets away from this node. None of it waits.
pub trait Carrier: Send + Sync + 'static {
	/// Hands a packet to another node.
	fn forward(&self, forward: Forward);

	/// Hands a packet to a client.
	fn deliver(&self, delivery: Delivery);
}

/// What is left to do for [`super::node::Relay::run`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Work {
	/// Hand this over to another node.
	Forward(Forward),
	/// The client did not take this.
	Undelivered(Delivery),
}

/// What a client hears.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
	/// A packet for it.
	Packet(Packet),
	/// The last thing that it hears.
	Ended(Ended),
}

/// What a client is told, with the room that it takes up until it is heard.
struct Queued {
	told: Told,
	_room: Option<OwnedSemaphorePermit>,
}

/// A client that listens.
struct Client {
	queue: mpsc::Sender<Queued>,
	room: Arc<Semaphore>,
}

/// The way out of an honest node.
pub struct Ways {
	work: async_channel::Sender<Work>,
	clients: Mutex<HashMap<AttachmentId, Client>>,
	/// What is left of each connection's room, for as long as anything of it is in use.
	rooms: Mutex<HashMap<Connection, Weak<Semaphore>>>,
	metrics: RelayMetrics,
}

/// The end at which a client listens.
pub struct Ear {
	queue: mpsc::Receiver<Queued>,
	/// As long as this is there, its connection gets no other room.
	_room: Arc<Semaphore>,
}

impl Ear {
	/// What the client is told next; none when there is nothing more to come.
	pub async fn recv(&mut self) -> Option<Told> {
		Some(self.queue.recv().await?.told)
	}

	/// What the client can be told at once.
	pub fn try_recv(&mut self) -> Result<Told, mpsc::error::TryRecvError> {
		Ok(self.queue.try_recv()?.told)
	}

	/// Lets nothing more come in.
	pub fn close(&mut self) {
		self.queue.close();
	}
}

impl Ways {
	/// No client is there yet; what is left to do comes out of the other end.
	pub fn new(metrics: RelayMetrics) -> (Arc<Self>, async_channel::Receiver<Work>) {
		let (work, left) = async_channel::bounded(QUEUE);
		let (clients, rooms) = Default::default();
		(Arc::new(Self { work, clients, rooms, metrics }), left)
	}

	/// A client listens from now on, over this connection.
	pub fn open(&self, attachment: AttachmentId, over: Connection) -> Ear {
		let ((sender, queue), room) = (mpsc::channel(CLIENT_QUEUE), self.room(over));
		let client = Client { queue: sender, room: room.clone() };
		self.clients.lock().insert(attachment, client);
		Ear { queue, _room: room }
	}

	/// The room of a connection, the same for all its clients.
	fn room(&self, over: Connection) -> Arc<Semaphore> {
		let mut rooms = self.rooms.lock();
		if let Some(room) = rooms.get(&over).and_then(Weak::upgrade) {
			return room;
		}
		rooms.retain(|_, room| room.strong_count() > 0);
		let room = Arc::new(Semaphore::new(CONNECTION_ROOM));
		rooms.insert(over, Arc::downgrade(&room));
		room
	}

	/// A client is told why it hears no more.
	pub fn end(&self, attachment: AttachmentId, why: Ended) {
		if let Some(client) = self.clients.lock().remove(&attachment) {
			// One that does not keep up only sees that it has ended.
			let _ = client.queue.try_send(Queued { told: Told::Ended(why), _room: None });
		}
	}

	/// A client does not listen any more.
	pub fn close(&self, attachment: AttachmentId) {
		self.clients.lock().remove(&attachment);
	}

	fn later(&self, work: Work) {
		if let Err(error) = self.work.try_send(work) {
			self.metrics.lost.inc();
			log::debug!(target: LOG_TARGET, "Packet lost: {error}");
		}
	}
}

impl Client {
	/// Tells the client of a packet, which comes back where there is no room for it.
	fn offer(&self, packet: Packet) -> Result<(), Packet> {
		let bytes = u32::try_from(packet.encoded_size()).unwrap_or(u32::MAX);
		let Ok(room) = self.room.clone().try_acquire_many_owned(bytes) else {
			return Err(packet);
		};
		match self.queue.try_reserve() {
			Ok(place) => {
				place.send(Queued { told: Told::Packet(packet), _room: Some(room) });
				Ok(())
			},
			Err(_) => Err(packet),
		}
	}
}

impl Carrier for Ways {
	fn forward(&self, forward: Forward) {
		self.later(Work::Forward(forward));
	}

	fn deliver(&self, Delivery { attachment, packet }: Delivery) {
		let mut clients = self.clients.lock();
		let offered = match clients.get(&attachment) {
			Some(client) => client.offer(packet),
			None => Err(packet),
		};
		if let Err(packet) = offered {
			// It does not keep up or has gone: its packets wait until it comes again.
			clients.remove(&attachment);
			self.later(Work::Undelivered(Delivery { attachment, packet }));
		}
	}
}

#[cfg(test)]
mod tests {
	use super::{
		super::machine::tests::{node, packet, OVER},
		*,
	};
	use sc_network::PeerId;

	fn ways() -> (Arc<Ways>, async_channel::Receiver<Work>) {
		Ways::new(RelayMetrics::new(None).unwrap())
	}

	fn delivery(attachment: AttachmentId, nonce: u8) -> Delivery {
		Delivery { attachment, packet: packet(1, 2, nonce) }
	}

	#[test]
	fn client_should_hear_its_packets_and_why_it_ended() {
		let (ways, left) = ways();
		let mut client = ways.open(1, OVER);
		ways.deliver(delivery(1, 7));
		ways.end(1, Ended::Replaced);
		assert_eq!(client.try_recv(), Ok(Told::Packet(packet(1, 2, 7))));
		assert_eq!(client.try_recv(), Ok(Told::Ended(Ended::Replaced)));
		assert_eq!(client.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
		assert!(left.is_empty());
	}

	#[test]
	fn what_a_client_does_not_take_should_come_back() {
		let (ways, left) = ways();
		ways.deliver(delivery(3, 0));
		assert_eq!(left.try_recv(), Ok(Work::Undelivered(delivery(3, 0))), "it is not there");
		drop(ways.open(1, OVER));
		ways.deliver(delivery(1, 1));
		assert_eq!(left.try_recv(), Ok(Work::Undelivered(delivery(1, 1))), "it has gone");
		let mut slow = ways.open(2, OVER);
		for _ in 0..CLIENT_QUEUE {
			ways.deliver(delivery(2, 2));
		}
		assert!(left.is_empty());
		ways.deliver(delivery(2, 3));
		assert_eq!(left.try_recv(), Ok(Work::Undelivered(delivery(2, 3))), "it is slow");
		let read = std::iter::from_fn(|| slow.try_recv().ok()).count();
		assert_eq!(read, CLIENT_QUEUE);
		assert_eq!(slow.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
	}

	#[test]
	fn one_connection_should_take_up_no_more_than_its_room() {
		let (ways, left) = ways();
		let largest = |nonce| {
			let sealed = vec![0; spb_primitives::relay::MAX_SEALED as usize].try_into().unwrap();
			Packet { sealed, ..packet(1, 2, nonce) }
		};
		let most = CONNECTION_ROOM / largest(0).encoded_size();
		assert!(most > CLIENT_QUEUE, "one client alone has enough");
		let mut ears: Vec<_> = (0..9).map(|of| ways.open(of, OVER)).collect();
		let mut other = ways.open(9, Connection(2));
		for nonce in 0..CLIENT_QUEUE as u8 {
			for attachment in 0..10 {
				ways.deliver(Delivery { attachment, packet: largest(nonce) });
			}
		}
		assert!(!left.is_empty());
		let heard = |ear: &mut Ear| std::iter::from_fn(|| ear.try_recv().ok()).count();
		assert_eq!(heard(&mut other), CLIENT_QUEUE, "another connection is not concerned");
		assert_eq!(ears.iter_mut().map(heard).sum::<usize>(), most);
		// What was heard takes up nothing, and what is gone neither.
		drop(ears);
		let mut again = ways.open(11, OVER);
		ways.deliver(Delivery { attachment: 11, packet: largest(0) });
		assert_eq!(heard(&mut again), 1);
		assert_eq!(ways.rooms.lock().len(), 2);
	}

	#[test]
	fn queue_should_be_bounded() {
		let (ways, left) = ways();
		let forward = Forward { node: node(1), peer: PeerId::random(), packet: packet(1, 2, 3) };
		for _ in 0..QUEUE + 2 {
			ways.forward(forward.clone());
		}
		assert_eq!((left.len(), ways.metrics.lost.get()), (QUEUE, 2));
	}
}
