//! A validator whose clock is wrong for a while.

use spb_testbed::{clock::Clock, validators::NAMES, Node};
use spb_tests::faults::{Chain, Result, Setup, Trial};
use std::{fs, sync::Arc};

/// Dave.
const WRONG: usize = 3;
/// Blocks that the others finalise meanwhile.
const MEANWHILE: u32 = 40;
/// How far apart the clocks of two logs must be to show that one is wrong. Nodes write every few
/// seconds.
const APART: i64 = 10;
/// Seconds in a day.
const DAY: i64 = 86_400;

/// Puts a validator's clock wrong by so many seconds, and right again.
pub async fn off_by(trial: &mut Trial, seconds: i32) -> Result<()> {
	let clock = Arc::new(Clock::right(trial.folder())?);
	let given = clock.clone();
	let setup = Setup::fast().change(WRONG, move |options| given.given_to(options));
	let mut chain = Chain::start(trial, setup).await?;
	chain.trade(trial).await?;
	let everyone = chain.honest().to_vec();
	let others: Vec<usize> = everyone.iter().copied().filter(|place| *place != WRONG).collect();
	let from = chain.goes_on(&everyone).await?;
	chain.disturb(trial).await?;

	clock.put(seconds)?;
	trial.say(format!("{}'s clock is {seconds} s off", NAMES[WRONG]));
	chain.until_final(&others, from.saturating_add(MEANWHILE)).await?;
	let apart = time_of(&chain.nodes[WRONG])? - time_of(&chain.nodes[0])?;
	let apart = (apart + DAY / 2).rem_euclid(DAY) - DAY / 2;
	clock.put(0)?;
	let over = chain.over().await?;
	trial.say(format!("{}'s clock is right again", NAMES[WRONG]));
	if apart.signum() == i64::from(seconds).signum() && apart.abs() >= APART {
		trial.attempted(format!(
			"{}'s log was {apart} s off the others' while they finalised {MEANWHILE} blocks",
			NAMES[WRONG]
		));
	}
	chain.conclude(trial, over).await
}

/// The time of day, in seconds, with which the last line of a node's log begins.
fn time_of(node: &Node) -> Result<i64> {
	let log = fs::read_to_string(node.log())?;
	let times = log.lines().rev().filter_map(|line| {
		let mut parts = line.split_whitespace().nth(1)?.splitn(3, ':');
		let mut next = || parts.next()?.parse::<i64>().ok();
		Some((next()? * 60 + next()?) * 60 + next()?)
	});
	times.into_iter().next().ok_or_else(|| "a node's log tells no time".into())
}
