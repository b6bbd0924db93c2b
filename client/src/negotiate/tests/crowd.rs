//! A producer whom many write to, some of them to no end, over nodes of which some say nothing.

use super::{super::seller::MAX_NEGOTIATIONS, *};
use crate::testing::relay::contact_at;

impl Bench {
	/// Makes the producer's offers two, 1 and 4, whose keys belong to the first node and to the second.
	fn two_offers(&self) -> [ContactKey; 2] {
		let contacts = contacts(self.folder.path());
		let keys = [contact_at(&contacts, &[1, 2]), contact_at(&contacts, &[2, 1])];
		let offers = [(1, keys[0]), (4, keys[1])];
		let offers = offers.map(|(id, contact)| offer(id, Terms::Negotiable, contact));
		self.node.script().offers = offers.to_vec();
		keys
	}
}

#[tokio::test]
async fn asks_that_go_no_further_should_keep_nobody_out() {
	let bench = Bench::new().await;
	let answering = bench.answering(discount()).await;
	let mut bargaining = Puppet::new(&bench).await;
	for _ in 0..2 {
		let answer = bargaining.says(ask()).await;
		assert!(matches!(answer, Body::CounterOffer { .. }), "{answer:?}");
	}
	// More than are remembered, of which nothing more is heard.
	let post = Bench::post(&bench.backbone, &bench.trader);
	for _ in 0..=MAX_NEGOTIATIONS {
		let mut writer = bench.writer(ContactKey([7; 32]));
		writer.write(&post, 0, ask()).await.unwrap();
	}
	bench.buyer.negotiate(&wish(700, LISTED), patient(LISTED)).await.unwrap();
	// Who has bargained is not forgotten for those who only ask.
	let answer = bargaining.says(accept(BEST + 100)).await;
	assert!(matches!(answer, Body::Quote { .. }), "{answer:?}");
	answering.abort();
}

#[tokio::test]
async fn bargains_that_go_no_further_should_keep_nobody_out() {
	let bench = Bench::new().await;
	let answering = bench.answering(discount()).await;
	// All that are remembered have asked twice, and nothing more is heard of any.
	let post = Bench::post(&bench.backbone, &bench.trader);
	let idle = async || {
		let mut writer = bench.writer(ContactKey([7; 32]));
		for sequence in 0..2 {
			writer.write(&post, sequence, ask()).await.unwrap();
		}
	};
	for _ in 0..=MAX_NEGOTIATIONS {
		idle().await;
	}
	bench.buyer.negotiate(&wish(700, LISTED), patient(LISTED)).await.unwrap();
	// Whoever has asked once keeps its place too, while those who have are less than half of all.
	let mut asking = Puppet::new(&bench).await;
	let answer = asking.says(ask()).await;
	assert!(matches!(answer, Body::CounterOffer { .. }), "{answer:?}");
	for _ in 0..MAX_NEGOTIATIONS / 4 {
		let mut writer = bench.writer(ContactKey([7; 32]));
		writer.write(&post, 0, ask()).await.unwrap();
		idle().await;
	}
	let answer = asking.says(accept(BEST + 100)).await;
	assert!(matches!(answer, Body::Quote { .. }), "{answer:?}");
	answering.abort();
}

#[tokio::test]
async fn a_node_that_never_answers_should_hold_up_nobody_else() {
	let bench = Bench::new().await;
	let [_, other] = bench.two_offers();
	// The producer would wait for any node longer than this test does.
	let post = Bench::post(&bench.backbone, &bench.trader).within(LIMIT * 10);
	let answering = go_on(bench.seller_over(post, discount()).await.unwrap());
	bench.backbone.memory().stuck.insert(identifier(2));
	// Someone asks about the offer whose key belongs to that node, and would be answered through it.
	let Puppet { post, mut writer, .. } = Puppet::new(&bench).await;
	writer.to = other;
	writer.write(&post, 0, ask_for(4)).await.unwrap();
	let answered = async {
		while bench.backbone.memory().unanswered.is_empty() {
			tokio::task::yield_now().await;
		}
	};
	tokio::time::timeout(LIMIT, answered).await.expect("the producer hands its answer to the node");
	// Whoever asks about the other one is answered meanwhile.
	let (wish, policy) = (wish(700, LISTED), patient(LISTED));
	let agreed = tokio::time::timeout(LIMIT, bench.buyer.negotiate(&wish, policy)).await;
	assert_eq!(agreed.expect("an answer comes").unwrap().offer(), 1);
	answering.abort();
}

#[tokio::test]
async fn a_producer_should_answer_by_another_way_where_its_node_never_answers() {
	let bench = Bench::new().await;
	let [_, other] = bench.two_offers();
	let answering = bench.answering(discount()).await;
	bench.backbone.memory().stuck.insert(identifier(2));
	let mut consumer = Puppet::new(&bench).await;
	consumer.writer.to = other;
	for _ in 0..2 {
		let answer = consumer.says(ask_for(4)).await;
		assert!(matches!(answer, Body::CounterOffer { .. }), "{answer:?}");
	}
	// Once it was waited for, and then passed over.
	assert_eq!(bench.backbone.memory().unanswered.len(), 1);
	answering.abort();
}

#[tokio::test]
async fn an_offer_whose_node_never_answers_should_keep_no_other_from_being_answered_for() {
	let bench = Bench::new().await;
	bench.two_offers();
	bench.backbone.memory().silent.insert(identifier(2));
	// Where nobody else is there, the backbone cannot be reached.
	bench.node.script().backbone = vec![listed(2)];
	let error = bench.seller(discount()).await.unwrap_err();
	assert_eq!((error.kind(), error.code().as_str()), (Kind::NoConnection, "silent-node"));
	assert_eq!(bench.backbone.memory().unanswered.len(), 2, "it was asked for both keys");
	bench.node.script().backbone = [1, 2].map(listed).to_vec();
	let seller = bench.seller(discount()).await.unwrap();
	let mut offers: Vec<OfferId> = seller.offers().collect();
	offers.sort_unstable();
	assert_eq!(offers, [1, 4]);
}
