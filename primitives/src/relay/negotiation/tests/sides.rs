//! What each side answers to what it is told.

use super::{super::producer::AHEAD, *};

fn up_to(units: u128) -> ConsumerPolicy {
	ConsumerPolicy::up_to(price(units))
}

/// A consumer that has asked, and one whose acceptance is on its way.
fn asked(policy: ConsumerPolicy) -> Consumer {
	let mut side = consumer(policy);
	assert_eq!(side.begin(at(0)).len(), 1);
	side
}

fn accepted() -> Consumer {
	let mut side = asked(up_to(900));
	assert_eq!(hear(&mut side, 0, counter(900)), [send(1, accept(900))]);
	side
}

/// A producer that has answered 900 to an ask.
fn countered() -> Producer {
	let mut side = producer(policy());
	assert_eq!(tell(&mut side, 0, ask(850)), [send(0, counter(900))]);
	side
}

fn finished<O>(outcome: O) -> Step<O> {
	Step::Finished(outcome)
}

#[test]
fn consumer_should_begin_once() {
	let mut side = consumer(up_to(900));
	assert_eq!((side.deadline(), side.negotiation()), (None, NEGOTIATION));
	assert_eq!(side.tick(at(u64::MAX)), []);
	assert_eq!(hear(&mut side, 0, counter(1)), []);
	assert_eq!(side.begin(at(0)), [send(0, ask(900))]);
	assert_eq!(side.begin(at(0)), []);
}

#[test]
fn consumer_should_take_what_it_can_pay_and_verify_the_quote() {
	let mut side = accepted();
	let steps = hear(&mut side, 1, quote(900));
	let [Step::Finished(ConsumerOutcome::Agreed(agreement))] = &steps[..] else {
		panic!("{steps:?}")
	};
	assert_eq!((&agreement.ctp, agreement.price), (&ctp(900), price(900)));
	assert_eq!(agreement.id, CtpId::of(&agreement.ctp, &genesis()));
	// 500 Wh at 900 a kWh, and the fee.
	assert_eq!((agreement.ctp.amount, agreement.ctp.expiry), (Money::from_units(457), 40));
	assert!(side.is_over());
}

#[test]
fn consumer_should_take_less_than_it_asked_for() {
	let mut side = asked(up_to(900));
	assert_eq!(hear(&mut side, 0, counter(100)), [send(1, accept(100))]);
}

#[test]
fn consumer_should_commit_no_less_than_it_may() {
	let mut side = asked(up_to(900));
	let steps = hear(&mut side, 0, counter(1));
	let [Step::Send { body: Body::Accept { ctp }, .. }] = &steps[..] else { panic!("{steps:?}") };
	assert_eq!(ctp.amount, Money::from_units(14));
}

#[test]
fn consumer_should_commit_no_more_than_its_price_says() {
	// The least that a CTP commits, less the fee, is 14 a kWh here.
	let mut side = asked(up_to(14));
	assert_eq!(hear(&mut side, 0, counter(14)), [send(1, accept(14))]);
	assert_eq!(ctp(14).amount, Money::from_units(14));
	let mut side = consumer(up_to(12));
	assert_eq!(side.begin(at(0)), [finished(ConsumerOutcome::TooLittle)]);
	assert!(side.is_over());
	// A price that money cannot count is not too little.
	let whole = Deal { energy: Energy::from_wh(1_001), ..deal() };
	let mut side = Consumer::new(NEGOTIATION, whole, ConsumerPolicy::up_to(Price::MAX), genesis());
	assert_eq!(side.begin(at(0)).len(), 1);
}

#[test]
fn consumer_should_come_up_and_then_give_up() {
	let mut side = asked(ConsumerPolicy::bargaining(price(800), 500, 3));
	assert_eq!(hear(&mut side, 0, counter(1_000)), [send(1, ask(600))]);
	assert_eq!(hear(&mut side, 1, counter(950)), [send(2, ask(800))]);
	let given_up = ConsumerOutcome::TooExpensive { best: price(950) };
	assert_eq!(
		hear(&mut side, 2, counter(960)),
		[send(3, refuse(RefuseReason::TooExpensive)), finished(given_up)]
	);
}

