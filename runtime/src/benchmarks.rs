//! Which pallets are measured, for the runner in `benchmarks/`.

use crate::{overhead, AllPalletsWithSystem, Escrow, Runtime, Spb, Validators};
use alloc::{string::String, vec::Vec};
use frame_benchmarking::{BenchmarkBatch, BenchmarkConfig, BenchmarkList};
use frame_support::traits::{StorageInfo, StorageInfoTrait, WhitelistedStorageKeys};

/// What is measured beside the pallets.
type Overhead = overhead::Pallet<Runtime>;

frame_benchmarking::define_benchmarks!([pallet_escrow, Escrow] [pallet_spb, Spb] [pallet_validators, Validators] [runtime, Overhead]);

/// The benchmarks there are, and what is stored.
pub fn metadata(extra: bool) -> (Vec<BenchmarkList>, Vec<StorageInfo>) {
	let mut list = Vec::new();
	list_benchmarks!(list, extra);
	(list, AllPalletsWithSystem::storage_info())
}

/// Runs one benchmark.
pub fn dispatch(config: &BenchmarkConfig) -> Result<Vec<BenchmarkBatch>, String> {
	let whitelist = AllPalletsWithSystem::whitelisted_storage_keys();
	let mut batches = Vec::new();
	let params = (config, &whitelist[..]);
	add_benchmarks!(params, batches);
	Ok(batches)
}
