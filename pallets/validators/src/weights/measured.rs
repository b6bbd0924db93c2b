//! What the calls of `pallet_validators` cost, as measured.
//! Written by the command below, not by hand.
//!
//! * Date: 2026-11-24
//! * Machine: AMD EPYC; 2 cores; 24684084 kB; Debian GNU/Linux 12 (bookworm)
//! * Compiler: rustc 1.95.0 (59807616e 2026-04-14)
//! * Command: `cargo run --release --manifest-path benchmarks/Cargo.toml`
//! * Steps: 10, repeat: 10
//! * Sources: `0668a558f4a5b1ef759e2431ee2a4414`

use super::WeightInfo;
use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// The measured weights, with the database's constants of a runtime.
pub struct Measured<T>(PhantomData<T>);

impl<T: frame_system::Config> WeightInfo for Measured<T> {
	fn add_validator() -> Weight {
		// The shortest run took 14_401_000 ps.
		Weight::from_parts(15_423_000, 0)
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	fn remove_validator() -> Weight {
		// The shortest run took 95_462_000 ps.
		Weight::from_parts(96_924_000, 0)
			.saturating_add(T::DbWeight::get().reads(50))
			.saturating_add(T::DbWeight::get().writes(1))
	}
}
