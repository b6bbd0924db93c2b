//! The plots: figures 6 to 9 of the paper, with what was measured here, and the curves of scale.

use super::{
	error::Result,
	figures::{in_spb, mean, medians, percentile, Curve, Figures, HUNDRED},
	EvaluationError,
};
use plotters::{coord::Shift, prelude::*};
use std::{error::Error, fs, path::Path};

/// A plot: its file and its title.
pub type Plot = (&'static str, &'static str);

/// All plots.
pub const ALL: [Plot; 9] = [
	("figure-6-delay.svg", "Figure 6: end-to-end delay of a trade"),
	("figure-7-cost.svg", "Figure 7: fees of a trade"),
	("figure-8-throughput.svg", "Figure 8: time for 100 trades"),
	("figure-9-chain-size.svg", "Figure 9: chain size of 100 trades"),
	("saturation.svg", "Trades per second against trades offered at once"),
	("scale-database.svg", "Cost of the CTP database a block"),
	("scale-blocks.svg", "Building and importing a block"),
	("scale-memory.svg", "Memory and disk of a node"),
	("scale-open.svg", "A block of 100 CTPs on a node with many open"),
];

/// The one that the project's README shows.
pub const FIRST: Plot = ALL[0];

const SIZE: (u32, u32) = (760, 440);
const FONT: &str = "sans-serif";
/// Colours that are told apart also by those who see few.
const COLOURS: [RGBColor; 4] =
	[RGBColor(0, 114, 178), RGBColor(213, 94, 0), RGBColor(0, 158, 115), RGBColor(120, 120, 120)];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = std::result::Result<(), Box<dyn Error>>;

/// A bar, with marks above or within it.
struct Bar {
	label: &'static str,
	height: f64,
	colour: RGBColor,
	marks: Vec<f64>,
}

impl Bar {
	fn new(label: &'static str, height: Option<f64>, colour: usize) -> Option<Self> {
		Some(Self { label, height: height?, colour: COLOURS[colour], marks: Vec::new() })
	}
}

struct Line {
	label: &'static str,
	curve: Curve,
}

/// Draws all plots for which there are figures, and says which. Others are taken away: they are of
/// another run.
pub fn draw(folder: &Path, figures: &Figures) -> Result<Vec<Plot>> {
	let [delay, cost, throughput, size, saturation, database, blocks, node, open] = ALL;
	let fees = [
		Bar::new("SPB", figures.fee.spb.map(in_spb), 0),
		Bar::new("baseline", figures.fee.baseline.map(in_spb), 1),
	];
	let time = figures.burst(HUNDRED).map(|burst| burst.time).unwrap_or_default();
	let times = [Bar::new("SPB", time.spb, 0), Bar::new("baseline", time.baseline, 1)];
	let kilobytes = |bytes: Option<f64>| bytes.map(|bytes| bytes / 1_000.0);
	let sizes = [
		Bar::new("SPB, trades", kilobytes(figures.size.trades.spb), 0),
		Bar::new("baseline, trades", kilobytes(figures.size.trades.baseline), 1),
		Bar::new("SPB, with blocks", kilobytes(figures.size.with_blocks.spb), 0),
		Bar::new("baseline, with blocks", kilobytes(figures.size.with_blocks.baseline), 1),
	];
	let seconds = "seconds; marks: p50, p95, p99";
	let mut drawn = vec![
		bars(folder, delay, seconds, delay_bars(figures))?,
		bars(folder, cost, "SPB coin", fees.into_iter().flatten().collect())?,
		bars(folder, throughput, "seconds", times.into_iter().flatten().collect())?,
		bars(folder, size, "kB", sizes.into_iter().flatten().collect())?,
	];

	let line = |label, curve: &Curve, unit: f64| {
		let curve = medians(curve).into_iter().map(|(x, y)| (x, y * unit)).collect();
		Line { label, curve }
	};
	let [spb, baseline] = figures.plateau();
	let rates = vec![line("SPB", &spb, 1.0), line("baseline", &baseline, 1.0)];
	drawn.push(lines(folder, saturation, "trades offered at once", "trades per second", rates)?);
	let [spread, one] = &figures.database;
	let costs = vec![
		line("spread over all expiries", spread, 1_000.0),
		line("all in one expiry", one, 1_000.0),
	];
	drawn.push(lines(folder, database, "open CTPs", "ms", costs)?);
	let ([build, import, _], [_, adding, _]) = (&figures.settling, &figures.adding);
	let times = vec![
		line("building, by settlements", build, 1.0),
		line("importing, by settlements", import, 1.0),
		line("importing, by CTPs added", adding, 1.0),
	];
	drawn.push(lines(folder, blocks, "settlements or CTPs in the block", "s", times)?);
	let [memory, disk] = &figures.node;
	let mebibytes = 1.0 / f64::from(1 << 20);
	let taken = vec![line("memory", memory, mebibytes), line("disk", disk, mebibytes)];
	drawn.push(lines(folder, node, "open CTPs", "MiB", taken)?);
	let [build, import, check] = &figures.open;
	let times = vec![
		line("building", build, 1_000.0),
		line("importing", import, 1_000.0),
		line("judging within it", check, 1_000.0),
	];
	drawn.push(lines(folder, open, "open CTPs", "ms", times)?);
	Ok(drawn.into_iter().flatten().collect())
}

