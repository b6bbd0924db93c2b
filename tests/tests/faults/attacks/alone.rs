//! A validator that goes on alone where no one can hold its blocks against the evidence.

use super::{
	super::joining::authored,
	blocks::{self, final_without_evidence, finals, is_known},
	hostile::{self, counts, misbehaving, until, HOSTILE},
	withhold::UNJUDGED,
};
use spb_client::{chain::View, connection::Head};
use spb_primitives::{AccountId, Money};
use spb_testbed::{node::Options, validators::NAMES};
use spb_tests::{
	faults::{
		load::{Made, Market},
		Chain, Result, Setup, Trial,
	},
	scene::tenths,
};

/// Blocks that the hostile validator makes alone: with a slot in four, more than the evidence window.
const ALONE: u32 = 40;
/// The first of them, which are honest: they take in what had reached all validators.
const HONEST: u32 = 2;
/// With this it makes blocks also where it has no peer.
const FORCED: &str = "--force-authoring";

/// The honest majority is gone for longer than the evidence window, while the hostile validator goes on
/// alone: it settles what no meter has confirmed, and gives the evidence for its blocks to no one.
pub async fn goes_on_alone(trial: &mut Trial) -> Result<()> {
	let setup = Setup::fast().away(&[0, 1, 2]).stands_still();
	let setup = setup.change(HOSTILE, |options| options.argument(FORCED));
	// It is honest for as long as there is anyone who could refuse it: who lies before that is cut off, and
	// its fork begins below what is final.
	let mut chain = hostile::chain_with(trial, setup, &[]).await?;
	let honest = chain.honest().to_vec();
	let market = chain.open_market(trial, "alone", 1, 1).await?.clone();
	let common = chain.goes_on(&honest).await?;
	until("the hostile validator does not have the blocks of the others", || async {
		let known = chain.connections[honest[0]].hash_of(common).await?;
		// It may be some blocks behind.
		let own = chain.connections[HOSTILE].hash_of(common).await;
		Ok(own.is_ok_and(|own| own == known).then_some(()))
	})
	.await?;
	for place in &honest {
		chain.kill(*place)?;
	}
	let cut = chain.connections[HOSTILE].best().await?.number;
	trial.say(format!("no honest validator is there any more after block {cut}"));
	// What is still on its way to a block is so in the others' inboxes too: an honest author could make the same
	// sidecar of it, and judge a block by that.
	chain.until_best(&[HOSTILE], cut.saturating_add(HONEST)).await?;
	let lying = misbehaving(vec!["withhold-from-all", "settle-without-erc"])?;
	chain.start_changed(HOSTILE, |options: Options| lying(options).argument(FORCED))?;

	let (made, robbed, loot) = rob(trial, &chain, &market).await?;
	until("the hostile validator does not go on alone", || async {
		let best = chain.connections[HOSTILE].best().await?.number;
		Ok((best >= cut.saturating_add(ALONE)).then_some(()))
	})
	.await?;
	let producer = market.producers()[0].account();
	if earned(&chain.connections[HOSTILE].best_view().await?, &producer).await?.is_zero() {
		return Err("the hostile validator has not stayed with the chain on which it robs".into());
	}
	for place in &honest {
		chain.restart(*place)?;
	}
	let over = chain.over().await?;
	let unjudged = until("not every honest node has imported what it cannot judge", || async {
		let mut all = true;
		for place in &honest {
			all &= is_known(&chain.connections[*place], &robbed).await?;
		}
		// A node that has just been started may not have opened that port yet.
		let Ok(counted) = counts(&chain).await else { return Ok(None) };
		let unjudged: Vec<_> = counted.iter().map(|node| node.sum(UNJUDGED)).collect();
		Ok((all && unjudged.iter().all(|unjudged| *unjudged > 0.0)).then_some(unjudged))
	});
	let unjudged = unjudged.await?;
	trial.say(format!("they are back, and have imported {unjudged:?} blocks without judging them"));
	chain.note_finality(trial, over).await?;
	let best = chain.best(&honest).await?;
	let mut own = Vec::new();
	for place in &honest {
		own.push(authored(&chain, *place, &honest, best).await?);
	}
	unpaid(&chain, &honest, cut, &producer).await?;
	trial.attempted(format!(
		"blocks {} to {} and more were made alone; {robbed:?} settles {} for {loot}, which no meter has \
		 confirmed; every honest node has imported it without being able to judge it, has built on none of \
		 its kind, and has made a block since that is final: {own:?}",
		cut.saturating_add(1),
		cut.saturating_add(ALONE),
		made.issued.id
	));
	trial.refused_by("section 6", "NotJudged", UNJUDGED);
	// Whatever becomes of it now that others make blocks, no one may be paid for it.
	chain.made.push(made);
	chain.conclude(trial, over).await
}

