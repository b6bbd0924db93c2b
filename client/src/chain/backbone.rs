//! Who carries letters and who certifies meters, as the chain lists them.

use super::{runtime, runtime::runtime_types::pallet_spb::types as stored, View};
use crate::connection::ConnectionError;
use serde::Serialize;
use spb_primitives::{
	relay::{ContactKey, NodeIdentifier},
	AccountId, ManufacturerId, MeterKey, MeterSignature, Money,
};

/// A backbone node.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BackboneNode {
	/// Where it lies among keys.
	pub identifier: NodeIdentifier,
	/// Its RPC address.
	pub address: String,
	/// Who runs it.
	pub owner: AccountId,
	/// What is held for the record.
	pub deposit: Money,
}

impl From<stored::BackboneNode> for BackboneNode {
	fn from(node: stored::BackboneNode) -> Self {
		Self {
			identifier: node.identifier.0,
			// The chain takes printed ASCII only.
			address: String::from_utf8_lossy(&node.address.0).into_owned(),
			owner: node.owner.0,
			deposit: node.deposit.0,
		}
	}
}

/// A meter that certifies others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedMeter {
	/// Its key.
	pub key: MeterKey,
	/// Who listed it.
	pub owner: AccountId,
	/// Who made it.
	pub manufacturer: ManufacturerId,
	/// The manufacturer's word for it.
	pub certificate: MeterSignature,
	/// Where to write to it.
	pub contact: ContactKey,
	/// What is held for the record.
	pub deposit: Money,
}

impl From<stored::ListedMeter> for ListedMeter {
	fn from(meter: stored::ListedMeter) -> Self {
		Self {
			key: MeterKey::from_raw(meter.key),
			owner: meter.owner.0,
			manufacturer: meter.manufacturer,
			certificate: MeterSignature::from_raw(meter.certificate),
			contact: meter.contact.0,
			deposit: meter.deposit.0,
		}
	}
}

/// Listed meters that are looked at in one question.
const PAGE: u32 = 256;
/// Questions that are asked in search of meters that count, at the most.
const MAX_PAGES: usize = 16;

impl View {
	/// The backbone nodes, in the order of their identifiers.
	pub async fn backbone(&self) -> Result<Vec<BackboneNode>, ConnectionError> {
		let nodes = self.call(runtime::runtime_apis().spb_api().backbone()).await?;
		Ok(nodes.into_iter().map(Into::into).collect())
	}

	/// Listed meters whose signatures count, from a place on in an order that looks random, and from
	/// its beginning where it ends: at most `limit`, each once.
	///
	/// Where hardly any counts, not all are looked at.
	pub async fn meters(
		&self,
		from: MeterKey,
		limit: usize,
	) -> Result<Vec<ListedMeter>, ConnectionError> {
		let (mut meters, mut after) = (Vec::<ListedMeter>::new(), Some(from.0));
		let mut begun_anew = false;
		for _ in 0..MAX_PAGES {
			let page = self.call(runtime::runtime_apis().spb_api().meters(after, PAGE)).await?;
			for meter in page.meters.into_iter().map(ListedMeter::from) {
				// Known already: all the way round.
				if meters.len() >= limit || meters.iter().any(|other| other.key == meter.key) {
					return Ok(meters);
				}
				meters.push(meter);
			}
			after = page.next;
			if after.is_none() && std::mem::replace(&mut begun_anew, true) {
				break;
			}
		}
		Ok(meters)
	}

	/// A listed meter, if its signatures count.
	pub async fn meter_of(&self, key: &MeterKey) -> Result<Option<ListedMeter>, ConnectionError> {
		Ok(self.call(runtime::runtime_apis().spb_api().meter_of(key.0)).await?.map(Into::into))
	}

	/// How many meters are listed.
	pub async fn meter_count(&self) -> Result<u32, ConnectionError> {
		self.call(runtime::runtime_apis().spb_api().meter_count()).await
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::testing::FakeNode;
	use pallet_spb::types::ListedMeter as Stored;
	use sp_core::H256;
	use std::collections::BTreeSet;

	fn meter(number: u32) -> Stored {
		Stored {
			key: MeterKey::from_raw(H256::from_low_u64_be(number.into()).0),
			owner: AccountId::new([1; 32]),
			manufacturer: 1,
			certificate: MeterSignature::from_raw([2; 64]),
			contact: ContactKey([3; 32]),
			deposit: Money::from_units(4),
		}
	}

	#[tokio::test]
	async fn meters_should_be_told_once_each_from_any_place_on() {
		let (node, listed) = (FakeNode::default(), 2 * PAGE + 9);
		{
			let mut script = node.script();
			script.best = 5;
			script.meters = (0..listed).map(meter).collect();
		}
		let view = node.connect().await.best_view().await.unwrap();
		let from = meter(PAGE).key;
		let all = view.meters(from, usize::MAX).await.unwrap();
		assert_eq!(all[0].key, meter(PAGE + 1).key);
		let keys: BTreeSet<[u8; 32]> = all.iter().map(|meter| meter.key.0).collect();
		assert_eq!((all.len(), keys.len()), (listed as usize, listed as usize));
		assert_eq!(view.meters(from, 5).await.unwrap(), all[..5]);
		let found = view.meter_of(&from).await.unwrap().unwrap();
		assert_eq!((found.key, found.deposit), (from, Money::from_units(4)));
		node.script().meters.clear();
		assert!(view.meters(from, 5).await.unwrap().is_empty());
	}
}
