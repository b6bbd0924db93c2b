//! The clock that benchmarks are timed by: the time that their thread runs, so that whatever else
//! the machine does in between does not count.

use sp_runtime_interface::{pass_by::AllocateAndReturnPointer, runtime_interface};

/// Takes the place of the clock of `frame-benchmarking`, which goes on while a thread waits.
#[runtime_interface]
pub trait Benchmarking {
	/// Nanoseconds that the thread has run, in little endian.
	fn current_time() -> AllocateAndReturnPointer<[u8; 16], 16> {
		thread_time().to_le_bytes()
	}
}

/// Nanoseconds that the thread has run.
// The standard library has no such clock.
#[allow(unsafe_code)]
fn thread_time() -> u128 {
	let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
	// SAFETY: the call writes to `time`, which is there, and does nothing else.
	let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
	assert_eq!(status, 0, "every Linux has this clock");
	let [seconds, nanos] = [time.tv_sec, time.tv_nsec].map(|part| part.unsigned_abs());
	u128::from(seconds) * 1_000_000_000 + u128::from(nanos)
}

#[cfg(test)]
mod tests {
	use super::*;
	use sp_core::{Blake2Hasher, Hasher, H256};
	use std::thread;

	/// Hashes until the thread has run this long.
	fn work(nanos: u128) {
		let (begin, mut hash) = (thread_time(), H256::zero());
		while thread_time() - begin < nanos {
			hash = Blake2Hasher::hash(hash.as_bytes());
		}
		assert_ne!(hash, H256::zero());
	}

	#[test]
	fn the_clock_should_stand_still_while_the_thread_waits() {
		let begin = thread_time();
		thread::spawn(|| work(50_000_000)).join().expect("the other thread works");
		assert!(thread_time() - begin < 25_000_000);
	}
}
