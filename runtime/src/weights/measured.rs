//! What the calls of `runtime` cost, as measured.
//! Written by the command below, not by hand.
//!
//! * Date: 2026-11-23
//! * Machine: AMD EPYC; 2 cores; 24684092 kB; Debian GNU/Linux 12 (bookworm)
//! * Compiler: rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)
//! * Command: `cargo run --release --manifest-path benchmarks/Cargo.toml`
//! * Steps: 10, repeat: 10
//! * Sources: `5b5c25846e68f576a86afc04d909b6eb`

use super::WeightInfo;
use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// The measured weights, with the database's constants of a runtime.
pub struct Measured<T>(PhantomData<T>);

impl<T: frame_system::Config> WeightInfo for Measured<T> {
	/// `n` from 0 to 1000.
	fn signed_transaction(n: u32) -> Weight {
		// The shortest run took 2_193_000 ps.
		Weight::from_parts(2_565_000, 0)
			// Standard error: 2_579_762 ps.
			.saturating_add(Weight::from_parts(197_389_807, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
			.saturating_add(T::DbWeight::get().writes(1).saturating_mul(n.into()))
	}
}
