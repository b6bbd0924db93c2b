//! Verifying on all cores while the runtime goes on.

use super::{Hash, Signature, Verified, Verify};
use parking_lot::{Condvar, Mutex};
use std::{
	collections::HashSet,
	sync::{
		atomic::{AtomicBool, Ordering},
		Arc,
	},
};

/// Takes every signature for good in one call into the runtime, and has it verified meanwhile.
///
/// What the call answers, and what it wrote, counts only if [`Self::all_good`] says so.
pub struct Ahead {
	verified: Arc<Verified>,
	jobs: Arc<Jobs>,
	/// What this call asked for already.
	asked: Mutex<HashSet<Hash>>,
}

#[derive(Default)]
struct Jobs {
	open: Mutex<usize>,
	done: Condvar,
	bad: AtomicBool,
}

impl Ahead {
	/// For one call; good signatures are remembered in `verified`.
	pub fn new(verified: Arc<Verified>) -> Self {
		Self { verified, jobs: Arc::default(), asked: Mutex::default() }
	}

	/// Waits until all are verified and says whether each of them is good.
	pub fn all_good(&self) -> bool {
		let mut open = self.jobs.open.lock();
		while *open > 0 {
			self.jobs.done.wait(&mut open);
		}
		!self.jobs.bad.load(Ordering::Acquire)
	}
}

impl Verify for Ahead {
	fn verify(&self, signature: &Signature, message: &[u8]) -> bool {
		let digest = signature.digest(message);
		if !self.asked.lock().insert(digest) || self.verified.remembers(&digest) {
			return true;
		}
		let (verified, jobs) = (self.verified.clone(), self.jobs.clone());
		let (signature, message) = (*signature, message.to_vec());
		*jobs.open.lock() += 1;
		rayon::spawn(move || {
			if !verified.verify(&signature, &message) {
				jobs.bad.store(true, Ordering::Release);
			}
			let mut open = jobs.open.lock();
			*open -= 1;
			if *open == 0 {
				jobs.done.notify_all();
			}
		});
		true
	}
}
