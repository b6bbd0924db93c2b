//! What the benchmarks of SPB's rules need: a market to trade in, and a history to write to.

pub mod history;
pub mod market;
