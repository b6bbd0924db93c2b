//! What callers get: JSON in camel case, energy in watt-hours as numbers, money in the smallest
//! unit as decimal strings, hashes and bytes as hexadecimal with `0x`.

use crate::spb::{
	events::{At, CtpEvent, Stage},
	trades::{Place, Trade},
	Hash,
};
use codec::Encode;
use pallet_spb::runtime_api::{DatabaseSummary, OpenCtp};
use serde::Serialize;
use sp_core::Bytes;
use spb_primitives::{
	root::entry_key, AccountId, BlockNumber, Ctp, CtpId, Energy, InclusionProof, Money, OfferId,
	ReceiptKey, SignedCtp, VaultId,
};

/// What a CTP commits to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CtpAnswer {
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
	/// The hash of the meter key that will sign the ERC.
	pub receipt_key: ReceiptKey,
}

impl From<&Ctp> for CtpAnswer {
	fn from(ctp: &Ctp) -> Self {
		Self {
			vault: ctp.vault,
			offer: ctp.offer,
			energy_wh: ctp.energy,
			amount: ctp.amount,
			expiry: ctp.expiry,
			receipt_key: ctp.receipt_key,
		}
	}
}

/// A signed CTP: its content, and its SCALE encoding, whose blake2-256 is the database's leaf.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryAnswer {
	/// The id.
	pub id: CtpId,
	/// What it commits to.
	pub ctp: CtpAnswer,
	/// The encoded `SignedCtp`.
	pub encoded: Bytes,
}

impl EntryAnswer {
	/// The answer for a signed CTP with this id.
	pub fn new(id: CtpId, signed: &SignedCtp) -> Self {
		Self { id, ctp: (&signed.ctp).into(), encoded: signed.encode().into() }
	}
}

impl From<&OpenCtp> for EntryAnswer {
	fn from(open: &OpenCtp) -> Self {
		Self::new(open.id, &open.signed)
	}
}

/// A block.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct BlockAnswer {
	/// Its number.
	pub number: BlockNumber,
	/// Its hash.
	pub hash: Hash,
}

impl From<At> for BlockAnswer {
	fn from(At { number, hash }: At) -> Self {
		Self { number, hash }
	}
}

/// `spb_ctp`: where a CTP is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "status", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum StatusAnswer {
	/// It waits on this node for a block.
	Pending {
		/// The CTP.
		#[serde(flatten)]
		entry: EntryAnswer,
	},
	/// It is in the database after this block.
	Open {
		/// The CTP.
		#[serde(flatten)]
		entry: EntryAnswer,
		/// The block asked about.
		block: BlockAnswer,
	},
	/// It settled in this block or, where another one was asked about, before it.
	Settled {
		/// The CTP.
		#[serde(flatten)]
		entry: EntryAnswer,
		/// The block that settled it.
		block: BlockAnswer,
		/// The energy delivered.
		delivered_wh: Energy,
	},
	/// None of these: never seen or dropped.
	Unknown {
		/// The id asked about.
		id: CtpId,
	},
}

/// `spb_ctps`: a part of the database after a block.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EntriesAnswer {
	/// The block's number.
	pub number: BlockNumber,
	/// The block's hash: give it again for the next part.
	pub hash: Hash,
	/// The entries, in order of expiry and id.
	pub ctps: Vec<EntryAnswer>,
	/// What to give as `after` for the next part; `null` where this is the last.
	pub next: Option<EntryPlace>,
}

/// The place of an entry in the order of the database.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct EntryPlace {
	/// Its expiry.
	pub expiry: BlockNumber,
	/// Its id.
	pub id: CtpId,
}

/// `spb_sidecar`: a part of a block's sidecar.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SidecarAnswer {
	/// The block's number.
	pub number: BlockNumber,
	/// The block's hash: give it again for the next part.
	pub hash: Hash,
	/// The hash of the whole sidecar, as the block's header names it.
	pub sidecar_hash: Hash,
	/// Bytes of the whole sidecar.
	pub length: u32,
	/// Those from the offset on.
	pub bytes: Bytes,
}

/// How many CTPs of one expiry are open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct BucketAnswer {
	/// The expiry.
	pub expiry: BlockNumber,
	/// How many.
	pub open: u32,
}

/// `spb_database`: the database after a block, counted and hashed anew.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseAnswer {
	/// The block's number.
	pub number: BlockNumber,
	/// The block's hash.
	pub hash: Hash,
	/// The root over the stored entries.
	pub root: Hash,
	/// The root that the block's header names; `null` at genesis, which has none.
	pub header_root: Option<Hash>,
	/// Whether they are the same. At genesis: whether the database is empty.
	pub equal: bool,
	/// Open CTPs.
	pub open: u32,
	/// Open CTPs by expiry.
	pub buckets: Vec<BucketAnswer>,
}

impl DatabaseAnswer {
	/// The answer for a block whose header names this root.
	pub fn new(block: BlockAnswer, header_root: Option<Hash>, summary: DatabaseSummary) -> Self {
		let buckets = summary.buckets.into_iter();
		Self {
			number: block.number,
			hash: block.hash,
			root: summary.root,
			header_root,
			equal: summary.root == header_root.unwrap_or_default(),
			open: summary.open,
			buckets: buckets.map(|(expiry, open)| BucketAnswer { expiry, open }).collect(),
		}
	}
}

