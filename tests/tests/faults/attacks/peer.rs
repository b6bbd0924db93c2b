//! A validator that makes good blocks and does not give what it should, or gives something else.

use super::{
	super::joining::authored,
	hostile::{self, after, counts, labelled, lies, until, HOSTILE},
	standing::Standing,
};
use codec::Encode;
use spb_client::{chain::View, connection::Hash};
use spb_primitives::{AccountId, Money, Sidecar};
use spb_testbed::{database, validators::NAMES};
use spb_tests::{
	faults::{load::Made, Chain, Result, Setup, Trial},
	scene::tenths,
};
use std::collections::{BTreeMap, BTreeSet};
use tokio::task::block_in_place;

/// How often a database is lost until the liar is the first to be asked.
const TRIES: usize = 8;
/// Blocks that the hostile validator makes alone: with a slot in four, more than the evidence window.
const ALONE: u32 = 40;
/// What the honest nodes say of an answer of other bytes than they asked for.
const WRONG_SIDECAR: &str = "SPB: bytes of another sidecar";
/// What they say of a block whose sidecar no one gives them.
const SIDECAR_MISSING: &str = "SidecarMissing";
/// How it shows that a sidecar can be had from any peer, which no figure of its own counts.
const SERVED_BY_OTHERS: &str =
	"derived: the block is final on the honest nodes, and they have got sidecars from each other";
/// Of a database of another root than they asked for.
const WRONG_DATABASE: &str = "SPB: a database of another root";
/// Of an answer that is none.
const MALFORMED_ANSWER: &str = "SPB: malformed answer";
/// Of a request that is none.
const MALFORMED_REQUEST: &str = "SPB: malformed request";
/// Where nodes count answers of peers that they refuse.
const ANSWERS: &str = "spb_answers_refused_total";
/// Where they count requests that they refuse.
const REQUESTS: &str = "spb_requests_refused_total";
/// Where they count blocks for now not imported because they cannot be judged.
const NOT_JUDGED: &str = "spb_blocks_not_judged_total";
/// Where they count blocks imported without being judged.
const UNJUDGED: &str = "spb_blocks_unjudged_total";

/// No one gets a sidecar of its: its blocks that have one are never built on.
pub async fn withholds_from_all(trial: &mut Trial) -> Result<()> {
	let chain = hostile::chain(trial, "withhold-from-all").await?;
	let standing = Standing::watch(&chain);
	until("not every honest node has waited in vain", || async {
		let missed = counts(&chain).await?;
		let missed = missed.iter().all(|metrics| metrics.sum("spb_sidecars_missed_total") > 0.0);
		Ok((missed && withheld(&chain)?.values().any(|peers| peers.len() == chain.honest().len()))
			.then_some(()))
	})
	.await?;
	let reason = counted_by_all(&chain, NOT_JUDGED, SIDECAR_MISSING).await?;
	let blocks = withheld_blocks(&chain)?;
	trial.attempted(format!("the sidecars of {} blocks were given to no one", blocks.len()));
	let over = chain.over_under_load().await?;
	chain.goes_on(chain.honest()).await?;
	if let Some(block) = finals(&chain, &blocks, chain.honest()).await?.first() {
		return Err(format!("block {block:?} is final although no one has its sidecar").into());
	}
	let punished: f64 = counts(&chain).await?.iter().map(|metrics| metrics.sum(ANSWERS)).sum();
	if punished > 0.0 {
		return Err("the peer lost standing, although nothing it said was proven wrong".into());
	}
	trial.note(standing.kept()?);
	trial.refused_by("Missing", reason, NOT_JUDGED);
	chain.conclude(trial, over).await
}

