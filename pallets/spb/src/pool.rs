//! Messages in the transaction pool: what they are, and whether the pool takes them.

use crate::{
	pallet::*,
	rules::{self, Chain},
	types::{Manufacturer, Offer, Vault},
	MAX_OPEN_PER_VAULT,
};
use alloc::{collections::BTreeMap, vec, vec::Vec};
use codec::{DecodeAll, Encode};
use core::{cell::RefCell, marker::PhantomData};
use frame_support::{pallet_prelude::*, traits::Get};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::{traits::TrailingZeroInput, SaturatedConversion};
use spb_primitives::{
	message::POOL_SLOTS, Addition, BlockNumber, CtpId, Erc, Genesis, Limits, ManufacturerId,
	Message, MeterKey, MeterProof, MeterRegistry, Money, OfferId, Parameters, Refusal, Sidecar,
	VaultId, POOL_TAG_PREFIX,
};

/// The chain's state, as the rules ask for it: as it was when it was first asked for. What many
/// messages of a block share is read once.
pub struct State<T> {
	genesis: Genesis,
	now: BlockNumber,
	parameters: Parameters,
	entry_lifetime: BlockNumber,
	settles_from: BlockNumber,
	limits: Limits,
	vaults: RefCell<BTreeMap<VaultId, Option<Vault>>>,
	offers: RefCell<BTreeMap<OfferId, Option<Offer>>>,
	runtime: PhantomData<T>,
}

impl<T: Config> MeterRegistry for State<T> {
	fn active_manufacturer(&self, id: ManufacturerId) -> Option<MeterKey> {
		Manufacturers::<T>::get(id).filter(|m| m.active).map(|m| m.key)
	}

	fn is_revoked(&self, manufacturer: ManufacturerId, meter: &MeterKey) -> bool {
		RevokedMeters::<T>::contains_key(manufacturer, meter)
	}
}

/// All meters that were ever certified.
struct Ever<T>(PhantomData<T>);

impl<T: Config> MeterRegistry for Ever<T> {
	fn active_manufacturer(&self, id: ManufacturerId) -> Option<MeterKey> {
		Manufacturers::<T>::get(id).map(|Manufacturer { key, .. }| key)
	}

	fn is_revoked(&self, _: ManufacturerId, _: &MeterKey) -> bool {
		false
	}
}

impl<T: Config> Chain for State<T> {
	fn genesis(&self) -> Genesis {
		self.genesis
	}

	fn now(&self) -> BlockNumber {
		self.now
	}

	fn parameters(&self) -> Parameters {
		self.parameters
	}

	fn entry_lifetime(&self) -> BlockNumber {
		self.entry_lifetime
	}

	fn settles_from(&self) -> BlockNumber {
		self.settles_from
	}

	fn limits(&self) -> Limits {
		self.limits
	}

	fn vault(&self, id: VaultId) -> Option<Vault> {
		let mut known = self.vaults.borrow_mut();
		known.entry(id).or_insert_with(|| Pallet::<T>::vault_with_money(id)).clone()
	}

	fn offer(&self, id: OfferId) -> Option<Offer> {
		let mut known = self.offers.borrow_mut();
		let read = || Offers::<T>::get(id).map(|record| record.offer);
		known.entry(id).or_insert_with(read).clone()
	}

	fn is_settled(&self, expiry: BlockNumber, id: &CtpId) -> bool {
		Settled::<T>::contains_key(expiry, id)
	}

	fn meters_ever(&self) -> impl MeterRegistry {
		Ever::<T>(PhantomData)
	}
}

impl<T: Config> Pallet<T> {
	/// The chain's state, as the rules ask for it in this block.
	pub fn chain() -> State<T> {
		let (now, set) = (Self::now(), CurrentParameters::<T>::get());
		let development = Parameters::DEVELOPMENT;
		State {
			genesis: Self::genesis(),
			now,
			parameters: set.as_ref().map_or(development, |set| set.at(now)),
			entry_lifetime: set.map_or(development.max_lifetime, |set| set.entry_lifetime()),
			settles_from: SettlesFrom::<T>::get(),
			limits: Self::limits(),
			vaults: RefCell::default(),
			offers: RefCell::default(),
			runtime: PhantomData,
		}
	}

