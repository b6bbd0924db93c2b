//! `spb ctp <tx_addr> <tx_amount> <tx_energy>`: commit to pay (paper section II-B).

use super::Wait;
use crate::{
	args::{self, Consent},
	context::Context,
	output::Report,
};
use codec::Encode;
use serde::Serialize;
use spb_client::{
	connection::Head,
	files::to_hex,
	negotiate::{Agreed, Agreements, NegotiateError},
	trade::{wait_for_ctp, Order},
	vaults::Choice,
	Result,
};
use spb_primitives::{
	AccountId, BlockNumber, CtpId, Energy, Genesis, Money, OfferId, Quote, VaultId,
};

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
	/// Use what was agreed on: "latest" for the latest agreement from `spb negotiate` that fits, an
	/// agreement's file, or a producer's quote for a CTP that was prepared with the same arguments
	#[arg(long, value_name = "latest|FILE|HEX", conflicts_with_all = ["prepare", "vault"])]
	quote: Option<String>,
	/// Which vault pays: main, the name of another, a number, or any that covers it
	#[arg(long, value_parser = args::vault, value_name = "VAULT")]
	vault: Option<Choice>,
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
		let given = self.quote.as_deref().map(args::consent).transpose()?;
		let connection = context.connect().await?;
		let genesis = connection.genesis();
		let vault = self.vault.clone().unwrap_or_default();
		let trader = context.trader(connection, &vault, self.tx_amount).await?;
		let mut order = Order {
			producer: self.tx_addr,
			offer: self.offer,
			amount: self.tx_amount,
			energy: self.tx_energy,
			lifetime: self.lifetime,
		};
		let quote = match given {
			None => None,
			Some(Consent::Quote(quote)) => Some(quote),
			Some(Consent::Agreement(agreed)) => Some(take(&mut order, *agreed, &genesis)?),
			Some(Consent::Latest) => {
				let agreements = Agreements::new(context.directory.clone());
				let agreed = agreements.latest(&genesis, &order.producer, order.energy)?;
				Some(take(&mut order, agreed, &genesis)?)
			},
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

/// Makes an order one for what was agreed on, if that is what the arguments ask for, and gives the
/// quote that goes with it.
fn take(order: &mut Order, agreed: Agreed, genesis: &Genesis) -> Result<Quote> {
	let refused = |reason| Err(NegotiateError::NoAgreement(reason).into());
	if agreed.genesis != *genesis {
		return refused("it is for another chain");
	}
	if agreed.producer != order.producer {
		return refused("it is with another producer");
	}
	if agreed.energy() != order.energy {
		return refused("it is for another amount of energy");
	}
	if order.offer.is_some_and(|offer| offer != agreed.offer()) {
		return refused("it is about another offer");
	}
	if agreed.amount() > order.amount {
		return refused("it commits more than may be spent");
	}
	(order.offer, order.amount) = (Some(agreed.offer()), agreed.amount());
	Ok(agreed.quote.0)
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
	use super::{super::testing::agreed, *};
	use crate::output::result_of;
	use serde_json::json;
	use sp_core::H256;
	use spb_client::error::{Classify, Kind};
	use spb_primitives::units::SPB;

	fn order() -> Order {
		Order {
			producer: AccountId::new([2; 32]),
			offer: None,
			amount: Money::from_units(SPB / 4 + 1),
			energy: Energy::from_wh(700),
			lifetime: None,
		}
	}

	#[test]
	fn an_agreement_should_be_taken_as_it_is() {
		let mut order = order();
		let quote = take(&mut order, agreed(), &Genesis::zero()).unwrap();
		assert_eq!(quote, agreed().quote.0);
		assert_eq!((order.offer, order.amount), (Some(3), Money::from_units(SPB / 4)));
	}

	#[test]
	fn an_agreement_for_something_else_should_not_be_taken() {
		let refused = |mut order: Order, genesis: Genesis| {
			let error = take(&mut order, agreed(), &genesis).unwrap_err();
			assert_eq!((error.kind(), error.code().as_str()), (Kind::BadInput, "no-agreement"));
		};
		let here = Genesis::zero();
		refused(order(), Genesis::repeat_byte(1));
		refused(Order { producer: AccountId::new([3; 32]), ..order() }, here);
		refused(Order { energy: Energy::from_wh(701), ..order() }, here);
		refused(Order { offer: Some(4), ..order() }, here);
		refused(Order { amount: Money::from_units(SPB / 4 - 1), ..order() }, here);
	}

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
