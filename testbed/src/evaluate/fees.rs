//! What transactions cost, by what the chain says it has charged.

use super::{error::Result, market::hash_of, network::Network, pen::malformed, EvaluationError};
use spb_client::{
	chain::runtime::transaction_payment::events::TransactionFeePaid,
	connection::{Hash, Head},
};
use std::collections::BTreeMap;
use subxt::events::Phase;

/// What the transactions of a block have paid, in the chain's smallest unit, by their hashes. Fails
/// if one of `ours` has failed in that block.
pub async fn paid_in(
	network: &Network,
	block: Head,
	ours: &[Hash],
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
