//! Attacks and faults over real validators.
//!
//! Without arguments it plays the selection that fits among the other tests; `--all` plays every
//! scenario, names play those, `--list` lists them. What came of all scenarios is in
//! `target/faults/report.json`, what came of a selection or of some by name in
//! `target/faults/selection.json`, each until the next run of its kind. Exit code 0 if all passed, 1 if
//! not, 2 for arguments that make no sense.

mod attacks;
mod clock;
mod disk;
mod joining;
mod kill;
mod many;
mod partition;
mod pause;

use spb_testbed::interrupted;
use spb_tests::faults::{
	arguments::{self, Task},
	report::{self, Extent, Outcome},
	Kind, Scenario,
};
use std::{env, io, path::Path, process::ExitCode};

/// Where what scenarios share is kept.
const SHARED: &str = env!("CARGO_TARGET_TMPDIR");

/// The faults, in the order in which they are played; the attacks come after them.
const SCENARIOS: &[Scenario] = &[
	Scenario {
		name: "kill-and-restart",
		kind: Kind::Fault,
		selected: true,
		play: |trial| Box::pin(kill::each_in_turn(trial)),
	},
	Scenario {
		name: "lost-disk",
		kind: Kind::Fault,
		selected: false,
		play: |trial| Box::pin(joining::wiped(trial)),
	},
	Scenario {
		name: "lost-database",
		kind: Kind::Fault,
		selected: false,
		play: |trial| Box::pin(joining::lost_database(trial)),
	},
	Scenario {
		name: "kill-while-importing",
		kind: Kind::Fault,
		selected: false,
		play: |trial| Box::pin(joining::killed_while_importing(trial)),
	},
	Scenario {
		name: "thousand-at-once",
		kind: Kind::Fault,
		selected: false,
		play: |trial| Box::pin(many::a_thousand(trial)),
	},
	Scenario {
		name: "pause-30-s",
		kind: Kind::Fault,
		selected: false,
		play: |trial| Box::pin(pause::half_a_minute(trial)),
	},
	Scenario {
		name: "partition-two-against-two",
		kind: Kind::Fault,
		selected: false,
		play: |trial| Box::pin(partition::two_against_two(trial)),
	},
	Scenario {
		name: "full-disk",
		kind: Kind::Fault,
		selected: false,
		play: |trial| Box::pin(disk::full(trial)),
	},
	Scenario {
		name: "clock-20-s-ahead",
		kind: Kind::Fault,
		selected: false,
		play: |trial| Box::pin(clock::off_by(trial, 20)),
	},
	Scenario {
		name: "clock-20-s-behind",
		kind: Kind::Fault,
		selected: false,
		play: |trial| Box::pin(clock::off_by(trial, -20)),
	},
	Scenario {
		name: "join-a-long-chain",
		kind: Kind::Fault,
		selected: false,
		play: |trial| Box::pin(joining::long_chain(trial)),
	},
];

/// All scenarios, in the order in which they are played.
fn scenarios() -> Vec<Scenario> {
	[SCENARIOS, attacks::SCENARIOS].concat()
}

fn main() -> ExitCode {
	let (names, extent) = match arguments::parse(env::args().skip(1), &scenarios()) {
		Ok(Task::All) => {
			let names: Vec<_> = scenarios().iter().map(|scenario| scenario.name).collect();
			(names, Extent::Whole)
		},
		Ok(Task::Run(names)) => (names, Extent::Selection),
		Ok(Task::List) => {
			for Scenario { name, kind, selected, .. } in scenarios() {
				let selected = if selected { "among the tests" } else { "" };
				println!("{name:<28}{kind:?}  {selected}");
			}
			return ExitCode::SUCCESS;
		},
		Err(unknown) => {
			eprintln!("error: {unknown}");
			return ExitCode::from(2);
		},
	};
	match play(&names, extent) {
		Ok(outcomes) if outcomes.iter().all(|outcome| outcome.passed) => ExitCode::SUCCESS,
		Ok(_) => ExitCode::FAILURE,
		Err(error) => {
			eprintln!("error: {error}");
			ExitCode::FAILURE
		},
	}
}

/// Plays scenarios one after the other; the report has those that are over.
fn play(names: &[&str], extent: Extent) -> io::Result<Vec<Outcome>> {
	let place = report::place(extent)?;
	let runtime = tokio::runtime::Builder::new_multi_thread()
		// A scenario that starts a node keeps a thread busy, and the load must go on.
		.worker_threads(4)
		.enable_all()
		.build()?;
	let mut outcomes = Vec::new();
	for scenario in scenarios() {
		if !names.contains(&scenario.name) {
			continue;
		}
		println!("{} of {}: {}", outcomes.len() + 1, names.len(), scenario.name);
		// Interrupted, everything that a scenario has made goes with the runtime.
		let outcome = runtime.block_on(async {
			tokio::select! {
				outcome = scenario.run(Path::new(SHARED)) => Ok(outcome),
				() = interrupted() => Err(io::Error::from(io::ErrorKind::Interrupted)),
			}
		})?;
		println!("{outcome}");
		outcomes.push(outcome);
		report::write(&place, &outcomes)?;
	}
	let passed = outcomes.iter().filter(|outcome| outcome.passed).count();
	println!("{passed} of {} passed; the report is in {}", outcomes.len(), place.display());
	Ok(outcomes)
}
