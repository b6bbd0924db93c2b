//! A node that only pretends to be one: it answers what tests tell it and notes what it was asked.

pub(crate) mod relay;

use crate::connection::{Connection, Hash};
use codec::{Compact, Decode, Encode};
use pallet_spb::types::{
	BackboneNode, ListedMeter, Manufacturer, MeterPage, OfferInfo, Vault, VaultInfo,
};
use serde_json::{json, Value};
use sp_io::hashing::twox_128;
use spb_primitives::{
	AccountId, BlockNumber, CtpId, Limits, ManufacturerId, MeterKey, Money, Parameters, SignedCtp,
	VaultId,
};
use std::{
	collections::{BTreeMap, VecDeque},
	sync::{Arc, Mutex, MutexGuard},
};
use subxt::rpcs::{
	client::{RawRpcFuture, RawRpcSubscription, RawValue},
	Error as RpcError, RpcClient, RpcClientT, UserError,
};

/// How far finality lags behind the best block.
pub(crate) const LAG: BlockNumber = 2;

/// The metadata of the runtime as it is now.
pub(crate) fn runtime_metadata() -> Vec<u8> {
	// Some constants of pallets are read from storage, hence the externalities.
	sp_io::TestExternalities::default()
		.execute_with(|| spb_runtime::Runtime::metadata_at_version(16))
		.expect("the runtime has metadata of version 16")
		.to_vec()
}

/// The limits of the chain that is pretended.
pub(crate) const LIMITS: Limits = Limits {
	fee: Money::from_units(1_000),
	min_amount: Money::from_units(2_000),
	max_settlements: 100,
	max_open: 1_000,
	max_open_per_vault: 64,
	max_sidecar: 1 << 20,
};

/// A vault as the chain stores it.
pub(crate) fn stored_vault(id: VaultId, owner: AccountId, held: Money) -> VaultInfo {
	let vault = Vault { owner, held, withdrawal: None, deposit: Money::ZERO };
	VaultInfo { id, vault, payable_at: None }
}

/// What becomes of a CTP, by block.
#[derive(Clone)]
pub(crate) struct Fate {
	pub(crate) signed: Option<SignedCtp>,
	pub(crate) open: std::ops::Range<BlockNumber>,
	pub(crate) settled: Option<BlockNumber>,
}

/// What the node pretends and what it was asked.
#[derive(Default)]
pub(crate) struct Script {
	pub(crate) best: BlockNumber,
	/// The longest lifetime of a CTP that enters, where it is not that of development chains.
	pub(crate) entry_lifetime: Option<BlockNumber>,
	/// The vault of everyone who has none below.
	pub(crate) vault: Option<VaultInfo>,
	/// The vaults of these accounts.
	pub(crate) vaults: BTreeMap<AccountId, VaultInfo>,
	pub(crate) offers: Vec<OfferInfo>,
	pub(crate) fates: BTreeMap<CtpId, Fate>,
	/// The pool's next answers: a code and data, or that it takes what it gets.
	pub(crate) pool: VecDeque<Option<(i32, &'static str)>>,
	/// What was submitted.
	pub(crate) submitted: Vec<Vec<u8>>,
	/// The backbone nodes that are listed.
	pub(crate) backbone: Vec<BackboneNode>,
	/// The meters that are listed, in the order in which they are told.
	pub(crate) meters: Vec<ListedMeter>,
	/// The active manufacturers.
	pub(crate) manufacturers: BTreeMap<ManufacturerId, MeterKey>,
	/// What the node is in the backbone.
	pub(crate) relay: Option<relay::FakeRelay>,
}

/// The node.
#[derive(Clone, Default)]
pub(crate) struct FakeNode(Arc<Mutex<Script>>);

impl FakeNode {
	pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
		self.0.lock().expect("no test panics while it writes the script")
	}

	pub(crate) async fn connect(&self) -> Connection {
		Connection::pretended(RpcClient::new(self.clone())).await.expect("the node answers")
	}

	/// A block's hash says its number.
	fn hash(number: BlockNumber) -> Hash {
		Hash::from_low_u64_be(number.into())
	}

	fn number(hash: &Value) -> BlockNumber {
		let hash: Hash = serde_json::from_value(hash.clone()).expect("a hash");
		hash.to_low_u64_be() as BlockNumber
	}

	fn relay(&self) -> relay::FakeRelay {
		self.script().relay.clone().expect("the node is part of a backbone")
	}

