//! Several vaults of one person: each is an account's of its own, because the chain gives an account
//! one vault.
//!
//! A CTP names its vault, and so all trades of one vault are seen to be one consumer's. Who wants to
//! be unlinkable spreads trades over several vaults; how the money gets into them is part of what
//! others can see. The state directory keeps the key of each account: the main one in
//! [`ACCOUNT_FILE`](crate::keys::ACCOUNT_FILE), each other in a file `vault-NAME.json`.

use crate::{
	chain::{Vault, View},
	connection::{Connection, CtpFilter, CtpRow},
	files::{Directory, FileError},
	keys::{random_below, AccountKey, KeyError, Secret},
	trade::TradeError,
};
use spb_primitives::{Money, Refusal, VaultId};
use std::{fmt, str::FromStr};

/// The name of the account whose key is the state directory's main one.
pub const MAIN: &str = "main";
/// What stands for any vault that covers what is asked for.
const ANY: &str = "any";
/// The longest name.
const LONGEST: usize = 32;
/// How the names of the other accounts' files begin and end.
const FILE: (&str, &str) = ("vault-", ".json");

/// The name of an account with a vault: a small letter, then small letters, digits and hyphens.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Name(String);

impl Name {
	/// The main account's.
	pub fn main() -> Self {
		Self(MAIN.into())
	}

	/// Whether it is the main account's.
	pub fn is_main(&self) -> bool {
		self.0 == MAIN
	}

	fn file(&self) -> String {
		format!("{}{}{}", FILE.0, self.0, FILE.1)
	}
}

impl fmt::Display for Name {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(&self.0)
	}
}

impl FromStr for Name {
	type Err = &'static str;

	fn from_str(text: &str) -> Result<Self, Self::Err> {
		let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
		let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
		if !begins || text.len() > LONGEST || !text.bytes().all(inner) {
			return Err(
				"a name is a small letter, then small letters, digits and hyphens, up to 32",
			);
		}
		if text == ANY {
			return Err("\"any\" stands for any vault and names none");
		}
		Ok(Self(text.into()))
	}
}

/// Which of several vaults to use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Choice {
	/// That of the account with this name.
	Named(Name),
	/// The one with this number.
	Number(VaultId),
	/// One at random of those that cover what is asked for.
	Any,
}

impl Default for Choice {
	fn default() -> Self {
		Self::Named(Name::main())
	}
}

impl FromStr for Choice {
	type Err = &'static str;

	fn from_str(text: &str) -> Result<Self, Self::Err> {
		if text == ANY {
			return Ok(Self::Any);
		}
		if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
			return text.parse().map(Self::Number).map_err(|_| "there is no such vault number");
		}
		text.parse().map(Self::Named)
	}
}

/// An account that can have a vault.
#[derive(Clone, Debug)]
pub struct Purse {
	/// Its name in the state directory.
	pub name: Name,
	/// Its key.
	pub key: AccountKey,
}

/// Makes a fresh account in the state directory.
///
/// # Errors
///
/// If there is one of this name already: a key is never replaced.
pub fn make(directory: &Directory, name: Name) -> Result<Purse, KeyError> {
	if name.is_main() {
		// The main account is made with `spb account init`.
		return Err(FileError::Exists { path: directory.file(crate::keys::ACCOUNT_FILE) }.into());
	}
	directory.create()?;
	let key = AccountKey::write(&directory.file(&name.file()), &Secret::random())?;
	Ok(Purse { name, key })
}

/// The account of this name. The main one's key is handed in, because it need not be in a file.
pub fn purse(directory: &Directory, main: &AccountKey, name: &Name) -> Result<Purse, KeyError> {
	let key = match name.is_main() {
		true => main.clone(),
		false => AccountKey::read(&directory.file(&name.file()))?,
	};
	Ok(Purse { name: name.clone(), key })
}

/// All accounts of the state directory, the main one first.
pub fn purses(directory: &Directory, main: &AccountKey) -> Result<Vec<Purse>, KeyError> {
	let mut purses = vec![Purse { name: Name::main(), key: main.clone() }];
	for file in directory.names()? {
		let name = file.strip_prefix(FILE.0).and_then(|rest| rest.strip_suffix(FILE.1));
		if let Some(Ok(name)) = name.map(Name::from_str) {
			purses.push(purse(directory, main, &name)?);
		}
	}
	Ok(purses)
}

/// How a vault stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
	/// The vault.
	pub vault: Vault,
	/// What its open CTPs commit.
	pub committed: Money,
	/// What new CTPs may commit.
	pub free: Money,
	/// How many CTPs are open.
	pub open: usize,
}

impl Standing {
	/// How a vault stands after the block that is looked at.
	pub async fn of(
		connection: &Connection,
		view: &View,
		vault: Vault,
	) -> Result<Self, crate::connection::ConnectionError> {
		let filter = CtpFilter { vault: Some(vault.id), offer: None };
		let rows = connection.all_ctps(filter, Some(view.head().hash)).await?;
		let committed = sum(&rows);
		let free = vault.spendable().saturating_sub(committed);
		Ok(Self { vault, committed, free, open: rows.len() })
	}
}

fn sum(rows: &[CtpRow]) -> Money {
	rows.iter()
		.try_fold(Money::ZERO, |sum, row| sum.checked_add(row.ctp().amount))
		.unwrap_or(Money::MAX)
}