/// A step of a proof, from the entry to the root.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct StepAnswer {
	/// The bit of the key that divides the node.
	pub bit: u16,
	/// The hash of its other side.
	pub sibling: Hash,
}

/// `spb_proof`: that a CTP is in the database whose root a header names.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProofAnswer {
	/// The block's number.
	pub number: BlockNumber,
	/// The block's hash.
	pub hash: Hash,
	/// The root that the block's header names.
	pub root: Hash,
	/// The entry's key: expiry, big-endian, then the id.
	pub key: Bytes,
	/// blake2-256 of the encoded entry.
	pub leaf: Hash,
	/// From the entry to the root.
	pub steps: Vec<StepAnswer>,
	/// The entry.
	#[serde(flatten)]
	pub entry: EntryAnswer,
}

impl ProofAnswer {
	/// The answer, if the proof holds under `root`.
	pub fn new(
		block: BlockAnswer,
		root: Hash,
		open: &OpenCtp,
		proof: InclusionProof,
	) -> Option<Self> {
		let (key, leaf) = (entry_key(open.signed.ctp.expiry, &open.id), open.signed.leaf());
		proof.verify(&root, &key, &leaf).then(|| Self {
			number: block.number,
			hash: block.hash,
			root,
			key: key.to_vec().into(),
			leaf,
			steps: proof
				.steps
				.iter()
				.map(|step| StepAnswer { bit: step.bit, sibling: step.sibling })
				.collect(),
			entry: open.into(),
		})
	}
}

/// A settled trade.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TradeAnswer {
	/// The block's number.
	pub block: BlockNumber,
	/// The position among the block's settlements.
	pub position: u32,
	/// The block's hash.
	pub hash: Hash,
	/// The CTP.
	#[serde(flatten)]
	pub entry: EntryAnswer,
	/// The energy delivered.
	pub delivered_wh: Energy,
	/// Who paid; `null` where it is no longer known.
	pub consumer: Option<AccountId>,
	/// Who was paid; `null` where it is no longer known.
	pub producer: Option<AccountId>,
	/// What the producer got: what it was due, where only that is known; `null` where neither is.
	pub payment: Option<Money>,
	/// What the block's author got, likewise.
	pub fee: Option<Money>,
	/// What was burned because its receiver could not take it; `null` where it is no longer known.
	pub burned: Option<Money>,
	/// What stayed in the vault; `null` where the fee is no longer known.
	pub released: Option<Money>,
}

impl TradeAnswer {
	/// The answer for a trade at this place.
	pub fn new(place: Place, trade: Trade) -> Self {
		let (split, paid, burned) = (trade.split(), trade.paid(), trade.burned());
		Self {
			block: place.block,
			position: place.position,
			hash: trade.hash,
			entry: EntryAnswer::new(trade.id, &trade.settlement.ctp),
			delivered_wh: trade.settlement.delivered,
			consumer: trade.consumer,
			producer: trade.producer,
			payment: paid.map(|paid| paid.payment),
			fee: paid.map(|paid| paid.fee),
			burned,
			released: split.map(|split| split.released),
		}
	}
}

/// The place of a trade.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct TradePlace {
	/// Its block.
	pub block: BlockNumber,
	/// Its position in the block.
	pub position: u32,
}

/// `spb_trades`: a part of a history.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TradesAnswer {
	/// The first block looked at: later than asked for where block bodies are gone.
	pub from: BlockNumber,
	/// The last block looked at: earlier than asked for where blocks are not final or not indexed
	/// yet.
	pub to: BlockNumber,
	/// The trades, in order.
	pub trades: Vec<TradeAnswer>,
	/// What to give as `after` for the next part; `null` where this is the last.
	pub next: Option<TradePlace>,
}

/// What became of a CTP.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum EventName {
	/// It waits for a block.
	Pending,
	/// It is in the database.
	Open,
	/// The block that added it is final, and it is still open.
	Final,
	/// It settled.
	Settled,
	/// It was dropped.
	Expired,
}

/// A notification of `spb_subscribeCtps`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventAnswer {
	/// What happened.
	pub event: EventName,
	/// The block that did it.
	#[serde(skip_serializing_if = "Option::is_none")]
	pub block: Option<BlockAnswer>,
	/// The CTP.
	#[serde(flatten)]
	pub entry: EntryAnswer,
	/// The energy delivered, where it settled.
	#[serde(skip_serializing_if = "Option::is_none")]
	pub delivered_wh: Option<Energy>,
}

