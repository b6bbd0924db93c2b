//! A validator that makes good blocks and keeps their sidecars to itself.

use super::{
	super::joining::authored,
	blocks::{self, final_without_evidence, finals, has_sidecar, withheld, withheld_from},
	hostile::{self, counted_by_all, counts, until, ANSWERS},
	standing::Standing,
};
use spb_primitives::Parameters;
use spb_testbed::validators::NAMES;
use spb_tests::faults::{Chain, Result, Setup, Trial};
use std::{collections::BTreeSet, fs};

/// What the honest nodes say of a block whose sidecar no one gives them.
const SIDECAR_MISSING: &str = "SidecarMissing";
/// How they say in their logs that a block waits for one.
const WAITS: [&str; 2] = [" waits: the sidecar 0x", " waits for its sidecar 0x"];
/// How it shows that a sidecar can be had from any peer, which no figure of its own counts.
const SERVED_BY_OTHERS: &str =
	"derived: the block is final on the honest nodes, and those to whom its author denied the sidecar \
	 have judged it by the one that others gave";
/// Where nodes count blocks for now not imported because they cannot be judged.
const NOT_JUDGED: &str = "spb_blocks_not_judged_total";
/// Where they count blocks imported without being judged.
pub const UNJUDGED: &str = "spb_blocks_unjudged_total";
/// As the `fast` preset, with a window that no start of a node outlasts: in it, a block is imported only
/// when it was judged, also by who knows no one yet but the node that keeps its sidecar back.
const PATIENT: Parameters = Parameters {
	min_lifetime: 5,
	max_lifetime: 40,
	grace: 5,
	evidence_window: 1_200,
	slot_duration: 500,
};

/// No one gets a sidecar of its: its blocks that have one are never built on, unless an honest author has
/// made the same sidecar.
pub async fn from_all(trial: &mut Trial) -> Result<()> {
	let chain = hostile::chain(trial, "withhold-from-all").await?;
	let standing = Standing::watch(&chain);
	given_to_no_one(&chain).await?;
	until("not every honest node has waited in vain", || async {
		let missed = counts(&chain).await?;
		let missed = missed.iter().all(|metrics| metrics.sum("spb_sidecars_missed_total") > 0.0);
		Ok(missed.then_some(()))
	})
	.await?;
	let reason = counted_by_all(&chain, NOT_JUDGED, SIDECAR_MISSING).await?;
	until("not every honest node says in its log that a block waits for its sidecar", || async {
		Ok(all_say_what_waits(&chain)?.then_some(()))
	})
	.await?;
	let over = chain.over_under_load().await?;
	chain.goes_on(chain.honest()).await?;
	if let Some(block) = final_without_evidence(&chain, &withheld_from(&chain, 1)?).await? {
		return Err(format!("{block:?} is final although no one has its sidecar").into());
	}
	let punished: f64 = counts(&chain).await?.iter().map(|metrics| metrics.sum(ANSWERS)).sum();
	if punished > 0.0 {
		return Err("the peer lost standing, although nothing it said was proven wrong".into());
	}
	trial.note(standing.kept()?);
	// Counted now: of those that there were before, one may have come into honest hands since.
	let hidden = given_to_no_one(&chain).await?;
	trial.attempted(format!(
		"the sidecars of {hidden} blocks, asked for by every honest node, were given to no one, and no honest \
		 node has these blocks"
	));
	trial.refused_by("Missing", reason, NOT_JUDGED);
	chain.conclude(trial, over).await
}

/// Whether every honest node names in its log a block that waits, and the sidecar that it waits for:
/// where it was announced, or where it was to be imported.
fn all_say_what_waits(chain: &Chain) -> Result<bool> {
	for place in chain.honest() {
		let log = fs::read(chain.nodes[*place].log())?;
		let log = String::from_utf8_lossy(&log);
		let mut lines = log.lines().filter(|line| line.contains("Block "));
		if !lines.any(|line| WAITS.iter().any(|waits| line.contains(waits))) {
			return Ok(false);
		}
	}
	Ok(true)
}

/// Waits until there are blocks whose sidecars were withheld from all honest nodes and which none of
/// these has; says how many.
async fn given_to_no_one(chain: &Chain) -> Result<usize> {
	until("no block is kept from all honest nodes", || async {
		let withheld = withheld_from(chain, chain.honest().len())?;
		let hidden = blocks::unknown(chain, withheld).await?.len();
		Ok((hidden > 0).then_some(hidden))
	})
	.await
}

