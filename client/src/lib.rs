//! The client library of SPB: what `spb`, the demo, the end-to-end tests and daemons are made of.
//!
//! * [`connection`]: a node, its blocks and answers, over breaks of the connection;
//! * [`chain`]: calls and queries, generated from the runtime's metadata;
//! * [`tx`]: transactions of accounts and messages for the pool;
//! * [`keys`], [`files`]: keys and state in files that only their owner reads;
//! * [`meter`]: one-time keys, Certificates of Existence, ERCs; talks to no node;
//! * [`trade`]: CTPs on the cheapest offer, places in the pool, waiting for what becomes of them;
//! * [`vaults`]: several vaults of one person;
//! * [`relay`]: letters through the backbone; [`negotiate`]: prices agreed on with them; [`certify`]:
//!   meters that certify each other's one-time keys with them;
//! * [`audit`]: the evidence of past blocks, verified anew;
//! * [`error`]: what all errors have in common, and exit codes; [`progress`]: bars.
//!
//! A consumer's trade from end to end:
//!
//! ```no_run
//! use spb_client::{
//!     connection::{Connection, Patience, DEFAULT_URL},
//!     files::Directory,
//!     keys::AccountKey,
//!     meter::{Meter, Reading},
//!     trade::{wait_for_receipt, Goal, Order, Trader},
//! };
//! use spb_primitives::{AccountId, Energy, Money};
//! use std::sync::Arc;
//!
//! # async fn buy(producer: AccountId) -> spb_client::error::Result<()> {
//! let directory = Directory::new("/var/lib/meter");
//! let connection = Connection::open(DEFAULT_URL, Patience::default()).await?;
//! let key = AccountKey::open(&directory)?;
//! let meter = Arc::new(Meter::open(directory)?);
//! let trader = Trader::new(connection.clone(), key, meter.clone(), Arc::new(()));
//! let (energy, amount) = (Energy::from_wh(250), Money::from_units(100_000_000_000));
//! let order = Order { producer, offer: None, amount, energy, lifetime: None };
//! let ctp = trader.commit(&order).await?;
//! // ... the energy comes in ...
//! meter.measure(energy)?;
//! trader.confirm(&ctp.id, energy, Reading::Noted).await?;
//! let expiry = ctp.signed.ctp.expiry;
//! wait_for_receipt(&connection, &ctp.id, expiry, Goal::Settled, &()).await?;
//! # Ok(())
//! # }
//! ```

pub mod audit;
pub mod certify;
pub mod chain;
pub mod connection;
pub mod error;
pub mod files;
pub mod keys;
pub mod meter;
pub mod negotiate;
pub mod progress;
pub mod relay;
#[cfg(test)]
mod testing;
pub mod trade;
pub mod tx;
pub mod vaults;

pub use error::{Error, Kind, Result};
