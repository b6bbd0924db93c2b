//! Lies about what is stored, and garbage.

use super::{
	super::network::{
		limits::Rate,
		messages::{DatabaseAnswer, SidecarAnswer, SidecarRequest},
		peers::Peers,
		server::{Answers, Declined},
		Protocols,
	},
	Lies, Misbehaviour,
};
use codec::{Decode, Encode};
use sc_network::PeerId;
use std::{sync::Arc, time::Duration};

/// From one round of garbage to the next.
const ROUND: Duration = Duration::from_secs(1);
/// Bytes of garbage at once.
const GARBAGE: usize = 300;

/// What a server serves.
#[derive(Clone, Copy, Debug)]
pub enum Serves {
	/// Sidecars.
	Sidecars,
	/// Databases.
	Databases,
}

/// Serves what it should, or not.
pub struct LyingServer<A> {
	pub(super) honest: A,
	pub(super) serves: Serves,
	pub(super) lies: Arc<Lies>,
}

impl<A: Answers> Answers for LyingServer<A> {
	const PROTOCOL: &'static str = A::PROTOCOL;
	const RATE: Rate = A::RATE;

	fn answer(&self, peer: PeerId, request: &[u8]) -> Result<Vec<u8>, Declined> {
		let honest = self.honest.answer(peer, request)?;
		let lie = self.lies.kinds.iter().copied().find_map(|kind| {
			let answer = match (kind, self.serves) {
				(Misbehaviour::SendGarbage, _) => Some(garbage()),
				(kind, Serves::Sidecars) => self.about_sidecars(kind, peer, request, &honest),
				(
					Misbehaviour::ServeWrongBytes | Misbehaviour::ServeWrongDatabase,
					Serves::Databases,
				) => wrong_database(&honest),
				_ => None,
			};
			answer.map(|answer| (kind, answer))
		});
		let Some((kind, answer)) = lie else { return Ok(honest) };
		self.lies.told(kind, format!("{:?} as an answer to {peer}", self.serves));
		Ok(answer)
	}
}

impl<A> LyingServer<A> {
	fn about_sidecars(
		&self,
		kind: Misbehaviour,
		peer: PeerId,
		request: &[u8],
		honest: &[u8],
	) -> Option<Vec<u8>> {
		let SidecarRequest(hashes) = SidecarRequest::read(request).ok()?;
		let SidecarAnswer(mut sidecars) = SidecarAnswer::read(honest, hashes.len()).ok()?;
		let there = hashes.iter().zip(&mut sidecars).filter(|(_, sidecar)| sidecar.is_some());
		let there: Vec<_> = there.collect();
		if there.is_empty() {
			return None;
		}
		let withheld = match kind {
			Misbehaviour::WithholdFromAllButOne if self.favours(peer) => return None,
			Misbehaviour::WithholdFromAll | Misbehaviour::WithholdFromAllButOne => true,
			Misbehaviour::ServeWrongBytes => false,
			_ => return None,
		};
		for (hash, sidecar) in there {
			if withheld {
				self.lies.told(kind, format!("{hash:?} withheld from {peer}"));
				*sidecar = None;
			} else if let Some(last) = sidecar.as_mut().and_then(|bytes| bytes.last_mut()) {
				*last ^= 1;
			}
		}
		Some(SidecarAnswer(sidecars).encode())
	}

	/// Whether this is the first peer that was served.
	fn favours(&self, peer: PeerId) -> bool {
		*self.lies.favoured.lock().get_or_insert(peer) == peer
	}
}

/// The database without its last entry.
fn wrong_database(honest: &[u8]) -> Option<Vec<u8>> {
	let DatabaseAnswer(part) = DatabaseAnswer::decode(&mut &honest[..]).ok()?;
	let mut part = part?;
	part.entries.pop()?;
	Some(DatabaseAnswer(Some(part)).encode())
}

/// Bytes that are no message.
fn garbage() -> Vec<u8> {
	vec![0xa5; GARBAGE]
}

/// Asks every peer nonsense on all protocols, for ever.
pub(super) async fn pester(peers: Arc<dyn Peers>, protocols: Protocols, lies: Arc<Lies>) {
	let mut rounds = tokio::time::interval(ROUND);
	loop {
		rounds.tick().await;
		for peer in peers.connected().await {
			for protocol in [&protocols.sidecar, &protocols.database, &protocols.relay] {
				let answer = peers.ask(peer, protocol.clone(), garbage()).await;
				let what = if answer.is_ok() { "answered" } else { "not answered" };
				let what = format!("as a request on {protocol} to {peer}, {what}");
				lies.told(Misbehaviour::SendGarbage, what);
			}
		}
	}
}
