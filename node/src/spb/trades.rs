//! The history of trades: settled CTPs of final blocks, by account, offer, vault and id.
//!
//! Everything comes from block bodies, which hold each settlement whole, so the history outlives
//! pruned state and is built again where it is missing. A settlement names its vault and its offer
//! by number; whose they are is looked up in the state before the block. Numbers are never used
//! again and do not change hands, so any later state says the same, and what was found once is
//! remembered, here and in the chain's database (`super::indexer`). A node that has got its blocks
//! without their state, by warp sync, may never have seen the record of an offer that is gone: then
//! the trade stands under its numbers and its id, and under the accounts that are known.
//!
//! | key | value |
//! | --- | --- |
//! | `t` block, position | the trade |
//! | `a` account, block, position | nothing |
//! | `o` offer, block, position | nothing |
//! | `v` vault, block, position | nothing |
//! | `i` id | block, position |
//! | `O` offer, `V` vault | whose it is |
//! | `c` | how far the index reaches, and the hash of its last block |

use super::{
	store::{Change, Column, Store, StoreError},
	Hash,
};
use codec::{Decode, DecodeAll, Encode};
use pallet_spb::runtime_api::{PaidCtp, SettledCtp};
use parking_lot::Mutex;
use spb_primitives::{AccountId, BlockNumber, CtpId, Money, OfferId, Settlement, Split, VaultId};
use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc};

const CURSOR: &[u8] = b"c";
/// The value of keys that only point somewhere.
const NOTHING: [u8; 1] = [0];

/// A settlement's place in the chain: its block, and its position among the block's settlements.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode)]
pub struct Place {
	/// The block's number.
	pub block: BlockNumber,
	/// The position, from zero.
	pub position: u32,
}

/// A settled trade.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Trade {
	/// The block's hash.
	pub hash: Hash,
	/// The CTP.
	pub id: CtpId,
	/// What the chain stores of it.
	pub settlement: Settlement,
	/// Who paid, where it is known.
	pub consumer: Option<AccountId>,
	/// Who was paid, where it is known.
	pub producer: Option<AccountId>,
	/// What settling cost, where it is known.
	pub fee: Option<Money>,
	/// What was paid, where it is known.
	pub paid: Option<Paid>,
}

/// What reached those who were to be paid for a trade.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Paid {
	/// What the producer got.
	pub payment: Money,
	/// What the block's author got.
	pub fee: Money,
}

impl Trade {
	/// How the amount was divided.
	pub fn split(&self) -> Option<Split> {
		let ctp = &self.settlement.ctp.ctp;
		Split::of(ctp.amount, self.fee?, self.settlement.delivered, ctp.energy)
	}

	/// What was paid; what was due, where only that is known.
	pub fn paid(&self) -> Option<Paid> {
		let due = |split: Split| Paid { payment: split.payment, fee: split.fee };
		self.paid.or_else(|| self.split().map(due))
	}

	/// What was burned because its receiver could not take it.
	pub fn burned(&self) -> Option<Money> {
		let (paid, due) = (self.paid?, self.split()?);
		let payment = due.payment.checked_sub(paid.payment)?;
		payment.checked_add(due.fee.checked_sub(paid.fee)?)
	}
}

/// Whose trades, or which.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Party {
	/// Those that an account paid or was paid in.
	Account(AccountId),
	/// Those of an offer.
	Offer(OfferId),
	/// Those of a vault.
	Vault(VaultId),
}

impl Party {
	/// What the keys of its trades begin with.
	fn prefix(&self) -> Vec<u8> {
		match self {
			Self::Account(account) => [&b"a"[..], AsRef::<[u8]>::as_ref(account)].concat(),
			Self::Offer(offer) => number_key(b"o", *offer),
			Self::Vault(vault) => number_key(b"v", *vault),
		}
	}
}

/// The blocks that the index covers: all from `first` up to, without it, `next`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Reach {
	/// The first block; later than 1 where the bodies before it are gone.
	pub first: BlockNumber,
	/// The first block that is not indexed yet.
	pub next: BlockNumber,
}

