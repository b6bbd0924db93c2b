//! One test for each thing that can be wrong, with the exact line and column.

use super::*;
use crate::timestamp::TimestampError;

const GOOD: &str = "2016-06-06T12:00:00,home-01,69,0";

fn with_header(lines: &[&str]) -> String {
	format!("{HEADER}\n{}\n", lines.join("\n"))
}

#[track_caller]
fn refused(text: &str, line: usize, column: usize, kind: Kind) {
	assert_eq!(parse(text), Err(ReadingsError { line, column, kind }), "{text:?}");
}

#[test]
fn readings_should_keep_the_order_of_the_file() {
	let readings = parse(&with_header(&[
		"2016-06-06T12:00:00,b,1,0",
		"2016-06-06T12:00:00,a,0,4294967295",
		"2016-06-06T12:15:00,a,007,2",
	]))
	.unwrap();
	let reading =
		|meter: &str, import_wh, export_wh| Reading { meter: meter.into(), import_wh, export_wh };
	assert_eq!(
		readings.intervals,
		[
			Interval {
				start: "2016-06-06T12:00:00".parse().unwrap(),
				readings: vec![reading("b", 1, 0), reading("a", 0, u32::MAX)],
			},
			Interval {
				start: "2016-06-06T12:15:00".parse().unwrap(),
				readings: vec![reading("a", 7, 2)],
			},
		]
	);
}

#[test]
fn line_ends_should_not_matter() {
	let expected = parse(&with_header(&[GOOD])).unwrap();
	assert_eq!(parse(&format!("{HEADER}\n{GOOD}")), Ok(expected.clone()));
	assert_eq!(parse(&format!("{HEADER}\r\n{GOOD}")), Ok(expected.clone()));
	assert_eq!(parse(&format!("{HEADER}\r\n{GOOD}\r\n")), Ok(expected.clone()));
	assert_eq!(parse(&format!("{HEADER}\n{GOOD}\r\n")), Ok(expected));
}

#[test]
fn gaps_and_missing_meters_should_be_accepted() {
	let readings = parse(&with_header(&[
		"2016-06-06T12:00:00,a,1,0",
		"2016-06-06T12:00:00,b,1,0",
		"2016-06-08T00:00:00,b,1,0",
	]))
	.unwrap();
	assert_eq!(readings.intervals.len(), 2);
}

#[test]
fn a_file_without_an_exporter_should_be_accepted() {
	let readings = parse(&with_header(&[GOOD])).unwrap();
	assert!(readings.exporters().is_empty());
	assert_eq!(readings.sunny_stretch(4), 0..1);
}

#[test]
fn an_empty_file_should_be_refused() {
	refused("", 1, 1, Kind::Empty);
}

#[test]
fn a_header_alone_should_be_refused() {
	refused(HEADER, 2, 1, Kind::NoReadings);
	refused(&format!("{HEADER}\n"), 2, 1, Kind::NoReadings);
	refused(&format!("{HEADER}\r\n"), 2, 1, Kind::NoReadings);
}

#[test]
fn a_wrong_header_should_be_refused_at_its_first_wrong_field() {
	refused("\n", 1, 1, Kind::Header);
	refused(&format!("{GOOD}\n"), 1, 1, Kind::Header);
	refused("Interval_start,meter,import_wh,export_wh\n", 1, 1, Kind::Header);
	refused("interval_start,METER,import_wh,export_wh\n", 1, 16, Kind::Header);
	refused("interval_start,meter,import,export_wh\n", 1, 22, Kind::Header);
	refused("interval_start,meter,import_wh,export_wh \n", 1, 32, Kind::Header);
	refused("interval_start,meter,import_wh\n", 1, 31, Kind::Header);
	refused("interval_start,meter,import_wh,export_wh,note\n", 1, 42, Kind::Header);
	refused("interval_start;meter;import_wh;export_wh\n", 1, 1, Kind::Header);
}

#[test]
fn a_byte_order_mark_should_be_named() {
	refused(&format!("\u{feff}{}", with_header(&[GOOD])), 1, 1, Kind::ByteOrderMark);
}