#[test]
fn consumer_should_give_up_a_price_that_money_cannot_count() {
	let mut side = asked(ConsumerPolicy::up_to(Price::MAX));
	let steps = hear(&mut side, 0, Body::CounterOffer { price: Price::MAX, valid_for: 1 });
	// Half of the greatest price can be counted, a little more than all of it cannot.
	assert_eq!(steps.len(), 1);
	let whole = Deal { energy: Energy::from_wh(1_001), ..deal() };
	let mut side = Consumer::new(NEGOTIATION, whole, ConsumerPolicy::up_to(Price::MAX), genesis());
	side.begin(at(0));
	let steps = hear(&mut side, 0, Body::CounterOffer { price: Price::MAX, valid_for: 1 });
	let best = Price::MAX;
	assert_eq!(steps[1..], [finished(ConsumerOutcome::TooExpensive { best })]);
}

#[test]
fn consumer_should_end_when_the_producer_refuses() {
	for mut side in [asked(up_to(900)), accepted()] {
		let reason = RefuseReason::NotEnough;
		let steps = hear(&mut side, 7, refuse(reason));
		assert_eq!(steps, [finished(ConsumerOutcome::Refused(reason))]);
	}
}

#[test]
fn quote_of_another_or_for_another_ctp_should_not_hold() {
	let id = CtpId::of(&ctp(900), &genesis());
	let other = CtpId::of(&ctp(800), &genesis());
	let forged = Body::Quote { ctp: id, quote: quote_of(STRANGER, &id) };
	let mixed = Body::Quote { ctp: id, quote: quote_of(PRODUCER, &other) };
	for bad in [forged, mixed, quote(800)] {
		let steps = hear(&mut accepted(), 1, bad);
		let told = send(2, refuse(RefuseReason::BadQuote));
		assert_eq!(steps, [told, finished(ConsumerOutcome::BadQuote)]);
	}
}

#[test]
fn letters_of_strangers_and_of_other_negotiations_should_change_nothing() {
	let mut side = asked(up_to(900));
	assert_eq!(side.letter(&letter(STRANGER, 0, counter(1)), at(1)), []);
	let mut elsewhere = letter(PRODUCER, 0, counter(1));
	elsewhere.content.negotiation = [0; 16];
	assert_eq!(side.letter(&elsewhere, at(1)), []);
	assert_eq!(hear(&mut side, 0, counter(900)), [send(1, accept(900))]);

	let mut side = countered();
	let sign = |id: &CtpId| quote_of(PRODUCER, id);
	let stranger = letter(STRANGER, 1, accept(900));
	assert_eq!(side.letter(&stranger, at(1), |_| listing(), sign), []);
	let mut elsewhere = letter(CONSUMER, 1, accept(900));
	elsewhere.content.negotiation = [0; 16];
	assert_eq!(side.letter(&elsewhere, at(1), |_| listing(), sign), []);
	assert_eq!(tell(&mut side, 1, accept(900)).len(), 2);
}

#[test]
fn consumer_should_repeat_and_then_time_out() {
	let policy = ConsumerPolicy { patience: 100, repeats: 2, ..up_to(900) };
	let mut side = asked(policy);
	assert_eq!(side.tick(at(99)), []);
	for now in [100, 200] {
		assert_eq!(side.deadline(), Some(now));
		assert_eq!(side.tick(at(now)), [send(0, ask(900))]);
	}
	assert_eq!(side.tick(at(299)), []);
	assert_eq!(side.tick(at(300)), [finished(ConsumerOutcome::TimedOut)]);
	assert_eq!((side.deadline(), side.tick(at(u64::MAX))), (None, vec![]));
	assert_eq!(hear(&mut side, 0, counter(1)), []);
}

#[test]
fn each_letter_should_be_repeated_on_its_own_account() {
	let mut side = asked(ConsumerPolicy { patience: 100, repeats: 1, ..up_to(900) });
	assert_eq!(side.tick(at(100)), [send(0, ask(900))]);
	assert_eq!(side.letter(&letter(PRODUCER, 0, counter(900)), at(150)), [send(1, accept(900))]);
	assert_eq!(side.tick(at(250)), [send(1, accept(900))]);
	assert_eq!(side.tick(at(350)), [finished(ConsumerOutcome::TimedOut)]);
}

