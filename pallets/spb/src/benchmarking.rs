//! What each call and hook costs at its worst: every record that it touches exists and is its own,
//! every signature is there to be checked.
//!
//! Signatures are made by the host, so the externalities need a keystore.

use crate::{
	offers::NUMBERS_PER_PAGE,
	pallet::*,
	sweep::{BUCKETS_PER_BLOCK, OFFERS_PER_BLOCK},
	types::*,
};
use alloc::{format, vec::Vec};
use codec::Encode;
use frame_benchmarking::{account, v2::*};
use frame_support::{
	traits::{fungible::Mutate, ConstU32, EnsureOrigin, Get},
	BoundedVec,
};
use frame_system::RawOrigin;
use sp_core::{crypto::KeyTypeId, ed25519, sr25519, H256};
use sp_io::{
	crypto::{ed25519_generate, ed25519_sign, sr25519_generate, sr25519_sign},
	hashing::blake2_256,
};
use sp_runtime::{traits::SaturatedConversion, DigestItem, MultiSignature};
use spb_primitives::{
	relay::{listing_payload, node_payload, peer_id, MAX_CONSENT, PEER_LENGTH},
	AccountId, BlockNumber, Certificate, Coe, Ctp, CtpId, Energy, ManufacturerId, MeterKey,
	MeterSignature, Money, OfferId, Price, ReceiptKey, Settlement, SignedCtp, VaultId,
};

/// Where the keystore keeps the keys.
const KEYS: KeyTypeId = KeyTypeId(*b"spbb");
/// What each account begins with: more than it spends, and little enough that all of them together
/// can be counted.
const WEALTH: u128 = 1 << 96;
/// Wh of each offer.
const OFFERED: Energy = Energy::from_wh(1_000_000);

/// Account number `index` of a kind, with money.
fn rich<T: Config>(kind: &'static str, index: u32) -> AccountId {
	let who: AccountId = account(kind, index, 0);
	T::Currency::set_balance(&who, WEALTH);
	who
}

/// Key number `index`, which the keystore holds, and its account, with money.
fn signer<T: Config>(index: u32) -> (sr25519::Public, AccountId) {
	let seed = format!("0x{:064x}", u64::from(index) + 1);
	let key = sr25519_generate(KEYS, Some(seed.into_bytes()));
	let who = AccountId::from(key.0);
	T::Currency::set_balance(&who, WEALTH);
	(key, who)
}

fn sign(key: &sr25519::Public, payload: &[u8]) -> MultiSignature {
	sr25519_sign(KEYS, key, payload).expect("the keystore made the key").into()
}

/// A key of a node, a meter or a manufacturer, which the keystore holds.
fn device(index: u32) -> ed25519::Public {
	let seed = format!("0x{:064x}", u64::from(index) + 1);
	ed25519_generate(KEYS, Some(seed.into_bytes()))
}

fn sign_by_device(key: &ed25519::Public, payload: &[u8]) -> MeterSignature {
	ed25519_sign(KEYS, key, payload).expect("the keystore made the key")
}

/// An address of this length.
fn address(length: u32) -> BoundedVec<u8, ConstU32<MAX_ADDRESS>> {
	let mut address = b"ws://".to_vec();
	address.resize(length as usize, b'a');
	address.try_into().expect("no longer than an address may be")
}

/// The last block at which a consent counts that is given now.
fn until<T: Config>() -> BlockNumber {
	Pallet::<T>::now() + MAX_CONSENT
}

/// A node's peer id and its consent to be listed by `owner`.
fn node<T: Config>(
	owner: &AccountId,
) -> (BoundedVec<u8, ConstU32<{ PEER_LENGTH as u32 }>>, MeterSignature) {
	let peer = peer_id(&device(0));
	let identifier = NodeIdentifier::of_peer(&peer);
	let payload = node_payload(owner, &identifier, until::<T>(), &Pallet::<T>::genesis());
	let peer = peer.to_vec().try_into().expect("a peer id has its length");
	(peer, sign_by_device(&device(0), &payload))
}

