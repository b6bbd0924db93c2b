use super::{
	super::{
		listing::tests::DoubleIdentity,
		machine::{
			tests::{packet, CLIENT, OVER},
			Ended,
		},
	},
	*,
};
use crate::spb::network::peers::tests::{until, DoublePeers, LIMIT};
use spb_primitives::relay::{sealing::answer, ContactSecret};
use std::future::Future;

/// Of the chain that the scene is on.
pub const GENESIS: Genesis = Hash::repeat_byte(7);
const TIMING: Timing = Timing { retry: Duration::ZERO };

/// A node with no one around it yet.
pub struct Scene {
	pub relay: Arc<Relay>,
	peers: Arc<DoublePeers>,
	work: async_channel::Receiver<Work>,
	own: PeerId,
}

impl Scene {
	/// The relay of some peer.
	pub fn new() -> Self {
		let metrics = RelayMetrics::new(None).unwrap();
		let (ways, work) = Ways::new(metrics.clone());
		let own = DoubleIdentity::default().peer();
		let relay = Relay::new(&own, GENESIS, Extent::Full, ways.clone(), ways, metrics);
		Self { relay: Arc::new(relay), peers: Arc::default(), work, own }
	}

	/// Runs the relay with these peers listed, itself among them, while `what` goes on.
	async fn with_listed(&self, others: &[PeerId], what: impl Future<Output = ()>) {
		let nodes = others.iter().chain([&self.own]);
		let list: Listed = nodes.map(|peer| (identifier_of(peer), *peer)).collect();
		let count = list.len();
		let worker = Worker {
			work: self.work.clone(),
			lists: futures::stream::once(async move { list }).boxed(),
			peers: self.peers.clone(),
			protocol: "/spb/relay/1".into(),
			timing: TIMING,
		};
		let listed = async {
			until(|| self.relay.figures().nodes == count).await;
			what.await;
		};
		tokio::select! {
			() = self.relay.clone().run(worker) => panic!("it ends before the test"),
			done = tokio::time::timeout(LIMIT, listed) => done.expect("it happens in time"),
		}
	}

	/// Attaches with the key of a secret.
	fn attach(&self, secret: &ContactSecret) -> Attached {
		let (key, now) = (secret.public(), Now::read());
		let sealed = self.relay.challenge(&key, OVER, now).unwrap();
		let answer = answer(secret, &self.relay.own(), &sealed, &GENESIS).unwrap();
		self.relay.attach(key, &answer, OVER, now).unwrap_or_else(|error| panic!("{error}"))
	}
}

fn secret(of: u8) -> ContactSecret {
	ContactSecret::from_bytes(&[of; 32]).unwrap()
}

/// A packet of this moment.
fn sent(to: ContactKey, nonce: u8) -> Packet {
	Packet { to, sent_at: Now::read().unix, ..packet(1, 2, nonce) }
}

/// A key that belongs to this peer.
fn key_of(peer: &PeerId) -> ContactKey {
	ContactKey(identifier_of(peer).0 .0)
}

fn taken(_: &[u8]) -> Option<Vec<u8>> {
	Some(Answer::Taken.encode())
}

#[tokio::test]
async fn packet_should_be_handed_to_the_node_of_its_key() {
	let scene = Scene::new();
	let (near, far) = (scene.peers.add(taken), scene.peers.add(taken));
	let packet = sent(key_of(&near), 0);
	let played = async {
		let step = scene.relay.packet(CLIENT, packet.clone(), Now::read());
		assert_eq!(step, Ok(Step::Forwarded(identifier_of(&near))));
		until(|| !scene.peers.asked.lock().is_empty()).await;
	};
	scene.with_listed(&[near, far], played).await;
	let handed = Packet { hops: 1, ..packet };
	assert_eq!(*scene.peers.asked.lock(), [(near, handed.encode())]);
	assert!(scene.peers.reported.lock().is_empty());
	assert_eq!(scene.relay.metrics.lost.get(), 0);
}

#[tokio::test]
async fn packet_should_take_another_way_where_a_node_does_not_answer() {
	let scene = Scene::new();
	let (gone, lying) = (scene.peers.add(|_| None), scene.peers.add(|_| Some(vec![0xa5; 7])));
	let peers = [gone, lying];
	// To a key of either, the other one is asked next if it is nearer than this node.
	let to = key_of(&gone);
	let played = async {
		scene.relay.packet(CLIENT, sent(to, 0), Now::read()).unwrap();
		until(|| scene.relay.figures().waiting == 1).await;
	};
	scene.with_listed(&peers, played).await;
	let asked =
		|peer: PeerId| scene.peers.asked.lock().iter().filter(|(at, _)| *at == peer).count();
	assert_eq!(asked(gone), ATTEMPTS as usize);
	assert_eq!(*scene.peers.looked_for.lock(), [gone]);
	assert!(asked(lying) <= 1, "who answers nonsense is not asked again");
	let reported: Vec<_> = scene.peers.reported.lock().iter().map(|(peer, _)| *peer).collect();
	assert_eq!(reported, vec![lying; asked(lying)]);
	assert_eq!(scene.relay.figures().absent, 1 + asked(lying));
}

