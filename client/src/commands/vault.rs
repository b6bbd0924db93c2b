//! `spb vault`: a consumer's money set aside for trading.

use crate::{
	args,
	context::Context,
	output::{table, Answer, Report},
};
use serde::Serialize;
use spb_client::{
	chain::{calls, Vault},
	connection::{Connection, Head},
	vaults::{self, Choice, Name, Standing},
	Error, Result,
};
use spb_primitives::{AccountId, Money, Refusal};

/// What there is to do with vaults.
#[derive(clap::Subcommand)]
pub enum Command {
	/// Make one more account in the state directory, for a vault apart from the others
	Open {
		/// What to call it: small letters, digits and hyphens
		#[arg(value_parser = args::vault_name)]
		name: Name,
		/// Send it this much from the main account, in SPB; all can see that the two belong together
		#[arg(long, value_name = "AMOUNT")]
		fund: Option<Money>,
	},
	/// List the vaults of the state directory
	List,
	/// Set money aside; the first deposit opens the vault
	Deposit {
		/// How much, in SPB
		amount: Money,
		/// Which vault: main, the name of another, or a number
		#[arg(long, value_parser = args::vault, default_value = "main", value_name = "VAULT")]
		vault: Choice,
	},
	/// Show the vault and what open CTPs hold of it
	Show {
		/// Which vault: main, the name of another, or a number
		#[arg(long, value_parser = args::vault, default_value = "main", value_name = "VAULT")]
		vault: Choice,
	},
	/// Take money out: request it, and again without an amount when it is due
	Withdraw {
		/// How much to request, in SPB; nothing pays out what was requested
		amount: Option<Money>,
		/// Call off the pending withdrawal
		#[arg(long, conflicts_with = "amount")]
		cancel: bool,
		/// Which vault: main, the name of another, or a number
		#[arg(long, value_parser = args::vault, default_value = "main", value_name = "VAULT")]
		vault: Choice,
	},
}

/// An account that was made.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Opened {
	name: String,
	account: AccountId,
	/// What it was sent.
	funded: Money,
	/// The block in which it was sent.
	block: Option<Head>,
}

impl Report for Opened {
	fn human(&self) -> String {
		self.account.to_string()
	}
}

/// An account with its vault, if it has one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
	name: String,
	account: AccountId,
	vault: Option<Vault>,
	/// What new CTPs may commit.
	free: Money,
}

/// All of them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
	vaults: Vec<Row>,
}

impl Report for Listed {
	fn human(&self) -> String {
		let rows: Vec<_> = self.vaults.iter().map(Row::cells).collect();
		table(["name", "vault", "held", "free", "account"], &rows)
	}
}

impl Row {
	fn cells(&self) -> [String; 5] {
		let (number, held) = match &self.vault {
			Some(vault) => (vault.id.to_string(), vault.held.to_string()),
			None => ("none".into(), Money::ZERO.to_string()),
		};
		[self.name.clone(), number, held, self.free.to_string(), self.account.to_string()]
	}
}

/// What was done to the vault, and how it stands.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Changed {
	/// `deposited`, `requested`, `cancelled` or `withdrawn`.
	action: &'static str,
	/// The vault; none if it is empty and gone.
	vault: Option<Vault>,
	block: Head,
}

impl Report for Changed {
	fn human(&self) -> String {
		let Some(vault) = &self.vault else {
			return format!("{}; the vault is closed", self.action);
		};
		let mut text = format!("{}; {}", self.action, summary(vault));
		if let Some(withdrawal) = vault.withdrawal.filter(|_| self.action == "requested") {
			text.push_str(&format!(
				"; run `spb vault withdraw` at block {} or later",
				withdrawal.payable_at
			));
		}
		text
	}
}

fn summary(vault: &Vault) -> String {
	let mut text = format!("vault {} holds {}", vault.id, vault.held);
	if let Some(withdrawal) = vault.withdrawal {
		let (amount, block) = (withdrawal.amount, withdrawal.payable_at);
		text.push_str(&format!(", of which {amount} leave from block {block} on"));
	}
	text
}

/// How a vault stands.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
	vault: Vault,
	/// What open CTPs commit.
	committed: Money,
	/// What new CTPs may commit.
	free: Money,
	/// How many CTPs are open.
	open: usize,
}

impl Report for Shown {
	fn human(&self) -> String {
		let Self { vault, committed, free, open } = self;
		format!("{}\n{open} open CTPs commit {committed}, {free} are free", summary(vault))
	}
}

impl Command {
	/// The command's name in JSON output.
	pub fn name(&self) -> &'static str {
		match self {
			Self::Open { .. } => "vault open",
			Self::List => "vault list",
			Self::Deposit { .. } => "vault deposit",
			Self::Show { .. } => "vault show",
			Self::Withdraw { .. } => "vault withdraw",
		}
	}

	/// Runs the command.
	pub async fn run(self, context: &Context) -> Result<Answer> {
		let (choice, change) = match self {
			Self::Open { name, fund } => return Answer::of(&open(context, name, fund).await?),
			Self::List => return Answer::of(&list(context).await?),
			Self::Show { vault } => return Answer::of(&show(context, &vault).await?),
			Self::Deposit { amount, vault } => (vault, Change::Deposit(amount)),
			Self::Withdraw { cancel: true, vault, .. } => (vault, Change::Cancel),
			Self::Withdraw { amount: Some(amount), vault, .. } => (vault, Change::Request(amount)),
			Self::Withdraw { amount: None, vault, .. } => (vault, Change::Withdraw),
		};
		let main = context.key()?;
		let connection = context.connect().await?;
		let purse = context.purse(&connection, &main, &choice, None).await?;
		let key = &purse.key;
		let (action, included) = match change {
			Change::Deposit(amount) => {
				("deposited", connection.submit_and_wait(&calls::deposit(amount), key).await?)
			},
			Change::Cancel => {
				("cancelled", connection.submit_and_wait(&calls::cancel_withdrawal(), key).await?)
			},
			Change::Request(amount) => {
				let call = calls::request_withdrawal(amount);
				("requested", connection.submit_and_wait(&call, key).await?)
			},
			Change::Withdraw => {
				("withdrawn", connection.submit_and_wait(&calls::withdraw(), key).await?)
			},
		};
		let view = connection.view(included.block).await?;
		let vault = view.vault_of(&key.account()).await?;
		Answer::of(&Changed { action, vault, block: included.block })
	}
}

