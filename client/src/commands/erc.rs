//! `spb erc <ctp_id> <energy_amount>`: the meter's word that energy arrived (paper section II-B).

use super::Wait;
use crate::{args, context::Context, output::Report};
use serde::Serialize;
use spb_client::{
	connection::Head, meter::Reading, trade::wait_for_receipt, vaults::Choice, Result,
};
use spb_primitives::{BlockNumber, CtpId, Energy, Money};

/// The options of `spb erc`.
#[derive(clap::Args)]
pub struct Opts {
	/// The CTP, as `spb ctp` printed it
	#[arg(value_parser = args::ctp_id)]
	ctp_id: CtpId,
	/// The energy that arrived, in Wh
	#[arg(value_parser = args::energy)]
	energy_amount: Energy,
	/// Return not when the pool accepts, but when the trade has settled: in a block of the best
	/// chain (database) or in a final one
	#[arg(long, value_enum, value_name = "UNTIL")]
	wait: Option<Wait>,
}

/// What became of the ERC.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Confirmed {
	id: CtpId,
	delivered_wh: Energy,
	/// The block at which the meter made it.
	at: BlockNumber,
	/// `pending`, or what was waited for.
	stage: &'static str,
	/// The block at which it was seen there.
	block: Option<Head>,
}

impl Report for Confirmed {
	fn human(&self) -> String {
		self.id.to_string()
	}
}

impl Opts {
	/// Has the meter confirm the CTP and hands the ERC to the pool.
	pub async fn run(self, context: &Context) -> Result<Confirmed> {
		let trader =
			context.trader(context.connect().await?, &Choice::default(), Money::ZERO).await?;
		let receipt = trader.confirm(&self.ctp_id, self.energy_amount, Reading::New).await?;
		let (mut stage, mut block) = ("pending", None);
		if let Some(wait) = self.wait {
			let (connection, progress) = (trader.connection(), context.progress());
			let expiry = receipt.ctp.ctp.expiry;
			let seen =
				wait_for_receipt(connection, &self.ctp_id, expiry, wait.into(), &*progress).await?;
			(stage, block) = (wait.name(), Some(seen));
		}
		Ok(Confirmed {
			id: self.ctp_id,
			delivered_wh: receipt.erc.delivered,
			at: receipt.erc.at,
			stage,
			block,
		})
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::output::result_of;
	use serde_json::json;
	use sp_core::H256;

	#[test]
	fn output_should_keep_its_shape() {
		let id = CtpId(H256::repeat_byte(1));
		let delivered_wh = Energy::from_wh(700);
		let report = Confirmed { id, delivered_wh, at: 5, stage: "pending", block: None };
		assert_eq!(report.human(), format!("0x{}", "01".repeat(32)));
		let expected = json!({
			"id": id,
			"deliveredWh": 700,
			"at": 5,
			"stage": "pending",
			"block": null,
		});
		assert_eq!(result_of(&report), expected);
	}
}
