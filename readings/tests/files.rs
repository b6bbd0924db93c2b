//! Files as they are: the readings that come with the repository, and files that cannot be used.

use spb_readings::{parse_file, FileErrorKind, Kind, Reading};
use std::{
	error::Error,
	fs,
	path::{Path, PathBuf},
};

fn week() -> PathBuf {
	Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/week_june.csv")
}

/// A file in the folder that cargo gives to integration tests.
fn file(name: &str, content: &[u8]) -> PathBuf {
	let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
	fs::write(&path, content).unwrap();
	path
}

#[test]
fn the_week_in_june_should_be_read_whole() {
	let readings = parse_file(week()).unwrap();
	assert_eq!(readings.intervals.len(), 7 * 96);
	assert!(readings.intervals.iter().all(|interval| interval.readings.len() == 12));
	assert_eq!(readings.intervals[0].start.to_string(), "2016-06-06T00:00:00");
	assert_eq!(readings.intervals[671].start.to_string(), "2016-06-12T23:45:00");
	assert_eq!(
		readings.intervals[0].readings[0],
		Reading { meter: "home-01".into(), import_wh: 69, export_wh: 0 }
	);
	assert_eq!(readings.meters().len(), 12);
	assert_eq!(
		readings.exporters(),
		["home-01", "home-02", "home-03", "home-04", "home-05", "home-06"]
	);
}

#[test]
fn the_sunny_stretch_of_the_week_should_be_by_day() {
	let readings = parse_file(week()).unwrap();
	let stretch = readings.sunny_stretch(24);
	assert_eq!(stretch, readings.sunny_stretch(24));
	assert_eq!(stretch.len(), 24);
	let (from, until) =
		(readings.intervals[stretch.start].start, readings.intervals[stretch.end - 1].start);
	let (from, until) = (from.to_string(), until.to_string());
	assert_eq!(from[..10], until[..10]);
	assert!((6..20).contains(&from[11..13].parse::<u32>().unwrap()), "{from}");
	assert!((6..20).contains(&until[11..13].parse::<u32>().unwrap()), "{until}");
}

#[test]
fn a_malformed_file_should_be_named_with_line_and_column() {
	let content = "interval_start,meter,import_wh,export_wh\n2016-06-06T12:00:00,home-01,1.5,0\n";
	let path = file("malformed.csv", content.as_bytes());
	let error = parse_file(&path).unwrap_err();
	assert!(matches!(
		&error.kind,
		FileErrorKind::Malformed(error) if error.kind == Kind::NotWhole
	));
	assert_eq!(
		error.to_string(),
		format!("{}:2:29: not a whole number: write watt-hours as digits only", path.display())
	);
	assert!(error.source().is_some());
}

#[test]
fn a_file_in_another_encoding_should_be_refused() {
	let error = parse_file(file("latin1.csv", b"interval_start,meter\xe4")).unwrap_err();
	assert!(error.to_string().ends_with("latin1.csv:1:16: not UTF-8 text: save the file as UTF-8"));
}

#[test]
fn a_file_that_cannot_be_read_should_be_named() {
	for path in ["no-such-file.csv", env!("CARGO_TARGET_TMPDIR")] {
		let error = parse_file(path).unwrap_err();
		assert!(matches!(error.kind, FileErrorKind::Unreadable(_)));
		assert!(error.to_string().starts_with(&format!("{path}: cannot be read (")));
	}
}

#[test]
fn an_endless_file_should_be_refused() {
	let error = parse_file("/dev/zero").unwrap_err();
	assert!(matches!(error.kind, FileErrorKind::TooLarge));
	assert_eq!(error.to_string(), "/dev/zero: larger than 256 MiB: split it into shorter periods");
}
