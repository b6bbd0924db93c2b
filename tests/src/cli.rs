//! `spb` as people run it: a process with arguments, output and an exit code.

use serde_json::Value;
use spb_testbed::Binary;
use std::{
	fs,
	io::{BufRead as _, BufReader, Lines},
	path::{Path, PathBuf},
	process::{Child, ChildStdout, Command, Stdio},
	time::Duration,
};
use tokio::{sync::mpsc, time::timeout};

/// How long a command that goes on may be silent on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

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

/// A command of `spb` that goes on by itself. Dropping it kills the process.
#[derive(Debug)]
pub struct Running {
	process: Child,
	lines: mpsc::UnboundedReceiver<String>,
}

impl Running {
	/// What it says next, on standard output; panics where it ends or says nothing for long.
	pub async fn says(&mut self) -> Value {
		let line = timeout(PATIENCE, self.lines.recv()).await;
		let line =
			line.expect("spb says something in time").expect("spb goes on until it is killed");
		serde_json::from_str(&line).unwrap_or_else(|error| panic!("no JSON ({error}): {line}"))
	}

	/// Waits until it ends, and gives its exit code and the last of what it said.
	pub async fn ends(mut self) -> (Option<i32>, Option<Value>) {
		let mut last = None;
		let said = async {
			while let Some(line) = self.lines.recv().await {
				last = serde_json::from_str(&line).ok();
			}
		};
		timeout(PATIENCE, said).await.expect("spb ends in time");
		// Its output is closed, so it is about to end.
		let status = tokio::task::block_in_place(|| self.process.wait()).unwrap();
		(status.code(), last)
	}
}

impl Drop for Running {
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

	/// Runs it with `--output json` until it ends by itself or what is returned is dropped. What it
	/// says on standard error goes to a file beside its state directory.
	pub fn running(&self, arguments: &[&str]) -> Running {
		let log = self.directory.with_extension(format!("{}.log", arguments[0]));
		let log = fs::File::options().create(true).append(true).open(log).unwrap();
		let mut command = self.command(&[&["--output", "json"], arguments].concat());
		let mut process = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
		let output = BufReader::new(process.stdout.take().unwrap());
		let (sender, lines) = mpsc::unbounded_channel();
		// It ends with the process.
		std::thread::spawn(move || {
			for line in output.lines().map_while(Result::ok) {
				if sender.send(line).is_err() {
					break;
				}
			}
		});
		Running { process, lines }
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
