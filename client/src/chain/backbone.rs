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

impl View {
	/// The backbone nodes, in the order of their identifiers.
	pub async fn backbone(&self) -> Result<Vec<BackboneNode>, ConnectionError> {
		let nodes = self.call(runtime::runtime_apis().spb_api().backbone()).await?;
		Ok(nodes.into_iter().map(Into::into).collect())
	}

	/// Listed meters whose signatures count, from a place on in an order that looks random, and from
	/// its beginning where it ends: at most `limit`, each once.
	pub async fn meters(
		&self,
		from: MeterKey,
		limit: u32,
	) -> Result<Vec<ListedMeter>, ConnectionError> {
		let mut meters = self.meters_after(Some(from), limit).await?;
		let missing = usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(meters.len());
		if missing > 0 {
			let first = self.meters_after(None, limit).await?;
			let known = |meter: &ListedMeter| meters.iter().any(|other| other.key == meter.key);
			let more: Vec<_> = first.into_iter().filter(|meter| !known(meter)).collect();
			meters.extend(more.into_iter().take(missing));
		}
		Ok(meters)
	}

	async fn meters_after(
		&self,
		after: Option<MeterKey>,
		limit: u32,
	) -> Result<Vec<ListedMeter>, ConnectionError> {
		let after = after.map(|key| key.0);
		let page = self.call(runtime::runtime_apis().spb_api().meters(after, limit)).await?;
		Ok(page.into_iter().map(Into::into).collect())
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
