//! Scale: what the CTP database costs a block against what is open, what a block costs against what
//! it settles, and what a node takes of its machine.
//!
//! * [`database`]: the pallet's own code over the node's own off-chain storage on a disk, without
//!   signatures around it;
//! * [`blocks`]: whole blocks on validators, by what these count of themselves;
//! * [`open`]: a node with many open CTPs: its memory, its disk, and what a block costs there.

pub mod blocks;
pub mod database;
pub mod open;
mod sampler;
