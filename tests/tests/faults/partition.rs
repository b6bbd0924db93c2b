//! A network that falls into two halves, of which neither can finalise, and becomes one again. What a
//! half has settled alone is settled once in the end, also where its blocks are abandoned.

use spb_client::{
	connection::{Head, Status},
	meter::Reading,
};
use spb_primitives::{CtpId, Energy, Parameters};
use spb_testbed::namespaces::Network;
use spb_tests::{
	faults::{
		load::{Made, Market},
		Chain, Failure, Result, Setup, Trial,
	},
	scene::tenths,
};
use std::time::Duration;
use tokio::{
	task::block_in_place,
	time::{interval, timeout},
};

/// Those who are cut off: Charlie and Dave.
const CUT_OFF: [usize; 2] = [2, 3];
/// Those who are left.
const LEFT: [usize; 2] = [0, 1];
/// Blocks that each half makes alone.
const ALONE: u32 = 20;
/// How long a half may take to take in and to settle a CTP of its own.
const SETTLES: Duration = Duration::from_secs(120);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// As the `fast` preset, with CTPs that outlive the time without finality.
const PARAMETERS: Parameters = Parameters {
	min_lifetime: 5,
	max_lifetime: 200,
	grace: 10,
	evidence_window: 200,
	slot_duration: 500,
};

/// Cuts the network between two and two, and heals it.
pub async fn two_against_two(trial: &mut Trial) -> Result<()> {
	// It goes last: the nodes are in it.
	let network = block_in_place(Network::make)?;
	let setup = Setup::fast().parameters(PARAMETERS).inside(network.namespaces());
	let mut chain = Chain::start(trial, setup).await?;
	chain.trade(trial).await?;
	let everyone = chain.honest().to_vec();
	// One consumer for each half.
	let market = chain.open_market(trial, "halves", 1, 2).await?.clone();
	chain.goes_on(&everyone).await?;
	chain.disturb(trial).await?;

	block_in_place(|| network.cut_off(&CUT_OFF))?;
	let cut = chain.best(&everyone).await?;
	trial.say(format!("cut after block {cut}"));
	let (left, right) = (LEFT[0], CUT_OFF[0]);
	let own = tokio::try_join!(alone(&chain, &market, 0, left), alone(&chain, &market, 1, right))?;
	let (own_left, own_right) = own;
	// Neither has heard of what the other has settled.
	let is_unknown = |place: usize, id: CtpId| {
		let connection = &chain.connections[place];
		async move {
			let status = connection.ctp(&id, None).await?.status;
			Ok::<_, Failure>(status == Status::Unknown)
		}
	};
	let apart = is_unknown(left, own_right.issued.id).await?
		&& is_unknown(right, own_left.issued.id).await?;
	chain.until_best(&everyone, cut.saturating_add(ALONE)).await?;
	let (left, right) = (side(&chain, left, cut).await?, side(&chain, right, cut).await?);
	block_in_place(|| network.heal())?;
	let over = chain.over().await?;
	trial.say("healed");
	let own = [own_left, own_right];
	chain.until_settled(&own).await?;
	let kept = chain.connections[LEFT[0]].hash_of(left.block.number).await?;
	let abandoned = match kept {
		kept if kept == left.block.hash => "Charlie's and Dave's",
		kept if kept == right.block.hash => "Alice's and Bob's",
		_ => return Err("no half's blocks are on the chain".into()),
	};
	let stood_still = left.finalized <= cut && right.finalized <= cut;
	if stood_still && apart && left.block != right.block {
		trial.attempted(format!(
			"both halves made more than {ALONE} blocks after block {cut}, with different ones at {}, \
			 settled a CTP each that the other had not heard of, and finalised nothing; {abandoned} \
			 blocks were abandoned",
			left.block.number
		));
	}
	chain.made.extend(own);
	chain.conclude(trial, over).await
}

/// A CTP that a half takes in and settles in blocks of its own.
async fn alone(chain: &Chain, market: &Market, consumer: usize, place: usize) -> Result<Made> {
	let connection = &chain.connections[place];
	let trader = market.consumers()[consumer].trader(connection);
	let lifetime = PARAMETERS.max_lifetime.saturating_sub(4);
	let order = market.order(consumer, tenths(1), lifetime);
	let issued = trader.commit(&order).await?;
	let id = issued.id;
	let reaches = |status: Status| async move {
		let mut pace = interval(LOOK);
		while connection.ctp(&id, None).await?.status != status {
			pace.tick().await;
		}
		Ok::<_, Failure>(())
	};
	let late = |_| format!("a half takes in or settles nothing of its own (node {place})");
	timeout(SETTLES, reaches(Status::Open)).await.map_err(late)??;
	let delivered: Energy = order.energy;
	trader.confirm(&issued.id, delivered, Reading::New).await?;
	timeout(SETTLES, reaches(Status::Settled)).await.map_err(late)??;
	let mut made = Made::new(issued, Some(delivered));
	made.confirmed = true;
	Ok(made)
}

/// What a half has come to.
struct Side {
	finalized: u32,
	/// Its block in the middle of the time alone.
	block: Head,
}

async fn side(chain: &Chain, place: usize, cut: u32) -> Result<Side> {
	let connection = &chain.connections[place];
	let number = cut.saturating_add(ALONE / 2);
	let block = Head { number, hash: connection.hash_of(number).await? };
	Ok(Side { finalized: connection.finalized().await?.number, block })
}