impl From<&CtpEvent> for EventAnswer {
	fn from(event: &CtpEvent) -> Self {
		Self {
			event: match event.stage {
				Stage::Pending => EventName::Pending,
				Stage::Open => EventName::Open,
				Stage::Final => EventName::Final,
				Stage::Settled => EventName::Settled,
				Stage::Expired => EventName::Expired,
			},
			block: event.block.map(Into::into),
			entry: EntryAnswer::new(event.id, &event.signed),
			delivered_wh: event.delivered,
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::spb::{
		message::tests::{id, signed},
		trades::Paid,
	};
	use serde_json::{json, to_value};
	use spb_primitives::{database_root, Settlement};

	fn block() -> BlockAnswer {
		BlockAnswer { number: 5, hash: Hash::repeat_byte(5) }
	}

	fn entry() -> serde_json::Value {
		json!({
			"id": id(1),
			"ctp": {
				"vault": 1,
				"offer": 3,
				"energyWh": 250,
				"amount": "1000000",
				"expiry": 40,
				"receiptKey": format!("0x{}", "09".repeat(32)),
			},
			"encoded": to_value(Bytes(signed(1).encode())).unwrap(),
		})
	}

	fn with(mut base: serde_json::Value, more: serde_json::Value) -> serde_json::Value {
		let (base_map, more) = (base.as_object_mut().unwrap(), more.as_object().unwrap().clone());
		base_map.extend(more);
		base
	}

	#[test]
	fn status_should_be_flat() {
		let entry_answer = EntryAnswer::new(id(1), &signed(1));
		let pending = StatusAnswer::Pending { entry: entry_answer.clone() };
		assert_eq!(to_value(pending).unwrap(), with(entry(), json!({ "status": "pending" })));
		let settled = StatusAnswer::Settled {
			entry: entry_answer,
			block: block(),
			delivered_wh: Energy::from_wh(70),
		};
		let more = json!({
			"status": "settled",
			"block": { "number": 5, "hash": Hash::repeat_byte(5) },
			"deliveredWh": 70,
		});
		assert_eq!(to_value(settled).unwrap(), with(entry(), more));
		let unknown = StatusAnswer::Unknown { id: id(1) };
		assert_eq!(to_value(unknown).unwrap(), json!({ "status": "unknown", "id": id(1) }));
	}

	#[test]
	fn event_should_leave_out_what_it_has_not() {
		let event = EventAnswer::from(&CtpEvent::pending(id(1), signed(1)));
		assert_eq!(to_value(event).unwrap(), with(entry(), json!({ "event": "pending" })));
	}

	#[test]
	fn trade_should_say_who_got_what() {
		let settlement = Settlement { ctp: signed(1), delivered: Energy::from_wh(100) };
		let trade = |paid| Trade {
			hash: Hash::repeat_byte(5),
			id: id(1),
			settlement: settlement.clone(),
			consumer: None,
			producer: Some([1; 32].into()),
			fee: Some(Money::from_units(1_000)),
			paid,
		};
		let answer = |paid| {
			to_value(TradeAnswer::new(Place { block: 5, position: 2 }, trade(paid))).unwrap()
		};
		let paid = |payment, fee| Paid {
			payment: Money::from_units(payment),
			fee: Money::from_units(fee),
		};
		// Who was paid, what the chain burned, what only was due, and what stayed in the vault.
		let cases = [
			(Some(paid(399_600, 1_000)), "399600", "1000", json!("0")),
			(Some(paid(0, 1_000)), "0", "1000", json!("399600")),
			(Some(paid(0, 0)), "0", "0", json!("400600")),
			(None, "399600", "1000", json!(null)),
		];
		for (paid, payment, fee, burned) in cases {
			let answer = answer(paid);
			assert_eq!((&answer["payment"], &answer["fee"]), (&json!(payment), &json!(fee)));
			assert_eq!((&answer["burned"], &answer["released"]), (&burned, &json!("599400")));
		}
		let answer = answer(None);
		assert_eq!(answer["consumer"], serde_json::Value::Null);
		assert_eq!(answer["position"], 2);
	}

	#[test]
	fn database_should_be_equal_only_to_its_own_root() {
		let summary = |root| DatabaseSummary { root, open: 1, buckets: vec![(40, 1)] };
		let root = Hash::repeat_byte(1);
		assert!(DatabaseAnswer::new(block(), Some(root), summary(root)).equal);
		assert!(!DatabaseAnswer::new(block(), Some(Hash::zero()), summary(root)).equal);
		let genesis = DatabaseAnswer::new(block(), None, summary(Hash::zero()));
		assert!(genesis.equal && genesis.header_root.is_none());
	}

	#[test]
	fn proof_should_be_answered_only_where_it_holds() {
		let open = |vault| OpenCtp { id: id(vault), signed: signed(vault) };
		let leaf_of = |open: &OpenCtp| (entry_key(40, &open.id), open.signed.leaf());
		let mut entries = vec![leaf_of(&open(1)), leaf_of(&open(2))];
		entries.sort();
		let root = database_root(&entries);
		let proof = InclusionProof::of(&entries, &leaf_of(&open(1)).0).unwrap();
		let answer = ProofAnswer::new(block(), root, &open(1), proof.clone()).unwrap();
		assert_eq!(answer.key.len(), 36);
		assert_eq!(answer.steps.len(), 1);
		assert_eq!(ProofAnswer::new(block(), Hash::zero(), &open(1), proof.clone()), None);
		assert_eq!(ProofAnswer::new(block(), root, &open(2), proof), None);
	}
}
