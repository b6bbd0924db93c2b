//! Receiving: a contact key is attached to the node that it belongs to, and stays attached.
//!
//! The node is shown, by opening what it seals to the key, that the client holds it; then it hands
//! over what waits and what comes. Where the connection breaks, or another node comes nearer to the
//! key, the key is attached anew.

use super::{nodes::Station, seen::Seen, Post, RelayError};
use crate::{
	connection::ConnectionError,
	files::{decode_all, from_hex, to_hex},
};
use serde::Deserialize;
use spb_primitives::{
	relay::{
		sealing::{answer, open_letter},
		ContactKey, ContactSecret, Letter, NodeIdentifier, Packet,
	},
	Genesis,
};
use std::time::{Duration, Instant};
use subxt::rpcs::client::{rpc_params, RpcSubscription};
use tokio::{
	sync::mpsc,
	task::{JoinHandle, JoinSet},
	time::timeout,
};

/// Letters that wait for whoever reads them; the node keeps what comes meanwhile.
const WAITING: usize = 64;
/// How often to look whether the key still belongs to the node that it is attached to.
const REVIEW: Duration = Duration::from_secs(30);
/// The first pause between two attempts to attach; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause between two attempts to attach.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How many nodes are tried for a key that has to last: where a node is gone, its packets go to the
/// next one.
const NODES: usize = 3;

/// What a node seals to a key.
#[derive(Deserialize)]
struct Challenge {
	/// Who asks.
	node: NodeIdentifier,
	/// What only the key's holder can open.
	challenge: String,
}

/// Where a key is attached.
struct Attachment {
	station: Station,
	packets: RpcSubscription<String>,
}

/// Letters for one or several keys, in the order in which they come.
#[derive(Debug)]
pub struct Letters {
	incoming: mpsc::Receiver<Letter>,
	outgoing: mpsc::Sender<Letter>,
	tasks: Vec<(ContactKey, JoinHandle<()>)>,
}

impl Letters {
	/// For no key yet.
	pub fn new() -> Self {
		let (outgoing, incoming) = mpsc::channel(WAITING);
		Self { incoming, outgoing, tasks: Vec::new() }
	}

	/// The keys that are attached, or are as soon as a node can be reached.
	pub fn keys(&self) -> impl Iterator<Item = &ContactKey> {
		self.tasks.iter().map(|(key, _)| key)
	}

	/// Attaches a key, and keeps it attached until it is detached or this is dropped.
	///
	/// # Errors
	///
	/// If the key's node cannot be reached now. What is attached already stays so.
	pub async fn attach(&mut self, post: &Post, secret: ContactSecret) -> Result<(), RelayError> {
		let key = secret.public();
		if self.keys().any(|attached| *attached == key) {
			return Ok(());
		}
		let attachment = attach(post, &secret, NODES).await?;
		self.keep(post, secret, attachment);
		Ok(())
	}

	/// Attaches several keys at the same time, so that no node holds up the keys of others, and keeps
	/// them attached. Tells why those that are not attached could not be.
	pub async fn attach_all(
		&mut self,
		post: &Post,
		secrets: impl IntoIterator<Item = ContactSecret>,
	) -> Vec<RelayError> {
		let mut attempts = JoinSet::new();
		for secret in secrets {
			let post = post.clone();
			attempts.spawn(async move {
				let attachment = attach(&post, &secret, NODES).await;
				(secret, attachment)
			});
		}
		let mut failures = Vec::new();
		while let Some(attempt) = attempts.join_next().await {
			match attempt {
				Ok((secret, Ok(attachment))) => self.keep(post, secret, attachment),
				Ok((_, Err(error))) => failures.push(error),
				// It has panicked, and said so; its key is not attached.
				Err(_) => {},
			}
		}
		failures
	}

	/// Attaches a key as soon as one of its nodes can be reached, which is not waited for, and keeps it
	/// attached.
	pub fn attach_soon(&mut self, post: &Post, secret: ContactSecret) {
		let key = secret.public();
		if self.keys().any(|attached| *attached == key) {
			return;
		}
		let (post, letters) = (post.clone(), self.outgoing.clone());
		let task = async move {
			let attachment = attach_again(&post, &secret, 0).await;
			keep(post, secret, attachment, letters).await;
		};
		self.tasks.push((key, tokio::spawn(task)));
	}

	/// Attaches a key to the very node that it belongs to or not at all, and keeps it attached.
	pub(super) async fn attach_nearest(
		&mut self,
		post: &Post,
		secret: ContactSecret,
	) -> Result<(), RelayError> {
		let attachment = attach(post, &secret, 1).await?;
		self.keep(post, secret, attachment);
		Ok(())
	}

	fn keep(&mut self, post: &Post, secret: ContactSecret, attachment: Attachment) {
		let key = secret.public();
		let task = keep(post.clone(), secret, attachment, self.outgoing.clone());
		self.tasks.push((key, tokio::spawn(task)));
	}

	/// Detaches all keys but these.
	pub fn retain(&mut self, wanted: impl Fn(&ContactKey) -> bool) {
		self.tasks.retain(|(key, task)| {
			let keep = wanted(key);
			if !keep {
				task.abort();
			}
			keep
		});
	}

