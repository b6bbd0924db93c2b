//! Blocks that break one rule.

use super::{
	hostile::{self, counts, lies as told, until},
	trader,
};
use spb_primitives::Refusal;
use spb_testbed::metrics::Metrics;
use spb_tests::faults::{Chain, Result, Trial};
use std::collections::BTreeMap;

/// An author lies in its blocks, and every honest node refuses them by this rule and by no other.
pub async fn lies(trial: &mut Trial, misbehaviour: &'static str, refusal: Refusal) -> Result<()> {
	let chain = hostile::chain(trial, misbehaviour).await?;
	refused(trial, chain, refusal).await
}

/// An author adds a second CTP to a vault that covers only the first.
pub async fn overcommits(trial: &mut Trial) -> Result<()> {
	let mut chain = hostile::chain(trial, "overcommit-vault").await?;
	let [one, two] = trader::two_over_one_vault(trial, &mut chain).await?;
	trader::submit_at_once(&chain, [&one, &two]).await?;
	chain.made.extend([one, two].map(trader::never_delivered));
	refused(trial, chain, Refusal::VaultTooSmall).await
}

async fn refused(trial: &mut Trial, chain: Chain, refusal: Refusal) -> Result<()> {
	let expected = (refusal.rule().to_owned(), refusal.name().to_owned());
	until("not every honest node has refused a block by that rule", || async {
		let refused = refusals(&chain).await?;
		Ok(refused.iter().all(|by| by.contains_key(&expected)).then_some(()))
	})
	.await?;
	let over = chain.over_under_load().await?;
	let told = told(&chain)?;
	let first = told.first().ok_or("blocks were refused, but the hostile node has not lied")?;
	trial.attempted(format!("{} lies, the first: {first}", told.len()));
	// Counted now: it has gone on lying meanwhile.
	let by_all = refusals(&chain).await?;
	let other = by_all.iter().flatten().find(|(by, _)| **by != expected);
	if let Some(((rule, reason), _)) = other {
		return Err(format!("a block was refused by {rule}, {reason}, too").into());
	}
	trial.refused_by(refusal.rule(), reason(refusal), "spb_blocks_refused_total");
	chain.conclude(trial, over).await
}

/// Why each honest node has refused blocks, and how many.
async fn refusals(chain: &Chain) -> Result<Vec<BTreeMap<(String, String), u64>>> {
	Ok(counts(chain).await?.iter().map(Metrics::refused).collect())
}

/// A reason as the report has it: the protocol's name for it, and what it means where the name says only a
/// part of it.
fn reason(refusal: Refusal) -> String {
	match refusal {
		Refusal::SealMissing => format!("{} (not exactly one seal)", refusal.name()),
		_ => refusal.name().to_owned(),
	}
}
