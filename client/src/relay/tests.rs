//! Letters through a backbone that pretends.

use super::*;
use crate::{
	error::{Classify, Kind},
	testing::{
		relay::{home, identifier, listed, FakeBackbone},
		FakeNode,
	},
};
use spb_primitives::{
	relay::{Body, Content, NodeIdentifier, RefuseReason},
	AccountId,
};

const NODES: [u8; 3] = [1, 2, 3];
/// Generous, for a loaded machine.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(30);

/// A backbone of three nodes; the client's own is the first.
struct Bench {
	backbone: FakeBackbone,
	node: FakeNode,
	post: Post,
}

impl Bench {
	async fn new() -> Self {
		let (backbone, node) = (FakeBackbone::default(), FakeNode::default());
		{
			let mut script = node.script();
			script.backbone = NODES.map(listed).to_vec();
			script.relay = Some(backbone.node(NODES[0]));
		}
		let connection = node.connect().await;
		let lines = backbone.clone();
		let post = Post::pretended(connection, move |url| lines.line(url));
		Self { backbone, node, post }
	}

	/// Where a key is attached.
	fn attached(&self, key: &ContactKey) -> Option<NodeIdentifier> {
		self.backbone.memory().attached.get(key).map(|(node, _)| *node)
	}

	/// The nodes that packets were handed to, in order.
	fn entries(&self) -> Vec<NodeIdentifier> {
		self.backbone.memory().sent.iter().map(|(node, _)| *node).collect()
	}
}

fn letter(to: ContactKey, sequence: u16, genesis: &Genesis) -> Letter {
	let key = crate::keys::AccountKey::development("//Alice").unwrap();
	let content = Content {
		author: key.account(),
		to,
		reply_to: ContactKey([9; 32]),
		negotiation: [4; 16],
		sequence,
		sent_at: now(),
		body: Body::Refuse { reason: RefuseReason::Busy },
	};
	content.sign(genesis, |payload| key.sign(payload))
}

fn fresh() -> ContactSecret {
	ContactSecret::generate().unwrap()
}

async fn next(letters: &mut Letters) -> Letter {
	tokio::time::timeout(LIMIT, letters.next()).await.expect("a letter comes")
}

#[tokio::test]
async fn a_letter_should_go_from_key_to_key() {
	let bench = Bench::new().await;
	let (secret, from) = (fresh(), fresh().public());
	let to = secret.public();
	let mut letters = Letters::new();
	letters.attach(&bench.post, secret).await.unwrap();
	assert_eq!(bench.attached(&to), Some(home(&to, &NODES)));
	let sent = letter(to, 0, &bench.post.genesis());
	bench.post.send(&sent, from, 0).await.unwrap();
	assert_eq!(next(&mut letters).await, sent);
	assert_eq!(bench.entries(), [home(&from, &NODES)]);
}

#[tokio::test]
async fn several_keys_should_be_attached_each_to_its_node() {
	let bench = Bench::new().await;
	let mut letters = Letters::new();
	let keys: Vec<ContactKey> = {
		let secrets: Vec<_> = (0..20).map(|_| fresh()).collect();
		let keys = secrets.iter().map(ContactSecret::public).collect();
		for secret in secrets {
			letters.attach(&bench.post, secret).await.unwrap();
		}
		keys
	};
	for key in &keys {
		assert_eq!(bench.attached(key), Some(home(key, &NODES)));
		bench.post.send(&letter(*key, 0, &bench.post.genesis()), keys[0], 0).await.unwrap();
		assert_eq!(next(&mut letters).await.content.to, *key);
	}
	letters.retain(|key| *key == keys[0]);
	assert_eq!(letters.keys().collect::<Vec<_>>(), [&keys[0]]);
}

