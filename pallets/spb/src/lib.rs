//! SPB on chain: energy accounts, offers, vaults, the CTP database's rules and the seal.
//!
//! A consumer's Commit To Pay (CTP) and its meter's Energy Receipt Confirmation (ERC) travel
//! through the pool as bare calls that never enter a block. What a block does with them is said by
//! one inherent, [`Call::seal`]: it deposits the root of the CTP database and the hash of the
//! sidecar in the header, and settles the trades that are complete. The database itself lives in
//! the node's off-chain storage; its rules are here, behind
//! [`CtpDatabaseApi`](runtime_api::CtpDatabaseApi).
//!
//! Each call is a check and a delegation; the logic is in the modules:
//!
//! * [`accounts`]: energy accounts, companies, manufacturers;
//! * [`offers`], [`vaults`]: what producers sell and what consumers set aside;
//! * [`backbone`], [`meters`]: who carries letters, and which meters certify others (section 7);
//! * [`rules`]: what may enter the database and what may settle (docs/protocol.md, section 7);
//! * [`database`]: the CTP database as a versioned tree in off-chain storage (section 5);
//! * [`block`]: preparing and checking what a block does to it;
//! * [`seal`]: settling; [`sweep`]: forgetting;
//! * [`extension`]: keeps messages out of signed transactions.

#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod accounts;
mod backbone;
#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
pub mod block;
pub mod database;
mod extension;
mod meters;
mod offers;
mod pool;
pub mod rules;
pub mod runtime_api;
mod seal;
mod sweep;
#[cfg(test)]
mod tests;
mod try_state;
pub mod types;
mod vaults;
pub mod weights;

pub use extension::{Carries, CheckBare};
pub use pallet::*;
pub use types::*;
pub use weights::{Measured, WeightInfo};

/// Where the prepared seal stands in the inherent data: the encoded `(Seal, Seal)`, the full one
/// and the empty one beside it.
pub const INHERENT_IDENTIFIER: sp_inherents::InherentIdentifier = *b"spbseal0";

/// The greatest number of open CTPs of one vault.
pub const MAX_OPEN_PER_VAULT: u32 = 64;

#[frame_support::pallet]
pub mod pallet {
	use super::*;
	use frame_support::{
		pallet_prelude::*,
		traits::{fungible, fungible::hold, ChangeMembers},
	};
	use frame_system::pallet_prelude::*;
	use sp_core::H256;
	use spb_primitives::{
		relay::PEER_LENGTH, AccountId, BlockNumber, Certificate, CtpId, Energy, Erc,
		ManufacturerId, MeterKey, MeterProof, MeterSignature, Money, OfferId, Parameters, Price,
		Quote, Refusal, SignedCtp, VaultId,
	};

	#[pallet::pallet]
	pub struct Pallet<T>(_);

	/// What the pallet needs of its runtime. Money is counted in `u128`, time in `u32` blocks.
	#[pallet::config]
	pub trait Config:
		frame_system::Config<AccountId = AccountId, Hash = H256, RuntimeEvent: From<Event<Self>>>
	{
		/// The chain's money.
		type Currency: fungible::Mutate<Self::AccountId, Balance = u128>
			+ hold::Mutate<Self::AccountId, Reason = Self::RuntimeHoldReason>
			+ hold::Balanced<Self::AccountId>;
		/// Names the pallet's holds.
		type RuntimeHoldReason: From<HoldReason>;
		/// Who registers companies and manufacturers.
		type GoverningOrigin: EnsureOrigin<Self::RuntimeOrigin>;
		/// The author of the block, who gets the fees.
		type Author: Get<Option<Self::AccountId>>;
		/// What settling one CTP costs.
		type SettlementFee: Get<u128>;
		/// What opening an energy account burns.
		type OpeningBurn: Get<u128>;
		/// What is held for an energy account's record.
		type AccountDeposit: Get<u128>;
		/// What is held for an offer's record.
		type OfferDeposit: Get<u128>;
		/// What is held for a vault's record.
		type VaultDeposit: Get<u128>;
		/// What is held for a backbone node's record.
		type BackboneDeposit: Get<u128>;
		/// What is held for a listed meter's record.
		type MeterDeposit: Get<u128>;
		/// Backbone nodes.
		type MaxBackboneNodes: Get<u32>;
		/// Listed meters.
		type MaxMeters: Get<u32>;
		/// Energy companies.
		type MaxCompanies: Get<u32>;
		/// Who wants to know when the companies change: where they govern, their council.
		type CompaniesChanged: ChangeMembers<AccountId>;
		/// Settlements in one block.
		type MaxSettlements: Get<u32>;
		/// Open CTPs in the database.
		type MaxOpen: Get<u32>;
		/// Bytes of an encoded sidecar.
		type MaxSidecar: Get<u32>;
		/// What the calls cost.
		type WeightInfo: WeightInfo;
	}

