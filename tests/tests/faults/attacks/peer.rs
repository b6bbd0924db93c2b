//! A validator that makes good blocks and tells its peers what is wrong.

use super::{
	super::joining::authored,
	hostile::{self, counted_by_all, counts, labelled, lies, until, ANSWERS},
};
use spb_client::connection::{database_digest, Hash};
use spb_testbed::{database, validators::NAMES};
use spb_tests::faults::{Chain, Result, Setup, Trial};
use std::collections::BTreeSet;
use tokio::task::block_in_place;

/// How often a database is lost until the liar is the first to be asked. That is one chance in three each
/// time, and less where the liar has lost its standing before: with one in six, it never is in one scenario
/// of three hundred.
const TRIES: usize = 32;
/// What the honest nodes say of an answer of other bytes than they asked for.
const WRONG_SIDECAR: &str = "SPB: bytes of another sidecar";
/// Of a database of another root than they asked for.
const WRONG_DATABASE: &str = "SPB: a database of another root";
/// Of an answer that is none.
const MALFORMED_ANSWER: &str = "SPB: malformed answer";
/// Of a request that is none.
const MALFORMED_REQUEST: &str = "SPB: malformed request";
/// The protocols to which garbage is sent, as the figures name them.
const SIDECAR: &str = "sidecar";
const DATABASE: &str = "database";
const PROTOCOLS: [&str; 2] = [SIDECAR, DATABASE];
/// Whose CTP database is lost.
const LOST: usize = 2;
/// Of so many blocks it loses the sidecars too: with them it would make its database itself.
const EVIDENCE: u32 = 10;
/// Where nodes count requests that they refuse.
const REQUESTS: &str = "spb_requests_refused_total";

/// What it serves has another hash than it was asked for.
pub async fn serves_wrong_bytes(trial: &mut Trial) -> Result<()> {
	let chain = hostile::chain(trial, "serve-wrong-bytes").await?;
	let reason = counted_by_all(&chain, ANSWERS, WRONG_SIDECAR).await?;
	trial.attempted(format!("{} answers of other bytes", lies(&chain)?.len()));
	trial.refused_by("R1", reason, ANSWERS);
	let over = chain.over_under_load().await?;
	chain.conclude(trial, over).await
}

