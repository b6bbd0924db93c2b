//! `spb` as people run it: a process with arguments, output and an exit code.

use serde_json::Value;
use spb_testbed::Binary;
use std::{
	io::{BufRead as _, BufReader, Lines},
	path::{Path, PathBuf},
	process::{Child, ChildStdout, Command, Stdio},
};

/// How to run `spb`.
#[derive(Clone, Debug)]
pub struct Cli {
	program: PathBuf,
	url: String,
	directory: PathBuf,
	development: Option<String>,
}

/// A running `spb watch`. Dropping it kills the process.
#[derive(Debug)]
pub struct Watch {
	process: Child,
	lines: Lines<BufReader<ChildStdout>>,
}

impl Watch {
	/// Waits for the next change; panics where the process ends.
	pub fn change(&mut self) -> Value {
		let line = tokio::task::block_in_place(|| self.lines.next());
		let line = line.expect("spb watch ends when it is killed").unwrap();
		serde_json::from_str::<Value>(&line).unwrap()["result"].take()
	}
}

impl Drop for Watch {
	fn drop(&mut self) {
		// It may be gone already.
		let _ = self.process.kill();
		let _ = self.process.wait();
	}
}

/// What a run of `spb` came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
	/// The exit code.
	pub code: Option<i32>,
	/// Standard output without the last line break.
	pub output: String,
	/// Standard error.
	pub errors: String,
}

impl Cli {
	/// With this node and state directory.
	pub fn new(url: &str, directory: &Path) -> Self {
		let program = Binary::Cli.find().unwrap_or_else(|error| panic!("{error}"));
		Self { program, url: url.into(), directory: directory.into(), development: None }
	}

	/// With a development key.
	#[must_use]
	pub fn development(&self, uri: &str) -> Self {
		Self { development: Some(uri.into()), ..self.clone() }
	}

	/// With another node.
	#[must_use]
	pub fn url(&self, url: &str) -> Self {
		Self { url: url.into(), ..self.clone() }
	}

	fn command(&self, arguments: &[&str]) -> Command {
		let mut command = Command::new(&self.program);
		command.args(["--url", &self.url]).arg("--dir").arg(&self.directory).args(arguments);
		if let Some(uri) = &self.development {
			command.args(["--dev", uri]);
		}
		command
	}

	/// Runs it.
	pub async fn run(&self, arguments: &[&str]) -> Answer {
		let mut command = self.command(arguments);
		let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
		let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim_end().to_owned();
		Answer {
			code: output.status.code(),
			output: text(output.stdout),
			errors: text(output.stderr),
		}
	}

	/// Runs it, expects it to succeed, and gives its output.
	pub async fn done(&self, arguments: &[&str]) -> String {
		let answer = self.run(arguments).await;
		assert_eq!(answer.code, Some(0), "spb {}: {}", arguments.join(" "), answer.errors);
		answer.output
	}

	/// Runs it with `--output json` and gives the exit code and the one object that it writes.
	pub async fn json(&self, arguments: &[&str]) -> (Option<i32>, Value) {
		let answer = self.run(&[&["--output", "json"], arguments].concat()).await;
		let value = serde_json::from_str(&answer.output).unwrap_or_else(|error| {
			panic!("spb {}: no JSON ({error}): {answer:?}", arguments.join(" "))
		});
		(answer.code, value)
	}

	/// Runs `spb watch --output json` until what is returned is dropped.
	pub fn watch(&self) -> Watch {
		let mut command = self.command(&["--output", "json", "watch"]);
		let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
		let lines = BufReader::new(process.stdout.take().unwrap()).lines();
		Watch { process, lines }
	}

	/// Runs it with `--output json`, expects it to succeed, and gives its result.
	pub async fn result(&self, arguments: &[&str]) -> Value {
		let (code, mut value) = self.json(arguments).await;
		assert_eq!(code, Some(0), "spb {}: {value}", arguments.join(" "));
		assert!(value["command"].is_string(), "{value}");
		value["result"].take()
	}

	/// Runs it with `--output json`, expects it to fail, and gives the exit code and the error's.
	pub async fn error(&self, arguments: &[&str]) -> (Option<i32>, String) {
		let (code, value) = self.json(arguments).await;
		let error = &value["error"];
		assert!(error["message"].is_string() && error["kind"].is_string(), "{value}");
		(code, error["code"].as_str().unwrap_or_default().to_owned())
	}
}
