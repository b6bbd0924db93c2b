//! A node on a fast chain, with producers and consumers who are ready to trade.

use spb_client::{
	connection::{Connection, Head, Stall},
	trade::Order,
};
use spb_primitives::{units::SPB, BlockNumber, Energy, Money, OfferId, Parameters, Price};
use spb_testbed::{
	audit::Audit,
	community::Community,
	node::{Node, Options},
	specification::{self, FAST},
	Binary,
};
use std::{
	fs,
	hash::{DefaultHasher, Hash as _, Hasher as _},
	path::{Path, PathBuf},
};

/// What everyone begins with.
const MONEY: Money = Money::from_units(100 * SPB);
/// What a consumer sets aside.
pub const VAULT: Money = Money::from_units(5 * SPB);
/// What a producer offers.
pub const OFFERED: Energy = Energy::from_wh(10_000);
/// At which price: a tenth of an SPB for a kWh.
pub const PRICE: Price = Price::per_kwh(SPB / 10);
/// One-time keys of each meter.
const KEYS: u32 = 256;

/// The node's program; panics where it is missing, which fails the test.
pub fn node_program() -> PathBuf {
	Binary::Node.find().unwrap_or_else(|error| panic!("{error}"))
}

/// The specification of a development chain with a block every second and short lifetimes. It is
/// made once for a node's program, because that takes the node some seconds.
pub fn fast_chain(folder: &str) -> PathBuf {
	fast(folder, "dev")
}

/// The same for one of the node's chains.
pub fn fast(folder: &str, chain: &str) -> PathBuf {
	specify(folder, chain, Some(&FAST))
}

/// The specification of one of the node's chains, with other parameters if any are given; made once
/// for a node's program.
pub fn specify(folder: &str, chain: &str, parameters: Option<&Parameters>) -> PathBuf {
	let program = node_program();
	let metadata = fs::metadata(&program).unwrap();
	let mut hasher = DefaultHasher::new();
	let made = metadata.modified().unwrap();
	(&program, metadata.len(), made, format!("{parameters:?}")).hash(&mut hasher);
	let path = Path::new(folder).join(format!("{chain}-{:016x}.json", hasher.finish()));
	if !path.is_file() {
		fs::create_dir_all(folder).unwrap();
		// Another test may be making it too: each writes its own and the last one stays.
		let own = tempfile::NamedTempFile::new_in(folder).unwrap();
		specification::write(&program, chain, parameters, own.path()).unwrap();
		own.persist(&path).unwrap();
	}
	path
}

/// A node on a fast chain, and one producer and one consumer with a vault.
#[derive(Debug)]
pub struct Scene {
	/// The node.
	pub node: Node,
	/// The way to it.
	pub connection: Connection,
	/// The specification of its chain.
	pub chain: PathBuf,
	folder: tempfile::TempDir,
}

/// A producer (place 0) and a consumer (place 1).
#[derive(Debug)]
pub struct Pair {
	/// Both.
	pub community: Community,
	/// The producer's offer: [`OFFERED`] at [`PRICE`].
	pub offer: OfferId,
}

impl Scene {
	/// Starts a node; `folder` is where what tests share is kept.
	pub async fn set(folder: &str) -> Self {
		let chain = fast_chain(folder);
		Self::start(Options::development(node_program()).chain(&chain), chain).await
	}

	/// Starts a node on a chain with these parameters.
	pub async fn set_with(folder: &str, parameters: &Parameters) -> Self {
		let chain = specify(folder, "dev", Some(parameters));
		Self::start(Options::development(node_program()).chain(&chain), chain).await
	}

	/// Starts a node whose data stays in `base_path`.
	pub async fn set_on_disk(folder: &str, base_path: &Path) -> Self {
		Self::set_on_disk_with(folder, base_path, &[]).await
	}

	/// Starts a node whose data stays in `base_path`, with more arguments.
	pub async fn set_on_disk_with(folder: &str, base_path: &Path, arguments: &[&str]) -> Self {
		let chain = fast_chain(folder);
		let options = Options::development(node_program()).chain(&chain).base_path(base_path);
		let options = arguments.iter().fold(options, |options, more| options.argument(*more));
		Self::start(options, chain).await
	}

	/// Starts Alice of two validators. She makes blocks alone too; they become final when
	/// [`Self::bob`] runs.
	pub async fn set_of_two(folder: &str) -> Self {
		let chain = fast(folder, "local");
		let alice = Options::validator(node_program(), "alice").argument("--force-authoring");
		Self::start(alice.chain(&chain), chain).await
	}

