//! The figures as a drawing: hops, messages and bytes over the number of backbone nodes.

use super::report::{Row, Source};
use plotters::{coord::Shift, prelude::*};
use std::{fs, io, path::Path};

/// Why there is no drawing.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
	/// It cannot be drawn.
	#[error("the plot cannot be drawn: {0}")]
	Draw(String),
	/// It cannot be written.
	#[error("cannot write {path}: {source}")]
	Write {
		/// Where to.
		path: String,
		/// Why.
		source: io::Error,
	},
}

/// The drawing's size.
const SIZE: (u32, u32) = (900, 1_260);
/// Letters of titles and of the rest.
const TITLE: (&str, u32) = ("sans-serif", 22);
const TEXT: (&str, u32) = ("sans-serif", 15);

/// How an axis counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scale {
	Linear,
	/// In powers of ten.
	Logarithmic,
}

impl Scale {
	fn place(self, value: f64) -> f64 {
		match self {
			Self::Linear => value,
			Self::Logarithmic => value.max(f64::MIN_POSITIVE).log10(),
		}
	}

	/// What stands at a place of the axis.
	fn name(self, place: f64) -> String {
		match self {
			Self::Linear => format!("{place:.0}"),
			Self::Logarithmic if (place - place.round()).abs() > 1e-6 => String::new(),
			Self::Logarithmic => grouped(10f64.powf(place).round() as u64),
		}
	}
}

/// A number with a comma before every three digits.
fn grouped(number: u64) -> String {
	let digits = number.to_string();
	let mut text = String::new();
	for (place, digit) in digits.chars().enumerate() {
		if place > 0 && (digits.len() - place).is_multiple_of(3) {
			text.push(',');
		}
		text.push(digit);
	}
	text
}

/// A line, or points where nothing lies between.
struct Line {
	name: &'static str,
	colour: RGBColor,
	joined: bool,
	points: Vec<(f64, f64)>,
}

/// One of the drawings.
struct Panel {
	title: &'static str,
	unit: &'static str,
	scale: Scale,
	lines: Vec<Line>,
}

fn line(
	rows: &[Row],
	source: Source,
	name: &'static str,
	colour: RGBColor,
	figure: impl Fn(&Row) -> f64,
) -> Line {
	let own = rows.iter().filter(|row| row.source == source);
	let points = own.map(|row| (row.nodes as f64, figure(row))).collect();
	Line { name, colour, joined: source != Source::Measured, points }
}

