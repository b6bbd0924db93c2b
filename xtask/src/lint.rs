//! `cargo xtask lint`: formatting, and clippy with warnings as errors.

use crate::{
	build::MISBEHAVIOUR,
	checkout, process,
	setup::{self, Purpose},
	steps::Steps,
	toolchain::Toolchain,
	workspace::Workspace,
	Error,
};
use std::process::Command;

/// What clippy-driver adds to rustc's arguments. Several would be separated by `__CLIPPY_HACKERY__`.
const CLIPPY_ARGS: &str = "-Dwarnings";

/// The crates that are optimised otherwise; nothing that lint compiles is ever run.
const OPTIMISED: [&str; 8] = [
	"pallet-escrow",
	"pallet-spb",
	"pallet-upgrades",
	"pallet-validators",
	"spb-primitives",
	"spb-readings",
	"spb-sources",
	"xtask",
];

/// Checks the whole workspace; both checks run even if the first one fails.
pub fn run(workspace: &Workspace) -> Result<(), Error> {
	let toolchain = setup::ensure(workspace, Purpose::Lint)?;
	let mut steps = Steps::new("lint", 2);
	steps.run("formatting", || {
		process::run(toolchain.command(workspace, "cargo").args(["fmt", "--all", "--check"]))
	});
	steps.run("clippy", || checkout::compile(workspace, &mut clippy(workspace, toolchain)));
	Ok(steps.finish()?)
}

/// Clippy as the compiler of the workspace's own crates, in an ordinary build.
///
/// `cargo clippy` would check all dependencies again in a mode of its own. Like this they are those
/// of the ordinary build, and only the workspace's crates, whose fingerprint knows the wrapper, are
/// compiled once more. Their binaries go to a folder of their own: they have no runtime inside and
/// must not replace the real ones.
fn clippy(workspace: &Workspace, toolchain: Toolchain) -> Command {
	let mut command = toolchain.command(workspace, "cargo");
	command
		.args(["build", "--release", "--workspace", "--all-targets"])
		// The node with all that it can be built with.
		.args(["--features", MISBEHAVIOUR])
		.args(OPTIMISED.iter().flat_map(unoptimised))
		.env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver")
		.env("CLIPPY_ARGS", CLIPPY_ARGS)
		.env("SKIP_WASM_BUILD", "1")
		.env("CARGO_BUILD_BUILD_DIR", &workspace.target)
		.env("CARGO_TARGET_DIR", workspace.target.join("lint"));
	command
}

/// What tells cargo to spend no time on optimising a crate.
fn unoptimised(name: &&str) -> [String; 2] {
	["--config".to_owned(), format!("profile.release.package.{name}.opt-level=0")]
}
