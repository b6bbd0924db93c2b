//! What the calls cost.
//!
//! ESTIMATES, not yet measured: storage operations counted from the code at ParityDB's constants,
//! execution times guessed high. `docs/decisions/0003-weights.md` says how to measure them.

use frame_support::weights::{constants::ParityDbWeight, Weight};

/// The weight of each call.
pub trait WeightInfo {
	/// [`crate::Call::open_account_with_burn`].
	fn open_account_with_burn() -> Weight;
	/// [`crate::Call::open_account_with_certificate`].
	fn open_account_with_certificate() -> Weight;
	/// [`crate::Call::close_account`].
	fn close_account() -> Weight;
	/// [`crate::Call::offer_energy`].
	fn offer_energy() -> Weight;
	/// [`crate::Call::top_up_offer`].
	fn top_up_offer() -> Weight;
	/// [`crate::Call::reprice_offer`].
	fn reprice_offer() -> Weight;
	/// [`crate::Call::close_offer`].
	fn close_offer() -> Weight;
	/// [`crate::Call::deposit`].
	fn deposit() -> Weight;
	/// [`crate::Call::request_withdrawal`].
	fn request_withdrawal() -> Weight;
	/// [`crate::Call::cancel_withdrawal`].
	fn cancel_withdrawal() -> Weight;
	/// [`crate::Call::withdraw`].
	fn withdraw() -> Weight;
	/// [`crate::Call::revoke_meter`].
	fn revoke_meter() -> Weight;
	/// [`crate::Call::add_company`].
	fn add_company() -> Weight;
	/// [`crate::Call::remove_company`].
	fn remove_company() -> Weight;
	/// [`crate::Call::add_manufacturer`].
	fn add_manufacturer() -> Weight;
	/// [`crate::Call::retire_manufacturer`].
	fn retire_manufacturer() -> Weight;
	/// [`crate::Call::seal`] with `n` settlements.
	fn seal(n: u32) -> Weight;
	/// Forgetting `ids` settled ids and `offers` closed offers when a block begins.
	fn sweep(ids: u32, offers: u32) -> Weight;
}

/// An estimate: microseconds of execution, reads and writes.
fn estimate(micros: u64, reads: u64, writes: u64) -> Weight {
	Weight::from_parts(micros.saturating_mul(1_000_000), 0)
		.saturating_add(ParityDbWeight::get().reads_writes(reads, writes))
}

impl WeightInfo for () {
	fn open_account_with_burn() -> Weight {
		estimate(60, 3, 2)
	}
	fn open_account_with_certificate() -> Weight {
		estimate(110, 4, 2)
	}
	fn close_account() -> Weight {
		estimate(45, 2, 2)
	}
	fn offer_energy() -> Weight {
		estimate(50, 3, 4)
	}
	fn top_up_offer() -> Weight {
		estimate(20, 1, 1)
	}
	fn reprice_offer() -> Weight {
		estimate(20, 1, 1)
	}
	fn close_offer() -> Weight {
		estimate(25, 1, 2)
	}
	fn deposit() -> Weight {
		estimate(60, 4, 5)
	}
	fn request_withdrawal() -> Weight {
		estimate(25, 3, 1)
	}
	fn cancel_withdrawal() -> Weight {
		estimate(20, 2, 1)
	}
	fn withdraw() -> Weight {
		estimate(70, 4, 4)
	}
	fn revoke_meter() -> Weight {
		estimate(20, 2, 1)
	}
	fn add_company() -> Weight {
		estimate(15, 1, 1)
	}
	fn remove_company() -> Weight {
		estimate(15, 1, 1)
	}
	fn add_manufacturer() -> Weight {
		estimate(15, 1, 1)
	}
	fn retire_manufacturer() -> Weight {
		estimate(15, 1, 1)
	}
	fn seal(n: u32) -> Weight {
		// Per settlement: a signature, the settled id, vault, offer, account, holds and balances.
		estimate(30, 4, 2).saturating_add(estimate(130, 8, 8).saturating_mul(n.into()))
	}
	fn sweep(ids: u32, offers: u32) -> Weight {
		estimate(10, 5, 2)
			.saturating_add(estimate(3, 1, 1).saturating_mul(ids.into()))
			.saturating_add(estimate(50, 5, 5).saturating_mul(offers.into()))
	}
}
