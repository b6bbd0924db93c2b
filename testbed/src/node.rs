//! A real `spb-node` process under guard.
//!
//! A node listens on ports that the system chose, says in its log when it does, and is killed when
//! its guard is dropped. If that happens in a panic, the last lines of its log are shown.

use crate::{
	metrics::{Metrics, MetricsError},
	namespaces::Namespace,
	process::{open_log, Guarded, NoLine},
};
use spb_client::connection::{Connection, ConnectionError, Patience};
use std::{
	ffi::OsString,
	io,
	net::{IpAddr, Ipv4Addr, SocketAddr},
	path::{Path, PathBuf},
	process::{Command, ExitStatus},
	time::Duration,
};
use subxt::rpcs::client::RpcParams;

/// How long a node may take to start on a loaded machine.
const START: Duration = Duration::from_secs(180);
/// How long a node may take to stop.
const STOP: Duration = Duration::from_secs(60);
/// How long a process may take to be gone after it has closed its output.
const END: Duration = Duration::from_secs(5);
/// How a line of the log begins that says where the node listens, after its time.
const LISTENING: &str = "Running JSON-RPC server: addr=";

/// What goes wrong with a node.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
	/// Its folder or its log cannot be made.
	#[error("cannot prepare {}: {source}", path.display())]
	Prepare {
		/// What was to be made.
		path: PathBuf,
		/// Why it could not be.
		source: io::Error,
	},
	/// The program cannot be run.
	#[error("cannot run {}: {source}", program.display())]
	Run {
		/// The program.
		program: PathBuf,
		/// Why.
		source: io::Error,
	},
	/// The node ended before it listened.
	#[error("the node ended before it answered ({how}); its last words:\n{tail}")]
	Ended {
		/// By which code or by which signal; one that a signal ended says nothing itself.
		how: String,
		/// The end of its log.
		tail: String,
	},
	/// The node does not listen.
	#[error("the node does not answer after {} seconds; its last words:\n{tail}", START.as_secs())]
	Silent {
		/// The end of its log.
		tail: String,
	},
	/// The process cannot be stopped.
	#[error("cannot stop the node: {0}")]
	Stop(io::Error),
	/// The node listens but does not talk.
	#[error(transparent)]
	Connection(#[from] ConnectionError),
	/// Its metrics cannot be read.
	#[error(transparent)]
	Metrics(#[from] MetricsError),
	/// It was started without metrics.
	#[error("the node has no metrics: start it with Options::metrics")]
	NoMetrics,
}

/// What a node does for its chain.
#[derive(Clone, Debug)]
enum Role {
	/// All of it, alone.
	Development,
	/// It makes blocks and votes, by the development keys of this name.
	Validator(&'static str),
	/// It follows.
	Full,
}

/// How to run a node.
#[derive(Clone, Debug)]
pub struct Options {
	program: PathBuf,
	role: Role,
	chain: Option<PathBuf>,
	base_path: Option<PathBuf>,
	log: Option<PathBuf>,
	listen: SocketAddr,
	/// 0 for one that the system chooses.
	rpc: u16,
	metrics: Option<u16>,
	namespace: Option<Namespace>,
	environment: Vec<(OsString, OsString)>,
	arguments: Vec<OsString>,
}

impl Options {
	/// One validator for development, its data in memory or in a folder that goes with it.
	pub fn development(program: impl Into<PathBuf>) -> Self {
		Self::of(program.into(), Role::Development)
	}

	/// One validator among others, by the development keys of this name (`alice`, `bob`).
	pub fn validator(program: impl Into<PathBuf>, name: &'static str) -> Self {
		Self::of(program.into(), Role::Validator(name))
	}

	/// A node that follows others.
	pub fn full(program: impl Into<PathBuf>) -> Self {
		Self::of(program.into(), Role::Full)
	}

	fn of(program: PathBuf, role: Role) -> Self {
		Self {
			program,
			role,
			chain: None,
			base_path: None,
			log: None,
			listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
			rpc: 0,
			metrics: None,
			namespace: None,
			environment: Vec::new(),
			arguments: Vec::new(),
		}
	}

	/// By another program that takes the same arguments.
	#[must_use]
	pub fn program(mut self, program: impl Into<PathBuf>) -> Self {
		self.program = program.into();
		self
	}

	/// On the chain of this specification.
	#[must_use]
	pub fn chain(mut self, specification: impl Into<PathBuf>) -> Self {
		self.chain = Some(specification.into());
		self
	}

	/// With its data in this folder, which stays.
	#[must_use]
	pub fn base_path(mut self, folder: impl Into<PathBuf>) -> Self {
		self.base_path = Some(folder.into());
		self
	}

	/// With its log in this file.
	#[must_use]
	pub fn log(mut self, file: impl Into<PathBuf>) -> Self {
		self.log = Some(file.into());
		self
	}

	/// With this node to find others by.
	#[must_use]
	pub fn bootnode(self, address: impl Into<OsString>) -> Self {
		self.argument("--bootnodes").argument(address)
	}

	/// Reached by other nodes at this address, and not at one that the system chose.
	#[must_use]
	pub fn listen(mut self, address: SocketAddr) -> Self {
		self.listen = address;
		self
	}

	/// Asked at this port, and not at one that the system chose.
	#[must_use]
	pub fn rpc(mut self, port: u16) -> Self {
		self.rpc = port;
		self
	}

	/// With its metrics at this port.
	#[must_use]
	pub fn metrics(mut self, port: u16) -> Self {
		self.metrics = Some(port);
		self
	}

	/// In a network namespace of its own.
	#[must_use]
	pub fn inside(mut self, namespace: Namespace) -> Self {
		self.namespace = Some(namespace);
		self
	}

	/// With this variable in its environment.
	#[must_use]
	pub fn environment(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
		self.environment.push((name.into(), value.into()));
		self
	}

	/// With one more argument.
	#[must_use]
	pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
		self.arguments.push(argument.into());
		self
	}
}

/// A running node. Dropping it kills the process.
#[derive(Debug)]
pub struct Node {
	options: Options,
	/// Goes before the folder below does.
	process: Guarded,
	/// Where a node without a base path keeps its data, and the log unless it was named.
	scratch: tempfile::TempDir,
	address: SocketAddr,
}

impl Node {
	/// Starts a node and waits until it listens.
	pub fn start(options: Options) -> Result<Self, NodeError> {
		let scratch = tempfile::tempdir()
			.map_err(|source| NodeError::Prepare { path: std::env::temp_dir(), source })?;
		let (process, address) = launch(&options, scratch.path(), options.rpc)?;
		Ok(Self { options, process, scratch, address })
	}

	/// Where it listens.
	pub fn url(&self) -> String {
		format!("ws://{}", self.address)
	}

	/// Connects to it.
	pub async fn connect(&self) -> Result<Connection, NodeError> {
		Ok(Connection::open(&self.url(), Patience(START)).await?)
	}

	/// Where other nodes reach it, its identity included.
	pub async fn address(&self) -> Result<String, NodeError> {
		let connection = self.connect().await?;
		let addresses: Vec<String> =
			connection.request("system_localListenAddresses", RpcParams::new()).await?;
		addresses.into_iter().next().ok_or_else(|| NodeError::Silent { tail: self.tail() })
	}

	/// What it counts of itself.
	pub async fn metrics(&self) -> Result<Metrics, NodeError> {
		let port = self.options.metrics.ok_or(NodeError::NoMetrics)?;
		Ok(Metrics::fetch(SocketAddr::new(self.address.ip(), port)).await?)
	}

	/// The process's number; another one after each start.
	pub fn id(&self) -> u32 {
		self.process.id()
	}

	/// Its log.
	pub fn log(&self) -> PathBuf {
		log_of(&self.options, self.scratch.path())
	}

	/// The last lines of its log.
	pub fn tail(&self) -> String {
		self.process.tail()
	}

	/// Asks it to stop and waits until it is gone.
	pub fn stop(&mut self) -> Result<(), NodeError> {
		self.process.stop(STOP).map(drop).map_err(NodeError::Stop)
	}

	/// Kills it on the spot, as a power cut would, and waits until it is gone.
	pub fn kill(&mut self) -> Result<ExitStatus, NodeError> {
		self.process.kill().map_err(NodeError::Stop)
	}

	/// How it ended, if it has.
	pub fn ended(&mut self) -> Result<Option<ExitStatus>, NodeError> {
		self.process.ended().map_err(NodeError::Stop)
	}

	/// Takes the processor from it, until [`Self::resume`].
	pub fn pause(&self) -> Result<(), NodeError> {
		self.process.pause().map_err(NodeError::Stop)
	}

	/// Lets it go on.
	pub fn resume(&self) -> Result<(), NodeError> {
		self.process.resume().map_err(NodeError::Stop)
	}

	/// Stops it, unless it is gone, and starts it again, on the same port if that is free.
	pub fn restart(&mut self) -> Result<(), NodeError> {
		self.stop()?;
		let (process, address) = launch(&self.options, self.scratch.path(), self.address.port())?;
		(self.process, self.address) = (process, address);
		Ok(())
	}
}

impl Drop for Node {
	fn drop(&mut self) {
		if std::thread::panicking() {
			eprintln!("--- the last lines of {}\n{}", self.log().display(), self.tail());
		}
	}
}

/// Starts nodes side by side, and waits until all of them listen.
pub fn start_all(options: Vec<Options>) -> Result<Vec<Node>, NodeError> {
	std::thread::scope(|scope| {
		let starting: Vec<_> =
			options.into_iter().map(|options| scope.spawn(|| Node::start(options))).collect();
		let started = starting.into_iter().map(|node| match node.join() {
			Ok(node) => node,
			Err(panic) => std::panic::resume_unwind(panic),
		});
		// All are joined before the first that failed is told.
		started.collect::<Vec<_>>().into_iter().collect()
	})
}

fn log_of(options: &Options, scratch: &Path) -> PathBuf {
	options.log.clone().unwrap_or_else(|| scratch.join("node.log"))
}

fn launch(
	options: &Options,
	scratch: &Path,
	port: u16,
) -> Result<(Guarded, SocketAddr), NodeError> {
	let log = log_of(options, scratch);
	let file = open_log(&log).map_err(|source| NodeError::Prepare { path: log, source })?;
	let mut command = match &options.namespace {
		Some(namespace) => namespace.command(&options.program),
		None => Command::new(&options.program),
	};
	match options.role {
		Role::Development => command.arg("--dev"),
		// Without this, a validator does not make the key that others know it by.
		Role::Validator(name) => {
			command.arg(format!("--{name}")).arg("--unsafe-force-node-key-generation")
		},
		Role::Full => &mut command,
	};
	// What `--dev` does for a node that has no folder of its own.
	if options.base_path.is_none() && !matches!(options.role, Role::Development) {
		command.arg("--tmp");
	}
	command
		.args(["--rpc-port", &port.to_string()])
		.args(["--listen-addr", &multiaddress(options.listen)])
		.args(["--no-mdns", "--no-telemetry"])
		// The line that says where it listens is of the level that is the default.
		.env_remove("RUST_LOG")
		.envs(options.environment.iter().map(|(name, value)| (name, value)))
		// A node that is killed leaves its folder behind; this one goes with the guard.
		.env("TMPDIR", scratch);
	match options.metrics {
		Some(port) => command.args(["--prometheus-port", &port.to_string()]),
		None => command.arg("--no-prometheus"),
	};
	if options.namespace.is_some() {
		// Whoever talks to it is outside, and calls it by another address than it knows.
		command.args(["--unsafe-rpc-external", "--rpc-cors", "all", "--prometheus-external"]);
	}
	if let Some(chain) = &options.chain {
		command.arg("--chain").arg(chain);
	}
	if let Some(base_path) = &options.base_path {
		command.arg("--base-path").arg(base_path);
	}
	command.args(&options.arguments);
	let mut process = Guarded::start(&mut command, file)
		.map_err(|source| NodeError::Run { program: options.program.clone(), source })?;
	match process.wait_for_line(START, listening) {
		Ok(mut address) => {
			if let Some(namespace) = &options.namespace {
				address.set_ip(IpAddr::V4(namespace.control()));
			}
			Ok((process, address))
		},
		Err(NoLine::Ended) => {
			let ended = process.end(END).map_err(NodeError::Stop)?;
			let how = ended.map_or("it goes on without output".into(), |status| status.to_string());
			Err(NodeError::Ended { how, tail: process.tail() })
		},
		Err(NoLine::TimedOut) => Err(NodeError::Silent { tail: process.tail() }),
	}
}

/// An address as nodes write it.
pub(crate) fn multiaddress(address: SocketAddr) -> String {
	let kind = if address.is_ipv4() { "ip4" } else { "ip6" };
	format!("/{kind}/{}/tcp/{}", address.ip(), address.port())
}

/// Where the node listens, if this line of its log says so.
fn listening(line: &str) -> Option<SocketAddr> {
	let (_, addresses) = line.split_once(LISTENING)?;
	let mut addresses = addresses.split(',').filter_map(|address| address.trim().parse().ok());
	addresses.find(SocketAddr::is_ipv4)
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_address_should_be_read_from_the_log() {
		let line =
			"2026-11-23 03:35:09 Running JSON-RPC server: addr=127.0.0.1:40033,[::1]:40329    ";
		assert_eq!(listening(line).unwrap().to_string(), "127.0.0.1:40033");
		let line = "2026-11-23 03:35:09 Running JSON-RPC server: addr=127.0.0.1:40033,";
		assert_eq!(listening(line).unwrap().port(), 40033);
		assert_eq!(listening("2026-11-23 03:35:09 Highest known block at #0"), None);
	}

	#[test]
	fn a_program_that_ends_should_be_told_with_its_last_words() {
		let dir = tempfile::tempdir().unwrap();
		let program = dir.path().join("node");
		std::fs::write(&program, "#!/bin/sh\necho out of luck >&2\nexit 1\n").unwrap();
		let mut permissions = std::fs::metadata(&program).unwrap().permissions();
		std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
		std::fs::set_permissions(&program, permissions).unwrap();
		let error = Node::start(Options::development(&program)).unwrap_err();
		let NodeError::Ended { how, tail } = &error else { panic!("{error}") };
		assert_eq!((how.as_str(), tail.as_str()), ("exit status: 1", "out of luck"));
		let error = Node::start(Options::development(dir.path().join("none"))).unwrap_err();
		assert!(matches!(error, NodeError::Run { .. }), "{error}");
	}
}
