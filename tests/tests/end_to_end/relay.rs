//! Packets over four real backbone nodes: by the leading bits of the recipient's key, to whoever holds
//! it and to no one else, also when they come late.

use crate::FOLDER;
use serde_json::Value;
use spb_client::{
	connection::ConnectionError,
	keys::AccountKey,
	relay::{Letters, Post},
};
use spb_primitives::{
	relay::{
		sealing::seal_letter, Body, ContactKey, ContactSecret, Content, Hop, Letter,
		NodeIdentifier, Packet, RefuseReason, Table,
	},
	Genesis,
};
use spb_testbed::{
	node::Options,
	relay::{
		correspondent::{
			now, packet, send, Correspondent, CorrespondentError, Taken, TakenStatus, LIMIT,
		},
		measure::{measure, Traffic},
		report::csv,
		simulation::hops_are_bounded,
	},
};
use spb_tests::BackboneScene;
use subxt::rpcs::client::rpc_params;

/// One after the other, because each of four nodes makes blocks all the time.
#[tokio::test(flavor = "multi_thread")]
async fn four_nodes_should_carry_packets_to_those_who_hold_their_keys() {
	let mut scene = BackboneScene::set(FOLDER).await;
	by_leading_bits(&scene).await;
	for_holders_only(&scene).await;
	nothing_that_makes_no_sense(&scene).await;
	for_less_than_gossip(&scene).await;
	around_a_node_that_is_gone(&mut scene).await;
}

/// Figure 1 of the paper: a participant is attached to two backbone nodes for two keys, and a packet
/// for either goes to the node that shares its leading bits.
async fn by_leading_bits(scene: &BackboneScene) {
	let (first, second) = (scene.key_of(1), scene.key_of(2));
	let keys = [(first.public(), 1), (second.public(), 2)];
	// One client, whose own node is neither of the two.
	let post = Post::new(scene.connection(3).clone());
	let mut participant = Letters::new();
	for secret in [first, second] {
		participant.attach(&post, secret).await.unwrap();
	}
	assert_eq!(participant.keys().collect::<Vec<_>>(), [&keys[0].0, &keys[1].0]);
	let sender = scene.correspondent(0).await;
	let before = Traffic::of(&scene.backbone.nodes).await.unwrap();

	let mut packets = Vec::new();
	for (key, node) in keys {
		let letter = letter(key, sender.key(), &post.genesis());
		let packet = seal_letter(&letter, sender.key()).unwrap();
		let taken = send(scene.connection(0), &packet).await.unwrap();
		let next = scene.backbone.listed[node];
		let expected = Taken { id: packet.id(), status: TakenStatus::Forwarded, next: Some(next) };
		assert_eq!(taken, expected);
		let received = tokio::time::timeout(LIMIT, participant.next()).await;
		assert_eq!(received.expect("a letter comes"), letter);
		packets.push((node, packet));
	}
	for (node, packet) in &packets {
		hops_are_told(scene, 0, *node, packet).await;
	}
	let counted = Traffic::of(&scene.backbone.nodes).await.unwrap().since(&before);
	assert_eq!((counted.forwarded, counted.delivered), (2, 2));

	// Between two keys of one node it takes two hops, and no other node hears of it.
	let mut neighbour = scene.correspondent(0).await;
	sender.send(neighbour.key(), b"next door").await.unwrap();
	assert_eq!(neighbour.next().await.unwrap().hops, 0);
	// Whoever has the packet first hands it on all the same.
	let mut recipient = scene.correspondent(1).await;
	let from_elsewhere = packet(sender.key(), recipient.key(), b"by another way").unwrap();
	send(scene.connection(3), &from_elsewhere).await.unwrap();
	let packet = recipient.next().await.unwrap();
	assert_eq!((packet.id(), packet.hops), (from_elsewhere.id(), 1));
	assert_eq!((packet.from, packet.to), (sender.key(), recipient.key()));
	assert_eq!(recipient.read(&packet).unwrap(), b"by another way");
}

/// A letter as participants write them.
fn letter(to: ContactKey, reply_to: ContactKey, genesis: &Genesis) -> Letter {
	let author = AccountKey::development("//Eve").unwrap();
	let content = Content {
		author: author.account(),
		to,
		reply_to,
		negotiation: [1; 16],
		sequence: 0,
		sent_at: now(),
		body: Body::Refuse { reason: RefuseReason::Busy },
	};
	content.sign(genesis, |payload| author.sign(payload))
}

