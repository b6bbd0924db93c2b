//! The pure core of the relay: what it does with a packet, without network, clock or clients.

use super::{
	directory::{Directory, Listed},
	mailbox::{Full, Limits as MailboxLimits, Mailbox},
	rates::{Rates, Traffic},
	refusal::Refusal,
	seen::Seen,
	Now,
};
use sc_network::PeerId;
use spb_primitives::relay::{ContactKey, Hop, NodeIdentifier, Packet};
use std::collections::HashMap;

/// What a node takes on.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
	/// What waits for recipients.
	pub mailbox: MailboxLimits,
	/// Keys attached at once.
	pub attached: usize,
	/// Of these, keys attached over one connection: no one takes up all of them with a few.
	pub per_connection: usize,
	/// Ids remembered.
	pub seen: usize,
	/// How fast packets come and go.
	pub rates: Rates,
}

impl Limits {
	/// Those of a node.
	pub const NODE: Self = Self {
		mailbox: MailboxLimits { per_key: 64, per_sender: 16, bytes: 64 * 1024 * 1024 },
		attached: 32_768,
		per_connection: 256,
		seen: 65_536,
		rates: Rates::NODE,
	};
}

/// Keys that are looked at at once when what waits for them may have to be handed on.
const LOOKED_AT: usize = 4_096;

/// The connection of a client, by the number that the RPC server gives it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Connection(pub usize);

/// Who handed a packet to this node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
	/// A client of this node.
	Client(Connection),
	/// A peer.
	Peer(PeerId),
}

/// What became of a packet that was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
	/// It goes to the recipient, who is attached here.
	Delivered,
	/// It waits here for the recipient.
	Stored,
	/// It goes to this node.
	Forwarded(NodeIdentifier),
	/// It was here before, and nothing is done.
	Duplicate,
}

/// The number of an attachment; never used again.
pub type AttachmentId = u64;

/// Why an attachment ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Ended {
	/// The key was attached once more.
	#[error("closed: the key was attached anew")]
	Replaced,
	/// The key belongs to another node now.
	#[error("closed: the key belongs to backbone node {0} now; attach it there")]
	Moved(NodeIdentifier),
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
	/// Hand a packet to another node.
	Forward(Forward),
	/// Hand a packet to a client.
	Deliver(Delivery),
	/// End an attachment.
	End(AttachmentId, Ended),
}

/// A packet for another node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Forward {
	/// The node.
	pub node: NodeIdentifier,
	/// The peer that it is.
	pub peer: PeerId,
	/// The packet, this hop counted.
	pub packet: Packet,
}

/// A packet for a client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
	/// Its attachment.
	pub attachment: AttachmentId,
	/// The packet.
	pub packet: Packet,
}

/// What is going on, for metrics and the status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Figures {
	/// Whether this node is listed.
	pub listed: bool,
	/// Nodes listed.
	pub nodes: usize,
	/// Nodes in the table.
	pub known: usize,
	/// Nodes passed over because they could not be reached.
	pub absent: usize,
	/// Keys attached.
	pub attached: usize,
	/// Packets that wait.
	pub waiting: usize,
	/// Their bytes.
	pub waiting_bytes: usize,
}

struct Attachment {
	id: AttachmentId,
	/// Over which its holder has proven the key.
	over: Connection,
	/// Whether the key belonged to this node when it was attached.
	at_home: bool,
}

/// All that a node knows of packets and those who exchange them.
pub struct Machine {
	limits: Limits,
	directory: Directory,
	mailbox: Mailbox,
	seen: Seen,
	attached: HashMap<ContactKey, Attachment>,
	next_attachment: AttachmentId,
	traffic: Traffic,
	/// Where to look next for what waits here and may belong to another node.
	astray: Option<Astray>,
}

/// How far the search for what belongs to other nodes has come.
#[derive(Clone, Copy)]
struct Astray {
	/// The keys from this one on have not been looked at.
	from: ContactKey,
	/// Whether something was left behind for want of room on the way.
	left: bool,
}

impl Astray {
	/// Nothing has been looked at.
	const BEGIN: Self = Self { from: ContactKey([0; 32]), left: false };
}

