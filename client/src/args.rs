//! Arguments, read strictly.

use codec::DecodeAll;
use spb_client::{
	connection::{Line, Patience},
	files,
	keys::{parse_account, KeyError},
	negotiate::Agreed,
	vaults::{Choice, Name},
	Error, Result,
};
use spb_primitives::{relay::ContactKey, AccountId, CtpId, Energy, MeterKey, Quote};
use std::path::Path;

/// Bytes of a node's address at the most.
const MAX_ADDRESS: usize = 128;

/// An account's SS58 address.
pub fn account(text: &str) -> Result<AccountId, KeyError> {
	parse_account(text)
}

/// A whole number of 32 bits, digits only.
pub fn number(text: &str) -> Result<u32, String> {
	if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
		return Err("not a whole number".into());
	}
	text.parse().map_err(|_| format!("numbers end at {}", u32::MAX))
}

/// Watt-hours.
pub fn energy(text: &str) -> Result<Energy, String> {
	number(text).map(Energy::from_wh)
}

fn bytes<const N: usize>(text: &str) -> Result<[u8; N], String> {
	let bytes = files::from_hex(text)?;
	bytes.try_into().map_err(|_| format!("write 0x and {} hexadecimal digits", 2 * N))
}

/// The id of a CTP.
pub fn ctp_id(text: &str) -> Result<CtpId, String> {
	bytes::<32>(text).map(|bytes| CtpId(bytes.into()))
}

/// The name of an account with a vault.
pub fn vault_name(text: &str) -> Result<Name, &'static str> {
	text.parse()
}

/// Which of several vaults.
pub fn vault(text: &str) -> Result<Choice, &'static str> {
	text.parse()
}

/// The WebSocket address of a node, no longer than the chain takes it.
pub fn node_address(text: &str) -> Result<String, String> {
	Line::new(text, Patience::default()).map_err(|error| error.to_string())?;
	if text.len() > MAX_ADDRESS || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
		return Err(format!("an address has at most {MAX_ADDRESS} letters and no spaces"));
	}
	Ok(text.into())
}

/// The public key of a meter.
pub fn meter_key(text: &str) -> Result<MeterKey, String> {
	bytes::<32>(text).map(MeterKey::from_raw)
}

/// A contact key.
pub fn contact(text: &str) -> Result<ContactKey, String> {
	bytes(text).map(ContactKey)
}

/// An encoded value in hexadecimal digits after `0x`, or a file that holds them.
pub fn encoded<T: DecodeAll>(what: &str, text: &str) -> Result<T> {
	let digits = if text.starts_with("0x") {
		text.to_owned()
	} else {
		let bytes = files::read_bytes(Path::new(text), false)?;
		String::from_utf8(bytes).map_err(|_| Error::input(format!("{text} holds no {what}")))?
	};
	files::from_hex(digits.trim())
		.and_then(|bytes| files::decode_all(&bytes))
		.map_err(|reason| Error::input(format!("that is no {what}: {reason}")))
}

/// A producer's consent to a price.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Consent {
	/// A quote for a CTP that was prepared.
	Quote(Quote),
	/// What was agreed on over the backbone.
	Agreement(Box<Agreed>),
	/// The latest of what was agreed on.
	Latest,
}

/// A producer's consent: `latest`, the file of an agreement, or a quote as hexadecimal digits or in a
/// file that holds them.
pub fn consent(text: &str) -> Result<Consent> {
	if text == "latest" {
		return Ok(Consent::Latest);
	}
	if !text.starts_with("0x") && files::read_bytes(Path::new(text), false)?.starts_with(b"{") {
		return Ok(Consent::Agreement(Box::new(Agreed::read(Path::new(text))?)));
	}
	encoded("quote", text).map(Consent::Quote)
}

#[cfg(test)]
mod tests {
	use super::*;
	use codec::Encode;
	use sp_runtime::MultiSignature;
	use spb_client::error::{Classify, Kind};

	#[test]
	fn numbers_should_be_digits() {
		assert_eq!(number("0"), Ok(0));
		assert_eq!(number("4294967295"), Ok(u32::MAX));
		for bad in ["", " 1", "+1", "-1", "1.0", "1e3", "0x1", "4294967296", "٣"] {
			assert!(number(bad).is_err(), "{bad:?}");
			assert!(energy(bad).is_err(), "{bad:?}");
		}
	}

	#[test]
	fn ids_should_be_whole() {
		let id = format!("0x{}", "ab".repeat(32));
		assert_eq!(ctp_id(&id).unwrap().to_string(), id);
		for bad in ["", "0x", &id[..64], &id[2..], &format!("{id}00"), "0xzz"] {
			assert!(ctp_id(bad).is_err(), "{bad}");
			assert!(meter_key(bad).is_err(), "{bad}");
			assert!(contact(bad).is_err(), "{bad}");
		}
	}

	#[test]
	fn quotes_should_come_from_digits_or_files() {
		let given = MultiSignature::Sr25519([7; 64].into());
		let quote = || Consent::Quote(given.clone());
		let digits = files::to_hex(&given.encode());
		assert_eq!(consent(&digits).unwrap(), quote());
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("quote");
		let file = path.to_str().unwrap();
		std::fs::write(&path, format!("{digits}\n")).unwrap();
		assert_eq!(consent(file).unwrap(), quote());
		assert_eq!(consent("latest").unwrap(), Consent::Latest);
		for bad in ["0x", "0x01", &digits[..digits.len() - 2], &format!("{digits}00"), "nowhere"] {
			assert_eq!(consent(bad).unwrap_err().kind(), Kind::BadInput, "{bad}");
		}
		for bad in [&[0xff][..], b"{", b"{}"] {
			files::write_bytes(&path, bad, true, files::Replace::Yes).unwrap();
			assert_eq!(consent(file).unwrap_err().kind(), Kind::BadInput, "{bad:?}");
		}
	}

	#[test]
	fn addresses_should_be_web_sockets() {
		let longest = format!("ws://{}", "a".repeat(123));
		for good in ["ws://127.0.0.1:9944", "wss://spb.example", &longest] {
			assert_eq!(node_address(good).as_deref(), Ok(good));
		}
		for bad in ["", "127.0.0.1", "http://a", "ws://", "ws://a b", &format!("{longest}a")] {
			assert!(node_address(bad).is_err(), "{bad}");
		}
	}

	#[test]
	fn accounts_should_be_addresses() {
		let alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
		assert_eq!(account(alice).unwrap().to_string(), alice);
		assert!(account("//Alice").is_err());
	}
}
