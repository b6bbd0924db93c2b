//! Four nodes that carry letters, and those who write over them with `spb`.

use crate::{
	cli::Cli,
	scene::{node_program, specify},
};
use serde_json::Value;
use spb_client::connection::Connection;
use spb_primitives::{
	relay::{ContactKey, ContactSecret},
	Parameters,
};
use spb_testbed::{
	node::Options,
	relay::{
		backbone::Backbone,
		correspondent::{key_of, Correspondent},
	},
};
use std::{
	fs,
	future::Future,
	path::{Path, PathBuf},
	time::Duration,
};

/// How long what is waited for may take on a loaded machine.
const LIMIT: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// Blocks of a second, as four nodes and many commands on one machine need them, and CTPs that live
/// long enough to be bargained over.
pub const UNHURRIED: Parameters = Parameters {
	min_lifetime: 2,
	max_lifetime: 400,
	grace: 4,
	evidence_window: 400,
	slot_duration: 1_000,
};

/// The manufacturers of development chains: their numbers and keys.
const MAKERS: [(&str, &str); 2] = [("1", "//One"), ("2", "//Two")];

/// A backbone and the folder that everyone's state is in.
#[derive(Debug)]
pub struct BackboneScene {
	/// The nodes. They go before the folder does.
	pub backbone: Backbone,
	folder: tempfile::TempDir,
}

impl BackboneScene {
	/// Starts four nodes that know each other; `folder` is where what tests share is kept.
	pub async fn set(folder: &str) -> Self {
		Self::set_with(folder, |_, options| options).await
	}

	/// The same, each node changed by `change`.
	pub async fn set_with(folder: &str, change: impl Fn(usize, Options) -> Options) -> Self {
		let chain = tokio::task::block_in_place(|| specify(folder, "fast", Some(&UNHURRIED)));
		let own = tempfile::tempdir().unwrap();
		let nodes = own.path().join("nodes");
		let program = node_program();
		// What becomes of each packet is a line of the log.
		let change =
			|place, options: Options| change(place, options.argument("-linfo,spb::relay=debug"));
		let backbone = Backbone::start(&program, &chain, &nodes, change).await.unwrap();
		Self { backbone, folder: own }
	}

	/// The way to a node.
	pub fn connection(&self, node: usize) -> &Connection {
		&self.backbone.connections[node]
	}

	/// A folder that goes with the scene.
	pub fn folder(&self) -> &Path {
		self.folder.path()
	}

	/// A file in that folder.
	pub fn file(&self, name: &str) -> String {
		self.folder.path().join(name).display().to_string()
	}

	/// Writes a file in that folder, and gives where it is.
	pub fn write(&self, name: &str, content: &Value) -> String {
		let path = self.folder.path().join(name);
		fs::write(&path, content.to_string()).unwrap();
		path.display().to_string()
	}

	/// `spb` over a node, with a state directory of this name.
	pub fn cli(&self, node: usize, name: &str) -> Cli {
		Cli::new(&self.backbone.nodes[node].url(), &self.directory(name))
	}

	/// The state directory of this name.
	pub fn directory(&self, name: &str) -> PathBuf {
		self.folder.path().join(name)
	}

	/// A fresh contact key that belongs to a node.
	pub fn key_of(&self, node: usize) -> ContactSecret {
		key_of(&self.backbone.listed[node], &self.backbone.listed).unwrap()
	}

	/// Someone with a fresh key, attached to the node that it belongs to.
	pub async fn correspondent(&self, node: usize) -> Correspondent {
		Correspondent::attach(self.connection(node), self.key_of(node)).await.unwrap()
	}

	/// The place of the node that a key belongs to.
	pub fn home(&self, key: &ContactKey) -> usize {
		self.backbone.home(key)
	}

	/// The lines of a node's log that have all of these texts.
	pub fn lines(&self, node: usize, texts: &[&str]) -> Vec<String> {
		let log = fs::read(self.backbone.nodes[node].log()).unwrap();
		let log = String::from_utf8_lossy(&log);
		let lines = log.lines().filter(|line| texts.iter().all(|text| line.contains(text)));
		lines.map(str::to_owned).collect()
	}

	/// Waits until a node's log has such a line.
	pub async fn until_line(&self, node: usize, texts: &[&str]) {
		let what = format!("node {node} has a line with {texts:?}");
		let look = || async { (!self.lines(node, texts).is_empty()).then_some(()) };
		self.until(&what, look).await;
	}

	/// Waits until something shows; panics where it takes too long.
	pub async fn until<T, L>(&self, what: &str, mut look: impl FnMut() -> L) -> T
	where
		L: Future<Output = Option<T>>,
	{
		let looking = async {
			let mut pace = tokio::time::interval(LOOK);
			loop {
				pace.tick().await;
				if let Some(found) = look().await {
					return found;
				}
			}
		};
		let looked = tokio::time::timeout(LIMIT, looking).await;
		looked.unwrap_or_else(|_| panic!("it is not so that {what}, after {} s", LIMIT.as_secs()))
	}
}

/// Makes a meter and has it certified by one of the two manufacturers.
pub async fn certified_meter(meter: &Cli, maker: usize) {
	let (number, uri) = MAKERS[maker % MAKERS.len()];
	meter.done(&["meter", "init"]).await;
	meter.development(uri).done(&["meter", "certify", "--manufacturer", number]).await;
}

/// Has a meter's tree signed by another meter, by files.
pub async fn sign_by_file(scene: &BackboneScene, meter: &Cli, signer: &Cli, leaves: &str) {
	let (request, coe) = (scene.file("request.json"), scene.file("coe.json"));
	meter.done(&["meter", "coe", "request", "--leaves", leaves, "--out", &request]).await;
	signer.done(&["meter", "coe", "sign", &request, "--out", &coe]).await;
	meter.done(&["meter", "coe", "import", &coe]).await;
	for file in [request, coe] {
		fs::remove_file(file).unwrap();
	}
}
