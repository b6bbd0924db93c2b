//! The way out: to clients through their subscriptions, to nodes through a queue.

use super::{
	machine::{AttachmentId, Delivery, Ended, Forward},
	metrics::RelayMetrics,
	LOG_TARGET,
};
use parking_lot::Mutex;
use spb_primitives::relay::Packet;
use std::{collections::HashMap, sync::Arc};
use tokio::sync::mpsc;

/// Packets that wait to be handed to other nodes.
const QUEUE: usize = 1_024;
/// Packets that wait for one client to read them: more than ever wait in a mailbox for one key.
const CLIENT_QUEUE: usize = 128;

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

/// The way out of an honest node.
pub struct Ways {
	work: async_channel::Sender<Work>,
	clients: Mutex<HashMap<AttachmentId, mpsc::Sender<Told>>>,
	metrics: RelayMetrics,
}

impl Ways {
	/// No client is there yet; what is left to do comes out of the other end.
	pub fn new(metrics: RelayMetrics) -> (Arc<Self>, async_channel::Receiver<Work>) {
		let (work, left) = async_channel::bounded(QUEUE);
		(Arc::new(Self { work, clients: Mutex::default(), metrics }), left)
	}

	/// A client listens from now on.
	pub fn open(&self, attachment: AttachmentId) -> mpsc::Receiver<Told> {
		let (sender, receiver) = mpsc::channel(CLIENT_QUEUE);
		self.clients.lock().insert(attachment, sender);
		receiver
	}

	/// A client is told why it hears no more.
	pub fn end(&self, attachment: AttachmentId, why: Ended) {
		if let Some(client) = self.clients.lock().remove(&attachment) {
			// One that does not keep up only sees that it has ended.
			let _ = client.try_send(Told::Ended(why));
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

impl Carrier for Ways {
	fn forward(&self, forward: Forward) {
		self.later(Work::Forward(forward));
	}

	fn deliver(&self, Delivery { attachment, packet }: Delivery) {
		let mut clients = self.clients.lock();
		let packet = match clients.get(&attachment) {
			Some(client) => match client.try_send(Told::Packet(packet)) {
				Ok(()) => return,
				Err(mpsc::error::TrySendError::Full(told))
				| Err(mpsc::error::TrySendError::Closed(told)) => match told {
					Told::Packet(packet) => packet,
					Told::Ended(_) => return,
				},
			},
			None => packet,
		};
		// It does not keep up or has gone: its packets wait until it comes again.
		clients.remove(&attachment);
		self.later(Work::Undelivered(Delivery { attachment, packet }));
	}
}

#[cfg(test)]
mod tests {
	use super::{
		super::machine::tests::{node, packet},
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
		let mut client = ways.open(1);
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
		drop(ways.open(1));
		ways.deliver(delivery(1, 1));
		assert_eq!(left.try_recv(), Ok(Work::Undelivered(delivery(1, 1))), "it has gone");
		let mut slow = ways.open(2);
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
	fn queue_should_be_bounded() {
		let (ways, left) = ways();
		let forward = Forward { node: node(1), peer: PeerId::random(), packet: packet(1, 2, 3) };
		for _ in 0..QUEUE + 2 {
			ways.forward(forward.clone());
		}
		assert_eq!((left.len(), ways.metrics.lost.get()), (QUEUE, 2));
	}
}
