//! Where the database keeps its bytes: the node's persistent off-chain storage, or memory in tests.

use alloc::vec::Vec;
use sp_core::offchain::StorageKind;

/// A map of bytes in which each write stands at once.
pub trait Store {
	/// What is stored under `key`.
	fn get(&self, key: &[u8]) -> Option<Vec<u8>>;
	/// Stores `value` under `key`.
	fn set(&self, key: &[u8], value: &[u8]);
	/// Forgets what is stored under `key`.
	fn remove(&self, key: &[u8]);
	/// Stores `value` under `key` if `before` is stored there, in one step; says whether it did.
	fn compare_and_set(&self, key: &[u8], before: Option<Vec<u8>>, value: &[u8]) -> bool;
}

/// The node's persistent off-chain storage. Only where the externality is registered.
#[derive(Clone, Copy, Default)]
pub struct Offchain;

impl Store for Offchain {
	fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
		sp_io::offchain::local_storage_get(StorageKind::PERSISTENT, key)
	}

	fn set(&self, key: &[u8], value: &[u8]) {
		sp_io::offchain::local_storage_set(StorageKind::PERSISTENT, key, value);
	}

	fn remove(&self, key: &[u8]) {
		sp_io::offchain::local_storage_clear(StorageKind::PERSISTENT, key);
	}

	fn compare_and_set(&self, key: &[u8], before: Option<Vec<u8>>, value: &[u8]) -> bool {
		let kind = StorageKind::PERSISTENT;
		sp_io::offchain::local_storage_compare_and_set(kind, key, before, value)
	}
}
