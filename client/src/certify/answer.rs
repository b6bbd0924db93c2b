//! The meter that certifies others.

use super::{allowance::Allowance, CertifyError};
use crate::{
	connection::Connection,
	keys::{AccountKey, Secret},
	meter::Meter,
	negotiate::{Outbox, Writer},
	relay::{self, Contacts, Letters, Post, RelayError},
};
use serde::Serialize;
use spb_primitives::{
	relay::{Body, CoeRefusal, CoeRequest, ContactKey, Letter},
	BlockNumber, Coe,
};
use std::{fmt, sync::Arc};

/// For what a meter answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Willing {
	/// For how many blocks its certificates count at the most.
	pub longest: BlockNumber,
	/// How many it gives in an hour at the most.
	pub per_hour: u32,
	/// How many of these one meter gets, so that none can use up all of them.
	pub per_meter: u32,
}

/// What was answered. It does not say to whom.
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
	pub(super) allowance: Allowance,
	/// Answers on their way, with what is told of them.
	outbox: Outbox<Answered>,
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
		let (allowance, outbox) = (Allowance::default(), Outbox::new(post.clone()));
		Ok(Self { connection, post, meter, contact, willing, letters, allowance, outbox })
	}

	/// Answers until an answer has been sent, and tells which.
	pub async fn next(&mut self) -> Result<Answered, CertifyError> {
		loop {
			let letter = tokio::select! {
				answered = self.outbox.next() => return Ok(answered),
				letter = self.letters.next() => letter,
				// Also while nobody asks.
				() = self.allowance.until_due() => {
					self.allowance.expire(relay::now());
					continue;
				},
			};
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
			self.reply(&letter, body, answered);
		}
	}

	async fn judge(
		&mut self,
		request: &CoeRequest,
	) -> Result<Result<Coe, CoeRefusal>, CertifyError> {
		let view = self.connection.best_view().await?;
		let register = view.register(request.manufacturer, &request.requester).await?;
		let (block, longest) = (view.head().number, self.willing.longest);
		let (to, genesis) = (&self.contact, self.connection.genesis());
		let answer = self.meter.answer_coe(request, to, longest, block, &genesis, &register)?;
		Ok(match answer {
			Ok(_) if !self.allowance.take(request, relay::now(), &self.willing) => {
				Err(CoeRefusal::Busy)
			},
			other => other,
		})
	}

	/// Writes back, with a key that is nobody's: a certificate says itself who gave it.
	fn reply(&mut self, letter: &Letter, body: Body, answered: Answered) {
		let content = &letter.content;
		let mut writer = Writer {
			key: AccountKey::from_secret(&Secret::random()),
			to: content.reply_to,
			from: self.contact,
			negotiation: content.negotiation,
			last: None,
		};
		let answer = writer.compose(&self.post.genesis(), 0, body);
		self.outbox.send(self.contact, vec![answer], move |taken| taken.then_some(answered));
	}
}
