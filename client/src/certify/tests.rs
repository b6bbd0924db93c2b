//! Meters that certify each other over a backbone that pretends.

use super::*;
use crate::{
	connection::Connection,
	error::{Classify, Kind},
	files::Directory,
	keys::{AccountKey, ManufacturerKey},
	meter::{Meter, MeterCertificate, Stock, VALIDITY_STEP},
	relay::{self, Contacts, Post},
	testing::{
		relay::{contact_at, identifier, listed, FakeBackbone},
		FakeNode,
	},
};
use pallet_spb::types::ListedMeter;
use spb_primitives::{
	relay::{CoeRefusal, ContactKey},
	BlockNumber, Money, RegisteredMeters,
};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

const BEST: BlockNumber = 100;
const LONG: BlockNumber = 3 * VALIDITY_STEP;
/// The last block of what is certified at block `BEST` for as long.
const UNTIL: BlockNumber = LONG;

const WILLING: Willing = Willing { longest: LONG, per_hour: 10, per_meter: 10 };

/// Patient, where an answer comes.
const WANTED: Wanted =
	Wanted { leaves: 8, valid_for: LONG, candidates: 5, patience: Duration::from_secs(30) };

/// Impatient, so that silence is short.
const HASTY: Wanted = Wanted { patience: Duration::from_secs(1), ..WANTED };

const STOCK: Stock = Stock { trees: 3, margin: 4, blocks: 100 };

fn manufacturer() -> ManufacturerKey {
	ManufacturerKey::development("//One").unwrap()
}

/// A meter that is certified, in a folder of its own.
struct Owned {
	meter: Arc<Meter>,
	contacts: Contacts,
}

/// A chain with two backbone nodes, and meters that their manufacturer certified.
struct Bench {
	folder: tempfile::TempDir,
	backbone: FakeBackbone,
	node: FakeNode,
	connection: Connection,
}

impl Bench {
	async fn new() -> Self {
		let (backbone, node) = (FakeBackbone::default(), FakeNode::default());
		{
			let mut script = node.script();
			script.best = BEST;
			script.backbone = [1, 2].map(listed).to_vec();
			script.relay = Some(backbone.node(1));
			script.manufacturers.insert(1, manufacturer().public());
		}
		let connection = node.connect().await;
		Self { folder: tempfile::tempdir().unwrap(), backbone, node, connection }
	}

	fn post(&self) -> Post {
		let backbone = self.backbone.clone();
		Post::pretended(self.connection.clone(), move |url| backbone.line(url))
	}

	fn meter(&self, name: &str) -> Owned {
		let directory = Directory::new(self.folder.path().join(name));
		let meter = Meter::create(directory.clone()).unwrap();
		let genesis = self.connection.genesis();
		let mut register = RegisteredMeters::default();
		register.manufacturers.insert(1, manufacturer().public());
		let key = meter.key().unwrap();
		let certificate = MeterCertificate::sign(&manufacturer(), 1, key, &genesis);
		meter.keep_certificate(&certificate, &genesis, &register).unwrap();
		Owned { meter: Arc::new(meter), contacts: Contacts::new(directory) }
	}

	/// Lists a meter.
	fn list(&self, owned: &Owned) {
		self.list_at(owned, owned.contacts.make().unwrap().public());
	}

	/// Lists a meter with this contact key.
	fn list_at(&self, owned: &Owned, contact: ContactKey) {
		let owner = AccountKey::development("//Bob").unwrap().account();
		let genesis = self.connection.genesis();
		let listing = owned.meter.consent_to_listing(&owner, contact, BEST + 9, &genesis).unwrap();
		self.node.script().meters.push(ListedMeter {
			key: listing.meter,
			owner,
			manufacturer: listing.manufacturer,
			certificate: listing.certificate,
			contact,
			deposit: Money::ZERO,
		});
	}

	async fn certifier(&self, owned: &Owned, willing: Willing) -> Result<Certifier, CertifyError> {
		let (connection, meter) = (self.connection.clone(), owned.meter.clone());
		Certifier::open(connection, self.post(), meter, &owned.contacts, willing).await
	}

	/// A listed meter that answers, until its first answer.
	async fn answering(&self, name: &str, willing: Willing) -> tokio::task::JoinHandle<Answered> {
		let owned = self.meter(name);
		self.list(&owned);
		let mut certifier = self.certifier(&owned, willing).await.unwrap();
		tokio::spawn(async move { certifier.next().await.unwrap() })
	}