#[test]
fn a_wrong_number_of_fields_should_be_refused() {
	let found = |found| Kind::FieldCount { found };
	refused(&with_header(&["2016-06-06T12:00:00,home-01,69"]), 2, 31, found(3));
	refused(&with_header(&["2016-06-06T12:00:00,home-01,69,0,x"]), 2, 34, found(5));
	refused(&with_header(&["2016-06-06T12:00:00,home-01,69,0,,"]), 2, 34, found(6));
	refused(&with_header(&[GOOD, "2016-06-06T12:15:00;home-01;69;0"]), 3, 33, found(1));
}

#[test]
fn blank_lines_should_be_refused() {
	let blank = Kind::FieldCount { found: 1 };
	refused(&with_header(&["", GOOD]), 2, 1, blank.clone());
	refused(&with_header(&[GOOD, ""]), 3, 1, blank.clone());
	refused(&format!("{HEADER}\r\n{GOOD}\r\n\r\n"), 3, 1, blank);
}

#[test]
fn what_is_no_time_should_be_refused() {
	let shape = Kind::Timestamp(TimestampError::Shape);
	refused(&with_header(&[",home-01,69,0"]), 2, 1, shape.clone());
	refused(&with_header(&["2016-06-06 12:00:00,home-01,69,0"]), 2, 1, shape.clone());
	refused(&with_header(&[GOOD, "noon,home-01,69,0"]), 3, 1, shape);
}

#[test]
fn impossible_dates_and_times_should_be_refused() {
	let impossible = Kind::Timestamp(TimestampError::NoSuchTime);
	refused(&with_header(&["2016-02-30T12:00:00,home-01,69,0"]), 2, 1, impossible.clone());
	refused(&with_header(&[GOOD, "2016-06-06T25:00:00,home-01,69,0"]), 3, 1, impossible);
}

#[test]
fn times_off_the_quarter_hour_should_be_refused() {
	let off = |time: &str| Kind::Timestamp(TimestampError::NotQuarterHour { time: time.into() });
	refused(&with_header(&["2016-06-06T12:05:00,home-01,69,0"]), 2, 1, off("12:05:00"));
	refused(&with_header(&[GOOD, "2016-06-06T12:15:01,home-01,69,0"]), 3, 1, off("12:15:01"));
}

#[test]
fn intervals_out_of_order_should_be_refused() {
	let lines = [GOOD, "2016-06-06T12:15:00,home-01,69,0", "2016-06-06T12:00:00,home-02,69,0"];
	refused(&with_header(&lines), 4, 1, Kind::OutOfOrder);
	refused(&with_header(&[GOOD, "2015-06-06T12:00:00,home-01,69,0"]), 3, 1, Kind::OutOfOrder);
}

#[test]
fn an_empty_meter_name_should_be_refused() {
	refused(&with_header(&["2016-06-06T12:00:00,,69,0"]), 2, 21, Kind::EmptyMeter);
}

#[test]
fn meter_names_that_only_look_alike_should_be_refused() {
	for name in [" home-01", "home-01 ", " ", "\"home-01\"", "home\t01", "home\u{1b}[2J"] {
		let line = format!("2016-06-06T12:00:00,{name},69,0");
		refused(&with_header(&[&line]), 2, 21, Kind::MeterName);
	}
	// A lone carriage return ends no line.
	refused(&with_header(&["2016-06-06T12:00:00,home\r01,69,0"]), 2, 21, Kind::MeterName);
}

#[test]
fn a_meter_twice_in_an_interval_should_be_refused() {
	let twice = Kind::MeterTwice { meter: "home-01".into() };
	refused(&with_header(&[GOOD, "2016-06-06T12:00:00,home-02,1,0", GOOD]), 4, 21, twice);
}

#[test]
fn what_is_no_whole_number_should_be_refused() {
	for number in
		["", " ", "1.5", "1e3", "+1", "0x10", " 1", "1 ", "-", "-1.5", "--1", "1_000", "٣"]
	{
		let import = format!("2016-06-06T12:00:00,home-01,{number},0");
		refused(&with_header(&[&import]), 2, 29, Kind::NotWhole);
		let export = format!("2016-06-06T12:00:00,home-01,69,{number}");
		refused(&with_header(&[&export]), 2, 32, Kind::NotWhole);
	}
}

