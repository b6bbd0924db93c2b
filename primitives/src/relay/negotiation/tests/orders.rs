//! Every order of events: whatever comes, and in whatever order, nobody agrees to what it did not
//! want, the outcome is told once, and a network that drops, delays, repeats and reorders costs no
//! more than time.

use super::*;
use alloc::collections::VecDeque;
use proptest::prelude::*;

/// What can happen to a consumer.
fn consumer_events() -> Vec<Option<Body>> {
	let bodies = [
		counter(900),
		counter(2_000),
		quote(900),
		quote(800),
		refuse(RefuseReason::Busy),
		ask(900),
		accept(900),
	];
	bodies.into_iter().map(Some).chain([None]).collect()
}

/// What can happen to a producer.
fn producer_events() -> Vec<Option<Body>> {
	let bodies = [
		ask(900),
		ask(1),
		accept(900),
		accept(1),
		refuse(RefuseReason::TooExpensive),
		counter(900),
		quote(900),
	];
	bodies.into_iter().map(Some).chain([None]).collect()
}

/// All sequences of `length` of `count` events, as numbers.
fn sequences(count: usize, length: u32) -> impl Iterator<Item = Vec<usize>> {
	(0..count.pow(length))
		.map(move |number| (0..length).map(|place| number / count.pow(place) % count).collect())
}

#[test]
fn consumer_should_agree_only_to_its_price_in_every_order() {
	let events = consumer_events();
	let mut agreed = 0;
	for order in sequences(events.len(), 4) {
		let mut side = consumer(ConsumerPolicy::bargaining(price(900), 900, 2));
		let mut outcomes = Vec::new();
		side.begin(at(0));
		for (place, event) in order.iter().enumerate() {
			let over = side.is_over();
			let steps = match &events[*event] {
				Some(body) => hear(&mut side, place as u16, body.clone()),
				None => side.tick(at((place as u64 + 1) * 100_000)),
			};
			assert!(!over || steps.is_empty(), "{order:?}");
			for step in steps {
				match step {
					Step::Send { body: Body::Accept { ctp: taken }, .. } => {
						assert_eq!(taken, ctp(900), "{order:?}");
					},
					Step::Send { body, .. } => {
						assert!(matches!(body, Body::Ask { .. } | Body::Refuse { .. }));
					},
					Step::Finished(outcome) => outcomes.push(outcome),
				}
			}
		}
		assert!(outcomes.len() <= 1, "{order:?}");
		assert_eq!(side.is_over(), outcomes.len() == 1, "{order:?}");
		if let Some(ConsumerOutcome::Agreed(agreement)) = outcomes.first() {
			let id = CtpId::of(&ctp(900), &genesis());
			let expected =
				Agreement { ctp: ctp(900), id, price: price(900), quote: quote_of(PRODUCER, &id) };
			assert_eq!(*agreement, expected, "{order:?}");
			agreed += 1;
		}
	}
	assert!(agreed > 0);
}

#[test]
fn producer_should_quote_only_its_price_in_every_order() {
	let events = producer_events();
	let mut quoted = 0;
	for order in sequences(events.len(), 4) {
		let mut side = producer(policy());
		let (mut outcomes, mut countered) = (Vec::new(), false);
		for (place, event) in order.iter().enumerate() {
			let over = side.is_over();
			let steps = match &events[*event] {
				Some(body) => tell(&mut side, place as u16, body.clone()),
				None => side.tick(at((place as u64 + 1) * 100_000)),
			};
			assert!(!over || steps.is_empty(), "{order:?}");
			for step in steps {
				match step {
					Step::Send { body: Body::CounterOffer { price: said, .. }, .. } => {
						assert_eq!(said, price(900), "{order:?}");
						countered = true;
					},
					Step::Send { body: Body::Quote { ctp: id, .. }, .. } => {
						assert!(countered, "{order:?}");
						assert_eq!(id, CtpId::of(&ctp(900), &genesis()), "{order:?}");
						quoted += 1;
					},
					Step::Send { body, .. } => {
						assert!(matches!(body, Body::Refuse { .. }), "{order:?}");
					},
					Step::Finished(outcome) => outcomes.push(outcome),
				}
			}
		}
		assert!(outcomes.len() <= 1, "{order:?}");
		assert_eq!(side.is_over(), outcomes.len() == 1, "{order:?}");
	}
	assert!(quoted > 0);
}

/// What the network does with a letter.
#[derive(Clone, Copy, Debug)]
enum Fate {
	Deliver,
	Drop,
	Twice,
	/// When somebody has lost patience, or all is over.
	Late,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
	let fate = prop_oneof![
		4 => Just(Fate::Deliver),
		1 => Just(Fate::Drop),
		1 => Just(Fate::Twice),
		1 => Just(Fate::Late),
	];
	prop::collection::vec(fate, 0..30)
}

