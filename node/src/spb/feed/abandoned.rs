//! Blocks whose messages are to come back.

use super::super::{Hash, LOG_TARGET};
use std::collections::VecDeque;

/// How many wait at once.
const MOST: usize = 1_024;
/// How often one is tried, once a block. What does not work for so long never will.
const TRIES: u32 = 256;

/// Abandoned blocks whose messages have not come back yet, in order, and how often that failed. Not
/// kept over a restart.
#[derive(Default)]
pub(super) struct Abandoned(VecDeque<(Hash, u32)>);

impl Abandoned {
	/// One more block, unless it waits already. Where there are too many, the oldest goes.
	pub(super) fn note(&mut self, block: Hash) {
		if self.0.iter().any(|(known, _)| *known == block) {
			return;
		}
		self.0.push_back((block, 0));
		if self.0.len() > MOST {
			if let Some((oldest, _)) = self.0.pop_front() {
				give_up(&oldest);
			}
		}
	}

	/// Tries every block, and keeps those that fail as long as it makes sense. Says why the first of
	/// them did.
	pub(super) fn try_each<E>(
		&mut self,
		mut take_back: impl FnMut(Hash) -> Result<(), E>,
	) -> Result<(), E> {
		let mut first = Ok(());
		self.0.retain_mut(|(block, tries)| {
			let Err(error) = take_back(*block) else { return false };
			if first.is_ok() {
				first = Err(error);
			}
			*tries += 1;
			if *tries == TRIES {
				give_up(block);
			}
			*tries < TRIES
		});
		first
	}

	/// How many wait.
	pub(super) fn len(&self) -> usize {
		self.0.len()
	}
}

fn give_up(block: &Hash) {
	log::warn!(
		target: LOG_TARGET,
		"The messages of the abandoned block {block:?} do not come back: it was tried for too long",
	);
}

#[cfg(test)]
mod tests {
	use super::*;

	fn block(number: usize) -> Hash {
		Hash::from_low_u64_be(number as u64)
	}

	/// What is tried, in order, where these fail.
	fn tried(abandoned: &mut Abandoned, failing: &[Hash]) -> (Vec<Hash>, Result<(), Hash>) {
		let mut tried = Vec::new();
		let done = abandoned.try_each(|block| {
			tried.push(block);
			if failing.contains(&block) {
				Err(block)
			} else {
				Ok(())
			}
		});
		(tried, done)
	}

	#[test]
	fn block_that_fails_should_keep_no_other_out_and_be_tried_again() {
		let mut abandoned = Abandoned::default();
		[1, 2, 3, 4, 2].into_iter().for_each(|number| abandoned.note(block(number)));
		let failing = [block(2), block(3)];
		let all = [1, 2, 3, 4].map(block).to_vec();
		assert_eq!(tried(&mut abandoned, &failing), (all, Err(block(2))));
		abandoned.note(block(5));
		let left = [2, 3, 5].map(block).to_vec();
		assert_eq!(tried(&mut abandoned, &failing[1..]), (left, Err(block(3))));
		assert_eq!(tried(&mut abandoned, &[]), (vec![block(3)], Ok(())));
		assert_eq!(tried(&mut abandoned, &[]), (vec![], Ok(())));
	}

	#[test]
	fn block_that_always_fails_should_be_given_up() {
		let mut abandoned = Abandoned::default();
		abandoned.note(block(1));
		for _ in 0..TRIES {
			assert_eq!(tried(&mut abandoned, &[block(1)]).0, [block(1)]);
		}
		assert_eq!((tried(&mut abandoned, &[]).0, abandoned.len()), (vec![], 0));
	}

	#[test]
	fn oldest_should_go_where_too_many_wait() {
		let mut abandoned = Abandoned::default();
		(0..MOST + 3).for_each(|number| abandoned.note(block(number)));
		assert_eq!(abandoned.len(), MOST);
		let (tried, _) = tried(&mut abandoned, &[]);
		assert_eq!((tried[0], tried[MOST - 1]), (block(3), block(MOST + 2)));
	}
}
