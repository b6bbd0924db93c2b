//! Transactions of accounts, and messages for the pool.
//!
//! A transaction is mortal and is followed by looking at the chain, not by a subscription: after a
//! break of the connection the chain is looked at again, and when the transaction's time has passed
//! it is known that it will never be in a block. A message (CTP, ERC) is the same however often it
//! is submitted, so it is submitted again wherever its fate is unclear.

use crate::{
	chain::Config,
	connection::{Connection, ConnectionError, Hash, Head, Stall},
	error::{Classify, Kind},
	keys::AccountKey,
};
use spb_primitives::{BlockNumber, Hashing, Refusal};
use subxt::{
	config::DefaultExtrinsicParamsBuilder,
	error::DispatchError,
	events::Phase,
	rpcs::client::rpc_params,
	tx::{Payload, Signer},
	utils::{AccountId32, MultiSignature},
};

/// For how many blocks a transaction may be included.
const MORTALITY: BlockNumber = 64;
/// How far finality may lag for a transaction to be anchored in the last final block.
const ANCHOR_LAG: BlockNumber = MORTALITY / 2;

/// How often a transaction gets another nonce because the one it had was just used.
const NONCE_ATTEMPTS: u32 = 3;

/// Codes of the pool's answers (`sc-rpc-api`, author).
mod pool {
	pub(super) const INVALID: i32 = 1010;
	pub(super) const BANNED: i32 = 1012;
	pub(super) const ALREADY_IMPORTED: i32 = 1013;
	pub(super) const TOO_LOW_PRIORITY: i32 = 1014;
	/// The first and the last code with which the pool or its verification refuses.
	pub(super) const REFUSALS: std::ops::RangeInclusive<i32> = 1001..=1021;
}

/// What goes wrong with a transaction or a message.
#[derive(Debug, thiserror::Error)]
pub enum TxError {
	/// The node.
	#[error(transparent)]
	Connection(#[from] ConnectionError),
	/// A rule of SPB.
	#[error("{0}")]
	Refused(Refusal),
	/// The pool dropped it lately, as it does with what cannot be of use any more.
	#[error("the pool dropped this message lately and does not take it again for some time")]
	Banned,
	/// Another message has its place in the pool.
	#[error("another pending message has this one's place in the pool: try again when it is in the database")]
	PlaceTaken,
	/// The pool refuses for another reason.
	#[error("the pool refuses: {message} ({code})")]
	Pool {
		/// The JSON-RPC error's code.
		code: i32,
		/// What the pool says.
		message: String,
	},
	/// The call failed in its block.
	#[error("{text} ({pallet}::{name})")]
	Failed {
		/// The pallet, or `Runtime` for errors that are no pallet's.
		pallet: String,
		/// The error's name.
		name: String,
		/// Its documentation: what is wrong and what to do.
		text: String,
	},
	/// The transaction can be in no block any more.
	#[error(
		"the transaction was in no block up to {0}, the last it was valid for: submit it again"
	)]
	NeverIncluded(BlockNumber),
	/// The account sent another transaction in this one's place.
	#[error("another transaction of the account took this one's place: submit it again")]
	Replaced,
}

impl Classify for TxError {
	fn kind(&self) -> Kind {
		match self {
			Self::Connection(error) => error.kind(),
			_ => Kind::Refused,
		}
	}

	fn code(&self) -> String {
		match self {
			Self::Connection(error) => error.code(),
			Self::Refused(refusal) => refusal.name().into(),
			Self::PlaceTaken => "place-taken".into(),
			Self::Banned => "banned".into(),
			Self::Pool { code, .. } => format!("pool-{code}"),
			Self::Failed { pallet, name, .. } => format!("{pallet}::{name}"),
			Self::NeverIncluded(_) => "never-included".into(),
			Self::Replaced => "replaced".into(),
		}
	}
}

