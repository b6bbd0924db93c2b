//! Contact keys that have to last: one for each offer, one for a meter's listing.
//!
//! Each is in a file of its own in the state directory, named by its public half and for its owner's
//! eyes only. A key is on the disk before anyone is told of it. What a consumer needs for one
//! negotiation it never writes down.

use super::RelayError;
use crate::{
	files::{self, Directory, Document, FileError, Replace},
	keys::Secret,
};
use serde::{Deserialize, Serialize};
use spb_primitives::relay::{ContactKey, ContactSecret};

/// How the names of the files begin and end.
const FILE: (&str, &str) = ("contact-", ".json");

/// A contact key as its file holds it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ContactDocument {
	secret: Secret,
}

impl Document for ContactDocument {
	const KIND: &'static str = "spb-contact";
	const VERSION: u32 = 1;
	const SECRET: bool = true;
}

/// The contact keys of a state directory.
#[derive(Clone, Debug)]
pub struct Contacts {
	directory: Directory,
}

impl Contacts {
	/// Those of this directory.
	pub fn new(directory: Directory) -> Self {
		Self { directory }
	}

	/// Makes a fresh one and writes it down.
	pub fn make(&self) -> Result<ContactSecret, RelayError> {
		self.directory.create()?;
		let secret = ContactSecret::generate()?;
		let document = ContactDocument { secret: Secret(*secret.to_bytes()) };
		let path = self.directory.file(&file_name(&secret.public()));
		files::write_document(&path, &document, Replace::No)?;
		Ok(secret)
	}

	/// The secret of this contact key; none where it is another's.
	pub fn find(&self, key: &ContactKey) -> Result<Option<ContactSecret>, RelayError> {
		let path = self.directory.file(&file_name(key));
		let document: ContactDocument = match files::read_document(&path) {
			Err(FileError::Missing { .. }) => return Ok(None),
			other => other?,
		};
		let secret = ContactSecret::from_bytes(&document.secret.0);
		match secret.filter(|secret| secret.public() == *key) {
			Some(secret) => Ok(Some(secret)),
			None => Err(FileError::Malformed {
				path,
				kind: ContactDocument::KIND,
				version: ContactDocument::VERSION,
				reason: "the secret is not that of the key in the file's name".into(),
			}
			.into()),
		}
	}

	/// Forgets a key that nobody was told of, or that is of no use any more.
	pub fn forget(&self, key: &ContactKey) -> Result<(), RelayError> {
		let path = self.directory.file(&file_name(key));
		match std::fs::remove_file(&path) {
			Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
				Err(FileError::Io { action: "remove", path, source: error }.into())
			},
			_ => Ok(()),
		}
	}
}

fn file_name(key: &ContactKey) -> String {
	format!("{}{}{}", FILE.0, hex::encode(key.0), FILE.1)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::error::Classify;
	use std::os::unix::fs::PermissionsExt;

	fn contacts() -> (tempfile::TempDir, Contacts) {
		let dir = tempfile::tempdir().unwrap();
		let contacts = Contacts::new(Directory::new(dir.path().join("state")));
		(dir, contacts)
	}

	#[test]
	fn a_contact_key_should_come_back_from_its_file() {
		let (_dir, contacts) = contacts();
		let made = contacts.make().unwrap();
		let other = contacts.make().unwrap();
		assert_ne!(made.public(), other.public());
		let found = contacts.find(&made.public()).unwrap().unwrap();
		assert_eq!(found.public(), made.public());
		assert!(contacts.find(&ContactKey([7; 32])).unwrap().is_none());
		contacts.forget(&made.public()).unwrap();
		contacts.forget(&made.public()).unwrap();
		assert!(contacts.find(&made.public()).unwrap().is_none());
		assert!(contacts.find(&other.public()).unwrap().is_some());
	}

	#[test]
	fn a_contact_key_should_be_for_its_owner_only() {
		let (_dir, contacts) = contacts();
		let key = contacts.make().unwrap().public();
		let path = contacts.directory.file(&file_name(&key));
		let mode = std::fs::metadata(&path).unwrap().permissions().mode();
		assert_eq!(mode & 0o777, 0o600);
		std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
		assert_eq!(contacts.find(&key).unwrap_err().code(), "file-insecure");
	}

	#[test]
	fn a_file_with_another_key_should_be_refused() {
		let (_dir, contacts) = contacts();
		let [one, other] = [0, 1].map(|_| contacts.make().unwrap().public());
		let path = |key| contacts.directory.file(&file_name(key));
		std::fs::rename(path(&one), path(&other)).unwrap();
		assert_eq!(contacts.find(&other).unwrap_err().code(), "file-malformed");
	}
}
