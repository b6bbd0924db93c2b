//! What `deny.toml` says of dependencies holds of those in `Cargo.lock`: cargo-deny reads the same file,
//! but compiles for minutes. And the benchmarks measure what the chain is made of.

use serde_json::Value;
use std::{
	collections::{BTreeMap, BTreeSet},
	env, fs,
	iter::Peekable,
	path::{Path, PathBuf},
	process::Command,
};

/// The registry that all dependencies come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn root() -> PathBuf {
	Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What is in quotes in a text.
fn quoted(text: &str) -> BTreeSet<&str> {
	text.split('"').skip(1).step_by(2).collect()
}

/// What stands in a text between these.
fn between<'a>(text: &'a str, first: &str, last: &str) -> &'a str {
	let (_, rest) = text.split_once(first).unwrap_or_else(|| panic!("deny.toml has no {first}"));
	rest.split_once(last).unwrap_or_else(|| panic!("deny.toml has no {last} after {first}")).0
}

/// What may be, by `deny.toml`.
struct Rules<'a> {
	licenses: BTreeSet<&'a str>,
	/// The crates whose licence a person has read, because their manifests do not name it.
	read: BTreeSet<&'a str>,
	banned: BTreeSet<&'a str>,
}

impl<'a> Rules<'a> {
	fn of(text: &'a str) -> Self {
		let named = |text: &'a str| {
			let crates = text.split("crate = ").skip(1);
			crates.filter_map(|rest| rest.split('"').nth(1)).collect::<BTreeSet<_>>()
		};
		Self {
			licenses: quoted(between(text, "\nallow = [", "]")),
			read: named(between(text, "[[licenses.clarify]]", "\n[bans]")),
			banned: named(between(text, "\ndeny = [", "]\n")),
		}
	}

	/// Whether the licences that an SPDX expression leaves to choose are among those that may be.
	fn allow(&self, expression: &str) -> bool {
		let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
		let mut words = spaced.split_whitespace().peekable();
		let allowed = self.any(&mut words);
		allowed && words.next().is_none()
	}

	fn any<'w>(&self, words: &mut Peekable<impl Iterator<Item = &'w str>>) -> bool {
		let mut allowed = self.all(words);
		while words.next_if_eq(&"OR").is_some() {
			allowed |= self.all(words);
		}
		allowed
	}

	fn all<'w>(&self, words: &mut Peekable<impl Iterator<Item = &'w str>>) -> bool {
		let mut allowed = self.one(words);
		while words.next_if_eq(&"AND").is_some() {
			allowed &= self.one(words);
		}
		allowed
	}

	fn one<'w>(&self, words: &mut Peekable<impl Iterator<Item = &'w str>>) -> bool {
		if words.next_if_eq(&"(").is_some() {
			let allowed = self.any(words);
			return words.next_if_eq(&")").is_some() && allowed;
		}
		let Some(license) = words.next() else { return false };
		match words.next_if_eq(&"WITH").and_then(|_| words.next()) {
			Some(exception) => self.licenses.contains(&*format!("{license} WITH {exception}")),
			None => self.licenses.contains(license),
		}
	}
}

/// All packages that are compiled here and what they depend on, as cargo describes them.
fn metadata() -> Value {
	let host = format!("{}-unknown-linux-gnu", env::consts::ARCH);
	let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
	let output = Command::new(cargo)
		.current_dir(root())
		.args(["metadata", "--format-version", "1", "--locked", "--offline"])
		.args(["--filter-platform", &host])
		.output()
		.unwrap();
	let words = String::from_utf8_lossy(&output.stderr);
	assert!(output.status.success(), "{words}");
	serde_json::from_slice(&output.stdout).unwrap()
}

/// The elements of a list of cargo's.
fn list(value: &Value) -> &[Value] {
	value.as_array().map(Vec::as_slice).unwrap_or_else(|| panic!("{value} is no list"))
}