/// Every node on the way has a line about the packet in its log, with the hops between nodes that it
/// has taken, and no other node has. From the sender to its node, to the recipient's node, to the
/// recipient it is three hops, of which one is between nodes.
async fn hops_are_told(scene: &BackboneScene, from: usize, to: usize, packet: &Packet) {
	let id = format!("{:?}", packet.id());
	let next = format!("{:?}", scene.backbone.listed[to]);
	scene.until_line(from, &[&id, "after 0 hops: Forwarded", &next]).await;
	scene.until_line(to, &[&id, "after 1 hops: Delivered"]).await;
	for node in 0..scene.backbone.nodes.len() {
		let told = !scene.lines(node, &[&id]).is_empty();
		assert_eq!(told, node == from || node == to, "node {node}");
	}
}

/// Nobody attaches another's key, what comes late or twice is delivered once, and only the holder reads
/// it.
async fn for_holders_only(scene: &BackboneScene) {
	let sender = scene.correspondent(0).await;

	// Someone else's key cannot be attached: the challenge is sealed to it.
	let secret = scene.key_of(1);
	let asked: Value = scene
		.connection(1)
		.request("spb_relayChallenge", rpc_params![secret.public()])
		.await
		.unwrap();
	assert!(asked["challenge"].is_string(), "{asked}");
	let made_up = format!("0x{}", "11".repeat(32));
	let refused = scene
		.connection(1)
		.subscribe::<String>(
			"spb_relayAttach",
			rpc_params![secret.public(), made_up],
			"spb_relayDetach",
		)
		.await;
	assert!(matches!(refused.map(drop), Err(ConnectionError::Rpc { .. })));

	// What is written to someone who is away waits at the node of the key, and comes once.
	for text in ["one", "two", "three"] {
		sender.send(secret.public(), text.as_bytes()).await.unwrap();
	}
	let mut recipient = Correspondent::attach(scene.connection(1), secret.clone()).await.unwrap();
	let mut texts = Vec::new();
	for _ in 0..3 {
		let packet = recipient.next().await.unwrap();
		texts.push(String::from_utf8(recipient.read(&packet).unwrap()).unwrap());
	}
	texts.sort();
	assert_eq!(texts, ["one", "three", "two"]);

	// The same packet again is dropped, by whatever node it comes.
	let twice = packet(sender.key(), secret.public(), b"twice").unwrap();
	assert_eq!(send(scene.connection(0), &twice).await.unwrap().status, TakenStatus::Forwarded);
	assert_eq!(send(scene.connection(0), &twice).await.unwrap().status, TakenStatus::Duplicate);
	for node in [1, 2] {
		send(scene.connection(node), &twice).await.unwrap();
	}
	assert_eq!(recipient.next().await.unwrap().id(), twice.id());
	sender.send(secret.public(), b"after it").await.unwrap();
	let after = recipient.next().await.unwrap();
	assert_eq!(recipient.read(&after).unwrap(), b"after it");

	// No one but the holder can read it, and no byte of it can be changed.
	let stranger = scene.correspondent(3).await;
	assert!(stranger.read(&after).is_err());
	let mut changed = after.clone();
	changed.sealed[100] ^= 1;
	assert!(recipient.read(&changed).is_err());
	let of_another = Packet { from: stranger.key(), ..after };
	assert!(recipient.read(&of_another).is_err());
}

/// What is no packet of now is refused with a reason.
async fn nothing_that_makes_no_sense(scene: &BackboneScene) {
	let (connection, sender) = (scene.connection(0), scene.correspondent(0).await);
	let mut recipient = scene.correspondent(1).await;
	let good = packet(sender.key(), recipient.key(), b"good").unwrap();
	let mut unpadded = good.sealed.to_vec();
	unpadded.pop();
	let minutes = 60 * 1_000;
	let bad = [
		Packet { sealed: unpadded.try_into().unwrap(), ..good.clone() },
		Packet { hops: u8::MAX, ..good.clone() },
		Packet { sent_at: good.sent_at - 30 * minutes, ..good.clone() },
		Packet { sent_at: good.sent_at + 30 * minutes, ..good.clone() },
	];
	for packet in &bad {
		let refused = send(connection, packet).await;
		assert!(matches!(refused, Err(ConnectionError::Rpc { .. })), "{refused:?}");
	}
	for bytes in ["0x", "0x00", "nothing"] {
		let answer: Result<Value, _> =
			connection.request("spb_relaySend", rpc_params![bytes]).await;
		assert!(matches!(answer, Err(ConnectionError::Rpc { .. })), "{answer:?}");
	}
	// What comes is the good one, and none of those before it.
	send(connection, &good).await.unwrap();
	assert_eq!(recipient.next().await.unwrap().id(), good.id());
}

