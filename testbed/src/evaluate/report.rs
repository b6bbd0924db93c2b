//! What people read: the table and the plots in `docs/evaluation/README.md`, the few lines in the
//! project's README, and `summary.json`. All of it is made of the records.

use super::{
	error::Result,
	figures::{mean, percentile, Compared, Curve, Delays, Figures, Setting, Summary, HUNDRED},
	EvaluationError,
};
use std::{fmt::Write as _, fs, path::Path};

/// Between these lines of the project's README stand the results.
const BEGIN: &str = "<!-- results: written by `cargo xtask evaluate` -->";
const END: &str = "<!-- end of results -->";
/// Written by people: what bounds the figures. It is put under the table.
const NOTES: &str = "notes.md";
/// What the paper does not say.
const NOT_GIVEN: &str = "not given";

/// A line of the table.
struct Line {
	what: String,
	paper: String,
	measured: String,
	ratio: Option<f64>,
}

/// A figure that has a goal.
struct Goal {
	what: &'static str,
	paper: &'static str,
	measured: Option<f64>,
	/// Whether less is better, and up to where it is good.
	at_most: bool,
	limit: f64,
}

impl Goal {
	fn is_met(&self) -> Option<bool> {
		let measured = self.measured?;
		Some(if self.at_most { measured <= self.limit } else { measured >= self.limit })
	}
}

/// Writes the summary.
pub fn write_summary(folder: &Path, summary: &Summary) -> Result<()> {
	let path = folder.join("summary.json");
	let text = serde_json::to_string_pretty(summary).map_err(std::io::Error::from);
	let written = text.and_then(|text| fs::write(&path, text + "\n"));
	written.map_err(EvaluationError::file(&path))
}

/// Writes the page with table and plots.
pub fn write_page(
	folder: &Path,
	figures: &Figures,
	summary: &Summary,
	setting: &Setting,
	sessions: &[String],
) -> Result<()> {
	let notes = fs::read_to_string(folder.join(NOTES)).unwrap_or_default();
	let text = page(figures, summary, setting, sessions, &notes);
	let path = folder.join("README.md");
	fs::write(&path, text).map_err(EvaluationError::file(&path))
}

/// Writes the results into the project's README, between the lines that mark their place.
pub fn write_readme(path: &Path, summary: &Summary) -> Result<()> {
	let text = fs::read_to_string(path).map_err(EvaluationError::file(path))?;
	let text = with_results(&text, &results(summary)).ok_or_else(|| {
		EvaluationError::Unexpected(format!("{} has no lines {BEGIN} and {END}", path.display()))
	})?;
	fs::write(path, text).map_err(EvaluationError::file(path))
}

fn with_results(text: &str, results: &str) -> Option<String> {
	let (before, rest) = text.split_once(BEGIN)?;
	let (_, after) = rest.split_once(END)?;
	Some(format!("{before}{BEGIN}\n{results}{END}{after}"))
}

fn goals(summary: &Summary) -> [Goal; 7] {
	let goal =
		|what, paper, measured, at_most, limit| Goal { what, paper, measured, at_most, limit };
	let half_a_block = summary.block_time_s / 2.0;
	[
		goal("chain bytes per trade, SPB / baseline", "0.60", summary.bytes_ratio, true, 0.33),
		goal("delay as in the paper, SPB / baseline", "0.65", summary.delay_ratio, true, 0.40),
		goal("fee per trade, SPB / baseline", "0.33", summary.fee_ratio, true, 0.25),
		goal("time for 100 trades, SPB / baseline", "0.52", summary.time_100_ratio, true, 0.40),
		goal(
			"trades per second at saturation, SPB / baseline",
			NOT_GIVEN,
			summary.saturation_ratio,
			false,
			5.0,
		),
		goal(
			"database cost per block, 100,000 open / 1,000 open",
			NOT_GIVEN,
			summary.database_cost_ratio,
			true,
			2.0,
		),
		goal(
			"import of a block with 5,000 settlements, s",
			NOT_GIVEN,
			summary.import_5000_s,
			true,
			half_a_block,
		),
	]
}

