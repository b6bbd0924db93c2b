//! What callers may ask, read strictly: whatever is not understood is refused with what would be.

use crate::spb::{trades::Party, Hash};
use serde::{
	de::{Error, IgnoredAny, MapAccess, Visitor},
	Deserialize, Deserializer,
};
use spb_primitives::{AccountId, BlockNumber, CtpId};
use std::{fmt, marker::PhantomData};

/// The greatest number of rows that one call answers.
pub const MAX_ROWS: u32 = pallet_spb::types::MAX_PAGE;

/// A block: its hash, or its number on the best chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BlockRef {
	/// By hash.
	Hash(Hash),
	/// By number.
	Number(BlockNumber),
}

struct BlockRefVisitor;

impl Visitor<'_> for BlockRefVisitor {
	type Value = BlockRef;

	fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str("a block's hash (0x and 64 hexadecimal digits) or its number")
	}

	fn visit_u64<E: Error>(self, number: u64) -> Result<BlockRef, E> {
		u32::try_from(number)
			.map(BlockRef::Number)
			.map_err(|_| E::custom(format!("block numbers end at {}", u32::MAX)))
	}

	fn visit_str<E: Error>(self, text: &str) -> Result<BlockRef, E> {
		parse_hash(text).map(BlockRef::Hash).map_err(E::custom)
	}
}

impl<'de> Deserialize<'de> for BlockRef {
	fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
		deserializer.deserialize_any(BlockRefVisitor)
	}
}

fn parse_hash(text: &str) -> Result<Hash, String> {
	let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 64);
	digits
		.and_then(|digits| digits.parse().ok())
		.ok_or_else(|| format!("`{text}` is no hash: 0x and 64 hexadecimal digits"))
}

/// The id of a CTP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Id(pub CtpId);

impl<'de> Deserialize<'de> for Id {
	fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
		let text = String::deserialize(deserializer)?;
		parse_hash(&text).map(|hash| Self(CtpId(hash))).map_err(D::Error::custom)
	}
}

/// The place in a list after which to go on: that of the last row seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AfterEntry {
	/// Its expiry.
	pub expiry: BlockNumber,
	/// Its id.
	pub id: Id,
}

/// The place in a history after which to go on: that of the last row seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AfterTrade {
	/// Its block.
	pub block: BlockNumber,
	/// Its position in the block.
	pub position: u32,
}

/// Whose trades: an account by its address or key, or `{"offer": n}`, or `{"vault": n}`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartyRef(pub Party);

struct PartyVisitor;

impl<'de> Visitor<'de> for PartyVisitor {
	type Value = PartyRef;

	fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(
			"an account's address or public key, {\"offer\": number} or {\"vault\": number}",
		)
	}

	fn visit_str<E: Error>(self, text: &str) -> Result<PartyRef, E> {
		let account: AccountId = text.parse().map_err(|_| {
			E::custom(format!("`{text}` is neither an address nor 0x and 64 hexadecimal digits"))
		})?;
		Ok(PartyRef(Party::Account(account)))
	}

	fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<PartyRef, M::Error> {
		let expected =
			|| M::Error::custom("expected one of {\"offer\": number}, {\"vault\": number}");
		let party = match map.next_key::<String>()?.as_deref() {
			Some("offer") => Party::Offer(map.next_value()?),
			Some("vault") => Party::Vault(map.next_value()?),
			_ => return Err(expected()),
		};
		match map.next_entry::<IgnoredAny, IgnoredAny>()? {
			Some(_) => Err(expected()),
			None => Ok(PartyRef(party)),
		}
	}
}

impl<'de> Deserialize<'de> for PartyRef {
	fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
		deserializer.deserialize_any(PartyVisitor)
	}
}

/// A number of rows between 1 and [`MAX_ROWS`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rows(pub u32);

impl Default for Rows {
	fn default() -> Self {
		Self(100)
	}
}

struct RowsVisitor(PhantomData<()>);

impl Visitor<'_> for RowsVisitor {
	type Value = Rows;

	fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "a number of rows between 1 and {MAX_ROWS}")
	}

	fn visit_u64<E: Error>(self, rows: u64) -> Result<Rows, E> {
		match u32::try_from(rows) {
			Ok(rows @ 1..=MAX_ROWS) => Ok(Rows(rows)),
			_ => Err(E::custom(format!("a limit lies between 1 and {MAX_ROWS}, this is {rows}"))),
		}
	}
}

