//! The meter that needs a certificate.

use super::CertifyError;
use crate::{
	chain::{ListedMeter, View},
	connection::Connection,
	error::{Classify, Kind},
	keys::{random_below, random_bytes, AccountKey, Secret},
	meter::{last_block, Meter, Moment, Stock, VALIDITY_STEP},
	negotiate::{until, Writer},
	progress::Progress,
	relay::{self, Letters, Post},
};
use serde::Serialize;
use sp_core::H256;
use spb_primitives::{
	coe::verify_meter,
	relay::{Body, CoeRefusal, CoeRequest},
	BlockNumber, Coe, MeterKey,
};
use std::{fmt, sync::Arc, time::Duration};

/// How many times a request is sent to one meter before another is asked.
const REPEATS: u16 = 2;

/// How many listed meters are looked at, to choose from them at random.
const SAMPLE: usize = 64;

/// What tree a meter wants certified, and how it goes about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
	/// How many one-time keys.
	pub leaves: u32,
	/// For how many blocks the certificate is to count at the most; it runs out at the last multiple of
	/// [`VALIDITY_STEP`] among them.
	pub valid_for: BlockNumber,
	/// How many meters to ask at the most.
	pub candidates: u32,
	/// How long to wait for each of a request's sendings to be answered.
	pub patience: Duration,
}

impl Wanted {
	/// Whether trees like this make up such a stock: each has as many keys as count as ready, and
	/// counts for long enough that it need not be replaced as soon as it is there, whatever is lost of
	/// its blocks because certificates run out at multiples of [`VALIDITY_STEP`].
	///
	/// # Errors
	///
	/// If they never would, and trees were certified for ever.
	pub fn check(&self, stock: &Stock) -> Result<(), CertifyError> {
		let Self { leaves, valid_for, .. } = *self;
		let Stock { margin, blocks, .. } = *stock;
		if leaves < margin.max(1) {
			return Err(CertifyError::TooSmall { leaves, margin: margin.max(1) });
		}
		let least = blocks.saturating_mul(2).saturating_add(VALIDITY_STEP);
		if valid_for < least {
			return Err(CertifyError::TooShort { valid_for, reserve: blocks, least });
		}
		Ok(())
	}
}

/// A tree that has been certified.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Certified {
	/// Its root.
	pub root: H256,
	/// How many one-time keys it has.
	pub leaves: u32,
	/// The last block at which the certificate counts.
	pub valid_until: BlockNumber,
	/// How many meters were asked.
	pub asked: u32,
}

/// A meter that has its trees certified by others.
#[derive(Clone)]
pub struct Requester {
	connection: Connection,
	post: Post,
	meter: Arc<Meter>,
	progress: Arc<dyn Progress>,
}

impl fmt::Debug for Requester {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "Requester({:?})", self.connection)
	}
}

impl Requester {
	/// A meter that writes through the backbone.
	pub fn new(
		connection: Connection,
		post: Post,
		meter: Arc<Meter>,
		progress: Arc<dyn Progress>,
	) -> Self {
		Self { connection, post, meter, progress }
	}

	/// Has as many trees certified as the meter lacks of its stock.
	///
	/// # Errors
	///
	/// If trees like the wanted ones never make up the stock, or one could not be certified.
	pub async fn restock(
		&self,
		stock: &Stock,
		wanted: &Wanted,
	) -> Result<Vec<Certified>, CertifyError> {
		wanted.check(stock)?;
		let mut certified = Vec::new();
		while self.is_short(stock, certified.len()).await? {
			certified.push(self.obtain(wanted).await?);
		}
		Ok(certified)
	}

	/// One turn of keeping the stock up: the same, but that nobody certifies a tree now is noted, and
	/// no reason to give up.
	///
	/// # Errors
	///
	/// What another turn does not mend: the meter cannot ask, or what is wanted cannot be.
	pub async fn turn(
		&self,
		stock: &Stock,
		wanted: &Wanted,
	) -> Result<Vec<Certified>, CertifyError> {
		wanted.check(stock)?;
		let mut certified = Vec::new();
		loop {
			let more = match self.is_short(stock, certified.len()).await {
				Ok(true) => self.obtain(wanted).await,
				Ok(false) => return Ok(certified),
				Err(error) => Err(error),
			};
			match more {
				Ok(tree) => certified.push(tree),
				Err(error) if error.kind() == Kind::BadInput => return Err(error),
				Err(error) => {
					self.post.note(&error.to_string());
					return Ok(certified);
				},
			}
		}
	}

	/// Whether a tree is missing of the stock, so many having been certified since it was looked at
	/// first: never more than the whole stock is asked for at once.
	async fn is_short(&self, stock: &Stock, certified: usize) -> Result<bool, CertifyError> {
		if certified >= stock.trees as usize {
			return Ok(false);
		}
		let now = self.connection.best().await?.number;
		Ok(self.meter.trees_missing(stock, &self.connection.genesis(), now)? > 0)
	}

