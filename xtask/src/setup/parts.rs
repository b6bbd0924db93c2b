//! What the workspace needs from the machine, and for what.

/// Something that has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
	/// The protocol buffers compiler, for the network crates.
	Protoc,
	/// A C++ compiler, for the wasm optimiser.
	Cxx,
	/// How the build finds OpenSSL.
	PkgConfig,
	/// The headers of OpenSSL, for the network crates.
	OpenSsl,
	/// A Rust that can compile the runtime.
	WasmTarget,
	/// Formatting.
	Rustfmt,
	/// Lints.
	Clippy,
	/// What runs the JavaScript checks.
	Node,
	/// What installs and starts the JavaScript checks.
	Npm,
	/// What makes networks that can be cut.
	Ip,
	/// What puts clocks wrong.
	Faketime,
	/// What checks the alert rules.
	Promtool,
	/// What the operators' handbook edits specifications with, which a test repeats.
	Jq,
}

impl Part {
	/// Room for the longest name.
	pub const NAME_WIDTH: usize = 26;

	/// What people call it.
	pub fn name(self) -> &'static str {
		match self {
			Self::Protoc => "protoc",
			Self::Cxx => "C++ compiler",
			Self::PkgConfig => "pkg-config",
			Self::OpenSsl => "OpenSSL headers",
			Self::WasmTarget => "Rust target wasm32v1-none",
			Self::Rustfmt => "rustfmt",
			Self::Clippy => "clippy",
			Self::Node => "Node.js 18 or newer",
			Self::Npm => "npm",
			Self::Ip => "ip",
			Self::Faketime => "libfaketime",
			Self::Promtool => "promtool",
			Self::Jq => "jq",
		}
	}

	/// Its Debian and Ubuntu package; `None` for what belongs to a Rust, and for promtool, whose
	/// package would start a server.
	pub fn package(self) -> Option<&'static str> {
		match self {
			Self::Protoc => Some("protobuf-compiler"),
			Self::Cxx => Some("g++"),
			Self::PkgConfig => Some("pkg-config"),
			Self::OpenSsl => Some("libssl-dev"),
			Self::Node => Some("nodejs"),
			Self::Npm => Some("npm"),
			Self::Ip => Some("iproute2"),
			Self::Faketime => Some("libfaketime"),
			Self::Jq => Some("jq"),
			Self::WasmTarget | Self::Rustfmt | Self::Clippy | Self::Promtool => None,
		}
	}
}

/// What something is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
	/// Compiling, and with it the demo.
	Build,
	/// Compiling and testing.
	Test,
	/// Compiling and making things go wrong.
	Faults,
	/// Compiling and linting.
	Lint,
	/// All of it.
	Everything,
}

impl Purpose {
	/// What it needs.
	pub fn parts(self) -> &'static [Part] {
		use Part::*;
		match self {
			Self::Build => &[Protoc, Cxx, PkgConfig, OpenSsl, WasmTarget],
			Self::Test => &[Protoc, Cxx, PkgConfig, OpenSsl, WasmTarget, Node, Npm, Promtool, Jq],
			Self::Faults => &[Protoc, Cxx, PkgConfig, OpenSsl, WasmTarget, Ip, Faketime],
			Self::Lint => &[Protoc, Cxx, PkgConfig, OpenSsl, WasmTarget, Rustfmt, Clippy],
			Self::Everything => &[
				Protoc, Cxx, PkgConfig, OpenSsl, WasmTarget, Rustfmt, Clippy, Node, Npm, Promtool,
				Jq, Ip, Faketime,
			],
		}
	}
}
