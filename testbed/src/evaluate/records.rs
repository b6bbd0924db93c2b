//! What was measured, as it is measured: a CSV file that is written line by line, so that an
//! evaluation that was interrupted goes on where it stopped.
//!
//! The file begins with comment lines: the settings, then for each session (a run of the program)
//! when, where, from which source, by which command and beside how much load it measured. Every row
//! names its session. An empty line ends whatever was written at once, the rows of a point for
//! instance: what no empty line follows was cut off, and is dropped.

use super::{error::Result, provenance::Provenance, EvaluationError};
use std::{
	collections::BTreeSet,
	fmt,
	fs::{self, File, TryLockError},
	io::Write,
	path::{Path, PathBuf},
};

const HEADER: &str = "session,part,way,size,run,measure,value";
const SETTINGS: &str = "# settings: ";
/// Where figures go that are not gone on with.
const OLD: &str = "raw.old.csv";
const SESSION: &str = "# session ";
/// Ends what was written at once.
const END: &str = "\n\n";

/// One figure.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
	/// In which session it was measured, from 1.
	pub session: u32,
	/// What it belongs to: `delay`, `burst`, ...
	pub part: String,
	/// The way of trading or the layout.
	pub way: String,
	/// How much there was of what the part is about: trades, open CTPs, settlements.
	pub size: u64,
	/// Which repetition, from 0.
	pub run: u32,
	/// What was measured, with its unit: `paid_s`, `bytes`, ...
	pub measure: String,
	/// The figure.
	pub value: f64,
}

impl fmt::Display for Row {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let Self { session, part, way, size, run, measure, value } = self;
		write!(f, "{session},{part},{way},{size},{run},{measure},{value}")
	}
}

/// Names the rows of one measurement, which are written together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Point<'a> {
	/// See [`Row::part`].
	pub part: &'a str,
	/// See [`Row::way`].
	pub way: &'a str,
	/// See [`Row::size`].
	pub size: u64,
	/// See [`Row::run`].
	pub run: u32,
}

/// All that was measured.
#[derive(Debug)]
pub struct Records {
	path: PathBuf,
	file: File,
	/// Its folder, locked for as long as this writes there.
	_folder: File,
	session: u32,
	sessions: Vec<String>,
	rows: Vec<Row>,
	done: BTreeSet<(String, String, u64, u32)>,
}

impl Records {
	/// Opens the file, with what it has if that was measured with the same settings on the same machine
	/// from the same commit, else empty: what it had goes into [`OLD`] beside it. What was measured of
	/// sources that are no commit's is never gone on with, nor is anything with `fresh`.
	pub fn open(path: &Path, settings: &str, provenance: &Provenance, fresh: bool) -> Result<Self> {
		let Provenance { commit, machine, .. } = provenance;
		let settings = format!("{SETTINGS}commit {commit}; {machine}; {settings}");
		let folder = lock(path)?;
		let text = match fs::read_to_string(path) {
			Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
				return Err(EvaluationError::file(path)(error));
			},
			read => read.unwrap_or_default(),
		};
		let same = text.lines().next() == Some(&settings);
		let goes_on = same && provenance.is_of_a_commit() && !fresh;
		let kept = if goes_on { whole(&text) } else { "" };
		if kept.is_empty() && !text.is_empty() {
			let old = path.with_file_name(OLD);
			fs::rename(path, &old).map_err(EvaluationError::file(&old))?;
		}
		let (sessions, rows) = parse(path, kept)?;
		let mut records = Self {
			path: path.to_owned(),
			file: open(path, kept.len()).map_err(EvaluationError::file(path))?,
			_folder: folder,
			session: u32::try_from(sessions.len()).unwrap_or(u32::MAX).saturating_add(1),
			sessions,
			done: rows.iter().map(key_of).collect(),
			rows,
		};
		if kept.is_empty() {
			records.write(&format!("{settings}\n{HEADER}"))?;
		}
		let Provenance { date, machine, command, load, .. } = provenance;
		let number = records.session;
		let session = format!("{SESSION}{number}: {date}; {machine}; {command}; load {load}");
		records.write(&session)?;
		records.sessions.push(session.trim_start_matches("# ").to_owned());
		Ok(records)
	}

	/// Whether this was measured already.
	pub fn has(&self, point: Point<'_>) -> bool {
		let Point { part, way, size, run } = point;
		self.done.contains(&(part.to_owned(), way.to_owned(), size, run))
	}

	/// Notes what was measured at a point: all of it at once.
	pub fn note(&mut self, point: Point<'_>, measures: &[(&str, f64)]) -> Result<()> {
		let rows: Vec<Row> = measures
			.iter()
			.map(|(measure, value)| Row {
				session: self.session,
				part: point.part.into(),
				way: point.way.into(),
				size: point.size,
				run: point.run,
				measure: (*measure).into(),
				value: *value,
			})
			.collect();
		let lines: Vec<String> = rows.iter().map(Row::to_string).collect();
		self.write(&lines.join("\n"))?;
		self.done.extend(rows.iter().map(key_of));
		self.rows.extend(rows);
		Ok(())
	}

	/// All rows.
	pub fn rows(&self) -> &[Row] {
		&self.rows
	}

	/// When, where and how each session measured.
	pub fn sessions(&self) -> &[String] {
		&self.sessions
	}

	/// The figures of this name: part, way, size and measure, in order of their runs.
	pub fn values(&self, part: &str, way: &str, size: u64, measure: &str) -> Vec<f64> {
		let wanted = |row: &&Row| {
			row.part == part && row.way == way && row.size == size && row.measure == measure
		};
		let mut rows: Vec<&Row> = self.rows.iter().filter(wanted).collect();
		rows.sort_by_key(|row| row.run);
		rows.into_iter().map(|row| row.value).collect()
	}

	/// The sizes at which a part was measured.
	pub fn sizes(&self, part: &str) -> BTreeSet<u64> {
		self.rows.iter().filter(|row| row.part == part).map(|row| row.size).collect()
	}

	fn write(&mut self, text: &str) -> Result<()> {
		let written = self.file.write_all(format!("{text}{END}").as_bytes());
		written.and_then(|()| self.file.flush()).map_err(EvaluationError::file(&self.path))
	}
}

