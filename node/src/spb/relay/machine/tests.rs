mod rates;

use super::{super::directory::Extent, *};
use crate::spb::network::limits::Rate;
use proptest::prelude::*;
use spb_primitives::relay::{packet::MAX_AGE, sealed_length, PacketError, MAX_HOPS, PADDED};
use std::{
	collections::{BTreeMap, BTreeSet, VecDeque},
	sync::LazyLock,
	time::{Duration, Instant},
};

/// When the tests take place, in milliseconds since 1970.
pub const NOW: u64 = 1_800_000_000_000;

/// The connection of a client, over which it attaches and writes.
pub const OVER: Connection = Connection(1);
/// What comes over it.
pub const CLIENT: Source = Source::Client(OVER);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// So many milliseconds after the beginning.
pub fn now(later: u64) -> Now {
	Now { at: *START + Duration::from_millis(later), unix: NOW + later }
}

/// A key that begins with this byte.
pub fn key(first: u8) -> ContactKey {
	let mut bytes = [0xaa; 32];
	bytes[0] = first;
	ContactKey(bytes)
}

/// A node that begins with this byte.
pub fn node(first: u8) -> NodeIdentifier {
	let mut bytes = [0; 32];
	bytes[0] = first;
	NodeIdentifier(bytes.into())
}

/// A packet between keys that begin with these bytes.
pub fn packet(from: u8, to: u8, nonce: u8) -> Packet {
	Packet {
		to: key(to),
		from: key(from),
		nonce: [nonce; 16],
		hops: 0,
		sent_at: NOW,
		sealed: vec![nonce; sealed_length(PADDED[0])].try_into().unwrap(),
	}
}

const LIMITS: Limits = Limits { attached: 3, ..Limits::NODE };

fn list(nodes: &[u8]) -> Listed {
	nodes.iter().map(|first| (node(*first), PeerId::random())).collect()
}

/// The machine of the node that begins with `own`, with these listed.
fn machine(own: u8, nodes: &[u8]) -> Machine {
	let mut machine = Machine::new(Directory::new(node(own), Extent::Full), LIMITS);
	machine.listed(list(nodes), now(0));
	machine
}

fn delivery(routed: Result<(Step, Option<Action>), Refusal>) -> Delivery {
	match routed {
		Ok((Step::Delivered, Some(Action::Deliver(delivery)))) => delivery,
		other => panic!("not delivered: {other:?}"),
	}
}

fn forward(routed: Result<(Step, Option<Action>), Refusal>) -> Forward {
	match routed {
		Ok((Step::Forwarded(node), Some(Action::Forward(forward)))) => {
			assert_eq!(node, forward.node);
			forward
		},
		other => panic!("not forwarded: {other:?}"),
	}
}

#[test]
fn packet_should_go_over_two_nodes_by_its_leading_bits() {
	// Figure 1: the sender at the node of its key, the recipient at that of its own.
	let nodes = [0x00, 0x40, 0x80, 0xc0];
	let (mut first, mut last) = (machine(0x00, &nodes), machine(0xc0, &nodes));
	first.attach(key(0x05), OVER, now(0)).unwrap();
	let (attachment, waiting, _) = last.attach(key(0xd7), OVER, now(0)).unwrap();
	assert!(waiting.is_empty());
	let sent = packet(0x05, 0xd7, 1);
	let Forward { node: to, packet, .. } = forward(first.packet(CLIENT, sent.clone(), now(1)));
	assert_eq!((to, packet.hops), (node(0xc0), 1));
	let source = Source::Peer(PeerId::random());
	let arrived = delivery(last.packet(source, packet, now(2)));
	assert_eq!(arrived.attachment, attachment);
	assert_eq!(arrived.packet, Packet { hops: 1, ..sent });
}

#[test]
fn packet_should_wait_for_its_recipient_until_it_is_too_old() {
	let mut machine = machine(0x00, &[0x00, 0x80]);
	for nonce in 0..2 {
		let stored = machine.packet(CLIENT, packet(0x70, 0x05, nonce), now(0));
		assert_eq!(stored, Ok((Step::Stored, None)));
	}
	let (_, waiting, _) = machine.attach(key(0x05), OVER, now(MAX_AGE)).unwrap();
	assert_eq!(waiting, [packet(0x70, 0x05, 0), packet(0x70, 0x05, 1)]);
	let later = Packet { sent_at: NOW + 1, ..packet(0x70, 0x06, 0) };
	machine.packet(CLIENT, later, now(1)).unwrap();
	assert_eq!(machine.tick(now(MAX_AGE + 1)), (0, vec![]));
	assert_eq!(machine.tick(now(MAX_AGE + 2)), (1, vec![]));
	assert!(machine.attach(key(0x06), OVER, now(MAX_AGE + 2)).unwrap().1.is_empty());
}

