//! What the calls of `pallet_spb` cost, as measured.
//! Written by the command below, not by hand.
//!
//! * Date: 2026-11-23
//! * Machine: AMD EPYC; 2 cores; 24684092 kB; Debian GNU/Linux 12 (bookworm)
//! * Compiler: rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)
//! * Command: `cargo run --release --manifest-path benchmarks/Cargo.toml`
//! * Steps: 10, repeat: 10
//! * Sources: `ca89ae430fef9c67cdbd8c15a19625a0`

use super::WeightInfo;
use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// The measured weights, with the database's constants of a runtime.
pub struct Measured<T>(PhantomData<T>);

impl<T: frame_system::Config> WeightInfo for Measured<T> {
	fn open_account_with_burn() -> Weight {
		// The shortest run took 103_774_000 ps.
		Weight::from_parts(181_088_000, 0)
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(3))
	}
	fn open_account_with_certificate() -> Weight {
		// The shortest run took 143_878_000 ps.
		Weight::from_parts(199_552_000, 0)
			.saturating_add(T::DbWeight::get().reads(5))
			.saturating_add(T::DbWeight::get().writes(3))
	}
	fn close_account() -> Weight {
		// The shortest run took 69_991_000 ps.
		Weight::from_parts(109_104_000, 0)
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(3))
	}
	fn offer_energy() -> Weight {
		// The shortest run took 93_164_000 ps.
		Weight::from_parts(145_972_000, 0)
			.saturating_add(T::DbWeight::get().reads(5))
			.saturating_add(T::DbWeight::get().writes(7))
	}
	fn top_up_offer() -> Weight {
		// The shortest run took 20_939_000 ps.
		Weight::from_parts(37_470_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn reprice_offer() -> Weight {
		// The shortest run took 20_167_000 ps.
		Weight::from_parts(29_495_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn close_offer() -> Weight {
		// The shortest run took 23_083_000 ps.
		Weight::from_parts(30_868_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(2))
	}
	fn deposit() -> Weight {
		// The shortest run took 136_956_000 ps.
		Weight::from_parts(243_925_000, 0)
			.saturating_add(T::DbWeight::get().reads(4))
			.saturating_add(T::DbWeight::get().writes(5))
	}
	fn request_withdrawal() -> Weight {
		// The shortest run took 32_480_000 ps.
		Weight::from_parts(57_537_000, 0)
			.saturating_add(T::DbWeight::get().reads(4))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn cancel_withdrawal() -> Weight {
		// The shortest run took 23_935_000 ps.
		Weight::from_parts(36_609_000, 0)
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn withdraw() -> Weight {
		// The shortest run took 129_441_000 ps.
		Weight::from_parts(209_240_000, 0)
			.saturating_add(T::DbWeight::get().reads(5))
			.saturating_add(T::DbWeight::get().writes(4))
	}
	fn revoke_meter() -> Weight {
		// The shortest run took 22_883_000 ps.
		Weight::from_parts(25_698_000, 0)
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn add_company() -> Weight {
		// The shortest run took 22_963_000 ps.
		Weight::from_parts(29_736_000, 0)
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(3))
	}
	fn remove_company() -> Weight {
		// The shortest run took 22_161_000 ps.
		Weight::from_parts(36_398_000, 0)
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(3))
	}
	fn add_manufacturer() -> Weight {
		// The shortest run took 16_241_000 ps.
		Weight::from_parts(17_493_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn retire_manufacturer() -> Weight {
		// The shortest run took 17_513_000 ps.
		Weight::from_parts(31_499_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn join_backbone() -> Weight {
		// The shortest run took 145_602_000 ps.
		Weight::from_parts(202_378_000, 0)
			.saturating_add(T::DbWeight::get().reads(6))
			.saturating_add(T::DbWeight::get().writes(5))
	}
	fn update_backbone() -> Weight {
		// The shortest run took 26_951_000 ps.
		Weight::from_parts(31_469_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn leave_backbone() -> Weight {
		// The shortest run took 79_298_000 ps.
		Weight::from_parts(93_354_000, 0)
			.saturating_add(T::DbWeight::get().reads(4))
			.saturating_add(T::DbWeight::get().writes(5))
	}
	fn list_meter() -> Weight {
		// The shortest run took 195_534_000 ps.
		Weight::from_parts(231_893_000, 0)
			.saturating_add(T::DbWeight::get().reads(9))
			.saturating_add(T::DbWeight::get().writes(4))
	}
	fn unlist_meter() -> Weight {
		// The shortest run took 93_735_000 ps.
		Weight::from_parts(134_581_000, 0)
			.saturating_add(T::DbWeight::get().reads(9))
			.saturating_add(T::DbWeight::get().writes(4))
	}
	/// `n` from 0 to 5000.
	fn seal(n: u32) -> Weight {
		// The shortest run took 51_826_000 ps.
		Weight::from_parts(57_157_000, 0)
			// Standard error: 2_375_746 ps.
			.saturating_add(Weight::from_parts(277_951_515, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads(5))
			.saturating_add(T::DbWeight::get().reads(6).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().writes(2))
			.saturating_add(T::DbWeight::get().writes(5).saturating_mul(n.into()))
	}
	/// `i` from 0 to 5000.
	/// `o` from 0 to 256.
	fn sweep(i: u32, o: u32) -> Weight {
		// The shortest run took 8_468_350_000 ps.
		Weight::from_parts(11_899_568_000, 0)
			// Standard error: 167_509 ps.
			.saturating_add(Weight::from_parts(1_316_006, 0).saturating_mul(i.into()))
			// Standard error: 3_273_364 ps.
			.saturating_add(Weight::from_parts(119_076_270, 0).saturating_mul(o.into()))
			.saturating_add(T::DbWeight::get().reads(20))
			.saturating_add(T::DbWeight::get().reads(1).saturating_mul(i.into()))
			.saturating_add(T::DbWeight::get().reads(6).saturating_mul(o.into()))
			.saturating_add(T::DbWeight::get().writes(3))
			.saturating_add(T::DbWeight::get().writes(1).saturating_mul(i.into()))
			.saturating_add(T::DbWeight::get().writes(7).saturating_mul(o.into()))
	}
}
