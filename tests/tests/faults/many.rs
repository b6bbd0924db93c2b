//! A thousand CTPs, open at once and settled at once from all nodes.

use futures::future::try_join_all;
use spb_client::{
	chain::calls,
	meter::{MeterError, Reading, Receipt},
	trade::{TradeError, Trader},
};
use spb_primitives::{BlockNumber, Energy};
use spb_testbed::specification::FAST;
use spb_tests::{
	faults::{
		load::{Made, Market},
		Chain, Result, Setup, Trial,
	},
	scene::tenths,
};

const PRODUCERS: usize = 4;
const CONSUMERS: usize = 20;
/// CTPs of each consumer: fewer than the 64 that a vault may have open.
const EACH: usize = 50;
/// All CTPs.
const ALL: u32 = (CONSUMERS * EACH) as u32;
/// Long enough for the slowest machine to open all of them.
const LIFETIME: BlockNumber = FAST.max_lifetime - 20;
/// In so many blocks after the last receipt was handed in all must have settled, and these blocks must be
/// final: messages travel within some seconds, and all of them fit into one block.
const AT_ONCE: BlockNumber = 20;
/// How often a consumer tries another one-time key, which makes another place in the pool.
const ATTEMPTS: usize = 8;

/// Opens a thousand CTPs and settles all of them at once.
///
/// On the preset's lifetimes of 20 seconds the first would be over before a thousand are open: here
/// they are longer, and a block takes a second.
pub async fn a_thousand(trial: &mut Trial) -> Result<()> {
	let mut chain = Chain::start(trial, Setup::fast().parameters(FAST)).await?;
	let market = chain.open_market(trial, "many", PRODUCERS, CONSUMERS).await?.clone();
	trial.say(format!("{CONSUMERS} consumers open {EACH} CTPs each"));
	let traders = |turn: usize| {
		let consumers = market.consumers().iter().enumerate();
		let connections = &chain.connections;
		consumers
			.map(move |(n, consumer)| consumer.trader(&connections[(n + turn) % connections.len()]))
	};
	let opened = traders(0).enumerate().map(|(consumer, trader)| open(&market, consumer, trader));
	let mut made = try_join_all(opened).await?;
	let everyone = chain.honest().to_vec();
	let open = chain.until_open(&everyone, ALL).await?;
	trial.say(format!("{ALL} CTPs are open after block {open} on all nodes"));

	// All receipts are made before the first is sent, each over another node than the one where its
	// CTP was opened.
	let receipts = traders(1).zip(&made).map(|(trader, made)| receipts(trader, made, open));
	let receipts: Vec<_> = receipts.collect::<Result<_>>()?;
	try_join_all(traders(1).zip(receipts).map(|(trader, receipts)| send(trader, receipts))).await?;
	let handed_in = chain.best(&everyone).await?;
	let over = chain.over().await?;
	made.iter_mut().flatten().for_each(|made| made.confirmed = true);
	chain.made = made.into_iter().flatten().collect();
	trial.attempted(format!("{ALL} CTPs were open on all nodes and were confirmed over all nodes"));
	let closed = chain.until_open(&everyone, 0).await?;
	let took = closed.saturating_sub(handed_in);
	trial.note(format!(
		"none is open any more after block {closed}, {took} after the last receipt was handed in and {} \
		 after all were open",
		closed.saturating_sub(open)
	));
	if took > AT_ONCE {
		return Err(format!("settling took {took} blocks, more than {AT_ONCE}").into());
	}
	chain.conclude(trial, over).await
}

async fn open(market: &Market, consumer: usize, trader: Trader) -> Result<Vec<Made>> {
	let order = market.order(consumer, tenths(1), LIFETIME);
	let mut made = Vec::new();
	let mut attempts = 1;
	while made.len() < EACH {
		match trader.commit(&order).await {
			Ok(issued) => {
				made.push(Made::new(issued, Some(order.energy)));
				attempts = 1;
			},
			Err(TradeError::Meter(MeterError::NoPlace)) if attempts < ATTEMPTS => attempts += 1,
			Err(error) => return Err(error.into()),
		}
	}
	Ok(made)
}

/// The meter's word on each CTP, at a block.
fn receipts(trader: Trader, made: &[Made], at: BlockNumber) -> Result<Vec<Receipt>> {
	let (meter, genesis) = (trader.meter(), trader.connection().genesis());
	let receipts = made.iter().map(|made| {
		let delivered = made.deliver.unwrap_or(Energy::ZERO);
		Ok(meter.confirm(&made.issued.id, delivered, Reading::New, at, &genesis, &())?)
	});
	receipts.collect()
}

async fn send(trader: Trader, receipts: Vec<Receipt>) -> Result<()> {
	for Receipt { erc, proof, .. } in receipts {
		trader.connection().submit_message(&calls::confirm_receipt(erc, proof)).await?;
	}
	Ok(())
}
