//! What every command can use: where the node and the state directory are, whose key signs.

use crate::output::Format;
use sp_core::ed25519;
use spb_client::{
	connection::{Connection, Patience},
	files::Directory,
	keys::{AccountKey, Key, KeyError, ManufacturerKey},
	meter::Meter,
	progress::{Bar, Progress},
	relay::Post,
	trade::Trader,
	vaults::{self, Choice, Purse},
	Result,
};
use spb_primitives::{AccountId, Money};
use std::{path::Path, sync::Arc};

/// What every command can use.
pub struct Context {
	/// The node's address.
	pub url: String,
	/// How long to try to reach it.
	pub patience: Patience,
	/// The state directory.
	pub directory: Directory,
	/// A development key instead of the one in a file.
	pub development: Option<String>,
	/// How to write.
	pub format: Format,
	/// Whether to say what is going on.
	pub verbose: bool,
}

impl Context {
	/// Says what is going on, on standard error, if asked to.
	pub fn note(&self, text: impl FnOnce() -> String) {
		if self.verbose {
			eprintln!("{}", text());
		}
	}

	/// Connects to the node.
	pub async fn connect(&self) -> Result<Connection> {
		self.note(|| format!("connecting to {}", self.url));
		let connection = Connection::open(&self.url, self.patience).await?;
		self.note(|| format!("on the chain with genesis {:?}", connection.genesis()));
		Ok(connection)
	}

	/// The account's key.
	pub fn key(&self) -> Result<AccountKey> {
		Ok(match &self.development {
			Some(uri) => Key::development(uri)?,
			None => AccountKey::open(&self.directory)?,
		})
	}

	/// The account, if there is a key.
	pub fn account(&self) -> Result<Option<AccountId>> {
		match self.key() {
			Ok(key) => Ok(Some(key.account())),
			Err(spb_client::Error::Key(KeyError::NoAccount { .. })) => Ok(None),
			Err(error) => Err(error),
		}
	}

	/// A manufacturer's key: the development key, or the one in this file.
	pub fn manufacturer_key(&self, file: Option<&Path>) -> Result<ManufacturerKey> {
		match (&self.development, file) {
			(Some(uri), None) => Ok(Key::<ed25519::Pair>::development(uri)?),
			(None, Some(path)) => Ok(ManufacturerKey::read(path)?),
			_ => Err(spb_client::Error::input(
				"name the manufacturer's key: its file with --key, or a development key with --dev",
			)),
		}
	}

	/// The meter.
	pub fn meter(&self) -> Result<Meter> {
		Ok(Meter::open(self.directory.clone())?)
	}

	/// Where long work reports to.
	pub fn progress(&self) -> Arc<dyn Progress> {
		Arc::new(Bar::default())
	}

	/// The way through the backbone.
	pub fn post(&self, connection: &Connection) -> Post {
		let (post, verbose) = (Post::new(connection.clone()), self.verbose);
		post.noting(move |text| {
			if verbose {
				eprintln!("{text}");
			}
		})
	}

	/// The account whose vault was chosen, to pay this amount if one is named.
	///
	/// # Errors
	///
	/// Without an amount there is no choosing any vault that covers it.
	pub async fn purse(
		&self,
		connection: &Connection,
		main: &AccountKey,
		choice: &Choice,
		amount: Option<Money>,
	) -> Result<Purse> {
		let amount = match (choice, amount) {
			(Choice::Any, None) => {
				return Err(spb_client::Error::input(
					"name a vault: main, another's name or a number",
				))
			},
			(_, amount) => amount.unwrap_or(Money::ZERO),
		};
		vaults::choose(connection, &self.directory, main, choice, amount).await
	}

	/// The consumer of this state directory, who pays this amount from the vault that was chosen.
	pub async fn trader(
		&self,
		connection: Connection,
		choice: &Choice,
		amount: Money,
	) -> Result<Trader> {
		let (meter, main) = (Arc::new(self.meter()?), self.key()?);
		let purse = self.purse(&connection, &main, choice, Some(amount)).await?;
		self.note(|| format!("paying from the vault of {}", purse.name));
		Ok(Trader::new(connection, purse.key, meter, self.progress()))
	}
}