impl Reach {
	/// Nothing yet.
	const NOTHING: Self = Self { first: 1, next: 1 };

	/// The last indexed block, if there is one.
	pub fn last(&self) -> Option<BlockNumber> {
		self.next.checked_sub(1).filter(|last| *last >= self.first)
	}
}

/// What a final block settled, and what the state says about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlockTrades {
	/// The block's hash.
	pub hash: Hash,
	/// What it settled, in order.
	pub settled: Vec<SettledCtp>,
	/// What settling one cost.
	pub fee: Option<Money>,
	/// What was paid for those of which it is known.
	pub paid: Vec<PaidCtp>,
}

/// Whose an offer or a vault is.
pub trait Owners {
	/// The producer of an offer.
	fn producer(&self, offer: OfferId) -> Option<AccountId>;
	/// The owner of a vault.
	fn consumer(&self, vault: VaultId) -> Option<AccountId>;
}

/// The index.
pub struct Trades {
	store: Arc<Store>,
	cursor: Mutex<Cursor>,
}

/// How far the index reaches, and the hash of the last block that is indexed, if there is one.
#[derive(Clone, Copy, Encode, Decode)]
struct Cursor {
	reach: Reach,
	last: Option<Hash>,
}

impl Cursor {
	const NOTHING: Self = Self { reach: Reach::NOTHING, last: None };
}

fn place_key(prefix: &[u8], place: Place) -> Vec<u8> {
	[prefix, &place.block.to_be_bytes(), &place.position.to_be_bytes()].concat()
}

/// The key, or the beginning of one, of something that has a number.
fn number_key(kind: &[u8; 1], number: u32) -> Vec<u8> {
	[&kind[..], &number.to_be_bytes()].concat()
}

/// The place at the end of a key.
fn place_of(key: &[u8]) -> Option<Place> {
	let (rest, position) = key.split_last_chunk::<4>()?;
	let (_, block) = rest.split_last_chunk::<4>()?;
	let (block, position) = (u32::from_be_bytes(*block), u32::from_be_bytes(*position));
	Some(Place { block, position })
}

fn id_key(id: &CtpId) -> Vec<u8> {
	[&b"i"[..], id.as_ref()].concat()
}

fn put(key: Vec<u8>, value: Vec<u8>) -> Change {
	(Column::Trades, key, Some(value))
}

impl Trades {
	/// Opens the index.
	pub fn open(store: Arc<Store>) -> Result<Self, StoreError> {
		let cursor = match store.get(Column::Trades, CURSOR)? {
			Some(bytes) => Cursor::decode_all(&mut &bytes[..])?,
			None => Cursor::NOTHING,
		};
		Ok(Self { store, cursor: Mutex::new(cursor) })
	}

	/// The number and the hash of the last indexed block, if there is one.
	///
	/// It may not be the chain's: the index has a database of its own, which after a power cut can be
	/// ahead of the chain's. Then [`Self::clear`].
	pub fn last(&self) -> Option<(BlockNumber, Hash)> {
		let Cursor { reach, last } = *self.cursor.lock();
		reach.last().zip(last)
	}

	/// Forgets everything, to begin anew.
	pub fn clear(&self) -> Result<(), StoreError> {
		let mut changes = Vec::new();
		self.store.visit(Column::Trades, &[], |key, _| {
			changes.push((Column::Trades, key, None));
			ControlFlow::Continue(())
		})?;
		self.store.commit(changes)?;
		*self.cursor.lock() = Cursor::NOTHING;
		Ok(())
	}

	/// How far the index reaches.
	pub fn reach(&self) -> Reach {
		self.cursor.lock().reach
	}