	/// A listed meter that answers until what is returned is aborted.
	async fn going_on(&self, name: &str, willing: Willing) -> tokio::task::JoinHandle<()> {
		let owned = self.meter(name);
		self.list(&owned);
		let mut certifier = self.certifier(&owned, willing).await.unwrap();
		tokio::spawn(async move {
			loop {
				certifier.next().await.unwrap();
			}
		})
	}

	fn requester(&self, owned: &Owned) -> Requester {
		let (connection, meter) = (self.connection.clone(), owned.meter.clone());
		Requester::new(connection, self.post(), meter, Arc::new(()))
	}

	fn keys_left(&self, owned: &Owned) -> u32 {
		owned.meter.info(&self.connection.genesis(), BEST).unwrap().keys_left
	}

	fn trees(&self, owned: &Owned) -> usize {
		owned.meter.info(&self.connection.genesis(), BEST).unwrap().trees.len()
	}
}

#[tokio::test]
async fn a_listed_meter_should_certify_anothers_tree() {
	let bench = Bench::new().await;
	let (ours, answered) = (bench.meter("ours"), bench.answering("theirs", WILLING).await);
	let certified = bench.requester(&ours).obtain(&WANTED).await.unwrap();
	assert_eq!((certified.leaves, certified.valid_until, certified.asked), (8, UNTIL, 1));
	let expected = Answered::Signed { leaves: 8, valid_until: UNTIL };
	assert_eq!(answered.await.unwrap(), expected);
	assert_eq!((bench.keys_left(&ours), bench.trees(&ours)), (8, 1));
	// Whoever asks is nobody to those who carry the letters: no key of it is the listed one.
	let listed = bench.node.script().meters[0].contact;
	let memory = bench.backbone.memory();
	let keys: Vec<_> = memory.sent.iter().map(|(_, packet)| (packet.from, packet.to)).collect();
	assert_eq!(keys.len(), 2);
	assert_eq!((keys[0].1, keys[1].0), (listed, listed));
}

#[tokio::test]
async fn refusal_and_silence_should_lead_to_another_meter() {
	let bench = Bench::new().await;
	let ours = bench.meter("ours");
	// One is away, one does not answer for so long, one is willing.
	let away = bench.meter("away");
	bench.list(&away);
	let short = Willing { longest: UNTIL - BEST - 1, ..WILLING };
	let refusing = bench.answering("refusing", short).await;
	let willing = bench.answering("willing", WILLING).await;
	let certified = bench.requester(&ours).obtain(&HASTY).await.unwrap();
	assert!((1..=3).contains(&certified.asked), "{certified:?}");
	assert!(matches!(willing.await.unwrap(), Answered::Signed { .. }));
	// Trees that others were asked about are gone.
	assert_eq!((bench.keys_left(&ours), bench.trees(&ours)), (8, 1));
	refusing.abort();
}

#[tokio::test]
async fn that_nobody_certifies_should_be_told() {
	let bench = Bench::new().await;
	let ours = bench.meter("ours");
	let requester = bench.requester(&ours);
	let error = requester.obtain(&HASTY).await.unwrap_err();
	assert_eq!((error.kind(), error.code().as_str()), (Kind::Refused, "no-candidates"));
	// Not even the meter itself, where it is listed.
	bench.list(&ours);
	assert_eq!(requester.obtain(&HASTY).await.unwrap_err().code(), "no-candidates");
	// A refusal is told with its reason.
	let busy = Willing { per_hour: 0, ..WILLING };
	let refusing = bench.answering("busy", busy).await;
	let error = requester.obtain(&WANTED).await.unwrap_err();
	assert_eq!(error.code(), "nobody-signed");
	assert!(error.to_string().contains(&CoeRefusal::Busy.to_string()), "{error}");
	let expected = Answered::Refused { reason: CoeRefusal::Busy };
	assert_eq!(refusing.await.unwrap(), expected);
	// Now nobody answers at all.
	let error = requester.obtain(&HASTY).await.unwrap_err();
	assert!(error.to_string().contains("does not answer"), "{error}");
	assert_eq!(bench.trees(&ours), 0);
}

