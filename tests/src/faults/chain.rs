//! Four validators under load.

use super::{
	load::{Load, Made, Market},
	report,
	watch::Watch,
	Failure, Result, Trial,
};
use crate::scene::{node_program, specify};
use spb_client::connection::{Connection, Head};
use spb_primitives::{relay::ContactKey, BlockNumber, Parameters};
use spb_testbed::{
	audit::Audit,
	money::Money,
	namespaces::Namespace,
	node::{start_all, Options},
	validators::NAMES,
	Node, Validators,
};
use std::{
	collections::BTreeSet, fs, io, os::unix::process::ExitStatusExt, path::PathBuf, sync::Arc,
	time::Duration,
};
use subxt::config::substrate::DigestItem;
use tokio::{
	sync::Mutex,
	task::{block_in_place, JoinHandle},
	time::timeout,
};

/// The chain whose preset has four validators.
const CHAIN: &str = "fast";
/// Between two looks at nodes that are waited for.
pub(super) const LOOK: Duration = Duration::from_millis(100);
/// How long nodes may take to agree after a fault or an attack.
pub(super) const AGREEMENT: Duration = Duration::from_secs(300);
/// By which name blocks know what makes them.
const AURA: [u8; 4] = *b"aura";
/// Consumers of the load.
const CONSUMERS: usize = 4;

/// Changes how a validator is started.
type Change = Box<dyn Fn(Options) -> Options + Send + Sync>;

/// How to set up a chain.
#[derive(Default)]
pub struct Setup {
	parameters: Option<Parameters>,
	namespaces: Option<[Namespace; NAMES.len()]>,
	changes: Vec<(usize, Change)>,
	hostile: BTreeSet<usize>,
	away: BTreeSet<usize>,
	stands_still: bool,
}

impl Setup {
	/// Four honest validators on the `fast` preset.
	pub fn fast() -> Self {
		Self::default()
	}

	/// With other parameters than the preset's.
	#[must_use]
	pub fn parameters(mut self, parameters: Parameters) -> Self {
		self.parameters = Some(parameters);
		self
	}

	/// Each validator in a network namespace of its own.
	#[must_use]
	pub fn inside(mut self, namespaces: &[Namespace; NAMES.len()]) -> Self {
		self.namespaces = Some(namespaces.clone());
		self
	}

	/// With a validator that is started in another way.
	#[must_use]
	pub fn change(
		mut self,
		place: usize,
		change: impl Fn(Options) -> Options + Send + Sync + 'static,
	) -> Self {
		self.changes.push((place, Box::new(change)));
		self
	}

	/// With validators that will be away for a while, or lose what they have: of that time they need not
	/// have the databases. All others must have every one.
	#[must_use]
	pub fn away(mut self, places: &[usize]) -> Self {
		self.away.extend(places);
		self
	}

	/// With a fault in which the chain stands still, so that nothing settles before it is over.
	#[must_use]
	pub fn stands_still(mut self) -> Self {
		self.stands_still = true;
		self
	}

	/// With a validator that cheats, and how that one is started: nothing is expected of it.
	#[must_use]
	pub fn hostile(
		mut self,
		place: usize,
		change: impl Fn(Options) -> Options + Send + Sync + 'static,
	) -> Self {
		self.hostile.insert(place);
		self.change(place, change)
	}
}

/// What there was when a fault or an attack began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Disturbed {
	/// The last final block of the first honest node.
	pub(super) at: BlockNumber,
	/// CTPs open after it.
	pub(super) open: u32,
}

/// Looks at all blocks of one node as they become final.
#[derive(Debug)]
pub(super) struct Witness {
	pub(super) audit: Arc<Mutex<Audit>>,
	pub(super) looking: JoinHandle<()>,
}

impl Witness {
	fn begin(connection: Connection, pace: Duration) -> Self {
		let audit = Arc::new(Mutex::new(Audit::new(connection.clone())));
		let shared = audit.clone();
		let looking = tokio::spawn(async move {
			let mut pace = tokio::time::interval(pace);
			loop {
				pace.tick().await;
				if let Ok(finalized) = connection.finalized().await {
					// What fails now is tried again, and in the end it must not fail.
					let _ = shared.lock().await.advance(finalized).await;
				}
			}
		});
		Self { audit, looking }
	}
}

