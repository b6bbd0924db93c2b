//! The commands of a document, as a test runs them.
//!
//! A block of commands is fenced with `console` or `sh` and stands below a comment that says what
//! the test does with it:
//!
//! * `<!-- test -->`: runs it, in a fresh folder with a fresh home;
//! * `<!-- test: continued -->`: runs it where the last one ran;
//! * `<!-- no-test: why -->`: leaves it alone.
//!
//! Lines that begin with `$ ` are commands, one that ends with `\` goes on in the next; the others
//! show what comes out. All commands of a block run in one shell that stops at the first failure; one
//! that the block leaves in the background ends with it.

use std::fmt;

/// What a test does with a block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mark {
	/// Runs it in a fresh folder.
	Fresh,
	/// Runs it where the last one ran.
	Continued,
	/// Leaves it alone, for this reason.
	Left(String),
}

/// A block of commands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
	/// The line of its fence, from 1.
	pub line: usize,
	/// What a test does with it.
	pub mark: Mark,
	/// Its commands, for a shell.
	pub script: String,
}

/// What is wrong with a document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unclear {
	/// The line, from 1.
	pub line: usize,
	/// What is wrong with it.
	pub reason: &'static str,
}

impl fmt::Display for Unclear {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		write!(f, "line {}: {}", self.line, self.reason)
	}
}

/// The blocks of commands in a text.
pub fn blocks(text: &str) -> Result<Vec<Block>, Unclear> {
	let mut blocks: Vec<Block> = Vec::new();
	let mut mark = None;
	let mut lines = (1..).zip(text.lines());
	while let Some((line, text)) = lines.next() {
		let text = text.trim();
		if let Some(found) = parse_mark(text) {
			mark = Some(found);
		} else if let Some(language) = text.strip_prefix("```") {
			let content: Vec<&str> = lines
				.by_ref()
				.map(|(_, text)| text)
				.take_while(|text| text.trim() != "```")
				.collect();
			if !matches!(language, "console" | "sh") {
				continue;
			}
			let unclear = |reason| Unclear { line, reason };
			let mark = mark.take().ok_or_else(|| {
				unclear("mark the block with <!-- test --> or <!-- no-test: why --> above it")
			})?;
			if mark == Mark::Continued && blocks.iter().all(|block| block.mark != Mark::Fresh) {
				return Err(unclear("there is no block before this one to go on from"));
			}
			let script = commands(&content);
			if script.is_empty() && !matches!(mark, Mark::Left(_)) {
				return Err(unclear("there is no line that begins with `$ ` in the block"));
			}
			blocks.push(Block { line, mark, script });
		} else if !text.is_empty() && mark.is_some() {
			return Err(Unclear { line, reason: "a mark stands right above its block" });
		}
	}
	Ok(blocks)
}

fn parse_mark(text: &str) -> Option<Mark> {
	let comment = text.strip_prefix("<!--")?.strip_suffix("-->")?.trim();
	match comment.split_once(':').map(|(name, rest)| (name.trim(), rest.trim())) {
		None if comment == "test" => Some(Mark::Fresh),
		Some(("test", "continued")) => Some(Mark::Continued),
		Some(("no-test", reason)) if !reason.is_empty() => Some(Mark::Left(reason.to_owned())),
		_ => None,
	}
}

/// The commands among a block's lines, for a shell.
fn commands(lines: &[&str]) -> String {
	let mut script = String::new();
	let mut goes_on = false;
	for line in lines {
		let command = if goes_on { Some(*line) } else { line.strip_prefix("$ ") };
		if let Some(command) = command {
			script.push_str(command);
			script.push('\n');
			goes_on = command.ends_with('\\');
		}
	}
	script
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn marked_blocks_should_be_found_with_their_commands() {
		let text = "# T\n\n<!-- test -->\n```console\n$ spb a \\\n    --b\nout\n$ spb c\n```\n\
			text\n\n<!-- test: continued -->\n\n```sh\n$ d\n```\n\
			```rust\nfn main() {}\n```\n<!-- no-test: builds -->\n```sh\ncargo xtask demo\n```\n";
		let block = |line, mark, script: &str| Block { line, mark, script: script.into() };
		let found = blocks(text).unwrap();
		let expected = [
			block(4, Mark::Fresh, "spb a \\\n    --b\nspb c\n"),
			block(14, Mark::Continued, "d\n"),
			block(21, Mark::Left("builds".into()), ""),
		];
		assert_eq!(found, expected);
	}

	#[test]
	fn what_is_unclear_should_be_refused() {
		for (text, line) in [
			("```sh\n$ a\n```\n", 1),
			("<!-- no-test: -->\n```sh\n$ a\n```\n", 2),
			("<!-- test -->\n```sh\na\n```\n", 2),
			("<!-- test: continued -->\n```sh\n$ a\n```\n", 2),
			("<!-- test -->\ntext\n```sh\n$ a\n```\n", 2),
			("<!-- test -->\n```sh\n$ a\n```\n```sh\n$ a\n```\n", 5),
		] {
			assert_eq!(blocks(text).map_err(|unclear| unclear.line), Err(line), "{text}");
		}
	}
}
