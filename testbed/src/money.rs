//! All money on a chain, from the balances of all accounts.

use spb_client::{
	chain::{runtime, View},
	connection::ConnectionError,
};

/// All money after a block, in the smallest unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Money {
	/// What the chain says was issued and not burned.
	pub issued: u128,
	/// What all accounts can spend.
	pub free: u128,
	/// What is on hold in all accounts.
	pub held: u128,
	/// The accounts.
	pub accounts: usize,
}

impl Money {
	/// All money after the block of this view.
	pub async fn at(view: &View) -> Result<Self, ConnectionError> {
		let malformed = |what: &str, error: &dyn std::error::Error| ConnectionError::Malformed {
			method: what.to_owned(),
			reason: error.to_string(),
		};
		let storage = view.subxt().storage();
		let address = runtime::storage().balances().total_issuance();
		let issued = storage.fetch(address, ()).await;
		let issued = issued.map_err(|error| malformed("Balances.TotalIssuance", &error))?.decode();
		let issued = issued.map_err(|error| malformed("Balances.TotalIssuance", &error))?;
		let mut money = Self { issued, free: 0, held: 0, accounts: 0 };
		let account = |error: &dyn std::error::Error| malformed("System.Account", error);
		let entries = storage.iter(runtime::storage().system().account(), ()).await;
		let mut entries = entries.map_err(|error| account(&error))?;
		while let Some(entry) = entries.next().await {
			let entry = entry.map_err(|error| account(&error))?;
			let data = entry.value().decode().map_err(|error| account(&error))?.data;
			money.free = money.free.saturating_add(data.free);
			money.held = money.held.saturating_add(data.reserved);
			money.accounts += 1;
		}
		Ok(money)
	}

	/// Whether the accounts have exactly what was issued.
	pub fn is_complete(&self) -> bool {
		self.free.checked_add(self.held) == Some(self.issued)
	}
}