/// What the pool's answer to a submission means.
fn from_pool(error: ConnectionError) -> TxError {
	let ConnectionError::Rpc { code, message, data, .. } = &error else { return error.into() };
	if !pool::REFUSALS.contains(code) {
		return error.into();
	}
	let custom = data.as_deref().and_then(|data| data.strip_prefix("Custom error: "));
	let refusal = custom.and_then(|code| code.parse().ok()).and_then(Refusal::from_code);
	match (*code, refusal) {
		(pool::INVALID, Some(refusal)) => TxError::Refused(refusal),
		(pool::TOO_LOW_PRIORITY, _) => TxError::PlaceTaken,
		(pool::BANNED, _) => TxError::Banned,
		_ => {
			let message = match data {
				Some(data) => format!("{message}: {data}"),
				None => message.clone(),
			};
			TxError::Pool { code: *code, message }
		},
	}
}

/// The hash by which the pool and blocks know an extrinsic.
fn extrinsic_hash(bytes: &[u8]) -> Hash {
	use sp_runtime::traits::Hash as _;
	Hashing::hash(bytes)
}

impl Signer<Config> for AccountKey {
	fn account_id(&self) -> AccountId32 {
		AccountId32(self.account().into())
	}

	fn sign(&self, payload: &[u8]) -> MultiSignature {
		MultiSignature::Sr25519(self.sign_raw(payload).0)
	}
}

/// A transaction that the pool has taken.
#[derive(Clone, Debug)]
pub struct Submitted {
	/// Its hash.
	pub hash: Hash,
	/// Its account's nonce before it.
	nonce: u64,
	account: spb_primitives::AccountId,
	/// The block before the first one that can hold it.
	since: Head,
	/// The last block that can hold it.
	until: BlockNumber,
}

/// A transaction that is in a block and did what it should.
#[derive(Debug)]
pub struct Included {
	/// The transaction's hash.
	pub hash: Hash,
	/// The block.
	pub block: Head,
	/// The block's events.
	pub events: subxt::events::Events<Config>,
	/// The transaction's number in the block.
	pub index: u32,
}

impl Included {
	/// The first event of this type that the transaction caused.
	pub fn event<E: subxt::events::DecodeAsEvent>(&self) -> Option<E> {
		let ours = |event: &subxt::events::Event<'_, Config>| {
			event.phase() == Phase::ApplyExtrinsic(self.index)
		};
		let mut events = self.events.iter().filter_map(|event| event.ok()).filter(ours);
		events.find_map(|event| event.decode_fields_as::<E>()?.ok())
	}
}

impl Connection {
	/// Signs a call and hands it to the pool.
	pub async fn submit(
		&self,
		call: &impl Payload,
		key: &AccountKey,
	) -> Result<Submitted, TxError> {
		let best = self.best().await?;
		let finalized = self.finalized().await?;
		// An anchor that a fork takes away makes the transaction invalid; one that is too old as well.
		let lag = best.number.saturating_sub(finalized.number);
		let anchor = if lag <= ANCHOR_LAG { finalized } else { best };
		let view = self.view(anchor).await?;
		let account = key.account();
		let until = anchor.number.saturating_add(MORTALITY);
		let _nonces = self.nonces.lock().await;
		let mut attempts = 1;
		loop {
			let address = rpc_params![account.to_string()];
			let nonce: u64 = self.request("system_accountNextIndex", address).await?;
			let params = DefaultExtrinsicParamsBuilder::<Config>::new()
				.nonce(nonce)
				.mortal_from_unchecked(MORTALITY.into(), anchor.number.into(), anchor.hash)
				.build();
			let bytes = view
				.subxt()
				.tx()
				.create_signable_offline(call, params)
				.and_then(|mut signable| signable.sign(key))
				.map_err(|error| self.subxt_error(error.into()))?
				.into_encoded();
			match self.submit_bytes(&bytes).await {
				Ok(hash) => return Ok(Submitted { hash, nonce, account, since: best, until }),
				// Another program has just used the account's nonce.
				Err(TxError::PlaceTaken) if attempts < NONCE_ATTEMPTS => attempts += 1,
				Err(TxError::PlaceTaken) => return Err(TxError::Replaced),
				Err(error) => return Err(error),
			}
		}
	}

