//! Files: versioned JSON documents, replaced atomically, in a state directory with a lock.
//!
//! A document is written to a temporary file beside its place, flushed to the disk and renamed, so
//! that a crash leaves either the old or the new one. Documents that hold secrets are made with mode
//! 0600 and refused when others can read them. Whoever changes a document holds the directory's
//! [`Lock`] from reading to writing: two processes never take the same one-time key.

use crate::error::{Classify, Kind};
use codec::{DecodeAll, Encode};
use serde::{de::DeserializeOwned, Deserialize, Deserializer, Serialize, Serializer};
use std::{
	fs::{self, File, OpenOptions, TryLockError},
	io::{self, Write},
	os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
	path::{Path, PathBuf},
	sync::atomic::{AtomicU64, Ordering},
	time::{Duration, Instant},
};

/// How long to wait for another process to release the lock.
const LOCK_PATIENCE: Duration = Duration::from_secs(30);
/// How often to look whether the lock is free.
const LOCK_INTERVAL: Duration = Duration::from_millis(10);
/// The greatest document that is read.
const MAX_DOCUMENT_BYTES: u64 = 64 << 20;
/// The permissions of others and the group.
const OTHERS: u32 = 0o077;

/// What goes wrong with files.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
	/// The operating system says no.
	#[error("cannot {action} {}: {source}", path.display())]
	Io {
		/// What was attempted.
		action: &'static str,
		/// On which file.
		path: PathBuf,
		/// Why it did not work.
		source: io::Error,
	},
	/// Others can read a file that holds a secret.
	#[error(
		"{} can be read by others (mode {mode:03o}) and holds a secret: run chmod 600 on it, and \
		 consider the secret known",
		path.display()
	)]
	Insecure {
		/// The file.
		path: PathBuf,
		/// Its mode.
		mode: u32,
	},
	/// The file is not what it should be.
	#[error("{} is not a {kind} document of version {version}: {reason}", path.display())]
	Malformed {
		/// The file.
		path: PathBuf,
		/// What it should be.
		kind: &'static str,
		/// The version that is understood.
		version: u32,
		/// What is wrong.
		reason: String,
	},
	/// There is such a file already, and it is not replaced.
	#[error("{} is there already and is not replaced: name another file or remove it", path.display())]
	Exists {
		/// The file.
		path: PathBuf,
	},
	/// There is no such file.
	#[error("there is no {}", path.display())]
	Missing {
		/// The file.
		path: PathBuf,
	},
	/// Another process holds the state directory.
	#[error("another process has been using {} for {} seconds: try again", path.display(), LOCK_PATIENCE.as_secs())]
	Locked {
		/// The directory.
		path: PathBuf,
	},
}

impl Classify for FileError {
	fn kind(&self) -> Kind {
		match self {
			Self::Io { .. } | Self::Locked { .. } => Kind::Failed,
			Self::Insecure { .. }
			| Self::Malformed { .. }
			| Self::Exists { .. }
			| Self::Missing { .. } => Kind::BadInput,
		}
	}

	fn code(&self) -> String {
		match self {
			Self::Io { .. } => "io",
			Self::Insecure { .. } => "file-insecure",
			Self::Malformed { .. } => "file-malformed",
			Self::Exists { .. } => "file-exists",
			Self::Missing { .. } => "file-missing",
			Self::Locked { .. } => "directory-locked",
		}
		.into()
	}
}

/// Turns an `io::Error` into a [`FileError`] that says what was attempted on which file.
fn io_error<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> FileError + 'a {
	move |source| FileError::Io { action, path: path.to_owned(), source }
}

/// Something that is stored as a JSON document `{"kind", "version", ...}`.
pub trait Document: Serialize + DeserializeOwned {
	/// What the document is.
	const KIND: &'static str;
	/// The version of its shape.
	const VERSION: u32;
	/// Whether it holds a secret.
	const SECRET: bool;
}

/// A document as it is written.
#[derive(Serialize)]
struct Envelope<'a, D> {
	kind: &'static str,
	version: u32,
	#[serde(flatten)]
	body: &'a D,
}

/// Whether a document may take the place of one that is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Replace {
	/// It may.
	Yes,
	/// It may not.
	No,
}