	/// Indexes the next block. All of it is stored or nothing.
	pub fn add(&self, block: BlockTrades, owners: &impl Owners) -> Result<(), StoreError> {
		let reach = self.reach();
		let mut changes = Vec::new();
		let BlockTrades { hash, settled, fee, paid } = block;
		let paid: BTreeMap<CtpId, Paid> = paid
			.into_iter()
			.map(|PaidCtp { id, payment, fee }| (id, Paid { payment, fee }))
			.collect();
		for (position, SettledCtp { id, settlement }) in (0u32..).zip(settled) {
			let place = Place { block: reach.next, position };
			let (offer, vault) = (settlement.ctp.ctp.offer, settlement.ctp.ctp.vault);
			let producer =
				self.owner(number_key(b"O", offer), || owners.producer(offer), &mut changes)?;
			let consumer =
				self.owner(number_key(b"V", vault), || owners.consumer(vault), &mut changes)?;

			let mut parties = vec![Party::Offer(offer), Party::Vault(vault)];
			parties.extend(producer.clone().map(Party::Account));
			parties.extend(consumer.clone().map(Party::Account));
			for party in parties {
				changes.push(put(place_key(&party.prefix(), place), NOTHING.to_vec()));
			}
			changes.push(put(id_key(&id), place.encode()));
			let paid = paid.get(&id).copied();
			let trade = Trade { hash, id, settlement, consumer, producer, fee, paid };
			changes.push(put(place_key(b"t", place), trade.encode()));
		}
		let reach = Reach { next: reach.next.saturating_add(1), ..reach };
		self.advance(Cursor { reach, last: Some(hash) }, changes)
	}

	/// Passes over the next block, whose body is gone for good: the history begins after it.
	pub fn skip(&self) -> Result<(), StoreError> {
		let first = self.reach().next.saturating_add(1);
		self.advance(Cursor { reach: Reach { first, next: first }, last: None }, Vec::new())
	}

	fn advance(&self, cursor: Cursor, mut changes: Vec<Change>) -> Result<(), StoreError> {
		changes.push(put(CURSOR.to_vec(), cursor.encode()));
		self.store.commit(changes)?;
		*self.cursor.lock() = cursor;
		Ok(())
	}

	/// Whose a number is: as it was found before, or as `find` says, to be remembered.
	fn owner(
		&self,
		key: Vec<u8>,
		find: impl FnOnce() -> Option<AccountId>,
		changes: &mut Vec<Change>,
	) -> Result<Option<AccountId>, StoreError> {
		if let Some(bytes) = self.store.get(Column::Trades, &key)? {
			return Ok(Some(AccountId::decode_all(&mut &bytes[..])?));
		}
		let found = find();
		changes.extend(found.as_ref().map(|account| put(key, account.encode())));
		Ok(found)
	}

	/// The trade of this CTP, if it has settled in a final block.
	pub fn by_id(&self, id: &CtpId) -> Result<Option<(Place, Trade)>, StoreError> {
		let Some(place) = self.store.get(Column::Trades, &id_key(id))? else { return Ok(None) };
		let place = Place::decode_all(&mut &place[..])?;
		Ok(self.at(place)?.map(|trade| (place, trade)))
	}

	/// Trades from one place up to and with a block, at most `limit`, in order.
	pub fn list(
		&self,
		party: &Party,
		from: Place,
		to: BlockNumber,
		limit: usize,
	) -> Result<Vec<(Place, Trade)>, StoreError> {
		let prefix = party.prefix();
		let mut places = Vec::new();
		if limit > 0 {
			self.store.visit(Column::Trades, &place_key(&prefix, from), |key, _| {
				let place = place_of(&key).filter(|place| place.block <= to);
				match place {
					Some(place) if key.starts_with(&prefix) => places.push(place),
					_ => return ControlFlow::Break(()),
				}
				if places.len() < limit {
					ControlFlow::Continue(())
				} else {
					ControlFlow::Break(())
				}
			})?;
		}
		let mut trades = Vec::with_capacity(places.len());
		for place in places {
			trades.extend(self.at(place)?.map(|trade| (place, trade)));
		}
		Ok(trades)
	}

	fn at(&self, place: Place) -> Result<Option<Trade>, StoreError> {
		match self.store.get(Column::Trades, &place_key(b"t", place))? {
			Some(bytes) => Ok(Some(Trade::decode_all(&mut &bytes[..])?)),
			None => Ok(None),
		}
	}
}

#[cfg(test)]
mod tests {
	use super::{
		super::message::tests::{id, signed, GENESIS},
		*,
	};
	use spb_primitives::Energy;
	use std::cell::RefCell;

