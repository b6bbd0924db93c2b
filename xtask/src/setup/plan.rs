//! From what was found to what to do: pure decisions.

use super::{
	install::Step,
	parts::{Part, Purpose},
};
use crate::toolchain::Toolchain;
use std::collections::BTreeMap;

/// A script that does Debian's part of the set-up by itself, for those who have to ask for root.
pub const DEBIAN_SCRIPT: &str = "xtask/install-wasm-target.sh";

/// A script that takes promtool out of Debian's package.
pub const PROMTOOL_SCRIPT: &str = "xtask/fetch-promtool.sh";

/// What is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
	/// Tools outside Rust, with what tells them to people: a path or a version.
	pub tools: BTreeMap<Part, String>,
	/// What plain `cargo` and `rustc` are.
	pub default: RustFound,
	/// What Debian has in its own place.
	pub debian: RustFound,
}

/// What is there of one Rust.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RustFound {
	/// Its version.
	pub version: String,
	/// Whether it compiles to wasm32v1-none.
	pub wasm: bool,
	/// Whether it formats.
	pub rustfmt: bool,
	/// Whether it lints.
	pub clippy: bool,
}

/// How things can be installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Means {
	/// There is apt-get.
	pub apt: bool,
	/// There is rustup.
	pub rustup: bool,
	/// How to become root.
	pub privilege: Privilege,
}

/// How to become root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privilege {
	/// It is root already.
	Root,
	/// `sudo` asks for no password.
	Sudo,
	/// Not without the user.
	None,
}

/// What has been tried; nothing is tried twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tried {
	apt: bool,
	rustup_target: bool,
	rustup_components: bool,
	debian: bool,
	promtool: bool,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
	/// Install this, then look again.
	Install(Vec<Step>),
	/// Nothing more can be done without the user: run these commands.
	Stuck(Vec<String>),
}

impl Found {
	/// The Rust to compile with: the default one if it can, else Debian's if that can.
	pub fn toolchain(&self) -> Option<Toolchain> {
		if self.default.wasm {
			Some(Toolchain::Default)
		} else if self.debian.wasm {
			Some(Toolchain::Debian)
		} else {
			None
		}
	}

	/// What is there of the Rust to compile with, or of the default one while none can.
	pub fn rust(&self) -> &RustFound {
		match self.toolchain() {
			Some(Toolchain::Debian) => &self.debian,
			Some(Toolchain::Default) | None => &self.default,
		}
	}

	fn has(&self, part: Part) -> bool {
		match part {
			Part::WasmTarget => self.rust().wasm,
			Part::Rustfmt => self.rust().rustfmt,
			Part::Clippy => self.rust().clippy,
			tool => self.tools.contains_key(&tool),
		}
	}
}

/// What a purpose needs and the machine does not have.
pub fn missing(purpose: Purpose, found: &Found) -> Vec<Part> {
	purpose.parts().iter().copied().filter(|part| !found.has(*part)).collect()
}

/// What to do about missing parts: everything that has not been tried and can be done, or else what
/// to tell the user.
pub fn plan(missing: &[Part], found: &Found, means: &Means, tried: &mut Tried) -> Plan {
	let can_apt = means.apt && means.privilege != Privilege::None;
	let mut steps = Vec::new();

	let packages = packages(missing, found);
	if can_apt && !tried.apt && !packages.is_empty() {
		tried.apt = true;
		steps.push(Step::Apt(packages));
	}
	if missing.contains(&Part::WasmTarget) {
		if means.rustup && !tried.rustup_target {
			tried.rustup_target = true;
			steps.push(Step::RustupTarget);
		} else if can_apt && !tried.debian {
			tried.debian = true;
			steps.push(Step::DebianRust);
		}
	} else if found.toolchain() == Some(Toolchain::Default) {
		// Which Rust needs them is known only when one has the target.
		let components = components(missing);
		if means.rustup && !tried.rustup_components && !components.is_empty() {
			tried.rustup_components = true;
			steps.push(Step::RustupComponents(components));
		}
	}

	if means.apt && !tried.promtool && missing.contains(&Part::Promtool) {
		tried.promtool = true;
		steps.push(Step::Promtool);
	}

	if steps.is_empty() {
		Plan::Stuck(advice(missing, found, means))
	} else {
		Plan::Install(steps)
	}
}

/// How a user gets what is missing.
pub fn advice(missing: &[Part], found: &Found, means: &Means) -> Vec<String> {
	let sudo = if means.privilege == Privilege::Root { "" } else { "sudo " };
	let mut lines = Vec::new();

	let packages = packages(missing, found);
	if !packages.is_empty() {
		let packages = packages.join(" ");
		lines.push(if means.apt {
			format!(
				"{sudo}apt-get update && {sudo}apt-get install -y --no-install-recommends {packages}"
			)
		} else {
			format!("install with your package manager what Debian calls {packages}")
		});
	}
	if missing.contains(&Part::WasmTarget) {
		match (means.rustup, means.apt) {
			(true, false) => lines.push(RUSTUP_TARGET.to_owned()),
			(true, true) => lines.push(format!(
				"{RUSTUP_TARGET} (where it cannot be downloaded, on Debian 12: \
				 {sudo}bash {DEBIAN_SCRIPT})"
			)),
			(false, true) => lines.push(format!(
				"{sudo}bash {DEBIAN_SCRIPT} (on Debian 12; elsewhere install rustup from \
				 https://rustup.rs and run {RUSTUP_TARGET})"
			)),
			(false, false) => {
				lines.push(format!("install rustup from https://rustup.rs and run {RUSTUP_TARGET}"))
			},
		}
	}
	let components = components(missing);
	if !components.is_empty() && found.toolchain() != Some(Toolchain::Debian) {
		lines.push(format!("rustup component add {}", components.join(" ")));
	}
	if missing.contains(&Part::Promtool) {
		lines.push(if means.apt {
			format!("bash {PROMTOOL_SCRIPT} FILE, where FILE is promtool in a folder of your PATH")
		} else {
			"install promtool, which comes with Prometheus".into()
		});
	}
	if missing.contains(&Part::Node) && means.apt {
		lines.push(
			"if that Node.js is older than 18: the current one from https://nodejs.org".into(),
		);
	}
	lines
}

const RUSTUP_TARGET: &str = "rustup target add wasm32v1-none";

/// The packages of what is missing, those of Debian's Rust included where that compiles.
fn packages(missing: &[Part], found: &Found) -> Vec<&'static str> {
	let debian = found.toolchain() == Some(Toolchain::Debian);
	missing
		.iter()
		.filter_map(|part| match part {
			Part::Rustfmt if debian => Some("rustfmt-web"),
			Part::Clippy if debian => Some("rust-web-clippy"),
			part => part.package(),
		})
		.collect()
}

fn components(missing: &[Part]) -> Vec<&'static str> {
	missing
		.iter()
		.filter_map(|part| match part {
			Part::Rustfmt => Some("rustfmt"),
			Part::Clippy => Some("clippy"),
			_ => None,
		})
		.collect()
}
