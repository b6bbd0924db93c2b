//! `spb status`: the node, the chain, and what is ours.

use super::account::Shown;
use crate::{context::Context, output::Report};
use serde::{Deserialize, Serialize};
use sp_core::H256;
use spb_client::{
	connection::{Connection, DatabaseInfo, Head},
	meter::{Meter, MeterError, MeterInfo},
	Error, Result,
};
use subxt::rpcs::client::rpc_params;

/// The options of `spb status`.
#[derive(clap::Args)]
pub struct Opts {}

/// What the node says of its network.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Health {
	peers: u64,
	is_syncing: bool,
}

/// How things stand.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
	url: String,
	chain: String,
	node: String,
	node_version: String,
	genesis: H256,
	peers: u64,
	syncing: bool,
	best: Head,
	finalized: Head,
	database: DatabaseInfo,
	account: Option<Shown>,
	meter: Option<MeterInfo>,
}

impl Report for Status {
	fn human(&self) -> String {
		let database = &self.database;
		let equal = match database.equal {
			true => "as the header says",
			false => "NOT AS THE HEADER SAYS",
		};
		let mut lines = vec![
			format!("node      {} {} at {}", self.node, self.node_version, self.url),
			format!("chain     {} ({:?})", self.chain, self.genesis),
			format!(
				"network   {} peers{}",
				self.peers,
				if self.syncing { ", catching up" } else { "" }
			),
			format!("best      {} ({:?})", self.best.number, self.best.hash),
			format!("final     {} ({:?})", self.finalized.number, self.finalized.hash),
			format!("database  {} open, root {:?} {equal}", database.open, database.root),
		];
		match &self.account {
			Some(account) => lines.push(account.human()),
			None => lines.push("account  none: make a key with `spb account init`".into()),
		}
		match &self.meter {
			Some(meter) => lines.push(meter.human()),
			None => lines.push("meter    none: make one with `spb meter init`".into()),
		}
		lines.join("\n")
	}
}

impl Opts {
	/// Looks.
	pub async fn run(self, context: &Context) -> Result<Status> {
		let account = context.account()?;
		let connection = context.connect().await?;
		let (best, finalized) = (connection.best().await?, connection.finalized().await?);
		let health: Health = connection.request("system_health", rpc_params![]).await?;
		let account = match account {
			Some(account) => {
				let view = connection.view(best).await?;
				Some(Shown::of(&view, account).await?)
			},
			None => None,
		};
		Ok(Status {
			url: connection.url().to_owned(),
			chain: text(&connection, "system_chain").await?,
			node: text(&connection, "system_name").await?,
			node_version: text(&connection, "system_version").await?,
			genesis: connection.genesis(),
			peers: health.peers,
			syncing: health.is_syncing,
			best,
			finalized,
			database: connection.database(Some(best.hash)).await?,
			account,
			meter: meter(context, &connection, best)?,
		})
	}
}

async fn text(connection: &Connection, method: &str) -> Result<String> {
	Ok(connection.request(method, rpc_params![]).await?)
}

/// Our meter, if there is one.
fn meter(context: &Context, connection: &Connection, best: Head) -> Result<Option<MeterInfo>> {
	match Meter::open(context.directory.clone()) {
		Ok(meter) => Ok(Some(meter.info(&connection.genesis(), best.number)?)),
		Err(MeterError::NoMeter(_)) => Ok(None),
		Err(error) => Err(Error::from(error)),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::output::result_of;
	use serde_json::json;

	#[test]
	fn output_should_keep_its_shape() {
		let hash = H256::repeat_byte(9);
		let best = Head { number: 7, hash };
		let database = DatabaseInfo {
			number: 7,
			hash,
			root: H256::zero(),
			header_root: Some(H256::zero()),
			equal: true,
			open: 0,
			buckets: Vec::new(),
		};
		let mut report = Status {
			url: "ws://host".into(),
			chain: "SPB".into(),
			node: "SPB Node".into(),
			node_version: "1".into(),
			genesis: hash,
			peers: 2,
			syncing: false,
			best,
			finalized: best,
			database,
			account: None,
			meter: None,
		};
		let block = json!({ "number": 7, "hash": hash });
		let expected = json!({
			"url": "ws://host",
			"chain": "SPB",
			"node": "SPB Node",
			"nodeVersion": "1",
			"genesis": hash,
			"peers": 2,
			"syncing": false,
			"best": block,
			"finalized": block,
			"database": {
				"number": 7,
				"hash": hash,
				"root": H256::zero(),
				"headerRoot": H256::zero(),
				"equal": true,
				"open": 0,
				"buckets": [],
			},
			"account": null,
			"meter": null,
		});
		assert_eq!(result_of(&report), expected);
		assert!(report.human().contains("as the header says"));
		report.database.equal = false;
		assert!(report.human().contains("NOT AS THE HEADER SAYS"));
	}
}