/// The account's node in the backbone.
fn join<T: Config>(owner: &AccountId) {
	let (peer, signature) = node::<T>(owner);
	let (owner, address) = (owner.clone(), address(MAX_ADDRESS));
	Pallet::<T>::do_join_backbone(owner, peer, address, until::<T>(), signature)
		.expect("the node signed and its owner has money");
}

/// A meter, its manufacturer, its certificate, where to write to it, and its consent to be listed by
/// `owner`.
fn meter<T: Config>(
	owner: &AccountId,
) -> (MeterKey, ManufacturerId, MeterSignature, ContactKey, MeterSignature) {
	let (maker, key, manufacturer) = (device(1), device(2), ManufacturerId::MAX);
	let contact = ContactKey([1; 32]);
	Manufacturers::<T>::insert(manufacturer, Manufacturer { key: maker, active: true });
	let (genesis, until) = (Pallet::<T>::genesis(), until::<T>());
	let certificate =
		sign_by_device(&maker, &Coe::certificate_payload(manufacturer, &key, &genesis));
	let payload = listing_payload(owner, &key, manufacturer, &contact, until, &genesis);
	(key, manufacturer, certificate, contact, sign_by_device(&key, &payload))
}

/// Companies beside those that there are, until so many places are left.
fn add_companies<T: Config>(left: u32) {
	let there = Companies::<T>::decode_len().unwrap_or_default() as u32;
	for index in there..T::MaxCompanies::get().saturating_sub(left) {
		Pallet::<T>::do_add_company(account("another company", index, 0)).expect("there is room");
	}
}

/// A producer with its energy account.
fn producer<T: Config>(index: u32) -> AccountId {
	let producer = rich::<T>("producer", index);
	Pallet::<T>::do_open_with_burn(producer.clone()).expect("it can pay");
	producer
}

/// An offer of its own for each producer.
fn offer<T: Config>(producer: &AccountId) -> OfferId {
	let id = NextOffer::<T>::get();
	let (price, contact) = (Price::per_kwh(1), ContactKey([1; 32]));
	Pallet::<T>::do_offer_energy(producer.clone(), OFFERED, price, Terms::Listed, contact)
		.expect("the producer has an account and money");
	id
}

/// What the benchmarks put into a vault.
fn in_vault<T: Config>() -> Money {
	Money::from_units(T::SettlementFee::get().saturating_mul(8))
}

/// The vault of `owner`, opened with money in it.
fn vault<T: Config>(owner: &AccountId) -> VaultId {
	Pallet::<T>::do_deposit(owner.clone(), in_vault::<T>()).expect("the owner has money");
	VaultOf::<T>::get(owner).expect("the deposit opened it")
}

/// A vault of its own for an account that requested all of it back.
fn leaving<T: Config>() -> AccountId {
	let owner = rich::<T>("owner", 0);
	vault::<T>(&owner);
	Pallet::<T>::do_request_withdrawal(owner.clone(), in_vault::<T>()).expect("it is in the vault");
	owner
}

/// A trade between a consumer, a producer, a vault and an offer that no other has.
fn settlement<T: Config>(index: u32) -> Settlement {
	let (key, owner) = signer::<T>(index);
	let ctp = Ctp {
		vault: vault::<T>(&owner),
		offer: offer::<T>(&producer::<T>(index)),
		energy: Energy::from_wh(1_000),
		amount: Money::from_units(T::SettlementFee::get().saturating_mul(4)),
		expiry: Pallet::<T>::now(),
		receipt_key: ReceiptKey(H256::repeat_byte(1)),
	};
	let signature = sign(&key, &ctp.payload(&Pallet::<T>::genesis()));
	Settlement { delivered: ctp.energy, ctp: SignedCtp { ctp, signature } }
}

