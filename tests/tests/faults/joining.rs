//! Validators that have lost everything or a part, or come late: they catch up and author.

use spb_client::connection::{Connection, Hash};
use spb_testbed::{
	database,
	metrics::{Metrics, Sample},
	node::Options,
	validators::NAMES,
};
use spb_tests::faults::{Chain, Failure, Result, Setup, Trial};
use std::{
	fs,
	time::{Duration, Instant},
};
use tokio::{task::block_in_place, time::timeout};

/// How long a validator may take to author once it is synced.
const AUTHORS: Duration = Duration::from_secs(60);
/// How long it may take to sync.
const SYNCS: Duration = Duration::from_secs(600);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// Between two looks at a node that imports many blocks.
const CLOSE_LOOK: Duration = Duration::from_millis(10);
/// Blocks of a long chain.
const LONG: u32 = 2_000;
/// Blocks of it that are made while trades go on, at its beginning and again before anyone joins.
const TRADED: u32 = 100;
/// Blocks that a validator lacks which is killed while it imports them.
const LACKED: u32 = 150;
/// So many of them it must still lack when it is killed.
const LEFT: u32 = 20;
/// How often it is killed at the most.
const KILLS: usize = 5;

/// Blocks that a validator may make itself between being synced and being asked how many it has judged.
const MADE_MEANWHILE: f64 = 4.0;

/// What a node's log says when it has come by warp sync.
const WARPED: &str = "Warp sync is complete";

/// Dave loses his disk and comes back with nothing.
pub async fn wiped(trial: &mut Trial) -> Result<()> {
	let mut chain = Chain::start(trial, Setup::fast().away(&[3])).await?;
	chain.trade(trial).await?;
	let everyone = chain.honest().to_vec();
	chain.goes_on(&everyone).await?;
	chain.disturb(trial).await?;
	let joined = join(trial, &mut chain, 3, |options| options).await?;
	let over = chain.over().await?;
	trial.attempted(joined.text);
	chain.conclude(trial, over).await
}

/// Dave joins a long chain by warp sync, and Charlie joins it from its first block on.
pub async fn long_chain(trial: &mut Trial) -> Result<()> {
	let mut chain = Chain::start(trial, Setup::fast().away(&[2, 3])).await?;
	let everyone = chain.honest().to_vec();
	// Of the trades at the beginning no one keeps the evidence until someone joins.
	chain.trade(trial).await?;
	chain.until_final(&everyone, TRADED).await?;
	chain.rest(trial).await?;
	chain.until_final_within(&everyone, LONG - TRADED, SYNCS * 4).await?;
	trial.say(format!("{} blocks are final", LONG - TRADED));
	chain.trade(trial).await?;
	chain.until_final(&everyone, LONG).await?;
	trial.say(format!("{LONG} blocks are final"));
	chain.disturb(trial).await?;
	let warp = |options: Options| options.argument("--sync").argument("warp");
	let by_warp = join(trial, &mut chain, 3, warp).await?;
	let gap = filled(&chain, 3).await?;
	trial.note(format!("the gap behind the warp is filled: block 1 is {gap:?} there too"));
	let from_genesis = join(trial, &mut chain, 2, |options| options).await?;
	let over = chain.over().await?;
	let warped = |place: usize| {
		let log = fs::read_to_string(chain.nodes[place].log());
		log.map(|log| log.contains(WARPED))
	};
	// It has come into the window: what no one has evidence for any more lay behind it, and what is near
	// the end was judged before it made blocks itself.
	let (early, late) = (from_genesis.unjudged, from_genesis.judged);
	if early == 0.0 || late <= MADE_MEANWHILE {
		return Err(format!(
			"from genesis, {late} blocks were judged and {early} not: the evidence window was not crossed"
		)
		.into());
	}
	if warped(3)? && !warped(2)? {
		let (by_warp, from_genesis) = (by_warp.text, from_genesis.text);
		trial.attempted(format!("by warp sync: {by_warp}; from genesis: {from_genesis}"));
	}
	chain.conclude(trial, over).await
}