/// The few lines for the project's README.
fn results(summary: &Summary) -> String {
	let mut text =
		String::from("| figure | paper | measured | goal |\n| --- | --- | --- | --- |\n");
	for goal in goals(summary) {
		let sign = if goal.at_most { "≤" } else { "≥" };
		let mark = match goal.is_met() {
			Some(true) => "met",
			Some(false) => "missed",
			None => "not measured",
		};
		// Writing into a string cannot fail.
		let _ = writeln!(
			text,
			"| {} | {} | {} | {sign} {}: {mark} |",
			goal.what,
			goal.paper,
			number(goal.measured),
			short(goal.limit),
		);
	}
	let rate = number(summary.saturation_trades_per_s);
	let bytes = number(summary.bytes_per_trade);
	let _ = writeln!(
		text,
		"\nSPB takes {bytes} bytes of the chain for a trade and settles {rate} trades a second at \
		 saturation, on {} validators on one machine ({}), {}, commit {}.",
		summary.validators, summary.machine, summary.date, summary.commit,
	);
	text
}

/// The page.
fn page(
	figures: &Figures,
	summary: &Summary,
	setting: &Setting,
	sessions: &[String],
	notes: &str,
) -> String {
	let mut text = format!(
		"# Evaluation\n\nWritten by `{}`; how it is measured is told in \
		 [../evaluation.md](../evaluation.md). Single trades are means over {} runs, on {} validators \
		 and one machine, {} s a block. The baseline ran on the same network in the same run.\n\n\
		 | figure | paper | measured | ratio |\n| --- | --- | --- | --- |\n",
		setting.provenance.command,
		setting.runs,
		setting.validators,
		short(setting.block_time_s),
	);
	for Line { what, paper, measured, ratio } in lines(figures, setting) {
		let _ = writeln!(text, "| {what} | {paper} | {measured} | {} |", number(ratio));
	}
	text.push_str("\n## Goals\n\n");
	text.push_str(&results(summary));
	if !notes.trim().is_empty() {
		let _ = write!(text, "\n{}\n", notes.trim());
	}
	text.push_str("\n## Plots\n\n");
	for (file, title) in super::plots::ALL {
		let _ = writeln!(text, "![{title}]({file})\n");
	}
	text.push_str(
		"## Where the figures come from\n\n[raw.csv](raw.csv), [summary.json](summary.json); ",
	);
	let _ = writeln!(text, "commit {}.\n", setting.provenance.commit);
	for session in sessions {
		let _ = writeln!(text, "* {session}");
	}
	text
}

fn lines(figures: &Figures, setting: &Setting) -> Vec<Line> {
	let mut lines = Vec::new();
	delays(figures, &mut lines);
	let fee =
		Compared { spb: figures.fee.spb.map(in_spb), baseline: figures.fee.baseline.map(in_spb) };
	lines.push(compared("fee of a trade, SPB coin", "20 / 60 Ether (0.33)", fee));
	let saturation = figures.bursts.last().map(|burst| burst.size);
	for burst in &figures.bursts {
		let paper = if burst.size == HUNDRED { "16.6 / 32 min (0.52)" } else { NOT_GIVEN };
		let what = format!("time for {} trades offered at once, s", burst.size);
		lines.push(compared(what, paper, burst.time));
		if Some(burst.size) == saturation {
			let what = format!("trades per second at saturation ({} offered at once)", burst.size);
			lines.push(compared(what, NOT_GIVEN, burst.rate));
		}
	}
	let size = &figures.size;
	lines.push(compared("bytes of the extrinsics of 100 trades", NOT_GIVEN, size.trades));
	let blocks = number(size.blocks);
	let what = format!("… with headers and bodies of {blocks} blocks for both");
	lines.push(compared(what, "520 / 860 KB (0.60)", size.with_blocks));
	let what = "… with set-up: energy account, offer, top-up, deposit";
	lines.push(compared(what, NOT_GIVEN, size.with_set_up));
	lines.push(plain(
		"evidence of 100 trades off the chain while it is kept, bytes",
		number(size.evidence),
	));
	scale(figures, setting, &mut lines);
	if let Some([paid, bytes, gas]) = figures.evm {
		lines.push(plain("baseline on an EVM node: delay, s", short(paid)));
		lines.push(plain("baseline on an EVM node: bytes of a trade", short(bytes)));
		lines.push(plain("baseline on an EVM node: gas of a trade", short(gas)));
	}
	lines
}