#[test]
fn dependencies_should_be_what_deny_toml_allows() {
	let text = fs::read_to_string(root().join("deny.toml")).unwrap();
	let rules = Rules::of(&text);
	assert!(rules.licenses.contains("Apache-2.0") && rules.banned.contains("librocksdb-sys"));
	let metadata = metadata();
	let mut foreign = 0;
	for package in list(&metadata["packages"]) {
		let name = package["name"].as_str().unwrap();
		assert!(!rules.banned.contains(name), "{name} is banned by deny.toml");
		let Some(source) = package["source"].as_str() else { continue };
		assert_eq!(source, REGISTRY, "{name}");
		let allowed = match package["license"].as_str() {
			Some(license) => rules.allow(license),
			None => rules.read.contains(name),
		};
		assert!(allowed, "{name}: {} is not among the licences in deny.toml", package["license"]);
		foreign += 1;
	}
	assert!(foreign > 500, "{foreign} dependencies are too few to be all");
}

/// The names of all that is compiled into a package, itself included: neither what its tests need nor what
/// its build does.
fn compiled_into<'a>(metadata: &'a Value, package: &str) -> BTreeSet<&'a str> {
	let names: BTreeMap<&str, &str> = list(&metadata["packages"])
		.iter()
		.map(|package| (package["id"].as_str().unwrap(), package["name"].as_str().unwrap()))
		.collect();
	let nodes: BTreeMap<&str, &Value> = list(&metadata["resolve"]["nodes"])
		.iter()
		.map(|node| (node["id"].as_str().unwrap(), node))
		.collect();
	let asked = names.iter().filter(|(_, name)| **name == package);
	let mut waiting: Vec<&str> = asked.map(|(id, _)| *id).collect();
	let mut seen = BTreeSet::new();
	while let Some(id) = waiting.pop() {
		if !seen.insert(id) {
			continue;
		}
		let normal = |dependency: &&Value| {
			list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null())
		};
		let dependencies = list(&nodes[id]["deps"]).iter().filter(normal);
		waiting.extend(dependencies.map(|dependency| dependency["pkg"].as_str().unwrap()));
	}
	seen.iter().map(|id| names[id]).collect()
}

#[test]
fn primitives_should_not_depend_on_frame() {
	let metadata = metadata();
	let of_frame = |package: &str| {
		let compiled = compiled_into(&metadata, package);
		assert!(compiled.len() > 100, "{package} depends on {compiled:?}, which is not all");
		compiled.into_iter().filter(|name| name.starts_with("frame-")).collect::<Vec<_>>()
	};
	assert_eq!(of_frame("spb-primitives"), Vec::<&str>::new());
	// A package that does depend on it is known to.
	assert!(of_frame("pallet-spb").contains(&"frame-support"));
}

#[test]
fn licenses_should_be_read_as_they_are_meant() {
	let rules = Rules {
		licenses: ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].into(),
		read: BTreeSet::new(),
		banned: BTreeSet::new(),
	};
	for good in [
		"MIT",
		"GPL-3.0 OR MIT",
		"MIT AND ISC",
		"GPL-3.0/MIT",
		"(GPL-3.0 OR MIT) AND ISC",
		"Apache-2.0 WITH LLVM-exception OR GPL-3.0",
	] {
		assert!(rules.allow(good), "{good}");
	}
	for bad in [
		"",
		"GPL-3.0",
		"MIT AND GPL-3.0",
		"MIT ISC",
		"(MIT",
		"Apache-2.0",
		"MIT WITH LLVM-exception",
		"(GPL-3.0 OR ISC) AND GPL-3.0",
	] {
		assert!(!rules.allow(bad), "{bad}");
	}
}

/// The versions of each package in a lock file.
fn locked(path: &Path) -> BTreeMap<String, BTreeSet<String>> {
	let text = fs::read_to_string(path).unwrap();
	let mut versions = BTreeMap::<_, BTreeSet<_>>::new();
	for package in text.split("[[package]]\n").skip(1) {
		let value = |name: &str| {
			let line = package.lines().find_map(|line| line.strip_prefix(name)).unwrap();
			line.trim_matches('"').to_owned()
		};
		versions.entry(value("name = ")).or_default().insert(value("version = "));
	}
	versions
}

#[test]
fn benchmarks_should_measure_the_dependencies_of_the_chain() {
	let (chain, measured) =
		(locked(&root().join("Cargo.lock")), locked(&root().join("benchmarks/Cargo.lock")));
	let mut both = 0;
	for (name, versions) in &measured {
		let Some(of_chain) = chain.get(name) else { continue };
		assert!(versions.is_subset(of_chain), "{name}: {versions:?} and {of_chain:?}");
		both += 1;
	}
	assert!(both > 300, "{both} packages are too few to be all");
}
