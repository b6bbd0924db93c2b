//! The beginning of a quarter-hour, in local time.

use std::{error::Error, fmt, str::FromStr};

/// The beginning of a quarter-hour in local time, as the readings write it.
///
/// Without a time zone there is no arithmetic, only order: the field order below is the order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
	year: u16,
	month: u8,
	day: u8,
	hour: u8,
	minute: u8,
}

/// Why a text is not the beginning of a quarter-hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimestampError {
	/// The text has another shape than `YYYY-MM-DDTHH:MM:SS`.
	Shape,
	/// The shape is right, but the calendar or the clock has no such moment.
	NoSuchTime,
	/// The moment exists but begins no quarter-hour.
	NotQuarterHour {
		/// The time of day that was given.
		time: String,
	},
}

impl fmt::Display for TimestampError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Shape => {
				write!(
					f,
					"not a time: write it as YYYY-MM-DDTHH:MM:SS, for example 2016-06-06T12:15:00"
				)
			},
			Self::NoSuchTime => {
				write!(
					f,
					"no such date or time: check month, day, hour and minute against the calendar"
				)
			},
			Self::NotQuarterHour { time } => write!(
				f,
				"{time} does not begin a quarter-hour: use minutes 00, 15, 30 or 45 and seconds 00"
			),
		}
	}
}

impl Error for TimestampError {}

impl fmt::Display for Timestamp {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let Self { year, month, day, hour, minute } = self;
		write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:00")
	}
}

impl FromStr for Timestamp {
	type Err = TimestampError;

	fn from_str(text: &str) -> Result<Self, Self::Err> {
		const PATTERN: &[u8] = b"0000-00-00T00:00:00";
		let bytes = text.as_bytes();
		let fits = bytes.len() == PATTERN.len()
			&& bytes.iter().zip(PATTERN).all(|(byte, pattern)| match pattern {
				b'0' => byte.is_ascii_digit(),
				literal => byte == literal,
			});
		if !fits {
			return Err(TimestampError::Shape);
		}

		let two_digits = |at: usize| (bytes[at] - b'0') * 10 + (bytes[at + 1] - b'0');
		let year = u16::from(two_digits(0)) * 100 + u16::from(two_digits(2));
		let (month, day) = (two_digits(5), two_digits(8));
		let (hour, minute, second) = (two_digits(11), two_digits(14), two_digits(17));
		let exists = (1..=12).contains(&month)
			&& (1..=days_of_month(year, month)).contains(&day)
			&& hour < 24
			&& minute < 60
			&& second < 60;
		if !exists {
			return Err(TimestampError::NoSuchTime);
		}
		if !minute.is_multiple_of(15) || second != 0 {
			return Err(TimestampError::NotQuarterHour { time: text[11..].to_owned() });
		}
		Ok(Self { year, month, day, hour, minute })
	}
}

/// The length of a month from 1 to 12 in the Gregorian calendar.
fn days_of_month(year: u16, month: u8) -> u8 {
	let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
	match month {
		4 | 6 | 9 | 11 => 30,
		2 if leap => 29,
		2 => 28,
		_ => 31,
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_timestamp_should_print_as_it_was_read() {
		for text in ["2016-06-06T00:00:00", "2016-12-31T23:45:00", "0999-01-01T09:30:00"] {
			assert_eq!(text.parse::<Timestamp>().map(|time| time.to_string()), Ok(text.to_owned()));
		}
	}

	#[test]
	fn timestamps_should_be_ordered_by_time() {
		let ordered = [
			"2015-12-31T23:45:00",
			"2016-01-01T00:00:00",
			"2016-01-31T12:00:00",
			"2016-02-01T00:00:00",
			"2016-02-01T00:15:00",
			"2016-02-01T01:00:00",
		];
		let times: Vec<Timestamp> = ordered.iter().map(|text| text.parse().unwrap()).collect();
		assert!(times.windows(2).all(|pair| pair[0] < pair[1]));
	}

	#[test]
	fn leap_days_should_follow_the_gregorian_calendar() {
		for (text, exists) in [
			("2016-02-29T00:00:00", true),
			("2015-02-29T00:00:00", false),
			("2000-02-29T00:00:00", true),
			("1900-02-29T00:00:00", false),
		] {
			assert_eq!(text.parse::<Timestamp>().is_ok(), exists, "{text}");
		}
	}

	#[test]
	fn impossible_moments_should_be_refused() {
		for text in [
			"2016-02-30T00:00:00",
			"2016-04-31T00:00:00",
			"2016-00-10T00:00:00",
			"2016-13-10T00:00:00",
			"2016-06-00T00:00:00",
			"2016-06-06T24:00:00",
			"2016-06-06T25:00:00",
			"2016-06-06T12:60:00",
			"2016-06-06T12:00:60",
		] {
			assert_eq!(text.parse::<Timestamp>(), Err(TimestampError::NoSuchTime), "{text}");
		}
	}

	#[test]
	fn other_shapes_should_be_refused() {
		for text in [
			"",
			"2016-06-06",
			"2016-06-06 12:00:00",
			"2016-06-06T12:00",
			"2016-06-06T12:00:00Z",
			"2016-06-06T12:00:00+02:00",
			"2016-6-6T12:00:00",
			" 2016-06-06T12:00:00",
			"06.06.2016 12:00:00",
			"2016-06-06T12:0x:00",
			"2016-06-06T12:00:\u{661}",
		] {
			assert_eq!(text.parse::<Timestamp>(), Err(TimestampError::Shape), "{text}");
		}
	}

	#[test]
	fn only_quarter_hours_should_be_accepted() {
		for time in ["12:01:00", "12:14:00", "12:59:00", "12:00:01", "12:15:30"] {
			assert_eq!(
				format!("2016-06-06T{time}").parse::<Timestamp>(),
				Err(TimestampError::NotQuarterHour { time: time.to_owned() })
			);
		}
	}
}
