//! A backbone that only pretends to be one: nodes that share one memory, and lie as they are told.

use super::hex_param;
use crate::{connection::Line, relay::Contacts};
use codec::{DecodeAll, Encode};
use futures::channel::mpsc::{unbounded, UnboundedSender};
use pallet_spb::types::BackboneNode;
use serde_json::{json, Value};
use sp_core::H256;
use spb_primitives::{
	relay::{nearest, sealing::challenge, ContactKey, NodeIdentifier, Packet},
	AccountId, Genesis, Money,
};
use std::{
	collections::{BTreeMap, BTreeSet},
	sync::{Arc, Mutex, MutexGuard},
};
use subxt::rpcs::{
	client::{RawRpcFuture, RawRpcSubscription, RawValue},
	Error as RpcError, RpcClient, RpcClientT, UserError,
};

/// What is done to a packet on its way.
pub(crate) type Lie = Box<dyn FnMut(Packet) -> Vec<Packet> + Send>;

/// What all nodes remember.
#[derive(Default)]
pub(crate) struct Memory {
	/// The keys that are attached, with the node that each is attached to.
	pub(crate) attached: BTreeMap<ContactKey, (NodeIdentifier, UnboundedSender<Packet>)>,
	/// What the holders of keys are to answer.
	challenges: BTreeMap<ContactKey, H256>,
	/// What waits.
	mailboxes: BTreeMap<ContactKey, Vec<Packet>>,
	/// What was handed in, and where.
	pub(crate) sent: Vec<(NodeIdentifier, Packet)>,
	/// Nodes that cannot be reached.
	pub(crate) away: BTreeSet<NodeIdentifier>,
	/// Nodes that take what they are asked and never answer.
	pub(crate) silent: BTreeSet<NodeIdentifier>,
	/// Nodes that never answer whoever hands them a packet, and everyone else as they should.
	pub(crate) stuck: BTreeSet<NodeIdentifier>,
	/// What got no answer.
	pub(crate) unanswered: Vec<(NodeIdentifier, String)>,
	/// Nodes that pretend to be another one.
	pub(crate) masks: BTreeMap<NodeIdentifier, NodeIdentifier>,
	/// What is done to packets.
	pub(crate) lie: Option<Lie>,
}

/// The backbone.
#[derive(Clone, Default)]
pub(crate) struct FakeBackbone(Arc<Mutex<Memory>>);

impl FakeBackbone {
	pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
		self.0.lock().expect("no test panics while it holds the memory")
	}

	/// The node with this number.
	pub(crate) fn node(&self, number: u8) -> FakeRelay {
		FakeRelay { backbone: self.clone(), own: identifier(number) }
	}

	/// The line to the node at an address that was made by [`listed`].
	pub(crate) fn line(&self, url: &str) -> Line {
		let number = url.trim_start_matches("ws://node-").split(':').next();
		let number = number.and_then(|number| number.parse().ok()).expect("a listed address");
		Line::pretended(url, RpcClient::new(self.node(number)))
	}
}

/// A node's identifier: the numbers are spread over the space by their first bits.
pub(crate) fn identifier(number: u8) -> NodeIdentifier {
	NodeIdentifier(H256::repeat_byte(number.reverse_bits()))
}

/// The node with this number as the chain lists it.
pub(crate) fn listed(number: u8) -> BackboneNode {
	BackboneNode {
		owner: AccountId::new([number; 32]),
		identifier: identifier(number),
		peer: vec![number; 38].try_into().expect("as long as a peer id"),
		address: format!("ws://node-{number}:9944").into_bytes().try_into().expect("short enough"),
		deposit: Money::ZERO,
	}
}

/// Which of the nodes with these numbers a key belongs to.
pub(crate) fn home(key: &ContactKey, numbers: &[u8]) -> NodeIdentifier {
	nearest(key, numbers.iter().map(|number| identifier(*number))).expect("there are nodes")
}

/// A contact key that belongs to the first of the nodes with these numbers, kept with others.
pub(crate) fn contact_at(contacts: &Contacts, numbers: &[u8]) -> ContactKey {
	loop {
		let key = contacts.make().expect("the folder can be written").public();
		if home(&key, numbers) == identifier(numbers[0]) {
			return key;
		}
		contacts.forget(&key).expect("it is there");
	}
}