	fn answer(&self, method: &str, params: &Value) -> Result<Value, UserError> {
		let mut script = self.script();
		let at = |params: &Value, best| match params {
			Value::Null => best,
			hash => Self::number(hash),
		};
		Ok(match method {
			"chain_getBlockHash" => match &params[0] {
				Value::Null => json!(Self::hash(script.best)),
				number => {
					json!(Self::hash(number.as_u64().expect("a number") as BlockNumber))
				},
			},
			"chain_getFinalizedHead" => json!(Self::hash(script.best.saturating_sub(LAG))),
			"chain_getHeader" => {
				let number = at(&params[0], script.best);
				json!({
					"parentHash": Self::hash(number.saturating_sub(1)),
					"number": format!("0x{number:x}"),
					"stateRoot": Hash::zero(),
					"extrinsicsRoot": Hash::zero(),
					"digest": { "logs": [] },
				})
			},
			"state_call" => {
				let call = params[0].as_str().expect("a call's name");
				let arguments = hex_param(&params[1]);
				json!(crate::files::to_hex(&script.call(call, &arguments)))
			},
			"state_getStorage" => {
				json!(script.storage(&hex_param(&params[0]), at(&params[1], script.best)))
			},
			"author_submitExtrinsic" => {
				script.submitted.push(hex_param(&params[0]));
				match script.pool.pop_front().flatten() {
					None => json!(Hash::zero()),
					Some((code, data)) => return Err(refusal(code, data)),
				}
			},
			"spb_ctp" => {
				let id: CtpId = serde_json::from_value(params[0].clone()).expect("an id");
				script.status(&id, at(&params[1], script.best))
			},
			"spb_ctps" => script.list(&params[0], at(&params[1], script.best)),
			other => panic!("the node is asked for {other}"),
		})
	}
}

fn hex_param(text: &Value) -> Vec<u8> {
	crate::files::from_hex(text.as_str().expect("bytes")).expect("bytes")
}

fn refusal(code: i32, data: &str) -> UserError {
	let data = serde_json::value::to_raw_value(data).expect("a string");
	UserError { code, message: "refused".into(), data: Some(data) }
}

impl Script {
	fn call(&self, call: &str, arguments: &[u8]) -> Vec<u8> {
		match call {
			"Core_version" => spb_runtime::VERSION.encode(),
			"Metadata_metadata_versions" => vec![16u32].encode(),
			"Metadata_metadata_at_version" => {
				let metadata = crate::chain::METADATA;
				let length = Compact(metadata.len() as u32).encode();
				[vec![1], length, metadata.to_vec()].concat()
			},
			"SpbApi_parameters" => Parameters::DEVELOPMENT.encode(),
			"SpbApi_entry_lifetime" => {
				self.entry_lifetime.unwrap_or(Parameters::DEVELOPMENT.max_lifetime).encode()
			},
			"SpbApi_limits" => LIMITS.encode(),
			"SpbApi_vault_of" => {
				let owner = AccountId::decode(&mut &arguments[..]).expect("an account");
				self.vaults.get(&owner).cloned().or_else(|| self.vault.clone()).encode()
			},
			"SpbApi_offers" => self.offers.encode(),
			"SpbApi_offer" => {
				let id = u32::decode(&mut &arguments[..]).expect("a number");
				self.offers.iter().find(|offer| offer.id == id).cloned().encode()
			},
			"SpbApi_backbone" => self.backbone.encode(),
			"SpbApi_meters" => {
				let (after, limit) = <(Option<MeterKey>, u32)>::decode(&mut &arguments[..])
					.expect("a place and a limit");
				// A place that is none of theirs is before all of them.
				let skipped = after.and_then(|key| self.meters.iter().position(|m| m.key == key));
				let mut rest = self.meters.iter().skip(skipped.map_or(0, |at| at + 1)).cloned();
				let meters: Vec<_> = rest.by_ref().take(limit as usize).collect();
				let last = meters.last().map(|meter| meter.key);
				let next = rest.next().and(last);
				MeterPage { meters, next }.encode()
			},
			"SpbApi_meter_of" => {
				let key = MeterKey::decode(&mut &arguments[..]).expect("a key");
				self.meters.iter().find(|meter| meter.key == key).cloned().encode()
			},
			other => panic!("the runtime is asked for {other}"),
		}
	}

	/// Only what has settled is ever asked for, and who makes meters.
	fn storage(&self, key: &[u8], at: BlockNumber) -> Option<String> {
		let item = |name: &[u8]| [twox_128(b"Spb"), twox_128(name)].concat();
		let prefix = key[..32].to_vec();
		if prefix == item(b"RevokedMeters") {
			return None;
		}
		if prefix == item(b"Manufacturers") {
			let id = ManufacturerId::decode(&mut &key[40..]).expect("a manufacturer's number");
			let maker = self.manufacturers.get(&id);
			let maker = maker.map(|key| Manufacturer { key: *key, active: true });
			return maker.map(|maker| crate::files::to_hex(&maker.encode()));
		}
		assert_eq!(prefix, item(b"Settled"));
		let id = CtpId(Hash::from_slice(&key[key.len() - 32..]));
		let grace = Parameters::DEVELOPMENT.grace;
		let expiry = u32::from_le_bytes(key[40..44].try_into().expect("a block number"));
		// The chain forgets what settled when it cannot settle again.
		let remembers = at <= expiry + grace;
		let settled = self.fates.get(&id).and_then(|fate| fate.settled);
		settled.filter(|block| remembers && *block <= at).map(|_| "0x".into())
	}

