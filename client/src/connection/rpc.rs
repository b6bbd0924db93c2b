//! The node's own questions and answers: the CTP database, the trades that have settled, and what
//! becomes of each CTP.

use super::{Connection, ConnectionError, Hash, Head};
use crate::files::{self, Encoded};
use serde::{Deserialize, Serialize};
use spb_primitives::{
	AccountId, BlockNumber, Ctp, CtpId, Energy, Money, OfferId, OpenCtps, SignedCtp, VaultId,
};
use subxt::rpcs::client::{rpc_params, RpcSubscription};

/// Rows to a page; the most that the node answers.
const PAGE: u32 = 1_000;

/// The node's code for a database that it does not keep.
pub const NO_DATABASE: i32 = 9_002;
/// The node's code for a sidecar that it does not keep.
pub const NO_SIDECAR: i32 = 9_004;

/// Which CTPs to list or to be told of.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize)]
pub struct CtpFilter {
	/// Of this vault only.
	pub vault: Option<VaultId>,
	/// On this offer only.
	pub offer: Option<OfferId>,
}

/// Where a CTP is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
	/// It waits on the node for a block.
	Pending,
	/// It is in the database.
	Open,
	/// It has settled.
	Settled,
	/// None of these: never seen or dropped.
	Unknown,
}

/// What the node knows of a CTP.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CtpStatus {
	/// Where it is.
	pub status: Status,
	/// The id.
	pub id: CtpId,
	/// The CTP, unless it is unknown.
	#[serde(rename = "encoded")]
	pub signed: Option<Encoded<SignedCtp>>,
	/// The block asked about, or the one that settled it.
	pub block: Option<Head>,
	/// The energy delivered, if it settled.
	pub delivered_wh: Option<Energy>,
}

/// A CTP of the database.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CtpRow {
	/// The id.
	pub id: CtpId,
	/// The entry.
	#[serde(rename = "encoded")]
	pub signed: Encoded<SignedCtp>,
}

impl CtpRow {
	/// What it commits to.
	pub fn ctp(&self) -> &Ctp {
		&self.signed.0.ctp
	}
}

/// How many CTPs of one expiry are open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Bucket {
	/// The expiry.
	pub expiry: BlockNumber,
	/// How many.
	pub open: u32,
}

/// The database after a block, counted and hashed anew by the node.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseInfo {
	/// The block's number.
	pub number: BlockNumber,
	/// The block's hash.
	pub hash: Hash,
	/// The root over the stored entries.
	pub root: Hash,
	/// The root that the block's header names; none at genesis.
	pub header_root: Option<Hash>,
	/// Whether they are the same.
	pub equal: bool,
	/// Open CTPs.
	pub open: u32,
	/// Open CTPs by expiry.
	pub buckets: Vec<Bucket>,
}

/// A settled trade.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trade {
	/// The number of the block that settled it.
	pub block: BlockNumber,
	/// Its position among the block's settlements.
	pub position: u32,
	/// The block's hash.
	pub hash: Hash,
	/// The CTP's id.
	pub id: CtpId,
	/// The CTP.
	#[serde(rename = "encoded")]
	pub signed: Encoded<SignedCtp>,
	/// The energy delivered.
	pub delivered_wh: Energy,
	/// Who paid, as far as it is known.
	pub consumer: Option<AccountId>,
	/// Who was paid, as far as it is known.
	pub producer: Option<AccountId>,
	/// What the producer got, or what it was due, where only that is known.
	pub payment: Option<Money>,
	/// What the block's author got, likewise.
	pub fee: Option<Money>,
	/// What was burned because its receiver could not take it.
	pub burned: Option<Money>,
	/// What stayed in the vault.
	pub released: Option<Money>,
}

/// What became of a CTP.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
	/// It waits for a block.
	Pending,
	/// It is in the database.
	Open,
	/// The block that added it is final.
	Final,
	/// It settled.
	Settled,
	/// It was dropped.
	Expired,
}

/// A change of a CTP.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CtpEvent {
	/// What happened.
	pub event: Stage,
	/// The block that did it.
	pub block: Option<Head>,
	/// The id.
	pub id: CtpId,
	/// The CTP.
	#[serde(rename = "encoded")]
	pub signed: Encoded<SignedCtp>,
	/// The energy delivered, where it settled.
	pub delivered_wh: Option<Energy>,
}

/// The node's events, until the connection breaks.
pub type Events = RpcSubscription<CtpEvent>;

/// A part of the database after a block.
#[derive(Deserialize)]
struct CtpPage {
	hash: Hash,
	ctps: Vec<CtpRow>,
	// Given back as it came: what it means is the node's business.
	next: Option<serde_json::Value>,
}

