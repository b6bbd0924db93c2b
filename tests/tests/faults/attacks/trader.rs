//! Traders who would have something for nothing. They use nodes as everyone does; of the validators three
//! are honest and one is not. Only the honest ones are asked who refused the trader's message.

use super::hostile::{self, counts, labelled, lies, until};
use futures::future::try_join;
use spb_client::{
	chain::calls,
	connection::{Connection, Status},
	keys::{ManufacturerKey, Secret},
	meter::{Draft, Issued, Moment, Reading},
};
use spb_primitives::{
	coe::tree_root, Coe, Energy, Erc, ManufacturerId, MeterProof, Money, ReceiptKey, Refusal,
};
use spb_tests::faults::{load::Made, Chain, Failure, Result, Trial};
use std::collections::BTreeSet;

/// The energy of each CTP.
const ENERGY: Energy = Energy::from_wh(150);
/// Blocks that an expiry may be earlier where its CTP finds no place in the pool.
const SLACK: u32 = 4;
/// Where authors count messages that they do not take into a block.
const DECLINED: &str = "spb_messages_declined_total";
/// The manufacturer of the producer's meter.
const MAKER: (ManufacturerId, &str) = (1, "//One");

/// A consumer sends two CTPs over one vault to two nodes at the same moment, and an author helps it: its
/// blocks have both.
pub async fn commits_twice(trial: &mut Trial) -> Result<()> {
	let mut chain = hostile::chain(trial, "overcommit-vault").await?;
	let pair = two_over_one_vault(trial, &mut chain).await?;
	submit_at_once(&chain, [&pair[0], &pair[1]]).await?;
	trial.attempted("two pools have taken a CTP each of a vault that covers one of them");
	let first = &chain.connections[0];
	let entered = until("none of the two CTPs has entered", || async {
		let at = first.finalized().await?.hash;
		for (place, issued) in pair.iter().enumerate() {
			if first.ctp(&issued.id, Some(at)).await?.status == Status::Open {
				return Ok(Some(place));
			}
		}
		Ok(None)
	});
	let entered = entered.await?;
	declined(&chain, trial, Refusal::VaultTooSmall).await?;
	let [one, two] = pair;
	let (winner, loser) = if entered == 0 { (one, two) } else { (two, one) };
	let mut market = chain.markets.last().cloned().ok_or("there is a market")?;
	let consumer = market.community.participants.pop().ok_or("there is a consumer")?;
	let trader = consumer.trader(first);
	trader.confirm(&winner.id, ENERGY, Reading::New).await?;
	let over = chain.over_under_load().await?;
	// The vault never covers the other one: it must not enter while it can.
	let last = loser.signed.ctp.expiry.saturating_add(chain.parameters.grace);
	until("the chain did not come to the end of the CTPs", || async {
		for place in chain.honest() {
			let connection = &chain.connections[*place];
			let at = connection.finalized().await?.hash;
			let status = connection.ctp(&loser.id, Some(at)).await?.status;
			if matches!(status, Status::Open | Status::Settled) {
				return Err(format!("both CTPs have entered: {} too", loser.id).into());
			}
		}
		Ok((first.finalized().await?.number > last).then_some(()))
	})
	.await?;
	note_lies(&chain, trial)?;
	chain.made.push(delivered(winner));
	chain.made.push(never_delivered(loser));
	chain.conclude(trial, over).await
}

/// A producer confirms a CTP with a genuine meter of its own. The hostile author does not help it, as then
/// an ERC that honest ones decline might be the author's: its lie is one about roots.
pub async fn confirms_with_own_meter(trial: &mut Trial) -> Result<()> {
	let mut chain = hostile::chain(trial, "wrong-root").await?;
	let market = chain.open_market(trial, "own-meter", 1, 1).await?.clone();
	let first = &chain.connections[0];
	let trader = market.consumers()[0].trader(first);
	let lifetime = chain.parameters.max_lifetime.saturating_sub(SLACK);
	let price = Money::from_units(market.set_aside().units() / 10);
	let issued = trader.commit(&market.order(0, price, lifetime)).await?;
	let is_open = || async {
		let at = first.finalized().await?.hash;
		let status = first.ctp(&issued.id, Some(at)).await?.status;
		Ok::<_, Failure>((status == Status::Open).then_some(()))
	};
	until("the CTP has not entered", is_open).await?;

	let (erc, proof) = by_another_meter(first, &issued).await?;
	first.submit_message(&calls::confirm_receipt(erc, proof)).await?;
	trial.attempted("a pool has taken an ERC that a genuine meter signed, but not the CTP's");
	declined(&chain, trial, Refusal::WrongReceiptKey).await?;
	until("the CTP is not open any more", is_open).await?;
	let over = chain.over_under_load().await?;
	// And the consumer's own meter is heard all the same.
	trader.confirm(&issued.id, ENERGY, Reading::New).await?;
	note_lies(&chain, trial)?;
	chain.made.push(delivered(issued));
	chain.conclude(trial, over).await
}

