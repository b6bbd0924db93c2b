//! What the calls of `pallet_spb` cost, as measured.
//! Written by the command below, not by hand.
//!
//! * Date: 2026-11-23
//! * Machine: AMD EPYC; 2 cores; 24684092 kB; Debian GNU/Linux 12 (bookworm)
//! * Compiler: rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)
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
		// The shortest run took 100_077_000 ps.
		Weight::from_parts(162_574_000, 0)
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(3))
	}
	fn open_account_with_certificate() -> Weight {
		// The shortest run took 141_855_000 ps.
		Weight::from_parts(234_226_000, 0)
			.saturating_add(T::DbWeight::get().reads(5))
			.saturating_add(T::DbWeight::get().writes(3))
	}
	fn close_account() -> Weight {
		// The shortest run took 104_986_000 ps.
		Weight::from_parts(127_598_000, 0)
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(3))
	}
	fn offer_energy() -> Weight {
		// The shortest run took 88_716_000 ps.
		Weight::from_parts(154_778_000, 0)
			.saturating_add(T::DbWeight::get().reads(5))
			.saturating_add(T::DbWeight::get().writes(7))
	}
	fn top_up_offer() -> Weight {
		// The shortest run took 19_486_000 ps.
		Weight::from_parts(24_356_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn reprice_offer() -> Weight {
		// The shortest run took 19_626_000 ps.
		Weight::from_parts(25_227_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn close_offer() -> Weight {
		// The shortest run took 22_423_000 ps.
		Weight::from_parts(28_072_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(2))
	}
	fn deposit() -> Weight {
		// The shortest run took 132_287_000 ps.
		Weight::from_parts(172_863_000, 0)
			.saturating_add(T::DbWeight::get().reads(4))
			.saturating_add(T::DbWeight::get().writes(5))
	}
	fn request_withdrawal() -> Weight {
		// The shortest run took 46_678_000 ps.
		Weight::from_parts(54_742_000, 0)
			.saturating_add(T::DbWeight::get().reads(4))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn cancel_withdrawal() -> Weight {
		// The shortest run took 22_822_000 ps.
		Weight::from_parts(28_583_000, 0)
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn withdraw() -> Weight {
		// The shortest run took 125_644_000 ps.
		Weight::from_parts(201_616_000, 0)
			.saturating_add(T::DbWeight::get().reads(5))
			.saturating_add(T::DbWeight::get().writes(4))
	}
	fn revoke_meter() -> Weight {
		// The shortest run took 21_961_000 ps.
		Weight::from_parts(31_087_000, 0)
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn add_company() -> Weight {
		// The shortest run took 22_361_000 ps.
		Weight::from_parts(29_004_000, 0)
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(3))
	}
	fn remove_company() -> Weight {
		// The shortest run took 21_490_000 ps.
		Weight::from_parts(41_727_000, 0)
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(3))
	}
	fn add_manufacturer() -> Weight {
		// The shortest run took 21_781_000 ps.
		Weight::from_parts(26_019_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn retire_manufacturer() -> Weight {
		// The shortest run took 23_965_000 ps.
		Weight::from_parts(32_871_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn join_backbone() -> Weight {
		// The shortest run took 151_513_000 ps.
		Weight::from_parts(245_969_000, 0)
			.saturating_add(T::DbWeight::get().reads(6))
			.saturating_add(T::DbWeight::get().writes(5))
	}
	fn update_backbone() -> Weight {
		// The shortest run took 42_069_000 ps.
		Weight::from_parts(50_585_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn leave_backbone() -> Weight {
		// The shortest run took 105_507_000 ps.
		Weight::from_parts(146_814_000, 0)
			.saturating_add(T::DbWeight::get().reads(4))
			.saturating_add(T::DbWeight::get().writes(5))
	}
	fn list_meter() -> Weight {
		// The shortest run took 261_007_000 ps.
		Weight::from_parts(313_835_000, 0)
			.saturating_add(T::DbWeight::get().reads(9))
			.saturating_add(T::DbWeight::get().writes(4))
	}
	fn unlist_meter() -> Weight {
		// The shortest run took 141_474_000 ps.
		Weight::from_parts(158_796_000, 0)
			.saturating_add(T::DbWeight::get().reads(9))
			.saturating_add(T::DbWeight::get().writes(4))
	}
	/// `n` from 0 to 5000.
	fn seal(n: u32) -> Weight {
		// The shortest run took 48_670_000 ps.
		Weight::from_parts(50_814_000, 0)
			// Standard error: 2_705_661 ps.
			.saturating_add(Weight::from_parts(280_187_562, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads(5))
			.saturating_add(T::DbWeight::get().reads(6).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().writes(2))
			.saturating_add(T::DbWeight::get().writes(5).saturating_mul(n.into()))
	}
	/// `i` from 0 to 5000.
	/// `o` from 0 to 256.
	fn sweep(i: u32, o: u32) -> Weight {
		// The shortest run took 10_329_950_000 ps.
		Weight::from_parts(13_376_229_000, 0)
			// Standard error: 199_545 ps.
			.saturating_add(Weight::from_parts(1_078_708, 0).saturating_mul(i.into()))
			// Standard error: 3_899_374 ps.
			.saturating_add(Weight::from_parts(109_964_167, 0).saturating_mul(o.into()))
			.saturating_add(T::DbWeight::get().reads(20))
			.saturating_add(T::DbWeight::get().reads(1).saturating_mul(i.into()))
			.saturating_add(T::DbWeight::get().reads(6).saturating_mul(o.into()))
			.saturating_add(T::DbWeight::get().writes(3))
			.saturating_add(T::DbWeight::get().writes(1).saturating_mul(i.into()))
			.saturating_add(T::DbWeight::get().writes(7).saturating_mul(o.into()))
	}
}
