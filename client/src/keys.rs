//! Keys: an account's (sr25519) and a manufacturer's (ed25519), from files that only their owner can
//! read, or, where a development key is asked for by name, from a well-known URI.
//!
//! A secret never stands on the command line: others on the machine could read it there.

use crate::{
	error::{Classify, Kind},
	files::{self, Directory, Document, FileError, Replace},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sp_core::{crypto::Ss58Codec, ed25519, sr25519, Pair};
use sp_runtime::MultiSignature;
use spb_primitives::{AccountId, MeterKey, MeterSignature};
use std::path::Path;

/// The name of the account key's file in the state directory.
pub const ACCOUNT_FILE: &str = "account.json";

/// What goes wrong with keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
	/// The file with the key.
	#[error(transparent)]
	File(#[from] FileError),
	/// There is no key yet.
	#[error("there is no account key in {directory}: make one with `spb account init`")]
	NoAccount {
		/// Where it should be.
		directory: String,
	},
	/// The file holds a key of another kind.
	#[error("the key is of scheme {found}, not {expected}")]
	Scheme {
		/// What it is.
		found: String,
		/// What is needed.
		expected: &'static str,
	},
	/// A development URI is none.
	#[error("{0:?} is no development key: write it like //Alice")]
	NoDevelopmentUri(String),
	/// A text holds no secret.
	#[error("the text is neither a seed (0x and 64 hexadecimal digits) nor a secret phrase: {0}")]
	NoSecret(String),
	/// A text is no account.
	#[error("{0:?} is no account: write its SS58 address, which begins like 5Grwva")]
	NoAddress(String),
}

impl Classify for KeyError {
	fn kind(&self) -> Kind {
		match self {
			Self::File(error) => error.kind(),
			_ => Kind::BadInput,
		}
	}

	fn code(&self) -> String {
		match self {
			Self::File(error) => return error.code(),
			Self::NoAccount { .. } => "no-account-key",
			Self::Scheme { .. } => "key-scheme",
			Self::NoDevelopmentUri(_) => "no-development-uri",
			Self::NoSecret(_) => "no-secret",
			Self::NoAddress(_) => "no-address",
		}
		.into()
	}
}

/// 32 secret bytes. They do not show in debugging output.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub(crate) [u8; 32]);

impl Secret {
	/// Fresh ones from the operating system.
	pub fn random() -> Self {
		Self(ed25519::Pair::generate().1)
	}
}

/// Fresh random bytes from the operating system, at most 32.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
	const { assert!(N <= 32, "a secret has no more") };
	let mut bytes = [0; N];
	bytes.copy_from_slice(&Secret::random().0[..N]);
	bytes
}

/// A random number below `bound`; none below 0.
pub(crate) fn random_below(bound: usize) -> Option<usize> {
	// 128 bits modulo a number of 64: no number is more likely than another by as much as 2^-64.
	let number = u128::from_le_bytes(random_bytes()).checked_rem(bound as u128)?;
	usize::try_from(number).ok()
}

impl std::fmt::Debug for Secret {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		f.write_str("Secret(..)")
	}
}

impl Serialize for Secret {
	fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
		serializer.serialize_str(&files::to_hex(&self.0))
	}
}

impl<'de> Deserialize<'de> for Secret {
	fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
		let text = String::deserialize(deserializer)?;
		let bytes = files::from_hex(&text).map_err(serde::de::Error::custom)?;
		let bytes = bytes.try_into().map_err(|_| serde::de::Error::custom("not 32 bytes"))?;
		Ok(Self(bytes))
	}
}

/// A key as its file holds it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyDocument {
	scheme: String,
	secret: Secret,
}

impl Document for KeyDocument {
	const KIND: &'static str = "spb-key";
	const VERSION: u32 = 1;
	const SECRET: bool = true;
}

/// A signature scheme whose keys are made from 32 secret bytes.
pub trait Scheme: Pair<Seed = [u8; 32]> {
	/// Its name in key files.
	const NAME: &'static str;
}

impl Scheme for sr25519::Pair {
	const NAME: &'static str = "sr25519";
}

impl Scheme for ed25519::Pair {
	const NAME: &'static str = "ed25519";
}

/// A key pair.
#[derive(Clone)]
pub struct Key<P>(P);

/// The key of an account, and so of a vault, a producer or an energy company.
pub type AccountKey = Key<sr25519::Pair>;
/// The key with which a manufacturer certifies meters.
pub type ManufacturerKey = Key<ed25519::Pair>;