	/// Starts Alice, one of three companies on a chain with these parameters that has no superuser. She
	/// makes blocks alone too, of which none becomes final.
	pub async fn set_of_companies(folder: &str, parameters: &Parameters) -> Self {
		let chain = specify(folder, "consortium", Some(parameters));
		let alice = Options::validator(node_program(), "alice").argument("--force-authoring");
		Self::start(alice.chain(&chain), chain).await
	}

	/// How to start the other validator of [`Self::set_of_two`].
	pub async fn bob(&self) -> Options {
		self.beside(Options::validator(node_program(), "bob")).await
	}

	/// How to start a node that follows.
	pub async fn follower(&self) -> Options {
		self.beside(Options::full(node_program())).await
	}

	/// A node beside this one, on its chain.
	pub async fn beside(&self, options: Options) -> Options {
		options.chain(&self.chain).bootnode(self.node.address().await.unwrap())
	}

	async fn start(options: Options, chain: PathBuf) -> Self {
		let node = Node::start(options).unwrap();
		let connection = node.connect().await.unwrap();
		Self { node, connection, chain, folder: tempfile::tempdir().unwrap() }
	}

	/// A folder that goes with the scene.
	pub fn folder(&self) -> &Path {
		self.folder.path()
	}

	/// A producer with an offer and a consumer with a vault, on accounts that belong to `label`.
	pub async fn pair(&self, label: &str) -> Pair {
		let folder = self.folder.path().join(label);
		let community =
			Community::found(self.connection.clone(), label, &[0, KEYS], &folder).await.unwrap();
		community.fund(&[MONEY, MONEY]).await.unwrap();
		let submitted = [
			community.open_with_burn(0).await.unwrap(),
			community.offer(0, OFFERED, PRICE).await.unwrap(),
			community.deposit(1, VAULT).await.unwrap(),
		];
		community.wait_for(&submitted).await.unwrap();
		let offer = community.offer_of(0).await.unwrap();
		Pair { community, offer }
	}

	/// Connects anew, after the node was started again.
	pub async fn reconnect(&mut self) {
		self.connection = self.node.connect().await.unwrap();
	}

	/// Waits until the best chain has a block of this number.
	pub async fn until(&self, number: BlockNumber) -> Head {
		let mut heads = self.connection.heads(Stall::default());
		loop {
			let head = heads.next().await.unwrap();
			if head.number >= number {
				return head;
			}
		}
	}

	/// Waits until a block of this number is final.
	pub async fn until_final(&self, number: BlockNumber) -> Head {
		let mut heads = self.connection.heads(Stall::default());
		loop {
			let finalized = self.connection.finalized().await.unwrap();
			if finalized.number >= number {
				return finalized;
			}
			heads.next().await.unwrap();
		}
	}

	/// Looks at every block there is: roots, seals, and that no message is in a body.
	pub async fn audit(&self) -> Audit {
		let mut audit = Audit::new(self.connection.clone());
		audit.advance(self.connection.best().await.unwrap()).await.unwrap();
		let findings = audit.findings();
		assert!(findings.blocks > 0);
		assert_eq!(findings.roots_equal, findings.blocks, "every header names the database's root");
		assert_eq!((findings.bad_seals, findings.messages_in_bodies), (0, 0));
		assert_eq!(findings.settled_twice, 0);
		assert!(findings.bytes_most <= 125, "{} bytes", findings.bytes_most);
		audit
	}
}

impl Pair {
	/// An order of the producer's energy, for this much money.
	pub fn order(&self, energy: u32, amount: Money, lifetime: BlockNumber) -> Order {
		Order {
			producer: self.community.participants[0].account(),
			offer: Some(self.offer),
			amount,
			energy: Energy::from_wh(energy),
			lifetime: Some(lifetime),
		}
	}

	/// What the consumer's vault holds.
	pub async fn held(&self) -> Money {
		let view = self.community.connection().best_view().await.unwrap();
		let owner = self.community.participants[1].account();
		view.vault_of(&owner).await.unwrap().expect("the consumer has a vault").held
	}

	/// What the producer still has on offer.
	pub async fn on_offer(&self) -> Energy {
		let view = self.community.connection().best_view().await.unwrap();
		view.offer(self.offer).await.unwrap().expect("the offer is open").available
	}
}

/// Tenths of an SPB.
pub fn tenths(tenths: u128) -> Money {
	Money::from_units(tenths * SPB / 10)
}
