//! Backbones of many nodes, on which the protocol's own routing rule carries the letters of
//! negotiations between keys drawn at random. The same plan gives the same figures everywhere.

use super::{
	overlay::{draw, Overlay},
	report::{Row, Source},
	Writer, NEGOTIATION,
};
use sp_runtime::traits::Hash;
use spb_primitives::{
	relay::{nearest, ContactKey, Hop, NodeIdentifier, Table, BUCKET_SIZE, MAX_HOPS},
	Hashing,
};
use std::collections::BTreeMap;

/// What to simulate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
	/// Backbones of so many nodes.
	pub nodes: Vec<usize>,
	/// Negotiations on each.
	pub negotiations: usize,
	/// What everything that is drawn follows from.
	pub seed: u64,
}

impl Default for Plan {
	/// From a handful to 10,000 nodes, two steps to a power of ten.
	fn default() -> Self {
		let nodes = vec![4, 10, 32, 100, 316, 1_000, 3_162, 10_000];
		Self { nodes, negotiations: 150, seed: 2_026 }
	}
}

/// The routing rule did not do what it should.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SimulationError {
	/// A packet stopped at a node that its key does not belong to.
	#[error(
		"a packet for {to} stopped at {at} on a backbone of {nodes} nodes: it belongs to another"
	)]
	Astray {
		/// How many nodes there are.
		nodes: usize,
		/// Whose packet it is.
		to: ContactKey,
		/// Where it stopped.
		at: NodeIdentifier,
	},
	/// A packet took more hops than a packet may.
	#[error("a packet for {to} took more than {most} hops on a backbone of {nodes} nodes", most = MAX_HOPS)]
	TooFar {
		/// How many nodes there are.
		nodes: usize,
		/// Whose packet it is.
		to: ContactKey,
	},
	/// There is no backbone.
	#[error("a backbone has at least one node: plan one")]
	NoNodes,
}

/// Whether every node knows all others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tables {
	/// It does.
	Full,
	/// It knows [`BUCKET_SIZE`] of each bucket.
	Partial,
}

/// Simulates the plan: for each number of nodes a row with full tables and one with partial ones.
pub fn simulate(plan: &Plan) -> Result<Vec<Row>, SimulationError> {
	let mut rows = Vec::new();
	for &nodes in &plan.nodes {
		let backbone = Backbone::random(nodes, plan.seed);
		for tables in [Tables::Full, Tables::Partial] {
			rows.push(backbone.row(tables, plan)?);
		}
	}
	Ok(rows)
}

/// A backbone.
struct Backbone {
	/// In order.
	nodes: Vec<NodeIdentifier>,
}

impl Backbone {
	fn random(nodes: usize, seed: u64) -> Self {
		let identifier = |node: usize| {
			let drawn = Hashing::hash_of(&(seed, b"node", nodes as u64, node as u64));
			NodeIdentifier(drawn)
		};
		let mut nodes: Vec<_> = (0..nodes).map(identifier).collect();
		nodes.sort_unstable();
		Self { nodes }
	}

	fn table(&self, own: NodeIdentifier, tables: Tables) -> Table {
		match tables {
			Tables::Full => Table::full(own, self.nodes.iter().copied()),
			Tables::Partial => Table::partial(own, self.nodes.iter().copied(), BUCKET_SIZE),
		}
	}

	/// The node that a key belongs to.
	fn home(&self, key: &ContactKey) -> Result<NodeIdentifier, SimulationError> {
		nearest(key, self.nodes.iter().copied()).ok_or(SimulationError::NoNodes)
	}

	fn row(&self, tables: Tables, plan: &Plan) -> Result<Row, SimulationError> {
		let mut routes = Routes { backbone: self, tables, known: BTreeMap::new() };
		let mut forwards = Vec::new();
		for negotiation in 0..plan.negotiations {
			let key = |whose: &[u8; 8]| {
				ContactKey(Hashing::hash_of(&(plan.seed, whose, negotiation as u64)).0)
			};
			let (consumer, producer) = (key(b"consumer"), key(b"producer"));
			// A letter takes the way of the one before it that was for the same key.
			let there = routes.forwards(self.home(&consumer)?, &producer)?;
			let back = routes.forwards(self.home(&producer)?, &consumer)?;
			forwards.extend(NEGOTIATION.iter().map(|(_, writer)| match writer {
				Writer::Consumer => there,
				Writer::Producer => back,
			}));
		}
		let entries = routes.entries();
		let source = match tables {
			Tables::Full => Source::Full,
			Tables::Partial => Source::Partial,
		};
		Ok(Row::of_letters(source, self.nodes.len(), entries, &forwards, self.told(plan)))
	}

	/// Messages between nodes that one letter takes if it is told to everybody, on average.
	fn told(&self, plan: &Plan) -> f64 {
		let overlay = Overlay::random(self.nodes.len(), plan.seed);
		let origins = 8;
		let drawn = (0..origins).map(|number: u64| {
			let origin = draw(plan.seed, &(b"origin", number)) % self.nodes.len().max(1) as u64;
			overlay.flood(origin as usize).messages
		});
		drawn.sum::<u64>() as f64 / origins as f64
	}
}

/// The ways of packets, with the tables of the nodes that they have come through.
struct Routes<'a> {
	backbone: &'a Backbone,
	tables: Tables,
	/// Of partial tables all that were made, of full ones only their sizes: they are large.
	known: BTreeMap<NodeIdentifier, Known>,
}

enum Known {
	Table(Table),
	Size(usize),
}

impl Known {
	fn size(&self) -> usize {
		match self {
			Self::Table(table) => table.len(),
			Self::Size(size) => *size,
		}
	}
}