impl Drop for Witness {
	fn drop(&mut self) {
		self.looking.abort();
	}
}

/// Where the validators' data is, in folders of their names.
pub fn data(trial: &Trial) -> PathBuf {
	trial.folder().join("nodes")
}

/// Four validators, those who trade on their chain, and those who look on.
#[derive(Debug)]
pub struct Chain {
	/// The validators: Alice, Bob, Charlie and Dave.
	pub nodes: Vec<Node>,
	/// The way to each.
	pub connections: Vec<Connection>,
	/// How to start each.
	pub validators: Validators,
	/// Lifetimes and the like.
	pub parameters: Parameters,
	/// Those who trade. What they trade beside the load belongs into [`Self::made`].
	pub markets: Vec<Market>,
	/// CTPs that were made beside the load.
	pub made: Vec<Made>,
	pub(super) honest: Vec<usize>,
	pub(super) away: BTreeSet<usize>,
	pub(super) stands_still: bool,
	/// Where the fault or the attack began under a load.
	pub(super) disturbed: Option<Disturbed>,
	pub(super) beginning: Money,
	pub(super) watches: Vec<Watch>,
	pub(super) witness: Witness,
	pub(super) load: Option<Load>,
}

impl Chain {
	/// Starts the validators and waits until blocks become final on all honest ones.
	pub async fn start(trial: &Trial, setup: Setup) -> Result<Self> {
		let folder = trial.shared().to_string_lossy().into_owned();
		let chain = block_in_place(|| specify(&folder, CHAIN, setup.parameters.as_ref()));
		let data = data(trial);
		let validators = match &setup.namespaces {
			None => Validators::prepare(&node_program(), &chain, &data)?,
			Some(namespaces) => {
				Validators::prepare_inside(&node_program(), &chain, &data, namespaces)?
			},
		};
		let logs = logs(trial.outcome.name)?;
		let options = (0..NAMES.len()).map(|place| {
			let options = validators.options(place).log(logs.join(format!("{}.log", NAMES[place])));
			let changes = setup.changes.iter().filter(|(changed, _)| *changed == place);
			changes.fold(options, |options, (_, change)| change(options))
		});
		let options: Vec<Options> = options.collect();
		let nodes = block_in_place(|| start_all(options))?;
		let mut connections = Vec::new();
		for node in &nodes {
			connections.push(node.connect().await?);
		}
		let honest: Vec<usize> =
			(0..nodes.len()).filter(|place| !setup.hostile.contains(place)).collect();
		let first = &connections[honest[0]];
		let genesis = first.view(Head { number: 0, hash: first.genesis() }).await?;
		let (beginning, parameters) = (Money::at(&genesis).await?, genesis.parameters().await?);
		let watches = honest.iter().map(|place| Watch::begin(connections[*place].clone()));
		let watches = watches.collect();
		let slot = Duration::from_millis(parameters.slot_duration);
		let witness = Witness::begin(first.clone(), slot);
		let chain = Self {
			nodes,
			connections,
			validators,
			parameters,
			markets: Vec::new(),
			made: Vec::new(),
			honest,
			away: setup.away,
			stands_still: setup.stands_still,
			disturbed: None,
			beginning,
			watches,
			witness,
			load: None,
		};
		chain.until_final(&chain.honest, 1).await?;
		trial.say("four validators have a final block");
		Ok(chain)
	}

	/// The places of the honest validators.
	pub fn honest(&self) -> &[usize] {
		&self.honest
	}

	/// Opens a market and has its consumers trade over all honest nodes until the scenario ends.
	pub async fn trade(&mut self, trial: &Trial) -> Result<()> {
		let label = format!("load{}", self.markets.len());
		self.open_market(trial, &label, 1, CONSUMERS).await?;
		let nodes: Vec<&Node> = self.honest.iter().map(|place| &self.nodes[*place]).collect();
		let market = &self.markets[self.markets.len() - 1];
		self.load = Some(Load::begin(market, &nodes, self.parameters).await?);
		trial.say(format!("{CONSUMERS} consumers trade over all honest nodes"));
		Ok(())
	}

	/// Has the consumers open no more CTPs and waits until all of theirs are over.
	pub async fn rest(&mut self, trial: &Trial) -> Result<()> {
		let Some(load) = self.load.take() else { return Ok(()) };
		let traded = load.finish().await?;
		for (trouble, count) in &traded.trouble {
			trial.say(format!("trouble of traders ({count} times): {trouble}"));
		}
		self.made.extend(traded.made);
		Ok(())
	}