impl<'de> Deserialize<'de> for Rows {
	fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
		deserializer.deserialize_any(RowsVisitor(PhantomData))
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use pallet_spb::runtime_api::CtpFilter;
	use serde::de::DeserializeOwned;
	use sp_core::crypto::Ss58Codec;

	fn read<T: DeserializeOwned>(json: &str) -> Result<T, String> {
		serde_json::from_str(json).map_err(|error| error.to_string())
	}

	const HASH: &str = "\"0x00000000000000000000000000000000000000000000000000000000000000ff\"";

	#[test]
	fn block_should_be_a_hash_or_a_number() {
		assert_eq!(read(HASH), Ok(BlockRef::Hash(Hash::from_low_u64_be(255))));
		assert_eq!(read("17"), Ok(BlockRef::Number(17)));
		for json in ["\"17\"", "\"0xff\"", "-1", "1.5", "4294967296", "[]", "true"] {
			let error = read::<BlockRef>(json).unwrap_err();
			assert!(error.contains("hash") || error.contains("numbers end"), "{json}: {error}");
		}
	}

	#[test]
	fn id_should_be_a_whole_hash() {
		assert_eq!(read(HASH), Ok(Id(CtpId(Hash::from_low_u64_be(255)))));
		for json in ["\"ff\"", "\"\"", "7", "\"0xzz\"", &HASH.replace("ff", "f")] {
			assert!(read::<Id>(json).is_err(), "{json}");
		}
	}

	#[test]
	fn filter_should_take_vault_and_offer_and_nothing_else() {
		let filter: CtpFilter = read("{\"vault\": 3}").unwrap();
		assert_eq!(filter, CtpFilter { vault: Some(3), offer: None });
		assert_eq!(read("{}"), Ok(CtpFilter::default()));
		assert_eq!(read("{\"vault\": 1, \"offer\": 2}").map(|f: CtpFilter| f.offer), Ok(Some(2)));
		for json in ["{\"vualt\": 3}", "{\"vault\": -3}", "{\"vault\": \"3\"}", "3"] {
			assert!(read::<CtpFilter>(json).is_err(), "{json}");
		}
	}

	#[test]
	fn party_should_be_an_account_an_offer_or_a_vault() {
		let account = AccountId::from([1; 32]);
		let party = || Ok(PartyRef(Party::Account(account.clone())));
		assert_eq!(read(&format!("{:?}", account.to_ss58check())), party());
		assert_eq!(read(&format!("\"0x{}\"", "01".repeat(32))), party());
		assert_eq!(read("{\"offer\": 7}"), Ok(PartyRef(Party::Offer(7))));
		assert_eq!(read("{\"vault\": 7}"), Ok(PartyRef(Party::Vault(7))));
		for json in ["\"alice\"", "{}", "{\"other\": 1}", "{\"offer\": 1, \"vault\": 2}", "7"] {
			assert!(read::<PartyRef>(json).is_err(), "{json}");
		}
	}

	#[test]
	fn rows_should_stay_within_a_page() {
		assert_eq!(read("1"), Ok(Rows(1)));
		assert_eq!(read("1000"), Ok(Rows(1_000)));
		for json in ["0", "1001", "-1", "\"5\"", "99999999999"] {
			let error = read::<Rows>(json).unwrap_err();
			assert!(error.contains("between 1 and 1000"), "{json}: {error}");
		}
	}

	#[test]
	fn places_should_be_complete() {
		let after: AfterEntry = read(&format!("{{\"expiry\": 5, \"id\": {HASH}}}")).unwrap();
		assert_eq!(after.expiry, 5);
		assert!(read::<AfterEntry>("{\"expiry\": 5}").is_err());
		let after = read("{\"block\": 5, \"position\": 2}");
		assert_eq!(after, Ok(AfterTrade { block: 5, position: 2 }));
		assert!(read::<AfterTrade>("{\"block\": 5, \"position\": 2, \"more\": 1}").is_err());
	}
}