fn delays(figures: &Figures, lines: &mut Vec<Line>) {
	let three = |of: &dyn Fn(&Delays) -> Option<f64>| {
		let [spb, careful, baseline] = [&figures.spb, &figures.careful, &figures.baseline].map(of);
		(spb, careful, baseline)
	};
	let mut add = |what: &str, paper: &str, of: &dyn Fn(&Delays) -> Option<f64>| {
		let (spb, careful, baseline) = three(of);
		lines.push(Line {
			what: what.into(),
			paper: paper.into(),
			measured: format!(
				"SPB {}, careful {}, baseline {}",
				number(spb),
				number(careful),
				number(baseline)
			),
			ratio: Compared { spb, baseline }.ratio(),
		});
	};
	add("delay until paid, mean, s", "35 % less (0.65)", &|delays| mean(&delays.paid));
	for percent in [50, 95, 99] {
		let what = format!("delay until paid, p{percent}, s");
		add(&what, NOT_GIVEN, &|delays| percentile(&delays.paid, percent));
	}
	add("delay with the contract's set-up, mean, s", NOT_GIVEN, &|delays| mean(&delays.whole));
	for percent in [50, 95, 99] {
		let what = format!("delay until final, p{percent}, s");
		add(&what, NOT_GIVEN, &|delays| percentile(&delays.settled, percent));
	}
}

fn scale(figures: &Figures, setting: &Setting, lines: &mut Vec<Line>) {
	for (name, curve) in ["spread", "all in one expiry"].iter().zip(&figures.database) {
		let what = format!("database cost per block, open CTPs {name}, ms");
		lines.push(Line { ratio: growth(curve), ..plain(what, points(curve, 1_000.0)) });
	}
	let dropped = points(&figures.drop_all, 1_000.0);
	lines.push(plain("the block that drops all of one expiry at once, ms", dropped));
	let [build, import, _] = &figures.settling;
	let what = "building a block, by settlements in it, s";
	lines.push(plain(what, points(&medians(build), 1.0)));
	let what = "importing it, s";
	lines.push(plain(what, points(&medians(import), 1.0)));
	let full = figures.import_of(setting.full_block);
	let what = format!("importing a block with {} settlements, s", setting.full_block);
	lines.push(plain(what, number(full)));
	let [_, import, _] = &figures.adding;
	let what = "importing a block, by CTPs that it adds, s";
	lines.push(plain(what, points(&medians(import), 1.0)));
	let [memory, disk] = &figures.node;
	let mebibytes = 1.0 / f64::from(1 << 20);
	lines.push(plain("memory of a node, by open CTPs, MiB", points(memory, mebibytes)));
	lines.push(plain("disk of a node, by open CTPs, MiB", points(disk, mebibytes)));
	let [_, import, _] = &figures.open;
	let what = "importing a block of 100 CTPs, by open CTPs, s";
	lines.push(plain(what, points(import, 1.0)));
}

fn compared(what: impl Into<String>, paper: &str, compared: Compared) -> Line {
	let Compared { spb, baseline } = compared;
	let measured = format!("SPB {}, baseline {}", number(spb), number(baseline));
	Line { what: what.into(), paper: paper.into(), measured, ratio: compared.ratio() }
}

/// A line about SPB alone.
fn plain(what: impl Into<String>, measured: String) -> Line {
	Line { what: what.into(), paper: NOT_GIVEN.into(), measured, ratio: None }
}

/// The last point of a curve by the first one.
fn growth(curve: &Curve) -> Option<f64> {
	let (_, first) = curve.first()?;
	let (_, last) = curve.last()?;
	(curve.len() > 1 && *first > 0.0).then(|| last / first)
}

/// One point for each place of a curve: the median of what was measured there.
pub(super) fn medians(curve: &Curve) -> Curve {
	let mut medians = Curve::new();
	for chunk in curve.chunk_by(|(one, _), (other, _)| one == other) {
		let values: Vec<f64> = chunk.iter().map(|(_, value)| *value).collect();
		medians.extend(percentile(&values, 50).map(|median| (chunk[0].0, median)));
	}
	medians
}

fn points(curve: &Curve, unit: f64) -> String {
	let points: Vec<String> =
		curve.iter().map(|(x, y)| format!("{}: {}", short(*x), short(y * unit))).collect();
	if points.is_empty() {
		return number(None);
	}
	points.join("; ")
}

