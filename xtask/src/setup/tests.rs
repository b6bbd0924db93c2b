//! What set-up does about what is missing, against a machine that records what it was asked to do.

use super::{plan::*, *};
use std::cell::{Cell, RefCell};

/// A machine on which each step gives what it says, or nothing if it is among the failing ones.
struct FakeMachine {
	found: Found,
	means: Means,
	failing: Vec<Step>,
	performed: Vec<Step>,
	announced: RefCell<Vec<String>>,
	asked_for_means: Cell<bool>,
}

impl FakeMachine {
	fn new(found: Found) -> Self {
		Self {
			found,
			means: Means { apt: true, rustup: true, privilege: Privilege::Root },
			failing: Vec::new(),
			performed: Vec::new(),
			announced: RefCell::default(),
			asked_for_means: Cell::new(false),
		}
	}
}

impl Machine for FakeMachine {
	fn probe(&self, _: Purpose) -> Found {
		self.found.clone()
	}

	fn means(&self) -> Means {
		self.asked_for_means.set(true);
		self.means
	}

	fn announce(&self, line: &str) {
		self.announced.borrow_mut().push(line.to_owned());
	}

	fn perform(&mut self, step: &Step) {
		self.performed.push(step.clone());
		if self.failing.contains(step) {
			return;
		}
		match step {
			Step::Apt(packages) => {
				for part in Purpose::Everything.parts() {
					if part.package().is_some_and(|package| packages.contains(&package)) {
						self.found.tools.insert(*part, String::new());
					}
				}
				self.found.debian.rustfmt |= packages.contains(&"rustfmt-web");
				self.found.debian.clippy |= packages.contains(&"rust-web-clippy");
			},
			Step::RustupTarget => self.found.default.wasm = true,
			Step::RustupComponents(_) => {
				self.found.default.rustfmt = true;
				self.found.default.clippy = true;
			},
			Step::DebianRust => self.found.debian = rust(),
			Step::Promtool => {
				self.found.tools.insert(Part::Promtool, String::new());
			},
		}
	}
}

fn rust() -> RustFound {
	RustFound { version: "rustc 1.96.0".into(), wasm: true, rustfmt: true, clippy: true }
}

/// A machine with everything, by the default Rust.
fn complete() -> Found {
	let of_rust = [Part::WasmTarget, Part::Rustfmt, Part::Clippy];
	let tools = Purpose::Everything.parts().iter().filter(|part| !of_rust.contains(part));
	Found {
		tools: tools.map(|part| (*part, String::new())).collect(),
		default: rust(),
		debian: RustFound::default(),
	}
}

/// A fresh machine with rustup: a Rust for the host and its components, nothing else.
fn fresh() -> Found {
	Found { default: RustFound { wasm: false, ..rust() }, ..Found::default() }
}

const BUILD_PACKAGES: [&str; 4] = ["protobuf-compiler", "g++", "pkg-config", "libssl-dev"];

#[test]
fn nothing_should_be_done_where_everything_is_there() {
	let mut machine = FakeMachine::new(complete());
	assert_eq!(prepare(&mut machine, Purpose::Everything), Ok(Toolchain::Default));
	assert_eq!(machine.performed, []);
	assert!(machine.announced.borrow().is_empty());
	// Asking for them may run sudo.
	assert!(!machine.asked_for_means.get());
}

#[test]
fn debians_rust_should_serve_where_the_default_one_cannot() {
	let mut machine =
		FakeMachine::new(Found { default: fresh().default, debian: rust(), ..complete() });
	assert_eq!(prepare(&mut machine, Purpose::Everything), Ok(Toolchain::Debian));
	assert_eq!(machine.performed, []);
}

#[test]
fn a_fresh_machine_should_get_packages_and_the_target_of_rustup() {
	let mut machine = FakeMachine::new(fresh());
	assert_eq!(prepare(&mut machine, Purpose::Build), Ok(Toolchain::Default));
	assert_eq!(machine.performed, [Step::Apt(BUILD_PACKAGES.to_vec()), Step::RustupTarget]);
	assert_eq!(
		*machine.announced.borrow(),
		[
			"set-up: missing: protoc, C++ compiler, pkg-config, OpenSSL headers, \
			 Rust target wasm32v1-none",
			"set-up: going to install with apt-get: protobuf-compiler g++ pkg-config libssl-dev",
			"set-up: going to run rustup target add wasm32v1-none",
		]
	);
}

#[test]
fn debians_rust_should_be_built_where_no_target_can_be_downloaded() {
	let mut machine = FakeMachine::new(Found { default: fresh().default, ..complete() });
	machine.failing = vec![Step::RustupTarget];
	assert_eq!(prepare(&mut machine, Purpose::Lint), Ok(Toolchain::Debian));
	assert_eq!(machine.performed, [Step::RustupTarget, Step::DebianRust]);
}

#[test]
fn rustup_should_not_be_asked_where_it_is_not() {
	let mut machine = FakeMachine::new(Found { default: RustFound::default(), ..complete() });
	machine.means.rustup = false;
	assert_eq!(prepare(&mut machine, Purpose::Build), Ok(Toolchain::Debian));
	assert_eq!(machine.performed, [Step::DebianRust]);
}

