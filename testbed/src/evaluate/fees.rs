//! What trades cost, by what the chain says it has charged; and whether their transactions did what
//! they should.

use super::{
	error::Result, follower::What, market::hash_of, network::Network, pen::malformed, ways::Trade,
	EvaluationError,
};
use spb_client::{
	chain::runtime::{spb::events::TradeSettled, transaction_payment::events::TransactionFeePaid},
	connection::{Hash, Head},
};
use spb_primitives::{BlockNumber, CtpId};
use std::collections::{BTreeMap, BTreeSet};
use subxt::events::Phase;

/// What a trade has paid, in the chain's smallest unit: its transactions, or its settlement. Fails
/// if one of its transactions has failed.
pub async fn of_trade(network: &Network, trade: &dyn Trade) -> Result<u128> {
	if let What::Settled(id) = trade.payment() {
		return settled(network, id).await;
	}
	let hashes: Vec<Hash> = trade.transactions().into_iter().map(|(hash, _)| hash).collect();
	let paid = of_transactions(network, &hashes).await?;
	Ok(paid.into_values().sum())
}

/// What transactions have paid, by their hashes, in the blocks of the best chain that have them.
/// Fails if one of them has failed or is in none of these.
pub async fn of_transactions(
	network: &Network,
	transactions: &[Hash],
) -> Result<BTreeMap<Hash, u128>> {
	let ours: BTreeSet<Hash> = transactions.iter().copied().collect();
	let mut blocks = BTreeMap::<BlockNumber, Head>::new();
	for hash in &ours {
		let sight = network.follower().sight(What::Included(*hash));
		if let Some(block) = sight.and_then(|sight| sight.block) {
			blocks.insert(block.number, block);
		}
	}
	let mut paid = BTreeMap::new();
	for block in blocks.into_values() {
		paid.extend(paid_in(network, block, &ours).await?);
	}
	if paid.len() != ours.len() {
		let reason = "a transaction's fee is not among the events of its block".into();
		return Err(EvaluationError::Unexpected(reason));
	}
	Ok(paid)
}

/// What the settlement of a CTP has paid, as its event says.
async fn settled(network: &Network, ctp: CtpId) -> Result<u128> {
	let missing =
		|| EvaluationError::Unexpected(format!("{ctp:?} has settled, and no event says so"));
	let sight = network.follower().sight(What::Settled(ctp)).ok_or_else(missing)?;
	let view = network.producer().view(sight.block.ok_or_else(missing)?).await?;
	let events = view.subxt().events().fetch().await;
	let events = events.map_err(|error| malformed("System.Events", &error))?;
	for event in events.iter() {
		let event = event.map_err(|error| malformed("System.Events", &error))?;
		if let Some(settled) = event.decode_fields_as::<TradeSettled>() {
			let settled = settled.map_err(|error| malformed("TradeSettled", &error))?;
			if settled.id.0 == ctp {
				return Ok(settled.fee.0.units());
			}
		}
	}
	Err(missing())
}

/// What the transactions of a block have paid, by their hashes. Fails if one of `ours` has failed in
/// that block.
async fn paid_in(
	network: &Network,
	block: Head,
	ours: &BTreeSet<Hash>,
) -> Result<BTreeMap<Hash, u128>> {
	let connection = network.producer();
	let hashes: Vec<Hash> =
		connection.body(block.hash).await?.iter().map(|bytes| hash_of(bytes)).collect();
	let view = connection.view(block).await?;
	let events = view.subxt().events().fetch().await;
	let events = events.map_err(|error| malformed("System.Events", &error))?;
	let mut paid = BTreeMap::new();
	for event in events.iter() {
		let event = event.map_err(|error| malformed("System.Events", &error))?;
		let Phase::ApplyExtrinsic(index) = event.phase() else { continue };
		let place = usize::try_from(index).unwrap_or(usize::MAX);
		let Some(hash) = hashes.get(place).filter(|hash| ours.contains(hash)) else { continue };
		if (event.pallet_name(), event.event_name()) == ("System", "ExtrinsicFailed") {
			let reason =
				format!("transaction {hash:?} of a trade failed in block {}", block.number);
			return Err(EvaluationError::Unexpected(reason));
		}
		if let Some(fee) = event.decode_fields_as::<TransactionFeePaid>() {
			let fee = fee.map_err(|error| malformed("TransactionFeePaid", &error))?;
			paid.insert(*hash, fee.actual_fee);
		}
	}
	Ok(paid)
}