	/// Knows some offers and vaults and writes down what it was asked.
	#[derive(Default)]
	struct Book {
		unknown_offers: bool,
		asked: RefCell<Vec<(char, u32)>>,
	}

	impl Owners for Book {
		fn producer(&self, offer: OfferId) -> Option<AccountId> {
			self.asked.borrow_mut().push(('o', offer));
			(!self.unknown_offers).then(producer)
		}
		fn consumer(&self, vault: VaultId) -> Option<AccountId> {
			self.asked.borrow_mut().push(('v', vault));
			Some(consumer(vault))
		}
	}

	fn producer() -> AccountId {
		[200; 32].into()
	}

	fn consumer(vault: u32) -> AccountId {
		[vault as u8; 32].into()
	}

	/// A block in which the CTPs of these vaults settle; all are on offer 3.
	fn block(vaults: &[u32]) -> BlockTrades {
		let settled = vaults.iter().map(|vault| SettledCtp {
			id: id(*vault),
			settlement: Settlement { ctp: signed(*vault), delivered: Energy::from_wh(100) },
		});
		let (fee, paid) = (Some(Money::from_units(1_000)), Vec::new());
		BlockTrades { hash: Hash::repeat_byte(1), settled: settled.collect(), fee, paid }
	}

	fn open(folder: &tempfile::TempDir) -> Trades {
		Trades::open(Arc::new(Store::open(folder.path(), GENESIS).unwrap())).unwrap()
	}

	/// The (block, position) of a party's trades.
	fn places(trades: &Trades, party: Party, from: (u32, u32), to: u32) -> Vec<(u32, u32)> {
		let from = Place { block: from.0, position: from.1 };
		let found = trades.list(&party, from, to, 100).unwrap();
		found.iter().map(|(place, _)| (place.block, place.position)).collect()
	}

	fn three_blocks(folder: &tempfile::TempDir) -> Trades {
		let trades = open(folder);
		for vaults in [&[1, 2][..], &[], &[3, 4]] {
			trades.add(block(vaults), &Book::default()).unwrap();
		}
		trades
	}

	#[test]
	fn trades_should_be_found_by_everything_that_names_them() {
		let folder = tempfile::tempdir().unwrap();
		let trades = three_blocks(&folder);
		let all = [(1, 0), (1, 1), (3, 0), (3, 1)];
		assert_eq!(places(&trades, Party::Account(producer()), (0, 0), 9), all);
		assert_eq!(places(&trades, Party::Offer(3), (0, 0), 9), all);
		assert_eq!(places(&trades, Party::Vault(3), (0, 0), 9), [(3, 0)]);
		assert_eq!(places(&trades, Party::Account(consumer(2)), (0, 0), 9), [(1, 1)]);
		assert_eq!(places(&trades, Party::Offer(4), (0, 0), 9), []);

		let (place, trade) = trades.by_id(&id(4)).unwrap().unwrap();
		assert_eq!((place.block, place.position), (3, 1));
		assert_eq!(trade.settlement.ctp, signed(4));
		assert_eq!(
			(trade.consumer.clone(), trade.producer.clone()),
			(Some(consumer(4)), Some(producer()))
		);
		// (1,000,000 - 1,000) x 100 / 250
		assert_eq!(trade.split().unwrap().payment, Money::from_units(399_600));
		assert_eq!(trades.by_id(&id(5)).unwrap(), None);
	}

	#[test]
	fn what_was_burned_should_be_remembered() {
		let folder = tempfile::tempdir().unwrap();
		let trades = open(&folder);
		let fee = Money::from_units(1_000);
		// The first one's producer could not take its payment; of the second it is not known.
		let paid = vec![PaidCtp { id: id(1), payment: Money::ZERO, fee }];
		trades.add(BlockTrades { paid, ..block(&[1, 2]) }, &Book::default()).unwrap();
		let of = |vault| trades.by_id(&id(vault)).unwrap().unwrap().1;
		assert_eq!(of(1).paid(), Some(Paid { payment: Money::ZERO, fee }));
		assert_eq!(of(1).burned(), Some(Money::from_units(399_600)));
		assert_eq!(of(2).paid(), Some(Paid { payment: Money::from_units(399_600), fee }));
		assert_eq!(of(2).burned(), None);
	}

