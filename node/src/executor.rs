//! What runs the runtime.
//!
//! A runtime is compiled before its first call, which takes seconds of the processor at every start. With a cache
//! the compiled code stays on the disk, and whoever starts next takes it from there.

use crate::spb::verify::host::HostFunctions;
use sc_executor::{HeapAllocStrategy, WasmExecutor, DEFAULT_HEAP_ALLOC_STRATEGY};
use sc_service::config::ExecutorConfiguration;
use std::{
	fs, io,
	path::{Path, PathBuf},
};

/// Runs the runtime.
pub type Executor = WasmExecutor<HostFunctions>;

/// The cache of compiled runtimes cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
	"cannot keep compiled runtimes in {}: {source}; give --runtime-cache (or {VARIABLE}) a folder that can be \
	 written, or leave it out",
	path.display()
)]
pub struct CacheError {
	path: PathBuf,
	source: io::Error,
}

/// Names the cache's folder where the command line does not.
pub const VARIABLE: &str = "SPB_RUNTIME_CACHE";

/// An executor as the kit makes it, with compiled runtimes kept in the folder `cache`, if one is given.
pub fn new(config: &ExecutorConfiguration, cache: Option<&Path>) -> Result<Executor, CacheError> {
	let heap = config.default_heap_pages.map_or(DEFAULT_HEAP_ALLOC_STRATEGY, |pages| {
		HeapAllocStrategy::Static { extra_pages: pages.try_into().unwrap_or(u32::MAX) }
	});
	let builder = Executor::builder()
		.with_execution_method(config.wasm_method)
		.with_onchain_heap_alloc_strategy(heap)
		.with_offchain_heap_alloc_strategy(heap)
		.with_max_runtime_instances(config.max_runtime_instances)
		.with_runtime_cache_size(config.runtime_cache_size);
	let Some(path) = cache else { return Ok(builder.build()) };
	// The executor takes nothing but a whole path, and goes on without where that cannot be written.
	let path = std::path::absolute(path)
		.and_then(|path| make_writable(&path).map(|()| path))
		.map_err(|source| CacheError { path: path.to_owned(), source })?;
	Ok(builder.with_cache_path(path).build())
}

/// Makes a folder, if it is not there, and tries whether files can be written there.
fn make_writable(folder: &Path) -> io::Result<()> {
	fs::create_dir_all(folder)?;
	// Others may try the same folder at the same time.
	let probe = folder.join(format!("probe-{}", std::process::id()));
	fs::write(&probe, "spb")?;
	fs::remove_file(probe)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn cache_should_be_made_where_it_can_be_and_refused_where_not() {
		let folder = tempfile::tempdir().unwrap();
		let config = ExecutorConfiguration::default();
		let cache = folder.path().join("deep/inside");
		assert!(new(&config, Some(&cache)).is_ok() && cache.is_dir());
		// What was tried has left nothing.
		assert_eq!(fs::read_dir(&cache).unwrap().count(), 0);
		assert!(new(&config, None).is_ok());

		let file = folder.path().join("file");
		fs::write(&file, "").unwrap();
		let error = new(&config, Some(&file.join("cache"))).err().unwrap().to_string();
		assert!(error.contains("--runtime-cache") && error.contains("file/cache"), "{error}");
	}

	#[test]
	fn cache_should_be_refused_where_a_folder_cannot_be_written() {
		let config = ExecutorConfiguration::default();
		// Not even root writes there.
		let error = new(&config, Some(Path::new("/proc"))).err().unwrap().to_string();
		assert!(error.contains("--runtime-cache") && error.contains("/proc"), "{error}");
	}
}
