//! The table of the page: what was measured beside what the paper says, as people read figures.

use super::figures::{
	in_spb, mean, medians, percentile, Compared, Curve, Delays, Figures, Setting, HUNDRED,
};

/// What the paper does not say.
pub const NOT_GIVEN: &str = "not given";

/// A line of the table.
pub struct Line {
	/// Which figure.
	pub what: String,
	/// What the paper says.
	pub paper: String,
	/// What was measured.
	pub measured: String,
	/// SPB by baseline, or as the line says.
	pub ratio: Option<f64>,
}

/// All lines.
pub fn lines(figures: &Figures, setting: &Setting) -> Vec<Line> {
	let mut lines = Vec::new();
	delays(figures, &mut lines);
	let fee =
		Compared { spb: figures.fee.spb.map(in_spb), baseline: figures.fee.baseline.map(in_spb) };
	lines.push(compared("fee of a trade, SPB coin", "20 / 60 Ether (0.33)", fee));
	for burst in &figures.bursts {
		let paper = if burst.size == HUNDRED { "16.6 / 32 min (0.52)" } else { NOT_GIVEN };
		let what = format!("time for {} trades offered at once, s", grouped(burst.size as f64));
		lines.push(compared(what, paper, burst.time));
	}
	for burst in &figures.bursts {
		let size = grouped(burst.size as f64);
		let what = format!("trades per second until all are paid, {size} offered at once");
		lines.push(compared(what, NOT_GIVEN, burst.rate));
	}
	chain_size(figures, setting, &mut lines);
	scale(figures, setting, &mut lines);
	if let Some([paid, bytes, gas]) = figures.evm {
		lines.push(plain("baseline on an EVM node: delay, s", short(paid)));
		lines.push(plain("baseline on an EVM node: bytes of a trade", short(bytes)));
		lines.push(plain("baseline on an EVM node: gas of a trade", short(gas)));
	}
	lines
}

fn chain_size(figures: &Figures, setting: &Setting, lines: &mut Vec<Line>) {
	let size = &figures.size;
	lines.push(compared("bytes of the extrinsics of 100 trades", NOT_GIVEN, size.trades));
	let blocks = number(size.blocks);
	let what = format!(
		"… with headers and bodies of {blocks} blocks for both; SPB's digest and an empty seal are in \
		 the baseline's as well"
	);
	lines.push(compared(what, "520 / 860 KB (0.60)", size.with_blocks));
	let what = "… with set-up: energy account, offer, top-up, deposit";
	lines.push(compared(what, NOT_GIVEN, size.with_set_up));
	let of_trade = size.evidence.map(|bytes| bytes / HUNDRED as f64);
	lines.push(plain("evidence of a trade off the chain, bytes", number(of_trade)));
	let kept = setting.retention as f64;
	let in_window = of_trade.map(|bytes| bytes * HUNDRED as f64 * kept / 1e6);
	let what = format!(
		"evidence in the window, MB: bytes of a trade × {HUNDRED} trades a block × {} blocks",
		grouped(kept)
	);
	lines.push(plain(what, number(in_window)));
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
	for percent in [50, 95, 99] {
		let what = format!("delay until final, p{percent}, s");
		add(&what, NOT_GIVEN, &|delays| percentile(&delays.settled, percent));
	}
	let whole =
		Compared { spb: mean(&figures.spb.paid), baseline: mean(&figures.whole_baseline.paid) };
	let what = "delay until paid, mean, s, the baseline's from setting its contract up";
	lines.push(compared(what, NOT_GIVEN, whole));
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

fn points(curve: &Curve, unit: f64) -> String {
	let points: Vec<String> =
		curve.iter().map(|(x, y)| format!("{}: {}", short(*x), short(y * unit))).collect();
	if points.is_empty() {
		return number(None);
	}
	points.join("; ")
}

/// A figure as people read it.
pub fn number(value: Option<f64>) -> String {
	value.map_or_else(|| "not measured".into(), short)
}

/// A figure as people read it: with three digits that count, and thousands apart.
pub fn short(value: f64) -> String {
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
	fn a_curve_should_be_told_point_by_point_and_by_its_growth() {
		let curve = vec![(1.0, 2.0), (5.0, 4.0)];
		assert_eq!(growth(&curve), Some(2.0));
		assert_eq!(growth(&curve[..1].to_vec()), None);
		assert_eq!(points(&curve, 10.0), "1: 20; 5: 40");
		assert_eq!(points(&Curve::new(), 1.0), "not measured");
	}
}