	#[test]
	fn list_should_keep_to_its_range_and_limit() {
		let folder = tempfile::tempdir().unwrap();
		let trades = three_blocks(&folder);
		let offer = || Party::Offer(3);
		assert_eq!(places(&trades, offer(), (1, 1), 9), [(1, 1), (3, 0), (3, 1)]);
		assert_eq!(places(&trades, offer(), (2, 0), 2), []);
		assert_eq!(places(&trades, offer(), (0, 0), 1), [(1, 0), (1, 1)]);
		let start = Place { block: 0, position: 0 };
		assert_eq!(trades.list(&offer(), start, 9, 3).unwrap().len(), 3);
		assert_eq!(trades.list(&offer(), start, 9, 0).unwrap(), []);
	}

	#[test]
	fn index_should_go_on_after_reopening() {
		let folder = tempfile::tempdir().unwrap();
		drop(three_blocks(&folder));
		let trades = open(&folder);
		assert_eq!(trades.reach(), Reach { first: 1, next: 4 });
		assert_eq!(trades.reach().last(), Some(3));
		trades.add(block(&[5]), &Book::default()).unwrap();
		assert_eq!(places(&trades, Party::Vault(5), (0, 0), 9), [(4, 0)]);
	}

	#[test]
	fn index_should_know_its_last_block_and_begin_anew_when_told() {
		let folder = tempfile::tempdir().unwrap();
		let trades = three_blocks(&folder);
		assert_eq!(trades.last(), Some((3, Hash::repeat_byte(1))));
		trades.clear().unwrap();
		drop(trades);
		let trades = open(&folder);
		assert_eq!((trades.last(), trades.reach().next), (None, 1));
		assert_eq!(trades.by_id(&id(4)).unwrap(), None);
		assert_eq!(places(&trades, Party::Offer(3), (0, 0), 9), []);
		trades.add(block(&[5]), &Book::default()).unwrap();
		assert_eq!(places(&trades, Party::Vault(5), (0, 0), 9), [(1, 0)]);
	}

	#[test]
	fn owner_should_be_asked_for_once() {
		let folder = tempfile::tempdir().unwrap();
		let (trades, book) = (open(&folder), Book::default());
		trades.add(block(&[1]), &book).unwrap();
		trades.add(block(&[1, 2]), &book).unwrap();
		assert_eq!(*book.asked.borrow(), [('o', 3), ('v', 1), ('v', 2)]);
	}

	#[test]
	fn trade_of_a_forgotten_offer_should_stand_under_its_number() {
		let folder = tempfile::tempdir().unwrap();
		let (trades, book) = (open(&folder), Book { unknown_offers: true, ..Default::default() });
		trades.add(block(&[1]), &book).unwrap();
		assert_eq!(places(&trades, Party::Account(producer()), (0, 0), 9), []);
		assert_eq!(places(&trades, Party::Offer(3), (0, 0), 9), [(1, 0)]);
		assert_eq!(places(&trades, Party::Account(consumer(1)), (0, 0), 9), [(1, 0)]);
		assert_eq!(trades.by_id(&id(1)).unwrap().unwrap().1.producer, None);
	}

	#[test]
	fn missing_bodies_should_move_the_beginning() {
		let folder = tempfile::tempdir().unwrap();
		let trades = open(&folder);
		assert_eq!(trades.reach().last(), None);
		trades.skip().unwrap();
		trades.skip().unwrap();
		assert_eq!(trades.reach(), Reach { first: 3, next: 3 });
		assert_eq!(trades.reach().last(), None);
		trades.add(block(&[1]), &Book::default()).unwrap();
		assert_eq!(open_reach(trades, &folder), Reach { first: 3, next: 4 });
	}

	fn open_reach(trades: Trades, folder: &tempfile::TempDir) -> Reach {
		drop(trades);
		open(folder).reach()
	}
}
