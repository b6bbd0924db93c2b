//! End-to-end tests over real nodes, in one program so that they run side by side.

mod audit;
mod bad_input;
mod certify;
mod chain_specs;
mod cli;
mod commands;
mod demo;
mod dependencies;
mod evaluate;
mod governing;
mod memory;
mod negotiation;
mod network;
mod operations;
mod privacy;
mod readme;
mod refused;
mod relay;
mod restart;
mod shipped;
mod trades;
mod upgrade;
mod validators;

use std::net::TcpListener;

/// Where what the tests share is kept.
const FOLDER: &str = env!("CARGO_TARGET_TMPDIR");

/// A port that nothing listens on.
fn free_port() -> u16 {
	TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
