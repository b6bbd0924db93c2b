//! A validator whose disk is full.

use spb_testbed::{disk::SmallDisk, validators::NAMES};
use spb_tests::faults::{chain, Chain, Failure, Result, Setup, Trial};
use std::{fs, os::unix::process::ExitStatusExt, time::Duration};
use tokio::task::block_in_place;

/// Dave.
const FULL: usize = 3;
/// Megabytes: the beginning of a chain fits several times.
const SIZE: u32 = 512;
/// How long a node may take to notice.
const NOTICED: Duration = Duration::from_secs(60);
/// How often its log is looked at after its end.
const LAST_WORDS: usize = 10;
/// How often a node may be started until it runs again: what it wrote last may be cut off.
const STARTS: usize = 3;
/// How it says so in its log.
const SAID: [&str; 2] = ["No space left on device", "StorageFull"];
/// SIGBUS, as the system counts signals: what ends who writes through a memory map where there is no room.
const BUS: i32 = 7;

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
	let starts = start_again(trial, &mut chain, &others).await?;
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

/// Starts the node until it runs, also when the others have made the next block final, and says how often
/// that took.
async fn start_again(trial: &mut Trial, chain: &mut Chain, others: &[usize]) -> Result<usize> {
	let mut failure: Failure = "no start was tried".into();
	for start in 1..=STARTS {
		failure = match chain.restart(FULL) {
			Ok(()) => {
				chain.goes_on(others).await?;
				match chain.nodes[FULL].ended()? {
					None => return Ok(start),
					Some(status) => format!("it ran, and ended by itself ({status})").into(),
				}
			},
			Err(error) => error,
		};
		trial.note(format!("start {start} of {} with room on its disk: {failure}", NAMES[FULL]));
	}
	Err(failure)
}

/// Waits until the node complains of its disk or was ended by the signal for it, and says which. Another
/// end is none that a full disk explains.
async fn noticed(chain: &mut Chain) -> Result<String> {
	let mut pace = tokio::time::interval(Duration::from_millis(100));
	let mut looks = 0;
	loop {
		pace.tick().await;
		let ended = chain.nodes[FULL].ended()?;
		looks += usize::from(ended.is_some());
		let log = fs::read_to_string(chain.nodes[FULL].log())?;
		if let Some(line) = log.lines().find(|line| SAID.iter().any(|said| line.contains(said))) {
			return Ok(line.to_owned());
		}
		match ended {
			Some(status) if status.signal() == Some(BUS) => return Ok(status.to_string()),
			// Its last words may still be on their way into its log.
			Some(status) if looks > LAST_WORDS => {
				let tail = chain.nodes[FULL].tail();
				let end = format!("it ended ({status}) and said nothing of its disk:\n{tail}");
				return Err(end.into());
			},
			_ => {},
		}
	}
}
