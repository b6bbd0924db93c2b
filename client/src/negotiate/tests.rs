//! Two sides that negotiate over a backbone that pretends.

mod crowd;

use super::*;
use crate::{
	error::{Classify, Kind},
	files::Directory,
	keys::{random_bytes, AccountKey, Secret},
	relay::{Contacts, Letters, Post},
	testing::{
		ready_meter,
		relay::{home, identifier, listed, FakeBackbone, Lie},
		stored_vault, FakeNode,
	},
	trade::{Order, Trader, Wish},
};
use pallet_spb::types::{Offer, OfferInfo, Terms};
use sp_core::H256;
use spb_primitives::{
	message::verify_quote,
	relay::{
		negotiation::{ConsumerPolicy, ProducerPolicy},
		Body, ContactKey, ContactSecret, Packet, RefuseReason,
	},
	units::SPB,
	BlockNumber, Ctp, Energy, Genesis, Money, OfferId, Price, ReceiptKey,
};
use std::{path::Path, sync::Arc, time::Duration};

const BEST: BlockNumber = 100;
/// Generous, for a loaded machine.
const LIMIT: Duration = Duration::from_secs(30);
/// The listed price, SPB per kWh.
const LISTED: Price = Price::per_kwh(3 * SPB / 10);

fn producer_key() -> AccountKey {
	AccountKey::development("//Bob").unwrap()
}

fn offer(id: OfferId, terms: Terms, contact: ContactKey) -> OfferInfo {
	let offer = Offer {
		producer: producer_key().account(),
		available: Energy::from_wh(2_000),
		price: LISTED,
		terms,
		contact,
		closed_at: None,
		deposit: Money::ZERO,
	};
	OfferInfo { id, offer }
}

fn wish(wh: u32, max_price: Price) -> Wish {
	Wish { offer: 1, energy: Energy::from_wh(wh), max_price, lifetime: None }
}

/// Impatient, so that silence is short.
fn policy(max_price: Price) -> ConsumerPolicy {
	ConsumerPolicy { patience: 300, repeats: 2, ..ConsumerPolicy::up_to(max_price) }
}

/// Patient, where an answer comes.
fn patient(max_price: Price) -> ConsumerPolicy {
	ConsumerPolicy { patience: 30_000, ..policy(max_price) }
}

/// A tenth off.
fn discount() -> ProducerPolicy {
	ProducerDocument {
		floor: Some("0.2".into()),
		discounts: vec![DiscountEntry { from_wh: Energy::from_wh(500), permille: 100 }],
		..Default::default()
	}
	.policy()
	.unwrap()
}

/// A consumer with 10 SPB and a ready meter, a producer with two offers, and two nodes between them.
struct Bench {
	folder: tempfile::TempDir,
	backbone: FakeBackbone,
	node: FakeNode,
	buyer: Buyer,
	trader: Trader,
}

impl Bench {
	async fn new() -> Self {
		let folder = tempfile::tempdir().unwrap();
		let (backbone, node) = (FakeBackbone::default(), FakeNode::default());
		let key = AccountKey::development("//Alice").unwrap();
		let contacts = contacts(folder.path());
		{
			let mut script = node.script();
			script.best = BEST;
			let money = Money::from_units(10 * SPB);
			script.vault = Some(stored_vault(7, key.account(), money));
			script.offers = vec![
				offer(1, Terms::Negotiable, contacts.make().unwrap().public()),
				offer(2, Terms::Listed, ContactKey::default()),
				offer(3, Terms::QuoteOnly, ContactKey::default()),
			];
			script.backbone = [1, 2].map(listed).to_vec();
			script.relay = Some(backbone.node(1));
		}
		let connection = node.connect().await;
		let meter = Arc::new(ready_meter(folder.path(), &connection.genesis()));
		let trader = Trader::new(connection, key, meter, Arc::new(()));
		let post = Self::post(&backbone, &trader);
		let buyer = Buyer::new(trader.clone(), post);
		Self { folder, backbone, node, buyer, trader }
	}

	fn post(backbone: &FakeBackbone, trader: &Trader) -> Post {
		let backbone = backbone.clone();
		Post::pretended(trader.connection().clone(), move |url| backbone.line(url))
	}