#[tokio::test]
async fn only_whole_letters_should_come_and_once() {
	let bench = Bench::new().await;
	let secret = fresh();
	let (to, genesis) = (secret.public(), bench.post.genesis());
	let mut letters = Letters::new();
	letters.attach(&bench.post, secret).await.unwrap();
	let send = async |letter: &Letter| {
		bench.post.send(letter, ContactKey([7; 32]), 0).await.unwrap();
	};
	// Changed, signed by another, for another chain, for another key, too old: none of it comes.
	bench.backbone.memory().lie = Some(Box::new(|mut packet| {
		packet.sealed[100] ^= 1;
		vec![packet]
	}));
	send(&letter(to, 0, &genesis)).await;
	bench.backbone.memory().lie = None;
	let mut forged = letter(to, 1, &genesis);
	forged.content.author = AccountId::new([1; 32]);
	send(&forged).await;
	send(&letter(to, 2, &Genesis::repeat_byte(9))).await;
	let old = Content { sent_at: 0, ..letter(to, 3, &genesis).content };
	let key = crate::keys::AccountKey::development("//Alice").unwrap();
	send(&old.sign(&genesis, |payload| key.sign(payload))).await;
	// What a node repeats comes once.
	bench.backbone.memory().lie = Some(Box::new(|packet| vec![packet.clone(), packet]));
	let good = letter(to, 4, &genesis);
	send(&good).await;
	send(&good).await;
	let last = letter(to, 5, &genesis);
	send(&last).await;
	assert_eq!(next(&mut letters).await, good);
	assert_eq!(next(&mut letters).await, last);
}

#[tokio::test]
async fn a_broken_attachment_should_be_made_again() {
	let bench = Bench::new().await;
	let secret = fresh();
	let (to, genesis) = (secret.public(), bench.post.genesis());
	let mut letters = Letters::new();
	letters.attach(&bench.post, secret).await.unwrap();
	for sequence in 0..3 {
		bench.backbone.memory().detach(&to);
		let sent = letter(to, sequence, &genesis);
		bench.post.send(&sent, to, 0).await.unwrap();
		assert_eq!(next(&mut letters).await, sent);
	}
}

#[tokio::test]
async fn a_key_should_go_to_the_next_node_where_its_own_is_gone() {
	let bench = Bench::new().await;
	let secret = fresh();
	let to = secret.public();
	let nearest = home(&to, &NODES);
	bench.backbone.memory().away.insert(nearest);
	let mut letters = Letters::new();
	letters.attach(&bench.post, secret).await.unwrap();
	let rest: Vec<u8> = NODES.into_iter().filter(|number| identifier(*number) != nearest).collect();
	assert_eq!(bench.attached(&to), Some(home(&to, &rest)));
}

#[tokio::test]
async fn a_fresh_key_should_belong_to_a_node_that_can_be_reached() {
	let bench = Bench::new().await;
	bench.backbone.memory().away.extend([identifier(1), identifier(2)]);
	let mut letters = Letters::new();
	// Eight keys may all belong to the two that are gone; not every time.
	let secret = loop {
		if let Ok(secret) = bench.post.attach_fresh(&mut letters).await {
			break secret;
		}
	};
	let key = secret.public();
	assert_eq!(home(&key, &NODES), identifier(3));
	assert_eq!(bench.attached(&key), Some(identifier(3)));
}

#[tokio::test]
async fn the_clients_own_node_should_do_while_none_is_listed() {
	let bench = Bench::new().await;
	bench.node.script().backbone.clear();
	let secret = fresh();
	let to = secret.public();
	let mut letters = Letters::new();
	letters.attach(&bench.post, secret).await.unwrap();
	assert_eq!(bench.attached(&to), Some(identifier(NODES[0])));
	let sent = letter(to, 0, &bench.post.genesis());
	bench.post.send(&sent, fresh().public(), 0).await.unwrap();
	assert_eq!(next(&mut letters).await, sent);
}

#[tokio::test]
async fn a_node_that_is_another_should_get_no_answer() {
	let bench = Bench::new().await;
	for number in NODES {
		bench.backbone.memory().masks.insert(identifier(number), identifier(9));
	}
	let error = Letters::new().attach(&bench.post, fresh()).await.unwrap_err();
	assert_eq!(error.code(), "another-node");
}

#[tokio::test]
async fn a_letter_that_is_sent_again_should_go_another_way() {
	let bench = Bench::new().await;
	// A key that does not belong to the client's own node.
	let from = loop {
		let key = fresh().public();
		if home(&key, &NODES) != identifier(NODES[0]) {
			break key;
		}
	};
	let sent = letter(fresh().public(), 0, &bench.post.genesis());
	for attempt in 0..2 {
		bench.post.send(&sent, from, attempt).await.unwrap();
	}
	assert_eq!(bench.entries(), [home(&from, &NODES), identifier(NODES[0])]);
	// Where the sender's node cannot be reached, the client's own does at once.
	bench.backbone.memory().away.insert(home(&from, &NODES));
	bench.post.send(&sent, from, 0).await.unwrap();
	assert_eq!(bench.entries()[2], identifier(NODES[0]));
}