impl Machine {
	/// One that knows what `directory` knows.
	pub fn new(directory: Directory, limits: Limits) -> Self {
		Self {
			limits,
			directory,
			mailbox: Mailbox::new(limits.mailbox),
			seen: Seen::new(limits.seen),
			attached: HashMap::new(),
			next_attachment: 0,
			traffic: Traffic::new(limits.rates, limits.attached),
			astray: None,
		}
	}

	/// A packet has come.
	pub fn packet(
		&mut self,
		source: Source,
		packet: Packet,
		now: Now,
	) -> Result<(Step, Option<Action>), Refusal> {
		packet.check(now.unix)?;
		let within = match source {
			Source::Client(over) => {
				let proven = self.is_proven(&packet.from, over);
				self.traffic.takes_from_client(over, packet.from, proven, now.at)
			},
			Source::Peer(peer) => self.traffic.takes_from_peer(peer, packet.to, now.at),
		};
		if !within {
			return Err(Refusal::TooFast);
		}
		let id = packet.id();
		if self.seen.contains(&id) {
			return Ok((Step::Duplicate, None));
		}
		let routed = self.route(packet, now)?;
		self.seen.insert(id);
		Ok(routed)
	}

	/// Whether who is at the other end of a connection has proven to hold a key.
	fn is_proven(&self, key: &ContactKey, over: Connection) -> bool {
		self.attached.get(key).is_some_and(|attachment| attachment.over == over)
	}

	/// Where a packet goes from here.
	fn route(&mut self, packet: Packet, now: Now) -> Result<(Step, Option<Action>), Refusal> {
		if let Some(Attachment { id, .. }) = self.attached.get(&packet.to) {
			let delivery = Delivery { attachment: *id, packet };
			return Ok((Step::Delivered, Some(Action::Deliver(delivery))));
		}
		match self.next(&packet.to) {
			Some((node, peer)) => {
				let packet = packet.forwarded()?;
				if !self.traffic.lets_go_to(node, packet.to, now.at) {
					return Err(Refusal::Busy);
				}
				let forward = Forward { node, peer, packet };
				Ok((Step::Forwarded(node), Some(Action::Forward(forward))))
			},
			None => {
				self.mailbox.store(packet).map_err(|Full| Refusal::MailboxFull)?;
				Ok((Step::Stored, None))
			},
		}
	}

	/// The node that a packet for `to` goes to; none where it has arrived.
	fn next(&self, to: &ContactKey) -> Option<(NodeIdentifier, PeerId)> {
		match self.directory.next_hop(to) {
			Hop::Here => None,
			Hop::Forward(node) => Some((node, self.directory.peer(&node)?)),
		}
	}

	/// A node could not be reached: it is passed over for a while, and the packet takes another way.
	pub fn unreachable(
		&mut self,
		forward: Forward,
		now: Now,
	) -> Result<(Step, Option<Action>), Refusal> {
		let Forward { node, mut packet, .. } = forward;
		self.directory.note_absent(node, now.at);
		// The hop was not taken.
		packet.hops = packet.hops.saturating_sub(1);
		packet.check(now.unix)?;
		self.route(packet, now)
	}

	/// A client has proven that it holds a key: what waits for it, and what of the key's former
	/// attachment has to end. None where as many are attached as may be.
	pub fn attach(
		&mut self,
		key: ContactKey,
		over: Connection,
		now: Now,
	) -> Option<(AttachmentId, Vec<Packet>, Option<Action>)> {
		if !self.has_room(&key, over) {
			return None;
		}
		let id = self.next_attachment;
		self.next_attachment += 1;
		let at_home = self.next(&key).is_none();
		let former = self.attached.insert(key, Attachment { id, over, at_home });
		let ended = former.map(|former| Action::End(former.id, Ended::Replaced));
		let mut waiting = self.mailbox.take(key);
		waiting.retain(|packet| packet.check(now.unix).is_ok());
		Some((id, waiting, ended))
	}

