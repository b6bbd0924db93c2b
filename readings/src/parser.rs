//! From text to readings, field by field, from left to right.

use crate::{
	error::{FileError, FileErrorKind, Kind, ReadingsError},
	readings::{Interval, Reading, Readings},
	timestamp::Timestamp,
};
use std::{
	collections::HashSet,
	fs::File,
	io::{self, Read},
	path::Path,
};

/// The first line of every file of readings.
pub const HEADER: &str = "interval_start,meter,import_wh,export_wh";

/// The largest file that is read: some 200 years of one meter.
pub const MAX_FILE_BYTES: u64 = 256 << 20;

const FIELDS: usize = 4;

/// One field of a line and the character column at which it begins, from 1.
struct Field<'a> {
	text: &'a str,
	column: usize,
}

/// Reads and checks a file of readings.
pub fn parse_file(path: impl AsRef<Path>) -> Result<Readings, FileError> {
	let path = path.as_ref();
	let failed = |kind| FileError { path: path.to_owned(), kind };
	let bytes = read_bounded(path).map_err(|error| failed(FileErrorKind::Unreadable(error)))?;
	let bytes = bytes.ok_or_else(|| failed(FileErrorKind::TooLarge))?;
	parse_bytes(&bytes).map_err(|error| failed(FileErrorKind::Malformed(error)))
}

/// The file's content, or nothing where it is larger than [`MAX_FILE_BYTES`].
fn read_bounded(path: &Path) -> io::Result<Option<Vec<u8>>> {
	let mut bytes = Vec::new();
	// The name may be a device or a pipe, whose length nobody knows beforehand.
	File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
	Ok((bytes.len() as u64 <= MAX_FILE_BYTES).then_some(bytes))
}

/// Checks readings whose encoding is not known to be UTF-8.
pub fn parse_bytes(bytes: &[u8]) -> Result<Readings, ReadingsError> {
	match std::str::from_utf8(bytes) {
		Ok(text) => parse(text),
		Err(error) => {
			// What comes before the bad byte is text, so it can be counted in characters; a mistake
			// in a line above is reported first, as it would be in a text.
			let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
			let (above, line) = valid.split_at(valid.rfind('\n').map_or(0, |end| end + 1));
			if !above.is_empty() {
				match parse(above) {
					Err(earlier) if earlier.kind != Kind::NoReadings => return Err(earlier),
					_ => (),
				}
			}
			Err(ReadingsError {
				line: valid.matches('\n').count() + 1,
				column: line.rfind(',').map_or(1, |comma| line[..comma].chars().count() + 2),
				kind: Kind::NotUtf8,
			})
		},
	}
}

/// Checks readings.
///
/// Lines may end in LF or CRLF, the last one with or without its end.
pub fn parse(text: &str) -> Result<Readings, ReadingsError> {
	if text.is_empty() {
		return Err(ReadingsError { line: 1, column: 1, kind: Kind::Empty });
	}
	let mut lines = text
		.strip_suffix('\n')
		.unwrap_or(text)
		.split('\n')
		.enumerate()
		.map(|(index, line)| (index + 1, line.strip_suffix('\r').unwrap_or(line)));
	if let Some((line, header)) = lines.next() {
		check_header(header).map_err(|(column, kind)| ReadingsError { line, column, kind })?;
	}

	let mut builder = Builder::default();
	for (line, text) in lines {
		builder.add(text).map_err(|(column, kind)| ReadingsError { line, column, kind })?;
	}
	if builder.intervals.is_empty() {
		return Err(ReadingsError { line: 2, column: 1, kind: Kind::NoReadings });
	}
	Ok(Readings { intervals: builder.intervals })
}

fn check_header(line: &str) -> Result<(), (usize, Kind)> {
	if line == HEADER {
		return Ok(());
	}
	if line.starts_with('\u{feff}') {
		return Err((1, Kind::ByteOrderMark));
	}
	let fields = split(line);
	let wrong = fields
		.iter()
		.zip(HEADER.split(',').map(Some).chain(std::iter::repeat(None)))
		.find(|(field, expected)| Some(field.text) != *expected);
	Err((wrong.map_or_else(|| end_of(line), |(field, _)| field.column), Kind::Header))
}

/// The readings so far, and what the next line is checked against.
#[derive(Default)]
struct Builder<'a> {
	intervals: Vec<Interval>,
	/// The meters in the last interval.
	seen: HashSet<&'a str>,
}

impl<'a> Builder<'a> {
	fn add(&mut self, line: &'a str) -> Result<(), (usize, Kind)> {
		let fields = split(line);
		let [start, meter, import, export] = &fields[..] else {
			let column = fields.get(FIELDS).map_or_else(|| end_of(line), |extra| extra.column);
			return Err((column, Kind::FieldCount { found: fields.len() }));
		};

		let time: Timestamp =
			start.text.parse().map_err(|error| (start.column, Kind::Timestamp(error)))?;
		let last = self.intervals.last().map(|interval| interval.start);
		if last.is_some_and(|last| time < last) {
			return Err((start.column, Kind::OutOfOrder));
		}
		check_name(meter.text).map_err(|kind| (meter.column, kind))?;
		if last == Some(time) && self.seen.contains(meter.text) {
			return Err((meter.column, Kind::MeterTwice { meter: meter.text.to_owned() }));
		}
		let reading = Reading {
			meter: meter.text.to_owned(),
			import_wh: watt_hours(import)?,
			export_wh: watt_hours(export)?,
		};

		if last != Some(time) {
			self.seen.clear();
		}
		self.seen.insert(meter.text);
		match self.intervals.last_mut() {
			Some(interval) if interval.start == time => interval.readings.push(reading),
			_ => self.intervals.push(Interval { start: time, readings: vec![reading] }),
		}
		Ok(())
	}
}

fn split(line: &str) -> Vec<Field<'_>> {
	let mut column = 1;
	line.split(',')
		.map(|text| {
			let field = Field { text, column };
			column += text.chars().count() + 1;
			field
		})
		.collect()
}

/// The column just behind a line, where what is missing from it would begin.
fn end_of(line: &str) -> usize {
	line.chars().count() + 1
}

fn check_name(name: &str) -> Result<(), Kind> {
	if name.is_empty() {
		return Err(Kind::EmptyMeter);
	}
	// Names that look alike on a screen must not be two meters.
	let unfit = |c: char| c.is_control() || c == '"';
	if name.trim() != name || name.contains(unfit) {
		return Err(Kind::MeterName);
	}
	Ok(())
}

fn watt_hours(field: &Field<'_>) -> Result<u32, (usize, Kind)> {
	let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
	let kind = match field.text.strip_prefix('-') {
		Some(rest) if all_digits(rest) => Kind::Negative,
		None if all_digits(field.text) => match field.text.parse() {
			Ok(energy) => return Ok(energy),
			// Digits alone fail to parse only because there are too many.
			Err(_) => Kind::TooLarge,
		},
		_ => Kind::NotWhole,
	};
	Err((field.column, kind))
}

#[cfg(test)]
mod tests;