/// Dave, who lacks many blocks, is killed again and again while he imports them.
pub async fn killed_while_importing(trial: &mut Trial) -> Result<()> {
	const PLACE: usize = 3;
	let mut chain = Chain::start(trial, Setup::fast().away(&[PLACE])).await?;
	chain.trade(trial).await?;
	let others = others(&chain, PLACE);
	chain.until_final(&others, LACKED).await?;
	chain.disturb(trial).await?;
	chain.kill(PLACE)?;
	chain.start_anew(PLACE, |options| options)?;
	let (mut killed, mut last) = (Vec::new(), 0);
	while killed.len() < KILLS {
		let Some(at) = importing(&chain, PLACE, &others, last).await? else { break };
		chain.kill(PLACE)?;
		trial.say(format!("{} is killed while it imports block {at} or a later one", NAMES[PLACE]));
		killed.push(at);
		last = at;
		chain.restart(PLACE)?;
	}
	let begun = Instant::now();
	let synced = synced(&chain, PLACE, &others).await?;
	let authored = authored(&chain, PLACE, &others, synced).await?;
	let over = chain.over().await?;
	if !killed.is_empty() {
		trial.attempted(format!(
			"{} was killed while it imported blocks {killed:?}; it was synced at block {synced}, and \
			 block {authored} of its was final {:.1} s after the last start",
			NAMES[PLACE],
			begun.elapsed().as_secs_f64()
		));
	}
	chain.conclude(trial, over).await
}

/// Charlie's CTP database is gone, and the chain beside it is not.
pub async fn lost_database(trial: &mut Trial) -> Result<()> {
	const PLACE: usize = 2;
	let mut chain = Chain::start(trial, Setup::fast().away(&[PLACE])).await?;
	chain.trade(trial).await?;
	let others = others(&chain, PLACE);
	chain.disturb(trial).await?;
	block_in_place(|| chain.nodes[PLACE].stop())?;
	database::remove(chain.validators.folder(PLACE))?;
	trial.say(format!("{}'s CTP database is gone", NAMES[PLACE]));
	let without = chain.goes_on(&others).await?;
	chain.restart(PLACE)?;
	let synced = synced(&chain, PLACE, &others).await?;
	let authored = authored(&chain, PLACE, &others, synced).await?;
	let restored = chain.nodes[PLACE].metrics().await?.sum("spb_databases_restored_total");
	let over = chain.over().await?;
	if restored > 0.0 {
		trial.attempted(format!(
			"{}'s CTP database was deleted; it came back at block {without}, restored {restored} \
			 databases, and block {authored} of its is final",
			NAMES[PLACE]
		));
	}
	chain.conclude(trial, over).await
}

/// The honest validators but one.
fn others(chain: &Chain, place: usize) -> Vec<usize> {
	chain.honest().iter().copied().filter(|other| *other != place).collect()
}

/// What a validator counts, once it has opened the port where it says so.
async fn metrics(chain: &Chain, place: usize) -> Result<Metrics> {
	let asking = async {
		let mut pace = tokio::time::interval(LOOK);
		loop {
			pace.tick().await;
			if let Ok(metrics) = chain.nodes[place].metrics().await {
				return metrics;
			}
		}
	};
	let asked = timeout(AUTHORS, asking).await;
	Ok(asked.map_err(|_| format!("{} does not say what it counts", NAMES[place]))?)
}

/// How many blocks a validator has judged and found good, and how many it has imported without judging
/// them.
async fn judged(chain: &Chain, place: usize) -> Result<(f64, f64)> {
	let metrics = metrics(chain, place).await?;
	let good = |sample: &&Sample| sample.labels.get("verdict").is_some_and(|is| is == "ok");
	let judged = metrics.samples("spb_blocks_checked_total").filter(good);
	let judged = judged.map(|sample| sample.value).sum();
	Ok((judged, metrics.sum("spb_blocks_unjudged_total")))
}