	/// The next letter: whole, for the key that it came to, signed by its author for this chain, of
	/// late, and not seen before.
	pub async fn next(&mut self) -> Letter {
		match self.incoming.recv().await {
			Some(letter) => letter,
			// There is always a sender: our own.
			None => std::future::pending().await,
		}
	}
}

impl Default for Letters {
	fn default() -> Self {
		Self::new()
	}
}

impl Drop for Letters {
	fn drop(&mut self) {
		self.retain(|_| false);
	}
}

/// Attaches a key to the nearest of `most` nodes that can be reached.
async fn attach(
	post: &Post,
	secret: &ContactSecret,
	most: usize,
) -> Result<Attachment, RelayError> {
	let mut failure = None;
	for station in post.stations.of(&secret.public(), most).await? {
		match subscribe(post, &station, secret).await {
			Ok(packets) => return Ok(Attachment { station, packets }),
			// The nearest one's word is worth the most.
			Err(error) => {
				post.note(&error.to_string());
				failure.get_or_insert(error);
			},
		}
	}
	Err(failure.unwrap_or_else(|| RelayError::NotOurs(secret.public())))
}

/// Attaches a key to a node, in as much time as a node may take.
async fn subscribe(
	post: &Post,
	station: &Station,
	secret: &ContactSecret,
) -> Result<RpcSubscription<String>, RelayError> {
	post.stations.in_time(station, prove(station, secret, &post.genesis)).await
}

/// Shows a node that the client holds a key, and has what comes for it handed over.
async fn prove(
	station: &Station,
	secret: &ContactSecret,
	genesis: &Genesis,
) -> Result<RpcSubscription<String>, RelayError> {
	let (line, key) = (&station.line, secret.public());
	let method = "spb_relayChallenge";
	let asked: Challenge = line.request(method, rpc_params![key]).await?;
	if let Some(listed) = station.identifier.filter(|listed| *listed != asked.node) {
		return Err(RelayError::AnotherNode { url: line.url().into(), listed, found: asked.node });
	}
	let sealed = from_hex(&asked.challenge)
		.map_err(|reason| ConnectionError::Malformed { method: method.into(), reason })?;
	let answer = answer(secret, &asked.node, &sealed, genesis)
		.map_err(|reason| RelayError::Challenge { url: line.url().into(), reason })?;
	let params = rpc_params![key, answer];
	Ok(line.subscribe("spb_relayAttach", params, "spb_relayDetach").await?)
}

/// Hands on letters for as long as somebody wants them.
async fn keep(
	post: Post,
	secret: ContactSecret,
	mut attachment: Attachment,
	letters: mpsc::Sender<Letter>,
) {
	let (mut seen, mut breaks, mut since) = (Seen::default(), 0u32, Instant::now());
	loop {
		if letters.is_closed() {
			return;
		}
		match timeout(REVIEW, attachment.packets.next()).await {
			Ok(Some(Ok(text))) => {
				let letter = read(&text, &secret, &post.genesis);
				// What is none, or comes again, is dropped without a word: anyone can send it.
				let letter = letter.filter(|letter| seen.is_first(letter, super::now()));
				if let Some(letter) = letter {
					if letters.send(letter).await.is_err() {
						return;
					}
				}
			},
			Ok(None | Some(Err(_))) => {
				// A node that ends attachments as soon as they are made is not to be asked all the time.
				breaks = if since.elapsed() > LONGEST_PAUSE { 0 } else { breaks.saturating_add(1) };
				attachment = attach_again(&post, &secret, breaks).await;
				since = Instant::now();
			},
			Err(_) => {
				if let Some(moved) = review(&post, &secret, &attachment.station).await {
					attachment = moved;
				}
			},
		}
	}
}

/// Attaches a key whose attachment broke, trying for as long as it takes: at once, if it has not broken
/// before of late.
async fn attach_again(post: &Post, secret: &ContactSecret, mut breaks: u32) -> Attachment {
	loop {
		if breaks > 1 {
			tokio::time::sleep(pause(breaks - 2)).await;
		}
		match attach(post, secret, NODES).await {
			Ok(attachment) => return attachment,
			Err(error) => post.note(&format!("cannot attach {}: {error}", secret.public())),
		}
		// Whatever was before, the next attempt comes after a pause.
		breaks = breaks.max(1).saturating_add(1);
	}
}

/// The pause before an attempt, after so many others.
fn pause(others: u32) -> Duration {
	FIRST_PAUSE.saturating_mul(1 << others.min(10)).min(LONGEST_PAUSE)
}

/// A new attachment, if the key belongs to another node now and that one can be reached.
async fn review(post: &Post, secret: &ContactSecret, now: &Station) -> Option<Attachment> {
	let station = post.stations.of(&secret.public(), 1).await.ok()?.pop()?;
	if station.identifier == now.identifier && station.line.url() == now.line.url() {
		return None;
	}
	let packets = subscribe(post, &station, secret).await.ok()?;
	Some(Attachment { station, packets })
}

/// The letter in an encoded packet.
fn read(text: &str, secret: &ContactSecret, genesis: &Genesis) -> Option<Letter> {
	let packet: Packet = from_hex(text).and_then(|bytes| decode_all(&bytes)).ok()?;
	open_letter(&packet, secret, genesis).ok()
}

/// A packet as nodes take it.
pub(super) fn write(packet: &Packet) -> String {
	to_hex(&codec::Encode::encode(packet))
}