	/// Whether a key may be attached over a connection.
	fn has_room(&self, key: &ContactKey, over: Connection) -> bool {
		let others = self.attached.iter().filter(|(attached, _)| *attached != key);
		let (mut all, mut theirs) = (0, 0);
		for (_, attachment) in others {
			all += 1;
			theirs += usize::from(attachment.over == over);
		}
		all < self.limits.attached && theirs < self.limits.per_connection
	}

	/// An attachment has ended, with these packets not delivered: they wait for the next one, or go
	/// to where it may be.
	pub fn detach(
		&mut self,
		key: ContactKey,
		id: AttachmentId,
		undelivered: Vec<Packet>,
		now: Now,
	) -> Vec<Action> {
		if self.attached.get(&key).is_some_and(|attachment| attachment.id == id) {
			self.attached.remove(&key);
		}
		let routed = undelivered.into_iter().filter_map(|packet| {
			packet.check(now.unix).ok()?;
			// Where there is no room for it, the recipient has lost it by not fetching it.
			self.route(packet, now).ok()?.1
		});
		routed.collect()
	}

	/// The list of nodes as it is now.
	pub fn listed(&mut self, listed: Listed, now: Now) -> Vec<Action> {
		if !self.directory.replace(listed) {
			return Vec::new();
		}
		self.astray = Some(Astray::BEGIN);
		let mut actions = self.end_moved();
		actions.extend(self.hand_on(now));
		actions
	}

	/// Time has passed: how many packets were too old, and what is to be done.
	pub fn tick(&mut self, now: Now) -> (usize, Vec<Action>) {
		let expired = self.mailbox.expire(now);
		if self.directory.forgive(now.at) {
			self.astray = Some(Astray::BEGIN);
		}
		(expired, self.hand_on(now))
	}

	/// Ends the attachments whose keys belong to other nodes now. Those that were attached here
	/// although they did not belong here stay.
	fn end_moved(&mut self) -> Vec<Action> {
		let moved = self.attached.iter().filter(|(_, attachment)| attachment.at_home);
		let moved: Vec<_> = moved
			.filter_map(|(key, attachment)| Some((*key, attachment.id, self.next(key)?.0)))
			.collect();
		let end = |(key, id, node)| {
			self.attached.remove(&key);
			Action::End(id, Ended::Moved(node))
		};
		moved.into_iter().map(end).collect()
	}

	/// Hands on what waits here for keys that belong to other nodes now. Of many it looks at a part,
	/// and at the next part the next time, so that it never takes long.
	fn hand_on(&mut self, now: Now) -> Vec<Action> {
		let mut actions = Vec::new();
		let Some(Astray { from, mut left }) = self.astray.take() else { return actions };
		let mut keys = self.mailbox.keys(from, LOOKED_AT + 1);
		let rest = if keys.len() > LOOKED_AT { keys.pop() } else { None };
		for key in keys {
			let Some((node, peer)) = self.next(&key) else { continue };
			while let Some(packet) = self.mailbox.oldest(key) {
				if !self.traffic.lets_go_to(node, key, now.at) {
					left = true;
					break;
				}
				// The list may change back, and the packet with it.
				self.seen.forget(&packet.id());
				// Where it has taken all its hops, its way ends here.
				if let Ok(packet) = packet.forwarded() {
					actions.push(Action::Forward(Forward { node, peer, packet }));
				}
				self.mailbox.drop_oldest(key);
			}
		}
		self.astray = match rest {
			Some(from) => Some(Astray { from, left }),
			None => left.then_some(Astray::BEGIN),
		};
		actions
	}

	/// The node that a key belongs to; none where no node is listed.
	pub fn home_of(&self, key: &ContactKey) -> Option<NodeIdentifier> {
		self.directory.home_of(key)
	}

	/// This node.
	pub fn own(&self) -> NodeIdentifier {
		self.directory.own()
	}

	/// What is going on.
	pub fn figures(&self) -> Figures {
		Figures {
			listed: self.directory.is_listed(),
			nodes: self.directory.listed(),
			known: self.directory.known(),
			absent: self.directory.absent(),
			attached: self.attached.len(),
			waiting: self.mailbox.len(),
			waiting_bytes: self.mailbox.bytes(),
		}
	}
}

#[cfg(test)]
pub(crate) mod tests;
