//! Those who trade: one producer, consumers with a vault and a meter each, for SPB; and as many
//! payers, for the baseline, as trades are ever offered at once, so that none of them waits for
//! another's nonce.

use super::{
	error::Result,
	follower::What,
	meters::{Consumer, Signed, Signer, Terms},
	network::Network,
	pen::{malformed, Pen},
	EvaluationError,
};
use futures::future::try_join_all;
use sp_runtime::traits::Hash as _;
use spb_client::{
	chain::{calls, runtime, OfferFilter, Terms as OfferTerms},
	connection::{Connection, Hash, Head},
	keys::{AccountKey, Secret},
};
use spb_primitives::{
	listed_price, relay::ContactKey, units::SPB, AccountId, BlockNumber, Energy, Hashing, Limits,
	Money, OfferId, Price,
};
use std::collections::BTreeSet;
use subxt::{rpcs::client::rpc_params, tx::Payload};

/// What the producer offers: enough for every evaluation.
const OFFERED: Energy = Energy::from_wh(2_000_000_000);
/// What it asks.
const PRICE: Price = Price::per_kwh(SPB / 10);
/// The energy of a trade.
const ENERGY: Energy = Energy::from_wh(100);
/// What each consumer sets aside.
const VAULT: Money = Money::from_units(500 * SPB);
/// How long a trade may take, in blocks, whichever way it is done.
pub const LIFETIME: BlockNumber = 1_200;
/// Open CTPs that a consumer has at the most: places in the pool for one vault are few.
pub const PER_CONSUMER: usize = 48;

/// The keys of all who trade, before there is a chain.
#[derive(Clone, Debug)]
pub struct Keys {
	producer: AccountKey,
	consumers: Vec<AccountKey>,
	payers: Vec<AccountKey>,
}

impl Keys {
	/// For so many consumers and payers.
	pub fn generate(consumers: usize, payers: usize) -> Self {
		let fresh = || AccountKey::from_secret(&Secret::random());
		let some = |count| (0..count).map(|_| fresh()).collect();
		Self { producer: fresh(), consumers: some(consumers), payers: some(payers) }
	}

	/// The accounts.
	pub fn accounts(&self) -> Vec<AccountId> {
		let all = [&self.producer].into_iter().chain(&self.consumers).chain(&self.payers);
		all.map(AccountKey::account).collect()
	}
}

/// A payer of the baseline.
struct Payer {
	key: AccountKey,
	nonce: u64,
}

/// The messages of a trade by SPB, encoded.
#[derive(Clone, Debug)]
pub struct SpbMessages {
	/// Which consumer's.
	pub consumer: usize,
	/// What was signed.
	pub signed: Signed,
	/// The CTP as it is submitted.
	pub commit: Vec<u8>,
	/// The ERC as it is submitted.
	pub confirm: Vec<u8>,
}

/// The transactions of a trade by the baseline, encoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EscrowTransactions {
	/// Which payer's.
	pub payer: usize,
	/// The producer sets the contract up.
	pub set_up: Vec<u8>,
	/// The consumer pays.
	pub pay: Vec<u8>,
	/// The consumer confirms.
	pub confirm: Vec<u8>,
}

/// Bytes of the transactions that come before SPB can be traded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetUpBytes {
	/// Opening the energy account.
	pub open: usize,
	/// The first offer.
	pub offer: usize,
	/// Adding energy to it.
	pub top_up: usize,
	/// A deposit.
	pub deposit: usize,
}

/// All who trade on one network.
pub struct Market {
	producer: AccountKey,
	offer: OfferId,
	consumers: Vec<Consumer>,
	payers: Vec<Payer>,
	signer: Signer,
	limits: Limits,
	payment: Money,
	set_up: SetUpBytes,
	/// Who has its turn next.
	next_consumer: usize,
	next_payer: usize,
	pen: Pen,
	now: BlockNumber,
	/// The number that the next contract will get.
	next_contract: u32,
	producer_nonce: u64,
}