	async fn seller(&self, policy: ProducerPolicy) -> Result<Seller, NegotiateError> {
		self.seller_over(Self::post(&self.backbone, &self.trader), policy).await
	}

	async fn seller_over(
		&self,
		post: Post,
		policy: ProducerPolicy,
	) -> Result<Seller, NegotiateError> {
		let contacts = contacts(self.folder.path());
		let connection = self.trader.connection().clone();
		Seller::open(connection, post, producer_key(), contacts, policy).await
	}

	/// Lets the producer answer until its first negotiation has ended.
	async fn answered(&self, policy: ProducerPolicy) -> tokio::task::JoinHandle<Event> {
		let mut seller = self.seller(policy).await.unwrap();
		tokio::spawn(async move { seller.next().await.unwrap() })
	}

	/// Lets the producer answer until what is returned is aborted.
	async fn answering(&self, policy: ProducerPolicy) -> tokio::task::JoinHandle<()> {
		go_on(self.seller(policy).await.unwrap())
	}

	/// The pen of a consumer of whom nobody knows anything, for a new negotiation.
	fn writer(&self, from: ContactKey) -> Writer {
		let to = self.node.script().offers[0].offer.contact;
		let key = AccountKey::from_secret(&Secret::random());
		Writer { key, to, from, negotiation: random_bytes(), last: None }
	}

	fn lie(&self, lie: Lie) {
		self.backbone.memory().lie = Some(lie);
	}
}

/// Lets a producer answer until what is returned is aborted.
fn go_on(mut seller: Seller) -> tokio::task::JoinHandle<()> {
	tokio::spawn(async move {
		loop {
			seller.next().await.unwrap();
		}
	})
}

/// A consumer who does as it is told.
struct Puppet {
	post: Post,
	letters: Letters,
	writer: Writer,
	sequence: u16,
}

impl Puppet {
	/// With a fresh key of the first node.
	async fn new(bench: &Bench) -> Self {
		let post = Bench::post(&bench.backbone, &bench.trader);
		let secret = loop {
			let secret = ContactSecret::generate().unwrap();
			if home(&secret.public(), &[1, 2]) == identifier(1) {
				break secret;
			}
		};
		let (mut letters, from) = (Letters::new(), secret.public());
		letters.attach(&post, secret).await.unwrap();
		Self { post, letters, writer: bench.writer(from), sequence: 0 }
	}

	/// Writes the next letter, and gives the answer to it.
	async fn says(&mut self, body: Body) -> Body {
		self.writer.write(&self.post, self.sequence, body).await.unwrap();
		self.sequence += 1;
		let answer = tokio::time::timeout(LIMIT, self.letters.next()).await;
		answer.expect("an answer comes").content.body
	}
}

/// The least that anyone can ask for.
fn ask() -> Body {
	ask_for(1)
}

fn ask_for(offer: OfferId) -> Body {
	Body::Ask { offer, energy: Energy::from_wh(700), price: Price::ZERO }
}

/// What the producer answers to it, accepted.
fn accept(expiry: BlockNumber) -> Body {
	let payment = Money::from_units(189 * SPB / 1_000);
	let amount = payment.checked_add(crate::testing::LIMITS.fee).unwrap();
	let (energy, receipt_key) = (Energy::from_wh(700), ReceiptKey(H256::repeat_byte(1)));
	Body::Accept { ctp: Ctp { vault: 7, offer: 1, energy, amount, expiry, receipt_key } }
}

fn contacts(folder: &Path) -> Contacts {
	Contacts::new(Directory::new(folder.join("producer")))
}

fn genesis() -> Genesis {
	Genesis::zero()
}

