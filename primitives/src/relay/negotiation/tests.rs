//! Both sides of a negotiation, in every order of events.

mod orders;
mod policies;
mod sides;

use super::*;
use crate::{
	message::quote_payload,
	relay::{
		letter::{Content, Letter, RefuseReason},
		types::ContactKey,
	},
	AccountId, Ctp, CtpId, Energy, Genesis, Money, Parameters, Price, Quote, ReceiptKey,
};
use sp_core::{ed25519, Pair, H256};

const NEGOTIATION: [u8; 16] = [9; 16];
const FEE: Money = Money::from_units(7);
const LISTED: Price = Price::per_kwh(1_000);
const ENERGY: Energy = Energy::from_wh(500);

fn genesis() -> Genesis {
	H256::repeat_byte(0x5b)
}

fn pair(seed: u8) -> ed25519::Pair {
	ed25519::Pair::from_seed(&[seed; 32])
}

fn account(seed: u8) -> AccountId {
	AccountId::from(pair(seed).public().0)
}

/// The seeds of both sides, and of someone else.
const CONSUMER: u8 = 1;
const PRODUCER: u8 = 2;
const STRANGER: u8 = 3;

fn at(ms: u64) -> Now {
	Now { ms, block: 10 }
}

fn price(units: u128) -> Price {
	Price::per_kwh(units)
}

fn letter(author: u8, sequence: u16, body: Body) -> Letter {
	Content {
		author: account(author),
		to: ContactKey([1; 32]),
		reply_to: ContactKey([2; 32]),
		negotiation: NEGOTIATION,
		sequence,
		sent_at: 0,
		body,
	}
	.sign(&genesis(), |payload| pair(author).sign(payload).into())
}

fn deal() -> Deal {
	Deal {
		offer: 4,
		producer: account(PRODUCER),
		energy: ENERGY,
		vault: 5,
		receipt_key: ReceiptKey(H256::repeat_byte(6)),
		lifetime: 30,
		fee: FEE,
		min_amount: Money::from_units(14),
	}
}

fn consumer(policy: ConsumerPolicy) -> Consumer {
	Consumer::new(NEGOTIATION, deal(), policy, genesis())
}

fn policy() -> ProducerPolicy {
	let discounts = vec![Discount { from: ENERGY, permille: 100 }];
	ProducerPolicy { floor: price(800), discounts, ..Default::default() }
}

fn producer(policy: ProducerPolicy) -> Producer {
	let first = letter(CONSUMER, 0, ask(900));
	Producer::new(&first, policy, FEE, genesis(), at(0))
}

fn listing() -> Option<Listing> {
	Some(Listing { available: Energy::from_wh(10_000), price: LISTED })
}

fn quote_of(seed: u8, id: &CtpId) -> Quote {
	pair(seed).sign(&quote_payload(id, &genesis())).into()
}

fn ask(units: u128) -> Body {
	Body::Ask { offer: 4, energy: ENERGY, price: price(units) }
}

fn counter(units: u128) -> Body {
	Body::CounterOffer { price: price(units), valid_for: 20 }
}

fn refuse(reason: RefuseReason) -> Body {
	Body::Refuse { reason }
}

fn ctp(units: u128) -> Ctp {
	deal().ctp(price(units), 10).expect("it can be counted")
}

fn accept(units: u128) -> Body {
	Body::Accept { ctp: ctp(units) }
}

fn quote(units: u128) -> Body {
	let ctp = CtpId::of(&ctp(units), &genesis());
	Body::Quote { ctp, quote: quote_of(PRODUCER, &ctp) }
}

/// A letter of the producer comes to the consumer.
fn hear(side: &mut Consumer, sequence: u16, body: Body) -> Vec<Step<ConsumerOutcome>> {
	side.letter(&letter(PRODUCER, sequence, body), at(1))
}

/// A letter of the consumer comes to the producer.
fn tell(side: &mut Producer, sequence: u16, body: Body) -> Vec<Step<ProducerOutcome>> {
	let sign = |id: &CtpId| quote_of(PRODUCER, id);
	side.letter(&letter(CONSUMER, sequence, body), at(1), |_| listing(), sign)
}

fn send<O>(sequence: u16, body: Body) -> Step<O> {
	Step::Send { sequence, body }
}
