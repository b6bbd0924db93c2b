//! What several tests need.

/// The metadata of the runtime as it is now.
pub(crate) fn runtime_metadata() -> Vec<u8> {
	// Some constants of pallets are read from storage, hence the externalities.
	sp_io::TestExternalities::default()
		.execute_with(|| spb_runtime::Runtime::metadata_at_version(16))
		.expect("the runtime has metadata of version 16")
		.to_vec()
}
