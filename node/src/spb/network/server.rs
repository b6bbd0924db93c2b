//! Answers peers: sidecars by hash, databases by block. Only what is stored, within the limits.

use super::{
	super::{
		metrics::Metrics,
		runtime::{CtpDatabase, DatabaseError},
		sidecars::Sidecars,
		Hash, LOG_TARGET,
	},
	limits::{Limiter, Rate, TooFast},
	messages::{
		DatabaseAnswer, DatabasePart, DatabaseRequest, MessageError, SidecarAnswer, SidecarRequest,
		ANSWER_BYTES, MAX_ENTRIES,
	},
	reputation, DATABASE, SIDECAR,
};
use codec::Encode;
use pallet_spb::runtime_api::{CtpFilter, OpenCtp};
use sc_client_api::AuxStore;
use sc_network::{
	request_responses::{IncomingRequest, OutgoingResponse},
	PeerId, ReputationChange,
};
use spb_primitives::{BlockNumber, CtpId, DatabaseDigest};
use std::{sync::Arc, time::Instant};

/// Requests that wait; what comes when it is full is turned away by the network.
pub const QUEUE: usize = 64;
/// Entries that the runtime lists at once.
const STEP: u32 = 1_000;

/// Answers requests of one kind.
pub trait Answers: Send + 'static {
	/// What the protocol is called in metrics: one of [`super::PROTOCOLS`].
	const PROTOCOL: &'static str;
	/// What one peer may ask.
	const RATE: Rate;

	/// The answer to a request of a peer.
	fn answer(&self, peer: PeerId, request: &[u8]) -> Result<Vec<u8>, Declined>;
}

/// Why a request gets no answer.
#[derive(Debug, thiserror::Error)]
pub enum Declined {
	/// The request is none.
	#[error("the request is none: {0}")]
	Malformed(#[from] MessageError),
	/// This node cannot answer.
	#[error("what is stored does not answer: {0}")]
	Store(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Takes requests of one protocol, one at a time.
pub struct Server<A> {
	requests: async_channel::Receiver<IncomingRequest>,
	answers: A,
	limiter: Limiter,
	metrics: Metrics,
}

impl<A: Answers> Server<A> {
	/// Answers what comes in through `requests`.
	pub fn new(
		requests: async_channel::Receiver<IncomingRequest>,
		answers: A,
		metrics: Metrics,
	) -> Self {
		Self { requests, answers, limiter: Limiter::new(A::RATE), metrics }
	}

	/// Runs until the network ends.
	pub async fn run(mut self) {
		while let Ok(IncomingRequest { peer, payload, pending_response }) =
			self.requests.recv().await
		{
			let response = self.respond(peer, &payload, Instant::now());
			// No one waits for it any more where this fails.
			let _ = pending_response.send(response);
		}
	}

	fn respond(&mut self, peer: PeerId, payload: &[u8], now: Instant) -> OutgoingResponse {
		let declined = |change: Option<ReputationChange>| {
			if let Some(change) = &change {
				self.metrics.request_refused(A::PROTOCOL, change);
			}
			OutgoingResponse {
				result: Err(()),
				reputation_changes: change.into_iter().collect(),
				sent_feedback: None,
			}
		};
		if let Err(TooFast { change }) = self.limiter.admit(peer, now) {
			return declined(change);
		}
		match self.answers.answer(peer, payload) {
			Ok(bytes) => {
				self.limiter.answered(&peer, bytes.len());
				OutgoingResponse {
					result: Ok(bytes),
					reputation_changes: Vec::new(),
					sent_feedback: None,
				}
			},
			Err(error) => {
				log::debug!(target: LOG_TARGET, "Peer {peer} gets no answer: {error}");
				let malformed = matches!(error, Declined::Malformed(_));
				declined(malformed.then_some(reputation::MALFORMED_REQUEST))
			},
		}
	}
}

/// Serves sidecars.
pub struct SidecarServer<A> {
	/// The sidecars.
	pub sidecars: Arc<Sidecars<A>>,
	/// Where to count.
	pub metrics: Metrics,
}

impl<A: AuxStore + Send + Sync + 'static> Answers for SidecarServer<A> {
	const PROTOCOL: &'static str = SIDECAR;
	// Who syncs asks for 64 at a time, one request after the other. It has no use for more bytes than
	// it can judge: three times what blocks of three seconds can have at the most.
	const RATE: Rate = Rate {
		burst: 64,
		per_second: 32,
		burst_bytes: 64 * 1024 * 1024,
		bytes_per_second: 8 * 1024 * 1024,
	};

	fn answer(&self, _: PeerId, request: &[u8]) -> Result<Vec<u8>, Declined> {
		let SidecarRequest(hashes) = SidecarRequest::read(request)?;
		let (mut answer, mut size) = (Vec::new(), 0);
		for hash in hashes {
			let sidecar =
				self.sidecars.get(&hash).map_err(|error| Declined::Store(Box::new(error)))?;
			size += sidecar.as_ref().map_or(0, Vec::len);
			if size > ANSWER_BYTES && !answer.is_empty() {
				break;
			}
			self.metrics.sidecars_served.inc_by(sidecar.is_some().into());
			answer.push(sidecar);
		}
		Ok(SidecarAnswer(answer).encode())
	}
}

/// Has databases to serve.
pub trait Databases: Send + Sync + 'static {
	/// The root that the header of this block names.
	fn root(&self, block: Hash) -> Option<Hash>;

	/// Entries of the database after this block; nothing where it is not stored.
	fn entries(
		&self,
		block: Hash,
		after: Option<(BlockNumber, CtpId)>,
		limit: u32,
	) -> Result<Option<Vec<OpenCtp>>, DatabaseError>;
}

impl Databases for CtpDatabase {
	fn root(&self, block: Hash) -> Option<Hash> {
		let header = self.header(block)?;
		DatabaseDigest::find(&header.digest).map(|digest| digest.database_root)
	}

