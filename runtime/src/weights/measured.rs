//! What the calls of `runtime` cost, as measured.
//! Written by the command below, not by hand.
//!
//! * Date: 2026-11-24
//! * Machine: AMD EPYC; 2 cores; 24684084 kB; Debian GNU/Linux 12 (bookworm)
//! * Compiler: rustc 1.95.0 (59807616e 2026-04-14)
//! * Command: `cargo run --release --manifest-path benchmarks/Cargo.toml`
//! * Steps: 10, repeat: 10
//! * Sources: `192caad963abee32343d6d4ff51e713c`

use super::WeightInfo;
use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// The measured weights, with the database's constants of a runtime.
pub struct Measured<T>(PhantomData<T>);

impl<T: frame_system::Config> WeightInfo for Measured<T> {
	/// `n` from 0 to 1000.
	fn signed_transaction(n: u32) -> Weight {
		// The shortest run took 1_432_000 ps.
		Weight::from_parts(1_612_000, 0)
			// Standard error: 1_121_653 ps.
			.saturating_add(Weight::from_parts(114_470_182, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().reads(1).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().writes(1).saturating_mul(n.into()))
	}
}