/// One node gets its sidecars, and gives them to the others.
pub async fn withholds_from_all_but_one(trial: &mut Trial) -> Result<()> {
	let chain = hostile::chain(trial, "withhold-from-all-but-one").await?;
	let standing = Standing::watch(&chain);
	let known = until("no block whose sidecar was withheld is final", || async {
		let blocks = withheld_blocks(&chain)?;
		let known = finals(&chain, &blocks, chain.honest()).await?;
		Ok((!known.is_empty()).then_some(known))
	});
	let known = known.await?;
	let peers: BTreeSet<_> = withheld(&chain)?.into_values().flatten().collect();
	trial.attempted(format!(
		"sidecars withheld from {} peers; {:?} is final all the same",
		peers.len(),
		known[0]
	));
	if peers.len() + 1 != chain.honest().len() {
		return Err(format!("withheld from {} peers, not from all but one", peers.len()).into());
	}
	let served: f64 =
		counts(&chain).await?.iter().map(|metrics| metrics.sum("spb_sidecars_served_total")).sum();
	trial.note(format!("honest nodes have served {served} sidecars"));
	if served == 0.0 {
		return Err("no honest node has given a sidecar to another".into());
	}
	trial.refused_by("section 6", "SidecarFromAnyPeer", SERVED_BY_OTHERS);
	let over = chain.over_under_load().await?;
	trial.note(standing.kept()?);
	chain.conclude(trial, over).await
}

/// What it serves has another hash than it was asked for.
pub async fn serves_wrong_bytes(trial: &mut Trial) -> Result<()> {
	let chain = hostile::chain(trial, "serve-wrong-bytes").await?;
	let reason = counted_by_all(&chain, ANSWERS, WRONG_SIDECAR).await?;
	trial.attempted(format!("{} answers of other bytes", lies(&chain)?.len()));
	trial.refused_by("R1", reason, ANSWERS);
	let over = chain.over_under_load().await?;
	chain.conclude(trial, over).await
}

/// Bob lacks blocks whose sidecars their author gives to no one but Alice or Charlie: he gets these from
/// them, with all that stands upon them.
pub async fn withholds_parents(trial: &mut Trial) -> Result<()> {
	let setup = Setup::fast().away(&[0, 1, 2]);
	let mut chain = hostile::chain_with(trial, setup, &["withhold-from-all-but-one"]).await?;
	// Someone who is not the favoured one.
	let victim = until("no sidecar was withheld from anyone", || async {
		let peers: BTreeSet<_> = withheld(&chain)?.into_values().flatten().collect();
		let is_one = |place: &&usize| peers.contains(chain.validators.identity(**place));
		Ok(chain.honest().iter().find(is_one).copied())
	});
	let victim = victim.await?;
	let others: Vec<usize> = chain.honest().iter().copied().filter(|p| *p != victim).collect();
	chain.kill(victim)?;
	let cut = chain.best(&others).await?;
	trial.say(format!("{} is killed at block {cut}", NAMES[victim]));
	// Blocks of the hostile author that are final without it.
	let missed = until("no block whose sidecar was withheld is final", || async {
		let mut blocks = own_blocks(&chain)?;
		blocks.retain(|(number, _)| *number > cut);
		Ok(finals(&chain, &blocks, &others).await?.first().copied())
	});
	let block = missed.await?;
	chain.restart(victim)?;
	until("the block that was missed does not become final there", || async {
		let known = finals(&chain, &own_blocks(&chain)?, &[victim]).await?;
		Ok(known.contains(&block).then_some(()))
	})
	.await?;
	let fetched = chain.nodes[victim].metrics().await?.sum("spb_sidecars_fetched_total");
	let best = chain.best(&others).await?;
	let authored = authored(&chain, victim, &others, best).await?;
	if fetched > 0.0 {
		trial.attempted(format!(
			"{} was away for {block:?}, fetched {fetched} sidecars of others, and block {authored} of its \
			 own is final",
			NAMES[victim]
		));
	}
	trial.refused_by("section 6", "SidecarFromAnyPeer", SERVED_BY_OTHERS);
	let over = chain.over_under_load().await?;
	chain.conclude(trial, over).await
}