	fn entries(
		&self,
		block: Hash,
		after: Option<(BlockNumber, CtpId)>,
		limit: u32,
	) -> Result<Option<Vec<OpenCtp>>, DatabaseError> {
		match self.entries(block, CtpFilter::default(), after, limit) {
			Ok(entries) => Ok(Some(entries)),
			Err(DatabaseError::NoDatabase(_) | DatabaseError::Damaged) => Ok(None),
			Err(error) => Err(error),
		}
	}
}

/// Serves databases.
pub struct DatabaseServer<D> {
	/// The databases.
	pub databases: Arc<D>,
	/// Where to count.
	pub metrics: Metrics,
}

impl<D: Databases> DatabaseServer<D> {
	fn part(&self, request: &DatabaseRequest) -> Result<Option<DatabasePart>, DatabaseError> {
		let mut after = request.after;
		let mut room = request.limit as usize;
		let mut entries = Vec::new();
		loop {
			let step = STEP.min((MAX_ENTRIES - entries.len()) as u32);
			let Some(rows) = self.databases.entries(request.block, after, step)? else {
				return Ok(None);
			};
			let whole = rows.len() < step as usize;
			for OpenCtp { id, signed } in rows {
				let size = signed.encoded_size();
				if size > room && !entries.is_empty() {
					return Ok(Some(DatabasePart { entries, last: false }));
				}
				room = room.saturating_sub(size);
				after = Some((signed.ctp.expiry, id));
				entries.push(signed);
			}
			if whole {
				return Ok(Some(DatabasePart { entries, last: true }));
			}
			if entries.len() >= MAX_ENTRIES {
				return Ok(Some(DatabasePart { entries, last: false }));
			}
		}
	}
}

impl<D: Databases> Answers for DatabaseServer<D> {
	const PROTOCOL: &'static str = DATABASE;
	// A million entries are some 250 parts of half a megabyte, fetched one after the other.
	const RATE: Rate = Rate {
		burst: 16,
		per_second: 8,
		burst_bytes: 16 * 1024 * 1024,
		bytes_per_second: 8 * 1024 * 1024,
	};

