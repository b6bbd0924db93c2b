//! When to begin. Blocks are made at the beginnings of slots, so that it matters when in a slot a
//! trade begins: repetitions are spread evenly over the slot, the same for every way of trading.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The least time until a beginning, so that everyone is ready.
const AHEAD: Duration = Duration::from_millis(200);

/// When in a slot of this length repetition `run` of `runs` begins: in the middle of its own part.
pub fn phase(run: u32, runs: u32, slot: Duration) -> Duration {
	let runs = runs.max(1);
	slot.mul_f64((f64::from(run % runs) + 0.5) / f64::from(runs))
}

/// How long it is until the next slot begins, for which there is time to be ready.
pub fn until_slot(slot: Duration) -> Duration {
	let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
	until_slot_from(now, slot)
}

fn until_slot_from(since_epoch: Duration, slot: Duration) -> Duration {
	let slot_ms = slot.as_millis().max(1);
	let into = (since_epoch + AHEAD).as_millis() % slot_ms;
	let left = u64::try_from(slot_ms - into).unwrap_or_default();
	AHEAD + Duration::from_millis(left)
}

#[cfg(test)]
mod tests {
	use super::*;

	const SLOT: Duration = Duration::from_secs(3);

	#[test]
	fn repetitions_should_be_spread_evenly_over_a_slot() {
		let phases: Vec<_> = (0..3).map(|run| phase(run, 3, SLOT).as_millis()).collect();
		assert_eq!(phases, [500, 1_500, 2_500]);
		assert_eq!(phase(3, 3, SLOT), phase(0, 3, SLOT));
		assert_eq!(phase(0, 0, SLOT).as_millis(), 1_500);
	}

	#[test]
	fn a_slot_should_begin_when_everyone_is_ready() {
		for (now, left) in
			[(0, 3_000), (1_000, 2_000), (2_700, 300), (2_900, 3_100), (6_000, 3_000)]
		{
			let until = until_slot_from(Duration::from_millis(now), SLOT);
			assert_eq!(until.as_millis(), left, "{now}");
			assert_eq!((u128::from(now) + until.as_millis()) % 3_000, 0);
		}
	}
}