/// The account whose vault is to pay `amount`.
///
/// # Errors
///
/// If there is none of that name or number, or, where any will do, none that covers the amount.
pub async fn choose(
	connection: &Connection,
	directory: &Directory,
	main: &AccountKey,
	choice: &Choice,
	amount: Money,
) -> crate::Result<Purse> {
	if let Choice::Named(name) = choice {
		return Ok(purse(directory, main, name)?);
	}
	let view = connection.best_view().await?;
	let (mut fitting, mut most) = (Vec::new(), Money::ZERO);
	for purse in purses(directory, main)? {
		let Some(vault) = view.vault_of(&purse.key.account()).await? else { continue };
		match choice {
			Choice::Number(id) if *id == vault.id => return Ok(purse),
			Choice::Number(_) | Choice::Named(_) => {},
			Choice::Any => {
				let standing = Standing::of(connection, &view, vault).await?;
				most = most.max(standing.free);
				if standing.free >= amount {
					fitting.push(purse);
				}
			},
		}
	}
	if *choice != Choice::Any {
		return Err(Refusal::UnknownVault.into());
	}
	match random_below(fitting.len()) {
		Some(at) => Ok(fitting.swap_remove(at)),
		None => Err(TradeError::Short {
			refusal: Refusal::VaultTooSmall,
			detail: format!("no vault has more than {most} free, {amount} asked for"),
		}
		.into()),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{
		error::Classify,
		testing::{stored_vault, FakeNode},
	};
	use spb_primitives::units::SPB;
	use std::collections::BTreeSet;

	fn name(text: &str) -> Name {
		text.parse().unwrap()
	}

	fn spb(amount: u128) -> Money {
		Money::from_units(amount * SPB)
	}

	fn main_key() -> AccountKey {
		AccountKey::development("//Alice").unwrap()
	}

	#[test]
	fn names_should_be_fit_for_files() {
		for good in ["a", "holiday-2", "main", &"x".repeat(32)] {
			assert_eq!(name(good).to_string(), good);
		}
		for bad in ["", "any", "2", "-a", "A", "a/b", "a.b", "..", "a b", "ä", &"x".repeat(33)] {
			assert!(bad.parse::<Name>().is_err(), "{bad}");
		}
	}

	#[test]
	fn choices_should_be_names_numbers_or_any() {
		assert_eq!("any".parse(), Ok(Choice::Any));
		assert_eq!("17".parse(), Ok(Choice::Number(17)));
		assert_eq!("main".parse(), Ok(Choice::default()));
		assert_eq!("blue".parse(), Ok(Choice::Named(name("blue"))));
		for bad in ["", "4294967296", "+1", "Blue"] {
			assert!(bad.parse::<Choice>().is_err(), "{bad}");
		}
	}

	#[test]
	fn accounts_should_be_kept_apart_and_never_replaced() {
		let dir = tempfile::tempdir().unwrap();
		let directory = Directory::new(dir.path().join("state"));
		let blue = make(&directory, name("blue")).unwrap();
		let green = make(&directory, name("green")).unwrap();
		assert_eq!(make(&directory, name("blue")).unwrap_err().code(), "file-exists");
		assert_eq!(make(&directory, Name::main()).unwrap_err().code(), "file-exists");
		let all = purses(&directory, &main_key()).unwrap();
		let names: Vec<_> = all.iter().map(|purse| purse.name.to_string()).collect();
		assert_eq!(names, ["main", "blue", "green"]);
		let accounts: BTreeSet<_> = all.iter().map(|purse| purse.key.account()).collect();
		assert_eq!(accounts.len(), 3);
		assert!(accounts.contains(&blue.key.account()) && accounts.contains(&green.key.account()));
		let unknown = purse(&directory, &main_key(), &name("red")).unwrap_err();
		assert_eq!(unknown.code(), "file-missing");
	}

	/// Two vaults: the main one, number 7, with 1 SPB, and blue, number 8, with 5 SPB.
	async fn two_vaults() -> (tempfile::TempDir, Directory, Connection) {
		let dir = tempfile::tempdir().unwrap();
		let directory = Directory::new(dir.path().join("state"));
		let blue = make(&directory, name("blue")).unwrap();
		let node = FakeNode::default();
		{
			let mut script = node.script();
			let main = main_key().account();
			script.vaults.insert(main.clone(), stored_vault(7, main, spb(1)));
			let blue = blue.key.account();
			script.vaults.insert(blue.clone(), stored_vault(8, blue, spb(5)));
		}
		let connection = node.connect().await;
		(dir, directory, connection)
	}

	#[tokio::test]
	async fn the_vault_that_was_asked_for_should_be_chosen() {
		let (_dir, directory, connection) = two_vaults().await;
		let chosen = async |choice: &str, amount| {
			let choice = choice.parse().unwrap();
			let purse = choose(&connection, &directory, &main_key(), &choice, amount).await;
			purse.map(|purse| purse.name.to_string()).map_err(|error| error.code())
		};
		assert_eq!(chosen("main", spb(9)).await, Ok("main".into()));
		assert_eq!(chosen("blue", spb(9)).await, Ok("blue".into()));
		assert_eq!(chosen("8", spb(9)).await, Ok("blue".into()));
		assert_eq!(chosen("9", spb(1)).await, Err("UnknownVault".into()));
		assert_eq!(chosen("red", spb(1)).await, Err("file-missing".into()));
	}

	#[tokio::test]
	async fn any_vault_should_be_one_that_covers_the_amount() {
		let (_dir, directory, connection) = two_vaults().await;
		let any = async |amount| {
			let purse = choose(&connection, &directory, &main_key(), &Choice::Any, amount).await;
			purse.map(|purse| purse.name.to_string()).map_err(|error| error.code())
		};
		assert_eq!(any(spb(2)).await, Ok("blue".into()));
		assert_eq!(any(spb(6)).await, Err("VaultTooSmall".into()));
		let mut seen = BTreeSet::new();
		while seen.len() < 2 {
			seen.insert(any(spb(1)).await.unwrap());
		}
	}
}