fn in_spb(units: f64) -> f64 {
	units / spb_primitives::units::SPB as f64
}

fn number(value: Option<f64>) -> String {
	value.map_or_else(|| "not measured".into(), short)
}

/// With three digits that count, and thousands apart.
fn short(value: f64) -> String {
	let size = value.abs();
	if size >= 1_000.0 {
		return grouped(value.round());
	}
	let decimals = match size {
		size if size >= 100.0 || size == 0.0 => 0,
		size if size >= 10.0 => 1,
		size if size >= 1.0 => 2,
		size if size >= 0.1 => 3,
		size if size >= 0.01 => 4,
		_ => 6,
	};
	let text = format!("{value:.decimals$}");
	if text.contains('.') {
		return text.trim_end_matches('0').trim_end_matches('.').to_owned();
	}
	text
}

fn grouped(whole: f64) -> String {
	let digits = format!("{:.0}", whole.abs());
	let mut text = String::new();
	for (place, digit) in digits.chars().enumerate() {
		if place > 0 && (digits.len() - place) % 3 == 0 {
			text.push(',');
		}
		text.push(digit);
	}
	if whole < 0.0 {
		text.insert(0, '-');
	}
	text
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::evaluate::provenance::Provenance;

	fn setting() -> Setting {
		let text = |text: &str| text.to_owned();
		let provenance = Provenance {
			date: text("d"),
			machine: text("m"),
			commit: text("x"),
			command: text("c"),
		};
		Setting { runs: 2, validators: 2, block_time_s: 3.0, full_block: 5_000, provenance }
	}

	#[test]
	fn numbers_should_have_the_digits_that_count() {
		for (value, text) in [
			(0.0, "0"),
			(0.000_7, "0.0007"),
			(0.254_6, "0.255"),
			(2.0, "2"),
			(2.345, "2.35"),
			(99.96, "100"),
			(123.4, "123"),
			(1_234.5, "1,235"),
			(100_000.0, "100,000"),
			(-1_234_567.0, "-1,234,567"),
		] {
			assert_eq!(short(value), text);
		}
		assert_eq!(number(None), "not measured");
	}

	#[test]
	fn a_page_without_figures_should_say_so() {
		let figures = Figures::default();
		let summary = Summary::of(&figures, &setting());
		let page = page(&figures, &summary, &setting(), &["session 1: d".into()], "A note.");
		assert!(page.contains("not measured") && page.contains("* session 1: d"));
		assert!(page.contains("A note."));
		// What the paper says stands there all the same.
		for paper in ["35 % less (0.65)", "20 / 60 Ether (0.33)", "520 / 860 KB (0.60)"] {
			assert!(page.contains(paper), "{paper}");
		}
	}

	#[test]
	fn goals_should_be_met_on_the_right_side() {
		let figures = Figures::default();
		let summary = Summary {
			bytes_ratio: Some(0.3),
			saturation_ratio: Some(4.0),
			import_5000_s: Some(1.5),
			..Summary::of(&figures, &setting())
		};
		let met: Vec<_> = goals(&summary).iter().map(Goal::is_met).collect();
		assert_eq!(met, [Some(true), None, None, None, Some(false), None, Some(true)]);
		let text = results(&summary);
		assert!(text.contains("≥ 5: missed") && text.contains("≤ 0.33: met"), "{text}");
	}

	#[test]
	fn results_should_go_between_their_lines_and_nowhere_else() {
		let text = format!("a\n{BEGIN}\nold\n{END}\nb\n");
		let written = with_results(&text, "new\n").unwrap();
		assert_eq!(written, format!("a\n{BEGIN}\nnew\n{END}\nb\n"));
		assert_eq!(with_results(&written, "new\n").as_ref(), Some(&written));
		assert_eq!(with_results("a\n", "new\n"), None);
	}

	#[test]
	fn a_curve_should_have_one_median_for_each_place() {
		let curve = vec![(1.0, 3.0), (1.0, 1.0), (1.0, 2.0), (5.0, 4.0)];
		assert_eq!(medians(&curve), [(1.0, 2.0), (5.0, 4.0)]);
		assert_eq!(growth(&medians(&curve)), Some(2.0));
		assert_eq!(points(&medians(&curve), 10.0), "1: 20; 5: 40");
	}
}
