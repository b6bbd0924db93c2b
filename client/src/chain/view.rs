//! The state after a block: what the runtime answers and what is in storage.

use super::{
	market::{EnergyAccount, Offer, OfferFilter, Vault},
	runtime::{self, spb::calls::Seal},
	Config,
};
use crate::connection::{Connection, ConnectionError, Head};
use spb_primitives::{
	AccountId, BlockNumber, CtpId, DatabaseDigest, Genesis, Limits, ManufacturerId, MeterKey,
	Money, OfferId, Parameters, RegisteredMeters, Settlement, VaultId,
};
use subxt::client::OnlineClientAtBlock;

/// Rows to a page; the most that the runtime answers.
const PAGE: u32 = 1_000;

/// What a seal says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sealed {
	/// What it puts into the header.
	pub digest: DatabaseDigest,
	/// What it settles.
	pub settlements: Vec<Settlement>,
}

/// A manufacturer of meters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Manufacturer {
	/// The key that certifies its meters.
	pub key: MeterKey,
	/// Whether its certificates still count for new CTPs.
	pub active: bool,
}

/// The state after a block.
#[derive(Clone, Debug)]
pub struct View {
	connection: Connection,
	at: OnlineClientAtBlock<Config>,
	head: Head,
}

impl View {
	pub(crate) fn new(connection: Connection, at: OnlineClientAtBlock<Config>, head: Head) -> Self {
		Self { connection, at, head }
	}

	/// The block.
	pub fn head(&self) -> Head {
		self.head
	}

	/// Which chain it is.
	pub fn genesis(&self) -> Genesis {
		self.connection.genesis()
	}

	/// subxt's view of the block, for what this library has no word for.
	pub fn subxt(&self) -> &OnlineClientAtBlock<Config> {
		&self.at
	}

	pub(super) async fn call<P: subxt::runtime_apis::Payload>(
		&self,
		payload: P,
	) -> Result<P::ReturnType, ConnectionError> {
		let answer = self.at.runtime_apis().call(payload).await;
		answer.map_err(|error| self.connection.subxt_error(error.into()))
	}

	async fn fetch<A: subxt::storage::Address>(
		&self,
		address: A,
		key: A::KeyParts,
	) -> Result<Option<A::Value>, ConnectionError> {
		let value = self.at.storage().try_fetch(address, key).await;
		let value = value.map_err(|error| self.connection.subxt_error(error.into()))?;
		let value = value.map(|value| value.decode()).transpose();
		value.map_err(|error| self.connection.subxt_error(error.into()))
	}

	/// Lifetimes, windows and the slot's length that govern the next block.
	pub async fn parameters(&self) -> Result<Parameters, ConnectionError> {
		Ok(self.call(runtime::runtime_apis().spb_api().parameters()).await?.0)
	}

	/// The longest lifetime of a CTP that enters the next block.
	pub async fn entry_lifetime(&self) -> Result<BlockNumber, ConnectionError> {
		self.call(runtime::runtime_apis().spb_api().entry_lifetime()).await
	}

	/// The runtime's limits, the fee among them.
	pub async fn limits(&self) -> Result<Limits, ConnectionError> {
		Ok(self.call(runtime::runtime_apis().spb_api().limits()).await?.0)
	}

	/// All offers that pass the filter, in order of their numbers.
	pub async fn offers(&self, filter: OfferFilter) -> Result<Vec<Offer>, ConnectionError> {
		let mut offers: Vec<Offer> = Vec::new();
		loop {
			let after = offers.last().map(|offer| offer.id);
			let page = runtime::runtime_types::pallet_spb::types::Page { after, limit: PAGE };
			let filter = filter.clone().into();
			let rows = self.call(runtime::runtime_apis().spb_api().offers(filter, page)).await?;
			let last = rows.len() < PAGE as usize;
			offers.extend(rows.into_iter().map(Offer::from));
			if last {
				return Ok(offers);
			}
		}
	}

