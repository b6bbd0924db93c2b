//! The backbone node that does not carry letters as it should. Whatever it does to them costs a
//! negotiation at most a timeout: no money, and not what it says.

use super::{
	bargain::{Bargain, PARAMETERS},
	hostile::{self, lies, until, HOSTILE},
	rewritten,
};
use spb_client::{
	error::Classify,
	negotiate::{Agreed, NegotiateError},
};
use spb_primitives::relay::{NodeIdentifier, RefuseReason};
use spb_testbed::relay::backbone::list;
use spb_tests::faults::{Chain, Result, Setup, Trial};

/// How often a consumer begins anew: its own key is drawn at random and may belong to the same node.
const TRIES: u32 = 10;

/// What a negotiation over the node has to come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
	/// An agreement, as if nothing were wrong.
	Agreement,
	/// Nothing, in time.
	Timeout,
	/// Either: it depends on when what comes.
	Either,
}

/// A backbone node does this to what it carries.
pub async fn carries(
	trial: &mut Trial,
	misbehaviour: &'static str,
	expected: Outcome,
) -> Result<()> {
	let (chain, listed) = backbone(trial, misbehaviour).await?;
	negotiations(trial, chain, &listed, expected).await
}

/// A backbone node changes every packet, one part of it at a time.
pub async fn rewrites(trial: &mut Trial) -> Result<()> {
	let (chain, listed) = backbone(trial, "relay-rewrites").await?;
	rewritten::letters(trial, &chain, &listed).await?;
	negotiations(trial, chain, &listed, Outcome::Timeout).await
}

/// A backbone node takes clients on and does not answer them. Other nodes hand it packets all the same,
/// so letters to its keys wait there while those who hold the keys are attached to the next node.
pub async fn is_silent(trial: &mut Trial) -> Result<()> {
	let (chain, listed) = backbone(trial, "relay-silent-rpc").await?;
	negotiations(trial, chain, &listed, Outcome::Either).await
}

/// Four backbone nodes, one of which misbehaves like this, and their identifiers.
async fn backbone(
	trial: &Trial,
	misbehaviour: &'static str,
) -> Result<(Chain, Vec<NodeIdentifier>)> {
	let setup = Setup::fast().parameters(PARAMETERS);
	let chain = hostile::chain_with(trial, setup, &[misbehaviour]).await?;
	let listed = list(&chain.nodes, &chain.connections).await?;
	trial.say("four backbone nodes are listed");
	Ok((chain, listed))
}

/// Two bargain over the hostile node, which comes to what is expected, and two over the others, who
/// agree. Nobody loses money.
async fn negotiations(
	trial: &mut Trial,
	mut chain: Chain,
	listed: &[NodeIdentifier],
	expected: Outcome,
) -> Result<()> {
	let through =
		Bargain::open(trial, &mut chain, "through", listed, |home| home == HOSTILE).await?;
	let around = Bargain::open(trial, &mut chain, "around", listed, |home| home != HOSTILE).await?;
	let consumer = chain.connections[1].clone();

	// The producer's key belongs to the hostile node, so every letter to it comes that way.
	let outcome = through.negotiate(&consumer).await?;
	let told = until("the relay has told no lie", || async { Ok(lies(&chain)?.first().cloned()) });
	let told: String = told.await?;
	trial.attempted(format!("the hostile node was on the way: {told}"));
	let came_to = came_to(&outcome, expected)?;
	trial.refused_by("section 7", came_to.clone(), "what the consumer's client was told");
	match outcome {
		Ok(agreed) => {
			// The consumer may know it before the producer's client has said it.
			until("the producer does not say that it consented", || async {
				Ok((through.quotes() > 0).then_some(()))
			})
			.await?;
			chain.made.push(through.trade(&consumer, &agreed).await?);
		},
		Err(_) if through.is_untouched(&consumer).await? => {},
		Err(_) => return Err("a negotiation without an agreement has cost money".into()),
	}
	trial.note(format!("the negotiation over it came to: {came_to}"));

	// Over another node it succeeds, unless the consumer's own key belongs to the hostile one again.
	let mut tries = 0;
	let agreed = loop {
		tries += 1;
		match around.negotiate(&consumer).await? {
			Ok(agreed) => break agreed,
			Err(_) if !around.is_untouched(&consumer).await? => {
				return Err("a negotiation without an agreement has cost money".into());
			},
			Err(error) if tries == TRIES => return Err(error.into()),
			Err(error) => trial.say(format!("try {tries} around the hostile node: {error}")),
		}
	};
	chain.made.push(around.trade(&consumer, &agreed).await?);
	trial.note(format!("around the hostile node two agreed at try {tries} and traded"));
	let quotes = through.quotes();
	if quotes > 1 {
		return Err(format!("the producer consented {quotes} times in one negotiation").into());
	}
	let over = chain.over_under_load().await?;
	chain.conclude(trial, over).await
}

/// What a negotiation came to, if that is what it may come to.
fn came_to(outcome: &Result<Agreed, NegotiateError>, expected: Outcome) -> Result<String> {
	let (found, name) = match outcome {
		Ok(_) => (Outcome::Agreement, "agreed all the same".to_owned()),
		Err(error @ NegotiateError::TimedOut) => (Outcome::Timeout, error.code()),
		// What the consumer said came, but late. Where nothing comes, nothing is refused either.
		Err(
			error @ NegotiateError::Refused(
				RefuseReason::TooLate | RefuseReason::OtherTerms | RefuseReason::OutOfTurn,
			),
		) if expected == Outcome::Either => (Outcome::Timeout, error.code()),
		Err(error) => return Err(format!("a relay cannot bring about this: {error}").into()),
	};
	if found == expected || expected == Outcome::Either {
		return Ok(name);
	}
	Err(format!("the negotiation came to {found:?} ({name}), not to {expected:?}").into())
}