/// Reads a document. A secret one must be for its owner's eyes only.
pub fn read_document<D: Document>(path: &Path) -> Result<D, FileError> {
	let malformed = |reason: String| FileError::Malformed {
		path: path.to_owned(),
		kind: D::KIND,
		version: D::VERSION,
		reason,
	};
	let text = String::from_utf8(read_bytes(path, D::SECRET)?)
		.map_err(|_| malformed("it is not UTF-8".into()))?;
	let mut value: serde_json::Value =
		serde_json::from_str(&text).map_err(|error| malformed(error.to_string()))?;
	let fields = value.as_object_mut().ok_or_else(|| malformed("it is not an object".into()))?;
	let kind = fields.remove("kind");
	if kind.as_ref().and_then(|kind| kind.as_str()) != Some(D::KIND) {
		return Err(malformed(format!("its kind is {}", kind.unwrap_or_default())));
	}
	let version = fields.remove("version");
	if version.as_ref().and_then(|version| version.as_u64()) != Some(D::VERSION.into()) {
		return Err(malformed(format!("its version is {}", version.unwrap_or_default())));
	}
	serde_json::from_value(value).map_err(|error| malformed(error.to_string()))
}

/// Reads a file as a whole, within a bound; one with a secret only if nobody else can read it.
pub fn read_bytes(path: &Path, secret: bool) -> Result<Vec<u8>, FileError> {
	let file = File::open(path).map_err(|source| match source.kind() {
		io::ErrorKind::NotFound => FileError::Missing { path: path.to_owned() },
		_ => io_error("open", path)(source),
	})?;
	// The open file is judged, not the path, which could be exchanged in between.
	let metadata = file.metadata().map_err(io_error("read", path))?;
	let mode = metadata.mode() & 0o777;
	if secret && mode & OTHERS != 0 {
		return Err(FileError::Insecure { path: path.to_owned(), mode });
	}
	if metadata.len() > MAX_DOCUMENT_BYTES {
		let source = io::Error::new(io::ErrorKind::FileTooLarge, "the file is too large");
		return Err(io_error("read", path)(source));
	}
	let mut bytes = Vec::new();
	io::Read::read_to_end(&mut io::Read::take(file, MAX_DOCUMENT_BYTES), &mut bytes)
		.map_err(io_error("read", path))?;
	Ok(bytes)
}

/// Writes a document in one step: a reader sees the old one, the new one, or none, never a part.
pub fn write_document<D: Document>(
	path: &Path,
	body: &D,
	replace: Replace,
) -> Result<(), FileError> {
	let envelope = Envelope { kind: D::KIND, version: D::VERSION, body };
	let mut text = serde_json::to_string_pretty(&envelope)
		.map_err(io::Error::from)
		.map_err(io_error("encode", path))?;
	text.push('\n');
	write_bytes(path, text.as_bytes(), D::SECRET, replace)
}

/// Writes a file in one step, for its owner only if it holds a secret.
pub fn write_bytes(
	path: &Path,
	bytes: &[u8],
	secret: bool,
	replace: Replace,
) -> Result<(), FileError> {
	static COUNTER: AtomicU64 = AtomicU64::new(0);
	let name = path.file_name().ok_or_else(|| {
		io_error("write", path)(io::Error::new(io::ErrorKind::InvalidInput, "no file name"))
	})?;
	let parent = match path.parent() {
		Some(parent) if !parent.as_os_str().is_empty() => parent,
		_ => Path::new("."),
	};
	let count = COUNTER.fetch_add(1, Ordering::Relaxed);
	let mut temporary = std::ffi::OsString::from(".");
	temporary.push(name);
	temporary.push(format!(".{}.{count}.tmp", std::process::id()));
	let temporary = parent.join(temporary);
	let mode = if secret { 0o600 } else { 0o644 };
	let written = write_temporary(&temporary, bytes, mode).and_then(|()| match replace {
		Replace::Yes => fs::rename(&temporary, path).map_err(io_error("replace", path)),
		// A link fails where a file is, which a rename would silently replace.
		Replace::No => fs::hard_link(&temporary, path).map_err(|source| match source.kind() {
			io::ErrorKind::AlreadyExists => FileError::Exists { path: path.to_owned() },
			_ => io_error("create", path)(source),
		}),
	});
	if written.is_err() || replace == Replace::No {
		// What is left of the temporary file is of no use; that it cannot be removed neither.
		let _ = fs::remove_file(&temporary);
	}
	written?;
	File::open(parent).and_then(|dir| dir.sync_all()).map_err(io_error("flush", parent))
}

fn write_temporary(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
	let mut file = OpenOptions::new()
		.write(true)
		.create_new(true)
		.mode(mode)
		.open(path)
		.map_err(io_error("create", path))?;
	file.write_all(bytes).map_err(io_error("write", path))?;
	file.sync_all().map_err(io_error("flush", path))
}

