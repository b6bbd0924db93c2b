//! Chain specifications with other genesis parameters than the development chain's.

use serde_json::Value;
use spb_primitives::Parameters;
use std::{
	ffi::OsStr,
	fs, io,
	path::{Path, PathBuf},
	process::Command,
};

/// Blocks every second and short lifetimes, for tests in which a CTP has to stay open while something
/// else is waited for. Those of the chain `fast` are shorter (`runtime/src/genesis.rs`): there, all is over
/// within a minute.
pub const FAST: Parameters = Parameters {
	min_lifetime: 2,
	max_lifetime: 400,
	grace: 4,
	evidence_window: 400,
	slot_duration: 1_000,
};

/// Where the parameters stand in a specification.
const PARAMETERS: &str = "/genesis/runtimeGenesis/patch/spb/parameters";

/// Why there is no specification.
#[derive(Debug, thiserror::Error)]
pub enum SpecificationError {
	/// The node cannot be run.
	#[error("cannot run {}: {source}", program.display())]
	Run {
		/// The node.
		program: PathBuf,
		/// Why.
		source: io::Error,
	},
	/// The node refuses to write a specification.
	#[error("`spb-node build-spec` fails: {0}")]
	Refused(String),
	/// What the node wrote has another shape than expected.
	#[error("the node's chain specification cannot be used: {0}")]
	Malformed(String),
	/// The file cannot be written.
	#[error("cannot write {}: {source}", path.display())]
	Write {
		/// The file.
		path: PathBuf,
		/// Why.
		source: io::Error,
	},
}

/// Writes the specification of one of the node's chains (`dev`, `local`, `fast`) to a file, with
/// other parameters if any are given.
///
/// It is a raw one, from which a node starts in half the time: it need not run the runtime to find
/// out how the chain begins.
pub fn write(
	program: &Path,
	chain: &str,
	parameters: Option<&Parameters>,
	path: &Path,
) -> Result<(), SpecificationError> {
	let written = |text: &[u8]| {
		fs::write(path, text)
			.map_err(|source| SpecificationError::Write { path: path.to_owned(), source })
	};
	let raw = |chain: &OsStr| build(program, &["--raw".as_ref(), "--chain".as_ref(), chain]);
	let Some(parameters) = parameters else { return written(&raw(chain.as_ref())?) };
	let specification = build(program, &["--chain".as_ref(), chain.as_ref()])?;
	written(&patch(&specification, parameters)?)?;
	written(&raw(path.as_os_str())?)
}

/// What `spb-node build-spec` writes, with these arguments.
pub fn build(program: &Path, arguments: &[&OsStr]) -> Result<Vec<u8>, SpecificationError> {
	let output = Command::new(program)
		.args(["build-spec", "--disable-default-bootnode"])
		.args(arguments)
		.output()
		.map_err(|source| SpecificationError::Run { program: program.to_owned(), source })?;
	if !output.status.success() {
		let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
		return Err(SpecificationError::Refused(words));
	}
	Ok(output.stdout)
}

fn patch(specification: &[u8], parameters: &Parameters) -> Result<Vec<u8>, SpecificationError> {
	let malformed = |reason: String| SpecificationError::Malformed(reason);
	let mut specification: Value =
		serde_json::from_slice(specification).map_err(|error| malformed(error.to_string()))?;
	let place = specification
		.pointer_mut(PARAMETERS)
		.ok_or_else(|| malformed(format!("there is no {PARAMETERS} in it")))?;
	*place = serde_json::to_value(parameters).map_err(|error| malformed(error.to_string()))?;
	serde_json::to_vec(&specification).map_err(|error| malformed(error.to_string()))
}

#[cfg(test)]
mod tests {
	use super::*;
	use serde_json::json;

	#[test]
	fn parameters_should_be_replaced_and_nothing_else() {
		let with = |parameters: Value| {
			let patch = json!({ "balances": [u64::MAX], "spb": { "parameters": parameters } });
			json!({ "name": "x", "genesis": { "runtimeGenesis": { "patch": patch } } })
		};
		let given = with(serde_json::to_value(Parameters::DEVELOPMENT).unwrap()).to_string();
		let patched = patch(given.as_bytes(), &FAST).unwrap();
		let patched: Value = serde_json::from_slice(&patched).unwrap();
		assert_eq!(patched, with(serde_json::to_value(FAST).unwrap()));
	}

	#[test]
	fn other_shapes_should_be_refused() {
		for bad in ["", "[]", "{}", r#"{"genesis":{"raw":{}}}"#] {
			let error = patch(bad.as_bytes(), &FAST).unwrap_err();
			assert!(matches!(error, SpecificationError::Malformed(_)), "{error}");
		}
	}

	#[test]
	fn fast_parameters_should_make_a_chain() {
		assert_eq!(FAST.check(), Ok(()));
	}
}
