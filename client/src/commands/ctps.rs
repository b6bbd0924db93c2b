//! `spb ctps`: open CTPs.

use crate::{
	args,
	context::Context,
	output::{table, Report},
};
use serde::Serialize;
use spb_client::{
	connection::{CtpFilter, Head},
	Error, Result,
};
use spb_primitives::{
	BlockNumber, Ctp, CtpId, Energy, Money, OfferId, ReceiptKey, Refusal, VaultId,
};

/// The options of `spb ctps`.
#[derive(clap::Args)]
pub struct Opts {
	/// Of this vault [default: our own]
	#[arg(long, value_parser = args::number, value_name = "NUMBER")]
	vault: Option<VaultId>,
	/// On this offer
	#[arg(long, value_parser = args::number, value_name = "NUMBER")]
	offer: Option<OfferId>,
	/// Everyone's
	#[arg(long, conflicts_with_all = ["vault", "offer"])]
	all: bool,
}

/// What a CTP says.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CtpReport {
	/// Its id.
	pub id: CtpId,
	/// The vault that pays.
	pub vault: VaultId,
	/// The offer that delivers.
	pub offer: OfferId,
	/// The energy asked for.
	pub energy_wh: Energy,
	/// All that the consumer can lose.
	pub amount: Money,
	/// The last block at which the ERC may be made.
	pub expiry: BlockNumber,
	/// The hash of the key that will sign the ERC.
	pub receipt_key: ReceiptKey,
}

impl CtpReport {
	/// The report of a CTP.
	pub fn new(id: CtpId, ctp: &Ctp) -> Self {
		Self {
			id,
			vault: ctp.vault,
			offer: ctp.offer,
			energy_wh: ctp.energy,
			amount: ctp.amount,
			expiry: ctp.expiry,
			receipt_key: ctp.receipt_key,
		}
	}
}

/// The open CTPs after a block.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
	block: Head,
	ctps: Vec<CtpReport>,
}

impl Report for Listed {
	fn human(&self) -> String {
		let rows: Vec<_> = self
			.ctps
			.iter()
			.map(|ctp| {
				[
					ctp.id.to_string(),
					ctp.vault.to_string(),
					ctp.offer.to_string(),
					ctp.energy_wh.to_string(),
					ctp.amount.to_string(),
					ctp.expiry.to_string(),
				]
			})
			.collect();
		table(["id", "vault", "offer", "energy", "amount", "expiry"], &rows)
	}
}

impl Opts {
	/// Lists them.
	pub async fn run(self, context: &Context) -> Result<Listed> {
		let own = self.vault.is_none() && self.offer.is_none() && !self.all;
		let owner = own.then(|| context.key()).transpose()?.map(|key| key.account());
		let connection = context.connect().await?;
		let mut filter = CtpFilter { vault: self.vault, offer: self.offer };
		let block = connection.best().await?;
		if let Some(owner) = owner {
			let vault = connection.view(block).await?.vault_of(&owner).await?;
			filter.vault = Some(vault.ok_or(Error::from(Refusal::UnknownVault))?.id);
		}
		let rows = connection.all_ctps(filter, Some(block.hash)).await?;
		let ctps = rows.iter().map(|row| CtpReport::new(row.id, row.ctp())).collect();
		Ok(Listed { block, ctps })
	}
}

#[cfg(test)]
pub mod tests {
	use super::*;
	use crate::output::result_of;
	use serde_json::{json, Value};
	use sp_core::H256;

	/// A CTP to report of.
	pub fn report() -> CtpReport {
		let ctp = Ctp {
			vault: 2,
			offer: 3,
			energy: Energy::from_wh(700),
			amount: Money::from_units(9),
			expiry: 600,
			receipt_key: ReceiptKey(H256::repeat_byte(4)),
		};
		CtpReport::new(CtpId(H256::repeat_byte(1)), &ctp)
	}

	/// How it is reported.
	pub fn expected() -> Value {
		json!({
			"id": H256::repeat_byte(1),
			"vault": 2,
			"offer": 3,
			"energyWh": 700,
			"amount": "9",
			"expiry": 600,
			"receiptKey": H256::repeat_byte(4),
		})
	}

	#[test]
	fn output_should_keep_its_shape() {
		let block = Head { number: 7, hash: H256::repeat_byte(9) };
		let listed = Listed { block, ctps: vec![report()] };
		let block = json!({ "number": 7, "hash": block.hash });
		assert_eq!(result_of(&listed), json!({ "block": block, "ctps": [expected()] }));
		assert_eq!(listed.human().lines().count(), 2);
	}
}