/// Charlie has lost its CTP database, and asks for it a peer that gives it another one.
pub async fn lies_about_databases(trial: &mut Trial) -> Result<()> {
	let setup = Setup::fast().away(&[LOST]);
	let mut chain = hostile::chain_with(trial, setup, &["serve-wrong-database"]).await?;
	let (refused, tries) = lose_until_refused(trial, &mut chain, WRONG_DATABASE).await?;
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

/// Garbage on both protocols, as requests and as answers. Honest nodes ask for sidecars all the time, and
/// for a database where they have none: Charlie has lost his.
pub async fn sends_garbage(trial: &mut Trial) -> Result<()> {
	let setup = Setup::fast().away(&[LOST]);
	let mut chain = hostile::chain_with(trial, setup, &["send-garbage"]).await?;
	for protocol in PROTOCOLS {
		refused_by_all(&chain, REQUESTS, protocol, MALFORMED_REQUEST).await?;
	}
	refused_by_all(&chain, ANSWERS, SIDECAR, MALFORMED_ANSWER).await?;
	let request = counted_by_all(&chain, REQUESTS, MALFORMED_REQUEST).await?;
	let answer = counted_by_all(&chain, ANSWERS, MALFORMED_ANSWER).await?;
	// His figures begin anew each time: what they have to show before has been looked at.
	let (refused, tries) = lose_until_refused(trial, &mut chain, MALFORMED_ANSWER).await?;
	let told = lies(&chain)?;
	let requests = |protocol: &str| {
		let name = format!("/spb/{protocol}/1");
		let of = |lie: &&String| lie.contains("as a request") && lie.contains(&name);
		told.iter().filter(of).count()
	};
	let [sidecar, database] = PROTOCOLS.map(requests);
	if let Some(answered) = told.iter().find(|lie| lie.ends_with(", answered")) {
		return Err(format!("garbage was answered: {answered}").into());
	}
	let answers = |serves: &str| {
		let what = format!("{serves} as an answer");
		told.iter().filter(|lie| lie.contains(&what)).count()
	};
	let [sidecars, databases] = ["Sidecars", "Databases"].map(answers);
	let all_sent = [sidecar, database, sidecars, databases].into_iter().all(|sent| sent > 0);
	if all_sent && refused > 0.0 {
		trial.attempted(format!(
			"garbage: {sidecar} requests for sidecars, {database} for databases, {sidecars} answers with \
			 sidecars, {databases} with databases; every honest node has refused requests of both kinds and \
			 answers with sidecars, and {}, after {tries} losses of its database, an answer with that",
			NAMES[LOST]
		));
	}
	let counted = format!("{REQUESTS} and {ANSWERS}, each of both protocols");
	trial.refused_by("reputation", format!("{request}; {answer}"), counted);
	let over = chain.over_under_load().await?;
	chain.conclude(trial, over).await
}

/// Has Charlie lose his CTP database, and what he could make it from, until a peer has given him one that he refuses for this reason; gives
/// the answers that he has refused and how often he has lost it.
async fn lose_until_refused(
	trial: &Trial,
	chain: &mut Chain,
	reason: &str,
) -> Result<(f64, usize)> {
	let labels = [("protocol", DATABASE), ("reason", reason)];
	let (mut refused, mut tries) = (0.0, 0);
	// Which of three peers is asked first is chance.
	while refused == 0.0 && tries < TRIES {
		tries += 1;
		let evidence = evidence(chain).await?;
		block_in_place(|| chain.nodes[LOST].stop())?;
		let folder = chain.validators.folder(LOST);
		database::remove(folder)?;
		let lost = database::remove_sidecars(folder, &evidence)?;
		// Later they may be gone already.
		if lost == 0 && tries == 1 {
			return Err(format!("{} had none of the sidecars {evidence:?}", NAMES[LOST]).into());
		}
		chain.restart(LOST)?;
		trial.say(format!("{} has lost its database ({tries})", NAMES[LOST]));
		let node = &chain.nodes[LOST];
		let restored = until("the database does not come back", || async {
			// It may not have opened that port yet.
			let Ok(metrics) = node.metrics().await else { return Ok(None) };
			let restored = metrics.sum("spb_databases_restored_total") > 0.0;
			let is_there = metrics.sum("spb_database_missing") == 0.0;
			Ok((restored && is_there).then_some(metrics))
		});
		refused = labelled(&restored.await?, ANSWERS, &labels);
	}
	Ok((refused, tries))
}

/// The hashes of the sidecars that Charlie's last blocks name.
async fn evidence(chain: &Chain) -> Result<BTreeSet<Hash>> {
	let connection = &chain.connections[LOST];
	let last = connection.best().await?.number;
	let mut hashes = BTreeSet::new();
	for number in last.saturating_sub(EVIDENCE).max(1)..=last {
		let header = connection.header(connection.hash_of(number).await?).await?;
		let digest = database_digest(&header);
		hashes.extend(digest.map(|digest| digest.sidecar_hash));
	}
	Ok(hashes)
}

/// Waits until every honest node has refused something on this protocol for this reason.
async fn refused_by_all(chain: &Chain, metric: &str, protocol: &str, reason: &str) -> Result<()> {
	let what = format!("not every honest node counts {reason:?} in {metric} of {protocol}");
	let labels = [("protocol", protocol), ("reason", reason)];
	until(&what, || async {
		let counted = counts(chain).await?;
		let all = counted.iter().all(|node| labelled(node, metric, &labels) > 0.0);
		Ok(all.then_some(()))
	})
	.await
}