fn delay_bars(figures: &Figures) -> Vec<Bar> {
	let ways = [
		("SPB, as in the paper", &figures.spb, 0),
		("SPB, careful", &figures.careful, 2),
		("baseline", &figures.baseline, 1),
	];
	let bars = ways.into_iter().filter_map(|(label, delays, colour)| {
		let bar = Bar::new(label, mean(&delays.paid), colour)?;
		let marks = [50, 95, 99].iter().filter_map(|percent| percentile(&delays.paid, *percent));
		Some(Bar { marks: marks.collect(), ..bar })
	});
	bars.collect()
}

/// Draws into a file, or takes it away where there is nothing to draw. The plot, if there is one.
fn into_file(
	folder: &Path,
	(file, title): Plot,
	is_empty: bool,
	draw: impl FnOnce(&Area<'_>) -> Drawn,
) -> Result<Option<Plot>> {
	let path = folder.join(file);
	if is_empty {
		return match fs::remove_file(&path) {
			Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
				Err(EvaluationError::file(&path)(error))
			},
			_ => Ok(None),
		};
	}
	match try_draw(&path, title, draw) {
		Ok(()) => Ok(Some((file, title))),
		Err(error) => Err(EvaluationError::Plot { path, reason: error.to_string() }),
	}
}

fn try_draw(path: &Path, title: &str, draw: impl FnOnce(&Area<'_>) -> Drawn) -> Drawn {
	let area = SVGBackend::new(path, SIZE).into_drawing_area();
	area.fill(&WHITE)?;
	let area = area.titled(title, (FONT, 20))?;
	draw(&area)?;
	area.present()?;
	Ok(())
}

fn bars(folder: &Path, plot: Plot, unit: &str, bars: Vec<Bar>) -> Result<Option<Plot>> {
	into_file(folder, plot, bars.is_empty(), |area| {
		let highest = bars
			.iter()
			.flat_map(|bar| bar.marks.iter().copied().chain([bar.height]))
			.fold(f64::MIN_POSITIVE, f64::max);
		let last = bars.len() as f64;
		let mut chart = ChartBuilder::on(area)
			.margin(12)
			.x_label_area_size(32)
			.y_label_area_size(72)
			.build_cartesian_2d(0.0..last, 0.0..highest * 1.15)?;
		let label = |x: &f64| {
			// Between two whole numbers there is one bar.
			let at = x.floor();
			let bar = bars.get(at as usize).filter(|_| (x - at - 0.5).abs() < 1e-6);
			bar.map_or_else(String::new, |bar| bar.label.to_owned())
		};
		chart
			.configure_mesh()
			.disable_x_mesh()
			.x_labels(4 * bars.len() + 1)
			.x_label_formatter(&label)
			.y_desc(unit)
			.label_style((FONT, 14))
			.draw()?;
		for (place, bar) in bars.iter().enumerate() {
			let left = place as f64;
			let corners = [(left + 0.2, 0.0), (left + 0.8, bar.height)];
			chart.draw_series([Rectangle::new(corners, bar.colour.filled())])?;
			let ends = |height: f64| vec![(left + 0.3, height), (left + 0.7, height)];
			chart.draw_series(
				bar.marks.iter().map(|mark| PathElement::new(ends(*mark), BLACK.stroke_width(2))),
			)?;
			let text = format!("{:.3}", bar.height);
			let above = (left + 0.22, bar.height + highest * 0.05);
			chart.draw_series([Text::new(text, above, (FONT, 14))])?;
		}
		Ok(())
	})
}

fn lines(folder: &Path, plot: Plot, x: &str, y: &str, lines: Vec<Line>) -> Result<Option<Plot>> {
	let points = || lines.iter().flat_map(|line| line.curve.iter().copied());
	into_file(folder, plot, points().next().is_none(), |area| {
		let (most_x, most_y) = points()
			.fold((f64::MIN_POSITIVE, f64::MIN_POSITIVE), |(x, y), point| {
				(x.max(point.0), y.max(point.1))
			});
		let mut chart = ChartBuilder::on(area)
			.margin(12)
			.x_label_area_size(44)
			.y_label_area_size(72)
			.build_cartesian_2d(0.0..most_x * 1.05, 0.0..most_y * 1.15)?;
		chart
			.configure_mesh()
			.x_desc(x)
			.y_desc(y)
			.x_label_formatter(&|x| format!("{x:.0}"))
			.label_style((FONT, 14))
			.draw()?;
		for (line, colour) in lines.iter().zip(COLOURS) {
			if line.curve.is_empty() {
				continue;
			}
			chart
				.draw_series(LineSeries::new(line.curve.iter().copied(), colour.stroke_width(2)))?
				.label(line.label)
				.legend(move |(x, y)| {
					PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2))
				});
			let dots = line.curve.iter().map(|point| Circle::new(*point, 3, colour.filled()));
			chart.draw_series(dots)?;
		}
		chart
			.configure_series_labels()
			.position(SeriesLabelPosition::UpperLeft)
			.background_style(WHITE.mix(0.8))
			.border_style(BLACK)
			.label_font((FONT, 14))
			.draw()?;
		Ok(())
	})
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::evaluate::figures::{Burst, ChainSize, Compared, Delays};

	fn figures() -> Figures {
		let both = Compared { spb: Some(1.0), baseline: Some(3.0) };
		let delays = |seconds: f64| {
			let seconds = vec![seconds; 3];
			Delays { paid: seconds.clone(), settled: seconds }
		};
		let curve = || vec![(1_000.0, 1.0), (100_000.0, 2.0)];
		Figures {
			spb: delays(2.0),
			careful: delays(6.0),
			baseline: delays(8.0),
			fee: both,
			bursts: vec![Burst { size: HUNDRED, time: both, rate: both }],
			size: ChainSize { trades: both, with_blocks: both, ..ChainSize::default() },
			database: [curve(), curve()],
			settling: [curve(), curve(), curve()],
			node: [curve(), curve()],
			open: [curve(), curve(), curve()],
			..Figures::default()
		}
	}

	#[test]
	fn every_plot_should_be_drawn_where_there_are_figures() {
		let folder = tempfile::tempdir().unwrap();
		assert_eq!(draw(folder.path(), &figures()).unwrap(), ALL);
		for (file, title) in ALL {
			let text = fs::read_to_string(folder.path().join(file)).unwrap();
			assert!(text.starts_with("<svg") && text.contains(title), "{file}");
		}
		let delay = fs::read_to_string(folder.path().join(ALL[0].0)).unwrap();
		for label in ["SPB, as in the paper", "SPB, careful", "baseline"] {
			assert!(delay.contains(label), "{label}");
		}
	}

	#[test]
	fn plots_of_another_run_should_go() {
		let folder = tempfile::tempdir().unwrap();
		draw(folder.path(), &figures()).unwrap();
		assert!(draw(folder.path(), &Figures::default()).unwrap().is_empty());
		assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
	}
}