#[tokio::test]
async fn only_meters_whose_signature_counts_should_be_asked() {
	let bench = Bench::new().await;
	let (ours, theirs) = (bench.meter("ours"), bench.meter("theirs"));
	bench.list(&theirs);
	bench.node.script().manufacturers.clear();
	let error = bench.requester(&ours).obtain(&HASTY).await.unwrap_err();
	assert_eq!(error.code(), "no-candidates");
	assert!(bench.backbone.memory().sent.is_empty());
}

#[tokio::test]
async fn an_uncertified_meter_should_not_ask() {
	let bench = Bench::new().await;
	let _answered = bench.answering("theirs", WILLING).await;
	let directory = Directory::new(bench.folder.path().join("bare"));
	let meter = Meter::create(directory.clone()).unwrap();
	let bare = Owned { meter: Arc::new(meter), contacts: Contacts::new(directory) };
	let error = bench.requester(&bare).obtain(&HASTY).await.unwrap_err();
	assert_eq!((error.kind(), error.code().as_str()), (Kind::BadInput, "not-certified"));
}

#[tokio::test]
async fn trees_should_be_certified_until_there_are_enough() {
	let bench = Bench::new().await;
	let ours = bench.meter("ours");
	let answering = bench.going_on("theirs", WILLING).await;
	let requester = bench.requester(&ours);
	let certified = requester.restock(&STOCK, &WANTED).await.unwrap();
	// They do not show that they were certified one after the other.
	let until: Vec<_> = certified.iter().map(|tree| tree.valid_until).collect();
	assert_eq!(until, [UNTIL; 3]);
	assert!(requester.restock(&STOCK, &WANTED).await.unwrap().is_empty());
	assert_eq!(bench.trees(&ours), 3);
	answering.abort();
}

#[tokio::test]
async fn trees_that_never_are_enough_should_not_be_asked_for() {
	let bench = Bench::new().await;
	let ours = bench.meter("ours");
	let answering = bench.going_on("theirs", WILLING).await;
	let requester = bench.requester(&ours);
	let never = [
		(Stock { margin: 9, ..STOCK }, WANTED, "tree-too-small"),
		(Stock { margin: 0, ..STOCK }, Wanted { leaves: 0, ..WANTED }, "tree-too-small"),
		(STOCK, Wanted { valid_for: 100, ..WANTED }, "validity-too-short"),
		// It would be there for less time than it would have to be replaced in.
		(STOCK, Wanted { valid_for: VALIDITY_STEP + 199, ..WANTED }, "validity-too-short"),
		(Stock { blocks: 0, ..STOCK }, Wanted { valid_for: 0, ..WANTED }, "validity-too-short"),
		(Stock { blocks: u32::MAX, ..STOCK }, WANTED, "validity-too-short"),
	];
	for (stock, wanted, code) in never {
		let once = requester.restock(&stock, &wanted).await.unwrap_err();
		assert_eq!((once.kind(), once.code().as_str()), (Kind::BadInput, code));
		let kept = requester.turn(&stock, &wanted).await.unwrap_err();
		assert_eq!((kept.kind(), kept.code().as_str()), (Kind::BadInput, code));
	}
	assert!(bench.backbone.memory().sent.is_empty());
	assert_eq!(bench.trees(&ours), 0);
	for good in [STOCK, Stock { margin: 8, blocks: VALIDITY_STEP, ..STOCK }] {
		assert!(WANTED.check(&good).is_ok(), "{good:?}");
	}
	answering.abort();
}

#[tokio::test]
async fn a_turn_should_make_up_the_stock_and_no_more() {
	let bench = Bench::new().await;
	let ours = bench.meter("ours");
	let requester = bench.requester(&ours);
	// That nobody is there is no reason to give up.
	assert!(requester.turn(&STOCK, &HASTY).await.unwrap().is_empty());
	let answering = bench.going_on("theirs", WILLING).await;
	assert_eq!(requester.turn(&STOCK, &WANTED).await.unwrap().len(), 3);
	for _ in 0..2 {
		bench.node.script().best += 1;
		assert!(requester.turn(&STOCK, &WANTED).await.unwrap().is_empty());
	}
	// When their certificates are about to run out, others take their place; when these have run out
	// for good, they are forgotten.
	let mut until = UNTIL;
	for _ in 0..2 {
		bench.node.script().best = until - STOCK.blocks;
		let certified = requester.turn(&STOCK, &WANTED).await.unwrap();
		assert_eq!((certified.len(), bench.trees(&ours)), (3, 6));
		until = certified[0].valid_until;
		let past_the_step = certified.iter().map(|tree| tree.valid_until % VALIDITY_STEP);
		assert_eq!(past_the_step.sum::<BlockNumber>(), 0);
	}
	answering.abort();
	// Nor is silence a reason to give up.
	let more = Stock { trees: 4, ..STOCK };
	assert!(requester.turn(&more, &HASTY).await.unwrap().is_empty());
	// A meter that cannot ask cannot go on either.
	let directory = Directory::new(bench.folder.path().join("bare"));
	let meter = Arc::new(Meter::create(directory.clone()).unwrap());
	let bare = Owned { meter, contacts: Contacts::new(directory) };
	let error = bench.requester(&bare).turn(&STOCK, &HASTY).await.unwrap_err();
	assert_eq!((error.kind(), error.code().as_str()), (Kind::BadInput, "not-certified"));
}