/// Makes the folder of a file and locks it, so that no two evaluations write there.
fn lock(path: &Path) -> Result<File> {
	let path = path.parent().unwrap_or(Path::new("."));
	fs::create_dir_all(path).map_err(EvaluationError::file(path))?;
	let folder = File::open(path).map_err(EvaluationError::file(path))?;
	match folder.try_lock() {
		Ok(()) => Ok(folder),
		Err(TryLockError::WouldBlock) => Err(EvaluationError::Busy { path: path.to_owned() }),
		Err(TryLockError::Error(error)) => Err(EvaluationError::file(path)(error)),
	}
}

/// Opens the file behind so many bytes of it, and drops the others.
fn open(path: &Path, keep: usize) -> std::io::Result<File> {
	let file = File::options().create(true).append(true).open(path)?;
	file.set_len(keep as u64)?;
	Ok(file)
}

/// The text without what was cut off at its end.
fn whole(text: &str) -> &str {
	text.rfind(END).map_or("", |end| &text[..end + END.len()])
}

fn key_of(row: &Row) -> (String, String, u64, u32) {
	(row.part.clone(), row.way.clone(), row.size, row.run)
}

fn parse(path: &Path, text: &str) -> Result<(Vec<String>, Vec<Row>)> {
	let (mut sessions, mut rows) = (Vec::new(), Vec::new());
	for (number, line) in text.lines().enumerate() {
		let bad = |reason: &str| EvaluationError::Records {
			path: path.to_owned(),
			line: number + 1,
			reason: reason.to_owned(),
		};
		if line.starts_with(SESSION) {
			sessions.push(line.trim_start_matches("# ").to_owned());
		} else if !line.is_empty() && !line.starts_with('#') && line != HEADER {
			rows.push(row(line).ok_or_else(|| bad("this is no row of figures"))?);
		}
	}
	Ok((sessions, rows))
}

fn row(line: &str) -> Option<Row> {
	let fields: Vec<&str> = line.split(',').collect();
	let [session, part, way, size, run, measure, value] = fields[..] else { return None };
	Some(Row {
		session: session.parse().ok()?,
		part: part.into(),
		way: way.into(),
		size: size.parse().ok()?,
		run: run.parse().ok()?,
		measure: measure.into(),
		value: value.parse().ok()?,
	})
}

#[cfg(test)]
mod tests {
	use super::*;

	fn provenance(commit: &str) -> Provenance {
		Provenance { commit: commit.into(), load: "0.1 0.2 0.3".into(), ..Provenance::default() }
	}

	const POINT: Point<'_> = Point { part: "delay", way: "spb", size: 1, run: 3 };

	#[test]
	fn what_was_measured_should_be_there_when_it_goes_on() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("a/raw.csv");
		let open = |settings, commit, fresh| {
			Records::open(&path, settings, &provenance(commit), fresh).unwrap()
		};
		let mut records = open("runs 2", "x", false);
		assert!(!records.has(POINT));
		records.note(POINT, &[("paid_s", 1.5), ("final_s", 2.25)]).unwrap();
		drop(records);

