//! The hostile node's blocks, as its log names them, and where they are.

use super::hostile::{after, lies};
use codec::Encode;
use spb_client::connection::{Connection, ConnectionError, Hash, Head, NO_SIDECAR};
use spb_primitives::Sidecar;
use spb_tests::faults::{Chain, Result};
use std::collections::{BTreeMap, BTreeSet};

/// How many blocks before the end of retention a node is not asked for evidence any more.
const MARGIN: u32 = 16;

/// The sidecars that were withheld, with the peers that asked for them. Some are those of others' blocks.
pub fn withheld(chain: &Chain) -> Result<BTreeMap<Hash, BTreeSet<String>>> {
	let mut withheld = BTreeMap::<Hash, BTreeSet<String>>::new();
	for lie in lies(chain)? {
		let words: Vec<_> = lie.split_whitespace().collect();
		if let [_, sidecar, "withheld", "from", peer] = words[..] {
			withheld.entry(sidecar.parse()?).or_default().insert(peer.to_owned());
		}
	}
	Ok(withheld)
}

/// The hostile node's blocks whose sidecars were withheld from so many peers at the least.
pub fn withheld_from(chain: &Chain, peers: usize) -> Result<Vec<Head>> {
	let withheld = withheld(chain)?;
	let is_withheld =
		|sidecar: &Hash| withheld.get(sidecar).is_some_and(|asked| asked.len() >= peers);
	let named = named(chain)?.into_iter().filter(|(_, sidecar)| is_withheld(sidecar));
	Ok(named.map(|(block, _)| block).collect())
}

/// The hostile node's blocks that have a sidecar of their own and are no lies.
pub fn with_evidence(chain: &Chain) -> Result<Vec<Head>> {
	let empty = Hash::from(sp_io::hashing::blake2_256(&Sidecar::default().encode()));
	let named = named(chain)?.into_iter().filter(|(_, sidecar)| *sidecar != empty);
	Ok(named.map(|(block, _)| block).collect())
}

/// The hostile node's blocks that are lies; they are not among [`with_evidence`].
pub fn lying(chain: &Chain) -> Result<Vec<Head>> {
	let mut blocks = Vec::new();
	for lie in lies(chain)? {
		let words: Vec<_> = lie.split_whitespace().collect();
		if let [_, "in", "block", number, hash] = words[..] {
			blocks.push(head(number, hash)?);
		}
	}
	Ok(blocks)
}

/// The hostile node's blocks that are no lies, and their sidecars.
fn named(chain: &Chain) -> Result<Vec<(Head, Hash)>> {
	let mut blocks = Vec::new();
	for own in after(chain, "Own block ")? {
		let words: Vec<_> = own.split_whitespace().collect();
		if let [number, hash, "names", sidecar] = words[..] {
			blocks.push((head(number, hash)?, sidecar.parse()?));
		}
	}
	Ok(blocks)
}

/// A block as the log writes it: the number, and the hash in brackets.
fn head(number: &str, hash: &str) -> Result<Head> {
	Ok(Head { number: number.parse()?, hash: hash.trim_matches(['(', ')']).parse()? })
}

/// Whether a node has a block, on whichever fork.
pub async fn is_known(connection: &Connection, block: &Head) -> Result<bool> {
	match connection.header(block.hash).await {
		Ok(_) => Ok(true),
		Err(ConnectionError::UnknownBlock(_)) => Ok(false),
		Err(error) => Err(error.into()),
	}
}

/// Those of these blocks that no honest node has. One whose sidecar an honest author has made too can be
/// judged by everyone, whatever its own author keeps back.
pub async fn unknown(chain: &Chain, blocks: Vec<Head>) -> Result<Vec<Head>> {
	let mut unknown = Vec::new();
	for block in blocks {
		let mut known = false;
		for place in chain.honest() {
			known |= is_known(&chain.connections[*place], &block).await?;
		}
		if !known {
			unknown.push(block);
		}
	}
	Ok(unknown)
}

/// Those of these blocks that are final on every one of these nodes.
pub async fn finals(chain: &Chain, blocks: &[Head], places: &[usize]) -> Result<Vec<Head>> {
	let mut known = Vec::new();
	let mut finalized = u32::MAX;
	for place in places {
		finalized = finalized.min(chain.connections[*place].finalized().await?.number);
	}
	let first = &chain.connections[places[0]];
	for block in blocks.iter().filter(|block| block.number <= finalized) {
		if first.hash_of(block.number).await? == block.hash {
			known.push(*block);
		}
	}
	Ok(known)
}

/// The first of these blocks that is final on all honest nodes and whose sidecar one of them does not
/// have, as far as it is kept: such a block was judged by no one.
pub async fn final_without_evidence(chain: &Chain, blocks: &[Head]) -> Result<Option<Head>> {
	let kept = chain.parameters.retention().saturating_sub(MARGIN);
	for block in finals(chain, blocks, chain.honest()).await? {
		for place in chain.honest() {
			let connection = &chain.connections[*place];
			let past = connection.finalized().await?.number.saturating_sub(block.number);
			if past < kept && !has_sidecar(connection, &block).await? {
				return Ok(Some(block));
			}
		}
	}
	Ok(None)
}

/// Whether a node gives the sidecar of a block.
pub async fn has_sidecar(connection: &Connection, block: &Head) -> Result<bool> {
	match connection.sidecar(block.hash).await {
		Ok(_) => Ok(true),
		Err(ConnectionError::Rpc { code: NO_SIDECAR, .. }) => Ok(false),
		Err(error) => Err(error.into()),
	}
}
