//! The network that everything is measured on: validators on one machine, each with its data on the
//! disk, and a follower at the producer's node.
//!
//! The consumer talks to the first validator, the producer to the last one, so that what one of them
//! learns of the other has gone through the network.

use super::{error::Result, follower::Follower, EvaluationError};
use crate::{
	node::Node,
	specification::{self, SpecificationError},
	validators::{self, Validators},
};
use futures::future::try_join_all;
use serde_json::{json, Value};
use spb_client::{
	connection::{Connection, Hash},
	tx::TxError,
};
use spb_primitives::{units::SPB, AccountId, Parameters};
use std::{
	ffi::OsStr,
	fs,
	path::{Path, PathBuf},
};
use tokio::sync::Semaphore;

/// The most validators that a network can have: the development keys of the chain that it is made of.
pub const MOST_VALIDATORS: usize = validators::NAMES.len();
/// What each account of the evaluation begins with.
const ENDOWMENT: u128 = 1_000 * SPB;
/// The chain whose specification is changed.
const CHAIN: &str = "fast";
/// Messages and transactions that the pool of a node takes, and their kibibytes: so many that what
/// is measured is the chain and not how the pool chooses what to drop.
const POOL: [(&str, &str); 2] = [("--pool-limit", "65536"), ("--pool-kbytes", "262144")];

/// Submissions on their way at once. So many keep the nodes busy; more would only queue elsewhere.
const AT_ONCE: usize = 64;
/// How many blocks a message waits for its place in the pool at the most.
const ATTEMPTS: u32 = 20;

/// What a network is like.
#[derive(Clone, Debug)]
pub struct Shape {
	/// The node's program.
	pub program: PathBuf,
	/// How many validators.
	pub validators: usize,
	/// Lifetimes and the slot's length.
	pub parameters: Parameters,
	/// Who has money at the beginning.
	pub accounts: Vec<AccountId>,
}

/// A running network. It goes with its data when it is dropped.
pub struct Network {
	/// Before the folder that the nodes write into.
	nodes: Vec<Node>,
	connections: Vec<Connection>,
	follower: Follower,
	parameters: Parameters,
	/// Bytes of an extrinsic with a seal that settles nothing.
	empty_seal: usize,
	turns: Semaphore,
	_folder: tempfile::TempDir,
}

/// How much of the machine a node takes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Taken {
	/// Bytes of memory (resident).
	pub memory: u64,
	/// Bytes of disk.
	pub disk: f64,
}

impl Network {
	/// Starts the nodes and waits until they make blocks that become final.
	pub async fn start(shape: &Shape) -> Result<Self> {
		let temporary = std::env::temp_dir();
		let folder = tempfile::tempdir().map_err(EvaluationError::file(temporary))?;
		let (given, place) = (shape.clone(), folder.path().to_owned());
		// Starting processes and waiting for their first words blocks.
		let started = tokio::task::spawn_blocking(move || launch(&given, &place)).await;
		let nodes = started.map_err(|_| EvaluationError::Interrupted)??;
		let mut connections = Vec::new();
		for node in &nodes {
			connections.push(node.connect().await?);
		}
		let watched = connections.last().ok_or(EvaluationError::Interrupted)?.clone();
		let follower = Follower::start(watched).await?;
		let first = follower.best();
		let last = first.saturating_add(2);
		follower.until_best(last).await?;
		follower.until_final(last).await?;
		let seals = follower.blocks(first, last).into_iter().map(|block| block.seal_bytes);
		let empty_seal = seals
			.min()
			.filter(|bytes| *bytes > 0)
			.ok_or_else(|| EvaluationError::Unexpected("the first blocks have no seal".into()))?;
		Ok(Self {
			nodes,
			connections,
			follower,
			parameters: shape.parameters,
			empty_seal,
			turns: Semaphore::new(AT_ONCE),
			_folder: folder,
		})
	}

	/// The node of a consumer that trades alone: another one than the producer's, where there is one.
	pub fn consumer(&self) -> &Connection {
		&self.connections[0]
	}