/// A fresh key that belongs to the node with this number.
fn key_at(number: u8) -> ContactSecret {
	loop {
		let secret = fresh();
		if home(&secret.public(), &NODES) == identifier(number) {
			return secret;
		}
	}
}

#[tokio::test]
async fn a_node_that_never_answers_should_cost_a_moment_and_once() {
	let bench = Bench::new().await;
	let from = key_at(2).public();
	bench.backbone.memory().silent.insert(identifier(2));
	let sent = letter(fresh().public(), 0, &bench.post.genesis());
	for _ in 0..3 {
		let taken = tokio::time::timeout(LIMIT, bench.post.send(&sent, from, 0)).await;
		taken.expect("the client's own node takes it").unwrap();
	}
	assert_eq!(bench.entries(), [identifier(NODES[0]); 3]);
	// It rests then: the other two times nobody waits for it.
	let asked = (identifier(2), "spb_relaySend".to_owned());
	assert_eq!(bench.backbone.memory().unanswered, [asked]);
	// Others are sent through as before.
	bench.post.send(&sent, key_at(3).public(), 0).await.unwrap();
	assert_eq!(bench.entries().last(), Some(&identifier(3)));
}

#[tokio::test]
async fn a_key_should_go_to_the_next_node_where_its_own_never_answers() {
	let bench = Bench::new().await;
	bench.backbone.memory().silent.insert(identifier(2));
	let rest = [NODES[0], NODES[2]];
	let mut letters = Letters::new();
	let secrets: Vec<_> = (0..20).map(|_| key_at(2)).collect();
	let keys: Vec<_> = secrets.iter().map(ContactSecret::public).collect();
	// All of them wait for it at the same time.
	let attached = letters.attach_all(&bench.post, secrets);
	let failures = tokio::time::timeout(LIMIT, attached).await.expect("others answer");
	assert!(failures.is_empty(), "{failures:?}");
	for key in &keys {
		assert_eq!(bench.attached(key), Some(home(key, &rest)));
	}
	// Where nobody answers, that is told.
	bench.backbone.memory().silent.extend(NODES.map(identifier));
	let error = letters.attach(&bench.post, key_at(3)).await.unwrap_err();
	assert_eq!((error.kind(), error.code().as_str()), (Kind::NoConnection, "silent-node"));
	let failures = letters.attach_all(&bench.post, [key_at(1), key_at(3)]).await;
	assert_eq!(failures.len(), 2);
	assert_eq!(letters.keys().count(), keys.len());
}

#[tokio::test]
async fn a_key_should_be_attached_as_soon_as_a_node_answers() {
	let bench = Bench::new().await;
	let secret = key_at(2);
	let (to, genesis) = (secret.public(), bench.post.genesis());
	bench.backbone.memory().away.extend(NODES.map(identifier));
	let (noted, mut notes) = tokio::sync::mpsc::unbounded_channel();
	let post = bench.post.clone().noting(move |text| drop(noted.send(text.to_owned())));
	let mut letters = Letters::new();
	letters.attach_soon(&post, secret.clone());
	letters.attach_soon(&post, secret);
	assert_eq!(letters.keys().count(), 1);
	let failed = tokio::time::timeout(LIMIT, notes.recv()).await;
	failed.expect("it tries").expect("it says that it cannot");
	assert_eq!(bench.attached(&to), None);
	bench.backbone.memory().away.clear();
	let sent = letter(to, 0, &genesis);
	bench.post.send(&sent, to, 0).await.unwrap();
	assert_eq!(next(&mut letters).await, sent);
	assert_eq!(bench.attached(&to), Some(identifier(2)));
}

#[tokio::test]
async fn nobody_should_be_written_to_who_cannot_read() {
	let bench = Bench::new().await;
	let nobody = letter(ContactKey::default(), 0, &bench.post.genesis());
	let error = bench.post.send(&nobody, fresh().public(), 0).await.unwrap_err();
	assert_eq!(error.code(), "bad-contact-key");
	assert!(bench.entries().is_empty());
}
