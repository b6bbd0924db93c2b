//! What people read: the table and the plots in `docs/evaluation/README.md`, the few lines in the
//! project's README, and `summary.json`. All of it is made of the records.

use super::{
	error::Result,
	figures::{Figures, Setting, Summary},
	plots::{self, Plot},
	table::{lines, number, short, Line, NOT_GIVEN},
	EvaluationError,
};
use std::{fmt::Write as _, fs, path::Path};

/// Between these lines of the project's README stand the results.
const BEGIN: &str = "<!-- results: written by `cargo xtask evaluate` -->";
const END: &str = "<!-- end of results -->";
/// Written by people: what bounds the figures. It is put under the table.
const NOTES: &str = "notes.md";
/// Where the figures are that another program writes.
const BACKBONE: &str =
	"What negotiation over the backbone costs, in hops, messages and bytes, has a page and a plot \
	of its own: [relay.md](relay.md).\n\n";

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
	drawn: &[Plot],
) -> Result<()> {
	let notes = fs::read_to_string(folder.join(NOTES)).unwrap_or_default();
	let text = page(figures, summary, setting, sessions, drawn, &notes);
	let path = folder.join("README.md");
	fs::write(&path, text).map_err(EvaluationError::file(&path))
}

/// Writes the results into the project's README, between the lines that mark their place, with a plot
/// of those that were drawn into `folder`.
pub fn write_readme(path: &Path, summary: &Summary, folder: &Path, drawn: &[Plot]) -> Result<()> {
	let root = path.parent().unwrap_or(Path::new(""));
	let folder = folder.strip_prefix(root).unwrap_or(folder);
	let results = results(summary) + &image(folder, drawn);
	let text = fs::read_to_string(path).map_err(EvaluationError::file(path))?;
	let text = with_results(&text, &results).ok_or_else(|| {
		EvaluationError::Unexpected(format!("{} has no lines {BEGIN} and {END}", path.display()))
	})?;
	fs::write(path, text).map_err(EvaluationError::file(path))
}

/// The plot that the project's README shows, if it was drawn.
fn image(folder: &Path, drawn: &[Plot]) -> String {
	let (file, title) = plots::FIRST;
	if !drawn.contains(&plots::FIRST) {
		return String::new();
	}
	format!("\n![{title}]({})\n", folder.join(file).display())
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
	drawn: &[Plot],
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
	if !setting.missing.is_empty() {
		let _ = writeln!(text, "\nNot measured in full: {}.", setting.missing.join("; "));
	}
	text.push_str("\n## Goals\n\n");
	text.push_str(&results(summary));
	if !notes.trim().is_empty() {
		let _ = write!(text, "\n{}\n", notes.trim());
	}
	text.push_str("\n## Plots\n\n");
	for (file, title) in drawn {
		let _ = writeln!(text, "![{title}]({file})\n");
	}
	text.push_str(BACKBONE);
	text.push_str(
		"## Where the figures come from\n\n[raw.csv](raw.csv), [summary.json](summary.json); ",
	);
	let _ = writeln!(text, "commit {}.\n", setting.provenance.commit);
	for session in sessions {
		let _ = writeln!(text, "* {session}");
	}
	text
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::evaluate::provenance::Provenance;

	fn setting() -> Setting {
		Setting {
			runs: 2,
			validators: 2,
			block_time_s: 3.0,
			full_block: 5_000,
			retention: 4_820,
			quick: false,
			missing: vec!["filled blocks: 1 of 2".into()],
			provenance: Provenance::default(),
		}
	}

	#[test]
	fn a_page_without_figures_should_say_so() {
		let figures = Figures::default();
		let summary = Summary::of(&figures, &setting());
		let page = page(&figures, &summary, &setting(), &["session 1: d".into()], &[], "A note.");
		assert!(page.contains("not measured") && page.contains("* session 1: d"));
		assert!(page.contains("A note.") && page.contains("](relay.md)"));
		assert!(page.contains("Not measured in full: filled blocks: 1 of 2."));
		// Only plots that were drawn are shown.
		assert!(!page.contains(".svg"));
		let drawn = [plots::FIRST];
		let page = super::page(&figures, &summary, &setting(), &[], &drawn, "");
		assert_eq!(page.matches(".svg").count(), 1);
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
	fn the_projects_readme_should_show_a_plot_that_was_drawn() {
		let root = tempfile::tempdir().unwrap();
		let path = root.path().join("README.md");
		let folder = root.path().join("docs/evaluation");
		let summary = Summary::of(&Figures::default(), &setting());
		let written = |drawn: &[Plot]| {
			fs::write(&path, format!("a\n{BEGIN}\nold\n{END}\nb\n")).unwrap();
			write_readme(&path, &summary, &folder, drawn).unwrap();
			fs::read_to_string(&path).unwrap()
		};
		let (file, title) = plots::FIRST;
		let shown = written(&plots::ALL);
		assert!(shown.contains(&format!("\n![{title}](docs/evaluation/{file})\n{END}")), "{shown}");
		assert!(shown.contains("| chain bytes per trade"), "{shown}");
		assert!(!written(&[]).contains("!["));
	}
}
