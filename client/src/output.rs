//! What `spb` writes: for people, or with `--output json` one shape for every command.
//!
//! ```json
//! {"command": "vault deposit", "result": {...}}
//! {"command": "vault deposit", "error": {"kind": "...", "code": "...", "message": "..."}}
//! ```
//!
//! An answer that says no, such as an audit with findings, has both.

use serde::Serialize;
use serde_json::{json, Value};
use spb_client::{
	error::{Classify, Kind},
	Error, Result,
};
use std::io::{self, Write};

/// How to write.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Format {
	/// For people.
	#[default]
	Human,
	/// One JSON object to a line.
	Json,
}

/// What a command has to say.
pub trait Report: Serialize {
	/// For people, without the last line break.
	fn human(&self) -> String;

	/// What makes the command fail although it has an answer.
	fn verdict(&self) -> Result<()> {
		Ok(())
	}
}

/// What a command has said, in both ways.
#[derive(Debug)]
pub struct Answer {
	human: String,
	result: Value,
	error: Option<Error>,
}

impl Answer {
	/// The answer that a report makes.
	pub fn of(report: &impl Report) -> Result<Self> {
		let result = serde_json::to_value(report).map_err(io::Error::from)?;
		Ok(Self { human: report.human(), result, error: report.verdict().err() })
	}

	/// What makes the command fail although it has an answer.
	pub fn error(&self) -> Option<&Error> {
		self.error.as_ref()
	}

	/// The line or lines to write.
	pub fn render(&self, command: &str, format: Format) -> String {
		match format {
			Format::Human => self.human.clone(),
			Format::Json => {
				let mut object = json!({ "command": command, "result": self.result });
				if let Some(error) = &self.error {
					object["error"] = error_object(error.kind(), &error.code(), &error.to_string());
				}
				object.to_string()
			},
		}
	}
}

/// Where an error is to be written, and what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Complaint {
	/// For people, on standard error.
	Stderr(String),
	/// For programs, on standard output.
	Stdout(String),
}

/// How a command's error is written.
pub fn complaint(command: &str, error: &Error, format: Format) -> Complaint {
	complain(command, error.kind(), &error.code(), &error.to_string(), format)
}

/// How an error is written.
pub fn complain(command: &str, kind: Kind, code: &str, message: &str, format: Format) -> Complaint {
	match format {
		Format::Human => Complaint::Stderr(format!("error: {message}")),
		Format::Json => {
			let error = error_object(kind, code, message);
			Complaint::Stdout(json!({ "command": command, "error": error }).to_string())
		},
	}
}

fn error_object(kind: Kind, code: &str, message: &str) -> Value {
	json!({ "kind": kind.name(), "code": code, "message": message })
}

/// Writes lines to standard output. That nobody reads them any more is no error.
pub fn write_out(text: &str) -> Result<()> {
	let mut out = io::stdout().lock();
	match writeln!(out, "{text}").and_then(|()| out.flush()) {
		Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
		other => Ok(other?),
	}
}

/// Columns under headings, as wide as they need to be.
pub fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
	let widths: Vec<usize> = (0..N)
		.map(|column| {
			let cells = rows.iter().map(|row| row[column].chars().count());
			cells.chain([headings[column].chars().count()]).max().unwrap_or_default()
		})
		.collect();
	let line = |cells: &[String; N]| {
		let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
		padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
	};
	let headings = headings.map(str::to_owned);
	std::iter::once(&headings).chain(rows).map(line).collect::<Vec<_>>().join("\n")
}

/// What a report says as JSON, for the tests that pin its shape.
#[cfg(test)]
pub fn result_of(report: &impl Report) -> Value {
	Answer::of(report).expect("reports can be written").result
}

#[cfg(test)]
mod tests {
	use super::*;
	use spb_primitives::Refusal;

	#[derive(Serialize)]
	struct Greeting {
		name: &'static str,
	}

	impl Report for Greeting {
		fn human(&self) -> String {
			format!("Good day, {}!", self.name)
		}
	}

	#[test]
	fn results_should_have_one_shape() {
		let answer = Answer::of(&Greeting { name: "Ada" }).unwrap();
		assert_eq!(answer.render("greet", Format::Human), "Good day, Ada!");
		assert_eq!(
			answer.render("greet", Format::Json),
			r#"{"command":"greet","result":{"name":"Ada"}}"#
		);
	}

	#[test]
	fn errors_should_have_one_shape() {
		let error = Error::from(Refusal::NoEnergy);
		let text = "the CTP asks for no energy (R2)";
		assert_eq!(
			complaint("ctp", &error, Format::Human),
			Complaint::Stderr(format!("error: {text}"))
		);
		assert_eq!(
			complaint("ctp", &error, Format::Json),
			Complaint::Stdout(format!(
				r#"{{"command":"ctp","error":{{"code":"NoEnergy","kind":"refused","message":"{text}"}}}}"#
			))
		);
	}

	/// An answer that says no.
	#[derive(Serialize)]
	struct No {}

	impl Report for No {
		fn human(&self) -> String {
			"no".into()
		}

		fn verdict(&self) -> Result<()> {
			Err(Refusal::NoEnergy.into())
		}
	}

	#[test]
	fn answers_that_say_no_should_have_result_and_error() {
		let answer = Answer::of(&No {}).unwrap();
		assert_eq!(answer.render("ask", Format::Human), "no");
		let said: Value = serde_json::from_str(&answer.render("ask", Format::Json)).unwrap();
		assert_eq!((&said["result"], &said["error"]["code"]), (&json!({}), &json!("NoEnergy")));
		assert_eq!(answer.error().map(Classify::kind), Some(Kind::Refused));
	}

	#[test]
	fn tables_should_line_up() {
		let rows = [["1".into(), "250 Wh".into()], ["12".into(), "7 Wh".into()]];
		assert_eq!(table(["id", "energy"], &rows), "id  energy\n1   250 Wh\n12  7 Wh");
		assert_eq!(table(["id"], &[]), "id");
	}
}