/// Charlie has lost its CTP database, and asks for it a peer that gives it another one.
pub async fn lies_about_databases(trial: &mut Trial) -> Result<()> {
	const LOST: usize = 2;
	let setup = Setup::fast().away(&[LOST]);
	let mut chain = hostile::chain_with(trial, setup, &["serve-wrong-database"]).await?;
	let mut refused = 0.0;
	let mut tries = 0;
	// Which of three peers is asked first is chance.
	while refused == 0.0 && tries < TRIES {
		tries += 1;
		block_in_place(|| chain.nodes[LOST].stop())?;
		database::remove(chain.validators.folder(LOST))?;
		chain.restart(LOST)?;
		trial.say(format!("{} has lost its database ({tries})", NAMES[LOST]));
		let restored = until("the database does not come back", || async {
			// It may not have opened that port yet.
			let Ok(metrics) = chain.nodes[LOST].metrics().await else { return Ok(None) };
			let restored = metrics.sum("spb_databases_restored_total") > 0.0;
			let is_there = metrics.sum("spb_database_missing") == 0.0;
			Ok((restored && is_there).then_some(metrics))
		});
		let reason = [("reason", WRONG_DATABASE)];
		refused = labelled(&restored.await?, ANSWERS, &reason);
	}
	let others: Vec<usize> = chain.honest().iter().copied().filter(|p| *p != LOST).collect();
	let best = chain.best(&others).await?;
	let authored = authored(&chain, LOST, &others, best).await?;
	if refused > 0.0 {
		trial.attempted(format!(
			"{} answers with another database, after {tries} losses; {} has the right one, and block \
			 {authored} of its is final",
			lies(&chain)?.len(),
			NAMES[LOST]
		));
	}
	trial.refused_by("R4", WRONG_DATABASE, ANSWERS);
	let over = chain.over_under_load().await?;
	chain.conclude(trial, over).await
}