#[test]
fn producer_should_quote_what_was_agreed() {
	let mut side = countered();
	let id = CtpId::of(&ctp(900), &genesis());
	let outcome = ProducerOutcome::Quoted { id, ctp: ctp(900), price: price(900) };
	assert_eq!(tell(&mut side, 1, accept(900)), [send(1, quote(900)), finished(outcome)]);
	assert!(side.is_over());
}

#[test]
fn producer_should_take_a_better_price() {
	let mut side = producer(policy());
	assert_eq!(tell(&mut side, 0, ask(2_000)), [send(0, counter(2_000))]);
	assert_eq!(tell(&mut side, 1, accept(2_001)).len(), 2);
}

#[test]
fn producer_should_refuse_a_ctp_of_other_terms() {
	let cheaper = ctp(898);
	let other_offer = Ctp { offer: 9, ..ctp(900) };
	let more = Ctp { energy: Energy::from_wh(501), ..ctp(900) };
	let less = Ctp { energy: Energy::from_wh(499), ..ctp(900) };
	let nothing = Ctp { amount: Money::ZERO, ..ctp(900) };
	for ctp in [cheaper, other_offer, more, less, nothing] {
		let steps = tell(&mut countered(), 1, Body::Accept { ctp });
		let reason = RefuseReason::OtherTerms;
		assert_eq!(steps, [send(1, refuse(reason)), finished(ProducerOutcome::Refused(reason))]);
	}
}

#[test]
fn producer_should_stand_by_its_word_for_as_long_as_it_said() {
	let sign = |id: &CtpId| quote_of(PRODUCER, id);
	for (block, quotes) in [(30, true), (31, false)] {
		let mut side = countered();
		let now = Now { ms: 1, block };
		let steps = side.letter(&letter(CONSUMER, 1, accept(900)), now, |_| listing(), sign);
		let quoted = matches!(steps[1], Step::Finished(ProducerOutcome::Quoted { .. }));
		assert_eq!(quoted, quotes);
		if !quotes {
			assert_eq!(steps[0], send(1, refuse(RefuseReason::TooLate)));
		}
	}
}

#[test]
fn producer_should_not_be_bound_for_longer_than_a_ctp_can_be_open() {
	let told = |mut side: Producer, expiry: u32| {
		let ctp = Ctp { expiry, ..ctp(900) };
		tell(&mut side, 1, Body::Accept { ctp })
	};
	let quotes = |steps: &[Step<ProducerOutcome>]| {
		matches!(steps, [Step::Send { body: Body::Quote { .. }, .. }, _])
	};
	let longest = Parameters::DEVELOPMENT.max_lifetime + AHEAD;
	for good in [11, 40, 10 + longest] {
		assert!(quotes(&told(countered(), good)), "{good}");
	}
	let reason = RefuseReason::OtherTerms;
	let refused = [send(1, refuse(reason)), finished(ProducerOutcome::Refused(reason))];
	// What is over already, and what could enter the database only when prices are others.
	for bad in [0, 10, 11 + longest, u32::MAX] {
		assert_eq!(told(countered(), bad), refused, "{bad}");
	}
	assert!(quotes(&told(countered().for_at_most(7), 17 + AHEAD)));
	assert_eq!(told(countered().for_at_most(7), 18 + AHEAD), refused);
}

#[test]
fn producer_should_say_why_it_does_not_sell() {
	let told = |policy: ProducerPolicy, listing: Option<Listing>| {
		let sign = |id: &CtpId| quote_of(PRODUCER, id);
		producer(policy).letter(&letter(CONSUMER, 0, ask(900)), at(1), |_| listing, sign)
	};
	let refused = |reason| [send(0, refuse(reason)), finished(ProducerOutcome::Refused(reason))];
	assert_eq!(told(policy(), None), refused(RefuseReason::NoSuchOffer));
	let little = listing().map(|listing| Listing { available: Energy::from_wh(499), ..listing });
	assert_eq!(told(policy(), little), refused(RefuseReason::NotEnough));
	let night = vec![Hours { from: 22, to: 23, permille: 0 }];
	let night = ProducerPolicy { hours: night, ..policy() };
	assert_eq!(told(night, listing()), refused(RefuseReason::NotNow));
	let silent = ProducerPolicy { rounds: 0, ..policy() };
	assert_eq!(told(silent, listing()), refused(RefuseReason::TooManyRounds));
	let nothing = Body::Ask { offer: 4, energy: Energy::ZERO, price: price(900) };
	assert_eq!(tell(&mut producer(policy()), 0, nothing), refused(RefuseReason::NotEnough));
}