	/// The hash of block 0.
	pub fn genesis() -> Genesis {
		frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::default())
	}

	/// The number of the block that is made, or that the pool looks ahead to.
	pub fn now() -> BlockNumber {
		frame_system::Pallet::<T>::block_number().saturated_into()
	}

	/// The parameters that govern now.
	pub fn parameters() -> Parameters {
		let set = CurrentParameters::<T>::get();
		set.map_or(Parameters::DEVELOPMENT, |set| set.at(Self::now()))
	}

	/// The runtime's limits.
	pub fn limits() -> Limits {
		let fee = T::SettlementFee::get();
		Limits {
			fee: Money::from_units(fee),
			min_amount: Money::from_units(fee.saturating_mul(2)),
			max_settlements: T::MaxSettlements::get(),
			max_open: T::MaxOpen::get(),
			max_open_per_vault: MAX_OPEN_PER_VAULT,
			max_sidecar: T::MaxSidecar::get(),
		}
	}

	/// The message that a call carries, if it is one.
	pub fn message(call: &Call<T>) -> Option<Message> {
		match call.clone() {
			Call::commit_to_pay { ctp, proof, quote } => {
				Some(Message::Commit(Addition { ctp, proof, quote }))
			},
			Call::confirm_receipt { erc, proof } => Some(Message::Confirm(erc, proof)),
			_ => None,
		}
	}

	/// The messages that an encoded sidecar was made of; none where it does not decode.
	///
	/// A sidecar holds no meter proof beside an ERC. One whose CTP came with the same sidecar gets
	/// that proof, any other an empty one: blocks do not look at it, because the proof was judged
	/// when the CTP entered.
	pub fn messages_of(sidecar: &[u8]) -> Vec<Call<T>> {
		let Ok(Sidecar { added, receipts }) = Sidecar::decode_all(&mut &sidecar[..]) else {
			return Vec::new();
		};
		let genesis = Self::genesis();
		let proofs: BTreeMap<_, _> = added
			.iter()
			.map(|addition| (CtpId::of(&addition.ctp.ctp, &genesis), addition.proof.clone()))
			.collect();
		let confirm = |erc: Erc| {
			let known = proofs.get(&erc.ctp).cloned();
			let proof =
				known.or_else(|| MeterProof::decode(&mut TrailingZeroInput::zeroes()).ok())?;
			Some(Call::confirm_receipt { erc, proof })
		};
		let receipts: Vec<_> = receipts.into_iter().filter_map(confirm).collect();
		let commit = |Addition { ctp, proof, quote }| Call::commit_to_pay { ctp, proof, quote };
		added.into_iter().map(commit).chain(receipts).collect()
	}

	/// The id of the CTP that a message is about.
	pub fn message_id(message: &Message) -> CtpId {
		match message {
			Message::Commit(addition) => CtpId::of(&addition.ctp.ctp, &Self::genesis()),
			Message::Confirm(erc, _) => erc.ctp,
		}
	}

	/// Whether the pool takes a bare call, judged against state.
	pub(crate) fn validate_message(
		source: TransactionSource,
		call: &Call<T>,
	) -> TransactionValidity {
		let Some(message) = Self::message(call) else {
			return Err(InvalidTransaction::Call.into());
		};
		// Valid in the pool and never in a block: the author tries it, and it stays where it is.
		if source == TransactionSource::InBlock {
			return Err(InvalidTransaction::Future.into());
		}
		let chain = Self::chain();
		let (now, parameters) = (chain.now(), chain.parameters());
		let (provides, last) = match &message {
			Message::Commit(addition) => {
				let id = rules::admit(&chain, addition).map_err(invalid)?;
				let ctp = &addition.ctp.ctp;
				let place = tag(b"ctp", &(ctp.vault, id.pool_slot()));
				// Two CTPs for one key cannot both be open.
				let key = tag(b"key", &(ctp.vault, ctp.receipt_key));
				(vec![place, key], ctp.expiry)
			},
			Message::Confirm(erc, proof) => {
				rules::plausible(&chain, erc, proof).map_err(invalid)?;
				let slot = (proof.index % u32::from(POOL_SLOTS)) as u8;
				let place = tag(b"erc", &(proof.coe.root, slot));
				(vec![place], erc.at.saturating_add(parameters.longest_claim()))
			},
		};
		Ok(ValidTransaction {
			priority: 0,
			requires: Vec::new(),
			provides,
			longevity: u64::from(last.saturating_sub(now)).max(1),
			propagate: true,
		})
	}
}

/// A place in the pool that a message takes: one of 64 of its vault or its CoE, and its vault's for
/// its receipt key.
fn tag(kind: &[u8; 3], place: &impl Encode) -> Vec<u8> {
	let mut tag = [POOL_TAG_PREFIX, kind].concat();
	place.encode_to(&mut tag);
	tag
}

fn invalid(refusal: Refusal) -> TransactionValidityError {
	InvalidTransaction::Custom(refusal.code()).into()
}
