//! Writes the metadata of the runtime to `client/artifacts/metadata.scale`, from which the client
//! is generated: `cargo run --release --example refresh_metadata`.

use std::{error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
	// Some constants of pallets are read from storage, hence the externalities.
	let metadata = sp_io::TestExternalities::default()
		.execute_with(|| spb_runtime::Runtime::metadata_at_version(16))
		.ok_or("the runtime has no metadata of version 16")?;
	let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../client/artifacts/metadata.scale");
	fs::write(&path, &*metadata)?;
	println!("{} bytes in {}", metadata.len(), path.display());
	Ok(())
}