#[test]
fn packet_that_was_here_should_be_taken_and_go_nowhere() {
	let mut machine = machine(0x00, &[0x00, 0x80]);
	machine.attach(key(0x05), OVER, now(0)).unwrap();
	delivery(machine.packet(CLIENT, packet(0x70, 0x05, 0), now(0)));
	for source in [CLIENT, Source::Peer(PeerId::random())] {
		let again = Packet { hops: 5, ..packet(0x70, 0x05, 0) };
		assert_eq!(machine.packet(source, again, now(1)), Ok((Step::Duplicate, None)));
	}
	delivery(machine.packet(CLIENT, packet(0x70, 0x05, 1), now(1)));
}

#[test]
fn packet_that_was_refused_should_not_be_a_duplicate() {
	let mut machine = machine(0x00, &[0x00]);
	let share = LIMITS.mailbox.per_sender as u8;
	for nonce in 0..share {
		machine.packet(CLIENT, packet(0x70, 0x05, nonce), now(0)).unwrap();
	}
	let one_more = packet(0x70, 0x05, share);
	let refused = machine.packet(CLIENT, one_more.clone(), now(0));
	assert_eq!(refused, Err(Refusal::MailboxFull));
	machine.attach(key(0x05), OVER, now(1)).unwrap();
	delivery(machine.packet(CLIENT, one_more, now(2)));
}

#[test]
fn packet_that_is_none_should_be_refused() {
	let mut machine = machine(0x00, &[0x00, 0x80]);
	let good = packet(0x05, 0x85, 0);
	let short = Packet { sealed: vec![0; 17].try_into().unwrap(), ..good.clone() };
	let tired = Packet { hops: MAX_HOPS, ..good.clone() };
	let old = Packet { sent_at: NOW - MAX_AGE - 1, ..good.clone() };
	let early = Packet { sent_at: u64::MAX, ..good };
	let cases = [
		(short, PacketError::Size),
		(tired.clone(), PacketError::Hops),
		(old, PacketError::TooOld),
		(early, PacketError::FromFuture),
	];
	for (packet, error) in cases {
		let refused = machine.packet(CLIENT, packet, now(0));
		assert_eq!(refused, Err(Refusal::Packet(error)));
	}
	machine.attach(tired.to, OVER, now(0)).unwrap();
	delivery(machine.packet(CLIENT, tired, now(0)));
}

#[test]
fn one_connection_should_not_take_up_all_places() {
	let limits = Limits { attached: 3, per_connection: 2, ..Limits::NODE };
	let mut machine = Machine::new(Directory::new(node(0x00), Extent::Full), limits);
	let mut attach = |first, over| machine.attach(key(first), Connection(over), now(0)).is_some();
	assert!(attach(1, 1) && attach(2, 1) && !attach(3, 1));
	assert!(attach(2, 1), "one that is attached may be attached anew");
	assert!(attach(3, 2) && !attach(4, 2));
	assert!(attach(2, 2), "it moves from one connection to the other");
	assert!(!attach(4, 1), "all places are taken");
}

#[test]
fn what_waits_should_be_handed_on_in_parts() {
	let mut machine = machine(0x00, &[0x00]);
	let count = LOOKED_AT + 2;
	for number in 0..count {
		let mut to = key(0x85);
		to.0[1..9].copy_from_slice(&number.to_be_bytes());
		let packet = Packet { to, ..packet(0x70, 0x85, 0) };
		let source = Source::Peer(PeerId::random());
		assert_eq!(machine.packet(source, packet, now(0)), Ok((Step::Stored, None)));
	}
	// More than one node takes at a time, so that everything has to be looked at more than once.
	let mut handed = machine.listed(list(&[0x00, 0x80]), now(0)).len();
	assert_eq!(handed, LIMITS.rates.per_node.burst as usize);
	for second in 1..200 {
		handed += machine.tick(now(second * 1_000)).1.len();
	}
	assert_eq!((handed, machine.figures().waiting), (count, 0));
	assert!(machine.astray.is_none());
}