#[test]
fn negative_energy_should_be_refused() {
	refused(&with_header(&["2016-06-06T12:00:00,home-01,-69,0"]), 2, 29, Kind::Negative);
	refused(&with_header(&["2016-06-06T12:00:00,home-01,69,-0"]), 2, 32, Kind::Negative);
}

#[test]
fn energy_above_u32_should_be_refused() {
	refused(&with_header(&["2016-06-06T12:00:00,home-01,4294967296,0"]), 2, 29, Kind::TooLarge);
	let huge = format!("2016-06-06T12:00:00,home-01,69,{}", "9".repeat(400));
	refused(&with_header(&[&huge]), 2, 32, Kind::TooLarge);
}

#[test]
fn columns_should_count_characters_and_not_bytes() {
	refused(&with_header(&["2016-06-06T12:00:00,häuschen-№1,x,0"]), 2, 33, Kind::NotWhole);
}

#[test]
fn the_first_mistake_of_a_line_should_be_reported() {
	refused(&with_header(&["2016-06-06T12:00:00,,x,-1"]), 2, 21, Kind::EmptyMeter);
	refused(&with_header(&["2016-06-06T12:00:00,a,x,-1"]), 2, 23, Kind::NotWhole);
}

#[test]
fn bytes_that_are_not_utf8_should_be_refused_where_their_field_begins() {
	let latin1 = |head: &str| [head.as_bytes(), b"h\xe4us,1,0\n"].concat();
	let refused = |bytes: &[u8], line, column, kind| {
		assert_eq!(parse_bytes(bytes), Err(ReadingsError { line, column, kind }));
	};
	let head = format!("{}2016-06-06T12:15:00,", with_header(&[GOOD]));
	refused(&latin1(&head), 3, 21, Kind::NotUtf8);
	refused(&latin1(&format!("{HEADER}\n2016-06-06T12:15:00,")), 2, 21, Kind::NotUtf8);
	refused(&latin1(""), 1, 1, Kind::NotUtf8);
	refused(b"interval_start,\xff\n", 1, 16, Kind::NotUtf8);
	// Another mistake above it comes first.
	let head = format!("{}2016-06-06T12:15:00,", with_header(&["2016-06-06T12:00:00,home-01,x,0"]));
	refused(&latin1(&head), 2, 29, Kind::NotWhole);
}

#[test]
fn no_input_should_panic() {
	// Every prefix and every single replaced character of a file with all kinds of content.
	let text = with_header(&[GOOD, "2016-06-06T12:15:00,ä,0,4294967295"]).replace('\n', "\r\n");
	for (at, c) in text.char_indices() {
		let _ = parse(&text[..at]);
		for other in ["", "\n", ",", "-", "9", "\0", "\u{feff}", "😀"] {
			let _ = parse(&format!("{}{other}{}", &text[..at], &text[at + c.len_utf8()..]));
		}
	}
	for at in 0..text.len() {
		let mut bytes = text.clone().into_bytes();
		bytes[at] = 0xff;
		assert!(parse_bytes(&bytes).is_err());
	}
}

#[test]
fn every_message_should_say_where_and_what_to_do() {
	let message = |text: &str| parse(text).unwrap_err().to_string();
	assert_eq!(
		message(&with_header(&["2016-06-06T12:00:00,home-01,1.5,0"])),
		"2:29: not a whole number: write watt-hours as digits only"
	);
	assert_eq!(
		message(&with_header(&["2016-06-06T12:00:00,home-01,69"])),
		"2:31: 3 field(s) instead of 4: every line is interval_start,meter,import_wh,export_wh, \
		 without quotes or blank lines"
	);
	assert_eq!(
		message(&with_header(&[GOOD, GOOD])),
		"3:21: home-01 has a reading in this interval already: keep one line per meter and interval"
	);
}
