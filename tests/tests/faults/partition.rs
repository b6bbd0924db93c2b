//! A network that falls into two halves, of which neither can finalise, and becomes one again.

use spb_client::connection::Head;
use spb_primitives::Parameters;
use spb_testbed::namespaces::Network;
use spb_tests::faults::{Chain, Result, Setup, Trial};
use tokio::task::block_in_place;

/// Those who are cut off: Charlie and Dave.
const CUT_OFF: [usize; 2] = [2, 3];
/// Those who are left.
const LEFT: [usize; 2] = [0, 1];
/// Blocks that each half makes alone.
const ALONE: u32 = 20;
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
	chain.goes_on(&everyone).await?;

	block_in_place(|| network.cut_off(&CUT_OFF))?;
	let cut = chain.best(&everyone).await?;
	trial.say(format!("cut after block {cut}"));
	chain.until_best(&everyone, cut.saturating_add(ALONE)).await?;
	let (left, right) = (side(&chain, LEFT[0], cut).await?, side(&chain, CUT_OFF[0], cut).await?);
	block_in_place(|| network.heal())?;
	let over = chain.over().await?;
	trial.say("healed");
	let stood_still = left.finalized <= cut && right.finalized <= cut;
	if stood_still && left.block != right.block {
		trial.attempted(format!(
			"both halves made more than {ALONE} blocks after block {cut}, with different ones at {}, \
			 and finalised none of them",
			left.block.number
		));
	}
	chain.conclude(trial, over).await
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