	/// Waits until CTPs of the load are open, and notes that the fault or the attack begins now.
	pub async fn disturb(&mut self, trial: &Trial) -> Result<()> {
		let first = &self.connections[self.honest[0]];
		let waiting = async {
			let mut pace = tokio::time::interval(LOOK);
			loop {
				pace.tick().await;
				let head = first.finalized().await?;
				let open = first.database(Some(head.hash)).await?.open;
				if open > 0 {
					return Ok::<_, Failure>(Disturbed { at: head.number, open });
				}
			}
		};
		let begun = timeout(AGREEMENT, waiting).await.map_err(|_| "no CTP was opened")??;
		trial.say(format!("{} CTPs are open after block {}", begun.open, begun.at));
		self.disturbed = Some(begun);
		Ok(())
	}

	/// Opens a market whose books are looked at in the end.
	pub async fn open_market(
		&mut self,
		trial: &Trial,
		label: &str,
		producers: usize,
		consumers: usize,
	) -> Result<&Market> {
		let first = &self.connections[self.honest[0]];
		let market = Market::open(first, label, producers, consumers, trial.folder()).await?;
		self.markets.push(market);
		Ok(&self.markets[self.markets.len() - 1])
	}

	/// Opens a market of one producer, who bargains over this contact key, and one consumer; their
	/// state is in folders `0` and `1` below `label` in the trial's.
	pub async fn open_negotiable(
		&mut self,
		trial: &Trial,
		label: &str,
		contact: ContactKey,
	) -> Result<Market> {
		let first = &self.connections[self.honest[0]];
		let market = Market::open_negotiable(first, label, trial.folder(), contact).await?;
		self.markets.push(market.clone());
		Ok(market)
	}

	/// Kills a validator on the spot, and says by which signal it ended.
	pub fn kill(&mut self, place: usize) -> Result<Option<i32>> {
		Ok(block_in_place(|| self.nodes[place].kill())?.signal())
	}

	/// Starts a validator again where it was.
	pub fn restart(&mut self, place: usize) -> Result<()> {
		let node = &mut self.nodes[place];
		let before = node.url();
		block_in_place(|| node.restart())?;
		if node.url() == before {
			return Ok(());
		}
		Err(format!("{} was at {before} and came back at {}", NAMES[place], node.url()).into())
	}

	/// Takes everything from a validator that is not running any more, and starts it again, changed if
	/// asked for.
	pub fn start_anew(&mut self, place: usize, change: impl Fn(Options) -> Options) -> Result<()> {
		fs::remove_dir_all(self.validators.folder(place))?;
		self.start_changed(place, change)
	}

	/// Stops a validator, unless it is gone, and starts it again with what it has and with these changes
	/// alone: those of the set-up are forgotten.
	pub fn start_changed(
		&mut self,
		place: usize,
		change: impl Fn(Options) -> Options,
	) -> Result<()> {
		block_in_place(|| self.nodes[place].stop())?;
		let options = self.validators.options(place).log(self.nodes[place].log());
		self.nodes[place] = block_in_place(|| Node::start(change(options)))?;
		Ok(())
	}

	/// Which validator made the block of this number, as far as its slot says.
	pub async fn author(
		&self,
		connection: &Connection,
		number: BlockNumber,
	) -> Result<Option<usize>> {
		let header = connection.header(connection.hash_of(number).await?).await?;
		let slot = header.digest.logs.iter().find_map(|item| match item {
			DigestItem::PreRuntime(engine, data) if *engine == AURA => {
				data.as_slice().try_into().ok().map(u64::from_le_bytes)
			},
			_ => None,
		});
		// They take turns.
		let turns = u64::try_from(NAMES.len())?;
		Ok(slot.and_then(|slot| usize::try_from(slot % turns).ok()))
	}
}

/// A fresh folder for the logs of a scenario, beside the reports.
fn logs(scenario: &str) -> io::Result<PathBuf> {
	let folder = report::folder()?.join("logs").join(scenario);
	match fs::remove_dir_all(&folder) {
		Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
		_ => fs::create_dir_all(&folder).map(|()| folder),
	}
}
