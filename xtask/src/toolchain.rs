//! The one Rust that compiles everything.
//!
//! `cargo xtask` itself may have been started by another one, and cargo and rustup tell the programs
//! that they start about themselves. Nested calls must not hear of it, or the same crates would
//! be compiled a second time by a second compiler.

use crate::workspace::Workspace;
use std::{
	env,
	ffi::{OsStr, OsString},
	fmt,
	path::{Path, PathBuf},
	process::Command,
};

/// Where Debian's Rust has its programs.
pub const DEBIAN_BIN: &str = "/usr/bin";

/// Which Rust compiles the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toolchain {
	/// What plain `cargo` runs: rustup's default.
	Default,
	/// Debian's `rustc-web`, with a wasm target built from its sources.
	Debian,
}

impl fmt::Display for Toolchain {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Default => write!(f, "the default one"),
			Self::Debian => {
				write!(f, "Debian's in {DEBIAN_BIN} (by hand: PATH={DEBIAN_BIN}:$PATH)")
			},
		}
	}
}

impl Toolchain {
	/// A call of one of its programs, or of anything that calls them, from the repository's root.
	pub fn command(self, workspace: &Workspace, program: &str) -> Command {
		let mut command = self.bare_command(program);
		command
			.current_dir(&workspace.root)
			.env("CARGO_TARGET_DIR", &workspace.target)
			.env("WASM_BUILD_RUSTFLAGS", without_folders(workspace));
		command
	}

	/// A call of one of its programs that needs no repository.
	pub fn bare_command(self, program: &str) -> Command {
		let mut command = match self {
			Self::Default => Command::new(program),
			// By name it would be looked up in this process's path, not in the one given here.
			Self::Debian if Path::new(DEBIAN_BIN).join(program).is_file() => {
				Command::new(Path::new(DEBIAN_BIN).join(program))
			},
			Self::Debian => Command::new(program),
		};
		for (name, _) in env::vars_os().filter(|(name, _)| names_a_toolchain(name)) {
			command.env_remove(name);
		}
		match env::var_os(LIBRARY_PATH).map(|path| without_toolchains(&path)) {
			Some(path) if !path.is_empty() => command.env(LIBRARY_PATH, path),
			_ => command.env_remove(LIBRARY_PATH),
		};
		if self == Self::Debian {
			command.env("PATH", with_debian_first(env::var_os("PATH").as_deref()));
		}
		command
	}
}

/// Keeps the folders of this machine out of the runtime, where they would stand in panics. A folder
/// with a blank in its name stays: flags cannot hold it.
fn without_folders(workspace: &Workspace) -> OsString {
	let home = || env::home_dir().map(|home| home.join(".cargo"));
	let cargo = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(home);
	let folders = [(cargo, "cargo"), (Some(workspace.root.clone()), "spb")];
	let mut flags = OsString::new();
	for (folder, name) in folders {
		let Some(folder) = folder.filter(|path| !path.to_string_lossy().contains(' ')) else {
			continue;
		};
		flags.push(" --remap-path-prefix=");
		flags.push(folder);
		flags.push("=");
		flags.push(name);
	}
	flags
}

const LIBRARY_PATH: &str = "LD_LIBRARY_PATH";

/// Whether a variable says which Rust to use or what is being compiled, as cargo and rustup set
/// them for what they run, or bends the build in a way that only single commands here may.
fn names_a_toolchain(name: &OsStr) -> bool {
	const NAMES: &[&str] = &[
		"CARGO",
		"CARGO_BIN_NAME",
		"CARGO_BUILD_RUSTC",
		"CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
		"CARGO_BUILD_RUSTDOC",
		"CARGO_BUILD_TARGET",
		"CARGO_CRATE_NAME",
		"CARGO_MANIFEST_DIR",
		"CARGO_MANIFEST_LINKS",
		"CARGO_MANIFEST_PATH",
		"CARGO_PRIMARY_PACKAGE",
		"CARGO_TARGET_TMPDIR",
		"CLIPPY_ARGS",
		"OUT_DIR",
		"RUSTC",
		"RUSTC_WORKSPACE_WRAPPER",
		"RUSTDOC",
		"RUSTUP_TOOLCHAIN",
		"RUSTUP_TOOLCHAIN_SOURCE",
		"RUST_RECURSION_COUNT",
		"SKIP_WASM_BUILD",
	];
	let Some(name) = name.to_str() else { return false };
	NAMES.contains(&name) || name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_BIN_EXE_")
}

/// The library path without what `cargo run` and `cargo test` add: the libraries of a compiler and
/// what lies beside this binary.
fn without_toolchains(path: &OsStr) -> OsString {
	let beside = env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned));
	let kept = env::split_paths(path).filter(|folder| {
		let compiler = folder.join("rustlib").is_dir()
			|| folder.components().any(|part| part.as_os_str() == "rustlib");
		let ours = beside.as_ref().is_some_and(|beside| {
			folder.starts_with(beside)
				|| (beside.ends_with("deps") && beside.parent() == Some(folder))
		});
		!compiler && !ours
	});
	joined(kept)
}

fn with_debian_first(path: Option<&OsStr>) -> OsString {
	let rest: Vec<PathBuf> = path.map(|path| env::split_paths(path).collect()).unwrap_or_default();
	joined([PathBuf::from(DEBIAN_BIN)].into_iter().chain(rest))
}

fn joined(paths: impl Iterator<Item = PathBuf>) -> OsString {
	// Joining fails only for names with a colon inside, and these come from splitting at colons.
	env::join_paths(paths).unwrap_or_default()
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn what_names_a_toolchain_should_be_dropped_and_the_rest_kept() {
		for name in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC", "CARGO_PKG_NAME", "CARGO_MANIFEST_DIR"] {
			assert!(names_a_toolchain(OsStr::new(name)), "{name}");
		}
		for name in ["CARGO_HOME", "RUSTUP_HOME", "CARGO_TARGET_DIR", "RUSTFLAGS", "PATH", "HOME"] {
			assert!(!names_a_toolchain(OsStr::new(name)), "{name}");
		}
	}

	#[test]
	fn nested_calls_should_not_hear_of_the_calling_cargo() {
		// Cargo sets it for every test.
		assert!(env::var_os("CARGO_MANIFEST_DIR").is_some());
		for toolchain in [Toolchain::Default, Toolchain::Debian] {
			let command = toolchain.bare_command("rustc");
			assert!(command
				.get_envs()
				.any(|(name, value)| name == "CARGO_MANIFEST_DIR" && value.is_none()));
		}
	}

	#[test]
	fn debians_programs_should_come_first_in_the_path() {
		let value = |path: Option<&str>| with_debian_first(path.map(OsStr::new));
		assert_eq!(value(Some("/home/me/.cargo/bin:/bin")), "/usr/bin:/home/me/.cargo/bin:/bin");
		assert_eq!(value(None), "/usr/bin");
	}

	#[test]
	fn compilers_should_be_dropped_from_the_library_path() {
		let beside = env::current_exe().unwrap().parent().unwrap().display().to_string();
		let path = format!("{beside}:/opt/lib:/x/toolchains/stable/lib/rustlib/host/lib:/opt/cuda");
		assert_eq!(without_toolchains(OsStr::new(&path)), "/opt/lib:/opt/cuda");
	}
}