#[tokio::test]
async fn both_should_agree_below_the_listed_price() {
	let bench = Bench::new().await;
	let answered = bench.answered(discount()).await;
	let most = Price::per_kwh(SPB / 4);
	let refused = bench.buyer.negotiate(&wish(700, most), patient(most)).await.unwrap_err();
	assert_eq!((refused.kind(), refused.code().as_str()), (Kind::Refused, "too-expensive"));
	let event = answered.await.unwrap();
	assert!(matches!(event, Event::Refused { .. }), "{event:?}");

	// A tenth off 0.3 SPB per kWh.
	let answered = bench.answered(discount()).await;
	let consumer = ConsumerPolicy { opening: Price::ZERO, ..patient(LISTED) };
	let agreed = bench.buyer.negotiate(&wish(700, LISTED), consumer).await.unwrap();
	assert_eq!(agreed.price, Price::per_kwh(27 * SPB / 100));
	let fee = crate::testing::LIMITS.fee;
	let payment = Money::from_units(189 * SPB / 1_000);
	assert_eq!(agreed.amount(), payment.checked_add(fee).unwrap());
	assert_eq!((agreed.offer(), agreed.ctp.0.vault), (1, 7));
	let producer = producer_key().account();
	assert_eq!(verify_quote(&agreed.quote.0, &agreed.id, &producer, &genesis()), Ok(()));
	match answered.await.unwrap() {
		Event::Quoted { id, offer: 1, price, .. } => {
			assert_eq!((id, price), (agreed.id, agreed.price))
		},
		other => panic!("{other:?}"),
	}

	// The CTP is signed and kept back, until it goes to the pool with its quote.
	assert!(bench.node.script().submitted.is_empty());
	let order = Order {
		producer,
		offer: Some(1),
		amount: agreed.amount(),
		energy: agreed.energy(),
		lifetime: None,
	};
	let issued = bench.trader.commit_quoted(&order, &agreed.quote.0).await.unwrap();
	assert_eq!((issued.id, &issued.signed.ctp), (agreed.id, &agreed.ctp.0));
	assert_eq!(bench.node.script().submitted.len(), 1);
}

#[tokio::test]
async fn a_consumer_should_be_nobody_until_there_is_a_ctp() {
	let bench = Bench::new().await;
	let mut authors = std::collections::BTreeSet::new();
	for _ in 0..3 {
		let answered = bench.answered(discount()).await;
		bench.buyer.negotiate(&wish(700, LISTED), patient(LISTED)).await.unwrap();
		answered.await.unwrap();
	}
	for (_, packet) in &bench.backbone.memory().sent {
		authors.insert(packet.from);
	}
	// The offer's key and one for each negotiation.
	assert_eq!(authors.len(), 4);
}

#[tokio::test]
async fn what_makes_no_sense_should_not_be_asked() {
	let bench = Bench::new().await;
	let asked = async |wish: Wish| {
		let policy = policy(wish.max_price);
		bench.buyer.negotiate(&wish, policy).await.unwrap_err().code()
	};
	assert_eq!(asked(Wish { offer: 2, ..wish(700, LISTED) }).await, "nothing-to-negotiate");
	assert_eq!(asked(Wish { offer: 3, ..wish(700, LISTED) }).await, "no-contact");
	assert_eq!(asked(Wish { offer: 9, ..wish(700, LISTED) }).await, "UnknownOffer");
	assert_eq!(asked(wish(0, LISTED)).await, "NoEnergy");
	assert_eq!(asked(wish(2_001, LISTED)).await, "OfferTooSmall");
	assert_eq!(asked(wish(700, Price::per_kwh(100 * SPB))).await, "VaultTooSmall");
	// With the fee it is less than a CTP may commit: to commit more would cost more than was said.
	assert_eq!(asked(wish(700, Price::ZERO)).await, "AmountTooSmall");
	assert_eq!(asked(Wish { lifetime: Some(3), ..wish(700, LISTED) }).await, "lifetime");
	assert!(bench.backbone.memory().sent.is_empty());
}

#[tokio::test]
async fn silence_should_cost_time_and_nothing_else() {
	let bench = Bench::new().await;
	let error = bench.buyer.negotiate(&wish(700, LISTED), policy(LISTED)).await.unwrap_err();
	assert_eq!((error.kind(), error.code().as_str()), (Kind::Failed, "no-answer"));
	// The first and two more, each by another way.
	assert_eq!(bench.backbone.memory().sent.len(), 3);
	assert!(bench.node.script().submitted.is_empty());
	assert!(bench.trader.meter().unconfirmed(&genesis()).unwrap().is_empty());
}