	/// Signs a call, hands it to the pool and waits until it is in a block of the best chain.
	pub async fn submit_and_wait(
		&self,
		call: &impl Payload,
		key: &AccountKey,
	) -> Result<Included, TxError> {
		let submitted = self.submit(call, key).await?;
		self.wait_for(&submitted).await
	}

	/// Waits until a transaction is in a block of the best chain, and fails if it failed there.
	pub async fn wait_for(&self, submitted: &Submitted) -> Result<Included, TxError> {
		let mut heads = self.heads(Stall::default());
		let mut checked = submitted.since.number;
		loop {
			let best = heads.next().await?;
			if self.nonce_at(best, &submitted.account).await? > submitted.nonce {
				// A switch of forks may have put it into a block before the one looked at last.
				let first = checked.min(best.number).saturating_sub(ANCHOR_LAG);
				return match self.find(submitted.hash, first, best).await? {
					Some((block, index)) => self.outcome(submitted.hash, block, index).await,
					None => Err(TxError::Replaced),
				};
			}
			if best.number > submitted.until {
				return Err(TxError::NeverIncluded(submitted.until));
			}
			checked = best.number;
		}
	}

	/// Hands a message to the pool. One that the pool has already is taken as well.
	pub async fn submit_message(&self, message: &impl Payload) -> Result<Hash, TxError> {
		let view = self.best_view().await?;
		let bytes = view
			.subxt()
			.tx()
			.create_unsigned(message)
			.map_err(|error| self.subxt_error(error.into()))?
			.into_encoded();
		match self.submit_bytes(&bytes).await {
			// It may have arrived or not; the same message once more does no harm.
			Err(TxError::Connection(ConnectionError::Unreachable { .. })) => {
				self.submit_bytes(&bytes).await
			},
			other => other,
		}
	}

	/// Hands an encoded extrinsic to the pool as it is.
	pub async fn submit_bytes(&self, bytes: &[u8]) -> Result<Hash, TxError> {
		let params = rpc_params![crate::files::to_hex(bytes)];
		match self.request("author_submitExtrinsic", params).await.map_err(from_pool) {
			Err(TxError::Pool { code: pool::ALREADY_IMPORTED, .. }) => Ok(extrinsic_hash(bytes)),
			other => other,
		}
	}

	async fn nonce_at(
		&self,
		head: Head,
		account: &spb_primitives::AccountId,
	) -> Result<u64, TxError> {
		let view = self.view(head).await?;
		let account = AccountId32(account.clone().into());
		let nonce = view.subxt().tx().account_nonce(&account).await;
		nonce.map_err(|error| self.subxt_error(error.into()).into())
	}

	/// Looks for an extrinsic from `best` down to block number `first`.
	async fn find(
		&self,
		hash: Hash,
		first: BlockNumber,
		best: Head,
	) -> Result<Option<(Head, u32)>, TxError> {
		let mut block = best;
		loop {
			let body = self.body(block.hash).await?;
			let at = (0u32..).zip(&body).find(|(_, bytes)| extrinsic_hash(bytes) == hash);
			if let Some((index, _)) = at {
				return Ok(Some((block, index)));
			}
			if block.number <= first.max(1) {
				return Ok(None);
			}
			let parent = self.header(block.hash).await?.parent_hash;
			block = Head { number: block.number - 1, hash: parent };
		}
	}

