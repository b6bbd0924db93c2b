//! Meters that certify each other over the backbone: Certificates of Existence without files
//! (docs/protocol.md, section 10).
//!
//! A meter that needs one picks another at random from the directory on the chain, makes a tree for
//! it alone, and sends it the root with its own manufacturer's certificate ([`Requester`]). The other
//! checks, signs and forgets within the hour ([`Certifier`]). Refusal and silence lead to another
//! candidate.

mod allowance;
mod answer;
mod error;
mod request;
#[cfg(test)]
mod tests;

pub use answer::{Answered, Certifier, Willing};
pub use error::CertifyError;
pub use request::{Certified, Requester, Wanted};