/// The honest majority is gone for longer than the evidence window, while the hostile validator goes on
/// alone: it settles what no meter has confirmed, and gives the evidence for its blocks to no one.
pub async fn goes_on_alone(trial: &mut Trial) -> Result<()> {
	let setup = Setup::fast().away(&[0, 1, 2]).stands_still();
	// It makes blocks also where it has no peer.
	let setup = setup.change(HOSTILE, |options| options.argument("--force-authoring"));
	let without_receipts = ["withhold-from-all", "settle-without-erc"];
	let mut chain = hostile::chain_with(trial, setup, &without_receipts).await?;
	let honest = chain.honest().to_vec();
	let market = chain.open_market(trial, "alone", 1, 1).await?.clone();
	chain.goes_on(&honest).await?;
	for place in &honest {
		chain.kill(*place)?;
	}
	let connection = &chain.connections[HOSTILE];
	let cut = connection.best().await?.number;
	trial.say(format!("no honest validator is there any more after block {cut}"));

	// A CTP that reaches the hostile validator alone, and that its meter never confirms.
	let trader = market.consumers()[0].trader(connection);
	let lifetime = chain.parameters.max_lifetime.saturating_sub(4);
	let order = market.order(0, tenths(1), lifetime);
	// After each of its lies it first has to make its own database anew.
	let issued = until("the hostile validator takes no CTP", || async {
		Ok(trader.commit(&order).await.ok())
	});
	let issued = issued.await?;
	let (id, expiry) = (issued.id, issued.signed.ctp.expiry);
	let producer = market.producers()[0].account();
	let robbed = until("what no meter has confirmed does not settle there", || async {
		let view = connection.best_view().await?;
		let earned = earned(&view, &producer).await?;
		let robbed = !earned.is_zero() && view.is_settled(expiry, &id).await?;
		Ok(robbed.then(|| (view.head().number, earned)))
	});
	let (robbed, loot) = robbed.await?;
	trial.say(format!("{id} has settled there by block {robbed} without an ERC, for {loot}"));
	until("the hostile validator does not go on alone", || async {
		let best = connection.best().await?.number;
		Ok((best >= cut.saturating_add(ALONE)).then_some(()))
	})
	.await?;
	if earned(&connection.best_view().await?, &producer).await?.is_zero() {
		return Err("the hostile validator has not stayed with the chain on which it robs".into());
	}
	let mut alone = [own_blocks(&chain)?, lying_blocks(&chain)?].concat();
	alone.retain(|(number, _)| *number > cut);
	for place in &honest {
		chain.restart(*place)?;
	}
	let over = chain.over().await?;
	trial.say(format!("they are back; {} blocks were made without them", alone.len()));
	chain.goes_on(&honest).await?;
	let unjudged = until("not every honest node has seen what was made without it", || async {
		let counted = counts(&chain).await?;
		let all: Vec<_> = counted.iter().map(|node| node.sum(UNJUDGED)).collect();
		Ok(all.iter().all(|unjudged| *unjudged > 0.0).then_some(all))
	});
	let unjudged = unjudged.await?;
	if let Some(block) = finals(&chain, &alone, &honest).await?.first() {
		return Err(format!("block {block:?} is final although no one has its evidence").into());
	}
	for place in &honest {
		let connection = &chain.connections[*place];
		let last = connection.finalized().await?;
		if !earned(&connection.view(last).await?, &producer).await?.is_zero() {
			return Err(format!("{id} was paid for on {} without an ERC", NAMES[*place]).into());
		}
	}
	let lies = lying_blocks(&chain)?.into_iter().filter(|(number, _)| *number > cut).count();
	if lies > 0 {
		trial.attempted(format!(
			"{} blocks were made alone; {lies} of them settle what no meter has confirmed, {id} for \
			 {loot} by block {robbed} among it; the honest nodes have imported {unjudged:?} without \
			 being able to judge them",
			alone.len()
		));
	}
	trial.refused_by("section 6", "NotJudged", UNJUDGED);
	// Whatever becomes of it now that others make blocks, no one may be paid for it.
	chain.made.push(Made::new(issued, None));
	chain.conclude(trial, over).await
}

/// What a producer has earned in all trades up to a block.
async fn earned(view: &View, producer: &AccountId) -> Result<Money> {
	let account = view.energy_account(producer).await?;
	Ok(account.map_or(Money::ZERO, |account| account.earned))
}

/// Garbage on both protocols, as requests and as answers.
pub async fn sends_garbage(trial: &mut Trial) -> Result<()> {
	let chain = hostile::chain(trial, "send-garbage").await?;
	let request = counted_by_all(&chain, REQUESTS, MALFORMED_REQUEST).await?;
	let answer = counted_by_all(&chain, ANSWERS, MALFORMED_ANSWER).await?;
	let told = lies(&chain)?;
	let requests = |protocol: &str| {
		let of = |lie: &&String| lie.contains("as a request") && lie.contains(protocol);
		told.iter().filter(of).count()
	};
	let (sidecar, database) = (requests("/spb/sidecar/1"), requests("/spb/database/1"));
	if let Some(answered) = told.iter().find(|lie| lie.ends_with(", answered")) {
		return Err(format!("garbage was answered: {answered}").into());
	}
	let answers = told.iter().filter(|lie| lie.contains("as an answer")).count();
	if sidecar > 0 && database > 0 && answers > 0 {
		trial.attempted(format!(
			"garbage: {sidecar} requests for sidecars, {database} for databases, {answers} answers",
		));
	}
	let counted = format!("{REQUESTS}, {ANSWERS}");
	trial.refused_by("reputation", format!("{request}; {answer}"), counted);
	let over = chain.over_under_load().await?;
	chain.conclude(trial, over).await
}