/// One node gets its sidecars, and gives them to the others.
pub async fn from_all_but_one(trial: &mut Trial) -> Result<()> {
	let chain = hostile::chain(trial, "withhold-from-all-but-one").await?;
	let standing = Standing::watch(&chain);
	let seen = until("no block whose sidecar was withheld from all but one is final", || async {
		let denied = denied(&chain)?;
		let known = finals(&chain, &withheld_from(&chain, 1)?, chain.honest()).await?;
		let all_but_one = denied.len() + 1 == chain.honest().len();
		Ok(known.last().filter(|_| all_but_one).map(|block| (*block, denied)))
	});
	// The last of these blocks: of the first one the evidence may be past retention.
	let (block, denied) = seen.await?;
	for place in &denied {
		if !has_sidecar(&chain.connections[*place], &block).await? {
			return Err(format!("{} does not have the sidecar of {block:?}", NAMES[*place]).into());
		}
	}
	let unjudged = unjudged(&chain).await?;
	if unjudged > 0.0 {
		return Err(format!("{unjudged} blocks were imported without being judged").into());
	}
	let names: Vec<_> = denied.iter().map(|place| NAMES[*place]).collect();
	trial.attempted(format!(
		"sidecars withheld from {}; {block:?} is final all the same, they have its sidecar, and no honest \
		 node has a block that it did not judge",
		names.join(" and ")
	));
	trial.refused_by("section 6", "SidecarFromAnyPeer", SERVED_BY_OTHERS);
	let over = chain.over_under_load().await?;
	trial.note(standing.kept()?);
	chain.conclude(trial, over).await
}

/// The honest nodes to which a sidecar was denied.
fn denied(chain: &Chain) -> Result<BTreeSet<usize>> {
	let peers: BTreeSet<_> = withheld(chain)?.into_values().flatten().collect();
	let honest = chain.honest().iter().copied();
	Ok(honest.filter(|place| peers.contains(chain.validators.identity(*place))).collect())
}

/// How many blocks honest nodes have imported without judging them.
async fn unjudged(chain: &Chain) -> Result<f64> {
	Ok(counts(chain).await?.iter().map(|metrics| metrics.sum(UNJUDGED)).sum())
}

/// Bob lacks blocks whose sidecars their author gives to no one but Alice or Charlie: he gets these from
/// them, with all that stands upon them.
pub async fn parents(trial: &mut Trial) -> Result<()> {
	let setup = Setup::fast().parameters(PATIENT).away(&[0, 1, 2]);
	let mut chain = hostile::chain_with(trial, setup, &["withhold-from-all-but-one"]).await?;
	// Someone who is not the favoured one.
	let victim = until("no sidecar was withheld from anyone", || async {
		Ok(denied(&chain)?.first().copied())
	});
	let victim = victim.await?;
	let others: Vec<usize> = chain.honest().iter().copied().filter(|p| *p != victim).collect();
	chain.kill(victim)?;
	let cut = chain.best(&others).await?;
	trial.say(format!("{} is killed at block {cut}", NAMES[victim]));
	// Blocks of the hostile author that are final without it.
	let missed = until("no block whose sidecar was withheld is final", || async {
		let mut blocks = blocks::with_evidence(&chain)?;
		blocks.retain(|block| block.number > cut);
		Ok(finals(&chain, &blocks, &others).await?.first().copied())
	});
	let block = missed.await?;
	chain.restart(victim)?;
	until("the block that was missed does not become final there", || async {
		let known = finals(&chain, &[block], &[victim]).await?;
		Ok((!known.is_empty()).then_some(()))
	})
	.await?;
	let metrics = chain.nodes[victim].metrics().await?;
	let fetched = metrics.sum("spb_sidecars_fetched_total");
	let (name, unjudged) = (NAMES[victim], metrics.sum(UNJUDGED));
	if unjudged > 0.0 {
		return Err(format!("{name} has imported {unjudged} blocks without judging them").into());
	}
	if !has_sidecar(&chain.connections[victim], &block).await? {
		return Err(format!("{name} does not have the sidecar of {block:?}").into());
	}
	let best = chain.best(&others).await?;
	let authored = authored(&chain, victim, &others, best).await?;
	if fetched > 0.0 {
		trial.attempted(format!(
			"{name} was away for {block:?}, fetched {fetched} sidecars of others, judged every block that it \
			 imported, and block {authored} of its own is final"
		));
	}
	trial.refused_by("section 6", "SidecarFromAnyPeer", SERVED_BY_OTHERS);
	let over = chain.over_under_load().await?;
	chain.conclude(trial, over).await
}
