//! `spb watch`: what becomes of CTPs, one line for each change, until interrupted.

use super::{ctps::CtpReport, write_line};
use crate::{args, context::Context, output::Report};
use serde::Serialize;
use spb_client::{
	connection::{Connection, CtpEvent, CtpFilter, Events, Head, Stage},
	Result,
};
use spb_primitives::{Energy, OfferId, VaultId};

/// The options of `spb watch`.
#[derive(clap::Args)]
pub struct Opts {
	/// Of this vault only
	#[arg(long, value_parser = args::number, value_name = "NUMBER")]
	vault: Option<VaultId>,
	/// On this offer only
	#[arg(long, value_parser = args::number, value_name = "NUMBER")]
	offer: Option<OfferId>,
	/// End after so many changes
	#[arg(long, value_parser = args::number, value_name = "CHANGES")]
	count: Option<u32>,
}

/// A change of a CTP.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Changed {
	event: Stage,
	block: Option<Head>,
	#[serde(flatten)]
	ctp: CtpReport,
	delivered_wh: Option<Energy>,
}

impl From<CtpEvent> for Changed {
	fn from(event: CtpEvent) -> Self {
		Self {
			event: event.event,
			block: event.block,
			ctp: CtpReport::new(event.id, &event.signed.0.ctp),
			delivered_wh: event.delivered_wh,
		}
	}
}

impl Report for Changed {
	fn human(&self) -> String {
		let event = match self.event {
			Stage::Pending => "pending",
			Stage::Open => "open",
			Stage::Final => "final",
			Stage::Settled => "settled",
			Stage::Expired => "expired",
		};
		let block = self.block.map_or_else(|| "-".into(), |block| block.number.to_string());
		let CtpReport { id, vault, offer, energy_wh, amount, expiry, .. } = &self.ctp;
		let mut text = format!("{block:>8}  {event:<8}{id}  vault {vault}  offer {offer}  ");
		text.push_str(&format!("{energy_wh} for {amount} until {expiry}"));
		if let Some(delivered) = self.delivered_wh {
			text.push_str(&format!(", {delivered} delivered"));
		}
		text
	}
}

/// The connection broke and is there again; what happened meanwhile was not told.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Resubscribed {
	event: &'static str,
	block: Option<Head>,
}

impl Report for Resubscribed {
	fn human(&self) -> String {
		let block = self.block.map_or_else(|| "-".into(), |block| block.number.to_string());
		format!("{block:>8}  connected again; `spb ctps` shows what has happened meanwhile")
	}
}

impl Opts {
	/// Writes each change as it comes.
	pub async fn run(self, context: &Context) -> Result<()> {
		let connection = context.connect().await?;
		let filter = CtpFilter { vault: self.vault, offer: self.offer };
		let mut events = connection.ctp_events(filter).await?;
		let mut left = self.count;
		while left != Some(0) {
			match events.next().await {
				Some(Ok(event)) => {
					write(context, &Changed::from(event))?;
					left = left.map(|left| left - 1);
				},
				Some(Err(error)) => {
					context.note(|| format!("the subscription broke: {error}"));
					events = resubscribe(context, &connection, filter).await?;
				},
				None => events = resubscribe(context, &connection, filter).await?,
			}
		}
		Ok(())
	}
}

fn write(context: &Context, report: &impl Report) -> Result<()> {
	write_line(context, "watch", report)
}

/// Subscribes anew and says that something may have been missed.
async fn resubscribe(
	context: &Context,
	connection: &Connection,
	filter: CtpFilter,
) -> Result<Events> {
	let events = connection.ctp_events(filter).await?;
	let block = Some(connection.best().await?);
	write(context, &Resubscribed { event: "resubscribed", block })?;
	Ok(events)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{commands::ctps::tests as ctp, output::result_of};
	use serde_json::json;
	use sp_core::H256;

	#[test]
	fn output_should_keep_its_shape() {
		let hash = H256::repeat_byte(9);
		let block = Some(Head { number: 7, hash });
		let delivered_wh = Some(Energy::from_wh(350));
		let report = Changed { event: Stage::Settled, block, ctp: ctp::report(), delivered_wh };
		let mut expected = ctp::expected();
		expected["event"] = json!("settled");
		expected["block"] = json!({ "number": 7, "hash": hash });
		expected["deliveredWh"] = json!(350);
		assert_eq!(result_of(&report), expected);
		let text = report.human();
		assert!(text.starts_with("       7  settled 0x01"), "{text}");
		assert!(text.ends_with("700 Wh for 0.000000000009 SPB until 600, 350 Wh delivered"));
		let report = Resubscribed { event: "resubscribed", block };
		let expected = json!({ "event": "resubscribed", "block": { "number": 7, "hash": hash } });
		assert_eq!(result_of(&report), expected);
	}
}