/// Waits until every honest node counts this reason; all that each of them counts there by then, in
/// their own words.
async fn counted_by_all(chain: &Chain, metric: &str, reason: &str) -> Result<String> {
	let what = format!("not every honest node counts {reason:?}");
	let reasons = until(&what, || async {
		let mut common: Option<BTreeSet<String>> = None;
		for node in counts(chain).await? {
			let counted = node.samples(metric).filter(|sample| sample.value > 0.0);
			let counted = counted.filter_map(|sample| sample.labels.get("reason").cloned());
			let counted: BTreeSet<String> = counted.collect();
			common = Some(match common {
				Some(common) => common.intersection(&counted).cloned().collect(),
				None => counted,
			});
		}
		Ok(common.filter(|common| common.contains(reason)))
	});
	Ok(reasons.await?.into_iter().collect::<Vec<_>>().join("; "))
}

/// The sidecars that were withheld, with the peers that asked for them.
fn withheld(chain: &Chain) -> Result<BTreeMap<Hash, BTreeSet<String>>> {
	let mut withheld = BTreeMap::<Hash, BTreeSet<String>>::new();
	for lie in lies(chain)? {
		let words: Vec<_> = lie.split_whitespace().collect();
		if let [_, sidecar, "withheld", "from", peer] = words[..] {
			withheld.entry(sidecar.parse()?).or_default().insert(peer.to_owned());
		}
	}
	Ok(withheld)
}

/// The hostile node's blocks whose sidecars were withheld.
fn withheld_blocks(chain: &Chain) -> Result<Vec<(u32, Hash)>> {
	let withheld = withheld(chain)?;
	let named = named_blocks(chain)?.into_iter();
	let kept = named.filter(|(_, _, sidecar)| withheld.contains_key(sidecar));
	Ok(kept.map(|(number, hash, _)| (number, hash)).collect())
}

/// The hostile node's blocks that have a sidecar of their own.
fn own_blocks(chain: &Chain) -> Result<Vec<(u32, Hash)>> {
	let empty = hash_of_empty_sidecar();
	let named = named_blocks(chain)?.into_iter();
	let own = named.filter(|(_, _, sidecar)| *sidecar != empty);
	Ok(own.map(|(number, hash, _)| (number, hash)).collect())
}

/// The hostile node's blocks that are lies; they are not among [`own_blocks`].
fn lying_blocks(chain: &Chain) -> Result<Vec<(u32, Hash)>> {
	let mut blocks = Vec::new();
	for lie in lies(chain)? {
		let words: Vec<_> = lie.split_whitespace().collect();
		if let [_, "in", "block", number, hash] = words[..] {
			blocks.push((number.parse()?, hash.trim_matches(['(', ')']).parse()?));
		}
	}
	Ok(blocks)
}

fn hash_of_empty_sidecar() -> Hash {
	Hash::from(sp_io::hashing::blake2_256(&Sidecar::default().encode()))
}

/// The hostile node's blocks: their numbers, their hashes and their sidecars'.
fn named_blocks(chain: &Chain) -> Result<Vec<(u32, Hash, Hash)>> {
	let mut blocks = Vec::new();
	for own in after(chain, "Own block ")? {
		let words: Vec<_> = own.split_whitespace().collect();
		if let [number, hash, "names", sidecar] = words[..] {
			let hash = hash.trim_matches(['(', ')']).parse()?;
			blocks.push((number.parse()?, hash, sidecar.parse()?));
		}
	}
	Ok(blocks)
}

/// Those of these blocks that are final on every one of these nodes.
async fn finals(chain: &Chain, blocks: &[(u32, Hash)], places: &[usize]) -> Result<Vec<Hash>> {
	let mut known = Vec::new();
	let mut finalized = u32::MAX;
	for place in places {
		finalized = finalized.min(chain.connections[*place].finalized().await?.number);
	}
	for (number, hash) in blocks.iter().filter(|(number, _)| *number <= finalized) {
		let first = &chain.connections[places[0]];
		if first.hash_of(*number).await? == *hash {
			known.push(*hash);
		}
	}
	Ok(known)
}
