//! Measured weights as Rust.

use crate::{
	cost::{Cost, Line},
	provenance::Provenance,
};
use std::fmt::Write;

/// The module that implements a pallet's `WeightInfo` with what was measured of sources with this digest.
pub fn render(pallet: &str, sources: &str, costs: &[Cost], provenance: &Provenance) -> String {
	let Provenance { date, machine, compiler, command, steps, repeat } = provenance;
	let mut text = format!(
		"//! What the calls of `{pallet}` cost, as measured.
//! Written by the command below, not by hand.
//!
//! * Date: {date}
//! * Machine: {machine}
//! * Compiler: {compiler}
//! * Command: `{command}`
//! * Steps: {steps}, repeat: {repeat}
//! * Sources: `{sources}`

use super::WeightInfo;
use core::marker::PhantomData;
use frame_support::{{traits::Get, weights::Weight}};

/// The measured weights, with the database's constants of a runtime.
pub struct Measured<T>(PhantomData<T>);

impl<T: frame_system::Config> WeightInfo for Measured<T> {{
"
	);
	for cost in costs {
		text.push_str(&function(cost));
	}
	text.push_str("}\n");
	text
}

/// One function of `WeightInfo`.
fn function(cost: &Cost) -> String {
	let mut ranges = String::new();
	for component in &cost.components {
		let (name, low, high) = (component.name, component.low, component.high);
		let _ = writeln!(ranges, "\t/// `{name}` from {low} to {high}.");
	}
	let shortest = underscored(cost.shortest);
	let mut text = format!(
		"{ranges}\tfn {}({}) -> Weight {{\n\t\t// The shortest run took {shortest} ps.\n",
		cost.name,
		parameters(cost),
	);
	let _ = write!(text, "\t\tWeight::from_parts({}, 0)", underscored(cost.time.base));
	for (place, component) in cost.components.iter().enumerate() {
		let slope = slope(&cost.time, place);
		if slope > 0 {
			let error = cost.time.errors.get(place).copied().unwrap_or_default();
			let (slope, error) = (underscored(slope), underscored(error));
			let name = component.name;
			let _ = write!(
				text,
				"\n\t\t\t// Standard error: {error} ps.\
				 \n\t\t\t.saturating_add(Weight::from_parts({slope}, 0).saturating_mul({name}.into()))",
			);
		}
	}
	text.push_str(&operations(cost, &cost.reads, "reads"));
	text.push_str(&operations(cost, &cost.writes, "writes"));
	text.push_str("\n\t}\n");
	text
}

/// The components as parameters of a function, marked where the cost does not depend on them.
fn parameters(cost: &Cost) -> String {
	let parameter = |(place, component): (usize, &crate::measure::Component)| {
		let lines = [&cost.time, &cost.reads, &cost.writes];
		let used = lines.iter().any(|line| slope(line, place) > 0);
		format!("{}{}: u32", if used { "" } else { "_" }, component.name)
	};
	cost.components.iter().enumerate().map(parameter).collect::<Vec<_>>().join(", ")
}

/// The reads or the writes of a function.
fn operations(cost: &Cost, line: &Line, kind: &str) -> String {
	let mut text = String::new();
	if line.base > 0 {
		let base = underscored(line.base);
		let _ = write!(text, "\n\t\t\t.saturating_add(T::DbWeight::get().{kind}({base}))");
	}
	for (place, component) in cost.components.iter().enumerate() {
		let slope = slope(line, place);
		if slope > 0 {
			let (slope, name) = (underscored(slope), component.name);
			let _ = write!(
				text,
				"\n\t\t\t.saturating_add(T::DbWeight::get().{kind}({slope}).saturating_mul({name}.into()))",
			);
		}
	}
	text
}

fn slope(line: &Line, place: usize) -> u64 {
	line.slopes.get(place).copied().unwrap_or_default()
}

/// A number with its digits in groups of three.
fn underscored(number: u64) -> String {
	let digits = number.to_string();
	let mut text = String::new();
	for (place, digit) in digits.chars().enumerate() {
		if place > 0 && (digits.len() - place) % 3 == 0 {
			text.push('_');
		}
		text.push(digit);
	}
	text
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::measure::Component;
	use frame_benchmarking::BenchmarkParameter::{n, o};

	fn line(base: u64, slopes: &[u64]) -> Line {
		Line {
			base,
			slopes: slopes.to_vec(),
			errors: slopes.iter().map(|slope| slope / 10).collect(),
		}
	}

	#[test]
	fn weights_should_be_rust_with_their_provenance() {
		let provenance = Provenance {
			date: "2026-01-02".into(),
			machine: "a machine".into(),
			compiler: "a compiler".into(),
			command: "a command".into(),
			steps: 3,
			repeat: 4,
		};
		let call = Cost {
			name: "call".into(),
			components: Vec::new(),
			time: line(1_234_567, &[]),
			shortest: 1_000,
			reads: line(2, &[]),
			writes: line(0, &[]),
		};
		let hook = Cost {
			name: "hook".into(),
			components: vec![
				Component { name: n, low: 0, high: 5_000 },
				Component { name: o, low: 1, high: 9 },
			],
			time: line(10, &[2_000, 0]),
			shortest: 9,
			reads: line(0, &[7, 0]),
			writes: line(1, &[4, 0]),
		};
		let expected = "//! What the calls of `pallet_made_up` cost, as measured.
//! Written by the command below, not by hand.
//!
//! * Date: 2026-01-02
//! * Machine: a machine
//! * Compiler: a compiler
//! * Command: `a command`
//! * Steps: 3, repeat: 4
//! * Sources: `0123`

use super::WeightInfo;
use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// The measured weights, with the database's constants of a runtime.
pub struct Measured<T>(PhantomData<T>);

impl<T: frame_system::Config> WeightInfo for Measured<T> {
	fn call() -> Weight {
		// The shortest run took 1_000 ps.
		Weight::from_parts(1_234_567, 0)
			.saturating_add(T::DbWeight::get().reads(2))
	}
	/// `n` from 0 to 5000.
	/// `o` from 1 to 9.
	fn hook(n: u32, _o: u32) -> Weight {
		// The shortest run took 9 ps.
		Weight::from_parts(10, 0)
			// Standard error: 200 ps.
			.saturating_add(Weight::from_parts(2_000, 0).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().reads(7).saturating_mul(n.into()))
			.saturating_add(T::DbWeight::get().writes(1))
			.saturating_add(T::DbWeight::get().writes(4).saturating_mul(n.into()))
	}
}
";
		assert_eq!(render("pallet_made_up", "0123", &[call, hook], &provenance), expected);
	}

	#[test]
	fn long_numbers_should_be_readable() {
		let cases = [(0, "0"), (999, "999"), (1_000, "1_000"), (1_234_567, "1_234_567")];
		for (number, text) in cases {
			assert_eq!(underscored(number), text);
		}
	}
}
