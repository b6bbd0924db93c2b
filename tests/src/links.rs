//! Which trades someone who reads sidecars can tell to be of one consumer: by the root of the tree
//! that their meter proofs share, by the vault that pays, or by both one after the other; and which
//! trades have trees that look alike, which is no more than a hint.

use serde::Serialize;
use sp_core::H256;
use spb_primitives::{BlockNumber, CtpId, Genesis, Sidecar, VaultId};
use std::{
	collections::{BTreeMap, BTreeSet},
	fmt,
};

/// What a sidecar shows of a trade.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shown {
	/// The trade.
	pub id: CtpId,
	/// The tree that its one-time key is in.
	pub root: H256,
	/// The vault that pays.
	pub vault: VaultId,
	/// How many one-time keys the tree has.
	pub leaves: u32,
	/// The last block at which the tree's certificate counts.
	pub valid_until: BlockNumber,
}

impl Shown {
	/// The trades that enter with a sidecar.
	pub fn in_sidecar(sidecar: &Sidecar, genesis: &Genesis) -> Vec<Self> {
		let shown = sidecar.added.iter().map(|addition| {
			let (ctp, coe) = (&addition.ctp.ctp, &addition.proof.coe);
			Self {
				id: CtpId::of(ctp, genesis),
				root: coe.root,
				vault: ctp.vault,
				leaves: coe.leaves,
				valid_until: coe.valid_until,
			}
		});
		shown.collect()
	}
}

/// Trades in groups: those of one group are known to belong together. As JSON each way to link is a list
/// of groups, and each group a list of ids.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Links {
	/// Those of one tree.
	pub by_root: Vec<BTreeSet<CtpId>>,
	/// Those of one vault, which the chain alone shows as well.
	pub by_vault: Vec<BTreeSet<CtpId>>,
	/// Those that a chain of common trees and common vaults leads to.
	pub by_both: Vec<BTreeSet<CtpId>>,
	/// Those whose trees have equally many keys and certificates that run out at the same block, as
	/// trees of other households may have too.
	pub alike: Vec<BTreeSet<CtpId>>,
}

impl Links {
	/// What these trades have in common.
	pub fn of(shown: &[Shown]) -> Self {
		Self {
			by_root: grouped(shown, |trade| trade.root),
			by_vault: grouped(shown, |trade| trade.vault),
			by_both: connected(shown),
			alike: grouped(shown, |trade| (trade.leaves, trade.valid_until)),
		}
	}
}

/// Trades in groups of those that have this in common.
fn grouped<K: Ord>(shown: &[Shown], key: impl Fn(&Shown) -> K) -> Vec<BTreeSet<CtpId>> {
	let mut groups: BTreeMap<K, BTreeSet<CtpId>> = BTreeMap::new();
	for trade in shown {
		groups.entry(key(trade)).or_default().insert(trade.id);
	}
	groups.into_values().collect()
}

impl fmt::Display for Links {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let mut line = |by: &str, groups: &[BTreeSet<CtpId>]| {
			let trades: usize = groups.iter().map(BTreeSet::len).sum();
			let largest = groups.iter().map(BTreeSet::len).max().unwrap_or_default();
			let count = groups.len();
			writeln!(f, "{trades} trades, linked by {by}: {count} groups, the largest of {largest}")
		};
		line("root", &self.by_root)?;
		line("vault", &self.by_vault)?;
		line("root and vault", &self.by_both)?;
		line("what trees look like", &self.alike)
	}
}

/// A group that grows.
#[derive(Default)]
struct Group {
	roots: BTreeSet<H256>,
	vaults: BTreeSet<VaultId>,
	trades: BTreeSet<CtpId>,
}

/// Trades that a common tree or a common vault links, directly or over others.
fn connected(shown: &[Shown]) -> Vec<BTreeSet<CtpId>> {
	let mut groups: Vec<Group> = Vec::new();
	for trade in shown {
		let linked = |group: &Group| {
			group.roots.contains(&trade.root) || group.vaults.contains(&trade.vault)
		};
		let (same, mut apart): (Vec<_>, Vec<_>) = groups.into_iter().partition(linked);
		let mut group = Group::default();
		for other in same {
			group.roots.extend(other.roots);
			group.vaults.extend(other.vaults);
			group.trades.extend(other.trades);
		}
		group.roots.insert(trade.root);
		group.vaults.insert(trade.vault);
		group.trades.insert(trade.id);
		apart.push(group);
		groups = apart;
	}
	groups.into_iter().map(|group| group.trades).collect()
}

#[cfg(test)]
mod tests {
	use super::*;

	fn shown(trades: &[(u8, u8, VaultId)]) -> Vec<Shown> {
		let trade = |(id, root, vault): &(u8, u8, VaultId)| Shown {
			id: CtpId(H256::repeat_byte(*id)),
			root: H256::repeat_byte(*root),
			vault: *vault,
			leaves: 8,
			valid_until: 100,
		};
		trades.iter().map(trade).collect()
	}

	fn sizes(groups: &[BTreeSet<CtpId>]) -> Vec<usize> {
		let mut sizes: Vec<usize> = groups.iter().map(BTreeSet::len).collect();
		sizes.sort_unstable();
		sizes
	}

	#[test]
	fn trades_should_be_linked_by_what_they_share() {
		let links = Links::of(&shown(&[(1, 1, 1), (2, 1, 2), (3, 2, 2), (4, 3, 3)]));
		assert_eq!(sizes(&links.by_root), [1, 1, 2]);
		assert_eq!(sizes(&links.by_vault), [1, 1, 2]);
		// The second shares its tree with the first and its vault with the third.
		assert_eq!(sizes(&links.by_both), [1, 3]);
	}

	#[test]
	fn a_late_trade_should_join_what_was_apart() {
		let links = Links::of(&shown(&[(1, 1, 1), (2, 2, 2), (3, 1, 2)]));
		assert_eq!(sizes(&links.by_both), [3]);
	}

	#[test]
	fn trees_that_look_alike_should_be_a_hint() {
		let mut trades = shown(&[(1, 1, 1), (2, 2, 2), (3, 3, 3), (4, 4, 4)]);
		trades[1].leaves += 1;
		trades[2].valid_until += 1;
		let links = Links::of(&trades);
		assert_eq!(sizes(&links.alike), [1, 1, 2]);
		assert_eq!(sizes(&links.by_both), [1, 1, 1, 1]);
	}

	#[test]
	fn links_should_be_told_with_their_trades() {
		let links = Links::of(&shown(&[(1, 1, 1), (2, 2, 1), (3, 3, 2)]));
		let [one, two, three] = [1, 2, 3].map(H256::repeat_byte);
		let expected = serde_json::json!({
			"byRoot": [[one], [two], [three]],
			"byVault": [[one, two], [three]],
			"byBoth": [[one, two], [three]],
			"alike": [[one, two, three]],
		});
		assert_eq!(serde_json::to_value(&links).unwrap(), expected);
	}

	#[test]
	fn trades_that_share_nothing_should_stay_apart() {
		let links = Links::of(&shown(&[(1, 1, 1), (2, 2, 2), (3, 3, 3)]));
		for groups in [&links.by_root, &links.by_vault, &links.by_both] {
			assert_eq!(sizes(groups), [1, 1, 1]);
		}
		assert!(links.to_string().contains("by root and vault: 3 groups, the largest of 1"));
	}
}
