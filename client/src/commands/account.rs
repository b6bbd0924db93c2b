//! `spb account`: the key, and a producer's energy account.

use crate::{
	args,
	context::Context,
	output::{Answer, Report},
};
use serde::Serialize;
use spb_client::{
	chain::{calls, EnergyAccount, OpenedBy, Vault, View},
	connection::Head,
	files::{read_document, Directory, Document, Encoded},
	keys::{AccountKey, Secret, ACCOUNT_FILE},
	Error, Result,
};
use spb_primitives::{AccountId, Certificate, Genesis, Money};
use std::path::PathBuf;

/// What there is to do with accounts.
#[derive(clap::Subcommand)]
pub enum Command {
	/// Make the account's key in the state directory
	Init {
		/// Take the secret from a file with a seed or a secret phrase that only you can read
		#[arg(long, value_name = "FILE")]
		import: Option<PathBuf>,
	},
	/// Open an energy account, by burning coin unless a certificate is given
	Open {
		/// The certificate of an energy company, from `spb company certify`
		#[arg(long, value_name = "FILE")]
		certificate: Option<PathBuf>,
	},
	/// Show an account: what it has, sells and has sold
	Show {
		/// Another account than our own
		#[arg(value_parser = args::account)]
		account: Option<AccountId>,
	},
	/// Close the energy account; no offers may be left
	Close,
}

/// An energy company's certificate in a file.
#[derive(Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CertificateDocument {
	/// The chain it is for.
	pub genesis: Genesis,
	/// The certificate.
	pub certificate: Encoded<Certificate>,
}

impl Document for CertificateDocument {
	const KIND: &'static str = "spb-producer-certificate";
	const VERSION: u32 = 1;
	const SECRET: bool = false;
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Made {
	account: AccountId,
}

impl Report for Made {
	fn human(&self) -> String {
		self.account.to_string()
	}
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Opened {
	account: AccountId,
	opened_by: OpenedBy,
	block: Head,
}

impl Report for Opened {
	fn human(&self) -> String {
		let how = match &self.opened_by {
			OpenedBy::Burn { amount } => format!("by burning {amount}"),
			OpenedBy::Certificate { company } => format!("with a certificate of {company}"),
		};
		format!("energy account of {} opened {how}", self.account)
	}
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Closed {
	account: AccountId,
	block: Head,
}

impl Report for Closed {
	fn human(&self) -> String {
		format!("energy account of {} closed", self.account)
	}
}

/// What an account has.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
	/// The account.
	pub account: AccountId,
	/// What it can spend, deposits and vault aside.
	pub free: Money,
	/// Its energy account, if it sells.
	pub energy_account: Option<EnergyAccount>,
	/// Its vault, if it buys.
	pub vault: Option<Vault>,
}

impl Report for Shown {
	fn human(&self) -> String {
		let mut lines =
			vec![format!("account  {}", self.account), format!("free     {}", self.free)];
		match &self.energy_account {
			Some(account) => lines.push(format!(
				"sells    {} offers; sold {} Wh in {} trades for {}",
				account.offers, account.sold_wh, account.trades, account.earned
			)),
			None => lines.push("sells    nothing: no energy account".into()),
		}
		match &self.vault {
			Some(vault) => {
				lines.push(format!("vault    number {}, {} to spend", vault.id, vault.spendable()));
			},
			None => lines.push("vault    none".into()),
		}
		lines.join("\n")
	}
}

impl Command {
	/// The command's name in JSON output.
	pub fn name(&self) -> &'static str {
		match self {
			Self::Init { .. } => "account init",
			Self::Open { .. } => "account open",
			Self::Show { .. } => "account show",
			Self::Close => "account close",
		}
	}

