//! Validators that know each other, wherever they are started again: each has an identity and an
//! address of its own, which the others have as a boot node.

use crate::{
	namespaces::Namespace,
	node::{multiaddress, Node, NodeError, Options},
};
use std::{
	fs, io,
	net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
	path::{Path, PathBuf},
	process::Command,
};

/// Those who validate the `fast` chain, in order.
pub const NAMES: [&str; 4] = ["alice", "bob", "charlie", "dave"];

/// Why there are no validators.
#[derive(Debug, thiserror::Error)]
pub enum ValidatorsError {
	/// A folder or a file.
	#[error("cannot prepare {}: {source}", path.display())]
	Prepare {
		/// Which.
		path: PathBuf,
		/// Why.
		source: io::Error,
	},
	/// There is no free port.
	#[error("no free port: {0}")]
	NoPort(io::Error),
	/// The node does not tell the identity that belongs to a key.
	#[error("`spb-node key inspect-node-key` fails: {0}")]
	NoIdentity(String),
	/// A node.
	#[error(transparent)]
	Node(#[from] NodeError),
}

/// Where a validator is and who it is.
#[derive(Clone, Debug)]
struct Member {
	/// The key of its identity, in hexadecimal digits.
	key: String,
	identity: String,
	listen: SocketAddr,
	rpc: u16,
	metrics: u16,
	namespace: Option<Namespace>,
	folder: PathBuf,
}

/// Validators of one chain, and how to start each of them.
#[derive(Clone, Debug)]
pub struct Validators {
	program: PathBuf,
	chain: PathBuf,
	members: Vec<Member>,
}

impl Validators {
	/// Prepares all of [`NAMES`] on this machine's own network; their data will be below `folder`.
	pub fn prepare(program: &Path, chain: &Path, folder: &Path) -> Result<Self, ValidatorsError> {
		let places = NAMES.map(|_| (IpAddr::V4(Ipv4Addr::LOCALHOST), None));
		Self::at(program, chain, folder, places)
	}

	/// The same, each in a network namespace.
	pub fn prepare_inside(
		program: &Path,
		chain: &Path,
		folder: &Path,
		namespaces: &[Namespace; NAMES.len()],
	) -> Result<Self, ValidatorsError> {
		let places =
			namespaces.clone().map(|namespace| (IpAddr::V4(namespace.address()), Some(namespace)));
		Self::at(program, chain, folder, places)
	}

	fn at(
		program: &Path,
		chain: &Path,
		folder: &Path,
		places: [(IpAddr, Option<Namespace>); NAMES.len()],
	) -> Result<Self, ValidatorsError> {
		// Bound together, so that no port is given out twice.
		let ports: Vec<[TcpListener; 3]> = NAMES
			.iter()
			.map(|_| Ok([free_port()?, free_port()?, free_port()?]))
			.collect::<io::Result<_>>()
			.map_err(ValidatorsError::NoPort)?;
		let mut members = Vec::new();
		for ((place, (ip, namespace)), ports) in places.into_iter().enumerate().zip(&ports) {
			let mut numbers = [0; 3];
			for (number, port) in numbers.iter_mut().zip(ports) {
				*number = port.local_addr().map_err(ValidatorsError::NoPort)?.port();
			}
			// A key that is worth nothing; the identity must only stay the same.
			let key = format!("{:064x}", place + 1);
			members.push(Member {
				identity: identity(program, folder, &key)?,
				key,
				listen: SocketAddr::new(ip, numbers[0]),
				rpc: numbers[1],
				metrics: numbers[2],
				namespace,
				folder: folder.join(NAMES[place]),
			});
		}
		Ok(Self { program: program.to_owned(), chain: chain.to_owned(), members })
	}

	/// How to start one of them.
	pub fn options(&self, place: usize) -> Options {
		let member = &self.members[place];
		let mut options = Options::validator(&self.program, NAMES[place])
			.chain(&self.chain)
			.base_path(&member.folder)
			.listen(member.listen)
			.rpc(member.rpc)
			.metrics(member.metrics)
			.argument("--node-key")
			.argument(&member.key);
		if let Some(namespace) = &member.namespace {
			options = options.inside(namespace.clone());
		}
		let others = self.members.iter().enumerate().filter(|(other, _)| *other != place);
		others.fold(options, |options, (_, other)| {
			let address = multiaddress(other.listen);
			options.bootnode(format!("{address}/p2p/{}", other.identity))
		})
	}

	/// Starts one of them.
	pub fn start(&self, place: usize) -> Result<Node, ValidatorsError> {
		Ok(Node::start(self.options(place))?)
	}

	/// Where one of them keeps its data.
	pub fn folder(&self, place: usize) -> &Path {
		&self.members[place].folder
	}
}

fn free_port() -> io::Result<TcpListener> {
	TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
}

/// By which name others know the node with this key.
fn identity(program: &Path, folder: &Path, key: &str) -> Result<String, ValidatorsError> {
	let prepare = |path: &Path| {
		let path = path.to_owned();
		move |source| ValidatorsError::Prepare { path, source }
	};
	fs::create_dir_all(folder).map_err(prepare(folder))?;
	let file = folder.join("node-key");
	fs::write(&file, key).map_err(prepare(&file))?;
	let mut command = Command::new(program);
	command.args(["key", "inspect-node-key", "--file"]).arg(&file);
	let output =
		command.output().map_err(|error| ValidatorsError::NoIdentity(error.to_string()))?;
	let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
	if !output.status.success() {
		return Err(ValidatorsError::NoIdentity(text(&output.stderr)));
	}
	Ok(text(&output.stdout))
}
