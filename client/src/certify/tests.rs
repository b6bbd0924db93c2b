//! Meters that certify each other over a backbone that pretends.

use super::*;
use crate::{
	connection::Connection,
	error::{Classify, Kind},
	files::Directory,
	keys::{AccountKey, ManufacturerKey},
	meter::{Meter, MeterCertificate, Stock},
	relay::{Contacts, Post},
	testing::{
		relay::{listed, FakeBackbone},
		FakeNode,
	},
};
use pallet_spb::types::ListedMeter;
use spb_primitives::{relay::CoeRefusal, BlockNumber, Money, RegisteredMeters};
use std::{sync::Arc, time::Duration};

const BEST: BlockNumber = 100;
const LONG: BlockNumber = 10_000;

const WILLING: Willing = Willing { longest: LONG, per_hour: 10 };

/// Patient, where an answer comes.
const WANTED: Wanted =
	Wanted { leaves: 8, valid_for: LONG, candidates: 5, patience: Duration::from_secs(30) };

/// Impatient, so that silence is short.
const HASTY: Wanted = Wanted { patience: Duration::from_secs(1), ..WANTED };

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
		let owner = AccountKey::development("//Bob").unwrap().account();
		let contact = owned.contacts.make().unwrap().public();
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
	assert_eq!((certified.leaves, certified.valid_until, certified.asked), (8, BEST + LONG, 1));
	let expected = Answered::Signed { leaves: 8, valid_until: BEST + LONG };
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
	let short = Willing { longest: LONG - 1, ..WILLING };
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
	let (ours, theirs) = (bench.meter("ours"), bench.meter("theirs"));
	bench.list(&theirs);
	let mut certifier = bench.certifier(&theirs, WILLING).await.unwrap();
	let answering = tokio::spawn(async move {
		loop {
			certifier.next().await.unwrap();
		}
	});
	let requester = bench.requester(&ours);
	let stock = Stock { trees: 3, margin: 4, blocks: 100 };
	assert_eq!(requester.restock(&stock, &WANTED).await.unwrap().len(), 3);
	assert!(requester.restock(&stock, &WANTED).await.unwrap().is_empty());
	// Trees that are smaller than the margin never are enough, and are not made for ever.
	let greedy = Stock { margin: 9, ..stock };
	assert_eq!(requester.restock(&greedy, &WANTED).await.unwrap().len(), 1);
	assert_eq!(bench.trees(&ours), 4);
	answering.abort();
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
