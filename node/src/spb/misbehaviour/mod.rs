//! How a node lies that tests set on honest ones. No part of the node that is shipped.
//!
//! A hostile node behaves in all things as an honest one but in the one it is told to, so what
//! honest nodes refuse, they refuse for that alone. Where it is told several, each is as if it were
//! the only one: a block has one lie, the first that it lends itself to. Each lie that was told is a
//! line of its log that begins with `Misbehaviour` and the lie's name.
//!
//! | file | lies about |
//! | --- | --- |
//! | [`author`] | what a block settles and adds, and its root |
//! | [`block`] | the seals in a block's body; own blocks that are lies are not judged |
//! | [`peer`] | what it serves and what it asks |
//! | [`relay`] | the packets that it carries, and whether it answers those who send some |

pub mod author;
pub mod block;
pub mod peer;
pub mod relay;

use super::{
	import::DatabaseImport,
	network::{peers::Peers, Protocols},
	relay::carrier::Carrier,
	runtime::CtpDatabase,
	Hash, LOG_TARGET,
};
use author::LyingRules;
use block::{LyingFactory, LyingImport};
use jsonrpsee::{core::RegisterMethodError, RpcModule};
use parking_lot::Mutex;
use peer::{LyingServer, Serves};
use relay::LyingCarrier;
use sc_network::PeerId;
use sc_service::SpawnTaskHandle;
use spb_primitives::DatabaseDigest;
use std::{
	collections::HashMap,
	fmt::Display,
	sync::{
		atomic::{AtomicUsize, Ordering},
		Arc,
	},
};

/// What a hostile node does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Misbehaviour {
	/// Settles a CTP without an ERC
	SettleWithoutErc,
	/// Settles a CTP with the ERC of another one
	SettleWithErcOfAnother,
	/// Settles a CTP with an ERC that a meter of its own signed
	SettleWithOwnMeter,
	/// Adds a CTP whose meter proof was signed by a meter that no manufacturer has certified
	ForgeCoe,
	/// Adds CTPs that their vault does not cover together
	OvercommitVault,
	/// Names another database root than that of its database
	WrongRoot,
	/// Makes blocks without a seal
	NoSeal,
	/// Makes blocks with two seals
	TwoSeals,
	/// Keeps all sidecars to itself
	WithholdFromAll,
	/// Gives sidecars to the first peer that asks, and to no other
	WithholdFromAllButOne,
	/// Serves other bytes than it was asked for
	ServeWrongBytes,
	/// Serves databases without their last entries
	ServeWrongDatabase,
	/// Sends garbage to its peers, as requests and as answers
	SendGarbage,
	/// Carries no packet of the backbone, and says that it has taken it
	RelayDrops,
	/// Carries every packet of the backbone late
	RelayDelays,
	/// Carries every packet of the backbone three times
	RelayDuplicates,
	/// Carries every second packet of the backbone before the one that came before it
	RelayReorders,
	/// Changes every packet of the backbone: one part of one, another of the next
	RelayRewrites,
	/// Takes clients of the backbone on, and never answers those who send a packet or attach a key
	RelaySilentRpc,
}

/// What a hostile node has in mind.
#[derive(Default)]
struct Lies {
	/// What it is told to do, in the order in which it is tried.
	kinds: Vec<Misbehaviour>,
	/// What the header of the next own block says if the lie gets into it.
	planned: Mutex<Option<(DatabaseDigest, Misbehaviour)>>,
	/// Own blocks that are lies, by the hashes that they have before they are signed.
	blocks: Mutex<HashMap<Hash, Misbehaviour>>,
	/// The one peer that gets sidecars.
	favoured: Mutex<Option<PeerId>>,
	/// How many packets were reordered or rewritten.
	places: AtomicUsize,
}

impl Lies {
	/// Whether it is told to do this.
	fn include(&self, kind: Misbehaviour) -> bool {
		self.kinds.contains(&kind)
	}

	/// A number that no packet had before.
	fn next_place(&self) -> usize {
		self.places.fetch_add(1, Ordering::Relaxed)
	}

	/// Says that a lie was told.
	fn told(&self, kind: Misbehaviour, what: impl Display) {
		log::warn!(target: LOG_TARGET, "Misbehaviour {kind:?}: {what}");
	}
}

/// The conduct of a hostile node; by default it does as an honest one.
#[derive(Clone, Default)]
pub struct Hostile(Arc<Lies>);

impl Hostile {
	/// A node that misbehaves in these ways.
	pub fn new(kinds: Vec<Misbehaviour>) -> Self {
		Self(Arc::new(Lies { kinds, ..Default::default() }))
	}

	/// What prepares blocks on the chain with this genesis.
	pub fn rules(&self, rules: Arc<CtpDatabase>, genesis: Hash) -> Arc<LyingRules> {
		Arc::new(LyingRules { honest: rules, genesis, lies: self.0.clone() })
	}

	/// What makes proposers.
	pub fn proposers<F>(&self, factory: F) -> LyingFactory<F> {
		LyingFactory { honest: factory, lies: self.0.clone() }
	}

	/// What imports the node's own blocks.
	pub fn own_blocks<I, J, S, D, A>(
		&self,
		import: DatabaseImport<I, J, S, D, A>,
	) -> LyingImport<I, J, S, D, A> {
		LyingImport { honest: import, lies: self.0.clone() }
	}

	/// What serves sidecars.
	pub fn sidecars<A>(&self, server: A) -> LyingServer<A> {
		LyingServer { honest: server, serves: Serves::Sidecars, lies: self.0.clone() }
	}

	/// What serves databases.
	pub fn databases<A>(&self, server: A) -> LyingServer<A> {
		LyingServer { honest: server, serves: Serves::Databases, lies: self.0.clone() }
	}

	/// What carries packets of the backbone away from the node.
	pub fn relay(&self, carrier: Arc<dyn Carrier>, spawner: SpawnTaskHandle) -> Arc<LyingCarrier> {
		Arc::new(LyingCarrier::new(carrier, self.0.clone(), spawner))
	}

	/// What answers clients of the backbone.
	pub fn relay_calls<C: Send + Sync + 'static>(
		&self,
		calls: RpcModule<C>,
	) -> Result<RpcModule<C>, RegisterMethodError> {
		relay::silence(calls, &self.0)
	}

	/// What else it does with its peers.
	pub fn among(&self, peers: Arc<dyn Peers>, protocols: Protocols, spawner: SpawnTaskHandle) {
		if self.0.include(Misbehaviour::SendGarbage) {
			let pestering = peer::pester(peers, protocols, self.0.clone());
			spawner.spawn("spb-misbehaviour", Some("spb"), pestering);
		}
	}
}
