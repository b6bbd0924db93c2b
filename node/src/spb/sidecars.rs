//! The evidence of blocks: their sidecars, by hash.
//!
//! A sidecar is written together with its block, as auxiliary data of the block's import: the
//! chain's database has both or neither, whatever happens to the process or the machine. Before
//! that, a sidecar that was prepared or fetched is held in memory, where nothing is lost with it.
//!
//! | key | value |
//! | --- | --- |
//! | `spb/sidecar/` hash | the number of the last block that names it, then its bytes |
//! | `spb/sidecars-at/` number | the hashes that blocks of this height name |
//! | `spb/sidecars-from` | the first height that may have sidecars |

use super::{metrics::Metrics, Hash};
use async_trait::async_trait;
use codec::{Decode, Encode};
use parking_lot::Mutex;
use sc_client_api::AuxStore;
use sp_consensus::BlockOrigin;
use sp_runtime::traits::Hash as _;
use spb_primitives::{BlockNumber, Hashing, Sidecar};
use std::{collections::VecDeque, sync::Arc};

/// Bytes of sidecars held in memory until their blocks are imported.
const HELD_BYTES: usize = 64 * 1024 * 1024;
/// Heights looked at in one pruning.
const PRUNED_HEIGHTS: BlockNumber = 512;

const FROM: &[u8] = b"spb/sidecars-from";

/// Auxiliary data to write or, without a value, to remove.
pub type Auxiliary = (Vec<u8>, Option<Vec<u8>>);

/// Whose sidecar is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
	/// The block.
	pub block: Hash,
	/// Its number.
	pub number: BlockNumber,
	/// How the block came.
	pub origin: BlockOrigin,
	/// Whether the block is so old that it may be imported without it.
	pub old: bool,
}

/// Where sidecars come from.
#[async_trait]
pub trait SidecarSource: Send + Sync {
	/// The sidecar with this hash, if it can be had in reasonable time. Whoever asks checks the
	/// hash.
	async fn fetch(&self, hash: Hash, wanted: Wanted) -> Option<Vec<u8>>;
}