/// A lie that drops something of each kind: an ask, its answer, an acceptance, and the quote.
fn dropping() -> Lie {
	let mut count = 0u32;
	Box::new(move |packet: Packet| {
		count += 1;
		match count {
			1 | 3 | 6 | 8 => Vec::new(),
			_ => vec![packet],
		}
	})
}

#[tokio::test]
async fn packets_that_are_dropped_should_be_made_up_for() {
	let bench = Bench::new().await;
	let answering = bench.answering(discount()).await;
	bench.lie(dropping());
	let consumer = ConsumerPolicy { patience: 200, repeats: 10, ..policy(LISTED) };
	let agreed = bench.buyer.negotiate(&wish(700, LISTED), consumer).await.unwrap();
	assert_eq!(agreed.price, LISTED);
	answering.abort();
}

#[tokio::test]
async fn packets_that_are_repeated_or_changed_should_change_nothing() {
	let bench = Bench::new().await;
	let answered = bench.answered(discount()).await;
	bench.lie(Box::new(|packet| {
		let mut changed = packet.clone();
		changed.sealed[200] ^= 0x80;
		let mut redirected = packet.clone();
		redirected.from = ContactKey([7; 32]);
		vec![changed, redirected, packet.clone(), packet]
	}));
	let agreed = bench.buyer.negotiate(&wish(700, LISTED), patient(LISTED)).await.unwrap();
	assert!(matches!(answered.await.unwrap(), Event::Quoted { id, .. } if id == agreed.id));
	assert_eq!(bench.trader.meter().unconfirmed(&genesis()).unwrap().len(), 1);
}

#[tokio::test]
async fn a_producer_should_refuse_what_it_does_not_have() {
	let bench = Bench::new().await;
	let answered = bench.answered(discount()).await;
	// The offer is closed after the consumer has looked.
	let node = bench.node.clone();
	bench.lie(Box::new(move |packet| {
		node.script().offers[0].offer.closed_at = Some(BEST);
		vec![packet]
	}));
	let error = bench.buyer.negotiate(&wish(700, LISTED), patient(LISTED)).await.unwrap_err();
	assert_eq!((error.kind(), error.code().as_str()), (Kind::Refused, "refused-by-producer"));
	assert!(matches!(answered.await.unwrap(), Event::Refused { .. }));
}

#[tokio::test]
async fn a_quote_should_bind_no_longer_than_a_ctp_can_be_open() {
	let bench = Bench::new().await;
	bench.node.script().entry_lifetime = Some(50);
	for (expiry, quotes) in [(BEST + 50, true), (BEST + 80, false)] {
		let answered = bench.answered(discount()).await;
		let mut consumer = Puppet::new(&bench).await;
		consumer.says(ask()).await;
		let answer = consumer.says(accept(expiry)).await;
		assert_eq!(matches!(answer, Body::Quote { .. }), quotes, "{answer:?}");
		if !quotes {
			assert_eq!(answer, Body::Refuse { reason: RefuseReason::OtherTerms });
		}
		answered.await.unwrap();
	}
}

#[tokio::test]
async fn a_negotiated_ctp_should_live_a_little_less_than_the_longest() {
	let bench = Bench::new().await;
	bench.node.script().entry_lifetime = Some(300);
	let answering = bench.answering(discount()).await;
	for (lifetime, expiry) in [(None, BEST + 292), (Some(300), BEST + 300), (Some(9), BEST + 9)] {
		let wish = Wish { lifetime, ..wish(700, LISTED) };
		let agreed = bench.buyer.negotiate(&wish, patient(LISTED)).await.unwrap();
		assert_eq!(agreed.expiry(), expiry);
	}
	answering.abort();
}

#[tokio::test]
async fn a_producer_without_negotiable_offers_should_be_told() {
	let bench = Bench::new().await;
	bench.node.script().offers.remove(0);
	let error = bench.seller(discount()).await.unwrap_err();
	assert_eq!(error.code(), "nothing-to-answer");
	// Nor is one told of whose key is elsewhere.
	let elsewhere = offer(1, Terms::Negotiable, ContactKey([7; 32]));
	bench.node.script().offers.push(elsewhere);
	assert_eq!(bench.seller(discount()).await.unwrap_err().code(), "nothing-to-answer");
}
