//! End-to-end tests over real nodes, in one program so that they run side by side.

mod audit;
mod bad_input;
mod certify;
mod chain_specs;
mod cli;
mod commands;
mod demo;
mod negotiation;
mod network;
mod privacy;
mod readme;
mod relay;
mod restart;
mod trades;
mod upgrade;
mod validators;

/// Where what the tests share is kept.
const FOLDER: &str = env!("CARGO_TARGET_TMPDIR");