	/// Has one more tree certified. Trees that are of no use any more are forgotten.
	pub async fn obtain(&self, wanted: &Wanted) -> Result<Certified, CertifyError> {
		let genesis = self.connection.genesis();
		let view = self.connection.best_view().await?;
		self.tidy(&view).await?;
		let mut candidates = self.candidates(&view).await?;
		let (mut asked, mut last) = (0, String::new());
		while asked < wanted.candidates {
			let Some(at) = random_below(candidates.len()) else { break };
			let candidate = candidates.swap_remove(at);
			let view = self.connection.best_view().await?;
			if !is_certified(&view, &candidate).await? {
				continue;
			}
			asked += 1;
			let valid_until = last_block(view.head().number, wanted.valid_for)?;
			let (leaves, to) = (wanted.leaves, candidate.contact);
			let progress = &*self.progress;
			let request = self.meter.ask_for_coe(&to, leaves, valid_until, &genesis, progress)?;
			match self.settle(&candidate, &request, wanted.patience).await {
				Ok(Ok(coe)) => {
					return Ok(Certified { root: coe.root, leaves, valid_until, asked });
				},
				// Whatever the reason, nobody is to certify this tree any more.
				other => {
					self.meter.abandon_tree(&request.root)?;
					last = other?.err().unwrap_or_default();
					self.post.note(&last);
				},
			}
		}
		match asked {
			0 => Err(CertifyError::NoCandidates),
			asked => Err(CertifyError::NobodySigned { asked, last }),
		}
	}

	/// Has the meter forget what is of no use after this block.
	async fn tidy(&self, view: &View) -> Result<(), CertifyError> {
		let finalized = self.connection.finalized().await?.number;
		let settles_from = finalized.saturating_sub(view.parameters().await?.grace);
		let genesis = self.connection.genesis();
		let moment = Moment { genesis: &genesis, now: view.head().number, settles_from };
		Ok(self.meter.tidy(&moment)?)
	}

	/// Asks one meter, and keeps its certificate; what is in the way if it gives none that holds.
	async fn settle(
		&self,
		candidate: &ListedMeter,
		request: &CoeRequest,
		patience: Duration,
	) -> Result<Result<Coe, String>, CertifyError> {
		let coe = match self.ask(candidate, request, patience).await {
			Ok(Some(Ok(coe))) => coe,
			Ok(Some(Err(reason))) => return Ok(Err(format!("it refuses: {reason}"))),
			Ok(None) => return Ok(Err("it does not answer".into())),
			Err(CertifyError::Relay(error)) => return Ok(Err(error.to_string())),
			Err(error) => return Err(error),
		};
		match self.keep(candidate, request, &coe).await {
			Ok(()) => Ok(Ok(coe)),
			Err(CertifyError::Meter(error)) => Ok(Err(format!("its certificate is none: {error}"))),
			Err(error) => Err(error),
		}
	}

	/// Some of the listed meters, from anywhere in the list, our own left out.
	async fn candidates(&self, view: &View) -> Result<Vec<ListedMeter>, CertifyError> {
		let own = self.meter.key()?;
		let from = MeterKey::from_raw(random_bytes());
		let mut listed = view.meters(from, SAMPLE).await?;
		listed.retain(|meter| meter.key != own && !meter.contact.is_none());
		Ok(listed)
	}

	/// Sends the request to one meter, and again by another way, and waits for its word; none if it
	/// is silent.
	async fn ask(
		&self,
		candidate: &ListedMeter,
		request: &CoeRequest,
		patience: Duration,
	) -> Result<Option<Result<Coe, CoeRefusal>>, CertifyError> {
		let mut letters = Letters::new();
		let from = self.post.attach_fresh(&mut letters).await?.public();
		let negotiation = random_bytes();
		let key = AccountKey::from_secret(&Secret::random());
		let mut writer = Writer { key, to: candidate.contact, from, negotiation, last: None };
		for _ in 0..REPEATS {
			let body = Body::CoeRequest { request: request.clone() };
			if let Err(error) = writer.write(&self.post, 0, body).await {
				self.post.note(&error.to_string());
			}
			let waited = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
			let deadline = relay::now().saturating_add(waited);
			loop {
				let letter = match tokio::time::timeout(until(deadline), letters.next()).await {
					Ok(letter) => letter.content,
					Err(_) => break,
				};
				if letter.negotiation != negotiation {
					continue;
				}
				match letter.body {
					Body::CoeSigned { coe } => return Ok(Some(Ok(coe))),
					Body::CoeRefused { reason } => return Ok(Some(Err(reason))),
					_ => {},
				}
			}
		}
		Ok(None)
	}

	/// Keeps a certificate, if it is what was asked for.
	async fn keep(
		&self,
		candidate: &ListedMeter,
		request: &CoeRequest,
		coe: &Coe,
	) -> Result<(), CertifyError> {
		let view = self.connection.best_view().await?;
		let register = view.register(coe.manufacturer, &coe.signer).await?;
		let (now, genesis) = (view.head().number, self.connection.genesis());
		Ok(self.meter.keep_answer(request, coe, &candidate.key, now, &genesis, &register)?)
	}
}

/// Whether the signature of a listed meter would count.
async fn is_certified(view: &View, listed: &ListedMeter) -> Result<bool, CertifyError> {
	let register = view.register(listed.manufacturer, &listed.key).await?;
	let (key, certificate) = (&listed.key, &listed.certificate);
	let genesis = view.genesis();
	Ok(verify_meter(key, listed.manufacturer, certificate, &genesis, &register).is_ok())
}
