//! Quarter-hour meter readings: the CSV shape, checked.
//!
//! ```text
//! interval_start,meter,import_wh,export_wh
//! 2016-06-06T12:00:00,home-01,69,0
//! 2016-06-06T12:00:00,home-02,0,481
//! ```
//!
//! One line per meter and quarter-hour, in order of time. `interval_start` is local time, energy is
//! in watt-hours. Everything else is refused, with the line and the column at which the offending
//! field begins, so that a mistake in a file of thousands of lines is found at once:
//!
//! ```
//! let text = "interval_start,meter,import_wh,export_wh\n2016-06-06T12:10:00,home-01,69,0\n";
//! let error = spb_readings::parse(text).unwrap_err();
//! assert_eq!((error.line, error.column), (2, 1));
//! assert_eq!(
//!     error.to_string(),
//!     "2:1: 12:10:00 does not begin a quarter-hour: use minutes 00, 15, 30 or 45 and seconds 00"
//! );
//! ```
//!
//! The crate does no arithmetic beyond sums and depends on nothing, so that the set-up can check a
//! file before anything else is compiled.

mod error;
mod parser;
mod readings;
mod timestamp;

pub use error::{FileError, FileErrorKind, Kind, ReadingsError};
pub use parser::{parse, parse_bytes, parse_file, HEADER, MAX_FILE_BYTES};
pub use readings::{Interval, Reading, Readings};
pub use timestamp::{Timestamp, TimestampError};
