//! What a peer's standing changes by. Nothing here is for data that is merely missing.

use sc_network::ReputationChange;

/// A request that does not decode, or asks for nothing or for too much.
pub const MALFORMED_REQUEST: ReputationChange =
	ReputationChange::new(-(1 << 26), "SPB: malformed request");
/// Requests much faster than any honest node makes them.
pub const FLOODING: ReputationChange = ReputationChange::new(-(1 << 24), "SPB: too many requests");
/// An answer that does not decode, or is not one to what was asked.
pub const MALFORMED_ANSWER: ReputationChange =
	ReputationChange::new(-(1 << 28), "SPB: malformed answer");
/// A sidecar whose hash is not the one that was asked for.
pub const WRONG_SIDECAR: ReputationChange =
	ReputationChange::new(-(1 << 29), "SPB: bytes of another sidecar");
/// A whole database that is not the one that was asked for.
pub const WRONG_DATABASE: ReputationChange =
	ReputationChange::new(-(1 << 30), "SPB: a database of another root");

/// What requests are refused for.
pub const OF_REQUESTS: [ReputationChange; 2] = [MALFORMED_REQUEST, FLOODING];
/// What answers are refused for.
pub const OF_ANSWERS: [ReputationChange; 3] = [MALFORMED_ANSWER, WRONG_SIDECAR, WRONG_DATABASE];