	/// Runs the command.
	pub async fn run(self, context: &Context) -> Result<Answer> {
		match self {
			Self::Init { import } => Answer::of(&init(&context.directory, import)?),
			Self::Open { certificate } => Answer::of(&open(context, certificate).await?),
			Self::Show { account } => {
				let account = match account {
					Some(account) => account,
					None => context.key()?.account(),
				};
				let view = context.connect().await?.best_view().await?;
				Answer::of(&Shown::of(&view, account).await?)
			},
			Self::Close => Answer::of(&close(context).await?),
		}
	}
}

fn init(directory: &Directory, import: Option<PathBuf>) -> Result<Made> {
	let secret = match import {
		Some(path) => AccountKey::import(&path)?,
		None => Secret::random(),
	};
	directory.create()?;
	let key = AccountKey::write(&directory.file(ACCOUNT_FILE), &secret)?;
	Ok(Made { account: key.account() })
}

async fn open(context: &Context, certificate: Option<PathBuf>) -> Result<Opened> {
	let key = context.key()?;
	let certificate = match certificate {
		Some(path) => Some(read_document::<CertificateDocument>(&path)?),
		None => None,
	};
	let connection = context.connect().await?;
	let included = match certificate {
		Some(document) => {
			if document.genesis != connection.genesis() {
				return Err(Error::input("the certificate is for another chain"));
			}
			let call = calls::open_account_with_certificate(document.certificate.0);
			connection.submit_and_wait(&call, &key).await?
		},
		None => connection.submit_and_wait(&calls::open_account_with_burn(), &key).await?,
	};
	let account = key.account();
	let view = connection.view(included.block).await?;
	let opened = view.energy_account(&account).await?;
	let opened_by =
		opened.ok_or(Error::Undone("the account was opened and closed again in the same block"))?;
	Ok(Opened { account, opened_by: opened_by.opened_by, block: included.block })
}

impl Shown {
	/// What an account has after this block.
	pub async fn of(view: &View, account: AccountId) -> Result<Self> {
		Ok(Self {
			free: view.free_balance(&account).await?,
			energy_account: view.energy_account(&account).await?,
			vault: view.vault_of(&account).await?,
			account,
		})
	}
}

async fn close(context: &Context) -> Result<Closed> {
	let key = context.key()?;
	let connection = context.connect().await?;
	let included = connection.submit_and_wait(&calls::close_account(), &key).await?;
	Ok(Closed { account: key.account(), block: included.block })
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::output::result_of;
	use serde_json::json;
	use sp_core::H256;
	use spb_client::{error::Classify, files};

	const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

	fn alice() -> AccountId {
		args::account(ALICE).unwrap()
	}

	fn head() -> Head {
		Head { number: 7, hash: H256::repeat_byte(9) }
	}

	#[test]
	fn output_should_keep_its_shape() {
		assert_eq!(result_of(&Made { account: alice() }), json!({ "account": ALICE }));
		let block = json!({ "number": 7, "hash": head().hash });
		let closed = Closed { account: alice(), block: head() };
		assert_eq!(result_of(&closed), json!({ "account": ALICE, "block": block }));
		let amount = Money::from_units(10);
		let opened_by = OpenedBy::Burn { amount };
		let opened = Opened { account: alice(), opened_by, block: head() };
		assert_eq!(
			result_of(&opened),
			json!({ "account": ALICE, "openedBy": { "burn": { "amount": "10" } }, "block": block })
		);
	}

	#[test]
	fn an_account_should_keep_its_shape() {
		let nothing =
			Shown { account: alice(), free: Money::ZERO, energy_account: None, vault: None };
		assert_eq!(
			result_of(&nothing),
			json!({ "account": ALICE, "free": "0", "energyAccount": null, "vault": null })
		);
		let energy_account = EnergyAccount {
			opened_by: OpenedBy::Certificate { company: alice() },
			sold_wh: 700,
			earned: Money::from_units(5),
			trades: 2,
			offers: 1,
			deposit: Money::from_units(3),
		};
		let report = Shown { energy_account: Some(energy_account), ..nothing };
		assert_eq!(
			result_of(&report)["energyAccount"],
			json!({
				"openedBy": { "certificate": { "company": ALICE } },
				"soldWh": 700,
				"earned": "5",
				"trades": 2,
				"offers": 1,
				"deposit": "3",
			})
		);
	}

	#[test]
	fn a_key_should_be_imported_from_a_private_file_only() {
		let dir = tempfile::tempdir().unwrap();
		let secret = dir.path().join("secret");
		let seed = format!("0x{}", "01".repeat(32));
		files::write_bytes(&secret, seed.as_bytes(), false, files::Replace::Yes).unwrap();
		let state = Directory::new(dir.path().join("state"));
		let error = init(&state, Some(secret.clone())).err().unwrap();
		assert_eq!(error.code(), "file-insecure");
		files::write_bytes(&secret, seed.as_bytes(), true, files::Replace::Yes).unwrap();
		let made = init(&state, Some(secret)).unwrap();
		assert_eq!(AccountKey::open(&state).unwrap().account(), made.account);
	}
}