	/// The producer's node, which the follower looks at.
	pub fn producer(&self) -> &Connection {
		&self.connections[self.connections.len() - 1]
	}

	/// The node of the consumer with this number: where many trade, they are spread over all nodes.
	pub fn consumer_of(&self, number: usize) -> &Connection {
		&self.connections[number % self.connections.len()]
	}

	/// Hands an encoded extrinsic to a node's pool, in turn with others. A message whose place in the
	/// pool is still another's waits for it, as a meter does.
	pub async fn submit(&self, connection: &Connection, bytes: &[u8]) -> Result<Hash> {
		let mut attempts = 1;
		loop {
			// It is never closed.
			let turn = self.turns.acquire().await.map_err(|_| EvaluationError::Interrupted)?;
			let submitted = connection.submit_bytes(bytes).await;
			drop(turn);
			match submitted {
				Err(TxError::PlaceTaken) if attempts < ATTEMPTS => attempts += 1,
				other => return Ok(other?),
			}
			let next = self.follower.best().saturating_add(1);
			self.follower.until_best(next).await?;
		}
	}

	/// Hands messages to the nodes of their consumers, who are given by their numbers.
	pub async fn submit_all(&self, messages: &[(usize, &[u8])]) -> Result<()> {
		let submitted = messages
			.iter()
			.map(|(consumer, bytes)| self.submit(self.consumer_of(*consumer), bytes));
		try_join_all(submitted).await?;
		Ok(())
	}

	/// Bytes of an extrinsic with a seal that settles nothing.
	pub fn empty_seal(&self) -> usize {
		self.empty_seal
	}

	/// What is seen at the producer's node.
	pub fn follower(&self) -> &Follower {
		&self.follower
	}

	/// The nodes.
	pub fn nodes(&self) -> &[Node] {
		&self.nodes
	}

	/// Lifetimes and the slot's length.
	pub fn parameters(&self) -> &Parameters {
		&self.parameters
	}

	/// How much of the machine the producer's node takes; of the disk, as the node itself has found
	/// some seconds ago.
	pub async fn taken(&self) -> Result<Taken> {
		let node = &self.nodes[self.nodes.len() - 1];
		let disk = node.metrics().await?.sum("spb_disk_bytes");
		Ok(Taken { memory: memory_of(node.id())?, disk })
	}
}

fn launch(shape: &Shape, folder: &Path) -> Result<Vec<Node>> {
	let chain = folder.join("chain.json");
	write_specification(shape, &chain)?;
	let validators = Validators::prepare(&shape.program, &chain, folder)?;
	let mut nodes = Vec::new();
	for place in 0..shape.validators {
		let mut options = validators.options(place);
		for (name, value) in POOL {
			options = options.argument(name).argument(value);
		}
		if shape.validators == 1 {
			// Otherwise it waits for others.
			options = options.argument("--force-authoring");
		}
		nodes.push(Node::start(options)?);
	}
	Ok(nodes)
}

fn write_specification(shape: &Shape, path: &Path) -> Result<()> {
	let build = |chain: &OsStr, raw: bool| {
		let arguments: [&OsStr; 3] = ["--chain".as_ref(), chain, "--raw".as_ref()];
		specification::build(&shape.program, &arguments[..if raw { 3 } else { 2 }])
	};
	let plain = patch(&build(CHAIN.as_ref(), false)?, shape)?;
	fs::write(path, plain).map_err(EvaluationError::file(path))?;
	// Nodes start from a raw one in half the time.
	let raw = build(path.as_os_str(), true)?;
	fs::write(path, raw).map_err(EvaluationError::file(path))
}

