//! `spb vault`: a consumer's money set aside for trading.

use crate::{
	context::Context,
	output::{Answer, Report},
};
use serde::Serialize;
use spb_client::{
	chain::{calls, Vault},
	connection::{Connection, CtpFilter, Head},
	Error, Result,
};
use spb_primitives::{AccountId, Money, Refusal};

/// What there is to do with the vault.
#[derive(clap::Subcommand)]
pub enum Command {
	/// Set money aside; the first deposit opens the vault
	Deposit {
		/// How much, in SPB
		amount: Money,
	},
	/// Show the vault and what open CTPs hold of it
	Show,
	/// Take money out: request it, and again without an amount when it is due
	Withdraw {
		/// How much to request, in SPB; nothing pays out what was requested
		amount: Option<Money>,
		/// Call off the pending withdrawal
		#[arg(long, conflicts_with = "amount")]
		cancel: bool,
	},
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
			Self::Deposit { .. } => "vault deposit",
			Self::Show => "vault show",
			Self::Withdraw { .. } => "vault withdraw",
		}
	}

	/// Runs the command.
	pub async fn run(self, context: &Context) -> Result<Answer> {
		let key = context.key()?;
		let connection = context.connect().await?;
		let (action, included) = match self {
			Self::Show => return Answer::of(&show(&connection, &key.account()).await?),
			Self::Deposit { amount } => {
				("deposited", connection.submit_and_wait(&calls::deposit(amount), &key).await?)
			},
			Self::Withdraw { cancel: true, .. } => {
				("cancelled", connection.submit_and_wait(&calls::cancel_withdrawal(), &key).await?)
			},
			Self::Withdraw { amount: Some(amount), .. } => {
				let call = calls::request_withdrawal(amount);
				("requested", connection.submit_and_wait(&call, &key).await?)
			},
			Self::Withdraw { amount: None, .. } => {
				("withdrawn", connection.submit_and_wait(&calls::withdraw(), &key).await?)
			},
		};
		let view = connection.view(included.block).await?;
		let vault = view.vault_of(&key.account()).await?;
		Answer::of(&Changed { action, vault, block: included.block })
	}
}

async fn show(connection: &Connection, owner: &AccountId) -> Result<Shown> {
	let view = connection.best_view().await?;
	let vault = view.vault_of(owner).await?.ok_or(Error::from(Refusal::UnknownVault))?;
	let filter = CtpFilter { vault: Some(vault.id), offer: None };
	let rows = connection.all_ctps(filter, Some(view.head().hash)).await?;
	let committed = rows
		.iter()
		.try_fold(Money::ZERO, |sum, row| sum.checked_add(row.ctp().amount))
		.unwrap_or(Money::MAX);
	let free = vault.spendable().saturating_sub(committed);
	Ok(Shown { vault, committed, free, open: rows.len() })
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
}