impl Routes<'_> {
	/// How often one node hands a packet for `to` to another, from node `at` on.
	fn forwards(
		&mut self,
		mut at: NodeIdentifier,
		to: &ContactKey,
	) -> Result<u32, SimulationError> {
		let nodes = self.backbone.nodes.len();
		let mut forwards = 0;
		while let Hop::Forward(next) = self.next(at, to) {
			at = next;
			forwards += 1;
			if forwards > u32::from(MAX_HOPS) {
				return Err(SimulationError::TooFar { nodes, to: *to });
			}
		}
		if at != self.backbone.home(to)? {
			return Err(SimulationError::Astray { nodes, to: *to, at });
		}
		Ok(forwards)
	}

	fn next(&mut self, at: NodeIdentifier, to: &ContactKey) -> Hop {
		if let Some(Known::Table(table)) = self.known.get(&at) {
			return table.next_hop(to);
		}
		let table = self.backbone.table(at, self.tables);
		let hop = table.next_hop(to);
		let known = match self.tables {
			Tables::Full => Known::Size(table.len()),
			Tables::Partial => Known::Table(table),
		};
		self.known.insert(at, known);
		hop
	}

	/// Entries in a table, on average.
	fn entries(&self) -> f64 {
		let all: usize = self.known.values().map(Known::size).sum();
		all as f64 / self.known.len().max(1) as f64
	}
}

/// What every row should show.
///
/// With full tables a letter takes three hops at the most, from participant to participant. With
/// partial ones nodes hand it on at most log2 of their number times.
pub fn hops_are_bounded(row: &Row) -> bool {
	match row.source {
		Source::Full => row.hops_most <= 3,
		Source::Partial => f64::from(row.forwards_most) <= (row.nodes as f64).log2(),
		Source::Measured => row.hops_most <= 3,
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::relay::{
		report::{csv, parse, ENDS},
		FILES, WRITTEN,
	};
	use std::{fs, path::Path};

	/// Backbones of up to so many nodes are simulated in a moment.
	const SMALL: usize = 316;

	/// The rows of the table in the repository.
	fn committed() -> Vec<Row> {
		let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
		let table = fs::read_to_string(root.join(WRITTEN).join(FILES[0])).unwrap();
		let origin = table.lines().next().unwrap();
		assert!(origin.ends_with(&format!("; seed {}", Plan::default().seed)), "{origin}");
		parse(&table).unwrap()
	}

	fn plan() -> Plan {
		Plan { nodes: vec![4, 10, 32, 100, 316], negotiations: 60, seed: 1 }
	}

	#[test]
	fn hops_should_be_bounded_with_full_and_with_partial_tables() {
		let rows = simulate(&plan()).unwrap();
		assert_eq!(rows.len(), 10);
		for row in &rows {
			assert!(hops_are_bounded(row), "{row:?}");
		}
		let last = &rows[rows.len() - 2..];
		assert_eq!((last[0].source, last[1].source), (Source::Full, Source::Partial));
		assert_eq!(last[0].entries, 315.0);
		assert!(last[1].entries < 100.0, "{}", last[1].entries);
		assert!(last[1].forwards_most > 1, "a partial table does not lead there at once");
	}

	#[test]
	fn hops_should_be_bounded_in_every_row_of_the_table_in_the_repository() {
		let rows = committed();
		let both = |nodes| [(Source::Full, nodes), (Source::Partial, nodes)];
		let mut expected: Vec<_> = Plan::default().nodes.into_iter().flat_map(both).collect();
		expected.push((Source::Measured, 4));
		let found: Vec<_> = rows.iter().map(|row| (row.source, row.nodes)).collect();
		assert_eq!(found, expected);
		for row in &rows {
			assert!(hops_are_bounded(row), "{row:?}");
			assert_eq!(row.hops_most, row.forwards_most + ENDS, "{row:?}");
		}
	}

	#[test]
	fn the_table_in_the_repository_should_come_out_again() {
		let plan = Plan::default();
		let nodes = plan.nodes.iter().copied().filter(|nodes| *nodes <= SMALL).collect();
		let again = simulate(&Plan { nodes, ..plan }).unwrap();
		let mut rows = committed();
		rows.retain(|row| row.source != Source::Measured && row.nodes <= SMALL);
		assert_eq!(csv(&again), csv(&rows));
	}

	#[test]
	fn unicast_should_cost_less_than_telling_everybody_and_grow_slower() {
		let rows = simulate(&plan()).unwrap();
		for row in rows.iter().filter(|row| row.nodes >= 10) {
			assert!(row.messages < row.broadcast_messages, "{row:?}");
			assert!(row.bytes < row.broadcast_bytes, "{row:?}");
		}
		let (small, large) = (&rows[3], &rows[9]);
		assert_eq!((small.nodes, large.nodes), (10, 316));
		assert!(large.messages < 4.0 * small.messages);
		assert!(large.broadcast_messages > 10.0 * small.broadcast_messages);
	}

	#[test]
	fn the_same_plan_should_give_the_same_figures() {
		assert_eq!(simulate(&plan()).unwrap(), simulate(&plan()).unwrap());
		let other = Plan { seed: 2, ..plan() };
		assert_ne!(simulate(&plan()).unwrap(), simulate(&other).unwrap());
	}

	#[test]
	fn no_backbone_should_be_told() {
		let none = Plan { nodes: vec![0], ..plan() };
		assert_eq!(simulate(&none), Err(SimulationError::NoNodes));
		let alone = simulate(&Plan { nodes: vec![1], ..plan() }).unwrap();
		assert!(alone.iter().all(|row| row.hops_most == 2 && row.forwards_most == 0));
	}
}