/// A part of a sidecar.
#[derive(Deserialize)]
struct SidecarPart {
	length: usize,
	bytes: String,
}

/// A part of a history.
#[derive(Deserialize)]
struct TradePage {
	trades: Vec<Trade>,
	next: Option<serde_json::Value>,
}

impl Connection {
	/// Where a CTP is: after this block, or the best one.
	pub async fn ctp(&self, id: &CtpId, at: Option<Hash>) -> Result<CtpStatus, ConnectionError> {
		self.request("spb_ctp", rpc_params![id, at]).await
	}

	/// All open CTPs that pass the filter, after this block or the best one.
	pub async fn all_ctps(
		&self,
		filter: CtpFilter,
		at: Option<Hash>,
	) -> Result<Vec<CtpRow>, ConnectionError> {
		let (mut at, mut after, mut rows) = (at, None, Vec::new());
		loop {
			let params = rpc_params![filter, at, after, PAGE];
			let page: CtpPage = self.request("spb_ctps", params).await?;
			rows.extend(page.ctps);
			if page.next.is_none() {
				return Ok(rows);
			}
			// All parts are of one block, also where none was named.
			(at, after) = (Some(page.hash), page.next);
		}
	}

	/// The database after a block, made here of the entries that the node lists: ids, leaves and
	/// root are not taken over.
	pub async fn open_ctps(&self, at: Hash) -> Result<OpenCtps, ConnectionError> {
		let mut open = OpenCtps::default();
		for row in self.all_ctps(CtpFilter::default(), Some(at)).await? {
			let signed = row.signed.0;
			if !open.add(CtpId::of(&signed.ctp, &self.genesis()), signed) {
				return Err(ConnectionError::Malformed {
					method: "spb_ctps".into(),
					reason: "a CTP is listed twice".into(),
				});
			}
		}
		Ok(open)
	}

	/// The sidecar of a block as the node keeps it, encoded. Whether it is the one that the header
	/// names is for the caller to see.
	pub async fn sidecar(&self, block: Hash) -> Result<Vec<u8>, ConnectionError> {
		let malformed =
			|reason: String| ConnectionError::Malformed { method: "spb_sidecar".into(), reason };
		let mut whole = Vec::new();
		loop {
			let params = rpc_params![block, whole.len()];
			let part: SidecarPart = self.request("spb_sidecar", params).await?;
			let bytes = files::from_hex(&part.bytes).map_err(malformed)?;
			let is_last = bytes.is_empty();
			whole.extend(bytes);
			if whole.len() >= part.length {
				return Ok(whole);
			}
			if is_last {
				return Err(malformed("the sidecar ends before its length".into()));
			}
		}
	}

	/// The database after this block, or the best one.
	pub async fn database(&self, at: Option<Hash>) -> Result<DatabaseInfo, ConnectionError> {
		self.request("spb_database", rpc_params![at]).await
	}

	/// The trades of an account that settled in these blocks, in order; at most `limit`.
	pub async fn trades(
		&self,
		account: &AccountId,
		from: Option<BlockNumber>,
		to: Option<BlockNumber>,
		limit: usize,
	) -> Result<Vec<Trade>, ConnectionError> {
		let (mut after, mut trades) = (None, Vec::new());
		while trades.len() < limit {
			let rows = u32::try_from(limit - trades.len()).unwrap_or(PAGE).min(PAGE);
			let params = rpc_params![account, from, to, rows, after];
			let page: TradePage = self.request("spb_trades", params).await?;
			trades.extend(page.trades);
			after = page.next;
			if after.is_none() {
				break;
			}
		}
		Ok(trades)
	}

	/// Events of CTPs from now on, until the connection breaks.
	pub async fn ctp_events(&self, filter: CtpFilter) -> Result<Events, ConnectionError> {
		self.subscribe("spb_subscribeCtps", rpc_params![filter], "spb_unsubscribeCtps").await
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use serde_json::json;

	#[test]
	fn answers_should_be_read_as_the_node_writes_them() {
		let id = format!("0x{}", "11".repeat(32));
		let unknown = json!({ "status": "unknown", "id": id });
		let status: CtpStatus = serde_json::from_value(unknown).unwrap();
		assert_eq!((status.status, status.signed), (Status::Unknown, None));
		let malformed = json!({ "status": "pending", "id": id, "encoded": "0x00" });
		assert!(serde_json::from_value::<CtpStatus>(malformed).is_err());
	}

	#[test]
	fn filters_should_be_written_as_the_node_reads_them() {
		let filter = CtpFilter { vault: Some(3), offer: None };
		assert_eq!(serde_json::to_value(filter).unwrap(), json!({ "vault": 3, "offer": null }));
	}
}
