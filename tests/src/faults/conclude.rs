//! How a scenario ends: the chain goes on, everyone has the same databases, and the books are right.

use super::{
	books::Account,
	chain::{AGREEMENT, LOOK},
	watch::{self, compare, Watch},
	Chain, Result, Trial,
};
use spb_client::connection::Head;
use spb_primitives::BlockNumber;
use spb_testbed::validators::NAMES;
use std::time::Instant;
use tokio::time::timeout;

/// When a fault or an attack was over.
#[derive(Clone, Copy, Debug)]
pub struct Over {
	at: Instant,
	/// The best block's number that any honest node had.
	best: BlockNumber,
}

impl Chain {
	/// Notes that the fault or the attack is over.
	pub async fn over(&self) -> Result<Over> {
		let at = Instant::now();
		let mut best = 0;
		for place in &self.honest {
			// One that has just been started may take a moment.
			best = best.max(self.connections[*place].best().await?.number);
		}
		Ok(Over { at, best })
	}

	/// The same, once something has settled since it began: for attacks, which go on meanwhile.
	pub async fn over_under_load(&self) -> Result<Over> {
		let begun = self.disturbed.ok_or("no one has said when the attack began")?;
		let settling = async {
			let mut pace = tokio::time::interval(LOOK);
			while self.settled(begun.at, BlockNumber::MAX).await == 0 {
				pace.tick().await;
			}
		};
		timeout(AGREEMENT, settling).await.map_err(|_| "nothing settles under the attack")?;
		self.over().await
	}

	/// How many CTPs have settled in final blocks after the first and up to the last of these.
	async fn settled(&self, after: BlockNumber, to: BlockNumber) -> usize {
		let audit = self.witness.audit.lock().await;
		let blocks = audit.findings().settled.values().map(|settled| settled.block);
		blocks.filter(|block| (after.saturating_add(1)..=to).contains(block)).count()
	}

	/// Waits until a block made after it was over is final on all honest nodes, and notes how long that
	/// took: the longest, where there were several. [`Self::conclude`] does it where no one has.
	pub async fn note_finality(&self, trial: &mut Trial, over: Over) -> Result<()> {
		self.until_final(&self.honest, over.best.saturating_add(1)).await?;
		let seconds = (over.at.elapsed().as_secs_f64() * 10.0).round() / 10.0;
		let longest = trial.outcome.finalized_after_s.map_or(seconds, |before| before.max(seconds));
		trial.outcome.finalized_after_s = Some(longest);
		trial.say(format!("what was made after it is final on all honest nodes ({seconds:.1} s)"));
		Ok(())
	}

	/// Waits for finality, lets the trades come to their end, and compares everything.
	pub async fn conclude(mut self, trial: &mut Trial, over: Over) -> Result<()> {
		if trial.outcome.finalized_after_s.is_none() {
			self.note_finality(trial, over).await?;
		}
		let loaded = self.load.is_some();
		self.rest(trial).await?;
		let end = self.connections[self.honest[0]].finalized().await?;
		self.until_final(&self.honest, end.number).await?;
		self.compare_roots(trial, over, end).await?;
		if loaded {
			self.check_load(trial, over).await?;
		}
		self.check_books(trial, end).await
	}

	/// Whether the load was one: CTPs were open when it began, and some settled before it was over, or
	/// after it where the chain stood still.
	async fn check_load(&self, trial: &mut Trial, over: Over) -> Result<()> {
		let begun = self.disturbed.ok_or("no one has said when the fault began")?;
		let last = if self.stands_still { BlockNumber::MAX } else { over.best };
		let settled = self.settled(begun.at, last).await;
		trial.note(format!(
			"{} CTPs were open when it began, and {settled} settled in blocks {} to {}",
			begun.open,
			begun.at.saturating_add(1),
			over.best
		));
		if settled == 0 {
			return Err("nothing has settled meanwhile: there was no load".into());
		}
		Ok(())
	}

	/// Whether all honest nodes have the same databases, and those that the headers name.
	async fn compare_roots(&self, trial: &mut Trial, over: Over, end: Head) -> Result<()> {
		let asked = async {
			let mut pace = tokio::time::interval(LOOK);
			while !self.watches.iter().all(|watch| watch.is_past(end.number)) {
				pace.tick().await;
			}
		};
		timeout(AGREEMENT, asked).await.map_err(|_| "a node does not tell its database")?;
		// A node that catches up in one go prunes what is older before anyone can ask for it.
		let kept = end.number.saturating_sub(self.parameters.evidence_window / 2);
		let node = |(place, watch): (&usize, &Watch)| watch::Node {
			name: NAMES[*place],
			seen: watch.seen(),
			from: if self.away.contains(place) { over.best.max(kept) } else { 0 },
		};
		let nodes: Vec<_> = self.honest.iter().zip(&self.watches).map(node).collect();
		let compared = compare(&nodes, end);
		trial.note(format!(
			"roots compared at {} heights on {} nodes; {} databases are not there any more",
			compared.heights,
			nodes.len(),
			compared.absent
		));
		self.witness.looking.abort();
		let mut audit = self.witness.audit.lock().await;
		audit.advance(end).await?;
		let findings = audit.findings();
		trial.outcome.roots_equal = compared.wrong.is_none()
			&& findings.roots_checked > 0
			&& findings.roots_checked == findings.roots_equal;
		match compared.wrong {
			Some(wrong) => Err(wrong.into()),
			None if !trial.outcome.roots_equal => {
				Err("the database folded from its entries is not the header's".into())
			},
			None => Ok(()),
		}
	}

	/// Whether everyone got what they should.
	async fn check_books(&self, trial: &mut Trial, end: Head) -> Result<()> {
		let audit = self.witness.audit.lock().await;
		let view = self.connections[self.honest[0]].view(end).await?;
		let account = Account {
			beginning: self.beginning,
			markets: &self.markets,
			made: &self.made,
			findings: audit.findings(),
			view: &view,
		};
		let books = account.check().await?;
		trial.note(format!(
			"{} CTPs made, {} confirmed, {} settled in {} blocks",
			books.made,
			books.confirmed,
			books.settled,
			audit.findings().blocks
		));
		trial.outcome.money_conserved = books.money.is_empty();
		let wrong = [books.money, books.trades].concat();
		if wrong.is_empty() && books.settled > 0 {
			return Ok(());
		}
		// A chain on which nothing settles would show little.
		let nothing = || "nothing was traded".to_owned();
		Err(wrong
			.into_iter()
			.reduce(|all, one| format!("{all}\n{one}"))
			.unwrap_or_else(nothing)
			.into())
	}
}