	fn status(&self, id: &CtpId, at: BlockNumber) -> Value {
		let Some(fate) = self.fates.get(id) else {
			return json!({ "status": "unknown", "id": id });
		};
		let encoded = fate.signed.as_ref().map(|signed| crate::files::to_hex(&signed.encode()));
		let status = if fate.open.contains(&at) {
			"open"
		} else if at < fate.open.start {
			"pending"
		} else {
			"unknown"
		};
		json!({ "status": status, "id": id, "encoded": encoded })
	}

	fn list(&self, filter: &Value, at: BlockNumber) -> Value {
		let passes = |signed: &SignedCtp| {
			let is =
				|field: &str, value: u32| filter[field].is_null() || filter[field] == json!(value);
			is("vault", signed.ctp.vault) && is("offer", signed.ctp.offer)
		};
		let rows: Vec<Value> = self
			.fates
			.iter()
			.filter(|(_, fate)| fate.open.contains(&at))
			.filter(|(_, fate)| fate.signed.as_ref().is_some_and(passes))
			.map(|(id, _)| self.status(id, at))
			.collect();
		json!({ "number": at, "hash": FakeNode::hash(at), "ctps": rows, "next": null })
	}
}

/// Parameters as a value.
fn parsed(params: Option<Box<RawValue>>) -> Value {
	params.map_or(Value::Null, |params| {
		serde_json::from_str(params.get()).expect("parameters are JSON")
	})
}

fn raw(value: &Value) -> Box<RawValue> {
	serde_json::value::to_raw_value(value).expect("JSON")
}

impl RpcClientT for FakeNode {
	fn request_raw<'a>(
		&'a self,
		method: &'a str,
		params: Option<Box<RawValue>>,
	) -> RawRpcFuture<'a, Box<RawValue>> {
		let params = parsed(params);
		let answer = match method.starts_with("spb_relay") {
			true => self.relay().answer(method, &params),
			false => self.answer(method, &params).map_err(RpcError::User),
		};
		Box::pin(async move { answer.map(|answer| raw(&answer)) })
	}

	/// New blocks, one each time somebody waits for one; or packets.
	fn subscribe_raw<'a>(
		&'a self,
		sub: &'a str,
		params: Option<Box<RawValue>>,
		_unsub: &'a str,
	) -> RawRpcFuture<'a, RawRpcSubscription> {
		if sub == "spb_relayAttach" {
			let subscription = self.relay().attach(&parsed(params));
			return Box::pin(async move { subscription });
		}
		assert_eq!(sub, "chain_subscribeNewHeads");
		let node = self.clone();
		let blocks = (0..).map(move |_| {
			node.script().best += 1;
			Ok(raw(&Value::Null))
		});
		let stream =
			RawRpcSubscription { stream: Box::pin(futures::stream::iter(blocks)), id: None };
		Box::pin(async move { Ok(stream) })
	}
}

/// A meter with a certified tree on this chain, in `folder`.
pub(crate) fn ready_meter(folder: &std::path::Path, genesis: &Hash) -> crate::meter::Meter {
	use crate::{
		files::Directory,
		keys::ManufacturerKey,
		meter::{Meter, MeterCertificate},
	};
	let manufacturer = ManufacturerKey::development("//One").expect("a development key");
	let mut register = spb_primitives::RegisteredMeters::default();
	register.manufacturers.insert(1, manufacturer.public());
	let [meter, signer] = ["meter", "signer"].map(|name| {
		let meter = Meter::create(Directory::new(folder.join(name))).expect("a fresh folder");
		let key = meter.key().expect("the meter is there");
		let certificate = MeterCertificate::sign(&manufacturer, 1, key, genesis);
		meter.keep_certificate(&certificate, genesis, &register).expect("a good certificate");
		meter
	});
	let until = 1_000_000;
	let asked = meter.request_coe(100, until, genesis, &(), |_| Ok(()));
	let asked = asked.expect("a certified meter");
	let coe = signer.sign_coe(&asked, until, 0, genesis, &register).expect("a good request");
	meter.keep_coe(&coe, 0, genesis, &register).expect("a good certificate");
	meter
}
