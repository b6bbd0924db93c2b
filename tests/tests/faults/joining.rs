//! Validators that have lost everything, or come late: they catch up and author.

use spb_client::connection::Connection;
use spb_testbed::{node::Options, validators::NAMES};
use spb_tests::faults::{Chain, Result, Setup, Trial};
use std::time::Duration;
use tokio::time::Instant;

/// How long a validator may take to author once it is synced.
const AUTHORS: Duration = Duration::from_secs(60);
/// How long it may take to sync.
const SYNCS: Duration = Duration::from_secs(600);
/// Blocks of a long chain.
const LONG: u32 = 2_000;
/// Blocks of it that are made while the load goes on, before anyone joins.
const TRADED: u32 = 100;

/// Dave loses his disk and comes back with nothing.
pub async fn wiped(trial: &mut Trial) -> Result<()> {
	let mut chain = Chain::start(trial, Setup::fast()).await?;
	chain.trade(trial).await?;
	let everyone = chain.honest().to_vec();
	chain.goes_on(&everyone).await?;
	let joined = join(trial, &mut chain, 3, |options| options).await?;
	let over = chain.over().await?;
	trial.attempted(joined);
	chain.conclude(trial, over).await
}

/// Dave joins a long chain by warp sync, and Charlie joins it from its first block on.
pub async fn long_chain(trial: &mut Trial) -> Result<()> {
	let mut chain = Chain::start(trial, Setup::fast()).await?;
	let everyone = chain.honest().to_vec();
	chain.until_final_within(&everyone, LONG - TRADED, SYNCS * 4).await?;
	trial.say(format!("{} blocks are final", LONG - TRADED));
	chain.trade(trial).await?;
	chain.until_final(&everyone, LONG).await?;
	trial.say(format!("{LONG} blocks are final"));
	let warp = |options: Options| options.argument("--sync").argument("warp");
	let by_warp = join(trial, &mut chain, 3, warp).await?;
	let from_genesis = join(trial, &mut chain, 2, |options| options).await?;
	let over = chain.over().await?;
	trial.attempted(format!("by warp sync: {by_warp}; from genesis: {from_genesis}"));
	chain.conclude(trial, over).await
}

/// Takes everything from a validator, starts it again, and waits until it is synced and has authored.
async fn join(
	trial: &Trial,
	chain: &mut Chain,
	place: usize,
	change: impl Fn(Options) -> Options,
) -> Result<String> {
	let name = NAMES[place];
	let others: Vec<usize> = chain.honest().iter().copied().filter(|p| *p != place).collect();
	chain.kill(place)?;
	let without = chain.goes_on(&others).await?;
	chain.start_anew(place, change)?;
	let begun = Instant::now();
	trial.say(format!("{name} begins with nothing at block {without}"));
	let synced = async {
		let mut pace = tokio::time::interval(Duration::from_millis(100));
		loop {
			pace.tick().await;
			let best = chain.connections[place].best().await?.number;
			if best.saturating_add(1) >= chain.best(&others).await? {
				return Ok::<_, spb_tests::faults::Failure>(best);
			}
		}
	};
	let synced = tokio::time::timeout(SYNCS, synced).await;
	let synced = synced.map_err(|_| format!("{name} does not sync"))??;
	let took = begun.elapsed();
	trial.say(format!("{name} is synced at block {synced} after {:.1} s", took.as_secs_f64()));
	let (since, mut next) = (Instant::now(), synced);
	let witness: &Connection = &chain.connections[others[0]];
	let block = 'authored: loop {
		let finalized = witness.finalized().await?.number;
		while next < finalized {
			next += 1;
			if chain.author(witness, next).await? == Some(place) {
				break 'authored next;
			}
		}
		if since.elapsed() > AUTHORS {
			return Err(format!("{name} authors nothing in {} s", AUTHORS.as_secs()).into());
		}
		chain.goes_on(&others).await?;
	};
	Ok(format!(
		"{name} began with nothing, was synced at block {synced} after {:.1} s, and block {block} of its \
		 was final {:.1} s later",
		took.as_secs_f64(),
		since.elapsed().as_secs_f64()
	))
}