	/// Why the pallet holds money.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// Set aside for CTPs.
		Vault,
		/// The deposit for the record of an account, an offer, a vault, a backbone node or a listed
		/// meter.
		Deposit,
	}

	/// The parameters in force.
	#[pallet::storage]
	pub type CurrentParameters<T: Config> = StorageValue<_, ParameterSet, OptionQuery>;

	/// The energy companies that certify producers, in order.
	#[pallet::storage]
	pub type Companies<T: Config> =
		StorageValue<_, BoundedVec<AccountId, T::MaxCompanies>, ValueQuery>;

	/// The manufacturers that certify meters.
	#[pallet::storage]
	pub type Manufacturers<T: Config> = StorageMap<_, Twox64Concat, ManufacturerId, Manufacturer>;

	/// The meters whose signatures no longer count, by the manufacturer that certified them.
	#[pallet::storage]
	pub type RevokedMeters<T: Config> =
		StorageDoubleMap<_, Twox64Concat, ManufacturerId, Blake2_128Concat, MeterKey, ()>;

	/// The energy accounts of producers.
	#[pallet::storage]
	pub type EnergyAccounts<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, EnergyAccount>;

	/// What is for sale.
	#[pallet::storage]
	pub type Offers<T: Config> = StorageMap<_, Twox64Concat, OfferId, OfferRecord>;

	/// Which numbers have offers, 256 in a row: one bit each, the lowest of the first byte first.
	#[pallet::storage]
	pub type OfferPages<T: Config> = StorageMap<_, Twox64Concat, u32, [u8; 32], ValueQuery>;

	/// The offers of each producer.
	#[pallet::storage]
	pub type OffersOf<T: Config> =
		StorageDoubleMap<_, Blake2_128Concat, AccountId, Twox64Concat, OfferId, ()>;

	/// The number of the next offer.
	#[pallet::storage]
	pub type NextOffer<T: Config> = StorageValue<_, OfferId, ValueQuery>;

	/// Closed offers by the block at which they were closed, until their records go.
	#[pallet::storage]
	pub type ClosedOffers<T: Config> =
		StorageDoubleMap<_, Twox64Concat, BlockNumber, Twox64Concat, OfferId, ()>;

	/// The first block whose closed offers may still have records.
	#[pallet::storage]
	pub type ClosedOffersFrom<T: Config> = StorageValue<_, BlockNumber, ValueQuery>;

	/// Consumers' money set aside. How much that is, the owner's hold says.
	#[pallet::storage]
	pub type Vaults<T: Config> = StorageMap<_, Twox64Concat, VaultId, VaultRecord>;

	/// The vault of each account.
	#[pallet::storage]
	pub type VaultOf<T: Config> = StorageMap<_, Blake2_128Concat, AccountId, VaultId>;

	/// The number of the next vault.
	#[pallet::storage]
	pub type NextVault<T: Config> = StorageValue<_, VaultId, ValueQuery>;

	/// The backbone nodes, by who runs them.
	#[pallet::storage]
	pub type BackboneNodes<T: Config> =
		CountedStorageMap<_, Blake2_128Concat, AccountId, BackboneNode>;

	/// Who runs the backbone node with an identifier.
	#[pallet::storage]
	pub type BackboneOwners<T: Config> = StorageMap<_, Identity, NodeIdentifier, AccountId>;

	/// The meters that certify others.
	#[pallet::storage]
	pub type Meters<T: Config> = CountedStorageMap<_, Blake2_128Concat, MeterKey, ListedMeter>;

	/// What has settled, by expiry, for as long as it could settle again.
	#[pallet::storage]
	pub type Settled<T: Config> =
		StorageDoubleMap<_, Twox64Concat, BlockNumber, Identity, CtpId, ()>;

	/// The first expiry whose settled ids are remembered.
	#[pallet::storage]
	pub type SettledFrom<T: Config> = StorageValue<_, BlockNumber, ValueQuery>;

	/// The first expiry whose CTPs can still settle. It never goes back, also where a change of
	/// parameters lengthens the grace: what came before has been forgotten.
	#[pallet::storage]
	pub type SettlesFrom<T: Config> = StorageValue<_, BlockNumber, ValueQuery>;

	/// Whether the block has its seal.
	#[pallet::storage]
	pub type Sealed<T: Config> = StorageValue<_, bool, ValueQuery>;

	/// What the chain begins with.
	#[pallet::genesis_config]
	pub struct GenesisConfig<T: Config> {
		/// Lifetimes, windows and the slot's length.
		pub parameters: Parameters,
		/// The first energy companies.
		pub companies: BoundedVec<AccountId, T::MaxCompanies>,
		/// The first manufacturers.
		pub manufacturers: alloc::vec::Vec<(ManufacturerId, MeterKey)>,
		/// No data.
		#[serde(skip)]
		pub _config: core::marker::PhantomData<T>,
	}

	impl<T: Config> Default for GenesisConfig<T> {
		fn default() -> Self {
			Self {
				parameters: Parameters::DEVELOPMENT,
				companies: Default::default(),
				manufacturers: Default::default(),
				_config: Default::default(),
			}
		}
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		fn build(&self) {
			if let Err(reason) = self.parameters.check() {
				panic!("genesis parameters of SPB: {reason}");
			}
			CurrentParameters::<T>::put(ParameterSet { current: self.parameters, previous: None });
			let mut companies = self.companies.clone();
			companies.sort();
			assert!(
				companies.is_sorted_by(|one, other| one < other),
				"genesis of SPB: a company is there twice"
			);
			T::CompaniesChanged::set_members_sorted(&companies, &[]);
			Companies::<T>::put(companies);
			for (id, key) in &self.manufacturers {
				assert!(
					!Manufacturers::<T>::contains_key(id),
					"genesis of SPB: manufacturer {id} is there twice"
				);
				Manufacturers::<T>::insert(id, Manufacturer { key: *key, active: true });
			}
		}
	}

	/// What has happened.
	#[pallet::event]
	#[pallet::generate_deposit(pub(crate) fn deposit_event)]
	pub enum Event<T: Config> {
		/// An energy account was opened.
		AccountOpened {
			/// The producer.
			producer: AccountId,
			/// How it was opened.
			by: OpenedBy,
		},
		/// An energy account was closed.
		AccountClosed {
			/// The producer.
			producer: AccountId,
		},
		/// Energy is for sale.
		EnergyOffered {
			/// The offer.
			offer: OfferId,
			/// Who sells.
			producer: AccountId,
			/// How much.
			energy: Energy,
			/// At which price.
			price: Price,
		},
		/// Energy was added to an offer.
		OfferToppedUp {
			/// The offer.
			offer: OfferId,
			/// How much was added.
			energy: Energy,
		},
		/// An offer has a new price.
		OfferRepriced {
			/// The offer.
			offer: OfferId,
			/// The new price.
			price: Price,
		},
		/// An offer takes no new CTPs.
		OfferClosed {
			/// The offer.
			offer: OfferId,
		},
		/// The record of a closed offer is gone.
		OfferRemoved {
			/// The offer.
			offer: OfferId,
		},
		/// Money was set aside.
		Deposited {
			/// The vault.
			vault: VaultId,
			/// Whose it is.
			owner: AccountId,
			/// How much.
			amount: Money,
		},
		/// Money is on its way out of a vault.
		WithdrawalRequested {
			/// The vault.
			vault: VaultId,
			/// How much.
			amount: Money,
			/// From which block on it can be paid out.
			payable_at: BlockNumber,
		},
		/// A withdrawal was called off.
		WithdrawalCancelled {
			/// The vault.
			vault: VaultId,
		},
		/// Money left a vault.
		Withdrawn {
			/// The vault.
			vault: VaultId,
			/// How much.
			amount: Money,
		},
		/// An empty vault is gone.
		VaultClosed {
			/// The vault.
			vault: VaultId,
		},
		/// A trade is complete: a CTP of the database met its meter's ERC.
		TradeSettled {
			/// The CTP.
			id: CtpId,
			/// Who paid.
			vault: VaultId,
			/// Who delivered.
			offer: OfferId,
			/// The energy delivered.
			delivered: Energy,
			/// What the producer got.
			payment: Money,
			/// What the author got.
			fee: Money,
		},
		/// Money that its receiver could not take was burned.
		PaymentBurned {
			/// The CTP.
			id: CtpId,
			/// Who could not take it.
			receiver: Option<AccountId>,
			/// How much.
			amount: Money,
		},
		/// A meter's signatures no longer count.
		MeterRevoked {
			/// Its manufacturer.
			manufacturer: ManufacturerId,
			/// The meter.
			meter: MeterKey,
		},
		/// A node takes part in the backbone.
		NodeJoined {
			/// Who runs it.
			owner: AccountId,
			/// Its identifier.
			identifier: NodeIdentifier,
		},
		/// A backbone node has a new address.
		NodeUpdated {
			/// Its identifier.
			identifier: NodeIdentifier,
		},
		/// A node takes part in the backbone no longer.
		NodeLeft {
			/// Its identifier.
			identifier: NodeIdentifier,
		},
		/// A meter certifies others.
		MeterListed {
			/// The meter.
			meter: MeterKey,
			/// Who listed it.
			owner: AccountId,
		},
		/// A meter is not listed any more.
		MeterUnlisted {
			/// The meter.
			meter: MeterKey,
		},
		/// A company may certify producers.
		CompanyAdded {
			/// The company.
			company: AccountId,
		},
		/// A company no longer certifies producers.
		CompanyRemoved {
			/// The company.
			company: AccountId,
		},
		/// A manufacturer may certify meters.
		ManufacturerAdded {
			/// Its number.
			id: ManufacturerId,
			/// Its key.
			key: MeterKey,
		},
		/// A manufacturer's certificates no longer count.
		ManufacturerRetired {
			/// Its number.
			id: ManufacturerId,
		},
	}

	/// Why a call changes nothing.
	#[pallet::error]
	pub enum Error<T> {
		/// The account has an energy account already.
		AccountExists,
		/// The account has no energy account: open one first.
		NoAccount,
		/// The account still has offers: close them and wait until their records are gone.
		OffersLeft,
		/// The certificate is for another account.
		CertificateForAnother,
		/// The certificate has run out: ask the company for a new one.
		CertificateOutOfDate,
		/// The certificate names a company that is not registered.
		UnknownCompany,
		/// The certificate is not signed by its company for this chain.
		BadCertificate,
		/// There is no offer of this number.
		UnknownOffer,
		/// The offer belongs to another account.
		NotYourOffer,
		/// The offer is closed: make a new one.
		OfferClosed,
		/// An amount of nothing.
		Nothing,
		/// More than can be counted.
		Overflow,
		/// All numbers have been given out.
		NumbersUsedUp,
		/// The account has no vault: deposit first.
		NoVault,
		/// The vault does not hold this much.
		VaultTooSmall,
		/// A withdrawal is pending: cancel it or wait for it.
		WithdrawalPending,
		/// No withdrawal is pending: request one first.
		NoWithdrawal,
		/// CTPs could still draw on this money: wait for the block that the request named.
		WithdrawalTooEarly,
		/// The company is registered already.
		CompanyExists,
		/// There are as many companies as there may be: remove another first.
		TooManyCompanies,
		/// The number of the manufacturer is taken.
		ManufacturerExists,
		/// There is no manufacturer of this number.
		UnknownManufacturer,
		/// Only the manufacturer itself, by the account of its key, can do this.
		NotTheManufacturer,
		/// The manufacturer is retired already.
		ManufacturerRetired,
		/// The meter is revoked already.
		AlreadyRevoked,
		/// The account has a backbone node already, or another account has this one.
		NodeListed,
		/// There are as many backbone nodes as there may be.
		TooManyNodes,
		/// The account has no backbone node: join first.
		NoNode,
		/// The peer id is not that of an Ed25519 key.
		BadPeer,
		/// The node did not agree to be listed by this account: have it sign with its network key.
		BadNodeSignature,
		/// The address is not one that begins with ws:// or wss:// and has no spaces.
		BadAddress,
		/// The meter is listed already: take it off the list first.
		MeterListed,
		/// There are as many listed meters as there may be.
		TooManyMeters,
		/// The meter is not listed.
		MeterNotListed,
		/// The meter's signatures do not count: its certificate is not its manufacturer's, or it is
		/// revoked, or the manufacturer is not registered or retired.
		MeterNotCertified,
		/// The meter did not agree to be listed so: have it sign.
		BadMeterListing,
		/// Somebody else listed the meter, and its signatures count.
		NotYourMeter,
		/// There is nobody to write to at this contact key.
		NoContact,
		/// The consent to be listed has run out, or would count for longer than one may: have it
		/// signed anew.
		ConsentOutOfDate,
		/// The call travels through the pool and never runs: submit it as a bare extrinsic.
		PoolOnly,
		/// The block has a seal already.
		SealedTwice,
		/// A settlement of the seal breaks a rule.
		BadSettlement,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_initialize(_: BlockNumberFor<T>) -> Weight {
			Self::sweep(Self::now())
		}

		fn on_finalize(_: BlockNumberFor<T>) {
			assert!(Sealed::<T>::take(), "every block has a seal, even an empty one");
		}

		fn offchain_worker(_: BlockNumberFor<T>) {
			database::housekeeping::<T>();
		}

		fn integrity_test() {
			Self::check_integrity();
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Opens an energy account by burning coin (paper section II-B).
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::open_account_with_burn())]
		pub fn open_account_with_burn(origin: OriginFor<T>) -> DispatchResult {
			let producer = ensure_signed(origin)?;
			Self::do_open_with_burn(producer)
		}

		/// Opens an energy account with the certificate of an energy company.
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::open_account_with_certificate())]
		pub fn open_account_with_certificate(
			origin: OriginFor<T>,
			certificate: Certificate,
		) -> DispatchResult {
			let producer = ensure_signed(origin)?;
			Self::do_open_with_certificate(producer, certificate)
		}

		/// Closes the energy account and frees its deposit; no offers may be left.
		#[pallet::call_index(2)]
		#[pallet::weight(T::WeightInfo::close_account())]
		pub fn close_account(origin: OriginFor<T>) -> DispatchResult {
			let producer = ensure_signed(origin)?;
			Self::do_close_account(producer)
		}

		/// Offers a block of energy, in Wh, at a price per kWh.
		#[pallet::call_index(3)]
		#[pallet::weight(T::WeightInfo::offer_energy())]
		pub fn offer_energy(
			origin: OriginFor<T>,
			#[pallet::compact] energy: Energy,
			#[pallet::compact] price: Price,
			terms: Terms,
			contact: ContactKey,
		) -> DispatchResult {
			let producer = ensure_signed(origin)?;
			Self::do_offer_energy(producer, energy, price, terms, contact)
		}

		/// Adds energy to an open offer.
		#[pallet::call_index(4)]
		#[pallet::weight(T::WeightInfo::top_up_offer())]
		pub fn top_up_offer(
			origin: OriginFor<T>,
			#[pallet::compact] offer: OfferId,
			#[pallet::compact] energy: Energy,
		) -> DispatchResult {
			let producer = ensure_signed(origin)?;
			Self::do_top_up_offer(producer, offer, energy)
		}

		/// Sets the price of an open offer for CTPs that enter from now on.
		#[pallet::call_index(5)]
		#[pallet::weight(T::WeightInfo::reprice_offer())]
		pub fn reprice_offer(
			origin: OriginFor<T>,
			#[pallet::compact] offer: OfferId,
			#[pallet::compact] price: Price,
		) -> DispatchResult {
			let producer = ensure_signed(origin)?;
			Self::do_reprice_offer(producer, offer, price)
		}

		/// Closes an offer to new CTPs; its record goes when no CTP can draw on it any more.
		#[pallet::call_index(6)]
		#[pallet::weight(T::WeightInfo::close_offer())]
		pub fn close_offer(
			origin: OriginFor<T>,
			#[pallet::compact] offer: OfferId,
		) -> DispatchResult {
			let producer = ensure_signed(origin)?;
			Self::do_close_offer(producer, offer)
		}

		/// Sets money aside in the account's vault; the first deposit opens it.
		#[pallet::call_index(7)]
		#[pallet::weight(T::WeightInfo::deposit())]
		pub fn deposit(origin: OriginFor<T>, #[pallet::compact] amount: Money) -> DispatchResult {
			let owner = ensure_signed(origin)?;
			Self::do_deposit(owner, amount)
		}

		/// Takes money out of what new CTPs may use, to be paid out when no CTP can draw on it.
		#[pallet::call_index(8)]
		#[pallet::weight(T::WeightInfo::request_withdrawal())]
		pub fn request_withdrawal(
			origin: OriginFor<T>,
			#[pallet::compact] amount: Money,
		) -> DispatchResult {
			let owner = ensure_signed(origin)?;
			Self::do_request_withdrawal(owner, amount)
		}

		/// Calls off the pending withdrawal.
		#[pallet::call_index(9)]
		#[pallet::weight(T::WeightInfo::cancel_withdrawal())]
		pub fn cancel_withdrawal(origin: OriginFor<T>) -> DispatchResult {
			let owner = ensure_signed(origin)?;
			Self::do_cancel_withdrawal(owner)
		}

		/// Pays out the pending withdrawal; a vault that is empty, by this or by trades, is closed and
		/// its deposit freed.
		#[pallet::call_index(10)]
		#[pallet::weight(T::WeightInfo::withdraw())]
		pub fn withdraw(origin: OriginFor<T>) -> DispatchResult {
			let owner = ensure_signed(origin)?;
			Self::do_withdraw(owner)
		}

		/// Makes a meter's signatures count no longer. By the account of its manufacturer's key.
		#[pallet::call_index(11)]
		#[pallet::weight(T::WeightInfo::revoke_meter())]
		pub fn revoke_meter(
			origin: OriginFor<T>,
			manufacturer: ManufacturerId,
			meter: MeterKey,
		) -> DispatchResult {
			let caller = ensure_signed(origin)?;
			Self::do_revoke_meter(caller, manufacturer, meter)
		}

		/// Registers an energy company.
		#[pallet::call_index(12)]
		#[pallet::weight(T::WeightInfo::add_company())]
		pub fn add_company(origin: OriginFor<T>, company: AccountId) -> DispatchResult {
			T::GoverningOrigin::ensure_origin(origin)?;
			Self::do_add_company(company)
		}

		/// Takes an energy company off the register; the accounts it opened stay.
		#[pallet::call_index(13)]
		#[pallet::weight(T::WeightInfo::remove_company())]
		pub fn remove_company(origin: OriginFor<T>, company: AccountId) -> DispatchResult {
			T::GoverningOrigin::ensure_origin(origin)?;
			Self::do_remove_company(company)
		}

		/// Registers a manufacturer of meters. A number is given once.
		#[pallet::call_index(14)]
		#[pallet::weight(T::WeightInfo::add_manufacturer())]
		pub fn add_manufacturer(
			origin: OriginFor<T>,
			id: ManufacturerId,
			key: MeterKey,
		) -> DispatchResult {
			T::GoverningOrigin::ensure_origin(origin)?;
			Self::do_add_manufacturer(id, key)
		}

		/// Makes a manufacturer's certificates count no longer for CTPs that enter from now on.
		#[pallet::call_index(15)]
		#[pallet::weight(T::WeightInfo::retire_manufacturer())]
		pub fn retire_manufacturer(origin: OriginFor<T>, id: ManufacturerId) -> DispatchResult {
			T::GoverningOrigin::ensure_origin(origin)?;
			Self::do_retire_manufacturer(id)
		}

		/// Commit To Pay: a bare call for the pool, which never runs in a block. The next author
		/// puts it into the CTP database.
		#[pallet::call_index(16)]
		#[pallet::weight(T::WeightInfo::seal(1))]
		pub fn commit_to_pay(
			origin: OriginFor<T>,
			_ctp: SignedCtp,
			_proof: MeterProof,
			_quote: Option<Quote>,
		) -> DispatchResult {
			ensure_none(origin)?;
			Err(Error::<T>::PoolOnly.into())
		}

		/// Energy Receipt Confirmation: a bare call for the pool, which never runs in a block. The
		/// next author settles the CTP that it confirms.
		#[pallet::call_index(17)]
		#[pallet::weight(T::WeightInfo::seal(1))]
		pub fn confirm_receipt(
			origin: OriginFor<T>,
			_erc: Erc,
			_proof: MeterProof,
		) -> DispatchResult {
			ensure_none(origin)?;
			Err(Error::<T>::PoolOnly.into())
		}

		/// The inherent that stores the settled CTPs of a block and names its database and sidecar
		/// in the header. Exactly once in every block.
		#[pallet::call_index(18)]
		#[pallet::weight((
			T::WeightInfo::seal(seal.settlements.len() as u32),
			DispatchClass::Mandatory,
		))]
		pub fn seal(origin: OriginFor<T>, seal: Seal<T::MaxSettlements>) -> DispatchResult {
			ensure_none(origin)?;
			Self::do_seal(&seal)
		}

		/// Lists a node as one of the backbone, under the hash of its peer id. The signature is by the
		/// node's network key (`spb_primitives::relay::node_payload`) and counts until block
		/// `valid_until`.
		#[pallet::call_index(19)]
		#[pallet::weight(T::WeightInfo::join_backbone())]
		pub fn join_backbone(
			origin: OriginFor<T>,
			peer: BoundedVec<u8, ConstU32<{ PEER_LENGTH as u32 }>>,
			address: BoundedVec<u8, ConstU32<MAX_ADDRESS>>,
			valid_until: BlockNumber,
			signature: MeterSignature,
		) -> DispatchResult {
			let owner = ensure_signed(origin)?;
			Self::do_join_backbone(owner, peer, address, valid_until, signature)
		}

		/// Gives the account's backbone node another RPC address.
		#[pallet::call_index(20)]
		#[pallet::weight(T::WeightInfo::update_backbone())]
		pub fn update_backbone(
			origin: OriginFor<T>,
			address: BoundedVec<u8, ConstU32<MAX_ADDRESS>>,
		) -> DispatchResult {
			let owner = ensure_signed(origin)?;
			Self::do_update_backbone(owner, address)
		}

		/// Takes the account's node out of the backbone and frees its deposit.
		#[pallet::call_index(21)]
		#[pallet::weight(T::WeightInfo::leave_backbone())]
		pub fn leave_backbone(origin: OriginFor<T>) -> DispatchResult {
			let owner = ensure_signed(origin)?;
			Self::do_leave_backbone(owner)
		}

		/// Lists a certified meter as one that certifies the trees of others. The signature is by the
		/// meter (`spb_primitives::relay::listing_payload`) and counts until block `valid_until`.
		#[pallet::call_index(22)]
		#[pallet::weight(T::WeightInfo::list_meter())]
		pub fn list_meter(
			origin: OriginFor<T>,
			key: MeterKey,
			manufacturer: ManufacturerId,
			certificate: MeterSignature,
			contact: ContactKey,
			valid_until: BlockNumber,
			signature: MeterSignature,
		) -> DispatchResult {
			let owner = ensure_signed(origin)?;
			Self::do_list_meter(
				owner,
				key,
				manufacturer,
				certificate,
				contact,
				valid_until,
				signature,
			)
		}

		/// Takes a meter off the list and frees its deposit. By who listed it; by anyone where its
		/// signatures count no longer.
		#[pallet::call_index(23)]
		#[pallet::weight(T::WeightInfo::unlist_meter())]
		pub fn unlist_meter(origin: OriginFor<T>, key: MeterKey) -> DispatchResult {
			let caller = ensure_signed(origin)?;
			Self::do_unlist_meter(caller, key)
		}
	}

	#[pallet::inherent]
	impl<T: Config> ProvideInherent for Pallet<T> {
		type Call = Call<T>;
		type Error = seal::InherentError;
		const INHERENT_IDENTIFIER: sp_inherents::InherentIdentifier = INHERENT_IDENTIFIER;

		fn create_inherent(data: &sp_inherents::InherentData) -> Option<Call<T>> {
			Self::seal_from(data).map(|seal| Call::seal { seal })
		}

		// The evidence is judged where the block is imported, which own blocks pass too; here only
		// that the seal is there. That it is there once, `on_finalize` and `do_seal` assert.
		fn is_inherent_required(
			_: &sp_inherents::InherentData,
		) -> Result<Option<Self::Error>, Self::Error> {
			Ok(Some(seal::InherentError::SealMissing))
		}

		fn is_inherent(call: &Call<T>) -> bool {
			matches!(call, Call::seal { .. })
		}
	}

	// Successor announced, but wallets can submit only bare extrinsics so far, which it leaves out.
	#[allow(deprecated)]
	#[pallet::validate_unsigned]
	impl<T: Config> ValidateUnsigned for Pallet<T> {
		type Call = Call<T>;

		fn validate_unsigned(source: TransactionSource, call: &Call<T>) -> TransactionValidity {
			Self::validate_message(source, call)
		}

		fn pre_dispatch(call: &Call<T>) -> Result<(), TransactionValidityError> {
			match call {
				Call::seal { .. } => Ok(()),
				_ => Err(InvalidTransaction::Future.into()),
			}
		}
	}

	impl<T: Config> From<Refusal> for Error<T> {
		fn from(_: Refusal) -> Self {
			Self::BadSettlement
		}
	}
}
