//! A validator that stands still for a while and then goes on as if nothing had happened.

use spb_client::connection::Stall;
use spb_testbed::validators::NAMES;
use spb_tests::faults::{Chain, Result, Setup, Trial};
use std::{
	fs,
	time::{Duration, Instant},
};

/// Dave.
const PAUSED: usize = 3;
/// For how long.
const PAUSE: Duration = Duration::from_secs(30);

/// Takes the processor from a validator, lets the others go on, and gives it back.
pub async fn half_a_minute(trial: &mut Trial) -> Result<()> {
	let mut chain = Chain::start(trial, Setup::fast().away(&[PAUSED])).await?;
	chain.trade(trial).await?;
	let others: Vec<usize> = chain.honest().iter().copied().filter(|p| *p != PAUSED).collect();
	chain.disturb(trial).await?;
	let begun = Instant::now();
	chain.nodes[PAUSED].pause()?;
	trial.say(format!("{} is stopped for {} s", NAMES[PAUSED], PAUSE.as_secs()));
	let from = chain.goes_on(&others).await?;
	let mut heads = chain.connections[others[0]].heads(Stall::default());
	while begun.elapsed() < PAUSE {
		heads.next().await?;
	}
	drop(heads);
	let to = chain.connections[others[0]].finalized().await?.number;
	let is_stopped = state(chain.nodes[PAUSED].id())? == Some('T');
	chain.nodes[PAUSED].resume()?;
	let took = begun.elapsed().as_secs_f64();
	let over = chain.over().await?;
	if is_stopped && to > from {
		trial.attempted(format!(
			"{} was stopped for {took:.1} s, while blocks {from} to {to} became final",
			NAMES[PAUSED]
		));
	}
	chain.conclude(trial, over).await
}

/// The state of a process, as the system has it.
fn state(process: u32) -> Result<Option<char>> {
	let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
	Ok(stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()))
}
