//! The command line of the program that runs the scenarios.

use super::Scenario;

/// What to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Task {
	/// Run all scenarios.
	All,
	/// Run these scenarios.
	Run(Vec<&'static str>),
	/// List all of them.
	List,
}

/// Arguments that make no sense.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
	"{0:?} is neither --all nor --list nor a scenario that --list names; to filter the other tests, \
	 name their program, as in `cargo test --test end_to_end {0}`"
)]
pub struct Unknown(pub String);

/// Reads the arguments: none for the selection, `--all`, `--list`, or names.
pub fn parse(
	arguments: impl IntoIterator<Item = String>,
	scenarios: &[Scenario],
) -> Result<Task, Unknown> {
	let (mut all, mut list, mut named) = (false, false, Vec::new());
	for argument in arguments {
		match argument.as_str() {
			"--all" => all = true,
			"--list" => list = true,
			name => match scenarios.iter().find(|scenario| scenario.name == name) {
				Some(scenario) => named.push(scenario.name),
				None => return Err(Unknown(argument)),
			},
		}
	}
	if list {
		return Ok(Task::List);
	}
	if all {
		return Ok(Task::All);
	}
	let asked_for = |scenario: &&Scenario| match named.is_empty() {
		true => scenario.selected,
		false => named.contains(&scenario.name),
	};
	Ok(Task::Run(scenarios.iter().filter(asked_for).map(|scenario| scenario.name).collect()))
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::faults::Kind;

	const SCENARIOS: [Scenario; 3] =
		[scenario("a", true), scenario("b", false), scenario("c", true)];

	const fn scenario(name: &'static str, selected: bool) -> Scenario {
		Scenario { name, kind: Kind::Fault, selected, play: |_| Box::pin(async { Ok(()) }) }
	}

	fn parsed(line: &str) -> Result<Task, Unknown> {
		parse(line.split_whitespace().map(str::to_owned), &SCENARIOS)
	}

	#[test]
	fn the_selection_should_run_unless_told_otherwise() {
		assert_eq!(parsed(""), Ok(Task::Run(vec!["a", "c"])));
		assert_eq!(parsed("--all"), Ok(Task::All));
		assert_eq!(parsed("b --all"), Ok(Task::All));
		assert_eq!(parsed("c b"), Ok(Task::Run(vec!["b", "c"])));
		assert_eq!(parsed("--list"), Ok(Task::List));
	}

	#[test]
	fn what_is_unknown_should_be_refused() {
		for unknown in ["d", "--nocapture", "--All"] {
			assert_eq!(parsed(&format!("a {unknown}")), Err(Unknown(unknown.into())));
		}
	}
}