fn panels(rows: &[Row]) -> [Panel; 3] {
	let line =
		|source, name, colour, figure: fn(&Row) -> f64| line(rows, source, name, colour, figure);
	let hops = vec![
		line(Source::Full, "full tables, most", BLUE, |row| row.hops_most.into()),
		line(Source::Partial, "partial tables, most", RED, |row| row.hops_most.into()),
		line(Source::Partial, "partial tables, mean", MAGENTA, |row| row.hops_mean),
		line(Source::Partial, "log2 of the nodes, and 2", GREEN, |row| {
			(row.nodes as f64).log2() + f64::from(super::report::ENDS)
		}),
		line(Source::Measured, "measured, most", BLACK, |row| row.hops_most.into()),
	];
	let messages = vec![
		line(Source::Full, "unicast, full tables", BLUE, |row| row.messages),
		line(Source::Partial, "unicast, partial tables", RED, |row| row.messages),
		line(Source::Full, "gossip", GREEN, |row| row.broadcast_messages),
		line(Source::Measured, "unicast, measured", BLACK, |row| row.messages),
		line(Source::Measured, "gossip, measured", CYAN, |row| row.broadcast_messages),
	];
	let bytes = vec![
		line(Source::Full, "unicast, full tables", BLUE, |row| row.bytes),
		line(Source::Partial, "unicast, partial tables", RED, |row| row.bytes),
		line(Source::Full, "gossip", GREEN, |row| row.broadcast_bytes),
		line(Source::Measured, "unicast, measured", BLACK, |row| row.bytes),
		line(Source::Measured, "gossip, measured", CYAN, |row| row.broadcast_bytes),
	];
	let logarithmic = Scale::Logarithmic;
	[
		Panel { title: "Hops of a letter", unit: "hops", scale: Scale::Linear, lines: hops },
		Panel {
			title: "Messages of a negotiation",
			unit: "messages",
			scale: logarithmic,
			lines: messages,
		},
		Panel { title: "Bytes of a negotiation", unit: "bytes", scale: logarithmic, lines: bytes },
	]
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Failed = Box<dyn std::error::Error>;

fn draw(area: &Area<'_>, panel: &Panel) -> Result<(), Failed> {
	let Panel { title, unit, scale, lines } = panel;
	let lines = lines.iter().filter(|line| !line.points.is_empty());
	let place = |(x, y): &(f64, f64)| (Scale::Logarithmic.place(*x), scale.place(*y));
	let all: Vec<(f64, f64)> =
		lines.clone().flat_map(|line| line.points.iter().map(place)).collect();
	let most = |values: &mut dyn Iterator<Item = f64>| values.fold(1.0, f64::max);
	let right = most(&mut all.iter().map(|point| point.0)) + 0.1;
	let top = most(&mut all.iter().map(|point| point.1)) * 1.15;
	let mut chart = ChartBuilder::on(area)
		.caption(*title, TITLE)
		.margin(12)
		.x_label_area_size(42)
		.y_label_area_size(78)
		.build_cartesian_2d(0.5f64..right, 0f64..top)?;
	chart
		.configure_mesh()
		.x_desc("backbone nodes")
		.y_desc(*unit)
		.label_style(TEXT)
		.axis_desc_style(TEXT)
		.x_labels(9)
		.y_labels(9)
		.x_label_formatter(&|place| Scale::Logarithmic.name(*place))
		.y_label_formatter(&|place| scale.name(*place))
		.draw()?;
	for line in lines {
		let colour = line.colour;
		let points: Vec<(f64, f64)> = line.points.iter().map(place).collect();
		if line.joined {
			let joined = LineSeries::new(points.iter().copied(), colour.stroke_width(2));
			chart.draw_series(joined)?;
		}
		let dots = points.iter().map(|point| Circle::new(*point, 4, colour.filled()));
		chart
			.draw_series(dots)?
			.label(line.name)
			.legend(move |(x, y)| Circle::new((x + 8, y), 4, colour.filled()));
	}
	chart
		.configure_series_labels()
		.position(SeriesLabelPosition::UpperLeft)
		.label_font(TEXT)
		.background_style(WHITE.mix(0.85))
		.border_style(BLACK)
		.draw()?;
	Ok(())
}

/// The drawing, as SVG.
pub fn svg(rows: &[Row]) -> Result<String, PlotError> {
	let mut text = String::new();
	let drawn = |text: &mut String| -> Result<(), Failed> {
		let root = SVGBackend::with_string(text, SIZE).into_drawing_area();
		root.fill(&WHITE)?;
		for (area, panel) in root.split_evenly((3, 1)).iter().zip(&panels(rows)) {
			draw(area, panel)?;
		}
		root.present()?;
		Ok(())
	};
	drawn(&mut text).map_err(|error| PlotError::Draw(error.to_string()))?;
	Ok(text)
}

/// Writes the drawing to a file.
pub fn write(rows: &[Row], path: &Path) -> Result<(), PlotError> {
	let written = fs::write(path, svg(rows)?);
	written.map_err(|source| PlotError::Write { path: path.display().to_string(), source })
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_drawing_should_show_every_line_that_has_points() {
		let mut rows = vec![
			Row::of_letters(Source::Full, 4, 3.0, &[1, 1], 9.0),
			Row::of_letters(Source::Partial, 4, 3.0, &[1, 1], 9.0),
			Row::of_letters(Source::Full, 10_000, 9_999.0, &[1, 1], 160_000.0),
			Row::of_letters(Source::Partial, 10_000, 90.0, &[5, 9], 160_000.0),
		];
		let drawn = svg(&rows).unwrap();
		assert!(drawn.starts_with("<svg") && drawn.trim_end().ends_with("</svg>"));
		for text in ["Hops of a letter", "Bytes of a negotiation", "gossip", "10,000"] {
			assert!(drawn.contains(text), "{text}");
		}
		assert!(!drawn.contains("measured"));
		rows.push(Row::of_letters(Source::Measured, 4, 3.0, &[1, 1], 9.0));
		assert!(svg(&rows).unwrap().contains("unicast, measured"));
	}

	#[test]
	fn numbers_should_be_grouped() {
		let named = [(1, "1"), (10, "10"), (1_000, "1,000"), (1_234_567, "1,234,567")];
		assert!(named.iter().all(|(number, text)| grouped(*number) == *text));
		assert_eq!(Scale::Logarithmic.name(2.5), "");
		assert_eq!(Scale::Logarithmic.name(3.0), "1,000");
	}
}