/// The next nearest node stands in for one that cannot be reached.
async fn around_a_node_that_is_gone(scene: &mut BackboneScene) {
	let secret = scene.key_of(3);
	let mut recipient = Correspondent::attach(scene.connection(3), secret.clone()).await.unwrap();
	let sender = scene.correspondent(0).await;
	sender.send(secret.public(), b"before").await.unwrap();
	recipient.next().await.unwrap();

	// The node is still listed; the next nearest keeps what is written meanwhile.
	tokio::task::block_in_place(|| scene.backbone.nodes[3].kill()).unwrap();
	let ended = recipient.next().await.unwrap_err();
	assert!(!matches!(ended, CorrespondentError::Silent), "{ended}");
	sender.send(secret.public(), b"meanwhile").await.unwrap();
	let others = &scene.backbone.listed[..3];
	let next = spb_primitives::relay::nearest(&secret.public(), others.iter().copied());
	let next = others.iter().position(|node| Some(*node) == next).unwrap();
	let mut recipient = Correspondent::attach(scene.connection(next), secret).await.unwrap();
	let packet = recipient.next().await.unwrap();
	assert_eq!(recipient.read(&packet).unwrap(), b"meanwhile");
}

/// With one entry in each bucket, nodes lead to each other as the rule says, over several hops.
#[tokio::test(flavor = "multi_thread")]
async fn packets_should_arrive_where_nobody_knows_everybody() {
	let partial = |_, options: Options| options.argument("--relay-bucket-size").argument("1");
	let scene = BackboneScene::set_with(FOLDER, partial).await;
	let listed = &scene.backbone.listed;
	let mut correspondents = Vec::new();
	for node in 0..listed.len() {
		correspondents.push(scene.correspondent(node).await);
	}
	for (from, first) in listed.iter().enumerate() {
		for (to, last) in listed.iter().enumerate().filter(|(to, _)| *to != from) {
			let key = correspondents[to].key();
			let hops = hops(listed, *first, &key, *last);
			let packet = packet(correspondents[from].key(), key, b"by and by").unwrap();
			send(scene.connection(from), &packet).await.unwrap();
			let received = correspondents[to].next().await.unwrap();
			assert_eq!((received.id(), received.hops), (packet.id(), hops), "{from} to {to}");
		}
	}
}

/// How often nodes with one entry in each bucket hand a packet on, by the rule.
fn hops(
	listed: &[NodeIdentifier],
	first: NodeIdentifier,
	key: &ContactKey,
	last: NodeIdentifier,
) -> u8 {
	let (mut at, mut hops) = (first, 0);
	while let Hop::Forward(next) = Table::partial(at, listed.iter().copied(), 1).next_hop(key) {
		(at, hops) = (next, hops + 1);
	}
	assert_eq!(at, last);
	hops
}

/// Messages of a negotiation over the backbone and over gossip, on the same four nodes.
async fn for_less_than_gossip(scene: &BackboneScene) {
	let row = measure(&scene.backbone).await.unwrap();
	print!("{}", csv(std::slice::from_ref(&row)));
	assert!(hops_are_bounded(&row), "{row:?}");
	// Gossip reaches each of the other three, or it is none.
	let letters = 4.0;
	assert!(row.broadcast_messages >= letters * (3.0 + 2.0), "{row:?}");
	assert!(row.messages <= letters * 3.0, "{row:?}");
	assert!(row.messages < row.broadcast_messages && row.bytes < row.broadcast_bytes, "{row:?}");
}

/// A key that belongs to nobody's node is taken by the only one there is.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_not_listed_should_serve_its_own() {
	let scene = spb_tests::Scene::set(FOLDER).await;
	let attach = || Correspondent::attach(&scene.connection, ContactSecret::generate().unwrap());
	let (sender, mut recipient) = (attach().await.unwrap(), attach().await.unwrap());
	sender.send(recipient.key(), b"to a neighbour").await.unwrap();
	let packet = recipient.next().await.unwrap();
	assert_eq!((packet.hops, recipient.read(&packet).unwrap()), (0, b"to a neighbour".to_vec()));
}
