//! What is there: questions to the file system and to the tools themselves, quick and harmless.

use super::{
	parts::{Part, Purpose},
	plan::{Found, Means, Privilege, RustFound},
};
use crate::{
	process,
	toolchain::{Toolchain, DEBIAN_BIN},
	workspace::Workspace,
};
use std::{
	env,
	ffi::OsStr,
	fs,
	os::unix::fs::MetadataExt,
	path::{Path, PathBuf},
	process::{Command, Stdio},
};

/// The runtime's target.
const WASM_TARGET: &str = "wasm32v1-none";

/// Where Debian's Rust looks for the target's libraries.
pub const DEBIAN_WASM: &str = "/usr/lib/rustlib/wasm32v1-none/lib";

/// The file beside them that says for which compiler they were built.
pub const STAMP: &str = ".rustc";

/// Where distributions put libraries of their architectures, and the one that puts clocks wrong.
const LIBRARIES: &str = "/usr/lib";
const FAKETIME: &str = "faketime/libfaketimeMT.so.1";

/// The oldest Node.js that the JavaScript checks run with.
const OLDEST_NODE: u32 = 18;

/// Looks for what a purpose needs.
pub fn probe(purpose: Purpose, workspace: &Workspace) -> Found {
	let found = |part: &Part| Some((*part, tool(*part, workspace)?));
	let tools = purpose.parts().iter().filter_map(found).collect();
	let default = default_rust();
	// Nobody needs a second one.
	let debian = if default.wasm { RustFound::default() } else { debian_rust() };
	Found { tools, default, debian }
}

/// Looks for ways to install things.
pub fn means() -> Means {
	Means {
		apt: in_path("apt-get").is_some(),
		rustup: in_path("rustup").is_some(),
		privilege: privilege(),
	}
}

/// What tells a part that is there to people.
pub fn detail(part: Part, found: &Found) -> &str {
	match part {
		Part::WasmTarget | Part::Rustfmt | Part::Clippy => &found.rust().version,
		tool => found.tools.get(&tool).map_or("", String::as_str),
	}
}

/// promtool: one in the path, else the one that set-up has fetched.
pub fn promtool(workspace: &Workspace) -> Option<PathBuf> {
	let fetched = workspace.tool("promtool");
	in_path("promtool").or_else(|| is_executable(&fetched).then_some(fetched))
}

fn tool(part: Part, workspace: &Workspace) -> Option<String> {
	match part {
		Part::Protoc => named_or_in_path("PROTOC", "protoc"),
		Part::Cxx => named_or_in_path("CXX", "c++"),
		Part::PkgConfig => named_or_in_path("PKG_CONFIG", "pkg-config"),
		Part::OpenSsl => match env::var_os("OPENSSL_DIR") {
			Some(folder) => {
				let headers = Path::new(&folder).join("include/openssl");
				headers.is_dir().then(|| headers.display().to_string())
			},
			None => process::answer(Command::new("pkg-config").args(["--modversion", "openssl"])),
		},
		Part::Node => process::answer(Command::new("node").arg("--version"))
			.filter(|version| is_new_enough(version)),
		Part::Npm => in_path("npm").map(|path| path.display().to_string()),
		// Where people that are not root may not have it in their path.
		Part::Ip => ["ip", "/usr/sbin/ip", "/sbin/ip"]
			.iter()
			.find_map(in_path)
			.map(|path| path.display().to_string()),
		Part::Faketime => fs::read_dir(LIBRARIES)
			.ok()?
			.flatten()
			.map(|folder| folder.path().join(FAKETIME))
			.find(|library| library.is_file())
			.map(|library| library.display().to_string()),
		Part::Jq => in_path("jq").map(|path| path.display().to_string()),
		Part::Promtool => promtool(workspace).map(|path| path.display().to_string()),
		Part::WasmTarget | Part::Rustfmt | Part::Clippy => None,
	}
}

fn is_new_enough(node: &str) -> bool {
	let major = node.strip_prefix('v').and_then(|version| version.split('.').next());
	major.and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major >= OLDEST_NODE)
}

