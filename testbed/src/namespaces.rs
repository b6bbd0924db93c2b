//! Networks that can be cut: each node in a network namespace of its own, which a bridge joins to the
//! others, and a link of its own over which tests talk to it whatever becomes of the bridge.
//!
//! Making them takes root and `ip` of iproute2.

use std::{
	net::Ipv4Addr,
	path::Path,
	process::{self, Command},
	sync::atomic::{AtomicU32, Ordering},
};

/// Why the network is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum NamespaceError {
	/// `ip` cannot be run.
	#[error("cannot run `ip` ({0}): install iproute2")]
	NoIp(std::io::Error),
	/// `ip` refuses.
	#[error("`ip {command}` fails: {reason}; network namespaces take root and a kernel with them")]
	Refused {
		/// What was asked for.
		command: String,
		/// Why not.
		reason: String,
	},
}

/// Counts the networks of this process, so that each has names of its own.
static NETWORKS: AtomicU32 = AtomicU32::new(0);

/// A network namespace with an address among the nodes and one for those who talk to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Namespace {
	name: String,
	/// The end of its link to the bridge that is outside.
	port: String,
	/// The end of its link to those outside that is theirs.
	link: String,
	address: Ipv4Addr,
	control: Ipv4Addr,
}

impl Namespace {
	/// Its address among the nodes.
	pub fn address(&self) -> Ipv4Addr {
		self.address
	}

	/// Its address for those outside.
	pub fn control(&self) -> Ipv4Addr {
		self.control
	}

	/// Runs a program in it.
	pub fn command(&self, program: &Path) -> Command {
		let mut command = Command::new("ip");
		command.args(["netns", "exec", &self.name]).arg(program);
		command
	}
}

/// Namespaces on a bridge, and a second bridge to cut some of them off. They go when this does.
#[derive(Debug)]
pub struct Network<const N: usize> {
	bridges: [String; 2],
	namespaces: [Namespace; N],
}

impl<const N: usize> Network<N> {
	/// Makes it, all namespaces on one bridge.
	pub fn make() -> Result<Self, NamespaceError> {
		let number = NETWORKS.fetch_add(1, Ordering::Relaxed);
		// Names of interfaces have at most 15 letters.
		let label = format!("spb{}-{number}", process::id());
		let third = u8::try_from(process::id() % 250).unwrap_or_default();
		let namespaces = std::array::from_fn(|place| {
			let last = u8::try_from(place).unwrap_or(u8::MAX);
			Namespace {
				name: format!("{label}n{place}"),
				port: format!("{label}p{place}"),
				link: format!("{label}c{place}"),
				address: Ipv4Addr::new(10, 97, third, last.saturating_add(1)),
				control: Ipv4Addr::new(10, 98, third, last.saturating_mul(4).saturating_add(2)),
			}
		});
		let network = Self { bridges: [format!("{label}a"), format!("{label}b")], namespaces };
		for bridge in &network.bridges {
			ip(&format!("link add {bridge} type bridge"))?;
			ip(&format!("link set {bridge} up"))?;
		}
		for namespace in &network.namespaces {
			let Namespace { name, port, link, address, control } = namespace;
			let outside = outside(*control);
			ip(&format!("netns add {name}"))?;
			ip(&format!("-n {name} link set lo up"))?;
			ip(&format!("link add {port} type veth peer name nodes netns {name}"))?;
			ip(&format!("link set {port} master {} up", network.bridges[0]))?;
			ip(&format!("-n {name} addr add {address}/24 dev nodes"))?;
			ip(&format!("-n {name} link set nodes up"))?;
			ip(&format!("link add {link} type veth peer name control netns {name}"))?;
			ip(&format!("addr add {outside}/30 dev {link}"))?;
			ip(&format!("link set {link} up"))?;
			ip(&format!("-n {name} addr add {control}/30 dev control"))?;
			ip(&format!("-n {name} link set control up"))?;
		}
		Ok(network)
	}

	/// The namespaces, in order.
	pub fn namespaces(&self) -> &[Namespace; N] {
		&self.namespaces
	}

	/// Cuts these off from the others; among themselves they stay together.
	pub fn cut_off(&self, places: &[usize]) -> Result<(), NamespaceError> {
		self.move_to(1, places)
	}

	/// Joins all of them again.
	pub fn heal(&self) -> Result<(), NamespaceError> {
		let all: Vec<usize> = (0..N).collect();
		self.move_to(0, &all)
	}

	fn move_to(&self, bridge: usize, places: &[usize]) -> Result<(), NamespaceError> {
		for place in places {
			let port = &self.namespaces[*place].port;
			ip(&format!("link set {port} master {}", self.bridges[bridge]))?;
		}
		Ok(())
	}
}

impl<const N: usize> Drop for Network<N> {
	fn drop(&mut self) {
		// What was not made cannot be taken away. Sockets that have more to send keep a namespace, and
		// with it its links, for minutes: these go first.
		for Namespace { name, port, link, .. } in &self.namespaces {
			let _ = ip(&format!("link del {port}"));
			let _ = ip(&format!("link del {link}"));
			let _ = ip(&format!("netns del {name}"));
		}
		for bridge in &self.bridges {
			let _ = ip(&format!("link del {bridge}"));
		}
	}
}

/// The other end of a namespace's link for those outside.
fn outside(control: Ipv4Addr) -> Ipv4Addr {
	Ipv4Addr::from(u32::from(control) - 1)
}

fn ip(command: &str) -> Result<(), NamespaceError> {
	let output = Command::new("ip").args(command.split(' ')).output();
	let output = output.map_err(NamespaceError::NoIp)?;
	if output.status.success() {
		return Ok(());
	}
	let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
	Err(NamespaceError::Refused { command: command.to_owned(), reason })
}