	/// The encoded extrinsics of a block.
	pub async fn body(&self, hash: Hash) -> Result<Vec<Vec<u8>>, ConnectionError> {
		#[derive(serde::Deserialize)]
		struct Signed {
			block: Block,
		}
		#[derive(serde::Deserialize)]
		struct Block {
			extrinsics: Vec<String>,
		}
		let method = "chain_getBlock";
		let signed: Option<Signed> = self.request(method, rpc_params![hash]).await?;
		let signed = signed.ok_or_else(|| ConnectionError::UnknownBlock(hash.to_string()))?;
		let decoded = signed.block.extrinsics.iter().map(|text| crate::files::from_hex(text));
		decoded
			.collect::<Result<_, _>>()
			.map_err(|reason| ConnectionError::Malformed { method: method.into(), reason })
	}

	/// What became of an extrinsic in its block.
	async fn outcome(&self, hash: Hash, block: Head, index: u32) -> Result<Included, TxError> {
		let view = self.view(block).await?;
		let events = view.subxt().events().fetch().await;
		let events = events.map_err(|error| self.subxt_error(error.into()))?;
		for event in events.iter() {
			let event = event.map_err(|error| self.subxt_error(error.into()))?;
			let failed = (event.pallet_name(), event.event_name()) == ("System", "ExtrinsicFailed");
			if failed && event.phase() == Phase::ApplyExtrinsic(index) {
				let metadata = view.subxt().metadata();
				let error = DispatchError::decode_from(event.field_bytes(), metadata)
					.map_err(|error| self.subxt_error(error.into()))?;
				return Err(from_dispatch(error));
			}
		}
		Ok(Included { hash, block, events, index })
	}
}

/// What a dispatch error says, in the words of its pallet's documentation.
fn from_dispatch(error: DispatchError) -> TxError {
	if let DispatchError::Module(error) = &error {
		if let Ok(details) = error.details() {
			let text = details.variant.docs.join(" ");
			return TxError::Failed {
				pallet: details.pallet.name().into(),
				name: details.variant.name.clone(),
				text: text.trim().trim_end_matches('.').into(),
			};
		}
	}
	let name = match &error {
		DispatchError::Token(error) => format!("Token{error:?}"),
		DispatchError::Arithmetic(error) => format!("Arithmetic{error:?}"),
		other => format!("{other:?}"),
	};
	TxError::Failed { pallet: "Runtime".into(), name, text: error.to_string() }
}

#[cfg(test)]
mod tests {
	use super::*;

	fn answer(code: i32, data: Option<&str>) -> TxError {
		from_pool(ConnectionError::Rpc {
			method: "author_submitExtrinsic".into(),
			code,
			message: "Invalid Transaction".into(),
			data: data.map(Into::into),
		})
	}

	#[test]
	fn refusals_of_the_pool_should_be_named() {
		for refusal in Refusal::ALL {
			let error = answer(1010, Some(&format!("Custom error: {}", refusal.code())));
			assert_eq!((error.kind(), error.code()), (Kind::Refused, refusal.name().to_owned()));
			assert!(error.to_string().contains(refusal.rule()), "{error}");
		}
	}

	#[test]
	fn other_answers_of_the_pool_should_be_told_apart() {
		assert!(matches!(answer(1014, Some("too low")), TxError::PlaceTaken));
		assert!(matches!(answer(1012, None), TxError::Banned));
		let error = answer(1010, Some("Transaction is outdated"));
		assert_eq!((error.kind(), error.code().as_str()), (Kind::Refused, "pool-1010"));
		assert!(error.to_string().contains("Transaction is outdated"), "{error}");
		assert_eq!(answer(1010, Some("Custom error: 255")).code(), "pool-1010");
		assert_eq!(answer(1010, Some("Custom error: 300")).code(), "pool-1010");
		let error = answer(-32601, None);
		assert_eq!((error.kind(), error.code().as_str()), (Kind::Failed, "rpc-32601"));
	}

	#[test]
	fn dispatch_errors_of_the_runtime_should_be_named() {
		let error = from_dispatch(DispatchError::BadOrigin);
		assert_eq!((error.kind(), error.code().as_str()), (Kind::Refused, "Runtime::BadOrigin"));
	}
}