impl<P: Scheme> std::fmt::Debug for Key<P> {
	fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
		write!(f, "Key({})", P::NAME)
	}
}

impl<P: Scheme> Key<P> {
	/// The key of these secret bytes.
	pub fn from_secret(secret: &Secret) -> Self {
		Self(P::from_seed(&secret.0))
	}

	/// A development key that everyone knows, by a URI such as `//Alice`.
	///
	/// ```
	/// use spb_client::keys::AccountKey;
	/// let alice = AccountKey::development("//Alice").unwrap();
	/// assert!(alice.account().to_string().starts_with("5Grwva"));
	/// assert!(AccountKey::development("0x01").is_err());
	/// ```
	pub fn development(uri: &str) -> Result<Self, KeyError> {
		let refused = || KeyError::NoDevelopmentUri(uri.into());
		// Only paths from the well-known phrase: anything else would be a secret on a command line.
		if !uri.starts_with("//") || uri.contains("///") {
			return Err(refused());
		}
		P::from_string(uri, None).map(Self).map_err(|_| refused())
	}

	/// Reads the key from its file.
	pub fn read(path: &Path) -> Result<Self, KeyError> {
		let document: KeyDocument = files::read_document(path)?;
		if document.scheme != P::NAME {
			return Err(KeyError::Scheme { found: document.scheme, expected: P::NAME });
		}
		Ok(Self::from_secret(&document.secret))
	}

	/// Makes a file with this secret, unless there is one already.
	pub fn write(path: &Path, secret: &Secret) -> Result<Self, KeyError> {
		let document = KeyDocument { scheme: P::NAME.into(), secret: secret.clone() };
		files::write_document(path, &document, Replace::No)?;
		Ok(Self::from_secret(secret))
	}

	/// The secret in a file that holds a seed or a secret phrase as text, as other tools write it.
	/// Others must not be able to read the file.
	pub fn import(path: &Path) -> Result<Secret, KeyError> {
		let bytes = files::read_bytes(path, true)?;
		let text = String::from_utf8(bytes).map_err(|_| KeyError::NoSecret("not text".into()))?;
		let text = text.trim();
		// Without a phrase of its own, the text would name a development key that everyone knows.
		if text.is_empty() || text.starts_with('/') {
			return Err(KeyError::NoSecret("it has no phrase of its own".into()));
		}
		let (_, seed) = P::from_string_with_seed(text, None)
			.map_err(|error| KeyError::NoSecret(format!("{error:?}")))?;
		seed.map(Secret)
			.ok_or_else(|| KeyError::NoSecret("a soft derivation has no seed of its own".into()))
	}
}

impl AccountKey {
	/// The account's key from the state directory.
	pub fn open(directory: &Directory) -> Result<Self, KeyError> {
		match Self::read(&directory.file(ACCOUNT_FILE)) {
			Err(KeyError::File(FileError::Missing { .. })) => {
				Err(KeyError::NoAccount { directory: directory.path().display().to_string() })
			},
			other => other,
		}
	}

	/// The account.
	pub fn account(&self) -> AccountId {
		AccountId::new(self.0.public().0)
	}

	/// Signs the bytes.
	pub fn sign(&self, message: &[u8]) -> MultiSignature {
		MultiSignature::Sr25519(self.sign_raw(message))
	}

	pub(crate) fn sign_raw(&self, message: &[u8]) -> sr25519::Signature {
		self.0.sign(message)
	}
}

impl ManufacturerKey {
	/// The public key.
	pub fn public(&self) -> MeterKey {
		self.0.public()
	}

	/// Signs the bytes.
	pub fn sign(&self, message: &[u8]) -> MeterSignature {
		self.0.sign(message)
	}
}

/// Reads an account from its SS58 address, whatever the network it was written for.
pub fn parse_account(text: &str) -> Result<AccountId, KeyError> {
	AccountId::from_ss58check(text).map_err(|_| KeyError::NoAddress(text.into()))
}

#[cfg(test)]
mod tests {
	use super::*;
	use sp_runtime::traits::Verify;
	use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

	fn place() -> (tempfile::TempDir, PathBuf) {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("key.json");
		(dir, path)
	}

	#[test]
	fn a_key_should_come_back_from_its_file() {
		let (_dir, path) = place();
		let secret = Secret::random();
		let written = AccountKey::write(&path, &secret).unwrap();
		let read = AccountKey::read(&path).unwrap();
		assert_eq!(written.account(), read.account());
		assert!(read.sign(b"m").verify(&b"m"[..], &read.account()));
		let mode = fs::metadata(&path).unwrap().permissions().mode();
		assert_eq!(mode & 0o777, 0o600);
	}