#[test]
fn packet_should_take_another_way_where_a_node_is_unreachable() {
	let mut machine = machine(0x00, &[0x00, 0x40, 0x60]);
	let sent = packet(0x05, 0x61, 0);
	let first = forward(machine.packet(CLIENT, sent.clone(), now(0)));
	assert_eq!(first.node, node(0x60));
	let second = forward(machine.unreachable(first, now(1)));
	assert_eq!((second.node, second.packet.hops), (node(0x40), 1));
	assert_eq!(machine.unreachable(second, now(2)), Ok((Step::Stored, None)));
	assert_eq!(machine.figures().absent, 2);
	// As soon as one is tried again, what waits goes there.
	let (expired, actions) = machine.tick(now(30_001));
	assert_eq!(expired, 0);
	let [Action::Forward(again)] = &actions[..] else { panic!("not handed on: {actions:?}") };
	assert_eq!((again.node, &again.packet), (node(0x60), &Packet { hops: 1, ..sent }));
	assert_eq!(machine.figures().waiting, 0);
}

#[test]
fn what_waits_should_follow_its_key_to_another_node() {
	let mut machine = machine(0x00, &[0x00]);
	for (to, nonce) in [(0x05, 0), (0x85, 1), (0x86, 2)] {
		machine.packet(CLIENT, packet(0x70, to, nonce), now(0)).unwrap();
	}
	let (both, alone) = (list(&[0x00, 0x80]), list(&[0x00]));
	let forwarded: Vec<_> = machine
		.listed(both, now(1))
		.into_iter()
		.map(|action| match action {
			Action::Forward(forward) => (forward.node, forward.packet),
			other => panic!("not handed on: {other:?}"),
		})
		.collect();
	let expected = [(0x85, 1), (0x86, 2)]
		.map(|(to, nonce)| (node(0x80), Packet { hops: 1, ..packet(0x70, to, nonce) }));
	assert_eq!(forwarded, expected);
	// And back again, for it is no duplicate then.
	assert!(machine.listed(alone, now(2)).is_empty());
	let (_, back) = forwarded.into_iter().next().unwrap();
	let source = Source::Peer(PeerId::random());
	assert_eq!(machine.packet(source, back, now(3)), Ok((Step::Stored, None)));
}

#[test]
fn what_waits_should_be_handed_on_no_faster_than_the_next_node_takes_it() {
	let rates = Rates { per_node: Rate::of_requests(2, 1), ..LIMITS.rates };
	let limits = Limits { rates, ..LIMITS };
	let mut machine = Machine::new(Directory::new(node(0x00), Extent::Full), limits);
	for nonce in 0..5 {
		machine.packet(CLIENT, packet(0x70, 0x85, nonce), now(0)).unwrap();
	}
	let mut handed = machine.listed(list(&[0x00, 0x80]), now(0)).len();
	assert_eq!((handed, machine.figures().waiting), (2, 3));
	for second in 1..=3 {
		handed += machine.tick(now(second * 1_000)).1.len();
	}
	assert_eq!((handed, machine.figures().waiting), (5, 0));
}

#[test]
fn attachment_should_end_when_its_key_belongs_to_another_node() {
	let mut machine = machine(0x00, &[0x00, 0xc0]);
	let (moved, ..) = machine.attach(key(0x45), OVER, now(0)).unwrap();
	let (stays, ..) = machine.attach(key(0x05), OVER, now(0)).unwrap();
	// It did not belong here when it was attached: whoever did that knows.
	let (stranger, ..) = machine.attach(key(0xc5), OVER, now(0)).unwrap();
	let actions = machine.listed(list(&[0x00, 0x40, 0xc0]), now(1));
	assert_eq!(actions, [Action::End(moved, Ended::Moved(node(0x40)))]);
	forward(machine.packet(CLIENT, packet(0x70, 0x45, 0), now(1)));
	for (to, attachment) in [(0x05, stays), (0xc5, stranger)] {
		let delivered = delivery(machine.packet(CLIENT, packet(0x70, to, 0), now(1)));
		assert_eq!(delivered.attachment, attachment);
	}
}

#[test]
fn new_attachment_should_take_the_place_of_the_old_one() {
	let mut machine = machine(0x00, &[0x00]);
	let (old, ..) = machine.attach(key(0x05), OVER, now(0)).unwrap();
	let lost = delivery(machine.packet(CLIENT, packet(0x70, 0x05, 0), now(0))).packet;
	let (new, waiting, ended) = machine.attach(key(0x05), OVER, now(1)).unwrap();
	assert_eq!(ended, Some(Action::End(old, Ended::Replaced)));
	assert!(waiting.is_empty());
	// What the old one did not fetch goes to the new one, which stays.
	let actions = machine.detach(key(0x05), old, vec![lost.clone()], now(2));
	let again = Delivery { attachment: new, packet: lost.clone() };
	assert_eq!(actions, [Action::Deliver(again)]);
	assert!(machine.detach(key(0x05), new, vec![lost.clone()], now(3)).is_empty());
	assert_eq!((machine.figures().attached, machine.figures().waiting), (0, 1));
	assert_eq!(machine.attach(key(0x05), OVER, now(4)).unwrap().1, [lost]);
}

