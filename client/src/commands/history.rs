//! `spb history`: trades that have settled.

use super::ctps::CtpReport;
use crate::{
	args,
	context::Context,
	output::{table, Report},
};
use serde::Serialize;
use spb_client::{
	connection::{Head, Trade},
	Result,
};
use spb_primitives::{AccountId, BlockNumber, Energy, Money};

/// The options of `spb history`.
#[derive(clap::Args)]
pub struct Opts {
	/// Of another account than our own
	#[arg(long, value_parser = args::account)]
	account: Option<AccountId>,
	/// From this block on
	#[arg(long, value_parser = args::number, value_name = "BLOCK")]
	from: Option<BlockNumber>,
	/// Up to this block
	#[arg(long, value_parser = args::number, value_name = "BLOCK")]
	to: Option<BlockNumber>,
	/// How many trades at the most
	#[arg(long, default_value = "100", value_parser = args::number, value_name = "TRADES")]
	limit: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Settled {
	block: Head,
	#[serde(flatten)]
	ctp: CtpReport,
	delivered_wh: Energy,
	consumer: Option<AccountId>,
	producer: Option<AccountId>,
	payment: Option<Money>,
	fee: Option<Money>,
	burned: Option<Money>,
	released: Option<Money>,
}

impl From<Trade> for Settled {
	fn from(trade: Trade) -> Self {
		Self {
			block: Head { number: trade.block, hash: trade.hash },
			ctp: CtpReport::new(trade.id, &trade.signed.0.ctp),
			delivered_wh: trade.delivered_wh,
			consumer: trade.consumer,
			producer: trade.producer,
			payment: trade.payment,
			fee: trade.fee,
			burned: trade.burned,
			released: trade.released,
		}
	}
}

/// The trades of an account.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
	account: AccountId,
	trades: Vec<Settled>,
}

impl Report for Listed {
	fn human(&self) -> String {
		let rows: Vec<_> = self
			.trades
			.iter()
			.map(|trade| {
				let ours = trade.producer.as_ref() == Some(&self.account);
				let unknown = || "unknown".to_owned();
				[
					trade.block.number.to_string(),
					if ours { "sold" } else { "bought" }.into(),
					format!("{} of {}", trade.delivered_wh.wh(), trade.ctp.energy_wh),
					trade.payment.map_or_else(unknown, |payment| payment.to_string()),
					trade.ctp.id.to_string(),
				]
			})
			.collect();
		table(["block", "side", "delivered", "paid", "id"], &rows)
	}
}

impl Opts {
	/// Lists them.
	pub async fn run(self, context: &Context) -> Result<Listed> {
		let account = match self.account {
			Some(account) => account,
			None => context.key()?.account(),
		};
		let connection = context.connect().await?;
		let trades = connection.trades(&account, self.from, self.to, self.limit as usize).await?;
		Ok(Listed { account, trades: trades.into_iter().map(Into::into).collect() })
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{commands::ctps::tests as ctp, output::result_of};
	use serde_json::json;
	use sp_core::H256;

	#[test]
	fn output_should_keep_its_shape() {
		let account = AccountId::new([1; 32]);
		let block = Head { number: 7, hash: H256::repeat_byte(9) };
		let settled = Settled {
			block,
			ctp: ctp::report(),
			delivered_wh: Energy::from_wh(350),
			consumer: None,
			producer: Some(account.clone()),
			payment: Some(Money::from_units(4)),
			fee: Some(Money::from_units(1)),
			burned: Some(Money::ZERO),
			released: Some(Money::from_units(4)),
		};
		let report = Listed { account: account.clone(), trades: vec![settled] };
		let mut trade = ctp::expected();
		for (name, value) in [
			("block", json!({ "number": 7, "hash": block.hash })),
			("deliveredWh", json!(350)),
			("consumer", json!(null)),
			("producer", json!(account)),
			("payment", json!("4")),
			("fee", json!("1")),
			("burned", json!("0")),
			("released", json!("4")),
		] {
			trade[name] = value;
		}
		assert_eq!(result_of(&report), json!({ "account": account, "trades": [trade] }));
		assert!(report.human().contains("sold  350 of 700 Wh"), "{}", report.human());
	}
}