/// The sidecars are not readable.
#[derive(Debug, thiserror::Error)]
pub enum SidecarError {
	/// The chain's database fails.
	#[error("the chain's database does not give or take sidecars: {0}")]
	Database(#[from] sp_blockchain::Error),
	/// What is stored does not decode.
	#[error("the chain's database holds a sidecar entry that does not decode: {0}")]
	Damaged(#[from] codec::Error),
}

/// Sidecars in memory, the oldest first.
#[derive(Default)]
struct Held {
	sidecars: VecDeque<(Hash, Arc<Vec<u8>>)>,
	bytes: usize,
}

impl Held {
	fn forget(&mut self, hash: &Hash) {
		if let Some(at) = self.sidecars.iter().position(|(known, _)| known == hash) {
			let gone = self.sidecars.remove(at);
			self.bytes -= gone.map_or(0, |(_, bytes)| bytes.len());
		}
	}
}

/// The sidecars of this node.
pub struct Sidecars<A> {
	aux: Arc<A>,
	held: Mutex<Held>,
	metrics: Metrics,
}

fn sidecar_key(hash: &Hash) -> Vec<u8> {
	[&b"spb/sidecar/"[..], hash.as_bytes()].concat()
}

fn height_key(number: BlockNumber) -> Vec<u8> {
	[&b"spb/sidecars-at/"[..], &number.to_be_bytes()].concat()
}

/// The hash of a sidecar.
pub fn hash_of(bytes: &[u8]) -> Hash {
	Hashing::hash(bytes)
}

impl<A: AuxStore> Sidecars<A> {
	/// The sidecars in this auxiliary store.
	pub fn new(aux: Arc<A>, metrics: Metrics) -> Self {
		Self { aux, held: Mutex::default(), metrics }
	}

	/// Holds a sidecar in memory until its block is imported, and gives its hash.
	pub fn hold(&self, bytes: Vec<u8>) -> Hash {
		let hash = hash_of(&bytes);
		let mut held = self.held.lock();
		if held.sidecars.iter().any(|(known, _)| *known == hash) {
			return hash;
		}
		held.bytes += bytes.len();
		held.sidecars.push_back((hash, Arc::new(bytes)));
		while held.bytes > HELD_BYTES {
			let Some((_, gone)) = held.sidecars.pop_front() else { break };
			held.bytes -= gone.len();
		}
		hash
	}

	/// The sidecar with this hash, if it is here.
	pub fn get(&self, hash: &Hash) -> Result<Option<Vec<u8>>, SidecarError> {
		// The empty one is everywhere.
		let empty = Sidecar::default().encode();
		if *hash == hash_of(&empty) {
			return Ok(Some(empty));
		}
		let held = self.held.lock();
		if let Some((_, bytes)) = held.sidecars.iter().find(|(known, _)| known == hash) {
			return Ok(Some(bytes.to_vec()));
		}
		drop(held);
		Ok(self.stored(hash)?.map(|(_, bytes)| bytes))
	}

	fn stored(&self, hash: &Hash) -> Result<Option<(BlockNumber, Vec<u8>)>, SidecarError> {
		let Some(entry) = self.aux.get_aux(&sidecar_key(hash))? else { return Ok(None) };
		let mut rest = &entry[..];
		let number = BlockNumber::decode(&mut rest)?;
		Ok(Some((number, rest.to_vec())))
	}

	fn named_at(&self, number: BlockNumber) -> Result<Vec<Hash>, SidecarError> {
		Ok(match self.aux.get_aux(&height_key(number))? {
			Some(hashes) => Vec::decode(&mut &hashes[..])?,
			None => Vec::new(),
		})
	}

	/// What to write with a block of this number that names this sidecar.
	///
	/// One block at a time: the list of a height is read, extended and written with the block.
	pub fn to_write(
		&self,
		number: BlockNumber,
		bytes: &[u8],
	) -> Result<Vec<Auxiliary>, SidecarError> {
		let hash = hash_of(bytes);
		if hash == hash_of(&Sidecar::default().encode()) {
			return Ok(Vec::new());
		}
		let last = self.stored(&hash)?.map_or(number, |(last, _)| last.max(number));
		let mut entry = last.encode();
		entry.extend_from_slice(bytes);
		let mut write = vec![(sidecar_key(&hash), Some(entry))];
		let mut hashes = self.named_at(number)?;
		if !hashes.contains(&hash) {
			hashes.push(hash);
			write.push((height_key(number), Some(hashes.encode())));
		}
		self.metrics.sidecar_bytes.inc_by(bytes.len() as u64);
		Ok(write)
	}

	/// Removes the sidecars that only blocks below this number name; a bounded number of heights at
	/// a time. Gives the height that it has reached.
	pub fn prune(&self, below: BlockNumber) -> Result<BlockNumber, SidecarError> {
		let from = match self.aux.get_aux(FROM)? {
			Some(from) => BlockNumber::decode(&mut &from[..])?,
			None => 0,
		};
		let to = below.min(from.saturating_add(PRUNED_HEIGHTS));
		if from >= to {
			return Ok(from);
		}
		let (mut remove, mut gone) = (Vec::new(), Vec::new());
		for number in from..to {
			let hashes = self.named_at(number)?;
			if !hashes.is_empty() {
				remove.push(height_key(number));
			}
			for hash in hashes {
				if self.stored(&hash)?.is_some_and(|(last, _)| last < to) {
					remove.push(sidecar_key(&hash));
					gone.push(hash);
				}
			}
		}
		let remove: Vec<_> = remove.iter().map(|key| &key[..]).collect();
		self.aux.insert_aux(&[(FROM, &to.encode()[..])], &remove)?;
		let mut held = self.held.lock();
		gone.iter().for_each(|hash| held.forget(hash));
		Ok(to)
	}
}

/// The node's own sidecars: the first source to ask.
#[async_trait]
impl<A: AuxStore + Send + Sync> SidecarSource for Sidecars<A> {
	async fn fetch(&self, hash: Hash, wanted: Wanted) -> Option<Vec<u8>> {
		self.get(&hash).unwrap_or_else(|error| {
			log::warn!(target: super::LOG_TARGET, "Sidecar of block {}: {error}", wanted.number);
			None
		})
	}
}

#[cfg(test)]
pub(crate) mod tests {
	use super::*;
	use std::collections::BTreeMap;

	/// An auxiliary store in memory.
	#[derive(Default)]
	pub struct Memory(pub Mutex<BTreeMap<Vec<u8>, Vec<u8>>>);

	impl AuxStore for Memory {
		fn insert_aux<
			'a,
			'b: 'a,
			'c: 'a,
			I: IntoIterator<Item = &'a (&'c [u8], &'c [u8])>,
			D: IntoIterator<Item = &'a &'b [u8]>,
		>(
			&self,
			insert: I,
			delete: D,
		) -> sp_blockchain::Result<()> {
			let mut entries = self.0.lock();
			entries.extend(insert.into_iter().map(|(key, value)| (key.to_vec(), value.to_vec())));
			for key in delete {
				entries.remove(*key);
			}
			Ok(())
		}

		fn get_aux(&self, key: &[u8]) -> sp_blockchain::Result<Option<Vec<u8>>> {
			Ok(self.0.lock().get(key).cloned())
		}
	}

	impl Memory {
		/// As the import of a block does.
		pub fn apply(&self, write: Vec<Auxiliary>) {
			let mut entries = self.0.lock();
			for (key, value) in write {
				match value {
					Some(value) => entries.insert(key, value),
					None => entries.remove(&key),
				};
			}
		}
	}

	/// Sidecars in memory.
	pub fn sidecars() -> (Sidecars<Memory>, Arc<Memory>) {
		let memory = Arc::new(Memory::default());
		(Sidecars::new(memory.clone(), Metrics::new(None).unwrap()), memory)
	}

	/// Stores a sidecar with a block of this number.
	fn import(sidecars: &Sidecars<Memory>, number: BlockNumber, bytes: &[u8]) {
		let write = sidecars.to_write(number, bytes).unwrap();
		sidecars.aux.apply(write);
	}

	#[test]
	fn held_sidecar_should_be_there_before_its_block() {
		let (sidecars, memory) = sidecars();
		let hash = sidecars.hold(vec![1, 2, 3]);
		assert_eq!(hash, hash_of(&[1, 2, 3]));
		assert_eq!(sidecars.get(&hash).unwrap(), Some(vec![1, 2, 3]));
		assert!(memory.0.lock().is_empty());
	}

	#[test]
	fn stored_sidecar_should_survive_a_restart() {
		let (before, memory) = sidecars();
		import(&before, 5, &[1, 2, 3]);
		let after = Sidecars::new(memory, Metrics::new(None).unwrap());
		assert_eq!(after.get(&hash_of(&[1, 2, 3])).unwrap(), Some(vec![1, 2, 3]));
		assert_eq!(after.get(&hash_of(&[1, 2])).unwrap(), None);
	}

	#[test]
	fn empty_sidecar_should_need_no_storage() {
		let (sidecars, _) = sidecars();
		let empty = Sidecar::default().encode();
		assert_eq!(sidecars.get(&hash_of(&empty)).unwrap(), Some(empty.clone()));
		assert_eq!(sidecars.to_write(9, &empty).unwrap(), []);
	}

	#[test]
	fn oldest_held_sidecars_should_go_when_there_are_too_many_bytes() {
		let (sidecars, _) = sidecars();
		let size = HELD_BYTES / 4;
		let hashes: Vec<_> = (0..5u8).map(|n| sidecars.hold(vec![n; size])).collect();
		assert_eq!(sidecars.get(&hashes[0]).unwrap(), None);
		assert!(hashes[1..].iter().all(|hash| sidecars.get(hash).unwrap().is_some()));
	}

	#[test]
	fn pruning_should_remove_what_only_old_blocks_name() {
		let (sidecars, memory) = sidecars();
		import(&sidecars, 3, &[3]);
		import(&sidecars, 4, &[40]);
		import(&sidecars, 4, &[41]);
		import(&sidecars, 5, &[5]);
		// The same additions on two forks of different height.
		import(&sidecars, 4, &[45]);
		import(&sidecars, 5, &[45]);

		assert_eq!(sidecars.prune(5).unwrap(), 5);
		let here = |bytes: &[u8]| sidecars.get(&hash_of(bytes)).unwrap().is_some();
		assert!(!here(&[3]) && !here(&[40]) && !here(&[41]));
		assert!(here(&[5]) && here(&[45]));

		assert_eq!(sidecars.prune(6).unwrap(), 6);
		assert!(!here(&[5]) && !here(&[45]));
		assert_eq!(memory.0.lock().keys().collect::<Vec<_>>(), [FROM]);
	}

	#[test]
	fn pruned_sidecar_should_be_in_memory_no_longer() {
		let (sidecars, _) = sidecars();
		let (early, late) = (sidecars.hold(vec![1]), sidecars.hold(vec![2, 2]));
		import(&sidecars, 1, &[1]);
		import(&sidecars, 9, &[2, 2]);
		sidecars.prune(5).unwrap();
		assert_eq!(sidecars.get(&early).unwrap(), None);
		assert_eq!(sidecars.get(&late).unwrap(), Some(vec![2, 2]));
		assert_eq!(sidecars.held.lock().bytes, 2);
	}

	#[test]
	fn pruning_should_go_on_where_it_stopped() {
		let (sidecars, _) = sidecars();
		import(&sidecars, PRUNED_HEIGHTS + 10, &[1]);
		assert_eq!(sidecars.prune(PRUNED_HEIGHTS + 20).unwrap(), PRUNED_HEIGHTS);
		assert!(sidecars.get(&hash_of(&[1])).unwrap().is_some());
		assert_eq!(sidecars.prune(PRUNED_HEIGHTS + 20).unwrap(), PRUNED_HEIGHTS + 20);
		assert!(sidecars.get(&hash_of(&[1])).unwrap().is_none());
		assert_eq!(sidecars.prune(3).unwrap(), PRUNED_HEIGHTS + 20);
	}

	/// A chain of `blocks` blocks with sidecars of their own, each final `LAG` blocks later and pruned
	/// as retention says; an archive prunes nothing. What is stored after each block: keys and bytes.
	fn stored_over(blocks: BlockNumber, retention: Option<BlockNumber>) -> Vec<(usize, usize)> {
		const LAG: BlockNumber = 3;
		let (sidecars, memory) = sidecars();
		let size = |memory: &Memory| {
			let entries = memory.0.lock();
			let bytes = entries.iter().map(|(key, value)| key.len() + value.len()).sum();
			(entries.len(), bytes)
		};
		let grow = |number: BlockNumber| {
			// Two forks at each height, one of them empty now and then.
			import(&sidecars, number, &[&number.to_be_bytes()[..], &[7; 200]].concat());
			if !number.is_multiple_of(5) {
				import(&sidecars, number, &[&number.to_be_bytes()[..], &[8; 100]].concat());
			}
			if let Some(retention) = retention {
				sidecars.prune(number.saturating_sub(LAG + retention)).unwrap();
			}
			size(&memory)
		};
		(1..=blocks).map(grow).collect()
	}

	#[test]
	fn sidecars_should_take_bounded_room_however_long_the_chain_goes_on() {
		let retention = 105;
		let sizes = stored_over(2_000, Some(retention));
		let most = |sizes: &[(usize, usize)]| {
			let keys = sizes.iter().map(|(keys, _)| *keys).max().unwrap();
			(keys, sizes.iter().map(|(_, bytes)| *bytes).max().unwrap())
		};
		let (early, late) = (most(&sizes[150..300]), most(&sizes[300..]));
		assert_eq!(early, late, "keys and bytes level off");
		assert!(late.0 <= 3 * (retention as usize + 4) + 1, "{} keys", late.0);
		// An archive grows with the chain.
		let archive = stored_over(2_000, None);
		assert!(archive[1_999].1 > 10 * late.1, "{:?}", archive[1_999]);
		assert!(archive.windows(2).all(|pair| pair[0].1 < pair[1].1));
	}
}
