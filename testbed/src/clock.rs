//! A clock that can be put wrong while a program runs: libfaketime, loaded before the program.
//!
//! Only the time of day is put wrong; time that is measured goes on as it is.

use crate::node::Options;
use std::{
	fs, io,
	path::{Path, PathBuf},
};

/// Where distributions put libraries of their architectures.
const LIBRARIES: &str = "/usr/lib";
/// The library, for programs with threads.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// Why a clock cannot be put wrong.
#[derive(Debug, thiserror::Error)]
pub enum ClockError {
	/// The library is not there.
	#[error("there is no {LIBRARY} below {LIBRARIES}: install libfaketime")]
	NoLibrary,
	/// The file that says how wrong it is.
	#[error("cannot write {}: {source}", path.display())]
	File {
		/// The file.
		path: PathBuf,
		/// Why.
		source: io::Error,
	},
}

/// A clock for one program.
#[derive(Debug)]
pub struct Clock {
	library: PathBuf,
	file: PathBuf,
}

impl Clock {
	/// A clock that is right, and whose deviation is kept in a file of this folder.
	pub fn right(folder: &Path) -> Result<Self, ClockError> {
		let clock =
			Self { library: library().ok_or(ClockError::NoLibrary)?, file: folder.join("clock") };
		clock.put(0)?;
		Ok(clock)
	}

	/// Puts it forward by so many seconds, or back.
	pub fn put(&self, seconds: i32) -> Result<(), ClockError> {
		// Replaced at once: the library reads it again and again.
		let (new, file) = (self.file.with_extension("new"), self.file.clone());
		fs::write(&new, format!("{seconds:+}\n"))
			.and_then(|()| fs::rename(&new, &file))
			.map_err(|source| ClockError::File { path: file, source })
	}

	/// Gives this clock to a node.
	pub fn given_to(&self, options: Options) -> Options {
		options
			.environment("LD_PRELOAD", &self.library)
			.environment("FAKETIME_TIMESTAMP_FILE", &self.file)
			.environment("FAKETIME_CACHE_DURATION", "1")
			.environment("FAKETIME_DONT_FAKE_MONOTONIC", "1")
	}
}

/// The library of this machine's architecture.
fn library() -> Option<PathBuf> {
	let folders = fs::read_dir(LIBRARIES).ok()?.flatten().map(|entry| entry.path());
	folders.map(|folder| folder.join(LIBRARY)).find(|library| library.is_file())
}