	fn answer(&self, _: PeerId, request: &[u8]) -> Result<Vec<u8>, Declined> {
		let request = DatabaseRequest::read(request)?;
		if self.databases.root(request.block) != Some(request.root) {
			return Ok(DatabaseAnswer(None).encode());
		}
		let part = self.part(&request).map_err(|error| Declined::Store(Box::new(error)))?;
		self.metrics.database_parts_served.inc_by(part.is_some().into());
		Ok(DatabaseAnswer(part).encode())
	}
}

#[cfg(test)]
pub(crate) mod tests {
	use super::super::messages::MAX_SIDECARS;
	use super::{
		super::super::{
			message::tests::{id, signed},
			sidecars::{hash_of, tests::sidecars},
		},
		*,
	};
	use futures::{channel::oneshot, future};

	fn metrics() -> Metrics {
		Metrics::new(None).unwrap()
	}

	fn answer_of(server: &impl Answers, request: &[u8]) -> Vec<u8> {
		server.answer(PeerId::random(), request).unwrap()
	}

	#[test]
	fn sidecars_should_be_served_in_the_order_of_the_request() {
		let (sidecars, _) = sidecars();
		let first = sidecars.hold(vec![1; 10]);
		let second = sidecars.hold(vec![2; 20]);
		let server = SidecarServer { sidecars: Arc::new(sidecars), metrics: metrics() };
		let request = SidecarRequest(vec![second, Hash::zero(), first]).encode();
		let answer = SidecarAnswer::read(&answer_of(&server, &request), 3).unwrap();
		assert_eq!(answer.0, [Some(vec![2; 20]), None, Some(vec![1; 10])]);
		assert_eq!(server.metrics.sidecars_served.get(), 2);
	}

	#[test]
	fn answer_should_stop_before_it_is_too_large_but_not_before_the_first() {
		let (sidecars, _) = sidecars();
		let large = sidecars.hold(vec![1; ANSWER_BYTES + 1]);
		let half = sidecars.hold(vec![2; ANSWER_BYTES / 2]);
		let other = sidecars.hold(vec![3; ANSWER_BYTES / 2]);
		let server = SidecarServer { sidecars: Arc::new(sidecars), metrics: metrics() };
		let served = |hashes: &[Hash]| {
			let request = SidecarRequest(hashes.to_vec()).encode();
			SidecarAnswer::read(&answer_of(&server, &request), hashes.len()).unwrap().0.len()
		};
		assert_eq!(served(&[large, half]), 1);
		assert_eq!(served(&[half, other]), 2);
		assert_eq!(served(&[half, large, other]), 1);
	}

	/// A database of some entries.
	pub struct DoubleDatabases {
		pub block: Hash,
		pub root: Hash,
		pub entries: Vec<OpenCtp>,
	}

	impl DoubleDatabases {
		pub fn new(count: u32) -> Self {
			let mut entries: Vec<_> =
				(0..count).map(|vault| OpenCtp { id: id(vault), signed: signed(vault) }).collect();
			entries.sort_by_key(|open| open.id);
			Self { block: Hash::repeat_byte(1), root: Hash::repeat_byte(2), entries }
		}

		/// The entries alone.
		pub fn signed(&self) -> Vec<spb_primitives::SignedCtp> {
			self.entries.iter().map(|open| open.signed.clone()).collect()
		}
	}

	impl Databases for DoubleDatabases {
		fn root(&self, _: Hash) -> Option<Hash> {
			Some(self.root)
		}

		fn entries(
			&self,
			block: Hash,
			after: Option<(BlockNumber, CtpId)>,
			limit: u32,
		) -> Result<Option<Vec<OpenCtp>>, DatabaseError> {
			let above = |open: &&OpenCtp| after.is_none_or(|(_, id)| open.id > id);
			let rows = self.entries.iter().filter(above).take(limit as usize).cloned();
			Ok((block == self.block).then(|| rows.collect()))
		}
	}

	fn ask(
		server: &DatabaseServer<DoubleDatabases>,
		block: Hash,
		root: Hash,
		after: Option<(BlockNumber, CtpId)>,
		limit: u32,
	) -> Option<DatabasePart> {
		let request = DatabaseRequest { block, root, after, limit }.encode();
		DatabaseAnswer::read(&answer_of(server, &request), limit).unwrap().0
	}

