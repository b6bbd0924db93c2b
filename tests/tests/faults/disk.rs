//! A validator whose disk is full.

use spb_testbed::{disk::SmallDisk, validators::NAMES};
use spb_tests::faults::{chain, Chain, Result, Setup, Trial};
use std::{fs, time::Duration};
use tokio::task::block_in_place;

/// Dave.
const FULL: usize = 3;
/// Megabytes: the beginning of a chain fits several times.
const SIZE: u32 = 512;
/// How long a node may take to notice.
const NOTICED: Duration = Duration::from_secs(60);
/// How often a node may be started until it runs again: what it wrote last may be cut off.
const STARTS: usize = 3;
/// How it says so in its log.
const SAID: [&str; 2] = ["No space left on device", "StorageFull"];

/// Fills a validator's disk, frees it, and starts the validator again.
pub async fn full(trial: &mut Trial) -> Result<()> {
	let disk = SmallDisk::mount(&chain::data(trial).join(NAMES[FULL]), SIZE)?;
	let mut chain = Chain::start(trial, Setup::fast().away(&[FULL])).await?;
	chain.trade(trial).await?;
	let everyone = chain.honest().to_vec();
	let others: Vec<usize> = everyone.iter().copied().filter(|place| *place != FULL).collect();
	chain.goes_on(&everyone).await?;
	chain.disturb(trial).await?;

	let bytes = block_in_place(|| disk.fill())?;
	trial.say(format!("{}'s disk is full, with {bytes} bytes of something else", NAMES[FULL]));
	let noticed = tokio::time::timeout(NOTICED, noticed(&mut chain)).await;
	let noticed = noticed.map_err(|_| "a full disk went unnoticed")??;
	let without = chain.goes_on(&others).await?;
	disk.free()?;
	let ended = chain.nodes[FULL].ended()?;
	let starts = start_again(trial, &mut chain)?;
	let over = chain.over().await?;
	trial.say(format!("{}'s disk has room again", NAMES[FULL]));
	trial.attempted(format!(
		"{} noticed ({noticed}), {}, block {without} became final without it, and with room again it runs \
		 from start {starts} on",
		NAMES[FULL],
		ended.map_or("was stopped".into(), |status| format!("ended by itself ({status})")),
	));
	chain.conclude(trial, over).await
}

/// Starts the node until it runs, and says how often that took.
fn start_again(trial: &mut Trial, chain: &mut Chain) -> Result<usize> {
	let mut failure = None;
	for start in 1..=STARTS {
		match chain.restart(FULL) {
			Ok(()) => return Ok(start),
			Err(error) => {
				trial.note(format!(
					"start {start} of {} with room on its disk: {error}",
					NAMES[FULL]
				));
				failure = Some(error);
			},
		}
	}
	Err(failure.unwrap_or_else(|| "no start was tried".into()))
}

/// Waits until the node has ended or complains, and says which.
async fn noticed(chain: &mut Chain) -> Result<String> {
	let mut pace = tokio::time::interval(Duration::from_millis(100));
	loop {
		pace.tick().await;
		let log = fs::read_to_string(chain.nodes[FULL].log())?;
		if let Some(line) = log.lines().find(|line| SAID.iter().any(|said| line.contains(said))) {
			return Ok(line.to_owned());
		}
		if let Some(status) = chain.nodes[FULL].ended()? {
			return Ok(status.to_string());
		}
	}
}