/// The folder where `spb` keeps an account's key and a meter's state.
#[derive(Clone, Debug)]
pub struct Directory {
	path: PathBuf,
}

impl Directory {
	/// The directory at `path`, which need not be there yet.
	pub fn new(path: impl Into<PathBuf>) -> Self {
		Self { path: path.into() }
	}

	/// Where it is.
	pub fn path(&self) -> &Path {
		&self.path
	}

	/// Where the file of this name is.
	pub fn file(&self, name: &str) -> PathBuf {
		self.path.join(name)
	}

	/// The names of its files, in order; none if it is not there.
	pub fn names(&self) -> Result<Vec<String>, FileError> {
		let entries = match fs::read_dir(&self.path) {
			Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
			other => other.map_err(io_error("list", &self.path))?,
		};
		let mut names = Vec::new();
		for entry in entries {
			let entry = entry.map_err(io_error("list", &self.path))?;
			// What has no text for a name was not written by this program.
			names.extend(entry.file_name().into_string().ok());
		}
		names.sort();
		Ok(names)
	}

	/// Makes the directory, for its owner only, if it is not there.
	pub fn create(&self) -> Result<(), FileError> {
		fs::DirBuilder::new()
			.recursive(true)
			.mode(0o700)
			.create(&self.path)
			.map_err(io_error("create", &self.path))
	}

	/// Takes the directory's lock, waiting for a while if another process or thread has it.
	pub fn lock(&self) -> Result<Lock, FileError> {
		let path = self.file("lock");
		let file = OpenOptions::new()
			.write(true)
			.create(true)
			.truncate(false)
			.mode(0o600)
			.open(&path)
			.map_err(io_error("open", &path))?;
		let begun = Instant::now();
		loop {
			match file.try_lock() {
				Ok(()) => return Ok(Lock { _file: file }),
				Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_PATIENCE => {
					std::thread::sleep(LOCK_INTERVAL);
				},
				Err(TryLockError::WouldBlock) => {
					return Err(FileError::Locked { path: self.path.clone() })
				},
				Err(TryLockError::Error(source)) => return Err(io_error("lock", &path)(source)),
			}
		}
	}
}

/// Holds a [`Directory`] until it is dropped.
#[derive(Debug)]
pub struct Lock {
	_file: File,
}

/// A value that stands in a document as the hexadecimal digits of its SCALE encoding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Encoded<T>(pub T);

impl<T: Encode> Serialize for Encoded<T> {
	fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
		serializer.serialize_str(&to_hex(&self.0.encode()))
	}
}

impl<'de, T: DecodeAll> Deserialize<'de> for Encoded<T> {
	fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
		let text = String::deserialize(deserializer)?;
		from_hex(&text)
			.and_then(|bytes| decode_all(&bytes))
			.map(Self)
			.map_err(serde::de::Error::custom)
	}
}

/// Hexadecimal digits after `0x`.
pub fn to_hex(bytes: &[u8]) -> String {
	format!("0x{}", hex::encode(bytes))
}

/// The bytes of a text of hexadecimal digits after `0x`; the reason if it is none.
pub fn from_hex(text: &str) -> Result<Vec<u8>, String> {
	let digits = text.strip_prefix("0x").ok_or("hexadecimal digits begin with 0x")?;
	hex::decode(digits).map_err(|error| format!("not hexadecimal: {error}"))
}

