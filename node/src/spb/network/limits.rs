//! How fast one may ask, and for how much: a peer, or whoever else has a name.

use super::reputation;
use sc_network::{PeerId, ReputationChange};
use std::{
	collections::HashMap,
	hash::Hash,
	time::{Duration, Instant},
};

/// Who is remembered at once where nothing else is said; of peers, more than a node ever has.
const MAX_REMEMBERED: usize = 1_024;

/// What one may do.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
	/// Requests at once.
	pub burst: u32,
	/// Requests per second in the long run.
	pub per_second: u32,
	/// Bytes of answers at once. An answer is given whole as long as there is anything left.
	pub burst_bytes: u32,
	/// Bytes of answers per second in the long run.
	pub bytes_per_second: u32,
}

impl Rate {
	/// So many requests at once, and so many per second in the long run, whose answers are too small
	/// to be counted.
	pub const fn of_requests(burst: u32, per_second: u32) -> Self {
		Self { burst, per_second, burst_bytes: u32::MAX, bytes_per_second: u32::MAX }
	}
}

/// A request that is not answered because of its peer's rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooFast {
	/// What it costs the peer, if it asks far more often than is allowed. To want much costs nothing.
	pub change: Option<ReputationChange>,
}

struct Bucket {
	/// Requests that may still come; below zero where some came that might not.
	left: f64,
	/// Bytes that may still be given; below zero where the last answer was larger than that.
	bytes: f64,
	at: Instant,
}

/// Counts the requests of each.
pub struct Limiter<K = PeerId> {
	rate: Rate,
	most: usize,
	buckets: HashMap<K, Bucket>,
}

impl<K: Eq + Hash> Limiter<K> {
	/// Allows each this rate.
	pub fn new(rate: Rate) -> Self {
		Self::remembering(rate, MAX_REMEMBERED)
	}

	/// The same, where there can be so many at once. Fewer would let them all off: when too many have
	/// something left to wait for, all are forgotten.
	pub fn remembering(rate: Rate, most: usize) -> Self {
		Self { rate, most, buckets: HashMap::new() }
	}

	/// Counts a request, and says whether it may be answered. Asking on when it may not makes the
	/// wait longer.
	pub fn admit(&mut self, who: K, now: Instant) -> Result<(), TooFast> {
		let burst = f64::from(self.rate.burst);
		let bucket = self.filled(who, now);
		// Down to twice the burst in debt: a peer that keeps asking gets nothing more for a while.
		bucket.left = (bucket.left - 1.0).max(-2.0 * burst);
		if bucket.left < 0.0 {
			Err(TooFast { change: (bucket.left < -burst).then_some(reputation::FLOODING) })
		} else if bucket.bytes <= 0.0 {
			Err(TooFast { change: None })
		} else {
			Ok(())
		}
	}

	/// Whether one more is within the rate, which then counts it. What is not costs nothing: this is
	/// for what the node does itself, and for those who share a name with others.
	pub fn permits(&mut self, who: K, now: Instant) -> bool {
		let bucket = self.filled(who, now);
		let permitted = bucket.left >= 1.0;
		if permitted {
			bucket.left -= 1.0;
		}
		permitted
	}

	/// Whether one more would be within the rate, which counts nothing.
	pub fn would_permit(&mut self, who: K, now: Instant) -> bool {
		self.filled(who, now).left >= 1.0
	}

	/// Counts the bytes of an answer to a request that was admitted.
	pub fn answered(&mut self, who: &K, bytes: usize) {
		if let Some(bucket) = self.buckets.get_mut(who) {
			// No answer is larger than that.
			bucket.bytes -= f64::from(u32::try_from(bytes).unwrap_or(u32::MAX));
		}
	}

	/// The bucket of one, with what has become free since it was last looked at.
	fn filled(&mut self, who: K, now: Instant) -> &mut Bucket {
		let Rate { burst, per_second, burst_bytes, bytes_per_second } = self.rate;
		let (burst, burst_bytes) = (f64::from(burst), f64::from(burst_bytes));
		if !self.buckets.contains_key(&who) && self.buckets.len() >= self.most {
			self.forget_idle(now);
		}
		let full = Bucket { left: burst, bytes: burst_bytes, at: now };
		let bucket = self.buckets.entry(who).or_insert(full);
		let since = now.saturating_duration_since(bucket.at).as_secs_f64();
		bucket.left = (bucket.left + since * f64::from(per_second)).min(burst);
		bucket.bytes = (bucket.bytes + since * f64::from(bytes_per_second)).min(burst_bytes);
		bucket.at = now;
		bucket
	}

