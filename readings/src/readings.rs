//! Readings that have passed the checks, and what a replay asks of them.

use crate::timestamp::Timestamp;
use std::{collections::BTreeSet, ops::Range};

/// The readings of a file: at least one interval, each with at least one reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readings {
	/// The quarter-hours in order of time. There may be gaps.
	pub intervals: Vec<Interval>,
}

/// One quarter-hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interval {
	/// When it begins, in local time.
	pub start: Timestamp,
	/// The meters' readings, in the order of the file, each meter at most once.
	pub readings: Vec<Reading>,
}

/// What one meter counted in one quarter-hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
	/// The connection point.
	pub meter: String,
	/// Energy drawn from the grid, in Wh.
	pub import_wh: u32,
	/// Energy fed into the grid, in Wh.
	pub export_wh: u32,
}

impl Readings {
	/// All meters by name.
	pub fn meters(&self) -> Vec<&str> {
		self.names(|_| true)
	}

	/// The meters that feed energy into the grid in any of the intervals, by name.
	pub fn exporters(&self) -> Vec<&str> {
		self.names(|reading| reading.export_wh > 0)
	}

	/// The `length` intervals in a row with the most energy that the exporters could sell to the
	/// others: the sum over the intervals of the lesser of all export and the import of the meters
	/// that are not among [`exporters`](Self::exporters).
	///
	/// Of equal stretches the earliest; all intervals where there are fewer than `length`. The
	/// result indexes [`intervals`](Self::intervals).
	pub fn sunny_stretch(&self, length: usize) -> Range<usize> {
		let length = length.min(self.intervals.len());
		let exporters: BTreeSet<&str> = self.exporters().into_iter().collect();
		let tradable: Vec<u64> = self
			.intervals
			.iter()
			.map(|interval| {
				let export: u64 = interval.readings.iter().map(|r| u64::from(r.export_wh)).sum();
				let import: u64 = interval
					.readings
					.iter()
					.filter(|reading| !exporters.contains(reading.meter.as_str()))
					.map(|reading| u64::from(reading.import_wh))
					.sum();
				export.min(import)
			})
			.collect();

		let mut energy: u64 = tradable[..length].iter().sum();
		let (mut best, mut best_energy) = (0, energy);
		for start in 1..=tradable.len() - length {
			energy = energy + tradable[start + length - 1] - tradable[start - 1];
			if energy > best_energy {
				(best, best_energy) = (start, energy);
			}
		}
		best..best + length
	}

	fn names(&self, wanted: impl Fn(&Reading) -> bool) -> Vec<&str> {
		let names: BTreeSet<&str> = self
			.intervals
			.iter()
			.flat_map(|interval| &interval.readings)
			.filter(|reading| wanted(reading))
			.map(|reading| reading.meter.as_str())
			.collect();
		names.into_iter().collect()
	}
}

#[cfg(test)]
mod tests {
	use crate::{parse, Readings, HEADER};

	/// Readings of a seller and a buyer, one quarter-hour each: (import of the buyer, export).
	fn community(energy: &[(u32, u32)]) -> Readings {
		let mut text = format!("{HEADER}\n");
		for (index, (import, export)) in energy.iter().enumerate() {
			let time = format!("2016-06-06T{:02}:{:02}:00", index / 4, index % 4 * 15);
			text += &format!("{time},seller,900,{export}\n{time},buyer,{import},0\n");
		}
		parse(&text).unwrap()
	}

	#[test]
	fn meters_should_be_sorted_and_unique() {
		let readings = parse(&format!(
			"{HEADER}\n2016-06-06T00:00:00,b,1,0\n2016-06-06T00:00:00,a,1,0\n\
			 2016-06-06T00:15:00,c,0,1\n2016-06-06T00:15:00,b,0,5\n"
		))
		.unwrap();
		assert_eq!(readings.meters(), ["a", "b", "c"]);
		assert_eq!(readings.exporters(), ["b", "c"]);
	}

	#[test]
	fn sunny_stretch_should_maximise_what_can_be_both_sold_and_bought() {
		// Much sun without buyers, much demand without sun, then both.
		let readings = community(&[(1, 9_000), (9_000, 1), (50, 40), (40, 60), (1, 1)]);
		assert_eq!(readings.sunny_stretch(2), 2..4);
		assert_eq!(readings.sunny_stretch(1), 2..3);
	}

	#[test]
	fn sunny_stretch_should_be_the_earliest_of_equals() {
		let readings = community(&[(0, 0), (5, 5), (5, 5), (5, 5)]);
		assert_eq!(readings.sunny_stretch(2), 1..3);
		assert_eq!(community(&[(5, 0), (5, 0)]).sunny_stretch(1), 0..1);
	}

	#[test]
	fn sunny_stretch_should_take_everything_where_there_is_less_than_asked_for() {
		let readings = community(&[(1, 1), (2, 2)]);
		assert_eq!(readings.sunny_stretch(2), 0..2);
		assert_eq!(readings.sunny_stretch(usize::MAX), 0..2);
		assert_eq!(readings.sunny_stretch(0), 0..0);
	}

	#[test]
	fn sunny_stretch_should_not_count_what_exporters_draw_as_demand() {
		// The seller draws 900 Wh in every quarter-hour, which nobody can sell to it.
		let readings = community(&[(0, 100), (3, 3)]);
		assert_eq!(readings.sunny_stretch(1), 1..2);
	}

	#[test]
	fn sunny_stretch_should_not_overflow() {
		let readings = community(&[(u32::MAX, u32::MAX); 3]);
		assert_eq!(readings.sunny_stretch(3), 0..3);
	}
}