	#[test]
	fn database_should_be_served_in_parts_to_its_end() {
		for (count, limit) in [(0, 100), (1, 1), (30, 500), (2_500, u32::MAX), (9_000, u32::MAX)] {
			let databases = Arc::new(DoubleDatabases::new(count));
			let (block, root) = (databases.block, databases.root);
			let server = DatabaseServer { databases: databases.clone(), metrics: metrics() };
			let (mut got, mut after, mut parts) = (Vec::new(), None, 0);
			loop {
				let part = ask(&server, block, root, after, limit).unwrap();
				assert!(part.entries.len() <= MAX_ENTRIES);
				got.extend(part.entries);
				parts += 1;
				if part.last {
					break;
				}
				let last = &databases.entries[got.len() - 1];
				after = Some((last.signed.ctp.expiry, last.id));
			}
			assert_eq!(got, databases.signed());
			assert!(parts <= count.max(1));
		}
	}

	#[test]
	fn other_databases_should_not_be_served() {
		let databases = Arc::new(DoubleDatabases::new(3));
		let (block, root) = (databases.block, databases.root);
		let server = DatabaseServer { databases, metrics: metrics() };
		assert_eq!(ask(&server, Hash::zero(), root, None, 1_000), None);
		assert_eq!(ask(&server, block, Hash::zero(), None, 1_000), None);
		assert_eq!(server.metrics.database_parts_served.get(), 0);
	}

	/// What a server answers one peer that asks all of this at once.
	async fn answered(
		server: impl Answers,
		payloads: impl IntoIterator<Item = Vec<u8>>,
		metrics: &Metrics,
	) -> Vec<OutgoingResponse> {
		let (queue, requests) = async_channel::unbounded();
		let peer = PeerId::random();
		let mut responses = Vec::new();
		for payload in payloads {
			let (pending_response, response) = oneshot::channel();
			queue.try_send(IncomingRequest { peer, payload, pending_response }).unwrap();
			responses.push(response);
		}
		drop(queue);
		Server::new(requests, server, metrics.clone()).run().await;
		future::try_join_all(responses).await.unwrap()
	}

	fn share_of<A: Answers>(_: &A) -> usize {
		A::RATE.burst_bytes as usize
	}

	#[tokio::test]
	async fn who_has_had_its_share_should_be_put_off() {
		let (sidecars, _) = sidecars();
		let large = sidecars.hold(vec![1; ANSWER_BYTES]);
		let server = SidecarServer { sidecars: Arc::new(sidecars), metrics: metrics() };
		let times = share_of(&server) / ANSWER_BYTES + 8;
		let requests = vec![SidecarRequest(vec![large]).encode(); times];
		let answered = answered(server, requests, &metrics()).await;
		assert!(answered[0].result.is_ok());
		assert!(answered.iter().any(|response| response.result.is_err()));
		assert!(answered.iter().all(|response| response.reputation_changes.is_empty()));
	}

	#[tokio::test]
	async fn garbage_and_floods_should_cost_the_peer_that_sent_them() {
		let (sidecars, _) = sidecars();
		let server = SidecarServer { sidecars: Arc::new(sidecars), metrics: metrics() };
		let good = SidecarRequest(vec![hash_of(&[1]); MAX_SIDECARS]).encode();
		let requests = [vec![1, 2, 3], vec![]].into_iter().chain(vec![good; 200]);
		let metrics = metrics();
		let answered = answered(server, requests, &metrics).await;
		for garbage in &answered[..2] {
			assert!(garbage.result.is_err());
			assert_eq!(garbage.reputation_changes, [reputation::MALFORMED_REQUEST]);
		}
		assert!(answered[2].result.is_ok() && answered[2].reputation_changes.is_empty());
		let last = answered.last().unwrap();
		assert!(last.result.is_err());
		assert_eq!(last.reputation_changes, [reputation::FLOODING]);
		let refused = |change: ReputationChange| {
			let of = |protocol| [protocol, change.reason];
			let refused =
				|protocol| metrics.requests_refused.with_label_values(&of(protocol)).get();
			assert_eq!(refused(DATABASE), 0, "another protocol's");
			refused(SIDECAR)
		};
		assert_eq!(refused(reputation::MALFORMED_REQUEST), 2);
		assert!(refused(reputation::FLOODING) > 0);
	}
}
