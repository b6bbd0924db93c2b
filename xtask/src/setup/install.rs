//! Installing what is missing, on this machine.

use super::{
	parts::Purpose,
	plan::{Found, Means, Privilege, DEBIAN_SCRIPT, PROMTOOL_SCRIPT},
	probe::{self, DEBIAN_WASM, STAMP},
	Machine,
};
use crate::{
	process::{self, ProcessError},
	toolchain::Toolchain,
	workspace::Workspace,
};
use std::{
	fmt, fs,
	path::Path,
	process::Command,
	time::{Duration, SystemTime},
};

/// A download that has not ended by then is taken for one that never will: without a network rustup
/// may hang.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(180);

/// Something to install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
	/// Packages of the distribution.
	Apt(Vec<&'static str>),
	/// The wasm target for the default Rust.
	RustupTarget,
	/// Parts of the default Rust.
	RustupComponents(Vec<&'static str>),
	/// Debian's Rust and a wasm target built from its sources.
	DebianRust,
	/// promtool, out of Debian's package.
	Promtool,
}

impl fmt::Display for Step {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Apt(packages) => write!(f, "install with apt-get: {}", packages.join(" ")),
			Self::RustupTarget => write!(f, "run rustup target add wasm32v1-none"),
			Self::RustupComponents(components) => {
				write!(f, "run rustup component add {}", components.join(" "))
			},
			Self::DebianRust => write!(
				f,
				"install Debian's rustc-web with its companions, and build wasm32v1-none from its \
				 sources ({DEBIAN_SCRIPT})"
			),
			Self::Promtool => write!(
				f,
				"download Debian's package prometheus and take promtool out of it \
				 ({PROMTOOL_SCRIPT})"
			),
		}
	}
}

/// The machine that this runs on.
pub struct ThisMachine<'a> {
	workspace: &'a Workspace,
}

impl<'a> ThisMachine<'a> {
	/// The machine, with the repository whose scripts it runs.
	pub fn new(workspace: &'a Workspace) -> Self {
		Self { workspace }
	}

	fn try_perform(&self, step: &Step) -> Result<(), ProcessError> {
		match step {
			Step::Apt(packages) => {
				if let Err(error) = process::run(apt_get().arg("update").arg("-q")) {
					println!("set-up: {error}; going on with the package lists that are there");
				}
				let mut install = apt_get();
				install.args(["install", "-q", "-y", "--no-install-recommends"]).args(packages);
				process::run(&mut install)
			},
			Step::RustupTarget => {
				let mut rustup = self.rustup();
				rustup.args(["target", "add", "wasm32v1-none"]);
				process::run_within(&mut rustup, DOWNLOAD_LIMIT)
			},
			Step::RustupComponents(components) => {
				let mut rustup = self.rustup();
				rustup.args(["component", "add"]).args(components);
				process::run_within(&mut rustup, DOWNLOAD_LIMIT)
			},
			Step::DebianRust => {
				let mut script = as_root("bash");
				script.arg(self.workspace.root.join(DEBIAN_SCRIPT));
				process::run(&mut script)?;
				self.link_debian_rust();
				Ok(())
			},
			Step::Promtool => process::run(
				Command::new("bash")
					.arg(self.workspace.root.join(PROMTOOL_SCRIPT))
					.arg(self.workspace.tool("promtool")),
			),
		}
	}

	/// From the repository's root, where an override for the folder holds.
	fn rustup(&self) -> Command {
		let mut rustup = Toolchain::Default.bare_command("rustup");
		rustup.current_dir(&self.workspace.root);
		rustup
	}

	/// Lets people type `cargo +deb`. Nothing here depends on it.
	fn link_debian_rust(&self) {
		let toolchains = process::answer(self.rustup().args(["toolchain", "list"]));
		let linked = |list: &str| list.lines().any(|line| line.split(' ').next() == Some("deb"));
		if toolchains.is_some_and(|list| !linked(&list)) {
			if let Err(error) =
				process::run(self.rustup().args(["toolchain", "link", "deb", "/usr"]))
			{
				println!("set-up: {error}; cargo +deb will not work, all else will");
			}
		}
	}
}

impl Machine for ThisMachine<'_> {
	fn probe(&self, purpose: Purpose) -> Found {
		probe::probe(purpose, self.workspace)
	}

	fn means(&self) -> Means {
		probe::means()
	}

	fn announce(&self, line: &str) {
		println!("{line}");
	}

	fn perform(&mut self, step: &Step) {
		if let Err(error) = self.try_perform(step) {
			println!("set-up: {error}");
		}
	}
}

fn apt_get() -> Command {
	let mut command = as_root("env");
	// A fresh machine may still be installing its own updates.
	command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=300"]);
	command
}

fn as_root(program: &str) -> Command {
	if probe::means().privilege == Privilege::Root {
		return Command::new(program);
	}
	let mut command = Command::new("sudo");
	command.args(["-n", program]);
	command
}

/// Deletes runtimes that were compiled with a wasm target that has been built anew since.
///
/// Cargo does not notice that the target's libraries are others, and the next build of the runtime
/// would fail with "can't find crate".
pub fn drop_stale_runtimes(workspace: &Workspace) {
	let stamp = fs::metadata(Path::new(DEBIAN_WASM).join(STAMP));
	if let Ok(built) = stamp.and_then(|stamp| stamp.modified()) {
		drop_runtimes_before(&workspace.target, built);
	}
}

fn drop_runtimes_before(target: &Path, built: SystemTime) {
	let Ok(profiles) = fs::read_dir(target) else { return };
	for profile in profiles.flatten() {
		let runtimes = profile.path().join("wbuild");
		// Not every file system remembers when a folder was made.
		let made = fs::metadata(&runtimes).and_then(|meta| meta.created().or(meta.modified()));
		if made.is_ok_and(|made| made < built) {
			match fs::remove_dir_all(&runtimes) {
				Ok(()) => println!("set-up: deleted {}: its target is new", runtimes.display()),
				Err(error) => {
					println!("set-up: cannot delete {} ({error}): delete it", runtimes.display())
				},
			}
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn only_runtimes_older_than_the_target_should_be_deleted() {
		let target = std::env::temp_dir().join(format!("spb-xtask-wbuild-{}", std::process::id()));
		let runtimes = target.join("release/wbuild");
		fs::create_dir_all(runtimes.join("spb-runtime")).unwrap();
		let now = SystemTime::now();

		drop_runtimes_before(&target, now - Duration::from_secs(60));
		let kept = runtimes.exists();
		drop_runtimes_before(&target, now + Duration::from_secs(60));
		let deleted = !runtimes.exists() && target.join("release").exists();

		fs::remove_dir_all(&target).unwrap();
		assert_eq!((kept, deleted), (true, true));
		// A target folder that is not there yet is no trouble.
		drop_runtimes_before(&target, now);
	}
}
