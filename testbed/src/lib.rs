//! What tests and the demo run on: real nodes under guard, a community of traders, and a look at
//! every block.
//!
//! * [`binaries`], [`process`], [`node`], [`specification`]: the programs, as processes that never
//!   outlive their guards;
//! * [`validators`]: several nodes that know each other, and [`metrics`]: what they count;
//! * [`namespaces`], [`disk`], [`clock`], [`database`]: networks, disks, clocks and databases that can be
//!   made to fail;
//! * [`interrupt`]: an end that someone asks for;
//! * [`community`]: accounts and certified meters on a development chain;
//! * [`audit`], [`money`]: what blocks and balances say, checked;
//! * [`relay`]: what negotiation over the backbone costs, simulated and measured;
//! * [`demo`]: the main job, the replay of meter readings (`spb-demo`);
//! * [`evaluate`]: the paper's evaluation against its baseline (`spb-evaluate`).

pub mod audit;
pub mod binaries;
pub mod clock;
pub mod community;
pub mod database;
pub mod demo;
pub mod disk;
pub mod evaluate;
pub mod interrupt;
pub mod metrics;
pub mod money;
pub mod namespaces;
pub mod node;
pub mod process;
pub mod relay;
pub mod specification;
pub mod validators;

pub use binaries::{Binary, MissingBinary};
pub use community::{Community, Participant};
pub use interrupt::interrupted;
pub use node::{Node, NodeError};
pub use validators::Validators;
