//! The meter that certifies others.

use super::CertifyError;
use crate::{
	connection::Connection,
	keys::{AccountKey, Secret},
	meter::Meter,
	negotiate::Writer,
	relay::{self, Contacts, Letters, Post, RelayError},
};
use serde::Serialize;
use spb_primitives::{
	relay::{Body, CoeRefusal, CoeRequest, ContactKey, Letter},
	BlockNumber, Coe,
};
use std::{collections::VecDeque, fmt, sync::Arc};

/// In milliseconds.
const HOUR: u64 = 60 * 60 * 1_000;

/// For what a meter answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Willing {
	/// For how many blocks its certificates count at the most.
	pub longest: BlockNumber,
	/// How many it gives in an hour at the most.
	pub per_hour: u32,
}

/// What was answered. It does not say to whom: that is forgotten.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "event")]
pub enum Answered {
	/// A tree was certified.
	Signed {
		/// How many one-time keys it has.
		leaves: u32,
		/// The last block at which the certificate counts.
		valid_until: BlockNumber,
	},
	/// A request was refused.
	Refused {
		/// Why.
		#[serde(serialize_with = "as_text")]
		reason: CoeRefusal,
	},
}

fn as_text<S: serde::Serializer>(reason: &CoeRefusal, serializer: S) -> Result<S::Ok, S::Error> {
	serializer.collect_str(reason)
}

/// A listed meter that answers requests.
pub struct Certifier {
	connection: Connection,
	post: Post,
	meter: Arc<Meter>,
	contact: ContactKey,
	willing: Willing,
	letters: Letters,
	/// When certificates were given in the last hour, in milliseconds since 1970.
	given: VecDeque<u64>,
}

impl fmt::Debug for Certifier {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "Certifier({})", self.contact)
	}
}

impl Certifier {
	/// Attaches the contact key that the chain lists the meter with.
	///
	/// # Errors
	///
	/// If the meter is not listed, its contact key's secret is elsewhere, or the backbone cannot be
	/// reached.
	pub async fn open(
		connection: Connection,
		post: Post,
		meter: Arc<Meter>,
		contacts: &Contacts,
		willing: Willing,
	) -> Result<Self, CertifyError> {
		let listed = connection.best_view().await?.meter_of(&meter.key()?).await?;
		let contact = listed.ok_or(CertifyError::NotListed)?.contact;
		let secret = contacts.find(&contact)?.ok_or(RelayError::NotOurs(contact))?;
		let mut letters = Letters::new();
		letters.attach(&post, secret).await?;
		Ok(Self { connection, post, meter, contact, willing, letters, given: VecDeque::new() })
	}

	/// Answers the next request, and tells how.
	pub async fn next(&mut self) -> Result<Answered, CertifyError> {
		loop {
			let letter = self.letters.next().await;
			let Body::CoeRequest { request } = &letter.content.body else { continue };
			let answer = match self.judge(request).await {
				Ok(answer) => answer,
				// The node may be there again for the next one, and this one comes again.
				Err(CertifyError::Connection(error)) => {
					self.post.note(&error.to_string());
					continue;
				},
				Err(error) => return Err(error),
			};
			let answered = match &answer {
				Ok(coe) => Answered::Signed { leaves: coe.leaves, valid_until: coe.valid_until },
				Err(reason) => Answered::Refused { reason: *reason },
			};
			let body = match answer {
				Ok(coe) => Body::CoeSigned { coe },
				Err(reason) => Body::CoeRefused { reason },
			};
			match self.reply(&letter, body).await {
				Ok(()) => return Ok(answered),
				Err(error) => self.post.note(&error.to_string()),
			}
		}
	}

	async fn judge(
		&mut self,
		request: &CoeRequest,
	) -> Result<Result<Coe, CoeRefusal>, CertifyError> {
		let now = relay::now();
		while self.given.front().is_some_and(|at| at.saturating_add(HOUR) <= now) {
			self.given.pop_front();
		}
		if self.given.len() >= self.willing.per_hour as usize {
			return Ok(Err(CoeRefusal::Busy));
		}
		let view = self.connection.best_view().await?;
		let register = view.register(request.manufacturer, &request.requester).await?;
		let (block, longest) = (view.head().number, self.willing.longest);
		let (to, genesis) = (&self.contact, self.connection.genesis());
		let answer = self.meter.answer_coe(request, to, longest, block, &genesis, &register)?;
		if answer.is_ok() {
			self.given.push_back(now);
		}
		Ok(answer)
	}

	/// Writes back, with a key that is nobody's: a certificate says itself who gave it.
	async fn reply(&self, letter: &Letter, body: Body) -> Result<(), RelayError> {
		let content = &letter.content;
		let mut writer = Writer {
			key: AccountKey::from_secret(&Secret::random()),
			to: content.reply_to,
			from: self.contact,
			negotiation: content.negotiation,
			last: None,
		};
		writer.write(&self.post, 0, body).await.map(|_| ())
	}
}
