//! Golden vectors: `vectors/golden.json` pins every encoding, id and signed payload of the protocol.
//! The JavaScript checks recompute the same file with code of their own.
//!
//! A difference means that the protocol has changed: what is signed or stored already would no
//! longer be understood. If that is meant, give the tag of the message a new version and write the
//! file anew:
//!
//! ```text
//! UPDATE_GOLDEN=1 cargo test --release --workspace --test golden
//! ```

mod relay;
mod samples;
mod vectors;

use codec::Encode;
use serde_json::Value;
use std::{collections::BTreeSet, env, fs};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/golden.json");

/// Where two documents differ and how, each place by its path.
fn differences(path: &str, stored: &Value, computed: &Value) -> Vec<String> {
	match (stored, computed) {
		(Value::Object(stored), Value::Object(computed)) => {
			let keys: BTreeSet<&String> = stored.keys().chain(computed.keys()).collect();
			keys.into_iter()
				.flat_map(|key| {
					let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
					side_by_side(&path, stored.get(key), computed.get(key))
				})
				.collect()
		},
		(Value::Array(stored), Value::Array(computed)) => (0..stored.len().max(computed.len()))
			.flat_map(|at| {
				let (stored, computed) = (stored.get(at), computed.get(at));
				let name = computed.or(stored).and_then(|entry| entry["name"].as_str());
				let path = match name {
					Some(name) => format!("{path}[{name}]"),
					None => format!("{path}[{at}]"),
				};
				side_by_side(&path, stored, computed)
			})
			.collect(),
		_ if stored == computed => Vec::new(),
		_ => vec![format!("{path}\n    stored   {stored}\n    computed {computed}")],
	}
}

fn side_by_side(path: &str, stored: Option<&Value>, computed: Option<&Value>) -> Vec<String> {
	match (stored, computed) {
		(Some(stored), Some(computed)) => differences(path, stored, computed),
		(Some(_), None) => vec![format!("{path} is stored and no longer computed")],
		(None, Some(_)) => vec![format!("{path} is computed and not stored")],
		(None, None) => Vec::new(),
	}
}

fn stored() -> Value {
	let text = fs::read_to_string(FILE).expect("vectors/golden.json can be read");
	serde_json::from_str(&text).expect("vectors/golden.json is JSON")
}

#[test]
fn encodings_ids_and_payloads_should_be_those_of_the_golden_vectors() {
	let computed = vectors::all();
	if env::var("UPDATE_GOLDEN").is_ok_and(|value| value == "1") {
		let text = serde_json::to_string_pretty(&computed).expect("a JSON value prints");
		fs::write(FILE, text + "\n").expect("vectors/golden.json can be written");
	}
	let differences = differences("", &stored(), &computed);
	assert!(
		differences.is_empty(),
		"{} golden vectors differ; the top of tests/golden/main.rs says what to do:\n  {}",
		differences.len(),
		differences.join("\n  ")
	);
}

#[test]
fn a_reordered_field_should_be_named() {
	let ctp = samples::ordinary_ctp();
	let (vault, offer) = (codec::Compact(ctp.vault), codec::Compact(ctp.offer));
	let rest = &ctp.encode()[vault.encoded_size() + offer.encoded_size()..];
	let reordered = [&offer.encode()[..], &vault.encode(), rest].concat();

	let stored = vectors::all();
	let mut computed = stored.clone();
	let first = &mut computed["ctps"][0];
	assert_eq!(first["encoded"], vectors::hex(ctp.encode()));
	first["encoded"] = vectors::hex(reordered).into();

	let differences = differences("", &stored, &computed);
	assert_eq!(differences.len(), 1, "{differences:?}");
	assert!(differences[0].starts_with("ctps[ordinary].encoded\n"), "{differences:?}");
}

#[test]
fn vectors_that_come_and_go_should_be_named() {
	let stored = serde_json::json!({ "a": [{ "name": "x" }, { "name": "y" }], "b": 1 });
	let computed = serde_json::json!({ "a": [{ "name": "x" }], "c": 1 });
	assert_eq!(
		differences("", &stored, &computed),
		[
			"a[y] is stored and no longer computed",
			"b is stored and no longer computed",
			"c is computed and not stored",
		]
	);
}
