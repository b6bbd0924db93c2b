//! What the calls of `pallet_escrow` cost, as measured.
//! Written by the command below, not by hand.
//!
//! * Date: 2026-11-24
//! * Machine: AMD EPYC; 2 cores; 24684084 kB; Debian GNU/Linux 12 (bookworm)
//! * Compiler: rustc 1.95.0 (59807616e 2026-04-14)
//! * Command: `cargo run --release --manifest-path benchmarks/Cargo.toml`
//! * Steps: 10, repeat: 10
//! * Sources: `1a6c0867e76b6ec5d0332a14bb76ff8b`

use super::WeightInfo;
use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// The measured weights, with the database's constants of a runtime.
pub struct Measured<T>(PhantomData<T>);

impl<T: frame_system::Config> WeightInfo for Measured<T> {
	fn set_up() -> Weight {
		// The shortest run took 12_479_000 ps.
		Weight::from_parts(13_280_000, 0)
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(2))
	}
	fn pay() -> Weight {
		// The shortest run took 56_634_000 ps.
		Weight::from_parts(58_277_000, 0)
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(2))
	}
	fn confirm() -> Weight {
		// The shortest run took 55_142_000 ps.
		Weight::from_parts(56_755_000, 0)
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(3))
	}
	fn close() -> Weight {
		// The shortest run took 49_093_000 ps.
		Weight::from_parts(50_105_000, 0)
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(2))
	}
}
