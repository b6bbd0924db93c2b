//! A power cut at each validator in turn.

use super::joining::authored;
use spb_testbed::validators::NAMES;
use spb_tests::faults::{Chain, Result, Setup, Trial};

/// SIGKILL, as the system counts signals.
const KILLED: i32 = 9;

/// Kills each validator, lets the others go on without it, and starts it again, upon which it makes blocks
/// as before. A power cut takes no database: each must have that of every block, also of those that it missed.
pub async fn each_in_turn(trial: &mut Trial) -> Result<()> {
	let mut chain = Chain::start(trial, Setup::fast()).await?;
	chain.trade(trial).await?;
	let everyone = chain.honest().to_vec();
	chain.disturb(trial).await?;
	let (mut killed, mut over) = (Vec::new(), chain.over().await?);
	for place in everyone.clone() {
		let others: Vec<usize> = everyone.iter().copied().filter(|other| *other != place).collect();
		let before = chain.nodes[place].id();
		let signal = chain.kill(place)?;
		trial.say(format!("{} is killed", NAMES[place]));
		let without = chain.goes_on(&others).await?;
		chain.restart(place)?;
		over = chain.over().await?;
		let missed = chain.connections[place].database(None).await?.number;
		trial.say(format!("{} is back at block {missed}", NAMES[place]));
		chain.note_finality(trial, over).await?;
		let block = authored(&chain, place, &others, chain.best(&everyone).await?).await?;
		if signal == Some(KILLED) && chain.nodes[place].id() != before {
			killed.push(format!(
				"{} until block {without} was final without it, and block {block} of its was final \
				 afterwards",
				NAMES[place]
			));
		}
	}
	if killed.len() == everyone.len() {
		trial.attempted(format!("killed by SIGKILL: {}", killed.join(", ")));
	}
	chain.conclude(trial, over).await
}
