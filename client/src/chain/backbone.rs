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
