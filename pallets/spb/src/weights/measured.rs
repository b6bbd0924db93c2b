//! What the calls of `pallet_spb` cost, as measured.
//! Written by the command below, not by hand.
//!
//! * Date: 2026-11-24
//! * Machine: AMD EPYC; 2 cores; 24684084 kB; Debian GNU/Linux 12 (bookworm)
//! * Compiler: rustc 1.95.0 (59807616e 2026-04-14)
//! * Command: `cargo run --release --manifest-path benchmarks/Cargo.toml`
//! * Steps: 10, repeat: 10
//! * Sources: `0c0eb4c71dcd693cd5cba486545d7ada`

use super::WeightInfo;
use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// The measured weights, with the database's constants of a runtime.
pub struct Measured<T>(PhantomData<T>);

impl<T: frame_system::Config> WeightInfo for Measured<T> {
	fn open_account_with_burn() -> Weight {
		// The shortest run took 77_996_000 ps.
		Weight::from_parts(79_679_000, 0)
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(3))
	}
	fn open_account_with_certificate() -> Weight {
		// The shortest run took 109_323_000 ps.
		Weight::from_parts(111_706_000, 0)
			.saturating_add(T::DbWeight::get().reads(5))
			.saturating_add(T::DbWeight::get().writes(3))
	}
	fn close_account() -> Weight {
		// The shortest run took 51_286_000 ps.
		Weight::from_parts(52_628_000, 0)
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(3))
	}
	fn offer_energy() -> Weight {
		// The shortest run took 69_213_000 ps.
		Weight::from_parts(70_676_000, 0)
			.saturating_add(T::DbWeight::get().reads(5))
			.saturating_add(T::DbWeight::get().writes(7))
	}
	fn top_up_offer() -> Weight {
		// The shortest run took 12_589_000 ps.
		Weight::from_parts(13_551_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn reprice_offer() -> Weight {
		// The shortest run took 12_579_000 ps.
		Weight::from_parts(13_470_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn close_offer() -> Weight {
		// The shortest run took 15_123_000 ps.
		Weight::from_parts(15_883_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(2))
	}
	fn deposit() -> Weight {
		// The shortest run took 106_398_000 ps.
		Weight::from_parts(108_241_000, 0)
			.saturating_add(T::DbWeight::get().reads(4))
			.saturating_add(T::DbWeight::get().writes(5))
	}
	fn request_withdrawal() -> Weight {
		// The shortest run took 21_432_000 ps.
		Weight::from_parts(22_303_000, 0)
			.saturating_add(T::DbWeight::get().reads(4))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn cancel_withdrawal() -> Weight {
		// The shortest run took 15_663_000 ps.
		Weight::from_parts(16_565_000, 0)
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn withdraw() -> Weight {
		// The shortest run took 97_926_000 ps.
		Weight::from_parts(100_390_000, 0)
			.saturating_add(T::DbWeight::get().reads(5))
			.saturating_add(T::DbWeight::get().writes(4))
	}
	fn revoke_meter() -> Weight {
		// The shortest run took 14_682_000 ps.
		Weight::from_parts(15_423_000, 0)
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn add_company() -> Weight {
		// The shortest run took 14_842_000 ps.
		Weight::from_parts(15_984_000, 0)
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(3))
	}
	fn remove_company() -> Weight {
		// The shortest run took 14_682_000 ps.
		Weight::from_parts(15_573_000, 0)
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(3))
	}
	fn add_manufacturer() -> Weight {
		// The shortest run took 10_596_000 ps.
		Weight::from_parts(11_177_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn retire_manufacturer() -> Weight {
		// The shortest run took 11_347_000 ps.
		Weight::from_parts(11_728_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn join_backbone() -> Weight {
		// The shortest run took 116_122_000 ps.
		Weight::from_parts(118_086_000, 0)
			.saturating_add(T::DbWeight::get().reads(6))
			.saturating_add(T::DbWeight::get().writes(5))
	}
	fn update_backbone() -> Weight {
		// The shortest run took 17_056_000 ps.
		Weight::from_parts(17_897_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn leave_backbone() -> Weight {
		// The shortest run took 56_905_000 ps.
		Weight::from_parts(58_697_000, 0)
			.saturating_add(T::DbWeight::get().reads(4))
			.saturating_add(T::DbWeight::get().writes(5))
	}
	fn list_meter() -> Weight {
		// The shortest run took 152_637_000 ps.
		Weight::from_parts(155_631_000, 0)
			.saturating_add(T::DbWeight::get().reads(9))
			.saturating_add(T::DbWeight::get().writes(4))
	}
	fn unlist_meter() -> Weight {
		// The shortest run took 67_891_000 ps.
		Weight::from_parts(70_034_000, 0)
			.saturating_add(T::DbWeight::get().reads(9))
			.saturating_add(T::DbWeight::get().writes(4))
	}
	/// `n` from 0 to 5000.
	fn seal(n: u32) -> Weight {
		// The shortest run took 34_381_000 ps.
		Weight::from_parts(35_343_000, 0)
			// Standard error: 1_600_346 ps.
			.saturating_add(Weight::from_parts(152_746_460, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads(5))
			.saturating_add(T::DbWeight::get().reads(6).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().writes(2))
			.saturating_add(T::DbWeight::get().writes(5).saturating_mul(n.into()))
	}
	/// `i` from 0 to 5000.
	/// `o` from 0 to 256.
	fn sweep(i: u32, o: u32) -> Weight {
		// The shortest run took 5_588_574_000 ps.
		Weight::from_parts(5_710_365_000, 0)
			// Standard error: 50_236 ps.
			.saturating_add(Weight::from_parts(468_301, 0).saturating_mul(i.into()))
			// Standard error: 981_689 ps.
			.saturating_add(Weight::from_parts(52_572_594, 0).saturating_mul(o.into()))
			.saturating_add(T::DbWeight::get().reads(20))
			.saturating_add(T::DbWeight::get().reads(1).saturating_mul(i.into()))
			.saturating_add(T::DbWeight::get().reads(6).saturating_mul(o.into()))
			.saturating_add(T::DbWeight::get().writes(3))
			.saturating_add(T::DbWeight::get().writes(1).saturating_mul(i.into()))
			.saturating_add(T::DbWeight::get().writes(7).saturating_mul(o.into()))
	}
}