/// With other parameters, with the first validators only, and with money for more accounts.
fn patch(specification: &[u8], shape: &Shape) -> Result<Vec<u8>, SpecificationError> {
	let malformed = |reason: String| SpecificationError::Malformed(reason);
	let mut specification: Value =
		serde_json::from_slice(specification).map_err(|error| malformed(error.to_string()))?;
	*place(&mut specification, "spb/parameters")? =
		serde_json::to_value(shape.parameters).map_err(|error| malformed(error.to_string()))?;
	list(&mut specification, "validators/validators")?.truncate(shape.validators);
	list(&mut specification, "session/keys")?.truncate(shape.validators);
	let endowed = shape.accounts.iter().map(|account| json!([account.to_string(), ENDOWMENT]));
	list(&mut specification, "balances/balances")?.extend(endowed);
	serde_json::to_vec(&specification).map_err(|error| malformed(error.to_string()))
}

/// What stands at this place of the chain's beginning.
fn place<'a>(
	specification: &'a mut Value,
	path: &str,
) -> Result<&'a mut Value, SpecificationError> {
	let path = format!("/genesis/runtimeGenesis/patch/{path}");
	let missing = || SpecificationError::Malformed(format!("there is no {path} in it"));
	specification.pointer_mut(&path).ok_or_else(missing)
}

fn list<'a>(
	specification: &'a mut Value,
	path: &str,
) -> Result<&'a mut Vec<Value>, SpecificationError> {
	let other = || SpecificationError::Malformed(format!("{path} is no list"));
	place(specification, path)?.as_array_mut().ok_or_else(other)
}

fn memory_of(process: u32) -> Result<u64> {
	let path = PathBuf::from(format!("/proc/{process}/status"));
	let status = fs::read_to_string(&path).map_err(EvaluationError::file(&path))?;
	resident(&status).ok_or_else(|| {
		EvaluationError::Unexpected(format!("there is no VmRSS in {}", path.display()))
	})
}

/// The resident memory in bytes, as the kernel's text about a process has it.
fn resident(status: &str) -> Option<u64> {
	let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
	let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
	kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
	use super::*;

	fn shape(validators: usize) -> Shape {
		Shape {
			program: "node".into(),
			validators,
			parameters: Parameters::DEVELOPMENT,
			accounts: vec![AccountId::new([7; 32])],
		}
	}

	#[test]
	fn a_specification_should_get_parameters_validators_and_accounts() {
		let patch_of =
			|specification: &Value| specification["genesis"]["runtimeGenesis"]["patch"].clone();
		let given = json!({ "genesis": { "runtimeGenesis": { "patch": {
			"balances": { "balances": [["a", 1]] },
			"session": { "keys": [1, 2, 3, 4] },
			"spb": { "parameters": {}, "manufacturers": [5] },
			"validators": { "validators": ["a", "b", "c", "d"] },
		} } } });
		let patched = patch(given.to_string().as_bytes(), &shape(2)).unwrap();
		let patched = patch_of(&serde_json::from_slice(&patched).unwrap());
		assert_eq!(patched["validators"]["validators"], json!(["a", "b"]));
		assert_eq!(patched["session"]["keys"], json!([1, 2]));
		assert_eq!(patched["spb"]["manufacturers"], json!([5]));
		assert_eq!(patched["spb"]["parameters"]["slotDuration"], json!(3_000));
		let account = AccountId::new([7; 32]).to_string();
		assert_eq!(patched["balances"]["balances"], json!([["a", 1], [account, 1_000 * SPB]]));
	}

	#[test]
	fn another_shape_of_specification_should_be_refused() {
		for bad in ["", "{}", r#"{"genesis":{"raw":{}}}"#] {
			let error = patch(bad.as_bytes(), &shape(1)).unwrap_err();
			assert!(matches!(error, SpecificationError::Malformed(_)), "{error}");
		}
	}

	#[test]
	fn memory_should_be_read_as_the_kernel_tells_it() {
		assert_eq!(resident("Name:\tx\nVmRSS:\t   12 kB\nThreads:\t1\n"), Some(12_288));
		assert_eq!(resident("Name:\tx\n"), None);
		assert!(memory_of(std::process::id()).unwrap() > 0);
	}
}