impl Memory {
	fn deliver(&mut self, packet: Packet) {
		if let Some((_, sender)) = self.attached.get(&packet.to) {
			if sender.unbounded_send(packet.clone()).is_ok() {
				return;
			}
			self.attached.remove(&packet.to);
		}
		self.mailboxes.entry(packet.to).or_default().push(packet);
	}

	/// Ends a key's attachment, as a node that goes down does.
	pub(crate) fn detach(&mut self, key: &ContactKey) {
		self.attached.remove(key);
	}
}

/// A node of the backbone.
#[derive(Clone)]
pub(crate) struct FakeRelay {
	backbone: FakeBackbone,
	own: NodeIdentifier,
}

impl FakeRelay {
	/// Whether the node never answers this.
	fn is_silent(&self, method: &str) -> bool {
		let mut memory = self.backbone.memory();
		let stuck = method == "spb_relaySend" && memory.stuck.contains(&self.own);
		let silent = stuck || memory.silent.contains(&self.own);
		if silent {
			memory.unanswered.push((self.own, method.to_owned()));
		}
		silent
	}

	pub(crate) fn answer(&self, method: &str, params: &Value) -> Result<Value, RpcError> {
		let mut memory = self.backbone.memory();
		if memory.away.contains(&self.own) {
			return Err(RpcError::Client("nobody listens there".into()));
		}
		Ok(match method {
			"spb_relayChallenge" => {
				let contact = contact(&params[0]);
				let node = memory.masks.get(&self.own).copied().unwrap_or(self.own);
				let asked = challenge(&contact, &node, &Genesis::zero()).expect("a good key");
				memory.challenges.insert(contact, asked.answer);
				json!({ "node": node, "challenge": crate::files::to_hex(&asked.sealed) })
			},
			"spb_relaySend" => {
				let packet = Packet::decode_all(&mut &hex_param(&params[0])[..]).expect("a packet");
				let id = packet.id();
				memory.sent.push((self.own, packet.clone()));
				let packets = match memory.lie.take() {
					Some(mut lie) => {
						let packets = lie(packet);
						memory.lie = Some(lie);
						packets
					},
					None => vec![packet],
				};
				for packet in packets {
					memory.deliver(packet);
				}
				json!({ "id": id, "status": "arrived", "next": null })
			},
			other => panic!("the node is asked for {other}"),
		})
	}

	pub(crate) fn attach(&self, params: &Value) -> Result<RawRpcSubscription, RpcError> {
		let mut memory = self.backbone.memory();
		let contact = contact(&params[0]);
		let answer: H256 = serde_json::from_value(params[1].clone()).expect("an answer");
		if memory.challenges.remove(&contact) != Some(answer) {
			let message = "the client has not proven that it holds the key".into();
			return Err(RpcError::User(UserError { code: 9_015, message, data: None }));
		}
		let (sender, receiver) = unbounded::<Packet>();
		memory.attached.insert(contact, (self.own, sender));
		for packet in memory.mailboxes.remove(&contact).unwrap_or_default() {
			memory.deliver(packet);
		}
		let write = |packet: Packet| {
			let text = crate::files::to_hex(&packet.encode());
			Ok(serde_json::value::to_raw_value(&text).expect("a string"))
		};
		let stream = futures::StreamExt::map(receiver, write);
		Ok(RawRpcSubscription { stream: Box::pin(stream), id: None })
	}
}

fn contact(value: &Value) -> ContactKey {
	serde_json::from_value(value.clone()).expect("a contact key")
}

impl RpcClientT for FakeRelay {
	fn request_raw<'a>(
		&'a self,
		method: &'a str,
		params: Option<Box<RawValue>>,
	) -> RawRpcFuture<'a, Box<RawValue>> {
		if self.is_silent(method) {
			return Box::pin(std::future::pending());
		}
		let params = super::parsed(params);
		let answer = self.answer(method, &params);
		Box::pin(async move { answer.map(|answer| super::raw(&answer)) })
	}

	fn subscribe_raw<'a>(
		&'a self,
		sub: &'a str,
		params: Option<Box<RawValue>>,
		_unsub: &'a str,
	) -> RawRpcFuture<'a, RawRpcSubscription> {
		assert_eq!(sub, "spb_relayAttach");
		if self.is_silent(sub) {
			return Box::pin(std::future::pending());
		}
		let subscription = self.attach(&super::parsed(params));
		Box::pin(async move { subscription })
	}
}
