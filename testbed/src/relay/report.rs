//! The figures as a table: one row for each backbone and way of routing.

use super::{packet_bytes, NEGOTIATION};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Where a row's figures come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
	/// Simulated; every node knows all others.
	Full,
	/// Simulated; every node knows a few of each bucket.
	Partial,
	/// Measured on real nodes.
	Measured,
}

impl fmt::Display for Source {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str(match self {
			Self::Full => "full",
			Self::Partial => "partial",
			Self::Measured => "measured",
		})
	}
}

impl FromStr for Source {
	type Err = NoSource;

	fn from_str(text: &str) -> Result<Self, Self::Err> {
		let all = [Self::Full, Self::Partial, Self::Measured];
		all.into_iter().find(|source| source.to_string() == text).ok_or(NoSource)
	}
}

/// Figures come from nowhere of this name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("figures are full, partial or measured: name one of these")]
pub struct NoSource;

/// Why a text is no table.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TableError {
	/// It has not the columns of this version.
	#[error(
		"the table has not the columns of this version: write it anew with spb-evaluate-relay"
	)]
	Head,
	/// A line has too few columns or too many.
	#[error("line {line} has {found} columns, and not those of the head: write the table anew")]
	Columns {
		/// The line's number, from 1 on.
		line: usize,
		/// How many columns it has.
		found: usize,
	},
	/// Something else stands where a source or a figure should.
	#[error("line {line}: {text:?} is not what its column is for: write the table anew")]
	Entry {
		/// The line's number, from 1 on.
		line: usize,
		/// What stands there.
		text: String,
	},
}

/// What negotiations cost on one backbone. Hops are from participant to participant: to its node,
/// between nodes, to the other participant. Messages and bytes are of one negotiation, without what
/// the transport adds.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Row {
	/// Where the figures come from.
	pub source: Source,
	/// Backbone nodes.
	pub nodes: usize,
	/// Letters that were carried.
	pub letters: usize,
	/// Entries in a node's table, on average.
	pub entries: f64,
	/// How often nodes hand a letter to each other, on average.
	pub forwards_mean: f64,
	/// The same, at the most.
	pub forwards_most: u32,
	/// Hops of a letter, on average.
	pub hops_mean: f64,
	/// Hops of a letter, at the most.
	pub hops_most: u32,
	/// Messages of a negotiation.
	pub messages: f64,
	/// Bytes of a negotiation.
	pub bytes: f64,
	/// Messages where every letter is told to everybody.
	pub broadcast_messages: f64,
	/// Bytes where every letter is told to everybody.
	pub broadcast_bytes: f64,
}

/// The hops that are not between nodes: from the writer to its node, and to the reader from there.
pub const ENDS: u32 = 2;

/// The table's head.
pub const HEAD: &str = "source,nodes,letters,table_entries,forwards_mean,forwards_most,hops_mean,\
	hops_most,messages_per_negotiation,bytes_per_negotiation,broadcast_messages_per_negotiation,\
	broadcast_bytes_per_negotiation";

impl Row {
	/// From how often nodes handed each letter on, and the messages that nodes would exchange to tell
	/// one to everybody.
	pub fn of_letters(
		source: Source,
		nodes: usize,
		entries: f64,
		forwards: &[u32],
		told: f64,
	) -> Self {
		let letters = forwards.len();
		let all: u64 = forwards.iter().map(|forwards| u64::from(*forwards)).sum();
		let forwards_mean = all as f64 / letters.max(1) as f64;
		let forwards_most = forwards.iter().copied().max().unwrap_or_default();
		let hops_mean = forwards_mean + f64::from(ENDS);
		let (own, bytes) = (NEGOTIATION.len() as f64, packet_bytes() as f64);
		let (messages, broadcast) = (own * hops_mean, own * (told + f64::from(ENDS)));
		Self {
			source,
			nodes,
			letters,
			entries,
			forwards_mean,
			forwards_most,
			hops_mean,
			hops_most: forwards_most + ENDS,
			messages,
			bytes: messages * bytes,
			broadcast_messages: broadcast,
			broadcast_bytes: broadcast * bytes,
		}
	}

	fn line(&self) -> String {
		let Self { source, nodes, letters, entries, forwards_mean, forwards_most, .. } = self;
		let Self { hops_mean, hops_most, messages, bytes, .. } = self;
		let Self { broadcast_messages, broadcast_bytes, .. } = self;
		format!(
			"{source},{nodes},{letters},{entries:.1},{forwards_mean:.3},{forwards_most},\
			 {hops_mean:.3},{hops_most},{messages:.1},{bytes:.0},{broadcast_messages:.1},\
			 {broadcast_bytes:.0}"
		)
	}

