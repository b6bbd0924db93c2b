//! What the end-to-end tests share. The tests themselves are in `tests/`, one file to a subject; each
//! runs real processes over WebSocket.
//!
//! The programs are those that `SPB_NODE`, `SPB_CLI` and `SPB_DEMO` name, else those in the target
//! folder of the tests. A test fails, and says so, where they are missing.

pub mod backbone;
pub mod cli;
pub mod faults;
pub mod links;
pub mod readme;
pub mod scene;

pub use backbone::BackboneScene;
pub use cli::Cli;
pub use scene::Scene;