/// A CTP that reaches the hostile validator alone and that its meter never confirms: waits until it has
/// settled there. Gives it, the block that settles it and what its producer has got.
async fn rob(trial: &Trial, chain: &Chain, market: &Market) -> Result<(Made, Head, Money)> {
	let connection = &chain.connections[HOSTILE];
	let trader = market.consumers()[0].trader(connection);
	let lifetime = chain.parameters.max_lifetime.saturating_sub(4);
	let order = market.order(0, tenths(1), lifetime);
	let issued = until("the hostile validator takes no CTP", || async {
		Ok(trader.commit(&order).await.ok())
	});
	let issued = issued.await?;
	let (id, expiry) = (issued.id, issued.signed.ctp.expiry);
	let producer = market.producers()[0].account();
	let loot = until("what no meter has confirmed does not settle there", || async {
		let view = connection.best_view().await?;
		let earned = earned(&view, &producer).await?;
		let robbed = !earned.is_zero() && view.is_settled(expiry, &id).await?;
		Ok(robbed.then_some(earned))
	});
	let loot = loot.await?;
	// The block is there a moment before the log names it.
	let what =
		format!("{id} has settled there in a block that is no lie, for all that the log says");
	let block = until(&what, || async {
		for block in blocks::lying(chain)? {
			let parent = connection.header(block.hash).await?.parent_hash;
			let parent = Head { number: block.number.saturating_sub(1), hash: parent };
			let before = earned(&connection.view(parent).await?, &producer).await?;
			let after = earned(&connection.view(block).await?, &producer).await?;
			if before.is_zero() && after == loot {
				return Ok(Some(block));
			}
		}
		Ok(None)
	});
	let block = block.await?;
	trial.say(format!("{id} has settled there in {block:?} without an ERC, for {loot}"));
	Ok((Made::new(issued, None), block, loot))
}

/// Whether on the honest nodes' chain no lie is final, no block after `cut` for which there is no evidence,
/// and the producer has got nothing.
async fn unpaid(chain: &Chain, honest: &[usize], cut: u32, producer: &AccountId) -> Result<()> {
	if let Some(lie) = finals(chain, &blocks::lying(chain)?, honest).await?.first() {
		return Err(format!("the lie {lie:?} is final").into());
	}
	let mut alone = blocks::with_evidence(chain)?;
	alone.retain(|block| block.number > cut);
	if let Some(block) = final_without_evidence(chain, &alone).await? {
		return Err(format!("{block:?} is final although no one has its evidence").into());
	}
	for place in honest {
		let connection = &chain.connections[*place];
		let last = connection.finalized().await?;
		if !earned(&connection.view(last).await?, producer).await?.is_zero() {
			return Err(format!("what no meter has confirmed was paid on {}", NAMES[*place]).into());
		}
	}
	Ok(())
}

/// What a producer has earned in all trades up to a block.
async fn earned(view: &View, producer: &AccountId) -> Result<Money> {
	let account = view.energy_account(producer).await?;
	Ok(account.map_or(Money::ZERO, |account| account.earned))
}
