//! What can be wrong with readings, where, and what to do about it.

use crate::{timestamp::TimestampError, HEADER, MAX_FILE_BYTES};
use std::{error::Error, fmt, io, path::PathBuf};

/// Malformed readings: what is wrong, and where.
///
/// Displays as `LINE:COLUMN: what is wrong and what to do`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadingsError {
	/// The line, from 1.
	pub line: usize,
	/// The character column in that line at which the offending field begins, from 1.
	pub column: usize,
	/// What is wrong.
	pub kind: Kind,
}

/// What is wrong with a field, a line or the text as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
	/// There is no text at all.
	Empty,
	/// There is a header and nothing after it.
	NoReadings,
	/// The field contains bytes that are not UTF-8.
	NotUtf8,
	/// The text begins with a byte order mark.
	ByteOrderMark,
	/// The first line is not [`HEADER`].
	Header,
	/// A line has too few or too many fields.
	FieldCount {
		/// The fields in that line.
		found: usize,
	},
	/// `interval_start` does not begin a quarter-hour.
	Timestamp(TimestampError),
	/// The interval begins before the one above it.
	OutOfOrder,
	/// The meter has no name.
	EmptyMeter,
	/// The meter's name has quotes, control characters or spaces around it.
	MeterName,
	/// The meter has a reading in this interval already.
	MeterTwice {
		/// The meter's name.
		meter: String,
	},
	/// The energy is not a whole number.
	NotWhole,
	/// The energy is below zero.
	Negative,
	/// The energy is above `u32::MAX`.
	TooLarge,
}

impl fmt::Display for Kind {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Empty => {
				write!(f, "the file is empty: begin it with {HEADER} and add readings below")
			},
			Self::NoReadings => write!(f, "no readings: add at least one line below the header"),
			Self::NotUtf8 => write!(f, "not UTF-8 text: save the file as UTF-8"),
			Self::ByteOrderMark => {
				write!(f, "the file begins with a byte order mark: save it as UTF-8 without one")
			},
			Self::Header => write!(f, "wrong header: the first line must be exactly {HEADER}"),
			Self::FieldCount { found } => write!(
				f,
				"{found} field(s) instead of 4: every line is {HEADER}, without quotes or blank lines"
			),
			Self::Timestamp(error) => error.fmt(f),
			Self::OutOfOrder => write!(
				f,
				"this interval begins before the one above it: sort the lines by interval_start"
			),
			Self::EmptyMeter => {
				write!(f, "the meter has no name: write the connection point's name")
			},
			Self::MeterName => write!(
				f,
				"a meter's name has no quotes, no control characters and no spaces around it: \
				 remove them"
			),
			Self::MeterTwice { meter } => write!(
				f,
				"{meter} has a reading in this interval already: keep one line per meter and interval"
			),
			Self::NotWhole => write!(f, "not a whole number: write watt-hours as digits only"),
			Self::Negative => write!(
				f,
				"negative energy: write what flows out as export_wh and what flows in as import_wh"
			),
			Self::TooLarge => write!(
				f,
				"above {} Wh: a quarter-hour's energy, not the register's total, is wanted",
				u32::MAX
			),
		}
	}
}

impl fmt::Display for ReadingsError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "{}:{}: {}", self.line, self.column, self.kind)
	}
}

impl Error for ReadingsError {
	fn source(&self) -> Option<&(dyn Error + 'static)> {
		match &self.kind {
			Kind::Timestamp(error) => Some(error),
			_ => None,
		}
	}
}

/// A file of readings that could not be used.
///
/// Malformed readings display as `FILE:LINE:COLUMN: what is wrong and what to do`.
#[derive(Debug)]
pub struct FileError {
	/// The file, as it was named.
	pub path: PathBuf,
	/// Why it could not be used.
	pub kind: FileErrorKind,
}

/// Why a file of readings could not be used.
#[derive(Debug)]
pub enum FileErrorKind {
	/// It could not be read.
	Unreadable(io::Error),
	/// It is larger than [`MAX_FILE_BYTES`].
	TooLarge,
	/// Its content is malformed.
	Malformed(ReadingsError),
}

impl fmt::Display for FileError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let path = self.path.display();
		match &self.kind {
			FileErrorKind::Unreadable(error) => {
				write!(f, "{path}: cannot be read ({error}): name a readable CSV file")
			},
			FileErrorKind::TooLarge => write!(
				f,
				"{path}: larger than {} MiB: split it into shorter periods",
				MAX_FILE_BYTES >> 20
			),
			FileErrorKind::Malformed(error) => write!(f, "{path}:{error}"),
		}
	}
}

impl Error for FileError {
	fn source(&self) -> Option<&(dyn Error + 'static)> {
		match &self.kind {
			FileErrorKind::Unreadable(error) => Some(error),
			FileErrorKind::TooLarge => None,
			FileErrorKind::Malformed(error) => Some(error),
		}
	}
}