impl Market {
	/// Opens the market on a network whose accounts are those of the keys.
	pub async fn open(network: &Network, keys: Keys) -> Result<Self> {
		let connection = network.producer();
		let pen = Pen::take(connection).await?;
		let Keys { producer, consumers, payers } = keys;
		let open = pen.signed(&calls::open_account_with_burn(), &producer, 0)?;
		let offer = calls::offer_energy(OFFERED, PRICE, OfferTerms::Listed, ContactKey::default());
		let offer = pen.signed(&offer, &producer, 1)?;
		let deposits = consumers.iter().map(|key| pen.signed(&calls::deposit(VAULT), key, 0));
		let deposits = deposits.collect::<Result<Vec<_>>>()?;
		let top_up = pen.signed(&calls::top_up_offer(0, ENERGY), &producer, 2)?;
		let set_up = SetUpBytes {
			open: open.len(),
			offer: offer.len(),
			top_up: top_up.len(),
			deposit: deposits.first().map_or(0, Vec::len),
		};
		let all = [vec![open, offer], deposits].concat();
		include(network, &all).await?;

		let view = connection.best_view().await?;
		let limits = view.limits().await?;
		let filter = OfferFilter { producer: Some(producer.account()), ..Default::default() };
		let offers = view.offers(filter).await?;
		let offer = offers.first().ok_or_else(|| absent("the offer"))?.id;
		let mut stocked = Vec::new();
		for key in consumers {
			let vault = view.vault_of(&key.account()).await?.ok_or_else(|| absent("a vault"))?;
			stocked.push(Consumer::new(key, vault.id));
		}
		let payment = listed_price(PRICE, ENERGY).ok_or_else(|| absent("the price"))?;
		let mut market = Self {
			producer,
			offer,
			consumers: stocked,
			payers: payers.into_iter().map(|key| Payer { key, nonce: 0 }).collect(),
			signer: Signer::certified(connection.genesis())?,
			limits,
			payment,
			set_up,
			next_consumer: 0,
			next_payer: 0,
			pen,
			now: view.head().number,
			next_contract: 0,
			producer_nonce: 0,
		};
		market.renew(network).await?;
		Ok(market)
	}

	/// Looks at where the chain is now. To be called when no trade is under way, before trades are
	/// signed.
	pub async fn renew(&mut self, network: &Network) -> Result<()> {
		let connection = network.producer();
		self.pen = Pen::take(connection).await?;
		self.now = connection.finalized().await?.number;
		let next = runtime::storage().escrow().next_contract();
		let view = connection.best_view().await?;
		let stored = view.subxt().storage().try_fetch(next, ()).await;
		let stored = stored.map_err(|error| malformed("Escrow.NextContract", &error))?;
		let decoded = stored.map(|value| value.decode()).transpose();
		let decoded = decoded.map_err(|error| malformed("Escrow.NextContract", &error))?;
		self.next_contract = decoded.unwrap_or_default();
		self.producer_nonce = next_nonce(connection, &self.producer.account()).await?;
		Ok(())
	}

	/// The runtime's limits, the fee of a settlement among them.
	pub fn limits(&self) -> &Limits {
		&self.limits
	}

	/// Bytes of what comes before trading.
	pub fn set_up_bytes(&self) -> SetUpBytes {
		self.set_up
	}

	/// Signs trades by SPB: each consumer in turn makes one. They end after `lifetime` blocks at the
	/// latest, some a little earlier.
	pub fn sign_spb(&mut self, count: usize, lifetime: BlockNumber) -> Result<Vec<SpbMessages>> {
		let most = self.consumers.len().saturating_mul(PER_CONSUMER);
		if count > most {
			let reason = format!("{count} trades at once are more than {most}");
			return Err(EvaluationError::Unexpected(reason));
		}
		let amount = self.payment.checked_add(self.limits.fee);
		let terms = Terms {
			offer: self.offer,
			energy: ENERGY,
			amount: amount.ok_or_else(|| absent("an amount that can be counted"))?,
			now: self.now,
			lifetime,
		};
		let mut taken = vec![BTreeSet::new(); self.consumers.len()];
		let mut all = Vec::with_capacity(count);
		for _ in 0..count {
			let consumer = self.next_consumer;
			self.next_consumer = (consumer + 1) % self.consumers.len();
			let places = &mut taken[consumer];
			let signed = self.consumers[consumer].sign(&terms, places, &self.signer)?;
			let commit = calls::commit_to_pay(signed.ctp.clone(), signed.proof.clone(), None);
			let confirm = calls::confirm_receipt(signed.erc.clone(), signed.proof.clone());
			let (commit, confirm) = (self.pen.bare(&commit)?, self.pen.bare(&confirm)?);
			all.push(SpbMessages { consumer, signed, commit, confirm });
		}
		Ok(all)
	}

