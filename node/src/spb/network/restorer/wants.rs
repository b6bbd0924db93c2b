//! Which databases are wanted, by whom, and how often all peers were asked in vain: the restorer's
//! memory, without its network.

use super::super::{super::Hash, fetcher::Patience};
use futures::channel::oneshot;
use std::time::Instant;

/// Databases wanted at once.
const MAX_WANTS: usize = 16;
/// How often the number of old blocks that do without is doubled, after rounds in vain.
const MAX_SKIP_DOUBLINGS: u32 = 6;

struct Waiter {
	/// Whether it was restored.
	tell: oneshot::Sender<bool>,
	patience: Patience,
}

struct Want {
	block: Hash,
	until: Instant,
	waiting: Vec<Waiter>,
}

/// The databases that are wanted, in the order in which they have their turns.
#[derive(Default)]
pub(super) struct Wants(Vec<Want>);

impl Wants {
	/// The block whose database has its turn. What is wanted no longer is forgotten.
	pub(super) fn first(&mut self, now: Instant) -> Option<Hash> {
		self.0.retain(|want| now < want.until);
		self.0.first().map(|want| want.block)
	}

	/// Wants the database after a block until then; gives where it is said whether it was restored.
	/// Nothing where there is no room.
	pub(super) fn want(
		&mut self,
		block: Hash,
		until: Instant,
		patience: Patience,
	) -> Option<oneshot::Receiver<bool>> {
		let (tell, done) = oneshot::channel();
		let waiter = Waiter { tell, patience };
		match self.0.iter().position(|want| want.block == block) {
			Some(at) => {
				let want = &mut self.0[at];
				want.until = until;
				want.waiting.retain(|waiter| !waiter.tell.is_canceled());
				want.waiting.push(waiter);
			},
			None if self.0.len() < MAX_WANTS => {
				self.0.push(Want { block, until, waiting: vec![waiter] });
			},
			None => return None,
		}
		Some(done)
	}

	/// A database is there: whoever waits for it hears so.
	pub(super) fn done(&mut self, block: Hash) {
		for want in self.0.extract_if(.., |want| want.block == block) {
			for waiter in want.waiting {
				// Who does not wait any more finds it there.
				let _ = waiter.tell.send(true);
			}
		}
	}

	/// A round has ended with nothing: who waits for one round only hears so, and another database has
	/// its turn.
	pub(super) fn failed(&mut self, block: Hash) {
		for want in self.0.iter_mut().filter(|want| want.block == block) {
			let impatient = |waiter: &mut Waiter| waiter.patience == Patience::OneRound;
			for waiter in want.waiting.extract_if(.., impatient) {
				let _ = waiter.tell.send(false);
			}
		}
		self.0.retain(|want| want.block != block || !want.waiting.is_empty());
		if self.0.first().is_some_and(|want| want.block == block) {
			self.0.rotate_left(1);
		}
	}
}

/// Rounds of all peers that ended with nothing, one after the other.
#[derive(Default)]
pub(super) struct InVain {
	rounds: u32,
	/// How many of those who ask for one round are still to be told so without another.
	skip: u32,
}

impl InVain {
	/// One more has ended so.
	pub(super) fn count(&mut self) {
		self.rounds = self.rounds.saturating_add(1);
		self.skip = (1 << self.rounds.min(MAX_SKIP_DOUBLINGS)) - 2;
	}

	/// Whether who asks for one round now is told so without another.
	pub(super) fn skips(&mut self) -> bool {
		let Some(left) = self.skip.checked_sub(1) else { return false };
		self.skip = left;
		true
	}
}
