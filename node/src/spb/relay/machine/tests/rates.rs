//! Who gets how much of what all share.

use super::*;
use std::ops::RangeInclusive;

const RATES: Rates = LIMITS.rates;
/// Seconds that a flood lasts: long enough that what was saved up at its beginning is gone.
const SECONDS: u64 = 20;

/// The machine of the node that begins with `own`, which serves as many keys as a node does.
fn roomy(own: u8, nodes: &[u8]) -> Machine {
	let mut machine = Machine::new(Directory::new(node(own), Extent::Full), Limits::NODE);
	machine.listed(list(nodes), now(0));
	machine
}

/// Hands in packets that differ from each other.
struct Sender {
	machine: Machine,
	sent: u64,
}

impl Sender {
	fn new(machine: Machine) -> Self {
		Self { machine, sent: 0 }
	}

	/// Attaches a key over a connection.
	fn attach(&mut self, key: ContactKey, over: usize) {
		self.machine.attach(key, Connection(over), now(0)).unwrap();
	}

	/// What becomes of a packet that comes over this connection in this second.
	fn send(
		&mut self,
		over: usize,
		from: ContactKey,
		to: ContactKey,
		second: u64,
	) -> Result<(Step, Option<Action>), Refusal> {
		self.sent += 1;
		let mut packet = Packet { from, to, ..packet(0, 0, 0) };
		packet.nonce[..8].copy_from_slice(&self.sent.to_be_bytes());
		self.machine.packet(Source::Client(Connection(over)), packet, now(second * 1_000))
	}
}

/// One of many keys that begin with this byte.
fn one_of(first: u8, number: usize) -> ContactKey {
	let mut key = key(first);
	key.0[1..9].copy_from_slice(&number.to_be_bytes());
	key
}

#[test]
fn those_who_prove_nothing_should_share_one_rate() {
	let mut machine = machine(0x00, &[0x00]);
	for (first, over) in [(0x05, 1), (0x06, 2)] {
		machine.attach(key(first), Connection(over), now(0)).unwrap();
	}
	let mut taken = |over: &dyn Fn(u8) -> usize, from: &dyn Fn(u8) -> u8| {
		(0..=u8::MAX)
			.filter(|nonce| {
				let source = Source::Client(Connection(over(*nonce)));
				let packet = packet(from(*nonce), 0x05, *nonce);
				machine.packet(source, packet, now(0)) != Err(Refusal::TooFast)
			})
			.count()
	};
	// Neither keys nor connections of their own help.
	let one_of_many = |nonce: u8| 100 + usize::from(nonce) / 16;
	assert_eq!(taken(&one_of_many, &|nonce| nonce.max(0x10)), RATES.strangers.burst as usize);
	assert_eq!(taken(&|_| 2, &|_| 0x06), RATES.per_key.burst as usize);
	assert_eq!(taken(&|_| 3, &|_| 0x70), 0);
	// Only the one who has proven a key has what is left of its rate.
	assert_eq!(taken(&|_| 1, &|_| 0x05), RATES.per_key.burst as usize);
}

#[test]
fn rate_of_a_key_should_be_its_holders_alone() {
	let mut machine = machine(0x00, &[0x00]);
	machine.attach(key(0x05), OVER, now(0)).unwrap();
	let mut taken = |over, nonces: RangeInclusive<u8>| {
		nonces
			.filter(|nonce| {
				let packet = packet(0x05, 0x06, *nonce);
				machine.packet(Source::Client(over), packet, now(0)) != Err(Refusal::TooFast)
			})
			.count()
	};
	// Whoever writes its key over another connection is a stranger, and costs it nothing.
	assert_eq!(taken(Connection(2), 0..=199), RATES.unproven.burst as usize);
	assert_eq!(taken(OVER, 200..=255), 56);
}

#[test]
fn one_stranger_should_leave_room_for_what_others_repeat() {
	let mut sender = Sender::new(roomy(0x00, &[0x00]));
	for second in 0..SECONDS {
		for number in 0..200 {
			let _ = sender.send(1, one_of(0x70, number), one_of(0x05, number), second);
		}
		// Each of those over connections of their own, from keys that are attached elsewhere.
		for (over, place) in (10..13).zip(0..) {
			let repeated = sender.send(over, one_of(0x90, place), one_of(0x06, place), second);
			assert_ne!(repeated, Err(Refusal::TooFast), "second {second}");
		}
	}
}