	/// Signs trades by the baseline: each payer in turn makes one. The producer's transactions are
	/// in the order of its nonces, which is that of the contracts' numbers.
	pub fn sign_escrow(&mut self, count: usize) -> Result<Vec<EscrowTransactions>> {
		if count > self.payers.len() {
			let reason = format!("{count} trades at once are more than there are payers");
			return Err(EvaluationError::Unexpected(reason));
		}
		let mut all = Vec::with_capacity(count);
		for _ in 0..count {
			let payer = self.next_payer;
			self.next_payer = (payer + 1) % self.payers.len();
			let (contract, nonce) = (self.next_contract, self.producer_nonce);
			self.next_contract += 1;
			self.producer_nonce += 1;
			let Payer { key, nonce: own } = &mut self.payers[payer];
			let set_up = set_up(&key.account(), self.payment);
			let pay = runtime::transactions().escrow().pay(contract);
			let confirm = runtime::transactions().escrow().confirm(contract);
			all.push(EscrowTransactions {
				payer,
				set_up: self.pen.signed(&set_up, &self.producer, nonce)?,
				pay: self.pen.signed(&pay, key, *own)?,
				confirm: self.pen.signed(&confirm, key, *own + 1)?,
			});
			*own += 2;
		}
		Ok(all)
	}

	/// Fails if a contract is neither confirmed nor closed after this block: then not every trade has
	/// been paid.
	pub async fn no_contract_is_left(&self, network: &Network, after: Head) -> Result<()> {
		let view = network.producer().view(after).await?;
		let contracts = runtime::storage().escrow().contracts();
		let storage = view.subxt().storage();
		let unreadable = |error: &dyn std::error::Error| malformed("Escrow.Contracts", error);
		let left = storage.iter(contracts, ()).await;
		let mut left = left.map_err(|error| unreadable(&error))?;
		let first = left.next().await;
		match first {
			None => Ok(()),
			Some(Err(error)) => Err(unreadable(&error)),
			Some(Ok(_)) => {
				Err(EvaluationError::Unexpected("a contract of the baseline was not paid".into()))
			},
		}
	}
}

/// The producer's first step of the baseline.
fn set_up(consumer: &AccountId, amount: Money) -> impl Payload {
	let escrow = runtime::transactions().escrow();
	escrow.set_up(consumer.clone().into(), ENERGY.into(), amount.units(), LIFETIME)
}

/// Hands transactions to the pools and waits until all are in blocks.
async fn include(network: &Network, transactions: &[Vec<u8>]) -> Result<()> {
	let submitted = transactions.iter().enumerate().map(|(number, bytes)| {
		// The first two are of one account.
		network.submit(network.consumer_of(number.saturating_sub(1)), bytes)
	});
	for hash in try_join_all(submitted).await? {
		network.follower().until(What::Included(hash)).await?;
	}
	Ok(())
}

/// The hash by which the pool and blocks know a transaction.
pub fn hash_of(transaction: &[u8]) -> Hash {
	Hashing::hash(transaction)
}

async fn next_nonce(connection: &Connection, account: &AccountId) -> Result<u64> {
	let address = rpc_params![account.to_string()];
	Ok(connection.request("system_accountNextIndex", address).await?)
}

fn absent(what: &str) -> EvaluationError {
	EvaluationError::Unexpected(format!("{what} is not on the chain although it should be"))
}