/// Both sides over a network that does this to one letter after the other, and delivers all that come
/// after. Time passes when nothing is under way.
fn play(
	terms: ConsumerPolicy,
	fates: &[Fate],
) -> (Option<ConsumerOutcome>, Option<ProducerOutcome>) {
	let (mut buyer, mut seller) = (consumer(terms), producer(policy()));
	let mut fates = fates.iter().copied();
	let (mut wire, mut held) = (VecDeque::<Letter>::new(), Vec::new());
	let (mut bought, mut sold) = (None, None);
	let mut now = 0;
	let mut to_seller = buyer.begin(at(now));
	let mut to_buyer = Vec::new();
	loop {
		let mut sent = Vec::new();
		for step in to_seller.drain(..) {
			match step {
				Step::Send { sequence, body } => sent.push(letter(CONSUMER, sequence, body)),
				Step::Finished(outcome) => assert_eq!(bought.replace(outcome), None),
			}
		}
		for step in to_buyer.drain(..) {
			match step {
				Step::Send { sequence, body } => sent.push(letter(PRODUCER, sequence, body)),
				Step::Finished(outcome) => assert_eq!(sold.replace(outcome), None),
			}
		}
		for letter in sent {
			match fates.next().unwrap_or(Fate::Deliver) {
				Fate::Deliver => wire.push_back(letter),
				Fate::Drop => {},
				Fate::Twice => wire.extend([letter.clone(), letter]),
				Fate::Late => held.push(letter),
			}
		}
		if let Some(letter) = wire.pop_front() {
			if letter.content.author == account(CONSUMER) {
				let sign = |id: &CtpId| quote_of(PRODUCER, id);
				to_buyer = seller.letter(&letter, at(now), |_| listing(), sign);
			} else {
				to_seller = buyer.letter(&letter, at(now));
			}
			continue;
		}
		match buyer.deadline().into_iter().chain(seller.deadline()).min() {
			Some(next) => {
				now = next;
				to_seller = buyer.tick(at(now));
				to_buyer = seller.tick(at(now));
			},
			None if held.is_empty() => return (bought, sold),
			None => {},
		}
		wire.extend(held.drain(..));
	}
}

#[test]
fn two_sides_should_agree_below_the_listed_price() {
	let (bought, sold) = play(ConsumerPolicy::bargaining(LISTED, 800, 3), &[]);
	let id = CtpId::of(&ctp(900), &genesis());
	let quote = quote_of(PRODUCER, &id);
	let agreement = Agreement { ctp: ctp(900), id, price: price(900), quote };
	assert_eq!(bought, Some(ConsumerOutcome::Agreed(agreement)));
	assert_eq!(sold, Some(ProducerOutcome::Quoted { id, ctp: ctp(900), price: price(900) }));
}

#[test]
fn two_sides_should_part_where_their_prices_do_not_meet() {
	let (bought, sold) = play(ConsumerPolicy::bargaining(price(850), 500, 3), &[]);
	assert_eq!(bought, Some(ConsumerOutcome::TooExpensive { best: price(900) }));
	let reason = RefuseReason::TooExpensive;
	assert_eq!(sold, Some(ProducerOutcome::RefusedByConsumer(reason)));
}

proptest! {
	#[test]
	fn bad_network_should_cost_no_more_than_time(fates in fates()) {
		let policy = ConsumerPolicy { repeats: 2, ..ConsumerPolicy::up_to(price(900)) };
		let (bought, sold) = play(policy, &fates);
		let id = CtpId::of(&ctp(900), &genesis());
		match bought.expect("it ends") {
			ConsumerOutcome::Agreed(agreement) => {
				prop_assert_eq!(agreement.ctp, ctp(900));
				let quoted = ProducerOutcome::Quoted { id, ctp: ctp(900), price: price(900) };
				prop_assert_eq!(sold, Some(quoted));
			},
			outcome => prop_assert_eq!(outcome, ConsumerOutcome::TimedOut),
		}
	}

	#[test]
	fn one_lost_letter_should_cost_nothing_where_letters_are_repeated(lost in 0_usize..4) {
		let mut fates = vec![Fate::Deliver; lost];
		fates.push(Fate::Drop);
		let (bought, _) = play(ConsumerPolicy::up_to(price(900)), &fates);
		prop_assert!(matches!(bought, Some(ConsumerOutcome::Agreed(_))), "{:?}", bought);
	}
}
