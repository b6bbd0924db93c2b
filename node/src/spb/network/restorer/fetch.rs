//! How a database comes from one peer, part by part.

use super::{
	super::{
		super::{runtime::DatabaseError, Hash, Header},
		messages::{DatabaseAnswer, DatabasePart, DatabaseRequest, MessageError},
		peers::Peers,
		reputation, DATABASE,
	},
	Restore, Restorer,
};
use codec::Encode;
use pallet_spb::runtime_api::{NotRestored, RestoreStep, Restoring};
use sc_network::{request_responses::RequestFailure, PeerId};
use spb_primitives::{BlockNumber, CtpId, SignedCtp};
use std::time::Duration;

/// Bytes of one part.
const PART_BYTES: u32 = 1024 * 1024;

/// Why a database was not fetched from a peer.
#[derive(Debug, thiserror::Error)]
pub enum NotFetched {
	/// The peer fails.
	#[error("the peer does not answer: {0}")]
	Request(#[from] RequestFailure),
	/// The peer has not got it.
	#[error("the peer has not got it")]
	NotThere,
	/// The peer's answer is none.
	#[error("the answer is none: {0}")]
	Malformed(#[from] MessageError),
	/// The peer takes too long.
	#[error("the peer has not sent all of it within {} s", .0.as_secs())]
	Late(Duration),
	/// What the peer sent is not the database.
	#[error("what the peer sent is refused: {0:?}")]
	Refused(NotRestored),
	/// The runtime does not take it.
	#[error(transparent)]
	Runtime(#[from] DatabaseError),
}

impl<R: Restore> Restorer<R> {
	/// Fetches a database from one peer; gives the number of its entries.
	pub(super) async fn fetch(
		&self,
		peer: PeerId,
		header: &Header,
		root: Hash,
		peers: &dyn Peers,
	) -> Result<usize, NotFetched> {
		let block = header.hash();
		let (mut after, mut count) = (None, 0);
		loop {
			let request = DatabaseRequest { block, root, after, limit: PART_BYTES };
			let part = self.fetch_part(peer, &request, peers).await?;
			if count == 0 {
				self.step(peer, header, RestoreStep::Begin, peers)?;
			}
			count += part.entries.len();
			after = part.entries.last().map(|last| self.place(last)).or(after);
			if !part.entries.is_empty() {
				self.step(peer, header, RestoreStep::Entries(part.entries), peers)?;
			}
			if part.last {
				break;
			}
			tokio::time::sleep(self.timing.pause).await;
		}
		while self.step(peer, header, RestoreStep::Finish, peers)? == Restoring::More {}
		Ok(count)
	}

	fn place(&self, entry: &SignedCtp) -> (BlockNumber, CtpId) {
		(entry.ctp.expiry, CtpId::of(&entry.ctp, &self.genesis))
	}

	async fn fetch_part(
		&self,
		peer: PeerId,
		request: &DatabaseRequest,
		peers: &dyn Peers,
	) -> Result<DatabasePart, NotFetched> {
		let bytes = peers.ask(peer, self.protocol.clone(), request.encode()).await?;
		let answer = DatabaseAnswer::read(&bytes, request.limit).inspect_err(|_| {
			peers.report(peer, reputation::MALFORMED_ANSWER);
			self.metrics.answer_refused(DATABASE, &reputation::MALFORMED_ANSWER);
		})?;
		answer.0.ok_or(NotFetched::NotThere)
	}

	fn step(
		&self,
		peer: PeerId,
		header: &Header,
		step: RestoreStep,
		peers: &dyn Peers,
	) -> Result<Restoring, NotFetched> {
		self.rules.step(header, step)?.map_err(|refusal| {
			let proven = match refusal {
				NotRestored::OutOfOrder
				| NotRestored::TooManyOpen
				| NotRestored::WrongRoot
				| NotRestored::PartTooLarge => true,
				NotRestored::NotBegun | NotRestored::NoDigest | NotRestored::Damaged => false,
			};
			if proven {
				peers.report(peer, reputation::WRONG_DATABASE);
				self.metrics.answer_refused(DATABASE, &reputation::WRONG_DATABASE);
			}
			NotFetched::Refused(refusal)
		})
	}
}
