//! The proof that a client holds the key that it attaches with: it opens what this node has sealed
//! to the key. Without it anyone could fetch another's packets, which stay sealed but would be gone.

use super::machine::Connection;
use crate::spb::network::limits::{Limiter, Rate};
use sc_network::PeerId;
use spb_primitives::{
	relay::{
		sealing::{challenge, Challenge},
		ContactKey, NodeIdentifier, SealError,
	},
	Genesis,
};
use spb_runtime::Hash;
use std::{
	collections::{HashMap, VecDeque},
	time::{Duration, Instant},
};

/// How long a client has to answer.
pub const OPEN_FOR: Duration = Duration::from_secs(30);
/// Challenges over one connection. A client needs one each time that it attaches a key.
const RATE: Rate = Rate::of_requests(256, 8);
/// Challenges over all connections together: what sealing them costs is little of a processor.
const RATE_OF_ALL: Rate = Rate::of_requests(2_048, 256);
/// Challenges that are open at once: more than the rate allows in the time that they are.
const MAX_OPEN: usize = 16_384;

/// Why there is no challenge.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoChallenge {
	/// Too many have asked.
	#[error("too many keys are being attached: wait a little, then ask again")]
	TooMany,
	/// It cannot be sealed.
	#[error("{0}")]
	Seal(SealError),
}

/// The challenges that wait for an answer.
pub struct Challenges {
	node: NodeIdentifier,
	genesis: Genesis,
	/// Whose key each answer proves, and until when it counts.
	open: HashMap<Hash, (ContactKey, Instant)>,
	/// The same answers, the oldest first.
	order: VecDeque<Hash>,
	connections: Limiter<Connection>,
	all: Limiter<()>,
}

impl Challenges {
	/// Those of the node of this peer id, on the chain with this genesis.
	pub fn new(node: NodeIdentifier, genesis: Genesis) -> Self {
		let (open, order) = Default::default();
		let (connections, all) = (Limiter::new(RATE), Limiter::new(RATE_OF_ALL));
		Self { node, genesis, open, order, connections, all }
	}

	/// What the holder of a key is to open, who asks over this connection.
	pub fn ask(
		&mut self,
		contact: &ContactKey,
		over: Connection,
		now: Instant,
	) -> Result<Vec<u8>, NoChallenge> {
		self.expire(now);
		let permitted = self.order.len() < MAX_OPEN
			&& self.connections.permits(over, now)
			&& self.all.permits((), now);
		if !permitted {
			return Err(NoChallenge::TooMany);
		}
		let Challenge { sealed, answer } =
			challenge(contact, &self.node, &self.genesis).map_err(NoChallenge::Seal)?;
		self.open.insert(answer, (*contact, now + OPEN_FOR));
		self.order.push_back(answer);
		Ok(sealed)
	}

	/// Whether an answer proves that its sender holds the key. It does so once.
	pub fn redeem(&mut self, contact: &ContactKey, answer: &Hash, now: Instant) -> bool {
		self.expire(now);
		// The answer is a hash that is the holder's alone to know: looking it up tells no one how
		// near a wrong one is.
		let proves = self.open.get(answer).is_some_and(|(key, _)| key == contact);
		if proves {
			self.open.remove(answer);
		}
		proves
	}

	fn expire(&mut self, now: Instant) {
		while let Some(oldest) = self.order.front() {
			match self.open.get(oldest) {
				Some((_, until)) if now < *until => break,
				_ => {
					self.open.remove(oldest);
					self.order.pop_front();
				},
			}
		}
	}
}

/// The identifier of the node that is this peer.
pub fn identifier_of(peer: &PeerId) -> NodeIdentifier {
	NodeIdentifier::of_peer(&peer.to_bytes())
}

#[cfg(test)]
mod tests {
	use super::*;
	use spb_primitives::relay::{sealing::answer, ContactSecret};

	const OVER: Connection = Connection(1);
	const GENESIS: Genesis = Hash::repeat_byte(7);

	fn secret(of: u8) -> ContactSecret {
		ContactSecret::from_bytes(&[of; 32]).unwrap()
	}

	fn challenges() -> Challenges {
		Challenges::new(identifier_of(&PeerId::random()), GENESIS)
	}

	#[test]
	fn answer_of_the_holder_should_count_once_and_in_time() {
		let (mut challenges, now, holder) = (challenges(), Instant::now(), secret(1));
		let node = challenges.node;
		let mut ask = |at| {
			let sealed = challenges.ask(&holder.public(), OVER, at).unwrap();
			answer(&holder, &node, &sealed, &GENESIS).unwrap()
		};
		let (first, second) = (ask(now), ask(now));
		assert_ne!(first, second);
		let later = now + OPEN_FOR - Duration::from_millis(1);
		assert!(challenges.redeem(&holder.public(), &second, later));
		assert!(!challenges.redeem(&holder.public(), &second, later), "a copy proves nothing");
		assert!(!challenges.redeem(&holder.public(), &first, now + OPEN_FOR));
		assert!(challenges.open.is_empty() && challenges.order.is_empty());
	}

	#[test]
	fn answer_should_prove_one_key_to_one_node() {
		let (mut challenges, now) = (challenges(), Instant::now());
		let (holder, other) = (secret(1), secret(2));
		let node = challenges.node;
		let sealed = challenges.ask(&holder.public(), OVER, now).unwrap();
		assert!(answer(&other, &node, &sealed, &GENESIS).is_err());
		let elsewhere = identifier_of(&PeerId::random());
		assert!(answer(&holder, &elsewhere, &sealed, &GENESIS).is_err());
		let right = answer(&holder, &node, &sealed, &GENESIS).unwrap();
		assert!(!challenges.redeem(&other.public(), &right, now));
		assert!(!challenges.redeem(&holder.public(), &Hash::zero(), now));
		assert!(challenges.redeem(&holder.public(), &right, now), "what is wrong uses nothing up");
	}

	#[test]
	fn number_of_challenges_should_be_bounded() {
		let (mut challenges, start, holder) = (challenges(), Instant::now(), secret(1));
		let mut asked = 0;
		for second in 0..35 {
			let now = start + Duration::from_secs(second);
			while challenges.ask(&holder.public(), Connection(asked), now).is_ok() {
				asked += 1;
			}
			assert!(challenges.open.len() < MAX_OPEN, "the rate is what bounds them");
		}
		assert_eq!(asked, 2_048 + 34 * 256);
		assert_eq!(challenges.ask(&holder.public(), OVER, start), Err(NoChallenge::TooMany));
	}

	#[test]
	fn one_connection_should_leave_challenges_to_others() {
		let (mut challenges, now, holder) = (challenges(), Instant::now(), secret(1));
		let taken =
			(0..1_000).filter(|_| challenges.ask(&holder.public(), OVER, now).is_ok()).count();
		assert_eq!(taken, RATE.burst as usize);
		assert!(challenges.ask(&holder.public(), Connection(2), now).is_ok());
	}

	#[test]
	fn key_that_nobody_can_hold_should_get_no_challenge() {
		let asked = challenges().ask(&ContactKey([0; 32]), OVER, Instant::now());
		assert_eq!(asked, Err(NoChallenge::Seal(SealError::BadKey)));
	}
}