/// A program that a variable names, as build scripts understand it, or else one in the path.
fn named_or_in_path(variable: &str, program: &str) -> Option<String> {
	let path = match env::var(variable) {
		// It may be a path with spaces, or a command line such as "ccache g++".
		Ok(named) if !named.trim().is_empty() => {
			in_path(&named).or_else(|| in_path(named.split_whitespace().next()?))
		},
		_ => in_path(program),
	};
	path.map(|path| path.display().to_string())
}

/// A program in one of the folders of the path, or at the place that its name says.
fn in_path(program: impl AsRef<OsStr>) -> Option<PathBuf> {
	let path = env::var_os("PATH")?;
	let program = Path::new(program.as_ref());
	env::split_paths(&path).map(|folder| folder.join(program)).find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
	fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.mode() & 0o111 != 0)
}

fn default_rust() -> RustFound {
	let rustc = || Toolchain::Default.bare_command("rustc");
	let Some(version) = process::answer(rustc().arg("--version")) else {
		return RustFound::default();
	};
	let folders = process::answer(rustc().args([
		"--print",
		"sysroot",
		"--print",
		"target-libdir",
		"--target",
		WASM_TARGET,
	]));
	let Some((sysroot, libraries)) = folders.as_deref().and_then(|text| text.split_once('\n'))
	else {
		return RustFound { version, ..Default::default() };
	};
	let programs = Path::new(sysroot).join("bin");
	let stamp = fs::read_to_string(Path::new(libraries).join(STAMP)).ok();
	RustFound {
		wasm: has_core(Path::new(libraries))
			// Without rustup the default one may be Debian's.
			&& stamp.is_none_or(|built_for| built_for.trim() == version),
		rustfmt: has_programs(&programs, &["cargo-fmt", "rustfmt"]),
		clippy: has_programs(&programs, &["clippy-driver"]),
		version,
	}
}

fn debian_rust() -> RustFound {
	let programs = Path::new(DEBIAN_BIN);
	let rustc = programs.join("rustc");
	let Some(version) = process::answer(Command::new(rustc).arg("--version")) else {
		return RustFound::default();
	};
	let libraries = Path::new(DEBIAN_WASM);
	let stamp = fs::read_to_string(libraries.join(STAMP)).unwrap_or_default();
	RustFound {
		wasm: has_programs(programs, &["cargo", "rust-lld"])
			&& has_core(libraries)
			&& stamp.trim() == version,
		rustfmt: has_programs(programs, &["cargo-fmt", "rustfmt"]),
		clippy: has_programs(programs, &["clippy-driver"]),
		version,
	}
}

fn has_programs(folder: &Path, programs: &[&str]) -> bool {
	programs.iter().all(|program| is_executable(&folder.join(program)))
}

fn has_core(libraries: &Path) -> bool {
	let Ok(files) = fs::read_dir(libraries) else { return false };
	files.flatten().any(|file| {
		let name = file.file_name();
		let name = name.to_string_lossy();
		name.starts_with("libcore-") && name.ends_with(".rlib")
	})
}

fn privilege() -> Privilege {
	// The owner of a process's own entry is its effective user.
	if fs::metadata("/proc/self").is_ok_and(|entry| entry.uid() == 0) {
		return Privilege::Root;
	}
	let sudo = Command::new("sudo")
		.args(["-n", "true"])
		.stdin(Stdio::null())
		.stdout(Stdio::null())
		.stderr(Stdio::null())
		.status();
	match sudo {
		Ok(status) if status.success() => Privilege::Sudo,
		_ => Privilege::None,
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn old_versions_of_node_should_not_count() {
		for (version, enough) in [
			("v12.22.9", false),
			("v17.9.1", false),
			("v18.0.0", true),
			("v20.20.2", true),
			("v100.0.0", true),
			("", false),
			("20", false),
			("vx", false),
		] {
			assert_eq!(is_new_enough(version), enough, "{version:?}");
		}
	}

	#[test]
	fn programs_should_be_found_by_name_and_by_place() {
		assert!(in_path("sh").is_some());
		assert_eq!(in_path("/bin/sh"), Some("/bin/sh".into()));
		assert_eq!(in_path("no-such-program"), None);
		// A folder is no program.
		assert_eq!(in_path("/bin"), None);
	}

	#[test]
	fn a_folder_without_libraries_should_have_no_core() {
		assert!(!has_core(Path::new("/no/such/folder")));
		assert!(!has_core(Path::new(env!("CARGO_MANIFEST_DIR"))));
	}
}