#[test]
fn number_of_attached_keys_should_be_bounded() {
	let mut machine = machine(0x00, &[0x00]);
	for first in 0..3 {
		assert!(machine.attach(key(first), OVER, now(0)).is_some());
	}
	assert!(machine.attach(key(3), OVER, now(0)).is_none());
	let (id, ..) = machine.attach(key(2), OVER, now(0)).expect("it is attached already");
	machine.detach(key(2), id, Vec::new(), now(0));
	assert!(machine.attach(key(3), OVER, now(0)).is_some());
}

/// A network of machines that hand packets to each other, some of which cannot be reached.
struct Network {
	machines: BTreeMap<NodeIdentifier, Machine>,
	unreachable: BTreeSet<NodeIdentifier>,
	/// Where each packet came to rest, and after how many hops.
	rests: Vec<(NodeIdentifier, u8)>,
}

impl Network {
	fn new(nodes: &BTreeSet<NodeIdentifier>, extent: Extent) -> Self {
		let listed: Listed = nodes.iter().map(|node| (*node, PeerId::random())).collect();
		let machine = |own: &NodeIdentifier| {
			let mut machine = Machine::new(Directory::new(*own, extent), LIMITS);
			machine.listed(listed.clone(), now(0));
			(*own, machine)
		};
		let machines = nodes.iter().map(machine).collect();
		Self { machines, unreachable: BTreeSet::new(), rests: Vec::new() }
	}

	/// Hands in a packet at a node and plays until nothing moves.
	fn send(&mut self, at: NodeIdentifier, packet: Packet) {
		let mut moving = VecDeque::from([(at, CLIENT, packet)]);
		while let Some((at, source, packet)) = moving.pop_front() {
			let hops = packet.hops;
			let machine = self.machines.get_mut(&at).expect("it is listed");
			let mut routed = machine.packet(source, packet, now(1));
			loop {
				match routed.expect("it is taken") {
					(Step::Forwarded(node), Some(Action::Forward(forward))) => {
						if self.unreachable.contains(&node) {
							routed = machine.unreachable(forward, now(1));
							continue;
						}
						moving.push_back((node, Source::Peer(forward.peer), forward.packet));
					},
					(Step::Stored | Step::Delivered, _) => self.rests.push((at, hops)),
					(step, action) => panic!("{step:?}, {action:?}"),
				}
				break;
			}
		}
	}
}

fn nodes() -> impl Strategy<Value = BTreeSet<NodeIdentifier>> {
	let node = any::<[u8; 32]>().prop_map(|bytes| NodeIdentifier(bytes.into()));
	prop::collection::btree_set(node, 1..40)
}

fn extent() -> impl Strategy<Value = Extent> {
	prop_oneof![Just(Extent::Full), (1..4_usize).prop_map(Extent::Partial)]
}

proptest! {
	#[test]
	fn packet_should_come_to_rest_at_the_nearest_node(
		nodes in nodes(), extent in extent(), to: [u8; 32], at: prop::sample::Index,
	) {
		let (to, at) = (ContactKey(to), *at.get(&Vec::from_iter(nodes.iter().copied())));
		let mut network = Network::new(&nodes, extent);
		network.send(at, Packet { to, ..packet(0, 0, 0) });
		let nearest = spb_primitives::relay::nearest(&to, nodes.iter().copied()).unwrap();
		let [(rest, hops)] = network.rests[..] else { panic!("{:?}", network.rests) };
		prop_assert_eq!(rest, nearest);
		match extent {
			Extent::Full => prop_assert!(hops <= 1),
			Extent::Partial(_) => prop_assert!(usize::from(hops) < nodes.len()),
		}
	}

	#[test]
	fn packet_should_come_to_rest_once_whoever_is_unreachable(
		nodes in nodes(),
		extent in extent(),
		to: [u8; 32],
		at: prop::sample::Index,
		unreachable in prop::collection::vec(any::<bool>(), 40),
	) {
		let at = *at.get(&Vec::from_iter(nodes.iter().copied()));
		let mut network = Network::new(&nodes, extent);
		let unreachable = nodes.iter().zip(unreachable).filter(|(node, out)| *out && **node != at);
		network.unreachable = unreachable.map(|(node, _)| *node).collect();
		network.send(at, Packet { to: ContactKey(to), ..packet(0, 0, 0) });
		prop_assert_eq!(network.rests.len(), 1);
		let (rest, hops) = network.rests[0];
		prop_assert!(!network.unreachable.contains(&rest));
		prop_assert!(usize::from(hops) < nodes.len());
	}
}