	fn read(line: usize, text: &str) -> Result<Self, TableError> {
		let found = text.split(',').count();
		if found != HEAD.split(',').count() {
			return Err(TableError::Columns { line, found });
		}
		let mut columns = text.split(',');
		let mut next = || columns.next().unwrap_or_default();
		Ok(Self {
			source: entry(line, next())?,
			nodes: entry(line, next())?,
			letters: entry(line, next())?,
			entries: entry(line, next())?,
			forwards_mean: entry(line, next())?,
			forwards_most: entry(line, next())?,
			hops_mean: entry(line, next())?,
			hops_most: entry(line, next())?,
			messages: entry(line, next())?,
			bytes: entry(line, next())?,
			broadcast_messages: entry(line, next())?,
			broadcast_bytes: entry(line, next())?,
		})
	}
}

/// What stands in one column of a line.
fn entry<T: FromStr>(line: usize, text: &str) -> Result<T, TableError> {
	text.parse().map_err(|_| TableError::Entry { line, text: text.to_owned() })
}

/// Reads a table, as precise as it was written. Lines that begin with `#` say where it is from.
pub fn parse(table: &str) -> Result<Vec<Row>, TableError> {
	let lines = table.lines().enumerate().map(|(place, text)| (place + 1, text));
	let mut lines = lines.filter(|(_, text)| !text.starts_with('#'));
	match lines.next() {
		Some((_, HEAD)) => lines.map(|(line, text)| Row::read(line, text)).collect(),
		_ => Err(TableError::Head),
	}
}

/// The table, as comma-separated values.
pub fn csv(rows: &[Row]) -> String {
	let lines = rows.iter().map(|row| row.line() + "\n");
	std::iter::once(format!("{HEAD}\n")).chain(lines).collect()
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn rows_should_add_up() {
		let row = Row::of_letters(Source::Full, 8, 7.0, &[0, 1, 1, 0], 20.0);
		assert_eq!((row.letters, row.forwards_mean, row.forwards_most), (4, 0.5, 1));
		assert_eq!((row.hops_mean, row.hops_most), (2.5, 3));
		assert_eq!((row.messages, row.broadcast_messages), (10.0, 88.0));
		assert_eq!(row.bytes, 10.0 * packet_bytes() as f64);
		assert_eq!(row.broadcast_bytes, 88.0 * packet_bytes() as f64);
	}

	#[test]
	fn the_table_should_have_a_column_for_each_name() {
		let row = Row::of_letters(Source::Partial, 8, 7.0, &[1], 20.0);
		let table = csv(&[row.clone(), row]);
		let lines: Vec<&str> = table.lines().collect();
		assert_eq!((lines.len(), lines[0]), (3, HEAD));
		let columns = HEAD.split(',').count();
		assert!(lines.iter().all(|line| line.split(',').count() == columns), "{table}");
		assert!(lines[1].starts_with("partial,8,1,7.0,1.000,1,3.000,3,12.0,"), "{table}");
	}

	#[test]
	fn a_table_should_come_back() {
		let rows = [Source::Full, Source::Partial, Source::Measured]
			.map(|source| Row::of_letters(source, 8, 7.5, &[0, 1, 1, 0], 20.0));
		let table = format!("# of today\n{}", csv(&rows));
		assert_eq!(parse(&table).as_deref(), Ok(&rows[..]));
	}

	#[test]
	fn what_is_no_table_should_be_told() {
		let line = csv(&[Row::of_letters(Source::Full, 8, 7.0, &[1], 20.0)]).replace(HEAD, "");
		let line = line.trim();
		let parse = |lines: &str| parse(&format!("# of today\n{HEAD}\n{lines}\n"));
		assert!(parse(line).is_ok());
		assert_eq!(super::parse(line), Err(TableError::Head));
		assert_eq!(super::parse(""), Err(TableError::Head));
		let long = format!("{line}\n{line},1");
		assert_eq!(parse(&long), Err(TableError::Columns { line: 4, found: 13 }));
		assert_eq!(parse("full,8"), Err(TableError::Columns { line: 3, found: 2 }));
		for (right, wrong) in [("full,", "some,"), ("8,", "-8,"), ("7.0,", "seven,")] {
			let error = parse(&line.replacen(right, wrong, 1)).unwrap_err();
			let text = wrong.trim_end_matches(',').to_owned();
			assert_eq!(error, TableError::Entry { line: 3, text });
		}
	}
}
