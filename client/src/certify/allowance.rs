//! How many certificates a meter gives, and to whom: so many in an hour, and not all of them to one.

use super::Willing;
use crate::negotiate::until;
use sp_core::H256;
use spb_primitives::{relay::CoeRequest, MeterKey};
use std::{collections::VecDeque, future};

/// In milliseconds.
pub(super) const HOUR: u64 = 60 * 60 * 1_000;

/// A certificate that was given.
struct Given {
	/// When, in milliseconds since 1970.
	at: u64,
	requester: MeterKey,
	root: H256,
}

/// When the hour of a certificate is over, in milliseconds since 1970.
fn end_of(given: &Given) -> u64 {
	given.at.saturating_add(HOUR)
}

/// What was given in the last hour: in memory alone, and forgotten when the hour is over.
#[derive(Default)]
pub(super) struct Allowance {
	/// In the order in which they were given.
	given: VecDeque<Given>,
}

impl Allowance {
	/// Takes one certificate from what may be given at `now` (milliseconds since 1970), for a request
	/// that was verified: who asks for another meter's share must not use it up, nor learn from the
	/// answer whom we have certified. The same tree once more takes nothing, because its answer may have
	/// been lost. Whether there was one left.
	pub(super) fn take(&mut self, request: &CoeRequest, now: u64, willing: &Willing) -> bool {
		self.expire(now);
		let CoeRequest { requester, root, .. } = *request;
		let theirs: Vec<&Given> =
			self.given.iter().filter(|given| given.requester == requester).collect();
		if theirs.iter().any(|given| given.root == root) {
			return true;
		}
		let (all, one) = (willing.per_hour as usize, willing.per_meter as usize);
		if self.given.len() >= all || theirs.len() >= one {
			return false;
		}
		self.given.push_back(Given { at: now, requester, root });
		true
	}

	/// Forgets what was given an hour before `now` (milliseconds since 1970) or earlier.
	pub(super) fn expire(&mut self, now: u64) {
		while self.given.front().is_some_and(|given| end_of(given) <= now) {
			self.given.pop_front();
		}
	}

	/// Waits until there is something to forget; for ever if nothing is kept.
	pub(super) async fn until_due(&self) {
		match self.given.front() {
			Some(given) => tokio::time::sleep(until(end_of(given))).await,
			None => future::pending().await,
		}
	}

	/// Whether nothing is kept of anyone.
	#[cfg(test)]
	pub(super) fn is_empty(&self) -> bool {
		self.given.is_empty()
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use spb_primitives::MeterSignature;

	const NOW: u64 = 1_800_000_000_000;
	const WILLING: Willing = Willing { longest: 100, per_hour: 5, per_meter: 2 };

	fn request(requester: u8, root: u8) -> CoeRequest {
		CoeRequest {
			root: H256::repeat_byte(root),
			leaves: 8,
			valid_until: 100,
			requester: MeterKey::from_raw([requester; 32]),
			manufacturer: 1,
			certificate: MeterSignature::default(),
			signature: MeterSignature::default(),
		}
	}

	#[test]
	fn no_meter_should_have_more_than_its_share() {
		let mut allowance = Allowance::default();
		let mut take = |requester, root| allowance.take(&request(requester, root), NOW, &WILLING);
		assert!(take(1, 1) && take(1, 2));
		assert!(!take(1, 3), "it has had its share");
		assert!(take(2, 1) && take(2, 2) && take(3, 1), "others have theirs");
		assert!(!take(3, 2) && !take(4, 1), "that was all");
	}

	#[test]
	fn the_same_tree_should_count_once() {
		let mut allowance = Allowance::default();
		let mut take = |requester, root| allowance.take(&request(requester, root), NOW, &WILLING);
		for _ in 0..10 {
			assert!(take(1, 1));
		}
		assert!(take(1, 2) && !take(1, 3));
		// Also when its meter's share is used up; but not for another meter.
		assert!(take(1, 1) && take(2, 1) && take(2, 3) && !take(2, 4));
	}

	#[test]
	fn what_was_given_should_be_forgotten_after_an_hour() {
		let mut allowance = Allowance::default();
		let mut take = |root, now| allowance.take(&request(1, root), now, &WILLING);
		assert!(take(1, NOW) && take(2, NOW + 1));
		assert!(!take(3, NOW + HOUR - 1));
		assert!(take(3, NOW + HOUR) && !take(4, NOW + HOUR));
		assert!(take(4, NOW + HOUR + 1));
		assert_eq!(allowance.given.len(), 2);
		allowance.expire(NOW + 2 * HOUR);
		assert_eq!(allowance.given.len(), 1);
		allowance.expire(NOW + 2 * HOUR + 1);
		assert!(allowance.is_empty());
	}
}