#[test]
fn one_connection_should_not_take_up_the_way_to_a_node() {
	let mut sender = Sender::new(roomy(0x00, &[0x00, 0x80]));
	let (flooding, honest) = (1, 2);
	for number in 0..Limits::NODE.per_connection {
		sender.attach(one_of(0x05, number), flooding);
	}
	sender.attach(key(0x06), honest);
	let mut flood = 0;
	for second in 0..SECONDS {
		// As much from each key as it may send, each time to somebody else.
		for number in 0..Limits::NODE.per_connection {
			for to in 0..RATES.per_key.per_second as usize {
				let to = one_of(0x85, number * 8 + to);
				flood += u64::from(sender.send(flooding, one_of(0x05, number), to, second).is_ok());
			}
		}
		for _ in 0..RATES.per_key.per_second {
			forward(sender.send(honest, key(0x06), key(0x90), second));
		}
	}
	let Rate { burst, per_second, .. } = RATES.per_connection;
	assert!(flood <= u64::from(burst) + u64::from(per_second) * SECONDS, "{flood}");
}

#[test]
fn one_connection_should_not_take_up_a_recipient_of_another_node() {
	let mut sender = Sender::new(roomy(0x00, &[0x00, 0x80]));
	let (flooding, honest) = (1, 2);
	let keys = 4;
	for number in 0..keys {
		sender.attach(one_of(0x05, number), flooding);
	}
	sender.attach(key(0x06), honest);
	let (mut last, peer) = (roomy(0x80, &[0x00, 0x80]), PeerId::random());
	last.attach(key(0x85), OVER, now(0)).unwrap();
	for second in 0..SECONDS {
		for number in (0..keys).cycle().take(keys * RATES.per_key.burst as usize) {
			if let Ok((_, Some(Action::Forward(flood)))) =
				sender.send(flooding, one_of(0x05, number), key(0x85), second)
			{
				// Whatever the recipient's node says to it.
				let _ = last.packet(Source::Peer(peer), flood.packet, now(second * 1_000));
			}
		}
		for _ in 0..4 {
			let sent = forward(sender.send(honest, key(0x06), key(0x85), second));
			delivery(last.packet(Source::Peer(peer), sent.packet, now(second * 1_000)));
		}
	}
}

#[test]
fn what_is_forwarded_should_be_taken_by_the_next_node() {
	let mut sender = Sender::new(roomy(0x00, &[0x00, 0x80]));
	// As many as it takes to send to one recipient as much as goes to its node in all.
	let senders = (RATES.per_node.burst / RATES.per_key.burst) as usize * 2;
	for number in 0..senders {
		sender.attach(one_of(0x05, number), number);
	}
	let (mut last, peer) = (roomy(0x80, &[0x00, 0x80]), PeerId::random());
	last.attach(key(0x85), OVER, now(0)).unwrap();
	let (mut forwarded, mut refused) = (0, 0);
	for second in 0..SECONDS {
		for over in (0..senders).cycle().take(senders * RATES.per_key.burst as usize) {
			match sender.send(over, one_of(0x05, over), key(0x85), second) {
				Ok((Step::Forwarded(_), Some(Action::Forward(forward)))) => {
					let source = Source::Peer(peer);
					delivery(last.packet(source, forward.packet, now(second * 1_000)));
					forwarded += 1;
				},
				Err(Refusal::Busy) => refused += 1,
				other => assert_eq!(other, Err(Refusal::TooFast)),
			}
		}
		// The flood is told so, and letters to others go on.
		forward(sender.send(senders, key(0x06), key(0x90), second));
	}
	let Rate { burst, per_second, .. } = RATES.onward;
	assert!(refused > 0);
	assert!((1..=u64::from(burst) + u64::from(per_second) * SECONDS).contains(&forwarded));
}

#[test]
fn one_peer_should_not_take_up_a_recipient() {
	let mut machine = machine(0x00, &[0x00]);
	machine.attach(key(0x05), OVER, now(0)).unwrap();
	let (flooding, other) = (PeerId::random(), PeerId::random());
	let mut taken = |peer, to, nonces: RangeInclusive<u8>| {
		nonces
			.filter(|nonce| {
				let packet = packet(*nonce, to, *nonce);
				machine.packet(Source::Peer(peer), packet, now(0)) != Err(Refusal::TooFast)
			})
			.count()
	};
	assert_eq!(taken(flooding, 0x05, 0..=255), RATES.per_recipient.burst as usize);
	assert_eq!(taken(flooding, 0x06, 0..=9), 10, "others are not concerned");
	assert_eq!(taken(other, 0x05, 0..=9), 10, "nor is what others bring");
}

#[test]
fn node_should_not_be_sent_more_than_it_takes() {
	let mut machine = machine(0x00, &[0x00, 0x80]);
	let mut sent = 0;
	for attempt in 0..1_000 {
		// Through as many peers and to as many recipients that no other limit is reached.
		let packet = Packet { to: one_of(0x85, attempt), ..packet(0x05, 0x85, 0) };
		match machine.packet(Source::Peer(PeerId::random()), packet, now(0)) {
			Ok((Step::Forwarded(_), _)) => sent += 1,
			other => assert_eq!(other, Err(Refusal::Busy)),
		}
	}
	assert_eq!(sent, RATES.per_node.burst);
}
