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
		// The shortest run took 149_610_000 ps.
		Weight::from_parts(192_328_000, 0)
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(3))
	}
	fn open_account_with_certificate() -> Weight {
		// The shortest run took 141_904_000 ps.
		Weight::from_parts(225_771_000, 0)
			.saturating_add(T::DbWeight::get().reads(5))
			.saturating_add(T::DbWeight::get().writes(3))
	}
	fn close_account() -> Weight {
		// The shortest run took 69_930_000 ps.
		Weight::from_parts(72_836_000, 0)
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(3))
	}
	fn offer_energy() -> Weight {
		// The shortest run took 86_582_000 ps.
		Weight::from_parts(91_951_000, 0)
			.saturating_add(T::DbWeight::get().reads(4))
			.saturating_add(T::DbWeight::get().writes(5))
	}
	fn top_up_offer() -> Weight {
		// The shortest run took 20_037_000 ps.
		Weight::from_parts(20_980_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn reprice_offer() -> Weight {
		// The shortest run took 20_479_000 ps.
		Weight::from_parts(25_628_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn close_offer() -> Weight {
		// The shortest run took 27_771_000 ps.
		Weight::from_parts(37_350_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(2))
	}
	fn deposit() -> Weight {
		// The shortest run took 134_812_000 ps.
		Weight::from_parts(171_060_000, 0)
			.saturating_add(T::DbWeight::get().reads(4))
			.saturating_add(T::DbWeight::get().writes(5))
	}
	fn request_withdrawal() -> Weight {
		// The shortest run took 27_411_000 ps.
		Weight::from_parts(29_144_000, 0)
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn cancel_withdrawal() -> Weight {
		// The shortest run took 32_901_000 ps.
		Weight::from_parts(38_452_000, 0)
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn withdraw() -> Weight {
		// The shortest run took 179_575_000 ps.
		Weight::from_parts(202_226_000, 0)
			.saturating_add(T::DbWeight::get().reads(5))
			.saturating_add(T::DbWeight::get().writes(4))
	}
	fn revoke_meter() -> Weight {
		// The shortest run took 31_329_000 ps.
		Weight::from_parts(34_995_000, 0)
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn add_company() -> Weight {
		// The shortest run took 24_246_000 ps.
		Weight::from_parts(27_041_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn remove_company() -> Weight {
		// The shortest run took 22_822_000 ps.
		Weight::from_parts(25_948_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn add_manufacturer() -> Weight {
		// The shortest run took 23_033_000 ps.
		Weight::from_parts(25_728_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn retire_manufacturer() -> Weight {
		// The shortest run took 24_296_000 ps.
		Weight::from_parts(26_790_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	/// `n` from 0 to 5000.
	fn seal(n: u32) -> Weight {
		// The shortest run took 20_287_000 ps.
		Weight::from_parts(68_489_580_711, 0)
			// Standard error: 8_346_599 ps.
			.saturating_add(Weight::from_parts(337_200_605, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads(4))
			.saturating_add(T::DbWeight::get().reads(7).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().writes(2))
			.saturating_add(T::DbWeight::get().writes(7).saturating_mul(n.into()))
	}
	/// `i` from 0 to 5000.
	/// `o` from 0 to 256.
	fn sweep(i: u32, o: u32) -> Weight {
		// The shortest run took 7_133_690_000 ps.
		Weight::from_parts(12_050_735_683, 0)
			// Standard error: 5_131_013 ps.
			.saturating_add(Weight::from_parts(89_112_110, 0).saturating_mul(o.into()))
			.saturating_add(T::DbWeight::get().reads(20))
			.saturating_add(T::DbWeight::get().reads(1).saturating_mul(i.into()))
			.saturating_add(T::DbWeight::get().reads(5).saturating_mul(o.into()))
			.saturating_add(T::DbWeight::get().writes(3))
			.saturating_add(T::DbWeight::get().writes(1).saturating_mul(i.into()))
			.saturating_add(T::DbWeight::get().writes(5).saturating_mul(o.into()))
	}
}
