//! What the calls of `pallet_spb` cost, as measured.
//! Written by the command below, not by hand.
//!
//! * Date: 2026-11-23
//! * Machine: AMD EPYC, 2 cores, Debian GNU/Linux 12 (bookworm)
//! * Compiler: rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)
//! * Command: `cargo run --release --manifest-path benchmarks/Cargo.toml`
//! * Steps: 10, repeat: 10

use super::WeightInfo;
use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// The measured weights, with the database's constants of a runtime.
pub struct Measured<T>(PhantomData<T>);

impl<T: frame_system::Config> WeightInfo for Measured<T> {
	fn open_account_with_burn() -> Weight {
		// The shortest run took 107_491_000 ps.
		Weight::from_parts(218_627_000, 0)
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(3))
	}
	fn open_account_with_certificate() -> Weight {
		// The shortest run took 141_453_000 ps.
		Weight::from_parts(200_424_000, 0)
			.saturating_add(T::DbWeight::get().reads(5))
			.saturating_add(T::DbWeight::get().writes(3))
	}
	fn close_account() -> Weight {
		// The shortest run took 69_118_000 ps.
		Weight::from_parts(97_391_000, 0)
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(3))
	}
	fn offer_energy() -> Weight {
		// The shortest run took 85_890_000 ps.
		Weight::from_parts(132_888_000, 0)
			.saturating_add(T::DbWeight::get().reads(4))
			.saturating_add(T::DbWeight::get().writes(5))
	}
	fn top_up_offer() -> Weight {
		// The shortest run took 20_137_000 ps.
		Weight::from_parts(25_388_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn reprice_offer() -> Weight {
		// The shortest run took 24_966_000 ps.
		Weight::from_parts(43_772_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn close_offer() -> Weight {
		// The shortest run took 29_615_000 ps.
		Weight::from_parts(50_454_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(2))
	}
	fn deposit() -> Weight {
		// The shortest run took 136_725_000 ps.
		Weight::from_parts(233_355_000, 0)
			.saturating_add(T::DbWeight::get().reads(4))
			.saturating_add(T::DbWeight::get().writes(5))
	}
	fn request_withdrawal() -> Weight {
		// The shortest run took 44_834_000 ps.
		Weight::from_parts(50_855_000, 0)
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn cancel_withdrawal() -> Weight {
		// The shortest run took 24_927_000 ps.
		Weight::from_parts(40_826_000, 0)
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn withdraw() -> Weight {
		// The shortest run took 129_081_000 ps.
		Weight::from_parts(161_822_000, 0)
			.saturating_add(T::DbWeight::get().reads(5))
			.saturating_add(T::DbWeight::get().writes(4))
	}
	fn revoke_meter() -> Weight {
		// The shortest run took 23_494_000 ps.
		Weight::from_parts(34_154_000, 0)
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn add_company() -> Weight {
		// The shortest run took 17_633_000 ps.
		Weight::from_parts(24_546_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn remove_company() -> Weight {
		// The shortest run took 16_932_000 ps.
		Weight::from_parts(26_359_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn add_manufacturer() -> Weight {
		// The shortest run took 17_232_000 ps.
		Weight::from_parts(32_340_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn retire_manufacturer() -> Weight {
		// The shortest run took 18_735_000 ps.
		Weight::from_parts(34_344_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	// An estimate, from those of like calls above, until the benchmarks are run again.
	fn join_backbone() -> Weight {
		Weight::from_parts(300_000_000, 0)
			.saturating_add(T::DbWeight::get().reads(5))
			.saturating_add(T::DbWeight::get().writes(5))
	}
	// An estimate, from those of like calls above, until the benchmarks are run again.
	fn update_backbone() -> Weight {
		Weight::from_parts(50_000_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	// An estimate, from those of like calls above, until the benchmarks are run again.
	fn leave_backbone() -> Weight {
		Weight::from_parts(120_000_000, 0)
			.saturating_add(T::DbWeight::get().reads(4))
			.saturating_add(T::DbWeight::get().writes(5))
	}
	// An estimate, from those of like calls above, until the benchmarks are run again.
	fn list_meter() -> Weight {
		Weight::from_parts(400_000_000, 0)
			.saturating_add(T::DbWeight::get().reads(7))
			.saturating_add(T::DbWeight::get().writes(4))
	}
	// An estimate, from those of like calls above, until the benchmarks are run again.
	fn unlist_meter() -> Weight {
		Weight::from_parts(300_000_000, 0)
			.saturating_add(T::DbWeight::get().reads(6))
			.saturating_add(T::DbWeight::get().writes(4))
	}
	/// `n` from 0 to 5000.
	fn seal(n: u32) -> Weight {
		// The shortest run took 29_234_000 ps.
		Weight::from_parts(30_827_000, 0)
			// Standard error: 4_389_852 ps.
			.saturating_add(Weight::from_parts(324_781_512, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads(4))
			.saturating_add(T::DbWeight::get().reads(7).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().writes(2))
			.saturating_add(T::DbWeight::get().writes(7).saturating_mul(n.into()))
	}
	/// `i` from 0 to 5000.
	/// `o` from 0 to 256.
	fn sweep(i: u32, o: u32) -> Weight {
		// The shortest run took 7_479_376_000 ps.
		Weight::from_parts(8_019_833_000, 0)
			// Standard error: 178_461 ps.
			.saturating_add(Weight::from_parts(1_336_354, 0).saturating_mul(i.into()))
			// Standard error: 3_487_369 ps.
			.saturating_add(Weight::from_parts(86_264_794, 0).saturating_mul(o.into()))
			.saturating_add(T::DbWeight::get().reads(20))
			.saturating_add(T::DbWeight::get().reads(1).saturating_mul(i.into()))
			.saturating_add(T::DbWeight::get().reads(5).saturating_mul(o.into()))
			.saturating_add(T::DbWeight::get().writes(3))
			.saturating_add(T::DbWeight::get().writes(1).saturating_mul(i.into()))
			.saturating_add(T::DbWeight::get().writes(5).saturating_mul(o.into()))
	}
}