		let records = open("runs 2", "x", false);
		assert!(records.has(POINT) && !records.has(Point { run: 4, ..POINT }));
		assert_eq!(records.values("delay", "spb", 1, "final_s"), [2.25]);
		assert_eq!(records.rows()[0].to_string(), "1,delay,spb,1,3,paid_s,1.5");
		assert_eq!(records.sessions().len(), 2);
		drop(records);

		for (settings, commit, fresh) in
			[("runs 3", "x", false), ("runs 3", "y", false), ("runs 3", "y", true)]
		{
			let mut records = open(settings, commit, fresh);
			assert!(records.rows().is_empty() && records.sessions().len() == 1);
			records.note(POINT, &[("paid_s", 1.0)]).unwrap();
		}
	}

	#[test]
	fn no_two_should_write_into_one_folder() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("raw.csv");
		let mut first = Records::open(&path, "", &provenance("x"), false).unwrap();
		for fresh in [false, true] {
			let second = Records::open(&path, "", &provenance("y"), fresh).unwrap_err();
			assert!(matches!(second, EvaluationError::Busy { path } if path == folder.path()));
		}
		first.note(POINT, &[("paid_s", 1.5)]).unwrap();
		drop(first);
		assert!(Records::open(&path, "", &provenance("x"), false).unwrap().has(POINT));
	}

	#[test]
	fn what_others_measured_should_be_put_aside() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("raw.csv");
		let of = |commit: &str, machine: &str| Provenance {
			machine: machine.into(),
			..provenance(commit)
		};
		let mut records = Records::open(&path, "", &of("x", "one"), false).unwrap();
		records.note(POINT, &[("paid_s", 1.5)]).unwrap();
		drop(records);
		let text = fs::read_to_string(&path).unwrap();

		let records = Records::open(&path, "", &of("x", "another"), false).unwrap();
		assert!(!records.has(POINT));
		assert_eq!(fs::read_to_string(folder.path().join(OLD)).unwrap(), text);
		drop(records);
		for commit in ["x+", "unknown"] {
			for _ in 0..2 {
				let mut records = Records::open(&path, "", &of(commit, "one"), false).unwrap();
				assert!(!records.has(POINT), "{commit}");
				records.note(POINT, &[("paid_s", 1.5)]).unwrap();
			}
		}
	}

	#[test]
	fn an_evaluation_should_go_on_wherever_it_was_cut_off() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("raw.csv");
		let measures = [("paid_s", 1.5), ("final_s", 2.25)];
		let mut records = Records::open(&path, "", &provenance("x"), false).unwrap();
		let begun = fs::metadata(&path).unwrap().len();
		records.note(POINT, &measures).unwrap();
		let noted = fs::metadata(&path).unwrap().len();
		records.note(Point { run: 4, ..POINT }, &measures).unwrap();
		drop(records);
		let text = fs::read_to_string(&path).unwrap();
		for length in 0..text.len() {
			fs::write(&path, &text[..length]).unwrap();
			let mut records = Records::open(&path, "", &provenance("x"), false).unwrap();
			let length = length as u64;
			assert_eq!(records.has(POINT), length >= noted, "{length}");
			assert!(!records.has(Point { run: 4, ..POINT }), "{length}");
			assert_eq!(records.sessions().len(), if length < begun { 1 } else { 2 }, "{length}");
			for run in [3, 4] {
				let point = Point { run, ..POINT };
				if !records.has(point) {
					records.note(point, &measures).unwrap();
				}
			}
			drop(records);
			// What it has gone on with is as if it had never been cut off.
			let records = Records::open(&path, "", &provenance("x"), false).unwrap();
			assert_eq!(records.values("delay", "spb", 1, "paid_s"), [1.5, 1.5], "{length}");
			assert_eq!(records.rows().len(), 4, "{length}");
		}
	}

	#[test]
	fn figures_should_come_in_order_of_their_runs() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("raw.csv");
		let mut records = Records::open(&path, "", &provenance("x"), false).unwrap();
		for run in [2, 0, 1] {
			records.note(Point { run, ..POINT }, &[("paid_s", f64::from(run))]).unwrap();
		}
		assert_eq!(records.values("delay", "spb", 1, "paid_s"), [0.0, 1.0, 2.0]);
		assert_eq!(records.sizes("delay"), BTreeSet::from([1]));
	}

	#[test]
	fn a_damaged_file_should_be_refused_with_its_line() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("raw.csv");
		drop(Records::open(&path, "", &provenance("x"), false).unwrap());
		let mut text = fs::read_to_string(&path).unwrap();
		text.push_str("1,delay,spb\n\n");
		fs::write(&path, text).unwrap();
		let error = Records::open(&path, "", &provenance("x"), false).unwrap_err();
		assert!(error.to_string().contains("raw.csv:6: "), "{error}");
	}
}