	#[test]
	fn a_key_that_others_can_read_should_be_refused() {
		let (_dir, path) = place();
		AccountKey::write(&path, &Secret::random()).unwrap();
		fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
		let error = AccountKey::read(&path).unwrap_err();
		assert_eq!((error.kind(), error.code().as_str()), (Kind::BadInput, "file-insecure"));
	}

	#[test]
	fn a_key_should_never_be_overwritten() {
		let (_dir, path) = place();
		let first = AccountKey::write(&path, &Secret::random()).unwrap();
		let error = AccountKey::write(&path, &Secret::random()).unwrap_err();
		assert_eq!(error.code(), "file-exists");
		assert_eq!(AccountKey::read(&path).unwrap().account(), first.account());
	}

	#[test]
	fn a_key_of_another_scheme_should_be_refused() {
		let (_dir, path) = place();
		AccountKey::write(&path, &Secret::random()).unwrap();
		assert!(matches!(ManufacturerKey::read(&path), Err(KeyError::Scheme { .. })));
	}

	#[test]
	fn malformed_keys_should_be_refused() {
		let (_dir, path) = place();
		let secret = files::to_hex(&[1; 32]);
		for secret in [&secret[2..], &secret[..64], "", "0x", &format!("{secret}00"), "//Alice"] {
			let text = format!(
				r#"{{"kind":"spb-key","version":1,"scheme":"sr25519","secret":"{secret}"}}"#
			);
			files::write_bytes(&path, text.as_bytes(), true, Replace::Yes).unwrap();
			assert_eq!(AccountKey::read(&path).unwrap_err().code(), "file-malformed", "{secret}");
		}
	}

	#[test]
	fn a_missing_account_key_should_say_how_to_make_one() {
		let dir = tempfile::tempdir().unwrap();
		let error = AccountKey::open(&Directory::new(dir.path())).unwrap_err();
		assert!(error.to_string().contains("spb account init"), "{error}");
		assert_eq!(error.kind(), Kind::BadInput);
	}

	#[test]
	fn only_development_uris_should_be_taken() {
		for good in ["//Alice", "//Alice//stash", "//Maker/1"] {
			AccountKey::development(good).unwrap();
		}
		let phrase = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";
		for bad in ["", "Alice", "/Alice", "//A///pass", phrase, &files::to_hex(&[1; 32])] {
			assert!(AccountKey::development(bad).is_err(), "{bad}");
		}
		assert!(ManufacturerKey::development("//Maker").is_ok());
	}

	#[test]
	fn secrets_should_be_imported_from_private_text_files() {
		let (_dir, path) = place();
		let phrase =
			"bottom drive obey lake curtain smoke basket hold race lonely fit walk//Alice\n";
		files::write_bytes(&path, phrase.as_bytes(), true, Replace::Yes).unwrap();
		let secret = AccountKey::import(&path).unwrap();
		let alice = AccountKey::development("//Alice").unwrap();
		assert_eq!(AccountKey::from_secret(&secret).account(), alice.account());
		for bad in ["", " \n", "//Alice", "nonsense", "0x1234"] {
			files::write_bytes(&path, bad.as_bytes(), true, Replace::Yes).unwrap();
			assert!(matches!(AccountKey::import(&path), Err(KeyError::NoSecret(_))), "{bad}");
		}
		fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
		assert_eq!(AccountKey::import(&path).unwrap_err().code(), "file-insecure");
	}

	#[test]
	fn random_numbers_should_be_below_their_bound() {
		assert_eq!(random_below(0), None);
		assert_eq!(random_below(1), Some(0));
		let mut seen = [false; 4];
		while seen != [true; 4] {
			seen[random_below(4).unwrap()] = true;
		}
		assert_ne!(random_bytes::<16>(), random_bytes::<16>());
	}

	#[test]
	fn secrets_should_not_show_in_debugging_output() {
		let secret = Secret([0xab; 32]);
		assert_eq!(format!("{secret:?}"), "Secret(..)");
		assert_eq!(format!("{:?}", AccountKey::from_secret(&secret)), "Key(sr25519)");
	}

	#[test]
	fn accounts_should_be_parsed_strictly() {
		let alice = AccountKey::development("//Alice").unwrap().account();
		assert_eq!(parse_account(&alice.to_string()).unwrap(), alice);
		let address = alice.to_string();
		for bad in ["", "//Alice", &address[1..], &format!("{address}1"), "0x00"] {
			assert!(parse_account(bad).is_err(), "{bad}");
		}
	}
}
