//! The validator that misbehaves, and what the honest ones count.

use spb_testbed::{
	metrics::{Metrics, Sample},
	node::Options,
	Binary,
};
use spb_tests::faults::{Chain, Result, Setup, Trial};
use std::{collections::BTreeSet, fs, future::Future, time::Duration};

/// Its place: Dave's.
pub const HOSTILE: usize = 3;
/// Where nodes count answers of peers that they refuse.
pub const ANSWERS: &str = "spb_answers_refused_total";
/// How a line of its log says that it has lied, before what it did.
const LIED: &str = "Misbehaviour ";
/// Between two looks.
const LOOK: Duration = Duration::from_millis(250);
/// How long an attack may take to be made and noticed on a loaded machine.
const LIMIT: Duration = Duration::from_secs(240);

/// Starts three honest validators and one that misbehaves like this, with a load on the honest ones.
pub async fn chain(trial: &Trial, misbehaviour: &'static str) -> Result<Chain> {
	chain_with(trial, Setup::fast(), &[misbehaviour]).await
}

/// The same on a chain that is set up in another way, and with one that misbehaves in several ways.
pub async fn chain_with(
	trial: &Trial,
	setup: Setup,
	misbehaviours: &[&'static str],
) -> Result<Chain> {
	let setup = setup.hostile(HOSTILE, misbehaving(misbehaviours.to_vec())?);
	let mut chain = Chain::start(trial, setup).await?;
	chain.trade(trial).await?;
	chain.disturb(trial).await?;
	Ok(chain)
}

/// How to start it so that it misbehaves in these ways. For none it is the program that is shipped.
pub fn misbehaving(
	misbehaviours: Vec<&'static str>,
) -> Result<impl Fn(Options) -> Options + Send + Sync + 'static> {
	let program = Binary::Hostile.find()?;
	Ok(move |options: Options| {
		misbehaviours.iter().fold(options, |options, misbehaviour| {
			options.program(&program).argument("--misbehave").argument(*misbehaviour)
		})
	})
}

/// The lies that were told so far.
pub fn lies(chain: &Chain) -> Result<Vec<String>> {
	after(chain, LIED)
}

/// What stands behind this text in the lines of the hostile node's log that have it.
pub fn after(chain: &Chain, text: &str) -> Result<Vec<String>> {
	let log = fs::read(chain.nodes[HOSTILE].log())?;
	let log = String::from_utf8_lossy(&log);
	let behind = log.lines().filter_map(|line| line.split_once(text));
	Ok(behind.map(|(_, rest)| rest.trim().to_owned()).collect())
}

/// Waits until something shows.
pub async fn until<T, L>(what: &str, mut look: impl FnMut() -> L) -> Result<T>
where
	L: Future<Output = Result<Option<T>>>,
{
	let looking = async {
		let mut pace = tokio::time::interval(LOOK);
		loop {
			pace.tick().await;
			if let Some(found) = look().await? {
				return Ok(found);
			}
		}
	};
	let looked = tokio::time::timeout(LIMIT, looking).await;
	looked.unwrap_or_else(|_| Err(format!("{what} within {} s", LIMIT.as_secs()).into()))
}

/// What each honest node counts.
pub async fn counts(chain: &Chain) -> Result<Vec<Metrics>> {
	let mut counts = Vec::new();
	for place in chain.honest() {
		counts.push(chain.nodes[*place].metrics().await?);
	}
	Ok(counts)
}

/// A figure with this label.
pub fn labelled(metrics: &Metrics, name: &str, labels: &[(&str, &str)]) -> f64 {
	let has = |sample: &&Sample| {
		labels.iter().all(|(label, value)| sample.labels.get(*label).is_some_and(|is| is == value))
	};
	metrics.samples(name).filter(has).map(|sample| sample.value).sum()
}

/// Waits until every honest node counts this reason; all that each of them counts there by then, in
/// their own words.
pub async fn counted_by_all(chain: &Chain, metric: &str, reason: &str) -> Result<String> {
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
