//! `spb ctp <tx_addr> <tx_amount> <tx_energy>`: commit to pay (paper section II-B).

use super::Wait;
use crate::{args, context::Context, output::Report};
use codec::Encode;
use serde::Serialize;
use spb_client::{
	connection::Head,
	files::to_hex,
	trade::{wait_for_ctp, Order},
	Result,
};
use spb_primitives::{AccountId, BlockNumber, CtpId, Energy, Money, OfferId, VaultId};

/// The options of `spb ctp`.
#[derive(clap::Args)]
pub struct Opts {
	/// The producer's account
	#[arg(value_parser = args::account)]
	tx_addr: AccountId,
	/// All that may be spent, in SPB, the fee included
	tx_amount: Money,
	/// The energy, in Wh
	#[arg(value_parser = args::energy)]
	tx_energy: Energy,
	/// This offer of the producer instead of the cheapest that suffices
	#[arg(long, value_parser = args::number, value_name = "NUMBER")]
	offer: Option<OfferId>,
	/// How long the energy may take to arrive
	#[arg(long, value_parser = args::number, value_name = "BLOCKS")]
	lifetime: Option<BlockNumber>,
	/// Use the producer's quote for a CTP that was prepared with the same arguments
	#[arg(long, value_name = "HEX|FILE", conflicts_with = "prepare")]
	quote: Option<String>,
	/// Sign the CTP and keep it back, for the producer to quote for
	#[arg(long, conflicts_with = "wait")]
	prepare: bool,
	/// Return not when the pool accepts, but later
	#[arg(long, value_enum, value_name = "UNTIL")]
	wait: Option<Wait>,
}

/// What became of the CTP.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Committed {
	id: CtpId,
	vault: VaultId,
	offer: OfferId,
	energy_wh: Energy,
	amount: Money,
	expiry: BlockNumber,
	/// `prepared`, `pending`, or what was waited for.
	stage: &'static str,
	/// The block at which it was seen there.
	block: Option<Head>,
	/// The SCALE encoding of the CTP, which a producer quotes for.
	ctp: String,
}

impl Report for Committed {
	fn human(&self) -> String {
		self.id.to_string()
	}
}

impl Opts {
	/// Makes the CTP and hands it to the pool.
	pub async fn run(self, context: &Context) -> Result<Committed> {
		let quote = self.quote.as_deref().map(args::quote).transpose()?;
		let trader = context.trader(context.connect().await?)?;
		let order = Order {
			producer: self.tx_addr,
			offer: self.offer,
			amount: self.tx_amount,
			energy: self.tx_energy,
			lifetime: self.lifetime,
		};
		let (issued, mut stage) = match &quote {
			_ if self.prepare => (trader.prepare(&order).await?, "prepared"),
			Some(quote) => (trader.commit_quoted(&order, quote).await?, "pending"),
			None => (trader.commit(&order).await?, "pending"),
		};
		let (id, ctp) = (issued.id, issued.signed.ctp);
		context.note(|| format!("CTP {id} on offer {} until block {}", ctp.offer, ctp.expiry));
		let mut block = None;
		if let Some(wait) = self.wait {
			let (connection, progress) = (trader.connection(), context.progress());
			let seen = wait_for_ctp(connection, &id, ctp.expiry, wait.into(), &*progress).await?;
			(stage, block) = (wait.name(), Some(seen));
		}
		Ok(Committed {
			id,
			vault: ctp.vault,
			offer: ctp.offer,
			energy_wh: ctp.energy,
			amount: ctp.amount,
			expiry: ctp.expiry,
			stage,
			block,
			ctp: to_hex(&ctp.encode()),
		})
	}
}

impl Wait {
	/// Its name, on the command line and in JSON.
	pub fn name(self) -> &'static str {
		match self {
			Self::Database => "database",
			Self::Final => "final",
			Self::Settled => "settled",
		}
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
		let mut report = Committed {
			id: CtpId(H256::repeat_byte(1)),
			vault: 2,
			offer: 3,
			energy_wh: Energy::from_wh(700),
			amount: Money::from_units(1_250_000_000_000),
			expiry: 600,
			stage: "pending",
			block: None,
			ctp: "0x01".into(),
		};
		let id = format!("0x{}", "01".repeat(32));
		assert_eq!(report.human(), id);
		let mut expected = json!({
			"id": id,
			"vault": 2,
			"offer": 3,
			"energyWh": 700,
			"amount": "1250000000000",
			"expiry": 600,
			"stage": "pending",
			"block": null,
			"ctp": "0x01",
		});
		assert_eq!(result_of(&report), expected);
		let hash = H256::repeat_byte(9);
		(report.stage, report.block) = ("final", Some(Head { number: 7, hash }));
		expected["stage"] = "final".into();
		expected["block"] = json!({ "number": 7, "hash": hash });
		assert_eq!(result_of(&report), expected);
	}
}