/// Two CTPs of one consumer that its vault covers one by one, but not together.
pub async fn two_over_one_vault(trial: &Trial, chain: &mut Chain) -> Result<[Issued; 2]> {
	let market = chain.open_market(trial, "twice", 1, 1).await?.clone();
	let connection = &chain.connections[0];
	let (now, genesis) = (connection.best().await?.number, connection.genesis());
	// The other node may be some blocks behind.
	let expiry = now.saturating_add(chain.parameters.max_lifetime).saturating_sub(SLACK);
	let draft = Draft {
		vault: market.vaults[0],
		offer: market.offers[0],
		energy: ENERGY,
		amount: Money::from_units(market.set_aside().units() / 5 * 3),
		expiry,
		earliest: expiry.saturating_sub(SLACK),
	};
	let moment = Moment { genesis: &genesis, now, settles_from: 0 };
	let consumer = &market.consumers()[0];
	let issue = |taken| consumer.meter.issue(&draft, &consumer.key, &taken, &moment, &());
	let one = issue(BTreeSet::new())?;
	let two = issue(BTreeSet::from([one.id.pool_slot()]))?;
	Ok([one, two])
}

/// Hands one of them to the first node and the other to the second, at the same moment.
pub async fn submit_at_once(chain: &Chain, pair: [&Issued; 2]) -> Result<()> {
	let messages =
		pair.map(|issued| calls::commit_to_pay(issued.signed.clone(), issued.proof.clone(), None));
	try_join(
		chain.connections[0].submit_message(&messages[0]),
		chain.connections[1].submit_message(&messages[1]),
	)
	.await?;
	Ok(())
}

/// A CTP that its meter has confirmed whole.
fn delivered(issued: Issued) -> Made {
	let mut made = Made::new(issued, Some(ENERGY));
	made.confirmed = true;
	made
}

/// A CTP that no meter will confirm.
pub fn never_delivered(issued: Issued) -> Made {
	Made::new(issued, None)
}

/// Notes how often the hostile validator has lied beside the trader.
fn note_lies(chain: &Chain, trial: &mut Trial) -> Result<()> {
	trial.note(format!("the validator that is not honest told {} lies", lies(chain)?.len()));
	Ok(())
}

/// Waits until an honest author has refused a message by this rule, and notes it.
async fn declined(chain: &Chain, trial: &mut Trial, refusal: Refusal) -> Result<()> {
	let labels = [("rule", refusal.rule()), ("reason", refusal.name())];
	until(&format!("no author has declined a message by {refusal:?}"), || async {
		let counted = counts(chain).await?;
		let declined = |node| labelled(node, DECLINED, &labels) > 0.0;
		Ok(counted.iter().any(declined).then_some(()))
	})
	.await?;
	trial.refused_by(refusal.rule(), refusal.name(), DECLINED);
	Ok(())
}

/// An ERC for a CTP by the one-time key of another meter, which its manufacturer has certified: all
/// is right about it but that it is not the meter that the CTP names.
async fn by_another_meter(connection: &Connection, issued: &Issued) -> Result<(Erc, MeterProof)> {
	let (genesis, at) = (connection.genesis(), connection.finalized().await?.number);
	let (manufacturer, uri) = MAKER;
	let maker = ManufacturerKey::development(uri)?;
	// Keys of one kind: a manufacturer's, a meter's, and a meter's for one time.
	let [meter, key] = [(); 2].map(|()| ManufacturerKey::from_secret(&Secret::random()));
	let root = tree_root(&[ReceiptKey::of(&key.public())]).ok_or("a tree of one leaf")?;
	let coe = Coe {
		root,
		leaves: 1,
		valid_until: u32::MAX,
		signer: meter.public(),
		manufacturer,
		certificate: maker.sign(&Coe::certificate_payload(manufacturer, &meter.public(), &genesis)),
		signature: meter.sign(&Coe::payload(&root, 1, u32::MAX, &genesis)),
	};
	let signature = key.sign(&Erc::payload(&issued.id, ENERGY, at, &genesis));
	let erc = Erc { ctp: issued.id, delivered: ENERGY, at, key: key.public(), signature };
	Ok((erc, MeterProof { index: 0, path: Default::default(), coe }))
}
