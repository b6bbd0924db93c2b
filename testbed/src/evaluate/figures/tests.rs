use super::*;
use crate::evaluate::{provenance::Provenance, records::Point};

fn provenance() -> Provenance {
	Provenance { date: "d".into(), machine: "m".into(), commit: "x".into(), ..Default::default() }
}

fn setting() -> Setting {
	let provenance = provenance();
	Setting {
		runs: 2,
		validators: 2,
		block_time_s: 3.0,
		full_block: 5_000,
		retention: 4_820,
		quick: false,
		missing: Vec::new(),
		provenance,
	}
}

/// Records with these figures: part, way, size, run, measure, value.
fn records(rows: &[(&str, &str, u64, u32, &str, f64)]) -> (tempfile::TempDir, Records) {
	let folder = tempfile::tempdir().unwrap();
	let path = folder.path().join("raw.csv");
	let mut records = Records::open(&path, "", &provenance(), false).unwrap();
	for (part, way, size, run, measure, value) in rows.iter().copied() {
		records.note(Point { part, way, size, run }, &[(measure, value)]).unwrap();
	}
	(folder, records)
}

#[test]
fn percentiles_should_be_values_that_occurred() {
	let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
	assert_eq!(
		[50, 95, 99, 100].map(|p| percentile(&values, p)),
		[50.0, 95.0, 99.0, 100.0].map(Some)
	);
	assert_eq!(percentile(&[7.0], 50), Some(7.0));
	assert_eq!(percentile(&[], 50), None);
	assert_eq!((mean(&[1.0, 2.0]), mean(&[])), (Some(1.5), None));
}

#[test]
fn what_was_not_measured_should_be_null() {
	let (_folder, records) = records(&[]);
	let figures = Figures::of(&records);
	assert_eq!(figures, Figures { size: figures.size, ..Figures::default() });
	let summary = serde_json::to_value(Summary::of(&figures, &setting())).unwrap();
	for key in [
		"bytes_ratio",
		"delay_ratio",
		"fee_ratio",
		"time_100_ratio",
		"saturation_ratio",
		"saturation_trades_per_s",
		"database_cost_ratio",
		"import_5000_s",
		"bytes_per_trade",
	] {
		assert_eq!(summary.get(key), Some(&serde_json::Value::Null), "{key}");
	}
	for key in ["machine", "date", "commit", "command"] {
		assert!(summary[key].is_string(), "{key}");
	}
}

#[test]
fn ratios_should_be_of_means_over_all_runs() {
	let (_folder, records) = records(&[
		("delay", SPB, 1, 0, "paid_s", 1.0),
		("delay", SPB, 1, 1, "paid_s", 3.0),
		("delay", BASELINE, 1, 0, "paid_s", 7.0),
		("delay", BASELINE, 1, 1, "paid_s", 9.0),
		// Counted from the contract's set-up: a row of its own.
		("delay", WHOLE_BASELINE, 1, 0, "paid_s", 80.0),
		("delay", SPB, 1, 0, "fee_units", 10.0),
		("delay", BASELINE, 1, 0, "fee_units", 40.0),
		("burst", SPB, 100, 0, "paid_s", 4.0),
		("burst", BASELINE, 100, 0, "paid_s", 10.0),
		("burst", SPB, 5_000, 0, "trades_per_s", 300.0),
		("burst", BASELINE, 5_000, 0, "trades_per_s", 50.0),
	]);
	let summary = Summary::of(&Figures::of(&records), &setting());
	assert_eq!((summary.delay_ratio, summary.fee_ratio), (Some(0.25), Some(0.25)));
	assert_eq!((summary.time_100_ratio, summary.saturation_ratio), (Some(0.4), Some(6.0)));
	assert_eq!(summary.saturation_trades_per_s, Some(300.0));
	assert_eq!(summary.saturation_trades, Some(5_000));
	let figures = Figures::of(&records);
	assert_eq!(figures.whole_baseline.paid, [80.0]);
	assert_eq!(figures.plateau(), [vec![(5_000.0, 300.0)], vec![(5_000.0, 50.0)]]);
	let quick = Summary::of(&figures, &Setting { quick: true, ..setting() });
	assert_eq!((quick.saturation_ratio, quick.saturation_trades_per_s), (None, None));
	assert_eq!((quick.saturation_trades, quick.delay_ratio), (None, Some(0.25)));
}

#[test]
fn chain_size_should_be_compared_over_as_many_blocks() {
	let rows = |way: &'static str, trades, blocks| {
		[
			("burst", way, 100, 0, "trade_bytes", trades),
			("burst", way, 100, 0, "blocks", blocks),
			("burst", way, 100, 0, "header_bytes", 300.0),
			("burst", way, 100, 0, "empty_body_bytes", 100.0),
		]
	};
	let set_up = ["open_bytes", "offer_bytes", "top_up_bytes", "deposit_bytes"]
		.map(|measure| (SET_UP, SPB, 0, 0, measure, 100.0));
	let all = [&rows(SPB, 12_000.0, 1.0)[..], &rows(BASELINE, 48_000.0, 3.0), &set_up].concat();
	let (_folder, records) = records(&all);
	let size = Figures::of(&records).size;
	assert_eq!((size.trades.ratio(), size.blocks), (Some(0.25), Some(3.0)));
	let with_blocks = Compared { spb: Some(13_200.0), baseline: Some(49_200.0) };
	assert_eq!(size.with_blocks, with_blocks);
	assert_eq!(size.with_set_up, Compared { spb: Some(13_600.0), ..with_blocks });
	let summary = Summary::of(&Figures::of(&records), &setting());
	assert_eq!(summary.bytes_per_trade, Some(120.0));
}

#[test]
fn the_worse_layout_should_count_for_the_database() {
	let rows = |way: &'static str, few, many| {
		[
			("database", way, 1_000, 0, "block_s", few),
			("database", way, 100_000, 0, "block_s", many),
		]
	};
	let (_folder, one) = records(&rows("spread", 1.0, 1.5));
	assert_eq!(Figures::of(&one).database_ratio(), None);
	let all = [rows("spread", 1.0, 1.5), rows("one-expiry", 1.0, 1.25)].concat();
	// The median of repetitions counts.
	let more = [(1, 1.0), (2, 9.0)]
		.map(|(run, seconds)| ("database", "spread", 100_000, run, "block_s", seconds));
	let all = [all, more.to_vec()].concat();
	let (_folder, both) = records(&all);
	assert_eq!(Figures::of(&both).database_ratio(), Some(1.5));
}

#[test]
fn a_curve_should_have_one_median_for_each_place() {
	let curve = vec![(1.0, 3.0), (1.0, 1.0), (1.0, 2.0), (5.0, 4.0)];
	assert_eq!(medians(&curve), [(1.0, 2.0), (5.0, 4.0)]);
}

#[test]
fn only_full_blocks_should_tell_what_a_full_block_takes() {
	let (_folder, records) = records(&[
		("settle", "spb", 5_000, 0, "messages", 5_000.0),
		("settle", "spb", 5_000, 0, "import_s", 1.25),
		("settle", "spb", 5_000, 1, "messages", 4_000.0),
		("settle", "spb", 5_000, 1, "import_s", 1.0),
		("settle", "spb", 5_000, 2, "messages", 5_000.0),
	]);
	let figures = Figures::of(&records);
	assert_eq!(figures.settling[1], [(4_000.0, 1.0), (5_000.0, 1.25)]);
	assert_eq!(figures.import_of(5_000), Some(1.25));
	assert_eq!(figures.import_of(3_000), None);
}