#[test]
fn javascript_should_be_installed_for_tests_only() {
	let without = || {
		let mut found = complete();
		found.tools.remove(&Part::Node);
		found.tools.remove(&Part::Npm);
		FakeMachine::new(found)
	};
	for purpose in [Purpose::Build, Purpose::Lint] {
		let mut machine = without();
		assert_eq!(prepare(&mut machine, purpose), Ok(Toolchain::Default));
		assert_eq!(machine.performed, []);
	}
	let mut machine = without();
	assert_eq!(prepare(&mut machine, Purpose::Test), Ok(Toolchain::Default));
	assert_eq!(machine.performed, [Step::Apt(vec!["nodejs", "npm"])]);
}

#[test]
fn what_breaks_things_should_be_installed_for_faults_only() {
	let without = || {
		let mut found = complete();
		found.tools.remove(&Part::Ip);
		found.tools.remove(&Part::Faketime);
		FakeMachine::new(found)
	};
	let mut machine = without();
	assert_eq!(prepare(&mut machine, Purpose::Test), Ok(Toolchain::Default));
	assert_eq!(machine.performed, []);
	let mut machine = without();
	assert_eq!(prepare(&mut machine, Purpose::Faults), Ok(Toolchain::Default));
	assert_eq!(machine.performed, [Step::Apt(vec!["iproute2", "libfaketime"])]);
}

#[test]
fn lint_tools_should_come_from_where_the_compiler_comes() {
	let bare = RustFound { rustfmt: false, clippy: false, ..rust() };

	let mut machine = FakeMachine::new(Found { default: bare.clone(), ..complete() });
	assert_eq!(prepare(&mut machine, Purpose::Lint), Ok(Toolchain::Default));
	assert_eq!(machine.performed, [Step::RustupComponents(vec!["rustfmt", "clippy"])]);

	let mut machine =
		FakeMachine::new(Found { default: RustFound::default(), debian: bare, ..complete() });
	assert_eq!(prepare(&mut machine, Purpose::Lint), Ok(Toolchain::Debian));
	assert_eq!(machine.performed, [Step::Apt(vec!["rustfmt-web", "rust-web-clippy"])]);
}

#[test]
fn without_root_the_user_should_be_told_the_commands() {
	let mut machine = FakeMachine::new(fresh());
	machine.means.privilege = Privilege::None;
	machine.failing = vec![Step::RustupTarget];
	let error = prepare(&mut machine, Purpose::Build).unwrap_err();
	// What needs no root has been tried.
	assert_eq!(machine.performed, [Step::RustupTarget]);
	assert_eq!(
		error.to_string(),
		"missing: protoc, C++ compiler, pkg-config, OpenSSL headers, Rust target wasm32v1-none. \
		 To get it:\n    \
		 sudo apt-get update && sudo apt-get install -y --no-install-recommends \
		 protobuf-compiler g++ pkg-config libssl-dev\n    \
		 rustup target add wasm32v1-none (where it cannot be downloaded, on Debian 12: \
		 sudo bash xtask/install-wasm-target.sh)\n\
		 then run the same command again."
	);
}

#[test]
fn without_a_network_everything_should_be_tried_once() {
	let mut machine = FakeMachine::new(fresh());
	let apt = Step::Apt(BUILD_PACKAGES.to_vec());
	machine.failing = vec![apt.clone(), Step::RustupTarget, Step::DebianRust];
	let error = prepare(&mut machine, Purpose::Build).unwrap_err();
	assert_eq!(machine.performed, [apt, Step::RustupTarget, Step::DebianRust]);
	// As root nobody needs sudo.
	assert!(!error.to_string().contains("sudo"), "{error}");
}

#[test]
fn an_old_node_should_be_explained() {
	let mut found = complete();
	found.tools.remove(&Part::Node);
	let mut machine = FakeMachine::new(found);
	machine.failing = vec![Step::Apt(vec!["nodejs"])];
	let error = prepare(&mut machine, Purpose::Test).unwrap_err();
	assert!(error.to_string().contains("https://nodejs.org"), "{error}");
}

#[test]
fn promtool_should_be_fetched_without_root_and_once() {
	let mut found = complete();
	found.tools.remove(&Part::Promtool);
	let mut machine = FakeMachine::new(found.clone());
	machine.means.privilege = Privilege::None;
	assert_eq!(prepare(&mut machine, Purpose::Test), Ok(Toolchain::Default));
	assert_eq!(machine.performed, [Step::Promtool]);

	let mut machine = FakeMachine::new(found);
	machine.failing = vec![Step::Promtool];
	let error = prepare(&mut machine, Purpose::Test).unwrap_err();
	assert_eq!(machine.performed, [Step::Promtool]);
	assert!(error.to_string().contains("xtask/fetch-promtool.sh"), "{error}");
}

#[test]
fn other_systems_should_be_told_what_is_needed() {
	let mut machine = FakeMachine::new(Found::default());
	machine.means = Means { apt: false, rustup: false, privilege: Privilege::Sudo };
	let error = prepare(&mut machine, Purpose::Build).unwrap_err();
	assert_eq!(machine.performed, []);
	assert_eq!(
		error.to_string().lines().skip(1).collect::<Vec<_>>(),
		[
			"    install with your package manager what Debian calls protobuf-compiler g++ \
			 pkg-config libssl-dev",
			"    install rustup from https://rustup.rs and run rustup target add wasm32v1-none",
			"then run the same command again.",
		]
	);
}

#[test]
fn every_part_should_have_room_for_its_name_and_a_way_to_get_it() {
	let means = Means { apt: true, rustup: true, privilege: Privilege::None };
	for part in Purpose::Everything.parts() {
		assert!(part.name().len() <= Part::NAME_WIDTH);
		assert!(!advice(&[*part], &Found::default(), &means).is_empty(), "{part:?}");
	}
}
