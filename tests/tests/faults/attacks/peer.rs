//! A validator that makes good blocks and does not give what it should, or gives something else.

use super::hostile::{self, after, counts, labelled, lies, until};
use spb_client::connection::Hash;
use spb_tests::faults::{Chain, Result, Trial};
use std::collections::{BTreeMap, BTreeSet};

/// What the honest nodes say of an answer of other bytes than they asked for.
const WRONG_SIDECAR: &str = "SPB: bytes of another sidecar";
/// Of an answer that is none.
const MALFORMED_ANSWER: &str = "SPB: malformed answer";
/// Of a request that is none.
const MALFORMED_REQUEST: &str = "SPB: malformed request";

/// No one gets a sidecar of its: its blocks that have one are never built on.
pub async fn withholds_from_all(trial: &mut Trial) -> Result<()> {
	let chain = hostile::chain(trial, "withhold-from-all").await?;
	until("not every honest node has waited in vain", || async {
		let missed = counts(&chain).await?;
		let missed = missed.iter().all(|metrics| metrics.sum("spb_sidecars_missed_total") > 0.0);
		Ok((missed && withheld(&chain)?.values().any(|peers| peers.len() == chain.honest().len()))
			.then_some(()))
	})
	.await?;
	let blocks = withheld_blocks(&chain)?;
	trial.attempted(format!("the sidecars of {} blocks were given to no one", blocks.len()));
	let over = chain.over_under_load().await?;
	chain.goes_on(chain.honest()).await?;
	if let Some(block) = finals(&chain, &blocks).await?.first() {
		return Err(format!("block {block:?} is final although no one has its sidecar").into());
	}
	let punished: f64 =
		counts(&chain).await?.iter().map(|metrics| metrics.sum("spb_answers_refused_total")).sum();
	if punished > 0.0 {
		return Err("the peer lost standing, although nothing it said was proven wrong".into());
	}
	trial.refused_by("Missing", "SidecarMissing");
	chain.conclude(trial, over).await
}

/// One node gets its sidecars, and gives them to the others.
pub async fn withholds_from_all_but_one(trial: &mut Trial) -> Result<()> {
	let chain = hostile::chain(trial, "withhold-from-all-but-one").await?;
	let known = until("no block whose sidecar was withheld is final", || async {
		let blocks = withheld_blocks(&chain)?;
		let known = finals(&chain, &blocks).await?;
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
	trial.refused_by("section 6", "SidecarFromAnyPeer");
	let over = chain.over_under_load().await?;
	chain.conclude(trial, over).await
}

/// What it serves has another hash than it was asked for.
pub async fn serves_wrong_bytes(trial: &mut Trial) -> Result<()> {
	let chain = hostile::chain(trial, "serve-wrong-bytes").await?;
	all_count(&chain, "spb_answers_refused_total", WRONG_SIDECAR).await?;
	trial.attempted(format!("{} answers of other bytes", lies(&chain)?.len()));
	trial.refused_by("R1", WRONG_SIDECAR);
	let over = chain.over_under_load().await?;
	chain.conclude(trial, over).await
}

/// Garbage on both protocols, as requests and as answers.
pub async fn sends_garbage(trial: &mut Trial) -> Result<()> {
	let chain = hostile::chain(trial, "send-garbage").await?;
	all_count(&chain, "spb_requests_refused_total", MALFORMED_REQUEST).await?;
	all_count(&chain, "spb_answers_refused_total", MALFORMED_ANSWER).await?;
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
	trial.refused_by("reputation", format!("{MALFORMED_REQUEST}; {MALFORMED_ANSWER}"));
	let over = chain.over_under_load().await?;
	chain.conclude(trial, over).await
}

/// Waits until every honest node counts this.
async fn all_count(chain: &Chain, metric: &str, reason: &str) -> Result<()> {
	until(&format!("not every honest node counts {reason:?}"), || async {
		let counted = counts(chain).await?;
		let all = counted.iter().all(|node| labelled(node, metric, &[("reason", reason)]) > 0.0);
		Ok(all.then_some(()))
	})
	.await
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
	let mut blocks = Vec::new();
	for own in after(chain, "Own block ")? {
		let words: Vec<_> = own.split_whitespace().collect();
		if let [number, hash, "names", sidecar] = words[..] {
			if withheld.contains_key(&sidecar.parse()?) {
				blocks.push((number.parse()?, hash.trim_matches(['(', ')']).parse()?));
			}
		}
	}
	Ok(blocks)
}

/// Those of these blocks that are final on every honest node.
async fn finals(chain: &Chain, blocks: &[(u32, Hash)]) -> Result<Vec<Hash>> {
	let mut known = Vec::new();
	let mut finalized = u32::MAX;
	for place in chain.honest() {
		finalized = finalized.min(chain.connections[*place].finalized().await?.number);
	}
	for (number, hash) in blocks.iter().filter(|(number, _)| *number <= finalized) {
		let first = &chain.connections[chain.honest()[0]];
		if first.hash_of(*number).await? == *hash {
			known.push(*hash);
		}
	}
	Ok(known)
}
