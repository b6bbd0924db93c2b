//! Blocks that break one rule.

use super::{
	hostile::{self, counts, lies as told, until},
	trader,
};
use spb_primitives::Refusal;
use spb_tests::faults::{Chain, Result, Trial};

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
	let by_all = until("not every honest node has refused a block by that rule", || async {
		let refused =
			counts(&chain).await?.iter().map(|metrics| metrics.refused()).collect::<Vec<_>>();
		Ok(refused.iter().all(|by| by.contains_key(&expected)).then_some(refused))
	});
	let by_all = by_all.await?;
	let told = told(&chain)?;
	let first = told.first().ok_or("blocks were refused, but the hostile node has not lied")?;
	trial.attempted(format!("{} lies, the first: {first}", told.len()));
	trial.refused_by(refusal.rule(), refusal.name(), "spb_blocks_refused_total");
	let over = chain.over_under_load().await?;
	let other = by_all.iter().flatten().find(|(by, _)| **by != expected);
	if let Some(((rule, reason), _)) = other {
		return Err(format!("a block was refused by {rule}, {reason}, too").into());
	}
	chain.conclude(trial, over).await
}