/// Makes the block one of slot 0, so that it has an author, whose account exists.
fn authored<T: Config>() {
	let slot = DigestItem::PreRuntime(*b"aura", 0_u64.encode());
	frame_system::Pallet::<T>::deposit_log(slot);
	let author = T::Author::get().expect("the slot has an author");
	T::Currency::set_balance(&author, WEALTH);
}

/// Lets the chain be at block `number`.
fn at<T: Config>(number: BlockNumber) {
	frame_system::Pallet::<T>::set_block_number(number.saturated_into());
}

fn governing<T: Config>() -> Result<T::RuntimeOrigin, BenchmarkError> {
	T::GoverningOrigin::try_successful_origin().map_err(|()| BenchmarkError::Weightless)
}

/// That this was the last thing that happened.
fn assert_last<T: Config>(event: Event<T>) {
	frame_system::Pallet::<T>::assert_last_event(event.into());
}

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn open_account_with_burn() {
		let producer = rich::<T>("producer", 0);

		#[extrinsic_call]
		_(RawOrigin::Signed(producer.clone()));

		assert!(EnergyAccounts::<T>::contains_key(&producer));
	}

	#[benchmark]
	fn open_account_with_certificate() {
		let producer = rich::<T>("producer", 0);
		let (key, company) = signer::<T>(0);
		Pallet::<T>::do_add_company(company.clone()).expect("there is room");
		add_companies::<T>(0);
		let genesis = Pallet::<T>::genesis();
		let valid_until = BlockNumber::MAX;
		let payload = Certificate::payload(&producer, &company, valid_until, &genesis);
		let signature = sign(&key, &payload);
		let certificate =
			Certificate { account: producer.clone(), company, valid_until, signature };

		#[extrinsic_call]
		_(RawOrigin::Signed(producer.clone()), certificate);

		assert!(EnergyAccounts::<T>::contains_key(&producer));
	}

	#[benchmark]
	fn close_account() {
		let producer = producer::<T>(0);

		#[extrinsic_call]
		_(RawOrigin::Signed(producer.clone()));

		assert!(!EnergyAccounts::<T>::contains_key(&producer));
	}

	#[benchmark]
	fn offer_energy() {
		let producer = producer::<T>(0);
		let id = NextOffer::<T>::get();

		#[extrinsic_call]
		_(
			RawOrigin::Signed(producer),
			OFFERED,
			Price::per_kwh(1),
			Terms::QuoteOnly,
			ContactKey([1; 32]),
		);

		assert!(Offers::<T>::contains_key(id));
	}

	#[benchmark]
	fn top_up_offer() {
		let producer = producer::<T>(0);
		let (id, energy) = (offer::<T>(&producer), Energy::from_wh(1));

		#[extrinsic_call]
		_(RawOrigin::Signed(producer), id, energy);

		assert_last::<T>(Event::OfferToppedUp { offer: id, energy });
	}

	#[benchmark]
	fn reprice_offer() {
		let producer = producer::<T>(0);
		let (id, price) = (offer::<T>(&producer), Price::per_kwh(2));

		#[extrinsic_call]
		_(RawOrigin::Signed(producer), id, price);

		assert_last::<T>(Event::OfferRepriced { offer: id, price });
	}

	#[benchmark]
	fn close_offer() {
		let producer = producer::<T>(0);
		let id = offer::<T>(&producer);

		#[extrinsic_call]
		_(RawOrigin::Signed(producer), id);

		assert_last::<T>(Event::OfferClosed { offer: id });
	}

	/// The first one, which opens the vault.
	#[benchmark]
	fn deposit() {
		let owner = rich::<T>("owner", 0);

		#[extrinsic_call]
		_(RawOrigin::Signed(owner.clone()), in_vault::<T>());

		assert!(VaultOf::<T>::contains_key(&owner));
	}

	#[benchmark]
	fn request_withdrawal() {
		let owner = rich::<T>("owner", 0);
		let id = vault::<T>(&owner);

		#[extrinsic_call]
		_(RawOrigin::Signed(owner), in_vault::<T>());

		assert!(Vaults::<T>::get(id).is_some_and(|vault| vault.withdrawal.is_some()));
	}

	#[benchmark]
	fn cancel_withdrawal() {
		let owner = leaving::<T>();

		#[extrinsic_call]
		_(RawOrigin::Signed(owner.clone()));

		let id = VaultOf::<T>::get(&owner).expect("the vault stays");
		assert_last::<T>(Event::WithdrawalCancelled { vault: id });
	}

	/// Of all that is in the vault, which is closed then.
	#[benchmark]
	fn withdraw() {
		let owner = leaving::<T>();
		at::<T>(Pallet::<T>::now() + Pallet::<T>::parameters().longest_claim() + 1);

		#[extrinsic_call]
		_(RawOrigin::Signed(owner.clone()));

		assert!(!VaultOf::<T>::contains_key(&owner));
	}

	#[benchmark]
	fn revoke_meter() {
		let maker = rich::<T>("maker", 0);
		let key = MeterKey::from_raw(*maker.as_ref());
		let (manufacturer, meter) = (u16::MAX, MeterKey::from_raw([1; 32]));
		Manufacturers::<T>::insert(manufacturer, Manufacturer { key, active: true });
		let before = frame_system::Pallet::<T>::event_count();

		#[extrinsic_call]
		_(RawOrigin::Signed(maker), manufacturer, meter);

		assert_eq!(frame_system::Pallet::<T>::event_count(), before + 1);
	}

	#[benchmark]
	fn add_company() -> Result<(), BenchmarkError> {
		let origin = governing::<T>()?;
		let company: AccountId = account("company", 0, 0);
		add_companies::<T>(1);

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, company.clone());

		assert!(Companies::<T>::get().contains(&company));
		Ok(())
	}

	#[benchmark]
	fn remove_company() -> Result<(), BenchmarkError> {
		let origin = governing::<T>()?;
		let company: AccountId = account("company", 0, 0);
		Pallet::<T>::do_add_company(company.clone()).expect("there is room");
		add_companies::<T>(0);

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, company.clone());

		assert!(!Companies::<T>::get().contains(&company));
		Ok(())
	}

	#[benchmark]
	fn add_manufacturer() -> Result<(), BenchmarkError> {
		let origin = governing::<T>()?;
		let id = u16::MAX;

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, id, MeterKey::from_raw([1; 32]));

		assert!(Manufacturers::<T>::contains_key(id));
		Ok(())
	}

	#[benchmark]
	fn retire_manufacturer() -> Result<(), BenchmarkError> {
		let origin = governing::<T>()?;
		let id = u16::MAX;
		let key = MeterKey::from_raw([1; 32]);
		Manufacturers::<T>::insert(id, Manufacturer { key, active: true });

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, id);

		assert!(Manufacturers::<T>::get(id).is_some_and(|manufacturer| !manufacturer.active));
		Ok(())
	}

	#[benchmark]
	fn join_backbone() {
		let owner = rich::<T>("owner", 0);
		let (peer, signature) = node::<T>(&owner);

		#[extrinsic_call]
		_(RawOrigin::Signed(owner.clone()), peer, address(MAX_ADDRESS), until::<T>(), signature);

		assert!(BackboneNodes::<T>::contains_key(&owner));
	}

	#[benchmark]
	fn update_backbone() {
		let owner = rich::<T>("owner", 0);
		join::<T>(&owner);

		#[extrinsic_call]
		_(RawOrigin::Signed(owner), address(MAX_ADDRESS - 1));

		let identifier = NodeIdentifier::of_peer(&peer_id(&device(0)));
		assert_last::<T>(Event::NodeUpdated { identifier });
	}

	#[benchmark]
	fn leave_backbone() {
		let owner = rich::<T>("owner", 0);
		join::<T>(&owner);

		#[extrinsic_call]
		_(RawOrigin::Signed(owner.clone()));

		assert!(!BackboneNodes::<T>::contains_key(&owner));
	}

	#[benchmark]
	fn list_meter() {
		let owner = rich::<T>("owner", 0);
		let (key, manufacturer, certificate, contact, signature) = meter::<T>(&owner);

		#[extrinsic_call]
		_(
			RawOrigin::Signed(owner),
			key,
			manufacturer,
			certificate,
			contact,
			until::<T>(),
			signature,
		);

		assert!(Meters::<T>::contains_key(key));
	}

	/// By another than its owner, after it was revoked.
	#[benchmark]
	fn unlist_meter() {
		let (owner, other) = (rich::<T>("owner", 0), rich::<T>("other", 0));
		let (key, manufacturer, certificate, contact, signature) = meter::<T>(&owner);
		let until = until::<T>();
		Pallet::<T>::do_list_meter(
			owner,
			key,
			manufacturer,
			certificate,
			contact,
			until,
			signature,
		)
		.expect("the meter signed and its owner has money");
		RevokedMeters::<T>::insert(manufacturer, key, ());

		#[extrinsic_call]
		_(RawOrigin::Signed(other), key);

		assert!(!Meters::<T>::contains_key(key));
	}

	/// With `n` settlements, each of another vault and another offer of another producer.
	#[benchmark]
	fn seal(n: Linear<0, { T::MaxSettlements::get() }>) {
		authored::<T>();
		let settlements: Vec<_> = (0..n).map(settlement::<T>).collect();
		let full = Seal {
			database_root: H256::repeat_byte(1),
			sidecar_hash: H256::repeat_byte(2),
			settlements: settlements.try_into().expect("no more than a seal holds"),
		};
		frame_system::Pallet::<T>::reset_events();

		#[extrinsic_call]
		_(RawOrigin::None, full);

		assert_eq!(Settled::<T>::iter().count() as u32, n);
	}

	/// Of `i` settled ids and `o` closed offers of different producers, each on a page of its own in
	/// the index, spread over all buckets that one block looks at.
	#[benchmark]
	fn sweep(i: Linear<0, { T::MaxSettlements::get() }>, o: Linear<0, OFFERS_PER_BLOCK>) {
		let parameters = Pallet::<T>::parameters();
		let buckets = BUCKETS_PER_BLOCK;
		let now = parameters.longest_claim() + parameters.grace + buckets;
		let expiries = now - parameters.grace - buckets;
		let closings = now - parameters.longest_claim() - buckets;
		for number in 0..o {
			at::<T>(closings + number % buckets);
			let producer = producer::<T>(number);
			NextOffer::<T>::put(number * NUMBERS_PER_PAGE);
			let id = offer::<T>(&producer);
			Pallet::<T>::do_close_offer(producer, id).expect("the offer is open");
		}
		for number in 0..i {
			let id = CtpId(H256(blake2_256(&number.to_be_bytes())));
			Settled::<T>::insert(expiries + number % buckets, id, ());
		}
		SettledFrom::<T>::put(expiries);
		ClosedOffersFrom::<T>::put(closings);
		at::<T>(now);
		frame_system::Pallet::<T>::reset_events();

		#[block]
		{
			Pallet::<T>::sweep(now);
		}

		assert_eq!(Settled::<T>::iter().count() + ClosedOffers::<T>::iter().count(), 0);
		assert_eq!(SettledFrom::<T>::get(), expiries + buckets);
		assert_eq!(ClosedOffersFrom::<T>::get(), closings + buckets);
	}

	impl_benchmark_test_suite!(
		Pallet,
		crate::tests::ExtBuilder::default().without_market().build_with_keystore(),
		crate::tests::Test
	);
}
