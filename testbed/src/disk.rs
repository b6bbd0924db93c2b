//! A small disk that can be filled: a tmpfs, which takes root to mount.

use std::{
	fs::{self, File},
	io::{self, Write},
	path::{Path, PathBuf},
	process::Command,
};

/// How much is written at once when the disk is filled.
const PIECE: usize = 64 << 10;

/// Why the disk is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
	/// A file on it.
	#[error("cannot use {}: {source}", path.display())]
	File {
		/// Which.
		path: PathBuf,
		/// Why.
		source: io::Error,
	},
	/// It cannot be mounted.
	#[error("cannot mount a tmpfs at {}: {reason}; that takes root", path.display())]
	NotMounted {
		/// Where.
		path: PathBuf,
		/// Why.
		reason: String,
	},
}

/// A disk of a few megabytes; it goes when this does.
#[derive(Debug)]
pub struct SmallDisk {
	folder: PathBuf,
}

impl SmallDisk {
	/// Mounts it at a folder that is made for it.
	pub fn mount(folder: &Path, megabytes: u32) -> Result<Self, DiskError> {
		let path = folder.to_owned();
		fs::create_dir_all(folder).map_err(|source| DiskError::File { path, source })?;
		let mut command = Command::new("mount");
		command.args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"]).arg(folder);
		let not_mounted =
			|reason: String| DiskError::NotMounted { path: folder.to_owned(), reason };
		let output = command.output().map_err(|error| not_mounted(error.to_string()))?;
		if !output.status.success() {
			return Err(not_mounted(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
		}
		Ok(Self { folder: folder.to_owned() })
	}

	/// Writes to it until nothing more goes in, and says how many bytes went.
	pub fn fill(&self) -> Result<u64, DiskError> {
		let path = self.ballast();
		let file = File::options().create(true).append(true).open(&path);
		let failed = |source| DiskError::File { path: path.clone(), source };
		let mut file = file.map_err(failed)?;
		let mut written = 0;
		loop {
			match file.write(&[0; PIECE]) {
				Ok(bytes) => written += bytes as u64,
				Err(error) if error.kind() == io::ErrorKind::StorageFull => return Ok(written),
				Err(error) => return Err(failed(error)),
			}
		}
	}

	/// Takes away what [`Self::fill`] wrote.
	pub fn free(&self) -> Result<(), DiskError> {
		let path = self.ballast();
		fs::remove_file(&path).map_err(|source| DiskError::File { path, source })
	}

	fn ballast(&self) -> PathBuf {
		self.folder.join("ballast")
	}
}

impl Drop for SmallDisk {
	fn drop(&mut self) {
		// Whoever still has a file open on it keeps it for as long.
		let _ = Command::new("umount").arg("--lazy").arg(&self.folder).output();
	}
}