/// Waits until a validator that came by warp sync has the first block too; gives its hash.
async fn filled(chain: &Chain, place: usize) -> Result<Hash> {
	let first = chain.connections[0].hash_of(1).await?;
	let filling = async {
		let mut pace = tokio::time::interval(LOOK);
		loop {
			pace.tick().await;
			// Until then it knows of no such block.
			let Ok(hash) = chain.connections[place].hash_of(1).await else { continue };
			if chain.connections[place].header(hash).await.is_ok() {
				return hash;
			}
		}
	};
	let filled = timeout(SYNCS, filling).await;
	let filled = filled.map_err(|_| format!("{}'s chain keeps its gap", NAMES[place]))?;
	if filled == first {
		return Ok(filled);
	}
	Err(format!("{} has {filled:?} as block 1, others have {first:?}", NAMES[place]).into())
}

/// Waits until a validator imports blocks, after this one, and is far from having all; gives the last
/// one that it has then. Nothing where it has caught up.
async fn importing(
	chain: &Chain,
	place: usize,
	others: &[usize],
	after: u32,
) -> Result<Option<u32>> {
	let target = chain.best(others).await?;
	let looking = async {
		let mut pace = tokio::time::interval(CLOSE_LOOK);
		loop {
			pace.tick().await;
			let best = chain.connections[place].best().await?.number;
			if best.saturating_add(LEFT) >= target {
				return Ok(None);
			}
			if best > after {
				return Ok::<_, Failure>(Some(best));
			}
		}
	};
	timeout(SYNCS, looking).await.map_err(|_| format!("{} imports nothing", NAMES[place]))?
}

/// Waits until a validator has as many blocks as the others; gives the last one's number.
async fn synced(chain: &Chain, place: usize, others: &[usize]) -> Result<u32> {
	let syncing = async {
		let mut pace = tokio::time::interval(LOOK);
		loop {
			pace.tick().await;
			let best = chain.connections[place].best().await?.number;
			if best.saturating_add(1) >= chain.best(others).await? {
				return Ok::<_, Failure>(best);
			}
		}
	};
	timeout(SYNCS, syncing).await.map_err(|_| format!("{} does not sync", NAMES[place]))?
}

/// Waits until a block after this one that a validator has made is final, for a minute and no longer;
/// gives its number.
pub async fn authored(chain: &Chain, place: usize, others: &[usize], after: u32) -> Result<u32> {
	let witness: &Connection = &chain.connections[others[0]];
	let looking = async {
		let mut next = after;
		loop {
			let finalized = witness.finalized().await?.number;
			while next < finalized {
				next += 1;
				if chain.author(witness, next).await? == Some(place) {
					return Ok::<_, Failure>(next);
				}
			}
			chain.goes_on(others).await?;
		}
	};
	let looked = timeout(AUTHORS, looking).await;
	looked.unwrap_or_else(|_| {
		let name = NAMES[place];
		Err(format!("{name} has made no final block within {} s", AUTHORS.as_secs()).into())
	})
}

/// How a validator has joined.
struct Joined {
	/// In words.
	text: String,
	/// Blocks that it had judged when it was synced.
	judged: f64,
	/// Blocks that it had imported by then without judging them.
	unjudged: f64,
}

/// Takes everything from a validator, starts it again, and waits until it is synced and has authored.
async fn join(
	trial: &Trial,
	chain: &mut Chain,
	place: usize,
	change: impl Fn(Options) -> Options,
) -> Result<Joined> {
	let name = NAMES[place];
	let others = others(chain, place);
	chain.kill(place)?;
	let without = chain.goes_on(&others).await?;
	chain.start_anew(place, change)?;
	let begun = Instant::now();
	trial.say(format!("{name} begins with nothing at block {without}"));
	let synced = synced(chain, place, &others).await?;
	let took = begun.elapsed();
	trial.say(format!("{name} is synced at block {synced} after {:.1} s", took.as_secs_f64()));
	let since = Instant::now();
	// Before it has made many blocks of its own, which it judges too.
	let (judged, unjudged) = judged(chain, place).await?;
	let block = authored(chain, place, &others, synced).await?;
	let text = format!(
		"{name} began with nothing, was synced at block {synced} after {:.1} s, {judged} blocks judged and \
		 {unjudged} not, and block {block} of its was final {:.1} s later",
		took.as_secs_f64(),
		since.elapsed().as_secs_f64()
	);
	Ok(Joined { text, judged, unjudged })
}