#[tokio::test]
async fn silent_node_should_keep_nothing_for_others_waiting() {
	let scene = Scene::new();
	let (silent, other) = (scene.peers.add(taken), scene.peers.add(taken));
	scene.peers.silent.lock().insert(silent);
	let asked =
		|peer: PeerId| scene.peers.asked.lock().iter().filter(|(at, _)| *at == peer).count();
	let forward = |peer: PeerId, nonce: usize| {
		let mut packet = sent(key_of(&peer), 0);
		packet.nonce[..8].copy_from_slice(&nonce.to_be_bytes());
		Forward { node: identifier_of(&peer), peer, packet }
	};
	let played = async {
		for nonce in 0..=MAX_IN_FLIGHT_TO_ONE {
			scene.relay.ways.forward(forward(silent, nonce));
		}
		until(|| scene.relay.figures().absent == 1).await;
		until(|| asked(silent) == MAX_IN_FLIGHT_TO_ONE).await;
		// The last one took another way: to the other node, or into the mailbox here.
		until(|| asked(other) + scene.relay.figures().waiting == 1).await;
		let before = asked(other);
		scene.relay.ways.forward(forward(other, 0));
		until(|| asked(other) == before + 1).await;
	};
	scene.with_listed(&[silent, other], played).await;
	assert_eq!(asked(silent), MAX_IN_FLIGHT_TO_ONE);
}

#[tokio::test]
async fn refusal_of_the_next_node_should_be_the_end_of_a_packet() {
	let scene = Scene::new();
	let full = Answer::Refused(Refusal::MailboxFull).encode();
	let near = scene.peers.add(move |_| Some(full.clone()));
	let played = async {
		let packet = sent(key_of(&near), 0);
		scene.relay.packet(CLIENT, packet, Now::read()).unwrap();
		until(|| scene.relay.metrics.lost.get() == 1).await;
	};
	scene.with_listed(&[near], played).await;
	assert_eq!((scene.relay.figures().absent, scene.relay.figures().waiting), (0, 0));
}

#[tokio::test]
async fn client_should_get_what_waited_and_what_comes() {
	let (scene, holder) = (Scene::new(), secret(1));
	let (first, second) = (sent(holder.public(), 1), sent(holder.public(), 2));
	let step = scene.relay.packet(CLIENT, first.clone(), Now::read());
	assert_eq!(step, Ok(Step::Stored));
	let mut attached = scene.attach(&holder);
	let step = scene.relay.packet(CLIENT, second.clone(), Now::read());
	assert_eq!(step, Ok(Step::Delivered));
	assert_eq!(attached.next().await, Some(Told::Packet(first.clone())));
	attached.give_back(first.clone());
	drop(attached);
	// What it was not told, and what it did not take, waits for the next time.
	assert_eq!((scene.relay.figures().attached, scene.relay.figures().waiting), (0, 2));
	let mut attached = scene.attach(&holder);
	for packet in [first, second] {
		assert_eq!(attached.next().await, Some(Told::Packet(packet)));
	}
}

#[tokio::test]
async fn key_should_be_attached_only_by_its_holder() {
	let (scene, holder, thief) = (Scene::new(), secret(1), secret(2));
	let (key, node, now) = (holder.public(), scene.relay.own(), Now::read());
	let attach = |answer: &Hash| scene.relay.attach(key, answer, OVER, now).map(drop);
	assert_eq!(attach(&Hash::zero()), Err(NotAttached::NotProven));
	let sealed = scene.relay.challenge(&key, OVER, now).unwrap();
	assert!(answer(&thief, &node, &sealed, &GENESIS).is_err());
	let thiefs = scene.relay.challenge(&thief.public(), OVER, now).unwrap();
	let thiefs = answer(&thief, &node, &thiefs, &GENESIS).unwrap();
	assert_eq!(attach(&thiefs), Err(NotAttached::NotProven));
	let right = answer(&holder, &node, &sealed, &GENESIS).unwrap();
	assert_eq!(attach(&right), Ok(()));
	assert_eq!(attach(&right), Err(NotAttached::NotProven), "an answer counts once");
}

#[tokio::test]
async fn second_attachment_should_end_the_first() {
	let (scene, holder) = (Scene::new(), secret(1));
	let (mut old, mut new) = (scene.attach(&holder), scene.attach(&holder));
	assert_eq!(old.next().await, Some(Told::Ended(Ended::Replaced)));
	assert_eq!(old.next().await, None);
	drop(old);
	let packet = sent(holder.public(), 1);
	scene.relay.packet(CLIENT, packet.clone(), Now::read()).unwrap();
	assert_eq!(new.next().await, Some(Told::Packet(packet)));
}

#[tokio::test]
async fn client_that_does_not_keep_up_should_be_detached_and_lose_little() {
	let (scene, holder) = (Scene::new(), secret(1));
	let mut slow = scene.attach(&holder);
	let played = async {
		let mut came = 0_u8;
		// Through a client of its own each, or the senders' rate would end it first.
		while scene.relay.figures().attached == 1 {
			let source = Source::Peer(PeerId::random());
			scene.relay.packet(source, sent(holder.public(), came), Now::read()).unwrap();
			came = came.checked_add(1).expect("the queue is shorter");
			tokio::task::yield_now().await;
		}
		let mut heard = 0;
		while let Some(Told::Packet(_)) = slow.next().await {
			heard += 1;
		}
		until(|| heard + scene.relay.figures().waiting == usize::from(came)).await;
	};
	scene.with_listed(&[], played).await;
}
