//! Four validators under load, and how a scenario ends.

use super::{
	books::Account,
	load::{Load, Made, Market},
	report,
	watch::{compare, Watch},
	Result, Trial,
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
	collections::BTreeSet,
	fs, io,
	os::unix::process::ExitStatusExt,
	path::{Path, PathBuf},
	sync::Arc,
	time::{Duration, Instant},
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
const LOOK: Duration = Duration::from_millis(100);
/// How long nodes may take to agree after a fault or an attack.
const AGREEMENT: Duration = Duration::from_secs(300);
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

/// When a fault or an attack was over.
#[derive(Clone, Copy, Debug)]
pub struct Over {
	at: Instant,
	/// The best block's number that any honest node had.
	best: BlockNumber,
}

/// Looks at all blocks of one node as they become final.
#[derive(Debug)]
struct Witness {
	audit: Arc<Mutex<Audit>>,
	looking: JoinHandle<()>,
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
	honest: Vec<usize>,
	beginning: Money,
	watches: Vec<Watch>,
	witness: Witness,
	load: Option<Load>,
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

	/// Waits until these nodes have a best block of at least this number.
	pub async fn until_best(&self, places: &[usize], number: BlockNumber) -> Result<()> {
		let waiting = async {
			let mut pace = tokio::time::interval(LOOK);
			for place in places {
				while self.connections[*place].best().await?.number < number {
					pace.tick().await;
				}
			}
			Ok(())
		};
		let waited = timeout(AGREEMENT, waiting).await;
		waited.unwrap_or_else(|_| Err(format!("block {number} is not made").into()))
	}

	/// Waits until so many CTPs are open on all these nodes after a block that is final on all of them,
	/// and gives its number.
	pub async fn until_open(&self, places: &[usize], open: u32) -> Result<BlockNumber> {
		let waiting = async {
			let mut pace = tokio::time::interval(LOOK);
			loop {
				pace.tick().await;
				let head = self.connections[places[0]].finalized().await?;
				if self.connections[places[0]].database(Some(head.hash)).await?.open != open {
					continue;
				}
				self.until_final(places, head.number).await?;
				for place in places {
					let database = self.connections[*place].database(Some(head.hash)).await?;
					if database.open != open {
						let name = NAMES[*place];
						return Err(format!("{} CTPs are open on {name}", database.open).into());
					}
				}
				return Ok(head.number);
			}
		};
		let waited = timeout(AGREEMENT, waiting).await;
		waited.unwrap_or_else(|_| {
			Err(format!("there is no time at which {open} CTPs are open").into())
		})
	}

	/// Waits until a block of this number is final on these nodes.
	pub async fn until_final(&self, places: &[usize], number: BlockNumber) -> Result<()> {
		self.until_final_within(places, number, AGREEMENT).await
	}

	/// The same, within a limit.
	pub async fn until_final_within(
		&self,
		places: &[usize],
		number: BlockNumber,
		limit: Duration,
	) -> Result<()> {
		for place in places {
			let mut last = None;
			let waiting = async {
				let mut pace = tokio::time::interval(LOOK);
				loop {
					pace.tick().await;
					match self.connections[*place].finalized().await {
						Ok(finalized) if finalized.number >= number => return,
						Ok(finalized) => last = Some(finalized.number),
						// It may be away for a while.
						Err(_) => {},
					}
				}
			};
			if timeout(limit, waiting).await.is_err() {
				return Err(format!(
					"block {number} is not final on {} after {} s; the last final one there is {last:?}",
					NAMES[*place],
					limit.as_secs()
				)
				.into());
			}
		}
		Ok(())
	}

	/// Waits until a block that is made from now on is final on these nodes, and gives its number.
	pub async fn goes_on(&self, places: &[usize]) -> Result<BlockNumber> {
		let next = self.best(places).await?.saturating_add(1);
		self.until_final(places, next).await?;
		Ok(next)
	}

	/// The number of the best block that any of these nodes has.
	pub async fn best(&self, places: &[usize]) -> Result<BlockNumber> {
		let mut best = None;
		for place in places {
			best = best.max(Some(self.connections[*place].best().await?.number));
		}
		best.ok_or_else(|| "no node was named".into())
	}

	/// Notes that the fault or the attack is over.
	pub async fn over(&self) -> Result<Over> {
		let at = Instant::now();
		let mut best = 0;
		for place in &self.honest {
			// One that has just been started may take a moment.
			best = best.max(self.connections[*place].best().await?.number);
		}
		Ok(Over { at, best })
	}

	/// Waits for finality, lets the trades come to their end, and compares everything.
	pub async fn conclude(mut self, trial: &mut Trial, over: Over) -> Result<()> {
		self.until_final(&self.honest, over.best.saturating_add(1)).await?;
		let seconds = over.at.elapsed().as_secs_f64();
		trial.outcome.finalized_after_s = Some((seconds * 10.0).round() / 10.0);
		trial.say(format!("what was made after it is final on all honest nodes ({seconds:.1} s)"));

		if let Some(load) = self.load.take() {
			let traded = load.finish().await?;
			for (trouble, count) in &traded.trouble {
				trial.say(format!("trouble of traders ({count} times): {trouble}"));
			}
			self.made.extend(traded.made);
		}
		let end = self.connections[self.honest[0]].finalized().await?;
		self.until_final(&self.honest, end.number).await?;
		self.compare_roots(trial, over, end).await?;
		self.check_books(trial, end).await
	}

	/// Whether all honest nodes have the same databases, and those that the headers name.
	async fn compare_roots(&self, trial: &mut Trial, over: Over, end: Head) -> Result<()> {
		let asked = async {
			let mut pace = tokio::time::interval(LOOK);
			while !self.watches.iter().all(|watch| watch.is_past(end.number)) {
				pace.tick().await;
			}
		};
		timeout(AGREEMENT, asked).await.map_err(|_| "a node does not tell its database")?;
		let names = self.honest.iter().map(|place| NAMES[*place]);
		let seen: Vec<_> = names.zip(self.watches.iter().map(Watch::seen)).collect();
		// A node that catches up in one go prunes what is older before anyone can ask for it.
		let kept = end.number.saturating_sub(self.parameters.evidence_window / 2);
		let compared = compare(&seen, over.best.max(kept), end);
		trial.note(format!(
			"roots compared at {} heights on {} nodes; {} databases are not there any more",
			compared.heights,
			seen.len(),
			compared.absent
		));
		self.witness.looking.abort();
		let mut audit = self.witness.audit.lock().await;
		audit.advance(end).await?;
		let findings = audit.findings();
		trial.outcome.roots_equal = compared.wrong.is_none()
			&& findings.roots_checked > 0
			&& findings.roots_checked == findings.roots_equal;
		match compared.wrong {
			Some(wrong) => Err(wrong.into()),
			None if !trial.outcome.roots_equal => {
				Err("the database folded from its entries is not the header's".into())
			},
			None => Ok(()),
		}
	}

	/// Whether everyone got what they should.
	async fn check_books(&self, trial: &mut Trial, end: Head) -> Result<()> {
		let audit = self.witness.audit.lock().await;
		let view = self.connections[self.honest[0]].view(end).await?;
		let account = Account {
			beginning: self.beginning,
			markets: &self.markets,
			made: &self.made,
			findings: audit.findings(),
			view: &view,
		};
		let books = account.check().await?;
		trial.note(format!(
			"{} CTPs made, {} confirmed, {} settled in {} blocks",
			books.made,
			books.confirmed,
			books.settled,
			audit.findings().blocks
		));
		trial.outcome.money_conserved = books.money.is_empty();
		let wrong = [books.money, books.trades].concat();
		if wrong.is_empty() && self.load_was_real(books.settled) {
			return Ok(());
		}
		let nothing = || "nothing was traded".to_owned();
		Err(wrong
			.into_iter()
			.reduce(|all, one| format!("{all}\n{one}"))
			.unwrap_or_else(nothing)
			.into())
	}

	/// A chain on which nothing settles would show little.
	fn load_was_real(&self, settled: usize) -> bool {
		self.made.is_empty() || settled > 0
	}
}

/// A fresh folder for the logs of a scenario, beside the report.
fn logs(scenario: &str) -> io::Result<PathBuf> {
	let report = report::place()?;
	let folder = report.parent().unwrap_or(Path::new(".")).join("logs").join(scenario);
	match fs::remove_dir_all(&folder) {
		Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
		_ => fs::create_dir_all(&folder).map(|()| folder),
	}
}