	/// One offer.
	pub async fn offer(&self, id: OfferId) -> Result<Option<Offer>, ConnectionError> {
		Ok(self.call(runtime::runtime_apis().spb_api().offer(id)).await?.map(Into::into))
	}

	/// One vault.
	pub async fn vault(&self, id: VaultId) -> Result<Option<Vault>, ConnectionError> {
		Ok(self.call(runtime::runtime_apis().spb_api().vault(id)).await?.map(Into::into))
	}

	/// The vault of an account.
	pub async fn vault_of(&self, owner: &AccountId) -> Result<Option<Vault>, ConnectionError> {
		let call = runtime::runtime_apis().spb_api().vault_of(owner.clone().into());
		Ok(self.call(call).await?.map(Into::into))
	}

	/// The energy account of a producer.
	pub async fn energy_account(
		&self,
		producer: &AccountId,
	) -> Result<Option<EnergyAccount>, ConnectionError> {
		let call = runtime::runtime_apis().spb_api().energy_account(producer.clone().into());
		Ok(self.call(call).await?.map(Into::into))
	}

	/// Whether a CTP of this expiry has settled, as far as the chain still remembers.
	pub async fn is_settled(
		&self,
		expiry: BlockNumber,
		id: &CtpId,
	) -> Result<bool, ConnectionError> {
		let settled =
			self.fetch(runtime::storage().spb().settled(), (expiry, (*id).into())).await?;
		Ok(settled.is_some())
	}

	/// What the chain knows of a meter and its manufacturer, for the checks of `spb_primitives`.
	pub async fn register(
		&self,
		manufacturer: ManufacturerId,
		meter: &MeterKey,
	) -> Result<RegisteredMeters, ConnectionError> {
		let mut register = RegisteredMeters::default();
		if let Some(maker) = self.manufacturer(manufacturer).await?.filter(|maker| maker.active) {
			register.manufacturers.insert(manufacturer, maker.key);
		}
		let revoked = runtime::storage().spb().revoked_meters();
		if self.fetch(revoked, (manufacturer, meter.0)).await?.is_some() {
			register.revoked.insert((manufacturer, *meter));
		}
		Ok(register)
	}

	/// A manufacturer, also one that is retired.
	pub async fn manufacturer(
		&self,
		id: ManufacturerId,
	) -> Result<Option<Manufacturer>, ConnectionError> {
		let maker = self.fetch(runtime::storage().spb().manufacturers(), (id,)).await?;
		Ok(maker
			.map(|maker| Manufacturer { key: MeterKey::from_raw(maker.key), active: maker.active }))
	}

	/// The seals in a block's body, as this block's runtime reads them.
	pub async fn seals(&self, body: Vec<Vec<u8>>) -> Result<Vec<Sealed>, ConnectionError> {
		let unusable = |error: subxt::Error| self.connection.subxt_error(error);
		let mut seals = Vec::new();
		for extrinsic in self.at.extrinsics().from_bytes(body).await.iter() {
			let extrinsic = extrinsic.map_err(|error| unusable(error.into()))?;
			let Some(seal) = extrinsic.decode_call_data_fields_as::<Seal>() else { continue };
			let seal = seal.map_err(|error| unusable(error.into()))?.seal;
			let (database_root, sidecar_hash) = (seal.database_root, seal.sidecar_hash);
			seals.push(Sealed {
				digest: DatabaseDigest { database_root, sidecar_hash },
				settlements: seal
					.settlements
					.0
					.into_iter()
					.map(|settlement| settlement.0)
					.collect(),
			});
		}
		Ok(seals)
	}

	/// What an account can spend, deposits and vault aside.
	pub async fn free_balance(&self, account: &AccountId) -> Result<Money, ConnectionError> {
		let address = runtime::storage().system().account();
		let info = self.fetch(address, (account.clone().into(),)).await?;
		Ok(Money::from_units(info.map_or(0, |info| info.data.free)))
	}
}
