//! Attacks and faults: what their scenarios share. The scenarios themselves, and the program that
//! runs them, are in `tests/faults/`.
//!
//! A scenario starts a [`Chain`] of four validators under [load](load), makes its fault or attack
//! really happen, and says so; [`Chain::conclude`] then measures what came of it.
//!
//! * [`arguments`], [`report`], [`scenario`]: which scenarios run, and what is told of them;
//! * [`chain`]: four validators; [`conclude`]: how a scenario ends;
//! * [`load`]: those who trade meanwhile; [`books`]: whether all of them got what they should;
//! * [`watch`]: every node's database at every height.

pub mod arguments;
pub mod books;
pub mod chain;
pub mod conclude;
pub mod load;
pub mod report;
pub mod scenario;
mod waits;
pub mod watch;

pub use chain::{Chain, Setup};
pub use report::{Kind, Outcome};
pub use scenario::{Scenario, Trial};

/// Why a scenario cannot go on: whatever failed, in words.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
/// What a part of a scenario comes to.
pub type Result<T, E = Failure> = std::result::Result<T, E>;