	/// Forgets those whose buckets are full again; where none is, all of them.
	fn forget_idle(&mut self, now: Instant) {
		let Rate { burst, per_second, burst_bytes, bytes_per_second } = self.rate;
		let of_requests = 3 * u64::from(burst) / u64::from(per_second.max(1));
		let of_bytes = 3 * u64::from(burst_bytes) / u64::from(bytes_per_second.max(1));
		let full = Duration::from_secs(of_requests.max(of_bytes));
		self.buckets.retain(|_, bucket| now.saturating_duration_since(bucket.at) < full);
		if self.buckets.len() >= self.most {
			self.buckets.clear();
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	const RATE: Rate = Rate { burst: 4, per_second: 2, burst_bytes: 1_000, bytes_per_second: 100 };

	#[test]
	fn burst_should_be_allowed_and_then_only_the_rate() {
		let (mut limiter, peer, start) = (Limiter::new(RATE), PeerId::random(), Instant::now());
		for _ in 0..4 {
			assert_eq!(limiter.admit(peer, start), Ok(()));
		}
		assert_eq!(limiter.admit(peer, start), Err(TooFast { change: None }));
		assert_eq!(limiter.admit(peer, start + Duration::from_secs(1)), Ok(()));
		assert_eq!(limiter.admit(PeerId::random(), start), Ok(()), "others are not concerned");
	}

	#[test]
	fn flooding_should_cost_standing() {
		let (mut limiter, peer, start) = (Limiter::new(RATE), PeerId::random(), Instant::now());
		let verdicts: Vec<_> = (0..20).map(|_| limiter.admit(peer, start)).collect();
		let punished = Err(TooFast { change: Some(reputation::FLOODING) });
		assert!(verdicts[..8].iter().all(|verdict| *verdict != punished));
		assert!(verdicts[8..].iter().all(|verdict| *verdict == punished));
		// And it ends: the debt is bounded.
		assert_eq!(limiter.admit(peer, start + Duration::from_secs(10)), Ok(()));
	}

	#[test]
	fn who_was_given_much_should_wait_and_keep_its_standing() {
		let (mut limiter, peer, start) = (Limiter::new(RATE), PeerId::random(), Instant::now());
		let at = |seconds| start + Duration::from_secs(seconds);
		assert_eq!(limiter.admit(peer, start), Ok(()));
		limiter.answered(&peer, 900);
		// What is left is little, and the next answer is given whole all the same.
		assert_eq!(limiter.admit(peer, start), Ok(()));
		limiter.answered(&peer, 600);
		assert_eq!(limiter.admit(peer, at(1)), Err(TooFast { change: None }));
		assert_eq!(limiter.admit(peer, at(4)), Err(TooFast { change: None }));
		assert_eq!(limiter.admit(PeerId::random(), at(4)), Ok(()), "others are not concerned");
		assert_eq!(limiter.admit(peer, at(6)), Ok(()));
		// However long it asks for nothing, no more than the burst is saved up.
		assert_eq!(limiter.admit(peer, at(10_000)), Ok(()));
		limiter.answered(&peer, 1_100);
		assert_eq!(limiter.admit(peer, at(10_000)), Err(TooFast { change: None }));
	}

	#[test]
	fn what_is_not_permitted_should_not_make_the_wait_longer() {
		let (mut limiter, start) = (Limiter::new(RATE), Instant::now());
		assert!((0..20).all(|_| limiter.would_permit("key", start)), "a look costs nothing");
		let permitted = (0..20).filter(|_| limiter.permits("key", start)).count();
		assert_eq!(permitted, 4);
		assert!(!limiter.would_permit("key", start));
		assert!(limiter.permits("other key", start));
		let later = start + Duration::from_secs(1);
		let permitted = (0..20).filter(|_| limiter.permits("key", later)).count();
		assert_eq!(permitted, 2);
	}

	#[test]
	fn number_of_peers_should_be_bounded() {
		let (mut limiter, start) = (Limiter::new(RATE), Instant::now());
		for _ in 0..3 * MAX_REMEMBERED {
			limiter.admit(PeerId::random(), start).unwrap();
		}
		assert!(limiter.buckets.len() <= MAX_REMEMBERED);
	}

	#[test]
	fn many_should_not_be_let_off_where_so_many_can_be() {
		let (most, start) = (2 * MAX_REMEMBERED, Instant::now());
		let mut limiter = Limiter::remembering(RATE, most);
		for who in (0..most).cycle().take(4 * most) {
			assert!(limiter.permits(who, start));
		}
		assert!((0..most).all(|who| !limiter.permits(who, start)));
	}
}