#[test]
fn producer_should_bargain_as_often_as_its_policy_says() {
	let mut side = producer(ProducerPolicy { rounds: 2, ..policy() });
	assert_eq!(tell(&mut side, 0, ask(1)), [send(0, counter(900))]);
	assert_eq!(tell(&mut side, 1, ask(2)), [send(1, counter(900))]);
	let reason = RefuseReason::TooManyRounds;
	let refused = [send(2, refuse(reason)), finished(ProducerOutcome::Refused(reason))];
	assert_eq!(tell(&mut side, 2, ask(3)), refused);
}

#[test]
fn producer_should_tell_who_has_only_asked() {
	let mut side = producer(policy());
	assert!(side.is_at_first_ask());
	tell(&mut side, 0, ask(1));
	tell(&mut side, 0, ask(1));
	assert!(side.is_at_first_ask(), "it asked again because it heard nothing");
	tell(&mut side, 1, ask(2));
	assert!(!side.is_at_first_ask());
	let mut side = countered();
	tell(&mut side, 1, accept(900));
	assert!(side.is_over() && !side.is_at_first_ask());
}

#[test]
fn last_counter_offer_should_be_the_one_that_counts() {
	let mut side = countered();
	assert_eq!(tell(&mut side, 1, ask(950)), [send(1, counter(950))]);
	let steps = tell(&mut side, 2, accept(900));
	assert_eq!(steps[0], send(2, refuse(RefuseReason::OtherTerms)));
}

#[test]
fn acceptance_of_nothing_should_be_out_of_turn() {
	let steps = tell(&mut producer(policy()), 0, accept(900));
	let reason = RefuseReason::OutOfTurn;
	assert_eq!(steps, [send(0, refuse(reason)), finished(ProducerOutcome::Refused(reason))]);
}

#[test]
fn producer_should_end_when_the_consumer_refuses() {
	let reason = RefuseReason::TooExpensive;
	let steps = tell(&mut countered(), 1, refuse(reason));
	assert_eq!(steps, [finished(ProducerOutcome::RefusedByConsumer(reason))]);
}

#[test]
fn producer_should_wait_as_long_as_its_patience() {
	let mut side = countered();
	assert_eq!(side.deadline(), Some(60_001));
	assert_eq!(side.tick(at(60_000)), []);
	assert_eq!(side.tick(at(60_001)), [finished(ProducerOutcome::TimedOut)]);
	assert_eq!((side.deadline(), side.tick(at(u64::MAX))), (None, vec![]));
	// Also for a first letter that it did not understand.
	let mut side = producer(policy());
	assert_eq!(tell(&mut side, 0, counter(1)), []);
	assert_eq!(side.tick(at(60_000)), [finished(ProducerOutcome::TimedOut)]);
}

#[test]
fn letters_that_come_again_should_not_make_the_producer_wait_longer() {
	let sign = |id: &CtpId| quote_of(PRODUCER, id);
	let mut side = countered();
	for ms in [30_000, 60_000] {
		let again = letter(CONSUMER, 0, ask(850));
		assert_eq!(side.letter(&again, at(ms), |_| listing(), sign), [send(0, counter(900))]);
		assert_eq!(side.deadline(), Some(60_001));
	}
	assert_eq!(side.tick(at(60_001)), [finished(ProducerOutcome::TimedOut)]);
	// A new ask does: it is another round, and these are counted.
	let mut side = countered();
	side.letter(&letter(CONSUMER, 1, ask(850)), at(30_000), |_| listing(), sign);
	assert_eq!(side.deadline(), Some(90_000));
}

#[test]
fn producer_should_repeat_its_answer_a_few_times() {
	let mut side = countered();
	for _ in 0..3 {
		assert_eq!(tell(&mut side, 0, ask(850)), [send(0, counter(900))]);
	}
	assert_eq!(tell(&mut side, 0, ask(850)), []);
	// A quote too, when all is over; what the letter says now does not matter.
	tell(&mut side, 1, accept(900));
	assert_eq!(tell(&mut side, 1, accept(1)), [send(1, quote(900))]);
	assert_eq!(tell(&mut side, 0, ask(850)), []);
	assert_eq!(tell(&mut side, 2, ask(850)), []);
}
