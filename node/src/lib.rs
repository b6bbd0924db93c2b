//! The SPB node: a Substrate node that carries the CTP database beside the chain.
//!
//! What an energy trade is, is known to the runtime alone. The node moves its bytes: it keeps the
//! messages that wait for a block, has the runtime prepare the seal of its own blocks and judge
//! every block before it is imported, keeps the evidence, and answers questions about the database
//! and the trades.
//!
//! * [`command`], [`cli`], [`chain_spec`]: the command line;
//! * [`executor`]: what runs the runtime;
//! * [`service`]: the wiring;
//! * [`spb`]: everything that a plain Substrate node does not have.

pub mod chain_spec;
pub mod cli;
pub mod command;
pub mod executor;
pub mod service;
pub mod spb;