#[tokio::test]
async fn a_meter_should_not_use_up_what_is_for_all() {
	let bench = Bench::new().await;
	let [greedy, modest, late] = ["greedy", "modest", "late"].map(|name| bench.meter(name));
	let willing = Willing { per_hour: 3, per_meter: 2, ..WILLING };
	let answering = bench.going_on("theirs", willing).await;
	let obtain = async |owned: &Owned| {
		let obtained = bench.requester(owned).obtain(&WANTED).await;
		obtained.map(drop).map_err(|error| (error.code(), error.to_string()))
	};
	let refused = |answer: Result<(), (String, String)>| {
		let (code, text) = answer.unwrap_err();
		assert_eq!(code, "nobody-signed");
		assert!(text.contains(&CoeRefusal::Busy.to_string()), "{text}");
	};
	assert_eq!([obtain(&greedy).await, obtain(&greedy).await], [Ok(()), Ok(())]);
	refused(obtain(&greedy).await);
	assert_eq!(obtain(&modest).await, Ok(()));
	// Now all are given.
	refused(obtain(&late).await);
	answering.abort();
}

#[tokio::test]
async fn who_asked_should_be_forgotten_while_nobody_asks() {
	let bench = Bench::new().await;
	let (ours, theirs) = (bench.meter("ours"), bench.meter("theirs"));
	bench.list(&theirs);
	let mut certifier = bench.certifier(&theirs, WILLING).await.unwrap();
	let (to, genesis) = (bench.node.script().meters[0].contact, bench.connection.genesis());
	let request = ours.meter.ask_for_coe(&to, 8, UNTIL, &genesis, &()).unwrap();
	// The hour is over in a moment.
	let given = relay::now() - allowance::HOUR + 200;
	assert!(certifier.allowance.take(&request, given, &WILLING));
	assert!(!certifier.allowance.is_empty());
	let forgotten = async {
		while !certifier.allowance.is_empty() {
			let answered = timeout(Duration::from_millis(50), certifier.next()).await;
			assert!(answered.is_err(), "nobody has asked: {answered:?}");
		}
	};
	timeout(Duration::from_secs(30), forgotten).await.unwrap();
}

#[tokio::test]
async fn a_node_that_never_answers_should_keep_back_no_certificate() {
	let bench = Bench::new().await;
	let (ours, theirs) = (bench.meter("ours"), bench.meter("theirs"));
	bench.list_at(&theirs, contact_at(&theirs.contacts, &[2, 1]));
	let mut certifier = bench.certifier(&theirs, WILLING).await.unwrap();
	let answered = tokio::spawn(async move { certifier.next().await.unwrap() });
	bench.backbone.memory().stuck.insert(identifier(2));
	bench.requester(&ours).obtain(&WANTED).await.unwrap();
	assert!(matches!(answered.await.unwrap(), Answered::Signed { .. }));
	assert!(!bench.backbone.memory().unanswered.is_empty());
}

#[tokio::test]
async fn a_meter_that_is_not_listed_should_not_answer() {
	let bench = Bench::new().await;
	let theirs = bench.meter("theirs");
	let error = bench.certifier(&theirs, WILLING).await.unwrap_err();
	assert_eq!((error.kind(), error.code().as_str()), (Kind::BadInput, "not-listed"));
	bench.list(&theirs);
	let elsewhere = Owned {
		meter: theirs.meter.clone(),
		contacts: Contacts::new(Directory::new(bench.folder.path().join("elsewhere"))),
	};
	let error = bench.certifier(&elsewhere, WILLING).await.unwrap_err();
	assert_eq!(error.code(), "contact-of-another");
}