/// Decodes a value from exactly these bytes; the reason if they are something else.
pub fn decode_all<T: DecodeAll>(bytes: &[u8]) -> Result<T, String> {
	T::decode_all(&mut &bytes[..]).map_err(|error| format!("not a valid encoding: {error}"))
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::os::unix::fs::PermissionsExt;

	#[derive(Serialize, Deserialize, PartialEq, Debug)]
	#[serde(deny_unknown_fields)]
	struct Note {
		text: String,
	}

	impl Document for Note {
		const KIND: &'static str = "note";
		const VERSION: u32 = 3;
		const SECRET: bool = true;
	}

	fn note(text: &str) -> Note {
		Note { text: text.into() }
	}

	#[test]
	fn documents_should_come_back_as_they_were_written() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("note.json");
		write_document(&path, &note("a"), Replace::No).unwrap();
		assert_eq!(read_document::<Note>(&path).unwrap(), note("a"));
		write_document(&path, &note("b"), Replace::Yes).unwrap();
		assert_eq!(read_document::<Note>(&path).unwrap(), note("b"));
		let text = fs::read_to_string(&path).unwrap();
		assert_eq!(text, "{\n  \"kind\": \"note\",\n  \"version\": 3,\n  \"text\": \"b\"\n}\n");
		let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
		assert_eq!(left.len(), 1, "no temporary file is left: {left:?}");
	}

	#[test]
	fn a_file_that_is_there_should_not_be_replaced_unasked() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("note.json");
		write_document(&path, &note("a"), Replace::No).unwrap();
		let error = write_document(&path, &note("b"), Replace::No).unwrap_err();
		assert!(matches!(error, FileError::Exists { .. }), "{error}");
		assert_eq!(read_document::<Note>(&path).unwrap(), note("a"));
		assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
	}

	#[test]
	fn secrets_should_be_for_their_owner_only() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("note.json");
		write_document(&path, &note("a"), Replace::No).unwrap();
		assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
		for mode in [0o640, 0o604, 0o644, 0o660, 0o601] {
			fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
			let error = read_document::<Note>(&path).unwrap_err();
			assert!(matches!(error, FileError::Insecure { mode: found, .. } if found == mode));
		}
		fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
		read_document::<Note>(&path).unwrap();
	}

	#[test]
	fn malformed_documents_should_be_refused() {
		let dir = tempfile::tempdir().unwrap();
		let path = dir.path().join("note.json");
		let good = r#"{"kind":"note","version":3,"text":"a"}"#;
		let cases = [
			"",
			"[]",
			"null",
			"{}",
			&good[..good.len() - 1],
			&good.replace("note", "key"),
			&good.replace('3', "4"),
			&good.replace('3', "\"3\""),
			&good.replace("text", "txt"),
			&good.replace("\"a\"", "1"),
			&good.replace("\"a\"", "\"a\",\"more\":1"),
		];
		for case in cases {
			write_bytes(&path, case.as_bytes(), true, Replace::Yes).unwrap();
			let error = read_document::<Note>(&path).unwrap_err();
			assert!(matches!(error, FileError::Malformed { .. }), "{case}: {error}");
			assert_eq!(error.kind(), Kind::BadInput);
		}
		write_bytes(&path, &[0xff, 0xfe], true, Replace::Yes).unwrap();
		assert!(matches!(read_document::<Note>(&path), Err(FileError::Malformed { .. })));
		write_bytes(&path, good.as_bytes(), true, Replace::Yes).unwrap();
		read_document::<Note>(&path).unwrap();
	}

	#[test]
	fn a_missing_file_should_be_told_apart() {
		let dir = tempfile::tempdir().unwrap();
		let error = read_document::<Note>(&dir.path().join("none")).unwrap_err();
		assert!(matches!(error, FileError::Missing { .. }));
	}

	#[test]
	fn files_should_be_listed_in_order() {
		let dir = tempfile::tempdir().unwrap();
		let directory = Directory::new(dir.path().join("state"));
		assert!(directory.names().unwrap().is_empty());
		directory.create().unwrap();
		for name in ["b.json", "a.json"] {
			write_bytes(&directory.file(name), b"", false, Replace::No).unwrap();
		}
		assert_eq!(directory.names().unwrap(), ["a.json", "b.json"]);
	}

	#[test]
	fn the_lock_should_exclude_others() {
		let dir = tempfile::tempdir().unwrap();
		let directory = Directory::new(dir.path().join("state"));
		directory.create().unwrap();
		assert_eq!(fs::metadata(directory.path()).unwrap().mode() & 0o777, 0o700);
		let counter = directory.file("counter");
		fs::write(&counter, "0").unwrap();
		std::thread::scope(|scope| {
			for _ in 0..4 {
				scope.spawn(|| {
					for _ in 0..25 {
						let _lock = directory.lock().unwrap();
						let count: u32 = fs::read_to_string(&counter).unwrap().parse().unwrap();
						fs::write(&counter, (count + 1).to_string()).unwrap();
					}
				});
			}
		});
		assert_eq!(fs::read_to_string(&counter).unwrap(), "100");
	}

	#[test]
	fn encoded_values_should_be_exact() {
		let json = serde_json::to_string(&Encoded(7u32)).unwrap();
		assert_eq!(json, "\"0x07000000\"");
		assert_eq!(serde_json::from_str::<Encoded<u32>>(&json).unwrap(), Encoded(7));
		for bad in ["\"07000000\"", "\"0x070000\"", "\"0x0700000000\"", "\"0xzz\"", "7"] {
			assert!(serde_json::from_str::<Encoded<u32>>(bad).is_err(), "{bad}");
		}
	}
}
