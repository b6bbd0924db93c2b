//! What comes back from abandoned blocks, with a chain and a runtime that pretend.

use super::{
	super::{
		doubles::DoubleChain,
		inbox::Limits,
		message::tests::{extrinsic, id, signed, GENESIS},
		metrics::Metrics,
		sidecars::{
			hash_of,
			tests::{sidecars, Memory},
		},
		store::Store,
		Header,
	},
	*,
};
use parking_lot::Mutex;
use sp_blockchain::HashAndNumber;
use sp_runtime::{traits::Header as _, Digest};

/// Room before the proof of a message.
const PADDING: usize = 10;

/// Reads each byte of a sidecar as the vault of a commitment, except in those that it fails for now.
#[derive(Default)]
struct DoubleRuntime {
	failing: Mutex<Vec<Vec<u8>>>,
}

impl ReadMessages for DoubleRuntime {
	fn message_ids(
		&self,
		_: Hash,
		extrinsics: Vec<Vec<u8>>,
	) -> Result<Vec<Option<CtpId>>, DatabaseError> {
		let id_of =
			|bytes: &Vec<u8>| (0..256).find(|vault| extrinsic(*vault, PADDING) == *bytes).map(id);
		Ok(extrinsics.iter().map(id_of).collect())
	}

	fn messages_of(&self, at: Hash, sidecar: Vec<u8>) -> Result<Vec<Vec<u8>>, DatabaseError> {
		if self.failing.lock().contains(&sidecar) {
			return Err(DatabaseError::NoDatabase(at));
		}
		Ok(sidecar.iter().map(|vault| extrinsic(u32::from(*vault), PADDING)).collect())
	}
}

struct Bench {
	feed: Feed<DoubleChain, (), Memory, DoubleRuntime>,
	abandoned: Abandoned,
	/// From the best of the blocks to what they stand on.
	route: TreeRoute<Block>,
}

/// A node that knows blocks with these sidecars, one upon the other, and is about to leave them.
fn bench(blocks: &[&[u8]]) -> Bench {
	let metrics = Metrics::new(None).unwrap();
	let store = Arc::new(Store::in_memory());
	let inbox = Inbox::open(store, Limits::NODE, GENESIS, metrics).unwrap();
	let sidecars = sidecars().0;
	let (mut headers, mut parent) = (Vec::new(), Hash::repeat_byte(2));
	let mut route = vec![HashAndNumber { number: 90, hash: parent }];
	for (sidecar, number) in blocks.iter().zip(91..) {
		let sidecar_hash = sidecars.hold(sidecar.to_vec());
		let digest = DatabaseDigest { database_root: Hash::zero(), sidecar_hash };
		let digest = Digest { logs: vec![digest.to_item()] };
		let header = Header::new(number, Hash::zero(), Hash::zero(), parent, digest);
		parent = header.hash();
		route.push(HashAndNumber { number, hash: parent });
		headers.push(header);
	}
	route.reverse();
	let feed = Feed {
		client: Arc::new(DoubleChain(headers)),
		pool: Arc::new(()),
		database: Arc::default(),
		inbox: Arc::new(inbox),
		sidecars: Arc::new(sidecars),
		events: Events::default(),
	};
	let route = TreeRoute::new(route, blocks.len()).unwrap();
	Bench { feed, abandoned: Abandoned::default(), route }
}

impl Bench {
	/// A best block comes that leaves the blocks.
	fn leave(&mut self) -> Result<(), FeedError> {
		self.feed.bring_back(&mut self.abandoned, Some(&self.route))
	}

	/// A best block comes that stands on the one before.
	fn go_on(&mut self) -> Result<(), FeedError> {
		self.feed.bring_back(&mut self.abandoned, None)
	}

	/// Whether the inbox has the commitments of these vaults and no others, in this order.
	fn has(&self, vaults: &[u32]) -> bool {
		let here = self.feed.inbox.all().into_iter().map(|waiting| waiting.id);
		here.eq(vaults.iter().map(|vault| id(*vault)))
	}

	fn fails_for(&self, sidecars: &[&[u8]]) {
		*self.feed.database.failing.lock() = sidecars.iter().map(|bytes| bytes.to_vec()).collect();
	}
}

#[test]
fn messages_that_only_the_sidecar_of_an_abandoned_block_has_should_come_back() {
	let mut bench = bench(&[&[1, 2], &[3]]);
	let known = Message { id: id(2), bytes: extrinsic(2, PADDING) };
	bench.feed.inbox.insert(vec![known]).unwrap();
	bench.go_on().unwrap();
	assert!(bench.has(&[2]), "no block is abandoned yet");
	bench.leave().unwrap();
	assert!(bench.has(&[2, 1, 3]));
	assert_eq!(bench.feed.inbox.commitment(&id(1)), Some(signed(1)));
	assert_eq!(bench.abandoned.len(), 0);
}

#[test]
fn messages_should_come_back_with_a_later_block_where_the_first_try_fails() {
	let mut bench = bench(&[&[1, 2], &[3], &[4]]);
	bench.fails_for(&[&[1, 2], &[4]]);
	let error = bench.leave().unwrap_err();
	assert!(matches!(error, FeedError::Runtime(DatabaseError::NoDatabase(_))), "{error}");
	assert!(bench.has(&[3]), "one that fails does not keep the next one out");
	bench.fails_for(&[&[4]]);
	bench.go_on().unwrap_err();
	assert!(bench.has(&[3, 1, 2]));
	bench.fails_for(&[]);
	bench.go_on().unwrap();
	assert!(bench.has(&[3, 1, 2, 4]));
	assert_eq!(bench.abandoned.len(), 0);
}

#[test]
fn damaged_sidecar_should_keep_the_messages_of_no_other_block_out() {
	let mut bench = bench(&[&[1]]);
	let (damaged, memory) = sidecars();
	damaged.hold(vec![1]);
	let key = [&b"spb/sidecar/"[..], hash_of(&[9]).as_bytes()].concat();
	memory.apply(vec![(key, Some(vec![0]))]);
	bench.feed.sidecars = Arc::new(damaged);
	let digest = DatabaseDigest { database_root: Hash::zero(), sidecar_hash: hash_of(&[9]) };
	let digest = Digest { logs: vec![digest.to_item()] };
	let header = Header::new(91, Hash::zero(), Hash::zero(), Hash::repeat_byte(3), digest);
	bench.abandoned.note(header.hash());
	let headers = [bench.feed.client.0.clone(), vec![header]].concat();
	bench.feed.client = Arc::new(DoubleChain(headers));
	let error = bench.leave().unwrap_err();
	assert!(matches!(error, FeedError::Sidecars(SidecarError::Damaged(_))), "{error}");
	assert!(bench.has(&[1]));
	assert_eq!(bench.abandoned.len(), 1);
}

#[test]
fn blocks_that_are_gone_should_be_tried_once() {
	let mut bench = bench(&[&[1], &[2]]);
	// The header of the first is gone, and of the second the sidecar.
	let headers = bench.feed.client.0[1..].to_vec();
	bench.feed.client = Arc::new(DoubleChain(headers));
	bench.feed.sidecars = Arc::new(sidecars().0);
	bench.leave().unwrap();
	assert!(bench.has(&[]));
	assert_eq!(bench.abandoned.len(), 0);
}