/// What to do to a vault.
enum Change {
	Deposit(Money),
	Request(Money),
	Cancel,
	Withdraw,
}

async fn open(context: &Context, name: Name, fund: Option<Money>) -> Result<Opened> {
	// What is missing for sending money is said before there is a new account.
	let source = match fund {
		Some(amount) => Some((context.key()?, context.connect().await?, amount)),
		None => None,
	};
	let purse = vaults::make(&context.directory, name)?;
	let account = purse.key.account();
	let (mut funded, mut block) = (Money::ZERO, None);
	if let Some((main, connection, amount)) = source {
		let call = calls::transfer(&account, amount);
		let included = connection.submit_and_wait(&call, &main).await?;
		(funded, block) = (amount, Some(included.block));
	}
	Ok(Opened { name: purse.name.to_string(), account, funded, block })
}

async fn list(context: &Context) -> Result<Listed> {
	let main = context.key()?;
	let connection = context.connect().await?;
	let view = connection.best_view().await?;
	let mut rows = Vec::new();
	for purse in vaults::purses(&context.directory, &main)? {
		let account = purse.key.account();
		let (vault, free) = match view.vault_of(&account).await? {
			Some(vault) => {
				let standing = Standing::of(&connection, &view, vault).await?;
				(Some(standing.vault), standing.free)
			},
			None => (None, Money::ZERO),
		};
		rows.push(Row { name: purse.name.to_string(), account, vault, free });
	}
	Ok(Listed { vaults: rows })
}

async fn show(context: &Context, choice: &Choice) -> Result<Shown> {
	let main = context.key()?;
	let connection = context.connect().await?;
	let purse = context.purse(&connection, &main, choice, None).await?;
	standing(&connection, &purse.key.account()).await
}

async fn standing(connection: &Connection, owner: &AccountId) -> Result<Shown> {
	let view = connection.best_view().await?;
	let vault = view.vault_of(owner).await?.ok_or(Error::from(Refusal::UnknownVault))?;
	let Standing { vault, committed, free, open } = Standing::of(connection, &view, vault).await?;
	Ok(Shown { vault, committed, free, open })
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::output::result_of;
	use serde_json::json;
	use sp_core::H256;
	use spb_client::chain::Withdrawal;
	use spb_primitives::units::SPB;

	fn vault() -> Vault {
		let withdrawal = Withdrawal { amount: Money::from_units(SPB), payable_at: 2_500 };
		Vault {
			id: 3,
			owner: AccountId::new([1; 32]),
			held: Money::from_units(5 * SPB),
			withdrawal: Some(withdrawal),
			deposit: Money::from_units(7),
		}
	}

	fn vault_json() -> serde_json::Value {
		json!({
			"id": 3,
			"owner": AccountId::new([1; 32]),
			"held": "5000000000000",
			"withdrawal": { "amount": "1000000000000", "payableAt": 2500 },
			"deposit": "7",
		})
	}

	#[test]
	fn output_should_keep_its_shape() {
		let block = Head { number: 7, hash: H256::repeat_byte(9) };
		let report = Changed { action: "requested", vault: Some(vault()), block };
		let expected = json!({
			"action": "requested",
			"vault": vault_json(),
			"block": { "number": 7, "hash": block.hash },
		});
		assert_eq!(result_of(&report), expected);
		assert!(report.human().ends_with("run `spb vault withdraw` at block 2500 or later"));
		let opened = Opened {
			name: "blue".into(),
			account: AccountId::new([1; 32]),
			funded: Money::ZERO,
			block: None,
		};
		let account = AccountId::new([1; 32]);
		let expected = json!({ "name": "blue", "account": account, "funded": "0", "block": null });
		assert_eq!(result_of(&opened), expected);
		let gone = Changed { action: "withdrawn", vault: None, block };
		assert_eq!(gone.human(), "withdrawn; the vault is closed");
		let committed = Money::from_units(SPB);
		let report = Shown { vault: vault(), committed, free: vault().spendable(), open: 2 };
		let expected = json!({
			"vault": vault_json(),
			"committed": "1000000000000",
			"free": "4000000000000",
			"open": 2,
		});
		assert_eq!(result_of(&report), expected);
	}
	#[test]
	fn lists_should_keep_their_shape() {
		let account = AccountId::new([1; 32]);
		let row = |name: &str, vault: Option<Vault>| Row {
			name: name.into(),
			account: account.clone(),
			free: vault.as_ref().map_or(Money::ZERO, Vault::spendable),
			vault,
		};
		let report = Listed { vaults: vec![row("main", Some(vault())), row("blue", None)] };
		let expected = json!({ "vaults": [
			{ "name": "main", "account": account, "vault": vault_json(), "free": "4000000000000" },
			{ "name": "blue", "account": account, "vault": null, "free": "0" },
		] });
		assert_eq!(result_of(&report), expected);
		let text = report.human();
		assert!(text.contains("main  3      5 SPB"), "{text}");
		assert!(text.contains("blue  none   0 SPB"), "{text}");
	}
}
